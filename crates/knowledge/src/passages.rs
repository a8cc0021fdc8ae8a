//! [`Document`] → passages by structure.
//!
//! A table row is a passage with its header repeated, a list of steps stays together, running text is gathered to 120–500
//! characters within its section and page. Everything on a page is in some passage, so that whatever is printed can be cited.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shifu_domain::text::is_han;
use shifu_domain::{BoundingBox, DocumentId, Passage, PassageId, Span};

use crate::document::{Block, Document, Table};
use crate::terms;

/// Text is gathered up to this many characters …
const ENOUGH_CHARS: usize = 120;
/// … and cut above this.
const MOST_CHARS: usize = 500;
/// A list of steps is kept in one piece up to this.
const MOST_LIST_CHARS: usize = 1200;
/// Characters of a table row; longer ones are cut into passages like text.
const MOST_ROW_CHARS: usize = 1500;
/// Characters of a table's header that is repeated with each row.
const MOST_HEADER_CHARS: usize = 1000;
/// Characters of a numbered heading without a mark.
const MOST_HEADING_CHARS: usize = 160;
/// Headings kept of a section path.
const MOST_HEADINGS: usize = 6;
/// Safety warnings attached to a passage.
const MOST_WARNINGS: usize = 3;

/// What kind of text a passage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Text,
    Steps,
    Row,
    /// A heading by itself.
    Heading,
    Warning,
    /// A table of contents: points to content, is none.
    Contents,
}

/// A passage as stored in the index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredPassage {
    pub passage: Passage,
    pub title: String,
    pub kind: Kind,
    /// Column titles of a row; empty when the table has none.
    #[serde(default)]
    pub header: Vec<String>,
    /// Cells of a row.
    #[serde(default)]
    pub cells: Vec<String>,
    /// Warnings of the same section.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Exact terms of text and section.
    #[serde(default)]
    pub exact: Vec<String>,
}

impl StoredPassage {
    /// Headings joined as citations show them.
    pub(crate) fn section(&self) -> String {
        self.passage.section.join(" › ")
    }
}

/// A passage without identity: its place and text.
struct Draft {
    page: u32,
    label: Option<String>,
    section: Vec<String>,
    text: String,
    span: Span,
    area: Option<BoundingBox>,
    kind: Kind,
    header: Vec<String>,
    cells: Vec<String>,
    codes: Vec<String>,
}

/// Cuts a document.
pub(crate) fn cut(document: &Document, id: &DocumentId, title: &str) -> Vec<StoredPassage> {
    let mut cutter = Cutter {
        headings: Vec::new(),
        drafts: Vec::new(),
        open: Open::default(),
        page: 1,
        label: None,
        position: 0,
        boxes: Vec::new(),
    };
    for (at, page) in document.pages.iter().enumerate() {
        cutter.page = u32::try_from(at + 1).unwrap_or(u32::MAX);
        cutter.label.clone_from(&page.label);
        cutter.position = 0;
        let first = cutter.drafts.len();
        for (at, block) in page.blocks.iter().enumerate() {
            cutter.block(block, page.areas.get(at).map_or(&[], Vec::as_slice));
        }
        cutter.end_page(first);
    }
    cutter.close_code_heading(None);
    stored(cutter.drafts, id, title)
}

fn stored(drafts: Vec<Draft>, id: &DocumentId, title: &str) -> Vec<StoredPassage> {
    let attached: Vec<Vec<String>> = {
        let warnings = Warnings::of(&drafts);
        drafts.iter().map(|draft| warnings.attached_to(draft)).collect()
    };
    drafts
        .into_iter()
        .zip(attached)
        .enumerate()
        .map(|(number, (draft, warnings))| {
            let with_section = format!(
                "{}\n{}",
                draft.section.last().map_or("", String::as_str),
                draft.text
            );
            let exact = terms::exact_terms(&with_section, &draft.codes)
                .into_iter()
                .collect();
            StoredPassage {
                passage: Passage {
                    passage_id: PassageId(format!("{}-{number}", id.0)),
                    document_id: id.clone(),
                    page: draft.page,
                    page_label: draft.label,
                    section: draft.section,
                    text: draft.text,
                    span: draft.span,
                    area: draft.area,
                },
                title: title.to_owned(),
                kind: draft.kind,
                header: draft.header,
                cells: draft.cells,
                warnings,
                exact,
            }
        })
        .collect()
}

