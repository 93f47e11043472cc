//! The house at play: sessions, wagers, their outcomes and payments, event by event.

use std::collections::VecDeque;
use std::io;

use self::agenda::{Agenda, Event};
use super::Plan;
use super::books::{Books, System};
use super::dice::{Dice, Zipf};
use super::faults::{Deck, Desk, Incident, Tale};
use super::games::Game;
use super::outbox::Outbox;
use super::wire::{CURRENCIES, Cast, PLAIN_PROVIDER, PROVIDERS_NAMED, WagerLine};

mod agenda;
mod pieces;
mod plain;
mod sending;
mod sessions;
mod wagers;

/// Players of a scripted evening by name, the keenest first; then those of tales, and at last seven newcomers.
const NAMES: &[&str] = &[
    "anna", "minjun", "bilal", "chiara", "seoyeon", "dieter", "elif", "fahad", "greta", "hyunwoo", "ilse",
    "jakub", "karim", "lena", "marek", "nadia", "olga", "pavel", "jiwoo", "rosa", "stefan", "tuomas", "ulla",
    "victor", "wanda", "dohyun", "yusuf", "zoe", "agnes", "bruno", "celine", "dana", "emil", "frida",
    "gustav", "haneul", "ivan", "jonas", "katja", "lars", "maria", "nils", "omar", "petra", "quentin",
    "rafael", "sara", "theo", "uwe", "vera", "willem", "xenia", "yuna", "zeki", "bo", "cleo", "fay", "hugo",
    "nele", "oskar", "paula", "ravi", "sina", "sven", "tilda", "timo", "robin", "lucille", "carl", "gus",
    "ned", "gwen", "nora",
];

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
    /// Of a scripted evening: chance of its tales, which leaves all else as it would be; and what is decided.
    pub(super) aside: Dice,
    pub(super) desk: Desk,
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
    /// Of a plain house: wagers that will not be settled, deposits not made, and those made beyond one of each player.
    unsettled: u64,
    deposits: u64,
    topped_up: u64,
}

/// What the house leaves when it closes.
pub struct Played {
    pub(super) cast: Cast,
    pub(super) books: Books,
    pub(super) boxes: [Outbox; 3],
    pub(super) incidents: Vec<Incident>,
    pub(super) deck: Deck,
    pub(super) desk: Desk,
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
            aside: Dice::new(plan.seed ^ 0x7a1e),
            desk: Desk::default(),
            dice,
            cast: Cast {
                games: Vec::new(),
                currencies: Vec::new(),
                names: if plan.scripted { NAMES } else { &[] },
                plain: plan.plain,
                shared: Vec::new(),
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
            topped_up: 0,
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
        if plan.scripted {
            house.welcome_told();
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
        self.admit(currency, factor)
    }

    /// Adds a player who stakes so many times what is usual.
    pub(super) fn admit(&mut self, currency: u8, factor: i64) -> usize {
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
            self.happens(at_ms, event)?;
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
        let Self { cast, books, boxes, incidents, deck, desk, .. } = self;
        Ok(Played { cast, books, boxes, incidents, deck, desk })
    }

    /// Something happens; what arrives before it is written.
    fn happens(&mut self, at_ms: u64, event: Event) -> io::Result<()> {
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
            Event::Tale(tale) => self.tale(tale),
        }
        Ok(())
    }

    /// Plays what happens until `now_ms`, and writes what has arrived by then; `false` where nothing will happen any more.
    pub(super) fn play_until(&mut self, now_ms: u64) -> io::Result<bool> {
        while self.agenda.next_ms().is_some_and(|at_ms| at_ms <= now_ms) {
            if let Some((at_ms, event)) = self.agenda.next() {
                self.happens(at_ms, event)?;
            }
        }
        for out in &mut self.boxes {
            out.release(now_ms)?;
            out.flush()?;
        }
        Ok(self.agenda.next_ms().is_some())
    }

    /// Lets readers have everything that has arrived.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.boxes.iter_mut().try_for_each(Outbox::flush)
    }

    pub(super) fn first_events(&mut self) {
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
        for tale in Tale::ALL.iter().filter(|_| self.plan.scripted) {
            self.later(self.plan.start_ms + tale.after_ms(), Event::Tale(*tale));
        }
    }

    fn later(&mut self, at_ms: u64, event: Event) {
        self.agenda.plan(at_ms.max(self.now_ms), event);
    }
}
