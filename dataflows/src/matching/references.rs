//! The fold of reference rows: of the records of one row, the standing one goes to every worker.

use std::cell::RefCell;
use std::rc::Rc;

use gyre_domain::cause::Cause;
use gyre_domain::lifecycle::{Standing, judge_identity};
use gyre_domain::records::{Record, Topic};

use super::commanded::{Commanded, Given, verdict_among};
use super::directory::ReferenceRow;
use super::many::{self, Filed};
use super::saved::{self, Own};
use super::ties::Ties;
use super::told::{Outbox, Told, Writer};
use crate::Tick;
use crate::batch::{Batch, Kind};
use crate::checkpoint::Whose;
use crate::directives::{Decided, Directives, Target};
use crate::faults::{FaultBatch, FaultTeller, Home, Named};
use crate::graph::Settings;
use crate::ops::fold_by_key::{Fold, Slab, Turn};
use crate::rows::records::push_record_reject;
use crate::rows::{AnomalyKind, Output, Wanted, write};
use crate::rulebook::RuleRow;
use crate::seams::{Seen, Suspicion};

/// See the module.
pub struct References {
    settings: Settings,
    directory: super::directory::Directory,
    directives: Directives,
    writer: Writer,
    faults: FaultTeller,
}

/// The records of a row.
pub struct Row {
    topic: Topic,
    filed: Vec<Filed>,
}

impl Default for Row {
    fn default() -> Self {
        Self { topic: Topic::Games, filed: Vec::new() }
    }
}

impl Row {
    fn record<'a>(&self, filed: &'a Filed) -> Record<'a> {
        filed.packed().record(self.topic)
    }
}

impl References {
    /// A fold without records, that tells as `teller`.
    pub fn new(settings: Settings, teller: u32, ties: Rc<RefCell<Ties>>) -> Self {
        let directory = super::directory::Directory::new(settings.keys, settings.result_due_ms);
        let (directives, faults) = (Directives::default(), settings.fault_teller());
        Self { writer: Writer::new(&settings, teller, ties), directory, directives, faults, settings }
    }

    fn given<'a>(&'a self, row: &'a Row) -> Given<'a> {
        Given { filed: &row.filed, topic: row.topic, directives: &self.directives, settings: &self.settings }
    }

    /// What a row's records tell, the row that stands, and which of the records that is.
    fn tell(&self, row: &Row, wanted: Wanted) -> (Told, Option<ReferenceRow>, Option<usize>) {
        let given = self.given(row);
        let Some(commanded) = given.commanded() else {
            return self.tell_filed(&row.filed, row.topic, wanted);
        };
        let (mut told, standing, stands) = self.tell_filed(&commanded.filed, row.topic, wanted);
        told.marks.duplicates = row.filed.iter().map(Filed::duplicates).sum();
        let verdict = |filed: &[Filed], at| verdict_among(&judge(filed, row.topic).1, at);
        told.sights.extend(given.sights(&commanded, verdict));
        (told, standing, stands.and_then(|at| commanded.own(at)))
    }

    fn note(&mut self, row: &Row, admitted: Tick) {
        let commanded = self.given(row).commanded();
        for digest in commanded.iter().flat_map(Commanded::digests) {
            self.directives.saw(Target::Record(digest), admitted);
        }
    }

    fn tell_filed(
        &self,
        filed: &[Filed],
        topic: Topic,
        wanted: Wanted,
    ) -> (Told, Option<ReferenceRow>, Option<usize>) {
        let mut told = Told::default();
        let (records, judged) = judge(filed, topic);
        told.marks.duplicates = filed.iter().map(Filed::duplicates).sum();
        told.marks.rejects.extend(judged.rejects.iter().map(|(_, cause)| *cause as u8));
        told.faults
            .extend(judged.rejects.iter().filter_map(|&(at, cause)| self.faults.fault(&records[at], cause)));
        if !judged.conflict.is_empty() {
            told.marks.anomalies.push(AnomalyKind::Conflict as u8);
            let rivals: Vec<_> = judged.conflict.iter().map(|&at| records[at].clone()).collect();
            told.suspicions.extend(Suspicion::conflict(&rivals, &self.settings.keys));
        }
        if wanted.changes {
            for &(at, cause) in &judged.rejects {
                let (position, raw) = (filed[at].position(), filed[at].raw.as_deref());
                let places = &self.settings.places;
                let row = write(|out| push_record_reject(out, &records[at], cause, position, raw, places));
                told.rows.push((Output::Rejects, row));
            }
        }
        let standing = judged.stands.map(|at| {
            let packed = filed[at].packed();
            match topic {
                Topic::Rules => ReferenceRow::Rule(RuleRow::of(&packed.rule())),
                Topic::Accounts => ReferenceRow::Account(packed.0.to_vec()),
                _ => ReferenceRow::Game(packed.0.to_vec()),
            }
        });
        (told, standing, judged.stands)
    }
}

