//! What a player's deposits and withdrawals look like, of those that have any.
//!
//! *Deposit then withdraw*: at each withdrawal stands what was deposited and what was staked since the last withdrawal
//! that was judged; it is judged where the deposits are worth it, and flagged where too little of them was staked.
//! Within a millisecond deposits come first, then stakes, then withdrawals, the smaller first.
//!
//! *Structuring*: payments of a gaming day and direction, each below a limit, that together go beyond it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A withdrawal with what came before it, minor units.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Visit {
    /// When it was.
    pub at_ms: u64,
    /// The withdrawal.
    pub withdrawn: i64,
    /// Of the rule by which it was judged.
    pub rule: u32,
    /// Deposits and stakes since the last judged withdrawal.
    since: Flow,
    /// The same since the beginning.
    total: Flow,
    is_judged: bool,
    is_flagged: bool,
}

/// Money that came in, and that was played with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Flow {
    /// Minor units.
    pub deposited: i128,
    /// Minor units.
    pub staked: i128,
}

impl Visit {
    /// What was deposited before it, minor units; above zero where it was judged.
    pub fn deposited(&self) -> i128 {
        self.since.deposited
    }

    /// What was staked before it, minor units.
    pub fn staked(&self) -> i128 {
        self.since.staked
    }

    /// Stakes over deposits in ten-thousandths, half-up.
    pub fn ratio_ten_thousandths(&self) -> i128 {
        (self.since.staked * 20_000 + self.since.deposited).div_euclid(2 * self.since.deposited.max(1))
    }

    fn is_worse(&self, other: &Self) -> bool {
        self.since.staked * other.since.deposited < other.since.staked * self.since.deposited
    }
}

/// Payments of a gaming day that come to more than a limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Structured {
    /// Days since 1970 on the zone's calendar.
    pub day: i32,
    /// Deposits, else withdrawals.
    pub deposits: bool,
    /// How many.
    pub payments: u32,
    /// Together, minor units.
    pub sum: i128,
    /// The largest of them, minor units.
    pub largest: i64,
    /// When the first was.
    pub first_ms: u64,
    /// By what it was judged.
    pub limit: Limit,
}

/// Thresholds in the minor units of a currency.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Terms {
    /// Thousandths of the deposits.
    pub turnover_ratio_min: u32,
    /// From which on a withdrawal is judged.
    pub turnover_deposits_min: i128,
    /// Of one payment, and of a day's.
    pub structuring_limit: i128,
}

/// By what withdrawals of a time are judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Turnover {
    /// Thousandths of the deposits.
    pub ratio_min: u64,
    /// From which on a withdrawal is judged.
    pub deposits_min: i128,
    /// Of the rule that says so; whoever judges knows it.
    pub rule: u32,
}

/// By what payments of a day are judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Limit {
    /// Of one payment, and of a day's.
    pub limit: i128,
    /// Of the rule that says so; whoever judges knows it.
    pub rule: u32,
}

/// The rules for payments, by time.
pub trait TermsByTime {
    /// For a withdrawal at this time.
    fn turnover(&self, at_ms: u64) -> Turnover;
    /// For the gaming day in which a payment of this time lies.
    fn limit(&self, at_ms: u64) -> Limit;
}

impl TermsByTime for Terms {
    fn turnover(&self, _at_ms: u64) -> Turnover {
        let (ratio_min, deposits_min) = (self.turnover_ratio_min.into(), self.turnover_deposits_min);
        Turnover { ratio_min, deposits_min, rule: 0 }
    }

    fn limit(&self, _at_ms: u64) -> Limit {
        Limit { limit: self.structuring_limit, rule: 0 }
    }
}

/// What was found, the worst with how many there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Suspicions {
    /// The withdrawal with the lowest ratio, the earliest of equals.
    pub visit: Option<(Visit, u64)>,
    /// The day with the highest sum, the earliest of equals, deposits first.
    pub structured: Option<(Structured, u64)>,
}

/// The payments of one account that moved money from or to outside, and what was found in them.
#[derive(Default, Serialize, Deserialize)]
pub struct Payments {
    /// Time, minor units (a withdrawal's are negative); in order of time, deposits first.
    moved: Vec<(u64, i64)>,
    /// Since when they have changed.
    changed_from_ms: Option<u64>,
    visits: Vec<Visit>,
    /// The worst of the visits that are forgotten, and how many were flagged.
    past: Option<(Visit, u64)>,
    days: Vec<Structured>,
    /// Deposits that are forgotten.
    deposited: i128,
}

/// Days begin and end at most so long from the UTC days of their date.
const TWO_DAYS_MS: u64 = 2 * 86_400_000;

