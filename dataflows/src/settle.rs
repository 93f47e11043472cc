//! Settle: what commands did to their targets, and what their targets wait for.
//!
//! ```text
//! commands ───────────────┐
//! what is seen of targets ┼▶ fold by target ──▶ decisions
//! grounds, a tick later ──┤       └───────────▶ rejects: unknown_target, and what an amendment fails
//! payouts ────────────────┴▶ hold ──▶ moves between wallets ──▶ ledger
//! ```
//! At every tick a decision stands for each command in force whose target is there, with how the target stood before it
//! and stands after it, in the order in which the commands about it apply; any other command is a reject. What is *not*
//! here: the deeds of commands themselves, which are done where records are judged and payouts told; what rules hold is
//! held here: [`holds`].

use gyre_domain::cause::Cause;
use gyre_domain::commands::{CommandKind, Verdict};
use gyre_domain::records::Record;
use serde::{Deserialize, Serialize};
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Leave;
use timely::dataflow::operators::core::{Concatenate, Map};
use timely::dataflow::operators::generic::operator::empty;
use timely::dataflow::operators::vec::Broadcast;
use timely::dataflow::{Scope, StreamVec};

use crate::Tick;
use crate::checkpoint::Saving;
use crate::checkpoint::later::{hand_in, keep_under_way};
use crate::directives::{Decided, Order, Sight, Target};
use crate::graph::Settings;
use crate::keys::owner;
use crate::ops::by_tick::by_tick;
use crate::ops::fan_out::fan_out;
use crate::ops::fold_by_key::{Fold, Slab, Turn, Updates, fold_by_key};
use crate::rows::records::push_record_reject;
use crate::rows::{Object, Output, write};
use crate::seams::{AT_END, Ground, Move, Payable, Reading, Seen, Sighting};
use holds::{Holds, Outbox};

pub mod holds;

/// What the stage takes.
pub struct Inputs<'s> {
    /// Commands in force, on every worker.
    pub decided: StreamVec<'s, Tick, (Decided, Tick, isize)>,
    /// What is seen of their targets, on whichever worker.
    pub seen: StreamVec<'s, Tick, Seen>,
    /// On which rules hold payouts, on whichever worker each is found.
    pub grounds: StreamVec<'s, Tick, Ground>,
    /// Payouts that a rule could hold.
    pub payables: StreamVec<'s, Tick, (Payable, Tick, isize)>,
}

/// What the stage gives.
pub struct Outputs<'s> {
    /// From cash to what is held.
    pub moves: StreamVec<'s, Tick, Move>,
    /// Decisions, rejects of commands, postings of what may be held.
    pub told: StreamVec<'s, Tick, Reading>,
}

impl Outputs<'_> {
    /// Leaves the stage's region.
    pub fn leave(self, scope: Scope<'_, Tick>) -> Outputs<'_> {
        Outputs { moves: self.moves.leave(scope), told: self.told.leave(scope) }
    }
}

/// Builds the stage.
pub fn build<'s>(inputs: Inputs<'s>, settings: &Settings, saving: &Saving) -> Outputs<'s> {
    let Inputs { decided, seen, grounds, payables } = inputs;
    let grounds = put_off(grounds, settings, saving);
    let decisions = decisions(decided, seen, grounds.clone(), settings, saving);
    let (moves, postings) = hold(payables, grounds, settings, saving);
    Outputs { told: moves.scope().concatenate([decisions, postings]), moves }
}

/// Builds what other rules would move from cash to what is held, and nothing else of the stage.
pub fn moves_beside<'s>(
    payables: StreamVec<'s, Tick, (Payable, Tick, isize)>,
    grounds: StreamVec<'s, Tick, Ground>,
    settings: &Settings,
) -> StreamVec<'s, Tick, Move> {
    hold(payables, delay(grounds, settings.hold_after_ms), settings, &Saving::off()).0
}

/// What grounds move, and the postings of what they may.
fn hold<'s>(
    payables: StreamVec<'s, Tick, (Payable, Tick, isize)>,
    grounds: StreamVec<'s, Tick, Ground>,
    settings: &Settings,
    saving: &Saving,
) -> (StreamVec<'s, Tick, Move>, StreamVec<'s, Tick, Reading>) {
    let grounds = grounds.broadcast().map(|ground| (ground, ground.tick, ground.diff));
    let holds = Holds::new(settings.wanted, settings.rest_at_end);
    let held = by_tick(payables, grounds, Pipeline, saving.op("hold payouts"), settings.rest_at_end, holds);
    fan_out(held, "hand out moves", |outbox: Outbox, parts| {
        parts.first.extend(outbox.moves);
        parts.second.push(outbox.told);
    })
}

