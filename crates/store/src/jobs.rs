//! The job queue: work that was acknowledged and must be done, across restarts.
//!
//! A worker claims the next job for a lease; a worker that dies loses its claim when the lease ends, or at once when the server
//! starts again on an embedded store. A worker that asks for its next job holds none: a claim of its own that it finds was made when the
//! database went away before it could say so, and is made again.

use sqlx::Row as _;

use crate::{Result, Row, Store, StoreError, Transaction, new_id, now_ms};

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobKind {
    /// Parse and index a document; the subject is its identifier.
    ParseDocument,
    /// Inspect a submission; the subject is its identifier.
    Inspect,
}

impl JobKind {
    /// Its name in the table and in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ParseDocument => "parse_document",
            Self::Inspect => "inspect",
        }
    }

    fn parse(text: &str) -> Result<Self> {
        let known = [Self::ParseDocument, Self::Inspect]
            .into_iter()
            .find(|kind| kind.as_str() == text);
        known.ok_or_else(|| StoreError::corrupt("job kind", text))
    }
}

/// A claimed job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its identifier.
    pub job_id: String,
    /// What is to be done.
    pub kind: JobKind,
    /// To what.
    pub subject: String,
    /// How often it was claimed, this time included.
    pub attempts: u32,
}

impl Store {
    /// Claims the next job of `kind` for `lease_ms`. `worker` is a number within this process and a kind; a worker asks when it holds no
    /// job.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn claim_job(&self, kind: JobKind, worker: usize, lease_ms: i64) -> Result<Option<Job>> {
        let now = now_ms();
        let mut transaction = self.begin_write().await?;
        let row = sqlx::query(
            "UPDATE jobs SET state = 'running', attempts = attempts + 1, claimed_by = $3, lease_until = $4 WHERE job_id = \
             (SELECT job_id FROM jobs WHERE kind = $1 AND ((state = 'queued' AND not_before <= $2) OR (state = 'running' AND (lease_until < $2 OR claimed_by = $3))) \
             ORDER BY priority, job_id LIMIT 1) AND (state = 'queued' OR lease_until < $2 OR claimed_by = $3) \
             RETURNING job_id, kind, subject, attempts",
        )
        .bind(kind.as_str())
        .bind(now)
        .bind(format!("{}/{worker}", self.process_id))
        .bind(now + lease_ms)
        .fetch_optional(&mut *transaction)
        .await?;
        transaction.commit().await?;
        row.as_ref().map(read).transpose()
    }

    /// Removes a job that is done, or will never be.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn finish_job(&self, job_id: &str) -> Result<()> {
        sqlx::query("DELETE FROM jobs WHERE job_id = $1")
            .bind(job_id)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Puts a job back, to be claimed after `delay_ms`.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn retry_job(&self, job_id: &str, delay_ms: i64, error: &str) -> Result<()> {
        sqlx::query("UPDATE jobs SET state = 'queued', claimed_by = NULL, lease_until = 0, not_before = $2, error = $3 WHERE job_id = $1")
            .bind(job_id)
            .bind(now_ms() + delay_ms)
            .bind(error)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Puts back jobs that are claimed by anybody else (`start` of the one server of an embedded store) so that they run now.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn requeue_jobs_of_others(&self) -> Result<u64> {
        let changed = sqlx::query("UPDATE jobs SET state = 'queued', claimed_by = NULL, lease_until = 0 WHERE state = 'running' AND claimed_by NOT LIKE $1")
            .bind(format!("{}%", self.process_id))
            .execute(&self.pool)
            .await?;
        Ok(changed.rows_affected())
    }

    /// Puts back what this process has claimed: it is stopping.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn requeue_own_jobs(&self) -> Result<u64> {
        let changed = sqlx::query("UPDATE jobs SET state = 'queued', claimed_by = NULL, lease_until = 0 WHERE state = 'running' AND claimed_by LIKE $1")
            .bind(format!("{}%", self.process_id))
            .execute(&self.pool)
            .await?;
        Ok(changed.rows_affected())
    }

    /// Jobs waiting or running, by kind.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn pending_jobs(&self, kind: JobKind) -> Result<u64> {
        let row = sqlx::query("SELECT COUNT(*) FROM jobs WHERE kind = $1")
            .bind(kind.as_str())
            .fetch_one(&self.pool)
            .await?;
        Ok(row.try_get::<i64, _>(0)? as u64)
    }
}

/// Adds a job within a transaction.
pub(crate) async fn enqueue(transaction: &mut Transaction, kind: JobKind, subject: &str) -> Result<Job> {
    let job_id = new_id();
    sqlx::query(
        "INSERT INTO jobs (job_id, kind, subject, priority, state, attempts, lease_until, not_before, created_at) \
         VALUES ($1, $2, $3, 0, 'queued', 0, 0, 0, $4)",
    )
    .bind(&job_id)
    .bind(kind.as_str())
    .bind(subject)
    .bind(now_ms())
    .execute(&mut **transaction)
    .await?;
    Ok(Job {
        job_id,
        kind,
        subject: subject.to_owned(),
        attempts: 0,
    })
}

/// Claims a job just added, for the process that will do it itself; no worker of it.
pub(crate) async fn claim_own(
    transaction: &mut Transaction,
    job: &mut Job,
    process_id: &str,
    lease_ms: i64,
) -> Result<()> {
    job.attempts = 1;
    sqlx::query("UPDATE jobs SET state = 'running', attempts = 1, claimed_by = $2, lease_until = $3 WHERE job_id = $1")
        .bind(&job.job_id)
        .bind(process_id)
        .bind(now_ms() + lease_ms)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

fn read(row: &Row) -> Result<Job> {
    Ok(Job {
        job_id: row.try_get("job_id")?,
        kind: JobKind::parse(row.try_get("kind")?)?,
        subject: row.try_get("subject")?,
        attempts: row.try_get::<i64, _>("attempts")? as u32,
    })
}
