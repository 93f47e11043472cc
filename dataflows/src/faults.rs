//! Faults: what stages that judge records tell of those that failed, and how a failed record is asked for its verdict
//! again. A verdict that is the last one's over again is told by saying nothing, like all that does not change: when the tick
//! of a lap is complete, what was told before it still holds. What a stage holds of this is the records whose names are
//! asked for in the tick at hand, and until when any may be.

use std::cell::Cell;
use std::sync::Arc;

use gyre_domain::cause::Cause;
use gyre_domain::records::{Record, Topic, digest, hex};
use hashbrown::HashSet;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::Tick;
use crate::directives::packed;
use crate::keys::{JobKey, Keyed, owner};
use crate::ops::fold_by_key::Updates;
use crate::packed::Packed;
use crate::rows::Object;

/// A record that is a fault at a tick.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fault {
    /// Of the record: what names it in its rows, whoever judges it. A copy that was refused as it came and one that
    /// fails later are one record.
    pub id: u128,
    /// Why.
    pub cause: Cause,
}

/// The faults of a key; mostly none.
pub type Faults = SmallVec<[Fault; 1]>;

/// What became of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Verdict {
    /// It is a fault, for the first time or for another cause.
    Failed,
    /// It entered again and is a fault still, and whose it is was asked for.
    Again,
    /// It is no fault any more.
    Mended,
    /// Its key was forgotten: it will stay a fault.
    Forgotten,
}

/// Where a failed record is judged.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub struct Home {
    /// Under which its stage keeps it.
    pub key: u128,
    /// The topic of those that are judged there.
    pub topic: u8,
    /// It failed a check on itself.
    pub is_unsound: bool,
}

/// A failed record's part of its rows, and what a provider needs to find it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Named {
    /// What it is about.
    pub topic: u8,
    /// The tenant.
    pub tenant: Box<str>,
    /// The provider.
    pub provider: Box<str>,
    /// As far as readable.
    pub id: Option<Box<str>>,
    /// SHA-256, as in its reject.
    pub digest: Box<str>,
    /// Its bytes, where it never stood.
    pub raw: Option<Box<[u8]>>,
}

impl Named {
    /// Of a sound record.
    pub fn of(record: &Record<'_>, raw: Option<&[u8]>) -> Self {
        let mut content = Vec::new();
        record.canonical(&mut content);
        let origin = record.origin();
        Self {
            topic: record.topic() as u8,
            tenant: (&*origin.tenant).into(),
            provider: (&*origin.provider).into(),
            id: Some((&*record.id()).into()),
            digest: hex(&digest(&content)).into(),
            raw: raw.map(Into::into),
        }
    }

    /// Opens a row of it.
    pub fn open<'o>(&self, out: &'o mut Vec<u8>) -> Object<'o> {
        Object::open(out)
            .text("topic", Topic::ALL[usize::from(self.topic)].name())
            .text("tenant", &self.tenant)
            .text("provider", &self.provider)
            .optional("id", self.id.as_deref())
            .text("digest", &self.digest)
    }
}

/// A change of what is known of a failed record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FaultChange {
    /// The record.
    pub id: u128,
    /// Where it is judged.
    pub home: Home,
    /// What became of it.
    pub verdict: Verdict,
    /// The cause, where it is a fault.
    pub cause: u8,
    /// Since when.
    pub tick: Tick,
    /// Told where somebody may ask from now on.
    pub named: Option<Arc<Named>>,
}

/// What is told of failed records that one worker keeps.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
pub struct FaultBatch {
    /// That worker.
    pub worker: u32,
    /// In order of tick.
    pub changes: Vec<FaultChange>,
}

impl Updates for FaultBatch {
    fn worker(&self) -> u64 {
        self.worker.into()
    }

    fn len(&self) -> usize {
        self.changes.len()
    }

    fn key(&self, at: usize) -> u128 {
        self.changes[at].id
    }

    fn tick(&self, at: usize) -> Tick {
        self.changes[at].tick
    }

    fn admitted(&self, at: usize) -> Tick {
        self.changes[at].tick
    }
}

/// Tells changes of faults, and remembers who entered again in this tick.
pub struct FaultTeller {
    keys: JobKey,
    workers: usize,
    /// `None` where nobody asks for faults.
    laps: Option<LapsOfOne>,
    /// Those that nobody asks for are named when the fold rests.
    names_at_rest: bool,
    /// Those that entered again on the lap on which they are named.
    asked: HashSet<u128, Keyed>,
    enters_until: Cell<Tick>,
}

/// What is known of a record's laps where it is judged.
#[derive(Clone, Copy, Debug)]
pub struct LapsOfOne {
    /// How many there are.
    pub number: usize,
    /// On which of them, if it is a fault still, whoever judges the record says whose it is, where requests are read as
    /// they are made; else on the last, or at rest, for most records are mended by then.
    pub named_on: Option<usize>,
    /// How long after it failed the last of them is due at most.
    pub all_within_ms: u64,
}

