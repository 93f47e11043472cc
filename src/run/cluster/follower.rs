//! Every other process of a cluster: it reads its partitions, works with its workers, and closes ticks when it is told.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use gyre_dataflows::keys::JobKey;
use gyre_dataflows::rows::Wanted;

use super::leader::{BEAT, SILENCE_MAX, gone};
use super::meet::point;
use super::wire::{Order, Place, Reader, Report, Welcome, Writer};
use super::{Mesh, Team, Terms, loss};
use crate::cli::{RunArgs, Session};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::replay;
use crate::run::Log;
use crate::run::again::Chunk;
use crate::run::ends;
use crate::run::feed::Feed;
use crate::run::gather::LOOK;
use crate::run::halt::{self, Halt};
use crate::run::intake::Intake;
use crate::run::state::judged_by;
use crate::run::workers::{self, Shared};
use crate::source::{Positions, Source};
use crate::texts::{Key, Lang, Phrase};
use crate::watch::Watch;
use crate::watch::listener::Listener;

/// Takes part until process 0 ends the run.
///
/// # Errors
/// Exit 2 where the source is not as it must be, or process 0 goes by something else; exit 3 where the world does not
/// play along.
pub fn run(
    team: &Team,
    args: &RunArgs,
    config: &Config,
    session: &Session,
    watch: &Arc<Watch>,
) -> Result<()> {
    let halt = Arc::new(Halt::new(session.interrupt.end_gently()));
    let listener = Listener::open(&args.http_addr)?;
    let mut source = ends::source(&config.live)?;
    source.keep(team.share());
    halt::end_on_panic(session.lang);
    let log = Log::new(session.lang);
    let at = listener.at;
    listener.serve(Arc::clone(watch), session.lang)?;
    watch.listens(at);
    log.say(Phrase::new(Key::HttpListens).with("at", at));
    let terms = Terms { job: config.live.job.clone(), judged_by: judged_by(&config.rules, config.postings) };
    let Some((welcome, stream)) = team.join(&terms, &halt, &log)? else { return Ok(()) };
    let mesh = match team.mesh(&welcome.token) {
        Ok(mesh) => mesh,
        Err(error) => {
            loss::lost(&error.render(session.lang), session.lang);
            return Err(error);
        }
    };
    let began = Phrase::new(Key::ClusterJoined).with("process", team.process).with("id", &welcome.id);
    log.say(began.with("generation", welcome.generation).with("workers", team.workers));
    watch.follows();
    watch.begins(&welcome.id, welcome.generation, team.workers, config.rules.tick_ms);
    let follower = Follower { team, config, halt, log, watch: Arc::clone(watch), lang: session.lang };
    follower.follow(&mut *source, &welcome, stream, mesh)
}

struct Follower<'r> {
    team: &'r Team,
    config: &'r Config,
    halt: Arc<Halt>,
    log: Log,
    watch: Arc<Watch>,
    lang: Lang,
}

