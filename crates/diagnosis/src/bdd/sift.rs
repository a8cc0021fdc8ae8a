//! Sifting: a diagram's variables are moved to better levels after the diagram is made (Rudell 1993).
//!
//! Two neighbouring levels change places within the store: a node of the upper variable that reads the lower one is rewritten
//! in place, so that whatever refers to it keeps its function and nothing above is touched. One variable after the other, that
//! of most nodes first, travels to both ends and settles where the diagram was smallest. Nodes count who refers to them and
//! go as soon as nobody does, so that the number of nodes is exact after every exchange.

use super::table::mix;
use super::{BddNode, Edge, LAST, TRUE};

/// How far sifting may go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SiftBounds {
    /// Nodes at any time; a variable goes no further where they could be exceeded. Memory: 20 bytes a node, 4 for the table.
    pub(crate) max_nodes: usize,
    /// Nodes looked at, some 10 ns each; when they are spent the last variable settles and sifting ends.
    pub(crate) work: u64,
}

/// A diagram in its new order.
#[derive(Debug)]
pub(crate) struct Sifted {
    /// Children before parents, the first one the constant.
    pub(crate) nodes: Vec<BddNode>,
    /// The functions that were given, in the same order.
    pub(crate) roots: Vec<Edge>,
    /// Former level of the variable at each level.
    pub(crate) levels: Vec<u32>,
    /// Nodes looked at.
    pub(crate) work: u64,
}

/// A variable turns back where the diagram is larger than its smallest so far by this factor; Rudell's choice.
const GROWTH: f64 = 1.2;
/// Sifting starts over while a pass leaves less than this share of the nodes.
const WORTH_A_PASS: f64 = 0.98;

/// Moves the variables of the diagram of `roots`, whose nodes are compacted and which has `levels` levels. The result has at
/// most as many nodes.
pub(crate) fn sift(nodes: &[BddNode], roots: &[Edge], levels: usize, bounds: SiftBounds) -> Sifted {
    let mut store = Store::new(nodes, roots, levels, bounds);
    loop {
        let before = store.live;
        for variable in store.largest_first() {
            store.settle(variable);
        }
        if store.work == 0 || store.live as f64 >= before as f64 * WORTH_A_PASS {
            let work = bounds.work - store.work;
            return Sifted {
                work,
                ..store.finish(roots)
            };
        }
    }
}

/// A node; `next` is the next one in its bucket.
#[derive(Clone, Copy)]
struct Counted {
    variable: u32,
    hi: Edge,
    lo: Edge,
    referred: u32,
    next: u32,
}

/// The end of a bucket: the constant, which is in none.
const END: u32 = 0;

/// Buckets per node beyond which a shelf is made smaller, because an exchange looks into all of them.
const SPARSE: usize = 8;

/// The nodes of one variable, hashed by their children.
#[derive(Default)]
struct Shelf {
    buckets: Vec<u32>,
    count: usize,
}

struct Store {
    nodes: Vec<Counted>,
    free: Vec<u32>,
    shelves: Vec<Shelf>,
    /// Variable at each level; variables are named by the level they began at.
    order: Vec<u32>,
    live: usize,
    max_nodes: usize,
    work: u64,
}

impl Store {
    fn new(nodes: &[BddNode], roots: &[Edge], levels: usize, bounds: SiftBounds) -> Self {
        let counted = |node: &BddNode| Counted {
            variable: node.level,
            hi: node.hi,
            lo: node.lo,
            referred: 0,
            next: END,
        };
        let mut store = Self {
            nodes: nodes.iter().map(counted).collect(),
            free: Vec::new(),
            shelves: (0..levels).map(|_| Shelf::default()).collect(),
            order: (0..levels as u32).collect(),
            live: nodes.len() - 1,
            max_nodes: bounds.max_nodes,
            work: bounds.work,
        };
        for (at, node) in nodes.iter().enumerate().skip(1) {
            store.refer(node.hi);
            store.refer(node.lo);
            store.shelve(at as u32);
        }
        roots.iter().for_each(|&root| store.refer(root));
        store
    }

    fn refer(&mut self, edge: Edge) {
        self.nodes[(edge >> 1) as usize].referred += 1;
    }

    fn bucket(&self, variable: u32, hi: Edge, lo: Edge) -> usize {
        mix(hi, lo, 0) & (self.shelves[variable as usize].buckets.len() - 1)
    }

