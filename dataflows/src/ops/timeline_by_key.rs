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
//! A timeline forgets its oldest blocks behind the horizon; their sum, their lowest point and the last 64 stakes stay.

use std::cmp::Reverse;
use std::collections::VecDeque;

/// Moves money, or carries the provider's view of the balance.
pub const EVENT: u8 = 1;
/// A stake that is measured against the stakes before it.
pub const STAKE: u8 = 2;
/// A wager was placed.
pub const WAGER: u8 = 4;
/// The provider's view of the balance after the event stands beside it.
pub const CLAIM: u8 = 8;

/// How many stakes before one it is measured against.
pub const BASELINE: usize = 64;

const BLOCK: usize = 128;

/// One thing that happened to an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event {
    /// `at_ms << 4 | flags`.
    word: u64,
    /// Minor units; negative takes from the account.
    pub amount: i64,
}

impl Event {
    /// An event of `amount` minor units at `at_ms`.
    pub fn new(at_ms: u64, amount: i64, flags: u8) -> Self {
        Self { word: at_ms << 4 | u64::from(flags & 15), amount }
    }

    /// When it happened.
    pub fn at_ms(self) -> u64 {
        self.word >> 4
    }

    /// What it is.
    pub fn has(self, flag: u8) -> bool {
        self.word as u8 & flag != 0
    }

    /// Event order: time, credits before debits, smaller stakes first.
    fn order(self) -> (u64, Reverse<i64>, u64) {
        (self.at_ms(), Reverse(self.amount), self.word)
    }
}

/// A running balance and how low it has been.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
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

#[derive(Default)]
struct Block {
    events: Vec<Event>,
    sum: i64,
    /// The lowest prefix sum of the block, at most 0.
    lowest: i64,
    /// What holds before the block, where the blocks before it have been read.
    before: Run,
}

impl Block {
    fn weigh(&mut self) {
        (self.sum, self.lowest) = (0, 0);
        for event in &self.events {
            self.sum += event.amount;
            self.lowest = self.lowest.min(self.sum);
        }
    }
}

/// The events of one account.
#[derive(Default)]
pub struct Timeline {
    blocks: Vec<Block>,
    /// The blocks whose `before` holds.
    read: usize,
    /// What the forgotten blocks amount to.
    forgotten: Run,
    forgotten_stakes: VecDeque<(u64, i64)>,
    /// Wagers placed in each minute, in order.
    minutes: Vec<(u32, u32)>,
    /// The provider's views of the balance: (time, balance), in order.
    claims: Vec<(u64, i64)>,
}

/// Milliseconds of a minute.
const MINUTE_MS: u64 = 60_000;

impl Timeline {
    /// Files an event, or takes an equal one out (`diff` −1). `claim` is the provider's view of the balance after it.
    /// Says whether it was there to be taken out.
    pub fn update(&mut self, event: Event, claim: Option<i64>, diff: isize) -> bool {
        let found = if diff > 0 {
            self.insert(event);
            true
        } else {
            self.remove(event)
        };
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

    fn insert(&mut self, event: Event) {
        let Some(last) = self.blocks.last_mut() else {
            self.blocks.push(Block::default());
            return self.insert(event);
        };
        if last.events.last().is_none_or(|tail| tail.order() <= event.order()) {
            if last.events.len() < BLOCK {
                last.events.push(event);
                last.sum += event.amount;
                last.lowest = last.lowest.min(last.sum);
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
        if block.events.is_empty() && self.blocks.len() > 1 {
            self.blocks.remove(number);
        }
        self.read = self.read.min(number + 1).min(self.blocks.len());
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
    pub fn fullest(&self, minutes: u32) -> Option<(u32, u32)> {
        let mut fullest: Option<(u32, u32)> = None;
        let (mut end, mut wagers) = (0, 0u32);
        for (start, &(first, here)) in self.minutes.iter().enumerate() {
            while let Some(&(minute, count)) = self.minutes.get(end).filter(|entry| entry.0 - first < minutes) {
                debug_assert!(minute >= first && end >= start, "the window's end runs ahead of its start");
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

    /// All stakes in order, those of forgotten blocks that are still a baseline first: (time, stake, forgotten).
    pub fn stakes(&self) -> impl Iterator<Item = (u64, i64, bool)> + '_ {
        let kept = self.forgotten_stakes.iter().map(|&(at_ms, stake)| (at_ms, stake, true));
        let events = self.blocks.iter().flat_map(|block| &block.events).filter(|event| event.has(STAKE));
        kept.chain(events.map(|event| (event.at_ms(), -event.amount, false)))
    }

    /// The claims that may be judged, with our balance: (time, claimed, ours) where the account has one event in that
    /// millisecond.
    pub fn judged_claims(&mut self) -> Vec<(u64, i64, i128)> {
        if self.claims.is_empty() {
            return Vec::new();
        }
        self.run();
        let mut judged = Vec::new();
        for &(at_ms, claimed) in &self.claims {
            let least = Event { word: at_ms << 4, amount: i64::MAX };
            let number = self.block_of(least);
            let mut run = self.blocks[number].before;
            let mut here = 0;
            for &event in self.blocks[number..].iter().flat_map(|block| &block.events) {
                if event.at_ms() > at_ms {
                    break;
                }
                run = run.then(event);
                here += usize::from(event.at_ms() == at_ms && event.has(EVENT));
            }
            if here == 1 {
                judged.push((at_ms, claimed, run.sum));
            }
        }
        judged
    }

    /// Forgets whole blocks whose events all lie before `before_ms`.
    pub fn forget(&mut self, before_ms: u64) {
        let past = self.blocks.partition_point(|block| {
            block.events.last().is_some_and(|last| last.at_ms() < before_ms)
        });
        if past == 0 {
            return;
        }
        self.run();
        for block in self.blocks.drain(..past) {
            self.forgotten = self.forgotten.then_block(&block);
            let stakes = block.events.iter().filter(|event| event.has(STAKE));
            self.forgotten_stakes.extend(stakes.map(|event| (event.at_ms(), -event.amount)));
        }
        let surplus = self.forgotten_stakes.len().saturating_sub(BASELINE);
        self.forgotten_stakes.drain(..surplus);
        self.read = 0;
        let minute = (before_ms / MINUTE_MS) as u32;
        self.minutes.drain(..self.minutes.partition_point(|entry| entry.0 < minute));
        self.claims.drain(..self.claims.partition_point(|claim| claim.0 < before_ms));
    }

    /// Whether no event is left and none was forgotten.
    pub fn is_empty(&self) -> bool {
        self.forgotten == Run::default() && self.blocks.iter().all(|block| block.events.is_empty())
    }
}
