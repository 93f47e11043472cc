//! Records as bytes: how they travel between workers and rest in state.
//!
//! ```text
//! flags u16 │ position u64 │ content … │ claim (digits i64, scale u8), where the flags say so
//! ```
//! Two records are equal in canonical content exactly where their flags (but for the claim's) and content bytes are:
//! position and claim (`balance_after`) stand outside. Little-endian; text as its length in one byte and its bytes
//! (an absent or default text has length 0: sound text is never empty).

use std::borrow::Cow;

use gyre_domain::anomaly::{AnomalyKind, Takes};
use gyre_domain::cause::Cause;
use gyre_domain::commands::{Command, CommandKind};
use gyre_domain::currency::Currency;
use gyre_domain::money::Quantity;
use gyre_domain::records::{
    Account, Action, Game, Origin, Outcome, OutcomeKind, Payment, PaymentKind, Record, Rule, Spelt, Text,
    Topic, Wager,
};

mod kept;

pub use kept::{Kept, Known};

/// The record carries the player's balance as the provider saw it.
pub const CLAIM: u16 = 1;
/// The record's revision is not 0.
const REVISION: u16 = 2;
/// The wager is a free round.
pub const FREE: u16 = 4;
/// The payment was reversed.
const REVERSED: u16 = 4;
/// The outcome echoes account, game or stake.
pub const ECHO: u16 = 8;
/// The outcome says when its result was known.
pub const KNOWN: u16 = 16;
/// The outcome has a payout.
const PAYOUT: u16 = 32;
/// The wager names its round, a device or a payment instrument.
pub const TIED: u16 = 32;
/// The outcome has a currency.
const CURRENCY: u16 = 64;
/// The outcome echoes the stake.
const STAKE: u16 = 128;
/// The games row says when results are due.
const DUE: u16 = 32;
/// Where the kind of an outcome or payment stands in the flags.
const KIND_SHIFT: u16 = 12;

/// Bytes before the content.
const HEADER: usize = 10;
/// Bytes of a claim behind the content.
const CLAIM_BYTES: usize = 9;

/// Writes a record behind `out`.
pub fn pack(record: &Record<'_>, position: u64, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; 2]);
    out.extend_from_slice(&position.to_le_bytes());
    let mut writer = Writer { out, flags: 0 };
    let claim = match record {
        Record::Wager(wager) => writer.wager(wager),
        Record::Outcome(outcome) => writer.outcome(outcome),
        Record::Payment(payment) => writer.payment(payment),
        Record::Game(game) => writer.game(game),
        Record::Account(account) => writer.account(account),
        Record::Rule(rule) => writer.rule(rule),
        Record::Command(command) => writer.command(command),
    };
    if let Some(claim) = claim {
        writer.flags |= CLAIM;
        writer.quantity(claim);
    }
    let flags = writer.flags;
    out[start..start + 2].copy_from_slice(&flags.to_le_bytes());
}

struct Writer<'o> {
    out: &'o mut Vec<u8>,
    flags: u16,
}

