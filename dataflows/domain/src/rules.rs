//! The thresholds and times by which records are judged: one plain value, the same for a whole run.

use serde::{Deserialize, Serialize};

use crate::anomaly::{AnomalyKind, Bounds};

const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 86_400_000;

/// The most laps a failed record can be given.
pub const LAPS_MAX: usize = 15;

/// What a run judges by. Times are milliseconds; figures with three decimals are kept as thousandths, so that
/// every comparison is exact.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Rules {
    /// Ticks are multiples of this. At least 1.
    pub tick_ms: u64,
    /// A record is `past_horizon` when its tick is later than its own `at_ms` by more than this; a key is forgotten
    /// this long after the largest `at_ms` among its records.
    pub horizon_ms: u64,
    /// The same for a wager that is still open. Not below `horizon_ms`.
    pub horizon_open_ms: u64,
    /// How far one clock may be ahead of another: `at_ms` of its receipt, a wager's of its outcome's.
    pub skew_ms_max: u64,
    /// A line received this much later than the lower median of its block is `clock_skew` and moves no clock.
    pub gap_ms_max: u64,
    /// How long after a wager its result is due, where its game's row says nothing.
    pub result_due_ms: u64,
    /// Failed records enter again until they are mended or quarantined.
    pub recollect: bool,
    /// How long after the verdict before it each lap of a failed record is due. At most [`LAPS_MAX`].
    pub lap_delays_ms: Vec<u64>,
    /// The zone (IANA name) whose midnights cut the `day:` windows of the RTP.
    pub gaming_day_zone: String,
    /// Thousandths: an RTP is in its band while |z| is not above this.
    pub rtp_band_z: u32,
    /// The sliding window in which an account's wagers are counted: a multiple of a minute.
    pub velocity_window_ms: u64,
    /// More wagers than this in one such window are an anomaly.
    pub velocity_wagers_max: u64,
    /// Thousandths: a stake whose modified z-score is above this is an anomaly.
    pub spike_score_max: u32,
    /// How many earlier wagers an account must have before its stakes are judged.
    pub spike_wagers_min: u64,
    /// From where on figures of players and games are anomalies.
    pub thresholds: Thresholds,
    /// So many accounts on one device are linked by it. At least 2.
    pub device_accounts_min: u64,
    /// So many accounts on one payment instrument are linked by it. At least 2.
    pub instrument_accounts_min: u64,
    /// Thousandths: bets of a round cover each other if less than this of the stakes is lost or gained.
    pub net_exposure_max: u32,
    /// At least so much must be staked in the round, in whole units of its currency.
    pub covered_stake_min: u64,
    /// So many covered rounds are an anomaly.
    pub covered_rounds_min: u64,
    /// Whether payouts are held while an anomaly stands, by kind in the order of [`AnomalyKind::ALL`].
    pub holds: [bool; AnomalyKind::ALL.len()],
    /// Currencies beside the built-in ones: code and digits of the minor unit, sorted by code.
    pub currencies: Vec<(String, u8)>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            tick_ms: 100,
            horizon_ms: 35 * DAY_MS,
            horizon_open_ms: 400 * DAY_MS,
            skew_ms_max: 2_000,
            gap_ms_max: 7 * DAY_MS,
            result_due_ms: 5 * MINUTE_MS,
            recollect: true,
            lap_delays_ms: vec![1_000, 4_000, 16_000],
            gaming_day_zone: "UTC".to_owned(),
            rtp_band_z: 3_291,
            velocity_window_ms: 5 * MINUTE_MS,
            velocity_wagers_max: 60,
            spike_score_max: 3_500,
            spike_wagers_min: 20,
            thresholds: Thresholds::default(),
            device_accounts_min: 3,
            instrument_accounts_min: 2,
            net_exposure_max: 100,
            covered_stake_min: 0,
            covered_rounds_min: 3,
            holds: [false; AnomalyKind::ALL.len()],
            currencies: Vec::new(),
        }
    }
}

impl Rules {
    /// The thresholds by which a kind of anomaly is judged where no rules row says others.
    pub fn bounds(&self, kind: AnomalyKind) -> Bounds {
        let thresholds = &self.thresholds;
        match kind {
            AnomalyKind::Velocity => [self.velocity_window_ms, self.velocity_wagers_max, 0],
            AnomalyKind::StakeSpike => [self.spike_score_max.into(), self.spike_wagers_min, 0],
            AnomalyKind::RtpOutOfBand => [self.rtp_band_z.into(), 0, 0],
            AnomalyKind::ImprobableWins => [thresholds.wins_chance_max_e12, 0, 0],
            AnomalyKind::DepositThenWithdraw => {
                [thresholds.turnover_ratio_min.into(), thresholds.turnover_deposits_min, 0]
            }
            AnomalyKind::Structuring => [thresholds.structuring_limit, 0, 0],
            AnomalyKind::SlowDrift => [thresholds.drift_slack.into(), thresholds.drift_limit.into(), 0],
            AnomalyKind::LinkedAccounts => [self.device_accounts_min, self.instrument_accounts_min, 0],
            AnomalyKind::OppositeBetting => {
                [self.net_exposure_max.into(), self.covered_stake_min, self.covered_rounds_min]
            }
            AnomalyKind::Conflict
            | AnomalyKind::Overdraft
            | AnomalyKind::PayoutAboveMaximum
            | AnomalyKind::BalanceMismatch
            | AnomalyKind::LateWager => Bounds::default(),
        }
    }
}

/// From where on figures of players and games are anomalies. Money is in major units of its currency.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Thresholds {
    /// 10⁻¹²: winnings are improbable where chance gives them to any of all players by less than this. At most a half.
    pub wins_chance_max_e12: u64,
    /// Thousandths: a withdrawal after which less than this share of the deposits before it was staked is an anomaly.
    pub turnover_ratio_min: u32,
    /// The deposits from which on a withdrawal is judged.
    pub turnover_deposits_min: u64,
    /// Payments of a gaming day, each below this, are an anomaly where they come to more.
    pub structuring_limit: u64,
    /// Thousandths: how much of an hour's score is let pass before it counts as drift.
    pub drift_slack: u32,
    /// Thousandths: a game drifts where the sum of what is left goes beyond this.
    pub drift_limit: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            wins_chance_max_e12: 1_000_000,
            turnover_ratio_min: 1_000,
            turnover_deposits_min: 2_000,
            structuring_limit: 10_000,
            drift_slack: 500,
            drift_limit: 5_000,
        }
    }
}
