//! Tables with merged cells → full grids.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::{Fault, OverLimit, one_line};
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
    rows: Vec<Vec<Place>>,
    /// Column → what cells above that span rows still cover.
    hanging: BTreeMap<usize, Hanging>,
    cells: usize,
    most_cells: usize,
    /// Whether a cell found no room.
    full: bool,
}

/// One place of the grid; places that one cell covers share its text.
#[derive(Debug, Clone)]
struct Place {
    text: Rc<str>,
    title: bool,
    /// Whether this is the first of the places that the cell covers.
    first: bool,
}

#[derive(Debug)]
struct Hanging {
    rows_left: usize,
    place: Place,
}

/// Columns beyond this are dropped: no table a person can read has more.
pub(super) const MOST_COLUMNS: usize = 200;
/// Bytes that the repeated text of merged cells may take in one table; beyond it only their first place has it.
const MOST_REPEATED_BYTES: usize = 4 << 20;

impl Grid {
    pub(super) fn new(most_cells: usize) -> Self {
        Self {
            most_cells,
            ..Self::default()
        }
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: Vec<Cell>) {
        let mut row: Vec<Place> = Vec::new();
        for cell in cells {
            self.fill_hanging(&mut row);
            self.full |= self.cells >= self.most_cells;
            let text: Rc<str> = one_line(&cell.text).into();
            for at in 0..cell.columns.clamp(1, MOST_COLUMNS) {
                if row.len() >= MOST_COLUMNS || self.cells >= self.most_cells {
                    break;
                }
                let place = |first| Place {
                    text: text.clone(),
                    title: cell.title,
                    first,
                };
                if cell.rows > 1 {
                    let hanging = Hanging {
                        rows_left: cell.rows.min(10_000) - 1,
                        place: place(false),
                    };
                    self.hanging.insert(row.len(), hanging);
                }
                row.push(place(at == 0));
                self.cells += 1;
            }
        }
        self.fill_hanging(&mut row);
        if !row.is_empty() {
            self.rows.push(row);
        }
    }

    fn fill_hanging(&mut self, row: &mut Vec<Place>) {
        while let Some(hanging) = self.hanging.get_mut(&row.len()) {
            if row.len() >= MOST_COLUMNS || self.cells >= self.most_cells {
                return;
            }
            row.push(hanging.place.clone());
            self.cells += 1;
            hanging.rows_left -= 1;
            if hanging.rows_left == 0 {
                let at = row.len() - 1;
                self.hanging.remove(&at);
            }
        }
    }

    /// The table as a block. Leading rows of title cells become the header; without any, a first row of distinct short words does.
    pub(super) fn finish(self) -> Result<Option<Block>, Fault> {
        if self.full {
            return Err(Fault::Over(OverLimit {
                limit: "table_cells",
                max: self.most_cells as u64,
                actual: self.most_cells as u64 + 1,
            }));
        }
        let Some(width) = self.rows.iter().map(Vec::len).max() else {
            return Ok(None);
        };
        // One wide row among many short ones would be padded to a multiple of what was given: its last cells are joined then.
        let width = width.min((2 * self.most_cells / self.rows.len()).max(1));
        let mut repeated = 0;
        let mut rows: Vec<Vec<(String, bool)>> = self
            .rows
            .into_iter()
            .map(|row| written(row, width, &mut repeated))
            .collect();
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
        let body = rows.split_off(header_rows);
        let header = merged_header(&rows.iter().map(texts).collect::<Vec<_>>());
        let body = body
            .into_iter()
            .map(|row| row.into_iter().map(|(text, _)| text).collect())
            .collect();
        Ok(Some(super::table_block(header, body)))
    }
}

/// A row as text, `width` wide.
fn written(row: Vec<Place>, width: usize, repeated: &mut usize) -> Vec<(String, bool)> {
    let mut out: Vec<(String, bool)> = Vec::with_capacity(width);
    for place in row {
        let fits = place.first || *repeated + place.text.len() <= MOST_REPEATED_BYTES;
        if !place.first && fits {
            *repeated += place.text.len();
        }
        let text = if fits { &*place.text } else { "" };
        if out.len() < width {
            out.push((text.to_owned(), place.title));
        } else if let Some((last, _)) = out.last_mut() {
            last.push(' ');
            last.push_str(text);
        }
    }
    out.resize(width, (String::new(), false));
    out
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
        let Ok(Some(Block::Table(table))) = grid.finish() else {
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
        let over = grid.finish().map(|_| ());
        assert!(
            matches!(
                over,
                Err(Fault::Over(OverLimit {
                    limit: "table_cells",
                    max: 500,
                    ..
                }))
            ),
            "{over:?}"
        );
    }

    #[test]
    fn a_long_text_in_a_wide_cell_is_not_multiplied_without_end() {
        let mut grid = Grid::new(20_000);
        grid.row(vec![cell(&"长".repeat(1 << 20), 200, 90, false)]);
        for _ in 0..89 {
            grid.row(vec![cell("尾", 1, 1, false)]);
        }
        let Ok(Some(Block::Table(table))) = grid.finish() else {
            panic!("a table")
        };
        let bytes: usize = table.rows.iter().flatten().map(String::len).sum();
        assert!(
            bytes <= (3 << 20) + MOST_REPEATED_BYTES + 89 * 3,
            "{bytes} bytes of text in the table"
        );
    }

    #[test]
    fn one_wide_row_does_not_widen_all_others() {
        let mut grid = Grid::new(2_000);
        grid.row((0..200).map(|at| cell(&format!("c{at}"), 1, 1, false)).collect());
        for _ in 0..1_000 {
            grid.row(vec![cell("窄", 1, 1, false)]);
        }
        let Ok(Some(Block::Table(table))) = grid.finish() else {
            panic!("a table")
        };
        let all: Vec<&String> = table.header.iter().chain(table.rows.iter().flatten()).collect();
        assert!(all.len() <= 4_000, "{} places", all.len());
        assert!(all.iter().any(|text| text.ends_with("c199")), "no text is lost");
    }
}
