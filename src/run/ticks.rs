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

use super::again::{Again, Chunk};
use super::clock::Clock;
use super::cluster::leader::Leader;
use super::feed::Feed;
use super::gather::LOOK;
use super::log::Log;
use super::outbox::Outbox;
use super::remap::{Row, Rows};
use super::sync::Sync;
use crate::error::Result;
use crate::source::{Positions, Share};
use crate::texts::Key;
use crate::watch::Endpoint;

/// Chunks of old ticks whose limits the source knows ahead.
const CHUNKS_AHEAD: usize = 2;

/// See the module.
pub struct Ticks<'r> {
    /// What is read, and where it goes.
    pub feed: Feed<'r>,
    /// The other processes, where there are any.
    pub leader: Option<&'r Leader>,
    /// Which partitions are read here.
    pub share: Share,
    /// What waits for sinks.
    pub outbox: &'r Outbox,
    /// What goes to the remap log.
    pub sync: &'r Sync,
    /// Who is told.
    pub log: &'r Log,
    /// Which start of the job this is.
    pub generation: u64,
    /// The last tick that closed.
    pub last: Tick,
    /// How far every partition was through the last tick before the start.
    pub places: Positions,
}

impl Ticks<'_> {
    /// Closes the ticks of the remap log again, then new ones until the run is asked to end; then waits for the sinks.
    ///
    /// # Errors
    /// Exit 3 where the remap log cannot be read, or the clock jumped.
    pub fn run(&mut self, rows: Rows) -> Result<()> {
        let (halt, watch) = (&self.feed.shared.halt, self.feed.watch);
        if !self.again(rows)? {
            // Asked to end on the way: nothing was to be committed that would not be made again.
            return Ok(());
        }
        watch.hydrated();
        self.feed.intake.limit(None);
        self.leader.iter().for_each(|leader| leader.live());
        let mut clock = Clock::new(self.feed.rules.tick_ms)?;
        let mut is_first = true;
        while self.wait_for_next(&clock) {
            let since = Instant::now();
            if self.outbox.has_room(LOOK) {
                self.close(&mut clock, std::mem::take(&mut is_first))?;
            } else {
                watch.stalled(Endpoint::Outbox, since.elapsed());
            }
        }
        watch.health.ends();
        self.log.say(Key::Draining);
        while !halt.has_failed() && !self.outbox.has_room(LOOK) {}
        self.close(&mut clock, is_first)?;
        self.outbox.drain();
        while !halt.has_failed() && !self.outbox.is_committed(self.last, LOOK) {}
        Ok(())
    }

    /// Sleeps until the next tick should close; `false` where none is to close any more.
    fn wait_for_next(&self, clock: &Clock) -> bool {
        let halt = &self.feed.shared.halt;
        let due = Instant::now() + clock.until_next();
        while !halt.is_over() && !halt.is_asked() {
            self.feed.watch.health.ticks_turn();
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
        if self.feed.shared.halt.has_failed() {
            return Ok(());
        }
        let tick = clock.next(self.last)?;
        let mut places = if is_first { self.places.clone() } else { Positions::new() };
        self.outbox.close(tick);
        self.last = tick;
        let row = |places| Row { generation: self.generation, tick, places };
        match self.leader {
            None => {
                self.feed.close(tick, &mut places, true);
                self.sync.add(row(places));
            }
            Some(leader) => {
                // The others take what they have while we do.
                leader.close(row(places));
                let mut moved = Positions::new();
                self.feed.close(tick, &mut moved, true);
                leader.closed(tick, moved, self.sync);
            }
        }
        Ok(())
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
                self.leader.iter().for_each(|leader| leader.again(&chunk));
                let chunk = chunk.part(self.share);
                self.feed.intake.limit(Some(chunk.until.clone()));
                chunks.push_back(chunk);
            }
            let Some(chunk) = chunks.pop_front() else { break };
            if !self.close_again(chunk, &mut again)? {
                return Ok(false);
            }
            again.tell(self.log);
        }
        while !self.outbox.is_gathered(self.last, LOOK) {
            self.feed.watch.health.ticks_turn();
            if self.feed.shared.halt.is_over() || self.feed.shared.halt.is_asked() {
                return Ok(false);
            }
        }
        if self.last > 0 {
            self.log.say(again.ends());
        }
        Ok(true)
    }

    /// Closes the ticks of a chunk; `false` where the run ends on the way.
    fn close_again(&mut self, chunk: Chunk, again: &mut Again) -> Result<bool> {
        let (last, lines) = (chunk.last, chunk.lines);
        let has_room = || {
            let has_room = self.outbox.has_room(LOOK);
            if has_room {
                self.outbox.close(last);
            }
            has_room
        };
        let is_done = self.feed.again(chunk, has_room)?;
        self.last = last;
        again.came(lines);
        Ok(is_done)
    }
}

/// A span for people, in seconds.
pub fn seconds(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64())
}
