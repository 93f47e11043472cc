use Cause::*;
use proptest::prelude::*;

use super::*;
use crate::records::{Topic::*, hex};

fn read(topic: Topic, line: &str) -> Result<Record<'_>, Box<Fault>> {
    decode(topic, line.as_bytes(), &Currencies::default(), &mut UnknownFields::default())
}

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

fn content(topic: Topic, line: &str) -> String {
    let mut out = Vec::new();
    read(topic, line).unwrap().canonical(&mut out);
    String::from_utf8(out).unwrap()
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

/// A sound line of each topic with every field of it.
fn full(topic: Topic) -> &'static str {
    match topic {
        Wagers => {
            r#"{"tenant":"t","provider":"p","revision":1,"received_ms":1767225600001,"wager_id":"w","account":"a","game":"g","stake":"1.50","currency":"EUR","at_ms":1767225600000,"round":"r","free_round":false,"channel":"c","game_version":"v","device":"d","ip":"::1","payment_instrument":"i","campaign":"c","balance_after":"7"}"#
        }
        Outcomes => {
            r#"{"tenant":"t","provider":"p","revision":1,"received_ms":1767225600001,"wager_id":"w","outcome_id":"o","kind":"settle","at_ms":1767225600000,"payout":"3","currency":"EUR","account":"a","game":"g","stake":"1.50","known_ms":1767225600000,"balance_after":"7"}"#
        }
        Payments => {
            r#"{"tenant":"t","provider":"p","revision":1,"received_ms":1767225600001,"payment_id":"x","account":"a","kind":"deposit","amount":"5","currency":"EUR","at_ms":1767225600000,"status":"confirmed","payment_instrument":"i","balance_after":"7"}"#
        }
        Games => {
            r#"{"tenant":"t","provider":"p","revision":1,"received_ms":1767225600001,"game":"g","effective_from_ms":1767225600000,"rtp_theoretical":"0.9650","category":"c","volatility":"9.5","payout_max":"5000","result_due_ms":60000}"#
        }
        Accounts => {
            r#"{"tenant":"t","provider":"p","revision":1,"received_ms":1767225600001,"account":"a","effective_from_ms":1767225600000,"currency":"EUR","partner":"p","tier":"t"}"#
        }
    }
}

