//! Random histories through the real graph, against the reference: every cut, every number of workers, one answer.

use std::collections::{BTreeMap, BTreeSet};

use crate::harness::{Cut, Told, begins_timeless, run, span_ms};
use crate::histories::{rules, topics};
use crate::model::history::{history, minimise, shown};
use crate::model::reference::{self, Laps, Moment, Settings, Streams, books, laps_of, line, timeline};
use gyre_dataflows::rows::Output;
use serde_json::Value;

fn told(streams: &Streams, settings: &Settings, workers: usize, cut: Cut) -> Told {
    run(&topics(streams), &rules(settings), workers, cut)
}

/// What differs between the reference's books and the graph's, in words; empty where nothing does.
fn differences(streams: &Streams, settings: &Settings, workers: usize, cut: Cut) -> String {
    let expected = books(streams, settings);
    let told = told(streams, settings, workers, cut);
    let mut said = String::new();
    for (name, rows) in expected.outputs() {
        let output = named(name);
        let mut expected: Vec<String> =
            rows.iter().map(|row| without_raw(output, &line(name, row))).collect();
        expected.sort();
        let found = |rows: Option<&Vec<String>>| {
            let mut found: Vec<String> =
                rows.into_iter().flatten().map(|row| without_raw(output, row)).collect();
            found.sort();
            found
        };
        said += &compare(name, "at rest", &expected, &found(told.finals.get(&output)));
        if !told.changes.is_empty() {
            said += &compare(name, "by its changes", &expected, &found(told.folded().get(&output)));
        }
    }
    if cut == Cut::LineByLine {
        let delays_ms: Vec<i64> = rules(settings).lap_delays_ms.iter().map(|&delay| delay as i64).collect();
        let moments = timeline(streams, settings);
        said += &compare_changes(&moments, &told);
        said += &compare_laps(&laps_of(&moments, settings, &delays_ms), &told);
    }
    said + &compare_counts(&expected.summary, &told)
}

/// What changed at each tick beside what was to change there.
fn compare_changes(moments: &[Moment], told: &Told) -> String {
    let mut expected: BTreeMap<(u64, &str, String), i64> = BTreeMap::new();
    let mut outputs = BTreeSet::new();
    let nothing = reference::Books::default();
    let before = std::iter::once(&nothing).chain(moments.iter().map(|moment| &moment.books));
    for (moment, before) in moments.iter().zip(before) {
        for (books, diff) in [(&moment.books, 1), (before, -1)] {
            for (name, rows) in books.outputs() {
                outputs.insert(name);
                for row in rows {
                    let row = without_raw(named(name), &line(name, row));
                    *expected.entry((moment.tick as u64, name, row)).or_default() += diff;
                }
            }
        }
    }
    let mut found: BTreeMap<(u64, &str, String), i64> = BTreeMap::new();
    for ((tick, output, row), diff) in &told.changes {
        if outputs.contains(output.name()) {
            *found.entry((*tick, output.name(), without_raw(*output, row))).or_default() += diff;
        }
    }
    let mut said = String::new();
    for change in expected.keys().chain(found.keys()).collect::<BTreeSet<_>>() {
        let of = |changes: &BTreeMap<_, i64>| changes.get(change).copied().unwrap_or_default();
        if of(&expected) != of(&found) {
            let (tick, name, row) = change;
            said += &format!("{name} at {tick} changes {}, not {}: {row}\n", of(&found), of(&expected));
        }
    }
    said
}

fn named(name: &str) -> Output {
    Output::ALL.into_iter().find(|output| output.name() == name).expect("an output of the contract")
}

/// What the loop told beside what it was to tell: the rows at rest and every count.
fn compare_laps(expected: &Laps, told: &Told) -> String {
    let mut said = String::new();
    for (output, rows) in
        [(Output::Recollect, &expected.requests), (Output::Quarantine, &expected.quarantine)]
    {
        let parsed = |row: &String| {
            let mut row: serde_json::Value = serde_json::from_str(row).expect("rows are JSON");
            row.as_object_mut().expect("rows are objects").remove("raw");
            row.to_string()
        };
        let mut expected: Vec<String> = rows.iter().map(|row| row.to_string()).collect();
        expected.sort();
        for (how, rows) in [("at rest", &told.finals), ("by its changes", &told.folded())] {
            let mut found: Vec<String> = rows.get(&output).into_iter().flatten().map(parsed).collect();
            found.sort();
            said += &compare(output.name(), how, &expected, &found);
        }
    }
    let counts = &told.counts;
    let mut pairs = vec![
        ("requested".to_owned(), expected.requested, counts.requested),
        ("quarantined".to_owned(), expected.quarantine.len() as i64, counts.quarantined),
        ("same faults".to_owned(), expected.same_fault, counts.same_fault),
        ("other faults".to_owned(), expected.other_fault, counts.other_fault),
    ];
    for (attempt, &found) in counts.recovered.iter().enumerate() {
        let expected = expected.recovered.get(&attempt).copied().unwrap_or_default();
        pairs.push((format!("recovered after {attempt}"), expected, found));
    }
    for (name, expected, found) in pairs {
        if expected != found {
            said += &format!("{name}: {found} counted, not {expected}\n");
        }
    }
    said
}

fn compare(name: &str, how: &str, expected: &[String], found: &[String]) -> String {
    let mut said = String::new();
    for row in expected.iter().filter(|row| !found.contains(row)) {
        said += &format!("{name} {how} lacks    {row}\n");
    }
    for row in found.iter().filter(|row| !expected.contains(row)) {
        said += &format!("{name} {how} has also {row}\n");
    }
    if said.is_empty() && expected.len() != found.len() {
        said = format!("{name} {how} has {} rows, not {}\n", found.len(), expected.len());
    }
    said
}

