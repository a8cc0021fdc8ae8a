//! Candidates → order: BM25 plus how much of the question stands in the passage, in one place and in one piece.

use std::collections::BTreeSet;

use aho_corasick::AhoCorasick;

use crate::analysis;
use crate::api::ScoreParts;
use crate::index::QueryTerms;
use crate::passages::{Kind, StoredPassage};

/// A passage as found.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// 0 where only its meaning is near.
    pub bm25: f32,
    pub meaning: f64,
    /// Cosine by the installed encoder.
    pub dense: f64,
    pub stored: StoredPassage,
}

/// A passage with its score.
#[derive(Debug, Clone)]
pub(crate) struct Ranked {
    pub stored: StoredPassage,
    pub score: f64,
    pub parts: ScoreParts,
}

/// Weights of the score's terms. Fitted on manuals of `datasets/paraphrases` that the encoder had not seen, on the dev
/// questions of the bundled appliances (`models/paraphrase/fit.py`), and held against CMRC 2018 trial and DRCD dev, which are no manuals
/// (`examples/retrieval.rs`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Weights {
    pub bm25: f64,
    pub coverage: f64,
    pub window: f64,
    pub phrase: f64,
    pub exact: f64,
    pub meaning: f64,
    pub dense: f64,
}

impl Weights {
    /// Nearness by the installed encoder alone.
    pub(crate) const DENSE: Self = Self {
        bm25: 0.0,
        coverage: 0.0,
        window: 0.0,
        phrase: 0.0,
        exact: 0.0,
        meaning: 0.0,
        dense: 1.0,
    };
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            bm25: 4.0,
            coverage: 9.0,
            window: 4.0,
            phrase: 4.0,
            exact: 8.0,
            meaning: 60.0,
            dense: 20.0,
        }
    }
}

/// A word of a question, or a spoken form of the trade, with what manuals may write instead.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Element {
    pub word: String,
    /// Other words for it; they count a little less.
    pub others: Vec<String>,
    pub weight: f64,
}

/// What a query is worth, element by element.
pub(crate) struct Weighted {
    elements: Vec<Element>,
    total: f64,
}

impl Weighted {
    pub(crate) fn new(elements: Vec<Element>) -> Self {
        let total = elements.iter().map(|element| element.weight).sum();
        Self { elements, total }
    }

    /// How many elements there are.
    pub(crate) fn len(&self) -> usize {
        self.elements.len()
    }

    /// Whether nothing in it can be looked for.
    pub(crate) fn is_empty(&self) -> bool {
        self.total <= 0.0
    }

    /// Share of the weight of elements for which `holds`.
    pub(crate) fn share(&self, holds: impl Fn(&Element) -> bool) -> f64 {
        if self.is_empty() {
            return 0.0;
        }
        let held = self.elements.iter().filter(|element| holds(element));
        held.map(|element| element.weight).sum::<f64>() / self.total
    }
}

/// Orders candidates, best first; equal scores by document, page and place. `trust` says how far nearness in meaning counts, 0..=1.
pub(crate) fn rank(
    found: Vec<Found>,
    trust: f64,
    folded_question: &str,
    terms: &QueryTerms,
    weighted: &Weighted,
    weights: &Weights,
) -> Vec<Ranked> {
    let texts: Vec<String> = found
        .iter()
        .map(|found| analysis::stemmed(&analysis::fold(&searchable(&found.stored))))
        .collect();
    let phrases = phrase_shares(folded_question, &texts);
    let scale = found
        .iter()
        .map(|found| f64::from(found.bm25))
        .fold(f64::MIN_POSITIVE, f64::max);
    let mut ranked: Vec<Ranked> = found
        .into_iter()
        .zip(texts.iter().zip(phrases))
        .map(
            |(
                Found {
                    bm25,
                    meaning,
                    dense,
                    stored,
                },
                (text, phrase),
            )| {
                let (coverage, window) = coverage(text, weighted);
                let exact_hits = terms
                    .exact
                    .iter()
                    .filter(|term| stored.exact.binary_search(term).is_ok())
                    .count();
                let parts = ScoreParts {
                    bm25: f64::from(bm25) / scale,
                    coverage,
                    window,
                    phrase,
                    meaning,
                    dense,
                    exact: exact_hits as f64,
                    other_model: 0.0,
                    support: None,
                };
                let contents = match stored.kind {
                    Kind::Contents => 7.0,
                    Kind::Heading => 5.0,
                    _ => 0.0,
                };
                let score = weights.bm25 * parts.bm25
                    + weights.coverage * parts.coverage
                    + weights.window * parts.window
                    + weights.phrase * parts.phrase
                    + weights.exact * parts.exact
                    + weights.meaning * trust * parts.meaning
                    + weights.dense * parts.dense
                    - contents;
                Ranked { stored, score, parts }
            },
        )
        .collect();
    sort(&mut ranked);
    ranked
}

