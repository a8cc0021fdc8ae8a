//! The table that makes equal nodes one node.

use super::{BddNode, Full};

/// An open-addressing table of node indices, keyed by what the node holds.
///
/// A node is looked for beside its younger child first, because a diagram is made in the order in which its parts refer to
/// each other: neighbours in time are neighbours in memory. Where that place is crowded, a mixing hash takes over, so that
/// no input can make the table slow.
pub(crate) struct UniqueTable {
    slots: Vec<u32>,
    used: usize,
}

/// The constant's number, which no slot needs; fresh memory is zero, so that empty tables cost nothing until they are used.
const EMPTY_SLOT: u32 = 0;
/// Slots up to which a table grows fourfold: taking up the nodes again costs more than the memory. Beyond, twofold.
const SMALL: usize = 1 << 17;
/// Slots looked at beside the younger child before the mixing hash.
const NEAR: usize = 8;

pub(super) fn mix(a: u32, b: u32, c: u32) -> usize {
    let mixed = u64::from(a).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ u64::from(b).wrapping_mul(0xc2b2_ae3d_27d4_eb4f)
        ^ u64::from(c).wrapping_mul(0x1656_67b1_9e37_79f9);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) as usize >> 20
}

impl UniqueTable {
    pub(crate) fn new() -> Self {
        Self {
            slots: vec![EMPTY_SLOT; 1 << 8],
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
        let slot = match self.find(nodes, node) {
            Ok(at) => return Ok(at),
            Err(slot) => slot,
        };
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

    /// The node equal to `node`, or the free slot where it belongs.
    fn find(&self, nodes: &[BddNode], node: BddNode) -> Result<u32, usize> {
        for slot in places(node, self.slots.len()) {
            let at = self.slots[slot];
            if at == EMPTY_SLOT {
                return Err(slot);
            }
            if nodes[at as usize] == node {
                return Ok(at);
            }
        }
        Err(0)
    }

    /// Takes up all of `nodes`, which are different; the first one is the constant.
    pub(crate) fn fill(&mut self, nodes: &[BddNode]) {
        self.rebuild(nodes, (nodes.len() * 2).next_power_of_two().max(self.slots.len()));
    }

    fn grow(&mut self, nodes: &[BddNode]) {
        let times = if self.slots.len() < SMALL { 4 } else { 2 };
        self.rebuild(nodes, self.slots.len() * times);
    }

    /// Node after node, the order in which their places lie side by side; being different, they need no comparing.
    fn rebuild(&mut self, nodes: &[BddNode], size: usize) {
        let mut slots = vec![EMPTY_SLOT; size];
        for (at, &node) in nodes.iter().enumerate().skip(1) {
            let free = places(node, size).find(|&slot| slots[slot] == EMPTY_SLOT);
            if let Some(slot) = free {
                slots[slot] = at as u32;
            }
        }
        self.slots = slots;
        self.used = nodes.len() - 1;
    }
}

/// Slots in which `node` is looked for, one after the other, in a table of `size` slots.
fn places(node: BddNode, size: usize) -> impl Iterator<Item = usize> {
    let mixed = mix(node.level, node.hi, node.lo);
    let near = node.hi.max(node.lo) as usize + (mixed & 15);
    let far = mixed >> 4;
    (0..).map(move |step| if step < NEAR { near + step } else { far + step } & (size - 1))
}
