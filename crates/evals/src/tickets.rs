//! `summaries`, `fields` and `intake`: what the tickets crate makes of dialogues and notes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use shifu_diagnosis::{Bom, FaultTree, lexicon_entries};
use shifu_domain::recognise::{Lexicon, LexiconEntries, common_product_lines};
use shifu_domain::{Dialogue, FormKind, Summary, SummaryFields, SummaryLine};
use shifu_tickets::rouge::{Rouge, mean, rouge};
use shifu_tickets::scoring::{FieldCounts, score_fields};
use shifu_tickets::{IntakeReader, StructuredTicket, Summarizer};

use crate::data::{json_lines, read_text};
use crate::questions::document_entries;
use crate::report::Report;
use crate::{metrics, timed};

/// The words of the appliance whose `bom.toml` and `fault-tree.toml` stand beside `file`; none where there are none.
///
/// # Errors
/// Files that are there but malformed.
pub fn lexicon_beside(file: &Path) -> Result<Arc<Lexicon>> {
    let mut entries = LexiconEntries::default();
    contribute(&mut entries, file.parent().unwrap_or(Path::new(".")))?;
    Ok(Arc::new(Lexicon::new(entries)))
}

/// Adds what the parts list, fault tree and documents in a folder name; nothing where it has no parts list and tree.
///
/// # Errors
/// Files that are there but malformed.
pub(crate) fn contribute(entries: &mut LexiconEntries, dir: &Path) -> Result<()> {
    let (bom, tree) = (dir.join("bom.toml"), dir.join("fault-tree.toml"));
    if !bom.is_file() || !tree.is_file() {
        return Ok(());
    }
    let bom = Bom::from_toml(&read_text(&bom)?, &bom.to_string_lossy())?;
    let tree = FaultTree::from_toml(&read_text(&tree)?, &tree.to_string_lossy())?;
    let own = lexicon_entries(&tree, &bom);
    entries.parts.extend(own.parts);
    entries.fault_codes.extend(own.fault_codes);
    entries.symptoms.extend(own.symptoms);
    entries.product_lines = common_product_lines();
    if let Ok(documents) = document_entries(dir) {
        let models = documents.into_iter().flat_map(|document| document.models);
        entries.models.extend(models);
        entries.models.sort();
        entries.models.dedup();
    }
    Ok(())
}

