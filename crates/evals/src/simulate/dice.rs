//! Chance of the simulated world: one seeded ChaCha stream per purpose, so that a change in one place moves no other.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A seeded source of chance.
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    /// The stream `purpose` of `seed`.
    pub(crate) fn new(seed: u64, purpose: u64) -> Self {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(purpose);
        Self(generator)
    }

    /// Uniform in `low..high`.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.0.random::<f64>()
    }

    /// True with this chance.
    pub(crate) fn happens(&mut self, chance: f64) -> bool {
        self.0.random::<f64>() < chance
    }

    /// A position below `count`, which must not be 0.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        self.0.random_range(0..count)
    }

    /// A factor of at most `most` and at least 1 / `most`, uniform in its logarithm.
    pub(crate) fn factor(&mut self, most: f64) -> f64 {
        self.between(-most.ln(), most.ln()).exp()
    }

    /// A position drawn in proportion to its weight; 0 where all weights are 0.
    pub(crate) fn weighted(&mut self, weights: &[f64]) -> usize {
        let mut left = self.between(0.0, weights.iter().sum());
        let reached = |(_, weight): &(usize, &f64)| {
            left -= **weight;
            left < 0.0
        };
        weights.iter().enumerate().find(reached).map_or(0, |(at, _)| at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_draws_and_another_purpose_others() {
        let draws = |seed, purpose| -> Vec<usize> {
            let mut dice = Dice::new(seed, purpose);
            (0..20).map(|_| dice.below(1000)).collect()
        };
        assert_eq!(draws(1, 2), draws(1, 2));
        assert_ne!(draws(1, 2), draws(1, 3));
    }

    #[test]
    fn weights_are_followed() {
        let mut dice = Dice::new(7, 0);
        let seconds = (0..10_000)
            .filter(|_| dice.weighted(&[1.0, 3.0, 0.0]) == 1)
            .count();
        // 3 of 4, standard deviation 43.
        assert!((7_350..7_650).contains(&seconds), "{seconds}");
    }
}
