//! What decoding one line costs in CPU time, beside what two libraries need to read the same fields of the same line
//! (no check on money, currency, range or repetition among them).
//!
//! `cargo bench -p gyre-domain --bench decode [-- ROUNDS]`: the best round counts, nanoseconds per line.
// A bench is of the world: it looks at the clock and prints.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types
)]

use std::borrow::Cow;
use std::hint::black_box;
use std::time::Instant;

use gyre_domain::currency::Currencies;
use gyre_domain::decode::{UnknownFields, decode};
use gyre_domain::records::Topic;
use serde::Deserialize;

const LINES: usize = 20_000;

/// The fields of a wager or an outcome, as a library reads them into a struct.
#[derive(Deserialize)]
#[allow(dead_code)]
struct Fields<'a> {
    #[serde(borrow, default)]
    tenant: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    provider: Option<Cow<'a, str>>,
    #[serde(default)]
    revision: i64,
    received_ms: Option<u64>,
    #[serde(borrow)]
    wager_id: Cow<'a, str>,
    #[serde(borrow)]
    account: Option<Cow<'a, str>>,
    #[serde(borrow)]
    game: Option<Cow<'a, str>>,
    #[serde(borrow)]
    stake: Option<Cow<'a, str>>,
    #[serde(borrow)]
    payout: Option<Cow<'a, str>>,
    #[serde(borrow)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    currency: Cow<'a, str>,
    at_ms: u64,
    #[serde(borrow)]
    round: Option<Cow<'a, str>>,
    #[serde(borrow)]
    channel: Option<Cow<'a, str>>,
    #[serde(borrow)]
    device: Option<Cow<'a, str>>,
}

/// A line as providers send them, 180 to 250 bytes.
fn line(topic: Topic, n: usize) -> Vec<u8> {
    let (id, account, game, at_ms) = (n * 7_919, n % 50_000, n % 400, 1_767_225_600_000 + n as u64 * 3);
    let (whole, cents) = (1 + n % 500, n % 100);
    let text = match topic {
        Topic::Outcomes => format!(
            r#"{{"tenant":"op-7","provider":"pragma","wager_id":"w-{id:012}","outcome_id":"o-{id:012}","kind":"settle","payout":"{whole}.{cents:02}","currency":"EUR","at_ms":{at_ms},"received_ms":{received},"account":"player-{account:08}"}}"#,
            received = at_ms + 40,
        ),
        _ => format!(
            r#"{{"tenant":"op-7","provider":"pragma","wager_id":"w-{id:012}","account":"player-{account:08}","game":"slot-{game:04}","stake":"{whole}.{cents:02}","currency":"EUR","at_ms":{at_ms},"received_ms":{received},"round":"r-{id:010}","channel":"mobile"}}"#,
            received = at_ms + 40,
        ),
    };
    text.into_bytes()
}

/// Nanoseconds of CPU time this thread has had; where the system does not tell, of the clock.
fn cpu_ns(start: Instant) -> u64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    told.and_then(|text| text.split(' ').next()?.parse().ok())
        .unwrap_or_else(|| u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX))
}

fn measure(name: &str, lines: &[Vec<u8>], rounds: usize, mut read: impl FnMut(&[u8]) -> bool) {
    let start = Instant::now();
    let round = || {
        let before = cpu_ns(start);
        let sound = lines.iter().filter(|line| read(black_box(line))).count();
        assert_eq!(sound, lines.len(), "{name} reads every line");
        cpu_ns(start) - before
    };
    let best = std::iter::repeat_with(round).take(rounds).min().unwrap_or_default();
    println!("{name:>12} {:>8.1} ns/line", best as f64 / lines.len() as f64);
}

fn main() {
    let rounds = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(30);
    let currencies = Currencies::default();
    for topic in [Topic::Wagers, Topic::Outcomes] {
        let lines: Vec<_> = (0..LINES).map(|n| line(topic, n)).collect();
        let bytes: usize = lines.iter().map(Vec::len).sum();
        println!("{topic}, {} bytes each", bytes / lines.len());
        let mut unknown = UnknownFields::default();
        measure("decode", &lines, rounds, |line| {
            black_box(decode(topic, line, &currencies, &mut unknown)).is_ok()
        });
        measure("serde_json", &lines, rounds, |line| {
            black_box(serde_json::from_slice::<Fields<'_>>(line)).is_ok()
        });
        measure("sonic-rs", &lines, rounds, |line| {
            black_box(sonic_rs::from_slice::<Fields<'_>>(line)).is_ok()
        });
        let mut content = Vec::new();
        measure("canonical", &lines, rounds, |line| {
            content.clear();
            decode(topic, line, &currencies, &mut unknown).is_ok_and(|record| {
                record.canonical(&mut content);
                !black_box(&content).is_empty()
            })
        });
    }
}
