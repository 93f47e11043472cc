//! What a run tells while records come is what a replay of them tells.

use std::time::Duration;

use crate::job::Job;
use crate::story::Story;

fn same(expected: &crate::changes::Changes, told: &crate::changes::Changes) {
    let (expected, told) = (expected.counted(), told.counted());
    let lacking: Vec<_> = expected.iter().filter(|(row, diff)| told.get(row) != Some(diff)).take(5).collect();
    let surplus: Vec<_> = told.iter().filter(|(row, diff)| expected.get(row) != Some(diff)).take(5).collect();
    assert!(lacking.is_empty() && surplus.is_empty(), "expected: {lacking:#?}\ntold: {surplus:#?}");
}

/// The change log of a run, tick by tick and row by row, is that of a replay of the same lines received at its ticks:
/// raw bytes, positions, requests and histories too.
#[test]
fn a_run_tells_what_a_replay_of_its_ticks_does() {
    for (seed, workers) in [(1, 1), (2, 2)] {
        let job = Job::new();
        job.append_all(Story::references());
        let mut running = job.start(workers);
        job.wait_committed(&mut running);
        let mut story = Story::new(seed, false);
        job.live(&mut story, Duration::from_millis(2_500));
        // Until what is missing was asked for and given up.
        std::thread::sleep(Duration::from_millis(1_800));
        job.wait_committed(&mut running);
        assert_eq!(running.end(), Some(0));
        let told = job.changes();
        told.assert_balanced();
        let outputs: std::collections::BTreeSet<_> =
            told.changes.iter().map(|change| change.1.clone()).collect();
        for output in
            ["balances", "rtp", "wager_states", "rejects", "recollect", "quarantine", "anomalies", "postings"]
        {
            assert!(outputs.contains(output), "seed {seed} tells nothing of {output}");
        }
        same(&job.replayed().until(told.through), &told);
    }
}

/// Nothing comes, and time goes on: progress moves, and what is due happens.
#[test]
fn idle_inputs_tick_too() {
    let job = Job::new();
    let mut running = job.start(2);
    let now = crate::story::now_ms();
    job.append("wagers", &format!(
        "{{\"wager_id\":\"w\",\"account\":\"a\",\"game\":\"g\",\"stake\":\"5\",\"currency\":\"KRW\",\"at_ms\":{now}}}\n"
    ));
    let tick = job.wait_committed(&mut running);
    assert!(job.changes().standing().keys().any(|(output, _)| output == "wager_states"));
    // Its result was due half a second later, and nobody said anything.
    let is_missing =
        |job: &Job| job.changes().standing().keys().any(|(_, row)| row.contains("outcome_missing"));
    running.wait_until(|_| is_missing(&job));
    running.wait_until(|_| job.changes().through > tick + 2_000);
    assert_eq!(running.end(), Some(0));
}

/// What was appended before a signal and read is committed; a signal is heard at once, also while ticks are made again.
#[test]
fn a_signal_ends_it_with_everything_committed() {
    let job = Job::new();
    let mut story = Story::new(5, true);
    let mut running = job.start(1);
    job.live(&mut story, Duration::from_millis(400));
    running.wait_until(|_| crate::job::has_segments(&job.path("out")));
    assert_eq!(running.end(), Some(0));
    let first = job.changes();
    let mut again = job.start(2);
    again.wait_said("start 2, ");
    assert_eq!(again.end(), Some(0));
    let mut running = job.start(2);
    running.wait_said("start 3, ");
    job.wait_committed(&mut running);
    assert_eq!(running.end(), Some(0));
    let second = job.changes();
    assert_eq!(second.changes[..first.changes.len()], first.changes);
    second.assert_balanced();
}
