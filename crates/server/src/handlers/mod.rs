//! Handlers: each extracts, calls one verb, wraps.

pub(crate) mod admin;
pub(crate) mod alerts;
pub(crate) mod answers;
pub(crate) mod batch;
pub(crate) mod console;
pub(crate) mod diagnosis;
pub(crate) mod documents;
pub(crate) mod drift;
pub(crate) mod health;
pub(crate) mod inspections;
pub(crate) mod mcp;
pub(crate) mod openai;
pub(crate) mod standards;
pub(crate) mod suggestions;
pub(crate) mod tickets;
pub(crate) mod webhooks;

use serde::{Deserialize, Serialize};
use shifu_store::Page;

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct Listing<T> {
    /// The page, newest first unless the call says otherwise.
    pub(crate) items: Vec<T>,
    /// Give it back as `cursor` for the next page; null on the last.
    pub(crate) next_cursor: Option<String>,
}

impl<T> From<Page<T>> for Listing<T> {
    fn from(page: Page<T>) -> Self {
        Self {
            items: page.items,
            next_cursor: page.next_cursor,
        }
    }
}
