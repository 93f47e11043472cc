//! What a process shows to those who watch over it: figures, health, how things stand.
//!
//! ```text
//!  intake, ticks, workers, sinks ── atomics ──────┐
//!  gather ── a small copy of what stands ─────────┼▶ Watch ─▶ listener: /metrics, /livez, /readyz, /startupz, /v1
//!  timely's log of when operators run ── sums ────┘                       (a thread of its own)
//! ```
//! Nothing that the listener does can hold a worker up: what it reads are atomics, and copies that are swapped in.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use gyre_dataflows::Tick;
use gyre_dataflows::rows::AnomalyKind;
use gyre_dataflows::seams::Counts;
use gyre_domain::cause::Cause;
use gyre_domain::records::Topic;

use crate::error::{Error, Result};
use crate::remote;
use crate::sink::live::TickRows;
use crate::source::{Behind, Partition};
use board::{Board, Events, SEVERITIES, Tally};
use figures::Figures;
use graph::{Part, Traffic};
use health::Health;
use process::Process;
use standing::Standing;
use status::{Lag, Sink, Wagers};

pub mod board;
pub mod figures;
pub mod graph;
pub mod health;
pub mod listener;
pub mod process;
pub mod stages;
pub mod standing;
pub mod status;
pub mod v1;

/// A topic with more partitions shows them together: the number of series must not follow it.
const PARTITIONS_MAX: usize = 64;
/// The labels of a figure that has none.
pub(crate) const NONE: [&str; 0] = [];

/// Where something waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Endpoint {
    /// What was read, before it has a tick.
    Intake,
    /// What was told, before every sink has it.
    Outbox,
}

impl Endpoint {
    /// Its label.
    pub fn name(self) -> &'static str {
        match self {
            Endpoint::Intake => "intake",
            Endpoint::Outbox => "outbox",
        }
    }
}

/// Lines that were read together.
#[derive(Clone, Copy, Debug)]
pub struct Read {
    /// When.
    pub at: Instant,
    /// How many records they held.
    pub records: u64,
}

/// See the module.
pub struct Watch {
    /// What `/metrics` shows.
    pub figures: Figures,
    /// What probes are told.
    pub health: Health,
    /// What the job is called.
    job: String,
    generation: AtomicU64,
    at: OnceLock<SocketAddr>,
    board: Mutex<Arc<Board>>,
    /// What can be asked for one by one.
    pub standing: Standing,
    /// What was read for ticks that not every sink has, oldest first.
    under_way: Mutex<VecDeque<(Tick, Vec<Read>)>>,
    sinks: Mutex<Vec<Sink>>,
    lags: Mutex<Vec<Lag>>,
    /// What other processes of a cluster read, and have not read.
    others: Mutex<Others>,
    /// Workers of this process.
    workers: usize,
    /// What went from stage to stage.
    traffic: Mutex<Traffic>,
    follows: AtomicBool,
    counts: WagerCounts,
    began: Instant,
}

/// Of each other process: records read, by topic, what was not read, and how its stages are.
type Others = BTreeMap<usize, (Vec<u64>, Vec<Lag>, Part)>;

#[derive(Default)]
struct WagerCounts {
    open: AtomicI64,
    settled: AtomicI64,
    cancelled: AtomicI64,
    duplicates: AtomicI64,
}

impl Watch {
    /// Watches over a job of this name with so many workers.
    ///
    /// # Errors
    /// Where figures contradict each other.
    pub fn new(job: &str, workers: usize) -> Result<Arc<Self>> {
        let watch = Self {
            figures: Figures::new()?,
            health: Health::new(workers),
            job: job.to_owned(),
            generation: AtomicU64::new(0),
            at: OnceLock::new(),
            board: Mutex::default(),
            standing: Standing::default(),
            under_way: Mutex::default(),
            sinks: Mutex::default(),
            lags: Mutex::default(),
            others: Mutex::default(),
            workers,
            traffic: Mutex::default(),
            follows: AtomicBool::new(false),
            counts: WagerCounts::default(),
            began: Instant::now(),
        };
        let built = remote::built_in();
        watch.figures.build.with_label_values(&[env!("CARGO_PKG_VERSION"), &built]).set(1.0);
        Ok(Arc::new(watch))
    }

