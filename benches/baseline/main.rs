//! The best program by hand that we know how to write for the job of `gyre replay DIR --output OUT`: one thread, hash
//! maps, nothing incremental. It keeps the engine honest: `benches/run` compares their CPU time and their files.
//!
//! ```text
//! lines ─▶ decode ─▶ admit ─▶ slots of 64 bytes by wager ──▶ plays by game ──────────────────▶ rtp
//!                               │  └ keys of more records:      events by account, sorted ───▶ balances, anomalies
//!                               │    numbers of their lines     slots in order of their ids ─▶ wager_states
//!                               └──▶ rejects
//! ```
//! `baseline DIR OUT [CONFIG]` writes the same files. Decoding, the judgement of keys that are not simple, the exact
//! figures and the text of rare rows are the product's own functions, so this measures speed and is no second opinion.
//! What it does not do: forget (memory grows with history), compressed files, postings, change logs, files that change
//! while it reads (lines of rare keys are read again). `raw` of a displaced record goes by its receipt alone.
#![allow(clippy::print_stderr, reason = "says where its time went")]

mod accounts;
mod books;
mod intake;
mod lines;
mod names;
mod rare;
mod rows;
mod slot;
mod spikes;
mod states;
mod table;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use gyre::summary::Summary;
use gyre_dataflows::rows::AnomalyKind;
use gyre_domain::cause::Cause;
use gyre_domain::currency::Currencies;
use gyre_domain::records::Topic;
use gyre_domain::rules::Rules;

use crate::books::Books;
use crate::intake::Intake;
use crate::lines::Lines;
use crate::rows::{Out, READING_ORDER, Rows};
use crate::slot::MANY;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// `mi_option_purge_delay` of mimalloc's `mi_option_t`.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

fn main() -> ExitCode {
    // SAFETY: the option is set before any other thread is there, and any value of it is sound.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, -1) };
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match &arguments[..] {
        [input, output] => run(Path::new(input), Path::new(output), Rules::default()),
        [input, output, config] => gyre::config::load(Path::new(config))
            .map_err(|error| format!("{config}: {error:?}").into())
            .and_then(|config| run(Path::new(input), Path::new(output), config.rules)),
        _ => Err("baseline DIR OUT [CONFIG]".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("baseline: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Says how long each part took, if `BASELINE_TIMES` is set.
struct Times {
    since: Instant,
    wanted: bool,
}

impl Times {
    fn lap(&mut self, what: &str) {
        if self.wanted {
            eprintln!("{what:>24} {:7.3} s", self.since.elapsed().as_secs_f64());
        }
        self.since = Instant::now();
    }
}

fn run(input: &Path, output: &Path, rules: Rules) -> Result<()> {
    let started = Instant::now();
    let mut times = Times { since: started, wanted: std::env::var_os("BASELINE_TIMES").is_some() };
    let known = rules.currencies.iter();
    let currencies =
        known.cloned().try_fold(Currencies::default(), |all, (code, exponent)| all.with(&code, exponent))?;
    std::fs::create_dir_all(output)?;
    let mut intake = Intake::new(rules, currencies);
    let mut files: Vec<Lines> = Vec::new();
    for topic in READING_ORDER {
        if let Some(mut lines) = Lines::open(input, topic)? {
            match topic {
                Topic::Games | Topic::Accounts => rare::read_references(&mut intake, &mut lines)?,
                _ => intake.file(&mut lines)?,
            }
            files.push(lines);
        }
        times.lap(topic.name());
    }
    intake.wagers.end();
    let books = write(&mut intake, &files, output, &mut times)?;
    let rejects = write_rows(std::mem::take(&mut intake.rejects), output, "rejects")?;
    let anomalies = write_rows(std::mem::take(&mut intake.anomalies), output, "anomalies")?;
    times.lap("rejects, anomalies");
    let mut summary = summarise(&intake, &books, rejects, anomalies);
    summary.measure(started.elapsed());
    std::fs::write(output.join("summary.json"), summary.to_json().map_err(|error| format!("{error:?}"))?)?;
    // The process ends: nothing needs to be taken apart before.
    std::mem::forget((intake, books, files));
    Ok(())
}

/// Judges, sums and writes everything but the rejects and anomalies that were gathered on the way.
fn write(intake: &mut Intake, files: &[Lines], output: &Path, times: &mut Times) -> Result<Books> {
    let file = |topic: Topic| files.iter().find(|lines| lines.topic == topic);
    let mut books = Books::default();
    let mut judged = Vec::new();
    let lists = std::mem::take(&mut intake.lists);
    let many: Vec<(u32, u32)> = intake
        .wagers
        .slots
        .iter()
        .filter(|(_, slot)| slot.has(MANY))
        .map(|(number, slot)| (number, slot.account))
        .collect();
    for (number, list) in many {
        let list = &lists[list as usize];
        let row = rare::judge_wager(intake, &mut books, list, file(Topic::Wagers), file(Topic::Outcomes))?;
        judged.extend(row.map(|row| (number, row)));
    }
    let many: Vec<u32> = intake
        .payments
        .slots
        .iter()
        .filter(|(_, slot)| slot.has(MANY))
        .map(|(_, slot)| slot.account)
        .collect();
    for list in many {
        if let Some(payments) = file(Topic::Payments) {
            rare::judge_payment(intake, &mut books, &lists[list as usize], payments)?;
        }
    }
    times.lap("keys of several records");
    states::tell_simple(intake, &mut books, file(Topic::Wagers))?;
    times.lap("plays, missing outcomes");
    books.write_rtp(intake, output)?;
    times.lap("rtp");
    books.pay_simple(intake);
    books.tell_accounts(intake, output)?;
    times.lap("accounts");
    states::write(intake, &judged, output)?;
    times.lap("wager_states");
    Ok(books)
}

fn write_rows(rows: Rows, output: &Path, name: &str) -> Result<[u64; 32]> {
    let mut out = Out::create(output, name)?;
    let counts = rows.write(&mut out)?;
    out.finish()?;
    Ok(counts)
}

fn summarise(intake: &Intake, books: &Books, rejects: [u64; 32], anomalies: [u64; 32]) -> Summary {
    let named = |names: Vec<&str>, counts: [u64; 32]| {
        let named = names.into_iter().zip(counts).filter(|(_, count)| *count > 0);
        named.map(|(name, count)| (name.to_owned(), count)).collect()
    };
    let topics = Topic::ALL.iter().zip(intake.records);
    Summary {
        records: topics.map(|(topic, records)| (topic.name().to_owned(), records)).collect(),
        duplicates: intake.duplicates,
        rejects: named(Cause::ALL.iter().map(|cause| cause.name()).collect(), rejects),
        anomalies: named(AnomalyKind::ALL.iter().map(|kind| kind.name()).collect(), anomalies),
        settled: books.settled,
        open: books.open,
        cancelled: books.cancelled,
        tombstones: books.tombstones,
        imbalance: books.imbalance.iter().map(|(of, sum)| (of.code().to_owned(), sum.to_string())).collect(),
        unknown_fields: intake.unknown.iter().map(|(name, times)| (name.to_owned(), times)).collect(),
        blank_lines: intake.blank,
        first_tick: intake.ticks.map(|(first, _)| first),
        last_tick: intake.ticks.map(|(_, last)| last),
        ..Summary::default()
    }
}
