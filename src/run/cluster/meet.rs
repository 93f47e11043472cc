//! How the processes of a cluster find each other: first all agree on the generation, then timely is connected.
//!
//! ```text
//! 1, 2, … ── hello: version, job, rules, size ──▶ 0     refused where anything differs
//! 1, 2, … ◀── welcome: generation, secrets ───── 0      once all are there
//! i ─────────── mesh: token ───────────────────▶ j < i  whoever does not know the token is of another generation
//! ```

use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use timely::communication::allocator::ProcessBuilder;
use timely::communication::allocator::zero_copy::initialize::initialize_networking_from_sockets;
use timely::communication::{AllocatorBuilder, Hooks};

use super::Team;
use super::wire::{Answer, Common, FIRST_WORD, First, Reader, TITLE, Welcome, Writer, first_word};
use crate::error::{Domain, Error, Result};
use crate::run::halt::Halt;
use crate::run::{Log, faults};
use crate::texts::{Key, Phrase};

/// How often it is looked who has come.
const LOOK: Duration = Duration::from_millis(20);
/// How often it is told that somebody is waited for.
const TELL: Duration = Duration::from_secs(10);
/// How long an answer to a hello is waited for before it is said again.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// How long timely's connections may take, once all have agreed.
const MESH_MAX: Duration = Duration::from_secs(20);

/// Timely's connections to all other processes, each in its place.
pub type Mesh = Vec<Option<TcpStream>>;

/// What a process comes with.
pub struct Terms {
    /// What the job is called.
    pub job: String,
    /// What its books are judged by, as a digest.
    pub judged_by: String,
}

impl Team {
    fn common(&self, terms: &Terms) -> Common {
        Common {
            title: TITLE.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            job: terms.job.clone(),
            judged_by: terms.judged_by.clone(),
            processes: self.addresses.len(),
            workers: self.workers,
        }
    }

    /// Waits for all others and tells them what they are; gives the connections to them, in order. Nothing where the
    /// process is asked to end before.
    ///
    /// # Errors
    /// Where somebody who was there is gone when all are: then it begins again.
    pub(super) fn gather(
        &self,
        terms: &Terms,
        welcome: &Welcome,
        halt: &Halt,
        log: &Log,
    ) -> Result<Option<Vec<TcpStream>>> {
        let common = self.common(terms);
        self.listener.set_nonblocking(true).map_err(Error::bug)?;
        let mut here: Vec<Option<TcpStream>> = (1..self.addresses.len()).map(|_| None).collect();
        let mut told: Option<Instant> = None;
        loop {
            if halt.is_asked() {
                return Ok(None);
            }
            here.iter_mut()
                .filter(|member| member.as_ref().is_some_and(is_gone))
                .for_each(|gone| *gone = None);
            let missing: Vec<String> = (1..)
                .zip(&here)
                .filter(|(_, member)| member.is_none())
                .map(|(at, _)| at.to_string())
                .collect();
            if missing.is_empty() {
                break;
            }
            if told.is_none_or(|told| told.elapsed() >= TELL) {
                told = Some(Instant::now());
                log.say(Phrase::new(Key::ClusterWaits).with("processes", missing.join(", ")));
            }
            let Ok((stream, _)) = self.listener.accept() else {
                std::thread::sleep(LOOK);
                continue;
            };
            if let Some((process, stream)) = admitted(stream, &common) {
                here[process - 1] = Some(stream);
            }
        }
        point("cluster: before a welcome")?;
        let members: Vec<TcpStream> = here.into_iter().flatten().collect();
        for member in &members {
            let said = writer_of(member).and_then(|writer| writer.say(&Answer::Welcome(welcome.clone())));
            said.map_err(|error| Error::unreachable(Domain::Input, Key::ClusterGone).cause(error))?;
        }
        point("cluster: after a welcome")?;
        Ok(Some(members))
    }

    /// Asks process 0 to take part, for as long as it takes; gives what we are, and the connection. Nothing where the
    /// process is asked to end before.
    ///
    /// # Errors
    /// Exit 2 where process 0 goes by something else.
    pub(super) fn join(&self, terms: &Terms, halt: &Halt, log: &Log) -> Result<Option<(Welcome, TcpStream)>> {
        let hello = First::Hello { process: self.process, common: self.common(terms) };
        let mut told: Option<Instant> = None;
        while !halt.is_asked() {
            if told.is_none_or(|told| told.elapsed() >= TELL) {
                told = Some(Instant::now());
                log.say(Phrase::new(Key::ClusterWaitsForFirst).with("at", &self.addresses[0]));
            }
            if let Ok(stream) = connected(&self.addresses[0])
                && let Ok(answer) = asked(&stream, &hello, halt)
            {
                match answer {
                    Answer::Welcome(welcome) => {
                        point("cluster: after a hello")?;
                        return Ok(Some((welcome, stream)));
                    }
                    Answer::Refused { what, there, here } => {
                        let what = Phrase::new(Key::ClusterRefused)
                            .with("what", what)
                            .with("there", here)
                            .with("here", there);
                        return Err(Error::usage(Domain::Config, what).help(Key::ClusterRefusedHelp));
                    }
                }
            }
            halt.pause(LOOK * 5);
        }
        Ok(None)
    }

