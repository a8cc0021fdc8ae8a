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
    /// As many records as there may be.
    #[error("there are {most} {what} already, which is the most; remove one first")]
    TooMany {
        /// Records of which kind.
        what: &'static str,
        /// The most there may be.
        most: u32,
    },
    /// A cursor that no list of ours gave.
    #[error("cursor {0:?} was not given by this list")]
    BadCursor(String),
}

impl StoreError {
    /// Whether the database is away, starting, full or out of connections: the same call may succeed later, and nothing of it was
    /// done. Everything else is a fault of ours or a contradiction.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Database(error) => is_away(error),
            _ => false,
        }
    }

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

/// SQLSTATE classes and codes of PostgreSQL (appendix A of its manual) and result codes of SQLite that pass.
const AWAY: [&str; 9] = ["08", "53", "57P", "58", "5", "10", "13", "14", "778"];

fn is_away(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            // PostgreSQL's codes have five characters and are told by their beginning; SQLite's are numbers.
            AWAY.iter()
                .any(|away| *away == code || (code.len() == 5 && away.len() >= 2 && code.starts_with(away)))
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_is_away_is_told_from_a_fault() {
        let away = [
            sqlx::Error::PoolTimedOut,
            sqlx::Error::Io(std::io::ErrorKind::ConnectionRefused.into()),
        ];
        for error in away {
            assert!(StoreError::Database(error).is_unavailable());
        }
        assert!(!StoreError::Database(sqlx::Error::RowNotFound).is_unavailable());
        assert!(!StoreError::BadCursor("x".into()).is_unavailable());
    }
}
