//! Posteriors of independent causes behind noisy-OR symptoms, without a diagram.
//!
//! The walk itself is that of `explained`; this is the network for those who have no fault tree.

use crate::analyze::posterior;
pub use crate::explained::MAX_PRESENT;
use crate::explained::{Explained, ObservedSign};
use crate::tree::{FaultTree, Input, Link};

/// A symptom of a [`NoisyOr`] network.
#[derive(Debug, Clone, PartialEq)]
pub struct NoisySymptom {
    /// Chance that it shows without any cause, 0 to 1.
    pub leak: f64,
    /// Causes by position, each with the chance that it makes the symptom show, 0 to 1; others do not touch it.
    pub links: Vec<(usize, f64)>,
}

/// Independent causes and the symptoms they may show.
#[derive(Debug, Clone, PartialEq)]
pub struct NoisyOr {
    /// Probability of each cause, 0 to 1.
    pub priors: Vec<f64>,
    /// The symptoms.
    pub symptoms: Vec<NoisySymptom>,
}

/// What the symptoms say about the causes.
#[derive(Debug, Clone, PartialEq)]
pub struct CausePosteriors {
    /// Probability of what was observed.
    pub evidence: f64,
    /// P(cause | observed) by position.
    pub causes: Vec<f64>,
}

impl NoisyOr {
    /// The network of `tree`; none where a symptom is linked to a gate, whose inputs are then not independent.
    #[must_use]
    pub fn of(tree: &FaultTree) -> Option<Self> {
        let cause = |link: &Link| match link.input {
            Input::Event(event) => Some((event as usize, link.probability)),
            Input::Gate(_) | Input::Constant(_) => None,
        };
        let symptoms = tree
            .symptoms
            .iter()
            .map(|symptom| {
                let links = symptom.causes.iter().map(cause).collect::<Option<_>>()?;
                Some(NoisySymptom {
                    leak: symptom.leak,
                    links,
                })
            })
            .collect::<Option<_>>()?;
        Some(Self {
            priors: tree.events.iter().map(|event| event.probability).collect(),
            symptoms,
        })
    }

