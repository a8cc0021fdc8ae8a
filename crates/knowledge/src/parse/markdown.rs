//! Markdown by lines: page marks, headings, lists, quotes, pipe tables and inline HTML tables.

use std::sync::OnceLock;

use regex::Regex;

use super::grid::{Cell, Grid, MOST_COLUMNS};
use super::{Builder, Fault, html, plain, tidy};
use crate::document::{Block, opens_as_warning};

/// `<!-- page 12 -->`, `<!-- Page: 12 -->`: the inside of a comment.
pub(super) fn page_comment(comment: &str) -> Option<u32> {
    let lower = comment.trim().to_ascii_lowercase();
    let rest = lower
        .strip_prefix("page")?
        .trim_start_matches([' ', ':', '=', '#']);
    rest.trim().parse().ok().filter(|&n| n > 0)
}

fn page_rule(line: &str) -> bool {
    let line = line.trim();
    line.len() >= 10 && line.bytes().all(|b| b == b'=')
}

fn page_line(line: &str) -> Option<u32> {
    line.trim()
        .strip_prefix("PAGE ")?
        .trim()
        .parse()
        .ok()
        .filter(|&n| n > 0)
}

/// Whether a text carries page marks of either kind.
pub(super) fn has_page_marks(text: &str) -> bool {
    let lines: Vec<&str> = text.lines().collect();
    lines
        .windows(3)
        .any(|three| page_rule(three[0]) && page_line(three[1]).is_some() && page_rule(three[2]))
        || lines
            .iter()
            .any(|line| whole_comment(line).and_then(page_comment).is_some())
}

fn whole_comment(line: &str) -> Option<&str> {
    line.trim().strip_prefix("<!--")?.strip_suffix("-->")
}

/// Parses Markdown text.
pub(super) fn parse(text: &str, builder: &mut Builder) -> Result<(), Fault> {
    let lines: Vec<&str> = text.lines().collect();
    let mut reader = Reader {
        open: String::new(),
        quote: String::new(),
        item: String::new(),
        no_comment_end_before: 0,
    };
    let mut at = 0;
    while at < lines.len() {
        at = reader.line(&lines, at, builder)?;
    }
    reader.flush(builder)
}

/// Text being collected; at most one of the three strings is not empty.
struct Reader {
    open: String,
    quote: String,
    item: String,
    /// No line from the present one up to here ends a comment: it need not be looked for again.
    no_comment_end_before: usize,
}

impl Reader {
    /// Reads the line at `at` (and those that belong to it); gives the next one to read.
    fn line(&mut self, lines: &[&str], at: usize, builder: &mut Builder) -> Result<usize, Fault> {
        let line = lines[at];
        let trimmed = line.trim();
        if page_rule(line)
            && let Some(number) = lines.get(at + 1).and_then(|next| page_line(next))
            && lines.get(at + 2).is_some_and(|next| page_rule(next))
        {
            self.flush(builder)?;
            builder.go_to_page(number)?;
            return Ok(at + 3);
        }
        if trimmed.starts_with("<!--") {
            return self.comment(lines, at, builder);
        }
        if trimmed.is_empty() {
            self.flush(builder)?;
        } else if let Some((level, text)) = heading(trimmed) {
            self.flush(builder)?;
            builder.push(Block::Heading { level, text })?;
        } else if trimmed.to_ascii_lowercase().starts_with("<table") {
            self.flush(builder)?;
            return html_table(lines, at, builder);
        } else if trimmed.starts_with('|')
            || (trimmed.contains('|') && lines.get(at + 1).is_some_and(|next| is_delimiter(next)))
        {
            self.flush(builder)?;
            return pipe_table(lines, at, builder);
        } else if let Some(quoted) = trimmed.strip_prefix('>') {
            if self.quote.is_empty() {
                self.flush(builder)?;
            }
            self.quote.push_str(quoted.trim());
            self.quote.push('\n');
        } else if plain::is_item(trimmed) {
            self.flush(builder)?;
            self.item = item_text(trimmed);
        } else if trimmed.starts_with("```") || is_rule(trimmed) {
            self.flush(builder)?;
        } else {
            self.running(line, trimmed, builder)?;
        }
        Ok(at + 1)
    }

    fn running(&mut self, line: &str, trimmed: &str, builder: &mut Builder) -> Result<(), Fault> {
        if !self.quote.is_empty() {
            self.flush(builder)?;
        }
        let indented = line.starts_with([' ', '\t']);
        if !self.item.is_empty() && (indented || self.open.is_empty()) {
            self.item.push('\n');
            self.item.push_str(trimmed);
        } else {
            self.open.push_str(trimmed);
            self.open.push('\n');
        }
        Ok(())
    }

