//! Alerts for the reviewer: worst first, as they come, decided.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde::{Deserialize, Serialize};
use shifu_store::{AlertFilter, AlertRecord, AlertState};
use tokio::sync::OwnedSemaphorePermit;

use super::Listing;
use crate::access::Caller;
use crate::error::{ApiError, ErrorBody};
use crate::extract::{self, List, rfc3339};
use crate::state::AppState;

/// An alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct AlertView {
    /// Its identifier.
    pub(crate) alert_id: String,
    /// The inspection.
    pub(crate) inspection_id: String,
    /// The ticket.
    pub(crate) ticket_id: String,
    /// Position of the photo, from 0; null for a missing shot.
    pub(crate) photo: Option<u32>,
    /// The checkpoint, where known.
    pub(crate) checkpoint: Option<String>,
    /// The finding's kind.
    pub(crate) kind: String,
    /// minor, major or critical.
    pub(crate) severity: String,
    /// Chance that it is a defect.
    pub(crate) probability: f64,
    /// Conformal p-value, where calibrated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) p_value: Option<f64>,
    /// open, confirmed, dismissed or expired.
    pub(crate) state: String,
    /// What the reviewer wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
    /// RFC 3339.
    pub(crate) created_at: String,
    /// RFC 3339.
    pub(crate) due_at: String,
}

/// What a reviewer saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AlertVerdict {
    Confirmed,
    Dismissed,
}

/// A reviewer's decision.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DecisionRequest {
    verdict: AlertVerdict,
    #[serde(default)]
    note: Option<String>,
}

fn view(record: AlertRecord, zone: &jiff::tz::TimeZone) -> AlertView {
    let state = match record.state {
        AlertState::Open => "open",
        AlertState::Confirmed => "confirmed",
        AlertState::Dismissed => "dismissed",
        AlertState::Expired => "expired",
    };
    AlertView {
        alert_id: record.alert_id,
        inspection_id: record.inspection_id,
        ticket_id: record.ticket_id,
        photo: record.alert.photo,
        checkpoint: record.alert.checkpoint,
        kind: record.alert.kind,
        severity: record.alert.severity,
        probability: record.alert.probability,
        p_value: record.alert.p_value,
        state: state.to_owned(),
        note: record.note,
        created_at: rfc3339(record.created_at, zone),
        due_at: rfc3339(record.alert.due_at, zone),
    }
}

fn filter(caller: &Caller) -> AlertFilter {
    AlertFilter {
        service_providers: caller.service_providers.clone(),
    }
}

/// Alerts by expected harm, worst first.
#[utoipa::path(get, path = "/v1/alerts", operation_id = "list_alerts", tag = "inspection", params(
    ("limit" = Option<u32>, Query), ("cursor" = Option<String>, Query), ("from" = Option<String>, Query), ("to" = Option<String>, Query),
    ("ticket_id" = Option<String>, Query), ("status" = Option<String>, Query, description = "open, confirmed, dismissed or expired")),
    responses((status = 200, body = Listing<AlertView>)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    List(request): List,
) -> Result<Json<Listing<AlertView>>, ApiError> {
    let page = state.engine.store().alerts(&request, &filter(&caller)).await?;
    Ok(Json(page.map(|alert| view(alert, state.engine.zone())).into()))
}

/// Records what a reviewer saw.
#[utoipa::path(post, path = "/v1/alerts/{alert_id}/verdict", operation_id = "decide_alert", tag = "inspection", params(("alert_id" = String, Path)),
    request_body = DecisionRequest, responses(
    (status = 200, body = AlertView), (status = 404, body = ErrorBody), (status = 409, description = "expired", body = ErrorBody)))]
pub(crate) async fn decide(
    State(state): State<AppState>,
    caller: Caller,
    Path(alert_id): Path<String>,
    extract::Json(request): extract::Json<DecisionRequest>,
) -> Result<Json<AlertView>, ApiError> {
    let store = state.engine.store();
    let alert = store.alert(&alert_id).await?;
    if !caller.sees_provider(alert.service_provider.as_deref()) {
        return Err(ApiError::not_found(format!("alert {alert_id:?} is not there")));
    }
    extract::check_text(
        &state,
        request.note.as_deref().map_or(0, |note| note.chars().count()),
    )?;
    let decided = match request.verdict {
        AlertVerdict::Confirmed => AlertState::Confirmed,
        AlertVerdict::Dismissed => AlertState::Dismissed,
    };
    let alert = store
        .decide_alert(&alert_id, decided, request.note.as_deref(), &caller.key_id)
        .await?;
    Ok(Json(view(alert, state.engine.zone())))
}

struct Feed {
    state: AppState,
    filter: AlertFilter,
    last: String,
    ready: VecDeque<AlertRecord>,
    arrivals: tokio::sync::watch::Receiver<u64>,
    _place: OwnedSemaphorePermit,
}

/// Alerts as they are raised. `id:` is the alert's; with `Last-Event-ID` the stream goes on after that one; otherwise it begins now.
#[utoipa::path(get, path = "/v1/alerts/stream", operation_id = "stream_alerts", tag = "inspection",
    params(("Last-Event-ID" = Option<String>, Header, description = "the last alert seen")),
    responses((status = 200, description = "server-sent events `alert`", content_type = "text/event-stream", body = AlertView)))]
pub(crate) async fn stream(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let place = state.streams.clone().try_acquire_owned();
    let place = place.map_err(|_| ApiError::Overloaded { retry_after_s: 5 })?;
    let arrivals = state.engine.alert_arrivals();
    let last = match headers.get("last-event-id").map(HeaderValue::to_str) {
        Some(Ok(id)) if uuid::Uuid::parse_str(id).is_ok() => id.to_owned(),
        Some(_) => return Err(ApiError::bad_request("Last-Event-ID is not the id of an alert")),
        None => state.engine.store().latest_alert_id().await?,
    };
    let feed = Feed {
        filter: filter(&caller),
        last,
        ready: VecDeque::new(),
        arrivals,
        _place: place,
        state,
    };
    let events = stream::unfold(feed, next_event);
    let keep_alive = KeepAlive::new().interval(Duration::from_secs(15)).text("");
    let mut response = Sse::new(events).keep_alive(keep_alive).into_response();
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// The next alert; the stream ends when the server stops.
async fn next_event(mut feed: Feed) -> Option<(Result<Event, Infallible>, Feed)> {
    loop {
        if let Some(record) = feed.ready.pop_front() {
            feed.last.clone_from(&record.alert_id);
            let alert = view(record, feed.state.engine.zone());
            let event = Event::default()
                .id(&feed.last)
                .event("alert")
                .json_data(&alert)
                .ok()?;
            return Some((Ok(event), feed));
        }
        feed.arrivals.borrow_and_update();
        match feed
            .state
            .engine
            .store()
            .alerts_after(&feed.last, &feed.filter, 100)
            .await
        {
            Ok(alerts) if !alerts.is_empty() => feed.ready = alerts.into(),
            Ok(_) => {
                let stopping = feed.state.stopping.clone();
                tokio::select! {
                    changed = feed.arrivals.changed() => changed.ok()?,
                    () = stopping.cancelled() => return None,
                }
            }
            Err(error) => {
                tracing::error!(%error, "an alert stream ends");
                return None;
            }
        }
    }
}
