//! How strongly each cause shows as each sign (symptom or fault code), learnt from what was recorded of repairs.
//!
//! The rate at which a sign is recorded of a cause has one of three explanations: the expert's link is right (Beta with his
//! strength as mean, worth [`EXPERT_REPAIRS`] repairs), there is a link of unknown strength (Beta(1, 3/2)), or there is none and only the
//! background shows. The posterior mean over the three (George & McCulloch 1993, spike and slab) believes the expert until
//! repairs speak against him, and finds a missing link from a few repairs that show the sign.

use crate::beta::ln_beta;

/// Repairs of a cause that the strength of an expert's link is worth.
const EXPERT_REPAIRS: f64 = 12.0;
/// Chances that an expert's link is right, of other strength, absent; and that a link he does not have exists.
const RIGHT: f64 = 0.75;
const OTHER_STRENGTH: f64 = 0.17;
const ABSENT: f64 = 0.08;
const MISSING: f64 = 0.02;
/// Beta parameters of a strength nobody knows.
const UNKNOWN: (f64, f64) = (1.0, 1.5);
/// Repairs that the expert's leak is worth as the background rate.
const BACKGROUND_REPAIRS: f64 = 60.0;
/// Links weaker than this are taken as none.
pub(crate) const WEAKEST: f64 = 0.004;
/// What a sign that shows is recorded with, at least, and the weight in shown signs of its being always recorded.
const RECORDED: (f64, f64) = (0.3, 10.0);

/// The expert's strengths: for every cause the chance to show each sign, and each sign's leak.
#[derive(Debug, Clone)]
pub(crate) struct Believed {
    pub(crate) shows: Vec<Vec<f64>>,
    pub(crate) leaks: Vec<f64>,
}

/// Repairs of every cause, and how often each sign was recorded of them.
#[derive(Debug, Clone)]
pub(super) struct Recorded {
    pub(super) repairs: Vec<f64>,
    pub(super) signs: Vec<Vec<f64>>,
}

impl Recorded {
    pub(super) fn new(causes: usize, signs: usize) -> Self {
        Self {
            repairs: vec![0.0; causes],
            signs: vec![vec![0.0; signs]; causes],
        }
    }

    pub(super) fn add(&mut self, shares: &[(u32, f64)], present: &[usize]) {
        for &(cause, share) in shares {
            self.repairs[cause as usize] += share;
            let signs = &mut self.signs[cause as usize];
            present.iter().for_each(|&sign| signs[sign] += share);
        }
    }
}

/// Learnt strengths.
#[derive(Debug, Clone)]
pub(crate) struct Links {
    /// For every cause the chance to show each sign.
    pub(crate) shows: Vec<Vec<f64>>,
    /// Chance of each sign without a cause.
    pub(crate) leaks: Vec<f64>,
    /// Chance that a sign which shows is recorded without being asked for.
    pub(crate) recorded: f64,
}

impl Links {
    /// As the expert has them; what is recorded by chance is not known yet.
    pub(super) fn believed(believed: &Believed, causes: usize) -> Self {
        let signs = believed.leaks.len();
        let mut shows = believed.shows.clone();
        shows.resize(causes, vec![0.0; signs]);
        Self {
            shows,
            leaks: believed.leaks.clone(),
            recorded: 0.8,
        }
    }

    /// The posterior means.
    pub(super) fn learnt(believed: &Believed, seen: &Recorded) -> Self {
        let first = Self::believed(believed, seen.repairs.len());
        let recorded = recorded(believed, seen);
        let mut links = Self { recorded, ..first };
        // The background is that of causes without a link, which is known better once links are.
        for _ in 0..2 {
            let background = links.background(believed, seen);
            links = Self::with_background(believed, seen, recorded, &background);
        }
        links
    }

    fn background(&self, believed: &Believed, seen: &Recorded) -> Vec<f64> {
        let rate = |sign: usize| {
            let (mut shown, mut repairs) = (
                BACKGROUND_REPAIRS * believed.leaks[sign] * self.recorded,
                BACKGROUND_REPAIRS,
            );
            for cause in (0..seen.repairs.len()).filter(|&cause| self.shows[cause][sign] < 0.02) {
                shown += seen.signs[cause][sign];
                repairs += seen.repairs[cause];
            }
            (shown / repairs).clamp(1e-5, 0.2)
        };
        (0..believed.leaks.len()).map(rate).collect()
    }

