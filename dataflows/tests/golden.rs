//! Golden cases: one behaviour each, in a few lines of input, with the rows and the changes that must come of them.
//!
//! ```text
//! fixtures/cases/NNNN-name/case.toml                       what it shows; rules, under the names of the config file
//!                          in/<topic>.jsonl                lines as they arrive
//!                          recollected/<topic>.jsonl       what the provider answers when it is asked
//!                          want/<output>.jsonl             the rows at rest
//!                          want/<output>.changes.jsonl     {"tick","diff","row"}: how they came to be
//! ```
//! `want` is what a run line by line must end in and how, at 1, 2 and 4 workers alike. A file that is not there wants
//! no rows; `rtp` and `postings` are looked at only where `case.toml` says `also`. Every other cut (all at once, in
//! random order, withdrawn and back again) must end in the same rows; only the raw bytes of a reject that passed
//! admission may differ, for they are kept while a record has never stood, and that is a question of order.
//!
//! `BLESS=1 cargo test -p gyre-dataflows --test golden` writes `want` anew: read every line of the diff.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    reason = "reads cases from disk and runs workers"
)]

#[path = "harness/books.rs"]
#[allow(dead_code, reason = "other tests use more of it")]
mod harness;
#[path = "harness/stops.rs"]
#[allow(dead_code, reason = "other tests use more of it")]
mod stops;
#[allow(dead_code, reason = "shared with other tests, which use all of it")]
mod model {
    pub mod history {
        mod dice;
        pub use dice::Dice;
    }
}

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use gyre_dataflows::rows::Output;
use gyre_domain::anomaly::AnomalyKind;
use gyre_domain::cause::Cause;
use gyre_domain::records::Topic;
use gyre_domain::rules::Rules;
use harness::{Cut, Told, run_with};
use toml::Value;

/// Every number of workers that a case is run with.
const WORKERS: [usize; 3] = [1, 2, 4];
/// How many random orders.
const SHUFFLES: u64 = 9;
/// At least so many cases stand.
const CASES_MIN: usize = 48;

/// A case as it lies on disk.
struct Case {
    name: String,
    folder: PathBuf,
    title: String,
    shows: String,
    rules: Rules,
    /// Outputs that are looked at beside the usual ones.
    also: Vec<Output>,
    /// What the summary is to count.
    duplicates: i64,
    tombstones: i64,
    streams: Vec<(Topic, Vec<Vec<u8>>)>,
    /// What a provider answers.
    recollected: Vec<(Topic, Vec<Vec<u8>>)>,
    /// What the loop is to count, by name.
    loop_counts: BTreeMap<String, i64>,
}

impl Case {
    fn read(folder: PathBuf) -> Self {
        let name = file_name(&folder);
        let mut case = Self {
            title: String::new(),
            shows: String::new(),
            rules: Rules::default(),
            also: Vec::new(),
            duplicates: 0,
            tombstones: 0,
            streams: Vec::new(),
            recollected: Vec::new(),
            loop_counts: BTreeMap::new(),
            folder,
            name,
        };
        let text = fs::read_to_string(case.folder.join("case.toml"));
        let text = text.unwrap_or_else(|error| panic!("{}/case.toml: {error}", case.name));
        let table = text.parse().unwrap_or_else(|error| panic!("{}/case.toml: {error}", case.name));
        case.take("", &Value::Table(table));
        case.streams = case.topics("in");
        if case.folder.join("recollected").is_dir() {
            case.recollected = case.topics("recollected");
        }
        case
    }

    /// The streams in one of the case's folders.
    fn topics(&self, folder: &str) -> Vec<(Topic, Vec<Vec<u8>>)> {
        let read = |path: PathBuf| {
            let topic = Topic::from_name(&stem(&path));
            let topic = topic.unwrap_or_else(|| panic!("{}: {} is no topic", self.name, path.display()));
            (topic, lines(&fs::read(&path).expect("lines can be read")))
        };
        paths(&self.folder.join(folder)).into_iter().map(read).collect()
    }

