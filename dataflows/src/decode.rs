//! Decode: a block of lines becomes sound records for the workers that own them, and rejects.
//!
//! ```text
//! lines of one topic ──▶ decode ──▶ a batch for each worker: heads, packed records, rejects
//!                           └─────▶ receipts, by which the lines are admitted and get their ticks
//! ```
//! Pure: it runs where the lines are read, ahead of the dataflow, so that ticks do not depend on workers.

use std::sync::Arc;

use gyre_domain::cause::Cause;
use gyre_domain::commands::Command;
use gyre_domain::currency::Currencies;
use gyre_domain::decode::{Fault, UnknownFields, decode};
use gyre_domain::records::{Record, Topic};

use crate::Tick;
use crate::batch::{Batch, Head, Unsound};
use crate::keys::{JobKey, owner};
use crate::packed::{pack, pack_amended};

pub mod admission;
pub mod provider;

/// Lines of one topic, in one piece of memory.
pub struct Lines {
    /// What they are about.
    pub topic: Topic,
    /// The file's number within its topic, or the partition.
    pub partition: u16,
    /// The number of the first line in its file (from 1), or its offset.
    pub first: u64,
    /// The lines.
    pub bytes: Arc<Vec<u8>>,
    /// Where each line begins and ends, without its terminator.
    pub spans: Vec<(u32, u32)>,
    /// Lines that were too long to be kept whole: their place in `spans` (which shows their beginning) and the
    /// SHA-256 of all their bytes.
    pub oversize: Vec<(u32, [u8; 32])>,
}

/// A block after decoding, before admission.
pub struct Decoded {
    /// What it is about.
    pub topic: Topic,
    /// One for each worker.
    pub batches: Vec<Batch>,
    /// The receipt of each line that is not malformed.
    pub receipts: Vec<Option<u64>>,
    /// Lines that hold a record, sound or not.
    pub records: u64,
    /// Lines of nothing but white space: skipped.
    pub blank: u64,
    /// Fields that nobody knows, by name.
    pub unknown: UnknownFields,
}

/// Decodes blocks of lines.
#[derive(Clone)]
pub struct Decoder {
    /// What currencies there are.
    pub currencies: Arc<Currencies>,
    /// The job's secret.
    pub keys: JobKey,
    /// How many workers there are.
    pub workers: usize,
}

impl Decoder {
    /// Decodes a block.
    pub fn decode(&self, lines: &Lines) -> Decoded {
        let empty = |worker| {
            let records = lines.spans.len() / self.workers + lines.spans.len() / 8;
            Batch::empty(worker as u32, lines.topic, Arc::clone(&lines.bytes), records)
        };
        let mut block = Decoded {
            topic: lines.topic,
            batches: (0..self.workers).map(empty).collect(),
            receipts: vec![None; lines.spans.len()],
            records: 0,
            blank: 0,
            unknown: UnknownFields::default(),
        };
        let mut oversize = lines.oversize.iter().peekable();
        for (line, &raw) in lines.spans.iter().enumerate() {
            let bytes = &lines.bytes[raw.0 as usize..raw.1 as usize];
            let position = u64::from(lines.partition) << 48 | (lines.first + line as u64);
            let place = Place { line: line as u16, raw, position };
            let too_long = oversize.next_if(|(at, _)| *at as usize == line);
            if too_long.is_none() && bytes.iter().all(u8::is_ascii_whitespace) {
                block.blank += 1;
                continue;
            }
            block.records += 1;
            let decoded = match too_long {
                Some((_, digest)) => Err(Fault::oversize(*digest)),
                None => decode(lines.topic, bytes, &self.currencies, &mut block.unknown),
            };
            match decoded {
                Ok(record) => {
                    block.receipts[line] = record.receipt_ms();
                    self.keep(&record, place, &mut block.batches);
                }
                Err(fault) => {
                    block.receipts[line] = fault.receipt_ms;
                    self.set_aside(lines.topic, *fault, place, bytes, &mut block.batches);
                }
            }
        }
        block
    }

