//! Glyphs at positions → reading order: words, rows, tables, paragraphs.
//!
//! Rows are groups of glyphs on one baseline. Where two or more rows keep the same gaps open (or horizontal rules frame them),
//! they are a table and every cell stays with its row; where a page's rows are two columns of running text, the columns are
//! read one after the other. Every block comes with the boxes of its lines.

use crate::document::{Block, Table, opens_as_warning};

use super::{grid, plain};

/// A glyph's text and place; y grows downwards, lengths in points.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Glyph {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub size: f64,
    pub text: String,
}

/// A horizontal rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rule {
    pub x0: f64,
    pub x1: f64,
    pub y: f64,
}

/// A vertical rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Upright {
    pub x: f64,
    pub y0: f64,
    pub y1: f64,
}

/// The lines drawn on a page.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Lines {
    pub rules: Vec<Rule>,
    pub uprights: Vec<Upright>,
}

/// A box on the page, in points, y downwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Frame {
    pub x0: f64,
    pub y0: f64,
    pub x1: f64,
    pub y1: f64,
}

impl Frame {
    fn around(self, other: Self) -> Self {
        Self {
            x0: self.x0.min(other.x0),
            y0: self.y0.min(other.y0),
            x1: self.x1.max(other.x1),
            y1: self.y1.max(other.y1),
        }
    }
}

/// A block and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed {
    pub block: Block,
    /// Box of each line with the character of the block's text it begins at; of a table: with the number of the row, the header
    /// being 0 where there is one.
    pub frames: Vec<(usize, Frame)>,
}

/// Text without a gap wider than a word space.
#[derive(Debug, Clone, PartialEq)]
struct Cell {
    x0: f64,
    x1: f64,
    text: String,
}

/// Cells on one baseline, left to right.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    y: f64,
    size: f64,
    cells: Vec<Cell>,
}

