//! Where a run's records come from: partitions, each with an order of its own that never changes.
//!
//! ```text
//!                 ┌─ seek ─ limit ─┐
//!  folder, Kafka ─┤                ├─▶ batches of raw lines, each partition's in order ─▶ decode ─▶ ticks
//!                 └──── poll ◀─────┘       positions through each tick ─▶ remap log
//! ```
//! A run asks for records, gives what it got by then a tick, and writes down how far each partition was at that tick.
//! Started again it asks for the same records once more, and each must get the tick that it had: so **a partition gives
//! the same lines under the same numbers whenever it is read**, and a source that cannot keep that says so.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use gyre_dataflows::decode::Lines;
use gyre_dataflows::rows::records::Places;
use gyre_domain::records::Topic;

use crate::error::Result;

pub mod folder;
#[cfg(feature = "kafka")]
pub mod kafka;

/// Lines of a batch, at most.
pub const LINES_MAX: usize = 4_096;
/// Bytes of a batch, about: one line more may go beyond it.
pub const BYTES_MAX: usize = 1 << 20;
/// The largest number of a partition.
pub const PARTITION_MAX: u16 = (1 << 15) - 1;
/// The largest number of a line.
pub const NUMBER_MAX: u64 = (1 << 48) - 1;

/// One ordered stream of lines.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Partition {
    /// What its lines are about.
    pub topic: Topic,
    /// Which of the topic's streams it is, at most [`PARTITION_MAX`].
    pub number: u16,
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.number)
    }
}

/// A place between two lines of a partition. Of one partition, a later place has a larger `next`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Position {
    /// The number of the line that follows: of a file its line number from 1, in Kafka the offset. Of a line that was
    /// given, [`Position::next`] is larger than its own number; where numbers are missing, by more than one.
    pub next: u64,
    /// Where a source needs more than the number to find the place again: of a file, the bytes before it. Else 0.
    pub byte: u64,
    /// What tells the same stream from another under its name: of a file the CRC-32 of all bytes before the place, in
    /// Kafka what is made of the topic's id. A source that comes to a place again finds the same stamp there.
    pub stamp: u64,
}

/// Places in partitions.
pub type Positions = BTreeMap<Partition, Position>;

/// The partitions that are one process's, where several share them: each is one's alone, whatever else there is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Share {
    /// Which of the processes it is, from 0.
    pub process: usize,
    /// How many there are.
    pub processes: usize,
}

impl Share {
    /// Everything.
    pub const ALL: Self = Self { process: 0, processes: 1 };

    /// Whether a partition is among them. First partitions of topics are spread too, for often there are no others.
    pub fn holds(self, partition: Partition) -> bool {
        (partition.topic as usize + usize::from(partition.number)) % self.processes == self.process
    }
}

/// Neighbouring lines of a partition.
pub struct Fetched {
    /// Whose lines they are.
    pub partition: Partition,
    /// The lines, at least one, at most [`LINES_MAX`]: numbered one after the other from [`Lines::first`]. Where numbers
    /// are missing in the partition, a new batch begins. Lines of white space are lines; they count, and are skipped.
    /// `Lines::topic` and `Lines::partition` say what [`Fetched::partition`] does.
    pub lines: Lines,
    /// The place behind the last of them.
    pub next: Position,
}

/// How much of a partition was not given yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Behind {
    /// So many records; in Kafka, offsets: the markers of transactions are among them.
    Records(u64),
    /// So many bytes: whoever wants to know more must read them.
    Bytes(u64),
}

/// A place that records come from, read by one thread.
///
/// **What is promised.** After [`Source::seek`] each partition gives every line behind its place, once and in order, in
/// batches that may be cut anywhere, partitions in any order among each other. Lines are complete: what is still being
/// written, or is in a transaction that is not committed, is not there yet. Nothing is held that grows with the stream.
///
/// **What ends a run.** An error of `seek`, `limit` or `poll` that may not be retried ([`crate::error::Error::may_retry`])
/// ends the run with what it says: what was read under a name is not what stands there now (a file truncated or
/// replaced, a topic deleted and made again), a place is out of range, a topic is compacted. One that may be retried is
/// told in the log, and the same call is made again after a while: a source that lost its connection says so once in a
/// while instead of waiting silently.
pub trait Source: Send {
    /// How rows write where a record came from.
    fn places(&self) -> Places;

    /// Whether it is another system, which may be away when a run starts: then it is waited for.
    fn may_be_away(&self) -> bool {
        false
    }

    /// How much of each partition was not given yet, as far as that is known without waiting for anybody.
    fn behind(&self) -> Vec<(Partition, Behind)> {
        Vec::new()
    }

    /// From now on it is about these partitions alone, as if there were no others. Called once, before anything else.
    fn keep(&mut self, share: Share);

    /// Goes to these places: each partition goes on behind its own; those that are not named begin at their beginning,
    /// also those that appear later. Called before anything is read. Gives what it found wrong with the places (not
    /// there, another stream), as far as that can be told without reading.
    ///
    /// # Errors
    /// As the trait says.
    fn seek(&mut self, places: &Positions) -> Result<()>;

    /// From now on gives nothing at or behind these places, and nothing of partitions that are not named; `None` lifts
    /// the limit. Each limit lies behind the one before. A partition ends at its limit exactly: the `next` of its last
    /// batch is the limit, number, byte and stamp. Where that cannot come to be (the partition has fewer lines for good,
    /// the limit lies within a line, the stamp is another) it is an error of `poll`, not a partition that waits.
    ///
    /// # Errors
    /// As the trait says.
    fn limit(&mut self, places: Option<&Positions>) -> Result<()>;

    /// What has come since, oldest first within each partition; nothing where nothing came for `wait`, or where every
    /// partition is at its limit. Comes back as soon as there is something, and after about 1 MiB at the latest, though
    /// there were more. Not called while the run has no room for what it would give, for as long as that may be.
    ///
    /// # Errors
    /// As the trait says.
    fn poll(&mut self, wait: Duration) -> Result<Vec<Fetched>>;
}
