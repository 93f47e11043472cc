//! Validate: records that fail a check on themselves stand as rejects; sound ones go where they are matched.
//!
//! ```text
//! batches ──▶ set aside ──▶ sound records ──▶ matching
//!                 └───────▶ unsound ──▶ fold by reject ──▶ rejects
//! ```
//! The checks themselves are [`gyre_domain::decode`]'s and the admission's; here their verdicts stand. At every tick
//! there is one reject for each record that failed, however many equal copies came, with the smallest position.

use gyre_domain::cause::Cause;
use gyre_domain::records::{Topic, hex};
use timely::dataflow::operators::Leave;
use timely::dataflow::operators::generic::operator::empty;
use timely::dataflow::{Scope, StreamVec};

use crate::Tick;
use crate::batch::{Batch, Unsound, UnsoundBatch};
use crate::faults::{Fault, FaultBatch, FaultTeller, Faults, Home, Named};
use crate::graph::Settings;
use crate::ops::fan_out::fan_out;
use crate::ops::fold_by_key::{Fold, Slab, Turn, fold_by_key};
use crate::rows::Output;
use crate::rows::records::{Aside, push_reject};
use crate::seams::Reading;

/// What the stage gives.
pub struct Outputs<'s> {
    /// Sound records.
    pub records: StreamVec<'s, Tick, Batch>,
    /// Rejects.
    pub told: StreamVec<'s, Tick, Reading>,
    /// What became of failed records.
    pub faults: StreamVec<'s, Tick, FaultBatch>,
}

impl Outputs<'_> {
    /// Leaves the stage's region.
    pub fn leave(self, scope: Scope<'_, Tick>) -> Outputs<'_> {
        Outputs {
            records: self.records.leave(scope),
            told: self.told.leave(scope),
            faults: self.faults.leave(scope),
        }
    }
}

/// Builds the stage.
pub fn build<'s>(batches: StreamVec<'s, Tick, Batch>, settings: &Settings) -> Outputs<'s> {
    let (records, unsound) = fan_out(batches, "set unsound records aside", |mut batch: Batch, parts| {
        let unsound = batch.take_unsound();
        if !unsound.records.is_empty() {
            parts.second.push(unsound);
        }
        parts.first.push(batch);
    });
    let nothing = empty(unsound.scope());
    let rejects = Rejects { faults: settings.fault_teller(), settings: settings.clone() };
    let kept = fold_by_key(unsound, nothing, "keep rejects of unsound records", settings.pace(), rejects);
    let (told, faults) = fan_out(kept, "hand out rejects", |set_aside: SetAside, parts| {
        parts.first.push(set_aside.told);
        parts.second.extend(Some(set_aside.faults).filter(|faults| !faults.changes.is_empty()));
    });
    Outputs { records, told, faults }
}

/// What is told of unsound records.
#[derive(Clone, Default)]
struct SetAside {
    told: Reading,
    faults: FaultBatch,
}

/// The fold of unsound records: one reject for all equal copies.
struct Rejects {
    settings: Settings,
    faults: FaultTeller,
}

/// The copies of one reject.
#[derive(Default)]
struct Copies {
    /// The one with the smallest position.
    least: Option<Box<Unsound>>,
    /// The last tick at which one came.
    admitted: Tick,
}

impl Copies {
    fn named(&self) -> Option<Named> {
        let unsound = self.least.as_deref()?;
        Some(Named {
            topic: unsound.topic,
            tenant: unsound.tenant.as_str().into(),
            provider: unsound.provider.as_str().into(),
            id: unsound.id.as_deref().map(Into::into),
            digest: hex(&unsound.digest).into(),
            raw: Some(unsound.raw.as_slice().into()),
        })
    }
}

/// Where an unsound record stands.
fn home(key: u128, copies: &Copies) -> Home {
    Home { key, topic: copies.least.as_ref().map_or(0, |unsound| unsound.topic), is_unsound: true }
}

