//! LexRank (Erkan & Radev 2004) over character bigrams weighted by tf·idf.

use std::collections::BTreeMap;

/// Probability of following a similarity rather than jumping anywhere.
const DAMPING: f64 = 0.85;
/// Similarities below this are noise of common characters.
const THRESHOLD: f64 = 0.04;
/// The power iteration stops when no rank moves by more than this, or after [`MOST_ROUNDS`].
const TOLERANCE: f64 = 1e-6;
const MOST_ROUNDS: usize = 60;

/// Sentences as unit vectors of bigram weights.
pub(crate) struct Graph {
    vectors: Vec<BTreeMap<(char, char), f64>>,
}

impl Graph {
    pub(crate) fn new(texts: &[String]) -> Self {
        let counts: Vec<BTreeMap<(char, char), f64>> = texts.iter().map(|text| bigrams(text)).collect();
        let mut containing = BTreeMap::<(char, char), f64>::new();
        for bigram in counts.iter().flat_map(|count| count.keys()) {
            *containing.entry(*bigram).or_default() += 1.0;
        }
        let total = texts.len() as f64;
        let vectors = counts.into_iter().map(|count| {
            let weighted: BTreeMap<_, _> = count
                .into_iter()
                .map(|(bigram, tf)| {
                    (
                        bigram,
                        tf * (1.0 + (total + 1.0) / (containing[&bigram] + 0.5)).ln(),
                    )
                })
                .collect();
            let norm = weighted.values().map(|w| w * w).sum::<f64>().sqrt();
            weighted
                .into_iter()
                .map(|(bigram, w)| (bigram, if norm > 0.0 { w / norm } else { 0.0 }))
                .collect()
        });
        Self {
            vectors: vectors.collect(),
        }
    }

    /// Cosine similarity of two sentences, 0..=1.
    pub(crate) fn similarity(&self, left: usize, right: usize) -> f64 {
        let (small, large) = if self.vectors[left].len() <= self.vectors[right].len() {
            (left, right)
        } else {
            (right, left)
        };
        self.vectors[small]
            .iter()
            .filter_map(|(bigram, w)| Some(w * self.vectors[large].get(bigram)?))
            .sum()
    }

    /// Rank of every sentence, the greatest 1. Cost: square of the sentences times their length.
    pub(crate) fn ranks(&self) -> Vec<f64> {
        let count = self.vectors.len();
        let mut links: Vec<Vec<(usize, f64)>> = vec![Vec::new(); count];
        for left in 0..count {
            for right in left + 1..count {
                let similarity = self.similarity(left, right);
                if similarity >= THRESHOLD {
                    links[left].push((right, similarity));
                    links[right].push((left, similarity));
                }
            }
        }
        let ranks = walk(&links);
        let most = ranks.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        ranks.into_iter().map(|rank| rank / most).collect()
    }
}

fn walk(links: &[Vec<(usize, f64)>]) -> Vec<f64> {
    let count = links.len().max(1) as f64;
    let sums: Vec<f64> = links.iter().map(|out| out.iter().map(|(_, w)| w).sum()).collect();
    let mut ranks = vec![1.0 / count; links.len()];
    for _ in 0..MOST_ROUNDS {
        let stranded: f64 = (0..links.len())
            .filter(|&i| links[i].is_empty())
            .map(|i| ranks[i])
            .sum();
        let next: Vec<f64> = links
            .iter()
            .map(|into| {
                let flow: f64 = into.iter().map(|&(from, w)| ranks[from] * w / sums[from]).sum();
                (1.0 - DAMPING) / count + DAMPING * (flow + stranded / count)
            })
            .collect();
        let moved = ranks
            .iter()
            .zip(&next)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f64::max);
        ranks = next;
        if moved < TOLERANCE {
            break;
        }
    }
    ranks
}

fn bigrams(text: &str) -> BTreeMap<(char, char), f64> {
    let chars: Vec<char> = text
        .chars()
        .filter(|c| c.is_alphanumeric())
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let mut counts = BTreeMap::new();
    for pair in chars.windows(2) {
        *counts.entry((pair[0], pair[1])).or_default() += 1.0;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(texts: &[&str]) -> Graph {
        Graph::new(&texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn the_sentence_that_others_repeat_ranks_first() {
        let ranks = graph(&["空调不制冷外机不转", "空调不制冷", "外机不转了", "今天天气好"]).ranks();
        assert!((ranks[0] - 1.0).abs() < 1e-12, "{ranks:?}");
        assert!(ranks[3] < ranks[1] && ranks[3] < ranks[2], "{ranks:?}");
    }

    #[test]
    fn similarity_is_one_with_itself_and_symmetric() {
        let graph = graph(&["空调漏水", "漏水严重", ""]);
        assert!((graph.similarity(0, 0) - 1.0).abs() < 1e-12);
        assert!((graph.similarity(0, 1) - graph.similarity(1, 0)).abs() < 1e-12);
        assert_eq!(graph.similarity(0, 2), 0.0);
        assert_eq!(Graph::new(&[]).ranks(), Vec::<f64>::new());
    }
}
