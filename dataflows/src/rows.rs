//! Rows of the outputs, as they stand in files, on topics and in tables.
//!
//! A row is one compact JSON object; its fields stand in the order of the contract, key fields first. Rows are built
//! only where somebody reads them: the final state comes from the operators' state, never from folding changes.

use gyre_domain::currency::Currency;
use gyre_domain::money::push_decimal;
use serde::{Deserialize, Serialize};

use crate::Tick;

pub use gyre_domain::anomaly::AnomalyKind;

pub mod records;

/// The outputs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[repr(u8)]
pub enum Output {
    /// What every account holds.
    Balances,
    /// What every game paid back.
    Rtp,
    /// Where every wager stands.
    WagerStates,
    /// Records set aside.
    Rejects,
    /// Requests to fetch failed records again.
    Recollect,
    /// Failed records that time and the provider did not mend.
    Quarantine,
    /// What looks wrong.
    Anomalies,
    /// Every leg of every entry; on request.
    Postings,
    /// What commands did.
    Decisions,
}

impl Output {
    /// All outputs, in the order of the contract.
    pub const ALL: [Output; 9] = [
        Output::Balances,
        Output::Rtp,
        Output::WagerStates,
        Output::Rejects,
        Output::Recollect,
        Output::Quarantine,
        Output::Anomalies,
        Output::Postings,
        Output::Decisions,
    ];

    /// The name of file, topic and table.
    pub fn name(self) -> &'static str {
        match self {
            Output::Balances => "balances",
            Output::Rtp => "rtp",
            Output::WagerStates => "wager_states",
            Output::Rejects => "rejects",
            Output::Anomalies => "anomalies",
            Output::Recollect => "recollect",
            Output::Quarantine => "quarantine",
            Output::Postings => "postings",
            Output::Decisions => "decisions",
        }
    }
}

/// What the reader of the outputs wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Wanted {
    /// Every change of every row, at its tick.
    pub changes: bool,
    /// The output `postings`.
    pub postings: bool,
}

/// Where a row of [`Rows`] lies and what is said of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RowHead {
    /// The output it belongs to.
    pub output: Output,
    /// The tick of the change; 0 of a row at rest.
    pub tick: Tick,
    /// 1 for a row that stands from this tick on, −1 for one that stands no more.
    pub diff: i64,
    /// Where its text ends; it begins where the row before it ends.
    pub end: usize,
}

/// Rows in one piece of memory.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
pub struct Rows {
    text: Vec<u8>,
    heads: Vec<RowHead>,
}

impl Rows {
    /// Adds a row that `write` writes.
    pub fn push(&mut self, output: Output, tick: Tick, diff: i64, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.text);
        self.heads.push(RowHead { output, tick, diff, end: self.text.len() });
    }

    /// Adds rows that stand.
    pub fn extend(&mut self, rows: &[(Output, Vec<u8>)]) {
        for (output, row) in rows {
            self.push(*output, 0, 1, |text| text.extend_from_slice(row));
        }
    }

    /// The rows with their heads.
    pub fn iter(&self) -> impl Iterator<Item = (&RowHead, &[u8])> {
        let mut start = 0;
        self.heads
            .iter()
            .map(move |head| (head, &self.text[std::mem::replace(&mut start, head.end)..head.end]))
    }

    /// Bytes of text.
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }
}

/// Rows at rest: what stands at the end, or stood when its key was forgotten.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
pub struct AtRest {
    /// Rows in any order; of two with one key the later one stands.
    pub loose: Rows,
    /// Rows of one output in order of key, following those of earlier messages of this worker.
    pub sorted: Rows,
}

impl AtRest {
    /// Bytes of text.
    pub fn bytes(&self) -> usize {
        self.loose.bytes() + self.sorted.bytes()
    }
}

/// Writes one row's object.
pub struct Object<'o> {
    out: &'o mut Vec<u8>,
    first: bool,
}

