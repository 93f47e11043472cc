//! Accounts: the events of each, in order, are read for what they come to and what looks wrong.

use std::cell::Cell;

use gyre_dataflows::rows::{Anomaly, AnomalyKind, Object};
use gyre_domain::currency::Currency;
use gyre_domain::integrity::Spike;
use gyre_domain::integrity::payments::{Payments, Suspicions, Terms};
use gyre_domain::rules::Rules;
use gyre_domain::time::GamingDays;

use crate::books::{CASH, EVENT, Event, QUARTER_MS, STAKE, WAGER};
use crate::names::Names;
use crate::rows::{Rows, anomaly};
use crate::spikes::Habit;

const MINUTE_MS: u64 = 60_000;

/// Reads accounts, one after the other.
pub struct Reader<'r> {
    rules: &'r Rules,
    days: GamingDays,
    habit: Habit,
    minutes: Vec<(u64, u64)>,
}

/// What an account comes to.
#[derive(Default)]
pub struct Found {
    pub balance: i128,
    lowest: i128,
    lowest_at_ms: u64,
    since_ms: Option<u64>,
    fullest: Option<(u64, u64)>,
    worst: Option<Spike>,
    spikes: i64,
    /// The first claim that is not ours, and ours then; and how many there are.
    mismatch: Option<((u32, u64, i64), i128)>,
    mismatches: i64,
    pub payments: Suspicions,
}

impl<'r> Reader<'r> {
    pub fn new(rules: &'r Rules, days: GamingDays) -> Self {
        Self { rules, days, habit: Habit::default(), minutes: Vec::new() }
    }

    /// Reads the events, in order, with the claims, in order.
    pub fn read(&mut self, events: &[Event], claims: &[(u32, u64, i64)]) -> Found {
        let mut found = Found::default();
        let mut claims = claims.iter().peekable();
        let bound = self.rules.spike_score_max;
        self.habit.clear();
        self.minutes.clear();
        let mut at = 0;
        while at < events.len() {
            let at_ms = events[at].at_ms();
            let mut here = 0;
            while let Some(event) = events.get(at).filter(|event| event.at_ms() == at_ms) {
                found.balance += i128::from(event.amount);
                here += u32::from(event.has(EVENT));
                if event.has(STAKE) {
                    if self.habit.len() as u64 >= self.rules.spike_wagers_min
                        && let Some(spike) = self.habit.measure(at_ms, -event.amount, bound)
                    {
                        found.spikes += 1;
                        if found.worst.is_none_or(|worst| spike.by_score(&worst).is_gt()) {
                            found.worst = Some(spike);
                        }
                    }
                    self.habit.push(-event.amount);
                }
                if event.has(WAGER) {
                    match self.minutes.last_mut() {
                        Some(minute) if minute.0 == at_ms / MINUTE_MS => minute.1 += 1,
                        _ => self.minutes.push((at_ms / MINUTE_MS, 1)),
                    }
                }
                at += 1;
            }
            if found.balance < 0 {
                found.since_ms = found.since_ms.or(Some(at_ms));
                if found.balance < found.lowest {
                    (found.lowest, found.lowest_at_ms) = (found.balance, at_ms);
                }
            }
            while let Some(claim) = claims.next_if(|claim| claim.1 <= at_ms) {
                if claim.1 == at_ms && here == 1 && i128::from(claim.2) != found.balance {
                    found.mismatch = found.mismatch.or(Some((*claim, found.balance)));
                    found.mismatches += 1;
                }
            }
        }
        found.fullest = self.fullest();
        found
    }

    /// Reads an account's deposits and withdrawals.
    pub fn read_payments(&self, events: &[Event], currency: Currency) -> Suspicions {
        let mut payments = Payments::default();
        for event in events.iter().filter(|event| event.has(CASH)) {
            payments.update(event.at_ms(), event.amount, true);
        }
        let thresholds = &self.rules.thresholds;
        let minor = |major: u64| i128::from(major) * 10i128.pow(currency.exponent().into());
        let terms = Terms {
            turnover_ratio_min: thresholds.turnover_ratio_min,
            turnover_deposits_min: minor(thresholds.turnover_deposits_min),
            structuring_limit: minor(thresholds.structuring_limit),
        };
        // Asked for later and later times.
        let read = Cell::new((0, 0i128));
        let staked_through = |at_ms: u64| {
            let (from, staked) = read.get();
            let until = from + events[from..].partition_point(|event| event.at_ms() <= at_ms);
            let staked = staked + events[from..until].iter().map(|event| event.staked()).sum::<i128>();
            read.set((until, staked));
            staked
        };
        let day_of = |at_ms: u64| self.days.day_of((at_ms / QUARTER_MS) as u32);
        payments.watch(0, &terms, staked_through, day_of)
    }

