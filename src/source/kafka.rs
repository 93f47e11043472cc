//! Kafka: the partitions of one topic for each kind of record.
//!
//! ```text
//! partitions ─▶ one queue ─▶ below its limit: lines ─▶ blocks of neighbours ─▶ batches
//!                  ▲           else: held ────┐
//!                  └── paused while much is ◀─┘
//! ```
//! Every partition is read by us alone (`assign`): a group would move partitions about, and where we are is written
//! down by the run, not by Kafka. Only what is committed is read; where a transaction's marker stands no record does, so
//! numbers are missing there. What Kafka is told about offsets is for tools that show lag, and is never read back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gyre_dataflows::rows::records::Places;
use gyre_domain::records::Topic;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::Offset;
use rdkafka::{Message, TopicPartitionList};

use self::blocks::Blocks;
use self::consumer::consumer;
use self::held::Held;
use super::{Behind, Fetched, NUMBER_MAX, PARTITION_MAX, Partition, Position, Positions, Share, Source};
use crate::error::{Domain, Error, Result};
use crate::kafka::described::{Asker, Described};
use crate::kafka::{Cluster, Ends, watermarks};
use crate::texts::{Key, Phrase};

mod blocks;
mod consumer;
mod held;

/// How often it is asked whether topics are still the same.
const ASK_EVERY: Duration = Duration::from_secs(30);
/// How often Kafka is told where we are.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// Topics of a cluster.
pub struct Topics {
    cluster: Cluster,
    /// The topic of each kind of record.
    names: [String; Topic::ALL.len()],
    /// What the consumer group is called, for tools that show lag.
    group: String,
    consumer: Arc<BaseConsumer<Ends>>,
    /// Whether the consumer was told already what to read.
    is_assigned: bool,
    asker: Asker,
    share: Share,
    /// What the topics were when they were last asked, of each kind; none where there is no such topic.
    described: [Option<Described>; Topic::ALL.len()],
    streams: BTreeMap<Partition, Stream>,
    /// Whether there are limits at all.
    is_limited: bool,
    held: Held,
    asked: Instant,
    ask_every: Duration,
    told: Instant,
    /// Whether brokers were not to be reached.
    is_away: bool,
    /// What is wrong, and not told yet.
    failure: Option<Error>,
}

/// A partition.
struct Stream {
    /// The number of the next record.
    next: u64,
    /// What tells its topic from another of its name.
    stamp: u64,
    /// Nothing at or behind it is given.
    limit: Option<u64>,
    /// It goes at least as far as this.
    end: u64,
    is_paused: bool,
}

impl Stream {
    fn new(next: u64, end: u64, stamp: u64) -> Self {
        Self { next, stamp, limit: None, end, is_paused: false }
    }
}

impl Topics {
    /// The topics named `names` of `cluster`, one for each of [`Topic::ALL`]; `group` is what they are read as.
    ///
    /// # Errors
    /// Settings that librdkafka does not take.
    pub fn new(cluster: Cluster, names: [String; Topic::ALL.len()], group: &str) -> Result<Self> {
        let consumer = consumer(&cluster, group, Ends::default())?;
        let asker = Asker::new(&cluster)?;
        let now = Instant::now();
        Ok(Self {
            cluster,
            names,
            group: group.to_owned(),
            consumer,
            is_assigned: false,
            asker,
            share: Share::ALL,
            described: Default::default(),
            streams: BTreeMap::new(),
            is_limited: false,
            held: Held::default(),
            asked: now,
            ask_every: ASK_EVERY,
            told: now,
            is_away: false,
            failure: None,
        })
    }

    /// From now on it is asked so often whether topics are still the same.
    pub fn asks_every(&mut self, ask_every: Duration) {
        self.ask_every = ask_every;
    }

    fn name(&self, topic: Topic) -> &str {
        &self.names[topic as usize]
    }

    /// What the topics are now. A compacted one is refused: it loses records, and numbers with them.
    fn describe(&mut self) -> Result<[Option<Described>; Topic::ALL.len()]> {
        let found = self.asker.topics(&self.names)?;
        self.asked = Instant::now();
        let described =
            Topic::ALL.map(|topic| found.iter().find(|known| known.name == self.name(topic)).cloned());
        if described.iter().all(Option::is_none) {
            let what = Phrase::new(Key::KafkaNoTopics).with("place", &self.cluster.brokers);
            return Err(Error::unreachable(Domain::Input, what).help(Key::KafkaNoTopicsHelp));
        }
        for known in described.iter().flatten() {
            let policy = self.asker.setting(&known.name, "cleanup.policy")?.unwrap_or_default();
            if policy.split(',').any(|policy| policy.trim() == "compact") {
                let what = Phrase::new(Key::KafkaCompacted).with("topic", &known.name);
                return Err(Error::usage(Domain::Input, what).help(Key::KafkaCompactedHelp));
            }
            if known.partitions > i32::from(PARTITION_MAX) {
                let what = Phrase::new(Key::KafkaTooManyPartitions)
                    .with("topic", &known.name)
                    .with("max", PARTITION_MAX);
                return Err(Error::usage(Domain::Input, what));
            }
        }
        Ok(described)
    }

