//! The fold of wagers: a wager's few records, kept small while they are simple, told as what they amount to.
//!
//! Nearly every wager is one record and then one settle that agrees with it. Such a key is *simple*: its figures stand
//! in one slot of 64 bytes with its key, its texts rest in a log, and what it tells follows from the slot. Every other
//! key is a list of records that [`gyre_domain::lifecycle::judge`] reads whole, and becomes simple again as soon as it
//! can. The two ways tell the same: a law.

use gyre_domain::cause::Cause;
use gyre_domain::currency::Currency;
use gyre_domain::lifecycle::{self, Life, State};
use gyre_domain::money::Quantity;
use gyre_domain::records::{Outcome, Record, Wager};
use gyre_domain::rtp::Plays;

use super::directory::{Directory, ReferenceRow, System};
use super::log::{Log, Place};
use super::many::{self, Filed};
use super::told::{Booked, Marks, Outbox, Play, QUARTER_MS, Told, Writer};
use crate::Tick;
use crate::batch::{Batch, Head, Kind};
use crate::graph::Settings;
use crate::ops::fold_by_key::{Fold, Slab, Turn};
use crate::ops::timeline_by_key::{CLAIM as CLAIMED, EVENT, Event, STAKE, WAGER as PLACED};
use crate::packed::{CLAIM, ECHO, FREE, KNOWN, Packed};
use crate::rows::records::{
    Maximum, Standing, push_above_maximum, push_late_wager, push_record_reject, push_wager_state,
};
use crate::rows::{AnomalyKind, Output, Rows, Wanted};

/// A wager stands here.
const WAGER: u16 = 1;
/// Its settle stands here.
const SETTLED: u16 = 2;
/// Not simple: `wager` is the number of its list.
const MANY: u16 = 4;
/// The wager is a free round.
const FREE_ROUND: u16 = 8;
/// Wager or settle carries the provider's view of the balance.
const CLAIMS: u16 = 16;
/// The settle says when its result was known.
const KNOWS: u16 = 32;

/// What is kept of a key, hot; the texts are in the log.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Slot {
    wager: Place,
    settle: Place,
    account: u32,
    game: u32,
    stake: i64,
    payout: i64,
    /// `at_ms << 16 | flags`.
    placed: u64,
    /// `settled_at_ms << 16 | number of the currency`.
    settled: u64,
}

impl Slot {
    fn flags(&self) -> u16 {
        self.placed as u16
    }

    fn has(&self, flag: u16) -> bool {
        self.flags() & flag != 0
    }

    fn at_ms(&self) -> u64 {
        self.placed >> 16
    }

    fn settled_at_ms(&self) -> u64 {
        self.settled >> 16
    }

    fn currency(&self) -> usize {
        usize::from(self.settled as u16)
    }
}

/// The state of a key: its slot, or the number of its list in [`Wagers::lists`].
pub type KeyState = Slot;

/// What stood before a tick.
pub enum Before {
    /// A simple key (or none), told from its slot.
    Simple(Slot),
    /// What was told.
    Told(Box<Told>),
}

/// See the module.
pub struct Wagers {
    settings: Settings,
    directory: Directory,
    writer: Writer,
    log: Log,
    lists: Vec<Vec<Filed>>,
    free_lists: Vec<u32>,
    currencies: Vec<Currency>,
    /// Log entries that were replaced in this tick: what stood before may still be read from them.
    freed: Vec<Place>,
    last_tick: Tick,
    resting: Option<super::rest::Resting>,
}

impl Wagers {
    /// A fold without records.
    pub fn new(settings: Settings) -> Self {
        Self {
            directory: Directory::new(settings.keys, settings.result_due_ms),
            writer: Writer::new(settings.workers),
            settings,
            log: Log::default(),
            lists: Vec::new(),
            free_lists: Vec::new(),
            currencies: Vec::new(),
            freed: Vec::new(),
            last_tick: 0,
            resting: None,
        }
    }

