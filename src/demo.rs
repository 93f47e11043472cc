//! `gyre demo`: a house at play, and a run that keeps its books. No broker, no database.
//!
//! ```text
//! generate::live ─▶ DIR/in/*.jsonl ─▶ gyre run (the real one) ─▶ DIR/out/changes-*.jsonl
//!                                        └─▶ Watch ─▶ the listener, and a line a second
//! ```

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gyre_dataflows::rows::AnomalyKind;

use crate::cli::{DemoArgs, RunArgs, Session};
use crate::config::Config;
use crate::error::{Domain, Error, Result, bytes, unwritable};
use crate::generate::{Plan, live};
use crate::run::run_watched;
use crate::table::thousands;
use crate::texts::{Key, Lang, Phrase};
use crate::watch::Watch;
use crate::watch::process::Process;

/// Which share of the wagers goes wrong.
const FAULTS: f64 = 0.004;
/// How long it plays, if nobody ends it: a disk that nobody looks at is not to be filled.
const HOURS: u32 = 1;
/// After how long it forgets, so that memory stays as it is.
const HORIZON_MS: u64 = 20 * 60_000;
/// How often it is told how things stand.
const TELL: Duration = Duration::from_secs(1);
/// How often it is looked whether all is over.
const LOOK: Duration = Duration::from_millis(50);

/// Runs the command, for an hour or until Ctrl-C.
///
/// # Errors
/// Exit 2 for a folder that is in use or an address that is none; exit 3 where the folder cannot be written or the
/// address not be had.
pub fn run(args: &DemoArgs, session: &Session) -> Result<()> {
    let folder = folder(args)?;
    let config = config(&folder);
    let run = RunArgs {
        config: PathBuf::new(),
        state: folder.join("state"),
        workers: args.workers,
        http_addr: args.http_addr.clone(),
        cluster: Vec::new(),
        process: 0,
        trusted_network: false,
        parent: None,
    };
    let plan = plan(args, &folder);
    let watch = Watch::new(&config.live.job, run.workers())?;
    let (over, asked) = (AtomicBool::new(false), session.interrupt.end_gently());
    std::thread::scope(|scope| {
        let playing = scope.spawn(|| {
            let played = live::play(&plan, &over);
            // Without records there is nothing to be seen.
            asked.store(true, Ordering::Release);
            played
        });
        scope
            .spawn(|| Teller { watch: &watch, plan: &plan, folder: &folder, lang: session.lang }.tell(&over));
        let ran = run_watched(&run, &config, session, Arc::clone(&watch));
        over.store(true, Ordering::Release);
        let played = playing.join().map_err(|_| Error::bug("the house panicked"))?;
        ran.and(played.map_err(|error| unwritable(&folder, 0, &error)))
    })
}

/// The folder, empty, with a place for records in it.
fn folder(args: &DemoArgs) -> Result<PathBuf> {
    #[expect(
        clippy::disallowed_methods,
        reason = "everything lies within the new folder; nothing is renamed out of it"
    )]
    let fresh = || std::env::temp_dir().join(format!("gyre-demo-{}", std::process::id()));
    let folder = args.output.clone().unwrap_or_else(fresh);
    let is_empty = std::fs::read_dir(&folder).map_or(true, |mut entries| entries.next().is_none());
    if !is_empty {
        let what = Phrase::new(Key::DemoNotEmpty).with("path", folder.display());
        return Err(Error::usage(Domain::Output, what).help(Key::DemoNotEmptyHelp));
    }
    std::fs::create_dir_all(folder.join("in")).map_err(|error| unwritable(&folder, 0, &error))?;
    Ok(folder)
}

/// Payouts of a game that is out of band are held, so that this can be seen too; what is old is forgotten soon.
fn config(folder: &Path) -> Config {
    let mut config = Config::default();
    config.rules.holds[AnomalyKind::RtpOutOfBand as usize] = true;
    (config.rules.horizon_ms, config.rules.horizon_open_ms) = (HORIZON_MS, HORIZON_MS);
    config.live.job = "demo".to_owned();
    config.live.source_folder = folder.join("in").display().to_string();
    config.live.sink_files = folder.join("out").display().to_string();
    config
}

fn plan(args: &DemoArgs, folder: &Path) -> Plan {
    Plan {
        wagers: u64::from(args.rate) * 3_600 * u64::from(HOURS),
        accounts: u64::from(args.rate * 20).clamp(2_000, 200_000),
        hours: f64::from(HOURS),
        seed: args.seed,
        faults: FAULTS,
        ..Plan::new(folder.join("in"))
    }
}

/// Tells how things stand.
struct Teller<'d> {
    watch: &'d Watch,
    plan: &'d Plan,
    folder: &'d Path,
    lang: Lang,
}

impl Teller<'_> {
    fn tell(&self, over: &AtomicBool) {
        let mut records = 0;
        let mut due = Instant::now() + TELL;
        let mut has_begun = false;
        while !over.load(Ordering::Acquire) {
            std::thread::sleep(LOOK);
            if let Some(at) = self.watch.at().filter(|_| !has_begun) {
                let rate = self.plan.wagers / 3_600 / u64::from(HOURS);
                let begins = Phrase::new(Key::DemoBegins)
                    .with("accounts", thousands(self.plan.accounts))
                    .with("rate", thousands(rate))
                    .with("path", self.folder.display())
                    .with("addr", at);
                self.say(&begins);
                has_begun = true;
            }
            if has_begun && Instant::now() >= due {
                due += TELL;
                let before = std::mem::replace(&mut records, self.watch.records());
                self.say(&self.line(records - before));
            }
        }
    }

    /// The line of this second.
    fn line(&self, rate: u64) -> Phrase {
        let board = self.watch.board();
        let sum = |counts: &[i64]| thousands(counts.iter().sum::<i64>().max(0).unsigned_abs());
        let is_balanced = board.money.values().all(|money| money.imbalance == 0);
        let anomalies: Vec<i64> = AnomalyKind::ALL.into_iter().map(|kind| board.anomalies_of(kind)).collect();
        let memory = Process::look().map_or(0, |process| process.resident_bytes as u64);
        Phrase::new(Key::DemoLine)
            .with("rate", thousands(rate))
            .with("age", self.watch.health.age_s().map_or("-".to_owned(), |age_s| format!("{age_s:.1}")))
            .with("balanced", (if is_balanced { Key::Balanced } else { Key::NotBalanced }).say(self.lang))
            .with("anomalies", sum(&anomalies))
            .with("games", sum(&[board.anomalies_of(AnomalyKind::RtpOutOfBand)]))
            .with("rejects", sum(&board.rejects))
            .with("quarantine", sum(&board.quarantine))
            .with("memory", bytes(memory))
    }

    fn say(&self, what: &Phrase) {
        // Whoever reads no more has seen enough; the demo goes on.
        let _ = io::stdout().write_all(format!("{}\n", what.say(self.lang)).as_bytes());
    }
}
