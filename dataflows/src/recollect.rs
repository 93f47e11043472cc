//! Recollect: failed records enter again until they are mended or quarantined, and every lap asks the provider.
//!
//! ```text
//! faults (validate, matching) ──▶ fold by record ──▶ recollect (requests), quarantine ──▶ outputs
//!                                    └──▶ laps ──▶ an edge of their own, through validate to who judges the record
//! ```
//! A lap of a record that failed is the update −(record, n) +(record, n+1) at its due tick. The record itself stays
//! with whoever judges it; what goes around is its key and the number n, which is counted here, so equality and every
//! rule ignore n. At its due tick the record is judged again with everything that is known then, and the verdict comes
//! back, if it is another one: *mended* leaves no trace of the lap, *another fault*, or *the same fault* where the tick is
//! complete and nothing came, counts the attempt and asks the provider.
//! After the last lap the record rests in quarantine, with its history, for as long as it is a fault.
//!
//! **Laps cannot touch the books**: a lap files nothing, it only wakes the record's key, and what is told of a key is a
//! function of the records filed with it; nor does a path of the engine lead from laps to anything but verdicts. **The
//! loop ends**: every lap of an unbroken fault raises n, n is bounded by the number of delays, each lap is later than
//! the one before by at least the loop's delay, and a new fault needs a record that comes. **Memory** is that of what
//! fails now: a record that is mended, or whose key is forgotten, leaves nothing.

use std::sync::Arc;

use gyre_domain::cause::Cause;
use gyre_domain::records::Topic;
use gyre_domain::rules::LAPS_MAX;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use timely::dataflow::operators::Leave;
use timely::dataflow::operators::generic::operator::empty;
use timely::dataflow::{Scope, StreamVec};

use crate::Tick;
use crate::batch::{Batch, Lap};
use crate::checkpoint::later::{HandIn, keep_under_way};
use crate::checkpoint::{Saving, small};
use crate::faults::{FaultBatch, Home, LapsOfOne, Named, Verdict};
use crate::graph::Settings;
use crate::keys::owner;
use crate::ops::fan_out::fan_out;
use crate::ops::fold_by_key::{Fold, Pace, Slab, Turn, fold_by_key};
use crate::rows::{Object, Output, push_raw, write};
use crate::seams::Reading;

/// Verdicts that a record's history keeps beside those that asked: a fault that changes its cause over and over must
/// not grow without bound.
const OTHER_VERDICTS_MAX: usize = 32;

/// When failed records enter again.
#[derive(Clone, Debug)]
pub struct Laps {
    /// How long after the verdict before it each lap is due, milliseconds; multiples of a tick.
    pub delays_ms: Arc<[u64]>,
    /// Ticks are multiples of this.
    pub tick_ms: u64,
    /// How much later what leaves the end of the loop is at its beginning: not more than any delay.
    pub loop_ms: u64,
}

impl Laps {
    /// Laps after these delays, at ticks that are multiples of `tick_ms`; at most [`LAPS_MAX`] of them.
    pub fn new(delays_ms: &[u64], tick_ms: u64) -> Self {
        let tick_ms = tick_ms.max(1);
        let ticks = delays_ms.iter().take(LAPS_MAX).map(|delay| delay.next_multiple_of(tick_ms).max(tick_ms));
        let delays_ms: Arc<[u64]> = ticks.collect();
        let loop_ms = delays_ms.iter().copied().min().unwrap_or(tick_ms);
        Self { delays_ms, tick_ms, loop_ms }
    }

    /// The laps of one record. `are_asked` says that requests are read, or answered, as they are made.
    pub fn of_one(&self, are_asked: bool) -> LapsOfOne {
        // Each is due at the tick at or after its time.
        let each = self.delays_ms.iter().map(|delay| delay + self.tick_ms);
        let number = self.delays_ms.len();
        LapsOfOne { number, named_on: are_asked.then_some(1), all_within_ms: each.sum() }
    }
}

/// What the stage gives.
pub struct Outputs<'s> {
    /// Failed records that enter again.
    pub laps: StreamVec<'s, Tick, Batch>,
    /// Requests, quarantine and counts.
    pub told: StreamVec<'s, Tick, Reading>,
}

impl Outputs<'_> {
    /// Leaves the stage's region.
    pub fn leave(self, scope: Scope<'_, Tick>) -> Outputs<'_> {
        Outputs { laps: self.laps.leave(scope), told: self.told.leave(scope) }
    }
}

