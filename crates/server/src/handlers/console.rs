//! The console: one page, its script and style, all from the binary.

use axum::http::header;
use axum::response::IntoResponse;

const CACHED: (header::HeaderName, &str) = (header::CACHE_CONTROL, "no-cache");

/// The page.
pub(crate) async fn page() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/html; charset=utf-8"), CACHED],
        include_str!("../../console/index.html"),
    )
}

/// Its script.
pub(crate) async fn script() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/javascript; charset=utf-8"), CACHED],
        include_str!("../../console/console.js"),
    )
}

/// Its style.
pub(crate) async fn style() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/css; charset=utf-8"), CACHED],
        include_str!("../../console/console.css"),
    )
}
