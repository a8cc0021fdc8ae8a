//! Installation standards and the photos enrolled for them.

use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use serde_json::json;
use sha2::{Digest, Sha256};
use shifu_domain::models::ImageEncoder;
use shifu_domain::{CategoryId, CheckpointId};
use shifu_inspection::{
    EnrolledStandard, Enrolment, EnrolmentConfig, EnrolmentError, EnrolmentLabel, EnrolmentPhoto,
    EnrolmentReport, PhotoAdded, Standard, StandardError,
};
use shifu_store::{StandardPhoto, StoreError};

use super::Engine;
use crate::access::Caller;
use crate::error::ApiError;

impl From<EnrolmentError> for ApiError {
    fn from(error: EnrolmentError) -> Self {
        match error {
            EnrolmentError::Model { source, .. } => source.into(),
            EnrolmentError::AnotherEncoder { .. } => Self::conflict(error),
        }
    }
}

impl From<StandardError> for ApiError {
    fn from(error: StandardError) -> Self {
        match &error {
            StandardError::Syntax { .. }
            | StandardError::Repeated { .. }
            | StandardError::OutOfRange { .. }
            | StandardError::Count { .. } => Self::unprocessable(error),
        }
    }
}

impl Engine {
    /// Loads every standard; one whose enrolment is not of its photos and encoder is enrolled again.
    pub(super) async fn load_standards(&self) -> Result<(), ApiError> {
        for record in self.store.standards().await? {
            let standard: Standard = serde_json::from_str(&record.definition)
                .map_err(|error| ApiError::internal(format!("standard {:?}: {error}", record.category)))?;
            let photos = self.store.standard_photos(&record.category).await?;
            let kept = match self.store.enrolled(&record.category).await {
                Ok(kept) => kept,
                // It is computed from the photos: without it, it is computed again.
                Err(error @ (StoreError::NotFound { .. } | StoreError::Corrupt { .. })) => {
                    tracing::warn!(category = record.category, %error, "a kept enrolment is not used");
                    None
                }
                Err(error) => return Err(error.into()),
            };
            let current = kept.filter(|kept| kept.version == enrolment_version(&record.definition, &photos));
            let read = current.and_then(|kept| EnrolledStandard::from_bytes(&kept.bytes).ok());
            let fitting = read.filter(|enrolled| *enrolled.encoder() == self.models.encoder.version());
            let enrolled = match fitting {
                Some(enrolled) => enrolled,
                None => self.enrol_again(standard, &photos).await?,
            };
            self.set_enrolled(enrolled);
        }
        Ok(())
    }

    async fn enrol_again(
        &self,
        standard: Standard,
        photos: &[StandardPhoto],
    ) -> Result<EnrolledStandard, ApiError> {
        let mut loaded = Vec::with_capacity(photos.len());
        for photo in photos {
            let bytes = self.store.object(&photo.sha256).await?.to_vec();
            let checkpoint = CheckpointId::new(&photo.checkpoint).map_err(ApiError::internal)?;
            let label = EnrolmentLabel::from(photo.label.clone());
            let name = photo.sha256.chars().take(12).collect();
            loaded.push(EnrolmentPhoto {
                checkpoint,
                label,
                name,
                group: None,
                bytes,
            });
        }
        let encoder = self.models.encoder.clone();
        let category = standard.category.to_string();
        let (enrolled, _) = self
            .gate
            .bulk(move || Enrolment::build(standard, loaded, encoder.as_ref(), &EnrolmentConfig::default()))
            .await??;
        tracing::info!(category, photos = photos.len(), "enrolled a standard again");
        self.keep_enrolled(&enrolled).await?;
        Ok(enrolled)
    }

    fn set_enrolled(&self, enrolled: EnrolledStandard) {
        let category = enrolled.standard().category.clone();
        let mut standards = self.standards.write().unwrap_or_else(PoisonError::into_inner);
        standards.insert(category, Arc::new(enrolled));
    }

    async fn keep_enrolled(&self, enrolled: &EnrolledStandard) -> Result<(), ApiError> {
        let category = enrolled.standard().category.as_str();
        let photos = self.store.standard_photos(category).await?;
        let definition = serde_json::to_string(enrolled.standard()).map_err(ApiError::internal)?;
        let kept = shifu_store::EnrolledStandard {
            category: category.to_owned(),
            version: enrolment_version(&definition, &photos),
            bytes: enrolled.to_bytes().into(),
        };
        Ok(self.store.put_enrolled(&kept).await?)
    }

