//! The same records end in the same bytes, and a change log ends in the final state.

use std::collections::BTreeMap;

use gyre::generate::{Plan, run};
use serde_json::{Value, json};

use crate::feed::{Books, Feed, LAPS, STREAMS, T0, but, deposit, settle, wager};

/// An evening on which everything goes wrong, and a small operator of a few days on whom much does.
fn feeds() -> [Feed; 2] {
    let generated = Feed::new();
    let plan = Plan {
        wagers: 2_500,
        accounts: 40,
        games: 9,
        hours: 60.0,
        seed: 77,
        faults: 0.3,
        ..Plan::new(generated.path())
    };
    run(&plan, &mut |_| ()).expect("a sound plan");
    [Feed::of("evening"), generated]
}

fn assert_same(left: &Books, right: &Books, what: &str) {
    assert_eq!(left.finals().keys().collect::<Vec<_>>(), right.finals().keys().collect::<Vec<_>>(), "{what}");
    let laps = LAPS.iter().filter(|_| !what.contains("--tick-ms"));
    for name in left.finals().keys().chain(laps) {
        assert_same_file(left, right, name, what);
    }
}

fn assert_same_file(left: &Books, right: &Books, name: &str, what: &str) {
    if left.files[name] != right.files[name] {
        let (left, right) = (left.text(name), right.text(name));
        let line = left.lines().zip(right.lines()).find(|(left, right)| left != right);
        panic!("{what}: {name} differs: {line:?}, {} and {} bytes", left.len(), right.len());
    }
}

/// `raw` is told of records that never stood. Where ticks are finer, some stood for a tick, and their `raw` is null.
fn assert_same_but_raw(coarse: &Books, fine: &Books, what: &str) {
    let is_other = |name: &&&str| !["rejects.jsonl", "decisions.jsonl"].contains(*name);
    for name in coarse.finals().keys().filter(is_other) {
        assert_same_file(coarse, fine, name, what);
    }
    let without_tick = |books: &Books| {
        let mut rows = books.rows("decisions");
        rows.iter_mut().for_each(|row| row["tick"] = Value::Null);
        rows
    };
    assert_eq!(without_tick(coarse), without_tick(fine), "{what}");
    assert_eq!(coarse.rows("rejects").len(), fine.rows("rejects").len(), "{what}");
    for (coarse, mut fine) in coarse.rows("rejects").into_iter().zip(fine.rows("rejects")) {
        if fine["raw"].is_null() && DISPLACED.iter().any(|cause| fine["cause"] == *cause) {
            fine["raw"] = coarse["raw"].clone();
        }
        assert_eq!(coarse, fine, "{what}");
    }
}

/// The causes that may befall a record that stood.
const DISPLACED: [&str; 3] = ["conflicting_duplicate", "cancel_after_settle", "settle_after_cancel"];

#[test]
fn workers_changes_ticks_and_packing_leave_the_books_alone() {
    for feed in feeds() {
        let base = feed.books("--workers 1 --postings");
        for flags in [
            "--workers 2 --postings",
            "--workers 4 --postings",
            "--workers 1 --postings --changes",
            "--workers 2 --postings --changes --tick-ms 10",
            "--workers 4 --postings --tick-ms 1000",
            "--workers 3 --postings --tick-ms 3600000",
        ] {
            let books = feed.books(flags);
            let tick_ms = flags.rsplit_once("--tick-ms ").map(|(_, tick_ms)| tick_ms.parse::<u64>());
            match tick_ms {
                None => assert_same(&base, &books, flags),
                Some(Ok(..100)) => assert_same_but_raw(&base, &books, flags),
                Some(_) => assert_same_but_raw(&books, &base, flags),
            }
            if !flags.contains("--tick-ms") {
                assert_eq!(base.figures(), books.figures(), "{flags}");
            }
        }
        for ending in ["gz", "zst"] {
            let packed = feed.packed(ending).books("--workers 2 --postings");
            assert_same(&base, &packed, ending);
            assert_eq!(base.figures(), packed.figures(), "{ending}");
        }
        assert!(
            base.summary["rejects"].as_object().is_some_and(|causes| causes.len() >= 18),
            "{}",
            base.summary
        );
    }
}

#[test]
fn change_logs_are_in_order_and_end_in_the_final_state() {
    for feed in feeds() {
        let one = feed.books("--workers 1 --postings --changes");
        assert_eq!(one.files.len(), 18, "{:?}", one.files.keys());
        for workers in ["2", "4"] {
            let books = feed.books(&format!("--workers {workers} --postings --changes"));
            for (name, bytes) in &one.files {
                assert!(*bytes == books.files[name], "{workers} workers: {name} differs");
            }
        }
        for tick_ms in [100, 10_000] {
            let books = feed.books(&format!("--postings --changes --tick-ms {tick_ms}"));
            for name in books.files.keys().filter(|name| !name.ends_with(".changes.jsonl")) {
                let log = name.replace(".jsonl", ".changes.jsonl");
                assert_eq!(
                    folded(books.text(&log), tick_ms),
                    books.text(name).lines().map(str::to_owned).fold(BTreeMap::new(), |mut rows, row| {
                        *rows.entry(row).or_default() += 1;
                        rows
                    }),
                    "{log}"
                );
            }
        }
    }
}

