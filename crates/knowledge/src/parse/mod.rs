//! Bytes of a file → [`Document`]: one module per format.
//!
//! A format is told by content first and by the name's ending second. Whatever a file holds, the outcome is a document with
//! reported gaps or a [`KnowledgeError`] that names file and reason; nothing panics and nothing grows beyond [`Limits`].

mod archive;
mod bombs;
mod content;
mod cost;
mod docx;
mod encoding;
mod grid;
mod html;
mod layout;
mod markdown;
mod pdf;
mod picture;
mod plain;
mod raster;
mod scanned;
mod xlsx;

use std::sync::atomic::AtomicBool;

use shifu_domain::BoundingBox;
use shifu_domain::models::TextRecognizer;

use crate::document::{Block, Document, Page, SkippedPage, Table};
use crate::error::KnowledgeError;
use crate::limits::Limits;

pub use picture::page_picture;

/// What a progress callback is told: pages done of pages in all (as far as known).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseProgress {
    /// Pages parsed.
    pub pages_done: u32,
    /// Pages of the document; 0 while unknown.
    pub pages_total: u32,
}

/// The formats that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Pdf,
    Docx,
    Xlsx,
    Html,
    Markdown,
    Text,
}

/// Parses one file. Pages without text are reported as skipped.
///
/// # Errors
/// [`KnowledgeError`] for empty, unsupported, mislabelled, damaged, protected and oversized files.
pub fn parse(
    bytes: &[u8],
    file_name: &str,
    limits: &Limits,
    progress: &mut dyn FnMut(ParseProgress),
) -> Result<Document, KnowledgeError> {
    let reader = Reader {
        limits: *limits,
        recognizer: None,
        stop: None,
    };
    reader.parse(bytes, file_name, progress)
}

/// What a file is read with.
pub(crate) struct Reader<'a> {
    pub limits: Limits,
    /// Reads pages that have no text of their own.
    pub recognizer: Option<&'a dyn TextRecognizer>,
    /// Ends the reading of a PDF at its next page when it becomes true.
    pub stop: Option<&'a AtomicBool>,
}

impl Reader<'_> {
    /// Parses one file.
    ///
    /// # Errors
    /// As [`parse`].
    pub(crate) fn parse(
        &self,
        bytes: &[u8],
        file_name: &str,
        progress: &mut dyn FnMut(ParseProgress),
    ) -> Result<Document, KnowledgeError> {
        let format = readable_format(bytes, file_name, &self.limits)?;
        let mut builder = Builder::new(self.limits);
        let outcome = match format {
            Format::Pdf => pdf::parse(bytes, self, &mut builder, progress),
            Format::Docx => docx::parse(bytes, &mut builder),
            Format::Xlsx => xlsx::parse(bytes, &mut builder),
            Format::Html => html::parse(bytes, &mut builder),
            Format::Markdown => text_of(bytes).and_then(|text| markdown::parse(&text, &mut builder)),
            Format::Text => text_of(bytes).and_then(|text| plain::parse(&text, &mut builder)),
        };
        outcome.map_err(|fault| fault.named(file_name, format))?;
        let mut document = builder.document;
        document.note_blank_pages();
        progress(ParseProgress {
            pages_done: page_count(&document),
            pages_total: page_count(&document),
        });
        if document.pages.iter().all(|page| page.blocks.is_empty()) {
            let reason = document
                .skipped
                .first()
                .map_or_else(|| "no text".to_owned(), |skipped| skipped.reason.clone());
            return Err(KnowledgeError::NoText {
                file: file_name.to_owned(),
                pages: page_count(&document),
                reason,
            });
        }
        Ok(document)
    }
}

/// The format of a file that is neither empty nor oversized.
fn readable_format(bytes: &[u8], file_name: &str, limits: &Limits) -> Result<Format, KnowledgeError> {
    let size = bytes.len() as u64;
    if size > limits.file_bytes {
        return Err(over(
            file_name,
            OverLimit {
                limit: "size_bytes",
                max: limits.file_bytes,
                actual: size,
            },
        ));
    }
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(KnowledgeError::EmptyFile {
            file: file_name.to_owned(),
        });
    }
    detect(bytes, file_name)
}

fn page_count(document: &Document) -> u32 {
    u32::try_from(document.pages.len()).unwrap_or(u32::MAX)
}

fn text_of(bytes: &[u8]) -> Result<String, Fault> {
    let text = encoding::decode(bytes, None);
    if encoding::looks_binary(&text) {
        Err(Fault::NotText)
    } else {
        Ok(text)
    }
}