impl Row {
    fn text(&self) -> String {
        self.cells
            .iter()
            .map(|cell| cell.text.as_str())
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn x0(&self) -> f64 {
        self.cells.first().map_or(0.0, |cell| cell.x0)
    }

    fn x1(&self) -> f64 {
        self.cells.last().map_or(0.0, |cell| cell.x1)
    }

    /// Ascenders reach 0.88 of the size above the baseline in common fonts, descenders 0.22 below.
    fn frame(&self) -> Frame {
        Frame {
            x0: self.x0(),
            y0: self.y - 0.88 * self.size,
            x1: self.cells.iter().map(|cell| cell.x1).fold(self.x1(), f64::max),
            y1: self.y + 0.22 * self.size,
        }
    }

    /// What stays the same of each cell when a header or footer is repeated: digits masked, with its place.
    pub(super) fn repeat_keys(&self) -> Vec<(i64, String)> {
        let masked = |text: &str| {
            let mut out = String::new();
            for c in text.chars() {
                if !c.is_ascii_digit() {
                    out.push(c);
                } else if !out.ends_with('#') {
                    out.push('#');
                }
            }
            out
        };
        self.cells
            .iter()
            .map(|cell| ((self.y / 4.0).round() as i64, masked(&cell.text)))
            .collect()
    }

    pub(super) fn size(&self) -> f64 {
        self.size
    }

    pub(super) fn set_size(&mut self, size: f64) {
        self.size = size;
    }

    /// Characters by font size in half points.
    pub(super) fn size_class(&self) -> (u32, usize) {
        (
            (self.size * 2.0).round().max(0.0) as u32,
            self.text().chars().count(),
        )
    }
}

/// Groups glyphs into rows, top to bottom.
pub(super) fn rows(mut glyphs: Vec<Glyph>, uprights: &[Upright]) -> Vec<Row> {
    glyphs.retain(|g| g.size > 0.5 && g.x.is_finite() && g.y.is_finite() && g.width.is_finite());
    glyphs.sort_by(|a, b| a.y.total_cmp(&b.y));
    let mut lines: Vec<Vec<Glyph>> = Vec::new();
    for glyph in glyphs {
        match lines.last_mut() {
            Some(line) if same_baseline(line, &glyph) => line.push(glyph),
            _ => lines.push(vec![glyph]),
        }
    }
    lines.into_iter().filter_map(|line| row(line, uprights)).collect()
}

/// Superscripts and units sit a little above; a third of the size is still the same row.
fn same_baseline(line: &[Glyph], glyph: &Glyph) -> bool {
    line.first()
        .is_some_and(|first| (glyph.y - first.y).abs() <= 0.35 * first.size.max(glyph.size))
}

fn row(mut line: Vec<Glyph>, uprights: &[Upright]) -> Option<Row> {
    line.sort_by(|a, b| a.x.total_cmp(&b.x));
    line.dedup_by(|b, a| a.text == b.text && (a.x - b.x).abs() < 0.12 * a.size);
    let size = line.iter().map(|g| g.size).fold(0.0, f64::max);
    let y = line.iter().map(|g| g.y).fold(f64::MIN, f64::max);
    let dividers: Vec<f64> = uprights
        .iter()
        .filter(|rule| rule.y0 < y - 0.2 * size && rule.y1 > y - 0.4 * size)
        .map(|rule| rule.x)
        .collect();
    let divided = |from: f64, to: f64| {
        dividers
            .iter()
            .any(|&x| x > from - 1.0 && x < to + 1.0 && to > from - 1.0)
    };
    let mut cells: Vec<Cell> = Vec::new();
    for glyph in &line {
        let blank = glyph.text.chars().all(char::is_whitespace);
        match cells.last_mut() {
            Some(cell) if glyph.x - cell.x1 < 1.0 * glyph.size && !divided(cell.x1, glyph.x) => {
                if blank {
                    if !cell.text.ends_with(' ') && !cell.text.is_empty() {
                        cell.text.push(' ');
                    }
                    // Blanks do not widen the cell, so that a run of them is a gap.
                    continue;
                }
                let gap = glyph.x - cell.x1 > 0.18 * glyph.size && !cell.text.ends_with(' ');
                if gap && needs_space(&cell.text, &glyph.text) {
                    cell.text.push(' ');
                }
                cell.text.push_str(&glyph.text);
                cell.x1 = cell.x1.max(glyph.x + glyph.width);
            }
            _ if blank => {}
            _ => cells.push(Cell {
                x0: glyph.x,
                x1: glyph.x + glyph.width,
                text: glyph.text.clone(),
            }),
        }
    }
    for cell in &mut cells {
        cell.text = cell.text.trim().to_owned();
    }
    cells.retain(|cell| !cell.text.is_empty());
    // The marker of a list stands apart from its text.
    if cells.len() >= 2 && is_marker(&cells[0].text) && dividers.is_empty() {
        let rest = cells.remove(1);
        cells[0].text = format!("{} {}", cells[0].text, rest.text);
        cells[0].x1 = rest.x1;
    }
    (!cells.is_empty()).then_some(Row { y, size, cells })
}

/// `1.`, `（2）`, `①`, `•` and nothing more.
fn is_marker(text: &str) -> bool {
    let bare = text.trim_matches(['(', ')', '（', '）', '.', '、', '．']);
    let number = !bare.is_empty()
        && bare.len() <= 2
        && bare.bytes().all(|b| b.is_ascii_digit())
        && bare.len() < text.len();
    number
        || matches!(text, "•" | "·" | "●" | "○" | "■" | "◆" | "▪" | "-" | "–" | "*")
        || (text.chars().count() == 1 && text.chars().all(|c| ('①'..='⑳').contains(&c)))
}

fn needs_space(before: &str, after: &str) -> bool {
    let latin =
        |c: Option<char>| c.is_some_and(|c| c.is_ascii_graphic() || ('\u{c0}'..'\u{250}').contains(&c));
    latin(before.chars().last()) && latin(after.chars().next())
}

/// Rows of a page → blocks. `body` is the size of running text, `headings` the larger sizes, largest first (in half points).
pub(super) fn blocks(rows: &[Row], lines: &Lines, body: u32, headings: &[u32]) -> Vec<Placed> {
    if let Some((left, right)) = two_columns(rows) {
        let mut out = blocks_in_order(&left, &Lines::default(), body, headings);
        out.extend(blocks_in_order(&right, &Lines::default(), body, headings));
        return out;
    }
    blocks_in_order(rows, lines, body, headings)
}

fn blocks_in_order(rows: &[Row], lines: &Lines, body: u32, headings: &[u32]) -> Vec<Placed> {
    let mut out = Vec::new();
    let mut at = 0;
    let mut running: Vec<&Row> = Vec::new();
    while at < rows.len() {
        if let Some((end, table)) = ruled_table(rows, at, lines).or_else(|| gap_table(rows, at)) {
            paragraphs(&std::mem::take(&mut running), body, headings, &mut out);
            out.push(table);
            at = end;
        } else {
            running.push(&rows[at]);
            at += 1;
        }
    }
    paragraphs(&running, body, headings, &mut out);
    out
}

/// Two columns of running text: one gap down the page with long lines on both sides of most rows.
fn two_columns(rows: &[Row]) -> Option<(Vec<Row>, Vec<Row>)> {
    let pairs: Vec<&Row> = rows.iter().filter(|row| row.cells.len() == 2).collect();
    if pairs.len() < 8 || pairs.len() * 3 < rows.len() {
        return None;
    }
    let long = |cell: &Cell, size: f64| cell.x1 - cell.x0 > 14.0 * size;
    let full = pairs
        .iter()
        .filter(|row| row.cells.iter().all(|cell| long(cell, row.size)))
        .count();
    if full * 5 < pairs.len() * 3 {
        return None;
    }
    let mut starts: Vec<f64> = pairs.iter().map(|row| row.cells[1].x0).collect();
    starts.sort_by(f64::total_cmp);
    let gutter = starts[starts.len() / 2] - 2.0;
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for row in rows {
        // A heading across both columns ends the attempt: its order would be lost.
        if row
            .cells
            .iter()
            .any(|cell| cell.x0 < gutter - 20.0 && cell.x1 > gutter + 20.0)
        {
            return None;
        }
        let (to_left, to_right): (Vec<Cell>, Vec<Cell>) =
            row.cells.iter().cloned().partition(|cell| cell.x0 < gutter);
        for (cells, side) in [(to_left, &mut left), (to_right, &mut right)] {
            if !cells.is_empty() {
                side.push(Row {
                    y: row.y,
                    size: row.size,
                    cells,
                });
            }
        }
    }
    Some((left, right))
}

/// A table framed by horizontal rules that starts with row `at`: the text between two neighbouring rules is one table row.
fn ruled_table(rows: &[Row], at: usize, lines: &Lines) -> Option<(usize, Placed)> {
    let (first, rules) = (&rows[at], &lines.rules);
    let covers = |rule: &Rule, row: &Row| rule.x0 <= row.x0() + 3.0 && rule.x1 >= row.x1() - 3.0;
    let top = rules
        .iter()
        .filter(|rule| rule.y < first.y && first.y - rule.y < 4.0 * first.size && covers(rule, first))
        .max_by(|a, b| a.y.total_cmp(&b.y))?;
    let alike = |rule: &&Rule| (rule.x0 - top.x0).abs() < 6.0 && (rule.x1 - top.x1).abs() < 6.0;
    let mut bounds: Vec<f64> = vec![top.y];
    for rule in rules.iter().filter(alike).filter(|rule| rule.y > top.y + 1.0) {
        let last = bounds[bounds.len() - 1];
        if rule.y - last < 2.0 {
            continue;
        }
        // Text left of the frame or a band without text ends the table.
        let inside = rows[at..].iter().any(|row| row.y > last && row.y < rule.y + 1.0);
        if !inside || rule.y - last > 400.0 {
            break;
        }
        // Two rules far apart with running text between them (a page's header line, the first line of a table) frame no row.
        let middle = (last + rule.y) / 2.0;
        let divided = lines.uprights.iter().any(|upright| {
            upright.y0 < middle && upright.y1 > middle && upright.x > top.x0 + 3.0 && upright.x < top.x1 - 3.0
        });
        let inside: Vec<&Cell> = rows[at..]
            .iter()
            .filter(|row| row.y > last && row.y < rule.y + 1.0)
            .flat_map(|row| &row.cells)
            .collect();
        let apart = inside
            .iter()
            .any(|cell| inside.iter().any(|other| other.x0 > cell.x1 + 4.0));
        if !divided && !apart {
            break;
        }
        bounds.push(rule.y);
    }
    let bottom = *bounds.last()?;
    let end = at + rows[at..].iter().take_while(|row| row.y < bottom + 1.0).count();
    if bounds.len() < 3 || end <= at + 1 {
        return None;
    }
    let region = &rows[at..end];
    let columns = columns(region);
    if columns.len() < 2 {
        return None;
    }
    let mut grid = vec![Line::of(columns.len()); bounds.len() - 1];
    for row in region {
        let band = bounds
            .iter()
            .rposition(|&y| y < row.y - 0.2 * row.size)
            .unwrap_or(0)
            .min(grid.len() - 1);
        grid[band].put(row, &columns);
    }
    Some((end, table_of(grid)))
}

/// A table by gaps alone: two or more rows in a row with the same open gaps; a row whose first column is empty goes on with the
/// cell above.
fn gap_table(rows: &[Row], at: usize) -> Option<(usize, Placed)> {
    if rows[at].cells.len() < 2 {
        return None;
    }
    let mut end = at + 1;
    while end < rows.len() {
        let (above, row) = (&rows[end - 1], &rows[end]);
        let near = row.y - above.y < 2.8 * above.size.max(row.size);
        let aligned = row.cells.len() >= 2
            || (row.x0() > rows[at].x0() + rows[at].size
                && rows[at].cells.iter().any(|cell| (cell.x0 - row.x0()).abs() < 2.0));
        if !near || !aligned {
            break;
        }
        end += 1;
    }
    let region = &rows[at..end];
    if region.iter().filter(|row| row.cells.len() >= 2).count() < 2 {
        return None;
    }
    let columns = columns(region);
    if columns.len() < 2 {
        return None;
    }
    let mut grid: Vec<Line> = Vec::new();
    for row in region {
        let mut line = Line::of(columns.len());
        line.put(row, &columns);
        match grid.last_mut() {
            Some(last) if line.cells[0].is_empty() => last.goes_on(line),
            _ => grid.push(line),
        }
    }
    (grid.len() >= 2).then(|| (end, table_of(grid)))
}

/// Column intervals of a region: places that hardly any cell crosses separate them.
fn columns(rows: &[Row]) -> Vec<(f64, f64)> {
    let mut cells: Vec<&Cell> = rows.iter().flat_map(|row| &row.cells).collect();
    // A cell across several columns (a caption, a merged title) would close the gaps: rows of one wide cell are left out.
    let widest = rows.iter().map(|row| row.cells.len()).max().unwrap_or(1);
    if widest >= 2 {
        let single: Vec<&Cell> = rows
            .iter()
            .filter(|row| row.cells.len() == 1 && widest > 2)
            .flat_map(|row| &row.cells)
            .collect();
        let spread = rows.iter().map(Row::x1).fold(f64::MIN, f64::max)
            - rows.iter().map(Row::x0).fold(f64::MAX, f64::min);
        cells.retain(|cell| {
            !(single.iter().any(|s| std::ptr::eq(*s, *cell)) && cell.x1 - cell.x0 > 0.5 * spread)
        });
    }
    cells.sort_by(|a, b| a.x0.total_cmp(&b.x0));
    let mut columns: Vec<(f64, f64)> = Vec::new();
    for cell in cells {
        match columns.last_mut() {
            Some(column) if cell.x0 < column.1 + 1.0 => column.1 = column.1.max(cell.x1),
            _ => columns.push((cell.x0, cell.x1)),
        }
    }
    columns
}

/// A table row in the making.
#[derive(Debug, Clone)]
struct Line {
    cells: Vec<String>,
    frame: Option<Frame>,
}

impl Line {
    fn of(columns: usize) -> Self {
        Self {
            cells: vec![String::new(); columns],
            frame: None,
        }
    }

