//! What comes in: a thread reads the source and decodes; what it has waits here for its tick.
//!
//! ```text
//! source ─ poll ─▶ decode ─▶ │ at most 64 MiB of lines wait │ ─▶ a tick takes what is there
//!    ▲                                                            or, of ticks made before, what belongs to them
//!    └── limits: how far the ticks reach that are made again
//! ```

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use gyre_dataflows::decode::{Decoded, Decoder};

use super::gather::LOOK;
use super::halt::Halt;
use super::log::Log;
use crate::error::{Error, Result};
use crate::source::{Fetched, NUMBER_MAX, PARTITION_MAX, Partition, Position, Positions, Source};
use crate::watch::{Endpoint, Read, Watch};

/// Bytes of lines that wait at most, but for the last poll's.
const WAITING_BYTES_MAX: usize = 64 << 20;
/// Bytes of lines in a tick, about: what comes of them is several times as much, and waits for the tick to end.
const TICK_BYTES_MAX: usize = 16 << 20;
/// How long the source may wait for something to come.
const POLL: Duration = Duration::from_millis(20);
/// How long a source that has trouble is left alone.
const PAUSE: Duration = Duration::from_secs(1);
/// How often it is looked how much the source has that was not read.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What troubles the source is told under.
pub(super) const WHO: &str = "source";

/// Lines of a partition, decoded.
pub struct Taken {
    /// Whose.
    pub partition: Partition,
    /// The number of the first of them.
    pub first: u64,
    /// The place behind the last.
    pub next: Position,
    /// What they hold.
    pub decoded: Decoded,
    /// When they were read.
    pub read: Read,
    bytes: usize,
}

/// See the module.
pub struct Intake {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    taken: VecDeque<Taken>,
    bytes: usize,
    /// Limits that are to be read up to, one after the other; `None` lifts them.
    limits: VecDeque<Option<Positions>>,
}

impl Default for Intake {
    fn default() -> Self {
        Self { state: Mutex::default(), changed: Condvar::new() }
    }
}

impl Intake {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'g>(&self, state: MutexGuard<'g, State>) -> MutexGuard<'g, State> {
        self.changed.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Once everything before is read, the source is to be read up to these places, or for ever.
    pub fn limit(&self, places: Option<Positions>) {
        self.lock().limits.push_back(places);
        self.changed.notify_all();
    }

    /// The oldest lines that wait; nothing where none came within a while.
    pub fn take(&self) -> Option<Taken> {
        let mut state = self.lock();
        if state.taken.is_empty() {
            state = self.wait(state);
        }
        let taken = state.taken.pop_front()?;
        state.bytes -= taken.bytes;
        self.changed.notify_all();
        Some(taken)
    }

    /// The lines that wait, as many as a tick may hold.
    pub fn take_for_tick(&self) -> Vec<Taken> {
        let mut state = self.lock();
        let mut bytes = 0;
        let mut within = |taken: &Taken| {
            bytes += taken.bytes;
            bytes - taken.bytes < TICK_BYTES_MAX
        };
        let count = state.taken.iter().position(|taken| !within(taken)).unwrap_or(state.taken.len());
        let taken: Vec<Taken> = state.taken.drain(..count).collect();
        state.bytes -= taken.iter().map(|taken| taken.bytes).sum::<usize>();
        self.changed.notify_all();
        taken
    }

    /// Reads the source until the run is over, or was asked to end.
    pub fn run(&self, source: &mut dyn Source, decoder: &Decoder, halt: &Halt, log: &Log, watch: &Watch) {
        let (limit, reached) = (Some(Positions::new()), Positions::new());
        let mut reading =
            Reading { intake: self, source, decoder, halt, log, watch, limit, reached, looked: None };
        if let Err(error) = reading.run() {
            halt.fail(error);
        }
    }
}