/// Puts the best first.
pub(crate) fn sort(ranked: &mut [Ranked]) {
    ranked.sort_by(|a, b| {
        b.score.total_cmp(&a.score).then_with(|| {
            let key = |r: &Ranked| {
                (
                    r.stored.passage.document_id.clone(),
                    r.stored.passage.page,
                    r.stored.passage.span.start,
                )
            };
            key(a).cmp(&key(b))
        })
    });
}

/// Text of a passage with what stands above it.
pub(crate) fn searchable(stored: &StoredPassage) -> String {
    format!(
        "{}\n{}\n{}",
        stored.title,
        stored.passage.section.join("\n"),
        stored.passage.text
    )
}

/// What another word for a word of the question counts.
const OTHER_WORD: f64 = 0.85;

/// Share of the question's weight in the folded and stemmed text, and in its best two neighbouring sentences.
pub(crate) fn coverage(folded: &str, weighted: &Weighted) -> (f64, f64) {
    if weighted.is_empty() {
        return (0.0, 0.0);
    }
    let ends: Vec<usize> = folded
        .char_indices()
        .filter(|&(_, c)| matches!(c, '。' | '!' | '?' | '；' | ';' | '\n' | '！' | '？'))
        .map(|(at, _)| at)
        .collect();
    let mut by_sentence = vec![0.0; ends.len() + 1];
    let mut whole = 0.0;
    let mut last_hit: Vec<usize> = Vec::new();
    for Element { word, others, weight } in &weighted.elements {
        last_hit.clear();
        hits_of(folded, word, &ends, &mut last_hit);
        let mut worth = *weight;
        if last_hit.is_empty() {
            for other in others {
                hits_of(folded, other, &ends, &mut last_hit);
            }
            last_hit.sort_unstable();
            last_hit.dedup();
            worth *= OTHER_WORD;
        }
        if last_hit.is_empty() {
            whole += weight * partial(folded, word);
            continue;
        }
        whole += worth;
        for &sentence in &last_hit {
            by_sentence[sentence] += worth;
        }
    }
    let best = by_sentence
        .windows(2)
        .map(|two| two[0].max(two[1]) + 0.5 * two[0].min(two[1]))
        .fold(by_sentence[0], f64::max);
    (whole / weighted.total, (best / weighted.total).min(1.0))
}

/// Sentences that hold a word.
fn hits_of(folded: &str, word: &str, ends: &[usize], hits: &mut Vec<usize>) {
    for at in occurrences(folded, word) {
        let sentence = ends.partition_point(|&end| end < at);
        if hits.last() != Some(&sentence) {
            hits.push(sentence);
        }
    }
}

/// Places of a word; words of letters only at the start of a word, numbers only whole.
fn occurrences<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let latin = word.is_ascii();
    let number = word.ends_with(|c: char| c.is_ascii_digit());
    text.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let starts = !latin || !text[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
        let ends = !number || !text[at + word.len()..].starts_with(|c: char| c.is_ascii_digit());
        starts && ends
    })
}

/// Half credit for the pieces of a compound that the text has (`保修期` where it says `保修`).
fn partial(text: &str, word: &str) -> f64 {
    let chars: Vec<char> = word.chars().collect();
    if word.is_ascii() || chars.len() < 3 {
        return 0.0;
    }
    let pairs = chars
        .windows(2)
        .filter(|pair| text.contains(&pair.iter().collect::<String>()))
        .count();
    0.6 * pairs as f64 / (chars.len() - 1) as f64
}

