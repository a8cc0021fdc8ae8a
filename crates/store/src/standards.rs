//! Installation standards: definitions (every revision kept), their photos, and the enrolment computed from both.

use bytes::Bytes;
use sqlx::Row as _;

use crate::{Result, Row, Store, new_id, now_ms};

/// One revision of a standard's definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandardRecord {
    /// The category.
    pub category: String,
    /// Counted from 1.
    pub revision: u32,
    /// The text as given.
    pub definition: String,
    /// Milliseconds since 1970.
    pub created_at: i64,
}

/// A photo enrolled for a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandardPhoto {
    /// Its identifier.
    pub photo_id: String,
    /// The checkpoint.
    pub checkpoint: String,
    /// `good`, or the violation it shows.
    pub label: String,
    /// Where its bytes are.
    pub sha256: String,
}

/// What was computed from a standard's photos.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolledStandard {
    /// The category.
    pub category: String,
    /// Its version, recorded with every verdict.
    pub version: String,
    /// The bytes that the inspection crate reads back.
    pub bytes: Bytes,
}

impl Store {
    /// Keeps a new revision of a definition; the same text again is the revision that is there.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn put_standard(&self, category: &str, definition: &str) -> Result<u32> {
        let mut transaction = self.begin_write().await?;
        let latest = sqlx::query(
            "SELECT category, revision, definition, created_at FROM standards WHERE category = $1 ORDER BY revision DESC LIMIT 1",
        )
        .bind(category)
        .fetch_optional(&mut *transaction)
        .await?;
        let latest = latest.as_ref().map(read).transpose()?;
        if let Some(same) = latest.as_ref().filter(|one| one.definition == definition) {
            return Ok(same.revision);
        }
        let revision = latest.map_or(0, |one| one.revision) + 1;
        sqlx::query(
            "INSERT INTO standards (category, revision, definition, created_at) VALUES ($1, $2, $3, $4)",
        )
        .bind(category)
        .bind(i64::from(revision))
        .bind(definition)
        .bind(now_ms())
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(revision)
    }

    /// The revision in force of every standard, ordered by category.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn standards(&self) -> Result<Vec<StandardRecord>> {
        let rows = sqlx::query(
            "SELECT s.category AS category, s.revision AS revision, s.definition AS definition, s.created_at AS created_at \
             FROM standards s WHERE s.revision = (SELECT MAX(t.revision) FROM standards t WHERE t.category = s.category) \
             ORDER BY s.category",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read).collect()
    }

    /// The revision in force of one standard.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn standard(&self, category: &str) -> Result<Option<StandardRecord>> {
        let row = sqlx::query(
            "SELECT category, revision, definition, created_at FROM standards WHERE category = $1 ORDER BY revision DESC LIMIT 1",
        )
        .bind(category)
        .fetch_optional(&self.pool)
        .await?;
        row.as_ref().map(read).transpose()
    }

    /// Keeps a photo for a checkpoint; the same bytes for the same checkpoint and label are kept once. `false`: already there.
    ///
    /// # Errors
    /// `Database` or `Objects` when either refuses.
    pub async fn add_standard_photo(
        &self,
        category: &str,
        checkpoint: &str,
        label: &str,
        bytes: Bytes,
    ) -> Result<bool> {
        let sha256 = self.put_object(&format!("standard:{category}"), bytes).await?;
        let added = sqlx::query(
            "INSERT INTO standard_photos (photo_id, category, checkpoint, label, sha256, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (category, checkpoint, label, sha256) DO NOTHING",
        )
        .bind(new_id())
        .bind(category)
        .bind(checkpoint)
        .bind(label)
        .bind(sha256)
        .bind(now_ms())
        .execute(&self.pool)
        .await?;
        Ok(added.rows_affected() > 0)
    }

    /// Photos of a standard in the order of their arrival.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn standard_photos(&self, category: &str) -> Result<Vec<StandardPhoto>> {
        let rows = sqlx::query(
            "SELECT photo_id, checkpoint, label, sha256 FROM standard_photos WHERE category = $1 ORDER BY photo_id",
        )
        .bind(category)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read_photo).collect()
    }

    /// Replaces what was computed for a category.
    ///
    /// # Errors
    /// `Database` or `Objects` when either refuses.
    pub async fn put_enrolled(&self, enrolled: &EnrolledStandard) -> Result<()> {
        let owner = format!("enrolled:{}", enrolled.category);
        let sha256 = self.put_object(&owner, enrolled.bytes.clone()).await?;
        let _alone = self.objects_alone().await;
        let mut transaction = self.begin_write().await?;
        sqlx::query(
            "INSERT INTO enrolled_standards (category, sha256, version, updated_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (category) DO UPDATE SET sha256 = excluded.sha256, version = excluded.version, updated_at = excluded.updated_at",
        )
        .bind(&enrolled.category)
        .bind(&sha256)
        .bind(&enrolled.version)
        .bind(now_ms())
        .execute(&mut *transaction)
        .await?;
        let old = sqlx::query("DELETE FROM object_owners WHERE owner = $1 AND sha256 <> $2 RETURNING sha256")
            .bind(&owner)
            .bind(&sha256)
            .fetch_all(&mut *transaction)
            .await?;
        let mut orphans = Vec::new();
        for row in old {
            let sha256: String = row.try_get(0)?;
            let others = sqlx::query("SELECT owner FROM object_owners WHERE sha256 = $1 LIMIT 1")
                .bind(&sha256)
                .fetch_optional(&mut *transaction)
                .await?;
            if others.is_none() {
                orphans.push(sha256);
            }
        }
        transaction.commit().await?;
        self.remove_files(&orphans).await
    }

    /// What was computed for a category.
    ///
    /// # Errors
    /// `Corrupt` or `Objects` when its bytes cannot be read back.
    pub async fn enrolled(&self, category: &str) -> Result<Option<EnrolledStandard>> {
        let row = sqlx::query("SELECT sha256, version FROM enrolled_standards WHERE category = $1")
            .bind(category)
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let bytes = self.object(row.try_get("sha256")?).await?;
        Ok(Some(EnrolledStandard {
            category: category.to_owned(),
            version: row.try_get("version")?,
            bytes,
        }))
    }
}

fn read(row: &Row) -> Result<StandardRecord> {
    Ok(StandardRecord {
        category: row.try_get("category")?,
        revision: row.try_get::<i64, _>("revision")? as u32,
        definition: row.try_get("definition")?,
        created_at: row.try_get("created_at")?,
    })
}

fn read_photo(row: &Row) -> Result<StandardPhoto> {
    Ok(StandardPhoto {
        photo_id: row.try_get("photo_id")?,
        checkpoint: row.try_get("checkpoint")?,
        label: row.try_get("label")?,
        sha256: row.try_get("sha256")?,
    })
}
