//! The house at play: sessions, wagers, their outcomes and payments, event by event.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io;

use super::Plan;
use super::books::{Books, System};
use super::dice::{Dice, Zipf};
use super::faults::{Deck, Fault, Incident};
use super::games::Game;
use super::outbox::{NO_INCIDENT, Outbox};
use super::wire::{
    CURRENCIES, Cast, Money, OutcomeLine, PLAIN_PROVIDER, PROVIDERS_NAMED, PaymentLine, Twist, WagerLine,
};

/// Players of a scripted evening by name, the keenest first; the last seven are newcomers.
const NAMES: &[&str] = &[
    "anna", "minjun", "bilal", "chiara", "seoyeon", "dieter", "elif", "fahad", "greta", "hyunwoo", "ilse",
    "jakub", "karim", "lena", "marek", "nadia", "olga", "pavel", "jiwoo", "rosa", "stefan", "tuomas", "ulla",
    "victor", "wanda", "dohyun", "yusuf", "zoe", "agnes", "bruno", "celine", "dana", "emil", "frida",
    "gustav", "haneul", "ivan", "jonas", "katja", "lars", "maria", "nils", "omar", "petra", "quentin",
    "rafael", "sara", "theo", "uwe", "vera", "willem", "xenia", "yuna", "zeki", "robin", "lucille", "carl",
    "gus", "ned", "gwen", "nora",
];

/// Wagers remembered for batches that are sent again.
const REMEMBERED: usize = 24;

/// A wager as it will be played.
#[derive(Clone, Copy, Debug)]
pub struct Ticket {
    /// Number of the wager.
    pub id: u64,
    /// Index of the player.
    pub player: usize,
    /// Index of the game.
    pub game: usize,
    /// Minor units.
    pub stake: i64,
    /// Minor units that it pays.
    pub payout: i64,
    /// When it is placed.
    pub at_ms: u64,
    /// When its round ends.
    pub due_ms: u64,
    /// Not paid for by the player.
    pub free_round: bool,
}

/// A movement on a player's account that is still to come.
#[derive(Clone, Copy, Debug)]
pub struct Movement {
    /// Index of the player.
    pub player: usize,
    /// Minor units to the player.
    pub delta: i64,
    /// The other side.
    pub against: System,
    /// An entry and its reverse in one.
    pub reversed: bool,
}

#[derive(Clone, Copy)]
enum Event {
    /// A plain house takes its next wager.
    Plain,
    /// A session places its next wager.
    Play(u32),
    /// A wager that was planned, for an incident.
    Place(Ticket, u32),
    /// A round ends.
    Settle(Ticket),
    /// Money moves; its records are on their way already.
    Move(Movement),
    /// A plain house sees a settle of no wager.
    Orphan(u64),
}

/// What is to happen, soonest first; of one moment, what was planned first. The heap moves only small keys.
#[derive(Default)]
struct Agenda {
    due: BinaryHeap<Reverse<(u64, u64, u32)>>,
    events: Vec<Event>,
    free: Vec<u32>,
    planned: u64,
}

impl Agenda {
    fn plan(&mut self, at_ms: u64, event: Event) {
        let slot = match self.free.pop() {
            Some(slot) => {
                self.events[slot as usize] = event;
                slot
            }
            None => {
                self.events.push(event);
                self.events.len() as u32 - 1
            }
        };
        self.planned += 1;
        self.due.push(Reverse((at_ms, self.planned, slot)));
    }

    fn next(&mut self) -> Option<(u64, Event)> {
        let Reverse((at_ms, _, slot)) = self.due.pop()?;
        self.free.push(slot);
        Some((at_ms, self.events[slot as usize]))
    }
}

/// A player at play.
#[derive(Clone, Copy)]
struct Session {
    player: usize,
    game: usize,
    /// Wagers until the player leaves.
    left: u64,
}

/// The house, its players and what is on its way.
pub struct House<'p> {
    pub(super) plan: &'p Plan,
    pub(super) dice: Dice,
    pub(super) cast: Cast,
    pub(super) books: Books,
    /// Wagers, outcomes, payments.
    pub(super) boxes: [Outbox; 3],
    pub(super) now_ms: u64,
    pub(super) incidents: Vec<Incident>,
    pub(super) deck: Deck,
    pub(super) remembered: VecDeque<WagerLine>,
    /// Wagers still to be given a number.
    pub(super) unplaced: u64,
    agenda: Agenda,
    ids: u64,
    payment_ids: u64,
    players: Zipf,
    games: Zipf,
    playing: Vec<bool>,
    sessions: Vec<Session>,
    /// Typical stake of each player, minor units.
    stakes: Vec<i64>,
    end_ms: u64,
    /// Of a plain house: wagers that will not be settled, deposits not made.
    unsettled: u64,
    deposits: u64,
}