impl Writer<'_> {
    fn number(&mut self, number: u64) {
        self.out.extend_from_slice(&number.to_le_bytes());
    }

    fn quantity(&mut self, quantity: Quantity) {
        self.out.extend_from_slice(&quantity.digits.to_le_bytes());
        self.out.push(quantity.scale);
    }

    fn text(&mut self, text: &str) {
        debug_assert!(text.len() <= 128, "sound text has at most 128 bytes");
        self.out.push(text.len() as u8);
        self.out.extend_from_slice(text.as_bytes());
    }

    fn optional(&mut self, text: &Option<Text<'_>>) {
        self.text(text.as_deref().unwrap_or(""));
    }

    fn defaulted(&mut self, text: &str) {
        self.text(if text == "-" { "" } else { text });
    }

    fn origin(&mut self, origin: &Origin<'_>) {
        if origin.revision != 0 {
            self.flags |= REVISION;
            self.number(origin.revision as u64);
        }
        self.defaulted(&origin.tenant);
        self.defaulted(&origin.provider);
    }

    fn currency(&mut self, currency: Currency) {
        self.number(u64::from_le_bytes(currency.to_bytes()));
    }

    fn wager(&mut self, wager: &Wager<'_>) -> Option<Quantity> {
        self.origin(&wager.origin);
        self.text(&wager.wager_id);
        self.text(&wager.account);
        self.text(&wager.game);
        self.number(wager.stake as u64);
        self.currency(wager.currency);
        self.number(wager.at_ms);
        if wager.free_round {
            self.flags |= FREE;
        }
        if wager.round.is_some() || wager.device.is_some() || wager.payment_instrument.is_some() {
            self.flags |= TIED;
        }
        for text in [
            &wager.round,
            &wager.channel,
            &wager.game_version,
            &wager.device,
            &wager.ip,
            &wager.payment_instrument,
            &wager.campaign,
        ] {
            self.optional(text);
        }
        wager.balance_after.map(|digits| Quantity { digits, scale: wager.currency.exponent() })
    }

    fn outcome(&mut self, outcome: &Outcome<'_>) -> Option<Quantity> {
        self.flags |= (outcome.kind as u16) << KIND_SHIFT;
        self.origin(&outcome.origin);
        self.text(&outcome.wager_id);
        self.defaulted(&outcome.outcome_id);
        self.number(outcome.at_ms);
        if let Some(payout) = outcome.payout {
            self.flags |= PAYOUT;
            self.quantity(payout);
        }
        if let Some(currency) = outcome.currency {
            self.flags |= CURRENCY;
            self.currency(currency);
        }
        self.optional(&outcome.account);
        self.optional(&outcome.game);
        if let Some(stake) = outcome.stake {
            self.flags |= STAKE;
            self.quantity(stake);
        }
        if outcome.account.is_some() || outcome.game.is_some() || outcome.stake.is_some() {
            self.flags |= ECHO;
        }
        if let Some(known_ms) = outcome.known_ms {
            self.flags |= KNOWN;
            self.number(known_ms);
        }
        outcome.balance_after
    }

    fn payment(&mut self, payment: &Payment<'_>) -> Option<Quantity> {
        self.flags |= (payment.kind as u16) << KIND_SHIFT;
        self.origin(&payment.origin);
        self.text(&payment.payment_id);
        self.text(&payment.account);
        self.number(payment.amount as u64);
        self.currency(payment.currency);
        self.number(payment.at_ms);
        if payment.reversed {
            self.flags |= REVERSED;
        }
        self.optional(&payment.payment_instrument);
        payment.balance_after.map(|digits| Quantity { digits, scale: payment.currency.exponent() })
    }

    fn game(&mut self, game: &Game<'_>) -> Option<Quantity> {
        self.origin(&game.origin);
        self.text(&game.game);
        self.number(game.effective_from_ms);
        self.text(&game.rtp_theoretical);
        for text in [&game.category, &game.volatility, &game.payout_max] {
            self.optional(text);
        }
        if let Some(due_ms) = game.result_due_ms {
            self.flags |= DUE;
            self.number(due_ms);
        }
        None
    }

    fn long(&mut self, text: &str) {
        self.out.extend_from_slice(&(text.len() as u32).to_le_bytes());
        self.out.extend_from_slice(text.as_bytes());
    }

    fn command(&mut self, command: &Command<'_>) -> Option<Quantity> {
        self.flags |= (command.kind as u16) << KIND_SHIFT;
        self.origin(&command.origin);
        self.text(&command.command_id);
        self.number(command.at_ms);
        self.long(&command.target);
        self.text(&command.actor);
        self.long(&command.reason);
        self.long(command.record.as_deref().unwrap_or(""));
        None
    }

    fn account(&mut self, account: &Account<'_>) -> Option<Quantity> {
        self.origin(&account.origin);
        self.text(&account.account);
        self.number(account.effective_from_ms);
        self.currency(account.currency);
        self.optional(&account.partner);
        self.optional(&account.tier);
        None
    }

    fn rule(&mut self, rule: &Rule<'_>) -> Option<Quantity> {
        self.flags |= (rule.action as u16) << KIND_SHIFT;
        self.origin(&rule.origin);
        self.text(&rule.rule);
        self.number(rule.effective_from_ms);
        for spelt in &rule.thresholds {
            match spelt {
                Spelt::Whole(number) => self.number(*number),
                Spelt::Decimal(text) => self.text(text),
            }
        }
        None
    }
}

