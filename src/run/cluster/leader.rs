//! Process 0 of a cluster: orders for the others, and what they answer, brought together.

use std::collections::VecDeque;
use std::io;
use std::net::TcpStream;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use gyre_dataflows::Tick;

use super::loss;
use super::meet::Terms;
use super::wire::{Order, Place, Reader, Report, Welcome, Writer};
use super::{Mesh, Team};
use crate::error::{Error, Result};
use crate::run::Log;
use crate::run::again::Chunk;
use crate::run::halt::Halt;
use crate::run::remap::Row;
use crate::run::state::{State, drawn, hex};
use crate::run::sync::Sync;
use crate::source::{Positions, Share};
use crate::texts::{Key, Lang, Phrase};
use crate::watch::Watch;

/// How often it is said that one is alive.
pub(super) const BEAT: Duration = Duration::from_millis(500);
/// After how much silence a process counts as gone.
pub(super) const SILENCE_MAX: Duration = Duration::from_secs(5);
/// How long the others may take to understand that all is over.
const END_MAX: Duration = Duration::from_secs(10);

/// See the module.
pub struct Leader {
    members: Vec<Writer>,
    state: Mutex<Rows>,
    changed: Condvar,
}

/// Rows of the remap log for which not everybody has said how far he is.
#[derive(Default)]
struct Rows {
    waiting: VecDeque<Waiting>,
    /// How many know that all is over.
    ended: usize,
}

struct Waiting {
    row: Row,
    missing: usize,
}

impl Leader {
    /// Waits for all others, and begins the generation with them; nothing where the process is asked to end before.
    ///
    /// # Errors
    /// Where somebody is gone at once: then it begins again.
    pub fn begin(
        team: &Team,
        terms: &Terms,
        state: &State,
        halt: &Halt,
        log: &Log,
    ) -> Result<Option<(Self, Vec<TcpStream>, Mesh)>> {
        let token = hex(&drawn()?);
        let welcome = Welcome {
            id: state.job.id.clone(),
            generation: state.job.generation,
            secret: state.secret,
            token: token.clone(),
        };
        let Some(streams) = team.gather(terms, &welcome, halt, log)? else { return Ok(None) };
        let mesh = team.mesh(&token)?;
        let members = streams.iter().map(|stream| Ok(Writer::new(stream.try_clone()?)));
        let members = members.collect::<io::Result<Vec<_>>>().map_err(Error::bug)?;
        log.say(Phrase::new(Key::ClusterBegins).with("processes", team.addresses.len()));
        Ok(Some((Self { members, state: Mutex::default(), changed: Condvar::new() }, streams, mesh)))
    }

    fn lock(&self) -> MutexGuard<'_, Rows> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says something to all. Whoever does not hear it is gone, which his reader will notice.
    fn order(&self, order: &Order) {
        self.members.iter().for_each(|member| {
            let _ = member.say(order);
        });
    }

    /// Tells each of the others which lines of his belong to ticks that are made again.
    pub fn again(&self, chunk: &Chunk) {
        let processes = self.members.len() + 1;
        for (process, member) in (1..).zip(&self.members) {
            // Whoever does not hear it is gone.
            let _ = member.say(&chunk.part(Share { process, processes }).to_wire());
        }
    }

    /// What comes from now on is new.
    pub fn live(&self) {
        self.order(&Order::Live);
    }

    /// A tick closes, with this row of the remap log; ours and the others' places are added when they are known.
    pub fn close(&self, row: Row) {
        let tick = row.tick;
        self.lock().waiting.push_back(Waiting { row, missing: self.members.len() + 1 });
        self.order(&Order::Close { tick });
    }

    /// How far somebody's partitions are at a tick. Rows that are whole go to the disk, in order.
    pub fn closed(&self, tick: Tick, places: Positions, sync: &Sync) {
        let mut rows = self.lock();
        if let Some(waiting) = rows.waiting.iter_mut().find(|waiting| waiting.row.tick == tick) {
            waiting.row.places.extend(places);
            waiting.missing -= 1;
        }
        while let Some(whole) = rows.waiting.pop_front_if(|first| first.missing == 0) {
            sync.add(whole.row);
        }
    }

