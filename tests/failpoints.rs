//! `gyre run` dies before and after each durable step, and finds disks full: built with the feature `failpoints`.
//!
//! ```text
//! cargo test --features failpoints --test failpoints
//! ```
#![allow(dead_code, reason = "shared with the tests of a run, which use all of it")]

#[path = "run/changes.rs"]
mod changes;
#[path = "run/job.rs"]
mod job;
#[path = "run/ports.rs"]
mod ports;
#[path = "run/story.rs"]
mod story;
#[path = "run/team.rs"]
mod team;

use std::time::{Duration, Instant};

use job::Job;
use story::Story;
use team::Team;

/// Every place, with the time at which it dies there: the first, and one in the middle of its work.
const PLACES: [(&str, [u64; 2]); 9] = [
    ("state: before a rename", [1, 3]),
    ("state: after a rename", [1, 2]),
    ("remap: before a write", [1, 9]),
    ("remap: before a sync", [1, 9]),
    ("remap: after a sync", [1, 9]),
    ("files: before a sync", [1, 7]),
    ("files: after a sync", [1, 7]),
    ("files: after a rename", [1, 17]),
    ("files: before small segments go", [1, 1]),
];

#[test]
fn killed_at_each_durable_step_nothing_is_lost_and_nothing_is_twice() {
    for (place, times) in PLACES {
        let job = Job::new();
        let mut story = Story::new(11, true);
        job.append_all(Story::references());
        for (start, time) in (1..).zip(times) {
            let mut running = job.start_with(start, &format!("{place}=kill:{time}"));
            let began = Instant::now();
            let code = loop {
                let said = || running.said();
                assert!(began.elapsed() < Duration::from_secs(120), "{place}: never there: {}", said());
                job.append_all(story.next());
                std::thread::sleep(Duration::from_millis(40));
                if let Some(code) = running.ended() {
                    break code;
                }
            };
            assert_eq!(code, None, "{place}: it was to be killed: {}", running.said());
        }
        let mut running = job.start(2);
        job.wait_committed(&mut running);
        assert_eq!(running.end(), Some(0), "{place}");
        job.assert_as_if_uninterrupted(1);
    }
}

/// Where a process of a cluster dies while all come together, or while they end: which process, at which place.
const MEETINGS: [(usize, &str); 7] = [
    (0, "cluster: before a welcome"),
    (0, "cluster: after a welcome"),
    (1, "cluster: after a hello"),
    (0, "cluster: connected"),
    (1, "cluster: connected"),
    (1, "cluster: before a tick is closed"),
    (1, "cluster: before the end"),
];

#[test]
fn killed_while_they_meet_and_part_processes_come_together_again() {
    for (process, place) in MEETINGS {
        let job = Job::new();
        let mut story = Story::new(13, true);
        job.append_all(Story::references());
        let mut team = Team::start(&job, 2, 1);
        job.live(&mut story, Duration::from_millis(300));
        team.kill(process);
        team.begin_with(process, &format!("{place}=kill:1"));
        if place == "cluster: before the end" {
            team.wait_for_all();
            job.live(&mut story, Duration::from_millis(200));
            team.ask(0);
        }
        team.live_until_gone(process, &mut story, place);
        team.begin(process);
        if place == "cluster: before the end" {
            // Process 0 had committed everything and has left, or waits for the one that died.
            team.restart(0);
        }
        job.live(&mut story, Duration::from_millis(200));
        team.wait_committed();
        assert_eq!(team.end(0), [Some(0); 2], "{place}");
        job.assert_as_if_uninterrupted(1);
    }
}

#[test]
fn killed_at_a_durable_step_process_0_is_awaited_by_the_others() {
    for (place, times) in PLACES {
        let job = Job::new();
        let mut story = Story::new(14, true);
        job.append_all(Story::references());
        let mut team = Team::start_with(&job, 2, 1, &format!("{place}=kill:{}", times[1]));
        team.live_until_gone(0, &mut story, place);
        team.begin(0);
        job.live(&mut story, Duration::from_millis(100));
        team.wait_committed();
        assert_eq!(team.end(1), [Some(0); 2], "{place}");
        job.assert_as_if_uninterrupted(1);
    }
}

#[test]
fn a_full_disk_holds_it_up_and_no_more() {
    for (place, times) in
        [("remap: before a write", "5-6"), ("files: before a sync", "3-4"), ("files: after a rename", "2-3")]
    {
        let job = Job::new();
        let mut story = Story::new(12, true);
        job.append_all(Story::references());
        let mut running = job.start_with(2, &format!("{place}=full:{times}"));
        job.live(&mut story, Duration::from_millis(500));
        running.wait_said("cannot go on");
        running.wait_said(" goes on");
        assert!(running.said().contains("the disk is full"), "{}", running.said());
        job.live(&mut story, Duration::from_millis(300));
        job.wait_committed(&mut running);
        assert_eq!(running.end(), Some(0), "{place}");
        job.assert_as_if_uninterrupted(1);
    }
}
