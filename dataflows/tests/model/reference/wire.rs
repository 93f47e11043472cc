//! One line to one fact, or to the cause why not: all that can be said of a record alone.
//!
//! `serde_json` reads the text, and with it two limits that the wire has not: a number must fit a float and nesting
//! end at 128, in unknown fields too. Histories stay far below both.

use std::collections::BTreeMap;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::commands::{member, targets_soundly};
use super::fields::{Field, RESERVED, Shape, fields, fits, known_fields};
use super::money::{Decimal, exponent, nano};
use super::rows::{Cause, digest};
use super::rules::kind_of;
use super::{Settings, Streams};

pub use super::fields::Topic;

/// A sound record. Equal copies are one fact.
#[derive(Clone, Debug)]
pub struct Fact {
    pub topic: Topic,
    pub tenant: String,
    pub provider: String,
    /// 1-based; the smallest of equal copies.
    pub line: usize,
    /// A command brought it: the line is the command's.
    pub brought: bool,
    /// The bytes of that line.
    pub raw: Vec<u8>,
    pub at_ms: i64,
    pub revision: i64,
    /// Canonical content.
    pub content: String,
    /// The provider's `balance_after`; the smallest of equal copies.
    pub claim: Option<Decimal>,
    /// Every field of the content that is there.
    fields: BTreeMap<&'static str, Value>,
}

impl Fact {
    /// The text of a field, `""` if it is absent.
    pub fn text(&self, name: &str) -> &str {
        self.opt(name).unwrap_or_default()
    }

    pub fn opt(&self, name: &str) -> Option<&str> {
        self.fields.get(name).and_then(Value::as_str)
    }

    pub fn number(&self, name: &str) -> Option<i64> {
        self.fields.get(name).and_then(Value::as_i64)
    }

    pub fn flag(&self, name: &str) -> bool {
        self.fields.get(name).and_then(Value::as_bool).unwrap_or_default()
    }

    /// A money field in minor units of `currency`, if that has the digits.
    pub fn minor(&self, name: &str, currency: &str) -> Option<i128> {
        Decimal::read(self.opt(name)?)?.minor(exponent(currency)?)
    }

    /// A rate in 10⁻⁹.
    pub fn rate(&self, name: &str) -> Option<i128> {
        nano(self.opt(name)?)
    }

    /// The wager, payment, game, account or rule it is about.
    pub fn key(&self) -> &str {
        self.text(self.topic.key())
    }

    pub fn kind(&self) -> &str {
        self.text("kind")
    }

    pub fn outcome_id(&self) -> &str {
        self.opt("outcome_id").unwrap_or("-")
    }

    /// The id that rejects show.
    pub fn id(&self) -> String {
        shown_id(self.key(), self.outcome_id())
    }

    pub fn position(&self) -> String {
        let topic = if self.brought { Topic::Commands } else { self.topic };
        format!("{}.jsonl:{}", topic.name(), self.line)
    }

    /// The same record under another revision.
    pub fn at_revision(mut self, revision: i64) -> Fact {
        self.revision = revision;
        self.fields.insert("revision", revision.into());
        self.content = content(self.topic, &self.fields);
        self
    }

    /// Takes in an equal copy.
    pub fn merge(&mut self, copy: Fact) {
        if (copy.brought, copy.line) < (self.brought, self.line) {
            self.brought = copy.brought;
            self.line = copy.line;
            self.raw = copy.raw;
        }
        self.claim = match (self.claim.take(), copy.claim) {
            (Some(one), Some(two)) => Some(if two.compare(&one).is_lt() { two } else { one }),
            (one, two) => one.or(two),
        };
    }
}

fn shown_id(key: &str, outcome_id: &str) -> String {
    if outcome_id == "-" { key.to_owned() } else { format!("{key}/{outcome_id}") }
}

/// A line that is not blank, and what its bytes alone say.
#[derive(Clone, Debug)]
pub struct Line {
    pub topic: Topic,
    /// 1-based.
    pub number: usize,
    pub raw: Vec<u8>,
    /// As far as readable, else `-`.
    pub tenant: String,
    pub provider: String,
    pub id: Option<String>,
    /// The first failing check of the record alone, clock and horizon aside.
    pub cause: Option<Cause>,
    /// Of a line that decodes.
    pub at_ms: Option<i64>,
    pub received_ms: Option<i64>,
    pub unknown_fields: Vec<String>,
    /// Of a line whose every field can be read.
    pub fact: Option<Fact>,
}

impl Line {
    pub fn position(&self) -> String {
        format!("{}.jsonl:{}", self.topic.name(), self.number)
    }

    /// SHA-256 of the content, or of the bytes where the content cannot be told.
    pub fn digest(&self) -> String {
        match &self.fact {
            Some(fact) => digest(fact.content.as_bytes()),
            None => digest(&self.raw),
        }
    }