    fn comment(&mut self, lines: &[&str], at: usize, builder: &mut Builder) -> Result<usize, Fault> {
        let Some(inside) = whole_comment(lines[at]) else {
            // A comment over several lines, or one that never ends: skip what it covers, at most 200 lines.
            let last = lines.len().min(at + 200);
            let from = self.no_comment_end_before.max(at);
            let end = (from..last).find(|&line| lines[line].contains("-->"));
            if end.is_none() {
                self.no_comment_end_before = last;
            }
            return Ok(end.unwrap_or(at) + 1);
        };
        if let Some(number) = page_comment(inside) {
            self.flush(builder)?;
            builder.go_to_page(number)?;
        } else if let Some(label) = inside.trim().strip_prefix("PageNumber=") {
            builder.label(label.trim_matches(['"', ' ']))?;
        }
        Ok(at + 1)
    }

    fn flush(&mut self, builder: &mut Builder) -> Result<(), Fault> {
        let quote = std::mem::take(&mut self.quote);
        let item = std::mem::take(&mut self.item);
        let open = std::mem::take(&mut self.open);
        if !quote.is_empty() {
            let text = inline(&tidy(&quote));
            builder.push(if opens_as_warning(&text) {
                Block::Warning(text)
            } else {
                Block::Paragraph(text)
            })?;
        }
        if !item.is_empty() {
            builder.push(Block::Item(inline(&tidy(&item))))?;
        }
        if !open.is_empty() {
            // OCR output often carries numbered headings without marks; the plain reader knows them.
            for block in plain::blocks(&inline(&open)) {
                builder.push(block)?;
            }
        }
        Ok(())
    }
}

fn heading(line: &str) -> Option<(u8, String)> {
    let level = line.bytes().take_while(|&b| b == b'#').count();
    if !(1..=6).contains(&level) {
        return None;
    }
    let rest = &line[level..];
    (rest.is_empty() || rest.starts_with([' ', '\t']))
        .then(|| (level as u8, inline(rest.trim().trim_end_matches('#').trim())))
}

fn is_rule(line: &str) -> bool {
    let bare: String = line.chars().filter(|c| !c.is_whitespace()).collect();
    bare.len() >= 3
        && (bare.chars().all(|c| c == '-')
            || bare.chars().all(|c| c == '*')
            || bare.chars().all(|c| c == '_')
            || bare.chars().all(|c| c == '='))
}

fn item_text(line: &str) -> String {
    match line
        .strip_prefix("- ")
        .or_else(|| line.strip_prefix("* "))
        .or_else(|| line.strip_prefix("+ "))
    {
        Some(rest) => format!("· {}", rest.trim_start_matches("[ ] ").trim_start_matches("[x] ")),
        None => line.to_owned(),
    }
}

/// Takes marks of emphasis, code, links and images off.
fn inline(text: &str) -> String {
    static LINK: OnceLock<Regex> = OnceLock::new();
    static BREAK: OnceLock<Regex> = OnceLock::new();
    let link = LINK.get_or_init(|| {
        Regex::new(r"!?\[([^\[\]]*)\]\([^()\s]*\)").unwrap_or_else(|_| unreachable!("constant"))
    });
    let line_break =
        BREAK.get_or_init(|| Regex::new(r"(?i)<br\s*/?>").unwrap_or_else(|_| unreachable!("constant")));
    let text = link.replace_all(text, "$1");
    let text = line_break.replace_all(&text, " ");
    text.replace("**", "").replace("__", "").replace('`', "")
}

fn is_delimiter(line: &str) -> bool {
    let bare = line.trim();
    bare.contains('-')
        && bare.contains('|')
        && bare.chars().all(|c| matches!(c, '|' | '-' | ':' | ' ' | '\t'))
}

fn cells_of(line: &str) -> Vec<String> {
    let line = line.trim();
    let line = line.strip_prefix('|').unwrap_or(line);
    let line = line
        .strip_suffix('|')
        .filter(|rest| !rest.ends_with('\\'))
        .unwrap_or(line);
    let mut cells = vec![String::new()];
    let mut escaped = false;
    for c in line.chars() {
        if cells.len() > MOST_COLUMNS {
            break;
        }
        match c {
            '\\' if !escaped => escaped = true,
            '|' if !escaped => cells.push(String::new()),
            _ => {
                if let Some(cell) = cells.last_mut() {
                    if escaped && c != '|' {
                        cell.push('\\');
                    }
                    cell.push(c);
                }
                escaped = false;
            }
        }
    }
    cells.into_iter().map(|cell| inline(cell.trim())).collect()
}

