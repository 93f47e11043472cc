//! The books as the generator keeps them: from its own plan of what happens, never by reading its records back.
//!
//! Effects are booked in event order, already in their final form (a payout that will be corrected is booked as
//! corrected), so that these are the books a sound reading of all records must end in.

use std::collections::BTreeMap;

use super::games::Terms;
use super::wire::CURRENCIES;

/// More wagers than this in five whole minutes are a velocity.
const VELOCITY_WAGERS_MAX: u32 = 60;

/// One player's account in event order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ledger {
    /// Minor units.
    pub balance: i64,
    /// A posting stands: the account has a balance row.
    pub touched: bool,
    /// The millisecond being booked; its events, and the last claim made in it.
    at_ms: u64,
    events: u32,
    claim: Option<i64>,
    /// Overdraft so far.
    overdraft: Option<Overdraft>,
    /// Mismatches so far.
    mismatch: Option<Mismatch>,
    /// Wagers in the five whole minutes up to `minute`.
    minute: u64,
    wagers: [u16; 5],
    hasty: bool,
}

/// A balance below zero.
#[derive(Clone, Copy, Debug)]
pub struct Overdraft {
    /// Minor units.
    pub lowest: i64,
    /// First millisecond at which it was lowest.
    pub lowest_at_ms: u64,
    /// First millisecond below zero.
    pub since_ms: u64,
}

/// A provider's claim of a balance that ours does not bear out.
#[derive(Clone, Copy, Debug)]
pub struct Mismatch {
    /// When first.
    pub at_ms: u64,
    /// Minor units, theirs.
    pub claimed: i64,
    /// Minor units, ours.
    pub ours: i64,
    /// How many.
    pub count: u64,
}

impl Ledger {
    /// An event of the account: `delta` minor units at `at_ms`, no earlier than the one before; `claim` as the
    /// provider says the balance is after it.
    pub fn event(&mut self, at_ms: u64, delta: i64, claim: Option<i64>) {
        debug_assert!(at_ms >= self.at_ms, "booked out of event order: {at_ms} after {}", self.at_ms);
        if at_ms > self.at_ms {
            self.close();
            self.at_ms = at_ms;
        }
        self.balance += delta;
        self.events += 1;
        self.claim = self.claim.or(claim);
    }

    /// Judges the millisecond that has passed.
    fn close(&mut self) {
        if self.events == 1
            && let Some(claimed) = self.claim
            && claimed != self.balance
        {
            let first = Mismatch { at_ms: self.at_ms, claimed, ours: self.balance, count: 0 };
            self.mismatch.get_or_insert(first).count += 1;
        }
        if self.events > 0 && self.balance < 0 {
            let now = Overdraft { lowest: self.balance, lowest_at_ms: self.at_ms, since_ms: self.at_ms };
            let known = self.overdraft.get_or_insert(now);
            if self.balance < known.lowest {
                (known.lowest, known.lowest_at_ms) = (self.balance, self.at_ms);
            }
        }
        (self.events, self.claim) = (0, None);
    }

    /// A wager placed, in event order.
    pub fn wagered(&mut self, at_ms: u64) {
        let minute = at_ms / 60_000;
        for passed in (self.minute + 1..=minute).take(5) {
            self.wagers[(passed % 5) as usize] = 0;
        }
        if minute >= self.minute + 5 {
            self.wagers = [0; 5];
        }
        self.minute = self.minute.max(minute);
        let now = &mut self.wagers[(minute % 5) as usize];
        *now = now.saturating_add(1);
        self.hasty |= self.wagers.iter().map(|&count| u32::from(count)).sum::<u32>() > VELOCITY_WAGERS_MAX;
    }

    /// What the account's history shows: overdraft, mismatch, velocity.
    pub fn verdict(mut self) -> (Option<Overdraft>, Option<Mismatch>, bool) {
        self.close();
        (self.overdraft, self.mismatch, self.hasty)
    }
}

