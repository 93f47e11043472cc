//! Anomalies: what looks wrong in the order of an account's events.
//!
//! ```text
//! events of accounts ──▶ timelines by account ──▶ overdraft, velocity, stake_spike, balance_mismatch,
//!                                ▲                deposit_then_withdraw, structuring
//! rules ─────────────────────────┼─────────┐
//! what players won ────▶ sums by account   │ ───▶ improbable_wins
//! suspicions of records ─────────────▶ judge ───▶ conflict, late_wager, payout_above_maximum
//! ```
//! Each is judged by the rule of its time, and where that says so it is a ground on which payouts are held. At every tick
//! there is at most one anomaly of each kind for a player in a currency, with the figures of the worst; it is withdrawn
//! when its ground goes. Events are read as cash and held together. What is *not* here: which records are suspicious
//! (those who match them say), anomalies of games (they follow from their sums), and of accounts together: [`links`].

pub mod links;

use std::cell::RefCell;
use std::rc::Rc;

use gyre_domain::integrity::wins::Wins;
use timely::dataflow::operators::Enter;
use timely::dataflow::operators::core::Concatenate;
use timely::dataflow::{Scope, StreamVec};

use crate::Tick;
use crate::checkpoint::Saving;
use crate::graph::Settings;
use crate::names::Names;
use crate::ops::timeline_by_key::{Changes, Reads, timeline_by_key};
use crate::rulebook::RuleChange;
use crate::seams::{Found, Suspicion};
use timelines::Accounts;

mod payments;
mod records;
mod timelines;
mod wins;

/// Rules, on every worker.
#[derive(Clone)]
pub struct Rules<'s> {
    /// Rows that stand, for what has a time.
    pub standing: StreamVec<'s, Tick, RuleChange>,
    /// Of them, those whose time has come: for whole histories.
    pub in_force: StreamVec<'s, Tick, RuleChange>,
}

impl<'s> Rules<'s> {
    /// Enters a stage's region.
    pub fn enter<'r>(self, region: Scope<'r, Tick>) -> Rules<'r> {
        Rules { standing: self.standing.enter(region), in_force: self.in_force.enter(region) }
    }
}

/// What the stage takes; accounts are those that this worker owns, by number.
#[derive(Clone)]
pub struct Inputs<'s> {
    /// What happened to them.
    pub events: StreamVec<'s, Tick, Rc<Changes>>,
    /// Changes of what they won.
    pub wins: StreamVec<'s, Tick, (u32, Wins, Tick)>,
    /// What looks wrong with single records.
    pub suspicions: StreamVec<'s, Tick, (Suspicion, Tick, isize)>,
    /// By what is judged.
    pub rules: Rules<'s>,
}

impl<'s> Inputs<'s> {
    /// Enters the stage's region.
    pub fn enter<'r>(self, region: Scope<'r, Tick>) -> Inputs<'r> {
        Inputs {
            events: self.events.enter(region),
            wins: self.wins.enter(region),
            suspicions: self.suspicions.enter(region),
            rules: self.rules.enter(region),
        }
    }
}

/// Builds the stage.
pub fn build<'s>(
    inputs: Inputs<'s>,
    names: &Rc<RefCell<Names>>,
    settings: &Settings,
    saving: &Saving,
) -> StreamVec<'s, Tick, Found> {
    let Inputs { events, wins, suspicions, rules } = inputs;
    let scope = events.scope();
    let records = records::build(suspicions, rules.clone(), settings, saving);
    let lucky = wins::build(wins, rules.in_force, names, settings, saving);
    let reads = Reads { changes: settings.wanted.changes, rest_at_end: settings.rest_at_end };
    let watch = Accounts::new(names, settings);
    let found = timeline_by_key(events, rules.standing, saving.op("timelines by account"), reads, watch);
    scope.concatenate([found, lucky, records])
}
