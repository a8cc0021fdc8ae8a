//! Submissions in; inspections, on-site checks and alerts out.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shifu_domain::{CheckpointId, Finding, Severity, TicketId, Verdict};
use shifu_inspection::{
    DecodeError, EnrolledStandard, Fingerprint, Inspection, InspectionError, Inspector, InspectorConfig,
    PhotoCheck, PhotoIndex, PhotoMeta, PhotoRef, Submission, SubmittedPhoto, Ticket, alerts_for,
};
use shifu_store::{
    InspectionRecord, InspectionStatus, NewAlert, NewInspection, NewPhoto, PhotoOutcome, StoreError,
};

use super::Engine;
use super::knowledge::name_of;
use crate::access::{Caller, Role};
use crate::error::ApiError;
use crate::extract::rfc3339;
use crate::observe::timed;

/// Fingerprints read from the store at a time.
const FINGERPRINTS: u32 = 10_000;
const HOUR_MS: i64 = 3_600_000;
/// How long the call that examined a submission may take to write its verdict; then the queue examines it again.
const KEEPING_MS: i64 = 120_000;

/// A photo as uploaded.
#[derive(Debug, Clone)]
pub struct PhotoUpload {
    /// The file's name.
    pub file_name: String,
    /// The file.
    pub bytes: Bytes,
}

/// A submission as uploaded.
#[derive(Debug, Clone)]
pub struct SubmissionInput {
    /// The visit.
    pub ticket: Ticket,
    /// What the app says about photos, by file name; photos without an entry have none.
    pub photos_meta: Vec<PhotoMeta>,
    /// The photos.
    pub photos: Vec<PhotoUpload>,
}

/// An inspection as its callers see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct InspectionReply {
    /// Its identifier.
    pub inspection_id: String,
    /// The ticket.
    pub ticket_id: String,
    /// The standard's category.
    pub category: String,
    /// Which attempt of the ticket, from 1.
    pub attempt: u32,
    /// The attempt before.
    pub replaces: Option<String>,
    /// queued, running, done or failed.
    pub status: String,
    /// The outcome; null until done.
    pub verdict: Option<Verdict>,
    /// Everything found.
    pub findings: Vec<Finding>,
    /// Required checkpoints without enough usable photos.
    pub missing_checkpoints: Vec<CheckpointId>,
    /// What decided it.
    #[schema(value_type = Object)]
    pub versions: Value,
    /// Milliseconds it took.
    pub took_ms: u64,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// RFC 3339.
    pub created_at: String,
}

impl From<InspectionError> for ApiError {
    fn from(error: InspectionError) -> Self {
        match error {
            InspectionError::NoPhotos => Self::field("photos", error),
            InspectionError::TooManyPhotos { limit, actual } => {
                Self::too_large("photos_per_call", limit, Some(actual))
            }
            InspectionError::UnknownCheckpoint { photo, .. } => {
                Self::field(&format!("photos_meta[{photo}].checkpoint"), error)
            }
            InspectionError::Encoder(error) => error.into(),
            InspectionError::Model(error) => error.into(),
        }
    }
}

impl From<DecodeError> for ApiError {
    fn from(error: DecodeError) -> Self {
        match &error {
            DecodeError::TooManyBytes { limit, actual } => {
                Self::too_large("photo_bytes", *limit as usize, Some(*actual as usize))
            }
            DecodeError::TooManyPixels { limit, actual, .. } => {
                Self::too_large("pixels", *limit as usize, Some(*actual as usize))
            }
            DecodeError::Unsupported { .. } => Self::unsupported(error),
            DecodeError::Empty | DecodeError::Truncated { .. } | DecodeError::Damaged { .. } => {
                Self::field("file", error)
            }
        }
    }
}

impl Engine {
    fn inspector(&self) -> Inspector {
        let mut config = InspectorConfig::default();
        config.max_photos = self.config.limits.photos_per_call;
        config.visit.zone.clone_from(&self.config.timezone);
        Inspector::new(
            self.models.encoder.clone(),
            self.models.recognizer.clone(),
            config,
        )
    }

