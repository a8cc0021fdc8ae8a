//! From findings to a verdict, and to alerts in the order of the harm they stand for.
//!
//! | finding | verdict |
//! | --- | --- |
//! | an enrolled violation at a critical `before` checkpoint of a `before` inspection | do_not_install |
//! | unreadable, blurred, too dark, too bright, too small; a required checkpoint without enough photos | reject |
//! | differs from standard, violation, wrong shot, duplicate, wrong time or place, nameplate different or unreadable, recaptured, edited | review |
//! | not enough standards | review: nobody has judged the photo, so a person must |
//!
//! Statistical findings never reject by themselves: at budget α, α of the good photos carry one. The worst finding decides.

use serde::{Deserialize, Serialize};
use shifu_domain::{CheckpointId, Finding, FindingKind, Probability, Severity, Verdict};

use crate::standard::Standard;
use crate::submission::Stage;

/// The verdict one finding calls for.
#[must_use]
pub fn verdict_of(finding: &Finding, standard: &Standard, stage: Stage) -> Verdict {
    match &finding.kind {
        FindingKind::Violation(_) if forbids_installing(finding, standard, stage) => Verdict::DoNotInstall,
        FindingKind::Unreadable
        | FindingKind::Blurred
        | FindingKind::TooDark
        | FindingKind::TooBright
        | FindingKind::TooSmall
        | FindingKind::MissingShot => Verdict::Reject,
        FindingKind::WrongShot
        | FindingKind::DiffersFromStandard
        | FindingKind::Violation(_)
        | FindingKind::Duplicate
        | FindingKind::WrongTime
        | FindingKind::WrongPlace
        | FindingKind::NameplateDifferent
        | FindingKind::NameplateUnreadable
        | FindingKind::RecapturedScreen
        | FindingKind::Edited
        | FindingKind::NotEnoughStandards => Verdict::Review,
    }
}

fn forbids_installing(finding: &Finding, standard: &Standard, stage: Stage) -> bool {
    let checkpoint = finding.checkpoint.as_ref().and_then(|id| standard.checkpoint(id));
    stage == Stage::Before
        && finding.severity == Severity::Critical
        && checkpoint.is_some_and(|checkpoint| checkpoint.stage == Stage::Before)
}

/// The worst verdict of all findings; `Pass` without any.
#[must_use]
pub fn verdict(findings: &[Finding], standard: &Standard, stage: Stage) -> Verdict {
    findings
        .iter()
        .map(|finding| verdict_of(finding, standard, stage))
        .max()
        .unwrap_or(Verdict::Pass)
}

/// What a reviewer is shown: a finding with the chance that it is real, ordered by expected harm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Alert {
    /// Position of the photo in the submission, from 0; absent for a missing shot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub photo: Option<usize>,
    /// The checkpoint, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<CheckpointId>,
    /// What was found.
    pub kind: FindingKind,
    /// How bad it is if real.
    pub severity: Severity,
    /// Chance that it is real, see [`alert_for`].
    pub probability: Probability,
    /// The p-value it comes from, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_value: Option<f64>,
    /// `probability` times the harm of its severity: 1, 3 or 10.
    pub expected_harm: f64,
}

/// Share of inspected photos with a defect before any verdict of this installation is known. Acceptance rates of
/// first submissions in after-sales service are commonly near nine in ten.
const PRIOR: f64 = 0.1;

/// The alert of a finding, `None` for findings no reviewer can act on (a photo to be taken again is the technician's).
///
/// With a p-value the chance is Bayesian: 1 / (1 + (1 − π) / π · B(p)) with π = 0.1 and B(p) = −e·p·ln p, the smallest
/// Bayes factor in favour of "good" that any smooth alternative allows (Sellke, Bayarri & Berger 2001); it is therefore an
/// upper bound, and monotone in p. Findings without a p-value carry the assumed precision of their check, to be replaced by
/// the reviewers' verdicts once there are some.
#[must_use]
pub fn alert_for(finding: &Finding) -> Option<Alert> {
    let assumed = match &finding.kind {
        FindingKind::Unreadable | FindingKind::Blurred | FindingKind::TooDark => return None,
        FindingKind::TooBright | FindingKind::TooSmall | FindingKind::MissingShot => return None,
        FindingKind::NotEnoughStandards => return None,
        FindingKind::DiffersFromStandard | FindingKind::Violation(_) => 0.5,
        FindingKind::Duplicate | FindingKind::NameplateDifferent => 0.9,
        FindingKind::WrongTime | FindingKind::WrongPlace => 0.7,
        FindingKind::WrongShot => 0.6,
        FindingKind::RecapturedScreen | FindingKind::Edited => 0.5,
        FindingKind::NameplateUnreadable => 0.2,
    };
    let probability = Probability::clamped(finding.p_value.map_or(assumed, probability_of));
    Some(Alert {
        photo: finding.photo,
        checkpoint: finding.checkpoint.clone(),
        kind: finding.kind.clone(),
        severity: finding.severity,
        probability,
        p_value: finding.p_value,
        expected_harm: probability.value() * harm(finding.severity),
    })
}

