//! What an evaluation gives back: the contract's fields as JSON, and the same as a table for people.

use serde_json::{Map, Value};

/// The figures of one evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Name of the task, as on the command line.
    pub task: &'static str,
    /// The contract's output fields.
    pub fields: Map<String, Value>,
}

impl Report {
    /// Takes a JSON object; anything else becomes its only field `value`.
    #[must_use]
    pub fn new(task: &'static str, value: Value) -> Self {
        let fields = match value {
            Value::Object(fields) => fields,
            other => Map::from_iter([("value".to_owned(), other)]),
        };
        Self { task, fields }
    }

    /// One `name  value` line a field, nested objects indented, lists one element a line.
    #[must_use]
    pub fn table(&self) -> String {
        let mut out = format!("{}\n", self.task);
        for (name, value) in &self.fields {
            write_value(&mut out, name, value, 1);
        }
        out
    }
}

fn write_value(out: &mut String, name: &str, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(fields) => {
            out.push_str(&format!("{indent}{name}\n"));
            for (inner, value) in fields {
                write_value(out, inner, value, depth + 1);
            }
        }
        Value::Array(items) if items.iter().any(|item| item.is_object()) => {
            out.push_str(&format!("{indent}{name}\n"));
            for item in items {
                out.push_str(&format!("{indent}  {}\n", inline(item)));
            }
        }
        other => out.push_str(&format!("{indent}{name:<24} {}\n", inline(other))),
    }
}

fn inline(value: &Value) -> String {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float != 0.0 && float.abs() < 1e-3 => format!("{float:.6e}"),
            Some(float) if number.is_f64() => format!("{float:.6}"),
            _ => number.to_string(),
        },
        Value::String(text) => text.clone(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| format!("{name} {}", inline(value)))
            .collect::<Vec<_>>()
            .join("  "),
        Value::Array(items) => items.iter().map(inline).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_table_shows_small_probabilities_in_full() {
        let report = Report::new(
            "fault-trees",
            json!({"trees": [{"file": "a.xml", "probability": 1.0170807784e-4}]}),
        );
        assert_eq!(
            report.table(),
            "fault-trees\n  trees\n    file a.xml  probability 1.017081e-4\n"
        );
    }
}
