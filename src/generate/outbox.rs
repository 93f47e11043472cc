//! A file of lines in the order of their arrival. What is in flight waits here; nothing else is kept.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// The incident of a line that belongs to none.
pub const NO_INCIDENT: u32 = u32::MAX;

/// Lines on their way into one file.
pub struct Outbox {
    file: BufWriter<File>,
    /// (arrival, order of sending, slot).
    flight: BinaryHeap<Reverse<(u64, u64, u32)>>,
    slots: Vec<(Vec<u8>, u32)>,
    free: Vec<u32>,
    sent: u64,
    /// Lines in the file, blank ones too.
    pub lines: u64,
    /// Of them, lines of white space.
    pub blank: u64,
    /// Bytes in the file.
    pub bytes: u64,
    /// (incident, line number) of the lines that belong to one.
    pub marks: Vec<(u32, u64)>,
}

impl Outbox {
    /// Creates the file.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: BufWriter::with_capacity(1 << 18, File::create(path)?),
            flight: BinaryHeap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            sent: 0,
            lines: 0,
            blank: 0,
            bytes: 0,
            marks: Vec::new(),
        })
    }

    /// An empty line that will be written at `arrival_ms`, for the caller to fill.
    pub fn line(&mut self, arrival_ms: u64, incident: u32) -> &mut Vec<u8> {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push((Vec::with_capacity(320), NO_INCIDENT));
            self.slots.len() as u32 - 1
        });
        self.sent += 1;
        self.flight.push(Reverse((arrival_ms, self.sent, slot)));
        let (line, owner) = &mut self.slots[slot as usize];
        *owner = incident;
        line.clear();
        line
    }

    /// Writes what arrives before `now_ms`.
    pub fn release(&mut self, now_ms: u64) -> io::Result<()> {
        while let Some(&Reverse((arrival_ms, _, slot))) = self.flight.peek()
            && arrival_ms < now_ms
        {
            self.flight.pop();
            let (line, incident) = &mut self.slots[slot as usize];
            line.push(b'\n');
            self.file.write_all(line)?;
            self.lines += 1;
            self.blank += u64::from(line.iter().all(u8::is_ascii_whitespace));
            self.bytes += line.len() as u64;
            if *incident != NO_INCIDENT {
                self.marks.push((*incident, self.lines));
            }
            if line.capacity() > 4_096 {
                *line = Vec::new();
            }
            self.free.push(slot);
        }
        Ok(())
    }

    /// Writes all that is left.
    pub fn finish(&mut self) -> io::Result<()> {
        self.release(u64::MAX)?;
        self.flush()
    }

    /// Lets readers have what is written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