    /// The standard in force.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn standard(&self, category: &CategoryId) -> Result<Arc<EnrolledStandard>, ApiError> {
        let standards = self.standards.read().unwrap_or_else(PoisonError::into_inner);
        let found = standards.get(category).cloned();
        found.ok_or_else(|| ApiError::not_found(format!("no standard {:?}", category.as_str())))
    }

    /// Puts a standard into force; photos of checkpoints that remain stay enrolled. Gives its revision.
    ///
    /// # Errors
    /// `Unprocessable` when it breaks a rule; then nothing changes.
    pub async fn put_standard(&self, caller: &Caller, standard: Standard) -> Result<u32, ApiError> {
        standard.check()?;
        let _enrolling = self.enrolling.lock().await;
        let definition = serde_json::to_string(&standard).map_err(ApiError::internal)?;
        let revision = self
            .store
            .put_standard(standard.category.as_str(), &definition)
            .await?;
        let category = standard.category.clone();
        let old = self.standard(&category).ok();
        let encoder = self.models.encoder.version();
        let enrolled = self
            .gate
            .interactive(move || match old {
                Some(old) => {
                    let mut enrolled = old.as_ref().clone();
                    enrolled.set_standard(standard);
                    enrolled
                }
                None => EnrolledStandard::empty(standard, encoder, EnrolmentConfig::default()),
            })
            .await?;
        self.keep_enrolled(&enrolled).await?;
        self.set_enrolled(enrolled);
        let detail = json!({"revision": revision});
        self.store
            .add_audit(&caller.key_id, "standard.put", category.as_str(), &detail)
            .await?;
        Ok(revision)
    }

    /// Enrols one photo; one that is refused is not kept.
    ///
    /// # Errors
    /// `NotFound` for an unknown standard, `Unprocessable` for an unknown checkpoint.
    pub async fn enrol_photo(
        &self,
        caller: &Caller,
        category: &CategoryId,
        photo: EnrolmentPhoto,
    ) -> Result<PhotoAdded, ApiError> {
        let (added, _) = self.enrol_photos(caller, category, vec![photo]).await?;
        added
            .into_iter()
            .next()
            .ok_or_else(|| ApiError::internal("one photo in, none out"))
    }

    /// Enrols photos, each with its own result, and says what the standard's photos support then.
    ///
    /// # Errors
    /// `NotFound` for an unknown standard, `Unprocessable` for an unknown checkpoint; then none is enrolled.
    pub async fn enrol_photos(
        &self,
        caller: &Caller,
        category: &CategoryId,
        photos: Vec<EnrolmentPhoto>,
    ) -> Result<(Vec<PhotoAdded>, EnrolmentReport), ApiError> {
        let _enrolling = self.enrolling.lock().await;
        let current = self.standard(category)?;
        if let Some(photo) = photos
            .iter()
            .find(|photo| current.standard().checkpoint(&photo.checkpoint).is_none())
        {
            let message = format!(
                "the standard {:?} has no checkpoint {:?}",
                category.as_str(),
                photo.checkpoint.as_str()
            );
            return Err(ApiError::field("checkpoint", message));
        }
        let encoder = self.models.encoder.clone();
        let kept: Vec<(String, String, Bytes)> = photos
            .iter()
            .map(|photo| {
                (
                    photo.checkpoint.to_string(),
                    String::from(photo.label.clone()),
                    photo.bytes.clone().into(),
                )
            })
            .collect();
        let (enrolled, added) = self
            .gate
            .interactive(move || enrol(current.as_ref(), photos, encoder.as_ref()))
            .await??;
        for ((checkpoint, label, bytes), outcome) in kept.into_iter().zip(&added) {
            if outcome.accepted {
                self.store
                    .add_standard_photo(category.as_str(), &checkpoint, &label, bytes)
                    .await?;
            }
        }
        let report = enrolled.report();
        if added.iter().any(|outcome| outcome.accepted) {
            self.keep_enrolled(&enrolled).await?;
            self.set_enrolled(enrolled);
            let detail = json!({"photos": added.iter().filter(|one| one.accepted).count()});
            self.store
                .add_audit(&caller.key_id, "standard.photos", category.as_str(), &detail)
                .await?;
        }
        Ok((added, report))
    }
}

fn enrol(
    current: &EnrolledStandard,
    photos: Vec<EnrolmentPhoto>,
    encoder: &dyn ImageEncoder,
) -> Result<(EnrolledStandard, Vec<PhotoAdded>), EnrolmentError> {
    let mut enrolled = current.clone();
    let added = enrolled.add_photos(photos, encoder)?;
    Ok((enrolled, added))
}

/// Changes whenever the definition or the set of photos does.
fn enrolment_version(definition: &str, photos: &[StandardPhoto]) -> String {
    let mut lines: Vec<String> = photos
        .iter()
        .map(|photo| format!("{} {} {}", photo.checkpoint, photo.label, photo.sha256))
        .collect();
    lines.sort();
    let mut digest = Sha256::new();
    digest.update(definition);
    for line in lines {
        digest.update(b"\n");
        digest.update(line);
    }
    hex::encode(digest.finalize())
}
