//! Documents: added, listed, revised, retired, removed.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use shifu_domain::{DocumentId, DocumentMetadata, PassageId};
use shifu_store::{DocumentRecord, DocumentStatus};

use super::Listing;
use crate::access::Caller;
use crate::engine::Engine;
use crate::error::{ApiError, ErrorBody};
use crate::extract::{Form, List, rfc3339};
use crate::state::AppState;

/// A document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct DocumentView {
    /// Its identifier.
    pub(crate) document_id: DocumentId,
    /// Its title.
    pub(crate) title: String,
    /// queued, parsing, indexed, failed or retired.
    pub(crate) status: String,
    /// Part of the work done, 0..=1.
    pub(crate) progress: f64,
    /// Physical pages.
    pub(crate) pages: u32,
    /// Passages in the index.
    pub(crate) passages: u32,
    /// Pages that gave none.
    pub(crate) skipped: Vec<SkippedView>,
    /// Pages whose text was read by OCR, ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) ocr_pages: Vec<u32>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    /// What the operator says about it.
    pub(crate) metadata: DocumentMetadata,
    /// The file's name.
    pub(crate) file_name: String,
    /// SHA-256 of the file.
    pub(crate) sha256: String,
    /// RFC 3339.
    pub(crate) created_at: String,
    /// RFC 3339.
    pub(crate) updated_at: String,
}

/// A page that gave no passage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct SkippedView {
    /// Physical page, from 1.
    pub(crate) page: u32,
    /// Why.
    pub(crate) reason: String,
}

/// Reply to an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct DocumentAccepted {
    /// Its identifier.
    pub(crate) document_id: DocumentId,
    /// Where it stands.
    pub(crate) status: String,
}

/// The multipart body of an upload.
#[derive(utoipa::ToSchema)]
#[allow(dead_code)]
pub(crate) struct DocumentForm {
    /// PDF, DOCX, XLSX, HTML, Markdown or plain text.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    metadata: DocumentMetadata,
}

/// The name of a status in JSON.
#[must_use]
pub(crate) fn status_name(status: DocumentStatus) -> &'static str {
    match status {
        DocumentStatus::Queued => "queued",
        DocumentStatus::Parsing => "parsing",
        DocumentStatus::Indexed => "indexed",
        DocumentStatus::Failed => "failed",
        DocumentStatus::Retired => "retired",
    }
}

pub(crate) fn view(record: DocumentRecord, engine: &Engine) -> DocumentView {
    let zone = engine.zone();
    let skipped = record.skipped.into_iter();
    DocumentView {
        ocr_pages: engine.ocr_pages(&record.document_id),
        document_id: record.document_id,
        title: record.metadata.title.clone(),
        status: status_name(record.status).to_owned(),
        progress: record.progress,
        pages: record.pages,
        passages: record.passages,
        skipped: skipped
            .map(|skipped| SkippedView {
                page: skipped.page,
                reason: skipped.reason,
            })
            .collect(),
        error: record.error,
        metadata: record.metadata,
        file_name: record.file_name,
        sha256: record.original_sha256,
        created_at: rfc3339(record.created_at, zone),
        updated_at: rfc3339(record.updated_at, zone),
    }
}

type Accepted = (StatusCode, [(HeaderName, String); 1], Json<DocumentAccepted>);

fn accepted(record: &DocumentRecord) -> Accepted {
    let location = format!("/v1/documents/{}", record.document_id.0);
    let body = DocumentAccepted {
        document_id: record.document_id.clone(),
        status: status_name(record.status).to_owned(),
    };
    (StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(body))
}

/// Adds a document. A file that is found unreadable within a moment is refused and not kept; otherwise parsing goes on and the
/// status says how far it is.
#[utoipa::path(post, path = "/v1/documents", operation_id = "add_document", tag = "knowledge",
    request_body(content = inline(DocumentForm), content_type = "multipart/form-data"), responses(
    (status = 202, body = DocumentAccepted, headers(("Location" = String))),
    (status = 413, body = ErrorBody), (status = 415, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub(crate) async fn add(
    State(state): State<AppState>,
    caller: Caller,
    form: Form,
) -> Result<Accepted, ApiError> {
    let metadata: DocumentMetadata = form.json("metadata")?;
    let file = form.one("file")?;
    let name = file.file_name.as_deref().unwrap_or("file");
    let record = state
        .engine
        .add_document(&caller, name, file.bytes.clone(), metadata)
        .await?;
    Ok(accepted(&record))
}

/// Documents, newest first.
#[utoipa::path(get, path = "/v1/documents", operation_id = "list_documents", tag = "knowledge", params(
    ("limit" = Option<u32>, Query), ("cursor" = Option<String>, Query), ("from" = Option<String>, Query), ("to" = Option<String>, Query),
    ("status" = Option<String>, Query)), responses((status = 200, body = Listing<DocumentView>)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    List(request): List,
) -> Result<Json<Listing<DocumentView>>, ApiError> {
    let page = state
        .engine
        .store()
        .documents(&request, &caller.brand_names())
        .await?;
    Ok(Json(page.map(|document| view(document, &state.engine)).into()))
}

/// One document.
#[utoipa::path(get, path = "/v1/documents/{document_id}", operation_id = "get_document", tag = "knowledge", params(("document_id" = String, Path)), responses(
    (status = 200, body = DocumentView), (status = 404, body = ErrorBody)))]
