//! Webhooks, and the deliveries that are owed to them.
//!
//! A delivery is claimed for a lease: claiming moves its next attempt to the lease's end, so an attempt whose end was never
//! recorded (the process died between sending and recording) is only sent again. What is recorded counts only while the claim
//! holds: a delivery that was queued again meanwhile stays queued.

use serde::{Deserialize, Serialize};
use sqlx::Row as _;

use crate::outbox::{self, EventKind};
use crate::page::{Page, PageRequest};
use crate::{Result, Row, Store, StoreError, from_json, new_id, now_ms, to_json};

/// Most characters kept of what went wrong.
const ERROR_CHARS: usize = 300;

/// A webhook to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWebhook {
    /// Where events are sent.
    pub url: String,
    /// Which events; none: all.
    pub events: Vec<EventKind>,
    /// Who made it.
    pub key_id: String,
}

/// A webhook just made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedWebhook {
    /// What is kept of it.
    pub webhook: WebhookRecord,
    /// What signs its events: `whsec_` and 256 random bits. It is kept as it is, since signing needs it, but never shown again.
    pub secret: String,
}

/// A stored webhook, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookRecord {
    /// Its identifier.
    pub webhook_id: String,
    /// Where events are sent.
    pub url: String,
    /// Which events; none: all.
    pub events: Vec<EventKind>,
    /// Milliseconds since 1970.
    pub created_at: i64,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// Waiting for its next attempt, or being sent.
    Pending,
    /// The receiver answered 2xx.
    Delivered,
    /// Tried in vain for as long as it may be.
    Failed,
}

impl DeliveryStatus {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Failed];

    /// Its name in JSON and in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    fn parse(text: &str) -> Result<Self> {
        let known = Self::ALL.into_iter().find(|status| status.as_str() == text);
        known.ok_or_else(|| StoreError::corrupt("delivery status", text))
    }
}

/// A stored delivery: one event for one webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRecord {
    /// Its identifier.
    pub delivery_id: String,
    /// The event; the same in every delivery of it.
    pub event_id: String,
    /// What happened.
    pub kind: EventKind,
    /// Where it stands.
    pub status: DeliveryStatus,
    /// Attempts since it was queued or queued again.
    pub attempts: u32,
    /// When it is tried next, milliseconds since 1970; absent unless pending.
    pub next_attempt_at: Option<i64>,
    /// The last HTTP status of the receiver.
    pub response_status: Option<u16>,
    /// What went wrong last; absent once delivered.
    pub error: Option<String>,
    /// Milliseconds the last attempt took.
    pub took_ms: Option<u64>,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// Milliseconds since 1970.
    pub delivered_at: Option<i64>,
}

/// A claimed delivery with what sending needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its identifier.
    pub delivery_id: String,
    /// The webhook.
    pub webhook_id: String,
    /// The event.
    pub event_id: String,
    /// Where to.
    pub url: String,
    /// What signs it.
    pub secret: String,
    /// JSON, the same bytes in every attempt.
    pub body: String,
    /// Which attempt this is, from 1.
    pub attempts: u32,
}

/// How an attempt ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attempt {
    /// The receiver's HTTP status, where it answered.
    pub response_status: Option<u16>,
    /// Why it does not count; `None`: delivered.
    pub error: Option<String>,
    /// Milliseconds it took.
    pub took_ms: u64,
}

/// When an attempt that failed is followed by another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Milliseconds until the next attempt.
    pub after_ms: i64,
    /// No attempt begins later than this many milliseconds after the delivery was queued.
    pub within_ms: i64,
}

const WEBHOOK_COLUMNS: &str = "webhook_id, url, events, created_at";
const DELIVERY_COLUMNS: &str = "d.delivery_id AS delivery_id, d.event_id AS event_id, e.kind AS kind, d.status AS status, \
     d.attempts AS attempts, d.next_attempt_at AS next_attempt_at, d.response_status AS response_status, d.error AS error, \
     d.took_ms AS took_ms, d.created_at AS created_at, d.delivered_at AS delivered_at";

