//! Anomalies: what looks wrong in the order of an account's events.
//!
//! ```text
//! events of accounts ──▶ timelines by account ──▶ overdraft, velocity, stake_spike, balance_mismatch,
//!                                                 deposit_then_withdraw, structuring
//! what players won ────▶ sums by account ───────▶ improbable_wins
//! ```
//! At every tick there is at most one anomaly of each kind for a player in a currency, with the figures of the worst;
//! it is withdrawn when its ground goes. Events are read as cash and held together. What is *not* here: anomalies of
//! single records (matching tells them), of games (they follow from their sums), and of accounts together: [`links`].

pub mod links;

use std::cell::RefCell;
use std::rc::Rc;

use gyre_domain::integrity::payments::Suspicions;
use gyre_domain::integrity::wins::Wins;
use gyre_domain::integrity::{BASELINE, Baseline, Spike};
use gyre_domain::money::Quantity;
use timely::dataflow::StreamVec;
use timely::dataflow::operators::core::Concatenate;

use crate::Tick;
use crate::graph::Settings;
use crate::names::Names;
use crate::ops::timeline_by_key::{Changes, Dirty, MINUTE_MS, Reads, Run, Timeline, Watch, timeline_by_key};
use crate::rows::{AnomalyKind, Output};
use crate::seams::Reading;

mod payments;
mod wins;

/// What the stage takes, of the accounts that this worker owns, by number.
pub struct Inputs<'s> {
    /// What happened to them.
    pub events: StreamVec<'s, Tick, Rc<Changes>>,
    /// Changes of what they won.
    pub wins: StreamVec<'s, Tick, (u32, Wins, Tick)>,
}

/// Builds the stage.
pub fn build<'s>(
    inputs: Inputs<'s>,
    names: &Rc<RefCell<Names>>,
    settings: &Settings,
) -> StreamVec<'s, Tick, Reading> {
    let Inputs { events, wins } = inputs;
    let scope = events.scope();
    let lucky = wins::build(wins, names, settings);
    let reads = Reads { changes: settings.wanted.changes, rest_at_end: settings.rest_at_end };
    let watch = Accounts { names: Rc::clone(names), settings: settings.clone() };
    let found = timeline_by_key(events, "timelines by account", reads, watch);
    scope.concatenate([found, lucky])
}

struct Accounts {
    names: Rc<RefCell<Names>>,
    settings: Settings,
}

/// What looks wrong with an account.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Found {
    /// How low the balance was below zero, the first time of it, and since when it was below.
    overdraft: Option<(i128, u64, u64)>,
    /// The fullest window of all, whether or not it is above the limit: first minute, wagers.
    fullest: Option<(u32, u32)>,
    /// Stakes far above the habit, in order.
    spikes: Vec<Spike>,
    /// Where the provider's balance is not ours: time, claimed, ours.
    mismatches: Vec<(u64, Quantity, i128)>,
    /// What its deposits and withdrawals look like.
    payments: Suspicions,
}

impl Accounts {
    fn minutes(&self) -> u32 {
        (self.settings.velocity_window_ms / MINUTE_MS).max(1) as u32
    }

    fn watch_velocity(&self, timeline: &Timeline, dirty: Dirty, found: &mut Found) {
        let minutes = self.minutes();
        let minute_of = |ms: u64| (ms / MINUTE_MS) as u32;
        let starts = if dirty.shrank {
            let forgotten_ms = timeline.forgotten_before_ms();
            found.fullest = found.fullest.filter(|&(start, _)| u64::from(start) * MINUTE_MS < forgotten_ms);
            0..=u32::MAX
        } else {
            minute_of(dirty.from_ms).saturating_sub(minutes - 1)..=minute_of(dirty.to_ms)
        };
        if let Some((start, wagers)) = timeline.fullest(minutes, starts) {
            let is_fuller =
                |&(best_start, best): &(u32, u32)| wagers > best || wagers == best && start < best_start;
            if found.fullest.as_ref().is_none_or(is_fuller) {
                found.fullest = Some((start, wagers));
            }
        }
    }