#[derive(Deserialize)]
struct SummaryRow {
    dialogue: Dialogue,
    #[serde(default)]
    reference: String,
    #[serde(default)]
    reference_by_role: Option<RoleReferences>,
    #[serde(default)]
    fields: Option<ExpectedFields>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RoleReferences {
    customer: String,
    agent: String,
    technician: String,
}

/// Expected fields carry no confidence.
type ExpectedFields = Map<String, Value>;

/// Character ROUGE of overall and role summaries against references, and how much is said in how many characters.
///
/// # Errors
/// Malformed rows, or a dialogue that cannot be summarised.
pub fn summaries(file: &Path) -> Result<Report> {
    let rows: Vec<SummaryRow> = json_lines(file)?;
    let summarizer = Summarizer::new(lexicon_beside(file)?);
    let (mut overall, mut roles, mut times, mut characters) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for row in &rows {
        let (summary, ms) = timed(|| summarizer.summarize(&row.dialogue, FormKind::Overall));
        let summary = summary?;
        times.push(ms);
        let text = joined(&summary.summary);
        characters.push(text.chars().count() as f64);
        overall.push(rouge(&text, &row.reference));
        if let Some(reference) = &row.reference_by_role {
            roles.extend(by_role(&summary, reference));
        }
    }
    let (overall, roles) = (mean(&overall), mean(&roles));
    Ok(Report::new(
        "summaries",
        json!({
            "rouge_1": overall.rouge_1, "rouge_2": overall.rouge_2, "rouge_l": overall.rouge_l,
            "by_role": { "rouge_1": roles.rouge_1, "rouge_2": roles.rouge_2, "rouge_l": roles.rouge_l },
            "mean_characters": metrics::mean(&characters),
            "dialogues": rows.len(),
            "ms_per_dialogue": metrics::quantile(&times, 0.5),
        }),
    ))
}

fn joined(lines: &[SummaryLine]) -> String {
    lines.iter().map(|line| line.text.as_str()).collect()
}

fn by_role(summary: &Summary, reference: &RoleReferences) -> Vec<Rouge> {
    let roles = &summary.by_role;
    let pairs = [
        (&roles.customer, &reference.customer),
        (&roles.agent, &reference.agent),
        (&roles.technician, &reference.technician),
    ];
    pairs
        .iter()
        .filter(|(_, expected)| !expected.is_empty())
        .map(|(ours, expected)| rouge(&joined(ours), expected))
        .collect()
}

/// Precision, recall and F1 of the fields, and fields without a line (there must be none).
///
/// # Errors
/// Malformed rows.
pub fn fields(file: &Path) -> Result<Report> {
    let rows: Vec<SummaryRow> = json_lines(file)?;
    let summarizer = Summarizer::new(lexicon_beside(file)?);
    let mut counts: BTreeMap<&'static str, FieldCounts> = BTreeMap::new();
    let (mut ungrounded, mut times) = (0, Vec::new());
    for (at, row) in rows.iter().enumerate() {
        let (summary, ms) = timed(|| summarizer.summarize(&row.dialogue, FormKind::Overall));
        let summary = summary?;
        times.push(ms);
        let expected = expected_fields(row.fields.clone().unwrap_or_default())
            .with_context(|| format!("fields of row {}", at + 1))?;
        for (name, found) in score_fields(&summary.fields, &expected) {
            let sum = counts.entry(name).or_default();
            *sum = sum.plus(found);
        }
        ungrounded += ungrounded_fields(&summary.fields, row.dialogue.lines.len())?;
    }
    let all = counts
        .values()
        .fold(FieldCounts::default(), |sum, one| sum.plus(*one));
    let table = |counts: &FieldCounts| json!({ "f1": counts.f1(), "given": counts.given, "expected": counts.expected });
    Ok(Report::new(
        "fields",
        json!({
            "precision": all.precision(), "recall": all.recall(), "f1": all.f1(),
            "right_lines": metrics::share(all.right_lines, all.expected),
            "ungrounded": ungrounded,
            "by_field": counts.iter().map(|(name, counts)| ((*name).to_owned(), table(counts))).collect::<Map<_, _>>(),
            "dialogues": rows.len(),
            "ms_per_dialogue": metrics::quantile(&times, 0.5),
        }),
    ))
}

/// Expected fields, each given a confidence of 1 where the data has none.
fn expected_fields(mut fields: ExpectedFields) -> Result<SummaryFields> {
    for field in fields.values_mut().filter_map(Value::as_object_mut) {
        field.entry("confidence").or_insert(json!(1.0));
    }
    Ok(serde_json::from_value(Value::Object(fields))?)
}

/// Fields whose lines are missing or outside the dialogue.
fn ungrounded_fields(fields: &SummaryFields, dialogue_lines: usize) -> Result<usize> {
    let Value::Object(fields) = serde_json::to_value(fields)? else {
        return Ok(0);
    };
    let grounded = |field: &Value| {
        let lines = field["lines"].as_array().map(Vec::as_slice).unwrap_or_default();
        let exists = |line: &Value| {
            line.as_u64()
                .is_some_and(|line| line >= 1 && line <= dialogue_lines as u64)
        };
        !lines.is_empty() && lines.iter().all(exists)
    };
    Ok(fields
        .values()
        .filter(|field| !field.is_null() && !grounded(field))
        .count())
}

#[derive(Deserialize)]
struct IntakeRow {
    text: String,
    #[serde(default)]
    received_at: Option<jiff::Timestamp>,
    expect: Map<String, Value>,
}

/// Precision, recall and F1 of what is read from notes, field by field; values must be equal.
///
/// # Errors
/// Malformed rows.
pub fn intake(file: &Path) -> Result<Report> {
    let rows: Vec<IntakeRow> = json_lines(file)?;
    let reader = IntakeReader::new(lexicon_beside(file)?);
    let mut counts: BTreeMap<String, FieldCounts> = BTreeMap::new();
    let mut times = Vec::new();
    for row in &rows {
        let (ticket, ms) = timed(|| reader.read(&row.text, row.received_at));
        times.push(ms);
        let (ours, expected) = (facts_of(&ticket?)?, expected_facts(&row.expect));
        for (field, _) in ours.iter().chain(&expected) {
            counts.entry(field.clone()).or_default();
        }
        for (field, sum) in &mut counts {
            let pick = |facts: &[(String, String)]| -> Vec<String> {
                facts
                    .iter()
                    .filter(|(name, _)| name == field)
                    .map(|(_, value)| value.clone())
                    .collect()
            };
            let (given, wanted) = (pick(&ours), pick(&expected));
            let right = given.iter().filter(|value| wanted.contains(value)).count();
            let found = FieldCounts {
                right,
                right_lines: right,
                given: given.len(),
                expected: wanted.len(),
            };
            *sum = sum.plus(found);
        }
    }
    let all = counts
        .values()
        .fold(FieldCounts::default(), |sum, one| sum.plus(*one));
    let table = |counts: &FieldCounts| json!({ "f1": counts.f1(), "given": counts.given, "expected": counts.expected });
    Ok(Report::new(
        "intake",
        json!({
            "precision": all.precision(), "recall": all.recall(), "f1": all.f1(),
            "by_field": counts.iter().map(|(name, counts)| (name.clone(), table(counts))).collect::<Map<_, _>>(),
            "notes": rows.len(),
            "ms_per_note": metrics::quantile(&times, 0.5),
        }),
    ))
}

/// Facts of a ticket as (field, value), one a value.
fn facts_of(ticket: &StructuredTicket) -> Result<Vec<(String, String)>> {
    let Value::Object(fields) = serde_json::to_value(ticket)? else {
        return Ok(Vec::new());
    };
    Ok(facts(&fields))
}

fn expected_facts(expect: &Map<String, Value>) -> Vec<(String, String)> {
    facts(expect)
}

const PLAIN: [&str; 3] = ["product_line", "model", "urgency"];
const NESTED: [(&str, &[&str]); 3] = [
    ("address", &["province", "city", "district", "street", "detail"]),
    ("contact", &["name", "phone"]),
    ("appointment", &["start", "end"]),
];

fn facts(fields: &Map<String, Value>) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    let mut add = |field: &str, value: &Value| {
        let bare = value.get("value").unwrap_or(value);
        if let Some(text) = bare.as_str().filter(|text| !text.is_empty()) {
            facts.push((field.to_owned(), instant(text)));
        }
    };
    for field in PLAIN {
        add(field, &fields.get(field).cloned().unwrap_or_default());
    }
    for (field, inner) in NESTED {
        for name in inner {
            add(
                &format!("{field}.{name}"),
                fields
                    .get(field)
                    .and_then(|value| value.get(name))
                    .unwrap_or(&Value::Null),
            );
        }
    }
    for code in fields
        .get("fault_codes")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        add("fault_codes", code);
    }
    for symptom in fields
        .get("symptoms")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let (id, present) = (
            symptom["id"].as_str().unwrap_or_default(),
            symptom["present"].as_bool().unwrap_or(true),
        );
        add(
            "symptoms",
            &json!(format!("{}{id}", if present { "" } else { "not " })),
        );
    }
    facts
}

/// One spelling of a time; other texts as they are, without spaces.
fn instant(text: &str) -> String {
    match text.parse::<jiff::Timestamp>() {
        Ok(at) => at.to_string(),
        Err(_) => text.split_whitespace().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_of_both_shapes_compare_equal() {
        let ours = json!({"model": {"value": "KFR-35GW/QH1", "spans": []}, "fault_codes": [{"value": "E6", "spans": []}],
            "symptoms": [{"id": "leaking", "present": false}], "appointment": {"start": "2026-11-24T15:00:00+08:00"}});
        let expected = json!({"model": "KFR-35GW/QH1", "fault_codes": ["E6"],
            "symptoms": [{"id": "leaking", "present": false}], "appointment": {"start": "2026-11-24T07:00:00Z", "end": null}});
        let (Value::Object(ours), Value::Object(expected)) = (ours, expected) else {
            unreachable!()
        };
        assert_eq!(facts(&ours), facts(&expected));
        assert_eq!(facts(&ours).len(), 4);
    }
}
