//! An index that another version made serves on while a new one is built beside it from the originals; then the two change places.
//!
//! Beside the folder `index` lie `index.next`, the one being built; for a moment `index.old`, the one that was replaced; and
//! `index.unreadable`, one that could not be opened. Changes of documents go into the index that serves; the new one takes its place
//! only when it has the same documents. A process that dies half-way finds `index.next` again and goes on.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use shifu_domain::DocumentId;

use crate::api::{DocumentRecord, DocumentUpload};
use crate::error::KnowledgeError;
use crate::index::PassageIndex;
use crate::library::Library;
use crate::parse::ParseProgress;
use crate::versions::Versions;

const NEXT: &str = "next";
const OLD: &str = "old";
const UNREADABLE: &str = "unreadable";

impl Library {
    /// Whether the index in use was made by another version of parser, cutter, analysis or schema than this program's.
    #[must_use]
    pub fn outdated(&self) -> bool {
        self.folder.is_some() && self.index().versions() != Versions::CURRENT
    }

    /// Documents that the new index lacks; begins one, or goes on with what an earlier process built.
    ///
    /// # Errors
    /// [`KnowledgeError::Index`], [`KnowledgeError::Io`]; [`KnowledgeError::Locked`] when another process builds one.
    pub fn to_rebuild(&self) -> Result<Vec<DocumentId>, KnowledgeError> {
        let _changing = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        self.lacking()
    }

    /// With `changes` held: brings the records of the new index up to date, and names the documents that it lacks.
    fn lacking(&self) -> Result<Vec<DocumentId>, KnowledgeError> {
        // A command that runs beside a server may have added documents.
        self.index().reload()?;
        self.refresh()?;
        let next = self.next()?;
        let built: BTreeMap<DocumentId, DocumentRecord> = next
            .records(&next.searcher())?
            .into_iter()
            .map(|record| (record.document_id.clone(), record))
            .collect();
        let snapshot = self.snapshot();
        let mut lacking = Vec::new();
        let mut stale = Vec::new();
        for record in snapshot.catalog.records() {
            match built.get(&record.document_id) {
                Some(own) if own.sha256 == record.sha256 => {
                    let now = as_read(record, own);
                    if now != *own {
                        stale.push((now, None));
                    }
                }
                _ => lacking.push(record.document_id.clone()),
            }
        }
        let gone: Vec<DocumentId> = built
            .into_keys()
            .filter(|id| snapshot.catalog.get(id).is_none())
            .collect();
        if !stale.is_empty() || !gone.is_empty() {
            next.publish(&stale, &gone)?;
        }
        Ok(lacking)
    }

    /// Puts a document into the new index: its original, parsed and cut by this program, under the record that it has. One that was
    /// removed or replaced meanwhile is left out.
    ///
    /// # Errors
    /// [`KnowledgeError`] names the file and the reason; [`Library::carry_over`] then keeps what the old index has of it.
    pub fn rebuild(
        &self,
        upload: &DocumentUpload,
        progress: &mut dyn FnMut(ParseProgress),
    ) -> Result<(), KnowledgeError> {
        let (read, passages) = self.read(upload, progress)?;
        let _changing = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let record = self.get(&upload.document_id);
        match record.filter(|record| record.sha256 == read.sha256) {
            Some(record) => self
                .next()?
                .publish(&[(as_read(&record, &read), Some(passages))], &[]),
            None => Ok(()),
        }
    }

    /// Puts the passages that the old index has of a document into the new one, as they are: for one whose original is gone or can no
    /// longer be read.
    ///
    /// # Errors
    /// [`KnowledgeError::Index`], [`KnowledgeError::Io`].
    pub fn carry_over(&self, id: &DocumentId) -> Result<(), KnowledgeError> {
        let _changing = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let snapshot = self.snapshot();
        let Some(record) = snapshot.catalog.get(id) else {
            return Ok(());
        };
        let passages = self.index().passages_of(&snapshot.searcher, id)?;
        self.next()?.publish(&[(record.clone(), Some(passages))], &[])
    }

