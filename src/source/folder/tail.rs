//! The end of one growing file.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;
use std::sync::Arc;

use gyre_dataflows::decode::Lines;
use memchr::{memchr, memchr_iter, memrchr};

use crate::error::{Domain, Error, Result, unreadable};
use crate::lines::{LINE_BYTES_MAX, Rest};
use crate::run::crc32;
use crate::source::{BYTES_MAX, Fetched, LINES_MAX, Partition, Position};
use crate::texts::{Key, Phrase};

const BOM: &[u8] = b"\xef\xbb\xbf";
/// Where a file begins.
const BEGINNING: Position = Position { next: 1, byte: 0, stamp: 0 };

/// A file that grows, read as far as it is whole.
pub struct Tail {
    partition: Partition,
    path: PathBuf,
    /// The file, and what tells it from another under its name.
    file: Option<(File, (u64, u64))>,
    /// How far it was given.
    at: Position,
    /// How far it may be.
    limit: Limit,
    /// So long it was when a line as long as that had not ended.
    unfinished_at: u64,
}

#[derive(Clone, Copy)]
enum Limit {
    None,
    At(Position),
}

impl Tail {
    /// The file at `path`, which need not be there yet.
    pub fn new(partition: Partition, path: PathBuf) -> Self {
        Self { partition, path, file: None, at: BEGINNING, limit: Limit::At(BEGINNING), unfinished_at: 0 }
    }

    /// Which partition it is.
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// Bytes that were not given; nothing where there is no such file.
    pub fn rest_bytes(&self) -> Option<u64> {
        let length = fs::metadata(&self.path).ok()?.len();
        Some(length.saturating_sub(self.at.byte))
    }

    /// Goes to a place.
    pub fn seek(&mut self, place: Position) -> Result<()> {
        self.at = place;
        self.limit = Limit::At(place);
        self.length().map(|_| ())
    }

    /// Where it is to end: `None` nowhere, `Some(None)` where it is.
    pub fn limit(&mut self, place: Option<Option<Position>>) -> Result<()> {
        self.limit = match place {
            None => Limit::None,
            Some(place) => Limit::At(place.unwrap_or(self.at)),
        };
        match self.limit {
            Limit::At(place)
                if place.byte < self.at.byte || place.byte == self.at.byte && place != self.at =>
            {
                Err(self.replaced())
            }
            _ => Ok(()),
        }
    }

    /// The next lines that are whole.
    pub fn read(&mut self, window: &mut Vec<u8>) -> Result<Option<Fetched>> {
        if matches!(self.limit, Limit::At(place) if place == self.at) {
            return Ok(None);
        }
        let Some(length) = self.length()? else { return Ok(None) };
        let end = match self.limit {
            Limit::At(place) if length < place.byte => return Err(self.truncated()),
            Limit::At(place) => place.byte,
            Limit::None => length,
        };
        if end <= self.at.byte || length == self.unfinished_at {
            return Ok(None);
        }
        let wanted = usize::try_from(end - self.at.byte).unwrap_or(usize::MAX).min(BYTES_MAX);
        window.resize(wanted, 0);
        self.fill(window, self.at.byte)?;
        let fetched = match memrchr(b'\n', window) {
            Some(last) => Some(self.lines(&window[..=last])),
            // Not even one line is whole: it is still being written, or very long.
            None if wanted < BYTES_MAX => None,
            None => self.long_line(end)?,
        };
        if fetched.is_none() {
            self.unfinished_at = length;
        }
        self.check_limit(fetched.is_none())?;
        Ok(fetched)
    }

    /// Whole lines, at most [`LINES_MAX`].
    fn lines(&mut self, window: &[u8]) -> Fetched {
        let mut spans = Vec::new();
        let mut start = if self.at.byte == 0 && window.starts_with(BOM) { BOM.len() } else { 0 };
        let mut consumed = 0;
        for end in memchr_iter(b'\n', window).take(LINES_MAX) {
            let cut = end - usize::from(end > start && window[end - 1] == b'\r');
            spans.push((start as u32, cut as u32));
            start = end + 1;
            consumed = start;
        }
        let bytes = &window[..consumed];
        let stamp = crc32(self.at.stamp as u32, bytes);
        self.give(bytes.to_vec(), spans, Vec::new(), (consumed as u64, stamp))
    }

    /// Gives lines that come to so many bytes of the file.
    fn give(
        &mut self,
        bytes: Vec<u8>,
        spans: Vec<(u32, u32)>,
        oversize: Vec<(u32, [u8; 32])>,
        (consumed, stamp): (u64, u32),
    ) -> Fetched {
        let first = self.at.next;
        self.at =
            Position { next: first + spans.len() as u64, byte: self.at.byte + consumed, stamp: stamp.into() };
        let Partition { topic, number } = self.partition;
        let lines = Lines { topic, partition: number, first, bytes: Arc::new(bytes), spans, oversize };
        Fetched { partition: self.partition, lines, next: self.at }
    }

