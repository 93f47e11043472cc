//! Aggregates: what games paid back, by window.
//!
//! ```text
//! plays by quarter of an hour ──exchange by game──▶ spread over windows ──▶ sum plays by game and window ──▶ rtp
//! rules ─────────────────────────────────────────────────────────────▲              └──▶ rtp_out_of_band, slow_drift
//! ```
//! At every tick a row stands for each game, currency and window in which a wager is settled. Windows go by the time at
//! which wagers were placed: all, the hour (UTC), the day in the gaming day's zone. A window leaves the state behind
//! the horizon once no open wager lies in it; its row stands.

use std::cell::RefCell;
use std::rc::Rc;

use gyre_domain::currency::Currency;
use gyre_domain::rtp::Plays;
use gyre_domain::time::{GamingDays, hour_text};
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::core::Filter;
use timely::dataflow::operators::generic::operator::Operator;

use crate::Tick;
use crate::checkpoint::{Saving, Whose};
use crate::graph::Settings;
use crate::keys::Keyed;
use crate::names::Names;
use crate::ops::sum_by_key::{Sum, Teller, sum_by_key};
use crate::rows::{Anomaly, AnomalyKind, Object, Output};
use crate::rulebook::{RuleChange, RuleRow, Rulebook, Ruling};
use crate::seams::{Found, HoldTarget, PlaysBatch, Reading};

mod drift;

/// Milliseconds of an hour.
const HOUR_MS: u64 = 3_600_000;

/// Over what plays are summed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Window {
    /// All times.
    All,
    /// A gaming day: days since 1970.
    Day(i32),
    /// An hour since 1970 UTC.
    Hour(u32),
}

type Key = (u32, Currency, Window);

impl Sum for Plays {
    fn add(&mut self, addend: &Self) {
        Plays::add(self, addend);
    }

    fn is_void(&self) -> bool {
        Plays::is_void(self)
    }
}

/// Builds the stage.
pub fn build<'s>(
    batches: StreamVec<'s, Tick, PlaysBatch>,
    rules: StreamVec<'s, Tick, RuleChange>,
    settings: &Settings,
    saving: &Saving,
) -> StreamVec<'s, Tick, Found> {
    let names = saving.op("names of games").keep(Names::default());
    let directory = Rc::clone(&names);
    let days = settings.gaming_days.clone();
    let mut day_of_quarter: HashMap<u32, i32, Keyed> = HashMap::default();
    let by_game = Exchange::new(|batch: &PlaysBatch| batch.worker.into());
    let addends = batches.unary(by_game, "spread plays over windows", move |_, _| {
        move |input, output| {
            input.for_each(|capability, batches| {
                let mut names = directory.borrow_mut();
                let mut session = output.session(&capability);
                for batch in batches.drain(..) {
                    names.learn(batch.names);
                    for (game, currency, quarter, plays, tick) in batch.plays {
                        let game = names.number(game);
                        let day = *day_of_quarter.entry(quarter).or_insert_with(|| days.day_of(quarter));
                        session.give(((game, currency, Window::All), plays.clone(), tick));
                        session.give(((game, currency, Window::Hour(quarter / 4)), plays.clone(), tick));
                        session.give(((game, currency, Window::Day(day)), plays, tick));
                    }
                }
            });
        }
    });
    let of_games = |kind| matches!(kind, AnomalyKind::RtpOutOfBand | AnomalyKind::SlowDrift);
    let rules = rules.filter(move |(row, ..)| of_games(row.kind));
    let drifts = drift::Drifts::new(&names, settings);
    let (written, book) = (HashMap::default(), Rulebook::new(&settings.config));
    let teller = Rtp { names, settings: settings.clone(), rules: book, drifts, swept_ms: 0, written };
    let op = saving.op("sum plays by game and window");
    sum_by_key(addends, rules, Pipeline, op, settings.rest_at_end, teller)
}

struct Rtp {
    names: Rc<RefCell<Names>>,
    settings: Settings,
    rules: Rulebook,
    drifts: drift::Drifts,
    /// When windows were last looked over for leaving.
    swept_ms: u64,
    /// Rows as they were told last: what comes is mostly followed by its going.
    written: HashMap<Key, Written, Keyed>,
}

/// How many rows are kept as written.
const WRITTEN: usize = 1 << 14;

/// A row as it was told last, or only its beginning, the key's fields.
struct Written {
    text: Vec<u8>,
    key_bytes: usize,
}

impl Rtp {
    fn window(&self, window: Window) -> String {
        match window {
            Window::All => "all".to_owned(),
            Window::Hour(hour) => hour_text(hour),
            Window::Day(day) => GamingDays::text(day),
        }
    }

