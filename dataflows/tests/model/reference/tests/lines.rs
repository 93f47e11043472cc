//! From a line to a fact, and rows as they are written.

use super::*;

#[test]
fn a_settled_wager_books_stake_and_payout() {
    let books = run(&[&[wager("w", "10", 0, "")], &[settle("w", "25.5", 1, "")]]);
    let lines = |output: &str, rows: &[Value]| rows.iter().map(|row| line(output, row)).collect::<Vec<_>>();
    assert_eq!(
        lines("balances", &books.balances),
        [
            r#"{"tenant":"-","account":"@house","currency":"EUR","wallet":"cash","balance":"-15.50"}"#,
            r#"{"tenant":"-","account":"ann","currency":"EUR","wallet":"cash","balance":"15.50"}"#,
        ]
    );
    assert_eq!(
        lines("wager_states", &books.wager_states),
        [concat!(
            r#"{"tenant":"-","provider":"-","wager_id":"w","account":"ann","game":"slot","round":null,"#,
            r#""currency":"EUR","stake":"10.00","at_ms":1767225600000,"state":"settled","payout":"25.50","#,
            r#""settled_at_ms":1767225600001,"wager_revision":0,"outcome_revision":0}"#
        )]
    );
    assert_eq!(
        lines("postings", &books.postings),
        [
            concat!(
                r#"{"tenant":"-","entry":"outcomes/-/w/-/payout","leg":0,"account":"ann","wallet":"cash","#,
                r#""currency":"EUR","amount":"25.50","source":"outcomes.jsonl:1"}"#
            ),
            concat!(
                r#"{"tenant":"-","entry":"outcomes/-/w/-/payout","leg":1,"account":"@house","wallet":"cash","#,
                r#""currency":"EUR","amount":"-25.50","source":"outcomes.jsonl:1"}"#
            ),
            concat!(
                r#"{"tenant":"-","entry":"wagers/-/w/stake","leg":0,"account":"@house","wallet":"cash","#,
                r#""currency":"EUR","amount":"10.00","source":"wagers.jsonl:1"}"#
            ),
            concat!(
                r#"{"tenant":"-","entry":"wagers/-/w/stake","leg":1,"account":"ann","wallet":"cash","#,
                r#""currency":"EUR","amount":"-10.00","source":"wagers.jsonl:1"}"#
            ),
        ]
    );
    assert_eq!(books.summary.settled, 1);
    assert_eq!(books.summary.imbalance["EUR"], "0");
}

