//! Faults that each need a set of parts: which parts to take, with a proof.
//!
//! With one fault present the chance that a kit is enough is the sum of the weights of the faults whose every part is taken.
//! With several independent faults its logarithm is, up to a constant, the same sum for weights −ln(1 − p). Against a penalty
//! per failed visit the best set is a closure (Mamer & Smith 1982), found exactly by one maximum flow. Within a budget it is a
//! knapsack of unions; there the closures of all penalties bound it, and branch and bound closes what is left.

use crate::contract::Certificate;
use crate::error::DiagnoseError;

use super::closure::{Flow, Graph};
use super::search::{Form, Search};

/// A fault and what its repair takes.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultParts {
    /// Its chance, or any other weight of at least 0.
    pub weight: f64,
    /// Positions of its parts, each once; empty: served by every kit.
    pub parts: Vec<usize>,
}

/// Prices of parts, and the faults that need them.
#[derive(Debug, Clone)]
pub struct PartSets {
    pub(super) prices: Vec<f64>,
    pub(super) faults: Vec<FaultParts>,
    /// Faults of some weight that need a part.
    pub(super) graph: Graph,
    /// Weight of the faults that need none.
    pub(super) always: f64,
    /// Weight of all faults.
    pub(super) total: f64,
}

/// The parts chosen, and how good they are at most.
#[derive(Debug, Clone, PartialEq)]
pub struct PartsTaken {
    /// Positions of the parts, ascending.
    pub parts: Vec<usize>,
    /// Their price.
    pub cost: f64,
    /// Weight of the faults served.
    pub served: f64,
    /// Proven bound of the objective: of the expected cost from below, of the weight served within a budget from above, of the
    /// price of reaching a weight from below.
    pub bound: f64,
    /// Whether that bound is met, and by how much it is missed.
    pub certificate: Certificate,
}

/// Relative rounding within which a bound counts as met.
pub(super) const ROUNDING: f64 = 1e-10;

impl PartSets {
    /// `prices` of all parts, and the faults.
    ///
    /// # Errors
    /// `BadRequest` for a price or weight that is negative or no number, and for a part that has no price.
    pub fn new(prices: Vec<f64>, mut faults: Vec<FaultParts>) -> Result<Self, DiagnoseError> {
        let bad = |field, reason| Err(DiagnoseError::BadRequest { field, reason });
        let usable = |number: f64| number >= 0.0 && number.is_finite();
        if let Some(price) = prices.iter().find(|price| !usable(**price)) {
            return bad("prices", format!("{price} is not a number of at least 0"));
        }
        for fault in &mut faults {
            if !usable(fault.weight) {
                return bad(
                    "weight",
                    format!("{} is not a number of at least 0", fault.weight),
                );
            }
            if let Some(part) = fault.parts.iter().find(|part| **part >= prices.len()) {
                return bad("parts", format!("part {part} of {} has no price", prices.len()));
            }
            fault.parts.sort_unstable();
            fault.parts.dedup();
        }
        Ok(Self::of(prices, faults))
    }

    /// As [`PartSets::new`], for numbers known to be right.
    pub(super) fn of(prices: Vec<f64>, faults: Vec<FaultParts>) -> Self {
        let counted: Vec<(f64, Vec<usize>)> = faults
            .iter()
            .filter(|fault| fault.weight > 0.0 && !fault.parts.is_empty())
            .map(|fault| (fault.weight, fault.parts.clone()))
            .collect();
        let weights = |always: bool| {
            let of = faults.iter().filter(|fault| !always || fault.parts.is_empty());
            of.map(|fault| fault.weight).sum::<f64>()
        };
        Self {
            graph: Graph::new(&counted, prices.len()),
            always: weights(true),
            total: weights(false),
            prices,
            faults,
        }
    }

    /// Price of the parts taken.
    #[must_use]
    pub fn cost(&self, taken: &[bool]) -> f64 {
        let of = self.prices.iter().zip(taken).filter(|(_, taken)| **taken);
        of.map(|(price, _)| price).sum()
    }

    /// Weight of the faults whose every part is taken.
    #[must_use]
    pub fn served(&self, taken: &[bool]) -> f64 {
        let of = self
            .faults
            .iter()
            .filter(|fault| fault.parts.iter().all(|&part| taken[part]));
        of.map(|fault| fault.weight).sum()
    }

    /// The parts of least price plus `failed_visit` times the weight not served: exact, by one maximum flow.
    #[must_use]
    pub fn least_expected_cost(&self, failed_visit: f64) -> PartsTaken {
        let free = vec![None; self.prices.len()];
        let (taken, bound) = self.closure(failed_visit, &free, &mut Flow::new(&self.graph));
        let (cost, served) = (self.cost(&taken), self.served(&taken));
        let value = cost + failed_visit * (self.total - served);
        let gap = relative_gap(value - bound, value, failed_visit * self.total);
        self.result(&taken, bound.min(value), gap)
    }

