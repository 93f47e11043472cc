//! What maps are made of: a keyed hash, a table of words, a slab that never moves, an order by radix.

use std::cmp::Ordering;
use std::hash::{BuildHasher, RandomState};

/// Bits of a word that number a slot; the others are bits of its hash.
const NUMBER_BITS: u32 = 30;
/// More slots than this cannot be numbered.
pub const NUMBERS_MAX: u32 = (1 << NUMBER_BITS) - 2;

/// A hash keyed by a random secret: inputs are hostile.
#[derive(Clone, Copy)]
pub struct Secret([u64; 3]);

impl Secret {
    pub fn random() -> Self {
        let state = RandomState::new();
        Self([1u64, 2, 3].map(|number| state.hash_one(number)))
    }

    /// Hashes a text that belongs to `realm`: two words at a time, each pair folded by one multiplication.
    #[inline]
    pub fn hash(&self, realm: u32, text: &[u8]) -> u64 {
        let [first, second, third] = self.0;
        let mut hash = first ^ u64::from(realm) << 32 ^ text.len() as u64;
        let mut rest = text;
        while rest.len() > 16 {
            hash = fold(word(rest) ^ hash, word(&rest[8..]) ^ second);
            rest = &rest[16..];
        }
        let (low, high) = match rest.len() {
            8.. => (word(rest), word(&rest[rest.len() - 8..])),
            4..8 => (u64::from(half(rest)), u64::from(half(&rest[rest.len() - 4..]))),
            1..4 => {
                (u64::from(rest[0]) << 8 | u64::from(rest[rest.len() / 2]), u64::from(rest[rest.len() - 1]))
            }
            0 => (0, 0),
        };
        fold(fold(low ^ hash, high ^ second), third)
    }
}

