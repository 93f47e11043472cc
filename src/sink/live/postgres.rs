//! PostgreSQL: tables of the rows that stand, changed with their progress in one transaction.
//!
//! ```text
//! ticks ─▶ net changes ─▶ BEGIN; progress T−1 ─▶ T; keys out; rows in; COMMIT ─▶ done
//!                              ▲                                         │ no answer: done or not?
//!                              └── connect again, ask: at T it is done ──┘
//! ```
//! The step `T−1 ─▶ T` touches the one row of the job at this generation, or nothing is written: what an earlier start
//! of the job, or a commit whose answer was lost, had done before can neither be undone nor be done twice.

use std::sync::Arc;
use std::time::Duration;

use gyre_dataflows::Tick;
use tokio::runtime::Runtime;
use tokio_postgres::Config;

use self::session::{Failure, Row, Session, Step};
use super::{Digest, Job, LiveSink, Progress, TickRows};
use crate::error::{Domain, Error, Result};
use crate::sink::net_changes;
use crate::texts::{Key, Phrase};

mod session;
mod tables;

/// What is done about it costs a few milliseconds, however little it is.
const GATHERS_FOR: Duration = Duration::from_millis(200);

/// The tables of a database.
pub struct Tables {
    /// Where they are.
    config: Config,
    /// The same in words, without secrets.
    place: String,
    runtime: Runtime,
    session: Option<Session>,
    job: Option<Job>,
    /// What is known to be committed.
    progress: Option<Progress>,
    /// Whether a commit may have gone through without an answer.
    is_unsure: bool,
}

impl Tables {
    /// The tables at `url` (`postgresql://user@host:port/database`), with a password if there is one.
    ///
    /// # Errors
    /// Exit 2 where the URL is none, or names a host beyond this one: what goes over a network would be readable there.
    pub fn new(url: &str, password: Option<&str>) -> Result<Self> {
        let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
            Error::usage(Domain::Config, Key::PostgresUrlBad).cause(error).help(Key::PostgresUrlBadHelp)
        })?;
        if let Some(password) = password {
            config.password(password);
        }
        config.application_name("gyre");
        config.connect_timeout(Duration::from_secs(10));
        config.tcp_user_timeout(Duration::from_secs(60));
        if config.get_hosts().is_empty() {
            return Err(Error::usage(Domain::Config, Key::PostgresUrlBad).help(Key::PostgresUrlBadHelp));
        }
        let place = place(&config);
        let is_near = config.get_hosts().iter().all(is_here);
        if !is_near || !config.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback) {
            let what = Phrase::new(Key::PostgresPlain).with("place", &place);
            return Err(Error::usage(Domain::Config, what).help(Key::PostgresPlainHelp));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Error::bug(format!("no runtime for PostgreSQL: {error}")))?;
        Ok(Self { config, place, runtime, session: None, job: None, progress: None, is_unsure: false })
    }

    /// Connects, and finds the tables as they should be.
    fn connect(&mut self) -> Result<()> {
        if self.session.is_some() {
            return Ok(());
        }
        let opened = self.runtime.block_on(async {
            let session = Session::open(&self.config).await?;
            Ok::<_, Failure>((session.differences().await?, session))
        });
        let (difference, session) = opened.map_err(|failure| self.told(failure))?;
        if let Some(difference) = difference {
            let what = Phrase::new(Key::PostgresTables).with("place", &self.place).with("text", difference);
            return Err(Error::usage(Domain::Output, what).help(Key::PostgresTablesHelp));
        }
        self.session = Some(session);
        Ok(())
    }

    /// The failure as an error. Whatever it was, the connection is not used again.
    fn told(&mut self, failure: Failure) -> Error {
        self.session = None;
        match failure {
            Failure::Away(text) => {
                let what = Phrase::new(Key::PostgresAway).with("place", &self.place);
                Error::unreachable(Domain::Output, what).cause(text).help(Key::PostgresAwayHelp)
            }
            Failure::Refused(text) => {
                let what = Phrase::new(Key::PostgresRefused).with("place", &self.place);
                Error::usage(Domain::Output, what).cause(text).help(Key::PostgresRefusedHelp)
            }
            Failure::Bug(error) => error,
        }
    }

    /// The row of the job, once it is this generation's.
    fn row(&mut self, job: &Job) -> Result<Option<Row>> {
        self.connect()?;
        let Some(session) = &self.session else { return Ok(None) };
        let rows = self.runtime.block_on(session.progress());
        let rows = rows.map_err(|failure| self.told(failure))?;
        if let Some(other) = rows.iter().find(|row| (&row.job, &row.job_id) != (&job.name, &job.id)) {
            let what = Phrase::new(Key::SinkOfAnotherJob)
                .with("place", &self.place)
                .with("job", format!("{} ({})", other.job, other.job_id));
            return Err(Error::usage(Domain::Output, what).help(Key::SinkOfAnotherJobHelp));
        }
        let row = rows.into_iter().next();
        if let Some(row) = row.as_ref().filter(|row| row.generation > number(job.generation)) {
            let what = Phrase::new(Key::SinkFenced)
                .with("place", &self.place)
                .with("generation", row.generation)
                .with("own", job.generation);
            return Err(Error::usage(Domain::Output, what).help(Key::SinkFencedHelp));
        }
        Ok(row)
    }

    /// Goes on from one tick to another with all changes between them; `false` where it does not stand there.
    fn step(&mut self, ticks: &[Arc<TickRows>], from: Option<Tick>, progress: &Progress) -> Result<bool> {
        let left = ticks.iter().filter(|tick| Some(tick.tick) > from);
        let changes = net_changes(left.flat_map(|tick| tick.row_changes()))?;
        let (Some(job), Some(session)) = (&self.job, &mut self.session) else {
            return Err(Error::bug("the tables are written to before they were opened"));
        };
        let step = Step {
            job: &job.name,
            generation: number(job.generation),
            from: from.map(number),
            to: number(progress.tick),
            digest: &progress.digest.to_string(),
        };
        let committed = self.runtime.block_on(session.commit(&step, &changes));
        self.is_unsure = true;
        let is_done = committed.map_err(|failure| self.told(failure))?;
        self.is_unsure = false;
        if is_done {
            self.progress = Some(*progress);
        }
        Ok(is_done)
    }

    /// Finds out how far it is, after a commit that was not answered.
    fn recall(&mut self) -> Result<()> {
        let Some(job) = self.job.clone() else {
            return Err(Error::bug("the tables are written to before they were opened"));
        };
        self.progress = self.row(&job)?.map(|row| progress_of(&row)).transpose()?.flatten();
        self.is_unsure = false;
        Ok(())
    }
}

