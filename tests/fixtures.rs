//! The ready fixtures are what their commands make, and their stories tell what is in them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use gyre::generate::{Fault, Plan, Tale, run};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

#[path = "../fixtures/epl_2024_25/make.rs"]
#[allow(dead_code)]
mod epl_2024_25;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

// --- the evening

/// `BLESS=1` writes the evening anew, and its story's tables.
#[test]
fn the_evening_is_what_its_preset_makes_and_its_story_tells() {
    let kept = folder("evening");
    let made = tempfile::tempdir().expect("a temporary folder");
    let blesses = std::env::var_os("BLESS").is_some();
    let into = if blesses { &kept } else { made.path() };
    run(&Plan::evening(into), &mut |_| ()).expect("a sound plan");
    if blesses {
        let story = read(&kept.join("README.md"));
        fs::write(kept.join("README.md"), retold(&story, &truth())).expect("README.md");
    }
    let files = [
        "wagers.jsonl",
        "outcomes.jsonl",
        "payments.jsonl",
        "games.jsonl",
        "accounts.jsonl",
        "commands.jsonl",
        "recollected/outcomes.jsonl",
        "truth.json",
    ];
    for name in files {
        assert!(
            fs::read(kept.join(name)).expect(name) == fs::read(into.join(name)).expect(name),
            "fixtures/evening/{name} is not what the preset makes; BLESS=1 cargo test --test fixtures renews it"
        );
    }
    let story = read(&kept.join("README.md"));
    assert!(
        story == retold(&story, &truth()),
        "the story's tables differ; BLESS=1 cargo test --test fixtures renews them"
    );
    for shown in shown() {
        assert!(story.contains(&format!("| `{shown}` | ")), "the story does not show {shown}");
    }
}

/// Every cause and anomaly that the evening promises.
fn shown() -> impl Iterator<Item = &'static &'static str> {
    let faults = Fault::ALL.iter().flat_map(|fault| fault.shows());
    faults.chain(Tale::ALL.iter().flat_map(|tale| tale.shows()))
}

fn truth() -> Value {
    serde_json::from_str(&read(&folder("evening").join("truth.json"))).expect("truth.json")
}

