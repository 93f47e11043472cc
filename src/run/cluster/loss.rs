//! What happens where another process of the cluster is gone: this one begins again, as part of the next generation.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::own::own_program;
use crate::error::Exit;
use crate::run::Log;
use crate::texts::{Key, Lang, Phrase};

/// How timely's network begins to say that it has lost a process.
const TIMELY_SAYS: &str = "timely communication error";
/// How long it waits, so that a cluster whose member ends at once does not spin.
const PAUSE: Duration = Duration::from_millis(300);

/// Everybody knows that the run ends: connections close.
static ENDS: AtomicBool = AtomicBool::new(false);

/// From now on, that others are gone is as it should be.
pub fn ends() {
    ENDS.store(true, Ordering::Release);
}

/// Whether a panic tells that timely lost a process.
pub fn is_told_by(panic: &std::panic::PanicHookInfo<'_>) -> bool {
    panic.payload_as_str().is_some_and(|text| text.starts_with(TIMELY_SAYS))
}

/// Whether a panic of this thread is one of timely's that follows from others leaving at the end: a worker finds the
/// queues of a connection broken that has closed. Everything is committed by then.
pub fn follows_from_the_end() -> bool {
    let is_timelys = std::thread::current().name().is_some_and(|name| name.starts_with("timely:"));
    is_timelys && ENDS.load(Ordering::Acquire)
}

/// A process is gone, or does not answer. Unless all is over, this process becomes a new one with the same command: no
/// thread, no connection and nothing in memory is left of the generation that ended. Whoever lets the process be killed
/// at any instant loses nothing by that.
pub fn lost(why: &str, lang: Lang) {
    /// Several threads notice at once; only one may act.
    static ACTS: Mutex<()> = Mutex::new(());
    let _acts = ACTS.lock();
    if ENDS.load(Ordering::Acquire) {
        return;
    }
    let log = Log::new(lang);
    log.warn(Phrase::new(Key::ClusterLost).with("why", why));
    std::thread::sleep(PAUSE);
    let mut args = std::env::args_os();
    let mut command = Command::new(own_program());
    args.next().into_iter().for_each(|name| {
        command.arg0(name);
    });
    let error = command.args(args).exec();
    log.warn(Phrase::new(Key::ClusterNotAgain).with("why", error));
    #[expect(
        clippy::disallowed_methods,
        reason = "the generation is over, and nothing that threads hold is lost"
    )]
    std::process::exit(Exit::Unreachable as i32);
}
