//! [`Library`]: the documents of an operator, searchable while they change.
//!
//! Every method takes `&self`. Readers work on the last published snapshot; a change becomes visible as a whole, in one commit.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use jiff::civil::Date;
use sha2::{Digest, Sha256};
use shifu_domain::models::{ModelVersion, TextEmbedder, TextRecognizer};
use shifu_domain::recognise::Lexicon;
use shifu_domain::{DocumentId, DocumentMetadata, Passage, PassageId, ProductLine, Span};
use tantivy::Searcher;

use crate::analysis;
use crate::answer::look_alikes;
use crate::api::{
    DocumentRecord, DocumentState, DocumentUpload, Ingested, Leg, Scope, SearchHit, SearchReply,
    SearchRequest,
};
use crate::catalog::{Catalog, applies_to};
use crate::dense::{self, Dense, Near};
use crate::encoder::{EncodedQuestion, Encoder};
use crate::error::KnowledgeError;
use crate::index::PassageIndex;
use crate::limits::Limits;
use crate::nearness::{self, Sense, Vectors};
use crate::parse::{ParseProgress, Reader};
use crate::passages::{self, Kind, StoredPassage};
use crate::question::{self, Understood};
use crate::rank::{self, Element, Found, Ranked, Weighted, Weights};
use crate::rebuild::{beside, finish_exchange};
use crate::terms;
use crate::trade;
use crate::versions::Versions;

/// Candidates that BM25 hands to the scorer.
pub(crate) const CANDIDATES: usize = 60;
/// Hits when the request does not say.
const DEFAULT_TOP_K: usize = 10;
const MOST_TOP_K: usize = 100;

/// The documents of an operator.
pub struct Library {
    index: RwLock<Arc<PassageIndex>>,
    /// The one that is being built to take its place; looked at while `changes` is held.
    pub(crate) next: Mutex<Option<Arc<PassageIndex>>>,
    snapshot: RwLock<Arc<Snapshot>>,
    lexicon: RwLock<Option<Arc<Lexicon>>>,
    recognizer: RwLock<Option<Arc<dyn TextRecognizer>>>,
    interrupted: AtomicBool,
    /// Held from reading the catalogue to publishing its change.
    pub(crate) changes: Mutex<()>,
    limits: Limits,
    weights: Weights,
    vectors: Vectors,
    /// Of the index; none for a library in memory.
    pub(crate) folder: Option<PathBuf>,
    dense: RwLock<Option<Arc<Dense>>>,
}

/// What readers see.
pub(crate) struct Snapshot {
    pub searcher: Searcher,
    pub catalog: Catalog,
    pub versions: Versions,
}

impl Snapshot {
    /// Passages of the given documents.
    fn passages_of(&self, ids: &[DocumentId]) -> usize {
        let records = ids.iter().filter_map(|id| self.catalog.get(id));
        records.map(|record| record.passages as usize).sum()
    }
}

/// How a library is opened.
#[derive(Debug, Clone, Copy, Default)]
pub struct LibraryOptions {
    /// Bounds of one document.
    pub limits: Limits,
}

/// One query against one snapshot: everything that search and answer share.
pub(crate) struct Retrieval {
    pub understood: Understood,
    pub snapshot: Arc<Snapshot>,
    pub allowed: Vec<DocumentId>,
    pub ranked: Vec<Ranked>,
    pub sense: Sense,
    /// The installed encoder, where it took part.
    pub encoded_by: Option<ModelVersion>,
}

/// What a retrieval is to find.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub leg: Leg,
    /// Candidates by BM25, or by the encoder where that is asked for alone.
    pub limit: usize,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            leg: Leg::Hybrid,
            limit: CANDIDATES,
        }
    }
}

impl Library {
    /// Opens or creates the library in a folder.
    ///
    /// # Errors
    /// [`KnowledgeError::Io`] and [`KnowledgeError::IncompatibleIndex`] for the folder, [`KnowledgeError::Index`] for the engine.
    pub fn open(dir: &Path, options: LibraryOptions) -> Result<Self, KnowledgeError> {
        finish_exchange(dir)?;
        let mut library = Self::with(PassageIndex::open(dir)?, options)?;
        library.folder = Some(dir.to_owned());
        Ok(library)
    }

    /// A library that lives in memory, for measurements and tests.
    ///
    /// # Errors
    /// [`KnowledgeError::Index`].
    pub fn in_memory() -> Result<Self, KnowledgeError> {
        Self::with(PassageIndex::in_memory()?, LibraryOptions::default())
    }

