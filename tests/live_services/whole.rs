//! The program as a whole: records through Kafka into files, Kafka and PostgreSQL, done by two processes, while everything
//! is killed in turn.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use gyre::sink::Output;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use serde_json::Value;

use crate::broker;
use crate::database::{Database, fields};
use crate::kafka_sink::standing;
use crate::ports::free_address;
use crate::services::{self, Alone, Services, fresh};

/// How long anything may take: many stories share the machine.
const PATIENCE: Duration = Duration::from_secs(180);

const GYRE: &str = env!("CARGO_BIN_EXE_gyre");
/// Times go by the records' own clocks, which are months behind: nothing is too late.
const RULES: &str = "[time]\nhorizon_ms = 315360000000\nhorizon_open_ms = 315360000000\n\
     [recollect]\ndelays_ms = [300, 700]\n";

/// Whoever wagers quickly has his payouts held.
const HOLDS: &str = "{\"rule\":\"velocity/2\",\"effective_from_ms\":0,\"window_ms\":60000,\
     \"wagers_max\":5,\"action\":\"hold\"}\n";

/// A job with everything it needs.
struct Job {
    folder: tempfile::TempDir,
    services: &'static Services,
    database: Database,
    prefix: String,
    /// Where its two processes listen for each other.
    addresses: String,
}

impl Job {
    fn new(services: &'static Services) -> Self {
        let job = Self {
            folder: tempfile::tempdir().unwrap(),
            services,
            database: Database::new(services),
            prefix: format!("{}.", fresh("whole")),
            addresses: format!("{},{}", free_address(), free_address()),
        };
        let (brokers, prefix, url) = (&services.kafka, &job.prefix, job.database.url_at(None));
        fs::write(job.path("url"), url).unwrap();
        let topics = ["wagers", "outcomes", "payments", "games", "accounts", "rules", "commands"]
            .map(|topic| format!("{topic} = \"{prefix}in.{topic}\"\n"));
        let config = format!(
            "{RULES}[source.kafka]\nbrokers = \"{brokers}\"\n[source.kafka.topics]\n{}\
             [sinks.kafka]\nbrokers = \"{brokers}\"\nprefix = \"{prefix}\"\n\
             [sinks.postgres]\nurl = \"file:url\"\n[sinks.files]\npath = \"out\"\ngather_ms = 200\n",
            topics.concat()
        );
        fs::write(job.path("gyre.toml"), config).unwrap();
        for topic in ["wagers", "outcomes", "payments", "games", "accounts", "rules"] {
            broker::make(services, &format!("{prefix}in.{topic}"), 2, "delete");
        }
        job
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts one of its processes.
    fn start(&self, process: usize) -> Running {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.path("log")).unwrap();
        let child = Command::new(GYRE)
            .args(["run", "--workers", "1", "--lang", "en", "--http-addr", "127.0.0.1:0"])
            .args(["--cluster", &self.addresses, "--process", &process.to_string(), "--config"])
            .arg(self.path("gyre.toml"))
            .arg("--state")
            .arg(self.path("state"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Running { child, log: self.path("log") }
    }

    /// The records of a small operator, each topic's in two halves that are mixed up, with copies and with what is none.
    fn records(&self, dice: &mut Xoshiro256PlusPlus) -> Vec<(String, i32, Vec<u8>)> {
        let made = Command::new(GYRE)
            .args(["generate", "--wagers", "1500", "--accounts", "80", "--games", "6", "--hours", "0.5"])
            .args(["--faults", "0", "--late", "0.1", "--seed", &dice.next_u64().to_string(), "--output"])
            .arg(self.path("in"))
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        fs::write(self.path("in/rules.jsonl"), HOLDS).unwrap();
        let mut records = Vec::new();
        for topic in ["games", "accounts", "rules", "wagers", "outcomes", "payments"] {
            let text = fs::read(self.path("in").join(format!("{topic}.jsonl"))).unwrap();
            for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                let copies = if dice.next_u64().is_multiple_of(9) { 2 } else { 1 };
                for _ in 0..copies {
                    let name = format!("{}in.{topic}", self.prefix);
                    records.push((name, (dice.next_u64() % 2) as i32, line.to_vec()));
                }
            }
        }
        for number in 0..20_u8 {
            let poison = [b"{\"wager_id\":\"\xff", &[number][..]].concat();
            records.push((format!("{}in.wagers", self.prefix), 0, poison));
        }
        for at in (1..records.len()).rev() {
            records.swap(at, (dice.next_u64() % (at as u64 + 1)) as usize);
        }
        records
    }
}

/// A gyre at work.
struct Running {
    child: Child,
    log: PathBuf,
}

impl Running {
    fn kill(&mut self) {
        self.must_run();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, as an operator does.
    fn ask(&mut self) {
        self.must_run();
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    }

    fn ends(mut self) {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "{status}: {}", fs::read_to_string(&self.log).unwrap());
                return;
            }
            assert!(Instant::now() < until, "it does not end");
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn must_run(&mut self) {
        let ended = self.child.try_wait().unwrap();
        assert!(ended.is_none(), "{ended:?}: {}", fs::read_to_string(&self.log).unwrap());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wall_ms() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as u64
}

/// Rows that stand at the end of the segments in a folder, and the tick they go through.
fn rows_of_files(folder: &Path) -> (Vec<(Output, String)>, u64) {
    let mut segments: Vec<(u64, u64, PathBuf)> = fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name()?.to_str()?.strip_prefix("changes-")?.strip_suffix(".jsonl")?;
            let (first, last) = name.split_once('-')?;
            Some((first.parse().ok()?, last.parse().ok()?, path))
        })
        .collect();
    segments.sort_by_key(|(first, last, _)| (*first, u64::MAX - last));
    let (mut standing, mut through) = (BTreeMap::<(Output, String), i64>::new(), 0);
    for (_, last, path) in segments {
        if last <= through {
            continue;
        }
        through = last;
        for line in fs::read_to_string(path).unwrap().lines() {
            let change: Value = serde_json::from_str(line).unwrap();
            let Some(diff) = change["diff"].as_i64() else { continue };
            let output = Output::ALL.into_iter().find(|output| change["output"] == output.name()).unwrap();
            // The row as its bytes, behind its name and before the last brace.
            let row = line[line.find("\"row\":").unwrap() + 6..line.len() - 1].to_owned();
            *standing.entry((output, row)).or_default() += diff;
        }
    }
    standing.retain(|_, count| *count != 0);
    assert!(standing.values().all(|count| *count == 1));
    (standing.into_keys().collect(), through)
}

