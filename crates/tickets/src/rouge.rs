//! ROUGE on characters (Lin 2004), F1 × 100, as the CSDS paper reports it: white space is left out, every other character counts.

use std::collections::BTreeMap;

/// F1 × 100 of one candidate, or the mean over many.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct Rouge {
    /// Characters, 0..=100.
    pub rouge_1: f64,
    /// Character pairs, 0..=100.
    pub rouge_2: f64,
    /// Longest common subsequence, 0..=100.
    pub rouge_l: f64,
}

/// Scores one candidate against one reference. Two empty texts agree wholly. Cost: product of the lengths.
#[must_use]
pub fn rouge(candidate: &str, reference: &str) -> Rouge {
    let candidate = characters(candidate);
    let reference = characters(reference);
    Rouge {
        rouge_1: ngram_f1(&candidate, &reference, 1) * 100.0,
        rouge_2: ngram_f1(&candidate, &reference, 2) * 100.0,
        rouge_l: f1(
            longest_common(&candidate, &reference),
            candidate.len(),
            reference.len(),
        ) * 100.0,
    }
}

/// The mean of several scores; zero of none.
#[must_use]
pub fn mean(scores: &[Rouge]) -> Rouge {
    let count = scores.len().max(1) as f64;
    let sum = |pick: fn(&Rouge) -> f64| scores.iter().map(pick).sum::<f64>() / count;
    Rouge {
        rouge_1: sum(|s| s.rouge_1),
        rouge_2: sum(|s| s.rouge_2),
        rouge_l: sum(|s| s.rouge_l),
    }
}

fn characters(text: &str) -> Vec<char> {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

fn ngram_f1(candidate: &[char], reference: &[char], n: usize) -> f64 {
    let mut counts = BTreeMap::<&[char], (usize, usize)>::new();
    for gram in candidate.windows(n) {
        counts.entry(gram).or_default().0 += 1;
    }
    for gram in reference.windows(n) {
        counts.entry(gram).or_default().1 += 1;
    }
    let shared = counts.values().map(|&(left, right)| left.min(right)).sum();
    f1(
        shared,
        (candidate.len() + 1).saturating_sub(n),
        (reference.len() + 1).saturating_sub(n),
    )
}

fn f1(shared: usize, candidate: usize, reference: usize) -> f64 {
    match candidate + reference {
        0 => 1.0,
        sum => 2.0 * shared as f64 / sum as f64,
    }
}

/// Length of the longest common subsequence, by one row of the usual table.
fn longest_common(left: &[char], right: &[char]) -> usize {
    let mut row = vec![0; right.len() + 1];
    for a in left {
        let mut diagonal = 0;
        for (at, b) in right.iter().enumerate() {
            let above = row[at + 1];
            row[at + 1] = if a == b { diagonal + 1 } else { above.max(row[at]) };
            diagonal = above;
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_those_counted_by_hand() {
        let check = |candidate: &str, reference: &str, one: f64, two: f64, l: f64| {
            let found = rouge(candidate, reference);
            for (value, expected) in [(found.rouge_1, one), (found.rouge_2, two), (found.rouge_l, l)] {
                assert!(
                    (value - expected).abs() < 1e-9,
                    "{candidate} {reference} {found:?}"
                );
            }
        };
        check("空调漏水", "空调漏水", 100.0, 100.0, 100.0);
        check("空调 漏水", "空调漏水", 100.0, 100.0, 100.0);
        // 空调 shared: 2·2/(4+4); pair 空调: 2·1/(3+3); subsequence 空调: 2·2/8.
        check("空调漏水", "空调不冷", 50.0, 100.0 / 3.0, 50.0);
        // Order matters to pairs and subsequences only: 水漏 has no pair of 漏水, one of its subsequence.
        check("水漏", "漏水", 100.0, 0.0, 50.0);
        check("", "漏水", 0.0, 0.0, 0.0);
        check("", "", 100.0, 100.0, 100.0);
        check("漏", "水", 0.0, 100.0, 0.0);
    }

    #[test]
    fn the_mean_of_none_is_zero() {
        assert_eq!(mean(&[]), Rouge::default());
        let half = mean(&[rouge("漏水", "漏水"), rouge("", "漏水")]);
        assert!((half.rouge_1 - 50.0).abs() < 1e-9);
    }
}
