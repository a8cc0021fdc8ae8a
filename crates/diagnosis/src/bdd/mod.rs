//! Binary decision diagrams with complemented edges (Bryant 1986; Brace, Rudell & Bryant 1990).
//!
//! A node is three `u32`; an edge is a node index times two, plus one when complemented. The edge to the node's high child
//! is never complemented, so equal functions are equal edges. Operations keep their own stack, count every node they make
//! against a budget and stop with [`Full`]; they can neither overflow the stack nor run away.

mod apply;
mod shrink;
mod sift;
mod table;
mod zbdd;

pub(crate) use shrink::Side;
pub(crate) use sift::{SiftBounds, sift};
use table::{UniqueTable, mix};
pub(crate) use zbdd::{CutSets, EMPTY, UNIT};

/// An edge to a function.
pub(crate) type Edge = u32;

/// The constant true.
pub(crate) const TRUE: Edge = 0;
/// The constant false.
pub(crate) const FALSE: Edge = 1;
/// The level of the constants: below every variable.
pub(crate) const LAST: u32 = u32::MAX;

/// The node budget is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

/// One decision: `hi` when the variable at `level` is true, else `lo`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BddNode {
    pub(crate) level: u32,
    pub(crate) hi: Edge,
    pub(crate) lo: Edge,
}

/// Two operands and their result. Zero where nothing is remembered: no operation reaches the cache with a constant.
type Cached = [u32; 3];

const NOT_CACHED: Cached = [0; 3];
/// Nodes that memory is set aside for at once, so that they need not move while a small diagram grows.
const ROOM: usize = 1 << 15;
/// Steps allowed per node of the budget; the Aralia trees that finish take at most 1.4 per node made.
const STEPS_A_NODE: u64 = 4;
/// No budget allows more nodes than this, so that edges leave room for marks.
const MOST_NODES: usize = 1 << 29;
/// A store of decision diagrams over one variable order.
pub(crate) struct Bdd {
    pub(crate) nodes: Vec<BddNode>,
    unique: UniqueTable,
    cache: Vec<Cached>,
    limit: usize,
    /// Steps taken: a lossy cache may repeat work without making nodes, which must end as well.
    steps: u64,
    /// The stack of [`apply`], kept to be filled again.
    frames: Vec<apply::Frame>,
}

