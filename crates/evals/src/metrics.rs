//! The measures of quality and latency, each a pure function over plain numbers.

/// nDCG at `k` with gains `2^score - 1` (Järvelin & Kekäläinen 2002). `ranked` are the relevance scores in rank order, `ideal`
/// every judged score of the query. 0 where nothing is relevant.
#[must_use]
pub fn ndcg(ranked: &[f64], ideal: &[f64], k: usize) -> f64 {
    let dcg = |scores: &[f64]| -> f64 {
        scores
            .iter()
            .take(k)
            .enumerate()
            .map(|(rank, score)| (score.exp2() - 1.0) / (rank as f64 + 2.0).log2())
            .sum()
    };
    let mut best = ideal.to_vec();
    best.sort_by(|a, b| b.total_cmp(a));
    let ceiling = dcg(&best);
    if ceiling > 0.0 { dcg(ranked) / ceiling } else { 0.0 }
}

/// Reciprocal rank of the first relevant result within the first `k`; 0 where there is none.
#[must_use]
pub fn reciprocal_rank(ranked: &[f64], k: usize) -> f64 {
    ranked
        .iter()
        .take(k)
        .position(|&score| score > 0.0)
        .map_or(0.0, |at| 1.0 / (at as f64 + 1.0))
}

/// Share of the `relevant` documents found within the first `k`.
#[must_use]
pub fn recall(ranked: &[f64], relevant: usize, k: usize) -> f64 {
    if relevant == 0 {
        return 0.0;
    }
    ranked.iter().take(k).filter(|&&score| score > 0.0).count() as f64 / relevant as f64
}

/// Area under the ROC curve: the chance that a positive scores above a negative, ties counting half (Mann & Whitney 1947).
/// NaN where either side is empty.
#[must_use]
pub fn auroc(negatives: &[f64], positives: &[f64]) -> f64 {
    let mut sorted = negatives.to_vec();
    sorted.sort_by(f64::total_cmp);
    let wins: f64 = positives
        .iter()
        .map(|score| {
            let below = sorted.partition_point(|other| other < score);
            let not_above = sorted.partition_point(|other| other <= score);
            below as f64 + (not_above - below) as f64 / 2.0
        })
        .sum();
    wins / (negatives.len() as f64 * positives.len() as f64)
}

/// The `share` quantile (0..=1) by the nearest-rank rule; NaN for no values.
#[must_use]
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil().max(1.0) as usize;
    sorted.get(rank - 1).copied().unwrap_or(f64::NAN)
}

/// Mean; 0 for no values.
#[must_use]
pub fn mean(values: &[f64]) -> f64 {
    if values.is_empty() {
        0.0
    } else {
        values.iter().sum::<f64>() / values.len() as f64
    }
}

/// `part / whole`, 0 where the whole is nothing.
#[must_use]
pub fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranking_measures_by_hand() {
        let ranked = [0.0, 1.0, 0.0, 1.0];
        assert_eq!(reciprocal_rank(&ranked, 10), 0.5);
        assert_eq!(recall(&ranked, 2, 2), 0.5);
        // (1/log2(3) + 1/log2(5)) / (1 + 1/log2(3)) = (0.63093 + 0.43068) / 1.63093
        assert!((ndcg(&ranked, &[1.0, 1.0], 10) - 0.650_92).abs() < 1e-4);
        assert_eq!(reciprocal_rank(&[0.0; 3], 10), 0.0);
    }

    #[test]
    fn auroc_counts_ties_half() {
        // positives 2 and 1 over negatives 1 and 0: 2>1, 2>0, 1=1, 1>0 -> 3.5 / 4
        assert_eq!(auroc(&[1.0, 0.0], &[2.0, 1.0]), 0.875);
        assert!(auroc(&[], &[1.0]).is_nan());
    }

    #[test]
    fn quantiles_are_values_that_occurred() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(
            (
                quantile(&values, 0.5),
                quantile(&values, 0.99),
                quantile(&values, 1.0)
            ),
            (50.0, 99.0, 100.0)
        );
        assert!(quantile(&[], 0.5).is_nan());
    }
}
