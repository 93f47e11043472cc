//! Arbitrary bytes as a line of every topic. Whatever they are, decoding ends without a panic, and
//!
//! - a sound record, written as a line, is read as itself, and has one canonical content;
//! - a line that is not `malformed` is JSON to the library too; what is not, is `malformed`;
//! - a fault's digest is of the line, but for an empty stake of its content; only what decodes has a receipt, and
//!   counts its unknown fields.
//!
//! Short lines are tried for every topic, so that a seed serves all.
#![no_main]

use std::sync::LazyLock;

use gyre_domain::cause::Cause;
use gyre_domain::currency::Currencies;
use gyre_domain::decode::{UnknownFields, decode};
use gyre_domain::records::{Record, Topic, digest};
use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;

static CURRENCIES: LazyLock<Currencies> = LazyLock::new(Currencies::default);

fuzz_target!(|line: &[u8]| {
    let json = serde_json::from_slice::<IgnoredAny>(line).is_ok() && std::str::from_utf8(line).is_ok();
    for topic in Topic::ALL {
        let mut unknown = UnknownFields::default();
        match decode(topic, line, &CURRENCIES, &mut unknown) {
            Ok(record) => {
                assert!(json, "a record is JSON");
                sound(topic, &record);
            }
            Err(fault) => {
                assert!(fault.cause <= Cause::StakeNotPositive, "{} is not the decoder's", fault.cause);
                assert_eq!(fault.digest == digest(line), fault.cause != Cause::StakeNotPositive);
                if fault.cause == Cause::Malformed {
                    assert_eq!(fault.receipt_ms, None);
                    assert!(unknown.is_empty());
                } else {
                    assert!(json, "{} is judged on JSON", fault.cause);
                    assert!(fault.id.is_some(), "what has its structure has an id");
                    assert!(fault.receipt_ms.is_some() || topic.is_reference());
                }
            }
        }
    }
});

/// What holds of a record.
fn sound(topic: Topic, record: &Record<'_>) {
    assert_eq!(record.topic(), topic);
    if let Record::Wager(wager) = record {
        assert!(wager.stake > 0 || (wager.stake == 0 && wager.free_round));
    }
    let mut line = Vec::new();
    record.wire(&mut line);
    let mut unknown = UnknownFields::default();
    let again = decode(topic, &line, &CURRENCIES, &mut unknown);
    assert_eq!(again.as_ref(), Ok(record));
    assert!(unknown.is_empty());
    let content = |record: &Record<'_>| {
        let mut out = Vec::new();
        record.canonical(&mut out);
        out
    };
    let canonical = content(record);
    assert!(again.is_ok_and(|again| content(&again) == canonical));
    assert!(serde_json::from_slice::<serde_json::Value>(&canonical).is_ok());
}
