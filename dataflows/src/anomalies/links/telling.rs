//! Rows of linked accounts and of what they do together.

use std::collections::BTreeMap;

use gyre_domain::cover::Cover;
use gyre_domain::currency::Currency;
use serde::{Deserialize, Serialize};

use super::components::{LISTED, Part, Told};
use crate::Tick;
use crate::checkpoint::{Damage, Entries, Out, Saved, Whose};
use crate::ops::by_tick::ByTick;
use crate::rows::{Anomaly, AnomalyKind, Object, Output, Wanted, push_string, write};
use crate::rulebook::Ruling;
use crate::seams::{Found, Ground, HoldTarget, Means, Named};

/// What is told.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Line {
    /// An anomaly's row.
    Row(AnomalyKind, Vec<u8>),
    /// A ground on which a rule holds payouts.
    Ground(HoldTarget),
}

/// The row of a component; one account is linked to nobody.
pub fn linked_accounts(told: &Told, ruling: &Ruling) -> Option<Line> {
    let first = told.first(Part::Account).first().filter(|_| told.count(Part::Account) > 1)?;
    let row = write(|out| {
        let (tenant, subject) = (first.tenant(), first.text());
        let anomaly = Anomaly { kind: AnomalyKind::LinkedAccounts, tenant, subject, at_ms: None };
        anomaly.push(out, &ruling.version, |evidence| {
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
    Some(Line::Row(AnomalyKind::LinkedAccounts, row))
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
pub fn opposite_betting(covered: &Covered<'_>, ruling: &Ruling) -> Option<Line> {
    let first = covered.accounts.first()?;
    let currency = covered.currency;
    let subject = format!("{}/{}", first.text(), currency.code());
    let row = write(|out| {
        let (kind, tenant) = (AnomalyKind::OppositeBetting, first.tenant());
        let anomaly = Anomaly { kind, tenant, subject: &subject, at_ms: Some(covered.first_at_ms) };
        anomaly.push(out, &ruling.version, |evidence| {
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
    Some(Line::Row(AnomalyKind::OppositeBetting, row))
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
    standing: BTreeMap<Line, isize>,
    /// What stood at a checkpoint is handed in again: it was told.
    told_through: Option<Tick>,
}

impl Teller {
    /// A teller of nothing yet.
    pub fn new(wanted: Wanted) -> Self {
        Self { wanted, standing: BTreeMap::new(), told_through: None }
    }

    fn tell(&self, line: &Line, tick: Tick, diff: isize, out: &mut Found) {
        let (kind, row) = match line {
            Line::Row(kind, row) => (*kind, row),
            &Line::Ground(target) => return out.grounds.push(Ground { target, tick, diff }),
        };
        out.told.counts.anomalies[kind as usize] += diff as i64;
        if self.wanted.changes {
            let changes = &mut out.told.changes;
            changes.push(Output::Anomalies, tick, diff as i64, |text| text.extend_from_slice(row));
        }
    }
}

/// Nothing but that there was a checkpoint: what stands follows from what is handed in.
impl Saved for Teller {
    fn save(&mut self, _at: Tick, out: &mut Out<'_>) {
        out.put(Whose::Same, &());
    }

    fn load(&mut self, at: Tick, _part: &mut Entries<'_>) -> Result<(), Damage> {
        self.told_through = Some(at);
        Ok(())
    }
}

impl ByTick for Teller {
    type In = (Line, Tick, isize);
    type Side = ();
    type Out = Found;

    fn tick(update: &Self::In) -> Tick {
        update.1
    }

    fn work(&mut self, tick: Tick, updates: &[Self::In], out: &mut Found) {
        let mut net: BTreeMap<&Line, isize> = BTreeMap::new();
        for (line, _, diff) in updates {
            *net.entry(line).or_default() += diff;
        }
        let was_told = self.told_through.is_some_and(|through| tick <= through);
        for (line, diff) in net.into_iter().filter(|(_, diff)| *diff != 0) {
            if !was_told {
                self.tell(line, tick, diff, out);
            }
            let Line::Row(..) = line else { continue };
            let standing = self.standing.entry(line.clone()).or_default();
            *standing += diff;
            if *standing == 0 {
                self.standing.remove(line);
            }
        }
    }

    fn forget_through(&mut self, _now: Tick, _out: &mut Found) {}

    fn rest(&mut self, out: &mut Found) -> bool {
        for line in self.standing.keys() {
            let Line::Row(_, row) = line else { continue };
            out.told.rest.loose.push(Output::Anomalies, 0, 1, |text| text.extend_from_slice(row));
        }
        true
    }

    fn is_full(out: &Found) -> bool {
        out.told.bytes() > 1 << 20
    }
}
