//! HTML as a stream of tags: headings, paragraphs, lists, tables with merged cells. No tree is built, so that nesting costs
//! nothing, however deep.

use std::cell::RefCell;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};

use super::grid::{Cell, Grid};
use super::{Builder, Fault, OverLimit, Size, encoding, tidy};
use crate::document::{Block, opens_as_warning};
use crate::limits::Limits;

/// Parses a whole HTML file.
pub(super) fn parse(bytes: &[u8], builder: &mut Builder) -> Result<(), Fault> {
    let text = encoding::decode(bytes, declared_charset(bytes).as_deref());
    if encoding::looks_binary(&text) {
        return Err(Fault::NotText);
    }
    for piece in pieces(&text, &builder.limits)? {
        match piece {
            Piece::Block(block) => builder.push(block)?,
            Piece::Page(Some(number)) => builder.go_to_page(number)?,
            Piece::Page(None) => builder.next_page()?,
        }
    }
    Ok(())
}

/// What an HTML stream gives.
#[derive(Debug)]
pub(super) enum Piece {
    Block(Block),
    /// A page mark (with its number) or a page break.
    Page(Option<u32>),
}

/// Blocks and page marks of an HTML text, in order.
pub(super) fn pieces(html: &str, limits: &Limits) -> Result<Vec<Piece>, Fault> {
    check_attributes(html, limits.tag_attributes)?;
    let sink = Sink {
        state: RefCell::new(State::new(limits)),
    };
    let tokenizer = Tokenizer::new(sink, TokenizerOpts::default());
    let queue = BufferQueue::default();
    queue.push_back(StrTendril::from_slice(html));
    let _ = tokenizer.feed(&queue);
    tokenizer.end();
    let mut state = tokenizer.sink.state.into_inner();
    state.close_everything();
    state.fault.map_or(Ok(state.out), Err)
}

/// Refuses a tag with more attributes than allowed: the tokenizer compares each with all before it.
///
/// Blanks outside quotes are counted, up to the tag's end; the insides of scripts and styles are passed over.
fn check_attributes(html: &str, most: usize) -> Result<(), Fault> {
    let bytes = html.as_bytes();
    let mut at = 0;
    while let Some(open) = memchr::memchr(b'<', &bytes[at.min(bytes.len())..]) {
        let start = at + open + 1;
        at = start;
        if !bytes
            .get(start)
            .is_some_and(|b| b.is_ascii_alphabetic() || *b == b'/')
        {
            continue;
        }
        let (mut quote, mut parts, mut blank, mut value) = (None, 0, false, false);
        while let Some(&b) = bytes.get(at) {
            at += 1;
            match (quote, b) {
                (None, b'>') => break,
                // Elsewhere a quotation mark is part of a name.
                (None, b'"' | b'\'') if value => quote = Some(b),
                (Some(open), _) if open == b => quote = None,
                (None, b' ' | b'\t' | b'\n' | b'\r' | 0x0c | b'/' | b'"' | b'\'') => {
                    parts += usize::from(!blank);
                }
                _ => {}
            }
            blank = matches!(b, b' ' | b'\t' | b'\n' | b'\r' | 0x0c | b'/');
            value = quote.is_none() && (b == b'=' || (value && blank));
            if parts > most {
                return Err(Fault::Over(OverLimit {
                    limit: "tag_attributes",
                    max: most as u64,
                    actual: parts as u64,
                }));
            }
        }
        at = after_raw_text(bytes, start, at);
    }
    Ok(())
}

/// Where reading goes on behind the tag at `start`: behind the end tag of an element whose inside is no HTML.
fn after_raw_text(bytes: &[u8], start: usize, at: usize) -> usize {
    let raw = ["script", "style", "textarea", "title"].into_iter().find(|name| {
        let end = start + name.len();
        bytes
            .get(start..end)
            .is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes()))
            && bytes.get(end).is_some_and(|b| !b.is_ascii_alphanumeric())
    });
    let Some(name) = raw else { return at };
    let mut from = at;
    while let Some(found) = memchr::memmem::find(&bytes[from..], b"</") {
        let tag = from + found + 2;
        let end = tag + name.len();
        if bytes
            .get(tag..end)
            .is_some_and(|t| t.eq_ignore_ascii_case(name.as_bytes()))
        {
            return end;
        }
        from = tag;
    }
    bytes.len()
}