    /// Takes one value of `case.toml`, or all of a table.
    fn take(&mut self, path: &str, value: &Value) {
        if let Value::Table(table) = value {
            let inner = |name: &String| if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            return table.iter().for_each(|(name, value)| self.take(&inner(name), value));
        }
        let wrong = |what: &str| -> ! { panic!("{}/case.toml: {path} = {value} is no {what}", self.name) };
        let text = || value.as_str().unwrap_or_else(|| wrong("text")).to_owned();
        let number = || {
            let number = value.as_integer().and_then(|number| u64::try_from(number).ok());
            number.unwrap_or_else(|| wrong("whole number"))
        };
        let milli = || thousandths(&text()).unwrap_or_else(|| wrong("decimal with three digits"));
        let rules = &mut self.rules;
        match path {
            "title" => self.title = text(),
            "shows" => self.shows = text(),
            "also" => self.also = value.as_array().into_iter().flatten().map(output).collect(),
            "counts.duplicates" => self.duplicates = number() as i64,
            "counts.tombstones" => self.tombstones = number() as i64,
            "time.tick_ms" => rules.tick_ms = number(),
            "time.horizon_ms" => rules.horizon_ms = number(),
            "time.horizon_open_ms" => rules.horizon_open_ms = number(),
            "time.skew_ms_max" => rules.skew_ms_max = number(),
            "time.gap_ms_max" => rules.gap_ms_max = number(),
            "time.result_due_ms" => rules.result_due_ms = number(),
            "time.gaming_day_zone" => rules.gaming_day_zone = text(),
            "recollect.enabled" => {
                rules.recollect = value.as_bool().unwrap_or_else(|| wrong("true or false"))
            }
            "recollect.delays_ms" => {
                let delays = value.as_array().into_iter().flatten();
                rules.lap_delays_ms =
                    delays.filter_map(Value::as_integer).map(|delay| delay as u64).collect();
            }
            "rtp.band_z" => rules.rtp_band_z = milli(),
            "anomalies.velocity.window_ms" => rules.velocity_window_ms = number(),
            "anomalies.velocity.wagers_max" => rules.velocity_wagers_max = number(),
            "anomalies.stake_spike.score_max" => rules.spike_score_max = milli(),
            "anomalies.stake_spike.wagers_min" => rules.spike_wagers_min = number(),
            "anomalies.improbable_wins.p_max" => {
                let trillionths = fraction(&text(), 12).unwrap_or_else(|| wrong("decimal"));
                rules.thresholds.wins_chance_max_e12 = trillionths;
            }
            "anomalies.deposit_then_withdraw.ratio_min" => rules.thresholds.turnover_ratio_min = milli(),
            "anomalies.deposit_then_withdraw.deposits_min" => {
                rules.thresholds.turnover_deposits_min = number();
            }
            "anomalies.structuring.limit" => rules.thresholds.structuring_limit = number(),
            "anomalies.slow_drift.slack" => rules.thresholds.drift_slack = milli(),
            "anomalies.slow_drift.limit" => rules.thresholds.drift_limit = milli(),
            "anomalies.linked_accounts.device_accounts_min" => rules.device_accounts_min = number(),
            "anomalies.linked_accounts.instrument_accounts_min" => rules.instrument_accounts_min = number(),
            "anomalies.opposite_betting.net_exposure_max" => rules.net_exposure_max = milli(),
            "anomalies.opposite_betting.staked_min" => rules.covered_stake_min = number(),
            "anomalies.opposite_betting.rounds_min" => rules.covered_rounds_min = number(),
            "rtp.action" => rules.holds[AnomalyKind::RtpOutOfBand as usize] = text() == "hold",
            _ if path.ends_with(".action") => {
                let kind = path.strip_prefix("anomalies.").and_then(|path| path.strip_suffix(".action"));
                let kind = kind.and_then(AnomalyKind::from_name).unwrap_or_else(|| wrong("setting"));
                rules.holds[kind as usize] = text() == "hold";
            }
            _ => match (path.strip_prefix("currencies."), path.strip_prefix("loop.")) {
                (Some(code), _) => rules.currencies.push((code.to_owned(), number() as u8)),
                (_, Some(name)) => {
                    self.loop_counts.insert(name.to_owned(), number() as i64);
                }
                _ => wrong("setting"),
            },
        }
    }

    fn run(&self, workers: usize, cut: Cut) -> Told {
        let streams = borrowed(&self.streams);
        run_with(&streams, &borrowed(&self.recollected), &self.rules, workers, cut)
    }

