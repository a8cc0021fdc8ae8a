//! The tree together with everything that can be observed, as one circuit.
//!
//! A symptom is the OR of its leak and of (input AND link) over its causes; leak and links are auxiliary events of their
//! own, numbered after the tree's. Present adds the symptom to the conjunction of the evidence, absent adds its negation.
//! Most requests never need the circuit: the walk of `explained` answers them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::circuit::{Circuit, Lit, Node};
use crate::compile::{Compiled, OverBudget};
use crate::explained::{Explained, ObservedSign, SharedGates};
use crate::likelihood::Likelihood;
use crate::tree::{FaultTree, Input, Link, literal};

/// Chance that a hedged report ("好像漏水") is wrong: the odds of what it says are taken times four.
pub(crate) const HEDGED: f64 = 0.2;

/// A symptom or code as observed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Seen {
    /// Its number, symptoms before codes.
    pub(crate) sign: usize,
    /// Whether it shows.
    pub(crate) present: bool,
    /// Chance that the report is wrong, 0..=0.5: 0 is certain, and 0.5 says nothing.
    pub(crate) doubt: f64,
}

impl Seen {
    /// Something told as certain.
    pub(crate) fn certain(sign: usize, present: bool) -> Self {
        Self {
            sign,
            present,
            doubt: 0.0,
        }
    }

    /// Chance that the sign shows, by this report alone.
    pub(crate) fn certainty(self) -> f64 {
        if self.present {
            1.0 - self.doubt
        } else {
            self.doubt
        }
    }
}

/// The circuit of a tree with its symptoms and codes.
#[derive(Clone)]
pub(crate) struct Observable {
    pub(crate) circuit: Circuit,
    /// Literal of every symptom.
    pub(crate) symptoms: Vec<Lit>,
    /// Literal of every code entry.
    pub(crate) codes: Vec<Lit>,
    /// Of every symptom's and code's node the events linked to it directly: the event and its conjunction with the link.
    direct: HashMap<usize, Vec<(u32, Lit)>>,
    /// Leak and links of every symptom, then of every code.
    signs: Vec<(f64, Vec<Link>)>,
    /// Event of every sign that a doubtful report of it is wrong.
    doubts: Vec<u32>,
    /// The gates that signs are linked to; none where their diagrams are too large.
    gates: Option<SharedGates>,
    /// With the ticket itself as evidence: that it has no cause, and the chance of that.
    without_cause: Option<(Lit, f64)>,
    /// Probabilities of the auxiliary events.
    auxiliary: Vec<f64>,
    events: usize,
}

