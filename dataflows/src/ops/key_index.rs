//! From a 128-bit key to the number of its slot: sharded linear probing over words of (tag, slot).
//!
//! A look-up misses the cache once here and once in the slot, and both can be asked for ahead of time. Keys are keyed
//! hashes already, so a tag of 32 of their bits is all that the index needs to grow, to delete and to be right: the
//! caller compares the whole key in the slot. Each of the 256 shards grows alone, so that no growth stalls a tick.

const SHARDS: usize = 256;

/// See the module.
pub struct KeyIndex {
    shards: Vec<Shard>,
}

#[derive(Default)]
struct Shard {
    /// `tag << 32 | slot + 1`, or 0 for a free place; a power of two long.
    places: Vec<u64>,
    taken: usize,
}

impl Default for KeyIndex {
    fn default() -> Self {
        Self { shards: std::iter::repeat_with(Shard::default).take(SHARDS).collect() }
    }
}

impl KeyIndex {
    /// The slot of `key`; `is` compares the whole key with a slot's.
    #[inline]
    pub fn find(&self, key: u128, mut is: impl FnMut(u32) -> bool) -> Option<u32> {
        let shard = &self.shards[shard_of(key)];
        if shard.places.is_empty() {
            return None;
        }
        let tag = tag_of(key);
        let mask = shard.places.len() - 1;
        let mut place = home(tag, mask);
        loop {
            let word = shard.places[place];
            if word == 0 {
                return None;
            }
            if (word >> 32) as u32 == tag && is(slot_of(word)) {
                return Some(slot_of(word));
            }
            place = (place + 1) & mask;
        }
    }

    /// Adds a key that is not in the index.
    pub fn insert(&mut self, key: u128, slot: u32) {
        let shard = &mut self.shards[shard_of(key)];
        if (shard.taken + 1) * 4 > shard.places.len() * 3 {
            shard.grow();
        }
        shard.place(word(tag_of(key), slot));
        shard.taken += 1;
    }

    /// Takes a key out that is in the index under `slot`.
    pub fn remove(&mut self, key: u128, slot: u32) {
        let shard = &mut self.shards[shard_of(key)];
        let mask = shard.places.len() - 1;
        let sought = word(tag_of(key), slot);
        let mut gap = home(tag_of(key), mask);
        while shard.places[gap] != sought {
            assert!(shard.places[gap] != 0, "a key that is taken out is in the index");
            gap = (gap + 1) & mask;
        }
        // Entries behind the gap move up unless that would put them before their home.
        let mut next = (gap + 1) & mask;
        while shard.places[next] != 0 {
            let at_home = home((shard.places[next] >> 32) as u32, mask);
            if (next.wrapping_sub(at_home) & mask) >= (next.wrapping_sub(gap) & mask) {
                shard.places[gap] = shard.places[next];
                gap = next;
            }
            next = (next + 1) & mask;
        }
        shard.places[gap] = 0;
        shard.taken -= 1;
    }

    /// Asks for the cache line in which `key` is looked up.
    #[inline]
    pub fn prefetch(&self, key: u128) {
        let places = &self.shards[shard_of(key)].places;
        if let Some(place) = places.get(home(tag_of(key), places.len().wrapping_sub(1))) {
            prefetch(place);
        }
    }

    /// The slot that most likely is `key`'s, without looking at it: for asking ahead.
    #[inline]
    pub fn guess(&self, key: u128) -> Option<u32> {
        self.find(key, |_| true)
    }
}

impl Shard {
    fn grow(&mut self) {
        let wider = (self.places.len() * 2).max(16);
        let old = std::mem::replace(&mut self.places, vec![0; wider]);
        for word in old.into_iter().filter(|&word| word != 0) {
            self.place(word);
        }
    }

    fn place(&mut self, word: u64) {
        let mask = self.places.len() - 1;
        let mut place = home((word >> 32) as u32, mask);
        while self.places[place] != 0 {
            place = (place + 1) & mask;
        }
        self.places[place] = word;
    }
}

fn shard_of(key: u128) -> usize {
    (key >> 64) as usize % SHARDS
}

fn tag_of(key: u128) -> u32 {
    key as u32
}

fn home(tag: u32, mask: usize) -> usize {
    tag as usize & mask
}

fn word(tag: u32, slot: u32) -> u64 {
    u64::from(tag) << 32 | u64::from(slot + 1)
}

fn slot_of(word: u64) -> u32 {
    word as u32 - 1
}

/// Asks for a cache line ahead of its use; a hint only.
#[inline]
pub fn prefetch<T>(place: &T) {
    prefetch_at(std::ptr::from_ref(place).cast());
}

/// The same by an address, which may be anything.
#[inline]
pub(super) fn prefetch_at(place: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads nothing and cannot fault, whatever the address is.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(place.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Against a map, with keys that share tags and homes.
    #[test]
    fn agrees_with_a_map_under_collisions() {
        let mut index = KeyIndex::default();
        let mut slots: Vec<u128> = Vec::new();
        let mut map = BTreeMap::new();
        let mut seed = 1u64;
        for _ in 0..200_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let key = (u128::from(seed >> 33) % 300) | (u128::from((seed >> 40) & 3) << 100);
            if let Some(slot) = map.remove(&key) {
                assert_eq!(index.find(key, |slot| slots[slot as usize] == key), Some(slot));
                index.remove(key, slot);
            } else {
                assert_eq!(index.find(key, |slot| slots[slot as usize] == key), None);
                slots.push(key);
                let slot = slots.len() as u32 - 1;
                index.insert(key, slot);
                map.insert(key, slot);
            }
        }
        for (key, slot) in map {
            assert_eq!(index.find(key, |slot| slots[slot as usize] == key), Some(slot));
        }
    }
}
