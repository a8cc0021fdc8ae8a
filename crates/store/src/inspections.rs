//! Inspections: every attempt of a ticket, its photos, and what was found.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::Row as _;

use crate::alerts::NewAlert;
use crate::outbox::{self, EventKind, NewEvent, publish};
use crate::page::{Page, PageRequest};
use crate::{Job, JobKind, Result, Row, Store, StoreError, Transaction, from_json, new_id, now_ms, to_json};

/// Where an inspection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InspectionStatus {
    /// Waiting.
    Queued,
    /// Being inspected.
    Running,
    /// The verdict is there.
    Done,
    /// Gave no verdict; `error` says why.
    Failed,
}

impl InspectionStatus {
    fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    fn parse(text: &str) -> Result<Self> {
        let all = [Self::Queued, Self::Running, Self::Done, Self::Failed];
        let known = all.into_iter().find(|status| status.as_str() == text);
        known.ok_or_else(|| StoreError::corrupt("inspection status", text))
    }
}

/// A photo to keep.
#[derive(Debug, Clone)]
pub struct NewPhoto {
    /// The file's name as submitted.
    pub file_name: String,
    /// Its bytes as submitted.
    pub bytes: Bytes,
}

/// A submission to keep.
#[derive(Debug, Clone)]
pub struct NewInspection {
    /// The ticket.
    pub ticket_id: String,
    /// The standard's category.
    pub category: String,
    /// Who installed, for keys that see only some.
    pub service_provider: Option<String>,
    /// The ticket as submitted.
    pub ticket: Value,
    /// What was said about the photos.
    pub photos_meta: Value,
    /// The photos, in order.
    pub photos: Vec<NewPhoto>,
    /// Who submitted it.
    pub key_id: String,
}

/// A stored inspection.
#[derive(Debug, Clone, PartialEq)]
pub struct InspectionRecord {
    /// Its identifier.
    pub inspection_id: String,
    /// The ticket.
    pub ticket_id: String,
    /// The standard's category.
    pub category: String,
    /// Who installed.
    pub service_provider: Option<String>,
    /// Which attempt of the ticket, from 1.
    pub attempt: u32,
    /// The attempt before.
    pub replaces: Option<String>,
    /// Where it stands.
    pub status: InspectionStatus,
    /// `pass`, `review`, `reject` or `do_not_install`.
    pub verdict: Option<String>,
    /// The ticket as submitted.
    pub ticket: Value,
    /// What was said about the photos.
    pub photos_meta: Value,
    /// Findings, versions, time.
    pub result: Option<Value>,
    /// Why it failed.
    pub error: Option<String>,
    /// Who submitted it.
    pub key_id: String,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// Milliseconds since 1970.
    pub updated_at: i64,
}

/// A stored photo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhotoRecord {
    /// Position in the submission, from 0.
    pub position: u32,
    /// The file's name as submitted.
    pub file_name: String,
    /// Where its bytes are.
    pub sha256: String,
    /// Where the picture with the difference marked is.
    pub overlay_sha256: Option<String>,
}

/// What an inspection learnt about one photo.
#[derive(Debug, Clone, Default)]
pub struct PhotoOutcome {
    /// Position in the submission, from 0.
    pub position: u32,
    /// PNG with the difference marked.
    pub overlay: Option<Bytes>,
    /// What later photos are compared with.
    pub fingerprint: Option<String>,
}

/// A fingerprint of an earlier photo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFingerprint {
    /// The inspection the photo belongs to.
    pub inspection_id: String,
    /// Position in the submission, from 0.
    pub position: u32,
    /// The ticket.
    pub ticket_id: String,
    /// What the inspection crate reads back.
    pub fingerprint: String,
}

const COLUMNS: &str = "inspection_id, ticket_id, category, service_provider, attempt, replaces, status, verdict, ticket, photos_meta, result, error, key_id, created_at, updated_at";

impl Store {
    /// The name under which an inspection owns bytes.
    #[must_use]
    pub fn inspection_owner(inspection_id: &str) -> String {
        format!("inspection:{inspection_id}")
    }

