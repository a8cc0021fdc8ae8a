//! Bounds on what one document may cost.

/// Limits of one document; every parser counts against them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the uploaded file.
    pub file_bytes: u64,
    /// Pages.
    pub pages: u32,
    /// Characters of text over all pages.
    pub text_chars: u64,
    /// Bytes that one compressed entry (DOCX part, PDF stream) may unfold to.
    pub unpacked_bytes: u64,
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
    /// Glyphs of one PDF page.
    pub page_glyphs: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 200 << 20,
            pages: 5_000,
            text_chars: 50_000_000,
            unpacked_bytes: 256 << 20,
            unpack_ratio: 200,
            archive_entries: 10_000,
            xml_depth: 256,
            html_depth: 256,
            table_cells: 20_000,
            page_glyphs: 200_000,
        }
    }
}
