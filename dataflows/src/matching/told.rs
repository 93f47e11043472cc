//! What matching tells of a key: its events for the ledger, its play for the RTP, its rows; and their differences.

use gyre_domain::currency::Currency;
use gyre_domain::integrity::wins::Wins;
use gyre_domain::money::Quantity;
use gyre_domain::rtp::{Measure, Plays};
use hashbrown::HashMap;
use smallvec::SmallVec;

use super::directory::{Directory, System};
use crate::Tick;
use crate::keys::{Keyed, owner};
use crate::ops::timeline_by_key::Event;
use crate::rows::Output;
use crate::seams::{Counts, LedgerBatch, PlaysBatch, Posting, Reading};

/// A quarter of an hour: the finest that any zone's days and hours are made of.
pub const QUARTER_MS: u64 = 900_000;

/// An event of a player's account, booked against a system account where it moves money.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Booked {
    /// The account's number.
    pub account: u32,
    /// What happened.
    pub event: Event,
    /// The provider's view of the balance after it.
    pub claim: Option<Quantity>,
    /// How many legs it puts on the account: an entry has one; two cancel out in a reversed payment.
    pub legs: i64,
    /// The other side.
    pub against: System,
}

/// A wager's part in its game's RTP.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Play {
    /// The game's number.
    pub game: u32,
    /// Of stake and payout.
    pub currency: Currency,
    /// The quarter of an hour in which the wager was placed.
    pub quarter: u32,
    /// The wager, open or settled.
    pub plays: Plays,
    /// Of a settled wager whose game has a theory: whose it is, and that theory.
    pub measured: Option<(u32, Measure)>,
}

/// All that is told of a key.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Told {
    /// Events of accounts.
    pub booked: SmallVec<[Booked; 2]>,
    /// Part in an RTP.
    pub play: Option<Play>,
    /// What is counted.
    pub marks: Marks,
    /// Rows, where they are read.
    pub rows: Vec<(Output, Vec<u8>)>,
}

/// What is counted of a key.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Marks {
    /// Open, settled, cancelled: 1 for where the wager stands.
    pub states: [i8; 3],
    /// Cancels wait for their wager.
    pub tombstones: i8,
    /// Extra equal copies.
    pub duplicates: i64,
    /// Causes of its rejects.
    pub rejects: SmallVec<[u8; 4]>,
    /// Kinds of its anomalies.
    pub anomalies: SmallVec<[u8; 4]>,
}

impl Marks {
    /// Adds what is counted to the counts, `sign` times.
    pub fn add_to(&self, counts: &mut Counts, sign: i64) {
        let [open, settled, cancelled] = self.states.map(i64::from);
        counts.open += sign * open;
        counts.settled += sign * settled;
        counts.cancelled += sign * cancelled;
        counts.tombstones += sign * i64::from(self.tombstones);
        counts.duplicates += sign * self.duplicates;
        for &cause in &self.rejects {
            counts.rejects[usize::from(cause)] += sign;
        }
        for &kind in &self.anomalies {
            counts.anomalies[usize::from(kind)] += sign;
        }
    }
}

/// What an operator of matching tells: for the ledger, the aggregates and the reader.
#[derive(Clone, Default)]
pub struct Outbox {
    /// For each worker that owns accounts.
    pub ledger: Vec<LedgerBatch>,
    /// For each worker that owns games.
    pub plays: Vec<PlaysBatch>,
    /// What the reader gets.
    pub told: Reading,
    /// Reference rows that stand or stand no more.
    pub references: Vec<(super::directory::ReferenceRow, Tick, isize)>,
}

/// Puts what keys tell into the outbox, the sums of system accounts and games gathered by tick.
pub struct Writer {
    workers: usize,
    systems: HashMap<u32, (i128, i64), Keyed>,
    plays: HashMap<(u32, Currency, u32), Plays, Keyed>,
    wins: HashMap<u32, Wins, Keyed>,
}

impl Writer {
    /// A writer for so many workers.
    pub fn new(workers: usize) -> Self {
        Self { workers, systems: HashMap::default(), plays: HashMap::default(), wins: HashMap::default() }
    }