/// Share of the question's character n-grams that each text has, every n-gram weighted by how few of the texts have it; 0..=1, one a
/// text. All n-grams are looked for in one pass over a text (Aho & Corasick 1975).
fn phrase_shares(question: &str, texts: &[String]) -> Vec<f64> {
    let grams = phrase_grams(question);
    let Ok(automaton) = AhoCorasick::new(&grams) else {
        return vec![0.0; texts.len()];
    };
    let held: Vec<Vec<bool>> = texts
        .iter()
        .map(|text| {
            let mut holds = vec![false; grams.len()];
            for found in automaton.find_overlapping_iter(text) {
                holds[found.pattern().as_usize()] = true;
            }
            holds
        })
        .collect();
    let all = texts.len() as f64;
    let weight = |at: usize| {
        let with = held.iter().filter(|holds| holds[at]).count() as f64;
        // A gram that no candidate has tells nothing about their order.
        if with == 0.0 {
            return 0.0;
        }
        let length = grams[at].chars().count() as f64;
        (length - 1.0).sqrt() * (1.0 + (all - with + 0.5) / (with + 0.5)).ln()
    };
    let weights: Vec<f64> = (0..grams.len()).map(weight).collect();
    let total: f64 = weights.iter().sum();
    let share = |holds: &Vec<bool>| {
        let held = weights.iter().zip(holds).filter(|(_, held)| **held);
        held.map(|(weight, _)| weight).sum::<f64>() / total
    };
    if total > 0.0 {
        held.iter().map(share).collect()
    } else {
        vec![0.0; texts.len()]
    }
}

/// The different runs of two to four Chinese characters in a question, in order.
fn phrase_grams(question: &str) -> Vec<String> {
    let mut grams: BTreeSet<String> = BTreeSet::new();
    for (run, _) in analysis::runs(question).filter(|(_, han)| *han) {
        let chars: Vec<char> = run.chars().collect();
        for length in [2, 3, 4] {
            grams.extend(
                chars
                    .windows(length)
                    .map(|window| window.iter().collect::<String>()),
            );
        }
    }
    grams.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(word: &str, weight: f64) -> Element {
        Element {
            word: word.to_owned(),
            others: Vec::new(),
            weight,
        }
    }

    #[test]
    fn another_word_counts_a_little_less() {
        let mut pump = element("抽水的泵", 2.0);
        pump.others.push("排水泵".to_owned());
        let weighted = Weighted::new(vec![pump, element("电阻", 2.0)]);
        let (whole, _) = coverage("排水泵绕组电阻 138 Ω", &weighted);
        assert!((whole - (OTHER_WORD + 1.0) / 2.0).abs() < 1e-9, "{whole}");
    }

    #[test]
    fn coverage_counts_weight_and_nearness() {
        let weighted = Weighted::new(vec![element("压缩机", 3.0), element("保修", 1.0)]);
        let (whole, window) = coverage("压缩机10年。其他。保修另计。", &weighted);
        assert!((whole - 1.0).abs() < 1e-9, "{whole}");
        assert!(
            (window - 0.75).abs() < 1e-9,
            "3 of 4 in one sentence, nothing in its neighbour: {window}"
        );
        let (whole, _) = coverage("没有关系的话", &weighted);
        assert!(whole.abs() < 1e-9);
    }

    #[test]
    fn phrases_that_few_candidates_have_weigh_more() {
        let texts = ["外机不转".to_owned(), "内机不转".to_owned(), "滤网".to_owned()];
        let shares = phrase_shares("外机不转", &texts);
        // 外机, 外机不, 外机不转 stand in one text; 机不, 不转, 机不转 in two; nothing is left over for the third.
        let (one, two) = ((1.0_f64 + 2.5 / 1.5).ln(), (1.0_f64 + 1.5 / 2.5).ln());
        let shared = two * (2.0 + 2.0_f64.sqrt());
        let total = shared + one * (1.0 + 2.0_f64.sqrt() + 3.0_f64.sqrt());
        assert!((shares[0] - 1.0).abs() < 1e-12, "{shares:?}");
        assert!((shares[1] - shared / total).abs() < 1e-12, "{shares:?}");
        assert_eq!(shares[2], 0.0);
        assert_eq!(phrase_shares("no Chinese", &texts), vec![0.0; 3]);
    }

    #[test]
    fn latin_words_match_at_word_starts() {
        let weighted = Weighted::new(vec![element("gas", 1.0)]);
        assert!(coverage("el gas refrigerante", &weighted).0 > 0.9);
        assert!(coverage("degas", &weighted).0 < 0.1);
        let weighted = Weighted::new(vec![element("9.52", 1.0)]);
        assert!(coverage("¢9.52  0.054kg", &weighted).0 > 0.9);
        assert!(coverage("19.52, 9.525", &weighted).0 < 0.1);
    }
}
