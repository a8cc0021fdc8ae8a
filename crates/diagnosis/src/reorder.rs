//! Making a module's diagram under an order that is mended on the way: the last resort where every static order runs over its
//! budget.
//!
//! Whenever the budget is spent, what is no longer needed is given back, the rest is sifted, and the gate that did not fit is
//! tried again under the better order (Rudell 1993). Gates of many inputs are taken two inputs at a time, so that what was
//! done of one is kept and shows sifting which variables belong together.

use crate::bdd::{Bdd, Edge, Full, SiftBounds, TRUE, sift};
use crate::circuit::Lit;
use crate::part::{Kind, Part, PartGate};
use crate::race::Runner;

/// Nodes made before the first sifting, and the part of the limit that they may be at most: while a variable travels, the
/// diagram grows before it shrinks.
const FIRST: usize = 50_000;
const ROOM: usize = 4;
/// Nodes that sifting may look at in all, and nodes that may be made in all, per node of the limit: both bound the time.
const LOOKED_AT_A_NODE: u64 = 100;
const MADE_A_NODE: usize = 4;

/// Makes the diagram of `part` beginning with the order of `runner`, with at most `limit` nodes at any time.
pub(crate) fn run(runner: &mut Runner, part: &Part, limit: usize) -> Result<Edge, Full> {
    let part = &in_pairs(part);
    let mut work = limit as u64 * LOOKED_AT_A_NODE;
    let enough_for_variables = part.variables.len() * 2;
    let mut budget = FIRST.min(limit / ROOM).max(enough_for_variables).min(limit);
    let mut made = 0;
    loop {
        let (gates, had) = (runner.edges.len(), runner.bdd.nodes.len());
        if let Ok(root) = runner.run(part, budget) {
            return Ok(root);
        }
        made += runner.bdd.nodes.len() - had;
        if made > limit * MADE_A_NODE || runner.edges.is_empty() {
            return Err(Full);
        }
        let stuck = runner.edges.len() == gates;
        let kept = mend(runner, part, limit, &mut work);
        // Half of the budget is for what comes; a gate that did not fit once gets twice as much.
        let wanted = (kept * 2).max(if stuck { budget * 2 } else { budget });
        if kept >= limit || (stuck && budget == limit) {
            return Err(Full);
        }
        budget = wanted.min(limit);
    }
}

/// Drops what no gate to come needs and sifts the rest; returns how many nodes are left.
fn mend(runner: &mut Runner, part: &Part, limit: usize, work: &mut u64) -> usize {
    let numbers = awaited(part, runner.edges.len());
    let mut roots: Vec<Edge> = numbers.iter().map(|&number| runner.edges[number]).collect();
    runner.bdd.collect(&mut roots);
    let bounds = SiftBounds {
        max_nodes: limit,
        work: *work,
    };
    let sifted = sift(&runner.bdd.nodes, &roots, runner.variables.len(), bounds);
    *work -= sifted.work.min(*work);
    runner.edges.fill(TRUE);
    for (number, edge) in numbers.into_iter().zip(sifted.roots) {
        runner.edges[number] = edge;
    }
    let before = std::mem::take(&mut runner.variables);
    runner.variables = sifted
        .levels
        .iter()
        .map(|&level| before[level as usize])
        .collect();
    runner.bdd = Bdd::of(&sifted.nodes, limit);
    sifted.nodes.len()
}

/// The same function with no AND or XOR of more than two inputs; the last inputs, deepest in the author's order, come first.
fn in_pairs(part: &Part) -> Part {
    let first = part.variables.len();
    let mut gates: Vec<PartGate> = Vec::new();
    let mut number: Vec<usize> = (0..first).collect();
    for gate in &part.gates {
        let renumbered = |l: &Lit| Lit(((number[l.node()] as u32) << 1) | (l.0 & 1));
        let mut inputs: Vec<Lit> = gate.inputs.iter().map(renumbered).collect();
        while inputs.len() > 2
            && !matches!(gate.kind, Kind::AtLeast(_))
            && let (Some(last), Some(before)) = (inputs.pop(), inputs.pop())
        {
            inputs.push(Lit(((first + gates.len()) as u32) << 1));
            gates.push(PartGate {
                kind: gate.kind,
                inputs: vec![before, last],
            });
        }
        number.push(first + gates.len());
        gates.push(PartGate {
            kind: gate.kind,
            inputs,
        });
    }
    Part {
        variables: part.variables.clone(),
        gates,
    }
}

/// Variables, and gates already made that gates from number `made` on read.
fn awaited(part: &Part, made: usize) -> Vec<usize> {
    let mut needed = vec![false; made];
    needed[..part.variables.len()].fill(true);
    for (_, gate) in part.numbered_gates().filter(|(number, _)| *number >= made) {
        for input in gate.inputs.iter().filter(|input| input.node() < made) {
            needed[input.node()] = true;
        }
    }
    (0..made).filter(|&number| needed[number]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// x1·y1 + … + xn·yn, every x before every y.
    fn pairs(count: u32) -> Part {
        let and = |inputs| PartGate {
            kind: Kind::And,
            inputs,
        };
        let both = |at| and(vec![Lit(at << 1), Lit((count + at) << 1)]);
        let none = (0..count).map(|at| Lit(((2 * count + at) << 1) | 1)).collect();
        Part {
            variables: (0..2 * count as usize).collect(),
            gates: (0..count).map(both).chain([and(none)]).collect(),
        }
    }

    #[test]
    fn a_function_beyond_its_budget_in_the_order_given_fits_after_the_order_is_mended() {
        let part = pairs(16);
        let limit = 20_000;
        let mut fixed = Runner::new(part.variables.clone());
        assert!(fixed.run(&part, limit).is_err(), "131,070 nodes");
        let mut mended = Runner::new(part.variables.clone());
        let root = run(&mut mended, &part, limit).unwrap();
        let (nodes, root) = mended.bdd.compact(root);
        assert!(nodes.len() < 10_000, "{} nodes", nodes.len());
        // No pair is whole with a chance of (1 − 1/4)^16 where every variable is a coin.
        let mut truth = vec![1.0_f64];
        let value = |truth: &[f64], edge: Edge| {
            let plain = truth[(edge >> 1) as usize];
            if edge & 1 == 1 { 1.0 - plain } else { plain }
        };
        for node in &nodes[1..] {
            truth.push((value(&truth, node.hi) + value(&truth, node.lo)) / 2.0);
        }
        assert!((value(&truth, root) - 0.75_f64.powi(16)).abs() < 1e-12);
        let mut variables = mended.variables;
        variables.sort_unstable();
        assert_eq!(variables, part.variables);
    }

    #[test]
    fn what_is_too_large_under_every_order_is_refused() {
        let at_least = PartGate {
            kind: Kind::AtLeast(20),
            inputs: (0..40).map(|at| Lit(at << 1)).collect(),
        };
        let part = Part {
            variables: (0..40).collect(),
            gates: vec![at_least],
        };
        for limit in [2, 50, 300] {
            assert!(
                run(&mut Runner::new(part.variables.clone()), &part, limit).is_err(),
                "{limit}"
            );
        }
        assert!(run(&mut Runner::new(part.variables.clone()), &part, 5_000).is_ok());
    }
}
