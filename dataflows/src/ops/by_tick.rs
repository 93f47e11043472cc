//! The shell of an operator that works its updates tick by tick: what `sum_by_key` and `timeline_by_key` share.

use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::{ParallelizationContract, Pipeline};
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::progress::frontier::MutableAntichain;

use crate::Tick;
use crate::checkpoint::{Damage, Entries, Op, Out, Saved};

/// What is done with the updates of a tick.
pub trait ByTick: Saved + 'static {
    /// An update.
    type In: Clone + 'static;
    /// A row that is held beside the updates, on every worker.
    type Side: Clone + 'static;
    /// What the operator tells.
    type Out: Default + Clone + 'static;

    /// The tick of an update.
    fn tick(update: &Self::In) -> Tick;
    /// Takes side rows in or out, before the updates of their tick.
    fn heed(&mut self, _tick: Tick, _side: &[(Self::Side, Tick, isize)], _out: &mut Self::Out) {}
    /// Takes all updates of a tick and tells what they, and the side rows of the tick, changed.
    fn work(&mut self, tick: Tick, updates: &[Self::In], out: &mut Self::Out);
    /// Lets go of what nothing at `now` or later can touch; tells only rows at rest.
    fn forget_through(&mut self, now: Tick, out: &mut Self::Out);
    /// Called when the inputs have closed, until it says that it is done: tells the rows at rest, some at a time.
    fn rest(&mut self, out: &mut Self::Out) -> bool;
    /// Whether `out` is worth sending on its own.
    fn is_full(out: &Self::Out) -> bool;
}

/// The logic, and updates that wait for their ticks to be complete.
struct Waiting<L: ByTick> {
    logic: L,
    updates: Vec<L::In>,
    sorted: bool,
    side: Vec<(L::Side, Tick, isize)>,
}

impl<L: ByTick> Waiting<L> {
    fn add(&mut self, updates: &mut Vec<L::In>) {
        let last = self.updates.last().map_or(0, L::tick);
        let follows = updates.first().is_none_or(|first| L::tick(first) >= last);
        self.sorted &= follows && updates.is_sorted_by_key(L::tick);
        self.updates.append(updates);
    }

    /// Works every tick before `frontier`, in order.
    fn work_through(&mut self, frontier: Tick, out: &mut L::Out, mut send: impl FnMut(&mut L::Out)) {
        if !std::mem::replace(&mut self.sorted, true) {
            self.updates.sort_by_key(L::tick);
        }
        let all_sides = self.take_side(frontier);
        let complete = self.updates.partition_point(|update| L::tick(update) < frontier);
        let (mut updates, mut side) = (&self.updates[..complete], &*all_sides);
        let logic = &mut self.logic;
        loop {
            let next = updates.first().map(L::tick);
            let Some(tick) = next.into_iter().chain(side.first().map(|row| row.1)).min() else { break };
            let (sides, later) = side.split_at(side.partition_point(|row| row.1 == tick));
            let (here, rest) = updates.split_at(updates.partition_point(|update| L::tick(update) == tick));
            if !sides.is_empty() {
                logic.heed(tick, sides, out);
            }
            logic.work(tick, here, out);
            if L::is_full(out) {
                send(out);
            }
            (side, updates) = (later, rest);
        }
        self.updates.drain(..complete);
    }

    /// Side rows of ticks before `frontier`, in order.
    fn take_side(&mut self, frontier: Tick) -> Vec<(L::Side, Tick, isize)> {
        if self.side.is_empty() {
            return Vec::new();
        }
        self.side.sort_by_key(|row| row.1);
        let complete = self.side.partition_point(|row| row.1 < frontier);
        self.side.drain(..complete).collect()
    }
}

impl<L: ByTick> Saved for Waiting<L> {
    fn save(&mut self, at: Tick, out: &mut Out<'_>) {
        assert!(self.updates.is_empty(), "no edge with a delay leads to updates: all of them were worked");
        let is_later = |row: &(L::Side, Tick, isize)| row.1 > at;
        assert!(
            self.side.iter().all(is_later),
            "side rows wait only where an edge with a delay brought them"
        );
        self.logic.save(at, out);
    }

    fn load(&mut self, at: Tick, part: &mut Entries<'_>) -> Result<(), Damage> {
        self.logic.load(at, part)
    }
}

/// Runs `logic` over the ticks of `updates`, each once it is complete, in order.
pub fn by_tick<'s, 'n, L: ByTick>(
    updates: StreamVec<'s, Tick, L::In>,
    side: StreamVec<'s, Tick, (L::Side, Tick, isize)>,
    pact: impl ParallelizationContract<Tick, Vec<L::In>>,
    op: impl Into<Op<'n>>,
    rest_at_end: bool,
    logic: L,
) -> StreamVec<'s, Tick, L::Out> {
    let op = op.into();
    let mut builder = OperatorBuilder::new(op.name().to_owned(), updates.scope());
    let mut input = builder.new_input(updates, pact);
    let mut side_input = builder.new_input(side, Pipeline);
    let (output, stream) = builder.new_output();
    let mut output = OutputBuilder::<_, CapacityContainerBuilder<Vec<L::Out>>>::from(output);
    let activator = stream.scope().activator_for(builder.operator_info().address);

    let waiting = op.keep(Waiting { logic, updates: Vec::new(), sorted: true, side: Vec::new() });

    builder.build(move |capabilities| {
        let mut capability = capabilities.into_iter().next();
        let mut out = L::Out::default();
        move |frontiers| {
            let mut waiting = waiting.borrow_mut();
            input.for_each(|_, updates| waiting.add(updates));
            side_input.for_each(|_, rows| waiting.side.append(rows));
            let Some(held) = &mut capability else { return };
            let frontier = complete_before(frontiers);
            if frontier <= *held.time() {
                return;
            }
            let at_end = frontier == Tick::MAX;
            let mut done = at_end;
            {
                let mut handle = output.activate();
                let mut session = handle.session(held);
                let mut send = |out: &mut L::Out| session.give(std::mem::take(out));
                waiting.work_through(frontier, &mut out, &mut send);
                if at_end {
                    done = !rest_at_end || waiting.logic.rest(&mut out);
                } else {
                    waiting.logic.forget_through(frontier - 1, &mut out);
                }
                send(&mut out);
            }
            if done {
                capability = None;
            } else if at_end {
                activator.activate();
            } else {
                held.downgrade(&frontier);
            }
        }
    });
    stream
}

/// Every tick before this one is complete.
fn complete_before(frontiers: &[MutableAntichain<Tick>]) -> Tick {
    let first = |frontier: &MutableAntichain<Tick>| frontier.frontier().first().copied();
    frontiers.iter().filter_map(first).min().unwrap_or(Tick::MAX)
}
