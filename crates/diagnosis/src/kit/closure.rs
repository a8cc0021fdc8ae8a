//! The closure at the heart of every kit: faults worth serving against the parts that they ask for, by maximum flow.
//!
//! A fault of weight w is served when every one of its parts is taken; a part costs its room. The set of parts that is worth
//! most, Σ w of the served − Σ room of the taken, is Σ w − maximum flow from faults to parts (project selection: Mamer & Smith
//! 1982). The flow is found by Dinic's method on the bipartite graph and kept between calls: when rooms change, what no
//! longer fits is taken back and the rest is only added to. Any flow, even an unfinished one, proves an upper bound.

/// Faults and their parts as one flat list of arcs, seen from both sides.
#[derive(Debug, Clone)]
pub(super) struct Graph {
    /// Weight of every fault.
    weights: Vec<f64>,
    /// Arcs of fault i: `from[i]..from[i + 1]`.
    from: Vec<usize>,
    /// The part of every arc.
    part_of: Vec<usize>,
    /// Arcs of part j: `into_arcs[into[j]..into[j + 1]]`.
    into: Vec<usize>,
    into_arcs: Vec<usize>,
    /// The fault of every arc.
    fault_of: Vec<usize>,
}

impl Graph {
    /// `faults` as (weight, parts), weights above 0 and parts below `parts`.
    pub(super) fn new(faults: &[(f64, Vec<usize>)], parts: usize) -> Self {
        let mut graph = Self {
            weights: faults.iter().map(|fault| fault.0).collect(),
            from: vec![0],
            part_of: Vec::new(),
            into: vec![0; parts + 1],
            into_arcs: Vec::new(),
            fault_of: Vec::new(),
        };
        for (fault, (_, needs)) in faults.iter().enumerate() {
            graph.part_of.extend(needs);
            graph.fault_of.extend(needs.iter().map(|_| fault));
            graph.from.push(graph.part_of.len());
        }
        graph.part_of.iter().for_each(|&part| graph.into[part + 1] += 1);
        for part in 0..parts {
            graph.into[part + 1] += graph.into[part];
        }
        let mut next = graph.into.clone();
        graph.into_arcs = vec![0; graph.part_of.len()];
        for (arc, &part) in graph.part_of.iter().enumerate() {
            graph.into_arcs[next[part]] = arc;
            next[part] += 1;
        }
        graph
    }

    fn faults(&self) -> usize {
        self.weights.len()
    }

    fn parts(&self) -> usize {
        self.into.len() - 1
    }

    /// Arcs into a part, one for each fault that needs it.
    fn arcs_into(&self, part: usize) -> &[usize] {
        &self.into_arcs[self.into[part]..self.into[part + 1]]
    }

    /// Parts of a fault.
    pub(super) fn needs(&self, fault: usize) -> &[usize] {
        &self.part_of[self.from[fault]..self.from[fault + 1]]
    }
}

/// A flow from faults to parts, and which parts the best closure takes.
#[derive(Debug, Clone)]
pub(super) struct Flow {
    on_arc: Vec<f64>,
    /// What of a fault's weight its parts have not absorbed.
    pub(super) excess: Vec<f64>,
    /// What a part can still absorb.
    pub(super) room: Vec<f64>,
    /// The least set of parts of greatest worth.
    pub(super) taken: Vec<bool>,
    fault_level: Vec<u32>,
    part_level: Vec<u32>,
    next_arc: Vec<usize>,
    next_back: Vec<usize>,
}

const UNREACHED: u32 = u32::MAX;
/// Layers looked through: pushing goes as deep. Beyond them the flow stays short of its maximum and the bound a little loose.
const MAX_LAYERS: u32 = 1_000;

impl Flow {
    pub(super) fn new(graph: &Graph) -> Self {
        Self {
            on_arc: vec![0.0; graph.part_of.len()],
            excess: graph.weights.clone(),
            room: vec![0.0; graph.parts()],
            taken: vec![false; graph.parts()],
            fault_level: vec![UNREACHED; graph.faults()],
            part_level: vec![UNREACHED; graph.parts()],
            next_arc: vec![0; graph.faults()],
            next_back: vec![0; graph.parts()],
        }
    }

