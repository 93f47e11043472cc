//! Strict decoding of one line: a sound [`Record`], or a [`Fault`] with the first check that fails.
//!
//! ```text
//! line ─▶ UTF-8? ─▶ one pass over a flat object ─▶ members ─▶ structure of every field ─▶ kind ─▶ reserved fields
//!                                                   ─▶ currency ─▶ amounts ─▶ stake ─▶ record
//! ```
//!
//! Every line of a replay passes here, so the object is read by a scanner of its own: texts stay borrowed, names are
//! found by a perfect hash, and nothing is allocated for a sound line without escapes.

use std::borrow::Cow;
use std::collections::BTreeMap;

use self::fields::{Field, MISSING, Members};
use crate::anomaly::AnomalyKind;
use crate::cause::Cause;
use crate::commands::{Command, CommandKind};
use crate::currency::{Currencies, Currency};
use crate::money::{Quantity, parse_minor, parse_quantity};
use crate::records::{
    Account, Action, Game, Origin, Outcome, OutcomeKind, Payment, PaymentKind, Record, Rule, Text, Topic,
    UNSAID, Wager, digest, outcome_id,
};

mod fields;
mod json;

pub(crate) use self::json::plain;

/// The most bytes of a text (an id, a device, a partner …).
pub const TEXT_BYTES_MAX: usize = 128;

/// The longest `result_due_ms`: far beyond any life, and sums of it with times still fit.
pub const RESULT_DUE_MS_MAX: i64 = i64::MAX / 4;

/// Decodes one line, without its end, of a topic.
///
/// Checks in this order, over all fields each, the first that fails being the cause: `malformed`, `unknown_kind`,
/// `unsupported_field`, `unknown_currency`, `bad_amount`, `stake_not_positive`. Unknown fields of a line that is not
/// malformed are counted in `unknown`.
pub fn decode<'a>(
    topic: Topic,
    line: &'a [u8],
    currencies: &Currencies,
    unknown: &mut UnknownFields,
) -> Result<Record<'a>, Box<Fault>> {
    let mut members = Members::new();
    let mut decoded = members.record(topic, line, currencies);
    if let Err(fault) = &mut decoded {
        fault.complete(topic, line, &members);
    }
    if !members.unknown.is_empty() && !matches!(&decoded, Err(fault) if fault.cause == Cause::Malformed) {
        unknown.note(&members);
    }
    decoded
}

/// A line that makes no sound record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// The first check that failed.
    pub cause: Cause,
    /// As far as readable, else `"-"`.
    pub tenant: String,
    /// As far as readable, else `"-"`; always `"-"` for accounts and rules.
    pub provider: String,
    /// What rejects call the record, as far as readable.
    pub id: Option<String>,
    /// `received_ms`, else `at_ms`; none where malformed.
    pub receipt_ms: Option<u64>,
    /// SHA-256 of the line; for `stake_not_positive` of the canonical content.
    pub digest: [u8; 32],
    /// What is wrong, in words for people.
    pub detail: String,
}

impl Fault {
    /// A line too long to be read; `digest` is of all its bytes.
    #[cold]
    pub fn oversize(digest: [u8; 32]) -> Box<Self> {
        Box::new(Self {
            cause: Cause::Malformed,
            tenant: UNSAID.to_owned(),
            provider: UNSAID.to_owned(),
            id: None,
            receipt_ms: None,
            digest,
            detail: "the line is longer than any record may be".to_owned(),
        })
    }

    /// `bytes` are what the digest is of.
    /// A fault of which no more is known yet than what it is.
    #[cold]
    fn new(cause: Cause, detail: String) -> Box<Self> {
        let unsaid = || UNSAID.to_owned();
        let (tenant, provider, id, receipt_ms, digest) = (unsaid(), unsaid(), None, None, [0; 32]);
        Box::new(Self { cause, tenant, provider, id, receipt_ms, digest, detail })
    }

    #[cold]
    fn of(field: Field, cause: Cause, what: &'static str) -> Box<Self> {
        Self::new(cause, format!("`{}` {what}", field.name()))
    }

    #[cold]
    fn malformed(field: Field, what: &'static str) -> Box<Self> {
        Self::of(field, Cause::Malformed, what)
    }

