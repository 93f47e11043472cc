//! The thread that puts the rows of the remap log on the disk: all that wait, in one go.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::gather::LOOK;
use super::halt::Halt;
use super::log::Log;
use super::outbox::Outbox;
use super::remap::{Remap, Row};
use crate::error::Result;

/// How long a full disk is left alone.
const PAUSE: Duration = Duration::from_secs(1);
/// What its troubles are told under.
const WHO: &str = "remap log";

/// Rows on their way to the disk.
#[derive(Default)]
pub struct Sync {
    rows: Mutex<Vec<Row>>,
    changed: Condvar,
}

impl Sync {
    /// A tick is closed: its row is to be on the disk before anything of it is committed.
    pub fn add(&self, row: Row) {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).push(row);
        self.changed.notify_all();
    }

    /// What waits.
    #[cfg(test)]
    pub fn take(&self) -> Vec<Row> {
        std::mem::take(&mut *self.rows.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn wait(&self) -> Vec<Row> {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        if rows.is_empty() {
            rows = self.changed.wait_timeout(rows, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
        std::mem::take(&mut rows)
    }

    /// Writes rows until the run is over.
    pub fn run(&self, remap: &mut Remap, outbox: &Outbox, halt: &Halt, log: &Log) {
        while !halt.is_over() {
            let rows = self.wait();
            let Some(last) = rows.last() else { continue };
            rows.iter().for_each(|row| remap.add(row));
            match write(remap, halt, log) {
                Ok(true) => outbox.synced(last.tick),
                Ok(false) => {}
                Err(error) => return halt.fail(error),
            }
        }
    }
}

/// Writes what was added, however long a full disk takes; `false` where the run is over before that.
fn write(remap: &mut Remap, halt: &Halt, log: &Log) -> Result<bool> {
    while !halt.is_over() {
        match remap.sync() {
            Ok(()) => {
                log.recovered(WHO);
                return Ok(true);
            }
            Err(error) if error.is_disk_full() => {
                log.trouble(WHO, error);
                halt.pause(PAUSE);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}
