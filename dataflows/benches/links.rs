//! How soon one link more, or one less, is answered where two million stand.
//!
//! `cargo bench -p gyre-dataflows --bench links [-- SHAPE [LINKS [WORKERS]]]`: loads `LINKS` links (2,000,000) between half as
//! many accounts and devices in one tick, then adds and withdraws single ones, a tick each, and says what the ticks took
//! until their rows were told. Shapes: `small` (groups of two to seven), `web` (nearly everybody in one component), `hub`
//! (a hundred devices with very many accounts each), `chain` (one chain through everybody). Without one: all of them.
// A bench is of the world: it looks at the clock and prints.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::type_complexity
)]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gyre_dataflows::Tick;
use gyre_dataflows::anomalies::links;
use gyre_dataflows::checkpoint::Saving;
use gyre_dataflows::graph::Settings;
use gyre_dataflows::keys::JobKey;
use gyre_dataflows::rows::Wanted;
use gyre_dataflows::seams::{LinkStreams, Means, Named, Player, Shared, Tie};
use gyre_domain::rules::Rules;
use timely::dataflow::operators::generic::operator::empty;
use timely::dataflow::operators::{Input, Inspect, Probe};

/// Single links that are added, withdrawn and added again.
const CHANGES: u64 = 200;

const SHAPES: [&str; 4] = ["small", "web", "hub", "chain"];

/// A small generator: the bench needs the same numbers on every worker.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ word >> 31) % end
    }
}

/// Account and device of each link.
fn shape(name: &str, links: u64) -> Vec<(u64, u64)> {
    let accounts = links / 2;
    let mut dice = Dice(7);
    match name {
        "small" => {
            let mut pairs = Vec::new();
            let (mut account, mut device) = (0, 0);
            while (pairs.len() as u64) < links {
                let group = 2 + dice.below(6);
                // Each of the group on the first of two devices, and again on either.
                for member in account..account + group {
                    pairs.push((member, device));
                    pairs.push((member, device + 1));
                }
                (account, device) = (account + group, device + 2);
            }
            pairs
        }
        "web" => (0..links).map(|_| (dice.below(accounts), dice.below(accounts))).collect(),
        "hub" => (0..links).map(|link| (link / 2, (link % 2) * 50 + dice.below(50))).collect(),
        _ => (0..links).map(|link| (link.div_ceil(2), link / 2)).collect(),
    }
}

fn tie(keys: &JobKey, (account, device): (u64, u64)) -> Tie {
    let (account, device) = (format!("account-{account}"), format!("device-{device}"));
    Tie {
        shared: Shared {
            key: keys.of(&["device", "-", &device]),
            means: Means::Instrument,
            name: Named::new("-", &device),
        },
        player: Player { key: keys.of(&["-", &account]), name: Named::new("-", &account) },
    }
}

fn settings(workers: usize) -> Settings {
    let rules = Rules { recollect: false, ..Rules::default() };
    let wanted = Wanted { changes: true, postings: false };
    let settings = Settings::of_replay(&rules, workers, wanted, JobKey::new(&[7; 16]));
    Settings { rest_at_end: false, rules_come: false, ..settings.expect("the default zone is there") }
}

/// What a run took: the load, each tick's time (of links that were added, and that were withdrawn), rows told.
type Took = (Duration, [Vec<Duration>; 2], usize);

fn run(name: &str, links: u64, workers: usize) -> Took {
    let name = name.to_owned();
    let took = Arc::new(Mutex::new(Took::default()));
    let told = Arc::clone(&took);
    let guards = timely::execute(timely::Config::process(workers), move |worker| {
        let settings = settings(worker.peers());
        let keys = settings.keys;
        let rows = Arc::clone(&told);
        let (mut input, probe) = worker.dataflow::<Tick, _, _>(|scope| {
            let (input, ties) = scope.new_input();
            let inputs = LinkStreams { ties, bets: empty(scope), players: empty(scope) };
            let told = links::build(inputs, empty(scope), &settings, &Saving::off());
            let told = told.inspect(move |found| {
                rows.lock().expect("no worker fails").2 += found.told.changes.iter().count();
            });
            (input, told.probe().0)
        });
        let (index, peers) = (worker.index() as u64, worker.peers() as u64);
        let pairs = shape(&name, links);
        let mut tick = 100;
        let started = Instant::now();
        for &pair in pairs.iter().skip(index as usize).step_by(peers as usize) {
            input.send((tie(&keys, pair), tick, 1));
        }
        let mut dice = Dice(11);
        let mut settle = |input: &mut timely::dataflow::InputHandleVec<_, _>, tick: &mut Tick| {
            *tick += 100;
            input.advance_to(*tick);
            input.flush();
            while probe.less_than(&*tick) {
                worker.step_or_park(Some(Duration::from_micros(200)));
            }
        };
        input.advance_to(tick);
        settle(&mut input, &mut tick);
        let load = started.elapsed();
        let mut ticks = [Vec::new(), Vec::new()];
        for change in 0..CHANGES {
            // Half of them new, between any two groups; half of them withdrawn and put back.
            let old = pairs[dice.below(pairs.len() as u64) as usize];
            let other = pairs[dice.below(pairs.len() as u64) as usize];
            let (pair, diffs) = if change % 2 == 0 { ((old.0, other.1), [1, -1]) } else { (old, [-1, 1]) };
            for diff in diffs {
                let started = Instant::now();
                if index == 0 {
                    input.send((tie(&keys, pair), tick, diff));
                }
                settle(&mut input, &mut tick);
                ticks[usize::from(diff < 0)].push(started.elapsed());
            }
        }
        if index == 0 {
            let mut took = told.lock().expect("no worker fails");
            (took.0, took.1) = (load, ticks);
        }
    });
    let guards = guards.expect("workers start");
    guards.join().into_iter().for_each(|outcome| outcome.expect("no worker fails"));
    std::mem::take(&mut *took.lock().expect("no worker fails"))
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let number = |at: usize, usual: u64| words.get(at).map_or(usual, |word| word.parse().expect("a number"));
    let (links, workers) = (number(1, 2_000_000), number(2, 1) as usize);
    println!("{links} links, {workers} workers; one link more or less, each in a tick of its own\n");
    println!("| shape | load, s | rows told | a link | median, ms | 99 of 100, ms | longest, ms |");
    println!("|---|---|---|---|---|---|---|");
    for shape in SHAPES.iter().filter(|shape| words.first().is_none_or(|word| word == *shape)) {
        let (load, ticks, rows) = run(shape, links, workers);
        let mut head = format!("| {shape} | {:.1} | {rows} |", load.as_secs_f64());
        for (what, mut ticks) in ["more", "less"].into_iter().zip(ticks) {
            ticks.sort_unstable();
            let at = |share: usize| ticks[(ticks.len() - 1) * share / 100].as_secs_f64() * 1e3;
            println!("{head} {what} | {:.2} | {:.2} | {:.2} |", at(50), at(99), at(100));
            "| | | |".clone_into(&mut head);
        }
    }
}
