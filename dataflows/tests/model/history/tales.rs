//! What is told: reference rows, wagers, outcomes, payments, mostly as they should be.

use std::collections::BTreeSet;

use super::draft::{Draft, digits, money};
use super::{Dice, Plan, World};
use crate::model::reference::{DAY_MS, Topic};

impl World {
    /// Games, accounts, or neither.
    pub(super) fn references(&mut self) -> Vec<Draft> {
        let mut rows = Vec::new();
        let (games, accounts) = (self.with_games, self.with_accounts);
        // Mostly all that is played has a row for ever, so that most wagers pass.
        if self.dice.chance(75) {
            let played: BTreeSet<_> = self
                .plans
                .iter()
                .map(|plan| (plan.tenant, plan.provider, plan.game))
                .filter(|_| games)
                .collect();
            for (tenant, provider, game) in played {
                rows.push(self.game(tenant, provider, game, false));
            }
            let playing: BTreeSet<_> =
                self.plans.iter().map(|plan| (plan.tenant, plan.account)).filter(|_| accounts).collect();
            for (tenant, account) in playing {
                rows.push(self.account(tenant, account, false));
            }
        }
        for _ in 0..self.dice.below(4) {
            if games {
                rows.push(self.any_game());
            }
            if accounts {
                rows.push(self.any_account());
            }
        }
        rows
    }

    pub(super) fn any_game(&mut self) -> Draft {
        let (tenant, provider) = (self.dice.word(&self.tenants), self.dice.word(&self.providers));
        let game = self.dice.word(&self.games);
        self.game(tenant, provider, game, true)
    }

    pub(super) fn any_account(&mut self) -> Draft {
        let (tenant, account) = (self.dice.word(&self.tenants), self.dice.word(&self.accounts));
        self.account(tenant, account, true)
    }

    /// A row's beginning: mostly for ever, sometimes in the midst of the history.
    pub(super) fn since(&mut self, draft: &mut Draft) {
        match self.dice.below(6) {
            0 => drop(draft.number("effective_from_ms", 0)),
            1 => {
                let since_ms = self.time();
                draft.number("effective_from_ms", since_ms);
            }
            2 => {
                let since_ms = self.dice.pick(&self.plans).at_ms + self.dice.between(-1, 1);
                draft.number("effective_from_ms", since_ms);
            }
            _ => {}
        }
    }

    pub(super) fn game(&mut self, tenant: &str, provider: &str, game: &str, begins: bool) -> Draft {
        let mut row = Draft::new(Topic::Games);
        self.owner(&mut row, tenant, provider);
        row.text("game", game);
        if begins {
            self.since(&mut row);
        }
        row.text("rtp_theoretical", self.dice.word(&["0.9650", "0.965", "1", "0.8", "00.97", "0.000000001"]));
        if self.dice.chance(70) {
            row.text("volatility", self.dice.word(&["1.5", "0.1", "12.000000001", "0", "0.0001", "3"]));
        }
        if self.dice.chance(60) {
            row.text("payout_max", self.dice.word(&["1", "2.5", "0.333333333", "100", "0", "1.50"]));
        }
        if self.dice.chance(30) {
            row.number("result_due_ms", *self.dice.pick(&[0, 1, 1_000, 600_000, i64::MAX / 4]));
        }
        if self.dice.chance(30) {
            row.text("category", self.dice.word(&["slots", "live"]));
        }
        self.revise(&mut row);
        row
    }

    pub(super) fn account(&mut self, tenant: &str, account: &str, begins: bool) -> Draft {
        let mut row = Draft::new(Topic::Accounts);
        self.owner(&mut row, tenant, "-");
        row.members.retain(|(name, _)| name != "provider");
        row.text("account", account);
        if begins {
            self.since(&mut row);
        }
        row.text("currency", self.dice.word(&self.currencies));
        if self.dice.chance(30) {
            row.text("tier", self.dice.word(&["gold", "tin"]));
        }
        if self.dice.chance(20) {
            row.text("partner", "총판");
        }
        self.revise(&mut row);
        row
    }

