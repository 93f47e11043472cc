//! Slots by the tick at which something is to be done with them.

use std::collections::BTreeMap;

use crate::Tick;

/// See the module. Neighbouring additions mostly belong to one tick: its list is kept at hand.
#[derive(Default)]
pub(super) struct Calendar {
    lists: BTreeMap<Tick, Vec<u32>>,
    at_hand: Option<(Tick, Vec<u32>)>,
}

impl Calendar {
    /// Adds a slot.
    #[inline]
    pub(super) fn add(&mut self, tick: Tick, slot: u32) {
        match &mut self.at_hand {
            Some((at, slots)) if *at == tick => slots.push(slot),
            _ => self.turn_to(tick).push(slot),
        }
    }

    fn turn_to(&mut self, tick: Tick) -> &mut Vec<u32> {
        self.lay_down();
        let slots = self.lists.remove(&tick).unwrap_or_default();
        &mut self.at_hand.insert((tick, slots)).1
    }

    fn lay_down(&mut self) {
        if let Some((tick, slots)) = self.at_hand.take() {
            self.lists.insert(tick, slots);
        }
    }

    /// All slots with their ticks.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Tick, u32)> + '_ {
        let lists = self.lists.iter().map(|(tick, slots)| (*tick, slots));
        let all = lists.chain(self.at_hand.as_ref().map(|(tick, slots)| (*tick, slots)));
        all.flat_map(|(tick, slots)| slots.iter().map(move |&slot| (tick, slot)))
    }

    /// The first tick with a slot.
    pub(super) fn first(&self) -> Option<Tick> {
        let at_hand = self.at_hand.as_ref().map(|(tick, _)| *tick);
        self.lists.keys().next().copied().into_iter().chain(at_hand).min()
    }

    /// The last tick with a slot.
    pub(super) fn last(&self) -> Option<Tick> {
        let at_hand = self.at_hand.as_ref().map(|(tick, _)| *tick);
        self.lists.keys().next_back().copied().max(at_hand)
    }

    /// Takes the slots of the first tick out, if that is `tick` or earlier.
    pub(super) fn take_first_through(&mut self, tick: Tick) -> Option<Vec<u32>> {
        if self.first()? > tick {
            return None;
        }
        self.lay_down();
        self.lists.pop_first().map(|(_, slots)| slots)
    }
}
