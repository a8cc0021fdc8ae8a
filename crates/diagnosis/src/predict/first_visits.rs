//! What came of first visits beside what was foretold of them.

use serde::{Deserialize, Serialize};

use super::Diagnosis;
use crate::beta;
use crate::learn::{self, Calibration, Drift, Outcome};

/// First visits: how often they were to solve the problem, and how often they did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FixRate {
    /// Visits counted; at least 1.
    pub visits: usize,
    /// Mean of the chances foretold, before calibration.
    pub predicted: f64,
    /// The same as calibrated now by what came of them.
    pub calibrated: f64,
    /// Share that solved the problem.
    pub seen: f64,
    /// Its 90 % interval (Jeffreys).
    pub interval: [f64; 2],
}

/// First visits of a product line whose reports hand back what was foretold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FirstVisits {
    /// All of them; none yet: absent.
    pub all: Option<FixRate>,
    /// Those since the day that the statistic of `drift` rests on; absent while it is 0.
    pub run: Option<FixRate>,
    /// Whether they fail more often than foretold.
    pub drift: Drift,
}

impl FixRate {
    fn of(outcomes: &[Outcome], calibration: Option<&Calibration>) -> Option<Self> {
        if outcomes.is_empty() {
            return None;
        }
        let visits = outcomes.len() as f64;
        let mean = |value: &dyn Fn(&Outcome) -> f64| outcomes.iter().map(value).sum::<f64>() / visits;
        let fixed = outcomes.iter().filter(|outcome| outcome.fixed).count() as f64;
        let bound = |level| beta::quantile(fixed + 0.5, visits - fixed + 0.5, level);
        Some(Self {
            visits: outcomes.len(),
            predicted: mean(&|outcome| outcome.predicted),
            calibrated: mean(&|outcome| {
                calibration.map_or(outcome.predicted, |c| c.apply(outcome.predicted))
            }),
            seen: fixed / visits,
            interval: [bound(0.05), bound(0.95)],
        })
    }
}

impl Diagnosis {
    /// What was foretold of first visits and what came of them, by the repairs that hand back what was.
    #[must_use]
    pub fn first_visits(&self) -> FirstVisits {
        let calibration = self.learnt().fit.as_ref().and_then(|fit| fit.calibration);
        let outcomes = self.memory.outcomes();
        let drift = Drift::of(&outcomes, calibration.as_ref());
        let since = drift.since.as_deref().and_then(learn::day);
        let run: Vec<Outcome> = match since {
            Some(first) => {
                let late = |outcome: &&Outcome| outcome.day.is_some_and(|day| day >= first);
                outcomes.iter().filter(late).copied().collect()
            }
            None => Vec::new(),
        };
        FirstVisits {
            all: FixRate::of(&outcomes, calibration.as_ref()),
            run: FixRate::of(&run, calibration.as_ref()),
            drift,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_foretold_stands_beside_what_was_seen() {
        let outcome = |predicted, fixed| Outcome {
            day: None,
            predicted,
            fixed,
        };
        assert_eq!(FixRate::of(&[], None), None);
        let outcomes = [
            outcome(0.9, true),
            outcome(0.7, false),
            outcome(0.8, true),
            outcome(0.8, false),
        ];
        let rate = FixRate::of(&outcomes, None).unwrap();
        // (.9 + .7 + .8 + .8) / 4 = .8; 2 of 4.
        assert!((rate.predicted - 0.8).abs() < 1e-12 && rate.calibrated == rate.predicted);
        assert_eq!((rate.visits, rate.seen), (4, 0.5));
        assert!((rate.interval[0] + rate.interval[1] - 1.0).abs() < 1e-9);
    }
}
