//! The requests and replies of search and answers, with the contract's field names.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use shifu_domain::models::ModelVersion;
use shifu_domain::recognise::Mention;
use shifu_domain::{
    Brand, Citation, DocumentId, DocumentMetadata, FaultCode, ModelNumber, PartNumber, PassageId,
    ProductLine, Span, SymptomId,
};

use crate::answer::Rephrasing;
use crate::document::SkippedPage;

/// A file to be added.
#[derive(Debug, Clone)]
pub struct DocumentUpload {
    /// The file.
    pub bytes: Vec<u8>,
    /// Its name; the ending is a hint to the format.
    pub file_name: String,
    /// What the operator says about it.
    pub metadata: DocumentMetadata,
    /// Identifier to store it under; an existing document of this id is replaced in the same commit.
    pub document_id: DocumentId,
}

/// What became of an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Ingested {
    /// The document.
    pub document_id: DocumentId,
    /// Physical pages.
    pub pages: u32,
    /// Passages made.
    pub passages: u32,
    /// Pages without usable text.
    pub skipped: Vec<SkippedPage>,
    /// Pages whose text was read by OCR, ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ocr_pages: Vec<u32>,
}

/// Whether a stored document may be cited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DocumentState {
    /// Indexed (it is cited when it is in force).
    Indexed,
    /// Taken out of use by the operator.
    Retired,
}

/// A document of the library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DocumentRecord {
    /// Identifier.
    pub document_id: DocumentId,
    /// What the operator said.
    pub metadata: DocumentMetadata,
    /// Indexed or retired.
    pub state: DocumentState,
    /// Physical pages.
    pub pages: u32,
    /// Passages.
    pub passages: u32,
    /// Pages without usable text.
    pub skipped: Vec<SkippedPage>,
    /// Pages whose text was read by OCR, ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ocr_pages: Vec<u32>,
    /// Name as uploaded.
    pub file_name: String,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// Every document this one replaces, directly or through another one.
    #[serde(default)]
    pub replaces: Vec<DocumentId>,
}

/// Narrows what may be found. Filters are exact: nothing outside them is ever returned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// Appliance model: documents that list other models only are left out.
    pub model: Option<ModelNumber>,
    /// Product line.
    pub product_line: Option<ProductLine>,
    /// Brand; documents without a brand are always in scope.
    pub brand: Option<Brand>,
    /// Brands that the caller may see; empty: all. Documents without a brand are visible to everybody.
    pub visible_brands: Vec<Brand>,
    /// Day on which documents must be in force; today when missing.
    pub on: Option<Date>,
}

/// `POST /v1/search`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SearchRequest {
    /// What to look for.
    pub query: String,
    /// Appliance model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelNumber>,
    /// Product line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_line: Option<ProductLine>,
    /// Brand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand: Option<Brand>,
    /// Hits wanted, 1..=100; 10 when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_k: Option<usize>,
    /// Brands that the caller may see; set by the server from the key, never read from a body.
    #[serde(skip)]
    #[schema(ignore)]
    pub visible_brands: Vec<Brand>,
    /// Day on which documents must be in force; today when missing.
    #[serde(skip)]
    #[schema(ignore)]
    pub on: Option<Date>,
    /// Which legs may find and order passages; never read from a body.
    #[serde(skip)]
    #[schema(ignore)]
    pub leg: Leg,
}

/// What finds and orders passages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Leg {
    /// Words, codes and the built-in nearness in meaning.
    Lexical,
    /// The installed sentence encoder alone.
    Dense,
    /// Both, where an encoder for the question's language is installed.
    #[default]
    Hybrid,
}

/// A passage found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SearchHit {
    /// The passage.
    pub passage_id: PassageId,
    /// Its document.
    pub document_id: DocumentId,
    /// The document's title.
    pub title: String,
    /// Physical page, from 1.
    pub page: u32,
    /// Page number as printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_label: Option<String>,
    /// Headings joined by ` › `.
    pub section: String,
    /// The passage's text.
    pub text: String,
    /// Higher is better; comparable within one reply only.
    pub score: f64,
    /// Spans of `text` (in characters) that match the query, ascending, disjoint.
    pub highlights: Vec<Span>,
}

