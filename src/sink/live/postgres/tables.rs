//! The tables of `deploy/postgres/gyre.sql`: their columns, the statements that change them, and rows as they take them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gyre_dataflows::rows::Output;
use memchr::memmem;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::sink::{NetChange, key_fields};

/// The version of the tables that this Gyre writes.
pub(super) const VERSION: i32 = 1;
/// What is sent in one statement, about.
const STATEMENT_BYTES: usize = 2 << 20;
/// Tables cannot hold U+0000; it is written as this and `0`, and this itself as this and `F`.
const ESCAPE: char = '\u{f000}';

/// The columns of an output's table, each with its type as PostgreSQL names it.
pub(super) fn columns(output: Output) -> impl Iterator<Item = (&'static str, &'static str)> {
    let columns = match output {
        Output::Balances => "tenant text, account text, currency text, wallet text, balance numeric",
        Output::Rtp => {
            "tenant text, provider text, game text, currency text, window text, stake numeric, payout numeric, \
             wagers bigint, open_wagers bigint, open_stake numeric, rtp_actual numeric, z numeric, in_band boolean"
        }
        Output::WagerStates => {
            "tenant text, provider text, wager_id text, account text, game text, round text, currency text, \
             stake numeric, at_ms bigint, state text, payout numeric, settled_at_ms bigint, \
             wager_revision bigint, outcome_revision bigint"
        }
        Output::Rejects => {
            "topic text, tenant text, provider text, id text, cause text, digest text, position text, raw bytea"
        }
        Output::Recollect => {
            "topic text, tenant text, provider text, id text, digest text, attempt bigint, cause text, \
             due_ms bigint"
        }
        Output::Quarantine => {
            "topic text, tenant text, provider text, id text, digest text, cause text, attempts bigint, \
             history jsonb, raw bytea"
        }
        Output::Anomalies => {
            "kind text, tenant text, subject text, severity text, evidence jsonb, at_ms bigint, rule text"
        }
        Output::Postings => {
            "tenant text, entry text, leg bigint, account text, wallet text, currency text, amount numeric, \
             source text"
        }
        Output::Decisions => {
            "tenant text, provider text, command_id text, kind text, target text, actor text, reason text, \
             at_ms bigint, tick bigint, before text, after text"
        }
    };
    columns.split(", ").filter_map(|column| column.split_once(' '))
}

/// Columns of the key in the order of the table's index: what tells most apart stands first.
fn index(output: Output) -> Vec<&'static str> {
    let mut names = key_fields(output).to_vec();
    if names.contains(&"digest") {
        let first = ["digest", "cause", "attempt"];
        names.sort_by_key(|name| first.iter().position(|known| known == name).unwrap_or(first.len()));
    }
    names
}

/// A column of the key as its index sees it: an id may be null, and no id is empty.
fn indexed(prefix: &str, name: &str) -> String {
    match name {
        "id" => format!("coalesce({prefix}id, '')"),
        _ => format!("{prefix}\"{name}\""),
    }
}

/// Takes a JSON array of rows in.
pub(super) fn upsert(output: Output) -> String {
    let (table, key) = (output.name(), index(output));
    let names: Vec<String> = columns(output).map(|(name, _)| format!("\"{name}\"")).collect();
    let names = names.join(", ");
    let target: Vec<String> = key.iter().map(|name| format!("({})", indexed("", name))).collect();
    let set = columns(output).filter(|(name, _)| !key.contains(name));
    let set: Vec<String> = set.map(|(name, _)| format!("\"{name}\" = excluded.\"{name}\"")).collect();
    format!(
        "INSERT INTO gyre.{table} ({names}) SELECT {names} \
         FROM json_populate_recordset(null::gyre.{table}, $1::text::json) \
         ON CONFLICT ({}) DO UPDATE SET {}",
        target.join(", "),
        set.join(", ")
    )
}