    /// Adds what is readable, and the digest unless it is of content.
    #[cold]
    fn complete(&mut self, topic: Topic, line: &[u8], members: &Members<'_>) {
        let text = |field| members.text(field).ok().flatten().map(Cow::into_owned);
        let time = |field| members.time(field).ok().flatten();
        self.tenant = text(Field::Tenant).unwrap_or_else(|| UNSAID.to_owned());
        if !topic.is_of_tenant() {
            self.provider = text(Field::Provider).unwrap_or_else(|| UNSAID.to_owned());
        }
        self.id = match topic {
            Topic::Wagers => text(Field::WagerId),
            Topic::Outcomes => text(Field::WagerId).map(|wager_id| {
                let kind = members.words(Field::Kind).ok().flatten();
                // A wager has one cancel, whatever it is called.
                let own =
                    text(Field::OutcomeId).filter(|_| kind.as_deref() != Some(OutcomeKind::Cancel.name()));
                own.map_or_else(|| wager_id.clone(), |own| outcome_id(&wager_id, &own).into_owned())
            }),
            Topic::Payments => text(Field::PaymentId),
            Topic::Games => text(Field::Game),
            Topic::Accounts => text(Field::Account),
            Topic::Rules => text(Field::Rule),
            Topic::Commands => text(Field::CommandId),
        };
        if self.cause != Cause::Malformed {
            self.receipt_ms = time(Field::ReceivedMs).or_else(|| time(Field::AtMs));
        }
        if self.cause != Cause::StakeNotPositive {
            self.digest = digest(line);
        }
    }
}

/// How often which unknown field was seen. Names are the sender's, so their number and length are bounded: what is
/// beyond is counted together.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct UnknownFields {
    counts: BTreeMap<String, u64>,
}

impl UnknownFields {
    /// The most names counted apart.
    pub const NAMES_MAX: usize = 1_000;
    /// The name of all others.
    pub const OTHERS: &'static str = "…";

    /// The counts by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.counts.iter().map(|(name, &count)| (name.as_str(), count))
    }

    /// Whether none was seen.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Adds another's counts.
    pub fn merge(&mut self, other: &Self) {
        for (name, count) in other.iter() {
            self.add(name, count);
        }
    }

    #[inline]
    fn note(&mut self, members: &Members<'_>) {
        for name in &members.unknown {
            self.add(name, 1);
        }
    }

    fn add(&mut self, name: &str, count: u64) {
        if let Some(seen) = self.counts.get_mut(name) {
            *seen += count;
        } else if self.counts.len() < Self::NAMES_MAX && name.len() <= TEXT_BYTES_MAX {
            self.counts.insert(name.to_owned(), count);
        } else {
            *self.counts.entry(Self::OTHERS.to_owned()).or_default() += count;
        }
    }
}

