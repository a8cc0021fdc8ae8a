//! What every format is parsed into: pages of blocks.

use serde::{Deserialize, Serialize};
use shifu_domain::BoundingBox;

/// A parsed document.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Document {
    /// Pages in physical order; page `n` (from 1) stands at `n - 1`.
    pub pages: Vec<Page>,
    /// Pages without usable text, with the reason; their `Page` stands empty in `pages`.
    pub skipped: Vec<SkippedPage>,
}

/// One physical page.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Page {
    /// Page number as printed, where known.
    pub label: Option<String>,
    /// Content in reading order.
    pub blocks: Vec<Block>,
    /// Where each block stands, in the order of `blocks`; shorter than that, or without boxes, where the format has no places. A box
    /// is that of a line, in fractions of the page as displayed, with the character of the block's text the line begins at; of a
    /// table with the number of the row, the header being 0 where there is one.
    pub areas: Vec<Vec<(usize, BoundingBox)>>,
    /// Whether the text was read from a picture of the page.
    pub by_ocr: bool,
}

/// A page that could not be indexed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SkippedPage {
    /// Physical page, from 1.
    pub page: u32,
    /// Why, in words a person can act on.
    pub reason: String,
}

/// A piece of a page.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// A heading; level 1 is the outermost.
    Heading {
        /// 1..=9.
        level: u8,
        /// Its text.
        text: String,
    },
    /// Running text; line breaks within are kept.
    Paragraph(String),
    /// One item of a list or one step of an instruction, with its marker (`1.`, `·`).
    Item(String),
    /// A table.
    Table(Table),
    /// A safety warning.
    Warning(String),
}

/// A table as a full grid: merged cells are repeated in every place that they cover.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    /// Column titles; empty when the table has none.
    pub header: Vec<String>,
    /// Rows, each as wide as the widest.
    pub rows: Vec<Vec<String>>,
}

impl Document {
    /// Pages (from 1) whose text was read from a picture of them.
    pub(crate) fn ocr_pages(&self) -> Vec<u32> {
        (1..)
            .zip(&self.pages)
            .filter(|(_, page)| page.by_ocr)
            .map(|(number, _)| number)
            .collect()
    }

    /// Notes every page without blocks that has no reason yet.
    pub(crate) fn note_blank_pages(&mut self) {
        for (at, page) in self.pages.iter().enumerate() {
            let number = u32::try_from(at + 1).unwrap_or(u32::MAX);
            if page.blocks.is_empty() && !self.skipped.iter().any(|s| s.page == number) {
                self.skipped.push(SkippedPage {
                    page: number,
                    reason: "no text on this page".to_owned(),
                });
            }
        }
        self.skipped.sort_by_key(|s| s.page);
    }
}

/// Words that open a safety warning, lower case; Chinese, English, Spanish.
const WARNING_WORDS: [&str; 17] = [
    "警告",
    "危险",
    "注意",
    "小心",
    "当心",
    "严禁",
    "warning",
    "danger",
    "caution",
    "advertencia",
    "peligro",
    "precaución",
    "precaucion",
    "atención",
    "atencion",
    "⚠",
    "安全提示",
];

/// Whether a paragraph opens like a safety warning (`警告：…`, `⚠ …`, `CAUTION`).
pub(crate) fn opens_as_warning(text: &str) -> bool {
    let start: String = text
        .trim_start_matches(|c: char| {
            c.is_whitespace() || matches!(c, '*' | '【' | '[' | '!' | '！' | '(' | '（' | '▲' | '△')
        })
        .chars()
        .take(14)
        .collect::<String>()
        .to_lowercase();
    WARNING_WORDS.iter().any(|word| {
        start.strip_prefix(word).is_some_and(|rest| {
            matches!(*word, "⚠" | "严禁")
                || rest
                    .trim_start_matches(['*', ' '])
                    .starts_with(['：', ':', '!', '！', '】', ']', '\n', '）'])
                || rest.is_empty()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_told_from_running_text() {
        for text in [
            "警告：触电危险",
            "**警告**：禁止",
            "⚠ 高温",
            "CAUTION: hot",
            "【注意】先断电",
            "严禁带氟焊接",
            "警告\n触电",
        ] {
            assert!(opens_as_warning(text), "{text}");
        }
        for text in [
            "注意观察压力变化，稳定后读数",
            "危险品仓库位于三号楼",
            "cautionary tale",
        ] {
            assert!(!opens_as_warning(text), "{text}");
        }
    }

    #[test]
    fn blank_pages_are_reported_once() {
        let text = Page {
            blocks: vec![Block::Paragraph("第一页".into())],
            ..Page::default()
        };
        let mut document = Document {
            pages: vec![text, Page::default()],
            skipped: Vec::new(),
        };
        document.note_blank_pages();
        document.note_blank_pages();
        assert_eq!(
            document.skipped,
            [SkippedPage {
                page: 2,
                reason: "no text on this page".into()
            }]
        );
    }
}
