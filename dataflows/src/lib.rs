//! The pure half of Gyre: the dataflow from records to books.
//!
//! ```text
//!                   ┌─── laps: a record that may mend enters again after 1 s, 4 s, 16 s ────────┐
//!                   ▼                                                                           │
//! lines ─▶ decode ─▶ validate ─▶ matching ─▶ ledger ─▶ balances ◀──── what rules hold ─┬──┐     │
//!                       │           │   │       └──────────┐                           │  │     │
//!                       │           │   ├─▶ aggregates (RTP)───▶ anomalies ────────────│──┤     │
//!                       │           │   └─ rules ─┴────────────────┘ └─ grounds ─┐     │  │     │
//!                       ├───────────┴─ what commands are about, payouts ──────▶ settle ┴──┤     │
//!                       ├───────────┬─ what fails ────▶ recollect ─▶ requests, quarantine ┤     │
//!                       │           │                       └─────────────────────────────│─────┘
//!                       ▼           ▼                                                     ▼
//!                    rejects ────rejects, wager_states ──────────────────────────────▶ outputs
//! ```
//! The books are a function of the *set* of admitted records: not of their order, their batching or the number of
//! workers. Everything that decides anything about money is here or in [`gyre_domain`]; nothing here knows of files,
//! clocks, metrics or the network.

pub mod decode;

pub mod validate;

pub mod matching;

pub mod ledger;

pub mod aggregates;

pub mod anomalies;

pub mod settle;

pub mod recollect;

pub mod outputs;

pub mod batch;
pub mod checkpoint;
pub mod directives;
pub mod faults;
pub mod graph;
pub mod keys;
pub mod names;
pub mod ops;
pub mod packed;
pub mod rows;
pub mod rulebook;
pub mod seams;

/// Logical time: milliseconds since 1970 UTC, closed once and for all.
pub type Tick = u64;

/// The stages, in the order of the data.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Stage {
    /// Lines become records.
    Decode,
    /// Unsound records are set aside.
    Validate,
    /// The records of a wager become what they amount to.
    Matching,
    /// Events become postings and balances.
    Ledger,
    /// Plays become RTP.
    Aggregates,
    /// What looks wrong is found.
    Anomalies,
    /// What commands did to records and money.
    Settle,
    /// Failed records enter again, or are quarantined.
    Recollect,
    /// What is told reaches the reader.
    Outputs,
}

impl Stage {
    /// All stages.
    pub const ALL: [Stage; 9] = [
        Stage::Decode,
        Stage::Validate,
        Stage::Matching,
        Stage::Ledger,
        Stage::Aggregates,
        Stage::Anomalies,
        Stage::Settle,
        Stage::Recollect,
        Stage::Outputs,
    ];

    /// Its name in regions, metrics and the console.
    pub const fn name(self) -> &'static str {
        match self {
            Stage::Decode => "decode",
            Stage::Validate => "validate",
            Stage::Matching => "matching",
            Stage::Ledger => "ledger",
            Stage::Aggregates => "aggregates",
            Stage::Anomalies => "anomalies",
            Stage::Settle => "settle",
            Stage::Recollect => "recollect",
            Stage::Outputs => "outputs",
        }
    }
}