    /// What a run ends in: rows in order, raw bytes left out where order decides them, and what it counted.
    fn end(&self, told: &Told) -> BTreeMap<String, Vec<String>> {
        let rows = |rows: &Vec<String>| rows.iter().map(|row| without_raw(row)).collect();
        // Laps go by ticks, which not every cut keeps.
        let in_books = |output: &Output| !matches!(output, Output::Recollect | Output::Quarantine);
        let books = told.finals.iter().filter(|(output, _)| in_books(output));
        let mut end: BTreeMap<String, Vec<String>> =
            books.map(|(output, found)| (output.name().to_owned(), rows(found))).collect();
        let counts = &told.counts;
        let imbalance: Vec<_> = counts.imbalance.iter().filter(|(_, sum)| *sum != 0).collect();
        let line = format!(
            "{} duplicates, {} open, {} settled, {} cancelled, {} tombstones, imbalance {imbalance:?}",
            counts.duplicates, counts.open, counts.settled, counts.cancelled, counts.tombstones
        );
        end.insert("counts".to_owned(), vec![line]);
        end
    }

    /// The outputs that the case wants, line by line, under the names of their files.
    fn told_files(&self, told: &Told) -> BTreeMap<String, Vec<String>> {
        let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (output, rows) in told.finals.iter().filter(|(output, _)| self.looks_at(**output)) {
            let mut rows = rows.clone();
            rows.sort_by_cached_key(|row| key(*output, row));
            files.insert(format!("{}.jsonl", output.name()), rows);
        }
        for ((tick, output, row), diff) in
            told.changes.iter().filter(|((_, output, _), _)| self.looks_at(*output))
        {
            let line = format!(r#"{{"tick":{tick},"diff":{diff},"row":{row}}}"#);
            files.entry(format!("{}.changes.jsonl", output.name())).or_default().push(line);
        }
        files
    }

    /// What the loop counted, under the names of the summary.
    fn loop_counts(&self, told: &Told) -> BTreeMap<String, i64> {
        let counts = &told.counts;
        let recovered = (0..)
            .zip(counts.recovered)
            .map(|(attempt, number): (usize, _)| (format!("recovered.{attempt}"), number));
        let others = [
            ("quarantined", counts.quarantined),
            ("requested", counts.requested),
            ("same_fault", counts.same_fault),
            ("other_fault", counts.other_fault),
            ("recollected", told.answers.len() as i64),
        ];
        recovered.chain(others.map(|(name, number)| (name.to_owned(), number))).collect()
    }

    fn looks_at(&self, output: Output) -> bool {
        let on_request =
            matches!(output, Output::Rtp | Output::Postings | Output::Recollect | Output::Quarantine);
        !on_request || self.also.contains(&output)
    }

    fn wanted_files(&self) -> BTreeMap<String, Vec<String>> {
        let folder = self.folder.join("want");
        if !folder.is_dir() {
            return BTreeMap::new();
        }
        let read = |path: &PathBuf| fs::read_to_string(path).expect("wanted rows can be read");
        paths(&folder)
            .iter()
            .map(|path| (file_name(path), read(path).lines().map(str::to_owned).collect()))
            .collect()
    }

    fn bless(&self, files: &BTreeMap<String, Vec<String>>) {
        let folder = self.folder.join("want");
        if folder.is_dir() {
            fs::remove_dir_all(&folder).expect("what was wanted can go");
        }
        fs::create_dir_all(&folder).expect("a folder can be made");
        for (name, lines) in files.iter().filter(|(_, lines)| !lines.is_empty()) {
            fs::write(folder.join(name), lines.join("\n") + "\n").expect("wanted rows can be written");
        }
    }

    /// Holds a run line by line against `want`.
    fn check_told(&self, workers: usize, said: &mut String) {
        let told = self.run(workers, Cut::LineByLine);
        let how = format!("{}, line by line, {workers} workers", self.name);
        *said += &differences(&how, &self.wanted_files(), &self.told_files(&told));
        let finals: BTreeMap<String, Vec<String>> = by_name(&told.finals);
        *said += &differences(
            &format!("{how}, rows at rest beside their changes"),
            &finals,
            &by_name(&told.folded()),
        );
        let laps = self.loop_counts(&told);
        for (name, wanted) in self.loop_counts.iter().filter(|(name, wanted)| laps.get(*name) != Some(wanted))
        {
            _ = writeln!(said, "{how}: {name} is {:?}, not {wanted}", laps.get(name));
        }
        let counted = (told.counts.duplicates, told.counts.tombstones);
        if counted != (self.duplicates, self.tombstones) {
            let wanted = (self.duplicates, self.tombstones);
            _ = writeln!(said, "{how}: (duplicates, tombstones) are {counted:?}, not {wanted:?}");
        }
    }

    /// Holds a run's end against that of the run line by line at one worker.
    fn check_end(&self, wanted: &Told, workers: usize, cut: Cut, said: &mut String) {
        // A provider is asked by the loop alone, and the loop needs the ticks of its lines.
        if !self.recollected.is_empty() {
            return;
        }
        let how = format!("{}, {cut:?}, {workers} workers", self.name);
        *said += &differences(&how, &self.end(wanted), &self.end(&self.run(workers, cut)));
    }
}

fn borrowed(streams: &[(Topic, Vec<Vec<u8>>)]) -> Vec<(Topic, &[Vec<u8>])> {
    streams.iter().map(|(topic, lines)| (*topic, &**lines)).collect()
}

/// What the rows of an output are sorted by, `null` before text: they stand in `want` as in the files of a replay.
fn key(output: Output, row: &str) -> Vec<Option<String>> {
    let names: &[&str] = match output {
        Output::Balances => &["tenant", "account", "currency", "wallet"],
        Output::Rtp => &["tenant", "provider", "game", "currency", "window"],
        Output::WagerStates => &["tenant", "provider", "wager_id"],
        Output::Rejects => &["topic", "tenant", "provider", "id", "cause", "digest"],
        Output::Recollect => &["topic", "tenant", "provider", "id", "digest", "attempt"],
        Output::Quarantine => &["topic", "tenant", "provider", "id", "digest"],
        Output::Anomalies => &["kind", "tenant", "subject"],
        Output::Postings => &["tenant", "entry", "leg"],
        Output::Decisions => &["tenant", "provider", "command_id"],
    };
    let row: serde_json::Value = serde_json::from_str(row).expect("rows are JSON");
    names.iter().map(|name| Some(row[name].to_string()).filter(|_| !row[name].is_null())).collect()
}

fn by_name(rows: &BTreeMap<Output, Vec<String>>) -> BTreeMap<String, Vec<String>> {
    rows.iter().map(|(output, rows)| (output.name().to_owned(), rows.clone())).collect()
}

/// One line for each row that is missing or extra; empty where there is none.
fn differences(
    how: &str,
    wanted: &BTreeMap<String, Vec<String>>,
    found: &BTreeMap<String, Vec<String>>,
) -> String {
    let mut said = String::new();
    for name in wanted.keys().chain(found.keys()).collect::<BTreeSet<_>>() {
        let rows = |files: &BTreeMap<String, Vec<String>>| files.get(name).cloned().unwrap_or_default();
        let (wanted, found) = (rows(wanted), rows(found));
        if wanted == found {
            continue;
        }
        _ = writeln!(said, "{how}: {name}");
        wanted
            .iter()
            .filter(|row| !found.contains(row))
            .for_each(|row| said += &format!("  missing {row}\n"));
        found
            .iter()
            .filter(|row| !wanted.contains(row))
            .for_each(|row| said += &format!("  extra   {row}\n"));
        if wanted.iter().collect::<BTreeSet<_>>() == found.iter().collect() {
            said += "  the same rows, in another order or number\n";
        }
    }
    said
}

/// A reject without its raw bytes, where it is a matter of order whether they are kept.
fn without_raw(row: &str) -> String {
    let cause = |cause: &&Cause| row.contains(&format!("\"cause\":\"{}\"", cause.name()));
    match (row.find(",\"raw\":"), Cause::ALL.iter().find(cause)) {
        (Some(at), Some(cause)) if *cause > Cause::PastHorizon => row[..at].to_owned() + "}",
        _ => without_tick(row),
    }
}

/// A decision without the tick at which its command and its target were first both there.
fn without_tick(row: &str) -> String {
    match (row.find(",\"tick\":"), row.find(",\"before\":")) {
        (Some(from), Some(to)) if row.contains("\"command_id\":") => row[..from].to_owned() + &row[to..],
        _ => row.to_owned(),
    }
}

/// `"3.291"` as 3291.
fn thousandths(text: &str) -> Option<u32> {
    fraction(text, 3).and_then(|thousandths| u32::try_from(thousandths).ok())
}

/// A decimal in units of its last digit, where it may have so many behind the point.
fn fraction(text: &str, places: usize) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    (part.len() <= places).then(|| format!("{whole}{part:0<places$}").parse().ok())?
}

