//! Input files in blocks of lines.
//!
//! ```text
//!  wagers.jsonl.zst ─▶ counted bytes ─▶ decompressor ─▶ 1 MiB window ─▶ blocks of 1,000 physical lines
//!                           └▶ Meter (progress)
//! ```
//!
//! A file is never held whole. Every byte is searched once (`memchr`) and copied once, from the window into its
//! block; blocks go to other threads and come back to be filled again. A line ends in `\n`; a `\r` before it belongs
//! to the terminator; a last line may go without. A BOM at the very start of a file is skipped. Blank lines are lines:
//! who reads a block skips and counts them.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;
use gyre_domain::records::Topic;
use memchr::memchr;
use sha2::{Digest, Sha256};

use crate::config::nearest;
use crate::error::{Domain, Error, Result, unreadable};
use crate::texts::{Key, Phrase};

/// Physical lines in a block: the neighbours among which a line's receipt is judged.
pub const BLOCK_LINES: usize = 1_000;
/// The longest line that is kept whole, without its terminator.
pub const LINE_BYTES_MAX: usize = 16 << 20;
/// What is kept of a longer one.
pub const OVERSIZE_BYTES_KEPT: usize = 64 << 10;
/// A block whose lines come to more than this is handed over in parts, so that memory stays flat whatever comes.
pub const PART_BYTES_MAX: usize = 64 << 20;

/// Topics of which one must be there.
const FACTS: [Topic; 3] = [Topic::Wagers, Topic::Outcomes, Topic::Payments];
const WINDOW_BYTES: usize = 1 << 20;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// How a file is packed, by its ending.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Packing {
    /// `.jsonl`
    Plain,
    /// `.jsonl.gz`, one or more members.
    Gzip,
    /// `.jsonl.zst`, one or more frames.
    Zstd,
}

const SPELLINGS: [(&str, Packing); 3] =
    [("jsonl", Packing::Plain), ("jsonl.gz", Packing::Gzip), ("jsonl.zst", Packing::Zstd)];

/// The file of a topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Input {
    /// Whose records it holds.
    pub topic: Topic,
    /// Where it is.
    pub path: PathBuf,
    /// How it is packed.
    pub packing: Packing,
}

impl Input {
    /// The file's name, as positions (`wagers.jsonl:17`) begin.
    pub fn file_name(&self) -> String {
        self.path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    }
}

/// The files of a folder, in the order of [`Topic::ALL`].
///
/// # Errors
/// Exit 2 where there is no such folder, none of wagers, outcomes and payments is there, or one topic is there in two
/// spellings; exit 3 where the folder cannot be read.
pub fn find(folder: &Path) -> Result<Vec<Input>> {
    match fs::metadata(folder) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => {
            let what = Phrase::new(Key::InputNotFolder).with("path", folder.display());
            return Err(Error::usage(Domain::Input, what).help(Key::InputFolderHelp));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let what = Phrase::new(Key::InputFolderMissing).with("path", folder.display());
            return Err(Error::usage(Domain::Input, what).help(Key::InputFolderHelp));
        }
        Err(error) => return Err(unreadable(folder, &error)),
    }
    let mut inputs: Vec<Input> = Vec::new();
    for topic in Topic::ALL {
        let before = inputs.len();
        for (ending, packing) in SPELLINGS {
            let path = folder.join(format!("{}.{ending}", topic.name()));
            match fs::metadata(&path) {
                Ok(found) if found.is_dir() => {
                    let what = Phrase::new(Key::InputNotFile).with("path", path.display());
                    return Err(Error::usage(Domain::Input, what).help(Key::InputFolderHelp));
                }
                Ok(_) => inputs.push(Input { topic, path, packing }),
                // A link to nowhere is a file that cannot be read, not one that is absent.
                Err(error)
                    if error.kind() == io::ErrorKind::NotFound && fs::symlink_metadata(&path).is_err() => {}
                Err(error) => return Err(unreadable(&path, &error)),
            }
        }
        if inputs.len() - before > 1 {
            let files: Vec<String> = inputs[before..].iter().map(Input::file_name).collect();
            let what =
                Phrase::new(Key::InputTwice).with("topic", topic.name()).with("files", files.join(", "));
            return Err(Error::usage(Domain::Input, what).at(folder.display()).help(Key::InputTwiceHelp));
        }
    }
    if !inputs.iter().any(|input| FACTS.contains(&input.topic)) {
        let what = Phrase::new(Key::InputNothing).with("path", folder.display());
        return Err(
            Error::usage(Domain::Input, what).help(misspelt(folder).unwrap_or(Key::InputNothingHelp.into()))
        );
    }
    Ok(inputs)
}