/// A ground holds one tick after its anomaly, and no more one tick after that has gone. What is found at the end of all
/// ticks holds then.
fn delay<'s>(grounds: StreamVec<'s, Tick, Ground>, by_ms: u64) -> StreamVec<'s, Tick, Ground> {
    grounds.map(move |ground| {
        let tick = ground.tick.saturating_add(by_ms).min(AT_END);
        Ground { tick, ..ground }
    })
}

/// The same, where what is put off is kept while it is under way.
fn put_off<'s>(
    grounds: StreamVec<'s, Tick, Ground>,
    settings: &Settings,
    saving: &Saving,
) -> StreamVec<'s, Tick, Ground> {
    let (scope, keys) = (grounds.scope(), settings.keys);
    let (again, back) = hand_in(scope, "hand in grounds under way", saving);
    let item = move |ground: &Ground| {
        let key = Target::Payouts(ground.target).key(&keys);
        [(ground.tick, key, *ground)]
    };
    let grounds = delay(grounds, settings.hold_after_ms);
    let grounds =
        keep_under_way(grounds, saving.op("keep grounds under way"), back, item, std::convert::identity);
    if saving.is_on() { scope.concatenate([grounds, again]) } else { grounds }
}

fn decisions<'s>(
    decided: StreamVec<'s, Tick, (Decided, Tick, isize)>,
    seen: StreamVec<'s, Tick, Seen>,
    grounds: StreamVec<'s, Tick, Ground>,
    settings: &Settings,
    saving: &Saving,
) -> StreamVec<'s, Tick, Reading> {
    let scope = decided.scope();
    let index = scope.index();
    let (keys, workers) = (settings.keys, settings.workers);
    let word = move |target: Target, tick, what| {
        let key = target.key(&keys);
        Word { worker: owner(key, workers) as u64, key, tick, what }
    };
    let orders = decided.flat_map(move |(order, tick, diff)| {
        let word = word(order.target, tick, What::Order(order, diff));
        // Each worker has them all.
        (word.worker == index as u64).then_some(word)
    });
    let grounds = grounds
        .map(move |ground| word(Target::Payouts(ground.target), ground.tick, What::Ground(ground.diff)));
    let seen = seen.map(move |seen| word(seen.target, seen.tick, What::Seen(seen.what)));
    let words = scope.concatenate([orders, grounds, seen]);
    let decisions = Decisions { settings: settings.clone() };
    fold_by_key(words, empty(scope), saving.op("fold decisions by target"), settings.pace(), decisions)
}

/// One thing that is said of a target.
#[derive(Clone, Serialize, Deserialize)]
struct Word {
    worker: u64,
    key: u128,
    tick: Tick,
    what: What,
}

#[derive(Clone, Serialize, Deserialize)]
enum What {
    Order(Box<Order>, isize),
    Ground(isize),
    Seen(Sighting),
}

impl Updates for Word {
    fn worker(&self) -> u64 {
        self.worker
    }

    fn len(&self) -> usize {
        1
    }

    fn key(&self, _at: usize) -> u128 {
        self.key
    }

    fn tick(&self, _at: usize) -> Tick {
        self.tick
    }

    fn admitted(&self, _at: usize) -> Tick {
        self.tick
    }
}

/// What is known of a target.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Known {
    /// The commands in force, in their order.
    orders: Vec<Order>,
    /// How it would stand as it came, with how many say so.
    sights: Vec<(Sight, i64)>,
    /// When it came.
    since: Option<Tick>,
    grounds: isize,
}

impl Known {
    /// What is seen of it; where it is seen in several places, the least.
    fn sight(&self) -> Option<&Sight> {
        let seen = self.sights.iter().filter(|(_, count)| *count > 0).map(|(sight, _)| sight);
        seen.min_by_key(|sight| {
            let refused: Vec<Option<Cause>> =
                self.orders.iter().map(|order| sight.refused_for(order.key)).collect();
            (sight.came, refused)
        })
    }
}

/// What is told of a command.
#[derive(Clone, PartialEq, Eq)]
struct Said {
    refused: Option<Cause>,
    row: Vec<u8>,
}

impl Said {
    fn output(&self) -> Output {
        if self.refused.is_some() { Output::Rejects } else { Output::Decisions }
    }
}

struct Decisions {
    settings: Settings,
}

impl Decisions {
    /// What is told of the commands about a target.
    fn say(&self, known: &Known) -> Vec<Said> {
        let Some(sight) = known.sight() else {
            return known.orders.iter().map(|order| self.refuse(order, Cause::UnknownTarget)).collect();
        };
        let mut now = sight.came;
        let mut said = Vec::with_capacity(known.orders.len());
        for order in &known.orders {
            if let Some(cause) = sight.refused_for(order.key) {
                said.push(self.refuse(order, cause));
                continue;
            }
            let after = Verdict::after(order.kind, sight.came);
            said.push(self.decide(order, known, now, after));
            now = after;
        }
        said
    }