/// The rows that stand at the end of a change log, which is held to its order on the way.
fn folded(log: &str, tick_ms: u64) -> BTreeMap<String, i64> {
    let mut standing: BTreeMap<String, i64> = BTreeMap::new();
    let mut last: Option<(u64, &str)> = None;
    for line in log.lines() {
        let (tick, rest) = line.strip_prefix("{\"tick\":").and_then(|rest| rest.split_once(',')).expect(line);
        let (diff, row) =
            rest.strip_prefix("\"diff\":").and_then(|rest| rest.split_once(",\"row\":")).expect(line);
        let (tick, row) = (tick.parse().expect(line), row.strip_suffix('}').expect(line));
        // Reference rows stand before the first tick of the data.
        assert!(tick == 1 || tick % tick_ms == 0, "{line}");
        // Strictly: a row comes or goes once a tick, or its changes would not be consolidated.
        assert!(last < Some((tick, row)), "{line}");
        last = Some((tick, row));
        let count = standing.entry(row.to_owned()).or_default();
        *count += match diff {
            "1" => 1,
            "-1" => -1,
            _ => panic!("{line}"),
        };
        assert!((0..=1).contains(count), "{line}");
    }
    standing.retain(|_, count| *count != 0);
    standing
}

/// Ticks and positions follow the order of lines; nothing else does. What is judged by its receipt is left out.
#[test]
fn the_order_of_lines_moves_only_positions() {
    for feed in feeds() {
        let admitted = Feed::new();
        let rejects = feed.books("").rows("rejects");
        // Commands are about the records of lines that move here, and are left out.
        let is_there = |stream: &&str| feed.path().join(format!("{stream}.jsonl")).exists();
        let streams = STREAMS.into_iter().filter(|stream| *stream != "commands").filter(is_there);
        for stream in streams.clone() {
            let text = std::fs::read(feed.path().join(format!("{stream}.jsonl"))).expect("the stream");
            let lines: Vec<&[u8]> = text.split_inclusive(|&byte| byte == b'\n').collect();
            admitted.write(&format!("{stream}.jsonl"), without_clock_faults(&lines, &rejects, stream));
        }
        let backwards = Feed::new();
        for stream in streams {
            let text = std::fs::read(admitted.path().join(format!("{stream}.jsonl"))).expect("the stream");
            let mut lines: Vec<&[u8]> = text.split_inclusive(|&byte| byte == b'\n').collect();
            lines.reverse();
            backwards.write(&format!("{stream}.jsonl"), lines.concat());
        }
        let (forth, back) = (admitted.books("--postings"), backwards.books("--postings --workers 3"));
        for (name, bytes) in forth.finals() {
            if name == "rejects.jsonl" || name == "postings.jsonl" {
                assert_eq!(placeless(&forth, name), placeless(&back, name));
            } else {
                assert!(bytes == back.files[name], "{name} differs");
            }
        }
    }
}

fn without_clock_faults(lines: &[&[u8]], rejects: &[Value], stream: &str) -> Vec<u8> {
    let faulty = rejects.iter().filter(|row| row["cause"] == "clock_skew" || row["cause"] == "past_horizon");
    let faulty: Vec<usize> = faulty
        .filter_map(|row| row["position"].as_str()?.strip_prefix(&format!("{stream}.jsonl:"))?.parse().ok())
        .collect();
    let kept = lines.iter().enumerate().filter(|(at, _)| !faulty.contains(&(at + 1)));
    kept.flat_map(|(_, line)| line.to_vec()).collect()
}

/// Rows without what speaks of places: `position`, `source`, and `raw`, which equal copies may spell differently.
fn placeless(books: &Books, name: &str) -> Vec<Value> {
    let mut rows = books.rows(name.trim_end_matches(".jsonl"));
    for row in &mut rows {
        let row = row.as_object_mut().expect("a row");
        for field in ["position", "source", "raw"] {
            row.remove(field);
        }
    }
    rows
}

/// Equal copies of a reject may be spelt differently: the first one's bytes are told, whatever the workers.
#[test]
fn of_equal_copies_the_first_is_told() {
    let spelt = |record: &Value, copy: usize| format!("{{\"copy\":\"{copy}\",{}\n", &record.to_string()[1..]);
    let mut wagers = String::new();
    let mut outcomes = String::new();
    for number in 0..500 {
        let id = format!("w{number}");
        let at_ms = T0 + number;
        for copy in 0..4 {
            // Rejected for its wager that never comes and for its echo; and standing, but never settled.
            wagers += &spelt(&wager(&id, at_ms), copy);
            outcomes += &spelt(&but(settle(&id, at_ms), json!({ "account": "bob" })), copy);
            outcomes += &spelt(&settle(&format!("none{number}"), at_ms), copy);
        }
    }
    let feed = Feed::new().with("wagers.jsonl", wagers).with("outcomes.jsonl", outcomes);
    let feed = feed.records("payments.jsonl", [deposit("p", "100.00", T0)]);
    let base = feed.books("--workers 1");
    for flags in ["--workers 2", "--workers 4", "--workers 4 --changes", "--workers 2 --changes --tick-ms 1"]
    {
        assert_same(&base, &feed.books(flags), flags);
    }
    assert_eq!(base.summary["duplicates"], 500 * 3 * 3);
    let rejects = base.rows("rejects");
    // Each once; the open wagers too, for their outcomes are missing.
    assert_eq!(rejects.len(), 500 * 3);
    for row in rejects {
        match row["cause"].as_str() {
            Some("outcome_missing") => assert!(row["raw"].is_null(), "{row}"),
            Some("outcome_without_wager" | "account_mismatch") => {
                assert!(row["raw"].as_str().is_some_and(|raw| raw.starts_with("{\"copy\":\"0\"")), "{row}");
            }
            _ => panic!("{row}"),
        }
    }
}
