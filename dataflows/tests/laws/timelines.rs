//! `Timeline` against a sorted list, and `timeline_by_key` against a fresh reading at every tick and differential's
//! `reduce`.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::rc::Rc;

use differential_dataflow::AsCollection;
use gyre_dataflows::Tick;
use gyre_dataflows::ops::timeline_by_key::{
    BASELINE, CLAIM, Change, Changes as Events, Dirty, EVENT, Event, MINUTE_MS, REVERSED, Reads, Run, STAKE,
    Timeline, WAGER, Watch, timeline_by_key,
};
use gyre_domain::money::Quantity;
use serde::{Deserialize, Serialize};
use timely::dataflow::operators::generic::operator::empty;
use timely::dataflow::operators::vec::Map;

use super::engine::{self, Changes, Cut, Gathered, consolidated, evaluated, same};
use crate::model::history::Dice;

/// An event as the order of events reads it: time, credits first, flags; and the claim that stands beside it.
type Entry = (u64, Reverse<i64>, u8, Option<i64>);

fn event(entry: &Entry) -> Event {
    Event::new(entry.0, entry.1.0, entry.2)
}

fn claim(entry: &Entry) -> Option<Quantity> {
    entry.3.map(|digits| Quantity { digits, scale: 0 })
}

fn minute(ms: u64) -> u32 {
    (ms / MINUTE_MS) as u32
}

/// An account's events in a sorted list: every question is answered by reading all of it.
#[derive(Default)]
struct Plain(Vec<Entry>);

impl Plain {
    fn update(&mut self, entry: Entry, diff: i8) {
        let at = self.0.partition_point(|other| *other < entry);
        if diff > 0 {
            self.0.insert(at, entry);
        } else {
            assert_eq!(self.0.remove(at), entry, "what is taken out is there");
        }
    }

    fn run(&self) -> Run {
        let mut run = Run::default();
        for (at_ms, Reverse(amount), ..) in &self.0 {
            run.sum += i128::from(*amount);
            if run.sum < 0 {
                run.since_ms = run.since_ms.or(Some(*at_ms));
                if run.lowest.is_none_or(|(lowest, _)| run.sum < lowest) {
                    run.lowest = Some((run.sum, *at_ms));
                }
            }
        }
        run
    }

    fn stakes(&self) -> Vec<(u64, i64)> {
        let stakes = self.0.iter().filter(|entry| entry.2 & STAKE != 0);
        stakes.map(|entry| (entry.0, -entry.1.0)).collect()
    }

    fn staked_through(&self, at_ms: u64) -> i128 {
        let stakes = self.0.iter().filter(|entry| entry.2 & (STAKE | REVERSED) == STAKE);
        stakes.filter(|entry| entry.0 <= at_ms).map(|entry| -i128::from(entry.1.0)).sum()
    }

    fn stakes_before(&self, from_ms: u64) -> Vec<i64> {
        let before: Vec<i64> =
            self.stakes().into_iter().filter(|(at_ms, _)| *at_ms < from_ms).map(|(_, stake)| stake).collect();
        before[before.len().saturating_sub(BASELINE)..].to_vec()
    }

    fn claims_from(&self, from_ms: u64) -> Vec<(u64, Quantity, i128)> {
        let mut judged = Vec::new();
        let mut sum = 0;
        for here in self.0.chunk_by(|a, b| a.0 == b.0) {
            sum += here.iter().map(|entry| i128::from(entry.1.0)).sum::<i128>();
            let events: Vec<&Entry> = here.iter().filter(|entry| entry.2 & EVENT != 0).collect();
            if let [only] = events[..] {
                judged.extend(claim(only).map(|claimed| (only.0, claimed, sum)));
            }
        }
        judged.retain(|claim| claim.0 >= from_ms);
        judged
    }

    fn fullest(&self, minutes: u32, from: u32, to: u32) -> Option<(u32, u32)> {
        let wagers: Vec<u32> =
            self.0.iter().filter(|entry| entry.2 & WAGER != 0).map(|entry| minute(entry.0)).collect();
        let starts = wagers.iter().filter(|start| (from..=to).contains(start));
        let counted = starts.map(|&start| {
            (
                wagers.iter().filter(|wager| (start..start + minutes).contains(wager)).count() as u32,
                Reverse(start),
            )
        });
        counted.max().map(|(wagers, Reverse(start))| (start, wagers))
    }
}

/// Where the events of a history lie, and how often they look alike.
#[derive(Clone, Copy)]
struct Shape {
    span_ms: u64,
    grain_ms: u64,
    amounts: i64,
    /// Of a hundred events, how many come later than all before them.
    in_order: usize,
    claims: usize,
}

