//! Change logs: every row that came or went, by tick.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::order::changes_file;
use super::{Output, OutputFolder, Writer};
use crate::error::{Error, Result};

/// The change log of an output: `{"tick":…,"diff":±1,"row":{…}}`, consolidated, sorted by tick then row.
///
/// Several workers write to it. A tick is written once every worker has closed it; until then its changes are held.
pub struct ChangeLog {
    name: String,
    state: Mutex<State>,
}

struct State {
    writer: Writer,
    /// Changes of ticks that are not closed.
    pending: BTreeMap<u64, Changes>,
    /// Emptied ones, to be filled again.
    spare: Vec<Changes>,
    /// How far each worker has closed.
    closed: Vec<Option<u64>>,
    /// How far all have: no change may come at or before it.
    through: Option<u64>,
}

/// How many emptied buffers are kept.
const SPARE: usize = 32;

/// The changes of a tick: one buffer of rows, one list of where they are and how often.
#[derive(Default)]
struct Changes {
    bytes: Vec<u8>,
    rows: Vec<(usize, usize, i64)>,
}

impl ChangeLog {
    /// Begins the change log of `output`, written by `workers` workers, in `folder`.
    ///
    /// # Errors
    /// Exit 2 where a folder stands in its way; exit 3 where the disk does not take it.
    pub fn new(folder: &OutputFolder, output: Output, workers: usize) -> Result<Self> {
        let name = changes_file(output);
        let writer = Writer::create(&folder.shared().claim(&name)?)?;
        let closed = vec![None; workers.max(1)];
        let state = State { writer, pending: BTreeMap::new(), spare: Vec::new(), closed, through: None };
        Ok(Self { name, state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a change: `row` (a JSON object, with or without a newline) came `diff` times at `tick`, or went if
    /// negative.
    ///
    /// # Errors
    /// A change at a closed tick is a bug.
    pub fn push(&self, tick: u64, row: &[u8], diff: i64) -> Result<()> {
        self.extend([(tick, row, diff)])
    }

    /// Takes several changes: tick, row, and how often it came or went.
    ///
    /// # Errors
    /// As [`ChangeLog::push`].
    pub fn extend<'a>(&self, changes: impl IntoIterator<Item = (u64, &'a [u8], i64)>) -> Result<()> {
        let mut state = self.state();
        let State { pending, spare, through, .. } = &mut *state;
        let mut changes = changes.into_iter().peekable();
        while let Some(&(tick, ..)) = changes.peek() {
            if through.is_some_and(|through| tick <= through) {
                return Err(Error::bug(format!(
                    "{} has a change at tick {tick}, which is closed",
                    self.name
                )));
            }
            let kept = pending.entry(tick).or_insert_with(|| spare.pop().unwrap_or_default());
            while let Some((_, row, diff)) = changes.next_if(|change| change.0 == tick) {
                let row = row.strip_suffix(b"\n").unwrap_or(row);
                let start = kept.bytes.len();
                kept.bytes.extend_from_slice(row);
                kept.rows.push((start, start + row.len(), diff));
            }
        }
        Ok(())
    }

    /// Says that `worker` (from 0) has no more changes through `tick`.
    ///
    /// # Errors
    /// Exit 3 where the disk does not take what can be written now.
    pub fn close_through(&self, worker: usize, tick: u64) -> Result<()> {
        let mut state = self.state();
        let Some(closed) = state.closed.get_mut(worker) else {
            return Err(Error::bug(format!("{} has no worker {worker}", self.name)));
        };
        *closed = (*closed).max(Some(tick));
        let through = state.closed.iter().min().copied().flatten();
        if through > state.through {
            state.through = through;
            state.write_through(through)?;
        }
        Ok(())
    }

    /// Closes every tick and ends the log; it stands under its name after the folder's commit.
    ///
    /// # Errors
    /// Exit 3 where the disk does not take what is left.
    pub fn finish(self) -> Result<()> {
        let mut state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        state.write_through(Some(u64::MAX))?;
        state.writer.close_synced()
    }
}

impl State {
    fn write_through(&mut self, through: Option<u64>) -> Result<()> {
        while let Some(entry) = self.pending.first_entry()
            && Some(*entry.key()) <= through
        {
            let (tick, mut changes) = entry.remove_entry();
            let [went, came] =
                [-1, 1].map(|diff| format!("{{\"tick\":{tick},\"diff\":{diff},\"row\":").into_bytes());
            let bytes = &changes.bytes;
            changes.rows.sort_unstable_by(|left, right| bytes[left.0..left.1].cmp(&bytes[right.0..right.1]));
            for equal in changes.rows.chunk_by(|left, right| bytes[left.0..left.1] == bytes[right.0..right.1])
            {
                let diff: i128 = equal.iter().map(|row| i128::from(row.2)).sum();
                let row = &bytes[equal[0].0..equal[0].1];
                for _ in 0..diff.unsigned_abs() {
                    self.writer.write(if diff < 0 { &went } else { &came })?;
                    self.writer.write(row)?;
                    self.writer.write(b"}\n")?;
                }
            }
            if self.spare.len() < SPARE {
                changes.bytes.clear();
                changes.rows.clear();
                self.spare.push(changes);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged(workers: usize, write: impl FnOnce(&ChangeLog)) -> String {
        let temp = tempfile::tempdir().unwrap();
        let folder = OutputFolder::open(temp.path()).unwrap();
        let log = ChangeLog::new(&folder, Output::Rtp, workers).unwrap();
        write(&log);
        log.finish().unwrap();
        folder.commit().unwrap();
        std::fs::read_to_string(temp.path().join("rtp.changes.jsonl")).unwrap()
    }

    #[test]
    fn changes_are_consolidated_and_sorted() {
        let got = logged(1, |log| {
            log.push(200, b"{\"b\":1}\n", 1).unwrap();
            log.push(100, b"{\"b\":1}", 1).unwrap();
            log.push(200, b"{\"a\":1}", -1).unwrap();
            log.push(100, b"{\"gone\":1}", 1).unwrap();
            log.push(100, b"{\"gone\":1}", -1).unwrap();
            log.push(200, b"{\"b\":1}", 1).unwrap();
        });
        let want = "{\"tick\":100,\"diff\":1,\"row\":{\"b\":1}}\n{\"tick\":200,\"diff\":-1,\"row\":{\"a\":1}}\n\
                    {\"tick\":200,\"diff\":1,\"row\":{\"b\":1}}\n{\"tick\":200,\"diff\":1,\"row\":{\"b\":1}}\n";
        assert_eq!(got, want);
    }

    #[test]
    fn a_tick_waits_for_every_worker() {
        let got = logged(2, |log| {
            log.push(1, b"1", 1).unwrap();
            log.close_through(0, 5).unwrap();
            log.push(1, b"1", -1).unwrap();
            log.push(6, b"6", 1).unwrap();
            log.close_through(1, 5).unwrap();
            assert!(log.push(5, b"5", 1).is_err());
            assert!(log.close_through(2, 5).is_err());
            // A frontier never goes back.
            log.close_through(1, 3).unwrap();
            assert!(log.push(5, b"5", 1).is_err());
        });
        assert_eq!(got, "{\"tick\":6,\"diff\":1,\"row\":6}\n");
    }
}