/// A file that was likely meant to be one of ours.
fn misspelt(folder: &Path) -> Option<Phrase> {
    let wanted: Vec<String> = FACTS
        .iter()
        .flat_map(|topic| SPELLINGS.iter().map(|(ending, _)| format!("{}.{ending}", topic.name())))
        .collect();
    let mut found: Vec<String> = fs::read_dir(folder)
        .ok()?
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    found.sort_unstable();
    found.iter().find_map(|name| {
        let meant = nearest(name, wanted.iter().map(String::as_str))?;
        Some(Phrase::new(Key::InputNothingNear).with("found", name).with("meant", meant))
    })
}

/// How much of a file has been read, of how much: packed bytes, as they lie on the disk.
#[derive(Clone, Debug)]
pub struct Meter {
    read: Arc<AtomicU64>,
    total: u64,
}

impl Meter {
    /// Bytes read so far.
    pub fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Bytes of the file when it was opened; 0 for a pipe.
    pub fn total(&self) -> u64 {
        self.total
    }
}

/// Counts what goes through.
struct Counted<R> {
    inner: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// A line above [`LINE_BYTES_MAX`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Oversize {
    /// Which of the block's lines: it holds only the first [`OVERSIZE_BYTES_KEPT`] bytes.
    pub index: u32,
    /// SHA-256 of all its bytes, without the terminator.
    pub sha256: [u8; 32],
    /// How many they were.
    pub length: u64,
}

/// Up to [`BLOCK_LINES`] neighbouring lines of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Block {
    /// Whose lines they are.
    pub topic: Topic,
    /// The number of the first of them, from 1.
    pub first_line: u64,
    /// Whether this ends a block of [`BLOCK_LINES`]. `false` only where the lines are so long that the block comes in
    /// parts ([`PART_BYTES_MAX`]): what follows belongs to the same neighbourhood.
    pub complete: bool,
    /// The lines' bytes, terminators among them.
    pub bytes: Vec<u8>,
    /// Start and end of each line in `bytes`, without its terminator. Blank lines are there too.
    pub lines: Vec<(u32, u32)>,
    /// The lines that are not whole; almost always none.
    pub oversize: Vec<Oversize>,
}

impl Block {
    /// A block to be filled.
    pub fn empty(topic: Topic) -> Self {
        let lines = Vec::with_capacity(BLOCK_LINES);
        Self { topic, first_line: 0, complete: true, bytes: Vec::new(), lines, oversize: Vec::new() }
    }

    /// The bytes of line `index`, counted from 0 within the block.
    pub fn line(&self, index: usize) -> Option<&[u8]> {
        let (start, end) = *self.lines.get(index)?;
        self.bytes.get(start as usize..end as usize)
    }

    /// Every line with its number in the file.
    pub fn numbered(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let lines = self.lines.iter().map(|&(start, end)| &self.bytes[start as usize..end as usize]);
        (self.first_line..).zip(lines)
    }
}

/// Reads a file in blocks.
pub struct BlockReader {
    input: Input,
    meter: Meter,
    source: Box<dyn Read + Send>,
    window: Vec<u8>,
    /// What of the window is still to be read.
    ready: std::ops::Range<usize>,
    /// Lines handed over so far.
    lines_done: u64,
    /// Lines of the present block that went out in earlier parts.
    lines_before: usize,
    ended: bool,
}

impl BlockReader {
    /// Opens `input`.
    ///
    /// # Errors
    /// Exit 3 where it cannot be read.
    pub fn open(input: &Input) -> Result<Self> {
        let fail = |error: io::Error| unreadable(&input.path, &error);
        let file = File::open(&input.path).map_err(fail)?;
        let metadata = file.metadata().map_err(fail)?;
        let total = if metadata.is_file() { metadata.len() } else { 0 };
        let meter = Meter { read: Arc::default(), total };
        let counted = Counted { inner: file, read: Arc::clone(&meter.read) };
        let source: Box<dyn Read + Send> = match input.packing {
            Packing::Plain => Box::new(counted),
            Packing::Gzip => Box::new(MultiGzDecoder::new(BufReader::with_capacity(WINDOW_BYTES, counted))),
            Packing::Zstd => {
                let buffered = BufReader::with_capacity(WINDOW_BYTES, counted);
                let mut decoder = zstd::stream::read::Decoder::with_buffer(buffered).map_err(fail)?;
                // `zstd --long` uses windows up to 2 GiB; 27 is what the tool itself takes without being asked.
                decoder.window_log_max(27).map_err(fail)?;
                Box::new(decoder)
            }
        };
        let mut reader = Self {
            input: input.clone(),
            meter,
            source,
            window: vec![0; WINDOW_BYTES],
            ready: 0..0,
            lines_done: 0,
            lines_before: 0,
            ended: false,
        };
        reader.skip_bom()?;
        Ok(reader)
    }

