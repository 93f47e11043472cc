//! What a run tells whoever watches it: lines on standard error, in the language of the session.

use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::error::Error;
use crate::texts::{Key, Lang, Phrase};

/// How long the same trouble is silent before it is told again.
const AGAIN: Duration = Duration::from_secs(30);

/// The log of a run.
pub struct Log {
    lang: Lang,
    /// What troubles now, by who is troubled, and when it was told last.
    troubles: Mutex<Vec<(&'static str, Instant)>>,
}

impl Log {
    /// A log in `lang`.
    pub fn new(lang: Lang) -> Self {
        Self { lang, troubles: Mutex::default() }
    }

    /// Tells something.
    pub fn say(&self, what: impl Into<Phrase>) {
        self.line("", &what.into().say(self.lang));
    }

    /// Tells something that needs somebody's attention.
    pub fn warn(&self, what: impl Into<Phrase>) {
        self.line(Key::Warning.say(self.lang), &what.into().say(self.lang));
    }

    /// `who` cannot go on for now: tells why, once in a while.
    pub fn trouble(&self, who: &'static str, error: Error) {
        let error = if error.is_disk_full() { error.help(Key::DiskFullLiveHelp) } else { error };
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        match troubles.iter_mut().find(|(other, _)| *other == who) {
            Some((_, told)) if told.elapsed() < AGAIN => return,
            Some((_, told)) => *told = Instant::now(),
            None => troubles.push((who, Instant::now())),
        }
        let held_up = Phrase::new(Key::HeldUp).with("who", who).say(self.lang);
        self.line(Key::Warning.say(self.lang), &format!("{held_up}\n{}", error.render(self.lang)));
    }

    /// `who` goes on: tells so, where there was trouble.
    pub fn recovered(&self, who: &'static str) {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        let before = troubles.len();
        troubles.retain(|(other, _)| *other != who);
        if troubles.len() < before {
            self.line("", &Phrase::new(Key::GoesOn).with("who", who).say(self.lang));
        }
    }

    fn line(&self, weight: &str, text: &str) {
        let apart = if weight.is_empty() { "" } else { ": " };
        let line = format!("{:.3} {weight}{apart}{text}\n", Timestamp::now());
        // Nobody is there to be told that nobody can be told.
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
}
