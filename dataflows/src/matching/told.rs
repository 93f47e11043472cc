//! What matching tells of a key: its events for the ledger, its play for the RTP, its rows; and their differences.

use std::cell::RefCell;
use std::rc::Rc;

use gyre_domain::currency::Currency;
use gyre_domain::integrity::wins::Wins;
use gyre_domain::money::Quantity;
use gyre_domain::rtp::{Measure, Plays};
use hashbrown::HashMap;
use smallvec::SmallVec;

use super::directory::{Directory, System};
use super::ties::{Tied, Ties};
use crate::Tick;
use crate::directives::{Sight, Target};
use crate::faults::{FaultBatch, Faults};
use crate::graph::Settings;
use crate::keys::{Keyed, owner};
use crate::ops::timeline_by_key::{Change, Changes, Event};
use crate::rows::Output;
use crate::seams::{Counts, LedgerBatch, Links, Payable, PlaysBatch, Reading, Seen, Suspicion};

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
    /// What of it is held: account, minor units, legs.
    pub held: Option<(u32, i128, i64)>,
    /// Payouts that a rule could hold, once one holds any.
    pub payable: Option<Box<Payable>>,
    /// What looks wrong with its records.
    pub suspicions: Vec<Suspicion>,
    /// How targets of commands stand.
    pub sights: Vec<Sight>,
    /// Part in an RTP.
    pub play: Option<Play>,
    /// Links between accounts.
    pub tied: Option<Box<Tied>>,
    /// What is counted.
    pub marks: Marks,
    /// Records that are faults, where anybody asks.
    pub faults: Faults,
    /// Rows, where they are read.
    pub rows: Vec<(Output, Vec<u8>)>,
}

impl Told {
    /// Whether commands speak of a record of the key.
    pub fn is_commanded(&self) -> bool {
        self.sights.iter().any(|sight| matches!(sight.target, Target::Record(_)))
    }
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
    /// How many events are in there.
    pub events: usize,
    /// For each worker that owns games.
    pub plays: Vec<PlaysBatch>,
    /// Who used what, and who bet in which round.
    pub links: Links,
    /// What the reader gets.
    pub told: Reading,
    /// What became of failed records.
    pub faults: Vec<FaultBatch>,
    /// What is seen of targets of commands.
    pub seen: Vec<Seen>,
    /// What looks wrong with single records.
    pub suspicions: Vec<(Suspicion, Tick, isize)>,
    /// Payouts that a rule could hold.
    pub payables: Vec<(Payable, Tick, isize)>,
    /// Reference rows that stand or stand no more.
    pub references: Vec<(super::directory::ReferenceRow, Tick, isize)>,
}

/// Events that travel in one message, about: they stay in the nearer caches until they are worked.
const EVENTS: usize = 4_096;

impl Outbox {
    /// Whether it is worth sending.
    pub fn is_full(&self) -> bool {
        self.told.bytes() > 1 << 18 || self.events >= EVENTS
    }
}

/// Puts what keys tell into the outbox, the sums of system accounts and games gathered: by tick where somebody reads
/// changes, else for as long as the operator works.
pub struct Writer {
    workers: usize,
    teller: u32,
    by_tick: bool,
    systems: HashMap<u32, (i128, i64), Keyed>,
    plays: HashMap<(u32, Currency, u32), Plays, Keyed>,
    wins: HashMap<u32, Wins, Keyed>,
    /// Who used what.
    pub ties: Rc<RefCell<Ties>>,
}

impl Writer {
    /// A writer of `teller`, a number that no other of the whole job has.
    pub fn new(settings: &Settings, teller: u32, ties: Rc<RefCell<Ties>>) -> Self {
        let (workers, by_tick) = (settings.workers, settings.wanted.changes);
        Self {
            workers,
            teller,
            by_tick,
            systems: HashMap::default(),
            plays: HashMap::default(),
            wins: HashMap::default(),
            ties,
        }
    }

