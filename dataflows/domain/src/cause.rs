//! Why a record is set aside. One cause per check; the order of checks is the order of the variants.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a record is set aside.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[repr(u8)]
pub enum Cause {
    /// Not JSON of the right shape.
    Malformed,
    /// A `kind` (or payment `status`) that is not known.
    UnknownKind,
    /// A field that is reserved until it is built.
    UnsupportedField,
    /// No such currency.
    UnknownCurrency,
    /// Money that is not spelt as money, or negative where it may not be.
    BadAmount,
    /// A stake of zero that is not a free round.
    StakeNotPositive,
    /// A time after its receipt.
    ClockSkew,
    /// Received too late to be booked.
    PastHorizon,
    /// No games row in force.
    UnknownGame,
    /// No accounts row in force.
    UnknownAccount,
    /// The wager is not (yet) there.
    OutcomeWithoutWager,
    /// The echoed account is another.
    AccountMismatch,
    /// The echoed game is another.
    GameMismatch,
    /// The echoed stake is another.
    StakeMismatch,
    /// The currency is another.
    CurrencyMismatch,
    /// The outcome is older than its wager.
    OutcomeBeforeWager,
    /// The wager was settled already.
    CancelAfterSettle,
    /// The wager was cancelled already.
    SettleAfterCancel,
    /// Other content under the same identity and revision.
    ConflictingDuplicate,
    /// No outcome though one is due: rejects nothing.
    OutcomeMissing,
    /// A command about what is not (yet) there.
    UnknownTarget,
    /// A command whose record cannot stand in its target's place: of another identity.
    TargetMismatch,
}

/// What may mend a record that was set aside.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Mend {
    /// Another record or reference row, which may be under way by itself.
    Waiting,
    /// Only the provider, by sending a record again as it should be: time alone brings nothing.
    Recollection,
    /// Nothing that arrives: a command decides, or nobody.
    Never,
}

impl Cause {
    /// All causes, in the order in which they are checked.
    pub const ALL: [Self; 22] = [
        Self::Malformed,
        Self::UnknownKind,
        Self::UnsupportedField,
        Self::UnknownCurrency,
        Self::BadAmount,
        Self::StakeNotPositive,
        Self::ClockSkew,
        Self::PastHorizon,
        Self::UnknownGame,
        Self::UnknownAccount,
        Self::OutcomeWithoutWager,
        Self::AccountMismatch,
        Self::GameMismatch,
        Self::StakeMismatch,
        Self::CurrencyMismatch,
        Self::OutcomeBeforeWager,
        Self::CancelAfterSettle,
        Self::SettleAfterCancel,
        Self::ConflictingDuplicate,
        Self::OutcomeMissing,
        Self::UnknownTarget,
        Self::TargetMismatch,
    ];

    /// The name on the wire: `stake_not_positive`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownKind => "unknown_kind",
            Self::UnsupportedField => "unsupported_field",
            Self::UnknownCurrency => "unknown_currency",
            Self::BadAmount => "bad_amount",
            Self::StakeNotPositive => "stake_not_positive",
            Self::ClockSkew => "clock_skew",
            Self::PastHorizon => "past_horizon",
            Self::UnknownGame => "unknown_game",
            Self::UnknownAccount => "unknown_account",
            Self::OutcomeWithoutWager => "outcome_without_wager",
            Self::AccountMismatch => "account_mismatch",
            Self::GameMismatch => "game_mismatch",
            Self::StakeMismatch => "stake_mismatch",
            Self::CurrencyMismatch => "currency_mismatch",
            Self::OutcomeBeforeWager => "outcome_before_wager",
            Self::CancelAfterSettle => "cancel_after_settle",
            Self::SettleAfterCancel => "settle_after_cancel",
            Self::ConflictingDuplicate => "conflicting_duplicate",
            Self::OutcomeMissing => "outcome_missing",
            Self::UnknownTarget => "unknown_target",
            Self::TargetMismatch => "target_mismatch",
        }
    }

    /// The cause of a name on the wire.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.name() == name)
    }

    /// Whether a record set aside for it enters again: time or the provider may mend it.
    pub const fn enters_again(self) -> bool {
        !matches!(self.mend(), Mend::Never)
    }

    /// What may mend it.
    pub const fn mend(self) -> Mend {
        match self {
            // What is missing is another record or row: it may come a moment later, or late, by itself.
            Self::UnknownGame | Self::UnknownAccount | Self::OutcomeWithoutWager | Self::OutcomeMissing => {
                Mend::Waiting
            }
            // A provider that voids a round it has settled sends an unsettle and the cancel, in any order: the
            // cancel stands as soon as the settle is taken back.
            Self::CancelAfterSettle => Mend::Waiting,
            // The record itself is wrong: garbled, or built wrongly. Only a better copy helps.
            Self::Malformed
            | Self::UnknownKind
            | Self::UnknownCurrency
            | Self::BadAmount
            | Self::StakeNotPositive => Mend::Recollection,
            // Its time was after its receipt, and both are fixed: asked for again, it has a later receipt or a better
            // time.
            Self::ClockSkew => Mend::Recollection,
            // Two records contradict each other and both are here. The provider knows which is right, and says so
            // with a higher revision.
            Self::AccountMismatch
            | Self::GameMismatch
            | Self::StakeMismatch
            | Self::CurrencyMismatch
            | Self::OutcomeBeforeWager
            | Self::SettleAfterCancel
            | Self::ConflictingDuplicate => Mend::Recollection,
            // The record is as it should be and would come again the same: it is the books that cannot hold it yet.
            Self::UnsupportedField => Mend::Never,
            // A command waits for its target without asking anybody, and nobody sends it again but the one who gave it.
            Self::UnknownTarget | Self::TargetMismatch => Mend::Never,
            // A later receipt is later still.
            Self::PastHorizon => Mend::Never,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_causes_stand_in_the_order_of_checks_under_their_names() {
        for (n, cause) in Cause::ALL.into_iter().enumerate() {
            assert_eq!(cause as usize, n);
            assert_eq!(Cause::from_name(cause.name()), Some(cause));
            let snake: String = format!("{cause:?}")
                .chars()
                .flat_map(|c| c.is_uppercase().then_some('_').into_iter().chain(c.to_lowercase()))
                .collect();
            assert_eq!(snake.trim_start_matches('_'), cause.name());
        }
        assert_eq!(Cause::from_name("none"), None);
    }

    #[test]
    fn faults_of_time_never_mend_by_waiting() {
        assert_eq!(Cause::ClockSkew.mend(), Mend::Recollection);
        assert_eq!(Cause::PastHorizon.mend(), Mend::Never);
    }

    #[test]
    fn what_lacks_another_record_mends_by_waiting() {
        let waits = Cause::ALL.into_iter().filter(|cause| cause.mend() == Mend::Waiting);
        let names: Vec<_> = waits.map(Cause::name).collect();
        assert_eq!(
            names,
            [
                "unknown_game",
                "unknown_account",
                "outcome_without_wager",
                "cancel_after_settle",
                "outcome_missing"
            ]
        );
    }
}
