//! What goes wrong, each with an exactly known effect on the books.
//!
//! A fault takes one wager that would have been ordinary, or a player of its own, and tells its whole story: which
//! records are sent when, and what they must amount to. No fault leans on another, so that effects add up.

use super::Plan;
use super::books::System;
use super::dice::Dice;
use super::games::Game;
use super::outbox::NO_INCIDENT;
use super::play::{House, Movement, Ticket};
use super::wire::{CURRENCIES, PROVIDERS_NAMED, Twist};

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Wagers a fault with a history of its own may take.
const HISTORY: u64 = 80;
/// Incidents of one fault that are told in full.
const TOLD: u64 = 20;

macro_rules! faults {
    ($($variant:ident $name:literal shows [$($shows:literal),*] $story:literal;)*) => {
        /// Everything that can go wrong.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Fault {
            $(#[doc = $story] $variant,)*
        }

        impl Fault {
            /// All faults, in the order in which a scripted evening tells them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name in `truth.json`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What happens, in a sentence.
            pub fn story(self) -> &'static str {
                match self { $(Self::$variant => $story,)* }
            }

            /// Reject causes and anomalies that the first incident of the fault always leaves.
            pub fn shows(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($shows),*],)* }
            }
        }
    };
}

faults! {
    Duplicate "duplicate" shows [] "A record is sent again with the same body: one record, one duplicate.";
    CreditFirst "credit_first" shows [] "The outcome arrives before its wager: it waits, then joins it.";
    NotJson "not_json" shows ["malformed"] "A line is cut off in the middle; the record is then sent whole.";
    CancelFirst "cancel_first" shows [] "A cancel arrives before its wager, which then nets to nothing.";
    CancelUnknown "cancel_unknown" shows [] "A cancel of a wager that never comes waits as a tombstone.";
    ConflictingWager "conflicting_wager" shows ["conflicting_duplicate", "conflict"] "A wager comes again with another stake: the earlier stands.";
    UnknownGame "unknown_game" shows ["unknown_game", "outcome_without_wager"] "A wager on a game that the house does not have, and its outcome.";
    Resettled "resettled" shows [] "A payout is wrong and corrected by a higher revision.";
    CurrencyMismatch "currency_mismatch" shows ["currency_mismatch"] "A payout in a currency that is not the wager's, then corrected.";
    OutcomeMissing "outcome_missing" shows ["outcome_missing"] "A round never ends: the wager stays open.";
    NotUtf8 "not_utf8" shows ["malformed"] "A byte of a line is broken; the record is then sent whole.";
    BalanceMismatch "balance_mismatch" shows ["balance_mismatch"] "The provider claims another balance than the player has.";
    CancelAfterSettle "cancel_after_settle" shows ["cancel_after_settle"] "A cancel of a wager that is settled already: the settle stands.";
    UnknownAccount "unknown_account" shows ["unknown_account"] "A wager (or payment) of an account that does not exist.";
    Overdraft "overdraft" shows ["overdraft"] "A provider takes a wager that is larger than the player's balance.";
    StakeNotPositive "stake_not_positive" shows ["stake_not_positive"] "A stake of nothing that is no free round.";
    OrphanWin "orphan_win" shows ["outcome_without_wager"] "A win whose wager never comes.";
    SettleAfterCancel "settle_after_cancel" shows ["settle_after_cancel"] "A settle of a wager that is cancelled already: the cancel stands.";
    Velocity "velocity" shows ["velocity"] "A script wagers seventy-five times in two and a half minutes.";
    BadAmount "bad_amount" shows ["bad_amount"] "Money that is negative, oversized or not spelt as money.";
    ConflictingOutcome "conflicting_outcome" shows ["conflicting_duplicate", "conflict"] "Two settles pay differently: the earlier stands.";
    AccountMismatch "account_mismatch" shows ["account_mismatch"] "A settle names another player, then is corrected.";
    EmptyLine "empty_line" shows [] "An empty line: no record at all.";
    ResettledTwice "unsettled_settled" shows [] "A settle is taken back and comes again with another payout.";
    ClockSkew "clock_skew" shows ["clock_skew"] "A provider's clock is an hour fast: the wager is not yet.";
    ReceiptAhead "receipt_ahead" shows ["clock_skew"] "A line says it was received in a month: it moves no clock.";
    LateWager "late_wager" shows ["late_wager"] "A wager is placed after its result was known.";
    ConflictingPayment "conflicting_payment" shows ["conflicting_duplicate", "conflict"] "A deposit comes again with another amount: the earlier stands.";
    UnsupportedField "unsupported_field" shows ["unsupported_field", "outcome_without_wager"] "A wager carries a jackpot contribution, which is not booked yet.";
    GameMismatch "game_mismatch" shows ["game_mismatch"] "A settle names another game, then is corrected.";
    UnsettledOpen "unsettled_open" shows ["outcome_missing"] "A settle is taken back, and no other comes.";
    RtpOutOfBand "rtp_out_of_band" shows ["rtp_out_of_band"] "A new game pays eightfold every time.";
    WrongShape "wrong_shape" shows ["malformed"] "JSON that is no record: a field is missing, doubled, of another type or out of range.";
    RevisedWager "revised_wager" shows [] "A wager's stake is corrected by a higher revision.";
    ZoneAhead "zone_ahead" shows ["clock_skew"] "A provider writes Seoul time as if it were UTC: nine hours ahead.";
    StakeMismatch "stake_mismatch" shows ["stake_mismatch"] "A settle repeats another stake, then is corrected.";
    ReversedPayment "reversed_payment" shows [] "A deposit is reversed by its bank.";
    LongLine "long_line" shows [] "A sound wager with a very long unknown field.";
    PayoutAboveMaximum "payout_above_maximum" shows ["payout_above_maximum"] "A win pays more than the game can.";
    UnknownKind "unknown_kind" shows ["unknown_kind"] "An outcome (or payment) of a kind, or status, that is not known.";
    BatchResent "batch_resent" shows [] "A provider sends its last wagers again, all at once.";
    ConflictingCancel "conflicting_cancel" shows ["conflicting_duplicate", "conflict"] "Two cancels differ: the earlier stands.";
    StakeSpike "stake_spike" shows ["stake_spike"] "A careful player stakes forty times as much as ever before.";
    OutcomeBeforeWager "outcome_before_wager" shows ["outcome_before_wager"] "An outcome is older than its wager, then is corrected.";
    UnknownCurrency "unknown_currency" shows ["unknown_currency"] "A currency that does not exist.";
    ConflictResolved "conflict_resolved" shows [] "Two settles pay differently, until a higher revision decides.";
    LateWin "late_win" shows [] "A win comes hours after the player has left.";
    ClawBack "claw_back" shows ["overdraft", "outcome_missing"] "A win is paid out and then taken back: the player owes it.";
    PastHorizon "past_horizon" shows ["past_horizon"] "A record of forty days ago.";
    VoidedLater "voided_later" shows [] "A settled wager is declared void by a higher revision.";
    ZoneBehind "zone_behind" shows [] "A provider writes New York time as if it were UTC: hours behind, and accepted.";
    RevivedWager "revived_wager" shows ["cancel_after_settle"] "A cancelled wager is settled after all by a higher revision.";
}

