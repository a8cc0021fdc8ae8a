//! Fussell–Vesely importance: the chance that some minimal cut set with the event has happened, given the gate (Fussell 1975).
//!
//! The sets with event e are e joined to a family of rests; that some rest has happened is a diagram made from the family.
//! In an inner module the rests of the module's variable outside and those of the event inside share no event, so that their
//! chances multiply.

use std::collections::HashMap;

use crate::bdd::{Bdd, EMPTY, Edge, FALSE, Full, TRUE, UNIT};
use crate::compile::{Compiled, Top, Variable};
use crate::cut_sets::Families;

impl Families<'_> {
    /// P(some minimal cut set with the event has happened) for every event, while all diagrams together stay within
    /// `limit` nodes.
    pub(crate) fn occurrence(&self, compiled: &Compiled, p: &[f64], limit: usize) -> Option<Vec<f64>> {
        let mut chance = vec![0.0; p.len()];
        let mut scratch = Vec::new();
        let of_module = compiled.module_probabilities(p, &mut scratch);
        let mut outside = vec![0.0; self.families.len()];
        match compiled.top {
            Top::Constant(_) => return Some(chance),
            Top::Event { event, negated } => {
                chance[event as usize] = if negated { 0.0 } else { p[event as usize] };
                return Some(chance);
            }
            Top::Module => *outside.last_mut()? = 1.0,
        }
        let mut left = limit;
        for at in (0..self.families.len()).rev() {
            let variables = &compiled.modules[at].variables;
            let chances: Vec<(f64, f64)> = variables
                .iter()
                .map(|variable| match *variable {
                    Variable::Event(event) => (p[event as usize], p[event as usize]),
                    Variable::Module(inner) => (of_module[inner as usize], of_module[inner as usize]),
                })
                .collect();
            for (level, variable) in variables.iter().enumerate() {
                let rests = self.some_rest(at, level as u32, &chances, &mut left).ok()?;
                match *variable {
                    Variable::Event(event) => {
                        chance[event as usize] = outside[at] * rests * p[event as usize]
                    }
                    Variable::Module(inner) => outside[inner as usize] = outside[at] * rests,
                }
            }
        }
        Some(chance)
    }

    /// Chance that a set of module `at` with the variable of `level` has happened but for that variable.
    fn some_rest(
        &self,
        at: usize,
        level: u32,
        chances: &[(f64, f64)],
        left: &mut usize,
    ) -> Result<f64, Full> {
        let (sets, root) = &self.families[at];
        let mut bdd = Bdd::new(*left);
        // By family and whether the variable has been passed: only sets with it count, so the end without it is false.
        let mut known: HashMap<(u32, bool), Edge> = HashMap::new();
        let mut stack = vec![(*root, false)];
        while let Some(&(family, passed)) = stack.last() {
            if known.contains_key(&(family, passed)) {
                stack.pop();
                continue;
            }
            let node = sets.nodes[family as usize];
            let made = if family == EMPTY || (!passed && node.level > level) {
                Some(FALSE)
            } else if family == UNIT {
                Some(TRUE)
            } else if node.level == level {
                let found = known.get(&(node.hi, true)).copied();
                if found.is_none() {
                    stack.push((node.hi, true));
                }
                found
            } else {
                let (hi, lo) = ((node.hi, passed), (node.lo, passed));
                match (known.get(&hi), known.get(&lo)) {
                    (Some(&hi), Some(&lo)) => {
                        let variable = bdd.variable(node.level)?;
                        let with = bdd.and(variable, hi)?;
                        Some(bdd.or(with, lo)?)
                    }
                    _ => {
                        stack.extend([hi, lo]);
                        None
                    }
                }
            };
            if let Some(edge) = made {
                known.insert((family, passed), edge);
            }
        }
        *left = left.saturating_sub(bdd.nodes.len() + known.len());
        let edge = known.get(&(*root, false)).copied().unwrap_or(FALSE);
        if *left == 0 {
            return Err(Full);
        }
        Ok(bdd.probability_between(edge, chances).0)
    }
}
