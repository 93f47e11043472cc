//! Kafka: a topic for each output, changed with their progress in one transaction.
//!
//! ```text
//! ticks ─▶ net changes ─▶ begin ─▶ rows by key, tombstones ─▶ progress ─▶ commit ─▶ done
//!                                                                            │ no clear answer
//!            producer made anew: init_transactions ends what was open ◀──────┘
//!                └─▶ progress, read committed up to what was there: at T it is done, else once more
//! ```
//! Readers with `isolation.level=read_committed` see all rows of a commit or none, each once. Whoever opens the sink
//! writes its generation down at once: one that was cut off and comes back finds it there and ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, Producer};

use self::outlets::{Outlets, PROGRESS};
use self::record::Record;
use super::{Job, LiveSink, Progress, TickRows};
use crate::error::{Domain, Error, Result};
use crate::kafka::{ANSWER_MAX, Cluster};
use crate::sink::{NetChange, net_changes};
use crate::texts::{Key, Phrase};

mod outlets;
mod reading;
mod record;

/// A transaction costs some round trips, however little is in it.
const GATHERS_FOR: Duration = Duration::from_millis(200);
/// How long a commit may go on before it is asked for anew.
const COMMIT_MAX: Duration = Duration::from_secs(60);

/// Topics of a cluster.
pub struct Topics {
    cluster: Cluster,
    outlets: Outlets,
    producer: Option<BaseProducer>,
    job: Option<Job>,
    /// What is known to be committed.
    progress: Option<Progress>,
}

impl Topics {
    /// Topics of `cluster` whose names begin with `prefix`.
    pub fn new(cluster: Cluster, prefix: &str) -> Self {
        let outlets = Outlets::new(prefix);
        Self { cluster, outlets, producer: None, job: None, progress: None }
    }

    /// Makes a producer; whatever an earlier one had begun is ended by then. Finds out how far the job is.
    fn begin(&mut self, job: &Job) -> Result<()> {
        self.producer = None;
        // One for each record of progress.
        let id = format!("gyre-{}-{}", self.outlets.name(PROGRESS), job.name);
        let bytes_max = self.outlets.bytes_max().to_string();
        let own = [
            ("transactional.id", id.as_str()),
            ("transaction.timeout.ms", "60000"),
            ("message.max.bytes", bytes_max.as_str()),
            ("partitioner", "murmur2_random"),
        ];
        let producer: BaseProducer =
            self.cluster.client_config(&own).create().map_err(|error| self.cluster.error(&error))?;
        let until = Instant::now() + COMMIT_MAX;
        persist(until, || producer.init_transactions(ANSWER_MAX))
            .map_err(|error| self.cluster.error(&error))?;
        let found = reading::last(&self.cluster, &self.outlets.name(PROGRESS), &job.name)?;
        let record = found.map(|bytes| Record::read(&bytes)).transpose()?;
        if let Some(record) = &record {
            self.check(record, job)?;
        }
        self.progress = record.and_then(|record| record.progress);
        self.producer = Some(producer);
        Ok(())
    }

    /// Whether the job may go on from there.
    fn check(&self, record: &Record, job: &Job) -> Result<()> {
        let place = format!("{} {}", self.cluster.brokers, self.outlets.name(PROGRESS));
        if record.job_id != job.id {
            let other = format!("{} ({})", job.name, record.job_id);
            let what = Phrase::new(Key::SinkOfAnotherJob).with("place", place).with("job", other);
            return Err(Error::usage(Domain::Output, what).help(Key::SinkOfAnotherJobHelp));
        }
        if record.generation > job.generation {
            let what = Phrase::new(Key::SinkFenced)
                .with("place", place)
                .with("generation", record.generation)
                .with("own", job.generation);
            return Err(Error::usage(Domain::Output, what).help(Key::SinkFencedHelp));
        }
        Ok(())
    }

    /// One transaction: all changes and the progress.
    fn write(&mut self, changes: &[NetChange<'_>], progress: Option<&Progress>) -> Result<()> {
        let (Some(producer), Some(job)) = (self.producer.take(), &self.job) else {
            return Err(Error::bug("topics are written to before they were opened"));
        };
        let record =
            Record { job_id: job.id.clone(), generation: job.generation, progress: progress.copied() };
        let sent = self.outlets.send(&producer, changes, &job.name, &record.to_json());
        let until = Instant::now() + COMMIT_MAX;
        let written = sent.and_then(|()| persist(until, || producer.commit_transaction(ANSWER_MAX)));
        let Err(error) = written else {
            self.producer = Some(producer);
            return Ok(());
        };
        if is_abortable(&error) {
            // Readers need not wait until the next producer ends it.
            let until = Instant::now() + ANSWER_MAX;
            let _ = persist(until, || producer.abort_transaction(ANSWER_MAX));
        }
        // Whatever it was, this producer is not used again: the next one is told for certain what became of it.
        Err(self.cluster.error(&error))
    }

    fn is_open(&self) -> Result<Job> {
        self.job.clone().ok_or_else(|| Error::bug("topics are written to before they were opened"))
    }
}

impl LiveSink for Topics {
    fn name(&self) -> &'static str {
        "kafka"
    }

    fn may_be_away(&self) -> bool {
        true
    }

    fn open(&mut self, job: &Job) -> Result<Option<Progress>> {
        self.outlets.make(&self.cluster)?;
        self.begin(job)?;
        self.job = Some(job.clone());
        let progress = self.progress;
        self.write(&[], progress.as_ref())?;
        Ok(progress)
    }

    fn commit(&mut self, ticks: &[Arc<TickRows>], progress: &Progress) -> Result<()> {
        if self.producer.is_none() {
            let job = self.is_open()?;
            self.begin(&job)?;
        }
        let from = self.progress.map(|progress| progress.tick);
        if Some(progress.tick) <= from {
            return Ok(());
        }
        let left = ticks.iter().filter(|tick| Some(tick.tick) > from);
        let changes = net_changes(left.flat_map(|tick| tick.row_changes()))?;
        self.write(&changes, Some(progress))?;
        self.progress = Some(*progress);
        Ok(())
    }

    fn gathers_for(&self) -> Duration {
        GATHERS_FOR
    }
}

/// Asks again while librdkafka says that the same call may go through; it then goes on where it was.
fn persist(until: Instant, call: impl Fn() -> Result<(), KafkaError>) -> Result<(), KafkaError> {
    loop {
        match call() {
            Err(KafkaError::Transaction(error)) if error.is_retriable() && Instant::now() < until => {}
            other => return other,
        }
    }
}

/// Whether the transaction can be taken back, and the producer used again.
fn is_abortable(error: &KafkaError) -> bool {
    match error {
        KafkaError::Transaction(error) => error.txn_requires_abort() && !error.is_fatal(),
        // A message that was not taken: the transaction is open, and nothing of it is committed.
        KafkaError::MessageProduction(code) => *code != RDKafkaErrorCode::Fatal,
        _ => false,
    }
}