/// Builds the stage. Laps that are under way at a checkpoint come `back` where the loop begins.
pub fn build<'s>(
    faults: StreamVec<'s, Tick, FaultBatch>,
    laps: &Laps,
    settings: &Settings,
    saving: &Saving,
    back: HandIn<Batch>,
) -> Outputs<'s> {
    let nothing = empty(faults.scope());
    let fold = Recollection { settings: settings.clone(), laps: laps.clone(), tallied: Tally::default() };
    // Whoever judges a record may say whose it is when all else has been told.
    let pace = Pace { ends_when_closed: true, ..settings.pace() };
    let told = fold_by_key(faults, nothing, saving.op("keep what fails by record"), pace, fold);
    let (laps, told) = fan_out(told, "hand out laps and requests", |mut round: Round, parts| {
        parts.first.append(&mut round.laps);
        parts.second.push(round.told);
    });
    let op = saving.op("keep laps under way");
    let laps = keep_under_way(
        laps,
        op,
        back,
        |batch: &Batch| batch.laps().collect::<Vec<_>>(),
        lap_again(settings.workers),
    );
    Outputs { laps, told }
}

/// A lap that was under way goes to the worker that owns its record now.
fn lap_again(workers: usize) -> impl Fn((u8, bool, Lap)) -> Batch {
    move |(topic, is_unsound, lap)| {
        let worker = owner(lap.key, workers) as u32;
        Batch::of_lap(worker, Topic::ALL[usize::from(topic)], &lap, is_unsound)
    }
}

/// What a worker's failing records come to in a while.
#[derive(Clone, Default)]
struct Round {
    laps: Vec<Batch>,
    told: Reading,
}

/// The fold of faults: what is known of each record that fails now.
struct Recollection {
    settings: Settings,
    laps: Laps,
    /// What was filed in the tick at hand.
    tallied: Tally,
}

/// Counts of verdicts.
#[derive(Default)]
struct Tally {
    recovered: [i64; LAPS_MAX + 1],
    requested: i64,
    same_fault: i64,
    other_fault: i64,
}

/// A record that fails now.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Failing {
    /// Who says that it fails, and why; mostly one. A copy of it that was refused as it came fails beside it.
    #[serde(with = "small")]
    homes: SmallVec<[Charge; 1]>,
    /// How often it has entered again.
    laps: u8,
    /// When it enters next, while it does.
    due: Option<Tick>,
    /// Its next lap is under way.
    is_under_way: bool,
    /// Every verdict; empty of a record that does not fail.
    #[serde(with = "small")]
    history: SmallVec<[Judged; 4]>,
    /// Its part of its rows, by the least of those who told it: of two in one tick nobody sees which came first.
    named: Option<(Home, Arc<Named>)>,
}

/// What stood of a record before a tick.
struct Stood {
    charge: Option<Charge>,
    laps: u8,
    is_quarantined: bool,
    /// Where somebody reads changes.
    rows: Vec<(Output, Vec<u8>)>,
}

/// That a record fails, by one of those who judge it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Charge {
    cause: u8,
    home: Home,
    /// The record's key was forgotten there: this stands for ever.
    is_forgotten: bool,
}

/// A verdict of a failing record.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Judged {
    tick: Tick,
    laps: u8,
    cause: u8,
    /// It was a lap's, and asked the provider.
    asked: bool,
}

impl Judged {
    fn cause(self) -> Cause {
        Cause::ALL[usize::from(self.cause)]
    }
}

impl Failing {
    fn is_failing(&self) -> bool {
        !self.history.is_empty()
    }

    /// The first charge in the order of checks is the record's.
    fn charge(&self) -> Option<Charge> {
        self.homes.iter().copied().min()
    }

    /// Nobody will say anything of it any more.
    fn is_forgotten(&self) -> bool {
        !self.homes.is_empty() && self.homes.iter().all(|charge| charge.is_forgotten)
    }

    fn is_quarantined(&self) -> bool {
        self.is_failing() && self.due.is_none()
    }

    fn cause(&self) -> Option<Cause> {
        self.history.last().map(|judged| judged.cause())
    }

    /// Puts the next lap off, or the record into quarantine.
    fn wait(&mut self, tick: Tick, laps: &Laps) {
        let delay_ms = laps.delays_ms.get(usize::from(self.laps));
        let delay_ms = delay_ms.filter(|_| self.cause().is_some_and(Cause::enters_again));
        self.due = delay_ms.map(|delay_ms| (tick + delay_ms).next_multiple_of(laps.tick_ms));
        self.is_under_way = false;
    }