fn judge(filed: &[Filed], topic: Topic) -> (Vec<Record<'_>>, Standing) {
    let records: Vec<Record<'_>> = filed.iter().map(|filed| filed.packed().record(topic)).collect();
    let judged = judge_identity(&records, |_| None);
    (records, judged)
}

impl Fold for References {
    type Updates = Batch;
    type Side = Decided;
    type State = Row;
    type Before = (Told, Option<ReferenceRow>);
    type Out = Outbox;
    type Verdict = FaultBatch;
    /// The topic's number, and the records.
    type Kept = (u8, Vec<Filed>);
    type Own = Own;

    fn file(&mut self, row: &mut Row, batch: &Batch, at: usize) {
        if batch.head(at).kind == Kind::Lap {
            return self.faults.enter(batch.head(at).account, batch.head(at).lap());
        }
        row.topic = batch.topic();
        many::file(&mut row.filed, false, batch, at);
        if !self.directives.spares_records() {
            self.note(row, batch.head(at).admitted);
        }
    }

    fn before(&mut self, row: &Row, _now: Tick, _eager: bool) -> Self::Before {
        let (told, standing, _) = self.tell(row, self.settings.wanted);
        (told, standing)
    }

    fn turn(&mut self, key: u128, row: &mut Row, before: Self::Before, tick: Tick, out: &mut Outbox) -> Turn {
        let (after, standing, stands) = self.tell(row, self.settings.wanted);
        if let Some(stands) = stands {
            row.filed[stands].raw = None;
        }
        if before.1 != standing {
            out.references.extend(before.1.map(|row| (row, tick, -1)));
            out.references.extend(standing.map(|row| (row, tick, 1)));
        }
        self.writer.differ(&before.0, &after, tick, &self.directory, out);
        let home = Home { key, topic: row.topic as u8, is_unsound: false };
        let named = |id: u128| {
            let is_it = |record: &Record<'_>| {
                self.faults.fault(record, Cause::ConflictingDuplicate).is_some_and(|fault| fault.id == id)
            };
            let commanded = self.given(row).commanded();
            let brought = commanded.iter().flat_map(Commanded::brought);
            row.filed.iter().chain(brought).find_map(|filed| {
                let record = row.record(filed);
                is_it(&record).then(|| Named::of(&record, filed.raw.as_deref()))
            })
        };
        self.faults.differ(home, (&before.0.faults, &after.faults), tick, named, &mut out.faults);
        Turn { next: None, vacant: row.filed.is_empty() }
    }

    fn turned(&mut self, tick: Tick, out: &mut Outbox) {
        self.faults.turned();
        out.seen.extend(self.directives.new.drain(..).map(|(target, since)| Seen::new(target, since, tick)));
    }

    /// Reference rows are never forgotten.
    fn forget_after(&self, _row: &Row) -> Tick {
        Tick::MAX
    }

    fn forget(&mut self, _key: u128, _row: &mut Row, _now: Tick, _out: &mut Outbox) {}

    fn reach(
        &self,
        side: &[(Decided, isize)],
        slab: &Slab<Row>,
        _find: &dyn Fn(u128) -> Option<u32>,
    ) -> Vec<u32> {
        let mut asked = Directives::default();
        side.iter().for_each(|(decided, _)| asked.ask(Some(decided)));
        slab.live().filter(|&slot| self.given(&slab.get(slot).1).is_asked_about(&asked)).collect()
    }

    fn verdicts(out: &mut Outbox) -> Vec<FaultBatch> {
        std::mem::take(&mut out.faults)
    }

    fn enters_until(&self) -> Tick {
        self.faults.enters_until()
    }

    fn take_side(&mut self, side: &[(Decided, isize)]) {
        side.iter().for_each(|(decided, diff)| self.directives.take(decided, *diff));
    }

    fn revise(&mut self, row: &mut Row) {
        self.note(row, 0);
    }

    fn keep(&mut self, row: &Row) -> (u8, Vec<Filed>) {
        (row.topic as u8, row.filed.clone())
    }

    fn back(&mut self, (topic, filed): (u8, Vec<Filed>), _at: Tick) -> Row {
        Row { topic: Topic::ALL[usize::from(topic)], filed }
    }

    fn own(&self) -> Vec<(Whose, Own)> {
        saved::decided(&self.directives, &self.faults)
    }

    fn own_back(&mut self, own: Own) {
        match own {
            Own::Directives(kept) => self.directives.back(kept),
            Own::EntersUntil(tick) => self.faults.enter_until(tick),
            Own::Directory(_) | Own::MayHold(_) | Own::Tie(..) => {}
        }
    }

    fn is_full(out: &Outbox) -> bool {
        out.is_full()
    }

    fn rest(&mut self, slab: &Slab<Row>, out: &mut Outbox) -> bool {
        for slot in slab.live() {
            let (told, ..) = self.tell(&slab.get(slot).1, self.settings.wanted_at_rest());
            out.told.rest.loose.extend(&told.rows);
        }
        true
    }
}
