//! What a topic is: its id, its partitions, its settings.

use std::ffi::{CStr, CString};
use std::ptr::null_mut;

use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::bindings as raw;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::{ANSWER_MAX, Cluster, Listener, block_on};
use crate::error::Result;

/// What a topic is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Described {
    /// Its name.
    pub name: String,
    /// What tells it from another of its name, before or after it.
    pub id: u128,
    /// How many partitions it has.
    pub partitions: i32,
}

/// Asks about clusters.
pub struct Asker {
    cluster: Cluster,
    client: AdminClient<Listener>,
}

impl Asker {
    /// Connects when it is first asked.
    ///
    /// # Errors
    /// Settings that librdkafka does not take.
    pub fn new(cluster: &Cluster) -> Result<Self> {
        let config = cluster.client_config(&[]);
        let client = config.create_with_context(Listener);
        let client = client.map_err(|error| cluster.error(&error))?;
        Ok(Self { cluster: cluster.clone(), client })
    }

    /// The client that asks.
    pub fn client(&self) -> &AdminClient<Listener> {
        &self.client
    }

    /// What these topics are; those that are not there are left out.
    ///
    /// # Errors
    /// Kafka is away, or may not be asked.
    pub fn topics(&self, names: &[String]) -> Result<Vec<Described>> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let names = names.iter().map(|name| CString::new(name.as_str())).collect::<Result<Vec<_>, _>>();
        let names = names.map_err(|error| self.cluster.error(&KafkaError::Nul(error)))?;
        let described = describe(self.client.inner().native_ptr(), &names);
        described.map_err(|code| self.cluster.error(&KafkaError::AdminOp(code)))
    }

    /// The value of a topic's setting, as it is in force.
    ///
    /// # Errors
    /// As [`Asker::topics`].
    pub fn setting(&self, topic: &str, name: &str) -> Result<Option<String>> {
        let options = AdminOptions::new().request_timeout(Some(ANSWER_MAX));
        let topic = [ResourceSpecifier::Topic(topic)];
        let asked = self.client.describe_configs(&topic, &options);
        let answers = block_on(asked).map_err(|error| self.cluster.error(&error))?;
        let Some(answer) = answers.into_iter().next() else { return Ok(None) };
        let answer = answer.map_err(|code| self.cluster.error(&KafkaError::AdminOp(code)))?;
        Ok(answer.get(name).and_then(|entry| entry.value.clone()))
    }
}

/// Gives back what librdkafka gave us.
struct Given<T>(*mut T, unsafe extern "C" fn(*mut T));

impl<T> Drop for Given<T> {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: the pointer came from the call that this is the counterpart of, and nobody else has it.
            unsafe { (self.1)(self.0) }
        }
    }
}

/// Asks what topics are. The crate around librdkafka does not.
fn describe(client: *mut raw::rd_kafka_t, names: &[CString]) -> Result<Vec<Described>, RDKafkaErrorCode> {
    let mut pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
    // SAFETY: `client` outlives this function, whose caller holds it; the names outlive the collection; each object is
    // given back once, by `Given`, after those that point into it; the event's parts are read while it is there.
    unsafe {
        let queue = Given(raw::rd_kafka_queue_new(client), raw::rd_kafka_queue_destroy);
        let topics = raw::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
        let topics = Given(topics, raw::rd_kafka_TopicCollection_destroy);
        let options = raw::rd_kafka_AdminOptions_new(
            client,
            raw::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS,
        );
        let options = Given(options, raw::rd_kafka_AdminOptions_destroy);
        let wait_ms = ANSWER_MAX.as_millis() as i32;
        let _ = raw::rd_kafka_AdminOptions_set_request_timeout(options.0, wait_ms, null_mut(), 0);
        raw::rd_kafka_DescribeTopics(client, topics.0, options.0, queue.0);
        let event = Given(raw::rd_kafka_queue_poll(queue.0, wait_ms + 1_000), raw::rd_kafka_event_destroy);
        if event.0.is_null() {
            return Err(RDKafkaErrorCode::OperationTimedOut);
        }
        let code = RDKafkaErrorCode::from(raw::rd_kafka_event_error(event.0));
        if code != RDKafkaErrorCode::NoError {
            return Err(code);
        }
        read(raw::rd_kafka_event_DescribeTopics_result(event.0))
    }
}

/// Reads the answer.
///
/// # Safety
/// `answer` must be the result of an event that is still there.
unsafe fn read(
    answer: *const raw::rd_kafka_DescribeTopics_result_t,
) -> Result<Vec<Described>, RDKafkaErrorCode> {
    let mut found = Vec::new();
    let mut count = 0;
    // SAFETY: the answer is there, by contract; `topics` points to `count` pointers that live as long as it does, and so
    // does what is read from each.
    unsafe {
        let topics = raw::rd_kafka_DescribeTopics_result_topics(answer, &mut count);
        for at in 0..count {
            let topic = *topics.add(at);
            let code = raw::rd_kafka_error_code(raw::rd_kafka_TopicDescription_error(topic));
            match RDKafkaErrorCode::from(code) {
                RDKafkaErrorCode::NoError => {}
                RDKafkaErrorCode::UnknownTopicOrPartition => continue,
                other => return Err(other),
            }
            let name = CStr::from_ptr(raw::rd_kafka_TopicDescription_name(topic));
            let id = raw::rd_kafka_TopicDescription_topic_id(topic);
            let halves =
                [raw::rd_kafka_Uuid_most_significant_bits(id), raw::rd_kafka_Uuid_least_significant_bits(id)];
            let mut partitions = 0;
            raw::rd_kafka_TopicDescription_partitions(topic, &mut partitions);
            found.push(Described {
                name: name.to_string_lossy().into_owned(),
                id: u128::from(halves[0] as u64) << 64 | u128::from(halves[1] as u64),
                partitions: i32::try_from(partitions).unwrap_or(i32::MAX),
            });
        }
    }
    Ok(found)
}
