//! The hours of each game, followed for a slow drift of what it pays.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use gyre_domain::currency::Currency;
use gyre_domain::integrity::drift::{Drift, Peak};
use gyre_domain::time::hour_text;
use serde::{Deserialize, Serialize};

use super::HOUR_MS;
use crate::Tick;
use crate::checkpoint::Whose;
use crate::graph::Settings;
use crate::names::Names;
use crate::rows::{Anomaly, AnomalyKind, Output};
use crate::rulebook::{RuleRow, Rulebook, Ruling};
use crate::seams::{AT_END, Found, HoldTarget};

/// A game, by number, in a currency.
type Game = (u32, Currency);

/// See the module. Where nobody reads changes, hours are taken when their windows rest.
pub(super) struct Drifts {
    names: Rc<RefCell<Names>>,
    settings: Settings,
    rules: Rulebook,
    games: BTreeMap<Game, Drift>,
}

/// What is saved of it.
#[derive(Serialize, Deserialize)]
pub(super) enum Kept {
    Rules(Rulebook),
    Game(u128, Currency, Box<Drift>),
}

impl Drifts {
    /// What is saved.
    pub(super) fn saved(&self) -> Vec<(Whose, Kept)> {
        let names = self.names.borrow();
        let games = self.games.iter().map(|((game, currency), drift)| {
            let key = names.key(*game);
            (Whose::Owner(key), Kept::Game(key, *currency, Box::new(drift.clone())))
        });
        games.chain([(Whose::Same, Kept::Rules(self.rules.clone()))]).collect()
    }

    /// It comes back.
    pub(super) fn back(&mut self, kept: Kept) {
        match kept {
            Kept::Rules(rules) => self.rules = rules,
            Kept::Game(key, currency, drift) => {
                let game = self.names.borrow_mut().number(key);
                self.games.insert((game, currency), *drift);
            }
        }
    }

    /// No hours of no games.
    pub(super) fn new(names: &Rc<RefCell<Names>>, settings: &Settings) -> Self {
        Self {
            names: Rc::clone(names),
            settings: settings.clone(),
            rules: Rulebook::new(&settings.config),
            games: BTreeMap::new(),
        }
    }

    fn ruling(&self, (game, _): Game) -> &Ruling {
        let names = self.names.borrow();
        let tenant = if self.rules.is_empty() { "" } else { names.game(game).0 };
        self.rules.ruling(self.rules.of(tenant, AnomalyKind::SlowDrift).newest())
    }

    /// The game's slack and limit, in ten-thousandths.
    fn terms(&self, game: Game) -> (u64, u64) {
        let [slack, limit, _] = self.ruling(game).bounds;
        (slack * 10, limit * 10)
    }

    /// Rules have changed: the hours of the tenants' games are read anew.
    pub(super) fn heed(&mut self, tick: Tick, rules: &[(RuleRow, Tick, isize)], out: &mut Found) {
        let names = Rc::clone(&self.names);
        let is_touched = |game: Game| {
            let names = names.borrow();
            let tenant = names.game(game.0).0;
            rules.iter().any(|(row, ..)| *row.tenant == *tenant)
        };
        let touched: Vec<Game> = self.games.keys().copied().filter(|game| is_touched(*game)).collect();
        touched.iter().for_each(|game| self.tell_peak(*game, tick, -1, out));
        for (row, _, diff) in rules {
            self.rules.take(row, *diff);
        }
        for game in touched {
            self.games.get_mut(&game).into_iter().for_each(Drift::read_anew);
            self.tell_peak(game, tick, 1, out);
        }
    }

    fn peak(&mut self, game: Game) -> Option<Peak> {
        let (slack_e4, limit_e4) = self.terms(game);
        self.games.get_mut(&game)?.peak(slack_e4, limit_e4)
    }

    /// Tells that a game drifts (`diff` 1) or no more (−1), if it does by its rule and somebody reads changes.
    fn tell_peak(&mut self, game: Game, tick: Tick, diff: isize, out: &mut Found) {
        if let Some(peak) = self.peak(game).filter(|_| self.settings.wanted.changes) {
            self.tell(game, &peak, tick, diff, out);
        }
    }

    fn tell(&self, game: Game, peak: &Peak, tick: Tick, diff: isize, out: &mut Found) {
        out.told.counts.anomalies[AnomalyKind::SlowDrift as usize] += diff as i64;
        if self.settings.wanted.changes {
            let changes = &mut out.told.changes;
            changes.push(Output::Anomalies, tick, diff as i64, |text| self.push_row(text, game, peak));
        }
        let names = self.names.borrow();
        let (tenant, provider, name) = names.game(game.0);
        let target = HoldTarget::game(&self.settings.keys, tenant, provider, name);
        out.ground(self.ruling(game), target, tick, diff);
    }

    /// An hour's score is another one, or there is none any more: tells what that changes.
    pub(super) fn change(&mut self, game: Game, hour: u32, score: Option<i128>, tick: Tick, out: &mut Found) {
        if score.is_none() && !self.games.contains_key(&game) {
            return;
        }
        let (slack_e4, limit_e4) = self.terms(game);
        let drift = self.games.entry(game).or_default();
        let before = drift.peak(slack_e4, limit_e4);
        drift.put(hour, score);
        let after = drift.peak(slack_e4, limit_e4);
        if before == after {
            return;
        }
        for (peak, diff) in [(before, -1), (after, 1)] {
            peak.iter().for_each(|peak| self.tell(game, peak, tick, diff, out));
        }
    }

    /// An hour's window leaves the state with this score, or rests because the job is at its end.
    pub(super) fn rest(&mut self, game: Game, hour: u32, score: Option<i128>, at_end: bool) {
        if score.is_none() && !self.games.contains_key(&game) {
            return;
        }
        let (slack_e4, _) = self.terms(game);
        let drift = self.games.entry(game).or_default();
        if !self.settings.wanted.changes {
            drift.put(hour, score);
        }
        if !at_end {
            drift.leave(hour, slack_e4);
        }
    }

    /// Tells what stands at the end.
    pub(super) fn end(&mut self, out: &mut Found) {
        let games: Vec<Game> = self.games.keys().copied().collect();
        for game in games {
            let Some(peak) = self.peak(game) else { continue };
            if !self.settings.wanted.changes {
                self.tell(game, &peak, AT_END, 1, out);
            }
            out.told.rest.loose.push(Output::Anomalies, 0, 1, |text| self.push_row(text, game, &peak));
        }
    }

    fn push_row(&self, out: &mut Vec<u8>, game: Game, peak: &Peak) {
        let (names, version) = (self.names.borrow(), &self.ruling(game).version);
        let (number, currency) = game;
        let (tenant, provider, game) = names.game(number);
        let subject = format!("{provider}/{game}/{}", currency.code());
        let at_ms = u64::from(peak.at) * HOUR_MS;
        let anomaly = Anomaly { kind: AnomalyKind::SlowDrift, tenant, subject: &subject, at_ms: Some(at_ms) };
        anomaly.push(out, version, |evidence| {
            evidence
                .text("direction", peak.direction.name())
                .text("since", &hour_text(peak.since))
                .text("at", &hour_text(peak.at))
                .decimal("cusum", peak.sum, 4)
                .integer("hours", i64::from(peak.hours))
        });
    }
}