    /// The job has begun: who it is.
    pub fn begins(&self, id: &str, generation: u64, workers: usize, tick_ms: u64) {
        self.generation.store(generation, Ordering::Relaxed);
        self.figures.generation.with_label_values(&NONE).set(generation as f64);
        let (workers, tick_ms) = (workers.to_string(), tick_ms.to_string());
        self.figures.config.with_label_values(&[&*self.job, id, &workers, &tick_ms]).set(1.0);
        let figures = &self.figures;
        for topic in Topic::ALL {
            figures.input_records.with_label_values(&[topic.name()]);
            figures.input_bytes.with_label_values(&[topic.name()]);
        }
        figures.input_duplicates.with_label_values(&NONE);
        figures.recovered.with_label_values(&["0"]);
        figures.latency.with_label_values(&NONE);
        for endpoint in [Endpoint::Intake, Endpoint::Outbox] {
            figures.stalls.with_label_values(&[endpoint.name()]);
        }
    }

    /// What the job is called.
    pub fn job(&self) -> &str {
        &self.job
    }

    /// Where it can be asked, once it can.
    pub fn at(&self) -> Option<SocketAddr> {
        self.at.get().copied()
    }

    /// It can be asked there.
    pub fn listens(&self, at: SocketAddr) {
        // It listens once.
        let _ = self.at.set(at);
    }

    /// Records read, by topic: what other processes of the cluster told of theirs too.
    pub fn records_by_topic(&self) -> Vec<u64> {
        let of = |topic: Topic| self.figures.input_records.with_label_values(&[topic.name()]).get();
        let others = self.others();
        let all = Topic::ALL.into_iter().enumerate().map(|(at, topic)| {
            of(topic) + others.values().filter_map(|(records, ..)| records.get(at)).sum::<u64>()
        });
        all.collect()
    }

    /// Records read.
    pub fn records(&self) -> u64 {
        self.records_by_topic().into_iter().sum()
    }

    fn others(&self) -> MutexGuard<'_, Others> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another process of the cluster has read so many records of each topic, and not yet these; so are its stages.
    pub fn other_reads(&self, process: usize, records: Vec<u64>, lags: Vec<Lag>, part: Part) {
        self.others().insert(process, (records, lags, part));
    }

    fn traffic(&self) -> MutexGuard<'_, Traffic> {
        self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the stages are in every process, ours first.
    fn parts_of_graph(&self) -> Vec<Part> {
        let own = self.part_of_graph(0);
        let others = self.others();
        std::iter::once(own).chain(others.values().map(|(_, _, part)| part.clone())).collect()
    }

    /// It is a process whose books another one tells of.
    pub fn follows(&self) {
        self.follows.store(true, Ordering::Release);
    }

    /// Whether another process is to be asked how things stand.
    pub fn is_follower(&self) -> bool {
        self.follows.load(Ordering::Acquire)
    }

    /// Which start of the job this is; 0 before it began.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    fn lock_sinks(&self) -> MutexGuard<'_, Vec<Sink>> {
        self.sinks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sinks, and how far they are.
    pub fn sinks(&self) -> Vec<Sink> {
        self.lock_sinks().clone()
    }

    /// A sink is there, so far through a tick: its figures begin.
    pub fn sink(&self, sink: &str, tick: Tick) {
        let name = sink.to_owned();
        self.lock_sinks().push(Sink { name, tick, records: 0, errors: 0, troubled: false });
        let figures = &self.figures;
        figures.output_records.with_label_values(&[sink]);
        figures.commits.with_label_values(&[sink]);
        for kind in ["disk_full", "unreachable"] {
            figures.output_errors.with_label_values(&[sink, kind]);
        }
    }

    /// A sink has committed so many changes through a tick, in so long.
    pub fn committed(&self, sink: &str, changes: u64, tick: Tick, time: Duration) {
        let labels = [sink];
        self.figures.output_records.with_label_values(&labels).inc_by(changes);
        self.figures.commits.with_label_values(&labels).observe(time.as_secs_f64());
        self.figures.output_frontier.with_label_values(&labels).set(seconds(tick));
        if let Some(known) = self.lock_sinks().iter_mut().find(|known| known.name == sink) {
            (known.tick, known.records, known.troubled) = (tick, known.records + changes, false);
        }
    }

    /// A commit failed, and is tried again.
    pub fn failed(&self, sink: &str, error: &Error) {
        let kind = if error.is_disk_full() { "disk_full" } else { "unreachable" };
        self.figures.output_errors.with_label_values(&[sink, kind]).inc();
        if let Some(known) = self.lock_sinks().iter_mut().find(|known| known.name == sink) {
            (known.errors, known.troubled) = (known.errors + 1, true);
        }
    }

