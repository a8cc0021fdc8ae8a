//! The figures of a simulated year: first-time fix of the three, the gap closed, calibration, and how fast cells are learnt.

use serde::{Deserialize, Serialize};

use super::world::Distance;

/// One ticket's outcome under the three.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) month: u8,
    pub(crate) rule: bool,
    pub(crate) ours: bool,
    pub(crate) oracle: bool,
    /// What the engine said before the visit.
    pub(crate) predicted: f64,
    /// What the oracle said, wrong parts put in first not considered.
    pub(crate) oracle_predicted: f64,
}

/// First-time fix of one month.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Month {
    /// 1 to 12.
    pub month: u8,
    /// Tickets.
    pub tickets: usize,
    /// Share fixed at the first visit with the rule's kits.
    pub rule: f64,
    /// With the engine's.
    pub ours: f64,
    /// With the oracle's.
    pub oracle: f64,
}

/// One bin of the reliability diagram; bins hold equally many tickets.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// Tickets.
    pub tickets: usize,
    /// Mean predicted chance of a first-time fix.
    pub predicted: f64,
    /// Share fixed at the first visit.
    pub seen: f64,
}

/// Mean log-loss (nats) of the cause of a ticket, before anything is observed, in cells (product line, model, province, season)
/// that have seen 20 to 39 tickets.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CellLoss {
    /// Tickets measured.
    pub tickets: usize,
    /// The engine's.
    pub ours: f64,
    /// Counts of the cell alone, (k + α) / (n + αC), from the causes that reports state, with the best α of 1, 1/2, 1/5 and 1/C in hindsight.
    pub counts: f64,
    /// The same from the true cause of every earlier ticket, which nobody has.
    pub counts_of_truth: f64,
    /// The oracle's, who knows the true weights: nothing can be lower.
    pub oracle: f64,
}

/// A simulated year.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Simulated {
    /// Seed of the world and of its year.
    pub seed: u64,
    /// Tickets.
    pub tickets: usize,
    /// How far each expert's tree is from the truth, by product line.
    pub distance: Vec<(String, Distance)>,
    /// Mean cost of a kit in yuan: the rule's, the engine's, the oracle's. No kit costs more than the rule's for the same ticket.
    pub kit_cost: [f64; 3],
    /// Share fixed at the first visit with the rule's kits, set to the parameters' target.
    pub rule: f64,
    /// With the engine's.
    pub ours: f64,
    /// With the oracle's.
    pub oracle: f64,
    /// (ours − rule) / (oracle − rule).
    pub gap_closed: f64,
    /// The same over the last six months.
    pub gap_closed_second_half: f64,
    /// Expected calibration error of the chance of a first-time fix, ten bins of equal mass.
    pub calibration_error: f64,
    /// The oracle's, which leaves wrong parts put in first out of account.
    pub oracle_calibration_error: f64,
    /// The reliability diagram.
    pub reliability: Vec<ReliabilityBin>,
    /// The learning curve.
    pub months: Vec<Month>,
    /// How fast cells are learnt.
    pub cell_loss: CellLoss,
    /// Milliseconds of a prediction: mean and 99th percentile.
    pub prediction_ms: [f64; 2],
}

/// A figure over many seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Mean over the seeds.
    pub mean: f64,
    /// 95 % interval of the mean: 1.96 standard errors either way.
    pub interval: [f64; 2],
    /// Least of the seeds.
    pub least: f64,
    /// Greatest of the seeds.
    pub greatest: f64,
}

/// Many years, one per seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SimulatedYears {
    /// The seeds.
    pub seeds: Vec<u64>,
    /// First-time fix with the rule's kits.
    pub rule: Spread,
    /// With the engine's.
    pub ours: Spread,
    /// With the oracle's.
    pub oracle: Spread,
    /// Share of the gap from rule to oracle that is closed.
    pub gap_closed: Spread,
    /// Expected calibration error of a year.
    pub calibration_error: Spread,
    /// Log-loss in cells with 20 to 39 tickets, relative to the cell's counts of stated causes: 0.85 is 15 % below.
    pub cell_loss_ratio: Spread,
    /// The same relative to the cell's counts of true causes.
    pub cell_loss_ratio_truth: Spread,
    /// The oracle's relative to the counts of stated causes: what is possible.
    pub cell_loss_ratio_oracle: Spread,
    /// Every year.
    pub years: Vec<Simulated>,
}

impl Spread {
    pub(crate) fn of(values: &[f64]) -> Self {
        let n = values.len().max(1) as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
        let error = 1.96 * (variance / n).sqrt();
        Self {
            mean,
            interval: [mean - error, mean + error],
            least: values.iter().copied().fold(f64::INFINITY, f64::min),
            greatest: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        }
    }
}

