//! What the engine suggests to an editor: listed, accepted, rejected.

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shifu_diagnosis::Edit;
use shifu_domain::PartNumber;
use shifu_store::{SuggestionRecord, SuggestionState};

use super::Listing;
use crate::access::Caller;
use crate::error::{ApiError, ErrorBody};
use crate::extract::{self, List, OptionalJson, rfc3339};
use crate::state::AppState;

/// A suggestion. What `evidence`, `proposal` and `outcome` hold depends on `kind`; there may be more kinds than are named here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct SuggestionView {
    /// Its identifier: the same for the same suggestion.
    pub(crate) suggestion_id: String,
    /// `new_cause`: a cause that the fault tree lacks; `new_link`: a symptom or code that a known cause shows.
    pub(crate) kind: String,
    /// The product line.
    pub(crate) product_line: String,
    /// open, accepted or rejected.
    pub(crate) status: String,
    /// What it says and why, in a sentence.
    pub(crate) text: String,
    /// Tickets that speak for it, at most 20.
    pub(crate) tickets: Vec<String>,
    /// Of fault trees: {repairs, of_repairs, share, interval, tree_expects, log_likelihood_ratio}.
    #[schema(value_type = Object)]
    pub(crate) evidence: Value,
    /// Of fault trees: {change, toml}, the change in fields and as it will stand in the file.
    #[schema(value_type = Object)]
    pub(crate) proposal: Value,
    /// RFC 3339.
    pub(crate) first_seen: String,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) decided_at: Option<String>,
    /// Who decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key_id: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
    /// What accepting it made; of fault trees {fault_tree_revision, fault_tree_version}.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub(crate) outcome: Option<Value>,
}

/// How a suggestion is accepted; nothing of it need be given.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Acceptance {
    /// Another identifier for a new cause.
    #[serde(default)]
    id: Option<String>,
    /// Another name for it; the words of the reports are kept beside it.
    #[serde(default)]
    name: Option<String>,
    /// Other parts for its repair.
    #[serde(default)]
    parts: Option<Vec<PartNumber>>,
    /// Why.
    #[serde(default)]
    note: Option<String>,
}

/// Why a suggestion is rejected.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rejection {
    /// Why.
    #[serde(default)]
    note: Option<String>,
}

fn view(record: SuggestionRecord, zone: &jiff::tz::TimeZone) -> SuggestionView {
    let mut body = record.body;
    SuggestionView {
        suggestion_id: record.suggestion_id,
        kind: record.kind,
        product_line: record.product_line,
        status: record.state.as_str().to_owned(),
        text: body["text"].as_str().unwrap_or_default().to_owned(),
        tickets: record.tickets,
        evidence: body["evidence"].take(),
        proposal: body["proposal"].take(),
        first_seen: rfc3339(record.first_seen, zone),
        decided_at: record.decided_at.map(|at| rfc3339(at, zone)),
        key_id: record.key_id,
        note: record.note,
        outcome: record.outcome,
    }
}

fn check_note(state: &AppState, note: Option<&str>) -> Result<(), ApiError> {
    extract::check_text(state, note.map_or(0, |note| note.chars().count()))
}

/// What is suggested now, newest first; with `status` what was decided.
#[utoipa::path(get, path = "/v1/suggestions", operation_id = "list_suggestions", tag = "diagnosis", params(
    ("limit" = Option<u32>, Query), ("cursor" = Option<String>, Query), ("from" = Option<String>, Query), ("to" = Option<String>, Query),
    ("ticket_id" = Option<String>, Query), ("status" = Option<String>, Query, description = "open (the default), accepted or rejected")),
    responses((status = 200, body = Listing<SuggestionView>)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    List(request): List,
) -> Result<Json<Listing<SuggestionView>>, ApiError> {
    let wanted = match request.status.as_deref().unwrap_or_default() {
        "" => SuggestionState::Open,
        name => SuggestionState::parse(name)
            .ok_or_else(|| ApiError::bad_request("status must be open, accepted or rejected"))?,
    };
    let page = state.engine.suggestions(&caller, wanted, &request).await?;
    Ok(Json(page.map(|record| view(record, state.engine.zone())).into()))
}

/// Takes a suggestion over. A change of a fault tree becomes a new version of the engineer's file; the next prediction uses it.
#[utoipa::path(post, path = "/v1/suggestions/{suggestion_id}/accept", operation_id = "accept_suggestion", tag = "diagnosis",
    params(("suggestion_id" = String, Path)), request_body(content = Option<Acceptance>), responses(
    (status = 200, body = SuggestionView), (status = 404, body = ErrorBody),
    (status = 409, description = "rejected before, no longer suggested, or the tree is kept as XML", body = ErrorBody)))]
pub(crate) async fn accept(
    State(state): State<AppState>,
    caller: Caller,
    Path(suggestion_id): Path<String>,
    OptionalJson(acceptance): OptionalJson<Acceptance>,
) -> Result<Json<SuggestionView>, ApiError> {
    check_note(&state, acceptance.note.as_deref())?;
    let edit = Edit {
        id: acceptance.id,
        name: acceptance.name,
        parts: acceptance.parts,
    };
    let note = acceptance.note.as_deref();
    let record = state
        .engine
        .accept_suggestion(&caller, &suggestion_id, &edit, note)
        .await?;
    Ok(Json(view(record, state.engine.zone())))
}

/// Leaves a suggestion out for good.
#[utoipa::path(post, path = "/v1/suggestions/{suggestion_id}/reject", operation_id = "reject_suggestion", tag = "diagnosis",
    params(("suggestion_id" = String, Path)), request_body(content = Option<Rejection>), responses(
    (status = 200, body = SuggestionView), (status = 404, body = ErrorBody),
    (status = 409, description = "accepted before", body = ErrorBody)))]
pub(crate) async fn reject(
    State(state): State<AppState>,
    caller: Caller,
    Path(suggestion_id): Path<String>,
    OptionalJson(rejection): OptionalJson<Rejection>,
) -> Result<Json<SuggestionView>, ApiError> {
    let note = rejection.note.as_deref();
    check_note(&state, note)?;
    let record = state
        .engine
        .reject_suggestion(&caller, &suggestion_id, note)
        .await?;
    Ok(Json(view(record, state.engine.zone())))
}
