//! Removing what is older than the operator keeps it, a bounded batch at a time.
//!
//! Identifiers are UUID version 7 and begin with their time, so the oldest rows of a table are found by its primary key.

use std::collections::BTreeSet;

use futures::TryStreamExt;
use object_store::ObjectStore;
use serde::{Deserialize, Serialize};
use sqlx::Row as _;

use crate::objects::disown;
use crate::{Result, Store, StoreError, Transaction};

/// What is kept for a time of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetainedKind {
    /// Attempts that are done or failed, with their photos and alerts.
    Inspections,
    /// Questions, answers and the feedback on them.
    Answers,
    /// Summaries, intakes and predictions kept for a ticket.
    TicketRecords,
    /// Reported repairs; predictions forget them.
    Repairs,
    /// Alerts, where they are to go before their inspections.
    Alerts,
    /// Entries of the audit log.
    Audit,
}

impl RetainedKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Inspections,
        Self::Answers,
        Self::TicketRecords,
        Self::Repairs,
        Self::Alerts,
        Self::Audit,
    ];

    /// Its name in the configuration and the audit log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inspections => "inspections",
            Self::Answers => "answers",
            Self::TicketRecords => "ticket_records",
            Self::Repairs => "repairs",
            Self::Alerts => "alerts",
            Self::Audit => "audit",
        }
    }
}

/// What one batch removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SweptBatch {
    /// Rows of the kind.
    pub removed: u64,
    /// Photos that went with inspections: inspection and position.
    pub photos: Vec<(String, u32)>,
    /// Alerts that went with inspections.
    pub alerts: u64,
    /// Product lines whose predictions had learnt from the repairs.
    pub product_lines: BTreeSet<String>,
}

impl Store {
    /// Removes the oldest rows of `kind` that were created before `before_ms` (milliseconds since 1970), at most `most`, in one
    /// transaction. Fewer than `most` removed: there are no more.
    ///
    /// # Errors
    /// `Database` or `Objects` when either refuses.
    pub async fn sweep(&self, kind: RetainedKind, before_ms: i64, most: u32) -> Result<SweptBatch> {
        match kind {
            RetainedKind::Inspections => self.sweep_inspections(before_ms, most).await,
            RetainedKind::Repairs => self.sweep_repairs(before_ms, most).await,
            RetainedKind::Answers => {
                let feedback = "DELETE FROM feedback WHERE answer_id IN (SELECT answer_id FROM answers \
                                WHERE answer_id < $1 AND created_at < $2 ORDER BY answer_id LIMIT $3)";
                let answers = "DELETE FROM answers WHERE answer_id IN (SELECT answer_id FROM answers \
                               WHERE answer_id < $1 AND created_at < $2 ORDER BY answer_id LIMIT $3)";
                self.sweep_rows(&[feedback, answers], before_ms, most).await
            }
            RetainedKind::TicketRecords => {
                let sql = "DELETE FROM ticket_records WHERE record_id IN (SELECT record_id FROM ticket_records \
                           WHERE record_id < $1 AND created_at < $2 ORDER BY record_id LIMIT $3)";
                self.sweep_rows(&[sql], before_ms, most).await
            }
            RetainedKind::Alerts => {
                let sql = "DELETE FROM alerts WHERE alert_id IN (SELECT alert_id FROM alerts \
                           WHERE alert_id < $1 AND created_at < $2 ORDER BY alert_id LIMIT $3)";
                self.sweep_rows(&[sql], before_ms, most).await
            }
            RetainedKind::Audit => {
                let sql = "DELETE FROM audit WHERE audit_id IN (SELECT audit_id FROM audit \
                           WHERE audit_id < $1 AND created_at < $2 ORDER BY audit_id LIMIT $3)";
                self.sweep_rows(&[sql], before_ms, most).await
            }
        }
    }

