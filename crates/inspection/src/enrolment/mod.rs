//! Good photos and violations per checkpoint → what an inspection compares with.
//!
//! In: a [`Standard`], labelled photos, an encoder. Out: an [`EnrolledStandard`], which judges photos and goes to and
//! from bytes, and an [`EnrolmentReport`] of what it can promise. The order of the photos does not matter: they are
//! sorted by the hash of their content.

mod bank;
mod conformal;
mod features;
mod file;
mod fit;
mod shots;

pub use conformal::{CalibrationMode, photos_needed};
pub use file::FileError;
pub use fit::Judgement;
pub use shots::ShotGuess;

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use shifu_domain::CheckpointId;
use shifu_domain::models::{ImageEncoder, ImageFeatures, ModelError, ModelVersion, Priority};

use crate::decode::{Limits, decode};
use crate::duplicates::Fingerprint;
use crate::quality::{Quality, QualityLimits};
use crate::standard::{Check, Standard};
use features::StoredFeatures;
use fit::CheckpointModel;
use shots::ShotRecogniser;

/// How photos are enrolled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EnrolmentConfig {
    /// Limits of the photos.
    pub limits: Limits,
    /// What is usable.
    pub quality: QualityLimits,
    /// False-alarm budget α of a checkpoint, 0..1: decides how many photos are held out for calibration.
    pub budget: f64,
    /// How much a patch's place counts beside its looks; 0: not at all.
    pub position_weight: f32,
    /// Most patches a checkpoint's bank holds. 16,000 are 20 photos of 784 patches whole: thinning them leaves places
    /// without a patch, and the distance to the next place then hides small defects.
    pub max_bank_patches: usize,
    /// Fewest photos in the bank when others are held out; with fewer, leave-one-out is used.
    pub min_bank_photos: usize,
    /// Most photos of one checkpoint and label.
    pub max_photos: usize,
}

impl Default for EnrolmentConfig {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            quality: QualityLimits::default(),
            budget: 0.05,
            position_weight: 1.0,
            max_bank_patches: 16_000,
            min_bank_photos: 20,
            max_photos: 400,
        }
    }
}

/// What an enrolled photo shows: the folder names below a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum EnrolmentLabel {
    /// Work as it should be.
    Good,
    /// A defect of this name.
    Violation(String),
}

impl From<String> for EnrolmentLabel {
    fn from(label: String) -> Self {
        if label == "good" {
            Self::Good
        } else {
            Self::Violation(label)
        }
    }
}

impl From<EnrolmentLabel> for String {
    fn from(label: EnrolmentLabel) -> String {
        match label {
            EnrolmentLabel::Good => "good".to_owned(),
            EnrolmentLabel::Violation(label) => label,
        }
    }
}

/// One photo to enrol.
#[derive(Debug, Clone, PartialEq)]
pub struct EnrolmentPhoto {
    /// What it shows.
    pub checkpoint: CheckpointId,
    /// How it was done.
    pub label: EnrolmentLabel,
    /// File name, for the report.
    pub name: String,
    /// Ticket or installer it comes from; photos of one group are left out together.
    pub group: Option<String>,
    /// The file.
    pub bytes: Vec<u8>,
}

/// An enrolled photo as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredPhoto {
    pub(crate) label: EnrolmentLabel,
    pub(crate) name: String,
    pub(crate) group_name: Option<String>,
    /// Number of its group within the checkpoint.
    pub(crate) group: u32,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) features: StoredFeatures,
}

impl StoredPhoto {
    pub(crate) fn violation(&self) -> Option<&str> {
        match &self.label {
            EnrolmentLabel::Good => None,
            EnrolmentLabel::Violation(label) => Some(label),
        }
    }
}

/// Why nothing was enrolled. A bad photo among many is in the report instead.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EnrolmentError {
    /// The encoder failed.
    #[error("photo {name} could not be encoded: {source}")]
    Model {
        /// The photo.
        name: String,
        /// What the encoder said.
        source: ModelError,
    },
    /// The standard was enrolled with another encoder.
    #[error("the standard was enrolled with {enrolled}, not {given}; enrol it again")]
    AnotherEncoder {
        /// Name and version then.
        enrolled: String,
        /// Name and version now.
        given: String,
    },
}

