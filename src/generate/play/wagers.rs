//! An ordinary wager, from its draw to its end.

use super::agenda::Event;
use super::{House, Ticket};
use crate::generate::books::System;
use crate::generate::outbox::NO_INCIDENT;
use crate::generate::wire::{OutcomeLine, WagerLine};

/// Wagers remembered for batches that are sent again.
const REMEMBERED: usize = 24;

impl House<'_> {
    /// Gives the next wager its number; `None` where the player cannot pay for it.
    pub(super) fn ticket(&mut self, player: usize, game: usize) -> Option<Ticket> {
        let stake = self.stakes[player] / 5 * self.dice.between(3, 8) as i64;
        let free_round = self.dice.chance(0.008);
        if !free_round && self.books.ledgers[player].balance < stake {
            return None;
        }
        Some(self.draw_ticket(player, game, stake, free_round, self.now_ms))
    }

    /// The next wager, drawn: how long its round lasts and what it pays. A free round of stake zero pays for the
    /// player's typical stake.
    pub fn draw_ticket(
        &mut self,
        player: usize,
        game: usize,
        stake: i64,
        free_round: bool,
        at_ms: u64,
    ) -> Ticket {
        self.unplaced = self.unplaced.saturating_sub(1);
        self.ids += 1;
        let played = &self.cast.games[game];
        let lasts_ms = if self.plan.plain {
            self.dice.below(30_001)
        } else {
            self.dice.between(played.lasts_ms.0, played.lasts_ms.1)
        };
        let tenths = played.terms_at(at_ms).draw(&mut self.dice);
        Ticket {
            id: self.ids,
            player,
            game,
            stake: if free_round { 0 } else { stake },
            payout: stake / 10 * i64::from(tenths),
            at_ms,
            due_ms: at_ms + lasts_ms,
            free_round,
        }
    }

    /// A number that no wager has.
    pub fn lost_id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    /// A wager's usual life: placed, and settled when its round ends; now and then called off, or paid in two parts.
    pub fn ordinary(&mut self, ticket: Ticket, incident: u32) {
        let line = self.place(&ticket, incident);
        if self.plan.plain {
            self.settled(&ticket, ticket.payout);
            return self.later(ticket.due_ms, Event::Settle(ticket));
        }
        self.remember(line);
        match self.dice.below(500) {
            0 => self.call_off(&ticket),
            1..5 => self.pay_in_parts(&ticket),
            _ => {
                self.settled(&ticket, ticket.payout);
                self.later(ticket.due_ms, Event::Settle(ticket));
            }
        }
    }

    fn remember(&mut self, line: WagerLine) {
        if self.remembered.len() == REMEMBERED {
            self.remembered.pop_front();
        }
        self.remembered.push_back(line);
    }

    fn call_off(&mut self, ticket: &Ticket) {
        let cancel = self.cancel(ticket, ticket.at_ms + 300);
        self.send_outcome(&cancel, NO_INCIDENT);
        self.cancelled(ticket, cancel.at_ms);
    }

    fn pay_in_parts(&mut self, ticket: &Ticket) {
        let bonus = ticket.payout / 3;
        let mut base = self.settle_line(ticket, ticket.due_ms, ticket.payout - bonus);
        base.part = Some("base");
        let mut feature = self.settle_line(ticket, ticket.due_ms + 900, bonus);
        feature.part = Some("feature");
        for part in [base, feature] {
            self.send_outcome(&part, NO_INCIDENT);
            self.pay_out(ticket, part.at_ms, part.payout.unwrap_or(0));
        }
        self.settled(ticket, ticket.payout);
    }

    /// Places a wager now: books its stake and sends its record.
    pub fn place(&mut self, ticket: &Ticket, incident: u32) -> WagerLine {
        let mut line = self.wager_line(ticket);
        self.book_stake(ticket, None);
        // A quarter of the providers' records say what they think the balance is.
        if !self.plan.plain && ticket.id.is_multiple_of(4) {
            let ours = self.books.ledgers[ticket.player].balance;
            if ticket.stake == 0 {
                self.claim(ticket.player, ours);
            }
            line.claim = Some(ours);
        }
        self.send_wager(&line, incident);
        line
    }

    /// A right claim that goes with no movement.
    fn claim(&mut self, player: usize, ours: i64) {
        let currency = self.cast.currencies[player];
        self.books.book(player, currency, self.now_ms, 0, System::House, Some(ours));
    }

    /// Books a stake now, with what the provider says the balance is after it.
    pub fn book_stake(&mut self, ticket: &Ticket, claim: Option<i64>) {
        let currency = self.cast.currencies[ticket.player];
        self.books.book(ticket.player, currency, ticket.at_ms, -ticket.stake, System::House, claim);
        self.books.ledgers[ticket.player].wagered(ticket.at_ms);
    }

    /// The round ends as it should: the payout is booked and sent.
    pub(super) fn settle(&mut self, ticket: &Ticket) {
        let mut line = self.settle_line(ticket, ticket.due_ms, ticket.payout);
        let claims = !self.plan.plain && ticket.id % 4 == 2;
        let ours = self.books.ledgers[ticket.player].balance + ticket.payout;
        line.claim = claims.then_some(ours);
        let currency = self.cast.currencies[ticket.player];
        self.books.book(ticket.player, currency, ticket.due_ms, ticket.payout, System::House, line.claim);
        if !self.plan.plain {
            self.echo(&mut line, ticket);
        }
        self.send_outcome(&line, NO_INCIDENT);
    }

    /// What providers repeat of a wager, more or less of it.
    fn echo(&self, line: &mut OutcomeLine, ticket: &Ticket) {
        if ticket.id.is_multiple_of(3) {
            line.echo_player = Some(ticket.player);
            line.echo_game = Some(ticket.game);
        }
        if ticket.id.is_multiple_of(5) {
            line.echo_stake = Some(ticket.stake);
        }
        if ticket.id % 2 == 1 {
            line.known_ms = Some(ticket.due_ms - (ticket.due_ms - ticket.at_ms) / 4);
        }
    }
}
