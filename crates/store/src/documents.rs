//! Documents as the operator gave them, and how far they are indexed.

use serde::{Deserialize, Serialize};
use serde_json::json;
use shifu_domain::{DocumentId, DocumentMetadata};
use sqlx::Row as _;

use crate::objects::disown;
use crate::outbox::{self, EventKind, NewEvent, publish};
use crate::page::{Page, PageRequest};
use crate::{Result, Row, Store, StoreError, from_json, new_id, now_ms, to_json};

/// Where a document stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentStatus {
    /// Waiting to be parsed.
    Queued,
    /// Being parsed.
    Parsing,
    /// Searchable.
    Indexed,
    /// Could not be parsed; `error` says why.
    Failed,
    /// Kept, no longer searched.
    Retired,
}

impl DocumentStatus {
    fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Parsing => "parsing",
            Self::Indexed => "indexed",
            Self::Failed => "failed",
            Self::Retired => "retired",
        }
    }

    fn parse(text: &str) -> Result<Self> {
        let all = [
            Self::Queued,
            Self::Parsing,
            Self::Indexed,
            Self::Failed,
            Self::Retired,
        ];
        let known = all.into_iter().find(|status| status.as_str() == text);
        known.ok_or_else(|| StoreError::corrupt("document status", text))
    }
}

/// A page that gave no passage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedPage {
    /// Physical page, from 1.
    pub page: u32,
    /// Why.
    pub reason: String,
}

/// A document to keep.
#[derive(Debug, Clone)]
pub struct NewDocument {
    /// Its identifier, made by [`Store::new_document_id`].
    pub document_id: DocumentId,
    /// What the operator says about it.
    pub metadata: DocumentMetadata,
    /// The file's name, for its extension.
    pub file_name: String,
    /// Where its bytes are.
    pub original_sha256: String,
}

/// A stored document.
#[derive(Debug, Clone, PartialEq)]
pub struct DocumentRecord {
    /// Its identifier.
    pub document_id: DocumentId,
    /// What the operator says about it.
    pub metadata: DocumentMetadata,
    /// The file's name.
    pub file_name: String,
    /// Where its bytes are.
    pub original_sha256: String,
    /// Where it stands.
    pub status: DocumentStatus,
    /// Part of the work done, 0..=1.
    pub progress: f64,
    /// Physical pages.
    pub pages: u32,
    /// Passages in the index.
    pub passages: u32,
    /// Pages that gave none.
    pub skipped: Vec<SkippedPage>,
    /// Why it failed.
    pub error: Option<String>,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// Milliseconds since 1970.
    pub updated_at: i64,
}

const COLUMNS: &str = "document_id, metadata, file_name, original_sha256, status, progress, pages, passages, skipped, error, created_at, updated_at";

impl Store {
    /// An identifier for a document about to be kept; it names the owner of the original bytes.
    #[must_use]
    pub fn new_document_id() -> DocumentId {
        DocumentId(new_id())
    }

    /// The name under which a document owns bytes.
    #[must_use]
    pub fn document_owner(document_id: &DocumentId) -> String {
        format!("document:{}", document_id.0)
    }

