//! The known fields, and the members of one line under them.

use std::borrow::Cow;

use super::json::{self, Syntax, Value, unescape};
use super::{Fault, TEXT_BYTES_MAX};
use crate::anomaly::{AnomalyKind, Takes, Threshold};
use crate::cause::Cause;
use crate::money::Decimal9;
use crate::records::{Origin, Spelt, Text, Topic, UNSAID};
use crate::time::{END_MS, FIRST_MS};

/// Declares all known fields of all topics under their names.
macro_rules! fields {
    ($($field:ident $name:literal,)*) => {
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        pub(super) enum Field { $($field),* }

        const FIELDS: &[(Field, &str)] = &[$((Field::$field, $name)),*];
    };
}

fields! {
    Tenant "tenant",
    Provider "provider",
    Revision "revision",
    ReceivedMs "received_ms",
    WagerId "wager_id",
    Account "account",
    Game "game",
    Stake "stake",
    Currency "currency",
    AtMs "at_ms",
    Round "round",
    FreeRound "free_round",
    Channel "channel",
    GameVersion "game_version",
    Device "device",
    Ip "ip",
    PaymentInstrument "payment_instrument",
    Campaign "campaign",
    BalanceAfter "balance_after",
    OutcomeId "outcome_id",
    Kind "kind",
    Payout "payout",
    KnownMs "known_ms",
    PaymentId "payment_id",
    Amount "amount",
    Status "status",
    EffectiveFromMs "effective_from_ms",
    RtpTheoretical "rtp_theoretical",
    Category "category",
    Volatility "volatility",
    PayoutMax "payout_max",
    ResultDueMs "result_due_ms",
    Partner "partner",
    Tier "tier",
    CommandId "command_id",
    Target "target",
    Actor "actor",
    Reason "reason",
    Record "record",
    Bet "bet",
    StakeBonus "stake_bonus",
    PayoutBonus "payout_bonus",
    Jackpot "jackpot",
    JackpotContribution "jackpot_contribution",
    Rule "rule",
    Action "action",
    WindowMs "window_ms",
    WagersMax "wagers_max",
    ScoreMax "score_max",
    WagersMin "wagers_min",
    BandZ "band_z",
    PMax "p_max",
    RatioMin "ratio_min",
    DepositsMin "deposits_min",
    Slack "slack",
    Limit "limit",
    DeviceAccountsMin "device_accounts_min",
    InstrumentAccountsMin "instrument_accounts_min",
    NetExposureMax "net_exposure_max",
    StakedMin "staked_min",
    RoundsMin "rounds_min",
}

/// The fields of rules alone come last: no other topic knows one of them, nor do rules know a wager's, whose places
/// they take.
const PLACES_OF_ALL: usize = Field::Rule as usize;
const _: () = assert!(
    FIELDS.len() - PLACES_OF_ALL <= Field::EffectiveFromMs as usize - Field::WagerId as usize,
    "what rules know of all topics' fields keeps its place"
);

/// Reserved until built: booking a record without minding them would be wrong.
const RESERVED: [Field; 5] =
    [Field::Bet, Field::StakeBonus, Field::PayoutBonus, Field::Jackpot, Field::JackpotContribution];

/// Where [`Field::of`] looks: the index of the field, or one that is out of range.
const PLACES: [u8; 256] = {
    let mut places = [u8::MAX; 256];
    let mut n = 0;
    while n < FIELDS.len() {
        let place = Field::place(FIELDS[n].1.as_bytes());
        assert!(places[place] == u8::MAX, "two names share a place: choose other factors");
        places[place] = n as u8;
        n += 1;
    }
    places
};

impl Field {
    pub(super) const fn name(self) -> &'static str {
        FIELDS[self as usize].1
    }

    /// The field of a name.
    #[inline]
    fn of(name: &str) -> Option<Self> {
        if name.is_empty() {
            return None;
        }
        let &(field, its_name) = FIELDS.get(usize::from(PLACES[Self::place(name.as_bytes())]))?;
        (its_name == name).then_some(field)
    }

    /// A perfect hash of the names: their lengths and their first, middle and last bytes tell them apart.
    #[inline]
    const fn place(name: &[u8]) -> usize {
        let (first, middle, last) =
            (name[0] as usize, name[name.len() / 2] as usize, name[name.len() - 1] as usize);
        (first + last * 5 + middle * 10 + name.len() * 4) % 256
    }

    const fn bit(self) -> u64 {
        1 << self as u8
    }

    /// Where its value stands among the members.
    #[inline]
    const fn value_at(self) -> usize {
        let number = self as usize;
        if number < PLACES_OF_ALL { number } else { number - PLACES_OF_ALL + Field::WagerId as usize }
    }

    /// The field of a threshold.
    pub(super) fn of_threshold(threshold: &Threshold) -> Option<Self> {
        Self::of(threshold.name)
    }
}

