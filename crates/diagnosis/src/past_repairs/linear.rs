//! Multinomial logistic regression over TF-IDF features, trained by Adagrad (Duchi, Hazan & Singer 2011).

use std::collections::HashMap;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::neighbours::counts;
use super::words::features;

const LEARNING_RATE: f32 = 0.3;
/// Starting value of each feature's sum of squared gradients; keeps the first step from being the longest.
const FIRST_SQUARES: f32 = 1e-2;
/// Input of the bias, beside feature vectors of length 1.
const BIAS_INPUT: f32 = 0.3;
/// Gradients below this change nothing that is seen and are not applied; most classes of a row are below it.
const SMALLEST_STEP: f32 = 1e-4;
/// Rows visited in all, so that time stays bounded: many passes over few repairs, few over many.
const VISITS: usize = 250_000;
const MAX_PASSES: usize = 8;
const SEED: u64 = 7;

/// A text as numbers: (feature, weight), the weights a vector of length 1.
pub(super) type TextVector = Vec<(usize, f32)>;

/// The features of the texts seen, with ln((1 + N) / (1 + n)) + 1 for the n of N texts that have each.
#[derive(Debug, Clone, Default)]
pub(super) struct Vocabulary {
    ids: HashMap<String, usize>,
    rarity: Vec<f32>,
}

impl Vocabulary {
    pub(super) fn of<'a>(texts: impl Iterator<Item = &'a [String]>) -> Self {
        let mut vocabulary = Self::default();
        let mut holding: Vec<u32> = Vec::new();
        let mut all = 0_u32;
        for text in texts {
            all += 1;
            for feature in counts(features(text)).into_keys() {
                let next = holding.len();
                let id = *vocabulary.ids.entry(feature).or_insert(next);
                if id == next {
                    holding.push(0);
                }
                holding[id] += 1;
            }
        }
        vocabulary.rarity = holding
            .iter()
            .map(|&n| ((1.0 + f64::from(all)) / (1.0 + f64::from(n))).ln() as f32 + 1.0)
            .collect();
        vocabulary
    }

    /// Features never seen are left out; a text of none of them is the empty vector.
    pub(super) fn vector(&self, text: &[String]) -> TextVector {
        let mut vector: TextVector = counts(features(text))
            .into_iter()
            .filter_map(|(feature, count)| {
                let id = *self.ids.get(&feature)?;
                Some((id, (1.0 + (count as f32).ln()) * self.rarity[id]))
            })
            .collect();
        let length = vector
            .iter()
            .map(|(_, weight)| weight * weight)
            .sum::<f32>()
            .sqrt();
        vector.iter_mut().for_each(|(_, weight)| *weight /= length);
        vector
    }

    fn len(&self) -> usize {
        self.rarity.len()
    }
}

/// A text and the classes that were right for it, each with an equal share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Example<'a> {
    pub(super) text: &'a TextVector,
    pub(super) classes: &'a [usize],
}

/// The weights: one row of `classes` numbers a feature, the bias last.
#[derive(Debug, Clone, Default)]
pub(super) struct LinearModel {
    classes: usize,
    weights: Vec<f32>,
}

impl LinearModel {
    /// Trains on the examples in an order that depends on nothing but their number.
    pub(super) fn fit(examples: &[Example<'_>], vocabulary: &Vocabulary, classes: usize) -> Self {
        let size = (vocabulary.len() + 1) * classes;
        let mut model = Self {
            classes,
            weights: vec![0.0; size],
        };
        let mut squares = vec![FIRST_SQUARES; size];
        let mut order: Vec<usize> = (0..examples.len()).collect();
        let mut random = ChaCha8Rng::seed_from_u64(SEED);
        for _ in 0..passes(examples.len()) {
            order.shuffle(&mut random);
            for &at in &order {
                model.step(examples[at], &mut squares);
            }
        }
        model
    }

    /// The chance of each class; they sum to 1.
    pub(super) fn chances(&self, text: &TextVector) -> Vec<f32> {
        if self.classes == 0 {
            return Vec::new();
        }
        let mut chances = vec![0.0; self.classes];
        for (feature, input) in self.inputs(text) {
            for (sum, weight) in chances.iter_mut().zip(self.row(feature)) {
                *sum += input * weight;
            }
        }
        let highest = chances.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        chances
            .iter_mut()
            .for_each(|score| *score = (*score - highest).exp());
        let whole: f32 = chances.iter().sum();
        chances.iter_mut().for_each(|chance| *chance /= whole);
        chances
    }

    fn inputs<'a>(&self, text: &'a TextVector) -> impl Iterator<Item = (usize, f32)> + use<'a> {
        let bias = self.weights.len() / self.classes.max(1) - 1;
        text.iter().copied().chain([(bias, BIAS_INPUT)])
    }

    fn row(&self, feature: usize) -> &[f32] {
        &self.weights[feature * self.classes..(feature + 1) * self.classes]
    }

    fn step(&mut self, example: Example<'_>, squares: &mut [f32]) {
        let mut error = self.chances(example.text);
        for &class in example.classes {
            error[class] -= 1.0 / example.classes.len() as f32;
        }
        let wrong: Vec<(usize, f32)> = error
            .into_iter()
            .enumerate()
            .filter(|(_, error)| error.abs() >= SMALLEST_STEP)
            .collect();
        for (feature, input) in self.inputs(example.text) {
            for &(class, error) in &wrong {
                let at = feature * self.classes + class;
                let gradient = error * input;
                squares[at] += gradient * gradient;
                self.weights[at] -= LEARNING_RATE * gradient / squares[at].sqrt();
            }
        }
    }
}

fn passes(examples: usize) -> usize {
    (VISITS / examples.max(1)).clamp(1, MAX_PASSES)
}

#[cfg(test)]
mod tests {
    use super::super::words::words;
    use super::*;

    #[test]
    fn a_word_that_tells_the_class_is_learnt_and_chances_sum_to_one() {
        let texts: Vec<Vec<String>> = ["fan loud", "fan rattles", "pump dry", "pump leaks"]
            .map(words)
            .into();
        let vocabulary = Vocabulary::of(texts.iter().map(Vec::as_slice));
        let vectors: Vec<TextVector> = texts.iter().map(|text| vocabulary.vector(text)).collect();
        let classes = [[0], [0], [1], [1]];
        let examples: Vec<Example<'_>> = vectors
            .iter()
            .zip(&classes)
            .map(|(text, classes)| Example { text, classes })
            .collect();
        let model = LinearModel::fit(&examples, &vocabulary, 2);
        let chances = model.chances(&vocabulary.vector(&words("the fan")));
        assert!(chances[0] > 0.8, "{chances:?}");
        assert!((chances.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert_eq!(vectors[0].iter().map(|(_, w)| w * w).sum::<f32>().round(), 1.0);
        // Nothing known: the bias alone, and both classes were equally frequent.
        let unknown = model.chances(&vocabulary.vector(&words("水")));
        assert!((unknown[0] - 0.5).abs() < 0.1, "{unknown:?}");
    }

    #[test]
    fn passes_are_bounded_by_visits() {
        assert_eq!(
            (passes(0), passes(1_000), passes(100_000), passes(1_000_000)),
            (8, 8, 2, 1)
        );
    }
}