/// The warnings of a document by section; those without one by page. Looked up, as there may be as many as passages.
struct Warnings<'a> {
    by_place: BTreeMap<WarningPlace<'a>, Vec<(usize, &'a str)>>,
}

/// A section; for text without one the page.
type WarningPlace<'a> = (&'a [String], u32);

impl<'a> Warnings<'a> {
    fn of(drafts: &'a [Draft]) -> Self {
        let mut by_place: BTreeMap<_, Vec<(usize, &str)>> = BTreeMap::new();
        for (at, draft) in drafts.iter().enumerate().filter(|(_, d)| d.kind == Kind::Warning) {
            let found = by_place.entry(Self::place(draft)).or_default();
            // One more than is attached, as a warning is not attached to itself.
            if found.len() <= MOST_WARNINGS && found.iter().all(|(_, text)| *text != draft.text) {
                found.push((at, &draft.text));
            }
        }
        Self { by_place }
    }

    fn place(draft: &Draft) -> WarningPlace<'_> {
        let page = if draft.section.is_empty() { draft.page } else { 0 };
        (&draft.section, page)
    }

    /// The first warnings of the draft's section and of the one around it.
    fn attached_to(&self, draft: &Draft) -> Vec<String> {
        let own = self.by_place.get(&Self::place(draft));
        let around = draft.section.split_last().map(|(_, around)| around);
        let parent = around
            .filter(|around| around.len() >= 2)
            .and_then(|around| self.by_place.get(&(around, 0)));
        let mut found: Vec<&(usize, &str)> = own.into_iter().chain(parent).flatten().collect();
        found.sort_unstable();
        found
            .into_iter()
            .map(|(_, text)| *text)
            .filter(|text| *text != draft.text)
            .take(MOST_WARNINGS)
            .map(str::to_owned)
            .collect()
    }
}

/// Text being gathered.
#[derive(Default)]
struct Open {
    text: String,
    chars: usize,
    start: usize,
    steps: bool,
}

struct Cutter {
    /// (level, text), outermost first, levels ascending.
    headings: Vec<(u8, String)>,
    drafts: Vec<Draft>,
    open: Open,
    page: u32,
    label: Option<String>,
    /// Characters of the page's text so far; blocks are joined by a line break.
    position: usize,
    /// Boxes of the page's lines and table rows, where known, with the character of its text they begin at, ascending.
    boxes: Vec<(usize, Option<BoundingBox>)>,
}

impl Cutter {
    /// `areas` are those of [`crate::document::Page`].
    fn block(&mut self, block: &Block, areas: &[(usize, BoundingBox)]) {
        if !matches!(block, Block::Table(_)) {
            let start = self.position;
            if areas.is_empty() {
                self.boxes.push((start, None));
            }
            self.boxes
                .extend(areas.iter().map(|&(at, area)| (start + at, Some(area))));
        }
        match block {
            Block::Heading { level, text } => self.heading(*level, text),
            Block::Paragraph(text) => match self.next_in_number(text) {
                Some(level) => self.heading(level, text),
                None => self.running(text, false),
            },
            Block::Item(text) => self.running(text, true),
            Block::Warning(text) => {
                self.close();
                let start = self.position;
                self.advance(text);
                self.text_drafts(text, start, Kind::Warning);
            }
            Block::Table(table) => {
                self.close();
                self.table(table, areas);
            }
        }
    }

    fn advance(&mut self, text: &str) {
        self.position += text.chars().count() + 1;
    }

    /// The level of a heading that goes on counting where the ones above stopped (`3.2.17 P9 --- …` below `3.2.16 P8 --- …`): text
    /// recognisers leave the marks of some of them out.
    fn next_in_number(&self, text: &str) -> Option<u8> {
        let chars = text.chars().count();
        let (number, words) = section_number(text)?;
        let letters = words.chars().filter(|c| c.is_alphabetic()).count();
        let headline = words.starts_with(|c: char| c.is_uppercase() || is_han(c)) && letters >= 4;
        if chars > MOST_HEADING_CHARS || !headline {
            return None;
        }
        self.headings.iter().rev().find_map(|(level, heading)| {
            let (before, _) = section_number(heading)?;
            follows(&before, &number).then_some(*level)
        })
    }

