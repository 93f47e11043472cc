//! Rules in force: what an anomaly of a kind is judged by, for a tenant, at a time.
//!
//! ```text
//! standing rules rows ──┬──▶ rulebook of who picks rules by the time of what is judged
//!                       └─ as their time comes ──▶ rulebook of who judges a whole history
//! ```
//! Of the rows whose time is not after the one asked for, the one with the greatest (`effective_from_ms`, `rule`)
//! holds; without one, the config. Where no row is there at all, nothing is looked up.

use std::collections::BTreeMap;

use gyre_domain::anomaly::{AnomalyKind, Bounds};
use gyre_domain::records::{Action, Rule};
use serde::{Deserialize, Serialize};

use crate::Tick;

/// What the config says, by kind.
pub type Config = [Configured; AnomalyKind::ALL.len()];

/// What the config says of a kind.
#[derive(Clone, Copy, Default, Debug)]
pub struct Configured {
    /// The thresholds.
    pub bounds: Bounds,
    /// Payouts are held while an anomaly stands.
    pub holds: bool,
}

/// A standing rules row, as every worker holds it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct RuleRow {
    /// Whose.
    pub tenant: Box<str>,
    /// What it judges.
    pub kind: AnomalyKind,
    /// In force from here on.
    pub effective_from_ms: u64,
    /// As written: rows of one time go by it.
    rule: Box<str>,
    /// What it says.
    ruling: Ruling,
}

/// A row that stands (1) or stands no more (−1).
pub type RuleChange = (RuleRow, Tick, isize);

impl RuleRow {
    /// Of a standing record.
    pub fn of(rule: &Rule<'_>) -> Self {
        Self {
            tenant: (*rule.origin.tenant).into(),
            kind: rule.kind,
            effective_from_ms: rule.effective_from_ms,
            rule: (*rule.rule).into(),
            ruling: Ruling {
                version: rule.version().into(),
                bounds: rule.bounds(),
                holds: rule.action == Action::Hold,
            },
        }
    }

    /// Whether payouts are held by it.
    pub fn holds(&self) -> bool {
        self.ruling.holds
    }
}

/// What something is judged by.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Ruling {
    /// As anomalies say it.
    pub version: Box<str>,
    /// The thresholds.
    pub bounds: Bounds,
    /// Payouts are held while an anomaly stands by it.
    pub holds: bool,
}

/// The number of a ruling within a book: equal rulings have one number.
pub type Number = u32;

/// The rows of a tenant and kind: from when on, by which text, what.
type Rows = Vec<(u64, Box<str>, Number)>;

/// A stretch of time: from its first millisecond until before its last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// From here on.
    pub from_ms: u64,
    /// Until before this; `u64::MAX` for good.
    pub until_ms: u64,
}

/// See the module.
#[derive(Clone, Serialize, Deserialize)]
pub struct Rulebook {
    rulings: Vec<Ruling>,
    tenants: BTreeMap<Box<str>, BTreeMap<AnomalyKind, Rows>>,
}

impl Rulebook {
    /// A book with nothing but the config.
    pub fn new(config: &Config) -> Self {
        let ruling = |(kind, config): (AnomalyKind, &Configured)| Ruling {
            version: format!("{}/1", kind.name()).into(),
            bounds: config.bounds,
            holds: config.holds,
        };
        Self {
            rulings: AnomalyKind::ALL.into_iter().zip(config).map(ruling).collect(),
            tenants: BTreeMap::new(),
        }
    }

    /// Whether there is nothing but the config.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.tenants.is_empty()
    }

    /// The rules of a tenant for a kind.
    #[inline]
    pub fn of(&self, tenant: &str, kind: AnomalyKind) -> InForce<'_> {
        let rows = if self.tenants.is_empty() {
            None
        } else {
            self.tenants.get(tenant).and_then(|kinds| kinds.get(&kind))
        };
        InForce { rows: rows.map_or(&[], Vec::as_slice), config: kind as Number, book: self }
    }

    /// What a number stands for.
    pub fn ruling(&self, number: Number) -> &Ruling {
        &self.rulings[number as usize]
    }

    /// Takes a row in, or out; says for which time that changes something.
    pub fn take(&mut self, row: &RuleRow, diff: isize) -> Span {
        let number = self.number(&row.ruling);
        let kinds = self.tenants.entry(row.tenant.clone()).or_default();
        let rows = kinds.entry(row.kind).or_default();
        let entry = (row.effective_from_ms, row.rule.clone(), number);
        let at = rows.partition_point(|other| *other < entry);
        if diff > 0 {
            rows.insert(at, entry);
        } else if rows.get(at) == Some(&entry) {
            rows.remove(at);
        }
        let later = rows.iter().find(|other| other.0 > row.effective_from_ms);
        let span = Span { from_ms: row.effective_from_ms, until_ms: later.map_or(u64::MAX, |later| later.0) };
        if rows.is_empty() {
            kinds.remove(&row.kind);
        }
        if kinds.is_empty() {
            self.tenants.remove(&row.tenant);
        }
        span
    }

    fn number(&mut self, ruling: &Ruling) -> Number {
        let found = self.rulings.iter().position(|other| other == ruling);
        found.unwrap_or_else(|| {
            self.rulings.push(ruling.clone());
            self.rulings.len() - 1
        }) as Number
    }
}

