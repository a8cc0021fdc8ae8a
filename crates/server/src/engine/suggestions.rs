//! What repairs suggest for the fault trees, and an editor's decisions on it.
//!
//! Nothing is suggested twice: a suggestion is known by what it says of which product line, and what was decided stays decided.
//! Accepting one writes it into the engineer's own file as a new version, which the next prediction uses.

use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use shifu_diagnosis::{Change, Diagnosis, Edit, FaultTree, Grounds, Suggestion};
use shifu_domain::{ProductLine, TicketId};
use shifu_store::{
    DefinitionKind, DefinitionRecord, NewDefinition, OfferedSuggestion, Page, PageRequest,
    SuggestionDecision, SuggestionRecord, SuggestionState,
};

use super::Engine;
use crate::access::Caller;
use crate::error::ApiError;
use crate::observe::timed;

/// Kinds of suggestions that fault trees make.
const TREE_KINDS: [&str; 2] = ["new_cause", "new_link"];

/// What is kept of a suggestion for a fault tree; the first three fields are those of every kind.
#[derive(Serialize, Deserialize)]
struct TreeSuggestion {
    text: String,
    evidence: TreeEvidence,
    proposal: TreeProposal,
}

#[derive(Serialize, Deserialize)]
struct TreeEvidence {
    repairs: usize,
    #[serde(flatten)]
    grounds: Grounds,
}

#[derive(Serialize, Deserialize)]
struct TreeProposal {
    change: Change,
    toml: String,
}

/// The next version of a fault tree.
struct NextTree {
    line: ProductLine,
    text: String,
    version: String,
    revision: u32,
}

impl Engine {
    /// Suggestions of a state, newest first. The first page of the open ones is what all repairs suggest now.
    ///
    /// # Errors
    /// `BadRequest` for a cursor that is none.
    pub async fn suggestions(
        &self,
        caller: &Caller,
        state: SuggestionState,
        request: &PageRequest,
    ) -> Result<Page<SuggestionRecord>, ApiError> {
        if state == SuggestionState::Open && request.cursor.as_ref().is_none_or(String::is_empty) {
            self.refresh_suggestions().await?;
        }
        let mut page = self.store.suggestions(state, request).await?;
        let mut items = Vec::with_capacity(page.items.len());
        for record in page.items {
            let record = self.as_seen(caller, record).await?;
            let wanted = request.ticket_id.as_ref();
            if wanted.is_none_or(|ticket| record.tickets.contains(ticket)) {
                items.push(record);
            }
        }
        page.items = items;
        Ok(page)
    }

    async fn refresh_suggestions(&self) -> Result<(), ApiError> {
        for line in self.product_lines() {
            let model = self.line(&line)?;
            let name = line.to_string();
            let suggest = move || timed("diagnosis", "suggest", || model.ask(|it| offered(&line, it)));
            let offers = self.gate.bulk(suggest).await?.unwrap_or_default();
            self.store.offer_suggestions(&name, &TREE_KINDS, &offers).await?;
        }
        Ok(())
    }

