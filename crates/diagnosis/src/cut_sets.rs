//! Minimal cut sets of a compiled function: their number, and the likeliest of them.
//!
//! Every module has a family of its own, in which an inner module stands as one variable; sets are counted by products and
//! listed by unfolding, so that billions of them cost no memory.

use std::collections::BinaryHeap;

use crate::bdd::{Bdd, CutSets, EMPTY, Full, UNIT};
use crate::compile::{Compiled, OverBudget, Top, Variable};

impl Compiled {
    /// Minimal cut sets of every module; the budget is per module.
    pub(crate) fn cut_sets(&self, limit: usize) -> Result<Families<'_>, OverBudget> {
        let mut families = Vec::with_capacity(self.modules.len());
        for module in &self.modules {
            let mut sets = CutSets::new(limit);
            let root = sets
                .of(&module.nodes, module.root)
                .map_err(|Full| OverBudget { limit, orders: 1 })?;
            families.push((sets, root));
        }
        Ok(Families {
            compiled: self,
            families,
        })
    }
}

impl Compiled {
    /// How many prime implicants the function has, for one made by [`Compiled::flat`]; `limit` bounds the nodes of both diagrams.
    pub(crate) fn prime_implicants(&self, limit: usize) -> Result<u128, OverBudget> {
        let Some(module) = self.modules.last() else {
            return Ok(u128::from(!matches!(self.top, Top::Constant(false))));
        };
        let mut sets = CutSets::new(limit);
        let mut bdd = Bdd::of(&module.nodes, limit);
        let root = sets
            .primes(&mut bdd, module.root)
            .map_err(|Full| OverBudget { limit, orders: 1 })?;
        Ok(sets.count(root, &|_| 1))
    }
}

/// The minimal cut sets, module by module.
pub(crate) struct Families<'a> {
    compiled: &'a Compiled,
    pub(crate) families: Vec<(CutSets, u32)>,
}

/// Part of a cut set not yet chosen: a family of a module.
#[derive(Clone, Copy, PartialEq)]
struct Open {
    module: usize,
    family: u32,
}

struct Partial {
    bound: f64,
    chance: f64,
    events: Vec<u32>,
    open: Vec<Open>,
}

impl PartialEq for Partial {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Partial {}
impl PartialOrd for Partial {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Partial {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.bound
            .total_cmp(&other.bound)
            .then_with(|| other.open.len().cmp(&self.open.len()))
            .then_with(|| other.events.cmp(&self.events))
    }
}

impl Families<'_> {
    /// How many minimal cut sets there are; saturates.
    pub(crate) fn count(&self) -> u128 {
        let mut of_module: Vec<u128> = Vec::with_capacity(self.families.len());
        for (module, (sets, root)) in self.compiled.modules.iter().zip(&self.families) {
            let count = sets.count(*root, &|level| match module.variables[level as usize] {
                Variable::Event(_) => 1,
                Variable::Module(inner) => of_module[inner as usize],
            });
            of_module.push(count);
        }
        match self.compiled.top {
            Top::Constant(yes) => u128::from(yes),
            Top::Event { .. } => 1,
            Top::Module => of_module.last().copied().unwrap_or(0),
        }
    }

    /// The `most` likeliest minimal cut sets, likeliest first: best-first search under the exact bound "best completion".
    pub(crate) fn likeliest(&self, p: &[f64], most: usize) -> Vec<(f64, Vec<u32>)> {
        match self.compiled.top {
            Top::Constant(false) => return Vec::new(),
            Top::Constant(true) => return vec![(1.0, Vec::new())],
            // Nothing has to happen: the empty set, whose product is one.
            Top::Event { negated: true, .. } => return vec![(1.0, Vec::new())],
            Top::Event {
                negated: false,
                event,
            } => return vec![(p[event as usize], vec![event])],
            Top::Module => {}
        }
        let best = self.best_completions(p);
        let last = self.families.len() - 1;
        let root = self.families[last].1;
        let mut heap = BinaryHeap::new();
        let push = |heap: &mut BinaryHeap<Partial>, chance: f64, events: Vec<u32>, open: Vec<Open>| {
            let bound = open
                .iter()
                .fold(chance, |product, o| product * best[o.module][o.family as usize]);
            if open.iter().all(|o| o.family != EMPTY) {
                heap.push(Partial {
                    bound,
                    chance,
                    events,
                    open,
                });
            }
        };
        push(
            &mut heap,
            1.0,
            Vec::new(),
            vec![Open {
                module: last,
                family: root,
            }],
        );
        let mut found = Vec::new();
        // Each cut set costs at most as many steps as it and its siblings have levels; the cap only guards ties.
        for _ in 0..200_000 {
            let Some(Partial {
                chance,
                mut events,
                mut open,
                ..
            }) = heap.pop()
            else {
                break;
            };
            let Some(Open { module, family }) = open.pop() else {
                events.sort_unstable();
                found.push((chance, events));
                if found.len() == most {
                    break;
                }
                continue;
            };
            if family == UNIT {
                push(&mut heap, chance, events, open);
                continue;
            }
            let node = self.families[module].0.nodes[family as usize];
            let mut without = open.clone();
            without.push(Open {
                module,
                family: node.lo,
            });
            push(&mut heap, chance, events.clone(), without);
            open.push(Open {
                module,
                family: node.hi,
            });
            match self.compiled.modules[module].variables[node.level as usize] {
                Variable::Event(event) => {
                    events.push(event);
                    push(&mut heap, chance * p[event as usize], events, open);
                }
                Variable::Module(inner) => {
                    open.push(Open {
                        module: inner as usize,
                        family: self.families[inner as usize].1,
                    });
                    push(&mut heap, chance, events, open);
                }
            }
        }
        found
    }

    fn best_completions(&self, p: &[f64]) -> Vec<Vec<f64>> {
        let mut best: Vec<Vec<f64>> = Vec::with_capacity(self.families.len());
        for (module, (sets, _)) in self.compiled.modules.iter().zip(&self.families) {
            let mut of_node = vec![0.0; sets.nodes.len()];
            of_node[UNIT as usize] = 1.0;
            for at in 2..sets.nodes.len() {
                let node = sets.nodes[at];
                let weight = match module.variables[node.level as usize] {
                    Variable::Event(event) => p[event as usize],
                    Variable::Module(inner) => best[inner as usize][self.families[inner as usize].1 as usize],
                };
                of_node[at] = f64::max(weight * of_node[node.hi as usize], of_node[node.lo as usize]);
            }
            best.push(of_node);
        }
        best
    }
}
