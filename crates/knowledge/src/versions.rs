//! What an index was made by: its version of parser, cutter, analysis and schema, kept with each commit.

use serde::{Deserialize, Serialize};

/// Raised by whoever changes what the stage makes of the same file. An index of other versions is built again from the originals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Versions {
    /// `parse`: bytes → document.
    pub parser: u32,
    /// `passages.rs`: document → passages.
    pub cutter: u32,
    /// `analysis.rs` and `terms.rs`: passage → terms.
    pub analysis: u32,
    /// `index.rs`: fields.
    pub schema: u32,
}

impl Versions {
    /// Of this program.
    pub(crate) const CURRENT: Self = Self {
        parser: 2,
        cutter: 2,
        analysis: 2,
        schema: 1,
    };
    /// Of an index that does not say.
    pub(crate) const UNSTATED: Self = Self {
        parser: 0,
        cutter: 0,
        analysis: 0,
        schema: 0,
    };

    /// As a commit carries them.
    pub(crate) fn to_payload(self) -> String {
        serde_json::to_string(&self).unwrap_or_default()
    }

    /// Of the payload of a commit.
    pub(crate) fn of_payload(payload: Option<&str>) -> Self {
        payload
            .and_then(|json| serde_json::from_str(json).ok())
            .unwrap_or(Self::UNSTATED)
    }
}
