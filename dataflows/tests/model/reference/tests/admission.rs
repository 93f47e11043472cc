//! Clocks, the horizon, the law, and exact decimals.

use super::*;

#[test]
fn a_record_from_its_future_is_skewed() {
    let received = |at: i64| wager("w", "1", 0, &format!(r#","received_ms":{}"#, T + at));
    assert_eq!(judged(Topic::Wagers, &[&received(-2_000)]), ["sound"]);
    assert_eq!(judged(Topic::Wagers, &[&received(-2_001)]), ["clock_skew"]);
}

#[test]
fn a_line_beyond_the_gap_is_skewed_and_moves_nothing() {
    let at = |days: i64, ms: i64| wager("w", "1", days * DAY_MS + ms, "");
    // The lower median of 0, 0, 7 days and 7 days + 1 is 0.
    let far = at(7, 1);
    assert_eq!(
        judged(Topic::Wagers, &[&at(0, 0), &far, &at(0, 0), &at(7, 0)]),
        ["sound", "clock_skew", "sound", "sound"]
    );
    // Its own cause wins, but it still moves nothing: the old record after it is not past the horizon.
    let bad = at(40, 0).replace("\"1\"", "\"x\"");
    assert_eq!(judged(Topic::Wagers, &[&bad, &at(0, 0), &at(0, 0)]), ["bad_amount", "sound", "sound"]);
    // A line that does not decode has no say in the median.
    assert_eq!(
        judged(Topic::Wagers, &["{", "{", &at(9, 0), "{"]),
        ["malformed", "malformed", "sound", "malformed"]
    );
}

#[test]
fn medians_are_of_blocks_of_a_thousand_lines() {
    let at = |days: i64, n: usize| wager(&format!("w{n}"), "1", days * DAY_MS, "");
    let mut lines: Vec<String> = (0..1_000).map(|n| at(0, n)).collect();
    lines.push(at(30, 1_000));
    lines.push(at(60, 1_001));
    // The second block is two lines: its lower median is day 30, so day 60 is beyond the gap and day 30 is not.
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let judged = judged(Topic::Wagers, &lines);
    assert_eq!(judged[1_000..], ["sound", "clock_skew"]);
    assert!(judged[..1_000].iter().all(|verdict| verdict == "sound"));
}

#[test]
fn what_comes_after_its_horizon_is_refused() {
    let at = |ms: i64| wager("w", "1", ms, "");
    let horizon_ms = 35 * DAY_MS;
    // Two lines of today, or the median itself would be old.
    let judge = |today_ms: i64, ms: i64| {
        judged(Topic::Wagers, &[&at(today_ms), &at(today_ms), &at(ms - horizon_ms)])[2].clone()
    };
    assert_eq!(judge(0, 0), "sound");
    assert_eq!(judge(0, -1), "past_horizon");
    // A clock of T + 1 ms is the tick T + 100.
    assert_eq!(judge(1, 99), "past_horizon");
    assert_eq!(judge(1, 100), "sound");
    // Skew is looked at first, and a copy may be refused while another stands.
    let old = |more: &str| wager("w", "1", -horizon_ms - 1, more);
    let today = |id: &str| wager(id, "1", 0, "");
    let received = format!(r#","received_ms":{}"#, T - horizon_ms - 2_002);
    let lines = [old(""), today("a"), today("b"), today("c"), old(""), old(&received), today("d")];
    let books = run(&[&lines]);
    assert_eq!(rejects(&books), ["w clock_skew", "w past_horizon"]);
    assert_eq!((books.wager_states.len(), books.summary.duplicates), (5, 0));
}

#[test]
fn the_law_holds_while_keys_lie_within_the_horizon() {
    let law = |late: i64| {
        let outcomes = [settle("w", "1", 0, ""), settle("w", "1", late, r#","outcome_id":"a""#)];
        within_law(
            &streams(&[&[wager("w", "1", 0, "")], &outcomes]),
            &Settings { gap_ms_max: 100 * DAY_MS, ..Settings::default() },
        )
    };
    assert!(law(35 * DAY_MS));
    assert!(!law(35 * DAY_MS + 1));
}

#[test]
fn decimals_are_read_and_written_exactly() {
    use crate::model::reference::money::{Decimal, decimal, nano};
    assert_eq!(decimal(-5, 3), "-0.005");
    assert_eq!(decimal(1_234, 0), "1234");
    assert_eq!(nano("00.97"), Some(970_000_000));
    assert_eq!(nano("1."), None);
    let read = |text: &str| Decimal::read(text).map(|number| number.text());
    assert_eq!(read("-12.3400"), Some("-12.34".into()));
    assert_eq!(read("999999999999999"), Some("999999999999999".into()));
    assert_eq!(read("1000000000000000"), None);
    assert_eq!(read("0.123456789012345000"), Some("0.123456789012345".into()));
    assert_eq!(read("0.1234567890123456"), None);
    assert_eq!(read("1.123456789012345"), None);
    assert_eq!(read("١"), None);
    let number = |text: &str| Decimal::read(text).expect("a number");
    for pair in ["-10", "-9.5", "-0.01", "0", "0.009", "0.09", "0.1", "9.9", "10"].windows(2) {
        assert!(number(pair[0]).compare(&number(pair[1])).is_lt(), "{pair:?}");
    }
    assert_eq!(number("0.00000001").minor(8), Some(1));
    assert_eq!(number("10000000").minor(8), None);
}
