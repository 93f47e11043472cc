//! Runs that stop: a dataflow that is taken apart at ticks and brought back with other numbers of workers tells at every
//! tick what one tells that never stopped, byte for byte.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use gyre_dataflows::Tick;
use gyre_dataflows::batch::Batch;
use gyre_dataflows::checkpoint::{Damage, Part, Saving};
use gyre_dataflows::graph::{self, Settings};
use gyre_dataflows::rows::{Output, Wanted};
use gyre_domain::rules::Rules;
use timely::dataflow::operators::{Input, Inspect, Probe};

use crate::harness::{self, BEFORE_DATA, Streams, Told, decoded, decoder};
use crate::model::history::Dice;

/// How a worker with nothing to do waits for others.
const PATIENCE: std::time::Duration = std::time::Duration::from_micros(200);

/// No step takes longer.
const LONGEST: std::time::Duration = std::time::Duration::from_secs(20);

/// A stretch of a run: after one tick, through another.
struct Stretch {
    after: Tick,
    /// Frontiers on the way, the last one behind the end of the stretch.
    frontiers: Vec<Tick>,
    workers: usize,
    /// What was taken at `after`.
    parts: Vec<Part>,
    /// Whether state is taken at the end.
    is_saved: bool,
}

/// The settings of a run, under a horizon that nothing reaches or the history's own.
fn settings(rules: &Rules, workers: usize, has_horizon: bool) -> Settings {
    let mut settings = harness::settings(rules, workers, Wanted { changes: true, postings: true });
    settings.rest_at_end = false;
    if !has_horizon {
        settings.horizon_ms = u64::MAX / 4;
    }
    settings
}

/// Runs a stretch: what it tells, and what is taken at its end.
fn run(records: Vec<(Tick, Batch)>, stretch: Stretch, settings: Settings) -> (Told, Vec<Part>) {
    let (told, taken) = (Arc::new(Mutex::new(Told::default())), Arc::new(Mutex::new(Vec::new())));
    let (sink, takes, done) = (Arc::clone(&told), Arc::clone(&taken), Arc::new(AtomicUsize::new(0)));
    let workers = stretch.workers;
    let guards = timely::execute(timely::Config::process(workers), move |worker| {
        let (sink, index) = (Arc::clone(&sink), worker.index());
        let saving = if stretch.is_saved { Saving::of(index, workers) } else { Saving::off() };
        let dataflow = worker.next_dataflow_index();
        let (mut input, probe) = worker.dataflow(|scope| {
            let (input, batches) = scope.new_input::<Vec<Batch>>();
            let readings = graph::build_saving(batches, &settings, &saving);
            let (probe, _) = readings.inspect(move |reading| harness::take(&sink, reading)).probe();
            (input, probe)
        });
        let of = |name: &str| -> Vec<Result<Part, Damage>> {
            stretch.parts.iter().filter(|part| *part.operator == *name).cloned().map(Ok).collect()
        };
        saving.bring_back(stretch.after, of).expect("parts are as they were written");
        input.advance_to(stretch.after + 1);
        let mut after = stretch.after;
        for &frontier in &stretch.frontiers {
            let here = records.iter().filter(|(tick, batch)| {
                (after + 1..frontier).contains(tick) && batch.worker as usize == index
            });
            input.send_batch(&mut here.map(|(_, batch)| batch.clone()).collect());
            input.advance_to(frontier);
            input.flush();
            after = frontier - 1;
            let since = std::time::Instant::now();
            worker.step_or_park_while(Some(PATIENCE), || {
                let stands = probe.with_frontier(|frontier| frontier.first().copied());
                assert!(since.elapsed() < LONGEST, "{stands:?} is not passed on the way to {frontier}");
                probe.less_than(&frontier)
            });
        }
        saving.take(after, |part| takes.lock().expect("no worker panics").push(part));
        done.fetch_add(1, Ordering::SeqCst);
        while done.load(Ordering::SeqCst) < workers {
            worker.step_or_park(Some(PATIENCE));
        }
        worker.drop_dataflow(dataflow);
    });
    guards.expect("workers start").join().into_iter().for_each(|outcome| outcome.expect("no worker panics"));
    let mut told = std::mem::take(&mut *told.lock().expect("no worker panics"));
    told.changes.retain(|_, diff| *diff != 0);
    let mut parts = std::mem::take(&mut *taken.lock().expect("no worker panics"));
    parts.sort_by_key(|part: &Part| part.worker);
    (told, parts)
}

