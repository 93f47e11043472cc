//! `gyre anomalies` and `gyre quarantine`: what stands, one by one.

use serde_json::Value;

use crate::cli::{Form, PageArgs, Screen, ShowArgs};
use crate::client;
use crate::error::Result;
use crate::sheet::{sheet, unarmed};
use crate::summary::{printable, still, utc};
use crate::table::{Align, Table, thousands};
use crate::texts::{self, Key, Lang, Phrase};
use crate::watch::standing::List;
use crate::watch::v1::{One, Rows};

/// Asks for a page; `filters` are fields that must say so.
///
/// # Errors
/// Exit 2 for an address or a question that is none; exit 3 where nobody answers.
pub fn list(list: List, filters: &[(&str, &Option<String>)], page: &PageArgs, lang: Lang) -> Result<String> {
    let mut path = format!("/v1/{}?limit={}", list.output().name(), page.limit);
    let cursor = ("cursor", &page.cursor);
    for (name, value) in filters.iter().chain([&cursor]) {
        value.iter().for_each(|value| path += &format!("&{name}={value}"));
    }
    let answer = client::get(&page.http_addr, &path)?;
    if page.output == Form::Json {
        return Ok(String::from_utf8_lossy(&answer).into_owned());
    }
    let rows: Rows = client::read(&page.http_addr, &answer)?;
    if page.output == Form::Csv { csv(list, &rows) } else { Ok(table(list, &rows, lang)) }
}

/// Asks for one.
///
/// # Errors
/// As [`list`]; exit 2 where it does not stand.
pub fn show(list: List, args: &ShowArgs, lang: Lang) -> Result<String> {
    let path = format!("/v1/{}/{}", list.output().name(), args.reference);
    let answer = client::get(&args.http_addr, &path)?;
    if args.output == Screen::Json {
        return Ok(String::from_utf8_lossy(&answer).into_owned());
    }
    let one: One = client::read(&args.http_addr, &answer)?;
    let mut table = Table::new(&[Align::Left, Align::Left]);
    table.section(Phrase::new(Key::ListOne).with("at", &one.as_of.at).say(lang));
    for name in fields(list) {
        let says = cell(&one.item, name);
        match *name {
            "evidence" => each(&mut table, name, one.item.get(*name).and_then(Value::as_object)),
            "history" => verdicts(&mut table, one.item.get(*name)),
            _ => table.row([(*name).to_owned(), says]),
        }
        if *name == key_field(list) {
            table.row([String::new(), meaning(list, &one.item, lang)]);
        }
    }
    Ok(table.render())
}

/// The fields of a row, as they are shown.
fn fields(list: List) -> &'static [&'static str] {
    match list {
        List::Anomalies => &["ref", "kind", "tenant", "subject", "severity", "at_ms", "rule", "evidence"],
        List::Quarantine => {
            &["ref", "topic", "tenant", "provider", "id", "cause", "attempts", "digest", "history", "raw"]
        }
    }
}

/// The field that says what it is.
fn key_field(list: List) -> &'static str {
    match list {
        List::Anomalies => "kind",
        List::Quarantine => "cause",
    }
}

fn meaning(list: List, item: &Value, lang: Lang) -> String {
    let name = item.get(key_field(list)).and_then(Value::as_str).unwrap_or_default();
    let key = match list {
        List::Anomalies => texts::kind(name),
        List::Quarantine => texts::cause(name),
    };
    key.map(|key| key.say(lang).to_owned()).unwrap_or_default()
}

/// What a field says, on a terminal.
fn cell(item: &Value, name: &str) -> String {
    match item.get(name) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::Number(at_ms)) if name == "at_ms" => at_ms.as_u64().map_or_else(|| "-".to_owned(), utc),
        Some(Value::String(says)) => long(says),
        Some(says) => long(&says.to_string()),
    }
}

/// Text from the input, whole, that cannot move a terminal's cursor.
fn long(text: &str) -> String {
    text.chars().map(still).collect()
}

