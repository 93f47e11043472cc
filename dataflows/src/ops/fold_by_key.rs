//! `fold_by_key`: the few records of a key in hash state, folded by a pure function into rows.
//!
//! ```text
//! updates (record, tick, ±1) ──exchange by key──▶ ┌──────────────┐
//!                                                 │ state of key │──▶ differences of f(records, tick)
//! side rows (reference) ──────every worker──────▶ └──────────────┘      timers: next tick at which f changes
//! what enters again ──────────exchange by key──▶          └──────────▶ verdicts, and nothing else
//! ```
//! **Law.** The output at every tick equals `f` evaluated afresh over all admitted records; without timers it equals
//! differential's `reduce`.
//!
//! Old rows are not stored: the first touch of a key in a tick takes what stood before (`f` at the last tick that was
//! worked), the tick's end compares it with `f` now and tells the differences only. A timer is a key's number in the
//! bucket of a due tick: never cancelled, and without effect where nothing is due any more. Keys are forgotten when
//! nothing that could touch them is admitted any longer; **forgetting emits nothing** but the rows at rest, which
//! stand.
//!
//! Messages carry many updates, each with its own tick, at one least time; updates ahead of the frontier wait here. Where
//! ticks are exact, those of one tick are filed in an order of their own, so that nobody sees which of them came first. In a
//! loop they wait for what comes around it too, but only while a verdict was told after which something still may.

use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::operators::generic::operator::empty;
use timely::progress::frontier::Antichain;

use super::calendar::Calendar;
use super::held::Held;
use super::key_index::KeyIndex;
pub use super::slab::Slab;
use super::waiting::{Message, Waiting};
use crate::Tick;
use crate::checkpoint::Op;

mod fold;
mod saved;
mod through;

pub use fold::{Fold, Turn, Updates};
use through::Through;

/// How ticks and forgetting are handled.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Timers fire at ticks of their own (multiples of this many milliseconds); `None` lets them fire with the next
    /// tick that has records, which is enough where only the final state is wanted.
    pub timer_tick_ms: Option<u64>,
    /// How finely the forgetting of keys is spread, in ticks.
    pub forget_ticks: u64,
    /// The end of the inputs is the end of a replay: fire what is left of the timers and tell the rows at rest.
    pub rest_at_end: bool,
    /// What is told, but for verdicts, waits until no tick is left that only waits for the loop: no more than a step of
    /// a replay. Nothing of it may come back to the fold in between, not even as a side row.
    pub gathers: bool,
    /// The inputs have ended once they are closed; else when nothing but rows at rest can come.
    pub ends_when_closed: bool,
}

/// Messages as they are gathered.
type Many<D> = CapacityContainerBuilder<Vec<D>>;

/// What a fold in a loop tells.
pub struct Told<'s, F: Fold> {
    /// Differences, and rows at rest. What enters again reaches none of it.
    pub told: StreamVec<'s, Tick, F::Out>,
    /// Verdicts, on what came and on what entered again.
    pub verdicts: StreamVec<'s, Tick, F::Verdict>,
}

/// See the module. `op` is the operator's name in words, and whether its state is saved.
pub fn fold_by_key<'s, 'n, F: Fold>(
    updates: StreamVec<'s, Tick, F::Updates>,
    side: StreamVec<'s, Tick, (F::Side, Tick, isize)>,
    op: impl Into<Op<'n>>,
    pace: Pace,
    fold: F,
) -> StreamVec<'s, Tick, F::Out> {
    let nothing = empty(updates.scope());
    fold_in_loop(updates, side, nothing, op, pace, fold).told
}

