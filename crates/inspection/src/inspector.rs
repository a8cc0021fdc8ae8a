//! The flow itself: submission → findings → verdict, and the quick answer on site.

mod findings;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use shifu_domain::models::{ImageEncoder, ModelError, ModelVersion, Priority, TextRecognizer};
use shifu_domain::{CheckpointId, Finding, FindingKind, Verdict};

use crate::decode::{CaptureFacts, DecodeError, DecodedPhoto, Limits, decode, decode_detail};
use crate::duplicates::{Fingerprint, Impression, PhotoIndex};
use crate::enrolment::{EnrolledStandard, Judgement, ShotGuess};
use crate::heat::{HeatMap, overlay_png};
use crate::nameplate::{read_model, read_nameplate};
use crate::quality::{Quality, QualityLimits};
use crate::standard::{Check, Standard};
use crate::submission::{PhotoMeta, Submission, SubmittedPhoto, Ticket};
use crate::verdict::verdict;

use crate::visit::VisitLimits;
use findings::{PhotoFindings, missing_shots, unreadable};

/// Everything an operator may set about inspecting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct InspectorConfig {
    /// Limits of a photo file.
    pub limits: Limits,
    /// What is usable.
    pub quality: QualityLimits,
    /// Tolerances of time and place.
    pub visit: VisitLimits,
    /// False-alarm budget α of a photo at its checkpoint, 0..1.
    pub budget: f64,
    /// Most photos of one submission.
    pub max_photos: usize,
}

impl Default for InspectorConfig {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            quality: QualityLimits::default(),
            visit: VisitLimits::default(),
            budget: 0.05,
            max_photos: 60,
        }
    }
}

/// What decided a verdict, so that it can be reproduced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Versions {
    /// Version of this crate's checks.
    pub checks: String,
    /// Category and version of the standard.
    pub standard: String,
    /// The image encoder.
    pub encoder: ModelVersion,
    /// The text recogniser, where one is installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recognizer: Option<ModelVersion>,
    /// The false-alarm budget in force.
    pub budget: f64,
}

/// The result of `POST /v1/inspections`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Inspection {
    /// The outcome.
    pub verdict: Verdict,
    /// Everything found, by photo, then by checkpoint.
    pub findings: Vec<Finding>,
    /// Required checkpoints without enough usable photos.
    pub missing_checkpoints: Vec<CheckpointId>,
    /// What decided it.
    pub versions: Versions,
    /// Milliseconds it took.
    pub took_ms: u64,
    /// What is kept of each photo; not part of the reply.
    #[serde(skip)]
    #[schema(ignore)]
    pub photos: Vec<PhotoOutcome>,
}

/// What one photo came to, beyond its findings.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PhotoOutcome {
    /// The checkpoint it was counted for: declared, else recognised.
    pub checkpoint: Option<CheckpointId>,
    /// Whether it could be judged.
    pub usable: bool,
    /// To be put into the [`PhotoIndex`] once the inspection is stored; `None` for a file that is no photo.
    pub fingerprint: Option<Fingerprint>,
    /// Time, place and device in the file.
    pub facts: Option<CaptureFacts>,
    /// What was measured of its quality.
    pub quality: Option<Quality>,
    /// What the checkpoint's photos say about it.
    pub judgement: Option<Judgement>,
    /// Which checkpoint it looks like.
    pub shot: Option<ShotGuess>,
}

/// The result of `POST /v1/photo-checks`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PhotoCheck {
    /// Whether the photo can be submitted as it is.
    pub usable: bool,
    /// The checkpoint it shows: recognised, else as declared.
    pub checkpoint: Option<CheckpointId>,
    /// What to do, in Chinese; empty when nothing.
    pub advice: Vec<String>,
    /// Required checkpoints of the stage still to be photographed.
    pub missing_checkpoints: Vec<CheckpointId>,
    /// Milliseconds it took.
    pub took_ms: u64,
}

