//! One line to one fact, or to the cause why not: all that can be said of a record alone.
//!
//! `serde_json` reads the text, and with it two limits that the wire has not: a number must fit a float and nesting
//! end at 128, in unknown fields too. Histories stay far below both.

use std::collections::BTreeMap;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::commands::{member, targets_soundly};
use super::money::{Decimal, exponent, nano};
use super::rows::{Cause, digest};
use super::{Settings, Streams};

/// The files, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    Wagers,
    Outcomes,
    Payments,
    Games,
    Accounts,
    Commands,
}

impl Topic {
    pub const ALL: [Topic; 6] =
        [Topic::Wagers, Topic::Outcomes, Topic::Payments, Topic::Games, Topic::Accounts, Topic::Commands];
    /// Those whose lines carry a time and so a tick.
    pub const OF_EVENTS: [Topic; 4] = [Topic::Wagers, Topic::Outcomes, Topic::Payments, Topic::Commands];

    pub fn name(self) -> &'static str {
        match self {
            Topic::Wagers => "wagers",
            Topic::Outcomes => "outcomes",
            Topic::Payments => "payments",
            Topic::Games => "games",
            Topic::Accounts => "accounts",
            Topic::Commands => "commands",
        }
    }

    /// The field that names what the record is about.
    pub fn key(self) -> &'static str {
        match self {
            Topic::Wagers | Topic::Outcomes => "wager_id",
            Topic::Payments => "payment_id",
            Topic::Games => "game",
            Topic::Accounts => "account",
            Topic::Commands => "command_id",
        }
    }
}

/// What a known field may hold.
#[derive(Clone, Copy, PartialEq)]
enum Shape {
    /// 1–128 bytes of text.
    Id,
    /// An id that no system account has.
    Account,
    /// Any text; judged later.
    Text,
    /// Text of a reference row's rate.
    Rate,
    /// From 2000 to before 2100.
    Time,
    /// A time, or 0.
    Since,
    /// 0..=i64::MAX / 4.
    Due,
    /// 0..=i64::MAX.
    Revision,
    Flag,
    Object,
}

/// One known field: name, shape, whether it must be there.
type Field = (&'static str, Shape, bool);

/// The fields of canonical content in their order.
fn fields(topic: Topic) -> &'static [Field] {
    use Shape::{Account, Due, Flag, Id, Object, Rate, Revision, Since, Text, Time};
    match topic {
        Topic::Wagers => &[
            ("tenant", Id, false),
            ("provider", Id, false),
            ("wager_id", Id, true),
            ("account", Account, true),
            ("game", Id, true),
            ("stake", Text, true),
            ("currency", Text, true),
            ("at_ms", Time, true),
            ("round", Id, false),
            ("free_round", Flag, false),
            ("channel", Id, false),
            ("game_version", Id, false),
            ("device", Id, false),
            ("ip", Id, false),
            ("payment_instrument", Id, false),
            ("campaign", Id, false),
            ("revision", Revision, false),
        ],
        Topic::Outcomes => &[
            ("tenant", Id, false),
            ("provider", Id, false),
            ("wager_id", Id, true),
            ("outcome_id", Id, false),
            ("kind", Text, true),
            ("at_ms", Time, true),
            ("payout", Text, false),
            ("currency", Text, false),
            ("account", Account, false),
            ("game", Id, false),
            ("stake", Text, false),
            ("known_ms", Time, false),
            ("revision", Revision, false),
        ],
        Topic::Payments => &[
            ("tenant", Id, false),
            ("provider", Id, false),
            ("payment_id", Id, true),
            ("account", Account, true),
            ("kind", Text, true),
            ("amount", Text, true),
            ("currency", Text, true),
            ("at_ms", Time, true),
            ("status", Text, false),
            ("payment_instrument", Id, false),
            ("revision", Revision, false),
        ],
        Topic::Games => &[
            ("tenant", Id, false),
            ("provider", Id, false),
            ("game", Id, true),
            ("effective_from_ms", Since, false),
            ("rtp_theoretical", Rate, true),
            ("category", Id, false),
            ("volatility", Rate, false),
            ("payout_max", Rate, false),
            ("result_due_ms", Due, false),
            ("revision", Revision, false),
        ],
        Topic::Accounts => &[
            ("tenant", Id, false),
            ("account", Account, true),
            ("effective_from_ms", Since, false),
            ("currency", Text, true),
            ("partner", Id, false),
            ("tier", Id, false),
            ("revision", Revision, false),
        ],
        Topic::Commands => &[
            ("tenant", Id, false),
            ("provider", Id, false),
            ("command_id", Id, true),
            ("kind", Text, true),
            ("target", Text, true),
            ("actor", Id, true),
            ("reason", Text, true),
            ("at_ms", Time, true),
            ("record", Object, false),
            ("revision", Revision, false),
        ],
    }
}