impl SimulatedYears {
    /// Joins years.
    #[must_use]
    pub fn of(years: Vec<Simulated>) -> Self {
        let spread =
            |figure: &dyn Fn(&Simulated) -> f64| Spread::of(&years.iter().map(figure).collect::<Vec<_>>());
        Self {
            seeds: years.iter().map(|year| year.seed).collect(),
            rule: spread(&|year| year.rule),
            ours: spread(&|year| year.ours),
            oracle: spread(&|year| year.oracle),
            gap_closed: spread(&|year| year.gap_closed),
            calibration_error: spread(&|year| year.calibration_error),
            cell_loss_ratio: spread(&|year| year.cell_loss.ours / year.cell_loss.counts),
            cell_loss_ratio_truth: spread(&|year| year.cell_loss.ours / year.cell_loss.counts_of_truth),
            cell_loss_ratio_oracle: spread(&|year| year.cell_loss.oracle / year.cell_loss.counts),
            years,
        }
    }
}

/// Share of the outcomes for which `is` holds; 0 for none.
pub(crate) fn share(outcomes: &[Outcome], is: impl Fn(&Outcome) -> bool) -> f64 {
    outcomes.iter().filter(|outcome| is(outcome)).count() as f64 / outcomes.len().max(1) as f64
}

/// (ours − rule) / (oracle − rule); 0 where there is no gap.
pub(crate) fn gap_closed(outcomes: &[Outcome]) -> f64 {
    let (rule, ours, oracle) = (
        share(outcomes, |o| o.rule),
        share(outcomes, |o| o.ours),
        share(outcomes, |o| o.oracle),
    );
    if oracle > rule {
        (ours - rule) / (oracle - rule)
    } else {
        0.0
    }
}

/// The learning curve.
pub(crate) fn months(outcomes: &[Outcome]) -> Vec<Month> {
    let of = |month: u8| -> Vec<Outcome> { outcomes.iter().copied().filter(|o| o.month == month).collect() };
    let figures = |month: u8| {
        let of_month = of(month);
        Month {
            month: month + 1,
            tickets: of_month.len(),
            rule: share(&of_month, |o| o.rule),
            ours: share(&of_month, |o| o.ours),
            oracle: share(&of_month, |o| o.oracle),
        }
    };
    (0..12).map(figures).collect()
}

/// Ten bins of equally many predictions, from the lowest; ties in the order given.
pub(crate) fn reliability(predictions: &[(f64, bool)]) -> Vec<ReliabilityBin> {
    let mut sorted = predictions.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let bin = |at: usize| {
        let bin = &sorted[at * sorted.len() / 10..(at + 1) * sorted.len() / 10];
        let n = bin.len().max(1) as f64;
        ReliabilityBin {
            tickets: bin.len(),
            predicted: bin.iter().map(|p| p.0).sum::<f64>() / n,
            seen: bin.iter().filter(|p| p.1).count() as f64 / n,
        }
    };
    (0..10).map(bin).collect()
}

/// Σ |predicted − seen| weighted by the bins' tickets.
pub(crate) fn calibration_error(bins: &[ReliabilityBin]) -> f64 {
    let tickets: usize = bins.iter().map(|bin| bin.tickets).sum();
    let gap: f64 = bins
        .iter()
        .map(|bin| bin.tickets as f64 * (bin.predicted - bin.seen).abs())
        .sum();
    gap / tickets.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calibration_error_by_hand() {
        // Twenty at 0.5 of which ten happen, in two of ten bins … : every bin of two holds one of each.
        let alternating: Vec<(f64, bool)> = (0..20).map(|i| (0.5, i % 2 == 0)).collect();
        assert!(calibration_error(&reliability(&alternating)) < 1e-12);
        // All said 0.9, none happens.
        let wrong = vec![(0.9, false); 20];
        assert!((calibration_error(&reliability(&wrong)) - 0.9).abs() < 1e-12);
    }

    #[test]
    fn the_gap_is_the_share_of_the_way_to_the_oracle() {
        let outcome = |rule, ours, oracle| Outcome {
            month: 0,
            rule,
            ours,
            oracle,
            predicted: 0.5,
            oracle_predicted: 0.5,
        };
        // Rule 1 of 4, ours 2 of 4, oracle 3 of 4.
        let outcomes = [
            outcome(true, true, true),
            outcome(false, true, true),
            outcome(false, false, true),
            outcome(false, false, false),
        ];
        assert!((gap_closed(&outcomes) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn the_interval_of_a_mean_by_hand() {
        // 1, 2, 3: mean 2, variance 1, standard error 1/√3.
        let spread = Spread::of(&[1.0, 2.0, 3.0]);
        assert!((spread.interval[1] - 2.0 - 1.96 / 3.0_f64.sqrt()).abs() < 1e-12);
    }
}
