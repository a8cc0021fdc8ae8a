//! Webhooks: registered, listed, removed; what became of their deliveries.

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use shifu_store::{CreatedWebhook, DeliveryRecord, DeliveryStatus, EventKind, WebhookRecord};

use super::Listing;
use crate::access::Caller;
use crate::error::{ApiError, ErrorBody};
use crate::extract::{self, List, rfc3339};
use crate::state::AppState;

/// A webhook to register.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookRequest {
    /// Where events are posted: http or https, at a public address unless the configuration allows others.
    url: String,
    /// inspection.done, inspection.failed, alert.raised, alert.decided, document.indexed, document.failed, repair.reported; none: all.
    #[serde(default)]
    #[schema(value_type = Vec<String>, example = json!(["inspection.done", "alert.raised"]))]
    events: Vec<EventKind>,
}

/// A webhook just registered; its secret is shown this once.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct WebhookCreated {
    webhook_id: String,
    /// The key of `Shifu-Signature`, as text.
    secret: String,
    url: String,
    #[schema(value_type = Vec<String>)]
    events: Vec<EventKind>,
    created_at: String,
}

/// A webhook.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct WebhookView {
    webhook_id: String,
    url: String,
    /// None: all.
    #[schema(value_type = Vec<String>)]
    events: Vec<EventKind>,
    created_at: String,
}

/// One event for one webhook.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct DeliveryView {
    delivery_id: String,
    /// The same in every delivery of the event.
    event_id: String,
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    kind: EventKind,
    /// pending, delivered or failed.
    #[schema(value_type = String)]
    status: DeliveryStatus,
    /// Attempts since it was queued or queued again.
    attempts: u32,
    /// RFC 3339; null unless pending.
    next_attempt_at: Option<String>,
    /// The receiver's last HTTP status.
    response_status: Option<u16>,
    /// What went wrong last.
    error: Option<String>,
    /// Milliseconds the last attempt took.
    took_ms: Option<u64>,
    created_at: String,
    delivered_at: Option<String>,
}

/// Which deliveries are sent again; without `delivery_id`, all that failed.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RedeliverRequest {
    #[serde(default)]
    delivery_id: Option<String>,
}

/// Deliveries queued again.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Redelivered {
    webhook_id: String,
    /// pending
    status: String,
    /// How many.
    deliveries: u64,
}

/// Registers a webhook.
///
/// Events are posted as JSON {event_id, type, created_at, data} with the headers `Shifu-Event-Id`, `Shifu-Timestamp` (seconds since
/// 1970) and `Shifu-Signature: v1=` and the hexadecimal HMAC-SHA-256 of timestamp, a full stop and the body; the key is the
/// secret's text. A reply of 2xx within the configured time (10 s) is success; redirects are not followed. Otherwise it is tried
/// again with growing waits for 24 hours. An event may arrive more than once and out of order.
#[utoipa::path(post, path = "/v1/webhooks", operation_id = "add_webhook", tag = "administration", request_body = WebhookRequest, responses(
    (status = 201, body = WebhookCreated), (status = 409, description = "as many as there may be", body = ErrorBody),
    (status = 422, description = "a URL that cannot or may not be sent to", body = ErrorBody)))]
pub(crate) async fn add(
    State(state): State<AppState>,
    caller: Caller,
    extract::Json(request): extract::Json<WebhookRequest>,
) -> Result<(StatusCode, Json<WebhookCreated>), ApiError> {
    let CreatedWebhook { webhook, secret } = state
        .engine
        .add_webhook(&caller, &request.url, request.events)
        .await?;
    let created = WebhookCreated {
        webhook_id: webhook.webhook_id,
        secret,
        url: webhook.url,
        events: webhook.events,
        created_at: rfc3339(webhook.created_at, state.engine.zone()),
    };
    Ok((StatusCode::CREATED, Json(created)))
}

