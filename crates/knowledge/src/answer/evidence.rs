//! Whether the best candidates support an answer at all: an absolute measure, not a rank.

use super::quote;
use crate::analysis;
use crate::api::Intent;
use crate::error::KnowledgeError;
use crate::library::{Library, Retrieval};
use crate::passages::Kind;
use crate::rank::{self, Ranked};

/// Evidence that an answer needs. Calibrated by `examples/calibrate.rs` on CMRC 2018 trial questions against their own library
/// (answerable) and against a foreign one, and on the development questions of the bundled appliance.
pub(crate) const FLOOR: f64 = 0.40;
/// Below this nothing in the library is about the question.
pub(crate) const OUT_OF_SCOPE: f64 = 0.22;

/// Candidates that may be answered from, best first, with the evidence of the best.
#[derive(Debug, Clone, Default)]
pub(super) struct Judged {
    /// Places in `Retrieval::ranked`.
    pub order: Vec<usize>,
    pub evidence: f64,
}

/// Candidates looked at.
const LOOKED_AT: usize = 20;
/// Of these the one with the most evidence may stand for the answer, if it is close to the first.
const CLOSE: f64 = 0.9;

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
    let total: f64 = retrieval.idf.iter().map(|(_, idf)| idf).sum();
    let values: Vec<f64> = order
        .iter()
        .map(|&at| of(&retrieval.ranked[at], retrieval, total))
        .collect();
    let best_score = retrieval.ranked[order[0]].score;
    let evidence = order
        .iter()
        .zip(&values)
        .filter(|&(&at, _)| retrieval.ranked[at].score >= CLOSE * best_score)
        .map(|(_, &v)| v)
        .fold(0.0, f64::max);
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
    let _ = library;
    order.truncate(LOOKED_AT);
    Ok(Judged { order, evidence })
}

fn is_model_term(term: &str, understood: &crate::question::Understood) -> bool {
    term.strip_prefix("t:")
        .is_some_and(|name| understood.models.iter().any(|model| model.canonical == name))
}

/// Evidence of one passage, 0..=1: how much of the question's weight it has, how much of that in one place and how many of its
/// bigrams; less when a number is asked for and none of its kind is there.
fn of(ranked: &Ranked, retrieval: &Retrieval, total: f64) -> f64 {
    let understood = &retrieval.understood;
    let text = analysis::fold(&rank::searchable(&ranked.stored));
    let bigrams = &understood.terms.bigrams;
    let shared = bigrams
        .iter()
        .filter(|bigram| text.contains(bigram.as_str()))
        .count();
    let (coverage, window) = (ranked.parts.coverage, ranked.parts.window);
    let mut evidence = if bigrams.is_empty() {
        0.55 * coverage + 0.45 * window
    } else {
        0.4 * coverage + 0.3 * window + 0.3 * shared as f64 / bigrams.len() as f64
    };
    if total <= 0.0 {
        return 0.0;
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
