//! A job: its folders, its config, and the program that runs it.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use gyre::run::remap::Rows;
use gyre::source::Partition;

use crate::changes::Changes;
use crate::story::{RECEIVED, Story};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

const CONFIG: &str = "
[time]
tick_ms = 20
result_due_ms = 500
[recollect]
delays_ms = [200, 400]
[outputs]
postings = true
[source.folder]
path = \"in\"
[sinks.files]
path = \"out\"
gather_ms = 30
";

/// See the module.
pub struct Job {
    folder: tempfile::TempDir,
}

impl Job {
    pub fn new() -> Self {
        let job = Self { folder: tempfile::tempdir().expect("a folder") };
        fs::create_dir(job.path("in")).expect("a folder");
        job.configure(CONFIG);
        job
    }

    pub fn configure(&self, config: &str) {
        fs::write(self.path("gyre.toml"), config).expect("it can be written");
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Another job of the same records, ticks and secrets that has committed nothing.
    pub fn as_if_uninterrupted(&self) -> Self {
        let other = Self::new();
        for folder in ["in", "state"] {
            fs::create_dir_all(other.path(folder)).expect("a folder");
            for entry in fs::read_dir(self.path(folder)).expect("it is there").flatten() {
                fs::copy(entry.path(), other.path(folder).join(entry.file_name())).expect("a copy");
            }
        }
        other
    }

    /// What the sink holds is what a run that was never interrupted makes of the same remap log, byte for byte.
    pub fn assert_as_if_uninterrupted(&self, workers: usize) {
        let told = self.changes();
        told.assert_balanced();
        let other = self.as_if_uninterrupted();
        let mut running = other.start(workers);
        running.wait_until(|_| Changes::through(&other.path("out")) >= told.through);
        assert_eq!(running.end(), Some(0));
        assert_eq!(other.changes().until(told.through).changes, told.changes);
    }

    pub fn append(&self, file: &str, text: &str) {
        let path = self.path("in").join(format!("{file}.jsonl"));
        let mut file = OpenOptions::new().create(true).append(true).open(path).expect("it can be opened");
        file.write_all(text.as_bytes()).expect("it can be written");
    }

    /// Appends lines, those of a file at once.
    pub fn append_all(&self, lines: Vec<(&'static str, String)>) {
        let mut files: BTreeMap<&str, String> = BTreeMap::new();
        for (file, line) in lines {
            *files.entry(file).or_default() += &(line + "\n");
        }
        files.iter().for_each(|(file, text)| self.append(file, text));
    }

    /// Lets a story happen for so long.
    pub fn live(&self, story: &mut Story, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.append_all(story.next());
            std::thread::sleep(Duration::from_millis(7).min(until.saturating_duration_since(Instant::now())));
        }
    }

    pub fn command(&self, workers: usize) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gyre"));
        command.args([
            "run",
            "--workers",
            &workers.to_string(),
            "--lang",
            "en",
            "--http-addr",
            "127.0.0.1:0",
        ]);
        command.arg("--config").arg(self.path("gyre.toml")).arg("--state").arg(self.path("state"));
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    pub fn start(&self, workers: usize) -> Running {
        self.start_with(workers, "")
    }

    /// Starts it with faults, where the program was built for that.
    pub fn start_with(&self, workers: usize, faults: &str) -> Running {
        self.spawn(self.command(workers), faults)
    }

    pub fn spawn(&self, mut command: Command, faults: &str) -> Running {
        let log = self.path("log");
        let out = OpenOptions::new().create(true).append(true).open(&log).expect("a log");
        let said_before = out.metadata().expect("a log").len() as usize;
        let child = command.env("GYRE_FAULTS", faults).stderr(out).spawn();
        Running { child: child.expect("gyre starts"), log, said_before }
    }

    /// Runs it to its end, which it is to come to by itself; gives exit code and what it said.
    pub fn fails(&self, workers: usize) -> (Option<i32>, String) {
        let ran = self.command(workers).stderr(Stdio::piped()).output().expect("gyre starts");
        (ran.status.code(), String::from_utf8(ran.stderr).expect("UTF-8"))
    }

    pub fn changes(&self) -> Changes {
        Changes::read(&self.path("out"))
    }

    /// How many lines its files have.
    fn lines(&self) -> BTreeMap<String, u64> {
        let mut lines = BTreeMap::new();
        for entry in fs::read_dir(self.path("in")).expect("it is there").flatten() {
            let text = fs::read(entry.path()).expect("it can be read");
            let name = entry.file_name().to_string_lossy().replace(".jsonl", "");
            lines.insert(name, text.iter().filter(|byte| **byte == b'\n').count() as u64);
        }
        lines
    }

    /// For each partition, at which ticks it moved, and how far.
    fn marks(&self) -> BTreeMap<Partition, Vec<(u64, u64)>> {
        let mut marks: BTreeMap<Partition, Vec<(u64, u64)>> = BTreeMap::new();
        if !self.path("state/remap.log").exists() {
            return marks;
        }
        let mut rows = Rows::open(&self.path("state/remap.log")).expect("a remap log");
        while let Some(row) = rows.next_row().expect("it can be read") {
            for (partition, place) in row.places {
                marks.entry(partition).or_default().push((place.next, row.tick));
            }
        }
        marks
    }

    /// The tick through which every line that is there now is committed, waited for.
    pub fn wait_committed(&self, running: &mut Running) -> u64 {
        let began = Instant::now();
        let wanted = self.lines();
        loop {
            running.is_well();
            let marks = self.marks();
            let of = |name: &str, number: u64| {
                let (_, marks) = marks.iter().find(|(partition, _)| partition.topic.name() == name)?;
                marks.iter().find(|(next, _)| *next > number).map(|(_, tick)| *tick)
            };
            let ticks: Option<Vec<u64>> = wanted.iter().map(|(name, lines)| of(name, *lines)).collect();
            let tick = ticks.map(|ticks| ticks.into_iter().max().unwrap_or(0));
            if let Some(tick) = tick.filter(|&tick| Changes::through(&self.path("out")) >= tick) {
                return tick;
            }
            assert!(began.elapsed() < PATIENCE, "not all was committed: {}", running.said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What `gyre replay` tells of the same lines, each received at the tick that it had here.
    pub fn replayed(&self) -> Changes {
        let folder = self.path("replayed");
        fs::create_dir_all(&folder).expect("a folder");
        for (partition, marks) in self.marks() {
            let name = format!("{}.jsonl", partition.topic.name());
            let text = fs::read_to_string(self.path("in").join(&name)).expect("it can be read");
            let mut out = String::new();
            for (number, line) in (1..).zip(text.lines()) {
                let Some((_, tick)) = marks.iter().find(|(next, _)| *next > number) else { break };
                out += &line.replace(RECEIVED, &format!("\"received_ms\":{tick}"));
                out.push('\n');
            }
            fs::write(folder.join(name), out).expect("it can be written");
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_gyre"));
        command.args(["replay", "--changes", "--workers", "1", "--config"]);
        let ran = command.arg(self.path("gyre.toml")).arg(&folder).output().expect("gyre starts");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        Changes::read_replay(&folder.join("out"))
    }
}

/// A program that runs; killed when the test lets go of it.
pub struct Running {
    child: Child,
    log: PathBuf,
    /// How long the log was before it was started.
    said_before: usize,
}

impl Running {
    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Fails where it ended by itself.
    pub fn is_well(&mut self) {
        if let Some(status) = self.child.try_wait().expect("it can be asked") {
            panic!("gyre ended with {status}: {}", self.said());
        }
    }

    #[allow(dead_code, reason = "asked where it is killed at its own places")]
    /// How it ended, if it did: its exit code, none where a signal ended it.
    pub fn ended(&mut self) -> Option<Option<i32>> {
        self.child.try_wait().expect("it can be asked").map(|status| status.code())
    }

    /// As `kill -9` does.
    pub fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }

    /// Asks it to end, and gives its exit code. Asked only once it has said that it began: whoever asks while a process
    /// is still being loaded ends it as any process ends.
    pub fn end(mut self) -> Option<i32> {
        self.wait_until(|running| running.said()[running.said_before..].contains(", start "));
        self.signal("TERM");
        self.wait()
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.expect("kill is there").success());
    }

    /// Its exit code, once it has ended; none where a signal ended it.
    pub fn wait(&mut self) -> Option<i32> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it can be asked") {
                return status.code();
            }
            assert!(began.elapsed() < PATIENCE, "it does not end: {}", self.said());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until it has said something.
    pub fn wait_said(&mut self, text: &str) {
        self.wait_until(|running| running.said().contains(text));
    }

    pub fn wait_until(&mut self, is_so: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !is_so(self) {
            self.is_well();
            assert!(began.elapsed() < PATIENCE, "in vain: {}", self.said());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a folder holds a segment.
pub fn has_segments(folder: &Path) -> bool {
    Changes::through(folder) > 0
}