fn detect(bytes: &[u8], file_name: &str) -> Result<Format, KnowledgeError> {
    let ending = file_name
        .rsplit_once('.')
        .map(|(_, ending)| ending.to_ascii_lowercase())
        .unwrap_or_default();
    let head = &bytes[..bytes.len().min(1024)];
    let is_pdf = head.windows(5).any(|five| five == b"%PDF-");
    let is_zip = bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06");
    let mislabelled = |expected, found: &str| {
        Err(KnowledgeError::Mislabelled {
            file: file_name.to_owned(),
            expected,
            found: found.to_owned(),
        })
    };
    let binary = || known_binary(bytes);
    match ending.as_str() {
        "pdf" if !is_pdf => {
            return mislabelled(
                "PDF",
                binary().unwrap_or(if is_zip { "a ZIP archive" } else { "no %PDF- mark" }),
            );
        }
        "docx" | "xlsx" | "xlsm" if is_protected_office_file(bytes) => {
            return Err(KnowledgeError::PasswordProtected {
                file: file_name.to_owned(),
            });
        }
        "docx" if !is_zip => return mislabelled("DOCX", binary().unwrap_or("no ZIP archive")),
        "xlsx" | "xlsm" if !is_zip => {
            return mislabelled("XLSX", binary().unwrap_or("no ZIP archive"));
        }
        _ => {}
    }
    if is_pdf {
        return Ok(Format::Pdf);
    }
    if is_zip {
        return Ok(office_format(bytes, &ending));
    }
    if let Some(found) = binary() {
        return match ending.as_str() {
            "md" | "markdown" | "txt" | "html" | "htm" => mislabelled("text", found),
            _ => Err(KnowledgeError::UnsupportedFormat {
                file: file_name.to_owned(),
            }),
        };
    }
    match ending.as_str() {
        "html" | "htm" | "xhtml" => Ok(Format::Html),
        "md" | "markdown" => Ok(Format::Markdown),
        "txt" | "text" => Ok(Format::Text),
        _ => {
            let start = encoding::decode(head, None).trim_start().to_lowercase();
            if start.starts_with("<!doctype html") || start.starts_with("<html") {
                Ok(Format::Html)
            } else if ending.is_empty() && !encoding::looks_binary(&start) {
                Ok(Format::Markdown)
            } else {
                Err(KnowledgeError::UnsupportedFormat {
                    file: file_name.to_owned(),
                })
            }
        }
    }
}

/// DOCX or XLSX: by the ending, else by the part that only one of them has.
fn office_format(bytes: &[u8], ending: &str) -> Format {
    let has = |name: &[u8]| memchr::memmem::find(bytes, name).is_some();
    match ending {
        "docx" => Format::Docx,
        "xlsx" | "xlsm" => Format::Xlsx,
        _ if has(b"xl/workbook.xml") && !has(b"word/document.xml") => Format::Xlsx,
        _ => Format::Docx,
    }
}

/// Office wraps a file with a password into the old container, with a stream of this name (UTF-16).
fn is_protected_office_file(bytes: &[u8]) -> bool {
    let name: Vec<u8> = "EncryptedPackage"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    bytes.starts_with(b"\xd0\xcf\x11\xe0") && memchr::memmem::find(bytes, &name).is_some()
}

fn known_binary(bytes: &[u8]) -> Option<&'static str> {
    const MARKS: [(&[u8], &str); 8] = [
        (b"\x89PNG", "a PNG image"),
        (b"\xff\xd8\xff", "a JPEG image"),
        (b"GIF8", "a GIF image"),
        (
            b"\xd0\xcf\x11\xe0",
            "an old Office file (save it as DOCX or XLSX)",
        ),
        (b"\x7fELF", "a program"),
        (b"MZ\x90", "a program"),
        (b"Rar!", "a RAR archive"),
        (b"\x1f\x8b", "a gzip file"),
    ];
    MARKS
        .iter()
        .find(|(mark, _)| bytes.starts_with(mark))
        .map(|&(_, name)| name)
}

/// A limit that was passed.
#[derive(Debug)]
struct OverLimit {
    limit: &'static str,
    max: u64,
    actual: u64,
}

fn over(file_name: &str, over: OverLimit) -> KnowledgeError {
    KnowledgeError::OverLimit {
        file: file_name.to_owned(),
        limit: over.limit,
        max: over.max,
        actual: over.actual,
    }
}

/// Why a whole file could not be parsed; becomes a [`KnowledgeError`] once the file's name is known.
#[derive(Debug)]
enum Fault {
    Damaged(String),
    Password,
    NotText,
    Wrong(&'static str),
    Over(OverLimit),
    Interrupted,
}

impl Fault {
    fn named(self, file_name: &str, format: Format) -> KnowledgeError {
        let file = file_name.to_owned();
        match self {
            Fault::Damaged(detail) => KnowledgeError::Damaged {
                file,
                format: format.name(),
                detail,
            },
            Fault::Password => KnowledgeError::PasswordProtected { file },
            Fault::NotText => KnowledgeError::Mislabelled {
                file,
                expected: "text",
                found: "binary data".to_owned(),
            },
            Fault::Wrong(found) => KnowledgeError::Mislabelled {
                file,
                expected: format.name(),
                found: found.to_owned(),
            },
            Fault::Over(limit) => over(file_name, limit),
            Fault::Interrupted => KnowledgeError::Interrupted { file },
        }
    }
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Format::Pdf => "PDF",
            Format::Docx => "DOCX",
            Format::Xlsx => "XLSX",
            Format::Html => "HTML",
            Format::Markdown => "Markdown",
            Format::Text => "text",
        }
    }
}