/// A set of fields.
const fn set(fields: &[Field]) -> u64 {
    let mut set = 0;
    let mut n = 0;
    while n < fields.len() {
        set |= fields[n].bit();
        n += 1;
    }
    set
}

/// The fields known in a topic.
pub(super) const fn known(topic: Topic) -> u64 {
    use Field::*;
    let own = match topic {
        Topic::Wagers => set(&[
            WagerId,
            Account,
            Game,
            Stake,
            Currency,
            AtMs,
            Round,
            FreeRound,
            Channel,
            GameVersion,
            Device,
            Ip,
            PaymentInstrument,
            Campaign,
            BalanceAfter,
        ]),
        Topic::Outcomes => set(&[
            WagerId,
            OutcomeId,
            Kind,
            AtMs,
            Payout,
            Currency,
            Account,
            Game,
            Stake,
            KnownMs,
            BalanceAfter,
        ]),
        Topic::Payments => {
            set(&[PaymentId, Account, Kind, Amount, Currency, AtMs, Status, PaymentInstrument, BalanceAfter])
        }
        Topic::Games => {
            set(&[Game, EffectiveFromMs, RtpTheoretical, Category, Volatility, PayoutMax, ResultDueMs])
        }
        Topic::Accounts => set(&[Account, EffectiveFromMs, Currency, Partner, Tier]),
        Topic::Rules => set(&[Rule, EffectiveFromMs, Action]),
        Topic::Commands => set(&[CommandId, Kind, Target, Actor, Reason, AtMs, Record]),
    };
    own | set(&[Tenant, Provider, Revision, ReceivedMs]) | set(&RESERVED)
}

/// The members of a line's object.
pub(super) struct Members<'a> {
    values: [Value<'a>; PLACES_OF_ALL],
    /// The known fields that are there.
    seen: u64,
    /// Of them, those that are not `null`.
    present: u64,
    /// Known fields that are there more than once: unreadable.
    repeated: u64,
    /// Names that are not known in the topic, each time they occur.
    pub(super) unknown: Vec<Cow<'a, str>>,
}

pub(super) const MISSING: &str = "is missing";
const NO_TEXT: &str = "is not a text of 1 to 128 bytes";
const NO_STRING: &str = "is not a string";

impl<'a> Members<'a> {
    pub(super) fn new() -> Self {
        Self { values: [Value::Absent; PLACES_OF_ALL], seen: 0, present: 0, repeated: 0, unknown: Vec::new() }
    }

    /// Reads a line of a topic into these members; a line that is no object leaves none.
    #[inline]
    pub(super) fn read(&mut self, topic: Topic, line: &'a [u8]) -> Result<(), Box<Fault>> {
        self.read_known(known(topic), line)
    }

    /// Reads a rules row again, now that its kind is known: the thresholds of that are known fields too.
    pub(super) fn read_rule(&mut self, kind: AnomalyKind, line: &'a [u8]) -> Result<(), Box<Fault>> {
        let thresholds = kind.thresholds().iter().filter_map(Field::of_threshold);
        let known = thresholds.fold(known(Topic::Rules), |known, field| known | field.bit());
        *self = Self::new();
        self.read_known(known, line)
    }

    #[inline]
    fn read_known(&mut self, known: u64, line: &'a [u8]) -> Result<(), Box<Fault>> {
        let read = match std::str::from_utf8(line) {
            Ok(line) => json::object(line, |name, value| self.take(known, name, value)),
            Err(error) => Err(("not UTF-8", error.valid_up_to())),
        };
        read.map_err(|(what, at)| {
            *self = Self::new();
            Fault::new(Cause::Malformed, format!("{what} at byte {at}"))
        })
    }

