//! What the workers tell, brought together tick by tick.
//!
//! ```text
//! worker 0 ─▶ rows of the ticks it has closed ─┐
//! worker 1 ─▶ rows of the ticks it has closed ─┼▶ a tick that all have closed ─▶ consolidate, sort, hash ─▶ outbox
//! worker … ─▶ rows of the ticks it has closed ─┘   (a thread of its own)
//! ```

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gyre_dataflows::Tick;
use gyre_dataflows::rows::Rows;

use super::halt::Halt;
use super::outbox::Outbox;
use crate::error::Result;
use crate::sink::live::{Change, TickRows};
use crate::watch::board::Tally;
use crate::watch::{Endpoint, Watch};

/// How often a thread that waits looks whether the run is over.
pub const LOOK: Duration = Duration::from_millis(50);

/// Rows by tick.
pub type ByTick = BTreeMap<Tick, Vec<Rows>>;

/// See the module.
pub struct Gather {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    ticks: ByTick,
    /// How far each worker has closed.
    closed: Vec<Tick>,
}

impl State {
    fn through(&self) -> Tick {
        self.closed.iter().copied().min().unwrap_or(0)
    }
}

impl Gather {
    /// One for so many workers.
    pub fn new(workers: usize) -> Self {
        let state = State { ticks: ByTick::new(), closed: vec![0; workers] };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A worker has closed everything through a tick; these are the rows that it told since it said so last.
    pub fn give(&self, worker: usize, rows: ByTick, through: Tick) {
        let mut state = self.lock();
        for (tick, mut rows) in rows {
            state.ticks.entry(tick).or_default().append(&mut rows);
        }
        let before = state.through();
        state.closed[worker] = through;
        if state.through() > before {
            self.changed.notify_all();
        }
    }

    /// Brings ticks together until the run is over.
    pub fn run(&self, outbox: &Outbox, halt: &Halt, watch: &Watch) {
        let (mut through, mut tally) = (0, Tally::default());
        while !halt.is_over() {
            let (ticks, now) = self.wait_beyond(through);
            if now > through {
                through = now;
                let seen = |rows: &TickRows| watch.told(&mut tally, rows);
                if let Err(error) = bring_together(ticks, through, outbox, seen) {
                    return halt.fail(error);
                }
                watch.gathered(&mut tally, through);
                watch.waits(Endpoint::Outbox, outbox.held_bytes(), outbox.held_bytes_max());
            }
        }
    }

    /// What all workers have closed since, if they have within a while.
    fn wait_beyond(&self, through: Tick) -> (ByTick, Tick) {
        let mut state = self.lock();
        if state.through() <= through {
            state = self.changed.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
        let now = state.through();
        let later = state.ticks.split_off(&(now + 1));
        (std::mem::replace(&mut state.ticks, later), now)
    }
}

fn bring_together(
    ticks: ByTick,
    through: Tick,
    outbox: &Outbox,
    mut seen: impl FnMut(&TickRows),
) -> Result<()> {
    let mut digest = outbox.digest();
    for (tick, told) in ticks {
        let change = |(head, row)| change(head, row);
        let mut changes: Vec<Change<'_>> = told.iter().flat_map(Rows::iter).map(change).collect();
        if let Some(rows) = TickRows::new(tick, &mut changes, digest) {
            digest = rows.digest;
            seen(&rows);
            outbox.push(rows)?;
        }
    }
    outbox.gathered(through)
}

fn change<'r>(head: &gyre_dataflows::rows::RowHead, row: &'r [u8]) -> Change<'r> {
    Change { output: head.output, diff: head.diff, row }
}
