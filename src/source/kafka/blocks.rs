//! Records of one round, gathered into blocks of neighbours.

use std::collections::BTreeMap;
use std::sync::Arc;

use gyre_dataflows::decode::Lines;
use sha2::{Digest, Sha256};

use crate::lines::{LINE_BYTES_MAX, OVERSIZE_BYTES_KEPT};
use crate::source::{BYTES_MAX, Fetched, LINES_MAX, Partition, Position};

/// What has come, by partition.
#[derive(Default)]
pub(super) struct Blocks {
    open: BTreeMap<Partition, Block>,
    done: Vec<(Partition, Block)>,
    bytes: usize,
}

#[derive(Default)]
struct Block {
    first: u64,
    bytes: Vec<u8>,
    spans: Vec<(u32, u32)>,
    oversize: Vec<(u32, [u8; 32])>,
}

impl Block {
    fn next(&self) -> u64 {
        self.first + self.spans.len() as u64
    }

    fn is_full(&self) -> bool {
        self.spans.len() >= LINES_MAX || self.bytes.len() >= BYTES_MAX
    }

    fn push(&mut self, value: &[u8]) {
        let mut kept = value;
        if value.len() > LINE_BYTES_MAX {
            self.oversize.push((self.spans.len() as u32, Sha256::digest(value).into()));
            kept = &value[..OVERSIZE_BYTES_KEPT];
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(kept);
        // A block is full long before 4 GiB.
        self.spans.push((start as u32, self.bytes.len() as u32));
    }
}

impl Blocks {
    /// Adds the record; of a partition they come in order.
    pub(super) fn push(&mut self, partition: Partition, offset: u64, value: &[u8]) {
        let open = self.open.entry(partition).or_default();
        if !open.spans.is_empty() && (open.next() != offset || open.is_full()) {
            self.done.push((partition, std::mem::take(open)));
        }
        if open.spans.is_empty() {
            open.first = offset;
        }
        open.push(value);
        self.bytes += value.len();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Whether it is enough for one round.
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= BYTES_MAX
    }

    /// The blocks of each partition in order, with the place behind each.
    pub(super) fn finish(mut self, place: impl Fn(&Partition, u64) -> Position) -> Vec<Fetched> {
        self.done.extend(std::mem::take(&mut self.open));
        let fetched = self.done.into_iter().map(|(partition, block)| Fetched {
            next: place(&partition, block.next()),
            partition,
            lines: Lines {
                topic: partition.topic,
                partition: partition.number,
                first: block.first,
                bytes: Arc::new(block.bytes),
                spans: block.spans,
                oversize: block.oversize,
            },
        });
        fetched.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gyre_domain::records::Topic;

    #[test]
    fn neighbours_are_one_block_and_a_gap_begins_another() {
        let [ann, ben] = [0, 1].map(|number| Partition { topic: Topic::Wagers, number });
        let mut blocks = Blocks::default();
        let records = [(ann, 7, "a"), (ben, 0, "x"), (ann, 8, ""), (ann, 10, "c"), (ben, 1, "yy")];
        for (partition, offset, value) in records {
            blocks.push(partition, offset, value.as_bytes());
        }
        let fetched = blocks.finish(|_, next| Position { next, byte: 0, stamp: 9 });
        let told = fetched.iter().map(|fetched| {
            let lines = &fetched.lines;
            (fetched.partition, lines.first, lines.spans.clone(), fetched.next.next)
        });
        let want = [
            (ann, 7, vec![(0, 1), (1, 1)], 9),
            (ann, 10, vec![(0, 1)], 11),
            (ben, 0, vec![(0, 1), (1, 3)], 2),
        ];
        assert_eq!(told.collect::<Vec<_>>(), want);
    }

    #[test]
    fn a_record_that_is_too_long_is_kept_in_part() {
        let partition = Partition { topic: Topic::Wagers, number: 3 };
        let mut blocks = Blocks::default();
        blocks.push(partition, 1, b"short");
        blocks.push(partition, 2, &vec![b'x'; LINE_BYTES_MAX + 1]);
        assert!(blocks.is_full());
        let lines = &blocks.finish(|_, next| Position { next, byte: 0, stamp: 0 })[0].lines;
        assert_eq!(lines.spans, [(0, 5), (5, 5 + OVERSIZE_BYTES_KEPT as u32)]);
        assert_eq!(lines.oversize.len(), 1);
        assert_eq!(lines.oversize[0].0, 1);
    }
}