/// Writes behind a command what its record is as a record of each topic, in their order: packed, or the check that it
/// fails.
pub fn pack_amended<'r>(out: &mut Vec<u8>, mut read: impl FnMut(Topic) -> Result<Record<'r>, Cause>) {
    for topic in AMENDABLE {
        match read(topic) {
            Ok(record) => {
                let start = out.len();
                out.extend_from_slice(&[SOUND, 0, 0, 0, 0]);
                pack(&record, 0, out);
                let length = (out.len() - start - 5) as u32;
                out[start + 1..start + 5].copy_from_slice(&length.to_le_bytes());
            }
            Err(cause) => out.extend_from_slice(&[cause as u8, 0, 0, 0, 0]),
        }
    }
}

/// The topics whose records commands amend.
const AMENDABLE: [Topic; 6] =
    [Topic::Wagers, Topic::Outcomes, Topic::Payments, Topic::Games, Topic::Accounts, Topic::Rules];
/// Where no check is failed.
const SOUND: u8 = u8::MAX;

/// A record as bytes.
#[derive(Clone, Copy)]
pub struct Packed<'a>(pub &'a [u8]);

impl<'a> Packed<'a> {
    /// What the record carries beside its required fields.
    pub fn flags(self) -> u16 {
        u16::from_le_bytes([self.0[0], self.0[1]])
    }

    /// Where the record came from: partition in the upper 16 bits, line or offset in the lower 48.
    pub fn position(self) -> u64 {
        u64::from_le_bytes(fixed(&self.0[2..HEADER]))
    }

