//! How much of a phrase of the tree stands in a clause: other words for the same keep some of its characters.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::clauses::Clause;

/// A phrase of the tree.
#[derive(Debug)]
struct Phrase {
    symptom: usize,
    denies: bool,
    /// Sum of the weights of its pieces.
    whole: f64,
}

/// The phrases of a tree, by their pieces.
#[derive(Debug, Default)]
pub(super) struct Phrases {
    phrases: Vec<Phrase>,
    /// Weight of every piece, its length in words and the phrases with it.
    pieces: HashMap<u32, (f64, usize, Vec<usize>)>,
}

impl Phrases {
    /// From the phrases of every symptom.
    pub(super) fn new<'p>(symptoms: impl Iterator<Item = &'p [String]>) -> Self {
        let clauses: Vec<(usize, Clause)> = symptoms
            .enumerate()
            .flat_map(|(at, phrases)| phrases.iter().map(move |phrase| (at, Clause::new(phrase))))
            .collect();
        let count = clauses.last().map_or(0, |last| last.0 + 1) as f64;
        let mut with: BTreeMap<u32, BTreeSet<usize>> = BTreeMap::new();
        for (symptom, clause) in &clauses {
            for (piece, _) in clause.pieces() {
                with.entry(piece).or_default().insert(*symptom);
            }
        }
        let mut made = Self::default();
        for (symptom, clause) in clauses {
            let mut whole = 0.0;
            for (piece, length) in clause.pieces() {
                let weight = ((count + 1.0) / with[&piece].len() as f64).ln();
                whole += weight;
                let entry = made.pieces.entry(piece).or_insert((weight, length, Vec::new()));
                entry.2.push(made.phrases.len());
            }
            let denies = clause.denies;
            made.phrases.push(Phrase {
                symptom,
                denies,
                whole,
            });
        }
        made
    }

    /// For every symptom that shares two words in a row with the clause: the share of its likest phrase that stands in it, 0..=1, by
    /// the weight ln(symptoms + 1 over those with the piece) of single words and pairs. Phrases that deny are only compared with
    /// clauses that do.
    pub(super) fn of(&self, clause: &Clause) -> BTreeMap<usize, f64> {
        let mut shared: BTreeMap<usize, (f64, bool)> = BTreeMap::new();
        for (piece, _) in clause.pieces() {
            let Some((weight, length, phrases)) = self.pieces.get(&piece) else {
                continue;
            };
            for &phrase in phrases
                .iter()
                .filter(|&&at| self.phrases[at].denies == clause.denies)
            {
                let (sum, pair) = shared.entry(phrase).or_default();
                *sum += weight;
                *pair |= *length > 1;
            }
        }
        let mut found: BTreeMap<usize, f64> = BTreeMap::new();
        for (at, (sum, _)) in shared.into_iter().filter(|(_, (_, pair))| *pair) {
            let phrase = &self.phrases[at];
            let best = found.entry(phrase.symptom).or_default();
            *best = best.max(sum / phrase.whole);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likeness_is_the_weighted_share_of_a_phrase_in_the_clause() {
        let phrases = [vec!["水管结冰".to_owned()], vec!["水管漏水".to_owned()]];
        let phrases = Phrases::new(phrases.iter().map(Vec::as_slice));
        let found = phrases.of(&Clause::new("水管冻成冰"));
        // Of 水 管 水管 (ln 3/2 each, both symptoms) and 结 冰 管结 结冰 (ln 3 each): all of the former and 冰.
        let (both, one) = (1.5_f64.ln(), 3_f64.ln());
        assert!((found[&0] - (3.0 * both + one) / (3.0 * both + 4.0 * one)).abs() < 1e-12);
        // 水 stands twice in 水管漏水, and counts once: 漏 管漏 漏水 are not there.
        assert!((found[&1] - 3.0 * both / (3.0 * both + 3.0 * one)).abs() < 1e-12);
    }

    #[test]
    fn a_clause_that_denies_is_only_like_phrases_that_do() {
        let phrases = [vec!["有糊味".to_owned()], vec!["不排水".to_owned()]];
        let phrases = Phrases::new(phrases.iter().map(Vec::as_slice));
        assert!(phrases.of(&Clause::new("闻着没有糊味")).is_empty());
        assert!(phrases.of(&Clause::new("排水很快")).is_empty());
        assert_eq!(
            phrases
                .of(&Clause::new("根本不排脏水"))
                .keys()
                .collect::<Vec<_>>(),
            [&1]
        );
    }
}
