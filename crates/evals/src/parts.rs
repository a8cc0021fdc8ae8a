//! `parts TRAIN TEST`: the parts that past repairs predict from a ticket's text, on tickets that were not learnt from.
//!
//! Both files have a line a ticket: `{id, text, parts, product_line?, region?, date?}`. Nothing is chosen by looking at TEST.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;
use serde::Deserialize;
use serde_json::{Value, json};
use shifu_diagnosis::{PartChance, PastRepair, PastRepairs};

use crate::data::json_lines;
use crate::report::Report;
use crate::{metrics, timed};

/// Bins of equal numbers of tickets for the calibration error.
const BINS: usize = 10;
/// Chance below which a surprise is not counted as any larger.
const LOG_LOSS_FLOOR: f64 = 1e-6;
/// Parts listed for each ticket by [`run_with_rows`].
const LISTED: usize = 3;

#[derive(Deserialize)]
struct Row {
    id: String,
    text: String,
    #[serde(default)]
    product_line: Option<String>,
    /// Any of them is right; a ticket without parts is a miss.
    parts: Vec<String>,
}

impl Row {
    fn words(&self) -> String {
        match &self.product_line {
            Some(line) => format!("{line} {}", self.text),
            None => self.text.clone(),
        }
    }
}

/// A ticket of TEST, and what was predicted for it.
struct Predicted {
    row: Row,
    chances: Vec<PartChance>,
    /// None of its parts occurs in TRAIN.
    unknown: bool,
}

/// Runs the task.
///
/// # Errors
/// A file that cannot be read or has no line, or a malformed line.
pub fn run(train: &Path, test: &Path) -> Result<Report> {
    Ok(Report::new("parts", measured(train, test)?.0))
}

/// Runs the task and adds `predictions`: for each ticket of TEST its likeliest three parts, and whether they hit.
///
/// # Errors
/// As [`run`].
pub fn run_with_rows(train: &Path, test: &Path) -> Result<Report> {
    let (mut fields, predicted) = measured(train, test)?;
    fields["predictions"] = predicted.iter().map(listed).collect();
    Ok(Report::new("parts", fields))
}

fn measured(train: &Path, test: &Path) -> Result<(Value, Vec<Predicted>)> {
    let train: Vec<Row> = json_lines(train)?;
    let test: Vec<Row> = json_lines(test)?;
    let known: BTreeSet<String> = train.iter().flat_map(|row| row.parts.iter().cloned()).collect();
    let repairs = train.len();
    let (learnt, fit_ms) = timed(|| PastRepairs::fit(train.into_iter().map(repair), BTreeMap::new()));
    let mut times_ms = Vec::new();
    let mut predicted = Vec::new();
    for row in test {
        let (chances, ms) = timed(|| learnt.predict(&row.words()));
        times_ms.push(ms);
        let unknown = !row.parts.iter().any(|part| known.contains(part));
        predicted.push(Predicted {
            row,
            chances,
            unknown,
        });
    }
    let fields = json!({
        "repairs": repairs,
        "parts": known.len(),
        "tickets": predicted.len(),
        "tickets_with_no_known_part": predicted.iter().filter(|ticket| ticket.unknown).count(),
        "hit_at_1": mean(&predicted, |ticket| ticket.hit(1)),
        "hit_at_3": mean(&predicted, |ticket| ticket.hit(3)),
        "log_loss": mean(&predicted, Predicted::log_loss),
        "calibration_error": calibration_error(&predicted.iter().map(Predicted::top).collect::<Vec<_>>()),
        "fit_ms": fit_ms,
        "predict_p50_ms": metrics::quantile(&times_ms, 0.5),
        "predict_p99_ms": metrics::quantile(&times_ms, 0.99),
    });
    Ok((fields, predicted))
}

fn repair(row: Row) -> PastRepair {
    PastRepair {
        text: row.words(),
        ticket: row.id,
        parts: row.parts,
    }
}

fn mean(predicted: &[Predicted], measure: impl Fn(&Predicted) -> f64) -> f64 {
    metrics::mean(&predicted.iter().map(measure).collect::<Vec<f64>>())
}

fn listed(ticket: &Predicted) -> Value {
    let top = ticket.chances.iter().take(LISTED);
    json!({
        "id": ticket.row.id,
        "hit_at_1": ticket.hit(1) > 0.0,
        "hit_at_3": ticket.hit(3) > 0.0,
        "log_loss": ticket.log_loss(),
        "parts": top.map(|chance| json!({
            "part": chance.part,
            "probability": chance.probability,
            "similar": chance.similar,
        })).collect::<Vec<Value>>(),
    })
}

impl Predicted {
    /// 1 where any of the ticket's parts is among the first `count`.
    fn hit(&self, count: usize) -> f64 {
        let right = |chance: &PartChance| self.row.parts.contains(&chance.part);
        f64::from(u8::from(self.chances.iter().take(count).any(right)))
    }

    /// −ln of the chance given to the ticket's parts, or to "none of those listed" where no part of the ticket is known.
    fn log_loss(&self) -> f64 {
        let chance: f64 = if self.unknown {
            1.0 - self.chances.iter().map(|chance| chance.probability).sum::<f64>()
        } else {
            let right = self
                .chances
                .iter()
                .filter(|chance| self.row.parts.contains(&chance.part));
            right.map(|chance| chance.probability).sum()
        };
        -chance.max(LOG_LOSS_FLOOR).ln()
    }

    /// Chance of the likeliest part, and whether it hit.
    fn top(&self) -> (f64, f64) {
        (
            self.chances.first().map_or(0.0, |chance| chance.probability),
            self.hit(1),
        )
    }
}

/// Expected calibration error: the mean over bins of equal size of |mean chance − share of hits|.
fn calibration_error(tops: &[(f64, f64)]) -> f64 {
    let mut sorted = tops.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let bins = BINS.min(sorted.len());
    (0..bins)
        .map(|bin| {
            let range = bin * sorted.len() / bins..(bin + 1) * sorted.len() / bins;
            let apart: f64 = sorted[range].iter().map(|(chance, hit)| chance - hit).sum();
            apart.abs() / sorted.len() as f64
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calibration_by_hand() {
        // Ten bins of one ticket: eight times |0.8 − 1| and twice |0.8 − 0|, by ten.
        let mut tops = vec![(0.8, 1.0); 8];
        tops.extend([(0.8, 0.0); 2]);
        assert!((calibration_error(&tops) - 0.32).abs() < 1e-12);
        // A chance that is always right.
        assert!(calibration_error(&[(1.0, 1.0); 25]).abs() < 1e-12);
        assert_eq!(calibration_error(&[]), 0.0);
    }
}
