//! The records of the wire, version 1, as sound values: what [`crate::decode::decode`] makes of a line.
//!
//! Text borrows from the line wherever it holds no escapes. Money is in minor units of the record's currency.

use std::borrow::Cow;
use std::fmt;

use sha2::{Digest, Sha256};

use crate::anomaly::{AnomalyKind, Bounds};
use crate::commands::Command;
use crate::currency::Currency;
use crate::money::Quantity;

mod writing;

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
    /// Reference: from where on something is an anomaly.
    Rules,
    /// What people decide about records and money.
    Commands,
}

impl Topic {
    /// All topics, in order.
    pub const ALL: [Self; 7] = [
        Self::Wagers,
        Self::Outcomes,
        Self::Payments,
        Self::Games,
        Self::Accounts,
        Self::Rules,
        Self::Commands,
    ];

    /// The name of the topic and, with `.jsonl`, of its file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wagers => "wagers",
            Self::Outcomes => "outcomes",
            Self::Payments => "payments",
            Self::Games => "games",
            Self::Accounts => "accounts",
            Self::Rules => "rules",
            Self::Commands => "commands",
        }
    }

    /// Whether its rows are in force from a time on, and are read before what they judge.
    pub const fn is_reference(self) -> bool {
        matches!(self, Self::Games | Self::Accounts | Self::Rules)
    }

    /// Whether its records are the tenant's, whoever provides the games.
    pub const fn is_of_tenant(self) -> bool {
        matches!(self, Self::Accounts | Self::Rules)
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
    /// Who sent the record; `"-"` unless said; always `"-"` for accounts and rules.
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

/// What a rule does about an anomaly.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Action {
    /// Tells it.
    Flag,
    /// Holds payouts too, while it stands.
    Hold,
}

impl Action {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Hold => "hold",
        }
    }

    /// The action of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Flag, Self::Hold].into_iter().find(|action| action.name() == name)
    }
}

/// A threshold as a rules row spells it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Spelt<'a> {
    /// A whole number.
    Whole(u64),
    /// Decimal string, as spelt.
    Decimal(Text<'a>),
}

/// From where on something is an anomaly of a kind, for a tenant, from a time on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule<'a> {
    /// Tenant, revision, receipt; the provider is always `"-"`.
    pub origin: Origin<'a>,
    /// The name of its kind, and perhaps `/` and a version.
    pub rule: Text<'a>,
    /// In force from here on.
    pub effective_from_ms: u64,
    /// What it judges.
    pub kind: AnomalyKind,
    /// In the order of its kind's.
    pub thresholds: Vec<Spelt<'a>>,
    /// What it does.
    pub action: Action,
}

impl Rule<'_> {
    /// The kind's name and, where there is one, the version in the text of a rule.
    pub fn parts(rule: &str) -> (&str, Option<&str>) {
        rule.split_once('/').map_or((rule, None), |(kind, version)| (kind, Some(version)))
    }

    /// Its thresholds, as numbers.
    pub fn bounds(&self) -> Bounds {
        let mut bounds = Bounds::default();
        for ((bound, spelt), threshold) in bounds.iter_mut().zip(&self.thresholds).zip(self.kind.thresholds())
        {
            *bound = match spelt {
                Spelt::Whole(number) => *number,
                Spelt::Decimal(text) => threshold.takes.read(text).unwrap_or_default(),
            };
        }
        bounds
    }

    /// What anomalies say they were judged by.
    pub fn version(&self) -> String {
        let mut version = match Self::parts(&self.rule) {
            (_, Some(_)) => self.rule.to_string(),
            (kind, None) => format!("{kind}/{}", self.effective_from_ms),
        };
        if self.origin.revision > 0 {
            version.push_str(&format!(".{}", self.origin.revision));
        }
        version
    }
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
    /// Reference.
    Rule(Rule<'a>),
    /// What somebody decided.
    Command(Command<'a>),
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
            Self::Rule(_) => Topic::Rules,
            Self::Command(_) => Topic::Commands,
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
            Self::Rule(rule) => &rule.origin,
            Self::Command(command) => &command.origin,
        }
    }

    /// The same record under another revision.
    pub fn at_revision(mut self, revision: i64) -> Self {
        let origin = match &mut self {
            Self::Wager(wager) => &mut wager.origin,
            Self::Outcome(outcome) => &mut outcome.origin,
            Self::Payment(payment) => &mut payment.origin,
            Self::Game(game) => &mut game.origin,
            Self::Account(account) => &mut account.origin,
            Self::Rule(rule) => &mut rule.origin,
            Self::Command(command) => &mut command.origin,
        };
        origin.revision = revision;
        self
    }

    /// What rejects call it within topic, tenant and provider.
    pub fn id(&self) -> Cow<'_, str> {
        match self {
            Self::Wager(wager) => Cow::Borrowed(&wager.wager_id),
            Self::Outcome(outcome) => outcome.id(),
            Self::Payment(payment) => Cow::Borrowed(&payment.payment_id),
            Self::Game(game) => Cow::Borrowed(&game.game),
            Self::Account(account) => Cow::Borrowed(&account.account),
            Self::Rule(rule) => Cow::Borrowed(&rule.rule),
            Self::Command(command) => Cow::Borrowed(&command.command_id),
        }
    }

    /// When it happened, milliseconds since 1970 UTC; `None` for reference rows, which do not happen.
    pub fn at_ms(&self) -> Option<u64> {
        match self {
            Self::Wager(wager) => Some(wager.at_ms),
            Self::Outcome(outcome) => Some(outcome.at_ms),
            Self::Payment(payment) => Some(payment.at_ms),
            Self::Command(command) => Some(command.at_ms),
            Self::Game(_) | Self::Account(_) | Self::Rule(_) => None,
        }
    }

    /// When it was received, in a replay: `received_ms`, else when it happened.
    pub fn receipt_ms(&self) -> Option<u64> {
        self.origin().received_ms.or_else(|| self.at_ms())
    }
}

impl Outcome<'_> {
    /// What rejects call it: its wager's id, with `/outcome_id` where it has one.
    pub fn id(&self) -> Cow<'_, str> {
        outcome_id(&self.wager_id, &self.outcome_id)
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