pub(crate) async fn get(
    State(state): State<AppState>,
    caller: Caller,
    Path(document_id): Path<String>,
) -> Result<Json<DocumentView>, ApiError> {
    let record = state.engine.document(&caller, &DocumentId(document_id)).await?;
    Ok(Json(view(record, &state.engine)))
}

/// Removes a document from the index and the store.
#[utoipa::path(delete, path = "/v1/documents/{document_id}", operation_id = "delete_document", tag = "knowledge", params(("document_id" = String, Path)), responses(
    (status = 204), (status = 404, body = ErrorBody)))]
pub(crate) async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Path(document_id): Path<String>,
) -> Result<StatusCode, ApiError> {
    state
        .engine
        .remove_document(&caller, &DocumentId(document_id))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Adds a new revision that replaces the document. `metadata` may be left out: then it is that of the document.
#[utoipa::path(post, path = "/v1/documents/{document_id}/revise", operation_id = "revise_document", tag = "knowledge", params(("document_id" = String, Path)),
    request_body(content = inline(DocumentForm), content_type = "multipart/form-data"), responses(
    (status = 202, body = DocumentAccepted, headers(("Location" = String))), (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub(crate) async fn revise(
    State(state): State<AppState>,
    caller: Caller,
    Path(document_id): Path<String>,
    form: Form,
) -> Result<Accepted, ApiError> {
    let document_id = DocumentId(document_id);
    let old = state.engine.document(&caller, &document_id).await?;
    let given = form.optional("metadata")?.is_some();
    let metadata = if given {
        form.json("metadata")?
    } else {
        old.metadata
    };
    let metadata = DocumentMetadata {
        supersedes: Some(document_id),
        ..metadata
    };
    let file = form.one("file")?;
    let name = file.file_name.as_deref().unwrap_or("file");
    let record = state
        .engine
        .add_document(&caller, name, file.bytes.clone(), metadata)
        .await?;
    Ok(accepted(&record))
}

/// Takes a document out of use; it stays listed.
#[utoipa::path(post, path = "/v1/documents/{document_id}/retire", operation_id = "retire_document", tag = "knowledge", params(("document_id" = String, Path)), responses(
    (status = 200, body = DocumentView), (status = 404, body = ErrorBody), (status = 409, description = "not indexed", body = ErrorBody)))]
pub(crate) async fn retire(
    State(state): State<AppState>,
    caller: Caller,
    Path(document_id): Path<String>,
) -> Result<Json<DocumentView>, ApiError> {
    let record = state
        .engine
        .retire_document(&caller, &DocumentId(document_id))
        .await?;
    Ok(Json(view(record, &state.engine)))
}

/// What to mark on a page.
#[derive(Deserialize)]
pub(crate) struct Marked {
    passage: Option<PassageId>,
}

/// A page of a PDF as a picture, upright, its longer side 1,600 pixels. With `passage`, as citations and hits name it, the place of the
/// words is marked.
#[utoipa::path(get, path = "/v1/documents/{document_id}/pages/{picture}", operation_id = "get_page_picture", tag = "knowledge", params(
    ("document_id" = String, Path),
    ("picture" = String, Path, description = "the page, from 1, and `.png`: `3.png`", example = "1.png"),
    ("passage" = Option<String>, Query, description = "a passage of that page")), responses(
    (status = 200, description = "the picture", content_type = "image/png"), (status = 404, body = ErrorBody),
    (status = 422, description = "the document is no PDF, or the page cannot be drawn", body = ErrorBody)))]
pub(crate) async fn page_picture(
    State(state): State<AppState>,
    caller: Caller,
    Path((document_id, picture)): Path<(String, String)>,
    Query(marked): Query<Marked>,
) -> Result<Response, ApiError> {
    let number = picture
        .strip_suffix(".png")
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| ApiError::not_found(format!("no picture {picture:?}: use a page number and .png")))?;
    let png = state
        .engine
        .page_picture(&caller, &DocumentId(document_id), number, marked.passage)
        .await?;
    Ok((
        [
            (header::CONTENT_TYPE, "image/png"),
            (header::CACHE_CONTROL, "private, max-age=3600"),
        ],
        png,
    )
        .into_response())
}
