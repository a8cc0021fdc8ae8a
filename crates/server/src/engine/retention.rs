//! Nothing is kept longer than the operator says.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;
use serde_json::json;
use shifu_domain::ProductLine;
use shifu_store::{RetainedKind, SweptBatch};

use super::{Engine, inspection};
use crate::error::ApiError;
use crate::extract::rfc3339;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Rows removed in one transaction: other writers wait for it.
const BATCH: u32 = 200;
/// Pause between batches, for those writers.
const BREATH: Duration = Duration::from_millis(20);

/// What a sweep removed of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// Which kind.
    pub kind: RetainedKind,
    /// How many rows.
    pub removed: u64,
    /// Photos that went with inspections.
    #[serde(skip_serializing_if = "is_zero")]
    pub photos: u64,
    /// Alerts that went with inspections.
    #[serde(skip_serializing_if = "is_zero")]
    pub alerts: u64,
    /// They were created before this moment, RFC 3339.
    pub older_than: String,
    /// Days for which the kind is kept.
    pub days: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Engine {
    /// Removes what is older than `retention_days` allows at `now_ms` (milliseconds since 1970), in bounded batches. Every kind of
    /// which something was removed leaves an entry in the audit log.
    ///
    /// # Errors
    /// `Unavailable` or `Internal` when the store refuses; what was removed until then is gone, and audited.
    pub async fn sweep(&self, now_ms: i64) -> Result<Vec<Swept>, ApiError> {
        self.store.forget_old_calls().await?;
        let mut swept = Vec::new();
        for kind in RetainedKind::ALL {
            let Some(days) = self.config.retention_days.of(kind) else {
                continue;
            };
            let before_ms = now_ms - i64::from(days) * DAY_MS;
            let mut one = Swept {
                kind,
                removed: 0,
                photos: 0,
                alerts: 0,
                older_than: rfc3339(before_ms, &self.zone),
                days,
            };
            let outcome = self.sweep_kind(&mut one, before_ms).await;
            if one.removed > 0 {
                self.store
                    .add_audit("retention", "retention.sweep", kind.as_str(), &json!(one))
                    .await?;
                tracing::info!(
                    kind = kind.as_str(),
                    removed = one.removed,
                    "removed what was kept long enough"
                );
                swept.push(one);
            }
            outcome?;
        }
        Ok(swept)
    }

    async fn sweep_kind(&self, swept: &mut Swept, before_ms: i64) -> Result<(), ApiError> {
        // Predictions learn from what is kept: no repair is counted between its removal and the rebuilding.
        let _learning = match swept.kind {
            RetainedKind::Repairs => Some(self.learning.lock().await),
            _ => None,
        };
        let mut lines = BTreeSet::new();
        let outcome = self.sweep_batches(swept, before_ms, &mut lines).await;
        for line in lines {
            self.reload_line(&ProductLine::new(&line).map_err(ApiError::internal)?)
                .await?;
        }
        outcome
    }

    async fn sweep_batches(
        &self,
        swept: &mut Swept,
        before_ms: i64,
        lines: &mut BTreeSet<String>,
    ) -> Result<(), ApiError> {
        loop {
            let batch = self.store.sweep(swept.kind, before_ms, BATCH).await?;
            let last = batch.removed < u64::from(BATCH);
            self.take_in(swept, lines, batch).await?;
            if last {
                return Ok(());
            }
            tokio::time::sleep(BREATH).await;
        }
    }

    /// Counts a batch, and forgets in memory what it removed.
    async fn take_in(
        &self,
        swept: &mut Swept,
        lines: &mut BTreeSet<String>,
        batch: SweptBatch,
    ) -> Result<(), ApiError> {
        swept.removed += batch.removed;
        swept.photos += batch.photos.len() as u64;
        swept.alerts += batch.alerts;
        lines.extend(batch.product_lines);
        if batch.photos.is_empty() {
            return Ok(());
        }
        inspection::change_index(&self.earlier_photos, move |index| {
            for (inspection_id, position) in &batch.photos {
                index.remove(&inspection::photo_id(inspection_id, *position));
            }
        })
        .await
    }
}
