//! From a customer's own words to the symptoms they mean, where no phrase of the tree is among them.
//!
//! Comes in: the clauses of a text that the recognisers leave unexplained. Goes out: symptoms with the calibrated chance that the
//! text means them. Two voices say so: how much of a phrase of the tree stands in a clause (`likeness.rs`), and which symptoms
//! reported repairs with these words had that the recognisers did not find in them (`learnt.rs`). What a score of either has
//! meant so far is measured on the reports (`scale.rs`), each by what the others taught. Everything is counted, nothing is
//! iterated: learning anew is linear in the words of the reports.

mod clauses;
mod learnt;
mod likeness;
mod scale;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::observe::HEDGED;
use learnt::Learnt;
use likeness::Phrases;
use scale::Scale;

pub(crate) use clauses::{Clause, before_findings, clauses};

/// Symptoms linked to one text.
const MOST: usize = 3;
/// Chance below which a link does not count: with 0.1 instead, one in ten of the further links is right on the bundled notes to tune on
/// (`cargo run --example linked -- datasets intakes.jsonl intakes-dev.jsonl`).
const LEAST_CHANCE: f64 = 0.2;
/// Times by which the odds of a symptom must change for it to count.
const LEAST_RATIO: f64 = 3.0;
/// The least doubt of a link: what words only suggest never takes odds times more than 19.
const LEAST_DOUBT: f64 = 0.05;
/// Likeness below this is not counted: nearly every clause shares as much with some phrase.
const LEAST_LIKENESS: f64 = 0.4;
/// Chance that a clause means the symptom of a phrase so like it, by tenths, before reports are counted, and the weight of that in clauses:
/// rounded from the bundled notes and tickets to tune on. How many links of each chance are right tells the example `linked`.
const LIKENESS: ([f64; 10], f64) = ([0.02, 0.02, 0.03, 0.07, 0.15, 0.15, 0.37, 0.67, 0.8, 0.8], 20.0);
/// Repairs that the even share of every symptom is worth beside what was recorded.
const EVEN_REPAIRS: f64 = 20.0;

/// What may be said of a symptom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Claim {
    pub(crate) symptom: usize,
    pub(crate) present: bool,
}

/// What a reported repair teaches about words.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Said {
    /// Runs of words that the recognisers left unexplained, each once.
    runs: Vec<u32>,
    /// Symptoms with a phrase like one of the clauses, and how like.
    like: Vec<(usize, f64)>,
    /// Symptoms that the recognisers found in the text.
    told: BTreeSet<usize>,
    /// What was recorded.
    recorded: BTreeSet<Claim>,
}

impl Said {
    /// What was recorded of symptoms that the recognisers did not find.
    fn missed(&self) -> impl Iterator<Item = Claim> {
        let told = |claim: &&Claim| self.told.contains(&claim.symptom);
        self.recorded.iter().filter(move |claim| !told(claim)).copied()
    }
}

/// A symptom that a text means by other words.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Linked {
    pub(crate) claim: Claim,
    /// Calibrated chance that the text means it.
    pub(crate) chance: f64,
    /// Doubt of the report: with it the odds of the claim are taken times what this chance makes of them.
    pub(crate) doubt: f64,
}

/// The voices and their scales.
#[derive(Debug, Clone)]
pub(crate) struct Linker {
    phrases: Arc<Phrases>,
    likeness: Scale,
    learnt: Learnt,
    /// Share of the repairs that recorded each symptom.
    shares: Vec<f64>,
}

