//! Players and games that are what nobody is by chance.

use super::{BO, CLEO, EURO, FAY, HOUR, HUGO, MINUTE, SECOND, SLOTS, SVEN, TILDA, Tale};
use crate::generate::play::House;

impl House<'_> {
    /// In each hour sixteen wagers, one of which pays 41 stakes: 1.8 deviations. The first hour's stakes are five times
    /// the others', so that over all time the game stays in its band.
    pub(super) fn creeping_game(&mut self, tale: Tale) {
        let player = self.told(HUGO);
        let note = self.begin(tale, player, Vec::new());
        self.pays(player, "deposit", 300 * EURO, self.now_ms, note);
        let game = self.cast.games.iter().position(|game| game.id == "creeping-reels").unwrap_or(SLOTS);
        for hour in 0..5 {
            let stake = if hour == 0 { 5 * EURO } else { EURO };
            for wager in 0..16 {
                let at_ms = self.now_ms + hour * HOUR + MINUTE + wager * 20 * SECOND;
                let ticket = self.bet(player, game, stake, if wager == 5 { 41 * stake } else { 0 }, at_ms);
                self.plays(&ticket, note);
            }
        }
        let (provider, code) = (self.cast.provider(game), self.money(player).code);
        self.books.at_least("slow_drift", format!("{provider}/creeping-reels/{code}"));
    }

    pub(super) fn shared_card(&mut self, tale: Tale) {
        let (bo, cleo) = (self.told(BO), self.told(CLEO));
        let note = self.begin(tale, bo, Vec::new());
        self.pays(bo, "deposit", 100 * EURO, self.now_ms, note);
        self.pays(cleo, "deposit", 100 * EURO, self.now_ms + 40 * SECOND, note);
        let smallest = self.cast.account(bo);
        self.books.anomaly("linked_accounts", smallest);
    }

    pub(super) fn both_sides(&mut self, tale: Tale) {
        let (bo, cleo) = (self.told(BO), self.told(CLEO));
        let note = self.begin(tale, bo, Vec::new());
        let game = self.cast.games.iter().position(|game| game.category == "roulette").unwrap_or(SLOTS);
        for round in 0..3 {
            let at_ms = self.now_ms + round * 40 * SECOND;
            let (winner, loser) = if round == 1 { (cleo, bo) } else { (bo, cleo) };
            let won = self.bet(winner, game, 10 * EURO, 20 * EURO, at_ms);
            let lost = self.bet(loser, game, 10 * EURO, 0, at_ms + SECOND);
            for ticket in [won, lost] {
                self.stakes_in(&ticket, won.id, note);
                self.end(&ticket, won.due_ms + SECOND, ticket.payout, 0, note);
            }
        }
        let subject = self.subject(bo);
        self.books.anomaly("opposite_betting", subject);
    }

    pub(super) fn passed_through(&mut self, tale: Tale) {
        let player = self.told(TILDA);
        let note = self.begin(tale, player, Vec::new());
        self.pays(player, "deposit", 2_400 * EURO, self.now_ms, note);
        let ticket = self.bet(player, SLOTS, EURO, 0, self.now_ms + 2 * MINUTE);
        self.plays(&ticket, note);
        self.pays(player, "withdrawal", 2_390 * EURO, self.now_ms + 20 * MINUTE, note);
        let subject = self.subject(player);
        self.books.at_least("deposit_then_withdraw", subject);
    }

    pub(super) fn structured(&mut self, tale: Tale) {
        let player = self.told(SVEN);
        let note = self.begin(tale, player, Vec::new());
        for part in 0..4 {
            self.pays(player, "deposit", 2_900 * EURO, self.now_ms + part * 30 * MINUTE, note);
        }
        let subject = self.subject(player);
        self.books.at_least("structuring", subject);
    }

    pub(super) fn lucky_streak(&mut self, tale: Tale) {
        let player = self.told(FAY);
        let note = self.begin(tale, player, Vec::new());
        self.pays(player, "deposit", 60 * EURO, self.now_ms, note);
        for wager in 0..30 {
            let at_ms = self.now_ms + MINUTE + wager * 20 * SECOND;
            let payout = if wager % 3 == 2 { 50 * EURO } else { 0 };
            let ticket = self.bet(player, SLOTS, EURO, payout, at_ms);
            self.plays(&ticket, note);
            self.desk.paid(player, payout);
        }
        let subject = self.subject(player);
        self.books.at_least("improbable_wins", subject);
    }
}