    /// Puts the new index in the place of the old one when it has every document, and says whether it did. Questions are answered
    /// throughout: from the old one until the new one is open.
    ///
    /// # Errors
    /// [`KnowledgeError::Index`], [`KnowledgeError::Io`]; whichever index lies in the folder then is whole.
    pub fn publish_rebuilt(&self) -> Result<bool, KnowledgeError> {
        let _changing = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(folder) = &self.folder else {
            return Ok(false);
        };
        if !self.lacking()?.is_empty() {
            return Ok(false);
        }
        self.next()?.close()?;
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = None;
        // A merge of the old one that is still running would write into the new one's folder.
        self.index().close()?;
        exchange(folder)?;
        self.use_index(PassageIndex::open(folder)?)?;
        remove(&beside(folder, OLD))?;
        Ok(true)
    }

    /// The new index, opened or begun.
    fn next(&self) -> Result<Arc<PassageIndex>, KnowledgeError> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(next) = &*next {
            return Ok(next.clone());
        }
        let opened = match &self.folder {
            Some(folder) => open_next(&beside(folder, NEXT))?,
            None => PassageIndex::in_memory()?,
        };
        Ok(next.insert(Arc::new(opened)).clone())
    }
}

/// What an earlier process left of a new index, or an empty one where that was of yet another version.
fn open_next(folder: &Path) -> Result<PassageIndex, KnowledgeError> {
    match PassageIndex::open(folder) {
        Ok(index) if index.versions() == Versions::CURRENT => return Ok(index),
        Ok(_) | Err(KnowledgeError::IncompatibleIndex { .. }) => {}
        Err(error) => return Err(error),
    }
    remove(folder)?;
    PassageIndex::open(folder)
}

/// The record of a document with what reading it gave.
fn as_read(record: &DocumentRecord, read: &DocumentRecord) -> DocumentRecord {
    DocumentRecord {
        pages: read.pages,
        passages: read.passages,
        ocr_pages: read.ocr_pages.clone(),
        skipped: read.skipped.clone(),
        ..record.clone()
    }
}

/// The folder of that name beside a folder.
pub(crate) fn beside(folder: &Path, name: &str) -> PathBuf {
    let mut own = folder.file_name().unwrap_or_default().to_owned();
    own.push(format!(".{name}"));
    folder.with_file_name(own)
}

/// Moves an index that cannot be opened out of the way, to `<folder>.unreadable`, and gives that name; what lay there before is removed.
///
/// # Errors
/// [`KnowledgeError::Locked`] while another process writes to it, [`KnowledgeError::Io`].
pub fn set_aside(folder: &Path) -> Result<PathBuf, KnowledgeError> {
    let lock = folder.join(&*tantivy::directory::INDEX_WRITER_LOCK.filepath);
    let held = fs::OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(false)
        .open(&lock)
        .map_err(|source| failed(&lock, source))?;
    if held.try_lock().is_err() {
        return Err(KnowledgeError::Locked {
            dir: folder.display().to_string(),
        });
    }
    let aside = beside(folder, UNREADABLE);
    remove(&aside)?;
    rename(folder, &aside)?;
    Ok(aside)
}

/// Puts `index.next` in the place of `index`. Between the two steps there is no `index`: [`finish_exchange`] then does the second.
fn exchange(folder: &Path) -> Result<(), KnowledgeError> {
    remove(&beside(folder, OLD))?;
    rename(folder, &beside(folder, OLD))?;
    rename(&beside(folder, NEXT), folder)
}

/// Ends an exchange that a crash cut off.
pub(crate) fn finish_exchange(folder: &Path) -> Result<(), KnowledgeError> {
    let (old, next) = (beside(folder, OLD), beside(folder, NEXT));
    if !old.exists() {
        return Ok(());
    }
    if !folder.exists() {
        rename(if next.exists() { &next } else { &old }, folder)?;
    }
    remove(&old)
}

fn rename(from: &Path, to: &Path) -> Result<(), KnowledgeError> {
    fs::rename(from, to).map_err(|source| failed(from, source))?;
    let parent = match to.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return Ok(()),
    };
    // The name is on disk when its folder is.
    let synced = fs::File::open(parent).and_then(|parent| parent.sync_all());
    synced.map_err(|source| failed(parent, source))
}

fn remove(folder: &Path) -> Result<(), KnowledgeError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(folder, error)),
        _ => Ok(()),
    }
}

fn failed(path: &Path, source: io::Error) -> KnowledgeError {
    KnowledgeError::Io {
        path: path.display().to_string(),
        source,
    }
}

#[cfg(test)]
mod tests;