    /// A heading that says what a code is, with nothing but a picture below it, is all that the manual has to say about the code.
    fn close_code_heading(&mut self, next: Option<u8>) {
        let Some((level, _)) = self.headings.last() else {
            return;
        };
        if let Some(last) = self.drafts.last_mut()
            && last.kind == Kind::Heading
            && next.is_none_or(|next| next <= *level)
            && says_what_a_code_is(&last.text)
        {
            last.kind = Kind::Text;
        }
    }

    fn heading(&mut self, level: u8, text: &str) {
        self.close();
        self.close_code_heading(Some(level));
        self.headings.retain(|(other, _)| *other < level);
        if self.headings.len() < MOST_HEADINGS {
            self.headings.push((level, text.chars().take(120).collect()));
        }
        // The heading itself is a passage too: a page may hold nothing but a title and a figure.
        let start = self.position;
        self.advance(text);
        self.open = Open {
            text: String::new(),
            chars: 0,
            start,
            steps: false,
        };
        if text.chars().count() <= MOST_CHARS {
            self.draft(text.to_owned(), start, Kind::Heading);
        } else {
            self.text_drafts(text, start, Kind::Text);
        }
    }

    fn running(&mut self, text: &str, step: bool) {
        let length = text.chars().count();
        let lead_in = step
            && !self.open.steps
            && self.open.text.ends_with(['：', ':'])
            && self.open.chars < ENOUGH_CHARS;
        let full = self.open.chars + length
            > if step && self.open.steps {
                MOST_LIST_CHARS
            } else {
                MOST_CHARS
            };
        let other_kind = step != self.open.steps && !lead_in;
        let enough = !step && self.open.chars >= ENOUGH_CHARS;
        if !self.open.text.is_empty() && (full || other_kind || enough) {
            self.close();
        }
        if self.open.text.is_empty() {
            self.open.start = self.position;
        } else {
            self.open.text.push('\n');
            self.open.chars += 1;
        }
        self.open.steps = step;
        self.open.text.push_str(text);
        self.open.chars += length;
        self.advance(text);
    }

    fn close(&mut self) {
        let open = std::mem::take(&mut self.open);
        if !open.text.is_empty() {
            let kind = if open.steps { Kind::Steps } else { Kind::Text };
            if open.steps && open.chars <= MOST_LIST_CHARS {
                self.draft(open.text, open.start, kind);
            } else {
                self.text_drafts(&open.text, open.start, kind);
            }
        }
    }

    /// Ends a page whose drafts begin with number `first`.
    fn end_page(&mut self, first: usize) {
        self.close();
        let boxes = std::mem::take(&mut self.boxes);
        for draft in &mut self.drafts[first..] {
            draft.area = area(&boxes, draft.span);
        }
    }

    fn text_drafts(&mut self, text: &str, start: usize, kind: Kind) {
        for (offset, piece) in split(text, MOST_CHARS) {
            self.draft(piece, start + offset, kind);
        }
    }

    fn draft(&mut self, text: String, start: usize, kind: Kind) {
        let span = Span {
            start,
            end: start + text.chars().count(),
        };
        let section: Vec<String> = self.headings.iter().map(|(_, text)| text.clone()).collect();
        let kind = if reads_as_contents(&section, &text) {
            Kind::Contents
        } else {
            kind
        };
        self.drafts.push(Draft {
            page: self.page,
            label: self.label.clone(),
            section,
            text,
            span,
            area: None,
            kind,
            header: Vec::new(),
            cells: Vec::new(),
            codes: Vec::new(),
        });
    }

    fn table(&mut self, table: &Table, areas: &[(usize, BoundingBox)]) {
        let head = joined(&table.header);
        let offset = usize::from(!table.header.is_empty());
        let header = areas.iter().filter(|(at, _)| *at < offset);
        self.boxes
            .extend(header.map(|&(_, area)| (self.position, Some(area))));
        let rows: BTreeMap<usize, BoundingBox> = areas
            .iter()
            .filter(|(at, _)| *at >= offset)
            .map(|&(at, area)| (at - offset, area))
            .collect();
        if table.rows.is_empty() && !head.is_empty() {
            let start = self.position;
            self.advance(&head);
            self.text_drafts(&head, start, Kind::Text);
            return;
        }
        if !head.is_empty() {
            self.advance(&head);
        }
        if head.chars().count() > MOST_HEADER_CHARS {
            // Repeated with each row it would be most of the index.
            let start = self.position - head.chars().count() - 1;
            self.text_drafts(&head, start, Kind::Text);
            return self.table_rows(&[], "", &table.rows, &rows);
        }
        self.table_rows(&table.header, &head, &table.rows, &rows);
    }

