//! Past repairs whose text is nearest, by BM25 (Robertson & Zaragoza 2009) over words and pairs of words.
//!
//! An inverted index of our own instead of tantivy's: a repair is found the moment it is added, without a commit or a reload
//! of segments; a repair can be left out of its own search, which the weights are learnt by; and the whole is the sum below.

use std::collections::{BTreeMap, HashMap};

use super::words::terms;

const SATURATION: f64 = 1.2;
const LENGTH_SHARE: f64 = 0.75;

/// A past repair and how near its text is; the score has no unit and only compares within one search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Neighbour {
    pub(super) repair: usize,
    pub(super) score: f64,
}

/// The index. Repairs are numbered from 0 in the order in which they were added.
#[derive(Debug, Clone, Default)]
pub(super) struct Neighbours {
    ids: HashMap<String, usize>,
    /// For each term the repairs that have it, with how often.
    postings: Vec<Vec<(usize, u32)>>,
    lengths: Vec<usize>,
    length_sum: usize,
}

impl Neighbours {
    /// Adds the next repair.
    pub(super) fn add(&mut self, words: &[String]) {
        let repair = self.lengths.len();
        let counted = counts(terms(words));
        let length = counted.values().map(|&count| count as usize).sum();
        for (term, count) in counted {
            let next = self.postings.len();
            let id = *self.ids.entry(term).or_insert(next);
            if id == next {
                self.postings.push(Vec::new());
            }
            self.postings[id].push((repair, count));
        }
        self.lengths.push(length);
        self.length_sum += length;
    }

    /// The `count` nearest repairs, best first, and all that are as near as the last of them, so that the order of adding
    /// does not matter. `without` leaves one repair out. Cost: the postings of the text's terms.
    pub(super) fn nearest(&self, words: &[String], count: usize, without: Option<usize>) -> Vec<Neighbour> {
        let mut scores = vec![0.0; self.lengths.len()];
        let mean_length = (self.length_sum as f64 / self.lengths.len().max(1) as f64).max(1.0);
        for term in counts(terms(words)).keys() {
            let Some(&id) = self.ids.get(term) else { continue };
            let postings = &self.postings[id];
            let rarity = rarity(self.lengths.len(), postings.len());
            for &(repair, count) in postings {
                let norm = 1.0 - LENGTH_SHARE + LENGTH_SHARE * self.lengths[repair] as f64 / mean_length;
                let count = f64::from(count);
                scores[repair] += rarity * count * (SATURATION + 1.0) / (count + SATURATION * norm);
            }
        }
        if let Some(score) = without.and_then(|own| scores.get_mut(own)) {
            *score = 0.0;
        }
        best(&scores, count)
    }
}

/// How much a term tells that `holding` of `all` repairs have: ln(1 + (N − n + ½) / (n + ½)).
fn rarity(all: usize, holding: usize) -> f64 {
    (1.0 + (all as f64 - holding as f64 + 0.5) / (holding as f64 + 0.5)).ln()
}

fn best(scores: &[f64], count: usize) -> Vec<Neighbour> {
    let mut found: Vec<Neighbour> = scores
        .iter()
        .enumerate()
        .filter(|(_, score)| **score > 0.0)
        .map(|(repair, &score)| Neighbour { repair, score })
        .collect();
    found.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.repair.cmp(&b.repair)));
    if let Some(last) = count
        .checked_sub(1)
        .and_then(|last| found.get(last))
        .map(|n| n.score)
    {
        found.retain(|neighbour| neighbour.score >= last);
    }
    found
}

/// Each term with how often it occurs, in the order of the terms, so that sums do not depend on a hash.
pub(super) fn counts(terms: Vec<String>) -> BTreeMap<String, u32> {
    let mut counted = BTreeMap::new();
    for term in terms {
        *counted.entry(term).or_insert(0) += 1;
    }
    counted
}

#[cfg(test)]
mod tests {
    use super::super::words::words;
    use super::*;

    fn index(texts: &[&str]) -> Neighbours {
        let mut index = Neighbours::default();
        texts.iter().for_each(|text| index.add(&words(text)));
        index
    }

    fn nearest(index: &Neighbours, text: &str, count: usize) -> Vec<usize> {
        let found = index.nearest(&words(text), count, None);
        found.iter().map(|neighbour| neighbour.repair).collect()
    }

    #[test]
    fn the_score_is_bm25_by_hand() {
        // One term in one of two texts of lengths 1 and 1: ln(1 + 1.5/1.5) · 1 · 2.2 / (1 + 1.2) = ln 2.
        let found = index(&["fan", "pump"]).nearest(&words("fan"), 1, None);
        assert_eq!(found.len(), 1);
        assert!((found[0].score - 2_f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn the_same_text_is_nearest_and_can_be_left_out() {
        let index = index(&["fan rattles at night", "fan rattles", "水泵不排水"]);
        assert_eq!(nearest(&index, "fan rattles", 1), [1]);
        assert_eq!(nearest(&index, "不排水", 3), [2]);
        assert_eq!(index.nearest(&words("fan rattles"), 1, Some(1))[0].repair, 0);
        assert_eq!(nearest(&index, "", 3), [0; 0]);
    }

    #[test]
    fn all_that_tie_with_the_last_are_found() {
        let index = index(&["fan", "fan", "fan", "pump"]);
        assert_eq!(nearest(&index, "fan", 1), [0, 1, 2]);
    }
}