/// What the house leaves when it closes.
pub struct Played {
    pub(super) cast: Cast,
    pub(super) books: Books,
    pub(super) boxes: [Outbox; 3],
    pub(super) incidents: Vec<Incident>,
    pub(super) deck: Deck,
}

impl<'p> House<'p> {
    /// A house with its games and players, before the first of them comes.
    pub fn open(plan: &'p Plan) -> io::Result<Self> {
        let mut dice = Dice::new(plan.seed);
        let span_ms = (plan.hours * 3_600_000.0) as u64;
        let file = |name: &str| Outbox::create(&plan.output.join(name));
        let mut house = Self {
            plan,
            players: Zipf::new(plan.accounts as usize, plan.account_skew),
            games: Zipf::new(plan.games as usize, plan.game_skew),
            deck: Deck::new(plan, &mut dice),
            dice,
            cast: Cast {
                games: Vec::new(),
                currencies: Vec::new(),
                names: if plan.scripted { NAMES } else { &[] },
                plain: plan.plain,
            },
            books: Books::new(),
            boxes: [file("wagers.jsonl")?, file("outcomes.jsonl")?, file("payments.jsonl")?],
            now_ms: plan.start_ms,
            incidents: Vec::new(),
            remembered: VecDeque::new(),
            unplaced: plan.wagers,
            agenda: Agenda::default(),
            ids: 0,
            payment_ids: 0,
            playing: Vec::new(),
            sessions: Vec::new(),
            stakes: Vec::new(),
            end_ms: plan.start_ms + span_ms,
            unsettled: plan.unsettled,
            deposits: plan.payments,
        };
        for index in 0..plan.games as usize {
            let mut game = Game::new(index, PROVIDERS_NAMED, plan.start_ms + span_ms / 2, &mut house.dice);
            if plan.plain {
                game.provider = PLAIN_PROVIDER;
            }
            house.open_game(game);
        }
        for _ in 0..plan.accounts {
            let currency = match house.dice.below(100) {
                0..80 => 0,
                80..88 => 1,
                88..94 => 2,
                _ => 3,
            };
            house.welcome(if plan.plain { 0 } else { currency });
        }
        Ok(house)
    }

    /// Adds a game.
    pub(super) fn open_game(&mut self, game: Game) -> usize {
        self.cast.games.push(game);
        self.books.returns.push(Default::default());
        self.cast.games.len() - 1
    }

    /// Adds a player who holds the currency at this index.
    pub(super) fn welcome(&mut self, currency: u8) -> usize {
        let factor = self.dice.pick(&[1, 1, 1, 2, 2, 5, 10]);
        self.cast.currencies.push(currency);
        self.stakes.push(CURRENCIES[usize::from(currency)].stake * factor);
        self.books.ledgers.push(Default::default());
        self.playing.push(false);
        self.stakes.len() - 1
    }

    /// Plays until the last wager's last record is written.
    pub fn play(mut self, progress: &mut dyn FnMut(u64)) -> io::Result<Played> {
        self.first_events();
        let mut events = 0u64;
        while let Some((at_ms, event)) = self.agenda.next() {
            self.now_ms = at_ms;
            for out in &mut self.boxes {
                out.release(at_ms)?;
            }
            match event {
                Event::Plain => self.plain_wager(),
                Event::Play(session) => self.session_wager(session),
                Event::Place(ticket, incident) => self.ordinary(ticket, incident),
                Event::Settle(ticket) => self.settle(&ticket),
                Event::Move(movement) => self.move_now(movement),
                Event::Orphan(left) => self.plain_orphan(left),
            }
            events += 1;
            if events.is_multiple_of(1 << 14) {
                progress(self.plan.wagers - self.unplaced);
            }
        }
        self.late_deposits();
        for out in &mut self.boxes {
            out.finish()?;
        }
        progress(self.plan.wagers - self.unplaced);
        let Self { cast, books, boxes, incidents, deck, .. } = self;
        Ok(Played { cast, books, boxes, incidents, deck })
    }

