//! Alerts: photos that a person must look at, worst first, and what the person said.

use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::Row as _;

use crate::outbox::{self, EventKind, NewEvent, publish};
use crate::page::{Page, PageRequest};
use crate::{Result, Row, Store, StoreError, Transaction, new_id, now_ms};

/// Where an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// Nobody has looked yet.
    Open,
    /// A reviewer saw the defect too.
    Confirmed,
    /// A reviewer saw nothing wrong.
    Dismissed,
    /// Replaced by a later attempt, or past its time.
    Expired,
}

impl AlertState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Confirmed => "confirmed",
            Self::Dismissed => "dismissed",
            Self::Expired => "expired",
        }
    }

    fn parse(text: &str) -> Result<Self> {
        let all = [Self::Open, Self::Confirmed, Self::Dismissed, Self::Expired];
        let known = all.into_iter().find(|state| state.as_str() == text);
        known.ok_or_else(|| StoreError::corrupt("alert state", text))
    }
}

/// An alert to raise.
#[derive(Debug, Clone, PartialEq)]
pub struct NewAlert {
    /// Position of the photo, from 0; absent for a missing shot.
    pub photo: Option<u32>,
    /// The checkpoint, where known.
    pub checkpoint: Option<String>,
    /// The finding's kind.
    pub kind: String,
    /// The finding's severity.
    pub severity: String,
    /// Chance that it is a defect, 0..=1.
    pub probability: f64,
    /// Conformal p-value, where calibrated.
    pub p_value: Option<f64>,
    /// Expected harm: the order of the list.
    pub harm: f64,
    /// When it should have been looked at, milliseconds since 1970.
    pub due_at: i64,
}

/// A stored alert.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertRecord {
    /// Its identifier; a later alert has a greater one.
    pub alert_id: String,
    /// The inspection.
    pub inspection_id: String,
    /// The ticket.
    pub ticket_id: String,
    /// Who installed.
    pub service_provider: Option<String>,
    /// What was raised.
    pub alert: NewAlert,
    /// Where it stands.
    pub state: AlertState,
    /// What the reviewer wrote.
    pub note: Option<String>,
    /// Milliseconds since 1970.
    pub created_at: i64,
}

/// Which alerts are wanted.
#[derive(Debug, Clone, Default)]
pub struct AlertFilter {
    /// Only those of these service providers; empty: all.
    pub service_providers: Vec<String>,
}

const COLUMNS: &str = "alert_id, inspection_id, ticket_id, service_provider, photo, checkpoint, kind, severity, probability, p_value, harm, state, note, created_at, due_at";

impl Store {
    /// Alerts by expected harm, worst first; equal harm by age, oldest first. `request.status` is the state.
    ///
    /// # Errors
    /// `BadCursor` when the cursor's alert is gone or was never there.
    pub async fn alerts(&self, request: &PageRequest, filter: &AlertFilter) -> Result<Page<AlertRecord>> {
        let after = request.after()?;
        let last_harm = if after.is_empty() {
            0.0
        } else {
            self.harm_of(after).await?
        };
        let condition = crate::page_condition("service_provider", &filter.service_providers, 8, false);
        let sql = format!(
            "SELECT {COLUMNS} FROM alerts WHERE ($1 = '' OR harm < $2 OR (harm = $2 AND alert_id > $1)) AND created_at >= $3 \
             AND created_at < $4 AND ($5 = '' OR state = $5) AND ($6 = '' OR ticket_id = $6){condition} \
             ORDER BY harm DESC, alert_id LIMIT $7"
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(after.to_owned())
            .bind(last_harm)
            .bind(request.from())
            .bind(request.to())
            .bind(request.status.clone().unwrap_or_default())
            .bind(request.ticket_id.clone().unwrap_or_default())
            .bind(request.fetch());
        for provider in &filter.service_providers {
            query = query.bind(provider.clone());
        }
        let rows = query.fetch_all(&self.pool).await?;
        let items = rows.iter().map(read).collect::<Result<Vec<_>>>()?;
        Ok(request.page(items, |alert| alert.alert_id.clone()))
    }

    async fn harm_of(&self, alert_id: &str) -> Result<f64> {
        let row = sqlx::query("SELECT harm FROM alerts WHERE alert_id = $1")
            .bind(alert_id)
            .fetch_optional(&self.pool)
            .await?;
        let row = row.ok_or_else(|| StoreError::BadCursor(alert_id.to_owned()))?;
        Ok(row.try_get(0)?)
    }

    /// Alerts raised after `alert_id` (empty: from the first), oldest first, at most `most`.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn alerts_after(
        &self,
        alert_id: &str,
        filter: &AlertFilter,
        most: u32,
    ) -> Result<Vec<AlertRecord>> {
        let condition = crate::page_condition("service_provider", &filter.service_providers, 3, false);
        let sql =
            format!("SELECT {COLUMNS} FROM alerts WHERE alert_id > $1{condition} ORDER BY alert_id LIMIT $2");
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(alert_id)
            .bind(i64::from(most));
        for provider in &filter.service_providers {
            query = query.bind(provider.clone());
        }
        query.fetch_all(&self.pool).await?.iter().map(read).collect()
    }