    fn refuse(&self, order: &Order, cause: Cause) -> Said {
        let (packed, places) = (order.packed(), &self.settings.places);
        let record = Record::Command(packed.command());
        let raw = Some(&*order.raw);
        let row = write(|out| push_record_reject(out, &record, cause, packed.position(), raw, places));
        Said { refused: Some(cause), row }
    }

    fn decide(&self, order: &Order, known: &Known, before: Verdict, after: Verdict) -> Said {
        let command = order.packed().command();
        // A rule holds what no command does.
        let is_of_payouts = matches!(order.kind, CommandKind::Hold | CommandKind::Release);
        let held = |verdict: Verdict| match is_of_payouts && known.grounds > 0 {
            true => Verdict::Held.name(),
            false => verdict.name(),
        };
        let row = write(|out| {
            Object::open(out)
                .text("tenant", &command.origin.tenant)
                .text("provider", &command.origin.provider)
                .text("command_id", &command.command_id)
                .text("kind", command.kind.name())
                .text("target", &command.target)
                .text("actor", &command.actor)
                .text("reason", &command.reason)
                .time("at_ms", command.at_ms)
                .time("tick", order.admitted.max(known.since.unwrap_or(0)))
                .text("before", held(before))
                .text("after", held(after))
                .close();
        });
        Said { refused: None, row }
    }
}

impl Fold for Decisions {
    type Updates = Word;
    type Side = ();
    type State = Known;
    type Before = Vec<Said>;
    type Out = Reading;
    type Verdict = ();
    type Kept = Known;
    type Own = ();

    fn file(&mut self, known: &mut Known, word: &Word, _at: usize) {
        match &word.what {
            What::Order(order, diff) if *diff > 0 => {
                let at = known.orders.partition_point(|other| *other < **order);
                known.orders.insert(at, (**order).clone());
            }
            What::Order(order, _) => {
                if let Some(at) = known.orders.iter().position(|other| *other == **order) {
                    known.orders.remove(at);
                }
            }
            What::Ground(diff) => known.grounds += diff,
            What::Seen(Sighting::Sight(sight, diff)) => {
                match known.sights.iter_mut().find(|(other, _)| other == sight) {
                    Some((_, count)) => *count += diff,
                    None => known.sights.push((sight.clone(), *diff)),
                }
                known.sights.retain(|(_, count)| *count != 0);
            }
            What::Seen(Sighting::Since(since)) => {
                known.since = Some(known.since.map_or(*since, |earlier| earlier.min(*since)));
            }
        }
    }

    fn before(&mut self, known: &Known, _now: Tick, _eager: bool) -> Vec<Said> {
        self.say(known)
    }

    fn turn(
        &mut self,
        _key: u128,
        known: &mut Known,
        before: Vec<Said>,
        tick: Tick,
        out: &mut Reading,
    ) -> Turn {
        let after = self.say(known);
        for (all, others, diff) in [(&before, &after, -1), (&after, &before, 1)] {
            for said in all.iter().filter(|said| !others.contains(said)) {
                match said.refused {
                    Some(cause) => out.counts.rejects[cause as usize] += diff,
                    None => out.counts.decisions += diff,
                }
                if self.settings.wanted.changes {
                    out.changes.push(said.output(), tick, diff, |text| text.extend_from_slice(&said.row));
                }
            }
        }
        let vacant = known.orders.is_empty() && known.sights.is_empty() && known.grounds == 0;
        Turn { next: None, vacant }
    }

    fn turned(&mut self, _tick: Tick, _out: &mut Reading) {}

    /// Commands are never forgotten.
    fn forget_after(&self, _known: &Known) -> Tick {
        Tick::MAX
    }

    fn forget(&mut self, _key: u128, _known: &mut Known, _now: Tick, _out: &mut Reading) {}

    fn reach(
        &self,
        _side: &[((), isize)],
        _slab: &Slab<Known>,
        _find: &dyn Fn(u128) -> Option<u32>,
    ) -> Vec<u32> {
        Vec::new()
    }

    fn take_side(&mut self, _side: &[((), isize)]) {}

    fn revise(&mut self, _known: &mut Known) {}

    fn keep(&mut self, known: &Known) -> Known {
        known.clone()
    }

    fn back(&mut self, known: Known, _at: Tick) -> Known {
        known
    }

    fn is_full(out: &Reading) -> bool {
        out.bytes() > 1 << 20
    }

    fn rest(&mut self, slab: &Slab<Known>, out: &mut Reading) -> bool {
        for slot in slab.live() {
            for said in self.say(&slab.get(slot).1) {
                out.rest.loose.push(said.output(), 0, 1, |text| text.extend_from_slice(&said.row));
            }
        }
        true
    }
}
