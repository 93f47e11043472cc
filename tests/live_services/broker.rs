//! Topics of a test's own: made, written to, and read as others read them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use gyre::error::Domain;
use gyre::kafka::{Cluster, block_on};
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::Offset;
use rdkafka::{Message, TopicPartitionList};

use crate::services::Services;

/// How long anything may take.
const LONG: Duration = Duration::from_secs(30);

/// A cluster as a sink or a source is given it.
pub fn cluster(services: &Services, domain: Domain) -> Cluster {
    Cluster { brokers: services.kafka.clone(), client: Vec::new(), domain }
}

fn client(services: &Services, settings: &[(&str, &str)]) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &services.kafka);
    for (name, value) in settings {
        config.set(*name, *value);
    }
    config
}

fn admin(services: &Services) -> (AdminClient<DefaultClientContext>, AdminOptions) {
    let options = AdminOptions::new().request_timeout(Some(LONG)).operation_timeout(Some(LONG));
    (client(services, &[]).create().unwrap(), options)
}

/// Makes a topic.
pub fn make(services: &Services, name: &str, partitions: i32, policy: &str) {
    let (admin, options) = admin(services);
    let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1)).set("cleanup.policy", policy);
    // The name of a deleted topic is free a moment later.
    let until = Instant::now() + LONG;
    loop {
        let made = block_on(admin.create_topics([&topic], &options)).unwrap().remove(0);
        match made {
            Ok(_) => return,
            Err((name, code)) => assert!(Instant::now() < until, "{name}: {code}"),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Deletes a topic.
pub fn delete(services: &Services, name: &str) {
    let (admin, options) = admin(services);
    block_on(admin.delete_topics(&[name], &options)).unwrap().remove(0).unwrap();
}

/// Gives a topic more partitions.
pub fn widen(services: &Services, name: &str, partitions: usize) {
    let (admin, options) = admin(services);
    let more = NewPartitions::new(name, partitions);
    block_on(admin.create_partitions([&more], &options)).unwrap().remove(0).unwrap();
}

/// Deletes what stands before an offset.
pub fn cut(services: &Services, name: &str, partition: i32, offset: i64) {
    let (admin, options) = admin(services);
    let mut places = TopicPartitionList::new();
    places.add_partition_offset(name, partition, Offset::Offset(offset)).unwrap();
    block_on(admin.delete_records(&places, &options)).unwrap();
}

/// Writes values, one after the other.
pub fn write(services: &Services, topic: &str, partition: i32, values: &[Vec<u8>]) {
    let producer: BaseProducer = client(services, &[("linger.ms", "0")]).create().unwrap();
    for value in values {
        send(&producer, topic, partition, value);
    }
    producer.flush(LONG).unwrap();
}

/// Writes records one after the other, each to its topic and partition.
pub fn write_all(services: &Services, records: &[(String, i32, Vec<u8>)]) {
    let producer: BaseProducer = client(services, &[("linger.ms", "5")]).create().unwrap();
    for (topic, partition, value) in records {
        send(&producer, topic, *partition, value);
    }
    producer.flush(LONG).unwrap();
}

/// Writes values in a transaction, which is committed or aborted.
pub fn write_in_transaction(
    services: &Services,
    topic: &str,
    partition: i32,
    values: &[Vec<u8>],
    commits: bool,
) {
    let id = crate::services::fresh("producer");
    let producer: BaseProducer = client(services, &[("transactional.id", &id)]).create().unwrap();
    producer.init_transactions(LONG).unwrap();
    producer.begin_transaction().unwrap();
    for value in values {
        send(&producer, topic, partition, value);
    }
    producer.flush(LONG).unwrap();
    if commits {
        producer.commit_transaction(LONG).unwrap()
    } else {
        producer.abort_transaction(LONG).unwrap()
    }
}

fn send(producer: &BaseProducer, topic: &str, partition: i32, value: &[u8]) {
    let record = BaseRecord::<[u8], [u8]>::to(topic).partition(partition).payload(value);
    producer.send(record).map_err(|(error, _)| error).unwrap();
    producer.poll(Duration::ZERO);
}

/// Key and value of a message; none where it is a tombstone.
pub type Entry = (Vec<u8>, Option<Vec<u8>>);

/// What a reader of committed messages sees of a topic: the messages of each partition in order.
pub fn read(services: &Services, topic: &str) -> BTreeMap<i32, Vec<Entry>> {
    let consumer = consumer(services, "read_committed");
    let metadata = consumer.fetch_metadata(Some(topic), LONG).unwrap();
    let partitions: Vec<i32> = metadata.topics()[0].partitions().iter().map(|known| known.id()).collect();
    let mut places = TopicPartitionList::new();
    for partition in &partitions {
        places.add_partition_offset(topic, *partition, Offset::Beginning).unwrap();
    }
    consumer.assign(&places).unwrap();
    let mut read: BTreeMap<i32, Vec<_>> =
        partitions.iter().map(|partition| (*partition, Vec::new())).collect();
    let (mut ended, until) = (0, Instant::now() + LONG);
    while ended < partitions.len() {
        assert!(Instant::now() < until, "{topic} does not end");
        match consumer.poll(Duration::from_millis(200)) {
            Some(Ok(message)) => {
                let entry = (message.key().unwrap_or(b"").to_vec(), message.payload().map(<[u8]>::to_vec));
                read.get_mut(&message.partition()).unwrap().push(entry);
            }
            Some(Err(rdkafka::error::KafkaError::PartitionEOF(_))) => ended += 1,
            Some(Err(error)) => panic!("{topic}: {error}"),
            None => {}
        }
    }
    read
}

fn consumer(services: &Services, isolation: &str) -> BaseConsumer {
    let group = crate::services::fresh("reader");
    let own = [
        ("group.id", group.as_str()),
        ("isolation.level", isolation),
        ("enable.auto.commit", "false"),
        ("enable.partition.eof", "true"),
    ];
    client(services, &own).create().unwrap()
}
