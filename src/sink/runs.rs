//! Sorted runs that come side by side, merged as they come.
//!
//! ```text
//!  worker 0 ─▶ lines ─▶ queue ─┐
//!  worker 1 ─▶ lines ─▶ queue ─┴▶ smallest key first; of equal keys the later run's ─▶ one sorted file
//! ```
//! Whoever brings lines merges as far as every queue reaches, so nobody waits for anybody, and no run is written and
//! read again. Only where a queue grows beyond the bound does its run go on in a file of its own, until the end.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::mem;
use std::ops::Range;
use std::path::{Path, PathBuf};

use memchr::memchr;

use super::order::{key_of, replaces};
use super::{BUFFER_BYTES, Output, Writer};
use crate::error::{Error, Result, unreadable, unwritable};

/// See the module.
pub(super) struct Runs {
    output: Output,
    target: PathBuf,
    /// How many will come; unknown, nothing is merged before the end.
    pub(super) expected: Option<usize>,
    /// Bytes held in memory.
    bytes_max: usize,
    queues: Vec<Queue>,
    /// The row that will be written unless a later one of its key takes its place.
    row: Vec<u8>,
    key: Vec<u8>,
    writer: Option<Writer>,
}

/// What of a run was not merged yet.
#[derive(Default)]
struct Queue {
    chunks: VecDeque<Vec<u8>>,
    bytes: usize,
    /// How much of the first chunk was merged.
    used: usize,
    /// The next row, in the first chunk; empty where it has not been looked for.
    row: Range<usize>,
    key: Vec<u8>,
    has_ended: bool,
    overflow: Option<Overflow>,
}

enum Overflow {
    Written(Writer),
    Read(PathBuf, BufReader<File>),
}

impl Runs {
    /// None yet. They become the file `target`; others are put beside it.
    pub(super) fn new(output: Output, target: PathBuf, bytes_max: usize) -> Self {
        let (row, key) = (Vec::new(), Vec::new());
        Self { output, target, expected: None, bytes_max, queues: Vec::new(), row, key, writer: None }
    }

    /// Begins a run, later than those before it; gives its number.
    pub(super) fn begin(&mut self) -> Result<usize> {
        if self.writer.is_none() {
            self.writer = Some(Writer::create(&self.target)?);
        }
        self.queues.push(Queue::default());
        Ok(self.queues.len() - 1)
    }

    /// Takes whole lines of a run out of `lines`.
    pub(super) fn add(&mut self, run: usize, lines: &mut Vec<u8>) -> Result<()> {
        if let (Some(1), 0, Some(writer)) = (self.expected, run, &mut self.writer) {
            writer.write(lines)?;
            lines.clear();
            return Ok(());
        }
        let held: usize = self.queues.iter().map(|queue| queue.bytes).sum();
        let queue = &mut self.queues[run];
        if queue.overflow.is_none() && held + lines.len() > self.bytes_max {
            let path = self.target.with_extension(run.to_string());
            queue.overflow = Some(Overflow::Written(Writer::create(&path)?));
        }
        if let Some(Overflow::Written(writer)) = &mut queue.overflow {
            writer.write(lines)?;
            lines.clear();
            return Ok(());
        }
        queue.bytes += lines.len();
        queue.chunks.push_back(mem::replace(lines, Vec::with_capacity(lines.capacity())));
        self.merge(false)
    }

    /// Says that a run has ended.
    pub(super) fn end(&mut self, run: usize) -> Result<()> {
        self.queues[run].has_ended = true;
        self.merge(false)
    }

    /// Merges what is left; gives the file, if there was any run.
    pub(super) fn finish(&mut self) -> Result<Option<PathBuf>> {
        if !self.queues.iter().all(|queue| queue.has_ended) {
            return Err(Error::bug(format!("a run of {} was begun and not finished", self.output.name())));
        }
        for queue in &mut self.queues {
            if let Some(Overflow::Written(writer)) = queue.overflow.take() {
                let path = writer.path.clone();
                writer.close()?;
                let file = File::open(&path).map_err(|error| unreadable(&path, &error))?;
                queue.overflow = Some(Overflow::Read(path, BufReader::with_capacity(BUFFER_BYTES, file)));
            }
        }
        self.merge(true)?;
        let Some(mut writer) = self.writer.take() else { return Ok(None) };
        writer.write(&self.row)?;
        writer.close()?;
        for queue in mem::take(&mut self.queues) {
            if let Some(Overflow::Read(path, _)) = queue.overflow {
                fs::remove_file(&path).map_err(|error| unwritable(&path, 0, &error))?;
            }
        }
        Ok(Some(self.target.clone()))
    }

    /// Merges as far as every run reaches; at the end, all.
    fn merge(&mut self, at_end: bool) -> Result<()> {
        if !at_end && self.expected != Some(self.queues.len()) {
            return Ok(());
        }
        loop {
            let mut least: Option<usize> = None;
            for at in 0..self.queues.len() {
                let queue = &mut self.queues[at];
                if queue.row.is_empty() && !queue.advance(self.output)? {
                    if at_end || queue.has_ended && queue.overflow.is_none() {
                        continue;
                    }
                    return Ok(());
                }
                if least.is_none_or(|least| self.queues[at].key < self.queues[least].key) {
                    least = Some(at);
                }
            }
            match least {
                Some(least) => self.take(least)?,
                None => return Ok(()),
            }
        }
    }

    /// Takes the next row of a queue, which is the smallest of all.
    fn take(&mut self, at: usize) -> Result<()> {
        let queue = &mut self.queues[at];
        let next = &queue.chunks[0][mem::replace(&mut queue.row, 0..0)];
        let stays = match queue.key.cmp(&self.key) {
            _ if self.row.is_empty() => true,
            Ordering::Less => {
                return Err(Error::bug(format!("a run of {} is not sorted", self.output.name())));
            }
            Ordering::Equal => replaces(self.output, &self.row, next),
            Ordering::Greater => {
                self.writer.iter_mut().try_for_each(|writer| writer.write(&self.row))?;
                true
            }
        };
        if stays {
            self.row.clear();
            self.row.extend_from_slice(next);
            mem::swap(&mut self.key, &mut queue.key);
        }
        queue.used += next.len();
        Ok(())
    }
}

impl Queue {
    /// Goes to the next row; `false` where there is none in memory, nor in a file that is being read.
    fn advance(&mut self, output: Output) -> Result<bool> {
        loop {
            match self.chunks.front() {
                Some(chunk) if self.used < chunk.len() => {
                    let rest = &chunk[self.used..];
                    let end = memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
                    self.row = self.used..self.used + end;
                    key_of(output, &rest[..end], &mut self.key)?;
                    return Ok(true);
                }
                Some(chunk) => {
                    self.bytes -= chunk.len();
                    self.used = 0;
                    self.chunks.pop_front();
                }
                None => {
                    let Some(Overflow::Read(path, reader)) = &mut self.overflow else { return Ok(false) };
                    let chunk = read_lines(path, reader)?;
                    if chunk.is_empty() {
                        return Ok(false);
                    }
                    self.bytes += chunk.len();
                    self.chunks.push_back(chunk);
                }
            }
        }
    }
}

/// Some whole lines; none at the end.
fn read_lines(path: &Path, reader: &mut BufReader<File>) -> Result<Vec<u8>> {
    let mut lines = Vec::with_capacity(BUFFER_BYTES);
    while lines.len() < BUFFER_BYTES / 2 {
        let count = reader.read_until(b'\n', &mut lines).map_err(|error| unreadable(path, &error))?;
        if count == 0 {
            break;
        }
    }
    Ok(lines)
}