/// A photo that was not taken, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RefusedPhoto {
    /// The photo.
    pub name: String,
    /// In Chinese.
    pub reason: String,
}

/// A photo that shows what another one already shows; it is not counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NearDuplicate {
    /// The photo left out.
    pub name: String,
    /// The photo kept.
    pub same_as: String,
}

/// What one checkpoint's photos support.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CheckpointReport {
    /// The checkpoint.
    pub checkpoint: CheckpointId,
    /// Good photos counted.
    pub good: usize,
    /// Photos counted of each violation.
    pub violations: BTreeMap<String, usize>,
    /// Where the calibration comes from.
    pub calibration: CalibrationMode,
    /// Photos behind each p-value.
    pub calibration_photos: usize,
    /// What is proven, in Chinese.
    pub guarantee: String,
    /// Budgets α at which an alarm is possible.
    pub budgets_supported: Vec<f64>,
    /// Good photos still missing for the configured budget.
    pub good_missing: usize,
    /// Patches in the bank.
    pub bank_patches: usize,
    /// Whether its shots are recognised.
    pub shots_recognised: bool,
}

/// What enrolling came to.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EnrolmentReport {
    /// In the order of the standard.
    pub checkpoints: Vec<CheckpointReport>,
    /// Photos left out because another shows the same.
    pub near_duplicates: Vec<NearDuplicate>,
    /// Photos not taken.
    pub refused: Vec<RefusedPhoto>,
}

/// What became of one photo: the result of `POST /v1/standards/{category}/photos`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PhotoAdded {
    /// Whether it counts.
    pub accepted: bool,
    /// Why not, in Chinese.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A standard and the memory of its photos.
#[derive(Debug, Clone)]
pub struct EnrolledStandard {
    pub(crate) standard: Standard,
    pub(crate) config: EnrolmentConfig,
    pub(crate) encoder: ModelVersion,
    pub(crate) photos: BTreeMap<CheckpointId, Vec<StoredPhoto>>,
    pub(crate) models: BTreeMap<CheckpointId, CheckpointModel>,
    pub(crate) shots: ShotRecogniser,
    pub(crate) near_duplicates: Vec<NearDuplicate>,
    pub(crate) refused: Vec<RefusedPhoto>,
}

/// Builds enrolled standards.
pub struct Enrolment;

/// Photos decoded and encoded at a time; their files are in memory together.
const BATCH: usize = 8;
/// Two enrolled photos are one when their hashes differ by at most this many bits of 256 …
const NEAR_DUPLICATE_BITS: u32 = 24;
/// … and their patches, place by place, by at most this share of what patches of one photo differ among themselves.
/// The hash alone would take all shots of a fixed camera for one; a re-saved copy stays far below, another shot's noise
/// and light do not.
const NEAR_DUPLICATE_SHARE: f32 = 0.04;

impl Enrolment {
    /// Enrols photos, which are drawn from `photos` a few at a time. A photo that cannot be used is in the report.
    ///
    /// # Errors
    /// [`EnrolmentError::Model`] when the encoder fails on a readable photo.
    pub fn build(
        standard: Standard,
        photos: impl IntoIterator<Item = EnrolmentPhoto>,
        encoder: &dyn ImageEncoder,
        config: &EnrolmentConfig,
    ) -> Result<(EnrolledStandard, EnrolmentReport), EnrolmentError> {
        let mut enrolled = EnrolledStandard::empty(standard, encoder.version(), config.clone());
        let mut photos = photos.into_iter();
        loop {
            let batch: Vec<EnrolmentPhoto> = photos.by_ref().take(BATCH).collect();
            if batch.is_empty() {
                break;
            }
            let read: Vec<_> = batch
                .into_par_iter()
                .map(|photo| enrolled.read(photo, encoder))
                .collect();
            for outcome in read {
                match outcome? {
                    Ok((checkpoint, photo)) => enrolled.photos.entry(checkpoint).or_default().push(photo),
                    Err(refused) => enrolled.refused.push(refused),
                }
            }
        }
        for photos in enrolled.photos.values_mut() {
            enrolled
                .near_duplicates
                .extend(settle(photos, &mut enrolled.refused, config.max_photos));
        }
        enrolled
            .refused
            .sort_by(|a, b| (&a.name, &a.reason).cmp(&(&b.name, &b.reason)));
        let ids: Vec<CheckpointId> = enrolled.photos.keys().cloned().collect();
        ids.iter().for_each(|id| enrolled.refit(id));
        enrolled.refit_shots();
        let report = enrolled.report();
        Ok((enrolled, report))
    }
}