    /// The best closure for a penalty with some parts decided, and the bound of the expected cost that its flow proves.
    pub(super) fn closure(
        &self,
        failed_visit: f64,
        decided: &[Option<bool>],
        flow: &mut Flow,
    ) -> (Vec<bool>, f64) {
        let scale = if failed_visit > 0.0 {
            failed_visit.recip()
        } else {
            f64::INFINITY
        };
        let room = |(price, decided): (&f64, &Option<bool>)| match decided {
            Some(true) => 0.0,
            Some(false) => f64::INFINITY,
            None if *price > 0.0 => price * scale,
            None => 0.0,
        };
        let rooms: Vec<f64> = self.prices.iter().zip(decided).map(room).collect();
        let worth = flow.maximise(&self.graph, &rooms, self.negligible());
        let taken: Vec<bool> = (0..self.prices.len())
            .map(|part| decided[part].unwrap_or(flow.taken[part]))
            .collect();
        let paid: f64 = (0..self.prices.len())
            .filter(|&part| decided[part] == Some(true))
            .map(|part| self.prices[part])
            .sum();
        (taken, paid + failed_visit * (self.total - self.always - worth))
    }

    /// The parts of greatest served weight that cost at most `budget`, within so many evaluations of a bound.
    #[must_use]
    pub fn within_budget(&self, budget: f64, evaluations: usize) -> PartsTaken {
        self.within_budget_and_penalty(budget, evaluations).0
    }

    /// The cheapest parts that serve a weight of at least `weight`, within so many evaluations of a bound. Where all parts
    /// together do not, all that serve a fault, with a gap of 1.
    #[must_use]
    pub fn reaching(&self, weight: f64, evaluations: usize) -> PartsTaken {
        self.reaching_and_penalty(weight, evaluations).0
    }

    /// As [`PartSets::within_budget`], with the penalty per weight not served that has the same effect as the budget.
    pub(super) fn within_budget_and_penalty(&self, budget: f64, evaluations: usize) -> (PartsTaken, f64) {
        Search::new(self, Form::Budget(budget), evaluations).run()
    }

    /// As [`PartSets::reaching`], with the penalty per weight not served that has the same effect as the weight.
    pub(super) fn reaching_and_penalty(&self, weight: f64, evaluations: usize) -> (PartsTaken, f64) {
        Search::new(self, Form::Reach(weight), evaluations).run()
    }

    /// Weights that are rounding.
    pub(super) fn negligible(&self) -> f64 {
        self.total * 1e-14
    }

    /// A result with its proven bound and its relative distance to it.
    pub(super) fn result(&self, taken: &[bool], bound: f64, gap: f64) -> PartsTaken {
        PartsTaken {
            parts: (0..taken.len()).filter(|&part| taken[part]).collect(),
            cost: self.cost(taken),
            served: self.served(taken),
            bound,
            certificate: Certificate {
                optimal: gap <= 0.0,
                gap,
            },
        }
    }
}

