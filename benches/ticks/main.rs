//! How long each tick takes where ticks are closed one by one, as a live job closes them: from its lines to the last row
//! that they change.
//!
//! `ticks DIR [TICK_MS]` feeds `DIR/wagers.jsonl` and `DIR/outcomes.jsonl` (both as they came, whole in memory) to the
//! whole graph on one worker, every change told and the loop on, one tick of `TICK_MS` (10) after the other as fast as
//! they go, and says how long they took. `benches/run ticks` makes 20,000 records a second and runs it. Ticks without
//! records count: timers and laps fire in them. What a live job does beside is not in it: sources, sinks, checkpoints.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench says what it found")]

use std::error::Error;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gyre_dataflows::Tick;
use gyre_dataflows::batch::Batch;
use gyre_dataflows::decode::{Decoder, Lines};
use gyre_dataflows::graph::{self, Settings};
use gyre_dataflows::keys::JobKey;
use gyre_dataflows::rows::Wanted;
use gyre_domain::currency::Currencies;
use gyre_domain::records::Topic;
use gyre_domain::rules::Rules;
use serde_json::Value;
use timely::dataflow::operators::{Input, Inspect, Probe};

/// The first ticks fill caches and tables; they are not counted.
const WARM_UP_MS: u64 = 10_000;

/// Lines of one tick and topic.
struct Due {
    tick: Tick,
    lines: Lines,
}

/// What was found.
#[derive(Default)]
struct Found {
    ticks: Vec<(Tick, Duration)>,
    changes: u64,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ticks: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let folder = args.next().ok_or("ticks DIR [TICK_MS]")?;
    let tick_ms = args.next().map_or(Ok(10), |text| text.parse())?;
    let mut due = by_tick(Topic::Wagers, &std::fs::read(format!("{folder}/wagers.jsonl"))?, tick_ms)?;
    // A generated stream ends with everything that is still to come, all at once.
    let until = due.last().map_or(0, |due| due.tick);
    due.extend(by_tick(Topic::Outcomes, &std::fs::read(format!("{folder}/outcomes.jsonl"))?, tick_ms)?);
    due.retain(|due| due.tick <= until);
    due.sort_by_key(|due| due.tick);
    let records: usize = due.iter().map(|due| due.lines.spans.len()).sum();
    let (Some(first), Some(last)) = (due.first(), due.last()) else { return Err("no lines".into()) };
    let seconds = (last.tick - first.tick) as f64 / 1e3;
    let found = feed(due, tick_ms)?;
    let first_counted = found.ticks.first().map_or(0, |(tick, _)| tick + WARM_UP_MS);
    let mut took: Vec<(Duration, Tick)> = found
        .ticks
        .iter()
        .filter(|(tick, _)| *tick >= first_counted)
        .map(|&(tick, took)| (took, tick))
        .collect();
    took.sort_unstable();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize].0.as_secs_f64() * 1e3;
    let busy: Duration = took.iter().map(|(took, _)| *took).sum();
    println!(
        "{{\"records\":{records},\"records_per_second\":{:.0},\"ticks\":{},\"changes\":{},\"median_ms\":{:.3},\
         \"p99_ms\":{:.3},\"p999_ms\":{:.3},\"worst_ms\":{:.3},\"busy\":{:.3}}}",
        records as f64 / seconds,
        took.len(),
        found.changes,
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0),
        busy.as_secs_f64() * 1e3 / (took.len() as u64 * tick_ms) as f64
    );
    Ok(())
}

