//! Bounds on what one document may cost.

use std::time::Duration;

/// Limits of one document; every parser counts against them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the uploaded file.
    pub file_bytes: u64,
    /// Pages.
    pub pages: u32,
    /// Characters of text over all pages.
    pub text_chars: u64,
    /// Bytes that one compressed entry (DOCX or XLSX part, PDF stream), and the entries read of one archive together, may
    /// unfold to.
    pub unpacked_bytes: u64,
    /// Blocks and table cells over all pages.
    pub blocks: u64,
    /// Unpacked to packed bytes of an archive, beyond the first MiB.
    pub unpack_ratio: u64,
    /// Entries of an archive.
    pub archive_entries: usize,
    /// Depth of XML elements.
    pub xml_depth: usize,
    /// Depth of HTML elements that is still told apart; deeper ones are flattened.
    pub html_depth: usize,
    /// Cells of one table.
    pub table_cells: usize,
    /// Attributes of one HTML tag: the tokenizer compares each with all others.
    pub tag_attributes: usize,
    /// Glyphs of one PDF page.
    pub page_glyphs: usize,
    /// Glyphs of all PDF pages together.
    pub document_glyphs: usize,
    /// Bytes of drawing instructions of one PDF page, unfolded.
    pub page_content_bytes: usize,
    /// Bytes of drawing instructions of all PDF pages together.
    pub document_content_bytes: u64,
    /// Lines, clips, images and runs of glyphs that one PDF page may draw.
    pub page_operations: usize,
    /// Longest that one PDF page may take; it is skipped then.
    pub page_time: Duration,
    /// Longest that one PDF may take, OCR of its pages apart.
    pub document_time: Duration,
    /// Longest that drawing the pages of one PDF and reading them by OCR may take; further ones are skipped.
    pub ocr_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 200 << 20,
            pages: 5_000,
            text_chars: 50_000_000,
            unpacked_bytes: 256 << 20,
            blocks: 2_000_000,
            unpack_ratio: 200,
            archive_entries: 10_000,
            xml_depth: 256,
            html_depth: 256,
            table_cells: 200_000,
            tag_attributes: 200,
            page_glyphs: 200_000,
            // 5,000 pages of 2,000 characters; a glyph set apart costs about 70 bytes.
            document_glyphs: 10_000_000,
            // A drawn rectangle of 11 bytes takes 280 in memory: 16 MiB become 400 MiB.
            page_content_bytes: 16 << 20,
            document_content_bytes: 512 << 20,
            page_operations: 1_000_000,
            page_time: Duration::from_secs(4),
            document_time: Duration::from_secs(120),
            // With `document_time` less than the half hour that a server gives one document.
            ocr_time: Duration::from_secs(25 * 60),
        }
    }
}
