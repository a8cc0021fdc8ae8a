//! From a circuit to decision diagrams, one per module, and the passes over them: probability, Birnbaum importance, minimal
//! cut sets.
//!
//! The passes are those of the project's methods: upward B(v) = p·B(hi) + (1 − p)·B(lo); downward D(root) = 1, D(hi) += p·D,
//! D(lo) += (1 − p)·D; then MIF_e = Σ D(v)·(B(hi) − B(lo)) over the nodes of e. A module is a variable whose probability is
//! that of its diagram, and importance passes through it by the chain rule.

use std::collections::BinaryHeap;

use crate::bdd::{Bdd, BddNode, CutSets, EMPTY, Edge, FALSE, Full, TRUE, UNIT};
use crate::circuit::{Circuit, Lit, Node};
use crate::modules;
use crate::order::{self, ORDERS};

/// Node budgets tried in turn, every order under each, before the caller's limit: most trees end under the first.
const BUDGETS: [usize; 2] = [30_000, 1_000_000];

/// No order stays within the budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OverBudget {
    pub(crate) limit: usize,
    pub(crate) orders: usize,
}

/// A variable of a module's diagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variable {
    Event(u32),
    Module(u32),
}

struct Module {
    variables: Vec<Variable>,
    nodes: Vec<BddNode>,
    root: Edge,
}

/// A function compiled to decision diagrams.
pub(crate) struct Compiled {
    /// Inner modules before those that use them.
    modules: Vec<Module>,
    /// The last module's literal, a single event's or a constant's.
    top: Top,
    /// Nodes of all diagrams, constants not counted.
    pub(crate) node_count: usize,
    /// The most nodes alive while compiling.
    pub(crate) peak_nodes: usize,
}

/// Which nodes are modules, and which of them are only used negated: the variable then stands for the negation, so that
/// a coherent function is coherent in its modules as well.
struct Shape<'a> {
    is_module: &'a [bool],
    inverted: &'a [bool],
}

#[derive(Clone, Copy)]
enum Top {
    Constant(bool),
    Event { event: u32, negated: bool },
    Module,
}

impl Compiled {
    /// Compiles `root` of `circuit`; `limit` bounds the nodes of any one diagram while it is made.
    pub(crate) fn new(circuit: &Circuit, root: Lit, limit: usize) -> Result<Self, OverBudget> {
        Self::build(circuit, root, limit, true)
    }

    /// As one diagram without modules, as the minimal sets of a non-coherent function need.
    pub(crate) fn flat(circuit: &Circuit, root: Lit, limit: usize) -> Result<Self, OverBudget> {
        Self::build(circuit, root, limit, false)
    }

    fn build(circuit: &Circuit, root: Lit, limit: usize, modular: bool) -> Result<Self, OverBudget> {
        let (circuit, root) = circuit.extract(root);
        let (circuit, root) = if modular {
            modules::group_inputs(&circuit, root)
        } else {
            (circuit, root)
        };
        let mut made = Self {
            modules: Vec::new(),
            top: Top::Constant(!root.negated()),
            node_count: 0,
            peak_nodes: 0,
        };
        match &circuit.nodes[root.node()] {
            Node::True => return Ok(made),
            Node::Event(event) => {
                made.top = Top::Event {
                    event: *event,
                    negated: root.negated(),
                };
                return Ok(made);
            }
            _ => made.top = Top::Module,
        }
        let inverted = circuit.only_negated(root);
        let is_module = if modular {
            modules::find(&circuit, root.node())
        } else {
            (0..circuit.nodes.len()).map(|at| at == root.node()).collect()
        };
        let mut number = vec![0_u32; circuit.nodes.len()];
        for at in (1..=root.node()).filter(|&at| is_module[at]) {
            let mut module = made.module(
                &circuit,
                at,
                &Shape {
                    is_module: &is_module,
                    inverted: &inverted,
                },
                &number,
                limit,
            )?;
            module.root ^= u32::from(inverted[at]);
            number[at] = made.modules.len() as u32;
            made.node_count += module.nodes.len() - 1;
            made.modules.push(module);
        }
        Ok(made)
    }

