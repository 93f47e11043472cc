//! What would be found under other rules: the same stream is judged twice in one run, and told is where the two differ.
//!
//! ```text
//! rows under the rules in force ──┐
//!                                 ├─▶ by kind and subject, until both sides say the same ──▶ what_if.json
//! rows under the others ──────────┘
//! ```
//! Only rules for what is an anomaly can be others: time, currencies and books are those in force.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use gyre_dataflows::rows::{AnomalyKind, Output, Rows};
use gyre_dataflows::seams::Reading;
use gyre_domain::rules::Rules;
use serde::{Deserialize, Serialize};

use crate::config::{self, Config};
use crate::error::{Domain, Error, Result};
use crate::texts::{Key, Phrase};

/// Subjects that are named of each sort; all are counted.
const LISTED_MAX: usize = 1_000;

/// The rules in the file at `path`: what it leaves out is as in those in force.
///
/// # Errors
/// As [`config::load`]; exit 2 too where it sets something else than what is an anomaly.
pub fn rules(path: &Path, in_force: &Config) -> Result<Rules> {
    let asked = config::load_over(path, in_force.clone())?;
    let rest = judging_as(&asked.rules, &in_force.rules);
    if rest != in_force.rules || asked.postings != in_force.postings {
        let what = Phrase::new(Key::WhatIfBeyond).with("path", path.display());
        return Err(Error::usage(Domain::Config, what).help(Key::WhatIfBeyondHelp));
    }
    Ok(asked.rules)
}

/// `rules`, but with anomalies judged as `by` does.
fn judging_as(rules: &Rules, by: &Rules) -> Rules {
    Rules {
        rtp_band_z: by.rtp_band_z,
        velocity_window_ms: by.velocity_window_ms,
        velocity_wagers_max: by.velocity_wagers_max,
        spike_score_max: by.spike_score_max,
        spike_wagers_min: by.spike_wagers_min,
        thresholds: by.thresholds.clone(),
        ..rules.clone()
    }
}

/// Whose row it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// Under the rules in force.
    InForce,
    /// Under the others.
    Other,
}

/// An anomaly's key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Deserialize)]
struct Found {
    kind: String,
    tenant: String,
    subject: String,
}

/// The rows of one key that the two sides do not share: in force, other.
type Rivals = [Option<Box<[u8]>>; 2];

/// Holds both sides' rows until they meet.
#[derive(Default)]
pub struct WhatIf {
    rivals: Mutex<BTreeMap<Found, Rivals>>,
}

impl WhatIf {
    /// Takes the anomalies at rest out of what is told.
    ///
    /// # Errors
    /// Never, but for a bug.
    pub fn take(&self, side: Side, reading: &Reading) -> Result<()> {
        self.take_rows(side, &reading.rest.loose)?;
        self.take_rows(side, &reading.rest.sorted)
    }

    fn take_rows(&self, side: Side, rows: &Rows) -> Result<()> {
        for (_, row) in rows.iter().filter(|(head, _)| head.output == Output::Anomalies) {
            let found: Found = serde_json::from_slice(row).map_err(Error::bug)?;
            // What is wrong with a record is so under any rules, and is told once.
            if !AnomalyKind::ALL.iter().any(|kind| kind.name() == found.kind && kind.has_rule()) {
                continue;
            }
            let mut rivals = self.rivals.lock().unwrap_or_else(PoisonError::into_inner);
            let both = rivals.entry(found.clone()).or_default();
            both[side as usize] = Some(row.into());
            if both[0] == both[1] {
                rivals.remove(&found);
            }
        }
        Ok(())
    }

    /// Where the sides differ.
    pub fn finish(self) -> Differences {
        let mut kinds: BTreeMap<String, Difference> = BTreeMap::new();
        for (found, rivals) in self.rivals.into_inner().unwrap_or_else(PoisonError::into_inner) {
            let Found { kind, tenant, subject } = found;
            let difference = kinds.entry(kind).or_default();
            let (count, subjects) = match rivals {
                [None, _] => (&mut difference.flagged, &mut difference.flagged_subjects),
                [_, None] => (&mut difference.withdrawn, &mut difference.withdrawn_subjects),
                _ => (&mut difference.changed, &mut difference.changed_subjects),
            };
            *count += 1;
            if subjects.len() < LISTED_MAX {
                subjects.push(Subject { tenant, subject });
            }
        }
        Differences { kinds, subjects_listed_max: LISTED_MAX }
    }
}

/// `what_if.json`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Differences {
    /// By kind of anomaly, where there are any.
    pub kinds: BTreeMap<String, Difference>,
    /// Of each list the first so many are named.
    pub subjects_listed_max: usize,
}

/// Where the two sides differ on a kind of anomaly.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Difference {
    /// Anomalies that only the other rules find.
    pub flagged: u64,
    /// Anomalies that only the rules in force find.
    pub withdrawn: u64,
    /// Anomalies that both find, with other figures.
    pub changed: u64,
    /// Whose they are.
    pub flagged_subjects: Vec<Subject>,
    /// Whose they are.
    pub withdrawn_subjects: Vec<Subject>,
    /// Whose they are.
    pub changed_subjects: Vec<Subject>,
}

/// Whose an anomaly is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Subject {
    /// The tenant.
    pub tenant: String,
    /// As in `anomalies`.
    pub subject: String,
}

impl Differences {
    /// `what_if.json`.
    ///
    /// # Errors
    /// Never, but for a bug.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        let mut text = serde_json::to_vec_pretty(self).map_err(Error::bug)?;
        text.push(b'\n');
        Ok(text)
    }
}
