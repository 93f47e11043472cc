//! What anomalies are judged by: the config, or the row that is in force for a tenant, a kind and a time.

use super::fields::{Field, Shape};
use super::money::units;
use super::wire::Fact;
use super::{DAY_MS, Settings};

/// Every kind of anomaly.
const KINDS: [&str; 14] = [
    "velocity",
    "stake_spike",
    "improbable_wins",
    "deposit_then_withdraw",
    "structuring",
    "slow_drift",
    "linked_accounts",
    "opposite_betting",
    "rtp_out_of_band",
    "conflict",
    "overdraft",
    "payout_above_maximum",
    "balance_mismatch",
    "late_wager",
];

/// Any whole amount that fits a currency.
const MAJOR_MAX: i64 = 1_000_000_000_000_000;

/// The kind that a rule is of, if there is such a kind.
pub fn kind_of(rule: &str) -> Option<&'static str> {
    let name = rule.split_once('/').map_or(rule, |(name, _)| name);
    KINDS.into_iter().find(|kind| *kind == name)
}

/// What a row of such a rule must say, in its order; nothing of a kind that is unknown.
pub fn thresholds(rule: &str) -> &'static [Field] {
    use Shape::{Decimal, Whole};
    match kind_of(rule).unwrap_or_default() {
        "velocity" => &[
            ("window_ms", Whole(60_000, DAY_MS, 60_000), true),
            ("wagers_max", Whole(1, 1_000_000, 1), true),
        ],
        "stake_spike" => {
            &[("score_max", Decimal(3, 1, 1_000_000), true), ("wagers_min", Whole(2, 64, 1), true)]
        }
        "improbable_wins" => &[("p_max", Decimal(12, 1, 500_000_000_000), true)],
        "deposit_then_withdraw" => {
            &[("ratio_min", Decimal(3, 1, 1_000_000), true), ("deposits_min", Whole(0, MAJOR_MAX, 1), true)]
        }
        "structuring" => &[("limit", Whole(1, MAJOR_MAX, 1), true)],
        "slow_drift" => &[("slack", Decimal(3, 0, 100_000), true), ("limit", Decimal(3, 1, 1_000_000), true)],
        "linked_accounts" => &[
            ("device_accounts_min", Whole(2, 1_000_000, 1), true),
            ("instrument_accounts_min", Whole(2, 1_000_000, 1), true),
        ],
        "opposite_betting" => &[
            ("net_exposure_max", Decimal(3, 1, 1_000), true),
            ("staked_min", Whole(0, 1_000_000_000, 1), true),
            ("rounds_min", Whole(1, 1_000_000, 1), true),
        ],
        "rtp_out_of_band" => &[("band_z", Decimal(3, 1, 100_000), true)],
        _ => &[],
    }
}

/// One kind's thresholds at one time.
#[derive(Clone, Debug)]
pub struct Rule {
    pub kind: &'static str,
    /// What anomalies show of it.
    pub version: String,
    /// Whether it holds the payouts of whom it finds.
    pub holds: bool,
    /// The config's, with the thresholds of the row in their places.
    pub settings: Settings,
}

impl Rule {
    fn of_config(kind: &'static str, settings: &Settings) -> Rule {
        let holds = settings.kinds_that_hold.contains(&kind);
        Rule { kind, version: format!("{kind}/1"), holds, settings: settings.clone() }
    }

    fn of_row(kind: &'static str, row: &Fact, settings: &Settings) -> Rule {
        let named = match row.key().contains('/') {
            true => row.key().to_owned(),
            false => format!("{kind}/{}", row.at_ms),
        };
        let version = match row.revision {
            0 => named,
            revision => format!("{named}.{revision}"),
        };
        Rule { kind, version, holds: row.text("action") == "hold", settings: under(kind, row, settings) }
    }
}