    /// Makes the flow maximal for these rooms (0: a part that is free; infinite: one that cannot be taken) and returns the worth
    /// of the best closure, Σ weight − flow. Weights below `negligible` are left where they are.
    pub(super) fn maximise(&mut self, graph: &Graph, rooms: &[f64], negligible: f64) -> f64 {
        self.fit(graph, rooms);
        while self.layer(graph, negligible) {
            self.next_arc.copy_from_slice(&graph.from[..graph.faults()]);
            self.next_back.copy_from_slice(&graph.into[..graph.parts()]);
            let mut moved = 0.0;
            for fault in 0..graph.faults() {
                if self.excess[fault] > negligible {
                    let pushed = self.push(graph, fault, self.excess[fault], negligible);
                    self.excess[fault] -= pushed;
                    moved += pushed;
                }
            }
            if moved <= negligible {
                break;
            }
        }
        for (taken, level) in self.taken.iter_mut().zip(&self.part_level) {
            *taken = *level != UNREACHED;
        }
        self.excess.iter().sum()
    }

    /// What is left of the weights of the faults that need `part`: what leaving it out would lose at least.
    pub(super) fn waiting_for(&self, graph: &Graph, part: usize) -> f64 {
        let arcs = graph.arcs_into(part).iter();
        arcs.map(|&arc| self.excess[graph.fault_of[arc]]).sum()
    }

    /// Takes back what no longer fits, and fills direct room.
    fn fit(&mut self, graph: &Graph, rooms: &[f64]) {
        for (part, &room) in rooms.iter().enumerate() {
            let mut left = room;
            for &arc in graph.arcs_into(part) {
                let kept = self.on_arc[arc].min(left);
                self.excess[graph.fault_of[arc]] += self.on_arc[arc] - kept;
                self.on_arc[arc] = kept;
                left -= kept;
            }
            self.room[part] = left;
        }
        for fault in 0..graph.faults() {
            for arc in graph.from[fault]..graph.from[fault + 1] {
                let part = graph.part_of[arc];
                let pushed = self.excess[fault].min(self.room[part]);
                if pushed > 0.0 {
                    self.excess[fault] -= pushed;
                    self.room[part] -= pushed;
                    self.on_arc[arc] += pushed;
                }
            }
        }
    }

    /// Distances from the faults with excess; whether a part with room was reached.
    fn layer(&mut self, graph: &Graph, negligible: f64) -> bool {
        self.part_level.fill(UNREACHED);
        let mut front: Vec<usize> = Vec::new();
        for fault in 0..graph.faults() {
            let full = self.excess[fault] > negligible;
            self.fault_level[fault] = if full { 0 } else { UNREACHED };
            if full {
                front.push(fault);
            }
        }
        let (mut level, mut found) = (0, false);
        while !front.is_empty() && !found && level < MAX_LAYERS {
            let mut parts = Vec::new();
            for part in front.iter().flat_map(|&fault| graph.needs(fault)) {
                if self.part_level[*part] == UNREACHED {
                    self.part_level[*part] = level + 1;
                    found |= self.room[*part] > negligible;
                    parts.push(*part);
                }
            }
            front.clear();
            for arc in parts.iter().flat_map(|&part| graph.arcs_into(part)) {
                let fault = graph.fault_of[*arc];
                if self.on_arc[*arc] > negligible && self.fault_level[fault] == UNREACHED {
                    self.fault_level[fault] = level + 2;
                    front.push(fault);
                }
            }
            level += 2;
        }
        found
    }

    /// Pushes up to `most` from a fault along the layers; how much went.
    fn push(&mut self, graph: &Graph, fault: usize, most: f64, negligible: f64) -> f64 {
        let mut sent = 0.0;
        while self.next_arc[fault] < graph.from[fault + 1] {
            let arc = self.next_arc[fault];
            let part = graph.part_of[arc];
            if self.part_level[part] == self.fault_level[fault] + 1 {
                let went = self.through(graph, part, most - sent, negligible);
                self.on_arc[arc] += went;
                sent += went;
                if most - sent <= negligible {
                    return sent;
                }
            }
            self.next_arc[fault] += 1;
        }
        sent
    }

    /// Absorbs up to `most` in a part, or displaces as much of other faults' flow further along.
    fn through(&mut self, graph: &Graph, part: usize, most: f64, negligible: f64) -> f64 {
        let mut sent = self.room[part].min(most);
        self.room[part] -= sent;
        while most - sent > negligible && self.next_back[part] < graph.into[part + 1] {
            let arc = graph.into_arcs[self.next_back[part]];
            let fault = graph.fault_of[arc];
            if self.on_arc[arc] > negligible && self.fault_level[fault] == self.part_level[part] + 1 {
                let went = self.push(graph, fault, (most - sent).min(self.on_arc[arc]), negligible);
                self.on_arc[arc] -= went;
                sent += went;
                if most - sent <= negligible {
                    break;
                }
            }
            self.next_back[part] += 1;
        }
        sent
    }
}