impl Observable {
    pub(crate) fn new(tree: &FaultTree) -> Self {
        let (circuit, gates) = tree.circuit();
        let symptoms = tree.symptoms.iter().map(|s| (s.leak, &s.causes));
        let codes = tree.codes.iter().map(|c| (c.leak, &c.causes));
        let signs: Vec<(f64, Vec<Link>)> = symptoms
            .chain(codes)
            .map(|(leak, links)| (leak, links.clone()))
            .collect();
        let linked: BTreeSet<usize> = signs
            .iter()
            .flat_map(|(_, links)| links)
            .filter_map(|link| link.input.gate())
            .collect();
        let shared = SharedGates::new(&circuit, &gates, linked.into_iter());
        let mut made = Self {
            circuit,
            doubts: Vec::new(),
            signs,
            gates: shared,
            symptoms: Vec::new(),
            codes: Vec::new(),
            direct: HashMap::new(),
            without_cause: None,
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
        made.doubts = (0..made.signs.len())
            .map(|_| made.auxiliary_event(HEDGED))
            .collect();
        made
    }

    /// With the ticket itself as evidence: some event happened, or none with this chance.
    pub(crate) fn with_complaint(mut self, without_cause: f64) -> Self {
        self.without_cause = Some((self.chance(without_cause), without_cause.clamp(0.0, 1.0)));
        self
    }

    /// Literal of a symptom or code that shows, or of its absence, in this circuit.
    pub(crate) fn literal(&self, seen: Seen) -> Lit {
        let literal = match seen.sign.checked_sub(self.symptoms.len()) {
            None => self.symptoms[seen.sign],
            Some(code) => self.codes[code],
        };
        if seen.present { literal } else { !literal }
    }

    /// The chance of what was seen, as a function.
    pub(crate) fn likelihood(&self, seen: &[Seen], max_nodes: usize) -> Result<Likelihood, OverBudget> {
        let sign = |&seen: &Seen| {
            let (leak, links) = &self.signs[seen.sign];
            ObservedSign {
                certainty: seen.certainty(),
                leak: *leak,
                links,
            }
        };
        let signs: Vec<ObservedSign<'_>> = seen.iter().map(sign).collect();
        let without_cause = self.without_cause.map(|(_, chance)| chance);
        if let Some(walk) = Explained::new(self.events, self.gates.as_ref(), &signs, without_cause) {
            return Ok(Likelihood::Explained(walk));
        }
        self.diagram(seen, max_nodes).map(Likelihood::Diagram)
    }

    /// The same as a diagram.
    pub(crate) fn diagram(&self, seen: &[Seen], max_nodes: usize) -> Result<Compiled, OverBudget> {
        let literals: Vec<Lit> = seen.iter().map(|&seen| self.literal(seen)).collect();
        let doubt = |seen: &Seen| (seen.doubt > 0.0).then_some(self.doubts[seen.sign]);
        let doubts: Vec<Option<u32>> = seen.iter().map(doubt).collect();
        self.conjunction(&literals, &doubts, max_nodes)
    }

    /// That some event happened, or the ticket has no cause.
    ///
    /// The conjunctions of each event with its links to what was observed add nothing to that, but they stand next to their event, and
    /// the variable order follows: a diagram over many events then has to remember which symptoms are explained, not which events happened.
    fn complaint(&self, circuit: &mut Circuit, moved: &[Lit], without_cause: Lit, evidence: &[Lit]) -> Lit {
        let mut linked: BTreeMap<u32, Vec<Lit>> = BTreeMap::new();
        for (event, shown) in evidence
            .iter()
            .filter_map(|l| self.direct.get(&l.node()))
            .flatten()
        {
            linked.entry(*event).or_default().push(at(moved, *shown));
        }
        let mut any = Vec::new();
        for event in 0..self.events as u32 {
            any.push(circuit.event(event));
            any.extend(linked.remove(&event).unwrap_or_default());
        }
        any.push(at(moved, without_cause));
        circuit.or(&any)
    }

    fn noisy_or(&mut self, gates: &[Lit], leak: f64, causes: &[Link]) -> Lit {
        let mut shown = Vec::with_capacity(causes.len() + 1);
        for cause in causes {
            let input = literal(&mut self.circuit, gates, cause.input);
            let link = self.chance(cause.probability);
            shown.push(self.circuit.and(vec![input, link]));
        }
        let linked = causes
            .iter()
            .zip(&shown)
            .filter_map(|(cause, &shown)| match cause.input {
                Input::Event(event) => Some((event, shown)),
                Input::Gate(_) | Input::Constant(_) => None,
            });
        let linked = linked.collect();
        shown.push(self.chance(leak));
        let symptom = self.circuit.or(&shown);
        self.direct.insert(symptom.node(), linked);
        symptom
    }

    fn chance(&mut self, probability: f64) -> Lit {
        if probability <= 0.0 {
            return Lit::FALSE;
        }
        if probability >= 1.0 {
            return Lit::TRUE;
        }
        let event = self.auxiliary_event(probability);
        self.circuit.event(event)
    }

    fn auxiliary_event(&mut self, probability: f64) -> u32 {
        self.auxiliary.push(probability);
        (self.events + self.auxiliary.len() - 1) as u32
    }

    /// Probabilities of all events: the tree's as given, then the auxiliary ones, with the doubts of what was seen.
    pub(crate) fn probabilities(&self, events: &[f64], seen: &[Seen]) -> Vec<f64> {
        let mut all: Vec<f64> = events.iter().chain(&self.auxiliary).copied().collect();
        for seen in seen.iter().filter(|seen| seen.doubt > 0.0) {
            all[self.doubts[seen.sign] as usize] = seen.doubt;
        }
        all
    }

    /// The conjunction of `evidence`.
    pub(crate) fn compile(&self, evidence: &[Lit], max_nodes: usize) -> Result<Compiled, OverBudget> {
        self.conjunction(evidence, &vec![None; evidence.len()], max_nodes)
    }

    /// The conjunction of `evidence`, each turned round where the event of its doubt happens.
    fn conjunction(
        &self,
        evidence: &[Lit],
        doubts: &[Option<u32>],
        max_nodes: usize,
    ) -> Result<Compiled, OverBudget> {
        let (mut circuit, moved) = self.cone(
            evidence
                .iter()
                .copied()
                .chain(self.without_cause.map(|without| without.0)),
        );
        let complaint = self
            .without_cause
            .map(|(without, _)| self.complaint(&mut circuit, &moved, without, evidence));
        let mut inputs: Vec<Lit> = complaint.into_iter().collect();
        for (&literal, doubt) in evidence.iter().zip(doubts) {
            let told = at(&moved, literal);
            let doubt = doubt.map(|event| circuit.event(event));
            inputs.push(doubt.map_or(told, |doubt| circuit.xor(&[told, doubt])));
        }
        let root = circuit.and(inputs);
        Compiled::new(&circuit, root, max_nodes)
    }

    /// The part of the circuit below `literals`, and where every node of it went: the whole is much larger than what a few pieces
    /// of evidence need.
    fn cone(&self, literals: impl Iterator<Item = Lit>) -> (Circuit, Vec<Lit>) {
        let nodes = &self.circuit.nodes;
        let mut reached = vec![false; nodes.len()];
        literals.for_each(|literal| reached[literal.node()] = true);
        for node in (0..nodes.len()).rev() {
            if reached[node] {
                nodes[node]
                    .children()
                    .iter()
                    .for_each(|child| reached[child.node()] = true);
            }
        }
        let (mut made, mut moved) = (Circuit::new(), vec![Lit::TRUE; nodes.len()]);
        for node in (0..nodes.len()).filter(|&node| reached[node]) {
            let inputs = || {
                nodes[node]
                    .children()
                    .iter()
                    .map(|&child| at(&moved, child))
                    .collect::<Vec<_>>()
            };
            moved[node] = match &nodes[node] {
                Node::True => Lit::TRUE,
                Node::Event(event) => made.event(*event),
                Node::And(_) => made.and(inputs()),
                Node::Xor(_) => made.xor(&inputs()),
                Node::AtLeast(k, _) => made.at_least(*k as usize, &inputs()),
            };
        }
        (made, moved)
    }
}

/// A literal after its node has moved.
fn at(moved: &[Lit], literal: Lit) -> Lit {
    let plain = moved[literal.node()];
    if literal.negated() { !plain } else { plain }
}
