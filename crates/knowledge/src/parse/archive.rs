//! The parts of a DOCX or XLSX file: entries of a ZIP archive, unfolded within limits. Names are looked up and never become
//! paths, so that an entry called `../../x` is only an entry that nobody asks for.

use std::io::{Cursor, Read};

use quick_xml::events::BytesStart;

use super::{Fault, OverLimit, encoding};
use crate::limits::Limits;

/// An open archive.
pub(super) struct Archive<'a> {
    zip: zip::ZipArchive<Cursor<&'a [u8]>>,
    limits: Limits,
    /// Bytes that may still be unfolded.
    left: u64,
}

/// Attributes looked at on one XML tag.
const MOST_ATTRIBUTES: usize = 64;

impl<'a> Archive<'a> {
    /// Opens an archive whose directory is within the limits.
    pub(super) fn open(bytes: &'a [u8], limits: &Limits) -> Result<Self, Fault> {
        // Counted before the directory is read, by the mark that stands before each of its entries.
        let entries = memchr::memmem::find_iter(bytes, b"PK\x01\x02")
            .take(limits.archive_entries + 1)
            .count();
        if entries > limits.archive_entries {
            return Err(Fault::Over(OverLimit {
                limit: "archive_entries",
                max: limits.archive_entries as u64,
                actual: entries as u64,
            }));
        }
        let zip =
            zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| Fault::Damaged(error.to_string()))?;
        Ok(Self {
            zip,
            limits: *limits,
            left: limits.unpacked_bytes,
        })
    }

    /// The text of one entry; `None` when the archive has none of this name.
    pub(super) fn part(&mut self, name: &str) -> Result<Option<String>, Fault> {
        let entry = match self.zip.by_name(name) {
            Ok(entry) => entry,
            Err(zip::result::ZipError::FileNotFound) => return Ok(None),
            Err(zip::result::ZipError::UnsupportedArchive(zip::result::ZipError::PASSWORD_REQUIRED)) => {
                return Err(Fault::Password);
            }
            Err(error) => return Err(Fault::Damaged(format!("{name}: {error}"))),
        };
        if entry.encrypted() {
            return Err(Fault::Password);
        }
        let packed = entry.compressed_size().max(1);
        let most = self
            .left
            .min((packed.saturating_mul(self.limits.unpack_ratio)).max(1 << 20));
        let mut bytes = Vec::new();
        entry
            .take(most + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| Fault::Damaged(format!("{name}: {error}")))?;
        let actual = bytes.len() as u64;
        if actual > most {
            return Err(Fault::Over(OverLimit {
                limit: "unpacked_bytes",
                max: most,
                actual,
            }));
        }
        self.left -= actual;
        // A valid part is not copied. XML is UTF-8 unless it says otherwise, so broken bytes cost only themselves.
        Ok(Some(String::from_utf8(bytes).unwrap_or_else(|error| {
            let bytes = error.as_bytes();
            match bytes {
                [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => encoding::decode(bytes, None),
                _ => String::from_utf8_lossy(bytes).into_owned(),
            }
        })))
    }
}

/// The value of an attribute by its name without prefix.
pub(super) fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    // Without checks: comparing each attribute with all others would cost the square of their number.
    let mut attributes = tag.attributes();
    attributes.with_checks(false);
    attributes
        .take(MOST_ATTRIBUTES)
        .flatten()
        .find(|a| a.key.0.rsplit(':').next() == Some(name))
        .map(|a| a.value.into_owned())
}

/// A tag's name without prefix.
pub(super) fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// The character of a predefined entity.
pub(super) fn named_entity(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => return None,
    })
}
