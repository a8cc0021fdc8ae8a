//! From a circuit to decision diagrams, one per module, and the passes over them: probability, Birnbaum importance, minimal
//! cut sets.
//!
//! The passes are those of the project's methods: upward B(v) = p·B(hi) + (1 − p)·B(lo); downward D(root) = 1, D(hi) += p·D,
//! D(lo) += (1 − p)·D; then MIF_e = Σ D(v)·(B(hi) − B(lo)) over the nodes of e. A module is a variable whose probability is
//! that of its diagram, and importance passes through it by the chain rule.

use crate::bdd::{BddNode, Edge};
use crate::circuit::{Circuit, Lit, Node};
use crate::modules;
use crate::part::{Cutter, Shape};
use crate::race;

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

pub(crate) struct Module {
    pub(crate) variables: Vec<Variable>,
    pub(crate) nodes: Vec<BddNode>,
    pub(crate) root: Edge,
}

/// A function compiled to decision diagrams.
pub(crate) struct Compiled {
    /// Inner modules before those that use them.
    pub(crate) modules: Vec<Module>,
    /// The last module's literal, a single event's or a constant's.
    pub(crate) top: Top,
    /// Nodes of all diagrams, constants not counted.
    pub(crate) node_count: usize,
    /// The most nodes alive while compiling.
    pub(crate) peak_nodes: usize,
}

#[derive(Clone, Copy)]
pub(crate) enum Top {
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
        let shape = Shape {
            inverted: circuit.only_negated(root),
            is_module: if modular {
                modules::find(&circuit, root.node())
            } else {
                (0..circuit.nodes.len()).map(|at| at == root.node()).collect()
            },
        };
        made.add_modules(&circuit, &shape, root.node(), limit)?;
        Ok(made)
    }

    fn add_modules(
        &mut self,
        circuit: &Circuit,
        shape: &Shape,
        root: usize,
        limit: usize,
    ) -> Result<(), OverBudget> {
        let mut cutter = Cutter::new(circuit, shape);
        let mut number = vec![0_u32; circuit.nodes.len()];
        for at in (1..=root).filter(|&at| shape.is_module[at]) {
            let part = cutter.cut(at);
            let diagram = race::diagram(&part, limit)?;
            self.peak_nodes = self.peak_nodes.max(diagram.peak_nodes);
            let (nodes, root) = diagram.bdd.compact(diagram.root);
            let variable = |&v: &usize| match circuit.nodes[part.variables[v]] {
                Node::Event(event) => Variable::Event(event),
                _ => Variable::Module(number[part.variables[v]]),
            };
            self.node_count += nodes.len() - 1;
            self.modules.push(Module {
                variables: diagram.variables.iter().map(variable).collect(),
                nodes,
                root: root ^ u32::from(shape.inverted[at]),
            });
            number[at] = self.modules.len() as u32 - 1;
        }
        Ok(())
    }

    /// Chance that the function is true when event `e` happens with chance `p[e]`, events being independent; `scratch` is
    /// reused between the many evaluations of a kit.
    pub(crate) fn probability_with(&self, p: &[f64], scratch: &mut Vec<f64>) -> f64 {
        let mut of_module = Vec::with_capacity(self.modules.len());
        for module in &self.modules {
            module.upward(p, &of_module, scratch);
            of_module.push(both(scratch, module.root));
        }
        self.top_value(p, &of_module)
    }

    /// Probability of every module.
    pub(crate) fn module_probabilities(&self, p: &[f64], scratch: &mut Vec<f64>) -> Vec<f64> {
        let mut of_module = Vec::with_capacity(self.modules.len());
        for module in &self.modules {
            module.upward(p, &of_module, scratch);
            of_module.push(both(scratch, module.root));
        }
        of_module.iter().map(|chance| chance.yes).collect()
    }

    fn top_value(&self, p: &[f64], of_module: &[Chance]) -> f64 {
        match self.top {
            Top::Constant(yes) => f64::from(u8::from(yes)),
            Top::Event {
                event,
                negated: false,
            } => p[event as usize],
            Top::Event { event, negated: true } => 1.0 - p[event as usize],
            Top::Module => of_module.last().map_or(0.0, |chance| chance.yes),
        }
    }

    /// The probability and every event's marginal importance factor P(f | e) − P(f | not e), in two passes.
    pub(crate) fn importance(&self, p: &[f64]) -> (f64, Vec<f64>) {
        let mut mif = vec![0.0; p.len()];
        let mut of_module = Vec::with_capacity(self.modules.len());
        let mut upward = Vec::with_capacity(self.modules.len());
        for module in &self.modules {
            let mut values = Vec::new();
            module.upward(p, &of_module, &mut values);
            of_module.push(both(&values, module.root));
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
}

/// Chance of a function and of its negation, each summed on its own: 1 − p would lose what a small p has.
#[derive(Debug, Clone, Copy)]
struct Chance {
    yes: f64,
    no: f64,
}

/// `values` by edge: a node's function at twice its number, the negation right after it.
fn both(values: &[f64], edge: Edge) -> Chance {
    Chance {
        yes: values[edge as usize],
        no: values[(edge ^ 1) as usize],
    }
}

impl Module {
    fn chance(&self, level: u32, p: &[f64], of_module: &[Chance]) -> Chance {
        match self.variables[level as usize] {
            Variable::Event(event) => Chance {
                yes: p[event as usize],
                no: 1.0 - p[event as usize],
            },
            Variable::Module(inner) => of_module[inner as usize],
        }
    }

    fn upward(&self, p: &[f64], of_module: &[Chance], values: &mut Vec<f64>) {
        values.clear();
        values.extend([1.0, 0.0]);
        for node in &self.nodes[1..] {
            let Chance { yes, no } = self.chance(node.level, p, of_module);
            let (hi, lo) = (both(values, node.hi), both(values, node.lo));
            values.extend([yes * hi.yes + no * lo.yes, yes * hi.no + no * lo.no]);
        }
    }

    /// Σ D(v)·(B(hi) − B(lo)) per variable, the root entered with `weight`. A complemented edge negates what passes it,
    /// because d(1 − B) = −dB.
    fn downward(&self, p: &[f64], of_module: &[Chance], values: &[f64], weight: f64) -> Vec<f64> {
        let mut gain = vec![0.0; self.variables.len()];
        let mut reach = vec![0.0; self.nodes.len()];
        let signed = |edge: Edge, amount: f64| if edge & 1 == 1 { -amount } else { amount };
        reach[(self.root >> 1) as usize] += signed(self.root, weight);
        for at in (1..self.nodes.len()).rev() {
            let node = self.nodes[at];
            let Chance { yes, no } = self.chance(node.level, p, of_module);
            gain[node.level as usize] += reach[at] * (values[node.hi as usize] - values[node.lo as usize]);
            reach[(node.hi >> 1) as usize] += signed(node.hi, yes * reach[at]);
            reach[(node.lo >> 1) as usize] += signed(node.lo, no * reach[at]);
        }
        gain
    }
}