    fn first_events(&mut self) {
        if self.plan.plain {
            self.later(self.plan.start_ms, Event::Plain);
            if self.plan.orphans > 0 {
                self.later(self.plan.start_ms, Event::Orphan(self.plan.orphans));
            }
            return;
        }
        // As many at play that each wagers about every fifteen seconds, but never all players at once.
        let every_ms = (self.end_ms - self.plan.start_ms) as f64 / self.plan.wagers as f64;
        let sessions = (15_000.0 / every_ms).round().clamp(1.0, (self.plan.accounts as f64 / 2.0).max(1.0));
        for session in 0..sessions as u32 {
            self.sessions.push(Session { player: 0, game: 0, left: 0 });
            let at_ms = self.plan.start_ms + self.dice.below(10_000);
            self.later(at_ms, Event::Play(session));
        }
    }

    fn later(&mut self, at_ms: u64, event: Event) {
        self.agenda.plan(at_ms.max(self.now_ms), event);
    }

    // --- sessions

    /// A session's turn: log in, top up, wager, or leave.
    fn session_wager(&mut self, index: u32) {
        if self.unplaced == 0 {
            return;
        }
        let mut session = self.sessions[index as usize];
        if session.left == 0 {
            session = self.log_in();
            self.sessions[index as usize] = session;
            let at_ms = self.now_ms + self.dice.between(1_000, 4_000);
            return self.later(at_ms, Event::Play(index));
        }
        let Some(ticket) = self.ticket(session.player, session.game) else {
            // Not enough left: a deposit, or good night.
            if self.dice.chance(0.7) {
                self.deposit(session.player);
                let at_ms = self.now_ms + self.dice.between(2_000, 20_000);
                return self.later(at_ms, Event::Play(index));
            }
            self.log_out(index);
            return self.later(self.now_ms + 1, Event::Play(index));
        };
        session.left -= 1;
        if self.dice.chance(0.02) {
            session.game = self.games.draw(&mut self.dice);
        }
        self.sessions[index as usize] = session;
        if session.left == 0 {
            self.log_out(index);
        }
        let pace = self.pace();
        self.later(self.now_ms + pace, Event::Play(index));
        match self.deck.turn(self.plan, self.unplaced, &mut self.dice) {
            Some(fault) => self.go_wrong(fault, ticket),
            None => self.ordinary(ticket, NO_INCIDENT),
        }
    }

    /// Milliseconds to a session's next wager, so that play ends when it should.
    fn pace(&mut self) -> u64 {
        let left_ms = self.end_ms.saturating_sub(self.now_ms) * self.sessions.len() as u64;
        let mean = left_ms / self.unplaced.max(1);
        let nominal = (self.end_ms - self.plan.start_ms) * self.sessions.len() as u64 / self.plan.wagers;
        let mean = mean.clamp(nominal / 2, nominal * 2).max(2);
        self.dice.between(mean * 3 / 10, mean * 17 / 10)
    }

    fn log_in(&mut self) -> Session {
        let mut player = self.players.draw(&mut self.dice);
        for _ in 0..8 {
            if !self.playing[player] {
                break;
            }
            player = self.players.draw(&mut self.dice);
        }
        let accounts = self.plan.accounts as usize;
        while self.playing[player] {
            player = (player + 1) % accounts;
        }
        self.playing[player] = true;
        if self.books.ledgers[player].balance < self.stakes[player] * 20 {
            self.deposit(player);
        }
        // Most runs are short, some last.
        let left = self.dice.between(5, 40) + if self.dice.chance(0.2) { self.dice.below(120) } else { 0 };
        Session { player, game: self.games.draw(&mut self.dice), left }
    }

    fn log_out(&mut self, index: u32) {
        let Session { player, .. } = self.sessions[index as usize];
        self.playing[player] = false;
        self.sessions[index as usize].left = 0;
        let (balance, stake) = (self.books.ledgers[player].balance, self.stakes[player]);
        if balance > stake * 150 && self.dice.chance(0.5) {
            let amount = balance / 2 / stake * stake;
            self.pay(player, "withdrawal", amount);
        } else if self.dice.chance(0.01) {
            let sign = if self.dice.chance(0.3) && balance > stake { -1 } else { 1 };
            self.pay(player, "adjustment", sign * stake / 2);
        }
    }

