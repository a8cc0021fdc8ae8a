//! A refusal that arrives: what is left of a refused request's body is read before the answer closes the connection.
//!
//! A server that closes while its client still sends makes the client's system throw away the answer (RFC 9112, 9.6), and an
//! upload without a key would see a broken connection in the place of 401. A client that waits for `100 Continue` and was not
//! asked to go on has sent nothing, and nothing is read from it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;
use futures::future::poll_fn;

/// Bytes read after a refusal; a larger rest is cut off. Beyond 1 MiB curl and others wait for `100 Continue` anyway.
const MOST_BYTES: usize = 8 << 20;
/// How long a refused client may take to send them.
const LONGEST: Duration = Duration::from_secs(3);

/// A body that can be read on after its reader has given up.
#[derive(Clone)]
struct Shared(Arc<Mutex<Inner>>);

struct Inner {
    body: Body,
    /// Reading asks the client for its body.
    read: bool,
}

impl Shared {
    fn poll(&self, context: &mut Context<'_>) -> Poll<Option<Result<http_body::Frame<Bytes>, axum::Error>>> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.read = true;
        Pin::new(&mut inner.body).poll_frame(context)
    }

    fn was_read(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).read
    }

    async fn drain(&self) {
        let mut left = MOST_BYTES;
        while let Some(Ok(frame)) = poll_fn(|context| self.poll(context)).await {
            let size = frame.data_ref().map_or(0, Bytes::len);
            match left.checked_sub(size) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    }
}

impl HttpBody for Shared {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        self.poll(context)
    }

    fn is_end_stream(&self) -> bool {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.body.size_hint()
    }
}

/// Reads what is left of the body of a request that was refused.
pub(crate) async fn refused(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    if body.is_end_stream() {
        return next.run(Request::from_parts(parts, body)).await;
    }
    let waits = parts.headers.contains_key(header::EXPECT);
    let shared = Shared(Arc::new(Mutex::new(Inner { body, read: false })));
    let request = Request::from_parts(parts, Body::new(shared.clone()));
    let response = next.run(request).await;
    let refused = response.status().is_client_error() || response.status().is_server_error();
    if refused && (shared.was_read() || !waits) {
        // Too slow is cut off: the answer is sent all the same.
        let _in_time = tokio::time::timeout(LONGEST, shared.drain()).await;
    }
    response
}
