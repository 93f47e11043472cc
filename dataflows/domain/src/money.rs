//! Money as checked integers of minor units, and its one spelling on the wire.

/// An amount whose currency is not known where it is read: `digits / 10^scale`, normalised (no trailing zeros in the
/// fraction). An echoed stake is one: it is in the wager's currency, which only the wager knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quantity {
    /// All digits, without the point.
    pub digits: i64,
    /// How many of them stand behind the point.
    pub scale: u8,
}

impl Quantity {
    /// The amount in minor units of a currency with `exponent` digits; `None` where it does not fit exactly
    /// (other digits behind the currency's, or 10^15 minor units and more).
    pub fn minor(self, exponent: u8) -> Option<i64> {
        let shift = exponent.checked_sub(self.scale)?;
        let minor = self.digits.checked_mul(10i64.checked_pow(u32::from(shift))?)?;
        (minor.unsigned_abs() < 1_000_000_000_000_000).then_some(minor)
    }
}
