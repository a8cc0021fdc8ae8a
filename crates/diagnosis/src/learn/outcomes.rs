//! What came of predictions: calibration of the chance of a first-time fix, and the alarm when visits fail more than foretold.

/// What came of a first visit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Outcome {
    /// Days from 1 January 1970.
    pub(crate) day: Option<i32>,
    /// The chance foretold, before calibration.
    pub(crate) predicted: f64,
    pub(crate) fixed: bool,
}

/// Beta calibration (Kull, Silva Filho & Flach 2017): σ(c + a·ln p − b·ln(1 − p)), with normal priors around the identity
/// a = b = 1, c = 0, so that few outcomes change little.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Calibration {
    /// c, a, b.
    weights: [f64; 3],
}

/// Standard deviations of the priors of c, a and b.
const SPREAD: [f64; 3] = [0.5, 0.25, 0.25];
/// What the weights are before any outcome.
const IDENTITY: [f64; 3] = [0.0, 1.0, 1.0];
/// Days after which an outcome counts half: the engine that made the prediction was a younger one.
const HALF_LIFE_DAYS: f64 = 90.0;
/// Chances are taken as no nearer to 0 and 1.
const NEAREST: f64 = 1e-4;
/// Outcomes below which nothing is calibrated.
const FEWEST: usize = 20;

impl Calibration {
    /// The posterior mode given the outcomes, by Newton's method; none with too few.
    pub(crate) fn learnt(outcomes: &[Outcome]) -> Option<Self> {
        if outcomes.len() < FEWEST {
            return None;
        }
        let newest = outcomes
            .iter()
            .filter_map(|outcome| outcome.day)
            .max()
            .unwrap_or(0);
        let rows: Vec<([f64; 3], f64, f64)> = outcomes
            .iter()
            .map(|outcome| {
                let weight = super::forget::weight(Some(HALF_LIFE_DAYS), outcome.day, newest);
                (
                    features(outcome.predicted),
                    f64::from(u8::from(outcome.fixed)),
                    weight,
                )
            })
            .collect();
        let mut weights = IDENTITY;
        for _ in 0..12 {
            let step = newton_step(&rows, &weights);
            (0..3).for_each(|i| weights[i] -= step[i].clamp(-1.0, 1.0));
            if step.iter().all(|s| s.abs() < 1e-9) {
                break;
            }
        }
        // A negative slope would turn the order of chances around.
        (1..3).for_each(|i| weights[i] = weights[i].max(0.0));
        Some(Self { weights })
    }

    /// The calibrated chance.
    pub(crate) fn apply(&self, chance: f64) -> f64 {
        logistic(dot(&self.weights, &features(chance)))
    }
}

fn features(chance: f64) -> [f64; 3] {
    let p = chance.clamp(NEAREST, 1.0 - NEAREST);
    [1.0, p.ln(), -(-p).ln_1p()]
}

fn dot(a: &[f64; 3], b: &[f64; 3]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn newton_step(rows: &[([f64; 3], f64, f64)], weights: &[f64; 3]) -> [f64; 3] {
    let mut gradient = [0.0; 3];
    let mut hessian = [[0.0; 3]; 3];
    for i in 0..3 {
        gradient[i] = (weights[i] - IDENTITY[i]) / SPREAD[i].powi(2);
        hessian[i][i] = SPREAD[i].powi(-2);
    }
    for (x, fixed, weight) in rows {
        let p = logistic(dot(weights, x));
        for i in 0..3 {
            gradient[i] += weight * (p - fixed) * x[i];
            for j in 0..3 {
                hessian[i][j] += weight * p * (1.0 - p) * x[i] * x[j];
            }
        }
    }
    solved(hessian, gradient)
}

/// The solution of a positive definite system of three equations, by elimination.
fn solved(mut matrix: [[f64; 3]; 3], mut right: [f64; 3]) -> [f64; 3] {
    for pivot in 0..3 {
        for row in pivot + 1..3 {
            let factor = matrix[row][pivot] / matrix[pivot][pivot];
            let above = matrix[pivot];
            matrix[row]
                .iter_mut()
                .zip(above)
                .for_each(|(value, above)| *value -= factor * above);
            right[row] -= factor * right[pivot];
        }
    }
    for row in (0..3).rev() {
        let rest: f64 = (row + 1..3)
            .map(|column| matrix[row][column] * right[column])
            .sum();
        right[row] = (right[row] - rest) / matrix[row][row];
    }
    right
}

/// Whether first visits fail more often than foretold.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct Drift {
    /// Whether the statistic is above the threshold.
    pub alarm: bool,
    /// Risk-adjusted cumulative sum (Steiner, Cook, Farewell & Treasure 2000): the evidence, in nats, that the odds of a failed visit have doubled since
    /// `since`.
    pub statistic: f64,
    /// Above it there is alarm.
    pub threshold: f64,
    /// First day, `YYYY-MM-DD`, of the run that the statistic rests on; absent while it is 0.
    pub since: Option<String>,
    /// Visits compared.
    pub outcomes: usize,
}

