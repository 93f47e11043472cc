//! The ready fixtures end in the books that they tell of, in rows of the contract's shape and order.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use crate::feed::{Books, Feed};

/// Every output with its fields in order, and how many of them are its key.
const OUTPUTS: [(&str, usize, &[&str]); 7] = [
    ("balances", 4, &["tenant", "account", "currency", "wallet", "balance"]),
    (
        "rtp",
        5,
        &[
            "tenant",
            "provider",
            "game",
            "currency",
            "window",
            "stake",
            "payout",
            "wagers",
            "open_wagers",
            "open_stake",
            "rtp_actual",
            "z",
            "in_band",
        ],
    ),
    (
        "wager_states",
        3,
        &[
            "tenant",
            "provider",
            "wager_id",
            "account",
            "game",
            "round",
            "currency",
            "stake",
            "at_ms",
            "state",
            "payout",
            "settled_at_ms",
            "wager_revision",
            "outcome_revision",
        ],
    ),
    ("rejects", 6, &["topic", "tenant", "provider", "id", "cause", "digest", "position", "raw"]),
    ("anomalies", 3, &["kind", "tenant", "subject", "severity", "evidence", "at_ms", "rule"]),
    ("postings", 3, &["tenant", "entry", "leg", "account", "wallet", "currency", "amount", "source"]),
    (
        "decisions",
        3,
        &[
            "tenant",
            "provider",
            "command_id",
            "kind",
            "target",
            "actor",
            "reason",
            "at_ms",
            "tick",
            "before",
            "after",
        ],
    ),
];

/// All but those of commands: nobody gives any on that evening.
const CAUSES: [&str; 21] = [
    "account_mismatch",
    "bad_amount",
    "cancel_after_settle",
    "clock_skew",
    "conflicting_duplicate",
    "currency_mismatch",
    "game_mismatch",
    "malformed",
    "outcome_before_wager",
    "outcome_missing",
    "outcome_without_wager",
    "past_horizon",
    "settle_after_cancel",
    "stake_mismatch",
    "stake_not_positive",
    "unknown_account",
    "unknown_currency",
    "unknown_game",
    "unknown_kind",
    "unknown_target",
    "unsupported_field",
];

const ANOMALIES: [&str; 14] = [
    "balance_mismatch",
    "conflict",
    "deposit_then_withdraw",
    "improbable_wins",
    "late_wager",
    "linked_accounts",
    "opposite_betting",
    "overdraft",
    "payout_above_maximum",
    "rtp_out_of_band",
    "slow_drift",
    "stake_spike",
    "structuring",
    "velocity",
];

/// An object's fields in the order in which they stand.
struct Fields(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// Every row is an object with exactly the contract's fields in order, and rows stand in order of their keys' fields
/// as UTF-8 bytes, each key once.
pub fn holds(books: &Books) {
    for (output, key_fields, names) in OUTPUTS {
        let file = format!("{output}.jsonl");
        if output == "postings" && !books.files.contains_key(&file) {
            continue;
        }
        let text = books.text(&file);
        assert!(text.is_empty() || text.ends_with('\n'), "{file}");
        let mut last: Option<Vec<Option<String>>> = None;
        for line in text.lines() {
            let row: Fields =
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{file}: {error}: {line}"));
            let found: Vec<&str> = row.0.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(found, names, "{file}: {line}");
            let key = row.0[..key_fields].iter().map(|(_, value)| match value {
                Value::Null => None,
                Value::String(text) => Some(text.clone()),
                number => Some(number.to_string()),
            });
            let key = Some(key.collect());
            assert!(last < key, "{file}: {last:?} stands before {key:?}");
            last = key;
        }
    }
    let imbalance = books.summary["imbalance"].as_object().expect("an object");
    assert!(imbalance.values().all(|sum| sum == "0"), "{imbalance:?}");
}

#[test]
fn the_evening_shows_every_cause_and_anomaly() {
    let books = Feed::of("evening").books("--postings --changes");
    holds(&books);
    for (output, field, wanted) in [("rejects", "cause", &CAUSES[..]), ("anomalies", "kind", &ANOMALIES[..])]
    {
        let rows = books.rows(output);
        let found: BTreeSet<&str> = rows.iter().filter_map(|row| row[field].as_str()).collect();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), wanted);
        let counted = books.summary[output].as_object().expect("an object");
        assert_eq!(counted.keys().collect::<Vec<_>>(), wanted);
        for (name, number) in counted {
            assert_eq!(*number, books.find(output, field, name).len(), "{name}");
        }
    }
    for state in ["settled", "open", "cancelled"] {
        assert_eq!(books.summary[state], books.find("wager_states", "state", state).len(), "{state}");
    }
}

#[test]
fn the_summary_has_the_contracts_figures() {
    let books = Feed::of("evening").books("");
    let names: Vec<&str> = books.summary.as_object().expect("an object").keys().map(String::as_str).collect();
    let mut wanted = [
        "records",
        "duplicates",
        "rejects",
        "anomalies",
        "settled",
        "open",
        "cancelled",
        "tombstones",
        "recovered",
        "quarantined",
        "requested",
        "same_fault",
        "other_fault",
        "recollected",
        "decisions",
        "imbalance",
        "unknown_fields",
        "blank_lines",
        "first_tick",
        "last_tick",
        "wall_seconds",
        "records_per_second",
        "peak_bytes",
    ];
    wanted.sort_unstable();
    assert_eq!(names, wanted);
    assert!(books.summary["peak_bytes"].as_u64() > Some(1 << 20), "{}", books.summary);
    assert!(books.summary["records_per_second"].as_f64() > Some(0.0), "{}", books.summary);
    let ticks = ["first_tick", "last_tick"].map(|name| books.summary[name].as_u64().expect("a tick"));
    assert!(ticks[0] < ticks[1] && ticks.iter().all(|tick| tick % 100 == 0), "{ticks:?}");
}

#[test]
fn the_season_pays_what_the_season_paid() {
    let books = Feed::of("epl_2024_25").books("--postings --changes");
    holds(&books);
    for (account, balance) in [
        ("home", "3100.40"),
        ("draw", "3841.00"),
        ("away", "3793.40"),
        ("@house", "665.20"),
        ("@cashier", "-11400.00"),
    ] {
        assert_eq!(books.balance(account), balance, "{account}");
    }
    assert!(books.text("rejects.jsonl").is_empty() && books.text("anomalies.jsonl").is_empty());
    let all = books.find("rtp", "window", "all");
    let rates: Vec<&str> = all.iter().filter_map(|row| row["rtp_actual"].as_str()).collect();
    assert_eq!(rates, ["0.998263", "1.010789", "0.815895"]);
    assert_eq!(books.summary["settled"], 1_140);
}