    /// Loads the fingerprints of all earlier photos.
    pub(super) async fn load_fingerprints(&self) -> Result<(), ApiError> {
        let mut index = PhotoIndex::in_directory(&self.config.data).map_err(ApiError::internal)?;
        let mut after = (String::new(), -1);
        loop {
            let batch = self.store.fingerprints((&after.0, after.1), FINGERPRINTS).await?;
            let Some(last) = batch.last() else { break };
            after = (last.inspection_id.clone(), i64::from(last.position));
            for stored in batch {
                let read = serde_json::from_value::<Fingerprint>(Value::String(stored.fingerprint));
                match (read, TicketId::new(&stored.ticket_id)) {
                    (Ok(fingerprint), Ok(ticket_id)) => {
                        let photo_id = photo_id(&stored.inspection_id, stored.position);
                        index.insert(PhotoRef { photo_id, ticket_id }, &fingerprint);
                    }
                    _ => tracing::warn!(
                        inspection_id = stored.inspection_id,
                        "a fingerprint cannot be read"
                    ),
                }
            }
        }
        *self
            .earlier_photos
            .write()
            .unwrap_or_else(PoisonError::into_inner) = index;
        Ok(())
    }

    /// Inspects a submission now and keeps it with its verdict.
    ///
    /// # Errors
    /// `Unprocessable` for a submission that breaks a rule, `Overloaded` when the queue is full; then nothing is kept.
    pub async fn inspect(
        &self,
        caller: &Caller,
        input: SubmissionInput,
    ) -> Result<InspectionReply, ApiError> {
        let (new, submission) = self.prepare(caller, input)?;
        let standard = self.standard(&submission.ticket.category)?;
        let work = self.inspection_work(submission, standard);
        let (inspection, outcomes) = self.gate.heavy(work).await??;
        let (record, job) = self.store.add_inspection(&new, Some(KEEPING_MS)).await?;
        self.keep_inspection(&record, &inspection, outcomes).await?;
        self.store.finish_job(&job.job_id).await?;
        self.reply_to(caller, &self.store.inspection(&record.inspection_id).await?)
            .await
    }

    /// Keeps a submission and inspects it later.
    ///
    /// # Errors
    /// `Unprocessable` for a submission that breaks a rule; then nothing is kept.
    pub async fn queue_inspection(
        &self,
        caller: &Caller,
        input: SubmissionInput,
    ) -> Result<InspectionReply, ApiError> {
        let (new, _) = self.prepare(caller, input)?;
        let (record, _) = self.store.add_inspection(&new, None).await?;
        self.inspections_arrived.notify_one();
        self.reply_to(caller, &record).await
    }

