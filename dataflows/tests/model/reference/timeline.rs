//! What stands at every tick at which anything may change.

use std::collections::{BTreeMap, BTreeSet};

use super::rules::Held;
use super::{Books, Intake, REFERENCE_TICK, Settings, Streams, standing};

/// A tick, and what stands from then on.
pub struct Moment {
    pub tick: i64,
    pub books: Books,
}

/// Goes through a history, and on until the last outcome has fallen due: at each tick everything that came by then is
/// judged afresh. Who is held at a tick is who there was a ground for one tick before.
pub fn timeline(streams: &Streams, settings: &Settings) -> Vec<Moment> {
    let intake = Intake::new(streams, settings);
    let mut ticks: BTreeSet<i64> = intake.lines.iter().map(|(tick, ..)| *tick).collect();
    ticks.insert(REFERENCE_TICK);
    let mut grounds: BTreeMap<i64, Vec<Held>> = BTreeMap::new();
    let mut moments = Vec::new();
    while let Some(tick) = ticks.pop_first() {
        let before = grounds.range(..=tick - settings.tick_ms).next_back();
        let held = before.map_or(Vec::new(), |(_, held)| held.clone());
        let now = standing(&intake, settings, tick, Some(&held));
        let last = grounds.last_key_value().map_or(&[][..], |(_, last)| last);
        if last != now.grounds {
            ticks.insert(tick + settings.tick_ms);
        }
        let due = now.due.iter().map(|due_ms| up(*due_ms, settings.tick_ms));
        ticks.extend(due.filter(|due| *due > tick));
        grounds.insert(tick, now.grounds);
        moments.push(Moment { tick, books: now.books });
    }
    moments
}

/// The first tick that is not before a time.
pub fn up(ms: i64, tick_ms: i64) -> i64 {
    ms.saturating_add(tick_ms - 1) / tick_ms * tick_ms
}
