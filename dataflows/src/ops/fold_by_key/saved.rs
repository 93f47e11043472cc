//! A fold's state in a checkpoint: of each key what the fold keeps, with its timers.
//!
//! When keys are forgotten follows from their states, and what waits for later ticks came over an edge with a delay: its
//! sender keeps that.

use serde::{Deserialize, Serialize};

use super::{Fold, Keyed};
use crate::Tick;
use crate::checkpoint::{Damage, Entries, Out, Saved, Whose};

#[derive(Serialize, Deserialize)]
enum Kept<K, O> {
    Own(O),
    Key(u128, K, Vec<Tick>),
}

impl<F: Fold> Saved for Keyed<F> {
    fn save(&mut self, at: Tick, out: &mut Out<'_>) {
        assert!(self.side.is_empty(), "no edge with a delay leads to side rows: all of them were taken in");
        let waits = self.waiting.first();
        assert!(
            waits.is_none_or(|tick| tick > at),
            "updates wait only where an edge with a delay brought them"
        );
        for (whose, own) in self.fold.own() {
            out.put(whose, &Kept::<F::Kept, _>::Own(own));
        }
        let mut timers: Vec<(u32, Tick)> = self.timers.iter().map(|(tick, slot)| (slot, tick)).collect();
        timers.sort_unstable();
        timers.dedup();
        let mut timers = timers.into_iter().peekable();
        for slot in self.slab.live() {
            // Those of numbers that no key has any more are without effect.
            while timers.next_if(|timer| timer.0 < slot).is_some() {}
            let ticks = std::iter::from_fn(|| timers.next_if(|timer| timer.0 == slot));
            let ticks = ticks.map(|(_, tick)| tick).collect();
            let (key, state) = self.slab.get(slot);
            let kept = self.fold.keep(state);
            out.put(Whose::Owner(*key), &Kept::<_, F::Own>::Key(*key, kept, ticks));
        }
        for (whose, own) in self.fold.own_after() {
            out.put(whose, &Kept::<F::Kept, _>::Own(own));
        }
    }

    fn load(&mut self, at: Tick, part: &mut Entries<'_>) -> Result<(), Damage> {
        self.now = at;
        self.fold.worked_through(at);
        while let Some(kept) = part.read::<Kept<F::Kept, F::Own>>()? {
            match kept {
                Kept::Own(own) => self.fold.own_back(own),
                Kept::Key(key, kept, ticks) => {
                    if self.index.find(key, |slot| self.slab.get(slot).0 == key).is_some() {
                        return Err(part.contradiction("a key has two states"));
                    }
                    self.key_back(key, kept, &ticks, at);
                }
            }
        }
        Ok(())
    }
}

impl<F: Fold> Keyed<F> {
    fn key_back(&mut self, key: u128, kept: F::Kept, ticks: &[Tick], at: Tick) {
        let slot = self.admit(key);
        let state = self.fold.back(kept, at);
        let after = self.fold.forget_after(&state);
        self.slab.get_mut(slot).1 = state;
        ticks.iter().for_each(|&tick| self.timers.add(tick, slot));
        self.forgetting.add(self.forget_bucket(after), slot);
    }
}
