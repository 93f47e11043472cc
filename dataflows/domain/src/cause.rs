//! Why a record is set aside. One cause per check; the order of checks is the order of the variants.

/// Why a record is set aside.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
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
}
