//! Intake: lines are decoded, admitted and filed under their wager or payment.
//!
//! A block is decoded whole before it is admitted, so its keys' places in the table can be asked for ahead. A key of one
//! wager and at most one plain settle is a slot; of any other key only the numbers of its lines are kept.

use std::io;

use gyre_dataflows::rows::records::Aside;
use gyre_domain::cause::Cause;
use gyre_domain::currency::Currencies;
use gyre_domain::decode::{Fault, UnknownFields, decode};
use gyre_domain::records::{
    Outcome, OutcomeKind, Payment, PaymentKind, Record, Topic, UNSAID, Wager, digest,
};
use gyre_domain::rules::Rules;

use crate::lines::{Block, Lines};
use crate::names::Names;
use crate::rows::{Rows, reject, reject_record};
use crate::slot::{
    ADJUSTMENT, CLAIM, FREE, LATE, LONG, MANY, REVERSED, SETTLE_CLAIM, SETTLED, Slot, WITHDRAWAL,
};
use crate::table::{NUMBERS_MAX, Secret, Slab, Table, prefetch, short_text};

const AHEAD: usize = 24;

/// A record on its way to its slot.
struct Pending {
    hash: u64,
    slot: Slot,
    account_hash: u64,
    /// The id in the scratch, behind it the round and the account.
    text: u32,
    id_bytes: u8,
    round_bytes: u8,
    account_bytes: u8,
    kind: Kind,
    /// Its line within the block.
    at: u16,
    /// The number of its echoes, from 1.
    extra: u16,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Fits a slot.
    Simple,
    /// Goes to a list.
    Listed,
    /// Was not admitted.
    Void,
}

/// Records of one topic with what their keys come to.
#[derive(Default)]
pub struct Filed {
    pub slots: Slab<Slot>,
    table: Table,
    /// Balances that records say, by slot; 1 for a settle's.
    pub claims: Vec<(u32, u8, i64)>,
}

/// Lines of one key: whether they are outcomes, and their numbers.
pub type List = Vec<(bool, u32)>;

/// See the module.
pub struct Intake {
    pub rules: Rules,
    pub currencies: Currencies,
    pub names: Names,
    pub wagers: Filed,
    pub payments: Filed,
    pub lists: Vec<List>,
    /// When the results of late wagers were known, by slot.
    pub late: Vec<(u32, u64)>,
    pub rejects: Rows,
    pub anomalies: Rows,
    pub duplicates: u64,
    pub records: [u64; Topic::ALL.len()],
    pub blank: u64,
    pub unknown: UnknownFields,
    pub ticks: Option<(u64, u64)>,
    clock: Option<u64>,
    pending: Vec<Pending>,
    receipts: Vec<u64>,
    scratch: Vec<u8>,
}

impl Intake {
    pub fn new(rules: Rules, currencies: Currencies) -> Self {
        Self {
            rules,
            currencies,
            names: Names::new(Secret::random()),
            wagers: Filed::default(),
            payments: Filed::default(),
            lists: Vec::new(),
            late: Vec::new(),
            rejects: Rows::default(),
            anomalies: Rows::default(),
            duplicates: 0,
            records: [0; Topic::ALL.len()],
            blank: 0,
            unknown: UnknownFields::default(),
            ticks: None,
            clock: None,
            pending: Vec::new(),
            receipts: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// Takes a file of wagers, outcomes or payments in.
    pub fn file(&mut self, lines: &mut Lines) -> io::Result<()> {
        self.clock = None;
        while let Some(block) = lines.next_block()? {
            let echoes = self.decode(&block);
            self.name_accounts(block.topic);
            self.admit(&block);
            match block.topic {
                Topic::Wagers => self.file_wagers(),
                Topic::Outcomes => self.file_outcomes(&echoes),
                _ => self.file_payments(),
            }
            let is_full = self.wagers.slots.len().max(self.payments.slots.len()) as u32 > NUMBERS_MAX - 1_000;
            if is_full || self.names.realms.len() > 1 << 21 || self.names.currencies.len() > 1_000 {
                return Err(io::Error::other("more wagers, tenants or currencies than can be numbered"));
            }
        }
        Ok(())
    }

    /// Decodes a line, unless it is blank; what is no sound record is set aside. Inlined, so that a record is built where
    /// it is used.
    #[inline(always)]
    pub fn decode_line<'a>(
        &mut self,
        block: &Block<'a>,
        at: usize,
    ) -> Option<Result<Record<'a>, Box<Fault>>> {
        let line = block.line(at);
        if line.iter().all(u8::is_ascii_whitespace) {
            self.blank += 1;
            return None;
        }
        self.records[block.topic as usize] += 1;
        let decoded = match line.len() {
            0..=LINE_BYTES_MAX => decode(block.topic, line, &self.currencies, &mut self.unknown),
            _ => Err(Fault::oversize(digest(line))),
        };
        if let Err(fault) = &decoded {
            self.set_aside(block, at, fault);
        }
        Some(decoded)
    }

