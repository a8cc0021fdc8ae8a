//! The sequence of checks on site: which cause to look for first, when some lie behind a housing that is opened once.
//!
//! With one cause present, a check that takes c minutes and finds it with chance p goes by falling p/c: that order has the least
//! expected time until the cause is found. A housing to be opened first makes its checks wait for the opening, a precedence
//! in the form of a forest, for which blocks of best ratio are optimal too (Horn 1972; Kadane & Simon 1977): the opening
//! joins as many of its best checks as make the ratio of the block greatest, and the rest stand alone.

use super::Diagnosis;
use crate::contract::{Cause, SiteCheck};
use crate::tree::CheckCost;

/// Minutes of a check of which the tree says nothing.
const DEFAULT_CHECK_MINUTES: f64 = 10.0;

/// A check to be put in order.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    /// Position in the caller's list.
    at: usize,
    chance: f64,
    minutes: f64,
    inside: Option<usize>,
}

/// Checks made one after another, with the opening before them.
#[derive(Debug, Clone, Default)]
struct Block {
    checks: Vec<usize>,
    chance: f64,
    minutes: f64,
}

impl Block {
    fn add(&mut self, check: &Candidate) {
        self.checks.push(check.at);
        self.chance += check.chance;
        self.minutes += check.minutes;
    }

    /// Whether this block finds more per minute than `other`.
    fn beats(&self, other: &Self) -> bool {
        self.chance * other.minutes > other.chance * self.minutes
    }
}

/// The order of least expected minutes until the cause is found, as positions; `open_minutes` by housing.
fn order(candidates: &[Candidate], open_minutes: &[f64]) -> Vec<usize> {
    let mut sorted = candidates.to_vec();
    sorted.sort_by(|a, b| {
        (b.chance * a.minutes)
            .total_cmp(&(a.chance * b.minutes))
            .then(a.at.cmp(&b.at))
    });
    let mut blocks = Vec::new();
    let alone = |check: &Candidate| {
        let mut block = Block::default();
        block.add(check);
        block
    };
    blocks.extend(sorted.iter().filter(|c| c.inside.is_none()).map(alone));
    for (housing, &minutes) in open_minutes.iter().enumerate() {
        let inside: Vec<&Candidate> = sorted.iter().filter(|c| c.inside == Some(housing)).collect();
        let mut opening = Block {
            minutes,
            ..Block::default()
        };
        let mut inside = inside.into_iter();
        for check in inside.by_ref() {
            let next = alone(check);
            if opening.checks.is_empty() || next.beats(&opening) {
                opening.add(check);
            } else {
                blocks.push(opening.clone());
                opening = Block::default();
                blocks.push(next);
                break;
            }
        }
        if !opening.checks.is_empty() {
            blocks.push(opening);
        }
        blocks.extend(inside.map(alone));
    }
    // Stable, so an opening stays before a check of the same ratio behind it.
    blocks.sort_by(|a, b| (b.chance * a.minutes).total_cmp(&(a.chance * b.minutes)));
    blocks.into_iter().flat_map(|block| block.checks).collect()
}

impl Diagnosis {
    /// Checks of the causes listed, soonest found first.
    pub(super) fn checks(&self, causes: &[Cause]) -> Vec<SiteCheck> {
        let cost = |cause: &Cause| -> CheckCost {
            let event = self.tree.event(&cause.event);
            event
                .and_then(|at| self.tree.checks.get(&at))
                .copied()
                .unwrap_or_default()
        };
        let candidates: Vec<Candidate> = causes
            .iter()
            .enumerate()
            .map(|(at, cause)| Candidate {
                at,
                chance: cause.probability.value(),
                minutes: cost(cause).minutes.unwrap_or(DEFAULT_CHECK_MINUTES),
                inside: cost(cause).inside,
            })
            .collect();
        let open_minutes: Vec<f64> = self.tree.housings.iter().map(|h| h.open_minutes).collect();
        let mut opened = vec![false; open_minutes.len()];
        order(&candidates, &open_minutes)
            .into_iter()
            .map(|at| self.check_of(&causes[at], &candidates[at], &mut opened))
            .collect()
    }