    fn judge(&mut self, tick: Tick, cause: u8, asked: bool) {
        let judged = Judged { tick, laps: self.laps, cause, asked };
        let others = self.history.iter().filter(|judged| !judged.asked).count();
        match self.history.last_mut() {
            Some(last) if !asked && !last.asked && others >= OTHER_VERDICTS_MAX => *last = judged,
            _ => self.history.push(judged),
        }
    }

    /// The rows that stand.
    fn rows(&self) -> Vec<(Output, Vec<u8>)> {
        let Some((_, named)) = &self.named else { return Vec::new() };
        let mut rows = Vec::new();
        for judged in self.history.iter().filter(|judged| judged.asked) {
            let row = |out: &mut Vec<u8>| {
                named
                    .open(out)
                    .integer("attempt", i64::from(judged.laps))
                    .text("cause", judged.cause().name())
                    .time("due_ms", judged.tick)
                    .close();
            };
            rows.push((Output::Recollect, write(row)));
        }
        if let Some(cause) = self.cause().filter(|_| self.is_quarantined()) {
            let row = |out: &mut Vec<u8>| {
                named
                    .open(out)
                    .text("cause", cause.name())
                    .integer("attempts", i64::from(self.laps))
                    .raw("history", |out| self.push_history(out))
                    .raw("raw", |out| push_raw(out, named.raw.as_deref()))
                    .close();
            };
            rows.push((Output::Quarantine, write(row)));
        }
        rows
    }

    fn push_history(&self, out: &mut Vec<u8>) {
        out.push(b'[');
        for (number, judged) in self.history.iter().enumerate() {
            if number > 0 {
                out.push(b',');
            }
            Object::open(out)
                .time("tick", judged.tick)
                .integer("attempt", i64::from(judged.laps))
                .text("verdict", judged.cause().name())
                .close();
        }
        out.push(b']');
    }
}

impl Recollection {
    /// At the end of a tick: what is charged against a record has changed, or its lap was judged.
    fn judge(&mut self, before: &Stood, failing: &mut Failing, tick: Tick) {
        match (before.charge, failing.charge()) {
            (Some(_), None) => {
                self.tallied.recovered[usize::from(failing.laps)] += 1;
                *failing = Failing::default();
            }
            (None, Some(charge)) => {
                failing.judge(tick, charge.cause, false);
                failing.wait(tick, &self.laps);
            }
            (Some(_), Some(charge)) => {
                // All verdicts of the tick are in. Whoever was asked may have mended its own since the lap left: what
                // counts is whether anybody says still that the record fails.
                let is_lap = failing.is_under_way && failing.due == Some(tick);
                self.judge_again(failing, tick, charge.cause, is_lap);
            }
            (None, None) => {}
        }
    }

    /// A record is still a fault; if its lap was due, the lap counts.
    fn judge_again(&mut self, failing: &mut Failing, tick: Tick, cause: u8, is_lap: bool) {
        let is_same = failing.history.last().is_some_and(|last| last.cause == cause);
        if is_lap {
            failing.laps += 1;
            failing.judge(tick, cause, true);
            failing.wait(tick, &self.laps);
            self.tallied.requested += 1;
        } else if !is_same {
            failing.judge(tick, cause, false);
        }
        match is_same {
            true if is_lap => self.tallied.same_fault += 1,
            false => self.tallied.other_fault += 1,
            true => {}
        }
    }

    /// Sends what is due to the beginning of the loop, where it arrives at its due tick.
    fn send(&self, id: u128, home: Home, (due, number): (Tick, u8), out: &mut Round) {
        let lap = Lap { key: home.key, fault: id, due, number };
        let worker = owner(lap.key, self.settings.workers) as u32;
        let (topic, is_unsound) = (Topic::ALL[usize::from(home.topic)], home.is_unsound);
        match out.laps.iter_mut().find(|batch| batch.takes_lap(worker, topic, &lap, is_unsound)) {
            Some(batch) => batch.push_lap(&lap, is_unsound),
            None => out.laps.push(Batch::of_lap(worker, topic, &lap, is_unsound)),
        }
    }

    /// What the provider answers to a request, where a replay has one to ask.
    fn answer(&self, failing: &Failing, tick: Tick, out: &mut Round) {
        let (Some(provider), Some((_, named))) = (&self.settings.provider, &failing.named) else { return };
        let laps = (self.laps.tick_ms, self.laps.loop_ms);
        out.told.answers.extend(provider.answers(named, failing.laps, tick, laps));
    }
}