    /// Posteriors of all causes, given of each symptom whether it is there; symptoms past the end of `observed` are unknown.
    ///
    /// None where what was observed is impossible, where a link names no cause, or where more than [`MAX_PRESENT`] symptoms
    /// are present.
    #[must_use]
    pub fn posteriors(&self, observed: &[Option<bool>]) -> Option<CausePosteriors> {
        let known = self.symptoms.iter().zip(observed);
        let known: Vec<(&NoisySymptom, bool)> = known
            .filter_map(|(symptom, seen)| Some((symptom, (*seen)?)))
            .collect();
        let link = |&(cause, probability): &(usize, f64)| {
            let input = Input::Event(u32::try_from(cause).unwrap_or(u32::MAX));
            Link { input, probability }
        };
        let links: Vec<Vec<Link>> = known
            .iter()
            .map(|(symptom, _)| symptom.links.iter().map(link).collect())
            .collect();
        let signs: Vec<ObservedSign<'_>> = known
            .iter()
            .zip(&links)
            .map(|((symptom, present), links)| ObservedSign {
                certainty: f64::from(u8::from(*present)),
                leak: symptom.leak,
                links,
            })
            .collect();
        let (evidence, mif) = Explained::new(self.priors.len(), None, &signs, None)?.importance(&self.priors);
        let posterior = |(&prior, &mif): (&f64, &f64)| posterior(prior, evidence, mif);
        (evidence > 0.0).then(|| CausePosteriors {
            evidence,
            causes: self.priors.iter().zip(&mif).map(posterior).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::analyze::posterior;
    use crate::observe::Observable;

    #[test]
    fn one_cause_behind_one_symptom_is_bayes_rule() {
        let network = NoisyOr {
            priors: vec![0.1],
            symptoms: vec![NoisySymptom {
                leak: 0.2,
                links: vec![(0, 0.5)],
            }],
        };
        // Present: 0.1 · (1 − 0.5 · 0.8) = 0.06 with the cause, 0.9 · 0.2 = 0.18 without: 0.06 / 0.24 = 1/4.
        let present = network.posteriors(&[Some(true)]).unwrap();
        assert!((present.evidence - 0.24).abs() < 1e-15 && (present.causes[0] - 0.25).abs() < 1e-15);
        // Absent: 0.1 · 0.5 · 0.8 = 0.04 and 0.9 · 0.8 = 0.72: 0.04 / 0.76 = 1/19.
        let absent = network.posteriors(&[Some(false)]).unwrap();
        assert!((absent.causes[0] - 1.0 / 19.0).abs() < 1e-15);
        assert_eq!(network.posteriors(&[None]).unwrap().causes, [0.1]);
    }

    #[test]
    fn the_impossible_and_the_unknown_cause_have_no_posterior() {
        let network = |cause| NoisyOr {
            priors: vec![0.1],
            symptoms: vec![NoisySymptom {
                leak: 0.0,
                links: vec![(cause, 0.0)],
            }],
        };
        assert_eq!(network(0).posteriors(&[Some(true)]), None);
        assert_eq!(network(7).posteriors(&[Some(true)]), None);
    }

    type RawSymptom = (f64, Vec<(usize, f64)>, Option<bool>);

    fn raw_symptom() -> impl Strategy<Value = RawSymptom> {
        let link = (0_usize..8, prop_oneof![Just(0.0), Just(1.0), 0.01..0.99_f64]);
        (
            0.0..0.3_f64,
            prop::collection::vec(link, 1..5),
            any::<Option<bool>>(),
        )
    }

    proptest! {
        #[test]
        fn the_walk_over_subsets_equals_the_diagram(
            priors in prop::collection::vec(0.001..0.9_f64, 8),
            symptoms in prop::collection::vec(raw_symptom(), 1..7),
        ) {
            let mut text = String::from("product_line = \"washer\"\n");
            for (i, p) in priors.iter().enumerate() {
                text += &format!("[[event]]\nid = \"e{i}\"\nprobability = {p:?}\n");
            }
            text += "[[gate]]\nid = \"g\"\ntype = \"or\"\ninputs = [\"e0\", \"e1\"]\n";
            for (i, (leak, links, _)) in symptoms.iter().enumerate() {
                let causes: Vec<String> =
                    links.iter().map(|(e, p)| format!("{{ input = \"e{e}\", probability = {p:?} }}")).collect();
                text += &format!(
                    "[[symptom]]\nid = \"s{i}\"\nphrases = [\"现象{i}号\"]\nleak = {leak:?}\ncauses = [{}]\n",
                    causes.join(", ")
                );
            }
            let tree = FaultTree::from_toml(&text, "tree.toml").unwrap();
            let observed: Vec<Option<bool>> = symptoms.iter().map(|s| s.2).collect();
            let observable = Observable::new(&tree);
            let evidence: Vec<_> = observable.symptoms.iter().zip(&observed)
                .filter_map(|(&symptom, seen)| seen.map(|seen| if seen { symptom } else { !symptom })).collect();
            let compiled = observable.compile(&evidence, 1_000_000).unwrap();
            let (probability, mif) = compiled.importance(&observable.probabilities(&priors, &[]));
            match NoisyOr::of(&tree).unwrap().posteriors(&observed) {
                None => prop_assert!(probability < 1e-12),
                Some(found) => {
                    prop_assert!((found.evidence - probability).abs() < 1e-12);
                    for (i, &cause) in found.causes.iter().enumerate() {
                        let expected = posterior(priors[i], probability, mif[i]);
                        prop_assert!((cause - expected).abs() < 1e-12_f64.max(1e-15 / probability), "{cause} {expected}");
                    }
                }
            }
        }
    }
}
