//! The files, the fields that are known in each, and what they may hold.

use serde_json::Value;

use super::money::{nano, units};
use super::rules::thresholds;

/// The files, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    Wagers,
    Outcomes,
    Payments,
    Games,
    Accounts,
    Rules,
    Commands,
}

impl Topic {
    pub const ALL: [Topic; 7] = [
        Topic::Wagers,
        Topic::Outcomes,
        Topic::Payments,
        Topic::Games,
        Topic::Accounts,
        Topic::Rules,
        Topic::Commands,
    ];
    /// Those whose lines carry a time and so a tick.
    pub const OF_EVENTS: [Topic; 4] = [Topic::Wagers, Topic::Outcomes, Topic::Payments, Topic::Commands];

    pub fn name(self) -> &'static str {
        match self {
            Topic::Wagers => "wagers",
            Topic::Outcomes => "outcomes",
            Topic::Payments => "payments",
            Topic::Games => "games",
            Topic::Accounts => "accounts",
            Topic::Rules => "rules",
            Topic::Commands => "commands",
        }
    }

    /// Whether its rows are about others' records and come before all time.
    pub fn is_of_references(self) -> bool {
        !Topic::OF_EVENTS.contains(&self)
    }

    /// The field that names what the record is about.
    pub fn key(self) -> &'static str {
        match self {
            Topic::Wagers | Topic::Outcomes => "wager_id",
            Topic::Payments => "payment_id",
            Topic::Games => "game",
            Topic::Accounts => "account",
            Topic::Rules => "rule",
            Topic::Commands => "command_id",
        }
    }
}

/// What a known field may hold.
#[derive(Clone, Copy, PartialEq)]
pub enum Shape {
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
    /// An id whose version, if it has one, is not empty.
    Rule,
    /// A whole number: least, most, and what it is a multiple of.
    Whole(i64, i64, i64),
    /// A decimal as configs spell it: digits after the point at most; least and most in units of the last of them.
    Decimal(usize, i128, i128),
}

/// One known field: name, shape, whether it must be there.
pub type Field = (&'static str, Shape, bool);

/// The fields of canonical content in their order; of a rules row its kind's thresholds come before the action.
pub fn fields(topic: Topic, rule: &str) -> Vec<Field> {
    let mut fields = own(topic).to_vec();
    if topic == Topic::Rules {
        let action = fields.iter().position(|(name, ..)| *name == "action").expect("rules have one");
        fields.splice(action..action, thresholds(rule).iter().copied());
    }
    fields
}

fn own(topic: Topic) -> &'static [Field] {
    use Shape::{Account, Due, Flag, Id, Object, Rate, Revision, Rule, Since, Text, Time};
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
        Topic::Rules => &[
            ("tenant", Id, false),
            ("rule", Rule, true),
            ("effective_from_ms", Since, true),
            ("action", Text, true),
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
        Topic::Accounts | Topic::Rules => &[RECEIVED, ("provider", Shape::Id, false)],
    }
}

/// What nothing can be booked with yet.
pub const RESERVED: [&str; 5] = ["bet", "stake_bonus", "payout_bonus", "jackpot", "jackpot_contribution"];

/// Every field that a line may have, without those that are reserved.
pub fn known_fields(topic: Topic, rule: &str) -> Vec<Field> {
    let mut known = fields(topic, rule);
    known.extend(asides(topic));
    known
}

/// Whether a value may stand in a field.
pub fn fits(shape: Shape, value: &Value) -> bool {
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
        Shape::Rule => {
            fits(Shape::Id, value)
                && value
                    .as_str()
                    .is_some_and(|rule| rule.split_once('/').is_none_or(|(_, version)| !version.is_empty()))
        }
        Shape::Whole(least, most, step) => {
            value.as_i64().is_some_and(|number| (least..=most).contains(&number) && number % step == 0)
        }
        Shape::Decimal(digits, least, most) => value
            .as_str()
            .and_then(|text| units(text, digits))
            .is_some_and(|number| (least..=most).contains(&number)),
    }
}
