//! Money as checked integers of minor units, and its one spelling on the wire.

use serde::{Deserialize, Serialize};

/// Amounts on the wire have at most 15 digits of minor units.
pub const MINOR_END: u64 = 1_000_000_000_000_000;

/// An amount whose currency is not known where it is read: `digits / 10^scale`, normalised (no trailing zeros in the
/// fraction). An echoed stake is one: it is in the wager's currency, which only the wager knows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Quantity {
    /// All digits, without the point. Of magnitude below [`MINOR_END`].
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
        (minor.unsigned_abs() < MINOR_END).then_some(minor)
    }

    /// An amount in minor units of a currency with `exponent` digits.
    pub fn of_minor(minor: i64, exponent: u8) -> Self {
        let (mut digits, mut scale) = (minor, exponent);
        while scale > 0 && digits % 10 == 0 {
            (digits, scale) = (digits / 10, scale - 1);
        }
        Self { digits, scale }
    }

    /// Appends the decimal, with exactly its digits: `10.5`.
    pub fn push(self, out: &mut Vec<u8>) {
        push_decimal(out, i128::from(self.digits), self.scale);
    }
}

/// A text `-?(0|[1-9][0-9]*)(\.[0-9]+)?`, in its parts.
struct Spelt<'a> {
    negative: bool,
    whole: &'a [u8],
    /// Without trailing zeros: they say nothing, in whatever currency.
    fraction: &'a [u8],
}

/// Takes a text apart; `None` unless it is spelt as money.
#[inline]
fn spelt(text: &str) -> Option<Spelt<'_>> {
    let bytes = text.as_bytes();
    let (negative, bytes) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, bytes),
    };
    let point = bytes.iter().position(|b| !b.is_ascii_digit()).unwrap_or(bytes.len());
    let (whole, fraction) = bytes.split_at(point);
    if whole.is_empty() || (whole[0] == b'0' && whole.len() > 1) {
        return None;
    }
    let fraction = match fraction {
        [] => fraction,
        [b'.', digits @ ..] if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => {
            let len = digits.iter().rposition(|&b| b != b'0').map_or(0, |last| last + 1);
            &digits[..len]
        }
        _ => return None,
    };
    Some(Spelt { negative, whole, fraction })
}

impl Spelt<'_> {
    /// The amount in units of `10^-scale`, where all its digits fit and it is below [`MINOR_END`]. No `-0`.
    #[inline]
    fn scaled(&self, scale: usize, allow_negative: bool) -> Option<i64> {
        let zeros = scale.checked_sub(self.fraction.len())?;
        // Longer is too large, as there are no leading zeros: unless there is nothing but the fraction.
        if self.whole.len() > 15 {
            return None;
        }
        let mut units: u64 = 0;
        for &digit in self.whole.iter().chain(self.fraction) {
            units = units * 10 + u64::from(digit - b'0');
            if units >= MINOR_END {
                return None;
            }
        }
        if units != 0 {
            for _ in 0..zeros {
                units *= 10;
                if units >= MINOR_END {
                    return None;
                }
            }
        }
        match (self.negative, units) {
            (false, _) => Some(units as i64),
            (true, 0) => None,
            (true, _) => allow_negative.then_some(-(units as i64)),
        }
    }
}

/// Minor units of a currency with `exponent` digits, spelt `-?(0|[1-9][0-9]*)(\.[0-9]+)?`.
///
/// `None` where it is spelt otherwise, is `-0`, is negative unasked, has 10^15 minor units or more, or has digits
/// other than zero behind the currency's: money is never rounded.
#[inline]
pub fn parse_minor(text: &str, exponent: u8, allow_negative: bool) -> Option<i64> {
    spelt(text)?.scaled(usize::from(exponent), allow_negative)
}

/// An amount in a currency that is not known yet; spelt, signed and sized as [`parse_minor`] wants it.
#[inline]
pub fn parse_quantity(text: &str, allow_negative: bool) -> Option<Quantity> {
    let spelt = spelt(text)?;
    let scale = u8::try_from(spelt.fraction.len()).ok()?;
    Some(Quantity { digits: spelt.scaled(usize::from(scale), allow_negative)?, scale })
}