    fn module(
        &mut self,
        circuit: &Circuit,
        root: usize,
        shape: &Shape<'_>,
        number: &[u32],
        limit: usize,
    ) -> Result<Module, OverBudget> {
        let is_module = shape.is_module;
        let is_leaf = |node: usize| order::is_leaf(circuit, is_module, node);
        let inner = order::inner_nodes(circuit, root, &is_leaf);
        let mut tried = Vec::with_capacity(ORDERS.len());
        for budget in BUDGETS.into_iter().filter(|&b| b < limit).chain([limit]) {
            for (i, &how) in ORDERS.iter().enumerate() {
                if tried.len() == i {
                    tried.push(order::leaves(circuit, root, &is_leaf, how));
                    if tried[..i].contains(&tried[i]) {
                        tried[i] = Vec::new();
                    }
                }
                if tried[i].is_empty() {
                    continue;
                }
                if let Ok((bdd, edge)) = diagram(circuit, &inner, &tried[i], shape.inverted, budget) {
                    self.peak_nodes = self.peak_nodes.max(bdd.nodes.len());
                    let (nodes, root) = bdd.compact(edge);
                    let variable = |&leaf: &usize| match circuit.nodes[leaf] {
                        Node::Event(event) if !is_module[leaf] => Variable::Event(event),
                        _ => Variable::Module(number[leaf]),
                    };
                    return Ok(Module {
                        variables: tried[i].iter().map(variable).collect(),
                        nodes,
                        root,
                    });
                }
                self.peak_nodes = self.peak_nodes.max(budget);
            }
        }
        Err(OverBudget {
            limit,
            orders: tried.iter().filter(|leaves| !leaves.is_empty()).count(),
        })
    }

    /// Chance that the function is true when event `e` happens with chance `p[e]`, events being independent; `scratch` is
    /// reused between the many evaluations of a kit.
    pub(crate) fn probability_with(&self, p: &[f64], scratch: &mut Vec<f64>) -> f64 {
        let mut of_module = vec![0.0; self.modules.len()];
        for (at, module) in self.modules.iter().enumerate() {
            module.upward(p, &of_module, scratch);
            of_module[at] = value(scratch, module.root);
        }
        self.top_value(p, &of_module)
    }

    fn top_value(&self, p: &[f64], of_module: &[f64]) -> f64 {
        let flip = |v: f64, negated: bool| if negated { 1.0 - v } else { v };
        match self.top {
            Top::Constant(yes) => f64::from(u8::from(yes)),
            Top::Event { event, negated } => flip(p[event as usize], negated),
            Top::Module => of_module.last().copied().unwrap_or(0.0),
        }
    }

    /// The probability and every event's marginal importance factor P(f | e) − P(f | not e), in two passes.
    pub(crate) fn importance(&self, p: &[f64]) -> (f64, Vec<f64>) {
        let mut mif = vec![0.0; p.len()];
        let mut of_module = vec![0.0; self.modules.len()];
        let mut upward = Vec::with_capacity(self.modules.len());
        for (at, module) in self.modules.iter().enumerate() {
            let mut values = Vec::new();
            module.upward(p, &of_module, &mut values);
            of_module[at] = value(&values, module.root);
            upward.push(values);
        }
        let mut weight = vec![0.0; self.modules.len()];
        match self.top {
            Top::Constant(_) => {}
            Top::Event { event, negated } => mif[event as usize] = if negated { -1.0 } else { 1.0 },
            Top::Module => {
                if let Some(last) = weight.last_mut() {
                    *last = 1.0;
                }
            }
        }
        for at in (0..self.modules.len()).rev() {
            let module = &self.modules[at];
            let per_variable = module.downward(p, &of_module, &upward[at], weight[at]);
            for (variable, gain) in module.variables.iter().zip(per_variable) {
                match *variable {
                    Variable::Event(event) => mif[event as usize] += gain,
                    Variable::Module(inner) => weight[inner as usize] += gain,
                }
            }
        }
        (self.top_value(p, &of_module), mif)
    }