impl Store {
    /// Keeps a webhook, unless there are `most` already. It is owed what happens from now on.
    ///
    /// # Errors
    /// `TooMany` when there are `most` already.
    pub async fn add_webhook(&self, webhook: &NewWebhook, most: u32) -> Result<CreatedWebhook> {
        let (webhook_id, now) = (new_id(), now_ms());
        let secret = format!("whsec_{}", crate::keys::random_hex());
        let mut transaction = self.begin_write().await?;
        let count = sqlx::query("SELECT COUNT(*) FROM webhooks")
            .fetch_one(&mut *transaction)
            .await?;
        if count.try_get::<i64, _>(0)? >= i64::from(most) {
            return Err(StoreError::TooMany {
                what: "webhooks",
                most,
            });
        }
        sqlx::query(
            "INSERT INTO webhooks (webhook_id, url, events, secret, key_id, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(&webhook_id)
        .bind(&webhook.url)
        .bind(to_json("webhook events", &webhook.events)?)
        .bind(&secret)
        .bind(&webhook.key_id)
        .bind(now)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        let webhook = WebhookRecord {
            webhook_id,
            url: webhook.url.clone(),
            events: webhook.events.clone(),
            created_at: now,
        };
        Ok(CreatedWebhook { webhook, secret })
    }

    /// Webhooks, newest first.
    ///
    /// # Errors
    /// `BadCursor` for a cursor of another list.
    pub async fn webhooks(&self, request: &PageRequest) -> Result<Page<WebhookRecord>> {
        let sql = format!(
            "SELECT {WEBHOOK_COLUMNS} FROM webhooks WHERE ($1 = '' OR webhook_id < $1) AND created_at >= $2 AND created_at < $3 \
             ORDER BY webhook_id DESC LIMIT $4"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(request.after()?.to_owned())
            .bind(request.from())
            .bind(request.to())
            .bind(request.fetch())
            .fetch_all(&self.pool)
            .await?;
        let items = rows.iter().map(read_webhook).collect::<Result<Vec<_>>>()?;
        Ok(request.page(items, |webhook| webhook.webhook_id.clone()))
    }

    /// One webhook.
    ///
    /// # Errors
    /// `NotFound` when there is no such webhook.
    pub async fn webhook(&self, webhook_id: &str) -> Result<WebhookRecord> {
        let sql = format!("SELECT {WEBHOOK_COLUMNS} FROM webhooks WHERE webhook_id = $1");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(webhook_id)
            .fetch_optional(&self.pool)
            .await?;
        read_webhook(&row.ok_or_else(|| StoreError::not_found("webhook", webhook_id))?)
    }

    /// Removes a webhook with its deliveries: what it is still owed is not sent.
    ///
    /// # Errors
    /// `NotFound` when there is no such webhook.
    pub async fn remove_webhook(&self, webhook_id: &str) -> Result<()> {
        let mut transaction = self.begin_write().await?;
        let gone = sqlx::query("DELETE FROM webhooks WHERE webhook_id = $1")
            .bind(webhook_id)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        if gone.rows_affected() == 0 {
            return Err(StoreError::not_found("webhook", webhook_id));
        }
        Ok(())
    }

    /// Deliveries of a webhook, newest first. `request.status` is a [`DeliveryStatus`].
    ///
    /// # Errors
    /// `NotFound` when there is no such webhook, `BadCursor` for a cursor of another list.
    pub async fn deliveries(&self, webhook_id: &str, request: &PageRequest) -> Result<Page<DeliveryRecord>> {
        self.webhook(webhook_id).await?;
        let sql = format!(
            "SELECT {DELIVERY_COLUMNS} FROM deliveries d JOIN outbox e ON e.event_id = d.event_id WHERE d.webhook_id = $7 \
             AND ($1 = '' OR d.delivery_id < $1) AND d.created_at >= $2 AND d.created_at < $3 \
             AND ($4 = '' OR d.status = $4) AND ($5 = '' OR e.subject = $5) ORDER BY d.delivery_id DESC LIMIT $6"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(request.after()?.to_owned())
            .bind(request.from())
            .bind(request.to())
            .bind(request.status.clone().unwrap_or_default())
            .bind(
                request
                    .ticket_id
                    .as_deref()
                    .map(outbox::ticket)
                    .unwrap_or_default(),
            )
            .bind(request.fetch())
            .bind(webhook_id)
            .fetch_all(&self.pool)
            .await?;
        let items = rows.iter().map(read_delivery).collect::<Result<Vec<_>>>()?;
        Ok(request.page(items, |delivery| delivery.delivery_id.clone()))
    }

    /// Queues deliveries of a webhook again, as if their events had just happened: the one named, whatever became of it, or all
    /// that failed. Says how many.
    ///
    /// # Errors
    /// `NotFound` when there is no such webhook or delivery of it.
    pub async fn redeliver(&self, webhook_id: &str, delivery_id: Option<&str>) -> Result<u64> {
        self.webhook(webhook_id).await?;
        let mut transaction = self.begin_write().await?;
        let changed = sqlx::query(
            "UPDATE deliveries SET status = 'pending', attempts = 0, claimed_by = NULL, delivered_at = NULL, next_attempt_at = $2, \
             queued_at = $2 WHERE webhook_id = $1 AND (delivery_id = $3 OR ($3 = '' AND status = 'failed'))",
        )
        .bind(webhook_id)
        .bind(now_ms())
        .bind(delivery_id.unwrap_or_default().to_owned())
        .execute(&mut *transaction)
        .await?
        .rows_affected();
        transaction.commit().await?;
        match delivery_id {
            Some(id) if changed == 0 => Err(StoreError::not_found("delivery", id)),
            _ => Ok(changed),
        }
    }

    /// Claims the delivery that has waited longest past its time, for `lease_ms`; none of the webhooks in `busy`.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn claim_delivery(&self, lease_ms: i64, busy: &[String]) -> Result<Option<Delivery>> {
        let now = now_ms();
        if !self.is_delivery_due(now, busy).await? {
            return Ok(None);
        }
        let mut transaction = self.begin_write().await?;
        let sql = format!(
            "UPDATE deliveries SET attempts = attempts + 1, claimed_by = $2, next_attempt_at = $3 WHERE delivery_id = \
             (SELECT delivery_id FROM deliveries WHERE status = 'pending' AND next_attempt_at <= $1{} \
             ORDER BY next_attempt_at, delivery_id LIMIT 1) RETURNING delivery_id, webhook_id, event_id, attempts",
            not_of(busy, 4)
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(now)
            .bind(self.process_id.as_ref())
            .bind(now + lease_ms);
        for webhook_id in busy {
            query = query.bind(webhook_id.clone());
        }
        let Some(claimed) = query.fetch_optional(&mut *transaction).await? else {
            return Ok(None);
        };
        let webhook_id: String = claimed.try_get("webhook_id")?;
        let event_id: String = claimed.try_get("event_id")?;
        let row = sqlx::query(
            "SELECT w.url AS url, w.secret AS secret, e.body AS body FROM webhooks w, outbox e WHERE w.webhook_id = $1 AND e.event_id = $2",
        )
        .bind(&webhook_id)
        .bind(&event_id)
        .fetch_one(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(Some(Delivery {
            delivery_id: claimed.try_get("delivery_id")?,
            webhook_id,
            event_id,
            url: row.try_get("url")?,
            secret: row.try_get("secret")?,
            body: row.try_get("body")?,
            attempts: claimed.try_get::<i64, _>("attempts")? as u32,
        }))
    }

    /// Asked before claiming, so that waiting takes no write lock.
    async fn is_delivery_due(&self, now: i64, busy: &[String]) -> Result<bool> {
        let sql = format!(
            "SELECT delivery_id FROM deliveries WHERE status = 'pending' AND next_attempt_at <= $1{} LIMIT 1",
            not_of(busy, 2)
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(now);
        for webhook_id in busy {
            query = query.bind(webhook_id.clone());
        }
        Ok(query.fetch_optional(&self.pool).await?.is_some())
    }

    /// Records how an attempt ended: delivered, to be tried again as `retry` says, or failed when that would be too late. `None` when
    /// the claim does not hold any more: then nothing is recorded.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn record_attempt(
        &self,
        delivery: &Delivery,
        attempt: &Attempt,
        retry: Retry,
    ) -> Result<Option<DeliveryStatus>> {
        let now = now_ms();
        let delivered = attempt.error.is_none();
        let error = attempt.error.as_ref();
        let row = sqlx::query(
            "UPDATE deliveries SET status = CASE WHEN $4 = 1 THEN 'delivered' WHEN $3 - queued_at > $10 THEN 'failed' ELSE 'pending' END, \
             claimed_by = NULL, next_attempt_at = $3, response_status = $5, error = $6, took_ms = $7, delivered_at = $8 \
             WHERE delivery_id = $1 AND claimed_by = $2 AND attempts = $9 RETURNING status",
        )
        .bind(&delivery.delivery_id)
        .bind(self.process_id.as_ref())
        .bind(now + retry.after_ms)
        .bind(i64::from(delivered))
        .bind(attempt.response_status.map(i64::from))
        .bind(error.map(|error| error.chars().take(ERROR_CHARS).collect::<String>()))
        .bind(attempt.took_ms as i64)
        .bind(delivered.then_some(now))
        .bind(i64::from(delivery.attempts))
        .bind(retry.within_ms)
        .fetch_optional(&self.pool)
        .await?;
        row.map(|row| DeliveryStatus::parse(row.try_get("status")?))
            .transpose()
    }

    /// Makes what an earlier process had claimed due at once: its attempts may or may not have arrived.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn release_deliveries_of_others(&self) -> Result<u64> {
        let changed = sqlx::query(
            "UPDATE deliveries SET claimed_by = NULL, next_attempt_at = $2 WHERE status = 'pending' AND claimed_by <> $1",
        )
        .bind(self.process_id.as_ref())
        .bind(now_ms())
        .execute(&self.pool)
        .await?;
        Ok(changed.rows_affected())
    }

    /// Removes events from before `before_ms` (milliseconds since 1970) that no delivery waits for, with their deliveries. Says how
    /// many events.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn prune_events(&self, before_ms: i64) -> Result<u64> {
        let mut transaction = self.begin_write().await?;
        let gone = sqlx::query(
            "DELETE FROM outbox WHERE created_at < $1 AND NOT EXISTS \
             (SELECT 1 FROM deliveries d WHERE d.event_id = outbox.event_id AND d.status = 'pending')",
        )
        .bind(before_ms)
        .execute(&mut *transaction)
        .await?
        .rows_affected();
        transaction.commit().await?;
        Ok(gone)
    }
}

/// ` AND webhook_id NOT IN ($first, …)`, or nothing.
fn not_of(webhook_ids: &[String], first: usize) -> String {
    if webhook_ids.is_empty() {
        return String::new();
    }
    let places: Vec<String> = (first..first + webhook_ids.len())
        .map(|at| format!("${at}"))
        .collect();
    format!(" AND webhook_id NOT IN ({})", places.join(", "))
}

fn read_webhook(row: &Row) -> Result<WebhookRecord> {
    Ok(WebhookRecord {
        webhook_id: row.try_get("webhook_id")?,
        url: row.try_get("url")?,
        events: from_json("webhook events", row.try_get("events")?)?,
        created_at: row.try_get("created_at")?,
    })
}

fn read_delivery(row: &Row) -> Result<DeliveryRecord> {
    let status = DeliveryStatus::parse(row.try_get("status")?)?;
    let next_attempt_at = row.try_get("next_attempt_at")?;
    Ok(DeliveryRecord {
        delivery_id: row.try_get("delivery_id")?,
        event_id: row.try_get("event_id")?,
        kind: EventKind::parse(row.try_get("kind")?)?,
        status,
        attempts: row.try_get::<i64, _>("attempts")? as u32,
        next_attempt_at: (status == DeliveryStatus::Pending).then_some(next_attempt_at),
        response_status: row
            .try_get::<Option<i64>, _>("response_status")?
            .map(|status| status as u16),
        error: row.try_get("error")?,
        took_ms: row
            .try_get::<Option<i64>, _>("took_ms")?
            .map(|took_ms| took_ms as u64),
        created_at: row.try_get("created_at")?,
        delivered_at: row.try_get("delivered_at")?,
    })
}
