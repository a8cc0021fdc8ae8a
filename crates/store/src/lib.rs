//! What must survive: records, photos, the job queue.
//!
//! [`Store`] is opened on a data directory (embedded: SQLite in WAL mode with `synchronous=FULL`, files for photos) or on a
//! database URL. Values come in already validated; rows, pages of rows and bytes go out. An acknowledged write survives
//! `kill -9`: a transaction is on disk before its method returns, and bytes are on disk before the row that names them.
//!
//! The SQL is the common part of SQLite and PostgreSQL: `$1` placeholders, `ON CONFLICT`, `RETURNING`; TEXT, BIGINT and DOUBLE
//! PRECISION; no function that only one of them has. Nothing here knows HTTP, models, or what a flow computes.

mod alerts;
mod answers;
mod audit;
mod backup;
mod definitions;
mod documents;
mod error;
mod idempotency;
mod inspections;
mod jobs;
mod keys;
mod objects;
mod outbox;
mod page;
mod repairs;
mod retention;
mod standards;
mod suggestions;
mod tickets;
mod webhooks;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AnyPool, SqlSafeStr};

pub use alerts::{AlertFilter, AlertRecord, AlertState, NewAlert};
pub use answers::{AnswerRecord, FeedbackVerdict, GapRow, NewAnswer};
pub use audit::AuditRecord;
pub use backup::{RowProgress, TableFile};
pub use definitions::{DefinitionKind, DefinitionRecord, NewDefinition};
pub use documents::{DocumentRecord, DocumentStatus, NewDocument, SkippedPage};
pub use error::StoreError;
pub use idempotency::{Call, CallIdentity, StoredReply};
pub use inspections::{
    InspectionRecord, InspectionStatus, NewInspection, NewPhoto, PhotoOutcome, PhotoRecord, StoredFingerprint,
};
pub use jobs::{Job, JobKind};
pub use keys::{CreatedKey, KeyRecord, NewKey};
pub use outbox::EventKind;
pub use page::{Page, PageRequest};
pub use repairs::RepairRecord;
pub use retention::{RetainedKind, SweptBatch};
pub use standards::{EnrolledStandard, StandardPhoto, StandardRecord};
pub use suggestions::{OfferedSuggestion, SuggestionDecision, SuggestionRecord, SuggestionState};
pub use tickets::{RemovedTicket, TicketRecord};
pub use webhooks::{
    Attempt, CreatedWebhook, Delivery, DeliveryRecord, DeliveryStatus, NewWebhook, Retry, WebhookRecord,
};

type Row = sqlx::any::AnyRow;
type Transaction = sqlx::Transaction<'static, sqlx::Any>;
type Result<T> = std::result::Result<T, StoreError>;

/// Connections of the embedded pool. SQLite has one writer; the others read.
const EMBEDDED_CONNECTIONS: u32 = 4;
/// Connections to a database server: as many as do work at once on a machine of 16 cores; its default allows 100.
const SERVER_CONNECTIONS: u32 = 16;
/// How long a caller waits for a connection to a database server before the database counts as away.
const SERVER_PATIENCE: Duration = Duration::from_secs(5);
/// Writing transactions of one database take turns by this lock (`pg_advisory_xact_lock`), as they do on SQLite.
const WRITE_LOCK: i64 = 0x5348_4946_5557_5254; // "SHIFUWRT"

/// Everything that survives a restart. Cheap to clone. One server a database: the index beside it is that server's own.
#[derive(Clone)]
pub struct Store {
    pool: AnyPool,
    objects: Arc<dyn ObjectStore>,
    /// Putting bytes and naming their owner holds it shared; removing bytes nobody owns holds it alone.
    objects_guard: Arc<tokio::sync::RwLock<()>>,
    embedded: bool,
    /// Tells this process's claims and running calls from those of one that died.
    process_id: Arc<str>,
}

impl Store {
    /// Opens (and creates) the embedded store in `directory`: `shifu.db` and `objects/`.
    ///
    /// # Errors
    /// `Directory`, `Database`, `Migration` or `Objects` when the directory cannot be used.
    pub async fn open(directory: &Path) -> Result<Self> {
        let database = directory.join("shifu.db");
        create_directory(directory)?;
        Self::open_url(&sqlite_url(&database), directory).await
    }

