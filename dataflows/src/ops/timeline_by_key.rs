//! `timeline_by_key`: an account's events in event order, with its running balance.
//!
//! ```text
//! (account, event, ±1, tick) ──▶ ┌──────────────────┐ ──▶ account, findings before and after: once a tick
//!                                │ blocks of events │
//!                                └──────────────────┘
//! ```
//! Events stand in order of time, credits before debits, in blocks; a block keeps its sum and its lowest prefix, and
//! what holds before it. An event near the tail costs O(1), a late one the blocks behind it.
//!
//! **Law.** The findings at every tick are those of the whole sequence read afresh. Where nobody reads changes they are
//! found once, at the end; that is the same by the law.
//!
//! A timeline forgets what lies behind the horizon; its sum, its lowest point and the last 64 stakes stay.

use std::rc::Rc;

use gyre_domain::money::Quantity;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;

use super::by_tick::{ByTick, by_tick};
use crate::Tick;
use crate::checkpoint::{Damage, Entries, Op, Out, Saved, Whose};

mod changes;
mod event;
mod stakes;
mod timeline;

use changes::Gathered;
pub use changes::{Change, Changes};
pub use event::{CLAIM, EVENT, Event, PAYMENT, REVERSED, STAKE, WAGER};
pub use stakes::BASELINE;
pub use timeline::{MINUTE_MS, Run, Timeline};

/// The part of a timeline that changed since it was last watched: by time, and whether anything was taken out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dirty {
    /// The earliest event that came or went.
    pub from_ms: u64,
    /// The latest one.
    pub to_ms: u64,
    /// Something was taken out.
    pub shrank: bool,
}

/// What is looked for in timelines.
pub trait Watch: 'static {
    /// What was found in a timeline.
    type Found: Default + Clone + PartialEq + Serialize + DeserializeOwned + 'static;
    /// What is held beside the timelines.
    type Side: Clone + 'static;
    /// What is told.
    type Out: Default + Clone + 'static;
    /// What is saved beside the timelines.
    type Own: Serialize + DeserializeOwned;

    /// Takes side rows in or out.
    fn heed(&mut self, _side: &[(Self::Side, Tick, isize)]) {}
    /// The part of a timeline that is to be looked at anew after that.
    fn reach(&self, _account: u32) -> Option<Dirty> {
        None
    }
    /// Brings what was found up to date, after a part of the timeline changed.
    fn watch(&self, account: u32, timeline: &mut Timeline, dirty: Dirty, found: &mut Self::Found);
    /// Tells that findings changed.
    fn tell(
        &mut self,
        account: u32,
        before: &Self::Found,
        after: &Self::Found,
        tick: Tick,
        out: &mut Self::Out,
    );
    /// Tells the rows at rest.
    fn rest(&mut self, account: u32, found: &Self::Found, out: &mut Self::Out);
    /// What happened before this time can be forgotten at `now`, and how often it is worth to look.
    fn horizon(&self, now: Tick) -> (u64, Tick);
    /// Whether `out` is worth sending.
    fn is_full(out: &Self::Out) -> bool;
    /// The key of an account, as every worker knows it.
    fn key(&self, account: u32) -> u128;
    /// The number of a key here.
    fn number(&self, key: u128) -> u32;
    /// What is saved beside the timelines.
    fn own(&self) -> Vec<(Whose, Self::Own)> {
        Vec::new()
    }
    /// It comes back.
    fn own_back(&mut self, _own: Self::Own) {}
}

/// How the findings of timelines are read.
#[derive(Clone, Copy, Debug)]
pub struct Reads {
    /// Every change, at its tick; otherwise they are found once, at the end.
    pub changes: bool,
    /// Rows at rest, at the end.
    pub rest_at_end: bool,
}