    fn fullest(&self) -> Option<(u64, u64)> {
        let minutes = (self.rules.velocity_window_ms / MINUTE_MS).max(1);
        let (mut end, mut wagers) = (0, 0);
        let mut fullest: Option<(u64, u64)> = None;
        for &(first, here) in &self.minutes {
            while let Some(&(_, count)) = self.minutes.get(end).filter(|minute| minute.0 - first < minutes) {
                wagers += count;
                end += 1;
            }
            if fullest.is_none_or(|(_, most)| wagers > most) {
                fullest = Some((first, wagers));
            }
            wagers -= here;
        }
        fullest.filter(|(_, wagers)| *wagers > self.rules.velocity_wagers_max)
    }
}

impl Found {
    pub fn tell(&self, account: u32, names: &Names, rules: &Rules, anomalies: &mut Rows) {
        let is_quiet = self.since_ms.is_none() && self.fullest.is_none() && self.spikes == 0;
        if is_quiet && self.mismatches == 0 && self.payments == Suspicions::default() {
            return;
        }
        let account = &names.accounts[account as usize];
        let currency = names.currencies[usize::from(account.currency)];
        let tenant = &*names.realms[account.realm as usize].tenant_name;
        let name = String::from_utf8_lossy(names.arena.get(account.name));
        let subject = format!("{name}/{}", currency.code());
        let mut note = |kind: AnomalyKind, at_ms: u64, evidence: &dyn Fn(Object<'_>) -> Object<'_>| {
            anomaly(anomalies, kind, tenant, &subject, |out| {
                Anomaly { kind, tenant, subject: &subject, at_ms: Some(at_ms) }.begin(out, evidence);
            });
        };
        if let Some(since_ms) = self.since_ms {
            note(AnomalyKind::Overdraft, since_ms, &|evidence| {
                let evidence = evidence.money("lowest", self.lowest, currency);
                evidence.time("lowest_at_ms", self.lowest_at_ms).time("since_ms", since_ms)
            });
        }
        if let Some((minute, wagers)) = self.fullest {
            note(AnomalyKind::Velocity, minute * MINUTE_MS, &|evidence| {
                let evidence = evidence.time("window_start_ms", minute * MINUTE_MS);
                evidence.time("window_ms", rules.velocity_window_ms).integer("wagers", wagers as i64)
            });
        }
        if let Some(worst) = self.worst {
            note(AnomalyKind::StakeSpike, worst.at_ms, &|evidence| {
                let evidence =
                    evidence.time("at_ms", worst.at_ms).money("stake", i128::from(worst.stake), currency);
                let evidence = evidence.money("median", i128::from(worst.median), currency);
                let evidence = evidence.money("mad", i128::from(worst.mad), currency);
                evidence.decimal("score", worst.score_ten_thousandths(), 4).integer("spikes", self.spikes)
            });
        }
        if let Some(((_, at_ms, claimed), ours)) = self.mismatch {
            note(AnomalyKind::BalanceMismatch, at_ms, &|evidence| {
                let evidence = evidence.money("claimed", i128::from(claimed), currency);
                let evidence = evidence.money("ours", ours, currency);
                evidence.time("at_ms", at_ms).integer("mismatches", self.mismatches)
            });
        }
        if let Some((visit, withdrawals)) = &self.payments.visit {
            note(AnomalyKind::DepositThenWithdraw, visit.at_ms, &|evidence| {
                let evidence = evidence.time("at_ms", visit.at_ms);
                let evidence = evidence.money("deposited", visit.deposited(), currency);
                let evidence = evidence.money("withdrawn", i128::from(visit.withdrawn), currency);
                let evidence = evidence.money("staked", visit.staked(), currency);
                evidence
                    .decimal("ratio", visit.ratio_ten_thousandths(), 4)
                    .integer("withdrawals", *withdrawals as i64)
            });
        }
        if let Some((parts, days)) = &self.payments.structured {
            note(AnomalyKind::Structuring, parts.first_ms, &|evidence| {
                let evidence = evidence.text("day", &GamingDays::text(parts.day));
                let kind = if parts.deposits { "deposit" } else { "withdrawal" };
                let evidence = evidence.text("kind", kind).integer("payments", i64::from(parts.payments));
                let evidence = evidence.money("sum", parts.sum, currency);
                let evidence = evidence.money("largest", i128::from(parts.largest), currency);
                evidence.integer("days", *days as i64)
            });
        }
    }
}
