//! Question → cited answer or refusal, without a language model: every sentence is taken from a passage.

mod changes;
mod evidence;
mod figures;
mod fit;
mod quote;
mod render;
mod rephrase;
mod safety;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use sha2::{Digest, Sha256};
use shifu_domain::recognise::MentionKind;
use shifu_domain::{Citation, FaultCode, ModelNumber, Span};

pub use quote::{best_quote, quote_measures};
pub use rephrase::{RephrasedSentence, Rephrasing, rephrase};
pub use support::{SupportCheck, Unsupported};

use crate::analysis;
use crate::api::{
    AnswerProcess, AnswerReply, Answered, Candidate, ConversationContext, Filters, Question, Refusal,
    RefusalReason, Related, Scope, ScoreParts, Support,
};
use crate::error::KnowledgeError;
use crate::library::{Library, Retrieval, Wanted};
use crate::passages::{Kind, StoredPassage};
use crate::question::Understood;
use crate::rank::Ranked;
use crate::terms;
use evidence::Judged;
use render::Rendered;

/// Candidates kept in the process record.
const RECORDED: usize = 10;

/// A question with the conversation's context worked in.
#[derive(Clone)]
struct Asked {
    text: String,
    scope: Scope,
    /// Exact terms carried over from the conversation.
    carried: Vec<String>,
    carried_codes: Vec<FaultCode>,
}

impl Library {
    /// Answers from the documents in force, or says what is missing.
    ///
    /// # Errors
    /// [`KnowledgeError::Index`].
    pub fn answer(&self, question: &Question) -> Result<Answered, KnowledgeError> {
        let started = Instant::now();
        let mut read: Option<(Asked, Retrieval, Judged)> = None;
        for asked in self.readings(question) {
            let retrieval = self.retrieve(&asked.text, &asked.scope, &asked.carried, Wanted::default())?;
            let judged = evidence::judge(self, &retrieval, !asked.carried_codes.is_empty())?;
            let enough = judged.evidence >= evidence::FLOOR;
            if read
                .as_ref()
                .is_none_or(|(_, _, best)| judged.evidence > best.evidence)
            {
                read = Some((asked, retrieval, judged));
            }
            if enough {
                break;
            }
        }
        let (asked, retrieval, judged) =
            read.unwrap_or_else(|| unreachable!("a question can be read by itself"));
        let outcome = self.decide(&retrieval, &asked, &judged)?;
        let context = context_after(question, &retrieval, &asked, &outcome);
        let mut answered = self.reply(question, &retrieval, asked, judged, outcome, context)?;
        answered.reply.took_ms = started.elapsed().as_secs_f64() * 1000.0;
        Ok(answered)
    }

    /// How a question may be meant within its conversation, the likeliest first; the first that finds evidence counts. Model and
    /// product line are carried over always; codes and topic first where a question leans on them, last where it seems to stand by itself.
    fn readings(&self, question: &Question) -> Vec<Asked> {
        let lexicon = self.lexicon();
        let read = Understood::new(&question.question, lexicon.as_deref(), |_| false);
        let context = &question.context;
        let leans = read.codes.is_empty() && read.blinks.is_empty() && leans_on_context(&read);
        let named = !read.models.is_empty();
        let nameless = read.codes.is_empty() && read.blinks.is_empty() && read.parts.is_empty();
        let model = question
            .model
            .clone()
            .or_else(|| if named { None } else { context.model.clone() });
        let scope = Scope {
            model,
            product_line: question
                .product_line
                .clone()
                .or_else(|| context.product_line.clone()),
            brand: question.brand.clone(),
            visible_brands: question.visible_brands.clone(),
            on: question.on,
        };
        let alone = Asked {
            text: question.question.clone(),
            scope,
            carried: Vec::new(),
            carried_codes: Vec::new(),
        };
        let of_code = (leans && !context.codes.is_empty()).then(|| Asked {
            carried: context
                .codes
                .iter()
                .flat_map(|code| [format!("t:{}", code.as_str()), format!("c:{}", code.as_str())])
                .collect(),
            carried_codes: context.codes.clone(),
            ..alone.clone()
        });
        let of_topic = (nameless && !context.topic.is_empty()).then(|| Asked {
            text: format!("{} {}", alone.text, context.topic),
            ..alone.clone()
        });
        if leans {
            of_code.into_iter().chain(of_topic).chain([alone]).collect()
        } else {
            std::iter::once(alone).chain(of_topic).collect()
        }
    }

