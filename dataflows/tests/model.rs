//! Random histories against a slow, plain reference that shares no code with the product.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests run workers and read the environment"
)]

#[path = "model/against_graph.rs"]
mod against_graph;
#[path = "harness/books.rs"]
mod harness;
#[path = "harness/histories.rs"]
mod histories;

mod model {
    pub mod history;
    pub mod reference;
}

use std::collections::{BTreeMap, BTreeSet};

use gyre_domain::currency::Currencies;
use gyre_domain::decode::{UnknownFields, decode};
use gyre_domain::records;
use model::history::{Dice, history, minimise, shown};
use model::reference::{
    Books, Line, Settings, Streams, Topic, books, differences, read, verdicts, within_law,
};

/// How many histories the reference is tried on by itself.
const SEEDS: u64 = 1_000;

fn size(seed: u64) -> usize {
    [5, 12, 30, 30, 60][seed as usize % 5]
}

#[test]
fn a_seed_tells_one_history() {
    for seed in 0..50 {
        let (streams, settings) = history(seed, 30);
        assert_eq!((streams.clone(), settings.clone()), history(seed, 30));
        assert_ne!(streams, history(seed + 50, 30).0);
        assert!(within_law(&streams, &settings));
    }
}

/// Every cause and anomaly, and every state, often enough to be worth comparing.
#[test]
fn histories_have_every_fault() {
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    for seed in 0..SEEDS {
        let (streams, settings) = history(seed, size(seed));
        let Books { summary, rtp, balances, decisions, anomalies, .. } = books(&streams, &settings);
        let ruled = |row: &&serde_json::Value| {
            row["rule"] != format!("{}/1", row["kind"].as_str().unwrap_or_default())
        };
        let counts = [
            ("duplicate", summary.duplicates),
            ("blank", summary.blank_lines),
            ("settled", summary.settled),
            ("open", summary.open),
            ("cancelled", summary.cancelled),
            ("tombstone", summary.tombstones),
            ("decision", decisions.len() as u64),
            ("held", balances.iter().filter(|row| row["wallet"] == "held").count() as u64),
            ("ruled", anomalies.iter().filter(ruled).count() as u64),
            ("rtp", rtp.len() as u64),
            ("z", rtp.iter().filter(|row| row["z"].is_string()).count() as u64),
        ];
        let counts = counts.into_iter().map(|(name, count)| (name.to_owned(), count));
        for (name, count) in counts.chain(summary.rejects).chain(summary.anomalies) {
            *seen.entry(name).or_default() += count.min(1);
        }
    }
    let expected = [
        "malformed",
        "unknown_kind",
        "unsupported_field",
        "unknown_currency",
        "bad_amount",
        "stake_not_positive",
        "clock_skew",
        "past_horizon",
        "unknown_game",
        "unknown_account",
        "outcome_without_wager",
        "account_mismatch",
        "game_mismatch",
        "stake_mismatch",
        "currency_mismatch",
        "outcome_before_wager",
        "cancel_after_settle",
        "settle_after_cancel",
        "conflicting_duplicate",
        "outcome_missing",
        "unknown_target",
        "target_mismatch",
        "conflict",
        "overdraft",
        "payout_above_maximum",
        "balance_mismatch",
        "late_wager",
        "velocity",
        "stake_spike",
        "rtp_out_of_band",
        "improbable_wins",
        "deposit_then_withdraw",
        "structuring",
        "slow_drift",
        "linked_accounts",
        "opposite_betting",
        "duplicate",
        "blank",
        "settled",
        "open",
        "cancelled",
        "tombstone",
        "decision",
        "held",
        "ruled",
        "rtp",
        "z",
    ];
    let rare: Vec<&str> =
        expected.into_iter().filter(|name| seen.get(*name).is_none_or(|count| *count < SEEDS / 50)).collect();
    assert!(rare.is_empty(), "{rare:?} of {seen:#?}");
}

#[test]
fn every_currency_sums_to_zero() {
    for seed in 0..SEEDS {
        let (streams, settings) = history(seed, size(seed));
        for (currency, sum) in books(&streams, &settings).summary.imbalance {
            assert_eq!(sum, "0", "{currency} of seed {seed}");
        }
    }
}

/// Keys of outputs name one row each.
#[test]
fn rows_have_keys_of_their_own() {
    let keys: [(&str, &[&str]); 7] = [
        ("balances", &["tenant", "account", "currency", "wallet"]),
        ("rtp", &["tenant", "provider", "game", "currency", "window"]),
        ("wager_states", &["tenant", "provider", "wager_id"]),
        ("rejects", &["topic", "tenant", "provider", "id", "cause", "digest"]),
        ("anomalies", &["kind", "tenant", "subject"]),
        ("postings", &["tenant", "entry", "leg"]),
        ("decisions", &["tenant", "provider", "command_id"]),
    ];
    for seed in 0..SEEDS {
        let (streams, settings) = history(seed, size(seed));
        let books = books(&streams, &settings);
        for ((output, rows), (_, columns)) in books.outputs().into_iter().zip(keys) {
            let mut found = BTreeSet::new();
            for row in rows {
                let key: Vec<String> = columns.iter().map(|name| row[*name].to_string()).collect();
                assert!(found.insert(key.clone()), "{output} {key:?} of seed {seed}");
            }
        }
    }
}

