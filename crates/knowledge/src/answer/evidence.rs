//! Whether the best candidates support an answer at all: an absolute measure, not a rank.

use super::quote;
use crate::analysis;
use crate::api::Intent;
use crate::error::KnowledgeError;
use crate::library::{Library, Retrieval};
use crate::passages::Kind;
use crate::question;
use crate::rank::{self, Ranked};

/// Evidence that an answer needs. Calibrated by `examples/calibrate.rs` on CMRC 2018 trial questions against their own library
/// (answerable) and against a foreign one, and on the development questions of the bundled appliance.
pub(crate) const FLOOR: f64 = 0.44;
/// Below this nothing in the library is about the question.
pub(crate) const OUT_OF_SCOPE: f64 = 0.25;

/// Candidates that may be answered from, best first, with the evidence of the best.
#[derive(Debug, Clone, Default)]
pub(super) struct Judged {
    /// Places in `Retrieval::ranked`.
    pub order: Vec<usize>,
    pub evidence: f64,
}

/// Candidates looked at.
const LOOKED_AT: usize = 20;
/// What evidence counts against rank (best = 1).
const EVIDENCE_WEIGHT: f64 = 1.0;

pub(super) fn judge(
    library: &Library,
    retrieval: &Retrieval,
    carried_codes: bool,
) -> Result<Judged, KnowledgeError> {
    let understood = &retrieval.understood;
    let has_code = !understood.codes.is_empty() || !understood.blinks.is_empty() || carried_codes;
    let code_terms: Vec<&String> = understood
        .terms
        .exact
        .iter()
        .filter(|term| !is_model_term(term, understood))
        .collect();
    let hits = |ranked: &Ranked| {
        code_terms
            .iter()
            .filter(|term| ranked.stored.exact.binary_search(term).is_ok())
            .count()
    };
    let mut order: Vec<usize> = (0..retrieval.ranked.len().min(LOOKED_AT * 3))
        .filter(|&at| !matches!(retrieval.ranked[at].stored.kind, Kind::Contents | Kind::Heading))
        .filter(|&at| !has_code || code_terms.is_empty() || hits(&retrieval.ranked[at]) > 0)
        .take(LOOKED_AT)
        .collect();
    if order.is_empty() {
        return Ok(Judged::default());
    }
    let asked = asked_weights(library, retrieval);
    let values: Vec<f64> = order
        .iter()
        .map(|&at| of(&retrieval.ranked[at], retrieval, &asked))
        .collect();
    let best_score = retrieval.ranked[order[0]].score.max(f64::MIN_POSITIVE);
    // Evidence looks at the clause that asks, rank at the whole story: together they choose the passage to answer from.
    let mut weighed: Vec<(usize, f64, f64)> = order
        .iter()
        .zip(&values)
        .map(|(&at, &value)| {
            (
                at,
                value,
                retrieval.ranked[at].score / best_score + EVIDENCE_WEIGHT * value,
            )
        })
        .collect();
    weighed.sort_by(|a, b| b.2.total_cmp(&a.2).then(a.0.cmp(&b.0)));
    order = weighed.iter().map(|(at, _, _)| *at).collect();
    let evidence = weighed[0].1;
    let evidence = if has_code && understood.detail.is_empty() && hits(&retrieval.ranked[order[0]]) > 0 {
        1.0
    } else {
        evidence
    };
    // A question about a code's detail is carried by the code; its words need less.
    let evidence = if has_code && hits(&retrieval.ranked[order[0]]) > 0 {
        evidence.max(0.45)
    } else {
        evidence
    };
    order.truncate(LOOKED_AT);
    Ok(Judged { order, evidence })
}

fn is_model_term(term: &str, understood: &crate::question::Understood) -> bool {
    term.strip_prefix("t:")
        .is_some_and(|name| understood.models.iter().any(|model| model.canonical == name))
}

/// The question as a whole and, where it has several clauses, the one that asks: people tell a story before they ask.
fn asked_weights(library: &Library, retrieval: &Retrieval) -> Vec<Asked> {
    let folded = &retrieval.understood.folded;
    let mut texts = vec![folded.clone()];
    let clauses: Vec<&str> = folded
        .split(['，', ',', '。', ';', '；', '！', '!', ' '])
        .filter(|c| !c.trim().is_empty())
        .collect();
    if clauses.len() > 1 && !retrieval.understood.latin {
        texts.extend(
            clauses
                .iter()
                .filter(|clause| asks(clause))
                .map(|clause| (*clause).to_owned()),
        );
    }
    texts
        .iter()
        .map(|text| Asked::new(text, library, retrieval))
        .filter(|asked| asked.total > 0.0)
        .collect()
}

