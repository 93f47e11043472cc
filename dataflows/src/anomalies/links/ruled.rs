//! What is judged by the newest rule of its tenant.

use std::collections::BTreeMap;
use std::sync::Arc;

use differential_dataflow::{AsCollection, VecCollection};
use gyre_domain::anomaly::AnomalyKind;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::core::{Filter, Map};

use super::components::{Part, Told};
use crate::Tick;
use crate::checkpoint::{Damage, Entries, Out, Saved, Saving, Whose};
use crate::graph::Settings;
use crate::ops::by_tick::{ByTick, by_tick};
use crate::rulebook::{RuleChange, RuleRow, Rulebook, Ruling};
use crate::seams::Named;

/// What has a tenant.
pub(super) trait OfTenant: Clone + Ord + 'static {
    /// Whose it is.
    fn tenant(&self) -> &str;
}

impl OfTenant for Arc<Told> {
    fn tenant(&self) -> &str {
        self.first(Part::Account).first().map_or("", Named::tenant)
    }
}

/// A player who asks, its component, and its name.
impl OfTenant for (u128, u128, Named) {
    fn tenant(&self) -> &str {
        self.2.tenant()
    }
}

/// Rules, and what they are where there are none.
pub(super) struct Rules<'s, 'a> {
    /// Rows whose time has come, on every worker.
    pub(super) in_force: StreamVec<'s, Tick, RuleChange>,
    /// Of the graph.
    pub(super) settings: &'a Settings,
    /// Who takes checkpoints.
    pub(super) saving: &'a Saving,
}

impl<'s> Rules<'s, '_> {
    /// What holds where there are no rules.
    pub(super) fn config(&self, kind: AnomalyKind) -> Ruling {
        let rules = Rulebook::new(&self.settings.config);
        rules.ruling(rules.of("", kind).newest()).clone()
    }

    /// Puts beside each datum what it is judged by: the newest rule of its tenant for a kind. Where no rules can come
    /// nothing is kept; where they can, what stands is.
    pub(super) fn judge<D: OfTenant>(
        &self,
        data: VecCollection<'s, Tick, D>,
        kind: AnomalyKind,
        name: &str,
    ) -> VecCollection<'s, Tick, (D, Arc<Ruling>)> {
        if !self.settings.rules_come {
            let ruling = Arc::new(self.config(kind));
            return data.map(move |datum| (datum, Arc::clone(&ruling)));
        }
        let side = self.in_force.clone().filter(move |(row, ..)| row.kind == kind);
        let rules = Rulebook::new(&self.settings.config);
        let ruled = Ruled { kind, rules, tenants: BTreeMap::new() };
        let judged = by_tick(data.inner, side, Pipeline, self.saving.op(name), false, ruled);
        judged.flat_map(|judged| judged).as_collection()
    }
}

/// What a tenant's is judged by, and what stands of it, with how often.
type Standing<D> = (Arc<Ruling>, BTreeMap<D, isize>);

/// See [`Rules::judge`].
struct Ruled<D> {
    kind: AnomalyKind,
    rules: Rulebook,
    tenants: BTreeMap<Box<str>, Standing<D>>,
}

impl<D: OfTenant> Ruled<D> {
    fn newest(&self, tenant: &str) -> Arc<Ruling> {
        Arc::new(self.rules.ruling(self.rules.of(tenant, self.kind).newest()).clone())
    }
}

/// Only the rules: what stands is handed in again, and judged anew by them.
impl<D: OfTenant> Saved for Ruled<D> {
    fn save(&mut self, _at: Tick, out: &mut Out<'_>) {
        out.put(Whose::Same, &self.rules);
    }

    fn load(&mut self, _at: Tick, part: &mut Entries<'_>) -> Result<(), Damage> {
        while let Some(rules) = part.read()? {
            self.rules = rules;
        }
        Ok(())
    }
}

impl<D: OfTenant> ByTick for Ruled<D> {
    type In = (D, Tick, isize);
    type Side = RuleRow;
    type Out = Vec<((D, Arc<Ruling>), Tick, isize)>;

    fn tick(update: &Self::In) -> Tick {
        update.1
    }

    fn heed(&mut self, tick: Tick, rules: &[(RuleRow, Tick, isize)], out: &mut Self::Out) {
        for (row, _, diff) in rules {
            self.rules.take(row, *diff);
        }
        for (row, ..) in rules {
            let after = self.newest(&row.tenant);
            let Some((ruling, data)) = self.tenants.get_mut(&row.tenant).filter(|it| it.0 != after) else {
                continue;
            };
            let before = std::mem::replace(ruling, Arc::clone(&after));
            for (datum, count) in data {
                out.push(((datum.clone(), Arc::clone(&before)), tick, -*count));
                out.push(((datum.clone(), Arc::clone(&after)), tick, *count));
            }
        }
    }

    fn work(&mut self, tick: Tick, updates: &[Self::In], out: &mut Self::Out) {
        for (datum, _, diff) in updates {
            if !self.tenants.contains_key(datum.tenant()) {
                let ruling = self.newest(datum.tenant());
                self.tenants.insert(datum.tenant().into(), (ruling, BTreeMap::new()));
            }
            let Some((ruling, data)) = self.tenants.get_mut(datum.tenant()) else { continue };
            let count = data.entry(datum.clone()).or_default();
            *count += diff;
            if *count == 0 {
                data.remove(datum);
            }
            out.push(((datum.clone(), Arc::clone(ruling)), tick, *diff));
        }
    }

    fn forget_through(&mut self, _now: Tick, _out: &mut Self::Out) {}

    fn rest(&mut self, _out: &mut Self::Out) -> bool {
        true
    }

    fn is_full(out: &Self::Out) -> bool {
        out.len() > 1 << 12
    }
}