impl Payments {
    /// Puts a payment in, or takes it out.
    pub fn update(&mut self, at_ms: u64, amount: i64, is_new: bool) {
        let order = |&(at_ms, amount): &(u64, i64)| (at_ms, std::cmp::Reverse(amount));
        let entry = (at_ms, amount);
        let at = self.moved.partition_point(|other| order(other) < order(&entry));
        if is_new {
            self.moved.insert(at, entry);
        } else if self.moved.get(at) == Some(&entry) {
            self.moved.remove(at);
        }
        self.changed_from_ms = Some(self.changed_from_ms.map_or(at_ms, |from_ms| from_ms.min(at_ms)));
    }

    /// By what is judged from this time on has changed.
    pub fn rejudge(&mut self, from_ms: u64) {
        self.changed_from_ms = Some(self.changed_from_ms.map_or(from_ms, |earlier| earlier.min(from_ms)));
    }

    /// Looks at everything from `from_ms` on afresh. `staked_through` gives all stakes until the end of a millisecond,
    /// `day_of` the gaming day of one.
    pub fn watch(
        &mut self,
        from_ms: u64,
        terms: &impl TermsByTime,
        staked_through: impl Fn(u64) -> i128,
        day_of: impl Fn(u64) -> i32,
    ) -> Suspicions {
        self.visit(from_ms, terms, staked_through);
        if let Some(changed_ms) = self.changed_from_ms.take() {
            self.sum_days(changed_ms.max(from_ms), terms, day_of);
        }
        Suspicions { visit: worst_of(self.past, &self.visits), structured: self.worst_day() }
    }

    fn visit(&mut self, from_ms: u64, terms: &impl TermsByTime, staked_through: impl Fn(u64) -> i128) {
        let has_later =
            self.moved.iter().rev().take_while(|(at_ms, _)| *at_ms >= from_ms).any(|moved| moved.1 < 0);
        let kept = self.visits.partition_point(|visit| visit.at_ms < from_ms);
        if !has_later && kept == self.visits.len() {
            return;
        }
        self.visits.truncate(kept);
        let last = self.visits.last().copied();
        let after = last.map_or(0, |last| self.moved.partition_point(|(at_ms, _)| *at_ms <= last.at_ms));
        let mut deposited = self.deposited + sum_of_deposits(&self.moved[..after]);
        // What had come until the last judged withdrawal.
        let mut base = last.map_or(Flow::default(), |last| last.base());
        for &(at_ms, amount) in &self.moved[after..] {
            if amount >= 0 {
                deposited += i128::from(amount);
            } else if at_ms >= from_ms {
                let total = Flow { deposited, staked: staked_through(at_ms) };
                let since =
                    Flow { deposited: total.deposited - base.deposited, staked: total.staked - base.staked };
                let Turnover { ratio_min, deposits_min, rule } = terms.turnover(at_ms);
                let is_judged = since.deposited >= deposits_min.max(1);
                let is_flagged = is_judged && since.staked * 1_000 < since.deposited * i128::from(ratio_min);
                let visit = Visit { at_ms, withdrawn: -amount, rule, since, total, is_judged, is_flagged };
                base = visit.base();
                self.visits.push(visit);
            }
        }
    }

    fn sum_days(&mut self, from_ms: u64, terms: &impl TermsByTime, day_of: impl Fn(u64) -> i32) {
        let first_day = day_of(from_ms);
        self.days.retain(|structured| structured.day < first_day);
        let first = self.moved.partition_point(|(at_ms, _)| day_of(*at_ms) < first_day);
        let mut days: BTreeMap<(i32, bool), Structured> = BTreeMap::new();
        for &(at_ms, amount) in &self.moved[first..] {
            let (day, deposits, size) = (day_of(at_ms), amount > 0, amount.abs());
            let limit = terms.limit(at_ms);
            if i128::from(size) >= limit.limit {
                continue;
            }
            let empty = Structured { day, deposits, payments: 0, sum: 0, largest: 0, first_ms: at_ms, limit };
            let sum = days.entry((day, !deposits)).or_insert(empty);
            sum.payments += 1;
            sum.sum += i128::from(size);
            sum.largest = sum.largest.max(size);
        }
        // Each is below the limit, so that a sum above it is of two at least.
        self.days.extend(days.into_values().filter(|day| day.sum > day.limit.limit));
    }

    fn worst_day(&self) -> Option<(Structured, u64)> {
        let worst = self.days.iter().reduce(|worst, day| if day.sum > worst.sum { day } else { worst })?;
        Some((*worst, self.days.len() as u64))
    }

    /// Forgets what lies before a time; what was found there stands.
    pub fn forget(&mut self, before_ms: u64) {
        let past = self.moved.partition_point(|(at_ms, _)| *at_ms + TWO_DAYS_MS < before_ms);
        self.deposited += sum_of_deposits(&self.moved[..past]);
        self.moved.drain(..past);
        // The last one says where the next one begins.
        let visits = self.visits.partition_point(|visit| visit.at_ms < before_ms).saturating_sub(1);
        let forgotten: Vec<Visit> = self.visits.drain(..visits).collect();
        self.past = worst_of(self.past, &forgotten);
    }
}

