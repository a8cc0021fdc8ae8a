//! What belongs to one ticket besides inspections and repairs (summaries, intakes, predictions), and removing all of a ticket.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::Row as _;

use crate::objects::disown;
use crate::{Result, Row, Store, Transaction, from_json, new_id, now_ms, to_json};

/// A summary, intake or prediction kept for its ticket.
#[derive(Debug, Clone, PartialEq)]
pub struct TicketRecord {
    /// `summary`, `intake` or `prediction`.
    pub kind: String,
    /// The ticket.
    pub ticket_id: String,
    /// What was asked.
    pub request: Value,
    /// What was said.
    pub result: Value,
    /// Who asked.
    pub key_id: String,
}

/// How much was removed with a ticket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovedTicket {
    /// Attempts.
    pub inspections: u64,
    /// Photos of all attempts.
    pub photos: u64,
    /// Alerts.
    pub alerts: u64,
    /// Reported repairs.
    pub repairs: u64,
    /// Summaries, intakes, predictions.
    pub records: u64,
    /// Product lines whose predictions had learnt from the repairs.
    pub product_lines: Vec<String>,
}

impl RemovedTicket {
    /// Whether there was nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Store {
    /// Keeps a record for its ticket.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn add_ticket_record(&self, record: &TicketRecord) -> Result<()> {
        sqlx::query(
            "INSERT INTO ticket_records (record_id, kind, ticket_id, request, result, key_id, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(new_id())
        .bind(&record.kind)
        .bind(&record.ticket_id)
        .bind(to_json("ticket record", &record.request)?)
        .bind(to_json("ticket record", &record.result)?)
        .bind(&record.key_id)
        .bind(now_ms())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The records of a ticket, newest first.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn ticket_records(&self, ticket_id: &str) -> Result<Vec<TicketRecord>> {
        let rows = sqlx::query("SELECT kind, ticket_id, request, result, key_id FROM ticket_records WHERE ticket_id = $1 ORDER BY record_id DESC")
            .bind(ticket_id)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(read).collect()
    }

    /// Service providers of the ticket's inspections, one entry an inspection.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn ticket_providers(&self, ticket_id: &str) -> Result<Vec<Option<String>>> {
        let rows = sqlx::query("SELECT service_provider FROM inspections WHERE ticket_id = $1")
            .bind(ticket_id)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// Removes everything of a ticket: attempts, photos, alerts, repairs, records, waiting jobs, and replies kept for replay.
    ///
    /// # Errors
    /// `Database` or `Objects` when either refuses.
    pub async fn remove_ticket(&self, ticket_id: &str) -> Result<RemovedTicket> {
        let _alone = self.objects_alone().await;
        let mut transaction = self.begin_write().await?;
        let mut removed = RemovedTicket::default();
        let orphans = remove_inspections(&mut transaction, ticket_id, &mut removed).await?;
        let lines = sqlx::query("DELETE FROM repairs WHERE ticket_id = $1 RETURNING product_line")
            .bind(ticket_id)
            .fetch_all(&mut *transaction)
            .await?;
        removed.repairs = lines.len() as u64;
        let lines = lines
            .iter()
            .map(|row| row.try_get(0))
            .collect::<std::result::Result<Vec<String>, _>>()?;
        removed.product_lines = lines;
        removed.product_lines.sort();
        removed.product_lines.dedup();
        let records = sqlx::query("DELETE FROM ticket_records WHERE ticket_id = $1")
            .bind(ticket_id)
            .execute(&mut *transaction)
            .await?;
        removed.records = records.rows_affected();
        sqlx::query("DELETE FROM suggestion_tickets WHERE ticket_id = $1")
            .bind(ticket_id)
            .execute(&mut *transaction)
            .await?;
        crate::outbox::forget(&mut transaction, &crate::outbox::ticket(ticket_id)).await?;
        // A reply kept for replay may quote the ticket. `%` and `_` in the number only make more replies match.
        sqlx::query("DELETE FROM idempotent_calls WHERE state = 'done' AND reply LIKE $1")
            .bind(format!("%{}%", to_json("ticket id", &ticket_id)?))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        self.remove_files(&orphans).await?;
        Ok(removed)
    }
}

async fn remove_inspections(
    transaction: &mut Transaction,
    ticket_id: &str,
    removed: &mut RemovedTicket,
) -> Result<Vec<String>> {
    let rows = sqlx::query("SELECT inspection_id FROM inspections WHERE ticket_id = $1")
        .bind(ticket_id)
        .fetch_all(&mut **transaction)
        .await?;
    let mut orphans = Vec::new();
    for row in rows {
        let inspection_id: String = row.try_get(0)?;
        orphans.extend(disown(transaction, &Store::inspection_owner(&inspection_id)).await?);
        removed.photos += delete_of(
            transaction,
            "DELETE FROM photos WHERE inspection_id = $1",
            &inspection_id,
        )
        .await?;
        removed.alerts += delete_of(
            transaction,
            "DELETE FROM alerts WHERE inspection_id = $1",
            &inspection_id,
        )
        .await?;
        delete_of(transaction, "DELETE FROM jobs WHERE subject = $1", &inspection_id).await?;
        removed.inspections += delete_of(
            transaction,
            "DELETE FROM inspections WHERE inspection_id = $1",
            &inspection_id,
        )
        .await?;
    }
    Ok(orphans)
}

async fn delete_of(transaction: &mut Transaction, sql: &'static str, id: &str) -> Result<u64> {
    Ok(sqlx::query(sql)
        .bind(id)
        .execute(&mut **transaction)
        .await?
        .rows_affected())
}

fn read(row: &Row) -> Result<TicketRecord> {
    Ok(TicketRecord {
        kind: row.try_get("kind")?,
        ticket_id: row.try_get("ticket_id")?,
        request: from_json("ticket record", row.try_get("request")?)?,
        result: from_json("ticket record", row.try_get("result")?)?,
        key_id: row.try_get("key_id")?,
    })
}
