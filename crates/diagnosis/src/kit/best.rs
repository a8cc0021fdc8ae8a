//! The search for the best kit in a conditioned diagram.
//!
//! First relaxed problems are solved whose faults add up: each gives a kit and a bound, and the next one weighs the faults by
//! how the kits so far leave them out (`relaxation`). What they leave open is searched depth first, every node bounded by the best relaxed
//! problem and by the chance that each further part is needed at all: adding a set of parts to a kit gains at most the sum of
//! the chances that an event needing one of them happened.

use super::closure::Flow;
use super::part_sets::PartSets;
use super::relaxation::Relaxation;
use super::{Objective, Repairs, World};
use crate::contract::Certificate;

/// The kit found.
#[derive(Debug, Clone)]
pub(crate) struct Solution {
    pub(crate) chosen: Vec<bool>,
    pub(crate) fix: f64,
    pub(crate) certificate: Certificate,
}

/// Chances below this are not worth a part: they are rounding.
const NEGLIGIBLE: f64 = 1e-12;
/// Evaluations of a search without relaxed problems.
const QUICK: usize = 60;
/// Nodes looked at for each evaluation left: a node costs a flow, about a quarter of an evaluation.
const NODES_PER_EVALUATION: usize = 4;
/// Chance of a fix below which looking ahead pays: there several faults are usual, and sums of chances say little of them.
const OFTEN_FAILING: f64 = 0.5;
/// Relaxed problems solved at most before the search.
const RELAXATIONS: usize = 12;

/// A choice that may pay, with its weight and the chance that its part is needed.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    choice: usize,
    weight: f64,
    needed: f64,
}

/// Finds the best kit within `evaluations` evaluations of the diagram; `start` is a kit to improve on.
pub(crate) fn best(
    world: &World<'_>,
    repairs: &Repairs,
    objective: Objective,
    start: Option<&[bool]>,
    evaluations: usize,
) -> Solution {
    let candidates = candidates(world, repairs, objective);
    let mut every = vec![false; repairs.choices.len()];
    candidates.iter().for_each(|c| every[c.choice] = true);
    let mut search = Search {
        world,
        repairs,
        objective,
        best: None,
        left: evaluations,
        looks_ahead: false,
    };
    search.offer(&vec![false; repairs.choices.len()]);
    search.offer(&every);
    if let Some(start) = start {
        search.offer(start);
    }
    // Where few parts can pay, looking is over before a bound is made.
    let quick = QUICK.min(search.left);
    let saved = search.left - quick;
    search.left = quick;
    let mut open_bound = search.divide(&candidates, None);
    if open_bound < f64::INFINITY {
        search.left += saved;
        let relaxation = Relaxation::new(world, repairs, objective, &every);
        let proof = search.relax(&relaxation);
        search.looks_ahead = search.best.as_ref().is_some_and(|best| best.3 < OFTEN_FAILING);
        open_bound = search.divide(&candidates, proof.as_ref().map(|proof| (&relaxation, proof)));
    }
    search.solution(open_bound, every)
}

/// Choices that may pay, best ratio of need to weight first.
fn candidates(world: &World<'_>, repairs: &Repairs, objective: Objective) -> Vec<Candidate> {
    let pays = |c: &Candidate| c.needed > NEGLIGIBLE && worth(repairs, objective, *c);
    let most = world.needed_at_most(repairs);
    let mut found: Vec<Candidate> = (0..repairs.choices.len())
        .map(|choice| Candidate {
            choice,
            weight: objective.weight(&repairs.choices[choice]),
            needed: most[choice],
        })
        .filter(pays)
        .map(|c| Candidate {
            needed: world.needed(repairs, c.choice),
            ..c
        })
        .filter(pays)
        .collect();
    found.sort_by(|a, b| {
        (b.needed * a.weight.max(1e-9))
            .total_cmp(&(a.needed * b.weight.max(1e-9)))
            .then(a.choice.cmp(&b.choice))
    });
    found
}

/// Whether taking the choice can ever pay: a lone quantity that costs more than its whole gain cannot.
fn worth(repairs: &Repairs, objective: Objective, candidate: Candidate) -> bool {
    let part = repairs.choices[candidate.choice].part;
    let levels = repairs.choices.iter().filter(|other| other.part == part).count();
    match objective {
        Objective::ExpectedCost { failed_visit } => {
            levels > 1 || candidate.weight < failed_visit * candidate.needed
        }
        _ => true,
    }
}

/// The relaxed problem of the best bound.
struct Proof {
    sets: PartSets,
    bound: f64,
    failed_visit: f64,
}

