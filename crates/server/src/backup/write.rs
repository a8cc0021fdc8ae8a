//! Writing a backup beside a running server.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use shifu_knowledge::copy_index;
use shifu_store::{Store, StoreError};

use super::files::{
    FileList, create_private, digest_of, failed, object_path, parent_of, partial_of, sync_folder,
    with_parents, write_synced,
};
use super::{BackupError, Count, FORMAT, INDEX, MANIFEST, Manifest, Progress, RECORDS, Result, Stage};
use crate::config::Config;

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
