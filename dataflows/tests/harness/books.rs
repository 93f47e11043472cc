//! Streams through the real graph, cut as a test likes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use gyre_dataflows::Tick;
use gyre_dataflows::batch::Batch;
use gyre_dataflows::decode::admission::admit;
use gyre_dataflows::decode::provider::Provider;
use gyre_dataflows::decode::{Decoded, Decoder, Lines};
use gyre_dataflows::graph::{self, Settings};
use gyre_dataflows::keys::JobKey;
use gyre_dataflows::rows::{Output, Wanted};
use gyre_dataflows::seams::{Coming, Counts, Reading};
use gyre_domain::currency::Currencies;
use gyre_domain::records::Topic;
use gyre_domain::rules::Rules;
use timely::dataflow::operators::{Input, Inspect, Probe};

/// How the records of a stream come to the graph.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// Each line in a message of its own, at its own tick; changes are read.
    LineByLine,
    /// Everything in one step at one tick.
    AllAtOnce,
    /// In random order, in a few steps at ticks that say nothing.
    Shuffled(u64),
    /// Each record comes, goes and comes again.
    Withdrawn(u64),
}

/// What came out.
#[derive(Clone, Default, Debug)]
pub struct Told {
    /// Rows at rest, in order of their text.
    pub finals: BTreeMap<Output, Vec<String>>,
    /// Changes in order of tick, output and row, consolidated.
    pub changes: BTreeMap<(Tick, Output, String), i64>,
    /// Counts.
    pub counts: Counts,
    /// What the provider answers, in order.
    pub answers: Vec<Coming>,
}

impl Told {
    /// The rows that all changes leave standing.
    pub fn folded(&self) -> BTreeMap<Output, Vec<String>> {
        let mut standing: BTreeMap<(Output, &str), i64> = BTreeMap::new();
        for ((_, output, row), diff) in &self.changes {
            *standing.entry((*output, row)).or_default() += diff;
        }
        let mut finals: BTreeMap<Output, Vec<String>> = BTreeMap::new();
        for ((output, row), count) in standing {
            assert!((0..=1).contains(&count), "{} stands {count} times: {row}", output.name());
            if count == 1 {
                finals.entry(output).or_default().push(row.to_owned());
            }
        }
        finals
    }
}

/// What the graph goes by under rules.
pub fn settings(rules: &Rules, workers: usize, wanted: Wanted) -> Settings {
    let settings = Settings::of_replay(rules, workers, wanted, JobKey::new(&[7; 16]));
    let mut settings = settings.expect("tests name zones that there are");
    // Where nobody reads changes, cuts do not keep the ticks of lines.
    if !wanted.changes {
        (settings.exact_tick_ms, settings.laps) = (None, None);
    }
    settings
}

/// Lines of each topic, without terminators.
pub type Streams<'a> = [(Topic, &'a [Vec<u8>])];

/// Runs streams through the graph.
pub fn run(streams: &Streams<'_>, rules: &Rules, workers: usize, cut: Cut) -> Told {
    run_with(streams, &[], rules, workers, cut)
}

/// The same, with a provider that knows the lines of `recollected`.
pub fn run_with(
    streams: &Streams<'_>,
    recollected: &Streams<'_>,
    rules: &Rules,
    workers: usize,
    cut: Cut,
) -> Told {
    let wanted = Wanted { changes: matches!(cut, Cut::LineByLine | Cut::Withdrawn(_)), postings: true };
    let mut settings = settings(rules, workers, wanted);
    if let Cut::Withdrawn(_) = cut {
        // Records come back later than they could: nothing may be forgotten until then.
        settings.horizon_ms = u64::MAX / 4;
    }
    settings.rules_come = streams.iter().any(|(topic, lines)| *topic == Topic::Rules && !lines.is_empty());
    let decoder = decoder(rules, &settings);
    let lines = recollected.iter().flat_map(|(topic, lines)| {
        (1..).zip(lines.iter()).map(|(number, line)| (*topic, number, line.clone()))
    });
    if recollected.iter().any(|(_, lines)| !lines.is_empty()) {
        settings.provider = Some(Arc::new(Provider::new(decoder.clone(), rules.clone(), lines)));
    }
    let (references, data) = decoded(streams, rules, &decoder);
    let steps = steps(references, data, workers, cut, rules.tick_ms);
    loop {
        let told = feed(steps.clone(), settings.clone());
        if *told.answers == *settings.answers {
            return told;
        }
        settings.answers = told.answers.into();
    }
}

