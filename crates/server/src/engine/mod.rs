//! The five flows over one data directory: what HTTP handlers and the command line share.
//!
//! [`Engine::open`] opens records, index and models, and rebuilds what lives in memory: standards, fault trees with the repairs they
//! have learnt from, fingerprints of earlier photos, the lexicon. A verb takes the [`crate::Caller`] on whose behalf it acts, does the
//! computing behind the [`Gate`], and keeps what must be kept before it returns.

mod diagnosis;
mod drift;
mod inspection;
mod knowledge;
mod lexicon;
mod limits;
mod pages;
mod rebuild;
mod rephrasing;
mod retention;
mod standards;
mod suggestions;
mod tickets;
mod webhooks;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use jiff::tz::TimeZone;
use serde_json::json;
use shifu_domain::recognise::Lexicon;
use shifu_domain::{CategoryId, ProductLine, TicketId};
use shifu_inference::{ModelSet, ModelSetOptions, OcrOptions};
use shifu_inspection::{EnrolledStandard, PhotoIndex};
use shifu_knowledge::Library;
use shifu_store::{CreatedKey, JobKind, NewKey, RemovedTicket, Store};
use tokio::sync::{Notify, oneshot, watch};

use crate::access::{Caller, Role};
use crate::config::Config;
use crate::error::ApiError;
use crate::gate::Gate;
use crate::outbound::Outbound;

use diagnosis::LineModel;
pub use diagnosis::{ImportReport, RepairOutcome, RowError, TreeFormat};
pub use drift::{DriftReport, DriftState, TreeDrift};
pub use inspection::{InspectionReply, PhotoUpload, SubmissionInput};
use rephrasing::LanguageModel;
pub(crate) use rephrasing::Piece;
pub use retention::Swept;
pub use tickets::SummaryRequest;

/// Cores that one page or photo is read with; more of them gain little, as most lines are short.
const MOST_OCR_THREADS: usize = 2;

/// The five flows over one data directory.
pub struct Engine {
    config: Config,
    zone: TimeZone,
    store: Store,
    gate: Gate,
    models: ModelSet,
    library: Arc<Library>,
    lexicon: RwLock<Arc<Lexicon>>,
    lines: RwLock<BTreeMap<ProductLine, Arc<LineModel>>>,
    /// One change of a product line's definitions or repairs at a time.
    learning: tokio::sync::Mutex<()>,
    standards: RwLock<BTreeMap<CategoryId, Arc<EnrolledStandard>>>,
    /// One change of a standard at a time.
    enrolling: tokio::sync::Mutex<()>,
    earlier_photos: Arc<RwLock<PhotoIndex>>,
    documents_arrived: Notify,
    passages_arrived: Notify,
    inspections_arrived: Notify,
    /// Uploads whose caller still waits for a first result.
    waiting_uploads: Mutex<BTreeMap<String, oneshot::Sender<Result<(), ApiError>>>>,
    alerts: watch::Sender<u64>,
    outbound: Outbound,
    language_model: Option<LanguageModel>,
}

impl Engine {
    /// Opens (and creates) the data directory of `config`.
    ///
    /// # Errors
    /// `Internal` when store or index cannot be opened, `Conflict` when another process holds the index.
    pub async fn open(config: Config) -> Result<Self, ApiError> {
        let store = match &config.database_url {
            Some(url) => Store::open_url(url, &config.data).await?,
            None => Store::open(&config.data).await?,
        };
        let models_directory = config.models_directory();
        let options = ModelSetOptions {
            // A page of a scanned manual takes about 4 s of one core.
            ocr: OcrOptions {
                threads: config.workers().min(MOST_OCR_THREADS),
                ..OcrOptions::default()
            },
            observer: Arc::new(crate::observe::ModelMetrics),
            ..ModelSetOptions::default()
        };
        let models = ModelSet::load(&models_directory, &options);
        let language_model =
            LanguageModel::configured(&config.language_model, &models).map_err(ApiError::unprocessable)?;
        let index_directory = config.data.join("index");
        let lexicon = Arc::new(Lexicon::new(Default::default()));
        let library = knowledge::open_library(&index_directory, lexicon.clone(), &models)?;
        let engine = Self {
            zone: config.time_zone().map_err(ApiError::unprocessable)?,
            gate: Gate::new(config.workers(), config.limits.queue),
            store,
            models,
            library: Arc::new(library),
            language_model,
            lexicon: RwLock::new(lexicon),
            lines: RwLock::default(),
            learning: tokio::sync::Mutex::default(),
            standards: RwLock::default(),
            enrolling: tokio::sync::Mutex::default(),
            earlier_photos: Arc::default(),
            documents_arrived: Notify::new(),
            passages_arrived: Notify::new(),
            inspections_arrived: Notify::new(),
            waiting_uploads: Mutex::default(),
            alerts: watch::Sender::new(0),
            outbound: Outbound::new(&config.webhooks).map_err(ApiError::unprocessable)?,
            config,
        };
        engine.reconcile_library().await?;
        engine.load_lines().await?;
        engine.load_standards().await?;
        engine.load_fingerprints().await?;
        engine.refresh_lexicon();
        Ok(engine)
    }

