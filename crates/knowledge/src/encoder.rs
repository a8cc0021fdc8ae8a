//! Questions and passages as vectors that lie near each other when the passage answers the question, though they share no word:
//! `外机一个人扛得动不` and `室外机净重  kg  25`.
//!
//! A text is the weighted mean of the vectors of its characters, character pairs, words and units (in the manner of fastText's bags of
//! n-grams), with other weights for a question than for a passage. Trained by `models/paraphrase/train.py` on `datasets/paraphrases`; the
//! card is `models/paraphrase-encoder.md`.

use std::collections::HashMap;
use std::sync::OnceLock;

use safetensors::SafeTensors;
use shifu_domain::text::is_han;

use crate::analysis;
use crate::passages::{Kind, StoredPassage, joined};

static WEIGHTS: &[u8] = include_bytes!("../../../models/paraphrase/encoder.safetensors");

/// Shares of known character pairs and words of a question below which its subject is strange to the encoder, and above which it is
/// familiar: the median of CMRC 2018 trial's questions has .33, of the bundled
/// appliances' agents-dev .81.
const STRANGE: f64 = 0.45;
const FAMILIAR: f64 = 0.65;
/// Pieces of a question that count, from its start.
const MOST_QUESTION_GRAMS: usize = 120;
/// The same of a passage's text, of the headings above it and of its column titles.
const MOST_TEXT_GRAMS: usize = 240;
const MOST_HEADING_GRAMS: usize = 32;
const MOST_OUTER_HEADING_GRAMS: usize = 24;
const MOST_HEADER_GRAMS: usize = 24;
/// Column titles that count; further ones are models and values.
const HEADER_CELLS: usize = 3;
/// A longer text is encoded in parts of about so many characters, and the best part counts.
const PART_CHARS: usize = 90;

/// A unit vector, its components in 127ths of the largest one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Vector {
    components: Vec<i8>,
    scale: f32,
}

impl Vector {
    /// Cosine, -1..=1.
    pub(crate) fn cosine(&self, other: &Self) -> f64 {
        f64::from(self.dot(&other.components) as f32 * self.scale * other.scale)
    }

    /// With the components of another one; both scales are still to be multiplied.
    pub(crate) fn dot(&self, components: &[i8]) -> i32 {
        let pairs = self.components.iter().zip(components);
        pairs.map(|(&a, &b)| i32::from(i16::from(a) * i16::from(b))).sum()
    }

    pub(crate) fn dimensions(&self) -> usize {
        self.components.len()
    }

    pub(crate) fn scale(&self) -> f32 {
        self.scale
    }

    pub(crate) fn into_components(self) -> Vec<i8> {
        self.components
    }

    /// Of the direction of `sum`.
    pub(crate) fn of(sum: &[f32]) -> Self {
        let length = length(sum);
        let largest = sum.iter().fold(0.0_f32, |most, x| most.max(x.abs())) / length;
        let scale = (largest / 127.0).max(f32::MIN_POSITIVE);
        Self {
            components: sum.iter().map(|x| (x / length / scale).round() as i8).collect(),
            scale,
        }
    }
}

fn length(sum: &[f32]) -> f32 {
    let squares: f32 = sum.iter().map(|x| x * x).sum();
    squares.sqrt().max(f32::MIN_POSITIVE)
}

/// Where a piece of a passage stands; the training weighs each place.
#[derive(Clone, Copy)]
enum Place {
    Text,
    Heading,
    OuterHeading,
    Header,
}

pub(crate) struct Encoder {
    dimensions: usize,
    grams: HashMap<&'static str, usize>,
    /// A row of `dimensions` a gram, to be multiplied by its scale.
    rows: &'static [u8],
    scales: Vec<f32>,
    question_weights: Vec<f32>,
    passage_weights: Vec<f32>,
    places: [f32; 4],
    /// What "none of them" is worth for a question, against `sharpness` times a passage's cosine.
    none: Vec<f32>,
    sharpness: f64,
    bias: f64,
}

/// A question, encoded.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct EncodedQuestion {
    pub vector: Vector,
    /// How far the encoder knows the question's subject, 0..=1: it has learnt appliances, and nothing of the rest of the world.
    pub trust: f64,
    none: f64,
}

