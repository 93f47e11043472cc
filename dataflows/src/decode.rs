//! Decode: a block of lines becomes sound records for the workers that own them, and rejects.
//!
//! ```text
//! lines of one topic ──▶ decode ──▶ a batch for each worker: heads, packed records, rejects
//!                           └─────▶ receipts, by which the lines are admitted and get their ticks
//! ```
//! Pure: it runs where the lines are read, ahead of the dataflow, so that ticks do not depend on workers.
//!
//! A batch is one element of a message, however many records it holds: it costs one hand-over, not one for each, and
//! all text lies in one piece of memory.

use std::sync::Arc;

use gyre_domain::cause::Cause;
use gyre_domain::currency::{Currencies, Currency};
use gyre_domain::decode::{Fault, UnknownFields, decode};
use gyre_domain::records::{OutcomeKind, Record, Topic, digest};
use serde::{Deserialize, Serialize};

use crate::Tick;
use crate::keys::{JobKey, owner};
use crate::ops::fold_by_key::Updates;
use crate::packed::{Packed, pack};

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

/// What a head's record is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Kind {
    /// A stake accepted.
    Wager,
    /// A payout.
    Settle,
    /// A reversal of the stake.
    Cancel,
    /// A payout taken back.
    Unsettle,
    /// Money in or out.
    Payment,
    /// A games row.
    Game,
    /// An accounts row.
    Account,
}

/// The fixed part of a record: all that most records need to be worked.
#[derive(Clone, Serialize, Deserialize)]
pub struct Head {
    /// The identity under which its records meet (an outcome's is its wager's).
    pub key: u128,
    /// The account in its currency, of wagers and payments.
    pub account: u128,
    /// The game, of wagers.
    pub game: u128,
    /// The tick at which it was admitted.
    pub admitted: Tick,
    /// When it was so.
    pub at_ms: u64,
    /// Stake, payout or amount, minor units.
    pub amount: i64,
    /// Of the amount.
    pub currency: Option<Currency>,
    /// Where its packed form begins.
    start: u32,
    /// How long that is.
    length: u32,
    /// Its raw bytes in the block's lines.
    raw: (u32, u32),
    /// Which line of the block it is.
    line: u16,
    /// What it is.
    pub kind: Kind,
    /// 1 for a record that comes, −1 for one that is withdrawn.
    pub diff: i8,
    /// It was set aside at admission.
    void: bool,
}

impl Head {
    /// A head that says only what its record is.
    pub fn blank(kind: Kind) -> Self {
        Self {
            key: 0,
            account: 0,
            game: 0,
            admitted: 0,
            at_ms: 0,
            amount: 0,
            currency: None,
            start: 0,
            length: 0,
            raw: (0, 0),
            line: 0,
            kind,
            diff: 1,
            void: false,
        }
    }
}

/// A record that fails a check on itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Unsound {
    /// The identity of its reject row.
    pub key: u128,
    /// The tick at which it came.
    pub admitted: Tick,
    /// What it was to be about.
    pub topic: u8,
    /// As far as readable, else `"-"`.
    pub tenant: String,
    /// As far as readable, else `"-"`.
    pub provider: String,
    /// As far as readable.
    pub id: Option<String>,
    /// The check that it fails.
    pub cause: u8,
    /// SHA-256 of the raw bytes, or of the canonical content.
    pub digest: [u8; 32],
    /// Where it came from.
    pub position: u64,
    /// Its bytes.
    pub raw: Vec<u8>,
    line: u16,
}

/// The records of a block that one worker owns.
#[derive(Clone, Serialize, Deserialize)]
pub struct Batch {
    /// That worker.
    pub worker: u32,
    /// What they are about.
    topic: u8,
    /// The one tick of all its records, where ticks are coarse.
    pub coarse: Option<Tick>,
    heads: Vec<Head>,
    bytes: Vec<u8>,
    lines: Arc<Vec<u8>>,
    unsound: Vec<Unsound>,
}

impl Batch {
    /// What the records are about.
    pub fn topic(&self) -> Topic {
        Topic::ALL[usize::from(self.topic)]
    }

    /// A record's fixed part.
    #[inline]
    pub fn head(&self, at: usize) -> &Head {
        &self.heads[at]
    }

    /// A record's packed form.
    #[inline]
    pub fn packed(&self, at: usize) -> Packed<'_> {
        let head = &self.heads[at];
        Packed(&self.bytes[head.start as usize..(head.start + head.length) as usize])
    }

    /// A record's bytes as received.
    pub fn raw(&self, at: usize) -> &[u8] {
        let (start, end) = self.heads[at].raw;
        &self.lines[start as usize..end as usize]
    }

    /// How many records it holds, sound or not.
    pub fn records(&self) -> usize {
        self.heads.len() + self.unsound.len()
    }

    /// Whether it holds nothing.
    pub fn is_void(&self) -> bool {
        self.records() == 0
    }

    /// The same records, admitted at one tick: reference rows of a replay, which come before its first tick.
    pub fn at(mut self, tick: Tick) -> Self {
        self.heads.iter_mut().for_each(|head| head.admitted = tick);
        self.unsound.iter_mut().for_each(|unsound| unsound.admitted = tick);
        self
    }

    /// The same records, none admitted before `least`: lines before the first receipt of a file take the clock as it
    /// stands elsewhere.
    pub fn not_before(mut self, least: Tick) -> Self {
        self.heads.iter_mut().for_each(|head| head.admitted = head.admitted.max(least));
        self.unsound.iter_mut().for_each(|unsound| unsound.admitted = unsound.admitted.max(least));
        self
    }

    /// Takes the rejects out.
    pub fn take_unsound(&mut self) -> UnsoundBatch {
        UnsoundBatch { worker: self.worker, coarse: self.coarse, records: std::mem::take(&mut self.unsound) }
    }

    /// The same records, withdrawn.
    pub fn withdrawn(mut self, admitted: Tick) -> Self {
        for head in &mut self.heads {
            head.diff = -1;
            head.admitted = admitted;
        }
        self.unsound.clear();
        self
    }
}

