//! Ends in other systems: what the config says about Kafka and PostgreSQL, as sources and sinks of a run.
//!
//! They are features of the build, for their clients are large and Kafka's is in C. A config that names what was not
//! built in is an error that says so.

use crate::config::Live;
#[cfg(any(feature = "kafka", feature = "postgres"))]
use crate::config::secrets;
use crate::error::{Domain, Error, Result};
use crate::sink::live::LiveSink;
use crate::source::Source;
use crate::texts::{Key, Phrase};

/// The names of those that were built in, with commas between them.
pub fn built_in() -> String {
    let features = [("kafka", cfg!(feature = "kafka")), ("postgres", cfg!(feature = "postgres"))];
    let built: Vec<&str> = features.iter().filter(|(_, is_in)| *is_in).map(|(name, _)| *name).collect();
    built.join(",")
}

/// The source that the config names, if it is one of these.
///
/// # Errors
/// Exit 2 where it was not built in or cannot be as the config has it; exit 3 where a secret is missing.
pub fn source(live: &Live) -> Result<Option<Box<dyn Source>>> {
    if live.source_kafka_brokers.is_empty() { Ok(None) } else { kafka_source(live).map(Some) }
}

/// The sinks that the config names, as far as they are of these.
///
/// # Errors
/// As [`source`].
pub fn sinks(live: &Live) -> Result<Vec<Box<dyn LiveSink>>> {
    let mut sinks = Vec::new();
    if !live.sink_kafka_brokers.is_empty() {
        sinks.push(kafka_sink(live)?);
    }
    if !live.sink_postgres_url.is_empty() {
        sinks.push(postgres_sink(live)?);
    }
    Ok(sinks)
}

#[cfg(feature = "kafka")]
fn cluster(brokers: &str, client: &crate::config::Handed, domain: Domain) -> Result<crate::kafka::Cluster> {
    let settings = client.iter().map(|(name, value)| Ok((name.clone(), secrets::resolve(value)?)));
    let client = settings.collect::<Result<_>>()?;
    Ok(crate::kafka::Cluster { brokers: brokers.to_owned(), client, domain })
}

#[cfg(feature = "kafka")]
fn kafka_source(live: &Live) -> Result<Box<dyn Source>> {
    let cluster = cluster(&live.source_kafka_brokers, &live.source_kafka_client, Domain::Input)?;
    let group = format!("gyre-{}", live.job);
    Ok(Box::new(crate::source::kafka::Topics::new(cluster, live.source_kafka_topics.clone(), &group)?))
}

#[cfg(feature = "kafka")]
fn kafka_sink(live: &Live) -> Result<Box<dyn LiveSink>> {
    let cluster = cluster(&live.sink_kafka_brokers, &live.sink_kafka_client, Domain::Output)?;
    Ok(Box::new(crate::sink::live::kafka::Topics::new(cluster, &live.sink_kafka_prefix)))
}

#[cfg(feature = "postgres")]
fn postgres_sink(live: &Live) -> Result<Box<dyn LiveSink>> {
    let url = secrets::resolve(&live.sink_postgres_url)?;
    let password = secrets::resolve(&live.sink_postgres_password)?;
    let password = Some(password).filter(|password| !password.is_empty());
    Ok(Box::new(crate::sink::live::postgres::Tables::new(&url, password.as_deref())?))
}

#[cfg(not(feature = "kafka"))]
fn kafka_source(_: &Live) -> Result<Box<dyn Source>> {
    Err(not_built("Kafka", "kafka"))
}

#[cfg(not(feature = "kafka"))]
fn kafka_sink(_: &Live) -> Result<Box<dyn LiveSink>> {
    Err(not_built("Kafka", "kafka"))
}

#[cfg(not(feature = "postgres"))]
fn postgres_sink(_: &Live) -> Result<Box<dyn LiveSink>> {
    Err(not_built("PostgreSQL", "postgres"))
}

#[cfg_attr(
    all(feature = "kafka", feature = "postgres"),
    expect(dead_code, reason = "everything is built in")
)]
fn not_built(name: &str, feature: &str) -> Error {
    let what = Phrase::new(Key::NotBuilt).with("name", name);
    Error::usage(Domain::Config, what).help(Phrase::new(Key::NotBuiltHelp).with("feature", feature))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_is_opened_or_was_not_built_in() {
        let mut live = Live::default();
        assert!(source(&live).unwrap().is_none() && sinks(&live).unwrap().is_empty());
        live.sink_postgres_url = "postgresql://gyre@127.0.0.1/books".to_owned();
        match sinks(&live) {
            Ok(sinks) => assert_eq!(sinks[0].name(), "postgres"),
            Err(error) => assert!(error.to_string().contains("--features postgres"), "{error}"),
        }
        live = Live { source_kafka_brokers: "127.0.0.1:1".to_owned(), ..Live::default() };
        match source(&live) {
            Ok(found) => assert!(found.is_some()),
            Err(error) => assert!(error.to_string().contains("--features kafka"), "{error}"),
        }
    }

    #[cfg(feature = "postgres")]
    #[test]
    fn a_database_on_another_machine_needs_a_tunnel() {
        for (url, words) in [
            ("postgresql://gyre@db.example/books", "another machine"),
            ("postgresql://gyre@127.0.0.1,10.0.0.1/books", "another machine"),
            ("host=127.0.0.1 hostaddr=10.0.0.1 user=gyre", "another machine"),
            ("user=gyre", "no URL"),
            ("nonsense", "no URL"),
        ] {
            let live = Live { sink_postgres_url: url.to_owned(), ..Live::default() };
            let error = sinks(&live).err().unwrap().to_string();
            assert!(error.contains(words), "{url}: {error}");
        }
    }
}
