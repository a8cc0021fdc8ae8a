//! Dialogues to summaries, free text to structured tickets.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shifu_domain::{Dialogue, FormKind, Summary, TicketId};
use shifu_store::TicketRecord;
use shifu_tickets::{IntakeReader, StructuredTicket, Summarizer, TicketError};

use super::Engine;
use crate::access::Caller;
use crate::error::ApiError;
use crate::observe::timed;

/// A dialogue to summarise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SummaryRequest {
    /// Lines in order.
    pub dialogue: Dialogue,
    /// The ticket it is about; the summary is kept with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<TicketId>,
    /// What form the summary takes.
    #[serde(default)]
    pub form: FormKind,
}

impl From<TicketError> for ApiError {
    fn from(error: TicketError) -> Self {
        match &error {
            TicketError::EmptyDialogue => Self::field("dialogue", error),
            TicketError::EmptyNote => Self::field("text", error),
            TicketError::TooManyLines { actual, max } => {
                Self::too_large("dialogue_lines", *max, Some(*actual))
            }
            TicketError::LineTooLong { actual, max, .. } => {
                Self::too_large("line_chars", *max, Some(*actual))
            }
            TicketError::DialogueTooLong { actual, max } | TicketError::NoteTooLong { actual, max } => {
                Self::too_large("text_chars", *max, Some(*actual))
            }
        }
    }
}

impl Engine {
    /// A summary whose every sentence and field points at its lines.
    ///
    /// # Errors
    /// `Unprocessable` for an empty dialogue, `PayloadTooLarge` for a long one.
    pub async fn summarize(&self, caller: &Caller, request: SummaryRequest) -> Result<Summary, ApiError> {
        let summarizer = Summarizer::new(self.lexicon());
        let (dialogue, form) = (request.dialogue.clone(), request.form);
        let work = move || timed("tickets", "summarize", || summarizer.summarize(&dialogue, form));
        let summary = self.gate.interactive(work).await??;
        if let Some(ticket_id) = &request.ticket {
            let record = TicketRecord {
                kind: "summary".to_owned(),
                ticket_id: ticket_id.to_string(),
                request: json!(request),
                result: json!(summary),
                key_id: caller.key_id.clone(),
            };
            self.store.add_ticket_record(&record).await?;
        }
        Ok(summary)
    }

    /// The same for one of many: behind interactive work, and nothing is kept.
    ///
    /// # Errors
    /// As [`Engine::summarize`].
    pub async fn summarize_in_bulk(&self, request: SummaryRequest) -> Result<Summary, ApiError> {
        let summarizer = Summarizer::new(self.lexicon());
        let work = move || summarizer.summarize(&request.dialogue, request.form);
        Ok(self.gate.bulk(work).await??)
    }

    /// Free text to a structured ticket. Dates such as "tomorrow" are counted from `received_at`; now when absent.
    ///
    /// # Errors
    /// `Unprocessable` for an empty text, `PayloadTooLarge` for a long one.
    pub async fn intake(
        &self,
        text: String,
        received_at: Option<Timestamp>,
    ) -> Result<StructuredTicket, ApiError> {
        let reader = IntakeReader::new(self.lexicon());
        let received_at = received_at.unwrap_or_else(Timestamp::now);
        let work = move || timed("tickets", "intake", || reader.read(&text, Some(received_at)));
        Ok(self.gate.interactive(work).await??)
    }
}
