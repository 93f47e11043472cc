//! The remap log: which records each tick holds, written down before anything that follows from the tick may be
//! committed.
//!
//! ```text
//! header  "gyre remap\n" │ version u8 = 1 │ CRC-32 of these twelve bytes
//! row     bytes of body u32 │ CRC-32 u32 │ body
//! body    generation u64 │ tick u64 │ places u16 │ places × (topic u8 │ partition u16 │ next u64 │ byte u64 │ stamp u64)
//! ```
//! All numbers are little-endian. A row's CRC-32 goes on from that of the row before it (of the first, from the
//! header's) and is of its body, so that what is left of another file never reads as a row. A row is the tick's: every
//! partition *through* it. It names the partitions that moved, and the first row of a generation names all that ever
//! did; an empty tick has a row too. Ticks rise from row to row, generations never fall, places never go back.
//!
//! What is behind the last sound row was being written when a process ended: nothing that follows from it was committed
//! anywhere, for a tick counts from the moment its row is on the disk. It is cut off, and that is told. What is cut is
//! kept in a file beside, for where the disk itself lost a row in the middle, sound rows are behind it.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use gyre_dataflows::Tick;
use gyre_domain::records::Topic;

use super::faults;
use crate::error::{Domain, Error, Result, unreadable, unwritable};
use crate::source::{Partition, Position, Positions};
use crate::texts::{Key, Phrase};

const MAGIC: &[u8; 11] = b"gyre remap\n";
const VERSION: u8 = 1;
const HEADER_BYTES: usize = 16;
/// Length and checksum.
const FRAME_BYTES: usize = 8;
const PLACE_BYTES: usize = 27;
/// The longest body: every partition of every topic.
const BODY_BYTES_MAX: usize = 18 + PLACE_BYTES * (u16::MAX as usize);

/// What a tick holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// Which start of the job made it.
    pub generation: u64,
    /// The tick.
    pub tick: Tick,
    /// How far it reaches, of the partitions that moved.
    pub places: Positions,
}

impl Row {
    fn body(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(18 + PLACE_BYTES * self.places.len());
        body.extend_from_slice(&self.generation.to_le_bytes());
        body.extend_from_slice(&self.tick.to_le_bytes());
        body.extend_from_slice(&(self.places.len() as u16).to_le_bytes());
        for (partition, place) in &self.places {
            body.push(partition.topic as u8);
            body.extend_from_slice(&partition.number.to_le_bytes());
            for number in [place.next, place.byte, place.stamp] {
                body.extend_from_slice(&number.to_le_bytes());
            }
        }
        body
    }

    /// The row of a body whose checksum holds; nothing where that is still no row.
    fn read(body: &[u8]) -> Option<Self> {
        let (&generation, rest) = body.split_first_chunk::<8>()?;
        let (&tick, rest) = rest.split_first_chunk::<8>()?;
        let (&count, rest) = rest.split_first_chunk::<2>()?;
        let places = rest.chunks_exact(PLACE_BYTES);
        if places.len() != usize::from(u16::from_le_bytes(count)) || !places.remainder().is_empty() {
            return None;
        }
        Some(Self {
            generation: u64::from_le_bytes(generation),
            tick: Tick::from_le_bytes(tick),
            places: places.map(read_place).collect::<Option<_>>()?,
        })
    }
}

fn read_place(bytes: &[u8]) -> Option<(Partition, Position)> {
    let (&topic, rest) = bytes.split_first()?;
    let (&number, rest) = rest.split_first_chunk::<2>()?;
    let mut numbers = rest.chunks_exact(8).filter_map(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes);
    let topic = *Topic::ALL.get(usize::from(topic))?;
    let partition = Partition { topic, number: u16::from_le_bytes(number) };
    let (next, byte, stamp) = (numbers.next()?, numbers.next()?, numbers.next()?);
    Some((partition, Position { next, byte, stamp }))
}

