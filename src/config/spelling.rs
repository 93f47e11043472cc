//! How values are written: spans of time, decimals, and names that were nearly right.

pub(super) use gyre_domain::money::parse_fraction as read_decimal;
use toml::de::DeValue;

pub(super) const MINUTE_MS: u64 = 60_000;
pub(super) const HOUR_MS: u64 = 60 * MINUTE_MS;
pub(super) const DAY_MS: u64 = 24 * HOUR_MS;

/// The name most like `name`, if one is like it at all.
pub(crate) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    names
        .map(|known| (strsim::damerau_levenshtein(&lower, &known.to_lowercase()), known))
        .filter(|(distance, known)| *distance <= (known.chars().count() / 3).max(1))
        .min()
        .map(|(_, known)| known)
}

/// A value of the wrong type, as short as will do.
pub(super) fn spelling(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("\"{text}\""),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(_) => "[…]".to_owned(),
        DeValue::Table(_) => "{…}".to_owned(),
    }
}

/// Digits behind the point of thousandths.
pub(super) const MILLI: usize = 3;
/// Digits behind the point of units of 10⁻¹².
pub(super) const PICO: usize = 12;

/// A decimal with so many digits behind the point as people write it: `3.291`, `3.5`, `20`.
pub(super) fn decimal(number: u64, digits: usize) -> String {
    let width = digits + 1;
    let padded = format!("{number:0width$}");
    let (whole, part) = padded.split_at(padded.len() - digits);
    format!("{whole}.{part}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The units of spans, largest first.
const UNITS: [(&str, u64); 5] = [("d", DAY_MS), ("h", HOUR_MS), ("min", MINUTE_MS), ("s", 1_000), ("ms", 1)];

/// A span in its largest whole unit: `35 d`.
pub(super) fn span_words(ms: u64) -> String {
    let (unit, size) =
        UNITS.into_iter().find(|(_, size)| ms >= *size && ms.is_multiple_of(*size)).unwrap_or(("ms", 1));
    format!("{} {unit}", ms / size)
}

/// A span both ways: `3024000000 (35 d)`.
pub(super) fn span_both(ms: u64) -> String {
    match span_words(ms) {
        words if words.ends_with(" ms") => words,
        words => format!("{ms} ({words})"),
    }
}

/// `35d`, `35 days`, `5 min`, `100ms` in milliseconds.
pub(super) fn read_span(text: &str) -> Option<u64> {
    let text = text.trim();
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(text.len());
    let number: u64 = text[..at].replace('_', "").parse().ok()?;
    let size = match text[at..].trim().to_ascii_lowercase().as_str() {
        "" | "ms" | "millis" | "milliseconds" => 1,
        "s" | "sec" | "second" | "seconds" => 1_000,
        "m" | "min" | "minute" | "minutes" => MINUTE_MS,
        "h" | "hour" | "hours" => HOUR_MS,
        "d" | "day" | "days" => DAY_MS,
        _ => return None,
    };
    number.checked_mul(size)
}
