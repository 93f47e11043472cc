//! Generated operators: the same seed writes the same bytes, and everything that is promised goes wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use gyre::generate::{Fault, Plan, run};
use serde_json::Value;

const FILES: [&str; 6] =
    ["wagers.jsonl", "outcomes.jsonl", "payments.jsonl", "games.jsonl", "accounts.jsonl", "truth.json"];

const CAUSES: [&str; 20] = [
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
];

const ANOMALIES: [&str; 8] = [
    "conflict",
    "velocity",
    "stake_spike",
    "overdraft",
    "rtp_out_of_band",
    "payout_above_maximum",
    "balance_mismatch",
    "late_wager",
];

fn generate(plan: &Plan) -> BTreeMap<&'static str, Vec<u8>> {
    run(plan, &mut |_| ()).expect("a sound plan and a folder to write to");
    read(&plan.output)
}

fn read(folder: &Path) -> BTreeMap<&'static str, Vec<u8>> {
    FILES.iter().map(|&name| (name, fs::read(folder.join(name)).expect(name))).collect()
}

fn truth(files: &BTreeMap<&'static str, Vec<u8>>) -> Value {
    serde_json::from_slice(&files["truth.json"]).expect("truth.json is JSON")
}

fn small(folder: &Path, seed: u64) -> Plan {
    Plan { wagers: 3_000, accounts: 150, games: 20, hours: 3.0, faults: 0.05, seed, ..Plan::new(folder) }
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str)
}

#[test]
fn the_same_seed_writes_the_same_bytes() {
    let (one, other, third) = (temporary(), temporary(), temporary());
    let first = generate(&small(one.path(), 5));
    assert_eq!(first, generate(&small(other.path(), 5)));
    assert_ne!(first["wagers.jsonl"], generate(&small(third.path(), 6))["wagers.jsonl"]);
}

fn temporary() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

#[test]
fn every_fault_is_injected_and_shows_what_it_promises() {
    let folder = temporary();
    let truth = truth(&generate(&small(folder.path(), 11)));
    let injected: BTreeMap<&str, &Value> = truth["injected"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| (row["fault"].as_str().expect("a name"), row))
        .collect();
    let mut shown = BTreeSet::new();
    for fault in Fault::ALL {
        let row = injected.get(fault.name()).unwrap_or_else(|| panic!("{} never happened", fault.name()));
        shown.extend(texts(&row["shows"]));
        for kind in fault.shows() {
            let counted = truth["rejects"][kind].as_u64().or(truth["anomalies"][kind].as_u64());
            assert!(counted > Some(0) || *kind == "stake_spike", "{} promises {kind}", fault.name());
        }
    }
    for promised in CAUSES.iter().chain(&ANOMALIES) {
        assert!(shown.contains(promised), "nothing shows {promised}");
    }
}

#[test]
fn incidents_point_to_lines_that_speak_of_them() {
    let folder = temporary();
    let files = generate(&small(folder.path(), 3));
    let truth = truth(&files);
    for row in truth["injected"].as_array().expect("a list") {
        // Of these the lines are copies of others, or nothing at all.
        if ["batch_resent", "empty_line", "velocity", "stake_spike", "rtp_out_of_band"]
            .iter()
            .any(|&name| row["fault"] == name)
        {
            continue;
        }
        for incident in row["incidents"].as_array().expect("a list") {
            let told = texts(&incident["lines"])
                .filter(|place| {
                    let (file, line) = place.split_once(':').expect("file:line");
                    let line: usize = line.parse().expect("a number");
                    let bytes = files[file].split(|&byte| byte == b'\n').nth(line - 1).expect("the line");
                    let text = String::from_utf8_lossy(bytes);
                    texts(&incident["ids"]).any(|id| text.contains(&format!("\"{id}\"")))
                        || row["fault"] == "wrong_shape"
                        || row["shows"].to_string().contains("unknown_kind")
                        || file == "payments.jsonl"
                })
                .count();
            assert!(told > 0, "{row}");
            assert_eq!(told, texts(&incident["lines"]).count(), "{row}");
        }
    }
}

