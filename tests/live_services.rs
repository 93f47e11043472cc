//! Sources and sinks against the real Kafka and PostgreSQL that `tests/services` provides, and everything that they may
//! do to us: connections cut in the middle of a commit, servers that stop, a second gyre.

#[path = "live_services/books.rs"]
mod books;
#[path = "live_services/broker.rs"]
mod broker;
#[path = "live_services/database.rs"]
mod database;
#[path = "live_services/kafka_sink.rs"]
mod kafka_sink;
#[path = "live_services/kafka_source.rs"]
mod kafka_source;
#[path = "run/ports.rs"]
mod ports;
#[path = "live_services/postgres_sink.rs"]
mod postgres_sink;
#[path = "live_services/proxy.rs"]
mod proxy;
#[path = "live_services/services.rs"]
mod services;
#[path = "live_services/whole.rs"]
mod whole;
