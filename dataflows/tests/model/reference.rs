//! What the books must be, computed the slow and plain way from the lines alone.
//!
//! ```text
//! lines ─▶ wire: read, judge alone ─▶ admission: clock, skew, horizon ─▶ facts (equal copies merged)
//!                                                                          │ commands
//!   rows ◀─ ledger ◀─ holds ◀─ anomalies ◀─ rules, rtp ◀─ lives, payments ◀┘
//! ```
//! What stands at a tick is the same over the lines that came by then: [`timeline`] goes through all of them.
//!
//! Nothing here shares a line with the product: text is read with `serde_json::Value`, state is a
//! `BTreeMap`, and everything is computed afresh from the whole history. Forgetting is not modelled;
//! [`within_law`] says whether a history is one on which forgetting cannot show.

mod admission;
mod anomalies;
mod commands;
mod fields;
mod laps;
mod ledger;
mod life;
mod links;
mod money;
mod rows;
mod rules;
mod suspicions;
#[cfg(test)]
mod tests;
mod timeline;
mod wire;
mod zone;

use std::collections::BTreeMap;

use serde_json::{Value, json};

pub use laps::{Laps, laps, laps_of};
pub use rows::{differences, line};
pub use timeline::{Moment, timeline};
pub use wire::{Line, Topic, read};

use anomalies::Anomaly;
use commands::Commands;
use life::{Life, References};
use rows::{Cause, Rejects};
use rules::{Held, Rules};
use wire::Fact;

/// A day in milliseconds.
pub const DAY_MS: i64 = 86_400_000;

/// The lines of each file, without their terminators.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Streams {
    pub wagers: Vec<Vec<u8>>,
    pub outcomes: Vec<Vec<u8>>,
    pub payments: Vec<Vec<u8>>,
    pub games: Vec<Vec<u8>>,
    pub accounts: Vec<Vec<u8>>,
    pub rules: Vec<Vec<u8>>,
    pub commands: Vec<Vec<u8>>,
}

impl Streams {
    /// The lines of one topic.
    pub fn of(&self, topic: Topic) -> &Vec<Vec<u8>> {
        match topic {
            Topic::Wagers => &self.wagers,
            Topic::Outcomes => &self.outcomes,
            Topic::Payments => &self.payments,
            Topic::Games => &self.games,
            Topic::Accounts => &self.accounts,
            Topic::Rules => &self.rules,
            Topic::Commands => &self.commands,
        }
    }

    /// The lines of one topic, to change.
    pub fn of_mut(&mut self, topic: Topic) -> &mut Vec<Vec<u8>> {
        match topic {
            Topic::Wagers => &mut self.wagers,
            Topic::Outcomes => &mut self.outcomes,
            Topic::Payments => &mut self.payments,
            Topic::Games => &mut self.games,
            Topic::Accounts => &mut self.accounts,
            Topic::Rules => &mut self.rules,
            Topic::Commands => &mut self.commands,
        }
    }
}

/// Everything that configuration may change about the books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub tick_ms: i64,
    pub horizon_ms: i64,
    pub horizon_open_ms: i64,
    pub skew_ms_max: i64,
    pub gap_ms_max: i64,
    pub result_due_ms: i64,
    /// `UTC`, `Asia/Seoul` or `Europe/Berlin`: the zones that [`zone`] writes out.
    pub gaming_day_zone: String,
    /// A multiple of a minute.
    pub velocity_window_ms: i64,
    /// More wagers than this in a window is an anomaly.
    pub velocity_wagers_max: u64,
    /// How many earlier wagers of the account a stake is held against.
    pub stake_spike_previous_max: usize,
    /// How many there must be before any stake is judged.
    pub stake_spike_previous_min: usize,
    /// A modified z-score above this is a spike; thousandths.
    pub stake_spike_score_max_milli: i64,
    /// |z| up to this is in band; thousandths.
    pub rtp_z_max_milli: i64,
    /// Chance times players below this is improbable; 10⁻¹².
    pub wins_p_max_e12: u64,
    /// Staked less than this share of the deposits is an anomaly; thousandths.
    pub turnover_ratio_min_milli: i128,
    /// Major units that must be deposited before a withdrawal is judged.
    pub turnover_deposits_min: i128,
    /// Major units, of one payment and of a day's.
    pub structuring_limit: i128,
    /// Thousandths.
    pub drift_slack_milli: i128,
    /// Thousandths.
    pub drift_limit_milli: i128,
    /// So many accounts on one device are linked.
    pub device_accounts_min: u64,
    /// So many accounts on one payment instrument are linked.
    pub instrument_accounts_min: u64,
    /// Less than this of the stakes is lost or gained where bets cover each other; thousandths.
    pub net_exposure_max_milli: i64,
    /// At least so much is staked in such a round, in whole units.
    pub covered_stake_min: u64,
    /// So many such rounds are an anomaly.
    pub covered_rounds_min: u64,
    /// Kinds of anomalies that hold payouts though no row says so.
    pub kinds_that_hold: Vec<&'static str>,
    /// A longer line is malformed unread.
    pub line_bytes_max: usize,
    /// No timer has fired that is due after this tick.
    pub until: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            tick_ms: 100,
            horizon_ms: 35 * DAY_MS,
            horizon_open_ms: 400 * DAY_MS,
            skew_ms_max: 2_000,
            gap_ms_max: 7 * DAY_MS,
            result_due_ms: 300_000,
            gaming_day_zone: "UTC".into(),
            velocity_window_ms: 300_000,
            velocity_wagers_max: 60,
            stake_spike_previous_max: 64,
            stake_spike_previous_min: 20,
            stake_spike_score_max_milli: 3_500,
            rtp_z_max_milli: 3_291,
            wins_p_max_e12: 1_000_000,
            turnover_ratio_min_milli: 1_000,
            turnover_deposits_min: 2_000,
            structuring_limit: 10_000,
            drift_slack_milli: 500,
            drift_limit_milli: 5_000,
            device_accounts_min: 3,
            instrument_accounts_min: 2,
            net_exposure_max_milli: 100,
            covered_stake_min: 0,
            covered_rounds_min: 3,
            kinds_that_hold: Vec::new(),
            line_bytes_max: 16 << 20,
            until: i64::MAX,
        }
    }
}

