//! The state folder of a job: who it is, which start of it this is, and which records its ticks hold.
//!
//! ```text
//! DIR/lock         locked while a run lasts; says who holds it
//! DIR/job          the job's id and the secret of its keyed hashes; for its owner's eyes only
//! DIR/generation   how often the job was started
//! DIR/remap.log    the remap log
//! ```
//! Beside them `gyre cluster` and `gyre rescale` talk to each other: see [`crate::rescale`].

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use gyre_domain::rules::Rules;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::faults;
use super::remap::{Remap, Sound};
use crate::error::{Domain, Error, Result, unreadable};
use crate::sink::live::Job;
use crate::texts::{Key, Phrase};

const LOCK: &str = "lock";
const JOB: &str = "job";
const GENERATION: &str = "generation";
/// The remap log.
pub const REMAP: &str = "remap.log";

/// The first line of the job file.
const JOB_TITLE: &str = "gyre job 1";

/// An opened state folder, this run's alone until it is dropped.
pub struct State {
    /// The job, as sinks know it.
    pub job: Job,
    /// The secret of its keyed hashes.
    pub secret: [u8; 16],
    /// The remap log.
    pub remap: Remap,
    /// What its rows come to.
    pub sound: Sound,
    /// How many bytes of it were cut off.
    pub cut: u64,
    /// Where it is.
    pub remap_path: PathBuf,
    /// The system frees it however the run ends.
    pub lock: File,
}

impl State {
    /// Opens `folder` for a job of this name, or makes it, and begins the next generation. What the job's books are
    /// judged by must be what it was.
    ///
    /// # Errors
    /// Exit 2 where another run holds the folder, where the rules are others than the job's, or where what is in it is
    /// not of this version; exit 3 where it cannot be read or written.
    pub fn open(folder: &Path, name: &str, rules: &Rules, postings: bool) -> Result<Self> {
        let fail = |error: io::Error| unwritable(folder, 0, &error);
        if folder.exists() && !folder.is_dir() {
            let what = Phrase::new(Key::OutputNotFolder).with("path", folder.display());
            return Err(Error::usage(Domain::Output, what).help(Key::StateHelp));
        }
        fs::create_dir_all(folder).map_err(fail)?;
        let lock = lock(folder)?;
        let remap_path = folder.join(REMAP);
        let secrets = Secrets::open(&folder.join(JOB), &remap_path, rules, postings)?;
        let (remap, sound, cut) = Remap::open(&remap_path)?;
        let least = sound.last.map_or(0, |(generation, _)| generation);
        let generation = next_generation(&folder.join(GENERATION), least)?;
        let job = Job { name: name.to_owned(), id: hex(&secrets.id), generation };
        Ok(Self { job, secret: secrets.secret, remap, sound, cut, remap_path, lock })
    }
}

/// Writing to the state failed.
fn unwritable(path: &Path, needed: u64, error: &io::Error) -> Error {
    crate::error::unwritable(path, needed, error).help(Key::StateHelp)
}

/// Locks the folder, and says who does.
fn lock(folder: &Path) -> Result<File> {
    let path = folder.join(LOCK);
    let fail = |error: io::Error| unwritable(&path, 0, &error);
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(fail)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let holder = fs::read_to_string(&path).unwrap_or_default();
            let what = Phrase::new(Key::StateBusy).with("path", folder.display());
            let what = what.with("holder", holder.trim());
            return Err(Error::usage(Domain::Output, what).help(Key::StateBusyHelp));
        }
        // Without a lock two runs could make two histories of one job.
        Err(TryLockError::Error(error)) => {
            let what = Phrase::new(Key::StateNoLocks).with("path", folder.display());
            return Err(Error::usage(Domain::Output, what).cause(error).help(Key::StateNoLocksHelp));
        }
    }
    let holder = format!("process {}, since {:.0}\n", std::process::id(), Timestamp::now());
    file.set_len(0).and_then(|()| file.write_all(holder.as_bytes())).map_err(fail)?;
    Ok(file)
}

/// What is drawn once in the life of a job.
struct Secrets {
    id: [u8; 16],
    secret: [u8; 16],
}