/// The same in a loop: what is `again` to be judged comes around it, later than what was told of it.
pub fn fold_in_loop<'s, 'n, F: Fold>(
    updates: StreamVec<'s, Tick, F::Updates>,
    side: StreamVec<'s, Tick, (F::Side, Tick, isize)>,
    again: StreamVec<'s, Tick, F::Updates>,
    op: impl Into<Op<'n>>,
    pace: Pace,
    fold: F,
) -> Told<'s, F> {
    let op = op.into();
    let mut builder = OperatorBuilder::new(op.name().to_owned(), updates.scope());
    let by_owner = || Exchange::new(|updates: &F::Updates| updates.worker());
    let mut input = builder.new_input(updates, by_owner());
    let mut side_input = builder.new_input(side, Pipeline);
    let (output, told) = builder.new_output();
    let (verdicts_output, verdicts) = builder.new_output();
    // No path leads from what enters again to what is told: the engine itself would not let it through.
    let only_verdicts = [(1, Antichain::from_elem(Default::default()))];
    let mut again_input = builder.new_input_connection(again, by_owner(), only_verdicts);
    let mut output = OutputBuilder::<_, Many<F::Out>>::from(output);
    let mut verdicts_output = OutputBuilder::<_, Many<F::Verdict>>::from(verdicts_output);
    let activator = told.scope().activator_for(builder.operator_info().address);

    let keyed = op.keep(Keyed::new(fold, pace, op.is_on()));
    // Timers that fire with whatever comes next, or at the end, follow the frontier; those of a checkpoint come back.
    let from_the_start = pace.timer_tick_ms.is_none() || op.is_on();

    builder.build(move |capabilities| {
        let mut held = Held::of_each(capabilities, from_the_start);
        move |frontiers| {
            let keyed = &mut *keyed.borrow_mut();
            input.for_each(|came, messages| {
                keyed.waiting.add(messages);
                held.iter_mut().for_each(|held| held.keep(&came));
            });
            side_input.for_each(|came, rows| {
                keyed.side.append(rows);
                held.iter_mut().for_each(|held| held.keep(&came));
            });
            again_input.for_each(|came, messages| {
                keyed.waiting.add(messages);
                held[1].keep(&came);
            });
            let (Some(now), Some(verdicts_now)) = (held[0].now(), held[1].now()) else { return };
            let through = Through::of(frontiers, pace.ends_when_closed);
            let done = {
                let (mut output, mut verdicts_output) = (output.activate(), verdicts_output.activate());
                let mut told = output.session(now);
                let mut send = |out: F::Out| told.give(out);
                let worked_all = keyed.work_through(through, &mut send);
                let done = worked_all && through.is_end() && (!pace.rest_at_end || keyed.rest(&mut send));
                verdicts_output.session(verdicts_now).give_iterator(keyed.verdicts.drain(..));
                done
            };
            if keyed.go_on(&mut held, through, done) {
                activator.activate();
            }
        }
    });
    Told { told, verdicts }
}

/// The operator's state and its work, apart from the engine.
struct Keyed<F: Fold> {
    fold: F,
    pace: Pace,
    /// The state is saved: what is told when keys are forgotten must be seen while it is under way.
    is_saved: bool,
    index: KeyIndex,
    slab: Slab<F::State>,
    waiting: Waiting<F::Updates>,
    /// Messages with updates in the tick at hand.
    coming: Vec<Message<F::Updates>>,
    side: Vec<(F::Side, Tick, isize)>,
    timers: Calendar,
    forgetting: Calendar,
    touched: Vec<(u32, F::Before)>,
    marks: Vec<u64>,
    /// The last tick that was worked.
    now: Tick,
    /// The last tick at which a record came.
    last_record: Tick,
    /// The timers that were left at the end have fired.
    ended: bool,
    out: F::Out,
    /// Something is told there that was not sent.
    unsent: bool,
    verdicts: Vec<F::Verdict>,
}

impl<F: Fold> Keyed<F> {
    fn new(fold: F, pace: Pace, is_saved: bool) -> Self {
        Self {
            fold,
            pace,
            is_saved,
            index: KeyIndex::default(),
            slab: Slab::default(),
            waiting: Waiting::default(),
            coming: Vec::new(),
            side: Vec::new(),
            timers: Calendar::default(),
            forgetting: Calendar::default(),
            touched: Vec::new(),
            marks: Vec::new(),
            now: 0,
            last_record: 0,
            ended: false,
            out: F::Out::default(),
            unsent: false,
            verdicts: Vec::new(),
        }
    }

