//! Outputs: what stages tell reaches the reader.
//!
//! ```text
//! rejects, matching, ledger, aggregates, anomalies ──▶ gather ──▶ reader: changes by tick, rows at rest, counts
//! ```
//! Each worker reads its own; whoever writes the files or the sinks brings the workers' ticks together.

use timely::dataflow::StreamVec;
use timely::dataflow::operators::core::Concatenate;

use crate::Tick;
use crate::seams::Reading;

/// Builds the stage.
pub fn build<'s>(told: Vec<StreamVec<'s, Tick, Reading>>) -> StreamVec<'s, Tick, Reading> {
    let scope = told[0].scope();
    scope.concatenate(told)
}