impl Follower<'_> {
    fn follow(
        &self,
        source: &mut dyn Source,
        welcome: &Welcome,
        stream: TcpStream,
        mesh: Mesh,
    ) -> Result<()> {
        let (rules, seats) = (&self.config.rules, self.team.seats());
        let keys = JobKey::new(&welcome.secret);
        let wanted = Wanted { changes: true, postings: self.config.postings };
        let settings =
            gyre_dataflows::graph::Settings::of_run(rules, seats.all, wanted, keys, source.places());
        let settings = settings.ok_or_else(|| replay::no_zone(rules))?;
        let decoder = replay::decoder(rules, keys, seats.all)?;
        let shared = Arc::new(Shared::new(settings, seats, &self.halt, &self.watch));
        let writer = Writer::new(stream.try_clone().map_err(Error::bug)?);
        let intake = Intake::default();
        let guards = workers::start_in(&shared, self.team, mesh)?;
        let (halt, log, watch) = (&*self.halt, &self.log, &*self.watch);
        std::thread::scope(|scope| {
            let (orders, coming) = channel();
            let (intake, decoder, writer) = (&intake, &decoder, &writer);
            scope.spawn(move || self.hear(stream, intake, &orders));
            scope.spawn(move || self.beat(writer));
            scope.spawn(move || {
                if self.open(source) {
                    intake.run(source, decoder, halt, log, watch);
                }
            });
            let feed = Feed { intake, shared: &shared, decoder, rules, watch };
            self.obey(&feed, &coming, writer);
            halt.finish();
            shared.inboxes.wake();
        });
        // The others go at the same moment: nothing waits for their last words.
        std::mem::forget(guards);
        self.halt.outcome().inspect_err(|error| {
            let _ = writer.say(&Report::Failed { why: error.render(self.lang) });
        })?;
        self.log.say(Key::RunEnds);
        Ok(())
    }

    /// Opens the source, waited for where it is another system; says whether it is open.
    fn open(&self, source: &mut dyn Source) -> bool {
        match crate::run::open_source(source, &self.halt, &self.log) {
            Ok(()) => true,
            Err(error) => {
                self.halt.fail(error);
                false
            }
        }
    }

    /// Hears process 0 until it says good-bye. That it is gone ends the generation, and this process is another.
    fn hear(&self, stream: TcpStream, intake: &Intake, orders: &Sender<Heard>) {
        let heard = stream.set_read_timeout(Some(SILENCE_MAX)).and_then(|()| {
            let mut reader = Reader::new(stream);
            while !self.halt.is_over() {
                let order = match reader.hear()? {
                    Order::Alive => continue,
                    Order::Again { last, until, marks, missing } => {
                        let chunk = Chunk::of_wire(last, until, marks, missing);
                        let chunk = chunk.ok_or(io::ErrorKind::InvalidData)?;
                        // What is read next is known before what is at hand is worked.
                        intake.limit(Some(chunk.until.clone()));
                        Heard::Again(chunk)
                    }
                    Order::Live => Heard::Live,
                    Order::Close { tick } => Heard::Close(tick),
                    Order::End => {
                        loss::ends();
                        Heard::End
                    }
                    Order::Bye => return Ok(()),
                };
                // Nobody takes orders any more where the run has failed.
                let _ = orders.send(order);
            }
            Ok(())
        });
        if let Err(error) = heard {
            loss::lost(&gone(0, &error).say(self.lang), self.lang);
        }
        let _ = orders.send(Heard::Bye);
    }

    /// Says that we are alive, and that somebody asked us to end, until the run is over.
    fn beat(&self, writer: &Writer) {
        while !self.halt.is_over() {
            let word = if self.halt.is_asked() {
                Report::EndAsked
            } else {
                Report::Alive {
                    records: self.watch.records_by_topic(),
                    lags: self.watch.lags(),
                    part: self.watch.part_of_graph(self.team.process),
                }
            };
            // Where nobody hears it, whoever hears for us notices.
            let _ = writer.say(&word);
            self.halt.pause(BEAT);
        }
    }

    /// Does what process 0 says, until it says good-bye or something failed.
    fn obey(&self, feed: &Feed<'_>, orders: &Receiver<Heard>, writer: &Writer) {
        while !self.halt.has_failed() {
            self.watch.health.ticks_turn();
            let done = match orders.recv_timeout(LOOK) {
                Ok(Heard::Again(chunk)) => feed.again(chunk, || true).map(|_| ()),
                Ok(Heard::Live) => {
                    self.watch.hydrated();
                    feed.intake.limit(None);
                    Ok(())
                }
                Ok(Heard::Close(tick)) => point("cluster: before a tick is closed").map(|()| {
                    let mut places = Positions::new();
                    feed.close(tick, &mut places, false);
                    let _ = writer.say(&Report::Closed { tick, places: Place::pack(&places) });
                }),
                Ok(Heard::End) => point("cluster: before the end").map(|()| {
                    self.watch.health.ends();
                    let _ = writer.say(&Report::Ended);
                }),
                Ok(Heard::Bye) => return,
                Err(_) => Ok(()),
            };
            done.err().into_iter().for_each(|error| self.halt.fail(error));
        }
    }
}

/// What process 0 said, as it is done.
enum Heard {
    Again(Chunk),
    Live,
    Close(gyre_dataflows::Tick),
    End,
    Bye,
}
