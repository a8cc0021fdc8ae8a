//! Reported repairs: one a ticket and visit, replaced by a second report.

use serde_json::{Value, json};
use sqlx::Row as _;

use crate::outbox::{self, EventKind, NewEvent, publish};
use crate::{Result, Row, Store, Transaction, from_json, new_id, now_ms, to_json};

/// A reported repair.
#[derive(Debug, Clone, PartialEq)]
pub struct RepairRecord {
    /// The ticket.
    pub ticket_id: String,
    /// Which visit of it, from 1.
    pub visit: u32,
    /// The product line.
    pub product_line: String,
    /// The report as given.
    pub body: Value,
}

impl Store {
    /// Keeps repairs in one transaction; a second report of a (ticket, visit) replaces the first. Says of each whether it replaced.
    ///
    /// # Errors
    /// `Database` when it refuses; then none is kept.
    pub async fn put_repairs(&self, repairs: &[RepairRecord]) -> Result<Vec<bool>> {
        let mut transaction = self.begin_write().await?;
        let mut replaced = Vec::with_capacity(repairs.len());
        let mut events = Vec::with_capacity(repairs.len());
        for repair in repairs {
            let again = put(&mut transaction, repair).await?;
            replaced.push(again);
            events.push(event(repair, again));
        }
        publish(&mut transaction, &events).await?;
        transaction.commit().await?;
        Ok(replaced)
    }

    /// The repair of one visit.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn repair(&self, ticket_id: &str, visit: u32) -> Result<Option<RepairRecord>> {
        let row = sqlx::query(
            "SELECT ticket_id, visit, product_line, body FROM repairs WHERE ticket_id = $1 AND visit = $2",
        )
        .bind(ticket_id)
        .bind(i64::from(visit))
        .fetch_optional(&self.pool)
        .await?;
        row.as_ref().map(read).transpose()
    }

    /// Repairs of a product line in the order of their reports, at most `most`, after `after` (a cursor this method gave; empty:
    /// from the first).
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn repairs(
        &self,
        product_line: &str,
        after: &str,
        most: u32,
    ) -> Result<(Vec<RepairRecord>, Option<String>)> {
        let rows = sqlx::query(
            "SELECT repair_id, ticket_id, visit, product_line, body FROM repairs WHERE product_line = $1 AND repair_id > $2 \
             ORDER BY repair_id LIMIT $3",
        )
        .bind(product_line)
        .bind(after)
        .bind(i64::from(most))
        .fetch_all(&self.pool)
        .await?;
        let cursor = rows.last().map(|row| row.try_get("repair_id")).transpose()?;
        Ok((rows.iter().map(read).collect::<Result<_>>()?, cursor))
    }
}

/// Which visit it was; what was written about it stays here.
fn event(repair: &RepairRecord, replaced: bool) -> NewEvent {
    NewEvent {
        kind: EventKind::RepairReported,
        subject: outbox::ticket(&repair.ticket_id),
        data: json!({
            "ticket_id": repair.ticket_id,
            "visit": repair.visit,
            "product_line": repair.product_line,
            "replaced": replaced,
        }),
    }
}

async fn put(transaction: &mut Transaction, repair: &RepairRecord) -> Result<bool> {
    let gone = sqlx::query("DELETE FROM repairs WHERE ticket_id = $1 AND visit = $2")
        .bind(&repair.ticket_id)
        .bind(i64::from(repair.visit))
        .execute(&mut **transaction)
        .await?;
    sqlx::query("INSERT INTO repairs (ticket_id, visit, repair_id, product_line, body, created_at) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(&repair.ticket_id)
        .bind(i64::from(repair.visit))
        .bind(new_id())
        .bind(&repair.product_line)
        .bind(to_json("repair", &repair.body)?)
        .bind(now_ms())
        .execute(&mut **transaction)
        .await?;
    Ok(gone.rows_affected() > 0)
}

fn read(row: &Row) -> Result<RepairRecord> {
    Ok(RepairRecord {
        ticket_id: row.try_get("ticket_id")?,
        visit: row.try_get::<i64, _>("visit")? as u32,
        product_line: row.try_get("product_line")?,
        body: from_json("repair", row.try_get("body")?)?,
    })
}
