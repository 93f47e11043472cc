//! What is kept of a wager, hot.

use crate::matching::log::Place;

/// A wager stands here.
pub(super) const WAGER: u16 = 1;

/// Its settle stands here.
pub(super) const SETTLED: u16 = 2;

/// Not simple: `wager` is the number of its list.
pub(super) const MANY: u16 = 4;

/// The wager is a free round.
pub(super) const FREE_ROUND: u16 = 8;

/// Wager or settle carries the provider's view of the balance.
pub(super) const CLAIMS: u16 = 16;

/// The settle says when its result was known.
pub(super) const KNOWS: u16 = 32;

/// All that the log would keep of the settle is its position: `settle` is that.
pub(super) const PLAIN: u16 = 64;

/// The wager names its round, a device or a payment instrument.
pub(super) const TIED: u16 = 128;

/// What is kept of a key, hot; what else is to be kept is in the log.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Slot {
    pub(super) wager: Place,
    pub(super) settle: Place,
    pub(super) account: u32,
    pub(super) game: u32,
    pub(super) stake: i64,
    pub(super) payout: i64,
    /// `at_ms << 16 | flags`.
    pub(super) placed: u64,
    /// `settled_at_ms << 16 | number of the currency`.
    pub(super) settled: u64,
}

impl Slot {
    pub(super) fn flags(&self) -> u16 {
        self.placed as u16
    }

    pub(super) fn has(&self, flag: u16) -> bool {
        self.flags() & flag != 0
    }

    pub(super) fn at_ms(&self) -> u64 {
        self.placed >> 16
    }

    pub(super) fn settled_at_ms(&self) -> u64 {
        self.settled >> 16
    }

    pub(super) fn currency(&self) -> usize {
        usize::from(self.settled as u16)
    }
}
