//! Proven bounds where a diagram is out of reach.
//!
//! Every gate is held between two functions: one true only where the gate is, one true wherever it is. While diagrams are
//! small both are the gate itself; where one grows beyond its size it is shrunk to its own side of the gate. AND, "at least
//! k" and negation keep the order, so the top is held between two functions whose probabilities are computed exactly.
//! Nothing is estimated: whatever was cut away is counted against the bound.

use crate::analyze::ProbabilityBounds;
use crate::bdd::{Bdd, Edge, FALSE, Full, Side, TRUE};
use crate::circuit::{Circuit, Lit, Node};
use crate::order::{self, Order};
use crate::part::{Cutter, Kind, Part, PartGate, Shape};
use crate::{modules, race};

/// A function held between two others; both are the same edge while nothing was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Between {
    lower: Edge,
    upper: Edge,
}

impl Between {
    fn exactly(edge: Edge) -> Self {
        Self {
            lower: edge,
            upper: edge,
        }
    }

    fn negated(self) -> Self {
        Self {
            lower: self.upper ^ 1,
            upper: self.lower ^ 1,
        }
    }
}

/// Relative distance of bounds that are taken as they are, a larger diagram not being worth its time.
const CLOSE: f64 = 1e-3;
/// Sizes tried, as parts of the largest one.
const SIZES: [usize; 3] = [30, 5, 1];
/// Nodes that one try may make or look through: some 20 s.
const WORK: usize = 120_000_000;
/// Nodes that an exact diagram of a module may have before it is held between two others, per node of those.
const EXACT: usize = 8;
/// Nodes that one operation may make, as a multiple of the size that diagrams are shrunk to.
const ROOM: usize = 16;
/// What an operation costs that makes no node at all.
const WORK_A_STEP: usize = 10;

struct Holder {
    bdd: Bdd,
    /// Chance of each level's variable; cuts are cheap or dear by it, correctness does not rest on it.
    chances: Vec<f64>,
    /// Nodes of a shrunk diagram.
    size: usize,
    gates: Vec<Between>,
    /// Parents of each variable and gate that are still to come.
    awaited: Vec<u32>,
    /// Nodes made and looked through so far.
    work: usize,
}

/// Bounds of the probability of `root` with diagrams of at most `size` nodes, event `e` having chance `p[e]`; none where even
/// the smallest size is too much work.
pub(crate) fn of(circuit: &Circuit, root: Lit, p: &[f64], size: usize) -> Option<ProbabilityBounds> {
    let (circuit, root) = circuit.extract(root);
    let (circuit, root) = modules::group_inputs(&circuit, root);
    let shape = Shape {
        inverted: vec![false; circuit.nodes.len()],
        is_module: modules::find(&circuit, root.node()),
    };
    let mut cutter = Cutter::new(&circuit, &shape);
    let mut chance = vec![(1.0, 1.0); circuit.nodes.len()];
    for at in 1..=root.node() {
        if let Node::Event(event) = circuit.nodes[at] {
            chance[at] = (p[event as usize], p[event as usize]);
        } else if shape.is_module[at] {
            let part = cutter.cut(at);
            let chances: Vec<(f64, f64)> = part.variables.iter().map(|&v| chance[v]).collect();
            chance[at] = module(&part, &chances, size)?;
        }
    }
    let (lower, upper) = chance[root.node()];
    let (lower, upper) = if root.negated() {
        (1.0 - upper, 1.0 - lower)
    } else {
        (lower, upper)
    };
    Some(ProbabilityBounds { lower, upper })
}

/// Bounds of one module: exact where its diagram is small, else the best of several sizes and orders.
fn module(part: &Part, chances: &[(f64, f64)], size: usize) -> Option<(f64, f64)> {
    if let Ok(made) = race::diagram(part, size.saturating_mul(EXACT)) {
        let by_level: Vec<(f64, f64)> = made.variables.iter().map(|&v| chances[v]).collect();
        return Some(made.bdd.probability_between(made.root, &by_level));
    }
    let mut best: Option<ProbabilityBounds> = None;
    for (part_of_size, how) in SIZES.into_iter().flat_map(|s| HELD_UNDER.map(|how| (s, how))) {
        let variables = order::variables(part, how);
        let Ok((lower, upper)) = hold(part, &variables, chances, (size / part_of_size).max(2)) else {
            break;
        };
        let found = best.map_or(ProbabilityBounds { lower, upper }, |b| ProbabilityBounds {
            lower: b.lower.max(lower),
            upper: b.upper.min(upper),
        });
        best = Some(found);
        if found.upper - found.lower <= CLOSE * found.upper {
            break;
        }
    }
    best.map(|b| (b.lower, b.upper))
}

/// Orders under which a module is held; both bounds are proven, so the better of each is kept.
const HELD_UNDER: [Order; 2] = [Order::DepthFirst, Order::SharedFirst];

