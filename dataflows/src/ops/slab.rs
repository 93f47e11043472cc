//! States of keys by small numbers.

use super::key_index::prefetch_at;

const CHUNK: usize = 1 << 14;
/// Bytes of a cache line.
const LINE: usize = 64;

/// The states of all keys, at addresses that never move.
pub struct Slab<S> {
    chunks: Vec<Vec<(u128, S)>>,
    free: Vec<u32>,
    used: Vec<u64>,
}

impl<S: Default> Default for Slab<S> {
    fn default() -> Self {
        Self { chunks: Vec::new(), free: Vec::new(), used: Vec::new() }
    }
}

impl<S: Default> Slab<S> {
    /// The key and state of a number.
    pub fn get(&self, slot: u32) -> &(u128, S) {
        &self.chunks[slot as usize / CHUNK][slot as usize % CHUNK]
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> &mut (u128, S) {
        &mut self.chunks[slot as usize / CHUNK][slot as usize % CHUNK]
    }

    /// Asks for a state ahead of its use: for every cache line of it.
    #[inline]
    pub fn prefetch(&self, slot: u32) {
        let entry = std::ptr::from_ref(self.get(slot)).cast::<u8>();
        for line in (0..size_of::<(u128, S)>()).step_by(LINE) {
            prefetch_at(entry.wrapping_add(line));
        }
    }

    pub(super) fn is_used(&self, slot: u32) -> bool {
        self.used.get(slot as usize / 64).is_some_and(|word| word >> (slot % 64) & 1 == 1)
    }

    pub(super) fn take(&mut self, key: u128) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
                self.chunks.push(Vec::with_capacity(CHUNK));
            }
            let full = (self.chunks.len() - 1) * CHUNK;
            let chunk = self.chunks.last_mut().expect("a chunk was added");
            chunk.push((key, S::default()));
            (full + chunk.len() - 1) as u32
        });
        self.get_mut(slot).0 = key;
        let word = slot as usize / 64;
        if self.used.len() <= word {
            self.used.resize(word + 1, 0);
        }
        self.used[word] |= 1 << (slot % 64);
        slot
    }

    pub(super) fn give_back(&mut self, slot: u32) {
        self.get_mut(slot).1 = S::default();
        self.used[slot as usize / 64] &= !(1 << (slot % 64));
        self.free.push(slot);
    }

    /// The numbers of all keys that hold something.
    pub fn live(&self) -> impl Iterator<Item = u32> + '_ {
        let all = self.chunks.iter().map(Vec::len).sum::<usize>() as u32;
        (0..all).filter(|&slot| self.is_used(slot))
    }
}