type Read = Result<(CheckpointId, StoredPhoto), RefusedPhoto>;

impl EnrolledStandard {
    /// A standard without photos: everything that needs none is still checked.
    #[must_use]
    pub fn empty(standard: Standard, encoder: ModelVersion, config: EnrolmentConfig) -> Self {
        Self {
            standard,
            config,
            encoder,
            photos: BTreeMap::new(),
            models: BTreeMap::new(),
            shots: ShotRecogniser::default(),
            near_duplicates: Vec::new(),
            refused: Vec::new(),
        }
    }

    /// The standard.
    #[must_use]
    pub fn standard(&self) -> &Standard {
        &self.standard
    }

    /// The encoder it was enrolled with.
    #[must_use]
    pub fn encoder(&self) -> &ModelVersion {
        &self.encoder
    }

    /// Replaces the checkpoints; photos of checkpoints that are gone are dropped, all others are kept.
    pub fn set_standard(&mut self, standard: Standard) {
        self.photos.retain(|id, _| standard.checkpoint(id).is_some());
        self.models.clear();
        self.standard = standard;
        let ids: Vec<CheckpointId> = self.photos.keys().cloned().collect();
        ids.iter().for_each(|id| self.refit(id));
        self.refit_shots();
    }

    /// Adds one photo; see [`EnrolledStandard::add_photos`].
    ///
    /// # Errors
    /// [`EnrolmentError`] when the encoder fails or is not the one the standard was enrolled with.
    pub fn add_photo(
        &mut self,
        photo: EnrolmentPhoto,
        encoder: &dyn ImageEncoder,
    ) -> Result<PhotoAdded, EnrolmentError> {
        let added = self.add_photos(vec![photo], encoder)?;
        Ok(added.into_iter().next().unwrap_or(PhotoAdded {
            accepted: false,
            reason: None,
        }))
    }

    /// Adds photos, each with its own result; equal to enrolling all photos anew, but no earlier photo is decoded or encoded,
    /// and each checkpoint that gained a photo is learnt again once.
    ///
    /// # Errors
    /// [`EnrolmentError`] when the encoder fails or is not the one the standard was enrolled with; then nothing is added.
    pub fn add_photos(
        &mut self,
        photos: Vec<EnrolmentPhoto>,
        encoder: &dyn ImageEncoder,
    ) -> Result<Vec<PhotoAdded>, EnrolmentError> {
        self.require_encoder(&encoder.version())?;
        let read: Vec<_> = photos
            .into_par_iter()
            .map(|photo| self.read(photo, encoder))
            .collect();
        let read: Vec<Read> = read.into_iter().collect::<Result<_, _>>()?;
        let mut changed = BTreeSet::new();
        let added = read.into_iter().map(|outcome| match outcome {
            Err(refusal) => PhotoAdded {
                accepted: false,
                reason: Some(refusal.reason),
            },
            Ok((checkpoint, stored)) => {
                let added = self.place(&checkpoint, stored);
                if added.accepted {
                    changed.insert(checkpoint);
                }
                added
            }
        });
        let added = added.collect();
        changed.iter().for_each(|id| self.refit(id));
        self.refit_shots();
        Ok(added)
    }

