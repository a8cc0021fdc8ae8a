//! Documents into the index, questions to answers.

use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use shifu_domain::models::Priority;
use shifu_domain::recognise::Lexicon;
use shifu_domain::{DocumentId, DocumentMetadata};
use shifu_inference::ModelSet;
use shifu_knowledge::{
    AnswerReply, Answered, ConversationContext, DocumentState, DocumentUpload, KnowledgeError, Library,
    LibraryOptions, ParseProgress, Question, Rephrasing, SearchReply, SearchRequest, set_aside,
};
use shifu_store::{
    AnswerRecord, DocumentRecord, DocumentStatus, NewAnswer, NewDocument, PageRequest, SkippedPage, Store,
    StoreError,
};
use tokio::sync::oneshot;

use super::Engine;
use crate::access::Caller;
use crate::error::ApiError;
use crate::observe::timed;

/// How long an upload waits for its first result, so that a bad file is refused in the reply itself.
const FIRST_RESULT: Duration = Duration::from_millis(1500);
/// A change of progress below this is not written.
const PROGRESS_STEP: f64 = 0.02;

/// An answer in the documents' own words, not yet kept.
pub(super) struct Draft {
    pub(super) question: Question,
    pub(super) answered: Answered,
}

pub(super) fn open_library(
    directory: &Path,
    lexicon: Arc<Lexicon>,
    models: &ModelSet,
) -> Result<Library, ApiError> {
    let library = match Library::open(directory, LibraryOptions::default()) {
        // Records and originals are elsewhere: `reconcile_library` has everything parsed again.
        Err(KnowledgeError::IncompatibleIndex { .. }) => {
            let aside = set_aside(directory)?;
            tracing::warn!(aside = %aside.display(), "the index cannot be read; it was set aside, and a new one is begun");
            Library::open(directory, LibraryOptions::default())?
        }
        opened => opened?,
    };
    library.set_lexicon(lexicon);
    if let Some(embedder) = models.embedder.clone() {
        library.set_embedder(embedder);
    }
    if let Some(recognizer) = models.recognizer.clone() {
        library.set_recognizer(recognizer);
    }
    Ok(library)
}

impl From<KnowledgeError> for ApiError {
    fn from(error: KnowledgeError) -> Self {
        match &error {
            KnowledgeError::EmptyFile { .. }
            | KnowledgeError::Damaged { .. }
            | KnowledgeError::PasswordProtected { .. }
            | KnowledgeError::NoText { .. } => Self::field("file", error),
            KnowledgeError::UnsupportedFormat { .. } | KnowledgeError::Mislabelled { .. } => {
                Self::unsupported(error)
            }
            KnowledgeError::OverLimit {
                limit, max, actual, ..
            } => Self::too_large(limit, *max as usize, Some(*actual as usize)),
            KnowledgeError::UnknownDocument { .. } | KnowledgeError::UnknownPage { .. } => {
                Self::not_found(error)
            }
            KnowledgeError::InvalidDocumentId { .. } | KnowledgeError::NoPicture { .. } => {
                Self::unprocessable(error)
            }
            KnowledgeError::SupersedesItself { .. } => Self::field("supersedes", error),
            KnowledgeError::Locked { .. } => Self::conflict(error),
            KnowledgeError::Interrupted { .. } => Self::unavailable(error),
            KnowledgeError::IncompatibleIndex { .. }
            | KnowledgeError::Index(_)
            | KnowledgeError::Encoder(_)
            | KnowledgeError::Io { .. } => Self::internal(crate::error::chain(&error)),
        }
    }
}

impl Engine {
    /// Encodes the library beside everything else.
    pub(crate) fn prepare_library(&self) {
        let library = self.library.clone();
        tokio::task::spawn_blocking(move || {
            if let Err(error) = library.prepare() {
                tracing::warn!(%error, "the library could not be encoded ahead; the first questions do it");
            }
        });
    }

    /// Makes the vectors of documents that the installed sentence encoder has not seen, while `keep_going` holds; gives how many
    /// documents were encoded.
    ///
    /// # Errors
    /// `Internal` when the encoder fails or vectors cannot be kept; what was made stays.
    pub async fn encode_library(
        &self,
        keep_going: impl Fn() -> bool + Send + 'static,
    ) -> Result<usize, ApiError> {
        let library = self.library.clone();
        let encoding = tokio::task::spawn_blocking(move || library.encode(&keep_going));
        Ok(encoding.await.map_err(ApiError::internal)??)
    }

    /// Resolves when passages were added since it last did.
    pub(crate) async fn passages_arrived(&self) {
        self.passages_arrived.notified().await;
    }

