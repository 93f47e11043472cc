//! Random histories from a seed: a few players, games and wagers told over and over, with every fault
//! that a wallet, a provider or a wire has been seen to make.
//!
//! Ids and times come from small pools, so that copies, revisions, ties and orphans meet often. Keys stay
//! within the horizon; records beyond it are made on purpose, under ids of their own.

mod dice;
mod draft;
mod faults;
mod orders;
mod rulings;
mod shrink;
mod tales;

use super::reference::{DAY_MS, Settings, Streams, Topic, courses, within_law};
use draft::{Draft, money};

pub use dice::Dice;
pub use shrink::{minimise, shown};

/// What a wager is when nobody errs.
#[derive(Clone, Debug)]
struct Plan {
    tenant: &'static str,
    provider: &'static str,
    wager_id: String,
    account: &'static str,
    game: &'static str,
    currency: &'static str,
    stake_minor: i64,
    at_ms: i64,
    free_round: bool,
}

/// The small world of one history.
struct World {
    dice: Dice,
    settings: Settings,
    start_ms: i64,
    /// Events lie within so much of the start.
    span_ms: i64,
    tenants: Vec<&'static str>,
    providers: Vec<&'static str>,
    accounts: Vec<&'static str>,
    games: Vec<&'static str>,
    currencies: Vec<&'static str>,
    plans: Vec<Plan>,
    payment_ids: usize,
    /// Whether there are any rows of the kind: one alone makes all others unknown.
    with_games: bool,
    with_accounts: bool,
    /// How many records of a hundred err on purpose, each in its own way.
    fault_percent: usize,
    /// How many records of a hundred say what was used, and how many wagers their round.
    tied_percent: usize,
    /// How many records of a hundred are about one of two wagers.
    story_percent: usize,
    /// For ids that nobody else uses.
    fresh: usize,
}

/// A history of about `size` records on which forgetting cannot show, and the settings to run it with.
pub fn history(seed: u64, size: usize) -> (Streams, Settings) {
    let mut dice = Dice::new(seed);
    loop {
        let (streams, settings) = draw(dice.next(), size);
        if within_law(&streams, &settings) {
            return (streams, settings);
        }
    }
}

/// Any history: now and then a damaged time breaks the law.
fn draw(seed: u64, size: usize) -> (Streams, Settings) {
    let mut world = World::new(seed, size);
    let mut drafts = if world.dice.chance(30) { world.burst() } else { Vec::new() };
    if world.dice.chance(20) {
        drafts.extend(world.cashing());
    }
    if world.dice.chance(30) {
        drafts.extend(world.table());
    }
    drafts.extend(world.references());
    if world.dice.chance(50) {
        drafts.extend(world.rulings());
    }
    // Most wagers are told of; what follows may be about them.
    for plan in world.plans.clone() {
        if world.dice.chance(90) {
            drafts.push(world.wager(&plan));
        }
    }
    let size = size.max(drafts.len() + size / 2);
    while drafts.len() < size {
        let record = world.record();
        // Providers send again: the same, and the same told differently.
        let copies = if world.dice.chance(12) { 1 + world.dice.below(2) } else { 0 };
        for _ in 0..copies {
            let copy = world.again(&record);
            drafts.push(copy);
        }
        drafts.push(record);
    }
    if world.dice.chance(40) {
        world.claims(&mut drafts);
    }
    let mut streams = world.spell(drafts);
    if world.dice.chance(50) {
        streams.commands = world.orders(&streams);
    }
    (streams, world.settings)
}

