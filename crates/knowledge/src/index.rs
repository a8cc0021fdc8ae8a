//! The tantivy index: what is stored, how it is published, how candidates are found.
//!
//! Terms are made by [`crate::analysis`] and [`crate::terms`] and handed over ready; queries are built from terms directly.
//! Document records and passages lie in one index, so that one commit publishes both.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use shifu_domain::DocumentId;
use tantivy::collector::{Count, DocSetCollector, TopDocs};
use tantivy::merge_policy::LogMergePolicy;
use tantivy::query::{
    BooleanQuery, BoostQuery, ConstScoreQuery, DisjunctionMaxQuery, EmptyQuery, Occur, Query, TermQuery,
    TermSetQuery,
};
use tantivy::schema::{
    Field, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions, Value,
};
use tantivy::tokenizer::{PreTokenizedString, Token};
use tantivy::{
    Index, IndexReader, IndexSettings, IndexWriter, ReloadPolicy, Searcher, TantivyDocument, TantivyError,
    Term,
};

use crate::analysis;
use crate::api::DocumentRecord;
use crate::error::KnowledgeError;
use crate::passages::StoredPassage;
use crate::versions::Versions;

/// Memory of the index writer; tantivy asks for at least 15 MB a thread.
const WRITER_BYTES: usize = 20_000_000;
/// Segments of like size that are merged into one; a query looks into every segment, and documents come far less often than queries.
const SEGMENTS_TO_MERGE: usize = 4;
/// Passages are read one by one and not in turn, so that a block holds few of them (tantivy's own size is 16 kB).
const STORE_BLOCK_BYTES: usize = 4_096;
/// Decompressed blocks that a reader keeps of each segment.
const STORE_BLOCKS_KEPT: usize = 64;

#[derive(Clone, Copy)]
struct Fields {
    document: Field,
    record: Field,
    passage: Field,
    data: Field,
    words: Field,
    bigrams: Field,
    heading_words: Field,
    heading_bigrams: Field,
    exact: Field,
}

/// Opened index.
pub(crate) struct PassageIndex {
    index: Index,
    reader: IndexReader,
    fields: Fields,
    /// Opened at the first write, so that readers of another process are never locked out.
    writer: Mutex<Option<IndexWriter>>,
    folder: String,
    versions: Versions,
}

/// Terms of a query with their weights.
#[derive(Debug, Clone, Default)]
pub(crate) struct QueryTerms {
    pub words: Vec<String>,
    pub bigrams: Vec<String>,
    /// Other words for the words; they count half.
    pub synonyms: Vec<String>,
    /// What manuals write for a spoken form, form by form; the best of a form's counts.
    pub written: Vec<&'static [String]>,
    pub exact: Vec<String>,
}

/// Weights of the fields; tuned on the CMRC 2018 trial set.
const BIGRAM_BOOST: f32 = 0.55;
const HEADING_BOOST: f32 = 0.35;
const EXACT_BOOST: f32 = 12.0;
/// What a written form of the trade counts where the question has a spoken one.
const WRITTEN_BOOST: f32 = 0.7;

fn schema() -> (Schema, Fields) {
    let mut builder = Schema::builder();
    let ready = || {
        TextOptions::default().set_indexing_options(
            TextFieldIndexing::default()
                .set_tokenizer("raw")
                .set_index_option(IndexRecordOption::WithFreqs),
        )
    };
    let fields = Fields {
        document: builder.add_text_field("document", STRING | STORED),
        record: builder.add_text_field("record", STORED),
        passage: builder.add_text_field("passage", STRING),
        data: builder.add_text_field("data", STORED),
        words: builder.add_text_field("words", ready()),
        bigrams: builder.add_text_field("bigrams", ready()),
        heading_words: builder.add_text_field("heading_words", ready()),
        heading_bigrams: builder.add_text_field("heading_bigrams", ready()),
        exact: builder.add_text_field("exact", STRING),
    };
    (builder.build(), fields)
}

