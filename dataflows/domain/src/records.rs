//! The records of the wire, version 1, as sound values: what [`crate::decode::decode`] makes of a line.
//!
//! Text borrows from the line wherever it holds no escapes. Money is in minor units of the record's currency.

use std::borrow::Cow;
use std::fmt;

use sha2::{Digest, Sha256};

use crate::currency::Currency;
use crate::decode::plain;
use crate::money::{Quantity, push_decimal};

/// What `tenant`, `provider` and `outcome_id` are unless said.
pub const UNSAID: &str = "-";

/// Text of a record: borrowed from its line unless the line spelt it with escapes. 1 to 128 bytes of UTF-8.
pub type Text<'a> = Cow<'a, str>;

/// The kinds of records, in the order in which equal clocks are merged.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Topic {
    /// Stakes accepted.
    Wagers,
    /// What became of them.
    Outcomes,
    /// Money in and out.
    Payments,
    /// Reference: what is known of games.
    Games,
    /// Reference: what is known of players' accounts.
    Accounts,
}

impl Topic {
    /// All topics, in order.
    pub const ALL: [Self; 5] = [Self::Wagers, Self::Outcomes, Self::Payments, Self::Games, Self::Accounts];

    /// The name of the topic and, with `.jsonl`, of its file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wagers => "wagers",
            Self::Outcomes => "outcomes",
            Self::Payments => "payments",
            Self::Games => "games",
            Self::Accounts => "accounts",
        }
    }

    /// The topic of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.name() == name)
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What every record carries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin<'a> {
    /// The operator whose books these are; `"-"` unless said.
    pub tenant: Text<'a>,
    /// Who sent the record; `"-"` unless said; always `"-"` for accounts.
    pub provider: Text<'a>,
    /// A higher revision replaces a lower one.
    pub revision: i64,
    /// When the record was received, milliseconds since 1970 UTC, where the line says so.
    pub received_ms: Option<u64>,
}

/// A wager: a stake accepted from a player for a round of a game.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wager<'a> {
    /// Tenant, provider, revision, receipt.
    pub origin: Origin<'a>,
    /// Identity within tenant and provider.
    pub wager_id: Text<'a>,
    /// The player.
    pub account: Text<'a>,
    /// The game.
    pub game: Text<'a>,
    /// Minor units, positive (zero too for a free round).
    pub stake: i64,
    /// Of stake and payout.
    pub currency: Currency,
    /// When it was placed.
    pub at_ms: u64,
    /// The round of the game.
    pub round: Option<Text<'a>>,
    /// Not paid for by the player; counts in no RTP.
    pub free_round: bool,
    /// Where it was placed.
    pub channel: Option<Text<'a>>,
    /// The build of the game.
    pub game_version: Option<Text<'a>>,
    /// The player's device.
    pub device: Option<Text<'a>>,
    /// The player's address.
    pub ip: Option<Text<'a>>,
    /// What it was paid with.
    pub payment_instrument: Option<Text<'a>>,
    /// The campaign it belongs to.
    pub campaign: Option<Text<'a>>,
    /// The player's balance after it, as the provider saw it, in minor units.
    pub balance_after: Option<i64>,
}

/// What an outcome does to its wager.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum OutcomeKind {
    /// Pays out (zero for a loss).
    Settle,
    /// Reverses the stake: the wager never was.
    Cancel,
    /// Takes the settle of its `outcome_id` back.
    Unsettle,
}

impl OutcomeKind {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Settle => "settle",
            Self::Cancel => "cancel",
            Self::Unsettle => "unsettle",
        }
    }

    /// The kind of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Settle, Self::Cancel, Self::Unsettle].into_iter().find(|kind| kind.name() == name)
    }
}

/// An outcome of a wager.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome<'a> {
    /// Tenant, provider, revision, receipt.
    pub origin: Origin<'a>,
    /// The wager it speaks of.
    pub wager_id: Text<'a>,
    /// Identity beside `wager_id`; `"-"` unless said, and always for a cancel.
    pub outcome_id: Text<'a>,
    /// What it does.
    pub kind: OutcomeKind,
    /// When it was so.
    pub at_ms: u64,
    /// Minor units of `currency`, never negative. Always there with a settle. (Elsewhere an echo without meaning;
    /// spelling only where there is no currency.)
    pub payout: Option<Quantity>,
    /// Always there with a settle.
    pub currency: Option<Currency>,
    /// Echo of the wager's.
    pub account: Option<Text<'a>>,
    /// Echo of the wager's.
    pub game: Option<Text<'a>>,
    /// Echo of the wager's, in the wager's currency.
    pub stake: Option<Quantity>,
    /// When the result was known.
    pub known_ms: Option<u64>,
    /// The player's balance after it, in the wager's currency.
    pub balance_after: Option<Quantity>,
}

/// What a payment is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum PaymentKind {
    /// Cashier to player.
    Deposit,
    /// Player to cashier.
    Withdrawal,
    /// By its sign, from or to the house's adjustments.
    Adjustment,
}

impl PaymentKind {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deposit => "deposit",
            Self::Withdrawal => "withdrawal",
            Self::Adjustment => "adjustment",
        }
    }

    /// The kind of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Deposit, Self::Withdrawal, Self::Adjustment].into_iter().find(|kind| kind.name() == name)
    }
}

