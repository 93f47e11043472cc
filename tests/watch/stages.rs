//! `gyre graph`, `gyre top`, `gyre man`, and sheets of the status: what they show of a run, and how they leave.

use std::collections::BTreeSet;
use std::process::Output;

use serde_json::Value;

use crate::gyre::{Job, Running, program};

fn gyre(running: &Running, args: &[&str]) -> Output {
    let addr = running.at.to_string();
    let output = program().args(args).args(["--http-addr", &addr]).output().expect("gyre starts");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn said(running: &Running, args: &[&str]) -> String {
    String::from_utf8(gyre(running, args).stdout).expect("UTF-8")
}

/// The ways between stages that the pipeline has, whatever the records are.
const WAYS: [(&str, &str); 6] = [
    ("decode", "validate"),
    ("validate", "matching"),
    ("matching", "ledger"),
    ("matching", "aggregates"),
    ("ledger", "anomalies"),
    ("recollect", "validate"),
];

#[test]
fn stages_are_shown_with_what_goes_between_them() {
    let job = Job::new();
    let lines = job.play(1_500);
    let mut running = job.start();
    running.wait_committed(lines);
    // What was sent shows a tenth of a second later, and the last laps take a second.
    let graph =
        |running: &Running| -> Value { serde_json::from_str(&running.get("/v1/graph").body).expect("JSON") };
    let went = |graph: &Value, from: &str, to: &str| {
        let edges = graph["edges"].as_array().into_iter().flatten();
        let mut of = edges.filter(|edge| edge["from"] == from && edge["to"] == to);
        of.next().and_then(|edge| edge["batches"].as_u64()).unwrap_or(0)
    };
    running.wait_until(|running| {
        let graph = graph(running);
        WAYS.iter().all(|(from, to)| went(&graph, from, to) > 0)
    });
    let graph = graph(&running);
    let stages: Vec<&str> =
        graph["stages"].as_array().into_iter().flatten().filter_map(|node| node["stage"].as_str()).collect();
    assert_eq!((stages[0], stages.len(), stages[9]), ("decode", 10, "between"));
    for node in graph["stages"].as_array().into_iter().flatten().skip(1) {
        let workers: BTreeSet<_> = node["workers"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|load| load["worker"].as_str())
            .collect();
        assert_eq!(workers, BTreeSet::from(["0", "1"]), "{node}");
    }
    let names = |said: &str| stages.iter().all(|stage| said.contains(stage));
    let table = said(&running, &["graph", "--lang", "en"]);
    assert!(names(&table) && table.contains("─▶ matching"), "{table}");
    let dot = said(&running, &["graph", "--output", "dot"]);
    assert!(
        names(&dot) && dot.starts_with("digraph gyre {") && dot.contains("\"recollect\" -> \"validate\""),
        "{dot}"
    );
    let svg = said(&running, &["graph", "--output", "svg", "--lang", "ko"]);
    assert!(names(&svg) && svg.starts_with("<svg ") && svg.contains("직전 1초"), "{svg}");
    let json: Value =
        serde_json::from_slice(&gyre(&running, &["graph", "--output", "json"]).stdout).expect("JSON");
    assert!(json["as_of"]["tick"].as_u64() > Some(1_700_000_000_000));
    // Where nobody looks on, the screen is printed once.
    for (lang, part) in [("en", "worst worker"), ("ko", "가장 바쁜 워커")] {
        let screen = said(&running, &["top", "--lang", lang]);
        assert!(
            screen.contains("gyre top") && screen.contains(part) && screen.contains("wagers"),
            "{screen}"
        );
    }
    sheets(&running);
    let parts = bundle(&job, &running.at.to_string());
    let names: Vec<&str> = parts.iter().map(|(name, _)| name.as_str()).collect();
    for name in ["version.txt", "status.json", "graph.json", "readyz.txt", "metrics.txt", "config.toml"] {
        assert!(names.contains(&name), "{names:?}");
    }
    let told = |name: &str| parts.iter().find(|(part, _)| part == name).map(|(_, text)| text.as_str());
    assert!(told("metrics.txt").is_some_and(|text| text.contains("gyre_generation 1")));
    assert!(told("config.toml").is_some_and(|text| text.contains("tick_ms = 50")));
    assert_eq!(told("missing.txt"), None);
    let addr = running.at.to_string();
    assert_eq!(running.end(), Some(0));
    // Where nobody answers, the bundle says so.
    let parts = bundle(&job, &addr);
    assert!(
        parts.iter().any(|(name, text)| name == "missing.txt" && text.contains("nobody answers")),
        "{parts:?}"
    );
    for what in ["top", "graph"] {
        let gone =
            program().args([what, "--lang", "en", "--http-addr", &addr]).output().expect("gyre starts");
        assert_eq!(gone.status.code(), Some(3), "{what}");
        assert!(String::from_utf8_lossy(&gone.stderr).contains("nobody answers"), "{what}");
    }
}

/// The files of a bundle, and what they say.
fn bundle(job: &Job, addr: &str) -> Vec<(String, String)> {
    let path = job.path("bundle.tar.gz");
    let mut command = program();
    command.args(["bundle", "--lang", "en", "--http-addr", addr, "--config"]).arg(job.path("gyre.toml"));
    let made = command.arg("--output").arg(&path).output().expect("gyre starts");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let file = std::fs::File::open(path).expect("it is there");
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
    let parts = archive.entries().expect("sound").map(|entry| {
        let mut entry = entry.expect("sound");
        let name = entry.path().expect("a path").file_name().expect("a name").to_string_lossy().into_owned();
        (name, std::io::read_to_string(&mut entry).expect("text"))
    });
    parts.collect()
}

/// Sheets say what the JSON says.
fn sheets(running: &Running) {
    for (what, figure) in [("status", "inputs"), ("lag", "lags")] {
        let sheet = said(running, &[what, "--output", "csv"]);
        let mut reader = csv::Reader::from_reader(sheet.as_bytes());
        let rows = reader.records().collect::<Result<Vec<_>, _>>().expect("sound CSV");
        assert!(
            rows.iter().any(|row| &row[0] == "as_of" && &row[2] == "tick" && row[3].parse::<u64>().is_ok())
        );
        let json: Value = serde_json::from_str(&said(running, &[what, "--output", "json"])).expect("JSON");
        let counted = json[figure].as_array().map_or(0, Vec::len);
        let shown = rows.iter().filter(|row| &row[0] == figure && &row[2] == "records").count();
        assert!(counted > 0 && shown == counted, "{what}: {sheet}");
    }
}

#[test]
fn the_manual_has_a_page_for_each_command() {
    let folder = tempfile::tempdir().expect("a folder");
    for (lang, part) in [("en", "Incremental settlement"), ("ko", "증분 정산")] {
        let pages = folder.path().join(lang);
        let made = program().args(["man", "--lang", lang]).arg(&pages).output().expect("gyre starts");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let text = std::fs::read_to_string(pages.join("gyre.1")).expect("the first page");
        assert!(text.contains(part), "{text}");
        for page in ["gyre-replay.1", "gyre-run.1", "gyre-top.1", "gyre-quarantine-list.1"] {
            let text = std::fs::read_to_string(pages.join(page)).expect("a page");
            assert!(text.contains(".SH NAME"), "{page}: {text}");
        }
    }
    let file = folder.path().join("file");
    std::fs::write(&file, b"").expect("it can be written");
    let refused =
        program().args(["man", "--lang", "en"]).arg(file.join("pages")).output().expect("gyre starts");
    assert_eq!(refused.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("cannot write"));
}
