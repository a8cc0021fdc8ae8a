//! Lists and tables of millions of small things, without the gaps that a doubling list leaves behind.

use std::ops::{Index, IndexMut};

/// A list that grows in pieces: one that doubles in a long-lived process leaves a hole of its old size behind at each step.
#[derive(Debug)]
pub(super) struct Chunks<T>(Vec<Vec<T>>);

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

const CHUNK: usize = 1024;

impl<T> Chunks<T> {
    pub(super) fn len(&self) -> usize {
        self.0
            .last()
            .map_or(0, |last| (self.0.len() - 1) * CHUNK + last.len())
    }

    pub(super) fn push(&mut self, value: T) {
        match self.0.last_mut() {
            Some(last) if last.len() < CHUNK => last.push(value),
            _ => {
                let mut last = Vec::with_capacity(CHUNK);
                last.push(value);
                self.0.push(last);
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flatten()
    }
}

impl<T> Index<usize> for Chunks<T> {
    type Output = T;
    fn index(&self, at: usize) -> &T {
        &self.0[at / CHUNK][at % CHUNK]
    }
}

impl<T> IndexMut<usize> for Chunks<T> {
    fn index_mut(&mut self, at: usize) -> &mut T {
        &mut self.0[at / CHUNK][at % CHUNK]
    }
}

/// Slots by the value of some bits of a hash, chained through one array: a list of its own for each value would cost eight times
/// the memory while most hold one slot or two.
#[derive(Debug)]
pub(super) struct Table {
    values: usize,
    /// By value: the first slot of its chain plus one; 0 for none, so that pages without a chain cost no memory. Empty until the
    /// first slot is added.
    heads: Vec<u32>,
    /// By slot: the next slot of the same chain.
    next: Chunks<u32>,
}

/// Ends a chain.
pub(super) const NONE: u32 = u32::MAX;

impl Table {
    /// Of all values of `bits` bits.
    pub(super) fn new(bits: usize) -> Self {
        Self {
            values: 1 << bits,
            heads: Vec::new(),
            next: Chunks::default(),
        }
    }

    pub(super) fn insert(&mut self, value: usize, slot: u32) {
        if self.heads.is_empty() {
            self.heads = vec![0; self.values];
        }
        let at = slot as usize;
        while self.next.len() <= at {
            self.next.push(NONE);
        }
        self.next[at] = std::mem::replace(&mut self.heads[value], slot + 1).wrapping_sub(1);
    }

    pub(super) fn remove(&mut self, value: usize, slot: u32) {
        let after = self.next[slot as usize];
        let Some(&first) = self.heads.get(value) else {
            return;
        };
        let mut at = first.wrapping_sub(1);
        if at == slot {
            self.heads[value] = after.wrapping_add(1);
            return;
        }
        while at != NONE {
            let next = self.next[at as usize];
            if next == slot {
                self.next[at as usize] = after;
                return;
            }
            at = next;
        }
    }

    pub(super) fn of(&self, value: usize) -> impl Iterator<Item = u32> {
        let some = |slot: u32| (slot != NONE).then_some(slot);
        std::iter::successors(
            some(self.heads.get(value).map_or(NONE, |first| first.wrapping_sub(1))),
            move |slot| some(self.next[*slot as usize]),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_found_by_value_until_they_are_removed() {
        let mut table = Table::new(4);
        assert_eq!(table.of(3).count(), 0);
        for slot in 0..3000 {
            table.insert(slot as usize % 16, slot);
        }
        assert_eq!(table.of(3).count(), 188); // 3, 19, … 2995: (2995 - 3) / 16 + 1
        table.remove(3, 19);
        table.remove(3, 20);
        assert!(table.of(3).all(|slot| slot % 16 == 3 && slot != 19));
        assert_eq!((table.of(3).count(), table.of(4).count()), (187, 188));
    }
}
