//! Rows of matching: where wagers stand, records set aside, anomalies of single records.

use gyre_domain::cause::Cause;
use gyre_domain::currency::Currency;
use gyre_domain::lifecycle::State;
use gyre_domain::money::push_decimal;
use gyre_domain::records::{Record, Topic, Wager, digest, hex};

use super::{Anomaly, AnomalyKind, Object, push_raw, push_string, push_text};

/// The partition of records that a replay's provider sent again.
pub const RECOLLECTED: u16 = 1;
/// Set in the position of a record that a command brought.
pub const AMENDED: u64 = 1 << 63;

/// The name of the file or topic and the place in it.
pub fn push_position(out: &mut Vec<u8>, topic: Topic, position: u64, places: &Places) {
    // An amended record came with its command.
    let topic = if position & AMENDED == 0 { topic } else { Topic::Commands };
    let (partition, at) = ((position & !AMENDED) >> 48, position & ((1 << 48) - 1));
    out.push(b'"');
    match places {
        Places::Files => {
            if partition == u64::from(RECOLLECTED) {
                out.extend_from_slice(b"recollected/");
            }
            out.extend_from_slice(topic.name().as_bytes());
            out.extend_from_slice(b".jsonl:");
        }
        Places::Topics => {
            out.extend_from_slice(topic.name().as_bytes());
            out.push(b'/');
            out.extend_from_slice(itoa::Buffer::new().format(partition).as_bytes());
            out.push(b'/');
        }
    }
    out.extend_from_slice(itoa::Buffer::new().format(at).as_bytes());
    out.push(b'"');
}

/// How positions are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Places {
    /// `file:line`.
    Files,
    /// `topic/partition/offset`.
    Topics,
}

/// Where a wager stands.
pub struct Standing {
    /// Open, settled or cancelled.
    pub state: State,
    /// Sum of the standing settles, where settled.
    pub payout: Option<i128>,
    /// The largest time of the standing settles.
    pub settled_at_ms: Option<u64>,
    /// The highest revision of the standing outcomes.
    pub outcome_revision: Option<i64>,
}

/// What a row of `wager_states` takes from its wager record.
pub struct Staked<'a> {
    /// Tenant, provider, wager, account, game, round (empty where there is none).
    pub texts: [&'a [u8]; 6],
    /// Of stake and payout.
    pub currency: Currency,
    /// Minor units.
    pub stake: i64,
    /// When it was placed.
    pub at_ms: u64,
    /// The record's revision.
    pub revision: i64,
}

impl<'a> Staked<'a> {
    /// Of a wager record.
    pub fn of(wager: &'a Wager<'_>) -> Self {
        let origin = &wager.origin;
        let round = wager.round.as_deref().unwrap_or("");
        let texts = [&origin.tenant, &origin.provider, &wager.wager_id, &wager.account, &wager.game, round];
        Self {
            texts: texts.map(str::as_bytes),
            currency: wager.currency,
            stake: wager.stake,
            at_ms: wager.at_ms,
            revision: origin.revision,
        }
    }
}

/// Writes a row of `wager_states`: the commonest of rows by far, so its fields are written out.
pub fn push_wager_state(out: &mut Vec<u8>, wager: &Staked<'_>, standing: &Standing) {
    let state: &[u8] = match standing.state {
        State::Settled => b"settled",
        State::Cancelled => b"cancelled",
        State::Open | State::Absent => b"open",
    };
    let [tenant, provider, wager_id, account, game, round] = wager.texts;
    let exponent = wager.currency.exponent();
    let literal = |out: &mut Vec<u8>, text: &[u8]| out.extend_from_slice(text);
    let money = |out: &mut Vec<u8>, minor: i128| {
        out.push(b'"');
        push_decimal(out, minor, exponent);
        out.push(b'"');
    };
    let number =
        |out: &mut Vec<u8>, number: i64| out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    literal(out, b"{\"tenant\":");
    push_text(out, tenant);
    literal(out, b",\"provider\":");
    push_text(out, provider);
    literal(out, b",\"wager_id\":");
    push_text(out, wager_id);
    literal(out, b",\"account\":");
    push_text(out, account);
    literal(out, b",\"game\":");
    push_text(out, game);
    literal(out, b",\"round\":");
    if round.is_empty() {
        literal(out, b"null")
    } else {
        push_text(out, round)
    }
    literal(out, b",\"currency\":");
    push_text(out, wager.currency.code().as_bytes());
    literal(out, b",\"stake\":");
    money(out, wager.stake.into());
    literal(out, b",\"at_ms\":");
    number(out, wager.at_ms as i64);
    literal(out, b",\"state\":\"");
    literal(out, state);
    literal(out, b"\",\"payout\":");
    or_null(out, standing.payout, money);
    literal(out, b",\"settled_at_ms\":");
    or_null(out, standing.settled_at_ms, |out, at_ms| number(out, at_ms as i64));
    literal(out, b",\"wager_revision\":");
    number(out, wager.revision);
    literal(out, b",\"outcome_revision\":");
    or_null(out, standing.outcome_revision, number);
    literal(out, b"}");
}

fn or_null<T>(out: &mut Vec<u8>, value: Option<T>, write: impl FnOnce(&mut Vec<u8>, T)) {
    match value {
        Some(value) => write(out, value),
        None => out.extend_from_slice(b"null"),
    }
}

