//! Bounds of what any kit can do in a conditioned diagram, by faults whose chances add up.
//!
//! Put the faults in any order and let θ_e be the chance that e is the first of them that happened, given the evidence. At most
//! one is first, and a kit that cannot repair it fails, so P(the kit fails | f) ≥ Σ θ_e over the faults it cannot repair. With
//! the faults that a kit leaves out put first, this is an equality for that kit. P(any of N happened | f) is submodular in N,
//! the θ of all orders are the corners of its base polytope (Edmonds 1970), and any mixture of them proves a bound too: the
//! best mixture leaves no gap against a penalty, since price plus penalty is then itself submodular in the faults repaired.

use super::part_sets::{FaultParts, PartSets, PartsTaken};
use super::{Objective, Repairs, World};

/// Events whose repairs take the same choices.
struct Group {
    events: Vec<usize>,
    /// Choices, and the smaller quantities of their parts.
    choices: Vec<usize>,
}

/// The faults of a world that kits from some candidate choices can repair, with the price of each choice.
pub(super) struct Relaxation<'a> {
    world: &'a World<'a>,
    objective: Objective,
    groups: Vec<Group>,
    /// Chance that an event happened that no candidate repairs.
    lost: f64,
    /// Whether an event is among those.
    is_lost: Vec<bool>,
    /// What a choice adds to the next smaller quantity of its part.
    prices: Vec<f64>,
}

/// A bound, the kit that meets it in the relaxed problem, and the penalty per failed visit that has the same effect as the limit.
pub(super) struct Relaxed {
    pub(super) bound: f64,
    pub(super) kit: Vec<bool>,
    pub(super) failed_visit: f64,
}

/// Evaluations of a bound that one relaxed problem may take.
const EVALUATIONS: usize = 300;

impl<'a> Relaxation<'a> {
    pub(super) fn new(
        world: &'a World<'a>,
        repairs: &Repairs,
        objective: Objective,
        is_candidate: &[bool],
    ) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        let mut is_lost = vec![false; repairs.needs.len()];
        for (event, needs) in repairs.needs.iter().enumerate() {
            if needs.is_empty() {
                continue;
            }
            if needs.iter().any(|&choice| !is_candidate[choice]) {
                is_lost[event] = true;
                continue;
            }
            let mut choices: Vec<usize> = needs.iter().flat_map(|&c| repairs.up_to(c)).collect();
            choices.sort_unstable();
            choices.dedup();
            match groups.iter_mut().find(|group| group.choices == choices) {
                Some(group) => group.events.push(event),
                None => groups.push(Group {
                    events: vec![event],
                    choices,
                }),
            }
        }
        let added = |c: usize| {
            let smaller = repairs.up_to(c).filter(|&other| other != c);
            let largest = smaller
                .map(|other| objective.weight(&repairs.choices[other]))
                .fold(0.0, f64::max);
            (objective.weight(&repairs.choices[c]) - largest).max(0.0)
        };
        let prices = (0..repairs.choices.len()).map(added).collect();
        let lost = 1.0 - world.none_of(&|event| is_lost[event], is_lost.len());
        Self {
            world,
            objective,
            groups,
            lost,
            is_lost,
            prices,
        }
    }

    /// Groups; evaluating one order takes as many evaluations of the diagram.
    pub(super) fn len(&self) -> usize {
        self.groups.len()
    }

    /// Whether a kit repairs each group.
    pub(super) fn repaired(&self, kit: &[bool]) -> Vec<bool> {
        let all = |group: &Group| group.choices.iter().all(|&choice| kit[choice]);
        self.groups.iter().map(all).collect()
    }

    /// Chance of each group that an event of it is the first that happened, those that no candidate repairs being before all.
    pub(super) fn first(&self, order: &[usize]) -> Vec<f64> {
        let mut gone = self.is_lost.clone();
        let (mut none, mut first) = (1.0 - self.lost, vec![0.0; order.len()]);
        for &group in order {
            self.groups[group]
                .events
                .iter()
                .for_each(|&event| gone[event] = true);
            let left = self.world.none_of(&|event| gone[event], gone.len());
            first[group] = (none - left).max(0.0);
            none = left;
        }
        first
    }

    /// The problem with these chances of being first.
    pub(super) fn sets(&self, first: &[f64]) -> PartSets {
        let fault = |(group, &weight): (&Group, &f64)| FaultParts {
            weight,
            parts: group.choices.clone(),
        };
        PartSets::of(
            self.prices.clone(),
            self.groups.iter().zip(first).map(fault).collect(),
        )
    }

    /// The best kit of the relaxed problem and the bound that it proves for every kit of the candidates.
    pub(super) fn solve(&self, sets: &PartSets) -> Relaxed {
        let (found, failed_visit): (PartsTaken, f64) = match self.objective {
            Objective::ExpectedCost { failed_visit } => {
                (sets.least_expected_cost(failed_visit), failed_visit)
            }
            Objective::MaxCost(most) | Objective::MaxParts(most) => {
                sets.within_budget_and_penalty(most + super::ROUNDING, EVALUATIONS)
            }
            Objective::Target(_) => sets.reaching_and_penalty(sets.total - self.may_fail(), EVALUATIONS),
        };
        let bound = match self.objective {
            Objective::ExpectedCost { failed_visit } => found.bound + failed_visit * self.lost,
            Objective::MaxCost(_) | Objective::MaxParts(_) => self.lost + sets.total - found.bound,
            Objective::Target(_) => found.bound,
        };
        let mut kit = vec![false; self.prices.len()];
        found.parts.iter().for_each(|&choice| kit[choice] = true);
        Relaxed {
            bound,
            kit,
            failed_visit,
        }
    }

    /// Chance of failing through a fault that a candidate repairs that the target leaves.
    fn may_fail(&self) -> f64 {
        match self.objective {
            Objective::Target(target) => 1.0 - target + super::ROUNDING - self.lost,
            _ => 1.0,
        }
    }

    /// A bound from the least price plus penalty of any kit that follows some decisions.
    pub(super) fn bound(&self, least: f64, failed_visit: f64) -> f64 {
        match self.objective {
            Objective::ExpectedCost { .. } => least + failed_visit * self.lost,
            Objective::MaxCost(most) | Objective::MaxParts(most) => {
                self.lost + (least - most - super::ROUNDING) / failed_visit
            }
            Objective::Target(_) => least - failed_visit * self.may_fail(),
        }
    }
}
