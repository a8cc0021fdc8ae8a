//! Inspections and the check on site.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use shifu_domain::{CategoryId, CheckpointId};
use shifu_inspection::{PhotoCheck, PhotoMeta, SubmittedPhoto, Ticket};

use super::Listing;
use crate::access::{Caller, Role};
use crate::engine::{InspectionReply, PhotoUpload, SubmissionInput};
use crate::error::{ApiError, ErrorBody};
use crate::extract::{self, Form, List};
use crate::state::AppState;

/// The multipart body of a submission.
#[derive(utoipa::ToSchema)]
#[allow(dead_code)]
pub(crate) struct SubmissionForm {
    ticket: Ticket,
    /// One part a photo.
    #[schema(value_type = Vec<String>, format = Binary)]
    photos: Vec<Vec<u8>>,
    /// What is known of each photo, by `file`.
    photos_meta: Option<Vec<PhotoMeta>>,
}

/// The multipart body of a check on site; the fields may also stand in one JSON part `request`.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckRequest {
    category: Option<CategoryId>,
    #[serde(default)]
    checkpoint: Option<CheckpointId>,
    #[serde(default)]
    ticket: Option<Ticket>,
    /// The photos taken so far, and this one's by its file name.
    #[serde(default)]
    photos_meta: Vec<PhotoMeta>,
}

/// The multipart body of a check on site.
#[derive(utoipa::ToSchema)]
#[allow(dead_code)]
pub(crate) struct CheckForm {
    #[schema(value_type = String, format = Binary)]
    photo: Vec<u8>,
    category: String,
    checkpoint: Option<String>,
    ticket: Option<Ticket>,
    photos_meta: Option<Vec<PhotoMeta>>,
}

/// Whether a photo will pass, while the technician is still on site. Nothing is kept.
#[utoipa::path(post, path = "/v1/photo-checks", tag = "inspection",
    request_body(content = inline(CheckForm), content_type = "multipart/form-data"), responses(
    (status = 200, body = PhotoCheck), (status = 422, body = ErrorBody)))]
pub(crate) async fn check_photo(
    State(state): State<AppState>,
    form: Form,
) -> Result<Json<PhotoCheck>, ApiError> {
    let request = check_request(&form)?;
    let part = ["photo", "file", "photos"]
        .into_iter()
        .find_map(|name| form.all(name).next());
    let part = part.ok_or_else(|| ApiError::field("photo", "this part is missing"))?;
    let file = part.file_name.clone().unwrap_or_else(|| "photo".to_owned());
    let (mine, taken): (Vec<_>, Vec<_>) = request
        .photos_meta
        .into_iter()
        .partition(|meta| meta.file == file);
    let mut meta = mine.into_iter().next().unwrap_or_else(|| PhotoMeta {
        file,
        ..PhotoMeta::default()
    });
    meta.checkpoint = request.checkpoint.or(meta.checkpoint);
    let ticket = match (request.ticket, request.category) {
        (Some(ticket), Some(category)) => Ticket { category, ..ticket },
        (Some(ticket), None) => ticket,
        (None, Some(category)) => {
            Ticket::new("photo-check", category.as_str()).map_err(ApiError::unprocessable)?
        }
        (None, None) => return Err(ApiError::field("category", "this part is missing")),
    };
    let photo = SubmittedPhoto {
        meta,
        bytes: part.bytes.to_vec(),
    };
    Ok(Json(state.engine.check_photo(photo, ticket, taken).await?))
}

fn check_request(form: &Form) -> Result<CheckRequest, ApiError> {
    for name in ["request", "metadata"] {
        if form.optional(name)?.is_some() {
            return form.json(name);
        }
    }
    let mut request = CheckRequest::default();
    if form.optional("category")?.is_some() {
        request.category = Some(super::standards::category(&form.text("category")?)?);
    }
    if form.optional("checkpoint")?.is_some() {
        let checkpoint = CheckpointId::new(&form.text("checkpoint")?);
        request.checkpoint = Some(checkpoint.map_err(|error| ApiError::field("checkpoint", error))?);
    }
    if form.optional("ticket")?.is_some() {
        request.ticket = Some(form.json("ticket")?);
    }
    if form.optional("photos_meta")?.is_some() {
        request.photos_meta = form.json("photos_meta")?;
    }
    Ok(request)
}

