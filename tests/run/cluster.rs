//! Several processes keep the books of one, whoever of them dies, hangs or leaves.

use std::process::Command;
use std::time::Duration;

use crate::job::Job;
use crate::ports::free_address;
use crate::story::{Dice, Story};
use crate::team::Team;

/// Seeds by which processes are killed: each a story of its own.
const SEEDS: u64 = 25;
/// So many stories happen at the same time: most of what they do is wait.
const AT_ONCE: u64 = 3;

#[test]
fn several_processes_keep_the_books_of_one() {
    for (processes, workers, asked) in [(2, 1, 0), (2, 2, 1), (3, 1, 2)] {
        let job = Job::new();
        job.append_all(Story::references());
        let mut story = Story::new(21, true);
        let mut team = Team::start(&job, processes, workers);
        job.live(&mut story, Duration::from_millis(1_200));
        team.wait_committed();
        assert_eq!(team.end(asked), vec![Some(0); processes]);
        job.assert_as_if_uninterrupted(1);
        // And one process goes on where several were.
        let mut alone = job.start(3);
        job.live(&mut story, Duration::from_millis(200));
        job.wait_committed(&mut alone);
        assert_eq!(alone.end(), Some(0));
        job.assert_as_if_uninterrupted(2);
    }
}

#[test]
fn whoever_is_killed_they_come_together_again_and_nothing_is_lost_or_twice() {
    std::thread::scope(|scope| {
        for lane in 0..AT_ONCE {
            scope.spawn(move || (lane..SEEDS).step_by(AT_ONCE as usize).for_each(killed));
        }
    });
}

/// A story in which processes are killed: while they come together, make ticks again, or keep the books.
fn killed(seed: u64) {
    let job = Job::new();
    job.append_all(Story::references());
    let (mut dice, mut story) = (Dice::new(seed), Story::new(seed, true));
    let mut team = Team::start(&job, 2, 1);
    for _ in 0..2 + dice.below(2) {
        job.live(&mut story, Duration::from_millis(50 + dice.below(1_500)));
        let process = dice.below(2) as usize;
        team.kill(process);
        if dice.below(4) == 0 {
            // Both at once.
            team.kill(1 - process);
            team.begin(1 - process);
        }
        job.live(&mut story, Duration::from_millis(dice.below(60)));
        team.begin(process);
    }
    team.wait_committed();
    assert_eq!(team.end(dice.below(2) as usize), [Some(0); 2], "seed {seed}");
    job.assert_as_if_uninterrupted(1);
}

#[test]
fn one_that_hangs_is_left_behind_and_comes_back() {
    let job = Job::new();
    job.append_all(Story::references());
    let mut story = Story::new(23, true);
    let mut team = Team::start(&job, 2, 1);
    for process in [1, 0] {
        job.live(&mut story, Duration::from_millis(500));
        team.signal(process, "STOP");
        while !team.said().contains(&format!("process {process} has said nothing for 5 s")) {
            job.live(&mut story, Duration::from_millis(100));
        }
        team.signal(process, "CONT");
        job.live(&mut story, Duration::from_millis(300));
        team.wait_committed();
    }
    assert_eq!(team.end(0), [Some(0); 2]);
    job.assert_as_if_uninterrupted(1);
}

#[test]
fn one_command_starts_and_keeps_a_cluster() {
    let job = Job::new();
    job.append_all(Story::references());
    let mut story = Story::new(24, true);
    let port = free_address().rsplit_once(':').expect("a port").1.to_owned();
    let mut command = Command::new(env!("CARGO_BIN_EXE_gyre"));
    command.args([
        "cluster",
        "--lang",
        "en",
        "--processes",
        "3",
        "--port",
        &port,
        "--http-addr",
        "127.0.0.1:0",
    ]);
    command.arg("--config").arg(job.path("gyre.toml")).arg("--state").arg(job.path("state"));
    let mut running = job.spawn(command, "");
    for process in 0..3 {
        let runs = format!("process {process} runs as ");
        running.wait_said(&runs);
        running.wait_said("all 3 processes are here");
        job.live(&mut story, Duration::from_millis(400));
        let said = running.said();
        let id = said.rsplit_once(&runs).and_then(|(_, rest)| rest.lines().next()).expect("its number");
        assert!(Command::new("kill").args(["-9", id.trim()]).status().expect("kill is there").success());
        running.wait_said(&format!("process {process} ended (signal 9) and is started again"));
        job.live(&mut story, Duration::from_millis(400));
        job.wait_committed(&mut running);
    }
    for (processes, workers) in [(2, 2), (4, 1)] {
        let mut rescale = Command::new(env!("CARGO_BIN_EXE_gyre"));
        rescale.args(["rescale", "--lang", "en", "--processes", &processes.to_string()]);
        rescale.args(["--workers", &workers.to_string()]).arg("--state").arg(job.path("state"));
        let done = rescale.output().expect("gyre starts");
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(done.status.success(), "{}{}", String::from_utf8_lossy(&done.stderr), running.said());
        let wanted =
            format!("{processes} processes of {workers} workers keep the books; no tick closed for ");
        assert!(said.starts_with(&wanted), "{said}");
        job.live(&mut story, Duration::from_millis(300));
        job.wait_committed(&mut running);
    }
    running.signal("TERM");
    assert_eq!(running.wait(), Some(0), "{}", running.said());
    job.assert_as_if_uninterrupted(1);
    let mut rescale = Command::new(env!("CARGO_BIN_EXE_gyre"));
    rescale.args(["rescale", "--processes", "2", "--state"]).arg(job.path("state"));
    assert_eq!(rescale.output().expect("gyre starts").status.code(), Some(2));
}