    /// A key limited to service providers sees no tickets of others, and none of the limited sees who else decided what.
    async fn as_seen(
        &self,
        caller: &Caller,
        mut record: SuggestionRecord,
    ) -> Result<SuggestionRecord, ApiError> {
        if !caller.is_limited() {
            return Ok(record);
        }
        let mut seen = Vec::new();
        for ticket in record.tickets {
            let id = TicketId::new(&ticket).map_err(ApiError::internal)?;
            match self.check_ticket(caller, &id).await {
                Ok(()) => seen.push(ticket),
                Err(ApiError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        record.tickets = seen;
        let keys = self.visible_keys(caller).await?;
        if record.key_id.as_ref().is_some_and(|key| !keys.contains(key)) {
            (record.key_id, record.note) = (None, None);
        }
        Ok(record)
    }

    /// Takes a suggestion over, as the editor puts it; the next prediction uses it. Once more changes nothing.
    ///
    /// # Errors
    /// `NotFound` for an unknown suggestion; `Conflict` when it was rejected, when repairs no longer suggest it, and when the tree is
    /// kept as XML; `Unprocessable` when the tree would not be valid with it. Nothing changes then.
    pub async fn accept_suggestion(
        &self,
        caller: &Caller,
        suggestion_id: &str,
        edit: &Edit,
        note: Option<&str>,
    ) -> Result<SuggestionRecord, ApiError> {
        let _learning = self.learning.lock().await;
        let record = self.store.suggestion(suggestion_id).await?;
        if is_decided(&record, SuggestionState::Accepted)? {
            return self.as_seen(caller, record).await;
        }
        let tree = self.next_tree(&record, edit).await?;
        let outcome = json!({"fault_tree_revision": tree.revision, "fault_tree_version": tree.version});
        let decision = SuggestionDecision {
            state: SuggestionState::Accepted,
            note,
            key_id: &caller.key_id,
            outcome: Some(outcome.clone()),
        };
        let definition = NewDefinition {
            kind: DefinitionKind::FaultTree,
            product_line: tree.line.as_str(),
            format: "toml",
            content: &tree.text,
        };
        let record = self
            .store
            .decide_suggestion(suggestion_id, &decision, Some(definition))
            .await?;
        self.reload_line(&tree.line).await?;
        self.refresh_lexicon();
        self.note_decision(caller, &record, outcome).await?;
        self.as_seen(caller, record).await
    }

    /// Leaves a suggestion out for good. Once more changes nothing.
    ///
    /// # Errors
    /// `NotFound` for an unknown suggestion, `Conflict` when it was accepted.
    pub async fn reject_suggestion(
        &self,
        caller: &Caller,
        suggestion_id: &str,
        note: Option<&str>,
    ) -> Result<SuggestionRecord, ApiError> {
        let _learning = self.learning.lock().await;
        let record = self.store.suggestion(suggestion_id).await?;
        if is_decided(&record, SuggestionState::Rejected)? {
            return self.as_seen(caller, record).await;
        }
        let decision = SuggestionDecision {
            state: SuggestionState::Rejected,
            note,
            key_id: &caller.key_id,
            outcome: None,
        };
        let record = self
            .store
            .decide_suggestion(suggestion_id, &decision, None)
            .await?;
        self.note_decision(caller, &record, json!({})).await?;
        self.as_seen(caller, record).await
    }

    async fn note_decision(
        &self,
        caller: &Caller,
        record: &SuggestionRecord,
        outcome: serde_json::Value,
    ) -> Result<(), ApiError> {
        let accepted = record.state == SuggestionState::Accepted;
        let action = if accepted {
            "suggestion.accept"
        } else {
            "suggestion.reject"
        };
        metrics::counter!("shifu_suggestions_decided_total", "kind" => record.kind.clone(),
            "decision" => record.state.as_str())
        .increment(1);
        let detail = json!({"kind": record.kind, "product_line": record.product_line, "outcome": outcome});
        self.store
            .add_audit(&caller.key_id, action, &record.suggestion_id, &detail)
            .await?;
        Ok(())
    }

    /// The tree with the suggestion in it, checked as one that is uploaded; callers hold `learning`.
    async fn next_tree(&self, record: &SuggestionRecord, edit: &Edit) -> Result<NextTree, ApiError> {
        let line = ProductLine::new(&record.product_line).map_err(ApiError::internal)?;
        let kept: TreeSuggestion = serde_json::from_value(record.body.clone()).map_err(ApiError::internal)?;
        let change = kept.proposal.change.edited(edit)?;
        let there = self
            .store
            .definition(DefinitionKind::FaultTree, line.as_str())
            .await?;
        let there = editable(there, &line)?;
        let (model, name, id) = (self.line(&line)?, line.clone(), record.suggestion_id.clone());
        let write = move || {
            let written = model.ask(|diagnosis| {
                let suggested = diagnosis.suggestions();
                if !suggested.iter().any(|one| identity(&name, one) == id) {
                    return Err(no_longer());
                }
                let (text, tree) = FaultTree::accept_in_toml(&there.content, "fault-tree.toml", &change)?;
                tree.check_parts(diagnosis.bom())?;
                Ok((text, tree.version, there.revision + 1))
            });
            written.unwrap_or_else(|| Err(no_longer()))
        };
        let (text, version, revision) = self.gate.bulk(write).await??;
        Ok(NextTree {
            line,
            text,
            version,
            revision,
        })
    }
}

fn editable(tree: Option<DefinitionRecord>, line: &ProductLine) -> Result<DefinitionRecord, ApiError> {
    match tree {
        Some(tree) if tree.format == "toml" => Ok(tree),
        Some(_) => Err(ApiError::conflict(format!(
            "the fault tree of {:?} is kept as Open-PSA XML, which has no place for symptoms: upload it as TOML, or change the file \
             and upload that",
            line.as_str()
        ))),
        None => Err(no_longer()),
    }
}

fn no_longer() -> ApiError {
    ApiError::conflict("the repairs no longer suggest it: the fault tree or the repairs have changed since")
}

/// Whether it was decided so before; an error when the other way.
fn is_decided(record: &SuggestionRecord, as_what: SuggestionState) -> Result<bool, ApiError> {
    match record.state {
        SuggestionState::Open => Ok(false),
        state if state == as_what => Ok(true),
        state => Err(ApiError::conflict(format!(
            "suggestion {:?} is {} already",
            record.suggestion_id,
            state.as_str()
        ))),
    }
}

fn offered(line: &ProductLine, diagnosis: &Diagnosis) -> Vec<OfferedSuggestion> {
    let offer = |suggestion: &Suggestion| {
        let body = TreeSuggestion {
            text: diagnosis.wording(suggestion),
            evidence: TreeEvidence {
                repairs: suggestion.repairs,
                grounds: suggestion.grounds.clone(),
            },
            proposal: TreeProposal {
                change: suggestion.change.clone(),
                toml: suggestion.change.to_toml(),
            },
        };
        OfferedSuggestion {
            suggestion_id: identity(line, suggestion),
            kind: kind(&suggestion.change).to_owned(),
            body: json!(body),
            tickets: suggestion.tickets.iter().map(ToString::to_string).collect(),
        }
    };
    diagnosis.suggestions().iter().map(offer).collect()
}

fn kind(change: &Change) -> &'static str {
    match change {
        Change::NewCause { .. } => TREE_KINDS[0],
        Change::NewLink { .. } => TREE_KINDS[1],
    }
}

/// The same for the same suggestion, whatever its numbers have become: 128 bits of a hash.
fn identity(line: &ProductLine, suggestion: &Suggestion) -> String {
    let what = match &suggestion.change {
        Change::NewCause { .. } => json!(suggestion.id),
        Change::NewLink { event, link } => json!([event, link.sign]),
    };
    let named = json!([line, kind(&suggestion.change), what]);
    hex::encode(&Sha256::digest(named.to_string())[..16])
}
