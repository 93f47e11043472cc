//! What source and sink share about Kafka: how clients are made, what topics are, what an error means.
//!
//! The client is librdkafka. Its settings are handed through as the config gives them, but for those on which
//! correctness rests: Gyre sets these itself.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::Statistics;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::error::{Domain, Error, Result};
use crate::texts::{Key, Phrase};

pub mod described;

/// How long a broker may take to answer a question.
pub const ANSWER_MAX: Duration = Duration::from_secs(20);

/// Where Kafka is and how it is reached.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cluster {
    /// `host:port`, several with commas between them.
    pub brokers: String,
    /// Settings of librdkafka, with their secrets filled in.
    pub client: Vec<(String, String)>,
    /// Whose errors they are.
    pub domain: Domain,
}

impl Cluster {
    /// A client's settings, `own` ones last.
    pub fn client_config(&self, own: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers).set("client.id", "gyre");
        config.set("allow.auto.create.topics", "false").set("reconnect.backoff.max.ms", "2000");
        for (name, value) in &self.client {
            config.set(name, value);
        }
        for (name, value) in own {
            config.set(*name, *value);
        }
        // What librdkafka has to say comes as errors of calls; its log would say it in its own words beside ours.
        config.set_log_level(RDKafkaLogLevel::Emerg);
        config
    }

    /// What went wrong, as an error that may be retried or not.
    pub fn error(&self, error: &KafkaError) -> Error {
        let code = match error {
            KafkaError::AdminOp(code) => Some(*code),
            other => other.rdkafka_error_code(),
        };
        if let Some(code) = code.filter(|code| is_refusal(*code)) {
            let what = Phrase::new(Key::KafkaRefused).with("place", &self.brokers);
            return Error::usage(self.domain, what).cause(code).help(Key::KafkaRefusedHelp);
        }
        if let KafkaError::ClientConfig(_, why, name, value) = error {
            let what = Phrase::new(Key::KafkaSettingBad).with("name", name);
            // The value may be a secret.
            let why = why.replace(value.as_str(), "…");
            return Error::usage(Domain::Config, what).cause(why).help(Key::KafkaSettingBadHelp);
        }
        self.away(error)
    }

    /// Kafka is not there, or does not get on.
    pub fn away(&self, why: impl std::fmt::Display) -> Error {
        let what = Phrase::new(Key::KafkaAway).with("place", &self.brokers);
        Error::unreachable(self.domain, what).cause(why).help(Key::KafkaAwayHelp)
    }
}

/// The offsets of a partition's first message and of the one that comes next; a reader of committed messages is told how
/// far these go. A partition that was made a moment ago is waited for.
///
/// # Errors
/// Kafka is away, or may not be asked.
pub fn watermarks<C: ConsumerContext>(
    cluster: &Cluster,
    consumer: &BaseConsumer<C>,
    topic: &str,
    partition: i32,
) -> Result<(i64, i64)> {
    use RDKafkaErrorCode as Code;
    let until = Instant::now() + ANSWER_MAX;
    loop {
        let error = match consumer.fetch_watermarks(topic, partition, ANSWER_MAX) {
            Ok(range) => return Ok(range),
            Err(error) => error,
        };
        let is_new = matches!(
            error.rdkafka_error_code(),
            Some(
                Code::UnknownPartition
                    | Code::UnknownTopic
                    | Code::UnknownTopicOrPartition
                    | Code::LeaderNotAvailable
                    | Code::NotLeaderForPartition
            )
        );
        if !is_new || Instant::now() > until {
            return Err(cluster.error(&error));
        }
        thread::sleep(Duration::from_millis(100));
        // What the client remembers of the topic is from before.
        let _ = consumer.fetch_metadata(Some(topic), ANSWER_MAX);
    }
}

/// Whether a code says that we may not, or that what we ask is wrong: waiting does not help.
fn is_refusal(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed
            | Code::SaslAuthenticationFailed
            | Code::UnsupportedSASLMechanism
            | Code::IllegalSASLState
            | Code::Authentication
            | Code::InvalidTransactionTimeout
            | Code::InvalidTopic
            | Code::InvalidConfig
            | Code::PolicyViolation
    )
}

/// Listens to what librdkafka says beside the answers to calls: those say it too.
#[derive(Clone, Copy, Default)]
pub struct Listener;

impl ClientContext for Listener {
    fn log(&self, _level: RDKafkaLogLevel, _facility: &str, _message: &str) {}

    fn error(&self, _error: KafkaError, _reason: &str) {}
}

impl ConsumerContext for Listener {}

/// Hears how far partitions go, for what is committed: librdkafka tells now and then what came with what it fetched.
#[derive(Clone, Default)]
pub struct Ends(Arc<Mutex<BTreeMap<String, BTreeMap<i32, u64>>>>);

impl Ends {
    /// The offset behind the last committed message of a partition, as far as it is known.
    pub fn of(&self, topic: &str, partition: i32) -> Option<u64> {
        let ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ends.get(topic)?.get(&partition).copied()
    }
}

impl ClientContext for Ends {
    fn log(&self, _level: RDKafkaLogLevel, _facility: &str, _message: &str) {}

    fn error(&self, _error: KafkaError, _reason: &str) {}

    fn stats(&self, statistics: Statistics) {
        let mut ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, topic) in statistics.topics {
            let known = topic.partitions.into_iter();
            let known =
                known.filter_map(|(number, told)| Some((number, u64::try_from(told.ls_offset).ok()?)));
            ends.entry(name).or_default().extend(known);
        }
    }
}

impl ConsumerContext for Ends {}

/// Waits for an answer on this thread.
pub fn block_on<T>(answer: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut answer = pin!(answer);
    loop {
        match answer.as_mut().poll(&mut context) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => thread::park(),
        }
    }
}