/// Takes a JSON array of keys out.
pub(super) fn delete(output: Output) -> String {
    let table = output.name();
    let same =
        index(output).into_iter().map(|name| format!("{} = {}", indexed("t.", name), indexed("k.", name)));
    let same: Vec<String> = same.collect();
    format!(
        "DELETE FROM gyre.{table} t USING json_populate_recordset(null::gyre.{table}, $1::text::json) k \
         WHERE {}",
        same.join(" AND ")
    )
}

/// The changes of an output as JSON arrays, none of them large: keys that go, rows that come.
pub(super) fn arrays(output: Output, changes: &[NetChange<'_>]) -> Result<(Vec<String>, Vec<String>)> {
    let (mut gone, mut come) = (Arrays::default(), Arrays::default());
    let mut key = Vec::new();
    for change in changes {
        match change.row {
            Some(row) => come.push(output, row)?,
            None => {
                key.clear();
                change.push_key(&mut key);
                gone.push(output, &key)?;
            }
        }
    }
    Ok((gone.finish(), come.finish()))
}

/// JSON arrays that are being written.
#[derive(Default)]
struct Arrays {
    done: Vec<String>,
    open: String,
}

impl Arrays {
    fn push(&mut self, output: Output, row: &[u8]) -> Result<()> {
        let text = std::str::from_utf8(row).ok();
        let as_is = text.filter(|text| !has_raw(output) && !has_nul(text));
        self.open.push(if self.open.is_empty() { '[' } else { ',' });
        match as_is {
            Some(text) => self.open.push_str(text),
            None => self.open.push_str(&rewritten(output, row)?),
        }
        if self.open.len() >= STATEMENT_BYTES {
            self.close();
        }
        Ok(())
    }

    fn close(&mut self) {
        self.open.push(']');
        self.done.push(std::mem::take(&mut self.open));
    }

    fn finish(mut self) -> Vec<String> {
        if !self.open.is_empty() {
            self.close();
        }
        self.done
    }
}

fn has_raw(output: Output) -> bool {
    columns(output).any(|(_, kind)| kind == "bytea")
}

/// Whether a row may hold what tables cannot.
fn has_nul(row: &str) -> bool {
    memmem::find(row.as_bytes(), b"\\u0000").is_some() || row.contains(ESCAPE)
}

/// A row with its text as tables take it, and `raw` as the bytes that it stands for.
fn rewritten(output: Output, row: &[u8]) -> Result<String> {
    let bug = |error: &dyn std::fmt::Display| Error::bug(format!("a row of {}: {error}", output.name()));
    let mut row: Value = serde_json::from_slice(row).map_err(|error| bug(&error))?;
    let raw = row.get_mut("raw").map(Value::take);
    escape(&mut row);
    if let Some(raw) = raw {
        let bytes = raw_bytes(raw).map_err(|error| bug(&error))?;
        row["raw"] = bytes.map_or(Value::Null, |bytes| Value::String(bytea(&bytes)));
    }
    Ok(row.to_string())
}

/// What `raw` stands for: text as it is, or `{"base64": …}`.
fn raw_bytes(raw: Value) -> Result<Option<Vec<u8>>, base64::DecodeError> {
    match raw {
        Value::String(text) => Ok(Some(text.into_bytes())),
        Value::Object(coded) => {
            let text = coded.get("base64").and_then(Value::as_str).unwrap_or_default();
            STANDARD.decode(text).map(Some)
        }
        _ => Ok(None),
    }
}

/// Bytes as PostgreSQL reads them.
fn bytea(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let digits = nibbles.map(|nibble| char::from(DIGITS[usize::from(nibble)]));
    "\\x".chars().chain(digits).collect()
}

fn escape(value: &mut Value) {
    match value {
        Value::String(text) if text.contains(['\0', ESCAPE]) => {
            *text = text.replace(ESCAPE, "\u{f000}F").replace('\0', "\u{f000}0");
        }
        Value::Array(items) => items.iter_mut().for_each(escape),
        Value::Object(fields) => fields.values_mut().for_each(escape),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::{RowChange, net_changes};

    const SQL: &str = include_str!("../../../../deploy/postgres/gyre.sql");

    /// Name and type of the columns that the file makes for a table.
    fn made(table: &str) -> Vec<(String, String)> {
        let start = SQL.find(&format!("CREATE TABLE gyre.{table} (")).unwrap();
        let body = &SQL[start..start + SQL[start..].find(");").unwrap()];
        let lines = body.lines().skip(1).map(str::trim).filter(|line| !line.starts_with("PRIMARY"));
        let words = lines.map(|line| line.trim_end_matches(',').split_whitespace());
        words
            .filter_map(|mut words| Some((words.next()?.replace('"', ""), words.next()?.to_owned())))
            .collect()
    }

    #[test]
    fn the_tables_are_those_of_the_file() {
        assert!(SQL.contains(&format!("INSERT INTO gyre.version VALUES ({VERSION});")));
        for output in Output::ALL {
            let want: Vec<_> =
                columns(output).map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect();
            assert_eq!(made(output.name()), want, "{}", output.name());
            let key: Vec<String> = index(output).iter().map(|name| indexed("", name)).collect();
            let bare = key.join(", ").replace('"', "").replace("coalesce(id, '')", "(coalesce(id, ''))");
            let unquoted = SQL.replace('"', "");
            let is_primary = unquoted.contains(&format!("PRIMARY KEY ({bare})"));
            let is_unique = unquoted.contains(&format!("ON gyre.{} ({bare});", output.name()));
            assert!(is_primary || is_unique, "{}: no index ({bare})", output.name());
        }
    }

    fn come(output: Output, row: &str) -> String {
        let change = RowChange { output, tick: 1, comes: true, row: row.as_bytes() };
        let (gone, come) = arrays(output, &net_changes([change]).unwrap()).unwrap();
        assert!(gone.is_empty());
        come.concat()
    }

    #[test]
    fn rows_are_sent_as_they_are_unless_tables_cannot_hold_them() {
        let row = |account: &str| {
            format!(
                r#"{{"tenant":"-","account":{account},"currency":"EUR","wallet":"cash","balance":"1.00"}}"#
            )
        };
        let plain = row(r#""ann""#);
        assert_eq!(come(Output::Balances, &plain), format!("[{plain}]"));
        let nul = come(Output::Balances, &row(r#""a\u0000b""#));
        assert!(nul.contains("\"a\u{f000}0b\""), "{nul}");
        let private = come(Output::Balances, &row("\"a\u{f000}0b\""));
        assert!(private.contains("\"a\u{f000}F0b\""), "{private}");
    }

    #[test]
    fn raw_becomes_the_bytes_it_stands_for() {
        let row = |raw: &str| {
            let row = format!(
                r#"{{"topic":"wagers","tenant":"-","provider":"-","id":null,"cause":"malformed","digest":"d","position":"p","raw":{raw}}}"#
            );
            let sent: Value = serde_json::from_str(&come(Output::Rejects, &row)).unwrap();
            sent[0]["raw"].clone()
        };
        assert_eq!(row(r#""h\u0000i""#), "\\x680069");
        assert_eq!(row(r#"{"base64":"/w=="}"#), "\\xff");
        assert_eq!(row("null"), Value::Null);
    }

    #[test]
    fn keys_go_and_rows_come_in_pieces() {
        let rows: Vec<String> = (0..30_000)
            .map(|number| {
                format!(
                    r#"{{"tenant":"-","account":"account-{number:06}","currency":"EUR","wallet":"cash","balance":"1.00"}}"#
                )
            })
            .collect();
        let changes = rows.iter().enumerate().map(|(number, row)| RowChange {
            output: Output::Balances,
            tick: 1,
            comes: number % 10 > 0,
            row: row.as_bytes(),
        });
        let (gone, come) = arrays(Output::Balances, &net_changes(changes).unwrap()).unwrap();
        assert!(gone.len() == 1 && come.len() > 1);
        let count = |text: &String| serde_json::from_str::<Vec<Value>>(text).unwrap().len();
        assert_eq!(gone.iter().map(count).sum::<usize>(), 3_000);
        assert_eq!(come.iter().map(count).sum::<usize>(), 27_000);
    }
}