impl<'o> Object<'o> {
    /// Opens an object.
    pub fn open(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, first: true }
    }

    /// Goes on with an object that has fields.
    pub fn resume(out: &'o mut Vec<u8>) -> Self {
        Self { out, first: false }
    }

    /// Closes it.
    pub fn close(self) {
        self.out.push(b'}');
    }

    fn name(&mut self, name: &str) -> &mut Vec<u8> {
        if !std::mem::replace(&mut self.first, false) {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// A field with text.
    pub fn text(mut self, name: &str, text: &str) -> Self {
        push_string(self.name(name), text);
        self
    }

    /// A field with text, or null.
    pub fn optional(mut self, name: &str, text: Option<&str>) -> Self {
        match text {
            Some(text) => push_string(self.name(name), text),
            None => self.name(name).extend_from_slice(b"null"),
        }
        self
    }

    /// A field with an integer, or null.
    pub fn integer(mut self, name: &str, number: impl Into<Option<i64>>) -> Self {
        match number.into() {
            Some(number) => self.name(name).extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
            None => self.name(name).extend_from_slice(b"null"),
        }
        self
    }

    /// A field with a time, or null.
    pub fn time(self, name: &str, ms: impl Into<Option<u64>>) -> Self {
        let ms = ms.into().and_then(|ms| i64::try_from(ms).ok());
        self.integer(name, ms)
    }

    /// A field with true, false or null.
    pub fn truth(mut self, name: &str, truth: Option<bool>) -> Self {
        let word: &[u8] = match truth {
            Some(true) => b"true",
            Some(false) => b"false",
            None => b"null",
        };
        self.name(name).extend_from_slice(word);
        self
    }

    /// A field with money: a decimal string with exactly the currency's digits, or null.
    pub fn money(mut self, name: &str, minor: impl Into<Option<i128>>, currency: Currency) -> Self {
        match minor.into() {
            Some(minor) => self.decimal(name, minor, currency.exponent()),
            None => {
                self.name(name).extend_from_slice(b"null");
                self
            }
        }
    }

    /// A field with a decimal string of `digits` digits behind the point.
    pub fn decimal(mut self, name: &str, number: i128, digits: u8) -> Self {
        let out = self.name(name);
        out.push(b'"');
        push_decimal(out, number, digits);
        out.push(b'"');
        self
    }

    /// A field with a decimal string, or null.
    pub fn optional_decimal(self, name: &str, number: Option<i128>, digits: u8) -> Self {
        match number {
            Some(number) => self.decimal(name, number, digits),
            None => self.optional(name, None),
        }
    }

    /// A field that `write` writes.
    pub fn raw(mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) -> Self {
        write(self.name(name));
        self
    }

    /// A field with an object.
    pub fn object(mut self, name: &str, fields: impl FnOnce(Object<'_>) -> Object<'_>) -> Self {
        let out = self.name(name);
        fields(Object::open(out)).close();
        self
    }
}

/// Writes a JSON string.
pub fn push_string(out: &mut Vec<u8>, text: &str) {
    push_text(out, text.as_bytes());
}

/// Writes a JSON string of text that is known to be UTF-8 as bytes.
pub fn push_text(out: &mut Vec<u8>, text: &[u8]) {
    // Without an early end, so that many bytes are looked at together.
    let special = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    if !text.iter().fold(false, |any, &byte| any | special(byte)) {
        out.push(b'"');
        out.extend_from_slice(text);
        out.push(b'"');
    } else {
        let text = String::from_utf8_lossy(text);
        serde_json::to_writer(&mut *out, &text).expect("text can be written to memory");
    }
}

/// Writes bytes as received: a JSON string where they are UTF-8, `{"base64": …}` where not.
pub fn push_raw(out: &mut Vec<u8>, raw: Option<&[u8]>) {
    match raw.map(|raw| (raw, std::str::from_utf8(raw))) {
        None => out.extend_from_slice(b"null"),
        Some((_, Ok(text))) => push_string(out, text),
        Some((raw, Err(_))) => {
            use base64::Engine;
            let text = base64::engine::general_purpose::STANDARD.encode(raw);
            Object::open(out).text("base64", &text).close();
        }
    }
}

/// Writes a row of its own.
pub fn write(row: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut text = Vec::with_capacity(256);
    row(&mut text);
    text
}

/// How bad an anomaly is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// Worth a look.
    Low,
    /// Worth a look today.
    Medium,
    /// Money or trust is at stake.
    High,
}

impl Severity {
    fn name(self) -> &'static str {
        match self {
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
        }
    }
}

/// How bad an anomaly of a kind is.
fn severity(kind: AnomalyKind) -> Severity {
    match kind {
        AnomalyKind::Conflict
        | AnomalyKind::PayoutAboveMaximum
        | AnomalyKind::BalanceMismatch
        | AnomalyKind::LateWager
        | AnomalyKind::ImprobableWins
        | AnomalyKind::Structuring
        | AnomalyKind::OppositeBetting => Severity::High,
        AnomalyKind::Overdraft
        | AnomalyKind::RtpOutOfBand
        | AnomalyKind::DepositThenWithdraw
        | AnomalyKind::SlowDrift
        | AnomalyKind::LinkedAccounts => Severity::Medium,
        AnomalyKind::Velocity | AnomalyKind::StakeSpike => Severity::Low,
    }
}

/// An anomaly, but for what explains it.
pub struct Anomaly<'a> {
    /// Of which kind.
    pub kind: AnomalyKind,
    /// Whose books.
    pub tenant: &'a str,
    /// Whose it is.
    pub subject: &'a str,
    /// When it was.
    pub at_ms: Option<u64>,
}

impl Anomaly<'_> {
    /// Writes the anomaly's row; `rule` is the version that it was judged by.
    pub fn push(&self, out: &mut Vec<u8>, rule: &str, evidence: impl FnOnce(Object<'_>) -> Object<'_>) {
        self.begin(out, evidence);
        end_anomaly(out, rule);
    }

    /// Writes all of the row but what it was judged by.
    pub fn begin(&self, out: &mut Vec<u8>, evidence: impl FnOnce(Object<'_>) -> Object<'_>) {
        let _open = Object::open(out)
            .text("kind", self.kind.name())
            .text("tenant", self.tenant)
            .text("subject", self.subject)
            .text("severity", severity(self.kind).name())
            .object("evidence", evidence)
            .time("at_ms", self.at_ms);
    }
}

/// Writes what an anomaly was judged by, the last of its row.
pub fn end_anomaly(out: &mut Vec<u8>, rule: &str) {
    Object::resume(out).text("rule", rule).close();
}
