//! What is rare: reference rows, and keys of several records. Their lines are read again and judged whole.

use std::collections::HashMap;
use std::io;

use gyre_dataflows::rows::AnomalyKind;
use gyre_dataflows::rows::records::{
    Maximum, Staked, Standing, push_above_maximum, push_conflict, push_late_wager, push_wager_state,
};
use gyre_domain::cause::Cause;
use gyre_domain::decode::{UnknownFields, decode};
use gyre_domain::lifecycle::{self, Life, References, State, judge_identity};
use gyre_domain::money::Quantity;
use gyre_domain::records::{Outcome, Payment, PaymentKind, Record, Topic, Wager};

use crate::books::{Books, Event, Paid};
use crate::intake::{Intake, List};
use crate::lines::Lines;
use crate::names::{Names, Terms};
use crate::rows::{Rows, anomaly, reject_record};

/// A record with its equal copies.
pub struct Copies<'a> {
    record: Record<'a>,
    line: u32,
    claim: Option<Quantity>,
    raw: &'a [u8],
    /// It stood at some time.
    stood: bool,
}

/// Of a reference row: tenant with provider, name, and from when on it holds.
type Identity = (u32, Box<str>, u64);

/// Reads the reference rows of a file.
pub fn read_references(intake: &mut Intake, lines: &mut Lines) -> io::Result<()> {
    let mut rows: HashMap<Identity, (Option<Terms>, Vec<u32>)> = HashMap::new();
    while let Some(block) = lines.next_block()? {
        for at in 0..block.len() {
            let line = block.first + at as u32;
            let (realm, name, from_ms, terms) = match intake.decode_line(&block, at) {
                Some(Ok(Record::Game(game))) => {
                    let terms = Terms::of(&game);
                    (intake.names.realm(&game.origin), game.game, game.effective_from_ms, Some(terms))
                }
                Some(Ok(Record::Account(account))) => {
                    (intake.names.realm(&account.origin), account.account, account.effective_from_ms, None)
                }
                _ => continue,
            };
            let found = rows.entry((realm, name.into(), from_ms)).or_insert_with(|| (terms, Vec::new()));
            found.1.push(line);
        }
    }
    for ((realm, name, from_ms), (mut terms, copies)) in rows {
        if copies.len() > 1 {
            let raw = read_again(lines, &copies)?;
            let lines = copies.iter().zip(&raw).map(|(&line, raw)| (lines.topic, line, raw.as_slice()));
            let copies = gather(intake, lines);
            let records: Vec<Record<'_>> = copies.iter().map(|copy| copy.record.clone()).collect();
            let judged = judge_identity(&records, |_| None);
            if let Some(Record::Game(game)) = judged.stands.map(|at| &records[at]) {
                terms = Some(Terms::of(game));
            }
            set_aside(&mut intake.rejects, &copies, &judged.rejects);
            intake.note_conflict(&copies, &judged.conflict);
        }
        stand(&mut intake.names, realm, name, from_ms, terms);
    }
    Ok(())
}

fn stand(names: &mut Names, realm: u32, name: Box<str>, from_ms: u64, terms: Option<Terms>) {
    let tenant = names.realms[realm as usize].tenant;
    match terms {
        Some(terms) => {
            names.tenants[tenant as usize].games_rows += 1;
            let game = names.game(realm, &name);
            let rows = &mut names.games[game as usize].terms;
            let at = rows.partition_point(|other| other.from_ms <= from_ms);
            rows.insert(at, terms);
        }
        None => {
            names.tenants[tenant as usize].accounts_rows += 1;
            let known = names.persons.entry((tenant, name)).or_insert(from_ms);
            *known = from_ms.min(*known);
        }
    }
}

fn read_again(lines: &Lines, numbers: &[u32]) -> io::Result<Vec<Vec<u8>>> {
    numbers.iter().map(|&number| lines.again(number)).collect()
}

