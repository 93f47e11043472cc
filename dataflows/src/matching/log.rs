//! A log of bytes in chunks: what is written together lies together, and a chunk whose last entry is freed is used again.

/// Bytes of a chunk.
const CHUNK: usize = 1 << 20;
/// Entries begin at multiples of this, so that 32 bits reach 32 GiB.
const UNIT: usize = 8;

/// Where an entry begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Place(pub u32);

/// See the module.
#[derive(Default)]
pub struct Log {
    chunks: Vec<Chunk>,
    current: usize,
    free: Vec<usize>,
}

struct Chunk {
    bytes: Vec<u8>,
    /// Bytes of entries that are not freed, with their lengths and padding.
    live: usize,
}

impl Log {
    /// Writes an entry of at most 64 KiB.
    pub fn push(&mut self, entry: &[u8]) -> Place {
        let length = u16::try_from(entry.len()).expect("a packed record has at most some 2,000 bytes");
        let size = padded(entry.len());
        if self.chunks.get(self.current).is_none_or(|chunk| chunk.bytes.len() + size > CHUNK) {
            self.next_chunk();
        }
        let chunk = &mut self.chunks[self.current];
        let at = chunk.bytes.len();
        chunk.bytes.extend_from_slice(&length.to_le_bytes());
        chunk.bytes.extend_from_slice(entry);
        chunk.bytes.resize(at + size, 0);
        chunk.live += size;
        Place(((self.current * CHUNK + at) / UNIT) as u32)
    }

    fn next_chunk(&mut self) {
        if self.chunks.get(self.current).is_some_and(|chunk| chunk.live == 0) {
            self.chunks[self.current].bytes.clear();
            return;
        }
        self.current = self.free.pop().unwrap_or_else(|| {
            self.chunks.push(Chunk { bytes: Vec::with_capacity(CHUNK), live: 0 });
            self.chunks.len() - 1
        });
    }

    fn find(place: Place) -> (usize, usize) {
        let at = place.0 as usize * UNIT;
        (at / CHUNK, at % CHUNK)
    }

    /// The entry at a place.
    #[inline]
    pub fn get(&self, place: Place) -> &[u8] {
        let (chunk, at) = Self::find(place);
        let bytes = &self.chunks[chunk].bytes;
        let length = usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
        &bytes[at + 2..at + 2 + length]
    }

    /// Asks for an entry ahead of its use.
    #[inline]
    pub fn prefetch(&self, place: Place) {
        let (chunk, at) = Self::find(place);
        // The place of nothing may lie in a chunk that is free.
        if let Some(byte) = self.chunks.get(chunk).and_then(|chunk| chunk.bytes.get(at)) {
            crate::ops::key_index::prefetch(byte);
        }
    }

    /// Frees an entry.
    pub fn free(&mut self, place: Place) {
        let size = padded(self.get(place).len());
        let (number, _) = Self::find(place);
        let chunk = &mut self.chunks[number];
        chunk.live -= size;
        if chunk.live == 0 && number != self.current {
            chunk.bytes.clear();
            self.free.push(number);
        }
    }
}

fn padded(length: usize) -> usize {
    (length + 2).next_multiple_of(UNIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freed_chunks_are_used_again_and_live_entries_stay() {
        let mut log = Log::default();
        let kept = log.push(b"kept");
        let mut window = std::collections::VecDeque::new();
        for round in 0..100_000u32 {
            window.push_back((round, log.push(&vec![round as u8; 50 + round as usize % 300])));
            if window.len() > 10_000 {
                let (round, place) = window.pop_front().expect("the window is full");
                assert_eq!(log.get(place), vec![round as u8; 50 + round as usize % 300]);
                log.free(place);
            }
        }
        assert_eq!(log.get(kept), b"kept");
        assert!(log.chunks.len() < 8, "memory is that of live entries, not {} chunks", log.chunks.len());
    }

    #[test]
    fn the_place_of_nothing_may_be_asked_for_ahead() {
        let mut log = Log::default();
        log.prefetch(Place::default());
        let first = log.push(b"first");
        let places = (0..100_000).map(|_| log.push(&[7; 40])).count();
        assert_eq!(places, 100_000);
        log.free(first);
        log.prefetch(Place::default());
        let mut log = Log::default();
        let only = log.push(&[7; 60_000]);
        let places: Vec<_> = (0..40).map(|_| log.push(&[7; 60_000])).collect();
        log.free(only);
        places.into_iter().take(16).for_each(|place| log.free(place));
        assert!(log.chunks[0].bytes.is_empty(), "the first chunk is free");
        log.prefetch(Place::default());
    }
}