/// Records with their ticks, reference rows first: what random steps are made of.
pub fn admitted(streams: &Streams<'_>, rules: &Rules, workers: usize) -> Vec<(Tick, Batch)> {
    let decoder = decoder(rules, &harness::settings(rules, workers, Wanted::default()));
    let (references, data) = decoded(streams, rules, &decoder);
    let references = references.into_iter().flat_map(|part| part.batches).map(|batch| (1, batch.at(1)));
    let data = data.into_iter().flat_map(|(tick, part)| {
        part.batches.into_iter().map(move |batch| (tick, batch.not_before(BEFORE_DATA)))
    });
    references.chain(data).filter(|(_, batch)| !batch.is_void()).collect()
}

/// The ticks of a run: those of its records, and more of them until the last lap and the last result are due.
fn ticks(records: &[(Tick, Batch)], rules: &Rules) -> Vec<Tick> {
    let mut ticks: Vec<Tick> = records.iter().map(|(tick, _)| *tick).collect();
    ticks.sort_unstable();
    ticks.dedup();
    let last = ticks.last().copied().unwrap_or(1).next_multiple_of(rules.tick_ms);
    let up = |ms: u64| ms.next_multiple_of(rules.tick_ms).max(rules.tick_ms);
    ticks.extend([500, 1_000, 3_000, 10_000, 25_000, 400_000].map(|ms| last + up(ms)));
    ticks.dedup();
    ticks
}

/// Streams, and how they are run.
pub struct Job<'a> {
    seed: u64,
    streams: &'a Streams<'a>,
    rules: &'a Rules,
    has_horizon: bool,
    /// The number of workers that never stop.
    whole: usize,
    ticks: Vec<Tick>,
}

impl<'a> Job<'a> {
    /// As the dice fall.
    pub fn new(seed: u64, streams: &'a Streams<'a>, rules: &'a Rules, dice: &mut Dice) -> Self {
        let (has_horizon, whole) = (dice.chance(30), *dice.pick(&[1, 2]));
        let ticks = ticks(&admitted(streams, rules, whole), rules);
        Self { seed, streams, rules, has_horizon, whole, ticks }
    }

    fn end(&self) -> Tick {
        *self.ticks.last().expect("every history has ticks")
    }

    fn run(&self, stretch: Stretch) -> (Told, Vec<Part>) {
        let workers = stretch.workers;
        let settings = settings(self.rules, workers, self.has_horizon);
        run(admitted(self.streams, self.rules, workers), stretch, settings)
    }

    /// What is told by those who never stop.
    fn expected(&self, dice: &mut Dice) -> Told {
        let frontiers = frontiers(&self.ticks, 0, self.end(), dice);
        let (workers, parts) = (self.whole, Vec::new());
        self.run(Stretch { after: 0, frontiers, workers, parts, is_saved: false }).0
    }

    /// Some of the ticks, in order, and the last one.
    fn stops(&self, dice: &mut Dice) -> Vec<Tick> {
        let mut stops: Vec<Tick> = (0..1 + dice.below(3)).map(|_| *dice.pick(&self.ticks)).collect();
        stops.push(self.end());
        stops.sort_unstable();
        stops.dedup();
        stops
    }

    /// The state at a tick, taken again as soon as it was brought back.
    fn again(&self, at: Tick, parts: Vec<Part>, workers: usize) -> Vec<Part> {
        let stretch = Stretch { after: at, frontiers: vec![at + 1], workers, parts, is_saved: true };
        let (told, parts) = self.run(stretch);
        assert!(told.changes.is_empty(), "seed {}: told twice: {:?}", self.seed, told.changes);
        parts
    }
}