impl Rejects {
    fn row(unsound: &Unsound, settings: &Settings) -> impl FnOnce(&mut Vec<u8>) {
        move |out| {
            let aside = Aside {
                topic: Topic::ALL[usize::from(unsound.topic)],
                tenant: &unsound.tenant,
                provider: &unsound.provider,
                id: unsound.id.as_deref(),
                cause: Cause::ALL[usize::from(unsound.cause)],
                digest: &unsound.digest,
                position: unsound.position,
                raw: Some(&unsound.raw),
            };
            push_reject(out, &aside, &settings.places);
        }
    }

    /// An unsound record is a fault as long as it stands here.
    fn fault(&self, key: u128, unsound: Option<&Unsound>) -> Faults {
        let fault = |unsound: &Unsound| Fault { id: key, cause: Cause::ALL[usize::from(unsound.cause)] };
        unsound.filter(|_| self.faults.is_on()).map(fault).into_iter().collect()
    }

    fn rest_row(&self, copies: &Copies, out: &mut Reading) {
        if let Some(unsound) = &copies.least {
            out.rest.loose.push(Output::Rejects, 0, 1, Self::row(unsound, &self.settings));
        }
    }
}

impl Fold for Rejects {
    type Updates = UnsoundBatch;
    type Side = ();
    type State = Copies;
    type Before = Option<Box<Unsound>>;
    type Out = SetAside;

    fn file(&mut self, copies: &mut Copies, batch: &UnsoundBatch, at: usize) {
        let unsound = &batch.records[at];
        if unsound.enters_again {
            return self.faults.enter(unsound.key);
        }
        copies.admitted = copies.admitted.max(unsound.admitted);
        if copies.least.as_ref().is_none_or(|least| unsound.position < least.position) {
            copies.least = Some(Box::new(unsound.clone()));
        }
    }

    fn before(&mut self, copies: &Copies, _now: Tick, _eager: bool) -> Self::Before {
        copies.least.clone()
    }

    fn turn(
        &mut self,
        key: u128,
        copies: &mut Copies,
        before: Self::Before,
        tick: Tick,
        out: &mut SetAside,
    ) -> Turn {
        if let (None, Some(after)) = (&before, &copies.least) {
            out.told.counts.rejects[usize::from(after.cause)] += 1;
        }
        let is_same = before.as_ref().map(|unsound| unsound.position)
            == copies.least.as_ref().map(|least| least.position);
        if self.settings.wanted.changes && !is_same {
            for (unsound, diff) in [(&before, -1), (&copies.least, 1)] {
                if let Some(unsound) = unsound {
                    let row = Self::row(unsound, &self.settings);
                    out.told.changes.push(Output::Rejects, tick, diff, row);
                }
            }
        }
        let faults = (&self.fault(key, before.as_deref())[..], &self.fault(key, copies.least.as_deref())[..]);
        self.faults.differ(home(key, copies), faults, tick, |_| copies.named(), &mut out.faults);
        Turn { next: None, vacant: copies.least.is_none() }
    }

    fn turned(&mut self, _tick: Tick, _out: &mut SetAside) {
        self.faults.turned();
    }

    /// An unsound record may say no time, or any: the horizon counts from when it came.
    fn forget_after(&self, copies: &Copies) -> Tick {
        match &copies.least {
            Some(_) => self.settings.forget_after(copies.admitted, false),
            None => Tick::MAX,
        }
    }

    fn forget(&mut self, key: u128, copies: &mut Copies, now: Tick, out: &mut SetAside) {
        if self.settings.rest_at_end {
            self.rest_row(copies, &mut out.told);
        }
        let fault = self.fault(key, copies.least.as_deref());
        self.faults.forget(home(key, copies), &fault, now, &mut out.faults);
    }

    fn touches(&self, _side: &[((), isize)], _copies: &Copies) -> bool {
        false
    }

    fn take_side(&mut self, _side: &[((), isize)]) {}

    fn revise(&mut self, _copies: &mut Copies) {}

    fn is_full(out: &SetAside) -> bool {
        out.told.bytes() > 1 << 20
    }

    fn rest(&mut self, slab: &Slab<Copies>, out: &mut SetAside) -> bool {
        for slot in slab.live() {
            self.rest_row(&slab.get(slot).1, &mut out.told);
        }
        true
    }
}
