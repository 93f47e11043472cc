//! Changes as files: segments that are there whole or not at all.
//!
//! ```text
//! DIR/changes-0000000000000-1764280000000.jsonl     every change of these ticks, in order, and where that ends
//! DIR/changes-1764280000001-1764280001000.jsonl
//! DIR/.partial-4711                                 being written: nobody's business
//! ```
//! A segment's name says its first and its last tick; segments follow each other without a gap. Each line but the last
//! is a change, `{"tick":…,"diff":±1,"output":"balances","row":{…}}`; the last is the progress:
//! `{"through":…,"digest":"…","job":"…","generation":…}`. A commit writes one, waits for the disk, gives it its name and
//! waits again. Where nothing changed, the last segment gets a later last tick: that is one renaming.
//!
//! Many small segments in a row become one: it gets its name, then they go. A segment within the ticks of another is
//! left over from that; who reads the folder passes it over, opens all segments before reading one, and lists them again
//! where one went before it was opened.

use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gyre_dataflows::Tick;
use serde::{Deserialize, Serialize};

use super::{Digest, Job, LiveSink, Progress, TickRows};
use crate::error::{Domain, Error, Result, unreadable, unwritable};
use crate::run::{faults, sync_folder_of};
use crate::texts::{Key, Phrase};
use segments::{Segment, many_small};

mod segments;

const PARTIAL: &str = ".partial-";
/// A progress is much shorter.
const PROGRESS_BYTES_MAX: u64 = 1 << 10;

/// See the module.
pub struct FilesSink {
    folder: PathBuf,
    gathers_for: Duration,
    job: Option<Job>,
    /// What is there, in order.
    segments: Vec<Segment>,
    /// Got its name, though it is not sure that the disk knows.
    doubtful: Option<Segment>,
    /// Held while the run lasts.
    lock: Option<File>,
}

/// The last line of a segment.
#[derive(Serialize, Deserialize)]
struct End {
    through: Tick,
    digest: String,
    job: String,
    generation: u64,
}

impl FilesSink {
    /// A sink into `folder` that gathers changes for so long.
    pub fn new(folder: &Path, gathers_for: Duration) -> Self {
        let folder = folder.to_owned();
        Self { folder, gathers_for, job: None, segments: Vec::new(), doubtful: None, lock: None }
    }

    fn fail(&self, error: &io::Error) -> Error {
        unwritable(&self.folder, 0, error)
    }

    fn path(&self, segment: &Segment) -> PathBuf {
        self.folder.join(segment.name())
    }

    fn partial(&self) -> PathBuf {
        self.folder.join(format!("{PARTIAL}{}", std::process::id()))
    }

    /// Takes the folder for this run, and clears what a killed one left.
    fn take_folder(&mut self) -> Result<()> {
        if self.folder.exists() && !self.folder.is_dir() {
            let what = Phrase::new(Key::OutputNotFolder).with("path", self.folder.display());
            return Err(Error::usage(Domain::Output, what).help(Key::SinkFilesHelp));
        }
        fs::create_dir_all(&self.folder).map_err(|error| self.fail(&error))?;
        let lock = File::open(&self.folder).map_err(|error| self.fail(&error))?;
        if let Err(TryLockError::WouldBlock) = lock.try_lock() {
            let what = Phrase::new(Key::OutputBusy).with("path", self.folder.display());
            return Err(Error::usage(Domain::Output, what).help(Key::SinkFilesHelp));
        }
        self.lock = Some(lock);
        let (found, stale) = self.list().map_err(|error| self.fail(&error))?;
        self.segments = found;
        stale.iter().try_for_each(fs::remove_file).map_err(|error| self.fail(&error))?;
        let gap = self.segments.windows(2).find(|pair| pair[0].last + 1 != pair[1].first);
        let gap = gap.map(|pair| pair[0].last + 1).or(self.segments.first().map(|one| one.first));
        if let Some(missing) = gap.filter(|&missing| missing != 0) {
            let what = Phrase::new(Key::SinkFilesGap).with("path", self.folder.display());
            let error = Error::usage(Domain::Output, what.with("tick", missing));
            return Err(error.help(Key::SinkFilesGapHelp));
        }
        Ok(())
    }