/// The rows of every output, sorted by key, and the counts of the summary.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Books {
    pub balances: Vec<Value>,
    pub rtp: Vec<Value>,
    pub wager_states: Vec<Value>,
    pub rejects: Vec<Value>,
    pub anomalies: Vec<Value>,
    pub postings: Vec<Value>,
    pub decisions: Vec<Value>,
    pub summary: Summary,
}

impl Books {
    /// Each output with its name.
    pub fn outputs(&self) -> [(&'static str, &Vec<Value>); 7] {
        [
            ("balances", &self.balances),
            ("rtp", &self.rtp),
            ("wager_states", &self.wager_states),
            ("rejects", &self.rejects),
            ("anomalies", &self.anomalies),
            ("postings", &self.postings),
            ("decisions", &self.decisions),
        ]
    }
}

/// The counts that the summary of a run names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Lines that are not blank, by topic; every topic is listed.
    pub records: BTreeMap<&'static str, u64>,
    pub blank_lines: u64,
    /// Extra equal copies of records that pass the checks on a single record.
    pub duplicates: u64,
    /// Reject rows by cause.
    pub rejects: BTreeMap<String, u64>,
    /// Anomaly rows by kind.
    pub anomalies: BTreeMap<String, u64>,
    pub settled: u64,
    pub open: u64,
    pub cancelled: u64,
    /// Wagers of which only a cancel is known.
    pub tombstones: u64,
    /// Commands that apply.
    pub decisions: u64,
    /// The sum of all balances of a currency: `"0"`.
    pub imbalance: BTreeMap<String, String>,
    /// Occurrences of unknown keys in lines that decode.
    pub unknown_fields: BTreeMap<String, u64>,
}

/// The tick of reference rows, which come before all else.
const REFERENCE_TICK: i64 = 1;
/// The first tick at which anything else is worked.
const FIRST_TICK: i64 = 3;

/// Every line of a history with its tick and what it fails by itself or at admission.
struct Intake {
    lines: Vec<(i64, Option<Cause>, Line)>,
    blank_lines: u64,
    /// The last tick at which anything comes.
    last: i64,
}

impl Intake {
    fn new(streams: &Streams, settings: &Settings) -> Intake {
        let mut intake = Intake { lines: Vec::new(), blank_lines: 0, last: REFERENCE_TICK };
        for topic in Topic::ALL {
            let lines = wire::read(topic, streams.of(topic), settings);
            let verdicts = admission::judge(topic, &lines, settings);
            intake.blank_lines += (streams.of(topic).len() - lines.len()) as u64;
            for (line, verdict) in lines.into_iter().zip(verdicts) {
                let tick =
                    if topic.is_of_references() { REFERENCE_TICK } else { verdict.tick.max(FIRST_TICK) };
                intake.last = tick.max(intake.last);
                intake.lines.push((tick, verdict.cause, line));
            }
        }
        intake
    }