    /// Runs the statements in order; the last one's rows count.
    async fn sweep_rows(&self, statements: &[&'static str], before_ms: i64, most: u32) -> Result<SweptBatch> {
        let mut transaction = self.begin_write().await?;
        let mut removed = 0;
        for sql in statements {
            removed = sqlx::query(*sql)
                .bind(first_id_of(before_ms))
                .bind(before_ms)
                .bind(i64::from(most))
                .execute(&mut *transaction)
                .await?
                .rows_affected();
        }
        transaction.commit().await?;
        Ok(SweptBatch {
            removed,
            ..SweptBatch::default()
        })
    }

    async fn sweep_repairs(&self, before_ms: i64, most: u32) -> Result<SweptBatch> {
        let mut transaction = self.begin_write().await?;
        let rows = sqlx::query(
            "DELETE FROM repairs WHERE repair_id IN (SELECT repair_id FROM repairs \
             WHERE repair_id < $1 AND created_at < $2 ORDER BY repair_id LIMIT $3) RETURNING product_line, ticket_id",
        )
        .bind(first_id_of(before_ms))
        .bind(before_ms)
        .bind(i64::from(most))
        .fetch_all(&mut *transaction)
        .await?;
        for row in &rows {
            let forgotten = "DELETE FROM suggestion_tickets WHERE ticket_id = $1 \
                             AND NOT EXISTS (SELECT 1 FROM repairs r WHERE r.ticket_id = $1)";
            sqlx::query(forgotten)
                .bind(row.try_get::<String, _>(1)?)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        let lines: Result<BTreeSet<String>> = rows.iter().map(|row| Ok(row.try_get(0)?)).collect();
        Ok(SweptBatch {
            removed: rows.len() as u64,
            product_lines: lines?,
            ..SweptBatch::default()
        })
    }

    async fn sweep_inspections(&self, before_ms: i64, most: u32) -> Result<SweptBatch> {
        let _alone = self.objects_alone().await;
        let mut transaction = self.begin_write().await?;
        let rows = sqlx::query(
            "SELECT inspection_id FROM inspections WHERE inspection_id < $1 AND created_at < $2 \
             AND status IN ('done', 'failed') ORDER BY inspection_id LIMIT $3",
        )
        .bind(first_id_of(before_ms))
        .bind(before_ms)
        .bind(i64::from(most))
        .fetch_all(&mut *transaction)
        .await?;
        let mut batch = SweptBatch::default();
        let mut orphans = Vec::new();
        for row in rows {
            let inspection_id: String = row.try_get(0)?;
            orphans.extend(disown(&mut transaction, &Self::inspection_owner(&inspection_id)).await?);
            remove_inspection(&mut transaction, &inspection_id, &mut batch).await?;
        }
        transaction.commit().await?;
        self.remove_files(&orphans).await?;
        Ok(batch)
    }

    /// Removes bytes that nobody owns and that are older than `before_ms` (milliseconds since 1970): a crash may leave them after
    /// their records were removed, or before their records were written. Says how many files.
    ///
    /// # Errors
    /// `Database` or `Objects` when either refuses.
    pub async fn tidy_objects(&self, before_ms: i64) -> Result<u64> {
        let abandoned = [
            "DELETE FROM object_owners WHERE owner >= 'inspection:' AND owner < $1 AND NOT EXISTS \
             (SELECT 1 FROM inspections i WHERE i.inspection_id = SUBSTR(owner, 12))",
            "DELETE FROM object_owners WHERE owner >= 'document:' AND owner < $1 AND NOT EXISTS \
             (SELECT 1 FROM documents d WHERE d.document_id = SUBSTR(owner, 10))",
        ];
        for (sql, kind) in abandoned.into_iter().zip(["inspection", "document"]) {
            sqlx::query(sql)
                .bind(format!("{kind}:{}", first_id_of(before_ms)))
                .execute(&self.pool)
                .await?;
        }
        let mut listed = self.objects.list(None);
        let mut removed = 0;
        while let Some(found) = listed.try_next().await? {
            let Some(sha256) = found.location.filename().filter(|name| name.len() == 64) else {
                continue;
            };
            if found.last_modified.timestamp_millis() < before_ms {
                removed += self.remove_unowned(sha256).await?;
            }
        }
        Ok(removed)
    }

    async fn remove_unowned(&self, sha256: &str) -> Result<u64> {
        if !self.object_owners(sha256).await?.is_empty() {
            return Ok(0);
        }
        let _alone = self.objects_alone().await;
        if !self.object_owners(sha256).await?.is_empty() {
            return Ok(0);
        }
        self.remove_files(&[sha256.to_owned()]).await?;
        Ok(1)
    }

    /// Forgets replies that are no longer replayed. Says how many.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn forget_old_calls(&self) -> Result<u64> {
        let gone = sqlx::query("DELETE FROM idempotent_calls WHERE created_at < $1")
            .bind(crate::now_ms() - crate::idempotency::KEPT_MS)
            .execute(&self.pool)
            .await?;
        Ok(gone.rows_affected())
    }
}

async fn remove_inspection(
    transaction: &mut Transaction,
    inspection_id: &str,
    batch: &mut SweptBatch,
) -> Result<()> {
    let photos = sqlx::query("DELETE FROM photos WHERE inspection_id = $1 RETURNING position")
        .bind(inspection_id)
        .fetch_all(&mut **transaction)
        .await?;
    for photo in photos {
        let position: i64 = photo.try_get(0)?;
        let position =
            u32::try_from(position).map_err(|error| StoreError::corrupt("photo position", error))?;
        batch.photos.push((inspection_id.to_owned(), position));
    }
    let alerts = sqlx::query("DELETE FROM alerts WHERE inspection_id = $1")
        .bind(inspection_id)
        .execute(&mut **transaction)
        .await?;
    batch.alerts += alerts.rows_affected();
    let gone = sqlx::query("DELETE FROM inspections WHERE inspection_id = $1")
        .bind(inspection_id)
        .execute(&mut **transaction)
        .await?;
    batch.removed += gone.rows_affected();
    Ok(())
}

/// The first identifier (UUID version 7) of a millisecond; every earlier one sorts before it.
fn first_id_of(ms: i64) -> String {
    let ms = u64::try_from(ms).unwrap_or(0) & 0xffff_ffff_ffff;
    format!("{:08x}-{:04x}-7000-8000-000000000000", ms >> 16, ms & 0xffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_sorts_before_the_first_one_of_a_later_millisecond_only() {
        let id = crate::new_id();
        let (high, low) = (&id[0..8], &id[9..13]);
        let ms = i64::from_str_radix(&format!("{high}{low}"), 16).unwrap();
        assert!(first_id_of(ms) <= id && id < first_id_of(ms + 1), "{id}");
        assert!(first_id_of(-1) < id);
    }
}