fn settings() -> IndexSettings {
    IndexSettings {
        docstore_blocksize: STORE_BLOCK_BYTES,
        ..IndexSettings::default()
    }
}

/// Marks the passage field of document records.
const RECORD_MARK: &str = "#record";

impl PassageIndex {
    /// An index that lives in memory.
    pub(crate) fn in_memory() -> Result<Self, KnowledgeError> {
        let (schema, fields) = schema();
        let index = Index::builder()
            .schema(schema)
            .settings(settings())
            .create_in_ram()?;
        Self::with(index, fields, "memory")
    }

    /// Opens or creates the index in `folder`.
    pub(crate) fn open(folder: &Path) -> Result<Self, KnowledgeError> {
        let name = folder.display().to_string();
        std::fs::create_dir_all(folder).map_err(|source| KnowledgeError::Io {
            path: name.clone(),
            source,
        })?;
        let (schema, fields) = schema();
        let directory = tantivy::directory::MmapDirectory::open(folder).map_err(TantivyError::from)?;
        let builder = Index::builder().schema(schema).settings(settings());
        let opened = builder.open_or_create(directory).map_err(KnowledgeError::from);
        match opened.and_then(|index| Self::with(index, fields, &name)) {
            Err(KnowledgeError::Index(
                TantivyError::SchemaError(_)
                | TantivyError::IncompatibleIndex(_)
                | TantivyError::DataCorruption(_),
            )) => Err(KnowledgeError::IncompatibleIndex { dir: name }),
            other => other,
        }
    }

    fn with(index: Index, fields: Fields, folder: &str) -> Result<Self, KnowledgeError> {
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .doc_store_cache_num_blocks(STORE_BLOCKS_KEPT)
            .try_into()?;
        let metas = index.load_metas()?;
        let versions = match &metas.payload {
            None if metas.segments.is_empty() => Versions::CURRENT,
            payload => Versions::of_payload(payload.as_deref()),
        };
        Ok(Self {
            versions,
            index,
            reader,
            fields,
            writer: Mutex::new(None),
            folder: folder.to_owned(),
        })
    }

    /// What made the index.
    pub(crate) fn versions(&self) -> Versions {
        self.versions
    }

    /// Takes in what another process published.
    pub(crate) fn reload(&self) -> Result<(), KnowledgeError> {
        Ok(self.reader.reload()?)
    }

    /// The state as last published.
    pub(crate) fn searcher(&self) -> Searcher {
        self.reader.searcher()
    }

    /// Replaces documents in one commit: every record in `put` with its passages is written, every id in `drop` taken out. Either
    /// all of it becomes visible or nothing.
    pub(crate) fn publish(
        &self,
        put: &[(DocumentRecord, Option<Vec<StoredPassage>>)],
        drop: &[DocumentId],
    ) -> Result<(), KnowledgeError> {
        let prepared: Vec<TantivyDocument> = put
            .iter()
            .flat_map(|(_, passages)| passages.iter().flatten())
            .map(|passage| self.passage_document(passage))
            .collect();
        let mut guard = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let writer = self.opened(&mut guard)?;
        let outcome = self.write(writer, put, prepared, drop);
        if outcome.is_err() {
            // Nothing of a failed write may be published by the next commit.
            if writer.rollback().is_err() {
                *guard = None;
            }
            return outcome;
        }
        self.reader.reload()?;
        Ok(())
    }

