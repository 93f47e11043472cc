//! Balances and payouts that are out of proportion.

use crate::generate::outbox::NO_INCIDENT;
use crate::generate::play::{House, Ticket};

impl House<'_> {
    pub(super) fn payout_above_maximum(&mut self, ticket: Ticket, note: u32) {
        self.place_noted(&ticket, note);
        let most = self.cast.games[ticket.game].terms_at(ticket.at_ms).payout_max as i64;
        self.end(&ticket, ticket.due_ms, ticket.stake * (most + 1), 0, note);
        let provider = self.cast.provider(ticket.game);
        self.books.anomaly("payout_above_maximum", format!("{provider}/w{}", ticket.id));
    }

    pub(super) fn balance_mismatch(&mut self, ticket: Ticket, note: u32) {
        // In a millisecond of its own the claim is judged; the player's other events keep out of it by being later.
        let claim = self.books.ledgers[ticket.player].balance - ticket.stake - self.typical(ticket.player);
        let mut line = self.wager_line(&ticket);
        line.claim = Some(claim);
        self.send_wager(&line, note);
        self.book_stake(&ticket, Some(claim));
        self.end(&ticket, ticket.due_ms, ticket.payout, 0, NO_INCIDENT);
    }

    pub(super) fn overdraft(&mut self, ticket: Ticket, note: u32) {
        let over = self.books.ledgers[ticket.player].balance.max(0) + self.typical(ticket.player);
        let ticket = Ticket { stake: over / 10 * 10 + 10, payout: 0, ..ticket };
        self.place_noted(&ticket, note);
        self.end(&ticket, ticket.due_ms, 0, 0, note);
    }
}
