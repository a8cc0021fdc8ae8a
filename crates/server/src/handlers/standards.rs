//! Installation standards and their photos.

use axum::Json;
use axum::extract::{FromRequest, Path, Request, State};
use axum::http::header;
use serde::{Deserialize, Serialize};
use shifu_domain::{CategoryId, CheckpointId};
use shifu_inspection::{Checkpoint, EnrolmentLabel, EnrolmentPhoto, EnrolmentReport, PhotoAdded, Standard};

use crate::access::Caller;
use crate::error::{ApiError, ErrorBody};
use crate::extract::{self, Form};
use crate::state::AppState;

/// A standard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct StandardView {
    /// Which installations it is for.
    pub(crate) category: CategoryId,
    /// The operator's version.
    pub(crate) version: String,
    /// Counted by the server, from 1.
    pub(crate) revision: u32,
    /// In the order technicians see them.
    pub(crate) checkpoints: Vec<Checkpoint>,
}

/// What the photos of a standard support.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct ReportView {
    /// The standard.
    pub(crate) category: CategoryId,
    /// The report.
    #[serde(flatten)]
    pub(crate) report: EnrolmentReport,
}

/// The multipart body of an enrolment.
#[derive(utoipa::ToSchema)]
#[allow(dead_code)]
pub(crate) struct EnrolmentForm {
    checkpoint: String,
    /// `good`, or the violation it shows.
    label: String,
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

pub(crate) fn category(text: &str) -> Result<CategoryId, ApiError> {
    CategoryId::new(text).map_err(|error| ApiError::field("category", error))
}

async fn view(state: &AppState, category: &CategoryId) -> Result<Json<StandardView>, ApiError> {
    let standard = state.engine.standard(category)?;
    let record = state.engine.store().standard(category.as_str()).await?;
    let standard = standard.standard();
    Ok(Json(StandardView {
        category: standard.category.clone(),
        version: standard.version.clone(),
        revision: record.map_or(0, |record| record.revision),
        checkpoints: standard.checkpoints.clone(),
    }))
}

/// Puts a standard into force: `standard.toml`, or the same as JSON with `checkpoints`.
#[utoipa::path(put, path = "/v1/standards/{category}", operation_id = "put_standard", tag = "inspection", params(("category" = String, Path)),
    request_body(content((String = "application/toml"), (Standard = "application/json"))), responses(
    (status = 200, body = StandardView), (status = 422, body = ErrorBody)))]
pub(crate) async fn put(
    State(state): State<AppState>,
    caller: Caller,
    Path(name): Path<String>,
    request: Request,
) -> Result<Json<StandardView>, ApiError> {
    let name = category(&name)?;
    let is_json = essence(&request).is_some_and(|essence| essence.ends_with("json"));
    let body = extract::body(request, &state).await?;
    let standard = if is_json {
        extract::from_json(&body)?
    } else {
        Standard::from_toml(extract::text(&body)?, "standard.toml")?
    };
    if standard.category != name {
        let message = format!(
            "the file is for {:?}, the call for {:?}",
            standard.category.as_str(),
            name.as_str()
        );
        return Err(ApiError::field("category", message));
    }
    state.engine.put_standard(&caller, standard).await?;
    view(&state, &name).await
}

/// The media type of a body without its parameters.
pub(crate) fn essence(request: &Request) -> Option<String> {
    let value = request.headers().get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(
        value
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase(),
    )
}

/// The standard in force.
#[utoipa::path(get, path = "/v1/standards/{category}", operation_id = "get_standard", tag = "inspection", params(("category" = String, Path)), responses(
    (status = 200, body = StandardView), (status = 404, body = ErrorBody)))]
pub(crate) async fn get(
    State(state): State<AppState>,
    Path(name): Path<String>,
) -> Result<Json<StandardView>, ApiError> {
    view(&state, &category(&name)?).await
}

/// Enrols a photo; one that cannot be used is answered with `accepted: false` and the reason.
#[utoipa::path(post, path = "/v1/standards/{category}/photos", operation_id = "add_standard_photo", tag = "inspection", params(("category" = String, Path)),
    request_body(content = inline(EnrolmentForm), content_type = "multipart/form-data"), responses(
    (status = 200, body = PhotoAdded), (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub(crate) async fn add_photo(
    State(state): State<AppState>,
    caller: Caller,
    Path(name): Path<String>,
    request: Request,
) -> Result<Json<PhotoAdded>, ApiError> {
    let name = category(&name)?;
    state.engine.standard(&name)?;
    let form = Form::from_request(request, &state).await?;
    let checkpoint = CheckpointId::new(&form.text("checkpoint")?);
    let label = form.text("label")?;
    // A violation's label is spelled like a checkpoint: it becomes a folder's name and a finding's kind.
    CheckpointId::new(&label).map_err(|error| ApiError::field("label", error))?;
    let file = form.one("file")?;
    let photo = EnrolmentPhoto {
        checkpoint: checkpoint.map_err(|error| ApiError::field("checkpoint", error))?,
        label: EnrolmentLabel::from(label),
        name: file.file_name.clone().unwrap_or_else(|| "file".to_owned()),
        group: None,
        bytes: file.bytes.to_vec(),
    };
    Ok(Json(state.engine.enrol_photo(&caller, &name, photo).await?))
}

/// Per checkpoint: photos, the budgets they support, near-duplicates.
#[utoipa::path(get, path = "/v1/standards/{category}/report", operation_id = "get_standard_report", tag = "inspection", params(("category" = String, Path)), responses(
    (status = 200, body = ReportView), (status = 404, body = ErrorBody)))]
pub(crate) async fn report(
    State(state): State<AppState>,
    Path(name): Path<String>,
) -> Result<Json<ReportView>, ApiError> {
    let category = category(&name)?;
    let report = state.engine.standard(&category)?.report();
    Ok(Json(ReportView { category, report }))
}
