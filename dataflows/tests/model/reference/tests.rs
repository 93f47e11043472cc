//! The reference against examples worked out by hand.

mod admission;
mod figures;
mod lines;
mod lives;
mod players;
mod rules;

use serde_json::{Value, json};

use super::{Books, DAY_MS, Settings, Streams, Topic, books, line, within_law};

/// 2026-01-01T00:00:00Z
const T: i64 = 1_767_225_600_000;

fn wager(id: &str, stake: &str, at: i64, more: &str) -> String {
    let at_ms = T + at;
    format!(
        r#"{{"wager_id":"{id}","account":"ann","game":"slot","stake":"{stake}","currency":"EUR","at_ms":{at_ms}{more}}}"#
    )
}

fn outcome(id: &str, kind: &str, at: i64, more: &str) -> String {
    format!(r#"{{"wager_id":"{id}","kind":"{kind}","at_ms":{}{more}}}"#, T + at)
}

fn settle(id: &str, payout: &str, at: i64, more: &str) -> String {
    outcome(id, "settle", at, &format!(r#","payout":"{payout}","currency":"EUR"{more}"#))
}

fn payment(id: &str, kind: &str, amount: &str, at: i64, more: &str) -> String {
    let at_ms = T + at;
    format!(
        r#"{{"payment_id":"{id}","account":"ann","kind":"{kind}","amount":"{amount}","currency":"EUR","at_ms":{at_ms}{more}}}"#
    )
}

fn game(more: &str) -> String {
    format!(r#"{{"game":"slot","rtp_theoretical":"0.9"{more}}}"#)
}

/// Lines of wagers, outcomes, payments, games, accounts, rules and commands, as many of these as there are.
fn streams(files: &[&[String]]) -> Streams {
    let mut streams = Streams::default();
    for (topic, lines) in Topic::ALL.iter().zip(files) {
        *streams.of_mut(*topic) = lines.iter().map(|line| line.clone().into_bytes()).collect();
    }
    streams
}

fn run(files: &[&[String]]) -> Books {
    books(&streams(files), &Settings::default())
}

/// `id cause` of every reject but missing outcomes.
fn rejects(books: &Books) -> Vec<String> {
    let faults = books.rejects.iter().filter(|row| row["cause"] != "outcome_missing");
    faults.map(|row| format!("{} {}", row["id"].as_str().unwrap_or("null"), text(row, "cause"))).collect()
}

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap_or("null")
}

/// `id state payout outcome_revision` of every wager.
fn states(books: &Books) -> Vec<String> {
    let state = |row: &Value| {
        format!(
            "{} {} {} {}",
            text(row, "wager_id"),
            text(row, "state"),
            text(row, "payout"),
            row["outcome_revision"]
        )
    };
    books.wager_states.iter().map(state).collect()
}

fn balance(books: &Books, account: &str) -> String {
    let row = books.balances.iter().find(|row| row["account"] == account);
    row.map_or("none", |row| text(row, "balance")).to_owned()
}

/// `subject at evidence` of each anomaly of a kind, its time relative to [`T`].
fn anomalies(books: &Books, kind: &str) -> Vec<(String, i64, Value)> {
    let of_kind = books.anomalies.iter().filter(|row| row["kind"] == kind);
    let short = |row: &Value| {
        assert_eq!(row["rule"], format!("{kind}/1"));
        (text(row, "subject").to_owned(), row["at_ms"].as_i64().unwrap_or(T) - T, row["evidence"].clone())
    };
    of_kind.map(short).collect()
}

/// The causes of single lines of one topic, in line order; `ok` for none.
fn judged(topic: Topic, lines: &[&str]) -> Vec<String> {
    let mut streams = Streams::default();
    *streams.of_mut(topic) = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
    let said = super::verdicts(&streams, &Settings::default());
    said.iter().map(|line| text(line, "verdict").to_owned()).collect()
}
