//! Lines as they come: broken, huge, with odd endings, or none at all.

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::contract;
use crate::feed::{Feed, T0, but, deposit, pack, settle, wager};

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn what_is_no_record_is_set_aside_with_its_bytes() {
    let garbage: [&[u8]; 9] = [
        b"garbage",
        b"{",
        b"[1,2]",
        b"null",
        b"{\"wager_id\":\"half\"",
        b"\xff\xfe not UTF-8",
        b"{\"wager_id\":\"a\xffb\"}",
        b"{\"wager_id\":\"surrogate \\ud800\"}",
        b"\0",
    ];
    let mut wagers: Vec<u8> = garbage.join(&b'\n');
    wagers.extend_from_slice(format!("\n\n   \t\n{}\n", wager("sound", T0)).as_bytes());
    let books = Feed::new().with("wagers.jsonl", wagers).books("");
    contract::holds(&books);
    let malformed = books.find("rejects", "cause", "malformed");
    assert_eq!(malformed.len(), garbage.len());
    for row in &malformed {
        let line: usize =
            row["position"].as_str().and_then(|place| place.split(':').nth(1)?.parse().ok()).expect("line");
        let bytes = garbage[line - 1];
        assert_eq!(row["digest"], sha256(bytes), "{row}");
        match std::str::from_utf8(bytes) {
            Ok(text) => assert_eq!(row["raw"], text),
            Err(_) => assert!(row["raw"]["base64"].is_string(), "{row}"),
        }
    }
    assert_eq!(malformed.iter().filter(|row| row["raw"]["base64"].is_string()).count(), 2);
    assert_eq!(books.summary["blank_lines"], 2);
    assert_eq!(books.summary["records"]["wagers"], garbage.len() + 1);
    assert_eq!(books.balance("ada"), "-10.00");
}

#[test]
fn a_line_may_be_ten_megabytes_long_and_twenty_is_too_long() {
    let long = |bytes: usize| "x".repeat(bytes);
    let sound = but(wager("long", T0), json!({ "note": long(10 << 20) })).to_string();
    let garbage = format!("{{\"wager_id\":\"garbage\",{}", long(10 << 20));
    let too_long = but(wager("too long", T0), json!({ "note": long(20 << 20) })).to_string();
    let wagers =
        [&sound, &garbage, &too_long, &wager("after", T0).to_string()].map(String::as_str).join("\n");
    let outcomes = [settle("long", T0), settle("after", T0)];
    for ending in ["", ".gz", ".zst"] {
        let packed = if ending.is_empty() {
            wagers.clone().into_bytes()
        } else {
            pack(&ending[1..], wagers.as_bytes())
        };
        let feed = Feed::new().with(&format!("wagers.jsonl{ending}"), packed);
        let books = feed.records("outcomes.jsonl", outcomes.clone()).books("--workers 2");
        contract::holds(&books);
        assert_eq!(books.summary["settled"], 2, "{ending}");
        assert_eq!(books.summary["unknown_fields"], json!({ "note": 1 }));
        let rejects = books.rows("rejects");
        assert_eq!(rejects.len(), 2);
        for row in rejects {
            let (bytes, kept) = match row["position"].as_str() {
                Some("wagers.jsonl:2") => (&garbage, garbage.len()),
                Some("wagers.jsonl:3") => (&too_long, 64 << 10),
                _ => panic!("{}", row["position"]),
            };
            assert_eq!(row["cause"], "malformed");
            assert_eq!(row["digest"], sha256(bytes.as_bytes()));
            assert!(row["raw"] == bytes[..kept], "{} bytes of raw", row["raw"].as_str().unwrap_or("").len());
        }
    }
}

#[test]
fn endings_marks_and_blanks_are_no_matter() {
    let lines = [wager("a", T0), wager("b", T0), wager("c", T0)].map(|wager| wager.to_string());
    let plain = Feed::new().with("wagers.jsonl", lines.join("\n") + "\n").books("");
    for (what, bytes) in [
        ("no end of line at the end", lines.join("\n")),
        ("carriage returns", lines.join("\r\n") + "\r\n"),
        ("a byte order mark", format!("\u{feff}{}", lines.join("\n"))),
        ("space around", lines.map(|line| format!(" \t{line} \r\n")).concat()),
    ] {
        let books = Feed::new().with("wagers.jsonl", bytes).books("");
        assert_eq!(plain.finals(), books.finals(), "{what}");
        assert_eq!(plain.figures(), books.figures(), "{what}");
    }
    assert_eq!(plain.summary["open"], 3);
    assert_eq!(plain.summary["rejects"], json!({ "outcome_missing": 3 }));
}

#[test]
fn nothing_is_something_too() {
    for (name, bytes) in [
        ("wagers.jsonl", Vec::new()),
        ("wagers.jsonl", b"\n\n \n".to_vec()),
        ("wagers.jsonl", "\u{feff}".into()),
        ("outcomes.jsonl.gz", pack("gz", b"")),
        ("payments.jsonl.zst", pack("zst", b"")),
    ] {
        for flags in ["", "--changes --postings"] {
            let books = Feed::new().with(name, &bytes).books(flags);
            assert!(books.files.values().all(Vec::is_empty), "{name}");
            assert_eq!(books.summary["records"].as_object().map(|topics| topics.len()), Some(7));
            assert!(books.summary["first_tick"].is_null() && books.summary["last_tick"].is_null());
        }
    }
    // Nothing but garbage has no tick either.
    let books = Feed::new().with("wagers.jsonl", "garbage\n").books("--changes");
    assert_eq!(books.causes(), [("null".to_owned(), "malformed".to_owned())]);
    contract::holds(&books);
}

#[test]
fn one_stream_is_enough() {
    let wagers = Feed::new().records("wagers.jsonl", [wager("w", T0)]).books("");
    assert_eq!(wagers.balance("ada"), "-10.00");
    assert_eq!(wagers.causes(), [("w".to_owned(), "outcome_missing".to_owned())]);
    let outcomes = Feed::new().records("outcomes.jsonl", [settle("w", T0)]).books("");
    assert_eq!(outcomes.causes(), [("w".to_owned(), "outcome_without_wager".to_owned())]);
    assert!(outcomes.text("balances.jsonl").is_empty());
    let payments = Feed::new().records("payments.jsonl", [deposit("p", "5.00", T0)]).books("");
    assert_eq!([payments.balance("ada"), payments.balance("@cashier")], ["5.00", "-5.00"]);
}

#[test]
fn unknown_fields_are_counted_by_name() {
    let odd = json!({ "note": 1, "Stake": "9", "": {}, "한글": [1], "a\"b": true });
    let feed = Feed::new()
        .records(
            "wagers.jsonl",
            [but(wager("a", T0), odd.clone()), but(wager("b", T0), json!({ "note": "x" }))],
        )
        .records("outcomes.jsonl", [but(settle("a", T0), odd)]);
    let books = feed.books("--workers 2");
    assert_eq!(
        books.summary["unknown_fields"],
        json!({ "note": 3, "Stake": 2, "": 2, "한글": 2, "a\"b": 2 })
    );
    assert_eq!(books.summary["settled"], 1);
}
