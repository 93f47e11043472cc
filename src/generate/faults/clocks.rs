//! Clocks that are wrong, and records that come late.

use super::{DAY, HOUR, MINUTE, SECOND};
use crate::generate::books::System;
use crate::generate::outbox::NO_INCIDENT;
use crate::generate::play::{House, Ticket};

impl House<'_> {
    /// A wager, and perhaps its outcome, of a clock that is fast by this much.
    pub(super) fn ahead(&mut self, ticket: Ticket, by_ms: u64, settles: bool, note: u32) {
        let mut line = self.wager_line(&ticket);
        let arrival_ms = self.arrival(self.now_ms);
        line.at_ms += by_ms;
        self.send_wager_at(&line, arrival_ms, note);
        self.reject_wager(&ticket, "clock_skew");
        if settles {
            let line = self.settle_line(&ticket, ticket.due_ms + by_ms, ticket.payout);
            let arrival_ms = self.arrival(ticket.due_ms);
            self.send_outcome_at(&line, arrival_ms, note);
            self.reject_outcome(&ticket, "clock_skew");
        }
    }

    /// The receipt lies thirty days beyond those around it.
    pub(super) fn receipt_ahead(&mut self, ticket: Ticket, note: u32) {
        let line = self.wager_line(&ticket);
        let arrival_ms = self.arrival(ticket.at_ms);
        let mut bytes = Vec::new();
        self.cast.wager(&mut bytes, &line, Some(arrival_ms + 30 * DAY));
        self.send_raw(0, &bytes, arrival_ms, note);
        self.reject_wager(&ticket, "clock_skew");
    }

    pub(super) fn past_horizon(&mut self, ticket: Ticket, round: u64, note: u32) {
        let old_ms = self.now_ms - 40 * DAY;
        match round % 3 {
            0 => {
                let mut line = self.wager_line(&ticket);
                line.at_ms = old_ms;
                self.send_wager(&line, note);
                self.reject_wager(&ticket, "past_horizon");
            }
            1 => {
                let amount = self.typical(ticket.player) * 10;
                let line = self.payment_line(ticket.player, "deposit", amount, old_ms);
                self.send_payment(&line, note);
                self.reject_payment(line.id, "past_horizon");
                self.ordinary(ticket, NO_INCIDENT);
            }
            _ => {
                self.place_noted(&ticket, note);
                let line = self.settle_line(&ticket, old_ms, ticket.payout);
                self.send_outcome(&line, note);
                self.reject_outcome(&ticket, "past_horizon");
                self.end(&ticket, ticket.due_ms, ticket.payout, 0, note);
            }
        }
    }

    pub(super) fn late_win(&mut self, ticket: Ticket, note: u32) {
        self.place_noted(&ticket, note);
        let late_ms = self.dice.between(HOUR, 3 * HOUR);
        self.end(&ticket, ticket.at_ms + late_ms, ticket.stake * 2, 0, note);
    }

    /// A newcomer's records, all of them five hours behind.
    pub(super) fn zone_behind(&mut self, ticket: Ticket, note: u32) {
        self.ordinary(ticket, NO_INCIDENT);
        let player = self.welcome(self.cast.currencies[ticket.player]);
        let currency = self.cast.currencies[player];
        let stake = self.typical(player);
        let behind_ms = self.now_ms - 5 * HOUR;
        let deposit = self.payment_line(player, "deposit", stake * 10, behind_ms - MINUTE);
        self.send_payment(&deposit, note);
        self.books.book(player, currency, deposit.at_ms, deposit.amount, System::Cashier, None);
        let own = self.draw_ticket(player, ticket.game, stake, false, behind_ms);
        let line = self.wager_line(&own);
        self.send_wager(&line, note);
        self.book_stake(&own, None);
        let settle = self.settle_line(&own, own.due_ms, own.payout);
        self.send_outcome(&settle, note);
        self.books.book(player, currency, own.due_ms, own.payout, System::House, None);
        self.settled(&own, own.payout);
        self.about(note, player, vec![format!("w{}", own.id), format!("t{}", deposit.id)]);
    }

    pub(super) fn late_wager(&mut self, ticket: Ticket, note: u32) {
        self.place_noted(&ticket, note);
        let payout = ticket.stake * 2;
        let mut line = self.settle_line(&ticket, ticket.due_ms, payout);
        line.known_ms = Some(ticket.at_ms - 3 * SECOND);
        self.send_outcome(&line, note);
        self.pay_out(&ticket, ticket.due_ms, payout);
        self.settled(&ticket, payout);
        let provider = self.cast.provider(ticket.game);
        self.books.anomaly("late_wager", format!("{provider}/w{}", ticket.id));
    }
}
