//! What looks wrong in the order of an account's events.
//!
//! Each window, stake, withdrawal and day is judged by the rule of its own time; what was found keeps the number of
//! that rule, so that another rule is another finding.

use std::cell::RefCell;
use std::rc::Rc;

use gyre_domain::anomaly::AnomalyKind;
use gyre_domain::currency::Currency;
use gyre_domain::integrity::payments::Suspicions;
use gyre_domain::integrity::{BASELINE, Baseline, Spike};
use gyre_domain::money::Quantity;
use serde::{Deserialize, Serialize};

use super::payments;
use crate::Tick;
use crate::checkpoint::Whose;
use crate::graph::Settings;
use crate::names::Names;
use crate::ops::timeline_by_key::{Dirty, MINUTE_MS, Run, Timeline, Watch};
use crate::rows::{Anomaly, Object, Output};
use crate::rulebook::{InForce, Number, RuleRow, Rulebook, Span};
use crate::seams::{AT_END, Found, HoldTarget};

/// Watches the accounts of a worker.
pub(super) struct Accounts {
    names: Rc<RefCell<Names>>,
    settings: Settings,
    rules: Rulebook,
    /// Whose rules have just changed, and for which time.
    changed: Vec<(RuleRow, Span)>,
}

/// What looks wrong with an account.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Looks {
    overdraft: Option<Overdraft>,
    /// The fullest of the windows with too many wagers.
    fullest: Option<Window>,
    /// Stakes far above the habit, in order.
    spikes: Vec<(Spike, Number)>,
    mismatches: Vec<Mismatch>,
    /// What its deposits and withdrawals look like.
    payments: Suspicions,
}

/// The balance was below zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Overdraft {
    lowest: i128,
    lowest_at_ms: u64,
    since_ms: u64,
    rule: Number,
}

/// A window with too many wagers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Window {
    /// Its first minute.
    start: u32,
    wagers: u32,
    rule: Number,
}

impl Window {
    fn is_fuller(&self, other: &Self) -> bool {
        self.wagers > other.wagers || self.wagers == other.wagers && self.start < other.start
    }

    fn start_ms(&self) -> u64 {
        u64::from(self.start) * MINUTE_MS
    }
}

/// The provider's balance is not ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Mismatch {
    at_ms: u64,
    claimed: Quantity,
    ours: i128,
    rule: Number,
}

impl Accounts {
    /// Of the accounts with these names.
    pub(super) fn new(names: &Rc<RefCell<Names>>, settings: &Settings) -> Self {
        let rules = Rulebook::new(&settings.config);
        Self { names: Rc::clone(names), settings: settings.clone(), rules, changed: Vec::new() }
    }

