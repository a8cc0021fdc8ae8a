//! One module by itself: its variables and gates, numbered from zero.
//!
//! Variables (events and inner modules) come first, in the author's order; gates follow, inputs before the gates that use
//! them, the module's root last. Everything that looks for an order or makes a diagram works on this.

use crate::circuit::{Circuit, Lit, Node};

/// What a gate computes of its inputs; OR is a negated AND of negations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    And,
    Xor,
    AtLeast(usize),
}

/// A gate; a literal is the number of a variable or gate of the part, perhaps negated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartGate {
    pub(crate) kind: Kind,
    pub(crate) inputs: Vec<Lit>,
}

/// A module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// Node of the circuit behind each variable.
    pub(crate) variables: Vec<usize>,
    pub(crate) gates: Vec<PartGate>,
}

/// Which nodes are modules, and which of them are only used negated: the variable then stands for the negation, so that
/// a coherent function is coherent in its modules as well.
pub(crate) struct Shape {
    pub(crate) is_module: Vec<bool>,
    pub(crate) inverted: Vec<bool>,
}

/// Takes modules out of a circuit. One cutter serves all modules of a circuit, so that the work is that of the modules
/// alone however large the circuit is.
pub(crate) struct Cutter<'a> {
    circuit: &'a Circuit,
    shape: &'a Shape,
    /// Number of a node in the part being cut, where `seen` names that part's root.
    number: Vec<u32>,
    seen: Vec<u32>,
}

impl<'a> Cutter<'a> {
    pub(crate) fn new(circuit: &'a Circuit, shape: &'a Shape) -> Self {
        Self {
            circuit,
            shape,
            number: vec![0; circuit.nodes.len()],
            seen: vec![0; circuit.nodes.len()],
        }
    }

    /// The module whose root is the gate `root`.
    pub(crate) fn cut(&mut self, root: usize) -> Part {
        let (variables, mut inner) = self.reached(root);
        inner.sort_unstable();
        for (number, &node) in variables.iter().chain(&inner).enumerate() {
            self.number[node] = number as u32;
        }
        let gates = inner.iter().map(|&node| self.gate(node)).collect();
        Part { variables, gates }
    }

    /// Variables and gates below `root`, depth first, left to right.
    fn reached(&mut self, root: usize) -> (Vec<usize>, Vec<usize>) {
        let (mut variables, mut inner) = (Vec::new(), Vec::new());
        let mut stack = vec![root];
        while let Some(node) = stack.pop() {
            if node == 0 || std::mem::replace(&mut self.seen[node], root as u32) == root as u32 {
                continue;
            }
            if node != root && self.is_variable(node) {
                variables.push(node);
                continue;
            }
            inner.push(node);
            stack.extend(self.circuit.nodes[node].children().iter().rev().map(|l| l.node()));
        }
        (variables, inner)
    }

    fn is_variable(&self, node: usize) -> bool {
        self.shape.is_module[node] || matches!(self.circuit.nodes[node], Node::Event(_))
    }

    fn gate(&self, node: usize) -> PartGate {
        let here = |lit: &Lit| {
            let negation = self.shape.is_module[lit.node()] && self.shape.inverted[lit.node()];
            Lit((self.number[lit.node()] << 1) | ((lit.0 & 1) ^ u32::from(negation)))
        };
        let kind = match &self.circuit.nodes[node] {
            Node::Xor(_) => Kind::Xor,
            Node::AtLeast(k, _) => Kind::AtLeast(*k as usize),
            Node::And(_) | Node::True | Node::Event(_) => Kind::And,
        };
        let inputs = self.circuit.nodes[node].children().iter().map(here).collect();
        PartGate { kind, inputs }
    }
}

impl Part {
    /// Variables and gates together.
    pub(crate) fn len(&self) -> usize {
        self.variables.len() + self.gates.len()
    }

    /// Number of the gate at the top.
    pub(crate) fn root(&self) -> usize {
        self.len() - 1
    }

    /// Inputs of a variable (none) or gate.
    pub(crate) fn inputs(&self, number: usize) -> &[Lit] {
        match number.checked_sub(self.variables.len()) {
            Some(gate) => &self.gates[gate].inputs,
            None => &[],
        }
    }

    /// Gates with their numbers, inputs first.
    pub(crate) fn numbered_gates(&self) -> impl DoubleEndedIterator<Item = (usize, &PartGate)> {
        let first = self.variables.len();
        self.gates
            .iter()
            .enumerate()
            .map(move |(at, gate)| (first + at, gate))
    }
}