    /// The segments in order, and what is left over.
    fn list(&self) -> io::Result<(Vec<Segment>, Vec<PathBuf>)> {
        let (mut found, mut stale) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(PARTIAL) {
                stale.push(entry.path());
            } else if let Some(segment) = Segment::read(&name, entry.metadata()?.len()) {
                found.push(segment);
            }
        }
        let (kept, within) = segments::sort_out(found);
        stale.extend(within.iter().map(|segment| self.path(segment)));
        Ok((kept, stale))
    }

    /// The progress that a segment ends with.
    fn end_of(&self, segment: &Segment) -> Result<End> {
        let path = self.path(segment);
        let mut text = Vec::new();
        let read = File::open(&path).and_then(|mut file| {
            file.seek(SeekFrom::Start(segment.bytes.saturating_sub(PROGRESS_BYTES_MAX)))?;
            file.read_to_end(&mut text)
        });
        read.map_err(|error| unreadable(&path, &error))?;
        let text = text.strip_suffix(b"\n").unwrap_or(&text);
        let last = text.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        serde_json::from_slice(last).map_err(|error| {
            let what = Phrase::new(Key::SinkFilesForeign).with("path", path.display());
            Error::usage(Domain::Output, what).cause(error).help(Key::SinkFilesGapHelp)
        })
    }

    /// Writes a file of about so many bytes under its partial name; `write` gives it what it holds.
    fn write_partial(
        &self,
        bytes: u64,
        write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    ) -> Result<u64> {
        let path = self.partial();
        let written = File::create(&path).and_then(|file| {
            let mut out = BufWriter::with_capacity(1 << 20, file);
            write(&mut out)?;
            let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
            faults::point("files: before a sync")?;
            file.sync_all()?;
            faults::point("files: after a sync")?;
            Ok(file.metadata()?.len())
        });
        written.map_err(|error| {
            let error = unwritable(&path, bytes, &error);
            // Half a segment only takes room.
            let _ = fs::remove_file(&path);
            error
        })
    }

    /// Gives what was written the name of a segment.
    fn name_partial(&mut self, segment: Segment) -> Result<()> {
        let path = self.path(&segment);
        fs::rename(self.partial(), &path).map_err(|error| self.fail(&error))?;
        self.doubtful = Some(segment);
        let named = faults::point("files: after a rename").and_then(|()| sync_folder_of(&path));
        named.map_err(|error| self.fail(&error))?;
        self.doubtful = None;
        Ok(())
    }

    fn write_end(&self, progress: &Progress, out: &mut impl Write) -> io::Result<()> {
        let job = self.job.as_ref().ok_or_else(|| io::Error::other("the sink was not opened"))?;
        let (through, digest) = (progress.tick, progress.digest.to_string());
        let end = End { through, digest, job: job.id.clone(), generation: job.generation };
        serde_json::to_writer(&mut *out, &end)?;
        out.write_all(b"\n")
    }

    /// Writes a segment of these ticks.
    fn add(&mut self, ticks: &[Arc<TickRows>], progress: &Progress) -> Result<()> {
        let first = self.segments.last().map_or(0, |last| last.last + 1);
        let mut segment = Segment { first, last: progress.tick, bytes: 0 };
        let bytes = ticks.iter().map(|rows| rows.bytes() as u64).sum();
        segment.bytes = self.write_partial(bytes, |out| {
            ticks.iter().try_for_each(|rows| write_rows(rows, out))?;
            self.write_end(progress, out)
        })?;
        // One that got its name in a call that failed lies within this one now.
        let before = self.doubtful.take().filter(|before| before.name() != segment.name());
        self.name_partial(segment)?;
        before.iter().for_each(|before| drop(fs::remove_file(self.path(before))));
        self.segments.push(segment);
        Ok(())
    }

    /// The last segment reaches further: nothing changed since.
    fn stretch(&mut self, mut segment: Segment, through: Tick) -> Result<()> {
        let from = self.path(&segment);
        segment.last = through;
        let to = self.path(&segment);
        // A call that failed may have renamed it already.
        match fs::rename(&from, &to) {
            Err(error) if !to.exists() => return Err(self.fail(&error)),
            _ => {}
        }
        sync_folder_of(&to).map_err(|error| self.fail(&error))?;
        if let Some(last) = self.segments.last_mut() {
            *last = segment;
        }
        Ok(())
    }

    /// Makes one of many small segments at the end.
    fn merge(&mut self) -> Result<()> {
        let Some(many) = many_small(&self.segments) else { return Ok(()) };
        let small = self.segments[self.segments.len() - many..].to_vec();
        let mut merged = Segment { first: small[0].first, last: small[many - 1].last, bytes: 0 };
        let paths: Vec<PathBuf> = small.iter().map(|segment| self.path(segment)).collect();
        let bytes = small.iter().map(|segment| segment.bytes).sum();
        merged.bytes = self.write_partial(bytes, |out| {
            for (number, path) in paths.iter().enumerate() {
                let bytes = fs::read(path)?;
                // Of the progress lines only the last is one.
                let end = if number + 1 == many { bytes.len() } else { without_end(&bytes) };
                out.write_all(&bytes[..end])?;
            }
            Ok(())
        })?;
        self.name_partial(merged)?;
        faults::point("files: before small segments go").map_err(|error| self.fail(&error))?;
        self.segments.truncate(self.segments.len() - many);
        self.segments.push(merged);
        // What stays lies within the merged one, and is cleared at the next start.
        paths.iter().for_each(|path| drop(fs::remove_file(path)));
        Ok(())
    }
}