impl Secrets {
    fn open(path: &Path, remap: &Path, rules: &Rules, postings: bool) -> Result<Self> {
        let judged_by = judged_by(rules, postings);
        match fs::read_to_string(path) {
            Ok(text) => {
                let (secrets, was) = Self::read(&text).ok_or_else(|| {
                    let what = Phrase::new(Key::StateForeign).with("path", path.display());
                    Error::usage(Domain::Input, what).help(Key::StateForeignHelp)
                })?;
                if was != judged_by {
                    let what = Phrase::new(Key::StateOtherRules).with("path", path.display());
                    return Err(Error::usage(Domain::Config, what).help(Key::StateOtherRulesHelp));
                }
                Ok(secrets)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && !remap.exists() => {
                let (id, secret) = (drawn()?, drawn()?);
                let text =
                    format!("{JOB_TITLE}\nid {}\nsecret {}\nrules {judged_by}\n", hex(&id), hex(&secret));
                write_whole(path, text.as_bytes())?;
                Ok(Self { id, secret })
            }
            Err(error) => Err(unreadable(path, &error)),
        }
    }

    /// What a job file says, and by what its books are judged.
    fn read(text: &str) -> Option<(Self, String)> {
        let mut lines = text.lines();
        lines.next().filter(|title| *title == JOB_TITLE)?;
        let id = unhex(lines.next()?.strip_prefix("id ")?)?;
        let secret = unhex(lines.next()?.strip_prefix("secret ")?)?;
        let judged_by = lines.next()?.strip_prefix("rules ")?.to_owned();
        Some((Self { id, secret }, judged_by))
    }
}

/// Whatever of the config the books of a job depend on: with another of it, ticks read again come to other rows.
pub fn judged_by(rules: &Rules, postings: bool) -> String {
    let spelt = serde_json::to_vec(&(rules, postings)).unwrap_or_default();
    let hash = Sha256::digest(spelt);
    hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// The next start of the job, written down before anything is done in its name.
fn next_generation(path: &Path, least: u64) -> Result<u64> {
    let before = match fs::read_to_string(path) {
        Ok(text) => text.trim().parse::<u64>().map_err(|_| {
            let what = Phrase::new(Key::StateForeign).with("path", path.display());
            Error::usage(Domain::Input, what).help(Key::StateForeignHelp)
        })?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(unreadable(path, &error)),
    };
    let generation = before.max(least) + 1;
    write_whole(path, format!("{generation}\n").as_bytes())?;
    Ok(generation)
}

/// Writes a small file that is there whole or as it was before; only its owner may read it.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let fail = |error: io::Error| unwritable(path, bytes.len() as u64, &error);
    let partial = path.with_extension("partial");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&partial)
        .map_err(fail)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(fail)?;
    faults::point("state: before a rename").map_err(fail)?;
    fs::rename(&partial, path).map_err(fail)?;
    faults::point("state: after a rename").map_err(fail)?;
    sync_folder_of(path).map_err(fail)
}

/// Where the remap log of a job is.
pub(crate) fn remap_path_of(state: &Path) -> PathBuf {
    state.join(REMAP)
}

/// Waits until the disk has the names of a path's folder.
pub(crate) fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// Bytes that nobody can guess.
pub(super) fn drawn() -> Result<[u8; 16]> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::bug(format!("the system gives no random bytes: {error}")))?;
    Ok(bytes)
}

pub(super) fn hex(bytes: &[u8; 16]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 16]> {
    let number = u128::from_str_radix(text, 16).ok().filter(|_| text.len() == 32)?;
    Some(number.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::error::Exit;
    use crate::texts::Lang;

    fn open(folder: &Path) -> Result<State> {
        State::open(folder, "gyre", &Rules::default(), false)
    }

    #[test]
    fn a_job_stays_who_it_is_and_counts_its_starts() {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join("state");
        let first = open(&folder).unwrap().job;
        let second = open(&folder).unwrap().job;
        assert_eq!((first.generation, second.generation), (1, 2));
        assert_eq!((&first.id, first.id.len()), (&second.id, 32));
        let mode = fs::metadata(folder.join(JOB)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn two_runs_never_share_a_state() {
        let temp = tempfile::tempdir().unwrap();
        let held = open(temp.path()).unwrap();
        let error = open(temp.path()).err().unwrap();
        assert_eq!(error.exit(), Exit::Usage);
        let said = error.render(Lang::En);
        assert!(said.contains(&format!("process {}, since 2", std::process::id())), "{said}");
        drop(held);
        assert_eq!(open(temp.path()).unwrap().job.generation, 2);
    }

    #[test]
    fn what_is_not_the_jobs_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        drop(open(temp.path()).unwrap());
        let others = Rules { tick_ms: 50, ..Rules::default() };
        let refused = State::open(temp.path(), "gyre", &others, false).err().unwrap();
        assert!(refused.render(Lang::En).contains("rules"), "{refused}");
        fs::write(temp.path().join(JOB), "gyre job 1\nid x\n").unwrap();
        assert_eq!(open(temp.path()).err().unwrap().exit(), Exit::Usage);
        // A job that lost its secret is not another job.
        fs::remove_file(temp.path().join(JOB)).unwrap();
        assert_eq!(open(temp.path()).err().unwrap().exit(), Exit::Unreachable);
    }
}
