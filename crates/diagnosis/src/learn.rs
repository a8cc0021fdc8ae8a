//! Learning from reported repairs: how often each cause occurs, per model, region and season.
//!
//! A repair counts once, in its most specific cell; the path of cells is all → model → province → season. Going down, each
//! level's counts without those of the next cell on the path are shrunk towards the level above:
//! m_i = (k_i + κ_i·m_{i−1}) / (n_i + κ_i), m_{−1} being the expert's tree, whose weight κ_0 is its equivalent sample size.
//! κ of the other levels maximises the beta-binomial likelihood of sibling cells on a grid, where there are enough.
//!
//! Counts are integers in units of 2⁻³², and soft counts use the expert's tree, not what was learnt: taking a report back
//! leaves no trace, and the order of reports does not matter.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use shifu_domain::{ModelNumber, Region};

use crate::beta;

/// One repair in count units.
const UNIT: f64 = 4_294_967_296.0;
/// Levels of a path: all, model, province, season.
pub(crate) const LEVELS: usize = 4;
/// κ where it cannot be estimated, and the grid where it can.
const KAPPA_DEFAULT: f64 = 50.0;
const KAPPA_GRID: [f64; 10] = [2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0];
/// Repairs needed before κ is estimated.
const KAPPA_REPAIRS: u64 = 30;

/// How strongly cells are shrunk to their parent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shrinkage {
    /// Maximum likelihood over sibling cells (grid 2 to 2,000); 50 with fewer than 30 repairs or 2 siblings.
    MaximumLikelihood,
    /// This equivalent sample size at every level below the tree's.
    Fixed(f64),
}

/// The cell names of one appliance, from the widest.
pub(crate) type Path = Vec<String>;

/// The path of a model, region and `YYYY-MM-DD` date; it ends where something is unknown.
pub(crate) fn path(model: Option<&ModelNumber>, region: Option<&Region>, date: Option<&str>) -> Path {
    let mut path = vec![String::new()];
    let Some(model) = model else { return path };
    path.push(model.to_string());
    let Some(region) = region else { return path };
    path.push(region.as_str()[..2].to_owned());
    if let Some(season) = date.and_then(season) {
        path.push(season.to_owned());
    }
    path
}

/// The meteorological season of a date, on the northern half.
pub(crate) fn season(date: &str) -> Option<&'static str> {
    let date: jiff::civil::Date = date.get(..10)?.parse().ok()?;
    Some(match date.month() {
        3..=5 => "spring",
        6..=8 => "summer",
        9..=11 => "autumn",
        _ => "winter",
    })
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Cell {
    repairs: u64,
    by_cause: BTreeMap<u32, u64>,
}

/// One remembered repair.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Remembered {
    pub(crate) path: Path,
    /// Cause (by position) and its share in count units.
    pub(crate) shares: BTreeMap<u32, u64>,
    /// Positions of symptoms that were present.
    pub(crate) symptoms: Vec<usize>,
    /// Fault codes shown.
    pub(crate) codes: Vec<String>,
}

/// Everything learnt.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) reports: BTreeMap<(String, u32), Option<Remembered>>,
    cells: BTreeMap<Path, Cell>,
    kappas: OnceLock<[f64; LEVELS]>,
}

impl Memory {
    /// Takes a report in, replacing an earlier one of the same ticket and visit; `None` is remembered as uncounted.
    /// Returns whether one was replaced.
    pub(crate) fn report(&mut self, ticket: &str, visit: u32, repair: Option<Remembered>) -> bool {
        let key = (ticket.to_owned(), visit);
        let old = self.reports.insert(key, repair.clone());
        if let Some(Some(old)) = &old {
            self.count(old, |have, change| *have -= change);
        }
        if let Some(new) = &repair {
            self.count(new, |have, change| *have += change);
        }
        self.cells.retain(|_, cell| cell.repairs > 0);
        self.kappas = OnceLock::new();
        old.is_some()
    }

