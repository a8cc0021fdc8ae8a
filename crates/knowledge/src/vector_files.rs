//! Vectors of documents on disk: one file a document, written whole or not at all, checked when read.
//!
//! `shifu-vectors-1\n`, the length of the header in four bytes (little-endian, as all numbers), the header as JSON, a scale (f32) a vector,
//! the components (i8) vector by vector, and the SHA-256 of everything before it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use shifu_domain::models::ModelVersion;
use shifu_domain::{DocumentId, PassageId};

use crate::api::DocumentRecord;
use crate::nearness::DocumentVectors;
use crate::versions::Versions;

const MAGIC: &[u8] = b"shifu-vectors-1\n";
const ENDING: &str = "vectors";
/// How texts are cut and headed for the encoder; raised with a change of `dense.rs` that changes what the encoder is given.
const WINDOWS: u32 = 1;
const DIGEST_BYTES: usize = 32;

/// What vectors were made from, and by what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// Of the document's file.
    pub sha256: String,
    pub parser: u32,
    pub cutter: u32,
    pub windows: u32,
    pub model: ModelVersion,
    pub dimensions: usize,
}

impl Origin {
    pub(crate) fn new(
        record: &DocumentRecord,
        cut_by: Versions,
        model: &ModelVersion,
        dimensions: usize,
    ) -> Self {
        Self {
            sha256: record.sha256.clone(),
            parser: cut_by.parser,
            cutter: cut_by.cutter,
            windows: WINDOWS,
            model: model.clone(),
            dimensions,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Header {
    origin: Origin,
    passages: Vec<PassageId>,
    starts: Vec<usize>,
}

/// The folder of the files.
pub(crate) struct VectorFiles {
    folder: PathBuf,
}

impl VectorFiles {
    pub(crate) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    fn path(&self, id: &DocumentId) -> PathBuf {
        self.folder.join(format!("{}.{ENDING}", id.0))
    }

    /// The vectors of a document, when they are there, whole and of that origin.
    pub(crate) fn read(&self, id: &DocumentId, origin: &Origin) -> Option<DocumentVectors> {
        let bytes = fs::read(self.path(id)).ok()?;
        let (content, digest) = bytes.split_at_checked(bytes.len().checked_sub(DIGEST_BYTES)?)?;
        if Sha256::digest(content).as_slice() != digest {
            return None;
        }
        let (length, rest) = content.strip_prefix(MAGIC)?.split_first_chunk::<4>()?;
        let (header, numbers) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let header: Header = serde_json::from_slice(header).ok()?;
        let vectors = *header.starts.last()?;
        let ascending = header.starts.is_sorted() && header.starts.len() == header.passages.len() + 1;
        let (scales, components) = numbers.split_at_checked(vectors.checked_mul(4)?)?;
        let whole = components.len() == vectors.checked_mul(origin.dimensions)?;
        (header.origin == *origin && ascending && whole).then(|| DocumentVectors {
            passages: header.passages,
            starts: header.starts,
            components: components.iter().map(|byte| byte.cast_signed()).collect(),
            scales: scales
                .as_chunks::<4>()
                .0
                .iter()
                .map(|four| f32::from_le_bytes(*four))
                .collect(),
        })
    }

    /// Replaces the file of a document.
    pub(crate) fn write(
        &self,
        id: &DocumentId,
        origin: &Origin,
        vectors: &DocumentVectors,
    ) -> io::Result<()> {
        let header = serde_json::to_vec(&Header {
            origin: origin.clone(),
            passages: vectors.passages.clone(),
            starts: vectors.starts.clone(),
        })?;
        let length = u32::try_from(header.len()).map_err(io::Error::other)?;
        let mut bytes = MAGIC.to_vec();
        bytes.extend(length.to_le_bytes());
        bytes.extend(header);
        bytes.extend(vectors.scales.iter().flat_map(|scale| scale.to_le_bytes()));
        bytes.extend(
            vectors
                .components
                .iter()
                .map(|component| component.cast_unsigned()),
        );
        let digest = Sha256::digest(&bytes);
        bytes.extend(digest);
        fs::create_dir_all(&self.folder)?;
        let path = self.path(id);
        let part = path.with_extension("part");
        fs::write(&part, bytes)?;
        fs::rename(part, path)
    }

    /// Removes the file of a document; one that cannot be removed goes with [`VectorFiles::retain`].
    pub(crate) fn remove(&self, id: &DocumentId) {
        let _ = fs::remove_file(self.path(id));
    }

    /// Removes the files of documents that are not known. One that cannot be removed is found again the next time.
    pub(crate) fn retain(&self, known: impl Fn(&DocumentId) -> bool) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let ours = path.extension().is_some_and(|ending| ending == ENDING);
            let id = path.file_stem().and_then(|stem| stem.to_str());
            if ours && id.is_some_and(|id| !known(&DocumentId(id.to_owned()))) {
                let _ = fs::remove_file(path);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Origin {
        Origin {
            sha256: "ab".into(),
            parser: 1,
            cutter: 1,
            windows: WINDOWS,
            model: ModelVersion {
                name: "words".into(),
                version: "1".into(),
            },
            dimensions: 2,
        }
    }

    fn vectors() -> DocumentVectors {
        DocumentVectors {
            passages: vec![PassageId("d-0".into()), PassageId("d-1".into())],
            starts: vec![0, 2, 3],
            components: vec![127, -3, 0, 127, -127, 1],
            scales: vec![0.5, 0.25, 1.0],
        }
    }

    #[test]
    fn what_was_written_is_read_by_the_same_origin_only() {
        let dir = tempfile::tempdir().unwrap();
        let files = VectorFiles::new(&dir.path().join("vectors"));
        let id = DocumentId("d".into());
        assert_eq!(files.read(&id, &origin()), None);
        files.write(&id, &origin(), &vectors()).unwrap();
        assert_eq!(files.read(&id, &origin()), Some(vectors()));
        let mut other = origin();
        other.model.version = "2".into();
        assert_eq!(files.read(&id, &other), None, "another encoder");
        let other = Origin {
            cutter: 2,
            ..origin()
        };
        assert_eq!(files.read(&id, &other), None, "another cut");
    }

    #[test]
    fn a_damaged_or_short_file_is_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let files = VectorFiles::new(dir.path());
        let id = DocumentId("d".into());
        files.write(&id, &origin(), &vectors()).unwrap();
        let whole = fs::read(files.path(&id)).unwrap();
        for length in 0..whole.len() {
            fs::write(files.path(&id), &whole[..length]).unwrap();
            assert_eq!(files.read(&id, &origin()), None, "{length} bytes");
        }
        for at in 0..whole.len() {
            let mut turned = whole.clone();
            turned[at] ^= 1;
            fs::write(files.path(&id), turned).unwrap();
            assert_eq!(files.read(&id, &origin()), None, "bit of byte {at}");
        }
    }

    #[test]
    fn files_of_unknown_documents_go() {
        let dir = tempfile::tempdir().unwrap();
        let files = VectorFiles::new(dir.path());
        for id in ["d", "e"] {
            files
                .write(&DocumentId(id.into()), &origin(), &vectors())
                .unwrap();
        }
        files.retain(|id| id.0 == "e");
        assert!(!files.path(&DocumentId("d".into())).exists());
        assert!(files.path(&DocumentId("e".into())).exists());
    }
}