    #[cold]
    fn set_aside(&mut self, block: &Block<'_>, at: usize, fault: &Fault) {
        let line = block.line(at);
        let kept = if line.len() > LINE_BYTES_MAX { &line[..OVERSIZE_BYTES_KEPT] } else { line };
        let aside = Aside {
            topic: block.topic,
            tenant: &fault.tenant,
            provider: &fault.provider,
            id: fault.id.as_deref(),
            cause: fault.cause,
            digest: &fault.digest,
            position: u64::from(block.first) + at as u64,
            raw: Some(kept),
        };
        reject(&mut self.rejects, &aside);
    }

    /// Decodes a block into `pending`; gives the outcomes that say more than a plain settle does.
    fn decode<'a>(&mut self, block: &Block<'a>) -> Vec<Outcome<'a>> {
        self.pending.clear();
        self.receipts.clear();
        self.scratch.clear();
        let mut echoes = Vec::new();
        for at in 0..block.len() {
            let decoded = self.decode_line(block, at);
            let receipt = match &decoded {
                Some(Ok(record)) => record.receipt_ms(),
                Some(Err(fault)) => fault.receipt_ms,
                None => None,
            };
            self.receipts.push(receipt.unwrap_or(0));
            let mut pending = match &decoded {
                Some(Ok(Record::Wager(wager))) => self.pend_wager(wager),
                Some(Ok(Record::Outcome(outcome))) => self.pend_outcome(outcome),
                Some(Ok(Record::Payment(payment))) => self.pend_payment(payment),
                _ => continue,
            };
            pending.at = at as u16;
            pending.slot.line = block.first + at as u32;
            if let Some(Ok(Record::Outcome(outcome))) = decoded
                && pending.kind == Kind::Simple
                && says_more(&outcome)
            {
                echoes.push(outcome);
                pending.extra = echoes.len() as u16;
            }
            self.pending.push(pending);
        }
        echoes
    }

    #[inline]
    fn pend(&mut self, realm: u32, texts: [&str; 3], kind: Kind, slot: Slot) -> Pending {
        let text = self.scratch.len() as u32;
        texts.iter().for_each(|text| self.scratch.extend_from_slice(text.as_bytes()));
        let [id, round, account] = texts;
        Pending {
            hash: self.names.secret.hash(realm, id.as_bytes()),
            slot,
            account_hash: self.names.account_hash(realm, account, slot.currency()),
            text,
            id_bytes: id.len() as u8,
            round_bytes: round.len() as u8,
            account_bytes: account.len() as u8,
            kind,
            at: 0,
            extra: 0,
        }
    }

    fn pend_wager(&mut self, wager: &Wager<'_>) -> Pending {
        let realm = self.names.realm(&wager.origin);
        let game = self.names.game(realm, &wager.game);
        let currency = self.names.currency(wager.currency);
        let mut slot = Slot {
            game,
            stake: wager.stake,
            payout: wager.balance_after.unwrap_or_default(),
            placed: wager.at_ms << 22 | u64::from(realm),
            settled: u64::from(currency) << 12,
            ..Slot::default()
        };
        slot.set(if wager.free_round { FREE } else { 0 });
        slot.set(if wager.balance_after.is_some() { CLAIM } else { 0 });
        let is_simple = wager.origin.revision == 0 && !self.names.unknown_game(game, wager.at_ms);
        let kind = if is_simple { Kind::Simple } else { Kind::Listed };
        let texts = [&wager.wager_id, wager.round.as_deref().unwrap_or(""), &wager.account];
        let pending = self.pend(realm, texts, kind, slot);
        self.wagers.table.prefetch(pending.hash);
        pending
    }

    fn pend_outcome(&mut self, outcome: &Outcome<'_>) -> Pending {
        let realm = self.names.realm(&outcome.origin);
        let currency = outcome.currency.map_or(0, |currency| self.names.currency(currency));
        let payout =
            outcome.payout.zip(outcome.currency).and_then(|(payout, of)| payout.minor(of.exponent()));
        let is_simple = outcome.kind == OutcomeKind::Settle
            && outcome.origin.revision == 0
            && outcome.outcome_id == UNSAID
            && payout.is_some();
        let slot = Slot {
            payout: payout.unwrap_or_default(),
            placed: outcome.at_ms << 22 | u64::from(realm),
            settled: outcome.at_ms << 22 | u64::from(currency) << 12 | u64::from(SETTLED),
            ..Slot::default()
        };
        let kind = if is_simple { Kind::Simple } else { Kind::Listed };
        let pending = self.pend(realm, [&outcome.wager_id, "", ""], kind, slot);
        self.wagers.table.prefetch(pending.hash);
        pending
    }

    fn pend_payment(&mut self, payment: &Payment<'_>) -> Pending {
        let realm = self.names.realm(&payment.origin);
        let currency = self.names.currency(payment.currency);
        let mut slot = Slot {
            stake: payment.amount,
            payout: payment.balance_after.unwrap_or_default(),
            placed: payment.at_ms << 22 | u64::from(realm),
            settled: u64::from(currency) << 12,
            ..Slot::default()
        };
        slot.set(if payment.reversed { REVERSED } else { 0 });
        slot.set(if payment.balance_after.is_some() { CLAIM } else { 0 });
        slot.set(match payment.kind {
            PaymentKind::Deposit => 0,
            PaymentKind::Withdrawal => WITHDRAWAL,
            PaymentKind::Adjustment => ADJUSTMENT,
        });
        let pending = self.pend(realm, [&payment.payment_id, "", &payment.account], Kind::Simple, slot);
        self.payments.table.prefetch(pending.hash);
        pending
    }

    /// Numbers the accounts of a block.
    fn name_accounts(&mut self, topic: Topic) {
        if topic == Topic::Outcomes {
            return;
        }
        let Self { names, pending: all, scratch, .. } = self;
        for at in 0..all.len() {
            if let Some(ahead) = all.get(at + AHEAD) {
                names.prefetch_account(ahead.account_hash);
            }
            let pending = &mut all[at];
            let start =
                pending.text as usize + usize::from(pending.id_bytes) + usize::from(pending.round_bytes);
            let name = &scratch[start..][..usize::from(pending.account_bytes)];
            let (realm, currency) = (pending.slot.realm(), pending.slot.currency());
            pending.slot.account = names.account(realm, name, currency, pending.account_hash);
            if names.unknown_account(pending.slot.account, pending.slot.at_ms()) {
                pending.kind = Kind::Listed;
            }
        }
    }

    /// Gives the lines of a block their ticks, and sets aside what came too early or too late.
    fn admit(&mut self, block: &Block<'_>) {
        let rules = &self.rules;
        let latest = latest_receipt(&self.receipts, rules.gap_ms_max);
        let first_sound = self.receipts.iter().copied().find(|&receipt| receipt != 0 && receipt <= latest);
        let mut now = self.clock.or(first_sound).unwrap_or(0);
        let mut pending = self.pending.iter_mut().peekable();
        let mut refused = Vec::new();
        for (at, &receipt) in self.receipts.iter().enumerate() {
            if receipt <= latest {
                now = now.max(receipt);
            }
            let tick = now.next_multiple_of(rules.tick_ms);
            if at == 0 {
                let (first, last) = self.ticks.unwrap_or((tick, tick));
                self.ticks = Some((first.min(tick), last));
            }
            let Some(pending) = pending.next_if(|pending| usize::from(pending.at) == at) else { continue };
            let at_ms = pending.slot.at_ms();
            if receipt > latest || at_ms > receipt.saturating_add(rules.skew_ms_max) {
                refused.push((at, Cause::ClockSkew));
                pending.kind = Kind::Void;
            } else if tick > at_ms.saturating_add(rules.horizon_ms) {
                refused.push((at, Cause::PastHorizon));
                pending.kind = Kind::Void;
            }
        }
        if now > 0 {
            self.clock = Some(now);
        }
        let last = now.next_multiple_of(rules.tick_ms);
        self.ticks = self.ticks.map(|(first, until)| (first, until.max(last)));
        for (at, cause) in refused {
            let line = block.line(at);
            let mut counted = UnknownFields::default();
            if let Ok(record) = decode(block.topic, line, &self.currencies, &mut counted) {
                reject_record(&mut self.rejects, &record, cause, block.first + at as u32, Some(line));
            }
        }
    }

    fn file_wagers(&mut self) {
        for pending in &self.pending {
            let Self { names, wagers, lists, .. } = self;
            if pending.kind == Kind::Void {
                continue;
            }
            match wagers.find(pending, &self.scratch, names) {
                Some(number) => {
                    list_again(wagers.slots.get_mut(number), lists).push((false, pending.slot.line))
                }
                None => {
                    let number = wagers.add(pending, &self.scratch, names, lists, false);
                    if pending.kind == Kind::Simple {
                        let slot = wagers.slots.get_mut(number);
                        let claim = std::mem::take(&mut slot.payout);
                        if slot.has(CLAIM) {
                            wagers.claims.push((number, 0, claim));
                        }
                    }
                }
            }
        }
    }

    fn file_outcomes(&mut self, echoes: &[Outcome<'_>]) {
        let Self { names, wagers, lists, pending: all, scratch, rules, late, .. } = self;
        for (at, pending) in all.iter().enumerate() {
            if let Some(ahead) = all.get(at + AHEAD)
                && let Some(number) = wagers.table.find(ahead.hash, |_| true)
            {
                prefetch(wagers.slots.get(number));
            }
            if pending.kind == Kind::Void {
                continue;
            }
            let Some(number) = wagers.find(pending, scratch, names) else {
                wagers.add(pending, scratch, names, lists, true);
                continue;
            };
            let slot = wagers.slots.get_mut(number);
            let outcome = pending.extra.checked_sub(1).map(|extra| &echoes[usize::from(extra)]);
            let fits = pending.kind == Kind::Simple
                && !slot.has(MANY | SETTLED)
                && pending.slot.currency() == slot.currency()
                && pending.slot.at_ms() + rules.skew_ms_max >= slot.at_ms()
                && outcome.is_none_or(|outcome| agrees(outcome, slot, names));
            if !fits {
                list_again(slot, lists).push((true, pending.slot.line));
                continue;
            }
            slot.payout = pending.slot.payout;
            slot.settled |= pending.slot.settled & !(0x3ff << 12);
            slot.settle_line = pending.slot.line;
            let Some(outcome) = outcome else { continue };
            if let Some(claim) = outcome.balance_after {
                let exponent = names.currencies[usize::from(slot.currency())].exponent();
                slot.set(SETTLE_CLAIM);
                wagers.claims.push((number, 1, claim.minor(exponent).unwrap_or(i64::MAX)));
            }
            if let Some(known_ms) = outcome.known_ms.filter(|&known_ms| slot.at_ms() > known_ms) {
                slot.set(LATE);
                late.push((number, known_ms));
            }
        }
    }

    fn file_payments(&mut self) {
        for pending in &self.pending {
            let Self { names, payments, lists, .. } = self;
            if pending.kind == Kind::Void {
                continue;
            }
            match payments.find(pending, &self.scratch, names) {
                Some(number) => {
                    list_again(payments.slots.get_mut(number), lists).push((false, pending.slot.line))
                }
                None => {
                    let number = payments.add(pending, &self.scratch, names, lists, false);
                    if pending.kind == Kind::Simple && pending.slot.has(CLAIM) {
                        payments.claims.push((number, 0, pending.slot.payout));
                    }
                }
            }
        }
    }
}

