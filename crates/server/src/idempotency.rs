//! `Idempotency-Key` on any POST: the work is done once, the reply given again for 24 hours.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use shifu_store::{Call, CallIdentity, StoredReply};

use crate::access::Caller;
use crate::error::ApiError;
use crate::state::AppState;

static KEY: HeaderName = HeaderName::from_static("idempotency-key");
static REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Headers worth repeating.
const KEPT: [HeaderName; 2] = [header::CONTENT_TYPE, header::LOCATION];

pub(crate) async fn once(State(state): State<AppState>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST || !request.headers().contains_key(&KEY) {
        return next.run(request).await;
    }
    match run_once(&state, request, next).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn run_once(state: &AppState, request: Request, next: Next) -> Result<Response, ApiError> {
    let identity = identity(&request)?;
    let (parts, body) = request.into_parts();
    let body = whole_body(body, state.config().limits.body_bytes).await?;
    let sha256 = body_sha256(&parts.headers, &body);
    let store = state.engine.store();
    match store.begin_call(&identity, &sha256).await? {
        Call::New => {}
        Call::Done(reply) => return Ok(replay(reply)),
        Call::Running => {
            return Err(ApiError::conflict(
                "the call with this Idempotency-Key is still running",
            ));
        }
        Call::OtherBody => {
            return Err(ApiError::conflict(
                "this Idempotency-Key was used with another body",
            ));
        }
    }
    // The work goes on when the caller hangs up, so that a retry finds its reply.
    let state = state.clone();
    let task = tokio::spawn(async move {
        let response = next.run(Request::from_parts(parts, Body::from(body))).await;
        keep(&state, &identity, response).await
    });
    task.await.map_err(ApiError::internal)?
}

fn identity(request: &Request) -> Result<CallIdentity, ApiError> {
    let value = request
        .headers()
        .get(&KEY)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if !(1..=255).contains(&value.len()) {
        return Err(ApiError::bad_request(
            "Idempotency-Key must have 1 to 255 visible ASCII characters",
        ));
    }
    let caller = request
        .extensions()
        .get::<std::sync::Arc<Caller>>()
        .ok_or(ApiError::Unauthorized)?;
    Ok(CallIdentity {
        key_id: caller.key_id.clone(),
        route: format!("POST {}", request.uri().path()),
        idempotency_key: value.to_owned(),
    })
}

async fn whole_body(body: Body, most: usize) -> Result<Bytes, ApiError> {
    to_bytes(body, most).await.map_err(|error| {
        if crate::extract::is_length_limit(&error) {
            return ApiError::too_large("body_bytes", most, None);
        }
        ApiError::bad_request("the body broke off")
    })
}

/// SHA-256 of the body; a multipart body without its boundary, which every client draws anew for a retry.
fn body_sha256(headers: &HeaderMap, body: &[u8]) -> String {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let boundary = content_type
        .split(';')
        .find_map(|part| part.trim().strip_prefix("boundary="));
    let boundary = boundary.map(|boundary| format!("--{}", boundary.trim_matches('"')));
    let mut digest = Sha256::new();
    match boundary {
        Some(boundary) if boundary.len() > 2 => hash_without(&mut digest, body, boundary.as_bytes()),
        _ => digest.update(body),
    }
    hex::encode(digest.finalize())
}

fn hash_without(digest: &mut Sha256, mut body: &[u8], boundary: &[u8]) {
    while let Some(at) = find(body, boundary) {
        digest.update(&body[..at]);
        digest.update(b"\0part\0");
        body = &body[at + boundary.len()..];
    }
    digest.update(body);
}

/// First position of `needle`; skips by the first byte, so that photos cost about a pass.
fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut from = 0;
    while let Some(at) = haystack[from..].iter().position(|byte| *byte == first) {
        let at = from + at;
        if haystack[at..].starts_with(needle) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

/// Keeps the reply of work that is done; what failed on our side may be tried again.
async fn keep(state: &AppState, identity: &CallIdentity, response: Response) -> Result<Response, ApiError> {
    let store = state.engine.store();
    let again = response.status().is_server_error()
        || response.status() == StatusCode::TOO_MANY_REQUESTS
        || response.extensions().get::<ApiError>().is_some();
    if again {
        store.abandon_call(identity).await?;
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.map_err(ApiError::internal)?;
    let text = String::from_utf8_lossy(&body).into_owned();
    let kept = |name: &HeaderName| {
        let value = parts.headers.get(name)?.to_str().ok()?;
        Some((name.to_string(), value.to_owned()))
    };
    let headers = KEPT.iter().filter_map(kept).collect();
    let reply = StoredReply {
        status: parts.status.as_u16(),
        headers,
        body: text,
    };
    store.finish_call(identity, &reply).await?;
    Ok(Response::from_parts(parts, Body::from(body)))
}

fn replay(reply: StoredReply) -> Response {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
    let mut response = (status, reply.body).into_response();
    for (name, value) in reply.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
        .headers_mut()
        .insert(REPLAYED.clone(), HeaderValue::from_static("true"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_with_another_boundary_is_the_same_body() {
        let hash = |boundary: &str, content: &str| {
            let mut headers = HeaderMap::new();
            let value = format!("multipart/form-data; boundary={boundary}");
            headers.insert(header::CONTENT_TYPE, value.parse().unwrap());
            let body = format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n{content}\r\n--{boundary}--\r\n"
            );
            body_sha256(&headers, body.as_bytes())
        };
        assert_eq!(hash("X1", "same"), hash("Y2", "same"));
        assert_ne!(hash("X1", "same"), hash("X1", "other"));
    }
}
