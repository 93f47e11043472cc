//! The thread of a sink: commits what the outbox has for it, again where it must.

use std::time::Duration;

use super::gather::LOOK;
use super::halt::Halt;
use super::log::Log;
use super::outbox::Outbox;
use crate::sink::live::LiveSink;

/// How long a sink that has trouble is left alone.
pub(super) const PAUSE: Duration = Duration::from_secs(1);

/// Commits what comes for the sink `at` until the run is over.
pub fn run(at: usize, sink: &mut dyn LiveSink, outbox: &Outbox, halt: &Halt, log: &Log) {
    let (name, gathers_for) = (sink.name(), sink.gathers_for());
    while !halt.is_over() {
        let Some(work) = outbox.work(at, gathers_for, LOOK) else { continue };
        match sink.commit(&work.ticks, &work.progress) {
            Ok(()) => {
                log.recovered(name);
                outbox.committed(at, work.progress);
            }
            Err(error) if error.may_retry() => {
                log.trouble(name, error);
                halt.pause(PAUSE);
            }
            Err(error) => return halt.fail(error),
        }
    }
}