    fn currency_number(&mut self, currency: Currency) -> u16 {
        let found = self.currencies.iter().position(|other| *other == currency);
        found.unwrap_or_else(|| {
            self.currencies.push(currency);
            self.currencies.len() - 1
        }) as u16
    }

    fn number_account_and_game(&mut self, head: &Head, currency: Currency, packed: Packed<'_>) -> (u32, u32) {
        let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
        let account = self.directory.account(head.account, currency, || {
            let [tenant, _, _, account] = packed.leading_texts::<4>();
            (text(tenant), text(account))
        });
        let game = self.directory.game(head.game, || {
            let [tenant, provider, _, _, game] = packed.leading_texts::<5>();
            (text(tenant), text(provider), text(game))
        });
        (account, game)
    }

    /// Files a wager as a simple key's first record, if it may stand.
    fn file_wager(&mut self, slot: &mut Slot, head: &Head, packed: Packed<'_>) -> bool {
        let Some(currency) = head.currency else { return false };
        let (account, game) = self.number_account_and_game(head, currency, packed);
        if slot.flags() != 0
            || head.diff < 0
            || self.directory.refuses(account, Some(game), head.at_ms).is_some()
        {
            return false;
        }
        let mut flags = WAGER;
        if packed.flags() & FREE != 0 {
            flags |= FREE_ROUND;
        }
        if packed.flags() & CLAIM != 0 {
            flags |= CLAIMS;
        }
        let currency = self.currency_number(currency);
        *slot = Slot {
            wager: self.log.push(packed.0),
            settle: Place::default(),
            account,
            game,
            stake: head.amount,
            payout: 0,
            placed: head.at_ms << 16 | u64::from(flags),
            settled: u64::from(currency),
        };
        true
    }

    /// Files a settle with a simple key's wager, if it agrees with it.
    fn file_settle(&mut self, slot: &mut Slot, head: &Head, packed: Packed<'_>) -> bool {
        if slot.flags() & (WAGER | SETTLED | MANY) != WAGER || head.diff < 0 {
            return false;
        }
        let agrees = head.currency == Some(self.currencies[slot.currency()])
            && head.at_ms.saturating_add(self.settings.skew_ms_max) >= slot.at_ms()
            && (packed.flags() & ECHO == 0 || self.echoes(slot, &packed.outcome()));
        if !agrees {
            return false;
        }
        let mut flags = SETTLED;
        if packed.flags() & CLAIM != 0 {
            flags |= CLAIMS;
        }
        if packed.flags() & KNOWN != 0 {
            flags |= KNOWS;
        }
        slot.settle = self.log.push(packed.0);
        slot.payout = head.amount;
        slot.placed |= u64::from(flags);
        slot.settled |= head.at_ms << 16;
        true
    }

    fn echoes(&self, slot: &Slot, outcome: &Outcome<'_>) -> bool {
        let [_, _, _, account, game] = Packed(self.log.get(slot.wager)).leading_texts::<5>();
        let exponent = self.currencies[slot.currency()].exponent();
        outcome.account.as_ref().is_none_or(|echo| echo.as_bytes() == account)
            && outcome.game.as_ref().is_none_or(|echo| echo.as_bytes() == game)
            && outcome.stake.is_none_or(|echo| echo.minor(exponent) == Some(slot.stake))
    }

    /// Turns a simple key into a list.
    fn make_list(&mut self, slot: &mut Slot) {
        let mut records = Vec::new();
        for (flag, is_outcome, place) in [(WAGER, false, slot.wager), (SETTLED, true, slot.settle)] {
            if slot.has(flag) {
                records.push(Filed::from_packed(is_outcome, Packed(self.log.get(place))));
                self.freed.push(place);
            }
        }
        let number = self.free_lists.pop().unwrap_or_else(|| {
            self.lists.push(Vec::new());
            self.lists.len() as u32 - 1
        });
        self.lists[number as usize] = records;
        *slot = Slot { account: number, placed: u64::from(MANY), ..Slot::default() };
    }

