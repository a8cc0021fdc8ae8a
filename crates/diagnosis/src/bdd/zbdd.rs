//! Minimal cut sets as a zero-suppressed decision diagram (Minato 1993; Rauzy 1993).
//!
//! For a function decided at x, a minimal set without x is a minimal set of the low branch; one with x is x joined to a
//! minimal set of the high branch that contains no minimal set of the low branch. For a non-coherent function this yields
//! the minimal sets of events which, everything else not happening, make the function true.

use std::collections::HashMap;

use super::{Bdd, BddNode, Edge, FALSE, Full, LAST, TRUE, UniqueTable, mix};

/// No set at all.
pub(crate) const EMPTY: u32 = 0;
/// The empty set alone.
pub(crate) const UNIT: u32 = 1;

/// Families of sets of one module; levels are those of its decision diagram.
pub(crate) struct CutSets {
    pub(crate) nodes: Vec<BddNode>,
    unique: UniqueTable,
    cache: Vec<[u32; 3]>,
    limit: usize,
}

/// Marks an exact difference in the computed cache; families stay below it.
const EXACT_TAG: u32 = 1 << 31;

enum Task {
    /// Sets of the first family that contain no set of the second.
    Without(u32, u32),
    /// The high branch is done once; take the other family's low branch out of it too.
    High {
        other_low: u32,
    },
    Make {
        level: u32,
        a: u32,
        b: u32,
    },
}

enum Step {
    Visit(Edge),
    Join(Edge),
}

impl CutSets {
    pub(crate) fn new(limit: usize) -> Self {
        let terminal = |hi| BddNode {
            level: LAST,
            hi,
            lo: hi,
        };
        Self {
            nodes: vec![terminal(EMPTY), terminal(UNIT)],
            unique: UniqueTable::new(),
            cache: vec![[u32::MAX; 3]; 1 << 14],
            limit,
        }
    }

    fn make(&mut self, level: u32, hi: u32, lo: u32) -> Result<u32, Full> {
        if hi == EMPTY {
            return Ok(lo);
        }
        let at = self
            .unique
            .intern(&mut self.nodes, BddNode { level, hi, lo }, self.limit)?;
        if self.nodes.len() > self.cache.len() && self.cache.len() < 1 << 22 {
            let size = self.cache.len() * 4;
            let old = std::mem::replace(&mut self.cache, vec![[u32::MAX; 3]; size]);
            for entry in old.into_iter().filter(|e| e[0] != u32::MAX) {
                self.cache[mix(entry[0], entry[1], 7) & (size - 1)] = entry;
            }
        }
        Ok(at)
    }

    fn contains_empty_set(&self, mut family: u32) -> bool {
        while family > UNIT {
            family = self.nodes[family as usize].lo;
        }
        family == UNIT
    }

    /// Sets of `f` that contain no set of `g`; with `EXACT`, those that are no set of `g`.
    fn without<const EXACT: bool>(&mut self, f: u32, g: u32) -> Result<u32, Full> {
        let mut tasks = vec![Task::Without(f, g)];
        let mut results: Vec<u32> = Vec::new();
        while let Some(task) = tasks.pop() {
            match task {
                Task::Without(f, g) => {
                    if f == EMPTY || f == g || (!EXACT && g == UNIT) {
                        results.push(EMPTY);
                        continue;
                    }
                    if g == EMPTY {
                        results.push(f);
                        continue;
                    }
                    if f == UNIT {
                        results.push(if self.contains_empty_set(g) { EMPTY } else { UNIT });
                        continue;
                    }
                    let (nf, ng) = (self.nodes[f as usize], self.nodes[g as usize]);
                    if nf.level > ng.level {
                        tasks.push(Task::Without(f, ng.lo));
                        continue;
                    }
                    let key = if EXACT { g | EXACT_TAG } else { g };
                    let slot = mix(f, key, 7) & (self.cache.len() - 1);
                    if self.cache[slot][0] == f && self.cache[slot][1] == key {
                        results.push(self.cache[slot][2]);
                        continue;
                    }
                    tasks.push(Task::Make {
                        level: nf.level,
                        a: f,
                        b: key,
                    });
                    if nf.level < ng.level {
                        tasks.push(Task::Without(nf.lo, g));
                        // A set with this variable is no set of `g`, which is the same as taking nothing away.
                        tasks.push(Task::Without(nf.hi, if EXACT { EMPTY } else { g }));
                    } else if EXACT {
                        tasks.push(Task::Without(nf.lo, ng.lo));
                        tasks.push(Task::Without(nf.hi, ng.hi));
                    } else {
                        tasks.push(Task::Without(nf.lo, ng.lo));
                        tasks.push(Task::High { other_low: ng.lo });
                        tasks.push(Task::Without(nf.hi, ng.hi));
                    }
                }
                Task::High { other_low } => {
                    let high = results.pop().unwrap_or(EMPTY);
                    tasks.push(Task::Without(high, other_low));
                }
                Task::Make { level, a, b } => {
                    let lo = results.pop().unwrap_or(EMPTY);
                    let hi = results.pop().unwrap_or(EMPTY);
                    let made = self.make(level, hi, lo)?;
                    let slot = mix(a, b, 7) & (self.cache.len() - 1);
                    self.cache[slot] = [a, b, made];
                    results.push(made);
                }
            }
        }
        Ok(results.pop().unwrap_or(EMPTY))
    }