impl Linker {
    /// Knowing nothing but the phrases of every symptom.
    pub(crate) fn new<'p>(symptoms: impl ExactSizeIterator<Item = &'p [String]>) -> Self {
        let count = symptoms.len();
        Self {
            phrases: Arc::new(Phrases::new(symptoms)),
            likeness: Scale::new(LIKENESS.0, LIKENESS.1),
            learnt: Learnt::default(),
            shares: vec![1.0 / count.max(1) as f64; count],
        }
    }

    /// The same with what reported repairs teach.
    pub(crate) fn learnt<'s>(&self, said: impl Iterator<Item = &'s Said> + Clone) -> Self {
        let mut likeness = Scale::new(LIKENESS.0, LIKENESS.1);
        let even = 1.0 / self.shares.len().max(1) as f64;
        let mut present = vec![EVEN_REPAIRS * even; self.shares.len()];
        let mut repairs = EVEN_REPAIRS;
        for said in said.clone() {
            repairs += 1.0;
            for claim in said.recorded.iter().filter(|claim| claim.present) {
                present[claim.symptom] += 1.0;
            }
            for &(symptom, score) in said.like.iter().filter(|like| !said.told.contains(&like.0)) {
                likeness.count(
                    score,
                    said.recorded.contains(&Claim {
                        symptom,
                        present: true,
                    }),
                );
            }
        }
        likeness.settle();
        Self {
            phrases: self.phrases.clone(),
            likeness,
            learnt: Learnt::new(said),
            shares: present.into_iter().map(|present| present / repairs).collect(),
        }
    }

    /// What a repair teaches whose text has these clauses and whose record has these symptoms.
    pub(crate) fn said(&self, clauses: &[Clause], told: BTreeSet<usize>, recorded: BTreeSet<Claim>) -> Said {
        let mut like: BTreeMap<usize, f64> = BTreeMap::new();
        for (symptom, score) in clauses.iter().flat_map(|clause| self.like(clause)) {
            let best = like.entry(symptom).or_default();
            *best = best.max(score);
        }
        let mut runs: Vec<u32> = clauses.iter().flat_map(Clause::runs).collect();
        runs.sort_unstable();
        runs.dedup();
        Said {
            runs,
            like: like.into_iter().collect(),
            told,
            recorded,
        }
    }

    /// What the clauses mean beside the symptoms `told`: what changes the odds most first, at most three.
    pub(crate) fn link(&self, clauses: &[Clause], told: &BTreeSet<usize>) -> Vec<Linked> {
        let mut chances: BTreeMap<Claim, f64> = BTreeMap::new();
        for clause in clauses {
            let like = self.like(clause).map(|(symptom, score)| {
                (
                    Claim {
                        symptom,
                        present: true,
                    },
                    self.likeness.chance(score),
                )
            });
            for (claim, chance) in like.chain(self.learnt.chances(&clause.runs())) {
                let certainty = if clause.hedged { 1.0 - HEDGED } else { 1.0 };
                let best = chances.entry(claim).or_default();
                *best = best.max(chance * certainty);
            }
        }
        let mut found: Vec<Linked> = chances
            .into_iter()
            .filter(|(claim, _)| !told.contains(&claim.symptom))
            .map(|(claim, chance)| self.linked(claim, chance))
            .filter(|linked| linked.chance >= LEAST_CHANCE)
            .filter(|linked| linked.doubt <= 1.0 / (1.0 + LEAST_RATIO))
            .collect();
        found.sort_by(|a, b| b.chance.total_cmp(&a.chance).then(a.claim.cmp(&b.claim)));
        let mut once = BTreeSet::new();
        found.retain(|linked| once.insert(linked.claim.symptom));
        found.truncate(MOST);
        found
    }

    fn like(&self, clause: &Clause) -> impl Iterator<Item = (usize, f64)> {
        let found = self.phrases.of(clause).into_iter();
        found.filter(|(_, score)| *score >= LEAST_LIKENESS)
    }

    /// With chance q the words mean a claim of usual share u, otherwise they say nothing of it: its chance is q + (1 − q) u, and its odds
    /// are taken times 1 + q / (u (1 − q)).
    fn linked(&self, claim: Claim, chance: f64) -> Linked {
        let share = self.shares[claim.symptom];
        let usual = if claim.present { share } else { 1.0 - share };
        let ratio = 1.0 + chance / (usual * (1.0 - chance)).max(1e-9);
        Linked {
            claim,
            chance,
            doubt: (1.0 / (1.0 + ratio)).max(LEAST_DOUBT),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linker() -> Linker {
        let phrases = [
            vec!["不制冷".to_owned(), "吹自然风".to_owned()],
            vec!["外机不转".to_owned()],
        ];
        Linker::new(phrases.iter().map(Vec::as_slice))
    }

    fn found(linker: &Linker, text: &str) -> Vec<Linked> {
        linker.link(&clauses(text, &[]), &BTreeSet::new())
    }

    #[test]
    fn words_like_a_phrase_mean_its_symptom_with_the_chance_of_that_likeness() {
        let found = found(&linker(), "风跟自然风一样，昨天开始");
        // 然, 自, 风, 自然, 然风 of 吹自然风, all of one symptom: 5 of 7 pieces, a chance of .67, of a symptom with a share of 1/2.
        let claim = Claim {
            symptom: 0,
            present: true,
        };
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].claim, found[0].chance), (claim, 0.67));
        // The odds are taken times 1 + .67 / (.5 · .33).
        let ratio = 1.0 + 0.67 / (0.5 * 0.33);
        assert!((found[0].doubt - 1.0 / (1.0 + ratio)).abs() < 1e-12);
    }

    #[test]
    fn a_supposition_counts_less_and_what_is_told_is_not_linked() {
        let linked = found(&linker(), "好像跟自然风一样");
        assert!((linked[0].chance - 0.67 * 0.8).abs() < 1e-12);
        let clauses = clauses("跟自然风一样", &[]);
        assert_eq!(linker().link(&clauses, &BTreeSet::from([0])), []);
        assert_eq!(found(&linker(), "外机转得好好的"), []);
    }

    #[test]
    fn words_that_earlier_repairs_said_of_a_missed_symptom_are_linked_to_it() {
        let present = |symptom| Claim {
            symptom,
            present: true,
        };
        let told = |text: &str, recorded: Vec<Claim>| {
            linker().said(
                &clauses(text, &[]),
                BTreeSet::new(),
                recorded.into_iter().collect(),
            )
        };
        let mut said = vec![told("屋里闷得慌", vec![present(0)]); 12];
        said.extend(vec![told("外面那台装死", vec![present(1)]); 12]);
        let learnt = linker().learnt(said.iter());
        let linked = found(&learnt, "昨晚起屋里闷得慌");
        assert_eq!(linked[0].claim, present(0));
        // Without itself each repair's runs have 11 of 11, and the usual share is (12 + .4) / 44: (11 + .8454…) / 14 is in the ninth tenth,
        // where 24 of 24 were right and .7 is worth 5; the tenth, without any, is .8 worth 5 and must not be less.
        assert!(
            (linked[0].chance - (24.0 + 3.5 + 4.0) / 34.0).abs() < 1e-12,
            "{linked:?}"
        );
        assert_eq!(found(&linker(), "昨晚起屋里闷得慌"), []);
        // Who was told of it teaches nothing about the words.
        let told = Said {
            told: BTreeSet::from([0]),
            ..said[0].clone()
        };
        assert_eq!(found(&linker().learnt([told].iter()), "屋里闷得慌"), []);
    }
}