impl Visit {
    fn base(&self) -> Flow {
        if self.is_judged {
            return self.total;
        }
        Flow {
            deposited: self.total.deposited - self.since.deposited,
            staked: self.total.staked - self.since.staked,
        }
    }
}

fn sum_of_deposits(moved: &[(u64, i64)]) -> i128 {
    moved.iter().filter(|moved| moved.1 > 0).map(|moved| i128::from(moved.1)).sum()
}

/// The worst of the flagged ones, and how many there are, with those of before.
fn worst_of(past: Option<(Visit, u64)>, visits: &[Visit]) -> Option<(Visit, u64)> {
    visits.iter().filter(|visit| visit.is_flagged).fold(past, |found, visit| match found {
        None => Some((*visit, 1)),
        Some((worst, flagged)) => Some((if visit.is_worse(&worst) { *visit } else { worst }, flagged + 1)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: Terms =
        Terms { turnover_ratio_min: 1_000, turnover_deposits_min: 2_000, structuring_limit: 10_000 };
    const DAY_MS: u64 = 86_400_000;

    fn look(payments: &mut Payments, from_ms: u64, stakes: &[(u64, i128)]) -> Suspicions {
        let staked =
            |at_ms: u64| stakes.iter().filter(|stake| stake.0 <= at_ms).map(|stake| stake.1).sum::<i128>();
        payments.watch(from_ms, &TERMS, staked, |at_ms| (at_ms / DAY_MS) as i32)
    }

    fn of(moved: &[(u64, i64)]) -> Payments {
        let mut payments = Payments::default();
        moved.iter().for_each(|&(at_ms, amount)| payments.update(at_ms, amount, true));
        payments
    }

    #[test]
    fn deposits_hardly_played_with_before_they_leave() {
        let mut payments = of(&[(10, 1_500), (20, -1_500), (30, 500), (40, -1), (50, 3_000), (60, -3_000)]);
        let stakes = [(15, 600), (40, 900), (55, 2_999)];
        let (visit, flagged) = look(&mut payments, 0, &stakes).visit.expect("two are flagged");
        // At 20 too little was deposited to judge: the next one, at 40, looks back at all of it.
        assert_eq!((visit.at_ms, visit.deposited(), visit.staked(), flagged), (40, 2_000, 1_500, 2));
        assert_eq!(visit.ratio_ten_thousandths(), 7_500);
        payments.update(30, 500, false);
        let (visit, flagged) = look(&mut payments, 30, &stakes).visit.expect("one is flagged");
        assert_eq!((visit.at_ms, visit.deposited(), visit.staked(), flagged), (60, 4_500, 4_499, 1));
        let played = [(15, 600), (40, 901), (55, 2_999)];
        assert_eq!(look(&mut payments, 40, &played).visit, None);
    }

    #[test]
    fn what_is_forgotten_stands() {
        let mut payments = of(&[(10, 4_000), (20, -1), (30, -1), (5 * DAY_MS, 2_000), (6 * DAY_MS, -5)]);
        let stakes = [(15, 1_000), (25, 50), (5 * DAY_MS + 1, 100)];
        let before = look(&mut payments, 0, &stakes);
        assert_eq!(before.visit.map(|(visit, flagged)| (visit.at_ms, flagged)), Some((6 * DAY_MS, 2)));
        payments.forget(4 * DAY_MS);
        assert_eq!(payments.moved.len(), 2);
        payments.update(6 * DAY_MS, -7, true);
        let (visit, flagged) = look(&mut payments, 6 * DAY_MS, &stakes).visit.expect("still");
        assert_eq!((visit.at_ms, visit.withdrawn, visit.staked(), flagged), (6 * DAY_MS, 5, 150, 2));
    }

    #[test]
    fn parts_of_a_day_that_make_a_large_payment() {
        let mut payments = of(&[(1, 6_000), (2, 4_000), (3, -9_999), (DAY_MS, 9_000), (DAY_MS + 1, 10_000)]);
        assert_eq!(look(&mut payments, 0, &[]).structured, None);
        payments.update(4, -2, true);
        let (day, days) = look(&mut payments, 4, &[]).structured.expect("10001 in two parts");
        let limit = Limit { limit: 10_000, rule: 0 };
        let want = Structured {
            day: 0,
            deposits: false,
            payments: 2,
            sum: 10_001,
            largest: 9_999,
            first_ms: 3,
            limit,
        };
        assert_eq!((day, days), (want, 1));
        payments.update(DAY_MS + 2, 1_001, true);
        payments.update(5, 1, true);
        let (day, days) = look(&mut payments, 5, &[]).structured.expect("three");
        assert_eq!((day.day, day.deposits, day.sum, day.payments, days), (0, true, 10_001, 3, 3));
        payments.update(3, -9_999, false);
        let (day, days) = look(&mut payments, 3, &[]).structured.expect("two");
        assert_eq!((day.day, day.deposits, day.sum, day.payments, days), (0, true, 10_001, 3, 2));
    }
}