    fn with(index: PassageIndex, options: LibraryOptions) -> Result<Self, KnowledgeError> {
        let searcher = index.searcher();
        let catalog = Catalog::new(index.records(&searcher)?);
        let versions = index.versions();
        Ok(Self {
            index: RwLock::new(Arc::new(index)),
            next: Mutex::new(None),
            snapshot: RwLock::new(Arc::new(Snapshot {
                searcher,
                catalog,
                versions,
            })),
            lexicon: RwLock::new(None),
            recognizer: RwLock::new(None),
            interrupted: AtomicBool::new(false),
            changes: Mutex::new(()),
            limits: options.limits,
            weights: Weights::default(),
            vectors: Vectors::default(),
            folder: None,
            dense: RwLock::new(None),
        })
    }

    /// Replaces the lexicon that questions are read with.
    pub fn set_lexicon(&self, lexicon: Arc<Lexicon>) {
        *self.lexicon.write().unwrap_or_else(PoisonError::into_inner) = Some(lexicon);
    }

    /// Replaces what pages without a text layer are read with; without one they are reported as skipped.
    pub fn set_recognizer(&self, recognizer: Arc<dyn TextRecognizer>) {
        *self.recognizer.write().unwrap_or_else(PoisonError::into_inner) = Some(recognizer);
    }

    /// Ends the reading of scanned documents that is under way, for good: [`Library::add`] gives [`KnowledgeError::Interrupted`] at the
    /// next page of a PDF.
    pub fn interrupt(&self) {
        self.interrupted.store(true, Ordering::Relaxed);
    }

