//! Passages by nearness in the space of the sentence encoder that is installed: vectors made in the background, kept on disk beside the
//! index, scanned flat.
//!
//! A vector is compared with a question only when both are of the same encoder and the same cut; whatever else lies on disk is made again.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use shifu_domain::models::{Language, ModelError, ModelVersion, Priority, TextEmbedder};
use shifu_domain::{DocumentId, PassageId};

use crate::api::DocumentRecord;
use crate::encoder::Vector;
use crate::language::{self, Counts};
use crate::library::Snapshot;
use crate::nearness::DocumentVectors;
use crate::passages::{Kind, StoredPassage};
use crate::rank::Found;
use crate::vector_files::{Origin, VectorFiles};

/// Candidates that are nearest to the question, beside those of BM25.
pub(crate) const NEAREST: usize = 30;
/// Characters of a window at most, headings not counted: 256 tokens, the limit of MiniLM, are about 1,000 of English.
const WINDOW_CHARS: usize = 800;
/// A window of Chinese: a token is about a character, and the limit of the usual encoders 512.
const CHINESE_WINDOW_CHARS: usize = 400;
/// Characters of title and headings that are put before each window.
const MOST_HEADING_CHARS: usize = 200;
/// Windows handed over at a time: small, so that a question waits for a second of bulk work at most.
const BATCH: usize = 8;

/// The installed encoder and what it made.
pub(crate) struct Dense {
    embedder: Arc<dyn TextEmbedder>,
    version: ModelVersion,
    files: Option<VectorFiles>,
    kept: RwLock<BTreeMap<DocumentId, (Origin, Arc<DocumentVectors>)>>,
    /// Held while documents are encoded, so that none is encoded twice.
    pub(crate) encoding: Mutex<()>,
}

/// A question in the encoder's space, with the vectors that it may be compared with.
pub(crate) struct Near {
    question: Vector,
    vectors: Vec<(DocumentId, Arc<DocumentVectors>)>,
}

/// A piece of a passage as the encoder gets it.
struct Window<'a> {
    passage: &'a PassageId,
    text: String,
}

impl Dense {
    /// With what lies in `folder` for the documents of the snapshot; `None` keeps vectors in memory only.
    pub(crate) fn new(embedder: Arc<dyn TextEmbedder>, folder: Option<&Path>, snapshot: &Snapshot) -> Self {
        let dense = Self {
            version: embedder.version(),
            embedder,
            files: folder.map(VectorFiles::new),
            kept: RwLock::default(),
            encoding: Mutex::default(),
        };
        for record in snapshot.catalog.records() {
            let origin = dense.origin(record, snapshot);
            let read = dense
                .files
                .as_ref()
                .and_then(|files| files.read(&record.document_id, &origin));
            if let Some(vectors) = read {
                dense.keep(record.document_id.clone(), origin, vectors);
            }
        }
        dense
    }

    pub(crate) fn version(&self) -> &ModelVersion {
        &self.version
    }

    /// What vectors of a document must have been made from to be used.
    pub(crate) fn origin(&self, record: &DocumentRecord, snapshot: &Snapshot) -> Origin {
        Origin::new(
            record,
            snapshot.versions,
            &self.version,
            self.embedder.dimensions(),
        )
    }

    /// Vectors of a document as it stands in the snapshot.
    fn of(&self, record: &DocumentRecord, snapshot: &Snapshot) -> Option<Arc<DocumentVectors>> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let (origin, vectors) = kept.get(&record.document_id)?;
        (*origin == self.origin(record, snapshot)).then(|| vectors.clone())
    }

    /// The first document without vectors.
    pub(crate) fn missing<'a>(&self, snapshot: &'a Snapshot) -> Option<&'a DocumentRecord> {
        let mut records = snapshot.catalog.records();
        records.find(|record| self.of(record, snapshot).is_none())
    }

    fn keep(&self, id: DocumentId, origin: Origin, vectors: DocumentVectors) {
        self.kept
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, (origin, Arc::new(vectors)));
    }

    /// Keeps vectors that were just made, in memory and on disk.
    pub(crate) fn store(
        &self,
        id: &DocumentId,
        origin: Origin,
        vectors: DocumentVectors,
    ) -> std::io::Result<()> {
        let written = match &self.files {
            Some(files) => files.write(id, &origin, &vectors),
            None => Ok(()),
        };
        self.keep(id.clone(), origin, vectors);
        written
    }

    /// Drops the vectors of a document.
    pub(crate) fn forget(&self, id: &DocumentId) {
        self.kept
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(id);
        if let Some(files) = &self.files {
            files.remove(id);
        }
    }

    /// Drops what belongs to no document of the snapshot.
    pub(crate) fn tidy(&self, snapshot: &Snapshot) {
        let known = |id: &DocumentId| snapshot.catalog.get(id).is_some();
        self.kept
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|id, _| known(id));
        if let Some(files) = &self.files {
            files.retain(known);
        }
    }

    /// Vectors of a document's passages in the encoder's languages; `None` when `keep_going` said no before the end.
    pub(crate) fn encode(
        &self,
        stored: &[StoredPassage],
        keep_going: &dyn Fn() -> bool,
    ) -> Result<Option<DocumentVectors>, ModelError> {
        let windows = self.windows(stored);
        let mut encoded: BTreeMap<&PassageId, Vec<Vector>> = BTreeMap::new();
        for batch in windows.chunks(BATCH) {
            if !keep_going() {
                return Ok(None);
            }
            let texts: Vec<&str> = batch.iter().map(|window| window.text.as_str()).collect();
            let vectors = self.embedder.embed(&texts, Priority::Bulk)?;
            for (window, vector) in batch.iter().zip(vectors) {
                encoded
                    .entry(window.passage)
                    .or_default()
                    .push(Vector::of(&vector));
            }
        }
        Ok(Some(DocumentVectors::of(encoded.into_iter().collect())))
    }

    fn windows<'a>(&self, stored: &'a [StoredPassage]) -> Vec<Window<'a>> {
        let counts: Vec<Counts> = stored
            .iter()
            .map(|stored| Counts::of(&stored.passage.text))
            .collect();
        let mut all = Counts::default();
        counts.iter().for_each(|&counts| all.add(counts));
        let around = all.language(None);
        let mut windows = Vec::new();
        for (stored, counts) in stored.iter().zip(counts) {
            let language = counts.language(around);
            let Some(language) = language.filter(|&language| self.embedder.reads(language)) else {
                continue;
            };
            if matches!(stored.kind, Kind::Heading | Kind::Contents) {
                continue;
            }
            let most = match language {
                Language::English => WINDOW_CHARS,
                Language::Chinese => CHINESE_WINDOW_CHARS,
            };
            let heading = heading(stored);
            windows.extend(
                pieces(&stored.passage.text, most)
                    .into_iter()
                    .map(|piece| Window {
                        passage: &stored.passage.passage_id,
                        text: format!("{heading}{piece}"),
                    }),
            );
        }
        windows
    }

    /// A question beside the vectors of the allowed documents; `None` where the encoder does not read it or there is nothing to compare
    /// it with.
    pub(crate) fn near(
        &self,
        question: &str,
        snapshot: &Snapshot,
        allowed: &[DocumentId],
    ) -> Result<Option<Near>, ModelError> {
        let language = language::of_question(question);
        if !language.is_some_and(|language| self.embedder.reads(language)) {
            return Ok(None);
        }
        let records = allowed.iter().filter_map(|id| snapshot.catalog.get(id));
        let mut vectors: Vec<(DocumentId, Arc<DocumentVectors>)> = records
            .filter_map(|record| Some((record.document_id.clone(), self.of(record, snapshot)?)))
            .filter(|(_, vectors)| !vectors.passages.is_empty())
            .collect();
        if vectors.is_empty() {
            return Ok(None);
        }
        vectors.sort_by(|(a, _), (b, _)| a.cmp(b));
        let embedded = self.embedder.embed(&[question], Priority::Interactive)?;
        Ok(embedded.first().map(|vector| Near {
            question: Vector::of(vector),
            vectors,
        }))
    }
}

