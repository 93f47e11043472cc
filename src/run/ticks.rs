//! The one who closes ticks: those of the remap log again, just as they were, then new ones for ever.
//!
//! ```text
//! remap log ─▶ again: many ticks in a step, each line with the tick it had ─┐
//! clock ─────▶ live: what has come gets the tick that closes now ───────────┼▶ admitted ─▶ workers
//!                       └─▶ remap log                                       ┘
//! ```
//! A tick closes every `tick_ms`, empty ones too, for timers go by them. None closes while workers are behind or sinks
//! hold too much: what comes then waits in the source, and the next tick is as large as it must be.

use std::time::{Duration, Instant};

use gyre_dataflows::Tick;
use gyre_dataflows::batch::Batch;
use gyre_dataflows::decode::Decoder;
use gyre_dataflows::decode::admission::admit_at;
use gyre_domain::rules::Rules;

use super::again::{Again, Chunk};
use super::clock::Clock;
use super::gather::LOOK;
use super::intake::{Intake, Taken};
use super::log::Log;
use super::outbox::Outbox;
use super::remap::{Row, Rows};
use super::sync::Sync;
use super::workers::Shared;
use crate::error::{Error, Result};
use crate::source::Positions;
use crate::texts::Key;
use crate::watch::{Endpoint, Watch};

/// Chunks of old ticks whose limits the source knows ahead.
const CHUNKS_AHEAD: usize = 2;

/// See the module.
pub struct Ticks<'r> {
    /// What is read.
    pub intake: &'r Intake,
    /// Where steps go.
    pub shared: &'r Shared,
    /// What waits for sinks.
    pub outbox: &'r Outbox,
    /// What goes to the remap log.
    pub sync: &'r Sync,
    /// What lines were decoded with.
    pub decoder: &'r Decoder,
    /// What records are admitted by.
    pub rules: &'r Rules,
    /// Who is told.
    pub log: &'r Log,
    /// Who looks on.
    pub watch: &'r Watch,
    /// Which start of the job this is.
    pub generation: u64,
    /// The last tick that closed.
    pub last: Tick,
    /// How far every partition is through it.
    pub places: Positions,
}

impl Ticks<'_> {
    /// Closes the ticks of the remap log again, then new ones until the run is asked to end; then waits for the sinks.
    ///
    /// # Errors
    /// Exit 3 where the remap log cannot be read, or the clock jumped.
    pub fn run(&mut self, rows: Rows) -> Result<()> {
        let halt = &self.shared.halt;
        if !self.again(rows)? {
            // Asked to end on the way: nothing was to be committed that would not be made again.
            return Ok(());
        }
        self.watch.hydrated();
        self.intake.limit(None);
        let mut clock = Clock::new(self.rules.tick_ms)?;
        let mut is_first = true;
        while self.wait_for_next(&clock) {
            let since = Instant::now();
            if self.outbox.has_room(LOOK) {
                self.close(&mut clock, std::mem::take(&mut is_first))?;
            } else {
                self.watch.stalled(Endpoint::Outbox, since.elapsed());
            }
        }
        self.watch.health.ends();
        self.log.say(Key::Draining);
        while !halt.has_failed() && !self.outbox.has_room(LOOK) {}
        self.close(&mut clock, is_first)?;
        self.outbox.drain();
        while !halt.has_failed() && !self.outbox.is_committed(self.last, LOOK) {}
        Ok(())
    }

    /// Sleeps until the next tick should close; `false` where none is to close any more.
    fn wait_for_next(&self, clock: &Clock) -> bool {
        let halt = &self.shared.halt;
        let due = Instant::now() + clock.until_next();
        while !halt.is_over() && !halt.is_asked() {
            self.watch.health.ticks_turn();
            let rest = due.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                return true;
            }
            std::thread::sleep(rest.min(LOOK));
        }
        false
    }

    /// Closes a tick with what has come.
    fn close(&mut self, clock: &mut Clock, is_first: bool) -> Result<()> {
        if self.shared.halt.has_failed() {
            return Ok(());
        }
        let tick = clock.next(self.last)?;
        let mut places = if is_first { self.places.clone() } else { Positions::new() };
        let (mut batches, mut reads) = (self.no_batches(), Vec::new());
        for taken in self.intake.take_for_tick() {
            reads.push(taken.read);
            places.insert(taken.partition, taken.next);
            self.places.insert(taken.partition, taken.next);
            let ticks = vec![tick; taken.decoded.receipts.len()];
            self.admit(taken, &ticks, &mut batches);
        }
        self.watch.closed(tick, reads);
        self.sync.add(Row { generation: self.generation, tick, places });
        self.give(batches, tick);
        Ok(())
    }

    fn no_batches(&self) -> Vec<Vec<Batch>> {
        vec![Vec::new(); self.decoder.workers]
    }

    /// Gives lines their ticks, and each worker its part of them.
    fn admit(&self, mut taken: Taken, ticks: &[Tick], batches: &mut [Vec<Batch>]) {
        admit_at(&mut taken.decoded, ticks, self.decoder, self.rules);
        for batch in taken.decoded.batches.into_iter().filter(|batch| !batch.is_void()) {
            batches[batch.worker as usize].push(batch);
        }
    }

    fn give(&mut self, batches: Vec<Vec<Batch>>, tick: Tick) {
        self.outbox.close(tick);
        self.shared.inboxes.give(batches, tick + 1);
        self.last = tick;
    }

    /// Closes the ticks of the remap log again; `false` where the run ends on the way.
    fn again(&mut self, rows: Rows) -> Result<bool> {
        let mut again = Again::new(rows, self.places.clone(), self.last);
        if self.last > 0 {
            self.log.say(again.begins());
        }
        let mut chunks = std::collections::VecDeque::new();
        loop {
            while chunks.len() < CHUNKS_AHEAD
                && let Some(chunk) = again.next_chunk()?
            {
                self.intake.limit(Some(chunk.until.clone()));
                chunks.push_back(chunk);
            }
            let Some(chunk) = chunks.pop_front() else { break };
            if !self.close_again(chunk, &mut again)? {
                return Ok(false);
            }
            again.tell(self.log);
        }
        while !self.outbox.is_gathered(self.last, LOOK) {
            self.watch.health.ticks_turn();
            if self.shared.halt.is_over() || self.shared.halt.is_asked() {
                return Ok(false);
            }
        }
        if self.last > 0 {
            self.log.say(again.ends());
        }
        Ok(true)
    }

    /// Closes the ticks of a chunk; `false` where the run ends on the way.
    fn close_again(&mut self, mut chunk: Chunk, again: &mut Again) -> Result<bool> {
        let halt = &self.shared.halt;
        let mut batches = self.no_batches();
        while !chunk.is_whole() {
            self.watch.health.ticks_turn();
            if halt.is_over() || halt.is_asked() {
                return Ok(false);
            }
            let Some(taken) = self.intake.take() else { continue };
            let lines = taken.decoded.receipts.len();
            let ticks = chunk.ticks_of(taken.partition, taken.first, lines, taken.next);
            let ticks = ticks.ok_or_else(|| {
                Error::bug(format!("line {} of {} belongs to no tick", taken.first, taken.partition))
            })?;
            again.lines += lines as u64;
            self.admit(taken, &ticks, &mut batches);
        }
        while !self.outbox.has_room(LOOK) {
            self.watch.health.ticks_turn();
            if halt.is_over() || halt.is_asked() {
                return Ok(false);
            }
        }
        self.watch.closed(chunk.last, Vec::new());
        self.give(batches, chunk.last);
        Ok(true)
    }
}

/// A span for people, in seconds.
pub fn seconds(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64())
}
