//! Validate: records that fail a check on themselves stand as rejects; sound ones go where they are matched.
//!
//! ```text
//! batches ──▶ set aside ──▶ sound records ─┬────────────────────────────────┬─▶ matching
//!                 │                        └▶ fold by command ─▶ decided ─┬─┼─▶ matching, settle
//!                 └───────▶ unsound ─────────────────────▶ fold by reject ◀┘ │
//!                                                          │   └▶ amended ───┘
//!                                                          └────▶ rejects
//! laps ──▶ set aside ──▶ of unsound records: fold by reject; of sound ones: matching
//! ```
//! The checks themselves are [`gyre_domain::decode`]'s and the admission's; here their verdicts stand. At every tick
//! there is one reject for each record that failed, however many equal copies came, with the smallest position; none
//! where a command discards it, and another record in its place where a command amends it.

use gyre_domain::cause::Cause;
use gyre_domain::commands::Verdict;
use gyre_domain::records::{Topic, hex};
use serde::{Deserialize, Serialize};
use timely::dataflow::operators::Leave;
use timely::dataflow::operators::core::{Concatenate, OkErr};
use timely::dataflow::operators::generic::operator::empty;
use timely::dataflow::operators::vec::Broadcast;
use timely::dataflow::{Scope, StreamVec};

use crate::Tick;
use crate::batch::{Batch, Unsound, UnsoundBatch};
use crate::checkpoint::{Saving, Whose};
use crate::directives::{self, Becomes, Decided, Directives, Order, Sight, Target, packed};
use crate::faults::{Fault, FaultBatch, FaultTeller, Faults, Home, Named};
use crate::graph::Settings;
use crate::ops::fan_out::fan_out;
use crate::ops::fold_by_key::{Fold, Slab, Turn, fold_by_key, fold_in_loop};
use crate::packed::Packed;
use crate::rows::Output;
use crate::rows::records::{Aside, push_reject};
use crate::seams::{Reading, Seen, Suspicion};

pub mod commands;

/// What the stage gives.
pub struct Outputs<'s> {
    /// Sound records.
    pub records: StreamVec<'s, Tick, Batch>,
    /// Those that failed where they are matched, and enter again.
    pub laps: StreamVec<'s, Tick, Batch>,
    /// Commands in force, on every worker.
    pub decided: StreamVec<'s, Tick, (Decided, Tick, isize)>,
    /// What looks wrong with single commands.
    pub suspicions: StreamVec<'s, Tick, (Suspicion, Tick, isize)>,
    /// What is seen of their targets.
    pub seen: StreamVec<'s, Tick, Seen>,
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
            laps: self.laps.leave(scope),
            decided: self.decided.leave(scope),
            suspicions: self.suspicions.leave(scope),
            seen: self.seen.leave(scope),
            told: self.told.leave(scope),
            faults: self.faults.leave(scope),
        }
    }
}

/// Builds the stage. `laps` are failed records that enter again.
pub fn build<'s>(
    batches: StreamVec<'s, Tick, Batch>,
    laps: StreamVec<'s, Tick, Batch>,
    settings: &Settings,
    saving: &Saving,
) -> Outputs<'s> {
    let scope = batches.scope();
    let pace = settings.pace();
    let (sound, unsound) = set_aside(batches, "set unsound records aside");
    let (laps, unsound_laps) = set_aside(laps, "set laps of unsound records aside");
    let (records, given): (StreamVec<'s, Tick, Batch>, StreamVec<'s, Tick, Batch>) =
        sound.ok_err(|batch: Batch| if batch.topic() == Topic::Commands { Err(batch) } else { Ok(batch) });
    let commands = commands::Commands { settings: settings.clone() };
    let commands = fold_by_key(given, empty(scope), saving.op("fold commands"), pace, commands);
    let (orders, told) = fan_out(commands, "hand out commands", |mut outbox: commands::Outbox, parts| {
        parts.first.append(&mut outbox.decided);
        parts.second.push(outbox);
    });
    let (suspicions, commands_told) =
        fan_out(told, "hand out suspicions of commands", |outbox: commands::Outbox, parts| {
            parts.first.extend(outbox.suspicions);
            parts.second.push(outbox.told);
        });
    let decided = orders.broadcast();
    let (faults, directives) = (settings.fault_teller(), Directives::default());
    let rejects = Rejects { settings: settings.clone(), faults, directives };
    let op = saving.op("keep rejects of unsound records");
    let rejects = fold_in_loop(unsound, decided.clone(), unsound_laps, op, pace, rejects);
    let (found, rejects_told) = fan_out(rejects.told, "hand out rejects", |mut outbox: Outbox, parts| {
        parts.second.push(std::mem::take(&mut outbox.told));
        parts.first.push(outbox);
    });
    let (amended, seen) = fan_out(found, "hand out amended records", |outbox: Outbox, parts| {
        parts.first.extend(outbox.amended);
        parts.second.extend(outbox.seen);
    });
    Outputs {
        records: scope.concatenate([records, amended]),
        decided,
        suspicions,
        seen,
        told: scope.concatenate([commands_told, rejects_told]),
        laps,
        faults: rejects.verdicts,
    }
}

