//! A folder of records, a run of the program on it, and the books that it leaves.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

/// 2026-01-01T00:00:00Z
pub const T0: u64 = 1_767_225_600_000;
pub const SECOND: u64 = 1_000;
pub const MINUTE: u64 = 60 * SECOND;
pub const DAY: u64 = 24 * 60 * MINUTE;

/// The files that a replay reads.
pub const STREAMS: [&str; 7] = ["wagers", "outcomes", "payments", "games", "accounts", "rules", "commands"];

pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// A folder of records. Its runs leave their books in folders of their own, beside the records.
pub struct Feed {
    home: TempDir,
    runs: Cell<u32>,
}

impl Feed {
    pub fn new() -> Self {
        Self { home: tempfile::tempdir().expect("a temporary folder"), runs: Cell::new(0) }
    }

    /// The streams of a ready fixture, with its config.
    pub fn of(name: &str) -> Self {
        let feed = Self::new();
        for file in
            STREAMS.map(|stream| format!("{stream}.jsonl")).iter().map(String::as_str).chain(["gyre.toml"])
        {
            if let Ok(bytes) = fs::read(fixture(name).join(file)) {
                feed.write(file, bytes);
            }
        }
        feed
    }

    pub fn path(&self) -> &Path {
        self.home.path()
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path().join(name), bytes).expect(name);
    }

    /// The same, to begin with.
    pub fn with(self, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        self.write(name, bytes);
        self
    }

    /// A file of records.
    pub fn records(self, name: &str, records: impl IntoIterator<Item = Value>) -> Self {
        let lines: Vec<u8> =
            records.into_iter().flat_map(|record| format!("{record}\n").into_bytes()).collect();
        self.with(name, lines)
    }

    /// The same streams, packed.
    pub fn packed(&self, ending: &str) -> Self {
        let feed = Self::new();
        for stream in STREAMS {
            let Ok(bytes) = fs::read(self.path().join(format!("{stream}.jsonl"))) else { continue };
            feed.write(&format!("{stream}.jsonl.{ending}"), pack(ending, &bytes));
        }
        feed
    }

    /// A folder for the books of one more run; it is not made yet.
    pub fn next_output(&self) -> PathBuf {
        self.runs.set(self.runs.get() + 1);
        self.path().join(format!("books-{}", self.runs.get()))
    }

    /// `gyre replay` of this folder into `output`.
    pub fn command(&self, output: &Path, flags: &str) -> Command {
        let mut command = gyre(&["replay"]);
        command.arg(self.path()).arg("--output").arg(output).args(flags.split_whitespace());
        command
    }

    /// A run that ends well.
    pub fn books(&self, flags: &str) -> Books {
        let output = self.next_output();
        let ran = self.command(&output, flags).output().expect("gyre starts");
        assert_eq!(ran.status.code(), Some(0), "{flags}: {}", said(&ran));
        Books::read(&output)
    }

    /// A run that ends with `code` and leaves nothing behind; gives what it said.
    pub fn fails(&self, flags: &str, code: i32) -> String {
        let output = self.next_output();
        let ran = self.command(&output, flags).output().expect("gyre starts");
        assert_eq!(ran.status.code(), Some(code), "{flags}: {}", said(&ran));
        assert!(!output.exists(), "{flags}: {:?}", names(&output));
        said(&ran)
    }
}

/// The program, speaking English.
pub fn gyre(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gyre"));
    command.args(args).env("LC_ALL", "C");
    command
}

/// What it said on standard error.
pub fn said(ran: &Output) -> String {
    String::from_utf8_lossy(&ran.stderr).into_owned()
}

pub fn pack(ending: &str, bytes: &[u8]) -> Vec<u8> {
    match ending {
        "gz" => {
            let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packer.write_all(bytes).expect("memory");
            packer.finish().expect("memory")
        }
        "zst" => {
            let mut packer = zstd::Encoder::new(Vec::new(), 1).expect("memory");
            packer.include_checksum(true).expect("a setting");
            packer.write_all(bytes).expect("memory");
            packer.finish().expect("memory")
        }
        _ => panic!("no packing {ending}"),
    }
}

