//! A provider that answers from records at hand: it stands in for the real one in a replay, so that the whole circle
//! runs from files.
//!
//! It knows records as they would come on the wire. A request for a record is answered with those of its identity: for
//! a wager or an outcome everything known of that wager, for a payment that payment. Two further fields may say when:
//! `answer_attempt` (which attempt it answers, default 1) and `answer_after_ms` (how long it takes, default 0; never
//! less than the loop's delay). Whatever else is asked stays without an answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use gyre_domain::cause::Cause;
use gyre_domain::decode::{UnknownFields, decode};
use gyre_domain::records::{Record, Topic};
use gyre_domain::rules::Rules;

use super::{Decoder, Lines};
use crate::Tick;
use crate::batch::Batch;
use crate::faults::Named;
use crate::rows::records::RECOLLECTED;

/// See the module.
pub struct Provider {
    decoder: Decoder,
    rules: Rules,
    answers: BTreeMap<Asked, Vec<Answer>>,
}

/// What a request is about: payments apart from the rest, tenant, provider, id.
type Asked = (bool, Box<str>, Box<str>, Box<str>);

/// A record that answers a request.
pub struct Answer {
    attempt: u8,
    /// How long the provider takes.
    pub after_ms: u64,
    topic: Topic,
    line: u64,
    bytes: Arc<Vec<u8>>,
}

impl Provider {
    /// A provider that knows these lines: of a topic, with their numbers. Lines that say no id answer nothing.
    pub fn new(
        decoder: Decoder,
        rules: Rules,
        lines: impl IntoIterator<Item = (Topic, u64, Vec<u8>)>,
    ) -> Self {
        let mut answers: BTreeMap<Asked, Vec<Answer>> = BTreeMap::new();
        for (topic, line, bytes) in lines {
            if let Some(asked) = identity(topic, &bytes, &decoder) {
                let number = |name: &str| control(&bytes, name);
                answers.entry(asked).or_default().push(Answer {
                    attempt: number("answer_attempt").map_or(1, |attempt| attempt.min(u8::MAX.into()) as u8),
                    after_ms: number("answer_after_ms").unwrap_or(0).next_multiple_of(rules.tick_ms.max(1)),
                    topic,
                    line,
                    bytes: Arc::new(bytes),
                });
            }
        }
        Self { decoder, rules, answers }
    }

    /// What is answered to a record's request.
    pub fn answers(&self, named: &Named, attempt: u8) -> impl Iterator<Item = &Answer> {
        let topic = Topic::ALL[usize::from(named.topic)];
        let id = named.id.as_deref().unwrap_or_default();
        // An outcome is called by its wager, with its own id behind a slash; both may have slashes of their own.
        let shorter = id.match_indices('/').map(|(at, _)| &id[..at]).filter(|_| topic == Topic::Outcomes);
        let of_id = |id: &str| {
            let asked = (topic == Topic::Payments, named.tenant.clone(), named.provider.clone(), id.into());
            self.answers.get(&asked)
        };
        let found: Vec<&Answer> = shorter.chain([id]).filter_map(of_id).flatten().collect();
        found.into_iter().filter(move |answer| answer.attempt == attempt)
    }

    /// An answer as it enters at a tick, judged as any line is.
    pub fn admit(&self, answer: &Answer, tick: Tick) -> impl Iterator<Item = Batch> {
        let mut decoded = self.decoder.decode(&Lines {
            topic: answer.topic,
            partition: RECOLLECTED,
            first: answer.line,
            spans: vec![(0, answer.bytes.len() as u32)],
            bytes: Arc::clone(&answer.bytes),
            oversize: Vec::new(),
        });
        let receipt = decoded.receipts.first().copied().flatten();
        self.decoder.admit(&mut decoded, &[tick], |_, at_ms| {
            if at_ms > receipt.unwrap_or(at_ms).saturating_add(self.rules.skew_ms_max) {
                return Some(Cause::ClockSkew);
            }
            (tick > at_ms.saturating_add(self.rules.horizon_ms)).then_some(Cause::PastHorizon)
        });
        decoded.batches.into_iter().filter(|batch| !batch.is_void())
    }
}

/// Whose answer a line is.
fn identity(topic: Topic, bytes: &[u8], decoder: &Decoder) -> Option<Asked> {
    let (tenant, provider, id) =
        match decode(topic, bytes, &decoder.currencies, &mut UnknownFields::default()) {
            Ok(record) => {
                let id = match &record {
                    Record::Outcome(outcome) => outcome.wager_id.to_string(),
                    record => record.id().into_owned(),
                };
                (record.origin().tenant.to_string(), record.origin().provider.to_string(), Some(id))
            }
            Err(fault) => (fault.tenant, fault.provider, fault.id),
        };
    Some((topic == Topic::Payments, tenant.into(), provider.into(), id?.into()))
}

/// A number among a line's fields.
fn control(bytes: &[u8], name: &str) -> Option<u64> {
    serde_json::from_slice::<serde_json::Value>(bytes).ok()?.get(name)?.as_u64()
}