    /// Puts a photo beside those of its checkpoint, unless it repeats one or there are too many.
    fn place(&mut self, checkpoint: &CheckpointId, stored: StoredPhoto) -> PhotoAdded {
        let refused = |reason: String| PhotoAdded {
            accepted: false,
            reason: Some(reason),
        };
        let name = stored.name.clone();
        let photos = self.photos.entry(checkpoint.clone()).or_default();
        let mut with_new = photos.clone();
        with_new.push(stored);
        let mut full = Vec::new();
        let dropped = settle(&mut with_new, &mut full, self.config.max_photos);
        if let Some(refusal) = full.pop() {
            return refused(refusal.reason);
        }
        if with_new.len() == photos.len() {
            let pair = dropped
                .last()
                .map(|pair| (pair.name.clone(), pair.same_as.clone()));
            let other = pair.map_or(String::new(), |(a, b)| if a == name { b } else { a });
            return refused(format!("与已登记的照片 {other} 几乎相同，不重复计入"));
        }
        *photos = with_new;
        PhotoAdded {
            accepted: true,
            reason: None,
        }
    }

    pub(crate) fn require_encoder(&self, given: &ModelVersion) -> Result<(), EnrolmentError> {
        if *given == self.encoder {
            return Ok(());
        }
        let spelled = |version: &ModelVersion| format!("{} {}", version.name, version.version);
        Err(EnrolmentError::AnotherEncoder {
            enrolled: spelled(&self.encoder),
            given: spelled(given),
        })
    }

    /// Decodes, checks and encodes one photo.
    fn read(&self, photo: EnrolmentPhoto, encoder: &dyn ImageEncoder) -> Result<Read, EnrolmentError> {
        let refuse = |reason: String| {
            Ok(Err(RefusedPhoto {
                name: photo.name.clone(),
                reason,
            }))
        };
        if self.standard.checkpoint(&photo.checkpoint).is_none() {
            return refuse(format!("标准中没有检查点 {}", photo.checkpoint));
        }
        if let EnrolmentLabel::Violation(label) = &photo.label
            && CheckpointId::new(label).is_err()
        {
            return refuse(format!("违规标签 {label:?} 无效：只能用 a-z、0-9 和下划线"));
        }
        let decoded = match decode(&photo.bytes, self.config.limits) {
            Ok(decoded) => decoded,
            Err(error) => return refuse(error.advice()),
        };
        if let Some(defect) = Quality::of(&decoded)
            .defects(&self.config.quality)
            .into_iter()
            .next()
        {
            return refuse(defect.advice);
        }
        let features =
            encoder
                .encode(&decoded.photo, Priority::Bulk)
                .map_err(|source| EnrolmentError::Model {
                    name: photo.name.clone(),
                    source,
                })?;
        let Some(features) = self.fitting(&features) else {
            return refuse("图像编码器给出的特征无效".to_owned());
        };
        let stored = StoredPhoto {
            label: photo.label,
            name: photo.name,
            group_name: photo.group,
            group: 0,
            fingerprint: Fingerprint::of(&decoded.photo, &photo.bytes),
            features,
        };
        Ok(Ok((photo.checkpoint, stored)))
    }

    /// Features in the kept form, where they have the shape of those already kept.
    pub(crate) fn fitting(&self, features: &ImageFeatures) -> Option<StoredFeatures> {
        let stored = StoredFeatures::of(features)?;
        let known = self.photos.values().flatten().next();
        let fits = known.is_none_or(|photo| {
            photo.features.shape.dimensions == stored.shape.dimensions
                && photo.features.shape.global == stored.shape.global
        });
        fits.then_some(stored)
    }

    fn refit(&mut self, id: &CheckpointId) {
        let needs = self
            .standard
            .checkpoint(id)
            .is_some_and(|c| c.has(Check::Difference) || c.has(Check::Violation));
        let photos = self.photos.get(id).map_or(&[][..], Vec::as_slice);
        let model = if needs {
            CheckpointModel::fit(photos, &self.config)
        } else {
            None
        };
        match model {
            Some(model) => self.models.insert(id.clone(), model),
            None => self.models.remove(id),
        };
    }

