//! Seeded chance: the same seed throws the same on every machine.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// A seeded source of chance. Only integers, and floats by exact operations, so that no platform differs.
pub struct Dice(Xoshiro256PlusPlus);

impl Dice {
    /// Dice that throw what `seed` says.
    pub fn new(seed: u64) -> Self {
        Self(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// 64 random bits.
    pub fn word(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in `0..n` (0 for `n` = 0). The bias of the multiplication is below n / 2^64.
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.word()) * u128::from(n)) >> 64) as u64
    }

    /// Uniform in `low..=high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f64) -> bool {
        const UNIT: f64 = 1.0 / (1u64 << 53) as f64;
        (self.word() >> 11) as f64 * UNIT < p
    }

    /// One of `items`, which is not empty.
    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u64) as usize]
    }

    /// Puts `items` in random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}

/// Ranks `0..n` with weights `(rank + 1)^-exponent`, drawn in constant time (Vose's alias method).
pub struct Zipf {
    /// Below this, of 2^32, the column's own rank is drawn, otherwise its alias.
    columns: Vec<(u32, u32)>,
}

impl Zipf {
    /// The distribution over `ranks` ranks (at least one).
    pub fn new(ranks: usize, exponent: f64) -> Self {
        // `libm`, because the platform's own `pow` differs in the last bit.
        let weights: Vec<f64> = (1..=ranks.max(1)).map(|rank| libm::pow(rank as f64, -exponent)).collect();
        let scale = weights.len() as f64 / weights.iter().sum::<f64>();
        let mut share: Vec<f64> = weights.iter().map(|weight| weight * scale).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) =
            (0..share.len()).partition(|&rank| share[rank] < 1.0);
        let mut columns: Vec<(u32, u32)> = (0..share.len() as u32).map(|rank| (u32::MAX, rank)).collect();
        while let (Some(&poor), Some(&rich)) = (small.last(), large.last()) {
            small.pop();
            columns[poor] = ((share[poor] * 4_294_967_296.0) as u32, rich as u32);
            share[rich] -= 1.0 - share[poor];
            if share[rich] < 1.0 {
                large.pop();
                small.push(rich);
            }
        }
        Self { columns }
    }

    /// Draws a rank, 0 the likeliest.
    pub fn draw(&self, dice: &mut Dice) -> usize {
        let word = dice.word();
        let column = (((word >> 32) * self.columns.len() as u64) >> 32) as usize;
        let (own, alias) = self.columns[column];
        if (word as u32) < own { column } else { alias as usize }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zipf_draws_follow_their_weights() {
        let (mut dice, zipf) = (Dice::new(7), Zipf::new(100, 1.0));
        let mut drawn = [0u32; 100];
        for _ in 0..200_000 {
            drawn[zipf.draw(&mut dice)] += 1;
        }
        // The harmonic number of 100 is 5.187: rank 0 weighs 0.1928, rank 9 a tenth of it.
        assert!((37_500..39_600).contains(&drawn[0]), "{}", drawn[0]);
        assert!((3_500..4_200).contains(&drawn[9]), "{}", drawn[9]);
        assert!(drawn.iter().all(|&count| count > 0));
    }
}
