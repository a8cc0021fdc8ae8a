//! The parts to send with a visit.

use serde::{Deserialize, Serialize};

use crate::money::Yuan;
use crate::names::PartNumber;
use crate::probability::Probability;

/// One line of a kit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct KitItem {
    /// The part to take, already replaced by its successor where superseded.
    pub part_number: PartNumber,
    /// Its name in the bill of materials.
    pub name: String,
    /// How many.
    pub quantity: u32,
    /// Price of one.
    pub price: Yuan,
    /// Chance that the repair needs it.
    pub probability_needed: Probability,
    /// Whether depot or van holds enough; absent when no stock was given.
    #[serde(default)]
    pub in_stock: Option<bool>,
    /// Parts that serve instead.
    #[serde(default)]
    pub alternatives: Vec<PartNumber>,
}

/// The parts to send, in descending order of the chance that they are needed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Kit {
    /// Lines.
    pub items: Vec<KitItem>,
}

impl Kit {
    /// Sum of price times quantity.
    #[must_use]
    pub fn cost(&self) -> Yuan {
        self.items.iter().map(|item| item.price * item.quantity).sum()
    }
}