/// Goes on with a checksum.
pub(crate) fn crc32(before: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(before);
    hasher.update(bytes);
    hasher.finalize()
}

/// Where a log ends, and what it comes to.
#[derive(Clone, Default, Debug)]
pub struct Sound {
    /// Rows.
    pub rows: u64,
    /// The last row's generation and tick.
    pub last: Option<(u64, Tick)>,
    /// How far every partition is through it.
    pub places: Positions,
    /// Bytes of header and sound rows.
    bytes: u64,
    checksum: u32,
}

impl Sound {
    /// Takes the next row in; `false` where it does not follow.
    fn follow(&mut self, row: &Row, bytes: u64, checksum: u32) -> bool {
        let follows =
            self.last.is_none_or(|(generation, tick)| generation <= row.generation && tick < row.tick);
        let moved = |(partition, place): (&Partition, &Position)| {
            self.places.get(partition).is_none_or(|before| before.next <= place.next)
        };
        if !follows || !row.places.iter().all(moved) {
            return false;
        }
        self.places.extend(row.places.iter().map(|(partition, place)| (*partition, *place)));
        (self.rows, self.last) = (self.rows + 1, Some((row.generation, row.tick)));
        (self.bytes, self.checksum) = (self.bytes + bytes, checksum);
        true
    }
}

/// Reads the rows of a log in order.
pub struct Rows {
    reader: BufReader<File>,
    path: PathBuf,
    sound: Sound,
}

impl Rows {
    /// Opens the log at `path`.
    ///
    /// # Errors
    /// Exit 2 where that is no remap log, or of a version that is not known; exit 3 where it cannot be read.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| unreadable(path, &error))?;
        let mut reader = BufReader::with_capacity(1 << 20, file);
        let mut header = Vec::new();
        let read = reader.by_ref().take(HEADER_BYTES as u64).read_to_end(&mut header);
        read.map_err(|error| unreadable(path, &error))?;
        let about = |key| Phrase::new(key).with("path", path.display());
        if header.get(..MAGIC.len()) != Some(MAGIC) || header.len() < HEADER_BYTES {
            return Err(Error::usage(Domain::Input, about(Key::RemapForeign)).help(Key::RemapForeignHelp));
        }
        if header[MAGIC.len()] != VERSION {
            let what = about(Key::RemapVersion).with("version", header[MAGIC.len()]);
            return Err(Error::usage(Domain::Input, what).help(Key::RemapVersionHelp));
        }
        let checksum = crc32(0, &header[..12]);
        if header[12..] != checksum.to_le_bytes() {
            return Err(Error::usage(Domain::Input, about(Key::RemapForeign)).help(Key::RemapForeignHelp));
        }
        let sound = Sound { bytes: HEADER_BYTES as u64, checksum, ..Sound::default() };
        Ok(Self { reader, path: path.to_owned(), sound })
    }

    /// The next row; nothing behind the last sound one.
    ///
    /// # Errors
    /// Exit 3 where the log cannot be read.
    pub fn next_row(&mut self) -> Result<Option<Row>> {
        let mut frame = [0; FRAME_BYTES];
        if !self.fill(&mut frame)? {
            return Ok(None);
        }
        let [a, b, c, d, e, f, g, h] = frame;
        let (length, checksum) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
        let mut body = vec![0; (length as usize).min(BODY_BYTES_MAX)];
        if length as usize > BODY_BYTES_MAX
            || !self.fill(&mut body)?
            || crc32(self.sound.checksum, &body) != checksum
        {
            return Ok(None);
        }
        let Some(row) = Row::read(&body) else { return Ok(None) };
        Ok(self.sound.follow(&row, (FRAME_BYTES + body.len()) as u64, checksum).then_some(row))
    }

    /// Reads so many bytes; `false` where the log has no more.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<bool> {
        match self.reader.read_exact(bytes) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(unreadable(&self.path, &error)),
        }
    }
}