/// The settings with a row's thresholds in their places.
fn under(kind: &str, row: &Fact, settings: &Settings) -> Settings {
    let whole = |name| row.number(name).expect("rows say their thresholds");
    let count = |name| whole(name) as u64;
    let scaled = |name, digits| units(row.text(name), digits).expect("rows say their thresholds");
    let mut all = settings.clone();
    match kind {
        "velocity" => {
            (all.velocity_window_ms, all.velocity_wagers_max) = (whole("window_ms"), count("wagers_max"));
        }
        "stake_spike" => {
            all.stake_spike_score_max_milli = scaled("score_max", 3) as i64;
            all.stake_spike_previous_min = whole("wagers_min") as usize;
        }
        "improbable_wins" => all.wins_p_max_e12 = scaled("p_max", 12) as u64,
        "deposit_then_withdraw" => {
            all.turnover_ratio_min_milli = scaled("ratio_min", 3);
            all.turnover_deposits_min = whole("deposits_min").into();
        }
        "structuring" => all.structuring_limit = whole("limit").into(),
        "slow_drift" => {
            (all.drift_slack_milli, all.drift_limit_milli) = (scaled("slack", 3), scaled("limit", 3));
        }
        "linked_accounts" => {
            all.device_accounts_min = count("device_accounts_min");
            all.instrument_accounts_min = count("instrument_accounts_min");
        }
        "opposite_betting" => {
            all.net_exposure_max_milli = scaled("net_exposure_max", 3) as i64;
            (all.covered_stake_min, all.covered_rounds_min) = (count("staked_min"), count("rounds_min"));
        }
        "rtp_out_of_band" => all.rtp_z_max_milli = scaled("band_z", 3) as i64,
        _ => {}
    }
    all
}

/// All that anomalies are judged by.
pub struct Rules<'a> {
    /// Standing rows.
    pub rows: &'a [&'a Fact],
    pub settings: &'a Settings,
    /// The tick: what judges a whole history has come into force by then.
    pub now: i64,
}

impl Rules<'_> {
    /// The rule of a kind in force at a time.
    pub fn at(&self, tenant: &str, kind: &'static str, at_ms: i64) -> Rule {
        let of_kind = |row: &&&Fact| row.tenant == tenant && kind_of(row.key()) == Some(kind);
        let begun = self.rows.iter().filter(of_kind).filter(|row| row.at_ms <= at_ms);
        match begun.max_by_key(|row| (row.at_ms, row.key().as_bytes().to_vec())) {
            Some(row) => Rule::of_row(kind, row, self.settings),
            None => Rule::of_config(kind, self.settings),
        }
    }

    /// The newest rule of a kind whose time has come.
    pub fn newest(&self, tenant: &str, kind: &'static str) -> Rule {
        self.at(tenant, kind, self.now)
    }
}

/// Whose payouts an anomaly holds, if its rule does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Held {
    /// Tenant, provider, wager.
    Wager(String, String, String),
    /// Tenant, account: in every currency.
    Account(String, String),
    /// Tenant, provider, game.
    Game(String, String, String),
}

impl Held {
    /// The wager that a wager or outcome is of.
    pub fn wager(record: &Fact) -> Held {
        Held::Wager(record.tenant.clone(), record.provider.clone(), record.text("wager_id").into())
    }

    pub fn account(tenant: &str, account: &str) -> Held {
        Held::Account(tenant.into(), account.into())
    }

    pub fn game(tenant: &str, provider: &str, game: &str) -> Held {
        Held::Game(tenant.into(), provider.into(), game.into())
    }

    /// Whether a command is about these.
    pub fn is_named_by(&self, command: &Fact) -> bool {
        let (tenant, target) = match self {
            Held::Account(tenant, account) => (tenant, format!("account:{account}")),
            Held::Wager(tenant, _, id) => (tenant, format!("wager:{id}")),
            Held::Game(tenant, _, game) => (tenant, format!("game:{game}")),
        };
        let of_provider = match self {
            Held::Account(..) => true,
            Held::Wager(_, provider, _) | Held::Game(_, provider, _) => *provider == command.provider,
        };
        of_provider && *tenant == command.tenant && target == command.text("target")
    }

    /// Whether a wager's payouts are among them.
    pub fn is_of(&self, wager: &Fact) -> bool {
        let of_provider = |tenant: &str, provider: &str| {
            (tenant, provider) == (wager.tenant.as_str(), wager.provider.as_str())
        };
        match self {
            Held::Wager(tenant, provider, id) => of_provider(tenant, provider) && id == wager.key(),
            Held::Game(tenant, provider, game) => of_provider(tenant, provider) && game == wager.text("game"),
            Held::Account(tenant, account) => *tenant == wager.tenant && account == wager.text("account"),
        }
    }
}
