//! `sum_by_key`: one group sum for each key.
//!
//! ```text
//! (key, addend, tick) ──▶ ┌─────────────┐ ──▶ key, what stood, what stands: once a tick for each key that changed
//!                         │ sum of key  │
//! ```
//! **Law.** At every tick a key's sum is that of all its addends so far; addends of a tick are summed before anything
//! is told, so that what cancels within a tick is never seen. It equals differential's `count` of the same addends.
//! A sum that counts nothing any more leaves the state.

use std::hash::Hash;
use std::marker::PhantomData;

use hashbrown::HashMap;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::ParallelizationContract;

use super::by_tick::{ByTick, by_tick};
use crate::Tick;
use crate::checkpoint::{Damage, Entries, Op, Out, Saved, Whose};
use crate::keys::Keyed;

/// A group sum: commutative, and every addend has an inverse.
pub trait Sum: Clone + Default + PartialEq + Serialize + DeserializeOwned + 'static {
    /// Adds.
    fn add(&mut self, addend: &Self);
    /// Whether nothing stands behind the sum any more: the key then has no row.
    fn is_void(&self) -> bool;
}

/// Addends as they travel: those of one tick.
pub trait Addends<K, S>: Clone + 'static {
    /// Since when.
    fn tick(&self) -> Tick;
    /// Gives each with its key.
    fn each(&self, add: impl FnMut(&K, &S));
}

impl<K: Clone + 'static, S: Clone + 'static> Addends<K, S> for (K, S, Tick) {
    fn tick(&self) -> Tick {
        self.2
    }

    fn each(&self, mut add: impl FnMut(&K, &S)) {
        add(&self.0, &self.1);
    }
}

/// What is said of sums.
pub trait Teller: 'static {
    /// What is summed by.
    type Key: Clone + Eq + Hash + 'static;
    /// What is summed.
    type Sum: Sum;
    /// What is held beside the sums.
    type Side: Clone + 'static;
    /// What is told.
    type Out: Default + Clone + 'static;
    /// A key, as another worker would know it.
    type KeptKey: Serialize + DeserializeOwned;
    /// What is saved beside the sums.
    type Own: Serialize + DeserializeOwned;

    /// Tells that a sum changed; `None` where it was or is void.
    fn tell(
        &mut self,
        key: &Self::Key,
        before: Option<&Self::Sum>,
        after: Option<&Self::Sum>,
        tick: Tick,
        out: &mut Self::Out,
    );
    /// Takes side rows in or out, and tells what that changes of the `sums` as they stand.
    fn heed<'a>(
        &mut self,
        _tick: Tick,
        _side: &[(Self::Side, Tick, isize)],
        _sums: impl Iterator<Item = (&'a Self::Key, &'a Self::Sum)>,
        _out: &mut Self::Out,
    ) {
    }
    /// The keys' sums that may leave the state at `now`, though they stand: their rows rest.
    fn may_leave(&self, key: &Self::Key, sum: &Self::Sum, now: Tick) -> bool;
    /// Whether there is any use in asking `may_leave` at `now`.
    fn leave_due(&mut self, now: Tick) -> bool;
    /// Tells the rows at rest of sums that leave or that stand at the end.
    fn rest(&mut self, sums: Vec<(Self::Key, Self::Sum)>, at_end: bool, out: &mut Self::Out);
    /// Whether `out` is worth sending.
    fn is_full(out: &Self::Out) -> bool;
    /// A key as it is saved, and the key of who owns it.
    fn keep_key(&self, key: &Self::Key) -> (u128, Self::KeptKey);
    /// A key that was saved.
    fn key_back(&mut self, kept: Self::KeptKey) -> Self::Key;
    /// What is saved beside the sums.
    fn own(&self) -> Vec<(Whose, Self::Own)> {
        Vec::new()
    }
    /// It comes back.
    fn own_back(&mut self, _own: Self::Own) {}
}

/// See the module. `op` is the operator's name in words, and whether its state is saved.
pub fn sum_by_key<'s, 'n, T: Teller, A: Addends<T::Key, T::Sum>>(
    addends: StreamVec<'s, Tick, A>,
    side: StreamVec<'s, Tick, (T::Side, Tick, isize)>,
    pact: impl ParallelizationContract<Tick, Vec<A>>,
    op: impl Into<Op<'n>>,
    rest_at_end: bool,
    teller: T,
) -> StreamVec<'s, Tick, T::Out> {
    let sums = Sums { teller, sums: HashMap::default(), changed: Vec::new(), addends: PhantomData::<A> };
    by_tick(addends, side, pact, op, rest_at_end, sums)
}

