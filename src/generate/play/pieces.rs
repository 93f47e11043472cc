//! What wagers, payments and faults are made of: lines, and what they do to the books.

use super::agenda::Event;
use super::{House, Movement, Ticket};
use crate::generate::books::System;
use crate::generate::outbox::NO_INCIDENT;
use crate::generate::wire::{Money, OutcomeLine, PaymentLine, Twist, WagerLine};

impl House<'_> {
    /// The line of a wager.
    pub fn wager_line(&self, ticket: &Ticket) -> WagerLine {
        let Ticket { id, player, game, stake, at_ms, free_round, .. } = *ticket;
        WagerLine {
            id,
            player,
            game,
            stake,
            at_ms,
            round: id,
            revision: 0,
            free_round,
            claim: None,
            twist: Twist::None,
        }
    }

    /// The line of a settle.
    pub fn settle_line(&self, ticket: &Ticket, at_ms: u64, payout: i64) -> OutcomeLine {
        OutcomeLine {
            id: ticket.id,
            part: None,
            kind: "settle",
            player: ticket.player,
            game: ticket.game,
            payout: Some(payout),
            currency: self.money(ticket.player),
            at_ms,
            revision: 0,
            echo_player: None,
            echo_game: None,
            echo_stake: None,
            known_ms: None,
            claim: None,
            twist: Twist::None,
        }
    }

    /// The line of a cancel.
    pub fn cancel(&self, ticket: &Ticket, at_ms: u64) -> OutcomeLine {
        OutcomeLine { kind: "cancel", payout: None, ..self.settle_line(ticket, at_ms, 0) }
    }

    /// The line of an unsettle of this revision.
    pub fn unsettle(&self, ticket: &Ticket, at_ms: u64, revision: u32) -> OutcomeLine {
        OutcomeLine { kind: "unsettle", payout: None, revision, ..self.settle_line(ticket, at_ms, 0) }
    }

    /// The currency of a player.
    pub fn money(&self, player: usize) -> Money {
        self.cast.money(player)
    }

    /// A player's typical stake, minor units.
    pub fn typical(&self, player: usize) -> i64 {
        self.stakes[player]
    }

    /// The wager ends settled.
    pub fn settled(&mut self, ticket: &Ticket, payout: i64) {
        self.books.settled += 1;
        if !ticket.free_round {
            let currency = usize::from(self.cast.currencies[ticket.player]);
            let terms = self.cast.games[ticket.game].terms_at(ticket.at_ms);
            self.books.returns[ticket.game][currency].settle(ticket.stake, payout, terms);
        }
    }

    /// The wager ends cancelled: its stake goes back at `at_ms`.
    pub fn cancelled(&mut self, ticket: &Ticket, at_ms: u64) {
        self.books.cancelled += 1;
        self.pay_out(ticket, at_ms, ticket.stake);
    }

    /// The wager stays open, and is missed when its outcome is due.
    pub fn left_open(&mut self, ticket: &Ticket) {
        self.books.open += 1;
        if !ticket.free_round {
            let currency = usize::from(self.cast.currencies[ticket.player]);
            self.books.returns[ticket.game][currency].open(ticket.stake);
        }
        let provider = self.cast.provider(ticket.game);
        self.books.reject("wagers", provider, Some(format!("w{}", ticket.id)), "outcome_missing");
    }

    /// Books a payout (or a stake's return) when its time comes.
    pub fn pay_out(&mut self, ticket: &Ticket, at_ms: u64, amount: i64) {
        self.move_later(
            at_ms,
            Movement { player: ticket.player, delta: amount, against: System::House, reversed: false },
        );
    }

    /// Books a movement when its time comes.
    pub fn move_later(&mut self, at_ms: u64, movement: Movement) {
        self.later(at_ms, Event::Move(movement));
    }

    pub(super) fn move_now(&mut self, movement: Movement) {
        let Movement { player, delta, against, reversed } = movement;
        let currency = self.cast.currencies[player];
        if reversed {
            self.books.book_reversed(player, currency, self.now_ms, against);
        } else {
            self.books.book(player, currency, self.now_ms, delta, against, None);
        }
    }

    /// Plays a ticket of a later time when its time comes.
    pub fn place_later(&mut self, ticket: Ticket, incident: u32) {
        self.later(ticket.at_ms, Event::Place(ticket, incident));
    }

    /// Pays now: books and sends a payment. Withdrawals and deposits are positive amounts.
    pub fn pay(&mut self, player: usize, kind: &'static str, amount: i64) -> PaymentLine {
        let mut line = self.payment_line(player, kind, amount, self.now_ms);
        let (delta, against) = match kind {
            "withdrawal" => (-amount, System::Cashier),
            "adjustment" => (amount, System::Adjustments),
            _ => (amount, System::Cashier),
        };
        let currency = self.cast.currencies[player];
        let claims = !self.plan.plain && line.id % 4 == 2;
        line.claim = claims.then_some(self.books.ledgers[player].balance + delta);
        self.books.book(player, currency, self.now_ms, delta, against, line.claim);
        self.send_payment(&line, NO_INCIDENT);
        line
    }

    /// The line of a new payment.
    pub fn payment_line(
        &mut self,
        player: usize,
        kind: &'static str,
        amount: i64,
        at_ms: u64,
    ) -> PaymentLine {
        self.payment_ids += 1;
        let id = self.payment_ids;
        PaymentLine {
            id,
            player,
            kind,
            amount,
            at_ms,
            revision: 0,
            status: None,
            claim: None,
            twist: Twist::None,
        }
    }
}
