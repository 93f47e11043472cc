//! What a list of records tells, once it has been judged.

use gyre_domain::cause::Cause;
use gyre_domain::lifecycle::{Life, State};
use gyre_domain::records::{Outcome, Record, Wager};
use gyre_domain::rtp::Plays;

use super::booking::{credit_booked, reversed, stake_booked};
use super::directory::Directory;
use super::findings::Finding;
use super::many::Filed;
use super::postings;
use super::ties::Tied;
use super::told::{Play, QUARTER_MS, Told};
use crate::Tick;
use crate::directives::{Directives, Sight, hold_targets};
use crate::faults::FaultTeller;
use crate::graph::Settings;
use crate::rows::records::{Maximum, Staked, Standing, push_record_reject, push_wager_state};
use crate::rows::{AnomalyKind, Output, Wanted, write};
use crate::seams::{Payable, Suspicion};

/// A judged list with all that its telling needs.
pub struct Judged<'a> {
    /// The records.
    pub records: &'a [Record<'a>],
    /// The same, as filed.
    pub filed: &'a [Filed],
    /// What they amount to.
    pub life: &'a Life,
    /// Accounts, games, reference rows.
    pub directory: &'a Directory,
    /// What was decided.
    pub directives: &'a Directives,
    /// Of the graph.
    pub settings: &'a Settings,
    /// Asks for faults.
    pub faults: &'a FaultTeller,
    /// Now.
    pub tick: Tick,
    /// Whether rows are wanted.
    pub wanted: Wanted,
    /// Some rule holds payouts, or did.
    pub may_hold: bool,
}