    /// Keeps a submission with its photos and its job, as the next attempt of its ticket. `claimed_for_ms`: the caller does the
    /// work itself and holds the job for so long; `None`: it waits in the queue.
    ///
    /// # Errors
    /// `Database` or `Objects` when either refuses; then nothing is kept.
    pub async fn add_inspection(
        &self,
        inspection: &NewInspection,
        claimed_for_ms: Option<i64>,
    ) -> Result<(InspectionRecord, Job)> {
        let inspection_id = new_id();
        let owner = Self::inspection_owner(&inspection_id);
        let kept = self
            .keep_inspection(&inspection_id, &owner, inspection, claimed_for_ms)
            .await;
        match kept {
            Ok(job) => Ok((self.inspection(&inspection_id).await?, job)),
            Err(error) => {
                self.release_objects(&owner).await?;
                Err(error)
            }
        }
    }

    async fn keep_inspection(
        &self,
        inspection_id: &str,
        owner: &str,
        inspection: &NewInspection,
        claimed_for_ms: Option<i64>,
    ) -> Result<Job> {
        let mut sha256s = Vec::with_capacity(inspection.photos.len());
        for photo in &inspection.photos {
            sha256s.push(self.put_object(owner, photo.bytes.clone()).await?);
        }
        let mut transaction = self.begin_write().await?;
        insert_inspection(
            &mut transaction,
            inspection_id,
            inspection,
            claimed_for_ms.is_some(),
        )
        .await?;
        for (position, (photo, sha256)) in inspection.photos.iter().zip(&sha256s).enumerate() {
            sqlx::query(
                "INSERT INTO photos (inspection_id, position, file_name, sha256) VALUES ($1, $2, $3, $4)",
            )
            .bind(inspection_id)
            .bind(position as i64)
            .bind(&photo.file_name)
            .bind(sha256)
            .execute(&mut *transaction)
            .await?;
        }
        let mut job = crate::jobs::enqueue(&mut transaction, JobKind::Inspect, inspection_id).await?;
        if let Some(lease_ms) = claimed_for_ms {
            crate::jobs::claim_own(&mut transaction, &mut job, &self.process_id, lease_ms).await?;
        }
        transaction.commit().await?;
        Ok(job)
    }

    /// Says that work on an inspection began.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn start_inspection(&self, inspection_id: &str) -> Result<()> {
        sqlx::query("UPDATE inspections SET status = 'running', updated_at = $2 WHERE inspection_id = $1 AND status <> 'done'")
            .bind(inspection_id)
            .bind(now_ms())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Records a verdict with everything that follows from it, in one transaction: overlays, fingerprints, alerts. Gives the new
    /// alerts' identifiers. Alerts of the ticket's earlier attempts that are still open expire.
    ///
    /// # Errors
    /// `NotFound` when the inspection was removed meanwhile.
    pub async fn finish_inspection(
        &self,
        inspection_id: &str,
        verdict: &str,
        result: &Value,
        photos: &[PhotoOutcome],
        alerts: &[NewAlert],
    ) -> Result<Vec<String>> {
        let owner = Self::inspection_owner(inspection_id);
        let mut overlays = Vec::with_capacity(photos.len());
        for photo in photos {
            let overlay = match &photo.overlay {
                Some(png) => Some(self.put_object(&owner, png.clone()).await?),
                None => None,
            };
            overlays.push(overlay);
        }
        let mut transaction = self.begin_write().await?;
        let changed = sqlx::query(
            "UPDATE inspections SET status = 'done', verdict = $2, result = $3, error = NULL, updated_at = $4 WHERE inspection_id = $1 \
             RETURNING ticket_id, category, service_provider, attempt",
        )
        .bind(inspection_id)
        .bind(verdict)
        .bind(to_json("verdict", result)?)
        .bind(now_ms())
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(row) = changed else {
            transaction.rollback().await?;
            self.release_objects(&owner).await?;
            return Err(StoreError::not_found("inspection", inspection_id));
        };
        for (photo, overlay) in photos.iter().zip(overlays) {
            sqlx::query("UPDATE photos SET overlay_sha256 = $3, fingerprint = $4 WHERE inspection_id = $1 AND position = $2")
                .bind(inspection_id)
                .bind(i64::from(photo.position))
                .bind(overlay)
                .bind(photo.fingerprint.clone())
                .execute(&mut *transaction)
                .await?;
        }
        let ticket_id: String = row.try_get("ticket_id")?;
        let service_provider: Option<String> = row.try_get("service_provider")?;
        let alert_ids = crate::alerts::replace(
            &mut transaction,
            inspection_id,
            &ticket_id,
            service_provider.as_deref(),
            alerts,
        )
        .await?;
        let outcome = json!({
            "verdict": verdict,
            "findings": result.get("findings"),
            "missing_checkpoints": result.get("missing_checkpoints"),
            "alerts": alert_ids,
        });
        let event = event(EventKind::InspectionDone, inspection_id, &row, outcome)?;
        publish(&mut transaction, &[event]).await?;
        transaction.commit().await?;
        Ok(alert_ids)
    }

