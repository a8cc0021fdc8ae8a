//! Summaries and intakes.

use std::time::Instant;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shifu_domain::Summary;
use shifu_tickets::StructuredTicket;

use super::batch::Batch;
use crate::access::Caller;
use crate::engine::SummaryRequest;
use crate::error::{ApiError, ErrorBody};
use crate::extract;
use crate::state::AppState;

/// A summary and how long it took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct SummaryReply {
    /// The summary.
    #[serde(flatten)]
    pub(crate) summary: Summary,
    /// Milliseconds.
    pub(crate) took_ms: f64,
}

/// Dialogues to summarise; the list alone will do.
#[derive(utoipa::ToSchema)]
#[allow(dead_code)]
pub(crate) struct SummaryBatch {
    items: Vec<SummaryRequest>,
}

/// Free text to read.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IntakeRequest {
    text: String,
    /// When it was received, RFC 3339; dates such as "tomorrow" are counted from here. Now when absent.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    received_at: Option<Timestamp>,
}

/// A summary whose every sentence and field points at its lines. With `ticket` it is kept for that ticket.
#[utoipa::path(post, path = "/v1/summaries", tag = "tickets", request_body = SummaryRequest, responses(
    (status = 200, body = SummaryReply), (status = 422, body = ErrorBody)))]
pub(crate) async fn summarize(
    State(state): State<AppState>,
    caller: Caller,
    extract::Json(request): extract::Json<SummaryRequest>,
) -> Result<Json<SummaryReply>, ApiError> {
    let start = Instant::now();
    let summary = state.engine.summarize(&caller, request).await?;
    Ok(Json(SummaryReply {
        summary,
        took_ms: start.elapsed().as_secs_f64() * 1e3,
    }))
}

/// Summaries of many dialogues; each item is a summary, or `error`.
#[utoipa::path(post, path = "/v1/summaries/batch", tag = "tickets", request_body = SummaryBatch, responses(
    (status = 200, description = "{items: [summary or {error}]}", body = Object), (status = 413, body = ErrorBody)))]
pub(crate) async fn summarize_batch(
    State(state): State<AppState>,
    headers: HeaderMap,
    extract::Json(batch): extract::Json<Batch>,
) -> Result<Json<Value>, ApiError> {
    let summarize = |request: SummaryRequest| async {
        let start = Instant::now();
        let summary = state.engine.summarize_in_bulk(request).await?;
        let took_ms = start.elapsed().as_secs_f64() * 1e3;
        Ok(SummaryReply { summary, took_ms })
    };
    batch.each(&state, &headers, summarize).await
}

/// Free text to a structured ticket; what is missing comes with the question to ask.
#[utoipa::path(post, path = "/v1/intakes", tag = "tickets", request_body = IntakeRequest, responses(
    (status = 200, body = StructuredTicket), (status = 422, body = ErrorBody)))]
pub(crate) async fn intake(
    State(state): State<AppState>,
    extract::Json(request): extract::Json<IntakeRequest>,
) -> Result<Json<StructuredTicket>, ApiError> {
    Ok(Json(
        state.engine.intake(request.text, request.received_at).await?,
    ))
}
