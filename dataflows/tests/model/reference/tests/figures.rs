//! Payments, RTP, and anomalies of wagers.

use super::*;

#[test]
fn payments_book_by_kind_and_sign() {
    let payments = [
        payment("a", "deposit", "10", 0, ""),
        payment("b", "withdrawal", "3", 1, ""),
        payment("c", "adjustment", "0.50", 2, ""),
        payment("d", "adjustment", "-0.25", 3, ""),
        payment("e", "withdrawal", "2", 4, r#","status":"reversed""#),
        payment("f", "deposit", "0", 5, ""),
    ];
    let books = run(&[&[], &[], &payments]);
    assert_eq!(balance(&books, "ann"), "7.25");
    assert_eq!(balance(&books, "@cashier"), "-7.00");
    assert_eq!(balance(&books, "@adjustments"), "-0.25");
    let legs: Vec<String> = books
        .postings
        .iter()
        .map(|row| {
            format!("{} {} {} {}", text(row, "entry"), row["leg"], text(row, "account"), text(row, "amount"))
        })
        .collect();
    assert_eq!(
        legs,
        [
            "payments/-/a/deposit 0 ann 10.00",
            "payments/-/a/deposit 1 @cashier -10.00",
            "payments/-/b/withdrawal 0 @cashier 3.00",
            "payments/-/b/withdrawal 1 ann -3.00",
            "payments/-/c/adjustment 0 ann 0.50",
            "payments/-/c/adjustment 1 @adjustments -0.50",
            "payments/-/d/adjustment 0 @adjustments 0.25",
            "payments/-/d/adjustment 1 ann -0.25",
            "payments/-/e/reversal 0 ann 2.00",
            "payments/-/e/reversal 1 @cashier -2.00",
            "payments/-/e/withdrawal 0 @cashier 2.00",
            "payments/-/e/withdrawal 1 ann -2.00",
        ]
    );
}

#[test]
fn a_row_stands_while_any_posting_does() {
    let books = run(&[&[], &[], &[payment("a", "deposit", "1", 0, r#","status":"reversed""#)]]);
    assert_eq!(balance(&books, "ann"), "0.00");
    assert_eq!(run(&[&[], &[], &[payment("a", "deposit", "0", 0, "")]]).balances, [] as [Value; 0]);
}

#[test]
fn rtp_counts_settled_wagers_exactly() {
    // Stakes 10 and 20, paid 0 and 31: 31/30 = 1.033333; expected 0.9·30 = 27; deviation 4 (400 minor).
    // σ² = (2·1000)² + (2·2000)² = 20,000,000, root 4472.1360; z = 400/4472.1360 = 0.0894.
    let wagers = [
        wager("a", "10", 0, ""),
        wager("b", "20", 3_600_000, ""),
        wager("c", "5", 1, ""),
        wager("d", "7", 0, ""),
    ];
    let outcomes = [settle("a", "0", 1, ""), settle("b", "31", 3_600_000, ""), outcome("d", "cancel", 1, "")];
    let books = run(&[&wagers, &outcomes, &[], &[game(r#","volatility":"2""#)]]);
    let windows: Vec<&str> = books.rtp.iter().map(|row| text(row, "window")).collect();
    assert_eq!(windows, ["all", "day:2026-01-01", "hour:2026-01-01T00:00:00Z", "hour:2026-01-01T01:00:00Z"]);
    assert_eq!(
        line("rtp", &books.rtp[0]),
        concat!(
            r#"{"tenant":"-","provider":"-","game":"slot","currency":"EUR","window":"all","stake":"30.00","#,
            r#""payout":"31.00","wagers":2,"open_wagers":1,"open_stake":"5.00","rtp_actual":"1.033333","#,
            r#""z":"0.0894","in_band":true}"#
        )
    );
    // The last hour: payout 31, expected 18, 1300/4000 = 0.325. The first: −900/2000 = −0.45.
    assert_eq!((text(&books.rtp[3], "z"), text(&books.rtp[2], "z")), ("0.3250", "-0.4500"));
    assert_eq!(books.rtp[3]["open_wagers"], 0);
}

#[test]
fn rtp_has_no_row_without_a_settled_wager_and_no_z_without_volatility() {
    assert_eq!(run(&[&[wager("w", "1", 0, "")]]).rtp, [] as [Value; 0]);
    let settled = |games: &[String]| {
        let books = run(&[&[wager("w", "1", 0, "")], &[settle("w", "2", 0, "")], &[], games]);
        (books.rtp[0]["z"].clone(), books.rtp[0]["in_band"].clone())
    };
    let none = (Value::Null, Value::Null);
    assert_eq!(settled(&[]), none);
    assert_eq!(settled(&[game("")]), none);
    assert_eq!(settled(&[game(r#","volatility":"0.000""#)]), none);
    // Deviation 200 − 90 = 110 over 100·v.
    assert_eq!(settled(&[game(r#","volatility":"1""#)]), (json!("1.1000"), json!(true)));
    assert_eq!(settled(&[game(r#","volatility":"0.1""#)]), (json!("11.0000"), json!(false)));
}

#[test]
fn rtp_out_of_band_judges_all_time() {
    let case = |volatility: &str| {
        let games = [game(&format!(r#","volatility":"{volatility}""#))];
        run(&[&[wager("w", "32910", 0, "")], &[settle("w", "62529", 0, "")], &[], &games])
    };
    // 62529 − 29619 = 32910 over 32910·v: 1/v is 3.291 at most if v is 0.303859009 or more.
    let inside = case("0.303859010");
    assert_eq!((text(&inside.rtp[0], "z"), anomalies(&inside, "rtp_out_of_band").len()), ("3.2910", 0));
    let outside = case("0.303859008");
    assert_eq!(text(&outside.rtp[0], "z"), "3.2910");
    let evidence = json!({"wagers": 1, "stake": "32910.00", "payout": "62529.00", "rtp_actual": "1.900000", "z": "3.2910"});
    assert_eq!(anomalies(&outside, "rtp_out_of_band"), [("-/slot/EUR".into(), 0, evidence)]);
    assert!(outside.anomalies.iter().any(|row| row["kind"] == "rtp_out_of_band" && row["at_ms"].is_null()));
}

#[test]
fn rounding_goes_half_up_and_z_away_from_zero() {
    // 3/2,000,000 = 0.0000015 → 0.000002.
    let wagers = [wager("w", "20000", 0, "")];
    let books = run(&[&wagers, &[settle("w", "0.03", 0, "")]]);
    assert_eq!(text(&books.rtp[0], "rtp_actual"), "0.000002");
    // Deviation −1 over 20,000: −0.00005 → −0.0001; rtp 1, stake 1, volatility 20000 in minor units of 1.
    let games = [r#"{"game":"slot","rtp_theoretical":"1","volatility":"20000"}"#.to_owned()];
    let books = run(&[&[wager("w", "0.01", 0, "")], &[settle("w", "0", 0, "")], &[], &games]);
    assert_eq!(text(&books.rtp[0], "z"), "-0.0001");
    let games = [r#"{"game":"slot","rtp_theoretical":"1","volatility":"20000.1"}"#.to_owned()];
    let books = run(&[&[wager("w", "0.01", 0, "")], &[settle("w", "0", 0, "")], &[], &games]);
    assert_eq!(text(&books.rtp[0], "z"), "0.0000");
}

#[test]
fn gaming_days_follow_their_zone() {
    let day = crate::model::reference::zone::day;
    assert_eq!(day(T, "UTC"), "day:2026-01-01");
    assert_eq!(day(T - 1, "UTC"), "day:2025-12-31");
    assert_eq!(day(T + 15 * 3_600_000, "Asia/Seoul"), "day:2026-01-02");
    assert_eq!(day(T - 3_600_000, "Europe/Berlin"), "day:2026-01-01");
    assert_eq!(day(T - 3_600_001, "Europe/Berlin"), "day:2025-12-31");
    // 2026-07-01T22:00Z is midnight of summer time.
    assert_eq!(day(1_782_943_200_000, "Europe/Berlin"), "day:2026-07-02");
    assert_eq!(day(1_782_943_199_999, "Europe/Berlin"), "day:2026-07-01");
    // The clocks go back on 2026-10-25 at 01:00Z; that day ends at 23:00Z.
    assert_eq!(day(1_792_969_200_000 - 1, "Europe/Berlin"), "day:2026-10-25");
    assert_eq!(day(1_792_969_200_000, "Europe/Berlin"), "day:2026-10-26");
    assert_eq!(crate::model::reference::zone::hour(1_709_164_800_000), "hour:2024-02-29T00:00:00Z");
}

#[test]
fn free_rounds_count_in_no_figure_but_book_their_money() {
    let free = r#","free_round":true"#;
    let wagers = [wager("a", "0", 0, free), wager("b", "5", 0, free), wager("c", "1", 0, "")];
    let books = run(&[&wagers, &[settle("a", "3", 1, ""), settle("c", "0", 1, "")]]);
    assert_eq!(balance(&books, "ann"), "-3.00");
    assert_eq!((&books.rtp[0]["wagers"], &books.rtp[0]["open_wagers"]), (&json!(1), &json!(0)));
    assert_eq!(books.rtp.len(), 3);
}

#[test]
fn a_wager_placed_after_the_result_was_known_is_late() {
    let known = |at: i64| format!(r#","known_ms":{}"#, T + at);
    let evidence = |by: i64| json!({"known_ms": T - by, "late_by_ms": by, "stake": "1.00"});
    let late = |outcomes: &[String]| anomalies(&run(&[&[wager("w", "1", 0, "")], outcomes]), "late_wager");
    assert_eq!(late(&[settle("w", "1", 0, &known(0))]), []);
    assert_eq!(late(&[settle("w", "1", 0, &known(-1))]), [("-/w".into(), 0, evidence(1))]);
    // Rejected ones speak too, the earliest of all; superseded ones do not.
    let rejected = settle("w", "1", 0, &format!(r#"{},"game":"dice""#, known(-5)));
    assert_eq!(late(&[settle("w", "1", 0, &known(-1)), rejected]), [("-/w".into(), 0, evidence(5))]);
    assert_eq!(late(&[settle("w", "1", 0, &known(-1)), settle("w", "1", 0, r#","revision":1"#)]), []);
    let by_cancel = outcome("w", "cancel", 1, r#","revision":1"#);
    assert_eq!(late(&[settle("w", "1", 0, &known(-1)), by_cancel]), []);
    let refused = outcome("w", "cancel", 1, &known(-2));
    assert_eq!(late(&[settle("w", "1", 0, ""), refused]), [("-/w".into(), 0, evidence(2))]);
}

#[test]
fn a_payout_above_the_maximum_is_flagged_not_unbooked() {
    let games = [game(r#","payout_max":"2.505""#)];
    let paid =
        |payout: &str| run(&[&[wager("w", "0.99", 0, "")], &[settle("w", payout, 7, "")], &[], &games]);
    // 2.505 · 99 = 247.995
    assert_eq!(anomalies(&paid("2.47"), "payout_above_maximum"), []);
    let books = paid("2.48");
    let evidence = json!({"stake": "0.99", "payout": "2.48", "payout_max": "2.505", "allowed": "2.47"});
    assert_eq!(anomalies(&books, "payout_above_maximum"), [("-/w".into(), 7, evidence)]);
    assert_eq!(balance(&books, "ann"), "1.49");
}
