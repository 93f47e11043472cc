//! `fold_by_key`: what is told equals `f` evaluated afresh at every tick, and differential's `reduce` where no timer
//! has a part in it.
//!
//! The fold: a key's records are small numbers, each so many times, with a time. Its rows are the two largest numbers
//! that no side row bans and, from `delay` after its earliest record on, that record's time. A key lives until `horizon`
//! after its latest record; then its rows rest, and the next record begins another life.

use std::collections::BTreeMap;

use differential_dataflow::AsCollection;
use gyre_dataflows::Tick;
use gyre_dataflows::checkpoint::Whose;
use gyre_dataflows::keys::owner;
use gyre_dataflows::ops::fold_by_key::{Fold, Pace, Slab, Turn, Updates, fold_by_key};
use serde::{Deserialize, Serialize};
use timely::dataflow::operators::vec::Map;

use super::engine::{self, Changes, Cut, Gathered, Step, consolidated, evaluated, same};
use crate::model::history::Dice;

/// A number and when it was so.
type Number = (u8, Tick);

/// A record of a key that comes or goes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Update {
    key: u128,
    record: Number,
    diff: i64,
    tick: Tick,
    /// Up to `tick`; earlier where ticks are coarse.
    admitted: Tick,
}

#[derive(Clone, Serialize, Deserialize)]
struct Message {
    owner: usize,
    updates: Vec<Update>,
}

impl Updates for Message {
    fn worker(&self) -> u64 {
        self.owner as u64
    }

    fn len(&self) -> usize {
        self.updates.len()
    }

    fn key(&self, at: usize) -> u128 {
        self.updates[at].key
    }

    fn tick(&self, at: usize) -> Tick {
        self.updates[at].tick
    }

    fn admitted(&self, at: usize) -> Tick {
        self.updates[at].admitted
    }
}

/// A ban of a number, from a tick on.
type Ban = (u8, Tick, isize);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Row {
    Large(u128, u8),
    Since(u128, Tick),
}

type Records = BTreeMap<Number, i64>;

/// The function that is folded.
fn rows(
    key: u128,
    records: &Records,
    bans: &BTreeMap<u8, isize>,
    delay: Option<Tick>,
    tick: Tick,
) -> Vec<Row> {
    let mut large: Vec<u8> = records
        .keys()
        .map(|record| record.0)
        .filter(|number| bans.get(number).is_none_or(|&bans| bans == 0))
        .collect();
    large.sort_unstable();
    large.dedup();
    let mut rows: Vec<Row> = large.into_iter().rev().take(2).map(|number| Row::Large(key, number)).collect();
    let first = records.keys().map(|record| record.1).min();
    rows.extend(
        first.filter(|first| delay.is_some_and(|delay| first + delay <= tick)).map(|at| Row::Since(key, at)),
    );
    rows
}

#[derive(Clone, Copy, Debug)]
struct Rules {
    delay: Option<Tick>,
    horizon: Tick,
}

#[derive(Default, Clone, Serialize, Deserialize)]
struct Key {
    key: u128,
    records: Records,
}

/// Told when it must be, else later from the records as they were.
enum Before {
    Told(Vec<Row>),
    Later(Key, Tick),
}

#[derive(Clone, Default)]
struct Out {
    changes: Vec<(Row, Tick, i64)>,
    rest: Vec<Row>,
}

struct Numbers {
    rules: Rules,
    bans: BTreeMap<u8, isize>,
    /// Rows at rest that are still to be told.
    resting: Option<Vec<Row>>,
    now: Tick,
}

impl Numbers {
    fn rows(&self, state: &Key, tick: Tick) -> Vec<Row> {
        rows(state.key, &state.records, &self.bans, self.rules.delay, tick)
    }
}

impl Fold for Numbers {
    type Updates = Message;
    type Side = u8;
    type State = Key;
    type Before = Before;
    type Out = Out;
    type Verdict = ();
    type Kept = Key;
    type Own = BTreeMap<u8, isize>;

