//! Return to player: what a game paid back of what was staked, and how far that is from what it should.
//!
//! `z = (Σ payout − Σ rtp · stake) / √Σ (volatility · stake)²`, each wager by the games row in force when it was
//! placed (UK Gambling Commission, live RTP monitoring: turnover includes re-staked wins, tolerance comes from
//! volatility). Sums are exact; a figure is rounded once, at its last step.

use ethnum::I256;
use num_bigint::BigInt;
use serde::{Deserialize, Serialize};

/// Exact sums over the wagers of a window. A wager counts as open or as settled; free rounds count nowhere.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Plays {
    /// Settled wagers.
    pub wagers: i64,
    /// Their stakes, minor units.
    pub stake: i128,
    /// Their payouts, minor units.
    pub payout: i128,
    /// Open wagers.
    pub open_wagers: i64,
    /// Their stakes, minor units.
    pub open_stake: i128,
    /// Settled wagers whose games row says rtp and volatility.
    pub measured: i64,
    /// Σ rtp · stake over them, minor units · 10⁹.
    pub expected: I256Sum,
    /// Σ (volatility · stake)² over them, minor units² · 10¹⁸.
    pub variance: I256Sum,
}

/// A 256-bit sum: 10⁹ wagers of the largest stake and volatility stay far below its bounds.
pub type I256Sum = I256;

/// What a games row says of a game's payouts, times 10⁹.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Measure {
    /// What it pays back in the long run.
    pub rtp_e9: u64,
    /// Standard deviation of the payout of one unit stake.
    pub volatility_e9: u64,
}

impl Plays {
    /// A settled wager.
    pub fn settled(stake: i64, payout: i128, measure: Option<Measure>) -> Self {
        let mut plays = Self { wagers: 1, stake: stake.into(), payout, ..Self::default() };
        if let Some(measure) = measure {
            let deviation = I256::from(measure.volatility_e9) * I256::from(stake);
            plays.measured = 1;
            plays.expected = I256::from(measure.rtp_e9) * I256::from(stake);
            plays.variance = deviation * deviation;
        }
        plays
    }

    /// An open wager.
    pub fn open(stake: i64) -> Self {
        Self { open_wagers: 1, open_stake: stake.into(), ..Self::default() }
    }

    /// Adds another window's plays.
    pub fn add(&mut self, other: &Self) {
        self.wagers += other.wagers;
        self.stake += other.stake;
        self.payout += other.payout;
        self.open_wagers += other.open_wagers;
        self.open_stake += other.open_stake;
        self.measured += other.measured;
        self.expected += other.expected;
        self.variance += other.variance;
    }

    /// Takes another window's plays away.
    pub fn subtract(&mut self, other: &Self) {
        self.wagers -= other.wagers;
        self.stake -= other.stake;
        self.payout -= other.payout;
        self.open_wagers -= other.open_wagers;
        self.open_stake -= other.open_stake;
        self.measured -= other.measured;
        self.expected -= other.expected;
        self.variance -= other.variance;
    }

    /// Whether nothing is counted.
    pub fn is_void(&self) -> bool {
        self.wagers == 0 && self.open_wagers == 0
    }

    /// Payout over stake in millionths, half-up. `None` where nothing was staked.
    pub fn rtp_actual_millionths(&self) -> Option<i128> {
        let doubled = self.payout.checked_mul(2_000_000)?.checked_add(self.stake)?;
        (self.stake > 0).then(|| doubled.div_euclid(2 * self.stake))
    }

    /// The score, in ten-thousandths and half away from zero. `None` unless every settled wager is measured and
    /// there is any deviation to measure by.
    pub fn z_ten_thousandths(&self) -> Option<i128> {
        let (distance, variance) = self.distance()?;
        Some(score_ten_thousandths(distance, variance))
    }

    /// Whether |z| is at most `band_thousandths`, exactly. `None` without a score.
    pub fn is_in_band(&self, band_thousandths: u32) -> Option<bool> {
        let (distance, variance) = self.distance()?;
        let scaled = big(distance) * 1000;
        Some(&scaled * &scaled <= big(variance) * band_thousandths * band_thousandths)
    }