    /// Puts a node, which no other equals, on the shelf of its variable.
    fn shelve(&mut self, at: u32) {
        let Counted { variable, hi, lo, .. } = self.nodes[at as usize];
        let shelf = &self.shelves[variable as usize];
        if shelf.count >= shelf.buckets.len() {
            self.rearrange(variable, (shelf.count * 2).max(4));
        }
        let bucket = self.bucket(variable, hi, lo);
        let shelf = &mut self.shelves[variable as usize];
        self.nodes[at as usize].next = std::mem::replace(&mut shelf.buckets[bucket], at);
        shelf.count += 1;
    }

    fn rearrange(&mut self, variable: u32, buckets: usize) {
        let all = self.take_shelf(variable);
        self.shelves[variable as usize].buckets = vec![END; buckets.next_power_of_two()];
        all.into_iter().for_each(|at| self.shelve(at));
    }

    /// All nodes of a variable, whose shelf is empty afterwards.
    fn take_shelf(&mut self, variable: u32) -> Vec<u32> {
        let shelf = std::mem::take(&mut self.shelves[variable as usize]);
        let mut all = Vec::with_capacity(shelf.count);
        for mut at in shelf.buckets {
            while at != END {
                all.push(at);
                at = self.nodes[at as usize].next;
            }
        }
        all
    }

    /// The function that is `hi` where the variable is true, else `lo`, referred to once more.
    fn make(&mut self, variable: u32, hi: Edge, lo: Edge) -> Edge {
        if hi == lo {
            self.refer(hi);
            return hi;
        }
        let flip = hi & 1;
        let (hi, lo) = (hi ^ flip, lo ^ flip);
        if !self.shelves[variable as usize].buckets.is_empty() {
            let mut at = self.shelves[variable as usize].buckets[self.bucket(variable, hi, lo)];
            while at != END {
                let node = &mut self.nodes[at as usize];
                if node.hi == hi && node.lo == lo {
                    node.referred += 1;
                    return (at << 1) | flip;
                }
                at = node.next;
            }
        }
        self.refer(hi);
        self.refer(lo);
        let node = Counted {
            variable,
            hi,
            lo,
            referred: 1,
            next: END,
        };
        let at = match self.free.pop() {
            Some(at) => at,
            None => {
                self.nodes.push(node);
                self.nodes.len() as u32 - 1
            }
        };
        self.nodes[at as usize] = node;
        self.shelve(at);
        self.live += 1;
        (at << 1) | flip
    }

    /// Takes one reference back, and the node with it if that was the last. Its children stay whatever happens: those who
    /// referred to the node now refer to what was made of them.
    fn release(&mut self, edge: Edge) {
        let at = edge >> 1;
        let node = &mut self.nodes[at as usize];
        node.referred -= 1;
        if node.referred > 0 || at == 0 {
            return;
        }
        let Counted { variable, hi, lo, .. } = *node;
        self.unshelve(at, variable, hi, lo);
        self.free.push(at);
        self.live -= 1;
        self.nodes[(hi >> 1) as usize].referred -= 1;
        self.nodes[(lo >> 1) as usize].referred -= 1;
    }

    fn unshelve(&mut self, at: u32, variable: u32, hi: Edge, lo: Edge) {
        let bucket = self.bucket(variable, hi, lo);
        let next = self.nodes[at as usize].next;
        let shelf = &mut self.shelves[variable as usize];
        shelf.count -= 1;
        let mut before = shelf.buckets[bucket];
        if before == at {
            shelf.buckets[bucket] = next;
            return;
        }
        while self.nodes[before as usize].next != at {
            before = self.nodes[before as usize].next;
        }
        self.nodes[before as usize].next = next;
    }

    /// Exchanges the variables at `level` and the level below it.
    fn swap(&mut self, level: usize) {
        let (upper, lower) = (self.order[level], self.order[level + 1]);
        self.order.swap(level, level + 1);
        let Shelf { buckets, count } = &self.shelves[upper as usize];
        self.work = self.work.saturating_sub(*count as u64 + 1);
        if buckets.len() > SPARSE * (count + 4) {
            self.rearrange(upper, (count * 2).max(4));
        }
        for at in self.take_readers(upper, lower) {
            self.rewrite(at, upper, lower);
        }
    }

    /// Takes the nodes of `upper` that read `lower` off their shelf.
    fn take_readers(&mut self, upper: u32, lower: u32) -> Vec<u32> {
        let mut readers = Vec::new();
        let mut shelf = std::mem::take(&mut self.shelves[upper as usize]);
        for first in &mut shelf.buckets {
            let mut at = std::mem::replace(first, END);
            while at != END {
                let Counted { hi, lo, next, .. } = self.nodes[at as usize];
                let reads = |edge: Edge| self.nodes[(edge >> 1) as usize].variable == lower;
                if reads(hi) || reads(lo) {
                    readers.push(at);
                } else {
                    self.nodes[at as usize].next = std::mem::replace(first, at);
                }
                at = next;
            }
        }
        shelf.count -= readers.len();
        self.shelves[upper as usize] = shelf;
        readers
    }

