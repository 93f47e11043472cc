//! Revisions, conflicts, reference rows and the life of a wager.

use super::*;

#[test]
fn a_higher_revision_replaces_conflicts_and_all() {
    let wagers = [wager("w", "1", 0, ""), wager("w", "2", 0, ""), wager("w", "3", 5, r#","revision":1"#)];
    let books = run(&[&wagers]);
    assert_eq!(rejects(&books), [""; 0]);
    assert_eq!(balance(&books, "ann"), "-3.00");
    assert_eq!(books.wager_states[0]["wager_revision"], 1);
    assert_eq!(anomalies(&books, "conflict"), []);
}

#[test]
fn in_a_conflict_the_smallest_stands() {
    let books = run(&[&[wager("w", "2", 0, ""), wager("w", "10", 0, ""), wager("w", "1", 1, "")]]);
    // By time first, then by content as bytes: 1000 before 200.
    assert_eq!(balance(&books, "ann"), "-10.00");
    assert_eq!(rejects(&books), ["w conflicting_duplicate", "w conflicting_duplicate"]);
    assert!(books.rejects.iter().all(|row| row["raw"].is_null()));
    let content = |stake: i64, at_ms: i64| {
        format!(
            r#"{{"wager_id":"w","account":"ann","game":"slot","stake":{stake},"currency":"EUR","at_ms":{at_ms}}}"#
        )
    };
    let evidence = json!({"contents": [content(1000, T), content(200, T), content(100, T + 1)]});
    assert_eq!(anomalies(&books, "conflict"), [("wagers/-/w".into(), 0, evidence)]);
}

#[test]
fn what_fails_a_check_takes_no_part_in_a_conflict() {
    let accounts = [r#"{"account":"bob","currency":"EUR"}"#.to_owned()];
    let bobs = wager("w", "1", 0, "").replace("ann", "bob");
    let books = run(&[&[wager("w", "1", 0, r#","revision":7"#), bobs], &[], &[], &[], &accounts]);
    assert_eq!(rejects(&books), ["w unknown_account"]);
    assert_eq!(balance(&books, "bob"), "-1.00");
    assert_eq!(anomalies(&books, "conflict"), []);
}

#[test]
fn reference_rows_bind_only_their_tenant_and_from_their_time() {
    let wagers = [
        wager("early", "1", -1, ""),
        wager("due", "1", 0, ""),
        wager("elsewhere", "1", 0, r#","provider":"p""#),
        wager("foreign", "1", -1, r#","tenant":"t""#),
    ];
    let games = [game(&format!(r#","effective_from_ms":{T}"#))];
    let books = run(&[&wagers, &[], &[], &games]);
    assert_eq!(rejects(&books), ["early unknown_game", "elsewhere unknown_game"]);
    assert!(books.rejects.iter().all(|row| row["raw"].is_string() || row["cause"] == "outcome_missing"));

    let accounts = [r#"{"account":"bob","currency":"EUR"}"#.to_owned()];
    let payments = [payment("m", "deposit", "1", 0, "")];
    let books = run(&[&wagers, &[], &payments, &games, &accounts]);
    let expected =
        ["m unknown_account", "due unknown_account", "early unknown_game", "elsewhere unknown_game"];
    assert_eq!(rejects(&books), expected);
}

#[test]
fn reference_rows_conflict_by_their_beginning() {
    let since = format!(r#","effective_from_ms":{T}"#);
    let games = [
        game(&since),
        game(&format!(r#"{since},"category":"c""#)),
        game(""),
        game(r#","revision":1,"payout_max":"1""#),
        game(r#","payout_max":"2""#),
    ];
    let accounts =
        [r#"{"account":"ann","currency":"EUR"}"#.into(), r#"{"account":"ann","currency":"KRW"}"#.into()];
    let books = run(&[&[], &[], &[], &games, &accounts]);
    assert_eq!(rejects(&books), ["ann conflicting_duplicate", "slot conflicting_duplicate"]);
    let subjects: Vec<String> =
        anomalies(&books, "conflict").into_iter().map(|(subject, ..)| subject).collect();
    assert_eq!(subjects, ["accounts/-/ann".to_owned(), format!("games/-/slot@{T}")]);
}

#[test]
fn outcomes_must_match_their_wager() {
    let wagers = [wager("w", "1.50", 0, "")];
    let id = |id: &str, more: &str| settle("w", "1", 0, &format!(r#","outcome_id":"{id}"{more}"#));
    let outcomes = [
        id("all", r#","account":"bob","game":"dice","stake":"9","currency_":1"#),
        id("game", r#","game":"dice","stake":"9""#),
        id("stake", r#","stake":"1.51""#),
        id("digits", r#","stake":"1.501""#),
        id("right", r#","account":"ann","game":"slot","stake":"1.5000""#),
        id("money", "").replace("EUR", "KRW"),
        outcome("w", "cancel", 0, r#","currency":"KRW","revision":9"#),
        outcome("w", "unsettle", -2_000, r#","outcome_id":"just""#),
        outcome("w", "unsettle", -2_001, r#","outcome_id":"before""#),
    ];
    let books = run(&[&wagers, &outcomes]);
    assert_eq!(
        rejects(&books),
        [
            "w currency_mismatch",
            "w/all account_mismatch",
            "w/before outcome_before_wager",
            "w/digits stake_mismatch",
            "w/game game_mismatch",
            "w/money currency_mismatch",
            "w/stake stake_mismatch",
        ]
    );
    assert_eq!(states(&books), ["w settled 1.00 0"]);
}

#[test]
fn settles_of_several_outcomes_sum_and_unsettles_take_back() {
    let wagers = [wager("w", "1", 0, ""), wager("v", "1", 0, "")];
    let outcomes = [
        settle("w", "1", 5, ""),
        settle("w", "2", 4, r#","outcome_id":"a""#),
        settle("w", "4", 9, r#","outcome_id":"b""#),
        outcome("w", "unsettle", 3, r#","outcome_id":"b","revision":3"#),
        settle("v", "4", 9, ""),
        outcome("v", "unsettle", 10, r#","revision":1"#),
    ];
    let books = run(&[&wagers, &outcomes]);
    assert_eq!(states(&books), ["v open null 1", "w settled 3.00 3"]);
    assert_eq!(books.wager_states[1]["settled_at_ms"], T + 5);
    assert_eq!(balance(&books, "ann"), "1.00");
    assert_eq!(rejects(&books), [""; 0]);
    assert_eq!(books.summary.rejects["outcome_missing"], 1);
}

#[test]
fn a_settle_and_an_unsettle_of_one_revision_conflict() {
    let outcomes = [settle("w", "4", 9, ""), outcome("w", "unsettle", 8, "")];
    let books = run(&[&[wager("w", "1", 0, "")], &outcomes]);
    assert_eq!(states(&books), ["w open null 0"]);
    assert_eq!(rejects(&books), ["w conflicting_duplicate"]);
    assert_eq!(anomalies(&books, "conflict").len(), 1);
}

#[test]
fn a_cancel_stands_if_strictly_earlier_at_one_revision() {
    let case = |cancel_at: i64| {
        run(&[
            &[wager("w", "1", 0, "")],
            &[
                settle("w", "3", 5, ""),
                settle("w", "3", 7, r#","outcome_id":"a""#),
                outcome("w", "cancel", cancel_at, ""),
            ],
        ])
    };
    let earlier = case(4);
    assert_eq!(states(&earlier), ["w cancelled null 0"]);
    assert_eq!(rejects(&earlier), ["w settle_after_cancel", "w/a settle_after_cancel"]);
    assert_eq!(balance(&earlier, "ann"), "0.00");
    assert_eq!(text(&earlier.postings[0], "entry"), "outcomes/-/w/cancel");
    for tied_or_later in [case(5), case(6)] {
        assert_eq!(states(&tied_or_later), ["w settled 6.00 0"]);
        assert_eq!(rejects(&tied_or_later), ["w cancel_after_settle"]);
    }
}

#[test]
fn a_later_cancel_replaces_older_settles_silently() {
    let outcomes = [
        settle("w", "3", 5, ""),
        settle("w", "4", 5, ""),
        outcome("w", "cancel", 9, r#","revision":1"#),
        outcome("w", "cancel", 1, ""),
    ];
    let books = run(&[&[wager("w", "1", 0, "")], &outcomes]);
    assert_eq!(states(&books), ["w cancelled null 1"]);
    assert_eq!(rejects(&books), [""; 0]);
    assert_eq!(books.anomalies.iter().map(|row| text(row, "kind")).collect::<Vec<_>>(), ["overdraft"]);
}

#[test]
fn a_cancel_older_than_a_settle_is_refused_with_its_peers() {
    let outcomes = [
        settle("w", "3", 5, r#","revision":2"#),
        outcome("w", "cancel", 1, r#","revision":1"#),
        outcome("w", "cancel", 2, r#","revision":1"#),
        outcome("w", "cancel", 1, ""),
    ];
    let books = run(&[&[wager("w", "1", 0, "")], &outcomes]);
    assert_eq!(states(&books), ["w settled 3.00 2"]);
    assert_eq!(rejects(&books), ["w cancel_after_settle", "w cancel_after_settle"]);
    assert_eq!(anomalies(&books, "conflict"), []);
}

#[test]
fn a_standing_cancel_refuses_displaced_settles_too() {
    // The settle loses to the unsettle of its revision, and is refused by the cancel before it can conflict.
    let outcomes = [outcome("w", "unsettle", 1, ""), settle("w", "3", 5, ""), outcome("w", "cancel", 9, "")];
    let books = run(&[&[wager("w", "1", 0, "")], &outcomes]);
    assert_eq!(states(&books), ["w cancelled null 0"]);
    assert_eq!(rejects(&books), ["w settle_after_cancel"]);
    assert_eq!(anomalies(&books, "conflict"), []);
}

#[test]
fn an_unsettle_stands_when_the_settle_before_it_is_refused() {
    let outcomes = [
        settle("w", "3", 5, r#","revision":1"#),
        outcome("w", "unsettle", 6, r#","revision":1"#),
        outcome("w", "unsettle", 7, r#","revision":1"#),
        outcome("w", "cancel", 4, r#","revision":1"#),
    ];
    let books = run(&[&[wager("w", "1", 0, "")], &outcomes]);
    assert_eq!(states(&books), ["w cancelled null 1"]);
    assert_eq!(rejects(&books), ["w conflicting_duplicate", "w settle_after_cancel"]);
    let [(subject, 6, evidence)] = &anomalies(&books, "conflict")[..] else { panic!("one conflict") };
    assert_eq!(subject, "outcomes/-/w");
    assert!(
        evidence["contents"].to_string().find("unsettle") < evidence["contents"].to_string().find("600007")
    );
}

#[test]
fn cancels_conflict_among_themselves() {
    let outcomes = [outcome("w", "cancel", 2, ""), outcome("w", "cancel", 1, r#","known_ms":1767225600000"#)];
    let books = run(&[&[wager("w", "1", 0, "")], &outcomes]);
    assert_eq!(rejects(&books), ["w conflicting_duplicate"]);
    assert_eq!(anomalies(&books, "conflict").len(), 1);
    assert_eq!(text(&books.postings[0], "source"), "outcomes.jsonl:2");
}

#[test]
fn conflicts_that_show_one_id_are_one_anomaly() {
    let outcomes = [
        outcome("w", "cancel", 2, ""),
        outcome("w", "cancel", 5, ""),
        outcome("w", "unsettle", 3, ""),
        outcome("w", "unsettle", 4, ""),
        outcome("w", "unsettle", 3, r#","outcome_id":"a""#),
        outcome("w", "unsettle", 4, r#","outcome_id":"a""#),
    ];
    let books = run(&[&[wager("w", "1", 0, "")], &outcomes]);
    assert_eq!(
        rejects(&books),
        ["w conflicting_duplicate", "w conflicting_duplicate", "w/a conflicting_duplicate"]
    );
    let content = |kind: &str, at: i64| format!(r#"{{"wager_id":"w","kind":"{kind}","at_ms":{}}}"#, T + at);
    let [(one, 2, evidence), (other, 3, _)] = &anomalies(&books, "conflict")[..] else {
        panic!("two conflicts")
    };
    assert_eq!((one.as_str(), other.as_str()), ("outcomes/-/w", "outcomes/-/w/a"));
    let contents =
        [content("cancel", 2), content("unsettle", 3), content("unsettle", 4), content("cancel", 5)];
    assert_eq!(*evidence, json!({"contents": contents}));
}

#[test]
fn without_a_wager_cancels_wait_and_others_are_refused() {
    let outcomes = [
        settle("w", "3", 5, ""),
        settle("w", "4", 5, ""),
        settle("w", "4", 5, ""),
        outcome("w", "unsettle", 5, r#","revision":2,"outcome_id":"a""#),
        outcome("w", "cancel", 4, ""),
        outcome("w", "cancel", 5, ""),
        outcome("v", "cancel", 5, r#","tenant":"t""#),
    ];
    let books = run(&[&[wager("w", "1", 0, "").replace("EUR", "EURO")], &outcomes]);
    assert_eq!(
        rejects(&books),
        [
            "w outcome_without_wager",
            "w outcome_without_wager",
            "w/a outcome_without_wager",
            "w unknown_currency"
        ]
    );
    assert_eq!((books.summary.tombstones, books.summary.duplicates), (2, 1));
    assert_eq!(books.anomalies, [] as [Value; 0]);
    assert_eq!(books.balances, [] as [Value; 0]);
}

#[test]
fn an_open_wager_misses_its_outcome_but_stays_booked() {
    let books = run(&[&[wager("w", "1", 0, "")]]);
    assert_eq!(balance(&books, "ann"), "-1.00");
    let [row] = &books.rejects[..] else { panic!("one reject") };
    let content = r#"{"wager_id":"w","account":"ann","game":"slot","stake":100,"currency":"EUR","at_ms":1767225600000}"#;
    let expected = json!({
        "topic": "wagers", "tenant": "-", "provider": "-", "id": "w", "cause": "outcome_missing",
        "digest": crate::model::reference::rows::digest(content.as_bytes()), "position": "wagers.jsonl:1", "raw": null,
    });
    assert_eq!(*row, expected);
}