    fn push_row(&self, out: &mut Vec<u8>, key: &Key, plays: &Plays) {
        self.push_key(out, key);
        self.push_figures(out, key, plays);
    }

    fn push_key(&self, out: &mut Vec<u8>, (game, currency, window): &Key) {
        let names = self.names.borrow();
        let (tenant, provider, game) = names.game(*game);
        Object::open(out)
            .text("tenant", tenant)
            .text("provider", provider)
            .text("game", game)
            .text("currency", currency.code())
            .text("window", &self.window(*window));
    }

    fn push_figures(&self, out: &mut Vec<u8>, (_, currency, _): &Key, plays: &Plays) {
        Object::resume(out)
            .money("stake", plays.stake, *currency)
            .money("payout", plays.payout, *currency)
            .integer("wagers", plays.wagers)
            .integer("open_wagers", plays.open_wagers)
            .money("open_stake", plays.open_stake, *currency)
            .optional_decimal("rtp_actual", plays.rtp_actual_millionths(), 6)
            .optional_decimal("z", plays.z_ten_thousandths(), 4)
            .truth("in_band", plays.is_in_band(self.settings.rtp_band_z))
            .close();
    }

    fn ruling(&self, game: u32) -> &Ruling {
        let names = self.names.borrow();
        let tenant = if self.rules.is_empty() { "" } else { names.game(game).0 };
        self.rules.ruling(self.rules.of(tenant, AnomalyKind::RtpOutOfBand).newest())
    }

    fn is_out_of_band(&self, (game, _, window): &Key, plays: &Plays) -> bool {
        *window == Window::All && plays.is_in_band(self.ruling(*game).bounds[0] as u32) == Some(false)
    }

    /// Tells that a game is out of band (`diff` 1) or no more (−1), if it is by its rule.
    fn tell_anomaly(&self, key: &Key, plays: &Plays, tick: Tick, diff: isize, out: &mut Found) {
        if !self.is_out_of_band(key, plays) {
            return;
        }
        out.told.counts.anomalies[AnomalyKind::RtpOutOfBand as usize] += diff as i64;
        if self.settings.wanted.changes {
            let changes = &mut out.told.changes;
            changes.push(Output::Anomalies, tick, diff as i64, |text| self.push_anomaly(text, key, plays));
        }
        let names = self.names.borrow();
        let (tenant, provider, game) = names.game(key.0);
        let target = HoldTarget::game(&self.settings.keys, tenant, provider, game);
        out.ground(self.ruling(key.0), target, tick, diff);
    }

    fn push_anomaly(&self, out: &mut Vec<u8>, (number, currency, _): &Key, plays: &Plays) {
        let names = self.names.borrow();
        let (tenant, provider, game) = names.game(*number);
        let subject = format!("{provider}/{game}/{}", currency.code());
        let anomaly = Anomaly { kind: AnomalyKind::RtpOutOfBand, tenant, subject: &subject, at_ms: None };
        anomaly.push(out, &self.ruling(*number).version, |evidence| {
            evidence
                .integer("wagers", plays.wagers)
                .money("stake", plays.stake, *currency)
                .money("payout", plays.payout, *currency)
                .optional_decimal("rtp_actual", plays.rtp_actual_millionths(), 6)
                .optional_decimal("z", plays.z_ten_thousandths(), 4)
        });
    }

    fn push_changes(
        &mut self,
        key: &Key,
        before: Option<&Plays>,
        after: Option<&Plays>,
        tick: Tick,
        out: &mut Reading,
    ) {
        let mut written = self.written.remove(key).unwrap_or_else(|| {
            let mut text = Vec::with_capacity(256);
            self.push_key(&mut text, key);
            Written { key_bytes: text.len(), text }
        });
        if let Some(before) = before.filter(|plays| has_row(plays)) {
            if written.text.len() == written.key_bytes {
                self.push_figures(&mut written.text, key, before);
            }
            out.changes.push(Output::Rtp, tick, -1, |text| text.extend_from_slice(&written.text));
        }
        written.text.truncate(written.key_bytes);
        if let Some(after) = after.filter(|plays| has_row(plays)) {
            self.push_figures(&mut written.text, key, after);
            out.changes.push(Output::Rtp, tick, 1, |text| text.extend_from_slice(&written.text));
        }
        if self.written.len() >= WRITTEN {
            self.written.clear();
        }
        self.written.insert(*key, written);
    }
}

/// What is saved beside the sums.
#[derive(Serialize, Deserialize)]
enum Own {
    Rules(Rulebook),
    Drift(drift::Kept),
    Swept(u64),
}

/// A row stands while a wager is settled in its window.
fn has_row(plays: &Plays) -> bool {
    plays.wagers > 0
}

impl Teller for Rtp {
    type Key = Key;
    type Sum = Plays;
    type Side = RuleRow;
    type Out = Found;
    type KeptKey = (u128, Currency, Window);
    type Own = Own;

