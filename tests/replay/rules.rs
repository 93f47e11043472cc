//! Rules in a folder: what they judge and hold, whatever the pace, the packing and the number of workers.

use serde_json::{Value, json};

use crate::contract;
use crate::feed::{Books, DAY, Feed, MINUTE, SECOND, T0, but, deposit, settle, wager};

fn velocity(version: &str, effective_from_ms: u64, wagers_max: u64, action: &str) -> Value {
    json!({
        "rule": format!("velocity/{version}"), "effective_from_ms": effective_from_ms, "window_ms": MINUTE,
        "wagers_max": wagers_max, "action": action
    })
}

/// Each wallet of the player with what it holds.
fn wallets(books: &Books) -> Vec<String> {
    let rows = books.find("balances", "account", "ada");
    rows.iter().map(|row| format!("{} {}", row["wallet"], row["balance"]).replace('"', "")).collect()
}

#[test]
fn a_players_payouts_are_held_by_a_rule() {
    let ids = ["w1", "w2", "w3"];
    let feed = Feed::new()
        .records("payments.jsonl", [deposit("p1", "30.00", T0)])
        .records("wagers.jsonl", ids.map(|id| wager(id, T0 + SECOND)))
        .records("outcomes.jsonl", ids.map(|id| settle(id, T0 + 2 * SECOND)));
    let flagged = feed.books("--postings");
    assert!(flagged.rows("anomalies").is_empty());
    let feed = feed.records("rules.jsonl", [velocity("tight", T0, 2, "hold"), json!({ "rule": "speed" })]);
    let books = feed.books("--postings");
    contract::holds(&books);
    let anomalies = books.rows("anomalies");
    let judged: Vec<&Value> = anomalies.iter().map(|row| &row["rule"]).collect();
    assert_eq!(judged, [&json!("velocity/tight")]);
    assert_eq!(books.causes(), [("speed".to_owned(), "malformed".to_owned())]);
    assert_eq!(
        (&books.summary["records"]["rules"], wallets(&flagged)),
        (&json!(2), vec!["cash 45.00".to_owned()])
    );
    assert_eq!(wallets(&books), ["cash 0.00", "held 45.00"]);
    assert_eq!(books.find("postings", "wallet", "held").len(), 3);
    for flags in ["--workers 4 --postings", "--workers 2 --postings --changes", "--postings --changes"] {
        assert!(books.finals() == feed.books(flags).finals(), "{flags}");
    }
    for ending in ["gz", "zst"] {
        assert!(books.files == feed.packed(ending).books("--postings").files, "{ending}");
    }
}

#[test]
fn what_is_held_late_is_the_same_at_every_pace() {
    // A payout that was forgotten long before its player is found out.
    let late = [("w8", 60 * DAY), ("w9", 60 * DAY + SECOND), ("w10", 60 * DAY + SECOND)];
    let first = [("w1", 0)];
    let wagers = first.iter().chain(&late).map(|(id, after)| wager(id, T0 + after));
    let settles = first.iter().chain(&late).map(|(id, after)| settle(id, T0 + after + 2 * SECOND));
    let feed = Feed::new()
        .records("payments.jsonl", [deposit("p1", "100.00", T0)])
        .records("rules.jsonl", [velocity("tight", T0 + DAY, 2, "hold")])
        .records("wagers.jsonl", wagers)
        .records("outcomes.jsonl", settles);
    let books = feed.books("");
    assert_eq!(wallets(&books), ["cash 60.00", "held 60.00"]);
    for flags in ["--changes", "--workers 3", "--workers 4 --changes"] {
        assert!(books.finals() == feed.books(flags).finals(), "{flags}");
    }
    let off = feed.with("off.toml", "[recollect]\nenabled = false\n");
    let config = off.path().join("off.toml");
    assert!(books.finals() == off.books(&format!("--config {}", config.display())).finals());
}

#[test]
fn a_rule_is_in_force_no_later_than_the_data() {
    let linked = |effective_from_ms: u64| {
        json!({
            "rule": "linked_accounts", "effective_from_ms": effective_from_ms, "device_accounts_min": 2,
            "instrument_accounts_min": 2, "action": "flag"
        })
    };
    let placed =
        |id: &str, account: &str, at_ms| but(wager(id, at_ms), json!({ "account": account, "device": "d" }));
    let feed = |effective_from_ms| {
        Feed::new()
            .records("wagers.jsonl", [placed("w1", "ada", T0), placed("w2", "bob", T0 + SECOND)])
            .records("rules.jsonl", [linked(effective_from_ms)])
    };
    for (after_ms, found) in [(0, 1), (SECOND, 1), (SECOND + 1, 0), (MINUTE, 0)] {
        for flags in ["", "--changes", "--workers 2", "--workers 3 --changes"] {
            let books = feed(T0 + after_ms).books(flags);
            assert_eq!(books.find("anomalies", "kind", "linked_accounts").len(), found, "{after_ms} {flags}");
        }
    }
}
