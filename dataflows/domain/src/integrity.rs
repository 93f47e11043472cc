//! Figures behind anomalies.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

pub mod chance;
pub mod drift;
pub mod payments;
pub mod wins;

/// How many stakes a stake is measured against.
pub const BASELINE: usize = 64;

/// A stake far above the player's habit: its modified z-score against the stakes before it.
///
/// `0.6745 · (stake − median) / MAD` (Iglewicz and Hoaglin), with the lower median, and a MAD of at least 5 % of the
/// median, so that a player of constant stakes is not flagged for a trifle.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Spike {
    /// When the wager was placed.
    pub at_ms: u64,
    /// Its stake, minor units.
    pub stake: i64,
    /// The lower median of the stakes before it.
    pub median: i64,
    /// The lower median of their distances from it.
    pub mad: i64,
}

impl Spike {
    /// The score as a fraction: 0.6745 · 20 · (stake − median) over max(20 · MAD, median), both divided by 0.01.
    fn score(&self) -> (i128, i128) {
        let spread = (20 * i128::from(self.mad)).max(i128::from(self.median)).max(1);
        (1349 * (i128::from(self.stake) - i128::from(self.median)), 100 * spread)
    }

    /// Whether the score is above a bound in thousandths.
    pub fn is_above(&self, bound_thousandths: u32) -> bool {
        let (numerator, denominator) = self.score();
        numerator * 1000 > i128::from(bound_thousandths) * denominator
    }

    /// Compares scores.
    pub fn by_score(&self, other: &Self) -> Ordering {
        let (mine, theirs) = (self.score(), other.score());
        (mine.0 * theirs.1).cmp(&(theirs.0 * mine.1))
    }

    /// The score in ten-thousandths, half-up.
    pub fn score_ten_thousandths(&self) -> i128 {
        let (numerator, denominator) = self.score();
        (numerator * 20_000 + denominator).div_euclid(2 * denominator)
    }
}

/// A window over the stakes before a wager, kept in order of size.
#[derive(Default)]
pub struct Baseline {
    recent: std::collections::VecDeque<i64>,
    sorted: Vec<i64>,
}

impl Baseline {
    /// A window over at most 64 stakes, oldest first.
    pub fn of(recent: Vec<i64>) -> Self {
        let mut sorted = recent.clone();
        sorted.sort_unstable();
        Self { recent: recent.into(), sorted }
    }

    /// How many stakes are in the window.
    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// Lets a stake in, and the oldest out where there are more than 64.
    pub fn push(&mut self, stake: i64) {
        if self.recent.len() == BASELINE
            && let Some(oldest) = self.recent.pop_front()
        {
            let at = self.sorted.partition_point(|&other| other < oldest);
            self.sorted.remove(at);
        }
        self.recent.push_back(stake);
        let at = self.sorted.partition_point(|&other| other < stake);
        self.sorted.insert(at, stake);
    }

    /// Measures a stake against the window. `None` where its score is not above the bound.
    pub fn measure(&self, at_ms: u64, stake: i64, bound_thousandths: u32) -> Option<Spike> {
        let median = *self.sorted.get(self.sorted.len().checked_sub(1)? / 2)?;
        // With the least MAD there is: most stakes end here.
        if !(Spike { at_ms, stake, median, mad: 0 }).is_above(bound_thousandths) {
            return None;
        }
        let mad = self.distance_median(median);
        Some(Spike { at_ms, stake, median, mad }).filter(|spike| spike.is_above(bound_thousandths))
    }

    /// The lower median of the distances from `median`: the two sides of it are merged from the middle outwards.
    fn distance_median(&self, median: i64) -> i64 {
        let middle = (self.sorted.len() - 1) / 2;
        let (mut low, mut high) = (middle as isize, middle + 1);
        let mut distance = 0;
        for _ in 0..=middle {
            let below = usize::try_from(low).ok().map(|low| median - self.sorted[low]);
            let above = self.sorted.get(high).map(|stake| stake - median);
            match (below, above) {
                (Some(below), Some(above)) if above < below => (distance, high) = (above, high + 1),
                (Some(below), _) => (distance, low) = (below, low - 1),
                (None, Some(above)) => (distance, high) = (above, high + 1),
                (None, None) => break,
            }
        }
        distance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_median_agrees_with_sorting() {
        let mut seed = 7u64;
        for round in 0..2_000 {
            let mut baseline = Baseline::default();
            let mut stakes = Vec::new();
            for _ in 0..1 + round % 90 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let stake = (seed >> 58) as i64 + 1;
                baseline.push(stake);
                stakes.push(stake);
            }
            let mut window = stakes.split_off(stakes.len().saturating_sub(BASELINE));
            window.sort_unstable();
            assert_eq!(window, baseline.sorted);
            let median = window[(window.len() - 1) / 2];
            let mut distances: Vec<_> = window.iter().map(|stake| (stake - median).abs()).collect();
            distances.sort_unstable();
            assert_eq!(baseline.distance_median(median), distances[(distances.len() - 1) / 2]);
        }
    }

    #[test]
    fn a_constant_player_is_flagged_from_a_quarter_above_the_habit() {
        let mut baseline = Baseline::default();
        (0..64).for_each(|_| baseline.push(1_000));
        assert_eq!(baseline.measure(5, 1_259, 3_500), None);
        let spike = baseline.measure(5, 1_260, 3_500).expect("0.6745 · 260 / 50 is 3.5074");
        assert_eq!(spike.score_ten_thousandths(), 35_074);
    }
}
