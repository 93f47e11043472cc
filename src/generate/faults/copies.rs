//! Copies, and records out of order.

use super::SECOND;
use crate::generate::outbox::NO_INCIDENT;
use crate::generate::play::{House, Ticket};

impl House<'_> {
    pub(super) fn duplicate(&mut self, ticket: Ticket, round: u64, note: u32) {
        self.books.duplicates += 1;
        match round % 3 {
            0 => {
                self.place_noted(&ticket, note);
                let line = self.wager_line(&ticket);
                let arrival_ms = self.now_ms + 3 * SECOND;
                self.send_wager_at(&line, arrival_ms, note);
                self.end(&ticket, ticket.due_ms, ticket.payout, 0, NO_INCIDENT);
            }
            1 => {
                self.place_noted(&ticket, NO_INCIDENT);
                self.end(&ticket, ticket.due_ms, ticket.payout, 0, note);
                let line = self.settle_line(&ticket, ticket.due_ms, ticket.payout);
                self.send_outcome_at(&line, ticket.due_ms + 3 * SECOND, note);
            }
            _ => {
                let amount = self.typical(ticket.player) * 10;
                let line = self.pay(ticket.player, "deposit", amount);
                self.send_payment(&line, note);
                self.about(note, ticket.player, vec![format!("t{}", line.id)]);
                self.ordinary(ticket, NO_INCIDENT);
            }
        }
    }

    pub(super) fn batch_resent(&mut self, ticket: Ticket, note: u32) {
        let arrival_ms = self.now_ms + 4 * SECOND;
        let batch = std::mem::take(&mut self.remembered);
        for line in &batch {
            self.send_wager_at(line, arrival_ms, note);
        }
        self.books.duplicates += batch.len() as u64;
        self.remembered = batch;
        self.ordinary(ticket, NO_INCIDENT);
    }

    pub(super) fn credit_first(&mut self, ticket: Ticket, note: u32) {
        self.book_stake(&ticket, None);
        let line = self.wager_line(&ticket);
        self.send_wager_at(&line, ticket.due_ms + 12 * SECOND, note);
        self.end(&ticket, ticket.due_ms, ticket.payout, 0, note);
    }

    pub(super) fn cancel_first(&mut self, ticket: Ticket, note: u32) {
        self.book_stake(&ticket, None);
        let line = self.wager_line(&ticket);
        self.send_wager_at(&line, self.now_ms + 20 * SECOND, note);
        let cancel = self.cancel(&ticket, ticket.at_ms + 500);
        self.send_outcome(&cancel, note);
        self.cancelled(&ticket, cancel.at_ms);
    }

    pub(super) fn cancel_unknown(&mut self, ticket: Ticket, note: u32) {
        let lost = Ticket { id: self.lost_id(), ..ticket };
        let cancel = self.cancel(&lost, lost.at_ms);
        self.send_outcome(&cancel, note);
        self.books.tombstones += 1;
        self.about(note, lost.player, vec![format!("w{}", lost.id)]);
        self.ordinary(ticket, NO_INCIDENT);
    }
}