impl Judged<'_> {
    /// Everything that is told of the key.
    pub fn tell(&self) -> Told {
        let mut told = Told::default();
        told.marks.duplicates = self.filed.iter().map(Filed::duplicates).sum();
        told.marks.tombstones = i8::from(self.life.tombstone);
        told.marks.rejects.extend(self.life.rejects.iter().map(|(_, cause)| *cause as u8));
        told.faults.extend(
            self.life.rejects.iter().filter_map(|&(at, cause)| self.faults.fault(&self.records[at], cause)),
        );
        let conflicts = self.conflicts();
        told.marks.anomalies.extend(conflicts.iter().map(|_| AnomalyKind::Conflict as u8));
        let keys = &self.settings.keys;
        told.suspicions.extend(conflicts.iter().filter_map(|rivals| Suspicion::conflict(rivals, keys)));
        if let Some((at, wager)) = self.life.wager.map(|at| (at, self.wager(at))) {
            self.tell_wager(at, wager, &mut told);
        }
        if self.wanted.changes {
            self.push_rejects(&mut told);
        }
        told
    }

    fn tell_wager(&self, at: usize, wager: &Wager<'_>, told: &mut Told) {
        let Some((account, game)) = self.directory.numbers_of(wager) else { return };
        self.book(at, wager, account, told);
        let standing = self.standing(wager);
        match self.life.state {
            State::Open => told.marks.states[0] = 1,
            State::Settled => told.marks.states[1] = 1,
            State::Cancelled => told.marks.states[2] = 1,
            State::Absent => {}
        }
        told.play = self.play(wager, account, game, &standing);
        let settled = standing.payout.zip(standing.settled_at_ms);
        told.tied = Tied::of_wager(wager, settled, &self.settings.keys);
        let is_held = self.hold(wager, account, told);
        let is_missing = self.life.missing_from_ms.is_some_and(|from_ms| from_ms <= self.tick);
        if is_missing {
            told.marks.rejects.push(Cause::OutcomeMissing as u8);
            told.faults.extend(self.faults.fault(&self.records[at], Cause::OutcomeMissing));
        }
        let findings = self.findings(wager, &standing);
        told.marks.anomalies.extend(findings.iter().map(|finding| finding.kind() as u8));
        let keys = &self.settings.keys;
        told.suspicions
            .extend(findings.iter().map(|it| it.suspicion(wager, &standing, self.directory, keys)));
        if !self.wanted.changes {
            return;
        }
        told.rows
            .push((Output::WagerStates, write(|out| push_wager_state(out, &Staked::of(wager), &standing))));
        if is_missing {
            let row = write(|out| {
                let position = self.filed[at].position();
                let places = &self.settings.places;
                push_record_reject(out, &self.records[at], Cause::OutcomeMissing, position, None, places);
            });
            told.rows.push((Output::Rejects, row));
        }
        if self.wanted.postings {
            self.push_postings(at, wager, is_held, told);
        }
    }

    fn book(&self, at: usize, wager: &Wager<'_>, account: u32, told: &mut Told) {
        let claim = |at: usize| self.filed[at].claim();
        let stake = stake_booked(account, wager.at_ms, wager.stake, wager.free_round, claim(at));
        told.booked.push(if self.life.cancel.is_some() { reversed(stake) } else { stake });
        for &settle in &self.life.settles {
            let outcome = self.outcome(settle);
            told.booked.extend(credit_booked(account, outcome.at_ms, payout(outcome), claim(settle)));
        }
        for &unsettle in &self.life.unsettles {
            told.booked.extend(credit_booked(account, self.outcome(unsettle).at_ms, 0, claim(unsettle)));
        }
        if let Some(cancel) = self.life.cancel {
            let at_ms = self.outcome(cancel).at_ms;
            told.booked.extend(credit_booked(account, at_ms, wager.stake, claim(cancel)));
        }
    }

    /// Whether commands hold its payouts.
    fn hold(&self, wager: &Wager<'_>, account: u32, told: &mut Told) -> bool {
        let (is_held, asked) = self.directives.holding_of(wager, &self.settings.keys);
        told.sights.extend(asked.into_iter().map(Sight::standing));
        let payouts = || self.life.settles.iter().map(|&at| payout(self.outcome(at))).filter(|&it| it != 0);
        if is_held && payouts().next().is_some() {
            told.held = Some((account, payouts().map(i128::from).sum(), payouts().count() as i64));
        }
        if self.may_hold && !is_held && payouts().next().is_some() {
            let amount = (payouts().map(i128::from).sum(), payouts().count() as i64);
            told.payable = Some(self.payable(wager, account, amount));
        }
        is_held
    }

    /// Its payouts, as a rule could hold them.
    fn payable(&self, wager: &Wager<'_>, account: u32, (minor, legs): (i128, i64)) -> Box<Payable> {
        let latest_ms = self.records.iter().filter_map(Record::at_ms).max().unwrap_or_default();
        let mut postings = Vec::new();
        for &at in self.life.settles.iter().filter(|_| self.wanted.postings) {
            let (settle, position) = (self.outcome(at), self.filed[at].position());
            postings.extend(postings::of_payable(wager, settle, position, &self.settings.places));
        }
        Box::new(Payable {
            of: hold_targets(wager, &self.settings.keys),
            purse: self.directory.account_key(account),
            minor,
            legs,
            until: self.settings.forget_after(latest_ms, false),
            postings,
        })
    }

    fn standing(&self, _wager: &Wager<'_>) -> Standing {
        let settles = || self.life.settles.iter().map(|&at| self.outcome(at));
        let is_settled = self.life.state == State::Settled;
        let standing = self.life.settles.iter().chain(&self.life.unsettles).chain(&self.life.cancel);
        Standing {
            state: self.life.state,
            payout: is_settled.then(|| settles().map(|settle| i128::from(payout(settle))).sum()),
            settled_at_ms: settles().map(|settle| settle.at_ms).max(),
            outcome_revision: standing.map(|&at| self.outcome(at).origin.revision).max(),
        }
    }

    fn play(&self, wager: &Wager<'_>, account: u32, game: u32, standing: &Standing) -> Option<Play> {
        if wager.free_round {
            return None;
        }
        let (plays, measure) = match self.life.state {
            State::Settled => {
                let measure = self.directory.terms(game, wager.at_ms).and_then(|terms| terms.measure);
                (Plays::settled(wager.stake, standing.payout.unwrap_or_default(), measure), measure)
            }
            State::Open => (Plays::open(wager.stake), None),
            State::Cancelled | State::Absent => return None,
        };
        let quarter = (wager.at_ms / QUARTER_MS) as u32;
        let measured = measure.map(|measure| (account, measure));
        Some(Play { game, currency: wager.currency, quarter, plays, measured })
    }

    fn findings(&self, wager: &Wager<'_>, standing: &Standing) -> Vec<Finding> {
        let mut findings = Vec::new();
        findings.extend(self.life.known_before_ms.map(Finding::Late));
        let maximum = self.directory.terms_of(wager).and_then(|terms| terms.payout_max.as_ref());
        if let (Some((spelt, multiple_e9)), Some(payout)) = (maximum, standing.payout)
            && (Maximum { spelt, multiple_e9: *multiple_e9 }).is_exceeded(wager.stake, payout)
        {
            findings.push(Finding::AboveMaximum);
        }
        findings
    }

    fn push_rejects(&self, told: &mut Told) {
        for &(at, cause) in &self.life.rejects {
            let filed = &self.filed[at];
            let row = write(|out| {
                let raw = filed.raw.as_deref();
                let places = &self.settings.places;
                push_record_reject(out, &self.records[at], cause, filed.position(), raw, places);
            });
            told.rows.push((Output::Rejects, row));
        }
    }

    /// The rivals of each conflict. The cancels of a wager and the unsettles of its outcome `-` are called the same:
    /// what is in conflict under one name is one anomaly.
    fn conflicts(&self) -> Vec<Vec<Record<'_>>> {
        let rivals =
            |conflict: &Vec<usize>| conflict.iter().map(|&at| self.records[at].clone()).collect::<Vec<_>>();
        let mut conflicts: Vec<Vec<Record<'_>>> = self.life.conflicts.iter().map(rivals).collect();
        let name = |conflict: &Vec<Record<'_>>| {
            conflict.first().map(|record| (record.topic(), record.id().into_owned()))
        };
        let mut merged: Vec<Vec<Record<'_>>> = Vec::new();
        for conflict in conflicts.drain(..) {
            match merged.iter_mut().find(|other| name(other) == name(&conflict)) {
                None => merged.push(conflict),
                Some(other) => {
                    other.extend(conflict);
                    other.sort_by_cached_key(|record| {
                        let mut content = Vec::new();
                        record.canonical(&mut content);
                        (record.at_ms(), content)
                    });
                }
            }
        }
        merged
    }

    fn push_postings(&self, at: usize, wager: &Wager<'_>, is_held: bool, told: &mut Told) {
        let places = &self.settings.places;
        postings::of_wager(wager, self.filed[at].position(), &mut told.rows, places);
        // Those that a rule could hold are told by who holds.
        for &settle in self.life.settles.iter().filter(|_| is_held || !self.may_hold) {
            let position = (self.filed[settle].position(), is_held);
            postings::of_settle(wager, self.outcome(settle), position, &mut told.rows, places);
        }
        if let Some(cancel) = self.life.cancel {
            postings::of_cancel(wager, self.filed[cancel].position(), &mut told.rows, places);
        }
    }

    fn wager(&self, at: usize) -> &Wager<'_> {
        match &self.records[at] {
            Record::Wager(wager) => wager,
            _ => unreachable!("only a wager record stands as the wager"),
        }
    }

    fn outcome(&self, at: usize) -> &Outcome<'_> {
        match &self.records[at] {
            Record::Outcome(outcome) => outcome,
            _ => unreachable!("only outcome records stand as outcomes"),
        }
    }
}

/// What a standing settle pays, in minor units: its currency is the wager's.
pub fn payout(settle: &Outcome<'_>) -> i64 {
    let minor =
        settle.payout.zip(settle.currency).and_then(|(payout, currency)| payout.minor(currency.exponent()));
    minor.unwrap_or_default()
}
