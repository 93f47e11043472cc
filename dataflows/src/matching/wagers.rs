//! The fold of wagers: a wager's few records, kept small while they are simple, told as what they amount to.
//!
//! Nearly every wager is one record and then one settle that agrees with it. Such a key is *simple*: its figures stand
//! in one slot of 64 bytes with its key, its texts rest in a log, and what it tells follows from the slot. Every other
//! key is a list of records that [`gyre_domain::lifecycle::judge`] reads whole, and becomes simple again as soon as it
//! can. The two ways tell the same: a law.

use std::cell::RefCell;
use std::rc::Rc;

use gyre_domain::cause::Cause;
use gyre_domain::currency::Currency;
use gyre_domain::lifecycle::{Life, State};
use gyre_domain::records::{Record, Topic};
use hashbrown::HashMap;

use super::commanded::{Beside, Commanded};
use super::directory::Directory;
use super::log::{Log, Place};
use super::many::Filed;
use super::saved::Own;
use super::ties::Ties;
use super::told::{Outbox, Told, Writer};
use crate::Tick;
use crate::batch::{Batch, Kind};
use crate::checkpoint::Whose;
use crate::directives::Directives;
use crate::faults::{FaultBatch, FaultTeller, Faults, Home, Named};
use crate::graph::Settings;
use crate::keys::Keyed;
use crate::ops::fold_by_key::{Fold, Slab, Turn};
use crate::rows::{Output, Rows, Wanted};
use crate::seams::Seen;

mod decided;
mod filing;
mod saved;
mod slot;
mod telling;

pub use saved::Kept;
pub use slot::Slot;
use slot::{MANY, SETTLED, WAGER};

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
    directives: Directives,
    /// Some rule holds payouts, or did: what it could hold is told from then on, for its grounds go a tick later.
    may_hold: bool,
    writer: Writer,
    faults: FaultTeller,
    /// Of simple wagers whose outcome is missing: which fault that is, by where the log keeps them.
    missing: RefCell<HashMap<u32, u128, Keyed>>,
    log: Log,
    lists: Vec<Vec<Filed>>,
    free_lists: Vec<u32>,
    currencies: Vec<Currency>,
    /// Log entries that were replaced in this tick: what stood before may still be read from them.
    freed: Vec<Place>,
    scratch: Vec<u8>,
    last_tick: Tick,
    resting: Option<super::rest::Resting>,
}

impl Wagers {
    /// A fold without records, that tells as `teller`; the config may hold payouts or not.
    pub fn new(settings: Settings, teller: u32, may_hold: bool, ties: Rc<RefCell<Ties>>) -> Self {
        Self {
            directory: Directory::new(settings.keys, settings.result_due_ms),
            directives: Directives::default(),
            may_hold,
            writer: Writer::new(&settings, teller, ties),
            faults: settings.fault_teller().naming_at_rest(),
            settings,
            missing: RefCell::default(),
            log: Log::default(),
            lists: Vec::new(),
            free_lists: Vec::new(),
            currencies: Vec::new(),
            freed: Vec::new(),
            scratch: Vec::new(),
            last_tick: 0,
            resting: None,
        }
    }

    fn list(&self, slot: &Slot) -> &[Filed] {
        &self.lists[slot.account as usize]
    }

    /// Judges a list whole. `all_rows` asks for rows that nobody reads as changes: those at rest.
    fn tell_list(&self, slot: &Slot, tick: Tick, wanted: Wanted) -> (Told, Life) {
        let filed = self.list(slot);
        match self.given(filed).commanded() {
            None => self.tell_filed(filed, tick, wanted),
            Some(commanded) => self.tell_commanded(filed, &commanded, tick, wanted),
        }
    }

