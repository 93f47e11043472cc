//! Anomalies and records in quarantine, one by one as they stand, for whoever asks for them.
//!
//! ```text
//! gather ─▶ changes of a tick ─▶ Moved (what came and went) ─▶ Standing, tick by tick ─▶ a page
//! ```
//! A page is true at one tick: what came and went is taken in when every worker has closed it, all at once. Rows are
//! kept up to a bound; what stands beyond is counted, and found in the sinks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gyre_dataflows::Tick;
use gyre_domain::records::{digest, hex};

use super::board::text;
use crate::sink::live::Change;
use crate::sink::{Output, key_of};

/// Bytes of rows kept of each of the two.
const BYTES_MAX: usize = 64 << 20;
/// Rows kept of each of the two.
const ROWS_MAX: usize = 100_000;

/// What can be asked for one by one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum List {
    /// Anomalies.
    Anomalies,
    /// Records in quarantine.
    Quarantine,
}

impl List {
    /// Of the rows of an output, if it can be asked for.
    pub fn of(output: Output) -> Option<Self> {
        match output {
            Output::Anomalies => Some(Self::Anomalies),
            Output::Quarantine => Some(Self::Quarantine),
            _ => None,
        }
    }

    /// The output whose rows it shows.
    pub fn output(self) -> Output {
        match self {
            Self::Anomalies => Output::Anomalies,
            Self::Quarantine => Output::Quarantine,
        }
    }

    /// The fields by which it can be narrowed down; each begins with a plain name.
    pub fn filters(self) -> &'static [&'static str] {
        match self {
            Self::Anomalies => &["kind", "severity"],
            Self::Quarantine => &["topic", "cause"],
        }
    }
}

/// A row that stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// By what it is asked for: 16 hexadecimal digits that follow from its key, and stay when the row changes.
    pub id: Arc<str>,
    /// The row as the sinks have it.
    pub text: Arc<str>,
}

/// Some of what stands, true at a tick.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Page {
    /// That tick.
    pub tick: Tick,
    /// How many stand in all, whatever was asked.
    pub standing: u64,
    /// How many of them are kept here.
    pub kept: u64,
    /// In order of their keys.
    pub rows: Vec<Row>,
    /// The key after which the next page begins, if there is one.
    pub next: Option<Box<[u8]>>,
}

/// What is asked.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Asked {
    /// Fields that must say so: (name, value).
    pub filters: Vec<(&'static str, String)>,
    /// Rows after this key.
    pub after: Option<Box<[u8]>>,
    /// So many rows at most.
    pub limit: usize,
}

/// What came and went since it was taken in last, in order.
#[derive(Default)]
pub struct Moved {
    changes: Vec<(List, i64, Box<str>)>,
}

impl Moved {
    /// Takes a change, if it is of what can be asked for.
    pub fn take(&mut self, change: &Change<'_>) {
        let Some(list) = List::of(change.output) else { return };
        // Rows are ours: they are text.
        if let Ok(row) = std::str::from_utf8(change.row) {
            self.changes.push((list, change.diff, row.into()));
        }
    }
}

/// See the module.
#[derive(Default)]
pub struct Standing {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tick: Tick,
    lists: [Kept; 2],
}

#[derive(Default)]
struct Kept {
    rows: BTreeMap<Box<[u8]>, Row>,
    bytes: usize,
    standing: i64,
}

impl Standing {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything through a tick was told: takes in what came and went.
    pub fn take(&self, moved: &mut Moved, tick: Tick) {
        let mut state = self.lock();
        state.tick = tick;
        let mut key = Vec::new();
        for (list, diff, row) in moved.changes.drain(..) {
            // A row that has no key is none of ours; the sinks say so.
            if key_of(list.output(), row.as_bytes(), &mut key).is_ok() {
                state.lists[list as usize].change(&key, &row, diff);
            }
        }
    }

    /// A page of what stands.
    pub fn page(&self, list: List, asked: &Asked) -> Page {
        let state = self.lock();
        let kept = &state.lists[list as usize];
        let after = asked.after.as_deref();
        let is_asked = |row: &Row| {
            let says = |name: &str| text(row.text.as_bytes(), &format!("\"{name}\":\""));
            asked.filters.iter().all(|(name, value)| says(name) == Some(value))
        };
        let from = after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        let rows = kept.rows.range::<[u8], _>((from, std::ops::Bound::Unbounded));
        let mut rows = rows.filter(|(_, row)| is_asked(row)).peekable();
        let (mut page, mut last) = (Vec::new(), None);
        while page.len() < asked.limit
            && let Some((key, row)) = rows.next()
        {
            page.push(row.clone());
            last = Some(key);
        }
        Page {
            tick: state.tick,
            standing: kept.standing.max(0).unsigned_abs(),
            kept: kept.rows.len() as u64,
            next: rows.peek().and(last).cloned(),
            rows: page,
        }
    }

