use Cause::*;

use super::*;
use crate::records::{Topic::*, hex};

mod alone;
mod ladders;
mod strategies;
mod written;

fn read(topic: Topic, line: &str) -> Result<Record<'_>, Box<Fault>> {
    decode(topic, line.as_bytes(), &Currencies::default(), &mut UnknownFields::default())
}

fn content(topic: Topic, line: &str) -> String {
    let mut out = Vec::new();
    read(topic, line).unwrap().canonical(&mut out);
    String::from_utf8(out).unwrap()
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
        (Rules, r#"{"rule":"speed","provider":"p","at_ms":1}"#, said("-", "-", Some("speed"), None)),
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
