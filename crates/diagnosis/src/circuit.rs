//! The Boolean function of a tree in one normal form: literals over AND, XOR and "at least k" nodes, structurally hashed.
//!
//! A literal is a node index times two, plus one when negated; OR is a negated AND of negations, so that nested formulae of
//! one kind meet whatever they were called. Nodes are made bottom-up, children before parents: every pass is a loop, and no
//! input can overflow the stack.

use crate::node_index::NodeIndex;

/// A node, perhaps negated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Lit(pub(crate) u32);

impl Lit {
    /// The constant true (node 0).
    pub(crate) const TRUE: Self = Self(0);
    /// The constant false.
    pub(crate) const FALSE: Self = Self(1);

    pub(crate) fn node(self) -> usize {
        (self.0 >> 1) as usize
    }
    pub(crate) fn negated(self) -> bool {
        self.0 & 1 == 1
    }
}

impl std::ops::Not for Lit {
    type Output = Self;
    fn not(self) -> Self {
        Self(self.0 ^ 1)
    }
}

/// What a node computes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Node {
    /// Always true; node 0 only.
    True,
    /// A basic event, by its number.
    Event(u32),
    /// All of them.
    And(Vec<Lit>),
    /// An odd number of them; literals are never negated.
    Xor(Vec<Lit>),
    /// At least so many of them.
    AtLeast(u32, Vec<Lit>),
}

impl Node {
    pub(crate) fn children(&self) -> &[Lit] {
        match self {
            Self::True | Self::Event(_) => &[],
            Self::And(c) | Self::Xor(c) | Self::AtLeast(_, c) => c,
        }
    }
}

/// Nodes, children before parents.
#[derive(Debug, Clone)]
pub(crate) struct Circuit {
    pub(crate) nodes: Vec<Node>,
    index: NodeIndex,
    /// In which AND a node was last seen, and how: twice the number of the AND, plus one for a negated literal.
    seen: Vec<u64>,
    ands: u64,
}

impl Circuit {
    pub(crate) fn new() -> Self {
        Self {
            nodes: vec![Node::True],
            index: NodeIndex::new(),
            seen: Vec::new(),
            ands: 0,
        }
    }

    fn intern(&mut self, node: Node) -> Lit {
        Lit(self.index.intern(&mut self.nodes, node) << 1)
    }

    pub(crate) fn event(&mut self, event: u32) -> Lit {
        self.intern(Node::Event(event))
    }

    pub(crate) fn and(&mut self, mut inputs: Vec<Lit>) -> Lit {
        inputs.retain(|&l| l != Lit::TRUE);
        // Order within a node carries the author's left to right, which the variable order follows; duplicates do not.
        self.ands += 1;
        self.seen.resize(self.nodes.len(), 0);
        let mut contradiction = false;
        inputs.retain(|&literal| {
            let mark = (self.ands << 1) | u64::from(literal.0 & 1);
            let before = std::mem::replace(&mut self.seen[literal.node()], mark);
            contradiction |= literal == Lit::FALSE || before == mark ^ 1;
            before != mark
        });
        if contradiction {
            return Lit::FALSE;
        }
        match inputs.len() {
            0 => Lit::TRUE,
            1 => inputs[0],
            _ => self.intern(Node::And(inputs)),
        }
    }

    pub(crate) fn or(&mut self, inputs: &[Lit]) -> Lit {
        !self.and(inputs.iter().map(|&l| !l).collect())
    }

    pub(crate) fn xor(&mut self, inputs: &[Lit]) -> Lit {
        let mut flip = 0;
        let mut odd: Vec<Lit> = Vec::new();
        for &literal in inputs {
            flip ^= literal.0 & 1;
            let plain = Lit(literal.0 & !1);
            if plain == Lit::TRUE {
                flip ^= 1;
            } else if let Some(at) = odd.iter().position(|&l| l == plain) {
                odd.remove(at);
            } else {
                odd.push(plain);
            }
        }
        let base = match odd.len() {
            0 => Lit::FALSE,
            1 => odd[0],
            _ => self.intern(Node::Xor(odd)),
        };
        Lit(base.0 ^ flip)
    }

