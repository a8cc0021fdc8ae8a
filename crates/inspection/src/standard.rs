//! The installation standard: which photos a ticket needs and what is checked on each.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use shifu_domain::{CategoryId, CheckpointId, Severity};

use crate::submission::Stage;

/// What can be checked on a photo.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// Sharp, well lit, large enough.
    Usable,
    /// Shows this checkpoint and not another.
    Shot,
    /// Like the enrolled good photos.
    Difference,
    /// Unlike the enrolled violations.
    Violation,
    /// Its label shows the ticket's model and serial.
    Nameplate,
}

/// The Chinese name of a violation label, for evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ViolationTitle {
    /// The folder name of its photos, such as `missing_bolt`.
    pub label: String,
    /// What people read, such as `缺少膨胀螺栓`.
    pub title: String,
}

/// One thing that must be photographed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// Its name in folders and JSON.
    pub id: CheckpointId,
    /// What people read.
    pub title: String,
    /// When it is photographed.
    pub stage: Stage,
    /// Whether an inspection without it is rejected.
    #[serde(default = "yes")]
    pub required: bool,
    /// Fewest usable photos, 1..=20.
    #[serde(default = "one")]
    pub min_photos: u32,
    /// Harm of a defect here.
    pub severity: Severity,
    /// What is checked.
    pub checks: Vec<Check>,
    /// Chinese names of violation labels; a label without one is shown as it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<ViolationTitle>,
}

fn yes() -> bool {
    true
}

fn one() -> u32 {
    1
}

/// All checkpoints of a category.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Standard {
    /// Which installations it is for.
    pub category: CategoryId,
    /// The operator's revision of it.
    pub version: String,
    /// In the order technicians see them.
    #[serde(rename = "checkpoint", alias = "checkpoints")]
    pub checkpoints: Vec<Checkpoint>,
}

/// Why a file is no standard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StandardError {
    /// Not TOML, or not of the expected shape.
    #[error("{file}:{line}: {reason}")]
    Syntax {
        /// The file's name as given.
        file: String,
        /// Line from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// Two checkpoints of one name.
    #[error("{file}:{line}: checkpoint {id} stands twice")]
    Repeated {
        /// The file's name as given.
        file: String,
        /// Line of the second.
        line: usize,
        /// The name.
        id: CheckpointId,
    },
    /// A value outside its range.
    #[error("{file}:{line}: {field} of checkpoint {id} {rule}")]
    OutOfRange {
        /// The file's name as given.
        file: String,
        /// Line of the checkpoint.
        line: usize,
        /// The checkpoint.
        id: CheckpointId,
        /// The field.
        field: &'static str,
        /// What it must be.
        rule: &'static str,
    },
    /// No checkpoint, or too many.
    #[error("{file}: {actual} checkpoints; a standard has 1 to {most}")]
    Count {
        /// The file's name as given.
        file: String,
        /// How many there are.
        actual: usize,
        /// How many there may be.
        most: usize,
    },
}

const MAX_CHECKPOINTS: usize = 100;
const MAX_CHECKS: usize = 10;
const MAX_VIOLATIONS: usize = 100;
const MAX_BYTES: usize = 1 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    category: CategoryId,
    version: String,
    #[serde(default)]
    checkpoint: Vec<toml::Spanned<Checkpoint>>,
}

impl Standard {
    /// Reads the contract's `standard.toml`; `file` is named in errors.
    ///
    /// # Errors
    /// [`StandardError`] with the line.
    pub fn from_toml(text: &str, file: &str) -> Result<Self, StandardError> {
        if text.len() > MAX_BYTES {
            let reason = format!("{} bytes; a standard has at most {MAX_BYTES}", text.len());
            return Err(StandardError::Syntax {
                file: file.to_owned(),
                line: 1,
                reason,
            });
        }
        let parsed: File = toml::from_str(text).map_err(|error| StandardError::Syntax {
            file: file.to_owned(),
            line: line_of(text, error.span().map_or(0, |span| span.start)),
            reason: error.message().to_owned(),
        })?;
        let lines: Vec<usize> = parsed
            .checkpoint
            .iter()
            .map(|c| line_of(text, c.span().start))
            .collect();
        let checkpoints = parsed
            .checkpoint
            .into_iter()
            .map(toml::Spanned::into_inner)
            .collect();
        let standard = Self {
            category: parsed.category,
            version: parsed.version,
            checkpoints,
        };
        standard.validate(file, &lines)?;
        Ok(standard)
    }

    /// Checks a standard that came as JSON; errors name line 0.
    ///
    /// # Errors
    /// [`StandardError`], never `Syntax`.
    pub fn check(&self) -> Result<(), StandardError> {
        self.validate("request", &vec![0; self.checkpoints.len()])
    }

