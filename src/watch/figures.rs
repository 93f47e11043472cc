//! Every figure that `/metrics` shows, in one table.
//!
//! Names, units and labels are a public contract: the README lists them. No label ever names an account, a wager or
//! anything else that grows with the stream, so the number of series is bounded by the config.

use prometheus::core::Collector;
use prometheus::{
    CounterVec, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder,
};

use crate::error::{Error, Result};

/// Upper bounds of what takes milliseconds to a minute.
const LATENCY_S: [f64; 10] = [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];
/// Upper bounds of what takes microseconds to seconds.
const STEP_S: [f64; 8] = [0.000_1, 0.000_5, 0.002, 0.01, 0.05, 0.25, 1.0, 5.0];

/// How a figure of a kind is made.
trait Kind: Collector + Clone + Sized + 'static {
    fn make(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<Self>;
}

impl Kind for IntCounterVec {
    fn make(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<Self> {
        Self::new(Opts::new(name, help), labels)
    }
}

impl Kind for CounterVec {
    fn make(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<Self> {
        Self::new(Opts::new(name, help), labels)
    }
}

impl Kind for GaugeVec {
    fn make(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<Self> {
        Self::new(Opts::new(name, help), labels)
    }
}

impl Kind for HistogramVec {
    fn make(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<Self> {
        let buckets = if name.contains("_step_") { STEP_S.to_vec() } else { LATENCY_S.to_vec() };
        Self::new(HistogramOpts::new(name, help).buckets(buckets), labels)
    }
}

fn register<K: Kind>(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<K> {
    let made = K::make(name, help, labels).and_then(|made| {
        registry.register(Box::new(made.clone()))?;
        Ok(made)
    });
    made.map_err(|error| Error::bug(format!("the figure {name} cannot be: {error}")))
}

macro_rules! figures {
    ($($field:ident: $kind:ident $name:literal [$($label:literal),*] $help:literal;)+) => {
        /// All figures of a process. A figure that was never touched is not shown.
        pub struct Figures {
            registry: Registry,
            $(#[doc = $help] pub $field: $kind,)+
        }

        impl Figures {
            /// The names of all of them, in the order of the table.
            pub const NAMES: &[&str] = &[$($name),+];

            /// Figures that stand at nothing.
            ///
            /// # Errors
            /// Where two have one name.
            pub fn new() -> Result<Self> {
                let registry = Registry::new();
                Ok(Self { $($field: register(&registry, $name, $help, &[$($label),*])?,)+ registry })
            }
        }
    };
}

figures! {
    // What comes in.
    input_records: IntCounterVec "gyre_input_records_total" ["source"] "Records read, by topic.";
    input_bytes: IntCounterVec "gyre_input_bytes_total" ["source"] "Bytes of lines read, by topic.";
    input_last: GaugeVec "gyre_input_last_record_timestamp_seconds" ["source"] "When a record was last read, by topic.";
    input_lag_records: GaugeVec "gyre_input_lag_records" ["source", "partition"] "Offsets of a Kafka partition that were not read; the markers of transactions are among them.";
    input_lag_bytes: GaugeVec "gyre_input_lag_bytes" ["source", "partition"] "Bytes of a file that were not read.";
    input_oldest: GaugeVec "gyre_input_oldest_unprocessed_timestamp_seconds" [] "When the oldest record was read that is not in every sink; now where all are.";
    input_faults: IntCounterVec "gyre_input_decode_errors_total" ["source", "cause"] "Records set aside by what they say themselves, by topic and cause.";
    input_duplicates: IntCounterVec "gyre_input_duplicates_total" [] "Extra equal copies of records.";

    // How far it is.
    frontier: GaugeVec "gyre_frontier_timestamp_seconds" ["stage"] "The tick through which a stage has closed.";
    output_frontier: GaugeVec "gyre_output_frontier_timestamp_seconds" ["sink"] "The tick through which a sink has committed.";
    hydrated: GaugeVec "gyre_hydrated" [] "1 once the books stand as they did before the start.";
    hydration: GaugeVec "gyre_hydration_duration_seconds" [] "How long it took, or takes, to bring the books back.";
    latency: HistogramVec "gyre_settlement_latency_seconds" [] "From the reading of a record until all that follows from it is in every sink.";

    // The dataflow.
    busy: CounterVec "gyre_stage_busy_seconds_total" ["stage", "worker"] "Time spent at work in a stage.";
    steps: HistogramVec "gyre_step_duration_seconds" [] "Time of one step of a worker.";

    // What waits.
    buffered: GaugeVec "gyre_buffered_bytes" ["endpoint"] "Bytes that wait: intake before ticks, outbox before sinks.";
    capacity: GaugeVec "gyre_buffer_capacity_bytes" ["endpoint"] "Bytes beyond which what fills a buffer is held up.";
    stalls: CounterVec "gyre_stall_seconds_total" ["endpoint"] "Time for which what fills a buffer was held up by it.";

    // Sinks.
    output_records: IntCounterVec "gyre_output_records_total" ["sink"] "Changes committed.";
    output_errors: IntCounterVec "gyre_output_errors_total" ["sink", "kind"] "Commits that failed: disk_full, unreachable.";
    commits: HistogramVec "gyre_output_commit_duration_seconds" ["sink"] "Time of one commit.";

    // The loop.
    attempts: IntCounterVec "gyre_recollect_attempts_total" ["cause", "attempt"] "Requests to the provider, by the verdict and the attempt.";
    recovered: IntCounterVec "gyre_recovered_total" ["attempt"] "Failed records that mended, by how often they had been asked for.";
    quarantine: GaugeVec "gyre_quarantine_records" ["cause"] "Failed records in quarantine.";
    quarantine_oldest: GaugeVec "gyre_quarantine_oldest_timestamp_seconds" [] "When the oldest record in quarantine first failed; now where there is none.";

    // The books.
    imbalance: GaugeVec "gyre_ledger_imbalance_minor_units" ["currency"] "Sum of all balances told; anything but 0 is wrong books.";
    held: GaugeVec "gyre_held_amount_minor_units" ["currency"] "Payouts that are held.";
    anomalies: GaugeVec "gyre_anomalies_open" ["kind", "severity"] "Anomalies that stand.";
    out_of_band: GaugeVec "gyre_rtp_out_of_band_games" [] "Games and currencies whose payouts are out of band.";
    rejects: GaugeVec "gyre_rejects" ["cause"] "Records that are set aside.";
    wagers: GaugeVec "gyre_wagers" ["state"] "Wagers, by where they stand.";

    // The process.
    cpu: CounterVec "process_cpu_seconds_total" [] "Total user and system CPU time spent in seconds.";
    open_fds: GaugeVec "process_open_fds" [] "Number of open file descriptors.";
    max_fds: GaugeVec "process_max_fds" [] "Maximum number of open file descriptors.";
    virtual_memory: GaugeVec "process_virtual_memory_bytes" [] "Virtual memory size in bytes.";
    resident_memory: GaugeVec "process_resident_memory_bytes" [] "Resident memory size in bytes.";
    threads: GaugeVec "process_threads" [] "Number of OS threads in the process.";
    started: GaugeVec "process_start_time_seconds" [] "Start time of the process since unix epoch in seconds.";
    build: GaugeVec "gyre_build_info" ["version", "features"] "What was built; always 1.";
    config: GaugeVec "gyre_config_info" ["job", "job_id", "workers", "tick_ms"] "What the job goes by; always 1.";
    generation: GaugeVec "gyre_generation" [] "Which start of the job this is.";
}

impl Figures {
    /// All of them, as Prometheus reads them.
    ///
    /// # Errors
    /// Where the encoder finds a figure without a value.
    pub fn render(&self) -> Result<String> {
        TextEncoder::new().encode_to_string(&self.registry.gather()).map_err(Error::bug)
    }
}
