//! `sum_by_key`: sums equal those of all addends so far, and differential's `count` of the same.

use std::collections::BTreeMap;

use differential_dataflow::AsCollection;
use differential_dataflow::operators::CountTotal;
use gyre_dataflows::Tick;
use gyre_dataflows::ops::sum_by_key::{Sum, Teller, sum_by_key};
use serde::{Deserialize, Serialize};
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::operator::empty;
use timely::dataflow::operators::vec::Map;

use super::engine::{self, Changes, Cut, Gathered, consolidated, evaluated, same};
use crate::model::history::Dice;

/// Amount and count: a sum of zero with a standing count is a row.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
struct Group {
    amount: i128,
    count: i64,
}

impl Sum for Group {
    fn add(&mut self, addend: &Self) {
        self.amount += addend.amount;
        self.count += addend.count;
    }

    fn is_void(&self) -> bool {
        self.count == 0
    }
}

type Row = (u64, i128, i64);

#[derive(Clone, Default)]
struct Out {
    changes: Vec<(Row, Tick, i64)>,
    rest: Vec<Row>,
    /// Rows told before the end, of keys that have left.
    left: Vec<Row>,
}

/// A key's addends end at a tick of its own; from then on its sum may leave.
struct Groups {
    ends: Vec<Option<Tick>>,
    look_every: Tick,
    looked: Tick,
}

impl Teller for Groups {
    type Key = u64;
    type Sum = Group;
    type Side = ();
    type Out = Out;
    type KeptKey = u64;
    type Own = ();

    fn tell(&mut self, key: &u64, before: Option<&Group>, after: Option<&Group>, tick: Tick, out: &mut Out) {
        assert!(before != after, "only changes are told");
        for (sum, diff) in [(before, -1), (after, 1)] {
            out.changes.extend(sum.map(|sum| ((*key, sum.amount, sum.count), tick, diff)));
        }
    }

    fn may_leave(&self, key: &u64, _sum: &Group, now: Tick) -> bool {
        self.ends[*key as usize].is_some_and(|end| end <= now)
    }

    fn leave_due(&mut self, now: Tick) -> bool {
        let due = now >= self.looked + self.look_every;
        if due {
            self.looked = now;
        }
        due
    }

    fn rest(&mut self, sums: Vec<(u64, Group)>, at_end: bool, out: &mut Out) {
        let rows = sums.into_iter().map(|(key, sum)| (key, sum.amount, sum.count));
        if at_end { out.rest.extend(rows) } else { out.left.extend(rows) }
    }

    fn keep_key(&self, key: &u64) -> (u128, u64) {
        (u128::from(*key) << 64, *key)
    }

    fn key_back(&mut self, key: u64) -> u64 {
        key
    }

    fn is_full(out: &Out) -> bool {
        out.changes.len() > 3
    }
}

type Addend = (u64, i128, i64, Tick);

/// Addends with their retractions, in order of tick, and the last tick of each key where it has one.
fn addends(dice: &mut Dice) -> (Vec<Addend>, Vec<Option<Tick>>) {
    let keys = 1 + dice.below(6);
    let last = 1 + dice.next() % 40;
    let ends: Vec<Option<Tick>> =
        (0..keys).map(|_| dice.chance(40).then(|| dice.next() % (last + 1))).collect();
    let mut addends = Vec::new();
    for _ in 0..dice.below(60) {
        let key = dice.below(keys);
        let until = ends[key].unwrap_or(last);
        let tick = dice.next() % (until + 1);
        let amount = match dice.below(4) {
            0 => 0,
            1 => i128::from(dice.between(-2, 2)),
            2 => i128::from(i64::MAX) * i128::from(dice.between(-3, 3)),
            _ => i128::from(dice.between(-1_000, 1_000)),
        };
        addends.push((key as u64, amount, 1, tick));
        // Some are taken back, at once or later; some find their opposite.
        if dice.chance(40) {
            let gone = tick + dice.next() % (until - tick + 1);
            addends.push((key as u64, -amount, -1, gone));
        } else if dice.chance(20) {
            addends.push((key as u64, -amount, 1, tick + dice.next() % (until - tick + 1)));
        }
    }
    addends.sort_by_key(|addend| addend.3);
    (addends, ends)
}

/// All sums at a tick, read afresh.
fn fresh(addends: &[Addend], tick: Tick) -> Vec<Row> {
    let mut sums: BTreeMap<u64, (i128, i64)> = BTreeMap::new();
    for (key, amount, count, _) in addends.iter().filter(|addend| addend.3 <= tick) {
        let sum = sums.entry(*key).or_default();
        (sum.0, sum.1) = (sum.0 + amount, sum.1 + count);
    }
    sums.into_iter().filter(|(_, sum)| sum.1 != 0).map(|(key, sum)| (key, sum.0, sum.1)).collect()
}

struct Told {
    ours: Changes<Row>,
    differentials: Changes<Row>,
    rest: Vec<Row>,
}

fn run(addends: &[Addend], ends: &[Option<Tick>], workers: usize, cut: Cut, dice: &mut Dice) -> Told {
    let end = addends.last().map_or(0, |addend| addend.3) + 1 + dice.next() % 3;
    let steps = engine::cut(
        addends,
        (workers, cut, end),
        dice,
        |addend| addend.3,
        |_| 0,
        |_, group: Vec<Addend>| group,
    );
    let (changes, counts, rest) = (Gathered::new(), Gathered::new(), Gathered::new());
    let (told, counted, rested) = (changes.clone(), counts.clone(), rest.clone());
    let (ends, look_every) = (ends.to_vec(), 1 + dice.next() % 9);
    engine::run(workers, steps, move |messages, probe| {
        let addends = messages.flat_map(|message| message);
        let scope = addends.scope();
        let ours = addends.clone().map(|(key, amount, count, tick)| (key, Group { amount, count }, tick));
        let teller = Groups { ends: ends.clone(), look_every, looked: 0 };
        let by_key = Exchange::new(|addend: &(u64, Group, Tick)| addend.0);
        let ours = sum_by_key(ours, empty(scope), by_key, "sums by key", true, teller);
        told.from(ours.clone(), probe, |out: &Out| out.changes.clone());
        rested.from(ours, probe, |out: &Out| [&*out.left, &out.rest].concat());
        let counts = addends
            .map(|(key, amount, count, tick)| (key, tick, (amount, count)))
            .as_collection()
            .count_total()
            .map(|(key, (amount, count))| (key, amount, count));
        counted.from(counts.inner, probe, |&(row, tick, diff)| vec![(row, tick, diff as i64)]);
    });
    let mut rest = rest.take();
    rest.sort_unstable();
    Told { ours: consolidated(changes.take()), differentials: consolidated(counts.take()), rest }
}

/// One history, one cut, one number of workers.
pub fn check(seed: u64) {
    let mut dice = Dice::new(seed);
    let (addends, ends) = addends(&mut dice);
    let (workers, cut) = (engine::workers(&mut dice), Cut::any(&mut dice));
    let told = run(&addends, &ends, workers, cut, &mut dice);
    let context = |what| format!("sums, seed {seed}, {workers} workers, {cut:?}: {what}\n{addends:?}");
    same(&context("against differential"), &told.differentials, &told.ours);
    let ticks = addends.iter().map(|addend| addend.3);
    same(&context("afresh"), &evaluated(ticks, |tick| fresh(&addends, tick)), &told.ours);
    assert_eq!(told.rest, fresh(&addends, Tick::MAX), "{}", context("rows at rest"));
}