impl Fold for Recollection {
    type Updates = FaultBatch;
    type Side = ();
    type State = Failing;
    type Before = Stood;
    type Out = Round;
    type Verdict = ();
    type Kept = Failing;
    type Own = ();

    fn file(&mut self, failing: &mut Failing, batch: &FaultBatch, at: usize) {
        let change = &batch.changes[at];
        failing.homes.retain(|charge| charge.home != change.home);
        if change.verdict != Verdict::Mended {
            let is_forgotten = change.verdict == Verdict::Forgotten;
            failing.homes.push(Charge { cause: change.cause, home: change.home, is_forgotten });
        }
        if let Some(named) = &change.named
            && failing.named.as_ref().is_none_or(|(home, _)| change.home <= *home)
        {
            failing.named = Some((change.home, Arc::clone(named)));
        }
    }

    fn before(&mut self, failing: &Failing, _now: Tick, _eager: bool) -> Stood {
        Stood {
            charge: failing.charge(),
            laps: failing.laps,
            is_quarantined: failing.is_quarantined(),
            rows: if self.settings.wanted.changes { failing.rows() } else { Vec::new() },
        }
    }

    fn turn(&mut self, key: u128, failing: &mut Failing, before: Stood, tick: Tick, out: &mut Round) -> Turn {
        if failing.is_forgotten() {
            if self.settings.rest_at_end {
                out.told.rest.loose.extend(&failing.rows());
            }
            *failing = Failing::default();
            return Turn { next: None, vacant: true };
        }
        self.judge(&before, failing, tick);
        out.told.counts.quarantined += i64::from(failing.is_quarantined()) - i64::from(before.is_quarantined);
        if self.settings.wanted.changes {
            let (old, new) = (before.rows, failing.rows());
            for (rows, others, diff) in [(&old, &new, -1), (&new, &old, 1)] {
                for (output, row) in rows.iter().filter(|row| !others.contains(row)) {
                    out.told.changes.push(*output, tick, diff, |text| text.extend_from_slice(row));
                }
            }
        }
        if failing.history.last().is_some_and(|last| last.asked && last.tick == tick)
            && failing.laps > before.laps
        {
            self.answer(failing, tick, out);
        }
        let leaves_at = failing.due.filter(|_| !failing.is_under_way).map(|due| due - self.laps.loop_ms);
        if let (Some(due), Some(leaves_at), Some(charge)) = (failing.due, leaves_at, failing.charge())
            && leaves_at <= tick
        {
            self.send(key, charge.home, (due, failing.laps + 1), out);
            failing.is_under_way = true;
        }
        // Its lap comes back to whoever was asked; that it is due is known here.
        let next = if failing.is_under_way { failing.due } else { leaves_at };
        Turn { next: next.filter(|&at| at > tick), vacant: !failing.is_failing() }
    }

    fn turned(&mut self, _tick: Tick, out: &mut Round) {
        let tallied = std::mem::take(&mut self.tallied);
        let counts = &mut out.told.counts;
        for (sum, number) in counts.recovered.iter_mut().zip(tallied.recovered) {
            *sum += number;
        }
        counts.requested += tallied.requested;
        counts.same_fault += tallied.same_fault;
        counts.other_fault += tallied.other_fault;
    }

    /// Whoever judges a record says when it is forgotten.
    fn forget_after(&self, _failing: &Failing) -> Tick {
        Tick::MAX
    }

    fn forget(&mut self, _key: u128, _failing: &mut Failing, _now: Tick, _out: &mut Round) {}

    fn reach(
        &self,
        _side: &[((), isize)],
        _slab: &Slab<Failing>,
        _find: &dyn Fn(u128) -> Option<u32>,
    ) -> Vec<u32> {
        Vec::new()
    }

    fn take_side(&mut self, _side: &[((), isize)]) {}

    fn revise(&mut self, _failing: &mut Failing) {}

    fn keep(&mut self, failing: &Failing) -> Failing {
        failing.clone()
    }

    fn back(&mut self, failing: Failing, _at: Tick) -> Failing {
        failing
    }

    fn is_full(out: &Round) -> bool {
        out.told.bytes() > 1 << 20 || out.laps.iter().map(Batch::records).sum::<usize>() > 1 << 12
    }

    fn rest(&mut self, slab: &Slab<Failing>, out: &mut Round) -> bool {
        for slot in slab.live() {
            out.told.rest.loose.extend(&slab.get(slot).1.rows());
        }
        true
    }
}