    #[inline]
    fn batch<'o>(&self, out: &'o mut Outbox, key: u128) -> &'o mut LedgerBatch {
        if out.ledger.is_empty() {
            let batch = |worker| LedgerBatch { worker, teller: self.teller, ..LedgerBatch::default() };
            out.ledger = (0..self.workers as u32).map(batch).collect();
        }
        &mut out.ledger[owner(key, self.workers)]
    }

    /// Tells that an event stands (`diff` 1) or stands no more (−1).
    #[inline]
    pub fn book(&mut self, booked: &Booked, diff: i8, tick: Tick, directory: &Directory, out: &mut Outbox) {
        let key = directory.account_key(booked.account);
        let &Booked { event, claim, legs, .. } = booked;
        out.events += 1;
        let batches = &mut self.batch(out, key).changes;
        if batches.last().is_none_or(|last| self.by_tick && last.tick != tick) {
            let room = if self.by_tick { 0 } else { EVENTS / self.workers };
            batches.push(Changes::new(tick, room));
        }
        if let Some(changes) = batches.last_mut() {
            changes.push(Change { account: booked.account, event, legs: legs as i8, diff }, claim);
        }
        if legs != 0 {
            let system = directory.system(booked.account, booked.against);
            let sum = self.systems.entry(system).or_default();
            sum.0 -= i128::from(diff) * i128::from(event.amount);
            sum.1 += i64::from(diff) * legs;
        }
    }

    /// The sum that a play is part of.
    #[inline]
    pub fn plays_of(&mut self, play: &Play) -> &mut Plays {
        self.plays.entry((play.game, play.currency, play.quarter)).or_default()
    }

    /// Tells that a wager counts in its game's RTP, or no more.
    #[inline]
    pub fn play(&mut self, play: &Play, diff: i8) {
        let sum = self.plays_of(play);
        if diff > 0 {
            sum.add(&play.plays);
        } else {
            sum.subtract(&play.plays);
        }
        self.win(play, diff);
    }

    /// Tells only what the wager's player won, or no more.
    #[inline]
    pub fn win(&mut self, play: &Play, diff: i8) {
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
        if before.held != after.held {
            for (held, diff) in [(before.held, -1), (after.held, 1)] {
                let Some((account, minor, legs)) = held else { continue };
                let batch = self.batch(out, directory.account_key(account));
                batch.held.push((account, minor * i128::from(diff), legs * diff, tick));
            }
        }
        if before.payable != after.payable {
            let payables = [(&before.payable, -1), (&after.payable, 1)];
            let told = payables.into_iter().filter_map(|(payable, diff)| Some((payable.as_deref()?, diff)));
            out.payables.extend(told.map(|(payable, diff)| (payable.clone(), tick, diff)));
        }
        differences(&before.suspicions, &after.suspicions, |suspicion, diff| {
            out.suspicions.push((suspicion.clone(), tick, diff.into()));
        });
        differences(&before.sights, &after.sights, |sight, diff| {
            out.seen.push(Seen::sight(sight.clone(), tick, i64::from(diff)));
        });
        if before.play != after.play {
            before.play.iter().for_each(|play| self.play(play, -1));
            after.play.iter().for_each(|play| self.play(play, 1));
        }
        if before.tied != after.tied {
            let mut ties = self.ties.borrow_mut();
            before.tied.iter().for_each(|tied| ties.tell(tied, -1, tick, out));
            after.tied.iter().for_each(|tied| ties.tell(tied, 1, tick, out));
        }
        if before.marks != after.marks {
            before.marks.add_to(&mut out.told.counts, -1);
            after.marks.add_to(&mut out.told.counts, 1);
        }
        differences(&before.rows, &after.rows, |(output, row), diff| {
            out.told.changes.push(*output, tick, i64::from(diff), |text| text.extend_from_slice(row));
        });
    }

    /// A tick is over.
    pub fn end_tick(&mut self, tick: Tick, directory: &Directory, out: &mut Outbox) {
        self.ties.borrow_mut().flush(tick, out);
        if self.by_tick {
            self.flush(tick, directory, out);
        }
    }

    /// The outbox is about to be sent: adds the names of what is new in it, and to the last of several what was
    /// gathered for all of them.
    pub fn seal(&mut self, tick: Tick, is_last: bool, directory: &mut Directory, out: &mut Outbox) {
        for name in directory.new_names.drain(..) {
            if name.is_game() {
                self.plays_batch(out, name.key).names.push(name);
            } else {
                self.batch(out, name.key).names.push(name);
            }
        }
        if is_last && !self.by_tick {
            self.flush(tick, directory, out);
        }
    }

    fn flush(&mut self, tick: Tick, directory: &Directory, out: &mut Outbox) {
        let mut systems = std::mem::take(&mut self.systems);
        for (system, sum) in systems.drain() {
            let key = directory.account_key(system);
            self.batch(out, key).sums.push((system, sum.0, sum.1, tick));
        }
        self.systems = systems;
        let mut plays = std::mem::take(&mut self.plays);
        if self.workers == 1 && !plays.is_empty() {
            self.plays_batch(out, 0).plays.reserve(plays.len());
        }
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
            self.batch(out, key).wins.push((account, sum, tick));
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
