//! What is to happen, and when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{Movement, Ticket};
use crate::generate::faults::Tale;

#[derive(Clone, Copy)]
pub(super) enum Event {
    /// A plain house takes its next wager.
    Plain,
    /// A session places its next wager.
    Play(u32),
    /// A wager that was planned, for an incident.
    Place(Ticket, u32),
    /// A round ends.
    Settle(Ticket),
    /// Money moves; its records are on their way already.
    Move(Movement),
    /// A plain house sees a settle of no wager.
    Orphan(u64),
    /// A tale of a scripted evening begins.
    Tale(Tale),
}

/// What is to happen, soonest first; of one moment, what was planned first. The heap moves only small keys.
#[derive(Default)]
pub(super) struct Agenda {
    due: BinaryHeap<Reverse<(u64, u64, u32)>>,
    events: Vec<Event>,
    free: Vec<u32>,
    planned: u64,
}

impl Agenda {
    pub(super) fn plan(&mut self, at_ms: u64, event: Event) {
        let slot = match self.free.pop() {
            Some(slot) => {
                self.events[slot as usize] = event;
                slot
            }
            None => {
                self.events.push(event);
                self.events.len() as u32 - 1
            }
        };
        self.planned += 1;
        self.due.push(Reverse((at_ms, self.planned, slot)));
    }

    /// When the next event happens.
    pub(super) fn next_ms(&self) -> Option<u64> {
        self.due.peek().map(|Reverse((at_ms, ..))| *at_ms)
    }

    pub(super) fn next(&mut self) -> Option<(u64, Event)> {
        let Reverse((at_ms, _, slot)) = self.due.pop()?;
        self.free.push(slot);
        Some((at_ms, self.events[slot as usize]))
    }
}
