//! Batches: records on their way to the workers that own them.
//!
//! A batch is one element of a message, however many records it holds: it costs one hand-over, not one for each, and
//! all text lies in one piece of memory.

use std::sync::Arc;

use gyre_domain::cause::Cause;
use gyre_domain::currency::Currency;
use gyre_domain::records::{OutcomeKind, Record, Topic, digest};
use serde::{Deserialize, Serialize};

use crate::Tick;
use crate::keys::{JobKey, owner};
use crate::ops::fold_by_key::Updates;
use crate::packed::{Packed, pack};

/// Bytes of a packed record, about.
const TEXT_BYTES: usize = 96;

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
    /// A rules row.
    Rule,
    /// A failed record enters again: `account` is its fault.
    Lap,
    /// What somebody decided.
    Command,
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
    pub(crate) start: u32,
    /// How long that is.
    pub(crate) length: u32,
    /// Its raw bytes in the block's lines.
    pub(crate) raw: (u32, u32),
    /// Which line of the block it is; of a lap its number.
    pub(crate) line: u16,
    /// What it is.
    pub kind: Kind,
    /// 1 for a record that comes, −1 for one that is withdrawn.
    pub diff: i8,
    /// It was set aside at admission.
    pub(crate) void: bool,
}

impl Head {
    /// Of a lap: its number.
    pub fn lap(&self) -> u8 {
        self.line as u8
    }

    /// The head of a record: all but where it lies.
    pub fn of(record: &Record<'_>, keys: &JobKey) -> Self {
        let origin = record.origin();
        let (tenant, provider) = (&*origin.tenant, &*origin.provider);
        let mut head = Head::blank(Kind::Wager);
        match record {
            Record::Wager(wager) => {
                head.key = keys.of(&[tenant, provider, &wager.wager_id]);
                head.account = keys.of(&[tenant, &wager.account, wager.currency.code()]);
                head.game = keys.of(&[tenant, provider, &wager.game]);
                (head.at_ms, head.amount) = (wager.at_ms, wager.stake);
                head.currency = Some(wager.currency);
            }
            Record::Outcome(outcome) => {
                head.key = keys.of(&[tenant, provider, &outcome.wager_id]);
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
                head.key = keys.of(&[tenant, provider, &payment.payment_id]);
                head.account = keys.of(&[tenant, &payment.account, payment.currency.code()]);
                (head.at_ms, head.amount) = (payment.at_ms, payment.amount);
                (head.currency, head.kind) = (Some(payment.currency), Kind::Payment);
            }
            Record::Game(game) => {
                let from = game.effective_from_ms.to_string();
                head.key = keys.of(&["games", tenant, provider, &game.game, &from]);
                head.kind = Kind::Game;
            }
            Record::Account(account) => {
                let from = account.effective_from_ms.to_string();
                head.key = keys.of(&["accounts", tenant, &account.account, &from]);
                head.kind = Kind::Account;
            }
            Record::Rule(rule) => {
                let from = rule.effective_from_ms.to_string();
                head.key = keys.of(&["rules", tenant, &rule.rule, &from]);
                head.kind = Kind::Rule;
            }
            Record::Command(command) => {
                head.key = keys.of(&[tenant, provider, &command.command_id]);
                (head.at_ms, head.kind) = (command.at_ms, Kind::Command);
            }
        }
        head
    }

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

/// A lap of a failed record, on its way to where the record is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Lap {
    /// Under which it is kept.
    pub key: u128,
    /// The fault.
    pub fault: u128,
    /// The tick at which it is judged again.
    pub due: Tick,
    /// Which of its laps this is, from 1.
    pub number: u8,
}

/// A record that fails a check on itself.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
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
    pub(crate) line: u16,
    /// Not 0 where it came before and enters again, on this lap: only key, fault and tick are said.
    pub(crate) lap: u8,
    /// Which fault it is, the same as a copy of it that fails later.
    pub(crate) fault: u128,
}

/// The records of a block that one worker owns.
#[derive(Clone, Serialize, Deserialize)]
pub struct Batch {
    /// That worker.
    pub worker: u32,
    /// What they are about.
    pub(crate) topic: u8,
    /// The one tick of all its records, where ticks are coarse.
    pub coarse: Option<Tick>,
    pub(crate) heads: Vec<Head>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) lines: Arc<Vec<u8>>,
    pub(crate) unsound: Vec<Unsound>,
}

impl Batch {
    /// A batch with room for so many records.
    pub(crate) fn empty(worker: u32, topic: Topic, lines: Arc<Vec<u8>>, records: usize) -> Self {
        Self {
            worker,
            topic: topic as u8,
            coarse: None,
            heads: Vec::with_capacity(records),
            bytes: Vec::with_capacity(records * TEXT_BYTES),
            lines,
            unsound: Vec::new(),
        }
    }

