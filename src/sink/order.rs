//! Outputs, their keys, and the order of their rows.

use std::borrow::Cow;
use std::fmt;

use memchr::memchr2;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::error::{Error, Result};

pub use gyre_dataflows::rows::Output;

/// The fields by which rows of `output` are told apart and sorted, in this order.
pub fn key_fields(output: Output) -> &'static [&'static str] {
    match output {
        Output::Balances => &["tenant", "account", "currency", "wallet"],
        Output::Rtp => &["tenant", "provider", "game", "currency", "window"],
        Output::WagerStates => &["tenant", "provider", "wager_id"],
        Output::Rejects => &["topic", "tenant", "provider", "id", "cause", "digest"],
        Output::Recollect => &["topic", "tenant", "provider", "id", "digest", "attempt"],
        Output::Quarantine => &["topic", "tenant", "provider", "id", "digest"],
        Output::Anomalies => &["kind", "tenant", "subject"],
        Output::Postings => &["tenant", "entry", "leg"],
        Output::Decisions => &["tenant", "provider", "command_id"],
    }
}

/// The file of a final state.
pub fn final_file(output: Output) -> String {
    format!("{}.jsonl", output.name())
}

/// The file of a change log.
pub fn changes_file(output: Output) -> String {
    format!("{}.changes.jsonl", output.name())
}

/// Puts the sort key of `row` (one JSON object) into `key`, so that keys compare as bytes the way their fields
/// compare one after the other: `null` first, then text as UTF-8; a number is the text of its digits.
///
/// # Errors
/// A row that is no JSON object is a bug: rows are ours.
pub(crate) fn key_of(output: Output, row: &[u8], key: &mut Vec<u8>) -> Result<()> {
    let names = key_fields(output);
    key.clear();
    if key_ahead(names, row, key).is_some() {
        return Ok(());
    }
    key.clear();
    let mut parts = vec![None; names.len()];
    let mut parser = serde_json::Deserializer::from_slice(row);
    let seed = Fields { names, found: &mut parts };
    seed.deserialize(&mut parser).map_err(|error| {
        let start = String::from_utf8_lossy(&row[..row.len().min(200)]).into_owned();
        Error::bug(format!("a row of {} is no JSON object ({error}): {start}", output.name()))
    })?;
    for part in parts {
        push(key, part.as_deref().map(str::as_bytes));
    }
    Ok(())
}

/// Whether, of two rows of one key, the `later` one takes the place of the `earlier` one. Rejects are equal copies of
/// one record: the smallest position stays.
pub(super) fn replaces(output: Output, earlier: &[u8], later: &[u8]) -> bool {
    output != Output::Rejects || position(later) < position(earlier)
}

/// One field of a key. Fields end in 0; a 0 within is 0 255, and what follows an end is 0 or 1, so shorter text
/// sorts first.
fn push(key: &mut Vec<u8>, part: Option<&[u8]>) {
    let Some(part) = part else {
        key.push(0);
        return;
    };
    key.push(1);
    for byte in part {
        key.push(*byte);
        if *byte == 0 {
            key.push(255);
        }
    }
    key.push(0);
}

/// The key of a row that begins with its key fields in order, without escapes in them: nearly every row does, and
/// is spared the parser.
fn key_ahead(names: &[&str], row: &[u8], key: &mut Vec<u8>) -> Option<()> {
    let mut rest = row.strip_prefix(b"{")?;
    for (index, name) in names.iter().enumerate() {
        if index > 0 {
            rest = rest.strip_prefix(b",")?;
        }
        rest = rest.strip_prefix(b"\"")?.strip_prefix(name.as_bytes())?.strip_prefix(b"\":")?;
        if let Some(text) = rest.strip_prefix(b"\"") {
            let end = memchr2(b'"', b'\\', text).filter(|end| text[*end] == b'"')?;
            key.push(1);
            key.extend_from_slice(&text[..end]);
            key.push(0);
            rest = &text[end + 1..];
        } else {
            rest = rest.strip_prefix(b"null")?;
            key.push(0);
        }
    }
    Some(())
}

