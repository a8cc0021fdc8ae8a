//! Cited passages → the answer's text: rows stay rows, steps stay steps, facts are one sentence.

use shifu_domain::{Citation, ModelNumber, Span};

use super::evidence::Judged;
use super::quote::Quote;
use super::{Stop, citation, quote, say};
use crate::analysis;
use crate::api::{Intent, RefusalReason};
use crate::catalog::applies_to;
use crate::library::Retrieval;
use crate::passages::{Kind, StoredPassage, joined};
use crate::rank::Ranked;
use crate::terms::{self, Shape};

/// Rows of one code shown.
const MOST_ROWS: usize = 4;
/// Passages whose sentences compete for an answer.
const RIVALS: usize = 5;
/// What a passage's words and pairs in common with the question count beside the score of its sentence, and how far below the best
/// sentence another one may be to stand beside it: by the questions of RGB's integration set, which no measure reports.
const PASSAGE_WEIGHT: f64 = 2.0;
const ABOUT_AS_WELL: f64 = 4.0;
/// Running text that answers how to do something is given whole up to this.
const MOST_PROCEDURE_CHARS: usize = 500;

/// An answer with what it rests on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rendered {
    pub answer: String,
    pub citations: Vec<Citation>,
    pub printed_warnings: Vec<String>,
}