    fn count(&mut self, repair: &Remembered, change: impl Fn(&mut u64, u64)) {
        for length in 1..=repair.path.len() {
            let cell = self.cells.entry(repair.path[..length].to_vec()).or_default();
            change(&mut cell.repairs, 1);
            for (&cause, &share) in &repair.shares {
                change(cell.by_cause.entry(cause).or_default(), share);
            }
            cell.by_cause.retain(|_, count| *count > 0);
        }
    }

    /// Repairs that count.
    pub(crate) fn repairs(&self) -> u64 {
        self.cells
            .get([String::new()].as_slice())
            .map_or(0, |cell| cell.repairs)
    }

    /// Beta parameters of every event's frequency on `path`; their mean is the learnt prior.
    pub(crate) fn frequencies(
        &self,
        path: &[String],
        tree: &[f64],
        prior_size: f64,
        shrinkage: Shrinkage,
    ) -> Vec<(f64, f64)> {
        let kappas = match shrinkage {
            Shrinkage::Fixed(kappa) => [prior_size, kappa, kappa, kappa],
            Shrinkage::MaximumLikelihood => *self.kappas.get_or_init(|| self.estimate(tree, prior_size)),
        };
        let cells: Vec<Option<&Cell>> = (1..=path.len())
            .map(|length| self.cells.get(&path[..length]))
            .collect();
        let count = |cell: Option<&Cell>, event: u32| {
            cell.map_or((0, 0), |c| {
                (c.by_cause.get(&event).copied().unwrap_or(0), c.repairs)
            })
        };
        let mut found = Vec::with_capacity(tree.len());
        for (event, &expert) in tree.iter().enumerate() {
            let (mut mean, mut shape) = (expert, (prior_size * expert, prior_size * (1.0 - expert)));
            for (level, cell) in cells.iter().enumerate() {
                let (inner_k, inner_n) = count(cells.get(level + 1).copied().flatten(), event as u32);
                let (k, n) = count(*cell, event as u32);
                let (k, n) = (
                    k.saturating_sub(inner_k) as f64 / UNIT,
                    n.saturating_sub(inner_n) as f64,
                );
                // A level that says nothing must not weaken or strengthen the one above.
                if n > 0.0 || level == 0 {
                    let kappa = kappas[level];
                    shape = (k + kappa * mean, (n - k).max(0.0) + kappa * (1.0 - mean));
                    mean = shape.0 / (shape.0 + shape.1);
                }
            }
            found.push(shape);
        }
        found
    }

    fn estimate(&self, tree: &[f64], prior_size: f64) -> [f64; LEVELS] {
        let mut kappas = [KAPPA_DEFAULT; LEVELS];
        kappas[0] = prior_size;
        if self.repairs() < KAPPA_REPAIRS {
            return kappas;
        }
        for (level, kappa) in kappas.iter_mut().enumerate().skip(1) {
            let cells: Vec<(&Path, &Cell)> = self
                .cells
                .iter()
                .filter(|(path, _)| path.len() == level + 1)
                .collect();
            if cells.len() < 2 {
                continue;
            }
            let likelihood = |kappa: f64| -> f64 {
                cells
                    .iter()
                    .map(|(p, c)| self.cell_likelihood(p, c, tree, prior_size, kappa))
                    .sum()
            };
            let best = KAPPA_GRID
                .iter()
                .map(|&k| (likelihood(k), k))
                .max_by(|a, b| a.0.total_cmp(&b.0));
            *kappa = best.map_or(KAPPA_DEFAULT, |(_, k)| k);
        }
        kappas
    }