impl FaultTeller {
    /// A teller for `laps` of each record; `None` tells nothing.
    pub fn new(keys: JobKey, workers: usize, laps: Option<LapsOfOne>) -> Self {
        let asked = HashSet::default();
        Self { keys, workers, laps, names_at_rest: false, asked, enters_until: Cell::new(0) }
    }

    /// The same for a fold that tells the faults of its keys at rest: where nobody asks before, their names, which cost
    /// a digest each, are told only of those that stand then.
    pub fn naming_at_rest(self) -> Self {
        let names_at_rest = self.laps.is_some_and(|laps| laps.named_on.is_none());
        Self { names_at_rest, ..self }
    }

    /// The last tick at which a record may enter again, going by what was told. Laps count from the start of a fault,
    /// and nobody who judges the record can tell of it before it starts.
    pub fn enters_until(&self) -> Tick {
        self.enters_until.get()
    }

    /// Records may enter again until this tick: they were told of before a checkpoint.
    pub fn enter_until(&self, tick: Tick) {
        self.enters_until.set(self.enters_until.get().max(tick));
    }

    /// Whether anybody asks for faults.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.laps.is_some()
    }

    /// The fault of a sound record, where anybody asks.
    pub fn fault(&self, record: &Record<'_>, cause: Cause) -> Option<Fault> {
        self.laps?;
        let packed = packed(record, 0);
        Some(Fault { id: Packed(&packed).key(record.topic(), &self.keys), cause })
    }

    /// A failed record enters again, on a lap of this number (from 1).
    pub fn enter(&mut self, id: u128, lap: u8) {
        let Some(laps) = self.laps.filter(|_| !self.names_at_rest) else { return };
        if laps.named_on.unwrap_or(laps.number) == usize::from(lap) {
            self.asked.insert(id);
        }
    }

    /// Whether anybody who entered again is asked for a name.
    #[inline]
    pub fn asks(&self) -> bool {
        !self.asked.is_empty()
    }

    /// All keys of the tick have had their turn.
    pub fn turned(&mut self) {
        self.asked.clear();
    }

    /// Tells what has changed between the faults of a key, and whose those are that are asked. `named` tells whose they
    /// are.
    pub fn differ(
        &self,
        home: Home,
        (before, after): (&[Fault], &[Fault]),
        tick: Tick,
        named: impl Fn(u128) -> Option<Named>,
        out: &mut Vec<FaultBatch>,
    ) {
        if !self.is_on() || before == after && (!self.asks() || after.is_empty()) {
            return;
        }
        let mut tell = |fault: &Fault, verdict: Verdict, is_named: bool| {
            let named = if is_named { named(fault.id).map(Arc::new) } else { None };
            self.push(
                FaultChange { id: fault.id, home, verdict, cause: fault.cause as u8, tick, named },
                out,
            );
        };
        for fault in before.iter().filter(|fault| after.iter().all(|other| other.id != fault.id)) {
            tell(fault, Verdict::Mended, false);
        }
        for fault in after {
            if self.asked.contains(&fault.id) {
                tell(fault, Verdict::Again, true);
            } else if !before.contains(fault) {
                // An unsound record has its names at hand, and may be asked where another is not.
                let never_enters =
                    self.laps.is_some_and(|laps| laps.number == 0) || !fault.cause.enters_again();
                tell(fault, Verdict::Failed, home.is_unsound || never_enters);
            }
        }
    }

    /// Tells that a key with these faults was forgotten `after` a tick, whenever that was found; `named` tells whose they
    /// are.
    pub fn forget(
        &self,
        home: Home,
        faults: &[Fault],
        after: Tick,
        named: impl Fn(u128) -> Option<Named>,
        out: &mut Vec<FaultBatch>,
    ) {
        let tick = after.saturating_add(1);
        if !self.is_on() {
            return;
        }
        for fault in faults {
            let (cause, named) = (fault.cause as u8, named(fault.id).map(Arc::new));
            let verdict = Verdict::Forgotten;
            self.push(FaultChange { id: fault.id, home, verdict, cause, tick, named }, out);
        }
    }

    /// Tells the faults that stand for a key at rest, after a tick, where they have no names yet.
    pub fn rest(
        &self,
        home: Home,
        faults: &[Fault],
        after: Tick,
        named: impl Fn(u128) -> Option<Named>,
        out: &mut Vec<FaultBatch>,
    ) {
        if self.names_at_rest {
            self.forget(home, faults, after, named, out);
        }
    }

    fn push(&self, change: FaultChange, out: &mut Vec<FaultBatch>) {
        if let (Verdict::Failed, Some(laps)) = (change.verdict, self.laps) {
            let until = change.tick.saturating_add(laps.all_within_ms);
            self.enters_until.set(self.enters_until.get().max(until));
        }
        let worker = owner(change.id, self.workers) as u32;
        // What was forgotten is told late; a batch is in order of tick.
        let takes = |batch: &&mut FaultBatch| {
            batch.worker == worker && batch.changes.last().is_none_or(|last| last.tick <= change.tick)
        };
        match out.iter_mut().find(takes) {
            Some(batch) => batch.changes.push(change),
            None => out.push(FaultBatch { worker, changes: vec![change] }),
        }
    }
}
