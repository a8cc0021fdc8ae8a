//! Reading order of lines: rows from the top, each from the left.

use shifu_domain::models::TextLine;

/// Sorts lines into rows: a line joins a row when its centre is within half a line height of the row's last centre.
pub(super) fn reading_order(lines: Vec<TextLine>, aspect: f32) -> Vec<TextLine> {
    let mut keyed: Vec<(f32, f32, f32, TextLine)> = lines
        .into_iter()
        .map(|line| {
            let [a, b, c, d] = line.corners;
            let centre_y = (a.1 + b.1 + c.1 + d.1) / 4.0;
            let left = a.0.min(d.0);
            let height = ((d.0 - a.0) * aspect)
                .hypot(d.1 - a.1)
                .min(((b.0 - a.0) * aspect).hypot(b.1 - a.1));
            (centre_y, left, height, line)
        })
        .collect();
    keyed.sort_by(|p, q| p.0.total_cmp(&q.0).then(p.1.total_cmp(&q.1)));
    let mut ordered = Vec::with_capacity(keyed.len());
    let mut row: Vec<(f32, f32, f32, TextLine)> = Vec::new();
    for entry in keyed {
        let same_row = row
            .last()
            .is_some_and(|last| (entry.0 - last.0).abs() < 0.5 * last.2.min(entry.2));
        if !same_row {
            flush(&mut row, &mut ordered);
        }
        row.push(entry);
    }
    flush(&mut row, &mut ordered);
    ordered
}

fn flush(row: &mut Vec<(f32, f32, f32, TextLine)>, ordered: &mut Vec<TextLine>) {
    row.sort_by(|p, q| p.1.total_cmp(&q.1));
    ordered.extend(row.drain(..).map(|entry| entry.3));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str, x: f32, y: f32) -> TextLine {
        let corners = [(x, y), (x + 0.2, y), (x + 0.2, y + 0.04), (x, y + 0.04)];
        TextLine {
            text: text.into(),
            confidence: 1.0,
            corners,
            character_confidences: vec![],
        }
    }

    #[test]
    fn rows_go_down_and_their_lines_to_the_right() {
        let lines = vec![
            line("额定电压", 0.1, 0.20),
            line("220V", 0.5, 0.205),
            line("型号", 0.1, 0.10),
            line("KFR-35GW", 0.5, 0.095),
            line("合格", 0.3, 0.90),
        ];
        let texts: Vec<String> = reading_order(lines, 1.0).into_iter().map(|l| l.text).collect();
        assert_eq!(texts, ["型号", "KFR-35GW", "额定电压", "220V", "合格"]);
        assert!(reading_order(vec![], 1.0).is_empty());
    }
}