impl Shape {
    fn any(dice: &mut Dice) -> Shape {
        Shape {
            span_ms: *dice.pick(&[3, 400, 50_000, 3_000_000]),
            grain_ms: *dice.pick(&[1, 1, 7, 1_000, MINUTE_MS]),
            amounts: *dice.pick(&[1, 5, 1_000]),
            in_order: *dice.pick(&[0, 50, 90, 100]),
            claims: *dice.pick(&[0, 10, 60]),
        }
    }

    fn entry(&self, dice: &mut Dice, from_ms: u64, now_ms: &mut u64) -> Entry {
        let at_ms = if dice.chance(self.in_order) {
            *now_ms += dice.next() % (self.span_ms / 200 + 2);
            *now_ms
        } else {
            from_ms + dice.next() % self.span_ms
        };
        let at_ms = (at_ms / self.grain_ms * self.grain_ms).max(from_ms);
        let amount = dice.between(-self.amounts, self.amounts);
        let claim = dice.chance(self.claims).then(|| dice.between(-3, 3));
        let mut flags = if amount != 0 || claim.is_some() { EVENT } else { 0 };
        if amount <= 0 {
            flags |= WAGER;
        }
        if amount < 0 && dice.chance(90) {
            flags |= STAKE;
        }
        if dice.chance(10) {
            flags |= REVERSED;
        }
        if claim.is_some() {
            flags |= CLAIM;
        }
        (at_ms, Reverse(amount), flags, claim)
    }
}

/// Asks both all there is to ask, from `from_ms` on.
fn compare(seed: u64, plain: &Plain, timeline: &mut Timeline, from_ms: u64, dice: &mut Dice) {
    let latest = plain.0.last().map_or(from_ms, |entry| entry.0).max(from_ms);
    let since = if dice.chance(30) { from_ms } else { from_ms + dice.next() % (latest - from_ms + 2) };
    // Whichever comes first brings the blocks up to date.
    match dice.below(3) {
        0 => assert_eq!(timeline.run(), plain.run(), "seed {seed}: run"),
        1 => assert_eq!(
            timeline.claims_from(since),
            plain.claims_from(since),
            "seed {seed}: claims from {since}"
        ),
        _ => {}
    }
    let stakes: Vec<_> = timeline.stakes_from(since).collect();
    let plain_stakes: Vec<_> = plain.stakes().into_iter().filter(|stake| stake.0 >= since).collect();
    assert_eq!(stakes, plain_stakes, "seed {seed}: stakes from {since}");
    assert_eq!(
        timeline.stakes_before(since),
        plain.stakes_before(since),
        "seed {seed}: stakes before {since}"
    );
    assert_eq!(timeline.claims_from(since), plain.claims_from(since), "seed {seed}: claims from {since}");
    assert_eq!(timeline.run(), plain.run(), "seed {seed}: run");
    assert_eq!(
        timeline.staked_through(since),
        plain.staked_through(since),
        "seed {seed}: staked until {since}"
    );
    let (minutes, from) = (1 + dice.below(4) as u32, minute(since + MINUTE_MS - 1));
    let to = if dice.chance(50) { u32::MAX } else { from + dice.below(5) as u32 };
    assert_eq!(
        timeline.fullest(minutes, from..=to),
        plain.fullest(minutes, from, to),
        "seed {seed}: fullest {minutes} minutes that begin in {from}..={to}"
    );
}

/// One account: events come and go in tides, old blocks are forgotten, and every answer is that of the sorted list.
pub fn check_pure(seed: u64) {
    let mut dice = Dice::new(seed);
    let shape = Shape::any(&mut dice);
    let (mut plain, mut timeline) = (Plain::default(), Timeline::default());
    let (mut forgotten_ms, mut now_ms) = (0, 0);
    let forgets = dice.chance(40);
    let mut removals = 10;
    for step in 0..*dice.pick(&[40, 400, 1_500]) {
        if step % 200 == 0 {
            removals = *dice.pick(&[0, 10, 40, 60, 95]);
        }
        let kept = plain.0.partition_point(|entry| entry.0 < forgotten_ms);
        if dice.chance(removals) && kept < plain.0.len() {
            // Runs of neighbours empty whole blocks.
            let first = kept + dice.below(plain.0.len() - kept);
            for _ in 0..1 + dice.below(4) * dice.below(60) {
                let Some(&entry) = plain.0.get(first) else { break };
                plain.update(entry, -1);
                assert!(
                    timeline.update(event(&entry), claim(&entry), -1),
                    "seed {seed}: what is there is found"
                );
            }
        } else {
            let entry = shape.entry(&mut dice, forgotten_ms, &mut now_ms);
            plain.update(entry, 1);
            assert!(timeline.update(event(&entry), claim(&entry), 1));
        }
        if dice.chance(7) {
            compare(seed, &plain, &mut timeline, forgotten_ms, &mut dice);
        }
        if forgets && dice.chance(1) {
            let latest = plain.0.last().map_or(0, |entry| entry.0);
            forgotten_ms = forgotten_ms.max(latest - dice.next() % (latest - forgotten_ms.min(latest) + 1));
            timeline.forget(forgotten_ms);
            compare(seed, &plain, &mut timeline, forgotten_ms, &mut dice);
        }
    }
    // Money of what was forgotten still counts when it is taken back.
    for entry in plain.0.iter().rev() {
        timeline.update(event(entry), claim(entry), -1);
    }
    assert_eq!(timeline.run().sum, 0, "seed {seed}: all taken out");
}

