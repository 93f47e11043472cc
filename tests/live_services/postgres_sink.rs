//! The tables of PostgreSQL: whole ticks, once each, whatever is cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gyre::error::{Exit, Result};
use gyre::sink::live::LiveSink;

use crate::books::{Books, job};
use crate::database::{Database, expected};
use crate::proxy::{Fate, Proxy};
use crate::services;

/// Commits until it is done, as a run does: what may be retried is asked for again.
fn persist(sink: &mut dyn LiveSink, books: &Books, from: usize, to: usize) -> u32 {
    let until = Instant::now() + Duration::from_secs(60);
    let mut failures = 0;
    loop {
        match sink.commit(&books.ticks[from..to], &books.progress(to)) {
            Ok(()) => return failures,
            Err(error) => {
                assert!(error.may_retry(), "{error}");
                assert!(Instant::now() < until, "{error}");
                failures += 1;
                thread::sleep(Duration::from_millis(50));
            }
        }
    }
}

#[test]
fn rows_stand_as_they_were_told_and_a_second_start_goes_on() {
    let (services, _up) = services::up();
    let database = Database::new(services);
    let books = Books::new(1, 60);
    let half = books.ticks.len() / 2;
    let mut first = database.sink(None);
    assert_eq!(first.open(&job("books", 1)).unwrap(), None);
    for at in 0..half {
        first.commit(&books.ticks[at..=at], &books.progress(at + 1)).unwrap();
        assert_eq!(
            database.look(),
            (Some(books.ticks[at].tick), expected(&books.states[&books.ticks[at].tick]))
        );
    }
    // Only the progress moves.
    let mut later = books.progress(half);
    later.tick += 50;
    first.commit(&[], &later).unwrap();
    assert_eq!(database.look().0, Some(later.tick));

    let mut second = database.sink(None);
    assert_eq!(second.open(&job("books", 2)).unwrap(), Some(later));
    second.commit(&books.ticks[half..], &books.progress(books.ticks.len())).unwrap();
    assert_eq!(database.look().1, expected(books.last()));
    // Once more is never twice.
    second.commit(&books.ticks[half..], &books.progress(books.ticks.len())).unwrap();
    assert_eq!(database.look().1, expected(books.last()));
}

#[test]
fn a_commit_whose_answer_is_lost_happens_once() {
    let (services, _up) = services::up();
    let database = Database::new(services);
    let books = Books::new(2, 40);
    let fates = [Fate::Passes, Fate::Unheard, Fate::Unanswered, Fate::Unanswered, Fate::Unheard];
    let fates: Vec<Fate> = fates.into_iter().cycle().take(books.ticks.len() * 2).collect();
    let cuts = fates.iter().filter(|fate| **fate != Fate::Passes).count();
    let proxy = Proxy::new(([127, 0, 0, 1], database.port()).into(), fates);
    let mut sink = database.sink(Some(proxy.address.port()));
    sink.open(&job("books", 1)).unwrap();
    // Whoever looks meanwhile sees whole ticks.
    let done = Arc::new(AtomicBool::new(false));
    let looks = thread::scope(|scope| {
        let looking = scope.spawn(|| {
            let (mut looks, mut last) = (0, None);
            while !done.load(Ordering::SeqCst) {
                let (tick, rows) = database.look();
                assert!(tick >= last, "progress goes back");
                assert_eq!(rows, tick.map(|tick| expected(&books.states[&tick])).unwrap_or_default());
                (looks, last) = (looks + 1, tick);
            }
            looks
        });
        let mut failures = 0;
        for at in (0..books.ticks.len()).step_by(2) {
            failures += persist(&mut sink, &books, at, (at + 2).min(books.ticks.len()));
        }
        done.store(true, Ordering::SeqCst);
        assert!(failures > 5 && failures as usize <= cuts, "{failures} of {cuts}");
        assert!(proxy.commits() > failures.into());
        looking.join().unwrap()
    });
    assert!(looks > 3);
    assert_eq!(database.look(), (Some(books.progress(books.ticks.len()).tick), expected(books.last())));
}

#[test]
fn an_earlier_start_is_fenced_off() {
    let (services, _up) = services::up();
    let database = Database::new(services);
    let books = Books::new(3, 10);
    let (mut first, mut second) = (database.sink(None), database.sink(None));
    first.open(&job("books", 1)).unwrap();
    first.commit(&books.ticks[..2], &books.progress(2)).unwrap();
    assert_eq!(second.open(&job("books", 2)).unwrap(), Some(books.progress(2)));
    assert_fenced(first.commit(&books.ticks[2..3], &books.progress(3)));
    assert_fenced(first.open(&job("books", 1)));
    second.commit(&books.ticks[2..], &books.progress(books.ticks.len())).unwrap();
    assert_eq!(database.look().1, expected(books.last()));
}

fn assert_fenced<T: std::fmt::Debug>(outcome: Result<T>) {
    let error = outcome.unwrap_err();
    assert!(!error.may_retry() && error.to_string().contains("has taken"), "{error}");
}

#[test]
fn what_is_not_as_it_should_be_is_said() {
    let (services, _up) = services::up();
    let database = Database::new(services);
    database.sink(None).open(&job("books", 1)).unwrap();
    let said = |error: gyre::error::Error| {
        assert_eq!(error.exit(), Exit::Usage);
        error.to_string()
    };
    let other = said(database.sink(None).open(&job("others", 5)).unwrap_err());
    assert!(other.contains("another job, books"), "{other}");
    let mut twin = job("books", 5);
    twin.id = "0".repeat(32);
    assert!(said(database.sink(None).open(&twin).unwrap_err()).contains("another job"));
    database.execute("ALTER TABLE gyre.rtp ALTER COLUMN stake TYPE double precision");
    let other = said(database.sink(None).open(&job("books", 2)).unwrap_err());
    assert!(other.contains("gyre.rtp.stake numeric") && other.contains("gyre.sql"), "{other}");
    database.execute("DROP SCHEMA gyre CASCADE");
    assert!(said(database.sink(None).open(&job("books", 2)).unwrap_err()).contains("gyre.balances"));
    let wrong = database.url_at(None).replacen("gyre:", "gyre:x", 1);
    let mut sink = gyre::sink::live::postgres::Tables::new(&wrong, None).unwrap();
    assert!(said(sink.open(&job("books", 2)).unwrap_err()).contains("password"));
}

#[test]
fn a_server_that_stops_is_waited_for() {
    let (services, alone) = services::alone();
    let database = Database::new(services);
    let books = Books::new(4, 30);
    let third = books.ticks.len() / 3;
    let mut sink = database.sink(None);
    sink.open(&job("books", 1)).unwrap();
    persist(&mut sink, &books, 0, third);
    alone.act("stop", "postgres");
    let error = sink.commit(&books.ticks[third..2 * third], &books.progress(2 * third)).unwrap_err();
    assert!(error.may_retry() && error.to_string().contains("cannot be reached"), "{error}");
    alone.act("start", "postgres");
    persist(&mut sink, &books, third, 2 * third);
    alone.act("kill", "postgres");
    alone.act("start", "postgres");
    persist(&mut sink, &books, 2 * third, books.ticks.len());
    assert_eq!(database.look(), (Some(books.progress(books.ticks.len()).tick), expected(books.last())));
}
