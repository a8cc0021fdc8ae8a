//! A consistent copy of the index folder, taken beside a running writer.
//!
//! Tantivy never changes a file of a published segment: a commit writes new files, then replaces `meta.json`, and only then removes
//! what it no longer names. So the files that `meta.json` names, copied between two readings of it that are the same, are one
//! published state.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::error::KnowledgeError;

const META: &str = "meta.json";
const MANAGED: &str = ".managed.json";
/// How often a copy is begun again because a commit came between. What was copied stays copied, so each round is shorter.
const ROUNDS: u32 = 200;
const PAUSE: Duration = Duration::from_millis(25);

#[derive(Deserialize)]
struct Meta {
    segments: Vec<Segment>,
}

#[derive(Deserialize)]
struct Segment {
    segment_id: String,
    deletes: Option<Deletes>,
}

#[derive(Deserialize)]
struct Deletes {
    opstamp: u64,
}

/// Copies the published state of the index in `from` into the new folder `to` and gives the names of its files, in order; `None` when
/// there is no index yet. Nothing in `from` is locked or changed.
///
/// # Errors
/// [`KnowledgeError::Io`] when a file cannot be read or written, [`KnowledgeError::IncompatibleIndex`] when `meta.json` is not
/// understood, [`KnowledgeError::Locked`] when the index never held still.
pub fn copy_index(from: &Path, to: &Path) -> Result<Option<Vec<PathBuf>>, KnowledgeError> {
    fs::create_dir_all(to).map_err(|source| failed(to, source))?;
    for _ in 0..ROUNDS {
        let Some(before) = read_meta(from)? else {
            return Ok(None);
        };
        let names = files_of(from, &before)?;
        let whole = copy_missing(from, to, &names)?;
        if whole && read_meta(from)?.as_deref() == Some(before.as_slice()) {
            return finish(to, names, &before).map(Some);
        }
        std::thread::sleep(PAUSE);
    }
    Err(KnowledgeError::Locked {
        dir: from.display().to_string(),
    })
}

fn read_meta(from: &Path) -> Result<Option<Vec<u8>>, KnowledgeError> {
    let path = from.join(META);
    match fs::read(&path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(failed(&path, source)),
    }
}

/// Names of the files in the folder that belong to the segments of `meta`.
fn files_of(from: &Path, meta: &[u8]) -> Result<BTreeSet<OsString>, KnowledgeError> {
    let incompatible = || KnowledgeError::IncompatibleIndex {
        dir: from.display().to_string(),
    };
    let meta: Meta = serde_json::from_slice(meta).map_err(|_| incompatible())?;
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(from).map_err(|source| failed(from, source))? {
        let name = entry.map_err(|source| failed(from, source))?.file_name();
        if name.to_str().is_some_and(|name| belongs(name, &meta.segments)) {
            names.insert(name);
        }
    }
    Ok(names)
}

/// `<segment>.<component>`, or `<segment>.<opstamp>.del` for the deletions in force.
fn belongs(name: &str, segments: &[Segment]) -> bool {
    let Some((stem, rest)) = name.split_once('.') else {
        return false;
    };
    let own = segments
        .iter()
        .find(|segment| segment.segment_id.replace('-', "") == stem);
    let Some(segment) = own else { return false };
    if !rest.ends_with("del") {
        return true;
    }
    segment
        .deletes
        .as_ref()
        .is_some_and(|deletes| rest == format!("{}.del", deletes.opstamp))
}

/// Copies what is not there yet; `false` when a file vanished meanwhile.
fn copy_missing(from: &Path, to: &Path, names: &BTreeSet<OsString>) -> Result<bool, KnowledgeError> {
    for name in names {
        let target = to.join(name);
        if target.exists() {
            continue;
        }
        let part = to.join("part");
        match fs::copy(from.join(name), &part) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(source) => return Err(failed(&target, source)),
        }
        fs::rename(&part, &target).map_err(|source| failed(&target, source))?;
    }
    Ok(true)
}

/// Leaves what is named and nothing else, with the list from which tantivy later knows what it may remove.
fn finish(to: &Path, mut names: BTreeSet<OsString>, meta: &[u8]) -> Result<Vec<PathBuf>, KnowledgeError> {
    for entry in fs::read_dir(to).map_err(|source| failed(to, source))? {
        let name = entry.map_err(|source| failed(to, source))?.file_name();
        if !names.contains(&name) {
            fs::remove_file(to.join(&name)).map_err(|source| failed(&to.join(&name), source))?;
        }
    }
    names.insert(META.into());
    let managed: Vec<&str> = names.iter().filter_map(|name| name.to_str()).collect();
    let managed = serde_json::to_vec(&managed).unwrap_or_default();
    for (name, bytes) in [(META, meta), (MANAGED, managed.as_slice())] {
        fs::write(to.join(name), bytes).map_err(|source| failed(&to.join(name), source))?;
    }
    names.insert(MANAGED.into());
    Ok(names.into_iter().map(PathBuf::from).collect())
}

fn failed(path: &Path, source: io::Error) -> KnowledgeError {
    KnowledgeError::Io {
        path: path.display().to_string(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use shifu_domain::{DocumentId, DocumentMetadata, ProductLine};

    use super::*;
    use crate::{DocumentUpload, Library, LibraryOptions};

    fn upload(number: usize) -> DocumentUpload {
        DocumentUpload {
            bytes: format!("# 手册 {number}\n\n代码 E{number} 表示第 {number} 号故障，请检查接线。\n")
                .into_bytes(),
            file_name: "m.md".into(),
            metadata: DocumentMetadata {
                title: format!("手册 {number}"),
                product_line: ProductLine::new("split_air_conditioner").unwrap(),
                brand: None,
                models: Vec::new(),
                revision: String::new(),
                effective_date: None,
                supersedes: None,
            },
            document_id: DocumentId(format!("d{number}")),
        }
    }

    #[test]
    fn a_folder_without_an_index_gives_nothing() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        assert_eq!(copy_index(from.path(), &to.path().join("index")).unwrap(), None);
    }

    #[test]
    fn copies_taken_while_documents_come_and_go_are_each_one_published_state() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let library = Library::open(from.path(), LibraryOptions::default()).unwrap();
        for number in 0..4 {
            library.add(&upload(number), &mut |_| {}).unwrap();
        }
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut number = 4;
                while !stop.load(Ordering::Relaxed) {
                    library.add(&upload(number), &mut |_| {}).unwrap();
                    library.remove(&DocumentId(format!("d{}", number - 4))).unwrap();
                    number += 1;
                }
            });
            for copy in 0..5 {
                let folder = to.path().join(copy.to_string());
                let names = copy_index(from.path(), &folder).unwrap().unwrap();
                assert!(names.iter().all(|name| folder.join(name).is_file()));
                // Between an addition and a removal there are five documents, otherwise four.
                let copied = Library::open(&folder, LibraryOptions::default()).unwrap();
                let records = copied.list();
                assert!((4..=5).contains(&records.len()), "{records:?}");
                for record in records {
                    assert_eq!(
                        copied.passages(&record.document_id).unwrap().len() as u32,
                        record.passages
                    );
                }
                copied.add(&upload(9_999), &mut |_| {}).unwrap();
            }
            stop.store(true, Ordering::Relaxed);
        });
    }
}