    /// Works every tick that is complete, in order; says whether none is left that only waits for the loop.
    fn work_through(&mut self, through: Through, send: &mut impl FnMut(F::Out)) -> bool {
        self.side.sort_by_key(|(_, tick, _)| *tick);
        let mut sides = std::mem::take(&mut self.side);
        let mut taken = 0;
        let mut told = std::mem::take(&mut self.unsent);
        let mut blocked = None;
        loop {
            // What tells an earlier tick than the last one worked (a key that was forgotten) belongs to that.
            let record_tick = self.waiting.first().map(|tick| tick.max(self.now));
            let side_tick = sides.get(taken).map(|side| side.1);
            let timer_tick = self.next_timer(through.records);
            let Some(tick) = [record_tick, side_tick, timer_tick].into_iter().flatten().min() else { break };
            if !through.has_all_of(tick, self.fold.enters_until()) {
                blocked = Some(tick).filter(|&tick| tick < through.records);
                break;
            }
            let here = taken + sides[taken..].partition_point(|side| side.1 == tick);
            self.work(tick, &sides[taken..here], send);
            taken = here;
            told = true;
        }
        sides.drain(..taken);
        self.side = sides;
        // The horizon lies far behind the last tick worked: nothing admitted from now on can touch these keys, and what
        // may still enter again is due later. After the last record of a replay time runs on, and nothing expires.
        if through.records != Tick::MAX {
            let enters = Some(through.again).filter(|&again| self.fold.enters_until() >= again);
            let open = blocked.unwrap_or(through.records).min(enters.unwrap_or(Tick::MAX));
            let now = open.saturating_sub(1);
            told |= self.forget_through(if self.pace.rest_at_end { now.min(self.last_record) } else { now });
        }
        self.unsent = told && self.pace.gathers && blocked.is_some();
        if told && !self.unsent {
            self.send(self.now, true, send);
        }
        self.verdicts.append(&mut F::verdicts(&mut self.out));
        blocked.is_none()
    }

    fn send(&mut self, tick: Tick, is_last: bool, send: &mut impl FnMut(F::Out)) {
        self.verdicts.append(&mut F::verdicts(&mut self.out));
        self.fold.seal(tick, is_last, &mut self.out);
        send(std::mem::take(&mut self.out));
    }

    /// Holds on to what may still be told, or to nothing when all is `done`; says whether it is to be called again.
    fn go_on(&self, held: &mut [Held], through: Through, done: bool) -> bool {
        let least = self.least_to_come(through.records);
        held.iter_mut().skip(usize::from(self.unsent)).for_each(|held| held.advance(least));
        if done {
            held.iter_mut().for_each(Held::release);
        }
        !done && through.is_end()
    }

    /// The least tick at which something may still be told: of updates that wait, or of timers that will fire.
    fn least_to_come(&self, frontier: Tick) -> Option<Tick> {
        let Some(tick_ms) = self.pace.timer_tick_ms else {
            return Some(frontier).filter(|&frontier| frontier < Tick::MAX);
        };
        let sides = self.side.iter().map(|(_, tick, _)| *tick);
        let timer = self.timers.first().map(|tick| tick.next_multiple_of(tick_ms).max(self.now));
        let forgotten = self.forgetting.first().filter(|_| self.is_saved);
        sides.chain(self.waiting.first()).chain(timer.filter(|_| !self.ended)).chain(forgotten).min()
    }

    /// The tick at which the next timers are worked on their own, if that is before `frontier`.
    fn next_timer(&mut self, frontier: Tick) -> Option<Tick> {
        if self.ended {
            return None;
        }
        let first = self.timers.first()?;
        match self.pace.timer_tick_ms {
            Some(tick_ms) => {
                Some(first.next_multiple_of(tick_ms).max(self.now)).filter(|&tick| tick < frontier)
            }
            // Only at the end, and then all at once.
            None if frontier == Tick::MAX && self.pace.rest_at_end => self.timers.last(),
            None => None,
        }
        .filter(|_| frontier != Tick::MAX || self.pace.rest_at_end)
    }

    fn work(&mut self, tick: Tick, sides: &[(F::Side, Tick, isize)], send: &mut impl FnMut(F::Out)) {
        // First, while every key that they touch still tells what stood before them.
        if !sides.is_empty() {
            self.take_sides(tick, sides);
        }
        while let Some(slots) = self.timers.take_first_through(tick) {
            for (at, &slot) in slots.iter().enumerate() {
                slots.get(at + 16).iter().for_each(|&&ahead| self.slab.prefetch(ahead));
                let is_used = self.slab.is_used(slot) && !self.forget_if_over(slot, tick);
                if is_used && self.fold.is_due(&self.slab.get(slot).1, tick) {
                    self.touch(slot, false);
                }
            }
        }
        let mut coming = std::mem::take(&mut self.coming);
        self.waiting.take_through(tick, &mut coming);
        if self.pace.timer_tick_ms.is_some() && coming.len() > 1 {
            coming.sort_by_key(|message| message.updates.rank(message.worked));
        }
        for message in coming.drain(..) {
            self.file(tick, message);
        }
        self.coming = coming;
        self.turn_touched(tick, send);
        self.now = tick;
    }