/// Decodes lines that were sound, and brings equal records together.
fn gather<'a>(intake: &mut Intake, lines: impl Iterator<Item = (Topic, u32, &'a [u8])>) -> Vec<Copies<'a>> {
    let mut copies: Vec<Copies<'a>> = Vec::new();
    let mut places: HashMap<(Topic, Vec<u8>), usize> = HashMap::new();
    for (topic, line, raw) in lines {
        let mut counted = UnknownFields::default();
        let Ok(record) = decode(topic, raw, &intake.currencies, &mut counted) else { continue };
        let mut content = Vec::new();
        record.canonical(&mut content);
        let claim = claim_of(&record);
        match places.get(&(topic, content.clone())) {
            Some(&at) => {
                let copy = &mut copies[at];
                intake.duplicates += 1;
                copy.line = copy.line.min(line);
                copy.claim = copy.claim.into_iter().chain(claim).min_by_key(widened);
            }
            None => {
                places.insert((topic, content), copies.len());
                copies.push(Copies { record, line, claim, raw, stood: false });
            }
        }
    }
    copies
}

fn claim_of(record: &Record<'_>) -> Option<Quantity> {
    let of = |digits: Option<i64>, scale| digits.map(|digits| Quantity { digits, scale });
    match record {
        Record::Wager(wager) => of(wager.balance_after, wager.currency.exponent()),
        Record::Outcome(outcome) => outcome.balance_after,
        Record::Payment(payment) => of(payment.balance_after, payment.currency.exponent()),
        _ => None,
    }
}

fn widened(quantity: &Quantity) -> i128 {
    i128::from(quantity.digits) * 10i128.pow(u32::from(20u8.saturating_sub(quantity.scale)))
}

/// Notes which records stood as they came: such a reject's bytes are not shown. They came by their receipts.
fn mark_standing(copies: &mut [Copies<'_>], tick_ms: u64, standing: impl Fn(&[Record<'_>]) -> Vec<usize>) {
    let receipt = |copy: &Copies<'_>| copy.record.receipt_ms().unwrap_or(0).next_multiple_of(tick_ms);
    copies.sort_by_key(receipt);
    for end in 1..=copies.len() {
        if end < copies.len() && receipt(&copies[end]) == receipt(&copies[end - 1]) {
            continue;
        }
        let records: Vec<Record<'_>> = copies[..end].iter().map(|copy| copy.record.clone()).collect();
        for at in standing(&records) {
            copies[at].stood = true;
        }
    }
}

fn set_aside(rejects: &mut Rows, copies: &[Copies<'_>], judged: &[(usize, Cause)]) {
    for &(at, cause) in judged {
        let copy = &copies[at];
        reject_record(rejects, &copy.record, cause, copy.line, (!copy.stood).then_some(copy.raw));
    }
}

impl Intake {
    fn note_conflict(&mut self, copies: &[Copies<'_>], conflict: &[usize]) {
        let rivals: Vec<Record<'_>> = conflict.iter().map(|&at| copies[at].record.clone()).collect();
        let Some(standing) = rivals.first() else { return };
        let from_ms = match standing {
            Record::Game(game) => game.effective_from_ms,
            Record::Account(account) => account.effective_from_ms,
            _ => 0,
        };
        let origin = standing.origin();
        let mut subject = format!("{}/{}/{}", standing.topic().name(), origin.provider, standing.id());
        if from_ms != 0 {
            subject.push_str(&format!("@{from_ms}"));
        }
        let write = |out: &mut Vec<u8>| push_conflict(out, &rivals);
        anomaly(&mut self.anomalies, AnomalyKind::Conflict, &origin.tenant, &subject, write);
    }
}

/// What the reference rows say, by numbers that were given before.
struct Known<'a> {
    names: &'a Names,
    result_due_ms: u64,
}

impl References for Known<'_> {
    fn refuses(&self, wager: &Wager<'_>) -> Option<Cause> {
        let (account, game) = self.names.numbers(wager)?;
        if self.names.unknown_game(game, wager.at_ms) {
            return Some(Cause::UnknownGame);
        }
        self.names.unknown_account(account, wager.at_ms).then_some(Cause::UnknownAccount)
    }

    fn result_due_ms(&self, wager: &Wager<'_>) -> u64 {
        let terms = self.names.numbers(wager).and_then(|(_, game)| self.names.terms(game, wager.at_ms));
        terms.and_then(|(_, terms)| terms.due_ms).unwrap_or(self.result_due_ms)
    }
}