fn pipe_table(lines: &[&str], at: usize, builder: &mut Builder) -> Result<usize, Fault> {
    let mut end = at;
    while end < lines.len() && lines[end].contains('|') && !lines[end].trim().is_empty() {
        end += 1;
    }
    let delimiter = (at..end.min(at + 2)).find(|&row| is_delimiter(lines[row]));
    let mut grid = Grid::new(builder.limits.table_cells);
    for (row, line) in lines[at..end].iter().enumerate() {
        if is_delimiter(line) {
            continue;
        }
        let title = delimiter.is_some_and(|delimiter| at + row < delimiter);
        grid.row(
            cells_of(line)
                .into_iter()
                .map(|text| Cell {
                    text,
                    columns: 1,
                    rows: 1,
                    title,
                })
                .collect(),
        );
    }
    if let Some(block) = grid.finish()? {
        builder.push(block)?;
    }
    Ok(end)
}

/// From `<table` to the line with `</table>`, a page mark or the end.
fn html_table(lines: &[&str], at: usize, builder: &mut Builder) -> Result<usize, Fault> {
    let mut end = at;
    let mut text = String::new();
    while end < lines.len() {
        let line = lines[end];
        if end > at && (page_rule(line) || whole_comment(line).and_then(page_comment).is_some()) {
            break;
        }
        text.push_str(line);
        text.push('\n');
        end += 1;
        if line.to_ascii_lowercase().contains("</table>") {
            break;
        }
    }
    for piece in html::pieces(&text, &builder.limits)? {
        if let html::Piece::Block(block) = piece {
            builder.push(block)?;
        }
    }
    Ok(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;

    fn parsed(text: &str) -> Document {
        let mut builder = Builder::new(crate::limits::Limits::default());
        parse(text, &mut builder).unwrap();
        builder.document
    }

    #[test]
    fn both_page_marks_number_the_pages() {
        let rule = "=".repeat(80);
        let document = parsed(&format!(
            "# 书\n\n{rule}\nPAGE 1\n{rule}\n甲\n\n{rule}\nPAGE 3\n{rule}\n丙\n"
        ));
        assert_eq!(document.pages.len(), 3);
        assert!(
            document.pages[1].blocks.is_empty()
                && document.pages[2].blocks == [Block::Paragraph("丙".into())]
        );
        let document = parsed("<!-- page 1 -->\n甲\n<!-- page 2 -->\n乙\n<!-- PageNumber=\"ii\" -->\n");
        assert_eq!(document.pages[1].label.as_deref(), Some("ii"));
        assert!(has_page_marks("a\n<!-- page 2 -->") && !has_page_marks("PAGE 3 of the book"));
    }

    #[test]
    fn tables_of_both_kinds_keep_header_and_cells() {
        let document = parsed(
            "| 代码 | 名称 |\n| --- | :-: |\n| E6 | a\\|b **通信** |\n\n<table>\n<tr><th>No.</th><th>Pantalla</th></tr>\n<tr><td rowspan=\"2\">1</td><td>E1</td></tr>\n<tr><td>E2</td></tr>\n</table>\n",
        );
        let tables: Vec<_> = document.pages[0]
            .blocks
            .iter()
            .filter_map(|b| if let Block::Table(t) = b { Some(t) } else { None })
            .collect();
        assert_eq!(tables[0].header, ["代码", "名称"]);
        assert_eq!(tables[0].rows, [["E6", "a|b 通信"]]);
        assert_eq!(tables[1].rows, [["1", "E1"], ["1", "E2"]]);
    }

    #[test]
    fn warnings_steps_and_emphasis() {
        let document = parsed(
            "> **警告：触电**\n> 等待 10 分钟\n\n1. 断电\n2. 拆板\n   取螺钉\n\n普通 **段落** [链接](http://x)\n",
        );
        assert_eq!(
            document.pages[0].blocks,
            [
                Block::Warning("警告：触电\n等待 10 分钟".into()),
                Block::Item("1. 断电".into()),
                Block::Item("2. 拆板\n取螺钉".into()),
                Block::Paragraph("普通 段落 链接".into()),
            ]
        );
    }
}
