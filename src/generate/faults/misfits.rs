//! Outcomes that do not fit their wagers.

use super::{Fault, HOUR, SECOND};
use crate::generate::games::Game;
use crate::generate::outbox::NO_INCIDENT;
use crate::generate::play::{House, Ticket};
use crate::generate::wire::CURRENCIES;

impl House<'_> {
    pub(super) fn orphan_win(&mut self, ticket: Ticket, note: u32) {
        let lost = Ticket { id: self.lost_id(), ..ticket };
        let line = self.settle_line(&lost, ticket.due_ms, self.other_payout(&ticket));
        self.send_outcome(&line, note);
        self.reject_outcome(&lost, "outcome_without_wager");
        self.about(note, lost.player, vec![format!("w{}", lost.id)]);
        self.ordinary(ticket, NO_INCIDENT);
    }

    /// A settle that does not fit its wager, then the right one as the next revision.
    pub(super) fn corrected(&mut self, fault: Fault, ticket: Ticket, round: u64, note: u32) {
        self.place_noted(&ticket, note);
        let mut line = self.settle_line(&ticket, ticket.due_ms, ticket.payout);
        match fault {
            Fault::AccountMismatch => {
                let others = self.cast.currencies.len();
                line.echo_player = Some((ticket.player + 1) % others.max(2));
                if others < 2 {
                    self.welcome(0);
                }
            }
            Fault::GameMismatch => {
                if self.cast.games.len() < 2 {
                    self.open_game(Game::loose(0, 0));
                }
                line.echo_game = Some((ticket.game + 1) % self.cast.games.len());
            }
            Fault::StakeMismatch => line.echo_stake = Some(ticket.stake + 10),
            Fault::CurrencyMismatch => {
                let own = usize::from(self.cast.currencies[ticket.player]);
                line.currency = CURRENCIES[(own + 1) % CURRENCIES.len()];
            }
            _ => line.at_ms = ticket.at_ms - if round.is_multiple_of(2) { 10 * SECOND } else { 9 * HOUR },
        }
        let arrival_ms = self.arrival(ticket.due_ms);
        self.send_outcome_at(&line, arrival_ms, note);
        self.reject_outcome(&ticket, fault.name());
        self.end(&ticket, ticket.due_ms + 20 * SECOND, ticket.payout, 1, note);
    }

    pub(super) fn cancel_after_settle(&mut self, ticket: Ticket, note: u32) {
        self.place_noted(&ticket, note);
        self.end(&ticket, ticket.due_ms, ticket.payout, 0, note);
        let cancel = self.cancel(&ticket, ticket.due_ms + 10 * SECOND);
        self.send_outcome(&cancel, note);
        self.reject_outcome(&ticket, "cancel_after_settle");
    }

    pub(super) fn settle_after_cancel(&mut self, ticket: Ticket, note: u32) {
        self.place_noted(&ticket, note);
        let cancel = self.cancel(&ticket, ticket.at_ms + 200);
        self.send_outcome(&cancel, note);
        self.cancelled(&ticket, cancel.at_ms);
        let line = self.settle_line(&ticket, ticket.due_ms + 8 * SECOND, ticket.payout);
        self.send_outcome(&line, note);
        self.reject_outcome(&ticket, "settle_after_cancel");
    }
}
