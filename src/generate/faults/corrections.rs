//! Records that are put right, or taken back, by later ones; and outcomes that never come.

use super::{MINUTE, SECOND};
use crate::generate::books::System;
use crate::generate::outbox::NO_INCIDENT;
use crate::generate::play::{House, Movement, Ticket};

impl House<'_> {
    pub(super) fn outcome_missing(&mut self, ticket: Ticket, note: u32) {
        self.place_noted(&ticket, note);
        self.left_open(&ticket);
    }

    pub(super) fn resettled(&mut self, ticket: Ticket, note: u32) {
        self.place_noted(&ticket, note);
        let wrong = self.settle_line(&ticket, ticket.due_ms, self.other_payout(&ticket));
        self.send_outcome(&wrong, note);
        self.end(&ticket, ticket.due_ms + MINUTE, ticket.payout, 1, note);
    }

    pub(super) fn resettled_twice(&mut self, ticket: Ticket, note: u32) {
        self.place_noted(&ticket, note);
        let wrong = self.settle_line(&ticket, ticket.due_ms, self.other_payout(&ticket));
        self.send_outcome(&wrong, note);
        let back = self.unsettle(&ticket, ticket.due_ms + 30 * SECOND, 1);
        self.send_outcome(&back, note);
        self.end(&ticket, ticket.due_ms + 90 * SECOND, ticket.payout, 2, note);
    }

    pub(super) fn unsettled_open(&mut self, ticket: Ticket, note: u32) {
        self.place_noted(&ticket, note);
        let settle = self.settle_line(&ticket, ticket.due_ms, ticket.payout);
        self.send_outcome(&settle, note);
        let back = self.unsettle(&ticket, ticket.due_ms + 40 * SECOND, 1);
        self.send_outcome(&back, note);
        self.left_open(&ticket);
    }

    /// A newcomer wins, withdraws all of it, and the win is taken back.
    pub(super) fn claw_back(&mut self, ticket: Ticket, note: u32) {
        self.ordinary(ticket, NO_INCIDENT);
        let player = self.newcomer(ticket.player, 2);
        let stake = self.typical(player);
        let own = self.draw_ticket(player, ticket.game, stake, false, self.now_ms + 5 * SECOND);
        let win = stake * 20;
        let (own, win_ms) =
            (Ticket { payout: win, due_ms: own.at_ms + 10 * SECOND, ..own }, own.at_ms + 10 * SECOND);
        // Its records are sent ahead of their time, which their arrival minds.
        let line = self.wager_line(&own);
        self.send_wager(&line, note);
        self.move_later(
            own.at_ms,
            Movement { player, delta: -stake, against: System::House, reversed: false },
        );
        self.books.ledgers[player].wagered(own.at_ms);
        let settle = self.settle_line(&own, win_ms, win);
        self.send_outcome(&settle, note);
        let withdrawn_ms = win_ms + 2 * MINUTE;
        let all = stake * 2 - stake + win;
        let withdrawal = self.payment_line(player, "withdrawal", all, withdrawn_ms);
        self.send_payment(&withdrawal, note);
        self.move_later(
            withdrawn_ms,
            Movement { player, delta: -all, against: System::Cashier, reversed: false },
        );
        let back = self.unsettle(&own, withdrawn_ms + 5 * MINUTE, 1);
        self.send_outcome(&back, note);
        self.left_open(&own);
        self.about(note, player, vec![format!("w{}", own.id), format!("t{}", withdrawal.id)]);
    }

    pub(super) fn revised_wager(&mut self, ticket: Ticket, note: u32) {
        let mut line = self.wager_line(&ticket);
        line.stake += self.typical(ticket.player);
        self.send_wager_at(&line, self.now_ms + 20, note);
        self.book_stake(&ticket, None);
        let mut revised = self.wager_line(&ticket);
        revised.revision = 1;
        self.send_wager_at(&revised, self.now_ms + 4 * SECOND, note);
        self.end(&ticket, ticket.due_ms, ticket.payout, 0, note);
    }

    pub(super) fn voided_later(&mut self, ticket: Ticket, note: u32) {
        self.place_noted(&ticket, note);
        let settle = self.settle_line(&ticket, ticket.due_ms, ticket.payout);
        self.send_outcome(&settle, note);
        let mut cancel = self.cancel(&ticket, ticket.due_ms + 5 * MINUTE);
        cancel.revision = 1;
        self.send_outcome(&cancel, note);
        self.cancelled(&ticket, cancel.at_ms);
    }

    pub(super) fn revived_wager(&mut self, ticket: Ticket, note: u32) {
        self.place_noted(&ticket, note);
        let cancel = self.cancel(&ticket, ticket.at_ms + 200);
        self.send_outcome(&cancel, note);
        self.reject_outcome(&ticket, "cancel_after_settle");
        self.end(&ticket, ticket.due_ms + 20 * SECOND, ticket.payout, 1, note);
    }

    pub(super) fn reversed_payment(&mut self, ticket: Ticket, note: u32) {
        let amount = self.typical(ticket.player) * 30;
        let mut line = self.payment_line(ticket.player, "deposit", amount, self.now_ms);
        self.send_payment(&line, note);
        (line.status, line.revision, line.at_ms) = (Some("reversed"), 1, self.now_ms + 90 * SECOND);
        self.send_payment(&line, note);
        self.move_later(
            line.at_ms,
            Movement { player: ticket.player, delta: 0, against: System::Cashier, reversed: true },
        );
        self.about(note, ticket.player, vec![format!("t{}", line.id)]);
        self.ordinary(ticket, NO_INCIDENT);
    }
}