    /// Files a record in a key's list, which a simple key becomes.
    fn file_in_list(&mut self, slot: &mut Slot, batch: &Batch, at: usize) {
        if !slot.has(MANY) {
            self.make_list(slot);
        }
        let is_outcome = batch.head(at).kind != Kind::Wager;
        many::file(&mut self.lists[slot.account as usize], is_outcome, batch, at);
    }

    fn list(&self, slot: &Slot) -> &[Filed] {
        &self.lists[slot.account as usize]
    }

    /// Makes a list simple again, if it can be; an empty one is no key.
    fn simplify(&mut self, slot: &mut Slot, life: &Life) {
        let records = &self.lists[slot.account as usize];
        let is_simple = match (records.len(), life.wager, &life.settles[..]) {
            (0, ..) => true,
            (1, Some(_), []) => life.rejects.is_empty(),
            (2, Some(_), [_]) => life.rejects.is_empty() && life.cancel.is_none(),
            _ => false,
        };
        if !is_simple || records.iter().any(|filed| filed.duplicates() > 0) {
            return;
        }
        let number = slot.account;
        let records = std::mem::take(&mut self.lists[number as usize]);
        self.free_lists.push(number);
        *slot = Slot::default();
        let at = |is_outcome| records.iter().find(|filed| filed.is_outcome == is_outcome);
        if let Some(wager) = at(false) {
            let head = self.head_of_wager(&wager.packed().wager());
            self.file_wager(slot, &head, Packed(&wager.only_copy()));
        }
        if let Some(settle) = at(true) {
            let head = head_of_settle(&settle.packed().outcome());
            self.file_settle(slot, &head, Packed(&settle.only_copy()));
        }
    }

    fn head_of_wager(&self, wager: &Wager<'_>) -> Head {
        let (tenant, provider) = (&*wager.origin.tenant, &*wager.origin.provider);
        let keys = &self.settings.keys;
        let mut head = Head::blank(Kind::Wager);
        head.account = keys.of(&[tenant, &wager.account, wager.currency.code()]);
        head.game = keys.of(&[tenant, provider, &wager.game]);
        (head.at_ms, head.amount, head.currency) = (wager.at_ms, wager.stake, Some(wager.currency));
        head
    }

    /// What a simple key tells.
    fn tell_simple(&self, slot: &Slot, tick: Tick) -> Told {
        let mut told = Told::default();
        if !slot.has(WAGER) {
            return told;
        }
        let claims = slot.has(CLAIMS);
        let stake_claim = claims.then(|| self.claim(slot.wager)).flatten();
        told.booked.push(self.stake_event(slot, stake_claim));
        let settled = slot.has(SETTLED);
        let findings = self.findings(slot);
        if settled {
            let payout_claim = claims.then(|| self.claim(slot.settle)).flatten();
            told.booked.extend(payout_event(slot, payout_claim));
            told.marks.states[1] = 1;
        } else {
            told.marks.states[0] = 1;
            if self.missing_from_ms(slot).is_some_and(|from_ms| from_ms <= tick) {
                told.marks.rejects.push(Cause::OutcomeMissing as u8);
            }
        }
        told.play = self.play(slot);
        told.marks.anomalies.extend(findings.iter().map(|finding| finding.kind() as u8));
        if self.settings.wanted.changes {
            told.rows = self.rows_of_simple(slot, &told.marks, &findings);
        }
        told
    }

    fn findings(&self, slot: &Slot) -> Vec<Finding> {
        let mut findings = Vec::new();
        if slot.has(KNOWS) {
            let known_ms = Packed(self.log.get(slot.settle)).outcome().known_ms;
            findings.extend(known_ms.filter(|&known_ms| slot.at_ms() > known_ms).map(Finding::Late));
        }
        if slot.has(SETTLED) && self.exceeds_maximum(slot) {
            findings.push(Finding::AboveMaximum);
        }
        findings
    }

    fn exceeds_maximum(&self, slot: &Slot) -> bool {
        let maximum =
            self.directory.terms(slot.game, slot.at_ms()).and_then(|terms| terms.payout_max.as_ref());
        maximum.is_some_and(|(spelt, multiple_e9)| {
            Maximum { spelt, multiple_e9: *multiple_e9 }.is_exceeded(slot.stake, slot.payout.into())
        })
    }