impl Updates for Batch {
    fn worker(&self) -> u64 {
        self.worker.into()
    }

    fn len(&self) -> usize {
        self.heads.len()
    }

    #[inline]
    fn key(&self, at: usize) -> u128 {
        self.heads[at].key
    }

    #[inline]
    fn tick(&self, at: usize) -> Tick {
        self.coarse.unwrap_or(self.heads[at].admitted)
    }

    #[inline]
    fn admitted(&self, at: usize) -> Tick {
        self.heads[at].admitted
    }
}

/// Rejects of a block that one worker owns.
#[derive(Clone, Serialize, Deserialize)]
pub struct UnsoundBatch {
    worker: u32,
    coarse: Option<Tick>,
    /// The records.
    pub records: Vec<Unsound>,
}

impl Updates for UnsoundBatch {
    fn worker(&self) -> u64 {
        self.worker.into()
    }

    fn len(&self) -> usize {
        self.records.len()
    }

    fn key(&self, at: usize) -> u128 {
        self.records[at].key
    }

    fn tick(&self, at: usize) -> Tick {
        self.coarse.unwrap_or(self.records[at].admitted)
    }

    fn admitted(&self, at: usize) -> Tick {
        self.records[at].admitted
    }
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
        let empty = |worker| Batch {
            worker: worker as u32,
            topic: lines.topic as u8,
            coarse: None,
            heads: Vec::with_capacity(lines.spans.len() / self.workers + lines.spans.len() / 8),
            bytes: Vec::with_capacity(lines.bytes.len() / self.workers),
            lines: lines.bytes.clone(),
            unsound: Vec::new(),
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
        let mut head = self.head(record);
        let batch = &mut batches[owner(head.key, self.workers)];
        head.start = batch.bytes.len() as u32;
        pack(record, place.position, &mut batch.bytes);
        head.length = batch.bytes.len() as u32 - head.start;
        (head.raw, head.line) = (place.raw, place.line);
        batch.heads.push(head);
    }

    fn head(&self, record: &Record<'_>) -> Head {
        let origin = record.origin();
        let (tenant, provider) = (&*origin.tenant, &*origin.provider);
        let mut head = Head::blank(Kind::Wager);
        match record {
            Record::Wager(wager) => {
                head.key = self.keys.of(&[tenant, provider, &wager.wager_id]);
                head.account = self.keys.of(&[tenant, &wager.account, wager.currency.code()]);
                head.game = self.keys.of(&[tenant, provider, &wager.game]);
                (head.at_ms, head.amount) = (wager.at_ms, wager.stake);
                head.currency = Some(wager.currency);
            }
            Record::Outcome(outcome) => {
                head.key = self.keys.of(&[tenant, provider, &outcome.wager_id]);
                head.at_ms = outcome.at_ms;
                head.currency = outcome.currency;
                head.kind = match outcome.kind {
                    OutcomeKind::Settle => Kind::Settle,
                    OutcomeKind::Cancel => Kind::Cancel,
                    OutcomeKind::Unsettle => Kind::Unsettle,
                };
                if let (Some(payout), Some(currency)) = (outcome.payout, outcome.currency) {
                    head.amount = payout.minor(currency.exponent()).unwrap_or_default();
                }
            }
            Record::Payment(payment) => {
                head.key = self.keys.of(&[tenant, provider, &payment.payment_id]);
                head.account = self.keys.of(&[tenant, &payment.account, payment.currency.code()]);
                (head.at_ms, head.amount) = (payment.at_ms, payment.amount);
                (head.currency, head.kind) = (Some(payment.currency), Kind::Payment);
            }
            Record::Game(game) => {
                let from = game.effective_from_ms.to_string();
                head.key = self.keys.of(&["games", tenant, provider, &game.game, &from]);
                head.kind = Kind::Game;
            }
            Record::Account(account) => {
                let from = account.effective_from_ms.to_string();
                head.key = self.keys.of(&["accounts", tenant, &account.account, &from]);
                head.kind = Kind::Account;
            }
        }
        head
    }

    fn set_aside(&self, topic: Topic, fault: Fault, place: Place, raw: &[u8], batches: &mut [Batch]) {
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
                    refused.push((batch.refused(at, cause), ticks[line]));
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

impl Batch {
    /// The reject of a sound record that is not admitted.
    fn refused(&self, at: usize, cause: Cause) -> Unsound {
        let (head, packed) = (&self.heads[at], self.packed(at));
        let record = match head.kind {
            Kind::Wager => Record::Wager(packed.wager()),
            Kind::Settle | Kind::Cancel | Kind::Unsettle => Record::Outcome(packed.outcome()),
            Kind::Payment => Record::Payment(packed.payment()),
            Kind::Game => Record::Game(packed.game()),
            Kind::Account => Record::Account(packed.account()),
        };
        let mut content = Vec::new();
        record.canonical(&mut content);
        Unsound {
            key: 0,
            admitted: 0,
            topic: self.topic,
            tenant: record.origin().tenant.to_string(),
            provider: record.origin().provider.to_string(),
            id: Some(record.id().to_string()),
            cause: cause as u8,
            digest: digest(&content),
            position: packed.position(),
            raw: self.raw(at).to_vec(),
            line: head.line,
        }
    }
}