    /// The row of an id, and the tick at which it stands.
    pub fn find(&self, list: List, id: &str) -> (Tick, Option<Row>) {
        let state = self.lock();
        let found = state.lists[list as usize].rows.values().find(|row| &*row.id == id);
        (state.tick, found.cloned())
    }
}

impl Kept {
    fn change(&mut self, key: &[u8], row: &str, diff: i64) {
        self.standing += diff;
        let cost = |row: &Row| key.len() + row.text.len();
        if diff < 0 {
            // What took its place may have come first.
            if self.rows.get(key).is_some_and(|kept| &*kept.text == row)
                && let Some(gone) = self.rows.remove(key)
            {
                self.bytes -= cost(&gone);
            }
            return;
        }
        let row = Row { id: id_of(key), text: row.into() };
        let more = cost(&row);
        let less = self.rows.get(key).map_or(0, cost);
        let is_new = less == 0;
        if self.bytes - less + more <= BYTES_MAX && (!is_new || self.rows.len() < ROWS_MAX) {
            self.bytes = self.bytes - less + more;
            self.rows.insert(key.into(), row);
        } else if !is_new {
            self.bytes -= less;
            self.rows.remove(key);
        }
    }
}

/// What a row of this key is asked for by.
fn id_of(key: &[u8]) -> Arc<str> {
    hex(&digest(key))[..16].into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn odd(kind: &str, subject: &str, severity: &str) -> String {
        format!(
            r#"{{"kind":"{kind}","tenant":"-","subject":"{subject}","severity":"{severity}","evidence":{{}}}}"#
        )
    }

    fn take(standing: &Standing, tick: Tick, rows: &[(i64, String)]) {
        let mut moved = Moved::default();
        for (diff, row) in rows {
            moved.take(&Change { output: Output::Anomalies, diff: *diff, row: row.as_bytes() });
            moved.take(&Change { output: Output::Balances, diff: *diff, row: row.as_bytes() });
        }
        standing.take(&mut moved, tick);
    }

    fn subjects(page: &Page) -> Vec<&str> {
        page.rows.iter().map(|row| text(row.text.as_bytes(), "\"subject\":\"").unwrap()).collect()
    }

    #[test]
    fn pages_go_through_what_stands_in_order() {
        let standing = Standing::default();
        let rows: Vec<_> = ["c", "a", "e", "b", "d"].map(|name| (1, odd("velocity", name, "low"))).into();
        take(&standing, 100, &rows);
        let mut asked = Asked { limit: 2, ..Asked::default() };
        let mut seen = Vec::new();
        loop {
            let page = standing.page(List::Anomalies, &asked);
            assert_eq!((page.tick, page.standing, page.kept), (100, 5, 5));
            seen.extend(subjects(&page).into_iter().map(str::to_owned));
            asked.after = page.next;
            if asked.after.is_none() {
                break;
            }
        }
        assert_eq!(seen, ["a", "b", "c", "d", "e"]);
        assert_eq!(standing.page(List::Quarantine, &asked).standing, 0);
    }

    #[test]
    fn a_row_that_changes_keeps_its_id_and_one_that_goes_is_gone() {
        let standing = Standing::default();
        take(&standing, 100, &[(1, odd("velocity", "kim", "low"))]);
        let before = standing.page(List::Anomalies, &Asked { limit: 9, ..Asked::default() }).rows;
        // The new row may come before the old one goes.
        take(&standing, 200, &[(1, odd("velocity", "kim", "high")), (-1, odd("velocity", "kim", "low"))]);
        let (tick, after) = standing.find(List::Anomalies, &before[0].id);
        assert!(tick == 200 && after.is_some_and(|row| row.text.contains("high")));
        let high = Asked { filters: vec![("severity", "high".into())], limit: 9, ..Asked::default() };
        assert_eq!(subjects(&standing.page(List::Anomalies, &high)), ["kim"]);
        take(&standing, 300, &[(-1, odd("velocity", "kim", "high"))]);
        assert_eq!(standing.find(List::Anomalies, &before[0].id), (300, None));
        assert_eq!(standing.page(List::Anomalies, &high).standing, 0);
    }

    #[test]
    fn what_is_beyond_the_bound_is_counted() {
        let standing = Standing::default();
        let long = odd("velocity", &"x".repeat(BYTES_MAX), "low");
        take(&standing, 100, &[(1, long.clone()), (1, odd("velocity", "kim", "low"))]);
        let page = standing.page(List::Anomalies, &Asked { limit: 9, ..Asked::default() });
        assert_eq!((page.standing, page.kept, subjects(&page)), (2, 1, vec!["kim"]));
        take(&standing, 200, &[(-1, long), (-1, odd("velocity", "kim", "low"))]);
        let page = standing.page(List::Anomalies, &Asked { limit: 9, ..Asked::default() });
        assert_eq!((page.standing, page.kept), (0, 0));
    }
}
