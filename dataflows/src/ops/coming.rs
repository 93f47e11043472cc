//! Rules that are still to come wait until their time: then they are an update like any other.
//!
//! ```text
//! batches ──▶ tell how far the data is ──▶ batches
//!                        └──▶ clock ─────────┐
//! standing rules ──▶ ┌───────────────────────▼────┐ ──▶ rules whose time has come
//!                    │ rows by the time they wait │
//!                    └────────────────────────────┘
//! ```
//! At every tick a row is given that stands and whose `effective_from_ms` is not after it. In a replay none comes into
//! force after the last tick of the data: time may run on after that, but nothing happens in it. Where ticks are exact
//! the clock is the frontier of the data, which must have passed its last tick before the input closes; where they are
//! coarse it is the latest tick at which a record was admitted.

use std::collections::BTreeMap;

use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::operators::vec::Broadcast;

use super::fan_out::fan_out;
use super::held::Held;
use crate::Tick;
use crate::batch::Batch;
use crate::checkpoint::{Damage, Entries, Op, Out, Saved, Whose};
use crate::rulebook::{RuleChange, RuleRow};

/// How far the data is.
pub type Clock<'s> = StreamVec<'s, Tick, Tick>;

/// Batches pass, and the clock is told. Where ticks are exact, its frontier says it all.
pub fn clock<'s>(
    batches: StreamVec<'s, Tick, Batch>,
    exact_tick_ms: Option<u64>,
) -> (StreamVec<'s, Tick, Batch>, Clock<'s>) {
    let is_coarse = exact_tick_ms.is_none();
    let (batches, clock) = fan_out(batches, "tell how far the data is", move |batch: Batch, parts| {
        if is_coarse && !batch.topic().is_reference() {
            parts.second.extend(batch.last_admitted());
        }
        parts.first.push(batch);
    });
    (batches, if is_coarse { clock.broadcast() } else { clock })
}

/// Rows that wait, by `effective_from_ms`.
type Waiting = BTreeMap<u64, Vec<(RuleRow, isize)>>;

/// What every worker holds alike.
#[derive(Default)]
struct Rules {
    waiting: Waiting,
    /// How far the data is, where ticks are coarse.
    latest: Tick,
}

impl Rules {
    /// Gives rows whose time has come, and keeps the others; says whether any waits for a tick of its own.
    fn take(&mut self, rows: &mut Vec<RuleChange>, is_exact: bool, mut give: impl FnMut(RuleChange)) -> bool {
        let mut waits = false;
        for (row, tick, diff) in rows.drain(..) {
            if row.effective_from_ms <= if is_exact { tick } else { self.latest } {
                give((row, tick, diff));
            } else {
                self.waiting.entry(row.effective_from_ms).or_default().push((row, diff));
                waits = is_exact;
            }
        }
        waits
    }
}

impl Saved for Rules {
    fn save(&mut self, _at: Tick, out: &mut Out<'_>) {
        let waiting =
            self.waiting.iter().flat_map(|(from_ms, rows)| rows.iter().map(move |row| (from_ms, row)));
        waiting.for_each(|(from_ms, (row, diff))| out.put(Whose::Same, &(from_ms, row, diff)));
    }

    fn load(&mut self, _at: Tick, part: &mut Entries<'_>) -> Result<(), Damage> {
        while let Some((from_ms, row, diff)) = part.read()? {
            self.waiting.entry(from_ms).or_default().push((row, diff));
        }
        Ok(())
    }
}

/// Gives each row when its time has come. Rows are on every worker.
pub fn bring_into_force<'s>(
    standing: StreamVec<'s, Tick, RuleChange>,
    clock: Clock<'s>,
    exact_tick_ms: Option<u64>,
    op: Op<'_>,
) -> StreamVec<'s, Tick, RuleChange> {
    let mut builder = OperatorBuilder::new(op.name().to_owned(), standing.scope());
    let mut standing = builder.new_input(standing, Pipeline);
    let mut clock = builder.new_input(clock, Pipeline);
    let (output, stream) = builder.new_output();
    let mut output = OutputBuilder::<_, CapacityContainerBuilder<Vec<RuleChange>>>::from(output);

    let rules = op.keep(Rules::default());
    let is_saved = op.is_on();

    builder.build(move |capabilities| {
        // What waited at a checkpoint waits from the start.
        let mut held = Held::of_each(capabilities, is_saved);
        move |frontiers| {
            let rules = &mut *rules.borrow_mut();
            let mut output = output.activate();
            standing.for_each(|came, rows| {
                let mut session = output.session(&came);
                if rules.take(rows, exact_tick_ms.is_some(), |row| session.give(row)) {
                    held.iter_mut().for_each(|held| held.keep(&came));
                }
            });
            let Rules { waiting, latest } = rules;
            clock.for_each(|came, ticks| {
                *latest = ticks.iter().copied().fold(*latest, Tick::max);
                let tick = came.least().copied().unwrap_or_default();
                let due = come_through(waiting, *latest);
                output.session(&came).give_iterator(due.map(|(_, row, diff)| (row, tick, diff)));
            });
            let Some(tick_ms) = exact_tick_ms else {
                return release_at_end(frontiers[1].is_empty(), &mut held);
            };
            let tick_of = |from_ms: u64| from_ms.next_multiple_of(tick_ms);
            let frontier = frontiers[1].frontier().first().copied();
            let through = frontier.map_or(0, |frontier| frontier.saturating_sub(1) / tick_ms * tick_ms);
            if let Some(now) = held[0].now() {
                let due = come_through(waiting, through);
                output
                    .session(now)
                    .give_iterator(due.map(|(from_ms, row, diff)| (row, tick_of(from_ms), diff)));
            }
            if frontier.is_none() {
                // The data is over: time only runs on.
                waiting.clear();
            }
            let next = waiting.keys().next().map(|&from_ms| tick_of(from_ms));
            held.iter_mut().for_each(|held| held.advance(next));
            release_at_end(frontier.is_none(), &mut held);
        }
    });
    stream
}

fn release_at_end(is_end: bool, held: &mut [Held]) {
    if is_end {
        held.iter_mut().for_each(Held::release);
    }
}

/// Takes out what waits for `through` or before.
fn come_through(waiting: &mut Waiting, through: u64) -> impl Iterator<Item = (u64, RuleRow, isize)> + use<> {
    let later = through.checked_add(1).map_or_else(Waiting::new, |later| waiting.split_off(&later));
    let due = std::mem::replace(waiting, later);
    due.into_iter().flat_map(|(from_ms, rows)| rows.into_iter().map(move |(row, diff)| (from_ms, row, diff)))
}
