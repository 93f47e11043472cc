//! What waits between workers and sinks: whole ticks, kept until every sink has committed them.
//!
//! ```text
//! gather ─▶ ticks with rows ─▶ │ kept until the slowest sink has them │ ─▶ each sink's thread
//! closed ticks ── synced in the remap log ── gathered from every worker ─▶ how far a sink may commit
//! ```
//! A sink commits through a tick of the remap log that every worker has closed and whose row is on the disk; changes of
//! ticks between two of them (timers have ticks of their own) go with the later one. What a sink had committed before
//! the start comes by once more: its digest is compared, and nothing of it is written.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use gyre_dataflows::Tick;

use crate::error::{Domain, Error, Result};
use crate::sink::live::{Digest, Progress, TickRows};
use crate::texts::{Key, Phrase};

/// Ticks that may be under way in the workers before no more are closed: when they are behind, ticks grow instead.
const UNDER_WAY_MAX: usize = 4;
/// Bytes of a commit, about.
const COMMIT_BYTES: usize = 32 << 20;
/// A sink to which nothing comes moves its progress so much more seldom than it gathers.
const IDLE_TIMES: u32 = 10;

/// See the module.
pub struct Outbox {
    held_bytes_max: usize,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    ticks: VecDeque<Arc<TickRows>>,
    bytes: usize,
    /// Ticks of the remap log that some sink has not committed, in order.
    closed: VecDeque<Tick>,
    /// What every worker has closed, and the digest of it.
    gathered: Progress,
    synced: Tick,
    sinks: Vec<Reader>,
    /// Sinks are to commit whatever there is.
    is_draining: bool,
}

struct Reader {
    name: &'static str,
    committed: Progress,
    /// The digest of what was committed before the start has been compared.
    is_compared: bool,
    committed_at: Instant,
}

/// What a sink is to commit.
pub struct Work {
    /// The ticks.
    pub ticks: Vec<Arc<TickRows>>,
    /// With this progress.
    pub progress: Progress,
}