    /// The file this reads.
    pub fn input(&self) -> &Input {
        &self.input
    }

    /// How far it is; to be watched from another thread.
    pub fn meter(&self) -> Meter {
        self.meter.clone()
    }

    /// The next block, in memory of its own; `None` at the end.
    ///
    /// # Errors
    /// Exit 3 where the file cannot be read, ends in the middle, or is not packed as its ending says.
    pub fn next_block(&mut self) -> Result<Option<Block>> {
        let mut block = Block::empty(self.input.topic);
        Ok(self.fill(&mut block)?.then_some(block))
    }

    /// Fills `block` with the next lines, in the memory it has; `false` at the end.
    ///
    /// # Errors
    /// As [`BlockReader::next_block`].
    pub fn fill(&mut self, block: &mut Block) -> Result<bool> {
        block.topic = self.input.topic;
        block.first_line = self.lines_done + 1;
        block.bytes.clear();
        block.lines.clear();
        block.oversize.clear();
        let room = BLOCK_LINES - self.lines_before;
        while block.lines.len() < room && block.bytes.len() <= PART_BYTES_MAX {
            // Where the window holds no whole line, one goes on beyond it, or the file is at its end.
            if !self.lines_into(block, room) && !self.long_line_into(block)? {
                break;
            }
        }
        self.lines_done += block.lines.len() as u64;
        self.lines_before += block.lines.len();
        block.complete = self.ended || self.lines_before == BLOCK_LINES;
        if block.complete {
            self.lines_before = 0;
        }
        Ok(!block.lines.is_empty())
    }

    /// Moves the whole lines of the window into `block`, until it is full. `false` where the window holds no whole line.
    fn lines_into(&mut self, block: &mut Block, room: usize) -> bool {
        let window = &self.window[self.ready.clone()];
        let base = block.bytes.len();
        let before = block.lines.len();
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', window) {
            let cut = end - usize::from(end > start && window[end - 1] == b'\r');
            block.lines.push((offset(base + start), offset(base + cut)));
            start = end + 1;
            if block.lines.len() == room {
                break;
            }
        }
        block.bytes.extend_from_slice(&window[..start]);
        self.ready.start += start;
        block.lines.len() > before
    }

    /// Reads one line that no window holds whole. `false` where there is none: the file is at its end.
    fn long_line_into(&mut self, block: &mut Block) -> Result<bool> {
        // The block holds whole lines only, between calls.
        let start = block.bytes.len();
        let mut rest: Option<Rest> = None;
        let mut seen = false;
        let terminated = loop {
            if self.ready.is_empty() && !self.refill()? {
                break false;
            }
            seen = true;
            let window = &self.window[self.ready.clone()];
            let end = memchr(b'\n', window);
            let piece = &window[..end.unwrap_or(window.len())];
            match &mut rest {
                Some(rest) => rest.update(piece),
                None => {
                    block.bytes.extend_from_slice(piece);
                    // One byte more than the longest line: it may be the terminator's `\r`.
                    if block.bytes.len() - start > LINE_BYTES_MAX + 1 {
                        rest = Some(Rest::begin(&mut block.bytes, start));
                    }
                }
            }
            self.ready.start += piece.len() + usize::from(end.is_some());
            if end.is_some() {
                break true;
            }
        };
        if !seen {
            return Ok(false);
        }
        if rest.is_none() {
            let cut = terminated && block.bytes.len() > start && block.bytes.last() == Some(&b'\r');
            let end = block.bytes.len() - usize::from(cut);
            if end - start <= LINE_BYTES_MAX {
                block.lines.push((offset(start), offset(end)));
                if terminated {
                    // As if the window had held it whole: a block's bytes do not depend on where windows end.
                    block.bytes.push(b'\n');
                }
                return Ok(true);
            }
            rest = Some(Rest::begin(&mut block.bytes, start));
        }
        if let Some(rest) = rest {
            let index = offset(block.lines.len());
            block.lines.push((offset(start), offset(block.bytes.len())));
            let (sha256, length) = rest.finish(terminated);
            block.oversize.push(Oversize { index, sha256, length });
        }
        Ok(true)
    }

    /// Reads the next window; `false` at the end of the file.
    fn refill(&mut self) -> Result<bool> {
        self.ready = 0..0;
        while !self.ended {
            match self.source.read(&mut self.window) {
                Ok(0) => self.ended = true,
                Ok(count) => {
                    self.ready = 0..count;
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(&error)),
            }
        }
        Ok(false)
    }

    /// Skips a BOM, however small the pieces in which the file comes.
    fn skip_bom(&mut self) -> Result<()> {
        let mut have = 0;
        while have < BOM.len() {
            match self.source.read(&mut self.window[have..]) {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                Ok(count) => have += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(&error)),
            }
        }
        let skip = if self.window[..have].starts_with(BOM) { BOM.len() } else { 0 };
        self.ready = skip..have;
        Ok(())
    }

    fn failed(&self, error: &io::Error) -> Error {
        let path = &self.input.path;
        let name = path.display();
        let packed = self.input.packing != Packing::Plain;
        let about = |key| Phrase::new(key).with("path", &name);
        let at = format!("{name}:{}", self.lines_done + 1);
        // Errors of the disk carry a number of the system; those of the decompressors do not.
        match (packed, error.raw_os_error(), error.kind()) {
            (true, None, io::ErrorKind::UnexpectedEof) => {
                Error::unreachable(Domain::Input, about(Key::InputTruncated))
                    .at(at)
                    .help(Key::InputTruncatedHelp)
            }
            (true, None, _) => Error::unreachable(Domain::Input, about(Key::InputCorrupt))
                .cause(error)
                .at(at)
                .help(Key::InputCorruptHelp),
            _ => unreadable(path, error).at(at),
        }
    }
}

