//! Commands in a folder: what they decide, whatever the pace, the packing and the number of workers.

use serde_json::{Value, json};

use crate::contract;
use crate::feed::{Books, DAY, Feed, SECOND, T0, but, settle, wager};

fn command(id: &str, kind: &str, target: &str, at_ms: u64) -> Value {
    json!({
        "command_id": id, "kind": kind, "target": target, "actor": "mina", "reason": "checked", "at_ms": at_ms
    })
}

/// Each wallet of the player with what it holds.
fn wallets(books: &Books) -> Vec<String> {
    let rows = books.find("balances", "account", "ada");
    rows.iter().map(|row| format!("{} {}", row["wallet"], row["balance"]).replace('"', "")).collect()
}

#[test]
fn what_was_set_aside_is_decided_by_its_digest() {
    let stranger = but(settle("w1", T0 + SECOND), json!({ "account": "bob" }));
    let cut_off = r#"{"wager_id":"w2","kind":"settle","at_ms":"#;
    let feed = Feed::new()
        .records("wagers.jsonl", ["w1", "w2", "w3"].map(|id| wager(id, T0)))
        .with("outcomes.jsonl", format!("{}\n{stranger}\n{cut_off}\n", settle("w3", T0 + SECOND)));
    let before = feed.books("");
    let digest = |cause: &str| {
        before.find("rejects", "cause", cause)[0]["digest"].as_str().expect("a digest").to_owned()
    };
    let record = json!({ "record": settle("w2", T0 + 2 * SECOND) });
    let feed = feed.records(
        "commands.jsonl",
        [
            command("c1", "discard", &digest("account_mismatch"), T0 + 3 * SECOND),
            but(command("c2", "amend", &digest("malformed"), T0 + 3 * SECOND), record),
            command("c3", "hold", "wager:w2", T0 + 4 * SECOND),
            command("c4", "discard", &"0".repeat(64), T0 + 4 * SECOND),
        ],
    );
    let books = feed.books("--postings");
    contract::holds(&books);
    let causes: Vec<String> = books.causes().iter().map(|(id, cause)| format!("{id} {cause}")).collect();
    assert_eq!(causes, ["c4 unknown_target", "w1 outcome_missing"]);
    assert_eq!(wallets(&books), ["cash -15.00", "held 15.00"]);
    assert_eq!((&books.summary["decisions"], &books.summary["records"]["commands"]), (&json!(3), &json!(4)));
    let told = books.rows("decisions");
    let told: Vec<String> =
        told.iter().map(|row| format!("{} {}", row["before"], row["after"]).replace('"', "")).collect();
    assert_eq!(told, ["account_mismatch discarded", "malformed amended", "standing held"]);
    for flags in ["--workers 4 --postings", "--workers 2 --postings --changes", "--postings --changes"] {
        assert!(books.finals() == feed.books(flags).finals(), "{flags}");
    }
    for ending in ["gz", "zst"] {
        assert!(books.files == feed.packed(ending).books("--postings").files, "{ending}");
    }
}

#[test]
fn what_is_held_is_not_forgotten() {
    let played = (1..80).map(|day| wager(&format!("d{day}"), T0 + day * DAY));
    let feed = Feed::new()
        .with("gyre.toml", "[time]\ngap_ms_max = 34560000000\n")
        .records("wagers.jsonl", [wager("w1", T0)].into_iter().chain(played))
        .records("outcomes.jsonl", [but(settle("w1", T0 + SECOND), json!({ "payout": "500.00" }))])
        .records(
            "commands.jsonl",
            [
                command("c1", "hold", "wager:w1", T0 + DAY),
                command("c2", "release", "wager:w1", T0 + 70 * DAY),
            ],
        );
    for flags in ["", "--changes", "--changes --workers 2"] {
        assert_eq!(wallets(&feed.books(flags)), ["cash -300.00"], "{flags}");
    }
}