    fn file(&mut self, state: &mut Key, message: &Message, at: usize) {
        let update = message.updates[at];
        state.key = update.key;
        let count = state.records.entry(update.record).or_default();
        *count += update.diff;
        if *count == 0 {
            state.records.remove(&update.record);
        }
    }

    fn before(&mut self, state: &Key, now: Tick, eager: bool) -> Before {
        if eager { Before::Told(self.rows(state, now)) } else { Before::Later(state.clone(), now) }
    }

    fn turn(&mut self, _key: u128, state: &mut Key, before: Before, tick: Tick, out: &mut Out) -> Turn {
        let before = match before {
            Before::Told(rows) => rows,
            Before::Later(state, now) => self.rows(&state, now),
        };
        assert!(state.records.values().all(|&count| count > 0), "at a tick's end nothing is owed");
        let after = self.rows(state, tick);
        out.changes.extend(before.iter().filter(|row| !after.contains(row)).map(|&row| (row, tick, -1)));
        out.changes.extend(after.iter().filter(|row| !before.contains(row)).map(|&row| (row, tick, 1)));
        let first = state.records.keys().map(|record| record.1).min();
        let due = first.zip(self.rules.delay).map(|(first, delay)| first + delay);
        Turn { next: due.filter(|&due| due > tick), vacant: state.records.is_empty() }
    }

    fn turned(&mut self, tick: Tick, _out: &mut Out) {
        assert!(tick >= self.now, "ticks come in order");
        self.now = tick;
    }

    fn forget_after(&self, state: &Key) -> Tick {
        let latest = state.records.keys().map(|record| record.1).max();
        latest.map_or(Tick::MAX, |latest| latest + self.rules.horizon)
    }

    fn forget(&mut self, _key: u128, state: &mut Key, now: Tick, out: &mut Out) {
        out.rest.extend(self.rows(state, now));
    }

    fn reach(&self, side: &[(u8, isize)], slab: &Slab<Key>, _find: &dyn Fn(u128) -> Option<u32>) -> Vec<u32> {
        let touches = |state: &Key| {
            side.iter().any(|(number, _)| state.records.keys().any(|record| record.0 == *number))
        };
        slab.live().filter(|&slot| touches(&slab.get(slot).1)).collect()
    }

    fn take_side(&mut self, side: &[(u8, isize)]) {
        for (number, diff) in side {
            *self.bans.entry(*number).or_default() += diff;
        }
    }

    fn revise(&mut self, _state: &mut Key) {}

    fn keep(&mut self, state: &Key) -> Key {
        state.clone()
    }

    fn back(&mut self, state: Key, _at: Tick) -> Key {
        state
    }

    fn own(&self) -> Vec<(Whose, BTreeMap<u8, isize>)> {
        vec![(Whose::Same, self.bans.clone())]
    }

    fn own_back(&mut self, bans: BTreeMap<u8, isize>) {
        self.bans = bans;
    }

    fn worked_through(&mut self, at: Tick) {
        self.now = at;
    }

    fn is_full(out: &Out) -> bool {
        out.changes.len() > 2
    }

    /// A few rows at a time.
    fn rest(&mut self, slab: &Slab<Key>, out: &mut Out) -> bool {
        let resting = self.resting.take();
        let all = || slab.live().flat_map(|slot| self.rows(&slab.get(slot).1, self.now)).collect();
        let mut resting = resting.unwrap_or_else(all);
        out.rest.extend(resting.drain(..resting.len().min(3)));
        let done = resting.is_empty();
        self.resting = Some(resting);
        done
    }
}

/// A history: updates and bans in order of tick, all at multiples of `grain`.
struct History {
    updates: Vec<Update>,
    bans: Vec<Ban>,
    rules: Rules,
    grain: Tick,
    last: Tick,
}

/// Keys that share homes and tags in the index, spread over workers.
fn key(number: usize) -> u128 {
    (number as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834) & !0xffff_fffe
}

