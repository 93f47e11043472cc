//! Topics of records: what is committed, in order, once; and what must not pass for it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use gyre::error::{Domain, Error};
use gyre::source::kafka::Topics;
use gyre::source::{Behind, Partition, Positions, Source};
use gyre_domain::records::Topic;

use crate::broker;
use crate::services::{self, Services, fresh};

/// A source for topics whose names begin with `prefix`.
fn source(services: &Services, prefix: &str) -> Topics {
    let names = Topic::ALL.map(|topic| format!("{prefix}{topic}"));
    Topics::new(broker::cluster(services, Domain::Input), names, &fresh("group")).unwrap()
}

fn values(range: std::ops::Range<u32>) -> Vec<Vec<u8>> {
    range.map(|number| format!("record {number}").into_bytes()).collect()
}

fn partition(topic: Topic, number: u16) -> Partition {
    Partition { topic, number }
}

/// Lines by partition, with their numbers, and the places behind them.
type Got = (BTreeMap<Partition, Vec<(u64, Vec<u8>)>>, Positions);

/// Asks until so many lines have come, and then once more; or until an error ends it.
fn take(source: &mut dyn Source, lines: usize) -> Result<Got, Error> {
    let (mut got, mut count) = (Got::default(), 0);
    let until = Instant::now() + Duration::from_secs(40);
    let mut is_last = false;
    while !is_last {
        assert!(Instant::now() < until, "{count} of {lines}");
        is_last = count >= lines;
        for fetched in source.poll(Duration::from_millis(if is_last { 300 } else { 2_000 }))? {
            let lines = &fetched.lines;
            assert_eq!((lines.topic, lines.partition), (fetched.partition.topic, fetched.partition.number));
            let list = got.0.entry(fetched.partition).or_default();
            assert!(list.last().is_none_or(|(number, _)| *number < lines.first), "out of order");
            for (number, (start, end)) in (lines.first..).zip(&lines.spans) {
                list.push((number, lines.bytes[*start as usize..*end as usize].to_vec()));
                count += 1;
            }
            got.1.insert(fetched.partition, fetched.next);
        }
    }
    assert_eq!(count, lines);
    Ok(got)
}

fn texts(lines: &[(u64, Vec<u8>)]) -> Vec<Vec<u8>> {
    lines.iter().map(|(_, text)| text.clone()).collect()
}

#[test]
fn only_what_is_committed_comes_once_and_a_place_is_found_again() {
    let (services, _up) = services::up();
    let prefix = format!("{}.", fresh("source"));
    let (wagers, payments) = (format!("{prefix}wagers"), format!("{prefix}payments"));
    broker::make(services, &wagers, 2, "delete");
    broker::make(services, &payments, 1, "delete");
    broker::write(services, &wagers, 0, &values(0..10));
    broker::write_in_transaction(services, &wagers, 0, &values(100..105), false);
    broker::write_in_transaction(services, &wagers, 0, &values(10..20), true);
    broker::write(services, &wagers, 1, &values(0..5));
    broker::write(services, &payments, 0, &[b"".to_vec(), b"\xff\xfe".to_vec(), vec![b'x'; 900_000]]);
    let mut first = source(services, &prefix);
    first.seek(&Positions::new()).unwrap();
    let (got, places) = take(&mut first, 28).unwrap();
    assert_eq!(texts(&got[&partition(Topic::Wagers, 0)]), values(0..20));
    assert_eq!(texts(&got[&partition(Topic::Wagers, 1)]), values(0..5));
    assert_eq!(got[&partition(Topic::Payments, 0)][2].1.len(), 900_000);
    // What was aborted, and markers, leave gaps in the numbers.
    let behind = places[&partition(Topic::Wagers, 0)].next;
    assert!(behind > 20 + 5, "{behind}");

    // Started again in the middle, it gives the same under the same numbers.
    broker::write(services, &wagers, 1, &values(5..8));
    let mut middle = places.clone();
    let seventh = got[&partition(Topic::Wagers, 0)][12].0;
    middle.get_mut(&partition(Topic::Wagers, 0)).unwrap().next = seventh;
    let mut second = source(services, &prefix);
    second.seek(&middle).unwrap();
    let (again, _) = take(&mut second, 8 + 3).unwrap();
    assert_eq!(again[&partition(Topic::Wagers, 0)], got[&partition(Topic::Wagers, 0)][12..]);
    assert_eq!(texts(&again[&partition(Topic::Wagers, 1)]), values(5..8));
}

