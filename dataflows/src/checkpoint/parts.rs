//! Parts: what an operator has saved, in pieces that can be written and read one at a time.
//!
//! ```text
//! for each entry: length u32 │ whose: 0, or 1 and a key u128 │ the entry        at the end: SipHash-1-3 of all before it
//! ```
//! Little-endian; the entry itself is postcard. An entry is an owner's, told by its key, or everybody's. Whoever loads
//! gets the parts of all former workers and passes over what others own without reading it.

use serde::Serialize;
use serde::de::DeserializeOwned;
use siphasher::sip::SipHasher13;
use std::hash::Hasher;

use crate::keys::owner;

/// The version of all parts that are written now.
pub const VERSION: u16 = 1;

/// Bytes of a part, about.
const PART_BYTES: usize = 1 << 20;
/// Bytes of the hash at the end.
const HASH_BYTES: usize = 8;

/// A piece of what one operator of one worker has saved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// The operator's name.
    pub operator: Box<str>,
    /// How it is written.
    pub version: u16,
    /// Who wrote it.
    pub worker: u32,
    /// The entries, with their hash.
    pub bytes: Vec<u8>,
}

/// Why a part cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Damage {
    /// It is of another version.
    UnknownVersion {
        /// Whose part.
        operator: Box<str>,
        /// That version.
        version: u16,
    },
    /// Its bytes are not those that were written.
    NotAsWritten {
        /// Whose part.
        operator: Box<str>,
    },
    /// It says what cannot be.
    Contradiction {
        /// Whose part.
        operator: Box<str>,
        /// What.
        what: &'static str,
    },
}

impl std::fmt::Display for Damage {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Damage::UnknownVersion { operator, version } => {
                write!(out, "{operator}: a part of version {version}, where {VERSION} is known")
            }
            Damage::NotAsWritten { operator } => write!(out, "{operator}: a part is not as it was written"),
            Damage::Contradiction { operator, what } => write!(out, "{operator}: {what}"),
        }
    }
}

impl std::error::Error for Damage {}

/// Who an entry is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whose {
    /// The worker that owns this key.
    Owner(u128),
    /// Every worker; each former worker may have written others.
    Everyone,
    /// Every worker; all former workers held the same, and the first has written it.
    Same,
}

/// Where an operator's entries go.
pub struct Out<'o> {
    operator: &'o str,
    worker: usize,
    bytes: Vec<u8>,
    sink: &'o mut dyn FnMut(Part),
}

impl<'o> Out<'o> {
    /// Those of an operator of a worker.
    pub(super) fn new(operator: &'o str, worker: usize, sink: &'o mut dyn FnMut(Part)) -> Self {
        Self { operator, worker, bytes: Vec::new(), sink }
    }

    /// Adds an entry.
    pub fn put(&mut self, whose: Whose, entry: &impl Serialize) {
        if whose == Whose::Same && self.worker != 0 {
            return;
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        match whose {
            Whose::Owner(key) => {
                self.bytes.push(1);
                self.bytes.extend_from_slice(&key.to_le_bytes());
            }
            Whose::Everyone | Whose::Same => self.bytes.push(0),
        }
        let bytes = std::mem::take(&mut self.bytes);
        self.bytes = postcard::to_extend(entry, bytes).expect("every state type has a form in bytes");
        let length = (self.bytes.len() - start - 4) as u32;
        self.bytes[start..start + 4].copy_from_slice(&length.to_le_bytes());
        if self.bytes.len() >= PART_BYTES {
            self.close();
        }
    }

    /// The part at hand is done.
    pub(super) fn close(&mut self) {
        if self.bytes.is_empty() {
            return;
        }
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.extend_from_slice(&hash(&bytes).to_le_bytes());
        let (operator, worker) = (self.operator.into(), self.worker as u32);
        (self.sink)(Part { operator, version: VERSION, worker, bytes });
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(bytes);
    hasher.finish()
}

impl Part {
    /// Its entries, each with whom it is for, as bytes: two parts say the same where these are the same in some order.
    ///
    /// # Errors
    /// Where the part is of another version, or not as it was written.
    pub fn entries(&self) -> Result<Vec<&[u8]>, Damage> {
        let mut rest = self.checked()?;
        let mut entries = Vec::new();
        while let Some(entry) = self.next_of(&mut rest)? {
            entries.push(entry);
        }
        Ok(entries)
    }

    fn checked(&self) -> Result<&[u8], Damage> {
        let operator = || self.operator.clone();
        if self.version != VERSION {
            return Err(Damage::UnknownVersion { operator: operator(), version: self.version });
        }
        let entries = self.bytes.split_last_chunk::<HASH_BYTES>();
        let entries = entries.filter(|(entries, written)| hash(entries).to_le_bytes() == **written);
        entries.map(|(entries, _)| entries).ok_or(Damage::NotAsWritten { operator: operator() })
    }

    fn next_of<'p>(&self, rest: &mut &'p [u8]) -> Result<Option<&'p [u8]>, Damage> {
        if rest.is_empty() {
            return Ok(None);
        }
        let damaged = || Damage::NotAsWritten { operator: self.operator.clone() };
        let (length, after) = rest.split_first_chunk::<4>().ok_or_else(damaged)?;
        let entry = after.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or_else(damaged)?;
        *rest = entry.1;
        Ok(Some(entry.0))
    }
}

/// The entries of a part that one worker takes.
pub struct Entries<'p> {
    part: &'p Part,
    rest: &'p [u8],
    worker: usize,
    workers: usize,
}

impl<'p> Entries<'p> {
    /// Those for one of so many workers.
    pub(super) fn of(part: &'p Part, worker: usize, workers: usize) -> Result<Self, Damage> {
        Ok(Self { part, rest: part.checked()?, worker, workers })
    }

    /// The next one; `None` behind the last.
    ///
    /// # Errors
    /// Where it is not as it was written.
    pub fn read<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Damage> {
        let damaged = || Damage::NotAsWritten { operator: self.part.operator.clone() };
        while let Some(entry) = self.part.next_of(&mut self.rest)? {
            let entry = match entry.split_first() {
                Some((0, entry)) => entry,
                Some((1, keyed)) => {
                    let (key, entry) = keyed.split_first_chunk::<16>().ok_or_else(damaged)?;
                    if owner(u128::from_le_bytes(*key), self.workers) != self.worker {
                        continue;
                    }
                    entry
                }
                _ => return Err(damaged()),
            };
            return match postcard::take_from_bytes(entry) {
                Ok((entry, [])) => Ok(Some(entry)),
                _ => Err(damaged()),
            };
        }
        Ok(None)
    }

    /// Whether a key belongs to whoever loads.
    pub fn owns(&self, key: u128) -> bool {
        owner(key, self.workers) == self.worker
    }

    /// What the part says cannot be.
    pub fn contradiction(&self, what: &'static str) -> Damage {
        Damage::Contradiction { operator: self.part.operator.clone(), what }
    }
}
