//! What stands in the outputs right now, as sums: taken from the very changes that go to the sinks, tick by tick.
//!
//! ```text
//! gather ─▶ all changes of a tick ─▶ Tally (sums that go on) ─▶ Board (a small copy) ─▶ whoever asks
//! ```
//! It reads what is *told*, not what the ledger believes: a balance that is told wrongly is a sum that is not zero.

use std::collections::BTreeMap;

use gyre_dataflows::Tick;
use gyre_dataflows::rows::{AnomalyKind, Output};
use gyre_domain::cause::Cause;
use memchr::memmem;

use super::standing::Moved;
use crate::sink::live::TickRows;

/// How bad an anomaly is, as rows write it.
pub const SEVERITIES: [&str; 3] = ["low", "medium", "high"];

/// Money of one currency.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Money {
    /// Σ of all balances; zero, or the books are wrong.
    pub imbalance: i128,
    /// Σ of what is held.
    pub held: i128,
    /// Digits behind the point.
    pub exponent: usize,
}

/// What stands at a tick.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Board {
    /// Through which tick.
    pub tick: Tick,
    /// By currency.
    pub money: BTreeMap<String, Money>,
    /// By kind, and by [`SEVERITIES`].
    pub anomalies: [[i64; SEVERITIES.len()]; AnomalyKind::ALL.len()],
    /// By cause.
    pub rejects: [i64; Cause::ALL.len()],
    /// By cause.
    pub quarantine: [i64; Cause::ALL.len()],
    /// The tick at which the oldest record in quarantine failed first.
    pub quarantine_oldest: Option<Tick>,
}

impl Board {
    /// Anomalies of a kind that stand.
    pub fn anomalies_of(&self, kind: AnomalyKind) -> i64 {
        self.anomalies[kind as usize].iter().sum()
    }
}

/// Hears of what only ever comes.
pub trait Events {
    /// The provider was asked for a record again.
    fn asked(&mut self, cause: &str, attempt: &str);
    /// A record was set aside by what it says itself.
    fn set_aside(&mut self, topic: &str, cause: Cause);
}

/// See the module.
#[derive(Default)]
pub struct Tally {
    board: Board,
    /// When what is in quarantine failed first.
    failed_at: BTreeMap<Tick, i64>,
    /// What can be asked for one by one, since it was taken in last.
    pub(super) moved: Moved,
}

impl Tally {
    /// Takes the changes of the next tick.
    pub fn take(&mut self, rows: &TickRows, events: &mut impl Events) {
        for change in rows.changes() {
            let (row, diff) = (change.row, change.diff);
            self.moved.take(&change);
            match change.output {
                Output::Balances => self.balance(row, diff),
                Output::Anomalies => self.anomaly(row, diff),
                Output::Rejects => self.reject(row, diff, events),
                Output::Quarantine => self.quarantined(row, diff),
                Output::Recollect if diff > 0 => {
                    let attempt = number(row, "\"attempt\":").map(|number| number.to_string());
                    events.asked(text(row, "\"cause\":\"").unwrap_or("-"), attempt.as_deref().unwrap_or("-"));
                }
                _ => {}
            }
        }
    }

    /// What stands now that everything through `tick` was taken.
    pub fn board(&mut self, tick: Tick) -> Board {
        self.board.tick = tick;
        self.board.quarantine_oldest = self.failed_at.first_key_value().map(|(tick, _)| *tick);
        self.board.clone()
    }

    fn balance(&mut self, row: &[u8], diff: i64) {
        let Some(Balance { currency, is_held, minor, exponent }) = Balance::of(row) else { return };
        let money = match self.board.money.get_mut(currency) {
            Some(money) => money,
            None => self.board.money.entry(currency.to_owned()).or_default(),
        };
        let addend = minor.saturating_mul(i128::from(diff));
        money.exponent = exponent;
        money.imbalance = money.imbalance.saturating_add(addend);
        if is_held {
            money.held = money.held.saturating_add(addend);
        }
    }

    fn anomaly(&mut self, row: &[u8], diff: i64) {
        let kind = text(row, "\"kind\":\"").and_then(AnomalyKind::from_name);
        let severity = text(row, "\"severity\":\"");
        let severity = SEVERITIES.iter().position(|name| Some(*name) == severity);
        if let Some((kind, severity)) = kind.zip(severity) {
            self.board.anomalies[kind as usize][severity] += diff;
        }
    }

    fn reject(&mut self, row: &[u8], diff: i64, events: &mut impl Events) {
        let Some(cause) = text(row, "\"cause\":\"").and_then(Cause::from_name) else { return };
        self.board.rejects[cause as usize] += diff;
        if diff > 0 && cause <= Cause::PastHorizon {
            events.set_aside(text(row, "\"topic\":\"").unwrap_or("-"), cause);
        }
    }

    fn quarantined(&mut self, row: &[u8], diff: i64) {
        let Some(cause) = text(row, "\"cause\":\"").and_then(Cause::from_name) else { return };
        self.board.quarantine[cause as usize] += diff;
        // Its history begins with the verdict that it failed by first.
        if let Some(tick) = number(row, "\"tick\":") {
            let records = self.failed_at.entry(tick).or_default();
            *records += diff;
            if *records == 0 {
                self.failed_at.remove(&tick);
            }
        }
    }
}

/// What a row of `balances` says, read from its end: it is the commonest of rows that are looked at.
struct Balance<'r> {
    currency: &'r str,
    is_held: bool,
    minor: i128,
    exponent: usize,
}

