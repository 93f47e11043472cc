//! Final states: one file of rows sorted by key, whatever came in whatever order, in bounded memory.
//!
//! ```text
//!  loose rows ─▶  8 MiB, sorted ─▶ spills ─────────┐
//!  runs (a worker's rows, sorted) ─▶ merged at once ─┴▶ merge by key; of equal keys the latest ─▶ <output>.jsonl
//! ```

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::folder::Shared;
use super::order::{final_file, key_of, replaces};
use super::runs::Runs;
use super::{BUFFER_BYTES, Output, OutputFolder, Writer};
use crate::error::{Error, Result, unreadable, unwritable};

/// Loose rows held in memory before they are spilt, unless said otherwise.
pub const LOOSE_BYTES_MAX: usize = 8 << 20;
/// Spills of one size merged into one of the next when there are this many: files stay few, and a row is written once
/// for each size.
const SPILLS_MAX: usize = 64;
const READ_BYTES: usize = 128 << 10;

/// The final state of an output. Many threads may write to it; [`FinalFile::finish`] puts it in order.
pub struct FinalFile {
    inner: Arc<Inner>,
}

struct Inner {
    output: Output,
    folder: Arc<Shared>,
    target: PathBuf,
    loose_bytes_max: usize,
    state: Mutex<State>,
    runs: Mutex<Runs>,
}

#[derive(Default)]
struct State {
    loose: Loose,
    /// Sorted files of loose rows, the oldest first, each with how often its rows were merged.
    spills: Vec<(PathBuf, u32)>,
    files_made: usize,
}

impl FinalFile {
    /// Begins the final state of `output` in `folder`.
    ///
    /// # Errors
    /// Exit 2 where a folder stands in its way.
    pub fn new(folder: &OutputFolder, output: Output) -> Result<Self> {
        Self::with_memory(folder, output, LOOSE_BYTES_MAX)
    }

    /// The same, with another bound (at most 1 GiB) on the loose rows held in memory.
    ///
    /// # Errors
    /// As [`FinalFile::new`].
    pub fn with_memory(folder: &OutputFolder, output: Output, loose_bytes_max: usize) -> Result<Self> {
        let folder = folder.shared();
        let target = folder.claim(&final_file(output))?;
        let loose_bytes_max = loose_bytes_max.min(1 << 30);
        let runs = folder.scratch(&format!("{}.runs", output.name()));
        let runs = Mutex::new(Runs::new(output, runs, loose_bytes_max));
        let inner = Inner { output, folder, target, loose_bytes_max, state: Mutex::default(), runs };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Says how many runs will come at most: so many are merged while they come.
    pub fn expect_runs(&self, runs: usize) {
        self.inner.runs().expected = Some(runs);
    }

    /// A writer for rows that come sorted by key, each key once. It counts as later than every loose row.
    ///
    /// # Errors
    /// Exit 3 where the disk does not take it.
    pub fn run(&self) -> Result<RunWriter> {
        let index = self.inner.runs().begin()?;
        Ok(RunWriter { inner: Arc::clone(&self.inner), index, lines: Vec::with_capacity(2 * BUFFER_BYTES) })
    }

    /// Takes a row (a JSON object, with or without a newline) in any order; a later row of an equal key replaces an
    /// earlier one (of rejects, the smallest position stays).
    ///
    /// # Errors
    /// Exit 3 where the disk does not take a spill.
    pub fn loose(&self, row: &[u8]) -> Result<()> {
        let row = row.strip_suffix(b"\n").unwrap_or(row);
        let mut state = self.inner.state();
        state.loose.add(self.inner.output, row)?;
        if state.loose.bytes_held() > self.inner.loose_bytes_max {
            self.inner.spill(&mut state)?;
        }
        Ok(())
    }

    /// Brings everything into one file, sorted by key; it stands under its name after the folder's commit.
    ///
    /// # Errors
    /// Exit 3 where the disk does not take it. A run that was not finished is a bug.
    pub fn finish(self) -> Result<()> {
        let inner = &*self.inner;
        let runs = inner.runs().finish()?;
        let mut state = inner.state();
        if !state.loose.rows.is_empty() {
            inner.spill(&mut state)?;
        }
        state.loose = Loose::default();
        let spills = mem::take(&mut state.spills).into_iter().map(|(path, _)| path);
        let sources: Vec<PathBuf> = spills.chain(runs).collect();
        let target = &inner.target;
        match &sources[..] {
            [only] => fs::rename(only, target).map_err(|error| unwritable(target, 0, &error))?,
            _ => merge(inner.output, &sources, target)?,
        }
        let synced = File::open(target).and_then(|file| file.sync_all());
        synced.map_err(|error| unwritable(target, 0, &error))
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn runs(&self) -> MutexGuard<'_, Runs> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn scratch(&self, state: &mut State, what: &str) -> PathBuf {
        state.files_made += 1;
        self.folder.scratch(&format!("{}.{what}.{}", self.output.name(), state.files_made))
    }

    /// Writes the loose rows held, sorted, to a file of their own.
    fn spill(&self, state: &mut State) -> Result<()> {
        let path = self.scratch(state, "spill");
        let mut writer = Writer::create(&path)?;
        state.loose.drain_into(self.output, &mut writer)?;
        writer.close()?;
        state.spills.push((path, 0));
        self.merge_spills(state)
    }

    /// Merges the youngest spills, where there are enough of one size.
    fn merge_spills(&self, state: &mut State) -> Result<()> {
        while let Some(&(_, times)) = state.spills.last() {
            let equals = state.spills.iter().rev().take_while(|(_, other)| *other == times).count();
            if equals < SPILLS_MAX {
                break;
            }
            let path = self.scratch(state, "spill");
            let merged = state.spills.split_off(state.spills.len() - equals);
            let merged: Vec<PathBuf> = merged.into_iter().map(|(path, _)| path).collect();
            merge(self.output, &merged, &path)?;
            state.spills.push((path, times + 1));
        }
        Ok(())
    }
}

/// Writes one run: rows sorted by key, each key once.
pub struct RunWriter {
    inner: Arc<Inner>,
    index: usize,
    /// Whole lines that were not handed over yet.
    lines: Vec<u8>,
}

impl RunWriter {
    /// Takes whole lines, each with its newline.
    ///
    /// # Errors
    /// Exit 3 where the disk does not take them.
    pub fn write(&mut self, lines: &[u8]) -> Result<()> {
        self.lines.extend_from_slice(lines);
        self.hand_over_if(BUFFER_BYTES)
    }

