//! What the loop does to failed records, told from their faults at every tick.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::life::{self, References};
use super::rows::{Cause, Rejects};
use super::timeline::{Moment, up};
use super::wire::{Fact, Line, Topic};
use super::{Intake, REFERENCE_TICK, Settings, Streams};

/// Causes of records that neither time nor the provider can mend.
const HOPELESS: [Cause; 2] = ["unsupported_field", "past_horizon"];

/// What came of all laps.
#[derive(Clone, Debug, Default)]
pub struct Laps {
    /// Rows of `recollect`.
    pub requests: Vec<Value>,
    /// Rows of `quarantine`, without `raw`.
    pub quarantine: Vec<Value>,
    /// Faults that mended, by the laps they had had.
    pub recovered: BTreeMap<usize, i64>,
    pub requested: i64,
    pub same_fault: i64,
    pub other_fault: i64,
}

/// What names a failed record: topic, tenant, provider, id, digest.
type Name = (String, String, String, Option<String>, String);

/// Whose records meet: whether a payment's, tenant, provider, wager or payment.
type Key = (bool, String, String, String);

/// Goes through a history that nobody decides about, and on until the last lap.
///
/// Records of one wager or payment meet each other and the reference rows, nothing else: each such group is looked at
/// by itself, at every tick at which something may happen to it.
pub fn laps(streams: &Streams, settings: &Settings, delays_ms: &[i64]) -> Laps {
    assert!(streams.commands.is_empty(), "commands reach across wagers: see `laps_of`");
    // Of each name one course for everybody who judges it: a copy refused as it came, and one that fails later.
    let mut all: BTreeMap<Name, Vec<Course>> = BTreeMap::new();
    let mut rows = Vec::new();
    let mut groups: BTreeMap<Key, Vec<(i64, Fact)>> = BTreeMap::new();
    for (tick, cause, line) in Intake::new(streams, settings).lines {
        let mut alone = Rejects::default();
        match (cause, line) {
            (Some(cause), line) => alone.line(cause, &line),
            (None, Line { topic, fact: Some(fact), .. }) if !topic.is_of_references() => {
                let (tenant, provider) = (fact.tenant.clone(), fact.provider.clone());
                let key = (topic == Topic::Payments, tenant, provider, fact.key().to_owned());
                groups.entry(key).or_default().push((tick, fact));
            }
            (None, line) => rows.extend(line.fact),
        }
        // A line that fails alone fails from its first copy on, for ever.
        for (name, cause) in named(&alone.rows()) {
            all.entry(name).or_default().push(vec![(tick, Some(cause))]);
        }
    }
    let rows = merged(rows.iter());
    let mut of_rows = Rejects::default();
    let references = References::new(&rows, &mut of_rows);
    for (name, cause) in named(&of_rows.rows()) {
        all.entry(name).or_default().push(vec![(REFERENCE_TICK, Some(cause))]);
    }
    for group in groups.values() {
        for (name, course) in course(group, &references, settings) {
            all.entry(name).or_default().push(course);
        }
    }
    let mut laps = Laps::default();
    for (name, courses) in &all {
        walk(name, &together(courses), settings.tick_ms, delays_ms, &mut laps);
    }
    laps
}

/// The same from everything that stood at every tick, for a history with commands.
pub fn laps_of(moments: &[Moment], settings: &Settings, delays_ms: &[i64]) -> Laps {
    let mut courses = Courses::new();
    let mut before = BTreeMap::new();
    for moment in moments {
        let now = named(&moment.books.rejects);
        note(&mut courses, moment.tick, &before, &now);
        before = now;
    }
    let mut laps = Laps::default();
    for (name, course) in &courses {
        walk(name, course, settings.tick_ms, delays_ms, &mut laps);
    }
    laps
}

/// When a record began to fail, failed for another cause, and failed no more.
type Course = Vec<(i64, Option<String>)>;
type Courses = BTreeMap<Name, Course>;
/// What fails at a tick, and why.
type Failures = BTreeMap<Name, String>;

/// Notes what is another fault than before.
fn note(courses: &mut Courses, tick: i64, before: &Failures, now: &Failures) {
    for name in before.keys().chain(now.keys()).collect::<BTreeSet<_>>() {
        if before.get(name) != now.get(name) {
            courses.entry(name.clone()).or_default().push((tick, now.get(name).cloned()));
        }
    }
}

/// Of several courses the first cause in the order of checks.
fn together(courses: &[Course]) -> Course {
    let ticks: BTreeSet<i64> = courses.iter().flatten().map(|(tick, _)| *tick).collect();
    let mut course = Course::new();
    for tick in ticks {
        let at = |course: &Course| course.iter().rev().find(|(at, _)| *at <= tick)?.1.clone();
        let cause = courses.iter().filter_map(at).min_by_key(|cause| order(cause));
        if course.last().map(|(_, last)| last) != Some(&cause) {
            course.push((tick, cause));
        }
    }
    course
}

/// Every cause, in the order of checks.
const CAUSES: [Cause; 20] = [
    "malformed",
    "unknown_kind",
    "unsupported_field",
    "unknown_currency",
    "bad_amount",
    "stake_not_positive",
    "clock_skew",
    "past_horizon",
    "unknown_game",
    "unknown_account",
    "outcome_without_wager",
    "account_mismatch",
    "game_mismatch",
    "stake_mismatch",
    "currency_mismatch",
    "outcome_before_wager",
    "cancel_after_settle",
    "settle_after_cancel",
    "conflicting_duplicate",
    "outcome_missing",
];

fn order(cause: &str) -> Option<usize> {
    CAUSES.iter().position(|known| *known == cause)
}

