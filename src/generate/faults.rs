//! What goes wrong, each with an exactly known effect on the books.
//!
//! A fault takes one wager that would have been ordinary, or a player of its own, and tells its whole story: which
//! records are sent when, and what they must amount to. No fault leans on another, so that effects add up.

use super::play::{House, Ticket};

mod clocks;
mod conflicts;
mod copies;
mod corrections;
mod deck;
mod histories;
mod lines;
mod misfits;
mod money;
mod pieces;
mod refused;
mod tales;

pub use self::deck::Deck;
pub use self::tales::{Desk, Tale};

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Incidents of one fault that are told in full.
const TOLD: u64 = 20;

macro_rules! stories {
    ($(#[$doc:meta])* $stories:ident: $($variant:ident $name:literal shows [$($shows:literal),*] $story:literal;)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum $stories {
            $(#[doc = $story] $variant,)*
        }

        impl $stories {
            /// All of them, in the order in which a scripted evening tells them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name in `truth.json`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What happens, in a sentence.
            pub fn story(self) -> &'static str {
                match self { $(Self::$variant => $story,)* }
            }

            /// Reject causes and anomalies that its first incident always leaves.
            pub fn shows(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($shows),*],)* }
            }
        }
    };
}

pub(super) use stories;

stories! {
    /// Everything that can go wrong.
    Fault:
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

/// One thing that went wrong.
pub struct Incident {
    /// What: the name of a [`Fault`] or [`Tale`].
    pub name: &'static str,
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
        self.tell(fault, ticket, round, note);
    }

    /// Tells the whole story of the fault, for the `round`th time.
    fn tell(&mut self, fault: Fault, ticket: Ticket, round: u64, note: u32) {
        match fault {
            Fault::Duplicate => self.duplicate(ticket, round, note),
            Fault::CreditFirst => self.credit_first(ticket, note),
            Fault::NotJson => self.not_json(ticket, note),
            Fault::NotUtf8 => self.not_utf8(ticket, note),
            Fault::WrongShape => self.wrong_shape(ticket, round, note),
            Fault::EmptyLine => self.empty_line(ticket, round, note),
            Fault::LongLine => self.long_line(ticket, round, note),
            Fault::UnknownKind => self.unknown_kind(ticket, round, note),
            Fault::UnsupportedField => self.unsupported_field(ticket, note),
            Fault::UnknownCurrency => self.unknown_currency(ticket, note),
            Fault::BadAmount => self.bad_amount(ticket, round, note),
            Fault::StakeNotPositive => self.stake_not_positive(ticket, note),
            Fault::ClockSkew => self.ahead(ticket, HOUR, false, note),
            Fault::ZoneAhead => self.ahead(ticket, 9 * HOUR, true, note),
            Fault::ReceiptAhead => self.receipt_ahead(ticket, note),
            Fault::ZoneBehind => self.zone_behind(ticket, note),
            Fault::PastHorizon => self.past_horizon(ticket, round, note),
            Fault::UnknownGame => self.unknown_game(ticket, note),
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
            Fault::OutcomeMissing => self.outcome_missing(ticket, note),
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
}