    /// From when on an open wager's outcome is missing.
    fn missing_from_ms(&self, slot: &Slot) -> Option<u64> {
        let is_open = slot.flags() & (WAGER | SETTLED) == WAGER;
        is_open.then(|| slot.at_ms() + self.directory.due_ms(slot.game, slot.at_ms()))
    }

    fn claim(&self, place: Place) -> Option<Quantity> {
        Packed(self.log.get(place)).claim()
    }

    fn stake_event(&self, slot: &Slot, claim: Option<Quantity>) -> Booked {
        stake_booked(slot.account, slot.at_ms(), slot.stake, slot.has(FREE_ROUND), claim)
    }

    fn play(&self, slot: &Slot) -> Option<Play> {
        if slot.has(FREE_ROUND) {
            return None;
        }
        let plays = if slot.has(SETTLED) {
            let measure = self.directory.terms(slot.game, slot.at_ms()).and_then(|terms| terms.measure);
            Plays::settled(slot.stake, slot.payout.into(), measure)
        } else {
            Plays::open(slot.stake)
        };
        let quarter = (slot.at_ms() / QUARTER_MS) as u32;
        Some(Play { game: slot.game, currency: self.currencies[slot.currency()], quarter, plays })
    }

    fn rows_of_simple(&self, slot: &Slot, marks: &Marks, anomalies: &[Finding]) -> Vec<(Output, Vec<u8>)> {
        let packed = Packed(self.log.get(slot.wager));
        let wager = packed.wager();
        let settle = slot.has(SETTLED).then(|| Packed(self.log.get(slot.settle)).outcome());
        let standing = self.standing_of_simple(slot, settle.as_ref());
        let mut rows = Vec::with_capacity(1);
        rows.push((Output::WagerStates, write(|out| push_wager_state(out, &wager, &standing))));
        self.push_findings(&wager, &standing, anomalies, &mut rows);
        if !marks.rejects.is_empty() {
            rows.push(self.missing_row(&wager, packed.position()));
        }
        if self.settings.wanted.postings {
            super::postings::of_wager(&wager, packed.position(), &mut rows, &self.settings.places);
            if let Some(settle) = &settle {
                let position = Packed(self.log.get(slot.settle)).position();
                super::postings::of_settle(&wager, settle, position, &mut rows, &self.settings.places);
            }
        }
        rows
    }

    fn standing_of_simple(&self, slot: &Slot, settle: Option<&Outcome<'_>>) -> Standing {
        Standing {
            state: if settle.is_some() { State::Settled } else { State::Open },
            payout: settle.map(|_| slot.payout.into()),
            settled_at_ms: settle.map(|_| slot.settled_at_ms()),
            outcome_revision: settle.map(|settle| settle.origin.revision),
        }
    }

    fn missing_row(&self, wager: &Wager<'_>, position: u64) -> (Output, Vec<u8>) {
        let record = Record::Wager(wager.clone());
        let places = &self.settings.places;
        let row =
            write(|out| push_record_reject(out, &record, Cause::OutcomeMissing, position, None, places));
        (Output::Rejects, row)
    }

    fn push_findings(
        &self,
        wager: &Wager<'_>,
        standing: &Standing,
        findings: &[Finding],
        rows: &mut Vec<(Output, Vec<u8>)>,
    ) {
        for finding in findings {
            rows.push((Output::Anomalies, finding.row(wager, standing, &self.directory)));
        }
    }

    /// Judges a list whole. `all_rows` asks for rows that nobody reads as changes: those at rest.
    fn tell_list(&self, slot: &Slot, tick: Tick, wanted: Wanted) -> (Told, Life) {
        let filed = self.list(slot);
        let records: Vec<Record<'_>> = filed
            .iter()
            .map(|filed| match filed.is_outcome {
                true => Record::Outcome(filed.packed().outcome()),
                false => Record::Wager(filed.packed().wager()),
            })
            .collect();
        let life = lifecycle::judge(&records, &self.directory, self.settings.skew_ms_max);
        let told = super::judged::Judged {
            records: &records,
            filed,
            life: &life,
            directory: &self.directory,
            settings: &self.settings,
            tick,
            wanted,
        }
        .tell();
        (told, life)
    }

