//! Calls made under an `Idempotency-Key`: run once, replayed for 24 hours.

use sqlx::Row as _;

use crate::{Result, Store, StoreError, from_json, now_ms, to_json};

/// How long a reply is replayed.
pub(crate) const KEPT_MS: i64 = 24 * 60 * 60 * 1000;

/// What makes two calls the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallIdentity {
    /// Who calls.
    pub key_id: String,
    /// Method and path.
    pub route: String,
    /// The caller's `Idempotency-Key`.
    pub idempotency_key: String,
}

/// A reply to give again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredReply {
    /// HTTP status.
    pub status: u16,
    /// Headers worth repeating.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// What a call under an idempotency key turns out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// The first: do the work, then [`Store::finish_call`] or [`Store::abandon_call`].
    New,
    /// Done before: give this reply.
    Done(StoredReply),
    /// The same call is still running.
    Running,
    /// The key was used with another body.
    OtherBody,
}

impl Store {
    /// Registers a call.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn begin_call(&self, identity: &CallIdentity, body_sha256: &str) -> Result<Call> {
        let mut transaction = self.begin_write().await?;
        sqlx::query("DELETE FROM idempotent_calls WHERE created_at < $1")
            .bind(now_ms() - KEPT_MS)
            .execute(&mut *transaction)
            .await?;
        let added = sqlx::query(
            "INSERT INTO idempotent_calls (key_id, route, idempotency_key, body_sha256, state, owner, created_at) \
             VALUES ($1, $2, $3, $4, 'running', $5, $6) ON CONFLICT (key_id, route, idempotency_key) DO NOTHING",
        )
        .bind(&identity.key_id)
        .bind(&identity.route)
        .bind(&identity.idempotency_key)
        .bind(body_sha256)
        .bind(self.process_id.as_ref())
        .bind(now_ms())
        .execute(&mut *transaction)
        .await?;
        if added.rows_affected() == 1 {
            transaction.commit().await?;
            return Ok(Call::New);
        }
        let row = sqlx::query(
            "SELECT body_sha256, state, status, headers, reply FROM idempotent_calls \
             WHERE key_id = $1 AND route = $2 AND idempotency_key = $3",
        )
        .bind(&identity.key_id)
        .bind(&identity.route)
        .bind(&identity.idempotency_key)
        .fetch_one(&mut *transaction)
        .await?;
        transaction.commit().await?;
        if row.try_get::<String, _>("body_sha256")? != body_sha256 {
            return Ok(Call::OtherBody);
        }
        if row.try_get::<String, _>("state")? == "running" {
            return Ok(Call::Running);
        }
        let status = row.try_get::<i64, _>("status")?;
        Ok(Call::Done(StoredReply {
            status: u16::try_from(status).map_err(|error| StoreError::corrupt("stored reply", error))?,
            headers: from_json("stored headers", row.try_get("headers")?)?,
            body: row.try_get("reply")?,
        }))
    }

    /// Keeps the reply of a call.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn finish_call(&self, identity: &CallIdentity, reply: &StoredReply) -> Result<()> {
        sqlx::query(
            "UPDATE idempotent_calls SET state = 'done', status = $4, headers = $5, reply = $6 \
             WHERE key_id = $1 AND route = $2 AND idempotency_key = $3",
        )
        .bind(&identity.key_id)
        .bind(&identity.route)
        .bind(&identity.idempotency_key)
        .bind(i64::from(reply.status))
        .bind(to_json("stored headers", &reply.headers)?)
        .bind(&reply.body)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Forgets a call that did nothing, so that it may be made again.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn abandon_call(&self, identity: &CallIdentity) -> Result<()> {
        sqlx::query("DELETE FROM idempotent_calls WHERE key_id = $1 AND route = $2 AND idempotency_key = $3 AND state = 'running'")
            .bind(&identity.key_id)
            .bind(&identity.route)
            .bind(&identity.idempotency_key)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Forgets calls that an earlier process left running when it died; nobody will finish them. For a store with one server.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn forget_interrupted_calls(&self) -> Result<u64> {
        let gone = sqlx::query("DELETE FROM idempotent_calls WHERE state = 'running' AND owner <> $1")
            .bind(self.process_id.as_ref())
            .execute(&self.pool)
            .await?;
        Ok(gone.rows_affected())
    }
}
