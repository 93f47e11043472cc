//! Streams that mean harm: ids of every kind, amounts at every bound, many tenants.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::contract;
use crate::feed::{Feed, T0, but, deposit, settle, wager};

/// Ids that end up in keys, subjects, entries and files.
fn ids() -> Vec<String> {
    let mut ids: Vec<String> = [
        "\"quoted\"",
        "back\\slash",
        "\\",
        "\"",
        "\u{0}",
        "a\u{0}",
        "a\u{0}b",
        "a",
        "a\u{1}",
        "line\nbreak",
        "tab\tand\rreturn",
        "\u{7f}\u{80}\u{9f}",
        "\u{feff}mark",
        "\u{202e}backwards",
        "\u{2028}",
        "한국어",
        "e\u{301}",
        "é",
        "🎰",
        "\u{10ffff}",
        "-",
        "--",
        "/",
        "a/b",
        "a/",
        " ",
        "null",
        "{\"tenant\":\"x\"}",
        "</script>",
        "'; drop table wagers; --",
        "../../etc/passwd",
        "$(reboot)",
        "\u{1b}[31m",
    ]
    .map(str::to_owned)
    .into();
    ids.push("x".repeat(128));
    ids.push("한".repeat(42) + "ab");
    ids
}

#[test]
fn any_text_is_an_id() {
    let ids = ids();
    let spelt = |id: &str, number: usize| {
        but(
            wager(id, T0 + number as u64),
            json!({ "account": id, "game": id, "round": id, "tenant": id, "provider": id }),
        )
    };
    let of = |id: &str| json!({ "tenant": id, "provider": id });
    let wagers = ids.iter().enumerate().map(|(number, id)| spelt(id, number));
    // Each settled twice under outcome ids of the same kind, once paid in, once rejected for its account.
    let outcomes = ids.iter().enumerate().flat_map(|(number, id)| {
        let paid = but(but(settle(id, T0 + number as u64), of(id)), json!({ "outcome_id": id }));
        let echo = but(paid.clone(), json!({ "outcome_id": "other", "account": "somebody" }));
        [paid, echo]
    });
    let payments = ids.iter().map(|id| but(but(deposit(id, "100.00", T0), of(id)), json!({ "account": id })));
    let games =
        ids.iter().map(|id| but(of(id), json!({ "game": id, "rtp_theoretical": "0.96", "volatility": "3" })));
    let accounts = ids
        .iter()
        .map(|id| json!({ "tenant": id, "account": id, "currency": "EUR", "effective_from_ms": 0 }));
    let feed = Feed::new()
        .records("wagers.jsonl", wagers)
        .records("outcomes.jsonl", outcomes)
        .records("payments.jsonl", payments)
        .records("games.jsonl", games)
        .records("accounts.jsonl", accounts);
    let books = feed.books("--workers 1 --postings --changes");
    contract::holds(&books);
    let wanted: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
    let told = |rows: &[Value], field: &str| -> BTreeSet<String> {
        rows.iter().filter_map(|row| row[field].as_str().map(str::to_owned)).collect()
    };
    let states = books.rows("wager_states");
    for field in ["tenant", "provider", "wager_id", "account", "game", "round"] {
        assert!(told(&states, field).iter().map(String::as_str).eq(wanted.iter().copied()), "{field}");
    }
    assert!(states.iter().all(|row| row["state"] == "settled" && row["wager_id"] == row["account"]));
    assert_eq!(books.rows("balances").len(), ids.len() * 3);
    let balances = books.rows("balances");
    for row in balances.iter().filter(|row| row["account"] == row["tenant"]) {
        assert_eq!(row["balance"], "105.00", "{row}");
    }
    assert_eq!(books.find("rejects", "cause", "account_mismatch").len(), ids.len());
    assert_eq!(books.rows("rejects").len(), ids.len());
    assert_eq!(books.rows("rtp").len(), ids.len() * 3);
    for flags in ["--workers 4 --postings --changes", "--workers 3 --postings --changes"] {
        assert!(books.files == feed.books(flags).files, "{flags}");
    }
}

#[test]
fn ids_out_of_bounds_are_malformed() {
    let long = "x".repeat(129);
    let wide = "한".repeat(43);
    let wrong = ["", long.as_str(), wide.as_str()];
    let wagers = wrong.iter().enumerate().flat_map(|(number, id)| {
        let fields = ["wager_id", "account", "game", "tenant", "provider", "round"];
        fields.map(|field| but(wager(&format!("w{number}{field}"), T0), json!({ field: id })))
    });
    let system = ["@house", "@", "@x"].map(|account| but(wager("w", T0), json!({ "account": account })));
    let books = Feed::new().records("wagers.jsonl", wagers.chain(system)).books("");
    contract::holds(&books);
    assert_eq!(books.summary["rejects"], json!({ "malformed": 3 * 6 + 3 }));
    assert!(books.text("balances.jsonl").is_empty());
}