    pub(crate) fn refit_shots(&mut self) {
        let recognised = |id: &CheckpointId| self.standard.checkpoint(id).is_some_and(|c| c.has(Check::Shot));
        let photos = self.photos.iter().filter(|(id, _)| recognised(id));
        self.shots = ShotRecogniser::fit(photos.map(|(id, photos)| (id, photos.as_slice())));
    }

    /// What the photos of each checkpoint support.
    #[must_use]
    pub fn report(&self) -> EnrolmentReport {
        EnrolmentReport {
            checkpoints: self
                .standard
                .checkpoints
                .iter()
                .map(|c| self.checkpoint_report(&c.id))
                .collect(),
            near_duplicates: self.near_duplicates.clone(),
            refused: self.refused.clone(),
        }
    }

    fn checkpoint_report(&self, id: &CheckpointId) -> CheckpointReport {
        let photos = self.photos.get(id).map_or(&[][..], Vec::as_slice);
        let good = photos.iter().filter(|photo| photo.violation().is_none()).count();
        let mut violations = BTreeMap::new();
        for label in photos.iter().filter_map(StoredPhoto::violation) {
            *violations.entry(label.to_owned()).or_insert(0) += 1;
        }
        let model = self.models.get(id);
        let calibration = model.map_or(CalibrationMode::TooFew, |model| model.fit.mode);
        let calibration_photos = model.map_or(0, CheckpointModel::calibration_photos);
        CheckpointReport {
            checkpoint: id.clone(),
            good,
            violations,
            calibration,
            calibration_photos,
            guarantee: calibration.guarantee().to_owned(),
            budgets_supported: conformal::budgets_supported(calibration_photos),
            good_missing: photos_needed(self.config.budget).saturating_sub(good),
            bank_patches: model.map_or(0, CheckpointModel::bank_patches),
            shots_recognised: self.shots.knows(id),
        }
    }
}

/// Sorts the photos of a checkpoint, drops near-duplicates of one label and what exceeds the limit, and numbers groups.
fn settle(
    photos: &mut Vec<StoredPhoto>,
    refused: &mut Vec<RefusedPhoto>,
    max_photos: usize,
) -> Vec<NearDuplicate> {
    photos.sort_by(|a, b| {
        (a.fingerprint.file(), &a.label, &a.name).cmp(&(b.fingerprint.file(), &b.label, &b.name))
    });
    let mut kept: Vec<StoredPhoto> = Vec::with_capacity(photos.len());
    let mut duplicates = Vec::new();
    let mut counts: BTreeMap<EnrolmentLabel, usize> = BTreeMap::new();
    for photo in photos.drain(..) {
        let same = |other: &&StoredPhoto| {
            other.label == photo.label
                && other.fingerprint.bits_apart(&photo.fingerprint) <= NEAR_DUPLICATE_BITS
                && other.features.difference(&photo.features) <= NEAR_DUPLICATE_SHARE
        };
        let count = counts.entry(photo.label.clone()).or_insert(0);
        if let Some(other) = kept.iter().find(same) {
            duplicates.push(NearDuplicate {
                name: photo.name,
                same_as: other.name.clone(),
            });
        } else if *count >= max_photos {
            let reason = format!("该检查点的同类照片已达上限 {max_photos} 张");
            refused.push(RefusedPhoto {
                name: photo.name,
                reason,
            });
        } else {
            *count += 1;
            kept.push(photo);
        }
    }
    let mut named: BTreeMap<String, u32> = BTreeMap::new();
    for (i, photo) in kept.iter_mut().enumerate() {
        let own = i as u32;
        photo.group = photo
            .group_name
            .as_ref()
            .map_or(own, |name| *named.entry(name.clone()).or_insert(own));
    }
    *photos = kept;
    duplicates
}