    fn tell(&self, slot: &Slot, tick: Tick) -> Told {
        if slot.has(MANY) {
            self.tell_list(slot, tick, self.settings.wanted).0
        } else {
            self.tell_simple(slot, tick)
        }
    }

    /// The commonest of turns: a wager comes, is settled, or both, and nothing is to be said of it but its money. Only
    /// what changed is told; the long way would tell the same. Says whether this was one.
    fn turn_plain(&mut self, before: &Slot, after: &Slot, tick: Tick, out: &mut Outbox) -> bool {
        let is_new = before.flags() == 0;
        let is_settled = after.has(SETTLED);
        let due_ms = |slot: &Slot| slot.at_ms() + self.directory.due_ms(slot.game, slot.at_ms());
        let is_plain = self.settings.wanted == Wanted::default()
            && after.has(WAGER)
            && after.flags() & (CLAIMS | KNOWS | MANY) == 0
            && (is_new
                || before.wager == after.wager && !before.has(SETTLED) && due_ms(before) > self.last_tick)
            && (if is_settled { !self.exceeds_maximum(after) } else { due_ms(after) > tick });
        if !is_plain || !is_new && !is_settled {
            return false;
        }
        if is_new {
            let booked = self.stake_event(after, None);
            self.writer.book(&booked, 1, tick, &self.directory, out);
        } else {
            out.told.counts.open -= 1;
            self.play(before).iter().for_each(|play| self.writer.play(play, -1));
        }
        if is_settled {
            if let Some(booked) = payout_event(after, None) {
                self.writer.book(&booked, 1, tick, &self.directory, out);
            }
            out.told.counts.settled += 1;
        } else {
            out.told.counts.open += 1;
        }
        self.play(after).iter().for_each(|play| self.writer.play(play, 1));
        true
    }

    /// Writes the rows of a key at rest.
    pub(super) fn rest_rows(&self, slot: &Slot, tick: Tick, loose: &mut Rows, sorted: Option<&mut Rows>) {
        let wanted = Wanted { changes: true, postings: self.settings.wanted.postings };
        let rows = if slot.has(MANY) {
            self.tell_list(slot, tick, wanted).0.rows
        } else {
            self.rest_rows_of_simple(slot, tick)
        };
        let mut sorted = sorted;
        for (output, row) in rows {
            let into = match &mut sorted {
                Some(sorted) if output == Output::WagerStates => &mut **sorted,
                _ => &mut *loose,
            };
            into.push(output, 0, 1, |text| text.extend_from_slice(&row));
        }
    }

    fn rest_rows_of_simple(&self, slot: &Slot, tick: Tick) -> Vec<(Output, Vec<u8>)> {
        if !slot.has(WAGER) {
            return Vec::new();
        }
        let mut marks = Marks::default();
        if self.missing_from_ms(slot).is_some_and(|from_ms| from_ms <= tick) {
            marks.rejects.push(Cause::OutcomeMissing as u8);
        }
        self.rows_of_simple(slot, &marks, &self.findings(slot))
    }

    /// The texts by which rows of `wager_states` are sorted, and where the key's records are; `None` without a wager.
    pub(super) fn wager_of<'a>(&'a self, slot: &'a Slot) -> Option<Packed<'a>> {
        if slot.has(MANY) {
            // All wager records of a key share its identity: any of them has the texts.
            let wager = self.list(slot).iter().find(|filed| !filed.is_outcome);
            wager.map(Filed::packed)
        } else {
            slot.has(WAGER).then(|| Packed(self.log.get(slot.wager)))
        }
    }

    /// Asks for a key's texts ahead of their use.
    pub(super) fn prefetch(&self, slot: &Slot) {
        if slot.has(WAGER) {
            self.log.prefetch(slot.wager);
            self.log.prefetch(slot.settle);
        }
    }