    /// Says that we are alive, until the run is over.
    pub fn beat(&self, halt: &Halt) {
        while !halt.is_over() {
            self.order(&Order::Alive);
            halt.pause(BEAT);
        }
    }

    /// Hears one of the others for as long as he is there. That he is gone ends the generation, and this process is
    /// another.
    pub fn hear(
        &self,
        process: usize,
        stream: TcpStream,
        sync: &Sync,
        halt: &Halt,
        (log, lang): (&Log, Lang),
        watch: &Watch,
    ) {
        let heard = stream.set_read_timeout(Some(SILENCE_MAX)).and_then(|()| {
            let mut reader = Reader::new(stream);
            // Whoever is there says something twice a second.
            while !halt.is_over() {
                match reader.hear()? {
                    Report::Closed { tick, places } => {
                        let places = Place::unpack(places).ok_or(io::ErrorKind::InvalidData)?;
                        self.closed(tick, places, sync);
                    }
                    Report::EndAsked => halt.ask(),
                    Report::Ended => {
                        self.lock().ended += 1;
                        self.changed.notify_all();
                    }
                    Report::Failed { why } => {
                        log.warn(Phrase::new(Key::ClusterFailed).with("process", process).with("why", why));
                    }
                    Report::Alive { records, lags, part } => {
                        watch.other_reads(process, records, lags, part);
                    }
                }
            }
            Ok(())
        });
        let Err(error) = heard else { return };
        loss::lost(&gone(process, &error).say(lang), lang);
    }

    /// All that is to be committed is: the others are told, and that everybody knows it.
    pub fn end(&self, halt: &Halt) {
        loss::ends();
        self.order(&Order::End);
        let until = Instant::now() + END_MAX;
        let mut rows = self.lock();
        while rows.ended < self.members.len() && Instant::now() < until && !halt.has_failed() {
            rows = self.changed.wait_timeout(rows, BEAT).unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(rows);
        self.order(&Order::Bye);
    }
}

/// That a process is gone, and how that shows.
pub(super) fn gone(process: usize, error: &io::Error) -> Phrase {
    let is_silent = matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
    let key = if is_silent { Key::ClusterSilent } else { Key::ClusterClosed };
    Phrase::new(key).with("process", process).with("seconds", SILENCE_MAX.as_secs()).with("why", error)
}

#[cfg(test)]
mod tests {
    use gyre_domain::records::Topic;

    use super::*;
    use crate::source::{Partition, Position};

    #[test]
    fn a_row_waits_for_everybody_and_for_the_rows_before_it() {
        let stream = || {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            (Writer::new(stream), listener)
        };
        let (members, _listeners): (Vec<_>, Vec<_>) = [stream(), stream()].into_iter().unzip();
        let leader = Leader { members, state: Mutex::default(), changed: Condvar::new() };
        let sync = Sync::default();
        let row = |tick| Row { generation: 1, tick, places: Positions::new() };
        let place = |number, next| {
            let partition = Partition { topic: Topic::Wagers, number };
            Positions::from([(partition, Position { next, byte: 0, stamp: 0 })])
        };
        leader.close(row(10));
        leader.close(row(20));
        leader.closed(20, place(0, 5), &sync);
        leader.closed(20, place(1, 6), &sync);
        leader.closed(20, Positions::new(), &sync);
        leader.closed(10, place(0, 4), &sync);
        leader.closed(10, Positions::new(), &sync);
        assert!(sync.take().is_empty(), "somebody has not said how far he is at the first");
        leader.closed(10, place(2, 1), &sync);
        let rows = sync.take();
        assert_eq!(
            rows.iter().map(|row| (row.tick, row.places.len())).collect::<Vec<_>>(),
            [(10, 2), (20, 2)]
        );
    }
}