/// Where the last line of a segment begins.
fn without_end(bytes: &[u8]) -> usize {
    let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    memchr::memrchr(b'\n', text).map_or(0, |at| at + 1)
}

fn write_rows(rows: &TickRows, out: &mut impl Write) -> io::Result<()> {
    for change in rows.changes() {
        let (tick, sign, output) = (rows.tick, change.diff.signum(), change.output.name());
        for _ in 0..change.diff.unsigned_abs() {
            write!(out, "{{\"tick\":{tick},\"diff\":{sign},\"output\":\"{output}\",\"row\":")?;
            out.write_all(change.row)?;
            out.write_all(b"}\n")?;
        }
    }
    Ok(())
}

impl LiveSink for FilesSink {
    fn name(&self) -> &'static str {
        "files"
    }

    fn open(&mut self, job: &Job) -> Result<Option<Progress>> {
        self.take_folder()?;
        self.job = Some(job.clone());
        let Some(last) = self.segments.last().copied() else { return Ok(None) };
        let end = self.end_of(&last)?;
        if end.job != job.id || end.generation > job.generation {
            let what = Phrase::new(Key::SinkForeign).with("sink", self.name()).with("job", &job.name);
            let error = Error::usage(Domain::Output, what).at(self.path(&last).display());
            return Err(error.help(Key::SinkForeignHelp));
        }
        let digest = Digest::parse(&end.digest).ok_or_else(|| {
            let what = Phrase::new(Key::SinkFilesForeign).with("path", self.path(&last).display());
            Error::usage(Domain::Output, what).help(Key::SinkFilesGapHelp)
        })?;
        Ok(Some(Progress { tick: last.last, digest }))
    }

    fn commit(&mut self, ticks: &[Arc<TickRows>], progress: &Progress) -> Result<()> {
        match self.segments.last().copied().filter(|_| ticks.is_empty()) {
            Some(last) => self.stretch(last, progress.tick)?,
            None => self.add(ticks, progress)?,
        }
        // What was committed is; where many small segments cannot become one now, they can later.
        let _ = self.merge();
        Ok(())
    }

    fn gathers_for(&self) -> Duration {
        self.gathers_for
    }
}

#[cfg(test)]
mod tests;