    /// When the line was received; none if it does not decode.
    pub fn receipt_ms(&self) -> Option<i64> {
        self.received_ms.or(self.at_ms)
    }
}

/// Reads the lines of one file; blank ones are left out, but count as lines.
pub fn read(topic: Topic, lines: &[Vec<u8>], settings: &Settings) -> Vec<Line> {
    let mut read = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let mut bytes = line.as_slice();
        if index == 0 {
            bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        }
        bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        if bytes.iter().all(|byte| b" \t\r".contains(byte)) {
            continue;
        }
        read.push(read_line(topic, index + 1, bytes, settings));
    }
    read
}

pub fn read_line(topic: Topic, number: usize, bytes: &[u8], settings: &Settings) -> Line {
    let mut line = Line {
        topic,
        number,
        raw: bytes.to_vec(),
        tenant: "-".into(),
        provider: "-".into(),
        id: None,
        cause: Some("malformed"),
        at_ms: None,
        received_ms: None,
        unknown_fields: Vec::new(),
        fact: None,
    };
    let object = if bytes.len() > settings.line_bytes_max { None } else { parse(bytes) };
    let Some(object) = object else { return line };

    // What can be read of the identity, whatever else is wrong.
    let legible = |name: &str| -> Option<String> {
        let mut values = object.iter().filter(|(key, _)| key == name);
        match (values.next(), values.next()) {
            (Some((_, Value::String(text))), None) if fits(Shape::Id, &Value::String(text.clone())) => {
                Some(text.clone())
            }
            _ => None,
        }
    };
    line.tenant = legible("tenant").unwrap_or("-".into());
    if !is_of_tenant(topic) {
        line.provider = legible("provider").unwrap_or("-".into());
    }
    let of_outcome = topic == Topic::Outcomes && legible("kind").as_deref() != Some("cancel");
    let outcome_id = legible("outcome_id").filter(|_| of_outcome).unwrap_or("-".into());
    line.id = legible(topic.key()).map(|key| shown_id(&key, &outcome_id));

    let fields = known_fields(topic, &legible("rule").unwrap_or_default());
    let Some(mut known) = well_formed(topic, &fields, &object) else { return line };
    if known.contains_key("record") {
        known.insert("record", Value::String(member(bytes, "record")));
    }
    line.at_ms = known.get("at_ms").and_then(Value::as_i64);
    line.received_ms = known.get("received_ms").and_then(Value::as_i64);
    line.unknown_fields = object
        .iter()
        .filter(|(name, _)| !fields.iter().any(|(known, ..)| known == name))
        .filter(|(name, _)| !RESERVED.contains(&name.as_str()))
        .map(|(name, _)| name.clone())
        .collect();
    line.cause = alone(topic, &known, &object);
    if line.cause.is_none_or(|cause| cause == "stake_not_positive") {
        line.fact = Some(fact(&line, known));
    }
    line
}

/// Whose rows are the tenant's alone, whoever provides them.
fn is_of_tenant(topic: Topic) -> bool {
    [Topic::Accounts, Topic::Rules].contains(&topic)
}

/// The members of an object in their order, duplicates and all.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members;
            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

fn parse(bytes: &[u8]) -> Option<Vec<(String, Value)>> {
    let text = std::str::from_utf8(bytes).ok()?;
    serde_json::from_str::<Members>(text).ok().map(|members| members.0)
}

/// The known fields by name, if each is there once at most, has its shape, and none that is required is absent.
fn well_formed(
    topic: Topic,
    fields: &[Field],
    object: &[(String, Value)],
) -> Option<BTreeMap<&'static str, Value>> {
    let mut known = BTreeMap::new();
    for (name, shape, required) in fields {
        let values: Vec<&Value> =
            object.iter().filter(|(key, _)| key == name).map(|(_, value)| value).collect();
        match values.as_slice() {
            [] | [Value::Null] if *required => return None,
            [] | [Value::Null] => {}
            [value] if fits(*shape, value) => drop(known.insert(*name, (*value).clone())),
            _ => return None,
        }
    }
    if topic == Topic::Commands && !targets_soundly(&known) {
        return None;
    }
    let twice = |name: &&str| object.iter().filter(|(key, _)| key == name).count() > 1;
    if RESERVED.iter().any(twice) {
        return None;
    }
    let settles = topic == Topic::Outcomes && known["kind"] == "settle";
    if settles && !(known.contains_key("payout") && known.contains_key("currency")) {
        return None;
    }
    Some(known)
}