/// The accounts that are not players'.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// Adjustments.
    Adjustments,
    /// Deposits and withdrawals.
    Cashier,
    /// Stakes and payouts.
    House,
}

impl System {
    /// All, in the order of their names.
    pub const ALL: [(Self, &str); 3] =
        [(Self::Adjustments, "@adjustments"), (Self::Cashier, "@cashier"), (Self::House, "@house")];
}

/// Sums of a game in a currency.
#[derive(Clone, Copy, Debug, Default)]
pub struct Return {
    /// Settled, minor units.
    pub stake: i128,
    /// Settled, minor units.
    pub payout: i128,
    /// Settled.
    pub wagers: u64,
    /// Not settled.
    pub open_wagers: u64,
    /// Not settled, minor units.
    pub open_stake: i128,
    /// Expected payout in billionths of a minor unit.
    expected_e9: i128,
    /// Variance of the payout, millionths squared.
    variance_e12: u128,
}

impl Return {
    /// Counts a settled wager.
    pub fn settle(&mut self, stake: i64, payout: i64, terms: &Terms) {
        self.stake += i128::from(stake);
        self.payout += i128::from(payout);
        self.wagers += 1;
        self.expected_e9 += i128::from(stake) * i128::from(terms.rtp_e9);
        self.variance_e12 += (u128::from(stake.unsigned_abs()) * u128::from(terms.volatility_e6)).pow(2);
    }

    /// Counts a wager that stays open.
    pub fn open(&mut self, stake: i64) {
        self.open_wagers += 1;
        self.open_stake += i128::from(stake);
    }

    /// Whether the payout lies outside the band of 3.291 standard deviations. Floats do: a row whose z lies within a
    /// billionth of the band's edge does not come up.
    pub fn out_of_band(&self) -> bool {
        let off = (self.payout * 1_000_000_000 - self.expected_e9) as f64 / 1e9;
        let deviation = (self.variance_e12 as f64).sqrt() / 1e6;
        deviation > 0.0 && (off / deviation).abs() > 3.291
    }

    /// Payout over stake with six decimals, half up, as text.
    pub fn rtp(&self) -> String {
        let millionths = (self.payout * 2_000_000 + self.stake) / (self.stake * 2);
        let mut text = Vec::new();
        super::wire::wide_decimal(&mut text, millionths, 6);
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// A reject that is expected.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reject {
    /// The file it came in.
    pub topic: &'static str,
    /// Whose record.
    pub provider: &'static str,
    /// `id` of the reject row.
    pub id: String,
    /// Cause.
    pub cause: &'static str,
}

/// More expected rejects than this are only counted.
const REJECTS_LISTED_MAX: usize = 100_000;

/// Everything the records must amount to.
#[derive(Default)]
pub struct Books {
    /// By player.
    pub ledgers: Vec<Ledger>,
    /// By currency and system account: balance, and whether a posting stands.
    pub system: [[(i128, bool); 3]; CURRENCIES.len()],
    /// By game, then currency.
    pub returns: Vec<[Return; CURRENCIES.len()]>,
    /// Wagers that end settled.
    pub settled: u64,
    /// Wagers that end open.
    pub open: u64,
    /// Wagers that end cancelled.
    pub cancelled: u64,
    /// Cancels whose wager never comes.
    pub tombstones: u64,
    /// Equal copies beyond the first.
    pub duplicates: u64,
    /// Rejects by cause.
    pub rejects: BTreeMap<&'static str, u64>,
    /// The rejects with an id, while they are few.
    pub reject_rows: Option<Vec<Reject>>,
    /// Anomalies of wagers and records: kind to subjects.
    pub anomalies: BTreeMap<&'static str, Vec<String>>,
    /// Players made to stake far above their habit. Others may do so by chance.
    pub spikes: Vec<String>,
    /// Players made to win, pay or play as others may by chance: kind to subjects.
    pub at_least: BTreeMap<&'static str, Vec<String>>,
    /// What was paid out to players whose payouts are held, minor units.
    pub held: BTreeMap<usize, i64>,
    /// Unknown fields by name.
    pub unknown_fields: BTreeMap<&'static str, u64>,
}

impl Books {
    /// Empty books.
    pub fn new() -> Self {
        Self { reject_rows: Some(Vec::new()), ..Self::default() }
    }

