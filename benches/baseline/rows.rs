//! Rows: the rare ones gathered with their keys and sorted, all of them written through one buffer.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use gyre_dataflows::rows::records::{Aside, Places, push_reject};
use gyre_dataflows::rows::{AnomalyKind, end_anomaly};
use gyre_domain::cause::Cause;
use gyre_domain::records::{Record, Topic, digest, hex};

/// A file that is written in large pieces.
pub struct Out {
    pub bytes: Vec<u8>,
    file: File,
}

const PIECE_BYTES: usize = 1 << 18;

impl Out {
    pub fn create(folder: &Path, name: &str) -> io::Result<Self> {
        let file = File::create(folder.join(format!("{name}.jsonl")))?;
        Ok(Self { bytes: Vec::with_capacity(PIECE_BYTES + (1 << 16)), file })
    }

    /// Ends a row.
    #[inline]
    pub fn end(&mut self) -> io::Result<()> {
        self.bytes.push(b'\n');
        if self.bytes.len() >= PIECE_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&self.bytes)?;
        self.bytes.clear();
        Ok(())
    }

    pub fn finish(mut self) -> io::Result<()> {
        self.flush()
    }
}

/// Rows with the keys by which they are sorted.
#[derive(Default)]
pub struct Rows {
    text: Vec<u8>,
    /// Where a row's key and its text begin, where it ends, and what it is counted under.
    heads: Vec<(usize, usize, usize, u8)>,
}

impl Rows {
    /// Adds a row; of those with one key the first stays.
    pub fn push(&mut self, tag: u8, key: &[Option<&str>], write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.text.len();
        for part in key {
            if let Some(part) = part {
                self.text.push(1);
                for &byte in part.as_bytes() {
                    self.text.extend_from_slice(if byte == 0 {
                        &[0, 255]
                    } else {
                        std::slice::from_ref(&byte)
                    });
                }
            }
            self.text.push(0);
        }
        let row = self.text.len();
        write(&mut self.text);
        self.heads.push((start, row, self.text.len(), tag));
    }

    /// Writes them in order; gives how many there were of each tag.
    pub fn write(mut self, out: &mut Out) -> io::Result<[u64; 32]> {
        let text = &self.text;
        self.heads.sort_by(|a, b| text[a.0..a.1].cmp(&text[b.0..b.1]));
        self.heads.dedup_by(|later, first| text[later.0..later.1] == text[first.0..first.1]);
        let mut counts = [0; 32];
        for &(_, row, end, tag) in &self.heads {
            out.bytes.extend_from_slice(&text[row..end]);
            out.end()?;
            counts[usize::from(tag)] += 1;
        }
        Ok(counts)
    }
}

/// Adds a reject of a line.
pub fn reject(rows: &mut Rows, aside: &Aside<'_>) {
    let digest = hex(aside.digest);
    let key = [
        Some(aside.topic.name()),
        Some(aside.tenant),
        Some(aside.provider),
        aside.id,
        Some(aside.cause.name()),
        Some(&*digest),
    ];
    rows.push(aside.cause as u8, &key, |out| push_reject(out, aside, &Places::Files));
}

/// Adds a reject of a sound record.
pub fn reject_record(rows: &mut Rows, record: &Record<'_>, cause: Cause, line: u32, raw: Option<&[u8]>) {
    let mut content = Vec::new();
    record.canonical(&mut content);
    let origin = record.origin();
    let aside = Aside {
        topic: record.topic(),
        tenant: &origin.tenant,
        provider: &origin.provider,
        id: Some(&record.id()),
        cause,
        digest: &digest(&content),
        position: line.into(),
        raw,
    };
    reject(rows, &aside);
}

/// Adds an anomaly: `write` writes all of it but what it was judged by.
pub fn anomaly(
    rows: &mut Rows,
    kind: AnomalyKind,
    tenant: &str,
    subject: &str,
    write: impl FnOnce(&mut Vec<u8>),
) {
    rows.push(kind as u8, &[Some(kind.name()), Some(tenant), Some(subject)], |out| {
        write(out);
        end_anomaly(out, &format!("{}/1", kind.name()));
    });
}

/// Topics in the order in which they are read: what is referred to comes first.
pub const READING_ORDER: [Topic; 5] =
    [Topic::Games, Topic::Accounts, Topic::Wagers, Topic::Outcomes, Topic::Payments];

/// Writes text as JSON does; without escapes, as nearly all text is, it is copied.
#[inline]
pub fn push_text(out: &mut Vec<u8>, text: &[u8]) {
    if is_plain(text) {
        out.extend_from_slice(text);
    } else {
        let mut quoted = Vec::new();
        gyre_dataflows::rows::push_string(&mut quoted, &String::from_utf8_lossy(text));
        out.extend_from_slice(&quoted[1..quoted.len() - 1]);
    }
}

/// Whether no byte needs an escape: eight at a time.
#[inline]
fn is_plain(text: &[u8]) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let odd = |word: u64| {
        let zero = |word: u64| word.wrapping_sub(ONES) & !word;
        let below = word.wrapping_sub(ONES * 0x20) & !word;
        (below | zero(word ^ (ONES * b'"' as u64)) | zero(word ^ (ONES * b'\\' as u64))) & (ONES << 7)
    };
    let (words, rest) = text.as_chunks::<8>();
    let mut last = [b' '; 8];
    last[..rest.len()].copy_from_slice(rest);
    words.iter().fold(odd(u64::from_le_bytes(last)), |found, word| found | odd(u64::from_le_bytes(*word)))
        == 0
}

const PAIRS: [u8; 200] = {
    let mut pairs = [0; 200];
    let mut n = 0;
    while n < 100 {
        pairs[2 * n] = b'0' + (n / 10) as u8;
        pairs[2 * n + 1] = b'0' + (n % 10) as u8;
        n += 1;
    }
    pairs
};

/// The digits of a number, right-aligned; gives where they begin.
#[inline]
fn digits(mut number: u64, buffer: &mut [u8; 24]) -> usize {
    let mut start = buffer.len();
    while number >= 100 {
        let pair = (number % 100) as usize * 2;
        number /= 100;
        start -= 2;
        buffer[start..start + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    }
    let pair = number as usize * 2;
    if number >= 10 {
        start -= 2;
        buffer[start..start + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    } else {
        start -= 1;
        buffer[start] = PAIRS[pair + 1];
    }
    start
}

#[inline]
pub fn push_number(out: &mut Vec<u8>, number: u64) {
    let mut buffer = [0; 24];
    let start = digits(number, &mut buffer);
    out.extend_from_slice(&buffer[start..]);
}

/// Minor units, not negative, as a decimal of `exponent` digits behind the point.
#[inline]
pub fn push_money(out: &mut Vec<u8>, minor: i64, exponent: u8) {
    let mut buffer = [b'0'; 24];
    let exponent = usize::from(exponent);
    let start = digits(minor.unsigned_abs(), &mut buffer).min(buffer.len() - exponent - 1);
    let point = buffer.len() - exponent;
    out.extend_from_slice(&buffer[start..point]);
    if exponent > 0 {
        out.push(b'.');
        out.extend_from_slice(&buffer[point..]);
    }
}