#[inline]
fn word(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[inline]
fn half(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// A text of up to 15 bytes behind its length; 0, which no text gives, where it is longer.
#[inline]
pub fn short_text(text: &[u8]) -> u128 {
    if text.len() > 15 || text.is_empty() {
        return 0;
    }
    // Two loads that overlap: no copy of a length that only the run knows.
    let length = text.len();
    let text = match length {
        8.. => u128::from(word(text)) | u128::from(word(&text[length - 8..])) << (8 * (length - 8)),
        4..8 => u128::from(half(text)) | u128::from(half(&text[length - 4..])) << (8 * (length - 4)),
        _ => (0..length).fold(0, |bytes, at| bytes | u128::from(text[at]) << (8 * at)),
    };
    text << 8 | length as u128
}

/// From hashes to numbers of slots: linear probing over words of hash bits and number.
pub struct Table {
    /// 0 where free; a power of two of them.
    words: Vec<u64>,
    taken: usize,
}

impl Default for Table {
    fn default() -> Self {
        Self { words: vec![0; 1 << 10], taken: 0 }
    }
}

impl Table {
    /// The number under `hash` for which `is` holds.
    #[inline]
    pub fn find(&self, hash: u64, mut is: impl FnMut(u32) -> bool) -> Option<u32> {
        let mask = self.words.len() - 1;
        let mut place = home(hash, mask);
        loop {
            let word = self.words[place];
            if word == 0 {
                return None;
            }
            if (word ^ hash) >> NUMBER_BITS == 0 && is(number(word)) {
                return Some(number(word));
            }
            place = (place + 1) & mask;
        }
    }

    /// Adds a number that is not there.
    #[inline]
    pub fn insert(&mut self, hash: u64, number: u32) {
        if (self.taken + 1) * 4 > self.words.len() * 3 {
            let wider = vec![0; self.words.len() * 2];
            for word in std::mem::replace(&mut self.words, wider) {
                if word != 0 {
                    self.place(word);
                }
            }
        }
        self.taken += 1;
        self.place(hash >> NUMBER_BITS << NUMBER_BITS | u64::from(number + 1));
    }

    #[inline]
    fn place(&mut self, word: u64) {
        let mask = self.words.len() - 1;
        let mut place = home(word, mask);
        while self.words[place] != 0 {
            place = (place + 1) & mask;
        }
        self.words[place] = word;
    }

    /// Asks for the word of a hash ahead of its use.
    #[inline]
    pub fn prefetch(&self, hash: u64) {
        prefetch(&self.words[home(hash, self.words.len() - 1)]);
    }
}

/// From the low end of the bits that a word keeps, so that a table grows in two streams.
#[inline]
fn home(hash: u64, mask: usize) -> usize {
    (hash >> NUMBER_BITS) as usize & mask
}

#[inline]
fn number(word: u64) -> u32 {
    (word & ((1 << NUMBER_BITS) - 1)) as u32 - 1
}

pub use gyre_dataflows::ops::key_index::prefetch;

const CHUNK_BITS: u32 = 15;

/// Values by number, in chunks that never move.
pub struct Slab<T> {
    chunks: Vec<Vec<T>>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

impl<T> Slab<T> {
    pub fn len(&self) -> usize {
        self.chunks.last().map_or(0, |last| ((self.chunks.len() - 1) << CHUNK_BITS) + last.len())
    }

    /// The number that the value gets.
    #[inline]
    pub fn push(&mut self, value: T) -> u32 {
        if self.chunks.last().is_none_or(|chunk| chunk.len() == 1 << CHUNK_BITS) {
            self.chunks.push(Vec::with_capacity(1 << CHUNK_BITS));
        }
        let number = self.len() as u32;
        if let Some(chunk) = self.chunks.last_mut() {
            chunk.push(value);
        }
        number
    }

    #[inline]
    pub fn get(&self, number: u32) -> &T {
        &self.chunks[(number >> CHUNK_BITS) as usize][(number & ((1 << CHUNK_BITS) - 1)) as usize]
    }

    #[inline]
    pub fn get_mut(&mut self, number: u32) -> &mut T {
        &mut self.chunks[(number >> CHUNK_BITS) as usize][(number & ((1 << CHUNK_BITS) - 1)) as usize]
    }

    /// Every value with its number.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..).zip(self.chunks.iter().flatten())
    }
}

/// A number with what it is sorted by.
#[derive(Clone, Copy, Default)]
struct Entry {
    key: u64,
    number: u32,
}

const DIGIT_BITS: u32 = 11;

/// Numbers in the order of their texts; equal beginnings are put in order by `whole`. Texts mostly share a beginning
/// and differ within the eight bytes behind it, and only in some bits of those: these bits alone are sorted by radix.
pub fn order<'t>(
    numbers: &[u32],
    text: impl Fn(u32) -> &'t [u8],
    whole: impl Fn(u32, u32) -> Ordering,
) -> Vec<u32> {
    let Some(&first) = numbers.first() else { return Vec::new() };
    let first = text(first);
    let shared = numbers.iter().fold(first.len(), |shared, &number| {
        let other = text(number);
        if other.starts_with(&first[..shared]) {
            return shared;
        }
        first.iter().zip(other).take_while(|(a, b)| a == b).count().min(shared)
    });
    let key = |number: u32| {
        let rest = &text(number)[shared..];
        let mut bytes = [0; 8];
        let length = rest.len().min(8);
        bytes[..length].copy_from_slice(&rest[..length]);
        u64::from_be_bytes(bytes)
    };
    let mut entries: Vec<Entry> = numbers.iter().map(|&number| Entry { key: key(number), number }).collect();
    squeeze(&mut entries);
    let mut entries = radix(entries);
    for run in entries.chunk_by_mut(|a, b| a.key == b.key) {
        if run.len() > 1 {
            run.sort_unstable_by(|a, b| whole(a.number, b.number));
        }
    }
    entries.iter().map(|entry| entry.number).collect()
}

/// Takes the bits out of the keys that are the same in all of them, as far as whole bytes' upper ends go.
fn squeeze(entries: &mut [Entry]) {
    let (any, all) =
        entries.iter().fold((0, u64::MAX), |(any, all), entry| (any | entry.key, all & entry.key));
    let widths = (any & !all).to_be_bytes().map(|byte| 8 - byte.leading_zeros());
    for entry in entries {
        let bytes = entry.key.to_be_bytes();
        let squeezed = bytes
            .iter()
            .zip(widths)
            .fold(0, |key, (&byte, width)| key << width | u64::from(byte) & ((1 << width) - 1));
        entry.key = squeezed;
    }
}

fn radix(mut entries: Vec<Entry>) -> Vec<Entry> {
    let most = entries.iter().fold(0, |most, entry| most | entry.key);
    if entries.len() < 1 << 12 {
        entries.sort_unstable_by_key(|entry| entry.key);
        return entries;
    }
    let mut other = vec![Entry::default(); entries.len()];
    let digit = |entry: &Entry, shift: u32| (entry.key >> shift) as usize & ((1 << DIGIT_BITS) - 1);
    for shift in (0..64 - most.leading_zeros()).step_by(DIGIT_BITS as usize) {
        let mut ends = [0u32; 1 << DIGIT_BITS];
        for entry in &entries {
            ends[digit(entry, shift)] += 1;
        }
        let mut start = 0;
        for end in &mut ends {
            start += std::mem::replace(end, start);
        }
        for entry in &entries {
            let place = &mut ends[digit(entry, shift)];
            other[*place as usize] = *entry;
            *place += 1;
        }
        std::mem::swap(&mut entries, &mut other);
    }
    entries
}
