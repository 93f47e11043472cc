//! `gyre replay`: a folder of streams goes through the dataflow, and its books are written.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gyre_dataflows::Tick;
use gyre_dataflows::batch::Batch;
use gyre_dataflows::decode::Decoder;
use gyre_dataflows::graph::{self, Settings};
use gyre_dataflows::keys::JobKey;
use gyre_dataflows::rows::{AnomalyKind, Output, Rows, Wanted};
use gyre_dataflows::seams::{Coming, Counts, Reading};
use gyre_domain::cause::Cause;
use gyre_domain::currency::Currencies;
use gyre_domain::records::Topic;
use gyre_domain::rules::Rules;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::operator::Operator;
use timely::dataflow::operators::{Input, Probe};
use timely::dataflow::{ProbeHandle, StreamVec};
use timely::worker::Worker;

use crate::cli::{ReplayArgs, Session};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::lines;
use crate::progress::Progress;
use crate::sequencer::{Counted, Next, Pace, Sequencer};
use crate::sink::{ChangeLog, FinalFile, OutputFolder, RunWriter};
use crate::summary::Summary;
use crate::texts::{Key, Phrase};
use crate::watch::listener::Listener;
use crate::watch::{Watch, stages};
use crate::what_if::{self, Side, WhatIf};

mod provider;

/// How long an idle worker sleeps at most.
const PARK: Duration = Duration::from_micros(500);

/// Runs the command.
///
/// # Errors
/// Exit 2 for a folder that holds no streams; exit 3 for files that cannot be read or written.
pub fn run(args: &ReplayArgs, config: &Config, session: &Session) -> Result<Summary> {
    let started = Instant::now();
    let inputs = lines::find(&args.input)?;
    let workers = args.workers();
    let rules = &config.rules;
    let wanted = Wanted { changes: args.changes, postings: config.postings };
    let mut settings = settings(rules, workers, wanted, random_key()?)?;
    settings.rules_come = inputs.iter().any(|input| input.topic == Topic::Rules);
    let others = args.what_if.as_deref().map(|path| what_if::rules(path, config)).transpose()?;
    let other = others.map(|others| other_settings(&others, &settings)).transpose()?;
    let decoder = decoder(rules, settings.keys, workers)?;
    if settings.laps.is_some() {
        settings.provider = provider::read(&args.input, decoder.clone(), rules)?.map(Arc::new);
    }
    let pace = match (args.changes, settings.exact_tick_ms) {
        (true, _) => Pace::EveryChange,
        (false, Some(_)) => Pace::EveryTick,
        (false, None) => Pace::Coarse,
    };
    let watch = args.http_addr.as_deref().map(|addr| watched(addr, workers, session)).transpose()?;
    let folder = session.open_output(&args.output())?;
    let ran = loop {
        let (mut sequencer, meters) = Sequencer::open(&inputs, decoder.clone(), rules.clone(), pace)?;
        watch.iter().for_each(|watch| sequencer.watched_by(Arc::clone(watch)));
        let ran = run_once(sequencer, meters, &folder, &settings, other.as_ref(), session)?;
        if *ran.told.answers == *settings.answers {
            break ran;
        }
        // The provider's answers come in as if they had been there all along.
        settings.answers = ran.told.answers.into();
        folder.begin_anew()?;
        watch.iter().for_each(|watch| watch.begins_anew());
    };
    let mut summary = summarise(&ran.counted, &ran.told);
    summary.what_if = ran.what_if.map(WhatIf::finish);
    if let Some(differences) = &summary.what_if {
        folder.write("what_if.json", &differences.to_json()?)?;
    }
    summary.measure(started.elapsed());
    folder.write("summary.json", &summary.to_json()?)?;
    folder.commit()?;
    Ok(summary)
}

/// What a run over the inputs came to.
struct Ran {
    counted: Counted,
    told: Finished,
    what_if: Option<WhatIf>,
}

/// Runs over the inputs once, and writes what is told.
fn run_once(
    sequencer: Sequencer,
    meters: Vec<lines::Meter>,
    folder: &OutputFolder,
    settings: &Settings,
    other: Option<&Settings>,
    session: &Session,
) -> Result<Ran> {
    let progress = Progress::start(meters, session.lang);
    let job = Arc::new(Job {
        records_shown: progress.records(),
        reader: Reader::new(folder, settings.wanted, settings.workers)?,
        what_if: other.is_some().then(WhatIf::default),
        other: other.cloned(),
        watch: sequencer.watch().cloned(),
        settings: settings.clone(),
        sequencer,
    });
    let ran = run_workers(&job);
    progress.finish();
    ran?;
    let counted = job.sequencer.finish()?;
    let job = Arc::into_inner(job).ok_or_else(|| Error::bug("a worker outlived the run"))?;
    Ok(Ran { counted, told: job.reader.finish()?, what_if: job.what_if })
}

