//! A database of a test's own, and what stands in it.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gyre::sink::Output;
use gyre::sink::live::postgres::Tables;
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls};

use crate::books::State;
use crate::services::{Services, fresh};

/// Fields of a row as text; what JSON holds in a column of its own is JSON.
pub type Fields = Vec<(String, Option<String>)>;

/// A database with Gyre's tables.
pub struct Database {
    url: String,
    admin: String,
    name: String,
    runtime: Runtime,
}

impl Database {
    /// Makes one.
    pub fn new(services: &Services) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let name = fresh("gyre");
        let url = services.postgres.replace("/postgres", &format!("/{name}"));
        let database = Self { url, admin: services.postgres.clone(), name, runtime };
        database.admin(&format!("CREATE DATABASE {}", database.name));
        let tables = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/postgres/gyre.sql");
        database.execute(&std::fs::read_to_string(tables).unwrap());
        database
    }

    /// A sink for it, reached at another port where there is one.
    pub fn sink(&self, port: Option<u16>) -> Tables {
        Tables::new(&self.url_at(port), None).unwrap()
    }

    /// The URL, with another port where there is one.
    pub fn url_at(&self, port: Option<u16>) -> String {
        let (start, rest) = self.url.rsplit_once(':').unwrap();
        let (own, database) = rest.split_once('/').unwrap();
        format!("{start}:{}/{database}", port.map_or(own.to_owned(), |port| port.to_string()))
    }

    /// Its server's port.
    pub fn port(&self) -> u16 {
        self.url.rsplit_once(':').unwrap().1.split_once('/').unwrap().0.parse().unwrap()
    }

    fn connect(&self, url: &str) -> Client {
        self.runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
            tokio::spawn(connection);
            client
        })
    }

    fn admin(&self, statement: &str) {
        let client = self.connect(&self.admin);
        self.runtime.block_on(client.batch_execute(statement)).unwrap();
    }

    /// Does what the statements say.
    pub fn execute(&self, statements: &str) {
        let client = self.connect(&self.url);
        self.runtime.block_on(client.batch_execute(statements)).unwrap();
    }

    /// Progress and rows, as they stand at one moment.
    pub fn look(&self) -> (Option<u64>, BTreeSet<(Output, Fields)>) {
        let client = self.connect(&self.url);
        self.runtime.block_on(async {
            client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ").await.unwrap();
            let progress = client.query_opt("SELECT tick FROM gyre.progress", &[]).await.unwrap();
            let tick = progress.and_then(|row| row.get::<_, Option<i64>>(0)).map(|tick| tick as u64);
            let mut rows = BTreeSet::new();
            for output in Output::ALL {
                for row in rows_of(&client, output).await {
                    // No row is there twice.
                    assert!(rows.insert((output, row)));
                }
            }
            (tick, rows)
        })
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.admin(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
        }
    }
}

async fn rows_of(client: &Client, output: Output) -> Vec<Fields> {
    let asked = "SELECT column_name::text, data_type::text FROM information_schema.columns \
         WHERE table_schema = 'gyre' AND table_name = $1 ORDER BY ordinal_position";
    let columns = client.query(asked, &[&output.name()]).await.unwrap();
    let columns: Vec<(String, String)> = columns.iter().map(|row| (row.get(0), row.get(1))).collect();
    let shown = columns.iter().map(|(name, kind)| match kind.as_str() {
        "bytea" => format!("encode(\"{name}\", 'hex')"),
        _ => format!("\"{name}\"::text"),
    });
    let asked = format!("SELECT {} FROM gyre.{}", shown.collect::<Vec<_>>().join(", "), output.name());
    let rows = client.query(&asked, &[]).await.unwrap();
    let named = |row: &tokio_postgres::Row| {
        columns
            .iter()
            .enumerate()
            .map(|(at, (name, kind))| {
                let text: Option<String> = row.get(at);
                let text = text.map(|text| if kind == "jsonb" { json(&text) } else { text });
                (name.clone(), text)
            })
            .collect()
    };
    rows.iter().map(named).collect()
}

/// JSON in one spelling.
fn json(text: &str) -> String {
    serde_json::from_str::<Value>(text).unwrap().to_string()
}

/// What the tables must hold.
pub fn expected(state: &State) -> BTreeSet<(Output, Fields)> {
    state.iter().map(|((output, _), row)| (*output, fields(row))).collect()
}

/// A row's fields as the tables show them.
pub fn fields(row: &str) -> Fields {
    // In the order of the row, which `Value` does not keep.
    let value: Value = serde_json::from_str(row).unwrap();
    let object = value.as_object().unwrap();
    let mut names: Vec<&String> = object.keys().collect();
    names.sort_by_key(|name| row.find(&format!("\"{name}\":")).unwrap());
    let escaped = |text: &str| text.replace('\u{f000}', "\u{f000}F").replace('\0', "\u{f000}0");
    let shown = |name: &str, value: &Value| match value {
        Value::Null => None,
        Value::String(text) if name == "raw" => Some(hex(text.as_bytes())),
        Value::Object(coded) if name == "raw" => {
            Some(hex(&STANDARD.decode(coded["base64"].as_str().unwrap()).unwrap()))
        }
        Value::String(text) => Some(escaped(text)),
        Value::Array(_) | Value::Object(_) => {
            let text = value.to_string();
            Some(json(&text.replace('\u{f000}', "\u{f000}F").replace("\\u0000", "\u{f000}0")))
        }
        other => Some(other.to_string()),
    };
    names.into_iter().map(|name| (name.clone(), shown(name, &object[name]))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