impl World {
    fn new(seed: u64, size: usize) -> World {
        let mut dice = Dice::new(seed);
        let defaults = Settings::default();
        let settings = Settings {
            tick_ms: *dice.pick(&[100, 100, 1, 1_000, 60_000]),
            horizon_ms: *dice.pick(&[35 * DAY_MS, 35 * DAY_MS, 10 * DAY_MS]),
            skew_ms_max: *dice.pick(&[2_000, 2_000, 2_000, 0, 5]),
            gap_ms_max: *dice.pick(&[7 * DAY_MS, 7 * DAY_MS, 2 * DAY_MS]),
            result_due_ms: *dice.pick(&[300_000, 1_000, 0]),
            gaming_day_zone: dice.word(&["UTC", "UTC", "Asia/Seoul", "Europe/Berlin"]).to_string(),
            velocity_window_ms: *dice.pick(&[300_000, 60_000, 120_000]),
            velocity_wagers_max: *dice.pick(&[60, 1, 2, 3, 5]),
            stake_spike_previous_max: *dice.pick(&[64, 64, 4, 8]),
            stake_spike_previous_min: *dice.pick(&[20, 1, 2, 3, 4]),
            wins_p_max_e12: *dice.pick(&[1_000_000, 10_000_000_000, 200_000_000_000, 500_000_000_000]),
            turnover_ratio_min_milli: *dice.pick(&[1_000, 1_000, 200, 3_000]),
            turnover_deposits_min: *dice.pick(&[2_000, 0, 1, 20]),
            structuring_limit: *dice.pick(&[10_000, 15, 120, 5_000]),
            drift_slack_milli: *dice.pick(&[500, 500, 0, 1_500]),
            drift_limit_milli: *dice.pick(&[5_000, 5_000, 100, 1_000]),
            device_accounts_min: *dice.pick(&[3, 2]),
            instrument_accounts_min: *dice.pick(&[2, 2, 3]),
            net_exposure_max_milli: *dice.pick(&[100, 500, 1_000]),
            covered_stake_min: *dice.pick(&[0, 0, 1]),
            covered_rounds_min: *dice.pick(&[3, 1, 1, 2]),
            kinds_that_hold: rulings::kinds_that_hold(seed),
            ..defaults
        };
        // Days on which something happens: the turn of a year, both changes of clocks, a leap day, a plain noon.
        let start_ms = *dice.pick(&[
            1_767_225_600_000 - 1_800_000,
            1_774_746_000_000 - 1_800_000,
            1_792_890_000_000 - 1_800_000,
            1_709_164_800_000 - 3_600_000,
            1_772_366_400_000,
        ]);
        let span_ms = *dice.pick(&[20, 5_000, 600_000, 7_200_000, DAY_MS]);
        let some = |dice: &mut Dice, pool: &[&'static str]| -> Vec<&'static str> {
            let many = 1 + dice.below(pool.len());
            let mut pool = pool.to_vec();
            dice.shuffle(&mut pool);
            pool.truncate(many);
            pool
        };
        let tenants = if dice.chance(60) { vec!["-"] } else { some(&mut dice, &["-", "north", "süd"]) };
        let providers = if dice.chance(60) { vec!["-"] } else { some(&mut dice, &["-", "p", "q\"\\"]) };
        let accounts = some(&mut dice, &["ann", "bob", "철수", "d e"]);
        let games = some(&mut dice, &["slot", "dice", "crash"]);
        let currencies = some(&mut dice, &["KRW", "EUR", "KWD", "BTC"]);
        let fault_percent = *dice.pick(&[0, 5, 15, 40]);
        let (with_games, with_accounts) = (dice.chance(65), dice.chance(40));
        let tied_percent = *dice.pick(&[2, 2, 30, 60]);
        let story_percent = *dice.pick(&[0, 0, 40, 90]);
        let mut world = World {
            dice,
            settings,
            start_ms,
            span_ms,
            tenants,
            providers,
            accounts,
            games,
            currencies,
            plans: Vec::new(),
            payment_ids: 1 + size / 8,
            with_games,
            with_accounts,
            fault_percent,
            tied_percent,
            story_percent,
            fresh: 0,
        };
        for wager in 0..1 + size / *world.dice.pick(&[5, 6, 10, 15]) {
            let plan = world.plan(wager);
            world.plans.push(plan);
        }
        world
    }

    fn plan(&mut self, number: usize) -> Plan {
        let currency = self.dice.word(&self.currencies);
        let free_round = self.dice.chance(8);
        Plan {
            tenant: self.dice.word(&self.tenants),
            provider: self.dice.word(&self.providers),
            // Under another tenant or provider the same id is another wager.
            wager_id: format!("w{}", if self.dice.chance(90) { number } else { 0 }),
            account: self.dice.word(&self.accounts),
            game: self.dice.word(&self.games),
            currency,
            stake_minor: if free_round && self.dice.chance(70) { 0 } else { self.dice.between(1, 2_000) },
            at_ms: self.time(),
            free_round,
        }
    }

    /// Some event time; round ones are common.
    fn time(&mut self) -> i64 {
        let offset_ms = self.dice.between(0, self.span_ms);
        let grain_ms = *self.dice.pick(&[1, 1, 100, 60_000]);
        self.start_ms + offset_ms / grain_ms * grain_ms
    }

    fn fault(&mut self) -> bool {
        let percent = self.fault_percent;
        self.dice.chance(percent)
    }

    /// Some of the time nothing is revised, and most of the rest by little.
    fn revise(&mut self, draft: &mut Draft) {
        match self.dice.below(12) {
            0 | 1 => drop(draft.number("revision", 1)),
            2 => drop(draft.number("revision", 2)),
            3 => drop(draft.number("revision", 0)),
            4 if self.dice.chance(10) => drop(draft.number("revision", i64::MAX)),
            _ => {}
        }
    }

    fn owner(&mut self, draft: &mut Draft, tenant: &str, provider: &str) {
        for (name, value) in [("tenant", tenant), ("provider", provider)] {
            match (value, self.dice.below(10)) {
                ("-", 0) => drop(draft.text(name, "-")),
                ("-", 1) => drop(draft.set(name, "null")),
                ("-", _) => {}
                _ => drop(draft.text(name, value)),
            }
        }
    }

    /// An amount spelled in one of the ways that mean the same.
    fn amount(&mut self, minor: i64, currency: &str) -> String {
        let mut text = money(i128::from(minor), currency);
        match self.dice.below(8) {
            0 if text.contains('.') => text = text.trim_end_matches('0').trim_end_matches('.').to_owned(),
            1 if text.contains('.') => text.push_str("00"),
            1 => text.push_str(".00"),
            _ => {}
        }
        text
    }

    /// Gives some records the balance that the player then had, and some another one.
    fn claims(&mut self, drafts: &mut [Draft]) {
        let mut plain = self.dice.clone();
        let courses = courses(&Self::lines(&mut plain, drafts), &self.settings);
        for draft in drafts.iter_mut() {
            if draft.topic.is_of_references() || !self.dice.chance(40) {
                continue;
            }
            let tenant = match draft.unquoted("tenant").as_str() {
                "null" => "-".to_owned(),
                tenant => tenant.to_owned(),
            };
            // An outcome does not say whose it is; the wager's plan does.
            let plan = self.plans.iter().find(|plan| plan.wager_id == draft.unquoted("wager_id"));
            let (account, currency) = match (draft.topic, plan) {
                (Topic::Outcomes, Some(plan)) => (plan.account.to_owned(), plan.currency.to_owned()),
                _ => (draft.unquoted("account"), draft.unquoted("currency")),
            };
            let course = courses.get(&(tenant, account, currency.clone()));
            let ours = course
                .and_then(|course| course.range(..=draft.at_ms()).next_back())
                .map_or(0, |(_, ours)| *ours);
            let claim = match self.dice.below(20) {
                0 => money(ours + 1, &currency),
                1 => money(-ours, &currency).replace("-0", "0"),
                2 => "0.1234567890".into(),
                3 if self.fault() => "-0".into(),
                4 => format!("{}00", money(ours, if currency == "KRW" { "EUR" } else { &currency })),
                _ => money(ours, &currency),
            };
            draft.text("balance_after", &claim);
        }
    }

    /// Lines as the files have them: mostly in time order, as they were told otherwise.
    fn lines(dice: &mut Dice, drafts: &[Draft]) -> Streams {
        let mut streams = Streams::default();
        let mut order: Vec<(i64, &Draft)> = drafts.iter().map(|draft| (draft.at_ms(), draft)).collect();
        match dice.below(3) {
            0 => {}
            1 => order.sort_by_key(|(at_ms, _)| *at_ms),
            _ => dice.shuffle(&mut order),
        }
        for (_, draft) in order {
            streams.of_mut(draft.topic).push(draft.spell());
        }
        streams
    }

    fn spell(&mut self, drafts: Vec<Draft>) -> Streams {
        let mut streams = Self::lines(&mut self.dice, &drafts);
        for topic in Topic::ALL {
            for line in streams.of_mut(topic) {
                if self.dice.chance(self.fault_percent / 4) {
                    let damaged = self.damage(line);
                    *line = damaged;
                }
            }
            while self.dice.chance(4) {
                let at = self.dice.below(streams.of(topic).len() + 1);
                let blank = self.dice.word(&["", " ", "\t ", "   "]);
                streams.of_mut(topic).insert(at, blank.into());
            }
        }
        streams
    }
}