    /// Opens the database at `url` (`sqlite:` or `postgres:`), with photos in `directory/objects`.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_url(url: &str, directory: &Path) -> Result<Self> {
        if let Some(unfinished) = unfinished_restore(directory) {
            return Err(unfinished);
        }
        let store = Self::connect(url, directory).await?;
        store.migrate().await?;
        Ok(store)
    }

    async fn connect(url: &str, directory: &Path) -> Result<Self> {
        sqlx::any::install_default_drivers();
        let objects_directory = directory.join("objects");
        create_directory(&objects_directory)?;
        let objects = LocalFileSystem::new_with_prefix(&objects_directory)?.with_fsync(true);
        let embedded = url.starts_with("sqlite:");
        let options: AnyConnectOptions = url.parse()?;
        let pool = pool_options(embedded).connect_with(options).await?;
        let process_id = uuid::Uuid::now_v7().to_string().into();
        Ok(Self {
            pool,
            objects: Arc::new(objects),
            objects_guard: Arc::default(),
            embedded,
            process_id,
        })
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// `Database` when it does not.
    pub async fn ping(&self) -> Result<()> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    /// Writes what is pending and closes every connection. Dropping a store loses nothing that was acknowledged either.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// A transaction that is going to write. Writers take turns, so that what a transaction read still holds when it commits:
    /// SQLite takes its one write lock at once, PostgreSQL an advisory lock that ends with the transaction.
    async fn begin_write(&self) -> Result<Transaction> {
        if self.embedded {
            return Ok(self.pool.begin_with("BEGIN IMMEDIATE").await?);
        }
        let mut transaction = self.pool.begin().await?;
        sqlx::query("SELECT pg_advisory_xact_lock($1)")
            .bind(WRITE_LOCK)
            .execute(&mut *transaction)
            .await?;
        Ok(transaction)
    }
}

/// Stands in a data directory while a backup is restored into it, and stays when that breaks off.
pub const UNFINISHED_RESTORE: &str = "restore-unfinished";

fn unfinished_restore(directory: &Path) -> Option<StoreError> {
    let reason = "a restore broke off here: empty the directory and restore again";
    directory
        .join(UNFINISHED_RESTORE)
        .exists()
        .then(|| StoreError::Directory {
            path: directory.display().to_string(),
            source: std::io::Error::other(reason),
        })
}

fn pool_options(embedded: bool) -> AnyPoolOptions {
    if !embedded {
        return AnyPoolOptions::new()
            .max_connections(SERVER_CONNECTIONS)
            .acquire_timeout(SERVER_PATIENCE);
    }
    let options = AnyPoolOptions::new().max_connections(EMBEDDED_CONNECTIONS);
    options.after_connect(|connection, _| {
        Box::pin(async move {
            // 10 s: another process (`shifu keys create`) may hold the write lock for a moment. 1 MiB a connection: what is read
            // again stands in the page cache of the operating system anyway.
            let pragmas = "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                           PRAGMA foreign_keys = ON; PRAGMA cache_size = -1024";
            sqlx::raw_sql(pragmas).execute(connection).await?;
            Ok(())
        })
    })
}

fn migrator() -> Migrator {
    let migration = |version: i64, name: &'static str, sql: &'static str| {
        Migration::new(
            version,
            name.into(),
            MigrationType::Simple,
            sql.into_sql_str(),
            false,
        )
    };
    Migrator::with_migrations(vec![
        migration(1, "records", include_str!("../migrations/0001_records.sql")),
        migration(2, "webhooks", include_str!("../migrations/0002_webhooks.sql")),
        migration(
            3,
            "suggestions",
            include_str!("../migrations/0003_suggestions.sql"),
        ),
    ])
}

fn create_directory(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).map_err(|source| StoreError::Directory {
        path: path.display().to_string(),
        source,
    })
}

/// A path as a URL that creates the file: everything that a URL would read otherwise is percent-encoded.
fn sqlite_url(path: &Path) -> String {
    let mut url = String::from("sqlite://");
    for byte in absolute(path).to_string_lossy().bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' => url.push(char::from(byte)),
            other => url.push_str(&format!("%{other:02X}")),
        }
    }
    url + "?mode=rwc"
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

fn to_json<T: serde::Serialize>(what: &str, value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| StoreError::corrupt(what, error))
}

fn from_json<T: serde::de::DeserializeOwned>(what: &str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| StoreError::corrupt(what, error))
}

/// ` AND column IN ($first, …)`, or nothing when the caller may see everything. `shared` rows without a value stay visible.
fn page_condition(column: &str, values: &[String], first: usize, shared: bool) -> String {
    if values.is_empty() {
        return String::new();
    }
    let places: Vec<String> = (first..first + values.len()).map(|at| format!("${at}")).collect();
    let or_none = if shared {
        format!(" OR {column} IS NULL")
    } else {
        String::new()
    };
    format!(" AND ({column} IN ({}){or_none})", places.join(", "))
}