/// See the module. `op` is the operator's name in words, and whether its state is saved.
pub fn timeline_by_key<'s, 'n, W: Watch>(
    changes: StreamVec<'s, Tick, Rc<Changes>>,
    side: StreamVec<'s, Tick, (W::Side, Tick, isize)>,
    op: impl Into<Op<'n>>,
    reads: Reads,
    watch: W,
) -> StreamVec<'s, Tick, W::Out> {
    let timelines = Timelines {
        watch,
        reads,
        kept: Vec::new(),
        touched: Vec::new(),
        gathered: Gathered::default(),
        swept: 0,
    };
    by_tick(changes, side, Pipeline, op, reads.rest_at_end, timelines)
}

struct Timelines<W: Watch> {
    watch: W,
    reads: Reads,
    /// By number of the account.
    kept: Vec<Kept<W::Found>>,
    /// The accounts that the tick touched.
    touched: Vec<u32>,
    /// What waits to be worked.
    gathered: Gathered,
    /// When timelines were last looked over for forgetting.
    swept: Tick,
}

#[derive(Default)]
struct Kept<F> {
    timeline: Timeline,
    dirty: Option<Dirty>,
    found: Option<Box<F>>,
    is_touched: bool,
}

impl<F: Default + Clone + PartialEq> Kept<F> {
    fn file(&mut self, change: Change, claim: Option<Quantity>) {
        let found = self.timeline.update(change.event, claim, change.diff.into());
        let at_ms = if found { change.event.at_ms() } else { 0 };
        let shrank = change.diff < 0;
        self.stain(Dirty { from_ms: at_ms, to_ms: at_ms, shrank });
    }

    /// A part of the timeline is to be looked at.
    #[inline]
    fn stain(&mut self, part: Dirty) {
        let dirty = self.dirty.get_or_insert(part);
        dirty.from_ms = dirty.from_ms.min(part.from_ms);
        dirty.to_ms = dirty.to_ms.max(part.to_ms);
        dirty.shrank |= part.shrank;
    }

    /// Whether anything ever happened here.
    fn has_events(&self) -> bool {
        self.found.is_some() || !self.timeline.is_untouched()
    }

    /// Brings the findings up to date; nothing found takes no memory.
    fn settle<W: Watch<Found = F>>(&mut self, account: u32, watch: &W) -> F {
        let mut found = self.found.take().map(|found| *found).unwrap_or_default();
        if let Some(mut dirty) = self.dirty.take() {
            dirty.from_ms = dirty.from_ms.max(self.timeline.forgotten_before_ms());
            dirty.to_ms = dirty.to_ms.max(dirty.from_ms);
            watch.watch(account, &mut self.timeline, dirty, &mut found);
        }
        if found != F::default() {
            self.found = Some(Box::new(found.clone()));
        }
        found
    }
}

impl<W: Watch> Timelines<W> {
    /// Files what was gathered, account by account where there is much of it.
    fn work_gathered(&mut self) {
        let mut gathered = std::mem::take(&mut self.gathered);
        let accounts = gathered.accounts();
        if self.kept.len() < accounts {
            self.kept.resize_with(accounts, Kept::default);
        }
        gathered.put_in_order(accounts);
        for at in 0..gathered.len() {
            gathered.prefetch(at + 12);
            if let Some(ahead) = gathered.get(at + 8) {
                super::key_index::prefetch(&self.kept[ahead.account as usize]);
            }
            if let Some(ahead) = gathered.get(at + 4) {
                self.kept[ahead.account as usize].timeline.prefetch();
            }
            let Some(&change) = gathered.get(at) else { break };
            let kept = &mut self.kept[change.account as usize];
            if self.reads.changes && !std::mem::replace(&mut kept.is_touched, true) {
                self.touched.push(change.account);
            }
            kept.file(change, gathered.claim(at));
        }
        gathered.clear();
        self.gathered = gathered;
    }
}

/// What is saved: of each account its timeline and what was found in it.
#[derive(Serialize, Deserialize)]
enum Saving<T, F, O> {
    Own(O),
    Account(u128, T, F),
    Swept(Tick),
}

