//! How often each cause occurs in a situation: its share of all repairs times a factor for the model, the province, the season
//! and the age.
//!
//! With K repairs of a cause in a cell where its share of all repairs would give E, the factor is (K + a) / (E + a): the mean
//! of a Gamma(a, a) prior on the factor after K Poisson events at rate E. One a per dimension is chosen by maximum likelihood
//! over all its cells and causes (the negative binomial); cells that say nothing, and dimensions in which nothing differs, leave
//! the factor at 1. Dimensions multiply, so that what summer does is learnt from every model and province at once.

use std::collections::BTreeMap;

use super::{Cells, Shrinkage};
use crate::beta::ln_gamma;

/// Weights among which maximum likelihood chooses, in repairs of one cause.
const WEIGHTS: [f64; 6] = [0.5, 1.0, 2.0, 5.0, 15.0, 60.0];
/// The weight of a cause's factor until there are `ENOUGH` repairs: that of its share of this many repairs.
const DEFAULT_REPAIRS: f64 = 50.0;
const ENOUGH: f64 = 30.0;
/// Bounds of the product of all factors.
const FACTOR: (f64, f64) = (0.02, 50.0);

/// Repairs of every cause, in all and by cell; a repair may be shared between causes and weigh less than 1.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts {
    pub(super) repairs: f64,
    pub(super) by_cause: Vec<f64>,
    dimensions: [BTreeMap<String, (f64, Vec<f64>)>; 4],
}

impl Counts {
    pub(super) fn new(causes: usize) -> Self {
        Self {
            by_cause: vec![0.0; causes],
            ..Self::default()
        }
    }

    pub(super) fn add(&mut self, cells: &Cells, weight: f64, shares: &[(u32, f64)]) {
        self.repairs += weight;
        for &(cause, share) in shares {
            self.by_cause[cause as usize] += weight * share;
        }
        for (dimension, name) in self.dimensions.iter_mut().zip(&cells.0) {
            let Some(name) = name else { continue };
            if !dimension.contains_key(name) {
                dimension.insert(name.clone(), (0.0, vec![0.0; self.by_cause.len()]));
            }
            let Some(cell) = dimension.get_mut(name) else {
                continue;
            };
            cell.0 += weight;
            for &(cause, share) in shares {
                cell.1[cause as usize] += weight * share;
            }
        }
    }

    /// The factors of every cell.
    pub(super) fn factors(&self, shrinkage: Shrinkage) -> Factors {
        let share: Vec<f64> = self.by_cause.iter().map(|k| k / self.repairs.max(1e-9)).collect();
        let of = |cells: &BTreeMap<String, (f64, Vec<f64>)>| {
            let weight = self.weight(cells, &share, shrinkage);
            let factors = |(n, counts): &(f64, Vec<f64>)| {
                let factor = |(k, share): (&f64, &f64)| {
                    let a = match weight {
                        Weight::Events(a) => a,
                        Weight::Repairs(repairs) => repairs * share,
                    };
                    if a > 0.0 { (k + a) / (n * share + a) } else { 1.0 }
                };
                (*n, counts.iter().zip(&share).map(factor).collect())
            };
            cells
                .iter()
                .map(|(name, cell)| (name.clone(), factors(cell)))
                .collect()
        };
        Factors {
            dimensions: std::array::from_fn(|at| of(&self.dimensions[at])),
        }
    }