fn asks(clause: &str) -> bool {
    [
        "多少",
        "几",
        "什么",
        "怎么",
        "如何",
        "哪",
        "吗",
        "多久",
        "多大",
        "多长",
        "为何",
        "谁",
        "是否",
        "能不能",
        "要不要",
        "啥",
        "咋",
        "?",
        "？",
    ]
    .iter()
    .any(|word| clause.contains(word))
}

/// Content words of a (part of a) question with what each weighs, and its bigrams.
struct Asked {
    words: Vec<(String, f64)>,
    total: f64,
    bigrams: Vec<String>,
}

impl Asked {
    fn new(text: &str, library: &Library, retrieval: &Retrieval) -> Self {
        let understood = &retrieval.understood;
        let named = |word: &str| {
            let upper = word.to_uppercase();
            word.bytes().all(|b| b.is_ascii_digit())
                || understood
                    .models
                    .iter()
                    .any(|model| model.canonical.contains(&upper))
        };
        let mut words: Vec<(String, f64)> = Vec::new();
        for (word, weight) in analysis::subject_weights(text) {
            if !analysis::is_stop_word(&word)
                && !named(&word)
                && words.iter().all(|(other, _)| *other != word)
            {
                let idf = library.idf(retrieval, &word) * if question::is_talk(&word) { 0.3 } else { 1.0 };
                words.push((word, weight * idf));
            }
        }
        // A single character that is not a word of the library says nothing against a passage.
        words.retain(|(word, _)| {
            word.chars().count() > 1 || word.is_ascii() || analysis::synonyms(word).next().is_some()
        });
        let total = words.iter().map(|(_, weight)| weight).sum();
        let bigrams = understood
            .terms
            .bigrams
            .iter()
            .filter(|bigram| text.contains(bigram.as_str()))
            .cloned()
            .collect();
        Self {
            words,
            total,
            bigrams,
        }
    }
}

/// Evidence of one passage, 0..=1: how much of the question's weight it has, how much of that in one place and how many of its
/// bigrams; less when a number is asked for and none of its kind is there. The best of the readings counts.
fn of(ranked: &Ranked, retrieval: &Retrieval, asked: &[Asked]) -> f64 {
    let understood = &retrieval.understood;
    let text = analysis::fold(&rank::searchable(&ranked.stored));
    let mut evidence: f64 = 0.0;
    for (at, asked) in asked.iter().enumerate() {
        let weighted = rank::Weighted {
            words: asked
                .words
                .iter()
                .map(|(word, weight)| (word.as_str(), *weight))
                .collect(),
            total: asked.total,
        };
        let (coverage, window) = rank::coverage(&text, &weighted);
        let shared = asked
            .bigrams
            .iter()
            .filter(|bigram| text.contains(bigram.as_str()))
            .count();
        let value = if asked.bigrams.is_empty() {
            0.55 * coverage + 0.45 * window
        } else {
            0.45 * coverage + 0.25 * window + 0.3 * shared as f64 / asked.bigrams.len() as f64
        };
        // A clause alone says less than the whole question, and a clause of one word next to nothing.
        let trust = match (at, asked.words.len()) {
            (0, _) => 1.0,
            (_, 0 | 1) => 0.6,
            _ => 0.9,
        };
        evidence = evidence.max(trust * value);
    }
    let units = quote::units_asked(&understood.folded);
    let body = analysis::fold(&ranked.stored.passage.text);
    if understood.intent == Intent::Quantity
        && !body
            .chars()
            .any(|c| c.is_ascii_digit() || "一二三四五六七八九十百千万两".contains(c))
    {
        evidence *= 0.7;
    } else if understood.intent == Intent::Quantity
        && !units.is_empty()
        && !units.iter().any(|unit| body.contains(unit))
    {
        evidence *= 0.85;
    }
    evidence.clamp(0.0, 1.0)
}
