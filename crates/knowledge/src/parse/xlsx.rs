//! XLSX: a sheet is a page, its name the page's label; rows without a blank one between them are a table.
//!
//! A row of one cell above a table is its heading, below it a note. Hidden sheets are left out, as a printed manual would.
//! Numbers are shown as dates or percentages where their format says so.

use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::archive::{Archive, attribute, local, named_entity};
use super::grid::{Cell, Grid, MOST_COLUMNS};
use super::{Builder, Fault, OverLimit, one_line};
use crate::document::{Block, opens_as_warning};

/// Rows of one table block; what goes on behind them is a table with the same header.
const ROWS_OF_A_TABLE: usize = 500;
/// Merged areas of one sheet that are looked at.
const MOST_MERGED: usize = 20_000;

/// Parses a whole XLSX file.
pub(super) fn parse(bytes: &[u8], builder: &mut Builder) -> Result<(), Fault> {
    let mut archive = Archive::open(bytes, &builder.limits)?;
    let Some(workbook) = archive.part("xl/workbook.xml")? else {
        return Err(Fault::Wrong("a ZIP archive without xl/workbook.xml"));
    };
    let workbook = Workbook::read(&workbook, builder)?;
    let targets = match archive.part("xl/_rels/workbook.xml.rels")? {
        Some(xml) => targets(&xml, builder)?,
        None => BTreeMap::new(),
    };
    let words = match archive.part("xl/sharedStrings.xml")? {
        Some(xml) => shared_strings(&xml, builder)?,
        None => Vec::new(),
    };
    let formats = match archive.part("xl/styles.xml")? {
        Some(xml) => formats(&xml, builder)?,
        None => Vec::new(),
    };
    let mut pages = 0;
    for (at, sheet) in workbook.sheets.iter().enumerate() {
        let name = targets
            .get(&sheet.relation)
            .cloned()
            .unwrap_or_else(|| format!("xl/worksheets/sheet{}.xml", at + 1));
        if sheet.hidden {
            continue;
        }
        let Some(xml) = archive.part(&name)? else {
            continue;
        };
        pages += 1;
        builder.go_to_page(pages)?;
        builder.label(&sheet.name)?;
        let mut reading = Sheet::new(&words, &formats, workbook.from_1904);
        reading.read(&xml, builder)?;
        reading.write(&sheet.name, builder)?;
    }
    Ok(())
}

