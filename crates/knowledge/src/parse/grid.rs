//! Tables with merged cells → full grids.

use std::collections::BTreeMap;

use super::one_line;
use crate::document::Block;

/// A cell as met: text, spans, and whether it is a title cell.
#[derive(Debug, Clone, Default)]
pub(super) struct Cell {
    pub text: String,
    pub columns: usize,
    pub rows: usize,
    pub title: bool,
}

/// Collects the cells of one table row by row.
#[derive(Debug, Default)]
pub(super) struct Grid {
    rows: Vec<Vec<(String, bool)>>,
    /// Column → (rows still covered, text, title) from cells above that span rows.
    hanging: BTreeMap<usize, (usize, String, bool)>,
    cells: usize,
    most_cells: usize,
}

/// Columns beyond this are dropped: no table a person can read has more.
const MOST_COLUMNS: usize = 200;

impl Grid {
    pub(super) fn new(most_cells: usize) -> Self {
        Self {
            most_cells,
            ..Self::default()
        }
    }

    /// Adds a row; cells beyond the limit are dropped.
    pub(super) fn row(&mut self, cells: Vec<Cell>) {
        let mut row: Vec<(String, bool)> = Vec::new();
        for cell in cells {
            self.fill_hanging(&mut row);
            let text = one_line(&cell.text);
            for _ in 0..cell.columns.clamp(1, MOST_COLUMNS) {
                if row.len() >= MOST_COLUMNS || self.cells >= self.most_cells {
                    break;
                }
                if cell.rows > 1 {
                    self.hanging
                        .insert(row.len(), (cell.rows.min(10_000) - 1, text.clone(), cell.title));
                }
                row.push((text.clone(), cell.title));
                self.cells += 1;
            }
        }
        self.fill_hanging(&mut row);
        if !row.is_empty() {
            self.rows.push(row);
        }
    }

    fn fill_hanging(&mut self, row: &mut Vec<(String, bool)>) {
        while let Some((left, text, title)) = self.hanging.get_mut(&row.len()) {
            row.push((text.clone(), *title));
            self.cells += 1;
            *left -= 1;
            if *left == 0 {
                let at = row.len() - 1;
                self.hanging.remove(&at);
            }
            if row.len() >= MOST_COLUMNS || self.cells >= self.most_cells {
                return;
            }
        }
    }

    /// The table as a block. Leading rows of title cells become the header; without any, a first row of distinct short words does.
    pub(super) fn finish(self) -> Option<Block> {
        let width = self.rows.iter().map(Vec::len).max()?;
        let mut rows: Vec<Vec<(String, bool)>> = self.rows;
        for row in &mut rows {
            row.resize(width, (String::new(), false));
        }
        rows.retain(|row| row.iter().any(|(text, _)| !text.is_empty()));
        let titled = rows
            .iter()
            .take_while(|row| {
                row.iter()
                    .filter(|(text, title)| *title || text.is_empty())
                    .count()
                    == width
            })
            .count();
        let mut header_rows = titled.min(3).min(rows.len().saturating_sub(1));
        let texts =
            |row: &Vec<(String, bool)>| row.iter().map(|(text, _)| text.clone()).collect::<Vec<String>>();
        if header_rows == 0 && rows.len() >= 2 && reads_as_header(&texts(&rows[0]), &texts(&rows[1])) {
            header_rows = 1;
        }
        let header = merged_header(&rows[..header_rows].iter().map(texts).collect::<Vec<_>>());
        let body = rows[header_rows..].iter().map(texts).collect();
        Some(super::table_block(header, body))
    }
}

/// A first row without numbers over a row that differs from it in kind.
pub(super) fn reads_as_header(first: &[String], second: &[String]) -> bool {
    let distinct: std::collections::BTreeSet<&String> = first.iter().collect();
    first.len() >= 2
        && distinct.len() == first.len()
        && first
            .iter()
            .all(|cell| !cell.is_empty() && cell.chars().count() <= 30 && !is_number(cell))
        && (second
            .iter()
            .any(|cell| is_number(cell) || cell.chars().count() > 12)
            || crate::terms::is_code_column(&first[0])
            || first.iter().any(|cell| crate::terms::is_code_column(cell)))
}

fn is_number(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    digits > 0 && digits * 2 >= text.chars().filter(|c| !c.is_whitespace()).count()
}

/// Several header rows joined column by column, a title above two columns going to both.
fn merged_header(rows: &[Vec<String>]) -> Vec<String> {
    let Some(width) = rows.first().map(Vec::len) else {
        return Vec::new();
    };
    (0..width)
        .map(|column| {
            let mut parts: Vec<&str> = Vec::new();
            for row in rows {
                if !row[column].is_empty() && parts.last() != Some(&row[column].as_str()) {
                    parts.push(&row[column]);
                }
            }
            parts.join(" ")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(text: &str, columns: usize, rows: usize, title: bool) -> Cell {
        Cell {
            text: text.into(),
            columns,
            rows,
            title,
        }
    }

    #[test]
    fn merged_cells_stand_in_every_place_they_cover() {
        let mut grid = Grid::new(1000);
        grid.row(vec![
            cell("模式", 1, 1, true),
            cell("室内", 1, 1, true),
            cell("室外", 1, 1, true),
        ]);
        grid.row(vec![
            cell("制冷", 1, 2, false),
            cell("32", 1, 1, false),
            cell("43", 1, 1, false),
        ]);
        grid.row(vec![cell("21", 2, 1, false)]);
        let Some(Block::Table(table)) = grid.finish() else {
            panic!("a table")
        };
        assert_eq!(table.header, ["模式", "室内", "室外"]);
        assert_eq!(table.rows, [["制冷", "32", "43"], ["制冷", "21", "21"]]);
    }

    #[test]
    fn hostile_spans_stay_bounded() {
        let mut grid = Grid::new(500);
        for _ in 0..100 {
            grid.row(vec![cell("x", usize::MAX, usize::MAX, false)]);
        }
        let Some(Block::Table(table)) = grid.finish() else {
            panic!("a table")
        };
        assert!(table.rows.iter().map(Vec::len).sum::<usize>() <= 100 * MOST_COLUMNS);
    }
}
