//! One operator in an engine of its own, fed as a seed decides.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use gyre_dataflows::Tick;
use timely::dataflow::operators::{Input, Inspect, Probe};
use timely::dataflow::{ProbeHandle, StreamVec};

use crate::model::history::Dice;

/// Changes of rows, consolidated by tick.
pub type Changes<R> = BTreeMap<(Tick, R), i64>;

/// What a worker is given to do: messages, and the tick before which all is complete with them.
pub struct Step<M> {
    /// For each worker, what enters there.
    pub messages: Vec<Vec<M>>,
    /// The frontier after it.
    pub complete_before: Tick,
}

/// How long a worker with nothing to do waits for another: many share few cores here.
const PATIENCE: std::time::Duration = std::time::Duration::from_micros(500);

/// How messages are cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// One update a message, one tick a step.
    Singly,
    /// All ticks in one step, in as few messages as there are owners.
    AtOnce,
    /// As the dice fall: several ticks in a message, messages ahead of the frontier, messages in any order.
    Random,
}

impl Cut {
    /// Each as often as it deserves.
    pub fn any(dice: &mut Dice) -> Cut {
        *dice.pick(&[Cut::Singly, Cut::AtOnce, Cut::Random, Cut::Random])
    }
}

/// Cuts updates into steps; they end before `end`. Updates of one message belong to one `owner` and are in order of
/// tick, so `pack` makes a message of them as it likes.
pub fn cut<U: Clone, M>(
    updates: &[U],
    (workers, cut, end): (usize, Cut, Tick),
    dice: &mut Dice,
    tick_of: impl Fn(&U) -> Tick,
    owner_of: impl Fn(&U) -> usize,
    pack: impl Fn(usize, Vec<U>) -> M,
) -> Vec<Step<M>> {
    let frontiers = frontiers(updates, cut, end, dice, &tick_of);
    let mut sent: Vec<Vec<U>> = frontiers.iter().map(|_| Vec::new()).collect();
    for update in updates {
        let due = frontiers.partition_point(|&frontier| frontier <= tick_of(update));
        let ahead = if cut == Cut::Random { dice.below(4).min(due) } else { 0 };
        sent[due - ahead].push(update.clone());
    }
    let mut steps = Vec::new();
    for (mut updates, complete_before) in sent.into_iter().zip(frontiers) {
        let mut messages: Vec<Vec<M>> = (0..workers).map(|_| Vec::new()).collect();
        dice.shuffle(&mut updates);
        let mut groups: BTreeMap<(usize, usize, usize), Vec<U>> = BTreeMap::new();
        for (number, update) in updates.into_iter().enumerate() {
            let (sender, part) = match cut {
                Cut::Singly => (dice.below(workers), number),
                Cut::AtOnce => (0, 0),
                Cut::Random => (dice.below(workers), dice.below(3)),
            };
            groups.entry((part, sender, owner_of(&update))).or_default().push(update);
        }
        for ((_, sender, owner), mut group) in groups {
            group.sort_by_key(&tick_of);
            messages[sender].push(pack(owner, group));
        }
        messages.iter_mut().for_each(|messages| dice.shuffle(messages));
        steps.push(Step { messages, complete_before });
    }
    steps
}

/// Where the frontier stands after each step.
fn frontiers<U>(
    updates: &[U],
    cut: Cut,
    end: Tick,
    dice: &mut Dice,
    tick_of: &impl Fn(&U) -> Tick,
) -> Vec<Tick> {
    let mut frontiers: Vec<Tick> = match cut {
        Cut::Singly => updates.iter().map(|update| tick_of(update) + 1).collect(),
        Cut::AtOnce => Vec::new(),
        Cut::Random => (0..dice.below(8)).map(|_| 1 + dice.next() % end.max(1)).collect(),
    };
    frontiers.push(end);
    frontiers.sort_unstable();
    frontiers.dedup();
    frontiers
}

/// Where what operators tell is gathered, on whatever worker.
pub struct Gathered<R>(Arc<Mutex<Vec<R>>>);

