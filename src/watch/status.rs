//! How things stand, as `/v1/status` answers and `gyre status` shows it.
//!
//! A public contract: fields are added, never renamed. Money is a text of minor units beside its currency and exponent,
//! for numbers of JSON lose money beyond 2^53.

use gyre_dataflows::Tick;
use gyre_dataflows::rows::AnomalyKind;
use gyre_domain::cause::Cause;
use gyre_domain::records::Topic;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Watch;
use super::board::{Board, SEVERITIES};
use super::health::Probe;
use super::process::Process;

/// The whole answer.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema, Debug)]
pub struct Status {
    /// What it is true at.
    pub as_of: AsOf,
    /// What the job is called.
    pub job: String,
    /// Which start of it this is.
    pub generation: u64,
    /// Where it is in its life.
    pub state: State,
    /// Milliseconds since the last tick that every worker has closed.
    pub behind_ms: Option<u64>,
    /// Whether the books are right, by currency.
    pub books: Vec<Book>,
    /// Records read, by topic.
    pub inputs: Vec<Input>,
    /// What was not read yet, by partition.
    pub lags: Vec<Lag>,
    /// Sinks, and how far they are.
    pub sinks: Vec<Sink>,
    /// Anomalies that stand, by kind.
    pub anomalies: Vec<Anomalies>,
    /// Records that are set aside, by cause.
    pub rejects: Vec<Caused>,
    /// Records in quarantine, by cause.
    pub quarantine: Vec<Caused>,
    /// Wagers, by where they stand.
    pub wagers: Wagers,
    /// Bytes of memory that the process has.
    pub resident_bytes: u64,
}

/// A moment.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Debug)]
pub struct AsOf {
    /// The last tick that every worker has closed.
    pub tick: Tick,
    /// The same for people, RFC 3339 in UTC.
    pub at: String,
}

/// Where a run is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, Debug)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The books are brought back.
    Hydrating,
    /// They are fresh.
    Ready,
    /// They stand, and are old.
    Behind,
}

/// Money of one currency.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Debug)]
pub struct Book {
    /// The currency.
    pub currency: String,
    /// Digits behind the point.
    pub exponent: u64,
    /// Σ of all balances, minor units: `"0"`, or the books are wrong.
    pub imbalance: String,
    /// Σ of what is held, minor units.
    pub held: String,
}

/// What came in of a topic.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Debug)]
pub struct Input {
    /// The topic.
    pub source: String,
    /// Records since the start, what was read again among them.
    pub records: u64,
}

/// What was not read yet of a partition.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Debug)]
pub struct Lag {
    /// The topic.
    pub source: String,
    /// The partition's number; of files, 1 is what was sent again. `all` where there are very many.
    pub partition: String,
    /// Records, where the source can say: in Kafka, offsets, markers of transactions among them.
    pub records: Option<u64>,
    /// Else bytes.
    pub bytes: Option<u64>,
}

/// A sink.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Debug)]
pub struct Sink {
    /// `files`, `kafka`, `postgres`.
    pub name: String,
    /// Through which tick it has committed.
    pub tick: Tick,
    /// Changes since the start.
    pub records: u64,
    /// Commits that failed since the start.
    pub errors: u64,
    /// The last commit failed, and it is tried again.
    pub troubled: bool,
}

/// Anomalies of a kind.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Debug)]
pub struct Anomalies {
    /// The kind.
    pub kind: String,
    /// How bad.
    pub severity: String,
    /// How many stand.
    pub open: u64,
}

/// Records by cause.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Debug)]
pub struct Caused {
    /// The cause.
    pub cause: String,
    /// How many.
    pub records: u64,
}

/// Wagers by where they stand.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, Debug)]
pub struct Wagers {
    /// Open ones.
    pub open: u64,
    /// Settled ones.
    pub settled: u64,
    /// Cancelled ones.
    pub cancelled: u64,
}

impl Status {
    /// How things stand now.
    pub fn now(watch: &Watch) -> Self {
        let board = watch.board();
        let state = match (watch.health.is_hydrated(), watch.health.passes(Probe::Ready)) {
            (false, _) => State::Hydrating,
            (true, true) => State::Ready,
            (true, false) => State::Behind,
        };
        let inputs = Topic::ALL
            .into_iter()
            .zip(watch.records_by_topic())
            .map(|(topic, records)| Input { source: topic.name().to_owned(), records });
        Self {
            as_of: as_of(board.tick),
            job: watch.job().to_owned(),
            generation: watch.generation(),
            state,
            behind_ms: watch.health.age_s().map(|age_s| (age_s * 1_000.0) as u64),
            books: books(&board),
            inputs: inputs.collect(),
            lags: watch.lags(),
            sinks: watch.sinks(),
            anomalies: anomalies(&board),
            rejects: by_cause(&board.rejects),
            quarantine: by_cause(&board.quarantine),
            wagers: watch.wagers(),
            resident_bytes: Process::look().map_or(0, |process| process.resident_bytes as u64),
        }
    }

    /// What somebody should look at: books that do not balance, sinks in trouble, books that are old.
    pub fn has_findings(&self) -> bool {
        let wrong = self.books.iter().any(|book| book.imbalance != "0");
        wrong || self.state != State::Ready || self.sinks.iter().any(|sink| sink.troubled)
    }
}

pub(super) fn as_of(tick: Tick) -> AsOf {
    let at = i64::try_from(tick).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    AsOf { tick, at: at.map(|at| format!("{at:.3}")).unwrap_or_default() }
}

fn books(board: &Board) -> Vec<Book> {
    let book = |(currency, money): (&String, &super::board::Money)| Book {
        currency: currency.clone(),
        exponent: money.exponent as u64,
        imbalance: money.imbalance.to_string(),
        held: money.held.to_string(),
    };
    board.money.iter().map(book).collect()
}

fn anomalies(board: &Board) -> Vec<Anomalies> {
    let of_kind = |kind: AnomalyKind| {
        SEVERITIES.iter().zip(board.anomalies[kind as usize]).filter(|(_, open)| *open > 0).map(
            move |(severity, open)| Anomalies {
                kind: kind.name().to_owned(),
                severity: (*severity).to_owned(),
                open: open.unsigned_abs(),
            },
        )
    };
    AnomalyKind::ALL.into_iter().flat_map(of_kind).collect()
}

fn by_cause(counts: &[i64; Cause::ALL.len()]) -> Vec<Caused> {
    let standing = Cause::ALL.iter().zip(counts).filter(|(_, count)| **count > 0);
    standing
        .map(|(cause, count)| Caused { cause: cause.name().to_owned(), records: count.unsigned_abs() })
        .collect()
}
