//! The fold of commands: of the records of one command, the standing one is in force on every worker.

use gyre_domain::cause::Cause;
use gyre_domain::lifecycle::{self, judge_identity};
use gyre_domain::records::Record;
use serde::{Deserialize, Serialize};

use crate::Tick;
use crate::batch::Batch;
use crate::directives::{Decided, Order};
use crate::graph::Settings;
use crate::ops::fold_by_key::{Fold, Slab, Turn};
use crate::packed::Packed;
use crate::rows::records::push_record_reject;
use crate::rows::{AnomalyKind, Output, write};
use crate::seams::{Reading, Suspicion};

/// See the module.
pub struct Commands {
    /// Of the graph.
    pub settings: Settings,
}

/// A command's record, with its equal copies.
#[derive(Clone, Serialize, Deserialize)]
pub struct Given {
    packed: Box<[u8]>,
    /// Position and tick of each copy.
    copies: Vec<(u64, Tick)>,
    raw: Box<[u8]>,
    /// It was in force once.
    stood: bool,
}

impl Given {
    fn position(&self) -> u64 {
        self.copies.iter().map(|copy| copy.0).min().unwrap_or_default()
    }

    fn order(&self, settings: &Settings) -> Option<Order> {
        let admitted = self.copies.iter().map(|copy| copy.1).min().unwrap_or_default();
        let packed = Packed(&self.packed).copy(self.position(), None);
        Order::new(Packed(&packed), &self.raw, admitted, &settings.keys)
    }
}

/// What the fold tells.
#[derive(Clone, Default)]
pub struct Outbox {
    /// What the reader gets.
    pub told: Reading,
    /// What looks wrong with them.
    pub suspicions: Vec<(Suspicion, Tick, isize)>,
    /// Commands that stand, or stand no more.
    pub decided: Vec<(Decided, Tick, isize)>,
}

/// What is told of a command.
#[derive(Default)]
pub struct Said {
    duplicates: i64,
    rejects: i64,
    rows: Vec<(Output, Vec<u8>)>,
    suspicion: Option<Suspicion>,
    order: Option<Order>,
}

impl Commands {
    fn judge<'g>(&self, given: &'g [Given]) -> (Vec<Record<'g>>, lifecycle::Standing) {
        let record = |given: &'g Given| Record::Command(Packed(&given.packed).command());
        let records: Vec<Record<'g>> = given.iter().map(record).collect();
        let standing = judge_identity(&records, |_| None);
        (records, standing)
    }

    fn say(&self, given: &[Given]) -> Said {
        let (records, judged) = self.judge(given);
        let mut said = Said {
            duplicates: given.iter().map(|given| given.copies.len() as i64 - 1).sum(),
            rejects: judged.rejects.len() as i64,
            rows: Vec::new(),
            suspicion: None,
            order: judged.stands.and_then(|at| given[at].order(&self.settings)),
        };
        for &(at, cause) in &judged.rejects {
            let raw = (!given[at].stood).then_some(&*given[at].raw);
            let (position, places) = (given[at].position(), &self.settings.places);
            let row = write(|out| push_record_reject(out, &records[at], cause, position, raw, places));
            said.rows.push((Output::Rejects, row));
        }
        if !judged.conflict.is_empty() {
            let rivals: Vec<_> = judged.conflict.iter().map(|&at| records[at].clone()).collect();
            said.suspicion = Suspicion::conflict(&rivals, &self.settings.keys);
        }
        said
    }
}

impl Fold for Commands {
    type Updates = Batch;
    type Side = ();
    type State = Vec<Given>;
    type Before = Said;
    type Out = Outbox;
    type Verdict = ();
    type Kept = Vec<Given>;
    type Own = ();

    fn file(&mut self, given: &mut Vec<Given>, batch: &Batch, at: usize) {
        let (packed, head) = (batch.packed(at), batch.head(at));
        let copy = (packed.position(), head.admitted);
        let found = given.iter().position(|given| Packed(&given.packed).same_content(packed));
        match (found, head.diff > 0) {
            (Some(found), true) => given[found].copies.push(copy),
            (None, true) => {
                let raw = batch.raw(at).into();
                given.push(Given { packed: packed.0.into(), copies: vec![copy], raw, stood: false });
            }
            (Some(found), false) => {
                let copies = &mut given[found].copies;
                if let Some(at) = copies.iter().position(|other| other.0 == copy.0) {
                    copies.swap_remove(at);
                }
                if copies.is_empty() {
                    given.swap_remove(found);
                }
            }
            (None, false) => {}
        }
    }

    fn before(&mut self, given: &Vec<Given>, _now: Tick, _eager: bool) -> Said {
        self.say(given)
    }

    fn turn(
        &mut self,
        _key: u128,
        given: &mut Vec<Given>,
        before: Said,
        tick: Tick,
        out: &mut Outbox,
    ) -> Turn {
        if let Some(at) = self.judge(given).1.stands {
            given[at].stood = true;
        }
        let after = self.say(given);
        let counts = &mut out.told.counts;
        counts.duplicates += after.duplicates - before.duplicates;
        counts.rejects[Cause::ConflictingDuplicate as usize] += after.rejects - before.rejects;
        counts.anomalies[AnomalyKind::Conflict as usize] +=
            i64::from(after.rejects > 0) - i64::from(before.rejects > 0);
        if self.settings.wanted.changes {
            for (rows, others, diff) in [(&before.rows, &after.rows, -1), (&after.rows, &before.rows, 1)] {
                for (output, row) in rows.iter().filter(|row| !others.contains(row)) {
                    out.told.changes.push(*output, tick, diff, |text| text.extend_from_slice(row));
                }
            }
        }
        if before.suspicion != after.suspicion {
            let told = [(before.suspicion, -1), (after.suspicion, 1)];
            let told = told.into_iter().filter_map(|(suspicion, diff)| Some((suspicion?, tick, diff)));
            out.suspicions.extend(told);
        }
        if before.order != after.order {
            let decided = |order: Option<Order>, diff| order.map(|order| (Decided::from(order), tick, diff));
            out.decided.extend(decided(before.order, -1));
            out.decided.extend(decided(after.order, 1));
        }
        Turn { next: None, vacant: given.is_empty() }
    }

    fn turned(&mut self, _tick: Tick, _out: &mut Outbox) {}

    /// Commands are never forgotten: what they say holds for copies that come late.
    fn forget_after(&self, _given: &Vec<Given>) -> Tick {
        Tick::MAX
    }

    fn forget(&mut self, _key: u128, _given: &mut Vec<Given>, _now: Tick, _out: &mut Outbox) {}

    fn reach(
        &self,
        _side: &[((), isize)],
        _slab: &Slab<Vec<Given>>,
        _find: &dyn Fn(u128) -> Option<u32>,
    ) -> Vec<u32> {
        Vec::new()
    }

    fn take_side(&mut self, _side: &[((), isize)]) {}

    fn revise(&mut self, _given: &mut Vec<Given>) {}

    fn keep(&mut self, given: &Vec<Given>) -> Vec<Given> {
        given.clone()
    }

    fn back(&mut self, given: Vec<Given>, _at: Tick) -> Vec<Given> {
        given
    }

    fn is_full(out: &Outbox) -> bool {
        out.told.bytes() > 1 << 20
    }

    fn rest(&mut self, slab: &Slab<Vec<Given>>, out: &mut Outbox) -> bool {
        for slot in slab.live() {
            out.told.rest.loose.extend(&self.say(&slab.get(slot).1).rows);
        }
        true
    }
}