    /// Everything by which records are equal but for the flags.
    fn content(self) -> &'a [u8] {
        let claim = if self.flags() & CLAIM == 0 { 0 } else { CLAIM_BYTES };
        &self.0[HEADER..self.0.len() - claim]
    }

    /// The player's balance after the record, as the provider saw it.
    pub fn claim(self) -> Option<Quantity> {
        (self.flags() & CLAIM != 0).then(|| Reader(&self.0[self.0.len() - CLAIM_BYTES..]).quantity())
    }

    /// The same record as a copy of it came: from `position`, with `claim`.
    pub fn copy(self, position: u64, claim: Option<Quantity>) -> Vec<u8> {
        let flags = if claim.is_some() { self.flags() | CLAIM } else { self.flags() & !CLAIM };
        let mut out = Vec::with_capacity(self.0.len() + CLAIM_BYTES);
        out.extend_from_slice(&flags.to_le_bytes());
        out.extend_from_slice(&position.to_le_bytes());
        out.extend_from_slice(self.content());
        if let Some(claim) = claim {
            Writer { out: &mut out, flags }.quantity(claim);
        }
        out
    }

    /// Whether two records of one topic have the same canonical content.
    pub fn same_content(self, other: Packed<'_>) -> bool {
        self.flags() | CLAIM == other.flags() | CLAIM && self.content() == other.content()
    }

    fn origin(self, reader: &mut Reader<'a>, provided: bool) -> Origin<'a> {
        let revision = if self.flags() & REVISION == 0 { 0 } else { reader.number() as i64 };
        let tenant = reader.defaulted();
        let provider = reader.defaulted();
        debug_assert!(provided || provider == "-", "accounts and rules have no provider");
        Origin { tenant, provider, revision, received_ms: None }
    }

    fn kind(self) -> u16 {
        self.flags() >> KIND_SHIFT
    }

    /// The wager that was packed.
    pub fn wager(self) -> Wager<'a> {
        let mut reader = Reader(&self.0[HEADER..]);
        Wager {
            origin: self.origin(&mut reader, true),
            wager_id: reader.text(),
            account: reader.text(),
            game: reader.text(),
            stake: reader.number() as i64,
            currency: reader.currency(),
            at_ms: reader.number(),
            free_round: self.flags() & FREE != 0,
            round: reader.optional(),
            channel: reader.optional(),
            game_version: reader.optional(),
            device: reader.optional(),
            ip: reader.optional(),
            payment_instrument: reader.optional(),
            campaign: reader.optional(),
            balance_after: self.claim().map(|claim| claim.digits),
        }
    }

    /// The outcome that was packed.
    pub fn outcome(self) -> Outcome<'a> {
        let mut reader = Reader(&self.0[HEADER..]);
        let flags = self.flags();
        let kind = match self.kind() {
            0 => OutcomeKind::Settle,
            1 => OutcomeKind::Cancel,
            _ => OutcomeKind::Unsettle,
        };
        Outcome {
            origin: self.origin(&mut reader, true),
            wager_id: reader.text(),
            outcome_id: reader.defaulted(),
            kind,
            at_ms: reader.number(),
            payout: (flags & PAYOUT != 0).then(|| reader.quantity()),
            currency: (flags & CURRENCY != 0).then(|| reader.currency()),
            account: reader.optional(),
            game: reader.optional(),
            stake: (flags & STAKE != 0).then(|| reader.quantity()),
            known_ms: (flags & KNOWN != 0).then(|| reader.number()),
            balance_after: self.claim(),
        }
    }

    /// The payment that was packed.
    pub fn payment(self) -> Payment<'a> {
        let mut reader = Reader(&self.0[HEADER..]);
        let kind = match self.kind() {
            0 => PaymentKind::Deposit,
            1 => PaymentKind::Withdrawal,
            _ => PaymentKind::Adjustment,
        };
        Payment {
            origin: self.origin(&mut reader, true),
            payment_id: reader.text(),
            account: reader.text(),
            kind,
            amount: reader.number() as i64,
            currency: reader.currency(),
            at_ms: reader.number(),
            reversed: self.flags() & REVERSED != 0,
            payment_instrument: reader.optional(),
            balance_after: self.claim().map(|claim| claim.digits),
        }
    }

    /// The games row that was packed.
    pub fn game(self) -> Game<'a> {
        let mut reader = Reader(&self.0[HEADER..]);
        Game {
            origin: self.origin(&mut reader, true),
            game: reader.text(),
            effective_from_ms: reader.number(),
            rtp_theoretical: reader.text(),
            category: reader.optional(),
            volatility: reader.optional(),
            payout_max: reader.optional(),
            result_due_ms: (self.flags() & DUE != 0).then(|| reader.number()),
        }
    }

    /// The accounts row that was packed.
    pub fn account(self) -> Account<'a> {
        let mut reader = Reader(&self.0[HEADER..]);
        Account {
            origin: self.origin(&mut reader, false),
            account: reader.text(),
            effective_from_ms: reader.number(),
            currency: reader.currency(),
            partner: reader.optional(),
            tier: reader.optional(),
        }
    }

    /// The rules row that was packed.
    pub fn rule(self) -> Rule<'a> {
        let mut reader = Reader(&self.0[HEADER..]);
        let (origin, rule) = (self.origin(&mut reader, false), reader.text());
        let effective_from_ms = reader.number();
        // Only what names a kind was packed.
        let kind = AnomalyKind::from_name(Rule::parts(&rule).0).unwrap_or(AnomalyKind::Conflict);
        let thresholds = kind.thresholds().iter().map(|threshold| match threshold.takes {
            Takes::Whole { .. } => Spelt::Whole(reader.number()),
            Takes::Decimal { .. } => Spelt::Decimal(reader.text()),
        });
        let thresholds = thresholds.collect();
        let action = if self.kind() == Action::Hold as u16 { Action::Hold } else { Action::Flag };
        Rule { origin, rule, effective_from_ms, kind, thresholds, action }
    }

    fn command_and_rest(self) -> (Command<'a>, Reader<'a>) {
        let mut reader = Reader(&self.0[HEADER..]);
        let command = Command {
            origin: self.origin(&mut reader, true),
            command_id: reader.text(),
            kind: CommandKind::ALL[usize::from(self.kind()) % CommandKind::ALL.len()],
            at_ms: reader.number(),
            target: reader.long(),
            actor: reader.text(),
            reason: reader.long(),
            record: Some(reader.long()).filter(|record| !record.is_empty()),
        };
        (command, reader)
    }

    /// The command that was packed.
    pub fn command(self) -> Command<'a> {
        self.command_and_rest().0
    }

    /// What a command's record is as a record of a topic, at position 0; or the check that it fails.
    pub fn amended(self, topic: Topic) -> Result<Packed<'a>, Cause> {
        let mut rest = self.command_and_rest().1.0;
        let mut read = Err(Cause::Malformed);
        for of in AMENDABLE {
            let Some((&cause, after)) = rest.split_first() else { return read };
            let (length, after) = after.split_at(4);
            let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]) as usize;
            let (packed, after) = after.split_at(length);
            if of == topic {
                let failed = Cause::ALL.get(usize::from(cause)).copied();
                read = failed.map_or(Ok(Packed(packed)), Err);
            }
            rest = after;
        }
        read
    }

    /// The record of a topic that was packed.
    pub fn record(self, topic: Topic) -> Record<'a> {
        match topic {
            Topic::Wagers => Record::Wager(self.wager()),
            Topic::Outcomes => Record::Outcome(self.outcome()),
            Topic::Payments => Record::Payment(self.payment()),
            Topic::Games => Record::Game(self.game()),
            Topic::Accounts => Record::Account(self.account()),
            Topic::Rules => Record::Rule(self.rule()),
            Topic::Commands => Record::Command(self.command()),
        }
    }

    /// The texts at the head of every record's content: tenant, provider and what follows, as raw bytes.
    /// For a wager: tenant, provider, wager, account, game. Default texts are `"-"`.
    pub fn leading_texts<const N: usize>(self) -> [&'a [u8]; N] {
        let mut reader = Reader(&self.0[HEADER..]);
        if self.flags() & REVISION != 0 {
            reader.number();
        }
        std::array::from_fn(|index| {
            let text = reader.bytes();
            if index < 2 && text.is_empty() { b"-" } else { text }
        })
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn number(&mut self) -> u64 {
        let (number, rest) = self.0.split_at(8);
        self.0 = rest;
        u64::from_le_bytes(fixed(number))
    }

    fn quantity(&mut self) -> Quantity {
        let digits = self.number() as i64;
        let scale = self.0[0];
        self.0 = &self.0[1..];
        Quantity { digits, scale }
    }

    fn currency(&mut self) -> Currency {
        Currency::from_bytes(self.number().to_le_bytes())
    }

    fn bytes(&mut self) -> &'a [u8] {
        let (text, rest) = self.0[1..].split_at(usize::from(self.0[0]));
        self.0 = rest;
        text
    }

    fn skip_texts(&mut self, texts: usize) {
        for _ in 0..texts {
            self.bytes();
        }
    }

    fn long(&mut self) -> Text<'a> {
        let (length, rest) = self.0.split_at(4);
        let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]) as usize;
        let (text, rest) = rest.split_at(length);
        self.0 = rest;
        String::from_utf8_lossy(text)
    }

    fn text(&mut self) -> Text<'a> {
        Self::shown(self.bytes())
    }

    fn shown(bytes: &'a [u8]) -> Text<'a> {
        // Only sound text was packed; were memory ever damaged, the text shows it instead of the job ending.
        std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
    }

    fn optional(&mut self) -> Option<Text<'a>> {
        let text = self.text();
        (!text.is_empty()).then_some(text)
    }

    fn defaulted(&mut self) -> Text<'a> {
        self.optional().unwrap_or(Cow::Borrowed("-"))
    }
}

fn fixed(bytes: &[u8]) -> [u8; 8] {
    bytes.try_into().expect("eight bytes were split off")
}