impl<'a> Members<'a> {
    /// Reads a line and makes its record.
    #[inline]
    fn record(
        &mut self,
        topic: Topic,
        line: &'a [u8],
        currencies: &Currencies,
    ) -> Result<Record<'a>, Box<Fault>> {
        self.read(topic, line)?;
        match topic {
            Topic::Wagers => self.wager(currencies),
            Topic::Outcomes => self.outcome(currencies),
            Topic::Payments => self.payment(currencies),
            Topic::Games => self.game(),
            Topic::Accounts => self.account(currencies),
            Topic::Rules => self.rule(line),
            Topic::Commands => self.command(),
        }
    }

    fn wager(&self, currencies: &Currencies) -> Result<Record<'a>, Box<Fault>> {
        let origin = self.origin()?;
        let wager_id = self.needed(Field::WagerId)?;
        let account = self.needed_player()?;
        let game = self.needed(Field::Game)?;
        let stake = self.needed_words(Field::Stake)?;
        let code = self.needed_words(Field::Currency)?;
        let at_ms = self.needed_time(Field::AtMs)?;
        let round = self.text(Field::Round)?;
        let free_round = self.flag(Field::FreeRound)?;
        let channel = self.text(Field::Channel)?;
        let game_version = self.text(Field::GameVersion)?;
        let device = self.text(Field::Device)?;
        let ip = self.text(Field::Ip)?;
        let payment_instrument = self.text(Field::PaymentInstrument)?;
        let campaign = self.text(Field::Campaign)?;
        let balance_after = self.words(Field::BalanceAfter)?;

        self.supported()?;
        let currency = currency(&code, currencies)?;
        let stake = minor(Field::Stake, &stake, currency, false)?;
        let balance_after = balance(balance_after, currency)?;
        let wager = Record::Wager(Wager {
            origin,
            wager_id,
            account,
            game,
            stake,
            currency,
            at_ms,
            round,
            free_round,
            channel,
            game_version,
            device,
            ip,
            payment_instrument,
            campaign,
            balance_after,
        });
        if stake == 0 && !free_round {
            return Err(unstaked(&wager));
        }
        Ok(wager)
    }

    fn outcome(&self, currencies: &Currencies) -> Result<Record<'a>, Box<Fault>> {
        let origin = self.origin()?;
        let wager_id = self.needed(Field::WagerId)?;
        let outcome_id = self.text(Field::OutcomeId)?;
        let kind_name = self.needed_words(Field::Kind)?;
        let kind = OutcomeKind::from_name(&kind_name);
        let at_ms = self.needed_time(Field::AtMs)?;
        let payout = self.words(Field::Payout)?;
        let code = self.words(Field::Currency)?;
        let account = self.player()?;
        let game = self.text(Field::Game)?;
        let stake = self.words(Field::Stake)?;
        let known_ms = self.time(Field::KnownMs)?;
        let balance_after = self.words(Field::BalanceAfter)?;
        if kind == Some(OutcomeKind::Settle) {
            for (field, absent) in [(Field::Payout, payout.is_none()), (Field::Currency, code.is_none())] {
                if absent {
                    return Err(Fault::malformed(field, "is missing, though this is a settle"));
                }
            }
        }

        let Some(kind) = kind else {
            return Err(Fault::of(Field::Kind, Cause::UnknownKind, "is not settle, cancel or unsettle"));
        };
        self.supported()?;
        let currency = code.map(|code| currency(&code, currencies)).transpose()?;
        Ok(Record::Outcome(Outcome {
            origin,
            wager_id,
            outcome_id: match kind {
                // A wager has one cancel, whatever it is called.
                OutcomeKind::Cancel => Cow::Borrowed(UNSAID),
                _ => outcome_id.unwrap_or(Cow::Borrowed(UNSAID)),
            },
            kind,
            at_ms,
            payout: quantity(Field::Payout, payout, currency, false)?,
            currency,
            account,
            game,
            // In the wager's currency, whatever the outcome's own.
            stake: quantity(Field::Stake, stake, None, false)?,
            known_ms,
            balance_after: quantity(Field::BalanceAfter, balance_after, currency, true)?,
        }))
    }

    fn payment(&self, currencies: &Currencies) -> Result<Record<'a>, Box<Fault>> {
        let origin = self.origin()?;
        let payment_id = self.needed(Field::PaymentId)?;
        let account = self.needed_player()?;
        let kind = self.needed_words(Field::Kind)?;
        let amount = self.needed_words(Field::Amount)?;
        let code = self.needed_words(Field::Currency)?;
        let at_ms = self.needed_time(Field::AtMs)?;
        let status = self.words(Field::Status)?;
        let payment_instrument = self.text(Field::PaymentInstrument)?;
        let balance_after = self.words(Field::BalanceAfter)?;

        let Some(kind) = PaymentKind::from_name(&kind) else {
            return Err(Fault::of(
                Field::Kind,
                Cause::UnknownKind,
                "is not deposit, withdrawal or adjustment",
            ));
        };
        let reversed = match status.as_deref() {
            None | Some("confirmed") => false,
            Some("reversed") => true,
            Some(_) => {
                return Err(Fault::of(Field::Status, Cause::UnknownKind, "is not confirmed or reversed"));
            }
        };
        self.supported()?;
        let currency = currency(&code, currencies)?;
        Ok(Record::Payment(Payment {
            origin,
            payment_id,
            account,
            kind,
            amount: minor(Field::Amount, &amount, currency, kind == PaymentKind::Adjustment)?,
            currency,
            at_ms,
            reversed,
            payment_instrument,
            balance_after: balance(balance_after, currency)?,
        }))
    }

    fn game(&self) -> Result<Record<'a>, Box<Fault>> {
        let missing = || Fault::malformed(Field::RtpTheoretical, MISSING);
        let game = Record::Game(Game {
            origin: self.origin()?,
            game: self.needed(Field::Game)?,
            effective_from_ms: self.effective_from()?,
            rtp_theoretical: self.rate(Field::RtpTheoretical)?.ok_or_else(missing)?,
            category: self.text(Field::Category)?,
            volatility: self.rate(Field::Volatility)?,
            payout_max: self.rate(Field::PayoutMax)?,
            result_due_ms: self.integer(Field::ResultDueMs, RESULT_DUE_MS_MAX)?.map(|ms| ms as u64),
        });
        self.supported()?;
        Ok(game)
    }

    fn account(&self, currencies: &Currencies) -> Result<Record<'a>, Box<Fault>> {
        let origin = self.origin()?;
        let account = self.needed_player()?;
        let effective_from_ms = self.effective_from()?;
        let code = self.needed_words(Field::Currency)?;
        let partner = self.text(Field::Partner)?;
        let tier = self.text(Field::Tier)?;

        self.supported()?;
        Ok(Record::Account(Account {
            // A player is the tenant's, whoever provides the games.
            origin: Origin { provider: Cow::Borrowed(UNSAID), ..origin },
            account,
            effective_from_ms,
            currency: currency(&code, currencies)?,
            partner,
            tier,
        }))
    }
}

