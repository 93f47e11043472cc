//! The stages of a run: how busy they are, and what goes from one to the next. `/v1/graph` answers it.
//!
//! ```text
//! timely: channel 12 leads from operator 4 to 9, and carried 3 batches … ─▶ ways from stage to stage, and how many went
//! ```
//! What stands between stages (streams that are joined, handed on or led back) is left out: a way goes through it.

use std::collections::BTreeMap;

use gyre_dataflows::Stage;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Watch;
use super::stages::BETWEEN;
use super::status::{AsOf, as_of};

/// The whole answer.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema, Debug)]
pub struct Graph {
    /// When it was asked.
    pub as_of: AsOf,
    /// The stages, in the order of the data; last, what stands between them.
    pub stages: Vec<Node>,
    /// What goes from one to another.
    pub edges: Vec<Edge>,
}

/// A stage.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema, Debug)]
pub struct Node {
    /// Its name: `decode`, `validate`, `matching`, `ledger`, `aggregates`, `anomalies`, `settle`, `recollect`, `outputs`,
    /// `between`.
    pub stage: String,
    /// Who works at it.
    pub workers: Vec<Load>,
}

/// How long a worker was at work in a stage.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema, Debug)]
pub struct Load {
    /// Of which process, from 0.
    pub process: usize,
    /// Which of its workers, from 0; `intake` is the thread that decodes.
    pub worker: String,
    /// Seconds since its start.
    pub busy_s: f64,
}

/// What goes from one stage to another.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Debug)]
pub struct Edge {
    /// Where it comes from.
    pub from: String,
    /// Where it goes.
    pub to: String,
    /// How many batches went that way since the start, at most, in all processes.
    pub batches: u64,
}

/// What one process tells of it.
#[derive(Clone, PartialEq, Serialize, Deserialize, Debug, Default)]
pub struct Part {
    loads: Vec<(String, Load)>,
    ways: Vec<((usize, usize), u64)>,
}

/// Batches that went from stage to stage, by their places in [`Stage::ALL`].
type Ways = BTreeMap<(usize, usize), u64>;

/// A dataflow, and what its channels carried.
#[derive(Default)]
pub struct Traffic {
    plan: Plan,
    /// Batches by channel, of all workers of this process.
    carried: BTreeMap<usize, u64>,
}

impl Watch {
    /// What this process, of that number, tells of the stages.
    pub fn part_of_graph(&self, process: usize) -> Part {
        let of = |stage: &str, worker: &str| {
            let busy_s = self.figures.busy.with_label_values(&[stage, worker]).get();
            (stage.to_owned(), Load { process, worker: worker.to_owned(), busy_s })
        };
        let mut loads = vec![of(Stage::Decode.name(), "intake")];
        let within = Stage::ALL.iter().skip(1).map(|stage| stage.name()).chain([BETWEEN]);
        let workers: Vec<_> = (0..self.workers).map(|worker| worker.to_string()).collect();
        loads.extend(within.flat_map(|stage| workers.iter().map(move |worker| of(stage, worker))));
        let traffic = self.traffic();
        Part { loads, ways: traffic.plan.ways(&traffic.carried).into_iter().collect() }
    }

    /// A worker is built to this plan, as all are.
    pub fn planned(&self, plan: &Plan) {
        self.traffic().plan = plan.clone();
    }

    /// Channels of a worker carried so many batches more.
    pub fn carried(&self, batches: impl Iterator<Item = (usize, u64)>) {
        let mut traffic = self.traffic();
        batches.for_each(|(channel, more)| *traffic.carried.entry(channel).or_default() += more);
    }
}