/// What there is of sound records, and of unsound ones.
type Apart<'s> = (StreamVec<'s, Tick, Batch>, StreamVec<'s, Tick, UnsoundBatch>);

fn set_aside<'s>(batches: StreamVec<'s, Tick, Batch>, name: &str) -> Apart<'s> {
    fan_out(batches, name, |mut batch: Batch, parts| {
        let unsound = batch.take_unsound();
        if !unsound.records.is_empty() {
            parts.second.push(unsound);
        }
        if !batch.is_void() {
            parts.first.push(batch);
        }
    })
}

/// The fold of unsound records: one reject for all equal copies.
struct Rejects {
    settings: Settings,
    faults: FaultTeller,
    directives: Directives,
}

/// The copies of one reject.
#[derive(Clone, Default, Serialize, Deserialize)]
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

/// What is saved beside the rejects.
#[derive(Serialize, Deserialize)]
enum Own {
    Directives(directives::Kept),
    EntersUntil(Tick),
}

/// What is told of a reject.
#[derive(Default)]
struct Said {
    row: Option<Box<Unsound>>,
    /// The record that takes its place: packed, with its topic, bytes and tick.
    amended: Option<(Topic, Vec<u8>, Vec<u8>, Tick)>,
    sight: Option<Sight>,
}

/// What the fold tells.
#[derive(Clone, Default)]
struct Outbox {
    told: Reading,
    amended: Vec<Batch>,
    seen: Vec<Seen>,
    faults: Vec<FaultBatch>,
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

    /// An unsound record is a fault as long as it stands here; a command is not, for no provider is asked for it.
    fn fault(&self, unsound: Option<&Unsound>) -> Faults {
        let fault =
            |unsound: &Unsound| Fault { id: unsound.fault, cause: Cause::ALL[usize::from(unsound.cause)] };
        let may_lap = |unsound: &&Unsound| {
            self.faults.is_on() && usize::from(unsound.topic) != Topic::Commands as usize
        };
        unsound.filter(may_lap).map(fault).into_iter().collect()
    }

    /// Whether commands speak of it: never of a command, which a higher revision mends.
    fn is_target(&self, unsound: &Unsound) -> bool {
        self.directives.speaks_of(&unsound.digest) && usize::from(unsound.topic) != Topic::Commands as usize
    }

    fn say(&self, copies: &Copies) -> Said {
        let Some(unsound) = &copies.least else { return Said::default() };
        if !self.is_target(unsound) {
            return Said { row: Some(unsound.clone()), ..Said::default() };
        }
        let topic = Topic::ALL[usize::from(unsound.topic)];
        let amended = |order| Order::amended_line(order, topic, &self.settings);
        let (becomes, refused) = self.directives.fate(&unsound.digest, amended);
        let came = Verdict::Rejected(Cause::ALL[usize::from(unsound.cause)]);
        let sight = Some(Sight { target: Target::Record(unsound.digest), came, refused });
        match becomes {
            Becomes::AsItCame => Said { row: Some(unsound.clone()), amended: None, sight },
            Becomes::Nothing => Said { row: None, amended: None, sight },
            Becomes::Another(order, record) => {
                let admitted = order.admitted.max(copies.admitted);
                let packed = packed(&record, order.position());
                Said { row: None, amended: Some((topic, packed, order.amended_raw(), admitted)), sight }
            }
        }
    }

    /// Sends the record that takes a line's place to where it is matched, or takes it back.
    fn send(&self, amended: &(Topic, Vec<u8>, Vec<u8>, Tick), tick: Tick, diff: i8, out: &mut Outbox) {
        let (topic, packed, raw, admitted) = amended;
        // Exact ticks are those of admission.
        let admitted = if self.settings.exact_tick_ms.is_some() { tick } else { *admitted };
        let (record, position) = (Packed(packed).record(*topic), Packed(packed).position());
        let whose = (&self.settings.keys, self.settings.workers);
        out.amended.push(Batch::of_one(&record, position, raw, (tick, admitted), diff, whose));
    }

    fn rest_row(&self, copies: &Copies, out: &mut Reading) {
        if let Some(unsound) = self.say(copies).row {
            out.rest.loose.push(Output::Rejects, 0, 1, Self::row(&unsound, &self.settings));
        }
    }
}

impl Fold for Rejects {
    type Updates = UnsoundBatch;
    type Side = Decided;
    type State = Copies;
    type Before = Said;
    type Out = Outbox;
    type Verdict = FaultBatch;
    type Kept = Copies;
    type Own = Own;