    /// Σ payout − Σ rtp · stake (· 10⁹) and the variance (· 10¹⁸).
    fn distance(&self) -> Option<(I256, I256)> {
        let is_measured = self.wagers > 0 && self.measured == self.wagers && self.variance > I256::ZERO;
        is_measured
            .then(|| (I256::from(self.payout) * I256::from(1_000_000_000_i64) - self.expected, self.variance))
    }
}

/// A distance over the root of a variance above zero, in ten-thousandths and half away from zero.
pub(crate) fn score_ten_thousandths(distance: I256, variance: I256) -> i128 {
    let estimate = estimated_score(distance, variance) * 10_000.0;
    let beyond = (estimate.abs().fract() - 0.5).abs();
    // The estimate errs by about 1e-15 of itself: near a half, and where it is huge, the exact way decides.
    if estimate.abs() < 1e9 && beyond > 1e-5 {
        return estimate.round() as i128;
    }
    exact_z(distance, variance)
}

/// The same, as near as a float comes; the same on every machine.
#[allow(clippy::disallowed_types, reason = "an estimate, by operations that IEEE 754 rounds in one way")]
pub(crate) fn estimated_score(distance: I256, variance: I256) -> f64 {
    as_f64(distance) / as_f64(variance).sqrt()
}

/// The largest k with (2k − 1)² · variance ≤ (2 · 10⁴ · distance)², signed as the distance.
fn exact_z(distance: I256, variance: I256) -> i128 {
    let doubled = big(distance) * 20_000;
    let ratio: BigInt = &doubled * &doubled / big(variance);
    let ratio = ratio.sqrt();
    // ⌊√(4x²/v)⌋ = ⌊2x/√v⌋, and half-up of x/√v is ⌊(2x/√v + 1) / 2⌋.
    let rounded: BigInt = (ratio + 1) / 2;
    let magnitude = i128::try_from(rounded).unwrap_or(i128::MAX);
    if distance < I256::ZERO { -magnitude } else { magnitude }
}

fn big(number: I256) -> BigInt {
    BigInt::from_signed_bytes_le(&number.to_le_bytes())
}

#[allow(clippy::disallowed_types, reason = "an estimate; near a half the exact way decides")]
fn as_f64(number: I256) -> f64 {
    number.as_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixty_of_a_hundred_even_chances_are_2_271() {
        // European roulette, even chance: rtp 36/37, volatility 0.9996: 60 wins of 100 unit stakes.
        let measure = Measure { rtp_e9: 972_972_973, volatility_e9: 999_634_737 };
        let mut plays = Plays::default();
        for spin in 0..100 {
            plays.add(&Plays::settled(100, if spin < 60 { 200 } else { 0 }, Some(measure)));
        }
        assert_eq!(plays.z_ten_thousandths(), Some(22_711));
        assert_eq!(plays.rtp_actual_millionths(), Some(1_200_000));
        assert_eq!(plays.is_in_band(3_291), Some(true));
        assert_eq!(plays.is_in_band(2_271), Some(false));
    }

    #[test]
    fn the_quick_way_agrees_with_the_exact_one() {
        let mut seed = 3u64;
        let mut next = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            seed >> 33
        };
        for _ in 0..20_000 {
            let measure = Measure {
                rtp_e9: 900_000_000 + next() % 100_000_000,
                volatility_e9: next() % 9_000_000_000 + 1,
            };
            let plays =
                Plays::settled((next() % 100_000) as i64 + 1, i128::from(next() % 3_000_000), Some(measure));
            let (distance, variance) = plays.distance().expect("measured");
            assert_eq!(plays.z_ten_thousandths(), Some(exact_z(distance, variance)));
        }
    }

    #[test]
    fn no_score_without_volatility_for_every_wager() {
        let measure = Some(Measure { rtp_e9: 960_000_000, volatility_e9: 5_000_000_000 });
        let mut plays = Plays::settled(100, 0, measure);
        assert!(plays.z_ten_thousandths().is_some());
        plays.add(&Plays::settled(100, 0, None));
        assert_eq!(plays.z_ten_thousandths(), None);
        plays.subtract(&Plays::settled(100, 0, None));
        assert!(plays.z_ten_thousandths().is_some());
    }
}