    fn deposit(&mut self, player: usize) {
        let amount = self.stakes[player] * self.dice.pick(&[50, 50, 100, 100, 200]);
        self.pay(player, "deposit", amount);
    }

    // --- wagers

    /// Gives the next wager its number; `None` where the player cannot pay for it.
    fn ticket(&mut self, player: usize, game: usize) -> Option<Ticket> {
        let stake = self.stakes[player] / 5 * self.dice.between(3, 8) as i64;
        let free_round = self.dice.chance(0.008);
        if !free_round && self.books.ledgers[player].balance < stake {
            return None;
        }
        Some(self.draw_ticket(player, game, stake, free_round, self.now_ms))
    }

    /// The next wager, drawn: how long its round lasts and what it pays. A free round of stake zero pays for the
    /// player's typical stake.
    pub(super) fn draw_ticket(
        &mut self,
        player: usize,
        game: usize,
        stake: i64,
        free_round: bool,
        at_ms: u64,
    ) -> Ticket {
        self.unplaced = self.unplaced.saturating_sub(1);
        self.ids += 1;
        let played = &self.cast.games[game];
        let lasts_ms = if self.plan.plain {
            self.dice.below(30_001)
        } else {
            self.dice.between(played.lasts_ms.0, played.lasts_ms.1)
        };
        let tenths = played.terms_at(at_ms).draw(&mut self.dice);
        Ticket {
            id: self.ids,
            player,
            game,
            stake: if free_round { 0 } else { stake },
            payout: stake / 10 * i64::from(tenths),
            at_ms,
            due_ms: at_ms + lasts_ms,
            free_round,
        }
    }

    /// A number that no wager has.
    pub(super) fn lost_id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    /// A wager's usual life: placed, and settled when its round ends; now and then called off, or paid in two parts.
    pub(super) fn ordinary(&mut self, ticket: Ticket, incident: u32) {
        let line = self.place(&ticket, incident);
        if self.plan.plain {
            self.settled(&ticket, ticket.payout);
            return self.later(ticket.due_ms, Event::Settle(ticket));
        }
        self.remember(line);
        match self.dice.below(500) {
            0 => self.call_off(&ticket),
            1..5 => self.pay_in_parts(&ticket),
            _ => {
                self.settled(&ticket, ticket.payout);
                self.later(ticket.due_ms, Event::Settle(ticket));
            }
        }
    }

    fn remember(&mut self, line: WagerLine) {
        if self.remembered.len() == REMEMBERED {
            self.remembered.pop_front();
        }
        self.remembered.push_back(line);
    }

    fn call_off(&mut self, ticket: &Ticket) {
        let cancel = self.cancel(ticket, ticket.at_ms + 300);
        self.send_outcome(&cancel, NO_INCIDENT);
        self.cancelled(ticket, cancel.at_ms);
    }

    fn pay_in_parts(&mut self, ticket: &Ticket) {
        let bonus = ticket.payout / 3;
        let mut base = self.settle_line(ticket, ticket.due_ms, ticket.payout - bonus);
        base.part = Some("base");
        let mut feature = self.settle_line(ticket, ticket.due_ms + 900, bonus);
        feature.part = Some("feature");
        for part in [base, feature] {
            self.send_outcome(&part, NO_INCIDENT);
            self.pay_out(ticket, part.at_ms, part.payout.unwrap_or(0));
        }
        self.settled(ticket, ticket.payout);
    }

    /// Places a wager now: books its stake and sends its record.
    pub(super) fn place(&mut self, ticket: &Ticket, incident: u32) -> WagerLine {
        let mut line = self.wager_line(ticket);
        self.book_stake(ticket, None);
        // A quarter of the providers' records say what they think the balance is.
        if !self.plan.plain && ticket.id.is_multiple_of(4) {
            let ours = self.books.ledgers[ticket.player].balance;
            if ticket.stake == 0 {
                self.claim(ticket.player, ours);
            }
            line.claim = Some(ours);
        }
        self.send_wager(&line, incident);
        line
    }

    /// A right claim that goes with no movement.
    fn claim(&mut self, player: usize, ours: i64) {
        let currency = self.cast.currencies[player];
        self.books.book(player, currency, self.now_ms, 0, System::House, Some(ours));
    }

