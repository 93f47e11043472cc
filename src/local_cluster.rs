//! `gyre cluster`: all processes of a cluster on one machine, started and kept.
//!
//! ```text
//! gyre cluster ─┬─ gyre run --process 0   state, sinks, a share of the partitions
//!               ├─ gyre run --process 1   a share of the partitions
//!               └─ …                      whichever dies is started again; the others have begun again by themselves
//! ```
//! `gyre rescale` asks it to go on with other numbers ([`crate::rescale`]). It only starts, watches and ends processes:
//! nothing goes wrong where it is killed, for its processes end with it.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::cli::{ClusterArgs, Session};
use crate::error::{Domain, Error, Exit, Result};
use crate::rescale::{Desk, Size, Wish};
use crate::run::Log;
use crate::run::cluster::own::own_program;
use crate::texts::{Key, Lang, Phrase};

/// How often it is looked who has ended.
const LOOK: Duration = Duration::from_millis(50);
/// How long one that ended waits before it is started again.
const PAUSE: Duration = Duration::from_secs(1);
/// How long processes that need not be asked gently may take to end.
const END_MAX: Duration = Duration::from_secs(5);

/// Runs the command until a signal asks it to end, or a process cannot run at all.
///
/// # Errors
/// Exit 2 where a process ends with it: its flags, config or state are wrong; exit 3 where none can be started.
pub fn run(args: &ClusterArgs, session: &Session) -> Result<()> {
    let mut size = Size { processes: args.processes, workers: args.workers };
    let mut moved: Option<Moved> = None;
    let desk = Desk::new(&args.state);
    let asked = session.interrupt.end_gently();
    loop {
        let cluster = Cluster {
            args,
            size,
            http: http_addresses(args, size)?,
            lang: session.lang,
            log: Log::new(session.lang),
            asked: &asked,
            desk: &desk,
        };
        match cluster.run(moved.take())? {
            None => return Ok(()),
            Some((wish, began)) => {
                size = wish.size;
                moved = Some(Moved { wish, began, remap_bytes: desk.remap_bytes() });
            }
        }
    }
}

/// That the numbers are others now: told once a tick has closed with them.
struct Moved {
    wish: Wish,
    began: Instant,
    remap_bytes: u64,
}

/// Where each process can be asked.
fn http_addresses(args: &ClusterArgs, size: Size) -> Result<Vec<String>> {
    let fail = || {
        let what = Phrase::new(Key::ClusterHttpPort).with("at", &args.http_addr);
        Error::usage(Domain::Config, what.with("processes", size.processes))
    };
    let first: SocketAddr = match args.http_addr.parse() {
        Ok(first) => first,
        // Whatever else it may be: process 0 says what is wrong with it.
        Err(_) => return Ok(vec![args.http_addr.clone(); usize::from(size.processes)]),
    };
    let port = |process: u16| if first.port() == 0 { Some(0) } else { first.port().checked_add(process) };
    let each =
        (0..size.processes).map(|process| Some(SocketAddr::new(first.ip(), port(process)?).to_string()));
    each.collect::<Option<_>>().ok_or_else(fail)
}

struct Cluster<'r> {
    args: &'r ClusterArgs,
    size: Size,
    http: Vec<String>,
    lang: Lang,
    log: Log,
    asked: &'r AtomicBool,
    desk: &'r Desk,
}

/// A process that is kept.
enum Kept {
    Runs(Child),
    /// It ended, and is started again then.
    Waits(Instant),
    /// It ended as it was asked to.
    Done,
}

impl Kept {
    fn tell(&self, signal: Signal) {
        if let Self::Runs(child) = self
            && let Some(pid) = Pid::from_raw(child.id() as i32)
        {
            // One that is gone needs no telling.
            let _ = kill_process(pid, signal);
        }
    }