/// Random records, a third of them withdrawn again; `lives` lets keys outlive their horizon.
fn history(dice: &mut Dice, lives: bool) -> History {
    let grain = *dice.pick(&[1, 1, 1, 5]);
    let span = 1 + dice.next() % 40;
    let rules = Rules {
        delay: dice.chance(70).then(|| dice.next() % 12),
        horizon: if lives { 20 + dice.next() % 30 } else { 10_000 },
    };
    let span = if lives { 4 * span } else { span };
    let keys = 1 + dice.below(5);
    let mut updates = Vec::new();
    for _ in 0..dice.below(50) {
        let tick = dice.next() % span / grain * grain;
        // Late ones, up to what the horizon lets in.
        let late = if dice.chance(30) { dice.next() % 9 } else { 0 };
        let record = (dice.below(5) as u8, tick.saturating_sub(late));
        let update = Update { key: key(dice.below(keys)), record, diff: 1, tick, admitted: tick };
        updates.push(update);
        if !lives && dice.chance(35) {
            let gone = tick + dice.next() % 12 / grain * grain;
            updates.push(Update { diff: -1, tick: gone, admitted: gone, ..update });
        }
    }
    updates.sort_by_key(|update| update.tick);
    let mut bans = Vec::new();
    for _ in 0..dice.below(6) {
        let (number, tick) = (dice.below(5) as u8, dice.next() % span / grain * grain);
        bans.push((number, tick, 1));
        if dice.chance(50) {
            bans.push((number, tick + dice.next() % 12 / grain * grain, -1));
        }
    }
    bans.sort_by_key(|ban| ban.1);
    let ticks = updates.iter().map(|update| update.tick).chain(bans.iter().map(|ban| ban.1));
    let last = ticks.max().unwrap_or(0);
    History { updates, bans, rules, grain, last }
}

struct Told {
    ours: Changes<Row>,
    differentials: Changes<Row>,
    rest: Vec<Row>,
}

/// What enters: updates for their owner, or bans for everybody.
#[derive(Clone)]
enum Entering {
    Updates(Message),
    Bans(Vec<Ban>),
}

fn steps(history: &History, workers: usize, cut: Cut, dice: &mut Dice) -> Vec<Step<Entering>> {
    let end = history.last + 1 + dice.next() % 3;
    #[derive(Clone, Copy)]
    enum Any {
        Update(Update),
        Ban(Ban),
    }
    let mut all: Vec<Any> = history.updates.iter().copied().map(Any::Update).collect();
    all.extend(history.bans.iter().copied().map(Any::Ban));
    let tick_of = |any: &Any| match any {
        Any::Update(update) => update.tick,
        Any::Ban(ban) => ban.1,
    };
    all.sort_by_key(tick_of);
    let owner_of = |any: &Any| match any {
        Any::Update(update) => owner(update.key, workers),
        Any::Ban(_) => usize::MAX,
    };
    let pack = |owner, group: Vec<Any>| match group[0] {
        Any::Update(_) => {
            let update = |any: Any| if let Any::Update(update) = any { Some(update) } else { None };
            Entering::Updates(Message { owner, updates: group.into_iter().filter_map(update).collect() })
        }
        Any::Ban(_) => {
            let ban = |any: Any| if let Any::Ban(ban) = any { Some(ban) } else { None };
            Entering::Bans(group.into_iter().filter_map(ban).collect())
        }
    };
    let mut steps = engine::cut(&all, (workers, cut, end), dice, tick_of, owner_of, pack);
    // Every worker holds the bans.
    for step in &mut steps {
        let of = |message: &Entering| matches!(message, Entering::Bans(_));
        let bans: Vec<Entering> =
            step.messages.iter().flatten().filter(|message| of(message)).cloned().collect();
        for messages in &mut step.messages {
            messages.retain(|message| !of(message));
            messages.extend(bans.iter().cloned());
        }
    }
    steps
}