    /// Books a stake now, with what the provider says the balance is after it.
    pub(super) fn book_stake(&mut self, ticket: &Ticket, claim: Option<i64>) {
        let currency = self.cast.currencies[ticket.player];
        self.books.book(ticket.player, currency, ticket.at_ms, -ticket.stake, System::House, claim);
        self.books.ledgers[ticket.player].wagered(ticket.at_ms);
    }

    /// The round ends as it should: the payout is booked and sent.
    fn settle(&mut self, ticket: &Ticket) {
        let mut line = self.settle_line(ticket, ticket.due_ms, ticket.payout);
        let claims = !self.plan.plain && ticket.id % 4 == 2;
        let ours = self.books.ledgers[ticket.player].balance + ticket.payout;
        line.claim = claims.then_some(ours);
        let currency = self.cast.currencies[ticket.player];
        self.books.book(ticket.player, currency, ticket.due_ms, ticket.payout, System::House, line.claim);
        if !self.plan.plain {
            self.echo(&mut line, ticket);
        }
        self.send_outcome(&line, NO_INCIDENT);
    }

    /// What providers repeat of a wager, more or less of it.
    fn echo(&self, line: &mut OutcomeLine, ticket: &Ticket) {
        if ticket.id.is_multiple_of(3) {
            line.echo_player = Some(ticket.player);
            line.echo_game = Some(ticket.game);
        }
        if ticket.id.is_multiple_of(5) {
            line.echo_stake = Some(ticket.stake);
        }
        if ticket.id % 2 == 1 {
            line.known_ms = Some(ticket.due_ms - (ticket.due_ms - ticket.at_ms) / 4);
        }
    }

    // --- what faults are made of

    /// The line of a wager.
    pub(super) fn wager_line(&self, ticket: &Ticket) -> WagerLine {
        let Ticket { id, player, game, stake, at_ms, free_round, .. } = *ticket;
        WagerLine { id, player, game, stake, at_ms, revision: 0, free_round, claim: None, twist: Twist::None }
    }

    /// The line of a settle.
    pub(super) fn settle_line(&self, ticket: &Ticket, at_ms: u64, payout: i64) -> OutcomeLine {
        OutcomeLine {
            id: ticket.id,
            part: None,
            kind: "settle",
            player: ticket.player,
            game: ticket.game,
            payout: Some(payout),
            currency: self.money(ticket.player),
            at_ms,
            revision: 0,
            echo_player: None,
            echo_game: None,
            echo_stake: None,
            known_ms: None,
            claim: None,
            twist: Twist::None,
        }
    }

    /// The line of a cancel.
    pub(super) fn cancel(&self, ticket: &Ticket, at_ms: u64) -> OutcomeLine {
        OutcomeLine { kind: "cancel", payout: None, ..self.settle_line(ticket, at_ms, 0) }
    }

    /// The line of an unsettle of this revision.
    pub(super) fn unsettle(&self, ticket: &Ticket, at_ms: u64, revision: u32) -> OutcomeLine {
        OutcomeLine { kind: "unsettle", payout: None, revision, ..self.settle_line(ticket, at_ms, 0) }
    }

    /// The currency of a player.
    pub(super) fn money(&self, player: usize) -> Money {
        self.cast.money(player)
    }

    /// A player's typical stake, minor units.
    pub(super) fn typical(&self, player: usize) -> i64 {
        self.stakes[player]
    }

    /// The wager ends settled.
    pub(super) fn settled(&mut self, ticket: &Ticket, payout: i64) {
        self.books.settled += 1;
        if !ticket.free_round {
            let currency = usize::from(self.cast.currencies[ticket.player]);
            let terms = self.cast.games[ticket.game].terms_at(ticket.at_ms);
            self.books.returns[ticket.game][currency].settle(ticket.stake, payout, terms);
        }
    }

    /// The wager ends cancelled: its stake goes back at `at_ms`.
    pub(super) fn cancelled(&mut self, ticket: &Ticket, at_ms: u64) {
        self.books.cancelled += 1;
        self.pay_out(ticket, at_ms, ticket.stake);
    }

