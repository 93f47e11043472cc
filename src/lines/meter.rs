//! How far a file has been read.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How much of a file has been read, of how much: packed bytes, as they lie on the disk.
#[derive(Clone, Debug)]
pub struct Meter {
    read: Arc<AtomicU64>,
    total: u64,
}

impl Meter {
    /// Bytes read so far.
    pub fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Bytes of the file when it was opened; 0 for a pipe.
    pub fn total(&self) -> u64 {
        self.total
    }
}

/// Counts what goes through.
pub(super) struct Counted<R> {
    inner: R,
    read: Arc<AtomicU64>,
}

impl<R> Counted<R> {
    /// `inner`, of `total` bytes, and the meter that shows how much of it has gone through.
    pub(super) fn new(inner: R, total: u64) -> (Self, Meter) {
        let read = Arc::default();
        (Self { inner, read: Arc::clone(&read) }, Meter { read, total })
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
