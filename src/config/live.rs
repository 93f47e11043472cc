//! What `gyre run` goes by beside the rules: where records come from and where changes go.

use std::path::Path;

use gyre_domain::records::Topic;

use super::secrets;
use crate::texts::Key;

/// What `gyre run` goes by beside the rules. Of sources one is named; of sinks any.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Live {
    /// What the job is called where sinks keep its progress.
    pub job: String,
    /// Bytes of rows that may wait for a sink before sources are held up.
    pub held_bytes_max: u64,
    /// Folder of growing `.jsonl` files; empty where that is not the source.
    pub source_folder: String,
    /// Folder that changes are written to; empty where none are.
    pub sink_files: String,
    /// For how long changes are gathered into one segment of it.
    pub sink_files_gather_ms: u64,
    /// Brokers that are read from; empty where they are not the source.
    pub source_kafka_brokers: String,
    /// The topic of each kind of record.
    pub source_kafka_topics: [String; Topic::ALL.len()],
    /// Settings for the client that reads.
    pub source_kafka_client: Handed,
    /// Brokers that are written to; empty where they are not.
    pub sink_kafka_brokers: String,
    /// What the names of the topics that are written to begin with.
    pub sink_kafka_prefix: String,
    /// Settings for the client that writes.
    pub sink_kafka_client: Handed,
    /// Database that rows are kept in, or where its URL stands; empty where there is none.
    pub sink_postgres_url: String,
    /// Where its password stands; empty where it needs none.
    pub sink_postgres_password: String,
}

/// Settings that are handed through to somebody else, by name.
pub type Handed = Vec<(String, String)>;

impl Default for Live {
    fn default() -> Self {
        Self {
            job: "gyre".to_owned(),
            held_bytes_max: 256 << 20,
            source_folder: String::new(),
            sink_files: String::new(),
            sink_files_gather_ms: 1_000,
            source_kafka_brokers: String::new(),
            source_kafka_topics: Topic::ALL.map(|topic| topic.name().to_owned()),
            source_kafka_client: Handed::new(),
            sink_kafka_brokers: String::new(),
            sink_kafka_prefix: String::new(),
            sink_kafka_client: Handed::new(),
            sink_postgres_url: String::new(),
            sink_postgres_password: String::new(),
        }
    }
}

impl Live {
    /// Paths of a config file are said from where it lies.
    pub(super) fn paths_from(&mut self, folder: &Path) {
        for path in [&mut self.source_folder, &mut self.sink_files] {
            if !path.is_empty() {
                *path = folder.join(&*path).display().to_string();
            }
        }
        let handed = self.source_kafka_client.iter_mut().chain(&mut self.sink_kafka_client);
        let postgres = [&mut self.sink_postgres_url, &mut self.sink_postgres_password];
        for text in handed.map(|(_, value)| value).chain(postgres) {
            secrets::path_from(text, folder);
        }
    }
}

/// What is wrong with a job's name: it becomes part of names in other systems.
pub(super) fn job_name(name: &str) -> Option<Key> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let is_sound = (1..=64).contains(&name.len()) && name.bytes().all(fits);
    (!is_sound).then_some(Key::BadNameHelp)
}

/// Any text will do: what it names shows itself when it is used.
pub(super) fn any_text(_: &str) -> Option<Key> {
    None
}

/// What is wrong with a name of topics: Kafka's names are made of these, and none is too long with it.
pub(super) fn topic_name(name: &str) -> Option<Key> {
    let is_sound = job_name(name).is_none() && !matches!(name, "." | "..");
    (!is_sound).then_some(Key::BadNameHelp)
}

/// What is wrong with a beginning of such names; there may be none.
pub(super) fn topic_prefix(prefix: &str) -> Option<Key> {
    if prefix.is_empty() { None } else { job_name(prefix) }
}

/// What is wrong with a secret: it stands somewhere else.
pub(super) fn secret(text: &str) -> Option<Key> {
    (!text.is_empty() && !secrets::is_reference(text)).then_some(Key::SecretPlainHelp)
}

/// What is wrong with a database's URL: it may say who, not with which password.
pub(super) fn database(url: &str) -> Option<Key> {
    let who = url.split_once("://").and_then(|(_, rest)| rest.split(['/', '?']).next());
    let in_url = who.and_then(|who| who.rsplit_once('@')).is_some_and(|(who, _)| who.contains(':'));
    ((in_url || url.contains("password=")) && !secrets::is_reference(url)).then_some(Key::PasswordApart)
}

/// What Gyre sets itself: what the books rest on is nobody's choice.
const OWN: &[&str] = &[
    "bootstrap.servers",
    "metadata.broker.list",
    "group.id",
    "group.instance.id",
    "isolation.level",
    "auto.offset.reset",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.partition.eof",
    "enable.idempotence",
    "transactional.id",
    "transaction.timeout.ms",
    "message.max.bytes",
    "partitioner",
    "acks",
    "request.required.acks",
    "allow.auto.create.topics",
];

/// What is wrong with a setting for Kafka's client, and what to do about it.
pub(super) fn handed(name: &str, value: &str) -> Option<(Key, Key)> {
    let is_secret = ["password", "secret", "key.pem", "token"].iter().any(|part| name.contains(part));
    if OWN.contains(&name) {
        Some((Key::KafkaOwnSetting, Key::KafkaOwnSettingHelp))
    } else if is_secret
        && !secrets::is_reference(value)
        && !name.starts_with("sasl.oauthbearer.token.endpoint")
    {
        Some((Key::SecretPlain, Key::SecretPlainHelp))
    } else {
        None
    }
}
