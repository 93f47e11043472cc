//! The output folder: everything is written beside it and moved into it at once.

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::order::{changes_file, final_file};
use super::{Output, Writer};
use crate::error::{Domain, Error, Result, unwritable};
use crate::texts::{Key, Phrase};

const PARTIAL: &str = ".partial-";
const PREVIOUS: &str = "previous.";
/// The run's figures; renamed last, so that it stands beside a whole set.
const SUMMARY: &str = "summary.json";

/// Where a run under other rules would differ.
const WHAT_IF: &str = "what_if.json";

/// A folder that outputs are being made for. Dropped without [`OutputFolder::commit`] it leaves no trace.
pub struct OutputFolder {
    shared: Arc<Shared>,
}

pub(super) struct Shared {
    folder: PathBuf,
    partial: PathBuf,
    /// Whether the folder was not there before: an abandoned run takes it away again.
    created: bool,
    state: Mutex<State>,
    /// Held while the run lasts, so that two runs never write to one folder. The system frees it however the run ends.
    _lock: File,
}

struct State {
    stage: Stage,
    /// The names that this run will put into the folder.
    names: BTreeSet<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Writing,
    Committed,
    Abandoned,
}

/// Takes a run's traces away, from another thread: what Ctrl-C holds.
#[derive(Clone)]
pub struct Abandon(Weak<Shared>);

impl Abandon {
    /// Removes what the run wrote so far and gives the folder's path; nothing where the run is over. A commit that is
    /// under way is waited for, so that outputs are always all there or none.
    pub fn now(&self) -> Option<PathBuf> {
        let shared = self.0.upgrade()?;
        shared.abandon().then(|| shared.folder.clone())
    }
}

impl OutputFolder {
    /// Takes `folder` for this run; makes it where it is not there, and clears what a killed run left in it.
    ///
    /// # Errors
    /// Exit 2 where `folder` is a file or another run is writing to it; exit 3 where it cannot be made.
    pub fn open(folder: &Path) -> Result<Self> {
        let fail = |error: io::Error| unwritable(folder, 0, &error);
        let created = !folder.exists();
        if !created && !folder.is_dir() {
            let what = Phrase::new(Key::OutputNotFolder).with("path", folder.display());
            return Err(Error::usage(Domain::Output, what).help(Key::OutputUnwritableHelp));
        }
        fs::create_dir_all(folder).map_err(fail)?;
        let lock = File::open(folder).map_err(fail)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let what = Phrase::new(Key::OutputBusy).with("path", folder.display());
                return Err(Error::usage(Domain::Output, what).help(Key::OutputBusyHelp));
            }
            // Some file systems know no locks; there, two runs on one folder are the operator's to avoid.
            Err(TryLockError::Error(_)) => {}
        }
        clear_leftovers(folder).map_err(fail)?;
        let partial = folder.join(format!("{PARTIAL}{}", std::process::id()));
        fs::create_dir(&partial).map_err(fail)?;
        let state = Mutex::new(State { stage: Stage::Writing, names: BTreeSet::new() });
        let shared = Shared { folder: folder.to_owned(), partial, created, state, _lock: lock };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.shared.folder
    }

    /// What takes this run's traces away.
    pub fn abandon_handle(&self) -> Abandon {
        Abandon(Arc::downgrade(&self.shared))
    }

    pub(super) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// Writes a whole small file (`summary.json`), to stand under `name` after the commit.
    ///
    /// # Errors
    /// Exit 3 where the disk does not take it.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.shared.claim(name)?;
        let mut writer = Writer::create(&path)?;
        writer.write(bytes)?;
        writer.close_synced()
    }

    /// Takes away what was written so far: the run begins anew.
    ///
    /// # Errors
    /// Exit 3 where the disk does not let it go.
    pub fn begin_anew(&self) -> Result<()> {
        let partial = &self.shared.partial;
        let fail = |error: io::Error| unwritable(partial, 0, &error);
        let mut state = self.shared.state();
        if state.stage == Stage::Writing {
            state.names.clear();
            fs::remove_dir_all(partial).map_err(fail)?;
            fs::create_dir(partial).map_err(fail)?;
        }
        Ok(())
    }

    /// Moves every output to its final name, all or none; an earlier run's outputs go, also those that this run does
    /// not have (a change log beside a newer final state would mislead).
    ///
    /// # Errors
    /// Exit 3 where the folder cannot be written; it is then as it was before. A claimed output that was not finished
    /// is a bug.
    pub fn commit(self) -> Result<()> {
        let shared = &self.shared;
        let mut state = shared.state();
        if state.stage != Stage::Writing {
            return Err(Error::bug("outputs were abandoned before their commit"));
        }
        // The summary is the last of them in any order of names but this one.
        let mut names: Vec<&str> = state.names.iter().map(String::as_str).collect();
        names.sort_by_key(|name| (*name == SUMMARY, *name));
        let mut done = Vec::new();
        let result = shared.exchange(&names, &mut done);
        if let Err(error) = result {
            for name in done.iter().rev() {
                shared.put_back(name);
            }
            drop(state);
            return Err(error);
        }
        state.stage = Stage::Committed;
        // Only backups of what was replaced are left in there; the outputs stand whatever becomes of them.
        let _ = fs::remove_dir_all(&shared.partial);
        Ok(())
    }
}