    fn cell_likelihood(
        &self,
        path: &[String],
        cell: &Cell,
        tree: &[f64],
        prior_size: f64,
        kappa: f64,
    ) -> f64 {
        let Some(parent) = self.cells.get(&path[..path.len() - 1]) else {
            return 0.0;
        };
        let mut sum = 0.0;
        for (&cause, &parent_count) in parent.by_cause.iter().filter(|(_, count)| **count > 0) {
            let expert = tree[cause as usize].clamp(1e-9, 1.0 - 1e-9);
            let mean =
                (parent_count as f64 / UNIT + prior_size * expert) / (parent.repairs as f64 + prior_size);
            let k = cell
                .by_cause
                .get(&cause)
                .map_or(0.0, |&count| count as f64 / UNIT);
            sum += beta::ln_likelihood(k, cell.repairs as f64, mean.clamp(1e-9, 1.0 - 1e-9), kappa);
        }
        sum
    }
}

/// A share 0..=1 in count units.
pub(crate) fn units(share: f64) -> u64 {
    (share.clamp(0.0, 1.0) * UNIT).round() as u64
}

/// Count units as a share.
pub(crate) fn share(units: u64) -> f64 {
    units as f64 / UNIT
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repair(model: &str, cause: u32) -> Remembered {
        let path = path(Some(&ModelNumber::new(model).unwrap()), None, None);
        Remembered {
            path,
            shares: BTreeMap::from([(cause, units(1.0))]),
            symptoms: vec![],
            codes: vec![],
        }
    }

    fn mean(shape: (f64, f64)) -> f64 {
        shape.0 / (shape.0 + shape.1)
    }

    #[test]
    fn counts_are_shrunk_to_the_parent_and_the_tree() {
        let mut memory = Memory::default();
        memory.report("T1", 1, Some(repair("A", 0)));
        memory.report("T2", 1, Some(repair("B", 1)));
        let at = |memory: &Memory, model: &str| {
            let path = path(Some(&ModelNumber::new(model).unwrap()), None, None);
            mean(memory.frequencies(&path, &[0.1, 0.1], 10.0, Shrinkage::Fixed(4.0))[0])
        };
        // Model A: all but A: 0 of 1, (0 + 10/10)/(1 + 10) = 1/11; then A's 1 of 1: (1 + 4/11)/(1 + 4) = 15/55 = 3/11.
        assert!((at(&memory, "A") - 3.0 / 11.0).abs() < 1e-12);
        // Model B: all but B: 1 of 1, (1 + 1)/11 = 2/11; then B's 0 of 1: (8/11)/5 = 8/55.
        assert!((at(&memory, "B") - 8.0 / 55.0).abs() < 1e-12);
        // An unseen model: 1 of 2: (1 + 1)/(2 + 10) = 1/6.
        assert!((at(&memory, "C") - 1.0 / 6.0).abs() < 1e-12);
    }

    #[test]
    fn a_replaced_report_leaves_no_trace() {
        let (mut once, mut twice) = (Memory::default(), Memory::default());
        assert!(!twice.report("T1", 1, Some(repair("A", 0))));
        assert!(twice.report("T1", 1, Some(repair("B", 1))));
        once.report("T1", 1, Some(repair("B", 1)));
        assert_eq!(once.cells, twice.cells);
        assert_eq!(twice.repairs(), 1);
        twice.report("T1", 1, None);
        assert!(twice.cells.is_empty());
    }

    #[test]
    fn seasons_follow_the_month() {
        assert_eq!(season("2025-07-01T08:00:00+08:00"), Some("summer"));
        assert_eq!(season("2025-12-31"), Some("winter"));
        assert_eq!(season("2025-13-31"), None);
        assert_eq!(season("去年"), None);
    }

    #[test]
    fn sibling_cells_that_differ_are_shrunk_less_than_alike_ones() {
        let fill = |causes: [u32; 2]| {
            let mut memory = Memory::default();
            for i in 0..40_u32 {
                let model = (i % 2) as usize;
                let cause = if causes[0] == causes[1] {
                    (i / 2) % 2
                } else {
                    causes[model]
                };
                memory.report(&format!("T{i}"), 1, Some(repair(["A", "B"][model], cause)));
            }
            memory.estimate(&[0.1, 0.1], 10.0)[1]
        };
        assert!(fill([0, 1]) < fill([0, 0]), "{} {}", fill([0, 1]), fill([0, 0]));
    }
}
