//! Killed at any moment and started again, it goes on as if nothing had happened.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::time::Duration;

use crate::job::{Job, has_segments};
use crate::story::{Dice, Story};

/// Nine times in a story, with one to three workers.
#[test]
fn killed_at_random_moments_nothing_is_lost_and_nothing_is_twice() {
    let job = Job::new();
    job.append_all(Story::references());
    let mut dice = Dice::new(7);
    let mut story = Story::new(7, true);
    for time in 0..9 {
        let running = job.start(1 + time % 3);
        job.live(&mut story, Duration::from_millis(100 + dice.below(900)));
        running.kill();
        // The world does not wait.
        job.live(&mut story, Duration::from_millis(dice.below(60)));
    }
    let mut running = job.start(2);
    job.wait_committed(&mut running);
    assert_eq!(running.end(), Some(0));
    job.assert_as_if_uninterrupted(1);
    job.assert_as_if_uninterrupted(3);
}

/// Rows of the remap log that were only half written are cut off, and told; those that matter are missed.
#[test]
fn a_torn_remap_log_is_cut_and_a_lost_one_is_missed() {
    let job = Job::new();
    let mut story = Story::new(3, true);
    let mut running = job.start(2);
    job.live(&mut story, Duration::from_millis(500));
    job.wait_committed(&mut running);
    running.kill();
    let log = job.path("state/remap.log");
    let before = fs::read(&log).expect("a remap log");
    OpenOptions::new().append(true).open(&log).expect("a log").write_all(&[7; 333]).expect("written");
    let mut running = job.start(1);
    running.wait_said("torn end of");
    job.live(&mut story, Duration::from_millis(200));
    job.wait_committed(&mut running);
    assert_eq!(running.end(), Some(0));
    job.assert_as_if_uninterrupted(2);
    // An older copy of the state does not know what the sink has.
    let told = job.changes();
    fs::write(&log, &before[..before.len() * 2 / 3]).expect("written");
    let (exit, said) = job.fails(1);
    assert_eq!(exit, Some(2), "{said}");
    assert!(said.contains("has committed through tick"), "{said}");
    assert_eq!(job.changes(), told);
}

/// A sink that holds something else than the same ticks come to is left as it is.
#[test]
fn a_sink_that_differs_is_told_and_left_alone() {
    let job = Job::new();
    let mut story = Story::new(4, true);
    let mut running = job.start(1);
    job.live(&mut story, Duration::from_millis(300));
    running.wait_until(|_| has_segments(&job.path("out")));
    assert_eq!(running.end(), Some(0));
    let told = job.changes();
    let last = fs::read_dir(job.path("out")).expect("it is there").flatten().map(|entry| entry.path()).max();
    let last = last.expect("a segment");
    let text = fs::read_to_string(&last).expect("a segment");
    let other = if told.digest.starts_with('0') { "1" } else { "0" };
    fs::write(&last, text.replace(&told.digest, &format!("{other}{}", &told.digest[1..]))).expect("written");
    let before = job.changes();
    job.live(&mut story, Duration::from_millis(50));
    let (exit, said) = job.fails(2);
    assert_eq!(exit, Some(2), "{said}");
    assert!(said.contains("has committed other changes through tick"), "{said}");
    assert_eq!(job.changes(), before);
}
