//! The events of one account, in order, with what holds before each block of them.

use gyre_domain::integrity::payments::Payments;
use gyre_domain::money::Quantity;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::event::{EVENT, Event, PAYMENT, STAKE, WAGER};
use super::stakes::{BASELINE, Stakes};
use crate::ops::key_index::prefetch;

const BLOCK: usize = 128;

/// Old events of an account that are looked at together: fewer may stay a while where younger ones follow.
const WORTH_FORGETTING: usize = 16;

/// A running balance and how low it has been.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Run {
    /// The balance.
    pub sum: i128,
    /// The lowest it was below zero, and the first time of it.
    pub lowest: Option<(i128, u64)>,
    /// The first time it was below zero.
    pub since_ms: Option<u64>,
}

impl Run {
    fn then(mut self, event: Event) -> Self {
        self.sum += i128::from(event.amount);
        if self.sum < 0 {
            self.since_ms = self.since_ms.or(Some(event.at_ms()));
            if self.lowest.is_none_or(|(lowest, _)| self.sum < lowest) {
                self.lowest = Some((self.sum, event.at_ms()));
            }
        }
        self
    }

    fn then_block(self, block: &Block) -> Self {
        // Most blocks change nothing but the sum: only one that goes below zero, or below the lowest, is read.
        let floor = self.lowest.map_or(0, |(lowest, _)| lowest);
        if self.sum + i128::from(block.lowest) >= floor {
            return Self { sum: self.sum + i128::from(block.sum), ..self };
        }
        block.events.iter().fold(self, |run, &event| run.then(event))
    }
}

#[derive(Default, Serialize, Deserialize)]
struct Block {
    events: Vec<Event>,
    #[serde(skip)]
    sum: i64,
    /// The lowest prefix sum of the block, at most 0.
    #[serde(skip)]
    lowest: i64,
    /// What its events put at stake for good.
    #[serde(skip)]
    staked: i64,
    /// What holds before the block, where the blocks before it have been read.
    #[serde(skip)]
    before: Run,
}

impl Block {
    fn weigh(&mut self) {
        (self.sum, self.lowest, self.staked) = (0, 0, 0);
        for event in &self.events {
            self.sum += event.amount;
            self.lowest = self.lowest.min(self.sum);
            self.staked += event.staked();
        }
    }
}

/// The events of one account. What follows from them is not saved, but weighed again.
#[derive(Default, Serialize, Deserialize)]
pub struct Timeline {
    blocks: Vec<Block>,
    /// The blocks whose `before` holds.
    #[serde(skip)]
    read: usize,
    /// What the forgotten events amount to.
    forgotten: Run,
    forgotten_stakes: Stakes,
    /// Before this time nothing is known any more but what was kept of it.
    forgotten_before_ms: u64,
    /// Wagers placed in each minute, in order.
    minutes: Vec<(u32, u32)>,
    /// The provider's views of the balance: (time, balance), in order.
    claims: Vec<(u64, Quantity)>,
    /// What was put at stake for good in forgotten events.
    forgotten_staked: i128,
    /// Deposits and withdrawals, where there are any.
    pub payments: Option<Box<Payments>>,
}

/// Milliseconds of a minute.
pub const MINUTE_MS: u64 = 60_000;

impl Timeline {
    /// Files an event, or takes an equal one out (`diff` −1). `claim` is the provider's view of the balance after it.
    /// Says whether it was there to be taken out.
    pub fn update(&mut self, event: Event, claim: Option<Quantity>, diff: isize) -> bool {
        let found = if diff > 0 {
            self.insert(event);
            true
        } else {
            self.remove(event)
        };
        if !found {
            self.correct_forgotten(event);
        }
        if event.has(PAYMENT) && found {
            let payments = self.payments.get_or_insert_default();
            payments.update(event.at_ms(), event.amount, diff > 0);
        }
        if event.has(WAGER) && found {
            self.count_minute((event.at_ms() / MINUTE_MS) as u32, diff);
        }
        if let Some(claim) = claim.filter(|_| found) {
            let entry = (event.at_ms(), claim);
            let at = self.claims.partition_point(|other| *other < entry);
            if diff > 0 {
                self.claims.insert(at, entry);
            } else if self.claims.get(at) == Some(&entry) {
                self.claims.remove(at);
            }
        }
        found
    }

    /// Takes out an event that was forgotten: what was kept of it still counts.
    fn correct_forgotten(&mut self, event: Event) {
        self.forgotten.sum -= i128::from(event.amount);
        self.forgotten_staked -= i128::from(event.staked());
        if event.has(STAKE) {
            self.forgotten_stakes.remove((event.at_ms(), -event.amount));
        }
        self.read = 0;
    }

    /// Weighs what was loaded.
    pub(super) fn weigh(&mut self) {
        self.blocks.iter_mut().for_each(Block::weigh);
    }

