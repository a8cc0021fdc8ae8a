//! Binary decision diagrams with complemented edges (Bryant 1986; Brace, Rudell & Bryant 1990).
//!
//! A node is three `u32`; an edge is a node index times two, plus one when complemented. The edge to the node's high child
//! is never complemented, so equal functions are equal edges. Operations keep their own stack, count every node they make
//! against a budget and stop with [`Full`]; they can neither overflow the stack nor run away.

mod zbdd;

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

#[derive(Clone, Copy)]
struct Cached {
    a: u32,
    b: u32,
    result: u32,
}

const EMPTY_SLOT: u32 = u32::MAX;
const NOT_CACHED: Cached = Cached {
    a: u32::MAX,
    b: u32::MAX,
    result: 0,
};
/// Steps allowed per node of the budget; the Aralia trees that finish take at most 1.4 per node made.
const STEPS_A_NODE: u64 = 4;
/// Marks an XOR in the computed cache; edges stay below it (budgets are far below 2^29 nodes).
const XOR_TAG: u32 = 1 << 31;

fn hash(a: u32, b: u32, c: u32) -> usize {
    let mixed = u64::from(a).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ u64::from(b).wrapping_mul(0xc2b2_ae3d_27d4_eb4f)
        ^ u64::from(c).wrapping_mul(0x1656_67b1_9e37_79f9);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) as usize >> 20
}

/// An open-addressing table of node indices, keyed by what the node holds.
pub(crate) struct UniqueTable {
    slots: Vec<u32>,
    used: usize,
}

impl UniqueTable {
    pub(crate) fn new() -> Self {
        Self {
            slots: vec![EMPTY_SLOT; 1 << 10],
            used: 0,
        }
    }

    /// The node equal to `node`, or a new one pushed to `nodes`.
    pub(crate) fn intern(
        &mut self,
        nodes: &mut Vec<BddNode>,
        node: BddNode,
        limit: usize,
    ) -> Result<u32, Full> {
        let mask = self.slots.len() - 1;
        let mut slot = hash(node.level, node.hi, node.lo) & mask;
        while self.slots[slot] != EMPTY_SLOT {
            if nodes[self.slots[slot] as usize] == node {
                return Ok(self.slots[slot]);
            }
            slot = (slot + 1) & mask;
        }
        if nodes.len() >= limit {
            return Err(Full);
        }
        let at = nodes.len() as u32;
        nodes.push(node);
        self.slots[slot] = at;
        self.used += 1;
        if self.used * 2 > self.slots.len() {
            self.grow(nodes);
        }
        Ok(at)
    }

    fn grow(&mut self, nodes: &[BddNode]) {
        let size = self.slots.len() * 2;
        let old = std::mem::replace(&mut self.slots, vec![EMPTY_SLOT; size]);
        for at in old.into_iter().filter(|&at| at != EMPTY_SLOT) {
            let node = nodes[at as usize];
            let mut slot = hash(node.level, node.hi, node.lo) & (size - 1);
            while self.slots[slot] != EMPTY_SLOT {
                slot = (slot + 1) & (size - 1);
            }
            self.slots[slot] = at;
        }
    }
}

/// A store of decision diagrams over one variable order.
pub(crate) struct Bdd {
    pub(crate) nodes: Vec<BddNode>,
    unique: UniqueTable,
    cache: Vec<Cached>,
    limit: usize,
    /// Steps left: a lossy cache may repeat work without making nodes, which must end as well.
    steps: u64,
    tasks: Vec<Task>,
    results: Vec<Edge>,
}

enum Task {
    Call(Edge, Edge),
    Make { level: u32, a: Edge, b: Edge, flip: u32 },
}

