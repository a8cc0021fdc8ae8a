//! Keys, the audit log, models, and removing a ticket.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shifu_domain::{Brand, TicketId};
use shifu_store::{AuditRecord, CreatedKey, KeyRecord, NewKey};

use super::Listing;
use crate::access::{Caller, Role};
use crate::error::{ApiError, ErrorBody};
use crate::extract::{self, List, rfc3339};
use crate::state::AppState;

/// A key to make.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyRequest {
    role: Role,
    #[serde(default)]
    name: String,
    /// Brands it sees; empty: all.
    #[serde(default)]
    brands: Vec<Brand>,
    /// Service providers it sees; empty: all.
    #[serde(default)]
    service_providers: Vec<String>,
}

/// A key just made; its text is shown this once.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct KeyCreated {
    key: String,
    key_id: String,
    role: String,
}

/// What is known of a key.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct KeyView {
    key_id: String,
    name: String,
    role: String,
    brands: Vec<String>,
    service_providers: Vec<String>,
    created_at: String,
    revoked_at: Option<String>,
}

/// An entry of the audit log.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct AuditView {
    audit_id: String,
    at: String,
    key_id: String,
    action: String,
    subject: String,
    #[schema(value_type = Object)]
    detail: Value,
}

/// Makes a key.
#[utoipa::path(post, path = "/v1/keys", tag = "administration", request_body = KeyRequest, responses(
    (status = 201, body = KeyCreated), (status = 422, body = ErrorBody)))]
pub(crate) async fn create_key(
    State(state): State<AppState>,
    caller: Caller,
    extract::Json(request): extract::Json<KeyRequest>,
) -> Result<(StatusCode, Json<KeyCreated>), ApiError> {
    if request.name.chars().count() > 100 {
        return Err(ApiError::field("name", "use at most 100 characters"));
    }
    let key = NewKey {
        role: request.role.as_str().to_owned(),
        name: request.name,
        brands: request.brands.iter().map(ToString::to_string).collect(),
        service_providers: request.service_providers,
    };
    let CreatedKey { key, key_id, role } = state.engine.create_key_for(&caller, &key).await?;
    Ok((StatusCode::CREATED, Json(KeyCreated { key, key_id, role })))
}

/// Every key, without its text.
#[utoipa::path(get, path = "/v1/keys", tag = "administration", responses((status = 200, body = Listing<KeyView>)))]
pub(crate) async fn keys(
    State(state): State<AppState>,
    caller: Caller,
) -> Result<Json<Listing<KeyView>>, ApiError> {
    let keys = state.engine.keys(&caller).await?;
    let zone = state.engine.zone();
    let view = |key: KeyRecord| KeyView {
        key_id: key.key_id,
        name: key.name,
        role: key.role,
        brands: key.brands,
        service_providers: key.service_providers,
        created_at: rfc3339(key.created_at, zone),
        revoked_at: key.revoked_at.map(|at| rfc3339(at, zone)),
    };
    Ok(Json(Listing {
        items: keys.into_iter().map(view).collect(),
        next_cursor: None,
    }))
}

/// Makes a key stop working, at once.
#[utoipa::path(delete, path = "/v1/keys/{key_id}", tag = "administration", params(("key_id" = String, Path)), responses(
    (status = 204), (status = 404, body = ErrorBody)))]
pub(crate) async fn revoke_key(
    State(state): State<AppState>,
    caller: Caller,
    Path(key_id): Path<String>,
) -> Result<StatusCode, ApiError> {
    state.engine.revoke_key(&caller, &key_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who changed what.
#[utoipa::path(get, path = "/v1/audit", tag = "administration", params(
    ("limit" = Option<u32>, Query), ("cursor" = Option<String>, Query), ("from" = Option<String>, Query), ("to" = Option<String>, Query)),
    responses((status = 200, body = Listing<AuditView>)))]
pub(crate) async fn audit(
    State(state): State<AppState>,
    caller: Caller,
    List(request): List,
) -> Result<Json<Listing<AuditView>>, ApiError> {
    let keys = state.engine.visible_keys(&caller).await?;
    let page = state.engine.store().audit(&request, &keys).await?;
    let zone = state.engine.zone();
    let view = |entry: AuditRecord| AuditView {
        audit_id: entry.audit_id,
        at: rfc3339(entry.created_at, zone),
        key_id: entry.key_id,
        action: entry.action,
        subject: entry.subject,
        detail: entry.detail,
    };
    Ok(Json(page.map(view).into()))
}

/// Removes everything of a ticket: photos, alerts, repairs, dialogue.
#[utoipa::path(delete, path = "/v1/tickets/{ticket_id}", tag = "administration", params(("ticket_id" = String, Path)), responses(
    (status = 200, description = "how much was removed", body = Object), (status = 404, body = ErrorBody)))]
pub(crate) async fn remove_ticket(
    State(state): State<AppState>,
    caller: Caller,
    Path(ticket_id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let ticket_id = TicketId::new(&ticket_id).map_err(ApiError::unprocessable)?;
    let removed = state.engine.remove_ticket(&caller, &ticket_id).await?;
    Ok(Json(json!({"ticket_id": ticket_id, "removed": removed})))
}

/// Models: `shifu-extractive`, what is installed, and the language model that is configured (OpenAI shape).
#[utoipa::path(get, path = "/v1/models", tag = "knowledge", responses((status = 200, description = "OpenAI list shape", body = Object)))]
pub(crate) async fn models(State(state): State<AppState>) -> Json<Value> {
    let model =
        |id: String, owner: &str| json!({"id": id, "object": "model", "created": 0, "owned_by": owner});
    let mut data = vec![model(super::openai::EXTRACTIVE.to_owned(), "shifu")];
    data.extend(
        state
            .engine
            .installed_models()
            .into_iter()
            .map(|name| model(name, "installed")),
    );
    Json(json!({"object": "list", "data": data}))
}