impl Drop for OutputFolder {
    fn drop(&mut self) {
        self.shared.abandon();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reserves a final name; gives the path to write to until then.
    pub(super) fn claim(&self, name: &str) -> Result<PathBuf> {
        let target = self.folder.join(name);
        if target.is_dir() {
            let what = Phrase::new(Key::OutputInTheWay).with("path", target.display());
            return Err(Error::usage(Domain::Output, what).help(Key::OutputInTheWayHelp));
        }
        if !self.state().names.insert(name.to_owned()) {
            return Err(Error::bug(format!("{name} is written twice")));
        }
        Ok(self.partial.join(name))
    }

    /// A place for what is only needed on the way.
    pub(super) fn scratch(&self, name: &str) -> PathBuf {
        self.partial.join(format!("scratch.{name}"))
    }

    /// Puts every name in its place; `done` says which have moved.
    fn exchange(&self, names: &[&str], done: &mut Vec<String>) -> Result<()> {
        for name in names {
            let (from, to) = (self.partial.join(name), self.folder.join(name));
            if !from.is_file() {
                return Err(Error::bug(format!("{name} was begun and not finished")));
            }
            // A second name for what is replaced: the way back, where the file system has one.
            let _ = fs::hard_link(&to, self.backup(name));
            fs::rename(&from, &to).map_err(|error| unwritable(&to, 0, &error))?;
            done.push((*name).to_owned());
        }
        let stale = Output::ALL.into_iter().flat_map(|output| [final_file(output), changes_file(output)]);
        for name in stale.chain([SUMMARY, WHAT_IF].map(str::to_owned)) {
            let path = self.folder.join(&name);
            if !names.contains(&name.as_str()) && path.is_file() {
                fs::rename(&path, self.backup(&name)).map_err(|error| unwritable(&path, 0, &error))?;
                done.push(name);
            }
        }
        let synced = File::open(&self.folder).and_then(|folder| folder.sync_all());
        synced.map_err(|error| unwritable(&self.folder, 0, &error))
    }

    /// Undoes one move.
    fn put_back(&self, name: &str) {
        let (backup, path) = (self.backup(name), self.folder.join(name));
        if fs::rename(&backup, &path).is_err() {
            let _ = fs::remove_file(&path);
        }
    }

    fn backup(&self, name: &str) -> PathBuf {
        self.partial.join(format!("{PREVIOUS}{name}"))
    }

    /// Removes the run's traces; `false` where it is over already.
    fn abandon(&self) -> bool {
        let mut state = self.state();
        if state.stage != Stage::Writing {
            return false;
        }
        state.stage = Stage::Abandoned;
        // Threads that still write may add a file between the listing and the removal: try again, a while.
        for _ in 0..100 {
            match fs::remove_dir_all(&self.partial) {
                Ok(()) => break,
                Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                Err(_) => std::thread::sleep(std::time::Duration::from_millis(5)),
            }
        }
        if self.created {
            // Only if it is empty: never what is not ours.
            let _ = fs::remove_dir(&self.folder);
        }
        true
    }
}

/// Removes what killed runs left: the lock is ours, so nobody is writing there.
fn clear_leftovers(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(PARTIAL));
        let ours = number
            .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
        if ours && entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Exit;