fn compare_counts(expected: &reference::Summary, told: &Told) -> String {
    let counts = &told.counts;
    let pairs = [
        ("duplicates", expected.duplicates, counts.duplicates),
        ("settled", expected.settled, counts.settled),
        ("open", expected.open, counts.open),
        ("cancelled", expected.cancelled, counts.cancelled),
        ("tombstones", expected.tombstones, counts.tombstones),
        ("decisions", expected.decisions, counts.decisions),
        ("rejects", expected.rejects.values().sum(), counts.rejects.iter().sum()),
        ("anomalies", expected.anomalies.values().sum(), counts.anomalies.iter().sum()),
    ];
    let imbalance = counts.imbalance.iter().map(|(_, sum)| sum.abs()).sum::<i128>();
    let mut said = String::new();
    for (name, expected, found) in pairs.into_iter().chain([("imbalance", 0, imbalance as i64)]) {
        if expected as i64 != found {
            said += &format!("{name}: {found} counted, not {expected}\n");
        }
    }
    said
}

/// A row as it is compared: raw bytes of rejects are outside the law of order where the record passed admission, and
/// the order of figures within evidence says nothing.
fn without_raw(output: Output, row: &str) -> String {
    match (output, row.find(",\"raw\":")) {
        (Output::Rejects, Some(at)) => row[..at].to_owned(),
        (Output::Anomalies, _) => {
            serde_json::from_str::<serde_json::Value>(row).expect("rows are JSON").to_string()
        }
        (Output::Decisions, _) => {
            // When a command and its target were first both there is a question of order.
            let mut row: serde_json::Value = serde_json::from_str(row).expect("rows are JSON");
            row["tick"] = 0.into();
            row.to_string()
        }
        _ => row.to_owned(),
    }
}

fn is_amended_too_late(row: &serde_json::Value) -> bool {
    row["topic"] == "commands" && row["cause"] == "past_horizon"
}

fn check(seed: u64, size: usize, workers: usize, cut: Cut) {
    let (streams, mut settings) = history(seed, size);
    settings.stake_spike_previous_max = 64;
    // What is forgotten is outside the law: an unsound line may come again after its reject was.
    if span_ms(&topics(&streams), &rules(&settings)) > settings.horizon_ms as u64 {
        return;
    }
    // Nor is it within the law that a command reaches a line that came before all time.
    if !streams.commands.is_empty() && begins_timeless(&topics(&streams), &rules(&settings)) {
        return;
    }
    if let Cut::Withdrawn(_) = cut
        && books(&streams, &settings).rejects.iter().any(is_amended_too_late)
    {
        // Withdrawn records come back under a horizon of their own.
        return;
    }
    if matches!(cut, Cut::Withdrawn(_)) && begins_late(&streams) {
        // While records go and come back, rules come into force for which the data had ended.
        return;
    }
    let said = differences(&streams, &settings, workers, cut);
    if !said.is_empty() {
        let least = minimise(&streams, |streams| !differences(streams, &settings, workers, cut).is_empty());
        let said = differences(&least, &settings, workers, cut);
        panic!("seed {seed}, {workers} workers, {cut:?}:\n{said}\n{}", shown(&least, &settings));
    }
}

/// Whether a rule begins when half of the records have come, or later.
fn begins_late(streams: &Streams) -> bool {
    let time = |line: &Vec<u8>, names: &[&str]| {
        let value: Value = serde_json::from_slice(line).ok()?;
        names.iter().find_map(|name| value[name].as_u64())
    };
    let facts = [&streams.wagers, &streams.outcomes, &streams.payments].into_iter().flatten();
    let mut receipts: Vec<u64> = facts.filter_map(|line| time(line, &["received_ms", "at_ms"])).collect();
    receipts.sort_unstable();
    let half = receipts.get(receipts.len() / 2).copied().unwrap_or(0);
    streams.rules.iter().filter_map(|line| time(line, &["effective_from_ms"])).any(|from_ms| from_ms >= half)
}

/// How many histories, from which seed on: `GYRE_HISTORIES` and `GYRE_SEED` make a longer run.
fn seeds(least: u64) -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number("GYRE_SEED").unwrap_or(0);
    first..first + number("GYRE_HISTORIES").unwrap_or(least)
}

fn size(seed: u64) -> usize {
    [5, 12, 30, 30, 60][seed as usize % 5]
}

#[test]
fn all_at_once() {
    seeds(4_000).for_each(|seed| check(seed, size(seed), 1, Cut::AllAtOnce));
}

#[test]
fn line_by_line_with_changes() {
    seeds(2_500).for_each(|seed| check(seed, size(seed), 1, Cut::LineByLine));
}

#[test]
fn shuffled() {
    seeds(2_500).for_each(|seed| check(seed, size(seed), 1, Cut::Shuffled(seed)));
}

#[test]
fn two_and_four_workers() {
    for seed in seeds(800) {
        let cut = [Cut::AllAtOnce, Cut::LineByLine, Cut::Shuffled(seed)][seed as usize % 3];
        check(seed, size(seed), if seed % 2 == 0 { 2 } else { 4 }, cut);
    }
}

#[test]
fn withdrawn_and_back_again() {
    seeds(800).for_each(|seed| check(seed, size(seed), 1 + seed as usize % 2, Cut::Withdrawn(seed)));
}