impl Near {
    /// Cosine of a passage, `None` for one without a vector.
    fn cosine(&self, stored: &StoredPassage) -> Option<f64> {
        let id = &stored.passage.document_id;
        let at = self.vectors.binary_search_by(|(own, _)| own.cmp(id)).ok()?;
        self.vectors[at]
            .1
            .nearness(&stored.passage.passage_id, &self.question)
    }

    /// Gives candidates their cosine; one without a vector gets the mean of the others', which neither helps nor harms it.
    pub(crate) fn measure(&self, found: &mut [Found]) {
        let cosines: Vec<Option<f64>> = found.iter().map(|found| self.cosine(&found.stored)).collect();
        let known: Vec<f64> = cosines.iter().copied().flatten().collect();
        let mean = known.iter().sum::<f64>() / known.len().max(1) as f64;
        for (found, cosine) in found.iter_mut().zip(cosines) {
            found.dense = cosine.unwrap_or(mean);
        }
    }

    /// The nearest passages, nearest first.
    pub(crate) fn nearest(&self, most: usize) -> Vec<&PassageId> {
        let mut all: Vec<(f64, &PassageId)> = self
            .vectors
            .iter()
            .flat_map(|(_, own)| own.all(&self.question))
            .collect();
        let order = |a: &(f64, &PassageId), b: &(f64, &PassageId)| b.0.total_cmp(&a.0).then(a.1.cmp(b.1));
        if all.len() > most {
            all.select_nth_unstable_by(most, order);
            all.truncate(most);
        }
        all.sort_by(order);
        all.into_iter().map(|(_, id)| id).collect()
    }
}

/// Title and headings on a line each.
fn heading(stored: &StoredPassage) -> String {
    let lines = std::iter::once(&stored.title).chain(&stored.passage.section);
    let joined: String = lines
        .filter(|line| !line.is_empty())
        .flat_map(|line| [line.as_str(), "\n"])
        .collect();
    // The last headings say most of what the passage is about.
    let over = joined.chars().count().saturating_sub(MOST_HEADING_CHARS);
    joined.chars().skip(over).collect()
}

/// A text in pieces of about equal length, at most `most` characters, that end with a line or a sentence where they can.
fn pieces(text: &str, most: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    loop {
        let length = rest.chars().count();
        if length <= most {
            pieces.push(rest);
            return pieces;
        }
        let wanted = length.div_ceil(length.div_ceil(most));
        let cut = cut_near(rest, wanted, most);
        let (piece, further) = rest.split_at(cut);
        pieces.push(piece);
        rest = further;
    }
}

/// The byte after the last sentence or line that ends between half of `wanted` and `most` characters, nearest to `wanted`.
fn cut_near(text: &str, wanted: usize, most: usize) -> usize {
    let ends = |c: char| matches!(c, '\n' | '.' | '。' | '！' | '？' | '；' | '!' | '?' | ';');
    let places = text.char_indices().enumerate().take(most);
    let found = places
        .filter(|&(at, (_, c))| ends(c) && at + 1 >= wanted / 2)
        .min_by_key(|&(at, _)| (at + 1).abs_diff(wanted));
    match found {
        Some((_, (byte, c))) => byte + c.len_utf8(),
        None => text
            .char_indices()
            .nth(wanted)
            .map_or(text.len(), |(byte, _)| byte),
    }
}

#[cfg(test)]
mod tests;