// --- the operator ---------------------------------------------------------------------------------------------------

/// What the test's own watch finds: all that timelines are asked for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
struct Found {
    run: (i128, Option<(i128, u64)>, Option<u64>),
    fullest: Option<(u32, u32)>,
    /// Each stake with the sum of the stakes before it that it is measured against.
    measured: Vec<(u64, i64, i64)>,
    judged: Vec<(u64, i64, i128)>,
}

const MINUTES: u32 = 3;

impl Found {
    /// All of it, read afresh.
    fn fresh(plain: &Plain) -> Found {
        let Run { sum, lowest, since_ms } = plain.run();
        let stakes = plain.stakes();
        let measured = (0..stakes.len()).map(|at| {
            let before = &stakes[at.saturating_sub(BASELINE)..at];
            (stakes[at].0, stakes[at].1, before.iter().map(|stake| stake.1).sum())
        });
        Found {
            run: (sum, lowest, since_ms),
            fullest: plain.fullest(MINUTES, 0, u32::MAX),
            measured: measured.collect(),
            judged: plain
                .claims_from(0)
                .into_iter()
                .map(|(at, claimed, ours)| (at, claimed.digits, ours))
                .collect(),
        }
    }
}

type Row = (u32, Found);

#[derive(Clone, Default)]
struct Out {
    changes: Vec<(Row, Tick, i64)>,
    rest: Vec<Row>,
}

struct Everything;

impl Everything {
    /// Only what the dirty range can have changed is found anew.
    fn measure(timeline: &mut Timeline, dirty: Dirty, found: &mut Found) {
        let mut window = timeline.stakes_before(dirty.from_ms);
        let later = found.measured.partition_point(|stake| stake.0 < dirty.from_ms);
        let old = found.measured.split_off(later);
        let (mut beyond, mut end_ms) = (0, u64::MAX);
        for (at_ms, stake) in timeline.stakes_from(dirty.from_ms) {
            if at_ms >= end_ms {
                break;
            }
            let before = &window[window.len().saturating_sub(BASELINE)..];
            found.measured.push((at_ms, stake, before.iter().sum()));
            window.push(stake);
            if at_ms > dirty.to_ms {
                beyond += 1;
                if beyond == BASELINE {
                    end_ms = at_ms + 1;
                }
            }
        }
        found.measured.extend(old.into_iter().filter(|stake| stake.0 >= end_ms));
    }
}

impl Watch for Everything {
    type Found = Found;
    type Side = ();
    type Out = Out;
    type Own = ();

    fn watch(&self, _account: u32, timeline: &mut Timeline, dirty: Dirty, found: &mut Found) {
        let Run { sum, lowest, since_ms } = timeline.run();
        found.run = (sum, lowest, since_ms);
        let starts = if dirty.shrank {
            found.fullest = None;
            0..=u32::MAX
        } else {
            minute(dirty.from_ms).saturating_sub(MINUTES - 1)..=minute(dirty.to_ms)
        };
        let best = found.fullest.into_iter().chain(timeline.fullest(MINUTES, starts));
        found.fullest = best.max_by_key(|&(start, wagers)| (wagers, Reverse(start)));
        Self::measure(timeline, dirty, found);
        let later = found.judged.partition_point(|claim| claim.0 < dirty.from_ms);
        found.judged.truncate(later);
        let judged = timeline.claims_from(dirty.from_ms).into_iter();
        found.judged.extend(judged.map(|(at, claimed, ours)| (at, claimed.digits, ours)));
    }

    fn tell(&mut self, account: u32, before: &Found, after: &Found, tick: Tick, out: &mut Out) {
        assert!(before != after, "only changes are told");
        for (found, diff) in [(before, -1), (after, 1)] {
            if *found != Found::default() {
                out.changes.push(((account, found.clone()), tick, diff));
            }
        }
    }

    fn rest(&mut self, account: u32, found: &Found, out: &mut Out) {
        out.rest.push((account, found.clone()));
    }