    fn insert(&mut self, event: Event) {
        let Some(last) = self.blocks.last_mut() else {
            // Most accounts never need a second one.
            self.blocks.reserve_exact(1);
            self.blocks.push(Block::default());
            return self.insert(event);
        };
        if last.events.last().is_none_or(|tail| tail.order() <= event.order()) {
            if last.events.len() < BLOCK {
                if last.events.len() == last.events.capacity() {
                    // By a quarter, not twofold: most memory of most accounts is here.
                    last.events.reserve_exact(last.events.len() / 4 + 4);
                }
                last.events.push(event);
                last.sum += event.amount;
                last.lowest = last.lowest.min(last.sum);
                last.staked += event.staked();
            } else {
                let mut block = Block::default();
                block.events.push(event);
                block.weigh();
                self.blocks.push(block);
            }
            return;
        }
        let number = self.block_of(event);
        let block = &mut self.blocks[number];
        let at = block.events.partition_point(|other| other.order() <= event.order());
        block.events.insert(at, event);
        if block.events.len() > BLOCK {
            let mut upper = Block { events: block.events.split_off(BLOCK / 2), ..Block::default() };
            upper.weigh();
            self.blocks.insert(number + 1, upper);
        }
        self.blocks[number].weigh();
        self.read = self.read.min(number + 1);
    }

    /// The last block that begins at or before the event (the first one if none does).
    fn block_of(&self, event: Event) -> usize {
        let after = self.blocks.partition_point(|block| {
            block.events.first().is_some_and(|first| first.order() <= event.order())
        });
        after.saturating_sub(1)
    }

    fn remove(&mut self, event: Event) -> bool {
        if self.blocks.is_empty() {
            return false;
        }
        let number = self.block_of(event);
        let block = &mut self.blocks[number];
        let at = block.events.partition_point(|other| other.order() < event.order());
        // Equal events may fill several blocks; the last that begins with one also holds one.
        if block.events.get(at) != Some(&event) {
            return false;
        }
        block.events.remove(at);
        block.weigh();
        self.read = self.read.min(number + 1);
        if block.events.is_empty() && self.blocks.len() > 1 {
            self.blocks.remove(number);
            // What now stands here was read when the event still stood before it.
            self.read = self.read.min(number);
        }
        true
    }

    fn count_minute(&mut self, minute: u32, diff: isize) {
        let at = match self.minutes.last() {
            Some(last) if last.0 == minute => self.minutes.len() - 1,
            Some(last) if last.0 < minute => self.minutes.len(),
            _ => self.minutes.partition_point(|entry| entry.0 < minute),
        };
        match self.minutes.get_mut(at).filter(|entry| entry.0 == minute) {
            Some(entry) => {
                entry.1 = entry.1.saturating_add_signed(diff as i32);
                if entry.1 == 0 {
                    self.minutes.remove(at);
                }
            }
            None if diff > 0 => self.minutes.insert(at, (minute, 1)),
            None => {}
        }
    }

    /// The balance now and how low it has been.
    pub fn run(&mut self) -> Run {
        let first = self.read.saturating_sub(1);
        let mut run = if self.read == 0 { self.forgotten } else { self.blocks[first].before };
        for block in &mut self.blocks[first..] {
            block.before = run;
            run = run.then_block(block);
        }
        self.read = self.blocks.len();
        run
    }

    /// The fullest run of `minutes` whole minutes that begins with a wager: (its first minute, wagers); the earliest
    /// of equals.
    ///
    /// Only windows that begin within `starts` (minutes) are looked at.
    pub fn fullest(&self, minutes: u32, starts: std::ops::RangeInclusive<u32>) -> Option<(u32, u32)> {
        let mut fullest: Option<(u32, u32)> = None;
        let first = self.minutes.partition_point(|entry| entry.0 < *starts.start());
        let (mut end, mut wagers) = (first, 0u32);
        for &(first, here) in self.minutes[first..].iter().take_while(|entry| entry.0 <= *starts.end()) {
            while let Some(&(_, count)) = self.minutes.get(end).filter(|entry| entry.0 - first < minutes) {
                wagers += count;
                end += 1;
            }
            if fullest.is_none_or(|(_, most)| wagers > most) {
                fullest = Some((first, wagers));
            }
            wagers -= here;
        }
        fullest
    }

    /// What holds before the first block with an event at `from_ms` or later, and the events from that block on.
    fn from(&mut self, from_ms: u64) -> (Run, impl Iterator<Item = Event> + '_) {
        self.run();
        let least = Event::before(from_ms);
        let number = self.block_of(least);
        let before = self.blocks.get(number).map_or(self.forgotten, |block| block.before);
        (before, self.blocks.iter().skip(number).flat_map(|block| block.events.iter().copied()))
    }

    /// The last stakes before `from_ms`, at most 64, oldest first.
    pub fn stakes_before(&self, from_ms: u64) -> Vec<i64> {
        let least = Event::before(from_ms);
        let upto = if self.blocks.is_empty() { 0 } else { self.block_of(least) + 1 };
        let mut stakes = Vec::with_capacity(BASELINE);
        for block in self.blocks[..upto].iter().rev() {
            let events = block.events.iter().rev();
            let staked = events.filter(|event| event.has(STAKE) && event.at_ms() < from_ms);
            stakes.extend(staked.map(|event| -event.amount).take(BASELINE - stakes.len()));
            if stakes.len() == BASELINE {
                break;
            }
        }
        if stakes.len() < BASELINE {
            let forgotten: SmallVec<[i64; BASELINE]> =
                self.forgotten_stakes.iter().map(|(_, stake)| stake).collect();
            stakes.extend(forgotten.iter().rev().take(BASELINE - stakes.len()));
        }
        stakes.reverse();
        stakes
    }

