//! DOCX: headings by style, lists, tables with merged cells, page breaks as Word last laid them out.

use std::collections::BTreeMap;
use std::rc::Rc;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::archive::{Archive, attribute, local, named_entity};
use super::grid::{Cell, Grid};
use super::{Builder, Fault, OverLimit, tidy};
use crate::document::{Block, opens_as_warning};

/// Parses a whole DOCX file.
pub(super) fn parse(bytes: &[u8], builder: &mut Builder) -> Result<(), Fault> {
    let mut archive = Archive::open(bytes, &builder.limits)?;
    let Some(body) = archive.part("word/document.xml")? else {
        return Err(Fault::Wrong("a ZIP archive without word/document.xml"));
    };
    let styles = archive
        .part("word/styles.xml")?
        .map(|xml| heading_styles(&xml))
        .unwrap_or_default();
    let bullets = archive
        .part("word/numbering.xml")?
        .map(|xml| bullet_lists(&xml))
        .unwrap_or_default();
    Body::new(builder, &styles, &bullets).read(&body)
}

/// Style id → heading level.
fn heading_styles(xml: &str) -> BTreeMap<String, u8> {
    let mut found = BTreeMap::new();
    let mut reader = Reader::from_str(xml);
    let mut style = String::new();
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Eof => break,
            Event::Start(tag) | Event::Empty(tag) => match local(tag.name().0) {
                "style" => style = attribute(&tag, "styleId").unwrap_or_default(),
                "name" => {
                    let name = attribute(&tag, "val").unwrap_or_default().to_lowercase();
                    if let Some(level) = heading_name(&name) {
                        found.insert(style.clone(), level);
                    }
                }
                "outlineLvl" => {
                    if let Some(level) = attribute(&tag, "val")
                        .and_then(|v| v.parse::<u8>().ok())
                        .filter(|&l| l < 9)
                    {
                        found.entry(style.clone()).or_insert(level + 1);
                    }
                }
                _ => {}
            },
            _ => {}
        }
    }
    found
}

/// `heading 2`, `标题 2`, `title`.
fn heading_name(name: &str) -> Option<u8> {
    if name == "title" || name == "标题" {
        return Some(1);
    }
    let rest = name
        .strip_prefix("heading")
        .or_else(|| name.strip_prefix("标题"))?;
    rest.trim().parse().ok().filter(|level| (1..=9).contains(level))
}

/// (list id, level) of lists that have bullets instead of numbers.
fn bullet_lists(xml: &str) -> BTreeMap<(String, String), bool> {
    let mut abstracts: BTreeMap<(String, String), bool> = BTreeMap::new();
    let mut lists = BTreeMap::new();
    let (mut abstract_id, mut level, mut list_id) = (String::new(), String::new(), String::new());
    let mut reader = Reader::from_str(xml);
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Eof => break,
            Event::Start(tag) | Event::Empty(tag) => match local(tag.name().0) {
                "abstractNum" => abstract_id = attribute(&tag, "abstractNumId").unwrap_or_default(),
                "lvl" => level = attribute(&tag, "ilvl").unwrap_or_default(),
                "numFmt" => {
                    let bullet =
                        attribute(&tag, "val").is_some_and(|format| format == "bullet" || format == "none");
                    abstracts.insert((abstract_id.clone(), level.clone()), bullet);
                }
                "num" => list_id = attribute(&tag, "numId").unwrap_or_default(),
                "abstractNumId" => {
                    let of = attribute(&tag, "val").unwrap_or_default();
                    // Word has nine levels; without a bound every list could repeat a long abstract one.
                    let levels = abstracts.range((of.clone(), String::new())..);
                    for ((_, level), bullet) in levels.take_while(|((id, _), _)| *id == of).take(9) {
                        lists.insert((list_id.clone(), level.clone()), *bullet);
                    }
                }
                _ => {}
            },
            _ => {}
        }
    }
    lists
}

#[derive(Default)]
struct Paragraph {
    text: String,
    level: Option<u8>,
    list: Option<(String, String)>,
}

struct OpenTable {
    grid: Grid,
    rows: Vec<Vec<DocxCell>>,
    /// Cells and rows so far.
    cells: usize,
}

#[derive(Default)]
struct DocxCell {
    text: String,
    columns: usize,
    /// Continues the cell above.
    continues: bool,
    title: bool,
}

struct Body<'a> {
    builder: &'a mut Builder,
    styles: &'a BTreeMap<String, u8>,
    bullets: &'a BTreeMap<(String, String), bool>,
    paragraph: Paragraph,
    tables: Vec<OpenTable>,
    counters: BTreeMap<(String, String), u32>,
    /// Whether anything was written since the last page break.
    page_used: bool,
    in_text: bool,
    header_row: bool,
    skip_depth: Option<usize>,
}