fn output(name: &Value) -> Output {
    let known = Output::ALL.into_iter().find(|output| Some(output.name()) == name.as_str());
    known.unwrap_or_else(|| panic!("{name} is no output"))
}

/// Lines without their terminators.
fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line).to_vec()).collect()
}

fn paths(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry can be read").path()).collect();
    paths.sort();
    paths
}

fn file_name(path: &Path) -> String {
    path.file_name().expect("paths have names").to_string_lossy().into_owned()
}

fn stem(path: &Path) -> String {
    file_name(path).trim_end_matches(".jsonl").to_owned()
}

fn cases() -> Vec<Case> {
    let house = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("dataflows/ lies in the house");
    paths(&house.join("fixtures/cases")).into_iter().filter(|path| path.is_dir()).map(Case::read).collect()
}

/// Checks every case; fails with all that differs.
fn every_case(check: impl Fn(&Case, &mut String)) {
    let (mut failed, mut said) = (0, String::new());
    let cases = cases();
    for case in &cases {
        let before = said.len();
        check(case, &mut said);
        if said.len() > before {
            failed += 1;
            _ = writeln!(said, "  ({}: {})\n", case.name, case.shows);
        }
    }
    assert!(said.is_empty(), "{failed} of {} cases differ\n\n{said}", cases.len());
}