/// Appends minor units as a decimal with exactly `exponent` digits behind the point: `-5` of 2 digits is `-0.05`.
pub fn push_decimal(out: &mut Vec<u8>, minor: i128, exponent: u8) {
    let mut buffer = itoa::Buffer::new();
    // Nearly every amount fits 64 bits, and dividing those is many times faster.
    let digits = match u64::try_from(minor.unsigned_abs()) {
        Ok(small) => buffer.format(small).as_bytes(),
        Err(_) => buffer.format(minor.unsigned_abs()).as_bytes(),
    };
    let exponent = usize::from(exponent);
    if minor < 0 {
        out.push(b'-');
    }
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(exponent));
    out.extend_from_slice(if whole.is_empty() { b"0" } else { whole });
    if exponent > 0 {
        out.push(b'.');
        out.resize(out.len() + exponent - fraction.len(), b'0');
        out.extend_from_slice(fraction);
    }
}

/// [`push_decimal`] as text of its own.
pub fn decimal(minor: i128, exponent: u8) -> String {
    let mut out = Vec::with_capacity(24);
    push_decimal(&mut out, minor, exponent);
    String::from_utf8(out).unwrap_or_default()
}

/// A decimal of a reference row (a rate, a deviation, a multiple) in units of 10^-9: below 10^18.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Decimal9(pub u64);

impl Decimal9 {
    /// One, in its units.
    pub const ONE: u64 = 1_000_000_000;

    /// Reads `[0-9]+(\.[0-9]+)?` with at most 9 digits before the point and 9 behind it; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let sound = |part: &str| matches!(part.len(), 1..=9) && part.bytes().all(|b| b.is_ascii_digit());
        if !(sound(whole) && sound(fraction)) {
            return None;
        }
        let digits = whole.bytes().chain(fraction.bytes()).chain(std::iter::repeat(b'0'));
        let units = digits.take(whole.len() + 9).fold(0, |units, b| units * 10 + u64::from(b - b'0'));
        Some(Self(units))
    }
}