impl Encoder {
    /// The encoder that every library uses.
    pub(crate) fn built_in() -> &'static Self {
        static ENCODER: OnceLock<Encoder> = OnceLock::new();
        ENCODER.get_or_init(|| {
            Self::read(WEIGHTS).unwrap_or_else(|| unreachable!("a test reads the weights that were built in"))
        })
    }

    fn read(file: &'static [u8]) -> Option<Self> {
        let tensors = SafeTensors::deserialize(file).ok()?;
        let bytes = |name: &str| tensors.tensor(name).ok().map(|tensor| tensor.data());
        let floats = |name: &str| -> Option<Vec<f32>> {
            let whole = bytes(name)?.chunks_exact(4);
            Some(
                whole
                    .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
                    .collect(),
            )
        };
        let [sharpness, bias] = floats("calibration")?.try_into().ok()?;
        let names = std::str::from_utf8(bytes("grams")?).ok()?;
        let grams: HashMap<&'static str, usize> = names.split('\n').zip(0..).collect();
        let found = Self {
            dimensions: *tensors.tensor("rows").ok()?.shape().get(1)?,
            rows: bytes("rows")?,
            scales: floats("scales")?,
            question_weights: floats("question_weights")?,
            passage_weights: floats("passage_weights")?,
            places: floats("places")?.try_into().ok()?,
            none: floats("none")?,
            sharpness: f64::from(sharpness),
            bias: f64::from(bias),
            grams,
        };
        let count = found.grams.len();
        let whole = found.rows.len() == count * found.dimensions
            && found.none.len() == found.dimensions
            && [&found.scales, &found.question_weights, &found.passage_weights]
                .iter()
                .all(|weights| weights.len() == count);
        whole.then_some(found)
    }

    /// A question; `None` when nothing in it is known.
    pub(crate) fn question(&self, folded: &str) -> Option<EncodedQuestion> {
        let mut sum = vec![0.0; self.dimensions];
        let (mut any, mut telling, mut known) = (false, 0.0, 0.0);
        for gram in grams(folded).iter().take(MOST_QUESTION_GRAMS) {
            let found = self.grams.get(gram.as_str());
            if let Some(&at) = found {
                self.add(&mut sum, at, self.question_weights[at]);
                any = true;
            }
            if tells_subject(gram) {
                telling += 1.0;
                known += f64::from(u8::from(found.is_some()));
            }
        }
        if !any {
            return None;
        }
        let familiar: f64 = if telling > 0.0 { known / telling } else { 0.0 };
        let length = length(&sum);
        let none: f32 = sum.iter().zip(&self.none).map(|(a, b)| a * b).sum();
        Some(EncodedQuestion {
            vector: Vector::of(&sum),
            trust: ((familiar - STRANGE) / (FAMILIAR - STRANGE)).clamp(0.0, 1.0),
            none: f64::from(none / length) + self.bias,
        })
    }

    /// Probability that one of the passages answers a question, from their cosines: 0..=1.
    pub(crate) fn answered(&self, question: &EncodedQuestion, cosines: impl Iterator<Item = f64>) -> f64 {
        let fits: f64 = cosines
            .map(|cosine| (self.sharpness * cosine - question.none).exp())
            .sum();
        fits / (1.0 + fits)
    }

    /// A passage, a vector a part; none for what is no content.
    pub(crate) fn passage(&self, stored: &StoredPassage) -> Vec<Vector> {
        if matches!(stored.kind, Kind::Heading | Kind::Contents) {
            return Vec::new();
        }
        let mut around = vec![0.0; self.dimensions];
        let headings = &stored.passage.section;
        let heading = headings.last().map_or("", String::as_str);
        let outer = headings.iter().rev().nth(1).map_or("", String::as_str);
        let header = &stored.header[..stored.header.len().min(HEADER_CELLS)];
        self.add_text(&mut around, heading, Place::Heading, MOST_HEADING_GRAMS);
        self.add_text(&mut around, outer, Place::OuterHeading, MOST_OUTER_HEADING_GRAMS);
        self.add_text(&mut around, &header.join(" "), Place::Header, MOST_HEADER_GRAMS);
        let parts = match stored.kind {
            Kind::Row if !stored.cells.is_empty() => vec![joined(&stored.cells)],
            _ => parts(&stored.passage.text),
        };
        let encoded = parts.iter().map(|part| {
            let mut sum = around.clone();
            self.add_text(&mut sum, part, Place::Text, MOST_TEXT_GRAMS);
            Vector::of(&sum)
        });
        encoded.collect()
    }

    /// A piece of a passage by itself.
    pub(crate) fn text(&self, text: &str) -> Vector {
        let mut sum = vec![0.0; self.dimensions];
        self.add_text(&mut sum, text, Place::Text, MOST_TEXT_GRAMS);
        Vector::of(&sum)
    }

    fn add_text(&self, sum: &mut [f32], text: &str, place: Place, most: usize) {
        for gram in grams(&analysis::fold(text)).iter().take(most) {
            if let Some(&at) = self.grams.get(gram.as_str()) {
                self.add(sum, at, self.passage_weights[at] * self.places[place as usize]);
            }
        }
    }

    fn add(&self, sum: &mut [f32], gram: usize, weight: f32) {
        let row = &self.rows[gram * self.dimensions..][..self.dimensions];
        let weight = weight * self.scales[gram];
        for (total, &component) in sum.iter_mut().zip(row) {
            *total += weight * f32::from(component.cast_signed());
        }
    }
}

