//! Where in a text file something stands, and TOML reading whose errors say so.

use serde::de::DeserializeOwned;
use toml::Spanned;

use crate::error::{DiagnoseError, Place};
use crate::tree::MAX_FILE_BYTES;

/// A text file with its line starts.
pub(crate) struct TextFile<'a> {
    pub(crate) file: &'a str,
    pub(crate) text: &'a str,
    starts: Vec<usize>,
}

impl<'a> TextFile<'a> {
    pub(crate) fn new(file: &'a str, text: &'a str) -> Result<Self, DiagnoseError> {
        if text.len() > MAX_FILE_BYTES {
            return Err(DiagnoseError::TooLarge {
                place: Place {
                    file: file.to_owned(),
                    line: 0,
                },
                what: "the file's size in bytes",
                actual: text.len() as u64,
                limit: MAX_FILE_BYTES as u64,
            });
        }
        let starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Ok(Self { file, text, starts })
    }

    /// The place of a byte offset.
    pub(crate) fn place(&self, byte: usize) -> Place {
        let line = self.starts.partition_point(|&start| start <= byte);
        Place {
            file: self.file.to_owned(),
            line: u32::try_from(line).unwrap_or(u32::MAX),
        }
    }

    pub(crate) fn toml<T: DeserializeOwned>(&self) -> Result<T, DiagnoseError> {
        toml::from_str(self.text).map_err(|error| DiagnoseError::Syntax {
            place: self.place(error.span().map_or(0, |span| span.start)),
            reason: error.message().to_owned(),
        })
    }

    /// Parses a value, saying which field and line it stands in when it is refused.
    pub(crate) fn name<T, E: std::fmt::Display>(
        &self,
        field: &'static str,
        value: &Spanned<String>,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<T, DiagnoseError> {
        parse(value.get_ref()).map_err(|error| DiagnoseError::InvalidValue {
            place: self.place(value.span().start),
            name: value.get_ref().chars().take(80).collect(),
            field,
            reason: error.to_string(),
        })
    }

    pub(crate) fn too_large(&self, what: &'static str, actual: usize, limit: usize) -> DiagnoseError {
        DiagnoseError::TooLarge {
            place: Place {
                file: self.file.to_owned(),
                line: 0,
            },
            what,
            actual: actual as u64,
            limit: limit as u64,
        }
    }
}
