//! The files of a backup: their list, their paths, and what is put on disk before it counts.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use serde_json::json;
use sha2::{Digest, Sha256};

use super::{BackupError, Count, FILES, FileLine, OBJECTS, Result};

/// `files.jsonl` as it grows.
pub(super) struct FileList {
    path: PathBuf,
    file: BufWriter<File>,
    digest: Sha256,
    count: Count,
}

impl FileList {
    pub(super) fn create(folder: &Path) -> Result<Self> {
        let path = folder.join(FILES);
        let file = File::create(&path).map_err(|source| failed(&path, source))?;
        Ok(Self {
            path,
            file: BufWriter::new(file),
            digest: Sha256::new(),
            count: Count::default(),
        })
    }

    pub(super) fn add(&mut self, path: String, size_bytes: u64, sha256: String) -> Result<()> {
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

    pub(super) fn finish(self) -> Result<(Count, String)> {
        let written = self.file.into_inner().map_err(io::IntoInnerError::into_error);
        written
            .and_then(|file| file.sync_all())
            .map_err(|source| failed(&self.path, source))?;
        Ok((self.count, hex::encode(self.digest.finalize())))
    }
}

/// `objects/ab/cd/<sha256>`, as in the data directory.
pub(super) fn object_path(sha256: &str) -> String {
    let part = |range: std::ops::Range<usize>| sha256.get(range).unwrap_or("__");
    format!("{OBJECTS}/{}/{}/{sha256}", part(0..2), part(2..4))
}

pub(super) fn object_of(path: &str) -> Option<&str> {
    path.strip_prefix("objects/")?.rsplit('/').next()
}

pub(super) fn table_of(path: &str) -> Option<&str> {
    path.strip_prefix("records/")?.strip_suffix(".jsonl")
}

pub(super) fn digest_of(path: &Path) -> Result<(u64, String)> {
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

pub(super) fn write_synced(path: &Path, bytes: &[u8]) -> Result<()> {
    let written = File::create(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|source| failed(path, source))
}

/// Puts the names in a folder on disk.
pub(super) fn sync_folder(path: &Path) -> Result<()> {
    let synced = File::open(path).and_then(|folder| folder.sync_all());
    synced.map_err(|source| failed(path, source))
}

/// A backup holds what customers said: only its owner may look into it.
pub(super) fn create_private(path: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|source| failed(path, source))
}

pub(super) fn partial_of(target: &Path) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    target.with_file_name(name)
}

pub(super) fn parent_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// The folders and those above them, below `root`.
pub(super) fn with_parents(folders: &BTreeSet<PathBuf>, root: &Path) -> BTreeSet<PathBuf> {
    let mut all = BTreeSet::new();
    for folder in folders {
        let above = folder.ancestors().take_while(|path| *path != root);
        all.extend(above.map(Path::to_path_buf));
    }
    all
}

pub(super) fn failed(path: &Path, source: io::Error) -> BackupError {
    BackupError::File {
        path: path.display().to_string(),
        source,
    }
}