/// The rules of a tenant for a kind.
#[derive(Clone, Copy)]
pub struct InForce<'b> {
    rows: &'b [(u64, Box<str>, Number)],
    config: Number,
    book: &'b Rulebook,
}

impl<'b> InForce<'b> {
    /// What holds at a time.
    #[inline]
    pub fn at(&self, ms: u64) -> Number {
        self.rows.iter().rev().find(|row| row.0 <= ms).map_or(self.config, |row| row.2)
    }

    /// What holds after all others.
    pub fn newest(&self) -> Number {
        self.rows.last().map_or(self.config, |row| row.2)
    }

    /// The thresholds at a time.
    #[inline]
    pub fn bounds_at(&self, ms: u64) -> &'b Bounds {
        &self.book.ruling(self.at(ms)).bounds
    }

    /// Whether there is only the config.
    #[inline]
    pub fn is_config(&self) -> bool {
        self.rows.is_empty()
    }

    /// Stretches of time with what holds in them, in order.
    pub fn spans(&self) -> impl Iterator<Item = (Span, Number)> + use<'b> {
        let rows = self.rows;
        let starts = std::iter::once((0, self.config)).chain(rows.iter().map(|row| (row.0, row.2)));
        let ends = rows.iter().map(|row| row.0).chain([u64::MAX]);
        let spans = starts.zip(ends);
        spans
            .map(|((from_ms, number), until_ms)| (Span { from_ms, until_ms }, number))
            .filter(|(span, _)| span.from_ms < span.until_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(rule: &str, effective_from_ms: u64, wagers_max: u64) -> RuleRow {
        let ruling = Ruling { version: rule.into(), bounds: [60_000, wagers_max, 0], holds: false };
        RuleRow {
            tenant: "t".into(),
            kind: AnomalyKind::Velocity,
            effective_from_ms,
            rule: rule.into(),
            ruling,
        }
    }

    #[test]
    fn the_latest_holds_and_of_one_time_the_greatest() {
        let mut book = Rulebook::new(&Config::default());
        let says = |book: &Rulebook, tenant: &str, ms: u64| {
            book.ruling(book.of(tenant, AnomalyKind::Velocity).at(ms)).version.to_string()
        };
        assert_eq!(says(&book, "t", 5), "velocity/1");
        let span = |from_ms, until_ms| Span { from_ms, until_ms };
        assert_eq!(book.take(&row("velocity/b", 10, 1), 1), span(10, u64::MAX));
        assert_eq!(book.take(&row("velocity/a", 10, 2), 1), span(10, u64::MAX));
        assert_eq!(book.take(&row("velocity", 5, 3), 1), span(5, 10));
        let at = [4, 5, 9, 10, 11].map(|ms| says(&book, "t", ms));
        assert_eq!(at, ["velocity/1", "velocity", "velocity", "velocity/b", "velocity/b"]);
        assert_eq!(says(&book, "other", 11), "velocity/1");
        let spans: Vec<_> = book.of("t", AnomalyKind::Velocity).spans().collect();
        let froms: Vec<(u64, u64)> = spans.iter().map(|(span, _)| (span.from_ms, span.until_ms)).collect();
        assert_eq!(froms, [(0, 5), (5, 10), (10, u64::MAX)]);
        assert_eq!(book.take(&row("velocity/b", 10, 1), -1), span(10, u64::MAX));
        assert_eq!(says(&book, "t", 11), "velocity/a");
        book.take(&row("velocity", 5, 3), -1);
        book.take(&row("velocity/a", 10, 2), -1);
        assert!(book.of("t", AnomalyKind::Velocity).is_config());
        assert!(book.tenants.is_empty());
    }
}