    fn under_way(&self) -> MutexGuard<'_, VecDeque<(Tick, Vec<Read>)>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lines were read and decoded, in so long.
    pub fn read(&self, topic: Topic, records: u64, bytes: usize, decoding: Duration) {
        let labels = [topic.name()];
        self.figures.input_records.with_label_values(&labels).inc_by(records);
        self.figures.input_bytes.with_label_values(&labels).inc_by(bytes as u64);
        self.figures.input_last.with_label_values(&labels).set(now_s());
        self.figures.busy.with_label_values(&["decode", "intake"]).inc_by(decoding.as_secs_f64());
    }

    /// How much of each partition was not read.
    pub fn behind(&self, partitions: &[(Partition, Behind)]) {
        let mut lags: Vec<Lag> = Vec::new();
        for (partition, behind) in partitions {
            let of_topic = partitions.iter().filter(|(other, _)| other.topic == partition.topic).count();
            let number =
                if of_topic > PARTITIONS_MAX { "all".to_owned() } else { partition.number.to_string() };
            let source = partition.topic.name().to_owned();
            let (records, bytes) = match *behind {
                Behind::Records(records) => (Some(records), None),
                Behind::Bytes(bytes) => (None, Some(bytes)),
            };
            match lags.last_mut().filter(|last| last.source == source && last.partition == number) {
                Some(last) => {
                    last.records = last.records.zip(records).map(|(sum, more)| sum + more);
                    last.bytes = last.bytes.zip(bytes).map(|(sum, more)| sum + more);
                }
                None => lags.push(Lag { source, partition: number, records, bytes }),
            }
        }
        for Lag { source, partition, records, bytes } in &lags {
            let labels = [source, partition];
            let figures = &self.figures;
            records
                .iter()
                .for_each(|lag| figures.input_lag_records.with_label_values(&labels).set(*lag as f64));
            bytes.iter().for_each(|lag| figures.input_lag_bytes.with_label_values(&labels).set(*lag as f64));
        }
        *self.lags.lock().unwrap_or_else(PoisonError::into_inner) = lags;
    }

    /// How much of each partition was not read when it was looked last.
    pub fn lags(&self) -> Vec<Lag> {
        let mut lags = self.lags.lock().unwrap_or_else(PoisonError::into_inner).clone();
        lags.extend(self.others().values().flat_map(|(_, lags, _)| lags.iter().cloned()));
        let place = |lag: &Lag| {
            let topic = Topic::ALL.into_iter().position(|topic| topic.name() == lag.source);
            (topic, lag.partition.parse::<u16>().ok())
        };
        lags.sort_by_key(place);
        lags
    }

    /// What waits at an endpoint, and how much may.
    pub fn waits(&self, endpoint: Endpoint, bytes: usize, bytes_max: u64) {
        self.figures.buffered.with_label_values(&[endpoint.name()]).set(bytes as f64);
        self.figures.capacity.with_label_values(&[endpoint.name()]).set(bytes_max as f64);
    }

    /// What fills an endpoint was held up for so long.
    pub fn stalled(&self, endpoint: Endpoint, time: Duration) {
        self.figures.stalls.with_label_values(&[endpoint.name()]).inc_by(time.as_secs_f64());
    }

    /// A tick has closed; this was read for it.
    pub fn closed(&self, tick: Tick, reads: Vec<Read>) {
        self.figures.frontier.with_label_values(&["decode"]).set(seconds(tick));
        if !reads.is_empty() {
            self.under_way().push_back((tick, reads));
        }
    }

    /// Every sink has everything through a tick.
    pub fn durable(&self, through: Tick) {
        let mut under_way = self.under_way();
        let latency = self.figures.latency.with_label_values(&NONE).local();
        let now = Instant::now();
        while let Some((_, reads)) = under_way.pop_front_if(|(tick, _)| *tick <= through) {
            for Read { at, records } in reads {
                let seconds = now.saturating_duration_since(at).as_secs_f64();
                (0..records).for_each(|_| latency.observe(seconds));
            }
        }
        drop(under_way);
        latency.flush();
    }

    /// A worker has told these differences of counts.
    pub fn counted(&self, counts: &Counts) {
        let add = |sum: &AtomicI64, diff: i64| {
            if diff != 0 {
                sum.fetch_add(diff, Ordering::Relaxed);
            }
        };
        add(&self.counts.open, counts.open);
        add(&self.counts.settled, counts.settled);
        add(&self.counts.cancelled, counts.cancelled);
        add(&self.counts.duplicates, counts.duplicates);
        for (attempt, records) in counts.recovered.iter().enumerate().filter(|(_, records)| **records > 0) {
            let recovered = self.figures.recovered.with_label_values(&[attempt.to_string()]);
            recovered.inc_by(records.unsigned_abs());
        }
    }

    /// All that was counted will be counted again.
    pub fn begins_anew(&self) {
        let WagerCounts { open, settled, cancelled, duplicates } = &self.counts;
        for count in [open, settled, cancelled, duplicates] {
            count.store(0, Ordering::Relaxed);
        }
    }

