//! Alarm by budget: p-values that hold for any encoder, from good photos only.
//!
//! With scores s_1 … s_n of good photos that are not in the bank, p = (1 + #{i : s_i >= s}) / (n + 1) is at most α with
//! probability at most α for a further good photo of the same kind (split conformal; Vovk et al. 2005, Hennhöfer &
//! Preisach 2024). Leave-one-out scores use every photo, at the price that only 2α is proven (jackknife+, Barber et al. 2021).

use serde::{Deserialize, Serialize};

/// Where the calibration scores come from, and so what is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CalibrationMode {
    /// From photos that are not in the bank: false alarms at most α.
    Split,
    /// Every photo scored against the others: about α, at most 2α.
    LeaveOneOut,
    /// Too few photos for the budget: no alarm is raised.
    TooFew,
}

impl CalibrationMode {
    /// What is proven, in Chinese, for evidence and reports.
    #[must_use]
    pub fn guarantee(self) -> &'static str {
        match self {
            Self::Split => "分离校准：误报率不超过预算",
            Self::LeaveOneOut => "留一校准：误报率约等于预算，保证不超过预算的 2 倍",
            Self::TooFew => "合格照片不足，不作判定",
        }
    }
}

/// The conformal p-value of a photo of which `as_extreme` of `calibration` scores are at least as large as its own.
pub(crate) fn p_value(as_extreme: usize, calibration: usize) -> f64 {
    (1.0 + as_extreme as f64) / (1.0 + calibration as f64)
}

/// Fewest calibration photos with which an alarm at budget `alpha` is possible at all: ⌈1/α⌉ − 1.
#[must_use]
pub fn photos_needed(alpha: f64) -> usize {
    if alpha > 0.0 && alpha < 1.0 {
        ((1.0 / alpha - 1e-9).ceil() as usize).saturating_sub(1)
    } else {
        usize::MAX
    }
}

/// Which of the usual budgets `calibration` photos support.
pub(crate) fn budgets_supported(calibration: usize) -> Vec<f64> {
    [0.01, 0.02, 0.05, 0.1]
        .into_iter()
        .filter(|alpha| calibration >= photos_needed(*alpha))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn budgets_need_one_over_alpha_photos() {
        for (alpha, needed) in [(0.05, 19), (0.01, 99), (0.02, 49), (0.1, 9), (0.5, 1), (0.3, 3)] {
            assert_eq!(photos_needed(alpha), needed, "{alpha}");
            assert!(
                p_value(0, needed) <= alpha + 1e-12 && p_value(0, needed - 1) > alpha,
                "{alpha}"
            );
        }
        assert_eq!(photos_needed(0.0), usize::MAX);
        assert_eq!(budgets_supported(50), [0.02, 0.05, 0.1]);
    }

    proptest! {
        /// Of n + 1 exchangeable scores, each in turn the new one: at most α (n + 1) of them may be alarmed.
        #[test]
        fn p_values_of_exchangeable_scores_are_uniform(scores in prop::collection::vec(0u8..50, 2..80), alpha in 0.01f64..0.5) {
            let alarms = (0..scores.len()).filter(|&new| {
                let others = scores.iter().enumerate().filter(|(i, s)| *i != new && **s >= scores[new]).count();
                p_value(others, scores.len() - 1) <= alpha
            });
            prop_assert!(alarms.count() as f64 <= alpha * scores.len() as f64 + 1e-9);
        }
    }
}