/// Reads `[0-9]+(\.[0-9]+)?` with at most `digits` digits behind the point, in units of the last of them; `None` for
/// anything else.
pub fn parse_fraction(text: &str, digits: usize) -> Option<u64> {
    let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    if !are_digits(whole) || !are_digits(part) || part.len() > digits {
        return None;
    }
    format!("{whole}{part:0<digits$}").parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spelling_ladder() {
        for (text, exponent, minor) in [
            ("", 2, None),
            (" 1", 2, None),
            ("1 ", 2, None),
            ("+1", 2, None),
            ("--1", 2, None),
            ("01", 2, None),
            ("00", 2, None),
            (".5", 2, None),
            ("5.", 2, None),
            ("1.2.3", 2, None),
            ("1e3", 2, None),
            ("1,000", 2, None),
            ("0x10", 2, None),
            ("١", 2, None),
            ("NaN", 2, None),
            ("-", 2, None),
            ("-.5", 2, None),
            ("-0", 2, None),
            ("-0.00", 2, None),
            ("-01", 2, None),
            ("0", 2, Some(0)),
            ("0.00", 2, Some(0)),
            ("0.000", 2, Some(0)),
            ("1", 2, Some(100)),
            ("1.5", 2, Some(150)),
            ("1.50", 2, Some(150)),
            ("1.500000000000000000000000000", 2, Some(150)),
            ("1.505", 2, None),
            ("1.5000000000000000000000000001", 2, None),
            ("-0.05", 2, Some(-5)),
            ("10000.00", 0, Some(10_000)),
            ("10000.01", 0, None),
            ("1.234", 3, Some(1_234)),
            ("0.00000001", 8, Some(1)),
            ("0.000000001", 9, Some(1)),
            ("9999999999999.99", 2, Some(999_999_999_999_999)),
            ("10000000000000.00", 2, None),
            ("999999999999999", 0, Some(999_999_999_999_999)),
            ("-999999999999999", 0, Some(-999_999_999_999_999)),
            ("1000000000000000", 0, None),
            ("999999.999999999", 9, Some(999_999_999_999_999)),
            ("1000000", 9, None),
            ("18446744073709551617", 0, None),
            ("340282366920938463463374607431768211457", 0, None),
        ] {
            assert_eq!(parse_minor(text, exponent, true), minor, "{text:?}");
            let unsigned = minor.filter(|&minor| minor >= 0);
            assert_eq!(parse_minor(text, exponent, false), unsigned, "{text:?} unsigned");
        }
    }

    #[test]
    fn quantities_are_normalised() {
        let quantity = |digits, scale| Some(Quantity { digits, scale });
        for (text, expected) in [
            ("10.50", quantity(105, 1)),
            ("10.500", quantity(105, 1)),
            ("10", quantity(10, 0)),
            ("0.00", quantity(0, 0)),
            ("-0.5", quantity(-5, 1)),
            ("-0.0", None),
            ("0.0000000000000000001", quantity(1, 19)),
            ("999999999999999", quantity(999_999_999_999_999, 0)),
            ("1000000000000000", None),
            ("1.000000000000001", None),
            ("1.", None),
        ] {
            assert_eq!(parse_quantity(text, true), expected, "{text}");
        }
        assert_eq!(parse_quantity("-1", false), None);
        assert_eq!(parse_quantity(&format!("0.{}1", "0".repeat(300)), true), None);
        assert_eq!(parse_quantity("10.50", false).and_then(|q| q.minor(2)), Some(1_050));
        assert_eq!(parse_quantity("10.50", false).and_then(|q| q.minor(0)), None);
        assert_eq!(parse_quantity("999999999999999", false).and_then(|q| q.minor(2)), None);
        assert_eq!(Quantity { digits: 1, scale: 200 }.minor(9), None);
    }

    #[test]
    fn decimals_have_the_currencys_digits() {
        for (minor, exponent, text) in [
            (0, 0, "0"),
            (0, 2, "0.00"),
            (5, 2, "0.05"),
            (-5, 2, "-0.05"),
            (-150, 2, "-1.50"),
            (1_234, 3, "1.234"),
            (10_000, 0, "10000"),
            (1, 9, "0.000000001"),
            (i128::MIN, 2, "-1701411834604692317316873037158841057.28"),
            (i128::MAX, 0, "170141183460469231731687303715884105727"),
        ] {
            assert_eq!(decimal(minor, exponent), text);
        }
    }

    #[test]
    fn reference_decimals() {
        for (text, units) in [
            ("0.9650", Some(965_000_000)),
            ("0.965", Some(965_000_000)),
            ("1", Some(Decimal9::ONE)),
            ("007.5", Some(7_500_000_000)),
            ("0", Some(0)),
            ("999999999.999999999", Some(999_999_999_999_999_999)),
            ("1000000000", None),
            ("0.0000000001", None),
            ("0.9650000000", None),
            ("-1", None),
            ("1.", None),
            (".5", None),
            ("", None),
            (".", None),
            ("1.2.3", None),
            ("1e3", None),
            ("½", None),
        ] {
            assert_eq!(Decimal9::parse(text).map(|d| d.0), units, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_the_same(minor in -999_999_999_999_999i64..=999_999_999_999_999, exponent in 0u8..=9) {
            let text = decimal(i128::from(minor), exponent);
            prop_assert_eq!(parse_minor(&text, exponent, true), Some(minor));
            let zeros = format!("{text}{}000", if exponent == 0 { "." } else { "" });
            prop_assert_eq!(parse_minor(&zeros, exponent, true), Some(minor));
            let quantity = parse_quantity(&text, true);
            prop_assert_eq!(quantity.and_then(|q| q.minor(exponent)), Some(minor));
            let mut spelt = Vec::new();
            quantity.unwrap().push(&mut spelt);
            prop_assert_eq!(parse_quantity(std::str::from_utf8(&spelt).unwrap(), true), quantity);
        }

        #[test]
        fn texts_read_as_their_grammar_says(text in "-?[0-9]{0,18}(\\.[0-9]{0,12})?", exponent in 0u8..=9) {
            prop_assert_eq!(parse_minor(&text, exponent, true), plain(&text, exponent));
        }
    }

    /// [`parse_minor`] by way of big integers.
    fn plain(text: &str, exponent: u8) -> Option<i64> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = whole.strip_prefix('-').unwrap_or(whole);
        if digits.is_empty() || fraction.is_empty() || (digits.len() > 1 && digits.starts_with('0')) {
            return None;
        }
        let (kept, dropped) = fraction.split_at(fraction.len().min(usize::from(exponent)));
        if dropped.bytes().any(|b| b != b'0') {
            return None;
        }
        let magnitude: i128 =
            format!("{digits}{kept:0<width$}", width = usize::from(exponent)).parse().ok()?;
        let minor = if whole.starts_with('-') { -magnitude } else { magnitude };
        (magnitude < 1_000_000_000_000_000 && !(magnitude == 0 && whole.starts_with('-')))
            .then_some(minor as i64)
    }
}