/// Inspects a submission: at once, or with `Prefer: respond-async` later. A second submission of a ticket is a new attempt.
#[utoipa::path(post, path = "/v1/inspections", operation_id = "submit_inspection", tag = "inspection",
    params(("Prefer" = Option<String>, Header, description = "respond-async")),
    request_body(content = inline(SubmissionForm), content_type = "multipart/form-data"), responses(
    (status = 200, body = InspectionReply), (status = 202, body = InspectionReply, headers(("Location" = String))),
    (status = 413, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub(crate) async fn submit(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, ApiError> {
    let ticket: Ticket = form.json("ticket")?;
    let photos_meta = if form.optional("photos_meta")?.is_some() {
        form.json("photos_meta")?
    } else {
        Vec::new()
    };
    let photo = |(at, part): (usize, &extract::Part)| PhotoUpload {
        file_name: part.file_name.clone().unwrap_or_else(|| format!("photo-{at}")),
        bytes: part.bytes.clone(),
    };
    let photos = form.all("photos").enumerate().map(photo).collect();
    let input = SubmissionInput {
        ticket,
        photos_meta,
        photos,
    };
    let prefer = headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok());
    if prefer
        .flat_map(|value| value.split([',', ';']))
        .any(|one| one.trim().eq_ignore_ascii_case("respond-async"))
    {
        let reply = state.engine.queue_inspection(&caller, input).await?;
        let location = format!("/v1/inspections/{}", reply.inspection_id);
        return Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(reply)).into_response());
    }
    Ok(Json(state.engine.inspect(&caller, input).await?).into_response())
}

/// Inspections, newest first. Technicians see those submitted with the same key.
#[utoipa::path(get, path = "/v1/inspections", operation_id = "list_inspections", tag = "inspection", params(
    ("limit" = Option<u32>, Query), ("cursor" = Option<String>, Query), ("from" = Option<String>, Query), ("to" = Option<String>, Query),
    ("ticket_id" = Option<String>, Query), ("status" = Option<String>, Query, description = "a status or a verdict")),
    responses((status = 200, body = Listing<InspectionReply>)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    List(request): List,
) -> Result<Json<Listing<InspectionReply>>, ApiError> {
    let own = (caller.role == Role::Technician).then_some(caller.key_id.as_str());
    let page = state
        .engine
        .store()
        .inspections(&request, &caller.service_providers, own)
        .await?;
    let mut items = Vec::with_capacity(page.items.len());
    for record in &page.items {
        items.push(state.engine.reply_to(&caller, record).await?);
    }
    Ok(Json(Listing {
        items,
        next_cursor: page.next_cursor,
    }))
}

/// One inspection.
#[utoipa::path(get, path = "/v1/inspections/{inspection_id}", operation_id = "get_inspection", tag = "inspection", params(("inspection_id" = String, Path)), responses(
    (status = 200, body = InspectionReply), (status = 404, body = ErrorBody)))]
pub(crate) async fn get(
    State(state): State<AppState>,
    caller: Caller,
    Path(inspection_id): Path<String>,
) -> Result<Json<InspectionReply>, ApiError> {
    let record = state.engine.inspection(&caller, &inspection_id).await?;
    Ok(Json(state.engine.reply_to(&caller, &record).await?))
}

/// A photo with the difference marked. Positions are counted from 0, as in findings.
#[utoipa::path(get, path = "/v1/inspections/{inspection_id}/photos/{position}/overlay.png", operation_id = "get_overlay", tag = "inspection",
    params(("inspection_id" = String, Path), ("position" = u32, Path)), responses(
    (status = 200, description = "the picture", content_type = "image/png"), (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub(crate) async fn overlay(
    State(state): State<AppState>,
    caller: Caller,
    Path((inspection_id, position)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let position = position
        .parse()
        .map_err(|_| ApiError::not_found(format!("no photo {position:?}")))?;
    let png = state.engine.overlay(&caller, &inspection_id, position).await?;
    Ok((
        [
            (header::CONTENT_TYPE, "image/png"),
            (header::CACHE_CONTROL, "private, max-age=3600"),
        ],
        png,
    )
        .into_response())
}
