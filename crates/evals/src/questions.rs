//! `questions DIR`: questions with known page and quote over an appliance folder's manuals (`documents.toml`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Value, json};
use shifu_domain::recognise::{Lexicon, LexiconEntries};
use shifu_domain::{DocumentId, DocumentMetadata, ModelNumber, ProductLine};
use shifu_knowledge::{Answered, ConversationContext, DocumentUpload, Library, Question};

use crate::data::{json_lines, read_text};
use crate::exact::{self, Exact};
use crate::report::Report;
use crate::tickets::contribute;
use crate::{metrics, timed};

#[derive(Deserialize)]
struct Row {
    id: String,
    question: String,
    #[serde(default)]
    model: Option<ModelNumber>,
    #[serde(default)]
    product_line: Option<ProductLine>,
    answerable: bool,
    /// The question before it in the same conversation.
    #[serde(default)]
    follows: Option<String>,
    #[serde(default)]
    document: String,
    #[serde(default)]
    page: u32,
    #[serde(default)]
    also_pages: Vec<u32>,
    #[serde(default)]
    answers: Vec<String>,
    #[serde(default)]
    reason: String,
}

/// An entry of `documents.toml`.
#[derive(Debug, Clone, Deserialize)]
pub struct DocumentEntry {
    /// File, relative to the folder.
    pub file: String,
    /// Title as cited.
    pub title: String,
    /// Product line.
    pub product_line: ProductLine,
    /// Brand.
    pub brand: Option<shifu_domain::Brand>,
    /// Models.
    #[serde(default)]
    pub models: Vec<ModelNumber>,
    /// Revision.
    #[serde(default)]
    pub revision: String,
    /// First day in force, `YYYY-MM-DD`.
    pub effective_date: Option<String>,
    /// Title of the document it replaces.
    pub supersedes: Option<String>,
}

#[derive(Deserialize)]
struct DocumentList {
    document: Vec<DocumentEntry>,
}

/// The documents of an appliance folder, in loading order.
///
/// # Errors
/// A missing or malformed `documents.toml`.
pub fn document_entries(dir: &Path) -> Result<Vec<DocumentEntry>> {
    let path = dir.join("documents.toml");
    let list: DocumentList =
        toml::from_str(&read_text(&path)?).with_context(|| path.display().to_string())?;
    Ok(list.document)
}

impl DocumentEntry {
    /// As metadata; `older` is the identifier that the superseded title was stored under.
    ///
    /// # Errors
    /// A date that is none.
    pub fn metadata(&self, older: Option<DocumentId>) -> Result<DocumentMetadata> {
        let date = self.effective_date.as_deref().map(str::parse).transpose();
        Ok(DocumentMetadata {
            title: self.title.clone(),
            product_line: self.product_line.clone(),
            brand: self.brand.clone(),
            models: self.models.clone(),
            revision: self.revision.clone(),
            effective_date: date.with_context(|| format!("effective_date of {}", self.title))?,
            supersedes: older,
        })
    }
}

/// Loads the manuals, parts lists and fault trees of the folder and of those `beside` it, and asks every question of the folder's
/// `questions-<split>.jsonl`, a follow-up with the context that the answer before it left. Beside the report comes a row for every
/// question, with its candidates and which of them stand on the right page.
///
/// # Errors
/// Malformed data.
pub fn run(dir: &Path, split: &str, beside: &[PathBuf]) -> Result<(Report, Vec<Value>)> {
    let rows: Vec<Row> = json_lines(&dir.join(format!("questions-{split}.jsonl")))?;
    let library = library_of(std::iter::once(dir).chain(beside.iter().map(PathBuf::as_path)))?;
    let exact = exact_names(&library, dir)?;
    let mut contexts: BTreeMap<&str, ConversationContext> = BTreeMap::new();
    let mut tally = Tally {
        superseded: exact::superseded(&library),
        ..Tally::default()
    };
    for row in &rows {
        let question = Question {
            question: row.question.clone(),
            model: row.model.clone(),
            product_line: row.product_line.clone(),
            context: row
                .follows
                .as_deref()
                .and_then(|before| contexts.get(before))
                .cloned()
                .unwrap_or_default(),
            ..Question::default()
        };
        let (answered, ms) = timed(|| library.answer(&question));
        let answered = answered?;
        tally.add(row, &answered, &library, ms);
        contexts.insert(&row.id, answered.context);
    }
    let judged = std::mem::take(&mut tally.rows);
    Ok((tally.report(exact), judged))
}