    /// f = upper ? (lower ? a : b) : (lower ? c : d) becomes lower ? (upper ? a : c) : (upper ? b : d), which is the same.
    /// `a` is not complemented, and so the new high child is not either.
    fn rewrite(&mut self, at: u32, upper: u32, lower: u32) {
        let Counted { hi, lo, .. } = self.nodes[at as usize];
        let ((a, b), (c, d)) = (self.branches(hi, lower), self.branches(lo, lower));
        let (new_hi, new_lo) = (self.make(upper, a, c), self.make(upper, b, d));
        let node = &mut self.nodes[at as usize];
        (node.variable, node.hi, node.lo) = (lower, new_hi, new_lo);
        self.shelve(at);
        self.release(hi);
        self.release(lo);
    }

    fn branches(&self, edge: Edge, variable: u32) -> (Edge, Edge) {
        let node = self.nodes[(edge >> 1) as usize];
        if node.variable == variable {
            (node.hi ^ (edge & 1), node.lo ^ (edge & 1))
        } else {
            (edge, edge)
        }
    }

    fn largest_first(&self) -> Vec<u32> {
        let mut variables = self.order.clone();
        variables.sort_by_key(|&v| (std::cmp::Reverse(self.shelves[v as usize].count), v));
        variables
    }

    /// Moves one variable to the level at which the diagram is smallest.
    fn settle(&mut self, variable: u32) {
        let Some(start) = self.order.iter().position(|&v| v == variable) else {
            return;
        };
        let last = self.order.len() - 1;
        let mut best = (self.live, start);
        let ends = if start < last - start {
            [0, last]
        } else {
            [last, 0]
        };
        for end in ends {
            let reached = self.explore(start, end, &mut best);
            self.travel(reached, start);
        }
        self.travel(start, best.1);
    }

    /// Goes from level `from` towards `to` while that is allowed; returns where it ended.
    fn explore(&mut self, from: usize, to: usize, best: &mut (usize, usize)) -> usize {
        let mut at = from;
        while at != to && self.work > 0 {
            let upper = if to > at { at } else { at - 1 };
            let made_at_most = 2 * self.shelves[self.order[upper] as usize].count;
            if self.live + made_at_most > self.max_nodes || self.live as f64 > best.0 as f64 * GROWTH {
                break;
            }
            self.swap(upper);
            at = if to > at { at + 1 } else { at - 1 };
            if self.live < best.0 {
                *best = (self.live, at);
            }
        }
        at
    }

    fn travel(&mut self, from: usize, to: usize) {
        (from..to).for_each(|level| self.swap(level));
        (to..from).rev().for_each(|level| self.swap(level));
    }

