//! The best kit: which parts to take so that one visit is enough.
//!
//! A kit is sufficient when no event outside its repair set happened. With N the events it cannot repair,
//! P(kit fixes | f) = Π (1 − p_e) over N · P(f | N = 0) / P(f): one evaluation of the diagram, exact with several
//! simultaneous faults. Two faults that need the same part in one visit are taken to share the larger quantity.
//!
//! Branch and bound. Adding a set S of parts to any kit gains at most P(an event needing a part of S happened | f), which is
//! at most the sum of each part's own such chance: that sum bounds every objective and proves the optimum.

mod closure;
mod fill;
mod part_sets;
mod search;

use shifu_domain::Yuan;

use crate::compile::Compiled;
use crate::contract::{Certificate, KitLimit};

pub use part_sets::{FaultParts, PartSets, PartsTaken};

/// A part at one quantity that some event needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    /// Position in the parts list.
    pub(crate) part: usize,
    pub(crate) quantity: u32,
    pub(crate) price: Yuan,
}

/// For every event, the choices (by position) that its repair needs; empty: none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Repairs {
    pub(crate) choices: Vec<Choice>,
    pub(crate) needs: Vec<Vec<usize>>,
}

/// A conditioned world: P(· | f) where f is the signed sum of compiled functions (f, or f minus f-and-symptom).
pub(crate) struct World<'a> {
    pub(crate) terms: Vec<(f64, &'a Compiled)>,
    pub(crate) p: &'a [f64],
    pub(crate) total: f64,
}

impl World<'_> {
    /// P(none of `events` happened | f).
    pub(crate) fn none_of(&self, excluded: &dyn Fn(usize) -> bool, events: usize) -> f64 {
        let mut p = self.p.to_vec();
        let mut product = 1.0;
        for (event, chance) in p.iter_mut().enumerate().take(events) {
            if excluded(event) {
                product *= 1.0 - *chance;
                *chance = 0.0;
            }
        }
        if product == 0.0 || self.total <= 0.0 {
            return 0.0;
        }
        let mut scratch = Vec::new();
        let joint: f64 = self
            .terms
            .iter()
            .map(|(sign, f)| sign * f.probability_with(&p, &mut scratch))
            .sum();
        (product * joint / self.total).clamp(0.0, 1.0)
    }

    /// Chance that a kit of the chosen parts is enough.
    pub(crate) fn fix(&self, repairs: &Repairs, chosen: &[bool]) -> f64 {
        let missing = |event: usize| repairs.needs[event].iter().any(|&c| !serves(repairs, chosen, c));
        self.none_of(&missing, repairs.needs.len())
    }

    /// Chance that some event needing the part of choice `c`, at whatever quantity, happened.
    pub(crate) fn needed(&self, repairs: &Repairs, c: usize) -> f64 {
        let part = repairs.choices[c].part;
        let needs = |event: usize| {
            repairs.needs[event]
                .iter()
                .any(|&n| repairs.choices[n].part == part)
        };
        1.0 - self.none_of(&needs, repairs.needs.len())
    }
}

/// Whether the kit holds choice `c`, itself or at a larger quantity.
fn serves(repairs: &Repairs, chosen: &[bool], c: usize) -> bool {
    let wanted = &repairs.choices[c];
    chosen[c]
        || repairs
            .choices
            .iter()
            .zip(chosen)
            .any(|(other, &taken)| taken && other.part == wanted.part && other.quantity >= wanted.quantity)
}

/// What a kit is judged by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Objective {
    /// Least kit cost plus the cost of a failed visit times its chance.
    ExpectedCost { failed_visit: f64 },
    /// Greatest chance within so many yuan.
    MaxCost(f64),
    /// Greatest chance within so many pieces.
    MaxParts(f64),
    /// Least cost reaching this chance.
    Target(f64),
}