/// The first check that a well-formed record fails by itself.
fn alone(topic: Topic, known: &BTreeMap<&'static str, Value>, object: &[(String, Value)]) -> Option<Cause> {
    let text = |name: &str| known.get(name).and_then(Value::as_str);
    let kinds: &[&str] = match topic {
        Topic::Outcomes => &["settle", "cancel", "unsettle"],
        Topic::Payments => &["deposit", "withdrawal", "adjustment"],
        Topic::Commands => &["amend", "replay", "discard", "hold", "release"],
        _ => &[],
    };
    if text("kind").is_some_and(|kind| !kinds.contains(&kind)) {
        return Some("unknown_kind");
    }
    if text("status").is_some_and(|status| !["confirmed", "reversed"].contains(&status)) {
        return Some("unknown_kind");
    }
    if text("rule").is_some_and(|rule| kind_of(rule).is_none())
        || text("action").is_some_and(|action| !["flag", "hold"].contains(&action))
    {
        return Some("unknown_kind");
    }
    if object.iter().any(|(name, value)| RESERVED.contains(&name.as_str()) && !value.is_null()) {
        return Some("unsupported_field");
    }
    if text("currency").is_some_and(|currency| exponent(currency).is_none()) {
        return Some("unknown_currency");
    }
    let digits = text("currency").and_then(exponent);
    for name in ["stake", "payout", "amount", "balance_after"] {
        let Some(spelled) = text(name) else { continue };
        let Some(number) = Decimal::read(spelled) else { return Some("bad_amount") };
        let may_be_negative =
            name == "balance_after" || (name == "amount" && text("kind") == Some("adjustment"));
        if number.is_negative() && !may_be_negative {
            return Some("bad_amount");
        }
        // An outcome echoes the stake in the wager's currency, which its own need not be.
        let echo = topic == Topic::Outcomes && name == "stake";
        if let (Some(digits), false) = (digits, echo)
            && number.minor(digits).is_none()
        {
            return Some("bad_amount");
        }
    }
    let nothing_staked =
        topic == Topic::Wagers && text("stake").and_then(Decimal::read)?.minor(digits?) == Some(0);
    let free = known.get("free_round") == Some(&Value::Bool(true));
    (nothing_staked && !free).then_some("stake_not_positive")
}

fn fact(line: &Line, mut known: BTreeMap<&'static str, Value>) -> Fact {
    known.remove("received_ms");
    if is_of_tenant(line.topic) {
        known.remove("provider");
    }
    if line.topic == Topic::Commands {
        let target = known["target"].as_str().unwrap_or_default();
        let one = if target.contains(':') { target.to_owned() } else { target.to_lowercase() };
        known.insert("target", one.into());
    }
    if line.topic == Topic::Outcomes && known["kind"] == "cancel" {
        known.remove("outcome_id");
    }
    let claim = known.remove("balance_after").as_ref().and_then(Value::as_str).and_then(Decimal::read);
    let number = |name: &str| known.get(name).and_then(Value::as_i64);
    Fact {
        topic: line.topic,
        tenant: line.tenant.clone(),
        provider: line.provider.clone(),
        line: line.number,
        brought: false,
        raw: line.raw.clone(),
        at_ms: number("at_ms").or(number("effective_from_ms")).unwrap_or_default(),
        revision: number("revision").unwrap_or_default(),
        content: content(line.topic, &known),
        claim,
        fields: known,
    }
}

/// The compact object of what the record says, defaults left out.
fn content(topic: Topic, known: &BTreeMap<&'static str, Value>) -> String {
    let digits = known.get("currency").and_then(Value::as_str).and_then(exponent);
    let mut members = Vec::new();
    let rule = known.get("rule").and_then(Value::as_str).unwrap_or_default();
    for (name, _, required) in fields(topic, rule) {
        let Some(value) = known.get(name) else { continue };
        let default = match name {
            "tenant" | "provider" | "outcome_id" => value == "-",
            "status" => value == "confirmed",
            // What must be said has no default.
            "revision" | "effective_from_ms" => *value == 0 && !required,
            "free_round" => *value == false,
            _ => false,
        };
        if default {
            continue;
        }
        let written = match (name, value.as_str().and_then(Decimal::read)) {
            ("stake" | "payout" | "amount", Some(number)) => {
                match digits.and_then(|digits| number.minor(digits)) {
                    Some(minor) => minor.to_string(),
                    None => Value::from(number.text()).to_string(),
                }
            }
            ("record", _) => value.as_str().unwrap_or_default().to_owned(),
            _ => value.to_string(),
        };
        members.push(format!("\"{name}\":{written}"));
    }
    format!("{{{}}}", members.join(","))
}

impl Streams {
    /// How many lines there are, blank ones too.
    pub fn lines(&self) -> usize {
        Topic::ALL.iter().map(|topic| self.of(*topic).len()).sum()
    }
}
