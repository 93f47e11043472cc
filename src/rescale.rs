//! `gyre rescale`: a cluster goes on with another number of processes or workers.
//!
//! ```text
//! gyre rescale ── STATE/rescale.wish ──▶ gyre cluster: last tick, stop, start with the new numbers, first tick
//!      ▲                                      │
//!      └──────── STATE/rescale.done ──────────┘   for how long no tick closed
//! ```
//! It is a restart, and says what it cost. Both talk through small files in the state folder, for they need nothing else
//! from each other; `STATE/cluster` says who keeps the job, and with which numbers.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, test_kill_process};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::cli::RescaleArgs;
use crate::error::{Domain, Error, Result};
use crate::run::{remap_path_of, write_whole};
use crate::texts::{Key, Lang, Phrase};

/// How often it is looked what the other says.
const LOOK: Duration = Duration::from_millis(100);

/// Processes, and workers of each.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Size {
    /// How many processes.
    pub processes: u16,
    /// How many workers each has.
    pub workers: u16,
}

/// That a cluster is to go on with other numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Wish {
    /// With which.
    pub size: Size,
    /// Which wish it is.
    number: u64,
}

/// Who keeps a job.
#[derive(Serialize, Deserialize)]
struct Keeper {
    process: u32,
    size: Size,
}

/// What became of a wish.
#[derive(Serialize, Deserialize)]
struct Done {
    wish: Wish,
    /// For how long no tick closed.
    paused_ms: u64,
}

/// Where the two talk: the state folder.
pub struct Desk {
    state: PathBuf,
}

impl Desk {
    /// That of a job.
    pub fn new(state: &Path) -> Self {
        Self { state: state.to_owned() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.state.join(name)
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_slice(&std::fs::read(self.path(name)).ok()?).ok()
    }

    fn write(&self, name: &str, what: &impl Serialize) -> Result<()> {
        write_whole(&self.path(name), &serde_json::to_vec(what).map_err(Error::bug)?)
    }

    /// This process keeps the job, with these numbers.
    ///
    /// # Errors
    /// Exit 3 where the folder cannot be written.
    pub fn keeps(&self, size: Size) -> Result<()> {
        let fail = |error| crate::error::unwritable(&self.state, 0, &error).help(Key::StateHelp);
        std::fs::create_dir_all(&self.state).map_err(fail)?;
        self.write("cluster", &Keeper { process: std::process::id(), size })
    }

    /// Nobody keeps it any more.
    pub fn leaves(&self) {
        // Where it stays, it names a process that is gone.
        let _ = std::fs::remove_file(self.path("cluster"));
    }

    /// Other numbers that are wished for than `now`, if any are.
    pub fn wish(&self, now: Size) -> Option<Wish> {
        let wish = self.read::<Wish>("rescale.wish")?;
        // Whatever becomes of it, it was heard.
        std::fs::remove_file(self.path("rescale.wish")).ok()?;
        if wish.size == now {
            let _ = self.done(&wish, Duration::ZERO);
            return None;
        }
        Some(wish)
    }

    /// The first tick has closed with the new numbers; gives what is told.
    ///
    /// # Errors
    /// Exit 3 where the folder cannot be written.
    pub fn done(&self, wish: &Wish, paused: Duration) -> Result<Phrase> {
        let done = Done { wish: *wish, paused_ms: paused.as_millis() as u64 };
        self.write("rescale.done", &done)?;
        Ok(done.say())
    }

    /// How long the remap log is: it grows with every tick that closes.
    pub fn remap_bytes(&self) -> u64 {
        std::fs::metadata(remap_path_of(&self.state)).map_or(0, |file| file.len())
    }

    fn keeper(&self) -> Option<Keeper> {
        let keeper = self.read::<Keeper>("cluster")?;
        let is_there = Pid::from_raw(keeper.process as i32).is_some_and(|pid| test_kill_process(pid).is_ok());
        is_there.then_some(keeper)
    }
}

impl Done {
    fn say(&self) -> Phrase {
        Phrase::new(Key::RescaleDone)
            .with("processes", self.wish.size.processes)
            .with("workers", self.wish.size.workers)
            .with("seconds", format!("{:.1}", self.paused_ms as f64 / 1_000.0))
    }
}

/// Runs the command: asks, and waits until a tick has closed with the new numbers; gives what is told.
///
/// # Errors
/// Exit 2 where nobody keeps the job; exit 3 where the cluster ends meanwhile.
pub fn ask(args: &RescaleArgs, lang: Lang) -> Result<String> {
    let desk = Desk::new(&args.state);
    let nobody = || {
        let what = Phrase::new(Key::RescaleNobody).with("path", args.state.display());
        Error::usage(Domain::Config, what).help(Key::RescaleNobodyHelp)
    };
    let now = desk.keeper().ok_or_else(nobody)?.size;
    let size = Size {
        processes: args.processes.unwrap_or(now.processes),
        workers: args.workers.unwrap_or(now.workers),
    };
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let wish = Wish { size, number: since_1970.as_nanos() as u64 };
    desk.write("rescale.wish", &wish)?;
    let mut missed = Instant::now();
    loop {
        if let Some(done) = desk.read::<Done>("rescale.done").filter(|done| done.wish == wish) {
            return Ok(done.say().say(lang) + "\n");
        }
        if desk.keeper().is_some() {
            missed = Instant::now();
        } else if missed.elapsed() > LOOK * 20 {
            return Err(Error::unreachable(Domain::Config, Key::RescaleLost));
        }
        std::thread::sleep(LOOK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_is_heard_once_and_what_is_so_already_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let desk = Desk::new(&folder.path().join("state"));
        let (now, other) = (Size { processes: 2, workers: 1 }, Size { processes: 3, workers: 2 });
        assert!(desk.keeper().is_none());
        desk.keeps(now).unwrap();
        assert_eq!(desk.keeper().unwrap().size, now);
        assert_eq!(desk.wish(now), None);
        desk.write("rescale.wish", &Wish { size: now, number: 1 }).unwrap();
        assert_eq!(desk.wish(now), None);
        assert_eq!(desk.read::<Done>("rescale.done").unwrap().wish.number, 1);
        let wish = Wish { size: other, number: 2 };
        desk.write("rescale.wish", &wish).unwrap();
        assert_eq!((desk.wish(now), desk.wish(now)), (Some(wish), None));
        desk.leaves();
        assert!(desk.keeper().is_none());
    }
}