/// Alerts of all findings, the largest expected harm first.
#[must_use]
pub fn alerts_for(findings: &[Finding]) -> Vec<Alert> {
    let mut alerts: Vec<Alert> = findings.iter().filter_map(alert_for).collect();
    alerts.sort_by(|a, b| {
        b.expected_harm
            .total_cmp(&a.expected_harm)
            .then(a.photo.cmp(&b.photo))
    });
    alerts
}

/// Relative harm of a defect that is let pass.
fn harm(severity: Severity) -> f64 {
    match severity {
        Severity::Minor => 1.0,
        Severity::Major => 3.0,
        Severity::Critical => 10.0,
    }
}

fn probability_of(p_value: f64) -> f64 {
    let p = p_value.clamp(1e-12, 1.0);
    let bayes_factor = if p < (-1.0f64).exp() {
        -std::f64::consts::E * p * p.ln()
    } else {
        1.0
    };
    1.0 / (1.0 + (1.0 - PRIOR) / PRIOR * bayes_factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STANDARD: &str = r#"
category = "c"
version = "1"
[[checkpoint]]
id = "wall"
title = "墙面"
stage = "before"
severity = "critical"
checks = ["usable"]
[[checkpoint]]
id = "bracket"
title = "支架"
stage = "after"
severity = "critical"
checks = ["usable"]
"#;

    fn finding(kind: &str, checkpoint: &str, severity: Severity, p_value: Option<f64>) -> Finding {
        Finding {
            photo: Some(0),
            checkpoint: CheckpointId::new(checkpoint).ok(),
            kind: kind.parse().unwrap(),
            severity,
            score: 1.0,
            p_value,
            area: None,
            evidence: String::new(),
        }
    }

    #[test]
    fn the_worst_finding_decides() {
        let standard = Standard::from_toml(STANDARD, "s").unwrap();
        let check = |kinds: &[(&str, &str, Severity)], stage, expected: Verdict| {
            let findings: Vec<Finding> = kinds.iter().map(|(k, c, s)| finding(k, c, *s, None)).collect();
            assert_eq!(verdict(&findings, &standard, stage), expected, "{kinds:?}");
        };
        let critical = Severity::Critical;
        check(&[], Stage::After, Verdict::Pass);
        check(
            &[("differs_from_standard", "bracket", critical)],
            Stage::After,
            Verdict::Review,
        );
        check(
            &[
                ("duplicate", "bracket", critical),
                ("blurred", "bracket", critical),
            ],
            Stage::After,
            Verdict::Reject,
        );
        check(
            &[("violation:cracked", "wall", critical)],
            Stage::Before,
            Verdict::DoNotInstall,
        );
        check(
            &[("violation:cracked", "wall", Severity::Major)],
            Stage::Before,
            Verdict::Review,
        );
        check(
            &[("violation:cracked", "bracket", critical)],
            Stage::After,
            Verdict::Review,
        );
        check(
            &[("differs_from_standard", "wall", critical)],
            Stage::Before,
            Verdict::Review,
        );
    }

    #[test]
    fn smaller_p_values_are_likelier_defects() {
        // p = 0.05: B = -e * 0.05 * ln 0.05 = 0.4072; 1 / (1 + 9 * 0.4072) = 0.2144
        assert!((probability_of(0.05) - 0.2144).abs() < 1e-4);
        let chances: Vec<f64> = [0.0, 1e-6, 0.001, 0.01, 0.05, 0.3, 1.0]
            .map(probability_of)
            .to_vec();
        assert!(
            chances.windows(2).all(|pair| pair[0] > pair[1] || pair[1] == 0.1),
            "{chances:?}"
        );
        assert!((probability_of(1.0) - 0.1).abs() < 1e-12);
    }

    #[test]
    fn alerts_are_ordered_by_expected_harm() {
        let findings = [
            finding("edited", "bracket", Severity::Minor, None),
            finding("blurred", "bracket", Severity::Critical, None),
            finding("violation:loose", "bracket", Severity::Critical, Some(0.01)),
            finding("duplicate", "bracket", Severity::Major, None),
        ];
        let kinds: Vec<String> = alerts_for(&findings)
            .iter()
            .map(|alert| alert.kind.to_string())
            .collect();
        assert_eq!(kinds, ["violation:loose", "duplicate", "edited"]);
    }
}
