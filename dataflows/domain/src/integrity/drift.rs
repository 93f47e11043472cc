//! Slow drift: a two-sided tabular CUSUM over the hours of a game (Montgomery, Introduction to Statistical Quality
//! Control).
//!
//! An hour's figure is its `z`, rounded to four decimals as the books show it; all sums are of such decimals, so they
//! are exact: `up = max(0, up + z − slack)`, `down = max(0, down − z − slack)`. A game drifts where one of them goes
//! beyond the limit. Hours without a figure change nothing.

use serde::{Deserialize, Serialize};

/// A figure or sum, in ten-thousandths.
type Figure = i128;

/// Which way a game drifts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Direction {
    /// It pays more than it should.
    Up,
    /// It pays less.
    Down,
}

impl Direction {
    /// Its name in evidence.
    pub fn name(self) -> &'static str {
        match self {
            Direction::Up => "up",
            Direction::Down => "down",
        }
    }
}

/// The highest sum of all hours.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Peak {
    /// Whose sum.
    pub direction: Direction,
    /// The hour in which it left zero.
    pub since: u32,
    /// The hour of the sum.
    pub at: u32,
    /// The sum, in ten-thousandths.
    pub sum: Figure,
    /// Hours with a figure from one to the other, both counted.
    pub hours: u32,
}

/// One sum as it stands after an hour.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Run {
    sum: Figure,
    since: u32,
    hours: u32,
}

impl Run {
    fn then(self, hour: u32, step: Figure) -> Self {
        let sum = self.sum.saturating_add(step);
        match (sum > 0, self.sum > 0) {
            (false, _) => Self::default(),
            (true, false) => Self { sum, since: hour, hours: 1 },
            (true, true) => Self { sum, hours: self.hours + 1, ..self },
        }
    }
}

/// Both sums after an hour, and the highest so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Course {
    up: Run,
    down: Run,
    peak: Option<Peak>,
}

impl Course {
    fn then(mut self, hour: u32, figure: Figure, slack: Figure) -> Self {
        self.up = self.up.then(hour, figure.saturating_sub(slack));
        self.down = self.down.then(hour, figure.saturating_neg().saturating_sub(slack));
        for (direction, run) in [(Direction::Up, self.up), (Direction::Down, self.down)] {
            if run.sum > self.peak.map_or(0, |peak| peak.sum) {
                self.peak =
                    Some(Peak { direction, since: run.since, at: hour, sum: run.sum, hours: run.hours });
            }
        }
        self
    }
}

/// The hours of a game in a currency.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Drift {
    /// Hour since 1970 UTC, figure, whether it can change no more; in order.
    hours: Vec<(u32, Figure, bool)>,
    /// What the hours before them came to, that can change no more.
    past: Course,
    /// The last of those.
    past_hour: Option<u32>,
    /// After the first so many hours.
    read: (usize, Course),
}

impl Drift {
    /// Puts an hour's figure, or takes it out.
    pub fn put(&mut self, hour: u32, figure: Option<Figure>) {
        if self.past_hour.is_some_and(|past| hour <= past) {
            return;
        }
        let at = self.hours.partition_point(|entry| entry.0 < hour);
        let entry = self.hours.get(at).filter(|entry| entry.0 == hour);
        let stands = entry.is_some();
        if entry.is_some_and(|entry| entry.2) {
            return;
        }
        match (figure, stands) {
            (Some(figure), true) => self.hours[at].1 = figure,
            (Some(figure), false) => self.hours.insert(at, (hour, figure, false)),
            (None, true) => drop(self.hours.remove(at)),
            (None, false) => return,
        }
        if at < self.read.0 {
            self.read = (0, self.past);
        }
    }

    /// An hour can change no more: once those before it cannot either, only what they came to is kept.
    pub fn leave(&mut self, hour: u32, slack_e4: u64) {
        if let Ok(at) = self.hours.binary_search_by_key(&hour, |entry| entry.0) {
            self.hours[at].2 = true;
        }
        let left = self.hours.iter().take_while(|entry| entry.2).count();
        for (hour, figure, _) in self.hours.drain(..left) {
            self.past = self.past.then(hour, figure, slack_e4.into());
            self.past_hour = Some(hour);
        }
        if left > 0 {
            self.read = (0, self.past);
        }
    }

    /// The slack has changed: what was read with the old one is read anew, but for hours that can change no more.
    pub fn read_anew(&mut self) {
        self.read = (0, self.past);
    }

    /// The highest sum there was, if it is beyond the limit (both in ten-thousandths); the earliest of equals.
    pub fn peak(&mut self, slack_e4: u64, limit_e4: u64) -> Option<Peak> {
        let (read, mut course) = if self.read.0 == 0 { (0, self.past) } else { self.read };
        for (at, &(hour, figure, _)) in self.hours.iter().enumerate().skip(read) {
            // What holds before the last hour is kept: it is the one that changes.
            self.read = (at, course);
            course = course.then(hour, figure, slack_e4.into());
        }
        course.peak.filter(|peak| peak.sum > Figure::from(limit_e4))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drift(figures: &[(u32, Figure)]) -> Drift {
        let mut drift = Drift::default();
        figures.iter().for_each(|&(hour, figure)| drift.put(hour, Some(figure)));
        drift
    }

    #[test]
    fn a_small_shift_adds_up_and_a_large_one_shows_at_once() {
        // 1.5 above, seven hours long: 0.5 of it is slack each time.
        let mut slow =
            drift(&[(1, -30_000), (4, 15_000), (5, 15_000), (6, 15_000), (8, 15_000), (9, 15_000)]);
        assert_eq!(slow.peak(5_000, 50_000), None);
        slow.put(10, Some(15_000));
        let peak = Peak { direction: Direction::Up, since: 4, at: 10, sum: 60_000, hours: 6 };
        assert_eq!(slow.peak(5_000, 50_000), Some(peak));
        slow.put(1, Some(-90_000));
        let peak = slow.peak(5_000, 50_000).map(|peak| (peak.direction, peak.since, peak.at, peak.sum));
        assert_eq!(peak, Some((Direction::Down, 1, 1, 85_000)));
        slow.put(1, None);
        slow.put(6, None);
        assert_eq!(slow.peak(5_000, 50_000), None);
    }

    #[test]
    fn read_at_once_or_bit_by_bit_it_is_the_same() {
        let mut seed = 5u64;
        let mut next = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % below
        };
        for _ in 0..300 {
            let mut kept = Drift::default();
            let mut plain = std::collections::BTreeMap::new();
            for _ in 0..40 {
                let (hour, figure) = (next(20) as u32, i128::from(next(80_000)) - 40_000);
                if next(4) == 0 {
                    kept.put(hour, None);
                    plain.remove(&hour);
                } else {
                    kept.put(hour, Some(figure));
                    plain.insert(hour, figure);
                }
                let mut afresh =
                    drift(&plain.iter().map(|(hour, figure)| (*hour, *figure)).collect::<Vec<_>>());
                assert_eq!(kept.peak(5_000, 20_000), afresh.peak(5_000, 20_000));
            }
            let before = kept.peak(5_000, 20_000);
            (0..20).filter(|hour| hour % 3 > 0).for_each(|hour| kept.leave(hour, 5_000));
            assert_eq!(kept.peak(5_000, 20_000), before);
            (0..20).for_each(|hour| kept.leave(hour, 5_000));
            assert_eq!((kept.peak(5_000, 20_000), kept.hours.len()), (before, 0));
        }
    }
}
