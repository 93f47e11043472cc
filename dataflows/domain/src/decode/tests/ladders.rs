//! Lines full of faults, mended one by one: the order of the checks.

use super::*;

/// Starts from a line full of faults; each row mends the fault of the row above by replacing a part of the line,
/// and says which fault shows next.
fn ladder(topic: Topic, start: (&str, Cause), rows: &[(&str, &str, Option<Cause>)]) -> String {
    let mut line = start.0.to_owned();
    assert_eq!(read(topic, &line).map_err(|fault| fault.cause), Err(start.1), "{line}");
    for (fault, mended, next) in rows {
        assert_eq!(line.matches(fault).count(), 1, "{fault} in {line}");
        line = line.replace(fault, mended);
        let found = read(topic, &line).map_err(|fault| (fault.cause, fault.detail)).err();
        assert_eq!(found.as_ref().map(|(cause, _)| *cause), *next, "{line}: {found:?}");
    }
    line
}

#[test]
fn wagers_ladder() {
    let start = r#"[{"wager_id":7,"wager_id":"w1","account":"@house","game":"","stake":-5,"currency":978,"at_ms":"now","round":[],"free_round":"no","channel":1,"revision":-1,"received_ms":1.5,"tenant":"","provider":{},"bet":"b","balance_after":12}"#;
    let long = "x".repeat(129);
    let line = ladder(
        Wagers,
        (start, Malformed),
        &[
            ("[{", "{", Some(Malformed)),
            (r#""wager_id":7,"#, "", Some(Malformed)),
            (r#""@house""#, r#""p1""#, Some(Malformed)),
            (r#""game":"""#, &format!(r#""game":"{long}""#), Some(Malformed)),
            (&long, &long[1..], Some(Malformed)),
            (r#""stake":-5"#, r#""stake":"-5.001""#, Some(Malformed)),
            ("978", r#""euro""#, Some(Malformed)),
            (r#""now""#, "946684799999", Some(Malformed)),
            ("946684799999", "4102444800000", Some(Malformed)),
            ("4102444800000", "1767225600000.0", Some(Malformed)),
            ("1767225600000.0", "1767225600000", Some(Malformed)),
            (r#""round":[]"#, r#""round":"\ud800""#, Some(Malformed)),
            (r#""\ud800""#, r#""\ud83c\udfb2""#, Some(Malformed)),
            (r#""no""#, "false", Some(Malformed)),
            (r#""channel":1"#, r#""channel":null"#, Some(Malformed)),
            (r#""revision":-1"#, r#""revision":9223372036854775808"#, Some(Malformed)),
            ("9223372036854775808", "-0", Some(Malformed)),
            (r#""revision":-0"#, r#""revision":0"#, Some(Malformed)),
            ("1.5", "1767225600001", Some(Malformed)),
            (r#""tenant":"""#, r#""tenant":"t""#, Some(Malformed)),
            (r#""provider":{}"#, r#""provider":"-""#, Some(Malformed)),
            (r#""balance_after":12"#, r#""balance_after":"12.345""#, Some(UnsupportedField)),
            (r#""bet":"b""#, r#""bet":null"#, Some(UnknownCurrency)),
            ("euro", "EUR", Some(BadAmount)),
            ("-5.001", "-5.00", Some(BadAmount)),
            ("-5.00", "5.001", Some(BadAmount)),
            ("5.001", "0.000", Some(BadAmount)),
            ("12.345", "-12.340", Some(StakeNotPositive)),
            (r#""free_round":false"#, r#""free_round":true"#, None),
        ],
    );
    let game = &long[1..];
    assert_eq!(
        content(Wagers, &line),
        format!(
            r#"{{"tenant":"t","wager_id":"w1","account":"p1","game":"{game}","stake":0,"currency":"EUR","at_ms":1767225600000,"round":"🎲","free_round":true}}"#
        )
    );
    let Ok(Record::Wager(wager)) = read(Wagers, &line) else { panic!("a wager") };
    assert_eq!(wager.balance_after, Some(-1234));
    assert_eq!(wager.origin.received_ms, Some(1_767_225_600_001));
}

#[test]
fn outcomes_ladder() {
    let start = r#"{"kind":5,"outcome_id":"","account":"@cashier","known_ms":0,"payout":null,"jackpot":{},"stake":"1e3","balance_after":"-0"}"#;
    let line = ladder(
        Outcomes,
        (start, Malformed),
        &[
            ("{\"kind\":5", r#"{"wager_id":"w","kind":5"#, Some(Malformed)),
            ("5", r#""win""#, Some(Malformed)),
            (r#""outcome_id":"""#, r#""outcome_id":"o","at_ms":1767225600000"#, Some(Malformed)),
            ("@cashier", "p", Some(Malformed)),
            (r#""known_ms":0"#, r#""known_ms":1767225600000"#, Some(UnknownKind)),
            ("win", "settle", Some(Malformed)),
            ("null", r#""-1""#, Some(Malformed)),
            (r#""payout""#, r#""currency":"","payout""#, Some(UnsupportedField)),
            (r#""jackpot":{},"#, "", Some(UnknownCurrency)),
            (r#""currency":"""#, r#""currency":"KRW""#, Some(BadAmount)),
            ("-1", "1.5", Some(BadAmount)),
            ("1.5", "1.0", Some(BadAmount)),
            ("1e3", "-3", Some(BadAmount)),
            (r#""-3""#, r#""3.50""#, Some(BadAmount)),
            (r#""-0""#, r#""0.5""#, Some(BadAmount)),
            (r#""0.5""#, r#""-5.0""#, None),
        ],
    );
    assert_eq!(
        content(Outcomes, &line),
        r#"{"wager_id":"w","outcome_id":"o","kind":"settle","at_ms":1767225600000,"payout":1,"currency":"KRW","account":"p","stake":"3.5","known_ms":1767225600000}"#
    );
}

#[test]
fn payments_ladder() {
    let start = r#"{"payment_id":null,"account":"p","kind":"gift","amount":true,"currency":"DM","at_ms":1767225600000,"status":0,"payment_instrument":"","jackpot_contribution":0}"#;
    let line = ladder(
        Payments,
        (start, Malformed),
        &[
            ("null", r#""pay\u0000ment""#, Some(Malformed)),
            ("true", r#""-1.50""#, Some(Malformed)),
            (r#""status":0"#, r#""status":"pending""#, Some(Malformed)),
            (r#""payment_instrument":"""#, r#""payment_instrument":"card""#, Some(UnknownKind)),
            ("gift", "deposit", Some(UnknownKind)),
            ("pending", "reversed", Some(UnsupportedField)),
            (r#","jackpot_contribution":0"#, "", Some(UnknownCurrency)),
            ("DM", "USDT", Some(BadAmount)),
            ("deposit", "adjustment", None),
        ],
    );
    assert_eq!(
        content(Payments, &line),
        r#"{"payment_id":"pay\u0000ment","account":"p","kind":"adjustment","amount":-1500000,"currency":"USDT","at_ms":1767225600000,"status":"reversed","payment_instrument":"card"}"#
    );
    assert!(!content(Payments, &line.replace("reversed", "confirmed")).contains("status"));
}

#[test]
fn games_ladder() {
    let start = r#"{"effective_from_ms":1,"rtp_theoretical":0.965,"category":0,"volatility":"-1","payout_max":"1e4","result_due_ms":-1,"stake_bonus":"1"}"#;
    let line = ladder(
        Games,
        (start, Malformed),
        &[
            ("{\"eff", r#"{"game":"@g","eff"#, Some(Malformed)),
            (r#""effective_from_ms":1"#, r#""effective_from_ms":0"#, Some(Malformed)),
            ("0.965", r#""0.9650000000""#, Some(Malformed)),
            ("0.9650000000", "0.9650", Some(Malformed)),
            (r#""category":0"#, r#""category":"slot""#, Some(Malformed)),
            ("-1\"", "12.5\"", Some(Malformed)),
            ("1e4", "10000", Some(Malformed)),
            ("-1", "2305843009213693952", Some(Malformed)),
            ("2305843009213693952", "2305843009213693951", Some(UnsupportedField)),
            (r#","stake_bonus":"1""#, "", None),
        ],
    );
    assert_eq!(
        content(Games, &line),
        r#"{"game":"@g","rtp_theoretical":"0.9650","category":"slot","volatility":"12.5","payout_max":"10000","result_due_ms":2305843009213693951}"#
    );
}

#[test]
fn accounts_ladder() {
    let start = r#"{"account":"@adjustments","provider":"","currency":null,"partner":"","tier":1,"effective_from_ms":946684799999}"#;
    let line = ladder(
        Accounts,
        (start, Malformed),
        &[
            ("@adjustments", "홍길동", Some(Malformed)),
            (r#""provider":"""#, r#""provider":"elsewhere""#, Some(Malformed)),
            ("null", r#""XXX""#, Some(Malformed)),
            (r#""partner":"""#, r#""partner":"총판 7""#, Some(Malformed)),
            (r#""tier":1"#, r#""tier":"gold","round":{}"#, Some(Malformed)),
            ("946684799999", "946684800000", Some(UnknownCurrency)),
            ("XXX", "KWD", None),
        ],
    );
    assert_eq!(
        content(Accounts, &line),
        r#"{"account":"홍길동","effective_from_ms":946684800000,"currency":"KWD","partner":"총판 7","tier":"gold"}"#
    );
}

#[test]
fn rules_ladder() {
    let start = r#"{"rule":"velocity/","provider":"","effective_from_ms":null,"window_ms":90000,"window_ms":60000,"wagers_max":"5","score_max":"9","action":1,"jackpot":1}"#;
    let line = ladder(
        Rules,
        (start, Malformed),
        &[
            ("velocity/", "velocity/strict-2", Some(Malformed)),
            (r#""provider":"""#, r#""provider":"elsewhere""#, Some(Malformed)),
            ("null", "1", Some(Malformed)),
            (r#""effective_from_ms":1"#, r#""effective_from_ms":0"#, Some(Malformed)),
            (r#","window_ms":60000"#, "", Some(Malformed)),
            ("90000", "60000.0", Some(Malformed)),
            ("60000.0", "86460000", Some(Malformed)),
            ("86460000", "60000", Some(Malformed)),
            (r#""5""#, "0", Some(Malformed)),
            (r#""wagers_max":0"#, r#""wagers_max":1000000"#, Some(Malformed)),
            (r#""action":1"#, r#""action":"warn""#, Some(UnknownKind)),
            ("velocity/strict-2", "speed/strict-2", Some(UnknownKind)),
            ("speed", "velocity", Some(UnknownKind)),
            ("warn", "hold", Some(UnsupportedField)),
            (r#","jackpot":1"#, r#","revision":2"#, None),
        ],
    );
    assert_eq!(
        content(Rules, &line),
        r#"{"rule":"velocity/strict-2","effective_from_ms":0,"window_ms":60000,"wagers_max":1000000,"action":"hold","revision":2}"#
    );
    let Ok(Record::Rule(rule)) = read(Rules, &line) else { panic!("a rule") };
    assert_eq!((rule.bounds(), rule.version()), ([60_000, 1_000_000, 0], "velocity/strict-2.2".to_owned()));
}

#[test]
fn decimals_of_rules_ladder() {
    let start =
        r#"{"rule":"slow_drift","effective_from_ms":946684800000,"slack":0.5,"limit":8,"action":"flag"}"#;
    let line = ladder(
        Rules,
        (start, Malformed),
        &[
            ("0.5", r#""100.001""#, Some(Malformed)),
            ("100.001", "0.50", Some(Malformed)),
            ("8,", r#""0","#, Some(Malformed)),
            (r#":"0","#, r#":"8.0001","#, Some(Malformed)),
            ("8.0001", "08.50", None),
        ],
    );
    assert_eq!(
        content(Rules, &line),
        r#"{"rule":"slow_drift","effective_from_ms":946684800000,"slack":"0.50","limit":"08.50","action":"flag"}"#
    );
    let Ok(Record::Rule(rule)) = read(Rules, &line) else { panic!("a rule") };
    assert_eq!((rule.bounds(), rule.version()), ([500, 8_500, 0], "slow_drift/946684800000".to_owned()));
}

#[test]
fn thresholds_of_other_kinds_are_unknown_fields() {
    let mut unknown = UnknownFields::default();
    let mut read = |line: &str| {
        let read = decode(Rules, line.as_bytes(), &Currencies::default(), &mut unknown);
        read.map(|_| ()).map_err(|fault| fault.cause)
    };
    let line = r#"{"rule":"overdraft","effective_from_ms":0,"limit":[],"limit":"9","action":"flag"}"#;
    assert_eq!(read(line), Ok(()));
    assert_eq!(read(&line.replace("overdraft", "overdrafts")), Err(UnknownKind));
    assert_eq!(read(&line.replace("overdraft", "structuring")), Err(Malformed));
    assert_eq!(unknown.iter().collect::<Vec<_>>(), [("limit", 4)]);
}

#[test]
fn commands_ladder() {
    let digest = "0123456789abcdef".repeat(4);
    let start = r#"{"command_id":"","kind":"undo","target":7,"actor":"","reason":null,"at_ms":1767225600,"record":[]}"#;
    let line = ladder(
        Commands,
        (start, Malformed),
        &[
            (r#""command_id":"""#, r#""command_id":"c-1""#, Some(Malformed)),
            (r#""target":7"#, r#""target":"all""#, Some(Malformed)),
            (r#""actor":"""#, r#""actor":"김 과장""#, Some(Malformed)),
            ("null", r#""앞뒤가 맞지 않음""#, Some(Malformed)),
            ("1767225600,", "1767225600000,", Some(Malformed)),
            ("[]", "null", Some(UnknownKind)),
            ("undo", "amend", Some(Malformed)),
            ("all", &digest, Some(Malformed)),
            (r#""record":null"#, r#""record":{ "a b" : "\" ", "n" : [1.0, {}] }"#, None),
            ("amend", "hold", Some(Malformed)),
            (&digest, "wallet:w1", Some(Malformed)),
            ("wallet:w1", "wager:w1", None),
            (r#"{ "a b" : "\" ", "n" : [1.0, {}] }"#, r#"null,"bet":1"#, Some(UnsupportedField)),
            (r#","bet":1"#, "", None),
            ("hold", "discard", Some(Malformed)),
            ("wager:w1", &digest.to_uppercase(), None),
            (r#""record":null"#, r#""record":{ "a b" : "\" ", "n" : [1.0, {}] }"#, None),
        ],
    );
    assert_eq!(
        content(Commands, &line),
        format!(
            r#"{{"command_id":"c-1","kind":"discard","target":"{digest}","actor":"김 과장","reason":"앞뒤가 맞지 않음","at_ms":1767225600000,"record":{{"a b":"\" ","n":[1.0,{{}}]}}}}"#
        )
    );
}
