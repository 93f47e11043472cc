//! Failing histories made small and readable.

use std::fmt::Write as _;

use crate::model::reference::{Settings, Streams, Topic};

/// Drops every line that the predicate can do without, in ever smaller pieces.
pub fn minimise(streams: &Streams, mut fails: impl FnMut(&Streams) -> bool) -> Streams {
    let mut least = streams.clone();
    loop {
        let before = least.lines();
        for topic in Topic::ALL {
            let mut piece = least.of(topic).len();
            while piece > 0 {
                let mut start = 0;
                while start < least.of(topic).len() {
                    let mut fewer = least.clone();
                    let end = (start + piece).min(fewer.of(topic).len());
                    fewer.of_mut(topic).drain(start..end);
                    if fails(&fewer) {
                        least = fewer;
                    } else {
                        start += piece;
                    }
                }
                piece /= 2;
            }
        }
        if least.lines() == before {
            return least;
        }
    }
}

/// A history to read: settings that differ from the defaults, then each file, bytes beyond text escaped.
pub fn shown(streams: &Streams, settings: &Settings) -> String {
    let mut text = String::new();
    let defaults = format!("{:#?}", Settings::default());
    for line in format!("{settings:#?}").lines().filter(|line| !defaults.contains(line)) {
        let _ = writeln!(text, "#{line}");
    }
    for topic in Topic::ALL {
        for (index, line) in streams.of(topic).iter().enumerate() {
            let line = match std::str::from_utf8(line) {
                Ok(line) if !line.contains(char::is_control) => line.to_owned(),
                _ => format!("b\"{}\"", line.escape_ascii()),
            };
            let _ = writeln!(text, "{}.jsonl:{} {line}", topic.name(), index + 1);
        }
    }
    text
}
