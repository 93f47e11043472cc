//! How far a run is: a bar on a terminal, a plain line now and then elsewhere, always on standard error.
//!
//! The run only counts; a thread of its own looks at the counters and draws.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::lines::Meter;
use crate::table::thousands;
use crate::texts::{Key, Lang, Phrase};

const BAR_EVERY: Duration = Duration::from_millis(100);
const LINE_EVERY: Duration = Duration::from_secs(5);
/// The rate shown is that of about this long: steady enough to read, quick enough to be true.
const RATE_OVER: Duration = Duration::from_secs(3);

/// A run's progress, shown until dropped or [`Progress::finish`]ed.
pub struct Progress {
    records: Arc<AtomicU64>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    /// Shows how much of the files behind `meters` is read.
    pub fn start(meters: Vec<Meter>, lang: Lang) -> Self {
        let records = Arc::new(AtomicU64::new(0));
        let (stop, stopped) = mpsc::channel();
        let counter = Arc::clone(&records);
        // Without a thread there is no progress to see, and nothing else is lost.
        let show = move || {
            let watch = Watch { meters, records: counter, lang };
            if std::io::stderr().is_terminal() {
                watch.bar(|wait| stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout));
            } else {
                watch.lines(|wait| stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout));
            }
        };
        let thread = thread::Builder::new().name("progress".to_owned()).spawn(show).ok();
        Self { records, stop: Some(stop), thread }
    }

    /// The counter of records; add to it in blocks rather than one by one.
    pub fn records(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.records)
    }

    /// Clears the bar.
    pub fn finish(mut self) {
        self.end();
    }

    fn end(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}

struct Watch {
    meters: Vec<Meter>,
    records: Arc<AtomicU64>,
    lang: Lang,
}

impl Watch {
    fn bytes(&self) -> (u64, u64) {
        let read: u64 = self.meters.iter().map(Meter::read).sum();
        let total: u64 = self.meters.iter().map(Meter::total).sum();
        // A file may grow while it is read.
        (read, total.max(read))
    }

    fn bar(&self, mut go_on: impl FnMut(Duration) -> bool) {
        let bar = ProgressBar::with_draw_target(Some(self.bytes().1), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {bar:32.cyan/dim} {percent:>3} % {msg}") {
            bar.set_style(style.progress_chars("━╸─"));
        }
        let mut rate = Rate::new();
        while go_on(BAR_EVERY) {
            let (read, total) = self.bytes();
            let records = self.records.load(Ordering::Relaxed);
            let (per_second, left) = rate.next(Instant::now(), records, read, total);
            bar.set_length(total);
            bar.set_position(read);
            bar.set_message(self.message(records, per_second, read >= total, left));
            bar.tick();
        }
        bar.finish_and_clear();
    }

    fn message(&self, records: u64, per_second: u64, all_read: bool, left: Option<Duration>) -> String {
        let mut text = format!(
            "{} {} · {}/s",
            thousands(records),
            Key::ProgressRecords.say(self.lang),
            thousands(per_second)
        );
        if all_read {
            text += &format!(" · {}", Key::ProgressFinishing.say(self.lang));
        } else if let Some(left) = left {
            text +=
                &format!(" · {}", Phrase::new(Key::ProgressLeft).with("text", duration(left)).say(self.lang));
        }
        text
    }

    fn lines(&self, mut go_on: impl FnMut(Duration) -> bool) {
        let mut rate = Rate::new();
        while go_on(LINE_EVERY) {
            let (read, total) = self.bytes();
            let records = self.records.load(Ordering::Relaxed);
            let (per_second, left) = rate.next(Instant::now(), records, read, total);
            let _ = writeln!(std::io::stderr(), "{}", self.line(records, per_second, (read, total), left));
        }
    }

    fn line(
        &self,
        records: u64,
        per_second: u64,
        (read, total): (u64, u64),
        left: Option<Duration>,
    ) -> String {
        let percent = u128::from(read) * 100 / u128::from(total.max(1));
        let mut text = Phrase::new(Key::ProgressRead)
            .with("count", thousands(records))
            .with("rate", thousands(per_second))
            .with("percent", percent)
            .say(self.lang);
        if read >= total {
            text += &format!(", {}", Key::ProgressFinishing.say(self.lang));
        } else if let Some(left) = left {
            text +=
                &format!(", {}", Phrase::new(Key::ProgressLeft).with("text", duration(left)).say(self.lang));
        }
        text
    }
}

/// The rate of the last few seconds, and how long the rest will take at it.
struct Rate {
    last: Option<(Instant, u64, u64)>,
    records_per_second: f64,
    bytes_per_second: f64,
}

impl Rate {
    fn new() -> Self {
        Self { last: None, records_per_second: 0.0, bytes_per_second: 0.0 }
    }

    fn next(&mut self, now: Instant, records: u64, read: u64, total: u64) -> (u64, Option<Duration>) {
        if let Some((before, records_before, read_before)) = self.last {
            let seconds = now.duration_since(before).as_secs_f64();
            if seconds > 0.0 {
                // An exponential mean that forgets at the same speed however often it is asked.
                let weight = 1.0 - (-seconds / RATE_OVER.as_secs_f64()).exp();
                let weight = if self.bytes_per_second == 0.0 { 1.0 } else { weight };
                let per_second = |new: u64, old: u64| new.saturating_sub(old) as f64 / seconds;
                self.records_per_second +=
                    weight * (per_second(records, records_before) - self.records_per_second);
                self.bytes_per_second += weight * (per_second(read, read_before) - self.bytes_per_second);
            }
        }
        self.last = Some((now, records, read));
        let left = total.saturating_sub(read) as f64 / self.bytes_per_second;
        let left = Duration::try_from_secs_f64(left).ok().filter(|left| left.as_secs() < 86_400 * 30);
        (self.records_per_second as u64, left)
    }
}

/// A time span for people: `7 s`, `3 min 20 s`, `2 h 5 min`.
pub fn duration(span: Duration) -> String {
    let seconds = span.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_and_the_rest_are_of_the_last_seconds() {
        let mut rate = Rate::new();
        let start = Instant::now();
        assert_eq!(rate.next(start, 0, 0, 1_000), (0, None));
        let (per_second, left) = rate.next(start + Duration::from_secs(1), 500, 100, 1_000);
        assert_eq!((per_second, left.map(|left| left.as_secs())), (500, Some(9)));
        let (per_second, _) = rate.next(start + Duration::from_secs(100), 500, 100, 1_000);
        assert_eq!(per_second, 0);
    }

    #[test]
    fn lines_are_plain() {
        let watch = Watch { meters: Vec::new(), records: Arc::default(), lang: Lang::En };
        let line = watch.line(1_234_567, 4_900_000, (43, 100), Some(Duration::from_secs(200)));
        assert_eq!(line, "1,234,567 records, 4,900,000/s, 43 % read, 3 min 20 s left");
        assert!(watch.line(1, 1, (0, 0), None).ends_with("all read, closing the books"));
        assert_eq!(duration(Duration::from_secs(7_500)), "2 h 5 min");
    }

    #[test]
    fn it_ends_when_told() {
        let progress = Progress::start(Vec::new(), Lang::En);
        progress.records().fetch_add(1_000, Ordering::Relaxed);
        progress.finish();
    }
}