impl<'a> Body<'a> {
    fn new(
        builder: &'a mut Builder,
        styles: &'a BTreeMap<String, u8>,
        bullets: &'a BTreeMap<(String, String), bool>,
    ) -> Self {
        Self {
            builder,
            styles,
            bullets,
            paragraph: Paragraph::default(),
            tables: Vec::new(),
            counters: BTreeMap::new(),
            page_used: false,
            in_text: false,
            header_row: false,
            skip_depth: None,
        }
    }

    fn read(mut self, xml: &str) -> Result<(), Fault> {
        let mut reader = Reader::from_str(xml);
        let mut depth = 0usize;
        loop {
            let position = reader.buffer_position();
            match reader.read_event() {
                Ok(Event::Eof) => break,
                Ok(Event::Start(tag)) => {
                    depth += 1;
                    if depth > self.builder.limits.xml_depth {
                        let (max, actual) = (self.builder.limits.xml_depth as u64, depth as u64);
                        return Err(Fault::Over(OverLimit {
                            limit: "xml_depth",
                            max,
                            actual,
                        }));
                    }
                    if self.skip_depth.is_none() && local(tag.name().0) == "Fallback" {
                        self.skip_depth = Some(depth);
                    }
                    if self.skip_depth.is_none() {
                        self.open(&tag)?;
                    }
                }
                Ok(Event::Empty(tag)) => {
                    if self.skip_depth.is_none() {
                        self.open(&tag)?;
                        self.close(local(tag.name().0))?;
                    }
                }
                Ok(Event::End(tag)) => {
                    if self.skip_depth.is_none() {
                        self.close(local(tag.name().0))?;
                    } else if self.skip_depth == Some(depth) {
                        self.skip_depth = None;
                    }
                    depth = depth.saturating_sub(1);
                }
                Ok(Event::Text(text)) if self.in_text && self.skip_depth.is_none() => {
                    self.paragraph.text.push_str(&text.xml10_content())
                }
                Ok(Event::CData(text)) if self.in_text && self.skip_depth.is_none() => {
                    self.paragraph.text.push_str(&text.xml10_content())
                }
                Ok(Event::GeneralRef(reference)) if self.in_text && self.skip_depth.is_none() => {
                    let c = match reference.resolve_char_ref() {
                        Ok(Some(c)) => Some(c),
                        _ => named_entity(&reference.xml10_content()),
                    };
                    self.paragraph.text.extend(c);
                }
                Ok(_) => {}
                Err(error) => {
                    return Err(Fault::Damaged(format!(
                        "word/document.xml at byte {position}: {error}"
                    )));
                }
            }
        }
        if depth > 0 {
            return Err(Fault::Damaged("word/document.xml ends too early".to_owned()));
        }
        Ok(())
    }