#[test]
fn a_hundred_tenants_share_nothing() {
    let tenants: Vec<String> = (0..100).map(|number| format!("tenant-{number}")).collect();
    let each = |record: Value| {
        tenants.iter().map(move |tenant| but(record.clone(), json!({ "tenant": tenant }))).collect::<Vec<_>>()
    };
    // Only some tenants know their games: to the others nothing is unknown.
    let games = each(json!({ "game": "other", "rtp_theoretical": "0.9" })).into_iter().take(40);
    let feed = Feed::new()
        .records("wagers.jsonl", each(wager("w", T0)))
        .records("outcomes.jsonl", each(settle("w", T0)))
        .records("payments.jsonl", each(deposit("p", "10.00", T0)))
        .records("games.jsonl", games);
    let books = feed.books("--workers 1");
    contract::holds(&books);
    assert_eq!(books.summary["rejects"], json!({ "unknown_game": 40, "outcome_without_wager": 40 }));
    let players = books.find("balances", "account", "ada");
    assert_eq!(players.len(), 100);
    assert_eq!(players.iter().filter(|row| row["balance"] == "15.00").count(), 60);
    assert_eq!(players.iter().filter(|row| row["balance"] == "10.00").count(), 40);
    assert!(books.files == feed.books("--workers 4").files);
}

/// The largest amounts, so many that their sums leave 64 bits, and figures of games at their bounds.
#[test]
fn sums_go_beyond_64_bits() {
    const LARGEST: &str = "999999999999999";
    const MANY: u64 = 20_000;
    let krw = |record: Value, amount: &str| {
        let field = ["stake", "payout", "amount"]
            .into_iter()
            .find(|field| record.get(field).is_some())
            .expect("money");
        but(record, json!({ field: amount, "currency": "KRW" }))
    };
    let id = |number: u64| format!("n{number}");
    let measure = json!({
        "game": "wheel", "rtp_theoretical": "999999999.999999999", "volatility": "999999999.999999999",
        "payout_max": "0.000000001"
    });
    let feed = Feed::new()
        .records("wagers.jsonl", (0..MANY).map(|number| krw(wager(&id(number), T0 + number), LARGEST)))
        .records("outcomes.jsonl", (0..MANY).map(|number| krw(settle(&id(number), T0 + number), LARGEST)))
        .records(
            "payments.jsonl",
            (0..MANY).map(|number| krw(deposit(&id(number), LARGEST, T0 + number), LARGEST)),
        )
        .records("games.jsonl", [measure]);
    let books = feed.books("--workers 1 --postings");
    contract::holds(&books);
    let sum = "19999999999999980000";
    assert_eq!([books.balance("ada"), books.balance("@cashier")], [sum.to_owned(), format!("-{sum}")]);
    assert_eq!(books.balance("@house"), "0");
    for row in books.rows("rtp") {
        assert_eq!((&row["stake"], &row["payout"], &row["wagers"]), (&json!(sum), &json!(sum), &json!(MANY)));
        assert_eq!(row["rtp_actual"], "1.000000");
        // (1 − 10⁹) · n · s / (10⁹ · √n · s)
        assert!(row["z"].as_str().is_some_and(|z| z.starts_with("-141.42")), "{row}");
        assert_eq!(row["in_band"], false);
    }
    assert_eq!(books.summary["anomalies"]["payout_above_maximum"], MANY);
    assert!(books.files == feed.books("--workers 4 --postings").files);
}

#[test]
fn amounts_beyond_the_bound_are_bad_amount() {
    let amounts =
        ["1000000000000000", "-1", "-0", "01", "1.", ".5", "1e3", "+1", " 1", "1,0", "0x1", "١", "NaN", ""];
    let wagers = amounts.iter().enumerate().map(|(number, amount)| {
        but(wager(&format!("w{number}"), T0), json!({ "stake": amount, "currency": "KRW" }))
    });
    let fine = but(wager("zeros", T0), json!({ "stake": "10000.000000", "currency": "KRW" }));
    let books = Feed::new().records("wagers.jsonl", wagers.chain([fine])).books("");
    assert_eq!(books.summary["rejects"], json!({ "bad_amount": amounts.len(), "outcome_missing": 1 }));
    assert_eq!(books.balance("ada"), "-10000");
}

/// Thousands of contents under one id: all but one are rejects, and it takes no long time.
#[test]
fn one_id_may_have_thousands_of_contents() {
    let rivals = 3_000;
    let wagers =
        (0..rivals).map(|number| but(wager("w", T0 + number), json!({ "round": format!("r{number}") })));
    let feed = Feed::new().records("wagers.jsonl", wagers);
    let books = feed.books("--workers 2");
    assert_eq!(
        books.summary["rejects"],
        json!({ "conflicting_duplicate": rivals - 1, "outcome_missing": 1 })
    );
    let [conflict] = &books.find("anomalies", "kind", "conflict")[..] else { panic!("one conflict") };
    assert_eq!(conflict["evidence"]["contents"].as_array().map(Vec::len), Some(rivals as usize));
    assert_eq!(books.balance("ada"), "-10.00");
}
