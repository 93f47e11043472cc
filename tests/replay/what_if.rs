//! `gyre replay --what-if`: what would differ is what two runs differ in.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::feed::{Books, Feed};

const OTHER: &str = r#"
[rtp]
band_z = "100"
action = "hold"
[anomalies.velocity]
wagers_max = 12
action = "hold"
[anomalies.stake_spike]
score_max = "9"
[anomalies.improbable_wins]
p_max = "0.01"
[anomalies.deposit_then_withdraw]
deposits_min = 1
[anomalies.structuring]
limit = 500
[anomalies.slow_drift]
limit = "100"
"#;

type Rows = BTreeMap<(String, String), Value>;

fn anomalies(books: &Books) -> Rows {
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    books
        .rows("anomalies")
        .into_iter()
        .map(|row| ((text(&row, "kind"), text(&row, "subject")), row))
        .collect()
}

/// What is held of accounts: tenant, account, currency.
fn held(books: &Books) -> BTreeMap<[String; 3], String> {
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let rows = books.rows("balances").into_iter().filter(|row| row["wallet"] == "held");
    rows.map(|row| (["tenant", "account", "currency"].map(|name| text(&row, name)), text(&row, "balance")))
        .collect()
}

/// What is told to be held by the rules in force and by the others, where they differ.
fn told_held(differences: &Value) -> BTreeMap<[String; 3], [String; 2]> {
    let rows = differences["held_accounts"].as_array().expect("accounts").iter();
    rows.map(|row| {
        let text = |name: &str| row[name].as_str().expect("text").to_owned();
        (["tenant", "account", "currency"].map(text), ["in_force", "other"].map(text))
    })
    .collect()
}

fn cents(text: &str) -> i64 {
    text.replace('.', "").parse().expect("a number")
}

/// The subjects of a kind that are told to be of one sort.
fn told(differences: &Value, kind: &str, sort: &str) -> Vec<String> {
    let subjects = differences["kinds"][kind][format!("{sort}_subjects")].as_array();
    let subjects = subjects.into_iter().flatten().map(|subject| subject["subject"].to_string());
    let subjects: Vec<String> = subjects.map(|subject| subject.trim_matches('"').to_owned()).collect();
    assert_eq!(
        differences["kinds"][kind][sort].as_u64().unwrap_or(0),
        subjects.len() as u64,
        "{kind} {sort}"
    );
    subjects
}

#[test]
fn what_would_differ_is_what_two_runs_differ_in() {
    let feed = Feed::of("evening").with("other.toml", OTHER);
    let other = feed.path().join("other.toml");
    let (plain, others) = (feed.books(""), feed.books(&format!("--config {}", other.display())));
    let (in_force, under_others) = (anomalies(&plain), anomalies(&others));
    assert!(in_force != under_others);
    for flags in ["--workers 1", "--workers 3", "--workers 2 --changes"] {
        let asked = feed.books(&format!("{flags} --what-if {}", other.display()));
        // The books are those of the rules in force.
        assert_eq!(asked.rows("anomalies"), plain.rows("anomalies"), "{flags}");
        let differences: Value = serde_json::from_str(asked.text("what_if.json")).expect("JSON");
        let kinds: Vec<&String> = differences["kinds"].as_object().expect("by kind").keys().collect();
        assert!(kinds.len() >= 4, "{kinds:?}");
        for (sort, mine, theirs) in
            [("flagged", &under_others, &in_force), ("withdrawn", &in_force, &under_others)]
        {
            let alone = mine.keys().filter(|key| !theirs.contains_key(*key));
            let alone: Vec<(String, String)> = alone.cloned().collect();
            for kind in mine.keys().map(|key| &key.0) {
                let want: Vec<String> =
                    alone.iter().filter(|key| key.0 == *kind).map(|key| key.1.clone()).collect();
                assert_eq!(told(&differences, kind, sort), want, "{flags}: {kind} {sort}");
            }
        }
        let by_rules = told_held(&differences);
        assert!(by_rules.len() >= 2, "{by_rules:?}");
        for account in held(&plain).keys().chain(held(&others).keys()) {
            let of = |books: &Books| held(books).get(account).map_or(0, |balance| cents(balance));
            let [now, then] = by_rules.get(account).map_or([0, 0], |both| [cents(&both[0]), cents(&both[1])]);
            assert_eq!(of(&others) - of(&plain), then - now, "{flags}: {account:?}");
        }
        for ((kind, subject), row) in &in_force {
            let differs =
                under_others.get(&(kind.clone(), subject.clone())).is_some_and(|other| other != row);
            assert_eq!(told(&differences, kind, "changed").contains(subject), differs, "{kind} {subject}");
        }
    }
}

#[test]
fn the_same_rules_differ_in_nothing_and_books_are_not_asked() {
    let feed = Feed::of("evening").with("none.toml", "").with("time.toml", "[time]\nresult_due_ms = 1\n");
    let path = |name: &str| feed.path().join(name).display().to_string();
    let asked = feed.books(&format!("--what-if {}", path("none.toml")));
    let differences: Value = serde_json::from_str(asked.text("what_if.json")).expect("JSON");
    assert_eq!(differences["kinds"], serde_json::json!({}));
    let said = feed.fails(&format!("--what-if {}", path("time.toml")), 2);
    assert!(said.contains("time.toml sets more than what is an anomaly"), "{said}");
}
