//! Dialogues to summaries, and free text to structured tickets.
//!
//! In: a [`shifu_domain::Dialogue`] (at most [`limits::MOST_LINES`] lines) or a note of at most [`limits::MOST_NOTE_CHARS`] characters,
//! and the operator's [`shifu_domain::recognise::Lexicon`]. Out: a [`shifu_domain::Summary`] whose every sentence and field keeps the
//! lines it rests on, or a [`StructuredTicket`] whose every field keeps the spans it was read from.
//!
//! Nothing is generated: a sentence of a summary is an utterance with its fillers taken out, a field is a stretch of a line.
//! Sentences are ranked by LexRank (Erkan & Radev 2004) over character bigrams, chosen by maximal marginal relevance
//! (Carbonell & Goldstein 1998) after the slots of the form have each got a line.

mod address;
mod appointment;
mod contact;
mod cues;
mod error;
mod fields;
mod graph;
mod intake;
pub mod limits;
mod parts;
mod places;
pub mod rouge;
pub mod scoring;
mod select;
mod summarizer;
mod urgency;
mod utterance;

pub use error::TicketError;
pub use intake::{
    Evidenced, IntakeAddress, IntakeAppointment, IntakeContact, IntakeReader, IntakeSymptom, MissingField,
    StructuredTicket, Urgency,
};
pub use summarizer::Summarizer;