    /// At least `k` of `inputs`, counting an input as often as it stands there.
    pub(crate) fn at_least(&mut self, k: usize, inputs: &[Lit]) -> Lit {
        let sure = inputs.iter().filter(|&&l| l == Lit::TRUE).count();
        let open: Vec<Lit> = inputs.iter().copied().filter(|l| l.node() != 0).collect();
        let k = k.saturating_sub(sure);
        match k {
            0 => Lit::TRUE,
            _ if k > open.len() => Lit::FALSE,
            1 => self.or(&open),
            _ if k == open.len() => self.and(open),
            _ => self.intern(Node::AtLeast(k as u32, open)),
        }
    }

    /// The part below `root` alone, with single-parent ANDs merged into their parent AND and renumbered.
    pub(crate) fn extract(&self, root: Lit) -> (Self, Lit) {
        let mut parents = vec![0_u32; self.nodes.len()];
        let mut reached = vec![false; self.nodes.len()];
        reached[root.node()] = true;
        for at in (0..=root.node()).rev() {
            if reached[at] {
                for child in self.nodes[at].children() {
                    reached[child.node()] = true;
                    parents[child.node()] += 1;
                }
            }
        }
        let mut made = Self::new();
        let mut new_of = vec![Lit::TRUE; self.nodes.len()];
        let map = |new_of: &[Lit], l: Lit| Lit(new_of[l.node()].0 ^ (l.0 & 1));
        for at in 0..=root.node() {
            if !reached[at] {
                continue;
            }
            new_of[at] = match &self.nodes[at] {
                Node::True => Lit::TRUE,
                Node::Event(e) => made.event(*e),
                Node::And(children) => {
                    let mut flat = Vec::with_capacity(children.len());
                    for &child in children {
                        let new = map(&new_of, child);
                        match &made.nodes[new.node()] {
                            Node::And(inner) if !new.negated() && parents[child.node()] == 1 => {
                                flat.extend(inner)
                            }
                            _ => flat.push(new),
                        }
                    }
                    made.and(flat)
                }
                Node::Xor(children) => {
                    let inputs: Vec<Lit> = children.iter().map(|&c| map(&new_of, c)).collect();
                    made.xor(&inputs)
                }
                Node::AtLeast(k, children) => {
                    let inputs: Vec<Lit> = children.iter().map(|&c| map(&new_of, c)).collect();
                    made.at_least(*k as usize, &inputs)
                }
            };
        }
        let new_root = map(&new_of, root);
        (made, new_root)
    }

    /// How each node is reached from `root`: bit 0 positively, bit 1 negated. Below an XOR everything is both.
    fn reach(&self, root: Lit) -> Vec<u8> {
        let mut reach = vec![0_u8; self.nodes.len()];
        reach[root.node()] = if root.negated() { 2 } else { 1 };
        for at in (1..=root.node()).rev().filter(|&at| at > 0) {
            let here = if matches!(self.nodes[at], Node::Xor(_)) && reach[at] != 0 {
                3
            } else {
                reach[at]
            };
            for child in self.nodes[at].children() {
                let passed = if child.negated() {
                    (here >> 1) | ((here & 1) << 1)
                } else {
                    here
                };
                reach[child.node()] |= passed;
            }
        }
        reach
    }

    /// Whether no event stands under an odd number of negations or under an XOR. Then the function is coherent.
    pub(crate) fn is_monotone(&self, root: Lit) -> bool {
        let reach = self.reach(root);
        !self
            .nodes
            .iter()
            .zip(reach)
            .any(|(node, reach)| matches!(node, Node::Event(_)) && reach & 2 != 0)
    }

    /// For every node, whether `root` uses it negated and never plain.
    pub(crate) fn only_negated(&self, root: Lit) -> Vec<bool> {
        self.reach(root).into_iter().map(|reach| reach == 2).collect()
    }
}
