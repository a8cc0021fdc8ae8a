//! The flow itself: submission → findings → verdict, and the quick answer on site.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use shifu_domain::models::{ImageEncoder, ModelError, ModelVersion, Priority, TextRecognizer};
use shifu_domain::{CheckpointId, Finding, FindingKind, Severity, Verdict};

use crate::decode::{CaptureFacts, DecodeError, DecodedPhoto, Limits, decode, decode_detail};
use crate::duplicates::{Fingerprint, PhotoIndex};
use crate::enrolment::{CalibrationMode, EnrolledStandard, Judgement, ShotGuess};
use crate::heat::{HeatMap, overlay_png};
use crate::nameplate::{NameplateReading, read_model, read_nameplate};
use crate::quality::{Quality, QualityLimits};
use crate::standard::{Check, Checkpoint, Standard};
use crate::submission::{PhotoMeta, Stage, Submission, SubmittedPhoto, Ticket};
use crate::verdict::verdict;
use crate::visit::{Agreement, VisitLimits, check_place, check_time};

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

/// Programs that change what a photo shows; the camera apps of phones also fill this field, so only names are matched.
const EDITORS: [&str; 14] = [
    "photoshop",
    "lightroom",
    "snapseed",
    "gimp",
    "picsart",
    "meitu",
    "美图",
    "醒图",
    "facetune",
    "pixelmator",
    "affinity",
    "paint.net",
    "canva",
    "可画",
];

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
        let fingerprint = Fingerprint::of(&decoded.photo, &submitted.bytes);
        let mut photo = PhotoFindings::new(position, enrolled.standard(), declared);
        photo.quality(&quality, &self.config.quality);
        let usable = photo.findings.is_empty();
        photo.visit(&decoded.facts, &submitted.meta, ticket, &self.config.visit);
        photo.duplicate(&fingerprint, ticket, earlier);
        photo.edited(&decoded.facts);
        let mut outcome = PhotoOutcome {
            checkpoint: None,
            usable,
            fingerprint: Some(fingerprint),
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

/// Collects the findings of one photo; `checkpoint` is the declared one until the recogniser names one.
struct PhotoFindings<'a> {
    position: usize,
    standard: &'a Standard,
    checkpoint: Option<CheckpointId>,
    findings: Vec<Finding>,
}

impl<'a> PhotoFindings<'a> {
    fn new(position: usize, standard: &'a Standard, checkpoint: Option<CheckpointId>) -> Self {
        Self {
            position,
            standard,
            checkpoint,
            findings: Vec::new(),
        }
    }

