//! Random histories as the graph takes them.

use gyre_domain::anomaly::AnomalyKind;
use gyre_domain::records::Topic;
use gyre_domain::rules::{Rules, Thresholds};

use crate::model::reference::{Settings, Streams};

/// The rules that a history is told under.
pub fn rules(settings: &Settings) -> Rules {
    Rules {
        tick_ms: settings.tick_ms as u64,
        horizon_ms: settings.horizon_ms as u64,
        horizon_open_ms: settings.horizon_open_ms as u64,
        skew_ms_max: settings.skew_ms_max as u64,
        gap_ms_max: settings.gap_ms_max as u64,
        result_due_ms: settings.result_due_ms as u64,
        recollect: true,
        lap_delays_ms: vec![1_000, 4_000, 16_000],
        gaming_day_zone: settings.gaming_day_zone.clone(),
        rtp_band_z: settings.rtp_z_max_milli as u32,
        velocity_window_ms: settings.velocity_window_ms as u64,
        velocity_wagers_max: settings.velocity_wagers_max,
        spike_score_max: settings.stake_spike_score_max_milli as u32,
        spike_wagers_min: settings.stake_spike_previous_min as u64,
        thresholds: Thresholds {
            wins_chance_max_e12: settings.wins_p_max_e12,
            turnover_ratio_min: settings.turnover_ratio_min_milli as u32,
            turnover_deposits_min: settings.turnover_deposits_min as u64,
            structuring_limit: settings.structuring_limit as u64,
            drift_slack: settings.drift_slack_milli as u32,
            drift_limit: settings.drift_limit_milli as u32,
        },
        device_accounts_min: settings.device_accounts_min,
        instrument_accounts_min: settings.instrument_accounts_min,
        net_exposure_max: settings.net_exposure_max_milli as u32,
        covered_stake_min: settings.covered_stake_min,
        covered_rounds_min: settings.covered_rounds_min,
        holds: AnomalyKind::ALL.map(|kind| settings.kinds_that_hold.contains(&kind.name())),
        currencies: Vec::new(),
    }
}

/// The lines of a history by topic.
pub fn topics(streams: &Streams) -> [(Topic, &[Vec<u8>]); 7] {
    [
        (Topic::Wagers, &*streams.wagers),
        (Topic::Outcomes, &*streams.outcomes),
        (Topic::Payments, &*streams.payments),
        (Topic::Games, &*streams.games),
        (Topic::Accounts, &*streams.accounts),
        (Topic::Rules, &*streams.rules),
        (Topic::Commands, &*streams.commands),
    ]
}
