//! What would be found under other rules: the same stream is judged twice in one run, and told is where the two differ.
//!
//! ```text
//! rows under the rules in force ──┐
//!                                 ├─▶ by kind and subject, until both sides say the same ──▶ what_if.json
//! rows under the others ──────────┘                                                              ▲
//! what both hold, by account ────────────────────────────────────────────────────────────────────┘
//! ```
//! Only rules for what is an anomaly can be others: time, currencies and books are those in force.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use gyre_dataflows::rows::{AnomalyKind, Output, Rows};
use gyre_dataflows::seams::Reading;
use gyre_domain::money::decimal;
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
        device_accounts_min: by.device_accounts_min,
        instrument_accounts_min: by.instrument_accounts_min,
        net_exposure_max: by.net_exposure_max,
        covered_stake_min: by.covered_stake_min,
        covered_rounds_min: by.covered_rounds_min,
        holds: by.holds,
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

/// What rules hold of an account's payouts, as it is told beside: minor units in digits.
#[derive(Deserialize)]
struct HeldRow {
    tenant: String,
    account: String,
    currency: String,
    digits: u8,
    in_force: String,
    other: String,
}

/// Tenant, currency, account.
type Purse = (String, String, String);

/// What is held of it: digits of the minor unit; in force, other.
type Held = (u8, [i128; 2]);

/// Holds both sides' rows until they meet.
#[derive(Default)]
pub struct WhatIf {
    rivals: Mutex<BTreeMap<Found, Rivals>>,
    held: Mutex<BTreeMap<Purse, Held>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl WhatIf {
    /// Takes the anomalies at rest out of what is told, and of what is told beside also what is held.
    ///
    /// # Errors
    /// Never, but for a bug.
    pub fn take(&self, side: Side, reading: &Reading) -> Result<()> {
        if side == Side::Other {
            self.take_held(&reading.rest.loose)?;
        }
        self.take_rows(side, &reading.rest.loose)?;
        self.take_rows(side, &reading.rest.sorted)
    }

    fn take_held(&self, rows: &Rows) -> Result<()> {
        for (_, row) in rows.iter().filter(|(head, _)| head.output == Output::Balances) {
            let HeldRow { tenant, account, currency, digits, in_force, other } =
                serde_json::from_slice(row).map_err(Error::bug)?;
            let minor = [in_force.parse().map_err(Error::bug)?, other.parse().map_err(Error::bug)?];
            locked(&self.held).insert((tenant, currency, account), (digits, minor));
        }
        Ok(())
    }

    fn take_rows(&self, side: Side, rows: &Rows) -> Result<()> {
        for (_, row) in rows.iter().filter(|(head, _)| head.output == Output::Anomalies) {
            let found: Found = serde_json::from_slice(row).map_err(Error::bug)?;
            // What has no thresholds is the same under any rules.
            if AnomalyKind::from_name(&found.kind).is_none_or(|kind| kind.thresholds().is_empty()) {
                continue;
            }
            let mut rivals = locked(&self.rivals);
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
        let held = self.held.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (held, held_accounts) = (held_by_currency(&held), held_by_account(&held));
        Differences { kinds, held, held_accounts, subjects_listed_max: LISTED_MAX }
    }
}

fn held_by_currency(held: &BTreeMap<Purse, Held>) -> Vec<HeldSum> {
    // By tenant and currency: the digits, the sums, and how many accounts differ.
    let mut sums: BTreeMap<(&str, &str), (u8, [i128; 2], u64)> = BTreeMap::new();
    for ((tenant, currency, _), (digits, minor)) in held {
        let (of, sum, accounts) = sums.entry((tenant, currency)).or_default();
        *of = *digits;
        sum.iter_mut().zip(minor).for_each(|(sum, minor)| *sum += minor);
        *accounts += u64::from(minor[0] != minor[1]);
    }
    sums.into_iter()
        .map(|((tenant, currency), (digits, [in_force, other], accounts))| HeldSum {
            tenant: tenant.to_owned(),
            currency: currency.to_owned(),
            in_force: decimal(in_force, digits),
            other: decimal(other, digits),
            accounts,
        })
        .collect()
}

fn held_by_account(held: &BTreeMap<Purse, Held>) -> Vec<HeldAccount> {
    let differing = held.iter().filter(|(_, (_, minor))| minor[0] != minor[1]).take(LISTED_MAX);
    let account = |((tenant, currency, account), (digits, [in_force, other])): (&Purse, &Held)| HeldAccount {
        tenant: tenant.clone(),
        account: account.clone(),
        currency: currency.clone(),
        in_force: decimal(*in_force, *digits),
        other: decimal(*other, *digits),
    };
    differing.map(account).collect()
}

/// `what_if.json`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Differences {
    /// By kind of anomaly, where there are any.
    pub kinds: BTreeMap<String, Difference>,
    /// What rules hold of payouts at the end, by tenant and currency, where either side holds anything.
    pub held: Vec<HeldSum>,
    /// The accounts of which the two sides do not hold the same.
    pub held_accounts: Vec<HeldAccount>,
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

/// What rules hold of payouts in a currency. Money is a decimal number.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HeldSum {
    /// The tenant.
    pub tenant: String,
    /// Its code.
    pub currency: String,
    /// Held by the rules in force.
    pub in_force: String,
    /// Held by the others.
    pub other: String,
    /// Accounts of which they do not hold the same.
    pub accounts: u64,
}

/// What rules hold of an account's payouts. Money is a decimal number.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HeldAccount {
    /// The tenant.
    pub tenant: String,
    /// Whose.
    pub account: String,
    /// Its code.
    pub currency: String,
    /// Held by the rules in force.
    pub in_force: String,
    /// Held by the others.
    pub other: String,
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