#[test]
fn canonical_content_orders_fields_and_drops_defaults() {
    let contents = |topic, line: &str| {
        let mut streams = Streams::default();
        *streams.of_mut(topic) = vec![line.into()];
        let read = crate::model::reference::wire::read(topic, streams.of(topic), &Settings::default());
        read[0].fact.as_ref().map(|fact| fact.content.clone()).unwrap_or_default()
    };
    let wager =
        r#" {"revision":2,"at_ms":1767225600000,"stake":"1.50","note":{},"currency":"KWD","tenant":"-",
        "provider":"p","wager_id":"wé\u0041\n","free_round":false,"round":null,"account":"a","game":"g",
        "received_ms":1767225600000,"balance_after":"1","device":"d"}"#
            .replace('\n', "");
    assert_eq!(
        contents(Topic::Wagers, &wager),
        concat!(
            r#"{"provider":"p","wager_id":"wéA\n","account":"a","game":"g","stake":1500,"currency":"KWD","#,
            r#""at_ms":1767225600000,"device":"d","revision":2}"#
        )
    );
    let payment = payment("m", "adjustment", "-7", 0, r#","status":"confirmed","revision":0"#);
    assert_eq!(
        contents(Topic::Payments, &payment),
        r#"{"payment_id":"m","account":"ann","kind":"adjustment","amount":-700,"currency":"EUR","at_ms":1767225600000}"#
    );
    let game =
        r#"{"volatility":"2","effective_from_ms":0,"game":"g","rtp_theoretical":"0.9650","result_due_ms":0}"#;
    assert_eq!(
        contents(Topic::Games, game),
        r#"{"game":"g","rtp_theoretical":"0.9650","volatility":"2","result_due_ms":0}"#
    );
    // An echoed stake is whole minor units only if the outcome's own currency can say it.
    let echo = |stake: &str, currency: &str| {
        let more = format!(r#","outcome_id":"x","stake":"{stake}"{currency}"#);
        contents(Topic::Outcomes, &outcome("w", "unsettle", 0, &more))
    };
    let body = r#"{"wager_id":"w","outcome_id":"x","kind":"unsettle","at_ms":1767225600000"#;
    assert_eq!(echo("1.50", r#","currency":"EUR""#), format!(r#"{body},"currency":"EUR","stake":150}}"#));
    assert_eq!(echo("1.50", r#","currency":"KRW""#), format!(r#"{body},"currency":"KRW","stake":"1.5"}}"#));
    assert_eq!(echo("1.00", ""), format!(r#"{body},"stake":"1"}}"#));
    // A cancel has no outcome_id.
    assert_eq!(
        contents(Topic::Outcomes, &outcome("w", "cancel", 0, r#","outcome_id":"x""#)),
        r#"{"wager_id":"w","kind":"cancel","at_ms":1767225600000}"#
    );
}

#[test]
fn digests_are_of_content_or_of_bytes() {
    // printf '%s' '{"wager_id":"w","account":"ann",…,"stake":0,…}' | sha256sum
    let books = run(&[&[wager("w", "0.00", 0, ""), "{".into()]]);
    let digests: Vec<&str> = books.rejects.iter().map(|row| text(row, "digest")).collect();
    let content =
        r#"{"wager_id":"w","account":"ann","game":"slot","stake":0,"currency":"EUR","at_ms":1767225600000}"#;
    assert_eq!(
        digests,
        [
            crate::model::reference::rows::digest(b"{"),
            crate::model::reference::rows::digest(content.as_bytes())
        ]
    );
    assert_eq!(digests[0], "021fb596db81e6d02bf3d2586ee3981fe519f275c0ac9ca76bbcf2ebb4097d96");
}

#[test]
fn wagers_alone() {
    let line = |from: &str, to: &str| {
        let sound = wager("w", "1", 0, r#","round":"r""#);
        assert!(sound.contains(from), "{from}");
        sound.replacen(from, to, 1)
    };
    let id128 = "é".repeat(64);
    let cases = [
        (line("\"w\"", "\"v\""), "ok"),
        (line("\"w\"", "\"\""), "malformed"),
        (line("\"w\"", "null"), "malformed"),
        (line("\"w\"", &format!("\"{id128}\"")), "ok"),
        (line("\"w\"", &format!("\"{id128}x\"")), "malformed"),
        (line("\"ann\"", "\"@ann\""), "malformed"),
        (line("\"slot\"", "\"@slot\""), "ok"),
        (line("1767225600000", "1767225600000.0"), "malformed"),
        (line("1767225600000", "946684799999"), "malformed"),
        (line("1767225600000", "4102444800000"), "malformed"),
        (line("\"1\"", "1"), "malformed"),
        (line("\"r\"", "\"r\",\"round\":null"), "malformed"),
        (line("\"r\"", "\"r\",\"r\":1,\"r\":2"), "ok"),
        (line("\"r\"", "\"r\",\"revision\":-1"), "malformed"),
        (line("\"r\"", "\"r\",\"revision\":9223372036854775808"), "malformed"),
        (line("\"r\"", "\"r\",\"revision\":9223372036854775807"), "ok"),
        (line("\"r\"", "\"r\",\"free_round\":\"true\""), "malformed"),
        (line("\"r\"", "\"r\",\"balance_after\":5"), "malformed"),
        (line("\"r\"", "\"r\",\"balance_after\":\"-5\""), "ok"),
        (line("\"r\"", "\"r\",\"balance_after\":\"5.001\""), "bad_amount"),
        (line("\"r\"", "\"r\",\"bet\":0"), "unsupported_field"),
        (line("\"r\"", "\"r\",\"bet\":null"), "ok"),
        (line("\"r\"}", "\"r\"} {"), "malformed"),
        (format!("[{}]", line("\"r\"", "\"r\"")), "malformed"),
        (line("EUR", "eur"), "unknown_currency"),
        (line("EUR", "").replace("\"1\"", "\"x\""), "unknown_currency"),
        (line("\"1\"", "\"\""), "bad_amount"),
        (line("\"1\"", "\"1.\""), "bad_amount"),
        (line("\"1\"", "\"01\""), "bad_amount"),
        (line("\"1\"", "\"1.001\""), "bad_amount"),
        (line("\"1\"", "\"1.0000000000000000000000000\""), "ok"),
        (line("\"1\"", "\"-1\""), "bad_amount"),
        (line("\"1\"", "\"-0\""), "bad_amount"),
        (line("\"1\"", "\"9999999999999.99\""), "ok"),
        (line("\"1\"", "\"10000000000000\""), "bad_amount"),
        (line("\"1\"", "\"0\""), "stake_not_positive"),
        (line("\"1\"", "\"0\",\"free_round\":true"), "ok"),
    ];
    for (line, cause) in cases {
        let cause = if cause == "ok" { "sound" } else { cause };
        assert_eq!(judged(Topic::Wagers, &[&line]), [cause], "{line}");
    }
}

#[test]
fn outcomes_payments_and_rows_alone() {
    let cases = [
        (Topic::Outcomes, outcome("w", "settle", 0, ""), "malformed"),
        (Topic::Outcomes, outcome("w", "refund", 0, ""), "unknown_kind"),
        (Topic::Outcomes, outcome("w", "cancel", 0, r#","outcome_id":7"#), "malformed"),
        (Topic::Outcomes, outcome("w", "cancel", 0, r#","account":"@x""#), "malformed"),
        (Topic::Outcomes, outcome("w", "cancel", 0, r#","payout":"1.123""#), "sound"),
        (Topic::Outcomes, outcome("w", "cancel", 0, r#","payout":"x""#), "bad_amount"),
        (Topic::Outcomes, outcome("w", "cancel", 0, r#","payout":"1.123","currency":"EUR""#), "bad_amount"),
        (Topic::Outcomes, outcome("w", "cancel", 0, r#","currency":"QQQ""#), "unknown_currency"),
        (Topic::Outcomes, settle("w", "1", 0, r#","stake":"1.123456789012""#), "sound"),
        (Topic::Outcomes, settle("w", "1", 0, r#","stake":"-1""#), "bad_amount"),
        (Topic::Outcomes, settle("w", "-1", 0, ""), "bad_amount"),
        (Topic::Payments, payment("m", "deposit", "-1", 0, ""), "bad_amount"),
        (Topic::Payments, payment("m", "adjustment", "-1", 0, ""), "sound"),
        (Topic::Payments, payment("m", "adjustment", "-0", 0, ""), "bad_amount"),
        (Topic::Payments, payment("m", "bonus", "1", 0, ""), "unknown_kind"),
        (
            Topic::Payments,
            payment("m", "deposit", "1", 0, r#","status":"failed","jackpot":1"#),
            "unknown_kind",
        ),
        (Topic::Games, game(r#","payout_max":"1234567890""#), "malformed"),
        (Topic::Games, game(r#","payout_max":"-1""#), "malformed"),
        (Topic::Games, game(r#","volatility":"1.1234567890""#), "malformed"),
        (Topic::Games, game(r#","effective_from_ms":1"#), "malformed"),
        (Topic::Games, game(r#","jackpot":"x""#), "unsupported_field"),
        (Topic::Games, game(r#","balance_after":5"#), "sound"),
        (Topic::Accounts, r#"{"account":"a","currency":"ZZZ"}"#.into(), "unknown_currency"),
        (Topic::Accounts, r#"{"account":"@a","currency":"EUR"}"#.into(), "malformed"),
    ];
    for (topic, line, cause) in cases {
        assert_eq!(judged(topic, &[&line]), [cause], "{line}");
    }
}

#[test]
fn unreadable_lines_show_what_can_be_read() {
    let mut streams = Streams {
        outcomes: vec![
            br#"{"wager_id":"w","outcome_id":"x","kind":5,"tenant":"t"}"#.to_vec(),
            br#"{"wager_id":"w","outcome_id":"x","kind":"cancel"}"#.to_vec(),
            br#"{"wager_id":"w","wager_id":"w","provider":""}"#.to_vec(),
            b"{\"wager_id\":\"\xff\"}".to_vec(),
        ],
        ..Streams::default()
    };
    streams.accounts = vec![br#"{"account":"a","provider":"p"}"#.to_vec()];
    let books = books(&streams, &Settings::default());
    let shown: Vec<Value> = books
        .rejects
        .iter()
        .map(|row| {
            json!([row["tenant"], row["provider"], row["id"], row["position"], row["raw"].is_object()])
        })
        .collect();
    assert_eq!(shown.len(), 5);
    for row in [
        json!(["-", "-", "a", "accounts.jsonl:1", false]),
        json!(["t", "-", "w/x", "outcomes.jsonl:1", false]),
        json!(["-", "-", "w", "outcomes.jsonl:2", false]),
        json!(["-", "-", null, "outcomes.jsonl:3", false]),
        json!(["-", "-", null, "outcomes.jsonl:4", true]),
    ] {
        assert!(shown.contains(&row), "{row} in {shown:?}");
    }
    let raw = books.rejects.iter().find(|row| row["raw"].is_object()).map(|row| row["raw"].clone());
    assert_eq!(raw, Some(json!({"base64": "eyJ3YWdlcl9pZCI6Iv8ifQ=="})));
}

#[test]
fn blank_lines_returns_and_a_mark_are_no_records() {
    let mut streams = streams(&[&[
        format!("\u{feff}{}\r", wager("w", "1", 0, "")),
        " \t".into(),
        String::new(),
        format!("\u{feff}{}", wager("v", "1", 0, "")),
    ]]);
    streams.wagers.push(b"\r".to_vec());
    let books = books(&streams, &Settings::default());
    assert_eq!(states(&books), ["w open null null"]);
    assert_eq!(rejects(&books), ["null malformed"]);
    assert_eq!((books.summary.records["wagers"], books.summary.blank_lines), (2, 3));
    assert_eq!(text(&books.rejects[1], "position"), "wagers.jsonl:1");
    assert_eq!(text(&books.rejects[0], "position"), "wagers.jsonl:4");
}

#[test]
fn a_line_too_long_is_not_read() {
    let long = wager("w", "1", 0, &format!(r#","note":"{}""#, "x".repeat(70_000)));
    let tight = Settings { line_bytes_max: long.len() - 1, ..Settings::default() };
    let streams = streams(&[&[long]]);
    assert_eq!(states(&books(&streams, &Settings::default())), ["w open null null"]);
    let books = books(&streams, &tight);
    assert_eq!(rejects(&books), ["null malformed"]);
    assert_eq!(text(&books.rejects[0], "raw").len(), 65_536);
    assert_eq!(text(&books.rejects[0], "digest"), crate::model::reference::rows::digest(&streams.wagers[0]));
}

#[test]
fn equal_copies_are_one_record() {
    let respelled = r#"{"currency":"EUR","stake":"1.000","x":1,"at_ms":1767225600000,"wager_id":"w","game":"slot","revision":0,"account":"ann"}"#;
    let books =
        run(&[&[wager("w", "1", 0, ""), respelled.into(), wager("w", "1", 0, ""), "{".into(), "{".into()]]);
    assert_eq!(books.summary.duplicates, 2);
    assert_eq!(books.summary.unknown_fields["x"], 1);
    assert_eq!(balance(&books, "ann"), "-1.00");
    // Copies of what is rejected alone are one row and no duplicates.
    assert_eq!(rejects(&books), ["null malformed"]);
    assert_eq!(
        books.rejects.iter().map(|row| text(row, "position")).collect::<Vec<_>>(),
        ["wagers.jsonl:4", "wagers.jsonl:1"]
    );
}

#[test]
fn of_copies_the_smallest_claim_is_kept() {
    let copy = |claim: &str| payment("m", "deposit", "10", 0, claim);
    let claims = [copy(r#","balance_after":"9.5""#), copy(""), copy(r#","balance_after":"-10""#)];
    let books = run(&[&[], &[], &claims]);
    let evidence = json!({"claimed": "-10.00", "ours": "10.00", "at_ms": T, "mismatches": 1});
    assert_eq!(anomalies(&books, "balance_mismatch"), [("ann/EUR".into(), 0, evidence)]);
}