    /// One player in a hurry, whose last stakes are large: what velocity and spikes are made of.
    pub(super) fn burst(&mut self) -> Vec<Draft> {
        let mut plan = self.plan(0);
        let many = if self.dice.chance(50) { 4 + self.dice.below(6) } else { 20 + self.dice.below(8) };
        let usual = self.dice.between(10, 300);
        let start_ms = plan.at_ms;
        let mut drafts = Vec::new();
        for number in 0..many {
            plan.wager_id = format!("b{number}");
            plan.free_round = false;
            plan.at_ms = start_ms + self.dice.between(0, 40) * *self.dice.pick(&[0, 1, 1_000, 15_000]);
            plan.stake_minor = usual + self.dice.between(0, 3);
            if self.dice.chance(10) {
                plan.stake_minor = usual * self.dice.between(2, 90);
            }
            drafts.push(self.wager(&plan.clone()));
            self.plans.push(plan.clone());
        }
        drafts
    }

    /// One player whose money comes in parts, is hardly played with and leaves again; some of it is taken back.
    pub(super) fn cashing(&mut self) -> Vec<Draft> {
        let plan = self.plans[self.dice.below(self.plans.len())].clone();
        let unit = 10i64.pow(digits(plan.currency) as u32);
        let limit = self.settings.structuring_limit.max(self.settings.turnover_deposits_min) as i64 * unit;
        let mut drafts = Vec::new();
        for number in 0..3 + self.dice.below(6) {
            let mut draft = Draft::new(Topic::Payments);
            self.owner(&mut draft, plan.tenant, plan.provider);
            draft.text("payment_id", &format!("c{number}"));
            draft.text("account", plan.account);
            draft.text("kind", self.dice.word(&["deposit", "deposit", "withdrawal"]));
            let part = limit * self.dice.between(20, 101) / 100 + self.dice.between(0, 1);
            let amount = self.amount(part, plan.currency);
            draft.text("amount", &amount);
            draft.text("currency", plan.currency);
            let at_ms = if self.dice.chance(20) { plan.at_ms } else { self.time() };
            draft.number("at_ms", at_ms);
            if self.dice.chance(15) {
                let mut taken_back = draft.clone();
                taken_back.text("status", "reversed").number("revision", 1);
                drafts.push(taken_back);
            }
            drafts.push(draft);
        }
        drafts
    }

    /// Two players, or one, on both sides of a few rounds.
    pub(super) fn table(&mut self) -> Vec<Draft> {
        let mut plan = self.plan(0);
        plan.free_round = false;
        let stake_minor = plan.stake_minor.max(10);
        let mut drafts = Vec::new();
        for round in 0..1 + self.dice.below(4) {
            for side in 0..2 {
                plan.wager_id = format!("t{round}{side}");
                plan.account = self.dice.word(&self.accounts);
                plan.stake_minor = stake_minor + self.dice.between(0, 1);
                let mut wager = self.wager(&plan.clone());
                wager.text("round", &format!("t{round}"));
                let mut settle = Draft::new(Topic::Outcomes);
                self.owner(&mut settle, plan.tenant, plan.provider);
                settle.text("wager_id", &plan.wager_id).text("kind", "settle");
                settle.number("at_ms", plan.at_ms);
                let payout = self.amount(if side == 0 { 0 } else { 2 * stake_minor }, plan.currency);
                settle.text("payout", &payout).text("currency", plan.currency);
                drafts.extend([wager, settle]);
                self.plans.push(plan.clone());
            }
        }
        drafts
    }

    /// One record of any kind.
    pub(super) fn record(&mut self) -> Draft {
        // Some wagers have a long story.
        let told =
            if self.dice.chance(self.story_percent) { self.plans.len().min(2) } else { self.plans.len() };
        let plan = self.plans[self.dice.below(told)].clone();
        let mut draft = match self.dice.below(100) {
            0..15 => self.wager(&plan),
            15..76 => self.outcome(&plan),
            76..88 => self.payment(),
            88..92 if self.with_games => self.any_game(),
            92..95 if self.with_accounts => self.any_account(),
            88..95 => self.outcome(&plan),
            95..98 => self.stranger(),
            _ => self.old(),
        };
        if self.dice.chance(10) {
            self.receipt(&mut draft);
        }
        if self.dice.chance(8) {
            let name = self.dice.word(&["x", "note", "wager", "Stake", "", "노트"]);
            let json = self.dice.word(&["1", "null", "{\"a\":[1,2.5e3,{}]}", "\"\\u00e9\"", "[]", "true"]);
            draft.set(name, json);
        }
        if self.fault() {
            self.spoil(&mut draft);
        }
        if self.dice.chance(15) {
            self.dice.shuffle(&mut draft.members);
        }
        draft
    }

