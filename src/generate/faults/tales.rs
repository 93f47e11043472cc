//! What a scripted evening tells beside its mishaps: who is linked to whom, what people decide, what providers answer.
//!
//! Each tale has players of its own, and chance of its own: without the tales the evening would be the same.

use super::{HOUR, Incident, MINUTE, SECOND, stories};
use crate::generate::books::System;
use crate::generate::games::Game;
use crate::generate::play::{House, Movement, Ticket};

mod answers;
mod decisions;
mod desk;
mod suspects;

pub use self::desk::Desk;

stories! {
    /// What is told once, at its time.
    Tale:
    CreepingGame "creeping_game" shows ["slow_drift"] "A game pays a little too much in every hour, and in none so much that it stood out.";
    SharedCard "shared_card" shows ["linked_accounts"] "Two players pay with one card.";
    BothSides "both_sides" shows ["opposite_betting"] "In three rounds of roulette one of the two wins what the other loses.";
    PassedThrough "passed_through" shows ["deposit_then_withdraw"] "Money is deposited, hardly played with, and withdrawn.";
    Structured "structured" shows ["structuring"] "Four deposits, each far below the limit, come to more.";
    LuckyStreak "lucky_streak" shows ["improbable_wins"] "A player wins every third time, fiftyfold.";
    Discarded "discarded" shows [] "A wager comes again with another stake, and a command discards the second.";
    Amended "amended" shows [] "A settle repeats another stake, and a command amends it.";
    HeldAndReleased "held_and_released" shows [] "A player's payouts are held, and released twenty minutes later.";
    Held "held" shows [] "The payouts of the lucky player are held, and stay so.";
    Mistyped "mistyped" shows ["unknown_target"] "A command names a record that nobody sent.";
    AskedAndMended "asked_and_mended" shows [] "Two settles pay differently; asked again, the provider sends a revision that decides.";
    AskedAndFound "asked_and_found" shows [] "A round never ends; asked for it, the provider sends its outcome.";
    AskedInVain "asked_in_vain" shows ["outcome_missing"] "A round never ends; asked three times, the provider stays silent.";
}

/// Players of tales, in the order in which they were welcomed.
const PLAYERS: usize = 12;
const BO: usize = 0;
const CLEO: usize = 1;
const FAY: usize = 2;
const HUGO: usize = 3;
const NELE: usize = 4;
const OSKAR: usize = 5;
const PAULA: usize = 6;
const RAVI: usize = 7;
const SINA: usize = 8;
const SVEN: usize = 9;
const TILDA: usize = 10;
const TIMO: usize = 11;

/// The first game of every house: slots.
const SLOTS: usize = 0;

/// Cents.
const EURO: i64 = 100;

impl Tale {
    /// How long after play began it is told.
    pub fn after_ms(self) -> u64 {
        let minutes = match self {
            Self::CreepingGame => 10,
            Self::SharedCard => 31,
            Self::BothSides => 34,
            Self::PassedThrough => 47,
            Self::Structured => 65,
            Self::LuckyStreak => 80,
            Self::Discarded => 100,
            Self::Amended => 111,
            Self::HeldAndReleased => 130,
            Self::Held => 141,
            Self::Mistyped => 161,
            Self::AskedAndMended => 171,
            Self::AskedAndFound => 181,
            Self::AskedInVain => 191,
        };
        minutes * MINUTE
    }
}

impl House<'_> {
    /// Welcomes the players of tales, who hold euros, and opens the game of one.
    pub fn welcome_told(&mut self) {
        for _ in 0..PLAYERS {
            self.admit(0, 1);
        }
        let (bo, cleo) = (self.told(BO), self.told(CLEO));
        self.cast.shared.push((cleo, bo));
        self.open_game(Game::slots("creeping-reels".into(), 0));
    }

    /// Tells a tale, by dice of its own.
    pub fn tale(&mut self, tale: Tale) {
        std::mem::swap(&mut self.dice, &mut self.aside);
        match tale {
            Tale::CreepingGame => self.creeping_game(tale),
            Tale::SharedCard => self.shared_card(tale),
            Tale::BothSides => self.both_sides(tale),
            Tale::PassedThrough => self.passed_through(tale),
            Tale::Structured => self.structured(tale),
            Tale::LuckyStreak => self.lucky_streak(tale),
            Tale::Discarded => self.discarded(tale),
            Tale::Amended => self.amended(tale),
            Tale::HeldAndReleased => self.held_and_released(tale),
            Tale::Held => self.held(tale),
            Tale::Mistyped => self.mistyped(tale),
            Tale::AskedAndMended => self.asked_and_mended(tale),
            Tale::AskedAndFound => self.asked_and_found(tale),
            Tale::AskedInVain => self.asked_in_vain(tale),
        }
        std::mem::swap(&mut self.dice, &mut self.aside);
    }

    /// The index of a player of a tale.
    fn told(&self, player: usize) -> usize {
        self.plan.accounts as usize + player
    }

    /// Notes that a tale begins; its records are marked with what this returns.
    fn begin(&mut self, tale: Tale, player: usize, ids: Vec<String>) -> u32 {
        let (at_ms, account) = (self.now_ms, self.cast.account(player));
        self.incidents.push(Incident { name: tale.name(), at_ms, account, ids });
        self.incidents.len() as u32 - 1
    }

    fn subject(&self, player: usize) -> String {
        format!("{}/{}", self.cast.account(player), self.money(player).code)
    }

    /// A payment whose records are on their way and whose money moves in its time.
    fn pays(&mut self, player: usize, kind: &'static str, amount: i64, at_ms: u64, note: u32) {
        let line = self.payment_line(player, kind, amount, at_ms);
        self.send_payment(&line, note);
        let delta = if kind == "withdrawal" { -amount } else { amount };
        self.move_later(at_ms, Movement { player, delta, against: System::Cashier, reversed: false });
    }

    /// A wager of a tale, not placed yet; its round lasts three seconds.
    fn bet(&mut self, player: usize, game: usize, stake: i64, payout: i64, at_ms: u64) -> Ticket {
        let (id, due_ms) = (self.lost_id(), at_ms + 3 * SECOND);
        Ticket { id, player, game, stake, payout, at_ms, due_ms, free_round: false }
    }

    /// Places a wager in its time, in a round of this number.
    fn stakes_in(&mut self, ticket: &Ticket, round: u64, note: u32) {
        let mut line = self.wager_line(ticket);
        line.round = round;
        self.send_wager(&line, note);
        let (player, delta) = (ticket.player, -ticket.stake);
        self.move_later(ticket.at_ms, Movement { player, delta, against: System::House, reversed: false });
    }

    /// Places a wager in its time, and settles it.
    fn plays(&mut self, ticket: &Ticket, note: u32) {
        self.stakes_in(ticket, ticket.id, note);
        self.end(ticket, ticket.due_ms, ticket.payout, 0, note);
    }
}