/// Why an inspection could not be made. A bad photo is a finding, not an error.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InspectionError {
    /// A submission without photos.
    #[error("the submission has no photos")]
    NoPhotos,
    /// More photos than allowed.
    #[error("the submission has {actual} photos, at most {limit} are allowed")]
    TooManyPhotos {
        /// `InspectorConfig::max_photos`.
        limit: usize,
        /// Photos given.
        actual: usize,
    },
    /// A photo names a checkpoint that the standard does not have.
    #[error("photo {photo} names checkpoint {checkpoint}, which the standard {category} does not have")]
    UnknownCheckpoint {
        /// Position from 0.
        photo: usize,
        /// The name.
        checkpoint: CheckpointId,
        /// The standard.
        category: String,
    },
    /// The standard was enrolled with another encoder than the one installed.
    #[error(transparent)]
    Encoder(#[from] crate::enrolment::EnrolmentError),
    /// A model failed or is overloaded.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// Inspects submissions. Cheap to share behind an `Arc`; one photo uses one thread, a submission at most the pool's.
pub struct Inspector {
    encoder: Arc<dyn ImageEncoder>,
    recognizer: Option<Arc<dyn TextRecognizer>>,
    config: InspectorConfig,
}

/// Findings and outcome of one photo.
struct Examined {
    outcome: PhotoOutcome,
    findings: Vec<Finding>,
}

impl Inspector {
    /// Wires the models. Without a recogniser nameplates are not read, and their checkpoints say so.
    #[must_use]
    pub fn new(
        encoder: Arc<dyn ImageEncoder>,
        recognizer: Option<Arc<dyn TextRecognizer>>,
        config: InspectorConfig,
    ) -> Self {
        Self {
            encoder,
            recognizer,
            config,
        }
    }

    /// What is set.
    #[must_use]
    pub fn config(&self) -> &InspectorConfig {
        &self.config
    }

    /// Inspects a submission against a standard and all earlier photos. Same input, same result, `took_ms` aside.
    ///
    /// # Errors
    /// [`InspectionError`]; an unreadable photo is a finding instead.
    pub fn inspect(
        &self,
        submission: &Submission,
        standard: &EnrolledStandard,
        earlier: &PhotoIndex,
    ) -> Result<Inspection, InspectionError> {
        let start = Instant::now();
        self.validate(submission, standard)?;
        let examine = |(i, photo)| self.examine(i, photo, submission, standard, earlier);
        let examined: Result<Vec<Examined>, InspectionError> =
            submission.photos.par_iter().enumerate().map(examine).collect();
        let examined = examined?;
        let stage = submission.ticket.stage;
        let counted = |id: &CheckpointId| {
            let counts = |e: &&Examined| e.outcome.usable && e.outcome.checkpoint.as_ref() == Some(id);
            examined.iter().filter(counts).count()
        };
        let missing: Vec<Finding> = missing_shots(standard.standard(), stage, counted);
        let missing_checkpoints = missing
            .iter()
            .filter_map(|finding| finding.checkpoint.clone())
            .collect();
        let mut findings: Vec<Finding> = examined.iter().flat_map(|e| e.findings.clone()).collect();
        findings.extend(missing);
        Ok(Inspection {
            verdict: verdict(&findings, standard.standard(), stage),
            findings,
            missing_checkpoints,
            versions: self.versions(standard),
            took_ms: start.elapsed().as_millis() as u64,
            photos: examined.into_iter().map(|e| e.outcome).collect(),
        })
    }

    fn validate(&self, submission: &Submission, standard: &EnrolledStandard) -> Result<(), InspectionError> {
        let (actual, limit) = (submission.photos.len(), self.config.max_photos);
        if actual == 0 {
            return Err(InspectionError::NoPhotos);
        }
        if actual > limit {
            return Err(InspectionError::TooManyPhotos { limit, actual });
        }
        for (photo, submitted) in submission.photos.iter().enumerate() {
            if let Some(checkpoint) = &submitted.meta.checkpoint {
                self.known(photo, checkpoint, standard.standard())?;
            }
        }
        Ok(standard.require_encoder(&self.encoder.version())?)
    }

    fn known(&self, photo: usize, id: &CheckpointId, standard: &Standard) -> Result<(), InspectionError> {
        match standard.checkpoint(id) {
            Some(_) => Ok(()),
            None => Err(InspectionError::UnknownCheckpoint {
                photo,
                checkpoint: id.clone(),
                category: standard.category.to_string(),
            }),
        }
    }

    fn versions(&self, standard: &EnrolledStandard) -> Versions {
        let of = standard.standard();
        Versions {
            checks: env!("CARGO_PKG_VERSION").to_owned(),
            standard: format!("{} {}", of.category, of.version),
            encoder: self.encoder.version(),
            recognizer: self.recognizer.as_ref().map(|recognizer| recognizer.version()),
            budget: self.config.budget,
        }
    }

    fn examine(
        &self,
        position: usize,
        submitted: &SubmittedPhoto,
        submission: &Submission,
        enrolled: &EnrolledStandard,
        earlier: &PhotoIndex,
    ) -> Result<Examined, InspectionError> {
        let ticket = &submission.ticket;
        let declared = submitted.meta.checkpoint.clone();
        let decoded = match decode(&submitted.bytes, self.config.limits) {
            Ok(decoded) => decoded,
            Err(error) => return Ok(unreadable(position, declared, &error, enrolled.standard())),
        };
        let quality = Quality::of(&decoded);
        let impression = Impression::of(&decoded.photo, &submitted.bytes);
        let mut photo = PhotoFindings::new(position, enrolled.standard(), declared);
        photo.quality(&quality, &self.config.quality);
        let usable = photo.findings.is_empty();
        photo.visit(&decoded.facts, &submitted.meta, ticket, &self.config.visit);
        photo.duplicate(&impression, ticket, earlier);
        photo.edited(&decoded.facts);
        let mut outcome = PhotoOutcome {
            checkpoint: None,
            usable,
            fingerprint: Some(impression.fingerprint),
            facts: Some(decoded.facts.clone()),
            quality: Some(quality),
            judgement: None,
            shot: None,
        };
        if usable {
            self.compare(&decoded, &mut photo, &mut outcome, enrolled, submission)?;
            self.nameplate(submitted, &mut photo, ticket)?;
        }
        outcome.checkpoint = outcome.checkpoint.or(photo.checkpoint.clone());
        Ok(Examined {
            outcome,
            findings: photo.findings,
        })
    }

    /// The checks that need the encoder: which shot it is, and whether it is as it should be.
    fn compare(
        &self,
        decoded: &DecodedPhoto,
        photo: &mut PhotoFindings<'_>,
        outcome: &mut PhotoOutcome,
        enrolled: &EnrolledStandard,
        submission: &Submission,
    ) -> Result<(), InspectionError> {
        let priority = if submission.photos.len() > 1 {
            Priority::Bulk
        } else {
            Priority::Interactive
        };
        let raw = self.encoder.encode(&decoded.photo, priority)?;
        let Some(features) = enrolled.fitting(&raw) else {
            let reason = "the encoder's features do not fit the enrolled ones".to_owned();
            return Err(ModelError::Failed {
                model: self.encoder.version().name,
                reason,
            }
            .into());
        };
        outcome.shot = enrolled.shots.recognise(&features.global);
        let compared = |id: &CheckpointId| {
            enrolled
                .models
                .get(id)
                .is_some_and(|model| model.calibration_photos() > 0)
        };
        photo.shot(outcome.shot.as_ref(), compared);
        outcome.checkpoint = photo.checkpoint.clone();
        let Some(checkpoint) = photo.rule() else {
            return Ok(());
        };
        let asked = checkpoint.has(Check::Difference) || checkpoint.has(Check::Violation);
        if asked && !photo.is_another_shot() {
            outcome.judgement = enrolled
                .models
                .get(&checkpoint.id)
                .and_then(|model| model.judge(&features));
            photo.difference(outcome.judgement.as_ref(), self.config.budget);
        }
        Ok(())
    }

    fn nameplate(
        &self,
        submitted: &SubmittedPhoto,
        photo: &mut PhotoFindings<'_>,
        ticket: &Ticket,
    ) -> Result<(), InspectionError> {
        let asked = photo
            .rule()
            .is_some_and(|checkpoint| checkpoint.has(Check::Nameplate));
        let (Some(recognizer), true) = (&self.recognizer, asked) else {
            return Ok(());
        };
        if (ticket.model.is_none() && ticket.serial.is_none()) || photo.is_another_shot() {
            return Ok(());
        }
        // The label's print needs more pixels than the working photo has.
        let Ok(detail) = decode_detail(&submitted.bytes, self.config.limits) else {
            return Ok(());
        };
        let lines = recognizer.recognize(&detail.photo, Priority::Bulk)?;
        if let Some(model) = &ticket.model {
            photo.reading("型号", model.as_str(), read_model(model, &lines));
        }
        if let Some(serial) = &ticket.serial {
            photo.reading("序列号", serial, read_nameplate(serial, &lines));
        }
        Ok(())
    }

    /// The quick answer on site: is this photo good enough, what does it show, what is still missing?
    /// `taken` are the checkpoints photographed so far.
    ///
    /// # Errors
    /// [`InspectionError`]; an unreadable file is an answer with advice.
    pub fn check_photo(
        &self,
        photo: &SubmittedPhoto,
        ticket: &Ticket,
        taken: &[PhotoMeta],
        standard: &EnrolledStandard,
    ) -> Result<PhotoCheck, InspectionError> {
        let start = Instant::now();
        let submission = Submission {
            ticket: ticket.clone(),
            photos: vec![photo.clone()],
        };
        self.validate(&submission, standard)?;
        let examined = self.examine(0, photo, &submission, standard, &PhotoIndex::default())?;
        let checkpoint = examined.outcome.checkpoint.clone();
        let mut counts: BTreeMap<&CheckpointId, usize> = BTreeMap::new();
        let now = checkpoint.as_ref().filter(|_| examined.outcome.usable);
        for id in taken
            .iter()
            .filter_map(|meta| meta.checkpoint.as_ref())
            .chain(now)
        {
            *counts.entry(id).or_default() += 1;
        }
        let missing = missing_shots(standard.standard(), ticket.stage, |id| {
            counts.get(id).copied().unwrap_or(0)
        });
        // What a technician on the spot can do nothing about is left to the reviewer.
        let advice = examined
            .findings
            .iter()
            .filter(|f| f.kind != FindingKind::NotEnoughStandards);
        Ok(PhotoCheck {
            usable: examined.outcome.usable,
            checkpoint,
            advice: advice.map(|finding| finding.evidence.clone()).collect(),
            missing_checkpoints: missing
                .into_iter()
                .filter_map(|finding| finding.checkpoint)
                .collect(),
            took_ms: start.elapsed().as_millis() as u64,
        })
    }

    /// The photo with the difference marked, as PNG: `GET /v1/inspections/{id}/photos/{n}/overlay.png`.
    ///
    /// # Errors
    /// [`DecodeError`] for a file that is no photo.
    pub fn overlay(
        &self,
        bytes: &[u8],
        heat: Option<&HeatMap>,
        findings: &[Finding],
    ) -> Result<Vec<u8>, DecodeError> {
        let decoded = decode(bytes, self.config.limits)?;
        let areas: Vec<_> = findings.iter().filter_map(|finding| finding.area).collect();
        Ok(overlay_png(&decoded.photo, heat, &areas))
    }
}

#[cfg(test)]
#[path = "inspector/tests.rs"]
mod tests;
