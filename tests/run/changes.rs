//! The changes that a sink of files holds, read as the README says.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;

use serde_json::Value;

/// A change: tick, output, row, and how often it came or went.
pub type Change = (u64, String, String, i64);

/// See the module.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Changes {
    /// In the order in which they stand there.
    pub changes: Vec<Change>,
    /// The last tick.
    pub through: u64,
    /// Of the last progress.
    pub digest: String,
}

/// Segments in order, without those within others: first tick, last tick, name.
fn segments(folder: &Path) -> Vec<(u64, u64, String)> {
    let mut found: Vec<(u64, u64, String)> = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let ticks = name.strip_prefix("changes-").and_then(|name| name.strip_suffix(".jsonl"));
        if let Some((first, last)) = ticks.and_then(|ticks| ticks.split_once('-')) {
            found.push((first.parse().expect("a tick"), last.parse().expect("a tick"), name));
        }
    }
    found.sort_by_key(|(first, last, _)| (*first, u64::MAX - *last));
    let mut kept: Vec<(u64, u64, String)> = Vec::new();
    for segment in found {
        if kept.last().is_none_or(|last| segment.1 > last.1) {
            kept.push(segment);
        }
    }
    kept
}

impl Changes {
    /// The last tick that is committed in a folder.
    pub fn through(folder: &Path) -> u64 {
        segments(folder).last().map_or(0, |segment| segment.1)
    }

    /// What stands in a folder. All segments are opened before one is read: what is open stays as it is. Where one went
    /// before that, a wider one holds what it held.
    pub fn read(folder: &Path) -> Self {
        let opened = |_| {
            let open = |(first, last, name)| Some((first, last, File::open(folder.join(name)).ok()?));
            segments(folder).into_iter().map(open).collect::<Option<Vec<_>>>()
        };
        let opened = (0..1_000).find_map(opened).expect("segments do not come and go for ever");
        let mut read = Self { changes: Vec::new(), through: 0, digest: String::new() };
        let mut next = 0;
        for (first, last, file) in opened {
            assert_eq!(first, next, "segments follow each other");
            (next, read.through) = (last + 1, last);
            let text = std::io::read_to_string(file).expect("a whole segment");
            let (rows, end) = text.trim_end().rsplit_once('\n').unwrap_or(("", text.trim_end()));
            let end: Value = serde_json::from_str(end).expect("the progress");
            read.digest = end["digest"].as_str().expect("a digest").to_owned();
            read.changes.extend(rows.lines().map(|line| change(line, None)));
        }
        read
    }

    pub fn read_replay(folder: &Path) -> Self {
        let mut read = Self { changes: Vec::new(), through: u64::MAX, digest: String::new() };
        for entry in fs::read_dir(folder).expect("it is there").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Some(output) = name.strip_suffix(".changes.jsonl") {
                let text = fs::read_to_string(entry.path()).expect("it can be read");
                read.changes.extend(text.lines().map(|line| change(line, Some(output))));
            }
        }
        read
    }

    /// Those through a tick.
    pub fn until(mut self, tick: u64) -> Self {
        self.changes.retain(|change| change.0 <= tick);
        self
    }

    /// How often each row came or went at each tick, where the bytes of lines do not count.
    pub fn counted(&self) -> BTreeMap<(u64, String, String), i64> {
        let mut counted = BTreeMap::new();
        for (tick, output, row, diff) in &self.changes {
            *counted.entry((*tick, output.clone(), without_receipt(row))).or_default() += diff;
        }
        counted.retain(|_, diff| *diff != 0);
        counted
    }

    /// The rows that stand in the end: each once.
    pub fn standing(&self) -> BTreeMap<(String, String), i64> {
        let mut standing = BTreeMap::new();
        for (_, output, row, diff) in &self.changes {
            *standing.entry((output.clone(), row.clone())).or_default() += diff;
        }
        standing.retain(|_, count| *count != 0);
        let wrong: Vec<_> = standing.iter().filter(|(_, count)| **count != 1).take(3).collect();
        assert!(wrong.is_empty(), "rows stand otherwise than once: {wrong:?}");
        standing
    }

    /// Fails where balances do not come to nothing.
    pub fn assert_balanced(&self) {
        let sum: i64 = self
            .standing()
            .keys()
            .filter(|(output, _)| output == "balances")
            .map(|(_, row)| {
                let row: Value = serde_json::from_str(row).expect("JSON");
                row["balance"].as_str().expect("money").parse::<i64>().expect("won have no digits")
            })
            .sum();
        assert_eq!(sum, 0, "balances come to nothing");
    }
}

fn change(line: &str, output: Option<&str>) -> Change {
    let head: Value = serde_json::from_str(line).expect("JSON");
    let at = line.find("\"row\":").expect("a row") + 6;
    let row = line[at..line.len() - 1].to_owned();
    let output = output.or(head["output"].as_str()).expect("an output").to_owned();
    (head["tick"].as_u64().expect("a tick"), output, row, head["diff"].as_i64().expect("a diff"))
}

/// A row without what the receipt of its line has a part in: raw bytes, and digests of them.
fn without_receipt(row: &str) -> String {
    let mut row: Value = serde_json::from_str(row).expect("JSON");
    if let Some(raw) = row["raw"].as_str() {
        let at = raw.find("\"received_ms\":").map(|at| at + 14);
        let blank = at.map(|at| format!("{}{}", &raw[..at], &raw[at + 13..]));
        row["raw"] = blank.unwrap_or_else(|| raw.to_owned()).into();
    }
    if row["cause"] == "bad_amount" || row["cause"] == "unknown_currency" {
        row["digest"] = Value::Null;
    }
    row.to_string()
}
