//! Records that say two things.

use super::{MINUTE, SECOND};
use crate::generate::outbox::NO_INCIDENT;
use crate::generate::play::{House, Ticket};

impl House<'_> {
    pub(super) fn conflicting_wager(&mut self, ticket: Ticket, note: u32) {
        self.place_noted(&ticket, note);
        let mut line = self.wager_line(&ticket);
        line.stake += self.typical(ticket.player);
        line.at_ms += 700;
        self.send_wager(&line, note);
        self.reject_wager(&ticket, "conflicting_duplicate");
        let provider = self.cast.provider(ticket.game);
        self.conflict("wagers", provider, &format!("w{}", ticket.id));
        self.end(&ticket, ticket.due_ms + SECOND, ticket.payout, 0, note);
    }

    pub(super) fn conflicting_outcome(&mut self, ticket: Ticket, note: u32) {
        self.place_noted(&ticket, note);
        self.end(&ticket, ticket.due_ms, ticket.payout, 0, note);
        let line = self.settle_line(&ticket, ticket.due_ms + 900, self.other_payout(&ticket));
        self.send_outcome(&line, note);
        self.reject_outcome(&ticket, "conflicting_duplicate");
        let provider = self.cast.provider(ticket.game);
        self.conflict("outcomes", provider, &format!("w{}", ticket.id));
    }

    pub(super) fn conflicting_payment(&mut self, ticket: Ticket, note: u32) {
        let amount = self.typical(ticket.player) * 20;
        let mut line = self.pay(ticket.player, "deposit", amount);
        line.amount += self.typical(ticket.player);
        line.at_ms += 500;
        line.claim = None;
        self.send_payment(&line, note);
        self.reject_payment(line.id, "conflicting_duplicate");
        let (cashier, id) = (self.cast.cashier(), format!("t{}", line.id));
        self.conflict("payments", cashier, &id);
        self.about(note, ticket.player, vec![id]);
        self.ordinary(ticket, NO_INCIDENT);
    }

    pub(super) fn conflicting_cancel(&mut self, ticket: Ticket, note: u32) {
        self.place_noted(&ticket, note);
        let mut cancel = self.cancel(&ticket, ticket.at_ms + SECOND);
        self.send_outcome(&cancel, note);
        self.cancelled(&ticket, cancel.at_ms);
        cancel.at_ms += 500;
        self.send_outcome(&cancel, note);
        self.reject_outcome(&ticket, "conflicting_duplicate");
        let provider = self.cast.provider(ticket.game);
        self.conflict("outcomes", provider, &format!("w{}", ticket.id));
    }

    pub(super) fn conflict_resolved(&mut self, ticket: Ticket, note: u32) {
        self.place_noted(&ticket, note);
        for (after_ms, payout) in [(0, self.other_payout(&ticket)), (400, ticket.payout)] {
            let line = self.settle_line(&ticket, ticket.due_ms + after_ms, payout);
            self.send_outcome(&line, note);
        }
        self.end(&ticket, ticket.due_ms + MINUTE, ticket.payout, 1, note);
    }
}