/// Nats of evidence that raise the alarm: by chance once in some thousands of visits.
const ALARM: f64 = 4.5;

impl Drift {
    /// Of `outcomes` in order of their days; `calibration` says what is expected.
    pub(crate) fn of(outcomes: &[Outcome], calibration: Option<&Calibration>) -> Self {
        let (mut statistic, mut since) = (0.0_f64, None);
        for outcome in outcomes {
            let chance = calibration.map_or(outcome.predicted, |c| c.apply(outcome.predicted));
            let fails = (1.0 - chance).clamp(NEAREST, 1.0 - NEAREST);
            let evidence = if outcome.fixed { 0.0 } else { 2.0_f64.ln() } - fails.ln_1p();
            if statistic <= 0.0 {
                since = outcome.day;
            }
            statistic = (statistic + evidence).max(0.0);
        }
        let date = |day: i32| {
            jiff::civil::date(1970, 1, 1)
                .saturating_add(jiff::Span::new().days(day))
                .to_string()
        };
        Self {
            alarm: statistic > ALARM,
            statistic,
            threshold: ALARM,
            since: since.filter(|_| statistic > 0.0).map(date),
            outcomes: outcomes.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(predicted: f64, fixed: impl Fn(i32) -> bool, count: i32) -> Vec<Outcome> {
        (0..count)
            .map(|day| Outcome {
                day: Some(day / 10),
                predicted,
                fixed: fixed(day),
            })
            .collect()
    }

    #[test]
    fn few_outcomes_change_little_and_many_bring_the_chance_to_what_was_seen() {
        assert_eq!(Calibration::learnt(&outcomes(0.9, |_| true, 19)), None);
        let some = Calibration::learnt(&outcomes(0.9, |day| day % 2 == 0, 20))
            .unwrap()
            .apply(0.9);
        assert!((0.5..0.85).contains(&some), "{some}");
        let many = Calibration::learnt(&outcomes(0.9, |day| day % 2 == 0, 2_000))
            .unwrap()
            .apply(0.9);
        assert!((many - 0.5).abs() < 0.02, "{many}");
    }

    #[test]
    fn what_was_right_stays_and_order_is_kept() {
        let right: Vec<Outcome> = [0.3, 0.6, 0.9]
            .iter()
            .flat_map(|&p| outcomes(p, move |day| f64::from(day % 10) < p * 10.0 - 1e-9, 300))
            .collect();
        let learnt = Calibration::learnt(&right).unwrap();
        for p in [0.3, 0.6, 0.9] {
            assert!((learnt.apply(p) - p).abs() < 0.01, "{p} {}", learnt.apply(p));
        }
        let values: Vec<f64> = (0..=100).map(|i| learnt.apply(f64::from(i) / 100.0)).collect();
        assert!(values.is_sorted() && values.iter().all(|v| (0.0..=1.0).contains(v)));
    }

    #[test]
    fn three_equations_by_hand() {
        // 2x = 2, x + 3y = 7, y + z = 5, made symmetric: x = 1, y = 2, z = 3.
        let found = solved(
            [[2.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 2.0]],
            [4.0, 10.0, 8.0],
        );
        assert!(
            found
                .iter()
                .zip([1.0, 2.0, 3.0])
                .all(|(f, e)| (f - e).abs() < 1e-12),
            "{found:?}"
        );
    }

    #[test]
    fn visits_that_fail_as_foretold_raise_no_alarm_and_twice_as_many_do() {
        let steady = Drift::of(&outcomes(0.9, |day| day % 10 != 3, 1_000), None);
        assert!(!steady.alarm, "{steady:?}");
        let failing = Drift::of(
            &outcomes(
                0.9,
                |day| day < 500 && day % 10 != 3 || day >= 500 && day % 10 > 2,
                800,
            ),
            None,
        );
        assert!(
            failing.alarm && failing.since.as_deref() >= Some("1970-02-15"),
            "{failing:?}"
        );
        // One failure at a foretold risk of 10 %: ln 2 − ln 1.1.
        let one = Drift::of(&outcomes(0.9, |_| false, 1), None);
        assert!((one.statistic - (2.0_f64 / 1.1).ln()).abs() < 1e-12);
    }
}