/// A partial kit: what is decided of the first `depth` candidates, its chance and that of everything not left out where they
/// are known, and a bound.
struct Node {
    depth: usize,
    chosen: Vec<bool>,
    fix: Option<f64>,
    most: Option<f64>,
    bound: f64,
}

struct Search<'a> {
    world: &'a World<'a>,
    repairs: &'a Repairs,
    objective: Objective,
    /// Value, price, kit and chance.
    best: Option<(f64, f64, Vec<bool>, f64)>,
    left: usize,
    /// Whether nodes are bounded by the chance of everything not left out, at an evaluation more.
    looks_ahead: bool,
}

impl Search<'_> {
    /// The resource a kit takes; of one part's quantities only the largest counts.
    fn spent(&self, chosen: &[bool]) -> f64 {
        let largest = |c: &usize| !self.repairs.above(*c).any(|other| chosen[other]);
        (0..chosen.len())
            .filter(|&c| chosen[c])
            .filter(largest)
            .map(|c| self.objective.weight(&self.repairs.choices[c]))
            .sum()
    }

    fn affordable(&self, chosen: &[bool]) -> bool {
        match self.objective {
            Objective::MaxCost(most) | Objective::MaxParts(most) => {
                self.spent(chosen) <= most + super::ROUNDING
            }
            _ => true,
        }
    }

    fn best_value(&self) -> f64 {
        self.best.as_ref().map_or(f64::INFINITY, |best| best.0)
    }

    /// No kit of at least this value is worth looking for: a better one would be better by rounding alone.
    fn enough(&self) -> f64 {
        let scale = match self.objective {
            Objective::ExpectedCost { failed_visit } => failed_visit.max(1.0),
            Objective::Target(_) => self.best_value().clamp(1.0, 1e9),
            _ => 1.0,
        };
        self.best_value() - NEGLIGIBLE * 10.0 * scale
    }

    fn offer(&mut self, chosen: &[bool]) -> f64 {
        self.left = self.left.saturating_sub(1);
        let fix = self.world.fix(self.repairs, chosen);
        let spent = self.spent(chosen);
        let value = self.objective.value(spent, fix);
        let better = self.best.as_ref().is_none_or(|(best, price, ..)| {
            value < best - NEGLIGIBLE || (value <= best + NEGLIGIBLE && spent < *price)
        });
        if value.is_finite() && better {
            self.best = Some((value, spent, chosen.to_vec(), fix));
        }
        fix
    }

    /// Solves relaxed problems until one proves the best kit, no more orders may be evaluated, or enough were tried.
    fn relax(&mut self, relaxation: &Relaxation<'_>) -> Option<Proof> {
        let groups = relaxation.len();
        let mut left_out = vec![0.0; groups];
        let mut mixed = vec![0.0; groups];
        let mut proof: Option<Proof> = None;
        for round in 0..RELAXATIONS {
            // Half of the evaluations stay for the search.
            if self.left < 2 * (groups + 1) {
                break;
            }
            let best = self.best.as_ref().map(|best| relaxation.repaired(&best.2));
            let out = |group: usize| best.as_ref().is_some_and(|repaired| !repaired[group]);
            let mut order: Vec<usize> = (0..groups).collect();
            let rank = |group: usize| left_out[group] + f64::from(u8::from(out(group)));
            order.sort_by(|&a, &b| rank(b).total_cmp(&rank(a)).then(a.cmp(&b)));
            let first = relaxation.first(&order);
            self.left = self.left.saturating_sub(groups);
            let step = 2.0 / (round as f64 + 2.0);
            for (mixed, first) in mixed.iter_mut().zip(&first) {
                *mixed += step * (first - *mixed);
            }
            for weights in [&first, &mixed] {
                let sets = relaxation.sets(weights);
                let relaxed = relaxation.solve(&sets);
                self.offer(&relaxed.kit);
                let repaired = relaxation.repaired(&relaxed.kit);
                for (out, repaired) in left_out.iter_mut().zip(repaired) {
                    *out = 0.7 * *out + 0.3 * f64::from(u8::from(!repaired));
                }
                if proof.as_ref().is_none_or(|proof| relaxed.bound > proof.bound) {
                    proof = Some(Proof {
                        sets,
                        bound: relaxed.bound,
                        failed_visit: relaxed.failed_visit,
                    });
                }
                if round == 0 {
                    break;
                }
            }
            if proof.as_ref().is_some_and(|proof| proof.bound >= self.enough()) {
                break;
            }
        }
        proof
    }

    /// Depth first, taking a part before leaving it out; the least bound of what was left when the evaluations were used up,
    /// infinite when nothing was.
    fn divide(&mut self, candidates: &[Candidate], proof: Option<(&Relaxation<'_>, &Proof)>) -> f64 {
        let mut flow = proof.map(|(_, proof)| Flow::new(&proof.sets.graph));
        let mut stack = vec![Node {
            depth: 0,
            chosen: vec![false; self.repairs.choices.len()],
            fix: None,
            most: (!self.looks_ahead).then_some(1.0),
            bound: proof.map_or(f64::NEG_INFINITY, |(_, proof)| proof.bound),
        }];
        let mut open_bound = f64::INFINITY;
        let mut nodes = NODES_PER_EVALUATION * self.left;
        while let Some(mut node) = stack.pop() {
            if nodes == 0 {
                self.left = 0;
            }
            nodes = nodes.saturating_sub(1);
            if let (Some((relaxation, proof)), Some(flow)) = (proof, &mut flow) {
                let decided = self.decided(&node, candidates);
                let (_, price) = proof.sets.closure(proof.failed_visit, &decided, flow);
                node.bound = node.bound.max(relaxation.bound(price, proof.failed_visit));
            }
            if node.bound < self.enough() && self.left == 0 {
                open_bound = open_bound.min(node.bound);
            } else if node.bound < self.enough() {
                self.evaluate(&mut node, candidates);
                self.branch(node, candidates, &mut stack);
            }
        }
        open_bound
    }

    /// Looks a node's chances up where its parent does not tell them, and bounds it by them.
    fn evaluate(&mut self, node: &mut Node, candidates: &[Candidate]) {
        let spent = self.spent(&node.chosen);
        let most = node.most.unwrap_or_else(|| {
            let mut every = node.chosen.clone();
            let rest = &candidates[node.depth..];
            rest.iter().for_each(|candidate| every[candidate.choice] = true);
            self.left = self.left.saturating_sub(1);
            self.world.fix(self.repairs, &every)
        });
        node.most = Some(most);
        node.bound = node.bound.max(self.objective.at_best(spent, most));
        if node.bound >= self.enough() {
            return;
        }
        let fix = node.fix.unwrap_or_else(|| self.offer(&node.chosen));
        node.fix = Some(fix);
        let rest = candidates[node.depth..].iter().map(|c| (c.weight, c.needed));
        node.bound = node.bound.max(self.objective.bound(spent, fix, rest));
    }

    /// Puts a node's two halves on the stack: without its next candidate, and, first to be looked at, with it.
    fn branch(&self, node: Node, candidates: &[Candidate], stack: &mut Vec<Node>) {
        let Some(candidate) = candidates.get(node.depth).filter(|_| node.bound < self.enough()) else {
            return;
        };
        let mut with = node.chosen.clone();
        with[candidate.choice] = true;
        let depth = node.depth + 1;
        stack.push(Node {
            depth,
            most: (!self.looks_ahead).then_some(1.0),
            ..node
        });
        if self.affordable(&with) {
            stack.push(Node {
                depth,
                chosen: with,
                fix: None,
                most: node.most,
                bound: node.bound,
            });
        }
    }

    /// What a node says of the relaxed problem's choices: a quantity taken has the smaller ones in it, one left out may still be
    /// part of a larger one.
    fn decided(&self, node: &Node, candidates: &[Candidate]) -> Vec<Option<bool>> {
        let mut decided = vec![Some(false); node.chosen.len()];
        for candidate in candidates {
            decided[candidate.choice] = None;
        }
        for candidate in &candidates[..node.depth] {
            let c = candidate.choice;
            if node.chosen[c] {
                self.repairs
                    .up_to(c)
                    .for_each(|smaller| decided[smaller] = Some(true));
            } else if decided[c].is_none() && self.repairs.above(c).next().is_none() {
                decided[c] = Some(false);
            }
        }
        decided
    }

    fn solution(mut self, open_bound: f64, every: Vec<bool>) -> Solution {
        let Some((value, _, chosen, fix)) = self.best.take() else {
            // No kit reaches the target: everything useful comes nearest.
            let fix = self.world.fix(self.repairs, &every);
            return Solution {
                chosen: every,
                fix,
                certificate: Certificate {
                    optimal: false,
                    gap: 1.0,
                },
            };
        };
        let optimal = open_bound == f64::INFINITY;
        let gap = if optimal {
            0.0
        } else {
            ((value - open_bound) / value.max(NEGLIGIBLE)).clamp(0.0, 1.0)
        };
        Solution {
            chosen,
            fix,
            certificate: Certificate { optimal, gap },
        }
    }
}
