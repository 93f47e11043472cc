//! The last stakes of a timeline before what it still knows, packed: most accounts hold nothing else.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// How many stakes before one it is measured against.
pub const BASELINE: usize = 64;

/// A stake: when, and how much.
type Stake = (u64, i64);

/// At most [`BASELINE`] stakes in order of time: each as the time since the one before it and its amount, both in
/// groups of seven bits, the lowest first. A stake of some hundreds a minute after another takes five bytes.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Stakes {
    bytes: Box<[u8]>,
}

impl Stakes {
    /// The stakes, the earliest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = Stake> + '_ {
        let mut bytes = self.bytes.iter();
        let mut at_ms = 0;
        std::iter::from_fn(move || {
            at_ms += number(&mut bytes)?;
            Some((at_ms, number(&mut bytes)? as i64))
        })
    }

    /// Files stakes behind those of their time; of all that are there then, the last stay.
    pub(super) fn add(&mut self, stakes: impl Iterator<Item = Stake>) {
        let mut all: SmallVec<[Stake; 2 * BASELINE]> = self.iter().collect();
        let had = all.len();
        all.extend(stakes);
        if all.len() == had {
            return;
        }
        all.sort_by_key(|(at_ms, _)| *at_ms);
        self.keep(&all[all.len().saturating_sub(BASELINE)..]);
    }

    /// Takes the latest of equal stakes out, if there is one.
    pub(super) fn remove(&mut self, stake: Stake) {
        let mut all: SmallVec<[Stake; BASELINE]> = self.iter().collect();
        if let Some(at) = all.iter().rposition(|kept| *kept == stake) {
            all.remove(at);
            self.keep(&all);
        }
    }

    fn keep(&mut self, stakes: &[Stake]) {
        let mut bytes: SmallVec<[u8; 8 * BASELINE]> = SmallVec::new();
        let mut before_ms = 0;
        for &(at_ms, amount) in stakes {
            put(at_ms - before_ms, &mut bytes);
            put(amount as u64, &mut bytes);
            before_ms = at_ms;
        }
        self.bytes = Box::from(&bytes[..]);
    }
}

fn put(mut number: u64, bytes: &mut SmallVec<[u8; 8 * BASELINE]>) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn number(bytes: &mut std::slice::Iter<'_, u8>) -> Option<u64> {
    let (mut number, mut shift) = (0, 0);
    loop {
        let byte = bytes.next()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
        shift += 7;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The same as a plain list, whatever comes and goes.
        #[test]
        fn stakes_are_the_last_of_all_in_order(
            steps in prop::collection::vec(
                (prop::collection::vec((prop_oneof![0..40_u64, any::<u64>()], prop_oneof![1..9_i64, any::<i64>()]), 0..90), 0..40_u64),
                0..8,
            ),
        ) {
            let (mut stakes, mut plain): (Stakes, Vec<Stake>) = Default::default();
            for (mut come, goes_ms) in steps {
                come.sort_by_key(|(at_ms, _)| *at_ms);
                stakes.add(come.iter().copied());
                for stake in come {
                    let at = plain.partition_point(|kept| kept.0 <= stake.0);
                    plain.insert(at, stake);
                }
                plain.drain(..plain.len().saturating_sub(BASELINE));
                prop_assert_eq!(stakes.iter().collect::<Vec<_>>(), &plain[..]);
                let goes = plain.iter().copied().find(|kept| kept.0 == goes_ms).unwrap_or((goes_ms, 0));
                stakes.remove(goes);
                if let Some(at) = plain.iter().rposition(|kept| *kept == goes) {
                    plain.remove(at);
                }
                prop_assert_eq!(stakes.iter().collect::<Vec<_>>(), &plain[..]);
            }
        }
    }

    #[test]
    fn a_usual_stake_takes_five_bytes() {
        let mut stakes = Stakes::default();
        stakes.add((1..=100).map(|minute| (1_767_225_600_000 + minute * 60_000, 500)));
        assert_eq!(stakes.iter().count(), BASELINE);
        assert_eq!(stakes.bytes.len(), 5 * BASELINE + 3);
    }
}