    /// The answer or the reason why there is none.
    fn decide(
        &self,
        retrieval: &Retrieval,
        asked: &Asked,
        judged: &Judged,
    ) -> Result<Result<Rendered, Stop>, KnowledgeError> {
        if let Some(stop) = self.unknown_name(retrieval, asked)? {
            return Ok(Err(stop));
        }
        if let Some(outcome) = changes::answer(self, retrieval)? {
            return Ok(outcome);
        }
        let lines = retrieval.snapshot.catalog.product_lines(&retrieval.allowed);
        let foreign = !retrieval.understood.product_lines.is_empty()
            && retrieval
                .understood
                .product_lines
                .iter()
                .all(|line| !lines.contains(line));
        if foreign || judged.order.is_empty() {
            return Ok(Err(Stop::new(
                RefusalReason::OutOfScope,
                out_of_scope_asks(retrieval.understood.latin),
            )));
        }
        if judged.evidence < evidence::FLOOR {
            let reason = if judged.evidence < evidence::OUT_OF_SCOPE {
                RefusalReason::OutOfScope
            } else {
                RefusalReason::NoEvidence
            };
            return Ok(Err(Stop::new(
                reason,
                no_evidence_asks(retrieval.understood.latin),
            )));
        }
        if let Some(stop) = self.product_line_open(retrieval, asked, judged) {
            return Ok(Err(stop));
        }
        let model = effective_model(retrieval, asked);
        Ok(render::render(retrieval, judged, model.as_ref()))
    }

    /// A code, model or part number that stands nowhere in scope is itself the reason to refuse.
    fn unknown_name(&self, retrieval: &Retrieval, asked: &Asked) -> Result<Option<Stop>, KnowledgeError> {
        let understood = &retrieval.understood;
        let latin = understood.latin;
        for model in &understood.models {
            let listed = !retrieval
                .snapshot
                .catalog
                .names_model(&model.canonical, &retrieval.allowed)
                .is_empty();
            let meant = model
                .candidates
                .iter()
                .any(|candidate| self.model_in_scope(retrieval, candidate));
            if !listed && !meant && self.count_exact(retrieval, &format!("t:{}", model.canonical))? == 0 {
                let mut stop = Stop::new(
                    RefusalReason::UnknownModel,
                    vec![say(
                        latin,
                        "铭牌上的完整机型",
                        "the full model on the rating plate",
                    )],
                );
                stop.name.clone_from(&model.written);
                return Ok(Some(stop));
            }
        }
        if let Some(model) = &asked.scope.model
            && !self.model_in_scope(retrieval, model)
        {
            let mut stop = Stop::new(
                RefusalReason::UnknownModel,
                vec![say(
                    latin,
                    "铭牌上的完整机型",
                    "the full model on the rating plate",
                )],
            );
            stop.name = model.as_str().to_owned();
            return Ok(Some(stop));
        }
        for code in &understood.codes {
            if self.count_exact(retrieval, &format!("t:{code}"))? == 0 {
                let asks = vec![
                    say(
                        latin,
                        "显示屏上的完整代码（区分字母与数字）",
                        "the exact code on the display",
                    ),
                    say(latin, "铭牌上的完整机型", "the full model on the rating plate"),
                ];
                let mut stop = Stop::new(RefusalReason::UnknownCode, asks);
                stop.name.clone_from(code);
                return Ok(Some(stop));
            }
        }
        for part in &understood.parts {
            if self.count_exact(retrieval, &format!("t:{part}"))? == 0 {
                let mut stop = Stop::new(
                    RefusalReason::NoEvidence,
                    vec![say(
                        latin,
                        "零件标签上的完整备件号",
                        "the full part number on the label",
                    )],
                );
                stop.name.clone_from(part);
                return Ok(Some(stop));
            }
        }
        Ok(None)
    }

    fn model_in_scope(&self, retrieval: &Retrieval, model: &ModelNumber) -> bool {
        let canonical = crate::terms::canonical(model.as_str());
        let by_document = retrieval
            .allowed
            .iter()
            .filter_map(|id| retrieval.snapshot.catalog.get(id));
        let mut silent = true;
        for record in by_document {
            silent &= record.metadata.models.is_empty();
            if !record.metadata.models.is_empty()
                && crate::catalog::applies_to(&record.metadata.models, model)
            {
                return true;
            }
        }
        // Where no document names models, every model of the line is meant.
        (silent && !retrieval.allowed.is_empty())
            || self
                .count_exact(retrieval, &format!("t:{canonical}"))
                .unwrap_or(0)
                > 0
            || self.lexicon().is_some_and(|lexicon| {
                !retrieval.allowed.is_empty() && lexicon.entries().models.contains(model)
            })
    }

