//! Upper tails of chance: how likely luck alone is to do at least so well.
//!
//! Everything is made of additions, multiplications, divisions and roots as IEEE 754 rounds them, and of `libm`'s
//! functions, which are made of the same: the same figures on every machine. They err by less than 10⁻¹¹ of
//! themselves.
#![allow(
    clippy::disallowed_types,
    reason = "chances of one in a million and less, by operations that never differ"
)]

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// Chances below this are all spelt alike.
const LEAST: f64 = 1e-300;
/// Digits of a chance.
const DIGITS: i32 = 10;

/// A probability in ten significant digits: what comes after them may be in doubt, and says nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Chance {
    /// From 10⁹ to below 10¹⁰; 0 for a chance below 10⁻³⁰⁰.
    digits: u64,
    /// Of the first digit.
    exponent: i32,
}

impl Chance {
    /// Of a standard normal to be `z` or more.
    pub fn normal(z: f64) -> Self {
        Self::of(0.5 * libm::erfc(z * FRAC_1_SQRT_2))
    }

    fn of(chance: f64) -> Self {
        let text = format!("{chance:.9e}");
        let parts = text.split_once('e').and_then(|(digits, exponent)| {
            Some((digits.replace('.', "").parse().ok()?, exponent.parse().ok()?))
        });
        let (digits, exponent) = parts.filter(|_| chance >= LEAST).unwrap_or((0, 0));
        Self { digits, exponent }
    }

    /// Of at least `wins` wins in `wagers`, where one is won by a chance of `odds.0 / odds.1`: `None` where that is
    /// no more than may be expected, or where one win alone is already certain.
    ///
    /// The first term is Loader's ("Fast and accurate computation of binomial probabilities", 2000), the others follow
    /// from it.
    pub fn binomial(wagers: u64, wins: u64, odds: (u128, u128)) -> Option<Self> {
        let (won, all) = odds;
        if won == 0 || won >= all || wins > wagers {
            return None;
        }
        let (win, loss) = (won as f64 / all as f64, (all - won) as f64 / all as f64);
        if wins as f64 <= wagers as f64 * win {
            return None;
        }
        let (mut sum, mut term) = (1.0, 1.0);
        for more in wins..wagers {
            term *= (wagers - more) as f64 / (more + 1) as f64 * (win / loss);
            sum += term;
            if term < sum * 1e-18 {
                break;
            }
        }
        Some(Self::of(point(wagers as f64, wins as f64, win, loss) * sum))
    }

    /// Whether `times` such chances come to less than `max_e12 · 10⁻¹²`.
    pub fn is_below(self, max_e12: u64, times: u64) -> bool {
        // digits · times · 10^(exponent − 9) < max · 10⁻¹².
        let shift = DIGITS - 13 - self.exponent;
        let product = u128::from(self.digits) * u128::from(times);
        match u32::try_from(shift) {
            Ok(shift) => {
                let max = 10u128.checked_pow(shift).and_then(|power| power.checked_mul(max_e12.into()));
                max.is_none_or(|max| product < max)
            }
            Err(_) => product * 10u128.pow(shift.unsigned_abs()) < u128::from(max_e12),
        }
    }

    /// Three significant digits, half-up: `2.22e-5`; `<1e-300` for what is less.
    pub fn text(self) -> String {
        let three = (self.digits + 5_000_000) / 10_000_000;
        let (three, exponent) =
            if three == 1_000 { (100, self.exponent + 1) } else { (three, self.exponent) };
        match three {
            0 => "<1e-300".to_owned(),
            _ => format!("{}.{:02}e{exponent}", three / 100, three % 100),
        }
    }
}

/// The chance of exactly `wins` wins, more than expected and at least one.
fn point(wagers: f64, wins: f64, win: f64, loss: f64) -> f64 {
    let losses = wagers - wins;
    if losses == 0.0 {
        return libm::exp(wagers * libm::log(win));
    }
    let log = beyond_stirling(wagers)
        - beyond_stirling(wins)
        - beyond_stirling(losses)
        - deviance(wins, wagers * win)
        - deviance(losses, wagers * loss);
    libm::exp(log) * libm::sqrt(wagers / (2.0 * PI * wins * losses))
}

