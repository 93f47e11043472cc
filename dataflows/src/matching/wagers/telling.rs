//! Telling: what a simple wager amounts to, from its slot.

use gyre_domain::cause::Cause;
use gyre_domain::lifecycle::State;
use gyre_domain::money::Quantity;
use gyre_domain::records::{Outcome, Record, Wager};
use gyre_domain::rtp::Plays;

use super::Wagers;
use super::slot::{CLAIMS, FREE_ROUND, KNOWS, MANY, PLAIN, SETTLED, Slot, TIED, WAGER};
use crate::Tick;
use crate::faults::{Fault, Faults};
use crate::matching::booking::{credit_booked, stake_booked};
use crate::matching::findings::Finding;
use crate::matching::postings;
use crate::matching::ties::Tied;
use crate::matching::told::{Booked, Outbox, Play, QUARTER_MS, Told};
use crate::ops::fold_by_key::Turn;
use crate::packed::{Kept, Known};
use crate::rows::records::{Maximum, Staked, Standing, push_record_reject, push_wager_state};
use crate::rows::{Output, write};
use crate::seams::Suspicion;

impl Wagers {
    /// What a simple key tells.
    pub(super) fn tell_simple(&self, slot: &Slot, tick: Tick) -> Told {
        let mut told = Told::default();
        if !slot.has(WAGER) {
            return told;
        }
        let claims = slot.has(CLAIMS);
        let stake_claim = claims.then(|| self.kept_wager(slot).claim).flatten();
        told.booked.push(self.stake_event(slot, stake_claim));
        let settled = slot.has(SETTLED);
        let findings = self.findings(slot);
        if settled {
            let payout_claim = claims.then(|| self.kept_settle(slot).claim).flatten();
            told.booked.extend(payout_event(slot, payout_claim));
            told.marks.states[1] = 1;
        } else {
            told.marks.states[0] = 1;
            if self.missing_from_ms(slot).is_some_and(|from_ms| from_ms <= tick) {
                told.marks.rejects.push(Cause::OutcomeMissing as u8);
                told.faults.extend(self.missing_fault(slot));
            }
        }
        told.play = self.play(slot);
        told.tied = self.tied(slot);
        let is_held = self.tell_holding(slot, &mut told);
        told.marks.anomalies.extend(findings.iter().map(|finding| finding.kind() as u8));
        told.suspicions = self.suspicions(slot, &findings);
        if self.settings.wanted.changes {
            told.rows.push((Output::WagerStates, write(|out| self.push_state_row(slot, out))));
            let is_missing = !told.marks.rejects.is_empty();
            told.rows.extend(self.other_rows(slot, is_missing, is_held));
        }
        told
    }

    /// The fault of a simple wager whose outcome is missing, where anybody asks. It is told when it begins, when it ends
    /// and when it is named: which it is is worked out once.
    fn missing_fault(&self, slot: &Slot) -> Option<Fault> {
        let cause = Cause::OutcomeMissing;
        if let Some(&id) = self.missing.borrow().get(&slot.wager.0) {
            return Some(Fault { id, cause });
        }
        let fault = self.faults.is_on().then(|| Record::Wager(self.wager_of(slot)));
        let fault = fault.and_then(|wager| self.faults.fault(&wager, cause))?;
        self.missing.borrow_mut().insert(slot.wager.0, fault.id);
        Some(fault)
    }

    /// The turn of a simple key that only a lap or a timer touched, where that changed nothing.
    pub(super) fn turn_unchanged(
        &self,
        key: u128,
        before: &Slot,
        after: &Slot,
        tick: Tick,
        out: &mut Outbox,
    ) -> Option<Turn> {
        let from_ms = self.missing_from_ms(after);
        let is_missing = |tick| from_ms.is_some_and(|from_ms| from_ms <= tick);
        if before != after || is_missing(tick) != is_missing(self.last_tick) {
            return None;
        }
        if is_missing(tick) && self.faults.asks() {
            let faults: Faults = self.missing_fault(after).into_iter().collect();
            self.tell_faults(super::home(key), after, (&faults, &faults), tick, out);
        }
        Some(Turn { next: from_ms.filter(|&from_ms| from_ms > tick), vacant: after.flags() == 0 })
    }