    fn put(&mut self, row: &Row, columns: &[(f64, f64)]) {
        for cell in &row.cells {
            let middle = (cell.x0 + cell.x1) / 2.0;
            let at = columns
                .iter()
                .position(|&(x0, x1)| cell.x0 < x1 + 0.5 && cell.x1 > x0 - 0.5)
                .or_else(|| columns.iter().rposition(|&(x0, _)| x0 <= middle))
                .unwrap_or(0);
            join(&mut self.cells[at], &cell.text);
        }
        self.widen(Some(row.frame()));
    }

    fn goes_on(&mut self, more: Line) {
        for (cell, more) in self.cells.iter_mut().zip(more.cells) {
            join(cell, &more);
        }
        self.widen(more.frame);
    }

    fn widen(&mut self, more: Option<Frame>) {
        self.frame = match (self.frame, more) {
            (Some(frame), Some(more)) => Some(frame.around(more)),
            (frame, more) => frame.or(more),
        };
    }
}

/// Joins wrapped text: a space between Latin words, nothing between ideographs.
fn join(text: &mut String, more: &str) {
    if !text.is_empty() && !more.is_empty() && needs_space(text, more) {
        text.push(' ');
    }
    text.push_str(more);
}

fn table_of(mut grid: Vec<Line>) -> Placed {
    grid.retain(|line| line.cells.iter().any(|cell| !cell.is_empty()));
    let header = grid.len() >= 2
        && (grid::reads_as_header(&grid[0].cells, &grid[1].cells)
            || (grid.len() >= 3
                && grid[0]
                    .cells
                    .iter()
                    .all(|cell| !cell.is_empty() && cell.chars().count() <= 20 && !starts_with_digit(cell))));
    let frames = grid
        .iter()
        .enumerate()
        .filter_map(|(at, line)| Some((at, line.frame?)))
        .collect();
    let mut rows: Vec<Vec<String>> = grid.into_iter().map(|line| line.cells).collect();
    let header = if header { rows.remove(0) } else { Vec::new() };
    Placed {
        block: Block::Table(Table { header, rows }),
        frames,
    }
}

fn starts_with_digit(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

/// Rows outside tables → headings, items, warnings and paragraphs.
fn paragraphs(rows: &[&Row], body: u32, headings: &[u32], out: &mut Vec<Placed>) {
    let margin = rows.iter().map(|row| row.x1()).fold(0.0, f64::max);
    let mut open = Open::default();
    let mut above: Option<&Row> = None;
    for (at, row) in rows.iter().enumerate() {
        let text = row.text();
        let (size, length) = row.size_class();
        let clearly = f64::from(size) >= 1.12 * f64::from(body);
        let stands_alone = length <= 40
            && !plain::is_item(&text)
            && !text.ends_with(['。', '；', '，', '：', '.', ';', ',', ':'])
            && rows
                .get(at + 1)
                .is_none_or(|next| next.size_class().0 != size || next.y - row.y > 2.2 * row.size);
        let level = headings
            .iter()
            .position(|&h| h == size)
            .filter(|_| size > body && ((clearly && length <= 60) || stands_alone));
        if let Some(level) = level {
            flush(&mut open, out);
            let level = u8::try_from(level + 1).unwrap_or(9).min(9);
            match (out.last_mut(), above) {
                // A title over two lines.
                (
                    Some(Placed {
                        block:
                            Block::Heading {
                                text: title,
                                level: same,
                            },
                        frames,
                    }),
                    Some(last),
                ) if *same == level && last.size_class().0 == size && row.y - last.y < 1.6 * row.size => {
                    frames.push((title.chars().count(), row.frame()));
                    join(title, &text);
                }
                _ => out.push(Placed {
                    block: Block::Heading { level, text },
                    frames: vec![(0, row.frame())],
                }),
            }
        } else {
            let breaks = plain::is_item(&text)
                || plain::numbered_heading(&text).is_some()
                || above.is_none_or(|last| {
                    let gap = row.y - last.y > 1.75 * row.size.max(last.size);
                    let sentence_ended = last
                        .text()
                        .ends_with(['。', '！', '？', '.', '!', '?', '：', ':', '；']);
                    let short = last.x1() < margin - 4.0 * last.size;
                    let after_heading = plain::numbered_heading(&last.text()).is_some();
                    gap || after_heading
                        || (sentence_ended && (short || row.x0() > last.x0() + 1.2 * row.size))
                });
            if breaks {
                flush(&mut open, out);
            } else if above.is_some_and(|last| last.x1() < margin - 4.0 * last.size) && !open.text.is_empty()
            {
                // A line that ends early was ended on purpose.
                open.text.push('\n');
            }
            open.frames.push((open.text.chars().count(), row.frame()));
            join(&mut open.text, &text);
        }
        above = Some(row);
    }
    flush(&mut open, out);
}

/// Lines of running text that belong together.
#[derive(Default)]
struct Open {
    text: String,
    frames: Vec<(usize, Frame)>,
}

fn flush(open: &mut Open, out: &mut Vec<Placed>) {
    let Open { text, frames } = std::mem::take(open);
    if text.is_empty() {
        return;
    }
    let block = if opens_as_warning(&text) {
        Block::Warning(text)
    } else if let Some(level) = plain::numbered_heading(&text) {
        Block::Heading {
            level: (level + 1).min(9),
            text,
        }
    } else if plain::is_item(&text) {
        Block::Item(text)
    } else {
        Block::Paragraph(text)
    };
    out.push(Placed { block, frames });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glyphs(x: f64, y: f64, text: &str) -> Vec<Glyph> {
        text.chars()
            .enumerate()
            .map(|(at, c)| Glyph {
                x: x + 10.0 * at as f64,
                y,
                width: 10.0,
                size: 10.0,
                text: c.to_string(),
            })
            .collect()
    }

    fn laid_out(pieces: &[(f64, f64, &str)], rules: &[Rule]) -> Vec<Block> {
        placed(pieces, rules)
            .into_iter()
            .map(|placed| placed.block)
            .collect()
    }

    fn placed(pieces: &[(f64, f64, &str)], rules: &[Rule]) -> Vec<Placed> {
        blocks(
            &rows(
                pieces
                    .iter()
                    .flat_map(|&(x, y, text)| glyphs(x, y, text))
                    .collect(),
                &[],
            ),
            &Lines {
                rules: rules.to_vec(),
                uprights: Vec::new(),
            },
            20,
            &[],
        )
    }

    #[test]
    fn cells_of_a_row_stay_together() {
        let found = laid_out(
            &[
                (0., 10., "代码"),
                (50., 10., "故障名称"),
                (0., 25., "E6"),
                (50., 25., "通信故障"),
                (0., 40., "F1"),
                (50., 40.2, "感温包"),
            ],
            &[],
        );
        let [Block::Table(table)] = &found[..] else {
            panic!("{found:?}")
        };
        assert_eq!(table.header, ["代码", "故障名称"]);
        assert_eq!(table.rows, [["E6", "通信故障"], ["F1", "感温包"]]);
    }

    #[test]
    fn blocks_know_the_boxes_of_their_lines() {
        let found = placed(
            &[
                (0., 10., "左边一栏的文字"),
                (0., 25., "第二行"),
                (0., 100., "E6"),
                (50., 100., "通信故障"),
                (0., 115., "F1"),
                (50., 115., "感温包"),
            ],
            &[],
        );
        let frame = |x1: f64, y: f64| Frame {
            x0: 0.0,
            y0: y - 8.8,
            x1,
            y1: y + 2.2,
        };
        assert_eq!(found[0].frames, [(0, frame(70.0, 10.0)), (7, frame(30.0, 25.0))]);
        assert_eq!(
            found[1].frames,
            [(0, frame(90.0, 100.0)), (1, frame(80.0, 115.0))]
        );
    }

    #[test]
    fn rules_keep_wrapped_cells_in_their_row() {
        let rules: Vec<Rule> = [0.0, 14.0, 44.0, 60.0]
            .map(|y| Rule {
                x0: 0.0,
                x1: 200.0,
                y,
            })
            .to_vec();
        let found = laid_out(
            &[
                (2., 10., "代码"),
                (50., 10., "处理"),
                (50., 25., "检查连接线"),
                (2., 32., "E6"),
                (50., 40., "更换主板"),
                (2., 55., "F1"),
                (50., 55., "更换"),
            ],
            &rules,
        );
        let [Block::Table(table)] = &found[..] else {
            panic!("{found:?}")
        };
        assert_eq!(table.rows, [["E6", "检查连接线更换主板"], ["F1", "更换"]]);
    }

    #[test]
    fn upright_rules_divide_cells_without_a_gap() {
        let line: Vec<Glyph> = glyphs(0.0, 10.0, "代码")
            .into_iter()
            .chain(glyphs(23.0, 10.0, "名称"))
            .collect();
        let rules = [Upright {
            x: 21.5,
            y0: 0.0,
            y1: 12.0,
        }];
        assert_eq!(rows(line.clone(), &rules)[0].cells.len(), 2);
        assert_eq!(rows(line, &[])[0].cells.len(), 1);
    }

    #[test]
    fn a_list_is_no_table() {
        let found = laid_out(
            &[
                (0., 10., "1."),
                (40., 10., "断电"),
                (0., 25., "2."),
                (40., 25., "拆板"),
            ],
            &[],
        );
        assert_eq!(
            found,
            [Block::Item("1. 断电".into()), Block::Item("2. 拆板".into())]
        );
    }

    #[test]
    fn columns_of_text_are_read_one_after_the_other() {
        let mut pieces = Vec::new();
        for row in 0..10 {
            pieces.push((
                0.0,
                15.0 * f64::from(row),
                "左边一栏的文字有二十个字那么长才算得上是正文",
            ));
            pieces.push((
                300.0,
                15.0 * f64::from(row),
                "右边一栏的文字也有二十个字那么长才算得上正文",
            ));
        }
        let found = laid_out(&pieces, &[]);
        let text = format!("{found:?}");
        assert!(text.rfind("左边").unwrap() < text.find("右边").unwrap(), "{text}");
    }

    #[test]
    fn latin_words_get_their_spaces_back() {
        let mut line = glyphs(0.0, 10.0, "High");
        line.extend(glyphs(44.0, 10.0, "pressure"));
        assert_eq!(rows(line, &[])[0].text(), "High pressure");
    }
}