    /// Adds a sentence encoder to what finds and orders passages, with the vectors that it made before; [`Library::encode`] makes those
    /// that are missing.
    pub fn set_embedder(&self, embedder: Arc<dyn TextEmbedder>) {
        let folder = self.folder.as_deref().map(|folder| beside(folder, "vectors"));
        let dense = Dense::new(embedder, folder.as_deref(), &self.snapshot());
        *self.dense.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(dense));
    }

    fn dense(&self) -> Option<Arc<Dense>> {
        self.dense.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes the vectors that are missing, document by document, and gives how many documents that were; a document is found by them as
    /// soon as its own are made. Stops after the batch during which `keep_going` turns false. Without an encoder there is nothing to do.
    ///
    /// # Errors
    /// [`KnowledgeError::Encoder`] when the encoder fails, [`KnowledgeError::Io`] when vectors cannot be kept, [`KnowledgeError::Index`].
    pub fn encode(&self, keep_going: &dyn Fn() -> bool) -> Result<usize, KnowledgeError> {
        let Some(dense) = self.dense() else { return Ok(0) };
        let _encoding = dense.encoding.lock().unwrap_or_else(PoisonError::into_inner);
        let mut encoded = 0;
        loop {
            let snapshot = self.snapshot();
            let Some(record) = dense.missing(&snapshot) else {
                break;
            };
            let id = &record.document_id;
            let passages = self.index().passages_of(&snapshot.searcher, id)?;
            let Some(vectors) = dense.encode(&passages, keep_going)? else {
                return Ok(encoded);
            };
            dense
                .store(id, dense.origin(record, &snapshot), vectors)
                .map_err(|source| KnowledgeError::Io {
                    path: format!("vectors of {}", id.0),
                    source,
                })?;
            encoded += 1;
        }
        dense.tidy(&self.snapshot());
        Ok(encoded)
    }

    /// Weights of the scorer, in the order bm25, coverage, window, phrase, exact, meaning, dense: for tuning by examples only.
    #[doc(hidden)]
    pub fn set_weights(&mut self, weights: [f64; 7]) {
        let [bm25, coverage, window, phrase, exact, meaning, dense] = weights;
        self.weights = Weights {
            bm25,
            coverage,
            window,
            phrase,
            exact,
            meaning,
            dense,
        };
    }

    /// Encodes what is in the library, so that the first question need not wait for it; nothing where there is more than questions are
    /// compared with one by one.
    ///
    /// # Errors
    /// [`KnowledgeError::Index`].
    pub fn prepare(&self) -> Result<(), KnowledgeError> {
        let snapshot = self.snapshot();
        let all: Vec<DocumentId> = snapshot
            .catalog
            .records()
            .map(|record| record.document_id.clone())
            .collect();
        if snapshot.passages_of(&all) > nearness::MOST_COMPARED {
            return Ok(());
        }
        self.vectors.of(&self.index(), &snapshot, &all).map(drop)
    }

    pub(crate) fn lexicon(&self) -> Option<Arc<Lexicon>> {
        self.lexicon
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn recognizer(&self) -> Option<Arc<dyn TextRecognizer>> {
        self.recognizer
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Parses, cuts and publishes one file; on any error nothing of it is in the library.
    ///
    /// # Errors
    /// [`KnowledgeError`] names the file and the reason.
    pub fn add(
        &self,
        upload: &DocumentUpload,
        progress: &mut dyn FnMut(ParseProgress),
    ) -> Result<Ingested, KnowledgeError> {
        check_id(&upload.document_id)?;
        if upload.metadata.supersedes.as_ref() == Some(&upload.document_id) {
            return Err(KnowledgeError::SupersedesItself {
                id: upload.document_id.0.clone(),
            });
        }
        let (mut record, passages) = self.read(upload, progress)?;
        let ingested = Ingested {
            document_id: record.document_id.clone(),
            pages: record.pages,
            passages: record.passages,
            ocr_pages: record.ocr_pages.clone(),
            skipped: record.skipped.clone(),
        };
        let _changing = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        record.replaces = self
            .snapshot()
            .catalog
            .replaced_through(record.metadata.supersedes.as_ref());
        record.replaces.retain(|id| *id != record.document_id);
        self.index().publish(&[(record, Some(passages))], &[])?;
        self.refresh()?;
        Ok(ingested)
    }

    /// Parses and cuts a file.
    pub(crate) fn read(
        &self,
        upload: &DocumentUpload,
        progress: &mut dyn FnMut(ParseProgress),
    ) -> Result<(DocumentRecord, Vec<StoredPassage>), KnowledgeError> {
        let recognizer = self.recognizer();
        let reader = Reader {
            limits: self.limits,
            recognizer: recognizer.as_deref(),
            stop: Some(&self.interrupted),
        };
        let document = reader.parse(&upload.bytes, &upload.file_name, progress)?;
        let passages = passages::cut(&document, &upload.document_id, &upload.metadata.title);
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let record = DocumentRecord {
            document_id: upload.document_id.clone(),
            metadata: upload.metadata.clone(),
            state: DocumentState::Indexed,
            pages: count(document.pages.len()),
            passages: count(passages.len()),
            ocr_pages: document.ocr_pages(),
            skipped: document.skipped,
            file_name: upload.file_name.clone(),
            sha256: Sha256::digest(&upload.bytes)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
            replaces: Vec::new(),
        };
        Ok((record, passages))
    }

    /// Adds plain passages, one each, under their own ids: for measurements over sets of passages.
    ///
    /// # Errors
    /// [`KnowledgeError::Index`].
    pub fn add_passages(&self, passages: Vec<(String, String, String)>) -> Result<(), KnowledgeError> {
        let _changing = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let number = self.snapshot().catalog.records().count();
        let id = DocumentId(format!("passages-{number}"));
        let stored: Vec<StoredPassage> = passages
            .into_iter()
            .map(|(passage, title, text)| plain_passage(&id, passage, title, text))
            .collect();
        let record = plain_record(&id, u32::try_from(stored.len()).unwrap_or(u32::MAX));
        self.index().publish(&[(record, Some(stored))], &[])?;
        self.refresh()
    }

    /// Takes a document out for good.
    ///
    /// # Errors
    /// [`KnowledgeError::UnknownDocument`].
    pub fn remove(&self, id: &DocumentId) -> Result<(), KnowledgeError> {
        let _changing = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        self.known(id)?;
        self.index().publish(&[], std::slice::from_ref(id))?;
        self.refresh()?;
        if let Some(dense) = self.dense() {
            dense.forget(id);
        }
        Ok(())
    }

    /// Takes a document out of use; it stays listed and is never cited. What it replaced comes back into force.
    ///
    /// # Errors
    /// [`KnowledgeError::UnknownDocument`].
    pub fn retire(&self, id: &DocumentId) -> Result<(), KnowledgeError> {
        let _changing = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut record = self.known(id)?;
        record.state = DocumentState::Retired;
        self.index().publish(&[(record, None)], &[])?;
        self.refresh()
    }

    /// Changes what is known about a document (title, models, dates, what it supersedes) without parsing it again.
    ///
    /// # Errors
    /// [`KnowledgeError::UnknownDocument`], [`KnowledgeError::SupersedesItself`].
    pub fn update_metadata(&self, id: &DocumentId, metadata: DocumentMetadata) -> Result<(), KnowledgeError> {
        let _changing = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut record = self.known(id)?;
        if metadata.supersedes.as_ref() == Some(id) {
            return Err(KnowledgeError::SupersedesItself { id: id.0.clone() });
        }
        record.replaces = self
            .snapshot()
            .catalog
            .replaced_through(metadata.supersedes.as_ref());
        record.replaces.retain(|other| other != id);
        record.metadata = metadata;
        self.index().publish(&[(record, None)], &[])?;
        self.refresh()
    }

    fn known(&self, id: &DocumentId) -> Result<DocumentRecord, KnowledgeError> {
        self.snapshot()
            .catalog
            .get(id)
            .cloned()
            .ok_or_else(|| KnowledgeError::UnknownDocument { id: id.0.clone() })
    }

    pub(crate) fn index(&self) -> Arc<PassageIndex> {
        self.index.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Answers from another index from now on.
    pub(crate) fn use_index(&self, index: PassageIndex) -> Result<(), KnowledgeError> {
        *self.index.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(index);
        self.refresh()
    }

    pub(crate) fn refresh(&self) -> Result<(), KnowledgeError> {
        let index = self.index();
        let searcher = index.searcher();
        let catalog = Catalog::new(index.records(&searcher)?);
        *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Snapshot {
            searcher,
            catalog,
            versions: index.versions(),
        });
        Ok(())
    }

    /// All documents, by id.
    #[must_use]
    pub fn list(&self) -> Vec<DocumentRecord> {
        self.snapshot().catalog.records().cloned().collect()
    }

    /// One document.
    #[must_use]
    pub fn get(&self, id: &DocumentId) -> Option<DocumentRecord> {
        self.snapshot().catalog.get(id).cloned()
    }

    /// One passage by its id, whatever its document's state.
    ///
    /// # Errors
    /// [`KnowledgeError::Index`].
    pub fn passage(&self, id: &PassageId) -> Result<Option<Passage>, KnowledgeError> {
        Ok(self
            .index()
            .passage(&self.snapshot().searcher, &id.0)?
            .map(|stored| stored.passage))
    }

    /// All passages of a document in reading order.
    ///
    /// # Errors
    /// [`KnowledgeError::Index`].
    pub fn passages(&self, id: &DocumentId) -> Result<Vec<Passage>, KnowledgeError> {
        let found = self.index().passages_of(&self.snapshot().searcher, id)?;
        Ok(found.into_iter().map(|stored| stored.passage).collect())
    }

    /// Passages for a query, best first.
    ///
    /// # Errors
    /// [`KnowledgeError::Index`].
    pub fn search(&self, request: &SearchRequest) -> Result<SearchReply, KnowledgeError> {
        let started = Instant::now();
        let scope = Scope {
            model: request.model.clone(),
            product_line: request.product_line.clone(),
            brand: request.brand.clone(),
            visible_brands: request.visible_brands.clone(),
            on: request.on,
        };
        let top_k = request.top_k.unwrap_or(DEFAULT_TOP_K).clamp(1, MOST_TOP_K);
        let asked = Wanted {
            leg: request.leg,
            limit: top_k.max(CANDIDATES),
        };
        let found = self.retrieve(&request.query, &scope, &[], asked)?;
        let hits = found
            .ranked
            .iter()
            .take(top_k)
            .map(|ranked| hit(ranked, &found.understood))
            .collect();
        Ok(SearchReply {
            hits,
            took_ms: started.elapsed().as_secs_f64() * 1000.0,
        })
    }

    /// Understands a query, finds candidates within the scope and orders them. `more_exact` are exact terms from the conversation.
    pub(crate) fn retrieve(
        &self,
        query: &str,
        scope: &Scope,
        more_exact: &[String],
        wanted: Wanted,
    ) -> Result<Retrieval, KnowledgeError> {
        let snapshot = self.snapshot();
        let allowed = snapshot.catalog.allowed(scope, scope.on.unwrap_or_else(today));
        let everything = allowed.len() == snapshot.catalog.records().count();
        let filter = (!everything).then_some(allowed.as_slice());
        let lexicon = self.lexicon();
        let query = &trade::in_writing(query, |form| {
            self.index().form_idf(&snapshot.searcher, form).is_some()
        });
        let mut understood = Understood::new(query, lexicon.as_deref(), |code| {
            self.index()
                .count_exact(&snapshot.searcher, &format!("c:{code}"), Some(&allowed))
                .unwrap_or(0)
                > 0
        });
        for at in 0..understood.codes.len() {
            let code = understood.codes[at].clone();
            let stands = |name: &str| {
                self.index()
                    .count_exact(&snapshot.searcher, &format!("t:{name}"), Some(&allowed))
                    .unwrap_or(0)
                    > 0
            };
            if stands(&code) {
                continue;
            }
            if let Some(other) = look_alikes(&code).into_iter().find(|other| stands(other)) {
                understood
                    .terms
                    .exact
                    .extend([format!("t:{other}"), format!("c:{other}")]);
                understood.codes[at] = other;
            }
        }
        understood.terms.exact.extend(more_exact.iter().cloned());
        understood.terms.exact.sort();
        understood.terms.exact.dedup();
        let (near, encoded_by) = self.near(query, &snapshot, &allowed, wanted.leg)?;
        let (found, sense) =
            self.candidates(&snapshot, &understood, &allowed, filter, near.as_ref(), wanted)?;
        let weighted = Weighted::new(question::elements(
            &understood.folded,
            &|word, _| Some(self.index().word_idf(&snapshot.searcher, word)),
            &|form| self.index().form_idf(&snapshot.searcher, form),
        ));
        let mut ranked = rank::rank(
            found,
            sense.trust,
            &understood.folded,
            &understood.terms,
            &weighted,
            match wanted.leg {
                Leg::Dense => &Weights::DENSE,
                Leg::Lexical | Leg::Hybrid => &self.weights,
            },
        );
        if !understood.codes.is_empty() && !understood.detail.is_empty() {
            // The row says what the code is; who asks for a detail of it needs what stands beyond the row.
            for candidate in ranked
                .iter_mut()
                .filter(|candidate| candidate.stored.kind == Kind::Row)
            {
                candidate.score -= ROW_FOR_DETAIL;
            }
        }
        // The model of the request wins over the one in the question; passages about another one go back.
        let asked: Vec<String> = match &scope.model {
            Some(model) => vec![terms::canonical(model.as_str())],
            None => understood
                .models
                .iter()
                .map(|model| model.canonical.clone())
                .collect(),
        };
        penalise_other_models(&mut ranked, &asked, &snapshot.catalog);
        Ok(Retrieval {
            understood,
            snapshot,
            allowed,
            ranked,
            sense,
            encoded_by,
        })
    }

    /// The question beside the vectors of the installed encoder, and its version. An encoder that fails costs a question its part of the
    /// score and not the answer, unless it was asked for alone.
    fn near(
        &self,
        query: &str,
        snapshot: &Snapshot,
        allowed: &[DocumentId],
        leg: Leg,
    ) -> Result<(Option<Near>, Option<ModelVersion>), KnowledgeError> {
        let Some(dense) = self.dense().filter(|_| leg != Leg::Lexical) else {
            return Ok((None, None));
        };
        match dense.near(query, snapshot, allowed) {
            Ok(near) => {
                let version = near.is_some().then(|| dense.version().clone());
                Ok((near, version))
            }
            Err(error) if leg == Leg::Dense => Err(error.into()),
            Err(_) => Ok((None, None)),
        }
    }

    /// The best passages by BM25 and those nearest to the question by either encoder; and how likely one of all that may be cited answers.
    fn candidates(
        &self,
        snapshot: &Snapshot,
        understood: &Understood,
        allowed: &[DocumentId],
        filter: Option<&[DocumentId]>,
        near: Option<&Near>,
        wanted: Wanted,
    ) -> Result<(Vec<Found>, Sense), KnowledgeError> {
        if allowed.is_empty() {
            return Ok((Vec::new(), Sense::default()));
        }
        let (mut found, most_near) = match wanted.leg {
            Leg::Dense => (Vec::new(), wanted.limit),
            Leg::Lexical | Leg::Hybrid => {
                let terms = &understood.terms;
                let lexical = self
                    .index()
                    .candidates(&snapshot.searcher, terms, filter, wanted.limit)?;
                (lexical, dense::NEAREST)
            }
        };
        for id in near.iter().flat_map(|near| near.nearest(most_near)) {
            if !found.iter().any(|(_, other)| other.passage.passage_id == *id)
                && let Some(stored) = self.index().passage(&snapshot.searcher, &id.0)?
            {
                found.push((0.0, stored));
            }
        }
        let question = match wanted.leg {
            Leg::Dense => None,
            Leg::Lexical | Leg::Hybrid => Encoder::built_in()
                .question(&understood.folded)
                .filter(|question| question.trust > 0.0),
        };
        let (mut found, sense) = match question {
            Some(question) => self.with_meaning(snapshot, allowed, &question, found)?,
            None => {
                let found = found.into_iter().map(|(bm25, stored)| Found {
                    bm25,
                    meaning: 0.0,
                    dense: 0.0,
                    stored,
                });
                (found.collect(), Sense::default())
            }
        };
        if let Some(near) = near {
            near.measure(&mut found);
        }
        Ok((found, sense))
    }

    /// Candidates with their nearness by the built-in encoder, and those that are found by it alone.
    fn with_meaning(
        &self,
        snapshot: &Snapshot,
        allowed: &[DocumentId],
        question: &EncodedQuestion,
        lexical: Vec<(f32, StoredPassage)>,
    ) -> Result<(Vec<Found>, Sense), KnowledgeError> {
        let trust = question.trust;
        let as_found = |(bm25, stored): (f32, StoredPassage), meaning: Option<f64>| Found {
            bm25,
            meaning: meaning.unwrap_or(0.0),
            dense: 0.0,
            stored,
        };
        if snapshot.passages_of(allowed) > nearness::MOST_COMPARED {
            let found: Vec<Found> = lexical
                .into_iter()
                .map(|(bm25, stored)| {
                    let meaning = nearness::nearness(&stored, &question.vector);
                    as_found((bm25, stored), meaning)
                })
                .collect();
            let cosines = found.iter().map(|candidate| candidate.meaning);
            let answered = Encoder::built_in().answered(question, cosines);
            return Ok((found, Sense { answered, trust }));
        }
        let vectors = self.vectors.of(&self.index(), snapshot, allowed)?;
        let mut found: Vec<Found> = lexical
            .into_iter()
            .map(|(bm25, stored)| {
                let own = vectors.get(&stored.passage.document_id);
                let meaning = own.and_then(|own| own.nearness(&stored.passage.passage_id, &question.vector));
                as_found((bm25, stored), meaning)
            })
            .collect();
        let (near, answered) = nearness::nearest(&vectors, question);
        for (meaning, id) in near {
            if found.iter().any(|other| other.stored.passage.passage_id == *id) {
                continue;
            }
            if let Some(stored) = self.index().passage(&snapshot.searcher, &id.0)? {
                found.push(as_found((0.0, stored), Some(meaning)));
            }
        }
        Ok((found, Sense { answered, trust }))
    }

    /// Passages of the allowed documents that hold an exact term.
    pub(crate) fn count_exact(&self, retrieval: &Retrieval, term: &str) -> Result<usize, KnowledgeError> {
        self.index()
            .count_exact(&retrieval.snapshot.searcher, term, Some(&retrieval.allowed))
    }

    /// Idf of a word at the time of a retrieval.
    pub(crate) fn idf(&self, retrieval: &Retrieval, word: &str) -> f64 {
        self.index().word_idf(&retrieval.snapshot.searcher, word)
    }

    /// Whether a word, or another one for it, stands anywhere in the library.
    pub(crate) fn knows(&self, retrieval: &Retrieval, element: &Element) -> bool {
        let searcher = &retrieval.snapshot.searcher;
        std::iter::once(&element.word)
            .chain(&element.others)
            .any(|word| self.index().form_idf(searcher, word).is_some())
    }

    /// Rarity of what manuals write for a spoken form, `None` where the library has none of it.
    pub(crate) fn form_idf(&self, retrieval: &Retrieval, form: &str) -> Option<f64> {
        self.index().form_idf(&retrieval.snapshot.searcher, form)
    }
}

/// Taken off for a table row where a detail about a code is asked for.
const ROW_FOR_DETAIL: f64 = 0.5;
/// Taken off for a passage that names models, and none of those asked for.
const OTHER_MODEL: f64 = 5.0;

fn penalise_other_models(ranked: &mut [Ranked], asked: &[String], catalog: &Catalog) {
    if asked.is_empty() {
        return;
    }
    let listed: std::collections::BTreeSet<String> = catalog
        .records()
        .flat_map(|record| &record.metadata.models)
        .map(|model| terms::canonical(model.as_str()))
        .collect();
    for candidate in ranked.iter_mut() {
        let named: Vec<&str> = candidate
            .stored
            .exact
            .iter()
            .filter_map(|term| term.strip_prefix("t:"))
            .filter(|name| {
                listed
                    .iter()
                    .any(|model| model == name || (name.len() >= 5 && model.starts_with(*name)))
            })
            .collect();
        let about = |asked: &String| {
            named
                .iter()
                .any(|name| asked.starts_with(name) || name.starts_with(asked.as_str()))
        };
        if !named.is_empty() && !asked.iter().any(about) {
            candidate.parts.other_model = -OTHER_MODEL;
            candidate.score -= OTHER_MODEL;
        }
    }
    rank::sort(ranked);
}

/// Whether a document applies to a model; what search and answer filter by.
#[must_use]
pub fn document_applies_to(metadata: &DocumentMetadata, model: &shifu_domain::ModelNumber) -> bool {
    applies_to(&metadata.models, model)
}

fn hit(ranked: &Ranked, understood: &Understood) -> SearchHit {
    let passage = &ranked.stored.passage;
    SearchHit {
        passage_id: passage.passage_id.clone(),
        document_id: passage.document_id.clone(),
        title: ranked.stored.title.clone(),
        page: passage.page,
        page_label: passage.page_label.clone(),
        section: ranked.stored.section(),
        text: passage.text.clone(),
        score: ranked.score,
        highlights: highlights(&passage.text, understood),
    }
}

/// Places of the question's words and codes in a text, merged.
fn highlights(text: &str, understood: &Understood) -> Vec<Span> {
    let folded: Vec<char> = text.chars().map(analysis::fold_char).collect();
    let mut spans: Vec<Span> = Vec::new();
    let names = understood
        .codes
        .iter()
        .chain(&understood.parts)
        .map(|name| name.to_lowercase());
    for word in understood.words.iter().cloned().chain(names) {
        let needle: Vec<char> = word.chars().collect();
        if needle.is_empty() {
            continue;
        }
        spans.extend(
            folded
                .windows(needle.len())
                .enumerate()
                .filter(|(_, window)| *window == needle.as_slice())
                .map(|(start, _)| Span {
                    start,
                    end: start + needle.len(),
                })
                .take(50),
        );
    }
    spans.sort();
    let mut merged: Vec<Span> = Vec::new();
    for span in spans {
        match merged.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => merged.push(span),
        }
    }
    merged
}

fn check_id(id: &DocumentId) -> Result<(), KnowledgeError> {
    let valid = !id.0.is_empty()
        && id.0.len() <= 128
        && id
            .0
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':'));
    if valid {
        Ok(())
    } else {
        Err(KnowledgeError::InvalidDocumentId {
            id: id.0.chars().take(128).collect(),
        })
    }
}

