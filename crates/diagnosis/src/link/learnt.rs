//! Which runs of words the symptoms that the recognisers missed go along with, counted over reported repairs.

use std::collections::{BTreeMap, HashMap};

use super::scale::Scale;
use super::{Claim, Said};

/// Repairs that the usual share of a claim is worth beside a run's own.
const USUAL_REPAIRS: f64 = 3.0;
/// Share of repairs that miss a claim before any is seen, and the weight of that in repairs.
const MISSED: (f64, f64) = (0.02, 20.0);
/// Chance of what a run's share says of a claim, by tenths of that share, before it is measured, and the weight of that.
const SHARES: ([f64; 10], f64) = ([0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8], 5.0);

/// Repairs with a run, and by claim how many of them the recognisers missed it in.
#[derive(Debug, Clone, Default)]
struct Tally {
    repairs: f64,
    missed: BTreeMap<Claim, f64>,
}

/// Runs of words counted.
#[derive(Debug, Clone)]
pub(super) struct Learnt {
    runs: HashMap<u32, Tally>,
    usual: BTreeMap<Claim, f64>,
    scale: Scale,
}

impl Default for Learnt {
    fn default() -> Self {
        Self {
            runs: HashMap::new(),
            usual: BTreeMap::new(),
            scale: Scale::new(SHARES.0, SHARES.1),
        }
    }
}

impl Learnt {
    /// Counts, then measures what the counts without a repair would have said of it. Linear in the words.
    pub(super) fn new<'s>(said: impl Iterator<Item = &'s Said> + Clone) -> Self {
        let mut learnt = Self::default();
        let (mut repairs, mut missed) = (0.0, BTreeMap::<Claim, f64>::new());
        for said in said.clone() {
            repairs += 1.0;
            said.missed()
                .for_each(|claim| *missed.entry(claim).or_default() += 1.0);
            for run in &said.runs {
                let tally = learnt.runs.entry(*run).or_default();
                tally.repairs += 1.0;
                for claim in said.missed() {
                    *tally.missed.entry(claim).or_default() += 1.0;
                }
            }
        }
        let (share, weight) = MISSED;
        let usual = |(claim, missed): (Claim, f64)| (claim, (missed + share * weight) / (repairs + weight));
        learnt.usual = missed.into_iter().map(usual).collect();
        for said in said {
            for (claim, score) in learnt.scores(&said.runs, Some(said)) {
                if !said.told.contains(&claim.symptom) {
                    learnt.scale.count(score, said.recorded.contains(&claim));
                }
            }
        }
        learnt.scale.settle();
        learnt
    }

    /// By claim the highest share among the runs, each shrunk to the usual share; without what `own` has added to the counts.
    fn scores(&self, runs: &[u32], own: Option<&Said>) -> BTreeMap<Claim, f64> {
        let mut scores: BTreeMap<Claim, f64> = BTreeMap::new();
        let less = f64::from(u8::from(own.is_some()));
        for tally in runs.iter().filter_map(|run| self.runs.get(run)) {
            for (&claim, &missed) in &tally.missed {
                let own = own.is_some_and(|own| own.missed().any(|other| other == claim));
                let missed = missed - f64::from(u8::from(own));
                if missed > 0.0 {
                    let usual = self.usual.get(&claim).copied().unwrap_or(MISSED.0);
                    let share = (missed + USUAL_REPAIRS * usual) / (tally.repairs - less + USUAL_REPAIRS);
                    let best = scores.entry(claim).or_default();
                    *best = best.max(share);
                }
            }
        }
        scores
    }

    /// The chance of every claim that the runs of a clause have gone along with.
    pub(super) fn chances(&self, runs: &[u32]) -> impl Iterator<Item = (Claim, f64)> {
        let scores = self.scores(runs, None).into_iter();
        scores.map(|(claim, score)| (claim, self.scale.chance(score)))
    }
}
