//! The records of a key that is not simple: a list, each record once with its copies.

use gyre_domain::money::Quantity;
use serde::{Deserialize, Serialize};

use crate::batch::Batch;
use crate::packed::Packed;
use crate::rows::records::AMENDED;

/// A record of a key, with its equal copies.
#[derive(Clone, Serialize, Deserialize)]
pub struct Filed {
    /// It is an outcome, where wagers and outcomes meet.
    pub is_outcome: bool,
    /// The record, packed (as its first copy came).
    packed: Box<[u8]>,
    /// Position and claim of each copy.
    copies: Vec<(u64, Option<Quantity>)>,
    /// Its bytes as received, until it stands for the first time.
    pub raw: Option<Box<[u8]>>,
}

impl Filed {
    /// A record that was filed before as one copy.
    pub fn from_packed(is_outcome: bool, packed: Packed<'_>) -> Self {
        let copies = vec![(packed.position(), packed.claim())];
        Self { is_outcome, packed: packed.0.into(), copies, raw: None }
    }

    /// The record's own time.
    pub fn at_ms(&self) -> u64 {
        match self.is_outcome {
            true => self.packed().outcome().at_ms,
            false => self.packed().wager().at_ms,
        }
    }

    /// The record, packed.
    pub fn packed(&self) -> Packed<'_> {
        Packed(&self.packed)
    }

    /// The record as its one copy came.
    pub fn only_copy(&self) -> Vec<u8> {
        self.packed().copy(self.position(), self.claim())
    }

    /// The smallest position of its copies.
    pub fn position(&self) -> u64 {
        self.copies.iter().map(|copy| copy.0).min().unwrap_or_default()
    }

    /// The smallest claim of its copies.
    pub fn claim(&self) -> Option<Quantity> {
        self.copies.iter().filter_map(|copy| copy.1).min_by(compare)
    }

    /// Whether a command brought it, or a copy of it.
    pub fn is_brought(&self) -> bool {
        self.copies.iter().any(|(position, _)| position & AMENDED != 0)
    }

    /// Copies beyond the first, of those that no command brought.
    pub fn duplicates(&self) -> i64 {
        let came = self.copies.iter().filter(|(position, _)| position & AMENDED == 0).count() as i64;
        (came - 1).max(0)
    }
}

/// Compares amounts of one currency, which may be spelt with different scales.
fn compare(a: &Quantity, b: &Quantity) -> std::cmp::Ordering {
    let widest = a.scale.max(b.scale);
    let widened = |quantity: &Quantity| {
        i128::from(quantity.digits) * 10i128.pow(u32::from(widest - quantity.scale).min(20))
    };
    widened(a).cmp(&widened(b))
}

/// Files a record with the others of its key, or takes a copy out. Says whether anything was there to be taken.
pub fn file(records: &mut Vec<Filed>, is_outcome: bool, batch: &Batch, at: usize) -> bool {
    let (packed, diff) = (batch.packed(at), batch.head(at).diff);
    let copy = (packed.position(), packed.claim());
    let found = records
        .iter()
        .position(|filed| filed.is_outcome == is_outcome && filed.packed().same_content(packed));
    match (found, diff > 0) {
        (Some(found), true) => records[found].copies.push(copy),
        (None, true) => {
            let raw = Some(batch.raw(at).into());
            records.push(Filed { is_outcome, packed: packed.0.into(), copies: vec![copy], raw });
        }
        (Some(found), false) => {
            let copies = &mut records[found].copies;
            let Some(at) = copies.iter().position(|other| *other == copy) else { return false };
            copies.swap_remove(at);
            if copies.is_empty() {
                records.swap_remove(found);
            }
        }
        (None, false) => return false,
    }
    true
}