    /// Asks again now and then: topics that were made anew end the run, and partitions that came are read from their
    /// beginning.
    fn ask_again(&mut self) -> Result<()> {
        let described = self.describe()?;
        let before = std::mem::replace(&mut self.described, described);
        for (topic, before) in Topic::ALL.into_iter().zip(before) {
            let now = self.described[topic as usize].as_ref();
            if before.as_ref().is_some_and(|before| now.is_none_or(|now| now.id != before.id)) {
                return Err(self.made_anew(topic));
            }
        }
        let new =
            self.all_partitions().into_iter().filter(|(partition, _)| !self.streams.contains_key(partition));
        let new: Vec<_> = new.collect();
        if new.is_empty() {
            return Ok(());
        }
        for (partition, stamp) in new {
            let (first, end) = self.range(partition)?;
            self.streams.insert(partition, Stream::new(first, end, stamp));
        }
        self.assign()
    }

    fn made_anew(&self, topic: Topic) -> Error {
        let what = Phrase::new(Key::KafkaMadeAnew).with("topic", self.name(topic));
        Error::usage(Domain::Input, what).help(Key::KafkaMadeAnewHelp)
    }

    /// Every partition that is ours, with its stamp.
    fn all_partitions(&self) -> Vec<(Partition, u64)> {
        let described = Topic::ALL.into_iter().zip(&self.described);
        let present = described.filter_map(|(topic, known)| known.as_ref().map(|known| (topic, known)));
        present
            .flat_map(|(topic, known)| {
                let numbers = 0..u16::try_from(known.partitions).unwrap_or(PARTITION_MAX);
                numbers.map(move |number| (Partition { topic, number }, stamp(known.id)))
            })
            .filter(|(partition, _)| self.share.holds(*partition))
            .collect()
    }

    /// The numbers of a partition's first record and of the one that comes next.
    fn range(&self, partition: Partition) -> Result<(u64, u64)> {
        let topic = self.name(partition.topic);
        let (first, next) = watermarks(&self.cluster, &self.consumer, topic, partition.number.into())?;
        Ok((first.try_into().unwrap_or(0), next.try_into().unwrap_or(0)))
    }

    /// Reads every partition from where it is.
    ///
    /// A consumer is told once: librdkafka aborts the process where it is told to stop a partition (by another assignment,
    /// or by closing) while it still stops it for the one before (its issue 5573). Whoever reads from elsewhere is another.
    fn assign(&mut self) -> Result<()> {
        if self.is_assigned {
            self.consumer = consumer(&self.cluster, &self.group, Ends::clone(self.consumer.context()))?;
            self.is_assigned = false;
        }
        let mut places = TopicPartitionList::new();
        for (partition, stream) in &mut self.streams {
            // What is held has come already.
            let from = self.held.behind(*partition).unwrap_or(stream.next);
            stream.is_paused = false;
            let offset = Offset::Offset(i64::try_from(from).unwrap_or(i64::MAX));
            let added = places.add_partition_offset(
                &self.names[partition.topic as usize],
                partition.number.into(),
                offset,
            );
            added.map_err(|error| self.cluster.error(&error))?;
        }
        self.is_assigned = true;
        self.consumer.assign(&places).map_err(|error| self.cluster.error(&error))
    }

    fn out_of_range(&self, partition: Partition, next: u64, (first, end): (u64, u64)) -> Error {
        let what = Phrase::new(Key::KafkaOutOfRange)
            .with("place", format!("{}/{}", self.name(partition.topic), partition.number))
            .with("next", next)
            .with("first", first)
            .with("end", end);
        Error::usage(Domain::Input, what).help(Key::KafkaOutOfRangeHelp)
    }

    /// The kind of record that a topic has.
    fn topic_of(&self, name: &str) -> Option<Topic> {
        Topic::ALL.into_iter().find(|topic| self.name(*topic) == name)
    }

    /// Whether any partition may give something.
    fn wants_more(&self) -> bool {
        !self.is_limited
            || self.streams.values().any(|stream| stream.limit.is_some_and(|limit| stream.next < limit))
    }