    /// Takes a member down under its field, where that is one of the `known`.
    #[inline]
    fn take(&mut self, known: u64, name: Value<'a>, value: Value<'a>) -> Syntax<()> {
        let name = match name {
            Value::Text(name) => Cow::Borrowed(name),
            Value::Escaped(quoted) => Cow::Owned(unescape(quoted).ok_or("a wrong escape before")?),
            _ => return Err("no name"),
        };
        match Field::of(&name) {
            Some(field) if known & field.bit() != 0 => {
                self.repeated |= self.seen & field.bit();
                self.seen |= field.bit();
                if !matches!(value, Value::Absent) {
                    self.present |= field.bit();
                }
                self.values[field.value_at()] = value;
            }
            _ => self.unknown.push(name),
        }
        Ok(())
    }

    /// The value of a field; one that is there twice is none that a field takes.
    #[inline]
    fn value(&self, field: Field) -> Value<'a> {
        if self.seen & !self.repeated & field.bit() != 0 {
            self.values[field.value_at()]
        } else if self.seen & field.bit() != 0 {
            Value::Other
        } else {
            Value::Absent
        }
    }

    /// A text of 1 to 128 bytes.
    #[inline]
    pub(super) fn text(&self, field: Field) -> Result<Option<Text<'a>>, Box<Fault>> {
        match self.value(field) {
            Value::Absent => Ok(None),
            Value::Text(text) if matches!(text.len(), 1..=TEXT_BYTES_MAX) => Ok(Some(Cow::Borrowed(text))),
            Value::Escaped(quoted) => match unescape(quoted) {
                Some(text) if matches!(text.len(), 1..=TEXT_BYTES_MAX) => Ok(Some(Cow::Owned(text))),
                _ => Err(Fault::malformed(field, NO_TEXT)),
            },
            _ => Err(Fault::malformed(field, NO_TEXT)),
        }
    }

    /// A text of 1 to 128 bytes that must be there.
    #[inline]
    pub(super) fn needed(&self, field: Field) -> Result<Text<'a>, Box<Fault>> {
        self.text(field)?.ok_or_else(|| Fault::malformed(field, MISSING))
    }

    /// A player's account: those with `@` are the house's own.
    #[inline]
    pub(super) fn player(&self) -> Result<Option<Text<'a>>, Box<Fault>> {
        let account = self.text(Field::Account)?;
        match &account {
            Some(text) if text.starts_with('@') => {
                Err(Fault::malformed(Field::Account, "is a system account"))
            }
            _ => Ok(account),
        }
    }

    #[inline]
    pub(super) fn needed_player(&self) -> Result<Text<'a>, Box<Fault>> {
        self.player()?.ok_or_else(|| Fault::malformed(Field::Account, MISSING))
    }

    /// A string of any length, judged later.
    #[inline]
    pub(super) fn words(&self, field: Field) -> Result<Option<Text<'a>>, Box<Fault>> {
        match self.value(field) {
            Value::Absent => Ok(None),
            Value::Text(text) => Ok(Some(Cow::Borrowed(text))),
            Value::Escaped(quoted) => match unescape(quoted) {
                Some(text) => Ok(Some(Cow::Owned(text))),
                None => Err(Fault::malformed(field, NO_STRING)),
            },
            _ => Err(Fault::malformed(field, NO_STRING)),
        }
    }

    #[inline]
    pub(super) fn needed_words(&self, field: Field) -> Result<Text<'a>, Box<Fault>> {
        self.words(field)?.ok_or_else(|| Fault::malformed(field, MISSING))
    }

    /// An integer from 0 to `max`.
    #[inline]
    pub(super) fn integer(&self, field: Field, max: i64) -> Result<Option<i64>, Box<Fault>> {
        match self.value(field) {
            Value::Absent => Ok(None),
            Value::Integer(integer) if (0..=max).contains(&integer) => Ok(Some(integer)),
            _ => Err(Fault::malformed(field, "is not an integer in range")),
        }
    }

    /// A time on the wire.
    #[inline]
    pub(super) fn time(&self, field: Field) -> Result<Option<u64>, Box<Fault>> {
        match self.value(field) {
            Value::Absent => Ok(None),
            Value::Integer(ms) if (FIRST_MS..END_MS).contains(&(ms as u64)) => Ok(Some(ms as u64)),
            _ => {
                Err(Fault::malformed(field, "is not a time from 2000 to before 2100 in integer milliseconds"))
            }
        }
    }

    #[inline]
    pub(super) fn needed_time(&self, field: Field) -> Result<u64, Box<Fault>> {
        self.time(field)?.ok_or_else(|| Fault::malformed(field, MISSING))
    }

    /// When a reference row comes into force: 0, unless said, is from the beginning.
    pub(super) fn effective_from(&self) -> Result<u64, Box<Fault>> {
        match self.value(Field::EffectiveFromMs) {
            Value::Integer(0) => Ok(0),
            _ => Ok(self.time(Field::EffectiveFromMs)?.unwrap_or(0)),
        }
    }

    /// The same where it must be said.
    pub(super) fn needed_effective_from(&self) -> Result<u64, Box<Fault>> {
        match self.value(Field::EffectiveFromMs) {
            Value::Absent => Err(Fault::malformed(Field::EffectiveFromMs, MISSING)),
            _ => self.effective_from(),
        }
    }

    #[inline]
    pub(super) fn flag(&self, field: Field) -> Result<bool, Box<Fault>> {
        match self.value(field) {
            Value::Absent => Ok(false),
            Value::Bool(flag) => Ok(flag),
            _ => Err(Fault::malformed(field, "is not true or false")),
        }
    }

    /// An object within the object, without the white space between its tokens.
    pub(super) fn object(&self, field: Field) -> Result<Option<Text<'a>>, Box<Fault>> {
        match self.value(field) {
            Value::Absent => Ok(None),
            Value::Nested(json) if json.starts_with('{') => Ok(Some(Cow::Owned(json::compact(json)))),
            _ => Err(Fault::malformed(field, "is not an object")),
        }
    }

    /// A threshold of a rules row; a decimal keeps its spelling.
    pub(super) fn threshold(&self, threshold: &Threshold) -> Result<Spelt<'a>, Box<Fault>> {
        let Some(field) = Field::of_threshold(threshold) else { unreachable!("thresholds are fields") };
        let spelt = match &threshold.takes {
            takes @ Takes::Whole { .. } => self
                .integer(field, i64::MAX)?
                .map(|number| Some(number as u64).filter(|&number| takes.takes(number)).map(Spelt::Whole)),
            takes @ Takes::Decimal { .. } => {
                self.text(field)?.map(|text| takes.read(&text).map(|_| Spelt::Decimal(text)))
            }
        };
        match spelt {
            Some(Some(spelt)) => Ok(spelt),
            Some(None) => Err(Fault::malformed(field, "is out of range, or not spelt as in the config")),
            None => Err(Fault::malformed(field, MISSING)),
        }
    }

    /// A decimal of a reference row, which keeps its spelling.
    pub(super) fn rate(&self, field: Field) -> Result<Option<Text<'a>>, Box<Fault>> {
        let text = self.text(field)?;
        match &text {
            Some(rate) if Decimal9::parse(rate).is_none() => Err(Fault::malformed(
                field,
                "is not a decimal of at most 9 digits on either side of its point",
            )),
            _ => Ok(text),
        }
    }

    /// What every record carries; and no known field twice.
    #[inline]
    pub(super) fn origin(&self) -> Result<Origin<'a>, Box<Fault>> {
        if self.repeated != 0 {
            let &(field, _) = FIELDS.get(self.repeated.trailing_zeros() as usize).unwrap_or(&FIELDS[0]);
            return Err(Fault::malformed(field, "is there twice"));
        }
        Ok(Origin {
            tenant: self.text(Field::Tenant)?.unwrap_or(Cow::Borrowed(UNSAID)),
            provider: self.text(Field::Provider)?.unwrap_or(Cow::Borrowed(UNSAID)),
            revision: self.integer(Field::Revision, i64::MAX)?.unwrap_or(0),
            received_ms: self.time(Field::ReceivedMs)?,
        })
    }

    /// Whether nothing reserved is asked for.
    #[inline]
    pub(super) fn supported(&self) -> Result<(), Box<Fault>> {
        if self.present & const { set(&RESERVED) } == 0 {
            return Ok(());
        }
        let field = RESERVED.into_iter().find(|field| self.present & field.bit() != 0).unwrap_or(Field::Bet);
        Err(Fault::of(field, Cause::UnsupportedField, "cannot be booked yet"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_to_their_fields_and_others_nowhere() {
        for &(field, name) in FIELDS {
            assert_eq!((Field::of(name), field.name()), (Some(field), name));
            for near in [format!("{name}s"), name[1..].to_owned(), name.to_uppercase(), format!("{name}\0")] {
                assert_eq!(Field::of(&near), None, "{near}");
            }
        }
        assert_eq!(Field::of(""), None);
    }
}
