//! Bytes named by their SHA-256, kept as long as somebody owns them.

use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use sha2::{Digest, Sha256};
use sqlx::Row as _;

use crate::{Result, Store, StoreError, Transaction};

impl Store {
    /// Keeps `bytes` for `owner` (such as `inspection:<id>`) and gives their SHA-256 in hexadecimal. On disk when it returns.
    /// The same bytes are kept once, however many own them.
    ///
    /// # Errors
    /// `Objects` or `Database` when either refuses.
    pub async fn put_object(&self, owner: &str, bytes: Bytes) -> Result<String> {
        let _shared = self.objects_guard.read().await;
        let sha256 = hex::encode(Sha256::digest(&bytes));
        let size_bytes = bytes.len() as i64;
        self.put_bytes(&sha256, bytes).await?;
        sqlx::query("INSERT INTO object_owners (sha256, owner, size_bytes) VALUES ($1, $2, $3) ON CONFLICT (sha256, owner) DO NOTHING")
            .bind(&sha256)
            .bind(owner)
            .bind(size_bytes)
            .execute(&self.pool)
            .await?;
        Ok(sha256)
    }

    pub(crate) async fn put_bytes(&self, sha256: &str, bytes: Bytes) -> Result<()> {
        let options = PutOptions {
            mode: PutMode::Create,
            ..PutOptions::default()
        };
        match self
            .objects
            .put_opts(&location(sha256), bytes.into(), options)
            .await
        {
            Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The bytes of that SHA-256.
    ///
    /// # Errors
    /// `NotFound` when nobody keeps them, `Corrupt` when they no longer have that SHA-256, `Objects` otherwise.
    pub async fn object(&self, sha256: &str) -> Result<Bytes> {
        let found = match self.objects.get(&location(sha256)).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Err(StoreError::not_found("object", sha256)),
            Err(error) => return Err(error.into()),
        };
        let bytes = found.bytes().await?;
        if hex::encode(Sha256::digest(&bytes)) != sha256 {
            return Err(StoreError::corrupt(
                format!("object {sha256}"),
                "its bytes have another SHA-256",
            ));
        }
        Ok(bytes)
    }

    /// Gives up everything `owner` keeps; bytes without another owner are removed.
    ///
    /// # Errors
    /// `Objects` or `Database` when either refuses.
    pub async fn release_objects(&self, owner: &str) -> Result<()> {
        let _alone = self.objects_guard.write().await;
        let mut transaction = self.begin_write().await?;
        let orphans = disown(&mut transaction, owner).await?;
        transaction.commit().await?;
        self.remove_files(&orphans).await
    }

    /// The guard that keeps anybody from adopting bytes while a caller disowns and removes them.
    pub(crate) async fn objects_alone(&self) -> tokio::sync::RwLockWriteGuard<'_, ()> {
        self.objects_guard.write().await
    }

    /// Removes files that no row owns. A crash before it leaves files that nobody can reach, never rows without files.
    pub(crate) async fn remove_files(&self, sha256s: &[String]) -> Result<()> {
        for sha256 in sha256s {
            match self.objects.delete(&location(sha256)).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// Removes `owner` within a transaction and names the bytes that nobody owns any longer.
pub(crate) async fn disown(transaction: &mut Transaction, owner: &str) -> Result<Vec<String>> {
    let rows = sqlx::query("DELETE FROM object_owners WHERE owner = $1 RETURNING sha256")
        .bind(owner)
        .fetch_all(&mut **transaction)
        .await?;
    let mut orphans = Vec::new();
    for row in rows {
        let sha256: String = row.try_get(0)?;
        let others = sqlx::query("SELECT owner FROM object_owners WHERE sha256 = $1 LIMIT 1")
            .bind(&sha256)
            .fetch_optional(&mut **transaction)
            .await?;
        if others.is_none() {
            orphans.push(sha256);
        }
    }
    Ok(orphans)
}

/// `ab/cd/abcd…`: at 20,000 tickets of 6 photos a day, a folder of the second level gets two files a day.
fn location(sha256: &str) -> Path {
    let part = |range: std::ops::Range<usize>| sha256.get(range).unwrap_or("__");
    Path::from(format!("{}/{}/{sha256}", part(0..2), part(2..4)))
}
