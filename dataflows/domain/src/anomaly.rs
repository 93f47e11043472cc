//! Kinds of anomalies, and from where on rules of each kind let something be one.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::money::parse_fraction;

/// The anomalies that are looked for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[repr(u8)]
pub enum AnomalyKind {
    /// Different content under one identity and revision.
    Conflict,
    /// More wagers in a window than allowed.
    Velocity,
    /// A stake far above the player's habit.
    StakeSpike,
    /// The running balance was below zero.
    Overdraft,
    /// A game's payouts are too far from its theory.
    RtpOutOfBand,
    /// A wager paid more than its game can.
    PayoutAboveMaximum,
    /// The provider's balance is not ours.
    BalanceMismatch,
    /// Placed after the result was known.
    LateWager,
    /// A player won more than chance gives.
    ImprobableWins,
    /// Money came and went, and was hardly played with.
    DepositThenWithdraw,
    /// A large payment, in parts.
    Structuring,
    /// A game's payouts move away from its theory, hour by hour.
    SlowDrift,
    /// Accounts share a device or a payment instrument.
    LinkedAccounts,
    /// Bets of one group cover each other, round after round.
    OppositeBetting,
}

impl AnomalyKind {
    /// All kinds.
    pub const ALL: [Self; 14] = [
        Self::Conflict,
        Self::Velocity,
        Self::StakeSpike,
        Self::Overdraft,
        Self::RtpOutOfBand,
        Self::PayoutAboveMaximum,
        Self::BalanceMismatch,
        Self::LateWager,
        Self::ImprobableWins,
        Self::DepositThenWithdraw,
        Self::Structuring,
        Self::SlowDrift,
        Self::LinkedAccounts,
        Self::OppositeBetting,
    ];

    /// Its name in the contract.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::Velocity => "velocity",
            Self::StakeSpike => "stake_spike",
            Self::Overdraft => "overdraft",
            Self::RtpOutOfBand => "rtp_out_of_band",
            Self::PayoutAboveMaximum => "payout_above_maximum",
            Self::BalanceMismatch => "balance_mismatch",
            Self::LateWager => "late_wager",
            Self::ImprobableWins => "improbable_wins",
            Self::DepositThenWithdraw => "deposit_then_withdraw",
            Self::Structuring => "structuring",
            Self::SlowDrift => "slow_drift",
            Self::LinkedAccounts => "linked_accounts",
            Self::OppositeBetting => "opposite_betting",
        }
    }

    /// The kind of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What a rule of the kind must say, in order. At most [`THRESHOLDS_MAX`].
    pub const fn thresholds(self) -> &'static [Threshold] {
        match self {
            Self::Velocity => VELOCITY,
            Self::StakeSpike => STAKE_SPIKE,
            Self::RtpOutOfBand => RTP_OUT_OF_BAND,
            Self::ImprobableWins => IMPROBABLE_WINS,
            Self::DepositThenWithdraw => DEPOSIT_THEN_WITHDRAW,
            Self::Structuring => STRUCTURING,
            Self::SlowDrift => SLOW_DRIFT,
            Self::LinkedAccounts => LINKED_ACCOUNTS,
            Self::OppositeBetting => OPPOSITE_BETTING,
            Self::Conflict
            | Self::Overdraft
            | Self::PayoutAboveMaximum
            | Self::BalanceMismatch
            | Self::LateWager => &[],
        }
    }
}

/// The most thresholds that a kind has.
pub const THRESHOLDS_MAX: usize = 3;

/// The thresholds of a rule in the order of its kind's, decimals in units of their last digit; 0 where there are fewer.
pub type Bounds = [u64; THRESHOLDS_MAX];

/// A figure from where on something is an anomaly.
#[derive(Debug)]
pub struct Threshold {
    /// Its name, in rules rows as in the config.
    pub name: &'static str,
    /// What it can be.
    pub takes: Takes,
}

/// What a threshold can be.
#[derive(Debug)]
pub enum Takes {
    /// A whole number: a multiple of `step`.
    Whole {
        /// From the least to the most.
        range: RangeInclusive<u64>,
        /// 1 where any will do.
        step: u64,
    },
    /// A decimal number with so many digits behind the point, in units of the last.
    Decimal {
        /// From the least to the most.
        range: RangeInclusive<u64>,
        /// Digits behind the point at most.
        digits: usize,
    },
}

impl Takes {
    /// The decimal in units of its last digit, where it is one that the threshold can be.
    pub fn read(&self, text: &str) -> Option<u64> {
        match self {
            Self::Whole { .. } => None,
            Self::Decimal { range, digits } => {
                parse_fraction(text, *digits).filter(|number| range.contains(number))
            }
        }
    }

    /// Whether a whole number is one that the threshold can be.
    pub fn takes(&self, number: u64) -> bool {
        match self {
            Self::Whole { range, step } => range.contains(&number) && number.is_multiple_of(*step),
            Self::Decimal { .. } => false,
        }
    }
}

const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 86_400_000;
/// Digits of thousandths, and of 10⁻¹².
const MILLI: usize = 3;
const PICO: usize = 12;
/// The largest amount of money that fits any currency, major units.
const MAJOR_MAX: u64 = 1_000_000_000_000_000;
/// A half: what is likelier is no surprise.
const HALF_E12: u64 = 500_000_000_000;

const fn count(name: &'static str, range: RangeInclusive<u64>) -> Threshold {
    Threshold { name, takes: Takes::Whole { range, step: 1 } }
}

const fn decimal(name: &'static str, range: RangeInclusive<u64>, digits: usize) -> Threshold {
    Threshold { name, takes: Takes::Decimal { range, digits } }
}

const VELOCITY: &[Threshold] = &[
    Threshold { name: "window_ms", takes: Takes::Whole { range: MINUTE_MS..=DAY_MS, step: MINUTE_MS } },
    count("wagers_max", 1..=1_000_000),
];
const STAKE_SPIKE: &[Threshold] = &[decimal("score_max", 1..=1_000_000, MILLI), count("wagers_min", 2..=64)];
const RTP_OUT_OF_BAND: &[Threshold] = &[decimal("band_z", 1..=100_000, MILLI)];
const IMPROBABLE_WINS: &[Threshold] = &[decimal("p_max", 1..=HALF_E12, PICO)];
const DEPOSIT_THEN_WITHDRAW: &[Threshold] =
    &[decimal("ratio_min", 1..=1_000_000, MILLI), count("deposits_min", 0..=MAJOR_MAX)];
const STRUCTURING: &[Threshold] = &[count("limit", 1..=MAJOR_MAX)];
const SLOW_DRIFT: &[Threshold] =
    &[decimal("slack", 0..=100_000, MILLI), decimal("limit", 1..=1_000_000, MILLI)];
const LINKED_ACCOUNTS: &[Threshold] =
    &[count("device_accounts_min", 2..=1_000_000), count("instrument_accounts_min", 2..=1_000_000)];
const OPPOSITE_BETTING: &[Threshold] = &[
    decimal("net_exposure_max", 1..=1_000, MILLI),
    count("staked_min", 0..=1_000_000_000),
    count("rounds_min", 1..=1_000_000),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_stand_in_order_under_their_names() {
        for (number, kind) in AnomalyKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, number);
            assert_eq!(AnomalyKind::from_name(kind.name()), Some(kind));
            assert!(kind.thresholds().len() <= THRESHOLDS_MAX);
        }
        assert_eq!(AnomalyKind::from_name("none"), None);
    }
}