    /// What came by a tick: of what is sound, equal copies merged.
    fn admitted(&self, tick: i64, rejects: &mut Rejects, summary: &mut Summary) -> Vec<Fact> {
        let mut facts: BTreeMap<(Topic, String), Fact> = BTreeMap::new();
        summary.blank_lines = self.blank_lines;
        summary.records.extend(Topic::ALL.map(|topic| (topic.name(), 0)));
        for (_, cause, line) in self.lines.iter().filter(|(came, ..)| *came <= tick) {
            *summary.records.entry(line.topic.name()).or_default() += 1;
            for name in &line.unknown_fields {
                *summary.unknown_fields.entry(name.clone()).or_default() += 1;
            }
            let (None, Some(fact)) = (cause, &line.fact) else {
                rejects.line(cause.expect("a line without a cause is sound"), line);
                continue;
            };
            match facts.get_mut(&(line.topic, fact.content.clone())) {
                None => drop(facts.insert((line.topic, fact.content.clone()), fact.clone())),
                Some(first) => {
                    summary.duplicates += 1;
                    first.merge(fact.clone());
                }
            }
        }
        facts.into_values().collect()
    }
}

/// The books of a history.
pub fn books(streams: &Streams, settings: &Settings) -> Books {
    standing(&Intake::new(streams, settings), settings, i64::MAX, None).books
}

/// What stands at one tick, and what will change it if nothing comes.
struct Standing {
    books: Books,
    /// Whom rules hold from the next tick on.
    grounds: Vec<Held>,
    /// When outcomes of open wagers are due, and rules come into force.
    due: Vec<i64>,
}

/// What stands at a tick while rules hold these; those of the tick itself where it is the last of all.
fn standing(intake: &Intake, settings: &Settings, tick: i64, held: Option<&[Held]>) -> Standing {
    let settings = &Settings { until: tick, ..settings.clone() };
    let (mut rejects, mut summary) = (Rejects::default(), Summary::default());
    let admitted = intake.admitted(tick, &mut rejects, &mut summary);
    let commands = Commands::standing(&admitted, &mut rejects);
    let facts = commands.apply(&admitted, &mut rejects, settings);

    let references = References::new(&facts, &mut rejects);
    let payments = life::payments(&facts, &references, &mut rejects);
    let (lives, tombstones) = life::wagers(&facts, &references, settings, &mut rejects);

    let rules = Rules { rows: &references.rules, settings, now: tick.min(intake.last) };
    let anomalies = found(&rejects, &lives, &payments, &references, &rules);
    let grounds: Vec<Held> = anomalies.iter().flat_map(|anomaly| anomaly.held.clone()).collect();
    let held = held.unwrap_or(&grounds);
    let is_held = |wager: &Fact| commands.hold(wager) || held.iter().any(|held| held.is_of(wager));
    let postings = ledger::postings(&lives, &payments, is_held);
    let decisions = commands.decisions(&admitted, &lives, &payments, held, &mut rejects, settings);

    let open = lives.iter().filter(|life| life.state == "open");
    let mut due: Vec<i64> = open.map(|life| life.due_ms(&references, settings)).collect();
    due.extend(references.rules.iter().map(|row| row.at_ms).filter(|at_ms| *at_ms <= intake.last));
    let money = booked(&postings);
    (summary.tombstones, summary.imbalance) = (tombstones, money.summary.imbalance.clone());
    let books = Books {
        rtp: rows::rtp(&lives, &references, settings),
        wager_states: lives.iter().map(rows::wager_state).collect(),
        rejects: rejects.rows(),
        anomalies: anomalies.into_iter().map(|anomaly| anomaly.row).collect(),
        decisions,
        summary,
        ..money
    };
    Standing { books: books.counted(&lives).sorted(), grounds, due }
}