    fn keep(&self, record: &Record<'_>, place: Place, batches: &mut [Batch]) {
        let mut head = Head::of(record, &self.keys);
        let batch = &mut batches[owner(head.key, self.workers)];
        head.start = batch.bytes.len() as u32;
        pack(record, place.position, &mut batch.bytes);
        if let Record::Command(Command { record: Some(amended), .. }) = record {
            self.pack_amended(amended, &mut batch.bytes);
        }
        head.length = batch.bytes.len() as u32 - head.start;
        (head.raw, head.line) = (place.raw, place.line);
        batch.heads.push(head);
    }

    /// Which record a command's is depends on its target's topic: it is read as all of them.
    fn pack_amended(&self, amended: &str, out: &mut Vec<u8>) {
        let mut unknown = UnknownFields::default();
        pack_amended(out, |topic| {
            decode(topic, amended.as_bytes(), &self.currencies, &mut unknown).map_err(|fault| fault.cause)
        });
    }

    fn set_aside(&self, topic: Topic, fault: Fault, place: Place, raw: &[u8], batches: &mut [Batch]) {
        // Nothing with this content is ever sound: its digest names it as well as anything.
        let named = [topic.name().as_bytes(), fault.tenant.as_bytes(), &fault.digest];
        let key = self.keys.of(&named);
        let unsound = Unsound {
            key: 0,
            admitted: 0,
            topic: topic as u8,
            tenant: fault.tenant,
            provider: fault.provider,
            id: fault.id,
            cause: fault.cause as u8,
            digest: fault.digest,
            position: place.position,
            raw: raw.to_vec(),
            line: place.line,
            lap: 0,
            fault: key,
        };
        self.push_unsound(unsound, batches);
    }

    fn push_unsound(&self, mut unsound: Unsound, batches: &mut [Batch]) {
        let digest: String = unsound.digest.iter().map(|byte| char::from(*byte)).collect();
        let cause = Cause::ALL[usize::from(unsound.cause)].name();
        let id = unsound.id.as_deref().unwrap_or("\0null");
        unsound.key = self.keys.of(&[
            Topic::ALL[usize::from(unsound.topic)].name(),
            &unsound.tenant,
            &unsound.provider,
            id,
            cause,
            &digest,
        ]);
        batches[owner(unsound.key, self.workers)].unsound.push(unsound);
    }

    /// Gives every record of the block the tick of its line, and sets those aside that `judge` refuses: it is asked
    /// with the line and the record's time, for records that have one.
    pub fn admit(
        &self,
        block: &mut Decoded,
        ticks: &[Tick],
        mut judge: impl FnMut(usize, u64) -> Option<Cause>,
    ) {
        let mut refused = Vec::new();
        for batch in &mut block.batches {
            for unsound in &mut batch.unsound {
                unsound.admitted = ticks[usize::from(unsound.line)];
            }
            let mut any = false;
            for at in 0..batch.heads.len() {
                let line = usize::from(batch.heads[at].line);
                batch.heads[at].admitted = ticks[line];
                if batch.heads[at].at_ms == 0 {
                    continue;
                }
                if let Some(cause) = judge(line, batch.heads[at].at_ms) {
                    refused.push((batch.refused(at, cause, &self.keys), ticks[line]));
                    batch.heads[at].void = true;
                    any = true;
                }
            }
            if any {
                batch.heads.retain(|head| !head.void);
            }
        }
        for (mut unsound, tick) in refused {
            unsound.admitted = tick;
            self.push_unsound(unsound, &mut block.batches);
        }
        for batch in &mut block.batches {
            batch.unsound.sort_by_key(|unsound| unsound.line);
        }
    }
}

#[derive(Clone, Copy)]
struct Place {
    line: u16,
    raw: (u32, u32),
    position: u64,
}