    fn validate(&self, file: &str, lines: &[usize]) -> Result<(), StandardError> {
        let file = file.to_owned();
        if !(1..=MAX_CHECKPOINTS).contains(&self.checkpoints.len()) {
            return Err(StandardError::Count {
                file,
                actual: self.checkpoints.len(),
                most: MAX_CHECKPOINTS,
            });
        }
        let mut seen = BTreeSet::new();
        for (checkpoint, &line) in self.checkpoints.iter().zip(lines) {
            let id = checkpoint.id.clone();
            if !seen.insert(&checkpoint.id) {
                return Err(StandardError::Repeated { file, line, id });
            }
            if let Some((field, rule)) = checkpoint.broken_rule() {
                return Err(StandardError::OutOfRange {
                    file,
                    line,
                    id,
                    field,
                    rule,
                });
            }
        }
        Ok(())
    }

    /// The checkpoint of this name.
    #[must_use]
    pub fn checkpoint(&self, id: &CheckpointId) -> Option<&Checkpoint> {
        self.checkpoints.iter().find(|checkpoint| checkpoint.id == *id)
    }

    /// Checkpoints of a stage.
    pub fn of_stage(&self, stage: Stage) -> impl Iterator<Item = &Checkpoint> {
        self.checkpoints
            .iter()
            .filter(move |checkpoint| checkpoint.stage == stage)
    }
}

impl Checkpoint {
    /// Whether `check` is asked for.
    #[must_use]
    pub fn has(&self, check: Check) -> bool {
        self.checks.contains(&check)
    }

    /// The Chinese name of a violation, or its label.
    #[must_use]
    pub fn violation_title<'a>(&'a self, label: &'a str) -> &'a str {
        self.violations
            .iter()
            .find(|violation| violation.label == label)
            .map_or(label, |violation| &violation.title)
    }

    fn broken_rule(&self) -> Option<(&'static str, &'static str)> {
        if !(1..=20).contains(&self.min_photos) {
            return Some(("min_photos", "must be 1 to 20"));
        }
        if self.title.trim().is_empty() || self.title.chars().count() > 100 {
            return Some(("title", "must have 1 to 100 characters"));
        }
        if self.checks.is_empty() || self.checks.len() > MAX_CHECKS {
            return Some(("checks", "must name 1 to 10 checks"));
        }
        let too_long = |violation: &ViolationTitle| {
            violation.label.chars().count() > 100 || violation.title.chars().count() > 100
        };
        (self.violations.len() > MAX_VIOLATIONS || self.violations.iter().any(too_long)).then_some((
            "violations",
            "must be at most 100, of at most 100 characters each",
        ))
    }
}

/// Line from 1 of a byte position.
fn line_of(text: &str, position: usize) -> usize {
    text.as_bytes()[..position.min(text.len())]
        .iter()
        .filter(|byte| **byte == b'\n')
        .count()
        + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"category = "split_air_conditioner_install"
version = "1"
[[checkpoint]]
id = "outdoor_bracket"
title = "外机支架"
stage = "after"
required = true
min_photos = 1
severity = "critical"
checks = ["usable", "shot", "difference", "violation"]
violations = [{ label = "missing_bolt", title = "缺少膨胀螺栓" }]
"#;

    #[test]
    fn the_contracts_file_is_read() {
        let standard = Standard::from_toml(GOOD, "standard.toml").unwrap();
        let bracket = &standard.checkpoints[0];
        assert_eq!(
            (bracket.title.as_str(), bracket.severity),
            ("外机支架", Severity::Critical)
        );
        assert_eq!(bracket.violation_title("missing_bolt"), "缺少膨胀螺栓");
        assert_eq!(bracket.violation_title("rust"), "rust");
    }

    #[test]
    fn errors_name_file_and_line() {
        let check = |from: &str, to: &str, expected: &str| {
            let error = Standard::from_toml(&GOOD.replace(from, to), "s.toml")
                .unwrap_err()
                .to_string();
            assert!(error.contains(expected), "{error}");
        };
        check("\"critical\"", "\"deadly\"", "s.toml:9: unknown variant `deadly`");
        check("stage = \"after\"", "stage = \"during\"", "s.toml:6: ");
        check(
            "\"violation\"]",
            "\"smell\"]",
            "s.toml:10: unknown variant `smell`",
        );
        check(
            "min_photos = 1",
            "min_photos = 0",
            "s.toml:3: min_photos of checkpoint outdoor_bracket must be 1 to 20",
        );
        check("\"outdoor_bracket\"", "\"Outdoor Bracket\"", "s.toml:4: ");
        check("required = true", "requried = true", "unknown field `requried`");
        check("version = \"1\"\n", "", "missing field `version`");
        check("= \"1\"", "= ", "s.toml:2: ");
        let twice = format!("{GOOD}{}", &GOOD[GOOD.find("[[").unwrap()..]);
        let error = Standard::from_toml(&twice, "s.toml").unwrap_err().to_string();
        assert_eq!(error, "s.toml:12: checkpoint outdoor_bracket stands twice");
        let none = Standard::from_toml("category = \"c\"\nversion = \"1\"", "s.toml").unwrap_err();
        assert_eq!(none.to_string(), "s.toml: 0 checkpoints; a standard has 1 to 100");
    }
}
