//! The hours of each game, followed for a slow drift of what it pays.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use gyre_domain::currency::Currency;
use gyre_domain::integrity::drift::{Drift, Peak};
use gyre_domain::time::hour_text;

use super::HOUR_MS;
use crate::Tick;
use crate::graph::Settings;
use crate::names::Names;
use crate::rows::{AnomalyKind, Output};
use crate::seams::Reading;

/// A game, by number, in a currency.
type Game = (u32, Currency);

/// See the module. Where nobody reads changes, hours are taken when their windows rest.
pub(super) struct Drifts {
    names: Rc<RefCell<Names>>,
    /// Whether changes are read.
    changes: bool,
    slack_e4: u64,
    limit_e4: u64,
    games: BTreeMap<Game, Drift>,
}

impl Drifts {
    /// No hours of no games.
    pub(super) fn new(names: &Rc<RefCell<Names>>, settings: &Settings) -> Self {
        Self {
            names: Rc::clone(names),
            changes: settings.wanted.changes,
            slack_e4: u64::from(settings.thresholds.drift_slack) * 10,
            limit_e4: u64::from(settings.thresholds.drift_limit) * 10,
            games: BTreeMap::new(),
        }
    }

    /// An hour's score is another one, or there is none any more: tells what that changes.
    pub(super) fn change(
        &mut self,
        game: Game,
        hour: u32,
        score: Option<i128>,
        tick: Tick,
        out: &mut Reading,
    ) {
        if score.is_none() && !self.games.contains_key(&game) {
            return;
        }
        let drift = self.games.entry(game).or_default();
        let before = drift.peak(self.slack_e4, self.limit_e4);
        drift.put(hour, score);
        let after = drift.peak(self.slack_e4, self.limit_e4);
        if before == after {
            return;
        }
        for (peak, diff) in [(before, -1), (after, 1)] {
            let Some(peak) = peak else { continue };
            out.counts.anomalies[AnomalyKind::SlowDrift as usize] += diff;
            out.changes.push(Output::Anomalies, tick, diff, |text| self.push_row(text, game, &peak));
        }
    }

    /// An hour's window leaves the state with this score, or rests because the job is at its end.
    pub(super) fn rest(&mut self, game: Game, hour: u32, score: Option<i128>, at_end: bool) {
        if score.is_none() && !self.games.contains_key(&game) {
            return;
        }
        let drift = self.games.entry(game).or_default();
        if !self.changes {
            drift.put(hour, score);
        }
        if !at_end {
            drift.leave(hour, self.slack_e4);
        }
    }

    /// Tells what stands at the end.
    pub(super) fn end(&mut self, out: &mut Reading) {
        for (game, mut drift) in std::mem::take(&mut self.games) {
            let Some(peak) = drift.peak(self.slack_e4, self.limit_e4) else { continue };
            if !self.changes {
                out.counts.anomalies[AnomalyKind::SlowDrift as usize] += 1;
            }
            out.rest.loose.push(Output::Anomalies, 0, 1, |text| self.push_row(text, game, &peak));
        }
    }

    fn push_row(&self, out: &mut Vec<u8>, (game, currency): Game, peak: &Peak) {
        let names = self.names.borrow();
        let (tenant, provider, game) = names.game(game);
        let subject = format!("{provider}/{game}/{}", currency.code());
        let at_ms = u64::from(peak.at) * HOUR_MS;
        AnomalyKind::SlowDrift.push(out, tenant, &subject, Some(at_ms), |evidence| {
            evidence
                .text("direction", peak.direction.name())
                .text("since", &hour_text(peak.since))
                .text("at", &hour_text(peak.at))
                .decimal("cusum", peak.sum, 4)
                .integer("hours", i64::from(peak.hours))
        });
    }
}