#[test]
fn how_far_behind_it_is_it_hears_with_what_it_reads() {
    let (services, _up) = services::up();
    let prefix = format!("{}.", fresh("source"));
    let wagers = format!("{prefix}wagers");
    broker::make(services, &wagers, 1, "delete");
    broker::write(services, &wagers, 0, &values(0..5));
    let mut source = source(services, &prefix);
    source.seek(&Positions::new()).unwrap();
    assert_eq!(source.behind(), [], "nothing was heard yet");
    take(&mut source, 5).unwrap();
    let part = partition(Topic::Wagers, 0);
    let until = Instant::now() + Duration::from_secs(40);
    while source.behind() != [(part, Behind::Records(0))] {
        assert!(Instant::now() < until, "{:?}", source.behind());
        source.poll(Duration::from_millis(100)).unwrap();
    }
    source.seek(&Positions::new()).unwrap();
    assert_eq!(source.behind(), [(part, Behind::Records(5))], "all of it is to be read again");
}

#[test]
fn limits_end_partitions_exactly() {
    let (services, _up) = services::up();
    let prefix = format!("{}.", fresh("source"));
    let wagers = format!("{prefix}wagers");
    broker::make(services, &wagers, 2, "delete");
    for number in [0, 1] {
        broker::write(services, &wagers, number, &values(0..300));
    }
    let parts = [0, 1].map(|number| partition(Topic::Wagers, number));
    let mut whole = source(services, &prefix);
    whole.seek(&Positions::new()).unwrap();
    let (_, end) = take(&mut whole, 600).unwrap();
    let place = |number: u16, next: u64| {
        let mut place = end[&parts[usize::from(number)]];
        place.next = next;
        (parts[usize::from(number)], place)
    };
    let mut source = source(services, &prefix);
    source.seek(&Positions::new()).unwrap();
    source.limit(Some(&Positions::from([place(0, 10)]))).unwrap();
    let (got, places) = take(&mut source, 10).unwrap();
    assert_eq!(texts(&got[&parts[0]]), values(0..10));
    assert_eq!(places[&parts[0]].next, 10);
    source.limit(Some(&Positions::from([place(0, 10), place(1, 250)]))).unwrap();
    let (got, _) = take(&mut source, 250).unwrap();
    assert_eq!(texts(&got[&parts[1]]), values(0..250));
    source.limit(None).unwrap();
    let (got, _) = take(&mut source, 340).unwrap();
    assert_eq!((texts(&got[&parts[0]]), texts(&got[&parts[1]])), (values(10..300), values(250..300)));
    // A limit that cannot come to be is no reason to wait.
    let error = source.limit(Some(&Positions::from([place(0, 1_000)]))).unwrap_err();
    assert!(!error.may_retry() && error.to_string().contains("not on from 1000"), "{error}");
}