    /// Ends what the writer does in the background; the next change opens another one.
    pub(crate) fn close(&self) -> Result<(), KnowledgeError> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        writer.map_or(Ok(()), |writer| Ok(writer.wait_merging_threads()?))
    }

    fn write(
        &self,
        writer: &mut IndexWriter,
        put: &[(DocumentRecord, Option<Vec<StoredPassage>>)],
        prepared: Vec<TantivyDocument>,
        drop: &[DocumentId],
    ) -> Result<(), KnowledgeError> {
        for id in drop {
            writer.delete_term(Term::from_field_text(self.fields.document, &id.0));
        }
        for (record, passages) in put {
            if passages.is_some() {
                writer.delete_term(Term::from_field_text(self.fields.document, &record.document_id.0));
            } else {
                // Only the record changes (retired): its own term tells it from the passages.
                writer.delete_term(Term::from_field_text(
                    self.fields.passage,
                    &record_term(&record.document_id),
                ));
            }
            writer.add_document(self.record_document(record))?;
        }
        for document in prepared {
            writer.add_document(document)?;
        }
        let mut commit = writer.prepare_commit()?;
        commit.set_payload(&self.versions.to_payload());
        commit.commit()?;
        Ok(())
    }

    fn opened<'a>(&self, guard: &'a mut Option<IndexWriter>) -> Result<&'a mut IndexWriter, KnowledgeError> {
        if guard.is_none() {
            let writer = match self.index.writer_with_num_threads(1, WRITER_BYTES) {
                Ok(writer) => writer,
                Err(TantivyError::LockFailure(..)) => {
                    return Err(KnowledgeError::Locked {
                        dir: self.folder.clone(),
                    });
                }
                Err(error) => return Err(error.into()),
            };
            let mut merging = LogMergePolicy::default();
            merging.set_min_num_segments(SEGMENTS_TO_MERGE);
            writer.set_merge_policy(Box::new(merging));
            *guard = Some(writer);
        }
        guard.as_mut().ok_or_else(|| KnowledgeError::Locked {
            dir: self.folder.clone(),
        })
    }

    fn record_document(&self, record: &DocumentRecord) -> TantivyDocument {
        let mut document = TantivyDocument::new();
        document.add_text(self.fields.document, &record.document_id.0);
        document.add_text(self.fields.passage, RECORD_MARK);
        document.add_text(self.fields.passage, record_term(&record.document_id));
        document.add_text(
            self.fields.record,
            serde_json::to_string(record).unwrap_or_default(),
        );
        document
    }

    fn passage_document(&self, stored: &StoredPassage) -> TantivyDocument {
        let mut document = TantivyDocument::new();
        let folded = analysis::fold(&stored.passage.text);
        let heading = analysis::fold(&format!(
            "{}\n{}",
            stored.title,
            stored.passage.section.join("\n")
        ));
        document.add_text(self.fields.document, &stored.passage.document_id.0);
        document.add_text(self.fields.passage, &stored.passage.passage_id.0);
        document.add_text(
            self.fields.data,
            serde_json::to_string(stored).unwrap_or_default(),
        );
        document.add_pre_tokenized_text(self.fields.words, ready(analysis::words(&folded)));
        document.add_pre_tokenized_text(self.fields.bigrams, ready(analysis::bigrams(&folded)));
        document.add_pre_tokenized_text(self.fields.heading_words, ready(analysis::words(&heading)));
        document.add_pre_tokenized_text(self.fields.heading_bigrams, ready(analysis::bigrams(&heading)));
        for term in &stored.exact {
            document.add_text(self.fields.exact, term);
        }
        document
    }

    /// All document records.
    pub(crate) fn records(&self, searcher: &Searcher) -> Result<Vec<DocumentRecord>, KnowledgeError> {
        let query = self.term(self.fields.passage, RECORD_MARK);
        let mut records = BTreeMap::new();
        for address in searcher.search(&query, &DocSetCollector)? {
            let document: TantivyDocument = searcher.doc(address)?;
            if let Some(record) = document
                .get_first(self.fields.record)
                .and_then(|value| value.as_str())
                && let Ok(record) = serde_json::from_str::<DocumentRecord>(record)
            {
                records.insert(record.document_id.clone(), record);
            }
        }
        Ok(records.into_values().collect())
    }

    /// A passage by its id.
    pub(crate) fn passage(
        &self,
        searcher: &Searcher,
        id: &str,
    ) -> Result<Option<StoredPassage>, KnowledgeError> {
        if id.starts_with('#') {
            return Ok(None);
        }
        let found = searcher.search(
            &self.term(self.fields.passage, id),
            &TopDocs::with_limit(1).order_by_score(),
        )?;
        found
            .first()
            .map(|&(_, address)| self.stored(searcher, address))
            .transpose()
            .map(Option::flatten)
    }

    /// All passages of the given documents, in no order.
    pub(crate) fn passages_of(
        &self,
        searcher: &Searcher,
        id: &DocumentId,
    ) -> Result<Vec<StoredPassage>, KnowledgeError> {
        let mut found = Vec::new();
        for address in searcher.search(&self.term(self.fields.document, &id.0), &DocSetCollector)? {
            found.extend(self.stored(searcher, address)?);
        }
        found.sort_by(|a, b| {
            (a.passage.page, a.passage.span.start).cmp(&(b.passage.page, b.passage.span.start))
        });
        Ok(found)
    }

    fn stored(
        &self,
        searcher: &Searcher,
        address: tantivy::DocAddress,
    ) -> Result<Option<StoredPassage>, KnowledgeError> {
        let document: TantivyDocument = searcher.doc(address)?;
        Ok(document
            .get_first(self.fields.data)
            .and_then(|value| value.as_str())
            .and_then(|json| serde_json::from_str(json).ok()))
    }

    /// The best `limit` passages of the allowed documents (`None`: of all) by BM25, ties by position in the index.
    pub(crate) fn candidates(
        &self,
        searcher: &Searcher,
        terms: &QueryTerms,
        allowed: Option<&[DocumentId]>,
        limit: usize,
    ) -> Result<Vec<(f32, StoredPassage)>, KnowledgeError> {
        let mut should: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        let mut add = |field: Field, text: &str, boost: f32| {
            should.push((
                Occur::Should,
                Box::new(BoostQuery::new(Box::new(self.scored_term(field, text)), boost)),
            ));
        };
        for word in &terms.words {
            add(self.fields.words, word, 1.0);
            add(self.fields.heading_words, word, HEADING_BOOST);
        }
        for synonym in &terms.synonyms {
            add(self.fields.words, synonym, 0.5);
        }
        for bigram in &terms.bigrams {
            add(self.fields.bigrams, bigram, BIGRAM_BOOST);
            add(self.fields.heading_bigrams, bigram, HEADING_BOOST * BIGRAM_BOOST);
        }
        for forms in &terms.written {
            should.push((Occur::Should, self.best_of(forms)));
        }
        for exact in &terms.exact {
            let term = ConstScoreQuery::new(Box::new(self.term(self.fields.exact, exact)), EXACT_BOOST);
            should.push((Occur::Should, Box::new(term)));
        }
        if should.is_empty() {
            return Ok(Vec::new());
        }
        let query = self.within(Box::new(BooleanQuery::new(should)), allowed);
        let found = searcher.search(&query, &TopDocs::with_limit(limit.max(1)).order_by_score())?;
        let mut out = Vec::with_capacity(found.len());
        for (score, address) in found {
            if let Some(stored) = self.stored(searcher, address)? {
                out.push((score, stored));
            }
        }
        Ok(out)
    }

    /// The form that fits a passage best, by its words and bigrams.
    fn best_of(&self, forms: &[String]) -> Box<dyn Query> {
        let form = |form: &String| -> Box<dyn Query> {
            let term = |field: Field, text: &String, boost: f32| -> (Occur, Box<dyn Query>) {
                let boosted = BoostQuery::new(Box::new(self.scored_term(field, text)), WRITTEN_BOOST * boost);
                (Occur::Should, Box::new(boosted))
            };
            let words = analysis::words(form);
            let bigrams = analysis::bigrams(form);
            let all = words
                .iter()
                .map(|word| term(self.fields.words, word, 1.0))
                .chain(
                    words
                        .iter()
                        .map(|word| term(self.fields.heading_words, word, HEADING_BOOST)),
                )
                .chain(
                    bigrams
                        .iter()
                        .map(|bigram| term(self.fields.bigrams, bigram, BIGRAM_BOOST)),
                );
            Box::new(BooleanQuery::new(all.collect()))
        };
        Box::new(DisjunctionMaxQuery::new(forms.iter().map(form).collect()))
    }

    /// Passages of the allowed documents that hold an exact term.
    pub(crate) fn count_exact(
        &self,
        searcher: &Searcher,
        term: &str,
        allowed: Option<&[DocumentId]>,
    ) -> Result<usize, KnowledgeError> {
        let query = self.within(Box::new(self.term(self.fields.exact, term)), allowed);
        Ok(searcher.search(&query, &Count)?)
    }

    /// Inverse document frequency of a form of several words, or `None` where no passage can have it: by its rarest bigram, so that
    /// it does not matter how a dictionary cuts it.
    pub(crate) fn form_idf(&self, searcher: &Searcher, form: &str) -> Option<f64> {
        let bigrams = analysis::bigrams(form)
            .into_iter()
            .filter(|bigram| bigram.chars().count() == 2);
        let latin = analysis::runs(form)
            .filter(|(_, han)| !han)
            .map(|(run, _)| (self.fields.words, analysis::stem(run)));
        let terms: Vec<(Field, String)> = bigrams
            .map(|bigram| (self.fields.bigrams, bigram))
            .chain(latin)
            .collect();
        let holds = |(field, text): &(Field, String)| {
            searcher
                .doc_freq(&Term::from_field_text(*field, text))
                .unwrap_or(0)
                > 0
        };
        if terms.is_empty() || !terms.iter().all(holds) {
            return None;
        }
        terms
            .iter()
            .map(|(field, text)| self.idf(searcher, *field, text))
            .reduce(f64::max)
    }

    /// Inverse document frequency of a word, as BM25 weighs it, over passages.
    pub(crate) fn word_idf(&self, searcher: &Searcher, word: &str) -> f64 {
        self.idf(searcher, self.fields.words, word)
    }

    fn idf(&self, searcher: &Searcher, field: Field, text: &str) -> f64 {
        let with = searcher
            .doc_freq(&Term::from_field_text(field, text))
            .unwrap_or(0) as f64;
        let all = searcher.num_docs() as f64;
        (1.0 + (all - with + 0.5).max(0.0) / (with + 0.5)).ln()
    }

    fn within(&self, query: Box<dyn Query>, allowed: Option<&[DocumentId]>) -> Box<dyn Query> {
        match allowed {
            None => query,
            Some([]) => Box::new(EmptyQuery),
            Some(ids) => {
                let terms = ids
                    .iter()
                    .map(|id| Term::from_field_text(self.fields.document, &id.0));
                let filter: Box<dyn Query> =
                    Box::new(ConstScoreQuery::new(Box::new(TermSetQuery::new(terms)), 0.0));
                Box::new(BooleanQuery::new(vec![
                    (Occur::Must, query),
                    (Occur::Must, filter),
                ]))
            }
        }
    }

    fn term(&self, field: Field, text: &str) -> TermQuery {
        TermQuery::new(Term::from_field_text(field, text), IndexRecordOption::Basic)
    }

    fn scored_term(&self, field: Field, text: &str) -> TermQuery {
        TermQuery::new(Term::from_field_text(field, text), IndexRecordOption::WithFreqs)
    }
}

fn record_term(id: &DocumentId) -> String {
    format!("#record:{}", id.0)
}

/// Finished terms as tantivy takes them.
fn ready(terms: Vec<String>) -> PreTokenizedString {
    let tokens = terms
        .into_iter()
        .enumerate()
        .map(|(position, text)| Token {
            offset_from: 0,
            offset_to: text.len(),
            position,
            text,
            position_length: 1,
        })
        .collect();
    PreTokenizedString {
        text: String::new(),
        tokens,
    }
}
