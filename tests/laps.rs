//! A stream of a million records in which a third of the outcomes come late: what the loop counts, against a reference.

use std::fs;
use std::path::Path;
use std::process::Command;

use gyre::generate::{Plan, run};
use serde_json::Value;

#[allow(dead_code, unused_imports, reason = "other tests use more of it")]
#[path = "../dataflows/tests/model"]
mod model {
    pub mod reference;
}

use model::reference::{Settings, Streams, laps};

/// Delays of the default config.
const DELAYS_MS: [i64; 3] = [1_000, 4_000, 16_000];

fn lines(folder: &Path, topic: &str) -> Vec<Vec<u8>> {
    let bytes = fs::read(folder.join(format!("{topic}.jsonl"))).expect("a stream of the plan");
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    bytes.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect()
}

fn replayed(folder: &Path, workers: &str) -> Value {
    let out = folder.join("out");
    let replay = Command::new(env!("CARGO_BIN_EXE_gyre"))
        .args(["replay", "--workers", workers, "--output"])
        .args([&out, folder])
        .output()
        .expect("gyre starts");
    assert!(replay.status.success(), "{}", String::from_utf8_lossy(&replay.stderr));
    serde_json::from_slice(&fs::read(out.join("summary.json")).expect("summary.json")).expect("JSON")
}

#[test]
fn a_million_records_recover_and_rest_as_the_reference_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let plan = Plan {
        wagers: 500_000,
        accounts: 300,
        games: 40,
        hours: 6.0,
        seed: 30,
        faults: 0.02,
        late: 0.3,
        ..Plan::new(folder.path())
    };
    let written = run(&plan, &mut |_| ()).expect("a sound plan");
    assert!(written.wagers + written.outcomes + written.payments > 1_000_000, "{written:?}");
    let summary = replayed(folder.path(), "2");

    let of = |topic| lines(folder.path(), topic);
    let streams = Streams {
        wagers: of("wagers"),
        outcomes: of("outcomes"),
        payments: of("payments"),
        games: of("games"),
        accounts: of("accounts"),
        ..Streams::default()
    };
    let expected = laps(&streams, &Settings::default(), &DELAYS_MS);
    assert!(expected.requested > 200_000 && expected.recovered.len() == 4, "{:?}", expected.recovered);
    let recovered: serde_json::Map<String, Value> =
        expected.recovered.iter().map(|(attempt, number)| (attempt.to_string(), (*number).into())).collect();
    assert_eq!(summary["recovered"], Value::Object(recovered));
    assert_eq!(summary["quarantined"], expected.quarantine.len());
    assert_eq!(summary["requested"], expected.requested);
    assert_eq!(summary["same_fault"], expected.same_fault);
    assert_eq!(summary["other_fault"], expected.other_fault);

    let asked = |row: &Value| {
        ["topic", "tenant", "provider", "id", "digest", "attempt", "cause", "due_ms"]
            .map(|field| row[field].to_string())
    };
    let text = fs::read_to_string(folder.path().join("out/recollect.jsonl")).expect("recollect.jsonl");
    let mut told: Vec<_> =
        text.lines().map(|row| asked(&serde_json::from_str(row).expect("rows are JSON"))).collect();
    let mut wanted: Vec<_> = expected.requests.iter().map(asked).collect();
    told.sort();
    wanted.sort();
    assert!(told == wanted, "{} requests stand, {} should", told.len(), wanted.len());
}