#[test]
fn the_truth_balances() {
    let folder = temporary();
    let truth = truth(&generate(&small(folder.path(), 23)));
    let mut sums: BTreeMap<String, i128> = BTreeMap::new();
    for row in truth["balances"].as_array().expect("a list") {
        let minor: i128 = row["balance"].as_str().expect("text").replace('.', "").parse().expect("a decimal");
        *sums.entry(row["currency"].to_string()).or_default() += minor;
    }
    assert!(sums.len() >= 4, "{sums:?}");
    assert!(sums.values().all(|&sum| sum == 0), "{sums:?}");
    let wagers = &truth["wagers"];
    assert!(wagers["settled"].as_u64() > Some(2_500), "{wagers}");
}

#[test]
fn lines_arrive_in_order_and_most_are_records() {
    let folder = temporary();
    let files = generate(&Plan { faults: 0.0, ..small(folder.path(), 2) });
    for name in ["wagers.jsonl", "outcomes.jsonl", "payments.jsonl"] {
        let text = std::str::from_utf8(&files[name]).expect("UTF-8");
        let (mut received_ms, mut before_ms, mut disorder_ms) = (0, 0, 0);
        for line in text.lines() {
            let record: Value = serde_json::from_str(line).expect(line);
            let at_ms = record["at_ms"].as_u64().expect("at_ms");
            let receipt_ms = record["received_ms"].as_u64().expect("received_ms");
            assert!(receipt_ms >= received_ms && receipt_ms >= at_ms, "{line}");
            received_ms = receipt_ms;
            disorder_ms = disorder_ms.max(u64::saturating_sub(before_ms, at_ms));
            before_ms = before_ms.max(at_ms);
        }
        assert!(disorder_ms <= 2_100, "{name}: {disorder_ms}");
    }
    let truth = truth(&files);
    assert_eq!(truth["rejects"], serde_json::json!({}));
    for kind in
        ["overdraft", "balance_mismatch", "conflict", "velocity", "late_wager", "payout_above_maximum"]
    {
        assert_eq!(truth["anomalies"].get(kind), None, "{kind}");
    }
}

#[test]
fn a_plain_plan_counts_exactly_what_it_says() {
    let folder = temporary();
    let plan = Plan {
        wagers: 20_000,
        accounts: 400,
        games: 50,
        payments: 500,
        orphans: 20,
        unsettled: 200,
        ..Plan::core(folder.path())
    };
    let files = generate(&plan);
    let truth = truth(&files);
    let lines = &truth["lines"];
    assert_eq!(lines["wagers"], 20_000);
    assert_eq!(lines["outcomes"], 19_820);
    assert_eq!(lines["payments"], 500);
    assert_eq!(lines["games"], 0);
    assert_eq!(lines["accounts"], 0);
    assert_eq!(truth["rejects"], serde_json::json!({"outcome_missing": 200, "outcome_without_wager": 20}));
    assert_eq!(truth["wagers"]["open"], 200);
    let wager: Value =
        serde_json::from_slice(files["wagers.jsonl"].split(|&byte| byte == b'\n').next().expect("a line"))
            .expect("JSON");
    assert_eq!(wager.as_object().map(serde_json::Map::len), Some(6), "{wager}");
}

#[test]
fn a_plan_that_cannot_be_is_refused_in_words() {
    let folder = temporary();
    for (plan, words) in [
        (Plan { wagers: 0, ..Plan::new(folder.path()) }, "at least 1"),
        (Plan { faults: 1.5, ..Plan::new(folder.path()) }, "faults is a share"),
        (Plan { hours: f64::NAN, ..Plan::new(folder.path()) }, "hours lies"),
        (Plan { hours: 2_000.0, ..Plan::new(folder.path()) }, "200 wagers an hour"),
        (Plan { unsettled: 200_000, ..Plan::new(folder.path()) }, "more unsettled"),
    ] {
        let error = run(&plan, &mut |_| ()).expect_err(words);
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains(words), "{error}");
    }
}
