//! Admission: each line gets its tick, and what may not come in is set aside.
//!
//! In a replay a function of a file's lines alone, block by block: ticks are there before any worker sees a record. In a
//! run a function of a line and of the tick at which it was received.

use gyre_domain::cause::Cause;
use gyre_domain::rules::Rules;

use super::{Decoded, Decoder};
use crate::Tick;

/// Gives every line of a block (in parts where its lines are very long) its tick, by the file's `clock` so far, and
/// sets aside what may not come in. Gives the first line's tick.
///
/// The clock is the running maximum of receipts. A line that lies more than `gap_ms_max` beyond the lower median
/// receipt of its block is `clock_skew` and moves nothing: one bad line must not fire every timer.
pub fn admit(parts: &mut [Decoded], clock: &mut Option<u64>, decoder: &Decoder, rules: &Rules) -> Tick {
    let latest = latest_receipt(parts, rules);
    let mut first = None;
    let mut receipts = parts.iter().flat_map(|part| &part.receipts).flatten().copied();
    *clock = clock.or_else(|| receipts.find(|&receipt| receipt <= latest));
    for part in parts {
        let mut now = clock.unwrap_or(0);
        let ticks: Vec<Tick> = part
            .receipts
            .iter()
            .map(|receipt| {
                now = receipt.filter(|&receipt| receipt <= latest).map_or(now, |receipt| now.max(receipt));
                now.next_multiple_of(rules.tick_ms)
            })
            .collect();
        if now > 0 {
            *clock = Some(now);
        }
        first = first.or(ticks.first().copied());
        let receipts = std::mem::take(&mut part.receipts);
        decoder.admit(part, &ticks, |line, at_ms| {
            let receipt = receipts[line].unwrap_or(at_ms);
            if receipt > latest {
                return Some(Cause::ClockSkew);
            }
            judge(receipt, ticks[line], at_ms, rules)
        });
    }
    first.unwrap_or(0)
}

/// Gives every line of a block the tick at which it was received, and sets aside what may not come in.
pub fn admit_at(part: &mut Decoded, ticks: &[Tick], decoder: &Decoder, rules: &Rules) {
    decoder.admit(part, ticks, |line, at_ms| judge(ticks[line], ticks[line], at_ms, rules));
}

/// Whether a record of a time may come in that was received at `receipt` and has a tick.
fn judge(receipt: u64, tick: Tick, at_ms: u64, rules: &Rules) -> Option<Cause> {
    if at_ms > receipt.saturating_add(rules.skew_ms_max) {
        return Some(Cause::ClockSkew);
    }
    (tick > at_ms.saturating_add(rules.horizon_ms)).then_some(Cause::PastHorizon)
}

/// The latest receipt that moves the clock.
fn latest_receipt(parts: &[Decoded], rules: &Rules) -> u64 {
    let mut receipts: Vec<u64> = parts.iter().flat_map(|part| &part.receipts).flatten().copied().collect();
    let middle = receipts.len().saturating_sub(1) / 2;
    if receipts.is_empty() {
        return u64::MAX;
    }
    let (_, median, _) = receipts.select_nth_unstable(middle);
    median.saturating_add(rules.gap_ms_max)
}