impl Bdd {
    /// `limit`: nodes that may be made, dead ones included. Memory: 12 bytes a node, 8 to 16 for the table, 12 for the cache.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            nodes: vec![BddNode {
                level: LAST,
                hi: TRUE,
                lo: TRUE,
            }],
            unique: UniqueTable::new(),
            cache: vec![NOT_CACHED; 1 << 12],
            limit: limit.min(1 << 29),
            steps: limit as u64 * STEPS_A_NODE,
            tasks: Vec::new(),
            results: Vec::new(),
        }
    }

    pub(crate) fn level(&self, f: Edge) -> u32 {
        self.nodes[(f >> 1) as usize].level
    }

    fn cofactors(&self, f: Edge, level: u32) -> (Edge, Edge) {
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
            for entry in old.into_iter().filter(|e| e.a != u32::MAX) {
                self.cache[hash(entry.a, entry.b, 0) & (size - 1)] = entry;
            }
        }
        Ok((at << 1) | flip)
    }

    fn cached(&self, a: u32, b: u32) -> Option<Edge> {
        let entry = self.cache[hash(a, b, 0) & (self.cache.len() - 1)];
        (entry.a == a && entry.b == b).then_some(entry.result)
    }

    fn remember(&mut self, a: u32, b: u32, result: Edge) {
        let slot = hash(a, b, 0) & (self.cache.len() - 1);
        self.cache[slot] = Cached { a, b, result };
    }

    pub(crate) fn and(&mut self, f: Edge, g: Edge) -> Result<Edge, Full> {
        self.tasks.clear();
        self.results.clear();
        self.tasks.push(Task::Call(f, g));
        while let Some(task) = self.tasks.pop() {
            match task {
                Task::Call(f, g) => {
                    if f == g || g == TRUE {
                        self.results.push(f);
                    } else if f == TRUE {
                        self.results.push(g);
                    } else if f == FALSE || g == FALSE || f == g ^ 1 {
                        self.results.push(FALSE);
                    } else {
                        let (a, b) = if f < g { (f, g) } else { (g, f) };
                        if let Some(result) = self.cached(a, b) {
                            self.results.push(result);
                            continue;
                        }
                        let level = self.level(a).min(self.level(b));
                        let ((a1, a0), (b1, b0)) = (self.cofactors(a, level), self.cofactors(b, level));
                        self.tasks.push(Task::Make { level, a, b, flip: 0 });
                        self.tasks.push(Task::Call(a0, b0));
                        self.tasks.push(Task::Call(a1, b1));
                    }
                }
                Task::Make { level, a, b, .. } => self.finish(level, a, b, 0)?,
            }
        }
        Ok(self.results.pop().unwrap_or(FALSE))
    }

    fn finish(&mut self, level: u32, a: u32, b: u32, flip: u32) -> Result<(), Full> {
        self.steps = self.steps.checked_sub(1).ok_or(Full)?;
        let (Some(lo), Some(hi)) = (self.results.pop(), self.results.pop()) else {
            return Err(Full);
        };
        let result = self.make(level, hi, lo)?;
        self.remember(a, b, result);
        self.results.push(result ^ flip);
        Ok(())
    }

    pub(crate) fn or(&mut self, f: Edge, g: Edge) -> Result<Edge, Full> {
        Ok(self.and(f ^ 1, g ^ 1)? ^ 1)
    }

    pub(crate) fn xor(&mut self, f: Edge, g: Edge) -> Result<Edge, Full> {
        self.tasks.clear();
        self.results.clear();
        self.tasks.push(Task::Call(f, g));
        while let Some(task) = self.tasks.pop() {
            match task {
                Task::Call(f, g) => {
                    let flip = (f ^ g) & 1;
                    let (f, g) = (f & !1, g & !1);
                    if f == g {
                        self.results.push(FALSE ^ flip);
                    } else if f == TRUE || g == TRUE {
                        self.results.push((f | g) ^ 1 ^ flip);
                    } else {
                        let (a, b) = if f < g { (f, g) } else { (g, f) };
                        if let Some(result) = self.cached(a, b | XOR_TAG) {
                            self.results.push(result ^ flip);
                            continue;
                        }
                        let level = self.level(a).min(self.level(b));
                        let ((a1, a0), (b1, b0)) = (self.cofactors(a, level), self.cofactors(b, level));
                        self.tasks.push(Task::Make {
                            level,
                            a,
                            b: b | XOR_TAG,
                            flip,
                        });
                        self.tasks.push(Task::Call(a0, b0));
                        self.tasks.push(Task::Call(a1, b1));
                    }
                }
                Task::Make { level, a, b, flip } => self.finish(level, a, b, flip)?,
            }
        }
        Ok(self.results.pop().unwrap_or(FALSE))
    }

    /// All of `inputs`; the deepest first, so that each step only adds on top.
    pub(crate) fn all(&mut self, mut inputs: Vec<Edge>) -> Result<Edge, Full> {
        inputs.sort_by_key(|&e| (std::cmp::Reverse(self.level(e)), e));
        inputs.into_iter().try_fold(TRUE, |whole, e| self.and(e, whole))
    }

    /// At least `k` of `inputs`: one row of a table per input.
    pub(crate) fn at_least(&mut self, k: usize, mut inputs: Vec<Edge>) -> Result<Edge, Full> {
        inputs.sort_by_key(|&e| (std::cmp::Reverse(self.level(e)), e));
        // row[j]: at least j of the inputs seen so far.
        let mut row = vec![FALSE; k + 1];
        row[0] = TRUE;
        for input in inputs {
            for j in (1..=k).rev() {
                let with = self.and(input, row[j - 1])?;
                row[j] = self.or(with, row[j])?;
            }
        }
        Ok(row[k])
    }

    /// The nodes below `root` alone, children before parents, node 0 the constant.
    pub(crate) fn compact(&self, root: Edge) -> (Vec<BddNode>, Edge) {
        let mut reached = vec![false; (root >> 1) as usize + 1];
        reached[(root >> 1) as usize] = true;
        for at in (1..reached.len()).rev() {
            if reached[at] {
                let node = self.nodes[at];
                reached[(node.hi >> 1) as usize] = true;
                reached[(node.lo >> 1) as usize] = true;
            }
        }
        let mut new_of = vec![0_u32; reached.len()];
        let mut kept = vec![self.nodes[0]];
        for at in 1..reached.len() {
            if reached[at] {
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
        }
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
