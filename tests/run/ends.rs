//! What it cannot begin or go on with, and how it says so.

use std::fs;
use std::time::Duration;

use crate::job::{Job, has_segments};
use crate::story::Story;

#[test]
fn a_config_without_ends_says_what_to_name() {
    let job = Job::new();
    for (config, says) in [
        ("", "[source.folder]"),
        ("[source.folder]\npath = \"in\"\n", "[sinks.files]"),
        ("[source.folder]\npath = \"nowhere\"\n", "there is no folder"),
        ("[source.folder]\npaht = \"in\"\n", "did you mean `path`?"),
        ("[sorce]\n", "did you mean `source`?"),
    ] {
        job.configure(config);
        let (exit, said) = job.fails(1);
        assert_eq!(exit, Some(2), "{config}: {said}");
        assert!(said.contains(says), "{config}: {said}");
    }
}

#[test]
fn a_job_runs_once_at_a_time() {
    let job = Job::new();
    job.append_all(Story::references());
    let mut running = job.start(1);
    job.wait_committed(&mut running);
    let (exit, said) = job.fails(1);
    assert_eq!(exit, Some(2), "{said}");
    assert!(said.contains(&format!("process {}, since", running.id())), "{said}");
    // Another state does not help: the sink is taken, and then another job's.
    fs::rename(job.path("state"), job.path("moved")).expect("renamed");
    assert_eq!(job.fails(1).0, Some(2));
    assert_eq!(running.end(), Some(0));
    fs::remove_dir_all(job.path("state")).expect("removed");
    let (exit, said) = job.fails(1);
    assert_eq!(exit, Some(2), "{said}");
    assert!(said.contains("that is another, or was run later"), "{said}");
}

#[test]
fn a_file_that_is_not_what_it_was_ends_it_with_what_to_do() {
    for is_running in [true, false] {
        let job = Job::new();
        let mut story = Story::new(6, true);
        let mut running = job.start(1);
        job.live(&mut story, Duration::from_millis(300));
        job.wait_committed(&mut running);
        if !is_running {
            assert_eq!(running.end(), Some(0));
            let told = job.changes();
            truncate(&job);
            let (exit, said) = job.fails(2);
            assert_eq!(exit, Some(2), "{said}");
            assert!(said.contains("is shorter") && said.contains("put back"), "{said}");
            assert_eq!(job.changes(), told);
            continue;
        }
        truncate(&job);
        assert_eq!(running.wait(), Some(2));
        let said = running.said();
        assert!(said.contains("is shorter") && said.contains("put back"), "{said}");
    }
}

fn truncate(job: &Job) {
    let path = job.path("in/wagers.jsonl");
    let text = fs::read(&path).expect("it can be read");
    fs::write(&path, &text[..text.len() / 2]).expect("it can be written");
}

#[test]
fn rules_do_not_change_within_a_job() {
    let job = Job::new();
    job.append_all(Story::references());
    let mut running = job.start(1);
    running.wait_until(|_| has_segments(&job.path("out")));
    assert_eq!(running.end(), Some(0));
    let config = fs::read_to_string(job.path("gyre.toml")).expect("a config");
    job.configure(&config.replace("tick_ms = 20", "tick_ms = 25"));
    let (exit, said) = job.fails(1);
    assert_eq!(exit, Some(2), "{said}");
    assert!(said.contains("other rules"), "{said}");
}
