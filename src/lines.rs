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

use std::fs::File;
use std::io::{self, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use memchr::memchr;

use self::block::offset;
use self::meter::Counted;
use crate::error::{Domain, Error, Result, unreadable};
use crate::texts::{Key, Phrase};

mod block;
mod folder;
mod meter;
mod rest;

pub use self::block::{Block, Oversize};
pub use self::folder::{Input, Packing, find};
pub use self::meter::Meter;
pub(crate) use self::rest::Rest;

/// Physical lines in a block: the neighbours among which a line's receipt is judged.
pub const BLOCK_LINES: usize = 1_000;
/// The longest line that is kept whole, without its terminator.
pub const LINE_BYTES_MAX: usize = 16 << 20;
/// What is kept of a longer one.
pub const OVERSIZE_BYTES_KEPT: usize = 64 << 10;
/// A block whose lines come to more than this is handed over in parts, so that memory stays flat whatever comes.
pub const PART_BYTES_MAX: usize = 64 << 20;

const WINDOW_BYTES: usize = 1 << 20;
const BOM: &[u8] = b"\xef\xbb\xbf";

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
        let (counted, meter) = Counted::new(file, total);
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::path::Path;

    use gyre_domain::records::Topic;
    use proptest::prelude::*;
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::error::Exit;
    use crate::texts::Lang;

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
