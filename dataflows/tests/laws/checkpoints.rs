//! Checkpoints: a dataflow that is taken apart at ticks and brought back with other numbers of workers tells at every
//! tick what one tells that never stopped.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use gyre_dataflows::Tick;
use gyre_dataflows::batch::Batch;
use gyre_dataflows::checkpoint::{Damage, Part, Saving};
use gyre_dataflows::graph::{self, Settings};
use gyre_domain::rules::Rules;
use timely::dataflow::operators::{Input, Inspect, Probe};

use super::graph::{ALL, admitted, changes, drawn, same};
use crate::harness::{self, Streams, Told};
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
    let mut settings = harness::settings(rules, workers, ALL);
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

/// One history, stopped and brought back at some of its ticks.
pub fn check(seed: u64) {
    let mut dice = Dice::new(seed);
    drawn(seed, |streams, rules| check_drawn(seed, streams, rules, &mut dice));
}

fn check_drawn(seed: u64, streams: &Streams<'_>, rules: &Rules, dice: &mut Dice) {
    let has_horizon = dice.chance(30);
    let whole = *dice.pick(&[1, 2]);
    let records = admitted(streams, rules, whole);
    let ticks = ticks(&records, rules);
    let end = *ticks.last().expect("every history has ticks");
    let settings_of = |workers| settings(rules, workers, has_horizon);
    let all = Stretch {
        after: 0,
        frontiers: frontiers(&ticks, 0, end, dice),
        workers: whole,
        parts: Vec::new(),
        is_saved: false,
    };
    let (expected, _) = run(records, all, settings_of(whole));
    let mut stops: Vec<Tick> = (0..1 + dice.below(3)).map(|_| *dice.pick(&ticks)).collect();
    stops.push(end);
    stops.sort_unstable();
    stops.dedup();
    let (mut told, mut parts, mut after) = (Told::default(), Vec::new(), 0);
    let mut story = format!("seed {seed}, horizon {has_horizon}, {whole} workers against");
    for stop in stops {
        let workers = *dice.pick(&[1, 1, 2, 4]);
        story += &format!(" {workers} through {stop},");
        let frontiers = frontiers(&ticks, after, stop, dice);
        let stretch = Stretch { after, frontiers, workers, parts, is_saved: true };
        let (here, taken) = run(admitted(streams, rules, workers), stretch, settings_of(workers));
        let outside = here.changes.keys().find(|(tick, ..)| !(after + 1..=stop).contains(tick));
        assert!(outside.is_none(), "{story}: told outside of its ticks: {outside:?}");
        told.counts.add(&here.counts);
        told.changes.extend(here.changes);
        (parts, after) = (taken, stop);
    }
    same(&story, &changes(&expected), &changes(&told));
    assert_eq!(expected.counts, told.counts, "{story}");
}

/// Where the frontier stands on the way: mostly behind each tick, now and then behind several.
fn frontiers(ticks: &[Tick], after: Tick, through: Tick, dice: &mut Dice) -> Vec<Tick> {
    let on_the_way = ticks.iter().filter(|&&tick| tick > after && tick < through);
    let mut frontiers: Vec<Tick> = on_the_way.filter(|_| dice.chance(70)).map(|tick| tick + 1).collect();
    frontiers.push(through + 1);
    frontiers
}