/// Character pairs and whole words: single characters and pieces of words are known of any subject.
fn tells_subject(gram: &str) -> bool {
    let mut chars = gram.chars();
    match chars.next() {
        Some(first) if is_han(first) => chars.next().is_some(),
        Some(first) => first.is_ascii_lowercase() && gram.len() >= 3 && !gram.contains(':'),
        None => false,
    }
}

/// A long text in parts that end with a sentence or a line.
fn parts(text: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut part = String::new();
    let mut length = 0;
    for c in text.chars() {
        part.push(c);
        length += 1;
        let ends = matches!(c, '。' | '！' | '？' | '；' | '\n' | ';' | '!' | '?');
        if (ends && length >= PART_CHARS) || length >= 3 * PART_CHARS {
            parts.push(std::mem::take(&mut part));
            length = 0;
        }
    }
    if length >= PART_CHARS / 3 || parts.is_empty() {
        parts.push(part);
    } else if let Some(last) = parts.last_mut() {
        last.push_str(&part);
    }
    parts
}

/// Letters and the signs that units are written with.
fn is_letter(c: char) -> bool {
    c.is_ascii_lowercase() || matches!(c, 'ω' | 'μ' | 'µ' | '°' | '℃' | '%' | '㎡')
}

/// The pieces of a folded text, in order: characters and pairs of Chinese, words and units of letters (once more where they follow a
/// number), four letters in a row of longer words, `#` for a number.
fn grams(folded: &str) -> Vec<String> {
    #[derive(PartialEq, Clone, Copy)]
    enum Class {
        Han,
        Letter,
        Digit,
        Other,
    }
    let class = |c: char| match c {
        c if c.is_ascii_digit() => Class::Digit,
        c if is_letter(c) => Class::Letter,
        c if is_han(c) => Class::Han,
        _ => Class::Other,
    };
    let chars: Vec<char> = folded.chars().collect();
    let mut out = Vec::new();
    let mut at = 0;
    for run in chars.chunk_by(|&a, &b| class(a) == class(b)) {
        match class(run[0]) {
            Class::Other => {}
            Class::Digit => out.push("#".to_owned()),
            Class::Han => {
                out.extend(run.iter().map(char::to_string));
                out.extend(run.windows(2).map(|pair| pair.iter().collect::<String>()));
            }
            Class::Letter => {
                let word: String = run.iter().collect();
                let marked: Vec<char> = format!("<{word}>").chars().collect();
                let unit = (at > 0 && matches!(chars[at - 1], '0'..='9' | ' ')).then(|| format!("u:{word}"));
                out.push(word);
                out.extend(unit);
                if run.len() > 3 {
                    out.extend(marked.windows(4).map(|four| four.iter().collect::<String>()));
                }
            }
        }
        at += run.len();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_weights_are_whole() {
        let encoder = Encoder::read(WEIGHTS).unwrap();
        assert!(encoder.grams.len() > 10_000 && encoder.dimensions.is_multiple_of(16));
    }

    #[test]
    fn pieces_are_those_that_the_weights_were_trained_on() {
        let text = analysis::fold("压缩机 18.5 Ω，E3；fault 3 Ａ");
        assert_eq!(
            grams(&text).join(" "),
            "压 缩 机 压缩 缩机 # # ω u:ω e # fault <fau faul ault ult> # a u:a"
        );
        assert!(grams("，。").is_empty());
    }

    #[test]
    fn a_question_lies_near_what_answers_it_though_they_share_no_word() {
        let encoder = Encoder::built_in();
        let near = |question: &str, text: &str| {
            let stored = crate::library::plain_passage(
                &shifu_domain::DocumentId("d".into()),
                "p".into(),
                String::new(),
                text.into(),
            );
            let question = encoder.question(&analysis::fold(question)).unwrap();
            encoder.passage(&stored)[0].cosine(&question.vector)
        };
        for (question, answer, other) in [
            ("外头那个大家伙多沉", "室外机净重  kg  25", "制冷剂充注量  g  680"),
            ("洗澡洗到一半没热的了", "使用中熄火，水变凉", "遥控器电池的更换"),
            ("几安的保险管", "熔断管  15 A", "电源线截面积  1.5 mm²"),
        ] {
            assert!(
                near(question, answer) > near(question, other) + 0.05,
                "{question}"
            );
        }
        assert_eq!(encoder.question("，"), None);
    }

    #[test]
    fn long_texts_are_encoded_in_parts_that_lose_nothing() {
        let text = "把电源关掉，等五分钟，拆下面板。".repeat(40);
        let cut = parts(&text);
        assert!(cut.len() > 4 && cut.concat() == text);
        assert_eq!(parts("短"), ["短"]);
    }
}
