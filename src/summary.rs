//! What a run came to: `summary.json` for programs, a table for people.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, bytes};
use crate::progress::duration;
use crate::table::{Align, Table, thousands};
use crate::texts::{self, Key, Lang, Phrase};
use crate::what_if::{Difference, Differences, HeldSum};

/// Unknown fields that the table names; `summary.json` names them all.
const UNKNOWN_FIELDS_SHOWN: usize = 5;

/// The figures of a run.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Records read per topic: lines that are not blank.
    pub records: BTreeMap<String, u64>,
    /// Extra equal copies of records that pass the checks on a single record.
    pub duplicates: u64,
    /// Rows of `rejects` by cause.
    pub rejects: BTreeMap<String, u64>,
    /// Rows of `anomalies` by kind.
    pub anomalies: BTreeMap<String, u64>,
    /// Wagers that are settled.
    pub settled: u64,
    /// Wagers that are open.
    pub open: u64,
    /// Wagers that are cancelled.
    pub cancelled: u64,
    /// Cancels that wait for their wager.
    pub tombstones: u64,
    /// Failed records that mended, by how often they had entered again before.
    pub recovered: BTreeMap<u64, u64>,
    /// Rows of `quarantine`.
    pub quarantined: u64,
    /// Laps that asked the provider, whatever became of them.
    pub requested: u64,
    /// Laps whose verdict was the one before.
    pub same_fault: u64,
    /// Verdicts that named another cause than the one before.
    pub other_fault: u64,
    /// Records that the provider of a replay sent again.
    pub recollected: u64,
    /// Commands that apply.
    pub decisions: u64,
    /// Credits less debits per currency, as exact text: always `"0"`.
    pub imbalance: BTreeMap<String, String>,
    /// Fields that are not known, by name, with how often they were there.
    pub unknown_fields: BTreeMap<String, u64>,
    /// Lines of nothing but white space.
    pub blank_lines: u64,
    /// The first tick of the input; none where there was none.
    pub first_tick: Option<u64>,
    /// The last tick of the input.
    pub last_tick: Option<u64>,
    /// How long the run took.
    pub wall_seconds: f64,
    /// All records by that time.
    pub records_per_second: f64,
    /// The most memory the process held at once; 0 where the system does not say.
    pub peak_bytes: u64,
    /// What would differ under other rules, where it was asked: `what_if.json` tells it.
    #[serde(skip)]
    pub what_if: Option<Differences>,
}

impl Summary {
    /// Records of all topics.
    pub fn records_total(&self) -> u64 {
        self.records.values().sum()
    }

    /// Fills in how long the run took, its rate, and the process's peak of memory.
    pub fn measure(&mut self, wall: Duration) {
        let round = |value: f64| (value * 1_000.0).round() / 1_000.0;
        let seconds = wall.as_secs_f64();
        self.wall_seconds = round(seconds);
        self.records_per_second =
            if seconds > 0.0 { round(self.records_total() as f64 / seconds) } else { 0.0 };
        self.peak_bytes = peak_bytes().unwrap_or(0);
    }