    /// What stands of the tenant's games is told by the old rules no more, and by the new ones.
    fn heed<'a>(
        &mut self,
        tick: Tick,
        rules: &[(RuleRow, Tick, isize)],
        sums: impl Iterator<Item = (&'a Key, &'a Plays)>,
        out: &mut Found,
    ) {
        let names = Rc::clone(&self.names);
        let is_touched = |key: &Key| {
            let names = names.borrow();
            let tenant = names.game(key.0).0;
            key.2 == Window::All && rules.iter().any(|(row, ..)| *row.tenant == *tenant)
        };
        let touched: Vec<_> = sums.filter(|(key, _)| is_touched(key)).collect();
        touched.iter().for_each(|(key, plays)| self.tell_anomaly(key, plays, tick, -1, out));
        for (row, _, diff) in rules {
            self.rules.take(row, *diff);
        }
        touched.iter().for_each(|(key, plays)| self.tell_anomaly(key, plays, tick, 1, out));
        self.drifts.heed(tick, rules, out);
    }

    fn tell(
        &mut self,
        key: &Key,
        before: Option<&Plays>,
        after: Option<&Plays>,
        tick: Tick,
        out: &mut Found,
    ) {
        for (plays, diff) in [(before, -1), (after, 1)] {
            plays.iter().for_each(|plays| self.tell_anomaly(key, plays, tick, diff, out));
        }
        if self.settings.wanted.changes {
            self.push_changes(key, before, after, tick, &mut out.told);
            if let Window::Hour(hour) = key.2 {
                let score = after.and_then(Plays::z_ten_thousandths);
                self.drifts.change((key.0, key.1), hour, score, tick, out);
            }
        }
    }

    fn may_leave(&self, key: &Key, plays: &Plays, now: Tick) -> bool {
        let end_ms = match key.2 {
            Window::All => return false,
            Window::Hour(hour) => (u64::from(hour) + 1) * HOUR_MS,
            // A day ends somewhere in the UTC day after it at the latest.
            Window::Day(day) => (i64::from(day) + 2).max(0) as u64 * 24 * HOUR_MS,
        };
        plays.open_wagers == 0 && self.settings.forget_after(end_ms, false) < now
    }

    fn leave_due(&mut self, now: Tick) -> bool {
        let is_due = now >= self.swept_ms + HOUR_MS;
        if is_due {
            self.swept_ms = now;
        }
        is_due
    }

    fn rest(&mut self, mut sums: Vec<(Key, Plays)>, at_end: bool, out: &mut Found) {
        sums.retain(|(_, plays)| has_row(plays));
        let names = self.names.borrow();
        sums.sort_by_cached_key(|((game, currency, window), _)| {
            let (tenant, provider, game) = names.game(*game);
            let texts = [tenant, provider, game, currency.code(), &self.window(*window)];
            texts.map(str::to_owned)
        });
        drop(names);
        for (key, plays) in &sums {
            let rest = &mut out.told.rest;
            let rest = if at_end { &mut rest.sorted } else { &mut rest.loose };
            rest.push(Output::Rtp, 0, 1, |text| self.push_row(text, key, plays));
            if self.is_out_of_band(key, plays) {
                let loose = &mut out.told.rest.loose;
                loose.push(Output::Anomalies, 0, 1, |text| self.push_anomaly(text, key, plays));
            }
            if let Window::Hour(hour) = key.2 {
                self.drifts.rest((key.0, key.1), hour, plays.z_ten_thousandths(), at_end);
            }
        }
        if at_end {
            self.drifts.end(out);
        }
    }

    fn keep_key(&self, &(game, currency, window): &Key) -> (u128, Self::KeptKey) {
        let key = self.names.borrow().key(game);
        (key, (key, currency, window))
    }

    fn key_back(&mut self, (game, currency, window): Self::KeptKey) -> Key {
        (self.names.borrow_mut().number(game), currency, window)
    }

    fn own(&self) -> Vec<(Whose, Own)> {
        let drifts = self.drifts.saved().into_iter().map(|(whose, kept)| (whose, Own::Drift(kept)));
        let book = (Whose::Same, Own::Rules(self.rules.clone()));
        drifts.chain([book, (Whose::Everyone, Own::Swept(self.swept_ms))]).collect()
    }

    fn own_back(&mut self, own: Own) {
        match own {
            Own::Rules(rules) => self.rules = rules,
            Own::Drift(kept) => self.drifts.back(kept),
            Own::Swept(swept_ms) => self.swept_ms = self.swept_ms.max(swept_ms),
        }
    }

    fn is_full(out: &Found) -> bool {
        out.told.bytes() > 1 << 18
    }
}