/// How far `value` is `missed` from its bound, 0 to 1; 0 within the rounding of sums of the size of `scale`.
pub(super) fn relative_gap(missed: f64, value: f64, scale: f64) -> f64 {
    if missed <= ROUNDING * value.abs().max(scale) {
        0.0
    } else {
        (missed / value.abs().max(f64::MIN_POSITIVE)).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fault(weight: f64, parts: &[usize]) -> FaultParts {
        FaultParts {
            weight,
            parts: parts.to_vec(),
        }
    }

    /// A board at 60 and a cable at 10 for .5 of the faults together, the cable alone for .2, a pump at 40 for .2, none for .1.
    fn washer() -> PartSets {
        let faults = vec![
            fault(0.5, &[0, 1]),
            fault(0.2, &[1]),
            fault(0.2, &[2]),
            fault(0.1, &[]),
        ];
        PartSets::new(vec![60.0, 10.0, 40.0], faults).unwrap()
    }

    #[test]
    fn the_penalty_decides_which_parts_pay_as_computed_by_hand() {
        for (failed_visit, parts, expected) in [
            // The cable saves 40 × .2 = 8 for 10; board and cable 40 × .7 = 28 for 70; the pump 8 for 40: 40 × .9 stays.
            (40.0, vec![], 36.0),
            // The cable saves 12 for 10: 10 + 60 × .7 = 52.
            (60.0, vec![1], 52.0),
            // Board and cable save 140 for 70, the pump 40 for 40 (a tie, left out): 70 + 200 × .2 = 110.
            (200.0, vec![0, 1], 110.0),
            // The pump saves 60 for 40 as well: 110 + 0.
            (300.0, vec![0, 1, 2], 110.0),
        ] {
            let found = washer().least_expected_cost(failed_visit);
            assert_eq!(found.parts, parts, "{failed_visit}");
            assert!(
                (found.bound - expected).abs() < 1e-9,
                "{failed_visit}: {}",
                found.bound
            );
            assert!(found.certificate.optimal);
        }
    }

    #[test]
    fn a_budget_and_a_weight_to_reach_are_met_as_computed_by_hand() {
        for (budget, parts, served) in [
            (9.0, vec![], 0.1),
            (10.0, vec![1], 0.3),
            (50.0, vec![1, 2], 0.5),
            (70.0, vec![0, 1], 0.8),
            (1000.0, vec![0, 1, 2], 1.0),
        ] {
            let found = washer().within_budget(budget, 100);
            assert_eq!(found.parts, parts, "{budget}");
            assert!(
                (found.served - served).abs() < 1e-12 && found.certificate.optimal,
                "{found:?}"
            );
            let back = washer().reaching(served, 100);
            assert_eq!(back.parts, parts, "{served}");
            assert!(back.certificate.optimal);
        }
        let never = washer().reaching(1.1, 100);
        assert_eq!((never.parts, never.certificate.gap), (vec![0, 1, 2], 1.0));
    }

    #[test]
    fn what_is_no_price_weight_or_part_is_refused() {
        assert!(PartSets::new(vec![-1.0], vec![]).is_err());
        assert!(PartSets::new(vec![1.0], vec![fault(f64::NAN, &[])]).is_err());
        let error = PartSets::new(vec![1.0], vec![fault(1.0, &[1])]).unwrap_err();
        assert_eq!(error.to_string(), "parts: part 1 of 1 has no price");
    }

    fn random_sets() -> impl Strategy<Value = PartSets> {
        let price = prop_oneof![Just(0.0), Just(20.0), 1.0..100.0_f64];
        let weight = prop_oneof![Just(0.0), Just(0.1), 0.0..1.0_f64];
        let faults = prop::collection::vec((weight, prop::collection::vec(0_usize..10, 0..5)), 0..20);
        (prop::collection::vec(price, 10), faults).prop_map(|(prices, faults)| {
            let faults = faults
                .into_iter()
                .map(|(weight, parts)| FaultParts { weight, parts });
            PartSets::new(prices, faults.collect()).unwrap()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_form_equals_enumeration(sets in random_sets(), failed_visit in 0.0..500.0_f64, share in 0.0..1.2_f64) {
            let kits: Vec<(f64, f64)> = (0..1_usize << 10)
                .map(|kit| (0..10).map(|part| kit >> part & 1 == 1).collect::<Vec<bool>>())
                .map(|taken| (sets.cost(&taken), sets.served(&taken)))
                .collect();
            let least = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::INFINITY, f64::min);

            let penalty = sets.least_expected_cost(failed_visit);
            let expected = least(&mut kits.iter().map(|(cost, served)| cost + failed_visit * (sets.total - served)));
            prop_assert!(penalty.certificate.optimal);
            prop_assert!((penalty.cost + failed_visit * (sets.total - penalty.served) - expected).abs() < 1e-9);
            prop_assert!((penalty.bound - expected).abs() < 1e-9);

            let budget = share * sets.prices.iter().sum::<f64>();
            let within = sets.within_budget(budget, 10_000);
            let expected = -least(&mut kits.iter().filter(|kit| kit.0 <= budget * (1.0 + 1e-12)).map(|kit| -kit.1));
            prop_assert!(within.certificate.optimal && within.cost <= budget * (1.0 + 1e-9));
            prop_assert!((within.served - expected).abs() < 1e-8, "{} {expected}", within.served);

            let weight = share * sets.total;
            let reaching = sets.reaching(weight, 10_000);
            let expected = least(&mut kits.iter().filter(|kit| kit.1 >= weight * (1.0 - 1e-12)).map(|kit| kit.0));
            if expected.is_finite() {
                prop_assert!(reaching.certificate.optimal);
                prop_assert!((reaching.cost - expected).abs() < 1e-7, "{} {expected}", reaching.cost);
            } else {
                prop_assert_eq!(reaching.certificate.gap, 1.0);
            }
        }

        #[test]
        fn a_crowded_budget_equals_enumeration(
            prices in prop::collection::vec(5.0..50.0_f64, 13),
            faults in prop::collection::vec((0.1..1.0_f64, prop::collection::vec(0_usize..13, 1..5)), 40..80),
            share in 0.1..0.6_f64,
        ) {
            let faults = faults.into_iter().map(|(weight, parts)| FaultParts { weight, parts });
            let sets = PartSets::new(prices, faults.collect()).unwrap();
            let budget = share * sets.prices.iter().sum::<f64>();
            let best = (0..1_usize << 13)
                .map(|kit| (0..13).map(|part| kit >> part & 1 == 1).collect::<Vec<bool>>())
                .filter(|taken| sets.cost(taken) <= budget)
                .map(|taken| sets.served(&taken))
                .fold(0.0, f64::max);
            let found = sets.within_budget(budget, 10_000);
            prop_assert!(found.certificate.optimal && (found.served - best).abs() < 1e-8, "{} {best}", found.served);
        }

        #[test]
        fn a_search_cut_short_tells_a_true_bound(sets in random_sets(), share in 0.0..1.0_f64, evaluations in 0_usize..6) {
            let budget = share * sets.prices.iter().sum::<f64>();
            let (short, long) = (sets.within_budget(budget, evaluations), sets.within_budget(budget, 10_000));
            prop_assert!(short.bound >= long.served - 1e-9);
            prop_assert!(short.served <= long.served + 1e-9);
            prop_assert!(short.bound <= short.served * (1.0 + short.certificate.gap) + 1e-9 || short.certificate.gap == 1.0);
        }
    }
}