    pub(super) fn wager(&mut self, plan: &Plan) -> Draft {
        let mut plan = plan.clone();
        match self.dice.below(24) {
            0 => plan.stake_minor += 1,
            1 => plan.stake_minor += 1_000,
            2 => plan.account = self.dice.word(&self.accounts),
            3 => plan.game = self.dice.word(&self.games),
            4 => plan.at_ms += self.dice.between(-2, 2),
            5 => plan.currency = self.dice.word(&self.currencies),
            6 => plan.free_round = !plan.free_round,
            _ => {}
        }
        let mut draft = Draft::new(Topic::Wagers);
        self.owner(&mut draft, plan.tenant, plan.provider);
        draft.text("wager_id", &plan.wager_id);
        draft.text("account", plan.account);
        draft.text("game", plan.game);
        let stake = self.amount(plan.stake_minor, plan.currency);
        draft.text("stake", &stake);
        draft.text("currency", plan.currency);
        draft.number("at_ms", plan.at_ms);
        if plan.free_round || self.dice.chance(5) {
            draft.set("free_round", plan.free_round.to_string());
        }
        if self.dice.chance(self.tied_percent.max(20)) {
            draft.text("round", self.dice.word(&["r1", "r2"]));
        }
        for name in ["channel", "game_version", "ip", "campaign"] {
            if self.dice.chance(2) {
                draft.text(name, self.dice.word(&["v1", "v2"]));
            }
        }
        for name in ["device", "payment_instrument"] {
            if self.dice.chance(self.tied_percent) {
                draft.text(name, self.dice.word(&["v1", "v2", "카드", "v3", "v4"]));
            }
        }
        self.revise(&mut draft);
        draft
    }

    pub(super) fn outcome(&mut self, plan: &Plan) -> Draft {
        let mut draft = Draft::new(Topic::Outcomes);
        self.owner(&mut draft, plan.tenant, plan.provider);
        draft.text("wager_id", &plan.wager_id);
        let kind = match self.dice.below(100) {
            0..62 => "settle",
            62..82 => "cancel",
            _ => "unsettle",
        };
        draft.text("kind", kind);
        match self.dice.below(10) {
            0 => drop(draft.text("outcome_id", "-")),
            1 | 2 => drop(draft.text("outcome_id", "a")),
            3 => drop(draft.text("outcome_id", "b")),
            _ => {}
        }
        let skew_ms = self.settings.skew_ms_max;
        let after_ms = match self.dice.below(20) {
            0 => -skew_ms,
            1 => -skew_ms - 1,
            2 => self.dice.between(-5, 0),
            3..13 => self.dice.between(0, 2),
            13 => self.dice.between(0, self.span_ms),
            _ => *self.dice.pick(&[0, 1, 1, 1_000, 60_000]),
        };
        draft.number("at_ms", plan.at_ms + after_ms);
        let paid = match self.dice.below(6) {
            0 | 1 => 0,
            2 => plan.stake_minor,
            3 => plan.stake_minor * self.dice.between(0, 4),
            4 => self.dice.between(0, 10_000),
            _ => plan.stake_minor * 5 / 2 + self.dice.between(0, 1),
        };
        if kind == "settle" || self.dice.chance(8) {
            let payout = self.amount(paid, plan.currency);
            draft.text("payout", &payout);
        }
        if kind == "settle" || self.dice.chance(10) {
            let currency =
                if self.dice.chance(94) { plan.currency } else { self.dice.word(&self.currencies) };
            if digits(currency) >= digits(plan.currency) || draft.get("payout").is_none() {
                draft.text("currency", currency);
            } else {
                draft.text("currency", plan.currency);
            }
        }
        if self.dice.chance(15) {
            let account = if self.dice.chance(85) { plan.account } else { self.dice.word(&self.accounts) };
            draft.text("account", account);
        }
        if self.dice.chance(15) {
            let game = if self.dice.chance(85) { plan.game } else { self.dice.word(&self.games) };
            draft.text("game", game);
        }
        if self.dice.chance(20) {
            let stake = match self.dice.below(8) {
                0 => money(i128::from(plan.stake_minor + 1), plan.currency),
                1 => self.dice.word(&["0.123456789012300", "0.1234567890123456", "0.100000000000001"]).into(),
                _ => self.amount(plan.stake_minor, plan.currency),
            };
            draft.text("stake", &stake);
        }
        if self.dice.chance(15) {
            let known_ms = plan.at_ms + self.dice.between(-3, 3);
            draft.number("known_ms", known_ms);
        }
        self.revise(&mut draft);
        draft
    }

