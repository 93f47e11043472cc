//! Each field of each topic with each value that is wrong for it, in a line that is sound otherwise.

use super::*;

type Judged = (&'static str, Option<Cause>);

const TEXTS: &[Judged] = &[
    ("7", Some(Malformed)),
    ("\"\"", Some(Malformed)),
    ("[\"a\"]", Some(Malformed)),
    // The most bytes of a text, and one more.
    ("\"éééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé\"", None),
    ("\"ééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééx\"", Some(Malformed)),
    ("\"\\u0000\"", None),
];
const PLAYERS: &[Judged] =
    &[("\"@house\"", Some(Malformed)), ("\"\\u0040x\"", Some(Malformed)), ("\"a@b\"", None)];
const TIMES: &[Judged] = &[
    ("946684799999", Some(Malformed)),
    ("946684800000", None),
    ("4102444799999", None),
    ("4102444800000", Some(Malformed)),
    ("-1", Some(Malformed)),
    ("1767225600000.0", Some(Malformed)),
    ("\"1767225600000\"", Some(Malformed)),
];
const AMOUNTS: &[Judged] = &[
    ("5", Some(Malformed)),
    ("\"\"", Some(BadAmount)),
    ("\"-1\"", Some(BadAmount)),
    ("\"-0\"", Some(BadAmount)),
    ("\"1e2\"", Some(BadAmount)),
    ("\"1000000000000000\"", Some(BadAmount)),
    ("\"9999999999999.990\"", None),
];
const CENTS: &[Judged] = &[("\"1.005\"", Some(BadAmount)), ("\"10000000000000\"", Some(BadAmount))];
const CLAIMS: &[Judged] =
    &[("7", Some(Malformed)), ("\"-0\"", Some(BadAmount)), ("\"-1\"", None), ("\"0\"", None)];
const RATES: &[Judged] =
    &[("0.5", Some(Malformed)), ("\"-1\"", Some(Malformed)), ("\"1.\"", Some(Malformed)), ("\"1\"", None)];
const KINDS: &[Judged] =
    &[("7", Some(Malformed)), ("\"\"", Some(UnknownKind)), ("\"SETTLE\"", Some(UnknownKind))];
const CURRENCIES: &[Judged] = &[
    ("978", Some(Malformed)),
    ("\"\"", Some(UnknownCurrency)),
    ("\"eur\"", Some(UnknownCurrency)),
    ("\"USD\"", None),
];
const REVISIONS: &[Judged] = &[
    ("-1", Some(Malformed)),
    ("1.0", Some(Malformed)),
    ("9223372036854775807", None),
    ("9223372036854775808", Some(Malformed)),
];
const DUES: &[Judged] = &[
    ("-1", Some(Malformed)),
    ("0", None),
    ("2305843009213693951", None),
    ("2305843009213693952", Some(Malformed)),
];

const TARGETS: &[Judged] = &[
    ("7", Some(Malformed)),
    ("\"wager:w\"", Some(Malformed)),
    ("\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\"", Some(Malformed)),
    ("\"0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef\"", None),
];

const RULES: &[Judged] = &[
    ("7", Some(Malformed)),
    ("\"\"", Some(Malformed)),
    ("\"Late_wager\"", Some(UnknownKind)),
    ("\"/late_wager\"", Some(UnknownKind)),
    ("\"late_wager/\"", Some(Malformed)),
    ("\"late/\"", Some(Malformed)),
    ("\"late_wager/\\u00e9/\"", None),
];
const ACTIONS: &[Judged] = &[
    ("7", Some(Malformed)),
    ("\"\"", Some(UnknownKind)),
    ("\"HOLD\"", Some(UnknownKind)),
    ("\"hold\"", None),
];

/// Values of a field, each with the fault that it is.
fn values(topic: Topic, name: &str) -> &'static [&'static [Judged]] {
    match name {
        "revision" => &[REVISIONS],
        "result_due_ms" => &[DUES],
        "at_ms" | "known_ms" | "received_ms" => &[TIMES, &[("0", Some(Malformed))]],
        "effective_from_ms" => &[TIMES, &[("0", None), ("1", Some(Malformed))]],
        "account" => &[TEXTS, PLAYERS],
        "stake" if topic == Wagers => &[AMOUNTS, CENTS, &[("\"0.00\"", Some(StakeNotPositive))]],
        // In the wager's currency, whichever that is.
        "stake" => &[AMOUNTS, &[("\"1.005\"", None), ("\"0\"", None)]],
        "payout" | "amount" => &[AMOUNTS, CENTS, &[("\"0\"", None)]],
        "balance_after" => &[CENTS, CLAIMS],
        "currency" => &[CURRENCIES],
        "kind" => &[KINDS],
        "status" => &[KINDS, &[("\"reversed\"", None)]],
        "free_round" => &[&[("0", Some(Malformed)), ("\"true\"", Some(Malformed)), ("true", None)]],
        "rtp_theoretical" | "volatility" | "payout_max" => &[RATES],
        "target" => &[TARGETS],
        "rule" => &[RULES],
        "action" => &[ACTIONS],
        "reason" => &[&[("7", Some(Malformed)), ("\"\"", None)]],
        "record" => &[&[("7", Some(Malformed)), ("[{}]", Some(Malformed)), ("{\"a\" :[ ]}", None)]],
        "bet" | "jackpot" => &[&[("0", Some(UnsupportedField)), ("[]", Some(UnsupportedField))]],
        _ => &[TEXTS],
    }
}

/// What it is to be without a field.
fn absent(topic: Topic, name: &str) -> Option<Cause> {
    let always = ["wager_id", "payment_id", "account", "game", "kind", "stake", "payout", "amount"];
    let of_command = ["command_id", "target", "actor", "reason", "record"].contains(&name);
    let of_rule = topic == Rules && ["rule", "effective_from_ms", "action"].contains(&name);
    let needed = of_command
        || of_rule
        || always.contains(&name)
        || ["currency", "at_ms", "rtp_theoretical"].contains(&name);
    let echo = topic == Outcomes && matches!(name, "account" | "game" | "stake");
    if needed && !echo { Some(Malformed) } else { None }
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
        Rules => {
            r#"{"tenant":"t","provider":"p","revision":1,"received_ms":1767225600001,"rule":"late_wager","effective_from_ms":1767225600000,"action":"flag"}"#
        }
        Commands => {
            r#"{"tenant":"t","provider":"p","revision":1,"received_ms":1767225600001,"command_id":"c","kind":"amend","target":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef","actor":"a","reason":"r","at_ms":1767225600000,"record":{}}"#
        }
    }
}

#[test]
fn each_fault_alone_is_found_and_named() {
    for topic in Topic::ALL {
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(full(topic)).unwrap();
        assert_eq!(object.len() + 5, fields::known(topic).count_ones() as usize, "{topic} in full");
        for name in object.keys().map(String::as_str).chain(["bet", "jackpot"]) {
            let rest = object.iter().filter(|(other, _)| *other != name);
            let rest: String = rest.map(|(other, value)| format!(",\"{other}\":{value}")).collect();
            let none = ("null", absent(topic, name));
            for &(value, expected) in values(topic, name).iter().copied().flatten().chain([&none]) {
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
