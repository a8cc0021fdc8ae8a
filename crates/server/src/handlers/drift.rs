//! Whether what was foretold still comes true.

use axum::Json;
use axum::extract::State;

use crate::engine::DriftReport;
use crate::error::ApiError;
use crate::state::AppState;

/// Whether what was foretold still comes true: of first visits, by product line, with the alarm's statistic and its threshold.
#[utoipa::path(get, path = "/v1/drift", operation_id = "get_drift", tag = "diagnosis", responses((status = 200, body = DriftReport)))]
pub(crate) async fn get(State(state): State<AppState>) -> Result<Json<DriftReport>, ApiError> {
    Ok(Json(state.engine.drift().await?))
}