/// Calls `tell` with every event and the names of the elements around it, within the limit of depth.
fn events(
    xml: &str,
    part: &str,
    builder: &mut Builder,
    mut tell: impl FnMut(Told<'_>, &mut Builder) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut reader = Reader::from_str(xml);
    let (mut depth, most) = (0usize, builder.limits.xml_depth);
    loop {
        let position = reader.buffer_position();
        match reader.read_event() {
            Ok(Event::Eof) if depth == 0 => return Ok(()),
            Ok(Event::Eof) => return Err(Fault::Damaged(format!("{part} ends too early"))),
            Ok(Event::Start(tag)) => {
                depth += 1;
                if depth > most {
                    return Err(Fault::Over(OverLimit {
                        limit: "xml_depth",
                        max: most as u64,
                        actual: depth as u64,
                    }));
                }
                tell(Told::Open(local(tag.name().0), &tag), builder)?;
            }
            Ok(Event::Empty(tag)) => {
                let name = local(tag.name().0).to_owned();
                tell(Told::Open(&name, &tag), builder)?;
                tell(Told::Close(&name), builder)?;
            }
            Ok(Event::End(tag)) => {
                depth = depth.saturating_sub(1);
                tell(Told::Close(local(tag.name().0)), builder)?;
            }
            Ok(Event::Text(text)) => tell(Told::Text(&text.xml10_content()), builder)?,
            Ok(Event::CData(text)) => tell(Told::Text(&text.xml10_content()), builder)?,
            Ok(Event::GeneralRef(reference)) => {
                let c = match reference.resolve_char_ref() {
                    Ok(Some(c)) => Some(c),
                    _ => named_entity(&reference.xml10_content()),
                };
                if let Some(c) = c {
                    tell(Told::Text(c.encode_utf8(&mut [0; 4])), builder)?;
                }
            }
            Ok(_) => {}
            Err(error) => return Err(Fault::Damaged(format!("{part} at byte {position}: {error}"))),
        }
    }
}

/// An event of an XML part.
enum Told<'a> {
    Open(&'a str, &'a BytesStart<'a>),
    Close(&'a str),
    Text(&'a str),
}

struct SheetEntry {
    name: String,
    relation: String,
    hidden: bool,
}

#[derive(Default)]
struct Workbook {
    sheets: Vec<SheetEntry>,
    from_1904: bool,
}

impl Workbook {
    fn read(xml: &str, builder: &mut Builder) -> Result<Self, Fault> {
        let mut workbook = Self::default();
        events(xml, "xl/workbook.xml", builder, |told, builder| {
            match told {
                Told::Open("sheet", tag) => {
                    let most = builder.limits.pages as usize;
                    if workbook.sheets.len() >= most {
                        return Err(Fault::Over(OverLimit {
                            limit: "pages",
                            max: most as u64,
                            actual: most as u64 + 1,
                        }));
                    }
                    workbook.sheets.push(SheetEntry {
                        name: unescaped(&attribute(tag, "name").unwrap_or_default()),
                        relation: attribute(tag, "id").unwrap_or_default(),
                        hidden: attribute(tag, "state").is_some_and(|state| state != "visible"),
                    });
                }
                Told::Open("workbookPr", tag) => {
                    workbook.from_1904 =
                        attribute(tag, "date1904").is_some_and(|value| value == "1" || value == "true");
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(workbook)
    }
}

fn unescaped(text: &str) -> String {
    quick_xml::escape::unescape(text).map_or_else(|_| text.to_owned(), |text| text.into_owned())
}

/// Relation → entry of the archive.
fn targets(xml: &str, builder: &mut Builder) -> Result<BTreeMap<String, String>, Fault> {
    let mut found = BTreeMap::new();
    events(xml, "xl/_rels/workbook.xml.rels", builder, |told, _| {
        if let Told::Open("Relationship", tag) = told {
            let target = attribute(tag, "Target").unwrap_or_default();
            let entry = match target.strip_prefix('/') {
                Some(absolute) => absolute.to_owned(),
                None => format!("xl/{target}"),
            };
            found.insert(attribute(tag, "Id").unwrap_or_default(), entry);
        }
        Ok(())
    })?;
    Ok(found)
}

/// The strings that cells refer to by position, without readings (`rPh`).
fn shared_strings(xml: &str, builder: &mut Builder) -> Result<Vec<String>, Fault> {
    let most = builder.limits.blocks;
    let mut words: Vec<String> = Vec::new();
    let (mut in_text, mut in_reading) = (false, false);
    events(xml, "xl/sharedStrings.xml", builder, |told, _| {
        match told {
            Told::Open("si", _) => words.push(String::new()),
            Told::Open("rPh", _) => in_reading = true,
            Told::Close("rPh") => in_reading = false,
            Told::Open("t", _) => in_text = true,
            Told::Close("t") => in_text = false,
            Told::Text(text) if in_text && !in_reading => {
                if let Some(word) = words.last_mut() {
                    word.push_str(text);
                }
            }
            _ => {}
        }
        if words.len() as u64 > most {
            return Err(Fault::Over(OverLimit {
                limit: "blocks",
                max: most,
                actual: words.len() as u64,
            }));
        }
        Ok(())
    })?;
    Ok(words)
}

/// How a number is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Plain,
    Percent,
    Date,
}

/// How the numbers of each cell style are shown.
fn formats(xml: &str, builder: &mut Builder) -> Result<Vec<Shown>, Fault> {
    let mut own: BTreeMap<u32, Shown> = BTreeMap::new();
    let mut styles = Vec::new();
    let mut of_cells = false;
    let number = |tag: &BytesStart<'_>| attribute(tag, "numFmtId").and_then(|id| id.parse::<u32>().ok());
    events(xml, "xl/styles.xml", builder, |told, _| {
        match told {
            Told::Open("numFmt", tag) => {
                if let Some(id) = number(tag) {
                    own.insert(id, shown_by(&attribute(tag, "formatCode").unwrap_or_default()));
                }
            }
            Told::Open("cellXfs", _) => of_cells = true,
            Told::Close("cellXfs") => of_cells = false,
            // A file has at most 65,490 cell formats.
            Told::Open("xf", tag) if of_cells && styles.len() < 65_536 => {
                let id = number(tag).unwrap_or(0);
                styles.push(own.get(&id).copied().unwrap_or(match id {
                    9 | 10 => Shown::Percent,
                    14..=22 | 27..=36 | 45..=47 | 50..=58 => Shown::Date,
                    _ => Shown::Plain,
                }));
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(styles)
}

/// By a format's code: letters of dates and times outside quotes and brackets, or a percent sign.
fn shown_by(code: &str) -> Shown {
    let code = unescaped(code);
    let (mut quoted, mut bracket) = (false, false);
    for c in code.chars() {
        match c {
            '"' => quoted = !quoted,
            '[' if !quoted => bracket = true,
            ']' if !quoted => bracket = false,
            _ if quoted || bracket => {}
            '%' => return Shown::Percent,
            'y' | 'Y' | 'm' | 'd' | 'D' | 'h' | 'H' | 's' | '年' | '月' => return Shown::Date,
            _ => {}
        }
    }
    Shown::Plain
}

/// A cell with text.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Filled {
    column: usize,
    text: String,
}

#[derive(Default)]
struct Open {
    column: usize,
    kind: String,
    style: usize,
    value: String,
}

/// One sheet.
struct Sheet<'a> {
    words: &'a [String],
    formats: &'a [Shown],
    from_1904: bool,
    /// Row number from 1 → its cells with text, left to right.
    rows: Vec<(u32, Vec<Filled>)>,
    row: u32,
    next_column: usize,
    cell: Option<Open>,
    in_value: bool,
    in_reading: bool,
    cells: u64,
    /// First cell of a merged area → rows and columns it covers.
    merged: BTreeMap<(u32, usize), (usize, usize)>,
}

impl<'a> Sheet<'a> {
    fn new(words: &'a [String], formats: &'a [Shown], from_1904: bool) -> Self {
        Self {
            words,
            formats,
            from_1904,
            rows: Vec::new(),
            row: 0,
            next_column: 0,
            cell: None,
            in_value: false,
            in_reading: false,
            cells: 0,
            merged: BTreeMap::new(),
        }
    }

    fn read(&mut self, xml: &str, builder: &mut Builder) -> Result<(), Fault> {
        events(xml, "a sheet", builder, |told, builder| {
            match told {
                Told::Open("row", tag) => {
                    self.row = attribute(tag, "r")
                        .and_then(|r| r.parse().ok())
                        .unwrap_or(self.row.saturating_add(1));
                    self.next_column = 0;
                }
                Told::Open("c", tag) => {
                    let column = attribute(tag, "r")
                        .and_then(|place| place_of(&place))
                        .map_or(self.next_column, |(_, column)| column);
                    self.next_column = column.saturating_add(1);
                    self.cell = Some(Open {
                        column,
                        kind: attribute(tag, "t").unwrap_or_default(),
                        style: attribute(tag, "s").and_then(|s| s.parse().ok()).unwrap_or(0),
                        value: String::new(),
                    });
                }
                Told::Close("c") => return self.close_cell(builder),
                Told::Open("rPh", _) => self.in_reading = true,
                Told::Close("rPh") => self.in_reading = false,
                Told::Open("v" | "t", _) => self.in_value = !self.in_reading,
                Told::Close("v" | "t") => self.in_value = false,
                Told::Text(text) if self.in_value => {
                    if let Some(cell) = &mut self.cell {
                        cell.value.push_str(text);
                    }
                }
                Told::Open("mergeCell", tag) if self.merged.len() < MOST_MERGED => {
                    self.merge(&attribute(tag, "ref").unwrap_or_default());
                }
                _ => {}
            }
            Ok(())
        })
    }

    fn merge(&mut self, area: &str) {
        let Some((first, last)) = area.split_once(':') else {
            return;
        };
        if let (Some((top, left)), Some((bottom, right))) = (place_of(first), place_of(last))
            && bottom >= top
            && right >= left
        {
            let size = ((bottom - top) as usize + 1, right - left + 1);
            self.merged.insert((top, left), size);
        }
    }

    fn close_cell(&mut self, builder: &mut Builder) -> Result<(), Fault> {
        let Some(cell) = self.cell.take() else {
            return Ok(());
        };
        let text = one_line(&self.shown(&cell));
        if text.is_empty() || cell.column >= MOST_COLUMNS {
            return Ok(());
        }
        self.cells += 1;
        // Counted here as well: shared strings make a small sheet a large text.
        builder.chars += text.chars().count() as u64;
        for (limit, max, actual) in [
            ("blocks", builder.limits.blocks, self.cells),
            ("text_chars", builder.limits.text_chars, builder.chars),
        ] {
            if actual > max {
                return Err(Fault::Over(OverLimit { limit, max, actual }));
            }
        }
        let filled = Filled {
            column: cell.column,
            text,
        };
        match self.rows.last_mut() {
            Some((row, cells)) if *row == self.row => cells.push(filled),
            _ => self.rows.push((self.row, vec![filled])),
        }
        Ok(())
    }

    fn shown(&self, cell: &Open) -> String {
        let value = &cell.value;
        match cell.kind.as_str() {
            "s" => value
                .trim()
                .parse()
                .ok()
                .and_then(|at: usize| self.words.get(at))
                .cloned()
                .unwrap_or_default(),
            "b" => if value.trim() == "1" { "TRUE" } else { "FALSE" }.to_owned(),
            // An error such as #REF! says nothing.
            "e" => String::new(),
            "str" | "inlineStr" | "d" => value.clone(),
            _ => number(
                value.trim(),
                self.formats.get(cell.style).copied().unwrap_or(Shown::Plain),
                self.from_1904,
            ),
        }
    }

    /// Blocks: a heading with the sheet's name, then what the rows are.
    fn write(mut self, name: &str, builder: &mut Builder) -> Result<(), Fault> {
        // Rows out of order are put in order; of two of one number both stay.
        self.rows.sort_by_key(|(row, _)| *row);
        for (_, cells) in &mut self.rows {
            cells.sort_by_key(|cell| cell.column);
        }
        builder.chars -= self
            .rows
            .iter()
            .flat_map(|(_, cells)| cells)
            .map(chars)
            .sum::<u64>();
        if !self.rows.is_empty() && !is_default_name(name) {
            let text = one_line(name);
            builder.push(Block::Heading { level: 1, text })?;
        }
        let rows = std::mem::take(&mut self.rows);
        let mut rest = rows.as_slice();
        while !rest.is_empty() {
            let end = (1..rest.len())
                .find(|&at| rest[at].0 > self.bottom(&rest[at - 1]).saturating_add(1))
                .unwrap_or(rest.len());
            let (region, after) = rest.split_at(end);
            self.region(region, builder)?;
            rest = after;
        }
        Ok(())
    }

    /// The last row that the cells of a row reach.
    fn bottom(&self, (row, cells): &(u32, Vec<Filled>)) -> u32 {
        let tallest = cells
            .iter()
            .filter_map(|cell| self.merged.get(&(*row, cell.column)))
            .map(|(rows, _)| u32::try_from(*rows).unwrap_or(u32::MAX))
            .max()
            .unwrap_or(1);
        row.saturating_add(tallest - 1)
    }

    /// Rows without a blank one between them.
    fn region(&self, region: &[(u32, Vec<Filled>)], builder: &mut Builder) -> Result<(), Fault> {
        let single = |(_, cells): &&(u32, Vec<Filled>)| cells.len() == 1;
        let above = region.iter().take_while(single).count();
        let below = region[above..].iter().rev().take_while(single).count();
        let (table, notes) = region[above..].split_at(region.len() - above - below);
        let titled = !table.is_empty();
        for (_, cells) in &region[..above] {
            let text = cells[0].text.clone();
            builder.push(match text {
                text if opens_as_warning(&text) => Block::Warning(text),
                text if titled && text.chars().count() <= 40 => Block::Heading { level: 2, text },
                text => Block::Paragraph(text),
            })?;
        }
        self.table(table, builder)?;
        for (_, cells) in notes {
            let text = cells[0].text.clone();
            builder.push(if opens_as_warning(&text) {
                Block::Warning(text)
            } else {
                Block::Paragraph(text)
            })?;
        }
        Ok(())
    }

    fn table(&self, rows: &[(u32, Vec<Filled>)], builder: &mut Builder) -> Result<(), Fault> {
        let Some(left) = rows
            .iter()
            .flat_map(|(_, cells)| cells)
            .map(|cell| cell.column)
            .min()
        else {
            return Ok(());
        };
        let mut header: Option<Vec<String>> = None;
        for chunk in rows.chunks(ROWS_OF_A_TABLE) {
            let mut grid = Grid::new(builder.limits.table_cells);
            if let Some(header) = &header {
                grid.row(header.iter().map(|text| cell(text, (1, 1), true)).collect());
            }
            // Column → last row that a cell above it covers.
            let mut covered = BTreeMap::new();
            for (at, (row, cells)) in chunk.iter().enumerate() {
                let row = Row {
                    row: *row,
                    cells,
                    below: &chunk[at..],
                };
                grid.row(self.row_of(&row, left, &mut covered));
            }
            let Some(block) = grid.finish()? else { continue };
            if let (None, Block::Table(table)) = (&header, &block)
                && !table.header.is_empty()
            {
                header = Some(table.header.clone());
            }
            builder.push(block)?;
        }
        Ok(())
    }

    fn row_of(&self, row: &Row<'_>, left: usize, covered: &mut BTreeMap<usize, u32>) -> Vec<Cell> {
        let mut out: Vec<Cell> = Vec::new();
        let mut column = left;
        for filled in row.cells {
            for column in column..filled.column {
                // What an area from above covers, the grid fills in.
                if covered.get(&column).is_none_or(|&bottom| bottom < row.row) {
                    out.push(cell("", (1, 1), false));
                }
            }
            let (rows, columns) = self
                .merged
                .get(&(row.row, filled.column))
                .copied()
                .unwrap_or((1, 1));
            let columns = columns.min(MOST_COLUMNS);
            let bottom = row
                .row
                .saturating_add(u32::try_from(rows).unwrap_or(u32::MAX) - 1);
            // Of the rows that it covers only those count that are there.
            let present = row.below.partition_point(|(number, _)| *number <= bottom);
            covered.extend((filled.column..filled.column + columns).map(|column| (column, bottom)));
            out.push(cell(&filled.text, (present.max(1), columns), false));
            column = filled.column + columns;
        }
        out
    }
}

/// A row of a table with the rows from it on.
struct Row<'a> {
    row: u32,
    cells: &'a [Filled],
    below: &'a [(u32, Vec<Filled>)],
}

fn chars(cell: &Filled) -> u64 {
    cell.text.chars().count() as u64
}

fn cell(text: &str, (rows, columns): (usize, usize), title: bool) -> Cell {
    Cell {
        text: text.to_owned(),
        columns,
        rows,
        title,
    }
}

/// `B12` → row 12 (from 1), column 1 (from 0).
fn place_of(place: &str) -> Option<(u32, usize)> {
    let bare = place.replace('$', "");
    let letters = bare.bytes().take_while(u8::is_ascii_alphabetic).count();
    if !(1..=3).contains(&letters) {
        return None;
    }
    let column = bare[..letters].bytes().fold(0, |column, b| {
        column * 26 + usize::from(b.to_ascii_uppercase() - b'A') + 1
    });
    let row = bare[letters..].parse().ok().filter(|&row| row > 0)?;
    Some((row, column - 1))
}

/// `Sheet1`, `工作表2`: what nobody named.
fn is_default_name(name: &str) -> bool {
    let bare = name.trim().trim_end_matches(|c: char| c.is_ascii_digit());
    matches!(bare.to_lowercase().as_str(), "" | "sheet" | "工作表" | "表")
}

/// A number as a person reads it.
fn number(value: &str, shown: Shown, from_1904: bool) -> String {
    let Some(number) = value.parse::<f64>().ok().filter(|n| n.is_finite()) else {
        return value.to_owned();
    };
    match shown {
        Shown::Date => date(number, from_1904).unwrap_or_else(|| plain(number)),
        Shown::Percent => format!("{}%", plain(number * 100.0)),
        Shown::Plain => plain(number),
    }
}

/// At most 12 significant digits: 0.1 + 0.2 is kept as 0.30000000000000004.
fn plain(number: f64) -> String {
    if number == 0.0 || !(1e-6..1e15).contains(&number.abs()) {
        return number.to_string();
    }
    let digits = 11 - number.abs().log10().floor() as i32;
    let text = format!("{number:.*}", usize::try_from(digits.clamp(0, 17)).unwrap_or(0));
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// Days since the end of 1899 (with a 29 February 1900 that never was), or since 1904.
fn date(number: f64, from_1904: bool) -> Option<String> {
    if !(0.0..2_958_466.0).contains(&number) {
        return None;
    }
    let (days, part) = (number.floor() as i64, number.fract());
    let minutes = (part * 1440.0).round() as i64;
    let (days, minutes) = (days + minutes / 1440, minutes % 1440);
    let clock = format!("{:02}:{:02}", minutes / 60, minutes % 60);
    if days == 0 && !from_1904 {
        return Some(clock);
    }
    let (year, day) = if from_1904 {
        (1904, days)
    } else if days < 60 {
        (1900, days - 1)
    } else {
        (1900, days - 2)
    };
    let first = jiff::civil::Date::new(year, 1, 1).ok()?;
    let at = first.checked_add(jiff::Span::new().try_days(day).ok()?).ok()?;
    Some(if minutes == 0 {
        at.to_string()
    } else {
        format!("{at} {clock}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_as_their_format_says() {
        let check = |value: &str, shown: Shown, expected: &str| {
            assert_eq!(number(value, shown, false), expected, "{value}");
        };
        check("0.30000000000000004", Shown::Plain, "0.3");
        check("820", Shown::Plain, "820");
        check("1E-3", Shown::Plain, "0.001");
        check("0.125", Shown::Percent, "12.5%");
        check("45778", Shown::Date, "2025-05-01");
        check("45778.5", Shown::Date, "2025-05-01 12:00");
        check("1", Shown::Date, "1900-01-01");
        check("61", Shown::Date, "1900-03-01");
        check("0.75", Shown::Date, "18:00");
        check(
            "1e300",
            Shown::Date,
            "1e300".parse::<f64>().unwrap().to_string().as_str(),
        );
        check("NaN", Shown::Plain, "NaN");
        assert_eq!(number("0", Shown::Date, true), "1904-01-01");
    }

    #[test]
    fn formats_are_told_by_their_code() {
        let check = |code: &str, expected: Shown| assert_eq!(shown_by(code), expected, "{code}");
        check("yyyy-mm-dd", Shown::Date);
        check("yyyy&quot;年&quot;m&quot;月&quot;", Shown::Date);
        check("0.00%", Shown::Percent);
        check("#,##0.00", Shown::Plain);
        check("[Red]0", Shown::Plain);
        check("0&quot;days&quot;", Shown::Plain);
    }

    #[test]
    fn places_are_rows_and_columns() {
        assert_eq!(place_of("A1"), Some((1, 0)));
        assert_eq!(place_of("$AB$12"), Some((12, 27)));
        assert_eq!(place_of("XFD1048576"), Some((1_048_576, 16_383)));
        for wrong in ["", "1", "A", "A0", "ABCD1", "A99999999999"] {
            assert_eq!(place_of(wrong), None, "{wrong}");
        }
    }
}
