//! What each clue is worth: a conditional logit over a ticket's candidate parts (McFadden 1974).
//!
//! The chance of candidate i is exp(w·x_i) / Σ_j exp(w·x_j), where one more candidate stands for "a part that is not among
//! them". The weights maximise the likelihood of the parts really used, on clues that were computed without the repair itself;
//! a dozen numbers learnt this way from held-out clues is what makes the chances calibrated.

use super::clues::{CLUES, Clues};

/// Weight of the starting weights, in units of a squared difference: a few dozen repairs outweigh it.
const RIDGE: f64 = 1.0;
const MAX_STEPS: usize = 30;
/// Improvement of the log-likelihood below which learning stops.
const CONVERGED: f64 = 1e-6;

/// One repair to learn from: its candidates' clues, and which of them were used.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    pub(super) candidates: Vec<Clues>,
    pub(super) used: Vec<bool>,
}

/// A weight for each clue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Weights([f64; CLUES]);

type Square = [[f64; CLUES]; CLUES];

impl Weights {
    pub(super) const fn new(weights: [f64; CLUES]) -> Self {
        Self(weights)
    }

    /// The chance of each candidate; they sum to 1.
    pub(super) fn chances(&self, candidates: &[Clues]) -> Vec<f64> {
        let mut chances: Vec<f64> = candidates.iter().map(|clues| dot(&self.0, clues)).collect();
        let highest = chances.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        chances
            .iter_mut()
            .for_each(|score| *score = (*score - highest).exp());
        let whole: f64 = chances.iter().sum();
        chances.iter_mut().for_each(|chance| *chance /= whole);
        chances
    }

    /// The weights that explain `choices` best, drawn towards `self` where the choices tell little. Newton's steps with the
    /// information matrix, halved until the likelihood rises.
    pub(super) fn learn(self, choices: &[Choice]) -> Self {
        let mut found = self;
        let mut value = found.objective(self, choices);
        for _ in 0..MAX_STEPS {
            let step = found.step(self, choices);
            let tried = (0..12).map(|halvings| {
                let share = 0.5_f64.powi(halvings);
                let next = Self(std::array::from_fn(|at| found.0[at] + share * step[at]));
                (next, next.objective(self, choices))
            });
            let Some((next, reached)) = tried.into_iter().find(|(_, reached)| *reached > value) else {
                break;
            };
            let gain = reached - value;
            (found, value) = (next, reached);
            if gain < CONVERGED {
                break;
            }
        }
        found
    }

    /// ln likelihood of the parts used, less the ridge.
    fn objective(&self, start: Self, choices: &[Choice]) -> f64 {
        let fit: f64 = choices
            .iter()
            .map(|choice| {
                let chances = self.chances(&choice.candidates);
                used_share(&chances, &choice.used).ln()
            })
            .sum();
        let away: f64 = self.0.iter().zip(start.0).map(|(a, b)| (a - b).powi(2)).sum();
        fit - RIDGE / 2.0 * away
    }

    fn step(&self, start: Self, choices: &[Choice]) -> [f64; CLUES] {
        let mut slope: [f64; CLUES] = std::array::from_fn(|at| RIDGE * (start.0[at] - self.0[at]));
        let mut information: Square = [[0.0; CLUES]; CLUES];
        for (at, row) in information.iter_mut().enumerate() {
            row[at] = RIDGE;
        }
        for choice in choices {
            self.count(choice, &mut slope, &mut information);
        }
        solve(information, slope)
    }

    /// Adds one repair's share of the slope, E[x | used] − E[x], and of the information, Var[x].
    fn count(&self, choice: &Choice, slope: &mut [f64; CLUES], information: &mut Square) {
        let chances = self.chances(&choice.candidates);
        let used = used_share(&chances, &choice.used);
        let mut mean = [0.0; CLUES];
        for (clues, chance) in choice.candidates.iter().zip(&chances) {
            (0..CLUES).for_each(|at| mean[at] += chance * clues[at]);
        }
        for ((clues, chance), is_used) in choice.candidates.iter().zip(&chances).zip(&choice.used) {
            let apart: [f64; CLUES] = std::array::from_fn(|at| clues[at] - mean[at]);
            for row in 0..CLUES {
                if *is_used {
                    slope[row] += chance / used * apart[row];
                }
                (0..CLUES).for_each(|column| information[row][column] += chance * apart[row] * apart[column]);
            }
        }
    }
}

fn dot(weights: &[f64; CLUES], clues: &Clues) -> f64 {
    weights
        .iter()
        .zip(clues)
        .map(|(weight, clue)| weight * clue)
        .sum()
}

/// The chance that the used candidates have together; never 0, so that its logarithm exists.
fn used_share(chances: &[f64], used: &[bool]) -> f64 {
    let share: f64 = chances
        .iter()
        .zip(used)
        .filter(|(_, used)| **used)
        .map(|(chance, _)| chance)
        .sum();
    share.max(1e-12)
}

/// Solves `matrix · x = right` for a positive definite matrix, by Gaussian elimination.
fn solve(mut matrix: Square, mut right: [f64; CLUES]) -> [f64; CLUES] {
    for pivot in 0..CLUES {
        for row in pivot + 1..CLUES {
            let factor = matrix[row][pivot] / matrix[pivot][pivot];
            let above = matrix[pivot];
            (pivot..CLUES).for_each(|column| matrix[row][column] -= factor * above[column]);
            right[row] -= factor * right[pivot];
        }
    }
    for row in (0..CLUES).rev() {
        let known: f64 = (row + 1..CLUES)
            .map(|column| matrix[row][column] * right[column])
            .sum();
        right[row] = (right[row] - known) / matrix[row][row];
    }
    right
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(first: f64) -> Clues {
        let mut clues = [0.0; CLUES];
        clues[0] = first;
        clues
    }

    #[test]
    fn the_weight_of_one_clue_by_hand() {
        // The candidate with clue 1 is used in 3 of 4 repairs, times 1000: odds 3, so w = ln 3; the ridge moves it by < 0.01.
        let choice = |first_used: bool| Choice {
            candidates: vec![candidate(1.0), candidate(0.0)],
            used: vec![first_used, !first_used],
        };
        let choices: Vec<Choice> = (0..4000).map(|at| choice(at % 4 != 0)).collect();
        let learnt = Weights::new([0.0; CLUES]).learn(&choices);
        assert!((learnt.0[0] - 3_f64.ln()).abs() < 0.01, "{learnt:?}");
        let chances = learnt.chances(&choices[0].candidates);
        assert!((chances[0] - 0.75).abs() < 0.01 && (chances[0] + chances[1] - 1.0).abs() < 1e-12);
    }

    #[test]
    fn nothing_to_learn_from_leaves_the_weights() {
        let start = Weights::new([0.5; CLUES]);
        assert_eq!(start.learn(&[]), start);
    }

    #[test]
    fn solved_by_hand() {
        // 2x + y = 5, x + 3y = 10 → x = 1, y = 3; the other unknowns are 0.
        let mut matrix: Square =
            std::array::from_fn(|row| std::array::from_fn(|c| f64::from(u8::from(row == c))));
        (matrix[0][0], matrix[0][1], matrix[1][0], matrix[1][1]) = (2.0, 1.0, 1.0, 3.0);
        let mut right = [0.0; CLUES];
        (right[0], right[1]) = (5.0, 10.0);
        let found = solve(matrix, right);
        assert!((found[0] - 1.0).abs() < 1e-12 && (found[1] - 3.0).abs() < 1e-12 && found[2] == 0.0);
    }
}
