//! `answers FILE.jsonl`: answers and refusals when each question comes with its own documents.

use std::path::Path;

use anyhow::Result;
use serde::Deserialize;
use serde_json::json;
use shifu_knowledge::{Library, Question};

use crate::data::json_lines;
use crate::metrics::share;
use crate::report::Report;

/// An answer longer than this counts as wrong.
const MOST_CHARACTERS: usize = 120;

#[derive(Deserialize)]
struct Row {
    question: String,
    documents: Vec<String>,
    #[serde(default)]
    answers: Vec<Gold>,
    answerable: bool,
}

/// A gold string, or several that are equally good.
#[derive(Deserialize)]
#[serde(untagged)]
enum Gold {
    One(String),
    Alternatives(Vec<String>),
}

impl Gold {
    fn stands_in(&self, answer: &str) -> bool {
        match self {
            Self::One(text) => answer.contains(text.as_str()),
            Self::Alternatives(texts) => texts.iter().any(|text| answer.contains(text.as_str())),
        }
    }
}

/// Asks every question over a library of its own documents only.
///
/// # Errors
/// Malformed data.
pub fn run(file: &Path) -> Result<Report> {
    let rows: Vec<Row> = json_lines(file)?;
    let (mut answered, mut correct, mut answerable, mut refused_rightly, mut refused_wrongly) =
        (0, 0, 0, 0, 0);
    let (mut sentences, mut unsupported) = (0, 0);
    for row in &rows {
        let library = Library::in_memory()?;
        let documents = row.documents.iter().enumerate();
        library.add_passages(
            documents
                .map(|(at, text)| (format!("d{at}"), String::new(), text.clone()))
                .collect(),
        )?;
        let question = Question {
            question: row.question.clone(),
            ..Question::default()
        };
        let reply = library.answer(&question)?.reply;
        answerable += usize::from(row.answerable);
        if reply.refusal.is_some() {
            refused_rightly += usize::from(!row.answerable);
            refused_wrongly += usize::from(row.answerable);
            continue;
        }
        answered += 1;
        let short_enough = reply.answer.chars().count() <= MOST_CHARACTERS;
        correct += usize::from(
            row.answerable && short_enough && row.answers.iter().any(|gold| gold.stands_in(&reply.answer)),
        );
        for sentence in reply
            .answer
            .split(['。', '！', '？', '\n'])
            .map(str::trim)
            .filter(|s| !s.is_empty())
        {
            sentences += 1;
            unsupported += usize::from(
                !reply
                    .citations
                    .iter()
                    .any(|citation| citation.quote.contains(sentence)),
            );
        }
    }
    Ok(Report::new(
        "answers",
        json!({
            "answered": share(answered, rows.len()),
            "correct_when_answered": share(correct, answered),
            "refusal_recall": share(refused_rightly, rows.len() - answerable),
            "false_refusal": share(refused_wrongly, answerable),
            "unsupported_sentences": share(unsupported, sentences),
            "questions": rows.len(),
        }),
    ))
}