/// The lines of a file by the tick at which they came. A stream is written in the order in which its records came, but
/// says when they happened, not when they came: what came in a second of the running maximum of their times is spread
/// evenly over it, as a steady stream would bring it.
fn by_tick(topic: Topic, bytes: &[u8], tick_ms: u64) -> Result<Vec<Due>, Box<dyn Error>> {
    let mut due: Vec<Due> = Vec::new();
    for second in by_second(bytes)?.chunk_by(|left, right| left.second == right.second) {
        for (line, at) in second.iter().zip(0..) {
            let came_ms = second[0].second * 1_000 + 1_000 * at / second.len() as u64;
            let tick = Tick::next_multiple_of(came_ms + 1, tick_ms);
            if due.last().is_none_or(|due| due.tick != tick) {
                due.push(Due { tick, lines: no_lines(topic, line.number) });
            }
            if let Some(due) = due.last_mut() {
                let bytes = Arc::make_mut(&mut due.lines.bytes);
                let begin = bytes.len() as u32;
                bytes.extend_from_slice(line.text);
                due.lines.spans.push((begin, bytes.len() as u32));
            }
        }
    }
    Ok(due)
}

/// A line, and in which second since 1970 it came.
struct Line<'b> {
    text: &'b [u8],
    number: u64,
    second: u64,
}

fn by_second(bytes: &[u8]) -> Result<Vec<Line<'_>>, Box<dyn Error>> {
    let mut lines = Vec::new();
    let mut clock = 0;
    for (number, text) in (1..).zip(bytes.split(|&byte| byte == b'\n')).filter(|(_, text)| !text.is_empty()) {
        let value: Value = serde_json::from_slice(text)?;
        let receipt = value["received_ms"].as_u64().or_else(|| value["at_ms"].as_u64());
        clock = clock.max(receipt.ok_or("a line says no time")?);
        lines.push(Line { text, number, second: clock / 1_000 });
    }
    Ok(lines)
}

fn no_lines(topic: Topic, first: u64) -> Lines {
    Lines { topic, partition: 0, first, bytes: Arc::default(), spans: Vec::new(), oversize: Vec::new() }
}

/// Feeds tick after tick, those without lines too, and times each.
fn feed(due: Vec<Due>, tick_ms: u64) -> Result<Found, Box<dyn Error>> {
    let rules = Rules { tick_ms, ..Rules::default() };
    let wanted = Wanted { changes: true, postings: false };
    let keys = JobKey::new(&[7; 16]);
    let settings = Settings::of_replay(&rules, 1, wanted, keys).ok_or("no zone")?;
    let settings = Settings { rest_at_end: false, ..settings };
    let decoder = Decoder { currencies: Arc::new(Currencies::default()), keys, workers: 1 };
    let found = Arc::new(Mutex::new(Found::default()));
    let (due, shared) = (Mutex::new(due), Arc::clone(&found));
    let guards = timely::execute(timely::Config::thread(), move |worker| {
        let changes = Arc::clone(&shared);
        let dataflow = worker.next_dataflow_index();
        let (mut input, probe) = worker.dataflow::<Tick, _, _>(|scope| {
            let (input, batches) = scope.new_input::<Vec<Batch>>();
            let told = graph::build(batches, &settings).inspect(move |reading| {
                changes.lock().expect("one worker").changes += reading.changes.iter().count() as u64;
            });
            (input, told.probe().0)
        });
        let mut due = std::mem::take(&mut *due.lock().expect("one worker")).into_iter().peekable();
        let mut ticks = Vec::new();
        let mut tick = due.peek().map_or(0, |due| due.tick);
        while due.peek().is_some() {
            let started = Instant::now();
            while let Some(due) = due.next_if(|due| due.tick == tick) {
                let mut decoded = decoder.decode(&due.lines);
                decoder.admit(&mut decoded, &vec![tick; due.lines.spans.len()], |_, _| None);
                input.send_batch(&mut decoded.batches);
            }
            input.advance_to(tick + 1);
            input.flush();
            while probe.less_than(&(tick + 1)) {
                worker.step();
            }
            ticks.push((tick, started.elapsed()));
            tick += tick_ms;
        }
        shared.lock().expect("one worker").ticks = ticks;
        // What is due later never comes.
        drop(input);
        worker.drop_dataflow(dataflow);
    })?;
    for outcome in guards.join() {
        outcome?;
    }
    let mut found = found.lock().map_err(|_| "the worker failed")?;
    Ok(std::mem::take(&mut *found))
}
