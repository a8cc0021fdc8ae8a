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

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use shifu_knowledge::{KnowledgeError, Library, LibraryOptions, copy_index};
use shifu_store::{Store, StoreError, UNFINISHED_RESTORE};

use crate::config::Config;

/// Changes when the layout does.
const FORMAT: u32 = 1;
const MANIFEST: &str = "manifest.json";
const FILES: &str = "files.jsonl";
const RECORDS: &str = "records";
const OBJECTS: &str = "objects";
const INDEX: &str = "index";
/// What an empty data directory may hold: models installed beforehand, and what a fresh file system has.
const MAY_BE_THERE: [&str; 2] = ["models", "lost+found"];

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

/// Writes a backup of the instance that `config` names into the new folder `target`. The server may run meanwhile: what it had
/// acknowledged when this began is in the backup.
///
/// # Errors
/// See [`BackupError`]; then there is no `target`.
pub async fn backup(config: &Config, target: &Path, progress: Progress<'_>) -> Result<Manifest> {
    let partial = partial_of(target);
    for path in [target, &partial] {
        if path.exists() {
            return Err(BackupError::InTheWay {
                path: path.display().to_string(),
            });
        }
    }
    let store = Store::open_existing(config.database_url.as_deref(), &config.data).await?;
    let written = write_all(&store, config, &partial, progress).await;
    let manifest = match written {
        Ok(manifest) => manifest,
        Err(error) => {
            let _ = fs::remove_dir_all(&partial);
            store.close().await;
            return Err(error);
        }
    };
    fs::rename(&partial, target).map_err(|source| failed(target, source))?;
    sync_folder(&parent_of(target))?;
    let detail = json!({"tables": manifest.tables, "objects": manifest.objects, "schema_version": manifest.schema_version});
    let subject = target.display().to_string();
    store
        .add_audit("local", "backup.create", &subject, &detail)
        .await?;
    store.close().await;
    Ok(manifest)
}

async fn write_all(
    store: &Store,
    config: &Config,
    folder: &Path,
    progress: Progress<'_>,
) -> Result<Manifest> {
    let created_at = jiff::Timestamp::now().to_string();
    create_private(folder)?;
    let mut list = FileList::create(folder)?;
    let records = folder.join(RECORDS);
    let (schema_version, tables) = store
        .export_records(&records, &mut |_, done, total| {
            progress(Stage::Records, done, total)
        })
        .await?;
    for table in &tables {
        let path = format!("{RECORDS}/{}.jsonl", table.table);
        list.add(path, table.size_bytes, table.sha256.clone())?;
    }
    sync_folder(&records)?;
    let (objects, removed_meanwhile) = copy_objects(store, folder, &mut list, progress).await?;
    let index = snapshot_index(&config.data.join(INDEX), folder, &mut list)?;
    let (files, files_sha256) = list.finish()?;
    let manifest = Manifest {
        format: FORMAT,
        shifu_version: env!("CARGO_PKG_VERSION").to_owned(),
        schema_version,
        created_at,
        tables: tables
            .into_iter()
            .map(|table| (table.table, table.rows))
            .collect(),
        objects,
        index,
        removed_meanwhile,
        files,
        files_sha256,
    };
    let text = serde_json::to_vec_pretty(&manifest).map_err(|error| BackupError::broken(MANIFEST, error))?;
    write_synced(&folder.join(MANIFEST), &text)?;
    sync_folder(folder)?;
    Ok(manifest)
}

