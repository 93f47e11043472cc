//! The bytes of a line that is too long to be kept.

use sha2::{Digest, Sha256};

use super::OVERSIZE_BYTES_KEPT;

/// The bytes of a line that is too long, as they go by.
pub(crate) struct Rest {
    hash: Sha256,
    length: u64,
    /// The last byte was a `\r`, which belongs to the terminator if a `\n` follows.
    held: bool,
}

impl Rest {
    /// Takes what of the line is in `bytes` and leaves its head there.
    pub(crate) fn begin(bytes: &mut Vec<u8>, start: usize) -> Self {
        let mut rest = Self { hash: Sha256::new(), length: 0, held: false };
        rest.update(&bytes[start..]);
        bytes.truncate(start + OVERSIZE_BYTES_KEPT);
        rest
    }

    pub(crate) fn update(&mut self, piece: &[u8]) {
        if piece.is_empty() {
            return;
        }
        self.release();
        let held = piece.last() == Some(&b'\r');
        let sure = &piece[..piece.len() - usize::from(held)];
        self.hash.update(sure);
        self.length += sure.len() as u64;
        self.held = held;
    }

    fn release(&mut self) {
        if self.held {
            self.hash.update(b"\r");
            self.length += 1;
            self.held = false;
        }
    }

    pub(crate) fn finish(mut self, terminated: bool) -> ([u8; 32], u64) {
        if !terminated {
            self.release();
        }
        (self.hash.finalize().into(), self.length)
    }
}