/// Known fields that are no part of the content.
fn asides(topic: Topic) -> &'static [Field] {
    const RECEIVED: Field = ("received_ms", Shape::Time, false);
    const CLAIM: Field = ("balance_after", Shape::Text, false);
    match topic {
        Topic::Wagers | Topic::Outcomes | Topic::Payments => &[RECEIVED, CLAIM],
        Topic::Games | Topic::Commands => &[RECEIVED],
        Topic::Accounts => &[RECEIVED, ("provider", Shape::Id, false)],
    }
}

const RESERVED: [&str; 5] = ["bet", "stake_bonus", "payout_bonus", "jackpot", "jackpot_contribution"];

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

    /// The wager, payment, game or account it is about.
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
    if topic != Topic::Accounts {
        line.provider = legible("provider").unwrap_or("-".into());
    }
    let of_outcome = topic == Topic::Outcomes && legible("kind").as_deref() != Some("cancel");
    let outcome_id = legible("outcome_id").filter(|_| of_outcome).unwrap_or("-".into());
    line.id = legible(topic.key()).map(|key| shown_id(&key, &outcome_id));

    let Some(mut known) = well_formed(topic, &object) else { return line };
    if known.contains_key("record") {
        known.insert("record", Value::String(member(bytes, "record")));
    }
    line.at_ms = known.get("at_ms").and_then(Value::as_i64);
    line.received_ms = known.get("received_ms").and_then(Value::as_i64);
    line.unknown_fields = object
        .iter()
        .filter(|(name, _)| !is_known(topic, name) && !RESERVED.contains(&name.as_str()))
        .map(|(name, _)| name.clone())
        .collect();
    line.cause = alone(topic, &known, &object);
    if line.cause.is_none_or(|cause| cause == "stake_not_positive") {
        line.fact = Some(fact(&line, known));
    }
    line
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

fn known_fields(topic: Topic) -> impl Iterator<Item = &'static Field> {
    fields(topic).iter().chain(asides(topic))
}

fn is_known(topic: Topic, name: &str) -> bool {
    known_fields(topic).any(|(known, ..)| *known == name)
}

/// The known fields by name, if each is there once at most, has its shape, and none that is required is absent.
fn well_formed(topic: Topic, object: &[(String, Value)]) -> Option<BTreeMap<&'static str, Value>> {
    let mut known = BTreeMap::new();
    for (name, shape, required) in known_fields(topic) {
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

fn fits(shape: Shape, value: &Value) -> bool {
    const YEAR_2000_MS: i64 = 946_684_800_000;
    const YEAR_2100_MS: i64 = 4_102_444_800_000;
    let within = |range: std::ops::Range<i64>| value.as_i64().is_some_and(|number| range.contains(&number));
    match shape {
        Shape::Id => value.as_str().is_some_and(|text| (1..=128).contains(&text.len())),
        Shape::Account => fits(Shape::Id, value) && value.as_str().is_some_and(|text| !text.starts_with('@')),
        Shape::Text => value.is_string(),
        Shape::Rate => value.as_str().and_then(nano).is_some(),
        Shape::Time => within(YEAR_2000_MS..YEAR_2100_MS),
        Shape::Since => within(YEAR_2000_MS..YEAR_2100_MS) || within(0..1),
        Shape::Due => within(0..i64::MAX / 4 + 1),
        Shape::Revision => value.as_i64().is_some_and(|number| number >= 0),
        Shape::Flag => value.is_boolean(),
        Shape::Object => value.is_object(),
    }
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
    if line.topic == Topic::Accounts {
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
    for (name, ..) in fields(topic) {
        let Some(value) = known.get(name) else { continue };
        let default = match *name {
            "tenant" | "provider" | "outcome_id" => value == "-",
            "status" => value == "confirmed",
            "revision" | "effective_from_ms" => *value == 0,
            "free_round" => *value == false,
            _ => false,
        };
        if default {
            continue;
        }
        let written = match (*name, value.as_str().and_then(Decimal::read)) {
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
