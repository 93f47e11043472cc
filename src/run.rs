//! `gyre run`: the books of streams that never end, exactly once in effect whatever ends the process.
//!
//! ```text
//!  source ─▶ intake ─▶ ticks ─▶ workers (the dataflow) ─▶ gather ─▶ outbox ─▶ sinks: files, …
//!           (decode)     │                                             ▲
//!                        └──▶ sync (remap log, on the disk) ───────────┘ a sink may commit through here
//! ```
//! Each box is a thread (workers are several) and each arrow is bounded, so that a slow sink slows the source and memory
//! stays flat. Several processes may do it together: see [`cluster`]. What makes a restart exact: the remap log says which
//! lines each tick holds; what follows from a tick is a function of them; a sink keeps with its rows through which tick it
//! has them, and what they were.

use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;

use cluster::leader::Leader;
use cluster::{Seats, Team, Terms, follower, loss, own};
use feed::Feed;
use gyre_dataflows::Tick;
use gyre_dataflows::decode::Decoder;
use gyre_dataflows::graph::Settings;
use gyre_dataflows::keys::JobKey;
use gyre_dataflows::rows::Wanted;

use crate::cli::{RunArgs, Session};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::replay;
use crate::sink::live::{Job, LiveSink, Progress};
use crate::source::{Positions, Share, Source};
use crate::texts::{Key, Lang, Phrase};
use crate::watch::Watch;
use crate::watch::listener::Listener;
use halt::Halt;
use intake::{Intake, WHO as SOURCE};
use outbox::Outbox;
use remap::{Remap, Rows};
use sinking::PAUSE;
use state::State;
use sync::Sync;
use ticks::Ticks;
use workers::Shared;

mod again;
mod clock;
pub mod cluster;
mod ends;
pub mod faults;
mod feed;
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

pub(crate) use log::Log;
pub(crate) use remap::crc32;
pub(crate) use state::{remap_path_of, sync_folder_of, write_whole};

/// Runs the command: until a signal asks it to end, or something fails.
///
/// # Errors
/// Exit 2 where source, sinks or state are not as they must be; exit 3 where the world does not play along.
pub fn run(args: &RunArgs, config: &Config, session: &Session) -> Result<()> {
    if let Some(parent) = args.parent {
        own::end_with(parent)?;
    }
    let watch = Watch::new(&config.live.job, args.workers())?;
    match Team::of(args)? {
        Some(team) if !team.leads() => follower::run(&team, args, config, session, &watch),
        team => lead(args, config, session, watch, team),
    }
}

/// The same of a process that is alone, watched over by the caller too.
///
/// # Errors
/// As [`run`].
pub fn run_watched(args: &RunArgs, config: &Config, session: &Session, watch: Arc<Watch>) -> Result<()> {
    lead(args, config, session, watch, None)
}

/// Runs the process that holds state and sinks; it has a team where there are others.
fn lead(
    args: &RunArgs,
    config: &Config,
    session: &Session,
    watch: Arc<Watch>,
    team: Option<Team>,
) -> Result<()> {
    let asked = session.interrupt.end_gently();
    let listener = Listener::open(&args.http_addr)?;
    let mut source = ends::source(&config.live)?;
    source.keep(share_of(team.as_ref()));
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
    let halt = Arc::new(Halt::new(asked));
    let seats = team.as_ref().map_or(Seats::alone(args.workers()), Team::seats);
    let run = Run { seats, team, config, halt, log, watch, lang: session.lang };
    run.all(source, sinks, state)
}

/// Which partitions a process reads: all, where it is alone.
fn share_of(team: Option<&Team>) -> Share {
    team.map_or(Share::ALL, Team::share)
}

/// Opens the source, waited for where it is another system.
fn open_source(source: &mut dyn Source, halt: &Halt, log: &Log) -> Result<()> {
    let waits = source.may_be_away();
    open(SOURCE, waits, halt, log, || source.seek(&Positions::new()))
}

/// Opens an end; what is another system's is waited for.
fn open<T>(
    who: &'static str,
    waits: bool,
    halt: &Halt,
    log: &Log,
    mut open: impl FnMut() -> Result<T>,
) -> Result<T> {
    loop {
        match open() {
            Err(error) if waits && error.may_retry() && !halt.is_asked() => {
                log.trouble(who, error);
                halt.pause(PAUSE);
            }
            Err(error) => return Err(error),
            Ok(opened) => {
                log.recovered(who);
                return Ok(opened);
            }
        }
    }
}

/// What a run is made of, opened.
struct Parts<'r> {
    source: Box<dyn Source>,
    sinks: Vec<Box<dyn LiveSink>>,
    outbox: Outbox,
    remap: Remap,
    decoder: Decoder,
    shared: &'r Shared,
    leader: Option<&'r Leader>,
}