    /// The rules for an account. Its tenant is looked up only where there are any.
    fn rules_for<R>(&self, account: u32, kind: AnomalyKind, judge: impl FnOnce(InForce<'_>) -> R) -> R {
        if self.rules.is_empty() {
            return judge(self.rules.of("", kind));
        }
        judge(self.rules.of(self.names.borrow().account(account).0, kind))
    }

    fn watch_balance(&self, account: u32, timeline: &mut Timeline, looks: &mut Looks) {
        let Run { lowest, since_ms, .. } = timeline.run();
        looks.overdraft = lowest.zip(since_ms).map(|((lowest, lowest_at_ms), since_ms)| {
            let rule = self.rules_for(account, AnomalyKind::Overdraft, |rules| rules.at(since_ms));
            Overdraft { lowest, lowest_at_ms, since_ms, rule }
        });
    }

    fn watch_velocity(&self, account: u32, timeline: &Timeline, dirty: Dirty, looks: &mut Looks) {
        if dirty.shrank {
            let forgotten_ms = timeline.forgotten_before_ms();
            looks.fullest = looks.fullest.filter(|window| window.start_ms() < forgotten_ms);
        }
        self.rules_for(account, AnomalyKind::Velocity, |rules| {
            for (span, rule) in rules.spans() {
                self.watch_windows(timeline, dirty, (span, rule), looks);
            }
        });
    }

    /// Windows that begin in a stretch of time are judged by one rule.
    fn watch_windows(
        &self,
        timeline: &Timeline,
        dirty: Dirty,
        (span, rule): (Span, Number),
        looks: &mut Looks,
    ) {
        let [window_ms, wagers_max, _] = self.rules.ruling(rule).bounds;
        let minutes = (window_ms / MINUTE_MS).max(1) as u32;
        let minute_of = |ms: u64| u32::try_from(ms / MINUTE_MS).unwrap_or(u32::MAX);
        let (mut first, mut last) = (minute_of(span.from_ms.next_multiple_of(MINUTE_MS)), u32::MAX);
        if span.until_ms < u64::MAX {
            // The last minute that begins before its end.
            let Some(before) = span.until_ms.div_ceil(MINUTE_MS).checked_sub(1) else { return };
            last = minute_of(before * MINUTE_MS);
        }
        if !dirty.shrank {
            first = first.max(minute_of(dirty.from_ms).saturating_sub(minutes - 1));
            last = last.min(minute_of(dirty.to_ms));
        }
        let Some((start, wagers)) = timeline.fullest(minutes, first..=last) else { return };
        let window = Window { start, wagers, rule };
        let is_fuller = looks.fullest.is_none_or(|fullest| window.is_fuller(&fullest));
        if u64::from(wagers) > wagers_max && is_fuller {
            looks.fullest = Some(window);
        }
    }

    fn watch_stakes(&self, account: u32, timeline: &mut Timeline, dirty: Dirty, looks: &mut Looks) {
        let mut baseline = Baseline::of(timeline.stakes_before(dirty.from_ms));
        let later = looks.spikes.partition_point(|(spike, _)| spike.at_ms < dirty.from_ms);
        let old = looks.spikes.split_off(later);
        let mut beyond = 0;
        let mut end_ms = u64::MAX;
        self.rules_for(account, AnomalyKind::StakeSpike, |rules| {
            for (at_ms, stake) in timeline.stakes_from(dirty.from_ms) {
                if at_ms >= end_ms {
                    break;
                }
                let rule = rules.at(at_ms);
                let [score_max, wagers_min, _] = self.rules.ruling(rule).bounds;
                if baseline.len() as u64 >= wagers_min {
                    let spike = baseline.measure(at_ms, stake, score_max as u32);
                    looks.spikes.extend(spike.map(|spike| (spike, rule)));
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
        });
        looks.spikes.extend(old.into_iter().filter(|(spike, _)| spike.at_ms >= end_ms));
    }

    fn watch_claims(&self, account: u32, timeline: &mut Timeline, dirty: Dirty, looks: &mut Looks) {
        let later = looks.mismatches.partition_point(|mismatch| mismatch.at_ms < dirty.from_ms);
        looks.mismatches.truncate(later);
        let judged = timeline.claims_from(dirty.from_ms);
        if judged.is_empty() {
            return;
        }
        let exponent = self.names.borrow().account(account).2.exponent();
        let agrees = |claimed: Quantity, ours: i128| claimed.minor(exponent).map(i128::from) == Some(ours);
        self.rules_for(account, AnomalyKind::BalanceMismatch, |rules| {
            let wrong = judged.into_iter().filter(|&(_, claimed, ours)| !agrees(claimed, ours));
            looks.mismatches.extend(wrong.map(|(at_ms, claimed, ours)| Mismatch {
                at_ms,
                claimed,
                ours,
                rule: rules.at(at_ms),
            }));
        });
    }

    fn watch_payments(&self, account: u32, timeline: &mut Timeline, dirty: Dirty, looks: &mut Looks) {
        if timeline.payments.is_none() {
            return;
        }
        let names = self.names.borrow();
        let (tenant, _, currency) = names.account(account);
        let days = &self.settings.gaming_days;
        let terms = payments::Terms::new(&self.rules, tenant, currency, days);
        looks.payments = payments::watch(timeline, dirty, &terms, days);
    }

    /// The kinds of what was found, each with the rule by which it was judged.
    fn kinds(looks: &Looks) -> impl Iterator<Item = (AnomalyKind, Number)> {
        let payments = &looks.payments;
        [
            (AnomalyKind::Overdraft, looks.overdraft.map(|overdraft| overdraft.rule)),
            (AnomalyKind::Velocity, looks.fullest.map(|window| window.rule)),
            (AnomalyKind::StakeSpike, worst(&looks.spikes).map(|(_, rule)| *rule)),
            (AnomalyKind::BalanceMismatch, looks.mismatches.first().map(|mismatch| mismatch.rule)),
            (AnomalyKind::DepositThenWithdraw, payments.visit.map(|(visit, _)| visit.rule)),
            (AnomalyKind::Structuring, payments.structured.map(|(parts, _)| parts.limit.rule)),
        ]
        .into_iter()
        .filter_map(|(kind, rule)| Some((kind, rule?)))
    }

    /// The rows of what was found.
    fn rows(&self, account: u32, looks: &Looks) -> Vec<(Output, Vec<u8>)> {
        let names = self.names.borrow();
        let (tenant, account, currency) = names.account(account);
        let subject = format!("{account}/{}", currency.code());
        let row = |(kind, rule): (AnomalyKind, Number)| {
            let anomaly = Anomaly { kind, tenant, subject: &subject, at_ms: at_ms(kind, looks) };
            let mut text = Vec::with_capacity(256);
            anomaly.push(&mut text, &self.rules.ruling(rule).version, |evidence| {
                evidence_of(kind, looks, (&self.rules, currency), evidence)
            });
            (Output::Anomalies, text)
        };
        Self::kinds(looks).map(row).collect()
    }

    fn count(&self, looks: &Looks, sign: i64, out: &mut Found) {
        for (kind, _) in Self::kinds(looks) {
            out.told.counts.anomalies[kind as usize] += sign;
        }
    }

    /// Tells on what rules hold the player's payouts.
    fn ground(&self, account: u32, looks: &Looks, tick: Tick, diff: isize, out: &mut Found) {
        for ruling in Self::kinds(looks).map(|(_, rule)| self.rules.ruling(rule)).filter(|it| it.holds) {
            let names = self.names.borrow();
            let (tenant, account, _) = names.account(account);
            out.ground(ruling, HoldTarget::account(&self.settings.keys, tenant, account), tick, diff);
        }
    }
}

/// The highest score, the earliest of equals.
fn worst(spikes: &[(Spike, Number)]) -> Option<&(Spike, Number)> {
    spikes.iter().reduce(|worst, spike| if spike.0.by_score(&worst.0).is_gt() { spike } else { worst })
}

/// When what was found was.
fn at_ms(kind: AnomalyKind, looks: &Looks) -> Option<u64> {
    match kind {
        AnomalyKind::Overdraft => looks.overdraft.map(|overdraft| overdraft.since_ms),
        AnomalyKind::Velocity => looks.fullest.map(|window| window.start_ms()),
        AnomalyKind::StakeSpike => worst(&looks.spikes).map(|(spike, _)| spike.at_ms),
        AnomalyKind::BalanceMismatch => looks.mismatches.first().map(|mismatch| mismatch.at_ms),
        AnomalyKind::DepositThenWithdraw => looks.payments.visit.map(|(visit, _)| visit.at_ms),
        _ => looks.payments.structured.map(|(parts, _)| parts.first_ms),
    }
}

/// The figures that explain what was found.
fn evidence_of<'o>(
    kind: AnomalyKind,
    looks: &Looks,
    (rules, currency): (&Rulebook, Currency),
    evidence: Object<'o>,
) -> Object<'o> {
    match (kind, looks.overdraft, looks.fullest, worst(&looks.spikes), looks.mismatches.first()) {
        (AnomalyKind::Overdraft, Some(overdraft), ..) => evidence
            .money("lowest", overdraft.lowest, currency)
            .time("lowest_at_ms", overdraft.lowest_at_ms)
            .time("since_ms", overdraft.since_ms),
        (AnomalyKind::Velocity, _, Some(window), ..) => evidence
            .time("window_start_ms", window.start_ms())
            .time("window_ms", rules.ruling(window.rule).bounds[0])
            .integer("wagers", i64::from(window.wagers)),
        (AnomalyKind::StakeSpike, _, _, Some((worst, _)), _) => evidence
            .time("at_ms", worst.at_ms)
            .money("stake", i128::from(worst.stake), currency)
            .money("median", i128::from(worst.median), currency)
            .money("mad", i128::from(worst.mad), currency)
            .decimal("score", worst.score_ten_thousandths(), 4)
            .integer("spikes", looks.spikes.len() as i64),
        (AnomalyKind::BalanceMismatch, .., Some(first)) => {
            let evidence = match first.claimed.minor(currency.exponent()) {
                Some(minor) => evidence.money("claimed", i128::from(minor), currency),
                // The currency cannot say it: shown as it was spelt.
                None => evidence.decimal("claimed", i128::from(first.claimed.digits), first.claimed.scale),
            };
            evidence
                .money("ours", first.ours, currency)
                .time("at_ms", first.at_ms)
                .integer("mismatches", looks.mismatches.len() as i64)
        }
        _ => payments::evidence_of(kind, &looks.payments, currency, evidence),
    }
}

impl Watch for Accounts {
    type Found = Looks;
    type Side = RuleRow;
    type Out = Found;
    type Own = Rulebook;

