//! Class probabilities over time → text with a confidence for every character (greedy CTC, Graves et al. 2006).

use crate::error::InferenceError;

/// The characters of a recogniser; class 0 is the blank, the last class the space.
pub(super) struct Alphabet {
    characters: Vec<String>,
}

/// A line read.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct ReadLine {
    pub(super) text: String,
    /// One a Unicode scalar value of `text`.
    pub(super) confidences: Vec<f32>,
}

impl Alphabet {
    /// Takes the list stored in the model, a character a line.
    pub(super) fn parse(list: &str) -> Result<Self, InferenceError> {
        let mut characters: Vec<String> = list
            .trim_end_matches(['\n', '\r'])
            .split('\n')
            .map(|c| c.trim_end_matches('\r').to_owned())
            .collect();
        if characters.len() < 2 {
            return Err(InferenceError::bad_model(
                "model.onnx",
                "its metadata holds no character list",
            ));
        }
        characters.push(" ".to_owned());
        Ok(Self { characters })
    }

    /// Classes the recogniser must have.
    pub(super) fn classes(&self) -> usize {
        self.characters.len() + 1
    }

    /// Best class of every step, repeats merged, blanks dropped. `steps` is `T * classes` probabilities.
    pub(super) fn decode(&self, steps: &[f32]) -> ReadLine {
        let mut line = ReadLine::default();
        let mut previous = 0;
        for step in steps.chunks_exact(self.classes()) {
            let (class, probability) = best(step);
            if class != 0 {
                let character = &self.characters[class - 1];
                let count = character.chars().count();
                if class != previous {
                    line.text.push_str(character);
                    line.confidences.extend(std::iter::repeat_n(probability, count));
                } else {
                    // A character spans several steps; its surest one counts.
                    for c in line.confidences.iter_mut().rev().take(count) {
                        *c = c.max(probability);
                    }
                }
            }
            previous = class;
        }
        line
    }
}

impl ReadLine {
    /// Without white space around the text.
    pub(super) fn trimmed(self) -> Self {
        let lead = self.text.chars().take_while(|c| c.is_whitespace()).count();
        let text = self.text.trim().to_owned();
        let count = text.chars().count();
        Self {
            confidences: self.confidences.into_iter().skip(lead).take(count).collect(),
            text,
        }
    }

    /// Mean confidence; 0 of an empty line.
    pub(super) fn confidence(&self) -> f32 {
        if self.confidences.is_empty() {
            return 0.0;
        }
        self.confidences.iter().sum::<f32>() / self.confidences.len() as f32
    }
}

fn best(step: &[f32]) -> (usize, f32) {
    let mut best = (0, f32::MIN);
    for (class, &probability) in step.iter().enumerate() {
        if probability > best.1 {
            best = (class, probability);
        }
    }
    (best.0, best.1.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps as (class, probability) over blank, A, B and the space.
    fn steps(path: &[(usize, f32)]) -> Vec<f32> {
        path.iter()
            .flat_map(|&(class, p)| {
                let mut step = vec![(1.0 - p) / 3.0; 4];
                step[class] = p;
                step
            })
            .collect()
    }

    #[test]
    fn repeats_merge_and_blanks_separate() {
        let alphabet = Alphabet::parse("A\nB\n").unwrap();
        assert_eq!(alphabet.classes(), 4);
        for (path, text, confidences) in [
            (vec![], "", vec![]),
            (
                vec![(0, 0.9), (1, 0.8), (1, 0.95), (0, 0.9), (1, 0.7)],
                "AA",
                vec![0.95, 0.7],
            ),
            (
                vec![(1, 0.9), (2, 0.8), (3, 0.7), (2, 0.6)],
                "AB B",
                vec![0.9, 0.8, 0.7, 0.6],
            ),
        ] {
            let line = alphabet.decode(&steps(&path));
            assert_eq!((line.text.as_str(), line.confidences), (text, confidences));
        }
    }

    #[test]
    fn trimming_keeps_confidences_beside_their_characters() {
        let alphabet = Alphabet::parse("A\nB").unwrap();
        let line = alphabet
            .decode(&steps(&[(3, 0.5), (1, 0.9), (3, 0.6), (2, 0.8), (3, 0.7)]))
            .trimmed();
        assert_eq!(
            (line.text.as_str(), line.confidences.clone()),
            ("A B", vec![0.9, 0.6, 0.8])
        );
        assert!((line.confidence() - 2.3 / 3.0).abs() < 1e-6);
    }

    #[test]
    fn a_model_without_characters_is_refused() {
        assert!(Alphabet::parse("").is_err());
    }
}