/// The charset of `<meta charset=…>` or `<meta http-equiv … charset=…>` in the first 2 KiB.
fn declared_charset(bytes: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(2048)]).to_ascii_lowercase();
    let after = head.split("charset=").nth(1)?;
    let label: String = after
        .trim_start_matches(['"', '\'', ' '])
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        .collect();
    (!label.is_empty()).then_some(label)
}

struct Sink {
    state: RefCell<State>,
}

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut state = self.state.borrow_mut();
        if state.fault.is_some() {
            return TokenSinkResult::Continue;
        }
        match token {
            Token::CharacterTokens(text) => state.text(&text),
            Token::CommentToken(text) => state.comment(&text),
            Token::TagToken(tag) => return state.tag(&tag),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

/// A table being read.
struct OpenTable {
    grid: Grid,
    row: Vec<Cell>,
    cell: Option<Cell>,
}

struct State {
    out: Vec<Piece>,
    text: String,
    heading: Option<u8>,
    /// Counters of open lists: `Some(n)` numbered, `None` bulleted.
    lists: Vec<Option<u32>>,
    item: Option<String>,
    tables: Vec<OpenTable>,
    /// Tables open inside a cell: their text belongs to that cell.
    nested: usize,
    warning_depth: usize,
    hidden: bool,
    preformatted: bool,
    limits: Limits,
    chars: u64,
    blocks: u64,
    /// The limit that was passed; nothing more is read then.
    fault: Option<Fault>,
}

impl State {
    fn new(limits: &Limits) -> Self {
        Self {
            out: Vec::new(),
            text: String::new(),
            heading: None,
            lists: Vec::new(),
            item: None,
            tables: Vec::new(),
            nested: 0,
            warning_depth: 0,
            hidden: false,
            preformatted: false,
            limits: *limits,
            chars: 0,
            blocks: 0,
            fault: None,
        }
    }

    /// Counts a piece against the limits here, before thousands of them are handed on.
    fn put(&mut self, piece: Piece) {
        let size = match &piece {
            Piece::Block(block) => Size::of(block),
            Piece::Page(_) => Size { chars: 0, blocks: 1 },
        };
        self.chars += size.chars;
        self.blocks += size.blocks;
        for (limit, max, actual) in [
            ("text_chars", self.limits.text_chars, self.chars),
            ("blocks", self.limits.blocks, self.blocks),
        ] {
            if actual > max && self.fault.is_none() {
                self.fault = Some(Fault::Over(OverLimit { limit, max, actual }));
            }
        }
        if self.fault.is_none() {
            self.out.push(piece);
        }
    }

    fn text(&mut self, text: &str) {
        if self.hidden {
            return;
        }
        let target = match self.tables.last_mut() {
            Some(OpenTable { cell: Some(cell), .. }) => &mut cell.text,
            Some(_) => return,
            None => &mut self.text,
        };
        if self.preformatted {
            target.push_str(text);
        } else {
            // Line breaks of the source are blanks.
            target.extend(text.chars().map(|c| if c == '\n' || c == '\r' { ' ' } else { c }));
        }
    }

    fn comment(&mut self, text: &str) {
        if let Some(number) = super::markdown::page_comment(text) {
            self.flush();
            self.put(Piece::Page(Some(number)));
        }
    }

    fn tag(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        let name: &str = &tag.name;
        let opening = tag.kind == TagKind::StartTag;
        match name {
            "script" | "style" | "noscript" | "template" => {
                self.hidden = opening;
                if opening && !tag.self_closing && matches!(name, "script" | "style") {
                    let raw = if name == "script" {
                        RawKind::ScriptData
                    } else {
                        RawKind::Rawtext
                    };
                    return TokenSinkResult::RawData(raw);
                }
            }
            "title" | "textarea" => {
                self.hidden = opening;
                if opening {
                    return TokenSinkResult::RawData(RawKind::Rcdata);
                }
            }
            "head" => {}
            "table" if opening => self.open_table(),
            "table" => self.close_table(),
            "tr" | "td" | "th" if self.nested > 0 => self.text_break(),
            "tr" if !self.tables.is_empty() => self.close_row(),
            "td" | "th" if !self.tables.is_empty() => self.cell(tag, opening),
            "br" => self.text_break(),
            "pre" => {
                self.block_boundary();
                self.preformatted = opening;
            }
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" if self.tables.is_empty() => {
                self.flush();
                self.heading = opening.then(|| name.as_bytes()[1] - b'0');
            }
            "ol" | "ul" if self.tables.is_empty() => self.list(name, opening),
            "li" if self.tables.is_empty() => {
                self.flush();
                self.item = opening.then(|| self.marker());
            }
            "p" | "div" | "section" | "article" | "aside" | "main" | "header" | "footer" | "nav"
            | "blockquote" | "dl" | "dt" | "dd" | "figure" | "figcaption" | "body" | "html" | "form"
            | "fieldset" | "hr" | "address" | "tr" | "caption" => {
                self.block_boundary();
                self.page_break(tag, opening);
                self.warning(tag, opening);
            }
            _ => {}
        }
        TokenSinkResult::Continue
    }

    fn text_break(&mut self) {
        match self.tables.last_mut() {
            Some(OpenTable { cell: Some(cell), .. }) => cell.text.push(' '),
            Some(_) => {}
            None => self.text.push('\n'),
        }
    }

    fn block_boundary(&mut self) {
        if self.tables.is_empty() {
            self.flush();
        } else if let Some(OpenTable { cell: Some(cell), .. }) = self.tables.last_mut() {
            cell.text.push(' ');
        }
    }

    fn page_break(&mut self, tag: &Tag, opening: bool) {
        let breaks = opening
            && attribute(tag, "style").is_some_and(|style| {
                let style = style.replace(' ', "").to_ascii_lowercase();
                [
                    "page-break-before:always",
                    "page-break-after:always",
                    "break-before:page",
                    "break-after:page",
                ]
                .iter()
                .any(|rule| style.contains(rule))
            });
        if breaks && self.tables.is_empty() {
            self.put(Piece::Page(None));
        }
    }

    fn warning(&mut self, tag: &Tag, opening: bool) {
        if opening
            && (self.warning_depth > 0 || attribute(tag, "class").is_some_and(|class| warning_class(&class)))
        {
            self.warning_depth = (self.warning_depth + 1).min(self.limits.html_depth);
        } else if !opening {
            self.warning_depth = self.warning_depth.saturating_sub(1);
        }
    }

    fn list(&mut self, name: &str, opening: bool) {
        self.flush();
        if opening && self.lists.len() < self.limits.html_depth {
            self.lists.push((name == "ol").then_some(0));
        } else if !opening {
            self.lists.pop();
        }
    }

    fn marker(&mut self) -> String {
        match self.lists.last_mut() {
            Some(Some(count)) => {
                *count += 1;
                format!("{count}. ")
            }
            _ => "· ".to_owned(),
        }
    }

    fn open_table(&mut self) {
        if self.tables.is_empty() {
            self.flush();
            self.tables.push(OpenTable {
                grid: Grid::new(self.limits.table_cells),
                row: Vec::new(),
                cell: None,
            });
        } else {
            self.nested += 1;
            self.text_break();
        }
    }

    fn cell(&mut self, tag: &Tag, opening: bool) {
        let Some(table) = self.tables.last_mut() else {
            return;
        };
        if let Some(cell) = table.cell.take() {
            table.row.push(cell);
        }
        if opening {
            let span = |name: &str| {
                attribute(tag, name)
                    .and_then(|value| value.trim().parse().ok())
                    .unwrap_or(1)
            };
            table.cell = Some(Cell {
                text: String::new(),
                columns: span("colspan"),
                rows: span("rowspan"),
                title: &*tag.name == "th",
            });
        }
    }

    fn close_row(&mut self) {
        let Some(table) = self.tables.last_mut() else {
            return;
        };
        if let Some(cell) = table.cell.take() {
            table.row.push(cell);
        }
        if !table.row.is_empty() {
            let row = std::mem::take(&mut table.row);
            table.grid.row(row);
        }
    }

    fn close_table(&mut self) {
        if self.nested > 0 {
            self.nested -= 1;
            return;
        }
        self.close_row();
        match self.tables.pop().map(|table| table.grid.finish()) {
            Some(Ok(Some(block))) => self.put(Piece::Block(block)),
            Some(Err(fault)) => self.fault = self.fault.take().or(Some(fault)),
            Some(Ok(None)) | None => {}
        }
    }

    fn flush(&mut self) {
        let text = tidy(&std::mem::take(&mut self.text));
        if text.is_empty() {
            return;
        }
        let block = if let Some(level) = self.heading {
            Block::Heading {
                level,
                text: text.replace('\n', " "),
            }
        } else if self.warning_depth > 0 || opens_as_warning(&text) {
            Block::Warning(text)
        } else if let Some(marker) = self.item.take() {
            Block::Item(format!("{marker}{text}"))
        } else {
            Block::Paragraph(text)
        };
        self.put(Piece::Block(block));
    }

    fn close_everything(&mut self) {
        self.nested = 0;
        while !self.tables.is_empty() {
            self.close_table();
        }
        self.flush();
    }
}

