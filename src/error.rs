//! What goes wrong in the world: where, whose it is, what to do about it, and how the process leaves.
//!
//! Bad *records* are data and never come here. An [`Error`] ends a command; it prints as
//!
//! ```text
//! error: the disk is full: 1.2 MB more were needed and 0 B are free
//!   where: out/.partial-4711/balances.jsonl
//!   help: free some space or choose another folder with --output
//! ```

use std::fmt::{self, Display};
use std::io;
use std::path::Path;

use crate::config::Report;
use crate::texts::{Key, Lang, Phrase};

/// How a process leaves, as its exit code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Exit {
    /// All is well.
    Ok = 0,
    /// What was asked for was done, and it found faults.
    Findings = 1,
    /// The question was wrong: flags, config, or folders that are not there.
    Usage = 2,
    /// The world did not play along: a file that cannot be read, a full disk.
    Unreachable = 3,
    /// Gyre itself is wrong (what a Rust process leaves with when it panics).
    Bug = 101,
    /// Ctrl-C or SIGTERM.
    Interrupted = 130,
}

/// Whose fault it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Domain {
    /// The command line or the config file.
    Config,
    /// What is read.
    Input,
    /// What is written.
    Output,
    /// Gyre itself.
    Bug,
}

/// Shorthand of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of the world: one word wide, so that hot paths stay narrow.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    domain: Domain,
    exit: Exit,
    what: Phrase,
    cause: Option<String>,
    at: Option<String>,
    help: Option<Phrase>,
    report: Option<Report>,
}

impl Error {
    fn new(domain: Domain, exit: Exit, what: impl Into<Phrase>) -> Self {
        let what = what.into();
        Self(Box::new(Inner { domain, exit, what, cause: None, at: None, help: None, report: None }))
    }

    /// The command line, the config or the folders named by them are wrong: exit 2, trying again is in vain.
    pub fn usage(domain: Domain, what: impl Into<Phrase>) -> Self {
        Self::new(domain, Exit::Usage, what)
    }

    /// The world did not play along: exit 3, trying again may help.
    pub fn unreachable(domain: Domain, what: impl Into<Phrase>) -> Self {
        Self::new(domain, Exit::Unreachable, what)
    }

    /// An invariant of Gyre does not hold: exit 101.
    pub fn bug(invariant: impl Display) -> Self {
        Self::new(Domain::Bug, Exit::Bug, Phrase::new(Key::Bug).with("text", invariant)).help(Key::BugHelp)
    }

    /// The faults of a config file, all of them: exit 2.
    pub fn config(report: Report) -> Self {
        let mut error = Self::new(Domain::Config, Exit::Usage, Key::ConfigFaults);
        error.0.report = Some(report);
        error
    }

    /// Says what the system said.
    #[must_use]
    pub fn cause(mut self, cause: impl Display) -> Self {
        self.0.cause = Some(cause.to_string());
        self
    }

    /// Says where: a path, a `path:line`.
    #[must_use]
    pub fn at(mut self, at: impl Display) -> Self {
        self.0.at = Some(at.to_string());
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<Phrase>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    /// How the process leaves.
    pub fn exit(&self) -> Exit {
        self.0.exit
    }

    /// Whose fault it is.
    pub fn domain(&self) -> Domain {
        self.0.domain
    }

    /// Whether the same command may succeed later without any change to it.
    pub fn may_retry(&self) -> bool {
        self.0.exit == Exit::Unreachable
    }

    /// Whether there was no room on a disk: trying again helps once there is.
    pub fn is_disk_full(&self) -> bool {
        self.0.what.key() == Key::DiskFull
    }

    /// Whether this is the faults of a config file.
    pub fn is_report(&self) -> bool {
        self.0.report.is_some()
    }

    /// The whole message in `lang`, without a newline at its end.
    pub fn render(&self, lang: Lang) -> String {
        let inner = &*self.0;
        if let Some(report) = &inner.report {
            return report.render(lang);
        }
        let mut text = format!("{}: {}", Key::Error.say(lang), inner.what.say(lang));
        if let Some(cause) = &inner.cause {
            text += &format!(": {cause}");
        }
        if let Some(at) = &inner.at {
            text += &format!("\n  {}: {at}", Key::Where.say(lang));
        }
        if let Some(help) = &inner.help {
            text += &format!("\n  {}: {}", Key::Help.say(lang), help.say(lang));
        }
        text
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Lang::En))
    }
}

impl std::error::Error for Error {}

/// Reading `path` failed.
pub fn unreadable(path: &Path, error: &io::Error) -> Error {
    let what = Phrase::new(Key::InputUnreadable).with("path", path.display());
    Error::unreachable(Domain::Input, what).cause(error).at(path.display()).help(Key::InputUnreadableHelp)
}

/// Writing `needed` more bytes to `path` failed. A full disk says how much was needed and how much is free.
pub fn unwritable(path: &Path, needed: u64, error: &io::Error) -> Error {
    let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    if !full {
        let what = Phrase::new(Key::OutputUnwritable).with("path", path.display());
        return Error::unreachable(Domain::Output, what).cause(error).help(Key::OutputUnwritableHelp);
    }
    let free = match free_bytes(path) {
        Some(free) => bytes(free),
        None => "?".to_owned(),
    };
    let what = Phrase::new(Key::DiskFull).with("needed", bytes(needed)).with("free", free);
    Error::unreachable(Domain::Output, what).at(path.display()).help(Key::DiskFullHelp)
}

/// Bytes an ordinary user can still write where `path` lies.
fn free_bytes(path: &Path) -> Option<u64> {
    let folder = if path.is_dir() { path } else { path.parent()? };
    let stat = rustix::fs::statvfs(folder).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// A number of bytes for people: `1.2 MB`.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_where_and_what_to_do() {
        let error = unreadable(Path::new("in/wagers.jsonl"), &io::Error::other("boom"));
        let text = error.render(Lang::En);
        assert!(
            text.starts_with("error: cannot read in/wagers.jsonl: boom\n  where: in/wagers.jsonl\n  help: ")
        );
        assert_eq!(error.exit(), Exit::Unreachable);
        assert!(error.may_retry());
        assert!(error.render(Lang::Ko).starts_with("오류: "));
    }

    #[test]
    fn a_full_disk_says_needed_and_free() {
        let folder = tempfile::tempdir().unwrap();
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let text = unwritable(&folder.path().join("x"), 1_234_567, &full).render(Lang::En);
        assert!(text.contains("1.2 MB"), "{text}");
        assert!(!text.contains('?'), "{text}");
    }

    #[test]
    fn bytes_read_well() {
        let said = [0, 999, 1000, 999_949, 999_950, 1_500_000_000, u64::MAX].map(bytes);
        assert_eq!(said, ["0 B", "999 B", "1.0 kB", "999.9 kB", "1.0 MB", "1.5 GB", "18.4 EB"]);
    }
}
