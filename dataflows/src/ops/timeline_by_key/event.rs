//! One thing that happened to an account, and how such things are ordered.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

/// Moves money, or carries the provider's view of the balance.
pub const EVENT: u8 = 1;
/// A stake that is measured against the stakes before it.
pub const STAKE: u8 = 2;
/// A wager was placed.
pub const WAGER: u8 = 4;
/// The provider's view of the balance after the event stands beside it.
pub const CLAIM: u8 = 8;
/// A deposit or withdrawal that stands.
pub const PAYMENT: u8 = 16;
/// A stake that was reversed.
pub const REVERSED: u8 = 32;

/// One thing that happened to an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Event {
    /// `at_ms << 8 | flags`.
    word: u64,
    /// Minor units; negative takes from the account.
    pub amount: i64,
}

impl Event {
    /// An event of `amount` minor units at `at_ms`.
    pub fn new(at_ms: u64, amount: i64, flags: u8) -> Self {
        Self { word: at_ms << 8 | u64::from(flags), amount }
    }

    /// The same event, with a flag more.
    pub fn with(self, flag: u8) -> Self {
        Self { word: self.word | u64::from(flag), ..self }
    }

    /// When it happened.
    pub fn at_ms(self) -> u64 {
        self.word >> 8
    }

    /// What it is.
    pub fn has(self, flag: u8) -> bool {
        self.word as u8 & flag != 0
    }

    /// What it put at stake for good.
    pub fn staked(self) -> i64 {
        if self.has(STAKE) && !self.has(REVERSED) { -self.amount } else { 0 }
    }

    /// Event order: time, credits before debits, smaller stakes first.
    pub(super) fn order(self) -> (u64, Reverse<i64>, u64) {
        (self.at_ms(), Reverse(self.amount), self.word)
    }

    /// In event order before all that happened at `at_ms`.
    pub(super) fn before(at_ms: u64) -> Self {
        Self { word: at_ms << 8, amount: i64::MAX }
    }
}