/// Longer lines are not decoded.
const LINE_BYTES_MAX: usize = gyre::lines::LINE_BYTES_MAX;
const OVERSIZE_BYTES_KEPT: usize = gyre::lines::OVERSIZE_BYTES_KEPT;

/// The last receipt that moves the clock: the lower median of the block's and the gap that is allowed.
fn latest_receipt(receipts: &[u64], gap_ms_max: u64) -> u64 {
    let known = || receipts.iter().copied().filter(|&receipt| receipt != 0);
    let (Some(least), Some(most)) = (known().min(), known().max()) else { return u64::MAX };
    if most - least <= gap_ms_max {
        return u64::MAX;
    }
    let mut known: Vec<u64> = known().collect();
    let middle = (known.len() - 1) / 2;
    let (_, median, _) = known.select_nth_unstable(middle);
    median.saturating_add(gap_ms_max)
}

fn says_more(outcome: &Outcome<'_>) -> bool {
    outcome.account.is_some()
        || outcome.game.is_some()
        || outcome.stake.is_some()
        || outcome.known_ms.is_some()
        || outcome.balance_after.is_some()
}

/// Whether an outcome's echoes are what its wager says.
fn agrees(outcome: &Outcome<'_>, slot: &Slot, names: &Names) -> bool {
    let account = names.arena.get(names.accounts[slot.account as usize].name);
    let game = names.arena.get(names.games[slot.game as usize].name);
    let exponent = names.currencies[usize::from(slot.currency())].exponent();
    outcome.account.as_ref().is_none_or(|echo| echo.as_bytes() == account)
        && outcome.game.as_ref().is_none_or(|echo| echo.as_bytes() == game)
        && outcome.stake.is_none_or(|echo| echo.minor(exponent) == Some(slot.stake))
}

