//! The last committed message of a key on the topic of progress.

use std::time::{Duration, Instant};

use rdkafka::Message;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::Offset;

use crate::error::Result;
use crate::kafka::{Cluster, watermarks};

/// How long a transaction of another job may stand in the way.
const WAIT_MAX: Duration = Duration::from_secs(75);
/// How far back is looked at first.
const LOOK_BACK: i64 = 1_000;

/// The value that stands last under `key`, as far as transactions are committed.
///
/// An end that is not committed yet must not pass for the end of the topic: first it is asked how far the topic goes at
/// all, then it is read, committed, up to there.
pub(super) fn last(cluster: &Cluster, topic: &str, key: &str) -> Result<Option<Vec<u8>>> {
    let fail = |error: KafkaError| cluster.error(&error);
    let open = |isolation: &str| -> Result<BaseConsumer, KafkaError> {
        let own = [
            ("group.id", "gyre-progress"),
            ("isolation.level", isolation),
            ("enable.auto.commit", "false"),
            ("enable.partition.eof", "true"),
            ("auto.offset.reset", "error"),
        ];
        cluster.client_config(&own).create()
    };
    let all = open("read_uncommitted").map_err(fail)?;
    let (first, end) = watermarks(cluster, &all, topic, 0)?;
    let committed = open("read_committed").map_err(fail)?;
    await_committed(cluster, &committed, topic, end)?;
    let mut back = LOOK_BACK;
    loop {
        let from = first.max(end - back);
        let found = scan(&committed, topic, key, from, end).map_err(fail)?;
        if found.is_some() || from == first {
            return Ok(found);
        }
        back *= 8;
    }
}

/// Waits until everything before `end` is committed or aborted.
fn await_committed(cluster: &Cluster, committed: &BaseConsumer, topic: &str, end: i64) -> Result<()> {
    let until = Instant::now() + WAIT_MAX;
    loop {
        let (_, stable) = watermarks(cluster, committed, topic, 0)?;
        if stable >= end {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(cluster.away(format!("{topic}: a transaction at {stable} does not end")));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The last value of the key from `from` on and before `end`.
fn scan(
    committed: &BaseConsumer,
    topic: &str,
    key: &str,
    from: i64,
    end: i64,
) -> Result<Option<Vec<u8>>, KafkaError> {
    if from >= end {
        return Ok(None);
    }
    let mut places = TopicPartitionList::new();
    places.add_partition_offset(topic, 0, Offset::Offset(from))?;
    committed.assign(&places)?;
    let mut found = None;
    let until = Instant::now() + WAIT_MAX;
    while Instant::now() < until {
        match committed.poll(Duration::from_millis(200)) {
            None => {}
            Some(Ok(message)) => {
                if message.offset() >= end {
                    return Ok(found);
                }
                if message.key() == Some(key.as_bytes()) {
                    found = message.payload().map(<[u8]>::to_vec);
                }
                if message.offset() + 1 == end {
                    return Ok(found);
                }
            }
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(found),
            // Of a broker that is away: it comes back, or time runs out.
            Some(Err(error)) if error.rdkafka_error_code().is_some_and(is_passing) => {}
            Some(Err(error)) => return Err(error),
        }
    }
    Err(KafkaError::MessageConsumption(rdkafka::error::RDKafkaErrorCode::OperationTimedOut))
}

fn is_passing(code: rdkafka::error::RDKafkaErrorCode) -> bool {
    use rdkafka::error::RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::BrokerTransportFailure | Code::AllBrokersDown | Code::OperationTimedOut | Code::Resolve
    )
}