impl<'r> Balance<'r> {
    fn of(row: &'r [u8]) -> Option<Self> {
        let rest = row.strip_suffix(b"\"}")?;
        let (rest, balance) = last_text(rest, b",\"balance\":\"")?;
        let (rest, wallet) = last_text(rest.strip_suffix(b"\"")?, b",\"wallet\":\"")?;
        let (_, currency) = last_text(rest.strip_suffix(b"\"")?, b",\"currency\":\"")?;
        let (minor, exponent) = minor_units(balance)?;
        Some(Self {
            currency: std::str::from_utf8(currency).ok()?,
            is_held: wallet == b"held",
            minor,
            exponent,
        })
    }
}

/// What stands before the last field, and its text: it begins as `begins` says, and the end is cut off already.
fn last_text<'r>(row: &'r [u8], begins: &[u8]) -> Option<(&'r [u8], &'r [u8])> {
    let quote = memchr::memrchr(b'"', row)?;
    let (before, text) = row.split_at(quote + 1);
    Some((before.strip_suffix(begins)?, text))
}

/// What stands behind the first field of a name. A quote within a text is written with a backslash before it, so that
/// no text can look like a field.
fn after<'r>(row: &'r [u8], field: &str) -> Option<&'r [u8]> {
    memmem::find(row, field.as_bytes()).map(|at| &row[at + field.len()..])
}

/// The text of a field whose values are plain names; `field` is spelt with its quotes and colon.
pub(super) fn text<'r>(row: &'r [u8], field: &str) -> Option<&'r str> {
    let rest = after(row, field)?;
    std::str::from_utf8(&rest[..memchr::memchr(b'"', rest)?]).ok()
}

/// The number of a field, spelt likewise.
fn number(row: &[u8], field: &str) -> Option<u64> {
    let rest = after(row, field)?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()
}

/// Money as it is written, in minor units, and how many digits stand behind its point.
fn minor_units(text: &[u8]) -> Option<(i128, usize)> {
    let (sign, digits) = text.strip_prefix(b"-").map_or((1, text), |digits| (-1, digits));
    let exponent = memchr::memchr(b'.', digits).map_or(0, |point| digits.len() - point - 1);
    let mut minor: i128 = 0;
    for digit in digits.iter().filter(|digit| **digit != b'.') {
        let digit = digit.is_ascii_digit().then(|| i128::from(digit - b'0'))?;
        minor = minor.checked_mul(10)?.checked_add(digit)?;
    }
    (!digits.is_empty()).then_some((sign * minor, exponent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::live::{Change, Digest};

    #[derive(Default)]
    struct Heard(Vec<String>);

    impl Events for Heard {
        fn asked(&mut self, cause: &str, attempt: &str) {
            self.0.push(format!("asked {cause} {attempt}"));
        }

        fn set_aside(&mut self, topic: &str, cause: Cause) {
            self.0.push(format!("aside {topic} {cause}"));
        }
    }

    fn take(tally: &mut Tally, heard: &mut Heard, rows: &[(Output, i64, &str)]) {
        let mut changes: Vec<Change<'_>> =
            rows.iter().map(|&(output, diff, row)| Change { output, diff, row: row.as_bytes() }).collect();
        tally.take(&TickRows::new(100, &mut changes, Digest::default()).unwrap(), heard);
    }

    #[test]
    fn sums_follow_what_is_told_and_taken_back() {
        let (mut tally, mut heard) = (Tally::default(), Heard::default());
        let kim = r#"{"tenant":"-","account":"k\"currency\":\"x","currency":"EUR","wallet":"held","balance":"-12.34"}"#;
        let house = r#"{"tenant":"-","account":"@house","currency":"EUR","wallet":"cash","balance":"12.34"}"#;
        let odd = r#"{"kind":"velocity","tenant":"-","subject":"k","severity":"low","evidence":{}}"#;
        let bad =
            r#"{"topic":"wagers","tenant":"-","provider":"-","id":null,"cause":"malformed","digest":"00"}"#;
        let ask = r#"{"topic":"wagers","attempt":2,"cause":"malformed","due_ms":5}"#;
        let rest =
            r#"{"topic":"wagers","cause":"malformed","attempts":3,"history":[{"tick":77,"attempt":0}]}"#;
        take(
            &mut tally,
            &mut heard,
            &[
                (Output::Balances, 1, kim),
                (Output::Balances, 1, house),
                (Output::Anomalies, 1, odd),
                (Output::Rejects, 1, bad),
                (Output::Recollect, 1, ask),
                (Output::Quarantine, 1, rest),
            ],
        );
        let board = tally.board(100);
        assert_eq!(board.money["EUR"], Money { imbalance: 0, held: -1_234, exponent: 2 });
        assert_eq!(board.anomalies_of(AnomalyKind::Velocity), 1);
        assert_eq!(board.rejects[Cause::Malformed as usize], 1);
        assert_eq!((board.quarantine[0], board.quarantine_oldest), (1, Some(77)));
        assert_eq!(heard.0, ["aside wagers malformed", "asked malformed 2"]);
        take(&mut tally, &mut heard, &[(Output::Balances, -1, kim), (Output::Quarantine, -1, rest)]);
        let board = tally.board(200);
        assert_eq!(board.money["EUR"].imbalance, 1_234, "a balance that is gone leaves the others alone");
        assert_eq!((board.quarantine[0], board.quarantine_oldest), (0, None));
    }
}
