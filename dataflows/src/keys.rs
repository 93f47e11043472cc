//! Keys of 128 bits under which records meet: keyed hashes of their identities.
//!
//! Inputs are hostile, so the hash is SipHash-1-3 with one secret key for the whole job, the same on every worker and
//! after every restart. The parts of an identity are text, so a byte that no UTF-8 holds keeps them apart. No order
//! that anybody sees, and no tie, uses a key.

use std::hash::{BuildHasherDefault, Hasher};

use siphasher::sip128::{Hasher128, SipHasher13};

/// The secret of a job.
#[derive(Clone, Copy)]
pub struct JobKey(SipHasher13);

const APART: u8 = 0xff;

impl JobKey {
    /// A job's secret of 16 random bytes, kept with its checkpoints.
    pub fn new(secret: &[u8; 16]) -> Self {
        Self(SipHasher13::new_with_key(secret))
    }

    /// The key of an identity: texts, or bytes of a fixed length at its end.
    #[inline]
    pub fn of<P: AsRef<[u8]>>(&self, parts: &[P]) -> u128 {
        let mut buffer = [0; 400];
        let mut length = 0;
        let fits = parts.iter().map(|part| part.as_ref().len() + 1).sum::<usize>() <= buffer.len();
        let mut hasher = self.0;
        for part in parts.iter().map(AsRef::as_ref) {
            if fits {
                buffer[length..length + part.len()].copy_from_slice(part);
                buffer[length + part.len()] = APART;
                length += part.len() + 1;
            } else {
                hasher.write(part);
                hasher.write(&[APART]);
            }
        }
        hasher.write(&buffer[..length]);
        hasher.finish128().as_u128()
    }
}

/// The worker, of `workers`, that owns a key.
#[inline]
pub fn owner(key: u128, workers: usize) -> usize {
    // The upper bits: the index of a worker's keys goes by the lower ones.
    (((key >> 96) as u64 * workers as u64) >> 32) as usize
}

/// For maps whose keys are keyed hashes already, or small numbers: the least work that spreads both.
pub type Keyed = BuildHasherDefault<Spread>;

/// See [`Keyed`].
#[derive(Default)]
pub struct Spread(u64);

impl Spread {
    #[inline]
    fn mix(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(26) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl Hasher for Spread {
    #[inline]
    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }

    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.mix(u64::from_le_bytes(word));
        }
    }

    #[inline]
    fn write_u32(&mut self, word: u32) {
        self.mix(word.into());
    }

    #[inline]
    fn write_u64(&mut self, word: u64) {
        self.mix(word);
    }

    #[inline]
    fn write_u128(&mut self, key: u128) {
        self.mix(key as u64);
    }
}
