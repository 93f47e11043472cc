//! Where the changes of a run go: sinks that take whole ticks, each once, whatever ends the process.
//!
//! ```text
//!  workers ─▶ gather ─▶ ticks: consolidated, sorted, digest chained ─┬▶ files    ─┐
//!             (every worker has closed the tick)                     ├▶ Kafka     ├▶ rows and progress in one act
//!                              tick is in the remap log, synced ─────┴▶ PostgreSQL ┘
//! ```
//! A sink knows through which tick it has committed, and with which digest. Started again, a run makes the same ticks
//! once more and compares digests instead of writing them; what follows is committed as if nothing had happened. Two
//! sinks may stand at different ticks; readers judge by progress.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use gyre_dataflows::Tick;
use gyre_dataflows::rows::{Output, Rows};
use sha2::{Digest as _, Sha256};

use crate::error::Result;
use crate::sink::RowChange;

pub mod files;
#[cfg(feature = "kafka")]
pub mod kafka;
#[cfg(feature = "postgres")]
pub mod postgres;

/// Whose changes they are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Job {
    /// The name that the config gives it (`run.job`): what a sink's progress is kept under, and what a transactional id
    /// is made of. One sink may serve several jobs by name.
    pub name: String,
    /// 32 hex digits, drawn when the job's state was made: two jobs of one name are told apart by it. Progress under
    /// the name with another id is an error: the job's state was lost, or is another's.
    pub id: String,
    /// Counts the starts of the job, from 1; never goes back. A sink lets no lower one commit any more once it was
    /// opened by a higher one.
    pub generation: u64,
}

/// What was told through a tick, as a hash: of every row of every tick, each hashed behind the one before.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of 64 hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        let mut digest = Self::default();
        for (byte, digits) in digest.0.iter_mut().zip(text.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        (digest.to_string() == text).then_some(digest)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&gyre_domain::records::hex(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How far a sink has committed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// Every change through this tick; always a tick of the remap log.
    pub tick: Tick,
    /// What they were.
    pub digest: Digest,
}

/// A change of a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Change<'a> {
    /// The output it belongs to.
    pub output: Output,
    /// 1 for a row that stands from this tick on, −1 for one that stands no more; never 0, and hardly ever more.
    pub diff: i64,
    /// The row: one compact JSON object, key fields first.
    pub row: &'a [u8],
}

/// All changes of a tick, of all outputs: consolidated (no row twice), sorted by output and then by the bytes of rows.
///
/// They are a function of the records admitted through the tick and of their ticks alone.
pub struct TickRows {
    /// The tick. One at which nothing changed has no rows and is not told.
    pub tick: Tick,
    /// Of this tick and all before it.
    pub digest: Digest,
    rows: Rows,
}

impl TickRows {
    /// Consolidates and sorts the changes of a tick, and chains their digest to the one `before`; nothing where they
    /// come to nothing.
    pub fn new(tick: Tick, changes: &mut [Change<'_>], before: Digest) -> Option<Self> {
        changes.sort_unstable_by(|left, right| (left.output, left.row).cmp(&(right.output, right.row)));
        let mut rows = Rows::default();
        let mut hash = Sha256::new();
        hash.update(before.0);
        hash.update(tick.to_le_bytes());
        for equal in changes.chunk_by(|left, right| (left.output, left.row) == (right.output, right.row)) {
            let diff: i64 = equal.iter().map(|change| change.diff).sum();
            if diff == 0 {
                continue;
            }
            let Change { output, row, .. } = equal[0];
            hash.update([output as u8]);
            hash.update(diff.to_le_bytes());
            hash.update((row.len() as u64).to_le_bytes());
            hash.update(row);
            rows.push(output, tick, diff, |text| text.extend_from_slice(row));
        }
        (!rows.is_empty()).then(|| Self { tick, digest: Digest(hash.finalize().into()), rows })
    }

    /// The changes, in order.
    pub fn changes(&self) -> impl Iterator<Item = Change<'_>> {
        self.rows.iter().map(|(head, row)| Change { output: head.output, diff: head.diff, row })
    }

    /// The rows that stand no more, in order. Where a row takes another's place under one key, the other goes here: what
    /// keeps rows by key works these first.
    pub fn gone(&self) -> impl Iterator<Item = Change<'_>> {
        self.changes().filter(|change| change.diff < 0)
    }

    /// The rows that stand from this tick on, in order.
    pub fn come(&self) -> impl Iterator<Item = Change<'_>> {
        self.changes().filter(|change| change.diff > 0)
    }

    /// The changes as they are brought together by key.
    pub fn row_changes(&self) -> impl Iterator<Item = RowChange<'_>> {
        self.changes().map(|Change { output, diff, row }| RowChange {
            output,
            tick: self.tick,
            comes: diff > 0,
            row,
        })
    }

    /// Bytes of their text.
    pub fn bytes(&self) -> usize {
        self.rows.bytes()
    }
}

/// A place that changes go to, written by one thread.
///
/// **What is promised to it.** Ticks come in order, each whole, each once (but for calls made again, below). `progress`
/// lies at or behind the last of the ticks and never falls; its row of the remap log is on the disk. Its digest is the
/// last tick's, or that of the progress before where there are no ticks. No two calls are made at a time.
///
/// **What it promises.** A commit is one atomic act: all rows of all its ticks and the progress, or nothing, also where
/// the process is killed in the middle. Whoever reads the sink as it says is never shown half of one, and finds the
/// progress with the rows. When `commit` has come back without an error, it is done for good.
///
/// **Errors.** One that may be retried ([`crate::error::Error::may_retry`]: a full disk, a broker that is away) is told
/// in the log, sources are held up meanwhile, and after a while the same call is made again with the same ticks, perhaps
/// with more behind them and a later progress; the sink finds out for itself whether the first call went through after
/// all, and then writes only what follows. Any other error ends the run: a higher generation has opened the sink, its
/// tables are not as they should be.
pub trait LiveSink: Send {
    /// What it is called in the log and in errors: `files`, `kafka`, `postgres`.
    fn name(&self) -> &'static str;

    /// Whether it is another system, which may be away when a run starts: then it is waited for.
    fn may_be_away(&self) -> bool {
        false
    }

    /// Makes the sink this generation's: from now on nothing that an earlier one began can be committed any more. Gives
    /// how far the job has committed, `None` where it never did. A progress that cannot be read, or is another job's, is
    /// an error, never `None`.
    ///
    /// # Errors
    /// As the trait says.
    fn open(&mut self, job: &Job) -> Result<Option<Progress>>;

    /// Commits ticks and progress. Without ticks only the progress moves: that happens now and then, so that readers see
    /// that nothing changed.
    ///
    /// # Errors
    /// As the trait says.
    fn commit(&mut self, ticks: &[Arc<TickRows>], progress: &Progress) -> Result<()>;

    /// For how long ticks may be gathered before they are committed together: what a commit costs beside its rows says
    /// that. They are committed sooner where they grow large, and when the run ends.
    fn gathers_for(&self) -> Duration;
}