impl<W: Watch> Saved for Timelines<W> {
    fn save(&mut self, _at: Tick, out: &mut Out<'_>) {
        assert!(self.reads.changes, "where nobody reads changes, nobody takes checkpoints");
        for (whose, own) in self.watch.own() {
            out.put(whose, &Saving::<(), (), _>::Own(own));
        }
        out.put(Whose::Everyone, &Saving::<(), (), W::Own>::Swept(self.swept));
        for (account, kept) in (0..).zip(&self.kept).filter(|(_, kept)| kept.has_events()) {
            assert!(kept.dirty.is_none(), "what changed in a tick was looked at in it");
            let key = self.watch.key(account);
            let kept = Saving::<_, _, W::Own>::Account(key, &kept.timeline, &kept.found);
            out.put(Whose::Owner(key), &kept);
        }
    }

    fn load(&mut self, _at: Tick, part: &mut Entries<'_>) -> Result<(), Damage> {
        while let Some(saved) = part.read::<Saving<Timeline, Option<Box<W::Found>>, W::Own>>()? {
            match saved {
                Saving::Own(own) => self.watch.own_back(own),
                Saving::Swept(swept) => self.swept = self.swept.max(swept),
                Saving::Account(key, mut timeline, found) => {
                    timeline.weigh();
                    let account = self.watch.number(key) as usize;
                    if self.kept.len() <= account {
                        self.kept.resize_with(account + 1, Kept::default);
                    }
                    self.kept[account] = Kept { timeline, found, ..Kept::default() };
                }
            }
        }
        Ok(())
    }
}

impl<W: Watch> ByTick for Timelines<W> {
    type In = Rc<Changes>;
    type Side = W::Side;
    type Out = W::Out;

    fn tick(changes: &Rc<Changes>) -> Tick {
        changes.tick
    }

    fn heed(&mut self, _tick: Tick, side: &[(W::Side, Tick, isize)], _out: &mut W::Out) {
        self.work_gathered();
        self.watch.heed(side);
        for (account, kept) in (0..).zip(&mut self.kept) {
            if !kept.has_events() {
                continue;
            }
            let Some(dirty) = self.watch.reach(account) else { continue };
            kept.stain(dirty);
            kept.timeline.payments.iter_mut().for_each(|payments| payments.rejudge(dirty.from_ms));
            if self.reads.changes && !std::mem::replace(&mut kept.is_touched, true) {
                self.touched.push(account);
            }
        }
    }

    fn work(&mut self, tick: Tick, changes: &[Rc<Changes>], out: &mut W::Out) {
        for changes in changes {
            self.gathered.add(changes);
        }
        if self.reads.changes || self.gathered.is_full() {
            self.work_gathered();
        }
        for account in std::mem::take(&mut self.touched) {
            let kept = &mut self.kept[account as usize];
            kept.is_touched = false;
            let before = kept.found.as_deref().cloned().unwrap_or_default();
            let after = kept.settle(account, &self.watch);
            if before != after {
                self.watch.tell(account, &before, &after, tick, out);
            }
        }
    }

    fn forget_through(&mut self, now: Tick, _out: &mut W::Out) {
        let (before_ms, every) = self.watch.horizon(now);
        if now < self.swept.saturating_add(every) {
            return;
        }
        self.swept = now;
        self.work_gathered();
        let kept = self.kept.iter_mut().enumerate();
        for (account, kept) in kept.filter(|(_, kept)| kept.timeline.begins_before(before_ms)) {
            kept.settle(account as u32, &self.watch);
            kept.timeline.forget(before_ms);
        }
    }

    fn rest(&mut self, out: &mut W::Out) -> bool {
        self.work_gathered();
        for (account, kept) in self.kept.iter_mut().enumerate() {
            let found = kept.settle(account as u32, &self.watch);
            if found != W::Found::default() {
                self.watch.rest(account as u32, &found, out);
            }
        }
        self.kept.clear();
        true
    }

    fn is_full(out: &W::Out) -> bool {
        W::is_full(out)
    }
}