fn run(history: &History, pace: Pace, (workers, cut): (usize, Cut), dice: &mut Dice) -> Told {
    let steps = steps(history, workers, cut, dice);
    let (changes, reduced, rest) = (Gathered::new(), Gathered::new(), Gathered::new());
    let (told, reduces, rested) = (changes.clone(), reduced.clone(), rest.clone());
    let rules = history.rules;
    engine::run(workers, steps, move |entering, probe| {
        let updates = entering.clone().flat_map(|entering| match entering {
            Entering::Updates(message) => Some(message),
            Entering::Bans(_) => None,
        });
        let bans = entering.flat_map(|entering| match entering {
            Entering::Updates(_) => Vec::new(),
            Entering::Bans(bans) => bans,
        });
        let fold = Numbers { rules, bans: BTreeMap::new(), resting: None, now: 0 };
        let ours = fold_by_key(updates.clone(), bans.clone(), "numbers by key", pace, fold);
        told.from(ours.clone(), probe, |out: &Out| out.changes.clone());
        rested.from(ours, probe, |out: &Out| out.rest.clone());

        let is_first = updates.scope().index() == 0;
        let numbers = updates
            .flat_map(|message| message.updates)
            .map(|update| ((update.record.0, update.key), update.tick, update.diff as isize))
            .as_collection();
        let banned = bans.flat_map(move |ban| is_first.then_some(ban)).as_collection().distinct();
        let large =
            numbers.antijoin(banned).map(|(number, key)| (key, number)).reduce(|_, numbers, output| {
                output.extend(numbers.iter().rev().take(2).map(|(number, _)| (**number, 1isize)));
            });
        reduces.from(large.inner, probe, |&((key, number), tick, diff)| {
            vec![(Row::Large(key, number), tick, diff as i64)]
        });
    });
    let mut rest = rest.take();
    rest.sort_unstable();
    Told { ours: consolidated(changes.take()), differentials: consolidated(reduced.take()), rest }
}

/// The rows of all keys at a tick, read afresh.
fn fresh(history: &History, tick: Tick) -> Vec<Row> {
    let mut keys: BTreeMap<u128, Records> = BTreeMap::new();
    for update in history.updates.iter().filter(|update| update.tick <= tick) {
        *keys.entry(update.key).or_default().entry(update.record).or_default() += update.diff;
    }
    let bans = bans(history, tick);
    let mut all = Vec::new();
    for (key, mut records) in keys {
        records.retain(|_, count| *count != 0);
        all.extend(rows(key, &records, &bans, history.rules.delay, tick));
    }
    all.sort_unstable();
    all
}

fn bans(history: &History, tick: Tick) -> BTreeMap<u8, isize> {
    let mut bans = BTreeMap::new();
    for (number, _, diff) in history.bans.iter().filter(|ban| ban.1 <= tick) {
        *bans.entry(*number).or_default() += diff;
    }
    bans
}

/// All ticks up to when the last timer has fired.
fn ticks(history: &History) -> impl Iterator<Item = Tick> + use<> {
    let delay = history.rules.delay.unwrap_or(0);
    (0..=(history.last + delay).next_multiple_of(history.grain)).step_by(history.grain as usize)
}

fn pace(history: &History, dice: &mut Dice) -> Pace {
    Pace {
        timer_tick_ms: Some(history.grain),
        forget_ticks: 1 + dice.next() % 8,
        rest_at_end: true,
        gathers: false,
        ends_when_closed: false,
    }
}

fn context(seed: u64, history: &History, (workers, cut): (usize, Cut), what: &str) -> String {
    let History { updates, bans, rules, grain, .. } = history;
    let updates: Vec<String> = updates
        .iter()
        .map(|update| {
            let Update { key, record, diff, tick, .. } = update;
            format!("  {tick}: {diff:+} {record:?} of {key}\n")
        })
        .collect();
    let updates = updates.concat();
    format!(
        "folds, seed {seed}, {workers} workers, {cut:?}: {what}\n{rules:?}, grain {grain}, bans {bans:?}\n{updates}"
    )
}

