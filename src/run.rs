//! `gyre run`: the books of streams that never end, exactly once in effect whatever ends the process.
//!
//! ```text
//!  source ─▶ intake ─▶ ticks ─▶ workers (the dataflow) ─▶ gather ─▶ outbox ─▶ sinks: files, …
//!           (decode)     │                                             ▲
//!                        └──▶ sync (remap log, on the disk) ───────────┘ a sink may commit through here
//! ```
//! Each box is a thread (workers are several) and each arrow is bounded, so that a slow sink slows the source and memory
//! stays flat. What makes a restart exact: the remap log says which lines each tick holds; what follows from a tick is a
//! function of them; a sink keeps with its rows through which tick it has them, and what they were.

use std::sync::Arc;

use gyre_dataflows::graph::Settings;
use gyre_dataflows::rows::Wanted;

use crate::cli::{RunArgs, Session};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::replay;
use crate::sink::live::{Job, LiveSink, Progress};
use crate::source::{Positions, Source};
use crate::texts::{Key, Phrase};
use crate::watch::Watch;
use crate::watch::listener::Listener;
use gather::Gather;
use halt::Halt;
use intake::{Intake, WHO as SOURCE};
use log::Log;
use outbox::Outbox;
use remap::Rows;
use sinking::PAUSE;
use state::State;
use sync::Sync;
use ticks::Ticks;
use workers::{Inboxes, Shared};

mod again;
mod clock;
mod ends;
pub mod faults;
mod gather;
mod halt;
mod intake;
mod log;
mod outbox;
pub mod remap;
mod sinking;
mod state;
mod sync;
mod ticks;
mod workers;

pub(crate) use remap::crc32;
pub(crate) use state::sync_folder_of;

/// Runs the command: until a signal asks it to end, or something fails.
///
/// # Errors
/// Exit 2 where source, sinks or state are not as they must be; exit 3 where the world does not play along.
pub fn run(args: &RunArgs, config: &Config, session: &Session) -> Result<()> {
    let watch = Watch::new(&config.live.job, args.workers())?;
    run_watched(args, config, session, watch)
}

/// The same, watched over by the caller too.
///
/// # Errors
/// As [`run`].
pub fn run_watched(args: &RunArgs, config: &Config, session: &Session, watch: Arc<Watch>) -> Result<()> {
    let asked = session.interrupt.end_gently();
    let listener = Listener::open(&args.http_addr)?;
    let source = ends::source(&config.live)?;
    let sinks = ends::sinks(&config.live)?;
    let state = State::open(&args.state, &config.live.job, &config.rules, config.postings)?;
    halt::end_on_panic(session.lang);
    let log = Log::new(session.lang);
    let at = listener.at;
    listener.serve(Arc::clone(&watch), session.lang)?;
    watch.listens(at);
    if state.cut > 0 {
        log.warn(
            Phrase::new(Key::RemapCut)
                .with("path", state.remap_path.display())
                .with("bytes", state.cut)
                .with("kept", remap::cut_path(&state.remap_path, &state.sound).display())
                .with("tick", state.sound.last.map_or(0, |(_, tick)| tick)),
        );
    }
    let job = &state.job;
    let began = Phrase::new(Key::RunBegins).with("job", &job.name).with("id", &job.id);
    log.say(began.with("generation", job.generation).with("workers", args.workers()));
    log.say(Phrase::new(Key::HttpListens).with("at", at));
    watch.begins(&job.id, job.generation, args.workers(), config.rules.tick_ms);
    let run = Run { workers: args.workers(), config, halt: Arc::new(Halt::new(asked)), log, watch };
    run.all(source, sinks, state)
}

/// What every part of a run goes by.
struct Run<'r> {
    workers: usize,
    config: &'r Config,
    halt: Arc<Halt>,
    log: Log,
    watch: Arc<Watch>,
}

impl Run<'_> {
    /// Opens both ends; gives how far each sink is.
    fn open_all(
        &self,
        source: &mut dyn Source,
        sinks: &mut [Box<dyn LiveSink>],
        job: &Job,
    ) -> Result<Vec<(&'static str, Option<Progress>)>> {
        let progress = sinks.iter_mut().map(|sink| {
            let (name, waits) = (sink.name(), sink.may_be_away());
            let progress = self.open(name, waits, || sink.open(job))?;
            self.watch.sink(name, progress.map_or(0, |known| known.tick));
            Ok((name, progress))
        });
        let progress = progress.collect::<Result<Vec<_>>>()?;
        let waits = source.may_be_away();
        self.open(SOURCE, waits, || source.seek(&Positions::new()))?;
        Ok(progress)
    }

    /// Opens an end; what is another system's is waited for.
    fn open<T>(&self, who: &'static str, waits: bool, mut open: impl FnMut() -> Result<T>) -> Result<T> {
        loop {
            match open() {
                Err(error) if waits && error.may_retry() && !self.halt.is_asked() => {
                    self.log.trouble(who, error);
                    self.halt.pause(PAUSE);
                }
                Err(error) => return Err(error),
                Ok(opened) => {
                    self.log.recovered(who);
                    return Ok(opened);
                }
            }
        }
    }

    /// Opens what is at both ends, and runs everything in between until it is over.
    fn all(
        &self,
        mut source: Box<dyn Source>,
        mut sinks: Vec<Box<dyn LiveSink>>,
        state: State,
    ) -> Result<()> {
        let State { job, keys, mut remap, sound, remap_path, lock, .. } = state;
        let progress = self.open_all(&mut *source, &mut sinks, &job)?;
        let last = sound.last.map_or(0, |(_, tick)| tick);
        let outbox = Outbox::new(self.config.live.held_bytes_max, last, &progress)?;
        let rules = &self.config.rules;
        let wanted = Wanted { changes: true, postings: self.config.postings };
        let settings = Settings::of_run(rules, self.workers, wanted, keys, source.places());
        let settings = settings.ok_or_else(|| replay::no_zone(rules))?;
        let decoder = replay::decoder(rules, keys, self.workers)?;
        let shared = Arc::new(Shared {
            settings,
            inboxes: Inboxes::new(self.workers),
            gather: Gather::new(self.workers),
            halt: Arc::clone(&self.halt),
            watch: Arc::clone(&self.watch),
        });
        let guards = workers::start(&shared)?;
        let (intake, sync) = (Intake::default(), Sync::default());
        let (halt, log, watch) = (&*self.halt, &self.log, &*self.watch);
        std::thread::scope(|scope| {
            scope.spawn(|| shared.gather.run(&outbox, halt, watch));
            scope.spawn(|| sync.run(&mut remap, &outbox, halt, log));
            scope.spawn(|| intake.run(&mut *source, &decoder, halt, log, watch));
            for (at, sink) in sinks.iter_mut().enumerate() {
                let outbox = &outbox;
                scope.spawn(move || sinking::run(at, &mut **sink, outbox, halt, log, watch));
            }
            let mut ticks = Ticks {
                intake: &intake,
                shared: &shared,
                outbox: &outbox,
                sync: &sync,
                decoder: &decoder,
                rules,
                log,
                watch,
                generation: job.generation,
                last,
                places: sound.places,
            };
            let ran = Rows::open(&remap_path).and_then(|rows| ticks.run(rows));
            ran.err().into_iter().for_each(|error| halt.fail(error));
            halt.finish();
            shared.inboxes.wake();
        });
        for outcome in guards.join() {
            outcome.map_err(|panic| Error::bug(format!("a worker ended by itself: {panic}")))?;
        }
        drop(lock);
        self.halt.outcome()?;
        self.log.say(Key::RunEnds);
        Ok(())
    }
}