    /// What the log keeps of a simple key's wager.
    pub(super) fn kept_wager(&self, slot: &Slot) -> Kept<'_> {
        Kept::read(self.log.get(slot.wager))
    }

    /// What the log keeps of a simple key's settle, or its slot where that is enough.
    pub(super) fn kept_settle(&self, slot: &Slot) -> Kept<'_> {
        if slot.has(PLAIN) {
            Kept::plain_settle(slot.settle.0.into())
        } else {
            Kept::read(self.log.get(slot.settle))
        }
    }

    fn known(&self, slot: &Slot, amount: i64, at_ms: u64) -> Known<'_> {
        let names = self.directory.names(slot.account, slot.game);
        Known { names, amount, currency: self.currencies[slot.currency()], at_ms }
    }

    /// A simple key's wager record.
    pub(super) fn wager_of(&self, slot: &Slot) -> Wager<'_> {
        self.kept_wager(slot).wager(&self.known(slot, slot.stake, slot.at_ms()))
    }

    /// A simple key's settle record.
    pub(super) fn settle_of(&self, slot: &Slot) -> Outcome<'_> {
        let known = self.known(slot, slot.payout, slot.settled_at_ms());
        self.kept_settle(slot).settle(self.kept_wager(slot).id, &known)
    }

    pub(super) fn findings(&self, slot: &Slot) -> Vec<Finding> {
        let mut findings = Vec::new();
        if slot.has(KNOWS) {
            let known_ms = self.settle_of(slot).known_ms;
            findings.extend(known_ms.filter(|&known_ms| slot.at_ms() > known_ms).map(Finding::Late));
        }
        if slot.has(SETTLED) && self.exceeds_maximum(slot) {
            findings.push(Finding::AboveMaximum);
        }
        findings
    }

    /// What is told of them; mostly nothing.
    fn suspicions(&self, slot: &Slot, findings: &[Finding]) -> Vec<Suspicion> {
        if findings.is_empty() {
            return Vec::new();
        }
        let (wager, standing) = (self.wager_of(slot), self.standing_of_simple(slot));
        let told = |it: &Finding| it.suspicion(&wager, &standing, &self.directory, &self.settings.keys);
        findings.iter().map(told).collect()
    }

    pub(super) fn exceeds_maximum(&self, slot: &Slot) -> bool {
        let maximum =
            self.directory.terms(slot.game, slot.at_ms()).and_then(|terms| terms.payout_max.as_ref());
        maximum.is_some_and(|(spelt, multiple_e9)| {
            Maximum { spelt, multiple_e9: *multiple_e9 }.is_exceeded(slot.stake, slot.payout.into())
        })
    }

    /// From when on an open wager's outcome is missing.
    pub(super) fn missing_from_ms(&self, slot: &Slot) -> Option<u64> {
        let is_open = slot.flags() & (WAGER | SETTLED) == WAGER;
        is_open.then(|| slot.at_ms() + self.directory.due_ms(slot.game, slot.at_ms()))
    }

    pub(super) fn stake_event(&self, slot: &Slot, claim: Option<Quantity>) -> Booked {
        stake_booked(slot.account, slot.at_ms(), slot.stake, slot.has(FREE_ROUND), claim)
    }

    /// What the wager says of links.
    pub(super) fn tied(&self, slot: &Slot) -> Option<Box<Tied>> {
        let settled = slot.has(SETTLED).then(|| (slot.payout.into(), slot.settled_at_ms()));
        slot.has(TIED).then(|| Tied::of_wager(&self.wager_of(slot), settled, &self.settings.keys)).flatten()
    }

    /// The same in a plain turn: what it used is told when it comes, its part in the round once it is settled.
    fn tie_plain(&self, is_new: bool, after: &Slot, tick: Tick, out: &mut Outbox) {
        if !after.has(TIED) {
            return;
        }
        let settled = after.has(SETTLED).then(|| (after.payout.into(), after.settled_at_ms()));
        let (mut ties, keys) = (self.writer.ties.borrow_mut(), &self.settings.keys);
        ties.tell_plain(&self.wager_of(after), (is_new, settled), keys, tick, out);
    }

    pub(super) fn play(&self, slot: &Slot) -> Option<Play> {
        if slot.has(FREE_ROUND) {
            return None;
        }
        let (plays, measure) = if slot.has(SETTLED) {
            let measure = self.directory.terms(slot.game, slot.at_ms()).and_then(|terms| terms.measure);
            (Plays::settled(slot.stake, slot.payout.into(), measure), measure)
        } else {
            (Plays::open(slot.stake), None)
        };
        let quarter = (slot.at_ms() / QUARTER_MS) as u32;
        let measured = measure.map(|measure| (slot.account, measure));
        Some(Play { game: slot.game, currency: self.currencies[slot.currency()], quarter, plays, measured })
    }

    /// The commonest of turns: a wager comes, is settled, or both, and nothing is to be said of it but its money. Only
    /// what changed is told; the long way would tell the same. Says whether this was one.
    pub(super) fn turn_plain(&mut self, before: &Slot, after: &Slot, tick: Tick, out: &mut Outbox) -> bool {
        let is_new = before.flags() == 0;
        let is_settled = after.has(SETTLED);
        let due_ms = |slot: &Slot| slot.at_ms() + self.directory.due_ms(slot.game, slot.at_ms());
        let is_plain = !self.settings.wanted.postings
            && self.directives.spares_payouts()
            && !self.may_hold
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
        }
        if is_settled {
            if let Some(booked) = payout_event(after, None) {
                self.writer.book(&booked, 1, tick, &self.directory, out);
            }
            out.told.counts.settled += 1;
        } else {
            out.told.counts.open += 1;
        }
        self.play_plain(is_new, after);
        self.tie_plain(is_new, after, tick, out);
        if self.settings.wanted.changes {
            for (slot, diff) in [(before, -1), (after, 1)].into_iter().skip(usize::from(is_new)) {
                out.told
                    .changes
                    .push(Output::WagerStates, tick, diff, |text| self.push_state_row(slot, text));
            }
        }
        true
    }

    /// Of a plain turn: what stood is taken away and what stands is added, in one place.
    fn play_plain(&mut self, is_new: bool, after: &Slot) {
        let Some(play) = self.play(after) else { return };
        let plays = self.writer.plays_of(&play);
        if !is_new {
            plays.open_wagers -= 1;
            plays.open_stake -= i128::from(after.stake);
        }
        plays.add(&play.plays);
        self.writer.win(&play, 1);
    }

    /// Writes the row of where a simple wager stands.
    pub(super) fn push_state_row(&self, slot: &Slot, out: &mut Vec<u8>) {
        let kept = self.kept_wager(slot);
        let [tenant, provider, account, game] =
            self.directory.names(slot.account, slot.game).map(str::as_bytes);
        let staked = Staked {
            texts: [tenant, provider, kept.id, account, game, kept.round()],
            currency: self.currencies[slot.currency()],
            stake: slot.stake,
            at_ms: slot.at_ms(),
            revision: kept.revision,
        };
        push_wager_state(out, &staked, &self.standing_of_simple(slot));
    }

    /// The other rows of a simple wager; mostly none.
    pub(super) fn other_rows(&self, slot: &Slot, is_missing: bool, is_held: bool) -> Vec<(Output, Vec<u8>)> {
        let mut rows = Vec::new();
        if !is_missing && !self.settings.wanted.postings {
            return rows;
        }
        let (wager, position) = (self.wager_of(slot), self.kept_wager(slot).position);
        if is_missing {
            rows.push(self.missing_row(&wager, position));
        }
        if self.settings.wanted.postings {
            postings::of_wager(&wager, position, &mut rows, &self.settings.places);
            // Those that a rule could hold are told by who holds.
            if slot.has(SETTLED) && (is_held || !self.may_hold) {
                let (settle, position) = (self.settle_of(slot), self.kept_settle(slot).position);
                let position = (position, is_held);
                postings::of_settle(&wager, &settle, position, &mut rows, &self.settings.places);
            }
        }
        rows
    }

    fn standing_of_simple(&self, slot: &Slot) -> Standing {
        let is_settled = slot.has(SETTLED);
        Standing {
            state: if is_settled { State::Settled } else { State::Open },
            payout: is_settled.then(|| slot.payout.into()),
            settled_at_ms: is_settled.then(|| slot.settled_at_ms()),
            outcome_revision: is_settled.then(|| self.kept_settle(slot).revision),
        }
    }

    pub(super) fn missing_row(&self, wager: &Wager<'_>, position: u64) -> (Output, Vec<u8>) {
        let record = Record::Wager(wager.clone());
        let places = &self.settings.places;
        let row =
            write(|out| push_record_reject(out, &record, Cause::OutcomeMissing, position, None, places));
        (Output::Rejects, row)
    }

    /// The rows at rest of a simple wager, but for where it stands.
    pub(super) fn other_rows_at_rest(&self, slot: &Slot, tick: Tick) -> Vec<(Output, Vec<u8>)> {
        let is_missing = self.missing_from_ms(slot).is_some_and(|from_ms| from_ms <= tick);
        self.other_rows(slot, is_missing, self.is_held(slot))
    }
}

fn payout_event(slot: &Slot, claim: Option<Quantity>) -> Option<Booked> {
    credit_booked(slot.account, slot.settled_at_ms(), slot.payout, claim)
}