/// Everything that looks wrong.
fn found(
    rejects: &Rejects,
    lives: &[Life<'_>],
    payments: &[&Fact],
    references: &References<'_>,
    rules: &Rules<'_>,
) -> Vec<Anomaly> {
    let mut found = anomalies::conflicts(&rejects.conflicts, rules);
    found.extend(anomalies::of_wagers(lives, references, rules));
    found.extend(anomalies::of_players(lives, payments, rules));
    found.extend(anomalies::of_games(lives, references, rules));
    found.extend(suspicions::improbable_wins(lives, references, rules));
    found.extend(suspicions::of_payments(lives, payments, rules));
    found.extend(suspicions::slow_drift(lives, references, rules));
    found.extend(links::of_groups(lives, payments, rules));
    found
}

/// Postings and what they come to.
fn booked(postings: &[ledger::Posting]) -> Books {
    let balances = ledger::balances(postings);
    let mut books = Books {
        balances: rows::balances(&balances),
        postings: postings.iter().map(rows::posting).collect(),
        ..Books::default()
    };
    let mut sums: BTreeMap<String, i128> = BTreeMap::new();
    for ((_, _, currency, _), amount) in &balances {
        *sums.entry(currency.clone()).or_default() += amount;
    }
    books.summary.imbalance = sums.into_iter().map(|(code, sum)| (code, sum.to_string())).collect();
    books
}

impl Books {
    /// Counts what the summary names and is not counted yet.
    fn counted(mut self, lives: &[Life<'_>]) -> Books {
        let summary = &mut self.summary;
        for life in lives {
            *match life.state {
                "settled" => &mut summary.settled,
                "cancelled" => &mut summary.cancelled,
                _ => &mut summary.open,
            } += 1;
        }
        summary.decisions = self.decisions.len() as u64;
        for (rows, name, counts) in [
            (&self.rejects, "cause", &mut summary.rejects),
            (&self.anomalies, "kind", &mut summary.anomalies),
        ] {
            for row in rows {
                *counts.entry(row[name].as_str().unwrap_or_default().into()).or_default() += 1;
            }
        }
        self
    }

    /// Every output in the order of its keys.
    fn sorted(self) -> Books {
        Books {
            balances: rows::sorted("balances", self.balances),
            rtp: rows::sorted("rtp", self.rtp),
            wager_states: rows::sorted("wager_states", self.wager_states),
            rejects: rows::sorted("rejects", self.rejects),
            anomalies: rows::sorted("anomalies", self.anomalies),
            postings: rows::sorted("postings", self.postings),
            decisions: rows::sorted("decisions", self.decisions),
            summary: self.summary,
        }
    }
}

/// Whether forgetting cannot show on this history: every admitted record of a key comes while even
/// the key's oldest record lies within the horizon.
pub fn within_law(streams: &Streams, settings: &Settings) -> bool {
    let mut spans: BTreeMap<(bool, String, String, String), (i64, i64)> = BTreeMap::new();
    for topic in Topic::OF_EVENTS.into_iter().filter(|topic| *topic != Topic::Commands) {
        let lines = wire::read(topic, streams.of(topic), settings);
        for (line, verdict) in lines.iter().zip(admission::judge(topic, &lines, settings)) {
            let (None, Some(fact)) = (verdict.cause, &line.fact) else { continue };
            let key =
                (topic == Topic::Payments, fact.tenant.clone(), fact.provider.clone(), fact.key().to_owned());
            let (oldest, latest) = spans.entry(key).or_insert((fact.at_ms, verdict.tick));
            *oldest = fact.at_ms.min(*oldest);
            *latest = verdict.tick.max(*latest);
        }
    }
    let oldest = spans.values().map(|(oldest, _)| *oldest).min().unwrap_or(i64::MAX - settings.horizon_ms);
    spans.values().all(|(oldest, latest)| *latest <= oldest + settings.horizon_ms)
        && commands_within_law(streams, settings, oldest)
}

/// Commands come while no record is forgotten, and all copies of one are admitted or none is.
fn commands_within_law(streams: &Streams, settings: &Settings, oldest: i64) -> bool {
    let lines = wire::read(Topic::Commands, &streams.commands, settings);
    let verdicts = admission::judge(Topic::Commands, &lines, settings);
    let mut admitted: BTreeMap<String, bool> = BTreeMap::new();
    lines.iter().zip(verdicts).filter(|(line, _)| line.fact.is_some()).all(|(line, verdict)| {
        let is_admitted = verdict.cause.is_none();
        let is_in_time = !is_admitted || verdict.tick <= oldest + settings.horizon_ms;
        is_in_time && *admitted.entry(line.digest()).or_insert(is_admitted) == is_admitted
    })
}

/// What admission says of each line, for reading a failing history: position, tick, cause or `sound`.
pub fn verdicts(streams: &Streams, settings: &Settings) -> Vec<Value> {
    let mut said = Vec::new();
    for topic in Topic::ALL {
        let lines = wire::read(topic, streams.of(topic), settings);
        for (line, verdict) in lines.iter().zip(admission::judge(topic, &lines, settings)) {
            let cause: Cause = verdict.cause.unwrap_or("sound");
            said.push(json!({"position": line.position(), "tick": verdict.tick, "verdict": cause}));
        }
    }
    said
}

/// The running balance of every player in minor units, after each millisecond in which it has an event:
/// (tenant, account, currency) → at_ms → balance.
pub type Courses = BTreeMap<(String, String, String), BTreeMap<i64, i128>>;

/// See [`Courses`].
pub fn courses(streams: &Streams, settings: &Settings) -> Courses {
    let mut rejects = Rejects::default();
    let intake = Intake::new(streams, settings);
    let admitted = intake.admitted(i64::MAX, &mut rejects, &mut Summary::default());
    let facts = Commands::standing(&admitted, &mut rejects).apply(&admitted, &mut rejects, settings);
    let references = References::new(&facts, &mut rejects);
    let payments = life::payments(&facts, &references, &mut rejects);
    let (lives, _): (Vec<Life<'_>>, u64) = life::wagers(&facts, &references, settings, &mut rejects);
    anomalies::courses(&lives, &payments)
}