    /// The nodes from the last level upwards, so that children come first.
    fn finish(mut self, roots: &[Edge]) -> Sifted {
        let mut nodes = vec![BddNode {
            level: LAST,
            hi: TRUE,
            lo: TRUE,
        }];
        let mut new_of = vec![0_u32; self.nodes.len()];
        let map = |new_of: &[u32], edge: Edge| (new_of[(edge >> 1) as usize] << 1) | (edge & 1);
        let levels = self.order.clone();
        for (level, &variable) in levels.iter().enumerate().rev() {
            let mut all = self.take_shelf(variable);
            all.sort_unstable();
            for at in all {
                let node = self.nodes[at as usize];
                new_of[at as usize] = nodes.len() as u32;
                nodes.push(BddNode {
                    level: level as u32,
                    hi: map(&new_of, node.hi),
                    lo: map(&new_of, node.lo),
                });
            }
        }
        Sifted {
            nodes,
            roots: roots.iter().map(|&root| map(&new_of, root)).collect(),
            levels,
            work: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::bdd::Bdd;

    const FREELY: SiftBounds = SiftBounds {
        max_nodes: 1 << 22,
        work: u64::MAX,
    };

    /// Whether the function is true where bit v of `state` says whether the variable that began at level v is.
    fn value(nodes: &[BddNode], levels: &[u32], root: Edge, state: u64) -> bool {
        let mut edge = root;
        while edge > 1 {
            let node = nodes[(edge >> 1) as usize];
            let variable = levels[node.level as usize];
            let next = if (state >> variable) & 1 == 1 {
                node.hi
            } else {
                node.lo
            };
            edge = next ^ (edge & 1);
        }
        edge == TRUE
    }

    fn in_order(levels: usize) -> Vec<u32> {
        (0..levels as u32).collect()
    }

    /// Random functions of `levels` variables: each step combines two of those made so far.
    fn made(levels: usize, steps: &[(usize, usize, u8)]) -> (Vec<BddNode>, Vec<Edge>) {
        let mut bdd = Bdd::new(1 << 20);
        let mut edges: Vec<Edge> = (0..levels as u32).map(|v| bdd.variable(v).unwrap()).collect();
        for &(a, b, how) in steps {
            let (a, b) = (edges[a % edges.len()], edges[b % edges.len()]);
            edges.push(match how % 3 {
                0 => bdd.and(a, b).unwrap(),
                1 => bdd.or(a, b ^ 1).unwrap(),
                _ => bdd.xor(a, b).unwrap(),
            });
        }
        let mut roots = edges.split_off(edges.len() - 2);
        bdd.collect(&mut roots);
        (bdd.nodes, roots)
    }

    fn steps() -> impl Strategy<Value = Vec<(usize, usize, u8)>> {
        proptest::collection::vec((0..1000_usize, 0..1000_usize, 0..3_u8), 4..40)
    }

    proptest! {
        #[test]
        fn every_exchange_of_levels_keeps_every_function(
            steps in steps(),
            swaps in proptest::collection::vec(0..6_usize, 1..30),
        ) {
            let (nodes, roots) = made(7, &steps);
            let mut store = Store::new(&nodes, &roots, 7, FREELY);
            for level in swaps {
                store.swap(level);
                let referred: u32 = store.nodes.iter().skip(1).map(|node| u32::from(node.referred > 0)).sum();
                prop_assert_eq!(store.live, referred as usize);
                prop_assert_eq!(store.live, store.shelves.iter().map(|shelf| shelf.count).sum::<usize>());
            }
            let sifted = store.finish(&roots);
            for node in &sifted.nodes[1..] {
                prop_assert!(node.hi & 1 == 0 && node.hi != node.lo);
            }
            for (&before, &after) in roots.iter().zip(&sifted.roots) {
                for state in 0..1 << 7 {
                    prop_assert_eq!(
                        value(&nodes, &in_order(7), before, state),
                        value(&sifted.nodes, &sifted.levels, after, state)
                    );
                }
            }
        }

        #[test]
        fn a_sifted_diagram_is_the_same_function_and_never_larger(steps in steps(), work in 0..5_000_u64) {
            let (nodes, roots) = made(9, &steps);
            for bounds in [FREELY, SiftBounds { max_nodes: nodes.len() + 20, work }] {
                let sifted = sift(&nodes, &roots, 9, bounds);
                prop_assert!(sifted.nodes.len() <= nodes.len());
                for (&before, &after) in roots.iter().zip(&sifted.roots) {
                    for state in 0..1 << 9 {
                        prop_assert_eq!(
                            value(&nodes, &in_order(9), before, state),
                            value(&sifted.nodes, &sifted.levels, after, state)
                        );
                    }
                }
            }
        }
    }

    /// x1·y1 + … + xn·yn has 2n nodes where partners are neighbours and 2^(n+1) − 2 where every x comes before every y.
    fn check_pairs(pairs: u32) {
        let mut bdd = Bdd::new(1 << 22);
        let mut root = crate::bdd::FALSE;
        for pair in 0..pairs {
            let (x, y) = (bdd.variable(pair).unwrap(), bdd.variable(pairs + pair).unwrap());
            let both = bdd.and(x, y).unwrap();
            root = bdd.or(root, both).unwrap();
        }
        let (nodes, root) = bdd.compact(root);
        assert_eq!(nodes.len() - 1, (1 << (pairs + 1)) - 2);
        let sifted = sift(&nodes, &[root], 2 * pairs as usize, FREELY);
        assert_eq!(sifted.nodes.len() - 1, 2 * pairs as usize, "{pairs} pairs");
    }

    #[test]
    fn pairs_torn_apart_come_together_and_the_diagram_is_linear() {
        (10..=14).for_each(check_pairs);
    }

    #[test]
    fn a_constant_and_a_single_variable_have_nothing_to_sift() {
        let constant = sift(&Bdd::new(9).nodes, &[crate::bdd::FALSE], 1, FREELY);
        assert_eq!(
            (constant.nodes.len(), constant.roots),
            (1, vec![crate::bdd::FALSE])
        );
        let mut bdd = Bdd::new(9);
        let variable = bdd.variable(0).unwrap();
        let single = sift(&bdd.nodes, &[variable ^ 1], 1, FREELY);
        assert_eq!((single.nodes.len(), single.roots), (2, vec![variable ^ 1]));
    }
}