    /// Two product lines answer equally well and differently, and none was chosen.
    fn product_line_open(&self, retrieval: &Retrieval, asked: &Asked, judged: &Judged) -> Option<Stop> {
        if asked.scope.product_line.is_some()
            || !retrieval.understood.product_lines.is_empty()
            || asked.scope.model.is_some()
        {
            return None;
        }
        let line_of = |ranked: &Ranked| {
            retrieval
                .snapshot
                .catalog
                .get(&ranked.stored.passage.document_id)
                .map(|r| r.metadata.product_line.clone())
        };
        // What the code tables say of the code, by product line; where there is none, what answers about as well as the best.
        let mut meanings: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for row in &retrieval.ranked {
            if let Some(line) = line_of(row)
                && row.stored.kind == Kind::Row
                && render::in_code_column(row, &retrieval.understood)
            {
                let rest = row
                    .stored
                    .cells
                    .iter()
                    .filter(|cell| !retrieval.understood.codes.contains(&terms::canonical_code(cell)));
                let meaning = rest
                    .map(|cell| analysis::fold(cell))
                    .collect::<Vec<_>>()
                    .join("|");
                meanings
                    .entry(line.as_str().to_owned())
                    .or_default()
                    .insert(meaning);
            }
        }
        if meanings.is_empty() {
            let first = judged.order.first().map(|&at| &retrieval.ranked[at])?;
            let rivals = judged
                .order
                .iter()
                .map(|&at| &retrieval.ranked[at])
                .filter(|rival| {
                    rival.score >= 0.93 * first.score
                        && rival.stored.passage.text != first.stored.passage.text
                });
            for line in rivals.chain([first]).filter_map(line_of) {
                meanings
                    .entry(line.as_str().to_owned())
                    .or_default()
                    .insert(line.as_str().to_owned());
            }
        }
        let differ = meanings.values().collect::<BTreeSet<_>>().len() > 1;
        let rivals: Vec<String> = meanings.into_keys().collect();
        differ.then(|| {
            let lines = rivals.join("、");
            Stop::new(
                RefusalReason::ProductLineNeeded,
                vec![say(
                    retrieval.understood.latin,
                    &format!("产品类别（{lines}）"),
                    &format!("the product line ({lines})"),
                )],
            )
        })
    }

    fn reply(
        &self,
        question: &Question,
        retrieval: &Retrieval,
        asked: Asked,
        judged: Judged,
        outcome: Result<Rendered, Stop>,
        context: ConversationContext,
    ) -> Result<Answered, KnowledgeError> {
        let latin = retrieval.understood.latin;
        let answer_id = answer_id(question, retrieval);
        let reply = match outcome {
            Ok(rendered) => {
                let folded = analysis::fold(&format!("{}\n{}", question.question, rendered.basis()));
                AnswerReply {
                    answer_id,
                    warnings: safety::warnings(&rendered.printed_warnings, &folded, latin),
                    figures: self.figures(&rendered.citations)?,
                    related: self.related(&question.question, &rendered),
                    answer: rendered.answer,
                    grounded: true,
                    citations: rendered.citations,
                    refusal: None,
                    phrased_by: None,
                    took_ms: 0.0,
                }
            }
            Err(stop) => AnswerReply {
                answer_id,
                answer: stop.sentence(latin),
                grounded: false,
                citations: stop.citations,
                warnings: Vec::new(),
                figures: Vec::new(),
                related: Related::default(),
                refusal: Some(Refusal {
                    reason: stop.reason,
                    ask_for: stop.ask_for,
                }),
                phrased_by: None,
                took_ms: 0.0,
            },
        };
        let mut recognised = retrieval.understood.recognised();
        recognised.codes.extend(asked.carried_codes.iter().cloned());
        let encoder = retrieval.encoded_by.as_ref();
        let encoder = encoder.map(|encoder| format!("{} {}", encoder.name, encoder.version));
        let process = AnswerProcess {
            question: asked.text,
            recognised,
            filters: Filters {
                model: asked.scope.model,
                product_line: asked.scope.product_line,
                brand: asked.scope.brand,
                documents: retrieval.allowed.len(),
                left_out: retrieval.snapshot.catalog.records().count() - retrieval.allowed.len(),
            },
            candidates: judged
                .order
                .iter()
                .zip(&judged.supports)
                .take(RECORDED)
                .map(|(&at, support)| candidate(&retrieval.ranked[at], *support))
                .collect(),
            evidence: judged.evidence,
            floor: evidence::FLOOR,
            versions: vec![
                format!("shifu-knowledge {}", env!("CARGO_PKG_VERSION")),
                "shifu-extractive 1".to_owned(),
            ]
            .into_iter()
            .chain(encoder)
            .collect(),
            rephrasing: None,
        };
        Ok(Answered {
            reply,
            process,
            context,
        })
    }

