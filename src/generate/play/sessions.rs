//! Players come, play for a while, and leave.

use super::agenda::Event;
use super::{House, Session};
use crate::generate::outbox::NO_INCIDENT;

impl House<'_> {
    /// A session's turn: log in, top up, wager, or leave.
    pub(super) fn session_wager(&mut self, index: u32) {
        if self.unplaced == 0 {
            return;
        }
        let mut session = self.sessions[index as usize];
        if session.left == 0 {
            session = self.log_in();
            self.sessions[index as usize] = session;
            let at_ms = self.now_ms + self.dice.between(1_000, 4_000);
            return self.later(at_ms, Event::Play(index));
        }
        let Some(ticket) = self.ticket(session.player, session.game) else {
            // Not enough left: a deposit, or good night.
            if self.dice.chance(0.7) {
                self.deposit(session.player);
                let at_ms = self.now_ms + self.dice.between(2_000, 20_000);
                return self.later(at_ms, Event::Play(index));
            }
            self.log_out(index);
            return self.later(self.now_ms + 1, Event::Play(index));
        };
        session.left -= 1;
        if self.dice.chance(0.02) {
            session.game = self.games.draw(&mut self.dice);
        }
        self.sessions[index as usize] = session;
        if session.left == 0 {
            self.log_out(index);
        }
        let pace = self.pace();
        self.later(self.now_ms + pace, Event::Play(index));
        match self.deck.turn(self.plan, self.unplaced, &mut self.dice) {
            Some(fault) => self.go_wrong(fault, ticket),
            None => self.ordinary(ticket, NO_INCIDENT),
        }
    }

    /// Milliseconds to a session's next wager, so that play ends when it should.
    fn pace(&mut self) -> u64 {
        let left_ms = self.end_ms.saturating_sub(self.now_ms) * self.sessions.len() as u64;
        let mean = left_ms / self.unplaced.max(1);
        let nominal = (self.end_ms - self.plan.start_ms) * self.sessions.len() as u64 / self.plan.wagers;
        let mean = mean.clamp(nominal / 2, nominal * 2).max(2);
        self.dice.between(mean * 3 / 10, mean * 17 / 10)
    }

    fn log_in(&mut self) -> Session {
        let mut player = self.players.draw(&mut self.dice);
        for _ in 0..8 {
            if !self.playing[player] {
                break;
            }
            player = self.players.draw(&mut self.dice);
        }
        let accounts = self.plan.accounts as usize;
        while self.playing[player] {
            player = (player + 1) % accounts;
        }
        self.playing[player] = true;
        if self.books.ledgers[player].balance < self.stakes[player] * 20 {
            self.deposit(player);
        }
        // Most runs are short, some last.
        let left = self.dice.between(5, 40) + if self.dice.chance(0.2) { self.dice.below(120) } else { 0 };
        Session { player, game: self.games.draw(&mut self.dice), left }
    }

    fn log_out(&mut self, index: u32) {
        let Session { player, .. } = self.sessions[index as usize];
        self.playing[player] = false;
        self.sessions[index as usize].left = 0;
        let (balance, stake) = (self.books.ledgers[player].balance, self.stakes[player]);
        if balance > stake * 150 && self.dice.chance(0.5) {
            let amount = balance / 2 / stake * stake;
            self.pay(player, "withdrawal", amount);
        } else if self.dice.chance(0.01) {
            let sign = if self.dice.chance(0.3) && balance > stake { -1 } else { 1 };
            self.pay(player, "adjustment", sign * stake / 2);
        }
    }

    fn deposit(&mut self, player: usize) {
        let amount = self.stakes[player] * self.dice.pick(&[50, 50, 100, 100, 200]);
        self.pay(player, "deposit", amount);
    }
}
