//! Most of each fingerprint, in a scratch file: only those few photos need it that are candidates.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::fingerprint::{Fingerprint, FrameHash, Kept, RECORD_BYTES, read_record};

/// Bytes of a record with its length in front.
const PLACE_BYTES: u64 = 2 + RECORD_BYTES as u64;

/// Records by entry. In memory without a file, and for what could not be written to it.
#[derive(Debug, Default)]
pub(super) struct Records {
    file: Option<File>,
    memory: BTreeMap<u32, Box<[u8]>>,
}

impl Records {
    /// In a file without a name in `directory`, which is gone with the process.
    pub(super) fn in_directory(directory: &Path) -> io::Result<Self> {
        Ok(Self {
            file: Some(tempfile::tempfile_in(directory)?),
            memory: BTreeMap::new(),
        })
    }

    pub(super) fn put(&mut self, entry: u32, fingerprint: &Fingerprint) {
        let record = fingerprint.record();
        self.memory.remove(&entry);
        let written = self.file.as_ref().is_some_and(|file| {
            let mut bytes = (record.len() as u16).to_be_bytes().to_vec();
            bytes.extend(&record);
            file.write_all_at(&bytes, u64::from(entry) * PLACE_BYTES).is_ok()
        });
        if !written {
            self.memory.insert(entry, record.into());
        }
    }

    pub(super) fn forget(&mut self, entry: u32) {
        self.memory.remove(&entry);
    }

    /// What is kept of a photo.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn get(&self, entry: u32) -> io::Result<(FrameHash, Option<Kept>)> {
        let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        match (self.memory.get(&entry), &self.file) {
            (Some(record), _) => read_record(record).map_err(invalid),
            (None, Some(file)) => {
                let at = u64::from(entry) * PLACE_BYTES;
                let mut length = [0; 2];
                file.read_exact_at(&mut length, at)?;
                let mut record = vec![0; usize::from(u16::from_be_bytes(length))];
                file.read_exact_at(&mut record, at + 2)?;
                read_record(&record).map_err(invalid)
            }
            (None, None) => Err(io::ErrorKind::NotFound.into()),
        }
    }
}
