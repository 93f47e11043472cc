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
use crate::cause::Cause;
use crate::currency::{Currencies, Currency};
use crate::money::{Quantity, parse_minor, parse_quantity};
use crate::records::{
    Account, Game, Origin, Outcome, OutcomeKind, Payment, PaymentKind, Record, Text, Topic, UNSAID, Wager,
    digest, outcome_id,
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
    /// As far as readable, else `"-"`; always `"-"` for accounts.
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
        if topic != Topic::Accounts {
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
mod tests {
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
            (
                Outcomes,
                r#"{"wager_id":"w","outcome_id":"o","kind":"cancel"}"#,
                said("-", "-", Some("w"), None),
            ),
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
        let counts = count(r#","a":1,"game":1"#);
        assert_eq!(counts.iter().collect::<Vec<_>>(), [("a", 3), ("stake", 1)]);

        for n in 0..1_500 {
            count(&format!(r#","x{n}":0"#));
        }
        let counts = count(&format!(r#","a":0,"{}":0"#, "long".repeat(40)));
        assert_eq!(counts.iter().count(), UnknownFields::NAMES_MAX + 1);
        let of =
            |counts: &UnknownFields, name| counts.iter().find(|(other, _)| *other == name).map(|(_, n)| n);
        assert_eq!(of(&counts, "a"), Some(4));
        assert_eq!(of(&counts, UnknownFields::OTHERS), Some(1_500 - 998 + 1));
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
        let kinds =
            prop::sample::select(vec![OutcomeKind::Settle, OutcomeKind::Cancel, OutcomeKind::Unsettle]);
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
        let kinds = prop::sample::select(vec![
            PaymentKind::Deposit,
            PaymentKind::Withdrawal,
            PaymentKind::Adjustment,
        ]);
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
}