/// A document in the making: knows the page being written and counts against the limits.
struct Builder {
    document: Document,
    current: usize,
    chars: u64,
    blocks: u64,
    limits: Limits,
}

impl Builder {
    fn new(limits: Limits) -> Self {
        Self {
            document: Document::default(),
            current: 0,
            chars: 0,
            blocks: 0,
            limits,
        }
    }

    /// Adds a block to the current page; blank blocks are dropped.
    fn push(&mut self, block: Block) -> Result<(), Fault> {
        self.place(block, Vec::new())
    }

    /// Adds a block with its place ([`Page::areas`]).
    fn place(&mut self, block: Block, areas: Vec<(usize, BoundingBox)>) -> Result<(), Fault> {
        let Size { chars, blocks } = Size::of(&block);
        if chars == 0 {
            return Ok(());
        }
        self.chars += chars;
        self.blocks += blocks;
        for (limit, max, actual) in [
            ("text_chars", self.limits.text_chars, self.chars),
            ("blocks", self.limits.blocks, self.blocks),
        ] {
            if actual > max {
                return Err(Fault::Over(OverLimit { limit, max, actual }));
            }
        }
        self.ensure(self.current)?;
        let page = &mut self.document.pages[self.current];
        page.blocks.push(block);
        page.areas.push(areas);
        Ok(())
    }

    /// Continues on physical page `number` (from 1); pages in between come to be, blank.
    fn go_to_page(&mut self, number: u32) -> Result<(), Fault> {
        let at = (number.max(1) - 1) as usize;
        self.ensure(at)?;
        self.current = at;
        Ok(())
    }

    /// Continues on the next page.
    fn next_page(&mut self) -> Result<(), Fault> {
        self.ensure(self.current)?;
        self.ensure(self.current + 1)?;
        self.current += 1;
        Ok(())
    }

    /// Sets the printed number of the current page.
    fn label(&mut self, label: &str) -> Result<(), Fault> {
        self.ensure(self.current)?;
        let label: String = label.trim().chars().take(32).collect();
        if !label.is_empty() {
            self.document.pages[self.current].label = Some(label);
        }
        Ok(())
    }

    /// Notes that the current page's text was read from a picture of it.
    fn by_ocr(&mut self) {
        if let Some(page) = self.document.pages.get_mut(self.current) {
            page.by_ocr = true;
        }
    }

    /// Reports the current page as not readable.
    fn skip(&mut self, reason: &str) -> Result<(), Fault> {
        self.ensure(self.current)?;
        let page = u32::try_from(self.current + 1).unwrap_or(u32::MAX);
        self.document.skipped.push(SkippedPage {
            page,
            reason: reason.to_owned(),
        });
        Ok(())
    }

    fn ensure(&mut self, at: usize) -> Result<(), Fault> {
        if at >= self.limits.pages as usize {
            return Err(Fault::Over(OverLimit {
                limit: "pages",
                max: u64::from(self.limits.pages),
                actual: at as u64 + 1,
            }));
        }
        while self.document.pages.len() <= at {
            self.document.pages.push(Page::default());
        }
        Ok(())
    }
}

/// What a block counts for.
struct Size {
    /// Characters; 0 for a blank block.
    chars: u64,
    /// 1, or the cells of a table.
    blocks: u64,
}

impl Size {
    fn of(block: &Block) -> Self {
        let of_text = |text: &String| {
            if text.trim().is_empty() {
                0
            } else {
                text.chars().count() as u64
            }
        };
        match block {
            Block::Heading { text, .. }
            | Block::Paragraph(text)
            | Block::Item(text)
            | Block::Warning(text) => Self {
                chars: of_text(text),
                blocks: 1,
            },
            Block::Table(table) => {
                let cells = || table.rows.iter().flatten().chain(&table.header);
                Self {
                    chars: cells().map(of_text).sum(),
                    blocks: cells().count() as u64 + 1,
                }
            }
        }
    }
}

/// Collapses runs of blanks, keeps line breaks, trims every line.
fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let mut words = line.split_whitespace().peekable();
        if words.peek().is_none() {
            continue;
        }
        if !out.is_empty() {
            out.push('\n');
        }
        for (at, word) in words.enumerate() {
            if at > 0 {
                out.push(' ');
            }
            out.push_str(word);
        }
    }
    out
}

/// A cell's text on one line.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn table_block(header: Vec<String>, rows: Vec<Vec<String>>) -> Block {
    Block::Table(Table { header, rows })
}

#[cfg(test)]
mod tests;