/// Nothing is forgotten, ticks are exact: every change at its tick.
pub fn check(seed: u64) {
    let mut dice = Dice::new(seed);
    let history = history(&mut dice, false);
    let how = (engine::workers(&mut dice), Cut::any(&mut dice));
    let pace = pace(&history, &mut dice);
    let told = run(&history, pace, how, &mut dice);
    let afresh = evaluated(ticks(&history), |tick| fresh(&history, tick));
    same(&context(seed, &history, how, "afresh"), &afresh, &told.ours);
    let large: Changes<Row> =
        told.ours.into_iter().filter(|((_, row), _)| matches!(row, Row::Large(..))).collect();
    same(&context(seed, &history, how, "against differential"), &told.differentials, &large);
    let rest = fresh(&history, Tick::MAX / 2);
    assert_eq!(told.rest, rest, "{}", context(seed, &history, how, "rows at rest"));
}

/// Ticks are as coarse as they come and timers fire when they may: one final state, and at one tick one telling.
pub fn check_coarse(seed: u64) {
    let mut dice = Dice::new(seed);
    let mut history = history(&mut dice, false);
    let coarse = 1 + dice.next() % 50;
    for update in &mut history.updates {
        update.tick = update.tick.next_multiple_of(coarse);
    }
    history.bans.iter_mut().for_each(|ban| ban.1 = ban.1.next_multiple_of(coarse));
    history.last = history.last.next_multiple_of(coarse);
    let how = (engine::workers(&mut dice), Cut::any(&mut dice));
    let pace = Pace { timer_tick_ms: None, ..pace(&history, &mut dice) };
    let told = run(&history, pace, how, &mut dice);
    let rest = fresh(&history, Tick::MAX / 2);
    assert_eq!(told.rest, rest, "{}", context(seed, &history, how, "rows at rest"));
    let mut standing: BTreeMap<Row, i64> = BTreeMap::new();
    told.ours.iter().for_each(|((_, row), diff)| *standing.entry(*row).or_default() += diff);
    standing.retain(|_, count| *count != 0);
    let folded: Vec<Row> = standing.into_keys().collect();
    assert_eq!(folded, rest, "{}", context(seed, &history, how, "changes folded"));
}

/// Keys outlive their horizon: each life tells for itself, its rows rest when it ends, and nothing takes them back.
pub fn check_lives(seed: u64) {
    let mut dice = Dice::new(seed);
    let history = history(&mut dice, true);
    let how = (engine::workers(&mut dice), Cut::any(&mut dice));
    let pace = pace(&history, &mut dice);
    let told = run(&history, pace, how, &mut dice);
    // Lives apart, each under the horizon: what is told is told of each alone.
    let mut changes = Vec::new();
    let mut rest = Vec::new();
    for life in lives(&history) {
        let end =
            life.updates.iter().map(|update| update.record.1).max().unwrap_or(0) + history.rules.horizon;
        let within = ticks(&history).filter(|&tick| tick <= end);
        let told = evaluated(within, |tick| fresh(&life, tick));
        changes.extend(told.into_iter().map(|((tick, row), diff)| (row, tick, diff)));
        rest.extend(fresh(&life, end));
    }
    rest.sort_unstable();
    same(&context(seed, &history, how, "lives apart"), &consolidated(changes), &told.ours);
    assert_eq!(told.rest, rest, "{}", context(seed, &history, how, "rows at rest"));
}

/// The lives of all keys: a record that comes after its key's time begins another.
fn lives(history: &History) -> Vec<History> {
    let mut lives: BTreeMap<u128, Vec<Vec<Update>>> = BTreeMap::new();
    for update in &history.updates {
        let of_key = lives.entry(update.key).or_default();
        let end = of_key.last().and_then(|life| life.iter().map(|update| update.record.1).max());
        if end.is_none_or(|end| end + history.rules.horizon < update.tick) {
            of_key.push(Vec::new());
        }
        of_key.last_mut().expect("a life was begun").push(*update);
    }
    let life = |updates| History { updates, bans: history.bans.clone(), ..*history };
    lives.into_values().flatten().map(life).collect()
}