impl<'a> Members<'a> {
    /// Which fields a rule must have depends on its kind: its line is read once more for them.
    fn rule(&mut self, line: &'a [u8]) -> Result<Record<'a>, Box<Fault>> {
        self.origin()?;
        let rule = self.needed(Field::Rule)?;
        let (name, version) = Rule::parts(&rule);
        if version.is_some_and(str::is_empty) {
            return Err(Fault::malformed(Field::Rule, "has an empty version"));
        }
        let kind = AnomalyKind::from_name(name);
        kind.map_or(Ok(()), |kind| self.read_rule(kind, line))?;
        let origin = self.origin()?;
        let effective_from_ms = self.needed_effective_from()?;
        let thresholds = kind.iter().flat_map(|kind| kind.thresholds());
        let thresholds = thresholds.map(|threshold| self.threshold(threshold)).collect::<Result<_, _>>()?;
        let action = Action::from_name(&self.needed_words(Field::Action)?);

        let Some(kind) = kind else {
            return Err(Fault::of(Field::Rule, Cause::UnknownKind, "names no kind of anomaly"));
        };
        let Some(action) = action else {
            return Err(Fault::of(Field::Action, Cause::UnknownKind, "is not flag or hold"));
        };
        self.supported()?;
        let origin = Origin { provider: Cow::Borrowed(UNSAID), ..origin };
        Ok(Record::Rule(Rule { origin, rule, effective_from_ms, kind, thresholds, action }))
    }

    fn command(&self) -> Result<Record<'a>, Box<Fault>> {
        let origin = self.origin()?;
        let command_id = self.needed(Field::CommandId)?;
        let kind = CommandKind::from_name(&self.needed_words(Field::Kind)?);
        let target = self.needed_words(Field::Target)?;
        let actor = self.needed(Field::Actor)?;
        let reason = self.needed_words(Field::Reason)?;
        let at_ms = self.needed_time(Field::AtMs)?;
        let record = self.object(Field::Record)?;
        if kind == Some(CommandKind::Amend) && record.is_none() {
            return Err(Fault::malformed(Field::Record, "is missing, though this is an amend"));
        }
        let Some(target) = kind.map_or(Some(target.clone()), |kind| kind.target(target)) else {
            return Err(Fault::malformed(Field::Target, "does not name what such a command can be about"));
        };

        let Some(kind) = kind else {
            let known = "is not amend, replay, discard, hold or release";
            return Err(Fault::of(Field::Kind, Cause::UnknownKind, known));
        };
        self.supported()?;
        Ok(Record::Command(Command { origin, command_id, kind, target, actor, reason, at_ms, record }))
    }
}

/// The one fault of a record that is sound as it is spelt, so that its content is what identifies it.
#[cold]
fn unstaked(wager: &Record<'_>) -> Box<Fault> {
    let mut content = Vec::new();
    wager.canonical(&mut content);
    let mut fault = Fault::of(Field::Stake, Cause::StakeNotPositive, "is zero, and this is no free round");
    fault.digest = digest(&content);
    fault
}

const NO_MONEY: &str = "is not spelt as money of its currency";

#[inline]
fn currency(code: &str, currencies: &Currencies) -> Result<Currency, Box<Fault>> {
    currencies.get(code).ok_or_else(|| Fault::of(Field::Currency, Cause::UnknownCurrency, "is not known"))
}

/// Money of a known currency.
#[inline]
fn minor(field: Field, text: &str, currency: Currency, allow_negative: bool) -> Result<i64, Box<Fault>> {
    parse_minor(text, currency.exponent(), allow_negative)
        .ok_or_else(|| Fault::of(field, Cause::BadAmount, NO_MONEY))
}

/// What the provider says the player has left.
#[inline]
fn balance(text: Option<Text<'_>>, currency: Currency) -> Result<Option<i64>, Box<Fault>> {
    text.map(|text| minor(Field::BalanceAfter, &text, currency, true)).transpose()
}

/// Money whose currency may not be known: where it is, its digits must fit.
#[inline]
fn quantity(
    field: Field,
    text: Option<Text<'_>>,
    currency: Option<Currency>,
    allow_negative: bool,
) -> Result<Option<Quantity>, Box<Fault>> {
    let Some(text) = text else { return Ok(None) };
    let fits = |quantity: &Quantity| currency.is_none_or(|known| quantity.minor(known.exponent()).is_some());
    match parse_quantity(&text, allow_negative).filter(fits) {
        Some(quantity) => Ok(Some(quantity)),
        None => Err(Fault::of(field, Cause::BadAmount, NO_MONEY)),
    }
}

#[cfg(test)]
mod tests;