    /// Connects timely's mesh.
    ///
    /// # Errors
    /// Where that takes too long: somebody is gone, and it begins again.
    pub(super) fn mesh(&self, token: &str) -> Result<Mesh> {
        let until = Instant::now() + MESH_MAX;
        let late = |error: io::Error| Error::unreachable(Domain::Input, Key::ClusterGone).cause(error);
        let mut mesh: Mesh = self.addresses.iter().map(|_| None).collect();
        for (at, address) in self.addresses.iter().enumerate().take(self.process) {
            let word = First::Mesh { process: self.process, token: token.to_owned() };
            let connect = || {
                let stream = connected(address)?;
                writer_of(&stream)?.say(&word)?;
                Ok(stream)
            };
            mesh[at] = Some(retried(connect, until).map_err(late)?);
        }
        self.listener.set_nonblocking(true).map_err(late)?;
        while mesh[self.process + 1..].iter().any(Option::is_none) {
            if Instant::now() >= until {
                return Err(late(io::ErrorKind::TimedOut.into()));
            }
            let Ok((stream, _)) = self.listener.accept() else {
                std::thread::sleep(LOOK);
                continue;
            };
            let word = stream.set_nonblocking(false).and_then(|()| first_word(&stream));
            if let Ok(First::Mesh { process, token: theirs }) = word
                && theirs == token
                && process > self.process
                && let Some(seat) = mesh.get_mut(process)
            {
                *seat = Some(stream);
            }
        }
        for stream in mesh.iter().flatten() {
            stream.set_read_timeout(None).and_then(|()| stream.set_nodelay(true)).map_err(late)?;
        }
        point("cluster: connected")?;
        Ok(mesh)
    }

    /// The allocators of our workers over the mesh, and what keeps its threads.
    ///
    /// # Errors
    /// Where the system gives no threads.
    pub(in crate::run) fn allocators(
        &self,
        mesh: Mesh,
    ) -> io::Result<(Vec<AllocatorBuilder>, Box<dyn std::any::Any + Send>)> {
        let hooks = Hooks::default();
        let within = ProcessBuilder::new_typed_vector(self.workers, hooks.refill.clone(), None);
        let (builders, guard) =
            initialize_networking_from_sockets(within, mesh, self.process, self.workers, hooks)?;
        Ok((builders.into_iter().map(AllocatorBuilder::Tcp).collect(), Box::new(guard)))
    }
}

/// A place at which tests let the process die.
pub(super) fn point(name: &'static str) -> Result<()> {
    faults::point(name).map_err(Error::bug)
}

/// Who connected, where it is a member of ours; whoever goes by something else is told so.
fn admitted(stream: TcpStream, common: &Common) -> Option<(usize, TcpStream)> {
    stream.set_nonblocking(false).ok()?;
    let First::Hello { process, common: theirs } = first_word(&stream).ok()? else { return None };
    if let Some((what, here, there)) = difference(common, &theirs) {
        let _ = writer_of(&stream).and_then(|writer| writer.say(&Answer::Refused { what, there, here }));
        return None;
    }
    stream.set_nodelay(true).ok()?;
    (1..common.processes).contains(&process).then_some((process, stream))
}

/// What differs first, as it is with us and with them.
fn difference(ours: &Common, theirs: &Common) -> Option<(String, String, String)> {
    let number = |number: usize| number.to_string();
    let pairs = [
        ("protocol", ours.title.clone(), theirs.title.clone()),
        ("version", ours.version.clone(), theirs.version.clone()),
        ("job", ours.job.clone(), theirs.job.clone()),
        ("rules", ours.judged_by.clone(), theirs.judged_by.clone()),
        ("processes", number(ours.processes), number(theirs.processes)),
        ("workers", number(ours.workers), number(theirs.workers)),
    ];
    let other = pairs.into_iter().find(|(_, ours, theirs)| ours != theirs);
    other.map(|(what, ours, theirs)| (what.to_owned(), ours, theirs))
}

