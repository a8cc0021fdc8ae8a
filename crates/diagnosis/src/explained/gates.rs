//! The gates that signs are linked to, as diagrams over one order of events, walked side by side.

use std::collections::{BTreeMap, HashMap};

use super::{Effect, Step};
use crate::bdd::{Bdd, Edge, FALSE, Full, LAST, TRUE};
use crate::circuit::{Circuit, Lit, Node};

/// Nodes that the diagrams of all linked gates may have together.
const MOST_NODES: usize = 20_000;
/// States of the gates of one group between two events.
const MOST_STATES: usize = 256;

/// Diagrams of gates.
#[derive(Clone)]
pub(crate) struct SharedGates {
    bdd: std::sync::Arc<Bdd>,
    /// Event at each level.
    events: Vec<usize>,
    /// By number of the gate: its function, and the levels that it reads, ascending.
    gates: BTreeMap<usize, (Edge, Vec<u32>)>,
}

impl SharedGates {
    /// The gates of these numbers; `literals` of all gates. None where their diagrams are too large.
    pub(crate) fn new(
        circuit: &Circuit,
        literals: &[Lit],
        linked: impl Iterator<Item = usize>,
    ) -> Option<Self> {
        let linked: Vec<usize> = linked.collect();
        let mut maker = Maker {
            circuit,
            bdd: Bdd::new(MOST_NODES),
            events: Vec::new(),
            made: HashMap::new(),
        };
        let mut gates = BTreeMap::new();
        for gate in linked {
            let edge = maker.make(literals[gate]).ok()?;
            let reads = maker.bdd.reads(edge);
            gates.insert(gate, (edge, reads));
        }
        Some(Self {
            bdd: std::sync::Arc::new(maker.bdd),
            events: maker.events,
            gates,
        })
    }

    /// The walk over the gates with these effects and the events they read, whose own effects are taken out of `of_event`.
    ///
    /// None where a gate is unknown or too many states would have to be told apart.
    pub(super) fn steps(
        &self,
        of_gate: &BTreeMap<usize, Effect>,
        of_event: &mut BTreeMap<usize, Effect>,
    ) -> Option<Vec<Step>> {
        let mut groups: Vec<Group<'_>> = Vec::new();
        for (gate, effect) in of_gate {
            let (edge, reads) = self.gates.get(gate)?;
            let mut joined = Group {
                levels: reads.clone(),
                gates: vec![(*edge, effect)],
            };
            let meets = |group: &Group<'_>| {
                group
                    .levels
                    .iter()
                    .any(|level| reads.binary_search(level).is_ok())
            };
            let (meeting, apart): (Vec<_>, Vec<_>) = groups.into_iter().partition(meets);
            groups = apart;
            for group in meeting {
                joined.levels.extend(group.levels);
                joined.gates.extend(group.gates);
            }
            joined.levels.sort_unstable();
            joined.levels.dedup();
            groups.push(joined);
        }
        let mut steps = Vec::new();
        for group in groups {
            self.walk(&group, of_event, &mut steps)?;
        }
        Some(steps)
    }

    fn walk(
        &self,
        group: &Group<'_>,
        of_event: &mut BTreeMap<usize, Effect>,
        steps: &mut Vec<Step>,
    ) -> Option<()> {
        let mut states: Vec<Vec<Edge>> = vec![group.gates.iter().map(|gate| gate.0).collect()];
        for &level in &group.levels {
            let event = self.events[level as usize];
            let mut number: HashMap<Vec<Edge>, usize> = HashMap::new();
            let mut after = Vec::new();
            let mut follow = |state: &[Edge], happened: bool| {
                let branch = |&edge: &Edge| {
                    let (with, without) = self.bdd.cofactors(edge, level);
                    if happened { with } else { without }
                };
                let next: Vec<Edge> = state.iter().map(branch).collect();
                *number.entry(next).or_insert_with_key(|next| {
                    after.push(next.clone());
                    after.len() - 1
                })
            };
            let next = states
                .iter()
                .map(|state| [follow(state, false), follow(state, true)])
                .collect();
            if after.len() > MOST_STATES {
                return None;
            }
            steps.push(Step::Event {
                event,
                effect: of_event.remove(&event).unwrap_or(Effect::NONE),
                next,
                states: after.len(),
            });
            states = after;
        }
        let shown = |state: &Vec<Edge>| {
            let mut all = Effect::NONE;
            for (_, (_, effect)) in state.iter().zip(&group.gates).filter(|(edge, _)| **edge == TRUE) {
                all.silent *= effect.silent;
                effect.shows.iter().for_each(|&(at, chance)| all.show(at, chance));
            }
            all
        };
        steps.push(Step::Gates(states.iter().map(shown).collect()));
        Some(())
    }
}

/// Gates that share events.
struct Group<'a> {
    levels: Vec<u32>,
    gates: Vec<(Edge, &'a Effect)>,
}

/// Makes diagrams of a circuit's nodes; a level for each event when it is first met, depth first.
struct Maker<'a> {
    circuit: &'a Circuit,
    bdd: Bdd,
    events: Vec<usize>,
    made: HashMap<usize, Edge>,
}

impl Maker<'_> {
    fn make(&mut self, literal: Lit) -> Result<Edge, Full> {
        let mut open = vec![literal.node()];
        while let Some(&node) = open.last() {
            let children = self.circuit.nodes[node].children();
            let missing = children
                .iter()
                .map(|child| child.node())
                .find(|child| !self.made.contains_key(child));
            match missing {
                _ if self.made.contains_key(&node) => _ = open.pop(),
                Some(child) => open.push(child),
                None => {
                    let edge = self.node(node)?;
                    self.made.insert(node, edge);
                    open.pop();
                }
            }
        }
        Ok(self.edge(literal))
    }

    fn edge(&self, literal: Lit) -> Edge {
        self.made.get(&literal.node()).copied().unwrap_or(TRUE) ^ u32::from(literal.negated())
    }

    fn node(&mut self, node: usize) -> Result<Edge, Full> {
        let inputs = |children: &[Lit]| {
            children
                .iter()
                .map(|&child| self.edge(child))
                .collect::<Vec<Edge>>()
        };
        match &self.circuit.nodes[node] {
            Node::True => Ok(TRUE),
            Node::Event(event) => {
                self.events.push(*event as usize);
                self.bdd.variable(self.events.len() as u32 - 1)
            }
            Node::And(children) => {
                let inputs = inputs(children);
                self.bdd.all(inputs)
            }
            Node::AtLeast(k, children) => {
                let inputs = inputs(children);
                self.bdd.at_least(*k as usize, inputs)
            }
            Node::Xor(children) => {
                let inputs = inputs(children);
                inputs
                    .into_iter()
                    .try_fold(FALSE, |whole, input| self.bdd.xor(input, whole))
            }
        }
    }
}

impl Bdd {
    /// Levels that a function reads, ascending.
    fn reads(&self, f: Edge) -> Vec<u32> {
        let (nodes, _) = self.compact(f);
        let mut levels: Vec<u32> = nodes
            .iter()
            .map(|node| node.level)
            .filter(|&level| level != LAST)
            .collect();
        levels.sort_unstable();
        levels.dedup();
        levels
    }
}