/// What a replay of the same records says, of the outputs that do not say when something was noticed.
fn replayed(job: &Job) -> Vec<(Output, String)> {
    fs::write(job.path("in").join("gyre.toml"), RULES).unwrap();
    let ran = Command::new(GYRE).args(["replay", "--lang", "en"]).arg(job.path("in")).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let mut rows = Vec::new();
    for output in TIMELESS {
        let text = fs::read_to_string(job.path("in/out").join(format!("{}.jsonl", output.name()))).unwrap();
        rows.extend(text.lines().map(|line| (output, line.to_owned())));
    }
    rows.sort_unstable();
    rows
}

const TIMELESS: [Output; 3] = [Output::Balances, Output::Rtp, Output::WagerStates];

/// All three ends tell the same, and what a replay tells.
fn check(job: &Job) {
    let (rows, _) = rows_of_files(&job.path("out"));
    assert!(rows.iter().any(|(output, _)| *output == Output::Rejects));
    assert!(
        rows.iter().any(|(output, row)| *output == Output::Balances && row.contains("\"wallet\":\"held\""))
    );
    let timeless: Vec<_> = rows.iter().filter(|(output, _)| TIMELESS.contains(output)).cloned().collect();
    assert_eq!(timeless, replayed(job));
    assert_eq!(standing(job.services, &job.prefix).0, rows, "kafka");
    let (_, tables) = job.database.look();
    let wanted: BTreeSet<_> = rows.iter().map(|(output, row)| (*output, fields(row))).collect();
    let (more, fewer) = (tables.difference(&wanted).next(), wanted.difference(&tables).next());
    assert!(more.is_none() && fewer.is_none(), "postgres: {more:?} for {fewer:?}");
}