    /// Wagers, by where they stand.
    pub fn wagers(&self) -> Wagers {
        let of = |count: &AtomicI64| count.load(Ordering::Relaxed).max(0).unsigned_abs();
        let counts = &self.counts;
        Wagers { open: of(&counts.open), settled: of(&counts.settled), cancelled: of(&counts.cancelled) }
    }

    /// All changes of the next tick, on their way to the sinks.
    pub fn told(&self, tally: &mut Tally, rows: &TickRows) {
        tally.take(rows, &mut Heard(&self.figures));
    }

    /// Every worker has closed everything through a tick: shows what stands.
    pub fn gathered(&self, tally: &mut Tally, through: Tick) {
        self.figures.frontier.with_label_values(&["outputs"]).set(seconds(through));
        self.health.gathered(through);
        self.standing.take(&mut tally.moved, through);
        let board = Arc::new(tally.board(through));
        *self.board.lock().unwrap_or_else(PoisonError::into_inner) = board;
    }

    /// What stands.
    pub fn board(&self) -> Arc<Board> {
        Arc::clone(&self.board.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The books stand as they did before the start.
    pub fn hydrated(&self) {
        self.show_hydration(true);
        self.health.hydrated();
    }

    fn show_hydration(&self, is_done: bool) {
        self.figures.hydration.with_label_values(&NONE).set(self.began.elapsed().as_secs_f64());
        self.figures.hydrated.with_label_values(&NONE).set(f64::from(u8::from(is_done)));
    }

    /// Everything, as Prometheus reads it.
    ///
    /// # Errors
    /// Where a figure has no value.
    pub fn metrics(&self) -> Result<String, Error> {
        if let Some(process) = Process::look() {
            process.show(&self.figures);
        }
        self.show_counts();
        if self.generation() > 0 {
            if !self.health.is_hydrated() {
                self.show_hydration(false);
            }
            self.show_board(&self.board());
            let oldest = self.under_way().front().and_then(|(_, reads)| reads.first().map(|read| read.at));
            let age = oldest.map_or(Duration::ZERO, |at| at.elapsed());
            self.figures.input_oldest.with_label_values(&NONE).set(now_s() - age.as_secs_f64());
        }
        self.figures.render()
    }

    fn show_counts(&self) {
        let figures = &self.figures;
        let Wagers { open, settled, cancelled } = self.wagers();
        for (state, count) in [("open", open), ("settled", settled), ("cancelled", cancelled)] {
            figures.wagers.with_label_values(&[state]).set(count as f64);
        }
        let duplicates = figures.input_duplicates.with_label_values(&NONE);
        let now = self.counts.duplicates.load(Ordering::Relaxed).max(0).unsigned_abs();
        duplicates.inc_by(now.saturating_sub(duplicates.get()));
    }

    fn show_board(&self, board: &Board) {
        let figures = &self.figures;
        for (currency, money) in &board.money {
            figures.imbalance.with_label_values(&[currency]).set(money.imbalance as f64);
            figures.held.with_label_values(&[currency]).set(money.held as f64);
        }
        for kind in AnomalyKind::ALL {
            for (severity, count) in SEVERITIES.iter().zip(board.anomalies[kind as usize]) {
                let open = figures.anomalies.with_label_values(&[kind.name(), severity]);
                open.set(count as f64);
            }
        }
        figures
            .out_of_band
            .with_label_values(&NONE)
            .set(board.anomalies_of(AnomalyKind::RtpOutOfBand) as f64);
        for cause in Cause::ALL {
            let labels = [cause.name()];
            figures.rejects.with_label_values(&labels).set(board.rejects[cause as usize] as f64);
            figures.quarantine.with_label_values(&labels).set(board.quarantine[cause as usize] as f64);
        }
        let oldest = board.quarantine_oldest.map_or_else(now_s, seconds);
        figures.quarantine_oldest.with_label_values(&NONE).set(oldest);
    }
}

/// Counts what is heard.
struct Heard<'f>(&'f Figures);

impl Events for Heard<'_> {
    fn asked(&mut self, cause: &str, attempt: &str) {
        self.0.attempts.with_label_values(&[cause, attempt]).inc();
    }

    fn set_aside(&mut self, topic: &str, cause: Cause) {
        self.0.input_faults.with_label_values(&[topic, cause.name()]).inc();
    }
}

/// Seconds since 1970 UTC.
fn now_s() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// A tick in seconds.
fn seconds(tick: Tick) -> f64 {
    tick as f64 / 1_000.0
}
