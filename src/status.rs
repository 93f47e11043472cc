//! `gyre status`: one screen on a run. Are the books right, how fresh are they, what is wrong?

use serde_json::Value;

use crate::cli::{Form, StatusArgs};
use crate::client;
use crate::error::{Error, Result, bytes};
use crate::sheet::{sheet, unarmed};
use crate::table::{Align, Table, thousands};
use crate::texts::{self, Key, Lang, Phrase};
use crate::watch::status::{Caused, Lag, Sink, State, Status};

/// Asks, and gives what is shown, and whether anything is wrong.
///
/// # Errors
/// Exit 2 for an address that is none; exit 3 where nobody answers there, or nobody that is known.
pub fn ask(args: &StatusArgs, lang: Lang) -> Result<(String, bool)> {
    let (answer, status) = status(args)?;
    let shown = match args.output {
        Form::Json => String::from_utf8_lossy(&answer).into_owned(),
        Form::Csv => csv(&serde_json::to_value(&status).map_err(Error::bug)?)?,
        Form::Table => show(&status, lang),
    };
    Ok((shown, status.has_findings()))
}

/// Asks what was not read yet, and how far behind sinks are.
///
/// # Errors
/// As [`ask`].
pub fn lag(args: &StatusArgs, lang: Lang) -> Result<String> {
    let (_, status) = status(args)?;
    let Status { as_of, lags, sinks, .. } = &status;
    let parts = serde_json::json!({ "as_of": as_of, "lags": lags, "sinks": sinks });
    match args.output {
        Form::Json => return Ok(format!("{parts}\n")),
        Form::Csv => return csv(&parts),
        Form::Table => {}
    }
    let mut rows = Rows::new(lang);
    rows.lags(&status);
    rows.sinks(&status);
    Ok(rows.table.render())
}

fn status(args: &StatusArgs) -> Result<(Vec<u8>, Status)> {
    let answer = client::get(&args.http_addr, "/v1/status")?;
    let status = client::read(&args.http_addr, &answer)?;
    Ok((answer, status))
}

/// The screen.
fn show(status: &Status, lang: Lang) -> String {
    let mut rows = Rows::new(lang);
    rows.books(status);
    rows.freshness(status);
    rows.inputs(status);
    rows.sinks(status);
    rows.anomalies(status);
    rows.caused(Key::SectionRejects, &status.rejects);
    rows.caused(Key::SectionQuarantine, &status.quarantine);
    rows.table.render()
}

struct Rows {
    table: Table,
    lang: Lang,
}

impl Rows {
    fn new(lang: Lang) -> Self {
        Self { table: Table::new(&[Align::Left, Align::Right, Align::Left]), lang }
    }

    fn say(&self, what: impl Into<Phrase>) -> String {
        what.into().say(self.lang)
    }

    fn row(&mut self, name: String, number: String, says: String) {
        self.table.row([name, number, says]);
    }

    fn books(&mut self, status: &Status) {
        self.table.section(self.say(Key::StatusRight));
        for book in &status.books {
            let verdict = if book.imbalance == "0" { Key::Balanced } else { Key::NotBalanced };
            let name = self.say(Phrase::new(Key::RowImbalance).with("currency", &book.currency));
            self.row(name, decimal(&book.imbalance, book.exponent), self.say(verdict));
            if book.held != "0" {
                let name = self.say(Phrase::new(Key::RowWhatIfHeldOf).with("currency", &book.currency));
                self.row(name, decimal(&book.held, book.exponent), String::new());
            }
        }
        let wagers = status.wagers;
        let counts = [
            (Key::RowOpen, wagers.open),
            (Key::RowSettled, wagers.settled),
            (Key::RowCancelled, wagers.cancelled),
        ];
        for (key, count) in counts {
            self.row(self.say(key), thousands(count), String::new());
        }
    }

    fn freshness(&mut self, status: &Status) {
        self.table.section(self.say(Key::StatusFresh));
        self.row(self.say(Key::StatusAge), age(status), self.say(state(status)));
        self.row(self.say(Key::StatusAsOf), String::new(), status.as_of.at.clone());
        let start = Phrase::new(Key::StatusStart).with("generation", status.generation);
        self.row(self.say(Key::StatusJob), String::new(), format!("{}, {}", status.job, self.say(start)));
        self.row(self.say(Key::StatusMemory), bytes(status.resident_bytes), String::new());
    }

    fn inputs(&mut self, status: &Status) {
        self.table.section(self.say(Key::SectionInput));
        for input in status.inputs.iter().filter(|input| input.records > 0) {
            self.row(input.source.clone(), thousands(input.records), String::new());
        }
    }

    fn lags(&mut self, status: &Status) {
        self.table.section(self.say(Key::LagUnread));
        if status.lags.is_empty() {
            self.row(self.say(Key::RowNone), String::new(), String::new());
        }
        for Lag { source, partition, records, bytes: rest } in &status.lags {
            let name = format!("{source}/{partition}");
            let (number, unit) = match (records, rest) {
                (Some(records), _) => (thousands(*records), self.say(Key::LagRecords)),
                (None, rest) => (bytes(rest.unwrap_or(0)), String::new()),
            };
            self.row(name, number, unit);
        }
    }