    /// A batch that one lap opens.
    pub fn of_lap(worker: u32, topic: Topic, lap: &Lap, is_unsound: bool) -> Self {
        let mut batch = Self {
            worker,
            topic: topic as u8,
            coarse: None,
            heads: Vec::new(),
            bytes: Vec::new(),
            lines: Arc::default(),
            unsound: Vec::new(),
        };
        batch.push_lap(lap, is_unsound);
        batch
    }

    /// Adds a lap to others.
    pub fn push_lap(&mut self, lap: &Lap, is_unsound: bool) {
        if is_unsound {
            let (key, fault, admitted) = (lap.key, lap.fault, lap.due);
            self.unsound.push(Unsound { key, fault, admitted, lap: lap.number, ..Unsound::default() });
        } else {
            let (key, account, admitted) = (lap.key, lap.fault, lap.due);
            let line = lap.number.into();
            self.heads.push(Head { key, account, admitted, line, ..Head::blank(Kind::Lap) });
        }
    }

    /// The laps that it holds: the tick at which each is due, the key of its record, its topic, and whether that is
    /// unsound.
    pub fn laps(&self) -> impl Iterator<Item = (Tick, u128, (u8, bool, Lap))> {
        let sound = self.heads.iter().filter(|head| head.kind == Kind::Lap).map(|head| {
            (false, Lap { key: head.key, fault: head.account, due: head.admitted, number: head.lap() })
        });
        let unsound = self.unsound.iter().filter(|unsound| unsound.lap > 0).map(|unsound| {
            let Unsound { key, fault, admitted, lap, .. } = *unsound;
            (true, Lap { key, fault, due: admitted, number: lap })
        });
        let topic = self.topic;
        sound.chain(unsound).map(move |(is_unsound, lap)| (lap.due, lap.key, (topic, is_unsound, lap)))
    }

    /// Whether a lap may join: a batch holds laps of one worker's records of one topic, in order of tick.
    pub fn takes_lap(&self, worker: u32, topic: Topic, lap: &Lap, is_unsound: bool) -> bool {
        let is_kind = |head: &Head| head.kind == Kind::Lap && !is_unsound && head.admitted <= lap.due;
        let is_again = |unsound: &Unsound| unsound.lap > 0 && is_unsound && unsound.admitted <= lap.due;
        self.worker == worker
            && self.topic() == topic
            && self.heads.last().is_none_or(is_kind)
            && self.unsound.last().is_none_or(is_again)
    }

    /// A batch of one record that comes (`diff` 1) or goes (−1) at `tick`; `raw` is how it was received.
    pub fn of_one(
        record: &Record<'_>,
        position: u64,
        raw: &[u8],
        (tick, admitted): (Tick, Tick),
        diff: i8,
        (keys, workers): (&JobKey, usize),
    ) -> Self {
        let mut head = Head::of(record, keys);
        let worker = owner(head.key, workers) as u32;
        let mut batch = Self::empty(worker, record.topic(), Arc::new(raw.to_vec()), 1);
        pack(record, position, &mut batch.bytes);
        (head.length, head.raw) = (batch.bytes.len() as u32, (0, raw.len() as u32));
        (head.admitted, head.diff, batch.coarse) = (admitted, diff, Some(tick));
        batch.heads.push(head);
        batch
    }

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

    /// The tick at which the last of its records was admitted.
    pub fn last_admitted(&self) -> Option<Tick> {
        let sound = self.heads.last().map(|head| head.admitted);
        sound.max(self.unsound.last().map(|unsound| unsound.admitted))
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

    #[inline]
    fn only_wakes(&self, at: usize) -> bool {
        self.heads[at].kind == Kind::Lap
    }

    /// What comes is filed before what goes; of one topic in the order of positions, in which a batch's records lie.
    fn rank(&self, at: usize) -> (u8, u64) {
        if self.only_wakes(at) {
            return (0, 0);
        }
        let goes = u8::from(self.heads[at].diff < 0);
        (goes << 4 | self.topic, self.packed(at).position())
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

    fn only_wakes(&self, at: usize) -> bool {
        self.records[at].lap > 0
    }
}

impl Batch {
    /// The reject of a sound record that is not admitted.
    pub(crate) fn refused(&self, at: usize, cause: Cause, keys: &JobKey) -> Unsound {
        let (head, packed) = (&self.heads[at], self.packed(at));
        let record = packed.record(self.topic());
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
            lap: 0,
            fault: packed.key(self.topic(), keys),
        }
    }
}