/// Judges a wager's lines and books what they come to; gives its row of `wager_states`.
pub fn judge_wager(
    intake: &mut Intake,
    books: &mut Books,
    list: &List,
    wagers: Option<&Lines>,
    outcomes: Option<&Lines>,
) -> io::Result<Option<Vec<u8>>> {
    let mut raw = Vec::new();
    for &(is_outcome, line) in list {
        let (topic, lines) = if is_outcome { (Topic::Outcomes, outcomes) } else { (Topic::Wagers, wagers) };
        if let Some(lines) = lines {
            raw.push((topic, line, lines.again(line)?));
        }
    }
    let mut copies = gather(intake, raw.iter().map(|(topic, line, raw)| (*topic, *line, raw.as_slice())));
    let (skew_ms_max, result_due_ms) = (intake.rules.skew_ms_max, intake.rules.result_due_ms);
    let known = Known { names: &intake.names, result_due_ms };
    let judge = |records: &[Record<'_>]| lifecycle::judge(records, &known, skew_ms_max);
    let standing = |life: &Life| -> Vec<usize> {
        let outcomes = life.settles.iter().chain(&life.unsettles).chain(&life.cancel);
        life.wager.iter().chain(outcomes).copied().collect()
    };
    if copies.len() > 1 {
        mark_standing(&mut copies, intake.rules.tick_ms, |records| standing(&judge(records)));
    }
    let records: Vec<Record<'_>> = copies.iter().map(|copy| copy.record.clone()).collect();
    let life = judge(&records);
    set_aside(&mut intake.rejects, &copies, &life.rejects);
    life.conflicts.iter().for_each(|conflict| intake.note_conflict(&copies, conflict));
    books.tombstones += u64::from(life.tombstone);
    let Some((copy, Record::Wager(wager))) = life.wager.map(|at| (&copies[at], &records[at])) else {
        return Ok(None);
    };
    if life.state == State::Open {
        reject_record(&mut intake.rejects, &copy.record, Cause::OutcomeMissing, copy.line, None);
    }
    let told = Told { intake, books, copies: &copies, life: &life };
    Ok(Some(told.book(wager)))
}

/// A judged wager that stands.
struct Told<'a, 'r> {
    intake: &'a mut Intake,
    books: &'a mut Books,
    copies: &'a [Copies<'r>],
    life: &'a Life,
}

impl Told<'_, '_> {
    fn outcome(&self, at: usize) -> Option<&Outcome<'_>> {
        match &self.copies[at].record {
            Record::Outcome(outcome) => Some(outcome),
            _ => None,
        }
    }

    fn book(self, wager: &Wager<'_>) -> Vec<u8> {
        let Some((account, game)) = self.intake.names.numbers(wager) else { return Vec::new() };
        let exponent = wager.currency.exponent();
        let claim = |at: usize| self.copies[at].claim.map(|claim| claim.minor(exponent).unwrap_or(i64::MAX));
        let stake_claim = self.life.wager.and_then(claim);
        let stake = Event::stake(wager.at_ms, wager.stake, wager.free_round, stake_claim);
        let stake = if self.life.cancel.is_some() { stake.void() } else { stake };
        let mut events = vec![(stake, stake_claim)];
        let mut payout = 0;
        let mut settled_at_ms = None;
        for &at in self.life.settles.iter().chain(&self.life.unsettles).chain(&self.life.cancel) {
            let Some(outcome) = self.outcome(at) else { continue };
            let amount = match self.life.cancel {
                Some(cancel) if cancel == at => wager.stake,
                _ if self.life.settles.contains(&at) => {
                    settled_at_ms = settled_at_ms.max(Some(outcome.at_ms));
                    outcome.payout.and_then(|payout| payout.minor(exponent)).unwrap_or_default()
                }
                _ => 0,
            };
            payout += i128::from(if self.life.settles.contains(&at) { amount } else { 0 });
            events.extend(Event::credit(outcome.at_ms, amount, claim(at)).map(|event| (event, claim(at))));
        }
        for (event, claim) in events {
            self.books.loose.push((account, event));
            self.books.claims.extend(claim.map(|claim| (account, event.at_ms(), claim)));
        }
        let outcomes = self.life.settles.iter().chain(&self.life.unsettles).chain(&self.life.cancel);
        let is_settled = self.life.state == State::Settled;
        let standing = Standing {
            state: self.life.state,
            payout: is_settled.then_some(payout),
            settled_at_ms,
            outcome_revision: outcomes.filter_map(|&at| Some(self.outcome(at)?.origin.revision)).max(),
        };
        self.books.count(self.life.state);
        if !wager.free_round && self.life.state != State::Cancelled {
            let cell = self.books.cell(&mut self.intake.names, game, wager.currency, wager.at_ms);
            if is_settled { cell.settle(wager.stake, payout) } else { cell.open(wager.stake) }
        }
        let Intake { anomalies, names, .. } = self.intake;
        if let Some(known_ms) = self.life.known_before_ms {
            late(anomalies, wager, known_ms);
        }
        above_maximum(anomalies, names, game, wager, &standing);
        let mut row = Vec::new();
        push_wager_state(&mut row, &Staked::of(wager), &standing);
        row
    }
}

