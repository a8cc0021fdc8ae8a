//! What an operator sees: request ids, one log line a request, metrics. Never customer text.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Identifies a request in replies and in the log.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestId(pub(crate) String);

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Upper bounds of the latency histograms, seconds.
const BUCKETS_S: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// The process's metrics; installed by the first call.
pub(crate) fn metrics_handle() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS_S)
            .unwrap_or_else(|_| PrometheusBuilder::new());
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another metrics recorder is installed; /metrics stays empty");
        }
        handle
    })
}

/// Folds what the histograms collected into their buckets every few seconds: otherwise samples pile up until somebody asks for
/// `/metrics`.
pub(crate) async fn keep_metrics_small(stopping: tokio_util::sync::CancellationToken) {
    let mut every = tokio::time::interval(Duration::from_secs(5));
    while stopping.run_until_cancelled(every.tick()).await.is_some() {
        metrics_handle().run_upkeep();
    }
}

/// Records a phase of a model or flow.
pub(crate) fn phase(flow: &'static str, phase: &'static str, took: Duration) {
    metrics::histogram!("shifu_phase_seconds", "flow" => flow, "phase" => phase).record(took.as_secs_f64());
}

/// Times `compute` as a phase.
pub(crate) fn timed<T>(flow: &'static str, name: &'static str, compute: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = compute();
    phase(flow, name, start.elapsed());
    result
}

/// Turns what model queues report into metrics.
pub(crate) struct ModelMetrics;

impl shifu_inference::Observer for ModelMetrics {
    fn batch(&self, timing: &shifu_inference::BatchTiming<'_>) {
        let model = timing.model.to_owned();
        let seconds = |name: &'static str, ms: f64| {
            metrics::histogram!("shifu_model_seconds", "model" => model.clone(), "phase" => name)
                .record(ms / 1e3);
        };
        seconds("queue", timing.queue_ms);
        seconds("inference", timing.inference_ms);
        metrics::counter!("shifu_model_items_total", "model" => model.clone()).increment(timing.items as u64);
    }

    fn refused(&self, model: &str, why: shifu_inference::Refusal, items: usize) {
        let why = format!("{why:?}").to_lowercase();
        metrics::counter!("shifu_model_refused_total", "model" => model.to_owned(), "why" => why)
            .increment(items as u64);
    }

    fn loaded(&self, model: &str, took_ms: f64) {
        metrics::histogram!("shifu_model_seconds", "model" => model.to_owned(), "phase" => "load")
            .record(took_ms / 1e3);
        tracing::info!(model, took_ms, "model loaded");
    }
}

/// Gives the request its id (the caller's own, where it is a plain one), counts it and logs it.
pub(crate) async fn watch(mut request: Request, next: Next) -> Response {
    let id = request_id(&request);
    request.extensions_mut().insert(RequestId(id.clone()));
    let method = request.method().as_str().to_owned();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("unmatched", MatchedPath::as_str)
        .to_owned();
    let start = Instant::now();
    let mut response = next.run(request).await;
    let took = start.elapsed();
    let status = response.status().as_u16();
    let code = response
        .extensions()
        .get::<&'static str>()
        .copied()
        .unwrap_or_default();
    tracing::info!(request_id = %id, method, route, status, code, took_ms = took.as_secs_f64() * 1e3, "request");
    metrics::counter!("shifu_http_requests_total", "method" => method.clone(), "route" => route.clone(),
        "status" => status.to_string())
    .increment(1);
    metrics::histogram!("shifu_http_request_seconds", "method" => method, "route" => route)
        .record(took.as_secs_f64());
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID.clone(), value);
    }
    response
}

fn request_id(request: &Request) -> String {
    let given = request
        .headers()
        .get(&REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if (1..=64).contains(&given.len()) && given.bytes().all(plain) {
        return given.to_owned();
    }
    uuid::Uuid::now_v7().to_string()
}
