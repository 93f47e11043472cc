//! Times on the wire: integer milliseconds since 1970 UTC.

/// The first millisecond of 2000 UTC: no earlier time is sound.
pub const FIRST_MS: u64 = 946_684_800_000;
/// The first millisecond of 2100 UTC: no time from here on is sound.
pub const END_MS: u64 = 4_102_444_800_000;

/// The days of a zone in which a gaming day is counted.
#[derive(Clone, Debug)]
pub struct GamingDays {
    zone: jiff::tz::TimeZone,
}

/// Seconds of a quarter of an hour: zones differ from UTC by multiples of it since 2000.
const QUARTER_SECONDS: i64 = 900;

impl GamingDays {
    /// Days in UTC.
    pub fn utc() -> Self {
        Self { zone: jiff::tz::TimeZone::UTC }
    }

    /// Days in a zone of the time zone database (`"Asia/Seoul"`); `None` where there is no such zone.
    pub fn in_zone(name: &str) -> Option<Self> {
        jiff::tz::TimeZone::get(name).ok().map(|zone| Self { zone })
    }

    /// The day (days since 1970 on the zone's calendar) in which a quarter of an hour since 1970 UTC lies.
    pub fn day_of(&self, quarter: u32) -> i32 {
        let seconds = i64::from(quarter) * QUARTER_SECONDS;
        let Ok(time) = jiff::Timestamp::from_second(seconds) else { return 0 };
        let local = seconds + i64::from(self.zone.to_offset(time).seconds());
        local.div_euclid(86_400) as i32
    }

    /// When the day began in which a quarter of an hour since 1970 UTC lies.
    pub fn start_ms(&self, quarter: u32) -> u64 {
        let day = self.day_of(quarter);
        let earlier = (0..quarter).rev().take_while(|&earlier| self.day_of(earlier) == day);
        u64::from(earlier.last().unwrap_or(quarter)) * QUARTER_SECONDS as u64 * 1_000
    }

    /// `day:2026-01-01`.
    pub fn text(day: i32) -> String {
        let date = jiff::Timestamp::from_second(i64::from(day) * 86_400).unwrap_or_default();
        format!("day:{}", date.to_zoned(jiff::tz::TimeZone::UTC).date())
    }
}

/// `hour:2026-01-01T05:00:00Z`, for hours since 1970 UTC.
pub fn hour_text(hour: u32) -> String {
    let time = jiff::Timestamp::from_second(i64::from(hour) * 3_600).unwrap_or_default();
    format!("hour:{time}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_follow_the_zone() {
        // 2026-01-01T15:00:00Z is the second of January in Seoul.
        let quarter = 1_767_279_600 / 900;
        assert_eq!(GamingDays::text(GamingDays::utc().day_of(quarter)), "day:2026-01-01");
        let seoul = GamingDays::in_zone("Asia/Seoul").expect("a zone of the database");
        assert_eq!(GamingDays::text(seoul.day_of(quarter)), "day:2026-01-02");
        assert_eq!(GamingDays::text(seoul.day_of(quarter - 1)), "day:2026-01-01");
        assert_eq!(seoul.start_ms(quarter + 95), 1_767_279_600_000);
        assert_eq!(hour_text(1_767_279_600 / 3_600), "hour:2026-01-01T15:00:00Z");
        assert!(GamingDays::in_zone("Mars/Olympus").is_none());
    }
}
