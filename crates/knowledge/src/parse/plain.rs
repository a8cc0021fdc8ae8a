//! Plain text: pages at form feeds or page marks, blocks at blank lines, numbered headings and steps by their shape.

use super::{Builder, Fault, markdown, tidy};
use crate::document::{Block, opens_as_warning};

/// Parses decoded text.
pub(super) fn parse(text: &str, builder: &mut Builder) -> Result<(), Fault> {
    if markdown::has_page_marks(text) {
        return markdown::parse(text, builder);
    }
    for (at, page) in text.split('\u{c}').enumerate() {
        if at > 0 {
            builder.next_page()?;
        }
        for piece in blocks(page) {
            builder.push(piece)?;
        }
    }
    Ok(())
}

/// Blocks of lines: used for plain text and for the lines of a PDF page.
pub(super) fn blocks(text: &str) -> Vec<Block> {
    let mut out = Vec::new();
    let mut open = String::new();
    let flush = |open: &mut String, out: &mut Vec<Block>| {
        let text = tidy(open);
        if !text.is_empty() {
            out.push(if opens_as_warning(&text) {
                Block::Warning(text)
            } else {
                Block::Paragraph(text)
            });
        }
        open.clear();
    };
    for line in text.lines() {
        let line = line.trim();
        if line.is_empty() {
            flush(&mut open, &mut out);
        } else if let Some(level) = numbered_heading(line) {
            flush(&mut open, &mut out);
            out.push(Block::Heading {
                level,
                text: line.to_owned(),
            });
        } else if is_item(line) {
            flush(&mut open, &mut out);
            out.push(Block::Item(line.to_owned()));
        } else {
            add_line(&mut open, line);
        }
    }
    flush(&mut open, &mut out);
    out
}

/// A line that fills its measure and ends inside a sentence was only wrapped: the next one goes on with it.
fn add_line(open: &mut String, line: &str) {
    // Only the end of the last line is looked at: lines joined to one another can make it as long as the file.
    let mut width = 0;
    let mut wide = false;
    for c in open.chars().rev().take_while(|&c| c != '\n') {
        width += if c.is_ascii() { 1 } else { 2 };
        wide = width >= WRAPPED_WIDTH;
        if wide {
            break;
        }
    }
    let last = open.as_str();
    let ended = last.ends_with(['。', '！', '？', '.', '!', '?', '：', ':', '；', ';', '”']);
    let goes_on =
        line.starts_with(|c: char| c.is_alphanumeric()) && !line.starts_with(|c: char| c.is_ascii_digit());
    if wide && !ended && goes_on {
        if last.ends_with(|c: char| c.is_ascii_graphic())
            || line.starts_with(|c: char| c.is_ascii_alphanumeric())
        {
            open.push(' ');
        }
    } else if !open.is_empty() {
        open.push('\n');
    }
    open.push_str(line);
}

/// Half-width columns from which a line counts as full.
const WRAPPED_WIDTH: usize = 50;

/// `第三章 …`, `3 安装`, `3.2 排水`: a short line that opens with a section number and does not end like a sentence.
pub(super) fn numbered_heading(line: &str) -> Option<u8> {
    let length = line.chars().count();
    if length > 40 || line.ends_with(['。', '；', '，', ',', ';', '.', '：', ':', '?', '？']) {
        return None;
    }
    if line.starts_with('第') && line.chars().take(6).any(|c| matches!(c, '章' | '篇')) {
        return Some(1);
    }
    if line.starts_with('第') && line.chars().take(6).any(|c| c == '节') {
        return Some(2);
    }
    let number: String = line
        .chars()
        .take_while(|c| c.is_ascii_digit() || *c == '.')
        .collect();
    let rest = line[number.len()..].chars().next()?;
    let dots = number.trim_end_matches('.').matches('.').count();
    let digits = number.chars().filter(char::is_ascii_digit).count();
    let words = line[number.len()..].trim();
    if number.is_empty() || digits > 4 || words.is_empty() || !words.chars().any(char::is_alphabetic) {
        return None;
    }
    // "01 点击" numbers what a picture shows, and "3 旋转钥匙后，拔出" is the first line of a step.
    if dots == 0 && (number.starts_with('0') || words.contains(['，', ',', '。', '；'])) {
        return None;
    }
    // "1. 断电" is a step; "1 概述", "1.2 安装" and "1.2安装" are headings.
    let spaced = rest == ' ' || rest == '\u{3000}';
    let letters = words.chars().take(3).filter(|c| c.is_alphabetic()).count();
    let heading = (dots >= 1 && !number.ends_with('.') && letters >= 2)
        || (dots == 0 && !number.ends_with('.') && spaced && letters >= 2);
    heading.then(|| u8::try_from(dots + 1).unwrap_or(9).min(9))
}

/// `1. …`, `（2）…`, `① …`, `a) …`, `· …`, `步骤3：…`.
pub(super) fn is_item(line: &str) -> bool {
    let mut chars = line.chars();
    let Some(first) = chars.next() else { return false };
    if matches!(
        first,
        '·' | '•' | '●' | '○' | '■' | '◆' | '▪' | '►' | '–' | '①'..='⑳'
    ) {
        return true;
    }
    if matches!(first, '-' | '*' | '+') {
        return chars.next() == Some(' ');
    }
    let bare = line.trim_start_matches(['(', '（', '[']);
    let number: String = bare.chars().take_while(char::is_ascii_digit).collect();
    let after = bare[number.len()..].chars().next();
    if !number.is_empty() && number.len() <= 2 {
        let next_is_digit = bare[number.len()..]
            .chars()
            .nth(1)
            .is_some_and(|c| c.is_ascii_digit());
        return matches!(after, Some(')' | '）' | '、' | '】' | ']'))
            || (matches!(after, Some('.' | '．')) && !next_is_digit);
    }
    (first == '步' && line.starts_with("步骤"))
        || (bare.len() > 2 && bare.as_bytes()[0].is_ascii_lowercase() && bare.as_bytes()[1] == b')')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_steps_and_sentences_are_told_apart() {
        for (line, level) in [
            ("3 安装位置", Some(1)),
            ("3.2 排水管", Some(2)),
            ("第三章 检修", Some(1)),
            ("1.1.2 Overview", Some(3)),
        ] {
            assert_eq!(numbered_heading(line), level, "{line}");
        }
        for line in ["3 米内禁止明火。", "2025", "1. 断电", "220 V", "5.5 V"] {
            assert_eq!(numbered_heading(line), None, "{line}");
        }
        for line in [
            "1. 断电",
            "（2）拆下面板",
            "① 清洗",
            "• item",
            "- item",
            "3、检查",
            "步骤3：复位",
        ] {
            assert!(is_item(line), "{line}");
        }
        assert!(!is_item("3.5 MPa 以上") && !is_item("KFR-35"));
    }

    #[test]
    fn wrapped_lines_are_joined_and_short_ones_kept() {
        let long = "后排乘客可以根据身高调节后排中间头枕和两侧头枕的高度，从而尽";
        assert_eq!(
            blocks(&format!("{long}\n可能靠在头枕上。")),
            [Block::Paragraph(format!("{long}可能靠在头枕上。"))]
        );
        assert_eq!(blocks("机型\n36K"), [Block::Paragraph("机型\n36K".into())]);
    }

    #[test]
    fn form_feeds_are_pages() {
        let mut builder = Builder::new(crate::limits::Limits::default());
        parse("第一页\n\n第二段\u{c}第二页", &mut builder).unwrap();
        assert_eq!(builder.document.pages.len(), 2);
        assert_eq!(builder.document.pages[0].blocks.len(), 2);
    }
}