    fn related(&self, question: &str, rendered: &Rendered) -> Related {
        let Some(lexicon) = self.lexicon() else {
            return Related::default();
        };
        let mut related = Related::default();
        for mention in lexicon.recognise(&format!("{question}\n{}", rendered.basis())) {
            match mention.kind {
                MentionKind::Symptom {
                    id, present: true, ..
                } if !related.symptoms.contains(&id) => related.symptoms.push(id),
                MentionKind::Part { part, known: true } if !related.parts.contains(&part) => {
                    related.parts.push(part)
                }
                MentionKind::PartName { parts } => {
                    for part in parts {
                        if !related.parts.contains(&part) {
                            related.parts.push(part);
                        }
                    }
                }
                _ => {}
            }
        }
        related.symptoms.truncate(10);
        related.parts.truncate(10);
        related
    }

    /// The one quoted sentence for a question from the best passage: (passage id, quote); `None` when nothing is found.
    ///
    /// # Errors
    /// [`KnowledgeError::Index`].
    pub fn quote(&self, question: &str) -> Result<Option<(shifu_domain::PassageId, String)>, KnowledgeError> {
        let retrieval = self.retrieve(question, &Scope::default(), &[], Wanted::default())?;
        let Some(first) = retrieval.ranked.first() else {
            return Ok(None);
        };
        let found = quote::best(&retrieval.understood.folded, &first.stored.passage.text);
        Ok(found.map(|quote| (first.stored.passage.passage_id.clone(), quote.text)))
    }
}

/// Why an answer stopped, with what the sentence about it needs.
#[derive(Debug, Clone)]
struct Stop {
    reason: RefusalReason,
    ask_for: Vec<String>,
    name: String,
    /// What is known all the same (values of every model), with its citation.
    detail: String,
    citations: Vec<Citation>,
}

impl Stop {
    fn new(reason: RefusalReason, ask_for: Vec<String>) -> Self {
        Self {
            reason,
            ask_for,
            name: String::new(),
            detail: String::new(),
            citations: Vec::new(),
        }
    }

    fn sentence(&self, latin: bool) -> String {
        let asks = self.ask_for.join(if latin { ", " } else { "、" });
        let name = &self.name;
        let body = match self.reason {
            RefusalReason::UnknownCode => say(
                latin,
                &format!("现有资料中没有代码 {name}。"),
                &format!("Code {name} stands in no document in scope."),
            ),
            RefusalReason::UnknownModel => say(
                latin,
                &format!("现有资料中没有机型 {name}。"),
                &format!("Model {name} stands in no document in scope."),
            ),
            RefusalReason::NoEvidence if !name.is_empty() => say(
                latin,
                &format!("现有资料中没有备件号 {name}。"),
                &format!("Part {name} stands in no document in scope."),
            ),
            RefusalReason::ModelNeeded => say(
                latin,
                &format!("各机型不同：{}。", self.detail),
                &format!("This differs between models: {}.", self.detail),
            ),
            RefusalReason::ProductLineNeeded => say(
                latin,
                "不同产品的答案不同。",
                "The answer differs between product lines.",
            ),
            RefusalReason::NoEvidence => say(
                latin,
                "现有资料中没有能支持答案的内容。",
                "No passage in the documents supports an answer.",
            ),
            RefusalReason::OutOfScope => say(
                latin,
                "现有资料不涉及这个问题。",
                "The documents are not about this.",
            ),
        };
        if asks.is_empty() {
            body
        } else {
            say(
                latin,
                &format!("{body}请提供：{asks}。"),
                &format!("{body} Please give: {asks}."),
            )
        }
    }
}

fn say(latin: bool, chinese: &str, english: &str) -> String {
    if latin { english } else { chinese }.to_owned()
}

fn no_evidence_asks(latin: bool) -> Vec<String> {
    vec![
        say(latin, "更具体的现象或部件名称", "a more specific symptom or part"),
        say(latin, "故障代码或机型", "the fault code or model"),
    ]
}