    fn tell_filed(&self, filed: &[Filed], tick: Tick, wanted: Wanted) -> (Told, Life) {
        let (records, life) = self.judge(filed);
        let told = super::judged::Judged {
            records: &records,
            filed,
            life: &life,
            directory: &self.directory,
            directives: &self.directives,
            settings: &self.settings,
            faults: &self.faults,
            tick,
            wanted,
            may_hold: self.may_hold,
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

    /// Tells what became of failed records of a key.
    fn tell_faults(&self, home: Home, slot: &Slot, faults: (&Faults, &Faults), tick: Tick, out: &mut Outbox) {
        let named = |id: u128| self.named(slot, id);
        self.faults.differ(home, (faults.0, faults.1), tick, named, &mut out.faults);
    }

    /// Whether faults of a key may stand, and anybody asks for them.
    fn may_have_failed(&self, slot: &Slot) -> bool {
        self.faults.is_on() && (slot.has(MANY) || !slot.has(SETTLED))
    }

    /// Tells the faults of a key at rest, after a tick.
    pub(super) fn rest_faults(&self, key: u128, slot: &Slot, tick: Tick, out: &mut Outbox) {
        if self.may_have_failed(slot) {
            let faults = self.tell(slot, tick).faults;
            self.faults.rest(home(key), &faults, tick, |id| self.named(slot, id), &mut out.faults);
        }
    }

    /// Whose a fault is.
    fn named(&self, slot: &Slot, id: u128) -> Option<Named> {
        let is_it = |record: &Record<'_>| {
            self.faults.fault(record, Cause::OutcomeMissing).is_some_and(|fault| fault.id == id)
        };
        if !slot.has(MANY) {
            return slot.has(WAGER).then(|| Named::of(&Record::Wager(self.wager_of(slot)), None));
        }
        let filed = self.list(slot);
        let commanded = self.given(filed).commanded();
        let mut all = filed.iter().chain(commanded.iter().flat_map(Commanded::brought));
        all.find_map(|filed| {
            let record = record_of(filed);
            is_it(&record).then(|| Named::of(&record, filed.raw.as_deref()))
        })
    }

    /// Writes the rows of a key at rest; where it stands goes to `sorted`, if that is there.
    pub(super) fn rest_rows(&self, slot: &Slot, tick: Tick, loose: &mut Rows, mut sorted: Option<&mut Rows>) {
        let rows = if slot.has(MANY) {
            let wanted = Wanted { changes: true, postings: self.settings.wanted.postings };
            self.tell_list(slot, tick, wanted).0.rows
        } else if slot.has(WAGER) {
            let state_rows = sorted.as_deref_mut().unwrap_or(loose);
            state_rows.push(Output::WagerStates, 0, 1, |out| self.push_state_row(slot, out));
            self.other_rows_at_rest(slot, tick)
        } else {
            Vec::new()
        };
        for (output, row) in rows {
            let into = sorted.as_deref_mut().filter(|_| output == Output::WagerStates).unwrap_or(loose);
            into.push(output, 0, 1, |text| text.extend_from_slice(&row));
        }
    }

    /// Tenant, provider and id, by which rows of `wager_states` are sorted; `None` without a wager.
    pub(super) fn identity_of(&self, slot: &Slot) -> Option<[&[u8]; 3]> {
        if slot.has(MANY) {
            // All wager records of a key share its identity: any of them has the texts.
            let wager = self.list(slot).iter().find(|filed| !filed.is_outcome);
            return wager.map(|filed| filed.packed().leading_texts());
        }
        slot.has(WAGER).then(|| {
            let [tenant, provider, ..] = self.directory.names(slot.account, slot.game);
            [tenant.as_bytes(), provider.as_bytes(), self.kept_wager(slot).id]
        })
    }

    /// Asks for a key's texts ahead of their use.
    pub(super) fn prefetch(&self, slot: &Slot) {
        if slot.has(WAGER) {
            self.log.prefetch(slot.wager);
            self.directory.prefetch_names(slot.account);
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

/// A record of a list as the domain knows it.
fn record_of(filed: &Filed) -> Record<'_> {
    match filed.is_outcome {
        true => Record::Outcome(filed.packed().outcome()),
        false => Record::Wager(filed.packed().wager()),
    }
}

/// Where the records of a wager are judged.
fn home(key: u128) -> Home {
    Home { key, topic: Topic::Wagers as u8, is_unsound: false }
}

impl Fold for Wagers {
    type Updates = Batch;
    type Side = Beside;
    type State = Slot;
    type Before = Before;
    type Out = Outbox;
    type Verdict = FaultBatch;
    type Kept = Kept;
    type Own = Own;

    #[inline]
    fn file(&mut self, slot: &mut Slot, batch: &Batch, at: usize) {
        let (head, packed) = (batch.head(at), batch.packed(at));
        let is_lap = head.kind == Kind::Lap;
        let is_target = !is_lap && !self.directives.is_empty() && self.note(batch, at);
        let filed = match head.kind {
            _ if is_target => false,
            Kind::Wager => self.file_wager(slot, head, packed),
            Kind::Settle => self.file_settle(slot, head, packed),
            Kind::Lap => return self.faults.enter(head.account, head.lap()),
            _ => false,
        };
        if !filed {
            self.file_in_list(slot, batch, at);
        }
        if is_target {
            self.number_brought(slot);
        }
    }

    #[inline]
    fn prefetch(&self, batch: &Batch, at: usize, is_near: bool) {
        let head = batch.head(at);
        if head.kind == Kind::Wager {
            self.directory.prefetch_account(head.account, is_near);
        }
    }

    /// Nearly every wager is settled before its result is due.
    #[inline]
    fn is_due(&self, slot: &Slot, tick: Tick) -> bool {
        slot.has(MANY) || self.missing_from_ms(slot).is_some_and(|from_ms| from_ms <= tick)
    }

    #[inline]
    fn prefetch_turn(&self, slot: &Slot) {
        if !slot.has(MANY) && slot.has(WAGER) {
            self.directory.prefetch_names(slot.account);
        }
    }

    fn before(&mut self, slot: &Slot, now: Tick, eager: bool) -> Before {
        if eager || slot.has(MANY) {
            Before::Told(Box::new(self.tell(slot, now)))
        } else {
            Before::Simple(*slot)
        }
    }

    fn turn(&mut self, key: u128, slot: &mut Slot, before: Before, tick: Tick, out: &mut Outbox) -> Turn {
        if !slot.has(MANY)
            && let Before::Simple(before) = &before
            && self.turn_plain(before, slot, tick, out)
        {
            return Turn {
                next: self.missing_from_ms(slot).filter(|&from_ms| from_ms > tick),
                vacant: false,
            };
        }
        if let Before::Simple(before) = &before
            && let Some(turn) = self.turn_unchanged(key, before, slot, tick, out)
        {
            return turn;
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
            if !told.is_commanded() {
                self.simplify(slot, &life);
            }
            (told, life.missing_from_ms)
        } else {
            (self.tell_simple(slot, tick), self.missing_from_ms(slot))
        };
        self.writer.differ(&before, &after, tick, &self.directory, out);
        self.tell_faults(home(key), slot, (&before.faults, &after.faults), tick, out);
        if after.faults.is_empty() && !before.faults.is_empty() && slot.has(WAGER) {
            self.missing.get_mut().remove(&slot.wager.0);
        }
        Turn { next: missing_from_ms.filter(|&from_ms| from_ms > tick), vacant: slot.flags() == 0 }
    }

    fn turned(&mut self, tick: Tick, out: &mut Outbox) {
        self.writer.end_tick(tick, &self.directory, out);
        out.seen.extend(self.directives.new.drain(..).map(|(target, since)| Seen::new(target, since, tick)));
        for place in self.freed.drain(..) {
            self.missing.get_mut().remove(&place.0);
            self.log.free(place);
        }
        self.faults.turned();
        self.last_tick = tick;
    }

    fn seal(&mut self, tick: Tick, is_last: bool, out: &mut Outbox) {
        self.writer.seal(tick, is_last, &mut self.directory, out);
    }

    fn forget_after(&self, slot: &Slot) -> Tick {
        if self.is_held(slot) {
            return Tick::MAX;
        }
        if slot.has(MANY) {
            let Some(latest_ms) = self.latest_ms(self.list(slot)) else { return Tick::MAX };
            let is_open = self.tell_list(slot, 0, Wanted::default()).1.state == State::Open;
            return self.settings.forget_after(latest_ms, is_open);
        }
        match slot.flags() & (WAGER | SETTLED) {
            0 => Tick::MAX,
            WAGER => self.settings.forget_after(slot.at_ms(), true),
            _ => self.settings.forget_after(slot.at_ms().max(slot.settled_at_ms()), false),
        }
    }

    /// One recent record answers for a long list.
    fn is_past(&self, slot: &Slot, admitted: Tick) -> bool {
        let is_recent = |filed: &Filed| self.settings.forget_after(filed.at_ms(), false) >= admitted;
        let has_recent = slot.has(MANY) && self.list(slot).iter().rev().any(is_recent);
        !has_recent && self.forget_after(slot) < admitted
    }

    fn forget(&mut self, key: u128, slot: &mut Slot, now: Tick, out: &mut Outbox) {
        if self.settings.rest_at_end {
            self.rest_rows(slot, now, &mut out.told.rest.loose, None);
        }
        if self.may_have_failed(slot) {
            let faults = self.tell(slot, now).faults;
            let after = self.forget_after(slot);
            self.faults.forget(home(key), &faults, after, |id| self.named(slot, id), &mut out.faults);
        }
        if slot.has(MANY) {
            self.lists[slot.account as usize] = Vec::new();
            self.free_lists.push(slot.account);
        } else {
            self.free_kept(slot);
        }
    }

    fn reach(
        &self,
        side: &[(Beside, isize)],
        slab: &Slab<Slot>,
        find: &dyn Fn(u128) -> Option<u32>,
    ) -> Vec<u32> {
        let is_reference = |(beside, _): &(Beside, isize)| matches!(beside, Beside::Reference(_));
        let holds = |(beside, _): &(Beside, isize)| matches!(beside, Beside::RuleThatHolds);
        if side.iter().any(is_reference) || !self.may_hold && side.iter().any(holds) {
            return slab.live().collect();
        }
        self.reached(side, slab, find)
    }

    fn verdicts(out: &mut Outbox) -> Vec<FaultBatch> {
        std::mem::take(&mut out.faults)
    }

    fn enters_until(&self) -> Tick {
        self.faults.enters_until()
    }

    fn take_side(&mut self, side: &[(Beside, isize)]) {
        for (beside, diff) in side {
            match beside {
                Beside::Reference(row) => self.directory.take(row, *diff),
                Beside::RuleThatHolds => self.may_hold = true,
                Beside::Decided(decided) => self.directives.take(decided, *diff),
            }
        }
    }

    fn revise(&mut self, slot: &mut Slot) {
        // What the new rows refuse is no longer simple.
        let refused =
            slot.has(WAGER) && self.directory.refuses(slot.account, Some(slot.game), slot.at_ms()).is_some();
        if refused && !slot.has(MANY) {
            self.make_list(slot);
        }
        self.heed(slot);
    }

    fn keep(&mut self, slot: &Slot) -> Kept {
        self.saved(slot)
    }

    fn back(&mut self, kept: Kept, at: Tick) -> Slot {
        self.brought_back(kept, at)
    }

    fn own(&self) -> Vec<(Whose, Own)> {
        self.saved_beside()
    }

    fn own_after(&mut self) -> Vec<(Whose, Own)> {
        let forgotten = self.writer.ties.borrow_mut().forgotten().into_iter();
        forgotten.map(|(key, records)| (Whose::Owner(key), Own::Tie(key, records))).collect()
    }

    fn own_back(&mut self, own: Own) {
        self.brought_back_beside(own);
    }

    fn worked_through(&mut self, at: Tick) {
        self.last_tick = at;
    }

    fn is_full(out: &Outbox) -> bool {
        out.is_full()
    }

    fn rest(&mut self, slab: &Slab<Slot>, out: &mut Outbox) -> bool {
        super::rest::rest(self, slab, out)
    }
}
