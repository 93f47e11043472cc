//! The record of progress: who wrote last, and how far.

use serde_json::{Value, json};

use super::super::{Digest, Progress};
use crate::error::{Domain, Error, Result};
use crate::texts::{Key, Phrase};

/// What stands on the topic of progress under a job's name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Record {
    /// Tells the job from another of its name.
    pub(super) job_id: String,
    /// Of whoever wrote it.
    pub(super) generation: u64,
    /// Of the rows in the same transaction and all before it.
    pub(super) progress: Option<Progress>,
}

impl Record {
    /// `{"job_id":…,"generation":…,"tick":…,"digest":…}`, the last two null before the first rows.
    pub(super) fn to_json(&self) -> Vec<u8> {
        let tick = self.progress.map(|progress| progress.tick);
        let digest = self.progress.map(|progress| progress.digest.to_string());
        let (job_id, generation) = (&self.job_id, self.generation);
        json!({"job_id": job_id, "generation": generation, "tick": tick, "digest": digest}).to_string().into()
    }

    /// Reads it. What cannot be read is an error: it must not pass for a beginning.
    pub(super) fn read(bytes: &[u8]) -> Result<Self> {
        let read = || {
            let value: Value = serde_json::from_slice(bytes).ok()?;
            let progress = match (&value["tick"], &value["digest"]) {
                (Value::Null, Value::Null) => None,
                (tick, digest) => {
                    Some(Progress { tick: tick.as_u64()?, digest: Digest::parse(digest.as_str()?)? })
                }
            };
            let job_id = value["job_id"].as_str()?.to_owned();
            Some(Self { job_id, generation: value["generation"].as_u64()?, progress })
        };
        read().ok_or_else(|| {
            let text = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
            let what = Phrase::new(Key::SinkProgressBad).with("text", text);
            Error::usage(Domain::Output, what).help(Key::SinkProgressBadHelp)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_nothing_else() {
        let progress = Progress { tick: 1_767_225_600_000, digest: Digest([7; 32]) };
        for progress in [None, Some(progress)] {
            let record = Record { job_id: "00ff".to_owned(), generation: 3, progress };
            assert_eq!(Record::read(&record.to_json()).unwrap(), record);
        }
        for wrong in [
            "",
            "null",
            "{}",
            r#"{"job_id":"a","generation":-1,"tick":null,"digest":null}"#,
            r#"{"job_id":"a","generation":1,"tick":5,"digest":null}"#,
            r#"{"job_id":"a","generation":1,"tick":5,"digest":"abc"}"#,
        ] {
            assert!(Record::read(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
