//! The outbox: what happened, written in the transaction that made it happen, and queued for every webhook that wants it.
//!
//! Because an event and its deliveries are rows of the change's own transaction, there is no moment at which the change is kept
//! and the event is not. While no webhook wants an event, none is written.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::Row as _;

use crate::{Result, StoreError, Transaction, from_json, new_id, now_ms, to_json};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EventKind {
    /// An inspection has its verdict.
    #[serde(rename = "inspection.done")]
    InspectionDone,
    /// An inspection gave no verdict.
    #[serde(rename = "inspection.failed")]
    InspectionFailed,
    /// A photo must be looked at.
    #[serde(rename = "alert.raised")]
    AlertRaised,
    /// A reviewer confirmed or dismissed an alert.
    #[serde(rename = "alert.decided")]
    AlertDecided,
    /// A document is searchable.
    #[serde(rename = "document.indexed")]
    DocumentIndexed,
    /// A document could not be parsed.
    #[serde(rename = "document.failed")]
    DocumentFailed,
    /// A repair was reported, or reported again.
    #[serde(rename = "repair.reported")]
    RepairReported,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::InspectionDone,
        Self::InspectionFailed,
        Self::AlertRaised,
        Self::AlertDecided,
        Self::DocumentIndexed,
        Self::DocumentFailed,
        Self::RepairReported,
    ];

    /// Its name in JSON and in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InspectionDone => "inspection.done",
            Self::InspectionFailed => "inspection.failed",
            Self::AlertRaised => "alert.raised",
            Self::AlertDecided => "alert.decided",
            Self::DocumentIndexed => "document.indexed",
            Self::DocumentFailed => "document.failed",
            Self::RepairReported => "repair.reported",
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self> {
        let known = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        known.ok_or_else(|| StoreError::corrupt("event kind", text))
    }
}

/// An event to tell of.
#[derive(Debug, Clone)]
pub(crate) struct NewEvent {
    pub(crate) kind: EventKind,
    /// Whose event it is: [`ticket`] or [`document`]. Removing it removes its events.
    pub(crate) subject: String,
    pub(crate) data: Value,
}

/// The subject of a ticket's events.
pub(crate) fn ticket(ticket_id: &str) -> String {
    format!("ticket:{ticket_id}")
}

/// The subject of a document's events.
pub(crate) fn document(document_id: &str) -> String {
    format!("document:{document_id}")
}

/// Milliseconds since 1970 as RFC 3339, UTC.
pub(crate) fn rfc3339(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms)
        .unwrap_or_default()
        .to_string()
}

/// A webhook's identifier and the kinds it wants; none: all.
struct Subscriber {
    webhook_id: String,
    kinds: Vec<EventKind>,
}

impl Subscriber {
    fn wants(&self, kind: EventKind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }
}

/// Writes events and their deliveries within the transaction of the change they tell of.
pub(crate) async fn publish(transaction: &mut Transaction, events: &[NewEvent]) -> Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    let subscribers = subscribers(transaction).await?;
    for event in events {
        let wanting: Vec<&Subscriber> = subscribers
            .iter()
            .filter(|subscriber| subscriber.wants(event.kind))
            .collect();
        if wanting.is_empty() {
            continue;
        }
        let event_id = insert(transaction, event).await?;
        for subscriber in wanting {
            queue(transaction, &subscriber.webhook_id, &event_id).await?;
        }
    }
    Ok(())
}

/// Removes every event of a subject, with its deliveries.
pub(crate) async fn forget(transaction: &mut Transaction, subject: &str) -> Result<()> {
    sqlx::query("DELETE FROM outbox WHERE subject = $1")
        .bind(subject)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

async fn subscribers(transaction: &mut Transaction) -> Result<Vec<Subscriber>> {
    let rows = sqlx::query("SELECT webhook_id, events FROM webhooks ORDER BY webhook_id")
        .fetch_all(&mut **transaction)
        .await?;
    let mut subscribers = Vec::with_capacity(rows.len());
    for row in rows {
        subscribers.push(Subscriber {
            webhook_id: row.try_get("webhook_id")?,
            kinds: from_json("webhook events", row.try_get("events")?)?,
        });
    }
    Ok(subscribers)
}

/// The body is written once, so that every attempt sends the same bytes.
async fn insert(transaction: &mut Transaction, event: &NewEvent) -> Result<String> {
    let (event_id, now) = (new_id(), now_ms());
    let body = json!({
        "event_id": event_id,
        "type": event.kind.as_str(),
        "created_at": rfc3339(now),
        "data": event.data,
    });
    sqlx::query("INSERT INTO outbox (event_id, kind, subject, body, created_at) VALUES ($1, $2, $3, $4, $5)")
        .bind(&event_id)
        .bind(event.kind.as_str())
        .bind(&event.subject)
        .bind(to_json("event", &body)?)
        .bind(now)
        .execute(&mut **transaction)
        .await?;
    Ok(event_id)
}

async fn queue(transaction: &mut Transaction, webhook_id: &str, event_id: &str) -> Result<()> {
    sqlx::query(
        "INSERT INTO deliveries (delivery_id, webhook_id, event_id, status, attempts, next_attempt_at, queued_at, created_at) \
         VALUES ($1, $2, $3, 'pending', 0, $4, $4, $4)",
    )
    .bind(new_id())
    .bind(webhook_id)
    .bind(event_id)
    .bind(now_ms())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
