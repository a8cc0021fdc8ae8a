//! Bills of materials and fault trees, every version kept as it was given.

use sqlx::Row as _;

use crate::{Result, Row, Store, Transaction, now_ms};

/// What is defined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefinitionKind {
    /// `bom.toml`.
    Bom,
    /// `fault-tree.toml` or Open-PSA XML.
    FaultTree,
}

impl DefinitionKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Bom => "bom",
            Self::FaultTree => "fault_tree",
        }
    }
}

/// A version to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewDefinition<'a> {
    /// What is defined.
    pub kind: DefinitionKind,
    /// The product line it is for.
    pub product_line: &'a str,
    /// `toml` or `xml`.
    pub format: &'a str,
    /// The text as given.
    pub content: &'a str,
}

/// One version of a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefinitionRecord {
    /// The product line it is for.
    pub product_line: String,
    /// Counted from 1 within kind and product line.
    pub revision: u32,
    /// `toml` or `xml`.
    pub format: String,
    /// The text as given.
    pub content: String,
    /// Milliseconds since 1970.
    pub created_at: i64,
}

impl Store {
    /// Keeps a new version and gives its number; the same text again is the version that is there.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn add_definition(
        &self,
        kind: DefinitionKind,
        product_line: &str,
        format: &str,
        content: &str,
    ) -> Result<u32> {
        let mut transaction = self.begin_write().await?;
        let definition = NewDefinition {
            kind,
            product_line,
            format,
            content,
        };
        let revision = add_definition(&mut transaction, definition).await?;
        transaction.commit().await?;
        Ok(revision)
    }

    /// The version in force for every product line that has one, ordered by product line.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn definitions(&self, kind: DefinitionKind) -> Result<Vec<DefinitionRecord>> {
        let rows = sqlx::query(
            "SELECT d.product_line AS product_line, d.revision AS revision, d.format AS format, d.content AS content, \
             d.created_at AS created_at FROM definitions d WHERE d.kind = $1 AND d.revision = \
             (SELECT MAX(e.revision) FROM definitions e WHERE e.kind = d.kind AND e.product_line = d.product_line) \
             ORDER BY d.product_line",
        )
        .bind(kind.as_str())
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read).collect()
    }

    /// The version in force for one product line.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn definition(
        &self,
        kind: DefinitionKind,
        product_line: &str,
    ) -> Result<Option<DefinitionRecord>> {
        Ok(self
            .definition_versions(kind, product_line)
            .await?
            .into_iter()
            .next())
    }

    /// Every version for one product line, newest first.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn definition_versions(
        &self,
        kind: DefinitionKind,
        product_line: &str,
    ) -> Result<Vec<DefinitionRecord>> {
        let rows = sqlx::query(
            "SELECT product_line, revision, format, content, created_at FROM definitions WHERE kind = $1 AND product_line = $2 \
             ORDER BY revision DESC",
        )
        .bind(kind.as_str())
        .bind(product_line)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read).collect()
    }
}

/// Keeps a new version within a transaction and gives its number; the same text again is the version that is there.
pub(crate) async fn add_definition(
    transaction: &mut Transaction,
    definition: NewDefinition<'_>,
) -> Result<u32> {
    let latest = sqlx::query(
        "SELECT product_line, revision, format, content, created_at FROM definitions WHERE kind = $1 AND product_line = $2 \
         ORDER BY revision DESC LIMIT 1",
    )
    .bind(definition.kind.as_str())
    .bind(definition.product_line)
    .fetch_optional(&mut **transaction)
    .await?;
    let latest = latest.as_ref().map(read).transpose()?;
    if let Some(same) = latest
        .as_ref()
        .filter(|one| one.content == definition.content && one.format == definition.format)
    {
        return Ok(same.revision);
    }
    let revision = latest.map_or(0, |one| one.revision) + 1;
    sqlx::query("INSERT INTO definitions (kind, product_line, revision, format, content, created_at) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(definition.kind.as_str())
        .bind(definition.product_line)
        .bind(i64::from(revision))
        .bind(definition.format)
        .bind(definition.content)
        .bind(now_ms())
        .execute(&mut **transaction)
        .await?;
    Ok(revision)
}

fn read(row: &Row) -> Result<DefinitionRecord> {
    Ok(DefinitionRecord {
        product_line: row.try_get("product_line")?,
        revision: row.try_get::<i64, _>("revision")? as u32,
        format: row.try_get("format")?,
        content: row.try_get("content")?,
        created_at: row.try_get("created_at")?,
    })
}