impl LiveSink for Tables {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn may_be_away(&self) -> bool {
        true
    }

    fn open(&mut self, job: &Job) -> Result<Option<Progress>> {
        self.row(job)?;
        let claimed = match &self.session {
            Some(session) => self.runtime.block_on(session.claim(&job.name, &job.id, number(job.generation))),
            None => Ok(()),
        };
        claimed.map_err(|failure| self.told(failure))?;
        self.job = Some(job.clone());
        // Whoever was in the middle of a commit is through with it now, or never will be.
        self.recall()?;
        Ok(self.progress)
    }

    fn commit(&mut self, ticks: &[Arc<TickRows>], progress: &Progress) -> Result<()> {
        if self.is_unsure || self.session.is_none() {
            self.recall()?;
        }
        loop {
            let from = self.progress.map(|progress| progress.tick);
            if Some(progress.tick) <= from || self.step(ticks, from, progress)? {
                return Ok(());
            }
            // A commit whose answer was lost was still under way, and has gone through meanwhile.
            self.recall()?;
            if self.progress.map(|progress| progress.tick) == from {
                return Err(Error::bug(format!(
                    "progress of {} is at {from:?} and cannot go on",
                    self.place
                )));
            }
        }
    }

    fn gathers_for(&self) -> Duration {
        GATHERS_FOR
    }
}

/// Ticks and generations as tables hold them: they are far below 2⁶³.
fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn progress_of(row: &Row) -> Result<Option<Progress>> {
    let (Some(tick), Some(digest)) = (row.tick, &row.digest) else { return Ok(None) };
    let read = u64::try_from(tick).ok().zip(Digest::parse(digest));
    let (tick, digest) = read.ok_or_else(|| {
        let what = Phrase::new(Key::SinkProgressBad).with("text", format!("{tick} {digest}"));
        Error::usage(Domain::Output, what)
    })?;
    Ok(Some(Progress { tick, digest }))
}

/// `host:port/database`.
fn place(config: &Config) -> String {
    let hosts = config.get_hosts().iter().map(|host| match host {
        tokio_postgres::config::Host::Tcp(name) => name.clone(),
        tokio_postgres::config::Host::Unix(path) => path.display().to_string(),
    });
    let ports = config.get_ports();
    let named = hosts.enumerate().map(|(at, host)| {
        let port = ports.get(at).or(ports.first()).copied().unwrap_or(5432);
        format!("{host}:{port}")
    });
    let named: Vec<String> = named.collect();
    format!("{}/{}", named.join(","), config.get_dbname().or(config.get_user()).unwrap_or(""))
}

/// Whether a host is this machine.
fn is_here(host: &tokio_postgres::config::Host) -> bool {
    match host {
        tokio_postgres::config::Host::Unix(_) => true,
        tokio_postgres::config::Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
        }
    }
}
