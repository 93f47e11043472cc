//! Months of play with a horizon of ten days: keys are forgotten, their rows stand.

use std::fs;

use serde_json::{Value, json};

use crate::contract;
use crate::feed::{Books, DAY, Feed, MINUTE, T0, but, settle, wager};

const CONFIG: &str = "[time]\nhorizon_ms = 864000000\n";
const DAYS: u64 = 120;
/// Of each stream, evenly spread.
const LINES: u64 = 20_000;

fn id(number: u64) -> String {
    format!("w{number:06}")
}

/// Wagers of 10.00 at even times, each settled with 15.00 a minute later; and `more`, put where their times belong.
fn months(days: u64, lines: u64, wagers: Vec<Value>, outcomes: Vec<Value>) -> Feed {
    let at_ms = |number: u64| T0 + days * DAY * number / lines;
    let in_order = |records: &mut Vec<Value>| records.sort_by_key(|record| record["at_ms"].as_u64());
    let mut all_wagers: Vec<Value> = (0..lines)
        .map(|number| {
            but(wager(&id(number), at_ms(number)), json!({ "account": format!("a{}", number % 50) }))
        })
        .collect();
    all_wagers.extend(wagers);
    let mut all_outcomes: Vec<Value> =
        (0..lines).map(|number| settle(&id(number), at_ms(number) + MINUTE)).collect();
    all_outcomes.extend(outcomes);
    in_order(&mut all_wagers);
    in_order(&mut all_outcomes);
    Feed::new()
        .with("gyre.toml", CONFIG)
        .records("wagers.jsonl", all_wagers)
        .records("outcomes.jsonl", all_outcomes)
}

/// The same, with so much noise on some days that state is swept between them: a replay takes its lines in large steps.
fn swept(feed: Feed, days: &[u64]) -> Feed {
    let text = fs::read_to_string(feed.path().join("outcomes.jsonl")).expect("outcomes.jsonl");
    let at_ms = |line: &str| serde_json::from_str::<Value>(line).expect(line)["at_ms"].as_u64();
    let mut noisy = String::new();
    let mut days = days.iter().peekable();
    for line in text.lines() {
        if days.next_if(|&&days| at_ms(line) >= Some(day(days))).is_some() {
            noisy += &"{}\n".repeat(100_000);
        }
        noisy += line;
        noisy.push('\n');
    }
    assert!(days.next().is_none());
    feed.with("outcomes.jsonl", noisy)
}

/// The rejects that are no noise.
fn causes(books: &Books) -> Vec<(String, String)> {
    books.causes().into_iter().filter(|(_, cause)| cause != "malformed").collect()
}

fn day(days: u64) -> u64 {
    T0 + days * DAY
}

fn ada(books: &Books) -> String {
    books.balance("ada")
}

fn state(books: &Books, id: &str) -> Value {
    match &books.find("wager_states", "wager_id", id)[..] {
        [row] => row.clone(),
        rows => panic!("{id}: {rows:?}"),
    }
}

#[test]
fn rows_of_forgotten_wagers_stand() {
    let feed = months(DAYS, LINES, vec![], vec![]);
    let books = feed.books("--workers 2 --changes");
    contract::holds(&books);
    let states = books.rows("wager_states");
    assert_eq!(states.len() as u64, LINES);
    assert!(states.iter().all(|row| row["state"] == "settled" && row["payout"] == "15.00"));
    assert_eq!(books.balance("@house"), "-100000.00");
    let [all] = &books.find("rtp", "window", "all")[..] else { panic!("one game") };
    assert_eq!(
        (&all["stake"], &all["payout"], &all["wagers"]),
        (&json!("200000.00"), &json!("300000.00"), &json!(LINES))
    );
    let days = books
        .rows("rtp")
        .into_iter()
        .filter(|row| row["window"].as_str().is_some_and(|at| at.starts_with("day")));
    let wagers: Vec<u64> = days.filter_map(|row| row["wagers"].as_u64()).collect();
    assert_eq!((wagers.len() as u64, wagers.iter().sum::<u64>()), (DAYS, LINES));
    assert_eq!(books.finals(), feed.books("--workers 1").finals());
}