impl Bdd {
    /// `limit`: nodes that may be made, dead ones included. Memory: 12 bytes a node, 8 to 16 for the table (up to 32 while it
    /// is small), 12 for the cache.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            nodes: vec![BddNode {
                level: LAST,
                hi: TRUE,
                lo: TRUE,
            }],
            unique: UniqueTable::new(),
            cache: vec![NOT_CACHED; 1 << 8],
            limit: limit.min(MOST_NODES),
            steps: 0,
            frames: Vec::new(),
        }
    }

    /// A store that begins with compacted `nodes`; edges to them stay as they are.
    pub(crate) fn of(nodes: &[BddNode], limit: usize) -> Self {
        let mut made = Self::new(limit);
        made.nodes = nodes.to_vec();
        made.unique.fill(nodes);
        made
    }

    /// Raises the limit to go on after [`Full`]; what was made stays.
    pub(crate) fn allow(&mut self, limit: usize) {
        self.limit = limit.min(MOST_NODES);
        let room = self.limit.min(ROOM);
        self.nodes.reserve(room.saturating_sub(self.nodes.len()));
    }

    /// Lets the next operation make up to `more` nodes.
    pub(crate) fn allow_more(&mut self, more: usize) {
        self.allow(self.nodes.len().saturating_add(more));
        self.steps = self.nodes.len() as u64 * STEPS_A_NODE;
    }

    /// Counts one step.
    fn step(&mut self) -> Result<(), Full> {
        self.steps += 1;
        if self.steps > self.limit as u64 * STEPS_A_NODE {
            return Err(Full);
        }
        Ok(())
    }

    pub(crate) fn level(&self, f: Edge) -> u32 {
        self.nodes[(f >> 1) as usize].level
    }

    pub(crate) fn cofactors(&self, f: Edge, level: u32) -> (Edge, Edge) {
        let node = self.nodes[(f >> 1) as usize];
        if node.level == level {
            (node.hi ^ (f & 1), node.lo ^ (f & 1))
        } else {
            (f, f)
        }
    }

    pub(crate) fn variable(&mut self, level: u32) -> Result<Edge, Full> {
        self.make(level, TRUE, FALSE)
    }

    fn make(&mut self, level: u32, hi: Edge, lo: Edge) -> Result<Edge, Full> {
        if hi == lo {
            return Ok(hi);
        }
        let flip = hi & 1;
        let node = BddNode {
            level,
            hi: hi ^ flip,
            lo: lo ^ flip,
        };
        let at = self.unique.intern(&mut self.nodes, node, self.limit)?;
        if self.nodes.len() > self.cache.len() * 2 && self.cache.len() < 1 << 22 {
            let size = self.cache.len() * 4;
            let old = std::mem::replace(&mut self.cache, vec![NOT_CACHED; size]);
            for entry in old.into_iter().filter(|e| *e != NOT_CACHED) {
                self.cache[mix(entry[0], entry[1], 0) & (size - 1)] = entry;
            }
        }
        Ok((at << 1) | flip)
    }

    fn cached(&self, a: u32, b: u32) -> Option<Edge> {
        let [first, second, result] = self.cache[mix(a, b, 0) & (self.cache.len() - 1)];
        (first == a && second == b).then_some(result)
    }

    fn remember(&mut self, a: u32, b: u32, result: Edge) {
        let slot = mix(a, b, 0) & (self.cache.len() - 1);
        self.cache[slot] = [a, b, result];
    }

    /// The least and the greatest chance that `f` is true when the variable of each level is true with a chance between
    /// the two given.
    pub(crate) fn probability_between(&self, f: Edge, chances: &[(f64, f64)]) -> (f64, f64) {
        let (nodes, root) = self.compact(f);
        // By edge: least and greatest chance; those of a complement are summed on their own, so that small ones stay exact.
        let mut truth = vec![(1.0, 1.0), (0.0, 0.0)];
        for node in &nodes[1..] {
            let (least, most) = chances[node.level as usize];
            for flip in [0, 1] {
                let (hi, lo) = (truth[(node.hi ^ flip) as usize], truth[(node.lo ^ flip) as usize]);
                let at = |p: f64, hi: f64, lo: f64| p * hi + (1.0 - p) * lo;
                truth.push((
                    at(least, hi.0, lo.0).min(at(most, hi.0, lo.0)),
                    at(least, hi.1, lo.1).max(at(most, hi.1, lo.1)),
                ));
            }
        }
        truth[root as usize]
    }

    /// The nodes below `root` alone, children before parents, node 0 the constant.
    pub(crate) fn compact(&self, root: Edge) -> (Vec<BddNode>, Edge) {
        let mut reached = vec![false; (root >> 1) as usize + 1];
        reached[(root >> 1) as usize] = true;
        let (kept, new_of) = self.moved(reached);
        let new_root = (new_of[(root >> 1) as usize] << 1) | (root & 1);
        (kept, new_root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_functions_are_equal_edges() {
        let mut bdd = Bdd::new(1000);
        let (a, b, c) = (
            bdd.variable(0).unwrap(),
            bdd.variable(1).unwrap(),
            bdd.variable(2).unwrap(),
        );
        let left = bdd.and(b, c).unwrap();
        let left = bdd.or(a, left).unwrap();
        let (ab, ac) = (bdd.or(a, b).unwrap(), bdd.or(a, c).unwrap());
        assert_eq!(left, bdd.and(ab, ac).unwrap(), "a + bc = (a + b)(a + c)");
        let x = bdd.xor(a, b).unwrap();
        assert_eq!(bdd.xor(x, b).unwrap(), a);
        assert_eq!(bdd.xor(a ^ 1, b).unwrap(), x ^ 1);
        let two = bdd.at_least(2, vec![a, b, c]).unwrap();
        let pairs = [
            bdd.and(a, b).unwrap(),
            bdd.and(a, c).unwrap(),
            bdd.and(b, c).unwrap(),
        ];
        let by_hand = bdd.or(pairs[0], pairs[1]).unwrap();
        assert_eq!(two, bdd.or(by_hand, pairs[2]).unwrap());
    }

    #[test]
    fn a_chain_of_a_hundred_thousand_variables_needs_no_stack() {
        let mut bdd = Bdd::new(1_000_000);
        let inputs: Vec<Edge> = (0..100_000).map(|level| bdd.variable(level).unwrap()).collect();
        let whole = bdd.all(inputs).unwrap();
        let odd: Vec<Edge> = (0..100_000)
            .step_by(2)
            .map(|level| bdd.variable(level).unwrap())
            .collect();
        let half = bdd.all(odd).unwrap();
        assert_eq!(bdd.and(half, whole).unwrap(), whole);
    }

    #[test]
    fn the_budget_is_an_error_not_an_endless_run() {
        let mut bdd = Bdd::new(10);
        assert!(
            (0..20)
                .try_for_each(|level| bdd.variable(level).map(|_| ()))
                .is_err()
        );
    }
}