    /// Takes the state of telling rows at rest out, to put it back.
    pub(super) fn resting(&mut self) -> &mut Option<super::rest::Resting> {
        &mut self.resting
    }

    /// The last tick that was told.
    pub(super) fn last_tick(&self) -> Tick {
        self.last_tick
    }
}

/// What looks wrong with one wager.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Finding {
    /// Placed after the result was known, at this time.
    Late(u64),
    /// Paid more than its game can.
    AboveMaximum,
}

impl Finding {
    /// The anomaly's row.
    pub(super) fn row(self, wager: &Wager<'_>, standing: &Standing, directory: &Directory) -> Vec<u8> {
        let payout = standing.payout.unwrap_or_default();
        write(|out| match self {
            Finding::Late(known_ms) => push_late_wager(out, wager, known_ms),
            Finding::AboveMaximum => {
                let terms = directory.terms_of(wager);
                if let Some((spelt, multiple_e9)) = terms.and_then(|terms| terms.payout_max.as_ref()) {
                    let maximum = Maximum { spelt, multiple_e9: *multiple_e9 };
                    push_above_maximum(out, wager, payout, standing.settled_at_ms, &maximum);
                }
            }
        })
    }

    /// The anomaly's kind.
    pub(super) fn kind(self) -> AnomalyKind {
        match self {
            Finding::Late(_) => AnomalyKind::LateWager,
            Finding::AboveMaximum => AnomalyKind::PayoutAboveMaximum,
        }
    }
}

/// The stake of a wager: always an event of its account, for wagers are counted even where no money moves.
pub(super) fn stake_booked(
    account: u32,
    at_ms: u64,
    stake: i64,
    is_free: bool,
    claim: Option<Quantity>,
) -> Booked {
    let mut flags = PLACED;
    if stake != 0 || claim.is_some() {
        flags |= EVENT;
    }
    if stake > 0 && !is_free {
        flags |= STAKE;
    }
    if claim.is_some() {
        flags |= CLAIMED;
    }
    let event = Event::new(at_ms, -stake, flags);
    Booked { account, event, claim, legs: i64::from(stake != 0), against: System::House }
}

/// A credit of the house's: a payout, or a stake reversed. None where it neither moves money nor claims anything.
pub(super) fn credit_booked(
    account: u32,
    at_ms: u64,
    amount: i64,
    claim: Option<Quantity>,
) -> Option<Booked> {
    let flags = if claim.is_some() { EVENT | CLAIMED } else { EVENT };
    let event = Event::new(at_ms, amount, flags);
    (amount != 0 || claim.is_some()).then_some(Booked {
        account,
        event,
        claim,
        legs: i64::from(amount != 0),
        against: System::House,
    })
}

fn payout_event(slot: &Slot, claim: Option<Quantity>) -> Option<Booked> {
    credit_booked(slot.account, slot.settled_at_ms(), slot.payout, claim)
}

/// Writes a row of its own.
pub(super) fn write(row: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut text = Vec::with_capacity(256);
    row(&mut text);
    text
}

fn head_of_settle(settle: &Outcome<'_>) -> Head {
    let minor =
        settle.payout.zip(settle.currency).and_then(|(payout, currency)| payout.minor(currency.exponent()));
    let mut head = Head::blank(Kind::Settle);
    (head.at_ms, head.amount, head.currency) = (settle.at_ms, minor.unwrap_or_default(), settle.currency);
    head
}

impl Fold for Wagers {
    type Updates = Batch;
    type Side = ReferenceRow;
    type State = KeyState;
    type Before = Before;
    type Out = Outbox;

    #[inline]
    fn file(&mut self, slot: &mut Slot, batch: &Batch, at: usize) {
        let (head, packed) = (batch.head(at), batch.packed(at));
        let filed = match head.kind {
            Kind::Wager => self.file_wager(slot, head, packed),
            Kind::Settle => self.file_settle(slot, head, packed),
            _ => false,
        };
        if !filed {
            self.file_in_list(slot, batch, at);
        }
    }

