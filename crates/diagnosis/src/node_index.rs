//! Which nodes a circuit already has: an open-addressing table of node numbers, keyed by what the nodes hold.
//!
//! The nodes stay where they are and are compared there, so that looking one up copies nothing.

use std::hash::{BuildHasher, Hasher, RandomState};

use crate::circuit::{Lit, Node};

/// A table of node numbers.
#[derive(Debug, Clone)]
pub(crate) struct NodeIndex {
    /// Upper half: hash of the node, whose low bits say where it belongs; lower half: its number, 0 where the slot is free.
    slots: Vec<u64>,
    used: usize,
    /// Drawn anew for every circuit, so that no file can be written whose nodes all meet in one place.
    key: u64,
}

impl NodeIndex {
    pub(crate) fn new() -> Self {
        Self {
            slots: vec![0; 1 << 8],
            used: 0,
            key: RandomState::new().build_hasher().finish(),
        }
    }

    /// The number of the node equal to `node`; else `node` is pushed to `nodes`. The first of `nodes` is never looked for.
    pub(crate) fn intern(&mut self, nodes: &mut Vec<Node>, node: Node) -> u32 {
        let hash = self.hash(&node);
        let mut at = self.home(hash);
        while self.slots[at] != 0 {
            let number = self.slots[at] as u32;
            if self.slots[at] >> 32 == u64::from(hash) && nodes[number as usize] == node {
                return number;
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
        let number = nodes.len() as u32;
        nodes.push(node);
        self.slots[at] = (u64::from(hash) << 32) | u64::from(number);
        self.used += 1;
        if self.used * 2 > self.slots.len() {
            self.grow();
        }
        number
    }

    fn home(&self, hash: u32) -> usize {
        hash as usize & (self.slots.len() - 1)
    }

    fn grow(&mut self) {
        let larger = vec![0; self.slots.len() * 4];
        for slot in std::mem::replace(&mut self.slots, larger)
            .into_iter()
            .filter(|&s| s != 0)
        {
            let mut at = self.home((slot >> 32) as u32);
            while self.slots[at] != 0 {
                at = (at + 1) & (self.slots.len() - 1);
            }
            self.slots[at] = slot;
        }
    }

    fn hash(&self, node: &Node) -> u32 {
        let first = match node {
            Node::True => 0,
            Node::Event(event) => 1 | (u64::from(*event) << 32),
            Node::And(_) => 2,
            Node::Xor(_) => 3,
            Node::AtLeast(k, _) => 4 | (u64::from(*k) << 32),
        };
        let pair = |lits: &[Lit]| lits.iter().fold(0, |word, lit| (word << 32) | u64::from(lit.0));
        let words = node.children().chunks(2).map(pair);
        let mixed = words.fold(mix(self.key, first), mix);
        // An odd last literal must not be taken for a pair.
        mix(mixed, node.children().len() as u64) as u32
    }
}

/// Both halves of the product of what was mixed so far and a new word.
fn mix(so_far: u64, word: u64) -> u64 {
    let product = u128::from(so_far ^ word) * 0x9e37_79b9_7f4a_7c15;
    ((product >> 64) as u64 ^ product as u64).rotate_left(23)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_has_one_number_however_many_there_are() {
        let (mut index, mut nodes) = (NodeIndex::new(), vec![Node::True]);
        let node = |at: u32| match at % 4 {
            0 => Node::Event(at),
            1 => Node::And(vec![Lit(at), Lit(at + 1)]),
            2 => Node::And(vec![Lit(at), Lit(at + 1), Lit(2)]),
            _ => Node::AtLeast(2, vec![Lit(at), Lit(at + 1), Lit(2)]),
        };
        for round in 0..2 {
            for at in 0..5_000 {
                let number = index.intern(&mut nodes, node(at));
                assert_eq!(number, at + 1, "round {round}");
            }
        }
        assert_eq!(nodes.len(), 5_001);
    }
}
