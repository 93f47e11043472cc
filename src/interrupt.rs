//! Ctrl-C and SIGTERM: what makes files leaves nothing behind, and what runs for ever comes to an end.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Domain, Error, Exit, Result};
use crate::sink::{Abandon, OutputFolder};
use crate::texts::{Key, Lang, Phrase};

/// What is to be taken away when the process is told to stop. Empty, it guards nothing.
#[derive(Clone, Default)]
pub struct Interrupt {
    guarded: Arc<Mutex<Vec<Abandon>>>,
    ends: Arc<Ends>,
}

/// A run that ends by itself when it is asked to.
#[derive(Default)]
struct Ends {
    /// There is one.
    gently: AtomicBool,
    asked: Arc<AtomicBool>,
}

impl Interrupt {
    /// Listens for signals, once per process.
    ///
    /// On one, the traces of every guarded run are removed and the process exits with 130. A run that has just
    /// committed is left to end by itself, unless it is told a second time; so is one that ends when it is asked to.
    ///
    /// # Errors
    /// Exit 3 where the system does not let us listen.
    pub fn listen(lang: Lang) -> Result<Self> {
        let interrupt = Self::default();
        let (guarded, ends) = (Arc::clone(&interrupt.guarded), Arc::clone(&interrupt.ends));
        let mut asked = false;
        let handler = move || {
            if ends.gently.load(Ordering::Acquire) && !ends.asked.swap(true, Ordering::AcqRel) {
                return;
            }
            let guarded = guarded.lock().unwrap_or_else(PoisonError::into_inner);
            let abandoned: Vec<_> = guarded.iter().filter_map(Abandon::now).collect();
            if abandoned.is_empty() && !guarded.is_empty() && !asked {
                asked = true;
                return;
            }
            for path in abandoned {
                let said = Phrase::new(Key::Interrupted).with("path", path.display()).say(lang);
                let _ = writeln!(std::io::stderr(), "\n{said}");
            }
            #[expect(
                clippy::disallowed_methods,
                reason = "other threads are at work; their files are gone already"
            )]
            std::process::exit(Exit::Interrupted as i32);
        };
        ctrlc::set_handler(handler)
            .map_err(|error| Error::unreachable(Domain::Input, Key::InterruptFailed).cause(error))?;
        Ok(interrupt)
    }

    /// From now on, the first signal asks the run to end, and the second ends it; what is given says whether it was asked.
    pub fn end_gently(&self) -> Arc<AtomicBool> {
        self.ends.gently.store(true, Ordering::Release);
        Arc::clone(&self.ends.asked)
    }

    /// From now on, a signal takes the traces of what is being written to `folder` away.
    pub fn guard(&self, folder: &OutputFolder) {
        self.guarded.lock().unwrap_or_else(PoisonError::into_inner).push(folder.abandon_handle());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    const CHILD: &str = "GYRE_TEST_INTERRUPT";

    /// The process that is stopped: this test program again, told so by its environment.
    #[test]
    fn child() {
        let Some(folder) = std::env::var_os(CHILD) else { return };
        let interrupt = Interrupt::listen(Lang::En).unwrap();
        let folder = OutputFolder::open(Path::new(&folder)).unwrap();
        interrupt.guard(&folder);
        folder.write("balances.jsonl", b"half").unwrap();
        std::thread::sleep(Duration::from_secs(60));
    }

    #[test]
    fn a_stopped_process_leaves_nothing_behind() {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join("out");
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "interrupt::tests::child", "--nocapture"])
            .env(CHILD, &folder)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let partial = folder.join(format!(".partial-{}/balances.jsonl", child.id()));
        let begun = Instant::now();
        while !partial.exists() && begun.elapsed() < Duration::from_secs(30) {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(partial.exists());
        assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(Exit::Interrupted as i32));
        assert!(!folder.exists());
        let said = std::io::read_to_string(child.stderr.take().unwrap()).unwrap();
        assert!(said.contains("is as it was before"), "{said}");
    }
}
