//! The router: every route, and the layers around them.

use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use tower_http::catch_panic::CatchPanicLayer;

use crate::error::ApiError;
use crate::handlers::{
    admin, alerts, answers, console, diagnosis, documents, drift, health, inspections, mcp, openai,
    standards, suggestions, tickets, webhooks,
};
use crate::state::AppState;
use crate::{access, drain, idempotency, observe};

/// Everything the server answers. Needs no socket: tests call it as a service.
pub fn app(state: AppState) -> Router {
    let body_limit = DefaultBodyLimit::max(state.config().limits.body_bytes);
    let guarded = Router::new()
        .merge(knowledge())
        .merge(inspection())
        .merge(prediction())
        .merge(administration())
        .layer(body_limit)
        .layer(middleware::from_fn_with_state(state.clone(), idempotency::once))
        .route_layer(middleware::from_fn_with_state(state.clone(), access::guard));
    let streams = Router::new()
        .route("/v1/alerts/stream", get(alerts::stream))
        .route_layer(middleware::from_fn_with_state(state.clone(), access::guard));
    Router::new()
        .merge(guarded)
        .layer(middleware::from_fn_with_state(state.clone(), bounded))
        .merge(streams)
        .merge(open())
        .fallback(unknown_route)
        .method_not_allowed_fallback(unknown_method)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(crate::error::render))
        .layer(middleware::from_fn(safe_headers))
        .layer(middleware::from_fn(drain::refused))
        .layer(middleware::from_fn(observe::watch))
        .with_state(state)
}

fn knowledge() -> Router<AppState> {
    Router::new()
        .route("/v1/documents", post(documents::add).get(documents::list))
        .route(
            "/v1/documents/{document_id}",
            get(documents::get).delete(documents::delete),
        )
        .route("/v1/documents/{document_id}/revise", post(documents::revise))
        .route("/v1/documents/{document_id}/retire", post(documents::retire))
        .route(
            "/v1/documents/{document_id}/pages/{picture}",
            get(documents::page_picture),
        )
        .route("/v1/search", post(answers::search))
        .route("/v1/answers", post(answers::answer))
        .route("/v1/answers/{answer_id}", get(answers::get))
        .route("/v1/answers/{answer_id}/feedback", post(answers::feedback))
        .route("/v1/gaps", get(answers::gaps))
        .route("/v1/models", get(admin::models))
        .route(
            "/mcp",
            post(mcp::post).get(mcp::not_offered).delete(mcp::not_offered),
        )
        .route("/v1/chat/completions", post(openai::chat))
        .route("/v1/embeddings", post(openai::embeddings))
}

fn inspection() -> Router<AppState> {
    Router::new()
        .route(
            "/v1/standards/{category}",
            put(standards::put).get(standards::get),
        )
        .route("/v1/standards/{category}/photos", post(standards::add_photo))
        .route("/v1/standards/{category}/report", get(standards::report))
        .route("/v1/photo-checks", post(inspections::check_photo))
        .route(
            "/v1/inspections",
            post(inspections::submit).get(inspections::list),
        )
        .route("/v1/inspections/{inspection_id}", get(inspections::get))
        .route(
            "/v1/inspections/{inspection_id}/photos/{position}/overlay.png",
            get(inspections::overlay),
        )
        .route("/v1/alerts", get(alerts::list))
        .route("/v1/alerts/{alert_id}/verdict", post(alerts::decide))
}

fn prediction() -> Router<AppState> {
    Router::new()
        .route(
            "/v1/boms/{product_line}",
            put(diagnosis::put_bom).get(diagnosis::get_bom),
        )
        .route(
            "/v1/fault-trees/{product_line}",
            put(diagnosis::put_tree).get(diagnosis::get_tree),
        )
        .route("/v1/fault-trees/{product_line}/graph", get(diagnosis::graph))
        .route(
            "/v1/fault-trees/{product_line}/tree.svg",
            get(diagnosis::tree_svg),
        )
        .route("/v1/part-predictions", post(diagnosis::predict))
        .route("/v1/part-predictions/batch", post(diagnosis::predict_batch))
        .route("/v1/part-predictions/pick-list", post(diagnosis::pick_list))
        .route("/v1/repairs", post(diagnosis::report_repair))
        .route("/v1/repairs/import", post(diagnosis::import_repairs))
        .route("/v1/suggestions", get(suggestions::list))
        .route(
            "/v1/suggestions/{suggestion_id}/accept",
            post(suggestions::accept),
        )
        .route(
            "/v1/suggestions/{suggestion_id}/reject",
            post(suggestions::reject),
        )
        .route("/v1/drift", get(drift::get))
        .route("/v1/summaries", post(tickets::summarize))
        .route("/v1/summaries/batch", post(tickets::summarize_batch))
        .route("/v1/intakes", post(tickets::intake))
}

fn administration() -> Router<AppState> {
    Router::new()
        .route("/v1/keys", get(admin::keys).post(admin::create_key))
        .route("/v1/keys/{key_id}", delete(admin::revoke_key))
        .route("/v1/webhooks", get(webhooks::list).post(webhooks::add))
        .route("/v1/webhooks/{webhook_id}", delete(webhooks::remove))
        .route("/v1/webhooks/{webhook_id}/deliveries", get(webhooks::deliveries))
        .route("/v1/webhooks/{webhook_id}/redeliver", post(webhooks::redeliver))
        .route("/v1/audit", get(admin::audit))
        .route("/v1/tickets/{ticket_id}", delete(admin::remove_ticket))
}

fn open() -> Router<AppState> {
    Router::new()
        .route("/", get(console::page))
        .route("/console.js", get(console::script))
        .route("/console.css", get(console::style))
        .route("/health", get(health::health))
        .route("/ready", get(health::ready))
        .route("/metrics", get(health::metrics))
        .merge(crate::openapi::routes())
}

/// Lets through what there is room for, for as long as the configuration allows.
async fn bounded(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let Ok(_place) = state.requests.try_acquire() else {
        metrics::counter!("shifu_overloaded_total").increment(1);
        return ApiError::Overloaded { retry_after_s: 1 }.into_response();
    };
    let longest = Duration::from_secs(state.config().limits.request_timeout_s);
    match tokio::time::timeout(longest, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::Timeout.into_response(),
    }
}

async fn unknown_route(request: Request) -> ApiError {
    ApiError::not_found(format!("no such path: {}", request.uri().path()))
}

async fn unknown_method(request: Request) -> ApiError {
    ApiError::not_found(format!(
        "{} is not a call of {}",
        request.method(),
        request.uri().path()
    ))
}

fn panicked(panic: Box<dyn std::any::Any + Send>) -> Response {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    ApiError::internal(format!("panicked: {text}")).into_response()
}

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; \
                      connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";
/// The documentation page sets styles from its script.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                           connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

/// Nothing from elsewhere is loaded into a page of ours, and nobody frames it.
async fn safe_headers(request: Request, next: Next) -> Response {
    let docs = request.uri().path().starts_with("/docs");
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let policy = if docs { DOCS_POLICY } else { POLICY };
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(policy));
    headers
        .entry(header::X_CONTENT_TYPE_OPTIONS)
        .or_insert(HeaderValue::from_static("nosniff"));
    headers
        .entry(header::REFERRER_POLICY)
        .or_insert(HeaderValue::from_static("no-referrer"));
    response
}