/// The thread that reads.
struct Reading<'r> {
    intake: &'r Intake,
    source: &'r mut dyn Source,
    decoder: &'r Decoder,
    halt: &'r Halt,
    log: &'r Log,
    watch: &'r Watch,
    /// What is still to be reached of the limit.
    limit: Option<Positions>,
    /// How far each partition was read.
    reached: Positions,
    /// When it was last looked how much there is beyond.
    looked: Option<Instant>,
}

impl Reading<'_> {
    fn run(&mut self) -> Result<()> {
        while !self.is_over() {
            self.look();
            if self.limit.as_ref().is_some_and(Positions::is_empty) {
                self.next_limit()?;
            } else if self.has_room() {
                let fetched = self.retried(|source| source.poll(POLL))?;
                fetched.into_iter().flatten().try_for_each(|fetched| self.decode(fetched))?;
            }
        }
        Ok(())
    }

    /// Shows how much the source has that was not read, once in a while.
    fn look(&mut self) {
        if self.looked.is_none_or(|looked| looked.elapsed() >= LOOK_EVERY) {
            self.looked = Some(Instant::now());
            self.watch.behind(&self.source.behind());
        }
    }

    fn is_over(&self) -> bool {
        self.halt.is_over() || self.halt.is_asked()
    }

    /// Calls the source; nothing where it has trouble that may pass.
    fn retried<T>(&mut self, call: impl FnOnce(&mut dyn Source) -> Result<T>) -> Result<Option<T>> {
        match call(self.source) {
            Ok(given) => {
                self.log.recovered(WHO);
                Ok(Some(given))
            }
            Err(error) if error.may_retry() => {
                self.log.trouble(WHO, error);
                self.halt.pause(PAUSE);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The limit is reached: goes on to the next, if there is one.
    fn next_limit(&mut self) -> Result<()> {
        let mut state = self.intake.lock();
        if state.limits.is_empty() {
            state = self.intake.wait(state);
        }
        let Some(limit) = state.limits.front().cloned() else { return Ok(()) };
        drop(state);
        if self.retried(|source| source.limit(limit.as_ref()))?.is_some() {
            self.intake.lock().limits.pop_front();
            let is_ahead =
                |(partition, place): &(Partition, Position)| self.reached.get(partition) != Some(place);
            self.limit = limit.map(|places| places.into_iter().filter(is_ahead).collect());
        }
        Ok(())
    }

    fn has_room(&self) -> bool {
        let mut state = self.intake.lock();
        if state.bytes >= WAITING_BYTES_MAX {
            let since = Instant::now();
            state = self.intake.wait(state);
            self.watch.stalled(Endpoint::Intake, since.elapsed());
        }
        self.watch.waits(Endpoint::Intake, state.bytes, WAITING_BYTES_MAX as u64);
        state.bytes < WAITING_BYTES_MAX
    }

    fn decode(&mut self, fetched: Fetched) -> Result<()> {
        let Fetched { partition, lines, next } = fetched;
        let last = lines.first + lines.spans.len() as u64 - 1;
        if partition.number > PARTITION_MAX || last > NUMBER_MAX || next.next <= last {
            return Err(Error::bug(format!("the source gave lines through {last} of {partition}")));
        }
        if let Some(limit) = &mut self.limit {
            let place = limit.get(&partition).copied();
            if place.is_none_or(|place| next.next > place.next || next.next == place.next && next != place) {
                return Err(Error::bug(format!("the source gave lines of {partition} beyond the limit")));
            }
            limit.retain(|other, place| *other != partition || *place != next);
        }
        self.reached.insert(partition, next);
        let (first, bytes) = (lines.first, lines.bytes.len());
        let at = Instant::now();
        let decoded = self.decoder.decode(&lines);
        let read = Read { at, records: decoded.records };
        self.watch.read(partition.topic, read.records, bytes, at.elapsed());
        let mut state = self.intake.lock();
        state.bytes += bytes;
        state.taken.push_back(Taken { partition, first, next, decoded, read, bytes });
        self.intake.changed.notify_all();
        Ok(())
    }
}
