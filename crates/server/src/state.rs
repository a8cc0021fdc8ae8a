//! What every handler shares.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::engine::Engine;
use crate::error::ApiError;
use crate::gate::Rates;

/// Shared by all requests; cheap to clone.
#[derive(Clone)]
pub struct AppState {
    /// The five flows.
    pub engine: Arc<Engine>,
    /// Requests of each key.
    pub rates: Rates,
    /// Requests being worked on.
    pub requests: Arc<Semaphore>,
    /// Open alert streams.
    pub streams: Arc<Semaphore>,
    /// Cancelled when the server stops: streams end, workers take no new job.
    pub stopping: CancellationToken,
    /// Whether the workers run.
    pub ready: Arc<AtomicBool>,
}

impl AppState {
    /// Opens the data directory of `config` and starts the workers. Call it within a tokio runtime.
    ///
    /// # Errors
    /// What [`Engine::open`] gives.
    pub async fn open(config: Config) -> Result<Self, ApiError> {
        crate::observe::metrics_handle();
        let engine = Engine::open(config).await?;
        Self::start(Arc::new(engine)).await
    }

    /// Serves an engine that is open already, and starts its workers.
    ///
    /// # Errors
    /// `Internal` when the job queue cannot be read.
    pub async fn start(engine: Arc<Engine>) -> Result<Self, ApiError> {
        crate::observe::metrics_handle();
        let limits = &engine.config().limits;
        let state = Self {
            rates: Rates::new(limits.requests_per_minute),
            requests: Arc::new(Semaphore::new(limits.concurrent_requests)),
            streams: Arc::new(Semaphore::new(limits.streams)),
            stopping: CancellationToken::new(),
            ready: Arc::default(),
            engine,
        };
        tokio::spawn(crate::observe::keep_metrics_small(state.stopping.clone()));
        crate::workers::start(&state).await?;
        crate::dispatcher::start(&state).await?;
        state.ready.store(true, std::sync::atomic::Ordering::Release);
        Ok(state)
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> &Config {
        self.engine.config()
    }
}
