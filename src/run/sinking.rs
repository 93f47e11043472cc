//! The thread of a sink: commits what the outbox has for it, again where it must.

use std::time::{Duration, Instant};

use super::gather::LOOK;
use super::halt::Halt;
use super::log::Log;
use super::outbox::Outbox;
use crate::sink::live::{LiveSink, TickRows};
use crate::watch::{Endpoint, Watch};

/// How long a sink that has trouble is left alone.
pub(super) const PAUSE: Duration = Duration::from_secs(1);

/// Commits what comes for the sink `at` until the run is over.
pub fn run(at: usize, sink: &mut dyn LiveSink, outbox: &Outbox, halt: &Halt, log: &Log, watch: &Watch) {
    let (name, gathers_for) = (sink.name(), sink.gathers_for());
    while !halt.is_over() {
        let Some(work) = outbox.work(at, gathers_for, LOOK) else { continue };
        let began = Instant::now();
        match sink.commit(&work.ticks, &work.progress) {
            Ok(()) => {
                log.recovered(name);
                let changes: usize =
                    work.ticks.iter().map(|rows: &std::sync::Arc<TickRows>| rows.changes().count()).sum();
                watch.committed(name, changes as u64, work.progress.tick, began.elapsed());
                watch.durable(outbox.committed(at, work.progress));
                watch.waits(Endpoint::Outbox, outbox.held_bytes(), outbox.held_bytes_max());
            }
            Err(error) if error.may_retry() => {
                watch.failed(name, &error);
                log.trouble(name, error);
                halt.pause(PAUSE);
            }
            Err(error) => return halt.fail(error),
        }
    }
}