    /// Minimal cut sets of every module; the budget is per module.
    pub(crate) fn cut_sets(&self, limit: usize) -> Result<Families<'_>, OverBudget> {
        let mut families = Vec::with_capacity(self.modules.len());
        for module in &self.modules {
            let mut sets = CutSets::new(limit);
            let root = sets
                .of(&module.nodes, module.root)
                .map_err(|Full| OverBudget { limit, orders: 1 })?;
            families.push((sets, root));
        }
        Ok(Families {
            compiled: self,
            families,
        })
    }
}

impl Module {
    fn variable_probability(&self, level: u32, p: &[f64], of_module: &[f64]) -> f64 {
        match self.variables[level as usize] {
            Variable::Event(event) => p[event as usize],
            Variable::Module(inner) => of_module[inner as usize],
        }
    }

    fn upward(&self, p: &[f64], of_module: &[f64], values: &mut Vec<f64>) {
        values.clear();
        values.push(1.0);
        for node in &self.nodes[1..] {
            let chance = self.variable_probability(node.level, p, of_module);
            let (hi, lo) = (value(values, node.hi), value(values, node.lo));
            values.push(chance * hi + (1.0 - chance) * lo);
        }
    }

    /// Σ D(v)·(B(hi) − B(lo)) per variable, the root entered with `weight`. A complemented edge negates what passes it,
    /// because d(1 − B) = −dB.
    fn downward(&self, p: &[f64], of_module: &[f64], values: &[f64], weight: f64) -> Vec<f64> {
        let mut gain = vec![0.0; self.variables.len()];
        let mut reach = vec![0.0; self.nodes.len()];
        let signed = |edge: Edge, amount: f64| if edge & 1 == 1 { -amount } else { amount };
        reach[(self.root >> 1) as usize] += signed(self.root, weight);
        for at in (1..self.nodes.len()).rev() {
            let node = self.nodes[at];
            let chance = self.variable_probability(node.level, p, of_module);
            gain[node.level as usize] += reach[at] * (value(values, node.hi) - value(values, node.lo));
            reach[(node.hi >> 1) as usize] += signed(node.hi, chance * reach[at]);
            reach[(node.lo >> 1) as usize] += signed(node.lo, (1.0 - chance) * reach[at]);
        }
        gain
    }
}

fn value(values: &[f64], edge: Edge) -> f64 {
    let plain = values[(edge >> 1) as usize];
    if edge & 1 == 1 { 1.0 - plain } else { plain }
}

fn diagram(
    circuit: &Circuit,
    inner: &[usize],
    leaves: &[usize],
    inverted: &[bool],
    budget: usize,
) -> Result<(Bdd, Edge), Full> {
    let mut bdd = Bdd::new(budget);
    let top = inner.last().copied().unwrap_or(0);
    let mut edge_of: Vec<Edge> = vec![TRUE; top + 1];
    for (level, &leaf) in leaves.iter().enumerate() {
        let module = !matches!(circuit.nodes[leaf], Node::Event(_));
        edge_of[leaf] = bdd.variable(level as u32)? ^ u32::from(module && inverted[leaf]);
    }
    for &node in inner {
        let inputs: Vec<Edge> = circuit.nodes[node]
            .children()
            .iter()
            .map(|c| edge_of[c.node()] ^ (c.0 & 1))
            .collect();
        edge_of[node] = match &circuit.nodes[node] {
            Node::And(_) => bdd.all(inputs)?,
            Node::Xor(_) => {
                let mut whole = FALSE;
                for input in inputs {
                    whole = bdd.xor(input, whole)?;
                }
                whole
            }
            Node::AtLeast(k, _) => bdd.at_least(*k as usize, inputs)?,
            Node::True | Node::Event(_) => edge_of[node],
        };
    }
    Ok((bdd, edge_of[top]))
}

/// The minimal cut sets, module by module.
pub(crate) struct Families<'a> {
    compiled: &'a Compiled,
    families: Vec<(CutSets, u32)>,
}

/// Part of a cut set not yet chosen: a family of a module.
#[derive(Clone, Copy, PartialEq)]
struct Open {
    module: usize,
    family: u32,
}

struct Partial {
    bound: f64,
    chance: f64,
    events: Vec<u32>,
    open: Vec<Open>,
}

