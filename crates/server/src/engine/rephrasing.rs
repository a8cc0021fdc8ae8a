//! The configured language model, and answers that it may put in other words.
//!
//! It is asked beside the gate, a bounded number of times at once and for a bounded time; whatever keeps it from answering is a
//! reason in the answer's record, and the documents' own words are served.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use shifu_domain::models::{ModelVersion, TextGenerator};
use shifu_inference::ModelSet;
use shifu_knowledge::{AnswerReply, Question, Rephrasing, rephrase};
use tokio::sync::{Semaphore, mpsc};

use super::Engine;
use super::knowledge::Draft;
use crate::access::Caller;
use crate::config::{ConfigError, Gguf, LanguageModelConfig};
use crate::error::ApiError;
use crate::outbound::chat::ChatEndpoint;

/// The manifest's entry for an operator's own language model.
const OPERATORS: &str = "local-llm";

/// A language model that may put answers in other words.
pub(super) struct LanguageModel {
    version: ModelVersion,
    /// Absent while its files are.
    generator: Option<Arc<dyn TextGenerator>>,
    by_default: bool,
    timeout_s: u64,
    places: Arc<Semaphore>,
}

/// A piece of an answer under way.
pub(crate) enum Piece {
    /// A sentence that has passed its check, with the blank or line break before it.
    Text(String),
    /// The answer as it is served; where no model phrased it, it takes the place of the pieces that were given.
    Done(Box<AnswerReply>),
    /// It could not be kept.
    Failed(ApiError),
}

impl LanguageModel {
    /// The model that the configuration names, if any.
    ///
    /// # Errors
    /// When the key or the certificates of an endpoint cannot be read.
    pub(super) fn configured(
        config: &LanguageModelConfig,
        models: &ModelSet,
    ) -> Result<Option<Self>, ConfigError> {
        let (generator, at_once): (Option<Arc<dyn TextGenerator>>, usize) =
            match (&config.gguf, &config.endpoint, &config.model) {
                (Gguf::Used(false), Some(endpoint), Some(model)) => (
                    Some(Arc::new(ChatEndpoint::new(config, endpoint, model)?)),
                    config.at_once,
                ),
                (Gguf::Used(false), ..) => return Ok(None),
                // It writes one text after the other.
                (Gguf::Used(true) | Gguf::Named(_), ..) => (models.generator.clone(), 1),
            };
        let missing = || ModelVersion {
            name: match &config.gguf {
                Gguf::Named(name) => name.clone(),
                Gguf::Used(_) => OPERATORS.to_owned(),
            },
            version: "not installed".to_owned(),
        };
        if generator.is_none() {
            tracing::warn!(
                "language_model.gguf: no language model is installed; answers stay in the documents' words \
                 (run `shifu models install {OPERATORS} --from DIR`)"
            );
        }
        Ok(Some(Self {
            version: generator.as_ref().map_or_else(missing, |model| model.version()),
            generator,
            by_default: config.by_default,
            timeout_s: config.timeout_s,
            places: Arc::new(Semaphore::new(at_once)),
        }))
    }

    /// Puts a draft in other words. `on_text` gets each piece when its sentence has passed, and says whether anybody still reads.
    pub(super) async fn rephrase(
        &self,
        draft: &Draft,
        mut on_text: impl FnMut(&str) -> bool + Send + 'static,
    ) -> Rephrasing {
        let not_used = |reason: String| Rephrasing::not_used(self.version.clone(), reason);
        let Some(generator) = self.generator.clone() else {
            return not_used(format!("{} is not installed", self.version.name));
        };
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            return not_used(format!("{} is busy", self.version.name));
        };
        let wanted = Wanted(Arc::new(AtomicBool::new(true)));
        let (question, reply) = (draft.question.question.clone(), draft.answered.reply.clone());
        let still = wanted.0.clone();
        let work = tokio::task::spawn_blocking(move || {
            // The place is free when the model is done, not when nobody waits any more.
            let _place = place;
            let read = still.clone();
            let mut show = |text: &str| {
                if read.load(Ordering::Relaxed) && !on_text(text) {
                    read.store(false, Ordering::Relaxed);
                }
            };
            let wanted = || still.load(Ordering::Relaxed);
            rephrase(&question, &reply, generator.as_ref(), &wanted, &mut show)
        });
        let rephrasing = match tokio::time::timeout(Duration::from_secs(self.timeout_s), work).await {
            Ok(Ok(rephrasing)) => rephrasing,
            Ok(Err(_)) => not_used(format!("{} failed", self.version.name)),
            Err(_) => not_used(format!("no whole text within {} s", self.timeout_s)),
        };
        let outcome = if rephrasing.used { "used" } else { "not_used" };
        metrics::counter!("shifu_rephrasings_total", "outcome" => outcome).increment(1);
        rephrasing
    }
}

/// Tells the model's thread to stop when the one who waits is gone.
struct Wanted(Arc<AtomicBool>);

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl Engine {
    /// The configured language model's name for callers, such as `local-llm`.
    #[must_use]
    pub fn language_model(&self) -> Option<&str> {
        self.language_model
            .as_ref()
            .map(|model| model.version.name.as_str())
    }

    /// The model that is to put the answer to this question in other words, by its request or else by the configuration.
    pub(super) fn rephraser(&self, question: &Question) -> Option<&LanguageModel> {
        self.language_model
            .as_ref()
            .filter(|model| question.rephrase.unwrap_or(model.by_default))
    }

    /// Whether a language model will be asked about the answer to this question.
    pub(crate) fn rephrases(&self, question: &Question) -> bool {
        self.rephraser(question).is_some()
    }

    /// The answer in the documents' own words, and its pieces as a language model writes them and they pass; `Done` or `Failed` comes
    /// last. It is finished and kept also when nobody reads on.
    ///
    /// # Errors
    /// As [`Engine::answer`].
    pub(crate) async fn answer_in_pieces(
        self: &Arc<Self>,
        caller: &Caller,
        earlier: Vec<String>,
        question: Question,
    ) -> Result<(AnswerReply, mpsc::UnboundedReceiver<Piece>), ApiError> {
        let draft = self.draft(caller, earlier, question).await?;
        let reply = draft.answered.reply.clone();
        // As long as an answer: the number of tokens a model may write is bounded.
        let (sender, pieces) = mpsc::unbounded_channel();
        let (engine, caller, answer_id) = (self.clone(), caller.clone(), reply.answer_id.clone());
        tokio::spawn(async move {
            let shown = sender.clone();
            let rephrasing = match engine.rephraser(&draft.question) {
                Some(model) => {
                    let show = move |text: &str| shown.send(Piece::Text(text.to_owned())).is_ok();
                    Some(model.rephrase(&draft, show).await)
                }
                None => None,
            };
            let last = match engine.keep_answer(&caller, draft, rephrasing).await {
                Ok(reply) => Piece::Done(Box::new(reply)),
                Err(error) => {
                    tracing::error!(%answer_id, ?error, "an answer could not be kept");
                    Piece::Failed(error)
                }
            };
            // Nobody reading is no failure: the answer is kept.
            let _ = sender.send(last);
        });
        Ok((reply, pieces))
    }
}