    /// Records that an inspection gave no verdict.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn fail_inspection(&self, inspection_id: &str, error: &str) -> Result<()> {
        let mut transaction = self.begin_write().await?;
        let failed = sqlx::query(
            "UPDATE inspections SET status = 'failed', error = $2, updated_at = $3 WHERE inspection_id = $1 AND status <> 'done' \
             RETURNING ticket_id, category, service_provider, attempt",
        )
        .bind(inspection_id)
        .bind(error)
        .bind(now_ms())
        .fetch_optional(&mut *transaction)
        .await?;
        if let Some(row) = failed {
            let outcome = json!({ "error": error });
            let event = event(EventKind::InspectionFailed, inspection_id, &row, outcome)?;
            publish(&mut transaction, &[event]).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Puts an inspection that was being worked on back: its worker stops before it is done.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn unstart_inspection(&self, inspection_id: &str) -> Result<()> {
        sqlx::query("UPDATE inspections SET status = 'queued', updated_at = $2 WHERE inspection_id = $1 AND status = 'running'")
            .bind(inspection_id)
            .bind(now_ms())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// One inspection.
    ///
    /// # Errors
    /// `NotFound` when there is no such inspection.
    pub async fn inspection(&self, inspection_id: &str) -> Result<InspectionRecord> {
        let sql = format!("SELECT {COLUMNS} FROM inspections WHERE inspection_id = $1");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(inspection_id)
            .fetch_optional(&self.pool)
            .await?;
        read(&row.ok_or_else(|| StoreError::not_found("inspection", inspection_id))?)
    }

    /// Inspections, newest first; only those of `service_providers` when it is not empty, only those submitted with `key_id` when
    /// given. `status` filters by status or by verdict.
    ///
    /// # Errors
    /// `BadCursor` for a cursor of another list.
    pub async fn inspections(
        &self,
        request: &PageRequest,
        service_providers: &[String],
        key_id: Option<&str>,
    ) -> Result<Page<InspectionRecord>> {
        let condition = crate::page_condition("service_provider", service_providers, 8, false);
        let sql = format!(
            "SELECT {COLUMNS} FROM inspections WHERE ($1 = '' OR inspection_id < $1) AND created_at >= $2 AND created_at < $3 \
             AND ($4 = '' OR status = $4 OR verdict = $4) AND ($5 = '' OR ticket_id = $5) AND ($6 = '' OR key_id = $6){condition} \
             ORDER BY inspection_id DESC LIMIT $7"
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(request.after()?.to_owned())
            .bind(request.from())
            .bind(request.to())
            .bind(request.status.clone().unwrap_or_default())
            .bind(request.ticket_id.clone().unwrap_or_default())
            .bind(key_id.unwrap_or_default().to_owned())
            .bind(request.fetch());
        for provider in service_providers {
            query = query.bind(provider.clone());
        }
        let rows = query.fetch_all(&self.pool).await?;
        let items = rows.iter().map(read).collect::<Result<Vec<_>>>()?;
        Ok(request.page(items, |inspection| inspection.inspection_id.clone()))
    }

    /// The photos of an inspection in order.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn inspection_photos(&self, inspection_id: &str) -> Result<Vec<PhotoRecord>> {
        let rows = sqlx::query("SELECT position, file_name, sha256, overlay_sha256 FROM photos WHERE inspection_id = $1 ORDER BY position")
            .bind(inspection_id)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(read_photo).collect()
    }

    /// Fingerprints of earlier photos in the order of their inspections, at most `most`, after (`inspection_id`, `position`).
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn fingerprints(&self, after: (&str, i64), most: u32) -> Result<Vec<StoredFingerprint>> {
        let rows = sqlx::query(
            "SELECT p.inspection_id AS inspection_id, p.position AS position, i.ticket_id AS ticket_id, p.fingerprint AS fingerprint \
             FROM photos p JOIN inspections i ON i.inspection_id = p.inspection_id WHERE p.fingerprint IS NOT NULL \
             AND (p.inspection_id > $1 OR (p.inspection_id = $1 AND p.position > $2)) \
             ORDER BY p.inspection_id, p.position LIMIT $3",
        )
        .bind(after.0)
        .bind(after.1)
        .bind(i64::from(most))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read_fingerprint).collect()
    }
}

/// Which inspection it is, and what became of it.
fn event(kind: EventKind, inspection_id: &str, row: &Row, mut outcome: Value) -> Result<NewEvent> {
    let ticket_id: String = row.try_get("ticket_id")?;
    let status = if kind == EventKind::InspectionDone {
        InspectionStatus::Done
    } else {
        InspectionStatus::Failed
    };
    outcome["inspection_id"] = json!(inspection_id);
    outcome["ticket_id"] = json!(ticket_id);
    outcome["category"] = json!(row.try_get::<String, _>("category")?);
    outcome["service_provider_id"] = json!(row.try_get::<Option<String>, _>("service_provider")?);
    outcome["attempt"] = json!(row.try_get::<i64, _>("attempt")?);
    outcome["status"] = json!(status.as_str());
    Ok(NewEvent {
        kind,
        subject: outbox::ticket(&ticket_id),
        data: outcome,
    })
}

async fn insert_inspection(
    transaction: &mut Transaction,
    inspection_id: &str,
    inspection: &NewInspection,
    running: bool,
) -> Result<()> {
    let last = sqlx::query(
        "SELECT inspection_id, attempt FROM inspections WHERE ticket_id = $1 ORDER BY attempt DESC LIMIT 1",
    )
    .bind(&inspection.ticket_id)
    .fetch_optional(&mut **transaction)
    .await?;
    let (replaces, attempt) = match last {
        Some(row) => (
            Some(row.try_get::<String, _>("inspection_id")?),
            row.try_get::<i64, _>("attempt")? + 1,
        ),
        None => (None, 1),
    };
    let status = if running {
        InspectionStatus::Running
    } else {
        InspectionStatus::Queued
    };
    sqlx::query(
        "INSERT INTO inspections (inspection_id, ticket_id, category, service_provider, attempt, replaces, status, ticket, \
         photos_meta, key_id, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)",
    )
    .bind(inspection_id)
    .bind(&inspection.ticket_id)
    .bind(&inspection.category)
    .bind(inspection.service_provider.clone())
    .bind(attempt)
    .bind(replaces)
    .bind(status.as_str())
    .bind(to_json("ticket", &inspection.ticket)?)
    .bind(to_json("photos_meta", &inspection.photos_meta)?)
    .bind(&inspection.key_id)
    .bind(now_ms())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

fn read(row: &Row) -> Result<InspectionRecord> {
    let result: Option<String> = row.try_get("result")?;
    Ok(InspectionRecord {
        inspection_id: row.try_get("inspection_id")?,
        ticket_id: row.try_get("ticket_id")?,
        category: row.try_get("category")?,
        service_provider: row.try_get("service_provider")?,
        attempt: row.try_get::<i64, _>("attempt")? as u32,
        replaces: row.try_get("replaces")?,
        status: InspectionStatus::parse(row.try_get("status")?)?,
        verdict: row.try_get("verdict")?,
        ticket: from_json("ticket", row.try_get("ticket")?)?,
        photos_meta: from_json("photos_meta", row.try_get("photos_meta")?)?,
        result: result.map(|text| from_json("verdict", &text)).transpose()?,
        error: row.try_get("error")?,
        key_id: row.try_get("key_id")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}

fn read_photo(row: &Row) -> Result<PhotoRecord> {
    Ok(PhotoRecord {
        position: row.try_get::<i64, _>("position")? as u32,
        file_name: row.try_get("file_name")?,
        sha256: row.try_get("sha256")?,
        overlay_sha256: row.try_get("overlay_sha256")?,
    })
}

fn read_fingerprint(row: &Row) -> Result<StoredFingerprint> {
    Ok(StoredFingerprint {
        inspection_id: row.try_get("inspection_id")?,
        position: row.try_get::<i64, _>("position")? as u32,
        ticket_id: row.try_get("ticket_id")?,
        fingerprint: row.try_get("fingerprint")?,
    })
}
