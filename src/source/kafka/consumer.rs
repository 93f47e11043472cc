//! How a consumer reads: what is committed, where we say, and nothing else.

use std::sync::Arc;

use rdkafka::consumer::BaseConsumer;

use crate::error::Result;
use crate::kafka::{Cluster, Ends};

/// A consumer that reads nothing yet; `ends` hears how far partitions go.
///
/// # Errors
/// Settings that librdkafka does not take.
pub fn consumer(cluster: &Cluster, group: &str, ends: Ends) -> Result<Arc<BaseConsumer<Ends>>> {
    let own = [
        ("group.id", group),
        ("isolation.level", "read_committed"),
        ("enable.auto.commit", "false"),
        ("enable.auto.offset.store", "false"),
        ("auto.offset.reset", "error"),
        // Nobody else waits for us: how long we may not ask for more is our own affair.
        ("max.poll.interval.ms", "86400000"),
        ("queued.min.messages", "20000"),
        ("queued.max.messages.kbytes", "8192"),
        ("fetch.wait.max.ms", "50"),
        // How far partitions go comes with what is fetched anyway.
        ("statistics.interval.ms", "2000"),
    ];
    let consumer = cluster.client_config(&own).create_with_context(ends);
    Ok(Arc::new(consumer.map_err(|error| cluster.error(&error))?))
}
