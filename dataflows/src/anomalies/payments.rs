//! Deposits that leave again, and large payments in parts.

use gyre_domain::currency::Currency;
use gyre_domain::integrity::payments::{Suspicions, Terms};
use gyre_domain::rules::Thresholds;
use gyre_domain::time::GamingDays;

use crate::ops::timeline_by_key::{Dirty, Timeline};
use crate::rows::AnomalyKind;

/// A quarter of an hour, of which all days are made.
const QUARTER_MS: u64 = 900_000;

/// The thresholds in a currency.
pub(super) fn terms(thresholds: &Thresholds, currency: Currency) -> Terms {
    let minor = |major: u64| i128::from(major) * 10i128.pow(currency.exponent().into());
    Terms {
        turnover_ratio_min: thresholds.turnover_ratio_min,
        turnover_deposits_min: minor(thresholds.turnover_deposits_min),
        structuring_limit: minor(thresholds.structuring_limit),
    }
}

/// Looks at an account's payments afresh, where it has any.
pub(super) fn watch(timeline: &mut Timeline, dirty: Dirty, terms: &Terms, days: &GamingDays) -> Suspicions {
    let Some(mut payments) = timeline.payments.take() else { return Suspicions::default() };
    let day_of = |at_ms: u64| days.day_of((at_ms / QUARTER_MS) as u32);
    let found = payments.watch(dirty.from_ms, terms, |at_ms| timeline.staked_through(at_ms), day_of);
    timeline.payments = Some(payments);
    found
}

/// Writes the rows of what was found.
pub(super) fn push_rows(
    found: &Suspicions,
    (tenant, subject, currency): (&str, &str, Currency),
    mut push: impl FnMut(Vec<u8>),
) {
    if let Some((visit, withdrawals)) = &found.visit {
        let mut row = Vec::with_capacity(256);
        AnomalyKind::DepositThenWithdraw.push(&mut row, tenant, subject, Some(visit.at_ms), |evidence| {
            evidence
                .time("at_ms", visit.at_ms)
                .money("deposited", visit.deposited(), currency)
                .money("withdrawn", i128::from(visit.withdrawn), currency)
                .money("staked", visit.staked(), currency)
                .decimal("ratio", visit.ratio_ten_thousandths(), 4)
                .integer("withdrawals", *withdrawals as i64)
        });
        push(row);
    }
    if let Some((parts, days)) = &found.structured {
        let mut row = Vec::with_capacity(256);
        AnomalyKind::Structuring.push(&mut row, tenant, subject, Some(parts.first_ms), |evidence| {
            evidence
                .text("day", &GamingDays::text(parts.day))
                .text("kind", if parts.deposits { "deposit" } else { "withdrawal" })
                .integer("payments", i64::from(parts.payments))
                .money("sum", parts.sum, currency)
                .money("largest", i128::from(parts.largest), currency)
                .integer("days", *days as i64)
        });
        push(row);
    }
}
