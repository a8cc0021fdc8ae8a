//! Whether what was foretold still comes true.

use serde::{Deserialize, Serialize};
use shifu_diagnosis::FirstVisits;
use shifu_domain::ProductLine;

use super::Engine;
use crate::error::ApiError;

/// Whether what was foretold still comes true, check by check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DriftReport {
    /// Product lines that have a fault tree: first visits beside what was foretold of them.
    pub fault_trees: Vec<TreeDrift>,
}

/// A product line's first visits beside what was foretold of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TreeDrift {
    /// The product line.
    pub product_line: ProductLine,
    /// What the numbers say.
    pub state: DriftState,
    /// The numbers.
    #[serde(flatten)]
    pub first_visits: FirstVisits,
}

/// What the numbers of a check say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DriftState {
    /// Nothing to judge by yet.
    NoOutcomes,
    /// What was foretold comes true.
    Steady,
    /// It no longer does.
    Alarm,
}

impl Engine {
    /// Whether what was foretold still comes true, by all that was reported until now.
    ///
    /// # Errors
    /// `Overloaded` when there is no place for the work.
    pub async fn drift(&self) -> Result<DriftReport, ApiError> {
        let mut fault_trees = Vec::new();
        for product_line in self.product_lines() {
            let model = self.line(&product_line)?;
            let judged = self
                .gate
                .bulk(move || model.ask(|diagnosis| diagnosis.first_visits()))
                .await?;
            fault_trees.extend(judged.map(|first_visits| TreeDrift {
                state: state(&first_visits),
                product_line,
                first_visits,
            }));
        }
        Ok(DriftReport { fault_trees })
    }
}

fn state(visits: &FirstVisits) -> DriftState {
    match (&visits.all, visits.drift.alarm) {
        (None, _) => DriftState::NoOutcomes,
        (Some(_), true) => DriftState::Alarm,
        (Some(_), false) => DriftState::Steady,
    }
}