    fn heed(&mut self, side: &[(RuleRow, Tick, isize)]) {
        self.changed.clear();
        // In an order of their own: all workers number rules alike, and what was found keeps numbers.
        let mut side: Vec<_> = side.iter().collect();
        side.sort();
        for (row, _, diff) in side {
            let span = self.rules.take(row, *diff);
            self.changed.push((row.clone(), span));
        }
    }

    fn reach(&self, account: u32) -> Option<Dirty> {
        let names = self.names.borrow();
        let tenant = names.account(account).0;
        let of_tenant = self.changed.iter().filter(|(row, _)| *row.tenant == *tenant);
        let spans = of_tenant.map(|(_, span)| (span.from_ms, span.until_ms));
        let (from_ms, to_ms) = spans.reduce(|all, span| (all.0.min(span.0), all.1.max(span.1)))?;
        Some(Dirty { from_ms, to_ms, shrank: true })
    }

    fn watch(&self, account: u32, timeline: &mut Timeline, dirty: Dirty, looks: &mut Looks) {
        self.watch_balance(account, timeline, looks);
        self.watch_velocity(account, timeline, dirty, looks);
        self.watch_stakes(account, timeline, dirty, looks);
        self.watch_claims(account, timeline, dirty, looks);
        self.watch_payments(account, timeline, dirty, looks);
    }