struct Sums<T: Teller, A> {
    teller: T,
    sums: HashMap<T::Key, Entry<T::Sum>, Keyed>,
    /// The keys that this tick changed, with what stood before.
    changed: Vec<(T::Key, T::Sum)>,
    addends: PhantomData<A>,
}

#[derive(Default)]
struct Entry<S> {
    sum: S,
    /// The last tick in which it changed, so that what stood is taken once.
    tick: Tick,
}

/// What is saved: of each key its sum, and what the teller holds beside them.
#[derive(Serialize, Deserialize)]
enum Kept<K, S, O> {
    Own(O),
    Sum(K, S),
}

impl<T: Teller, A: 'static> Saved for Sums<T, A> {
    fn save(&mut self, _at: Tick, out: &mut Out<'_>) {
        for (whose, own) in self.teller.own() {
            out.put(whose, &Kept::<T::KeptKey, &T::Sum, _>::Own(own));
        }
        for (key, entry) in &self.sums {
            let (owner, key) = self.teller.keep_key(key);
            out.put(Whose::Owner(owner), &Kept::<_, _, T::Own>::Sum(key, &entry.sum));
        }
    }

    fn load(&mut self, _at: Tick, part: &mut Entries<'_>) -> Result<(), Damage> {
        while let Some(kept) = part.read::<Kept<T::KeptKey, T::Sum, T::Own>>()? {
            match kept {
                Kept::Own(own) => self.teller.own_back(own),
                Kept::Sum(key, sum) => {
                    let key = self.teller.key_back(key);
                    if self.sums.insert(key, Entry { sum, tick: Tick::MAX }).is_some() {
                        return Err(part.contradiction("a key has two sums"));
                    }
                }
            }
        }
        Ok(())
    }
}

impl<T: Teller, A: Addends<T::Key, T::Sum>> ByTick for Sums<T, A> {
    type In = A;
    type Side = T::Side;
    type Out = T::Out;

    fn tick(addends: &A) -> Tick {
        addends.tick()
    }

    fn heed(&mut self, tick: Tick, side: &[(T::Side, Tick, isize)], out: &mut T::Out) {
        let sums = self.sums.iter().map(|(key, entry)| (key, &entry.sum));
        self.teller.heed(tick, side, sums, out);
    }

    fn work(&mut self, tick: Tick, addends: &[A], out: &mut T::Out) {
        let (sums, changed) = (&mut self.sums, &mut self.changed);
        let mut add = |key: &T::Key, addend: &T::Sum| {
            let empty = || Entry { sum: T::Sum::default(), tick: Tick::MAX };
            let entry = sums.entry(key.clone()).or_insert_with(empty);
            if entry.tick != tick {
                entry.tick = tick;
                changed.push((key.clone(), entry.sum.clone()));
            }
            entry.sum.add(addend);
        };
        addends.iter().for_each(|addends| addends.each(&mut add));
        for (key, before) in self.changed.drain(..) {
            let Some(entry) = self.sums.get(&key) else { continue };
            let after = &entry.sum;
            let is_void = after.is_void();
            if before != *after {
                let stood = (!before.is_void()).then_some(&before);
                self.teller.tell(&key, stood, (!is_void).then_some(after), tick, out);
            }
            if is_void {
                self.sums.remove(&key);
            }
        }
    }

    fn forget_through(&mut self, now: Tick, out: &mut T::Out) {
        if self.teller.leave_due(now) {
            let teller = &self.teller;
            let left = self.sums.extract_if(|key, entry| teller.may_leave(key, &entry.sum, now));
            let left = left.map(|(key, entry)| (key, entry.sum)).collect();
            self.teller.rest(left, false, out);
        }
    }

    fn rest(&mut self, out: &mut T::Out) -> bool {
        let sums = self.sums.drain().map(|(key, entry)| (key, entry.sum)).collect();
        self.teller.rest(sums, true, out);
        true
    }

    fn is_full(out: &T::Out) -> bool {
        T::is_full(out)
    }
}