    fn kill(&mut self) {
        if let Self::Runs(child) = self {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Cluster<'_> {
    fn start(&self, process: u16) -> Result<Child> {
        let addresses: Vec<String> = (0..self.size.processes)
            .map(|at| format!("{}:{}", Ipv4Addr::LOCALHOST, self.args.port + at))
            .collect();
        let mut command = Command::new(own_program());
        command.arg0("gyre").args(["run", "--lang", self.lang.code()]);
        command.arg("--config").arg(&self.args.config).arg("--state").arg(&self.args.state);
        command.args(["--workers", &self.size.workers.to_string(), "--cluster", &addresses.join(",")]);
        command.args(["--process", &process.to_string(), "--parent", &std::process::id().to_string()]);
        command.args(["--http-addr", &self.http[usize::from(process)]]).stdin(Stdio::null());
        // Ctrl-C at the terminal is for us: process 0 is asked, and all end in order.
        let started = command.process_group(0).spawn().map_err(|error| {
            let what = Phrase::new(Key::ClusterNoProgram).with("process", process);
            Error::unreachable(Domain::Config, what).cause(error)
        })?;
        self.log.say(Phrase::new(Key::ClusterKeeps).with("process", process).with("pid", started.id()));
        Ok(started)
    }

    /// Starts all and keeps them until they are asked to end; gives with which numbers they are to go on, if they are.
    fn run(&self, moved: Option<Moved>) -> Result<Option<(Wish, Instant)>> {
        let mut kept: Vec<Kept> = Vec::new();
        for process in 0..self.size.processes {
            kept.push(Kept::Runs(self.start(process)?));
        }
        self.desk.keeps(self.size)?;
        let wish = self.keep(&mut kept, moved);
        kept.iter_mut().for_each(Kept::kill);
        if !matches!(wish, Ok(Some(_))) {
            self.desk.leaves();
        }
        wish
    }

    /// Keeps processes until all have ended as they were asked to.
    fn keep(&self, kept: &mut [Kept], mut moved: Option<Moved>) -> Result<Option<(Wish, Instant)>> {
        let mut told_at: Option<Instant> = None;
        let mut wish = None;
        while !kept.iter().all(|one| matches!(one, Kept::Done)) {
            if wish.is_none() && moved.is_none() {
                wish = self.desk.wish(self.size);
                wish.iter().for_each(|wish| {
                    let begins = Phrase::new(Key::RescaleBegins).with("processes", wish.size.processes);
                    self.log.say(begins.with("workers", wish.size.workers));
                });
            }
            if let Some(done) = moved.take_if(|moved| self.desk.remap_bytes() > moved.remap_bytes) {
                self.log.say(self.desk.done(&done.wish, done.began.elapsed())?);
            }
            let ends = wish.is_some() || self.asked.load(Ordering::Acquire);
            if ends && told_at.is_none() {
                told_at = Some(Instant::now());
                kept[0].tell(Signal::TERM);
            }
            for process in 0..self.size.processes {
                let one = &mut kept[usize::from(process)];
                match one {
                    Kept::Runs(child) => {
                        if let Ok(Some(status)) = child.try_wait() {
                            *one = self.ended(process, status, ends)?;
                        }
                    }
                    Kept::Waits(_) if ends => *one = Kept::Done,
                    Kept::Waits(until) if Instant::now() >= *until => *one = Kept::Runs(self.start(process)?),
                    Kept::Waits(_) | Kept::Done => {}
                }
            }
            // The others end with process 0; where it is not there to say so, they are told.
            if matches!(kept[0], Kept::Done) && told_at.is_some_and(|told| told.elapsed() > END_MAX) {
                kept.iter().for_each(|one| one.tell(Signal::KILL));
            }
            std::thread::sleep(LOOK);
        }
        if wish.is_none() {
            self.log.say(Key::RunEnds);
        }
        let goes_on = !self.asked.load(Ordering::Acquire);
        Ok(wish.zip(told_at).filter(|_| goes_on))
    }

    /// A process ended: what becomes of it.
    fn ended(&self, process: u16, status: ExitStatus, ends: bool) -> Result<Kept> {
        if status.code() == Some(Exit::Usage as i32) {
            let what = Phrase::new(Key::ClusterWrong).with("process", process);
            return Err(Error::usage(Domain::Config, what).help(Key::ClusterWrongHelp));
        }
        if ends || status.success() {
            return Ok(Kept::Done);
        }
        let how = match (status.code(), status.signal()) {
            (Some(code), _) => format!("exit code {code}"),
            (None, signal) => format!("signal {}", signal.unwrap_or_default()),
        };
        self.log.warn(Phrase::new(Key::ClusterEnded).with("process", process).with("how", how));
        Ok(Kept::Waits(Instant::now() + PAUSE))
    }
}