/// Where it begins.
struct Start {
    generation: u64,
    last: Tick,
    places: Positions,
    remap_path: PathBuf,
}

/// What every part of a run goes by.
struct Run<'r> {
    seats: Seats,
    team: Option<Team>,
    config: &'r Config,
    halt: Arc<Halt>,
    log: Log,
    watch: Arc<Watch>,
    lang: Lang,
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
            let progress = open(name, waits, &self.halt, &self.log, || sink.open(job))?;
            self.watch.sink(name, progress.map_or(0, |known| known.tick));
            Ok((name, progress))
        });
        let progress = progress.collect::<Result<Vec<_>>>()?;
        open_source(source, &self.halt, &self.log)?;
        Ok(progress)
    }

    /// Opens what is at both ends, and runs everything in between until it is over.
    fn all(
        &self,
        mut source: Box<dyn Source>,
        mut sinks: Vec<Box<dyn LiveSink>>,
        state: State,
    ) -> Result<()> {
        let progress = self.open_all(&mut *source, &mut sinks, &state.job)?;
        // Last, for whoever has come is told twice a second that we are there.
        let met = match &self.team {
            None => None,
            Some(team) => {
                let Some(met) = self.meet(team, &state)? else { return Ok(()) };
                Some((team, met))
            }
        };
        let keys = JobKey::new(&state.secret);
        let State { job, remap, sound, remap_path, lock, .. } = state;
        let last = sound.last.map_or(0, |(_, tick)| tick);
        let outbox = Outbox::new(self.config.live.held_bytes_max, last, &progress)?;
        let rules = &self.config.rules;
        let wanted = Wanted { changes: true, postings: self.config.postings };
        let settings = Settings::of_run(rules, self.seats.all, wanted, keys, source.places());
        let settings = settings.ok_or_else(|| replay::no_zone(rules))?;
        let decoder = replay::decoder(rules, keys, self.seats.all)?;
        let shared = Arc::new(Shared::new(settings, self.seats, &self.halt, &self.watch));
        let (guards, leader, streams) = match met {
            None => (workers::start(&shared)?, None, Vec::new()),
            Some((team, (leader, streams, mesh))) => {
                (workers::start_in(&shared, team, mesh)?, Some(leader), streams)
            }
        };
        let shared = &*shared;
        let start = Start { generation: job.generation, last, places: sound.places, remap_path };
        let parts = Parts { source, sinks, outbox, remap, decoder, shared, leader: leader.as_ref() };
        self.turn(parts, streams, start);
        if leader.is_some() {
            // The others go at the same moment: nothing waits for their last words.
            std::mem::forget(guards);
        } else {
            for outcome in guards.join() {
                outcome.map_err(|panic| Error::bug(format!("a worker ended by itself: {panic}")))?;
            }
        }
        drop(lock);
        self.halt.outcome()?;
        self.log.say(Key::RunEnds);
        Ok(())
    }

    /// Starts a thread for everything, and closes ticks until it is over.
    fn turn(&self, parts: Parts<'_>, streams: Vec<TcpStream>, start: Start) {
        let Parts { mut source, mut sinks, outbox, mut remap, decoder, shared, leader } = parts;
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
            if let Some(leader) = leader {
                scope.spawn(|| leader.beat(halt));
                for (process, stream) in (1..).zip(streams) {
                    let sync = &sync;
                    scope.spawn(move || leader.hear(process, stream, sync, halt, (log, self.lang), watch));
                }
            }
            let rules = &self.config.rules;
            let mut ticks = Ticks {
                feed: Feed { intake: &intake, shared, decoder: &decoder, rules, watch },
                leader,
                share: share_of(self.team.as_ref()),
                outbox: &outbox,
                sync: &sync,
                log,
                generation: start.generation,
                last: start.last,
                places: start.places,
            };
            let ran = Rows::open(&start.remap_path).and_then(|rows| ticks.run(rows));
            ran.err().into_iter().for_each(|error| halt.fail(error));
            leader.iter().filter(|_| !halt.has_failed()).for_each(|leader| leader.end(halt));
            halt.finish();
            shared.inboxes.wake();
        });
    }

    /// Waits for the other processes; nothing where this one is asked to end before.
    fn meet(&self, team: &Team, state: &State) -> Result<Option<(Leader, Vec<TcpStream>, cluster::Mesh)>> {
        let judged_by = state::judged_by(&self.config.rules, self.config.postings);
        let terms = Terms { job: state.job.name.clone(), judged_by };
        Leader::begin(team, &terms, state, &self.halt, &self.log).inspect_err(|error| {
            loss::lost(&error.render(self.lang), self.lang);
        })
    }
}