/// ln(n!) less Stirling's estimate of it.
fn beyond_stirling(n: f64) -> f64 {
    if n > 15.0 {
        let square = n * n;
        let last = 1.0 / 1680.0 - 1.0 / 1188.0 / square;
        return (1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1260.0 - last / square) / square) / square) / n;
    }
    let factorial: f64 = (1..=n as u32).map(f64::from).product();
    libm::log(factorial) - 0.5 * libm::log(2.0 * PI * n) - n * libm::log(n) + n
}

/// `x · ln(x / mean) + mean − x`, without the loss of digits where the two are near.
fn deviance(x: f64, mean: f64) -> f64 {
    let distance = x - mean;
    if distance.abs() >= 0.1 * (x + mean) {
        return x * libm::log(x / mean) - distance;
    }
    let ratio = distance / (x + mean);
    let (mut sum, mut power) = (distance * ratio, 2.0 * x * ratio);
    for odd in 1..1_000 {
        power *= ratio * ratio;
        let next = sum + power / f64::from(2 * odd + 1);
        if next == sum {
            break;
        }
        sum = next;
    }
    sum
}

#[cfg(test)]
mod tests {
    use num_bigint::BigUint;

    use super::*;

    /// The tail in exact fractions, rounded at the end.
    fn exactly(wagers: u32, wins: u32, (won, all): (u32, u32)) -> f64 {
        let mut choices = BigUint::from(1u8);
        let mut tail = BigUint::from(0u8);
        for k in 0..=wagers {
            if k >= wins {
                tail += &choices * BigUint::from(won).pow(k) * BigUint::from(all - won).pow(wagers - k);
            }
            choices = choices * (wagers - k) / (k + 1);
        }
        let digits = (tail * BigUint::from(10u8).pow(40) / BigUint::from(all).pow(wagers)).to_string();
        format!("{digits}e-40").parse().expect("a number")
    }

    #[test]
    fn tails_agree_with_exact_fractions() {
        for (wagers, odds) in
            [(1, (1, 2)), (7, (18, 37)), (40, (1, 36)), (100, (18, 37)), (400, (495, 1_000))]
        {
            for wins in 1..=wagers {
                let exact = exactly(wagers, wins, odds);
                let odds = (odds.0.into(), odds.1.into());
                let Some(found) = Chance::binomial(wagers.into(), wins.into(), odds) else {
                    assert!(u128::from(wins) * odds.1 <= u128::from(wagers) * odds.0);
                    continue;
                };
                assert!(exact < 1e-25 || found == Chance::of(exact), "{wagers} {wins}: {found:?} {exact}");
            }
        }
    }

    #[test]
    fn worked_examples() {
        let sixty = Chance::binomial(100, 60, (18, 37)).expect("more than 48.6");
        assert_eq!(sixty.text(), "1.48e-2");
        assert!(!sixty.is_below(1_000_000, 1));
        let many = Chance::binomial(1_000, 560, (495, 1_000)).expect("more than 495");
        assert_eq!(many.text(), "2.22e-5");
        assert_eq!(Chance::normal(1.959_963_984_540_054).text(), "2.50e-2");
        assert_eq!(Chance::normal(6.0).text(), "9.87e-10");
        assert_eq!(Chance::normal(40.0).text(), "<1e-300");
    }

    #[test]
    fn what_is_expected_or_certain_is_no_chance() {
        assert_eq!(Chance::binomial(100, 48, (18, 37)), None);
        assert_eq!(Chance::binomial(3, 3, (5, 4)), None);
        assert_eq!(Chance::binomial(3, 0, (1, 4)), None);
        let all = Chance::binomial(20, 20, (1, 2)).expect("ten were to be expected");
        assert_eq!(all.text(), "9.54e-7");
        assert!(all.is_below(1_000_000, 1) && !all.is_below(1_000_000, 2));
        // An eighth of a half is no less than a sixteenth.
        assert!(
            !Chance::of(0.125).is_below(62_500_000_000, 1) && Chance::of(0.125).is_below(62_500_000_001, 0)
        );
        assert!(
            !Chance::of(0.125).is_below(500_000_000_000, 4) && Chance::of(0.124).is_below(500_000_000_000, 4)
        );
        assert!(Chance::of(0.0).is_below(1, u64::MAX) && Chance::of(1e-299).is_below(1, u64::MAX));
        assert_eq!(
            (Chance::of(0.3125).text(), Chance::of(0.099_95).text()),
            ("3.13e-1".into(), "1.00e-1".into())
        );
    }
}