/// How many milliseconds lie between the first tick of a stream and the last.
pub fn span_ms(streams: &Streams<'_>, rules: &Rules) -> u64 {
    let (_, data) = decoded(streams, rules, &decoder(rules, &settings(rules, 1, Wanted::default())));
    let ticks = || data.iter().map(|(tick, _)| *tick).filter(|&tick| tick > BEFORE_DATA);
    ticks().max().zip(ticks().min()).map_or(0, |(last, first)| last - first)
}

/// Whether a stream begins with lines that say no time: they come at the beginning of all time.
pub fn begins_timeless(streams: &Streams<'_>, rules: &Rules) -> bool {
    let (_, data) = decoded(streams, rules, &decoder(rules, &settings(rules, 1, Wanted::default())));
    data.iter().any(|(tick, _)| *tick <= BEFORE_DATA)
}

/// The tick of lines before the first receipt.
pub const BEFORE_DATA: Tick = 3;

/// What decodes the lines of a test.
pub fn decoder(rules: &Rules, settings: &Settings) -> Decoder {
    let currencies = rules.currencies.iter().fold(Currencies::default(), |known, (code, exponent)| {
        known.with(code, *exponent).expect("tests add currencies that can be")
    });
    Decoder { currencies: Arc::new(currencies), keys: settings.keys, workers: settings.workers }
}

/// Every line decoded and admitted: reference rows, then data in order of tick.
pub fn decoded(
    streams: &Streams<'_>,
    rules: &Rules,
    decoder: &Decoder,
) -> (Vec<Decoded>, Vec<(Tick, Decoded)>) {
    let mut references = Vec::new();
    let mut data = Vec::new();
    for (topic, lines) in streams {
        let mut clock = None;
        for (number, block) in lines.chunks(1_000).enumerate() {
            let mut parts: Vec<Decoded> = (1 + number as u64 * 1_000..)
                .zip(block)
                .map(|(line, bytes)| {
                    decoder.decode(&Lines {
                        topic: *topic,
                        partition: 0,
                        first: line,
                        bytes: Arc::new(bytes.clone()),
                        spans: vec![(0, bytes.len() as u32)],
                        oversize: Vec::new(),
                    })
                })
                .collect();
            if topic.is_reference() {
                references.append(&mut parts);
                continue;
            }
            // Line by line, so that each part's first tick is its line's.
            let mut ticks = Vec::new();
            let probe: Vec<Option<u64>> = parts.iter().flat_map(|part| part.receipts.clone()).collect();
            let before = clock;
            admit(&mut parts, &mut clock, decoder, rules);
            ticks.extend(line_ticks(&probe, before, rules));
            data.extend(ticks.into_iter().map(|tick| tick.max(BEFORE_DATA)).zip(parts));
        }
    }
    data.sort_by_key(|(tick, _)| *tick);
    (references, data)
}

/// The ticks that admission gave, told again for the cut alone.
fn line_ticks(receipts: &[Option<u64>], clock: Option<u64>, rules: &Rules) -> Vec<Tick> {
    let mut sorted: Vec<u64> = receipts.iter().flatten().copied().collect();
    sorted.sort_unstable();
    let latest =
        sorted.get(sorted.len().saturating_sub(1) / 2).map_or(u64::MAX, |median| median + rules.gap_ms_max);
    let mut now =
        clock.or(receipts.iter().flatten().copied().find(|&receipt| receipt <= latest)).unwrap_or(0);
    receipts
        .iter()
        .map(|receipt| {
            now = receipt.filter(|&receipt| receipt <= latest).map_or(now, |receipt| now.max(receipt));
            now.next_multiple_of(rules.tick_ms)
        })
        .collect()
}

/// For each worker: batches and the tick before which everything is complete with them.
pub type Steps = Vec<Vec<(Vec<Batch>, Tick)>>;