    fn horizon(&self, _now: Tick) -> (u64, Tick) {
        (0, 1)
    }

    fn key(&self, account: u32) -> u128 {
        account.into()
    }

    fn number(&self, key: u128) -> u32 {
        key as u32
    }

    fn is_full(out: &Out) -> bool {
        out.changes.len() > 2
    }
}

/// Account, event, 1 or −1, tick.
type Update = (u32, Entry, i8, Tick);

/// Events of a few accounts in order of tick; what goes has come before.
fn updates(dice: &mut Dice) -> Vec<Update> {
    let shape = Shape::any(dice);
    let accounts = 1 + dice.below(3);
    let size = *dice.pick(&[10, 60, 60, 400]);
    let span = 1 + dice.next() % 25;
    let mut now_ms = 0;
    let mut updates = Vec::new();
    for _ in 0..size {
        let (account, tick) = (dice.below(accounts) as u32, dice.next() % span);
        let entry = shape.entry(dice, 0, &mut now_ms);
        updates.push((account, entry, 1, tick));
        if dice.chance(35) {
            updates.push((account, entry, -1, tick + 1 + dice.next() % 10));
        }
    }
    updates.sort_by_key(|update| update.3);
    updates
}

/// The findings at a tick, read afresh.
fn fresh(updates: &[Update], tick: Tick) -> Vec<Row> {
    let mut accounts: BTreeMap<u32, Plain> = BTreeMap::new();
    for (account, entry, diff, _) in updates.iter().filter(|update| update.3 <= tick) {
        accounts.entry(*account).or_default().update(*entry, *diff);
    }
    let found = accounts.into_iter().map(|(account, plain)| (account, Found::fresh(&plain)));
    found.filter(|(_, found)| *found != Found::default()).collect()
}

/// The operator's law, with and without readers of changes.
pub fn check(seed: u64) {
    let mut dice = Dice::new(seed);
    let updates = updates(&mut dice);
    let (workers, cut) = (engine::workers(&mut dice), Cut::any(&mut dice));
    let reads = Reads { changes: dice.chance(70), rest_at_end: true };
    let end = updates.last().map_or(0, |update| update.3) + 1;
    // An account's events come to its owner in a message for it alone, as the ledger addresses them.
    let owner = |update: &Update| update.0 as usize % workers;
    let pack = |owner: usize, group: Vec<Update>| (owner, group);
    let steps = engine::cut(&updates, (workers, cut, end), &mut dice, |update| update.3, owner, pack);
    let (changes, reduced, rest) = (Gathered::new(), Gathered::new(), Gathered::new());
    let (told, reduces, rested) = (changes.clone(), reduced.clone(), rest.clone());
    engine::run(workers, steps, move |messages, probe| {
        use timely::dataflow::operators::Exchange;
        let updates = messages.exchange(|message| message.0 as u64).flat_map(|message| message.1);
        let scope = updates.scope();
        let changes = updates.clone().map(|(account, entry, diff, tick)| {
            let mut changes = Events::new(tick, 1);
            changes.push(Change { event: event(&entry), account, legs: 1, diff }, claim(&entry));
            Rc::new(changes)
        });
        let ours = timeline_by_key(changes, empty(scope), "timelines by account", reads, Everything);
        told.from(ours.clone(), probe, |out: &Out| out.changes.clone());
        rested.from(ours, probe, |out: &Out| out.rest.clone());
        let found = updates
            .map(|(account, entry, diff, tick)| ((account, entry), tick, isize::from(diff)))
            .as_collection()
            .reduce(|_, entries, output| {
                let copies = entries.iter().flat_map(|(entry, copies)| vec![**entry; *copies as usize]);
                output.push((Found::fresh(&Plain(copies.collect())), 1));
            });
        reduces.from(found.inner, probe, |(row, tick, diff): &(Row, Tick, isize)| {
            vec![(row.clone(), *tick, *diff as i64)]
        });
    });
    let context = |what| format!("timelines, seed {seed}, {workers} workers, {cut:?}: {what}\n{updates:?}");
    let afresh = evaluated(updates.iter().map(|update| update.3), |tick| fresh(&updates, tick));
    let mut reduced: Changes<Row> = consolidated(reduced.take());
    reduced.retain(|(_, (_, found)), _| *found != Found::default());
    if reads.changes {
        let ours = consolidated(changes.take());
        same(&context("afresh"), &afresh, &ours);
        same(&context("against differential"), &reduced, &ours);
    } else {
        assert!(changes.take().is_empty(), "nobody reads changes");
        same(&context("differential afresh"), &afresh, &reduced);
    }
    let mut rest = rest.take();
    rest.sort_unstable();
    assert_eq!(rest, fresh(&updates, Tick::MAX), "{}", context("rows at rest"));
}
