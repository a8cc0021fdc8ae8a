//! Checking a backup, and putting it into an empty data directory.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};
use serde_json::json;
use shifu_knowledge::{Library, LibraryOptions};
use shifu_store::{Store, UNFINISHED_RESTORE};

use super::files::{digest_of, failed, object_of, sync_folder, table_of, write_synced};
use super::{
    BackupError, Count, FILES, FORMAT, FileLine, INDEX, MANIFEST, Manifest, OBJECTS, Progress, RECORDS,
    Result, Stage,
};
use crate::config::Config;

/// What an empty data directory may hold: models installed beforehand, and what a fresh file system has.
const MAY_BE_THERE: [&str; 2] = ["models", "lost+found"];

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
