//! Games with exact payout tables: what a table pays in the long run is what its games row says.

use super::dice::Dice;

/// Weights of a payout table are parts of this.
const PARTS: u64 = 1_000_000_000;

/// A way of paying: what multiples (in tenths of the stake), and which share of the RTP (per mille) each carries. The
/// first, one that pays in whole tens of tenths, takes what rounding leaves.
struct Style {
    category: &'static str,
    pays: &'static [(u32, u64)],
    /// How long a round lasts, milliseconds.
    lasts_ms: (u64, u64),
}

const STYLES: &[Style] = &[
    Style {
        category: "slots",
        pays: &[(10, 220), (2, 60), (5, 110), (20, 200), (50, 160), (200, 150), (1_000, 100)],
        lasts_ms: (400, 3_000),
    },
    Style {
        category: "slots",
        pays: &[(10, 120), (5, 80), (20, 150), (100, 200), (500, 200), (2_500, 150), (10_000, 100)],
        lasts_ms: (400, 3_500),
    },
    Style { category: "roulette", pays: &[(20, 700), (30, 200), (360, 100)], lasts_ms: (12_000, 30_000) },
    Style { category: "blackjack", pays: &[(10, 90), (20, 800), (25, 110)], lasts_ms: (5_000, 28_000) },
    Style {
        category: "crash",
        pays: &[(10, 60), (11, 140), (15, 250), (20, 250), (50, 200), (500, 100)],
        lasts_ms: (2_000, 20_000),
    },
    Style { category: "baccarat", pays: &[(10, 95), (20, 860), (90, 45)], lasts_ms: (8_000, 25_000) },
];

/// What a game pays from a time on: one games row.
#[derive(Clone, Debug)]
pub struct Terms {
    /// In force from here on.
    pub from_ms: u64,
    /// Theoretical RTP in billionths: exactly what `table` pays in the mean.
    pub rtp_e9: u64,
    /// Standard deviation of one unit stake in millionths, rounded down.
    pub volatility_e6: u64,
    /// The most one stake pays, as a multiple of it.
    pub payout_max: u64,
    /// (weight up to here, multiple in tenths); beyond the last one nothing is paid.
    table: Vec<(u64, u32)>,
}

impl Terms {
    fn new(from_ms: u64, rtp_e9: u64, pays: &[(u32, u64)]) -> Self {
        // In tenths of parts; each weight a multiple of ten leaves a multiple of ten for the first.
        let target = u128::from(rtp_e9) * 10;
        let mut table: Vec<(u64, u32)> = Vec::with_capacity(pays.len());
        let mut left = target;
        for &(tenths, per_mille) in &pays[1..] {
            let weight = (target * u128::from(per_mille) / 1_000 / u128::from(tenths)) / 1_000 * 1_000;
            left -= weight * u128::from(tenths);
            table.push((weight as u64, tenths));
        }
        table.push(((left / u128::from(pays[0].0)) as u64, pays[0].0));
        let squares: u128 =
            table.iter().map(|&(weight, tenths)| u128::from(weight) * u128::from(tenths).pow(2)).sum();
        let variance_e12 = (squares * 10).saturating_sub(u128::from(rtp_e9).pow(2) / 1_000_000);
        let payout_max = table.iter().map(|&(_, tenths)| u64::from(tenths).div_ceil(10)).max().unwrap_or(0);
        let mut upto = 0;
        for entry in &mut table {
            upto += entry.0;
            entry.0 = upto;
        }
        Self { from_ms, rtp_e9, volatility_e6: variance_e12.isqrt() as u64, payout_max, table }
    }

    /// What one round pays, in tenths of the stake.
    pub fn draw(&self, dice: &mut Dice) -> u32 {
        let at = dice.below(PARTS);
        self.table.iter().find(|&&(upto, _)| at < upto).map_or(0, |&(_, tenths)| tenths)
    }
}

/// A game of a provider.
#[derive(Clone, Debug)]
pub struct Game {
    /// Its id.
    pub id: String,
    /// Index of its provider.
    pub provider: usize,
    /// The kind of game.
    pub category: &'static str,
    /// How long a round lasts, milliseconds.
    pub lasts_ms: (u64, u64),
    /// When its result is due after a wager, where it has a rule of its own.
    pub result_due_ms: Option<u64>,
    /// Its rows by `from_ms`.
    pub terms: Vec<Terms>,
}

impl Game {
    /// The game at `index` of a house that has played under new rules since `turn_ms`.
    pub fn new(index: usize, providers: usize, turn_ms: u64, dice: &mut Dice) -> Self {
        let style = &STYLES[index % STYLES.len()];
        // 94.00 % to 97.50 %, in steps of a basis point.
        let rtp_e9 = dice.between(9_400, 9_750) * 100_000;
        let mut terms = vec![Terms::new(0, rtp_e9, style.pays)];
        if index % 16 == 7 {
            terms.push(Terms::new(turn_ms, rtp_e9 - 10_000_000, style.pays));
        }
        Self {
            id: format!(
                "{}-{:03}",
                style.category,
                index / STYLES.len() + 1 + usize::from(index % 6 == 1) * 500
            ),
            provider: (index * 7 + index / 5) % providers,
            category: style.category,
            lasts_ms: style.lasts_ms,
            result_due_ms: (index % 5 == 2).then_some(600_000),
            terms,
        }
    }

    /// A game whose reels are loose: it says 95 % and will be made to pay eightfold.
    pub fn loose(number: usize, provider: usize) -> Self {
        Self::slots(format!("loose-reels-{number:03}"), provider)
    }

    /// Slots that say 95 %.
    pub fn slots(id: String, provider: usize) -> Self {
        let style = &STYLES[0];
        Self {
            id,
            provider,
            category: "slots",
            lasts_ms: style.lasts_ms,
            result_due_ms: None,
            terms: vec![Terms::new(0, 950_000_000, style.pays)],
        }
    }

    /// Which row is in force at `at_ms`.
    pub fn terms_at(&self, at_ms: u64) -> &Terms {
        let later = self.terms.iter().rposition(|terms| terms.from_ms <= at_ms).unwrap_or(0);
        &self.terms[later]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_pays_its_theoretical_rtp_exactly() {
        for style in STYLES {
            assert_eq!(style.pays.iter().map(|&(_, share)| share).sum::<u64>(), 1_000, "{}", style.category);
            for rtp_e9 in [940_000_000, 965_000_000, 974_900_000] {
                let terms = Terms::new(0, rtp_e9, style.pays);
                let (mut before, mut paid) = (0, 0u128);
                for &(upto, tenths) in &terms.table {
                    paid += u128::from(upto - before) * u128::from(tenths);
                    before = upto;
                }
                assert!(before <= PARTS, "{} hits more often than always", style.category);
                assert_eq!(paid, u128::from(rtp_e9) * 10, "{} {rtp_e9}", style.category);
                assert!(terms.volatility_e6 > 0);
            }
        }
    }

    #[test]
    fn draws_come_near_the_theoretical_rtp() {
        let (mut dice, terms) = (Dice::new(3), Terms::new(0, 965_000_000, STYLES[0].pays));
        let paid: u64 = (0..2_000_000).map(|_| u64::from(terms.draw(&mut dice))).sum();
        let rtp = paid as f64 / 20_000_000.0;
        assert!((rtp - 0.965).abs() < 0.015, "{rtp}");
    }
}
