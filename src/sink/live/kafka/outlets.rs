//! The topics that are written to: their names, how large their messages may be, and what is sent.

use std::borrow::Cow;
use std::time::Duration;

use gyre_dataflows::rows::Output;
use rdkafka::admin::{AdminOptions, NewTopic, TopicReplication};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use crate::error::{Domain, Error, Result};
use crate::kafka::described::Asker;
use crate::kafka::{ANSWER_MAX, Cluster, block_on};
use crate::sink::NetChange;
use crate::texts::{Key, Phrase};

/// The topic of progress.
pub(super) const PROGRESS: &str = "progress";
/// Partitions of a topic that is made here.
const PARTITIONS: i32 = 6;
/// What a message is beside key and value, at most.
const AROUND_BYTES: usize = 512;
/// What topics that are made here take; a rejected record of 1 MiB may be six times as long where it is escaped.
const MESSAGE_BYTES: &str = "8388608";

/// The topics.
pub(super) struct Outlets {
    prefix: String,
    /// Of each output, how large its messages may be.
    bytes_max: [usize; Output::ALL.len()],
}

impl Outlets {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), bytes_max: [1 << 20; Output::ALL.len()] }
    }

    /// The name of a topic.
    pub(super) fn name(&self, of: &str) -> String {
        format!("{}{of}", self.prefix)
    }

    /// The largest message of any of them.
    pub(super) fn bytes_max(&self) -> usize {
        self.bytes_max.into_iter().max().unwrap_or_default()
    }

    /// Finds the topics, makes those that are not there, and learns what they take.
    pub(super) fn make(&mut self, cluster: &Cluster) -> Result<()> {
        let asker = Asker::new(cluster)?;
        let names = Output::ALL.into_iter().map(Output::name).chain([PROGRESS]);
        let names: Vec<String> = names.map(|name| self.name(name)).collect();
        let found = asker.topics(&names)?;
        let progress = self.name(PROGRESS);
        let missing = names.iter().filter(|name| !found.iter().any(|topic| topic.name == **name));
        for name in missing {
            let partitions = if *name == progress { 1 } else { PARTITIONS };
            make_topic(cluster, &asker, name, partitions)?;
        }
        if found.iter().any(|topic| topic.name == progress && topic.partitions != 1) {
            let what = Phrase::new(Key::KafkaProgressSplit).with("topic", progress);
            return Err(Error::usage(Domain::Output, what).help(Key::KafkaProgressSplitHelp));
        }
        for output in Output::ALL {
            let setting = asker.setting(&self.name(output.name()), "max.message.bytes")?;
            let bytes = setting.and_then(|bytes| bytes.parse().ok());
            self.bytes_max[output as usize] = bytes.unwrap_or(self.bytes_max[output as usize]);
        }
        Ok(())
    }

    /// Begins a transaction and sends everything that belongs to it.
    pub(super) fn send(
        &self,
        producer: &BaseProducer,
        changes: &[NetChange<'_>],
        job: &str,
        progress: &[u8],
    ) -> Result<(), KafkaError> {
        producer.begin_transaction()?;
        let names = Output::ALL.map(|output| self.name(output.name()));
        let mut key = Vec::new();
        for change in changes {
            key.clear();
            change.push_key(&mut key);
            let row = change.row.map(|row| self.fitting(change.output, key.len(), row));
            send_one(producer, &names[change.output as usize], &key, row.as_deref())?;
        }
        send_one(producer, &self.name(PROGRESS), job.as_bytes(), Some(progress))
    }

    /// The row, without its raw bytes where it would be larger than its topic takes.
    fn fitting<'a>(&self, output: Output, key_bytes: usize, row: &'a [u8]) -> Cow<'a, [u8]> {
        if row.len() + key_bytes + AROUND_BYTES <= self.bytes_max[output as usize] {
            return Cow::Borrowed(row);
        }
        // `raw` is the last field of the rows that have it.
        let field = b"\"raw\":";
        match memchr::memmem::find(row, field)
            .filter(|_| matches!(output, Output::Rejects | Output::Quarantine))
        {
            Some(at) => Cow::Owned([&row[..at + field.len()], b"null}"].concat()),
            None => Cow::Borrowed(row),
        }
    }
}

/// Makes a topic whose old rows give way to newer ones of their key.
fn make_topic(cluster: &Cluster, asker: &Asker, name: &str, partitions: i32) -> Result<()> {
    let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(-1))
        .set("cleanup.policy", "compact")
        .set("max.message.bytes", MESSAGE_BYTES);
    let options = AdminOptions::new().request_timeout(Some(ANSWER_MAX)).operation_timeout(Some(ANSWER_MAX));
    let made = block_on(asker.client().create_topics([&topic], &options));
    let made = made.map_err(|error| cluster.error(&error))?;
    let failure = made.into_iter().find_map(|made| made.err().map(|(_, code)| code));
    match failure.filter(|code| *code != RDKafkaErrorCode::TopicAlreadyExists) {
        Some(code) => Err(cluster.error(&KafkaError::AdminOp(code))),
        None => Ok(()),
    }
}

/// Sends a message, waiting for room.
fn send_one(
    producer: &BaseProducer,
    topic: &str,
    key: &[u8],
    value: Option<&[u8]>,
) -> Result<(), KafkaError> {
    let record = BaseRecord::<[u8], [u8]>::to(topic).key(key);
    let mut record = match value {
        Some(value) => record.payload(value),
        None => record,
    };
    loop {
        match producer.send(record) {
            Ok(()) => break,
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                record = back;
                producer.poll(Duration::from_millis(20));
            }
            Err((error, _)) => return Err(error),
        }
    }
    producer.poll(Duration::ZERO);
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_row_too_large_for_its_topic_goes_without_its_raw_bytes() {
        let mut outlets = Outlets::new("books.");
        assert_eq!(outlets.name("rejects"), "books.rejects");
        let row = format!(r#"{{"topic":"wagers","position":"p","raw":"{}"}}"#, "x".repeat(10_000));
        assert_eq!(outlets.fitting(Output::Rejects, 20, row.as_bytes()), row.as_bytes());
        outlets.bytes_max[Output::Rejects as usize] = 4_000;
        let sent = outlets.fitting(Output::Rejects, 20, row.as_bytes());
        let sent: Value = serde_json::from_slice(&sent).unwrap();
        assert_eq!(sent, serde_json::json!({"topic": "wagers", "position": "p", "raw": null}));
    }
}