    /// One line that no window holds, if it ends before `end`.
    fn long_line(&mut self, end: u64) -> Result<Option<Fetched>> {
        let mut piece = vec![0; BYTES_MAX];
        let mut kept = Vec::new();
        let mut rest: Option<Rest> = None;
        let (mut at, mut stamp) = (self.at.byte, self.at.stamp as u32);
        while at < end {
            piece.resize(usize::try_from(end - at).unwrap_or(usize::MAX).min(BYTES_MAX), 0);
            self.fill(&mut piece, at)?;
            let ends = memchr(b'\n', &piece);
            let taken = &piece[..ends.map_or(piece.len(), |ends| ends + 1)];
            stamp = crc32(stamp, taken);
            at += taken.len() as u64;
            let text = &taken[..ends.unwrap_or(taken.len())];
            match &mut rest {
                Some(rest) => rest.update(text),
                None => kept.extend_from_slice(text),
            }
            // One byte more than the longest line may be the terminator's `\r`.
            if rest.is_none() && kept.len() > LINE_BYTES_MAX + 1 {
                rest = Some(Rest::begin(&mut kept, 0));
            }
            if ends.is_some() {
                return Ok(Some(self.give_long(kept, rest, (at - self.at.byte, stamp))));
            }
        }
        Ok(None)
    }

    fn give_long(&mut self, mut kept: Vec<u8>, rest: Option<Rest>, consumed: (u64, u32)) -> Fetched {
        let mut oversize = Vec::new();
        let text_bytes = kept.len() - usize::from(kept.last() == Some(&b'\r'));
        let is_too_long = rest.is_some() || text_bytes > LINE_BYTES_MAX;
        if is_too_long {
            let rest = rest.unwrap_or_else(|| Rest::begin(&mut kept, 0));
            oversize.push((0, rest.finish(true).0));
        } else {
            kept.truncate(text_bytes);
        }
        let start = if self.at.byte == 0 && kept.starts_with(BOM) { BOM.len() } else { 0 };
        let span = (start as u32, kept.len() as u32);
        self.give(kept, vec![span], oversize, consumed)
    }

    /// Reads exactly so many bytes, which the file has.
    fn fill(&self, bytes: &mut [u8], at: u64) -> Result<()> {
        let Some((file, _)) = &self.file else { return Ok(()) };
        file.read_exact_at(bytes, at).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => self.truncated(),
            _ => unreadable(&self.path, &error),
        })
    }

    /// How long the file is; nothing where it is not there yet.
    fn length(&mut self) -> Result<Option<u64>> {
        let found = match fs::metadata(&self.path) {
            Ok(found) if found.is_dir() => {
                let what = Phrase::new(Key::InputNotFile).with("path", self.path.display());
                return Err(Error::usage(Domain::Input, what).help(Key::LiveFolderHelp));
            }
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let is_known = self.file.is_some() || self.at != BEGINNING || self.awaits();
                return if is_known { Err(self.replaced()) } else { Ok(None) };
            }
            Err(error) => return Err(unreadable(&self.path, &error)),
        };
        let identity = (found.dev(), found.ino());
        match &self.file {
            Some((_, known)) if *known != identity => return Err(self.replaced()),
            Some(_) => {}
            None => {
                let file = File::open(&self.path).map_err(|error| unreadable(&self.path, &error))?;
                self.file = Some((file, identity));
            }
        }
        if found.len() < self.at.byte {
            return Err(self.truncated());
        }
        Ok(Some(found.len()))
    }

    /// Whether the limit says that there must be something.
    fn awaits(&self) -> bool {
        matches!(self.limit, Limit::At(place) if place != self.at)
    }

    /// A limit is reached exactly, or what stands in the file is not what stood there.
    fn check_limit(&self, is_stuck: bool) -> Result<()> {
        match self.limit {
            Limit::At(place) if is_stuck || self.at.byte == place.byte && self.at != place => {
                Err(self.replaced())
            }
            _ => Ok(()),
        }
    }

    fn truncated(&self) -> Error {
        self.changed(Key::LiveTruncated)
    }

    fn replaced(&self) -> Error {
        self.changed(Key::LiveReplaced)
    }

    fn changed(&self, key: Key) -> Error {
        let what = Phrase::new(key).with("path", self.path.display());
        let at = format!("{}:{}", self.path.display(), self.at.next);
        Error::usage(Domain::Input, what).at(at).help(Key::LiveChangedHelp)
    }
}