impl PartialEq for Partial {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Partial {}
impl PartialOrd for Partial {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Partial {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.bound
            .total_cmp(&other.bound)
            .then_with(|| other.open.len().cmp(&self.open.len()))
            .then_with(|| other.events.cmp(&self.events))
    }
}

impl Families<'_> {
    /// How many minimal cut sets there are; saturates.
    pub(crate) fn count(&self) -> u128 {
        let mut of_module: Vec<u128> = Vec::with_capacity(self.families.len());
        for (module, (sets, root)) in self.compiled.modules.iter().zip(&self.families) {
            let count = sets.count(*root, &|level| match module.variables[level as usize] {
                Variable::Event(_) => 1,
                Variable::Module(inner) => of_module[inner as usize],
            });
            of_module.push(count);
        }
        match self.compiled.top {
            Top::Constant(yes) => u128::from(yes),
            Top::Event { .. } => 1,
            Top::Module => of_module.last().copied().unwrap_or(0),
        }
    }

    /// The `most` likeliest minimal cut sets, likeliest first: best-first search under the exact bound "best completion".
    pub(crate) fn likeliest(&self, p: &[f64], most: usize) -> Vec<(f64, Vec<u32>)> {
        match self.compiled.top {
            Top::Constant(false) => return Vec::new(),
            Top::Constant(true) => return vec![(1.0, Vec::new())],
            // Nothing has to happen: the empty set, whose product is one.
            Top::Event { negated: true, .. } => return vec![(1.0, Vec::new())],
            Top::Event {
                negated: false,
                event,
            } => return vec![(p[event as usize], vec![event])],
            Top::Module => {}
        }
        let best = self.best_completions(p);
        let last = self.families.len() - 1;
        let root = self.families[last].1;
        let mut heap = BinaryHeap::new();
        let push = |heap: &mut BinaryHeap<Partial>, chance: f64, events: Vec<u32>, open: Vec<Open>| {
            let bound = open
                .iter()
                .fold(chance, |product, o| product * best[o.module][o.family as usize]);
            if open.iter().all(|o| o.family != EMPTY) {
                heap.push(Partial {
                    bound,
                    chance,
                    events,
                    open,
                });
            }
        };
        push(
            &mut heap,
            1.0,
            Vec::new(),
            vec![Open {
                module: last,
                family: root,
            }],
        );
        let mut found = Vec::new();
        // Each cut set costs at most as many steps as it and its siblings have levels; the cap only guards ties.
        for _ in 0..200_000 {
            let Some(Partial {
                chance,
                mut events,
                mut open,
                ..
            }) = heap.pop()
            else {
                break;
            };
            let Some(Open { module, family }) = open.pop() else {
                events.sort_unstable();
                found.push((chance, events));
                if found.len() == most {
                    break;
                }
                continue;
            };
            if family == UNIT {
                push(&mut heap, chance, events, open);
                continue;
            }
            let node = self.families[module].0.nodes[family as usize];
            let mut without = open.clone();
            without.push(Open {
                module,
                family: node.lo,
            });
            push(&mut heap, chance, events.clone(), without);
            open.push(Open {
                module,
                family: node.hi,
            });
            match self.compiled.modules[module].variables[node.level as usize] {
                Variable::Event(event) => {
                    events.push(event);
                    push(&mut heap, chance * p[event as usize], events, open);
                }
                Variable::Module(inner) => {
                    open.push(Open {
                        module: inner as usize,
                        family: self.families[inner as usize].1,
                    });
                    push(&mut heap, chance, events, open);
                }
            }
        }
        found
    }

    fn best_completions(&self, p: &[f64]) -> Vec<Vec<f64>> {
        let mut best: Vec<Vec<f64>> = Vec::with_capacity(self.families.len());
        for (module, (sets, _)) in self.compiled.modules.iter().zip(&self.families) {
            let mut of_node = vec![0.0; sets.nodes.len()];
            of_node[UNIT as usize] = 1.0;
            for at in 2..sets.nodes.len() {
                let node = sets.nodes[at];
                let weight = match module.variables[node.level as usize] {
                    Variable::Event(event) => p[event as usize],
                    Variable::Module(inner) => best[inner as usize][self.families[inner as usize].1 as usize],
                };
                of_node[at] = f64::max(weight * of_node[node.hi as usize], of_node[node.lo as usize]);
            }
            best.push(of_node);
        }
        best
    }
}