    fn check_of(&self, cause: &Cause, candidate: &Candidate, opened: &mut [bool]) -> SiteCheck {
        let housing = candidate
            .inside
            .map(|at| (&self.tree.housings[at], &mut opened[at]));
        let chance = 100.0 * candidate.chance;
        let takes = candidate.minutes;
        let (opens, opening, because) = match housing {
            None => (None, 0.0, format!("可能性 {chance:.0}%，检查约 {takes:.0} 分钟")),
            Some((housing, opened)) if *opened => {
                let name = &housing.name;
                let because = format!("「{name}」已打开，可能性 {chance:.0}%，检查约 {takes:.0} 分钟");
                (None, 0.0, because)
            }
            Some((housing, opened)) => {
                *opened = true;
                let (name, opening) = (&housing.name, housing.open_minutes);
                let because = format!(
                    "须先打开「{name}」（约 {opening:.0} 分钟），可能性 {chance:.0}%，检查约 {takes:.0} 分钟"
                );
                (Some(name.clone()), opening, because)
            }
        };
        SiteCheck {
            event: cause.event.clone(),
            name: cause.name.clone(),
            probability: cause.probability,
            minutes: takes + opening,
            opens,
            because,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn candidate(at: usize, chance: f64, minutes: f64, inside: Option<usize>) -> Candidate {
        Candidate {
            at,
            chance,
            minutes,
            inside,
        }
    }

    /// Expected minutes until the one cause is found, or all checks are made.
    fn expected(candidates: &[Candidate], open_minutes: &[f64], order: &[usize]) -> f64 {
        let mut opened = vec![false; open_minutes.len()];
        let (mut sum, mut missed) = (0.0, 1.0);
        for &at in order {
            let check = &candidates[at];
            let mut minutes = check.minutes;
            if let Some(housing) = check.inside.filter(|&housing| !opened[housing]) {
                opened[housing] = true;
                minutes += open_minutes[housing];
            }
            sum += missed * minutes;
            missed -= check.chance;
        }
        sum
    }

    #[test]
    fn a_housing_is_opened_when_what_is_inside_is_worth_it() {
        // Inside (20 minutes): .3 for 5 and .2 for 5, .5 for 30 minutes together = 1/60. Outside: .3 for 10 = 3/100 before it,
        // .1 for 10 = 1/100 after it.
        let checks = [
            candidate(0, 0.1, 10.0, None),
            candidate(1, 0.3, 5.0, Some(0)),
            candidate(2, 0.2, 5.0, Some(0)),
            candidate(3, 0.3, 10.0, None),
        ];
        assert_eq!(order(&checks, &[20.0]), [3, 1, 2, 0]);
        // 10 + .7 × 25 + .4 × 5 + .2 × 10 = 31.5 minutes.
        assert!((expected(&checks, &[20.0], &[3, 1, 2, 0]) - 31.5).abs() < 1e-12);
        // A cover that takes an hour is left closed until all else is seen: .5/70 < 1/100.
        assert_eq!(order(&checks, &[60.0]), [3, 0, 1, 2]);
        // What is open already is no reason to look at the unlikely: .01 for 60 minutes waits.
        let rest = [
            candidate(0, 0.5, 5.0, Some(0)),
            candidate(1, 0.01, 60.0, Some(0)),
            candidate(2, 0.1, 10.0, None),
        ];
        assert_eq!(order(&rest, &[10.0]), [0, 2, 1]);
    }

    fn least(candidates: &[Candidate], open_minutes: &[f64], order: &mut Vec<usize>) -> f64 {
        if order.len() == candidates.len() {
            return expected(candidates, open_minutes, order);
        }
        let mut best = f64::INFINITY;
        for at in 0..candidates.len() {
            if !order.contains(&at) {
                order.push(at);
                best = best.min(least(candidates, open_minutes, order));
                order.pop();
            }
        }
        best
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_other_order_is_quicker(
            raw in prop::collection::vec((0.0..1.0_f64, prop_oneof![Just(0.0), 0.0..30.0_f64], prop::option::of(0_usize..2)), 0..7),
            open_minutes in prop::array::uniform2(prop_oneof![Just(0.0), 0.0..40.0_f64]),
        ) {
            let whole: f64 = raw.iter().map(|r| r.0).sum::<f64>().max(1.0);
            let candidates: Vec<Candidate> = raw.iter().enumerate()
                .map(|(at, r)| candidate(at, r.0 / whole, r.1, r.2)).collect();
            let ours = order(&candidates, &open_minutes);
            let mut each = ours.clone();
            each.sort_unstable();
            prop_assert_eq!(each, (0..candidates.len()).collect::<Vec<_>>());
            let best = least(&candidates, &open_minutes, &mut Vec::new());
            prop_assert!(expected(&candidates, &open_minutes, &ours) <= best + 1e-9);
        }
    }
}