    /// Takes one row without its newline.
    ///
    /// # Errors
    /// As [`RunWriter::write`].
    pub fn row(&mut self, row: &[u8]) -> Result<()> {
        self.lines.extend_from_slice(row);
        self.lines.push(b'\n');
        self.hand_over_if(BUFFER_BYTES)
    }

    fn hand_over_if(&mut self, bytes: usize) -> Result<()> {
        if self.lines.len() < bytes {
            return Ok(());
        }
        self.inner.runs().add(self.index, &mut self.lines)
    }

    /// Ends the run.
    ///
    /// # Errors
    /// Exit 3 where the disk does not take what is left.
    pub fn finish(mut self) -> Result<()> {
        self.hand_over_if(1)?;
        self.inner.runs().end(self.index)
    }
}

/// Rows in memory, in the order in which they came: one buffer of keys and rows, one list of where they are.
#[derive(Default)]
struct Loose {
    bytes: Vec<u8>,
    rows: Vec<Place>,
    key: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Place {
    key: u32,
    row: u32,
    end: u32,
}

impl Place {
    fn key<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.key as usize..self.row as usize]
    }

    fn row<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.row as usize..self.end as usize]
    }
}

impl Loose {
    fn bytes_held(&self) -> usize {
        self.bytes.len() + self.rows.len() * size_of::<Place>()
    }

    fn add(&mut self, output: Output, row: &[u8]) -> Result<()> {
        key_of(output, row, &mut self.key)?;
        let at = |at: usize| u32::try_from(at).map_err(|_| Error::bug("loose rows held exceed their bound"));
        let key = at(self.bytes.len())?;
        let row_at = at(self.bytes.len() + self.key.len())?;
        let end = at(self.bytes.len() + self.key.len() + row.len())?;
        self.bytes.extend_from_slice(&self.key);
        self.bytes.extend_from_slice(row);
        self.rows.push(Place { key, row: row_at, end });
        Ok(())
    }

    /// Writes the rows by key, of equal keys the one that stays, and forgets them.
    fn drain_into(&mut self, output: Output, writer: &mut Writer) -> Result<()> {
        let bytes = &self.bytes;
        // Stable: equal keys stay in the order in which they came.
        self.rows.sort_by(|left, right| left.key(bytes).cmp(right.key(bytes)));
        for equal in self.rows.chunk_by(|left, right| left.key(bytes) == right.key(bytes)) {
            let stays = equal
                .iter()
                .map(|place| place.row(bytes))
                .reduce(|earlier, later| if replaces(output, earlier, later) { later } else { earlier });
            if let Some(row) = stays {
                writer.write(row)?;
                writer.write(b"\n")?;
            }
        }
        self.rows.clear();
        self.bytes.clear();
        Ok(())
    }
}