/// A wager of day 0 that was settled then; what comes on day 30 finds it forgotten.
#[test]
fn a_late_outcome_of_a_forgotten_wager_has_no_wager() {
    let again = but(settle("old", day(30)), json!({ "revision": 1, "payout": "99.00" }));
    let outcomes = vec![settle("old", day(0)), again];
    let feed = months(40, 4_000, vec![wager("old", day(0))], outcomes.clone());
    let swept = swept(months(40, 4_000, vec![wager("old", day(0))], outcomes), &[15, 25, 31]);
    for (feed, flags) in [(&feed, "--changes"), (&feed, ""), (&swept, "--changes"), (&swept, "--workers 2")] {
        let books = feed.books(flags);
        assert_eq!(causes(&books), [("old".into(), "outcome_without_wager".into())], "{flags}");
        assert_eq!(ada(&books), "5.00", "{flags}");
        assert_eq!(state(&books, "old")["payout"], "15.00", "{flags}");
    }
}

#[test]
fn a_wager_that_was_forgotten_may_come_anew() {
    let wagers = vec![wager("again", day(1)), but(wager("again", day(31)), json!({ "stake": "20.00" }))];
    let outcomes = vec![settle("again", day(1)), settle("again", day(32))];
    let feed = months(40, 4_000, wagers.clone(), outcomes.clone());
    let swept = swept(months(40, 4_000, wagers, outcomes), &[15, 25]);
    for (feed, flags) in
        [(&feed, "--changes --postings"), (&feed, ""), (&swept, "--changes"), (&swept, "--workers 2")]
    {
        let books = feed.books(flags);
        contract::holds(&books);
        assert_eq!(causes(&books), [], "{flags}");
        // Both stakes and both payouts are booked; the row is the new wager's.
        assert_eq!(ada(&books), "0.00", "{flags}");
        assert_eq!(state(&books, "again")["stake"], "20.00", "{flags}");
    }
}

/// An open wager waits 400 days, and so do the windows that it is in; a chain of corrections keeps its wager.
#[test]
fn what_may_still_change_is_kept() {
    let wagers = vec![wager("open", day(2)), wager("chain", day(3))];
    let outcomes = vec![
        settle("open", day(50)),
        but(settle("chain", day(12)), json!({ "payout": "1.00" })),
        but(settle("chain", day(21)), json!({ "payout": "2.00", "revision": 1 })),
        but(settle("chain", day(30)), json!({ "payout": "3.00", "revision": 2 })),
    ];
    let feed = months(60, 9_000, wagers.clone(), outcomes.clone());
    let swept = swept(months(60, 9_000, wagers, outcomes), &[14, 18, 25, 33]);
    let lone = |window: &str, books: &Books| match &books.find("rtp", "window", window)[..] {
        [row] => row.clone(),
        rows => panic!("{window}: {rows:?}"),
    };
    for (feed, flags) in [(&feed, "--changes"), (&feed, ""), (&swept, "--changes"), (&swept, "--workers 2")] {
        let books = feed.books(flags);
        assert_eq!(causes(&books), [], "{flags}");
        assert_eq!(state(&books, "open")["state"], "settled", "{flags}");
        assert_eq!(state(&books, "chain")["payout"], "3.00", "{flags}");
        assert_eq!(ada(&books), "-2.00", "{flags}");
        assert_eq!(lone("all", &books)["payout"], "135018.00", "{flags}");
        // The day of the open wager holds it and 150 others.
        let day = lone("day:2026-01-03", &books);
        assert_eq!((&day["wagers"], &day["payout"]), (&json!(151), &json!("2265.00")), "{flags}");
    }
}

#[test]
fn memory_is_that_of_what_may_still_change() {
    let peak = |days: u64| {
        let (mut wagers, mut outcomes) = (String::new(), String::new());
        for number in 0..days * 2_000 {
            let at_ms = T0 + DAY * number / 2_000;
            wagers += &format!(
                "{{\"wager_id\":\"w{number:07}\",\"account\":\"a{}\",\"game\":\"wheel\",\"stake\":\"10.00\",\
                 \"currency\":\"EUR\",\"at_ms\":{at_ms}}}\n",
                number % 50
            );
            outcomes += &format!(
                "{{\"wager_id\":\"w{number:07}\",\"kind\":\"settle\",\"payout\":\"15.00\",\"currency\":\"EUR\",\
                 \"at_ms\":{}}}\n",
                at_ms + MINUTE
            );
        }
        let feed = Feed::new()
            .with("gyre.toml", CONFIG)
            .with("wagers.jsonl", wagers)
            .with("outcomes.jsonl", outcomes);
        let books = feed.books("--workers 1");
        assert_eq!(books.summary["settled"], days * 2_000);
        books.summary["peak_bytes"].as_f64().expect("bytes")
    };
    // Long enough that the rows which rest are spilt to disk in both.
    let (short, long) = (peak(125), peak(375));
    assert!(long < short * 1.3, "{short} bytes become {long} where the stream is three times as long");
}