    fn table_rows(
        &mut self,
        header: &[String],
        head: &str,
        rows: &[Vec<String>],
        areas: &BTreeMap<usize, BoundingBox>,
    ) {
        for (at, row) in rows.iter().enumerate() {
            let line = joined(row);
            if line.is_empty() {
                continue;
            }
            let start = self.position;
            self.boxes.push((start, areas.get(&at).copied()));
            self.advance(&line);
            if line.chars().count() > MOST_ROW_CHARS {
                self.text_drafts(&line, start, Kind::Text);
                continue;
            }
            let text = if head.is_empty() {
                line.clone()
            } else {
                format!("{head}\n{line}")
            };
            self.draft(text, start, Kind::Row);
            if let Some(draft) = self.drafts.last_mut() {
                draft.span = Span {
                    start,
                    end: start + line.chars().count(),
                };
                draft.header = header.to_vec();
                draft.cells.clone_from(row);
                draft.codes = header
                    .iter()
                    .zip(row)
                    .flat_map(|(title, cell)| terms::codes_under(title, cell))
                    .collect();
                let page_numbers = row
                    .last()
                    .is_some_and(|cell| !cell.is_empty() && cell.bytes().all(|b| b.is_ascii_digit()));
                if head.is_empty() && page_numbers && reads_as_contents_heading(&draft.section) {
                    draft.kind = Kind::Contents;
                }
            }
        }
    }
}

/// The box around the lines that a span of the page's text reaches into.
fn area(boxes: &[(usize, Option<BoundingBox>)], span: Span) -> Option<BoundingBox> {
    // The line that the span begins in may begin before it.
    let first = boxes
        .partition_point(|(start, _)| *start <= span.start)
        .saturating_sub(1);
    let boxes = boxes[first..]
        .iter()
        .take_while(|(start, _)| *start < span.end)
        .filter_map(|(_, area)| *area);
    boxes.reduce(|a, b| {
        let (x, y) = (a.x.min(b.x), a.y.min(b.y));
        BoundingBox {
            x,
            y,
            width: (a.x + a.width).max(b.x + b.width) - x,
            height: (a.y + a.height).max(b.y + b.height) - y,
        }
    })
}

/// The cells of a row on one line; merged cells only once, empty ones left out.
pub(crate) fn joined(cells: &[String]) -> String {
    let mut out: Vec<&str> = Vec::new();
    for (at, cell) in cells.iter().enumerate() {
        let repeats = at > 0 && cells[at - 1] == *cell && cell.chars().count() > 8;
        if !cell.is_empty() && !repeats {
            out.push(cell);
        }
    }
    out.join("  ")
}

/// `3.2.16 P8 --- …` to its numbers and what follows; only numbers of two levels and more.
fn section_number(text: &str) -> Option<(Vec<u32>, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, words) = text.split_at(end);
    let parts: Vec<u32> = number
        .split('.')
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    (parts.len() >= 2 && words.starts_with([' ', '\u{3000}'])).then(|| (parts, words.trim_start()))
}

/// Whether a section number comes next after another one of its level.
fn follows(before: &[u32], number: &[u32]) -> bool {
    match (before.split_last(), number.split_last()) {
        (Some((last, around)), Some((next, within))) => {
            around == within && last.checked_add(1) == Some(*next)
        }
        _ => false,
    }
}

/// `E3. El sensor … es anormal`: a code and words about it.
fn says_what_a_code_is(heading: &str) -> bool {
    let first = heading
        .split([' ', '.', ':', '：', '-', '—', '、'])
        .next()
        .unwrap_or_default();
    let is_code = matches!(&terms::tokens(first)[..], [token] if token.shape == terms::Shape::Code);
    let words = &heading[first.len()..];
    is_code && words.chars().filter(|c| c.is_alphabetic()).count() >= 4
}

fn reads_as_contents_heading(section: &[String]) -> bool {
    section.last().is_some_and(|heading| {
        let bare: String = crate::analysis::fold(heading)
            .chars()
            .filter(|c| c.is_alphanumeric())
            .collect();
        [
            "目录",
            "contents",
            "tableofcontents",
            "contenido",
            "contenidos",
            "indice",
        ]
        .iter()
        .any(|name| bare.starts_with(name) || bare.ends_with(name))
    })
}

