//! Whether the process turns, has begun, and is fresh enough to be believed.
//!
//! | probe | passes while | so that |
//! |---|---|---|
//! | `/livez` | every thread that has begun has turned within a minute; nothing else is asked | it is restarted only where that helps |
//! | `/startupz` | the ticks of before the start have been made again | it is given the time that this takes |
//! | `/readyz` | that, and every worker has closed a tick within ten seconds, and it is not asked to end | nobody reads old books |

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gyre_dataflows::Tick;

use super::now_s;
use crate::texts::{Key, Lang, Phrase};

/// A thread that has not turned for so long hangs. A step with thousands of records takes seconds on a slow machine.
const TURN_MAX: Duration = Duration::from_secs(60);
/// Books that are older than this are not fresh.
const FRESH_MAX_S: f64 = 10.0;

/// What probes are answered from.
pub struct Health {
    began: Instant,
    /// When each worker, and the one who closes ticks, turned last; 0 before it did. In milliseconds since `began`.
    turns: Vec<AtomicU64>,
    hydrated: AtomicBool,
    ending: AtomicBool,
    gathered: AtomicU64,
}

/// A question that a probe asks, and whether it passed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Check {
    /// What was asked, in a word.
    pub name: String,
    /// Whether all is well.
    pub passes: bool,
    /// What was found.
    pub found: Phrase,
}

/// The probes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Probe {
    /// `/livez`.
    Live,
    /// `/startupz`.
    Startup,
    /// `/readyz`.
    Ready,
}

impl Health {
    /// Of a process with so many workers.
    pub fn new(workers: usize) -> Self {
        Self {
            began: Instant::now(),
            turns: std::iter::repeat_with(AtomicU64::default).take(workers + 1).collect(),
            hydrated: AtomicBool::new(false),
            ending: AtomicBool::new(false),
            gathered: AtomicU64::new(0),
        }
    }

    /// A worker has turned.
    pub fn worker_turns(&self, worker: usize) {
        let since = (self.began.elapsed().as_millis() as u64).max(1);
        if let Some(turn) = self.turns.get(worker) {
            turn.store(since, Ordering::Relaxed);
        }
    }

    /// The one who closes ticks has turned.
    pub fn ticks_turn(&self) {
        self.worker_turns(self.turns.len() - 1);
    }

    /// The ticks of before the start have been made again.
    pub fn hydrated(&self) {
        self.hydrated.store(true, Ordering::Release);
    }

    /// Whether they have.
    pub fn is_hydrated(&self) -> bool {
        self.hydrated.load(Ordering::Acquire)
    }

    /// The process was asked to end.
    pub fn ends(&self) {
        self.ending.store(true, Ordering::Release);
    }

    /// Every worker has closed everything through a tick.
    pub fn gathered(&self, through: Tick) {
        self.gathered.store(through, Ordering::Release);
    }

    /// How old the books are, in seconds; nothing before the first tick.
    pub fn age_s(&self) -> Option<f64> {
        let gathered = self.gathered.load(Ordering::Acquire);
        (gathered > 0).then(|| (now_s() - gathered as f64 / 1_000.0).max(0.0))
    }

    /// What a probe asks, and what it finds.
    pub fn probe(&self, probe: Probe) -> Vec<Check> {
        match probe {
            Probe::Live => self.live(),
            Probe::Startup => vec![self.startup()],
            Probe::Ready => vec![self.startup(), self.fresh(), self.stays()],
        }
    }

    /// Whether a probe passes.
    pub fn passes(&self, probe: Probe) -> bool {
        self.probe(probe).iter().all(|check| check.passes)
    }

    fn live(&self) -> Vec<Check> {
        let now = self.began.elapsed().as_millis() as u64;
        let turned = self.turns.iter().map(|turn| turn.load(Ordering::Relaxed)).enumerate();
        let checks = turned.filter(|(_, turn)| *turn > 0).map(|(thread, turn)| {
            let since_ms = now.saturating_sub(turn);
            let last = thread + 1 == self.turns.len();
            Check {
                name: if last { "ticks".to_owned() } else { format!("worker-{thread}") },
                passes: Duration::from_millis(since_ms) < TURN_MAX,
                found: Phrase::new(Key::HealthTurned).with("ms", since_ms),
            }
        });
        let answers = Check { name: "listener".to_owned(), passes: true, found: Key::HealthAnswers.into() };
        std::iter::once(answers).chain(checks).collect()
    }

    fn startup(&self) -> Check {
        let passes = self.is_hydrated();
        let found = if passes { Key::HealthHydrated } else { Key::HealthHydrating };
        Check { name: "hydrated".to_owned(), passes, found: found.into() }
    }

    fn fresh(&self) -> Check {
        let age_s = self.age_s();
        let found = match age_s {
            Some(age_s) => Phrase::new(Key::HealthAge).with("seconds", format!("{age_s:.1}")),
            None => Key::HealthNoTick.into(),
        };
        Check { name: "fresh".to_owned(), passes: age_s.is_some_and(|age_s| age_s < FRESH_MAX_S), found }
    }

    fn stays(&self) -> Check {
        let passes = !self.ending.load(Ordering::Acquire);
        let found = if passes { Key::HealthStays } else { Key::HealthEnds };
        Check { name: "stays".to_owned(), passes, found: found.into() }
    }
}

/// What a probe says: one word, or a line for each of its checks.
pub fn said(checks: &[Check], is_verbose: bool, lang: Lang) -> String {
    let passes = checks.iter().all(|check| check.passes);
    let word = if passes { "ok" } else { "not ok" };
    if !is_verbose {
        return format!("{word}\n");
    }
    let line = |check: &Check| {
        let mark = if check.passes { '+' } else { '-' };
        format!("[{mark}] {}: {}\n", check.name, check.found.say(lang))
    };
    checks.iter().map(line).collect::<String>() + word + "\n"
}
