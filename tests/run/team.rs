//! Several processes that do a job together.
#![allow(dead_code, reason = "tests of places at which they die use more of it than others")]

use std::time::{Duration, Instant};

use crate::job::{Job, Running};
use crate::ports::free_address;
use crate::story::Story;

/// See the module.
pub struct Team<'j> {
    job: &'j Job,
    addresses: String,
    workers: usize,
    processes: Vec<Option<Running>>,
}

impl<'j> Team<'j> {
    pub fn start(job: &'j Job, processes: usize, workers: usize) -> Self {
        Self::start_with(job, processes, workers, "")
    }

    /// Starts them, process 0 with faults.
    pub fn start_with(job: &'j Job, processes: usize, workers: usize, faults: &str) -> Self {
        let addresses: Vec<String> = (0..processes).map(|_| free_address()).collect();
        let mut team = Self {
            job,
            addresses: addresses.join(","),
            workers,
            processes: (0..processes).map(|_| None).collect(),
        };
        team.begin_with(0, faults);
        (1..processes).for_each(|process| team.begin(process));
        team
    }

    pub fn begin(&mut self, process: usize) {
        self.begin_with(process, "");
    }

    pub fn begin_with(&mut self, process: usize, faults: &str) {
        let mut command = self.job.command(self.workers);
        command.args(["--cluster", &self.addresses, "--process", &process.to_string()]);
        self.processes[process] = Some(self.job.spawn(command, faults));
    }

    fn running(&mut self, process: usize) -> &mut Running {
        self.processes[process].as_mut().expect("it runs")
    }

    /// As `kill -9` does.
    pub fn kill(&mut self, process: usize) {
        self.processes[process].take().expect("it runs").kill();
    }

    /// Whether a process has ended by itself; it is to have been killed.
    fn is_gone(&mut self, process: usize) -> bool {
        let ended = self.running(process).ended();
        assert!(ended.is_none_or(|code| code.is_none()), "{ended:?}: {}", self.said());
        ended.is_some()
    }

    /// Lets a story happen until a process has died.
    pub fn live_until_gone(&mut self, process: usize, story: &mut Story, place: &str) {
        let began = Instant::now();
        while !self.is_gone(process) {
            assert!(began.elapsed() < Duration::from_secs(120), "{place}: never there: {}", self.said());
            self.job.live(story, Duration::from_millis(40));
        }
    }

    /// Starts a process anew, whether it runs or not.
    pub fn restart(&mut self, process: usize) {
        self.processes[process] = None;
        self.begin(process);
    }

    pub fn signal(&mut self, process: usize, name: &str) {
        self.running(process).signal(name);
    }

    /// Asks all to end by one of them.
    pub fn ask(&mut self, process: usize) {
        self.signal(process, "TERM");
    }

    pub fn said(&self) -> String {
        self.processes.iter().flatten().next().map(Running::said).unwrap_or_default()
    }

    /// Waits until every line that is there now is committed.
    pub fn wait_committed(&mut self) -> u64 {
        let (job, running) = (self.job, self.processes[0].as_mut().expect("it runs"));
        job.wait_committed(running)
    }

    /// Waits until all have come together once more than they had.
    pub fn wait_for_all(&mut self) {
        let times = self.said().matches("processes are here").count();
        let began = Instant::now();
        while self.said().matches("processes are here").count() <= times {
            assert!(began.elapsed() < Duration::from_secs(60), "in vain: {}", self.said());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Asks all to end by one of them; gives their exit codes.
    pub fn end(mut self, asked: usize) -> Vec<Option<i32>> {
        self.ask(asked);
        (0..self.processes.len()).map(|process| self.running(process).wait()).collect()
    }
}
