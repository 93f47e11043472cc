//! The stakes before a stake: a sorted window of fixed size, shifted only between what leaves and what enters.

use gyre_domain::integrity::{BASELINE, Spike};

/// The last 64 stakes of an account.
pub struct Habit {
    /// In the order in which they came, from `oldest` on.
    recent: [i64; BASELINE],
    sorted: [i64; BASELINE],
    len: usize,
    oldest: usize,
}

impl Default for Habit {
    fn default() -> Self {
        Self { recent: [0; BASELINE], sorted: [0; BASELINE], len: 0, oldest: 0 }
    }
}

impl Habit {
    pub fn clear(&mut self) {
        (self.len, self.oldest) = (0, 0);
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn push(&mut self, stake: i64) {
        if self.len < BASELINE {
            let at = self.sorted[..self.len].partition_point(|&other| other <= stake);
            self.sorted.copy_within(at..self.len, at + 1);
            self.sorted[at] = stake;
            self.recent[self.len] = stake;
            self.len += 1;
            return;
        }
        let leaving = std::mem::replace(&mut self.recent[self.oldest], stake);
        self.oldest = (self.oldest + 1) % BASELINE;
        if leaving == stake {
            return;
        }
        let gap = self.sorted.partition_point(|&other| other < leaving);
        let at = self.sorted.partition_point(|&other| other < stake);
        if at <= gap {
            self.sorted.copy_within(at..gap, at + 1);
            self.sorted[at] = stake;
        } else {
            self.sorted.copy_within(gap + 1..at, gap);
            self.sorted[at - 1] = stake;
        }
    }

    /// The spike that a stake is, if its score is above the bound (thousandths).
    pub fn measure(&self, at_ms: u64, stake: i64, bound: u32) -> Option<Spike> {
        let sorted = &self.sorted[..self.len];
        let median = *sorted.get(self.len.checked_sub(1)? / 2)?;
        if stake <= median || !(Spike { at_ms, stake, median, mad: 0 }).is_above(bound) {
            return None;
        }
        // The two sides of the median are merged outwards, to the middle distance.
        let middle = (sorted.len() - 1) / 2;
        let (mut below, mut above, mut mad) = (middle as isize, middle + 1, 0);
        for _ in 0..=middle {
            let down = usize::try_from(below).ok().map(|below| median - sorted[below]);
            let up = sorted.get(above).map(|other| other - median);
            if up.is_some_and(|up| down.is_none_or(|down| up < down)) {
                (mad, above) = (up.unwrap_or_default(), above + 1);
            } else {
                (mad, below) = (down.unwrap_or_default(), below - 1);
            }
        }
        Some(Spike { at_ms, stake, median, mad }).filter(|spike| spike.is_above(bound))
    }
}