    fn tell(&mut self, account: u32, before: &Looks, after: &Looks, tick: Tick, out: &mut Found) {
        self.count(before, -1, out);
        self.count(after, 1, out);
        self.ground(account, before, tick, -1, out);
        self.ground(account, after, tick, 1, out);
        let (before, after) = (self.rows(account, before), self.rows(account, after));
        for (rows, others, diff) in [(&before, &after, -1), (&after, &before, 1)] {
            for (output, row) in rows.iter().filter(|row| !others.contains(row)) {
                out.told.changes.push(*output, tick, diff, |text| text.extend_from_slice(row));
            }
        }
    }

    fn rest(&mut self, account: u32, looks: &Looks, out: &mut Found) {
        if !self.settings.wanted.changes {
            self.count(looks, 1, out);
            self.ground(account, looks, AT_END, 1, out);
        }
        out.told.rest.loose.extend(&self.rows(account, looks));
    }

    fn horizon(&self, now: Tick) -> (u64, Tick) {
        let horizon_ms = self.settings.horizon_ms;
        (now.saturating_sub(horizon_ms), (horizon_ms / 16).max(1))
    }

    fn key(&self, account: u32) -> u128 {
        self.names.borrow().key(account)
    }

    fn number(&self, key: u128) -> u32 {
        self.names.borrow_mut().number(key)
    }

    fn own(&self) -> Vec<(Whose, Rulebook)> {
        vec![(Whose::Same, self.rules.clone())]
    }

    fn own_back(&mut self, rules: Rulebook) {
        self.rules = rules;
    }

    fn is_full(out: &Found) -> bool {
        out.told.bytes() > 1 << 18
    }
}