    fn open(&mut self, tag: &BytesStart<'_>) -> Result<(), Fault> {
        match local(tag.name().0) {
            "pStyle" => {
                let style = attribute(tag, "val").unwrap_or_default();
                self.paragraph.level = self
                    .styles
                    .get(&style)
                    .copied()
                    .or_else(|| heading_name(&style.to_lowercase()));
            }
            "outlineLvl" => {
                self.paragraph.level = attribute(tag, "val")
                    .and_then(|v| v.parse::<u8>().ok())
                    .filter(|&l| l < 9)
                    .map(|l| l + 1);
            }
            "ilvl" => {
                self.paragraph.list.get_or_insert_with(Default::default).1 =
                    attribute(tag, "val").unwrap_or_default()
            }
            "numId" => {
                self.paragraph.list.get_or_insert_with(Default::default).0 =
                    attribute(tag, "val").unwrap_or_default()
            }
            "pageBreakBefore" if attribute(tag, "val").is_none_or(|v| v != "0" && v != "false") => {
                self.page_break()?
            }
            "br" if attribute(tag, "type").as_deref() == Some("page") => self.page_break()?,
            "br" | "cr" => self.paragraph.text.push('\n'),
            "tab" => self.paragraph.text.push(' '),
            "lastRenderedPageBreak" => self.page_break()?,
            "t" => self.in_text = true,
            "tbl" => self.tables.push(OpenTable {
                grid: Grid::new(self.builder.limits.table_cells),
                rows: Vec::new(),
                cells: 0,
            }),
            "tr" => {
                self.header_row = false;
                self.count_cell()?;
                if let Some(table) = self.tables.last_mut() {
                    table.rows.push(Vec::new());
                }
            }
            "tblHeader" => self.header_row = true,
            "tc" => {
                self.count_cell()?;
                let title = self.header_row;
                if let Some(row) = self.tables.last_mut().and_then(|table| table.rows.last_mut()) {
                    row.push(DocxCell {
                        columns: 1,
                        title,
                        ..DocxCell::default()
                    });
                }
            }
            "gridSpan" => {
                if let Some(cell) = self.cell() {
                    cell.columns = attribute(tag, "val").and_then(|v| v.parse().ok()).unwrap_or(1);
                }
            }
            "vMerge" => {
                let continues = attribute(tag, "val").is_none_or(|v| v != "restart");
                if let Some(cell) = self.cell() {
                    cell.continues = continues;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn count_cell(&mut self) -> Result<(), Fault> {
        let most = self.builder.limits.table_cells;
        if let Some(table) = self.tables.last_mut() {
            table.cells += 1;
            if table.cells > 2 * most {
                return Err(Fault::Over(OverLimit {
                    limit: "table_cells",
                    max: most as u64,
                    actual: table.cells as u64,
                }));
            }
        }
        Ok(())
    }

    fn cell(&mut self) -> Option<&mut DocxCell> {
        self.tables.last_mut()?.rows.last_mut()?.last_mut()
    }

    fn close(&mut self, name: &str) -> Result<(), Fault> {
        match name {
            "t" => self.in_text = false,
            "p" => self.end_paragraph()?,
            "tbl" => self.end_table()?,
            _ => {}
        }
        Ok(())
    }

    /// Word writes a rendered break after every explicit one: a break on a page without text is the same break again.
    fn page_break(&mut self) -> Result<(), Fault> {
        // Inside a table the page of the row that started there is kept.
        if !self.tables.is_empty() {
            return Ok(());
        }
        if !self.paragraph.text.trim().is_empty() {
            self.write_paragraph(false)?;
        }
        if self.page_used {
            self.builder.next_page()?;
            self.page_used = false;
        }
        Ok(())
    }

    fn end_paragraph(&mut self) -> Result<(), Fault> {
        if self.tables.is_empty() {
            self.write_paragraph(true)?;
        } else {
            let text = std::mem::take(&mut self.paragraph).text;
            if let Some(cell) = self.cell() {
                cell.text.push(' ');
                cell.text.push_str(&text);
            }
        }
        Ok(())
    }

    fn write_paragraph(&mut self, last: bool) -> Result<(), Fault> {
        let text = tidy(&std::mem::take(&mut self.paragraph.text));
        let block = match (&self.paragraph.level, &self.paragraph.list) {
            _ if text.is_empty() => None,
            (Some(level), _) => Some(Block::Heading { level: *level, text }),
            (None, Some(list)) if list.0 != "0" => Some(Block::Item(
                Self::marker(self.bullets, &mut self.counters, list) + &text,
            )),
            _ if opens_as_warning(&text) => Some(Block::Warning(text)),
            _ if super::plain::is_item(&text) => Some(Block::Item(text)),
            _ => Some(Block::Paragraph(text)),
        };
        if let Some(block) = block {
            if matches!(block, Block::Heading { .. }) {
                self.counters.clear();
            }
            self.builder.push(block)?;
            self.page_used = true;
        }
        if last {
            self.paragraph = Paragraph::default();
        }
        Ok(())
    }

    fn marker(
        bullets: &BTreeMap<(String, String), bool>,
        counters: &mut BTreeMap<(String, String), u32>,
        list: &(String, String),
    ) -> String {
        if bullets.get(list).copied().unwrap_or(false) {
            return "· ".to_owned();
        }
        let count = counters.entry(list.clone()).or_insert(0);
        *count += 1;
        format!("{count}. ")
    }

    fn end_table(&mut self) -> Result<(), Fault> {
        let Some(mut table) = self.tables.pop() else {
            return Ok(());
        };
        if let Some(outer) = self.cell() {
            // A table inside a cell: its text goes into that cell.
            let text: Vec<String> = table.rows.into_iter().flatten().map(|cell| cell.text).collect();
            outer.text.push_str(&text.join(" "));
            return Ok(());
        }
        fill_continued(&mut table.rows);
        for row in table.rows {
            table.grid.row(
                row.into_iter()
                    .map(|cell| Cell {
                        text: cell.text,
                        columns: cell.columns,
                        rows: 1,
                        title: cell.title,
                    })
                    .collect(),
            );
        }
        if let Some(block) = table.grid.finish()? {
            self.builder.push(block)?;
            self.page_used = true;
        }
        Ok(())
    }
}

/// Bytes of text that continued cells may repeat in one table.
const MOST_REPEATED_BYTES: usize = 4 << 20;

/// Gives every cell that continues the one above that cell's text.
fn fill_continued(rows: &mut [Vec<DocxCell>]) {
    let mut above: BTreeMap<usize, Rc<str>> = BTreeMap::new();
    let mut repeated = 0;
    for row in rows {
        let mut column = 0;
        for cell in row {
            if cell.continues {
                let text = above.get(&column).map_or("", |text| &**text);
                repeated += text.len();
                if repeated <= MOST_REPEATED_BYTES {
                    cell.text = text.to_owned();
                }
            } else {
                above.insert(column, cell.text.as_str().into());
            }
            column += cell.columns.clamp(1, 200);
        }
    }
}