/// Copies every object that the exported records name. One that is gone is forgiven when nobody owns it any longer.
async fn copy_objects(
    store: &Store,
    folder: &Path,
    list: &mut FileList,
    progress: Progress<'_>,
) -> Result<(Count, BTreeSet<String>)> {
    let owned = owned_objects(&folder.join(RECORDS))?;
    let (mut copied, mut removed) = (Count::default(), BTreeSet::new());
    let mut folders = BTreeSet::new();
    for (done, (sha256, owners)) in owned.iter().enumerate() {
        match read_object(store, sha256).await? {
            Some(bytes) => {
                let path = object_path(sha256);
                let full = folder.join(&path);
                let parent = parent_of(&full);
                fs::create_dir_all(&parent).map_err(|source| failed(&parent, source))?;
                write_synced(&full, &bytes)?;
                folders.insert(parent);
                copied.add(bytes.len() as u64);
                list.add(path, bytes.len() as u64, sha256.clone())?;
            }
            None => removed.extend(owners.iter().cloned()),
        }
        progress(Stage::Objects, done as u64 + 1, owned.len() as u64);
    }
    for path in with_parents(&folders, folder) {
        sync_folder(&path)?;
    }
    Ok((copied, removed))
}

/// The bytes; `None` when their owners were removed since the records were read.
async fn read_object(store: &Store, sha256: &str) -> Result<Option<Bytes>> {
    // Twice: an owner may come between looking for the bytes and asking who owns them.
    let mut lost_by = String::new();
    for _ in 0..2 {
        match store.object(sha256).await {
            Ok(bytes) => return Ok(Some(bytes)),
            Err(StoreError::NotFound { .. } | StoreError::Corrupt { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        match store.object_owners(sha256).await?.into_iter().next() {
            Some(owner) => lost_by = owner,
            None => return Ok(None),
        }
    }
    Err(BackupError::ObjectLost {
        sha256: sha256.to_owned(),
        owner: lost_by,
    })
}

/// Owners of each object in the exported records.
fn owned_objects(records: &Path) -> Result<BTreeMap<String, Vec<String>>> {
    #[derive(Deserialize)]
    struct Owned {
        sha256: String,
        owner: String,
    }
    let path = records.join("object_owners.jsonl");
    let file = File::open(&path).map_err(|source| failed(&path, source))?;
    let mut owned: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in BufReader::new(file).lines() {
        let line = line.map_err(|source| failed(&path, source))?;
        let row: Owned = serde_json::from_str(&line)
            .map_err(|error| BackupError::broken("records/object_owners.jsonl", error))?;
        owned.entry(row.sha256).or_default().push(row.owner);
    }
    Ok(owned)
}

fn snapshot_index(from: &Path, folder: &Path, list: &mut FileList) -> Result<Count> {
    let to = folder.join(INDEX);
    let mut count = Count::default();
    let Some(names) = copy_index(from, &to)? else {
        return Ok(count);
    };
    for name in names {
        let path = to.join(&name);
        let (size_bytes, sha256) = digest_of(&path)?;
        let file = File::open(&path).map_err(|source| failed(&path, source))?;
        file.sync_all().map_err(|source| failed(&path, source))?;
        count.add(size_bytes);
        list.add(format!("{INDEX}/{}", name.display()), size_bytes, sha256)?;
    }
    sync_folder(&to)?;
    Ok(count)
}

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// What the backup was.
    #[serde(flatten)]
    pub manifest: Manifest,
    /// Version of the records' schema now.
    pub schema_now: i64,
    /// Whether the search index of the backup is used; otherwise it is built from the documents at the start.
    pub index_used: bool,
}

/// Puts a backup into the empty data directory (and database) of `config`. Everything is checked first; then bytes, index and,
/// last, the records are written, all of them in one transaction.
///
/// # Errors
/// See [`BackupError`]; then the data directory is as empty as before.
pub async fn restore(config: &Config, source: &Path, progress: Progress<'_>) -> Result<Restored> {
    let manifest = check(source, progress)?;
    let data = &config.data;
    require_empty(data)?;
    fs::create_dir_all(data).map_err(|source| failed(data, source))?;
    let marker = data.join(UNFINISHED_RESTORE);
    write_synced(&marker, source.display().to_string().as_bytes())?;
    sync_folder(data)?;
    match put_back(config, source, &manifest, progress).await {
        Ok(restored) => {
            fs::remove_file(&marker).map_err(|source| failed(&marker, source))?;
            sync_folder(data)?;
            Ok(restored)
        }
        Err(error) => {
            clear(data);
            Err(error)
        }
    }
}

async fn put_back(
    config: &Config,
    source: &Path,
    manifest: &Manifest,
    progress: Progress<'_>,
) -> Result<Restored> {
    let url = config.database_url.as_deref();
    let store = Store::open_empty(url, &config.data, manifest.schema_version).await?;
    let loaded = load(&store, config, source, manifest, progress).await;
    let index_used = match loaded {
        Ok(used) => used,
        Err(error) => {
            store.close().await;
            return Err(error);
        }
    };
    store.migrate().await?;
    let detail =
        json!({"created_at": manifest.created_at, "tables": manifest.tables, "objects": manifest.objects});
    let subject = source.display().to_string();
    store
        .add_audit("local", "backup.restore", &subject, &detail)
        .await?;
    store.close().await;
    Ok(Restored {
        manifest: manifest.clone(),
        schema_now: Store::latest_schema(),
        index_used,
    })
}

async fn load(
    store: &Store,
    config: &Config,
    source: &Path,
    manifest: &Manifest,
    progress: Progress<'_>,
) -> Result<bool> {
    let total = manifest.objects.count;
    let mut done = 0;
    for line in listed(source)? {
        let line = line?;
        let Some(sha256) = object_of(&line.path) else {
            continue;
        };
        let path = source.join(&line.path);
        let bytes = fs::read(&path).map_err(|source| failed(&path, source))?;
        store.put_back_object(sha256, bytes.into()).await?;
        done += 1;
        progress(Stage::Objects, done, total);
    }
    let index_used = put_back_index(source, &config.data.join(INDEX))?;
    let tables: Vec<(String, u64)> = manifest
        .tables
        .iter()
        .map(|(table, rows)| (table.clone(), *rows))
        .collect();
    store
        .import_records(
            &source.join(RECORDS),
            &tables,
            &manifest.removed_meanwhile,
            &mut |_, done, total| {
                progress(Stage::Records, done, total);
            },
        )
        .await?;
    Ok(index_used)
}

/// Copies the index; one that this program cannot read is left out, and the start builds it from the documents.
fn put_back_index(source: &Path, to: &Path) -> Result<bool> {
    let mut any = false;
    fs::create_dir_all(to).map_err(|source| failed(to, source))?;
    for line in listed(source)? {
        let line = line?;
        let Some(name) = line.path.strip_prefix("index/") else {
            continue;
        };
        let target = to.join(name);
        fs::copy(source.join(&line.path), &target).map_err(|source| failed(&target, source))?;
        let file = File::open(&target).map_err(|source| failed(&target, source))?;
        file.sync_all().map_err(|source| failed(&target, source))?;
        any = true;
    }
    sync_folder(to)?;
    if !any {
        return Ok(false);
    }
    match Library::open(to, LibraryOptions::default()) {
        Ok(_) => Ok(true),
        Err(error) => {
            tracing::warn!(
                error = crate::error::chain(&error),
                "the backup's index is not used"
            );
            fs::remove_dir_all(to).map_err(|source| failed(to, source))?;
            Ok(false)
        }
    }
}

/// Reads a backup wholly: the manifest is understood, and every file is there with its size and SHA-256.
///
/// # Errors
/// `Broken` naming the first file that is wrong, `Newer`.
pub fn check(source: &Path, progress: Progress<'_>) -> Result<Manifest> {
    let manifest = read_manifest(source)?;
    let (_, list_sha256) = digest_of(&source.join(FILES)).map_err(|error| missing(error, FILES))?;
    if list_sha256 != manifest.files_sha256 {
        return Err(BackupError::broken(FILES, "its SHA-256 is not the manifest's"));
    }
    let (mut files, mut objects, mut index) = (Count::default(), Count::default(), Count::default());
    let mut tables = BTreeSet::new();
    for line in listed(source)? {
        let line = line?;
        check_file(source, &line)?;
        files.add(line.size_bytes);
        if let Some(sha256) = object_of(&line.path) {
            if sha256 != line.sha256 {
                return Err(BackupError::broken(line.path, "its name is not its SHA-256"));
            }
            objects.add(line.size_bytes);
        } else if line.path.starts_with("index/") {
            index.add(line.size_bytes);
        } else if let Some(table) = table_of(&line.path) {
            tables.insert(table.to_owned());
        }
        progress(Stage::Check, files.count, manifest.files.count);
    }
    for (what, counted, said) in [
        ("files", files, manifest.files),
        ("objects", objects, manifest.objects),
        ("index", index, manifest.index),
    ] {
        if counted != said {
            let reason = format!(
                "it says {} {what}, files.jsonl lists {}",
                said.count, counted.count
            );
            return Err(BackupError::broken(MANIFEST, reason));
        }
    }
    if let Some(table) = manifest.tables.keys().find(|table| !tables.contains(*table)) {
        let path = format!("{RECORDS}/{table}.jsonl");
        return Err(BackupError::broken(path, "it is not listed in files.jsonl"));
    }
    Ok(manifest)
}

fn read_manifest(source: &Path) -> Result<Manifest> {
    let bytes = fs::read(source.join(MANIFEST)).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            BackupError::broken(source.join(MANIFEST).display().to_string(), "it is missing")
        }
        _ => failed(&source.join(MANIFEST), error),
    })?;
    // Only this much is promised of a later format.
    #[derive(Deserialize)]
    struct Head {
        format: u32,
        shifu_version: String,
    }
    let broken = |error: serde_json::Error| BackupError::broken(MANIFEST, error);
    let head: Head = serde_json::from_slice(&bytes).map_err(broken)?;
    let newer = |what, found, known| BackupError::Newer {
        what,
        found,
        known,
        by: head.shifu_version.clone(),
    };
    if head.format > FORMAT {
        return Err(newer("format", i64::from(head.format), i64::from(FORMAT)));
    }
    let manifest: Manifest = serde_json::from_slice(&bytes).map_err(broken)?;
    let known = Store::latest_schema();
    if manifest.schema_version > known {
        return Err(newer("schema", manifest.schema_version, known));
    }
    Ok(manifest)
}

