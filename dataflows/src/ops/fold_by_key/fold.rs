//! What is folded: the records of a key as they travel, and the function with the store of what its keys hold.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Slab;
use crate::Tick;
use crate::checkpoint::Whose;

/// Updates as they travel: many in one message, in order of tick.
pub trait Updates: Clone + 'static {
    /// The worker that owns all keys of the message.
    fn worker(&self) -> u64;
    /// How many updates there are.
    fn len(&self) -> usize;
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The key of update `at`.
    fn key(&self, at: usize) -> u128;
    /// The tick of update `at`; never falls within a message.
    fn tick(&self, at: usize) -> Tick;
    /// The tick at which update `at` was admitted: its own where ticks are exact, finer where they are coarse.
    fn admitted(&self, at: usize) -> Tick;
    /// Update `at` is no record: it only wakes its key.
    fn only_wakes(&self, _at: usize) -> bool {
        false
    }
    /// Where update `at` stands among those of its tick, whoever sent them. Never falls among a message's updates of a
    /// tick, and no other message has one between them.
    fn rank(&self, _at: usize) -> (u8, u64) {
        (0, 0)
    }
}

/// What a key's turn came to.
#[derive(Default)]
pub struct Turn {
    /// The next tick at which rows change though no record comes.
    pub next: Option<Tick>,
    /// No record is left: the key may go.
    pub vacant: bool,
}

/// The function that is folded, with the store of what its keys hold.
pub trait Fold: 'static {
    /// Records arriving and leaving.
    type Updates: Updates + timely::ExchangeData;
    /// Rows that every worker holds beside its keys.
    type Side: timely::ExchangeData + Clone;
    /// What is kept of a key; default: nothing was filed.
    type State: Default;
    /// What stood at the last tick, or how to tell it.
    type Before;
    /// What the operator tells: differences, and rows at rest.
    type Out: Default + Clone + 'static;
    /// What is told of records that may enter again.
    type Verdict: Clone + 'static;
    /// What is saved of a key.
    type Kept: Serialize + DeserializeOwned;
    /// What is saved beside the keys.
    type Own: Serialize + DeserializeOwned;

    /// Files update `at` with its key's records.
    fn file(&mut self, state: &mut Self::State, updates: &Self::Updates, at: usize);
    /// What stands for a key, before its first touch in a tick; `now` is the last tick that was worked. `eager` forbids
    /// to put the telling off: side rows are about to change.
    fn before(&mut self, state: &Self::State, now: Tick, eager: bool) -> Self::Before;
    /// Tells the differences between `before` and `f` at `tick`.
    fn turn(
        &mut self,
        key: u128,
        state: &mut Self::State,
        before: Self::Before,
        tick: Tick,
        out: &mut Self::Out,
    ) -> Turn;
    /// Update `at` is coming: asks for memory of the fold's own ahead of it, and once more when it is near.
    fn prefetch(&self, _updates: &Self::Updates, _at: usize, _is_near: bool) {}
    /// A timer of a key fires at `tick`: whether its rows may change.
    fn is_due(&self, _state: &Self::State, _tick: Tick) -> bool {
        true
    }
    /// A key's turn is near: asks for memory of the fold's own ahead of it.
    fn prefetch_turn(&self, _state: &Self::State) {}
    /// All keys that a tick touched have had their turn.
    fn turned(&mut self, tick: Tick, out: &mut Self::Out);
    /// `out` is about to be sent, at `tick`: adds what was gathered for it. `is_last` where no more is sent before
    /// other operators have their turn.
    fn seal(&mut self, _tick: Tick, _is_last: bool, _out: &mut Self::Out) {}
    /// The tick after which nothing can touch the key any more; `Tick::MAX` where nothing was filed.
    fn forget_after(&self, state: &Self::State) -> Tick;
    /// Whether nothing admitted at `admitted` can touch the key any more. Asked for every record of a key.
    fn is_past(&self, state: &Self::State, admitted: Tick) -> bool {
        self.forget_after(state) < admitted
    }
    /// Tells the rows of a key that is forgotten, and frees what it holds.
    fn forget(&mut self, key: u128, state: &mut Self::State, now: Tick, out: &mut Self::Out);
    /// The numbers of the keys of which side rows change what is said. `find` gives the number of a key that is named.
    fn reach(
        &self,
        side: &[(Self::Side, isize)],
        slab: &Slab<Self::State>,
        find: &dyn Fn(u128) -> Option<u32>,
    ) -> Vec<u32>;
    /// Takes what is told of records that may enter again out of `out`.
    fn verdicts(_out: &mut Self::Out) -> Vec<Self::Verdict> {
        Vec::new()
    }
    /// The last tick at which a record may enter again here, going by what was told; 0 where none may.
    fn enters_until(&self) -> Tick {
        0
    }
    /// Takes side rows in.
    fn take_side(&mut self, side: &[(Self::Side, isize)]);
    /// Side rows have changed what may be said of a key: it gets its turn.
    fn revise(&mut self, state: &mut Self::State);
    /// Whether `out` is worth sending.
    fn is_full(out: &Self::Out) -> bool;
    /// Called once when the inputs have closed and every timer has fired, then until it says that it is done: tells
    /// the rows at rest of all keys, some at a time.
    fn rest(&mut self, slab: &Slab<Self::State>, out: &mut Self::Out) -> bool;
    /// A key as it is saved.
    fn keep(&mut self, state: &Self::State) -> Self::Kept;
    /// A key that was saved, as it stood after `at`. What was saved first beside the keys has come back before it.
    fn back(&mut self, kept: Self::Kept, at: Tick) -> Self::State;
    /// What is saved beside the keys, before them.
    fn own(&self) -> Vec<(Whose, Self::Own)> {
        Vec::new()
    }
    /// What is saved beside the keys, after them.
    fn own_after(&mut self) -> Vec<(Whose, Self::Own)> {
        Vec::new()
    }
    /// What was saved beside the keys.
    fn own_back(&mut self, _own: Self::Own) {}
    /// All ticks through this one were worked, by whoever saved.
    fn worked_through(&mut self, _at: Tick) {}
}