    /// The stakes at `from_ms` and later, in order: (time, stake).
    pub fn stakes_from(&mut self, from_ms: u64) -> impl Iterator<Item = (u64, i64)> + '_ {
        let (_, events) = self.from(from_ms);
        events
            .filter(move |event| event.has(STAKE) && event.at_ms() >= from_ms)
            .map(|event| (event.at_ms(), -event.amount))
    }

    /// What was put at stake for good until the end of a millisecond.
    pub fn staked_through(&self, at_ms: u64) -> i128 {
        let mut staked = self.forgotten_staked;
        for block in &self.blocks {
            match (block.events.first(), block.events.last()) {
                (_, Some(last)) if last.at_ms() <= at_ms => staked += i128::from(block.staked),
                (Some(first), _) if first.at_ms() > at_ms => break,
                _ => {
                    let until = block.events.iter().take_while(|event| event.at_ms() <= at_ms);
                    staked += until.map(|event| i128::from(event.staked())).sum::<i128>();
                }
            }
        }
        staked
    }

    /// The claims at `from_ms` and later that may be judged, with our balance: (time, claimed, ours), where the
    /// account has one event in that millisecond.
    pub fn claims_from(&mut self, from_ms: u64) -> Vec<(u64, Quantity, i128)> {
        let first = self.claims.partition_point(|claim| claim.0 < from_ms);
        let Some(&(first_ms, _)) = self.claims.get(first) else { return Vec::new() };
        let claims = self.claims[first..].to_vec();
        let mut judged = Vec::new();
        let (mut run, events) = self.from(first_ms);
        let mut events = events.peekable();
        for (at_ms, claimed) in claims {
            while let Some(event) = events.next_if(|event| event.at_ms() < at_ms) {
                run = run.then(event);
            }
            // Several claims in one millisecond are several events: none of them is judged.
            let mut here = 0;
            while let Some(event) = events.next_if(|event| event.at_ms() == at_ms) {
                run = run.then(event);
                here += usize::from(event.has(EVENT));
            }
            if here == 1 {
                judged.push((at_ms, claimed, run.sum));
            }
        }
        judged
    }

    /// Asks for the tail ahead of its use.
    #[inline]
    pub fn prefetch(&self) {
        if let Some(last) = self.blocks.last() {
            prefetch(last);
        }
    }

    /// Whether so much lies before this time that it is worth forgetting.
    pub fn begins_before(&self, before_ms: u64) -> bool {
        let first = self.blocks.first().map_or(&[][..], |block| &block.events);
        first.get(WORTH_FORGETTING - 1).or(first.last()).is_some_and(|event| event.at_ms() < before_ms)
    }

    /// Whether nothing was ever filed here.
    pub(super) fn is_untouched(&self) -> bool {
        self.blocks.is_empty() && self.forgotten_before_ms == 0
    }

    /// Before this time nothing is known any more: what was found there stands.
    pub fn forgotten_before_ms(&self) -> u64 {
        self.forgotten_before_ms
    }

    /// Forgets the events before `before_ms`; what they amount to stays.
    pub fn forget(&mut self, before_ms: u64) {
        let is_past = |event: &Event| event.at_ms() < before_ms;
        let past = self.blocks.partition_point(|block| block.events.last().is_some_and(is_past));
        self.run();
        let mut blocks: Vec<Block> = self.blocks.drain(..past).collect();
        if let Some(first) = self.blocks.first_mut().filter(|block| block.events.first().is_some_and(is_past))
        {
            let rest = first.events.split_off(first.events.partition_point(is_past));
            let mut old = Block { events: std::mem::replace(&mut first.events, rest), ..Block::default() };
            old.weigh();
            first.weigh();
            blocks.push(old);
        }
        blocks.iter().for_each(|block| self.forget_block(block));
        self.read = 0;
        self.forgotten_before_ms = before_ms;
        let minute = (before_ms / MINUTE_MS) as u32;
        self.minutes.drain(..self.minutes.partition_point(|entry| entry.0 < minute));
        self.claims.drain(..self.claims.partition_point(|claim| claim.0 < before_ms));
        self.payments.iter_mut().for_each(|payments| payments.forget(before_ms));
    }

    fn forget_block(&mut self, block: &Block) {
        self.forgotten = self.forgotten.then_block(block);
        self.forgotten_staked += i128::from(block.staked);
        // One that was forgotten before may have come again.
        let stakes = block.events.iter().filter(|event| event.has(STAKE));
        self.forgotten_stakes.add(stakes.map(|event| (event.at_ms(), -event.amount)));
    }
}
