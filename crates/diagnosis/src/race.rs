//! The diagram of one module under the best of several variable orders.
//!
//! No order is best for every module and none can be known to be good before its diagram is made. So they race: each makes
//! its diagram under a growing budget of nodes and goes on from where it stopped; after a round those that came furthest
//! stay in. Most modules end in the first, under the author's order. Where all run over the limit, the order of the leader is
//! mended on the way.

use crate::bdd::{Bdd, Edge, FALSE, Full, TRUE};
use crate::compile::OverBudget;
use crate::order::{self, ORDERS, Order};
use crate::part::{Kind, Part, PartGate};
use crate::reorder;

/// A finished diagram.
pub(crate) struct Diagram {
    pub(crate) bdd: Bdd,
    pub(crate) root: Edge,
    /// Variable of the part at each level.
    pub(crate) variables: Vec<usize>,
    /// Most nodes that were alive at once, all runners together.
    pub(crate) peak_nodes: usize,
}

/// Nodes that the author's order alone may make before other orders are even looked at.
const ALONE: usize = 4_000;
/// Rounds: nodes each runner may have made, and how many runners there are.
const ROUNDS: [(usize, usize); 2] = [(30_000, 3), (250_000, 2)];
/// After the rounds everyone may make so many nodes, one after the other; beyond them only the one that came furthest goes
/// on to the caller's limit, which for trees that end is soon enough and for those that do not costs one refusal.
const EVERYONE: usize = 1_500_000;
/// Nodes that the last resort, the leader's order mended on the way, may have at any time: some 3 s.
const REORDERED: usize = 250_000;

/// An order with what it has made so far.
pub(crate) struct Runner {
    pub(crate) variables: Vec<usize>,
    pub(crate) bdd: Bdd,
    /// Of the variables and of the gates done.
    pub(crate) edges: Vec<Edge>,
}

impl Runner {
    pub(crate) fn new(variables: Vec<usize>) -> Self {
        Self {
            variables,
            bdd: Bdd::new(0),
            edges: Vec::new(),
        }
    }

    /// Goes on until the diagram is made or the diagrams of all gates so far have `budget` nodes.
    pub(crate) fn run(&mut self, part: &Part, budget: usize) -> Result<Edge, Full> {
        self.bdd.allow(budget);
        if self.edges.is_empty() {
            let mut edges = vec![TRUE; part.variables.len()];
            for (level, &variable) in self.variables.iter().enumerate() {
                edges[variable] = self.bdd.variable(level as u32)?;
            }
            self.edges = edges;
        }
        while let Some(gate) = part.gates.get(self.edges.len() - part.variables.len()) {
            let made = self.gate(gate)?;
            self.edges.push(made);
        }
        Ok(self.edges[part.root()])
    }

    fn gate(&mut self, gate: &PartGate) -> Result<Edge, Full> {
        let inputs = gate
            .inputs
            .iter()
            .map(|l| self.edges[l.node()] ^ (l.0 & 1))
            .collect();
        match gate.kind {
            Kind::And => self.bdd.all(inputs),
            Kind::AtLeast(k) => self.bdd.at_least(k, inputs),
            Kind::Xor => inputs
                .into_iter()
                .try_fold(FALSE, |whole, input| self.bdd.xor(input, whole)),
        }
    }

    fn finish(self, root: Edge, peak_nodes: usize) -> Diagram {
        Diagram {
            bdd: self.bdd,
            root,
            variables: self.variables,
            peak_nodes,
        }
    }
}

/// Makes the diagram of `part` with at most `limit` nodes under any one order.
pub(crate) fn diagram(part: &Part, limit: usize) -> Result<Diagram, OverBudget> {
    let mut author = Runner::new(order::variables(part, Order::DepthFirst));
    if let Ok(root) = author.run(part, ALONE.min(limit)) {
        let peak = author.bdd.nodes.len();
        return Ok(author.finish(root, peak));
    }
    let mut runners = starters(part, author);
    for (budget, places) in ROUNDS.into_iter().filter(|r| r.0 < limit) {
        for at in 0..places.min(runners.len()) {
            if let Ok(root) = runners[at].run(part, budget) {
                return Ok(won(runners, at, root));
            }
        }
        runners.sort_by_key(|runner| std::cmp::Reverse(runner.edges.len()));
        runners.iter_mut().skip(places).for_each(forget);
    }
    let mut furthest = (0, 0);
    for at in 0..runners.len() {
        if let Ok(root) = runners[at].run(part, limit.min(EVERYONE)) {
            return Ok(won(runners, at, root));
        }
        furthest = furthest.max((runners[at].edges.len(), runners.len() - at));
        forget(&mut runners[at]);
    }
    let leader = runners.len() - furthest.1;
    if limit > EVERYONE
        && let Ok(root) = runners[leader].run(part, limit)
    {
        return Ok(won(runners, leader, root));
    }
    forget(&mut runners[leader]);
    if let Ok(root) = reorder::run(&mut runners[leader], part, limit.min(REORDERED)) {
        return Ok(won(runners, leader, root));
    }
    Err(OverBudget {
        limit,
        orders: runners.len(),
    })
}

/// All different orders, the most promising first.
fn starters(part: &Part, author: Runner) -> Vec<Runner> {
    let promise = |variables: &[usize], how| order::promise(part, variables, how);
    let mut ranked = vec![(promise(&author.variables, Order::DepthFirst), author)];
    for how in ORDERS.into_iter().skip(1) {
        let variables = order::variables(part, how);
        if ranked.iter().all(|(_, runner)| runner.variables != variables) {
            ranked.push((promise(&variables, how), Runner::new(variables)));
        }
    }
    ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
    ranked.into_iter().map(|(_, runner)| runner).collect()
}

/// Gives back what a runner has made.
fn forget(runner: &mut Runner) {
    *runner = Runner::new(std::mem::take(&mut runner.variables));
}

fn won(mut runners: Vec<Runner>, at: usize, root: Edge) -> Diagram {
    let peak = runners.iter().map(|runner| runner.bdd.nodes.len()).sum();
    runners.swap_remove(at).finish(root, peak)
}
