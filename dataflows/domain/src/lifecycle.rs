//! A wager's life: one pure function over its few records, in any order.
//!
//! The order of judgement is fixed, and a record's cause is the first that it fails: the wager records against the
//! reference rows; every outcome against the standing wager; then, for each `outcome_id`, the highest revision, and
//! at one revision the smallest (`at_ms`, canonical content), stands provisionally; the cancel against those; settles
//! against a standing cancel; conflicts last. A record that was set aside takes no part in what follows.

use std::cmp::Ordering;

use crate::cause::Cause;
use crate::records::{Outcome, OutcomeKind, Record, Wager};

/// What the reference rows say of wagers.
pub trait References {
    /// The cause for which the reference rows set a wager aside, if any: `UnknownGame` before `UnknownAccount`.
    fn refuses(&self, wager: &Wager<'_>) -> Option<Cause>;
    /// How long after a wager its result is due.
    fn result_due_ms(&self, wager: &Wager<'_>) -> u64;
}

/// Where a wager stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum State {
    /// There is no standing wager.
    #[default]
    Absent,
    /// Neither settled nor cancelled.
    Open,
    /// At least one settle stands.
    Settled,
    /// The cancel stands: stake and reverse are booked.
    Cancelled,
}

/// What the records of one wager amount to. Numbers are indexes into the records judged.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Life {
    /// Where the wager stands.
    pub state: State,
    /// The standing wager record.
    pub wager: Option<usize>,
    /// The standing settles, which pay.
    pub settles: Vec<usize>,
    /// The standing unsettles.
    pub unsettles: Vec<usize>,
    /// The standing cancel.
    pub cancel: Option<usize>,
    /// Cancels wait for a wager that is not there.
    pub tombstone: bool,
    /// Records set aside, each with its cause.
    pub rejects: Vec<(usize, Cause)>,
    /// Different contents under one identity and revision; the standing one first.
    pub conflicts: Vec<Vec<usize>>,
    /// While open: from when on an outcome is missing.
    pub missing_from_ms: Option<u64>,
    /// The smallest `known_ms` of the outcomes that stand or were set aside, where the wager was placed after it.
    pub known_before_ms: Option<u64>,
}