    /// Inspects a kept submission; what the job queue runs.
    ///
    /// # Errors
    /// `NotFound` when its standard is gone; what a model said.
    pub async fn run_inspection(&self, inspection_id: &str) -> Result<(), ApiError> {
        let record = match self.store.inspection(inspection_id).await {
            Ok(record) if record.status == InspectionStatus::Done => return Ok(()),
            Ok(record) => record,
            Err(StoreError::NotFound { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        self.store.start_inspection(inspection_id).await?;
        let ticket: Ticket = serde_json::from_value(record.ticket.clone()).map_err(ApiError::internal)?;
        let metas: Vec<PhotoMeta> =
            serde_json::from_value(record.photos_meta.clone()).map_err(ApiError::internal)?;
        let mut photos = Vec::new();
        for photo in self.store.inspection_photos(inspection_id).await? {
            let bytes = self.store.object(&photo.sha256).await?;
            photos.push(PhotoUpload {
                file_name: photo.file_name,
                bytes,
            });
        }
        let submission = submission(ticket, &metas, &photos);
        let standard = self.standard(&submission.ticket.category)?;
        let (inspection, outcomes) = self
            .gate
            .bulk(self.inspection_work(submission, standard))
            .await??;
        match self.keep_inspection(&record, &inspection, outcomes).await {
            Err(ApiError::NotFound(_)) => Ok(()),
            other => other,
        }
    }

    fn prepare(
        &self,
        caller: &Caller,
        mut input: SubmissionInput,
    ) -> Result<(NewInspection, Submission), ApiError> {
        if let [only] = caller.service_providers.as_slice() {
            input
                .ticket
                .service_provider_id
                .get_or_insert_with(|| only.clone());
        }
        if !caller.sees_provider(input.ticket.service_provider_id.as_deref()) {
            return Err(ApiError::forbidden(
                "this key may not submit for that service provider",
            ));
        }
        let most = self.config.limits.photos_per_call;
        if input.photos.is_empty() {
            return Err(InspectionError::NoPhotos.into());
        }
        if input.photos.len() > most {
            return Err(ApiError::too_large(
                "photos_per_call",
                most,
                Some(input.photos.len()),
            ));
        }
        self.check_meta(&input)?;
        let new = NewInspection {
            ticket_id: input.ticket.ticket_id.to_string(),
            category: input.ticket.category.to_string(),
            service_provider: input.ticket.service_provider_id.clone(),
            ticket: json!(input.ticket),
            photos_meta: json!(input.photos_meta),
            photos: input
                .photos
                .iter()
                .map(|photo| NewPhoto {
                    file_name: photo.file_name.clone(),
                    bytes: photo.bytes.clone(),
                })
                .collect(),
            key_id: caller.key_id.clone(),
        };
        let submission = submission(input.ticket, &input.photos_meta, &input.photos);
        Ok((new, submission))
    }

    fn check_meta(&self, input: &SubmissionInput) -> Result<(), ApiError> {
        let standard = self
            .standard(&input.ticket.category)
            .map_err(|error| ApiError::field("ticket.category", error.english()))?;
        let names: BTreeSet<&str> = input
            .photos
            .iter()
            .map(|photo| photo.file_name.as_str())
            .collect();
        let mut seen = BTreeSet::new();
        for (at, meta) in input.photos_meta.iter().enumerate() {
            if !names.contains(meta.file.as_str()) {
                let message = format!("no photo {:?} was sent", meta.file);
                return Err(ApiError::field(&format!("photos_meta[{at}].file"), message));
            }
            if !seen.insert(&meta.file) {
                return Err(ApiError::field(
                    &format!("photos_meta[{at}].file"),
                    format!("{:?} stands twice", meta.file),
                ));
            }
            if let Some(checkpoint) = &meta.checkpoint
                && standard.standard().checkpoint(checkpoint).is_none()
            {
                let category = input.ticket.category.as_str();
                let message = format!(
                    "the standard {category:?} has no checkpoint {:?}",
                    checkpoint.as_str()
                );
                return Err(ApiError::field(&format!("photos_meta[{at}].checkpoint"), message));
            }
        }
        let places = input
            .photos_meta
            .iter()
            .map(|meta| meta.location)
            .chain([input.ticket.location]);
        if places.flatten().any(|place| !place.is_valid()) {
            return Err(ApiError::field(
                "location",
                "latitude is -90 to 90, longitude -180 to 180",
            ));
        }
        Ok(())
    }

    fn inspection_work(
        &self,
        submission: Submission,
        standard: Arc<EnrolledStandard>,
    ) -> impl FnOnce() -> Result<(Inspection, Vec<PhotoOutcome>), ApiError> + Send + 'static + use<> {
        let inspector = self.inspector();
        let earlier = self.earlier_photos.clone();
        move || {
            let inspection = timed("inspection", "inspect", || {
                let earlier = earlier.read().unwrap_or_else(PoisonError::into_inner);
                inspector.inspect(&submission, &standard, &earlier)
            })?;
            let outcomes = timed("inspection", "overlay", || {
                outcomes(&inspector, &submission, &inspection)
            });
            Ok((inspection, outcomes))
        }
    }

    async fn keep_inspection(
        &self,
        record: &InspectionRecord,
        inspection: &Inspection,
        outcomes: Vec<PhotoOutcome>,
    ) -> Result<(), ApiError> {
        let result = serde_json::to_value(inspection).map_err(ApiError::internal)?;
        let alerts = self.new_alerts(&inspection.findings);
        let verdict = name_of(&inspection.verdict);
        let raised = self
            .store
            .finish_inspection(&record.inspection_id, &verdict, &result, &outcomes, &alerts)
            .await?;
        self.remember(record, inspection).await?;
        metrics::counter!("shifu_verdicts_total", "verdict" => verdict).increment(1);
        if !raised.is_empty() {
            self.alerts.send_modify(|count| *count += raised.len() as u64);
        }
        Ok(())
    }

    /// Puts the photos among the earlier ones. On a blocking thread: inspections hold the index while they look photos up.
    async fn remember(&self, record: &InspectionRecord, inspection: &Inspection) -> Result<(), ApiError> {
        let ticket_id = TicketId::new(&record.ticket_id).map_err(ApiError::internal)?;
        let mut entries = Vec::new();
        for (position, photo) in inspection.photos.iter().enumerate() {
            if let Some(fingerprint) = &photo.fingerprint {
                let photo_id = photo_id(&record.inspection_id, position as u32);
                entries.push((
                    PhotoRef {
                        photo_id,
                        ticket_id: ticket_id.clone(),
                    },
                    fingerprint.clone(),
                ));
            }
        }
        change_index(&self.earlier_photos, move |index| {
            for (photo, fingerprint) in entries {
                index.insert(photo, &fingerprint);
            }
        })
        .await
    }

    pub(super) async fn forget_photos(&self, ticket_id: &TicketId) -> Result<(), ApiError> {
        let ticket_id = ticket_id.clone();
        change_index(&self.earlier_photos, move |index| {
            index.remove_ticket(&ticket_id);
        })
        .await
    }

    fn new_alerts(&self, findings: &[Finding]) -> Vec<NewAlert> {
        let now = jiff::Timestamp::now().as_millisecond();
        let due = &self.config.alerts;
        let hours = |severity: Severity| match severity {
            Severity::Critical => due.critical_due_hours,
            Severity::Major => due.major_due_hours,
            Severity::Minor => due.minor_due_hours,
        };
        let new = |alert: shifu_inspection::Alert| NewAlert {
            photo: alert.photo.and_then(|photo| u32::try_from(photo).ok()),
            checkpoint: alert.checkpoint.map(|checkpoint| checkpoint.to_string()),
            kind: alert.kind.to_string(),
            severity: name_of(&alert.severity),
            probability: alert.probability.value(),
            p_value: alert.p_value,
            harm: alert.expected_harm,
            due_at: now + i64::from(hours(alert.severity)) * HOUR_MS,
        };
        alerts_for(findings).into_iter().map(new).collect()
    }

    /// One inspection that the caller may see: its own, or, for reviewers and admin, any of its service providers.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn inspection(
        &self,
        caller: &Caller,
        inspection_id: &str,
    ) -> Result<InspectionRecord, ApiError> {
        let record = self.store.inspection(inspection_id).await?;
        let reads_others = matches!(caller.role, Role::Admin | Role::Reviewer);
        let own = record.key_id == caller.key_id;
        if own || (reads_others && caller.sees_provider(record.service_provider.as_deref())) {
            return Ok(record);
        }
        Err(StoreError::NotFound {
            what: format!("inspection {inspection_id:?}"),
        }
        .into())
    }

    /// The inspection as its callers see it.
    ///
    /// # Errors
    /// `Internal` when the kept verdict cannot be read.
    pub fn reply(&self, record: &InspectionRecord) -> Result<InspectionReply, ApiError> {
        let result: Option<Inspection> = record
            .result
            .clone()
            .map(serde_json::from_value)
            .transpose()
            .map_err(ApiError::internal)?;
        Ok(InspectionReply {
            inspection_id: record.inspection_id.clone(),
            ticket_id: record.ticket_id.clone(),
            category: record.category.clone(),
            attempt: record.attempt,
            replaces: record.replaces.clone(),
            status: name_of(&record.status),
            verdict: result.as_ref().map(|result| result.verdict),
            findings: result
                .as_ref()
                .map(|result| result.findings.clone())
                .unwrap_or_default(),
            missing_checkpoints: result
                .as_ref()
                .map(|result| result.missing_checkpoints.clone())
                .unwrap_or_default(),
            versions: result
                .as_ref()
                .map_or_else(|| json!({}), |result| json!(result.versions)),
            took_ms: result.as_ref().map_or(0, |result| result.took_ms),
            error: record.error.clone(),
            created_at: rfc3339(record.created_at, &self.zone),
        })
    }

    /// PNG of a photo with the difference marked; the plain photo where nothing was found on it.
    ///
    /// # Errors
    /// `NotFound` for an unknown inspection or position; what is wrong with a file that is no photo.
    pub async fn overlay(
        &self,
        caller: &Caller,
        inspection_id: &str,
        position: u32,
    ) -> Result<Bytes, ApiError> {
        self.inspection(caller, inspection_id).await?;
        let photos = self.store.inspection_photos(inspection_id).await?;
        let photo = photos.into_iter().find(|photo| photo.position == position);
        let photo =
            photo.ok_or_else(|| ApiError::not_found(format!("the inspection has no photo {position}")))?;
        if let Some(overlay) = &photo.overlay_sha256 {
            return Ok(self.store.object(overlay).await?);
        }
        let bytes = self.store.object(&photo.sha256).await?;
        let inspector = self.inspector();
        Ok(self
            .gate
            .interactive(move || inspector.overlay(&bytes, None, &[]))
            .await??
            .into())
    }

    /// The answer on site, before submission. Nothing is kept. `taken` are the photos taken so far.
    ///
    /// # Errors
    /// `Unprocessable` for an unknown category or checkpoint.
    pub async fn check_photo(
        &self,
        photo: SubmittedPhoto,
        ticket: Ticket,
        taken: Vec<PhotoMeta>,
    ) -> Result<PhotoCheck, ApiError> {
        let standard = self
            .standard(&ticket.category)
            .map_err(|error| ApiError::field("category", error.english()))?;
        let inspector = self.inspector();
        let work = move || {
            timed("inspection", "photo_check", || {
                inspector.check_photo(&photo, &ticket, &taken, &standard)
            })
        };
        Ok(self.gate.interactive(work).await??)
    }
}

pub(super) async fn change_index(
    index: &Arc<RwLock<PhotoIndex>>,
    change: impl FnOnce(&mut PhotoIndex) + Send + 'static,
) -> Result<(), ApiError> {
    let index = index.clone();
    let task = tokio::task::spawn_blocking(move || {
        change(&mut index.write().unwrap_or_else(PoisonError::into_inner));
    });
    task.await.map_err(ApiError::internal)
}

/// Joins photos with what is said about them, by file name.
fn submission(ticket: Ticket, metas: &[PhotoMeta], photos: &[PhotoUpload]) -> Submission {
    let with_meta = |photo: &PhotoUpload| {
        let meta = metas.iter().find(|meta| meta.file == photo.file_name).cloned();
        let meta = meta.unwrap_or_else(|| PhotoMeta {
            file: photo.file_name.clone(),
            ..PhotoMeta::default()
        });
        SubmittedPhoto {
            meta,
            bytes: photo.bytes.to_vec(),
        }
    };
    Submission {
        ticket,
        photos: photos.iter().map(with_meta).collect(),
    }
}

/// What is kept of each photo: its fingerprint, and the marked picture where something was found on it.
fn outcomes(inspector: &Inspector, submission: &Submission, inspection: &Inspection) -> Vec<PhotoOutcome> {
    let of_photo =
        |(position, (photo, outcome)): (usize, (&SubmittedPhoto, &shifu_inspection::PhotoOutcome))| {
            let found: Vec<Finding> = inspection
                .findings
                .iter()
                .filter(|finding| finding.photo == Some(position))
                .cloned()
                .collect();
            let heat = outcome.judgement.as_ref().map(|judgement| &judgement.heat);
            let marked = (!found.is_empty())
                .then(|| inspector.overlay(&photo.bytes, heat, &found).ok())
                .flatten();
            PhotoOutcome {
                position: position as u32,
                overlay: marked.map(Bytes::from),
                fingerprint: outcome.fingerprint.as_ref().map(name_of),
            }
        };
    submission
        .photos
        .iter()
        .zip(&inspection.photos)
        .enumerate()
        .map(of_photo)
        .collect()
}

pub(super) fn photo_id(inspection_id: &str, position: u32) -> String {
    format!("{inspection_id}/{position}")
}
