//! What shows only in many wagers.

use super::SECOND;
use crate::generate::games::Game;
use crate::generate::outbox::NO_INCIDENT;
use crate::generate::play::{House, Ticket};
use crate::generate::wire::PROVIDERS_NAMED;

impl House<'_> {
    fn history(
        &mut self,
        player: usize,
        game: usize,
        stakes: &[i64],
        every_ms: u64,
        pays: Option<i64>,
        note: u32,
    ) -> Vec<String> {
        let mut ids = Vec::new();
        for (step, &stake) in stakes.iter().enumerate() {
            let at_ms = self.now_ms + 3 * SECOND + step as u64 * every_ms;
            let mut ticket = self.draw_ticket(player, game, stake, false, at_ms);
            if let Some(times) = pays {
                ticket.payout = stake * times;
            }
            ids.push(format!("w{}", ticket.id));
            self.place_later(ticket, note);
        }
        ids.drain(1..ids.len() - 1);
        ids
    }

    pub(super) fn velocity(&mut self, ticket: Ticket, note: u32) {
        self.ordinary(ticket, NO_INCIDENT);
        let player = self.newcomer(ticket.player, 100);
        let stake = self.typical(player);
        let ids = self.history(player, ticket.game, &[stake; 75], 2 * SECOND, None, note);
        self.about(note, player, ids);
    }

    pub(super) fn stake_spike(&mut self, ticket: Ticket, note: u32) {
        self.ordinary(ticket, NO_INCIDENT);
        let player = self.newcomer(ticket.player, 100);
        let stake = self.typical(player);
        let mut stakes: Vec<i64> =
            [4, 5, 6, 5, 4, 6, 5].iter().cycle().take(30).map(|fifths| stake / 5 * fifths).collect();
        stakes.push(stake * 40);
        let subject = format!("{}/{}", self.cast.account(player), self.money(player).code);
        self.books.spikes.push(subject);
        let ids = self.history(player, ticket.game, &stakes, 9 * SECOND, None, note);
        self.about(note, player, ids);
    }

    pub(super) fn rtp_out_of_band(&mut self, ticket: Ticket, note: u32) {
        self.ordinary(ticket, NO_INCIDENT);
        let number = self.cast.games.len();
        let game = self.open_game(Game::loose(number, number % PROVIDERS_NAMED));
        let player = self.newcomer(ticket.player, 100);
        let stake = self.typical(player);
        let ids = self.history(player, game, &[stake; 40], 8 * SECOND, Some(8), note);
        self.about(note, player, ids);
    }
}
