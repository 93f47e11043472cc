//! What changes come to: for each key the row that stands at last, or that none does.
//!
//! ```text
//! tick 1: −a +b   tick 2: −b +c   ─▶  key: c stands
//! tick 1: −a +b   tick 2: −b      ─▶  key: nothing stands
//! ```
//! For stores that keep rows by key: what came and went in between is nobody's business there.

use super::Output;
use super::order::{key_fields, replaces};
use crate::error::{Error, Result};

/// One change of a row, at its tick.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RowChange<'a> {
    /// The output it belongs to.
    pub output: Output,
    /// When.
    pub tick: u64,
    /// Whether the row comes; else it goes.
    pub comes: bool,
    /// The row, one compact JSON object.
    pub row: &'a [u8],
}

/// What is to be done about a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NetChange<'a> {
    /// The output it belongs to.
    pub output: Output,
    /// The row's beginning with all its key fields, without a closing brace.
    pub key: &'a [u8],
    /// The row that stands from now on; without it, none does.
    pub row: Option<&'a [u8]>,
}

impl NetChange<'_> {
    /// The key fields as a JSON object.
    pub fn push_key(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.key);
        out.push(b'}');
    }
}

/// The net changes, sorted by output and key.
///
/// # Errors
/// A row that does not begin with the key fields of its output is a bug: rows are ours.
pub fn net_changes<'a>(changes: impl IntoIterator<Item = RowChange<'a>>) -> Result<Vec<NetChange<'a>>> {
    let keyed = changes.into_iter().map(|change| Ok((key_of_row(change.output, change.row)?, change)));
    let mut keyed = keyed.collect::<Result<Vec<(&[u8], RowChange<'_>)>>>()?;
    // Within a tick what goes is before what comes.
    keyed.sort_by_key(|(key, change)| (change.output, *key, change.tick, change.comes));
    let same_key = |left: &(&[u8], RowChange<'_>), right: &(&[u8], RowChange<'_>)| {
        (left.1.output, left.0) == (right.1.output, right.0)
    };
    Ok(keyed.chunk_by(same_key).map(net_change).collect())
}

/// What the changes of one key come to.
fn net_change<'a>(changes: &[(&'a [u8], RowChange<'a>)]) -> NetChange<'a> {
    let (key, last) = changes[changes.len() - 1];
    let at_last = changes.iter().rev().take_while(|(_, change)| change.tick == last.tick && change.comes);
    let row = at_last
        .map(|(_, change)| change.row)
        .reduce(|standing, row| if replaces(last.output, standing, row) { row } else { standing });
    NetChange { output: last.output, key, row }
}

/// The beginning of a row that holds its key fields.
fn key_of_row(output: Output, row: &[u8]) -> Result<&[u8]> {
    let mut end = 0;
    for (index, name) in key_fields(output).iter().enumerate() {
        let opening = if index == 0 { b'{' } else { b',' };
        end = field_end(row, end, opening, name).ok_or_else(|| {
            let start = String::from_utf8_lossy(&row[..row.len().min(200)]).into_owned();
            Error::bug(format!("a row of {} does not begin with its key: {start}", output.name()))
        })?;
    }
    Ok(&row[..end])
}

/// Where the field `name`, which must begin at `start` behind an `opening` byte, ends.
fn field_end(row: &[u8], start: usize, opening: u8, name: &str) -> Option<usize> {
    let rest = row.get(start..)?.strip_prefix(&[opening])?.strip_prefix(b"\"")?;
    let value = rest.strip_prefix(name.as_bytes())?.strip_prefix(b"\":")?;
    let length = match value.strip_prefix(b"\"") {
        Some(text) => text_length(text)? + 1,
        None => value.iter().position(|byte| matches!(byte, b',' | b'}'))?,
    };
    Some(row.len() - value.len() + length)
}

/// The length of a JSON text, from behind its opening quote to behind its closing one.
fn text_length(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'"', b'\\', &text[at..])?;
        if text[at] == b'"' {
            return Some(at + 1);
        }
        // What follows a backslash is no quote that closes.
        at += 2;
        if at > text.len() {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn balance(account: &str, balance: &str) -> String {
        format!(
            r#"{{"tenant":"-","account":{account},"currency":"EUR","wallet":"cash","balance":"{balance}"}}"#
        )
    }

    fn change(tick: u64, comes: bool, row: &str) -> RowChange<'_> {
        RowChange { output: Output::Balances, tick, comes, row: row.as_bytes() }
    }

    #[test]
    fn the_last_tick_of_a_key_decides() {
        let [a, b, c, other] = ["1", "2", "3", "9"].map(|sum| balance(r#""ann""#, sum));
        let (gone, ben) = (balance(r#""eve""#, "5"), balance(r#""ben""#, "7"));
        let changes = [
            change(2, true, &c),
            change(2, false, &b),
            change(1, true, &b),
            change(1, false, &a),
            change(3, true, &gone),
            change(4, false, &gone),
            change(1, true, &ben),
        ];
        let got = net_changes(changes).unwrap();
        let want: Vec<Option<&[u8]>> = vec![Some(c.as_bytes()), Some(ben.as_bytes()), None];
        assert_eq!(got.iter().map(|change| change.row).collect::<Vec<_>>(), want);
        let mut key = Vec::new();
        got[0].push_key(&mut key);
        assert_eq!(key, br#"{"tenant":"-","account":"ann","currency":"EUR","wallet":"cash"}"#);
        let alone = net_changes([change(5, false, &other)]).unwrap();
        assert_eq!(alone[0].row, None);
    }

    #[test]
    fn keys_are_found_behind_escapes_numbers_and_null() {
        let row = balance(r#""a\"b\\""#, "1");
        let got = net_changes([change(1, true, &row)]).unwrap();
        assert_eq!(got[0].key, br#"{"tenant":"-","account":"a\"b\\","currency":"EUR","wallet":"cash""#);
        let row = br#"{"topic":"wagers","tenant":"-","provider":"-","id":null,"digest":"d","attempt":2,"cause":"c"}"#;
        let change = RowChange { output: Output::Recollect, tick: 1, comes: true, row };
        let mut key = Vec::new();
        net_changes([change]).unwrap()[0].push_key(&mut key);
        let want = br#"{"topic":"wagers","tenant":"-","provider":"-","id":null,"digest":"d","attempt":2}"#;
        assert_eq!(key, want);
        for row in ["", "{", "[1]", r#"{"tenant":"-","account":"a\"#, r#"{"account":"a","tenant":"-"}"#] {
            assert!(
                net_changes([super::RowChange { row: row.as_bytes(), ..change_of_balances() }]).is_err(),
                "{row}"
            );
        }
    }

    fn change_of_balances() -> RowChange<'static> {
        RowChange { output: Output::Balances, tick: 1, comes: true, row: b"" }
    }

    #[test]
    fn of_equal_rejects_the_smallest_position_stays() {
        let row = |position: u64| {
            format!(
                r#"{{"topic":"wagers","tenant":"-","provider":"-","id":"w","cause":"c","digest":"d","position":"wagers/0/{position}"}}"#
            )
        };
        let rows = [row(20), row(3), row(100)];
        let change = |row| RowChange { output: Output::Rejects, tick: 1, comes: true, row };
        let got = net_changes(rows.iter().map(|row| change(row.as_bytes()))).unwrap();
        assert_eq!(got.len(), 1);
        assert_eq!(got[0].row, Some(rows[1].as_bytes()));
    }
}
