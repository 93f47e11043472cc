//! A folder of growing files as a source: `wagers.jsonl` and its siblings, and those of records that were sent again in
//! `recollected/`.
//!
//! ```text
//! DIR/wagers.jsonl               ─▶ wagers/0
//! DIR/recollected/wagers.jsonl   ─▶ wagers/1, and so on for every topic; files may appear at any time
//! ```
//! Files are appended to and never changed: a place in one is a line number and a count of bytes, with the CRC-32 of all
//! bytes before it. A line is there once its `\n` is. A file that became shorter, another file under its name, or other
//! bytes where some were read ends the run, for its books would no longer be those of its input.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gyre_dataflows::rows::records::{Places, RECOLLECTED};
use gyre_domain::records::Topic;

use super::{BYTES_MAX, Behind, Fetched, Partition, Positions, Share, Source};
use crate::error::{Domain, Error, Result};
use crate::texts::{Key, Phrase};
use tail::Tail;

mod tail;

/// How often files are looked at while nothing comes.
const LOOK: Duration = Duration::from_millis(10);
/// Records that were sent again.
const AGAIN: &str = "recollected";

/// See the module.
pub struct FolderSource {
    tails: Vec<Tail>,
    /// Whose turn it is.
    next: usize,
    window: Vec<u8>,
}

impl FolderSource {
    /// The files of `folder`.
    ///
    /// # Errors
    /// Exit 2 where there is no such folder.
    pub fn open(folder: &Path) -> Result<Self> {
        if !folder.is_dir() {
            let key = if folder.exists() { Key::InputNotFolder } else { Key::InputFolderMissing };
            let what = Phrase::new(key).with("path", folder.display());
            return Err(Error::usage(Domain::Input, what).help(Key::LiveFolderHelp));
        }
        let tail = |topic: Topic, number: u16, folder: PathBuf| {
            Tail::new(Partition { topic, number }, folder.join(format!("{}.jsonl", topic.name())))
        };
        let tails = Topic::ALL.into_iter().flat_map(|topic| {
            [tail(topic, 0, folder.to_owned()), tail(topic, RECOLLECTED, folder.join(AGAIN))]
        });
        Ok(Self { tails: tails.collect(), next: 0, window: Vec::new() })
    }

    /// What every file has that was not given, up to about [`BYTES_MAX`].
    fn look(&mut self) -> Result<Vec<Fetched>> {
        let mut fetched = Vec::new();
        let mut bytes = 0;
        for _ in 0..self.tails.len() {
            let tail = &mut self.tails[self.next];
            while bytes < BYTES_MAX
                && let Some(more) = tail.read(&mut self.window)?
            {
                bytes += more.lines.bytes.len();
                fetched.push(more);
            }
            if bytes >= BYTES_MAX {
                break;
            }
            self.next = (self.next + 1) % self.tails.len();
        }
        // Who filled it lets the others go first the next time.
        self.next = (self.next + 1) % self.tails.len().max(1);
        Ok(fetched)
    }
}

impl Source for FolderSource {
    fn places(&self) -> Places {
        Places::Files
    }

    fn behind(&self) -> Vec<(Partition, Behind)> {
        let rests = self.tails.iter().filter_map(|tail| Some((tail.partition(), tail.rest_bytes()?)));
        rests.map(|(partition, bytes)| (partition, Behind::Bytes(bytes))).collect()
    }

    fn keep(&mut self, share: Share) {
        self.tails.retain(|tail| share.holds(tail.partition()));
        self.next = 0;
    }

    fn seek(&mut self, places: &Positions) -> Result<()> {
        let mut tails: BTreeMap<Partition, &mut Tail> =
            self.tails.iter_mut().map(|tail| (tail.partition(), tail)).collect();
        for (partition, place) in places {
            let tail = tails.get_mut(partition).ok_or_else(|| {
                let what = Phrase::new(Key::LiveNoPartition).with("partition", partition);
                Error::usage(Domain::Input, what).help(Key::LiveNoPartitionHelp)
            })?;
            tail.seek(*place)?;
        }
        Ok(())
    }

    fn limit(&mut self, places: Option<&Positions>) -> Result<()> {
        for tail in &mut self.tails {
            tail.limit(places.map(|places| places.get(&tail.partition()).copied()))?;
        }
        Ok(())
    }

    fn poll(&mut self, wait: Duration) -> Result<Vec<Fetched>> {
        let until = Instant::now() + wait;
        loop {
            let fetched = self.look()?;
            let rest = until.saturating_duration_since(Instant::now());
            if !fetched.is_empty() || rest.is_zero() {
                return Ok(fetched);
            }
            std::thread::sleep(rest.min(LOOK));
        }
    }
}

#[cfg(test)]
mod tests;