impl<R> Clone for Gathered<R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<R: Clone + Send + 'static> Gathered<R> {
    /// Nothing yet.
    pub fn new() -> Self {
        Self(Arc::default())
    }

    /// Gathers from a stream.
    pub fn from<'s, M: Clone + 'static>(
        &self,
        stream: StreamVec<'s, Tick, M>,
        probe: &ProbeHandle<Tick>,
        mut rows: impl FnMut(&M) -> Vec<R> + 'static,
    ) {
        let sink = self.clone();
        let gather = move |message: &M| sink.0.lock().expect("no worker panics").extend(rows(message));
        stream.inspect(gather).probe_with(probe);
    }

    /// All that was gathered.
    pub fn take(&self) -> Vec<R> {
        std::mem::take(&mut *self.0.lock().expect("no worker panics"))
    }
}

/// Feeds steps to what `build` builds, on as many workers as they have messages for.
pub fn run<M: Clone + Send + 'static>(
    workers: usize,
    steps: Vec<Step<M>>,
    build: impl Fn(StreamVec<'_, Tick, M>, &ProbeHandle<Tick>) + Send + Sync + 'static,
) {
    let steps = Arc::new(Mutex::new(steps));
    let guards = timely::execute(timely::Config::process(workers), move |worker| {
        let mine: Vec<(Vec<M>, Tick)> = {
            let mut steps = steps.lock().expect("no worker panics");
            steps
                .iter_mut()
                .map(|step| (std::mem::take(&mut step.messages[worker.index()]), step.complete_before))
                .collect()
        };
        let probe = ProbeHandle::new();
        let mut input = worker.dataflow(|scope| {
            let (input, messages) = scope.new_input::<Vec<M>>();
            build(messages, &probe);
            input
        });
        for (mut messages, complete_before) in mine {
            for message in messages.drain(..) {
                input.send_batch(&mut vec![message]);
            }
            input.advance_to(complete_before);
            input.flush();
            worker.step_or_park_while(Some(PATIENCE), || probe.less_than(&complete_before));
        }
        drop(input);
        worker.step_or_park_while(Some(PATIENCE), || !probe.done());
    });
    guards.expect("workers start").join().into_iter().for_each(|outcome| outcome.expect("no worker panics"));
}

/// Adds changes up by tick and row.
pub fn consolidated<R: Ord>(changes: impl IntoIterator<Item = (R, Tick, i64)>) -> Changes<R> {
    let mut sums = Changes::new();
    for (row, tick, diff) in changes {
        *sums.entry((tick, row)).or_default() += diff;
    }
    sums.retain(|_, diff| *diff != 0);
    sums
}

/// The changes between rows that stand at one tick and at the next, whoever says what stands.
pub fn evaluated<R: Ord + Clone>(
    ticks: impl IntoIterator<Item = Tick>,
    mut rows_at: impl FnMut(Tick) -> Vec<R>,
) -> Changes<R> {
    let mut before: Vec<R> = Vec::new();
    let mut changes = Vec::new();
    for tick in ticks {
        let after = rows_at(tick);
        changes.extend(before.drain(..).map(|row| (row, tick, -1)));
        changes.extend(after.iter().map(|row| (row.clone(), tick, 1)));
        before = after;
    }
    consolidated(changes)
}

/// Fails with the first change on which two tellings differ.
pub fn same<R: Ord + Debug>(context: &str, expected: &Changes<R>, told: &Changes<R>) {
    if expected == told {
        return;
    }
    let mut said = String::new();
    for (change, diff) in expected.iter().filter(|(change, diff)| told.get(change) != Some(diff)).take(5) {
        said += &format!("  {diff:+} {change:?} expected\n");
    }
    for (change, diff) in told.iter().filter(|(change, diff)| expected.get(change) != Some(diff)).take(5) {
        said += &format!("  {diff:+} {change:?} told\n");
    }
    panic!("{context}:\n{said}");
}

/// The seeds of a law: `GYRE_SEED` and `GYRE_HISTORIES` make a longer run.
pub fn seeds(least: u64) -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number("GYRE_SEED").unwrap_or(0);
    first..first + number("GYRE_HISTORIES").unwrap_or(least)
}

/// One worker mostly, two and four often enough.
pub fn workers(dice: &mut Dice) -> usize {
    *dice.pick(&[1, 1, 1, 1, 2, 4])
}
