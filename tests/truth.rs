//! `gyre replay` of generated operators against the books that their generator kept.
//!
//! The generator books what it means to happen and reads no record back; what it knows exactly, the replay must say.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use gyre::generate::{Plan, run};
use serde_json::Value;

/// How often each text occurs.
type Counts = BTreeMap<String, u64>;

fn count(texts: impl Iterator<Item = String>) -> Counts {
    let mut counts = Counts::new();
    for text in texts {
        *counts.entry(text).or_default() += 1;
    }
    counts
}

fn key(row: &Value, fields: &[&str]) -> String {
    fields.iter().map(|&field| format!("{} ", row[field])).collect()
}

fn rows(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

fn list<'a>(truth: &'a Value, name: &str) -> &'a [Value] {
    truth[name].as_array().unwrap_or_else(|| panic!("no list {name}"))
}

/// Replays the folder and holds the books to its truth.
fn holds(folder: &Path, workers: &str) -> Value {
    let out = folder.join("out");
    let replay = Command::new(env!("CARGO_BIN_EXE_gyre"))
        .args(["replay", "--workers", workers, "--output"])
        .args([&out, folder])
        .output()
        .expect("gyre starts");
    assert!(replay.status.success(), "{}", String::from_utf8_lossy(&replay.stderr));
    let truth: Value =
        serde_json::from_str(&fs::read_to_string(folder.join("truth.json")).expect("truth.json"))
            .expect("JSON");
    let summary: Value =
        serde_json::from_str(&fs::read_to_string(out.join("summary.json")).expect("summary.json"))
            .expect("JSON");

    assert_eq!(summary["rejects"], truth["rejects"]);
    assert_eq!(summary["duplicates"], truth["duplicates"]);
    assert_eq!(summary["unknown_fields"], truth["unknown_fields"]);
    for state in ["settled", "open", "cancelled", "tombstones"] {
        assert_eq!(summary[state], truth["wagers"][state], "{state}");
    }
    let blank: u64 =
        truth["blank_lines"].as_object().expect("by file").values().filter_map(Value::as_u64).sum();
    assert_eq!(summary["blank_lines"], blank);

    let balances = ["tenant", "account", "currency", "wallet", "balance"];
    let told = |rows: &[Value], fields: &[&str]| count(rows.iter().map(|row| key(row, fields)));
    assert_eq!(
        told(&rows(&out.join("balances.jsonl")), &balances),
        told(list(&truth, "balances"), &balances)
    );

    let returns = [
        "provider",
        "game",
        "currency",
        "stake",
        "payout",
        "wagers",
        "open_wagers",
        "open_stake",
        "rtp_actual",
    ];
    let mut rtp = rows(&out.join("rtp.jsonl"));
    rtp.retain(|row| row["window"] == "all");
    assert_eq!(told(&rtp, &returns), told(list(&truth, "rtp"), &returns));

    let reject = ["topic", "tenant", "provider", "id", "cause"];
    let mut rejects = rows(&out.join("rejects.jsonl"));
    rejects.retain(|row| row["cause"] != "malformed");
    assert_eq!(told(&rejects, &reject), told(list(&truth, "reject_rows"), &reject));

    let mut anomalies = rows(&out.join("anomalies.jsonl"));
    for (kind, subjects) in truth["anomalies_at_least"].as_object().expect("by kind") {
        for subject in subjects.as_array().expect("a list") {
            let is_it = |row: &Value| row["kind"] == **kind && row["subject"] == *subject;
            assert!(anomalies.iter().any(is_it), "{kind} {subject}");
        }
    }
    let not_told = truth["not_told"].as_object().expect("by kind");
    anomalies.retain(|row| row["kind"].as_str().is_none_or(|kind| !not_told.contains_key(kind)));
    let anomaly = ["kind", "tenant", "subject"];
    assert_eq!(told(&anomalies, &anomaly), told(list(&truth, "anomaly_rows"), &anomaly));
    for (kind, name, figures) in [
        ("overdraft", "overdrafts", &["lowest", "lowest_at_ms", "since_ms"][..]),
        ("balance_mismatch", "balance_mismatches", &["at_ms", "claimed", "ours", "mismatches"][..]),
    ] {
        let found = anomalies.iter().filter(|row| row["kind"] == kind);
        let found = found.map(|row| format!("{} {}", row["subject"], key(&row["evidence"], figures)));
        let meant = list(&truth, name).iter();
        let meant = meant.map(|row| format!("{} {}", row["subject"], key(row, figures)));
        assert_eq!(count(found), count(meant), "{kind}");
    }

    if let Some(decided) = truth["decisions"].as_array() {
        let decision = ["tenant", "provider", "command_id", "kind", "target", "before", "after"];
        let found = rows(&out.join("decisions.jsonl"));
        assert_eq!(told(&found, &decision), told(decided, &decision));
    }
    summary
}

#[test]
fn generated_operators_end_in_the_books_they_were_meant_to() {
    // Few and many players, few and many games, an hour and a week; a little and everything going wrong.
    for (seed, accounts, games, hours, faults) in [
        (1, 300, 40, 3.0, 0.05),
        (2, 5, 1, 0.3, 0.2),
        (3, 2_000, 60, 150.0, 0.02),
        (4, 60, 7, 1.0, 1.0),
        (5, 90, 9, 2.0, 0.0),
    ] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let plan = Plan { wagers: 4_000, accounts, games, hours, seed, faults, ..Plan::new(folder.path()) };
        run(&plan, &mut |_| ()).expect("a sound plan");
        holds(folder.path(), if seed % 2 == 0 { "1" } else { "2" });
    }
}

/// Commands decide, rounds that never ended are asked for, and every record but those that nothing mends recovers.
#[test]
fn the_evening_ends_in_the_books_it_was_meant_to() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let written = run(&Plan::evening(folder.path()), &mut |_| ()).expect("a sound plan");
    let summary = holds(folder.path(), "2");
    assert_eq!((written.commands, summary["decisions"].as_u64()), (6, Some(5)));
    assert_eq!(summary["recollected"], written.answers);
    let rows = |output: &str| {
        let text = fs::read_to_string(folder.path().join("out").join(output)).expect(output);
        text.lines().count()
    };
    assert_eq!(rows("quarantine.jsonl"), summary["quarantined"].as_u64().expect("a count") as usize);
}

#[test]
fn a_plain_operator_ends_in_its_books() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let plan = Plan {
        wagers: 30_000,
        accounts: 500,
        games: 50,
        payments: 500,
        orphans: 40,
        unsettled: 300,
        ..Plan::core(folder.path())
    };
    run(&plan, &mut |_| ()).expect("a sound plan");
    holds(folder.path(), "2");
}

/// At size: a million wagers with two faults in a hundred, met exactly.
#[test]
fn a_million_wagers_end_in_the_books_they_were_meant_to() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let plan =
        Plan { wagers: 1_000_000, accounts: 20_000, games: 200, hours: 6.0, ..Plan::new(folder.path()) };
    run(&plan, &mut |_| ()).expect("a sound plan");
    holds(folder.path(), "2");
}