fn warning_class(class: &str) -> bool {
    let class = class.to_ascii_lowercase();
    ["warning", "danger", "caution"].iter().any(|word| {
        class
            .split_whitespace()
            .any(|c| c == *word || c.ends_with(&format!("-{word}")))
    })
}

fn attribute(tag: &Tag, name: &str) -> Option<String> {
    tag.attrs
        .iter()
        .find(|a| &*a.name.local == name)
        .map(|a| a.value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(html: &str) -> Vec<Block> {
        pieces(html, &Limits::default())
            .unwrap()
            .into_iter()
            .filter_map(|piece| match piece {
                Piece::Block(block) => Some(block),
                Piece::Page(_) => None,
            })
            .collect()
    }

    #[test]
    fn headings_lists_and_tables_come_out_in_order() {
        let found = blocks(
            "<html><head><title>x</title><style>p{}</style></head><body><h2>检修 E6</h2><p>先&nbsp;断电。</p>\
             <ol><li>拆面板</li><li>测电压</li></ol><table><tr><th>代码</th><th>名称</th></tr><tr><td>E6</td><td>通信故障</td></tr></table>\
             <script>alert('<p>no</p>')</script>",
        );
        assert_eq!(
            found[0],
            Block::Heading {
                level: 2,
                text: "检修 E6".into()
            }
        );
        assert_eq!(found[1], Block::Paragraph("先 断电。".into()));
        assert_eq!(
            found[2..4],
            [Block::Item("1. 拆面板".into()), Block::Item("2. 测电压".into())]
        );
        let Block::Table(table) = &found[4] else {
            panic!("{found:?}")
        };
        assert_eq!(
            (table.header[0].as_str(), table.rows[0][1].as_str()),
            ("代码", "通信故障")
        );
        assert_eq!(found.len(), 5);
    }

    #[test]
    fn a_hundred_thousand_open_elements_are_only_slow_to_write() {
        let html = format!(
            "{}深处的字{}",
            "<div><table><tr><td>".repeat(100_000),
            "</div>".repeat(100_000)
        );
        assert!(format!("{:?}", blocks(&html)).contains("深处的字"));
    }

    #[test]
    fn unclosed_tables_and_tags_lose_no_text() {
        let found = blocks("<table><tr><td>甲<td>乙<tr><td>丙");
        assert!(format!("{found:?}").contains("丙"), "{found:?}");
        assert_eq!(
            blocks("<p class='alert-warning'>高压"),
            [Block::Warning("高压".into())]
        );
    }

    #[test]
    fn attributes_are_counted_and_scripts_are_not() {
        let over = |html: &str| check_attributes(html, 5).is_err();
        assert!(!over(
            "<p a=1 b=2 c='x y z w v u t' d e>text with many words in it"
        ));
        assert!(over("<p a b c d e f>"));
        assert!(over("<p a=1\tb=2\nc=3/d=4/e=5/f=6>"));
        assert!(!over("<script>if (a <b && c d e f g h i j k l) {}</script><p a>"));
        assert!(over("<script></script><p a b c d e f"));
        assert!(over("<p \" a b c d e f g"));
        assert!(!over("1 < 2 und 3 <4 a b c d e f g h"));
    }
}
