//! What the loop does to failed records, told from their faults at every tick.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::life::{self, References};
use super::rows::{Cause, Rejects};
use super::wire::Topic;
use super::{Settings, Streams, Summary, admission, admit, wire};

/// The tick of reference rows, which come before all else.
const REFERENCE_TICK: i64 = 1;
/// The first tick at which anything else is worked.
pub(super) const FIRST_TICK: i64 = 3;

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

/// Goes through the whole history, and on until the last lap.
pub fn laps(streams: &Streams, settings: &Settings, delays_ms: &[i64]) -> Laps {
    let mut courses: BTreeMap<Name, Vec<(i64, Option<String>)>> = BTreeMap::new();
    let mut before: BTreeMap<Name, String> = BTreeMap::new();
    for tick in ticks(streams, settings) {
        let now = faults(streams, settings, tick);
        for name in before.keys().chain(now.keys()).collect::<BTreeSet<_>>() {
            if before.get(name) != now.get(name) {
                courses.entry(name.clone()).or_default().push((tick, now.get(name).cloned()));
            }
        }
        before = now;
    }
    let mut laps = Laps::default();
    for (name, course) in &courses {
        walk(name, course, settings.tick_ms, delays_ms, &mut laps);
    }
    laps
}

/// Every tick at which a fault may begin, change or end.
fn ticks(streams: &Streams, settings: &Settings) -> BTreeSet<i64> {
    let mut ticks = BTreeSet::from([REFERENCE_TICK]);
    let mut dues = BTreeSet::from([settings.result_due_ms]);
    for line in wire::read(Topic::Games, &streams.games, settings) {
        dues.extend(line.fact.iter().filter_map(|row| row.result_due_ms()));
    }
    for topic in Topic::OF_EVENTS {
        let lines = wire::read(topic, streams.of(topic), settings);
        for (line, verdict) in lines.iter().zip(admission::judge(topic, &lines, settings)) {
            ticks.insert(verdict.tick.max(FIRST_TICK));
            let since_ms = line.fact.iter().map(|fact| fact.at_ms);
            ticks.extend(
                since_ms.flat_map(|at_ms| dues.iter().map(move |due| up(at_ms + due, settings.tick_ms))),
            );
        }
    }
    ticks
}

fn up(ms: i64, tick_ms: i64) -> i64 {
    (ms + tick_ms - 1) / tick_ms * tick_ms
}

/// What fails at the end of a tick, and why.
fn faults(streams: &Streams, settings: &Settings, tick: i64) -> BTreeMap<Name, String> {
    let settings = Settings { until: tick, ..settings.clone() };
    let mut rejects = Rejects::default();
    let facts = admit(streams, &settings, &mut rejects, &mut Summary::default());
    let references = References::new(&facts, &mut rejects);
    life::payments(&facts, &references, &mut rejects);
    life::wagers(&facts, &references, &settings, &mut rejects);
    let text = |row: &Value, field: &str| row[field].as_str().unwrap_or_default().to_owned();
    let named = |row: Value| {
        let id = row["id"].as_str().map(str::to_owned);
        let name =
            (text(&row, "topic"), text(&row, "tenant"), text(&row, "provider"), id, text(&row, "digest"));
        (name, text(&row, "cause"))
    };
    rejects.rows().into_iter().map(named).collect()
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
