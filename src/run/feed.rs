//! What was read gets its tick, and each worker its part of it: in every process of a run alike.

use gyre_dataflows::Tick;
use gyre_dataflows::batch::Batch;
use gyre_dataflows::decode::Decoder;
use gyre_dataflows::decode::admission::admit_at;
use gyre_domain::rules::Rules;

use super::again::Chunk;
use super::intake::{Intake, Taken};
use super::workers::Shared;
use crate::error::{Error, Result};
use crate::source::Positions;
use crate::watch::Watch;

/// See the module.
pub struct Feed<'r> {
    /// What is read.
    pub intake: &'r Intake,
    /// Where it goes.
    pub shared: &'r Shared,
    /// What it was decoded with.
    pub decoder: &'r Decoder,
    /// What it is admitted by.
    pub rules: &'r Rules,
    /// Who looks on.
    pub watch: &'r Watch,
}

impl Feed<'_> {
    /// Closes a tick with what has come, and adds how far the partitions are that moved. `until_durable` is whether
    /// somebody will say when all sinks have it.
    pub fn close(&self, tick: Tick, places: &mut Positions, until_durable: bool) {
        let (mut batches, mut reads) = (self.no_batches(), Vec::new());
        for taken in self.intake.take_for_tick() {
            reads.push(taken.read);
            places.insert(taken.partition, taken.next);
            let ticks = vec![tick; taken.decoded.receipts.len()];
            self.admit(taken, &ticks, &mut batches);
        }
        self.watch.closed(tick, if until_durable { reads } else { Vec::new() });
        self.shared.inboxes.give(batches, tick + 1);
    }

    /// Closes the ticks of a chunk again, once there is room for what they tell; `false` where the run ends on the way.
    ///
    /// # Errors
    /// Where the source gives a line that belongs to no tick.
    pub fn again(&self, mut chunk: Chunk, has_room: impl Fn() -> bool) -> Result<bool> {
        let mut batches = self.no_batches();
        while !chunk.is_whole() {
            if self.ends() {
                return Ok(false);
            }
            let Some(taken) = self.intake.take() else { continue };
            let lines = taken.decoded.receipts.len();
            let ticks = chunk.ticks_of(taken.partition, taken.first, lines, taken.next);
            let ticks = ticks.ok_or_else(|| {
                Error::bug(format!("line {} of {} belongs to no tick", taken.first, taken.partition))
            })?;
            self.admit(taken, &ticks, &mut batches);
        }
        while !has_room() {
            if self.ends() {
                return Ok(false);
            }
        }
        self.watch.closed(chunk.last, Vec::new());
        self.shared.inboxes.give(batches, chunk.last + 1);
        Ok(true)
    }

    /// Whether the run ends while ticks are made again.
    fn ends(&self) -> bool {
        self.watch.health.ticks_turn();
        self.shared.halt.is_over() || self.shared.halt.is_asked()
    }

    fn no_batches(&self) -> Vec<Vec<Batch>> {
        vec![Vec::new(); self.decoder.workers]
    }

    /// Gives lines their ticks, and each worker its part of them.
    fn admit(&self, mut taken: Taken, ticks: &[Tick], batches: &mut [Vec<Batch>]) {
        admit_at(&mut taken.decoded, ticks, self.decoder, self.rules);
        for batch in taken.decoded.batches.into_iter().filter(|batch| !batch.is_void()) {
            batches[batch.worker as usize].push(batch);
        }
    }
}