/// Judges the records of one wager: wagers and outcomes of one identity, nothing else. Records must be distinct in content (copies are the caller's to count).
pub fn judge(records: &[Record<'_>], references: &impl References, skew_ms_max: u64) -> Life {
    let mut life = Life::default();
    let contents: Vec<Vec<u8>> = match records.len() {
        0 | 1 => vec![Vec::new(); records.len()],
        _ => records.iter().map(content).collect(),
    };
    let tie = |a: &usize, b: &usize| -> Ordering {
        (records[*a].at_ms(), &contents[*a]).cmp(&(records[*b].at_ms(), &contents[*b]))
    };
    judge_wagers(records, references, &tie, &mut life);
    let Some(standing) = life.wager else {
        for (index, record) in records.iter().enumerate() {
            match record {
                Record::Outcome(outcome) if outcome.kind == OutcomeKind::Cancel => life.tombstone = true,
                Record::Outcome(_) => life.rejects.push((index, Cause::OutcomeWithoutWager)),
                _ => {}
            }
        }
        return life;
    };
    let Record::Wager(wager) = &records[standing] else {
        unreachable!("only a wager record stands as the wager")
    };
    let mut sound = Vec::new();
    for (index, record) in records.iter().enumerate() {
        let Record::Outcome(outcome) = record else { continue };
        match contradicts(outcome, wager, skew_ms_max) {
            Some(cause) => life.rejects.push((index, cause)),
            None => sound.push(index),
        }
    }
    judge_outcomes(records, sound, &tie, &mut life);
    life.state = match (&life.cancel, life.settles.is_empty()) {
        (Some(_), _) => State::Cancelled,
        (None, false) => State::Settled,
        (None, true) => State::Open,
    };
    if life.state == State::Open {
        let reopened_ms = life.unsettles.iter().filter_map(|&index| records[index].at_ms()).max();
        let since_ms = reopened_ms.map_or(wager.at_ms, |at_ms| at_ms.max(wager.at_ms));
        life.missing_from_ms = Some(since_ms + references.result_due_ms(wager));
    }
    life.known_before_ms = known_before(records, wager, &life);
    life
}

/// Canonical content, by which ties are broken.
fn content(record: &Record<'_>) -> Vec<u8> {
    let mut content = Vec::with_capacity(256);
    record.canonical(&mut content);
    content
}

/// The wager records: reference checks, then revision, then the smallest.
fn judge_wagers(
    records: &[Record<'_>],
    references: &impl References,
    tie: &impl Fn(&usize, &usize) -> Ordering,
    life: &mut Life,
) {
    let mut sound = Vec::new();
    for (index, record) in records.iter().enumerate() {
        let Record::Wager(wager) = record else { continue };
        match references.refuses(wager) {
            Some(cause) => life.rejects.push((index, cause)),
            None => sound.push(index),
        }
    }
    let group = highest_revision(records, sound, tie);
    life.wager = group.first().copied();
    keep_conflict(group, life);
}

/// What an outcome gets wrong about its wager, the first of the fixed order.
fn contradicts(outcome: &Outcome<'_>, wager: &Wager<'_>, skew_ms_max: u64) -> Option<Cause> {
    if outcome.account.as_ref().is_some_and(|account| *account != wager.account) {
        return Some(Cause::AccountMismatch);
    }
    if outcome.game.as_ref().is_some_and(|game| *game != wager.game) {
        return Some(Cause::GameMismatch);
    }
    if outcome.stake.is_some_and(|stake| stake.minor(wager.currency.exponent()) != Some(wager.stake)) {
        return Some(Cause::StakeMismatch);
    }
    if outcome.currency.is_some_and(|currency| currency != wager.currency) {
        return Some(Cause::CurrencyMismatch);
    }
    (outcome.at_ms.saturating_add(skew_ms_max) < wager.at_ms).then_some(Cause::OutcomeBeforeWager)
}

/// Outcomes that agree with the wager: by `outcome_id`, the cancel, settles against it, conflicts.
fn judge_outcomes(
    records: &[Record<'_>],
    sound: Vec<usize>,
    tie: &impl Fn(&usize, &usize) -> Ordering,
    life: &mut Life,
) {
    let outcome = |index: usize| match &records[index] {
        Record::Outcome(outcome) => outcome,
        _ => unreachable!("only outcomes are sound outcomes"),
    };
    let (cancels, mut others): (Vec<_>, Vec<_>) =
        sound.into_iter().partition(|&index| outcome(index).kind == OutcomeKind::Cancel);
    others.sort_by(|&a, &b| outcome(a).outcome_id.cmp(&outcome(b).outcome_id));
    let mut groups: Vec<Vec<usize>> = others
        .chunk_by(|&a, &b| outcome(a).outcome_id == outcome(b).outcome_id)
        .map(|group| highest_revision(records, group.to_vec(), tie))
        .collect();
    let cancels = highest_revision(records, cancels, tie);

    if let Some(&cancel) = cancels.first() {
        let revision = outcome(cancel).origin.revision;
        let provisional =
            groups.iter().map(|group| outcome(group[0])).filter(|it| it.kind == OutcomeKind::Settle);
        if cancel_stands(outcome(cancel), provisional) {
            life.cancel = Some(cancel);
            keep_conflict(cancels, life);
            for group in &mut groups {
                group.retain(|&index| {
                    let judged = outcome(index);
                    if judged.kind == OutcomeKind::Settle && judged.origin.revision == revision {
                        life.rejects.push((index, Cause::SettleAfterCancel));
                    }
                    judged.kind != OutcomeKind::Settle || judged.origin.revision > revision
                });
            }
        } else {
            life.rejects.extend(cancels.into_iter().map(|index| (index, Cause::CancelAfterSettle)));
        }
    }
    for group in groups {
        let Some(&standing) = group.first() else { continue };
        match outcome(standing).kind {
            OutcomeKind::Settle => life.settles.push(standing),
            _ => life.unsettles.push(standing),
        }
        keep_conflict(group, life);
    }
}

/// Whether the cancel stands against the provisional settles: its revision is higher than all of theirs, or it was
/// strictly earlier than every one of the highest revision, which is its own.
fn cancel_stands<'a>(
    cancel: &Outcome<'_>,
    provisional: impl Iterator<Item = &'a Outcome<'a>> + Clone,
) -> bool {
    let Some(highest) = provisional.clone().map(|settle| settle.origin.revision).max() else { return true };
    match cancel.origin.revision.cmp(&highest) {
        Ordering::Greater => true,
        Ordering::Equal => provisional
            .filter(|settle| settle.origin.revision == highest)
            .all(|settle| cancel.at_ms < settle.at_ms),
        Ordering::Less => false,
    }
}

/// The records of the highest revision, the smallest (`at_ms`, content) first: it stands, the others are its rivals.
fn highest_revision(
    records: &[Record<'_>],
    mut group: Vec<usize>,
    tie: &impl Fn(&usize, &usize) -> Ordering,
) -> Vec<usize> {
    let highest = group.iter().map(|&index| records[index].origin().revision).max();
    group.retain(|&index| Some(records[index].origin().revision) == highest);
    group.sort_by(tie);
    group
}

/// Several contents under one identity and revision: the first stands, the rest are set aside.
fn keep_conflict(group: Vec<usize>, life: &mut Life) {
    if group.len() > 1 {
        life.rejects.extend(group[1..].iter().map(|&index| (index, Cause::ConflictingDuplicate)));
        life.conflicts.push(group);
    }
}

/// The smallest `known_ms` before the wager was placed, of outcomes that stand or were set aside.
fn known_before(records: &[Record<'_>], wager: &Wager<'_>, life: &Life) -> Option<u64> {
    let standing = life.settles.iter().chain(&life.unsettles).chain(&life.cancel);
    let aside = life.rejects.iter().map(|(index, _)| index);
    standing
        .chain(aside)
        .filter_map(|&index| match &records[index] {
            Record::Outcome(outcome) => outcome.known_ms,
            _ => None,
        })
        .filter(|&known_ms| wager.at_ms > known_ms)
        .min()
}

/// What records of one identity amount to that nothing else speaks of: payments, reference rows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Standing {
    /// The record that stands.
    pub stands: Option<usize>,
    /// Records set aside, each with its cause.
    pub rejects: Vec<(usize, Cause)>,
    /// Different contents under the standing revision; the standing one first; none where it stands alone.
    pub conflict: Vec<usize>,
}

/// Judges the records of one identity: those that `refuses` sets aside take no part; of the others the highest
/// revision, and there the smallest (`at_ms`, canonical content), stands. Records must be distinct in content.
pub fn judge_identity(records: &[Record<'_>], refuses: impl Fn(&Record<'_>) -> Option<Cause>) -> Standing {
    let contents: Vec<Vec<u8>> = records.iter().map(content).collect();
    let tie = |a: &usize, b: &usize| -> Ordering {
        (records[*a].at_ms(), &contents[*a]).cmp(&(records[*b].at_ms(), &contents[*b]))
    };
    let mut standing = Standing::default();
    let mut sound = Vec::new();
    for (index, record) in records.iter().enumerate() {
        match refuses(record) {
            Some(cause) => standing.rejects.push((index, cause)),
            None => sound.push(index),
        }
    }
    let group = highest_revision(records, sound, &tie);
    standing.stands = group.first().copied();
    if group.len() > 1 {
        standing.rejects.extend(group[1..].iter().map(|&index| (index, Cause::ConflictingDuplicate)));
        standing.conflict = group;
    }
    standing
}
