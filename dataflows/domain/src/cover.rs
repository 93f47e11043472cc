//! Bets that cover each other: whoever makes them hardly cares how the round ends.
//!
//! The wire names no selection and no market, so the money speaks: some wagers of one round won, some lost, and what
//! came back is nearly what was staked.

use crate::currency::Currency;

/// The wagers of one round that belong together, summed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cover {
    /// Wagers.
    pub wagers: u64,
    /// Those that returned more than was staked.
    pub won: u64,
    /// Those that returned less.
    pub lost: u64,
    /// Minor units.
    pub staked: i128,
    /// Minor units.
    pub returned: i128,
}

/// From when on bets cover each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Covering {
    /// Thousandths: what is lost or gained of the stakes must be less than this.
    pub exposure_max: u32,
    /// At least so much must be staked in the round, in whole units of its currency.
    pub staked_min: u64,
}

impl Cover {
    /// One settled wager.
    pub fn of(stake: i64, payout: i128) -> Self {
        let staked = i128::from(stake);
        Self {
            wagers: 1,
            won: u64::from(payout > staked),
            lost: u64::from(payout < staked),
            staked,
            returned: payout,
        }
    }

    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        self.wagers += other.wagers;
        self.won += other.won;
        self.lost += other.lost;
        self.staked += other.staked;
        self.returned += other.returned;
    }

    /// Whether some won and some lost: without that no figures are asked.
    pub fn is_mixed(&self) -> bool {
        self.won > 0 && self.lost > 0
    }

    /// Whether the round hardly mattered to whoever made these bets.
    pub fn holds(&self, covering: &Covering, currency: Currency) -> bool {
        let unit = 10i128.pow(currency.exponent().into());
        let exposure = (self.returned - self.staked).abs();
        self.is_mixed()
            && self.staked >= i128::from(covering.staked_min) * unit
            && exposure.saturating_mul(1_000) < self.staked.saturating_mul(covering.exposure_max.into())
    }

    /// What was lost or gained of the stakes, in ten thousandths, half up; `None` without stakes.
    pub fn exposure_ten_thousandths(&self) -> Option<i128> {
        let exposure = (self.returned - self.staked).abs();
        (self.staked > 0).then(|| (exposure.saturating_mul(20_000) / self.staked + 1) / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each row mends or breaks one thing of the row above.
    #[test]
    fn covers() {
        let euro = crate::currency::Currencies::default().get("EUR").expect("the euro is built in");
        let covering = Covering { exposure_max: 100, staked_min: 20 };
        let rows: [(&[(i64, i128)], bool); 9] = [
            (&[(1000, 0)], false),
            (&[(1000, 0), (1000, 2000)], true),
            (&[(1000, 0), (1000, 1801)], true),
            (&[(1000, 0), (1000, 1800)], false),
            (&[(1000, 0), (1000, 2199)], true),
            (&[(1000, 0), (1000, 2200)], false),
            (&[(999, 0), (1000, 2000)], false),
            (&[(1000, 1000), (1000, 1000)], false),
            (&[(1000, 0), (1000, 1000), (1000, 3000)], false),
        ];
        for (wagers, holds) in rows {
            let mut cover = Cover::default();
            wagers.iter().for_each(|&(stake, payout)| cover.add(&Cover::of(stake, payout)));
            assert_eq!(cover.holds(&covering, euro), holds, "{wagers:?}");
        }
        let cover = Cover { staked: 3_000, returned: 2_900, ..Cover::default() };
        assert_eq!(cover.exposure_ten_thousandths(), Some(333));
        assert_eq!(Cover { staked: 3_000, returned: 3_200, ..cover }.exposure_ten_thousandths(), Some(667));
        assert_eq!(Cover::default().exposure_ten_thousandths(), None);
    }
}
