//! Neighbouring lines of a file, in one piece of memory.

use gyre_domain::records::Topic;

use super::BLOCK_LINES;

/// Up to [`BLOCK_LINES`] neighbouring lines of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Block {
    /// Whose lines they are.
    pub topic: Topic,
    /// The number of the first of them, from 1.
    pub first_line: u64,
    /// Whether this ends a block of [`BLOCK_LINES`]. `false` only where the lines are so long that the block comes in
    /// parts ([`super::PART_BYTES_MAX`]): what follows belongs to the same neighbourhood.
    pub complete: bool,
    /// The lines' bytes, terminators among them.
    pub bytes: Vec<u8>,
    /// Start and end of each line in `bytes`, without its terminator. Blank lines are there too.
    pub lines: Vec<(u32, u32)>,
    /// The lines that are not whole; almost always none.
    pub oversize: Vec<Oversize>,
}

impl Block {
    /// A block to be filled.
    pub fn empty(topic: Topic) -> Self {
        let lines = Vec::with_capacity(BLOCK_LINES);
        Self { topic, first_line: 0, complete: true, bytes: Vec::new(), lines, oversize: Vec::new() }
    }

    /// The bytes of line `index`, counted from 0 within the block.
    pub fn line(&self, index: usize) -> Option<&[u8]> {
        let (start, end) = *self.lines.get(index)?;
        self.bytes.get(start as usize..end as usize)
    }

    /// Every line with its number in the file.
    pub fn numbered(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let lines = self.lines.iter().map(|&(start, end)| &self.bytes[start as usize..end as usize]);
        (self.first_line..).zip(lines)
    }
}

/// A line above [`super::LINE_BYTES_MAX`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Oversize {
    /// Which of the block's lines: it holds only the first [`super::OVERSIZE_BYTES_KEPT`] bytes.
    pub index: u32,
    /// SHA-256 of all its bytes, without the terminator.
    pub sha256: [u8; 32],
    /// How many they were.
    pub length: u64,
}

/// A position in a block: parts are far smaller than 4 GiB.
pub(super) fn offset(at: usize) -> u32 {
    u32::try_from(at).expect("a block's part is at most PART_BYTES_MAX and one line long")
}
