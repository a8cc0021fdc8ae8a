//! Calls over many items: a bad item is a reported result, not a failed batch.

use axum::Json;
use axum::http::{HeaderMap, header};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::{ApiError, Language};
use crate::extract;
use crate::state::AppState;

/// The items of a batch: `{"items": […]}`, or the list itself.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "{\"items\": […]} or a list")]
pub(crate) enum Batch {
    /// The list itself.
    List(Vec<Value>),
    /// The list in an object.
    Object {
        /// The items.
        items: Vec<Value>,
    },
}

impl Batch {
    /// Runs `verb` on each item in turn and puts what came of it in its place: a result, or `error`.
    ///
    /// # Errors
    /// `PayloadTooLarge` for more items than allowed.
    pub(crate) async fn each<T, R, F, Done>(
        self,
        state: &AppState,
        headers: &HeaderMap,
        verb: F,
    ) -> Result<Json<Value>, ApiError>
    where
        T: DeserializeOwned,
        R: Serialize,
        F: Fn(T) -> Done,
        Done: Future<Output = Result<R, ApiError>>,
    {
        let (Self::List(items) | Self::Object { items }) = self;
        let most = state.config().limits.batch_items;
        if items.len() > most {
            return Err(ApiError::too_large("batch_items", most, Some(items.len())));
        }
        let accepted = headers.get(header::ACCEPT_LANGUAGE);
        let language = Language::preferred(accepted.and_then(|value| value.to_str().ok()));
        let mut results = Vec::with_capacity(items.len());
        for item in items {
            let result = match extract::from_json::<T>(item.to_string().as_bytes()) {
                Ok(item) => verb(item).await,
                Err(error) => Err(error),
            };
            results.push(match result {
                Ok(result) => json!(result),
                Err(error) => json!(error.body("", language)),
            });
        }
        Ok(Json(json!({ "items": results })))
    }
}
