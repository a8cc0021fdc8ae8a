//! Malformed documents, each with what must come of it. Also sent through HTTP by `tests/hostile.rs` of the workspace.
#![allow(dead_code, reason = "each test binary uses a part")]

pub(crate) mod office;
pub(crate) mod pdf;
pub(crate) mod text;

use shifu_knowledge::{Block, Document, KnowledgeError, Limits, parse};

/// What must come of a document.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Expected {
    /// `EmptyFile`.
    Empty,
    /// `UnsupportedFormat`.
    Unsupported,
    /// `Mislabelled`, saying this.
    Mislabelled(&'static str),
    /// `Damaged`, saying this.
    Damaged(&'static str),
    /// `PasswordProtected`.
    Password,
    /// `OverLimit` of this limit.
    Over(&'static str),
    /// `NoText`, for this reason.
    NoText(&'static str),
    /// A document whose text contains this: the damage costs nothing else.
    Text(&'static str),
    /// A document whose text contains this and not that: the damaged part is lost, the rest is kept.
    Without(&'static str, &'static str),
}

pub(crate) struct Case {
    pub(crate) format: &'static str,
    pub(crate) what: String,
    pub(crate) file: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) expected: Expected,
    /// Smaller limits, where the default ones would need large files.
    pub(crate) limits: Option<Limits>,
}

impl Case {
    pub(crate) fn new(
        file: &'static str,
        what: impl Into<String>,
        bytes: impl Into<Vec<u8>>,
        expected: Expected,
    ) -> Self {
        let format = match file.rsplit('.').next() {
            Some("pdf") => "PDF",
            Some("docx") => "DOCX",
            Some("xlsx") => "XLSX",
            Some("html") => "HTML",
            Some("md") => "Markdown",
            Some("txt") => "text",
            _ => "other",
        };
        Self {
            format,
            what: what.into(),
            file,
            bytes: bytes.into(),
            expected,
            limits: None,
        }
    }

    pub(crate) fn within(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        let mut limits = Limits::default();
        change(&mut limits);
        self.limits = Some(limits);
        self
    }

    /// Parses the document and says what is not as expected.
    pub(crate) fn problem(&self) -> Option<String> {
        let start = std::time::Instant::now();
        let limits = self.limits.unwrap_or_default();
        let found = parse(&self.bytes, self.file, &limits, &mut |_| {});
        let (took, what) = (start.elapsed(), &self.what);
        if took > std::time::Duration::from_secs(5) {
            return Some(format!("{} {what}: took {took:?}", self.format));
        }
        if agrees(self.expected, &found) {
            return None;
        }
        let found = match found {
            Ok(document) => format!("text {:?}, skipped {:?}", text_of(&document), document.skipped),
            Err(error) => error.to_string(),
        };
        let found: String = found.chars().take(300).collect();
        Some(format!(
            "{} {what}: expected {:?}, found {found}",
            self.format, self.expected
        ))
    }
}

fn agrees(expected: Expected, found: &Result<Document, KnowledgeError>) -> bool {
    match (expected, found) {
        (Expected::Empty, Err(KnowledgeError::EmptyFile { .. }))
        | (Expected::Unsupported, Err(KnowledgeError::UnsupportedFormat { .. }))
        | (Expected::Password, Err(KnowledgeError::PasswordProtected { .. })) => true,
        (Expected::Mislabelled(says), Err(error @ KnowledgeError::Mislabelled { .. }))
        | (Expected::Damaged(says), Err(error @ KnowledgeError::Damaged { .. })) => {
            error.to_string().contains(says)
        }
        (
            Expected::Over(name),
            Err(KnowledgeError::OverLimit {
                limit, max, actual, ..
            }),
        ) => *limit == name && actual > max,
        (Expected::NoText(says), Err(KnowledgeError::NoText { reason, .. })) => reason.contains(says),
        (Expected::Text(says), Ok(document)) => text_of(document).contains(says),
        (Expected::Without(says, not), Ok(document)) => {
            let text = text_of(document);
            text.contains(says) && !text.contains(not)
        }
        _ => false,
    }
}

/// All text of a document, blocks and cells apart by blanks.
pub(crate) fn text_of(document: &Document) -> String {
    let mut out = Vec::new();
    for block in document.pages.iter().flat_map(|page| &page.blocks) {
        match block {
            Block::Heading { text, .. }
            | Block::Paragraph(text)
            | Block::Item(text)
            | Block::Warning(text) => out.push(text.clone()),
            Block::Table(table) => {
                out.extend(table.header.iter().chain(table.rows.iter().flatten()).cloned());
            }
        }
    }
    out.join(" ")
}

/// Every case.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = pdf::cases();
    cases.extend(office::docx_cases());
    cases.extend(office::xlsx_cases());
    cases.extend(text::cases());
    cases
}

/// The start of `whole` up to and without the `n`-th place (from 1) where `mark` stands.
pub(crate) fn cut_before(whole: &[u8], mark: &str, n: usize) -> Vec<u8> {
    let at = memchr::memmem::find_iter(whole, mark)
        .nth(n - 1)
        .unwrap_or_else(|| panic!("no {mark:?}"));
    whole[..at].to_vec()
}

pub(crate) fn zlib(data: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(data).unwrap();
    packed.finish().unwrap()
}
