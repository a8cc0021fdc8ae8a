//! An index of another version is built again from the originals, while the old one answers.

use shifu_domain::DocumentId;
use shifu_knowledge::DocumentUpload;
use shifu_store::{SkippedPage, StoreError};
use tokio_util::sync::CancellationToken;

use super::Engine;
use crate::error::ApiError;
use crate::observe::timed;

impl Engine {
    /// Builds a new index where the one in use is of another version, puts it in its place, and returns; or returns when `stopping` says
    /// so, and the next start goes on from there.
    ///
    /// # Errors
    /// `Internal` when store or index refuse, `Conflict` when another process builds it.
    pub(crate) async fn rebuild_library(&self, stopping: &CancellationToken) -> Result<(), ApiError> {
        if !self.library.outdated() {
            return Ok(());
        }
        tracing::info!(
            "the index is of another version; it answers until a new one is built from the originals"
        );
        loop {
            let library = self.library.clone();
            let lacking = self.gate.bulk(move || library.to_rebuild()).await??;
            for (done, document_id) in lacking.iter().enumerate() {
                if stopping.is_cancelled() {
                    return Ok(());
                }
                self.rebuild_document(document_id).await?;
                tracing::info!(
                    document_id = document_id.0,
                    done = done + 1,
                    of = lacking.len(),
                    "rebuilt a document"
                );
            }
            let library = self.library.clone();
            if self.gate.bulk(move || library.publish_rebuilt()).await?? {
                break;
            }
        }
        tracing::info!("the new index answers now");
        for indexed in self.library.list() {
            self.recount(&indexed).await?;
        }
        self.passages_arrived.notify_one();
        self.prepare_library();
        Ok(())
    }

    async fn rebuild_document(&self, document_id: &DocumentId) -> Result<(), ApiError> {
        let record = match self.store.document(document_id).await {
            Ok(record) => record,
            Err(StoreError::NotFound { .. }) => {
                return self.carry_over(document_id, "it has no record").await;
            }
            Err(error) => return Err(error.into()),
        };
        let bytes = match self.store.object(&record.original_sha256).await {
            Ok(bytes) => bytes,
            Err(error @ (StoreError::NotFound { .. } | StoreError::Corrupt { .. })) => {
                return self.carry_over(document_id, &error.to_string()).await;
            }
            Err(error) => return Err(error.into()),
        };
        let upload = DocumentUpload {
            bytes: bytes.to_vec(),
            file_name: record.file_name,
            metadata: record.metadata,
            document_id: document_id.clone(),
        };
        let library = self.library.clone();
        let work = move || timed("knowledge", "rebuild", || library.rebuild(&upload, &mut |_| {}));
        match self.gate.bulk(work).await?.map_err(ApiError::from) {
            Err(error) if error.is_bad_input() => self.carry_over(document_id, &error.english()).await,
            result => result,
        }
    }

    /// Keeps what the old index has of a document that cannot be read again.
    async fn carry_over(&self, document_id: &DocumentId, reason: &str) -> Result<(), ApiError> {
        tracing::warn!(
            document_id = document_id.0,
            reason,
            "a document cannot be read again; the new index keeps its passages as they were"
        );
        let (library, id) = (self.library.clone(), document_id.clone());
        Ok(self.gate.bulk(move || library.carry_over(&id)).await??)
    }

    /// Makes the record say how many pages and passages the index has of a document.
    pub(super) async fn recount(&self, indexed: &shifu_knowledge::DocumentRecord) -> Result<(), ApiError> {
        let skipped: Vec<SkippedPage> = indexed
            .skipped
            .iter()
            .map(|skipped| SkippedPage {
                page: skipped.page,
                reason: skipped.reason.clone(),
            })
            .collect();
        let (id, pages, passages) = (&indexed.document_id, indexed.pages, indexed.passages);
        Ok(self.store.recount_document(id, pages, passages, &skipped).await?)
    }
}