fn steps(
    references: Vec<Decoded>,
    mut data: Vec<(Tick, Decoded)>,
    workers: usize,
    cut: Cut,
    tick_ms: u64,
) -> Steps {
    let mut steps: Steps = vec![Vec::new(); workers];
    let mut push = |batches: Vec<Batch>, complete_before: Tick| {
        for (worker, steps) in steps.iter_mut().enumerate() {
            let mine = batches.iter().filter(|batch| batch.worker as usize == worker && !batch.is_void());
            steps.push((mine.cloned().collect(), complete_before));
        }
    };
    let all = |parts: Vec<Decoded>| parts.into_iter().flat_map(|part| part.batches).collect::<Vec<_>>();
    let at = |batches: Vec<Batch>, tick: Tick| {
        batches.into_iter().map(move |mut batch| {
            batch.coarse = Some(tick);
            batch
        })
    };
    match cut {
        Cut::LineByLine => {
            push(all(references).into_iter().map(|batch| batch.at(1)).collect(), 2);
            let mut ticks: Vec<Tick> = data.iter().map(|(tick, _)| *tick).skip(1).collect();
            ticks.push(data.last().map_or(BEFORE_DATA, |(tick, _)| tick + 1));
            for ((_, part), next) in data.into_iter().zip(ticks) {
                push(part.batches.into_iter().map(|batch| batch.not_before(BEFORE_DATA)).collect(), next);
            }
        }
        Cut::AllAtOnce => {
            let mut batches = all(references);
            batches.extend(all(data.into_iter().map(|(_, part)| part).collect()));
            push(at(batches, 1).collect(), 2);
        }
        Cut::Shuffled(seed) => {
            let mut batches = all(references);
            batches.extend(all(data.into_iter().map(|(_, part)| part).collect()));
            shuffle(&mut batches, seed);
            let size = batches.len() / 3 + 1;
            for (number, chunk) in (1..).zip(batches.chunks(size)) {
                push(at(chunk.to_vec(), number).collect(), number + 1);
            }
        }
        Cut::Withdrawn(seed) => {
            push(all(references).into_iter().map(|batch| batch.at(1)).collect(), 2);
            let last = data.last().map_or(tick_ms, |(tick, _)| *tick) + tick_ms;
            let records = data.split_off(0).into_iter().flat_map(|(_, part)| part.batches);
            let mut sound: Vec<Batch> = records.collect();
            shuffle(&mut sound, seed);
            let half = sound.len() / 2;
            push(sound.iter().map(|batch| batch.clone().at(last)).collect(), last + 1);
            let gone = sound[..half].iter().map(|batch| batch.clone().withdrawn(last + tick_ms));
            push(gone.collect(), last + tick_ms + 1);
            let back = sound[..half].iter().map(|batch| batch.clone().at(last + 2 * tick_ms));
            push(back.collect(), last + 2 * tick_ms + 1);
        }
    }
    steps
}

/// A shuffle that a seed decides.
pub fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    for place in (1..items.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        items.swap(place, (state >> 33) as usize % (place + 1));
    }
}

/// Feeds steps to the graph, and gathers what all workers tell.
pub fn feed(steps: Steps, settings: Settings) -> Told {
    let told = Arc::new(Mutex::new(Told::default()));
    let sink = Arc::clone(&told);
    let config = timely::Config::process(settings.workers);
    let steps = Arc::new(Mutex::new(steps));
    let guards = timely::execute(config, move |worker| {
        let sink = Arc::clone(&sink);
        let mine = std::mem::take(&mut steps.lock().expect("no test panics here")[worker.index()]);
        let settings = settings.clone();
        let dataflow = worker.next_dataflow_index();
        let (mut input, probe) = worker.dataflow(|scope| {
            let (input, batches) = scope.new_input::<Vec<Batch>>();
            let readings = graph::build(batches, &settings);
            let (probe, _) = readings.inspect(move |reading| take(&sink, reading)).probe();
            (input, probe)
        });
        for (mut batches, complete_before) in mine {
            input.send_batch(&mut batches);
            input.advance_to(complete_before);
            input.flush();
            worker.step_or_park_while(None, || probe.less_than(&complete_before));
        }
        drop(input);
        if settings.rest_at_end {
            worker.step_or_park_while(None, || !probe.done());
        } else {
            // What runs for ever has no end to wait for.
            worker.drop_dataflow(dataflow);
        }
    });
    guards.expect("workers start").join().into_iter().for_each(|outcome| outcome.expect("no worker panics"));
    let mut told = std::mem::take(&mut *told.lock().expect("no worker panics"));
    told.changes.retain(|_, diff| *diff != 0);
    told.finals.values_mut().for_each(|rows| rows.sort());
    told.answers.sort_unstable();
    told
}

/// Takes in what is read.
pub fn take(sink: &Mutex<Told>, reading: &Reading) {
    let mut told = sink.lock().expect("no worker panics");
    told.counts.add(&reading.counts);
    told.answers.extend(&reading.answers);
    let text = |row: &[u8]| String::from_utf8(row.to_vec()).expect("rows are UTF-8");
    for (head, row) in reading.changes.iter() {
        *told.changes.entry((head.tick, head.output, text(row))).or_default() += head.diff;
    }
    for (head, row) in reading.rest.loose.iter().chain(reading.rest.sorted.iter()) {
        told.finals.entry(head.output).or_default().push(text(row));
    }
}