/// Lets a replay be asked how far it is.
fn watched(addr: &str, workers: usize, session: &Session) -> Result<Arc<Watch>> {
    let listener = Listener::open(addr)?;
    let watch = Watch::new("replay", workers)?;
    watch.listens(listener.at);
    watch.health.hydrated();
    let said = Phrase::new(Key::HttpListens).with("at", listener.at).say(session.lang);
    listener.serve(Arc::clone(&watch), session.lang)?;
    // Nobody is there to be told that nobody can be told.
    let _ = writeln!(std::io::stderr(), "{said}");
    Ok(watch)
}

fn random_key() -> Result<JobKey> {
    let mut secret = [0; 16];
    getrandom::fill(&mut secret)
        .map_err(|error| Error::bug(format!("the system gives no random bytes: {error}")))?;
    Ok(JobKey::new(&secret))
}

/// What lines are decoded with.
pub(crate) fn decoder(rules: &Rules, keys: JobKey, workers: usize) -> Result<Decoder> {
    let currencies = rules
        .currencies
        .iter()
        .try_fold(Currencies::default(), |known, (code, exponent)| known.with(code, *exponent))
        .map_err(Error::bug)?;
    Ok(Decoder { currencies: Arc::new(currencies), keys, workers })
}

/// A config is not read where there is no such zone.
pub(crate) fn no_zone(rules: &Rules) -> Error {
    Error::bug(format!("the config was read though there is no time zone `{}`", rules.gaming_day_zone))
}

/// What the stages go by, from the rules.
fn settings(rules: &Rules, workers: usize, wanted: Wanted, keys: JobKey) -> Result<Settings> {
    Settings::of_replay(rules, workers, wanted, keys).ok_or_else(|| no_zone(rules))
}

/// What the stages would go by under other rules: nobody reads changes of that.
fn other_settings(others: &Rules, settings: &Settings) -> Result<Settings> {
    let wanted = Wanted { changes: false, ..settings.wanted };
    let others = self::settings(others, settings.workers, wanted, settings.keys)?;
    Ok(Settings { rules_come: settings.rules_come, ..others })
}

/// What all workers share.
struct Job {
    /// What is asked beside.
    other: Option<Settings>,
    /// Where its answer is gathered.
    what_if: Option<WhatIf>,
    sequencer: Sequencer,
    reader: Reader,
    settings: Settings,
    /// Who looks on, if anybody does.
    watch: Option<Arc<Watch>>,
    records_shown: Arc<std::sync::atomic::AtomicU64>,
}

fn run_workers(job: &Arc<Job>) -> Result<()> {
    let shared = Arc::clone(job);
    let config = timely::Config::process(job.settings.workers);
    let guards = timely::execute(config, move |worker| run_worker(worker, &shared)).map_err(Error::bug)?;
    for outcome in guards.join() {
        outcome.map_err(|panic| Error::bug(format!("a worker ended by itself: {panic}")))?;
    }
    job.reader.failed()
}

/// Feeds the worker its steps, one ahead of what it has worked, until there are no more.
fn run_worker(worker: &mut Worker, job: &Arc<Job>) {
    let index = worker.index();
    let probe = ProbeHandle::new();
    job.watch.iter().for_each(|watch| stages::listen(worker, index, watch));
    let (mut input, dataflow) = {
        let shared = Arc::clone(job);
        let dataflow = worker.next_dataflow_index();
        let input = worker.dataflow(|scope| {
            let (input, batches) = scope.new_input::<Vec<Batch>>();
            let (readings, others) = graph::build_beside(batches, &shared.settings, shared.other.as_ref());
            if let Some(others) = others {
                read_beside(others, Arc::clone(&shared)).probe_with(&probe);
            }
            read(readings, shared, index).probe_with(&probe);
            input
        });
        (input, dataflow)
    };
    let mut fed = 0;
    loop {
        if job.reader.has_failed() {
            drop(input);
            worker.drop_dataflow(dataflow);
            return;
        }
        job.watch.iter().for_each(|watch| watch.health.worker_turns(index));
        match job.sequencer.next(index) {
            Next::Step(mut step) => {
                let records: usize = step.batches.iter().map(Batch::records).sum();
                job.records_shown.fetch_add(records as u64, Ordering::Relaxed);
                input.send_batch(&mut step.batches);
                input.advance_to(step.complete_before);
                input.flush();
                let waited = std::mem::replace(&mut fed, step.complete_before);
                while probe.less_than(&waited) && !job.reader.has_failed() {
                    if job.sequencer.work_ahead(index) {
                        worker.step();
                    } else {
                        worker.step_or_park(Some(PARK));
                    }
                }
            }
            Next::Worked => {
                worker.step();
            }
            Next::Wait => {
                worker.step_or_park(Some(PARK));
            }
            Next::End => break,
        }
    }
    // Rules that are still to come are so after the last tick of the data: it must have passed before the input closes.
    step_while(worker, job, || probe.less_than(&fed));
    drop(input);
    step_while(worker, job, || !probe.done());
    if job.reader.has_failed() {
        worker.drop_dataflow(dataflow);
    }
}