/// A payment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Payment<'a> {
    /// Tenant, provider, revision, receipt.
    pub origin: Origin<'a>,
    /// Identity within tenant and provider.
    pub payment_id: Text<'a>,
    /// The player.
    pub account: Text<'a>,
    /// What it is.
    pub kind: PaymentKind,
    /// Minor units; negative only for an adjustment.
    pub amount: i64,
    /// Of the amount.
    pub currency: Currency,
    /// When it was made.
    pub at_ms: u64,
    /// `status` was `reversed`: it books its entry and the reversing one.
    pub reversed: bool,
    /// What it was paid with.
    pub payment_instrument: Option<Text<'a>>,
    /// The player's balance after it, minor units.
    pub balance_after: Option<i64>,
}

/// What is known of a game from a time on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Game<'a> {
    /// Tenant, provider, revision, receipt.
    pub origin: Origin<'a>,
    /// The game.
    pub game: Text<'a>,
    /// In force for wagers placed from here on.
    pub effective_from_ms: u64,
    /// Decimal string, as spelt: what it pays back in the long run.
    pub rtp_theoretical: Text<'a>,
    /// The kind of game.
    pub category: Option<Text<'a>>,
    /// Decimal string: standard deviation of the payout of one unit stake.
    pub volatility: Option<Text<'a>>,
    /// Decimal string: the most it pays, as a multiple of the stake.
    pub payout_max: Option<Text<'a>>,
    /// How long after a wager its result is due.
    pub result_due_ms: Option<u64>,
}

/// What is known of a player's account from a time on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account<'a> {
    /// Tenant, revision, receipt; the provider is always `"-"`.
    pub origin: Origin<'a>,
    /// The player.
    pub account: Text<'a>,
    /// In force from here on.
    pub effective_from_ms: u64,
    /// The player's usual currency.
    pub currency: Currency,
    /// The partner who brought the player.
    pub partner: Option<Text<'a>>,
    /// The player's tier.
    pub tier: Option<Text<'a>>,
}

/// A sound record of any topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Record<'a> {
    /// A stake accepted.
    Wager(Wager<'a>),
    /// What became of it.
    Outcome(Outcome<'a>),
    /// Money in or out.
    Payment(Payment<'a>),
    /// Reference.
    Game(Game<'a>),
    /// Reference.
    Account(Account<'a>),
}

impl<'a> Record<'a> {
    /// Of which topic it is.
    pub fn topic(&self) -> Topic {
        match self {
            Self::Wager(_) => Topic::Wagers,
            Self::Outcome(_) => Topic::Outcomes,
            Self::Payment(_) => Topic::Payments,
            Self::Game(_) => Topic::Games,
            Self::Account(_) => Topic::Accounts,
        }
    }

    /// Tenant, provider, revision, receipt.
    pub fn origin(&self) -> &Origin<'a> {
        match self {
            Self::Wager(wager) => &wager.origin,
            Self::Outcome(outcome) => &outcome.origin,
            Self::Payment(payment) => &payment.origin,
            Self::Game(game) => &game.origin,
            Self::Account(account) => &account.origin,
        }
    }

    /// What rejects call it within topic, tenant and provider.
    pub fn id(&self) -> Cow<'_, str> {
        match self {
            Self::Wager(wager) => Cow::Borrowed(&wager.wager_id),
            Self::Outcome(outcome) => outcome.id(),
            Self::Payment(payment) => Cow::Borrowed(&payment.payment_id),
            Self::Game(game) => Cow::Borrowed(&game.game),
            Self::Account(account) => Cow::Borrowed(&account.account),
        }
    }

    /// When it happened, milliseconds since 1970 UTC; `None` for reference rows, which do not happen.
    pub fn at_ms(&self) -> Option<u64> {
        match self {
            Self::Wager(wager) => Some(wager.at_ms),
            Self::Outcome(outcome) => Some(outcome.at_ms),
            Self::Payment(payment) => Some(payment.at_ms),
            Self::Game(_) | Self::Account(_) => None,
        }
    }

    /// When it was received, in a replay: `received_ms`, else when it happened.
    pub fn receipt_ms(&self) -> Option<u64> {
        self.origin().received_ms.or_else(|| self.at_ms())
    }

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
    /// What rejects call it: its wager's id, with `/outcome_id` where it has one.
    pub fn id(&self) -> Cow<'_, str> {
        outcome_id(&self.wager_id, &self.outcome_id)
    }

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

/// SHA-256: of canonical content, or of the raw bytes of a line that has none.
pub fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// A digest in lower-case hexadecimal, as outputs spell it.
pub fn hex(digest: &[u8; 32]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let nibbles = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    nibbles.map(|nibble| char::from(DIGITS[usize::from(nibble)])).collect()
}

/// What rejects call an outcome.
pub(crate) fn outcome_id<'b>(wager_id: &'b str, outcome_id: &str) -> Cow<'b, str> {
    match said(outcome_id) {
        Some(outcome_id) => Cow::Owned(format!("{wager_id}/{outcome_id}")),
        None => Cow::Borrowed(wager_id),
    }
}

/// The text, where it is not the default.
fn said(text: &str) -> Option<&str> {
    (text != UNSAID).then_some(text)
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
