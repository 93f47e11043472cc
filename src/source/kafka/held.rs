//! Records that came before they may be given.

use std::collections::{BTreeMap, VecDeque};

use crate::source::Partition;

/// Bytes of a partition's records from which on it is paused.
const MUCH_BYTES: usize = 1 << 20;
/// What a record costs beside its bytes, about.
const RECORD_BYTES: usize = 64;

/// Records of partitions that are at their limit, in order.
#[derive(Default)]
pub(super) struct Held {
    of: BTreeMap<Partition, Queue>,
}

#[derive(Default)]
struct Queue {
    records: VecDeque<(u64, Vec<u8>)>,
    bytes: usize,
}

impl Held {
    pub(super) fn push(&mut self, partition: Partition, offset: u64, value: &[u8]) {
        let queue = self.of.entry(partition).or_default();
        queue.bytes += value.len() + RECORD_BYTES;
        queue.records.push_back((offset, value.to_vec()));
    }

    /// The number of the partition's first record.
    pub(super) fn first(&self, partition: Partition) -> Option<u64> {
        self.of.get(&partition)?.records.front().map(|(offset, _)| *offset)
    }

    /// The number behind the partition's last record.
    pub(super) fn behind(&self, partition: Partition) -> Option<u64> {
        self.of.get(&partition)?.records.back().map(|(offset, _)| offset + 1)
    }

    pub(super) fn pop(&mut self, partition: Partition) -> Option<Vec<u8>> {
        let queue = self.of.get_mut(&partition)?;
        let (_, value) = queue.records.pop_front()?;
        queue.bytes -= value.len() + RECORD_BYTES;
        Some(value)
    }

    /// Whether so much of the partition is held that it should not be read for a while.
    pub(super) fn is_much(&self, partition: Partition) -> bool {
        self.of.get(&partition).is_some_and(|queue| queue.bytes >= MUCH_BYTES)
    }

    /// Those of which something is or was held.
    pub(super) fn partitions(&self) -> Vec<Partition> {
        self.of.keys().copied().collect()
    }
}
