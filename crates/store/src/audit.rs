//! Who changed what, kept for the operator.

use serde_json::Value;
use sqlx::Row as _;

use crate::page::{Page, PageRequest};
use crate::{Result, Row, Store, from_json, new_id, now_ms, to_json};

/// One entry.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditRecord {
    /// Its identifier.
    pub audit_id: String,
    /// Who did it.
    pub key_id: String,
    /// What was done, such as `document.delete`.
    pub action: String,
    /// To what.
    pub subject: String,
    /// Further facts; never customer text.
    pub detail: Value,
    /// Milliseconds since 1970.
    pub created_at: i64,
}

impl Store {
    /// Records an act.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn add_audit(&self, key_id: &str, action: &str, subject: &str, detail: &Value) -> Result<()> {
        sqlx::query("INSERT INTO audit (audit_id, key_id, action, subject, detail, created_at) VALUES ($1, $2, $3, $4, $5, $6)")
            .bind(new_id())
            .bind(key_id)
            .bind(action)
            .bind(subject)
            .bind(to_json("audit detail", detail)?)
            .bind(now_ms())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Entries, newest first; of what was done with `keys` when it is not empty.
    ///
    /// # Errors
    /// `BadCursor` for a cursor of another list.
    pub async fn audit(&self, request: &PageRequest, keys: &[String]) -> Result<Page<AuditRecord>> {
        let condition = crate::page_condition("key_id", keys, 5, false);
        let sql = format!(
            "SELECT audit_id, key_id, action, subject, detail, created_at FROM audit WHERE ($1 = '' OR audit_id < $1) \
             AND created_at >= $2 AND created_at < $3{condition} ORDER BY audit_id DESC LIMIT $4"
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(request.after()?.to_owned())
            .bind(request.from())
            .bind(request.to())
            .bind(request.fetch());
        for key in keys {
            query = query.bind(key.clone());
        }
        let rows = query.fetch_all(&self.pool).await?;
        let items = rows.iter().map(read).collect::<Result<Vec<_>>>()?;
        Ok(request.page(items, |entry| entry.audit_id.clone()))
    }
}

fn read(row: &Row) -> Result<AuditRecord> {
    Ok(AuditRecord {
        audit_id: row.try_get("audit_id")?,
        key_id: row.try_get("key_id")?,
        action: row.try_get("action")?,
        subject: row.try_get("subject")?,
        detail: from_json("audit detail", row.try_get("detail")?)?,
        created_at: row.try_get("created_at")?,
    })
}
