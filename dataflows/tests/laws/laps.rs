//! The loop against differential dataflow's own: the same laps as a `Variable` that is set to what follows from it.
//!
//! A fault that begins at a tick is a record (id, 0); a lap is −(id, n) +(id, n+1), which in differential's terms is:
//! what stood is put off by its delay, counts one more, and stays for as long as the fault does. Settles that come
//! before their wagers give faults with a beginning and, where the wager comes at last, an end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use differential_dataflow::VecCollection;
use differential_dataflow::input::Input;
use differential_dataflow::operators::iterate::VecVariable;
use gyre_dataflows::Tick;
use gyre_dataflows::rows::Output;
use gyre_domain::records::Topic;
use gyre_domain::rules::Rules;
use serde_json::Value;
use timely::dataflow::operators::vec::Map;

use crate::harness::{Cut, run};
use crate::model::history::Dice;

const START_MS: u64 = 1_767_225_600_000;

/// A settle without its wager: since when, and until when.
type Orphan = (u64, Tick, Option<Tick>);

/// Changes of laps: (tick, id, attempt) → ±1.
type Changes = BTreeMap<(Tick, u64, u64), i64>;

/// A history of orphans, through the graph and through a `Variable`.
pub fn check(seed: u64) {
    let mut dice = Dice::new(seed);
    let tick_ms = *dice.pick(&[1, 100, 1_000]);
    let rules = Rules {
        tick_ms,
        lap_delays_ms: (0..dice.below(5)).map(|_| (1 + dice.next() % 20) * 500).collect(),
        ..Rules::default()
    };
    let orphans = orphans(&mut dice, tick_ms);
    let workers = 1 + dice.below(3);
    let by_graph = by_graph(&orphans, &rules, workers);
    let by_variable = by_variable(&orphans, &rules);
    assert_eq!(by_variable, by_graph, "seed {seed}, {rules:?}, {orphans:?}");
}

fn orphans(dice: &mut Dice, tick_ms: u64) -> Vec<Orphan> {
    let up = |ms: u64| ms.next_multiple_of(tick_ms);
    let number = 1 + dice.next() % 20;
    let orphan = |id| {
        let since = START_MS + dice.next() % 30_000;
        let mends = dice.chance(70).then(|| since + 1 + dice.next() % 40_000);
        // What begins and ends in one tick is never seen.
        (id, up(since), mends.map(up).filter(|&until| until > up(since)))
    };
    (0..number).map(orphan).collect()
}

/// What the graph tells of requests.
fn by_graph(orphans: &[Orphan], rules: &Rules, workers: usize) -> Changes {
    let mut outcomes = Vec::new();
    let mut wagers = Vec::new();
    for &(id, since, until) in orphans {
        let settle = format!(
            r#"{{"wager_id":"{id}","kind":"settle","at_ms":{START_MS},"payout":"1","currency":"KRW","received_ms":{since}}}"#
        );
        outcomes.push((since, settle));
        wagers.extend(until.map(|until| {
            let wager = format!(
                r#"{{"wager_id":"{id}","account":"a","game":"g","stake":"1","currency":"KRW","at_ms":{START_MS},"received_ms":{until}}}"#
            );
            (until, wager)
        }));
    }
    let lines = |mut lines: Vec<(Tick, String)>| -> Vec<Vec<u8>> {
        lines.sort();
        lines.into_iter().map(|(_, line)| line.into_bytes()).collect()
    };
    let (outcomes, wagers) = (lines(outcomes), lines(wagers));
    let streams = [(Topic::Wagers, wagers.as_slice()), (Topic::Outcomes, outcomes.as_slice())];
    let told = run(&streams, rules, workers, Cut::LineByLine);
    let requests = told.changes.iter().filter(|((_, output, _), _)| *output == Output::Recollect);
    let change = |((tick, _, row), diff): (&(Tick, Output, String), &i64)| {
        let row: Value = serde_json::from_str(row).expect("rows are JSON");
        let id = row["id"].as_str().and_then(|id| id.parse().ok()).expect("ids are numbers");
        ((*tick, id, row["attempt"].as_u64().expect("attempts are counted")), *diff)
    };
    requests.map(change).collect()
}

/// The same by differential dataflow alone.
fn by_variable(orphans: &[Orphan], rules: &Rules) -> Changes {
    let up = |ms: u64| ms.next_multiple_of(rules.tick_ms);
    let delays: Vec<u64> = rules.lap_delays_ms.iter().copied().map(up).collect();
    let Some(least) = delays.iter().copied().min() else { return Changes::new() };
    let orphans = orphans.to_vec();
    let told = Arc::new(Mutex::new(Changes::new()));
    let sink = Arc::clone(&told);
    timely::execute_directly(move |worker| {
        let mut faults = worker.dataflow::<u64, _, _>(|scope| {
            let (input, faults): (_, VecCollection<'_, u64, u64, isize>) = scope.new_collection();
            let (variable, again) = VecVariable::new(scope, least);
            // A lap counts while its fault stands.
            let laps = faults.clone().map(|id| (id, 0_u64)).concat(again.semijoin(faults));
            // The edge adds the least delay of all; what a lap waits beyond it, it waits before.
            let put_off = laps.clone().inner.flat_map(move |((id, lap), tick, diff)| {
                let delay = delays.get(lap as usize);
                delay.map(|delay| ((id, lap + 1), tick + delay - least, diff))
            });
            variable.set(VecCollection::new(put_off));
            laps.filter(|&(_, lap)| lap > 0).inspect(move |((id, lap), tick, diff)| {
                let mut told = sink.lock().expect("nothing panics here");
                *told.entry((*tick, *id, *lap)).or_default() += *diff as i64;
            });
            input
        });
        let mut changes: Vec<(Tick, u64, isize)> = Vec::new();
        for (id, since, until) in orphans {
            changes.push((since, id, 1));
            changes.extend(until.map(|until| (until, id, -1)));
        }
        changes.sort_unstable();
        for (tick, id, diff) in changes {
            faults.update_at(id, tick, diff);
        }
    });
    let mut told = std::mem::take(&mut *told.lock().expect("nothing panics here"));
    told.retain(|_, diff| *diff != 0);
    told
}
