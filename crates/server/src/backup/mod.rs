//! `shifu backup` and `shifu restore`: everything an instance knows as plain files, written beside a running server, and put into
//! an empty one — on another machine, or on the other kind of database.
//!
//! ```text
//! DIR/records/<table>.jsonl     every record of one moment (shifu_store::Store::export_records)
//! DIR/objects/ab/cd/<sha256>    documents, photos, enrolments, by the SHA-256 of their bytes
//! DIR/index/…                   the search index as published a moment later; the start repairs what differs
//! DIR/files.jsonl               path, size and SHA-256 of each of them
//! DIR/manifest.json             what it is and what it counts, with the SHA-256 of files.jsonl; written last
//! ```
//!
//! All of it is written to `DIR.partial`, put on disk, and renamed: a backup that broke off has another name and no manifest.
//! Models are not part of it: `shifu models install` brings them back.

mod files;
mod restore;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use serde::{Deserialize, Serialize};
use shifu_knowledge::KnowledgeError;
use shifu_store::StoreError;

pub use restore::{Restored, check, restore};
pub use write::backup;

/// Changes when the layout does.
const FORMAT: u32 = 1;
const MANIFEST: &str = "manifest.json";
const FILES: &str = "files.jsonl";
const RECORDS: &str = "records";
const OBJECTS: &str = "objects";
const INDEX: &str = "index";

/// What a backup is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the layout.
    pub format: u32,
    /// The program that wrote it.
    pub shifu_version: String,
    /// Version of the records' schema.
    pub schema_version: i64,
    /// When it was begun, RFC 3339.
    pub created_at: String,
    /// Rows of each table.
    pub tables: BTreeMap<String, u64>,
    /// Documents, photos, enrolments.
    pub objects: Count,
    /// Files of the search index; none: it is built again from the documents.
    pub index: Count,
    /// Owners whose bytes were removed while the backup ran; their records are left out when it is restored.
    pub removed_meanwhile: BTreeSet<String>,
    /// All files besides this one and `files.jsonl`.
    pub files: Count,
    /// SHA-256 of `files.jsonl`.
    pub files_sha256: String,
}

/// How many, how large.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// How many.
    pub count: u64,
    /// Bytes of all together.
    pub size_bytes: u64,
}

impl Count {
    fn add(&mut self, size_bytes: u64) {
        self.count += 1;
        self.size_bytes += size_bytes;
    }
}

/// A line of `files.jsonl`.
#[derive(Debug, Serialize, Deserialize)]
struct FileLine {
    path: String,
    size_bytes: u64,
    sha256: String,
}

/// How far a backup or restore is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Writing or reading records; counted in rows of the table at hand.
    Records,
    /// Copying objects; counted in objects.
    Objects,
    /// Checking a backup; counted in files.
    Check,
}

/// Told while it goes on: the stage, how much is done, how much there is.
pub type Progress<'a> = &'a mut (dyn FnMut(Stage, u64, u64) + Send);

/// Why there is no backup, or nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Something is in the way.
    #[error("{path} is there already: name a new folder")]
    InTheWay {
        /// What.
        path: String,
    },
    /// A file cannot be read or written.
    #[error("cannot use {path}")]
    File {
        /// Which.
        path: String,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// Not a backup, or not a whole one.
    #[error("{path} is not a whole backup: {reason}")]
    Broken {
        /// The file that is wrong.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Written by a later program.
    #[error(
        "the backup has {what} {found}, this program knows up to {known}: restore it with shifu {by} or later"
    )]
    Newer {
        /// `format` or `schema`.
        what: &'static str,
        /// In the backup.
        found: i64,
        /// In this program.
        known: i64,
        /// The program that wrote it.
        by: String,
    },
    /// The target holds something.
    #[error("{target} is not empty: it holds {found}; restore into an empty data directory")]
    NotEmpty {
        /// The directory or database.
        target: String,
        /// The first thing found.
        found: String,
    },
    /// An object that is owned is gone or damaged: the instance itself needs help.
    #[error("object {sha256} of {owner} is missing or damaged in the data directory")]
    ObjectLost {
        /// Which.
        sha256: String,
        /// Who keeps it.
        owner: String,
    },
    /// The records.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The index.
    #[error("search index")]
    Index(#[from] KnowledgeError),
}

impl BackupError {
    /// Whether what the operator gave is to blame, not this machine.
    #[must_use]
    pub fn is_bad_input(&self) -> bool {
        match self {
            Self::InTheWay { .. } | Self::Broken { .. } | Self::Newer { .. } | Self::NotEmpty { .. } => true,
            Self::Store(error) => {
                matches!(
                    error,
                    StoreError::NotFound { .. } | StoreError::Conflict { .. } | StoreError::Corrupt { .. }
                )
            }
            Self::File { source, .. } => source.kind() == io::ErrorKind::NotFound,
            Self::ObjectLost { .. } | Self::Index(_) => false,
        }
    }

    fn broken(path: impl Into<String>, reason: impl ToString) -> Self {
        Self::Broken {
            path: path.into(),
            reason: reason.to_string(),
        }
    }
}

type Result<T> = std::result::Result<T, BackupError>;