fn out_of_scope_asks(latin: bool) -> Vec<String> {
    vec![say(
        latin,
        "与本产品资料有关的问题",
        "a question about the appliances in the library",
    )]
}

/// What a code that stands nowhere may be: `EO` → `E0`, `FI` → `F1` (letters that displays and people mix up, after the first), `H7` → `H07`,
/// `F05` → `F5`.
pub(crate) fn look_alikes(code: &str) -> Vec<String> {
    let digits: String = code
        .chars()
        .enumerate()
        .map(|(at, c)| match c {
            'O' if at > 0 => '0',
            'I' | 'L' if at > 0 => '1',
            other => other,
        })
        .collect();
    let letters = digits.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (head, number) = digits.split_at(letters);
    let zero = match number.strip_prefix('0') {
        Some(rest) if !rest.is_empty() => Some(format!("{head}{rest}")),
        None if number.len() == 1 && letters > 0 => Some(format!("{head}0{number}")),
        _ => None,
    };
    std::iter::once(digits)
        .chain(zero)
        .filter(|other| other != code)
        .collect()
}

/// A short question without a subject of its own.
fn leans_on_context(read: &Understood) -> bool {
    let pronoun = [
        "它", "这个", "那个", "这种", "刚才", "上面", "那", "呢", "还", "接着", "然后", "it ", "that", "eso",
        "entonces",
    ];
    read.words.len() <= 1 || (read.words.len() <= 4 && pronoun.iter().any(|word| read.folded.contains(word)))
}

fn effective_model(retrieval: &Retrieval, asked: &Asked) -> Option<ModelNumber> {
    if let Some(named) = retrieval.understood.models.first() {
        let listed = retrieval
            .snapshot
            .catalog
            .names_model(&named.canonical, &retrieval.allowed);
        let known = if listed.is_empty() {
            named.candidates.clone()
        } else {
            listed
        };
        if let [only] = &known[..] {
            return Some(only.clone());
        }
        if known.is_empty() {
            return ModelNumber::new(&named.written).ok();
        }
    }
    asked.scope.model.clone()
}

fn context_after(
    question: &Question,
    retrieval: &Retrieval,
    asked: &Asked,
    outcome: &Result<Rendered, Stop>,
) -> ConversationContext {
    let mut context = question.context.clone();
    if let Some(model) = effective_model(retrieval, asked) {
        context.model = Some(model);
    }
    if let Some(line) = &asked.scope.product_line {
        context.product_line = Some(line.clone());
    }
    let codes: Vec<FaultCode> = retrieval
        .understood
        .codes
        .iter()
        .filter_map(|code| FaultCode::new(code).ok())
        .collect();
    if !codes.is_empty() && outcome.is_ok() {
        context.codes = codes;
    } else if asked.carried_codes.is_empty() && retrieval.understood.words.len() > 1 && outcome.is_ok() {
        context.codes.clear();
    }
    // A refused question is talked about all the same.
    if retrieval.understood.words.len() > 1 {
        context.topic = retrieval
            .understood
            .words
            .iter()
            .take(8)
            .cloned()
            .collect::<Vec<_>>()
            .join(" ");
    }
    context
}

fn candidate(ranked: &Ranked, support: Support) -> Candidate {
    let passage = &ranked.stored.passage;
    Candidate {
        passage_id: passage.passage_id.clone(),
        document_id: passage.document_id.clone(),
        page: passage.page,
        score: ranked.score,
        explain: ScoreParts {
            support: Some(support),
            ..ranked.parts
        },
    }
}

fn citation(stored: &StoredPassage, quote: String, span: Span) -> Citation {
    let passage = &stored.passage;
    Citation {
        document_id: passage.document_id.clone(),
        title: stored.title.clone(),
        page: passage.page,
        page_label: passage.page_label.clone(),
        section: stored.section(),
        quote,
        span,
        passage_id: passage.passage_id.clone(),
    }
}

/// The same question against the same documents has the same id.
fn answer_id(question: &Question, retrieval: &Retrieval) -> String {
    let mut hash = Sha256::new();
    hash.update(serde_json::to_vec(question).unwrap_or_default());
    hash.update(serde_json::to_vec(&question.context).unwrap_or_default());
    for id in &retrieval.allowed {
        hash.update(id.0.as_bytes());
        hash.update(
            retrieval
                .snapshot
                .catalog
                .get(id)
                .map(|record| record.sha256.as_bytes())
                .unwrap_or_default(),
        );
    }
    hash.finalize()
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests;
