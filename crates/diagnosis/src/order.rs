//! Static variable orders of one module. The order decides whether a diagram has a hundred nodes or a hundred million, so
//! several are tried, each under a budget.

use crate::circuit::{Circuit, Node};

/// How to order the leaves of a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Depth first, left to right: the author's order.
    DepthFirst,
    /// Depth first, the smaller subtree first.
    SmallFirst,
    /// Depth first, inputs shared by most parents first.
    SharedFirst,
    /// Weight one at the root, divided among inputs; the heaviest leaf first (Minato, Ishiura & Yajima 1990).
    Weight,
    /// Depth first, then moved towards the centre of gravity of each gate (FORCE; Aloul, Markov & Sakallah 2003).
    Force,
}

/// In the order in which they are tried.
pub(crate) const ORDERS: [Order; 5] = [
    Order::DepthFirst,
    Order::SharedFirst,
    Order::Force,
    Order::SmallFirst,
    Order::Weight,
];

/// The leaves (events and inner modules) below `root`, the first variable first.
pub(crate) fn leaves(
    circuit: &Circuit,
    root: usize,
    is_leaf: &dyn Fn(usize) -> bool,
    order: Order,
) -> Vec<usize> {
    match order {
        Order::DepthFirst => depth_first(circuit, root, is_leaf, &|children| children),
        Order::SmallFirst => {
            let size = subtree_sizes(circuit, root, is_leaf);
            depth_first(circuit, root, is_leaf, &|mut children| {
                children.sort_by_key(|&c| size[c]);
                children
            })
        }
        Order::SharedFirst => {
            let parents = parent_counts(circuit, root, is_leaf);
            depth_first(circuit, root, is_leaf, &|mut children| {
                children.sort_by_key(|&c| (is_leaf(c), std::cmp::Reverse(parents[c])));
                children
            })
        }
        Order::Weight => by_weight(circuit, root, is_leaf),
        Order::Force => force(circuit, root, is_leaf),
    }
}

type Arrange<'a> = &'a dyn Fn(Vec<usize>) -> Vec<usize>;

fn depth_first(
    circuit: &Circuit,
    root: usize,
    is_leaf: &dyn Fn(usize) -> bool,
    arrange: Arrange<'_>,
) -> Vec<usize> {
    let mut seen = vec![false; root + 1];
    let mut found = Vec::new();
    let mut stack = vec![root];
    while let Some(node) = stack.pop() {
        if std::mem::replace(&mut seen[node], true) || node == 0 {
            continue;
        }
        if node != root && is_leaf(node) {
            found.push(node);
            continue;
        }
        let children = arrange(circuit.nodes[node].children().iter().map(|l| l.node()).collect());
        stack.extend(children.into_iter().rev());
    }
    found
}

/// The inner nodes of the module at `root`, children before parents, `root` last.
pub(crate) fn inner_nodes(circuit: &Circuit, root: usize, is_leaf: &dyn Fn(usize) -> bool) -> Vec<usize> {
    let mut seen = vec![false; root + 1];
    let mut inner = Vec::new();
    let mut stack = vec![root];
    while let Some(node) = stack.pop() {
        if std::mem::replace(&mut seen[node], true) || node == 0 || (node != root && is_leaf(node)) {
            continue;
        }
        inner.push(node);
        stack.extend(circuit.nodes[node].children().iter().map(|l| l.node()));
    }
    inner.sort_unstable();
    inner
}

fn subtree_sizes(circuit: &Circuit, root: usize, is_leaf: &dyn Fn(usize) -> bool) -> Vec<u64> {
    let mut size = vec![1_u64; root + 1];
    for node in inner_nodes(circuit, root, is_leaf) {
        size[node] = circuit.nodes[node]
            .children()
            .iter()
            .fold(1, |sum, c| size[c.node()].saturating_add(sum));
    }
    size
}

fn parent_counts(circuit: &Circuit, root: usize, is_leaf: &dyn Fn(usize) -> bool) -> Vec<u32> {
    let mut parents = vec![0_u32; root + 1];
    for node in inner_nodes(circuit, root, is_leaf) {
        for child in circuit.nodes[node].children() {
            parents[child.node()] += 1;
        }
    }
    parents
}

fn by_weight(circuit: &Circuit, root: usize, is_leaf: &dyn Fn(usize) -> bool) -> Vec<usize> {
    let mut weight = vec![0.0_f64; root + 1];
    weight[root] = 1.0;
    for node in inner_nodes(circuit, root, is_leaf).into_iter().rev() {
        let children = circuit.nodes[node].children();
        let share = weight[node] / children.len() as f64;
        for child in children {
            weight[child.node()] += share;
        }
    }
    let mut found = depth_first(circuit, root, is_leaf, &|children| children);
    found.sort_by(|&a, &b| weight[b].total_cmp(&weight[a]));
    found
}

fn force(circuit: &Circuit, root: usize, is_leaf: &dyn Fn(usize) -> bool) -> Vec<usize> {
    let inner = inner_nodes(circuit, root, is_leaf);
    let mut order = depth_first(circuit, root, is_leaf, &|children| children);
    let mut place = vec![0.0_f64; root + 1];
    let mut best = (f64::INFINITY, order.clone());
    for _ in 0..40 {
        for (at, &leaf) in order.iter().enumerate() {
            place[leaf] = at as f64;
        }
        let mut span = 0.0;
        let (mut sum, mut count) = (vec![0.0_f64; root + 1], vec![0_u32; root + 1]);
        for &node in &inner {
            let children = circuit.nodes[node].children();
            let places = children.iter().map(|c| place[c.node()]);
            let (least, most) = places
                .clone()
                .fold((f64::MAX, f64::MIN), |(l, m), p| (l.min(p), m.max(p)));
            span += most - least;
            place[node] = places.sum::<f64>() / children.len() as f64;
            for child in children {
                sum[child.node()] += place[node];
                count[child.node()] += 1;
            }
        }
        if span < best.0 {
            best = (span, order.clone());
        }
        // A gate is drawn to its parents as well, through which its leaves feel the whole module.
        for &node in inner.iter().rev().skip(1) {
            let pulled = (place[node] + sum[node]) / f64::from(1 + count[node]);
            for child in circuit.nodes[node].children() {
                sum[child.node()] += pulled - place[node];
            }
        }
        let target = |leaf: usize| sum[leaf] / f64::from(count[leaf].max(1));
        order.sort_by(|&a, &b| target(a).total_cmp(&target(b)));
    }
    best.1
}

/// Whether a node ends a module's inside: an event, or the root of an inner module.
pub(crate) fn is_leaf(circuit: &Circuit, module: &[bool], node: usize) -> bool {
    module[node] || matches!(circuit.nodes[node], Node::Event(_))
}
