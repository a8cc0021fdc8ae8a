//! What a score has meant so far: the share of right ones among those with about this score.

const STEPS: usize = 10;

/// Scores in 0..=1 by tenths, with how many there were and how many of them were right.
#[derive(Debug, Clone)]
pub(super) struct Scale {
    right: [f64; STEPS],
    all: [f64; STEPS],
    chances: [f64; STEPS],
}

impl Scale {
    /// Before anything is counted: these shares, each worth so many scores.
    pub(super) fn new(shares: [f64; STEPS], worth: f64) -> Self {
        Self {
            right: shares.map(|share| share * worth),
            all: [worth; STEPS],
            chances: shares,
        }
    }

    /// Counts a score.
    pub(super) fn count(&mut self, score: f64, right: bool) {
        self.all[step(score)] += 1.0;
        self.right[step(score)] += f64::from(u8::from(right));
    }

    /// Turns the counts into chances that do not fall where scores rise (pooled adjacent violators, Ayer et al. 1955).
    pub(super) fn settle(&mut self) {
        let mut pools: Vec<(f64, f64, usize)> = Vec::new();
        for (&right, &all) in self.right.iter().zip(&self.all) {
            let mut pool = (right, all, 1);
            while let Some(before) = pools.pop_if(|before| before.0 * pool.1 >= pool.0 * before.1) {
                pool = (pool.0 + before.0, pool.1 + before.1, pool.2 + before.2);
            }
            pools.push(pool);
        }
        let chances = pools
            .iter()
            .flat_map(|&(right, all, steps)| std::iter::repeat_n(right / all, steps));
        self.chances
            .iter_mut()
            .zip(chances)
            .for_each(|(old, new)| *old = new);
    }

    /// The chance that a score is right.
    pub(super) fn chance(&self, score: f64) -> f64 {
        self.chances[step(score)]
    }
}

fn step(score: f64) -> usize {
    ((score * STEPS as f64) as usize).min(STEPS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_steps_that_contradict_the_order_are_pooled() {
        let mut scale = Scale::new([0.0; STEPS], 1.0);
        for _ in 0..3 {
            scale.count(0.45, true);
        }
        scale.count(0.55, false);
        scale.count(1.0, true);
        scale.settle();
        // Fourth: 3/4; fifth: 0/2, sixth to eighth: 0/1 each; the last: 1/2.
        assert_eq!(scale.chance(0.39), 0.0);
        assert!((scale.chance(0.4) - 3.0 / 9.0).abs() < 1e-15);
        assert!((scale.chance(0.8) - 3.0 / 9.0).abs() < 1e-15);
        assert_eq!(scale.chance(0.95), 0.5);
    }
}