/// Reply to `POST /v1/search`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SearchReply {
    /// Best first.
    pub hits: Vec<SearchHit>,
    /// Milliseconds.
    pub took_ms: f64,
}

/// What earlier questions of a conversation established; give it back with the next question.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ConversationContext {
    /// The model being talked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelNumber>,
    /// The product line being talked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_line: Option<ProductLine>,
    /// The fault codes last asked about.
    #[serde(default)]
    pub codes: Vec<FaultCode>,
    /// Content words of the last question that was answered.
    #[serde(default)]
    pub topic: String,
}

/// `POST /v1/answers`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Question {
    /// The question as asked.
    pub question: String,
    /// Appliance model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelNumber>,
    /// Product line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_line: Option<ProductLine>,
    /// Brand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand: Option<Brand>,
    /// Conversation this belongs to; the server looks its context up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<String>,
    /// Whether the configured language model may put the answer in other words; what the configuration says when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rephrase: Option<bool>,
    /// What the conversation established so far.
    #[serde(skip)]
    #[schema(ignore)]
    pub context: ConversationContext,
    /// Brands that the caller may see; set by the server from the key.
    #[serde(skip)]
    #[schema(ignore)]
    pub visible_brands: Vec<Brand>,
    /// Day on which documents must be in force; today when missing.
    #[serde(skip)]
    #[schema(ignore)]
    pub on: Option<Date>,
}

/// Why there is no answer.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RefusalReason {
    /// The fault code occurs nowhere in scope.
    UnknownCode,
    /// The model occurs nowhere in scope.
    UnknownModel,
    /// The answer differs between models and none was given.
    ModelNeeded,
    /// The answer differs between product lines and none was given.
    ProductLineNeeded,
    /// Passages were found, but none supports an answer.
    NoEvidence,
    /// Nothing in the library is about this.
    OutOfScope,
}

/// A refusal with what to ask the customer next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Refusal {
    /// Why.
    pub reason: RefusalReason,
    /// What would help, for a person to ask.
    pub ask_for: Vec<String>,
}

/// Symptoms of the fault tree and parts that the answer touches.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Related {
    /// Symptom ids.
    pub symptoms: Vec<SymptomId>,
    /// Part numbers.
    pub parts: Vec<PartNumber>,
}

/// A figure that a cited passage refers to, and where it is to be seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Figure {
    /// As the passage names it: `图 3-2`.
    pub figure: String,
    /// The line under or over it; empty where the document has none.
    pub caption: String,
    /// Its document.
    pub document_id: DocumentId,
    /// Its page, from 1; that of the passage where no line names the figure.
    pub page: u32,
    /// The call that draws the page, with the line marked; absent for documents without page pictures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

/// Reply to `POST /v1/answers`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AnswerReply {
    /// Identifier: a hash of question, scope and index; the server may replace it by its own.
    pub answer_id: String,
    /// The answer, or the refusal in words.
    pub answer: String,
    /// Whether every sentence rests on a citation.
    pub grounded: bool,
    /// What it rests on.
    pub citations: Vec<Citation>,
    /// Safety warnings that belong to the work described.
    pub warnings: Vec<String>,
    /// Figures that the cited passages refer to.
    pub figures: Vec<Figure>,
    /// The way on to diagnosis.
    pub related: Related,
    /// Set when there is no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
    /// The language model that put `answer` in these words, every sentence of which was found in `citations`; absent: the words are
    /// the documents' own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phrased_by: Option<ModelVersion>,
    /// Milliseconds.
    pub took_ms: f64,
}

/// An answer with its process record and the context for the next question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    /// What the caller gets.
    pub reply: AnswerReply,
    /// What `GET /v1/answers/{id}` shows.
    pub process: AnswerProcess,
    /// What to keep for the conversation.
    pub context: ConversationContext,
}

