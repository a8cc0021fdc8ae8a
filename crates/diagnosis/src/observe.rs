//! The tree together with everything that can be observed, as one circuit.
//!
//! A symptom is the OR of its leak and of (input AND link) over its causes; leak and links are auxiliary events of their
//! own, numbered after the tree's. Present adds the symptom to the conjunction of the evidence, absent adds its negation.

use crate::circuit::{Circuit, Lit};
use crate::compile::{Compiled, OverBudget};
use crate::tree::{FaultTree, Link, literal};

/// The circuit of a tree with its symptoms and codes.
#[derive(Debug, Clone)]
pub(crate) struct Observable {
    pub(crate) circuit: Circuit,
    /// Literal of every symptom.
    pub(crate) symptoms: Vec<Lit>,
    /// Literal of every code entry.
    pub(crate) codes: Vec<Lit>,
    /// Probabilities of the auxiliary events.
    auxiliary: Vec<f64>,
    events: usize,
}

impl Observable {
    pub(crate) fn new(tree: &FaultTree) -> Self {
        let (circuit, gates) = tree.circuit();
        let mut made = Self {
            circuit,
            symptoms: Vec::new(),
            codes: Vec::new(),
            auxiliary: Vec::new(),
            events: tree.events.len(),
        };
        made.symptoms = tree
            .symptoms
            .iter()
            .map(|s| made.noisy_or(&gates, s.leak, &s.causes))
            .collect();
        made.codes = tree
            .codes
            .iter()
            .map(|c| made.noisy_or(&gates, c.leak, &c.causes))
            .collect();
        made
    }

    fn noisy_or(&mut self, gates: &[Lit], leak: f64, causes: &[Link]) -> Lit {
        let mut shown = Vec::with_capacity(causes.len() + 1);
        for cause in causes {
            let input = literal(&mut self.circuit, gates, cause.input);
            let link = self.chance(cause.probability);
            shown.push(self.circuit.and(vec![input, link]));
        }
        shown.push(self.chance(leak));
        self.circuit.or(&shown)
    }

    fn chance(&mut self, probability: f64) -> Lit {
        if probability <= 0.0 {
            return Lit::FALSE;
        }
        if probability >= 1.0 {
            return Lit::TRUE;
        }
        let at = self.events + self.auxiliary.len();
        self.auxiliary.push(probability);
        self.circuit.event(at as u32)
    }

    /// Probabilities of all events: the tree's as given, then the auxiliary ones.
    pub(crate) fn probabilities(&self, events: &[f64]) -> Vec<f64> {
        events.iter().chain(&self.auxiliary).copied().collect()
    }

    /// The conjunction of `evidence`.
    pub(crate) fn compile(&self, evidence: &[Lit], max_nodes: usize) -> Result<Compiled, OverBudget> {
        let mut circuit = self.circuit.clone();
        let root = circuit.and(evidence.to_vec());
        Compiled::new(&circuit, root, max_nodes)
    }
}