/// Notes a wager that was placed after its result was known.
pub fn late(anomalies: &mut Rows, wager: &Wager<'_>, known_ms: u64) {
    let subject = format!("{}/{}", wager.origin.provider, wager.wager_id);
    let write = |out: &mut Vec<u8>| push_late_wager(out, wager, known_ms);
    anomaly(anomalies, AnomalyKind::LateWager, &wager.origin.tenant, &subject, write);
}

/// Notes a wager that paid more than its game can.
pub fn above_maximum(anomalies: &mut Rows, names: &Names, game: u32, wager: &Wager<'_>, standing: &Standing) {
    let terms = names.terms(game, wager.at_ms).and_then(|(_, terms)| terms.payout_max.as_ref());
    let (Some((spelt, multiple_e9)), Some(payout)) = (terms, standing.payout) else { return };
    let maximum = Maximum { spelt, multiple_e9: *multiple_e9 };
    if maximum.is_exceeded(wager.stake, payout) {
        let subject = format!("{}/{}", wager.origin.provider, wager.wager_id);
        let write =
            |out: &mut Vec<u8>| push_above_maximum(out, wager, payout, standing.settled_at_ms, &maximum);
        anomaly(anomalies, AnomalyKind::PayoutAboveMaximum, &wager.origin.tenant, &subject, write);
    }
}

/// Judges a payment's lines and books the one that stands.
pub fn judge_payment(intake: &mut Intake, books: &mut Books, list: &List, lines: &Lines) -> io::Result<()> {
    let numbers: Vec<u32> = list.iter().map(|&(_, line)| line).collect();
    let raw = read_again(lines, &numbers)?;
    let mut copies =
        gather(intake, numbers.iter().zip(&raw).map(|(&line, raw)| (Topic::Payments, line, raw.as_slice())));
    let refuses = |names: &Names, record: &Record<'_>| match record {
        Record::Payment(payment) => {
            let account = names.find_account_of(&payment.origin, &payment.account, payment.currency)?;
            names.unknown_account(account, payment.at_ms).then_some(Cause::UnknownAccount)
        }
        _ => None,
    };
    let names = &intake.names;
    let judge = |records: &[Record<'_>]| judge_identity(records, |record| refuses(names, record));
    if copies.len() > 1 {
        mark_standing(&mut copies, intake.rules.tick_ms, |records| {
            judge(records).stands.into_iter().collect()
        });
    }
    let records: Vec<Record<'_>> = copies.iter().map(|copy| copy.record.clone()).collect();
    let judged = judge(&records);
    set_aside(&mut intake.rejects, &copies, &judged.rejects);
    intake.note_conflict(&copies, &judged.conflict);
    if let Some((copy, Record::Payment(payment))) = judged.stands.map(|at| (&copies[at], &records[at])) {
        let account = intake.names.find_account_of(&payment.origin, &payment.account, payment.currency);
        let claim = copy.claim.map(|claim| claim.minor(payment.currency.exponent()).unwrap_or(i64::MAX));
        if let Some(account) = account {
            books.pay(&intake.names, account, &Paid::of(payment), claim);
        }
    }
    Ok(())
}

impl Paid {
    fn of(payment: &Payment<'_>) -> Self {
        let is_out = payment.kind == PaymentKind::Withdrawal;
        Self {
            at_ms: payment.at_ms,
            towards: if is_out { -payment.amount } else { payment.amount },
            reversed: payment.reversed,
            adjusts: payment.kind == PaymentKind::Adjustment,
        }
    }
}