/// Every code, part and model of the folder's own lists, asked for by name alone.
fn exact_names(library: &Library, dir: &Path) -> Result<Exact> {
    let mut entries = LexiconEntries::default();
    contribute(&mut entries, dir)?;
    let mut exact = Exact::default();
    if let Some(first) = document_entries(dir)?.first() {
        exact.ask(library, &first.product_line, &entries.models, &entries)?;
    }
    Ok(exact)
}

fn library_of<'a>(dirs: impl Iterator<Item = &'a Path>) -> Result<Library> {
    let library = Library::in_memory()?;
    let mut lexicon = LexiconEntries::default();
    for (at, dir) in dirs.enumerate() {
        add_manuals(&library, dir, at)?;
        contribute(&mut lexicon, dir)?;
    }
    library.set_lexicon(Arc::new(Lexicon::new(lexicon)));
    Ok(library)
}

fn add_manuals(library: &Library, dir: &Path, folder: usize) -> Result<()> {
    let id = |at: usize| DocumentId(format!("doc{folder}-{at}"));
    let entries = document_entries(dir)?;
    for (at, entry) in entries.iter().enumerate() {
        let older = entry
            .supersedes
            .as_ref()
            .and_then(|title| entries[..at].iter().position(|e| e.title == *title));
        let path = dir.join(&entry.file);
        let upload = DocumentUpload {
            bytes: std::fs::read(&path).with_context(|| path.display().to_string())?,
            file_name: entry.file.clone(),
            metadata: entry.metadata(older.map(id))?,
            document_id: id(at),
        };
        library.add(&upload, &mut |_| {})?;
    }
    Ok(())
}

#[derive(Default)]
struct Tally {
    answerable: usize,
    page_first: usize,
    page_in_three: usize,
    holds_gold: usize,
    refused: usize,
    unanswerable: usize,
    right_refusals: usize,
    right_reasons: usize,
    /// Answerable questions that name a code or a part, and how many of them cite the right page first.
    named: usize,
    named_first: usize,
    wrong_model_cited: usize,
    superseded_cited: usize,
    /// Identifiers of the documents that another one supersedes.
    superseded: BTreeSet<String>,
    ms: Vec<f64>,
    misses: Vec<String>,
    rows: Vec<Value>,
}

/// What the candidates of a question looked like and which of them stand on the right page: what `models/paraphrase/fit.py` learns from.
fn judged(row: &Row, answered: &Answered, library: &Library) -> Value {
    let pages: Vec<u32> = std::iter::once(row.page)
        .chain(row.also_pages.iter().copied())
        .collect();
    let title = |id: &DocumentId| library.get(id).map(|record| record.metadata.title);
    let candidates = answered.process.candidates.iter().map(|candidate| {
        let right = pages.contains(&candidate.page) && title(&candidate.document_id).as_deref() == Some(&row.document);
        json!({"right": row.answerable && right, "page": candidate.page, "score": candidate.score, "explain": candidate.explain})
    });
    json!({
        "id": row.id,
        "answerable": row.answerable,
        "reason": row.reason,
        "refusal": answered.reply.refusal.as_ref().map(|refusal| refusal.reason),
        "evidence": answered.process.evidence,
        "intent": answered.process.recognised.intent,
        "codes": answered.process.recognised.codes.len(),
        "candidates": candidates.collect::<Vec<_>>(),
    })
}