    /// Files a message's updates of a tick; what it has of later ones waits on.
    fn file(&mut self, tick: Tick, mut message: Message<F::Updates>) {
        let updates = &*message.updates;
        let end =
            (message.worked..updates.len()).find(|&at| updates.tick(at) > tick).unwrap_or(updates.len());
        if message.worked == 0 {
            self.prefetch_first(updates);
        }
        for at in message.worked..end {
            // Ahead into the ticks that follow: one of them alone is too short to hide how far memory is.
            if at + 24 < updates.len() {
                self.index.prefetch(updates.key(at + 24));
                self.fold.prefetch(updates, at + 24, false);
            }
            if at + 8 < updates.len() {
                self.index.guess(updates.key(at + 8)).inspect(|&slot| self.slab.prefetch(slot));
                self.fold.prefetch(updates, at + 8, true);
            }
            let key = updates.key(at);
            let slot = match self.index.find(key, |slot| self.slab.get(slot).0 == key) {
                Some(slot) => slot,
                None => self.admit(key),
            };
            let is_record = !updates.only_wakes(at);
            if is_record {
                self.last_record = tick;
            }
            if is_record || !self.pace.rest_at_end {
                self.forget_if_past(slot, tick, updates.admitted(at));
            }
            self.touch(slot, false);
            self.fold.file(&mut self.slab.get_mut(slot).1, updates, at);
        }
        message.worked = end;
        self.waiting.put_back(message);
    }

    /// Asks for what the first updates of a message need, all at once: many messages, above all those of laps and faults,
    /// are not much longer than the way that is looked ahead.
    fn prefetch_first(&self, updates: &F::Updates) {
        let first = updates.len().min(24);
        for at in 0..first {
            self.index.prefetch(updates.key(at));
            self.fold.prefetch(updates, at, false);
        }
        for at in 0..first.min(8) {
            self.index.guess(updates.key(at)).inspect(|&slot| self.slab.prefetch(slot));
            self.fold.prefetch(updates, at, true);
        }
    }

    /// Reference rows change: what they touch is told anew, by what stood before them. Keys whose time is up rest as
    /// they stood, though buckets forget late.
    fn take_sides(&mut self, tick: Tick, sides: &[(F::Side, Tick, isize)]) {
        let rows: Vec<_> = sides.iter().map(|(side, _, diff)| (side.clone(), *diff)).collect();
        let find = |key| self.index.find(key, |slot| self.slab.get(slot).0 == key);
        let touched = self.fold.reach(&rows, &self.slab, &find);
        let is_past = |slot: &u32| self.fold.forget_after(&self.slab.get(*slot).1) < tick;
        let (past, touched): (Vec<u32>, Vec<u32>) = touched.into_iter().partition(is_past);
        past.into_iter().for_each(|slot| self.forget(slot));
        for &slot in &touched {
            self.touch(slot, true);
        }
        self.fold.take_side(&rows);
        for slot in touched {
            self.fold.revise(&mut self.slab.get_mut(slot).1);
        }
    }

    fn admit(&mut self, key: u128) -> u32 {
        let slot = self.slab.take(key);
        self.index.insert(key, slot);
        let word = slot as usize / 64;
        if self.marks.len() <= word {
            self.marks.resize(word + 1, 0);
        }
        slot
    }

    /// Buckets forget late; a record that comes after its key's time finds it forgotten all the same.
    #[inline]
    fn forget_if_past(&mut self, slot: u32, tick: Tick, admitted: Tick) {
        let is_touched = self.marks[slot as usize / 64] >> (slot % 64) & 1 == 1;
        // In an exact tick, whatever touched the key was admitted with this record.
        let may_be_past = !is_touched || self.pace.timer_tick_ms.is_none();
        if may_be_past && self.fold.is_past(&self.slab.get(slot).1, admitted) {
            self.forget_past(slot, tick, is_touched);
        }
    }