    /// Expects a reject row. One without an id (the line cannot be read) is only counted.
    pub fn reject(
        &mut self,
        topic: &'static str,
        provider: &'static str,
        id: Option<String>,
        cause: &'static str,
    ) {
        *self.rejects.entry(cause).or_default() += 1;
        let Some(rows) = &mut self.reject_rows else { return };
        rows.extend(id.map(|id| Reject { topic, provider, id, cause }));
        if rows.len() > REJECTS_LISTED_MAX {
            self.reject_rows = None;
        }
    }

    /// Expects an anomaly of a kind that others may show by chance.
    pub fn at_least(&mut self, kind: &'static str, subject: String) {
        self.at_least.entry(kind).or_default().push(subject);
    }

    /// Expects an anomaly.
    pub fn anomaly(&mut self, kind: &'static str, subject: String) {
        self.anomalies.entry(kind).or_default().push(subject);
    }

    /// Moves `delta` minor units to (or, negative, from) a player's account at `at_ms`, against a system account.
    /// Claims make an event of what moves nothing.
    pub fn book(
        &mut self,
        player: usize,
        currency: u8,
        at_ms: u64,
        delta: i64,
        against: System,
        claim: Option<i64>,
    ) {
        if delta == 0 && claim.is_none() {
            return;
        }
        let ledger = &mut self.ledgers[player];
        ledger.event(at_ms, delta, claim);
        if delta != 0 {
            ledger.touched = true;
            let (balance, touched) = &mut self.system[usize::from(currency)][against as usize];
            *balance -= i128::from(delta);
            *touched = true;
        }
    }

    /// Books a payment that was reversed: an entry and its reverse, one event of net zero.
    pub fn book_reversed(&mut self, player: usize, currency: u8, at_ms: u64, against: System) {
        let ledger = &mut self.ledgers[player];
        ledger.event(at_ms, 0, None);
        ledger.touched = true;
        self.system[usize::from(currency)][against as usize].1 = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dip_within_a_millisecond_is_no_overdraft() {
        let mut ledger = Ledger::default();
        ledger.event(10, -5, None);
        ledger.event(10, 5, None);
        ledger.event(20, -3, None);
        ledger.event(30, -4, None);
        ledger.event(40, 9, None);
        let (overdraft, ..) = ledger.verdict();
        let overdraft = overdraft.expect("below zero from 20 on");
        assert_eq!((overdraft.lowest, overdraft.lowest_at_ms, overdraft.since_ms), (-7, 30, 20));
    }

    #[test]
    fn claims_are_judged_where_the_account_has_one_event() {
        let mut ledger = Ledger::default();
        ledger.event(10, 5, Some(6));
        ledger.event(20, 5, Some(99));
        ledger.event(20, 5, None);
        ledger.event(30, 1, Some(16));
        let (_, mismatch, _) = ledger.verdict();
        let mismatch = mismatch.expect("at 10");
        assert_eq!((mismatch.at_ms, mismatch.claimed, mismatch.ours, mismatch.count), (10, 6, 5, 1));
    }

    #[test]
    fn sixty_one_wagers_in_five_minutes_are_hasty() {
        let mut calm = Ledger::default();
        (0..60).for_each(|wager| calm.wagered(600_000 + wager * 5_000));
        calm.wagered(900_000);
        assert!(!calm.verdict().2);
        let mut hasty = Ledger::default();
        (0..61).for_each(|wager| hasty.wagered(600_000 + wager * 4_900));
        assert!(hasty.verdict().2);
    }
}
