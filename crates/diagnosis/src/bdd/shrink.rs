//! A smaller function below or above a given one, and giving back nodes that nothing needs.

use super::{Bdd, BddNode, Edge, FALSE, Full, LAST, TRUE, UniqueTable};

/// On which side of a function its replacement may lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// True only where the function is true.
    Below,
    /// True wherever the function is true.
    Above,
}

/// An edge met while a function is shrunk.
#[derive(Clone, Copy, Default)]
struct Met {
    /// Chance that a state of the variables leads through this edge.
    flow: f64,
    /// Chance that the function of this edge is true.
    truth: f64,
    kept: bool,
    replaced_by: Edge,
}

impl Bdd {
    /// A function of at most `most` nodes on the given side of `f`, whose variables are true with `chances` (per level).
    ///
    /// A sub-function entered with flow D and true with chance B is replaced by false at a cost of D·B, or by true at a cost
    /// of D·(1 − B); those that cost least go. The replacement is a decision diagram of functions below (above) those it
    /// replaces, hence below (above) `f`: that is the proof, and rounding has no part in it.
    pub(crate) fn shrink(&mut self, f: Edge, side: Side, most: usize, chances: &[f64]) -> Result<Edge, Full> {
        let Some(edges) = self.edges_below(f, most) else {
            return Ok(f);
        };
        let at_edge = |e: Edge| edges.binary_search(&e).ok();
        let mut met = vec![Met::default(); edges.len()];
        self.measure(&edges, f, chances, &mut met);
        let cost = |m: &Met| match side {
            Side::Below => m.flow * m.truth,
            Side::Above => m.flow * (1.0 - m.truth),
        };
        let mut by_cost: Vec<u32> = (0..edges.len() as u32).collect();
        let dearest_first = |&a: &u32, &b: &u32| {
            cost(&met[b as usize])
                .total_cmp(&cost(&met[a as usize]))
                .then(b.cmp(&a))
        };
        by_cost.select_nth_unstable_by(most, dearest_first);
        by_cost.truncate(most);
        for at in by_cost {
            met[at as usize].kept = true;
        }
        let constant = if side == Side::Below { FALSE } else { TRUE };
        for at in 0..edges.len() {
            if !met[at].kept {
                met[at].replaced_by = constant;
                continue;
            }
            let (level, hi, lo) = self.branches(edges[at]);
            let new = |e: Edge| at_edge(e).map_or(e, |child| met[child].replaced_by);
            let (hi, lo) = (new(hi), new(lo));
            met[at].replaced_by = self.make(level, hi, lo)?;
        }
        Ok(at_edge(f).map_or(f, |at| met[at].replaced_by))
    }

    /// Level and branches of the function of an edge.
    fn branches(&self, edge: Edge) -> (u32, Edge, Edge) {
        let node = self.nodes[(edge >> 1) as usize];
        (node.level, node.hi ^ (edge & 1), node.lo ^ (edge & 1))
    }

    /// All edges below `f` that are not constant, children before parents, if there are more than `most`.
    fn edges_below(&self, f: Edge, most: usize) -> Option<Vec<Edge>> {
        let mut seen = std::collections::HashSet::new();
        let mut stack = vec![f];
        while let Some(edge) = stack.pop() {
            if edge > FALSE && seen.insert(edge) {
                let (_, hi, lo) = self.branches(edge);
                stack.extend([hi, lo]);
            }
        }
        if seen.len() <= most {
            return None;
        }
        let mut edges: Vec<Edge> = seen.into_iter().collect();
        edges.sort_unstable();
        Some(edges)
    }

    fn measure(&self, edges: &[Edge], f: Edge, chances: &[f64], met: &mut [Met]) {
        let truth = |met: &[Met], e: Edge| match e {
            TRUE => 1.0,
            FALSE => 0.0,
            _ => edges.binary_search(&e).map_or(0.0, |at| met[at].truth),
        };
        for at in 0..edges.len() {
            let (level, hi, lo) = self.branches(edges[at]);
            let p = chances[level as usize];
            met[at].truth = p * truth(met, hi) + (1.0 - p) * truth(met, lo);
        }
        if let Ok(root) = edges.binary_search(&f) {
            met[root].flow = 1.0;
        }
        for at in (0..edges.len()).rev() {
            let (level, hi, lo) = self.branches(edges[at]);
            let p = chances[level as usize];
            let flow = met[at].flow;
            for (child, share) in [(hi, p), (lo, 1.0 - p)] {
                if let Ok(child) = edges.binary_search(&child) {
                    met[child].flow += share * flow;
                }
            }
        }
    }

    /// Drops every node that none of `needed` reaches, and renumbers `needed`.
    pub(crate) fn collect(&mut self, needed: &mut [Edge]) {
        let mut reached = vec![false; self.nodes.len()];
        for &edge in needed.iter() {
            reached[(edge >> 1) as usize] = true;
        }
        let (kept, new_of) = self.moved(reached);
        self.nodes = kept;
        self.unique = UniqueTable::new();
        self.unique.fill(&self.nodes);
        self.cache.fill(super::NOT_CACHED);
        for edge in needed {
            *edge = (new_of[(*edge >> 1) as usize] << 1) | (*edge & 1);
        }
    }

    /// The nodes below those marked, in a row of their own, and where each one went.
    pub(super) fn moved(&self, mut reached: Vec<bool>) -> (Vec<BddNode>, Vec<u32>) {
        for at in (1..reached.len()).rev() {
            if reached[at] {
                let node = self.nodes[at];
                reached[(node.hi >> 1) as usize] = true;
                reached[(node.lo >> 1) as usize] = true;
            }
        }
        let mut new_of = vec![0_u32; reached.len()];
        let mut kept = vec![BddNode {
            level: LAST,
            hi: TRUE,
            lo: TRUE,
        }];
        for at in (1..reached.len()).filter(|&at| reached[at]) {
            let node = self.nodes[at];
            let map = |e: Edge| (new_of[(e >> 1) as usize] << 1) | (e & 1);
            let moved = BddNode {
                level: node.level,
                hi: map(node.hi),
                lo: map(node.lo),
            };
            new_of[at] = kept.len() as u32;
            kept.push(moved);
        }
        (kept, new_of)
    }
}
