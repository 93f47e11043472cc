//! Records on their way.

use super::House;
use crate::generate::outbox::NO_INCIDENT;
use crate::generate::wire::{OutcomeLine, PaymentLine, WagerLine};

/// How long after its time an outcome has been missed.
const MISSED_MS: u64 = 300_000;

impl House<'_> {
    /// When a record of `at_ms` arrives: soon, seldom up to two seconds later, never before now.
    pub fn arrival(&mut self, at_ms: u64) -> u64 {
        let delay_ms = if self.plan.plain || self.dice.chance(0.2) {
            self.dice.below(2_001)
        } else {
            self.dice.between(10, 200)
        };
        at_ms.max(self.now_ms) + delay_ms
    }

    /// Sends a wager so that it arrives as records do.
    pub fn send_wager(&mut self, line: &WagerLine, incident: u32) {
        let arrival_ms = self.arrival(line.at_ms);
        self.send_wager_at(line, arrival_ms, incident);
    }

    /// Sends a wager so that it arrives then.
    pub fn send_wager_at(&mut self, line: &WagerLine, arrival_ms: u64, incident: u32) {
        let received_ms = (!self.plan.plain).then_some(arrival_ms);
        self.cast.wager(self.boxes[0].line(arrival_ms, incident), line, received_ms);
    }

    /// Sends an outcome so that it arrives as records do.
    pub fn send_outcome(&mut self, line: &OutcomeLine, incident: u32) {
        let mut arrival_ms = self.arrival(line.at_ms);
        if self.plan.late > 0.0 && incident == NO_INCIDENT && self.dice.chance(self.plan.late) {
            arrival_ms += self.dice.between(MISSED_MS, MISSED_MS + 40_000);
        }
        self.send_outcome_at(line, arrival_ms, incident);
    }

    /// Sends an outcome so that it arrives then.
    pub fn send_outcome_at(&mut self, line: &OutcomeLine, arrival_ms: u64, incident: u32) {
        let received_ms = (!self.plan.plain).then_some(arrival_ms);
        self.cast.outcome(self.boxes[1].line(arrival_ms, incident), line, received_ms);
    }

    /// Sends a payment so that it arrives as records do.
    pub fn send_payment(&mut self, line: &PaymentLine, incident: u32) {
        let arrival_ms = self.arrival(line.at_ms);
        let received_ms = (!self.plan.plain).then_some(arrival_ms);
        self.cast.payment(self.boxes[2].line(arrival_ms, incident), line, received_ms);
    }

    /// Sends these bytes as a line of the file at this index.
    pub fn send_raw(&mut self, file: usize, bytes: &[u8], arrival_ms: u64, incident: u32) {
        self.boxes[file].line(arrival_ms, incident).extend_from_slice(bytes);
    }
}