/// Which fault comes next: a shuffled deck, dealt again and again.
pub struct Deck {
    cards: Vec<Fault>,
    /// By fault, how often it was dealt.
    pub dealt: Vec<u64>,
    scripted: u64,
}

impl Deck {
    /// A full deck; in the order of [`Fault::ALL`] for a scripted evening.
    pub fn new(plan: &Plan, dice: &mut Dice) -> Self {
        let mut deck = Self { cards: Vec::new(), dealt: vec![0; Fault::ALL.len()], scripted: 0 };
        deck.refill(plan, dice);
        deck
    }

    fn refill(&mut self, plan: &Plan, dice: &mut Dice) {
        self.cards = Fault::ALL.iter().rev().copied().collect();
        if !plan.scripted {
            dice.shuffle(&mut self.cards);
        }
    }

    /// Whether a scripted evening, at its `placed`th wager, is ready for its next fault.
    pub fn scripted(&mut self, plan: &Plan, placed: u64) -> bool {
        let faults = (plan.wagers as f64 * plan.faults).round() as u64;
        let due = self.scripted < faults && placed * (faults + 1) > (self.scripted + 1) * plan.wagers;
        self.scripted += u64::from(due);
        due
    }

    /// The next fault. Faults that take many wagers are dealt rarely, and only while there are as many to come.
    pub fn deal(&mut self, plan: &Plan, unplaced: u64, dice: &mut Dice) -> Fault {
        loop {
            if self.cards.is_empty() {
                self.refill(plan, dice);
            }
            let Some(fault) = self.cards.pop() else { return Fault::Duplicate };
            let dealt = &mut self.dealt[fault as usize];
            let long = matches!(fault, Fault::Velocity | Fault::StakeSpike | Fault::RtpOutOfBand);
            if long && (*dealt > plan.wagers / 25_000 || unplaced < HISTORY) {
                continue;
            }
            // Among a file's last lines there would be none to tell the receipt from.
            if fault == Fault::ReceiptAhead && unplaced < HISTORY {
                continue;
            }
            *dealt += 1;
            return fault;
        }
    }
}

/// One thing that went wrong.
pub struct Incident {
    /// What.
    pub fault: Fault,
    /// When it began.
    pub at_ms: u64,
    /// Whose.
    pub account: String,
    /// Wagers and payments it is about.
    pub ids: Vec<String>,
}

