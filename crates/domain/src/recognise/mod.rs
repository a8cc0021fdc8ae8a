//! Recognisers shared by knowledge, inspection, diagnosis and tickets: pure functions over a [`Lexicon`] that the caller loads.
//!
//! Text comes in as people write it (full width, hyphens, spaces, "显示屏闪6次"); [`Mention`]s with spans in the original text
//! go out. Nothing here knows files, indexes or models.

mod codes;
mod folded;
mod lexicon;
mod models;
mod negation;
mod numerals;
mod parts;
mod product_lines;
mod symptoms;
mod values;

#[cfg(test)]
mod tests;

pub use lexicon::Lexicon;
pub use numerals::parse as parse_numeral;
pub use product_lines::common_product_lines;

use serde::{Deserialize, Serialize};

use crate::names::{FaultCode, ModelNumber, ModelPattern, PartNumber, ProductLine, SymptomId};
use crate::text::Span;

/// What an operator's appliances are called: built from bills of materials, fault trees and document metadata.
#[derive(Debug, Clone, Default)]
pub struct LexiconEntries {
    /// Every product line with the names people use for it (空调, 挂机 …).
    pub product_lines: Vec<(ProductLine, Vec<String>)>,
    /// Known models.
    pub models: Vec<ModelNumber>,
    /// Known parts with their names.
    pub parts: Vec<(PartNumber, String)>,
    /// Known fault codes with the models they apply to (empty: all).
    pub fault_codes: Vec<(FaultCode, Vec<ModelPattern>)>,
    /// Symptoms with the phrases that express them.
    pub symptoms: Vec<(SymptomId, Vec<String>)>,
}

/// Something recognised in a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mention {
    /// Where, in characters of the original text.
    pub span: Span,
    /// What.
    pub kind: MentionKind,
}

/// What a mention is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum MentionKind {
    /// A fault code, in whatever spelling.
    FaultCode {
        /// Canonical code.
        code: FaultCode,
        /// Whether the lexicon knows it.
        known: bool,
    },
    /// A count of lamp blinks (显示屏闪6次, 指示灯闪烁3下): which code it means is the manual's to say.
    Blinks {
        /// How many.
        count: u32,
    },
    /// An appliance model or a prefix of one that a person would say ("KFR-35").
    Model {
        /// As written, canonical.
        model: ModelNumber,
        /// Known models it may mean; empty: unknown to the lexicon.
        candidates: Vec<ModelNumber>,
    },
    /// A part number.
    Part {
        /// Canonical number.
        part: PartNumber,
        /// Whether the lexicon knows it.
        known: bool,
    },
    /// A part by its name in the lexicon.
    PartName {
        /// Numbers of the parts of this name.
        parts: Vec<PartNumber>,
    },
    /// A number with a unit.
    Value {
        /// The number.
        number: f64,
        /// The unit, canonical (`MPa`, `g`, `℃`, `A`, `V`, `Ω`, `kΩ`, `mm`, `m`, `min`, `h`, `元` …).
        unit: String,
    },
    /// A symptom of the fault tree.
    Symptom {
        /// Which.
        id: SymptomId,
        /// `false` when negated ("不漏水").
        present: bool,
        /// `true` when hedged ("好像", "可能", "有点像").
        uncertain: bool,
    },
    /// A product line by one of its names.
    ProductLine {
        /// Which.
        product_line: ProductLine,
    },
}
