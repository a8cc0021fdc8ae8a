//! What can go wrong while keeping records.

/// Why the store did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The data directory cannot be created or entered.
    #[error("cannot use data directory {path}: {source}")]
    Directory {
        /// The directory.
        path: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The database refused.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("database schema: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// The object store refused.
    #[error("object store: {0}")]
    Objects(#[from] object_store::Error),
    /// A stored record cannot be read back.
    #[error("stored {what} cannot be read: {reason}")]
    Corrupt {
        /// Which record.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The record contradicts one that is there.
    #[error("{what} is already there")]
    Conflict {
        /// Which record.
        what: String,
    },
    /// No such record.
    #[error("{what} is not there")]
    NotFound {
        /// Which record.
        what: String,
    },
    /// A cursor that no list of ours gave.
    #[error("cursor {0:?} was not given by this list")]
    BadCursor(String),
}

impl StoreError {
    pub(crate) fn not_found(kind: &str, id: &str) -> Self {
        Self::NotFound {
            what: format!("{kind} {id:?}"),
        }
    }

    pub(crate) fn corrupt(what: impl Into<String>, reason: impl ToString) -> Self {
        Self::Corrupt {
            what: what.into(),
            reason: reason.to_string(),
        }
    }
}