#[test]
fn what_is_not_as_it_should_be_is_said() {
    let (services, _up) = services::up();
    let prefix = format!("{}.", fresh("source"));
    let said = |error: Error| {
        assert!(!error.may_retry(), "{error}");
        error.to_string()
    };
    let none = source(services, &prefix).seek(&Positions::new()).unwrap_err();
    assert!(none.may_retry() && none.to_string().contains("none of the topics"), "{none}");

    let wagers = format!("{prefix}wagers");
    broker::make(services, &wagers, 1, "compact");
    assert!(said(source(services, &prefix).seek(&Positions::new()).unwrap_err()).contains("compacted"));
    broker::delete(services, &wagers);
    broker::make(services, &wagers, 1, "delete");
    broker::write(services, &wagers, 0, &values(0..20));
    let mut reading = source(services, &prefix);
    reading.seek(&Positions::new()).unwrap();
    let (_, places) = take(&mut reading, 20).unwrap();

    // Retention was faster than we.
    let mut early = places.clone();
    early.values_mut().for_each(|place| place.next = 3);
    broker::cut(services, &wagers, 0, 10);
    let late = said(source(services, &prefix).seek(&early).unwrap_err());
    assert!(late.contains("goes from 10 to 20") && late.contains("retention"), "{late}");

    // Another topic under the same name.
    broker::delete(services, &wagers);
    broker::make(services, &wagers, 1, "delete");
    broker::write(services, &wagers, 0, &values(0..40));
    assert!(said(source(services, &prefix).seek(&places).unwrap_err()).contains("made anew"));
}

#[test]
fn partitions_that_come_later_are_read_from_their_beginning() {
    let (services, _up) = services::up();
    let prefix = format!("{}.", fresh("source"));
    let wagers = format!("{prefix}wagers");
    broker::make(services, &wagers, 1, "delete");
    broker::write(services, &wagers, 0, &values(0..5));
    let mut source = source(services, &prefix);
    source.asks_every(Duration::from_millis(500));
    source.seek(&Positions::new()).unwrap();
    take(&mut source, 5).unwrap();
    broker::widen(services, &wagers, 2);
    broker::write(services, &wagers, 0, &values(5..6));
    broker::write(services, &wagers, 1, &values(0..7));
    let (got, _) = take(&mut source, 8).unwrap();
    assert_eq!(texts(&got[&partition(Topic::Wagers, 0)]), values(5..6));
    assert_eq!(texts(&got[&partition(Topic::Wagers, 1)]), values(0..7));

    // A topic that is made anew while it is read ends the run.
    broker::delete(services, &wagers);
    broker::make(services, &wagers, 2, "delete");
    let until = Instant::now() + Duration::from_secs(30);
    let error = loop {
        match source.poll(Duration::from_millis(200)) {
            Err(error) if !error.may_retry() => break error,
            _ => assert!(Instant::now() < until),
        }
    };
    assert!(error.to_string().contains("made anew"), "{error}");
}

#[test]
fn a_broker_that_stops_is_waited_for_and_said() {
    let (services, alone) = services::alone();
    let prefix = format!("{}.", fresh("source"));
    let wagers = format!("{prefix}wagers");
    broker::make(services, &wagers, 1, "delete");
    broker::write(services, &wagers, 0, &values(0..50));
    let mut source = source(services, &prefix);
    source.seek(&Positions::new()).unwrap();
    take(&mut source, 50).unwrap();
    alone.act("kill", "kafka");
    let until = Instant::now() + Duration::from_secs(30);
    let error = loop {
        match source.poll(Duration::from_millis(200)) {
            Ok(fetched) => assert!(fetched.is_empty() && Instant::now() < until),
            Err(error) => break error,
        }
    };
    assert!(error.may_retry() && error.to_string().contains("cannot be reached"), "{error}");
    alone.act("start", "kafka");
    broker::write(services, &wagers, 0, &values(50..60));
    let until = Instant::now() + Duration::from_secs(40);
    let mut got = Vec::new();
    while got.len() < 10 {
        assert!(Instant::now() < until, "{} of 10", got.len());
        for fetched in source.poll(Duration::from_millis(200)).unwrap_or_default() {
            let lines = &fetched.lines;
            got.extend(lines.spans.iter().map(|span| lines.bytes[span.0 as usize..span.1 as usize].to_vec()));
        }
    }
    assert_eq!(got, values(50..60));
}