impl Rendered {
    /// All cited words.
    pub(super) fn basis(&self) -> String {
        self.citations
            .iter()
            .map(|citation| citation.quote.as_str())
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// Renders the best candidate by its kind.
pub(super) fn render(
    retrieval: &Retrieval,
    judged: &Judged,
    model: Option<&ModelNumber>,
) -> Result<Rendered, Stop> {
    let understood = &retrieval.understood;
    let candidates: Vec<&Ranked> = judged.order.iter().map(|&at| &retrieval.ranked[at]).collect();
    if understood.intent == Intent::Code
        && let Some(rendered) = code_rows(retrieval, &candidates, model)?
    {
        return Ok(rendered);
    }
    let first = candidates[0];
    match first.stored.kind {
        Kind::Row => row(retrieval, first, model),
        Kind::Steps if matches!(understood.intent, Intent::Procedure | Intent::Code) => Ok(whole(first)),
        Kind::Text | Kind::Warning
            if understood.intent == Intent::Procedure
                && first.stored.passage.text.chars().count() <= MOST_PROCEDURE_CHARS =>
        {
            Ok(whole(first))
        }
        _ => Ok(sentences(retrieval, judged, &candidates)),
    }
}

fn whole(ranked: &Ranked) -> Rendered {
    let text = ranked.stored.passage.text.clone();
    let span = Span {
        start: 0,
        end: text.chars().count(),
    };
    Rendered {
        answer: text.clone(),
        citations: vec![citation(&ranked.stored, text, span)],
        printed_warnings: ranked.stored.warnings.clone(),
    }
}

/// The sentence that answers. Where the encoder does not know the question's subject, passages that share as many of its words are not
/// told apart surely: then sentences of several compete, and those that fit about as well as the best stand below it, each cited.
fn sentences(retrieval: &Retrieval, judged: &Judged, candidates: &[&Ranked]) -> Rendered {
    let first = candidates[0];
    let sure = retrieval.sense.trust >= 0.5;
    if sure && first.stored.passage.text.chars().count() <= quote::MOST_QUOTE_CHARS {
        return whole(first);
    }
    let folded = &retrieval.understood.folded;
    let mut found: Vec<(f64, &Ranked, Quote)> = Vec::new();
    let rivals = candidates
        .iter()
        .zip(&judged.supports)
        .take(if sure { 1 } else { RIVALS });
    for (&ranked, support) in rivals.filter(|(ranked, _)| ranked.stored.kind != Kind::Row) {
        for quote in quote::ranked_by_meaning(folded, &ranked.stored.passage.text) {
            let score = quote.score + PASSAGE_WEIGHT * (support.coverage + support.bigrams);
            found.push((score, ranked, quote));
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    let Some(best) = found.first().map(|(score, _, _)| *score) else {
        return whole(first);
    };
    let mut rendered = Rendered {
        answer: String::new(),
        citations: Vec::new(),
        printed_warnings: Vec::new(),
    };
    for (score, ranked, quote) in found {
        let length = rendered.answer.chars().count();
        let fits = length + 1 + quote.text.chars().count() <= quote::MOST_QUOTE_CHARS;
        if length > 0
            && (sure || score < best - ABOUT_AS_WELL || !fits || rendered.answer.contains(&quote.text))
        {
            continue;
        }
        if length > 0 {
            rendered.answer.push('\n');
        }
        rendered.answer.push_str(&quote.text);
        rendered
            .citations
            .push(citation(&ranked.stored, quote.text, quote.span));
        for warning in &ranked.stored.warnings {
            if !rendered.printed_warnings.contains(warning) {
                rendered.printed_warnings.push(warning.clone());
            }
        }
    }
    rendered
}

/// The rows whose subject is one of the codes asked for, then the steps of its section where the question asks what to do.
fn code_rows(
    retrieval: &Retrieval,
    candidates: &[&Ranked],
    model: Option<&ModelNumber>,
) -> Result<Option<Rendered>, Stop> {
    let understood = &retrieval.understood;
    let mut rows: Vec<&Ranked> = Vec::new();
    for ranked in candidates {
        if ranked.stored.kind == Kind::Row
            && is_subject(ranked, understood)
            && rows.iter().all(|other| other.stored.cells != ranked.stored.cells)
        {
            rows.push(ranked);
        }
    }
    // Rows of a code column say what a code is; rows that merely mention it come in only without any.
    let titled: Vec<&Ranked> = rows
        .iter()
        .copied()
        .filter(|row| in_code_column(row, understood))
        .collect();
    if !titled.is_empty() {
        rows = titled;
    }
    // A row that opens with the code is about it.
    let opens: Vec<&Ranked> = rows
        .iter()
        .copied()
        .filter(|row| {
            row.stored.cells.first().is_some_and(|cell| {
                terms::codes_of_cell(cell)
                    .iter()
                    .any(|code| understood.codes.contains(code))
            })
        })
        .collect();
    if !opens.is_empty() {
        rows = opens;
    }
    rows.truncate(MOST_ROWS);
    let Some(&first) = rows.first() else {
        return Ok(None);
    };
    if model.is_none() {
        documents_differ(retrieval, &rows)?;
    }
    let latin = understood.latin;
    let mut rendered = Rendered {
        answer: String::new(),
        citations: Vec::new(),
        printed_warnings: first.stored.warnings.clone(),
    };
    for row in &rows {
        if !rendered.answer.is_empty() {
            rendered.answer.push_str("\n\n");
        }
        rendered
            .answer
            .push_str(&labelled(&row.stored.header, &row.stored.cells, "\n"));
        rendered.citations.push(row_citation(&row.stored, false));
    }
    let steps = candidates
        .iter()
        .filter(|ranked| {
            ranked.stored.kind == Kind::Steps
                && ranked.stored.passage.document_id == first.stored.passage.document_id
        })
        .filter_map(|ranked| Some((codes_beside(ranked, &understood.codes)?, ranked)))
        .min_by_key(|(beside, _)| *beside)
        .map(|(_, ranked)| ranked);
    if let Some(steps) = steps.filter(|_| asks_what_to_do(&understood.folded)) {
        let heading = say(latin, "检修步骤：", "Steps:");
        rendered
            .answer
            .push_str(&format!("\n\n{heading}\n{}", steps.stored.passage.text));
        let text = steps.stored.passage.text.clone();
        let end = text.chars().count();
        rendered
            .citations
            .push(citation(&steps.stored, text, Span { start: 0, end }));
        for warning in &steps.stored.warnings {
            if !rendered.printed_warnings.contains(warning) {
                rendered.printed_warnings.push(warning.clone());
            }
        }
    }
    Ok(Some(rendered))
}

/// How many codes the nearest heading that names any names, when it names one of `asked`: fewer is more to the point. Steps below a
/// heading of other codes are about those; steps below no such heading count when they name the code themselves.
fn codes_beside(ranked: &Ranked, asked: &[String]) -> Option<usize> {
    let named = |text: &str| -> Vec<String> {
        let tokens = terms::tokens(text).into_iter();
        let codes = tokens
            .filter(|token| token.shape == terms::Shape::Code)
            .map(|token| token.canonical);
        codes.filter(|code| !is_refrigerant(code)).collect()
    };
    let about = |codes: &[String]| asked.iter().any(|code| codes.contains(code));
    let headings = ranked.stored.passage.section.iter().rev();
    match headings
        .map(|heading| named(heading))
        .find(|codes| !codes.is_empty())
    {
        Some(codes) => about(&codes).then_some(codes.len()),
        None => about(&named(&ranked.stored.passage.text)).then_some(usize::MAX),
    }
}

/// `R32`, `R410` look like codes and stand in many headings.
fn is_refrigerant(code: &str) -> bool {
    code.strip_prefix('R')
        .is_some_and(|digits| digits.len() >= 2 && digits.bytes().all(|b| b.is_ascii_digit()))
}

fn asks_what_to_do(folded: &str) -> bool {
    [
        "处理",
        "怎么办",
        "怎么修",
        "维修",
        "检修",
        "排查",
        "解决",
        "步骤",
        "怎么查",
        "咋办",
        "如何",
        "solu",
        "repar",
        "fix",
        "repair",
        "steps",
        "what to do",
        "hacer",
    ]
    .iter()
    .any(|word| folded.contains(word))
}

fn is_subject(ranked: &Ranked, understood: &crate::question::Understood) -> bool {
    let codes = understood.codes.iter().any(|code| {
        ranked
            .stored
            .cells
            .iter()
            .any(|cell| terms::codes_of_cell(cell).contains(code) || terms::canonical(cell) == *code)
    });
    let blinks = understood.blinks.iter().any(|count| {
        ranked
            .stored
            .cells
            .iter()
            .any(|cell| terms::blinks(cell).contains(count))
    });
    codes || blinks
}

pub(super) fn in_code_column(ranked: &Ranked, understood: &crate::question::Understood) -> bool {
    understood.codes.iter().any(|code| {
        ranked
            .stored
            .header
            .iter()
            .zip(&ranked.stored.cells)
            .any(|(title, cell)| terms::codes_under(title, cell).contains(code))
            && ranked.stored.cells.first().is_some_and(|first| {
                terms::codes_of_cell(first).contains(code) || ranked.stored.cells.len() > 2
            })
    })
}

/// One code with different rows in documents for different models: the model decides.
fn documents_differ(retrieval: &Retrieval, rows: &[&Ranked]) -> Result<(), Stop> {
    let Some(first) = rows.first() else { return Ok(()) };
    let models_of = |ranked: &Ranked| {
        retrieval
            .snapshot
            .catalog
            .get(&ranked.stored.passage.document_id)
            .map(|record| record.metadata.models.clone())
            .unwrap_or_default()
    };
    let mine = models_of(first);
    let other = rows.iter().find(|row| {
        let theirs = models_of(row);
        row.stored.passage.document_id != first.stored.passage.document_id
            && !mine.is_empty()
            && !theirs.is_empty()
            && !theirs.iter().any(|model| applies_to(&mine, model))
    });
    let Some(other) = other else { return Ok(()) };
    let name = |models: &[ModelNumber]| {
        models
            .iter()
            .map(ModelNumber::as_str)
            .collect::<Vec<_>>()
            .join("/")
    };
    let mut stop = Stop::new(
        RefusalReason::ModelNeeded,
        vec![say(
            retrieval.understood.latin,
            "机型（见铭牌）",
            "the model (rating plate)",
        )],
    );
    stop.detail = format!(
        "{}：{}；{}：{}",
        name(&mine),
        joined(&first.stored.cells),
        name(&models_of(other)),
        joined(&other.stored.cells)
    );
    stop.citations = vec![
        row_citation(&first.stored, false),
        row_citation(&other.stored, false),
    ];
    Err(stop)
}

/// A row of a table that is no code table: the column of the model where columns are models, labelled cells otherwise.
fn row(retrieval: &Retrieval, ranked: &Ranked, model: Option<&ModelNumber>) -> Result<Rendered, Stop> {
    let stored = &ranked.stored;
    let columns = model_columns(retrieval, &stored.header);
    let warnings = stored.warnings.clone();
    if columns.len() < 2 || stored.cells.len() != stored.header.len() {
        let answer = labelled(&stored.header, &stored.cells, "；");
        return Ok(Rendered {
            answer,
            citations: vec![row_citation(&ranked.stored, !stored.header.is_empty())],
            printed_warnings: warnings,
        });
    }
    let label: String = label(&stored.header, &stored.cells, &columns);
    let value = |at: usize| stored.cells[at].as_str();
    let chosen: Vec<usize> = match model {
        Some(model) => columns
            .iter()
            .copied()
            .filter(|&at| column_is(&stored.header[at], model))
            .collect(),
        None => Vec::new(),
    };
    let same = columns.iter().all(|&at| value(at) == value(columns[0]));
    let answer = if let Some(&at) = chosen.first() {
        format!("{label}：{}（{}）", value(at), stored.header[at])
    } else if same {
        format!("{label}：{}", value(columns[0]))
    } else {
        let all: Vec<String> = columns
            .iter()
            .map(|&at| format!("{} 为 {}", stored.header[at], value(at)))
            .collect();
        let mut stop = Stop::new(
            RefusalReason::ModelNeeded,
            vec![say(
                retrieval.understood.latin,
                "机型（见铭牌）",
                "the model (rating plate)",
            )],
        );
        stop.detail = format!("{label}：{}", all.join("，"));
        stop.citations = vec![row_citation(&ranked.stored, true)];
        return Err(stop);
    };
    Ok(Rendered {
        answer,
        citations: vec![row_citation(&ranked.stored, true)],
        printed_warnings: warnings,
    })
}

/// Cells that are not values of a model, units in brackets.
fn label(header: &[String], cells: &[String], columns: &[usize]) -> String {
    let mut label = String::new();
    for (at, cell) in cells.iter().enumerate() {
        if columns.contains(&at) || cell.is_empty() {
            continue;
        }
        let unit = ["单位", "unit", "unidad"]
            .iter()
            .any(|word| analysis::fold(&header[at]).contains(word));
        if unit {
            label.push_str(&format!("（{cell}）"));
        } else {
            if !label.is_empty() {
                label.push(' ');
            }
            label.push_str(cell);
        }
    }
    label
}

/// Columns whose title is a model: one that the library or the lexicon knows, or a name of that shape.
fn model_columns(retrieval: &Retrieval, header: &[String]) -> Vec<usize> {
    let is_model = |title: &String| {
        let canonical = terms::canonical(title);
        canonical.len() >= 4
            && (terms::tokens(title)
                .iter()
                .any(|token| token.shape == Shape::Model)
                || !retrieval
                    .snapshot
                    .catalog
                    .names_model(&canonical, &retrieval.allowed)
                    .is_empty())
    };
    (0..header.len()).filter(|&at| is_model(&header[at])).collect()
}

fn column_is(title: &str, model: &ModelNumber) -> bool {
    let model = terms::canonical(model.as_str());
    terms::tokens(title)
        .iter()
        .any(|token| model.starts_with(&token.canonical) || token.canonical.starts_with(&model))
        || terms::canonical(title) == model
}

/// `代码：E6`, `名称：…`, one pair for each cell; cells alone where there is no header.
pub(super) fn labelled(header: &[String], cells: &[String], between: &str) -> String {
    if header.len() != cells.len() || header.iter().all(String::is_empty) {
        return match cells.iter().filter(|cell| !cell.is_empty()).collect::<Vec<_>>()[..] {
            [name, value] => format!("{name}：{value}"),
            _ => joined(cells),
        };
    }
    let pairs = header
        .iter()
        .zip(cells)
        .filter(|(_, cell)| !cell.is_empty() && *cell != "—" && *cell != "-");
    pairs
        .map(|(title, cell)| {
            if title.is_empty() {
                cell.clone()
            } else {
                format!("{title}：{cell}")
            }
        })
        .collect::<Vec<_>>()
        .join(between)
}

/// Quotes the row, with its header where the answer names a column.
pub(super) fn row_citation(stored: &StoredPassage, with_header: bool) -> Citation {
    let text = &stored.passage.text;
    let chars = text.chars().count();
    if with_header {
        return citation(stored, text.clone(), Span { start: 0, end: chars });
    }
    let line = joined(&stored.cells);
    let start = chars.saturating_sub(line.chars().count());
    citation(stored, line, Span { start, end: chars })
}
