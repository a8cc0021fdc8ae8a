//! What an inspection says about photos: findings and the verdict.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::names::CheckpointId;

/// An area of the upright photo, all four in fractions 0..=1 of its width and height.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BoundingBox {
    /// Left edge.
    pub x: f32,
    /// Upper edge.
    pub y: f32,
    /// Width.
    pub width: f32,
    /// Height.
    pub height: f32,
}

/// How much harm a finding stands for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Cosmetic or administrative.
    Minor,
    /// Will need rework.
    Major,
    /// Endangers people or the appliance.
    Critical,
}

/// The kinds of finding of the contract. `Violation` carries the enrolled label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum FindingKind {
    /// The file could not be decoded.
    Unreadable,
    /// Out of focus or moved.
    Blurred,
    /// Under-exposed.
    TooDark,
    /// Over-exposed.
    TooBright,
    /// Too few pixels.
    TooSmall,
    /// Shows something other than its checkpoint.
    WrongShot,
    /// A required checkpoint has no (or too few) photos.
    MissingShot,
    /// Differs from the enrolled good photos more than the budget allows.
    DiffersFromStandard,
    /// Looks like an enrolled violation of this label.
    Violation(String),
    /// Was submitted before for another ticket.
    Duplicate,
    /// Taken outside the visit.
    WrongTime,
    /// Taken away from the visit's place.
    WrongPlace,
    /// The label shows another model or serial.
    NameplateDifferent,
    /// The label could not be read.
    NameplateUnreadable,
    /// A photo of a screen.
    RecapturedScreen,
    /// Traces of editing.
    Edited,
    /// Too few enrolled photos to judge by.
    NotEnoughStandards,
}

impl utoipa::PartialSchema for FindingKind {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        crate::names::string_schema(
            "A kind of finding; violations carry the enrolled label.",
            "violation:missing_bolt",
        )
    }
}

impl utoipa::ToSchema for FindingKind {}

/// A text that names no finding kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a finding kind")]
pub struct UnknownFindingKind(pub String);

const PLAIN_KINDS: [(FindingKind, &str); 16] = [
    (FindingKind::Unreadable, "unreadable"),
    (FindingKind::Blurred, "blurred"),
    (FindingKind::TooDark, "too_dark"),
    (FindingKind::TooBright, "too_bright"),
    (FindingKind::TooSmall, "too_small"),
    (FindingKind::WrongShot, "wrong_shot"),
    (FindingKind::MissingShot, "missing_shot"),
    (FindingKind::DiffersFromStandard, "differs_from_standard"),
    (FindingKind::Duplicate, "duplicate"),
    (FindingKind::WrongTime, "wrong_time"),
    (FindingKind::WrongPlace, "wrong_place"),
    (FindingKind::NameplateDifferent, "nameplate_different"),
    (FindingKind::NameplateUnreadable, "nameplate_unreadable"),
    (FindingKind::RecapturedScreen, "recaptured_screen"),
    (FindingKind::Edited, "edited"),
    (FindingKind::NotEnoughStandards, "not_enough_standards"),
];

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Violation(label) = self {
            return write!(f, "violation:{label}");
        }
        let name = PLAIN_KINDS
            .iter()
            .find(|(kind, _)| kind == self)
            .map_or("", |(_, name)| name);
        f.write_str(name)
    }
}

impl FromStr for FindingKind {
    type Err = UnknownFindingKind;
    fn from_str(text: &str) -> Result<Self, UnknownFindingKind> {
        if let Some(label) = text.strip_prefix("violation:").filter(|label| !label.is_empty()) {
            return Ok(Self::Violation(label.to_owned()));
        }
        let known = PLAIN_KINDS.iter().find(|(_, name)| *name == text);
        known
            .map(|(kind, _)| kind.clone())
            .ok_or_else(|| UnknownFindingKind(text.chars().take(80).collect()))
    }
}

impl TryFrom<String> for FindingKind {
    type Error = UnknownFindingKind;
    fn try_from(text: String) -> Result<Self, UnknownFindingKind> {
        text.parse()
    }
}

impl From<FindingKind> for String {
    fn from(kind: FindingKind) -> String {
        kind.to_string()
    }
}

/// One thing found on one photo, or missing from the set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Finding {
    /// Position of the photo in the submission, from 0; absent for a missing shot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub photo: Option<usize>,
    /// The checkpoint it belongs to, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<CheckpointId>,
    /// What was found.
    pub kind: FindingKind,
    /// How much harm it stands for.
    pub severity: Severity,
    /// The raw score of the check; larger is worse. Its unit is the check's own, said in `evidence`.
    pub score: f64,
    /// Conformal p-value, where the check is calibrated: small means unlike the good photos.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_value: Option<f64>,
    /// Where on the photo.
    #[serde(rename = "box", default, skip_serializing_if = "Option::is_none")]
    pub area: Option<BoundingBox>,
    /// In words a technician can act on, with the numbers the finding rests on.
    pub evidence: String,
}

/// The outcome of an inspection, from best to worst.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing found.
    Pass,
    /// A person must look.
    Review,
    /// Photos must be taken again or the work be redone.
    Reject,
    /// The surroundings do not allow a safe installation.
    DoNotInstall,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_round_trips_through_its_name() {
        for (kind, name) in PLAIN_KINDS {
            assert_eq!(kind.to_string(), name);
            assert_eq!(name.parse::<FindingKind>().unwrap(), kind);
        }
        let violation: FindingKind = "violation:missing_bolt".parse().unwrap();
        assert_eq!(violation, FindingKind::Violation("missing_bolt".into()));
        assert!("violation:".parse::<FindingKind>().is_err());
    }

    #[test]
    fn verdicts_are_ordered_from_best_to_worst() {
        assert!(Verdict::Pass < Verdict::Review && Verdict::Reject < Verdict::DoNotInstall);
    }
}