    fn sinks(&mut self, status: &Status) {
        self.table.section(self.say(Key::StatusSinks));
        for sink in &status.sinks {
            let Sink { name, records, errors, troubled, .. } = sink;
            let behind = Phrase::new(Key::StatusSinkBehind).with("seconds", behind(status, sink));
            let trouble = Phrase::new(Key::StatusSinkTrouble).with("errors", thousands(*errors));
            let says = if *troubled { self.say(trouble) } else { self.say(behind) };
            self.row(name.clone(), thousands(*records), says);
        }
    }

    fn anomalies(&mut self, status: &Status) {
        self.table.section(self.say(Key::SectionAnomalies));
        if status.anomalies.is_empty() {
            self.row(self.say(Key::RowNone), String::new(), String::new());
        }
        for anomaly in &status.anomalies {
            let meaning = texts::kind(&anomaly.kind).map(|key| self.say(key)).unwrap_or_default();
            let says = format!("{}: {meaning}", anomaly.severity);
            self.row(anomaly.kind.clone(), thousands(anomaly.open), says);
        }
    }

    fn caused(&mut self, title: Key, counts: &[Caused]) {
        self.table.section(self.say(title));
        if counts.is_empty() {
            self.row(self.say(Key::RowNone), String::new(), String::new());
        }
        for Caused { cause, records } in counts {
            let meaning = texts::cause(cause).map(|key| self.say(key)).unwrap_or_default();
            self.row(cause.clone(), thousands(*records), meaning);
        }
    }
}

/// The fields by which the items of each list are told apart.
const NAMES: [&str; 7] = ["currency", "source", "partition", "name", "kind", "severity", "cause"];

/// One line for each figure: what it is part of, of what there, which figure, and what it says.
fn csv(parts: &Value) -> Result<String> {
    let mut rows = Vec::new();
    for (part, says) in parts.as_object().into_iter().flatten() {
        match says {
            Value::Array(items) => items.iter().for_each(|item| figures(part, item, &mut rows)),
            Value::Object(_) => figures(part, says, &mut rows),
            says => rows.push(vec![part.clone(), String::new(), String::new(), figure(says)]),
        }
    }
    sheet(&["part", "name", "field", "value"], rows)
}

/// The figures of an item, under what it is called.
fn figures(part: &str, item: &Value, rows: &mut Vec<Vec<String>>) {
    let names = NAMES.iter().filter_map(|name| item.get(*name)).map(figure);
    let name = names.collect::<Vec<_>>().join("/");
    for (field, says) in item.as_object().into_iter().flatten() {
        if !NAMES.contains(&field.as_str()) {
            rows.push(vec![part.to_owned(), name.clone(), field.clone(), figure(says)]);
        }
    }
}

fn figure(says: &Value) -> String {
    match says {
        Value::Null => String::new(),
        // Money is a text of digits, perhaps with a sign.
        Value::String(says) if says.parse::<i128>().is_ok() => says.clone(),
        Value::String(says) => unarmed(says),
        says => says.to_string(),
    }
}

/// What is said of where a run is in its life.
pub fn state(status: &Status) -> Key {
    match status.state {
        State::Hydrating => Key::StatusHydrating,
        State::Ready => Key::StatusReady,
        State::Behind => Key::StatusBehind,
    }
}

/// How old the books are.
pub fn age(status: &Status) -> String {
    status.behind_ms.map_or_else(|| "-".to_owned(), |ms| format!("{} s", seconds(ms)))
}

/// How far a sink is behind, in seconds.
pub fn behind(status: &Status, sink: &Sink) -> String {
    seconds(status.as_of.tick.saturating_sub(sink.tick))
}

fn seconds(ms: u64) -> String {
    format!("{:.1}", ms as f64 / 1_000.0)
}

/// Minor units as money is written.
pub fn decimal(minor: &str, exponent: u64) -> String {
    let (sign, digits) = minor.strip_prefix('-').map_or(("", minor), |digits| ("-", digits));
    let exponent = usize::try_from(exponent).unwrap_or(0).min(38);
    if exponent == 0 || digits.bytes().any(|byte| !byte.is_ascii_digit()) {
        return minor.to_owned();
    }
    let digits = format!("{digits:0>width$}", width = exponent + 1);
    let (whole, rest) = digits.split_at(digits.len() - exponent);
    format!("{sign}{whole}.{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_has_a_line_for_each_figure() {
        let parts = serde_json::json!({
            "as_of": {"tick": 5, "at": "then"},
            "books": [{"currency": "KRW", "exponent": 0, "imbalance": "-3", "held": "=1+1"}],
            "lags": [{"source": "wagers", "partition": "0", "records": 7, "bytes": null}],
            "generation": 2,
        });
        let said = csv(&parts).unwrap();
        for line in [
            "part,name,field,value",
            "as_of,,tick,5",
            "books,KRW,imbalance,-3",
            "books,KRW,held,'=1+1",
            "lags,wagers/0,records,7",
            "lags,wagers/0,bytes,",
            "generation,,,2",
        ] {
            assert!(said.lines().any(|said| said == line), "{line}: {said}");
        }
    }

    #[test]
    fn minor_units_read_as_money() {
        let read = [("0", 0), ("0", 2), ("5", 2), ("-1234", 2), ("1234", 0), ("x", 2)];
        assert_eq!(
            read.map(|(minor, exponent)| decimal(minor, exponent)),
            ["0", "0.00", "0.05", "-12.34", "1234", "x"]
        );
    }
}
