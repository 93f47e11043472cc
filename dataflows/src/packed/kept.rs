//! What is kept of a record whose figures and names stand elsewhere: a wager's in its slot and in the directory.
//!
//! ```text
//! flags u16 │ position, 7 bits a byte │ revision │ id │ tail │ claim      each where the flags say so
//! ```
//! The id is the wager's, or the outcome's own. The tail is packed as in the record: of a wager its optional texts, of
//! an outcome its echoes and when its result was known; it is left out where nothing is in it.

use gyre_domain::currency::Currency;
use gyre_domain::money::Quantity;
use gyre_domain::records::{Origin, Outcome, OutcomeKind, Wager};

use super::{
    CLAIM, CLAIM_BYTES, CURRENCY, ECHO, FREE, KIND_SHIFT, KNOWN, PAYOUT, Packed, REVISION, Reader, STAKE,
    Writer,
};

/// Bytes of stake, currency and time, between a wager's game and its optional texts.
const FIGURES: usize = 24;

/// See the module.
#[derive(Clone, Copy)]
pub struct Kept<'a> {
    flags: u16,
    /// Where the record came from.
    pub position: u64,
    /// The record's revision.
    pub revision: i64,
    /// A wager's id; an outcome's own, empty where it is the default.
    pub id: &'a [u8],
    tail: &'a [u8],
    /// The player's balance after the record, as the provider saw it.
    pub claim: Option<Quantity>,
}

/// What stands elsewhere.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// Tenant, provider, account and game of the wager.
    pub names: [&'a str; 4],
    /// Stake or payout, minor units.
    pub amount: i64,
    /// Of stake and payout.
    pub currency: Currency,
    /// The record's own time.
    pub at_ms: u64,
}

impl<'a> Packed<'a> {
    /// What is to be kept of a wager.
    pub fn kept_wager(self) -> Kept<'a> {
        let (mut reader, mut kept) = self.begin_kept();
        kept.id = reader.bytes();
        reader.skip_texts(2);
        let tail = &reader.0[FIGURES..];
        kept.tail = if tail.iter().all(|&byte| byte == 0) { &[] } else { tail };
        kept
    }

    /// What is to be kept of a settle.
    pub fn kept_settle(self) -> Kept<'a> {
        let (mut reader, mut kept) = self.begin_kept();
        reader.skip_texts(1);
        kept.id = reader.bytes();
        let payout = if kept.flags & PAYOUT == 0 { 0 } else { 9 };
        let currency = if kept.flags & CURRENCY == 0 { 0 } else { 8 };
        let tail = &reader.0[8 + payout + currency..];
        kept.tail = if kept.flags & (ECHO | KNOWN) == 0 { &[] } else { tail };
        kept
    }

    fn begin_kept(self) -> (Reader<'a>, Kept<'a>) {
        let mut reader = Reader(self.content());
        let flags = self.flags();
        let revision = if flags & REVISION == 0 { 0 } else { reader.number() as i64 };
        reader.skip_texts(2);
        let (position, claim) = (self.position(), self.claim());
        (reader, Kept { flags, position, revision, id: &[], tail: &[], claim })
    }
}

impl<'a> Kept<'a> {
    /// A settle of which nothing is to be kept but its position.
    pub fn plain_settle(position: u64) -> Self {
        Self { flags: PAYOUT | CURRENCY, position, revision: 0, id: &[], tail: &[], claim: None }
    }

    /// Whether the position is all that is to be kept of a settle.
    pub fn is_plain_settle(&self) -> bool {
        self.flags == PAYOUT | CURRENCY && self.id.is_empty()
    }

    /// Writes it behind `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.flags.to_le_bytes());
        let mut position = self.position;
        while position >= 128 {
            out.push(position as u8 | 128);
            position >>= 7;
        }
        out.push(position as u8);
        let mut writer = Writer { out, flags: 0 };
        if self.flags & REVISION != 0 {
            writer.number(self.revision as u64);
        }
        writer.out.push(self.id.len() as u8);
        writer.out.extend_from_slice(self.id);
        writer.out.extend_from_slice(self.tail);
        self.claim.into_iter().for_each(|claim| writer.quantity(claim));
    }

    /// Reads what was written.
    pub fn read(bytes: &'a [u8]) -> Self {
        let flags = u16::from_le_bytes([bytes[0], bytes[1]]);
        let (mut position, mut shift, mut at) = (0, 0, 2);
        loop {
            position |= u64::from(bytes[at] & 127) << shift;
            at += 1;
            shift += 7;
            if bytes[at - 1] < 128 {
                break;
            }
        }
        let claim_bytes = if flags & CLAIM == 0 { 0 } else { CLAIM_BYTES };
        let (rest, claim) = bytes.split_at(bytes.len() - claim_bytes);
        let claim = (!claim.is_empty()).then(|| Reader(claim).quantity());
        let mut reader = Reader(&rest[at..]);
        let revision = if flags & REVISION == 0 { 0 } else { reader.number() as i64 };
        let id = reader.bytes();
        Self { flags, position, revision, id, tail: reader.0, claim }
    }

    /// The round of a wager; empty where it has none.
    pub fn round(&self) -> &'a [u8] {
        if self.tail.is_empty() { &[] } else { Reader(self.tail).bytes() }
    }

    /// The wager.
    pub fn wager<'b>(&self, known: &Known<'b>) -> Wager<'b>
    where
        'a: 'b,
    {
        let [tenant, provider, account, game] = known.names;
        let mut tail = Reader(if self.tail.is_empty() { &[0; 7] } else { self.tail });
        Wager {
            origin: self.origin(tenant, provider),
            wager_id: Reader::shown(self.id),
            account: account.into(),
            game: game.into(),
            stake: known.amount,
            currency: known.currency,
            at_ms: known.at_ms,
            free_round: self.flags & FREE != 0,
            round: tail.optional(),
            channel: tail.optional(),
            game_version: tail.optional(),
            device: tail.optional(),
            ip: tail.optional(),
            payment_instrument: tail.optional(),
            campaign: tail.optional(),
            balance_after: self.claim.map(|claim| claim.digits),
        }
    }

    /// The settle of the wager `wager_id`.
    pub fn settle<'b>(&self, wager_id: &'b [u8], known: &Known<'b>) -> Outcome<'b>
    where
        'a: 'b,
    {
        debug_assert_eq!(self.flags >> KIND_SHIFT, 0, "only settles are kept this way");
        let [tenant, provider, ..] = known.names;
        let mut tail = Reader(if self.tail.is_empty() { &[0; 2] } else { self.tail });
        Outcome {
            origin: self.origin(tenant, provider),
            wager_id: Reader::shown(wager_id),
            outcome_id: if self.id.is_empty() { "-".into() } else { Reader::shown(self.id) },
            kind: OutcomeKind::Settle,
            at_ms: known.at_ms,
            payout: Some(Quantity::of_minor(known.amount, known.currency.exponent())),
            currency: Some(known.currency),
            account: tail.optional(),
            game: tail.optional(),
            stake: (self.flags & STAKE != 0).then(|| tail.quantity()),
            known_ms: (self.flags & KNOWN != 0).then(|| tail.number()),
            balance_after: self.claim,
        }
    }

    fn origin<'b>(&self, tenant: &'b str, provider: &'b str) -> Origin<'b> {
        Origin {
            tenant: tenant.into(),
            provider: provider.into(),
            revision: self.revision,
            received_ms: None,
        }
    }
}