    pub(super) fn payment(&mut self) -> Draft {
        let mut draft = Draft::new(Topic::Payments);
        let (tenant, provider) = (self.dice.word(&self.tenants), self.dice.word(&self.providers));
        self.owner(&mut draft, tenant, provider);
        let number = self.dice.below(self.payment_ids);
        // What is said twice of one payment differs in a little, not in everything.
        let mut of_id = Dice::new(self.start_ms as u64 ^ number as u64);
        draft.text("payment_id", &format!("m{number}"));
        draft.text("account", of_id.word(&self.accounts));
        let kind = of_id.word(&["deposit", "deposit", "withdrawal", "adjustment"]);
        draft.text("kind", kind);
        let mut minor = of_id.between(0, 20_000);
        if kind == "adjustment" && of_id.chance(50) {
            minor = -minor;
        }
        if self.dice.chance(10) {
            minor += minor.signum();
        }
        let currency = of_id.word(&self.currencies);
        let amount = self.amount(minor, currency);
        draft.text("amount", &amount);
        draft.text("currency", currency);
        let offset_ms =
            of_id.between(0, self.span_ms) + if self.dice.chance(15) { self.dice.between(-1, 1) } else { 0 };
        // A deposit in the very millisecond of a wager.
        let at_ms = if of_id.chance(30) {
            self.plans[of_id.below(self.plans.len())].at_ms
        } else {
            self.start_ms + offset_ms
        };
        draft.number("at_ms", at_ms);
        match self.dice.below(10) {
            0 => drop(draft.text("status", "confirmed")),
            1 | 2 => drop(draft.text("status", "reversed")),
            _ => {}
        }
        if self.dice.chance(self.tied_percent.max(10)) {
            draft.text("payment_instrument", self.dice.word(&["v1", "카드", "card1", "card2"]));
        }
        self.revise(&mut draft);
        draft
    }

    /// Something about a wager, game or account that nobody told of.
    pub(super) fn stranger(&mut self) -> Draft {
        let mut plan = self.dice.pick(&self.plans).clone();
        match self.dice.below(3) {
            0 => {
                self.fresh += 1;
                plan.wager_id = format!("orphan{}", self.dice.below(2));
                self.outcome(&plan)
            }
            1 => {
                plan.game = "unheard";
                self.wager(&plan)
            }
            _ => {
                plan.account = "nobody";
                self.wager(&plan)
            }
        }
    }

    /// A record around the horizon, under an id that no other record has.
    pub(super) fn old(&mut self) -> Draft {
        self.fresh += 1;
        let mut plan = self.dice.pick(&self.plans).clone();
        plan.wager_id = format!("old{}", self.fresh);
        plan.at_ms = self.start_ms + self.dice.between(0, self.span_ms) - self.settings.horizon_ms
            + *self.dice.pick(&[-1, 0, 1, self.settings.tick_ms, -DAY_MS, DAY_MS]);
        let mut draft = match self.dice.below(3) {
            0 => self.wager(&plan),
            1 => self.outcome(&plan),
            _ => self.payment(),
        };
        if draft.topic == Topic::Payments {
            draft.text("payment_id", &plan.wager_id);
            draft.number("at_ms", plan.at_ms);
        }
        draft
    }
}