/// Waits until the tables are at `tick`.
fn await_tables(job: &Job, running: &mut [Running], tick: u64) {
    let until = Instant::now() + PATIENCE;
    while job.database.look().0.is_none_or(|at| at < tick) {
        running.iter_mut().for_each(Running::must_run);
        assert!(Instant::now() < until, "{}", stuck(job, running));
        thread::sleep(Duration::from_millis(300));
    }
}

/// What the processes said, and what each of their threads waits for.
fn stuck(job: &Job, running: &[Running]) -> String {
    let mut told = fs::read_to_string(job.path("log")).unwrap();
    for process in running {
        let tasks = format!("/proc/{}/task", process.child.id());
        told += &format!("{tasks}:\n");
        for task in fs::read_dir(tasks).into_iter().flatten().flatten() {
            let part = |name| fs::read_to_string(task.path().join(name)).unwrap_or_default();
            told += &format!("  {}: {} {}\n", part("comm").trim(), part("wchan"), part("syscall").trim());
        }
    }
    told
}

/// Stories, each of other records and other moments. Those of a round happen at the same time, and have the same outages.
const ROUNDS: [RangeInclusive<u64>; 3] = [1..=3, 4..=6, 7..=9];

/// Where all stories of a round come together: one does what all the others wait for.
struct Meeting {
    stories: usize,
    /// How many wait, and how often all have met.
    state: Mutex<(usize, usize)>,
    met: Condvar,
}

impl Meeting {
    fn meet(&self, act: impl FnOnce()) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 += 1;
        if state.0 == self.stories {
            act();
            *state = (0, state.1 + 1);
            self.met.notify_all();
            return;
        }
        let times = state.1;
        let (_state, waited) =
            self.met.wait_timeout_while(state, PATIENCE, |(_, met)| *met == times).unwrap();
        assert!(!waited.timed_out(), "another story has failed");
    }
}

#[test]
fn whatever_is_killed_the_books_are_those_of_a_replay() {
    let (services, alone) = services::alone();
    for seeds in ROUNDS {
        let stories = seeds.clone().count();
        let meeting = Meeting { stories, state: Mutex::default(), met: Condvar::new() };
        thread::scope(|scope| {
            for seed in seeds {
                let (meeting, alone) = (&meeting, &alone);
                scope.spawn(move || killed(services, alone, meeting, seed));
            }
        });
    }
}

/// A story in which one of the two processes, or both, are killed four times, PostgreSQL is stopped, and Kafka killed.
fn killed(services: &'static Services, alone: &Alone, meeting: &Meeting, seed: u64) {
    let job = Job::new(services);
    let mut dice = Xoshiro256PlusPlus::seed_from_u64(seed);
    let records = job.records(&mut dice);
    let mut running = [0, 1].map(|process| job.start(process));
    for (number, chunk) in records.chunks(records.len() / 8 + 1).enumerate() {
        broker::write_all(services, chunk);
        thread::sleep(Duration::from_millis(300 + dice.next_u64() % 900));
        match number {
            1 | 2 | 4 | 6 => {
                let process = (dice.next_u64() % 2) as usize;
                let both = dice.next_u64().is_multiple_of(4);
                for process in [process, 1 - process].into_iter().take(if both { 2 } else { 1 }) {
                    running[process].kill();
                    running[process] = job.start(process);
                }
            }
            3 => meeting.meet(|| {
                alone.act("stop", "postgres");
                thread::sleep(Duration::from_millis(800));
                alone.act("start", "postgres");
            }),
            5 => meeting.meet(|| {
                alone.act("kill", "kafka");
                alone.act("start", "kafka");
            }),
            _ => {}
        }
    }
    // Nothing changes any more once the last laps are over.
    thread::sleep(Duration::from_millis(2_500));
    await_tables(&job, &mut running, wall_ms());
    running[(dice.next_u64() % 2) as usize].ask();
    running.into_iter().for_each(Running::ends);
    check(&job);
}
