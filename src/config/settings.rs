//! What there is to set: every setting with its section, its range and what it is for.

use std::ops::RangeInclusive;

use gyre_domain::anomaly::AnomalyKind;
use gyre_domain::records::{Action, Topic};
use gyre_domain::rules::LAPS_MAX;

use super::live::{Handed, any_text, database, job_name, secret, topic_name, topic_prefix};
use super::spelling::{DAY_MS, MILLI, MINUTE_MS, PICO, decimal};
use super::{Config, TICK_MS};
use crate::texts::Key;

/// Ten years: longer spans are slips of the pen.
const SPAN_MS_MAX: u64 = 3_650 * DAY_MS;

/// A half: what is likelier is no surprise.
const HALF_E12: u64 = 500_000_000_000;

/// The largest amount of money that fits any currency, major units.
const MAJOR_MAX: u64 = 1_000_000_000_000_000;

/// What is held for sinks: less than this would stop and go with every tick, more is no bound.
const HELD_BYTES_MIN: u64 = 1 << 20;
const HELD_BYTES_MAX: u64 = 1 << 40;

/// The section whose names are free: currency codes.
pub(super) const CURRENCIES: &str = "currencies";

/// A section of settings that are handed through, and where they go.
pub(super) type HandedThrough = (&'static str, fn(&mut Config) -> &mut Handed);

/// The sections whose names are somebody else's: settings of Kafka's client.
pub(super) static HANDED: &[HandedThrough] = &[
    ("source.kafka.client", |config| &mut config.live.source_kafka_client),
    ("sinks.kafka.client", |config| &mut config.live.sink_kafka_client),
];

/// One setting: where it stands, what it takes, what it is for.
pub(super) struct Setting {
    pub(super) section: &'static str,
    pub(super) name: &'static str,
    pub(super) about: Key,
    pub(super) kind: Kind,
}

/// What a setting takes, and where it goes.
pub(super) enum Kind {
    /// A whole number of milliseconds.
    Span { range: RangeInclusive<u64>, step: u64, field: fn(&mut Config) -> &mut u64 },
    /// Whole numbers of milliseconds, one after the other.
    Spans { range: RangeInclusive<u64>, most: usize, field: fn(&mut Config) -> &mut Vec<u64> },
    /// A whole number of things.
    Count { range: RangeInclusive<u64>, field: fn(&mut Config) -> &mut u64 },
    /// A decimal number in quotes, kept as thousandths.
    Thousandths { range: RangeInclusive<u32>, field: fn(&mut Config) -> &mut u32 },
    /// A decimal number in quotes, kept in units of 10⁻¹².
    Trillionths { range: RangeInclusive<u64>, field: fn(&mut Config) -> &mut u64 },
    /// The name of a time zone.
    Zone { field: fn(&mut Config) -> &mut String },
    /// Text in quotes; `wrong` gives what to write instead of one that will not do.
    Text { wrong: fn(&str) -> Option<Key>, field: fn(&mut Config) -> &mut String },
    /// What an anomaly of a kind does: `"flag"` or `"hold"`.
    Action { kind: AnomalyKind },
    /// Yes or no.
    Flag { field: fn(&mut Config) -> &mut bool },
}

/// A setting that is a number of milliseconds in the rules.
macro_rules! span {
    ($section:literal, $name:literal, $about:ident, $range:expr, $step:expr, $field:ident) => {
        Setting {
            section: $section,
            name: $name,
            about: Key::$about,
            kind: Kind::Span { range: $range, step: $step, field: |config| &mut config.rules.$field },
        }
    };
}

/// The topic that records of a kind are read from.
macro_rules! topic {
    ($name:literal, $topic:ident) => {
        Setting {
            section: "source.kafka.topics",
            name: $name,
            about: Key::AboutKafkaTopic,
            kind: Kind::Text {
                wrong: topic_name,
                field: |config| &mut config.live.source_kafka_topics[Topic::$topic as usize],
            },
        }
    };
}

/// What an anomaly of a kind does.
macro_rules! action {
    ($section:literal, $kind:ident) => {
        Setting {
            section: $section,
            name: "action",
            about: Key::AboutAction,
            kind: Kind::Action { kind: AnomalyKind::$kind },
        }
    };
}

/// Every setting, in the order in which they are shown. `[currencies]` stands beside it.
#[rustfmt::skip]
pub(super) static SETTINGS: &[Setting] = &[
    span!("time", "tick_ms", AboutTick, TICK_MS, 1, tick_ms),
    span!("time", "horizon_ms", AboutHorizon, 1_000..=SPAN_MS_MAX, 1, horizon_ms),
    span!("time", "horizon_open_ms", AboutHorizonOpen, 1_000..=SPAN_MS_MAX, 1, horizon_open_ms),
    span!("time", "skew_ms_max", AboutSkew, 0..=DAY_MS, 1, skew_ms_max),
    span!("time", "gap_ms_max", AboutGap, 1_000..=SPAN_MS_MAX, 1, gap_ms_max),
    span!("time", "result_due_ms", AboutResultDue, 0..=SPAN_MS_MAX, 1, result_due_ms),
    Setting { section: "time", name: "gaming_day_zone", about: Key::AboutZone,
              kind: Kind::Zone { field: |config| &mut config.rules.gaming_day_zone } },
    Setting { section: "recollect", name: "enabled", about: Key::AboutRecollect,
              kind: Kind::Flag { field: |config| &mut config.rules.recollect } },
    Setting { section: "recollect", name: "delays_ms", about: Key::AboutDelays,
              kind: Kind::Spans { range: 1..=DAY_MS, most: LAPS_MAX, field: |config| &mut config.rules.lap_delays_ms } },
    Setting { section: "rtp", name: "band_z", about: Key::AboutBand,
              kind: Kind::Thousandths { range: 1..=100_000, field: |config| &mut config.rules.rtp_band_z } },
    action!("rtp", RtpOutOfBand),
    span!("anomalies.velocity", "window_ms", AboutVelocityWindow, MINUTE_MS..=DAY_MS, MINUTE_MS, velocity_window_ms),
    Setting { section: "anomalies.velocity", name: "wagers_max", about: Key::AboutVelocityMax,
              kind: Kind::Count { range: 1..=1_000_000, field: |config| &mut config.rules.velocity_wagers_max } },
    action!("anomalies.velocity", Velocity),
    Setting { section: "anomalies.stake_spike", name: "score_max", about: Key::AboutSpikeScore,
              kind: Kind::Thousandths { range: 1..=1_000_000, field: |config| &mut config.rules.spike_score_max } },
    Setting { section: "anomalies.stake_spike", name: "wagers_min", about: Key::AboutSpikeMin,
              kind: Kind::Count { range: 2..=64, field: |config| &mut config.rules.spike_wagers_min } },
    action!("anomalies.stake_spike", StakeSpike),
    Setting { section: "anomalies.improbable_wins", name: "p_max", about: Key::AboutWinsChance,
              kind: Kind::Trillionths { range: 1..=HALF_E12, field: |config| &mut config.rules.thresholds.wins_chance_max_e12 } },
    action!("anomalies.improbable_wins", ImprobableWins),
    Setting { section: "anomalies.deposit_then_withdraw", name: "ratio_min", about: Key::AboutTurnoverRatio,
              kind: Kind::Thousandths { range: 1..=1_000_000, field: |config| &mut config.rules.thresholds.turnover_ratio_min } },
    Setting { section: "anomalies.deposit_then_withdraw", name: "deposits_min", about: Key::AboutTurnoverDeposits,
              kind: Kind::Count { range: 0..=MAJOR_MAX, field: |config| &mut config.rules.thresholds.turnover_deposits_min } },
    action!("anomalies.deposit_then_withdraw", DepositThenWithdraw),
    Setting { section: "anomalies.structuring", name: "limit", about: Key::AboutStructuring,
              kind: Kind::Count { range: 1..=MAJOR_MAX, field: |config| &mut config.rules.thresholds.structuring_limit } },
    action!("anomalies.structuring", Structuring),
    Setting { section: "anomalies.slow_drift", name: "slack", about: Key::AboutDriftSlack,
              kind: Kind::Thousandths { range: 0..=100_000, field: |config| &mut config.rules.thresholds.drift_slack } },
    Setting { section: "anomalies.slow_drift", name: "limit", about: Key::AboutDriftLimit,
              kind: Kind::Thousandths { range: 1..=1_000_000, field: |config| &mut config.rules.thresholds.drift_limit } },
    action!("anomalies.slow_drift", SlowDrift),
    Setting { section: "anomalies.linked_accounts", name: "device_accounts_min", about: Key::AboutDeviceMin,
              kind: Kind::Count { range: 2..=1_000_000, field: |config| &mut config.rules.device_accounts_min } },
    Setting { section: "anomalies.linked_accounts", name: "instrument_accounts_min", about: Key::AboutInstrumentMin,
              kind: Kind::Count { range: 2..=1_000_000, field: |config| &mut config.rules.instrument_accounts_min } },
    action!("anomalies.linked_accounts", LinkedAccounts),
    Setting { section: "anomalies.opposite_betting", name: "net_exposure_max", about: Key::AboutExposure,
              kind: Kind::Thousandths { range: 1..=1_000, field: |config| &mut config.rules.net_exposure_max } },
    Setting { section: "anomalies.opposite_betting", name: "staked_min", about: Key::AboutCoveredStake,
              kind: Kind::Count { range: 0..=1_000_000_000, field: |config| &mut config.rules.covered_stake_min } },
    Setting { section: "anomalies.opposite_betting", name: "rounds_min", about: Key::AboutCoveredRounds,
              kind: Kind::Count { range: 1..=1_000_000, field: |config| &mut config.rules.covered_rounds_min } },
    action!("anomalies.opposite_betting", OppositeBetting),
    action!("anomalies.conflict", Conflict),
    action!("anomalies.overdraft", Overdraft),
    action!("anomalies.payout_above_maximum", PayoutAboveMaximum),
    action!("anomalies.balance_mismatch", BalanceMismatch),
    action!("anomalies.late_wager", LateWager),
    Setting { section: "outputs", name: "postings", about: Key::AboutPostings,
              kind: Kind::Flag { field: |config| &mut config.postings } },
    Setting { section: "run", name: "job", about: Key::AboutJob,
              kind: Kind::Text { wrong: job_name, field: |config| &mut config.live.job } },
    Setting { section: "run", name: "held_bytes_max", about: Key::AboutHeld,
              kind: Kind::Count { range: HELD_BYTES_MIN..=HELD_BYTES_MAX, field: |config| &mut config.live.held_bytes_max } },
    Setting { section: "source.folder", name: "path", about: Key::AboutSourceFolder,
              kind: Kind::Text { wrong: any_text, field: |config| &mut config.live.source_folder } },
    Setting { section: "sinks.files", name: "path", about: Key::AboutSinkFiles,
              kind: Kind::Text { wrong: any_text, field: |config| &mut config.live.sink_files } },
    Setting { section: "sinks.files", name: "gather_ms", about: Key::AboutGather,
              kind: Kind::Span { range: 1..=MINUTE_MS, step: 1, field: |config| &mut config.live.sink_files_gather_ms } },
    Setting { section: "source.kafka", name: "brokers", about: Key::AboutKafkaSource,
              kind: Kind::Text { wrong: any_text, field: |config| &mut config.live.source_kafka_brokers } },
    topic!("wagers", Wagers),
    topic!("outcomes", Outcomes),
    topic!("payments", Payments),
    topic!("games", Games),
    topic!("accounts", Accounts),
    topic!("rules", Rules),
    topic!("commands", Commands),
    Setting { section: "sinks.kafka", name: "brokers", about: Key::AboutKafkaSink,
              kind: Kind::Text { wrong: any_text, field: |config| &mut config.live.sink_kafka_brokers } },
    Setting { section: "sinks.kafka", name: "prefix", about: Key::AboutKafkaPrefix,
              kind: Kind::Text { wrong: topic_prefix, field: |config| &mut config.live.sink_kafka_prefix } },
    Setting { section: "sinks.postgres", name: "url", about: Key::AboutPostgres,
              kind: Kind::Text { wrong: database, field: |config| &mut config.live.sink_postgres_url } },
    Setting { section: "sinks.postgres", name: "password", about: Key::AboutPostgresPassword,
              kind: Kind::Text { wrong: secret, field: |config| &mut config.live.sink_postgres_password } },
];

impl Setting {
    /// `section.name`.
    fn path(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }

    /// The setting's value as the file spells it.
    pub(super) fn spelling(&self, config: &Config) -> String {
        // Fields are reached by `&mut` only, so that each is named once; the copy is a few words.
        let mut config = config.clone();
        match &self.kind {
            Kind::Span { field, .. } | Kind::Count { field, .. } => field(&mut config).to_string(),
            Kind::Thousandths { field, .. } => {
                format!("\"{}\"", decimal((*field(&mut config)).into(), MILLI))
            }
            Kind::Trillionths { field, .. } => format!("\"{}\"", decimal(*field(&mut config), PICO)),
            Kind::Spans { field, .. } => spans(field(&mut config)),
            Kind::Zone { field } | Kind::Text { field, .. } => text(field(&mut config)),
            Kind::Action { kind } => text(action(config.rules.holds[*kind as usize]).name()),
            Kind::Flag { field } => field(&mut config).to_string(),
        }
    }
}

/// What an anomaly does.
fn action(holds: bool) -> Action {
    if holds { Action::Hold } else { Action::Flag }
}

/// Text as the file spells it.
fn text(text: &str) -> String {
    // Text of TOML escapes as JSON's does.
    serde_json::to_string(text).unwrap_or_default()
}

/// A list as the file spells it.
pub(super) fn spans(list: &[u64]) -> String {
    let numbers: Vec<String> = list.iter().map(u64::to_string).collect();
    format!("[{}]", numbers.join(", "))
}

/// Whether `path` is a section or holds one.
pub(super) fn is_section(path: &str) -> bool {
    let within = |section: &str| {
        section.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    path == CURRENCIES
        || SETTINGS.iter().any(|known| within(known.section))
        || HANDED.iter().any(|(section, _)| within(section))
}

/// The names that may stand at `section`: settings and sections below.
pub(super) fn names_in(section: &str) -> Vec<String> {
    let mut names = Vec::new();
    let handed = HANDED.iter().map(|(section, _)| (*section).to_owned());
    for path in SETTINGS.iter().map(Setting::path).chain(handed) {
        let below = if section.is_empty() {
            Some(path.as_str())
        } else {
            path.strip_prefix(section).and_then(|p| p.strip_prefix('.'))
        };
        if let Some(name) = below.and_then(|below| below.split('.').next())
            && !names.iter().any(|seen| seen == name)
        {
            names.push(name.to_owned());
        }
    }
    if section.is_empty() {
        names.push(CURRENCIES.to_owned());
    }
    names
}

#[cfg(test)]
mod tests {
    use gyre_domain::anomaly::Takes;

    use super::*;

    #[test]
    fn rules_rows_take_what_the_config_takes() {
        for kind in AnomalyKind::ALL {
            let section = match kind {
                AnomalyKind::RtpOutOfBand => "rtp".to_owned(),
                kind => format!("anomalies.{}", kind.name()),
            };
            let known = SETTINGS.iter().filter(|setting| setting.section == section);
            let names: Vec<&str> = known.map(|setting| setting.name).collect();
            let takes: Vec<&str> = kind.thresholds().iter().map(|it| it.name).chain(["action"]).collect();
            assert_eq!(names, takes);
            for threshold in kind.thresholds() {
                let is_it = |known: &&Setting| known.section == section && known.name == threshold.name;
                match (&SETTINGS.iter().find(is_it).unwrap().kind, &threshold.takes) {
                    (Kind::Span { range, step, .. }, Takes::Whole { range: takes, step: steps }) => {
                        assert_eq!((range, step), (takes, steps), "{}", threshold.name);
                    }
                    (Kind::Count { range, .. }, Takes::Whole { range: takes, step: 1 }) => {
                        assert_eq!(range, takes, "{}", threshold.name);
                    }
                    (Kind::Thousandths { range, .. }, Takes::Decimal { range: takes, digits: MILLI }) => {
                        let range = u64::from(*range.start())..=u64::from(*range.end());
                        assert_eq!(range, *takes, "{}", threshold.name);
                    }
                    (Kind::Trillionths { range, .. }, Takes::Decimal { range: takes, digits: PICO }) => {
                        assert_eq!(range, takes, "{}", threshold.name);
                    }
                    _ => panic!("{}.{} is spelt in two ways", section, threshold.name),
                }
            }
        }
    }
}