impl Outbox {
    /// An empty one for sinks that have committed so far, where the remap log ends with the tick `synced`.
    ///
    /// # Errors
    /// Exit 2 where a sink is ahead of the remap log: the job's state was lost, or is another's.
    pub fn new(
        held_bytes_max: u64,
        synced: Tick,
        sinks: &[(&'static str, Option<Progress>)],
    ) -> Result<Self> {
        let start = Progress { tick: 0, digest: Digest::default() };
        let reader = |&(name, progress): &(&'static str, Option<Progress>)| {
            let committed = progress.unwrap_or(start);
            if committed.tick > synced {
                let what = Phrase::new(Key::SinkAhead).with("sink", name).with("tick", committed.tick);
                let error = Error::usage(Domain::Output, what.with("last", synced));
                return Err(error.help(Key::SinkAheadHelp));
            }
            let is_compared = progress.is_none();
            Ok(Reader { name, committed, is_compared, committed_at: Instant::now() })
        };
        let state = State {
            ticks: VecDeque::new(),
            bytes: 0,
            closed: VecDeque::new(),
            gathered: start,
            synced,
            sinks: sinks.iter().map(reader).collect::<Result<_>>()?,
            is_draining: false,
        };
        let held_bytes_max = usize::try_from(held_bytes_max).unwrap_or(usize::MAX);
        Ok(Self { held_bytes_max, state: Mutex::new(state), changed: Condvar::new() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'g>(&self, state: MutexGuard<'g, State>, time: Duration) -> MutexGuard<'g, State> {
        self.changed.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0
    }

    /// A tick is closed: its records are on their way to the workers.
    pub fn close(&self, tick: Tick) {
        self.lock().closed.push_back(tick);
    }

    /// The remap log is on the disk through a tick.
    pub fn synced(&self, tick: Tick) {
        self.lock().synced = tick;
        self.changed.notify_all();
    }

    /// The changes of the next tick that has any.
    ///
    /// # Errors
    /// Exit 2 where what a sink has committed is not what the same ticks come to now.
    pub fn push(&self, rows: TickRows) -> Result<()> {
        let mut state = self.lock();
        state.compare(rows.tick)?;
        state.gathered = Progress { tick: rows.tick, digest: rows.digest };
        // What every sink has is not kept.
        if rows.tick > state.least_committed() {
            state.bytes += rows.bytes();
            state.ticks.push_back(Arc::new(rows));
        }
        Ok(())
    }

    /// Every worker has closed everything through a tick, and its changes were pushed. The digest so far is what the
    /// next tick's goes on from.
    ///
    /// # Errors
    /// As [`Outbox::push`].
    pub fn gathered(&self, through: Tick) -> Result<()> {
        let mut state = self.lock();
        state.compare(through + 1)?;
        state.gathered.tick = through;
        self.changed.notify_all();
        Ok(())
    }

    /// The digest of everything gathered.
    pub fn digest(&self) -> Digest {
        self.lock().gathered.digest
    }

    /// Waits at most so long for room for another tick; says whether there is.
    pub fn has_room(&self, wait: Duration) -> bool {
        let mut state = self.lock();
        if !state.has_room(self.held_bytes_max) {
            state = self.wait(state, wait);
        }
        state.has_room(self.held_bytes_max)
    }

    /// Waits at most so long for the workers to have closed everything through a tick; says whether they have.
    pub fn is_gathered(&self, through: Tick, wait: Duration) -> bool {
        let mut state = self.lock();
        if state.gathered.tick < through {
            state = self.wait(state, wait);
        }
        state.gathered.tick >= through
    }

    /// Waits at most so long for what the sink `at` is to commit next, once it has gathered for as long as it wants.
    pub fn work(&self, at: usize, gathers_for: Duration, wait: Duration) -> Option<Work> {
        let mut state = self.lock();
        for is_last in [false, true] {
            let (is_due, rest) = state.is_due(at, gathers_for);
            if is_due {
                return state.work(at);
            }
            if !is_last {
                state = self.wait(state, wait.min(rest));
            }
        }
        None
    }

    /// Bytes of rows that wait.
    pub fn held_bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Bytes of rows beyond which no more ticks are closed.
    pub fn held_bytes_max(&self) -> u64 {
        self.held_bytes_max as u64
    }

    /// The sink `at` has committed this; gives the tick through which every sink has.
    pub fn committed(&self, at: usize, progress: Progress) -> Tick {
        let mut state = self.lock();
        let sink = &mut state.sinks[at];
        (sink.committed, sink.committed_at) = (progress, Instant::now());
        let least = state.least_committed();
        while let Some(rows) = state.ticks.pop_front_if(|rows| rows.tick <= least) {
            state.bytes -= rows.bytes();
        }
        while state.closed.pop_front_if(|tick| *tick <= least).is_some() {}
        self.changed.notify_all();
        least
    }

    /// From now on sinks commit whatever there is.
    pub fn drain(&self) {
        self.lock().is_draining = true;
        self.changed.notify_all();
    }

    /// Waits at most so long for every sink to have committed through a tick; says whether they have.
    pub fn is_committed(&self, through: Tick, wait: Duration) -> bool {
        let mut state = self.lock();
        if state.least_committed() < through {
            state = self.wait(state, wait);
        }
        state.least_committed() >= through
    }
}

impl State {
    fn least_committed(&self) -> Tick {
        self.sinks.iter().map(|sink| sink.committed.tick).min().unwrap_or(Tick::MAX)
    }

    fn has_room(&self, held_bytes_max: usize) -> bool {
        let worked = self.closed.partition_point(|tick| *tick <= self.gathered.tick);
        let unsynced = self.closed.iter().rev().take_while(|tick| **tick > self.synced).count();
        self.closed.len() - worked < UNDER_WAY_MAX
            && unsynced < 16 * UNDER_WAY_MAX
            && self.bytes < held_bytes_max
    }

    /// Everything before `next` is gathered: compares with what sinks committed before the start.
    fn compare(&mut self, next: Tick) -> Result<()> {
        let digest = self.gathered.digest;
        for sink in self.sinks.iter_mut().filter(|sink| !sink.is_compared && sink.committed.tick < next) {
            if sink.committed.digest != digest {
                let what = Phrase::new(Key::SinkOther).with("sink", sink.name);
                let what = what.with("tick", sink.committed.tick);
                let hashes = format!("{} there, {digest} here", sink.committed.digest);
                let error = Error::usage(Domain::Output, what).cause(hashes);
                return Err(error.help(Key::SinkOtherHelp));
            }
            sink.is_compared = true;
        }
        Ok(())
    }

    /// The last tick through which any sink may commit.
    fn open_through(&self) -> Option<Tick> {
        let through = self.gathered.tick.min(self.synced);
        let count = self.closed.partition_point(|tick| *tick <= through);
        count.checked_sub(1).map(|at| self.closed[at])
    }

    /// Whether the sink is to commit now; else after how long it may be.
    fn is_due(&self, at: usize, gathers_for: Duration) -> (bool, Duration) {
        let sink = &self.sinks[at];
        let through = self.open_through().filter(|&through| through > sink.committed.tick);
        let Some(through) = through.filter(|_| sink.is_compared) else { return (false, Duration::MAX) };
        let coming = self.ticks.iter().filter(|rows| sink.committed.tick < rows.tick && rows.tick <= through);
        let bytes: usize = coming.map(|rows| rows.bytes()).sum();
        let pause = if bytes > 0 { gathers_for } else { gathers_for * IDLE_TIMES };
        let rest = pause.saturating_sub(sink.committed_at.elapsed());
        (self.is_draining || bytes >= COMMIT_BYTES || rest.is_zero(), rest)
    }

    /// What the sink commits next: through as many closed ticks as go into a commit.
    fn work(&self, at: usize) -> Option<Work> {
        let from = self.sinks[at].committed;
        let open_through = self.open_through()?;
        let mut work = Work { ticks: Vec::new(), progress: from };
        let first = self.ticks.partition_point(|rows| rows.tick <= from.tick);
        let mut coming = self.ticks.range(first..).peekable();
        let mut bytes = 0;
        let closed = self.closed.iter().filter(|tick| from.tick < **tick && **tick <= open_through);
        for &tick in closed {
            while let Some(rows) = coming.next_if(|rows| rows.tick <= tick) {
                bytes += rows.bytes();
                work.progress.digest = rows.digest;
                work.ticks.push(Arc::clone(rows));
            }
            work.progress.tick = tick;
            if bytes >= COMMIT_BYTES {
                break;
            }
        }
        Some(work)
    }
}

#[cfg(test)]
mod tests {
    use gyre_dataflows::rows::Output;

    use super::*;
    use crate::error::Exit;
    use crate::sink::live::Change;

    const NOW: Duration = Duration::ZERO;

    /// A tick with one row of so many bytes.
    fn rows(outbox: &Outbox, tick: Tick, bytes: usize) -> TickRows {
        let row = vec![b'x'; bytes];
        let mut changes = [Change { output: Output::Balances, diff: 1, row: &row }];
        TickRows::new(tick, &mut changes, outbox.digest()).unwrap()
    }

    fn told(outbox: &Outbox, tick: Tick, bytes: usize) -> Result<Digest> {
        outbox.close(tick);
        let rows = rows(outbox, tick, bytes);
        let digest = rows.digest;
        outbox.push(rows)?;
        outbox.gathered(tick)?;
        Ok(digest)
    }

    fn ticks(work: &Work) -> Vec<Tick> {
        work.ticks.iter().map(|rows| rows.tick).collect()
    }

    #[test]
    fn a_sink_commits_what_is_gathered_and_synced() {
        let outbox = Outbox::new(1_000, 0, &[("files", None)]).unwrap();
        told(&outbox, 100, 10).unwrap();
        let digest = told(&outbox, 200, 10).unwrap();
        outbox.close(300);
        assert!(outbox.work(0, NOW, NOW).is_none(), "nothing is on the disk");
        outbox.synced(300);
        let work = outbox.work(0, NOW, NOW).unwrap();
        assert_eq!((ticks(&work), work.progress), (vec![100, 200], Progress { tick: 200, digest }));
        // Changes between two closed ticks go with the later one.
        outbox.push(rows(&outbox, 250, 10)).unwrap();
        outbox.gathered(260).unwrap();
        assert_eq!(ticks(&outbox.work(0, NOW, NOW).unwrap()), [100, 200]);
        outbox.gathered(300).unwrap();
        assert_eq!(ticks(&outbox.work(0, NOW, NOW).unwrap()), [100, 200, 250]);
        outbox.committed(0, Progress { tick: 200, digest });
        let work = outbox.work(0, NOW, NOW).unwrap();
        assert_eq!((ticks(&work), work.progress.tick), (vec![250], 300));
        assert!(outbox.work(0, Duration::from_secs(60), NOW).is_none(), "it gathers for a minute");
        outbox.drain();
        assert!(outbox.work(0, Duration::from_secs(60), NOW).is_some());
    }

    #[test]
    fn what_waits_is_bounded_by_the_slowest_sink() {
        let outbox = Outbox::new(1_000, 0, &[("fast", None), ("slow", None)]).unwrap();
        outbox.synced(10_000);
        let mut tick = 0;
        while outbox.has_room(NOW) {
            tick += 100;
            told(&outbox, tick, 300).unwrap();
        }
        assert_eq!(tick, 400);
        let all = outbox.work(0, NOW, NOW).unwrap().progress;
        outbox.committed(0, all);
        assert!(!outbox.has_room(NOW) && !outbox.is_committed(400, NOW));
        outbox.committed(1, all);
        assert!(outbox.has_room(NOW) && outbox.is_committed(400, NOW));
        // Workers that are behind get no more ticks either.
        (5..9).for_each(|tick| outbox.close(tick * 100));
        assert!(!outbox.has_room(NOW));
        outbox.gathered(500).unwrap();
        assert!(outbox.has_room(NOW));
    }

    #[test]
    fn what_was_committed_before_comes_by_and_is_compared() {
        let first = Outbox::new(1_000, 0, &[("files", None)]).unwrap();
        let digest = told(&first, 100, 10).unwrap();
        told(&first, 200, 10).unwrap();
        // Through an empty tick behind the first.
        let progress = Progress { tick: 150, digest };
        let again = Outbox::new(1_000, 300, &[("files", Some(progress)), ("new", None)]).unwrap();
        told(&again, 100, 10).unwrap();
        told(&again, 200, 10).unwrap();
        assert_eq!(ticks(&again.work(0, NOW, NOW).unwrap()), [200]);
        assert_eq!(ticks(&again.work(1, NOW, NOW).unwrap()), [100, 200]);
        let other = Outbox::new(1_000, 300, &[("files", Some(progress))]).unwrap();
        told(&other, 100, 11).unwrap();
        assert!(other.work(0, NOW, NOW).is_none());
        assert_eq!(told(&other, 200, 10).unwrap_err().exit(), Exit::Usage);
        let ahead = Progress { tick: 400, digest };
        assert_eq!(Outbox::new(1_000, 300, &[("files", Some(ahead))]).err().unwrap().exit(), Exit::Usage);
    }
}
