//! What anomalies are judged by: rows of a few kinds, with thresholds near what a history reaches.

use super::World;
use super::dice::Dice;
use super::draft::Draft;
use crate::model::reference::Topic;

/// Every kind of anomaly, those with thresholds first.
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

/// Kinds that hold payouts by the config, in three histories of ten. They have dice of their own: the rest of a history
/// is the same with them and without.
pub(super) fn kinds_that_hold(seed: u64) -> Vec<&'static str> {
    let mut dice = Dice::new(!seed);
    if dice.chance(70) {
        return Vec::new();
    }
    let many = 1 + dice.below(4);
    let mut kinds = KINDS.to_vec();
    dice.shuffle(&mut kinds);
    kinds.truncate(many);
    kinds
}

impl World {
    /// Rows of one to four kinds, so that versions of a kind meet.
    pub(super) fn rulings(&mut self) -> Vec<Draft> {
        let kinds: Vec<&'static str> = (0..1 + self.dice.below(4)).map(|_| self.dice.word(&KINDS)).collect();
        let mut rows: Vec<Draft> = Vec::new();
        for _ in 0..1 + self.dice.below(7) {
            let kind = self.dice.word(&kinds);
            let mut row = self.ruling(kind);
            // Providers contradict themselves here too.
            if self.dice.chance(15) {
                let mut other = row.clone();
                self.threshold(&mut other, kind);
                rows.push(other);
            }
            if self.fault() {
                self.misrule(&mut row);
            }
            rows.push(row);
        }
        rows
    }

    /// A row of any kind.
    pub(super) fn any_ruling(&mut self) -> Draft {
        let kind = self.dice.word(&KINDS);
        self.ruling(kind)
    }

    fn ruling(&mut self, kind: &'static str) -> Draft {
        let mut row = Draft::new(Topic::Rules);
        let tenant = self.dice.word(&self.tenants);
        self.owner(&mut row, tenant, "-");
        if self.dice.chance(5) {
            row.text("provider", "p");
        }
        let version = self.dice.word(&["", "", "/v1", "/v2", "/엄격", "/v/3"]);
        row.text("rule", &format!("{kind}{version}"));
        let since_ms = self.ruling_since();
        row.number("effective_from_ms", since_ms);
        self.threshold(&mut row, kind);
        self.revise(&mut row);
        row
    }

    /// From the beginning, from some moment of the history on, or only after it.
    fn ruling_since(&mut self) -> i64 {
        let plan_ms = self.dice.pick(&self.plans).at_ms;
        let end_ms = self.start_ms + self.span_ms;
        match self.dice.below(10) {
            0..4 => 0,
            4 => plan_ms,
            5 => plan_ms + self.dice.between(-1, 1),
            6 => plan_ms / 60_000 * 60_000 + self.dice.between(0, 1),
            7 => plan_ms / 86_400_000 * 86_400_000 - *self.dice.pick(&[0, 0, 3_600_000, 32_400_000]),
            8 => end_ms + self.dice.between(-1, 1) * *self.dice.pick(&[0, 1, self.settings.tick_ms]),
            _ => self.time(),
        }
    }

    /// What a row says of its kind, drawn afresh.
    fn threshold(&mut self, row: &mut Draft, kind: &str) {
        let mut number = |row: &mut Draft, name: &str, choices: &[i64]| {
            let number = *self.dice.pick(choices);
            row.number(name, number);
        };
        match kind {
            "velocity" => {
                number(row, "window_ms", &[60_000, 120_000, 300_000, 86_400_000]);
                number(row, "wagers_max", &[1, 2, 3, 5, 8]);
            }
            "stake_spike" => number(row, "wagers_min", &[2, 2, 3, 5, 20]),
            "deposit_then_withdraw" => number(row, "deposits_min", &[0, 1, 20, 2_000]),
            "structuring" => number(row, "limit", &[15, 120, 5_000, 10_000]),
            "linked_accounts" => {
                number(row, "device_accounts_min", &[2, 2, 3]);
                number(row, "instrument_accounts_min", &[2, 2, 3]);
            }
            "opposite_betting" => {
                number(row, "staked_min", &[0, 0, 1]);
                number(row, "rounds_min", &[1, 1, 2, 3]);
            }
            _ => {}
        }
        let decimals: &[(&str, &[&'static str])] = match kind {
            "stake_spike" => &[("score_max", &["0.001", "1", "3.5", "3.50", "20", "020"])],
            "improbable_wins" => &[("p_max", &["0.5", "0.2", "0.01", "0.000001", "0.000000000001"])],
            "deposit_then_withdraw" => &[("ratio_min", &["0.2", "1", "1.0", "3", "0.999"])],
            "slow_drift" => &[("slack", &["0", "0.5", "1.5"]), ("limit", &["0.1", "1", "5", "0.001"])],
            "opposite_betting" => &[("net_exposure_max", &["0.1", "0.5", "1"])],
            "rtp_out_of_band" => &[("band_z", &["0.1", "1", "3.291", "0.001"])],
            _ => &[],
        };
        for (name, choices) in decimals {
            let text = self.dice.word(choices);
            row.text(name, text);
        }
        row.text("action", self.dice.word(&["flag", "hold", "hold"]));
    }

    /// One thing wrong with a row that only rules can have wrong.
    fn misrule(&mut self, row: &mut Draft) {
        match self.dice.below(6) {
            0 => drop(
                row.text("rule", self.dice.word(&["velocities", "velocity/", "Velocity/x", "/v1", "x/"])),
            ),
            1 => drop(row.text("action", self.dice.word(&["ban", "", "Hold"]))),
            2 => drop(row.number("window_ms", *self.dice.pick(&[60_001, 0, 86_460_000]))),
            3 => drop(row.set("limit", self.dice.word(&["0", "\"0\"", "\"5.0001\"", "5", "\"5\""]))),
            4 => drop(row.number("wagers_min", *self.dice.pick(&[1, 65]))),
            _ => self.spoil(row),
        }
    }

    /// What a person changes of a rule.
    pub(super) fn ruling_amended(&mut self) -> (&'static str, serde_json::Value) {
        match self.dice.below(6) {
            0 | 1 => ("action", self.dice.word(&["flag", "hold", "hold", "ban"]).into()),
            2 => ("wagers_max", (*self.dice.pick(&[1, 2, 3])).into()),
            3 => ("limit", self.dice.word(&["0.1", "1"]).into()),
            4 => ("effective_from_ms", self.time().into()),
            _ => ("rule", self.dice.word(&KINDS).into()),
        }
    }
}
