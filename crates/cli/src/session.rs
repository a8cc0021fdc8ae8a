//! An open data directory for the length of one command.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use shifu_server::{ApiError, AppState, Caller, Config, Engine};

use crate::output::Failure;

/// The engine with its workers running, so that what a command queues is done before it ends.
pub(crate) struct Session {
    state: AppState,
    /// The operator on the machine itself.
    pub(crate) caller: Caller,
}

impl Session {
    pub(crate) async fn open(config: Config) -> Result<Self, Failure> {
        Ok(Self {
            state: AppState::open(config).await.map_err(failed)?,
            caller: Caller::local(),
        })
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.state.engine
    }

    pub(crate) fn into_state(self) -> AppState {
        self.state
    }

    pub(crate) async fn close(self) {
        self.state.stopping.cancel();
        self.state.engine.close().await;
    }
}

/// Runs `work` over an open data directory.
pub(crate) fn with_session<T, F: Future<Output = Result<T, Failure>>>(
    config: Config,
    work: impl FnOnce(Arc<Session>) -> F,
) -> Result<T, Failure> {
    block_on(async {
        let session = Arc::new(Session::open(config).await?);
        let result = work(session.clone()).await;
        if let Some(session) = Arc::into_inner(session) {
            session.close().await;
        }
        result
    })
}

/// Runs `work` on a runtime of its own.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime
        .map_err(|error| Failure::Internal(error.into()))?
        .block_on(work)
}

/// Bad input is the person's, everything else ours.
pub(crate) fn failed(error: ApiError) -> Failure {
    if error.is_bad_input() {
        Failure::BadInput(anyhow::anyhow!(error.english()))
    } else {
        Failure::Internal(error.into())
    }
}

/// The bytes of a file that the person named.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    Ok(std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?)
}

/// The text of a file that the person named.
pub(crate) fn read_text(path: &Path) -> Result<String, Failure> {
    Ok(String::from_utf8(read(path)?).with_context(|| format!("{} is not UTF-8", path.display()))?)
}