    fn watch_stakes(&self, timeline: &mut Timeline, dirty: Dirty, found: &mut Found) {
        let mut baseline = Baseline::of(timeline.stakes_before(dirty.from_ms));
        let later = found.spikes.partition_point(|spike| spike.at_ms < dirty.from_ms);
        let old = found.spikes.split_off(later);
        let mut beyond = 0;
        let mut end_ms = u64::MAX;
        for (at_ms, stake) in timeline.stakes_from(dirty.from_ms) {
            if at_ms >= end_ms {
                break;
            }
            if baseline.len() >= self.settings.spike_wagers_min {
                found.spikes.extend(baseline.measure(at_ms, stake, self.settings.spike_score_max));
            }
            baseline.push(stake);
            // A change reaches the 64 stakes after it, and those of the same millisecond as the last of them.
            if at_ms > dirty.to_ms {
                beyond += 1;
                if beyond == BASELINE {
                    end_ms = at_ms + 1;
                }
            }
        }
        found.spikes.extend(old.into_iter().filter(|spike| spike.at_ms >= end_ms));
    }

    fn watch_claims(&self, account: u32, timeline: &mut Timeline, dirty: Dirty, found: &mut Found) {
        let later = found.mismatches.partition_point(|mismatch| mismatch.0 < dirty.from_ms);
        found.mismatches.truncate(later);
        let judged = timeline.claims_from(dirty.from_ms);
        if judged.is_empty() {
            return;
        }
        let exponent = self.names.borrow().account(account).2.exponent();
        let agrees = |claimed: Quantity, ours: i128| claimed.minor(exponent).map(i128::from) == Some(ours);
        found.mismatches.extend(judged.into_iter().filter(|&(_, claimed, ours)| !agrees(claimed, ours)));
    }

    fn watch_payments(&self, account: u32, timeline: &mut Timeline, dirty: Dirty, found: &mut Found) {
        if timeline.payments.is_some() {
            let currency = self.names.borrow().account(account).2;
            let terms = payments::terms(&self.settings.thresholds, currency);
            found.payments = payments::watch(timeline, dirty, &terms, &self.settings.gaming_days);
        }
    }

    /// The rows of what was found.
    fn rows(&self, account: u32, found: &Found) -> Vec<(Output, Vec<u8>)> {
        let names = self.names.borrow();
        let (tenant, account, currency) = names.account(account);
        let subject = format!("{account}/{}", currency.code());
        let mut rows = Vec::new();
        if let Some((lowest, lowest_at_ms, since_ms)) = found.overdraft {
            rows.push(row(|out| {
                AnomalyKind::Overdraft.push(out, tenant, &subject, Some(since_ms), |evidence| {
                    evidence
                        .money("lowest", lowest, currency)
                        .time("lowest_at_ms", lowest_at_ms)
                        .time("since_ms", since_ms)
                });
            }));
        }
        if let Some((start, wagers)) = self.velocity(found) {
            let start_ms = u64::from(start) * MINUTE_MS;
            rows.push(row(|out| {
                AnomalyKind::Velocity.push(out, tenant, &subject, Some(start_ms), |evidence| {
                    evidence
                        .time("window_start_ms", start_ms)
                        .time("window_ms", self.settings.velocity_window_ms)
                        .integer("wagers", i64::from(wagers))
                });
            }));
        }
        if let Some(worst) = worst(&found.spikes) {
            rows.push(row(|out| {
                AnomalyKind::StakeSpike.push(out, tenant, &subject, Some(worst.at_ms), |evidence| {
                    evidence
                        .time("at_ms", worst.at_ms)
                        .money("stake", i128::from(worst.stake), currency)
                        .money("median", i128::from(worst.median), currency)
                        .money("mad", i128::from(worst.mad), currency)
                        .decimal("score", worst.score_ten_thousandths(), 4)
                        .integer("spikes", found.spikes.len() as i64)
                });
            }));
        }
        if let Some(&(at_ms, claimed, ours)) = found.mismatches.first() {
            rows.push(row(|out| {
                AnomalyKind::BalanceMismatch.push(out, tenant, &subject, Some(at_ms), |evidence| {
                    let evidence = match claimed.minor(currency.exponent()) {
                        Some(minor) => evidence.money("claimed", i128::from(minor), currency),
                        // The currency cannot say it: shown as it was spelt.
                        None => evidence.decimal("claimed", i128::from(claimed.digits), claimed.scale),
                    };
                    evidence
                        .money("ours", ours, currency)
                        .time("at_ms", at_ms)
                        .integer("mismatches", found.mismatches.len() as i64)
                });
            }));
        }
        let whose = (tenant, &*subject, currency);
        payments::push_rows(&found.payments, whose, |row| rows.push((Output::Anomalies, row)));
        rows
    }

