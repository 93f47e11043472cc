//! Matching: the few records of a wager, or of a payment, become what they amount to.
//!
//! ```text
//! wagers ───┐                        ┌──▶ events and postings ──▶ ledger
//! outcomes ─┴▶ fold by wager ────────┼──▶ plays ──▶ aggregates
//! payments ──▶ fold by payment ──────┼──▶ rows: wager_states, rejects, anomalies of records
//! games ────┐        ▲               └──▶ counts
//! accounts ─┼▶ fold by row ──▶ standing reference rows, on every worker, beside what was decided
//! rules ────┘        └───────▶ standing rules ──▶ who judges anomalies
//! laps ──▶ the fold whose record failed ──▶ faults: verdicts, on what came and on what entered again
//! ```
//! At every tick, what is told of a key is [`gyre_domain::lifecycle::judge`] over all its admitted records and the
//! standing reference rows; a key without records tells nothing. What is *not* here: balances and RTP, which are sums
//! of what is told; anything about several wagers of an account.

use gyre_domain::records::Topic;
use timely::dataflow::operators::Leave;
use timely::dataflow::operators::core::{Concatenate, Filter, Map, OkErr};
use timely::dataflow::operators::vec::Broadcast;
use timely::dataflow::{Scope, StreamVec};

use crate::Tick;
use crate::batch::Batch;
use crate::checkpoint::Saving;
use crate::checkpoint::later::hand_in;
use crate::directives::Decided;
use crate::faults::FaultBatch;
use crate::graph::Settings;
use crate::ops::fan_out::fan_out;
use crate::ops::fold_by_key::{Pace, fold_in_loop};
use crate::rulebook::RuleChange;
use crate::seams::{LedgerBatch, LinkStreams, Links, Payable, PlaysBatch, Reading, Seen, Suspicion};
use commanded::Beside;
use directory::ReferenceRow;
use ties::Ties;
use told::Outbox;

pub mod booking;
pub mod commanded;
pub mod directory;
pub mod findings;
pub mod judged;
pub mod log;
pub mod many;
pub mod payments;
pub mod postings;
pub mod references;
pub mod rest;
pub mod saved;
pub mod ties;
pub mod told;
pub mod wagers;

/// What the stage gives.
pub struct Outputs<'s> {
    /// Events and postings, for the workers that own the accounts.
    pub ledger: StreamVec<'s, Tick, LedgerBatch>,
    /// Plays, for the workers that own the games.
    pub plays: StreamVec<'s, Tick, PlaysBatch>,
    /// Who used what, and who bet in which round.
    pub links: LinkStreams<'s>,
    /// Standing rules, on every worker.
    pub rules: StreamVec<'s, Tick, RuleChange>,
    /// What looks wrong with single records.
    pub suspicions: StreamVec<'s, Tick, (Suspicion, Tick, isize)>,
    /// Payouts that a rule could hold, once one holds any.
    pub payables: StreamVec<'s, Tick, (Payable, Tick, isize)>,
    /// What is seen of targets of commands.
    pub seen: StreamVec<'s, Tick, Seen>,
    /// Rows and counts.
    pub told: StreamVec<'s, Tick, Reading>,
    /// What became of failed records.
    pub faults: StreamVec<'s, Tick, FaultBatch>,
}

impl Outputs<'_> {
    /// Leaves the stage's region.
    pub fn leave(self, scope: Scope<'_, Tick>) -> Outputs<'_> {
        Outputs {
            ledger: self.ledger.leave(scope),
            plays: self.plays.leave(scope),
            links: self.links.leave(scope),
            rules: self.rules.leave(scope),
            suspicions: self.suspicions.leave(scope),
            payables: self.payables.leave(scope),
            seen: self.seen.leave(scope),
            told: self.told.leave(scope),
            faults: self.faults.leave(scope),
        }
    }
}

type Besides<'s> = StreamVec<'s, Tick, (Beside, Tick, isize)>;

