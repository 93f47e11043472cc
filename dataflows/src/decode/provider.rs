//! A provider that answers from records at hand: it stands in for the real one in a replay, so that the whole circle
//! runs from files.
//!
//! It knows records as they would come on the wire. A request for a record is answered with those of its identity: for
//! a wager or an outcome everything known of that wager, for a payment that payment. Two further fields may say when:
//! `answer_attempt` (which attempt it answers, default 1) and `answer_after_ms` (how long it takes, default 0; never
//! less than the loop's delay). Whatever else is asked stays without an answer.
//!
//! What it answers in a run is known when the run has ended. Answers come in later than what asked for them, so a run
//! that is given those of the run before it agrees with it until after the first answer that was new: repeated until it
//! asks for what it was given, it is the run in which the answers come as they are asked for. An edge of the engine
//! would say the same, but every second of event time would then wait for a round of the whole dataflow.

use std::collections::BTreeMap;
use std::sync::Arc;

use gyre_domain::cause::Cause;
use gyre_domain::decode::{UnknownFields, decode};
use gyre_domain::records::{Record, Topic};
use gyre_domain::rules::Rules;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::operators::generic::operator::source;
use timely::dataflow::{Scope, StreamVec};

use super::{Decoder, Lines};
use crate::Tick;
use crate::batch::Batch;
use crate::faults::Named;
use crate::rows::records::RECOLLECTED;
use crate::seams::Coming;

/// See the module.
pub struct Provider {
    decoder: Decoder,
    rules: Rules,
    answers: Vec<Answer>,
    /// Places among the answers.
    by_asked: BTreeMap<Asked, Vec<u32>>,
}

/// What a request is about: payments apart from the rest, tenant, provider, id.
type Asked = (bool, Box<str>, Box<str>, Box<str>);

/// A record that answers a request.
struct Answer {
    attempt: u8,
    /// How long the provider takes.
    after_ms: u64,
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
        let mut answers = Vec::new();
        let mut by_asked: BTreeMap<Asked, Vec<u32>> = BTreeMap::new();
        for (topic, line, bytes) in lines {
            if let Some(asked) = identity(topic, &bytes, &decoder) {
                let number = |name: &str| control(&bytes, name);
                by_asked.entry(asked).or_default().push(answers.len() as u32);
                answers.push(Answer {
                    attempt: number("answer_attempt").map_or(1, |attempt| attempt.min(u8::MAX.into()) as u8),
                    after_ms: number("answer_after_ms").unwrap_or(0).next_multiple_of(rules.tick_ms.max(1)),
                    topic,
                    line,
                    bytes: Arc::new(bytes),
                });
            }
        }
        Self { decoder, rules, answers, by_asked }
    }

    /// What is answered to a record's request made at `tick`, at ticks of `tick_ms`, none earlier than `least_ms` after it.
    pub(crate) fn answers(
        &self,
        named: &Named,
        attempt: u8,
        tick: Tick,
        (tick_ms, least_ms): (u64, u64),
    ) -> impl Iterator<Item = Coming> {
        let topic = Topic::ALL[usize::from(named.topic)];
        let id = named.id.as_deref().unwrap_or_default();
        // An outcome is called by its wager, with its own id behind a slash; both may have slashes of their own.
        let shorter = id.match_indices('/').map(|(at, _)| &id[..at]).filter(|_| topic == Topic::Outcomes);
        let of_id = |id: &str| {
            let asked = (topic == Topic::Payments, named.tenant.clone(), named.provider.clone(), id.into());
            self.by_asked.get(&asked)
        };
        let found: Vec<u32> = shorter.chain([id]).filter_map(of_id).flatten().copied().collect();
        let found = found.into_iter().map(|answer| (answer, &self.answers[answer as usize]));
        found.filter(move |(_, told)| told.attempt == attempt).map(move |(answer, told)| Coming {
            tick: (tick + told.after_ms.max(least_ms)).next_multiple_of(tick_ms),
            answer,
        })
    }

    /// Answers that are on their way enter the dataflow, each at its tick.
    pub(crate) fn enter<'s>(
        self: &Arc<Self>,
        coming: &[Coming],
        scope: Scope<'s, Tick>,
    ) -> StreamVec<'s, Tick, Batch> {
        // One worker sends them all.
        let mut waiting = if scope.index() == 0 { coming.to_vec() } else { Vec::new() };
        let provider = Arc::clone(self);
        source::<_, CapacityContainerBuilder<Vec<Batch>>, _, _>(scope, "answers", move |first, _| {
            let mut first = Some(first);
            move |output| {
                let Some(first) = first.take() else { return };
                for coming in waiting.drain(..) {
                    let batches = provider.admit(coming);
                    output.session(&first.delayed(&coming.tick)).give_iterator(batches);
                }
            }
        })
    }

    /// An answer as it enters at a tick, judged as any line is.
    fn admit(&self, Coming { tick, answer }: Coming) -> impl Iterator<Item = Batch> {
        let answer = &self.answers[answer as usize];
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
