//! The long hashes of earlier photos, in a scratch file: they are most of a fingerprint, and only those few photos need them whose
//! short hashes are near.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::fingerprint::{AREAS, AreaHash, Fingerprint};

/// Bytes of one area: the dHash and the 256-bit hash.
const AREA_BYTES: usize = 8 + 32;
const RECORD_BYTES: usize = AREAS.len() * AREA_BYTES;

type Record = [u8; RECORD_BYTES];

/// Records by entry. In memory without a file, and for what could not be written to it.
#[derive(Debug, Default)]
pub(super) struct Hashes {
    file: Option<File>,
    memory: BTreeMap<u32, Box<Record>>,
}

impl Hashes {
    /// In a file without a name in `directory`, which is gone with the process.
    pub(super) fn in_directory(directory: &Path) -> io::Result<Self> {
        Ok(Self {
            file: Some(tempfile::tempfile_in(directory)?),
            memory: BTreeMap::new(),
        })
    }

    pub(super) fn put(&mut self, entry: u32, fingerprint: &Fingerprint) {
        let record = record_of(fingerprint);
        self.memory.remove(&entry);
        let written = self
            .file
            .as_ref()
            .is_some_and(|file| file.write_all_at(&record, offset(entry, 0)).is_ok());
        if !written {
            self.memory.insert(entry, Box::new(record));
        }
    }

    pub(super) fn forget(&mut self, entry: u32) {
        self.memory.remove(&entry);
    }

    /// The hashes of one area.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn get(&self, entry: u32, area: usize, coarse: u64) -> io::Result<AreaHash> {
        let mut bytes = [0; AREA_BYTES];
        match (self.memory.get(&entry), &self.file) {
            (Some(record), _) => bytes.copy_from_slice(&record[area * AREA_BYTES..][..AREA_BYTES]),
            (None, Some(file)) => file.read_exact_at(&mut bytes, offset(entry, area))?,
            (None, None) => return Err(io::ErrorKind::NotFound.into()),
        }
        let mut words = bytes
            .chunks_exact(8)
            .map(|word| word.iter().fold(0u64, |all, byte| all << 8 | u64::from(*byte)));
        let mut next = || words.next().unwrap_or_default();
        Ok(AreaHash {
            coarse,
            steps: next(),
            fine: std::array::from_fn(|_| next()),
        })
    }
}

fn record_of(fingerprint: &Fingerprint) -> Record {
    let mut record = [0; RECORD_BYTES];
    let words = fingerprint
        .areas
        .iter()
        .flat_map(|area| std::iter::once(area.steps).chain(area.fine));
    for (place, word) in record.chunks_exact_mut(8).zip(words) {
        place.copy_from_slice(&word.to_be_bytes());
    }
    record
}

fn offset(entry: u32, area: usize) -> u64 {
    u64::from(entry) * RECORD_BYTES as u64 + (area * AREA_BYTES) as u64
}
