//! What several faults are made of.

use super::{Fault, Incident, TOLD};
use crate::generate::outbox::NO_INCIDENT;
use crate::generate::play::{House, Ticket};

impl House<'_> {
    /// Notes what goes wrong, unless enough of its kind is told already; records are marked with what this returns.
    pub(super) fn incident(&mut self, fault: Fault, ticket: &Ticket, round: u64) -> u32 {
        if round >= TOLD {
            return NO_INCIDENT;
        }
        self.incidents.push(Incident {
            name: fault.name(),
            at_ms: self.now_ms,
            account: self.cast.account(ticket.player),
            ids: vec![format!("w{}", ticket.id)],
        });
        self.incidents.len() as u32 - 1
    }

    /// The incident is about this one instead of the player and wager first drawn.
    pub(super) fn about(&mut self, note: u32, player: usize, ids: Vec<String>) {
        let account = self.cast.account(player);
        if let Some(incident) = self.incidents.get_mut(note as usize) {
            (incident.account, incident.ids) = (account, ids);
        }
    }

    pub(super) fn reject_wager(&mut self, ticket: &Ticket, cause: &'static str) {
        self.books.reject("wagers", self.cast.provider(ticket.game), Some(format!("w{}", ticket.id)), cause);
    }

    pub(super) fn reject_outcome(&mut self, ticket: &Ticket, cause: &'static str) {
        self.books.reject(
            "outcomes",
            self.cast.provider(ticket.game),
            Some(format!("w{}", ticket.id)),
            cause,
        );
    }

    pub(super) fn reject_payment(&mut self, id: u64, cause: &'static str) {
        self.books.reject("payments", self.cast.cashier(), Some(format!("t{id}")), cause);
    }

    pub(super) fn conflict(&mut self, topic: &str, provider: &str, id: &str) {
        self.books.anomaly("conflict", format!("{topic}/{provider}/{id}"));
    }

    /// Places a wager now, its record part of an incident.
    pub(super) fn place_noted(&mut self, ticket: &Ticket, note: u32) {
        self.book_stake(ticket, None);
        let line = self.wager_line(ticket);
        self.send_wager(&line, note);
    }

    /// Sends a settle and, when its time comes, books it: the wager's end.
    pub(super) fn end(&mut self, ticket: &Ticket, at_ms: u64, payout: i64, revision: u32, note: u32) {
        let mut line = self.settle_line(ticket, at_ms, payout);
        line.revision = revision;
        self.send_outcome(&line, note);
        self.pay_out(ticket, at_ms, payout);
        self.settled(ticket, payout);
    }

    /// A payout that is not the ticket's: some stakes more.
    pub(super) fn other_payout(&self, ticket: &Ticket) -> i64 {
        ticket.payout + self.typical(ticket.player) * 3
    }

    /// A player of the incident's own, who holds the currency of `like` and deposits `stakes` typical stakes now.
    pub(super) fn newcomer(&mut self, like: usize, stakes: i64) -> usize {
        let player = self.welcome(self.cast.currencies[like]);
        let amount = self.typical(player) * stakes;
        self.pay(player, "deposit", amount);
        player
    }
}