    fn velocity(&self, found: &Found) -> Option<(u32, u32)> {
        found.fullest.filter(|&(_, wagers)| wagers > self.settings.velocity_wagers_max)
    }

    fn kinds(&self, found: &Found) -> [(AnomalyKind, bool); 6] {
        [
            (AnomalyKind::Overdraft, found.overdraft.is_some()),
            (AnomalyKind::Velocity, self.velocity(found).is_some()),
            (AnomalyKind::StakeSpike, !found.spikes.is_empty()),
            (AnomalyKind::BalanceMismatch, !found.mismatches.is_empty()),
            (AnomalyKind::DepositThenWithdraw, found.payments.visit.is_some()),
            (AnomalyKind::Structuring, found.payments.structured.is_some()),
        ]
    }

    fn count(&self, found: &Found, sign: i64, out: &mut Reading) {
        for (kind, _) in self.kinds(found).into_iter().filter(|(_, is_found)| *is_found) {
            out.counts.anomalies[kind as usize] += sign;
        }
    }
}

/// The highest score, the earliest of equals.
fn worst(spikes: &[Spike]) -> Option<&Spike> {
    spikes.iter().reduce(|worst, spike| if spike.by_score(worst).is_gt() { spike } else { worst })
}

fn row(write: impl FnOnce(&mut Vec<u8>)) -> (Output, Vec<u8>) {
    let mut text = Vec::with_capacity(256);
    write(&mut text);
    (Output::Anomalies, text)
}

impl Watch for Accounts {
    type Found = Found;
    type Out = Reading;

    fn watch(&self, account: u32, timeline: &mut Timeline, dirty: Dirty, found: &mut Found) {
        let Run { lowest, since_ms, .. } = timeline.run();
        found.overdraft =
            lowest.zip(since_ms).map(|((lowest, lowest_at_ms), since_ms)| (lowest, lowest_at_ms, since_ms));
        self.watch_velocity(timeline, dirty, found);
        self.watch_stakes(timeline, dirty, found);
        self.watch_claims(account, timeline, dirty, found);
        self.watch_payments(account, timeline, dirty, found);
    }

    fn tell(&mut self, account: u32, before: &Found, after: &Found, tick: Tick, out: &mut Reading) {
        self.count(before, -1, out);
        self.count(after, 1, out);
        let (before, after) = (self.rows(account, before), self.rows(account, after));
        for (rows, others, diff) in [(&before, &after, -1), (&after, &before, 1)] {
            for (output, row) in rows.iter().filter(|row| !others.contains(row)) {
                out.changes.push(*output, tick, diff, |text| text.extend_from_slice(row));
            }
        }
    }

    fn rest(&mut self, account: u32, found: &Found, out: &mut Reading) {
        if !self.settings.wanted.changes {
            self.count(found, 1, out);
        }
        out.rest.loose.extend(&self.rows(account, found));
    }

    fn horizon(&self, now: Tick) -> (u64, Tick) {
        let horizon_ms = self.settings.horizon_ms;
        (now.saturating_sub(horizon_ms), (horizon_ms / 16).max(1))
    }

    fn is_full(out: &Reading) -> bool {
        out.bytes() > 1 << 18
    }
}