    fn before(&mut self, slot: &Slot, now: Tick, eager: bool) -> Before {
        if eager || slot.has(MANY) {
            Before::Told(Box::new(self.tell(slot, now)))
        } else {
            Before::Simple(*slot)
        }
    }

    fn turn(&mut self, slot: &mut Slot, before: Before, tick: Tick, out: &mut Outbox) -> Turn {
        if !slot.has(MANY)
            && let Before::Simple(before) = &before
            && self.turn_plain(before, slot, tick, out)
        {
            return Turn {
                next: self.missing_from_ms(slot).filter(|&from_ms| from_ms > tick),
                vacant: false,
            };
        }
        let before = match before {
            Before::Simple(slot) => self.tell_simple(&slot, self.last_tick),
            Before::Told(told) => *told,
        };
        let (after, missing_from_ms) = if slot.has(MANY) {
            let (told, life) = self.tell_list(slot, tick, self.settings.wanted);
            for index in life.wager.iter().chain(&life.settles).chain(&life.unsettles).chain(&life.cancel) {
                self.lists[slot.account as usize][*index].raw = None;
            }
            self.simplify(slot, &life);
            (told, life.missing_from_ms)
        } else {
            (self.tell_simple(slot, tick), self.missing_from_ms(slot))
        };
        self.writer.differ(&before, &after, tick, &self.directory, out);
        Turn { next: missing_from_ms.filter(|&from_ms| from_ms > tick), vacant: slot.flags() == 0 }
    }

    fn turned(&mut self, tick: Tick, out: &mut Outbox) {
        self.writer.flush(tick, &mut self.directory, out);
        for place in self.freed.drain(..) {
            self.log.free(place);
        }
        self.last_tick = tick;
    }

    fn forget_after(&self, slot: &Slot) -> Tick {
        if slot.has(MANY) {
            let filed = self.list(slot);
            let latest_ms = filed.iter().map(|filed| match filed.is_outcome {
                true => filed.packed().outcome().at_ms,
                false => filed.packed().wager().at_ms,
            });
            let Some(latest_ms) = latest_ms.max() else { return Tick::MAX };
            let is_open = self.tell_list(slot, 0, Wanted::default()).1.state == State::Open;
            return self.settings.forget_after(latest_ms, is_open);
        }
        match slot.flags() & (WAGER | SETTLED) {
            0 => Tick::MAX,
            WAGER => self.settings.forget_after(slot.at_ms(), true),
            _ => self.settings.forget_after(slot.at_ms().max(slot.settled_at_ms()), false),
        }
    }

    fn forget(&mut self, slot: &mut Slot, now: Tick, out: &mut Outbox) {
        if self.settings.rest_at_end {
            self.rest_rows(slot, now, &mut out.told.rest.loose, None);
        }
        if slot.has(MANY) {
            self.lists[slot.account as usize] = Vec::new();
            self.free_lists.push(slot.account);
        } else {
            for (flag, place) in [(WAGER, slot.wager), (SETTLED, slot.settle)] {
                if slot.has(flag) {
                    self.freed.push(place);
                }
            }
        }
    }

    fn touches(&self, _side: &[(ReferenceRow, isize)], _slot: &Slot) -> bool {
        true
    }

    fn take_side(&mut self, side: &[(ReferenceRow, isize)]) {
        for (row, diff) in side {
            self.directory.take(row, *diff);
        }
    }

    fn revise(&mut self, slot: &mut Slot) {
        // What the new rows refuse is no longer simple.
        let refused =
            slot.has(WAGER) && self.directory.refuses(slot.account, Some(slot.game), slot.at_ms()).is_some();
        if refused && !slot.has(MANY) {
            self.make_list(slot);
        }
    }

    fn is_full(out: &Outbox) -> bool {
        out.told.bytes() > 1 << 20
    }

    fn rest(&mut self, slab: &Slab<Slot>, out: &mut Outbox) -> bool {
        super::rest::rest(self, slab, out)
    }
}
