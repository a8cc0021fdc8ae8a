//! `inspection DIR`: how well defects are told from good photos, over an MVTec-style folder.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use serde_json::{Map, json};
use shifu_domain::CheckpointId;
use shifu_domain::models::ImageEncoder;
use shifu_inspection::{
    EnrolledStandard, Enrolment, EnrolmentConfig, EnrolmentLabel, EnrolmentPhoto, Inspector, InspectorConfig,
    PhotoIndex, PhotoMeta, PhotoOutcome, QualityLimits, Standard, Submission, SubmittedPhoto, Ticket,
};

use crate::data::{folders_in, name_of, photos_in};
use crate::report::Report;
use crate::{metrics, timed};

/// Budgets reported.
const BUDGETS: [f64; 3] = [0.01, 0.02, 0.05];

/// Every photo is usable here: what is measured is the difference, not the quality gate.
pub(crate) fn anything_goes() -> QualityLimits {
    QualityLimits {
        min_sharpness: 0.0,
        min_light: 0.0,
        min_mean: 0.0,
        max_blown_out: 1.0,
        max_mean: 255.0,
        min_short_side_px: 1,
    }
}

/// A standard with one checkpoint a name.
pub(crate) fn standard_of(checkpoints: &[String]) -> Result<Standard> {
    let mut text = "category = \"evaluation\"\nversion = \"1\"\n".to_owned();
    for id in checkpoints {
        text.push_str(&format!(
            "[[checkpoint]]\nid = \"{id}\"\ntitle = \"{id}\"\nstage = \"after\"\nrequired = false\nmin_photos = 1\n\
             severity = \"major\"\nchecks = [\"usable\", \"shot\", \"difference\"]\n"
        ));
    }
    Ok(Standard::from_toml(&text, "evaluation standard")?)
}

pub(crate) fn enrolment_config() -> EnrolmentConfig {
    EnrolmentConfig {
        quality: anything_goes(),
        max_photos: 2000,
        ..EnrolmentConfig::default()
    }
}

pub(crate) fn inspector(encoder: &Arc<dyn ImageEncoder>) -> Inspector {
    let config = InspectorConfig {
        quality: anything_goes(),
        ..InspectorConfig::default()
    };
    Inspector::new(encoder.clone(), None, config)
}

/// What one photo, submitted alone, comes to.
pub(crate) fn outcome(
    inspector: &Inspector,
    standard: &EnrolledStandard,
    checkpoint: Option<&str>,
    photo: &Path,
) -> Result<(PhotoOutcome, f64)> {
    let bytes = std::fs::read(photo).with_context(|| format!("cannot read {}", photo.display()))?;
    let checkpoint = checkpoint.map(CheckpointId::new).transpose()?;
    let meta = PhotoMeta {
        file: name_of(photo),
        checkpoint,
        ..PhotoMeta::default()
    };
    let submission = Submission {
        ticket: Ticket::new("evaluation", "evaluation")?,
        photos: vec![SubmittedPhoto { meta, bytes }],
    };
    let (inspection, ms) = timed(|| inspector.inspect(&submission, standard, &PhotoIndex::default()));
    let outcome = inspection?
        .photos
        .into_iter()
        .next()
        .context("an inspection without its photo")?;
    Ok((outcome, ms))
}

/// Enrols `train/good` (or `shots` of it, drawn by `seed`), then scores `test/good` against everything else in `test`.
///
/// # Errors
/// A folder that is not laid out so.
pub fn run(dir: &Path, shots: Option<usize>, seed: u64, encoder: &Arc<dyn ImageEncoder>) -> Result<Report> {
    let mut enrolled = photos_in(&dir.join("train/good"))?;
    if let Some(shots) = shots {
        enrolled = crate::shots::draw(&enrolled, shots, seed).0;
    }
    if enrolled.is_empty() {
        bail!("{} holds no photos", dir.join("train/good").display());
    }
    let photos = enrolled.iter().map(|path| -> Result<EnrolmentPhoto> {
        Ok(EnrolmentPhoto {
            checkpoint: CheckpointId::new("object")?,
            label: EnrolmentLabel::Good,
            name: name_of(path),
            group: None,
            bytes: std::fs::read(path)?,
        })
    });
    let photos: Vec<EnrolmentPhoto> = photos.collect::<Result<_>>()?;
    let standard = standard_of(&["object".to_owned()])?;
    let (standard, report) = Enrolment::build(standard, photos, &**encoder, &enrolment_config())?;
    let scored = Scored::of(&dir.join("test"), &inspector(encoder), &standard)?;
    Ok(Report::new(
        "inspection",
        json!({
            "auroc": metrics::auroc(&scored.good.differences, &scored.defective.differences),
            "by_budget": scored.by_budget(),
            "by_defect": scored.by_defect,
            "enrolled": report.checkpoints.first(),
            "test_good": scored.good.differences.len(),
            "test_defective": scored.defective.differences.len(),
            "ms_per_photo_p50": metrics::quantile(&scored.ms, 0.50),
            "ms_per_photo_p99": metrics::quantile(&scored.ms, 0.99),
            "bank_bytes": standard.to_bytes().len(),
            "encoder": encoder.version(),
        }),
    ))
}

#[derive(Default)]
struct Side {
    differences: Vec<f64>,
    p_values: Vec<f64>,
}

#[derive(Default)]
struct Scored {
    good: Side,
    defective: Side,
    by_defect: Map<String, serde_json::Value>,
    ms: Vec<f64>,
}

impl Scored {
    fn of(test: &Path, inspector: &Inspector, standard: &EnrolledStandard) -> Result<Self> {
        let mut scored = Self::default();
        let mut by_defect: Vec<(String, Vec<f64>)> = Vec::new();
        for folder in folders_in(test)? {
            let name = name_of(&folder);
            let mut differences = Vec::new();
            for photo in photos_in(&folder)? {
                let (outcome, ms) = outcome(inspector, standard, Some("object"), &photo)?;
                scored.ms.push(ms);
                let judgement = outcome
                    .judgement
                    .with_context(|| format!("{} was not judged", photo.display()))?;
                let side = if name == "good" {
                    &mut scored.good
                } else {
                    &mut scored.defective
                };
                side.differences.push(judgement.difference);
                side.p_values.extend(judgement.p_value);
                differences.push(judgement.difference);
            }
            by_defect.push((name, differences));
        }
        for (name, differences) in by_defect.iter().filter(|(name, _)| name != "good") {
            scored.by_defect.insert(
                name.clone(),
                json!(metrics::auroc(&scored.good.differences, differences)),
            );
        }
        Ok(scored)
    }

    fn by_budget(&self) -> Map<String, serde_json::Value> {
        let alarms = |side: &Side, alpha: f64| side.p_values.iter().filter(|&&p| p <= alpha).count();
        let figures = BUDGETS.iter().map(|&alpha| {
            let figures = json!({
                "false_alarm_rate": metrics::share(alarms(&self.good, alpha), self.good.differences.len()),
                "recall": metrics::share(alarms(&self.defective, alpha), self.defective.differences.len()),
            });
            (alpha.to_string(), figures)
        });
        figures.collect()
    }
}
