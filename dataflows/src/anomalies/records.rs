//! What looks wrong with single records, judged: rules say by which version, and whether it holds payouts.
//!
//! Suspicions are few. Those that stand are kept for good, and told as rows at rest at the end: their keys may be
//! forgotten where they were found.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::core::{Concatenate, Map};

use super::Rules;
use crate::Tick;
use crate::checkpoint::{Damage, Entries, Out, Saved, Saving, Whose};
use crate::graph::Settings;
use crate::ops::by_tick::{ByTick, by_tick};
use crate::rows::{Output, Wanted};
use crate::rulebook::{RuleRow, Rulebook, Ruling};
use crate::seams::{Found, Suspicion};

/// Builds this part of the stage.
pub(super) fn build<'s>(
    suspicions: StreamVec<'s, Tick, (Suspicion, Tick, isize)>,
    rules: Rules<'s>,
    settings: &Settings,
    saving: &Saving,
) -> StreamVec<'s, Tick, Found> {
    let standing = rules.standing.map(|(row, tick, diff)| (Heard::Standing(row), tick, diff));
    let in_force = rules.in_force.map(|(row, tick, diff)| (Heard::InForce(row), tick, diff));
    let heard = suspicions.scope().concatenate([standing, in_force]);
    let judge = Judge {
        wanted: settings.wanted,
        standing: Rulebook::new(&settings.config),
        in_force: Rulebook::new(&settings.config),
        suspicions: BTreeMap::new(),
    };
    by_tick(suspicions, heard, Pipeline, saving.op("judge records"), settings.rest_at_end, judge)
}

/// What the judge hears of rules.
#[derive(Clone)]
enum Heard {
    /// A row stands, or no more.
    Standing(RuleRow),
    /// Its time has come too.
    InForce(RuleRow),
}

impl Heard {
    fn row(&self) -> &RuleRow {
        match self {
            Heard::Standing(row) | Heard::InForce(row) => row,
        }
    }
}

struct Judge {
    wanted: Wanted,
    standing: Rulebook,
    in_force: Rulebook,
    /// Those that stand.
    suspicions: BTreeMap<Suspicion, Standing>,
}

/// A suspicion that stands.
#[derive(Clone, Serialize, Deserialize)]
struct Standing {
    count: isize,
    /// What it was told to be judged by.
    ruling: Ruling,
    since: Tick,
}

impl Judge {
    fn ruling(&self, suspicion: &Suspicion) -> &Ruling {
        let Suspicion { tenant, kind, .. } = suspicion;
        match suspicion.at_ms {
            Some(at_ms) => self.standing.ruling(self.standing.of(tenant, *kind).at(at_ms)),
            None => self.in_force.ruling(self.in_force.of(tenant, *kind).newest()),
        }
    }

    fn tell(&self, suspicion: &Suspicion, ruling: &Ruling, tick: Tick, diff: isize, out: &mut Found) {
        suspicion.target.into_iter().for_each(|target| out.ground(ruling, target, tick, diff));
        if self.wanted.changes {
            let row = suspicion.judged(ruling);
            out.told.changes.push(Output::Anomalies, tick, diff as i64, |text| text.extend_from_slice(&row));
        }
    }
}

/// What is saved.
#[derive(Serialize, Deserialize)]
enum Kept {
    Rules { standing: Rulebook, in_force: Rulebook },
    Suspicion(Suspicion, Standing),
}

impl Saved for Judge {
    fn save(&mut self, _at: Tick, out: &mut Out<'_>) {
        let (standing, in_force) = (self.standing.clone(), self.in_force.clone());
        out.put(Whose::Same, &Kept::Rules { standing, in_force });
        for (suspicion, standing) in &self.suspicions {
            let kept = Kept::Suspicion(suspicion.clone(), standing.clone());
            out.put(Whose::Owner(suspicion.key), &kept);
        }
    }

    fn load(&mut self, _at: Tick, part: &mut Entries<'_>) -> Result<(), Damage> {
        while let Some(kept) = part.read()? {
            match kept {
                Kept::Rules { standing, in_force } => (self.standing, self.in_force) = (standing, in_force),
                Kept::Suspicion(suspicion, standing) => _ = self.suspicions.insert(suspicion, standing),
            }
        }
        Ok(())
    }
}

impl ByTick for Judge {
    type In = (Suspicion, Tick, isize);
    type Side = Heard;
    type Out = Found;

    fn tick(update: &Self::In) -> Tick {
        update.1
    }

    fn heed(&mut self, tick: Tick, heard: &[(Heard, Tick, isize)], out: &mut Found) {
        for (heard, _, diff) in heard {
            match heard {
                Heard::Standing(row) => self.standing.take(row, *diff),
                Heard::InForce(row) => self.in_force.take(row, *diff),
            };
        }
        let is_of = |suspicion: &Suspicion, row: &RuleRow| {
            (&suspicion.tenant, suspicion.kind) == (&row.tenant, row.kind)
        };
        let mut suspicions = std::mem::take(&mut self.suspicions);
        for (suspicion, Standing { ruling, .. }) in &mut suspicions {
            if !heard.iter().any(|(heard, ..)| is_of(suspicion, heard.row())) {
                continue;
            }
            let after = self.ruling(suspicion).clone();
            if after != *ruling {
                self.tell(suspicion, ruling, tick, -1, out);
                self.tell(suspicion, &after, tick, 1, out);
                *ruling = after;
            }
        }
        self.suspicions = suspicions;
    }

    fn work(&mut self, tick: Tick, updates: &[Self::In], out: &mut Found) {
        let mut net: BTreeMap<&Suspicion, isize> = BTreeMap::new();
        for (suspicion, _, diff) in updates {
            *net.entry(suspicion).or_default() += diff;
        }
        for (suspicion, diff) in net.into_iter().filter(|(_, diff)| *diff != 0) {
            let new = || Standing { count: 0, ruling: self.ruling(suspicion).clone(), since: tick };
            let mut standing = self.suspicions.get(suspicion).cloned().unwrap_or_else(new);
            let stood = standing.count > 0;
            standing.count += diff;
            if stood != (standing.count > 0) {
                self.tell(suspicion, &standing.ruling, tick, if stood { -1 } else { 1 }, out);
            }
            if standing.count == 0 {
                self.suspicions.remove(suspicion);
            } else {
                self.suspicions.insert(suspicion.clone(), standing);
            }
        }
    }

    fn forget_through(&mut self, _now: Tick, _out: &mut Found) {}

    fn rest(&mut self, out: &mut Found) -> bool {
        // Of a record that came again after it was forgotten, the later one stands.
        let mut suspicions: Vec<_> = self.suspicions.iter().collect();
        suspicions.sort_by_key(|(_, standing)| standing.since);
        for (suspicion, Standing { ruling, .. }) in suspicions {
            let row = suspicion.judged(ruling);
            out.told.rest.loose.push(Output::Anomalies, 0, 1, |text| text.extend_from_slice(&row));
        }
        true
    }

    fn is_full(out: &Found) -> bool {
        out.told.bytes() > 1 << 20
    }
}
