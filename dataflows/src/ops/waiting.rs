//! Messages with updates ahead of the frontier, by the tick of the next.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::fold_by_key::Updates;
use crate::Tick;

/// A message, and how many of its updates were worked.
pub(super) struct Message<U> {
    pub(super) updates: Box<U>,
    pub(super) worked: usize,
    /// Of its next update.
    tick: Tick,
    /// Which came first.
    number: u64,
}

/// See the module.
pub(super) struct Waiting<U> {
    messages: BinaryHeap<Message<U>>,
    came: u64,
}

impl<U> Default for Waiting<U> {
    fn default() -> Self {
        Self { messages: BinaryHeap::new(), came: 0 }
    }
}

impl<U: Updates> Waiting<U> {
    /// Messages came.
    pub(super) fn add(&mut self, messages: &mut Vec<U>) {
        for updates in messages.drain(..) {
            self.came += 1;
            self.put_back(Message { updates: Box::new(updates), worked: 0, tick: 0, number: self.came });
        }
    }

    /// The rest of a message waits on, if there is any.
    pub(super) fn put_back(&mut self, mut message: Message<U>) {
        if message.worked < message.updates.len() {
            message.tick = message.updates.tick(message.worked);
            self.messages.push(message);
        }
    }

    /// The least tick of all updates.
    pub(super) fn first(&self) -> Option<Tick> {
        self.messages.peek().map(|message| message.tick)
    }

    /// Takes the messages that have updates at `tick` or before, those that came first first.
    pub(super) fn take_through(&mut self, tick: Tick, taken: &mut Vec<Message<U>>) {
        while self.first().is_some_and(|first| first <= tick) {
            taken.extend(self.messages.pop());
        }
    }
}

impl<U> Message<U> {
    /// The heap gives the greatest first: that is the one whose next tick is least.
    fn rank(&self) -> Reverse<(Tick, u64)> {
        Reverse((self.tick, self.number))
    }
}

impl<U> Ord for Message<U> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl<U> PartialOrd for Message<U> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<U> PartialEq for Message<U> {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl<U> Eq for Message<U> {}
