//! Civil dates and the three zones that the model writes out.

use super::DAY_MS;

const HOUR_MS: i64 = 3_600_000;

/// (year, month, day) of a day counted from 1970-01-01.
fn civil(day: i64) -> (i64, i64, i64) {
    let mut year = 1970;
    let mut left = day;
    while left >= days_of_year(year) {
        left -= days_of_year(year);
        year += 1;
    }
    let mut month = 1;
    while left >= days_of_month(year, month) {
        left -= days_of_month(year, month);
        month += 1;
    }
    (year, month, left + 1)
}

fn leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of_year(year: i64) -> i64 {
    if leap(year) { 366 } else { 365 }
}

fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 if leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The last Sunday of a month at 01:00 UTC, when the clocks of Europe change.
fn last_sunday_ms(year: i64, month: i64) -> i64 {
    let before = (1970..year).map(days_of_year).sum::<i64>();
    let last = before + (1..=month).map(|month| days_of_month(year, month)).sum::<i64>() - 1;
    // 1970-01-04 was a Sunday.
    let since_sunday = (last - 3).rem_euclid(7);
    (last - since_sunday) * DAY_MS + HOUR_MS
}

fn offset_ms(at_ms: i64, zone: &str) -> i64 {
    match zone {
        "UTC" => 0,
        "Asia/Seoul" => 9 * HOUR_MS,
        "Europe/Berlin" => {
            let (year, ..) = civil(at_ms.div_euclid(DAY_MS));
            let summer = last_sunday_ms(year, 3)..last_sunday_ms(year, 10);
            if summer.contains(&at_ms) { 2 * HOUR_MS } else { HOUR_MS }
        }
        other => panic!("the model knows no zone {other}"),
    }
}

/// `day:2026-01-01` in the zone.
pub fn day(at_ms: i64, zone: &str) -> String {
    let (year, month, day) = civil((at_ms + offset_ms(at_ms, zone)).div_euclid(DAY_MS));
    format!("day:{year:04}-{month:02}-{day:02}")
}

/// The midnight, in UTC, with which the day of a time begins in the zone.
pub fn day_start_ms(at_ms: i64, zone: &str) -> i64 {
    let midnight_ms = (at_ms + offset_ms(at_ms, zone)).div_euclid(DAY_MS) * DAY_MS;
    // Clocks may have changed since: the offset is that of midnight.
    let starts = [0, 1, 2, 9].map(|hours| (midnight_ms - hours * HOUR_MS, hours * HOUR_MS));
    let own = starts.into_iter().find(|(start_ms, offset)| offset_ms(*start_ms, zone) == *offset);
    own.expect("every day has its midnight").0
}

/// `hour:2026-01-01T05:00:00Z`.
pub fn hour(at_ms: i64) -> String {
    let (year, month, day) = civil(at_ms.div_euclid(DAY_MS));
    let hour = at_ms.rem_euclid(DAY_MS) / HOUR_MS;
    format!("hour:{year:04}-{month:02}-{day:02}T{hour:02}:00:00Z")
}

/// The beginning of an hour as [`hour`] writes it.
pub fn hour_ms(text: &str) -> i64 {
    let number = |range: std::ops::Range<usize>| text[range].parse::<i64>().unwrap_or_default();
    let (year, month, day) = (number(5..9), number(10..12), number(13..15));
    let days = (1970..year).map(days_of_year).sum::<i64>()
        + (1..month).map(|month| days_of_month(year, month)).sum::<i64>()
        + day
        - 1;
    days * DAY_MS + number(16..18) * HOUR_MS
}