    /// Index and records agree after a crash or a restore; the records are right. The index drops what they do not know or call
    /// failed, retires what they call retired, and takes their metadata; what they call indexed and it lacks is parsed again.
    pub(super) async fn reconcile_library(&self) -> Result<(), ApiError> {
        let mut recorded = std::collections::BTreeMap::new();
        let mut request = PageRequest {
            limit: Some(200),
            ..PageRequest::default()
        };
        loop {
            let page = self.store.documents(&request, &[]).await?;
            let documents = page.items.into_iter();
            recorded.extend(documents.map(|document| (document.document_id.clone(), document)));
            let Some(cursor) = page.next_cursor else { break };
            request.cursor = Some(cursor);
        }
        for indexed in self.library.list() {
            let record = recorded.get(&indexed.document_id);
            self.reconcile_indexed(&indexed, record)?;
            // A process that died after it built the index anew did not come to this.
            if record
                .is_some_and(|record| (record.pages, record.passages) != (indexed.pages, indexed.passages))
            {
                self.recount(&indexed).await?;
            }
        }
        for (document_id, record) in recorded {
            let indexed = self.library.get(&document_id);
            let in_force = indexed.is_some_and(|indexed| indexed.state == DocumentState::Indexed);
            if record.status == DocumentStatus::Indexed && !in_force {
                tracing::warn!(
                    document_id = document_id.0,
                    "the index lacks a document; it is parsed again"
                );
                self.store.requeue_document(&document_id).await?;
            }
        }
        Ok(())
    }

    /// Makes the index say of one of its documents what the records say.
    fn reconcile_indexed(
        &self,
        indexed: &shifu_knowledge::DocumentRecord,
        record: Option<&DocumentRecord>,
    ) -> Result<(), ApiError> {
        let id = &indexed.document_id;
        match record {
            None => {
                tracing::warn!(document_id = id.0, "the index held a document without a record");
                self.library.remove(id)?;
            }
            Some(record) if record.status == DocumentStatus::Failed => {
                tracing::warn!(document_id = id.0, "the index held a document that failed");
                self.library.remove(id)?;
            }
            Some(record) => {
                if record.metadata != indexed.metadata {
                    tracing::warn!(document_id = id.0, "the index held other metadata of a document");
                    self.library.update_metadata(id, record.metadata.clone())?;
                }
                if record.status == DocumentStatus::Retired && indexed.state == DocumentState::Indexed {
                    tracing::warn!(document_id = id.0, "the index held a retired document in force");
                    self.library.retire(id)?;
                }
            }
        }
        Ok(())
    }