impl House<'_> {
    /// Lets a wager go wrong. `ticket` has its number and has not been placed.
    pub(super) fn go_wrong(&mut self, fault: Fault, ticket: Ticket) {
        let round = self.deck.dealt[fault as usize] - 1;
        // Faults are about money: a free round becomes a small wager that loses.
        let ticket = match ticket.free_round {
            true => Ticket { stake: self.typical(ticket.player) / 5, payout: 0, free_round: false, ..ticket },
            false => ticket,
        };
        let note = self.incident(fault, &ticket, round);
        match fault {
            Fault::Duplicate => self.duplicate(ticket, round, note),
            Fault::CreditFirst => self.credit_first(ticket, note),
            Fault::NotJson => self.garbled(ticket, note, |line| line.truncate(line.len() * 3 / 5)),
            Fault::NotUtf8 => self.garbled(ticket, note, |line| {
                if let Some(byte) = line.iter_mut().rev().nth(30) {
                    *byte = 0xff;
                }
            }),
            Fault::WrongShape => self.wrong_shape(ticket, round, note),
            Fault::EmptyLine => self.empty_line(ticket, round, note),
            Fault::LongLine => self.long_line(ticket, round, note),
            Fault::UnknownKind => self.unknown_kind(ticket, round, note),
            Fault::UnsupportedField => {
                self.refused(
                    ticket,
                    Twist::Field("\"jackpot_contribution\":\"0.05\""),
                    "unsupported_field",
                    true,
                    note,
                );
            }
            Fault::UnknownCurrency => {
                self.refused(ticket, Twist::Currency("EUX"), "unknown_currency", false, note)
            }
            Fault::BadAmount => self.bad_amount(ticket, round, note),
            Fault::StakeNotPositive => {
                self.refused(Ticket { stake: 0, ..ticket }, Twist::None, "stake_not_positive", false, note);
            }
            Fault::ClockSkew => self.ahead(ticket, HOUR, false, note),
            Fault::ZoneAhead => self.ahead(ticket, 9 * HOUR, true, note),
            Fault::ReceiptAhead => self.receipt_ahead(ticket, note),
            Fault::ZoneBehind => self.zone_behind(ticket, note),
            Fault::PastHorizon => self.past_horizon(ticket, round, note),
            Fault::UnknownGame => {
                self.refused(ticket, Twist::Game("ghost-reels"), "unknown_game", true, note)
            }
            Fault::UnknownAccount => self.unknown_account(ticket, round, note),
            Fault::OrphanWin => self.orphan_win(ticket, note),
            Fault::AccountMismatch
            | Fault::GameMismatch
            | Fault::StakeMismatch
            | Fault::CurrencyMismatch
            | Fault::OutcomeBeforeWager => self.corrected(fault, ticket, round, note),
            Fault::CancelAfterSettle => self.cancel_after_settle(ticket, note),
            Fault::SettleAfterCancel => self.settle_after_cancel(ticket, note),
            Fault::ConflictingWager => self.conflicting_wager(ticket, note),
            Fault::ConflictingOutcome => self.conflicting_outcome(ticket, note),
            Fault::ConflictingPayment => self.conflicting_payment(ticket, note),
            Fault::ConflictingCancel => self.conflicting_cancel(ticket, note),
            Fault::ConflictResolved => self.conflict_resolved(ticket, note),
            Fault::OutcomeMissing => {
                self.place_noted(&ticket, note);
                self.left_open(&ticket);
            }
            Fault::BatchResent => self.batch_resent(ticket, note),
            Fault::CancelFirst => self.cancel_first(ticket, note),
            Fault::CancelUnknown => self.cancel_unknown(ticket, note),
            Fault::Resettled => self.resettled(ticket, note),
            Fault::ResettledTwice => self.resettled_twice(ticket, note),
            Fault::UnsettledOpen => self.unsettled_open(ticket, note),
            Fault::ClawBack => self.claw_back(ticket, note),
            Fault::RevisedWager => self.revised_wager(ticket, note),
            Fault::VoidedLater => self.voided_later(ticket, note),
            Fault::RevivedWager => self.revived_wager(ticket, note),
            Fault::LateWin => self.late_win(ticket, note),
            Fault::LateWager => self.late_wager(ticket, note),
            Fault::PayoutAboveMaximum => self.payout_above_maximum(ticket, note),
            Fault::BalanceMismatch => self.balance_mismatch(ticket, note),
            Fault::Overdraft => self.overdraft(ticket, note),
            Fault::Velocity => self.velocity(ticket, note),
            Fault::StakeSpike => self.stake_spike(ticket, note),
            Fault::RtpOutOfBand => self.rtp_out_of_band(ticket, note),
            Fault::ReversedPayment => self.reversed_payment(ticket, note),
        }
    }

    fn incident(&mut self, fault: Fault, ticket: &Ticket, round: u64) -> u32 {
        if round >= TOLD {
            return NO_INCIDENT;
        }
        self.incidents.push(Incident {
            fault,
            at_ms: self.now_ms,
            account: self.cast.account(ticket.player),
            ids: vec![format!("w{}", ticket.id)],
        });
        self.incidents.len() as u32 - 1
    }

    /// The incident is about this one instead of the player and wager first drawn.
    fn about(&mut self, note: u32, player: usize, ids: Vec<String>) {
        let account = self.cast.account(player);
        if let Some(incident) = self.incidents.get_mut(note as usize) {
            (incident.account, incident.ids) = (account, ids);
        }
    }

    // --- pieces

    fn reject_wager(&mut self, ticket: &Ticket, cause: &'static str) {
        self.books.reject("wagers", self.cast.provider(ticket.game), Some(format!("w{}", ticket.id)), cause);
    }

    fn reject_outcome(&mut self, ticket: &Ticket, cause: &'static str) {
        self.books.reject(
            "outcomes",
            self.cast.provider(ticket.game),
            Some(format!("w{}", ticket.id)),
            cause,
        );
    }

    fn conflict(&mut self, topic: &str, provider: &str, id: &str) {
        self.books.anomaly("conflict", format!("{topic}/{provider}/{id}"));
    }

    /// Places a wager now, its record part of an incident.
    fn place_noted(&mut self, ticket: &Ticket, note: u32) {
        self.book_stake(ticket, None);
        let line = self.wager_line(ticket);
        self.send_wager(&line, note);
    }

    /// Sends a settle and, when its time comes, books it: the wager's end.
    fn end(&mut self, ticket: &Ticket, at_ms: u64, payout: i64, revision: u32, note: u32) {
        let mut line = self.settle_line(ticket, at_ms, payout);
        line.revision = revision;
        self.send_outcome(&line, note);
        self.pay_out(ticket, at_ms, payout);
        self.settled(ticket, payout);
    }

    /// A payout that is not the ticket's: some stakes more.
    fn other_payout(&self, ticket: &Ticket) -> i64 {
        ticket.payout + self.typical(ticket.player) * 3
    }

    /// A player of the incident's own, who holds the currency of `like` and deposits `stakes` typical stakes now.
    fn newcomer(&mut self, like: usize, stakes: i64) -> usize {
        let player = self.welcome(self.cast.currencies[like]);
        let amount = self.typical(player) * stakes;
        self.pay(player, "deposit", amount);
        player
    }

    // --- lines

    /// A wager's line arrives broken and is sent again whole.
    fn garbled(&mut self, ticket: Ticket, note: u32, spoil: impl Fn(&mut Vec<u8>)) {
        let line = self.wager_line(&ticket);
        let mut bytes = Vec::new();
        let arrival_ms = self.now_ms + 5;
        self.cast.wager(&mut bytes, &line, Some(arrival_ms));
        spoil(&mut bytes);
        self.send_raw(0, &bytes, arrival_ms, note);
        self.books.reject("wagers", "-", None, "malformed");
        self.ordinary(ticket, NO_INCIDENT);
    }

    fn wrong_shape(&mut self, ticket: Ticket, round: u64, note: u32) {
        let (id, at_ms) = (ticket.id, ticket.at_ms);
        let arrival_ms = self.arrival(at_ms);
        let account = self.cast.account(ticket.player);
        let game = &self.cast.games[ticket.game].id;
        let long = "x".repeat(129);
        let tail = format!("\"received_ms\":{arrival_ms}");
        let start = format!("{{\"wager_id\":\"w{id}\",\"account\":\"{account}\",\"game\":\"{game}\"");
        let text = match round % 12 {
            0 => format!("{start},\"stake\":\"1.00\",\"currency\":\"EUR\",{tail}}}"),
            1 => format!("{start},\"stake\":\"1.00\",\"currency\":\"EUR\",\"at_ms\":\"{at_ms}\",{tail}}}"),
            2 => format!("{start},\"stake\":1.00,\"currency\":\"EUR\",\"at_ms\":{at_ms},{tail}}}"),
            3 => format!(
                "{{\"wager_id\":\"w{id}\",\"account\":\"@house\",\"game\":\"{game}\",\"stake\":\"1.00\",\"currency\":\"EUR\",\"at_ms\":{at_ms},{tail}}}"
            ),
            4 => format!(
                "{{\"wager_id\":\"\",\"account\":\"{account}\",\"game\":\"{game}\",\"stake\":\"1.00\",\"currency\":\"EUR\",\"at_ms\":{at_ms},\"round\":\"r{id}\",{tail}}}"
            ),
            5 => format!(
                "{start},\"stake\":\"1.00\",\"currency\":\"EUR\",\"at_ms\":{at_ms},\"device\":\"{long}\",{tail}}}"
            ),
            6 => format!(
                "{start},\"stake\":\"1.00\",\"stake\":\"1.00\",\"currency\":\"EUR\",\"at_ms\":{at_ms},{tail}}}"
            ),
            7 => format!("[{start},\"stake\":\"1.00\",\"currency\":\"EUR\",\"at_ms\":{at_ms},{tail}}}]"),
            8 => format!("{start},\"stake\":\"1.00\",\"currency\":\"EUR\",\"at_ms\":915148800000,{tail}}}"),
            9 => format!(
                "{start},\"stake\":\"1.00\",\"currency\":\"EUR\",\"at_ms\":{at_ms},\"revision\":-1,{tail}}}"
            ),
            10 => format!("{start},\"stake\":\"1.00\",\"currency\":\"EUR\",\"at_ms\":{at_ms},{tail}}} {{}}"),
            _ => format!("{start},\"stake\":\"1.00\",\"currency\":\"EUR\",\"at_ms\":{at_ms}.0,{tail}}}"),
        };
        self.send_raw(0, text.as_bytes(), arrival_ms, note);
        self.books.reject("wagers", "-", None, "malformed");
        self.ordinary(ticket, NO_INCIDENT);
    }

    fn empty_line(&mut self, ticket: Ticket, round: u64, note: u32) {
        let arrival_ms = self.arrival(ticket.at_ms);
        self.send_raw(
            (round % 3) as usize,
            if round.is_multiple_of(2) { b"" } else { b" \t " },
            arrival_ms,
            note,
        );
        self.ordinary(ticket, NO_INCIDENT);
    }

    /// A few lines of 100 kB, then shorter ones, so that files stay in proportion.
    fn long_line(&mut self, ticket: Ticket, round: u64, note: u32) {
        self.book_stake(&ticket, None);
        let line = self.wager_line(&ticket);
        let arrival_ms = self.arrival(ticket.at_ms);
        let mut bytes = Vec::new();
        self.cast.wager(&mut bytes, &line, Some(arrival_ms));
        bytes.pop();
        bytes.extend_from_slice(b",\"note\":\"");
        bytes.extend(std::iter::repeat_n(b'.', if round < 8 { 100_000 } else { 1_000 }));
        bytes.extend_from_slice(b"\"}");
        self.send_raw(0, &bytes, arrival_ms, note);
        *self.books.unknown_fields.entry("note").or_default() += 1;
        let (due_ms, payout) = (ticket.due_ms, ticket.payout);
        self.end(&ticket, due_ms, payout, 0, NO_INCIDENT);
    }

    // --- wagers and payments that are not booked

    /// A wager that fails a check; with its outcome, which then has no wager.
    fn refused(&mut self, ticket: Ticket, twist: Twist, cause: &'static str, settles: bool, note: u32) {
        let mut line = self.wager_line(&ticket);
        line.twist = twist;
        self.send_wager(&line, note);
        self.reject_wager(&ticket, cause);
        if settles {
            let line = self.settle_line(&ticket, ticket.due_ms, ticket.payout);
            self.send_outcome(&line, note);
            self.reject_outcome(&ticket, "outcome_without_wager");
        }
    }

    fn bad_amount(&mut self, ticket: Ticket, round: u64, note: u32) {
        const SPELLINGS: &[&str] = &[
            "-5",
            "5.0000000001",
            "1000000000000000",
            "5,00",
            "1e3",
            "+5",
            "05",
            "-0",
            "5.",
            ".5",
            "",
            " 5",
            "5 EUR",
            "NaN",
            "0x10",
            "99999999999999999999999999",
        ];
        let spelling = SPELLINGS[(round / 3) as usize % SPELLINGS.len()];
        match round % 3 {
            0 => self.refused(ticket, Twist::Amount(spelling), "bad_amount", false, note),
            1 => {
                let mut line = self.payment_line(ticket.player, "deposit", 0, self.now_ms);
                line.twist = Twist::Amount(spelling);
                self.send_payment(&line, note);
                self.reject_payment(line.id, "bad_amount");
                self.ordinary(ticket, NO_INCIDENT);
            }
            _ => {
                self.place_noted(&ticket, note);
                let mut line = self.settle_line(&ticket, ticket.due_ms, 0);
                line.twist = Twist::Amount(spelling);
                self.send_outcome(&line, note);
                self.reject_outcome(&ticket, "bad_amount");
                self.end(&ticket, ticket.due_ms + SECOND, ticket.payout, 0, note);
            }
        }
    }

    fn reject_payment(&mut self, id: u64, cause: &'static str) {
        self.books.reject("payments", self.cast.cashier(), Some(format!("t{id}")), cause);
    }

    fn unknown_kind(&mut self, ticket: Ticket, round: u64, note: u32) {
        if round.is_multiple_of(3) {
            self.place_noted(&ticket, note);
            let mut line = self.settle_line(&ticket, ticket.due_ms, ticket.payout);
            line.twist = Twist::Kind("win");
            self.send_outcome(&line, note);
            self.reject_outcome(&ticket, "unknown_kind");
            return self.end(&ticket, ticket.due_ms + 2 * SECOND, ticket.payout, 0, note);
        }
        let amount = self.typical(ticket.player) * 10;
        let mut line = self.payment_line(ticket.player, "deposit", amount, self.now_ms);
        if round % 3 == 1 {
            line.twist = Twist::Kind("bonus");
        } else {
            line.status = Some("pending");
        }
        self.send_payment(&line, note);
        self.reject_payment(line.id, "unknown_kind");
        self.ordinary(ticket, NO_INCIDENT);
    }

    fn unknown_account(&mut self, ticket: Ticket, round: u64, note: u32) {
        if round.is_multiple_of(2) {
            return self.refused(ticket, Twist::Account("stranger"), "unknown_account", false, note);
        }
        let amount = self.typical(ticket.player) * 10;
        let mut line = self.payment_line(ticket.player, "deposit", amount, self.now_ms);
        line.twist = Twist::Account("stranger");
        self.send_payment(&line, note);
        self.reject_payment(line.id, "unknown_account");
        self.ordinary(ticket, NO_INCIDENT);
    }

    /// A wager, and perhaps its outcome, of a clock that is fast by this much.
    fn ahead(&mut self, ticket: Ticket, by_ms: u64, settles: bool, note: u32) {
        let mut line = self.wager_line(&ticket);
        let arrival_ms = self.arrival(self.now_ms);
        line.at_ms += by_ms;
        self.send_wager_at(&line, arrival_ms, note);
        self.reject_wager(&ticket, "clock_skew");
        if settles {
            let line = self.settle_line(&ticket, ticket.due_ms + by_ms, ticket.payout);
            let arrival_ms = self.arrival(ticket.due_ms);
            self.send_outcome_at(&line, arrival_ms, note);
            self.reject_outcome(&ticket, "clock_skew");
        }
    }

    /// The receipt lies thirty days beyond those around it.
    fn receipt_ahead(&mut self, ticket: Ticket, note: u32) {
        let line = self.wager_line(&ticket);
        let arrival_ms = self.arrival(ticket.at_ms);
        let mut bytes = Vec::new();
        self.cast.wager(&mut bytes, &line, Some(arrival_ms + 30 * DAY));
        self.send_raw(0, &bytes, arrival_ms, note);
        self.reject_wager(&ticket, "clock_skew");
    }

    fn past_horizon(&mut self, ticket: Ticket, round: u64, note: u32) {
        let old_ms = self.now_ms - 40 * DAY;
        match round % 3 {
            0 => {
                let mut line = self.wager_line(&ticket);
                line.at_ms = old_ms;
                self.send_wager(&line, note);
                self.reject_wager(&ticket, "past_horizon");
            }
            1 => {
                let amount = self.typical(ticket.player) * 10;
                let line = self.payment_line(ticket.player, "deposit", amount, old_ms);
                self.send_payment(&line, note);
                self.reject_payment(line.id, "past_horizon");
                self.ordinary(ticket, NO_INCIDENT);
            }
            _ => {
                self.place_noted(&ticket, note);
                let line = self.settle_line(&ticket, old_ms, ticket.payout);
                self.send_outcome(&line, note);
                self.reject_outcome(&ticket, "past_horizon");
                self.end(&ticket, ticket.due_ms, ticket.payout, 0, note);
            }
        }
    }

    // --- outcomes that do not fit

    fn orphan_win(&mut self, ticket: Ticket, note: u32) {
        let lost = Ticket { id: self.lost_id(), ..ticket };
        let line = self.settle_line(&lost, ticket.due_ms, self.other_payout(&ticket));
        self.send_outcome(&line, note);
        self.reject_outcome(&lost, "outcome_without_wager");
        self.about(note, lost.player, vec![format!("w{}", lost.id)]);
        self.ordinary(ticket, NO_INCIDENT);
    }

    /// A settle that does not fit its wager, then the right one as the next revision.
    fn corrected(&mut self, fault: Fault, ticket: Ticket, round: u64, note: u32) {
        self.place_noted(&ticket, note);
        let mut line = self.settle_line(&ticket, ticket.due_ms, ticket.payout);
        match fault {
            Fault::AccountMismatch => {
                let others = self.cast.currencies.len();
                line.echo_player = Some((ticket.player + 1) % others.max(2));
                if others < 2 {
                    self.welcome(0);
                }
            }
            Fault::GameMismatch => {
                if self.cast.games.len() < 2 {
                    self.open_game(Game::loose(0, 0));
                }
                line.echo_game = Some((ticket.game + 1) % self.cast.games.len());
            }
            Fault::StakeMismatch => line.echo_stake = Some(ticket.stake + 10),
            Fault::CurrencyMismatch => {
                let own = usize::from(self.cast.currencies[ticket.player]);
                line.currency = CURRENCIES[(own + 1) % CURRENCIES.len()];
            }
            _ => line.at_ms = ticket.at_ms - if round.is_multiple_of(2) { 10 * SECOND } else { 9 * HOUR },
        }
        let arrival_ms = self.arrival(ticket.due_ms);
        self.send_outcome_at(&line, arrival_ms, note);
        self.reject_outcome(&ticket, fault.name());
        self.end(&ticket, ticket.due_ms + 20 * SECOND, ticket.payout, 1, note);
    }

    fn cancel_after_settle(&mut self, ticket: Ticket, note: u32) {
        self.place_noted(&ticket, note);
        self.end(&ticket, ticket.due_ms, ticket.payout, 0, note);
        let cancel = self.cancel(&ticket, ticket.due_ms + 10 * SECOND);
        self.send_outcome(&cancel, note);
        self.reject_outcome(&ticket, "cancel_after_settle");
    }

    fn settle_after_cancel(&mut self, ticket: Ticket, note: u32) {
        self.place_noted(&ticket, note);
        let cancel = self.cancel(&ticket, ticket.at_ms + 200);
        self.send_outcome(&cancel, note);
        self.cancelled(&ticket, cancel.at_ms);
        let line = self.settle_line(&ticket, ticket.due_ms + 8 * SECOND, ticket.payout);
        self.send_outcome(&line, note);
        self.reject_outcome(&ticket, "settle_after_cancel");
    }

    // --- conflicts

    fn conflicting_wager(&mut self, ticket: Ticket, note: u32) {
        self.place_noted(&ticket, note);
        let mut line = self.wager_line(&ticket);
        line.stake += self.typical(ticket.player);
        line.at_ms += 700;
        self.send_wager(&line, note);
        self.reject_wager(&ticket, "conflicting_duplicate");
        let provider = self.cast.provider(ticket.game);
        self.conflict("wagers", provider, &format!("w{}", ticket.id));
        self.end(&ticket, ticket.due_ms + SECOND, ticket.payout, 0, note);
    }

    fn conflicting_outcome(&mut self, ticket: Ticket, note: u32) {
        self.place_noted(&ticket, note);
        self.end(&ticket, ticket.due_ms, ticket.payout, 0, note);
        let line = self.settle_line(&ticket, ticket.due_ms + 900, self.other_payout(&ticket));
        self.send_outcome(&line, note);
        self.reject_outcome(&ticket, "conflicting_duplicate");
        let provider = self.cast.provider(ticket.game);
        self.conflict("outcomes", provider, &format!("w{}", ticket.id));
    }

    fn conflicting_payment(&mut self, ticket: Ticket, note: u32) {
        let amount = self.typical(ticket.player) * 20;
        let mut line = self.pay(ticket.player, "deposit", amount);
        line.amount += self.typical(ticket.player);
        line.at_ms += 500;
        line.claim = None;
        self.send_payment(&line, note);
        self.reject_payment(line.id, "conflicting_duplicate");
        let (cashier, id) = (self.cast.cashier(), format!("t{}", line.id));
        self.conflict("payments", cashier, &id);
        self.about(note, ticket.player, vec![id]);
        self.ordinary(ticket, NO_INCIDENT);
    }

    fn conflicting_cancel(&mut self, ticket: Ticket, note: u32) {
        self.place_noted(&ticket, note);
        let mut cancel = self.cancel(&ticket, ticket.at_ms + SECOND);
        self.send_outcome(&cancel, note);
        self.cancelled(&ticket, cancel.at_ms);
        cancel.at_ms += 500;
        self.send_outcome(&cancel, note);
        self.reject_outcome(&ticket, "conflicting_duplicate");
        let provider = self.cast.provider(ticket.game);
        self.conflict("outcomes", provider, &format!("w{}", ticket.id));
    }

    fn conflict_resolved(&mut self, ticket: Ticket, note: u32) {
        self.place_noted(&ticket, note);
        for (after_ms, payout) in [(0, self.other_payout(&ticket)), (400, ticket.payout)] {
            let line = self.settle_line(&ticket, ticket.due_ms + after_ms, payout);
            self.send_outcome(&line, note);
        }
        self.end(&ticket, ticket.due_ms + MINUTE, ticket.payout, 1, note);
    }

    // --- copies and order

    fn duplicate(&mut self, ticket: Ticket, round: u64, note: u32) {
        self.books.duplicates += 1;
        match round % 3 {
            0 => {
                self.place_noted(&ticket, note);
                let line = self.wager_line(&ticket);
                let arrival_ms = self.now_ms + 3 * SECOND;
                self.send_wager_at(&line, arrival_ms, note);
                self.end(&ticket, ticket.due_ms, ticket.payout, 0, NO_INCIDENT);
            }
            1 => {
                self.place_noted(&ticket, NO_INCIDENT);
                self.end(&ticket, ticket.due_ms, ticket.payout, 0, note);
                let line = self.settle_line(&ticket, ticket.due_ms, ticket.payout);
                self.send_outcome_at(&line, ticket.due_ms + 3 * SECOND, note);
            }
            _ => {
                let amount = self.typical(ticket.player) * 10;
                let line = self.pay(ticket.player, "deposit", amount);
                self.send_payment(&line, note);
                self.about(note, ticket.player, vec![format!("t{}", line.id)]);
                self.ordinary(ticket, NO_INCIDENT);
            }
        }
    }

    fn batch_resent(&mut self, ticket: Ticket, note: u32) {
        let arrival_ms = self.now_ms + 4 * SECOND;
        let batch = std::mem::take(&mut self.remembered);
        for line in &batch {
            self.send_wager_at(line, arrival_ms, note);
        }
        self.books.duplicates += batch.len() as u64;
        self.remembered = batch;
        self.ordinary(ticket, NO_INCIDENT);
    }

    fn credit_first(&mut self, ticket: Ticket, note: u32) {
        self.book_stake(&ticket, None);
        let line = self.wager_line(&ticket);
        self.send_wager_at(&line, ticket.due_ms + 12 * SECOND, note);
        self.end(&ticket, ticket.due_ms, ticket.payout, 0, note);
    }

    fn cancel_first(&mut self, ticket: Ticket, note: u32) {
        self.book_stake(&ticket, None);
        let line = self.wager_line(&ticket);
        self.send_wager_at(&line, self.now_ms + 20 * SECOND, note);
        let cancel = self.cancel(&ticket, ticket.at_ms + 500);
        self.send_outcome(&cancel, note);
        self.cancelled(&ticket, cancel.at_ms);
    }

    fn cancel_unknown(&mut self, ticket: Ticket, note: u32) {
        let lost = Ticket { id: self.lost_id(), ..ticket };
        let cancel = self.cancel(&lost, lost.at_ms);
        self.send_outcome(&cancel, note);
        self.books.tombstones += 1;
        self.about(note, lost.player, vec![format!("w{}", lost.id)]);
        self.ordinary(ticket, NO_INCIDENT);
    }

    // --- corrections

    fn resettled(&mut self, ticket: Ticket, note: u32) {
        self.place_noted(&ticket, note);
        let wrong = self.settle_line(&ticket, ticket.due_ms, self.other_payout(&ticket));
        self.send_outcome(&wrong, note);
        self.end(&ticket, ticket.due_ms + MINUTE, ticket.payout, 1, note);
    }

    fn resettled_twice(&mut self, ticket: Ticket, note: u32) {
        self.place_noted(&ticket, note);
        let wrong = self.settle_line(&ticket, ticket.due_ms, self.other_payout(&ticket));
        self.send_outcome(&wrong, note);
        let back = self.unsettle(&ticket, ticket.due_ms + 30 * SECOND, 1);
        self.send_outcome(&back, note);
        self.end(&ticket, ticket.due_ms + 90 * SECOND, ticket.payout, 2, note);
    }

    fn unsettled_open(&mut self, ticket: Ticket, note: u32) {
        self.place_noted(&ticket, note);
        let settle = self.settle_line(&ticket, ticket.due_ms, ticket.payout);
        self.send_outcome(&settle, note);
        let back = self.unsettle(&ticket, ticket.due_ms + 40 * SECOND, 1);
        self.send_outcome(&back, note);
        self.left_open(&ticket);
    }

    /// A newcomer wins, withdraws all of it, and the win is taken back.
    fn claw_back(&mut self, ticket: Ticket, note: u32) {
        self.ordinary(ticket, NO_INCIDENT);
        let player = self.newcomer(ticket.player, 2);
        let stake = self.typical(player);
        let own = self.draw_ticket(player, ticket.game, stake, false, self.now_ms + 5 * SECOND);
        let win = stake * 20;
        let (own, win_ms) =
            (Ticket { payout: win, due_ms: own.at_ms + 10 * SECOND, ..own }, own.at_ms + 10 * SECOND);
        // Its records are sent ahead of their time, which their arrival minds.
        let line = self.wager_line(&own);
        self.send_wager(&line, note);
        self.move_later(
            own.at_ms,
            Movement { player, delta: -stake, against: System::House, reversed: false },
        );
        self.books.ledgers[player].wagered(own.at_ms);
        let settle = self.settle_line(&own, win_ms, win);
        self.send_outcome(&settle, note);
        let withdrawn_ms = win_ms + 2 * MINUTE;
        let all = stake * 2 - stake + win;
        let withdrawal = self.payment_line(player, "withdrawal", all, withdrawn_ms);
        self.send_payment(&withdrawal, note);
        self.move_later(
            withdrawn_ms,
            Movement { player, delta: -all, against: System::Cashier, reversed: false },
        );
        let back = self.unsettle(&own, withdrawn_ms + 5 * MINUTE, 1);
        self.send_outcome(&back, note);
        self.left_open(&own);
        self.about(note, player, vec![format!("w{}", own.id), format!("t{}", withdrawal.id)]);
    }

    fn revised_wager(&mut self, ticket: Ticket, note: u32) {
        let mut line = self.wager_line(&ticket);
        line.stake += self.typical(ticket.player);
        self.send_wager_at(&line, self.now_ms + 20, note);
        self.book_stake(&ticket, None);
        let mut revised = self.wager_line(&ticket);
        revised.revision = 1;
        self.send_wager_at(&revised, self.now_ms + 4 * SECOND, note);
        self.end(&ticket, ticket.due_ms, ticket.payout, 0, note);
    }

    fn voided_later(&mut self, ticket: Ticket, note: u32) {
        self.place_noted(&ticket, note);
        let settle = self.settle_line(&ticket, ticket.due_ms, ticket.payout);
        self.send_outcome(&settle, note);
        let mut cancel = self.cancel(&ticket, ticket.due_ms + 5 * MINUTE);
        cancel.revision = 1;
        self.send_outcome(&cancel, note);
        self.cancelled(&ticket, cancel.at_ms);
    }

    fn revived_wager(&mut self, ticket: Ticket, note: u32) {
        self.place_noted(&ticket, note);
        let cancel = self.cancel(&ticket, ticket.at_ms + 200);
        self.send_outcome(&cancel, note);
        self.reject_outcome(&ticket, "cancel_after_settle");
        self.end(&ticket, ticket.due_ms + 20 * SECOND, ticket.payout, 1, note);
    }

    fn reversed_payment(&mut self, ticket: Ticket, note: u32) {
        let amount = self.typical(ticket.player) * 30;
        let mut line = self.payment_line(ticket.player, "deposit", amount, self.now_ms);
        self.send_payment(&line, note);
        (line.status, line.revision, line.at_ms) = (Some("reversed"), 1, self.now_ms + 90 * SECOND);
        self.send_payment(&line, note);
        self.move_later(
            line.at_ms,
            Movement { player: ticket.player, delta: 0, against: System::Cashier, reversed: true },
        );
        self.about(note, ticket.player, vec![format!("t{}", line.id)]);
        self.ordinary(ticket, NO_INCIDENT);
    }

    // --- time

    fn late_win(&mut self, ticket: Ticket, note: u32) {
        self.place_noted(&ticket, note);
        let late_ms = self.dice.between(HOUR, 3 * HOUR);
        self.end(&ticket, ticket.at_ms + late_ms, ticket.stake * 2, 0, note);
    }

    /// A newcomer's records, all of them five hours behind.
    fn zone_behind(&mut self, ticket: Ticket, note: u32) {
        self.ordinary(ticket, NO_INCIDENT);
        let player = self.welcome(self.cast.currencies[ticket.player]);
        let currency = self.cast.currencies[player];
        let stake = self.typical(player);
        let behind_ms = self.now_ms - 5 * HOUR;
        let deposit = self.payment_line(player, "deposit", stake * 10, behind_ms - MINUTE);
        self.send_payment(&deposit, note);
        self.books.book(player, currency, deposit.at_ms, deposit.amount, System::Cashier, None);
        let own = self.draw_ticket(player, ticket.game, stake, false, behind_ms);
        let line = self.wager_line(&own);
        self.send_wager(&line, note);
        self.book_stake(&own, None);
        let settle = self.settle_line(&own, own.due_ms, own.payout);
        self.send_outcome(&settle, note);
        self.books.book(player, currency, own.due_ms, own.payout, System::House, None);
        self.settled(&own, own.payout);
        self.about(note, player, vec![format!("w{}", own.id), format!("t{}", deposit.id)]);
    }

    fn late_wager(&mut self, ticket: Ticket, note: u32) {
        self.place_noted(&ticket, note);
        let payout = ticket.stake * 2;
        let mut line = self.settle_line(&ticket, ticket.due_ms, payout);
        line.known_ms = Some(ticket.at_ms - 3 * SECOND);
        self.send_outcome(&line, note);
        self.pay_out(&ticket, ticket.due_ms, payout);
        self.settled(&ticket, payout);
        let provider = self.cast.provider(ticket.game);
        self.books.anomaly("late_wager", format!("{provider}/w{}", ticket.id));
    }

    // --- money

    fn payout_above_maximum(&mut self, ticket: Ticket, note: u32) {
        self.place_noted(&ticket, note);
        let most = self.cast.games[ticket.game].terms_at(ticket.at_ms).payout_max as i64;
        self.end(&ticket, ticket.due_ms, ticket.stake * (most + 1), 0, note);
        let provider = self.cast.provider(ticket.game);
        self.books.anomaly("payout_above_maximum", format!("{provider}/w{}", ticket.id));
    }

    fn balance_mismatch(&mut self, ticket: Ticket, note: u32) {
        // In a millisecond of its own the claim is judged; the player's other events keep out of it by being later.
        let claim = self.books.ledgers[ticket.player].balance - ticket.stake - self.typical(ticket.player);
        let mut line = self.wager_line(&ticket);
        line.claim = Some(claim);
        self.send_wager(&line, note);
        self.book_stake(&ticket, Some(claim));
        self.end(&ticket, ticket.due_ms, ticket.payout, 0, NO_INCIDENT);
    }

    fn overdraft(&mut self, ticket: Ticket, note: u32) {
        let over = self.books.ledgers[ticket.player].balance.max(0) + self.typical(ticket.player);
        let ticket = Ticket { stake: over / 10 * 10 + 10, payout: 0, ..ticket };
        self.place_noted(&ticket, note);
        self.end(&ticket, ticket.due_ms, 0, 0, note);
    }

    // --- histories

    fn history(
        &mut self,
        player: usize,
        game: usize,
        stakes: &[i64],
        every_ms: u64,
        pays: Option<i64>,
        note: u32,
    ) -> Vec<String> {
        let mut ids = Vec::new();
        for (step, &stake) in stakes.iter().enumerate() {
            let at_ms = self.now_ms + 3 * SECOND + step as u64 * every_ms;
            let mut ticket = self.draw_ticket(player, game, stake, false, at_ms);
            if let Some(times) = pays {
                ticket.payout = stake * times;
            }
            ids.push(format!("w{}", ticket.id));
            self.place_later(ticket, note);
        }
        ids.drain(1..ids.len() - 1);
        ids
    }

    fn velocity(&mut self, ticket: Ticket, note: u32) {
        self.ordinary(ticket, NO_INCIDENT);
        let player = self.newcomer(ticket.player, 100);
        let stake = self.typical(player);
        let ids = self.history(player, ticket.game, &[stake; 75], 2 * SECOND, None, note);
        self.about(note, player, ids);
    }

    fn stake_spike(&mut self, ticket: Ticket, note: u32) {
        self.ordinary(ticket, NO_INCIDENT);
        let player = self.newcomer(ticket.player, 100);
        let stake = self.typical(player);
        let mut stakes: Vec<i64> =
            [4, 5, 6, 5, 4, 6, 5].iter().cycle().take(30).map(|fifths| stake / 5 * fifths).collect();
        stakes.push(stake * 40);
        let subject = format!("{}/{}", self.cast.account(player), self.money(player).code);
        self.books.spikes.push(subject);
        let ids = self.history(player, ticket.game, &stakes, 9 * SECOND, None, note);
        self.about(note, player, ids);
    }

    fn rtp_out_of_band(&mut self, ticket: Ticket, note: u32) {
        self.ordinary(ticket, NO_INCIDENT);
        let number = self.cast.games.len();
        let game = self.open_game(Game::loose(number, number % PROVIDERS_NAMED));
        let player = self.newcomer(ticket.player, 100);
        let stake = self.typical(player);
        let ids = self.history(player, game, &[stake; 40], 8 * SECOND, Some(8), note);
        self.about(note, player, ids);
    }
}