/// A log that rows are added to.
pub struct Remap {
    file: File,
    path: PathBuf,
    /// Bytes that are on the disk.
    synced: u64,
    checksum: u32,
    /// Rows that are not.
    pending: Vec<u8>,
}

impl Remap {
    /// Opens the log at `path`, makes it where it is not there, and cuts off what is behind its last sound row into a
    /// file beside, [`cut_path`]. Gives what its rows come to, and how many bytes were cut off.
    ///
    /// # Errors
    /// Exit 2 where that is no remap log; exit 3 where it cannot be read or written.
    pub fn open(path: &Path) -> Result<(Self, Sound, u64)> {
        let fail = |error: std::io::Error| unwritable(path, 0, &error);
        if std::fs::metadata(path).map(|found| found.len()).unwrap_or(0) == 0 {
            Self::create(path)?;
        }
        let mut rows = Rows::open(path)?;
        while rows.next_row()?.is_some() {}
        let sound = rows.sound;
        let file = OpenOptions::new().write(true).open(path).map_err(fail)?;
        let cut = file.metadata().map_err(fail)?.len().saturating_sub(sound.bytes);
        if cut > 0 {
            keep_end(path, &sound)?;
            file.set_len(sound.bytes).and_then(|()| file.sync_all()).map_err(fail)?;
        }
        let (synced, checksum) = (sound.bytes, sound.checksum);
        let remap = Self { file, path: path.to_owned(), synced, checksum, pending: Vec::new() };
        Ok((remap, sound, cut))
    }

    /// Makes an empty log: its header, or nothing.
    fn create(path: &Path) -> Result<()> {
        let mut header = MAGIC.to_vec();
        header.push(VERSION);
        header.extend_from_slice(&crc32(0, &header).to_le_bytes());
        super::state::write_whole(path, &header)
    }

    /// Adds a row, in memory.
    pub fn add(&mut self, row: &Row) {
        let body = row.body();
        self.checksum = crc32(self.checksum, &body);
        self.pending.extend_from_slice(&(body.len() as u32).to_le_bytes());
        self.pending.extend_from_slice(&self.checksum.to_le_bytes());
        self.pending.extend_from_slice(&body);
    }

    /// Puts all rows on the disk. After an error it may be called again: it writes from the last synced row on.
    ///
    /// # Errors
    /// Exit 3 where the disk does not take them.
    pub fn sync(&mut self) -> Result<()> {
        let fail = |error: std::io::Error| unwritable(&self.path, self.pending.len() as u64, &error);
        faults::point("remap: before a write").map_err(fail)?;
        self.file.write_all_at(&self.pending, self.synced).map_err(fail)?;
        faults::point("remap: before a sync").map_err(fail)?;
        self.file.sync_data().map_err(fail)?;
        faults::point("remap: after a sync").map_err(fail)?;
        self.synced += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }
}

/// Where what is cut off behind the last sound row is kept: `remap.cut-TICK` beside the log.
pub fn cut_path(path: &Path, sound: &Sound) -> PathBuf {
    let tick = sound.last.map_or(0, |(_, tick)| tick);
    path.with_extension(format!("cut-{tick}"))
}

/// Copies what is behind the last sound row, and waits until the disk has it.
fn keep_end(path: &Path, sound: &Sound) -> Result<()> {
    let kept = cut_path(path, sound);
    let fail = |error: std::io::Error| unwritable(&kept, 0, &error);
    let mut end = File::open(path).map_err(fail)?;
    end.seek(SeekFrom::Start(sound.bytes)).map_err(fail)?;
    let mut copy =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&kept).map_err(fail)?;
    std::io::copy(&mut end, &mut copy).and_then(|_| copy.sync_all()).map_err(fail)?;
    super::state::sync_folder_of(&kept).map_err(fail)
}

#[cfg(test)]
mod tests;