/// Says hello and waits for what is answered.
fn asked(stream: &TcpStream, hello: &First, halt: &Halt) -> io::Result<Answer> {
    stream.set_nodelay(true)?;
    writer_of(stream)?.say(hello)?;
    // Others may take long to come; meanwhile somebody may ask us to end. Nor does anybody tell us where the other end
    // vanished without a word: then it is asked anew.
    stream.set_read_timeout(Some(FIRST_WORD / 10))?;
    let until = Instant::now() + ANSWER_MAX;
    while !halt.is_asked() && Instant::now() < until {
        match stream.peek(&mut [0]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => {
                stream.set_read_timeout(Some(FIRST_WORD))?;
                return Reader::new(stream.try_clone()?).hear();
            }
            Err(error) if is_early(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::Interrupted.into())
}

fn is_early(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}

/// Whether whoever waits at the other end has left.
fn is_gone(stream: &TcpStream) -> bool {
    let looked = stream.set_nonblocking(true).and_then(|()| stream.peek(&mut [0]));
    let is_gone = !matches!(&looked, Err(error) if is_early(error));
    stream.set_nonblocking(false).is_err() || is_gone
}

/// A connection to an address, of which every answer but the first may be lost.
fn connected(address: &str) -> io::Result<TcpStream> {
    let mut failed = io::ErrorKind::AddrNotAvailable.into();
    for at in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&at, FIRST_WORD) {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn writer_of(stream: &TcpStream) -> io::Result<Writer> {
    Ok(Writer::new(stream.try_clone()?))
}

/// Acts until it succeeds, or the time is over.
pub(super) fn retried<T>(mut act: impl FnMut() -> io::Result<T>, until: Instant) -> io::Result<T> {
    loop {
        match act() {
            Err(_) if Instant::now() < until => std::thread::sleep(LOOK),
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;
    use std::thread;

    use super::*;
    use crate::texts::Lang;

    fn teams(processes: usize) -> Vec<Team> {
        let mut listeners: Vec<_> =
            (0..processes).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let addresses: Vec<_> =
            listeners.iter().map(|listener| listener.local_addr().unwrap().to_string()).collect();
        let team = |process| Team {
            process,
            addresses: addresses.clone(),
            workers: 1,
            listener: listeners.remove(0),
        };
        (0..processes).map(team).collect()
    }

    fn terms(judged_by: &str) -> Terms {
        Terms { job: "books".to_owned(), judged_by: judged_by.to_owned() }
    }

    fn welcome() -> Welcome {
        Welcome { id: "1f".to_owned(), generation: 7, secret: [3; 16], token: "known".to_owned() }
    }

    #[test]
    fn all_agree_before_they_are_connected_and_strangers_are_left_out() {
        let teams = teams(3);
        let met: Vec<(u64, Vec<bool>)> = thread::scope(|scope| {
            let strangers = teams[0].addresses[0].clone();
            let threads: Vec<_> = teams
                .iter()
                .map(|team| {
                    scope.spawn(move || {
                        let (halt, log) = (Halt::default(), Log::new(Lang::En));
                        let generation = if team.leads() {
                            team.gather(&terms("r"), &welcome(), &halt, &log).unwrap().unwrap();
                            7
                        } else {
                            team.join(&terms("r"), &halt, &log).unwrap().unwrap().0.generation
                        };
                        let mesh = team.mesh("known").unwrap();
                        (generation, mesh.iter().map(Option::is_some).collect())
                    })
                })
                .collect();
            for word in ["nonsense\n", "{\"Mesh\":{\"process\":1,\"token\":\"guessed\"}}\n", ""] {
                TcpStream::connect(&strangers).unwrap().write_all(word.as_bytes()).unwrap();
            }
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let wanted = [[false, true, true], [true, false, true], [true, true, false]];
        assert_eq!(met, wanted.map(|others| (7, others.to_vec())));
    }

    #[test]
    fn whoever_goes_by_something_else_is_refused_and_told_what() {
        let teams = teams(2);
        let halt = Halt::default();
        thread::scope(|scope| {
            let (first, other, halt) = (&teams[0], &teams[1], &halt);
            let gathering =
                scope.spawn(move || first.gather(&terms("r"), &welcome(), halt, &Log::new(Lang::En)));
            let refused = other.join(&terms("others"), &Halt::default(), &Log::new(Lang::En)).err().unwrap();
            let said = refused.render(Lang::En);
            assert!(said.contains("rules") && said.contains("others"), "{said}");
            halt.ask();
            assert!(gathering.join().unwrap().unwrap().is_none());
        });
    }
}