/// Stops at some ticks and is brought back; an operator's parts may get lost on the way.
pub fn goes_on(job: &Job<'_>, lost: Option<&str>, dice: &mut Dice) {
    let expected = job.expected(dice);
    let (mut told, mut parts, mut after) = (Told::default(), Vec::new(), 0);
    let mut story = format!("seed {}, horizon {}, {} workers against", job.seed, job.has_horizon, job.whole);
    for stop in job.stops(dice) {
        let workers = *dice.pick(&[1, 1, 2, 4]);
        story += &format!(" {workers} through {stop},");
        let frontiers = frontiers(&job.ticks, after, stop, dice);
        let (here, taken) = job.run(Stretch { after, frontiers, workers, parts, is_saved: true });
        let outside = here.changes.keys().find(|(tick, ..)| !(after + 1..=stop).contains(tick));
        assert!(outside.is_none(), "{story}: told outside of its ticks: {outside:?}");
        told.counts.add(&here.counts);
        told.changes.extend(here.changes);
        (parts, after) = (taken, stop);
        parts.retain(|part| lost != Some(&*part.operator));
    }
    same(&story, &expected.changes, &told.changes);
    assert_eq!(expected.counts, told.counts, "{story}");
}

/// What is brought back is there: taken again at once, on whatever number of workers, it is the same.
pub fn is_all_there(job: &Job<'_>, dice: &mut Dice) {
    let stop = *dice.pick(&job.ticks);
    let frontiers = frontiers(&job.ticks, 0, stop, dice);
    let workers = *dice.pick(&[1, 2, 4]);
    let stretch = Stretch { after: 0, frontiers, workers, parts: Vec::new(), is_saved: true };
    let (_, parts) = job.run(stretch);
    let by_others = job.again(stop, parts.clone(), *dice.pick(&[1, 2, 3]));
    let [first, second] = [parts, by_others].map(|parts| job.again(stop, parts, 1));
    let (first, second) = (entries(&first), entries(&second));
    for ((operator, first), (_, second)) in first.iter().zip(&second) {
        assert_eq!(first, second, "seed {}, {operator} at {stop}", job.seed);
    }
    assert_eq!(first.len(), second.len(), "seed {}, at {stop}", job.seed);
}

type Changes = BTreeMap<(Tick, Output, String), i64>;

/// Fails with the rows that only one side has.
fn same(story: &str, expected: &Changes, told: &Changes) {
    let lacking: Vec<_> = expected.iter().filter(|(row, diff)| told.get(row) != Some(diff)).take(5).collect();
    let surplus: Vec<_> = told.iter().filter(|(row, diff)| expected.get(row) != Some(diff)).take(5).collect();
    assert!(lacking.is_empty() && surplus.is_empty(), "{story}\nexpected: {lacking:#?}\ntold: {surplus:#?}");
}

/// What parts say, whatever the order.
fn entries(parts: &[Part]) -> BTreeMap<&str, Vec<&[u8]>> {
    let mut entries: BTreeMap<&str, Vec<&[u8]>> = BTreeMap::new();
    for part in parts {
        let all = part.entries().expect("parts are as they were written");
        entries.entry(&part.operator).or_default().extend(all);
    }
    entries.values_mut().for_each(|entries| entries.sort_unstable());
    entries
}

/// Where the frontier stands on the way: mostly behind each tick, now and then behind several.
fn frontiers(ticks: &[Tick], after: Tick, through: Tick, dice: &mut Dice) -> Vec<Tick> {
    let on_the_way = ticks.iter().filter(|&&tick| tick > after && tick < through);
    let mut frontiers: Vec<Tick> = on_the_way.filter(|_| dice.chance(70)).map(|tick| tick + 1).collect();
    frontiers.push(through + 1);
    frontiers
}