    /// The minimal sets of the function `root` over compacted decision-diagram `nodes`.
    pub(crate) fn of(&mut self, nodes: &[BddNode], root: Edge) -> Result<u32, Full> {
        let mut family: HashMap<Edge, u32> = HashMap::from([(TRUE, UNIT), (FALSE, EMPTY)]);
        let mut steps = vec![Step::Visit(root)];
        while let Some(step) = steps.pop() {
            let (Step::Visit(edge) | Step::Join(edge)) = step;
            if family.contains_key(&edge) {
                continue;
            }
            let node = nodes[(edge >> 1) as usize];
            let (hi, lo) = (node.hi ^ (edge & 1), node.lo ^ (edge & 1));
            if matches!(step, Step::Visit(_)) {
                steps.extend([Step::Join(edge), Step::Visit(hi), Step::Visit(lo)]);
                continue;
            }
            let (high, low) = (family[&hi], family[&lo]);
            let high = self.without::<false>(high, low)?;
            let made = self.make(node.level, high, low)?;
            family.insert(edge, made);
        }
        Ok(family[&root])
    }

    /// The prime implicants of the function `root` of `bdd` as sets of literals (Coudert & Madre 1992): level 2l stands for
    /// the variable of level l happening, 2l + 1 for it not happening.
    ///
    /// Those without the variable are the primes of what holds either way; those with a literal are the primes of its branch
    /// that are not among them.
    pub(crate) fn primes(&mut self, bdd: &mut Bdd, root: Edge) -> Result<u32, Full> {
        let mut family: HashMap<Edge, u32> = HashMap::from([(TRUE, UNIT), (FALSE, EMPTY)]);
        let mut steps = vec![Step::Visit(root)];
        while let Some(step) = steps.pop() {
            let (Step::Visit(edge) | Step::Join(edge)) = step;
            if family.contains_key(&edge) {
                continue;
            }
            let node = bdd.nodes[(edge >> 1) as usize];
            let (hi, lo) = (node.hi ^ (edge & 1), node.lo ^ (edge & 1));
            let either_way = bdd.and(hi, lo)?;
            if matches!(step, Step::Visit(_)) {
                steps.extend([
                    Step::Join(edge),
                    Step::Visit(hi),
                    Step::Visit(lo),
                    Step::Visit(either_way),
                ]);
                continue;
            }
            let without = family[&either_way];
            let happening = self.without::<true>(family[&hi], without)?;
            let not_happening = self.without::<true>(family[&lo], without)?;
            let made = self.make(2 * node.level + 1, not_happening, without)?;
            let made = self.make(2 * node.level, happening, made)?;
            family.insert(edge, made);
        }
        Ok(family[&root])
    }

    /// How many sets each family holds when the variable of a level stands for `weight(level)` sets itself.
    pub(crate) fn count(&self, root: u32, weight: &dyn Fn(u32) -> u128) -> u128 {
        let mut count = vec![0_u128; root.max(UNIT) as usize + 1];
        count[UNIT as usize] = 1;
        for at in 2..count.len() {
            let node = self.nodes[at];
            count[at] = count[node.hi as usize]
                .saturating_mul(weight(node.level))
                .saturating_add(count[node.lo as usize]);
        }
        count[root as usize]
    }
}