    fn file(&mut self, copies: &mut Copies, batch: &UnsoundBatch, at: usize) {
        let unsound = &batch.records[at];
        if unsound.lap > 0 {
            return self.faults.enter(unsound.fault, unsound.lap);
        }
        copies.admitted = copies.admitted.max(unsound.admitted);
        if copies.least.as_ref().is_none_or(|least| unsound.position < least.position) {
            copies.least = Some(Box::new(unsound.clone()));
        }
        if self.is_target(unsound) {
            self.directives.saw(Target::Record(unsound.digest), unsound.admitted);
        }
    }

    fn before(&mut self, copies: &Copies, _now: Tick, _eager: bool) -> Said {
        self.say(copies)
    }

    fn turn(&mut self, key: u128, copies: &mut Copies, before: Said, tick: Tick, out: &mut Outbox) -> Turn {
        let after = self.say(copies);
        for (said, diff) in [(&before, -1), (&after, 1)] {
            if let Some(unsound) = &said.row {
                out.told.counts.rejects[usize::from(unsound.cause)] += diff;
            }
        }
        let position = |said: &Said| said.row.as_ref().map(|unsound| unsound.position);
        if self.settings.wanted.changes && position(&before) != position(&after) {
            for (said, diff) in [(&before, -1), (&after, 1)] {
                if let Some(unsound) = &said.row {
                    let row = Self::row(unsound, &self.settings);
                    out.told.changes.push(Output::Rejects, tick, diff, row);
                }
            }
        }
        let faults = (&self.fault(before.row.as_deref())[..], &self.fault(after.row.as_deref())[..]);
        self.faults.differ(home(key, copies), faults, tick, |_| copies.named(), &mut out.faults);
        if before.amended != after.amended {
            before.amended.iter().for_each(|amended| self.send(amended, tick, -1, out));
            after.amended.iter().for_each(|amended| self.send(amended, tick, 1, out));
        }
        if before.sight != after.sight {
            let seen = |sight: Option<Sight>, diff| sight.map(|sight| Seen::sight(sight, tick, diff));
            out.seen.extend(seen(before.sight, -1));
            out.seen.extend(seen(after.sight, 1));
        }
        Turn { next: None, vacant: copies.least.is_none() }
    }

    fn turned(&mut self, tick: Tick, out: &mut Outbox) {
        self.faults.turned();
        out.seen.extend(self.directives.new.drain(..).map(|(target, since)| Seen::new(target, since, tick)));
    }

    /// An unsound record may say no time, or any: the horizon counts from when it came. Rows and commands are of no time.
    fn forget_after(&self, copies: &Copies) -> Tick {
        let is_fact = |unsound: &Unsound| {
            let topic = Topic::ALL[usize::from(unsound.topic)];
            matches!(topic, Topic::Wagers | Topic::Outcomes | Topic::Payments)
        };
        match copies.least.as_deref().filter(|unsound| is_fact(unsound)) {
            Some(_) => self.settings.forget_after(copies.admitted, false),
            None => Tick::MAX,
        }
    }

    fn forget(&mut self, key: u128, copies: &mut Copies, _now: Tick, out: &mut Outbox) {
        if self.settings.rest_at_end {
            self.rest_row(copies, &mut out.told);
        }
        let fault = self.fault(self.say(copies).row.as_deref());
        let after = self.forget_after(copies);
        self.faults.forget(home(key, copies), &fault, after, |_| copies.named(), &mut out.faults);
    }

    fn reach(
        &self,
        side: &[(Decided, isize)],
        slab: &Slab<Copies>,
        _find: &dyn Fn(u128) -> Option<u32>,
    ) -> Vec<u32> {
        let speaks_of = |unsound: &Unsound| {
            let target = Target::Record(unsound.digest);
            side.iter().any(|(order, _)| order.target == target)
        };
        let is_target = |&slot: &u32| slab.get(slot).1.least.as_deref().is_some_and(speaks_of);
        slab.live().filter(is_target).collect()
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

    fn revise(&mut self, copies: &mut Copies) {
        if let Some(unsound) = copies.least.as_deref().filter(|unsound| self.is_target(unsound)) {
            self.directives.saw(Target::Record(unsound.digest), 0);
        }
    }

    fn keep(&mut self, copies: &Copies) -> Copies {
        copies.clone()
    }

    fn back(&mut self, copies: Copies, _at: Tick) -> Copies {
        copies
    }

    fn own(&self) -> Vec<(Whose, Own)> {
        let directives = self.directives.saved().into_iter();
        let directives = directives.map(|(whose, kept)| (whose, Own::Directives(kept)));
        directives.chain([(Whose::Everyone, Own::EntersUntil(self.faults.enters_until()))]).collect()
    }

    fn own_back(&mut self, own: Own) {
        match own {
            Own::Directives(kept) => self.directives.back(kept),
            Own::EntersUntil(tick) => self.faults.enter_until(tick),
        }
    }

    fn is_full(out: &Outbox) -> bool {
        out.told.bytes() > 1 << 20
    }

    fn rest(&mut self, slab: &Slab<Copies>, out: &mut Outbox) -> bool {
        for slot in slab.live() {
            self.rest_row(&slab.get(slot).1, &mut out.told);
        }
        true
    }
}
