//! Workers of the job queue: what was acknowledged is done, across restarts.

use std::sync::Arc;
use std::time::Duration;

use shifu_store::{Job, JobKind, StoreError};
use tokio_util::sync::CancellationToken;

use crate::engine::Engine;
use crate::error::ApiError;
use crate::state::AppState;

/// How long a claim holds without its worker finishing; work of a crashed process is taken over then, or at the next start.
const LEASE_MS: i64 = 30 * 60 * 1000;
/// Each kind has one worker.
const THE_ONE: usize = 0;
/// Attempts before a job that fails through our fault is given up.
const MOST_ATTEMPTS: u32 = 5;
/// Looks for work that another process queued (`shifu knowledge add` on the same data directory) so often.
const POLL: Duration = Duration::from_secs(2);

/// After work on the index that failed.
const TRY_AGAIN: Duration = Duration::from_secs(60);
/// How often what was kept long enough is removed.
const SWEEP: Duration = Duration::from_secs(60 * 60);
/// Bytes without a record for so long belong to nothing that is still under way.
const ABANDONED_MS: i64 = 60 * 60 * 1000;

/// Puts back what an earlier process left, then starts one worker a kind.
pub(crate) async fn start(state: &AppState) -> Result<(), ApiError> {
    let store = state.engine.store();
    let jobs = store.requeue_jobs_of_others().await?;
    let calls = store.forget_interrupted_calls().await?;
    if jobs + calls > 0 {
        tracing::info!(jobs, calls, "took over what an earlier process left unfinished");
    }
    state.engine.prepare_library();
    for kind in [JobKind::ParseDocument, JobKind::Inspect] {
        tokio::spawn(work(state.engine.clone(), kind, state.stopping.clone()));
    }
    Ok(())
}

/// Removes what was kept long enough, at the start and every [`SWEEP`]; and, once, bytes that a crash left without an owner. A server's
/// work, not a command's.
pub(crate) async fn retain(engine: Arc<Engine>, stopping: CancellationToken) {
    let now_ms = jiff::Timestamp::now().as_millisecond();
    match engine.store().tidy_objects(now_ms - ABANDONED_MS).await {
        Ok(0) => {}
        Ok(removed) => tracing::info!(removed, "removed files that nobody owns"),
        Err(error) => tracing::error!(%error, "files that nobody owns cannot be removed"),
    }
    while !stopping.is_cancelled() {
        let now_ms = jiff::Timestamp::now().as_millisecond();
        // Not cut off by a stop: photos leave the disk after the records that named them.
        match engine.sweep(now_ms).await {
            Err(error) if !stopping.is_cancelled() => {
                tracing::error!(%error, "what was kept long enough cannot be removed; it is tried again");
            }
            _ => {}
        }
        tokio::select! {
            () = tokio::time::sleep(SWEEP) => {}
            () = stopping.cancelled() => {}
        }
    }
}

/// Builds the index again where the one in use is of another version. A server's work, not a command's.
pub(crate) async fn rebuild(engine: Arc<Engine>, stopping: CancellationToken) {
    while let Err(error) = engine.rebuild_library(&stopping).await {
        if stopping.is_cancelled() {
            return;
        }
        tracing::warn!(%error, "the index could not be built again; the old one answers, and it is tried again");
        tokio::select! {
            () = tokio::time::sleep(TRY_AGAIN) => {}
            () = stopping.cancelled() => return,
        }
    }
}

/// Keeps the vectors of the installed sentence encoder up with the documents. A server's work, and that of the command that adds them.
pub(crate) async fn encode(engine: Arc<Engine>, stopping: CancellationToken) {
    while !stopping.is_cancelled() {
        let running = stopping.clone();
        let pause = match engine.encode_library(move || !running.is_cancelled()).await {
            Ok(0) => None,
            Ok(documents) => {
                tracing::info!(documents, "documents can be found by the sentence encoder");
                None
            }
            Err(error) => {
                tracing::warn!(%error, "documents could not be encoded; they are found by their words, and it is tried again");
                Some(TRY_AGAIN)
            }
        };
        let arrival = async {
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => engine.passages_arrived().await,
            }
        };
        tokio::select! {
            () = arrival => {}
            () = stopping.cancelled() => {}
        }
    }
}

async fn work(engine: Arc<Engine>, kind: JobKind, stopping: CancellationToken) {
    while !stopping.is_cancelled() {
        match engine.store().claim_job(kind, THE_ONE, LEASE_MS).await {
            Ok(Some(job)) => run(&engine, &job).await,
            Ok(None) => wait(&engine, kind, &stopping).await,
            Err(error) => {
                tracing::error!(%error, kind = kind.as_str(), "cannot claim a job");
                tokio::time::sleep(POLL).await;
            }
        }
    }
}

async fn wait(engine: &Engine, kind: JobKind, stopping: &CancellationToken) {
    tokio::select! {
        () = engine.job_arrived(kind) => {}
        () = tokio::time::sleep(POLL) => {}
        () = stopping.cancelled() => {}
    }
}

/// Runs a claimed job to its end: done, failed for good, or put back.
pub(crate) async fn run(engine: &Engine, job: &Job) {
    let outcome = match job.kind {
        JobKind::ParseDocument => engine.parse_document(&job.subject).await,
        JobKind::Inspect => engine.run_inspection(&job.subject).await.map(|_| ()),
    };
    metrics::counter!("shifu_jobs_total", "kind" => job.kind.as_str(), "ok" => outcome.is_ok().to_string())
        .increment(1);
    match &outcome {
        Ok(()) => {}
        Err(error) if gives_up(job, error) => {
            tracing::warn!(
                job = job.job_id,
                kind = job.kind.as_str(),
                code = error.code(),
                "job failed"
            );
        }
        Err(error) => {
            tracing::warn!(job = job.job_id, kind = job.kind.as_str(), %error, attempt = job.attempts, "job will be tried again");
        }
    }
    // The claim is ours until its end is recorded: while the database is away, that waits. A process that dies meanwhile leaves a
    // claim that the next start takes over.
    while let Err(error) = record(engine, job, &outcome).await {
        tracing::error!(%error, job = job.job_id, "cannot record what became of a job");
        if !error.is_unavailable() {
            return;
        }
        tokio::time::sleep(POLL).await;
    }
}

fn gives_up(job: &Job, error: &ApiError) -> bool {
    error.is_bad_input() || job.attempts >= MOST_ATTEMPTS
}

async fn record(engine: &Engine, job: &Job, outcome: &Result<(), ApiError>) -> Result<(), StoreError> {
    match outcome {
        Ok(()) => engine.store().finish_job(&job.job_id).await,
        Err(error) if gives_up(job, error) => give_up(engine, job, error).await,
        Err(error) => {
            let delay_ms = 1000 << job.attempts.min(6);
            engine
                .store()
                .retry_job(&job.job_id, delay_ms, &error.to_string())
                .await
        }
    }
}

async fn give_up(engine: &Engine, job: &Job, error: &ApiError) -> Result<(), StoreError> {
    let store = engine.store();
    let reason = if error.is_bad_input() {
        error.english()
    } else {
        error.to_string()
    };
    match job.kind {
        JobKind::ParseDocument => {
            let id = shifu_domain::DocumentId(job.subject.clone());
            match store
                .set_document_status(&id, shifu_store::DocumentStatus::Failed, Some(&reason))
                .await
            {
                Ok(()) | Err(StoreError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        JobKind::Inspect => store.fail_inspection(&job.subject, &reason).await?,
    }
    store.finish_job(&job.job_id).await
}
