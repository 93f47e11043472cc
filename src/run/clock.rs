//! The clock that ticks go by: the wall's, watched by one that never jumps.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use gyre_dataflows::Tick;

use crate::error::{Domain, Error, Result};
use crate::texts::{Key, Phrase};

/// How far the wall's clock may get away from the other between two looks.
const JUMP_MS_MAX: u64 = 60_000;

/// See the module.
pub struct Clock {
    tick_ms: u64,
    /// When it was looked at last.
    looked: (u64, Instant),
}

impl Clock {
    /// A clock of ticks that are multiples of `tick_ms`.
    ///
    /// # Errors
    /// As [`Clock::next`].
    pub fn new(tick_ms: u64) -> Result<Self> {
        Ok(Self { tick_ms: tick_ms.max(1), looked: (wall_ms()?, Instant::now()) })
    }

    /// The tick that closes now: the first multiple of `tick_ms` that is not before the wall's clock, so that no record
    /// of the tick was read after it; but always later than the tick `before`, whatever the wall's clock says.
    ///
    /// # Errors
    /// Exit 3 where the wall's clock jumped.
    pub fn next(&mut self, before: Tick) -> Result<Tick> {
        let (wall, now) = (wall_ms()?, Instant::now());
        let passed_ms = (now - self.looked.1).as_millis() as u64;
        if has_jumped(self.looked.0, wall, passed_ms) {
            let by = i128::from(wall) - i128::from(self.looked.0) - i128::from(passed_ms);
            let what = Phrase::new(Key::ClockJumped).with("seconds", by / 1_000);
            return Err(Error::unreachable(Domain::Input, what).help(Key::ClockJumpedHelp));
        }
        self.looked = (wall, now);
        Ok(tick_at(wall, before, self.tick_ms))
    }

    /// How long until the next tick should close.
    pub fn until_next(&self) -> Duration {
        let wall_ms = wall_ms().unwrap_or_default();
        Duration::from_millis(self.tick_ms - wall_ms % self.tick_ms)
    }
}

fn tick_at(wall_ms: u64, before: Tick, tick_ms: u64) -> Tick {
    wall_ms.max(before.saturating_add(1)).next_multiple_of(tick_ms)
}

fn has_jumped(before_ms: u64, now_ms: u64, passed_ms: u64) -> bool {
    (before_ms + passed_ms).abs_diff(now_ms) > JUMP_MS_MAX
}

/// Milliseconds since 1970 UTC.
fn wall_ms() -> Result<u64> {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => Ok(since.as_millis() as u64),
        Err(error) => {
            let what = Phrase::new(Key::ClockJumped).with("seconds", -(error.duration().as_secs() as i128));
            Err(Error::unreachable(Domain::Input, what).help(Key::ClockJumpedHelp))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_never_stand_and_never_go_back() {
        assert_eq!(tick_at(1_000, 0, 100), 1_000);
        assert_eq!(tick_at(1_001, 1_000, 100), 1_100);
        assert_eq!(tick_at(1_000, 1_000, 100), 1_100);
        assert_eq!(tick_at(500, 1_000, 100), 1_100);
        assert_eq!(tick_at(5_432, 1_000, 100), 5_500);
    }

    #[test]
    fn a_jump_is_more_than_a_minute_either_way() {
        assert!(!has_jumped(1_000_000, 1_060_100, 100));
        assert!(has_jumped(1_000_000, 1_060_101, 100));
        assert!(!has_jumped(1_000_000, 940_100, 100));
        assert!(has_jumped(1_000_000, 940_099, 100));
        // A machine that slept an hour: both clocks went on, or only the wall's.
        assert!(!has_jumped(1_000_000, 4_600_000, 3_600_000));
        assert!(has_jumped(1_000_000, 4_600_000, 100));
    }
}
