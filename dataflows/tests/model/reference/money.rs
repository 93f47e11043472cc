//! Decimal text and the digits of currencies.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Minor units stay below this.
pub const MINOR_MAX: i128 = 1_000_000_000_000_000;

/// How many digits the minor unit of a currency has; none for an unknown one.
pub fn exponent(currency: &str) -> Option<usize> {
    static BY_CODE: LazyLock<BTreeMap<&str, usize>> = LazyLock::new(|| {
        let codes = DIGITS.iter().flat_map(|(digits, codes)| codes.split(' ').map(|code| (code, *digits)));
        codes.collect()
    });
    BY_CODE.get(currency).copied()
}

const DIGITS: [(usize, &str); 7] = [
    (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
    (
        2,
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE \
             CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD \
             HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK \
             MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD \
             RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH \
             USD USN UYU UZS VED VES WST XCD YER ZAR ZMW ZWG",
    ),
    (3, "BHD IQD JOD KWD LYD OMR TND"),
    (4, "CLF UYW"),
    (8, "BTC"),
    (9, "ETH"),
    (6, "USDT"),
];

/// A number spelled as money: no leading zeros, here also without trailing ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decimal {
    negative: bool,
    whole: String,
    fraction: String,
}

impl Decimal {
    /// `-?(0|[1-9][0-9]*)(\.[0-9]+)?`, below 10¹⁵ written without its point, and no negative zero.
    pub fn read(text: &str) -> Option<Decimal> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        let (whole, fraction) = match digits.split_once('.') {
            Some((_, "")) => return None,
            Some((whole, fraction)) => (whole, fraction),
            None => (digits, ""),
        };
        let all_digits = whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
        let leading_zero = whole.starts_with('0') && whole != "0";
        if whole.is_empty() || !all_digits || leading_zero {
            return None;
        }
        let fraction = fraction.trim_end_matches('0');
        let digits = format!("{whole}{fraction}");
        if digits.trim_start_matches('0').len() > 15 {
            return None;
        }
        if negative && whole == "0" && fraction.is_empty() {
            return None;
        }
        Some(Decimal { negative, whole: whole.into(), fraction: fraction.into() })
    }

    pub fn is_negative(&self) -> bool {
        self.negative
    }

    /// Minor units of at most 15 digits; none where the currency has not the digits to say it.
    pub fn minor(&self, exponent: usize) -> Option<i128> {
        if self.fraction.len() > exponent {
            return None;
        }
        let digits = format!("{}{:0<exponent$}", self.whole, self.fraction);
        let minor: i128 = digits.parse().ok()?;
        let signed = if self.negative { -minor } else { minor };
        (minor < MINOR_MAX).then_some(signed)
    }

    /// The number without trailing zeros after the point.
    pub fn text(&self) -> String {
        let sign = if self.negative { "-" } else { "" };
        let point = if self.fraction.is_empty() { "" } else { "." };
        format!("{sign}{}{point}{}", self.whole, self.fraction)
    }

    /// By value.
    pub fn compare(&self, other: &Decimal) -> Ordering {
        // Without leading zeros a longer whole part is larger; without trailing ones fractions compare as text.
        let magnitude =
            |number: &Decimal| (number.whole.len(), number.whole.clone(), number.fraction.clone());
        match (self.negative, other.negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => magnitude(self).cmp(&magnitude(other)),
            (true, true) => magnitude(other).cmp(&magnitude(self)),
        }
    }
}

/// A rate of a reference row, `[0-9]+(\.[0-9]+)?` with at most nine digits on either side, in 10⁻⁹.
pub fn nano(text: &str) -> Option<i128> {
    let whole = text.split_once('.').map_or(text, |(whole, _)| whole);
    if whole.len() > 9 { None } else { units(text, 9) }
}

/// A decimal `[0-9]+(\.[0-9]+)?` with at most so many digits after the point, in units of the last.
pub fn units(text: &str, digits: usize) -> Option<i128> {
    let (whole, fraction) = match text.split_once('.') {
        Some((_, "")) => return None,
        Some((whole, fraction)) => (whole, fraction),
        None => (text, ""),
    };
    let all_digits = whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || fraction.len() > digits || !all_digits {
        return None;
    }
    format!("{whole}{fraction:0<digits$}").parse().ok()
}

/// Minor units as a decimal with exactly `digits` digits after the point.
pub fn decimal(minor: i128, digits: usize) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    let width = digits + 1;
    let padded = format!("{:0>width$}", minor.unsigned_abs().to_string());
    let (whole, fraction) = padded.split_at(padded.len() - digits);
    let point = if digits == 0 { "" } else { "." };
    format!("{sign}{whole}{point}{fraction}")
}

/// Minor units of a known currency as text.
pub fn money(minor: i128, currency: &str) -> String {
    decimal(minor, exponent(currency).unwrap_or_default())
}