    /// The wager stays open, and is missed when its outcome is due.
    pub(super) fn left_open(&mut self, ticket: &Ticket) {
        self.books.open += 1;
        if !ticket.free_round {
            let currency = usize::from(self.cast.currencies[ticket.player]);
            self.books.returns[ticket.game][currency].open(ticket.stake);
        }
        let provider = self.cast.provider(ticket.game);
        self.books.reject("wagers", provider, Some(format!("w{}", ticket.id)), "outcome_missing");
    }

    /// Books a payout (or a stake's return) when its time comes.
    pub(super) fn pay_out(&mut self, ticket: &Ticket, at_ms: u64, amount: i64) {
        self.move_later(
            at_ms,
            Movement { player: ticket.player, delta: amount, against: System::House, reversed: false },
        );
    }

    /// Books a movement when its time comes.
    pub(super) fn move_later(&mut self, at_ms: u64, movement: Movement) {
        self.later(at_ms, Event::Move(movement));
    }

    fn move_now(&mut self, movement: Movement) {
        let Movement { player, delta, against, reversed } = movement;
        let currency = self.cast.currencies[player];
        if reversed {
            self.books.book_reversed(player, currency, self.now_ms, against);
        } else {
            self.books.book(player, currency, self.now_ms, delta, against, None);
        }
    }

    /// Plays a ticket of a later time when its time comes.
    pub(super) fn place_later(&mut self, ticket: Ticket, incident: u32) {
        self.later(ticket.at_ms, Event::Place(ticket, incident));
    }

    /// Pays now: books and sends a payment. Withdrawals and deposits are positive amounts.
    pub(super) fn pay(&mut self, player: usize, kind: &'static str, amount: i64) -> PaymentLine {
        let mut line = self.payment_line(player, kind, amount, self.now_ms);
        let (delta, against) = match kind {
            "withdrawal" => (-amount, System::Cashier),
            "adjustment" => (amount, System::Adjustments),
            _ => (amount, System::Cashier),
        };
        let currency = self.cast.currencies[player];
        let claims = !self.plan.plain && line.id % 4 == 2;
        line.claim = claims.then_some(self.books.ledgers[player].balance + delta);
        self.books.book(player, currency, self.now_ms, delta, against, line.claim);
        self.send_payment(&line, NO_INCIDENT);
        line
    }

    /// The line of a new payment.
    pub(super) fn payment_line(
        &mut self,
        player: usize,
        kind: &'static str,
        amount: i64,
        at_ms: u64,
    ) -> PaymentLine {
        self.payment_ids += 1;
        let id = self.payment_ids;
        PaymentLine {
            id,
            player,
            kind,
            amount,
            at_ms,
            revision: 0,
            status: None,
            claim: None,
            twist: Twist::None,
        }
    }

    // --- sending

    /// When a record of `at_ms` arrives: soon, seldom up to two seconds later, never before now.
    pub(super) fn arrival(&mut self, at_ms: u64) -> u64 {
        let delay_ms = if self.plan.plain || self.dice.chance(0.2) {
            self.dice.below(2_001)
        } else {
            self.dice.between(10, 200)
        };
        at_ms.max(self.now_ms) + delay_ms
    }

    /// Sends a wager so that it arrives as records do.
    pub(super) fn send_wager(&mut self, line: &WagerLine, incident: u32) {
        let arrival_ms = self.arrival(line.at_ms);
        self.send_wager_at(line, arrival_ms, incident);
    }

    /// Sends a wager so that it arrives then.
    pub(super) fn send_wager_at(&mut self, line: &WagerLine, arrival_ms: u64, incident: u32) {
        let received_ms = (!self.plan.plain).then_some(arrival_ms);
        self.cast.wager(self.boxes[0].line(arrival_ms, incident), line, received_ms);
    }

    /// Sends an outcome so that it arrives as records do.
    pub(super) fn send_outcome(&mut self, line: &OutcomeLine, incident: u32) {
        let arrival_ms = self.arrival(line.at_ms);
        self.send_outcome_at(line, arrival_ms, incident);
    }

    /// Sends an outcome so that it arrives then.
    pub(super) fn send_outcome_at(&mut self, line: &OutcomeLine, arrival_ms: u64, incident: u32) {
        let received_ms = (!self.plan.plain).then_some(arrival_ms);
        self.cast.outcome(self.boxes[1].line(arrival_ms, incident), line, received_ms);
    }