/// Lets the worker go on as long as something is waited for.
fn step_while(worker: &mut Worker, job: &Job, is_waited_for: impl Fn() -> bool) {
    while is_waited_for() && !job.reader.has_failed() {
        worker.step_or_park(Some(PARK));
    }
}

/// The end of the dataflow: what it tells goes to the files.
fn read<'s>(readings: StreamVec<'s, Tick, Reading>, job: Arc<Job>, index: usize) -> StreamVec<'s, Tick, ()> {
    readings.unary_frontier::<CapacityContainerBuilder<Vec<()>>, _, _, _>(
        Pipeline,
        "write outputs",
        move |_, _| {
            let mut through = 0;
            move |(input, frontier), _output| {
                let mut outcome = Ok(());
                input.for_each(|_, readings| {
                    for reading in readings.drain(..) {
                        job.watch.iter().for_each(|watch| watch.counted(&reading.counts));
                        if let (Some(what_if), true) = (&job.what_if, outcome.is_ok()) {
                            outcome = what_if.take(Side::InForce, &reading);
                        }
                        if outcome.is_ok() {
                            outcome = job.reader.take(index, &reading);
                        }
                    }
                });
                let frontier = frontier.frontier().first().copied().unwrap_or(Tick::MAX);
                if outcome.is_ok() && frontier > through {
                    through = frontier;
                    outcome = job.reader.close_through(index, frontier - 1);
                }
                if let Err(error) = outcome {
                    job.reader.fail(error);
                }
            }
        },
    )
}

/// What would be told under other rules goes where it is compared.
fn read_beside<'s>(readings: StreamVec<'s, Tick, Reading>, job: Arc<Job>) -> StreamVec<'s, Tick, ()> {
    readings.unary::<CapacityContainerBuilder<Vec<()>>, _, _, _>(
        Pipeline,
        "compare with other rules",
        move |_, _| {
            move |input, _output| {
                input.for_each(|_, readings| {
                    for reading in readings.drain(..) {
                        let taken = job.what_if.as_ref().map(|what_if| what_if.take(Side::Other, &reading));
                        taken.and_then(Result::err).into_iter().for_each(|error| job.reader.fail(error));
                    }
                });
            }
        },
    )
}

/// Takes what the workers tell and writes it.
struct Reader {
    finals: Vec<(Output, FinalFile)>,
    changes: Vec<(Output, ChangeLog)>,
    /// By worker: its sorted runs, and its counts.
    workers: Vec<Mutex<Told>>,
    failed: AtomicBool,
    failure: Mutex<Option<Error>>,
}

#[derive(Default)]
struct Told {
    runs: Vec<(Output, RunWriter)>,
    counts: Counts,
    answers: Vec<Coming>,
}

/// What is told beside the rows, of a whole run.
#[derive(Default)]
struct Finished {
    counts: Counts,
    /// In order.
    answers: Vec<Coming>,
}

impl Reader {
    fn new(folder: &OutputFolder, wanted: Wanted, workers: usize) -> Result<Self> {
        let outputs =
            || Output::ALL.into_iter().filter(|output| wanted.postings || *output != Output::Postings);
        let finals = outputs()
            .map(|output| Ok((output, FinalFile::new(folder, output)?)))
            .collect::<Result<Vec<_>>>()?;
        finals.iter().for_each(|(_, file)| file.expect_runs(workers));
        let logs = outputs().filter(|_| wanted.changes);
        let changes = logs
            .map(|output| Ok((output, ChangeLog::new(folder, output, workers)?)))
            .collect::<Result<_>>()?;
        Ok(Self {
            finals,
            changes,
            workers: std::iter::repeat_with(Mutex::default).take(workers).collect(),
            failed: AtomicBool::new(false),
            failure: Mutex::new(None),
        })
    }