/// The story with its tables made anew from the truth.
fn retold(story: &str, truth: &Value) -> String {
    let mut told = story.to_owned();
    for (name, table) in [("minutes", minutes(truth)), ("shows", shows(truth)), ("figures", figures(truth))] {
        let (start, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->\n"));
        let from = told.find(&start).unwrap_or_else(|| panic!("no {start}")) + start.len();
        let to = told.find(&end).unwrap_or_else(|| panic!("no {end}"));
        told.replace_range(from..to, &table);
    }
    told
}

/// What happened, minute by minute.
fn minutes(truth: &Value) -> String {
    let berlin = TimeZone::get("Europe/Berlin").expect("bundled");
    let mut rows = Vec::new();
    for (fault, incident) in incidents(truth) {
        let at_ms = incident["at_ms"].as_i64().expect("a time");
        let time = Timestamp::from_millisecond(at_ms).expect("a time").to_zoned(berlin.clone());
        let row = format!(
            "| {} | {} | {} | {} |\n",
            time.strftime("%H:%M:%S"),
            incident["account"].as_str().expect("a name"),
            fault["story"].as_str().expect("a story"),
            lines(incident),
        );
        rows.push((at_ms, row));
    }
    rows.sort();
    let header = "| when | who | what | lines |\n|---|---|---|---|\n";
    rows.into_iter().fold(header.to_owned(), |table, (_, row)| table + &row)
}

/// Where each cause and anomaly is to be seen.
fn shows(truth: &Value) -> String {
    let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (fault, incident) in incidents(truth) {
        for kind in fault["shows"].as_array().expect("a list") {
            let who = incident["account"].as_str().expect("a name");
            let place = format!("{who}: {}", lines(incident));
            places.entry(kind.as_str().expect("a name")).or_default().push(place);
        }
    }
    let mut table = String::from("| cause or anomaly | rows | where |\n|---|---|---|\n");
    let mut kinds: Vec<&&str> = shown().collect();
    kinds.sort();
    kinds.dedup();
    for kind in kinds {
        let rows = truth["rejects"].get(*kind).or_else(|| truth["anomalies"].get(*kind));
        let rows = rows.map_or_else(|| "at least 1".to_owned(), Value::to_string);
        // Writing to a string does not fail.
        let _ = writeln!(table, "| `{kind}` | {rows} | {} |", places[kind].join(" · "));
    }
    table
}

fn figures(truth: &Value) -> String {
    let lines = &truth["lines"];
    let wagers = &truth["wagers"];
    let mut table = String::from("| | |\n|---|---|\n");
    for (name, value) in [
        (
            "lines of wagers, outcomes, payments",
            format!("{}, {}, {}", lines["wagers"], lines["outcomes"], lines["payments"]),
        ),
        ("lines of games, accounts", format!("{}, {}", lines["games"], lines["accounts"])),
        ("commands, answers of providers", format!("{}, {}", lines["commands"], lines["recollected"])),
        (
            "wagers settled, cancelled, open",
            format!("{}, {}, {}", wagers["settled"], wagers["cancelled"], wagers["open"]),
        ),
        ("tombstones", wagers["tombstones"].to_string()),
        ("equal copies", truth["duplicates"].to_string()),
        ("balances", truth["balances_count"].to_string()),
    ] {
        let _ = writeln!(table, "| {name} | {value} |");
    }
    table
}

fn incidents(truth: &Value) -> impl Iterator<Item = (&Value, &Value)> {
    truth["injected"].as_array().expect("a list").iter().flat_map(|fault| {
        fault["incidents"].as_array().expect("a list").iter().map(move |incident| (fault, incident))
    })
}

/// `wagers 17, 19–21; outcomes 18`, runs drawn together.
fn lines(incident: &Value) -> String {
    let mut files: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for place in incident["lines"].as_array().expect("a list") {
        let (file, line) = place.as_str().and_then(|place| place.split_once(".jsonl:")).expect("file:line");
        files.entry(file).or_default().push(line.parse().expect("a line"));
    }
    let mut told = Vec::new();
    for file in ["wagers", "outcomes", "payments", "commands", "recollected/outcomes"] {
        let Some(lines) = files.get_mut(file) else { continue };
        lines.sort_unstable();
        let mut runs: Vec<(u64, u64)> = Vec::new();
        for &line in lines.iter() {
            match runs.last_mut() {
                Some((_, end)) if *end + 1 == line => *end = line,
                _ => runs.push((line, line)),
            }
        }
        // Of a long history, its beginning and its end.
        let shown = runs.iter().map(|&(from, to)| match to - from {
            0 => from.to_string(),
            _ => format!("{from}–{to}"),
        });
        let shown: Vec<String> = shown.collect();
        let text = match shown.len() {
            0..=6 => shown.join(", "),
            many => format!("{} … {}", shown[0], shown[many - 1]),
        };
        told.push(format!("{file} {text}"));
    }
    told.join("; ")
}

// --- the season

#[test]
fn the_season_is_what_its_example_makes() {
    let kept = folder("epl_2024_25");
    let csv = fs::read(kept.join("epl_2024_25.csv")).expect("epl_2024_25.csv");
    for (name, text) in epl_2024_25::records(&csv).expect("a sound CSV") {
        assert!(
            read(&kept.join(name)) == text,
            "fixtures/epl_2024_25/{name} differs; cargo run --release --example epl_2024_25 renews it"
        );
    }
}

/// Flat stakes at opening odds: what comes back is known from the CSV alone.
#[test]
fn the_season_pays_what_its_odds_say() {
    let kept = folder("epl_2024_25");
    let cents =
        |value: &Value| -> u64 { value.as_str().expect("money").replace('.', "").parse().expect("digits") };
    let mut ends: BTreeMap<String, u64> = BTreeMap::new();
    for line in read(&kept.join("outcomes.jsonl")).lines() {
        let outcome: Value = serde_json::from_str(line).expect("JSON");
        *ends.entry(outcome["account"].as_str().expect("a punter").to_owned()).or_default() +=
            cents(&outcome["payout"]);
    }
    // Each bank of 3,800.00 is staked whole, so the balance is what comes back.
    assert_eq!(
        ends,
        BTreeMap::from([("away".into(), 379_340), ("draw".into(), 384_100), ("home".into(), 310_040)])
    );
    assert_eq!(read(&kept.join("wagers.jsonl")).lines().count(), 1_140);
}
