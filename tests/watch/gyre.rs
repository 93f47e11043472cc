//! A run over a growing folder, and how it is asked.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use gyre::generate::{self, Plan};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

const CONFIG: &str = "
[time]
tick_ms = 50
result_due_ms = 500
[recollect]
delays_ms = [200, 400]
[rtp]
action = \"hold\"
[source.folder]
path = \"in\"
[sinks.files]
path = \"out\"
gather_ms = 50
";

pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gyre"));
    command.stdin(Stdio::null());
    command
}

/// Folders of a run.
pub struct Job {
    folder: tempfile::TempDir,
}

impl Job {
    pub fn new() -> Self {
        let job = Self { folder: tempfile::tempdir().expect("a folder") };
        fs::create_dir(job.path("in")).expect("a folder");
        fs::write(job.path("gyre.toml"), CONFIG).expect("it can be written");
        job
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn command(&self, http_addr: &str) -> Command {
        let mut command = program();
        command.args(["run", "--workers", "2", "--lang", "en", "--http-addr", http_addr]);
        command.arg("--config").arg(self.path("gyre.toml")).arg("--state").arg(self.path("state"));
        command
    }

    pub fn start(&self) -> Running {
        Running::start(self.command("127.0.0.1:0"), self.path("log"))
    }

    /// Appends what players did in the last half hour, with everything that goes wrong; gives how many lines there are.
    pub fn play(&self, wagers: u64) -> u64 {
        self.play_on(wagers, 20)
    }

    /// The same, on so many games.
    pub fn play_on(&self, wagers: u64, games: u32) -> u64 {
        let now_ms =
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_millis();
        let mut plan = Plan::new(self.path("played"));
        (plan.wagers, plan.accounts, plan.games, plan.hours, plan.faults) = (wagers, 60, games, 0.5, 0.05);
        plan.start_ms = now_ms as u64 - 1_900_000;
        let written = generate::run(&plan, &mut |_| {}).expect("a folder");
        for name in ["games", "accounts", "wagers", "outcomes", "payments"] {
            let lines = fs::read(self.path("played").join(format!("{name}.jsonl"))).expect("it is there");
            let to = self.path("in").join(format!("{name}.jsonl"));
            let mut to = OpenOptions::new().create(true).append(true).open(to).expect("it can be opened");
            to.write_all(&lines).expect("it can be written");
        }
        written.wagers + written.outcomes + written.payments + written.games + written.accounts
    }
}

/// A program that runs and can be asked; killed when the test lets go of it.
pub struct Running {
    child: Child,
    log: PathBuf,
    pub at: SocketAddr,
}

impl Running {
    pub fn start(mut command: Command, log: PathBuf) -> Self {
        let before = fs::read_to_string(&log).unwrap_or_default().len();
        let out = OpenOptions::new().create(true).append(true).open(&log).expect("a log");
        command.stdout(out.try_clone().expect("a log")).stderr(out);
        let child = command.spawn().expect("gyre starts");
        let mut running = Self { child, log, at: SocketAddr::from(([127, 0, 0, 1], 0)) };
        let mut at = None;
        running.wait_until(|running| {
            let said = running.said();
            let rest = said[before..].split_once("status: http://").map(|(_, rest)| rest);
            at = rest.and_then(|rest| rest.split_once('/')?.0.parse().ok());
            at.is_some()
        });
        running.at = at.expect("it was found");
        running
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub fn wait_until(&mut self, mut is_so: impl FnMut(&Self) -> bool) {
        let began = Instant::now();
        while !is_so(self) {
            if let Some(status) = self.child.try_wait().expect("it can be asked") {
                panic!("gyre ended with {status}: {}", self.said());
            }
            assert!(began.elapsed() < PATIENCE, "in vain: {}", self.said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What it answers.
    pub fn get(&self, path: &str) -> Answer {
        ask(self.at, &format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.at))
    }

    pub fn figures(&self) -> Figures {
        Figures::read(&self.get("/metrics").body)
    }

    /// Waits until so many lines are in the books and on the disk.
    pub fn wait_committed(&mut self, lines: u64) -> Figures {
        self.wait_until(|running| {
            let figures = running.figures();
            figures.sum("gyre_input_records_total") >= lines as f64 - 200.0
                && figures.sum("gyre_settlement_latency_seconds_count")
                    >= figures.sum("gyre_input_records_total")
        });
        self.figures()
    }

    /// Asks it to end, and gives its exit code.
    pub fn end(mut self) -> Option<i32> {
        let asked = Command::new("kill").args(["-TERM", &self.id().to_string()]).status();
        assert!(asked.expect("kill is there").success());
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it can be asked") {
                return status.code();
            }
            assert!(began.elapsed() < PATIENCE, "it does not end: {}", self.said());
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

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

/// Sends bytes, and reads what comes until the end.
pub fn ask(at: SocketAddr, request: &str) -> Answer {
    let mut stream = TcpStream::connect(at).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    stream.write_all(request.as_bytes()).expect("it takes bytes");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answer { status, head: head.to_lowercase(), body: body.to_owned() }
}

/// A scrape: the value of every series.
pub struct Figures(pub BTreeMap<String, f64>);

impl Figures {
    pub fn read(text: &str) -> Self {
        let series = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        });
        Self(series.collect())
    }

    /// The names of what is shown, without those that a histogram adds.
    pub fn names(text: &str) -> Vec<String> {
        let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        types.filter_map(|line| Some(line.split(' ').next()?.to_owned())).collect()
    }

    /// The series of a name.
    pub fn of<'f>(&'f self, name: &'f str) -> impl Iterator<Item = (&'f str, f64)> {
        let is_of = move |series: &str| series == name || series.starts_with(&format!("{name}{{"));
        self.0.iter().filter(move |(series, _)| is_of(series)).map(|(series, value)| (&**series, *value))
    }

    pub fn sum(&self, name: &str) -> f64 {
        self.of(name).map(|(_, value)| value).sum()
    }
}