    /// Keeps a document, queued, with the job that will parse it, in one transaction.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn add_document(&self, document: &NewDocument) -> Result<()> {
        let now = now_ms();
        let mut transaction = self.begin_write().await?;
        sqlx::query(
            "INSERT INTO documents (document_id, title, product_line, brand, metadata, file_name, original_sha256, status, \
             progress, pages, passages, skipped, error, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, 'queued', 0.0, 0, 0, '[]', NULL, $8, $8)",
        )
        .bind(&document.document_id.0)
        .bind(&document.metadata.title)
        .bind(document.metadata.product_line.as_str())
        .bind(document.metadata.brand.as_ref().map(|brand| brand.as_str().to_owned()))
        .bind(to_json("document metadata", &document.metadata)?)
        .bind(&document.file_name)
        .bind(&document.original_sha256)
        .bind(now)
        .execute(&mut *transaction)
        .await?;
        crate::jobs::enqueue(
            &mut transaction,
            crate::JobKind::ParseDocument,
            &document.document_id.0,
        )
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Puts a document that failed or was retired back into the queue.
    ///
    /// # Errors
    /// `NotFound` when there is no such document.
    pub async fn requeue_document(&self, document_id: &DocumentId) -> Result<()> {
        let mut transaction = self.begin_write().await?;
        let changed = sqlx::query("UPDATE documents SET status = 'queued', progress = 0.0, error = NULL, updated_at = $2 WHERE document_id = $1")
            .bind(&document_id.0)
            .bind(now_ms())
            .execute(&mut *transaction)
            .await?;
        if changed.rows_affected() == 0 {
            return Err(StoreError::not_found("document", &document_id.0));
        }
        crate::jobs::enqueue(&mut transaction, crate::JobKind::ParseDocument, &document_id.0).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Says how far the work on a document is.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn set_document_progress(&self, document_id: &DocumentId, progress: f64) -> Result<()> {
        sqlx::query("UPDATE documents SET status = 'parsing', progress = $2, updated_at = $3 WHERE document_id = $1 AND status IN ('queued', 'parsing')")
            .bind(&document_id.0)
            .bind(progress.clamp(0.0, 1.0))
            .bind(now_ms())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Records that a document is in the index.
    ///
    /// # Errors
    /// `NotFound` when it was removed meanwhile.
    pub async fn finish_document(
        &self,
        document_id: &DocumentId,
        pages: u32,
        passages: u32,
        skipped: &[SkippedPage],
    ) -> Result<()> {
        let mut transaction = self.begin_write().await?;
        let sql = format!(
            "UPDATE documents SET status = 'indexed', progress = 1.0, pages = $2, passages = $3, skipped = $4, error = NULL, \
             updated_at = $5 WHERE document_id = $1 RETURNING {COLUMNS}"
        );
        let indexed = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(&document_id.0)
            .bind(i64::from(pages))
            .bind(i64::from(passages))
            .bind(to_json("skipped pages", &skipped)?)
            .bind(now_ms())
            .fetch_optional(&mut *transaction)
            .await?;
        let row = indexed.ok_or_else(|| StoreError::not_found("document", &document_id.0))?;
        publish(
            &mut transaction,
            &[event(EventKind::DocumentIndexed, &read(&row)?)],
        )
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Records what the index has of a document after it was built again; nothing where the document is not in the index, or gone.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn recount_document(
        &self,
        document_id: &DocumentId,
        pages: u32,
        passages: u32,
        skipped: &[SkippedPage],
    ) -> Result<()> {
        sqlx::query("UPDATE documents SET pages = $2, passages = $3, skipped = $4, updated_at = $5 WHERE document_id = $1 AND status IN ('indexed', 'retired')")
            .bind(&document_id.0)
            .bind(i64::from(pages))
            .bind(i64::from(passages))
            .bind(to_json("skipped pages", &skipped)?)
            .bind(now_ms())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Changes the status; `error` is kept with `Failed`.
    ///
    /// # Errors
    /// `NotFound` when there is no such document.
    pub async fn set_document_status(
        &self,
        document_id: &DocumentId,
        status: DocumentStatus,
        error: Option<&str>,
    ) -> Result<()> {
        let mut transaction = self.begin_write().await?;
        let sql = format!(
            "UPDATE documents SET status = $2, error = $3, updated_at = $4 WHERE document_id = $1 RETURNING {COLUMNS}"
        );
        let changed = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(&document_id.0)
            .bind(status.as_str())
            .bind(error.map(str::to_owned))
            .bind(now_ms())
            .fetch_optional(&mut *transaction)
            .await?;
        let row = changed.ok_or_else(|| StoreError::not_found("document", &document_id.0))?;
        if status == DocumentStatus::Failed {
            publish(
                &mut transaction,
                &[event(EventKind::DocumentFailed, &read(&row)?)],
            )
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Changes what the operator says about a document.
    ///
    /// # Errors
    /// `NotFound` when there is no such document.
    pub async fn set_document_metadata(
        &self,
        document_id: &DocumentId,
        metadata: &DocumentMetadata,
    ) -> Result<()> {
        let changed = sqlx::query("UPDATE documents SET title = $2, product_line = $3, brand = $4, metadata = $5, updated_at = $6 WHERE document_id = $1")
            .bind(&document_id.0)
            .bind(&metadata.title)
            .bind(metadata.product_line.as_str())
            .bind(metadata.brand.as_ref().map(|brand| brand.as_str().to_owned()))
            .bind(to_json("document metadata", metadata)?)
            .bind(now_ms())
            .execute(&self.pool)
            .await?;
        require(changed.rows_affected(), document_id)
    }

    /// One document.
    ///
    /// # Errors
    /// `NotFound` when there is no such document.
    pub async fn document(&self, document_id: &DocumentId) -> Result<DocumentRecord> {
        let sql = format!("SELECT {COLUMNS} FROM documents WHERE document_id = $1");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(&document_id.0)
            .fetch_optional(&self.pool)
            .await?;
        read(&row.ok_or_else(|| StoreError::not_found("document", &document_id.0))?)
    }

    /// Documents, newest first; of the given brands and of none when `brands` is not empty.
    ///
    /// # Errors
    /// `BadCursor` for a cursor of another list.
    pub async fn documents(&self, request: &PageRequest, brands: &[String]) -> Result<Page<DocumentRecord>> {
        let condition = crate::page_condition("brand", brands, 6, true);
        let sql = format!(
            "SELECT {COLUMNS} FROM documents WHERE ($1 = '' OR document_id < $1) AND created_at >= $2 AND created_at < $3 \
             AND ($4 = '' OR status = $4){condition} ORDER BY document_id DESC LIMIT $5"
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(request.after()?.to_owned())
            .bind(request.from())
            .bind(request.to())
            .bind(request.status.clone().unwrap_or_default())
            .bind(request.fetch());
        for brand in brands {
            query = query.bind(brand.clone());
        }
        let rows = query.fetch_all(&self.pool).await?;
        let items = rows.iter().map(read).collect::<Result<Vec<_>>>()?;
        Ok(request.page(items, |document| document.document_id.0.clone()))
    }

    /// Removes a document, its jobs and its bytes. `false` when there was none.
    ///
    /// # Errors
    /// `Database` or `Objects` when either refuses.
    pub async fn delete_document(&self, document_id: &DocumentId) -> Result<bool> {
        let _alone = self.objects_alone().await;
        let mut transaction = self.begin_write().await?;
        let gone = sqlx::query("DELETE FROM documents WHERE document_id = $1")
            .bind(&document_id.0)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("DELETE FROM jobs WHERE subject = $1")
            .bind(&document_id.0)
            .execute(&mut *transaction)
            .await?;
        outbox::forget(&mut transaction, &outbox::document(&document_id.0)).await?;
        let orphans = disown(&mut transaction, &Self::document_owner(document_id)).await?;
        transaction.commit().await?;
        self.remove_files(&orphans).await?;
        Ok(gone.rows_affected() > 0)
    }
}

fn require(rows: u64, document_id: &DocumentId) -> Result<()> {
    if rows == 0 {
        Err(StoreError::not_found("document", &document_id.0))
    } else {
        Ok(())
    }
}

/// Which document it is, and what became of it.
fn event(kind: EventKind, record: &DocumentRecord) -> NewEvent {
    NewEvent {
        kind,
        subject: outbox::document(&record.document_id.0),
        data: json!({
            "document_id": record.document_id,
            "title": record.metadata.title,
            "product_line": record.metadata.product_line,
            "brand": record.metadata.brand,
            "status": record.status,
            "pages": record.pages,
            "passages": record.passages,
            "skipped": record.skipped,
            "error": record.error,
        }),
    }
}

fn read(row: &Row) -> Result<DocumentRecord> {
    Ok(DocumentRecord {
        document_id: DocumentId(row.try_get("document_id")?),
        metadata: from_json("document metadata", row.try_get("metadata")?)?,
        file_name: row.try_get("file_name")?,
        original_sha256: row.try_get("original_sha256")?,
        status: DocumentStatus::parse(row.try_get("status")?)?,
        progress: row.try_get("progress")?,
        pages: row.try_get::<i64, _>("pages")? as u32,
        passages: row.try_get::<i64, _>("passages")? as u32,
        skipped: from_json("skipped pages", row.try_get("skipped")?)?,
        error: row.try_get("error")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}
