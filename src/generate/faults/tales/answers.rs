//! What the provider says when it is asked again.

use super::{EURO, RAVI, SECOND, SINA, SLOTS, TIMO, Tale};
use crate::generate::play::{House, Ticket};

impl House<'_> {
    pub(super) fn asked_and_mended(&mut self, tale: Tale) {
        let (ticket, note) = self.asked(tale, RAVI);
        for (after_ms, payout) in [(0, 4 * EURO), (400, 10 * EURO)] {
            let settle = self.settle_line(&ticket, ticket.due_ms + after_ms, payout);
            self.send_outcome(&settle, note);
        }
        self.answered(&ticket, 1, note);
    }

    pub(super) fn asked_and_found(&mut self, tale: Tale) {
        let (ticket, note) = self.asked(tale, SINA);
        self.answered(&ticket, 0, note);
    }

    pub(super) fn asked_in_vain(&mut self, tale: Tale) {
        let (ticket, _) = self.asked(tale, TIMO);
        self.left_open(&ticket);
    }

    /// A wager of which the provider will be asked.
    fn asked(&mut self, tale: Tale, player: usize) -> (Ticket, u32) {
        let player = self.told(player);
        let ticket = self.bet(player, SLOTS, 2 * EURO, 10 * EURO, self.now_ms + 30 * SECOND);
        let note = self.begin(tale, player, vec![format!("w{}", ticket.id)]);
        self.pays(player, "deposit", 20 * EURO, self.now_ms, note);
        self.stakes_in(&ticket, ticket.id, note);
        (ticket, note)
    }

    /// The answer settles it.
    fn answered(&mut self, ticket: &Ticket, revision: u32, note: u32) {
        let mut settle = self.settle_line(ticket, ticket.due_ms, ticket.payout);
        settle.revision = revision;
        let mut line = Vec::new();
        self.cast.outcome(&mut line, &settle, None);
        self.desk.answer(String::from_utf8_lossy(&line).into_owned(), note);
        self.pay_out(ticket, ticket.due_ms, ticket.payout);
        self.settled(ticket, ticket.payout);
    }
}