    /// Takes a record: into the blocks, or aside where it is at or behind its limit.
    fn take(&mut self, partition: Partition, offset: u64, value: &[u8], blocks: &mut Blocks) -> Result<()> {
        let Some(stream) = self.streams.get_mut(&partition) else { return Ok(()) };
        if offset < stream.next {
            return Ok(());
        }
        let is_beyond = match stream.limit {
            Some(limit) => offset >= limit,
            None => self.is_limited,
        };
        if is_beyond {
            let missed = stream.limit.filter(|limit| stream.next < *limit);
            if let Some(limit) = missed {
                let range = (stream.next, offset);
                return Err(self.out_of_range(partition, limit, range));
            }
            self.held.push(partition, offset, value);
            return self.pause_if_much(partition);
        }
        stream.next = offset + 1;
        blocks.push(partition, offset, value);
        Ok(())
    }

    fn pause_if_much(&mut self, partition: Partition) -> Result<()> {
        let is_much = self.held.is_much(partition);
        let Some(stream) = self.streams.get_mut(&partition).filter(|stream| is_much && !stream.is_paused)
        else {
            return Ok(());
        };
        stream.is_paused = true;
        let places = self.only(partition);
        self.consumer.pause(&places).map_err(|error| self.cluster.error(&error))
    }

    fn only(&self, partition: Partition) -> TopicPartitionList {
        let mut places = TopicPartitionList::new();
        places.add_partition(self.name(partition.topic), partition.number.into());
        places
    }

    /// What was held and is below its limit now.
    fn take_held(&mut self, blocks: &mut Blocks) -> Result<()> {
        for partition in self.held.partitions() {
            while !blocks.is_full()
                && let Some(offset) = self.held.first(partition)
            {
                let Some(stream) = self.streams.get_mut(&partition) else { break };
                let is_below = stream.limit.map_or(!self.is_limited, |limit| offset < limit);
                if !is_below {
                    if let Some(limit) = stream.limit.filter(|limit| stream.next < *limit) {
                        let range = (stream.next, offset);
                        return Err(self.out_of_range(partition, limit, range));
                    }
                    break;
                }
                if let Some(value) = self.held.pop(partition) {
                    stream.next = offset + 1;
                    blocks.push(partition, offset, &value);
                }
            }
            let is_empty = self.held.first(partition).is_none();
            let stream = self.streams.get_mut(&partition).filter(|stream| is_empty && stream.is_paused);
            if let Some(stream) = stream {
                stream.is_paused = false;
                let places = self.only(partition);
                self.consumer.resume(&places).map_err(|error| self.cluster.error(&error))?;
            }
        }
        Ok(())
    }

    /// Tells Kafka where we are, for tools that show lag.
    fn tell(&mut self) {
        self.told = Instant::now();
        let mut places = TopicPartitionList::new();
        for (partition, stream) in self.streams.iter().filter(|(_, stream)| stream.next > 0) {
            let offset = Offset::Offset(i64::try_from(stream.next).unwrap_or(i64::MAX));
            let _ = places.add_partition_offset(self.name(partition.topic), partition.number.into(), offset);
        }
        // It is nobody's loss where this does not arrive.
        let _ = self.consumer.commit(&places, CommitMode::Async);
    }

    /// What an error of the queue means: some pass by themselves.
    fn failed(&mut self, error: &KafkaError) -> Result<()> {
        use RDKafkaErrorCode as Code;
        match error.rdkafka_error_code() {
            Some(Code::OffsetOutOfRange | Code::AutoOffsetReset) => {
                for (partition, next) in
                    self.streams.iter().map(|(at, stream)| (*at, stream.next)).collect::<Vec<_>>()
                {
                    let range = self.range(partition)?;
                    if next < range.0 || next > range.1 {
                        return Err(self.out_of_range(partition, next, range));
                    }
                }
                // It is there all the same: it is asked for once more.
                self.assign()?;
                Err(self.cluster.away(error))
            }
            // A topic that is gone, or a broker that has not heard of it yet.
            Some(
                Code::UnknownTopic
                | Code::UnknownPartition
                | Code::UnknownTopicOrPartition
                | Code::UnknownTopicId,
            ) => self.ask_again(),
            Some(Code::BrokerTransportFailure | Code::AllBrokersDown | Code::Resolve) => {
                self.is_away = true;
                Ok(())
            }
            _ => Err(self.cluster.error(error)),
        }
    }
}

impl Source for Topics {
    fn places(&self) -> Places {
        Places::Topics
    }

