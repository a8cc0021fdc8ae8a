//! The greedy kit: the missing parts of one fault after another, most newly served weight per yuan first.

use super::part_sets::PartSets;

/// Fills kits up.
pub(super) struct Filler<'a> {
    sets: &'a PartSets,
    /// Faults that need a part.
    of_part: Vec<Vec<usize>>,
}

/// Where filling ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Yuan the kit may cost.
    pub(super) budget: f64,
    /// Served weight that is enough.
    pub(super) enough: f64,
}

/// A kit being filled.
struct Filling {
    kit: Vec<bool>,
    left: f64,
    served: f64,
    /// Parts that every fault still lacks.
    missing: Vec<u32>,
}

/// The parts that a fault lacks: what they cost and which weight they serve, that of other faults included.
#[derive(Debug, Clone, Copy)]
struct Addition {
    fault: usize,
    cost: f64,
    gain: f64,
}

impl Addition {
    fn per_yuan(self) -> f64 {
        self.gain / self.cost.max(1e-12)
    }
}

impl<'a> Filler<'a> {
    pub(super) fn new(sets: &'a PartSets) -> Self {
        let mut of_part = vec![Vec::new(); sets.prices.len()];
        for (at, fault) in sets.faults.iter().enumerate().filter(|(_, f)| f.weight > 0.0) {
            fault.parts.iter().for_each(|&part| of_part[part].push(at));
        }
        Self { sets, of_part }
    }

    /// `from` filled with parts of `may` until nothing more fits or enough is served.
    pub(super) fn fill(&self, from: &[bool], may: &[bool], limits: Limits) -> Vec<bool> {
        let faults = &self.sets.faults;
        let lacks = |parts: &[usize]| parts.iter().filter(|&&part| !from[part]).count() as u32;
        let mut filling = Filling {
            kit: from.to_vec(),
            left: limits.budget - self.sets.cost(from),
            served: self.sets.served(from),
            missing: faults.iter().map(|fault| lacks(&fault.parts)).collect(),
        };
        let possible: Vec<usize> = (0..faults.len())
            .filter(|&at| faults[at].weight > 0.0 && faults[at].parts.iter().all(|&part| may[part]))
            .collect();
        let mut hit = vec![0; faults.len()];
        while filling.served < limits.enough {
            let mut best: Option<Addition> = None;
            for &fault in &possible {
                let addition = self.addition(&filling, fault, &mut hit);
                if addition.is_some_and(|a| best.is_none_or(|b| a.per_yuan() > b.per_yuan())) {
                    best = addition;
                }
            }
            let Some(best) = best else { break };
            self.add(&mut filling, best);
        }
        filling.kit
    }

    /// What completing `fault` costs and serves, if it is not complete and the rest of the budget allows it; `hit` is all 0.
    fn addition(&self, filling: &Filling, fault: usize, hit: &mut [u32]) -> Option<Addition> {
        if filling.missing[fault] == 0 {
            return None;
        }
        let parts = self.sets.faults[fault].parts.iter();
        let added = parts.copied().filter(|&part| !filling.kit[part]);
        let cost: f64 = added.clone().map(|part| self.sets.prices[part]).sum();
        if cost > filling.left {
            return None;
        }
        let mut gain = 0.0;
        for &other in added.clone().flat_map(|part| &self.of_part[part]) {
            hit[other] += 1;
            if hit[other] == filling.missing[other] {
                gain += self.sets.faults[other].weight;
            }
        }
        for &other in added.flat_map(|part| &self.of_part[part]) {
            hit[other] = 0;
        }
        Some(Addition { fault, cost, gain })
    }

    fn add(&self, filling: &mut Filling, addition: Addition) {
        filling.left -= addition.cost;
        filling.served += addition.gain;
        for &part in &self.sets.faults[addition.fault].parts {
            if !filling.kit[part] {
                filling.kit[part] = true;
                self.of_part[part]
                    .iter()
                    .for_each(|&other| filling.missing[other] -= 1);
            }
        }
    }
}
