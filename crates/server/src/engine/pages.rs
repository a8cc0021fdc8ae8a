//! Pages of documents: which were read by OCR, and how they look.

use bytes::Bytes;
use shifu_domain::{BoundingBox, DocumentId, PassageId};
use shifu_knowledge::page_picture;

use super::Engine;
use crate::access::Caller;
use crate::error::ApiError;
use crate::observe::timed;

impl Engine {
    /// Stops reading documents, so that a process that ends need not wait for hundreds of scanned pages.
    pub(crate) fn interrupt_documents(&self) {
        self.library.interrupt();
    }

    /// Pages of an indexed document whose text was read by OCR, ascending, from 1.
    #[must_use]
    pub fn ocr_pages(&self, document_id: &DocumentId) -> Vec<u32> {
        let indexed = self.library.get(document_id);
        indexed.map(|indexed| indexed.ocr_pages).unwrap_or_default()
    }

    /// PNG of page `number` (from 1) of a PDF as it was uploaded, with the place of a passage marked where that is known.
    ///
    /// # Errors
    /// `NotFound` for an unknown document, page or passage, and for a passage of another page; `Unprocessable` for documents that are
    /// no PDF and pages that cannot be drawn.
    pub async fn page_picture(
        &self,
        caller: &Caller,
        document_id: &DocumentId,
        number: u32,
        passage: Option<PassageId>,
    ) -> Result<Bytes, ApiError> {
        let record = self.document(caller, document_id).await?;
        let mark = match passage {
            Some(passage) => self.mark(document_id, number, passage).await?,
            None => None,
        };
        let bytes = self.store.object(&record.original_sha256).await?;
        let work = move || {
            timed("knowledge", "page_picture", || {
                page_picture(&bytes, &record.file_name, number, mark)
            })
        };
        Ok(self.gate.interactive(work).await??.into())
    }

    /// Where a passage stands on its page.
    async fn mark(
        &self,
        document_id: &DocumentId,
        number: u32,
        passage_id: PassageId,
    ) -> Result<Option<BoundingBox>, ApiError> {
        let (library, id) = (self.library.clone(), passage_id.clone());
        let found = self.gate.interactive(move || library.passage(&id)).await??;
        found
            .filter(|passage| passage.document_id == *document_id && passage.page == number)
            .map(|passage| passage.area)
            .ok_or_else(|| {
                ApiError::not_found(format!(
                    "page {number} of document {:?} has no passage {:?}",
                    document_id.0, passage_id.0
                ))
            })
    }
}
