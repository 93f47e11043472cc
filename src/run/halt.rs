//! How a run ends: by what failed first, or because it was asked to.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::cluster::loss;
use super::gather::LOOK;
use crate::error::{Error, Exit};
use crate::texts::Lang;

/// What all threads of a run look at.
#[derive(Default)]
pub struct Halt {
    failed: AtomicBool,
    failure: Mutex<Option<Error>>,
    /// Set by a signal.
    asked: Arc<AtomicBool>,
    /// All is committed: threads may go.
    over: AtomicBool,
}

impl Halt {
    /// One that signals ask through `asked`.
    pub fn new(asked: Arc<AtomicBool>) -> Self {
        Self { asked, ..Self::default() }
    }

    /// Something failed: the first one is what the run ends with.
    pub fn fail(&self, error: Error) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.failed.store(true, Ordering::Release);
    }

    /// Whether something failed.
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Whether the run was asked to end.
    pub fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    /// Asks the run to end, as a signal does.
    pub fn ask(&self) {
        self.asked.store(true, Ordering::Release);
    }

    /// All that is to be done is done.
    pub fn finish(&self) {
        self.over.store(true, Ordering::Release);
    }

    /// Whether threads are to go, for whatever reason.
    pub fn is_over(&self) -> bool {
        self.has_failed() || self.over.load(Ordering::Acquire)
    }

    /// Sleeps so long, or until the run is over.
    pub fn pause(&self, time: Duration) {
        let until = Instant::now() + time;
        while !self.is_over() && Instant::now() < until {
            std::thread::sleep(LOOK.min(until.saturating_duration_since(Instant::now())));
        }
    }

    /// What failed, if anything did.
    ///
    /// # Errors
    /// That.
    pub fn outcome(&self) -> Result<(), Error> {
        match self.failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

/// From now on a panic anywhere ends the process at once: a worker that is gone would leave the others waiting for
/// ever, and a process that is killed at any instant is sound. How timely tells that another process of the cluster is
/// gone is a panic too; there the process begins again.
pub fn end_on_panic(lang: Lang) {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if loss::is_told_by(panic) {
            return loss::lost(panic.payload_as_str().unwrap_or_default(), lang);
        }
        if loss::follows_from_the_end() {
            return;
        }
        usual(panic);
        let error = Error::bug("a thread of the run panicked");
        let _ =
            std::io::Write::write_all(&mut std::io::stderr(), format!("{}\n", error.render(lang)).as_bytes());
        #[expect(
            clippy::disallowed_methods,
            reason = "other threads wait for this one, and nothing they hold is lost"
        )]
        std::process::exit(Exit::Bug as i32);
    }));
}