fn check_file(source: &Path, line: &FileLine) -> Result<()> {
    let inside = Path::new(&line.path)
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if !inside {
        return Err(BackupError::broken(
            FILES,
            format!("{:?} is not a path within", line.path),
        ));
    }
    let path = source.join(&line.path);
    let length = fs::metadata(&path)
        .map_err(|error| missing(failed(&path, error), &line.path))?
        .len();
    if length != line.size_bytes {
        let reason = format!("it has {length} bytes, not {}", line.size_bytes);
        return Err(BackupError::broken(&line.path, reason));
    }
    let (_, sha256) = digest_of(&path)?;
    if sha256 != line.sha256 {
        return Err(BackupError::broken(&line.path, "its SHA-256 is another"));
    }
    Ok(())
}

/// A file that is not there makes the backup broken; anything else stays what it is.
fn missing(error: BackupError, path: &str) -> BackupError {
    match &error {
        BackupError::File { source, .. } if source.kind() == io::ErrorKind::NotFound => {
            BackupError::broken(path, "it is missing")
        }
        _ => error,
    }
}

fn listed(source: &Path) -> Result<impl Iterator<Item = Result<FileLine>> + use<>> {
    let path = source.join(FILES);
    let file = File::open(&path).map_err(|source| failed(&path, source))?;
    Ok(BufReader::new(file).lines().map(move |line| {
        let line = line.map_err(|source| failed(&path, source))?;
        serde_json::from_str(&line).map_err(|error| BackupError::broken(FILES, error))
    }))
}