    fn weight(
        &self,
        cells: &BTreeMap<String, (f64, Vec<f64>)>,
        share: &[f64],
        shrinkage: Shrinkage,
    ) -> Weight {
        match shrinkage {
            Shrinkage::Fixed(repairs) => Weight::Repairs(repairs),
            Shrinkage::MaximumLikelihood if self.repairs < ENOUGH || cells.len() < 2 => {
                Weight::Repairs(DEFAULT_REPAIRS)
            }
            Shrinkage::MaximumLikelihood => {
                let likelihood =
                    |a: f64| -> f64 { cells.values().map(|cell| likelihood(cell, share, a)).sum() };
                let best = WEIGHTS
                    .iter()
                    .map(|&a| (likelihood(a), a))
                    .max_by(|x, y| x.0.total_cmp(&y.0));
                Weight::Events(best.map_or(5.0, |(_, a)| a))
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Weight {
    /// As many repairs of the cause itself.
    Events(f64),
    /// As many repairs of any cause.
    Repairs(f64),
}

/// ln of the negative binomial likelihood of a cell's counts, without what does not depend on `a`.
fn likelihood((n, counts): &(f64, Vec<f64>), share: &[f64], a: f64) -> f64 {
    let ln_gamma_a = ln_gamma(a);
    let term = |(k, share): (&f64, &f64)| {
        let expected = n * share;
        let shape = if *k > 0.0 {
            ln_gamma(k + a) - ln_gamma_a
        } else {
            0.0
        };
        shape + a * (a / (expected + a)).ln() - k * (expected + a).ln()
    };
    counts
        .iter()
        .zip(share)
        .filter(|(_, share)| **share > 0.0)
        .map(term)
        .sum()
}

/// The factor of every cause in every cell.
#[derive(Debug, Clone, Default)]
pub(crate) struct Factors {
    dimensions: [BTreeMap<String, (f64, Vec<f64>)>; 4],
}

impl Factors {
    /// The factor of every cause in a situation, and the fewest repairs that any known part of the situation has seen.
    pub(super) fn at(&self, cells: &Cells, causes: usize) -> (Vec<f64>, f64) {
        let mut product = vec![1.0; causes];
        let mut fewest = f64::INFINITY;
        for (dimension, name) in self.dimensions.iter().zip(&cells.0) {
            let Some((n, factors)) = name.as_ref().and_then(|name| dimension.get(name)) else {
                continue;
            };
            fewest = fewest.min(*n);
            product
                .iter_mut()
                .zip(factors)
                .for_each(|(product, factor)| *product *= factor);
        }
        product
            .iter_mut()
            .for_each(|product| *product = product.clamp(FACTOR.0, FACTOR.1));
        (product, if fewest.is_finite() { fewest } else { 0.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(name: &str) -> Cells {
        Cells([Some(name.to_owned()), None, None, None])
    }

    #[test]
    fn a_cell_is_shrunk_by_the_weight_of_so_many_repairs() {
        let mut counts = Counts::new(2);
        (0..4).for_each(|i| counts.add(&model("A"), 1.0, &[(u32::from(i == 3), 1.0)]));
        (0..4).for_each(|_| counts.add(&model("B"), 1.0, &[(1, 1.0)]));
        // Cause 0 has 3 of 8; in A it has 3 where 4 · 3/8 = 1.5 are expected; the weight of 8 repairs is 3: (3 + 3)/(1.5 + 3) = 4/3.
        let (at_a, n) = counts.factors(Shrinkage::Fixed(8.0)).at(&model("A"), 2);
        assert!((at_a[0] - 4.0 / 3.0).abs() < 1e-12 && n == 4.0, "{at_a:?}");
        // In B: (0 + 3)/(1.5 + 3) = 2/3. A model never seen: 1.
        assert!((counts.factors(Shrinkage::Fixed(8.0)).at(&model("B"), 2).0[0] - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(
            counts.factors(Shrinkage::Fixed(8.0)).at(&model("C"), 2).0,
            [1.0, 1.0]
        );
    }

    #[test]
    fn a_dimension_of_one_cell_says_nothing() {
        let mut counts = Counts::new(2);
        (0..40).for_each(|i| counts.add(&model("A"), 1.0, &[(i % 2, 1.0)]));
        assert_eq!(
            counts.factors(Shrinkage::MaximumLikelihood).at(&model("A"), 2).0,
            [1.0, 1.0]
        );
    }

    #[test]
    fn cells_that_differ_are_shrunk_less_than_alike_ones() {
        let factor = |alike: bool| {
            let mut counts = Counts::new(2);
            for i in 0..80_u32 {
                let cause = if alike { (i / 2) % 2 } else { i % 2 };
                counts.add(&model(["A", "B"][(i % 2) as usize]), 1.0, &[(cause, 1.0)]);
            }
            counts.factors(Shrinkage::MaximumLikelihood).at(&model("A"), 2).0[0]
        };
        assert!(
            factor(false) > 1.8 && factor(true) < 1.05,
            "{} {}",
            factor(false),
            factor(true)
        );
    }
}
