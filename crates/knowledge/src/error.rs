//! Why a document could not be added or a search could not run.

use shifu_domain::models::ModelError;

/// A failure of the knowledge library. Everything that input can cause has its own variant.
#[derive(Debug, thiserror::Error)]
pub enum KnowledgeError {
    /// The file has no bytes, or no readable character at all.
    #[error("{file}: the file is empty")]
    EmptyFile {
        /// Name as uploaded.
        file: String,
    },
    /// The name's ending and the content are of no format that can be read.
    #[error("{file}: not a format that can be read; use PDF, DOCX, XLSX, HTML, Markdown or plain text")]
    UnsupportedFormat {
        /// Name as uploaded.
        file: String,
    },
    /// The content contradicts the name's ending.
    #[error("{file}: the content is not {expected}: {found}")]
    Mislabelled {
        /// Name as uploaded.
        file: String,
        /// What the ending promises.
        expected: &'static str,
        /// What was found.
        found: String,
    },
    /// The file cannot be parsed as a whole (truncated, damaged).
    #[error("{file}: damaged {format}: {detail}")]
    Damaged {
        /// Name as uploaded.
        file: String,
        /// The format.
        format: &'static str,
        /// What is wrong.
        detail: String,
    },
    /// The PDF needs a password.
    #[error("{file}: protected by a password; remove the protection and upload it again")]
    PasswordProtected {
        /// Name as uploaded.
        file: String,
    },
    /// A limit against hostile or oversized files was reached.
    #[error("{file}: {limit} is {actual}, at most {max} is allowed")]
    OverLimit {
        /// Name as uploaded.
        file: String,
        /// Which limit, for example `size_bytes`.
        limit: &'static str,
        /// The limit.
        max: u64,
        /// What the file has (or at least has).
        actual: u64,
    },
    /// No page of the document has text that can be indexed.
    #[error("{file}: no page has readable text ({pages} pages; first reason: {reason})")]
    NoText {
        /// Name as uploaded.
        file: String,
        /// Pages found.
        pages: u32,
        /// Why the first of them was skipped.
        reason: String,
    },
    /// A page cannot be shown as a picture.
    #[error("{file}: no picture of this page: {reason}")]
    NoPicture {
        /// Name as uploaded.
        file: String,
        /// Why.
        reason: String,
    },
    /// The document has no such page.
    #[error("{file} has no page {page}; its pages are 1 to {pages}")]
    UnknownPage {
        /// Name as uploaded.
        file: String,
        /// As asked for.
        page: u32,
        /// Pages of the document.
        pages: u32,
    },
    /// The library was told to stop while the file was being read; nothing of it is kept.
    #[error("{file}: reading was stopped; add it again")]
    Interrupted {
        /// Name as uploaded.
        file: String,
    },
    /// No such document.
    #[error("document {id:?} is not in the library")]
    UnknownDocument {
        /// As asked for.
        id: String,
    },
    /// The document id is not usable.
    #[error("document id {id:?} is not valid: use 1 to 128 letters, digits, '-', '_', '.' or ':'")]
    InvalidDocumentId {
        /// As given.
        id: String,
    },
    /// A document cannot replace itself.
    #[error("document {id:?} cannot supersede itself")]
    SupersedesItself {
        /// As given.
        id: String,
    },
    /// Another process writes to this library.
    #[error("the library at {dir} is being written to by another process; try again when it has finished")]
    Locked {
        /// The library's folder.
        dir: String,
    },
    /// The index is damaged, or was written by an incompatible version.
    #[error("the index at {dir} cannot be read: it is damaged, or of a version that is too different")]
    IncompatibleIndex {
        /// The library's folder.
        dir: String,
    },
    /// The index engine failed.
    #[error("the index failed")]
    Index(#[from] tantivy::TantivyError),
    /// The sentence encoder failed.
    #[error("passages could not be encoded")]
    Encoder(#[from] ModelError),
    /// The folder cannot be made or read.
    #[error("cannot use {path}")]
    Io {
        /// Which path.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}