    /// The identifier of the latest alert; empty when there is none.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn latest_alert_id(&self) -> Result<String> {
        let row = sqlx::query("SELECT alert_id FROM alerts ORDER BY alert_id DESC LIMIT 1")
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?.unwrap_or_default())
    }

    /// One alert.
    ///
    /// # Errors
    /// `NotFound` when there is no such alert.
    pub async fn alert(&self, alert_id: &str) -> Result<AlertRecord> {
        let sql = format!("SELECT {COLUMNS} FROM alerts WHERE alert_id = $1");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(alert_id)
            .fetch_optional(&self.pool)
            .await?;
        read(&row.ok_or_else(|| StoreError::not_found("alert", alert_id))?)
    }

    /// Records what a reviewer saw. A decision may be changed; an expired alert may not be decided.
    ///
    /// # Errors
    /// `NotFound` when there is no such alert, `Conflict` when it has expired.
    pub async fn decide_alert(
        &self,
        alert_id: &str,
        state: AlertState,
        note: Option<&str>,
        key_id: &str,
    ) -> Result<AlertRecord> {
        let mut transaction = self.begin_write().await?;
        let sql = format!(
            "UPDATE alerts SET state = $2, note = $3, decided_by = $4, decided_at = $5 WHERE alert_id = $1 AND state <> 'expired' \
             RETURNING {COLUMNS}"
        );
        let decided = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(alert_id)
            .bind(state.as_str())
            .bind(note.map(str::to_owned))
            .bind(key_id)
            .bind(now_ms())
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(row) = decided else {
            transaction.rollback().await?;
            self.alert(alert_id).await?;
            return Err(StoreError::Conflict {
                what: format!("alert {alert_id:?}, expired,"),
            });
        };
        let alert = read(&row)?;
        publish(&mut transaction, &[event(EventKind::AlertDecided, &alert)]).await?;
        transaction.commit().await?;
        Ok(alert)
    }
}

/// Raises the alerts of an inspection; open ones of earlier attempts of the ticket expire.
pub(crate) async fn replace(
    transaction: &mut Transaction,
    inspection_id: &str,
    ticket_id: &str,
    service_provider: Option<&str>,
    alerts: &[NewAlert],
) -> Result<Vec<String>> {
    sqlx::query("DELETE FROM alerts WHERE inspection_id = $1 AND state = 'open'")
        .bind(inspection_id)
        .execute(&mut **transaction)
        .await?;
    sqlx::query(
        "UPDATE alerts SET state = 'expired' WHERE ticket_id = $1 AND state = 'open' AND inspection_id < $2",
    )
    .bind(ticket_id)
    .bind(inspection_id)
    .execute(&mut **transaction)
    .await?;
    let mut ids = Vec::with_capacity(alerts.len());
    let mut events = Vec::with_capacity(alerts.len());
    for alert in alerts {
        let alert_id = new_id();
        let sql = format!(
            "INSERT INTO alerts (alert_id, inspection_id, ticket_id, service_provider, photo, checkpoint, kind, severity, \
             probability, p_value, harm, state, created_at, due_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'open', $12, $13) RETURNING {COLUMNS}"
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(&alert_id)
            .bind(inspection_id)
            .bind(ticket_id)
            .bind(service_provider.map(str::to_owned))
            .bind(alert.photo.map(i64::from))
            .bind(alert.checkpoint.clone())
            .bind(&alert.kind)
            .bind(&alert.severity)
            .bind(alert.probability)
            .bind(alert.p_value)
            .bind(alert.harm)
            .bind(now_ms())
            .bind(alert.due_at)
            .fetch_one(&mut **transaction)
            .await?;
        events.push(event(EventKind::AlertRaised, &read(&row)?));
        ids.push(alert_id);
    }
    publish(transaction, &events).await?;
    Ok(ids)
}

/// The alert as the list of alerts shows it, with times in UTC.
fn event(kind: EventKind, record: &AlertRecord) -> NewEvent {
    let alert = &record.alert;
    NewEvent {
        kind,
        subject: outbox::ticket(&record.ticket_id),
        data: json!({
            "alert_id": record.alert_id,
            "inspection_id": record.inspection_id,
            "ticket_id": record.ticket_id,
            "service_provider_id": record.service_provider,
            "photo": alert.photo,
            "checkpoint": alert.checkpoint,
            "kind": alert.kind,
            "severity": alert.severity,
            "probability": alert.probability,
            "p_value": alert.p_value,
            "state": record.state.as_str(),
            "note": record.note,
            "created_at": outbox::rfc3339(record.created_at),
            "due_at": outbox::rfc3339(alert.due_at),
        }),
    }
}

fn read(row: &Row) -> Result<AlertRecord> {
    Ok(AlertRecord {
        alert_id: row.try_get("alert_id")?,
        inspection_id: row.try_get("inspection_id")?,
        ticket_id: row.try_get("ticket_id")?,
        service_provider: row.try_get("service_provider")?,
        alert: NewAlert {
            photo: row
                .try_get::<Option<i64>, _>("photo")?
                .map(|position| position as u32),
            checkpoint: row.try_get("checkpoint")?,
            kind: row.try_get("kind")?,
            severity: row.try_get("severity")?,
            probability: row.try_get("probability")?,
            p_value: row.try_get("p_value")?,
            harm: row.try_get("harm")?,
            due_at: row.try_get("due_at")?,
        },
        state: AlertState::parse(row.try_get("state")?)?,
        note: row.try_get("note")?,
        created_at: row.try_get("created_at")?,
    })
}
