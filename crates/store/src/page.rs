//! Pages of a list: newest first, stable while rows arrive.
//!
//! A cursor is the identifier of the last row given. Identifiers sort by time of creation, so a row that arrives later never
//! moves an earlier one to another page.

use serde::{Deserialize, Serialize};

use crate::{Result, StoreError};

/// Rows of a page unless the caller says otherwise.
const DEFAULT_LIMIT: u32 = 50;
/// Most rows of a page.
const MOST: u32 = 200;

/// Which part of a list is wanted. Empty texts and `None` do not filter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageRequest {
    /// Rows wanted, 1..=200; 50 when absent.
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Earliest creation, milliseconds since 1970, inclusive.
    pub from_ms: Option<i64>,
    /// Latest creation, milliseconds since 1970, exclusive.
    pub to_ms: Option<i64>,
    /// Only this ticket's rows.
    pub ticket_id: Option<String>,
    /// Only rows of this status.
    pub status: Option<String>,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Page<T> {
    /// Rows, newest first unless the list says otherwise.
    pub items: Vec<T>,
    /// Give it back for the next page; absent on the last.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// The same page with every row changed.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(change).collect(),
            next_cursor: self.next_cursor,
        }
    }
}

impl PageRequest {
    pub(crate) fn rows(&self) -> usize {
        self.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MOST) as usize
    }

    /// One more than wanted, to learn whether there is a next page.
    pub(crate) fn fetch(&self) -> i64 {
        self.rows() as i64 + 1
    }

    pub(crate) fn after(&self) -> Result<&str> {
        let cursor = self.cursor.as_deref().unwrap_or_default();
        if cursor.is_empty() || uuid::Uuid::parse_str(cursor).is_ok() {
            return Ok(cursor);
        }
        Err(StoreError::BadCursor(cursor.chars().take(80).collect()))
    }

    pub(crate) fn from(&self) -> i64 {
        self.from_ms.unwrap_or(0)
    }

    pub(crate) fn to(&self) -> i64 {
        self.to_ms.unwrap_or(i64::MAX)
    }

    pub(crate) fn page<T>(&self, mut items: Vec<T>, id: impl Fn(&T) -> String) -> Page<T> {
        let more = items.len() > self.rows();
        items.truncate(self.rows());
        let next_cursor = items.last().filter(|_| more).map(id);
        Page { items, next_cursor }
    }
}
