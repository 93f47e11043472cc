//! Records written down: their canonical content, and lines of the wire.

use super::{Account, Game, Origin, Outcome, Payment, Record, Rule, Spelt, Wager, said};
use crate::commands::Command;
use crate::currency::Currency;
use crate::decode::plain;
use crate::money::{Quantity, push_decimal};

impl Record<'_> {
    /// Appends the canonical content: a compact JSON object of what makes the record this record, in fixed order.
    /// Equality, ties (as bytes) and digests use it alone. Absent fields and defaults are left out, as are
    /// `received_ms` and `balance_after`; money is in minor units.
    pub fn canonical(&self, out: &mut Vec<u8>) {
        match self {
            Self::Wager(wager) => wager.canonical(out),
            Self::Outcome(outcome) => outcome.canonical(out),
            Self::Payment(payment) => payment.canonical(out),
            Self::Game(game) => game.canonical(out),
            Self::Account(account) => account.canonical(out),
            Self::Rule(rule) => rule.canonical(out),
            Self::Command(command) => command.canonical(out),
        }
    }

    /// Appends the record as a line of the wire, without line end: decoded, it is this record again.
    pub fn wire(&self, out: &mut Vec<u8>) {
        match self {
            Self::Wager(wager) => wager.write(&mut Object::open(out, Form::Wire)),
            Self::Outcome(outcome) => outcome.write(&mut Object::open(out, Form::Wire)),
            Self::Payment(payment) => payment.write(&mut Object::open(out, Form::Wire)),
            Self::Game(game) => game.write(&mut Object::open(out, Form::Wire)),
            Self::Account(account) => account.write(&mut Object::open(out, Form::Wire)),
            Self::Rule(rule) => rule.write(&mut Object::open(out, Form::Wire)),
            Self::Command(command) => command.write(&mut Object::open(out, Form::Wire)),
        }
    }
}

impl Wager<'_> {
    /// [`Record::canonical`] of a wager.
    pub fn canonical(&self, out: &mut Vec<u8>) {
        self.write(&mut Object::open(out, Form::Canonical));
    }

    fn write(&self, object: &mut Object<'_>) {
        object.origin(&self.origin);
        object.text("wager_id", &self.wager_id);
        object.text("account", &self.account);
        object.text("game", &self.game);
        object.money("stake", self.stake, self.currency);
        object.text("currency", self.currency.code());
        object.number("at_ms", self.at_ms);
        object.text_if("round", self.round.as_deref());
        if self.free_round {
            object.literal("free_round", "true");
        }
        object.text_if("channel", self.channel.as_deref());
        object.text_if("game_version", self.game_version.as_deref());
        object.text_if("device", self.device.as_deref());
        object.text_if("ip", self.ip.as_deref());
        object.text_if("payment_instrument", self.payment_instrument.as_deref());
        object.text_if("campaign", self.campaign.as_deref());
        if let (Form::Wire, Some(minor)) = (object.form, self.balance_after) {
            object.money("balance_after", minor, self.currency);
        }
        object.close(&self.origin);
    }
}

impl Outcome<'_> {
    /// [`Record::canonical`] of an outcome.
    pub fn canonical(&self, out: &mut Vec<u8>) {
        self.write(&mut Object::open(out, Form::Canonical));
    }

    fn write(&self, object: &mut Object<'_>) {
        object.origin(&self.origin);
        object.text("wager_id", &self.wager_id);
        object.text_if("outcome_id", said(&self.outcome_id));
        object.text("kind", self.kind.name());
        object.number("at_ms", self.at_ms);
        object.quantity("payout", self.payout, self.currency);
        object.text_if("currency", self.currency.as_ref().map(Currency::code));
        object.text_if("account", self.account.as_deref());
        object.text_if("game", self.game.as_deref());
        object.quantity("stake", self.stake, self.currency);
        if let Some(known_ms) = self.known_ms {
            object.number("known_ms", known_ms);
        }
        if object.form == Form::Wire {
            object.quantity("balance_after", self.balance_after, self.currency);
        }
        object.close(&self.origin);
    }
}

impl Payment<'_> {
    /// [`Record::canonical`] of a payment.
    pub fn canonical(&self, out: &mut Vec<u8>) {
        self.write(&mut Object::open(out, Form::Canonical));
    }

    fn write(&self, object: &mut Object<'_>) {
        object.origin(&self.origin);
        object.text("payment_id", &self.payment_id);
        object.text("account", &self.account);
        object.text("kind", self.kind.name());
        object.money("amount", self.amount, self.currency);
        object.text("currency", self.currency.code());
        object.number("at_ms", self.at_ms);
        object.text_if("status", self.reversed.then_some("reversed"));
        object.text_if("payment_instrument", self.payment_instrument.as_deref());
        if let (Form::Wire, Some(minor)) = (object.form, self.balance_after) {
            object.money("balance_after", minor, self.currency);
        }
        object.close(&self.origin);
    }
}

impl Game<'_> {
    /// [`Record::canonical`] of a games row.
    pub fn canonical(&self, out: &mut Vec<u8>) {
        self.write(&mut Object::open(out, Form::Canonical));
    }

    fn write(&self, object: &mut Object<'_>) {
        object.origin(&self.origin);
        object.text("game", &self.game);
        object.effective_from(self.effective_from_ms);
        object.text("rtp_theoretical", &self.rtp_theoretical);
        object.text_if("category", self.category.as_deref());
        object.text_if("volatility", self.volatility.as_deref());
        object.text_if("payout_max", self.payout_max.as_deref());
        if let Some(due_ms) = self.result_due_ms {
            object.number("result_due_ms", due_ms);
        }
        object.close(&self.origin);
    }
}