/// How an answer came about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AnswerProcess {
    /// The question as understood, after context was added.
    pub question: String,
    /// Codes and models taken out of the question.
    pub recognised: Recognised,
    /// Filters applied.
    pub filters: Filters,
    /// Candidates, best first, with their scores explained.
    pub candidates: Vec<Candidate>,
    /// Evidence of the best candidate, 0..=1, and the floor it had to reach.
    pub evidence: f64,
    /// See `evidence`.
    pub floor: f64,
    /// Versions that the result depends on.
    pub versions: Vec<String>,
    /// What a language model made of the answer, and why it was not used where it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rephrasing: Option<Rephrasing>,
}

/// What was recognised in a question.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Recognised {
    /// Fault codes, canonical.
    pub codes: Vec<FaultCode>,
    /// Models.
    pub models: Vec<ModelNumber>,
    /// Part numbers.
    pub parts: Vec<PartNumber>,
    /// Lamp blinks.
    pub blinks: Vec<u32>,
    /// Content words used for retrieval.
    pub words: Vec<String>,
    /// Mentions by the shared recognisers.
    #[schema(value_type = Vec<Object>)]
    pub mentions: Vec<Mention>,
    /// What kind of answer is asked for.
    pub intent: Intent,
}

/// What kind of answer a question asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    /// A fact in one sentence.
    #[default]
    Fact,
    /// A number.
    Quantity,
    /// How to do something.
    Procedure,
    /// What a code means and what to do.
    Code,
}

/// Filters of one search.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Filters {
    /// Model in force.
    pub model: Option<ModelNumber>,
    /// Product line in force.
    pub product_line: Option<ProductLine>,
    /// Brand in force.
    pub brand: Option<Brand>,
    /// Documents that could be cited.
    pub documents: usize,
    /// Documents left out because they are retired, replaced, not yet in force or outside the scope.
    pub left_out: usize,
}

/// A candidate passage with its explained score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Candidate {
    /// The passage.
    pub passage_id: PassageId,
    /// Its document.
    pub document_id: DocumentId,
    /// Physical page.
    pub page: u32,
    /// Final score.
    pub score: f64,
    /// Parts of the score.
    pub explain: ScoreParts,
}

/// The terms of a candidate's score.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ScoreParts {
    /// BM25 over words, bigrams, title and section.
    pub bm25: f64,
    /// Share of the question's words (by idf) that the passage has.
    pub coverage: f64,
    /// The same for its best sentence window.
    pub window: f64,
    /// Share of the question's character n-grams that the passage has in one piece.
    pub phrase: f64,
    /// Nearness of question and passage in meaning (cosine), -1..=1.
    #[serde(default)]
    pub meaning: f64,
    /// Nearness by the installed sentence encoder (cosine), -1..=1; the mean of the other candidates' where the passage has no vector
    /// (yet), 0 where there is no encoder for the question's language.
    #[serde(default)]
    pub dense: f64,
    /// Exact codes, models and parts that match.
    pub exact: f64,
    /// Taken off for passages about other models.
    pub other_model: f64,
    /// Whether the passage can carry an answer; `None` for candidates that nobody looked at for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub support: Option<Support>,
}

/// How far a passage supports an answer to the question, each 0..=1 but `fits`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Support {
    /// Share of the question's weight, by rarity and part of speech, that stands in the passage in the same or other words.
    pub coverage: f64,
    /// The same for its best sentence window.
    pub window: f64,
    /// `coverage` of the clause that asks; that of the whole question where it has one clause.
    pub clause: f64,
    /// `window` of the clause that asks.
    pub clause_window: f64,
    /// Share of the question's character bigrams that stand in the passage.
    pub bigrams: f64,
    /// Share of the question's weight that stands anywhere in the library.
    pub known: f64,
    /// Probability by meaning that some passage in scope answers, 0..=1; the same for all candidates.
    pub answered: f64,
    /// How far the encoder knows the question's subject, 0..=1; the same for all candidates.
    pub trust: f64,
    /// Where a number is asked for: 1 when the passage has one with its unit, 0.5 a number at all, 0 none; 0.5 otherwise.
    pub fits: f64,
    /// What all of it amounts to.
    pub evidence: f64,
}
