//! API keys: shown once, kept as a salted hash, compared in constant time.
//!
//! A key reads `shifu_<key id>_<64 hexadecimal digits>`. The digits are 256 random bits, so one salted SHA-256 is enough: there is
//! nothing to guess that a slow hash would protect.

use rand::Rng as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sqlx::Row as _;
use subtle::ConstantTimeEq;

use crate::{Result, Row, Store, StoreError, from_json, new_id, now_ms, to_json};

const PREFIX: &str = "shifu_";

/// A key to make.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewKey {
    /// The role's name.
    pub role: String,
    /// Whose key it is.
    pub name: String,
    /// Brands it sees; empty: all.
    pub brands: Vec<String>,
    /// Service providers it sees; empty: all.
    pub service_providers: Vec<String>,
}

/// A key just made: the only time its text is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreatedKey {
    /// What goes into `Authorization: Bearer`.
    pub key: String,
    /// Its identifier.
    pub key_id: String,
    /// Its role.
    pub role: String,
}

/// What is kept of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyRecord {
    /// Its identifier.
    pub key_id: String,
    /// Whose key it is.
    pub name: String,
    /// The role's name.
    pub role: String,
    /// Brands it sees; empty: all.
    pub brands: Vec<String>,
    /// Service providers it sees; empty: all.
    pub service_providers: Vec<String>,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// Milliseconds since 1970.
    pub revoked_at: Option<i64>,
}

const COLUMNS: &str =
    "key_id, name, role, brands, service_providers, salt, secret_sha256, created_at, revoked_at";

impl Store {
    /// Makes a key.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn create_key(&self, key: &NewKey) -> Result<CreatedKey> {
        let key_id = new_id();
        let secret = random_hex();
        let salt = random_hex();
        sqlx::query(
            "INSERT INTO api_keys (key_id, name, role, brands, service_providers, salt, secret_sha256, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(&key_id)
        .bind(&key.name)
        .bind(&key.role)
        .bind(to_json("brands", &key.brands)?)
        .bind(to_json("service providers", &key.service_providers)?)
        .bind(&salt)
        .bind(hash(&salt, &secret))
        .bind(now_ms())
        .execute(&self.pool)
        .await?;
        Ok(CreatedKey {
            key: format!("{PREFIX}{key_id}_{secret}"),
            key_id,
            role: key.role.clone(),
        })
    }

    /// The key that `text` is, unless it is unknown or revoked.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn verify_key(&self, text: &str) -> Result<Option<KeyRecord>> {
        let Some((key_id, secret)) = text.strip_prefix(PREFIX).and_then(|rest| rest.rsplit_once('_')) else {
            return Ok(None);
        };
        let sql = format!("SELECT {COLUMNS} FROM api_keys WHERE key_id = $1 AND revoked_at IS NULL");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(key_id)
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let expected: String = row.try_get("secret_sha256")?;
        let actual = hash(row.try_get("salt")?, secret);
        if bool::from(expected.as_bytes().ct_eq(actual.as_bytes())) {
            Ok(Some(read(&row)?))
        } else {
            Ok(None)
        }
    }

    /// Every key, newest first, revoked ones included.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn keys(&self) -> Result<Vec<KeyRecord>> {
        let sql = format!("SELECT {COLUMNS} FROM api_keys ORDER BY key_id DESC");
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .fetch_all(&self.pool)
            .await?
            .iter()
            .map(read)
            .collect()
    }

    /// Whether any key works.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn has_key(&self) -> Result<bool> {
        let row = sqlx::query("SELECT key_id FROM api_keys WHERE revoked_at IS NULL LIMIT 1");
        Ok(row.fetch_optional(&self.pool).await?.is_some())
    }

    /// Makes a key stop working, at once.
    ///
    /// # Errors
    /// `NotFound` when there is no such key, or it was revoked before.
    pub async fn revoke_key(&self, key_id: &str) -> Result<()> {
        let changed =
            sqlx::query("UPDATE api_keys SET revoked_at = $2 WHERE key_id = $1 AND revoked_at IS NULL")
                .bind(key_id)
                .bind(now_ms())
                .execute(&self.pool)
                .await?;
        if changed.rows_affected() == 0 {
            Err(StoreError::not_found("key", key_id))
        } else {
            Ok(())
        }
    }
}

/// 256 bits from the operating system's generator.
pub(crate) fn random_hex() -> String {
    let mut bytes = [0_u8; 32];
    rand::rng().fill_bytes(&mut bytes);
    hex::encode(bytes)
}

fn hash(salt: &str, secret: &str) -> String {
    let mut digest = Sha256::new();
    digest.update(salt.as_bytes());
    digest.update(secret.as_bytes());
    hex::encode(digest.finalize())
}

fn read(row: &Row) -> Result<KeyRecord> {
    Ok(KeyRecord {
        key_id: row.try_get("key_id")?,
        name: row.try_get("name")?,
        role: row.try_get("role")?,
        brands: from_json("brands", row.try_get("brands")?)?,
        service_providers: from_json("service providers", row.try_get("service_providers")?)?,
        created_at: row.try_get("created_at")?,
        revoked_at: row.try_get("revoked_at")?,
    })
}
