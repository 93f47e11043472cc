//! The plain house: no sessions, random players at random times, all in planned numbers.

use super::agenda::Event;
use super::{House, Ticket};
use crate::generate::outbox::NO_INCIDENT;

impl House<'_> {
    pub(super) fn plain_wager(&mut self) {
        let placed = self.plan.wagers - self.unplaced;
        let player = self.players.draw(&mut self.dice);
        let game = self.games.draw(&mut self.dice);
        let stake = self.stakes[player] / 5 * self.dice.between(3, 8) as i64;
        if !self.books.ledgers[player].touched && self.deposits > 0 {
            self.deposits -= 1;
            self.plain_deposit(player);
        }
        self.top_up(player, placed);
        let ticket = self.draw_ticket(player, game, stake, false, self.now_ms);
        // Exactly as many unsettled as planned, each wager as likely as another (selection sampling).
        if self.dice.below(self.unplaced + 1) < self.unsettled {
            self.unsettled -= 1;
            self.place(&ticket, NO_INCIDENT);
            self.left_open(&ticket);
        } else {
            self.ordinary(ticket, NO_INCIDENT);
        }
        if self.unplaced > 0 {
            let next = self.plain_time(placed + 1, self.plan.wagers);
            self.later(next, Event::Plain);
        }
    }

    /// Deposits beyond one of each player are spread over the wagers: whoever places one pays what is due by then.
    fn top_up(&mut self, player: usize, placed: u64) {
        let spread = u128::from(self.plan.payments.saturating_sub(self.plan.accounts));
        let due = (spread * u128::from(placed + 1) / u128::from(self.plan.wagers)) as u64;
        while self.topped_up < due && self.deposits > 0 {
            self.topped_up += 1;
            self.deposits -= 1;
            self.plain_deposit(player);
        }
    }

    /// When the `index`th of `count` events takes place: a random moment of its own share of the time.
    fn plain_time(&mut self, index: u64, count: u64) -> u64 {
        let span_ms = u128::from(self.end_ms - self.plan.start_ms);
        let slot = |index: u64| (span_ms * u128::from(index) / u128::from(count)) as u64;
        self.plan.start_ms + slot(index) + self.dice.below(slot(index + 1) - slot(index) + 1)
    }

    pub(super) fn plain_orphan(&mut self, left: u64) {
        let game = self.games.draw(&mut self.dice);
        let player = self.players.draw(&mut self.dice);
        let ticket = Ticket {
            id: self.lost_id(),
            player,
            game,
            stake: 0,
            payout: 0,
            at_ms: self.now_ms,
            due_ms: self.now_ms,
            free_round: false,
        };
        let payout = self.stakes[player] * self.dice.between(0, 9) as i64;
        let line = self.settle_line(&ticket, self.now_ms, payout);
        self.send_outcome(&line, NO_INCIDENT);
        self.books.reject("outcomes", "-", Some(format!("w{}", ticket.id)), "outcome_without_wager");
        if left > 1 {
            let next = self.plain_time(self.plan.orphans - left + 1, self.plan.orphans);
            self.later(next, Event::Orphan(left - 1));
        }
    }

    /// A deposit that most likely lasts: what Zipf makes a player wager, and some more.
    fn plain_deposit(&mut self, player: usize) {
        let stake = self.stakes[player];
        let expected = self.plan.wagers as f64 / (self.plan.accounts as f64).max(1.0);
        let amount = stake * 200 + (expected as i64) * stake / (player as i64 / 100 + 1);
        self.pay(player, "deposit", amount);
    }

    /// Deposits that were planned and not made: of players who never came, then of anyone.
    pub(super) fn late_deposits(&mut self) {
        let mut player = 0;
        while self.plan.plain && self.deposits > 0 {
            let accounts = self.plan.accounts as usize;
            while player < accounts && self.books.ledgers[player].touched {
                player += 1;
            }
            let payer = if player < accounts { player } else { self.players.draw(&mut self.dice) };
            self.deposits -= 1;
            self.plain_deposit(payer);
        }
    }
}