/// The list of a key, which a simple one becomes.
fn list_again<'a>(slot: &mut Slot, lists: &'a mut Vec<List>) -> &'a mut List {
    if !slot.has(MANY) {
        let mut list = vec![(false, slot.line)];
        if slot.has(SETTLED) {
            list.push((true, slot.settle_line));
        }
        slot.account = lists.len() as u32;
        slot.set(MANY);
        lists.push(list);
    }
    &mut lists[slot.account as usize]
}

impl Filed {
    /// The slot of a record's key.
    #[inline]
    fn find(&self, pending: &Pending, scratch: &[u8], names: &Names) -> Option<u32> {
        let id = &scratch[pending.text as usize..][..usize::from(pending.id_bytes)];
        let short = short_text(id);
        self.table.find(pending.hash, |number| {
            let slot = self.slots.get(number);
            slot.realm() == pending.slot.realm()
                && (slot.id == short
                    || slot.id as u8 == LONG && names.arena.pair((slot.id >> 64) as u64).0 == id)
        })
    }

    /// Nothing more is looked up: the table's memory can serve what comes.
    pub fn end(&mut self) {
        self.table = Table::default();
    }

    fn add(
        &mut self,
        pending: &Pending,
        scratch: &[u8],
        names: &mut Names,
        lists: &mut Vec<List>,
        is_outcome: bool,
    ) -> u32 {
        let text = &scratch[pending.text as usize..];
        let (id, rest) = text.split_at(usize::from(pending.id_bytes));
        let mut slot = pending.slot;
        slot.id = if id.len() <= 15 && pending.round_bytes == 0 {
            short_text(id)
        } else {
            let start = names.arena.push_pair(id, &rest[..usize::from(pending.round_bytes)]);
            u128::from(LONG) | u128::from(start) << 64
        };
        if pending.kind == Kind::Listed || is_outcome {
            slot.account = lists.len() as u32;
            slot.set(MANY);
            lists.push(vec![(is_outcome, slot.line)]);
        }
        let number = self.slots.push(slot);
        self.table.insert(pending.hash, number);
        number
    }
}
