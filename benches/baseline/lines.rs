//! Plain files in blocks of a thousand lines, borrowed from the read buffer; any line again by its number.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use gyre_domain::records::Topic;

const BLOCK_LINES: usize = 1_000;
/// Every so many lines it is noted where one begins.
const MARK_LINES: usize = 16;
const BUFFER_BYTES: usize = 1 << 20;

/// One input file.
pub struct Lines {
    pub topic: Topic,
    file: File,
    buffer: Vec<u8>,
    ready: Range<usize>,
    /// The part of `ready` that the present block takes.
    taken: usize,
    /// Where in the file `ready` begins.
    offset: u64,
    /// Lines before the present block.
    before: usize,
    ended: bool,
    /// Start and end of each line of the block, from where it begins.
    spans: Vec<(u32, u32)>,
    /// Where every sixteenth line begins.
    marks: Vec<u64>,
}

/// Up to a thousand lines.
pub struct Block<'a> {
    pub topic: Topic,
    /// The number of the first line, from 1.
    pub first: u32,
    bytes: &'a [u8],
    spans: &'a [(u32, u32)],
}

impl<'a> Block<'a> {
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    #[inline]
    pub fn line(&self, at: usize) -> &'a [u8] {
        let (start, end) = self.spans[at];
        &self.bytes[start as usize..end as usize]
    }
}

impl Lines {
    /// The file of a topic, if it is there.
    pub fn open(folder: &Path, topic: Topic) -> io::Result<Option<Self>> {
        let mut file = match File::open(folder.join(format!("{}.jsonl", topic.name()))) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut end = 0;
        while end < 3 {
            match file.read(&mut buffer[end..])? {
                0 => break,
                read => end += read,
            }
        }
        let start = if buffer[..end].starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        Ok(Some(Self {
            topic,
            file,
            buffer,
            ready: start..end,
            taken: 0,
            offset: start as u64,
            before: 0,
            ended: false,
            spans: Vec::new(),
            marks: Vec::new(),
        }))
    }

    /// The next block.
    pub fn next_block(&mut self) -> io::Result<Option<Block<'_>>> {
        self.before += self.spans.len();
        self.ready.start += self.taken;
        self.offset += self.taken as u64;
        self.spans.clear();
        let mut start = 0;
        loop {
            let window = &self.buffer[self.ready.clone()];
            let from = start;
            for end in memchr::memchr_iter(b'\n', &window[from..]).map(|end| from + end) {
                self.spans.push((
                    start as u32,
                    (end - usize::from(end > start && window[end - 1] == b'\r')) as u32,
                ));
                start = end + 1;
                if self.spans.len() == BLOCK_LINES {
                    break;
                }
            }
            if self.spans.len() == BLOCK_LINES {
                break;
            }
            if self.ended {
                if start < window.len() {
                    self.spans.push((start as u32, window.len() as u32));
                    start = window.len();
                }
                break;
            }
            self.refill()?;
        }
        self.taken = start;
        let first_mark = self.before.next_multiple_of(MARK_LINES) - self.before;
        for line in (first_mark..self.spans.len()).step_by(MARK_LINES) {
            self.marks.push(self.offset + u64::from(self.spans[line].0));
        }
        let bytes = &self.buffer[self.ready.start..];
        let block = Block { topic: self.topic, first: self.before as u32 + 1, bytes, spans: &self.spans };
        Ok((!self.spans.is_empty()).then_some(block))
    }

    fn refill(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.ready.clone(), 0);
        self.ready = 0..self.ready.len();
        if self.ready.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let read = self.file.read(&mut self.buffer[self.ready.end..])?;
        self.ready.end += read;
        self.ended = read == 0;
        Ok(())
    }

    /// A line by its number, read again: what is rare is not kept.
    pub fn again(&self, number: u32) -> io::Result<Vec<u8>> {
        let line = number as usize - 1;
        let mut offset = self.marks[line / MARK_LINES];
        let (mut bytes, mut skip) = (vec![0; 4096], line % MARK_LINES);
        let mut filled = 0;
        loop {
            let read = self.file.read_at(&mut bytes[filled..], offset + filled as u64)?;
            filled += read;
            let window = &bytes[..filled];
            let ends: Vec<usize> = memchr::memchr_iter(b'\n', window).take(skip + 1).collect();
            let end = ends.get(skip).copied().or((read == 0).then_some(filled));
            if let Some(end) = end {
                let start = if skip == 0 { 0 } else { ends.get(skip - 1).map_or(filled, |end| end + 1) };
                let end = end - usize::from(end > start && window[end - 1] == b'\r' && ends.len() > skip);
                return Ok(window[start..end].to_vec());
            }
            if let Some(&last) = ends.last() {
                (offset, skip, filled) = (offset + last as u64 + 1, skip - ends.len(), 0);
            }
            if filled == bytes.len() {
                bytes.resize(bytes.len() * 2, 0);
            }
        }
    }
}
