//! Rows of linked accounts and of what they do together.

use std::collections::BTreeMap;

use gyre_domain::cover::Cover;
use gyre_domain::currency::Currency;

use super::components::{LISTED, Part, Told};
use crate::Tick;
use crate::ops::by_tick::ByTick;
use crate::rows::{AnomalyKind, Object, Output, Wanted, push_string, write};
use crate::seams::{Means, Named, Reading};

/// An anomaly and its row.
pub type Row = (AnomalyKind, Vec<u8>);

/// The row of a component; one account is linked to nobody.
pub fn linked_accounts(told: &Told) -> Option<Row> {
    let first = told.first(Part::Account).first().filter(|_| told.count(Part::Account) > 1)?;
    let row = write(|out| {
        AnomalyKind::LinkedAccounts.push(out, first.tenant(), first.text(), None, |evidence| {
            let parts = [
                ("accounts", Part::Account),
                ("devices", Part::Shared(Means::Device)),
                ("instruments", Part::Shared(Means::Instrument)),
            ];
            parts.iter().fold(evidence, |evidence, &(name, part)| {
                list(evidence, name, told.first(part).iter())
                    .integer(&format!("{name}_count"), told.count(part) as i64)
            })
        });
    });
    Some((AnomalyKind::LinkedAccounts, row))
}

/// The rounds in which a group's bets covered each other.
pub struct Covered<'a> {
    /// Whose bets they were, in order.
    pub accounts: &'a [&'a Named],
    /// All of them, summed.
    pub cover: Cover,
    /// Of the money.
    pub currency: Currency,
    /// How many rounds.
    pub rounds: usize,
    /// When the first wager of the first was placed.
    pub first_at_ms: u64,
    /// The same of the last.
    pub last_at_ms: u64,
}

/// The row of a group whose bets cover each other.
pub fn opposite_betting(covered: &Covered<'_>) -> Option<Row> {
    let first = covered.accounts.first()?;
    let currency = covered.currency;
    let subject = format!("{}/{}", first.text(), currency.code());
    let row = write(|out| {
        let at_ms = Some(covered.first_at_ms);
        AnomalyKind::OppositeBetting.push(out, first.tenant(), &subject, at_ms, |evidence| {
            list(evidence, "accounts", covered.accounts.iter().copied().take(LISTED))
                .integer("accounts_count", covered.accounts.len() as i64)
                .integer("rounds", covered.rounds as i64)
                .integer("wagers", covered.cover.wagers as i64)
                .money("staked", covered.cover.staked, currency)
                .money("returned", covered.cover.returned, currency)
                .optional_decimal("net_exposure", covered.cover.exposure_ten_thousandths(), 4)
                .time("first_round_at_ms", covered.first_at_ms)
                .time("last_round_at_ms", covered.last_at_ms)
        });
    });
    Some((AnomalyKind::OppositeBetting, row))
}

fn list<'o, 'n>(evidence: Object<'o>, name: &str, names: impl Iterator<Item = &'n Named>) -> Object<'o> {
    evidence.raw(name, |out| {
        out.push(b'[');
        for (number, name) in names.enumerate() {
            if number > 0 {
                out.push(b',');
            }
            push_string(out, name.text());
        }
        out.push(b']');
    })
}

/// Tells rows that come and go, and at the end those that stand.
pub struct Teller {
    wanted: Wanted,
    standing: BTreeMap<Row, isize>,
}

impl Teller {
    /// A teller of nothing yet.
    pub fn new(wanted: Wanted) -> Self {
        Self { wanted, standing: BTreeMap::new() }
    }
}

impl ByTick for Teller {
    type In = (Row, Tick, isize);
    type Out = Reading;

    fn tick(update: &Self::In) -> Tick {
        update.1
    }

    fn work(&mut self, tick: Tick, updates: &[Self::In], out: &mut Reading) {
        let mut net: BTreeMap<&Row, isize> = BTreeMap::new();
        for (row, _, diff) in updates {
            *net.entry(row).or_default() += diff;
        }
        for (row, diff) in net.into_iter().filter(|(_, diff)| *diff != 0) {
            out.counts.anomalies[row.0 as usize] += diff as i64;
            if self.wanted.changes {
                out.changes.push(Output::Anomalies, tick, diff as i64, |text| text.extend_from_slice(&row.1));
            }
            let standing = self.standing.entry(row.clone()).or_default();
            *standing += diff;
            if *standing == 0 {
                self.standing.remove(row);
            }
        }
    }

    fn forget_through(&mut self, _now: Tick, _out: &mut Reading) {}

    fn rest(&mut self, out: &mut Reading) -> bool {
        for (_, row) in self.standing.keys() {
            out.rest.loose.push(Output::Anomalies, 0, 1, |text| text.extend_from_slice(row));
        }
        true
    }

    fn is_full(out: &Reading) -> bool {
        out.bytes() > 1 << 20
    }
}
