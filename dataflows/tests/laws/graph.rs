//! The whole graph: entries sum to zero, a record that goes leaves nothing, workers cannot be told apart, and what is
//! told the short way is told the long way too.

use std::collections::BTreeMap;

use gyre_dataflows::Tick;
use gyre_dataflows::batch::Batch;
use gyre_dataflows::ops::fold_by_key::Updates;
use gyre_dataflows::rows::{Output, Wanted};
use gyre_domain::records::Topic;
use gyre_domain::rules::Rules;
use serde_json::Value;

use crate::harness::{BEFORE_DATA, Cut, Steps, Streams, Told, feed, run, settings, shuffle, span_ms};
use crate::histories::{rules, topics};
use crate::model::history::{Dice, history};
use crate::model::reference::books;
use crate::stops::admitted;

/// Everything that can be read.
const ALL: Wanted = Wanted { changes: true, postings: true };

/// A random history within the law: its lines, its rules.
pub(super) fn drawn<T>(seed: u64, then: impl FnOnce(&Streams<'_>, &Rules) -> T) -> Option<T> {
    let (streams, settings) = history(seed, [5, 12, 30, 30, 60][seed as usize % 5]);
    // What comes and goes does so under a horizon of its own.
    let is_late = |row: &Value| row["topic"] == "commands" && row["cause"] == "past_horizon";
    let has_late = books(&streams, &settings).rejects.iter().any(is_late);
    let (topics, rules) = (topics(&streams), rules(&settings));
    (span_ms(&topics, &rules) <= rules.horizon_ms && !has_late).then(|| then(&topics, &rules))
}

/// Each tick at its own, several in a step now and then.
fn exact(mut records: Vec<(Tick, Batch)>, workers: usize, dice: &mut Dice) -> Steps {
    records.sort_by_key(|(tick, _)| *tick);
    let mut steps: Steps = vec![Vec::new(); workers];
    let mut waiting: Vec<Batch> = Vec::new();
    let mut records = records.into_iter().peekable();
    while let Some((tick, batch)) = records.next() {
        waiting.push(batch);
        let next = records.peek().map_or(Tick::MAX, |record| record.0);
        if next == Tick::MAX || next > tick && dice.chance(60) {
            for (worker, steps) in steps.iter_mut().enumerate() {
                let mine = waiting.iter().filter(|batch| workers == 1 || batch.worker as usize == worker);
                steps.push((mine.cloned().collect(), tick + 1));
            }
            waiting.clear();
        }
    }
    steps
}

fn read(records: Vec<(Tick, Batch)>, rules: &Rules, workers: usize, wanted: Wanted, dice: &mut Dice) -> Told {
    let mut settings = settings(rules, workers, wanted);
    settings.exact_tick_ms = Some(rules.tick_ms);
    // Records may go later than they could come: nothing is forgotten until then.
    settings.horizon_ms = u64::MAX / 4;
    let mut told = feed(exact(records, workers, dice), settings);
    told.counts.imbalance.retain(|(_, sum)| *sum != 0);
    told
}

/// Fails with the rows that only one side has.
fn same<R: Ord + std::fmt::Debug>(context: &str, expected: &BTreeMap<R, i64>, told: &BTreeMap<R, i64>) {
    let lacking: Vec<_> = expected.iter().filter(|(row, diff)| told.get(row) != Some(diff)).take(5).collect();
    let surplus: Vec<_> = told.iter().filter(|(row, diff)| expected.get(row) != Some(diff)).take(5).collect();
    assert!(
        lacking.is_empty() && surplus.is_empty(),
        "{context}\nexpected: {lacking:#?}\ntold: {surplus:#?}"
    );
}

/// Rows at rest, to be compared; raw bytes are outside the law once a record has stood.
fn finals(told: &Told, outputs: &[Output], with_raw: bool) -> BTreeMap<(Output, String), i64> {
    let mut rows = BTreeMap::new();
    for output in outputs {
        for row in told.finals.get(output).into_iter().flatten() {
            let row = if with_raw { row.to_owned() } else { without_raw(*output, row) };
            *rows.entry((*output, row)).or_default() += 1;
        }
    }
    rows
}

/// Without raw bytes, and without the tick at which a decision began to apply: they say what came first.
fn without_raw(output: Output, row: &str) -> String {
    let (from, to) = match output {
        Output::Rejects | Output::Quarantine => (row.find(",\"raw\":"), Some(row.len())),
        Output::Decisions => (row.find(",\"tick\":"), row.find(",\"before\":")),
        _ => (None, None),
    };
    from.zip(to).map_or_else(|| row.to_owned(), |(from, to)| row[..from].to_owned() + &row[to..])
}

/// Changes, to be compared where raw bytes are outside the law.
fn changes(told: &Told) -> BTreeMap<(Tick, Output, String), i64> {
    let mut changes = BTreeMap::new();
    for ((tick, output, row), diff) in &told.changes {
        *changes.entry((*tick, *output, without_raw(*output, row))).or_default() += diff;
    }
    changes.retain(|_, diff| *diff != 0);
    changes
}

/// What is a function of the set of admitted records; requests and quarantine go by their ticks too.
const BOOKS: [Output; 5] =
    [Output::Balances, Output::Rtp, Output::WagerStates, Output::Rejects, Output::Anomalies];
const BOOKS_AND_POSTINGS: [Output; 6] = [
    Output::Balances,
    Output::Rtp,
    Output::WagerStates,
    Output::Rejects,
    Output::Anomalies,
    Output::Postings,
];

fn minor(row: &Value, field: &str) -> i128 {
    let text = row[field].as_str().expect("money is text").replace('.', "");
    text.parse().expect("money is a number")
}

fn texts(row: &Value, fields: &[&str]) -> Vec<String> {
    fields.iter().map(|field| row[*field].as_str().expect("keys are text").to_owned()).collect()
}

/// At every tick balances sum to zero in each currency, so does every entry, and balances are the sums of postings.
pub fn entries_sum_to_zero(seed: u64) {
    let mut dice = Dice::new(seed);
    let told = drawn(seed, |streams, rules| read(admitted(streams, rules, 1), rules, 1, ALL, &mut dice));
    let Some(told) = told else { return };
    assert!(told.counts.imbalance.is_empty(), "seed {seed}");
    let mut by_currency: BTreeMap<Vec<String>, i128> = BTreeMap::new();
    let mut by_entry: BTreeMap<Vec<String>, i128> = BTreeMap::new();
    let mut owed: BTreeMap<Vec<String>, i128> = BTreeMap::new();
    let changes: Vec<_> = told.changes.iter().collect();
    for of_tick in changes.chunk_by(|a, b| a.0.0 == b.0.0) {
        let tick = of_tick[0].0.0;
        for ((_, output, text), diff) in of_tick {
            let row = || serde_json::from_str::<Value>(text).expect("rows are JSON");
            let account = ["tenant", "account", "currency", "wallet"];
            match output {
                Output::Balances => {
                    let (row, diff) = (row(), i128::from(**diff));
                    let balance = diff * minor(&row, "balance");
                    *by_currency.entry(texts(&row, &["tenant", "currency"])).or_default() += balance;
                    *owed.entry(texts(&row, &account)).or_default() += balance;
                }
                Output::Postings => {
                    let (row, diff) = (row(), i128::from(**diff));
                    let amount = diff * minor(&row, "amount");
                    *by_entry.entry(texts(&row, &["tenant", "entry", "currency"])).or_default() += amount;
                    *owed.entry(texts(&row, &account)).or_default() -= amount;
                }
                _ => {}
            }
        }
        for (what, sums) in [("balances", &by_currency), ("entry", &by_entry), ("balance − postings", &owed)]
        {
            let wrong: Vec<_> = sums.iter().filter(|(_, sum)| **sum != 0).collect();
            assert!(wrong.is_empty(), "seed {seed}, tick {tick}: {what}: {wrong:?}");
        }
    }
}

/// Records that come and go within a tick are never seen at all; those that go later leave nothing.
pub fn withdrawn_equals_never(seed: u64) {
    let mut dice = Dice::new(seed);
    let workers = if dice.chance(80) { 1 } else { 2 };
    let at_once = dice.chance(50);
    let tellings = drawn(seed, |streams, rules| {
        let percent = *dice.pick(&[5, 30, 80]);
        let (mut without, mut with) = (Vec::new(), Vec::new());
        let all = admitted(streams, rules, workers);
        let last = all.iter().map(|record| record.0).max().unwrap_or(BEFORE_DATA);
        for (tick, batch) in all {
            with.push((tick, batch.clone()));
            // What is unsound stays: it is a reject, whatever comes.
            if batch.len() == 0 || batch.len() < batch.records() || !dice.chance(percent) {
                without.push((tick, batch));
                continue;
            }
            let later = dice.next() % (last - tick + 10 * rules.tick_ms);
            let gone = if at_once { tick } else { (tick + later).next_multiple_of(rules.tick_ms) };
            with.push((gone, batch.withdrawn(gone)));
        }
        [without, with].map(|records| read(records, rules, workers, ALL, &mut dice))
    });
    let Some([never, withdrawn]) = tellings else { return };
    let context = format!("seed {seed}, {workers} workers, {}", if at_once { "at once" } else { "later" });
    if at_once {
        same(&context, &changes(&never), &changes(&withdrawn));
    }
    let at_rest = |told: &Told| finals(told, &BOOKS_AND_POSTINGS, false);
    same(&context, &at_rest(&never), &at_rest(&withdrawn));
    assert_eq!(never.counts.of_books(), withdrawn.counts.of_books(), "{context}");
    let folded = |told: &Told| at_rest(&Told { finals: told.folded(), ..Told::default() });
    same(&context, &folded(&never), &folded(&withdrawn));
}

/// Change logs, rows at rest and counts are the same on any number of workers, however steps are cut.
pub fn workers_tell_the_same(seed: u64) {
    let mut dice = Dice::new(seed);
    let tellings = drawn(seed, |streams, rules| {
        [1, 2, 4].map(|workers| read(admitted(streams, rules, workers), rules, workers, ALL, &mut dice))
    });
    let Some([one, two, four]) = tellings else { return };
    for (workers, told) in [(2, two), (4, four)] {
        let context = format!("seed {seed}, {workers} workers");
        same(&context, &one.changes, &told.changes);
        same(&context, &finals(&one, &Output::ALL, true), &finals(&told, &Output::ALL, true));
        assert_eq!(one.counts, told.counts, "{context}");
    }
}

/// Change logs and counts, raw bytes and positions among them, do not show which record of a tick came first, nor to which
/// worker it came, nor how many ticks went in a step; neither while time runs on and keys are forgotten.
pub fn order_within_a_tick_does_not_show(seed: u64) {
    let mut dice = Dice::new(seed);
    let (streams, drawn) = history(seed, [5, 12, 30, 30, 60][seed as usize % 5]);
    let (streams, mut rules) = (topics(&streams), rules(&drawn));
    let span_ms = span_ms(&streams, &rules).max(rules.tick_ms);
    if dice.chance(50) {
        rules.horizon_ms = span_ms / *dice.pick(&[1, 3, 10]) + 1_000;
        rules.horizon_open_ms = rules.horizon_ms * *dice.pick(&[1, 2, 20]);
    }
    let mut goes = Dice::new(seed ^ 0x5eed);
    let percent = *goes.pick(&[0, 5, 30]);
    let fates: Vec<Option<Tick>> = (0..10_000)
        .map(|_| goes.chance(percent).then(|| (goes.next() % span_ms).next_multiple_of(rules.tick_ms)))
        .collect();
    let tellings = [(1, false), (1, true), (2, true), (4, true)].map(|(workers, is_mixed)| {
        let records = come_and_go(admitted(&streams, &rules, workers), &fates);
        let mut settings = settings(&rules, workers, ALL);
        (settings.exact_tick_ms, settings.rest_at_end) = (Some(rules.tick_ms), false);
        let mut steps = exact(records, 1, &mut dice).pop().expect("there is one worker");
        let mut mixed: Steps = vec![Vec::new(); workers];
        for (batches, complete_before) in &mut steps {
            if is_mixed {
                shuffle(batches, dice.next());
            }
            let by_worker = batches.chunks(batches.len().div_ceil(workers).max(1)).map(<[Batch]>::to_vec);
            for (steps, batches) in mixed.iter_mut().zip(by_worker.chain(std::iter::repeat(Vec::new()))) {
                steps.push((batches, *complete_before));
            }
        }
        // What is due behind the last record would come, if time went on.
        let end = steps.last().map_or(0, |step| step.1);
        let mut told = feed(mixed, settings);
        told.changes.retain(|(tick, ..), _| *tick < end);
        told
    });
    let [one, mixed @ ..] = tellings;
    for (how, told) in ["mixed", "2 workers", "4 workers"].into_iter().zip(mixed) {
        let context = format!("seed {seed}, {how}");
        same(&context, &one.changes, &told.changes);
    }
}

/// Some records go again after a while.
fn come_and_go(records: Vec<(Tick, Batch)>, fates: &[Option<Tick>]) -> Vec<(Tick, Batch)> {
    let mut all = Vec::new();
    for ((tick, batch), fate) in records.into_iter().zip(fates) {
        if let Some(after) = fate.filter(|_| batch.len() > 0 && tick > BEFORE_DATA) {
            all.push((tick + after, batch.clone().withdrawn(tick + after)));
        }
        all.push((tick, batch));
    }
    all
}

/// A simple wager of which nobody reads changes is told the short way; with readers it is told by differences, and
/// with a second copy of each record as a list: the books are the same.
pub fn short_way_tells_the_same(seed: u64) {
    let mut dice = Dice::new(seed);
    let tellings = drawn(seed, |streams, rules| {
        let records = admitted(streams, rules, 1);
        let mut doubled = Vec::new();
        for (tick, batch) in &records {
            doubled.push((*tick, batch.clone()));
            doubled.push((*tick, batch.clone()));
        }
        let short = Wanted::default();
        [
            read(records.clone(), rules, 1, short, &mut dice),
            read(records, rules, 1, ALL, &mut dice),
            read(doubled, rules, 1, short, &mut dice),
            run(streams, rules, 1, Cut::AllAtOnce),
        ]
    });
    let Some([short, long, mut doubled, mut at_once]) = tellings else { return };
    at_once.counts.imbalance.retain(|(_, sum)| *sum != 0);
    doubled.counts.duplicates = short.counts.duplicates;
    for (how, told) in [("read", long), ("doubled", doubled), ("at once", at_once)] {
        let context = format!("seed {seed}, {how}");
        same(&context, &finals(&short, &BOOKS, false), &finals(&told, &BOOKS, false));
        assert_eq!(short.counts.of_books(), told.counts.of_books(), "{context}");
    }
}

// --- long histories of one account ----------------------------------------------------------------------------------

/// Lines of wagers and outcomes with the time at which they came.
struct Long {
    wagers: Vec<(u64, Vec<u8>)>,
    outcomes: Vec<(u64, Vec<u8>)>,
    payments: Vec<(u64, Vec<u8>)>,
}

const START_MS: u64 = 1_772_366_400_000;

/// Several hundred wagers of one account: late, revised, cancelled, taken back, with balances that are nearly right.
fn long(dice: &mut Dice) -> Long {
    let step_ms = *dice.pick(&[3, 700, 9_000]);
    let late_percent = *dice.pick(&[0, 5, 40]);
    let wagers = 150 + dice.below(300);
    let usual = *dice.pick(&[10, 500]);
    let mut long = Long { wagers: Vec::new(), outcomes: Vec::new(), payments: Vec::new() };
    let (mut at_ms, mut balance) = (START_MS, 0i64);
    for wager in 0..wagers {
        at_ms += dice.next() % step_ms;
        let came = |dice: &mut Dice, at_ms: u64| {
            let late = if dice.chance(late_percent) { dice.next() % (step_ms * 200) } else { 0 };
            at_ms + late
        };
        let claim = |dice: &mut Dice, balance: i64| match dice.below(8) {
            0 => format!(",\"balance_after\":\"{balance}\""),
            1 => format!(",\"balance_after\":\"{}\"", balance + 1),
            _ => String::new(),
        };
        let stake = match dice.below(12) {
            0 => usual * dice.between(2, 9),
            1 => usual,
            _ => dice.between(usual / 2, usual * 2),
        };
        for revision in 0..if dice.chance(10) { 2 } else { 1 } {
            let stake = stake + revision * dice.between(0, usual);
            balance -= if revision == 0 { stake } else { 0 };
            let received_ms = came(dice, at_ms + revision as u64 * 5 * step_ms);
            let claim = claim(dice, balance);
            long.wagers.push((received_ms, format!(
                r#"{{"wager_id":"w{wager}","account":"ann","game":"slot","stake":"{stake}","currency":"KRW","at_ms":{at_ms},"revision":{revision},"received_ms":{received_ms}{claim}}}"#
            ).into_bytes()));
        }
        let settled_ms = at_ms + dice.next() % (3 * step_ms);
        let kinds = dice.word(&["settle", "settle", "settle,unsettle", "cancel", ""]);
        for (revision, kind) in kinds.split(',').filter(|kind| !kind.is_empty()).enumerate() {
            let payout = if dice.chance(55) { 0 } else { dice.between(0, 3 * stake) };
            balance += payout;
            let money = if kind == "settle" {
                format!(r#","payout":"{payout}","currency":"KRW""#)
            } else {
                String::new()
            };
            let received_ms = came(dice, settled_ms + revision as u64 * 7 * step_ms);
            let claim = claim(dice, balance);
            long.outcomes.push((received_ms, format!(
                r#"{{"wager_id":"w{wager}","kind":"{kind}","at_ms":{settled_ms},"revision":{revision},"received_ms":{received_ms}{money}{claim}}}"#
            ).into_bytes()));
        }
        if dice.chance(8) {
            let amount = dice.between(1, usual * 20);
            balance += amount;
            let received_ms = came(dice, at_ms);
            long.payments.push((received_ms, format!(
                r#"{{"payment_id":"p{wager}","account":"ann","kind":"deposit","amount":"{amount}","currency":"KRW","at_ms":{at_ms},"received_ms":{received_ms}}}"#
            ).into_bytes()));
        }
    }
    for lines in [&mut long.wagers, &mut long.outcomes, &mut long.payments] {
        lines.sort_by_key(|line| line.0);
    }
    long
}

impl Long {
    /// The lines that had come by then.
    fn until(&self, ms: u64) -> [(Topic, Vec<Vec<u8>>); 3] {
        let upto = |lines: &[(u64, Vec<u8>)]| {
            lines.iter().filter(|line| line.0 <= ms).map(|line| line.1.clone()).collect::<Vec<_>>()
        };
        [
            (Topic::Wagers, upto(&self.wagers)),
            (Topic::Outcomes, upto(&self.outcomes)),
            (Topic::Payments, upto(&self.payments)),
        ]
    }
}

/// What an account's long history shows line by line is, at any time, what all of it shows at once.
pub fn long_histories_are_watched_as_they_grow(seed: u64) {
    let mut dice = Dice::new(seed);
    let long = long(&mut dice);
    let rules = Rules {
        tick_ms: *dice.pick(&[1, 100, 60_000]),
        velocity_window_ms: *dice.pick(&[60_000, 300_000]),
        velocity_wagers_max: 1 + dice.next() % 20,
        spike_wagers_min: *dice.pick(&[1, 20, 64]),
        spike_score_max: *dice.pick(&[500, 3_500]),
        ..Rules::default()
    };
    let whole = long.until(u64::MAX);
    let streams = whole.each_ref().map(|(topic, lines)| (*topic, lines.as_slice()));
    let told = run(&streams, &rules, 1 + seed as usize % 2, Cut::LineByLine);
    let last = long.wagers.last().map_or(START_MS, |line| line.0);
    let mut times: Vec<u64> = (0..3).map(|_| START_MS + dice.next() % (last - START_MS + 1)).collect();
    times.push(u64::MAX);
    for until in times {
        // All that came within a tick is seen at its end.
        let until = if until == u64::MAX { until } else { until / rules.tick_ms * rules.tick_ms };
        let some = long.until(until);
        let streams = some.each_ref().map(|(topic, lines)| (*topic, lines.as_slice()));
        let at_once = run(&streams, &rules, 1, Cut::AllAtOnce);
        let changes = told.changes.iter().filter(|((tick, ..), _)| *tick <= until);
        let folded =
            Told { changes: changes.map(|(row, diff)| (row.clone(), *diff)).collect(), ..Told::default() };
        let folded = Told { finals: folded.folded(), ..Told::default() };
        let seen = [Output::Balances, Output::Rtp, Output::WagerStates, Output::Anomalies];
        let context = format!("seed {seed}, until {until}");
        same(&context, &finals(&at_once, &seen, false), &finals(&folded, &seen, false));
        if until == u64::MAX {
            let at_rest = |told: &Told| finals(told, &BOOKS_AND_POSTINGS, false);
            same(&context, &at_rest(&at_once), &at_rest(&told));
        }
    }
}