/// Holds the root of `part` between two diagrams of about `size` nodes over `variables` (the first of the diagram first)
/// and returns the bounds of its probability; `chances` are those of each variable of the part.
fn hold(part: &Part, variables: &[usize], chances: &[(f64, f64)], size: usize) -> Result<(f64, f64), Full> {
    let mut bdd = Bdd::new(usize::MAX);
    let mut gates = vec![Between::exactly(TRUE); part.variables.len()];
    for (level, &variable) in variables.iter().enumerate() {
        gates[variable] = Between::exactly(bdd.variable(level as u32)?);
    }
    let mut awaited = vec![0; part.len()];
    for (_, gate) in part.numbered_gates() {
        gate.inputs.iter().for_each(|input| awaited[input.node()] += 1);
    }
    awaited[part.root()] = 1;
    let by_level: Vec<(f64, f64)> = variables.iter().map(|&v| chances[v]).collect();
    let mut holder = Holder {
        bdd,
        chances: by_level
            .iter()
            .map(|(least, most)| (least + most) / 2.0)
            .collect(),
        size,
        gates,
        awaited,
        work: 0,
    };
    for gate in &part.gates {
        let made = holder.gate(gate)?;
        holder.gates.push(made);
        for input in &gate.inputs {
            holder.awaited[input.node()] -= 1;
        }
    }
    let top = holder.gates[part.root()];
    let lower = holder.bdd.probability_between(top.lower, &by_level).0;
    let upper = holder.bdd.probability_between(top.upper, &by_level).1;
    Ok((lower, upper))
}

impl Holder {
    fn gate(&mut self, gate: &PartGate) -> Result<Between, Full> {
        let mut inputs = gate.inputs.clone();
        inputs.sort_by_key(|&l| (std::cmp::Reverse(self.level(l)), l));
        match gate.kind {
            Kind::And => self.fold(&inputs, TRUE, Self::and),
            Kind::Xor => self.fold(&inputs, FALSE, Self::xor),
            Kind::AtLeast(k) => self.at_least(k, &inputs),
        }
    }

    fn level(&self, input: Lit) -> u32 {
        let held = self.gates[input.node()];
        self.bdd.level(held.lower).min(self.bdd.level(held.upper))
    }

    fn input(&self, input: Lit) -> Between {
        let held = self.gates[input.node()];
        if input.negated() { held.negated() } else { held }
    }

    fn fold(
        &mut self,
        inputs: &[Lit],
        start: Edge,
        join: fn(&mut Self, Between, Between) -> Result<Between, Full>,
    ) -> Result<Between, Full> {
        let mut whole = Between::exactly(start);
        for &input in inputs {
            self.make_room(std::slice::from_mut(&mut whole));
            whole = join(self, self.input(input), whole)?;
        }
        Ok(whole)
    }

    /// At least `k` of `inputs`: one row of a table per input.
    fn at_least(&mut self, k: usize, inputs: &[Lit]) -> Result<Between, Full> {
        let mut row = vec![Between::exactly(FALSE); k + 1];
        row[0] = Between::exactly(TRUE);
        for &input in inputs {
            for j in (1..=k).rev() {
                self.make_room(&mut row);
                let with = self.and(self.input(input), row[j - 1])?;
                row[j] = self.and(with.negated(), row[j].negated())?.negated();
            }
        }
        Ok(row[k])
    }

    fn and(&mut self, a: Between, b: Between) -> Result<Between, Full> {
        let lower = self.joined(a.lower, b.lower, Side::Below)?;
        let upper = if a.lower == a.upper && b.lower == b.upper && !lower.cut {
            lower.edge
        } else {
            self.joined(a.upper, b.upper, Side::Above)?.edge
        };
        Ok(Between {
            lower: lower.edge,
            upper,
        })
    }

    /// a XOR b = (a OR b) AND NOT (a AND b).
    fn xor(&mut self, a: Between, b: Between) -> Result<Between, Full> {
        let both = self.and(a, b)?;
        let neither = self.and(a.negated(), b.negated())?;
        self.and(both.negated(), neither.negated())
    }

    /// `a` AND `b`, shrunk to its side; where even making it takes too many nodes, its operands are shrunk first.
    fn joined(&mut self, a: Edge, b: Edge, side: Side) -> Result<Joined, Full> {
        let (mut a, mut b, mut size) = (a, b, self.size);
        let mut cut = false;
        loop {
            let before = self.bdd.nodes.len();
            self.bdd.allow_more(self.size * ROOM);
            let made = self.bdd.and(a, b);
            self.work += self.bdd.nodes.len() - before + WORK_A_STEP;
            if self.work > WORK {
                return Err(Full);
            }
            self.bdd.allow(usize::MAX);
            match made {
                Ok(edge) => {
                    self.work += self.bdd.nodes.len() - before;
                    let shrunk = self.bdd.shrink(edge, side, self.size, &self.chances)?;
                    return Ok(Joined {
                        edge: shrunk,
                        cut: cut || shrunk != edge,
                    });
                }
                Err(Full) => {
                    size /= 2;
                    self.work += 2 * self.size;
                    a = self.bdd.shrink(a, side, size, &self.chances)?;
                    b = self.bdd.shrink(b, side, size, &self.chances)?;
                    cut = true;
                }
            }
        }
    }

    /// Gives back nodes when there are many, keeping gates that are still awaited and `more`.
    fn make_room(&mut self, more: &mut [Between]) {
        if self.bdd.nodes.len() < self.size * ROOM * 8 {
            return;
        }
        for at in 0..self.gates.len() {
            if self.awaited[at] == 0 {
                self.gates[at] = Between::exactly(TRUE);
            }
        }
        let mut needed: Vec<Edge> = self
            .gates
            .iter()
            .chain(more.iter())
            .flat_map(|held| [held.lower, held.upper])
            .collect();
        self.bdd.collect(&mut needed);
        for (held, pair) in self.gates.iter_mut().chain(more).zip(needed.chunks_exact(2)) {
            *held = Between {
                lower: pair[0],
                upper: pair[1],
            };
        }
    }
}

/// The conjunction of two functions, perhaps shrunk.
#[derive(Clone, Copy)]
struct Joined {
    edge: Edge,
    cut: bool,
}