    fn batch<'o>(&self, out: &'o mut Outbox, key: u128) -> &'o mut LedgerBatch {
        if out.ledger.is_empty() {
            out.ledger = (0..self.workers)
                .map(|worker| LedgerBatch { worker: worker as u32, ..LedgerBatch::default() })
                .collect();
        }
        &mut out.ledger[owner(key, self.workers)]
    }

    /// Tells that an event stands (`diff` 1) or stands no more (−1).
    #[inline]
    pub fn book(&mut self, booked: &Booked, diff: i8, tick: Tick, directory: &Directory, out: &mut Outbox) {
        let key = directory.account_key(booked.account);
        let &Booked { event, claim, legs, .. } = booked;
        self.batch(out, key).postings.push(Posting {
            account: key,
            event,
            claim,
            legs: legs as i8,
            diff,
            tick,
        });
        if legs != 0 {
            let system = directory.system(booked.account, booked.against);
            let sum = self.systems.entry(system).or_default();
            sum.0 -= i128::from(diff) * i128::from(event.amount);
            sum.1 += i64::from(diff) * legs;
        }
    }

    /// Tells that a wager counts in its game's RTP, or no more.
    #[inline]
    pub fn play(&mut self, play: &Play, diff: i8) {
        let sum = self.plays.entry((play.game, play.currency, play.quarter)).or_default();
        if diff > 0 {
            sum.add(&play.plays);
        } else {
            sum.subtract(&play.plays);
        }
        if let Some((account, measure)) = play.measured {
            let sum = self.wins.entry(account).or_default();
            let one = Wins::of(play.plays.stake, play.plays.payout, measure);
            if diff > 0 { sum.add(&one) } else { sum.subtract(&one) }
        }
    }

    /// Tells the differences between what was told and what is to be told.
    pub fn differ(
        &mut self,
        before: &Told,
        after: &Told,
        tick: Tick,
        directory: &Directory,
        out: &mut Outbox,
    ) {
        if before == after {
            return;
        }
        differences(&before.booked, &after.booked, |booked, diff| {
            self.book(booked, diff, tick, directory, out)
        });
        if before.play != after.play {
            before.play.iter().for_each(|play| self.play(play, -1));
            after.play.iter().for_each(|play| self.play(play, 1));
        }
        if before.marks != after.marks {
            before.marks.add_to(&mut out.told.counts, -1);
            after.marks.add_to(&mut out.told.counts, 1);
        }
        differences(&before.rows, &after.rows, |(output, row), diff| {
            out.told.changes.push(*output, tick, i64::from(diff), |text| text.extend_from_slice(row));
        });
    }

    /// Sends what was gathered of a tick, and the names of what was new in it.
    pub fn flush(&mut self, tick: Tick, directory: &mut Directory, out: &mut Outbox) {
        for name in directory.new_names.drain(..) {
            if name.is_game() {
                self.plays_batch(out, name.key).names.push(name);
            } else {
                self.batch(out, name.key).names.push(name);
            }
        }
        let mut systems = std::mem::take(&mut self.systems);
        for (system, sum) in systems.drain() {
            let key = directory.account_key(system);
            self.batch(out, key).sums.push((key, sum.0, sum.1, tick));
        }
        self.systems = systems;
        let mut plays = std::mem::take(&mut self.plays);
        for ((game, currency, quarter), sum) in plays.drain() {
            if sum != Plays::default() {
                let key = directory.game_key(game);
                self.plays_batch(out, key).plays.push((key, currency, quarter, sum, tick));
            }
        }
        self.plays = plays;
        let mut wins = std::mem::take(&mut self.wins);
        for (account, sum) in wins.drain().filter(|(_, sum)| *sum != Wins::default()) {
            let key = directory.account_key(account);
            self.batch(out, key).wins.push((key, sum, tick));
        }
        self.wins = wins;
    }

    fn plays_batch<'o>(&self, out: &'o mut Outbox, key: u128) -> &'o mut PlaysBatch {
        if out.plays.is_empty() {
            out.plays = (0..self.workers)
                .map(|worker| PlaysBatch { worker: worker as u32, ..PlaysBatch::default() })
                .collect();
        }
        &mut out.plays[owner(key, self.workers)]
    }
}

/// Tells what is in one short list and not in the other, copies counted.
fn differences<T: PartialEq>(before: &[T], after: &[T], mut tell: impl FnMut(&T, i8)) {
    let mut matched = SmallVec::<[bool; 8]>::from_elem(false, after.len());
    for old in before {
        match (0..after.len()).find(|&at| !matched[at] && after[at] == *old) {
            Some(at) => matched[at] = true,
            None => tell(old, -1),
        }
    }
    for (new, _) in after.iter().zip(matched).filter(|(_, matched)| !matched) {
        tell(new, 1);
    }
}