/// A position in a block: parts are far smaller than 4 GiB.
fn offset(at: usize) -> u32 {
    u32::try_from(at).expect("a block's part is at most PART_BYTES_MAX and one line long")
}

/// The bytes of a line that is too long, as they go by.
struct Rest {
    hash: Sha256,
    length: u64,
    /// The last byte was a `\r`, which belongs to the terminator if a `\n` follows.
    held: bool,
}

impl Rest {
    /// Takes what of the line is in `bytes` and leaves its head there.
    fn begin(bytes: &mut Vec<u8>, start: usize) -> Self {
        let mut rest = Self { hash: Sha256::new(), length: 0, held: false };
        rest.update(&bytes[start..]);
        bytes.truncate(start + OVERSIZE_BYTES_KEPT);
        rest
    }

    fn update(&mut self, piece: &[u8]) {
        if piece.is_empty() {
            return;
        }
        self.release();
        let held = piece.last() == Some(&b'\r');
        let sure = &piece[..piece.len() - usize::from(held)];
        self.hash.update(sure);
        self.length += sure.len() as u64;
        self.held = held;
    }

    fn release(&mut self) {
        if self.held {
            self.hash.update(b"\r");
            self.length += 1;
            self.held = false;
        }
    }

    fn finish(mut self, terminated: bool) -> ([u8; 32], u64) {
        if !terminated {
            self.release();
        }
        (self.hash.finalize().into(), self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Exit;
    use crate::texts::Lang;
    use proptest::prelude::*;
    use std::io::Write;

    fn input(folder: &Path, name: &str, bytes: &[u8]) -> Input {
        let path = folder.join(name);
        fs::write(&path, bytes).unwrap();
        find(folder).unwrap().into_iter().find(|input| input.path == path).unwrap()
    }

    fn read_all(input: &Input) -> Result<Vec<Block>> {
        let mut reader = BlockReader::open(input)?;
        let mut blocks = Vec::new();
        while let Some(block) = reader.next_block()? {
            blocks.push(block);
        }
        assert!(reader.next_block()?.is_none());
        assert_eq!(reader.meter().read(), reader.meter().total());
        Ok(blocks)
    }

    fn lines_of(bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
        let folder = tempfile::tempdir().unwrap();
        let blocks = read_all(&input(folder.path(), "wagers.jsonl", bytes)).unwrap();
        blocks.iter().flat_map(Block::numbered).map(|(number, line)| (number, line.to_vec())).collect()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn terminators_bom_and_blank_lines() {
        let lines = |bytes: &[u8]| -> Vec<String> {
            lines_of(bytes).into_iter().map(|(_, line)| String::from_utf8_lossy(&line).into_owned()).collect()
        };
        assert_eq!(lines(b""), Vec::<String>::new());
        assert_eq!(lines(b"\xef\xbb\xbf"), Vec::<String>::new());
        assert_eq!(lines(b"\n"), [""]);
        assert_eq!(lines(b"a"), ["a"]);
        assert_eq!(lines(b"\xef\xbb\xbfa\r\n\r\n\nb\rc\n  \nlast"), ["a", "", "", "b\rc", "  ", "last"]);
        assert_eq!(lines(b"a\n\xef\xbb\xbfb\n"), ["a", "\u{feff}b"]);
        assert_eq!(lines(b"a\r"), ["a\r"]);
        assert_eq!(lines(b"a\r\r\n"), ["a\r"]);
    }

    #[test]
    fn blocks_are_a_thousand_physical_lines() {
        let folder = tempfile::tempdir().unwrap();
        let text: String = (1..=2_500).map(|n| format!("{n}\n")).collect();
        let blocks = read_all(&input(folder.path(), "outcomes.jsonl", text.as_bytes())).unwrap();
        let shape: Vec<(u64, usize, bool)> =
            blocks.iter().map(|block| (block.first_line, block.lines.len(), block.complete)).collect();
        assert_eq!(shape, [(1, 1_000, true), (1_001, 1_000, true), (2_001, 500, true)]);
        assert_eq!(blocks[2].line(499), Some(b"2500".as_slice()));
        assert_eq!(blocks[2].line(500), None);
    }

    #[test]
    fn a_block_is_filled_again_in_its_own_memory() {
        let folder = tempfile::tempdir().unwrap();
        let mut reader = BlockReader::open(&input(folder.path(), "wagers.jsonl", b"one\ntwo\n")).unwrap();
        let mut block = Block::empty(Topic::Games);
        block.oversize.push(Oversize { index: 0, sha256: [0; 32], length: 0 });
        assert!(reader.fill(&mut block).unwrap());
        assert_eq!((block.topic, block.lines.len(), block.oversize.len()), (Topic::Wagers, 2, 0));
        assert!(!reader.fill(&mut block).unwrap());
    }

    #[test]
    fn packed_files_read_alike() {
        let text: Vec<u8> = (0..5_000).flat_map(|n| format!("{{\"n\":{n}}}\r\n").into_bytes()).collect();
        let (head, tail) = text.split_at(20_000);
        let folder = tempfile::tempdir().unwrap();
        let plain = read_all(&input(folder.path(), "wagers.jsonl", &text)).unwrap();
        fs::remove_file(folder.path().join("wagers.jsonl")).unwrap();
        let members = [gzip(head), gzip(tail)].concat();
        assert!(read_all(&input(folder.path(), "wagers.jsonl.gz", &members)).unwrap() == plain);
        fs::remove_file(folder.path().join("wagers.jsonl.gz")).unwrap();
        let frames = [zstd::encode_all(head, 1).unwrap(), zstd::encode_all(tail, 1).unwrap()].concat();
        assert!(read_all(&input(folder.path(), "wagers.jsonl.zst", &frames)).unwrap() == plain);
    }

    #[test]
    fn cut_or_corrupt_files_are_errors_that_say_what_to_do() {
        let text: Vec<u8> = (0..5_000).flat_map(|n| format!("{n}\n").into_bytes()).collect();
        let packed = [
            ("payments.jsonl.gz", gzip(&text)),
            ("payments.jsonl.zst", zstd::encode_all(&text[..], 1).unwrap()),
        ];
        for (name, bytes) in packed {
            let folder = tempfile::tempdir().unwrap();
            let error = read_all(&input(folder.path(), name, &bytes[..bytes.len() - 5])).unwrap_err();
            assert_eq!(error.exit(), Exit::Unreachable);
            let said = error.render(Lang::En);
            assert!(
                said.contains("ends in the middle") && said.contains("help: copy the file again"),
                "{said}"
            );
            let error =
                read_all(&input(folder.path(), name, b"{\"a\":1}\n{\"a\":1}\n{\"a\":1}\n")).unwrap_err();
            assert!(
                error.render(Lang::En).contains("not sound compressed data"),
                "{}",
                error.render(Lang::En)
            );
        }
    }

    #[test]
    fn long_lines_are_whole_and_longer_ones_keep_their_head_and_digest() {
        let folder = tempfile::tempdir().unwrap();
        let whole = vec![b'x'; LINE_BYTES_MAX];
        for (extra, ending) in
            [(0, &b"\r\n"[..]), (0, b"\n"), (0, b""), (1, b"\n"), (1, b"\r\n"), (1, b""), (5, b"\r\n")]
        {
            let line = [&whole[..], &vec![b'y'; extra][..]].concat();
            let tail: &[u8] = if ending.is_empty() { b"" } else { b"b" };
            let text = [b"a\n", &line[..], ending, tail].concat();
            let blocks = read_all(&input(folder.path(), "wagers.jsonl", &text)).unwrap();
            assert_eq!(blocks.len(), 1);
            let block = &blocks[0];
            assert_eq!(block.line(0), Some(b"a".as_slice()));
            if extra == 0 {
                assert_eq!(block.line(1), Some(line.as_slice()));
                assert!(block.oversize.is_empty());
            } else {
                assert_eq!(block.line(1), Some(&line[..OVERSIZE_BYTES_KEPT]));
                let sha256: [u8; 32] = Sha256::digest(&line).into();
                assert_eq!(block.oversize, [Oversize { index: 1, sha256, length: line.len() as u64 }]);
            }
            assert_eq!(block.line(2), (!ending.is_empty()).then_some(b"b".as_slice()));
        }
    }

    #[test]
    fn a_block_of_huge_lines_comes_in_parts() {
        let folder = tempfile::tempdir().unwrap();
        let mut text = Vec::new();
        for _ in 0..9 {
            text.resize(text.len() + LINE_BYTES_MAX, b'x');
            text.push(b'\n');
        }
        for n in 10..=1_001 {
            text.extend_from_slice(format!("{n}\n").as_bytes());
        }
        let blocks = read_all(&input(folder.path(), "wagers.jsonl", &text)).unwrap();
        assert!(
            blocks.iter().all(|block| block.bytes.len() <= PART_BYTES_MAX + LINE_BYTES_MAX + WINDOW_BYTES)
        );
        let shape: Vec<(u64, bool)> = blocks.iter().map(|block| (block.first_line, block.complete)).collect();
        assert_eq!(shape, [(1, false), (5, false), (9, true), (1_001, true)]);
    }

    #[test]
    fn folders_that_are_wrong_say_how() {
        let said = |folder: &Path| {
            let error = find(folder).unwrap_err();
            assert_eq!(error.exit(), Exit::Usage);
            error.render(Lang::En)
        };
        let folder = tempfile::tempdir().unwrap();
        assert!(said(&folder.path().join("none")).contains("there is no folder"));
        assert!(said(folder.path()).contains("nothing to read"));
        fs::write(folder.path().join("wager.jsonl"), "").unwrap();
        assert!(said(folder.path()).contains("wager.jsonl looks like wagers.jsonl"));
        assert!(said(&folder.path().join("wager.jsonl")).contains("is not a folder"));
        fs::write(folder.path().join("games.jsonl"), "").unwrap();
        assert!(said(folder.path()).contains("nothing to read"));
        fs::write(folder.path().join("payments.jsonl"), "").unwrap();
        assert_eq!(find(folder.path()).unwrap().len(), 2);
        fs::write(folder.path().join("payments.jsonl.gz"), "").unwrap();
        assert!(
            said(folder.path())
                .contains("payments is there more than once: payments.jsonl, payments.jsonl.gz")
        );
        fs::remove_file(folder.path().join("payments.jsonl.gz")).unwrap();
        fs::create_dir(folder.path().join("outcomes.jsonl")).unwrap();
        assert!(said(folder.path()).contains("is a folder, not a file"));
    }

    proptest! {
        /// Whatever the bytes and wherever windows end, lines are what a plain split says.
        #[test]
        fn lines_are_what_a_plain_split_says(pieces in prop::collection::vec("[a-c\r]{0,4}\n?", 0..200)) {
            let text = pieces.concat();
            let mut want: Vec<&str> = text.split('\n').collect();
            let last = want.pop().unwrap_or_default();
            let mut want: Vec<String> =
                want.into_iter().map(|line| line.strip_suffix('\r').unwrap_or(line).to_owned()).collect();
            if !last.is_empty() {
                want.push(last.to_owned());
            }
            let got = lines_of(text.as_bytes());
            prop_assert!(got.iter().map(|(number, _)| *number).eq(1..=want.len() as u64));
            let got: Vec<String> = got.into_iter().map(|(_, line)| String::from_utf8(line).unwrap()).collect();
            prop_assert_eq!(got, want);
        }
    }
}