fn require_empty(data: &Path) -> Result<()> {
    let entries = match fs::read_dir(data) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(failed(data, source)),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry.map_err(|source| failed(data, source))?.file_name());
    }
    names.sort();
    let found = names
        .into_iter()
        .find(|name| MAY_BE_THERE.iter().all(|one| name.as_os_str() != *one));
    match found {
        Some(found) => Err(BackupError::NotEmpty {
            target: data.display().to_string(),
            found: found.display().to_string(),
        }),
        None => Ok(()),
    }
}

/// Takes back what a restore that failed has written; what it found there, it left.
fn clear(data: &Path) {
    for folder in [OBJECTS, INDEX] {
        let _ = fs::remove_dir_all(data.join(folder));
    }
    for file in ["shifu.db", "shifu.db-wal", "shifu.db-shm", UNFINISHED_RESTORE] {
        let _ = fs::remove_file(data.join(file));
    }
}

/// `files.jsonl` as it grows.
struct FileList {
    path: PathBuf,
    file: BufWriter<File>,
    digest: Sha256,
    count: Count,
}

impl FileList {
    fn create(folder: &Path) -> Result<Self> {
        let path = folder.join(FILES);
        let file = File::create(&path).map_err(|source| failed(&path, source))?;
        Ok(Self {
            path,
            file: BufWriter::new(file),
            digest: Sha256::new(),
            count: Count::default(),
        })
    }

