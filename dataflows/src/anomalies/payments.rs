//! Deposits that leave again, and large payments in parts.

use gyre_domain::anomaly::AnomalyKind;
use gyre_domain::currency::Currency;
use gyre_domain::integrity::payments::{Limit, Suspicions, TermsByTime, Turnover};
use gyre_domain::time::GamingDays;

use crate::ops::timeline_by_key::{Dirty, Timeline};
use crate::rows::Object;
use crate::rulebook::{InForce, Rulebook};

/// A quarter of an hour, of which all days are made.
const QUARTER_MS: u64 = 900_000;

/// The rules for an account's payments, in its currency.
pub(super) struct Terms<'b> {
    turnover: InForce<'b>,
    structuring: InForce<'b>,
    rules: &'b Rulebook,
    minor: i128,
    days: &'b GamingDays,
}

impl<'b> Terms<'b> {
    /// A tenant's, in a currency.
    pub(super) fn new(rules: &'b Rulebook, tenant: &str, currency: Currency, days: &'b GamingDays) -> Self {
        Self {
            turnover: rules.of(tenant, AnomalyKind::DepositThenWithdraw),
            structuring: rules.of(tenant, AnomalyKind::Structuring),
            rules,
            minor: 10i128.pow(currency.exponent().into()),
            days,
        }
    }
}

impl TermsByTime for Terms<'_> {
    fn turnover(&self, at_ms: u64) -> Turnover {
        let rule = self.turnover.at(at_ms);
        let [ratio_min, deposits_min, _] = self.rules.ruling(rule).bounds;
        Turnover { ratio_min, deposits_min: i128::from(deposits_min) * self.minor, rule }
    }

    /// A gaming day goes by the rule of its start.
    fn limit(&self, at_ms: u64) -> Limit {
        let is_config = self.structuring.is_config();
        let start_ms = if is_config { at_ms } else { self.days.start_ms((at_ms / QUARTER_MS) as u32) };
        let rule = self.structuring.at(start_ms);
        Limit { limit: i128::from(self.rules.ruling(rule).bounds[0]) * self.minor, rule }
    }
}

/// Looks at an account's payments afresh, where it has any.
pub(super) fn watch(
    timeline: &mut Timeline,
    dirty: Dirty,
    terms: &Terms<'_>,
    days: &GamingDays,
) -> Suspicions {
    let Some(mut payments) = timeline.payments.take() else { return Suspicions::default() };
    let day_of = |at_ms: u64| days.day_of((at_ms / QUARTER_MS) as u32);
    let found = payments.watch(dirty.from_ms, terms, |at_ms| timeline.staked_through(at_ms), day_of);
    timeline.payments = Some(payments);
    found
}

/// The figures that explain what was found.
pub(super) fn evidence_of<'o>(
    kind: AnomalyKind,
    found: &Suspicions,
    currency: Currency,
    evidence: Object<'o>,
) -> Object<'o> {
    match (kind, &found.visit, &found.structured) {
        (AnomalyKind::DepositThenWithdraw, Some((visit, withdrawals)), _) => evidence
            .time("at_ms", visit.at_ms)
            .money("deposited", visit.deposited(), currency)
            .money("withdrawn", i128::from(visit.withdrawn), currency)
            .money("staked", visit.staked(), currency)
            .decimal("ratio", visit.ratio_ten_thousandths(), 4)
            .integer("withdrawals", *withdrawals as i64),
        (AnomalyKind::Structuring, _, Some((parts, days))) => evidence
            .text("day", &GamingDays::text(parts.day))
            .text("kind", if parts.deposits { "deposit" } else { "withdrawal" })
            .integer("payments", i64::from(parts.payments))
            .money("sum", parts.sum, currency)
            .money("largest", i128::from(parts.largest), currency)
            .integer("days", *days as i64),
        _ => evidence,
    }
}