/// What a reject says beside its record.
pub struct Aside<'a> {
    /// What it is about.
    pub topic: Topic,
    /// The tenant.
    pub tenant: &'a str,
    /// The provider.
    pub provider: &'a str,
    /// The record's id, as far as readable.
    pub id: Option<&'a str>,
    /// Why.
    pub cause: Cause,
    /// Of the canonical content, or of the raw bytes.
    pub digest: &'a [u8; 32],
    /// Where the record came from.
    pub position: u64,
    /// Its bytes, where it never stood.
    pub raw: Option<&'a [u8]>,
}

/// Writes a row of `rejects`.
pub fn push_reject(out: &mut Vec<u8>, aside: &Aside<'_>, places: &Places) {
    Object::open(out)
        .text("topic", aside.topic.name())
        .text("tenant", aside.tenant)
        .text("provider", aside.provider)
        .optional("id", aside.id)
        .text("cause", aside.cause.name())
        .text("digest", &hex(aside.digest))
        .raw("position", |out| push_position(out, aside.topic, aside.position, places))
        .raw("raw", |out| push_raw(out, aside.raw))
        .close();
}

/// Writes a row of `rejects` for a sound record.
pub fn push_record_reject(
    out: &mut Vec<u8>,
    record: &Record<'_>,
    cause: Cause,
    position: u64,
    raw: Option<&[u8]>,
    places: &Places,
) {
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
        position,
        raw,
    };
    push_reject(out, &aside, places);
}

/// Writes the anomaly that different contents stand under one identity and revision, but for its rule; the first one
/// stands.
pub fn push_conflict(out: &mut Vec<u8>, rivals: &[Record<'_>]) {
    let Some(standing) = rivals.first() else { return };
    let origin = standing.origin();
    let from_ms = match standing {
        Record::Game(game) => game.effective_from_ms,
        Record::Account(account) => account.effective_from_ms,
        Record::Rule(rule) => rule.effective_from_ms,
        _ => 0,
    };
    let mut subject = format!("{}/{}/{}", standing.topic().name(), origin.provider, standing.id());
    if from_ms != 0 {
        subject.push_str(&format!("@{from_ms}"));
    }
    let at_ms = standing.at_ms().unwrap_or(from_ms);
    let (kind, tenant) = (AnomalyKind::Conflict, &*origin.tenant);
    Anomaly { kind, tenant, subject: &subject, at_ms: Some(at_ms) }.begin(out, |evidence| {
        evidence.raw("contents", |out| {
            out.push(b'[');
            for (number, rival) in rivals.iter().enumerate() {
                if number > 0 {
                    out.push(b',');
                }
                let mut content = Vec::new();
                rival.canonical(&mut content);
                push_string(out, &String::from_utf8_lossy(&content));
            }
            out.push(b']');
        })
    });
}

/// `provider/wager_id`: what anomalies of a wager speak of.
fn wager_subject(wager: &Wager<'_>) -> String {
    format!("{}/{}", wager.origin.provider, wager.wager_id)
}

/// Writes the anomaly that a wager was placed after its result was known, but for its rule.
pub fn push_late_wager(out: &mut Vec<u8>, wager: &Wager<'_>, known_ms: u64) {
    let (tenant, subject) = (&*wager.origin.tenant, &*wager_subject(wager));
    let anomaly = Anomaly { kind: AnomalyKind::LateWager, tenant, subject, at_ms: Some(wager.at_ms) };
    anomaly.begin(out, |evidence| {
        evidence.time("known_ms", known_ms).time("late_by_ms", wager.at_ms - known_ms).money(
            "stake",
            i128::from(wager.stake),
            wager.currency,
        )
    });
}

/// What a games row lets a wager pay at most.
pub struct Maximum<'a> {
    /// As a multiple of the stake, as spelt.
    pub spelt: &'a str,
    /// Times 10⁹.
    pub multiple_e9: u64,
}

impl Maximum<'_> {
    /// The most that `stake` may pay, in minor units · 10⁹.
    fn bound_e9(&self, stake: i64) -> i128 {
        i128::from(stake) * i128::from(self.multiple_e9)
    }

    /// Whether a payout is above it.
    pub fn is_exceeded(&self, stake: i64, payout: i128) -> bool {
        stake > 0 && payout.saturating_mul(1_000_000_000) > self.bound_e9(stake)
    }
}

/// Writes the anomaly that a wager paid more than its game can, but for its rule.
pub fn push_above_maximum(
    out: &mut Vec<u8>,
    wager: &Wager<'_>,
    payout: i128,
    settled_at_ms: Option<u64>,
    maximum: &Maximum<'_>,
) {
    let subject = wager_subject(wager);
    let allowed = maximum.bound_e9(wager.stake) / 1_000_000_000;
    let currency: Currency = wager.currency;
    let (kind, tenant) = (AnomalyKind::PayoutAboveMaximum, &*wager.origin.tenant);
    Anomaly { kind, tenant, subject: &subject, at_ms: settled_at_ms }.begin(out, |evidence| {
        evidence
            .money("stake", i128::from(wager.stake), currency)
            .money("payout", payout, currency)
            .text("payout_max", maximum.spelt)
            .money("allowed", allowed, currency)
    });
}