    fn with_background(believed: &Believed, seen: &Recorded, recorded: f64, background: &[f64]) -> Self {
        let strength = |cause: usize, sign: usize| {
            let expert = believed.shows.get(cause).map_or(0.0, |shows| shows[sign]);
            let (shown, repairs) = (seen.signs[cause][sign], seen.repairs[cause]);
            let missing = if cause < believed.shows.len() {
                MISSING
            } else {
                0.1
            };
            let rate = rate(expert * recorded, shown, repairs, background[sign], missing);
            let link = (1.0 - (1.0 - rate) / (1.0 - background[sign])).max(0.0) / recorded;
            if link < WEAKEST { 0.0 } else { link.min(0.97) }
        };
        let signs = background.len();
        Self {
            shows: (0..seen.repairs.len())
                .map(|cause| (0..signs).map(|sign| strength(cause, sign)).collect())
                .collect(),
            leaks: background.iter().map(|rate| rate / recorded).collect(),
            recorded,
        }
    }

    /// ln chance that a sign is not told of a cause that shows it with this strength.
    pub(crate) fn ln_silent(&self, cause: usize, sign: usize, trust: f64) -> f64 {
        (-self.recorded * trust * self.shows[cause][sign]).ln_1p()
    }
}

/// The share of what should show that was recorded, by the expert's stronger links.
fn recorded(believed: &Believed, seen: &Recorded) -> f64 {
    let (least, weight) = RECORDED;
    let (mut shown, mut expected) = (weight, weight);
    for (cause, shows) in believed.shows.iter().enumerate() {
        for (sign, &strength) in shows.iter().enumerate().filter(|(_, strength)| **strength >= 0.3) {
            shown += seen.signs[cause][sign];
            expected += seen.repairs[cause] * strength;
        }
    }
    (shown / expected).clamp(least, 1.0)
}

/// Posterior mean of the rate at which a sign is recorded of a cause.
fn rate(expert: f64, shown: f64, repairs: f64, background: f64, missing: f64) -> f64 {
    if shown <= 0.0 && expert <= 0.0 {
        return background;
    }
    let hidden = (repairs - shown).max(0.0);
    let beta = |(a, b): (f64, f64)| {
        (
            ln_beta(a + shown, b + hidden) - ln_beta(a, b),
            (a + shown) / (a + b + repairs),
        )
    };
    let none = (
        shown * background.ln() + hidden * (-background).ln_1p(),
        background,
    );
    let unknown = beta(UNKNOWN);
    let explanations = if expert > 0.0 {
        let expert = expert.clamp(background.max(1e-3), 0.99);
        let right = beta((EXPERT_REPAIRS * expert, EXPERT_REPAIRS * (1.0 - expert)));
        vec![(ABSENT, none), (OTHER_STRENGTH, unknown), (RIGHT, right)]
    } else {
        vec![(1.0 - missing, none), (missing, unknown)]
    };
    let likeliest = explanations
        .iter()
        .map(|(_, (ln, _))| *ln)
        .fold(f64::NEG_INFINITY, f64::max);
    let weight = |(prior, (ln, _)): &(f64, (f64, f64))| prior * (ln - likeliest).exp();
    let total: f64 = explanations.iter().map(weight).sum();
    explanations.iter().map(|e| weight(e) * e.1.1).sum::<f64>() / total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_repairs_the_expert_is_nearly_believed() {
        // 0.75 · 0.6 + 0.17 · 1/2.5 + 0.08 · 0.001
        assert!((rate(0.6, 0.0, 0.0, 0.001, MISSING) - (0.45 + 0.068 + 0.000_08)).abs() < 1e-12);
        assert_eq!(rate(0.0, 0.0, 50.0, 0.001, MISSING), 0.001);
    }

    #[test]
    fn a_missing_link_is_found_from_a_few_repairs_and_a_false_one_given_up() {
        assert!(
            rate(0.0, 1.0, 10.0, 0.002, MISSING) < 0.1,
            "one stray symptom is no link"
        );
        let found = rate(0.0, 4.0, 10.0, 0.002, MISSING);
        assert!((0.3..0.45).contains(&found), "{found}");
        let given_up = rate(0.6, 0.0, 20.0, 0.002, MISSING);
        assert!(given_up < 0.02, "{given_up}");
    }

    #[test]
    fn many_repairs_outweigh_the_expert() {
        let learnt = rate(0.2, 160.0, 200.0, 0.002, MISSING);
        assert!((learnt - 0.8).abs() < 0.02, "{learnt}");
    }
}