fn each(table: &mut Table, name: &str, says: Option<&serde_json::Map<String, Value>>) {
    for (number, (field, says)) in says.into_iter().flatten().enumerate() {
        let says = if let Value::String(says) = says { long(says) } else { long(&says.to_string()) };
        let name = if number == 0 { name.to_owned() } else { String::new() };
        table.row([name, format!("{}: {says}", long(field))]);
    }
}

/// One line for each verdict of a history.
fn verdicts(table: &mut Table, history: Option<&Value>) {
    for (number, judged) in history.and_then(Value::as_array).into_iter().flatten().enumerate() {
        let name = if number == 0 { "history".to_owned() } else { String::new() };
        let at = judged.get("tick").and_then(Value::as_u64).map_or_else(|| "-".to_owned(), utc);
        table.row([name, format!("{at}  {}  {}", cell(judged, "attempt"), cell(judged, "verdict"))]);
    }
}

fn table(list: List, rows: &Rows, lang: Lang) -> String {
    let columns: [&str; 5] = match list {
        List::Anomalies => ["ref", "kind", "severity", "subject", "at_ms"],
        List::Quarantine => ["ref", "topic", "cause", "id", "attempts"],
    };
    let mut table = Table::new(&[Align::Left; 5]);
    let title = Phrase::new(Key::ListTitle).with("shown", thousands(rows.items.len() as u64));
    let title = title.with("standing", thousands(rows.standing)).with("at", &rows.as_of.at);
    table.section(title.say(lang));
    if !rows.items.is_empty() {
        table.row(columns.map(str::to_owned));
    }
    for item in &rows.items {
        table.row(columns.map(|name| printable(&cell(item, name))));
    }
    let mut said = table.render();
    if rows.items.is_empty() {
        said += &format!("{}\n", Key::RowNone.say(lang));
    }
    if rows.kept < rows.standing {
        said += &format!("{}\n", Phrase::new(Key::ListKept).with("kept", thousands(rows.kept)).say(lang));
    }
    if let Some(next) = &rows.next {
        said += &format!("{}\n", Phrase::new(Key::ListMore).with("cursor", next).say(lang));
    }
    said
}

fn csv(list: List, rows: &Rows) -> Result<String> {
    let names = fields(list);
    sheet(
        names,
        rows.items.iter().map(|item| {
            let cells = names.iter().map(|name| match item.get(*name) {
                None | Some(Value::Null) => String::new(),
                Some(Value::String(says)) => unarmed(says),
                Some(says) => says.to_string(),
            });
            cells.collect()
        }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::status::AsOf;
    use serde_json::json;

    fn rows(items: Vec<Value>, next: Option<&str>) -> Rows {
        let as_of = AsOf { tick: 100, at: "then".to_owned() };
        Rows { as_of, standing: 9, kept: 8, items, next: next.map(str::to_owned) }
    }

    #[test]
    fn a_spreadsheet_takes_nothing_for_a_formula() {
        let hostile = json!({
            "ref": "0123", "kind": "velocity", "tenant": "-", "subject": "=cmd|' /C calc'!A0", "severity": "low",
            "at_ms": 5, "rule": "velocity/1", "evidence": {"wagers": 7, "of": "a,\"b\""},
        });
        let said = csv(List::Anomalies, &rows(vec![hostile], None)).unwrap();
        let mut reader = csv::Reader::from_reader(said.as_bytes());
        let record = reader.records().next().unwrap().unwrap();
        assert_eq!(&record[3], "'=cmd|' /C calc'!A0");
        assert_eq!((&record[2], &record[5]), ("-", "5"));
        assert_eq!(serde_json::from_str::<Value>(&record[7]).unwrap()["of"], "a,\"b\"");
    }

    #[test]
    fn a_page_says_how_much_there_is_and_where_it_goes_on() {
        let odd = json!({"ref": "0123", "kind": "velocity", "severity": "low", "subject": "kim\u{1b}[2J", "at_ms": 0});
        let said = table(List::Anomalies, &rows(vec![odd], Some("100-61")), Lang::En);
        for part in ["1 of 9", "velocity", "kim\u{fffd}[2J", "1970-01-01 00:00:00", "--cursor 100-61", "8"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        let said = table(List::Quarantine, &rows(Vec::new(), None), Lang::Ko);
        assert!(said.contains("없음"), "{said}");
    }
}