/// A table of contents: dotted leaders to page numbers on most lines.
fn reads_as_contents(section: &[String], text: &str) -> bool {
    let lines: Vec<&str> = text.lines().collect();
    let leaders = lines
        .iter()
        .filter(|line| line.contains(".....") || line.contains("……") || line.contains("····"))
        .count();
    leaders * 2 > lines.len() || (reads_as_contents_heading(section) && leaders > 0)
}

/// Cuts a text at sentence ends into pieces of at most `most` characters; gives each with its offset in characters. Joined, the
/// pieces are the text.
fn split(text: &str, most: usize) -> Vec<(usize, String)> {
    let chars: Vec<char> = text.chars().collect();
    let mut pieces = Vec::new();
    let mut start = 0;
    while chars.len() - start > most {
        let window = &chars[start..start + most];
        let end_of = |ends: &[char]| {
            window
                .iter()
                .rposition(|c| ends.contains(c))
                .map(|at| at + 1)
                .filter(|&end| end * 4 >= most)
        };
        let end = end_of(&['。', '！', '？', '；', '\n', '!', '?', ';'])
            .or_else(|| {
                window
                    .windows(2)
                    .rposition(|two| two[0] == '.' && two[1] == ' ')
                    .map(|at| at + 1)
                    .filter(|&end| end * 4 >= most)
            })
            .or_else(|| end_of(&['，', '、', ',', ' ']))
            .unwrap_or(most);
        pieces.push((start, chars[start..start + end].iter().collect()));
        start += end;
    }
    if start < chars.len() {
        pieces.push((start, chars[start..].iter().collect()));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Page;

    fn document(blocks: Vec<Block>) -> Document {
        Document {
            pages: vec![Page {
                blocks,
                ..Page::default()
            }],
            skipped: Vec::new(),
        }
    }

    fn cut_blocks(blocks: Vec<Block>) -> Vec<StoredPassage> {
        cut(&document(blocks), &DocumentId("d".into()), "书")
    }

    #[test]
    fn a_heading_without_its_mark_goes_on_counting() {
        let found = cut_blocks(vec![
            Block::Heading {
                level: 4,
                text: "3.2.16 P8 --- Protección".into(),
            },
            Block::Paragraph("La IDU muestra el código P8.".into()),
            Block::Paragraph("3.2.17 P9 --- La protección de conducción".into()),
            Block::Paragraph("Al arrancar el compresor.".into()),
            Block::Paragraph("3.2.20 V de tensión".into()),
        ]);
        let last = found.last().unwrap();
        assert_eq!(last.section(), "3.2.17 P9 --- La protección de conducción");
        assert_eq!(
            last.passage.text,
            "Al arrancar el compresor.\n3.2.20 V de tensión"
        );
    }

    #[test]
    fn a_code_heading_over_a_picture_is_what_is_said_of_the_code() {
        let heading = |level: u8, text: &str| Block::Heading {
            level,
            text: text.into(),
        };
        let kinds: Vec<Kind> = cut_blocks(vec![
            heading(2, "E3. El sensor del condensador es anormal"),
            heading(2, "E4. Fallas en el suministro"),
            Block::Paragraph("Mida la tensión.".into()),
            heading(2, "Instalación"),
            heading(2, "E5：通讯故障"),
        ])
        .into_iter()
        .map(|passage| passage.kind)
        .collect();
        assert_eq!(
            kinds,
            [Kind::Text, Kind::Heading, Kind::Text, Kind::Heading, Kind::Text]
        );
    }

    #[test]
    fn a_row_carries_header_heading_and_codes() {
        let found = cut_blocks(vec![
            Block::Heading {
                level: 1,
                text: "故障代码".into(),
            },
            Block::Table(Table {
                header: vec!["代码".into(), "名称".into()],
                rows: vec![vec!["LE".into(), "压缩机堵转".into()]],
            }),
        ]);
        let row = found.iter().find(|p| p.kind == Kind::Row).unwrap();
        assert_eq!(row.passage.text, "代码  名称\nLE  压缩机堵转");
        assert_eq!(row.section(), "故障代码");
        assert!(row.exact.contains(&"c:LE".to_owned()));
    }

    #[test]
    fn steps_stay_together_with_their_lead_in() {
        let found = cut_blocks(vec![
            Block::Paragraph("按下列步骤：".into()),
            Block::Item("1. 断电".into()),
            Block::Item("2. 拆板".into()),
            Block::Paragraph("完成后通电。".into()),
        ]);
        let texts: Vec<&str> = found.iter().map(|p| p.passage.text.as_str()).collect();
        assert_eq!(texts, ["按下列步骤：\n1. 断电\n2. 拆板", "完成后通电。"]);
    }

    #[test]
    fn pieces_of_a_long_text_join_to_the_text() {
        let text = "这是一句话。".repeat(300) + &"无标点".repeat(400);
        let pieces = split(&text, MOST_CHARS);
        assert!(
            pieces
                .iter()
                .all(|(_, piece)| piece.chars().count() <= MOST_CHARS)
        );
        assert_eq!(
            pieces.iter().map(|(_, piece)| piece.as_str()).collect::<String>(),
            text
        );
        assert!(
            pieces
                .windows(2)
                .all(|two| two[0].0 + two[0].1.chars().count() == two[1].0)
        );
    }

    #[test]
    fn warnings_go_with_their_section_only() {
        let heading = |level, text: &str| Block::Heading {
            level,
            text: text.into(),
        };
        let found = cut_blocks(vec![
            heading(1, "焊接"),
            Block::Warning("警告：严禁带氟焊接".into()),
            Block::Paragraph("先充氮气。".into()),
            heading(1, "清洗"),
            Block::Paragraph("用清水。".into()),
        ]);
        let warnings = |text: &str| {
            found
                .iter()
                .find(|p| p.passage.text == text)
                .unwrap()
                .warnings
                .clone()
        };
        assert_eq!(warnings("先充氮气。"), ["警告：严禁带氟焊接"]);
        assert!(warnings("用清水。").is_empty());
    }

    #[test]
    fn hostile_documents_do_not_multiply() {
        let table = Table {
            header: vec!["长".repeat(5_000), "名称".into()],
            rows: vec![vec!["E6".into(), "通信".into()]; 2_000],
        };
        let mut blocks = vec![
            Block::Heading {
                level: 1,
                text: "题".repeat(100_000),
            },
            Block::Table(table),
        ];
        blocks.extend((0..20_000).map(|at| Block::Warning(format!("警告：第{at}条"))));
        let start = std::time::Instant::now();
        let found = cut_blocks(blocks);
        assert!(
            start.elapsed() < std::time::Duration::from_secs(10),
            "{:?}",
            start.elapsed()
        );
        let chars: usize = found.iter().map(|p| p.passage.text.chars().count()).sum();
        assert!(chars < 400_000, "{chars} characters in all passages");
        assert!(
            found
                .iter()
                .all(|p| p.passage.text.chars().count() <= MOST_ROW_CHARS)
        );
        let last = &found[found.len() - 1];
        assert_eq!(last.warnings, ["警告：第0条", "警告：第1条", "警告：第2条"]);
    }

    #[test]
    fn passages_know_the_box_around_their_lines() {
        let line = |y: f32| BoundingBox {
            x: 0.25,
            y,
            width: 0.5,
            height: 0.125,
        };
        let page = Page {
            blocks: vec![
                Block::Heading {
                    level: 1,
                    text: "甲".into(),
                },
                Block::Paragraph("第一句。".repeat(100)),
                Block::Table(Table {
                    header: vec!["代码".into()],
                    rows: vec![vec!["E6".into()], vec!["F1".into()]],
                }),
                Block::Item("1. 丙".into()),
            ],
            areas: vec![
                vec![(0, line(0.0))],
                vec![(0, line(0.125)), (399, line(0.25))],
                vec![(0, line(0.375)), (1, line(0.5)), (2, line(0.625))],
            ],
            ..Page::default()
        };
        let document = Document {
            pages: vec![page],
            skipped: Vec::new(),
        };
        let found = cut(&document, &DocumentId("d".into()), "书");
        let areas: Vec<_> = found.iter().map(|p| p.passage.area).collect();
        let two = BoundingBox {
            height: 0.25,
            ..line(0.125)
        };
        assert_eq!(
            areas,
            [
                Some(line(0.0)),
                Some(two),
                Some(line(0.5)),
                Some(line(0.625)),
                None
            ]
        );
    }

    #[test]
    fn spans_point_into_the_page_text() {
        let found = cut_blocks(vec![
            Block::Heading {
                level: 1,
                text: "甲".into(),
            },
            Block::Paragraph("乙乙".into()),
            Block::Item("1. 丙".into()),
        ]);
        let page = "甲\n乙乙\n1. 丙";
        for passage in &found {
            assert_eq!(passage.passage.span.of(page), passage.passage.text);
        }
    }
}