    /// Keeps a file and queues it for parsing. Returns after a moment: with the document as far as it got, or with the error of a
    /// file that was found unreadable, of which then nothing is kept.
    ///
    /// # Errors
    /// By [`KnowledgeError`] what is wrong with the file; `Unprocessable` for a document it cannot supersede.
    pub async fn add_document(
        &self,
        caller: &Caller,
        file_name: &str,
        bytes: Bytes,
        mut metadata: DocumentMetadata,
    ) -> Result<DocumentRecord, ApiError> {
        if let [only] = caller.brands.as_slice() {
            metadata.brand.get_or_insert_with(|| only.clone());
        }
        self.check_document(caller, file_name, &bytes, &metadata).await?;
        let document_id = Store::new_document_id();
        let (first_result, result) = oneshot::channel();
        self.waiting_uploads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(document_id.0.clone(), first_result);
        let owner = Store::document_owner(&document_id);
        let original_sha256 = self.store.put_object(&owner, bytes).await?;
        let document = NewDocument {
            document_id: document_id.clone(),
            metadata,
            file_name: file_name.chars().take(255).collect(),
            original_sha256,
        };
        if let Err(error) = self.store.add_document(&document).await {
            self.store.release_objects(&owner).await?;
            return Err(error.into());
        }
        self.documents_arrived.notify_one();
        let result = tokio::time::timeout(FIRST_RESULT, result).await;
        self.waiting_uploads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&document_id.0);
        if let Ok(Ok(Err(error))) = result {
            self.store.delete_document(&document_id).await?;
            return Err(error);
        }
        let detail = json!({"title": document.metadata.title, "sha256": document.original_sha256});
        self.store
            .add_audit(&caller.key_id, "document.add", &document_id.0, &detail)
            .await?;
        Ok(self.store.document(&document_id).await?)
    }

    async fn check_document(
        &self,
        caller: &Caller,
        file_name: &str,
        bytes: &Bytes,
        metadata: &DocumentMetadata,
    ) -> Result<(), ApiError> {
        if bytes.is_empty() {
            return Err(KnowledgeError::EmptyFile {
                file: file_name.to_owned(),
            }
            .into());
        }
        if !(1..=500).contains(&metadata.title.trim().chars().count()) {
            return Err(ApiError::field("metadata.title", "use 1 to 500 characters"));
        }
        if !caller.sees_brand(metadata.brand.as_ref()) {
            return Err(ApiError::forbidden(
                "this key may not add documents of that brand",
            ));
        }
        if !caller.brands.is_empty() && metadata.brand.is_none() {
            return Err(ApiError::field("metadata.brand", "name one of the key's brands"));
        }
        let Some(old) = &metadata.supersedes else {
            return Ok(());
        };
        match self.document(caller, old).await {
            Ok(old) => Self::check_shared_document(caller, &old),
            Err(ApiError::NotFound(_)) => Err(ApiError::field(
                "metadata.supersedes",
                format!("no document {:?}", old.0),
            )),
            Err(error) => Err(error),
        }
    }

    /// Parses a queued document and publishes it in the index; what the job queue runs.
    ///
    /// # Errors
    /// By [`KnowledgeError`] what is wrong with the file.
    pub async fn parse_document(&self, document_id: &str) -> Result<(), ApiError> {
        let result = self.parse(&DocumentId(document_id.to_owned())).await;
        let waiting = self
            .waiting_uploads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(document_id);
        if let Some(waiting) = waiting
            && result.as_ref().err().is_none_or(ApiError::is_bad_input)
        {
            let _ = waiting.send(result.clone());
        }
        result
    }

    async fn parse(&self, document_id: &DocumentId) -> Result<(), ApiError> {
        let record = match self.store.document(document_id).await {
            Ok(record) => record,
            // Removed while it waited: nothing is left to do.
            Err(StoreError::NotFound { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        self.store.set_document_progress(document_id, 0.0).await?;
        let bytes = self.store.object(&record.original_sha256).await?;
        let upload = DocumentUpload {
            bytes: bytes.to_vec(),
            file_name: record.file_name,
            metadata: record.metadata,
            document_id: document_id.clone(),
        };
        let library = self.library.clone();
        let mut progress = self.progress_writer(document_id.clone());
        let ingested = self
            .gate
            .bulk(move || {
                timed("knowledge", "ingest", || {
                    library.add(&upload, &mut |step| progress(step))
                })
            })
            .await??;
        let skipped: Vec<SkippedPage> = ingested
            .skipped
            .into_iter()
            .map(|skipped| SkippedPage {
                page: skipped.page,
                reason: skipped.reason,
            })
            .collect();
        let finished = self
            .store
            .finish_document(document_id, ingested.pages, ingested.passages, &skipped)
            .await;
        if let Err(StoreError::NotFound { .. }) = finished {
            self.library.remove(document_id)?;
            return Ok(());
        }
        finished?;
        self.passages_arrived.notify_one();
        self.refresh_lexicon();
        Ok(())
    }

    /// Writes progress from the parser's thread, no oftener than it changes by [`PROGRESS_STEP`].
    fn progress_writer(&self, document_id: DocumentId) -> impl FnMut(ParseProgress) + Send + use<> {
        let (store, runtime) = (self.store.clone(), tokio::runtime::Handle::current());
        let mut written = 0.0;
        move |step| {
            let share = f64::from(step.pages_done) / f64::from(step.pages_total.max(1));
            if step.pages_total > 0 && share >= written + PROGRESS_STEP && share < 1.0 {
                written = share;
                if let Err(error) = runtime.block_on(store.set_document_progress(&document_id, share)) {
                    tracing::warn!(%error, "progress could not be written");
                }
            }
        }
    }

    /// One document that the caller may see.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn document(
        &self,
        caller: &Caller,
        document_id: &DocumentId,
    ) -> Result<DocumentRecord, ApiError> {
        let record = self.store.document(document_id).await?;
        if caller.sees_brand(record.metadata.brand.as_ref()) {
            return Ok(record);
        }
        Err(StoreError::NotFound {
            what: format!("document {:?}", document_id.0),
        }
        .into())
    }

    /// Waits until a document is indexed, failed or retired.
    ///
    /// # Errors
    /// `NotFound` when it is not there or was removed.
    pub async fn wait_for_document(&self, document_id: &DocumentId) -> Result<DocumentRecord, ApiError> {
        loop {
            let record = self.store.document(document_id).await?;
            match record.status {
                DocumentStatus::Queued | DocumentStatus::Parsing => {
                    tokio::time::sleep(Duration::from_millis(30)).await;
                }
                DocumentStatus::Indexed | DocumentStatus::Failed | DocumentStatus::Retired => {
                    return Ok(record);
                }
            }
        }
    }

    /// Removes a document from the index, then from the records.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn remove_document(&self, caller: &Caller, document_id: &DocumentId) -> Result<(), ApiError> {
        let record = self.document(caller, document_id).await?;
        Self::check_shared_document(caller, &record)?;
        let (library, id) = (self.library.clone(), document_id.clone());
        let removed = self.gate.interactive(move || library.remove(&id)).await?;
        match removed {
            Ok(()) | Err(KnowledgeError::UnknownDocument { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        self.store.delete_document(document_id).await?;
        self.refresh_lexicon();
        self.store
            .add_audit(&caller.key_id, "document.remove", &document_id.0, &json!({}))
            .await?;
        Ok(())
    }

    /// Takes a document out of use; it stays listed.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when it is not in the index.
    pub async fn retire_document(
        &self,
        caller: &Caller,
        document_id: &DocumentId,
    ) -> Result<DocumentRecord, ApiError> {
        let record = self.document(caller, document_id).await?;
        Self::check_shared_document(caller, &record)?;
        if !matches!(record.status, DocumentStatus::Indexed | DocumentStatus::Retired) {
            return Err(ApiError::conflict(format!(
                "document {:?} is not indexed",
                document_id.0
            )));
        }
        let (library, id) = (self.library.clone(), document_id.clone());
        self.gate.interactive(move || library.retire(&id)).await??;
        self.store
            .set_document_status(document_id, DocumentStatus::Retired, None)
            .await?;
        self.store
            .add_audit(&caller.key_id, "document.retire", &document_id.0, &json!({}))
            .await?;
        Ok(self.store.document(document_id).await?)
    }

    /// Passages for a query.
    ///
    /// # Errors
    /// `Unprocessable` for an empty query, `PayloadTooLarge` for a long one.
    pub async fn search(&self, caller: &Caller, mut request: SearchRequest) -> Result<SearchReply, ApiError> {
        self.check_question("query", &request.query)?;
        if request.top_k.is_some_and(|top_k| !(1..=100).contains(&top_k)) {
            return Err(ApiError::field("top_k", "must be 1 to 100"));
        }
        request.visible_brands.clone_from(&caller.brands);
        let library = self.library.clone();
        Ok(self
            .gate
            .interactive(move || timed("knowledge", "search", || library.search(&request)))
            .await??)
    }

    /// A cited answer, or a refusal that says what to ask; kept with how it came about.
    ///
    /// # Errors
    /// As [`Engine::search`].
    pub async fn answer(&self, caller: &Caller, question: Question) -> Result<AnswerReply, ApiError> {
        self.answer_after(caller, Vec::new(), question).await
    }

    /// Answers a question after `earlier` ones, which the caller sends again each time: outside a kept conversation they establish model
    /// and code as they would within one.
    ///
    /// # Errors
    /// As [`Engine::answer`].
    pub async fn answer_after(
        &self,
        caller: &Caller,
        earlier: Vec<String>,
        question: Question,
    ) -> Result<AnswerReply, ApiError> {
        let draft = self.draft(caller, earlier, question).await?;
        let rephrasing = match self.rephraser(&draft.question) {
            Some(model) => Some(model.rephrase(&draft, |_| true).await),
            None => None,
        };
        self.keep_answer(caller, draft, rephrasing).await
    }

    /// The answer in the documents' own words, not yet kept.
    ///
    /// # Errors
    /// As [`Engine::answer`].
    pub(super) async fn draft(
        &self,
        caller: &Caller,
        earlier: Vec<String>,
        mut question: Question,
    ) -> Result<Draft, ApiError> {
        for text in &earlier {
            self.check_question("messages", text)?;
        }
        self.check_question("question", &question.question)?;
        if question
            .conversation_id
            .as_ref()
            .is_some_and(|id| !(1..=128).contains(&id.chars().count()))
        {
            return Err(ApiError::field("conversation_id", "use 1 to 128 characters"));
        }
        question.visible_brands.clone_from(&caller.brands);
        question.context = self.context(caller, question.conversation_id.as_deref()).await?;
        let library = self.library.clone();
        let kept_conversation = question.conversation_id.is_some();
        let mut asked = question.clone();
        let work = move || {
            timed("knowledge", "answer", || {
                for text in earlier.into_iter().filter(|_| !kept_conversation) {
                    let before = Question {
                        question: text,
                        ..asked.clone()
                    };
                    asked.context = library.answer(&before)?.context;
                }
                library.answer(&asked)
            })
        };
        let mut answered = self.gate.interactive(work).await??;
        answered.reply.answer_id = Store::new_answer_id();
        Ok(Draft { question, answered })
    }

    /// Keeps the answer in the documents' own words, with how it came about and what a language model made of it; gives what the
    /// caller is to see.
    ///
    /// # Errors
    /// `Internal` when the store refuses.
    pub(super) async fn keep_answer(
        &self,
        caller: &Caller,
        draft: Draft,
        rephrasing: Option<Rephrasing>,
    ) -> Result<AnswerReply, ApiError> {
        let Draft { question, answered } = draft;
        let mut reply = answered.reply;
        let body = serde_json::to_value(&reply).map_err(ApiError::internal)?;
        let mut process = answered.process;
        if let Some(used) = rephrasing.as_ref().filter(|rephrasing| rephrasing.used) {
            process
                .versions
                .push(format!("{} {}", used.model.name, used.model.version));
            reply.answer.clone_from(&used.text);
            reply.phrased_by = Some(used.model.clone());
        }
        reply.took_ms += rephrasing.as_ref().map_or(0.0, |rephrasing| rephrasing.took_ms);
        process.rephrasing = rephrasing;
        let mut process = serde_json::to_value(&process).map_err(ApiError::internal)?;
        if let Some(process) = process.as_object_mut() {
            process.insert("context".to_owned(), json!(answered.context));
        }
        let kept = NewAnswer {
            question: question.question,
            model: question.model.map(|model| model.to_string()),
            product_line: question.product_line.map(|line| line.to_string()),
            conversation_id: question.conversation_id,
            grounded: reply.grounded,
            refusal_reason: reply.refusal.as_ref().map(|refusal| name_of(&refusal.reason)),
            body,
            process,
            key_id: caller.key_id.clone(),
        };
        self.store.add_answer(&reply.answer_id, &kept).await?;
        Ok(reply)
    }

    /// One vector a text, by the sentence encoder of that name.
    ///
    /// # Errors
    /// `NoSuchModel` where none of that name is installed.
    pub async fn embed(
        &self,
        model: &str,
        dimensions: Option<usize>,
        texts: Vec<String>,
    ) -> Result<Vec<Vec<f32>>, ApiError> {
        let installed = self.models.embedder.clone();
        let known = installed.as_ref().map_or_else(
            || "none (no sentence encoder is installed)".to_owned(),
            |one| one.version().name,
        );
        let Some(embedder) = installed.filter(|one| one.version().name == model) else {
            return Err(ApiError::no_such_model(model, &known));
        };
        if dimensions.is_some_and(|wanted| wanted != embedder.dimensions()) {
            let message = format!("{model} has {}", embedder.dimensions());
            return Err(ApiError::bad_field("dimensions", message));
        }
        let work = move || {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            embedder.embed(&texts, Priority::Interactive)
        };
        Ok(self.gate.interactive(work).await??)
    }

    /// What earlier questions of the conversation, asked with the same key, established.
    async fn context(
        &self,
        caller: &Caller,
        conversation: Option<&str>,
    ) -> Result<ConversationContext, ApiError> {
        let Some(conversation) = conversation else {
            return Ok(ConversationContext::default());
        };
        let last = self.store.conversation(conversation, &caller.key_id, 1).await?;
        let context = last
            .first()
            .and_then(|answer| answer.process.get("context"))
            .cloned();
        Ok(context
            .and_then(|context| serde_json::from_value(context).ok())
            .unwrap_or_default())
    }

    fn check_question(&self, field: &str, text: &str) -> Result<(), ApiError> {
        if text.trim().is_empty() {
            return Err(ApiError::field(field, "must not be empty"));
        }
        let (actual, most) = (text.chars().count(), self.config.limits.text_chars);
        if actual > most {
            return Err(ApiError::too_large("text_chars", most, Some(actual)));
        }
        Ok(())
    }

    /// A kept answer that the caller may see: any; for a limited key its own and those asked with keys limited to some of the same.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn answer_record(&self, caller: &Caller, answer_id: &str) -> Result<AnswerRecord, ApiError> {
        let record = self.store.answer(answer_id).await?;
        let keys = self.visible_keys(caller).await?;
        if keys.is_empty() || keys.contains(&record.key_id) {
            return Ok(record);
        }
        Err(StoreError::NotFound {
            what: format!("answer {answer_id:?}"),
        }
        .into())
    }
}

/// The name of a unit variant as it stands in JSON.
pub(super) fn name_of(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}