/// Webhooks, without their secrets.
#[utoipa::path(get, path = "/v1/webhooks", operation_id = "list_webhooks", tag = "administration", params(
    ("limit" = Option<u32>, Query), ("cursor" = Option<String>, Query), ("from" = Option<String>, Query), ("to" = Option<String>, Query)),
    responses((status = 200, body = Listing<WebhookView>)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    List(request): List,
) -> Result<Json<Listing<WebhookView>>, ApiError> {
    let page = state.engine.store().webhooks(&request).await?;
    let zone = state.engine.zone();
    let view = |webhook: WebhookRecord| WebhookView {
        webhook_id: webhook.webhook_id,
        url: webhook.url,
        events: webhook.events,
        created_at: rfc3339(webhook.created_at, zone),
    };
    Ok(Json(page.map(view).into()))
}

/// Removes a webhook: what it is still owed is not sent.
#[utoipa::path(delete, path = "/v1/webhooks/{webhook_id}", operation_id = "remove_webhook", tag = "administration",
    params(("webhook_id" = String, Path)), responses((status = 204), (status = 404, body = ErrorBody)))]
pub(crate) async fn remove(
    State(state): State<AppState>,
    caller: Caller,
    Path(webhook_id): Path<String>,
) -> Result<StatusCode, ApiError> {
    state.engine.remove_webhook(&caller, &webhook_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What became of the events of a webhook.
#[utoipa::path(get, path = "/v1/webhooks/{webhook_id}/deliveries", operation_id = "list_deliveries", tag = "administration", params(
    ("webhook_id" = String, Path), ("limit" = Option<u32>, Query), ("cursor" = Option<String>, Query), ("from" = Option<String>, Query), ("to" = Option<String>, Query),
    ("ticket_id" = Option<String>, Query), ("status" = Option<String>, Query, description = "pending, delivered or failed")),
    responses((status = 200, body = Listing<DeliveryView>), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(crate) async fn deliveries(
    State(state): State<AppState>,
    Path(webhook_id): Path<String>,
    List(request): List,
) -> Result<Json<Listing<DeliveryView>>, ApiError> {
    let known = DeliveryStatus::ALL.map(DeliveryStatus::as_str);
    if let Some(status) = &request.status
        && !known.contains(&status.as_str())
    {
        let known = known.join(", ");
        return Err(ApiError::bad_request(format!(
            "status must be one of {known}, not {status:?}"
        )));
    }
    let page = state.engine.store().deliveries(&webhook_id, &request).await?;
    let zone = state.engine.zone();
    Ok(Json(page.map(|delivery| view(delivery, zone)).into()))
}

fn view(delivery: DeliveryRecord, zone: &jiff::tz::TimeZone) -> DeliveryView {
    DeliveryView {
        delivery_id: delivery.delivery_id,
        event_id: delivery.event_id,
        kind: delivery.kind,
        status: delivery.status,
        attempts: delivery.attempts,
        next_attempt_at: delivery.next_attempt_at.map(|at| rfc3339(at, zone)),
        response_status: delivery.response_status,
        error: delivery.error,
        took_ms: delivery.took_ms,
        created_at: rfc3339(delivery.created_at, zone),
        delivered_at: delivery.delivered_at.map(|at| rfc3339(at, zone)),
    }
}

/// Sends a delivery again, whatever became of it, or all that failed.
#[utoipa::path(post, path = "/v1/webhooks/{webhook_id}/redeliver", tag = "administration", params(("webhook_id" = String, Path)),
    request_body(content = Option<RedeliverRequest>, description = "may be left out"), responses(
    (status = 202, description = "`Location` lists what is pending", body = Redelivered), (status = 404, body = ErrorBody)))]
pub(crate) async fn redeliver(
    State(state): State<AppState>,
    caller: Caller,
    Path(webhook_id): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let body = extract::body(request, &state).await?;
    let request: RedeliverRequest = if body.is_empty() {
        RedeliverRequest::default()
    } else {
        extract::from_json::<Option<RedeliverRequest>>(&body)?.unwrap_or_default()
    };
    let deliveries = state
        .engine
        .redeliver(&caller, &webhook_id, request.delivery_id.as_deref())
        .await?;
    let pending = format!("/v1/webhooks/{webhook_id}/deliveries?status=pending");
    let reply = Redelivered {
        webhook_id,
        status: DeliveryStatus::Pending.as_str().to_owned(),
        deliveries,
    };
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, pending)], Json(reply)).into_response())
}