impl Account<'_> {
    /// [`Record::canonical`] of an accounts row.
    pub fn canonical(&self, out: &mut Vec<u8>) {
        self.write(&mut Object::open(out, Form::Canonical));
    }

    fn write(&self, object: &mut Object<'_>) {
        object.origin(&self.origin);
        object.text("account", &self.account);
        object.effective_from(self.effective_from_ms);
        object.text("currency", self.currency.code());
        object.text_if("partner", self.partner.as_deref());
        object.text_if("tier", self.tier.as_deref());
        object.close(&self.origin);
    }
}

impl Rule<'_> {
    /// [`Record::canonical`] of a rules row.
    pub fn canonical(&self, out: &mut Vec<u8>) {
        self.write(&mut Object::open(out, Form::Canonical));
    }

    fn write(&self, object: &mut Object<'_>) {
        object.origin(&self.origin);
        object.text("rule", &self.rule);
        // It must be said, so 0 is no default.
        object.number("effective_from_ms", self.effective_from_ms);
        for (threshold, spelt) in self.kind.thresholds().iter().zip(&self.thresholds) {
            match spelt {
                Spelt::Whole(number) => object.number(threshold.name, *number),
                Spelt::Decimal(text) => object.text(threshold.name, text),
            }
        }
        object.text("action", self.action.name());
        object.close(&self.origin);
    }
}

impl Command<'_> {
    /// [`Record::canonical`] of a command.
    pub fn canonical(&self, out: &mut Vec<u8>) {
        self.write(&mut Object::open(out, Form::Canonical));
    }

    fn write(&self, object: &mut Object<'_>) {
        object.origin(&self.origin);
        object.text("command_id", &self.command_id);
        object.text("kind", self.kind.name());
        object.text("target", &self.target);
        object.text("actor", &self.actor);
        object.text("reason", &self.reason);
        object.number("at_ms", self.at_ms);
        if let Some(record) = &self.record {
            object.name("record");
            object.out.extend_from_slice(record.as_bytes());
        }
        object.close(&self.origin);
    }
}

/// Which spelling of a record is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// What makes the record this record: money in minor units.
    Canonical,
    /// All of it, as a provider would send it: money in decimals.
    Wire,
}

/// A compact JSON object while it is written.
struct Object<'o> {
    out: &'o mut Vec<u8>,
    form: Form,
    /// `{` before the first field, then `,`.
    before: u8,
}

impl<'o> Object<'o> {
    fn open(out: &'o mut Vec<u8>, form: Form) -> Self {
        // Room for most records at once.
        out.reserve(256);
        Self { out, form, before: b'{' }
    }

    /// What every record starts with.
    fn origin(&mut self, origin: &Origin<'_>) {
        self.text_if("tenant", said(&origin.tenant));
        self.text_if("provider", said(&origin.provider));
    }

    /// What every record ends with.
    fn close(&mut self, origin: &Origin<'_>) {
        if let (Form::Wire, Some(received_ms)) = (self.form, origin.received_ms) {
            self.number("received_ms", received_ms);
        }
        if origin.revision != 0 {
            self.name("revision");
            self.out.extend_from_slice(itoa::Buffer::new().format(origin.revision).as_bytes());
        }
        self.out.push(b'}');
    }

    fn effective_from(&mut self, effective_from_ms: u64) {
        if effective_from_ms != 0 {
            self.number("effective_from_ms", effective_from_ms);
        }
    }

    fn name(&mut self, name: &'static str) {
        self.out.extend_from_slice(&[std::mem::replace(&mut self.before, b','), b'"']);
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn literal(&mut self, name: &'static str, json: &'static str) {
        self.name(name);
        self.out.extend_from_slice(json.as_bytes());
    }

    fn number(&mut self, name: &'static str, number: u64) {
        self.name(name);
        self.out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }

    fn text(&mut self, name: &'static str, text: &str) {
        self.name(name);
        if plain(text.as_bytes()) == text.len() {
            self.quoted(|out| out.extend_from_slice(text.as_bytes()));
        } else {
            // Writing to a vector does not fail.
            let _ = serde_json::to_writer(&mut *self.out, text);
        }
    }

    fn text_if(&mut self, name: &'static str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    /// Money in a currency of its own.
    fn money(&mut self, name: &'static str, minor: i64, currency: Currency) {
        self.name(name);
        match self.form {
            Form::Canonical => self.out.extend_from_slice(itoa::Buffer::new().format(minor).as_bytes()),
            Form::Wire => self.quoted(|out| push_decimal(out, i128::from(minor), currency.exponent())),
        }
    }

    /// Money whose currency is the wager's, and with luck the outcome's: minor units where it says which.
    fn quantity(&mut self, name: &'static str, quantity: Option<Quantity>, currency: Option<Currency>) {
        let Some(quantity) = quantity else { return };
        self.name(name);
        match currency.and_then(|currency| quantity.minor(currency.exponent())) {
            Some(minor) if self.form == Form::Canonical => {
                self.out.extend_from_slice(itoa::Buffer::new().format(minor).as_bytes());
            }
            _ => self.quoted(|out| quantity.push(out)),
        }
    }

    fn quoted(&mut self, push: impl FnOnce(&mut Vec<u8>)) {
        self.out.push(b'"');
        push(self.out);
        self.out.push(b'"');
    }
}
