//! `quotes FILE.json`: does the one quoted sentence hold the answer? Every passage of a SQuAD file is the library.

use std::path::Path;

use anyhow::Result;
use serde_json::json;
use shifu_knowledge::{Library, SearchRequest, best_quote};

use crate::data::Squad;
use crate::report::Report;
use crate::{metrics, timed};

/// Longest quote that counts.
const MOST_CHARACTERS: usize = 120;

/// For every question: the first passage found, and its best sentence.
///
/// # Errors
/// Malformed data.
pub fn run(file: &Path) -> Result<Report> {
    let squad = Squad::read(file)?;
    let library = Library::in_memory()?;
    library.add_passages(squad.passages.clone())?;
    let (mut held, mut right) = (0, 0);
    let (mut lengths, mut times) = (Vec::new(), Vec::new());
    for question in &squad.questions {
        let request = SearchRequest {
            query: question.question.clone(),
            top_k: Some(1),
            ..SearchRequest::default()
        };
        let (found, ms) = timed(|| -> Result<_> {
            let hit = library.search(&request)?.hits.into_iter().next();
            Ok(hit.map(|hit| (best_quote(&question.question, &hit.text), hit.passage_id.0)))
        });
        times.push(ms);
        let (quote, passage) = found?.unwrap_or_default();
        lengths.push(quote.chars().count() as f64);
        right += usize::from(passage == squad.passages[question.passage].0);
        let short_enough = quote.chars().count() <= MOST_CHARACTERS;
        held += usize::from(
            short_enough
                && question
                    .answers
                    .iter()
                    .any(|answer| quote.contains(answer.as_str())),
        );
    }
    let count = squad.questions.len();
    Ok(Report::new(
        "quotes",
        json!({
            "quote_holds_answer": metrics::share(held, count),
            "passage_right": metrics::share(right, count),
            "mean_quote_chars": metrics::mean(&lengths),
            "questions": count,
            "p50_ms": metrics::quantile(&times, 0.5),
        }),
    ))
}
