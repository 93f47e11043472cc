//! Books that change at random, tick by tick, and how they stand after each.

use std::collections::BTreeMap;
use std::sync::Arc;

use gyre::sink::Output;
use gyre::sink::live::{Change, Digest, Job, Progress, TickRows};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use serde_json::{Value, json};

/// Rows by output and key.
pub type State = BTreeMap<(Output, u64), String>;

/// Ticks with what stands after each of them.
pub struct Books {
    /// The ticks.
    pub ticks: Vec<Arc<TickRows>>,
    /// What stands after each.
    pub states: BTreeMap<u64, State>,
}

const TICK_MS: u64 = 100;

impl Books {
    /// Some ticks from a seed: the same for the same.
    pub fn new(seed: u64, ticks: u64) -> Self {
        let mut dice = Xoshiro256PlusPlus::seed_from_u64(seed);
        let (mut state, mut digest) = (State::new(), Digest::default());
        let mut books = Self { ticks: Vec::new(), states: BTreeMap::new() };
        for number in 1..=ticks {
            let tick = 1_767_225_600_000 + number * TICK_MS;
            let mut changes: Vec<(Output, i64, String)> = Vec::new();
            for _ in 0..1 + dice.next_u64() % 20 {
                let output = Output::ALL[(dice.next_u64() % 9) as usize];
                let key = (output, dice.next_u64() % 30);
                // A row goes, comes, or makes room for another.
                if let Some(gone) = state.remove(&key) {
                    changes.push((output, -1, gone));
                }
                if dice.next_u64() % 4 > 0 {
                    let row = row(output, key.1, dice.next_u64() % 1_000_000);
                    changes.push((output, 1, row.clone()));
                    state.insert(key, row);
                }
            }
            let mut told: Vec<Change<'_>> = changes
                .iter()
                .map(|(output, diff, row)| Change { output: *output, diff: *diff, row: row.as_bytes() })
                .collect();
            if let Some(rows) = TickRows::new(tick, &mut told, digest) {
                digest = rows.digest;
                books.ticks.push(Arc::new(rows));
                books.states.insert(tick, state.clone());
            }
        }
        books
    }

    /// What stands at the end.
    pub fn last(&self) -> &State {
        self.states.values().next_back().unwrap()
    }

    /// The progress behind so many ticks.
    pub fn progress(&self, ticks: usize) -> Progress {
        let tick = &self.ticks[ticks - 1];
        Progress { tick: tick.tick, digest: tick.digest }
    }
}

/// A start of a job.
pub fn job(name: &str, generation: u64) -> Job {
    Job { name: name.to_owned(), id: format!("{:032x}", 7), generation }
}

/// A row with everything in it that makes trouble.
fn row(output: Output, key: u64, value: u64) -> String {
    let name = match key % 5 {
        0 => format!("a\0b{key}"),
        1 => format!("\"한 \\ {key}"),
        2 => format!("\u{f000}{key}"),
        _ => format!("name-{key}"),
    };
    let raw = match value % 3 {
        0 => Value::Null,
        1 => Value::from(format!("raw \0 {name} {value}")),
        _ => json!({"base64": "/w=="}),
    };
    let id = if key.is_multiple_of(7) { Value::Null } else { Value::from(name.clone()) };
    let or_null = |text: &'static str| if value.is_multiple_of(2) { "null" } else { text };
    let (name, money) = (Value::from(name), format!("{}.{:02}", value / 100, value % 100));
    let of_record = format!(r#""topic":"wagers","tenant":"-","provider":"-","id":{id}"#);
    let fields = match output {
        Output::Balances => {
            format!(r#""tenant":"-","account":{name},"currency":"EUR","wallet":"cash","balance":"{money}""#)
        }
        Output::Rtp => format!(
            r#""tenant":"-","provider":"p","game":{name},"currency":"EUR","window":"all","stake":"{money}","payout":"170141183460469231731687303715884105.72","wagers":{value},"open_wagers":0,"open_stake":"0.00","rtp_actual":{},"z":"-0.4750","in_band":{}"#,
            or_null(r#""0.950000""#),
            or_null("true"),
        ),
        Output::WagerStates => format!(
            r#""tenant":"t","provider":"p","wager_id":{name},"account":{name},"game":"g","round":null,"currency":"EUR","stake":"{money}","at_ms":1767225600000,"state":"settled","payout":"{money}","settled_at_ms":{value},"wager_revision":0,"outcome_revision":null"#
        ),
        Output::Rejects => {
            format!(
                r#"{of_record},"cause":"malformed","digest":"{key:064x}","position":"wagers/0/{value}","raw":{raw}"#
            )
        }
        Output::Recollect => {
            format!(
                r#"{of_record},"digest":"{key:064x}","attempt":{},"cause":"malformed","due_ms":{value}"#,
                key % 3
            )
        }
        Output::Quarantine => format!(
            r#"{of_record},"digest":"{key:064x}","cause":"malformed","attempts":3,"history":[{{"tick":{value},"attempt":0,"verdict":"malformed"}}],"raw":{raw}"#
        ),
        Output::Anomalies => format!(
            r#""kind":"conflict","tenant":"-","subject":{name},"severity":"high","evidence":{{"contents":[{name},"{money}"]}},"at_ms":null,"rule":"conflict/1""#
        ),
        Output::Postings => format!(
            r#""tenant":"-","entry":{name},"leg":{},"account":{name},"wallet":"cash","currency":"EUR","amount":"-{money}","source":"wagers/0/1""#,
            key % 2
        ),
        Output::Decisions => format!(
            r#""tenant":"-","provider":"-","command_id":{name},"kind":"hold","target":"account:ann","actor":"mina","reason":"checked","at_ms":{value},"tick":{value},"before":"standing","after":"held""#
        ),
    };
    format!("{{{fields}}}")
}
