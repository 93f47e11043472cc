//! Clocks of files, and what they refuse.

use super::Settings;
use super::rows::Cause;
use super::wire::{Line, Topic};

/// How many physical lines share one median.
pub const BLOCK_LINES: usize = 1_000;

/// What admission says of one line.
#[derive(Clone, Copy, Debug)]
pub struct Verdict {
    /// The line's own cause, or that of admission.
    pub cause: Option<Cause>,
    /// 0 for reference rows.
    pub tick: i64,
}

/// Judges the lines of one file in their order.
pub fn judge(topic: Topic, lines: &[Line], settings: &Settings) -> Vec<Verdict> {
    if !Topic::OF_EVENTS.contains(&topic) {
        return lines.iter().map(|line| Verdict { cause: line.cause, tick: 0 }).collect();
    }
    let blocks = lines.last().map_or(0, block) + 1;
    let mut medians: Vec<Option<i64>> = vec![None; blocks];
    for of_block in lines.chunk_by(|one, next| block(one) == block(next)) {
        medians[block(&of_block[0])] = median_ms(of_block);
    }
    let is_beyond_gap = |line: &Line| match (line.receipt_ms(), medians[block(line)]) {
        (Some(receipt_ms), Some(median_ms)) => receipt_ms > median_ms + settings.gap_ms_max,
        _ => false,
    };
    let mut clock_ms = 0;
    let mut verdicts = Vec::new();
    for line in lines {
        let beyond_gap = is_beyond_gap(line);
        if clock_ms == 0 {
            // The clock starts at the first receipt of its block, for the lines before that too.
            let mut of_block =
                lines.iter().filter(|other| block(other) == block(line) && !is_beyond_gap(other));
            clock_ms = of_block.find_map(Line::receipt_ms).unwrap_or(0);
        }
        if let (Some(receipt_ms), false) = (line.receipt_ms(), beyond_gap) {
            clock_ms = receipt_ms.max(clock_ms);
        }
        let tick = (clock_ms + settings.tick_ms - 1) / settings.tick_ms * settings.tick_ms;
        let cause = match (line.cause, line.at_ms, line.receipt_ms()) {
            (None, Some(_), _) if beyond_gap => Some("clock_skew"),
            (None, Some(at_ms), Some(receipt_ms)) if at_ms > receipt_ms + settings.skew_ms_max => {
                Some("clock_skew")
            }
            (None, Some(at_ms), _) if tick > at_ms + settings.horizon_ms => Some("past_horizon"),
            (own, ..) => own,
        };
        verdicts.push(Verdict { cause, tick });
    }
    verdicts
}

fn block(line: &Line) -> usize {
    (line.number - 1) / BLOCK_LINES
}

/// The lower median receipt of a block; none if none of its lines decodes.
fn median_ms(of_block: &[Line]) -> Option<i64> {
    let mut receipts: Vec<i64> = of_block.iter().filter_map(Line::receipt_ms).collect();
    receipts.sort_unstable();
    receipts.get(receipts.len().checked_sub(1)? / 2).copied()
}