    /// `summary.json`.
    ///
    /// # Errors
    /// Never, but for a bug.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        let mut text = serde_json::to_vec_pretty(self).map_err(Error::bug)?;
        text.push(b'\n');
        Ok(text)
    }

    /// The table that ends a run; `folder` is where the outputs stand.
    pub fn render(&self, folder: &Path, lang: Lang) -> String {
        let mut rows = Rows { table: Table::new(&[Align::Left, Align::Right, Align::Left]), lang };
        self.input(&mut rows);
        self.books(&mut rows);
        rows.named(Key::SectionRejects, &self.rejects, texts::cause);
        rows.named(Key::SectionAnomalies, &self.anomalies, texts::kind);
        self.what_if.iter().for_each(|differences| rows.differences(differences));
        self.again(&mut rows);
        self.run(&mut rows);
        let place = Phrase::new(Key::WrittenTo).with("path", folder.display()).say(lang);
        format!("{}{place}\n", rows.table.render())
    }

    fn input(&self, rows: &mut Rows) {
        rows.section(Key::SectionInput);
        for (topic, records) in &self.records {
            rows.count(topic.clone(), *records);
        }
        rows.count_if(Key::RowDuplicates, self.duplicates);
        rows.count_if(Key::RowBlankLines, self.blank_lines);
        let mut fields: Vec<(&String, &u64)> = self.unknown_fields.iter().collect();
        fields.sort_by_key(|(_, times)| std::cmp::Reverse(**times));
        for (name, times) in fields.iter().take(UNKNOWN_FIELDS_SHOWN) {
            let name = Phrase::new(Key::RowUnknownField).with("name", printable(name));
            rows.count(name.say(rows.lang), **times);
        }
        if fields.len() > UNKNOWN_FIELDS_SHOWN {
            let more = thousands((fields.len() - UNKNOWN_FIELDS_SHOWN) as u64);
            let more = Phrase::new(Key::RowUnknownMore).with("count", more).say(rows.lang);
            rows.table.row([more, String::new(), String::new()]);
        }
    }

    fn books(&self, rows: &mut Rows) {
        rows.section(Key::SectionBooks);
        rows.count(rows.say(Key::RowSettled), self.settled);
        rows.count(rows.say(Key::RowOpen), self.open);
        rows.count(rows.say(Key::RowCancelled), self.cancelled);
        rows.count_if(Key::RowTombstones, self.tombstones);
        rows.count_if(Key::RowDecisions, self.decisions);
        for (currency, imbalance) in &self.imbalance {
            let verdict = if imbalance == "0" { Key::Balanced } else { Key::NotBalanced };
            let name = Phrase::new(Key::RowImbalance).with("currency", currency).say(rows.lang);
            rows.table.row([name, imbalance.clone(), rows.say(verdict)]);
        }
    }

    fn again(&self, rows: &mut Rows) {
        if self.recovered.is_empty() && self.quarantined == 0 && self.requested == 0 {
            return;
        }
        rows.section(Key::SectionAgain);
        for (attempt, records) in &self.recovered {
            let name = match attempt {
                0 => rows.say(Key::RowRecoveredAtOnce),
                attempt => Phrase::new(Key::RowRecovered).with("attempt", attempt).say(rows.lang),
            };
            rows.count(name, *records);
        }
        rows.count_if(Key::RowQuarantined, self.quarantined);
        rows.count_if(Key::RowRequested, self.requested);
        rows.count_if(Key::RowRecollected, self.recollected);
    }

    fn run(&self, rows: &mut Rows) {
        rows.section(Key::SectionRun);
        if let (Some(first), Some(last)) = (self.first_tick, self.last_tick) {
            let span = format!("{} … {}", utc(first), utc(last));
            rows.table.row([rows.say(Key::RowTicks), String::new(), span]);
        }
        rows.table.row([rows.say(Key::RowWall), took(self.wall_seconds), String::new()]);
        rows.count(rows.say(Key::RowRate), self.records_per_second as u64);
        if self.peak_bytes > 0 {
            rows.table.row([rows.say(Key::RowPeak), bytes(self.peak_bytes), String::new()]);
        }
    }
}

/// The table while it is filled: what is counted, the count, what it means.
struct Rows {
    table: Table,
    lang: Lang,
}

impl Rows {
    fn say(&self, key: Key) -> String {
        key.say(self.lang).to_owned()
    }

    fn section(&mut self, title: Key) {
        self.table.section(self.say(title));
    }

    fn count(&mut self, name: String, number: u64) {
        self.table.row([name, thousands(number), String::new()]);
    }

    /// A count that is worth a row only where there is something to count.
    fn count_if(&mut self, key: Key, number: u64) {
        if number > 0 {
            self.count(self.say(key), number);
        }
    }

    /// A section of counts by name, with what the names mean.
    fn named(&mut self, title: Key, counts: &BTreeMap<String, u64>, meaning: fn(&str) -> Option<Key>) {
        self.section(title);
        if counts.values().all(|number| *number == 0) {
            self.table.row([self.say(Key::RowNone), String::new(), String::new()]);
        }
        for (name, number) in counts.iter().filter(|(_, number)| **number > 0) {
            let meaning = meaning(name).map(|key| self.say(key)).unwrap_or_default();
            self.table.row([name.clone(), thousands(*number), meaning]);
        }
    }
}