/// A row's `position`, in order: the file, then the line as a number.
fn position(row: &[u8]) -> Option<(String, u64)> {
    let mut found = [None];
    let mut parser = serde_json::Deserializer::from_slice(row);
    Fields { names: &["position"], found: &mut found }.deserialize(&mut parser).ok()?;
    let text = found[0].take()?;
    let cut = text.rfind([':', '/'])?;
    Some((text[..cut].to_owned(), text[cut + 1..].parse().ok()?))
}

/// Picks a few fields of an object, and skips the rest unread.
struct Fields<'a, 'de> {
    names: &'static [&'static str],
    found: &'a mut [Option<Cow<'de, str>>],
}

impl<'de> DeserializeSeed<'de> for Fields<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Fields<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key_seed(Text)? {
            match self.names.iter().position(|known| name.as_deref() == Some(*known)) {
                Some(index) => self.found[index] = map.next_value_seed(Text)?,
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// Text, borrowed where it holds no escapes; a number as its digits; `null` as nothing.
struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Option<Cow<'de, str>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a number or null")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(number.to_string())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(number.to_string())))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(output: Output, row: &str) -> Vec<u8> {
        let mut key = Vec::new();
        key_of(output, row.as_bytes(), &mut key).unwrap();
        key
    }

    #[test]
    fn the_order_of_fields_and_escapes_do_not_matter() {
        let plain =
            key(Output::Anomalies, r#"{"kind":"k","tenant":"-","subject":"한/1","evidence":{"kind":"x"}}"#);
        for row in [
            r#"{"subject":"한/1","evidence":{"kind":"x"},"kind":"k","tenant":"-"}"#,
            r#"{ "kind": "k", "tenant": "-", "subject": "한/1" }"#,
            r#"{"kind":"k","tenant":"-","subject":"\ud55c\/1"}"#,
        ] {
            assert_eq!(key(Output::Anomalies, row), plain, "{row}");
        }
        let leg = key(Output::Postings, r#"{"entry":"e","leg":1}"#);
        assert_eq!(key(Output::Postings, r#"{"entry":"e","leg":"1"}"#), leg);
        let mut none = Vec::new();
        assert!(key_of(Output::Postings, b"[1]", &mut none).is_err());
    }

    #[test]
    fn null_sorts_before_text() {
        let row = |id: &str| {
            key(
                Output::Rejects,
                &format!(
                    r#"{{"topic":"wagers","tenant":"-","provider":"-","id":{id},"cause":"c","digest":"d"}}"#
                ),
            )
        };
        assert!(row("null") < row("\"\\u0000\""));
        assert!(row("\"\\u0000\"") < row("\"a\""));
    }

    #[test]
    fn of_equal_rejects_the_smallest_position_stays() {
        let row = |position: &str| format!(r#"{{"position":"{position}"}}"#).into_bytes();
        let replaces =
            |earlier: &str, later: &str| super::replaces(Output::Rejects, &row(earlier), &row(later));
        assert!(replaces("wagers.jsonl:10", "wagers.jsonl:9"));
        assert!(!replaces("wagers.jsonl:9", "wagers.jsonl:10"));
        assert!(!replaces("wagers.jsonl:9", "wagers.jsonl:9"));
        assert!(replaces("wagers/0/100", "wagers/0/20"));
        assert!(super::replaces(Output::Balances, &row("a:1"), &row("a:2")));
    }

    proptest! {
        /// Keys as bytes compare as their fields do, one after the other.
        #[test]
        fn keys_compare_as_their_fields(
            left in prop::collection::vec(prop::option::of("[\0\u{1}a한\u{ff}\"]{0,3}"), 4),
            right in prop::collection::vec(prop::option::of("[\0\u{1}a한\u{ff}\"]{0,3}"), 4),
        ) {
            let row = |parts: &[Option<String>]| serde_json::json!({
                "tenant": parts[0], "account": parts[1], "currency": parts[2], "wallet": parts[3],
            }).to_string();
            let compared = key(Output::Balances, &row(&left)).cmp(&key(Output::Balances, &row(&right)));
            prop_assert_eq!(compared, left.cmp(&right));
        }
    }
}