    /// Buckets forget late; what time alone would touch finds it forgotten all the same, where time is what ends things.
    fn forget_if_over(&mut self, slot: u32, tick: Tick) -> bool {
        let is_over = !self.pace.rest_at_end && self.fold.is_past(&self.slab.get(slot).1, tick);
        if is_over {
            self.forget(slot);
        }
        is_over
    }

    /// A coarse tick holds records from before and after a key's time: those from before have their turn first.
    #[cold]
    fn forget_past(&mut self, slot: u32, tick: Tick, is_touched: bool) {
        let (key, state) = self.slab.get_mut(slot);
        let mut now = self.now;
        if is_touched && let Some(at) = self.touched.iter().rposition(|(touched, _)| *touched == slot) {
            let (_, before) = self.touched.swap_remove(at);
            self.marks[slot as usize / 64] &= !(1 << (slot % 64));
            if self.fold.turn(*key, state, before, tick, &mut self.out).vacant {
                return;
            }
            now = tick;
        }
        self.fold.forget(*key, state, now, &mut self.out);
        *state = F::State::default();
    }

    #[inline]
    fn touch(&mut self, slot: u32, eager: bool) {
        let (word, bit) = (slot as usize / 64, 1 << (slot % 64));
        if self.marks[word] & bit == 0 {
            self.marks[word] |= bit;
            let before = self.fold.before(&self.slab.get(slot).1, self.now, eager);
            self.touched.push((slot, before));
        }
    }

    fn turn_touched(&mut self, tick: Tick, send: &mut impl FnMut(F::Out)) {
        let mut touched = std::mem::take(&mut self.touched);
        let slots: Vec<u32> = touched.iter().map(|(slot, _)| *slot).collect();
        for (at, (slot, before)) in touched.drain(..).enumerate() {
            slots.get(at + 16).iter().for_each(|&&ahead| self.slab.prefetch(ahead));
            slots.get(at + 8).iter().for_each(|&&ahead| self.fold.prefetch_turn(&self.slab.get(ahead).1));
            self.marks[slot as usize / 64] &= !(1 << (slot % 64));
            let (key, state) = self.slab.get_mut(slot);
            let key = *key;
            let turn = self.fold.turn(key, state, before, tick, &mut self.out);
            if F::is_full(&self.out) {
                self.send(tick, false, send);
            }
            if turn.vacant {
                self.index.remove(key, slot);
                self.slab.give_back(slot);
                continue;
            }
            if let Some(next) = turn.next.filter(|&next| next > tick) {
                // Where ticks are exact it fires with the first at or after its time.
                let fires = self.pace.timer_tick_ms.map_or(next, |tick_ms| next.next_multiple_of(tick_ms));
                self.timers.add(fires, slot);
            }
            let after = self.fold.forget_after(&self.slab.get(slot).1);
            self.forgetting.add(self.forget_bucket(after), slot);
        }
        self.touched = touched;
        self.fold.turned(tick, &mut self.out);
    }

    fn forget_bucket(&self, after: Tick) -> Tick {
        after.saturating_add(1).div_ceil(self.pace.forget_ticks).saturating_mul(self.pace.forget_ticks)
    }

    /// Forgets the keys that nothing admitted at `now` or later can touch; says whether there were any.
    fn forget_through(&mut self, now: Tick) -> bool {
        let mut any = false;
        while let Some(slots) = self.forgetting.take_first_through(now) {
            for slot in slots {
                if !self.slab.is_used(slot) || self.fold.forget_after(&self.slab.get(slot).1) >= now {
                    continue;
                }
                any = true;
                self.forget(slot);
            }
        }
        any
    }

    fn forget(&mut self, slot: u32) {
        let (key, state) = self.slab.get_mut(slot);
        self.fold.forget(*key, state, self.now, &mut self.out);
        self.index.remove(*key, slot);
        self.slab.give_back(slot);
    }

    /// The rows at rest, some at a time; says whether that was all.
    fn rest(&mut self, send: &mut impl FnMut(F::Out)) -> bool {
        self.ended = true;
        let done = self.fold.rest(&self.slab, &mut self.out);
        self.send(self.now, true, send);
        done
    }
}
