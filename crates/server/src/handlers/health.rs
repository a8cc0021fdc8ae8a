//! Alive, ready, measured.

use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::state::AppState;

/// Whether the process answers.
#[utoipa::path(get, path = "/health", tag = "service", responses((status = 200, description = "alive")), security(()))]
pub(crate) async fn health() -> Json<Value> {
    Json(json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")}))
}

/// Whether requests will be served: the store answers, the workers run, the server is not stopping.
#[utoipa::path(get, path = "/ready", tag = "service", security(()), responses(
    (status = 200, description = "ready"), (status = 503, description = "not yet, or stopping")))]
pub(crate) async fn ready(State(state): State<AppState>) -> Result<Json<Value>, ApiError> {
    if state.stopping.is_cancelled() || !state.ready.load(Ordering::Acquire) {
        return Err(ApiError::unavailable("the server is starting or stopping"));
    }
    state.engine.store().ping().await?;
    Ok(Json(json!({"status": "ready"})))
}

/// Metrics in the Prometheus text format.
#[utoipa::path(get, path = "/metrics", tag = "service", security(()), responses((status = 200, description = "Prometheus text")))]
pub(crate) async fn metrics(State(state): State<AppState>) -> Result<impl IntoResponse, ApiError> {
    for kind in [shifu_store::JobKind::ParseDocument, shifu_store::JobKind::Inspect] {
        let waiting = state.engine.store().pending_jobs(kind).await?;
        metrics::gauge!("shifu_jobs_pending", "kind" => kind.as_str()).set(waiting as f64);
    }
    let text = crate::observe::metrics_handle().render();
    Ok((
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        text,
    ))
}