pub(crate) fn today() -> Date {
    jiff::Zoned::now().date()
}

pub(crate) fn plain_passage(document: &DocumentId, id: String, title: String, text: String) -> StoredPassage {
    let exact = terms::exact_terms(&text, &[]).into_iter().collect();
    let length = text.chars().count();
    StoredPassage {
        passage: Passage {
            passage_id: PassageId(id),
            document_id: document.clone(),
            page: 1,
            page_label: None,
            section: Vec::new(),
            text,
            span: Span {
                start: 0,
                end: length,
            },
            area: None,
        },
        title,
        kind: Kind::Text,
        header: Vec::new(),
        cells: Vec::new(),
        warnings: Vec::new(),
        exact,
    }
}

fn plain_record(id: &DocumentId, passages: u32) -> DocumentRecord {
    // "passages" is a valid product line by its rule (a-z); the fallback is never reached.
    let product_line = ProductLine::new("passages").unwrap_or_else(|_| unreachable!("constant"));
    DocumentRecord {
        document_id: id.clone(),
        metadata: DocumentMetadata {
            title: String::new(),
            product_line,
            brand: None,
            models: Vec::new(),
            revision: String::new(),
            effective_date: None,
            supersedes: None,
        },
        state: DocumentState::Indexed,
        pages: 1,
        passages,
        skipped: Vec::new(),
        ocr_pages: Vec::new(),
        file_name: String::new(),
        sha256: String::new(),
        replaces: Vec::new(),
    }
}
