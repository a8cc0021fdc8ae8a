//! Documents, the passages they are cut into, and citations of them.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::finding::BoundingBox;
use crate::names::{Brand, ModelNumber, ProductLine};
use crate::text::Span;

/// Identifies a document: lower-case hexadecimal or UUID, made by whoever stores it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
pub struct DocumentId(pub String);

/// Identifies a passage: `<document id>-<number from 0 within the document>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
pub struct PassageId(pub String);

/// What the operator says about a document; contract `POST /v1/documents`, part `metadata`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DocumentMetadata {
    /// Title as cited.
    pub title: String,
    /// Product line it applies to.
    pub product_line: ProductLine,
    /// Brand, where the operator serves several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand: Option<Brand>,
    /// Models it applies to; empty: every model of the product line.
    #[serde(default)]
    pub models: Vec<ModelNumber>,
    /// Revision as printed.
    #[serde(default)]
    pub revision: String,
    /// First day on which it is valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    pub effective_date: Option<Date>,
    /// The document this one replaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<DocumentId>,
}

/// A piece of one page that can be found and cited: a paragraph, a step list, a table row with its heading and header.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Passage {
    /// Its own identifier.
    pub passage_id: PassageId,
    /// The document it is from.
    pub document_id: DocumentId,
    /// Physical page, from 1.
    pub page: u32,
    /// Page number as printed, where it differs or is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_label: Option<String>,
    /// Headings from the outermost to the nearest.
    pub section: Vec<String>,
    /// The text; what `span` counts in.
    pub text: String,
    /// Position within the page's text.
    pub span: Span,
    /// Position on the page, where the format has one.
    #[serde(rename = "box", default, skip_serializing_if = "Option::is_none")]
    pub area: Option<BoundingBox>,
}

/// Points from an answer to the words it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Citation {
    /// The document.
    pub document_id: DocumentId,
    /// Its title.
    pub title: String,
    /// Physical page, from 1.
    pub page: u32,
    /// Page number as printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_label: Option<String>,
    /// Headings joined by ` › `.
    pub section: String,
    /// The cited words, verbatim.
    pub quote: String,
    /// Where the quote stands in the passage's text.
    pub span: Span,
    /// The passage.
    pub passage_id: PassageId,
}
