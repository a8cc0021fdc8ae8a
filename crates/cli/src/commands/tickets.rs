//! `shifu summarize` and `shifu intake`: they use the words of a data directory where there is one, and need none.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, anyhow};
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Value, json};
use shifu_domain::{Dialogue, FormKind, Summary};
use shifu_server::Config;
use shifu_server::engine::SummaryRequest;
use shifu_tickets::StructuredTicket;

use crate::output::{Failure, Output};
use crate::session::{failed, read_text, with_session};

pub(crate) fn summarize(file: &Path, form: &str, config: Config) -> Result<Output, Failure> {
    let dialogue: Dialogue = serde_json::from_str(&read_text(file)?).with_context(|| {
        format!(
            "{} is no dialogue: [{{\"speaker\":\"customer|agent|technician\",\"text\":\"…\"}}]",
            file.display()
        )
    })?;
    let form: FormKind = serde_json::from_value(Value::String(form.to_owned()))
        .map_err(|_| anyhow!("--form {form:?}: use overall, ticket or fault"))?;
    with_session(config, async |session| {
        let summary = session
            .engine()
            .summarize(
                &session.caller,
                SummaryRequest {
                    dialogue,
                    ticket: None,
                    form,
                },
            )
            .await
            .map_err(failed)?;
        Ok(Output {
            text: summary_text(&summary),
            json: json!(summary),
        })
    })
}

pub(crate) fn intake(text: String, date: Option<&str>, config: Config) -> Result<Output, Failure> {
    with_session(config, async |session| {
        let zone = session.engine().zone().clone();
        let received_at = match date {
            Some(text) => instant(text, &zone)?,
            None => Timestamp::now(),
        };
        let ticket = session
            .engine()
            .intake(text, Some(received_at))
            .await
            .map_err(failed)?;
        Ok(Output {
            text: ticket_text(&ticket)?,
            json: json!(ticket),
        })
    })
}

/// An RFC 3339 time, or a date: then the start of that day.
fn instant(text: &str, zone: &jiff::tz::TimeZone) -> Result<Timestamp, Failure> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let date: Date = text
        .parse()
        .map_err(|_| anyhow!("--date {text:?} is neither 2026-11-23 nor an RFC 3339 time"))?;
    Ok(date
        .to_zoned(zone.clone())
        .map_err(anyhow::Error::from)?
        .timestamp())
}

/// A summary as a shift leader reads it.
pub(crate) fn summary_text(summary: &Summary) -> String {
    let mut text = String::new();
    for line in &summary.summary {
        let _ = writeln!(text, "· {} {}", line.text, pointers(&line.lines));
    }
    let Ok(Value::Object(fields)) = serde_json::to_value(&summary.fields) else {
        return text;
    };
    for (name, label) in FIELDS {
        let Some(field) = fields.get(name).filter(|field| !field.is_null()) else {
            continue;
        };
        let lines: Vec<usize> = serde_json::from_value(field["lines"].clone()).unwrap_or_default();
        let _ = writeln!(
            text,
            "{label}：{} {}",
            field_value(&field["value"]),
            pointers(&lines)
        );
    }
    text
}

const FIELDS: [(&str, &str); 11] = [
    ("phenomenon", "故障现象"),
    ("location", "部位"),
    ("cause", "原因"),
    ("action", "处理措施"),
    ("parts", "更换配件"),
    ("result", "结果"),
    ("pending", "遗留问题"),
    ("request", "客户诉求"),
    ("warranty", "保修"),
    ("fee", "费用"),
    ("appointment", "预约"),
];

fn field_value(value: &Value) -> String {
    match value {
        Value::Array(parts) => {
            let shown = parts.iter().map(|part| {
                format!(
                    "{} × {}",
                    part["name"].as_str().unwrap_or_default(),
                    part["quantity"]
                )
            });
            shown.collect::<Vec<_>>().join("、")
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn pointers(lines: &[usize]) -> String {
    format!(
        "[{}]",
        lines.iter().map(usize::to_string).collect::<Vec<_>>().join(",")
    )
}

fn ticket_text(ticket: &StructuredTicket) -> Result<String, Failure> {
    let Value::Object(fields) = serde_json::to_value(ticket).map_err(anyhow::Error::from)? else {
        return Ok(String::new());
    };
    let mut text = String::new();
    for (name, value) in fields
        .iter()
        .filter(|(name, value)| *name != "missing" && !empty(value))
    {
        let _ = writeln!(text, "{name:<14} {}", bare(value));
    }
    for missing in &ticket.missing {
        let _ = writeln!(text, "还要问：{}", missing.question);
    }
    Ok(text)
}

fn empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.iter().all(|(name, value)| name == "spans" || empty(value)),
        _ => false,
    }
}

/// Values without their spans.
fn bare(value: &Value) -> String {
    match value {
        Value::Object(fields) => match fields.get("value") {
            Some(value) => bare(value),
            None => {
                let inner = fields
                    .iter()
                    .filter(|(name, value)| *name != "spans" && !empty(value));
                inner.map(|(_, value)| bare(value)).collect::<Vec<_>>().join(" ")
            }
        },
        Value::Array(items) => items.iter().map(bare).collect::<Vec<_>>().join("、"),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