    fn take(&self, worker: usize, reading: &Reading) -> Result<()> {
        let mut told = self.workers[worker].lock().unwrap_or_else(PoisonError::into_inner);
        told.counts.add(&reading.counts);
        told.answers.extend(&reading.answers);
        let mut rows = reading.changes.iter().peekable();
        while let Some(output) = rows.peek().map(|(head, _)| head.output) {
            let run = std::iter::from_fn(|| rows.next_if(|(head, _)| head.output == output));
            let run = run.map(|(head, row)| (head.tick, row, head.diff));
            match self.changes.iter().find(|(other, _)| *other == output) {
                Some((_, log)) => log.extend(run)?,
                None => run.for_each(drop),
            }
        }
        for (head, row) in reading.rest.loose.iter() {
            self.final_file(head.output)?.loose(row)?;
        }
        self.write_runs(&mut told, &reading.rest.sorted)
    }

    fn write_runs(&self, told: &mut Told, rows: &Rows) -> Result<()> {
        for (head, row) in rows.iter() {
            let at = match told.runs.iter().position(|(output, _)| *output == head.output) {
                Some(at) => at,
                None => {
                    told.runs.push((head.output, self.final_file(head.output)?.run()?));
                    told.runs.len() - 1
                }
            };
            told.runs[at].1.row(row)?;
        }
        Ok(())
    }

    fn final_file(&self, output: Output) -> Result<&FinalFile> {
        let found = self.finals.iter().find(|(other, _)| *other == output).map(|(_, file)| file);
        found.ok_or_else(|| {
            Error::bug(format!("rows of {} were told though nobody wants them", output.name()))
        })
    }

    fn close_through(&self, worker: usize, tick: Tick) -> Result<()> {
        self.changes.iter().try_for_each(|(_, log)| log.close_through(worker, tick))
    }

    fn fail(&self, error: Error) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.failed.store(true, Ordering::Release);
    }

    fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    fn failed(&self) -> Result<()> {
        match self.failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Ends all files; gives what was counted.
    fn finish(self) -> Result<Finished> {
        let mut finished = Finished::default();
        for told in self.workers {
            let told = told.into_inner().unwrap_or_else(PoisonError::into_inner);
            finished.counts.add(&told.counts);
            finished.answers.extend(told.answers);
            told.runs.into_iter().try_for_each(|(_, run)| run.finish())?;
        }
        self.finals.into_iter().try_for_each(|(_, file)| file.finish())?;
        self.changes.into_iter().try_for_each(|(_, log)| log.finish())?;
        finished.answers.sort_unstable();
        Ok(finished)
    }
}

fn summarise(counted: &Counted, told: &Finished) -> Summary {
    let counts = &told.counts;
    let count = |number: i64| u64::try_from(number).unwrap_or_default();
    let topics = Topic::ALL.iter().zip(counted.records);
    let rejects = Cause::ALL.iter().zip(counts.rejects).filter(|(_, number)| *number != 0);
    let anomalies = AnomalyKind::ALL.iter().zip(counts.anomalies).filter(|(_, number)| *number != 0);
    Summary {
        records: topics.map(|(topic, number)| (topic.name().to_owned(), number)).collect(),
        duplicates: count(counts.duplicates),
        rejects: rejects.map(|(cause, number)| (cause.name().to_owned(), count(number))).collect(),
        anomalies: anomalies.map(|(kind, number)| (kind.name().to_owned(), count(number))).collect(),
        settled: count(counts.settled),
        open: count(counts.open),
        cancelled: count(counts.cancelled),
        tombstones: count(counts.tombstones),
        decisions: count(counts.decisions),
        imbalance: counts
            .imbalance
            .iter()
            .map(|(currency, sum)| (currency.code().to_owned(), sum.to_string()))
            .collect(),
        unknown_fields: counted.unknown.iter().map(|(name, times)| (name.to_owned(), times)).collect(),
        blank_lines: counted.blank,
        first_tick: counted.ticks.map(|(first, _)| first),
        last_tick: counted.ticks.map(|(_, last)| last),
        recovered: (0..)
            .zip(counts.recovered)
            .filter(|(_, number)| *number != 0)
            .map(|(attempt, number)| (attempt, count(number)))
            .collect(),
        quarantined: count(counts.quarantined),
        requested: count(counts.requested),
        same_fault: count(counts.same_fault),
        other_fault: count(counts.other_fault),
        recollected: told.answers.len() as u64,
        ..Summary::default()
    }
}