    /// Sends a payment so that it arrives as records do.
    pub(super) fn send_payment(&mut self, line: &PaymentLine, incident: u32) {
        let arrival_ms = self.arrival(line.at_ms);
        let received_ms = (!self.plan.plain).then_some(arrival_ms);
        self.cast.payment(self.boxes[2].line(arrival_ms, incident), line, received_ms);
    }

    /// Sends these bytes as a line of the file at this index.
    pub(super) fn send_raw(&mut self, file: usize, bytes: &[u8], arrival_ms: u64, incident: u32) {
        self.boxes[file].line(arrival_ms, incident).extend_from_slice(bytes);
    }

    // --- the plain house

    fn plain_wager(&mut self) {
        let placed = self.plan.wagers - self.unplaced;
        let player = self.players.draw(&mut self.dice);
        let game = self.games.draw(&mut self.dice);
        let stake = self.stakes[player] / 5 * self.dice.between(3, 8) as i64;
        if !self.books.ledgers[player].touched && self.deposits > 0 {
            self.deposits -= 1;
            self.plain_deposit(player);
        }
        let ticket = self.draw_ticket(player, game, stake, false, self.now_ms);
        // Exactly as many unsettled as planned, each wager as likely as another (selection sampling).
        if self.dice.below(self.unplaced + 1) < self.unsettled {
            self.unsettled -= 1;
            self.place(&ticket, NO_INCIDENT);
            self.left_open(&ticket);
        } else {
            self.ordinary(ticket, NO_INCIDENT);
        }
        if self.unplaced > 0 {
            let next = self.plain_time(placed + 1, self.plan.wagers);
            self.later(next, Event::Plain);
        }
    }

    /// When the `index`th of `count` events takes place: a random moment of its own share of the time.
    fn plain_time(&mut self, index: u64, count: u64) -> u64 {
        let span_ms = u128::from(self.end_ms - self.plan.start_ms);
        let slot = |index: u64| (span_ms * u128::from(index) / u128::from(count)) as u64;
        self.plan.start_ms + slot(index) + self.dice.below(slot(index + 1) - slot(index) + 1)
    }

    fn plain_orphan(&mut self, left: u64) {
        let game = self.games.draw(&mut self.dice);
        let player = self.players.draw(&mut self.dice);
        let ticket = Ticket {
            id: self.lost_id(),
            player,
            game,
            stake: 0,
            payout: 0,
            at_ms: self.now_ms,
            due_ms: self.now_ms,
            free_round: false,
        };
        let payout = self.stakes[player] * self.dice.between(0, 9) as i64;
        let line = self.settle_line(&ticket, self.now_ms, payout);
        self.send_outcome(&line, NO_INCIDENT);
        self.books.reject("outcomes", "-", Some(format!("w{}", ticket.id)), "outcome_without_wager");
        if left > 1 {
            let next = self.plain_time(self.plan.orphans - left + 1, self.plan.orphans);
            self.later(next, Event::Orphan(left - 1));
        }
    }

    /// A deposit that most likely lasts: what Zipf makes a player wager, and some more.
    fn plain_deposit(&mut self, player: usize) {
        let stake = self.stakes[player];
        let expected = self.plan.wagers as f64 / (self.plan.accounts as f64).max(1.0);
        let amount = stake * 200 + (expected as i64) * stake / (player as i64 / 100 + 1);
        self.pay(player, "deposit", amount);
    }

    /// Deposits that were planned and not made: of players who never came, then of anyone again.
    fn late_deposits(&mut self) {
        let mut player = 0;
        while self.plan.plain && self.deposits > 0 {
            let accounts = self.plan.accounts as usize;
            while player < accounts && self.books.ledgers[player].touched {
                player += 1;
            }
            let payer = if player < accounts { player } else { self.players.draw(&mut self.dice) };
            self.deposits -= 1;
            self.plain_deposit(payer);
        }
    }
}

/// Which fault is next; see [`Deck::turn`].
impl Deck {
    /// Whether the wager just drawn goes wrong, and how.
    fn turn(&mut self, plan: &Plan, unplaced: u64, dice: &mut Dice) -> Option<Fault> {
        let wrong = if plan.scripted {
            self.scripted(plan, plan.wagers - unplaced)
        } else {
            plan.faults > 0.0 && dice.chance(plan.faults)
        };
        if wrong { Some(self.deal(plan, unplaced, dice)) } else { None }
    }
}
