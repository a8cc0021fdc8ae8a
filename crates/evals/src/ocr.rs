//! `ocr FILE.jsonl`: is the expected text read in a photo, without and with the ticket's value as a hint?

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::json;
use shifu_domain::models::{Priority, TextRecognizer};
use shifu_inspection::{Limits, NameplateReading, decode_detail, read_nameplate};

use crate::data::json_lines;
use crate::report::Report;
use crate::{metrics, timed};

#[derive(Deserialize)]
struct Row {
    image: PathBuf,
    expect: Vec<String>,
    #[serde(default)]
    hint: Option<String>,
}

/// Reads every image. A wrong confirmation is a *wrong* value (another row's hint) that the reading confirms.
///
/// # Errors
/// Malformed rows, images that cannot be decoded, a recogniser that fails.
pub fn run(file: &Path, recognizer: &dyn TextRecognizer) -> Result<Report> {
    let rows: Vec<Row> = json_lines(file)?;
    let hints: Vec<&str> = rows.iter().filter_map(|row| row.hint.as_deref()).collect();
    let (mut read, mut expected, mut confirmed, mut hinted, mut wrong, mut wrong_asked) = (0, 0, 0, 0, 0, 0);
    let mut times = Vec::new();
    let base = file.parent().unwrap_or(Path::new("."));
    for row in &rows {
        let path = base.join(&row.image);
        let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let photo = decode_detail(&bytes, Limits::default())
            .with_context(|| path.display().to_string())?
            .photo;
        let (lines, ms) = timed(|| recognizer.recognize(&photo, Priority::Bulk));
        let lines = lines?;
        times.push(ms);
        let squeeze = |text: &str| text.split_whitespace().collect::<String>().to_uppercase();
        let all: String = lines.iter().map(|line| squeeze(&line.text) + "\n").collect();
        expected += row.expect.len();
        read += row
            .expect
            .iter()
            .filter(|text| all.contains(&squeeze(text)))
            .count();
        if let Some(hint) = &row.hint {
            hinted += 1;
            confirmed += usize::from(matches!(
                read_nameplate(hint, &lines),
                NameplateReading::Confirmed { .. }
            ));
            let mut others: Vec<&str> = hints.iter().copied().filter(|other| other != hint).collect();
            others.sort_unstable();
            others.dedup();
            wrong_asked += others.len();
            let confirms =
                |other: &&&str| matches!(read_nameplate(other, &lines), NameplateReading::Confirmed { .. });
            wrong += others.iter().filter(confirms).count();
        }
    }
    Ok(Report::new(
        "ocr",
        json!({
            "recall": metrics::share(read, expected),
            "recall_with_hint": metrics::share(confirmed, hinted),
            "wrong_confirmations": wrong,
            "wrong_values_tried": wrong_asked,
            "images": rows.len(),
            "ms_per_photo": metrics::quantile(&times, 0.5),
        }),
    ))
}
