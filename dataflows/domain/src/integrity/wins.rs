//! Improbable wins: a player's winnings against what the games' theory lets chance do.
//!
//! Judged are settled wagers that are no free rounds and whose games row says rtp and volatility. All that is kept of
//! them are sums, so that a wager taken back leaves nothing behind. Where all stakes, and all rtp, are equal and every
//! wager pays nothing or one same amount, the game is one of win or loss: the chance is the exact binomial one, a win
//! being as likely as `rtp / (payout / stake)`. Else it is the normal one of `z`.

use ethnum::I256;
use serde::{Deserialize, Serialize};

use super::chance::Chance;
use crate::rtp::{self, Measure};

/// Sums over the judged wagers of a player in a currency.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Wins {
    /// Judged wagers.
    pub wagers: i64,
    /// Those that paid something.
    wins: i64,
    /// Their stakes, minor units.
    pub stake: i128,
    /// Their payouts, minor units.
    pub payout: i128,
    /// Σ rtp, times 10⁹.
    rtp: i128,
    stake_squares: I256,
    payout_squares: I256,
    rtp_squares: I256,
    /// Σ rtp · stake, minor units · 10⁹.
    expected: I256,
    /// Σ (volatility · stake)², minor units² · 10¹⁸.
    variance: I256,
}

/// By which law a chance was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// From z.
    Normal,
    /// From the number of wins.
    Binomial,
}

impl Method {
    /// Its name in evidence.
    pub fn name(self) -> &'static str {
        match self {
            Method::Normal => "normal",
            Method::Binomial => "binomial",
        }
    }
}

/// Wins that chance hardly gives.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Improbable {
    /// How far from theory, in ten-thousandths; `None` without any deviation to measure by.
    pub z: Option<i128>,
    /// How likely it is to win so much, or more.
    pub chance: Chance,
    /// How that was found.
    pub method: Method,
}

impl Wins {
    /// One judged wager.
    pub fn of(stake: i128, payout: i128, measure: Measure) -> Self {
        let rtp = i128::from(measure.rtp_e9);
        let (wide_payout, wide_rtp) = (I256::from(payout), I256::from(rtp));
        let deviation = I256::from(measure.volatility_e9) * I256::from(stake);
        Self {
            wagers: 1,
            wins: i64::from(payout != 0),
            stake,
            payout,
            rtp,
            stake_squares: I256::from(stake) * I256::from(stake),
            payout_squares: wide_payout * wide_payout,
            rtp_squares: wide_rtp * wide_rtp,
            expected: wide_rtp * I256::from(stake),
            variance: deviation * deviation,
        }
    }

    /// Adds other wagers.
    pub fn add(&mut self, other: &Self) {
        self.wagers += other.wagers;
        self.wins += other.wins;
        self.stake += other.stake;
        self.payout += other.payout;
        self.rtp += other.rtp;
        self.stake_squares += other.stake_squares;
        self.payout_squares += other.payout_squares;
        self.rtp_squares += other.rtp_squares;
        self.expected += other.expected;
        self.variance += other.variance;
    }

    /// Takes other wagers away.
    pub fn subtract(&mut self, other: &Self) {
        self.wagers -= other.wagers;
        self.wins -= other.wins;
        self.stake -= other.stake;
        self.payout -= other.payout;
        self.rtp -= other.rtp;
        self.stake_squares -= other.stake_squares;
        self.payout_squares -= other.payout_squares;
        self.rtp_squares -= other.rtp_squares;
        self.expected -= other.expected;
        self.variance -= other.variance;
    }

    /// What is improbable about them among `players` players, where all of these together may see such luck by a
    /// chance of `max_e12 · 10⁻¹²`, at most a half.
    pub fn judge(&self, players: u64, max_e12: u64) -> Option<Improbable> {
        let distance = I256::from(self.payout) * I256::from(1_000_000_000_i64) - self.expected;
        if distance <= I256::ZERO {
            return None;
        }
        let has_deviation = self.variance > I256::ZERO;
        let (chance, method) = match self.odds() {
            Some(odds) => {
                let chance = Chance::binomial(self.wagers.unsigned_abs(), self.wins.unsigned_abs(), odds)?;
                (chance, Method::Binomial)
            }
            None if has_deviation => {
                (Chance::normal(rtp::estimated_score(distance, self.variance)), Method::Normal)
            }
            None => return None,
        };
        chance.is_below(max_e12, players).then(|| Improbable {
            z: has_deviation.then(|| rtp::score_ten_thousandths(distance, self.variance)),
            chance,
            method,
        })
    }

    /// The odds of a win, where the game is one of win or loss.
    fn odds(&self) -> Option<(u128, u128)> {
        let are_equal = |count: i64, sum: i128, squares: I256| {
            I256::from(count) * squares == I256::from(sum) * I256::from(sum)
        };
        let is_win_or_loss = self.wins > 0
            && are_equal(self.wagers, self.stake, self.stake_squares)
            && are_equal(self.wagers, self.rtp, self.rtp_squares)
            && are_equal(self.wins, self.payout, self.payout_squares);
        if !is_win_or_loss {
            return None;
        }
        let (wagers, wins) = (i128::from(self.wagers), i128::from(self.wins));
        let (stake, rtp, payout) = (self.stake / wagers, self.rtp / wagers, self.payout / wins);
        let won = stake.unsigned_abs().checked_mul(rtp.unsigned_abs())?;
        Some((won, payout.unsigned_abs().checked_mul(1_000_000_000)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVEN: Measure = Measure { rtp_e9: 990_000_000, volatility_e9: 999_950_000 };

    fn spins(won: u32, lost: u32) -> Wins {
        let mut wins = Wins::default();
        (0..won).for_each(|_| wins.add(&Wins::of(100, 200, EVEN)));
        (0..lost).for_each(|_| wins.add(&Wins::of(100, 0, EVEN)));
        wins
    }

    #[test]
    fn a_game_of_win_or_loss_is_judged_by_the_number_of_wins() {
        let found = spins(560, 440).judge(1, 100_000_000).expect("less than one in ten thousand");
        assert_eq!(
            (found.z, found.chance.text(), found.method),
            (Some(41_112), "2.22e-5".into(), Method::Binomial)
        );
        assert_eq!(spins(560, 440).judge(1, 1_000_000), None);
        assert_eq!(spins(560, 440).judge(8, 100_000_000), None);
    }

    #[test]
    fn one_other_wager_makes_it_normal_and_back() {
        let mut wins = spins(560, 440);
        for other in [
            Wins::of(101, 0, EVEN),
            Wins::of(100, 199, EVEN),
            Wins::of(100, 0, Measure { rtp_e9: 1, ..EVEN }),
        ] {
            wins.add(&other);
            let found = wins.judge(1, 100_000_000).expect("still improbable");
            assert_eq!(found.method, Method::Normal);
            wins.subtract(&other);
        }
        assert_eq!(wins, spins(560, 440));
    }

    #[test]
    fn without_deviation_only_wins_can_be_counted() {
        let measure = Measure { rtp_e9: 500_000_000, volatility_e9: 0 };
        let mut wins = Wins::default();
        (0..30).for_each(|_| wins.add(&Wins::of(10, 10, measure)));
        let found = wins.judge(1, 1_000_000).expect("2⁻³⁰");
        assert_eq!((found.z, found.chance.text()), (None, "9.31e-10".to_owned()));
        wins.add(&Wins::of(11, 10, measure));
        assert_eq!(wins.judge(1, 1_000_000), None);
    }
}
