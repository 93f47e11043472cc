//! Messages with updates ahead of the frontier, by the tick of the next.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use super::fold_by_key::Updates;
use crate::Tick;

/// A message, and how many of its updates were worked.
pub(super) struct Message<U> {
    pub(super) updates: U,
    pub(super) worked: usize,
    /// Which came first.
    number: u64,
}

/// See the module.
pub(super) struct Waiting<U> {
    messages: BinaryHeap<First<U>>,
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
            self.put_back(Message { updates, worked: 0, number: self.came });
        }
    }

    /// The rest of a message waits on, if there is any.
    pub(super) fn put_back(&mut self, message: Message<U>) {
        if message.worked < message.updates.len() {
            let tick = message.updates.tick(message.worked);
            self.messages.push(First { tick, message: Box::new(message) });
        }
    }

    /// The least tick of all updates.
    pub(super) fn first(&self) -> Option<Tick> {
        self.messages.peek().map(|first| first.tick)
    }

    /// Takes the messages that have updates at `tick` or before, in the order in which they came.
    pub(super) fn take_through(&mut self, tick: Tick, taken: &mut Vec<Message<U>>) {
        while let Some(first) = self.messages.peek_mut().filter(|first| first.tick <= tick) {
            taken.push(*PeekMut::pop(first).message);
        }
    }
}

/// A message, ahead of those whose next tick is later.
struct First<U> {
    tick: Tick,
    message: Box<Message<U>>,
}

impl<U> First<U> {
    fn rank(&self) -> (Tick, u64) {
        (self.tick, self.message.number)
    }
}

impl<U> Ord for First<U> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.rank().cmp(&self.rank())
    }
}

impl<U> PartialOrd for First<U> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<U> PartialEq for First<U> {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl<U> Eq for First<U> {}