/// What is left of books when what may differ by order is left out.
fn without_places(mut books: Books) -> Books {
    for row in &mut books.rejects {
        row["position"] = serde_json::Value::Null;
        row["raw"] = serde_json::Value::Null;
    }
    for row in &mut books.postings {
        row["source"] = serde_json::Value::Null;
    }
    books
}

/// The law itself: the same admitted records in another order are the same books.
#[test]
fn order_does_not_matter() {
    let mut compared = 0;
    for seed in 0..SEEDS {
        let (streams, settings) = history(seed, size(seed));
        let mut shuffled = streams.clone();
        let mut dice = Dice::new(seed);
        for topic in Topic::ALL {
            dice.shuffle(shuffled.of_mut(topic));
        }
        if admission(&streams, &settings) == admission(&shuffled, &settings) {
            let (one, two) = (books(&streams, &settings), books(&shuffled, &settings));
            assert_eq!(
                without_places(one),
                without_places(two),
                "seed {seed}\n{}",
                shown(&streams, &settings)
            );
            compared += 1;
        }
    }
    assert!(compared > SEEDS / 2, "{compared}");
}

/// Each line with its verdict, in no order.
fn admission(streams: &Streams, settings: &Settings) -> Vec<(Vec<u8>, String)> {
    let mut said: Vec<(Vec<u8>, String)> = Vec::new();
    for verdict in verdicts(streams, settings) {
        let position = verdict["position"].as_str().unwrap_or_default();
        let (file, line) = position.split_once(".jsonl:").expect("a position");
        let topic = Topic::ALL.into_iter().find(|topic| topic.name() == file).expect("a topic");
        let line: usize = line.parse().expect("a line");
        said.push((streams.of(topic)[line - 1].clone(), verdict["verdict"].to_string()));
    }
    said.sort();
    said
}

#[test]
fn a_failing_history_shrinks_to_what_matters() {
    let cancelled = |streams: &Streams, settings: &Settings| books(streams, settings).summary.cancelled > 0;
    let (streams, settings) = (0..)
        .map(|seed| history(seed, 60))
        .find(|(streams, settings)| cancelled(streams, settings))
        .expect("some seed cancels");
    let least = minimise(&streams, |fewer| cancelled(fewer, &settings));
    assert_eq!((least.lines(), least.wagers.len(), least.outcomes.len()), (2, 1, 1));
    assert!(shown(&least, &settings).contains("outcomes.jsonl:1 "));
}

#[test]
fn differences_name_the_rows_of_one_side_alone() {
    let states = (0..)
        .map(|seed| history(seed, 30))
        .map(|(streams, settings)| books(&streams, &settings).wager_states)
        .find(|states| states.len() > 1)
        .expect("some seed has wagers");
    assert_eq!(differences("wager_states", &states, &states), "");
    let mut found = states.clone();
    found[0]["game"] = "another".into();
    let sides = differences("wager_states", &states, &found);
    assert_eq!(sides.lines().map(|line| &line[..2]).collect::<BTreeSet<_>>(), BTreeSet::from(["- ", "+ "]));
}

/// Before anything meets anything: each line alone is the same record, or fails the same check.
#[test]
fn lines_decode_alike() {
    let currencies = Currencies::default();
    for seed in 0..SEEDS {
        let (streams, settings) = history(seed, size(seed));
        for topic in Topic::ALL {
            for line in read(topic, streams.of(topic), &settings) {
                let bytes = line.raw.escape_ascii();
                assert_eq!(
                    decoded(&line, &currencies),
                    expected(&line),
                    "seed {seed} {}: {bytes}",
                    line.position()
                );
            }
        }
    }
}

/// What the product makes of a line, in one text.
fn decoded(line: &Line, currencies: &Currencies) -> String {
    let topic = records::Topic::from_name(line.topic.name()).expect("a topic");
    let mut unknown = UnknownFields::default();
    let said = match decode(topic, &line.raw, currencies, &mut unknown) {
        Ok(record) => {
            let mut content = Vec::new();
            record.canonical(&mut content);
            let (origin, content) = (record.origin(), String::from_utf8_lossy(&content));
            let id = Some(record.id().into_owned());
            format!("{} {} {id:?} {:?} sound {content}", origin.tenant, origin.provider, record.receipt_ms())
        }
        Err(fault) => {
            let (receipt_ms, digest) = (fault.receipt_ms, records::hex(&fault.digest));
            let cause = fault.cause.name();
            format!("{} {} {:?} {receipt_ms:?} {cause} {digest}", fault.tenant, fault.provider, fault.id)
        }
    };
    format!("{said} {:?}", unknown.iter().collect::<Vec<_>>())
}

/// What the reference makes of it.
fn expected(line: &Line) -> String {
    let said = match (line.cause, &line.fact) {
        (None, Some(fact)) => format!("sound {}", fact.content),
        (cause, _) => format!("{} {}", cause.unwrap_or_default(), line.digest()),
    };
    let mut unknown: BTreeMap<&str, u64> = BTreeMap::new();
    for name in &line.unknown_fields {
        *unknown.entry(name).or_default() += 1;
    }
    let unknown: Vec<(&str, u64)> = unknown.into_iter().collect();
    format!("{} {} {:?} {:?} {said} {unknown:?}", line.tenant, line.provider, line.id, line.receipt_ms())
}