/// Builds the stage. `laps` are failed records that enter again; `decided` is on every worker; `may_hold` where payouts
/// may be held without a rules row that says so.
pub fn build<'s>(
    records: StreamVec<'s, Tick, Batch>,
    laps: StreamVec<'s, Tick, Batch>,
    decided: StreamVec<'s, Tick, (Decided, Tick, isize)>,
    may_hold: bool,
    settings: &Settings,
    saving: &Saving,
) -> Outputs<'s> {
    let scope = records.scope();
    let pace = settings.pace();
    // Each of the three folds, on each worker, tells under a number of its own.
    let teller = 3 * scope.index() as u32;
    let [rows, wagers, payments] = by_fold(records);
    let [row_laps, wager_laps, payment_laps] = by_fold(laps);
    let (stood, back) = hand_in(scope, "hand in ties", saving);
    let ties = || Ties::new(saving, back.clone());
    let references = references::References::new(settings.clone(), teller, ties());
    let op = saving.op("fold reference rows");
    let rows = fold_in_loop(rows, decided.clone(), row_laps, op, pace, references);
    let (standing, rows_told) = fan_out(rows.told, "hand out reference rows", |mut outbox: Outbox, parts| {
        parts.first.append(&mut outbox.references);
        parts.second.push(outbox);
    });
    let (beside, rules) = beside(standing, decided);
    let wagers_fold = wagers::Wagers::new(settings.clone(), teller + 1, may_hold, ties());
    let payments_fold = payments::Payments::new(settings.clone(), teller + 2, ties());
    // Nothing of what these tell comes back to them: what is told of a step of a replay can be told at once.
    let pace = Pace { gathers: settings.rest_at_end, ..pace };
    let (op, besides) = (saving.op("fold wagers"), beside.clone());
    let wagers = fold_in_loop(wagers, besides, wager_laps, op, pace, wagers_fold);
    let op = saving.op("fold payments");
    let payments = fold_in_loop(payments, beside, payment_laps, op, pace, payments_fold);
    let faults = scope.concatenate([rows.verdicts, wagers.verdicts, payments.verdicts]);
    let all = scope.concatenate([rows_told, wagers.told, payments.told]);
    let (figures, told) = fan_out(all, "hand out what is told", |mut outbox: Outbox, parts| {
        parts.second.push(std::mem::take(&mut outbox.told));
        parts.first.push(outbox);
    });
    let (figures, seen) = fan_out(figures, "hand out what is seen", |mut outbox: Outbox, parts| {
        parts.second.append(&mut outbox.seen);
        parts.first.push(outbox);
    });
    let (figures, suspicions) = fan_out(figures, "hand out suspicions", |mut outbox: Outbox, parts| {
        parts.second.append(&mut outbox.suspicions);
        parts.first.push(outbox);
    });
    let (figures, payables) = fan_out(figures, "hand out payouts", |mut outbox: Outbox, parts| {
        parts.second.append(&mut outbox.payables);
        parts.first.push(outbox);
    });
    let (figures, mut links) = links(figures);
    if saving.is_on() {
        links.ties = scope.concatenate([links.ties, stood]);
    }
    let (ledger, plays) = fan_out(figures, "hand out events and plays", |outbox: Outbox, parts| {
        parts.first.extend(outbox.ledger.into_iter().filter(|batch| !batch.is_empty()));
        parts.second.extend(outbox.plays.into_iter().filter(|batch| !batch.is_empty()));
    });
    Outputs { ledger, plays, links, rules, suspicions, payables, seen, told, faults }
}

/// What every worker holds beside its keys, and the rules among it.
fn beside<'s>(
    standing: StreamVec<'s, Tick, (ReferenceRow, Tick, isize)>,
    decided: StreamVec<'s, Tick, (Decided, Tick, isize)>,
) -> (Besides<'s>, StreamVec<'s, Tick, RuleChange>) {
    let (standing, rules) = standing.broadcast().ok_err(|(row, tick, diff)| match row {
        ReferenceRow::Rule(rule) => Err((rule, tick, diff)),
        row => Ok((Beside::Reference(row), tick, diff)),
    });
    let holding = rules.clone().filter(|(rule, ..): &RuleChange| rule.holds());
    let holding: Besides<'s> = holding.map(|(_, tick, diff)| (Beside::RuleThatHolds, tick, diff));
    let decided: Besides<'s> = decided.map(|(decided, tick, diff)| (Beside::Decided(decided), tick, diff));
    (decided.scope().concatenate([standing, holding, decided]), rules)
}

/// What each fold takes: reference rows, wagers with their outcomes, payments.
fn by_fold<'s>(batches: StreamVec<'s, Tick, Batch>) -> [StreamVec<'s, Tick, Batch>; 3] {
    let (facts, rows): (StreamVec<'s, Tick, Batch>, StreamVec<'s, Tick, Batch>) =
        batches.ok_err(|batch: Batch| match batch.topic() {
            topic if topic.is_reference() => Err(batch),
            _ => Ok(batch),
        });
    let (payments, wagers): (StreamVec<'s, Tick, Batch>, StreamVec<'s, Tick, Batch>) =
        facts.ok_err(|batch: Batch| match batch.topic() {
            Topic::Payments => Ok(batch),
            _ => Err(batch),
        });
    [rows, wagers, payments]
}

/// Hands out who used what, and the bets of rounds.
fn links<'s>(told: StreamVec<'s, Tick, Outbox>) -> (StreamVec<'s, Tick, Outbox>, LinkStreams<'s>) {
    let (told, links) = fan_out(told, "hand out links", |mut outbox: Outbox, parts| {
        let links = std::mem::take(&mut outbox.links);
        if !links.is_empty() {
            parts.second.push(links);
        }
        parts.first.push(outbox);
    });
    let (ties, rest) = fan_out(links, "hand out ties", |mut links: Links, parts| {
        parts.first.append(&mut links.ties);
        parts.second.push(links);
    });
    let (bets, players) = fan_out(rest, "hand out bets", |links: Links, parts| {
        parts.first.extend(links.bets);
        parts.second.extend(links.players);
    });
    (told, LinkStreams { ties, bets, players })
}