#[test]
fn each_fault_alone_is_found_and_named() {
    let long = format!("\"{}x\"", "é".repeat(64));
    let edge = format!("\"{}\"", "é".repeat(64));
    let texts: &[(&str, Option<Cause>)] = &[
        ("7", Some(Malformed)),
        ("\"\"", Some(Malformed)),
        ("[\"a\"]", Some(Malformed)),
        (&long, Some(Malformed)),
        (&edge, None),
        ("\"\\u0000\"", None),
    ];
    let players = &[("\"@house\"", Some(Malformed)), ("\"\\u0040x\"", Some(Malformed)), ("\"a@b\"", None)];
    let times: &[(&str, Option<Cause>)] = &[
        ("946684799999", Some(Malformed)),
        ("946684800000", None),
        ("4102444799999", None),
        ("4102444800000", Some(Malformed)),
        ("-1", Some(Malformed)),
        ("1767225600000.0", Some(Malformed)),
        ("\"1767225600000\"", Some(Malformed)),
    ];
    let amounts: &[(&str, Option<Cause>)] = &[
        ("5", Some(Malformed)),
        ("\"\"", Some(BadAmount)),
        ("\"-1\"", Some(BadAmount)),
        ("\"-0\"", Some(BadAmount)),
        ("\"1e2\"", Some(BadAmount)),
        ("\"1000000000000000\"", Some(BadAmount)),
        ("\"9999999999999.990\"", None),
    ];
    let cents = &[("\"1.005\"", Some(BadAmount)), ("\"10000000000000\"", Some(BadAmount))];
    let rates: &[(&str, Option<Cause>)] = &[
        ("0.5", Some(Malformed)),
        ("\"-1\"", Some(Malformed)),
        ("\"1.\"", Some(Malformed)),
        ("\"1\"", None),
    ];
    let kinds = &[("7", Some(Malformed)), ("\"\"", Some(UnknownKind)), ("\"SETTLE\"", Some(UnknownKind))];
    for topic in Topic::ALL {
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(full(topic)).unwrap();
        assert_eq!(object.len() + 5, fields::known(topic).count_ones() as usize, "{topic} in full");
        for name in object.keys().map(String::as_str).chain(["bet", "jackpot"]) {
            let always = ["wager_id", "payment_id", "account", "game", "kind", "stake", "payout", "amount"];
            let needed = always.contains(&name) || ["currency", "at_ms", "rtp_theoretical"].contains(&name);
            let echo = topic == Outcomes && matches!(name, "account" | "game" | "stake");
            let absent = if needed && !echo { Some(Malformed) } else { None };
            let tables: &[&[(&str, Option<Cause>)]] = match name {
                "revision" => &[&[
                    ("-1", Some(Malformed)),
                    ("1.0", Some(Malformed)),
                    ("9223372036854775807", None),
                    ("9223372036854775808", Some(Malformed)),
                ]],
                "result_due_ms" => &[&[
                    ("-1", Some(Malformed)),
                    ("0", None),
                    ("2305843009213693951", None),
                    ("2305843009213693952", Some(Malformed)),
                ]],
                "at_ms" | "known_ms" | "received_ms" => &[times, &[("0", Some(Malformed))]],
                "effective_from_ms" => &[times, &[("0", None), ("1", Some(Malformed))]],
                "account" => &[texts, players],
                "stake" if topic == Wagers => &[amounts, cents, &[("\"0.00\"", Some(StakeNotPositive))]],
                // In the wager's currency, whichever that is.
                "stake" => &[amounts, &[("\"1.005\"", None), ("\"0\"", None)]],
                "payout" | "amount" => &[amounts, cents, &[("\"0\"", None)]],
                "balance_after" => &[
                    cents,
                    &[("7", Some(Malformed)), ("\"-0\"", Some(BadAmount)), ("\"-1\"", None), ("\"0\"", None)],
                ],
                "currency" => &[&[
                    ("978", Some(Malformed)),
                    ("\"\"", Some(UnknownCurrency)),
                    ("\"eur\"", Some(UnknownCurrency)),
                    ("\"USD\"", None),
                ]],
                "kind" => &[kinds],
                "status" => &[kinds, &[("\"reversed\"", None)]],
                "free_round" => &[&[("0", Some(Malformed)), ("\"true\"", Some(Malformed)), ("true", None)]],
                "rtp_theoretical" | "volatility" | "payout_max" => &[rates],
                "bet" | "jackpot" => &[&[("0", Some(UnsupportedField)), ("[]", Some(UnsupportedField))]],
                _ => &[texts],
            };
            for &(value, expected) in tables.iter().copied().flatten().chain([&("null", absent)]) {
                let rest = object.iter().filter(|(other, _)| *other != name);
                let rest: String = rest.map(|(other, value)| format!(",\"{other}\":{value}")).collect();
                let line = format!("{{\"{name}\":{value}{rest}}}");
                let found = read(topic, &line).err().map(|fault| (fault.cause, fault.detail));
                assert_eq!(found.as_ref().map(|(cause, _)| *cause), expected, "{topic} {line}");
                if let Some((_, detail)) = found {
                    assert!(detail.starts_with(&format!("`{name}` ")), "{detail} is of {name}: {line}");
                }
                let twice = format!("{{\"{name}\":{value},\"{name}\":{value}{rest}}}");
                let found = read(topic, &twice).err().map(|fault| (fault.cause, fault.detail));
                assert_eq!(found, Some((Malformed, format!("`{name}` is there twice"))));
            }
        }
    }
}

