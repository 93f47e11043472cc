//! Topics of outputs: what readers of committed messages see is each row once, with its progress.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use gyre::error::Domain;
use gyre::sink::live::kafka::Topics;
use gyre::sink::live::{LiveSink, TickRows};
use gyre::sink::{Output, net_changes};
use serde_json::Value;

use crate::books::{Books, job};
use crate::broker;
use crate::services::{self, Services, fresh};

fn sink(services: &Services, prefix: &str) -> Topics {
    Topics::new(broker::cluster(services, Domain::Output), prefix)
}

/// Commits until it is done, as a run does.
fn persist(sink: &mut dyn LiveSink, books: &Books, from: usize, to: usize) -> u32 {
    let until = Instant::now() + Duration::from_secs(120);
    let mut failures = 0;
    while let Err(error) = sink.commit(&books.ticks[from..to], &books.progress(to)) {
        assert!(error.may_retry(), "{error}");
        assert!(Instant::now() < until, "{error}");
        failures += 1;
        thread::sleep(Duration::from_millis(200));
    }
    failures
}

/// How many messages commits of these ticks together come to, of an output.
fn messages(batches: &[&[std::sync::Arc<TickRows>]], output: Output) -> usize {
    let of_batch = |ticks: &&[std::sync::Arc<TickRows>]| {
        let changes = ticks.iter().flat_map(|tick| tick.row_changes());
        net_changes(changes).unwrap().iter().filter(|change| change.output == output).count()
    };
    batches.iter().map(of_batch).sum()
}

/// Rows that stand on the topics, and how many messages they took.
pub fn standing(services: &Services, prefix: &str) -> (Vec<(Output, String)>, BTreeMap<Output, usize>) {
    let (mut rows, mut counts) = (Vec::new(), BTreeMap::new());
    for output in Output::ALL {
        let mut by_key = BTreeMap::new();
        for (_, entries) in broker::read(services, &format!("{prefix}{}", output.name())) {
            *counts.entry(output).or_insert(0) += entries.len();
            for (key, value) in entries {
                // A key is an object of the row's first fields.
                let key: Value = serde_json::from_slice(&key).unwrap();
                if let Some(value) = &value {
                    let row: Value = serde_json::from_slice(value).unwrap();
                    assert!(key.as_object().unwrap().iter().all(|(name, field)| row[name] == *field));
                }
                by_key.insert(key.to_string(), value);
            }
        }
        let texts = by_key.into_values().flatten().map(|row| (output, String::from_utf8(row).unwrap()));
        rows.extend(texts);
    }
    rows.sort_unstable();
    (rows, counts)
}

fn wanted(books: &Books) -> Vec<(Output, String)> {
    let mut rows: Vec<_> = books.last().iter().map(|((output, _), row)| (*output, row.clone())).collect();
    rows.sort_unstable();
    rows
}

#[test]
fn rows_and_progress_are_seen_together_and_a_second_start_goes_on() {
    let (services, _up) = services::up();
    let prefix = format!("{}.", fresh("sink"));
    let books = Books::new(11, 30);
    let half = books.ticks.len() / 2;
    let mut first = sink(services, &prefix);
    assert_eq!(first.open(&job("books", 1)).unwrap(), None);
    first.commit(&books.ticks[..half], &books.progress(half)).unwrap();
    let mut second = sink(services, &prefix);
    assert_eq!(second.open(&job("books", 2)).unwrap(), Some(books.progress(half)));
    second.commit(&books.ticks, &books.progress(books.ticks.len())).unwrap();
    second.commit(&books.ticks, &books.progress(books.ticks.len())).unwrap();
    let (rows, counts) = standing(services, &prefix);
    assert_eq!(rows, wanted(&books));
    for output in Output::ALL {
        let want = messages(&[&books.ticks[..half], &books.ticks[half..]], output);
        assert_eq!(counts[&output], want, "{}", output.name());
    }
    let progress = broker::read(services, &format!("{prefix}progress")).remove(&0).unwrap();
    let told: Vec<Value> = progress
        .iter()
        .map(|(key, value)| {
            assert_eq!(key, b"books");
            serde_json::from_slice(value.as_ref().unwrap()).unwrap()
        })
        .collect();
    let generations: Vec<u64> = told.iter().map(|told| told["generation"].as_u64().unwrap()).collect();
    assert_eq!(generations, [1, 1, 2, 2]);
    assert_eq!(told[0]["tick"], Value::Null);
    assert_eq!(told[3]["tick"], books.progress(books.ticks.len()).tick);
}

#[test]
fn an_earlier_start_is_fenced_off_and_what_it_began_is_never_seen() {
    let (services, _up) = services::up();
    let prefix = format!("{}.", fresh("sink"));
    let books = Books::new(12, 12);
    let (mut first, mut second) = (sink(services, &prefix), sink(services, &prefix));
    first.open(&job("books", 1)).unwrap();
    first.commit(&books.ticks[..3], &books.progress(3)).unwrap();
    assert_eq!(second.open(&job("books", 2)).unwrap(), Some(books.progress(3)));
    // The first hears of it when it commits: its transaction is void, and there it finds who was later.
    let ended = (0..5).find_map(|_| {
        let error = first.commit(&books.ticks[3..4], &books.progress(4)).unwrap_err();
        (!error.may_retry()).then(|| error.to_string())
    });
    assert!(ended.unwrap().contains("has taken"));
    persist(&mut second, &books, 3, books.ticks.len());
    let (rows, counts) = standing(services, &prefix);
    assert_eq!(rows, wanted(&books));
    let want: usize =
        Output::ALL.map(|output| messages(&[&books.ticks[..3], &books.ticks[3..]], output)).iter().sum();
    assert_eq!(counts.values().sum::<usize>(), want);
    let mut twin = job("books", 9);
    twin.id = "0".repeat(32);
    let error = sink(services, &prefix).open(&twin).unwrap_err();
    assert!(!error.may_retry() && error.to_string().contains("another job"), "{error}");
}

#[test]
fn a_broker_that_stops_is_waited_for() {
    let (services, alone) = services::alone();
    let prefix = format!("{}.", fresh("sink"));
    let books = Books::new(13, 24);
    let third = books.ticks.len() / 3;
    let mut sink = sink(services, &prefix);
    sink.open(&job("books", 1)).unwrap();
    persist(&mut sink, &books, 0, third);
    for (act, from, to) in [("stop", third, 2 * third), ("kill", 2 * third, books.ticks.len())] {
        alone.act(act, "kafka");
        thread::scope(|scope| {
            // It comes back in the middle of the attempts.
            scope.spawn(|| alone.act("start", "kafka"));
            persist(&mut sink, &books, from, to);
        });
    }
    let (rows, counts) = standing(services, &prefix);
    assert_eq!(rows, wanted(&books));
    let batches = [&books.ticks[..third], &books.ticks[third..2 * third], &books.ticks[2 * third..]];
    let want: usize = Output::ALL.map(|output| messages(&batches, output)).iter().sum();
    assert_eq!(counts.values().sum::<usize>(), want);
}