/// What lies in a folder, sorted.
pub fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// The files of an output folder.
pub struct Books {
    /// By name, without `summary.json`: what must be the same bytes.
    pub files: BTreeMap<String, Vec<u8>>,
    pub summary: Value,
}

impl Books {
    pub fn read(folder: &Path) -> Self {
        let mut files: BTreeMap<String, Vec<u8>> = names(folder)
            .into_iter()
            .map(|name| (name.clone(), fs::read(folder.join(&name)).expect(&name)))
            .collect();
        let summary = files.remove("summary.json").expect("summary.json");
        Self { files, summary: serde_json::from_slice(&summary).expect("summary.json is JSON") }
    }

    pub fn text(&self, name: &str) -> &str {
        let bytes = self.files.get(name).unwrap_or_else(|| panic!("no {name}"));
        std::str::from_utf8(bytes).expect("UTF-8")
    }

    /// The final state of an output.
    pub fn rows(&self, output: &str) -> Vec<Value> {
        let text = self.text(&format!("{output}.jsonl"));
        text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    /// The rows whose `field` is `value`.
    pub fn find(&self, output: &str, field: &str, value: &str) -> Vec<Value> {
        self.rows(output).into_iter().filter(|row| row[field] == value).collect()
    }

    /// The balance of an account of the tenant `-`.
    pub fn balance(&self, account: &str) -> String {
        match &self.find("balances", "account", account)[..] {
            [row] => row["balance"].as_str().expect("text").to_owned(),
            rows => panic!("{account}: {rows:?}"),
        }
    }

    /// Causes of the rejects by id (`null` where it is unreadable).
    pub fn causes(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or("null").to_owned();
        self.rows("rejects").iter().map(|row| (text(&row["id"]), text(&row["cause"]))).collect()
    }

    /// Only the final states of the books, not the change logs. Requests and quarantine go by ticks too.
    pub fn finals(&self) -> BTreeMap<&str, &[u8]> {
        let in_books = |name: &str| !name.ends_with(".changes.jsonl") && !LAPS.contains(&name);
        let files = self.files.iter().filter(|(name, _)| in_books(name));
        files.map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect()
    }

    /// The summary without what no two runs share.
    pub fn figures(&self) -> Value {
        let mut summary = self.summary.clone();
        let figures = summary.as_object_mut().expect("an object");
        for name in ["wall_seconds", "records_per_second", "peak_bytes"] {
            assert!(figures.remove(name).is_some_and(|figure| figure.is_number()), "{name}");
        }
        summary
    }
}

/// What the loop tells.
pub const LAPS: [&str; 2] = ["quarantine.jsonl", "recollect.jsonl"];

/// A wager of 10.00 EUR by `ada` on `wheel`.
pub fn wager(id: &str, at_ms: u64) -> Value {
    json!({ "wager_id": id, "account": "ada", "game": "wheel", "stake": "10.00", "currency": "EUR", "at_ms": at_ms })
}

/// Its settle, paying 15.00 EUR.
pub fn settle(id: &str, at_ms: u64) -> Value {
    json!({ "wager_id": id, "kind": "settle", "payout": "15.00", "currency": "EUR", "at_ms": at_ms })
}

/// A deposit of `ada`.
pub fn deposit(id: &str, amount: &str, at_ms: u64) -> Value {
    json!({
        "payment_id": id, "account": "ada", "kind": "deposit", "amount": amount, "currency": "EUR", "at_ms": at_ms
    })
}

/// The record with fields added or replaced.
pub fn but(mut record: Value, fields: Value) -> Value {
    let object = record.as_object_mut().expect("a record");
    object.extend(fields.as_object().expect("fields").clone());
    record
}