#[test]
fn outcomes_of_each_kind() {
    let with = |rest: &str| format!(r#"{{"wager_id":"w","at_ms":1767225600000,{rest}}}"#);
    for (rest, expected) in [
        (r#""kind":"cancel""#, Ok(r#""kind":"cancel","at_ms":1767225600000"#)),
        (r#""kind":"cancel","outcome_id":"c1""#, Ok(r#""kind":"cancel","at_ms":1767225600000"#)),
        (r#""kind":"cancel","outcome_id":7"#, Err(Malformed)),
        (r#""kind":"unsettle","outcome_id":"-""#, Ok(r#""kind":"unsettle","at_ms":1767225600000"#)),
        (r#""kind":"unsettle","currency":"?""#, Err(UnknownCurrency)),
        (r#""kind":"unsettle","payout":"1.""#, Err(BadAmount)),
        (
            r#""kind":"unsettle","payout":"1.250""#,
            Ok(r#""kind":"unsettle","at_ms":1767225600000,"payout":"1.25""#),
        ),
        (
            r#""kind":"unsettle","payout":"1.250","currency":"EUR","stake":"2","revision":3"#,
            Ok(
                r#""kind":"unsettle","at_ms":1767225600000,"payout":125,"currency":"EUR","stake":200,"revision":3"#,
            ),
        ),
        (r#""kind":"unsettle","payout":"1.250","currency":"KRW""#, Err(BadAmount)),
        (r#""kind":"settle","payout":"1""#, Err(Malformed)),
        (r#""kind":"settle","currency":"EUR""#, Err(Malformed)),
        (r#""kind":"Settle""#, Err(UnknownKind)),
        (
            r#""kind":"s\u0065ttle","payout":"0","currency":"EUR""#,
            Ok(r#""kind":"settle","at_ms":1767225600000,"payout":0,"currency":"EUR""#),
        ),
        (
            r#""kind":"settle","payout":"0","currency":"EUR","stake":"0.0000000000001""#,
            Ok(
                r#""kind":"settle","at_ms":1767225600000,"payout":0,"currency":"EUR","stake":"0.0000000000001""#,
            ),
        ),
    ] {
        let line = with(rest);
        let found = read(Outcomes, &line).map(|_| content(Outcomes, &line)).map_err(|fault| fault.cause);
        assert_eq!(found, expected.map(|content| format!(r#"{{"wager_id":"w",{content}}}"#)), "{line}");
    }
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
fn a_fault_says_what_is_readable() {
    let seen = |topic, line: &str| {
        let fault = read(topic, line).unwrap_err();
        (fault.tenant, fault.provider, fault.id, fault.receipt_ms)
    };
    let said = |tenant: &str, provider: &str, id: Option<&str>, receipt_ms| {
        (tenant.to_owned(), provider.to_owned(), id.map(str::to_owned), receipt_ms)
    };
    for (topic, line, expected) in [
        (Wagers, "", said("-", "-", None, None)),
        (Wagers, r#"{"wager_id":"w""#, said("-", "-", None, None)),
        (Wagers, r#"["wager_id","w"]"#, said("-", "-", None, None)),
        (Wagers, r#"{"wager_id":"w"}"#, said("-", "-", Some("w"), None)),
        (Wagers, r#"{"wager_id":"\u0077","tenant":"","provider":"p"}"#, said("-", "p", Some("w"), None)),
        (Wagers, r#"{"wager_id":7,"tenant":"t","at_ms":1767225600000}"#, said("t", "-", None, None)),
        (Wagers, r#"{"wager_id":"a","wager_id":"b"}"#, said("-", "-", None, None)),
        (Outcomes, r#"{"wager_id":"w","outcome_id":"o"}"#, said("-", "-", Some("w/o"), None)),
        (Outcomes, r#"{"wager_id":"w","outcome_id":"-"}"#, said("-", "-", Some("w"), None)),
        (Outcomes, r#"{"wager_id":"w","outcome_id":1}"#, said("-", "-", Some("w"), None)),
        (Outcomes, r#"{"wager_id":"w","outcome_id":"o","kind":"cancel"}"#, said("-", "-", Some("w"), None)),
        (Outcomes, r#"{"outcome_id":"o"}"#, said("-", "-", None, None)),
        (
            Outcomes,
            r#"{"wager_id":"w","outcome_id":"o","kind":"?","at_ms":1767225600000}"#,
            said("-", "-", Some("w/o"), Some(1_767_225_600_000)),
        ),
        (
            Outcomes,
            r#"{"wager_id":"w","kind":"?","at_ms":1767225600000,"received_ms":1767225600009}"#,
            said("-", "-", Some("w"), Some(1_767_225_600_009)),
        ),
        (Payments, r#"{"payment_id":"p","amount":5}"#, said("-", "-", Some("p"), None)),
        (Games, r#"{"game":"g","provider":"p"}"#, said("-", "p", Some("g"), None)),
        (
            Games,
            r#"{"game":"g","rtp_theoretical":"1","bet":1,"received_ms":1767225600009}"#,
            said("-", "-", Some("g"), Some(1_767_225_600_009)),
        ),
        (Accounts, r#"{"account":"@house","provider":"p"}"#, said("-", "-", Some("@house"), None)),
    ] {
        assert_eq!(seen(topic, line), expected, "{topic} {line}");
    }
}

#[test]
fn a_faults_digest_is_of_the_line_but_of_the_content_for_an_empty_stake() {
    let bad =
        r#"{"wager_id":"w","account":"p","game":"g","stake":"x","currency":"EUR","at_ms":1767225600000}"#;
    assert_eq!(read(Wagers, bad).unwrap_err().digest, digest(bad.as_bytes()));
    let empty = bad.replace(r#""x""#, r#""0.0", "more":[]"#);
    let fault = read(Wagers, &empty).unwrap_err();
    let content =
        br#"{"wager_id":"w","account":"p","game":"g","stake":0,"currency":"EUR","at_ms":1767225600000}"#;
    assert_eq!((fault.cause, fault.digest), (StakeNotPositive, digest(content)));
    assert_eq!(fault.detail, "`stake` is zero, and this is no free round");
    assert_eq!(hex(&digest(b"abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

#[test]
fn hostile_lines_are_malformed() {
    let deep = format!(r#"{{"x":{}"#, "[".repeat(10_000));
    let sound = r#"{"game":"g","rtp_theoretical":"1""#;
    for (line, detail) in [
        (b"\xff".to_vec(), "not UTF-8 at byte 0"),
        (
            format!("{sound},\"x\":\"").into_bytes().into_iter().chain(*b"\xc3\x28\"}").collect(),
            "not UTF-8 at byte 39",
        ),
        (deep.into_bytes(), "no value at byte 10005"),
        (format!("{sound},\"x\":\"\\udc00\"}}").into_bytes(), "a wrong escape before at byte 46"),
        (
            format!("{sound},\"revision\":{}}}", "9".repeat(5_000)).into_bytes(),
            "`revision` is not an integer in range",
        ),
        (format!("{sound},\"revision\":1,\"revision\":1}}").into_bytes(), "`revision` is there twice"),
        (format!("{sound}}}{{}}").into_bytes(), "more than one value at byte 34"),
        (format!("{sound}}}\0").into_bytes(), "more than one value at byte 34"),
        (format!("\u{feff}{sound}}}").into_bytes(), "no object at byte 0"),
    ] {
        let mut unknown = UnknownFields::default();
        let fault = decode(Games, &line, &Currencies::default(), &mut unknown).unwrap_err();
        assert_eq!((fault.cause, fault.detail.as_str()), (Malformed, detail));
        assert_eq!(fault.digest, digest(&line));
        assert!(unknown.is_empty());
    }
    let huge = format!("{sound},\"x\":[{}1e999]}}\r", "[],".repeat(1_000_000));
    assert!(read(Games, &huge).is_ok());
}

#[test]
fn unknown_fields_are_counted_by_name_up_to_a_bound() {
    let mut unknown = UnknownFields::default();
    let mut count = |rest: &str| {
        let line = format!(r#"{{"game":"g","rtp_theoretical":"1"{rest}}}"#);
        let _ = decode(Games, line.as_bytes(), &Currencies::default(), &mut unknown);
        unknown.clone()
    };
    assert!(count("").is_empty());
    count(r#","\u0061":{"b":1},"stake":"1","a":2"#);
    // A reserved field is known; a fault after `malformed` does not hide the unknown ones.
    count(r#","bet":1,"a":null"#);
    count(&format!(r#","{}":1"#, "long".repeat(40)));
    let counts = count(r#","a":1,"game":1"#);
    assert_eq!(counts.iter().collect::<Vec<_>>(), [("a", 3), ("stake", 1), (UnknownFields::OTHERS, 1)]);

    for n in 0..1_500 {
        count(&format!(r#","x{n}":0"#));
    }
    let counts = count(&format!(r#","a":0,"{}":0"#, "long".repeat(40)));
    assert_eq!(counts.iter().count(), UnknownFields::NAMES_MAX);
    let of = |counts: &UnknownFields, name| counts.iter().find(|(other, _)| *other == name).map(|(_, n)| n);
    assert_eq!(of(&counts, "a"), Some(4));
    assert_eq!(of(&counts, UnknownFields::OTHERS), Some(1 + (1_500 - 997) + 1));
    let mut twice = counts.clone();
    twice.merge(&counts);
    assert_eq!(twice.iter().map(|(_, n)| n).sum::<u64>(), 2 * counts.iter().map(|(_, n)| n).sum::<u64>());
}

fn texts() -> impl Strategy<Value = Text<'static>> {
    let any = prop_oneof![3 => "[a-z0-9-]{1,20}", 1 => "\\PC{1,20}", 1 => "[\0-\u{1f}\"\\\\/é🎲]{1,20}"];
    any.prop_filter("not an account of the house", |text| !text.starts_with('@')).prop_map(Cow::Owned)
}

fn maybe() -> impl Strategy<Value = Option<Text<'static>>> {
    prop::option::of(texts())
}

fn times() -> impl Strategy<Value = u64> {
    crate::time::FIRST_MS..crate::time::END_MS
}

fn minors() -> impl Strategy<Value = i64> {
    prop_oneof![0..1_000i64, 0..1_000_000_000_000_000i64]
}

fn quantities() -> impl Strategy<Value = Option<Quantity>> {
    prop::option::of((minors(), 0..20u8).prop_map(|(digits, scale)| {
        let normalised = (0..scale).try_fold((digits, scale), |(digits, scale), _| {
            if digits % 10 == 0 { Ok((digits / 10, scale - 1)) } else { Err((digits, scale)) }
        });
        let (digits, scale) = normalised.unwrap_or_else(|stop| stop);
        Quantity { digits, scale }
    }))
}

fn known_currencies() -> impl Strategy<Value = Currency> {
    prop::sample::select(vec!["KRW", "EUR", "KWD", "CLF", "USDT", "BTC", "ETH"])
        .prop_map(|code| Currencies::default().get(code).unwrap())
}

fn origins() -> impl Strategy<Value = Origin<'static>> {
    let unsaid = || prop_oneof![Just(Cow::Borrowed(UNSAID)), texts()];
    let revisions = prop_oneof![Just(0), 0..=i64::MAX];
    (unsaid(), unsaid(), revisions, prop::option::of(times())).prop_map(
        |(tenant, provider, revision, received_ms)| Origin { tenant, provider, revision, received_ms },
    )
}

fn records() -> impl Strategy<Value = Record<'static>> {
    let wagers = (
        (origins(), texts(), texts(), texts(), minors(), known_currencies(), times()),
        (maybe(), any::<bool>(), maybe(), maybe(), maybe(), maybe(), maybe(), maybe()),
        prop::option::of(-999_999_999_999_999..1_000_000_000_000_000i64),
    )
        .prop_map(|(needed, options, balance_after)| {
            let (origin, wager_id, account, game, stake, currency, at_ms) = needed;
            let (round, free, channel, game_version, device, ip, payment_instrument, campaign) = options;
            Record::Wager(Wager {
                origin,
                wager_id,
                account,
                game,
                stake,
                currency,
                at_ms,
                round,
                free_round: free || stake == 0,
                channel,
                game_version,
                device,
                ip,
                payment_instrument,
                campaign,
                balance_after,
            })
        });
    let kinds = prop::sample::select(vec![OutcomeKind::Settle, OutcomeKind::Cancel, OutcomeKind::Unsettle]);
    let outcomes = (
        (origins(), texts(), texts(), kinds, times(), minors(), known_currencies()),
        (
            any::<bool>(),
            quantities(),
            maybe(),
            maybe(),
            quantities(),
            prop::option::of(times()),
            quantities(),
        ),
    )
        .prop_map(|(needed, options)| {
            let (origin, wager_id, outcome_id, kind, at_ms, payout, currency) = needed;
            let (with_currency, echo, account, game, stake, known_ms, balance_after) = options;
            let with_currency = with_currency || kind == OutcomeKind::Settle;
            let exact = parse_quantity(&crate::money::decimal(payout.into(), currency.exponent()), false);
            Record::Outcome(Outcome {
                origin,
                wager_id,
                kind,
                at_ms,
                account,
                game,
                stake,
                known_ms,
                outcome_id: if kind == OutcomeKind::Cancel { Cow::Borrowed(UNSAID) } else { outcome_id },
                payout: if with_currency { exact } else { echo },
                currency: with_currency.then_some(currency),
                balance_after: balance_after
                    .filter(|claim| !with_currency || claim.minor(currency.exponent()).is_some()),
            })
        });
    let kinds =
        prop::sample::select(vec![PaymentKind::Deposit, PaymentKind::Withdrawal, PaymentKind::Adjustment]);
    let payments = (
        (origins(), texts(), texts(), kinds, minors(), known_currencies(), times()),
        (any::<bool>(), any::<bool>(), maybe(), prop::option::of(minors())),
    )
        .prop_map(|(needed, (negative, reversed, payment_instrument, balance_after))| {
            let (origin, payment_id, account, kind, amount, currency, at_ms) = needed;
            let negative = negative && kind == PaymentKind::Adjustment;
            Record::Payment(Payment {
                origin,
                payment_id,
                account,
                kind,
                currency,
                at_ms,
                reversed,
                payment_instrument,
                balance_after,
                amount: if negative { -amount } else { amount },
            })
        });
    let rates = || "[0-9]{1,9}(\\.[0-9]{1,9})?".prop_map(Cow::<'static, str>::Owned);
    let from = || prop_oneof![Just(0), times()];
    let games = (
        (origins(), texts(), from(), rates(), maybe()),
        (
            prop::option::of(rates()),
            prop::option::of(rates()),
            prop::option::of(0..=RESULT_DUE_MS_MAX as u64),
        ),
    )
        .prop_map(|(needed, (volatility, payout_max, result_due_ms))| {
            let (origin, game, effective_from_ms, rtp_theoretical, category) = needed;
            Record::Game(Game {
                origin,
                game,
                effective_from_ms,
                rtp_theoretical,
                category,
                volatility,
                payout_max,
                result_due_ms,
            })
        });
    let accounts = (origins(), texts(), from(), known_currencies(), maybe(), maybe()).prop_map(
        |(origin, account, effective_from_ms, currency, partner, tier)| {
            let origin = Origin { provider: Cow::Borrowed(UNSAID), ..origin };
            Record::Account(Account { origin, account, effective_from_ms, currency, partner, tier })
        },
    );
    prop_oneof![wagers, outcomes, payments, games, accounts]
}

fn canonical(record: &Record<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    record.canonical(&mut out);
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_record_written_is_read_as_itself(record in records()) {
        let mut line = Vec::new();
        record.wire(&mut line);
        let currencies = Currencies::default();
        let mut unknown = UnknownFields::default();
        let read = decode(record.topic(), &line, &currencies, &mut unknown);
        prop_assert_eq!(read.as_ref(), Ok(&record));
        prop_assert!(unknown.is_empty());
        prop_assert_eq!(canonical(&read.unwrap()), canonical(&record));
    }

    #[test]
    fn neither_order_nor_space_nor_unknown_fields_matter(record in records(), seed in any::<prop::sample::Index>()) {
        let mut line = Vec::new();
        record.wire(&mut line);
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&line).unwrap();
        let mut members: Vec<String> = object
            .iter()
            .map(|(name, value)| format!("\t{} :\r{value} ", serde_json::Value::from(name.as_str())))
            .collect();
        members.push(r#" "unheard" : [ { "wager_id" : null } ]"#.to_owned());
        let turn = seed.index(members.len());
        members.rotate_left(turn);
        let line = format!(" {{{}}}\n", members.join(","));
        let mut unknown = UnknownFields::default();
        let read = decode(record.topic(), line.as_bytes(), &Currencies::default(), &mut unknown);
        prop_assert_eq!(read.as_ref(), Ok(&record));
        prop_assert_eq!(unknown.iter().collect::<Vec<_>>(), [("unheard", 1)]);
    }

    #[test]
    fn canonical_content_is_what_the_library_would_write(record in records()) {
        let content = canonical(&record);
        let mut names = Vec::new();
        let text = std::str::from_utf8(&content).unwrap();
        json::object(text, |name, _| {
            names.push(name);
            Ok(())
        }).unwrap();
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&content).unwrap();
        prop_assert_eq!(names.len(), object.len());
        let again: Vec<String> = names
            .iter()
            .map(|name| {
                let json::Value::Text(name) = name else { panic!("a plain name") };
                format!("\"{name}\":{}", object[*name])
            })
            .collect();
        prop_assert_eq!(format!("{{{}}}", again.join(",")), text);
    }
}
