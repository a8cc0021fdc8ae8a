//! Modules of a circuit: nodes whose events occur nowhere else (Dutuit & Rauzy 1996, in linear time).
//!
//! A module is compiled by itself and stands as one variable in what contains it, which keeps diagrams small. Before that,
//! the inputs of an AND are grouped by shared events, so that independent groups become modules too.

use std::collections::HashMap;

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
    let mut mark = vec![(0_usize, 0_usize); circuit.nodes.len()];
    for at in 0..circuit.nodes.len() {
        let map = |l: Lit| Lit(new_of[l.node()].0 ^ (l.0 & 1));
        let inputs: Vec<Lit> = circuit.nodes[at].children().iter().map(|&c| map(c)).collect();
        new_of[at] = match &circuit.nodes[at] {
            Node::True => Lit::TRUE,
            Node::Event(e) => made.event(*e),
            Node::Xor(_) => made.xor(&inputs),
            Node::AtLeast(k, _) => made.at_least(*k as usize, &inputs),
            Node::And(children) => {
                let groups = independent_groups(circuit, children, at, &mut mark);
                let many = groups.len() > 1;
                let parts = groups
                    .into_iter()
                    .map(|group| {
                        let members: Vec<Lit> = group.iter().map(|&i| inputs[i]).collect();
                        if many && members.len() > 1 {
                            vec![made.and(members)]
                        } else {
                            members
                        }
                    })
                    .collect::<Vec<_>>()
                    .concat();
                made.and(parts)
            }
        };
    }
    (made, Lit(new_of[root.node()].0 ^ (root.0 & 1)))
}

/// How many node visits grouping may spend on one AND; beyond it the inputs stay together, which is correct only slower.
const VISITS: usize = 20_000;

fn independent_groups(
    circuit: &Circuit,
    children: &[Lit],
    at: usize,
    mark: &mut [(usize, usize)],
) -> Vec<Vec<usize>> {
    let mut group_of: Vec<usize> = (0..children.len()).collect();
    fn head(group_of: &mut [usize], mut i: usize) -> usize {
        while group_of[i] != i {
            group_of[i] = group_of[group_of[i]];
            i = group_of[i];
        }
        i
    }
    let mut visits = 0;
    for (i, child) in children.iter().enumerate() {
        let mut stack = vec![child.node()];
        while let Some(node) = stack.pop() {
            visits += 1;
            if visits > VISITS {
                return vec![(0..children.len()).collect()];
            }
            if mark[node].0 == at {
                let (a, b) = (head(&mut group_of, mark[node].1), head(&mut group_of, i));
                group_of[a.max(b)] = a.min(b);
                continue;
            }
            mark[node] = (at, i);
            stack.extend(circuit.nodes[node].children().iter().map(|c| c.node()));
        }
    }
    let mut place: HashMap<usize, usize> = HashMap::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for i in 0..children.len() {
        let top = head(&mut group_of, i);
        let slot = *place.entry(top).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[slot].push(i);
    }
    groups
}
