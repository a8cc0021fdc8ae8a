//! Listening and stopping.

use std::future::Future;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::error::ApiError;
use crate::state::AppState;

/// Serves until `stop` resolves; then takes no new connection, lets running requests finish (`limits.shutdown_s` at most), puts
/// unfinished jobs back into the queue and closes the store. Nothing acknowledged is lost.
///
/// # Errors
/// `Internal` when the socket fails.
pub async fn serve(
    state: AppState,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ApiError> {
    let app = crate::app(state.clone());
    tokio::spawn(crate::workers::retain(
        state.engine.clone(),
        state.stopping.clone(),
    ));
    tokio::spawn(crate::workers::rebuild(
        state.engine.clone(),
        state.stopping.clone(),
    ));
    tokio::spawn(crate::workers::encode(
        state.engine.clone(),
        state.stopping.clone(),
    ));
    let stopping = state.stopping.clone();
    let signal = async move {
        stop.await;
        tracing::info!("stopping: no new connections");
        stopping.cancel();
    };
    let server = axum::serve(listener, app).with_graceful_shutdown(signal);
    let mut server = tokio::spawn(async move { server.await });
    let grace = Duration::from_secs(state.config().limits.shutdown_s);
    let deadline = async {
        state.stopping.cancelled().await;
        tokio::time::sleep(grace).await;
    };
    let result = tokio::select! {
        finished = &mut server => finished.map_err(ApiError::internal)?.map_err(ApiError::internal),
        () = deadline => {
            tracing::warn!(grace_s = grace.as_secs(), "requests still running were cut off");
            server.abort();
            Ok(())
        }
    };
    state.stopping.cancel();
    state.engine.interrupt_documents();
    let requeued = state.engine.store().requeue_own_jobs().await?;
    if requeued > 0 {
        tracing::info!(requeued, "unfinished jobs wait for the next start");
    }
    state.engine.close().await;
    result
}

/// Resolves on Ctrl-C or SIGTERM.
pub async fn stop_signal() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut terminate) => tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            },
            Err(error) => {
                tracing::warn!(%error, "SIGTERM cannot be caught");
                let _ = interrupt.await;
            }
        }
    }
    #[cfg(not(unix))]
    let _ = interrupt.await;
}