impl Objective {
    pub(crate) fn new(limit: Option<&KitLimit>, failed_visit: f64) -> Self {
        match limit {
            Some(KitLimit {
                max_cost: Some(most), ..
            }) => Self::MaxCost(most.as_f64()),
            Some(KitLimit {
                max_parts: Some(most),
                ..
            }) => Self::MaxParts(f64::from(*most)),
            Some(KitLimit {
                target_first_time_fix: Some(target),
                ..
            }) => Self::Target(target.value()),
            _ => Self::ExpectedCost { failed_visit },
        }
    }

    /// What a choice spends of the objective's resource.
    fn weight(self, choice: &Choice) -> f64 {
        match self {
            Self::MaxParts(_) => f64::from(choice.quantity),
            _ => (choice.price * choice.quantity).as_f64(),
        }
    }

    /// The value to minimise; infinite when not allowed.
    fn value(self, spent: f64, fix: f64) -> f64 {
        const ROUNDING: f64 = 1e-9;
        match self {
            Self::ExpectedCost { failed_visit } => spent + failed_visit * (1.0 - fix),
            // A cheaper kit of the same chance wins by a weight too small to buy chance.
            Self::MaxCost(most) | Self::MaxParts(most) if spent <= most + ROUNDING => {
                1.0 - fix + spent * 1e-9
            }
            Self::Target(target) if fix + ROUNDING >= target => spent,
            _ => f64::INFINITY,
        }
    }

    /// A lower bound of the value of any kit that adds some of `rest` (weight, gain bound; best ratio first).
    fn bound(self, spent: f64, fix: f64, rest: &[(f64, f64)]) -> f64 {
        match self {
            Self::ExpectedCost { failed_visit } => {
                let saved: f64 = rest
                    .iter()
                    .map(|&(weight, gain)| (failed_visit * gain - weight).max(0.0))
                    .sum();
                (spent + failed_visit * (1.0 - fix) - saved).max(spent)
            }
            Self::MaxCost(most) | Self::MaxParts(most) => {
                let (mut room, mut gain) = (most - spent, 0.0);
                for &(weight, most_gain) in rest {
                    let share = if weight <= room {
                        1.0
                    } else {
                        (room / weight).max(0.0)
                    };
                    gain += share * most_gain;
                    room -= weight.min(room.max(0.0));
                }
                (1.0 - fix - gain).max(0.0) + spent * 1e-9
            }
            Self::Target(target) => {
                let (mut lacking, mut cost) = (target - 1e-9 - fix, spent);
                for &(weight, gain) in rest {
                    if lacking <= 0.0 {
                        break;
                    }
                    let share = (lacking / gain).min(1.0);
                    cost += share * weight;
                    lacking -= gain;
                }
                if lacking > 0.0 { f64::INFINITY } else { cost }
            }
        }
    }
}

/// The kit found.
#[derive(Debug, Clone)]
pub(crate) struct Solution {
    pub(crate) chosen: Vec<bool>,
    pub(crate) fix: f64,
    pub(crate) certificate: Certificate,
}

/// Chances below this are not worth a part: they are rounding.
const NEGLIGIBLE: f64 = 1e-12;