/// How the records of one wager or payment fare.
fn course(group: &[(i64, Fact)], references: &References<'_>, settings: &Settings) -> Courses {
    let mut ticks: BTreeSet<i64> = group.iter().map(|(tick, _)| *tick).collect();
    let wagers = group.iter().filter(|(_, fact)| fact.topic == Topic::Wagers);
    let dues: BTreeSet<i64> = wagers.map(|(_, wager)| references.due_ms(wager, settings)).collect();
    for due_ms in dues {
        ticks.extend(group.iter().map(|(_, fact)| up(fact.at_ms + due_ms, settings.tick_ms)));
    }
    let mut courses = Courses::new();
    let mut before = BTreeMap::new();
    for tick in ticks {
        let facts = merged(group.iter().filter(|(at, _)| *at <= tick).map(|(_, fact)| fact));
        let mut rejects = Rejects::default();
        life::payments(&facts, references, &mut rejects);
        life::wagers(&facts, references, &Settings { until: tick, ..settings.clone() }, &mut rejects);
        let now = named(&rejects.rows());
        note(&mut courses, tick, &before, &now);
        before = now;
    }
    courses
}

/// Equal copies are one.
fn merged<'a>(facts: impl Iterator<Item = &'a Fact>) -> Vec<Fact> {
    let mut merged: BTreeMap<(Topic, &str), Fact> = BTreeMap::new();
    for fact in facts {
        match merged.get_mut(&(fact.topic, &*fact.content)) {
            Some(first) => first.merge(fact.clone()),
            None => drop(merged.insert((fact.topic, &fact.content), fact.clone())),
        }
    }
    merged.into_values().collect()
}

/// What is rejected, by name, with its first cause in the order of checks: a copy may be refused as it came, and
/// another fail later.
fn named(rejects: &[Value]) -> Failures {
    let text = |row: &Value, field: &str| row[field].as_str().unwrap_or_default().to_owned();
    let mut named = Failures::new();
    // Nobody is asked for a command, and none enters again.
    for row in rejects.iter().filter(|row| row["topic"] != "commands") {
        let id = row["id"].as_str().map(str::to_owned);
        let name = (text(row, "topic"), text(row, "tenant"), text(row, "provider"), id, text(row, "digest"));
        let cause = text(row, "cause");
        match named.get(&name) {
            Some(first) if order(first) <= order(&cause) => {}
            _ => drop(named.insert(name, cause)),
        }
    }
    named
}

/// One record: its fault changes at the ticks of `course`, and laps are due in between and afterwards.
fn walk(name: &Name, course: &[(i64, Option<String>)], tick_ms: i64, delays_ms: &[i64], laps: &mut Laps) {
    let mut failing: Option<Failing> = None;
    let mut changes = course.iter().peekable();
    loop {
        let due = failing.as_ref().and_then(|failing| failing.due);
        let change = changes.peek().map(|(tick, _)| *tick);
        let Some(tick) = [due, change].into_iter().flatten().min() else { break };
        let changed = changes.next_if(|(at, _)| *at == tick).map(|(_, cause)| cause.clone());
        match (failing.take(), changed) {
            (None, Some(Some(cause))) => failing = Some(Failing::new(tick, cause, tick_ms, delays_ms)),
            (Some(mended), Some(None)) => *laps.recovered.entry(mended.laps).or_default() += 1,
            (Some(mut still), changed) => {
                let other = changed.flatten();
                let is_lap = due == Some(tick);
                laps.other_fault += i64::from(other.is_some());
                laps.same_fault += i64::from(other.is_none() && is_lap);
                still.cause = other.unwrap_or(still.cause);
                if is_lap {
                    laps.requested += 1;
                    still.laps += 1;
                    still.asked.push((still.laps, still.cause.clone(), tick));
                    still.wait(tick, tick_ms, delays_ms);
                }
                still.history.push((tick, still.laps, still.cause.clone()));
                failing = Some(still);
            }
            (None, _) => {}
        }
    }
    if let Some(failing) = failing {
        failing.rest(name, laps);
    }
}

struct Failing {
    cause: String,
    laps: usize,
    due: Option<i64>,
    history: Vec<(i64, usize, String)>,
    asked: Vec<(usize, String, i64)>,
}

impl Failing {
    fn new(tick: i64, cause: String, tick_ms: i64, delays_ms: &[i64]) -> Self {
        let history = vec![(tick, 0, cause.clone())];
        let mut failing = Failing { cause, laps: 0, due: None, history, asked: Vec::new() };
        failing.wait(tick, tick_ms, delays_ms);
        failing
    }

    fn wait(&mut self, tick: i64, tick_ms: i64, delays_ms: &[i64]) {
        let hopeless = HOPELESS.contains(&self.cause.as_str());
        let delay_ms = delays_ms.get(self.laps).filter(|_| !hopeless);
        self.due = delay_ms.map(|delay_ms| up(tick + up(*delay_ms, tick_ms), tick_ms));
    }

    /// Time is over: it has had its last lap.
    fn rest(&self, (topic, tenant, provider, id, digest): &Name, laps: &mut Laps) {
        for (attempt, cause, due_ms) in &self.asked {
            laps.requests.push(json!({
                "topic": topic, "tenant": tenant, "provider": provider, "id": id, "digest": digest,
                "attempt": attempt, "cause": cause, "due_ms": due_ms,
            }));
        }
        let verdict = |(tick, attempt, cause): &(i64, usize, String)| json!({"tick": tick, "attempt": attempt, "verdict": cause});
        let history: Vec<Value> = self.history.iter().map(verdict).collect();
        laps.quarantine.push(json!({
            "topic": topic, "tenant": tenant, "provider": provider, "id": id, "digest": digest,
            "cause": self.cause, "attempts": self.laps, "history": history,
        }));
    }
}