impl Rows {
    /// What would be found under other rules.
    fn differences(&mut self, differences: &Differences) {
        self.section(Key::SectionWhatIf);
        if differences.kinds.is_empty() && differences.held.is_empty() {
            self.table.row([self.say(Key::RowNone), String::new(), String::new()]);
        }
        for (kind, Difference { flagged, withdrawn, changed, .. }) in &differences.kinds {
            let count = |number: &u64| thousands(*number);
            let says = Phrase::new(Key::RowWhatIf)
                .with("flagged", count(flagged))
                .with("withdrawn", count(withdrawn))
                .with("changed", count(changed));
            self.table.row([kind.clone(), String::new(), says.say(self.lang)]);
        }
        for HeldSum { tenant, currency, in_force, other, accounts } in &differences.held {
            let whose = if tenant == "-" { currency.clone() } else { format!("{tenant}/{currency}") };
            let held = Phrase::new(Key::RowWhatIfHeldOf).with("currency", printable(&whose));
            let says = Phrase::new(Key::RowWhatIfHeld)
                .with("in_force", in_force)
                .with("other", other)
                .with("accounts", thousands(*accounts));
            self.table.row([held.say(self.lang), String::new(), says.say(self.lang)]);
        }
    }
}

/// Text from the input that goes to a terminal: short, and nothing that moves its cursor.
pub(crate) fn printable(text: &str) -> String {
    let short: String = text.chars().take(32).map(still).collect();
    if short.chars().count() < text.chars().count() { short + "…" } else { short }
}

/// A character that cannot move a terminal's cursor.
pub(crate) fn still(c: char) -> char {
    if c.is_control() { '\u{fffd}' } else { c }
}

/// A tick for people, to the second.
pub(crate) fn utc(tick: u64) -> String {
    let at = i64::try_from(tick).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    at.map_or_else(|| tick.to_string(), |at| at.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

fn took(seconds: f64) -> String {
    match Duration::try_from_secs_f64(seconds) {
        Ok(span) if seconds >= 60.0 => duration(span),
        _ => format!("{seconds:.2} s"),
    }
}

/// The most memory this process held at once, as Linux tells it.
pub fn peak_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::width;

    fn summary() -> Summary {
        let counts = |pairs: &[(&str, u64)]| pairs.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect();
        let mut summary = Summary {
            records: counts(&[("wagers", 1_234_567), ("outcomes", 1_230_000), ("payments", 4_321)]),
            duplicates: 12,
            rejects: counts(&[("malformed", 3), ("outcome_missing", 1_200), ("bad_amount", 0)]),
            anomalies: counts(&[("velocity", 7)]),
            settled: 1_229_900,
            open: 4_600,
            cancelled: 67,
            tombstones: 1,
            decisions: 2,
            imbalance: [("KRW".to_owned(), "0".to_owned()), ("EUR".to_owned(), "-0.01".to_owned())].into(),
            unknown_fields: counts(&[("a\x1b[2J", 1), ("b", 2), ("c", 3), ("d", 4), ("e", 5), ("f", 6)]),
            blank_lines: 2,
            first_tick: Some(1_767_225_600_000),
            last_tick: Some(1_767_311_999_900),
            ..Summary::default()
        };
        summary.measure(Duration::from_millis(1_234));
        summary
    }

    #[test]
    fn the_table_is_straight_in_both_languages() {
        for lang in [Lang::En, Lang::Ko] {
            let text = summary().render(Path::new("out"), lang);
            let mut lines: Vec<&str> = text.lines().collect();
            assert!(lines.pop().is_some_and(|line| line.contains("out")));
            let first = width(lines[0]);
            assert!(lines.iter().all(|line| width(line) == first), "\n{text}");
            assert!(!text.contains('\x1b') && !text.contains("bad_amount"), "\n{text}");
            for part in ["1,234,567", "outcome_missing", "2026-01-01 00:00:00", "-0.01"] {
                assert!(text.contains(part), "{part}\n{text}");
            }
        }
        let none = Summary::default().render(Path::new("out"), Lang::En);
        assert_eq!(none.matches(" none ").count(), 2, "\n{none}");
    }

    #[test]
    fn the_json_has_every_figure_and_reads_back() {
        let summary = summary();
        let json = summary.to_json().unwrap();
        assert_eq!(serde_json::from_slice::<Summary>(&json).unwrap(), summary);
        let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(value["records"]["wagers"], 1_234_567);
        assert_eq!(value["imbalance"]["KRW"], "0");
        assert_eq!(value["wall_seconds"], 1.234);
        assert!(value["peak_bytes"].as_u64() > Some(1_000_000));
    }
}
