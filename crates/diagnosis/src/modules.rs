//! Modules of a circuit: nodes whose events occur nowhere else (Dutuit & Rauzy 1996, in linear time).
//!
//! A module is compiled by itself and stands as one variable in what contains it, which keeps diagrams small. Before that,
//! the inputs of an AND are grouped by shared events, so that independent groups become modules too.

use crate::circuit::{Circuit, Lit, Node};

/// For every node below `root`, whether it is the root of a module. Events are not marked.
pub(crate) fn find(circuit: &Circuit, root: usize) -> Vec<bool> {
    let count = circuit.nodes.len();
    let (mut first, mut second, mut last) = (vec![0_u32; count], vec![0_u32; count], vec![0_u32; count]);
    let mut clock = 0;
    let mut stack = vec![(root, 0_usize)];
    while let Some((node, child)) = stack.pop() {
        if child == 0 {
            clock += 1;
            last[node] = clock;
            if first[node] != 0 {
                continue;
            }
            first[node] = clock;
        }
        let children = circuit.nodes[node].children();
        if let Some(next) = children.get(child) {
            stack.push((node, child + 1));
            stack.push((next.node(), 0));
        } else {
            clock += 1;
            second[node] = clock;
            last[node] = clock;
        }
    }
    let (mut least, mut most) = (vec![u32::MAX; count], vec![0_u32; count]);
    let mut module = vec![false; count];
    for at in 1..=root {
        if first[at] == 0 {
            continue;
        }
        for child in circuit.nodes[at].children() {
            let c = child.node();
            least[at] = least[at].min(least[c]).min(first[c]);
            most[at] = most[at].max(most[c]).max(last[c]);
        }
        let gate = !matches!(circuit.nodes[at], Node::Event(_) | Node::True);
        module[at] = gate && least[at] > first[at] && most[at] < second[at];
    }
    module[root] = !matches!(circuit.nodes[root], Node::Event(_) | Node::True);
    module
}

/// Rewrites ANDs so that groups of inputs that share events among themselves only become nodes of their own.
pub(crate) fn group_inputs(circuit: &Circuit, root: Lit) -> (Circuit, Lit) {
    let mut made = Circuit::new();
    let mut new_of = vec![Lit::TRUE; circuit.nodes.len()];
    let mut grouping = Grouping {
        circuit,
        is_module: find(circuit, root.node()),
        mark: vec![(0, 0); circuit.nodes.len()],
        stack: Vec::new(),
    };
    for at in 0..circuit.nodes.len() {
        let map = |l: &Lit| Lit(new_of[l.node()].0 ^ (l.0 & 1));
        let inputs = || circuit.nodes[at].children().iter().map(map).collect::<Vec<Lit>>();
        new_of[at] = match &circuit.nodes[at] {
            Node::True => Lit::TRUE,
            Node::Event(e) => made.event(*e),
            Node::Xor(_) => made.xor(&inputs()),
            Node::AtLeast(k, _) => made.at_least(*k as usize, &inputs()),
            Node::And(children) => match grouping.independent_groups(children, at) {
                None => made.and(inputs()),
                Some(groups) => {
                    let part =
                        |group: Vec<usize>| made.and(group.iter().map(|&i| map(&children[i])).collect());
                    let parts = groups.into_iter().map(part).collect();
                    made.and(parts)
                }
            },
        };
    }
    (made, Lit(new_of[root.node()].0 ^ (root.0 & 1)))
}

/// How many node visits grouping may spend on one AND; beyond it the inputs stay together, which is correct only slower.
const VISITS: usize = 20_000;

struct Grouping<'a> {
    circuit: &'a Circuit,
    /// Nodes below which nothing is shared with anything outside, so that they need not be entered.
    is_module: Vec<bool>,
    /// By node: the AND and the input of it from which the node was last met.
    mark: Vec<(usize, usize)>,
    stack: Vec<usize>,
}

impl Grouping<'_> {
    /// Numbers of the children of the AND `at` that share events, the groups in the order of their first members; none where
    /// all are of one group.
    fn independent_groups(&mut self, children: &[Lit], at: usize) -> Option<Vec<Vec<usize>>> {
        let mut group_of: Vec<usize> = (0..children.len()).collect();
        let mut apart = children.len();
        let mut visits = 0;
        for (i, child) in children.iter().enumerate() {
            self.stack.push(child.node());
            while let Some(node) = self.stack.pop() {
                visits += 1;
                if self.mark[node].0 == at {
                    let (a, b) = (head(&mut group_of, self.mark[node].1), head(&mut group_of, i));
                    group_of[a.max(b)] = a.min(b);
                    apart -= usize::from(a != b);
                } else {
                    self.mark[node] = (at, i);
                    if !self.is_module[node] {
                        let below = self.circuit.nodes[node].children();
                        self.stack.extend(below.iter().map(|c| c.node()));
                    }
                }
                // What is still to be visited can only join what is one already.
                if apart < 2 || visits > VISITS {
                    self.stack.clear();
                    return None;
                }
            }
        }
        let mut groups: Vec<Vec<usize>> = vec![Vec::new(); children.len()];
        for i in 0..children.len() {
            groups[head(&mut group_of, i)].push(i);
        }
        groups.retain(|group| !group.is_empty());
        Some(groups)
    }
}

/// The first member of the group of `i`.
fn head(group_of: &mut [usize], mut i: usize) -> usize {
    while group_of[i] != i {
        group_of[i] = group_of[group_of[i]];
        i = group_of[i];
    }
    i
}