    fn rule(&self) -> Option<&'a Checkpoint> {
        self.checkpoint
            .as_ref()
            .and_then(|id| self.standard.checkpoint(id))
    }

    fn is_another_shot(&self) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.kind == FindingKind::WrongShot)
    }

    /// Severity of the checkpoint, for what concerns the work itself.
    fn severity(&self) -> Severity {
        self.rule()
            .map_or(Severity::Major, |checkpoint| checkpoint.severity)
    }

    fn add(&mut self, kind: FindingKind, severity: Severity, score: f64, evidence: String) -> &mut Finding {
        let at = self.findings.len();
        self.findings.push(Finding {
            photo: Some(self.position),
            checkpoint: self.checkpoint.clone(),
            kind,
            severity,
            score,
            p_value: None,
            area: None,
            evidence,
        });
        &mut self.findings[at]
    }

    fn quality(&mut self, quality: &Quality, limits: &QualityLimits) {
        for defect in quality.defects(limits) {
            self.add(defect.kind, Severity::Major, defect.score, defect.advice);
        }
    }

    fn visit(&mut self, facts: &CaptureFacts, meta: &PhotoMeta, ticket: &Ticket, limits: &VisitLimits) {
        for agreement in [
            check_time(facts, meta, ticket, limits),
            check_place(facts, meta, ticket, limits),
        ] {
            if let Agreement::Contradicts(found) = agreement {
                self.add(found.kind, Severity::Major, found.score, found.evidence);
            }
        }
    }

    fn duplicate(&mut self, fingerprint: &Fingerprint, ticket: &Ticket, earlier: &PhotoIndex) {
        let matches = earlier.query(fingerprint, &ticket.ticket_id);
        let Some(nearest) = matches.first() else { return };
        let how = match (nearest.same_file, nearest.cropped) {
            (true, _) => "文件完全相同".to_owned(),
            (_, true) => format!("裁剪后画面相同，相似度 {:.0}%", nearest.similarity * 100.0),
            _ => format!("画面相同，相似度 {:.0}%", nearest.similarity * 100.0),
        };
        let evidence = format!(
            "与工单 {} 的照片 {} 重复（{how}）；共 {} 张相同照片：请核实是否盗用旧照片",
            nearest.photo.ticket_id,
            nearest.photo.photo_id,
            matches.len()
        );
        self.add(
            FindingKind::Duplicate,
            Severity::Major,
            nearest.similarity,
            evidence,
        );
    }

    fn edited(&mut self, facts: &CaptureFacts) {
        let Some(software) = &facts.software else { return };
        let lower = software.to_lowercase();
        if let Some(editor) = EDITORS.iter().find(|editor| lower.contains(**editor)) {
            let evidence = format!("照片由修图软件写出（{software}，匹配 {editor}）：请提供相机原图");
            self.add(FindingKind::Edited, Severity::Minor, 1.0, evidence);
        }
    }

    /// Takes the recognised checkpoint where none was declared; contradicts a declared one only when the photo is unlike
    /// its photos and like another's, or like none.
    fn shot(&mut self, guess: Option<&ShotGuess>, compared: impl Fn(&CheckpointId) -> bool) {
        let Some(guess) = guess else { return };
        let Some(declared) = self.checkpoint.clone() else {
            self.checkpoint = guess.checkpoint.clone();
            return;
        };
        let asked = self.rule().is_some_and(|checkpoint| checkpoint.has(Check::Shot));
        let Some(score) = guess.scores.get(&declared).copied().filter(|_| asked) else {
            return;
        };
        // Unlike its own photos and like no other's: that may be the defect itself, which the comparison names better.
        let left_to_comparison = guess.checkpoint.is_none() && compared(&declared);
        if guess.accepted.contains(&declared) || left_to_comparison {
            return;
        }
        let title = |id: &CheckpointId| {
            self.standard
                .checkpoint(id)
                .map_or(id.to_string(), |c| c.title.clone())
        };
        let claimed = title(&declared);
        let evidence = match &guess.checkpoint {
            Some(other) => format!(
                "画面不像“{claimed}”（低于其合格照片 {:.1} 个标准差），更像“{}”：请按示例重拍",
                -score,
                title(other)
            ),
            None => format!(
                "画面不像“{claimed}”（低于其合格照片 {:.1} 个标准差），也不像其他检查点：请按示例重拍",
                -score
            ),
        };
        self.add(FindingKind::WrongShot, Severity::Major, -score, evidence);
    }

    fn difference(&mut self, judgement: Option<&Judgement>, budget: f64) {
        let Some(checkpoint) = self.rule() else { return };
        let Some((judgement, p_value)) = judgement.and_then(|j| Some((j, j.p_value?))) else {
            let have = judgement.map_or(0, |j| j.calibration_photos);
            return self.too_few(checkpoint, have, budget);
        };
        if 1.0 / (judgement.calibration_photos as f64 + 1.0) > budget + 1e-12 {
            return self.too_few(checkpoint, judgement.calibration_photos, budget);
        }
        if p_value > budget + 1e-12 {
            return;
        }
        let basis = format!(
            "p 值 {p_value:.3} ≤ 预算 {budget}，{} 张合格照片校准，{}",
            judgement.calibration_photos,
            judgement.mode.guarantee()
        );
        let violation = judgement
            .violation
            .as_ref()
            .filter(|_| checkpoint.has(Check::Violation));
        let (kind, evidence) = match violation {
            Some(label) => {
                let title = checkpoint.violation_title(label);
                (
                    FindingKind::Violation(label.clone()),
                    format!("疑似“{title}”：框内与已登记的该类违规照片相似（{basis}）"),
                )
            }
            None if checkpoint.has(Check::Difference) => {
                let evidence = format!("框内与“{}”的合格照片不同（{basis}）", checkpoint.title);
                (FindingKind::DiffersFromStandard, evidence)
            }
            None => return,
        };
        let severity = self.severity();
        let finding = self.add(kind, severity, judgement.difference, evidence);
        finding.p_value = Some(p_value);
        finding.area = judgement.heat.area();
    }

    fn too_few(&mut self, checkpoint: &Checkpoint, have: usize, budget: f64) {
        let needed = crate::enrolment::photos_needed(budget);
        let evidence = format!(
            "“{}”可用于校准的合格照片有 {have} 张，误报预算 {budget} 需要 {needed} 张：{}，请人工查看",
            checkpoint.title,
            CalibrationMode::TooFew.guarantee()
        );
        self.add(FindingKind::NotEnoughStandards, Severity::Minor, 0.0, evidence);
    }

    fn reading(&mut self, what: &str, expected: &str, reading: NameplateReading) {
        match reading {
            NameplateReading::Confirmed { .. } => {}
            NameplateReading::Different { read, area } => {
                let evidence = format!("铭牌{what}读作“{read}”，工单为“{expected}”：请核对机器或工单");
                let severity = self.severity();
                self.add(FindingKind::NameplateDifferent, severity, 1.0, evidence)
                    .area = Some(area);
            }
            NameplateReading::Unreadable { nearest } => {
                let seen = nearest.map_or(String::new(), |line| format!("，最接近的一行是“{line}”"));
                let evidence =
                    format!("铭牌{what}无法辨认（工单为“{expected}”{seen}）：请正对铭牌、靠近并避免反光重拍");
                self.add(FindingKind::NameplateUnreadable, Severity::Minor, 0.0, evidence);
            }
        }
    }
}

fn unreadable(
    position: usize,
    declared: Option<CheckpointId>,
    error: &DecodeError,
    standard: &Standard,
) -> Examined {
    let mut photo = PhotoFindings::new(position, standard, declared.clone());
    photo.add(FindingKind::Unreadable, Severity::Major, 1.0, error.advice());
    Examined {
        outcome: PhotoOutcome {
            checkpoint: declared,
            ..PhotoOutcome::default()
        },
        findings: photo.findings,
    }
}

/// A finding for every required checkpoint of the stage that has fewer photos than it needs.
fn missing_shots(
    standard: &Standard,
    stage: Stage,
    counted: impl Fn(&CheckpointId) -> usize,
) -> Vec<Finding> {
    let required = standard.of_stage(stage).filter(|checkpoint| checkpoint.required);
    required
        .filter_map(|checkpoint| {
            let (have, needed) = (counted(&checkpoint.id), checkpoint.min_photos as usize);
            (have < needed).then(|| Finding {
                photo: None,
                checkpoint: Some(checkpoint.id.clone()),
                kind: FindingKind::MissingShot,
                severity: checkpoint.severity,
                score: (needed - have) as f64,
                p_value: None,
                area: None,
                evidence: format!(
                    "缺少“{}”的可用照片（需要 {needed} 张，已有 {have} 张）：请补拍",
                    checkpoint.title
                ),
            })
        })
        .collect()
}

#[cfg(test)]
#[path = "inspector_tests.rs"]
mod tests;