    /// Closes the store. What was acknowledged is on disk already.
    pub async fn close(&self) {
        self.store.close().await;
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The zone of dates without an offset.
    #[must_use]
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The records.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The models of this machine.
    #[must_use]
    pub fn models(&self) -> &ModelSet {
        &self.models
    }

    /// Names of models that are installed and used, and of the language model that is configured.
    #[must_use]
    pub fn installed_models(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .models
            .versions()
            .into_iter()
            .map(|version| version.name)
            .collect();
        let configured = self
            .language_model()
            .filter(|name| !names.iter().any(|one| one == name));
        names.extend(configured.map(str::to_owned));
        names
    }

    /// The words of everything that is loaded.
    #[must_use]
    pub fn lexicon(&self) -> Arc<Lexicon> {
        self.lexicon
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Changes whenever an alert is raised.
    #[must_use]
    pub fn alert_arrivals(&self) -> watch::Receiver<u64> {
        self.alerts.subscribe()
    }

    /// Resolves when a job of `kind` was queued.
    pub(crate) async fn job_arrived(&self, kind: JobKind) {
        match kind {
            JobKind::ParseDocument => self.documents_arrived.notified().await,
            JobKind::Inspect => self.inspections_arrived.notified().await,
        }
    }

    /// Makes a key. `by` is the key of who makes it, or `local`.
    ///
    /// # Errors
    /// `Unprocessable` for an unknown role.
    pub async fn create_key(&self, by: &str, key: &NewKey) -> Result<CreatedKey, ApiError> {
        create_key(&self.store, by, key).await
    }

    /// Makes a key that sees no more than the caller.
    ///
    /// # Errors
    /// `Forbidden` when it would, `Unprocessable` for an unknown role.
    pub async fn create_key_for(&self, caller: &Caller, key: &NewKey) -> Result<CreatedKey, ApiError> {
        Self::check_new_key(caller, key)?;
        self.create_key(&caller.key_id, key).await
    }

    /// Makes a key stop working, at once.
    ///
    /// # Errors
    /// `NotFound` when there is no such working key.
    pub async fn revoke_key(&self, caller: &Caller, key_id: &str) -> Result<(), ApiError> {
        self.check_key(caller, key_id).await?;
        self.store.revoke_key(key_id).await?;
        let by = &caller.key_id;
        self.store.add_audit(by, "key.revoke", key_id, &json!({})).await?;
        Ok(())
    }

    /// An admin key when no key works yet, so that a fresh server can be used; shown once by the caller.
    ///
    /// # Errors
    /// `Internal` when the store refuses.
    pub async fn first_key(&self) -> Result<Option<CreatedKey>, ApiError> {
        if self.store.has_key().await? {
            return Ok(None);
        }
        let key = NewKey {
            role: Role::Admin.as_str().to_owned(),
            name: "first".to_owned(),
            ..NewKey::default()
        };
        self.create_key("local", &key).await.map(Some)
    }

    /// Removes everything of a ticket: photos, alerts, repairs, dialogue; predictions forget its repairs.
    ///
    /// # Errors
    /// `NotFound` when nothing of the ticket is kept.
    pub async fn remove_ticket(
        &self,
        caller: &Caller,
        ticket_id: &TicketId,
    ) -> Result<RemovedTicket, ApiError> {
        self.check_ticket(caller, ticket_id).await?;
        let _learning = self.learning.lock().await;
        let removed = self.store.remove_ticket(ticket_id.as_str()).await?;
        if removed.is_empty() {
            return Err(ApiError::not_found(format!(
                "nothing is kept of ticket {:?}",
                ticket_id.as_str()
            )));
        }
        self.forget_photos(ticket_id).await?;
        for line in &removed.product_lines {
            let line = ProductLine::new(line).map_err(ApiError::internal)?;
            self.reload_line(&line).await?;
        }
        self.store
            .add_audit(
                &caller.key_id,
                "ticket.remove",
                ticket_id.as_str(),
                &json!(removed),
            )
            .await?;
        Ok(removed)
    }
}

/// Makes a key in a store that need not be an engine's: `shifu keys create` works beside a running server.
///
/// # Errors
/// `Unprocessable` for an unknown role.
pub async fn create_key(store: &Store, by: &str, key: &NewKey) -> Result<CreatedKey, ApiError> {
    key.role
        .parse::<Role>()
        .map_err(|reason| ApiError::field("role", reason))?;
    let created = store.create_key(key).await?;
    store
        .add_audit(
            by,
            "key.create",
            &created.key_id,
            &json!({"role": key.role, "name": key.name}),
        )
        .await?;
    Ok(created)
}
