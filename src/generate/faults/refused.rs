//! Wagers and payments that are not booked.

use super::SECOND;
use crate::generate::outbox::NO_INCIDENT;
use crate::generate::play::{House, Ticket};
use crate::generate::wire::Twist;

impl House<'_> {
    pub(super) fn unsupported_field(&mut self, ticket: Ticket, note: u32) {
        let twist = Twist::Field("\"jackpot_contribution\":\"0.05\"");
        self.refused(ticket, twist, "unsupported_field", true, note);
    }

    pub(super) fn unknown_currency(&mut self, ticket: Ticket, note: u32) {
        self.refused(ticket, Twist::Currency("EUX"), "unknown_currency", false, note);
    }

    pub(super) fn stake_not_positive(&mut self, ticket: Ticket, note: u32) {
        self.refused(Ticket { stake: 0, ..ticket }, Twist::None, "stake_not_positive", false, note);
    }

    pub(super) fn unknown_game(&mut self, ticket: Ticket, note: u32) {
        self.refused(ticket, Twist::Game("ghost-reels"), "unknown_game", true, note);
    }

    /// A wager that fails a check; with its outcome, which then has no wager.
    fn refused(&mut self, ticket: Ticket, twist: Twist, cause: &'static str, settles: bool, note: u32) {
        let mut line = self.wager_line(&ticket);
        line.twist = twist;
        self.send_wager(&line, note);
        self.reject_wager(&ticket, cause);
        if settles {
            let line = self.settle_line(&ticket, ticket.due_ms, ticket.payout);
            self.send_outcome(&line, note);
            self.reject_outcome(&ticket, "outcome_without_wager");
        }
    }

    pub(super) fn bad_amount(&mut self, ticket: Ticket, round: u64, note: u32) {
        const SPELLINGS: &[&str] = &[
            "-5",
            "5.0000000001",
            "1000000000000000",
            "5,00",
            "1e3",
            "+5",
            "05",
            "-0",
            "5.",
            ".5",
            "",
            " 5",
            "5 EUR",
            "NaN",
            "0x10",
            "99999999999999999999999999",
        ];
        let spelling = SPELLINGS[(round / 3) as usize % SPELLINGS.len()];
        match round % 3 {
            0 => self.refused(ticket, Twist::Amount(spelling), "bad_amount", false, note),
            1 => {
                let mut line = self.payment_line(ticket.player, "deposit", 0, self.now_ms);
                line.twist = Twist::Amount(spelling);
                self.send_payment(&line, note);
                self.reject_payment(line.id, "bad_amount");
                self.ordinary(ticket, NO_INCIDENT);
            }
            _ => {
                self.place_noted(&ticket, note);
                let mut line = self.settle_line(&ticket, ticket.due_ms, 0);
                line.twist = Twist::Amount(spelling);
                self.send_outcome(&line, note);
                self.reject_outcome(&ticket, "bad_amount");
                self.end(&ticket, ticket.due_ms + SECOND, ticket.payout, 0, note);
            }
        }
    }

    pub(super) fn unknown_kind(&mut self, ticket: Ticket, round: u64, note: u32) {
        if round.is_multiple_of(3) {
            self.place_noted(&ticket, note);
            let mut line = self.settle_line(&ticket, ticket.due_ms, ticket.payout);
            line.twist = Twist::Kind("win");
            self.send_outcome(&line, note);
            self.reject_outcome(&ticket, "unknown_kind");
            return self.end(&ticket, ticket.due_ms + 2 * SECOND, ticket.payout, 0, note);
        }
        let amount = self.typical(ticket.player) * 10;
        let mut line = self.payment_line(ticket.player, "deposit", amount, self.now_ms);
        if round % 3 == 1 {
            line.twist = Twist::Kind("bonus");
        } else {
            line.status = Some("pending");
        }
        self.send_payment(&line, note);
        self.reject_payment(line.id, "unknown_kind");
        self.ordinary(ticket, NO_INCIDENT);
    }

    pub(super) fn unknown_account(&mut self, ticket: Ticket, round: u64, note: u32) {
        if round.is_multiple_of(2) {
            return self.refused(ticket, Twist::Account("stranger"), "unknown_account", false, note);
        }
        let amount = self.typical(ticket.player) * 10;
        let mut line = self.payment_line(ticket.player, "deposit", amount, self.now_ms);
        line.twist = Twist::Account("stranger");
        self.send_payment(&line, note);
        self.reject_payment(line.id, "unknown_account");
        self.ordinary(ticket, NO_INCIDENT);
    }
}