#[test]
fn line_by_line_every_change_comes_at_its_tick() {
    if std::env::var_os("BLESS").is_some() {
        cases().iter().for_each(|case| case.bless(&case.told_files(&case.run(1, Cut::LineByLine))));
    }
    every_case(|case, said| WORKERS.into_iter().for_each(|workers| case.check_told(workers, said)));
}

#[test]
fn all_at_once_ends_in_the_same_rows() {
    every_case(|case, said| {
        let wanted = case.run(1, Cut::LineByLine);
        WORKERS.into_iter().for_each(|workers| case.check_end(&wanted, workers, Cut::AllAtOnce, said));
    });
}

#[test]
fn any_order_ends_in_the_same_rows() {
    every_case(|case, said| {
        let wanted = case.run(1, Cut::LineByLine);
        for seed in 0..SHUFFLES {
            let workers = WORKERS[seed as usize % WORKERS.len()];
            case.check_end(&wanted, workers, Cut::Shuffled(seed), said);
        }
    });
}

#[test]
fn what_was_withdrawn_and_came_back_leaves_no_trace() {
    every_case(|case, said| {
        let wanted = case.run(1, Cut::LineByLine);
        for workers in WORKERS {
            case.check_end(&wanted, workers, Cut::Withdrawn(workers as u64), said);
        }
    });
}

#[test]
fn stopping_on_the_way_changes_nothing() {
    for (number, case) in (0..).zip(&cases()) {
        stopped(number, case, None);
    }
}

/// Runs a case that stops on the way; an operator's parts may get lost.
fn stopped(number: u64, case: &Case, lost: Option<&str>) {
    let mut dice = model::history::Dice::new(number);
    let streams = borrowed(&case.streams);
    stops::goes_on(&stops::Job::new(number, &streams, &case.rules, &mut dice), lost, &mut dice);
}

#[test]
fn what_gets_lost_on_the_way_is_missed() {
    // For each operator a case that shows it, and how that is stopped.
    let shown = [
        ("bring rules into force", "0235-a-rule-that-is-still-to-come", 181),
        ("count players by tenant", "0131-more-players-make-luck-likelier", 118),
        ("gather bets by round", "0198-opposite-betting-and-back", 162),
        ("arrange names by player", "0198-opposite-betting-and-back", 162),
    ];
    let cases = cases();
    for (operator, name, number) in shown {
        let case = cases.iter().find(|case| case.name == name).expect("the case stands");
        let lost = std::panic::catch_unwind(|| stopped(number, case, Some(operator)));
        assert!(lost.is_err(), "{name}: nobody misses what {operator} saves");
    }
}

#[test]
fn cases_are_numbered_named_and_told() {
    let cases = cases();
    assert!(cases.len() >= CASES_MIN, "{} cases stand, at least {CASES_MIN}", cases.len());
    let mut last = 0;
    for case in &cases {
        let (digits, name) = case.name.split_once('-').expect("NNNN-name");
        let number: u32 = digits.parse().expect("cases are numbered");
        assert!(digits.len() == 4 && number > last, "{}: each case has a number of its own", case.name);
        last = number;
        assert!(!name.is_empty() && !case.title.is_empty(), "{}: a case has a name and a title", case.name);
        assert!(case.shows.ends_with('.'), "{}: a sentence says what it shows", case.name);
        let lines: usize = case.streams.iter().map(|(_, lines)| lines.len()).sum();
        assert!((1..=12).contains(&lines), "{}: {lines} lines are more than the eye checks", case.name);
    }
}
