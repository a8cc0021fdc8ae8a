//! Passages by nearness in meaning: their vectors, made when a question first needs them and kept while their document stands.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use shifu_domain::{DocumentId, PassageId};

use crate::encoder::{EncodedQuestion, Encoder, Vector};
use crate::error::KnowledgeError;
use crate::index::PassageIndex;
use crate::library::Snapshot;
use crate::passages::StoredPassage;
use crate::versions::Versions;

/// Candidates that are nearest in meaning, beside those of BM25.
const NEAREST: usize = 30;
/// In a larger scope nearness orders the candidates of BM25 and adds none: their vectors are made for the question and not kept, which
/// would take 1.6 kB a passage.
pub(crate) const MOST_COMPARED: usize = 20_000;

/// What the encoder makes of a question as a whole.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sense {
    /// Probability that one of the passages in scope answers, 0..=1.
    pub answered: f64,
    /// How far to believe the encoder, 0..=1.
    pub trust: f64,
}

/// The vectors of a document's passages, one a part, in one piece of memory.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct DocumentVectors {
    /// Ascending.
    pub(crate) passages: Vec<PassageId>,
    /// Where each passage's vectors begin; one more at the end.
    pub(crate) starts: Vec<usize>,
    pub(crate) components: Vec<i8>,
    pub(crate) scales: Vec<f32>,
}

impl DocumentVectors {
    pub(crate) fn new(encoder: &Encoder, stored: &[StoredPassage]) -> Self {
        let encoded = stored
            .iter()
            .map(|stored| (&stored.passage.passage_id, encoder.passage(stored)));
        Self::of(encoded.collect())
    }

    /// Of vectors that were made already, in any order; a passage without one is left out.
    pub(crate) fn of(mut encoded: Vec<(&PassageId, Vec<Vector>)>) -> Self {
        encoded.retain(|(_, vectors)| !vectors.is_empty());
        encoded.sort_by_key(|(id, _)| *id);
        let mut all = Self {
            starts: vec![0],
            ..Self::default()
        };
        for (id, vectors) in encoded {
            all.passages.push(id.clone());
            for vector in vectors {
                all.scales.push(vector.scale());
                all.components.extend(vector.into_components());
            }
            all.starts.push(all.scales.len());
        }
        all
    }

    /// Cosine of the part of a passage that is nearest; `None` for a passage without vectors.
    pub(crate) fn nearness(&self, id: &PassageId, to: &Vector) -> Option<f64> {
        let at = self.passages.binary_search(id).ok()?;
        Some(self.nearest_part(at, to))
    }

    /// Every passage with its nearness.
    pub(crate) fn all<'a>(&'a self, to: &Vector) -> impl Iterator<Item = (f64, &'a PassageId)> {
        self.passages
            .iter()
            .enumerate()
            .map(|(at, id)| (self.nearest_part(at, to), id))
    }

    fn nearest_part(&self, passage: usize, to: &Vector) -> f64 {
        let dimensions = to.dimensions();
        let cosine = |part: usize| {
            let components = &self.components[part * dimensions..][..dimensions];
            f64::from(to.dot(components) as f32 * self.scales[part] * to.scale())
        };
        let parts = self.starts[passage]..self.starts[passage + 1];
        parts.map(cosine).fold(-1.0, f64::max)
    }
}

/// Vectors by document, digest of its file, and what cut it.
#[derive(Debug, Default)]
pub(crate) struct Vectors {
    kept: RwLock<BTreeMap<(DocumentId, String, Versions), Arc<DocumentVectors>>>,
}

impl Vectors {
    /// Vectors of the given documents; those that nobody asked for yet are made now.
    pub(crate) fn of(
        &self,
        index: &PassageIndex,
        snapshot: &Snapshot,
        ids: &[DocumentId],
    ) -> Result<BTreeMap<DocumentId, Arc<DocumentVectors>>, KnowledgeError> {
        let mut found = BTreeMap::new();
        let mut made = Vec::new();
        for record in ids.iter().filter_map(|id| snapshot.catalog.get(id)) {
            let key = (
                record.document_id.clone(),
                record.sha256.clone(),
                snapshot.versions,
            );
            let known = self
                .kept
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .get(&key)
                .cloned();
            let vectors = match known {
                Some(vectors) => vectors,
                None => {
                    let passages = index.passages_of(&snapshot.searcher, &record.document_id)?;
                    let vectors = Arc::new(DocumentVectors::new(Encoder::built_in(), &passages));
                    made.push((key, vectors.clone()));
                    vectors
                }
            };
            found.insert(record.document_id.clone(), vectors);
        }
        if !made.is_empty() {
            let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
            kept.retain(|(id, sha256, versions), _| {
                let record = snapshot.catalog.get(id);
                *versions == snapshot.versions && record.is_some_and(|record| record.sha256 == *sha256)
            });
            kept.extend(made);
        }
        Ok(found)
    }
}

/// The passages nearest to a question, nearest first, and the probability that any passage answers it.
pub(crate) fn nearest<'a>(
    vectors: &'a BTreeMap<DocumentId, Arc<DocumentVectors>>,
    question: &EncodedQuestion,
) -> (Vec<(f64, &'a PassageId)>, f64) {
    let mut all: Vec<(f64, &PassageId)> = vectors
        .values()
        .flat_map(|own| own.all(&question.vector))
        .collect();
    let answered = Encoder::built_in().answered(question, all.iter().map(|(cosine, _)| *cosine));
    let order = |a: &(f64, &PassageId), b: &(f64, &PassageId)| b.0.total_cmp(&a.0).then(a.1.cmp(b.1));
    if all.len() > NEAREST {
        all.select_nth_unstable_by(NEAREST, order);
        all.truncate(NEAREST);
    }
    all.sort_by(order);
    (all, answered)
}

/// Cosine of the part of one passage that is nearest to a question; `None` for a passage without pieces that the encoder knows.
pub(crate) fn nearness(stored: &StoredPassage, to: &Vector) -> Option<f64> {
    let parts = Encoder::built_in().passage(stored);
    parts.iter().map(|part| part.cosine(to)).reduce(f64::max)
}