    fn add(&mut self, path: String, size_bytes: u64, sha256: String) -> Result<()> {
        let line = FileLine {
            path,
            size_bytes,
            sha256,
        };
        let line = format!("{}\n", json!(line));
        self.digest.update(line.as_bytes());
        self.count.add(size_bytes);
        let written = self.file.write_all(line.as_bytes());
        written.map_err(|source| failed(&self.path, source))
    }

    fn finish(self) -> Result<(Count, String)> {
        let written = self.file.into_inner().map_err(io::IntoInnerError::into_error);
        written
            .and_then(|file| file.sync_all())
            .map_err(|source| failed(&self.path, source))?;
        Ok((self.count, hex::encode(self.digest.finalize())))
    }
}

/// `objects/ab/cd/<sha256>`, as in the data directory.
fn object_path(sha256: &str) -> String {
    let part = |range: std::ops::Range<usize>| sha256.get(range).unwrap_or("__");
    format!("{OBJECTS}/{}/{}/{sha256}", part(0..2), part(2..4))
}

fn object_of(path: &str) -> Option<&str> {
    path.strip_prefix("objects/")?.rsplit('/').next()
}

fn table_of(path: &str) -> Option<&str> {
    path.strip_prefix("records/")?.strip_suffix(".jsonl")
}

fn digest_of(path: &Path) -> Result<(u64, String)> {
    let mut file = File::open(path).map_err(|source| failed(path, source))?;
    let (mut digest, mut size_bytes) = (Sha256::new(), 0);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut buffer).map_err(|source| failed(path, source))?;
        if read == 0 {
            return Ok((size_bytes, hex::encode(digest.finalize())));
        }
        digest.update(&buffer[..read]);
        size_bytes += read as u64;
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> Result<()> {
    let written = File::create(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|source| failed(path, source))
}

/// Puts the names in a folder on disk.
fn sync_folder(path: &Path) -> Result<()> {
    let synced = File::open(path).and_then(|folder| folder.sync_all());
    synced.map_err(|source| failed(path, source))
}

/// A backup holds what customers said: only its owner may look into it.
fn create_private(path: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|source| failed(path, source))
}

fn partial_of(target: &Path) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    target.with_file_name(name)
}

fn parent_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// The folders and those above them, below `root`.
fn with_parents(folders: &BTreeSet<PathBuf>, root: &Path) -> BTreeSet<PathBuf> {
    let mut all = BTreeSet::new();
    for folder in folders {
        let above = folder.ancestors().take_while(|path| *path != root);
        all.extend(above.map(Path::to_path_buf));
    }
    all
}

fn failed(path: &Path, source: io::Error) -> BackupError {
    BackupError::File {
        path: path.display().to_string(),
        source,
    }
}