    fn listing(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn a_commit_replaces_an_earlier_run_whole() {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path();
        for name in ["balances.jsonl", "rtp.changes.jsonl", "summary.json", "notes.txt"] {
            fs::write(folder.join(name), "old").unwrap();
        }
        fs::create_dir(folder.join(".partial-1")).unwrap();
        let output = OutputFolder::open(folder).unwrap();
        output.write("summary.json", b"new").unwrap();
        output.write("balances.jsonl", b"new").unwrap();
        assert_eq!(fs::read_to_string(folder.join("balances.jsonl")).unwrap(), "old");
        output.commit().unwrap();
        assert_eq!(listing(folder), ["balances.jsonl", "notes.txt", "summary.json"]);
        assert_eq!(fs::read_to_string(folder.join("balances.jsonl")).unwrap(), "new");
    }

    #[test]
    fn without_a_commit_nothing_happened() {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join("new");
        let output = OutputFolder::open(&folder).unwrap();
        output.write("balances.jsonl", b"x").unwrap();
        drop(output);
        assert!(!folder.exists());

        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("balances.jsonl"), "old").unwrap();
        let output = OutputFolder::open(&folder).unwrap();
        output.write("balances.jsonl", b"x").unwrap();
        let abandon = output.abandon_handle();
        assert_eq!(abandon.now(), Some(folder.clone()));
        assert_eq!(abandon.now(), None);
        assert!(output.commit().is_err());
        assert_eq!(listing(&folder), ["balances.jsonl"]);
        assert_eq!(fs::read_to_string(folder.join("balances.jsonl")).unwrap(), "old");
    }

    #[test]
    fn a_commit_that_fails_half_way_is_undone() {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path();
        fs::write(folder.join("balances.jsonl"), "old").unwrap();
        let output = OutputFolder::open(folder).unwrap();
        output.write("anomalies.jsonl", b"new").unwrap();
        output.write("balances.jsonl", b"new").unwrap();
        output.write("rtp.jsonl", b"new").unwrap();
        // A folder that comes in the way of the last of them.
        fs::create_dir(folder.join("rtp.jsonl")).unwrap();
        assert_eq!(output.commit().unwrap_err().exit(), Exit::Unreachable);
        assert_eq!(listing(folder), ["balances.jsonl", "rtp.jsonl"]);
        assert_eq!(fs::read_to_string(folder.join("balances.jsonl")).unwrap(), "old");
    }

    #[test]
    fn folders_that_cannot_be_used_say_so() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("file");
        fs::write(&file, "").unwrap();
        assert_eq!(OutputFolder::open(&file).err().unwrap().exit(), Exit::Usage);
        assert!(OutputFolder::open(&file.join("below")).is_err());
        let output = OutputFolder::open(temp.path()).unwrap();
        assert_eq!(OutputFolder::open(temp.path()).err().unwrap().exit(), Exit::Usage);
        fs::create_dir(temp.path().join("rtp.jsonl")).unwrap();
        assert_eq!(output.write("rtp.jsonl", b"").unwrap_err().exit(), Exit::Usage);
        output.write("balances.jsonl", b"").unwrap();
        assert_eq!(output.write("balances.jsonl", b"").unwrap_err().exit(), Exit::Bug);
    }
}