/// A sorted file being read: its present row and that row's key.
struct Cursor {
    reader: BufReader<File>,
    path: PathBuf,
    /// Later sources have higher ranks.
    rank: usize,
    row: Vec<u8>,
    key: Vec<u8>,
}

impl Cursor {
    fn open(output: Output, path: &Path, rank: usize) -> Result<Option<Box<Self>>> {
        let file = File::open(path).map_err(|error| unreadable(path, &error))?;
        let reader = BufReader::with_capacity(READ_BYTES, file);
        let mut cursor =
            Box::new(Self { reader, path: path.to_owned(), rank, row: Vec::new(), key: Vec::new() });
        Ok(cursor.advance(output)?.then_some(cursor))
    }

    /// Goes to the next row; `false` at the end.
    fn advance(&mut self, output: Output) -> Result<bool> {
        self.row.clear();
        let count =
            self.reader.read_until(b'\n', &mut self.row).map_err(|error| unreadable(&self.path, &error))?;
        if count == 0 {
            return Ok(false);
        }
        key_of(output, &self.row, &mut self.key)?;
        Ok(true)
    }
}

/// The heap gives the greatest: that is the smallest key, of equal keys the earliest source.
impl Ord for Cursor {
    fn cmp(&self, other: &Self) -> Ordering {
        other.key.cmp(&self.key).then_with(|| other.rank.cmp(&self.rank))
    }
}