impl Tally {
    fn add(&mut self, row: &Row, answered: &Answered, library: &Library, ms: f64) {
        let reply = &answered.reply;
        self.rows.push(judged(row, answered, library));
        self.ms.push(ms);
        self.add_citations(row, answered, library);
        if !row.answerable {
            self.unanswerable += 1;
            self.right_refusals += usize::from(reply.refusal.is_some());
            let reason = reply
                .refusal
                .as_ref()
                .and_then(|refusal| serde_json::to_value(refusal.reason).ok());
            self.right_reasons += usize::from(reason.is_some_and(|reason| reason == row.reason.as_str()));
            if reply.refusal.is_none() {
                self.misses.push(format!(
                    "{} answered instead of refused: {}",
                    row.id, reply.answer
                ));
            }
            return;
        }
        self.answerable += 1;
        self.refused += usize::from(reply.refusal.is_some());
        let pages: Vec<u32> = std::iter::once(row.page)
            .chain(row.also_pages.iter().copied())
            .collect();
        let first = reply.citations.first();
        let right = first.is_some_and(|c| c.title == row.document && pages.contains(&c.page));
        self.page_first += usize::from(right);
        let recognised = &answered.process.recognised;
        let named = !(recognised.codes.is_empty() && recognised.parts.is_empty());
        self.named += usize::from(named);
        self.named_first += usize::from(named && right);
        let candidates = answered.process.candidates.iter().take(3);
        let near = candidates
            .filter(|candidate| pages.contains(&candidate.page))
            .filter_map(|candidate| library.get(&candidate.document_id))
            .any(|record| record.metadata.title == row.document);
        self.page_in_three += usize::from(near);
        let squeeze = |text: &str| text.split_whitespace().collect::<String>();
        let answer = squeeze(&reply.answer);
        let holds = reply.refusal.is_none() && row.answers.iter().any(|gold| answer.contains(&squeeze(gold)));
        self.holds_gold += usize::from(holds);
        if !right || !holds {
            let cited = first.map_or("nothing".to_owned(), |c| format!("{} page {}", c.title, c.page));
            self.misses.push(format!(
                "{} cited {cited}, wanted page {}; answer: {}",
                row.id, row.page, reply.answer
            ));
        }
    }

    /// Counts what must not be cited: a document about another model or product line than the one asked about, or a superseded one.
    fn add_citations(&mut self, row: &Row, answered: &Answered, library: &Library) {
        let filters = &answered.process.filters;
        let line = row.product_line.as_ref().or(filters.product_line.as_ref());
        let model = row.model.as_ref().or(filters.model.as_ref());
        let cited = || {
            answered
                .reply
                .citations
                .iter()
                .filter_map(|c| library.get(&c.document_id))
        };
        let wrong = cited().any(|record| exact::is_about_another(&record, line, model));
        let old = cited().any(|record| self.superseded.contains(&record.document_id.0));
        self.wrong_model_cited += usize::from(wrong);
        self.superseded_cited += usize::from(old);
    }

    fn report(self, exact: Exact) -> Report {
        Report::new(
            "questions",
            json!({
                "right_page_first": metrics::share(self.page_first, self.answerable),
                "right_page_in_three": metrics::share(self.page_in_three, self.answerable),
                "answer_holds_gold": metrics::share(self.holds_gold, self.answerable),
                "false_refusal": metrics::share(self.refused, self.answerable),
                "unanswerable_refused": metrics::share(self.right_refusals, self.unanswerable),
                "refusal_reason_right": metrics::share(self.right_reasons, self.unanswerable),
                "code_or_part_named": self.named,
                "code_or_part_page_first": metrics::share(self.named_first, self.named),
                "wrong_model_cited": self.wrong_model_cited,
                "superseded_cited": self.superseded_cited,
                "exact": exact.fields(),
                "answerable": self.answerable,
                "unanswerable": self.unanswerable,
                "p50_ms": metrics::quantile(&self.ms, 0.5),
                "p99_ms": metrics::quantile(&self.ms, 0.99),
                "misses": self.misses.iter().map(|miss| json!({ "miss": miss })).collect::<Vec<_>>(),
            }),
        )
    }
}
