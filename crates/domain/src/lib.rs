//! Words shared by two or more flows of shifu.
//!
//! Owns the validated names (`ProductLine`, `ModelNumber`, `FaultCode`, `PartNumber` …), the values that travel between
//! crates (`Passage`, `Citation`, `Photo`, `Finding`, `Verdict`, `Kit`, `Dialogue`, `Summary` …), the object-safe traits a
//! model fulfils (`models`), and the shared recognisers of codes, models, parts, values, negation and symptoms
//! (`recognise`). Everything is synchronous and pure: no file, no clock, no environment.
//!
//! It depends on no other crate of this workspace; every other crate may depend on it.

pub mod dialogue;
pub mod document;
pub mod finding;
pub mod kit;
pub mod models;
pub mod money;
pub mod names;
pub mod photo;
pub mod place;
pub mod probability;
pub mod recognise;
pub mod text;

pub use dialogue::{
    Dialogue, Field, FormKind, Line, PartMention, Speaker, Summary, SummaryByRole, SummaryFields, SummaryLine,
};
pub use document::{Citation, DocumentId, DocumentMetadata, Passage, PassageId};
pub use finding::{BoundingBox, Finding, FindingKind, Severity, Verdict};
pub use kit::{Kit, KitItem};
pub use money::Yuan;
pub use names::{
    Brand, CategoryId, CheckpointId, FaultCode, InvalidName, ModelNumber, ModelPattern, PartNumber,
    ProductLine, Region, SymptomId, TicketId,
};
pub use photo::{Photo, PhotoError};
pub use place::{Datum, Place};
pub use probability::{InvalidProbability, Probability};
pub use text::Span;