/// Finds the best kit within `evaluations` evaluations of the diagram; `start` is a kit to improve on.
pub(crate) fn best(
    world: &World<'_>,
    repairs: &Repairs,
    objective: Objective,
    start: Option<&[bool]>,
    evaluations: usize,
) -> Solution {
    let count = repairs.choices.len();
    let mut candidates: Vec<(usize, f64, f64)> = (0..count)
        .map(|c| (c, objective.weight(&repairs.choices[c]), world.needed(repairs, c)))
        .filter(|&(c, weight, gain)| gain > NEGLIGIBLE && worth(repairs, objective, c, weight, gain))
        .collect();
    candidates.sort_by(|a, b| {
        (b.2 * a.1.max(1e-9))
            .total_cmp(&(a.2 * b.1.max(1e-9)))
            .then(a.0.cmp(&b.0))
    });
    let rest: Vec<(f64, f64)> = candidates
        .iter()
        .map(|&(_, weight, gain)| (weight, gain))
        .collect();
    let mut search = Search {
        world,
        repairs,
        objective,
        best: None,
        left: evaluations,
    };
    if let Some(start) = start {
        search.offer(start);
    }
    if matches!(objective, Objective::Target(_)) {
        let mut every = vec![false; count];
        candidates.iter().for_each(|&(c, ..)| every[c] = true);
        search.offer(&every);
    }
    // Depth first, taking a part before leaving it out.
    let mut stack = vec![(0_usize, vec![false; count], None::<f64>)];
    let mut open_bound = f64::INFINITY;
    while let Some((depth, chosen, known)) = stack.pop() {
        let fix = known.unwrap_or_else(|| search.offer(&chosen));
        let spent = search.spent(&chosen);
        let bound = objective.bound(spent, fix, &rest[depth..]);
        if bound >= search.best_value() - 1e-12 {
            continue;
        }
        if search.left == 0 {
            open_bound = open_bound.min(bound);
            continue;
        }
        let Some(&(c, ..)) = candidates.get(depth) else {
            continue;
        };
        let mut with = chosen.clone();
        with[c] = true;
        stack.push((depth + 1, chosen, Some(fix)));
        if search.affordable(&with) {
            stack.push((depth + 1, with, None));
        }
    }
    search.solution(open_bound, &candidates)
}

/// Whether taking the choice can ever pay: a lone quantity that costs more than its whole gain cannot.
fn worth(repairs: &Repairs, objective: Objective, c: usize, weight: f64, gain: f64) -> bool {
    let levels = repairs
        .choices
        .iter()
        .filter(|other| other.part == repairs.choices[c].part)
        .count();
    match objective {
        Objective::ExpectedCost { failed_visit } => levels > 1 || weight < failed_visit * gain,
        _ => true,
    }
}

struct Search<'a> {
    world: &'a World<'a>,
    repairs: &'a Repairs,
    objective: Objective,
    best: Option<(f64, Vec<bool>, f64)>,
    left: usize,
}

impl Search<'_> {
    /// The resource a kit takes; of one part's quantities only the largest counts.
    fn spent(&self, chosen: &[bool]) -> f64 {
        let choices = &self.repairs.choices;
        (0..choices.len())
            .filter(|&c| chosen[c])
            .filter(|&c| {
                !(0..choices.len()).any(|o| {
                    chosen[o]
                        && choices[o].part == choices[c].part
                        && choices[o].quantity > choices[c].quantity
                })
            })
            .map(|c| self.objective.weight(&choices[c]))
            .sum()
    }

    fn affordable(&self, chosen: &[bool]) -> bool {
        match self.objective {
            Objective::MaxCost(most) | Objective::MaxParts(most) => self.spent(chosen) <= most + 1e-9,
            _ => true,
        }
    }

    fn best_value(&self) -> f64 {
        self.best.as_ref().map_or(f64::INFINITY, |best| best.0)
    }

    fn offer(&mut self, chosen: &[bool]) -> f64 {
        self.left = self.left.saturating_sub(1);
        let fix = self.world.fix(self.repairs, chosen);
        let value = self.objective.value(self.spent(chosen), fix);
        if value < self.best_value() - 1e-12 {
            self.best = Some((value, chosen.to_vec(), fix));
        }
        fix
    }

    fn solution(self, open_bound: f64, candidates: &[(usize, f64, f64)]) -> Solution {
        let (value, chosen, fix) = self.best.clone().unwrap_or_else(|| {
            // No kit reaches the target: everything useful comes nearest.
            let mut every = vec![false; self.repairs.choices.len()];
            candidates.iter().for_each(|&(c, ..)| every[c] = true);
            let fix = self.world.fix(self.repairs, &every);
            (f64::INFINITY, every, fix)
        });
        let optimal = open_bound == f64::INFINITY && value.is_finite();
        let gap = match (optimal, value.is_finite()) {
            (true, _) => 0.0,
            (false, true) => ((value - open_bound) / value.max(1e-12)).clamp(0.0, 1.0),
            // The target is out of reach, or none was found in time.
            (false, false) => 1.0,
        };
        Solution {
            chosen,
            fix,
            certificate: Certificate { optimal, gap },
        }
    }
}