impl Graph {
    /// How busy the stages are now.
    pub fn now(watch: &Watch) -> Self {
        let parts = watch.parts_of_graph();
        let stages = Stage::ALL.iter().map(|stage| stage.name()).chain([BETWEEN]).map(|stage| {
            let loads = parts.iter().flat_map(|part| &part.loads).filter(|(of, _)| of == stage);
            Node { stage: stage.to_owned(), workers: loads.map(|(_, load)| load.clone()).collect() }
        });
        let mut ways = Ways::new();
        for (way, batches) in parts.iter().flat_map(|part| &part.ways) {
            *ways.entry(*way).or_default() += batches;
        }
        let name = |place: usize| Stage::ALL.get(place).map_or(BETWEEN, |stage| stage.name()).to_owned();
        let edges =
            ways.into_iter().map(|((from, to), batches)| Edge { from: name(from), to: name(to), batches });
        Self { as_of: as_of(watch.board().tick), stages: stages.collect(), edges: edges.collect() }
    }
}

/// A dataflow as timely tells of it while it is built: its operators, and the channels between them.
#[derive(Clone, Default)]
pub struct Plan {
    /// The places of operators that are stages, by their numbers in the dataflow.
    stages: BTreeMap<usize, usize>,
    /// Channels: from which operator to which.
    channels: BTreeMap<usize, (usize, usize)>,
}

impl Plan {
    /// An operator is a stage.
    pub fn stage(&mut self, operator: usize, place: usize) {
        self.stages.insert(operator, place);
    }

    /// A channel leads from one operator to another.
    pub fn channel(&mut self, channel: usize, from: usize, to: usize) {
        self.channels.insert(channel, (from, to));
    }

    /// The ways between stages, and how many batches can have gone there, at most: so many as the narrowest channel of the
    /// widest way carried.
    fn ways(&self, carried: &BTreeMap<usize, u64>) -> Ways {
        let mut ways = Ways::new();
        for (operator, from) in &self.stages {
            for (to, batches) in self.widest(*operator, carried) {
                if to != *from {
                    ways.insert((*from, to), batches);
                }
            }
        }
        ways
    }

    /// How wide the widest way is from a stage's operator to each stage that follows.
    fn widest(&self, operator: usize, carried: &BTreeMap<usize, u64>) -> BTreeMap<usize, u64> {
        let (mut known, mut ends, mut left) = (BTreeMap::new(), BTreeMap::new(), vec![(operator, u64::MAX)]);
        while let Some((at, width)) = left.pop() {
            for (channel, (_, to)) in self.channels.iter().filter(|(_, (from, _))| *from == at) {
                let width = width.min(carried.get(channel).copied().unwrap_or(0));
                if let Some(place) = self.stages.get(to) {
                    let end = ends.entry(*place).or_insert(width);
                    *end = width.max(*end);
                } else if known.get(to).is_none_or(|known| width > *known) {
                    known.insert(*to, width);
                    left.push((*to, width));
                }
            }
        }
        ends
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_go_through_what_is_between_and_are_as_wide_as_their_narrowest_channel() {
        let mut plan = Plan::default();
        for (operator, place) in [(1, 0), (4, 1), (7, 2)] {
            plan.stage(operator, place);
        }
        // Stage 0 ─▶ 2 ─▶ stage 1 ─▶ 5 ─▶ stage 2, and from there back through 6; 6 leads to itself. A clock that carries
        // nothing leads from 2 to stage 2.
        let channels =
            [(0, 1, 2), (1, 2, 4), (2, 4, 5), (3, 5, 7), (4, 7, 6), (5, 6, 2), (6, 6, 6), (7, 2, 7)];
        for (channel, from, to) in channels {
            plan.channel(channel, from, to);
        }
        let carried = BTreeMap::from([(0, 9), (1, 11), (2, 30), (3, 20), (4, 2), (5, 2), (6, 40)]);
        let ways = plan.ways(&carried);
        let wanted = [((0, 1), 9), ((0, 2), 0), ((1, 2), 20), ((2, 1), 2)];
        assert_eq!(ways, BTreeMap::from(wanted), "what comes back to itself is no way");
    }
}
