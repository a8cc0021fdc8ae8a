//! Documents → an index of passages; questions → cited answers.
//!
//! [`Library::add`] takes a file (PDF, DOCX, HTML, Markdown, text) through [`Document`] (pages of blocks) to passages and publishes
//! them in one commit. [`Library::search`] finds passages by words, character bigrams, exact codes and meaning within filters that
//! never leak. [`Library::answer`] answers by quoting, or refuses with what to ask next; no language model takes part. Where the operator
//! added one, [`rephrase`] lets it put an answer in other words and [`SupportCheck`] passes only what the citations say.
//!
//! The crate owns its index directory and nothing else: no SQL, no HTTP, no environment.

mod analysis;
mod answer;
mod api;
mod catalog;
mod dense;
mod document;
mod encoder;
mod error;
mod index;
mod language;
mod library;
mod limits;
mod nearness;
mod parse;
mod passages;
mod question;
mod rank;
mod rebuild;
mod snapshot;
mod stem;
mod terms;
mod trade;
mod trade_es;
mod vector_files;
mod versions;

pub use answer::{
    RephrasedSentence, Rephrasing, SupportCheck, Unsupported, best_quote, quote_measures, rephrase,
};
pub use api::{
    AnswerProcess, AnswerReply, Answered, Candidate, ConversationContext, DocumentRecord, DocumentState,
    DocumentUpload, Figure, Filters, Ingested, Intent, Leg, Question, Recognised, Refusal, RefusalReason,
    Related, Scope, ScoreParts, SearchHit, SearchReply, SearchRequest, Support,
};
pub use document::{Block, Document, Page, SkippedPage, Table};
pub use error::KnowledgeError;
pub use library::{Library, LibraryOptions, document_applies_to};
pub use limits::Limits;
pub use parse::{ParseProgress, page_picture, parse};
pub use rebuild::set_aside;
pub use snapshot::copy_index;