impl PartialOrd for Cursor {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Cursor {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Cursor {}

/// Merges sorted files, the earliest source first, into `target`, and removes them.
fn merge(output: Output, sources: &[PathBuf], target: &Path) -> Result<()> {
    let mut writer = Writer::create(target)?;
    let mut heap = BinaryHeap::new();
    for (rank, path) in sources.iter().enumerate() {
        heap.extend(Cursor::open(output, path, rank)?);
    }
    // The row that will be written unless a later one of its key takes its place.
    let (mut row, mut key): (Vec<u8>, Vec<u8>) = (Vec::new(), Vec::new());
    while let Some(mut top) = heap.peek_mut() {
        let stays = match top.key.cmp(&key) {
            _ if row.is_empty() => true,
            Ordering::Less => return Err(Error::bug(format!("a run of {} is not sorted", output.name()))),
            Ordering::Equal => replaces(output, &row, &top.row),
            Ordering::Greater => {
                writer.write(&row)?;
                true
            }
        };
        if stays {
            mem::swap(&mut row, &mut top.row);
            mem::swap(&mut key, &mut top.key);
        }
        if !top.advance(output)? {
            PeekMut::pop(top);
        }
    }
    writer.write(&row)?;
    writer.close()?;
    for path in sources {
        fs::remove_file(path).map_err(|error| unwritable(path, 0, &error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn row(account: &str, balance: u64) -> String {
        format!(
            r#"{{"tenant":"-","account":"{account}","currency":"KRW","wallet":"cash","balance":"{balance}"}}"#
        )
    }

    fn finished(output: Output, write: impl FnOnce(&FinalFile)) -> String {
        let temp = tempfile::tempdir().unwrap();
        let folder = OutputFolder::open(temp.path()).unwrap();
        let file = FinalFile::with_memory(&folder, output, 500).unwrap();
        write(&file);
        file.finish().unwrap();
        folder.commit().unwrap();
        assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1);
        fs::read_to_string(temp.path().join(final_file(output))).unwrap()
    }

    fn lines(rows: &[String]) -> String {
        rows.iter().map(|row| format!("{row}\n")).collect()
    }

    #[test]
    fn nothing_is_an_empty_file() {
        assert_eq!(finished(Output::Balances, |_| {}), "");
        assert_eq!(finished(Output::Balances, |file| file.run().unwrap().finish().unwrap()), "");
    }

    #[test]
    fn one_run_is_the_file_as_it_is() {
        let text = lines(&[row("a", 1), row("b", 2)]);
        let got = finished(Output::Balances, |file| {
            let mut run = file.run().unwrap();
            run.write(text.as_bytes()).unwrap();
            run.finish().unwrap();
        });
        assert_eq!(got, text);
    }

    #[test]
    fn runs_and_loose_rows_merge_and_the_latest_stays() {
        let got = finished(Output::Balances, |file| {
            let mut run = file.run().unwrap();
            run.write(lines(&[row("b", 20), row("d", 40)]).as_bytes()).unwrap();
            run.finish().unwrap();
            let mut run = file.run().unwrap();
            run.write(lines(&[row("c", 30)]).as_bytes()).unwrap();
            run.finish().unwrap();
            for (account, balance) in [("e", 5), ("b", 2), ("a", 1), ("e", 6), ("a", 7)] {
                file.loose(row(account, balance).as_bytes()).unwrap();
            }
        });
        assert_eq!(got, lines(&[row("a", 7), row("b", 20), row("c", 30), row("d", 40), row("e", 6)]));
    }

    #[test]
    fn equal_rejects_keep_the_smallest_position() {
        let reject = |line: u32| {
            format!(
                r#"{{"topic":"wagers","tenant":"-","provider":"-","id":null,"cause":"malformed","digest":"d","position":"wagers.jsonl:{line}"}}"#
            )
        };
        let got = finished(Output::Rejects, |file| {
            let mut run = file.run().unwrap();
            run.write(lines(&[reject(10)]).as_bytes()).unwrap();
            run.finish().unwrap();
            for line in [100, 9, 11, 12, 13] {
                file.loose(reject(line).as_bytes()).unwrap();
            }
        });
        assert_eq!(got, lines(&[reject(9)]));
    }

    #[test]
    fn what_cannot_be_is_a_bug() {
        let temp = tempfile::tempdir().unwrap();
        let folder = OutputFolder::open(temp.path()).unwrap();
        let file = FinalFile::new(&folder, Output::Balances).unwrap();
        let _unfinished = file.run().unwrap();
        assert!(file.finish().is_err());
        let file = FinalFile::new(&folder, Output::Rtp).unwrap();
        assert!(file.loose(b"nonsense").is_err());
        let file = FinalFile::new(&folder, Output::WagerStates).unwrap();
        for text in
            ["b", "a"].map(|id| format!("{{\"tenant\":\"-\",\"provider\":\"-\",\"wager_id\":\"{id}\"}}\n"))
        {
            let mut run = file.run().unwrap();
            run.write(text.as_bytes()).unwrap();
            run.write(text.replace('b', "0").as_bytes()).unwrap();
            run.finish().unwrap();
        }
        assert!(file.finish().is_err());
        assert!(folder.commit().is_err());
    }

    #[test]
    fn many_spills_are_merged_on_the_way() {
        let count = 2_000_u64;
        let got = finished(Output::Balances, |file| {
            for n in 0..count {
                // Every account twice; the second time later.
                file.loose(row(&format!("{:04}", (n * 7919) % (count / 2)), n).as_bytes()).unwrap();
            }
        });
        let mut want = BTreeMap::new();
        for n in 0..count {
            let account = format!("{:04}", (n * 7919) % (count / 2));
            want.insert(account.clone(), row(&account, n));
        }
        assert_eq!(got, lines(&want.into_values().collect::<Vec<_>>()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        /// Whatever comes loose or in runs: the latest row of each key, sorted.
        #[test]
        fn a_final_state_is_the_latest_row_of_each_key(
            loose in prop::collection::vec(("[a-d]{1,2}", 0..100_u64), 0..40),
            runs in prop::collection::vec(prop::collection::btree_map("[a-d]{1,2}", 100..200_u64, 0..8), 0..4),
            side_by_side in prop::bool::ANY,
        ) {
            let mut want: BTreeMap<String, u64> = BTreeMap::new();
            want.extend(loose.iter().cloned());
            for run in &runs {
                want.extend(run.clone());
            }
            let got = finished(Output::Balances, |file| {
                for (account, balance) in &loose {
                    file.loose(row(account, *balance).as_bytes()).unwrap();
                }
                if side_by_side {
                    file.expect_runs(runs.len());
                }
                let mut writers: Vec<RunWriter> = runs.iter().map(|_| file.run().unwrap()).collect();
                let longest = runs.iter().map(BTreeMap::len).max().unwrap_or_default();
                for at in 0..longest {
                    for (run, writer) in runs.iter().zip(&mut writers) {
                        for (account, balance) in run.iter().skip(at).take(1) {
                            writer.row(row(account, *balance).as_bytes()).unwrap();
                            writer.hand_over_if(1).unwrap();
                        }
                    }
                }
                writers.into_iter().for_each(|writer| writer.finish().unwrap());
            });
            let want: Vec<String> = want.iter().map(|(account, balance)| row(account, *balance)).collect();
            prop_assert_eq!(got, lines(&want));
        }
    }
}