    fn may_be_away(&self) -> bool {
        true
    }

    fn behind(&self) -> Vec<(Partition, Behind)> {
        let ends = self.consumer.context();
        let records = self.streams.iter().filter_map(|(partition, stream)| {
            let end = ends.of(self.name(partition.topic), partition.number.into())?;
            Some((*partition, Behind::Records(end.saturating_sub(stream.next))))
        });
        records.collect()
    }

    fn keep(&mut self, share: Share) {
        self.share = share;
    }

    fn seek(&mut self, places: &Positions) -> Result<()> {
        self.described = self.describe()?;
        self.held = Held::default();
        self.is_limited = false;
        let all = self.all_partitions();
        if let Some(gone) = places.keys().find(|partition| !all.iter().any(|(known, _)| known == *partition))
        {
            return Err(self.made_anew(gone.topic));
        }
        let mut streams = BTreeMap::new();
        for (partition, stamp) in all {
            let range = self.range(partition)?;
            let next = match places.get(&partition) {
                Some(place) if place.stamp != stamp => return Err(self.made_anew(partition.topic)),
                Some(place) if place.next < range.0 || place.next > range.1 => {
                    return Err(self.out_of_range(partition, place.next, range));
                }
                Some(place) => place.next,
                None => range.0,
            };
            streams.insert(partition, Stream::new(next, range.1, stamp));
        }
        self.streams = streams;
        self.assign()
    }

    fn limit(&mut self, places: Option<&Positions>) -> Result<()> {
        self.is_limited = places.is_some();
        for (partition, stream) in &mut self.streams {
            stream.limit = places.and_then(|places| places.get(partition)).map(|place| place.next);
        }
        for (partition, place) in places.into_iter().flatten() {
            let Some(stream) = self.streams.get(partition).filter(|stream| stream.stamp == place.stamp)
            else {
                return Err(self.made_anew(partition.topic));
            };
            if place.next < stream.next {
                let range = self.range(*partition)?;
                return Err(self.out_of_range(*partition, place.next, range));
            }
            // Asked only where it is not known: limits come tick by tick.
            if place.next > stream.end.max(stream.next) {
                let range = self.range(*partition)?;
                if place.next > range.1 {
                    return Err(self.out_of_range(*partition, place.next, range));
                }
                self.streams.entry(*partition).and_modify(|stream| stream.end = range.1);
            }
        }
        Ok(())
    }

    fn poll(&mut self, wait: Duration) -> Result<Vec<Fetched>> {
        if self.asked.elapsed() >= self.ask_every {
            self.ask_again()?;
        }
        let mut blocks = Blocks::default();
        self.take_held(&mut blocks)?;
        let until = Instant::now() + wait;
        while self.failure.is_none() && self.wants_more() && !blocks.is_full() {
            let left = if blocks.is_empty() {
                until.saturating_duration_since(Instant::now())
            } else {
                Duration::ZERO
            };
            let consumer = Arc::clone(&self.consumer);
            match consumer.poll(left) {
                Some(Ok(message)) => {
                    let Some(topic) = self.topic_of(message.topic()) else { continue };
                    let number = u16::try_from(message.partition()).unwrap_or(PARTITION_MAX);
                    let offset = u64::try_from(message.offset()).unwrap_or(NUMBER_MAX);
                    self.take(
                        Partition { topic, number },
                        offset,
                        message.payload().unwrap_or(b""),
                        &mut blocks,
                    )?;
                }
                Some(Err(error)) => {
                    if let Err(error) = self.failed(&error) {
                        self.failure = Some(error);
                        break;
                    }
                }
                None if !blocks.is_empty() || Instant::now() >= until => break,
                None => {}
            }
        }
        // What has come goes first: it would not come again.
        if let Some(failure) = self.failure.take_if(|_| blocks.is_empty()) {
            return Err(failure);
        }
        if blocks.is_empty() && self.is_away {
            // A broker that is back answers; until then that is said once in a while.
            let answer = self.consumer.fetch_metadata(Some(&self.names[0]), Duration::from_secs(2));
            answer.map_err(|error| self.cluster.away(error))?;
        }
        self.is_away = false;
        if self.told.elapsed() >= TELL_EVERY {
            self.tell();
        }
        let streams = &self.streams;
        let stamp = |partition: &Partition| streams.get(partition).map_or(0, |stream| stream.stamp);
        Ok(blocks.finish(|partition, next| Position { next, byte: 0, stamp: stamp(partition) }))
    }
}

/// Half of a topic's id, which is random.
fn stamp(id: u128) -> u64 {
    (id >> 64) as u64 ^ id as u64
}
