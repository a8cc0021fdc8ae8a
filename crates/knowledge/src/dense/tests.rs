//! The dense leg over a small deterministic encoder.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use proptest::prelude::*;
use shifu_domain::{DocumentMetadata, ProductLine};

use super::*;
use crate::{DocumentUpload, Leg, Library, LibraryOptions, Question, SearchReply, SearchRequest};

const DIMENSIONS: usize = 64;
/// Words that the encoder takes for the same.
const SAME: [(&str, &str); 3] = [("telly", "television"), ("dim", "dark"), ("hear", "sound")];

/// A bag of words, each in a place of its hash.
struct WordEncoder {
    version: &'static str,
    texts: AtomicUsize,
    fails: AtomicBool,
}

impl WordEncoder {
    fn new(version: &'static str) -> Arc<Self> {
        Arc::new(Self {
            version,
            texts: AtomicUsize::new(0),
            fails: AtomicBool::new(false),
        })
    }

    fn texts(&self) -> usize {
        self.texts.load(Ordering::Relaxed)
    }
}

impl TextEmbedder for WordEncoder {
    fn version(&self) -> ModelVersion {
        ModelVersion {
            name: "words".into(),
            version: self.version.into(),
        }
    }

    fn reads(&self, language: Language) -> bool {
        language == Language::English
    }

    fn dimensions(&self) -> usize {
        DIMENSIONS
    }

    fn embed(&self, texts: &[&str], _: Priority) -> Result<Vec<Vec<f32>>, ModelError> {
        if self.fails.load(Ordering::Relaxed) {
            return Err(ModelError::Failed {
                model: "words".into(),
                reason: "told to".into(),
            });
        }
        self.texts.fetch_add(texts.len(), Ordering::Relaxed);
        Ok(texts.iter().map(|text| bag(text)).collect())
    }
}

fn bag(text: &str) -> Vec<f32> {
    let mut sum = vec![0.0; DIMENSIONS];
    for word in text.to_lowercase().split(|c: char| !c.is_alphanumeric()) {
        let same = SAME.iter().find(|(one, _)| *one == word);
        let word = same.map_or(word, |(_, other)| other);
        let hash = word
            .bytes()
            .fold(7_usize, |hash, byte| hash.wrapping_mul(31) ^ usize::from(byte));
        sum[hash % DIMENSIONS] += (word.len() > 3) as u8 as f32;
    }
    let length = sum
        .iter()
        .map(|x| x * x)
        .sum::<f32>()
        .sqrt()
        .max(f32::MIN_POSITIVE);
    sum.iter().map(|x| x / length).collect()
}

const PICTURE: &str = "# Television picture\n\nWhen the television picture gets dark, raise the backlight with the arrow keys of the remote control until it suits you.\n";
const CLEANING: &str = "# Care\n\nWipe the cabinet with a soft cloth, and do not use solvents or wax on the surface of the set.\n";
const CHINESE: &str = "# 清洁\n\n用软布擦拭机身，不要使用溶剂。过滤网每两周清洗一次，避免风量变小。\n";

fn upload(id: &str, text: &str) -> DocumentUpload {
    DocumentUpload {
        bytes: text.into(),
        file_name: format!("{id}.md"),
        metadata: DocumentMetadata {
            title: format!("Manual {id}"),
            product_line: ProductLine::new("television").unwrap(),
            brand: None,
            models: Vec::new(),
            revision: String::new(),
            effective_date: None,
            supersedes: None,
        },
        document_id: DocumentId(id.into()),
    }
}

fn add(library: &Library, id: &str, text: &str) {
    library.add(&upload(id, text), &mut |_| {}).unwrap();
}

fn search(library: &Library, query: &str, leg: Leg) -> SearchReply {
    let request = SearchRequest {
        query: query.into(),
        leg,
        ..SearchRequest::default()
    };
    library.search(&request).unwrap()
}

fn documents(reply: &SearchReply) -> Vec<&str> {
    reply.hits.iter().map(|hit| hit.document_id.0.as_str()).collect()
}

#[test]
fn a_passage_without_a_word_of_the_question_is_found_once_it_is_encoded() {
    let library = Library::in_memory().unwrap();
    library.set_embedder(WordEncoder::new("1"));
    add(&library, "cleaning", CLEANING);
    add(&library, "picture", PICTURE);
    let asked = "my telly looks dim";
    assert!(
        search(&library, asked, Leg::Dense).hits.is_empty(),
        "not encoded yet"
    );
    assert_eq!(library.encode(&|| true).unwrap(), 2);
    for leg in [Leg::Dense, Leg::Hybrid] {
        assert_eq!(documents(&search(&library, asked, leg))[0], "picture", "{leg:?}");
    }
}

#[test]
fn a_document_is_found_by_its_words_before_it_is_encoded() {
    let library = Library::in_memory().unwrap();
    library.set_embedder(WordEncoder::new("1"));
    add(&library, "cleaning", CLEANING);
    library.encode(&|| true).unwrap();
    add(&library, "picture", PICTURE);
    let found = search(&library, "television picture gets dark", Leg::Hybrid);
    assert_eq!(documents(&found)[0], "picture");
}

#[test]
fn the_record_of_an_answer_names_the_encoder_and_its_part_of_the_score() {
    let library = Library::in_memory().unwrap();
    library.set_embedder(WordEncoder::new("1"));
    add(&library, "picture", PICTURE);
    let question = Question {
        question: "What do I do when the television picture gets dark?".into(),
        ..Question::default()
    };
    let before = library.answer(&question).unwrap().process;
    assert!(before.versions.iter().all(|version| version != "words 1"));
    assert!(before.candidates[0].explain.dense.abs() < 1e-9);
    library.encode(&|| true).unwrap();
    let after = library.answer(&question).unwrap().process;
    assert!(after.versions.iter().any(|version| version == "words 1"));
    assert!(
        after.candidates[0].explain.dense > 0.5,
        "{:?}",
        after.candidates[0]
    );
}

#[test]
fn vectors_are_read_again_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("index");
    let first = Library::open(&folder, LibraryOptions::default()).unwrap();
    first.set_embedder(WordEncoder::new("1"));
    add(&first, "picture", PICTURE);
    first.encode(&|| true).unwrap();
    let before = search(&first, "my telly looks dim", Leg::Hybrid);
    drop(first);

    let again = Library::open(&folder, LibraryOptions::default()).unwrap();
    let encoder = WordEncoder::new("1");
    again.set_embedder(encoder.clone());
    assert_eq!(again.encode(&|| true).unwrap(), 0);
    assert_eq!(encoder.texts(), 0);
    assert_eq!(
        search(&again, "my telly looks dim", Leg::Hybrid).hits,
        before.hits
    );
}

#[test]
fn vectors_of_another_encoder_are_never_compared_and_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("index");
    let library = Library::open(&folder, LibraryOptions::default()).unwrap();
    library.set_embedder(WordEncoder::new("1"));
    add(&library, "picture", PICTURE);
    add(&library, "cleaning", CLEANING);
    library.encode(&|| true).unwrap();

    let newer = WordEncoder::new("2");
    library.set_embedder(newer.clone());
    assert!(search(&library, "my telly looks dim", Leg::Dense).hits.is_empty());
    assert_eq!(newer.texts(), 0, "nothing to compare the question with");
    assert_eq!(library.encode(&|| true).unwrap(), 2);
    assert_eq!(
        documents(&search(&library, "my telly looks dim", Leg::Hybrid))[0],
        "picture"
    );
}

#[test]
fn a_damaged_file_of_vectors_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("index");
    let library = Library::open(&folder, LibraryOptions::default()).unwrap();
    library.set_embedder(WordEncoder::new("1"));
    add(&library, "picture", PICTURE);
    library.encode(&|| true).unwrap();
    let file = dir.path().join("index.vectors/picture.vectors");
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    library.set_embedder(WordEncoder::new("1"));
    assert_eq!(library.encode(&|| true).unwrap(), 1);
    assert_eq!(std::fs::read(&file).unwrap(), whole);
}

#[test]
fn vectors_go_with_their_document() {
    let dir = tempfile::tempdir().unwrap();
    let library = Library::open(&dir.path().join("index"), LibraryOptions::default()).unwrap();
    library.set_embedder(WordEncoder::new("1"));
    add(&library, "picture", PICTURE);
    add(&library, "cleaning", CLEANING);
    library.encode(&|| true).unwrap();
    let files = || {
        std::fs::read_dir(dir.path().join("index.vectors"))
            .unwrap()
            .count()
    };
    assert_eq!(files(), 2);
    library.remove(&DocumentId("picture".into())).unwrap();
    assert_eq!(files(), 1);
    assert!(
        search(&library, "my telly looks dim", Leg::Dense)
            .hits
            .iter()
            .all(|hit| hit.document_id.0 == "cleaning")
    );
}

#[test]
fn a_replaced_document_is_encoded_anew() {
    let library = Library::in_memory().unwrap();
    library.set_embedder(WordEncoder::new("1"));
    add(&library, "manual", CLEANING);
    library.encode(&|| true).unwrap();
    add(&library, "manual", PICTURE);
    assert!(search(&library, "my telly looks dim", Leg::Dense).hits.is_empty());
    assert_eq!(library.encode(&|| true).unwrap(), 1);
    let found = search(&library, "my telly looks dim", Leg::Dense);
    assert!(found.hits[0].text.contains("backlight"));
}

#[test]
fn encoding_stops_when_told_and_goes_on_later() {
    let library = Library::in_memory().unwrap();
    let encoder = WordEncoder::new("1");
    library.set_embedder(encoder.clone());
    let many: String = (0..40)
        .map(|n| format!("## Part {n}\n\nThis is what you should know about the television set and its part {n}, which is described here at some length so that it stands by itself in the manual.\n\n"))
        .collect();
    add(&library, "many", &many);
    let asked = Cell::new(0);
    let twice = || {
        asked.set(asked.get() + 1);
        asked.get() <= 2
    };
    assert_eq!(library.encode(&twice).unwrap(), 0);
    assert_eq!(encoder.texts(), 2 * BATCH);
    assert_eq!(library.encode(&|| true).unwrap(), 1);
}

#[test]
fn passages_in_a_language_that_the_encoder_was_not_made_for_are_left_to_the_others() {
    let library = Library::in_memory().unwrap();
    let encoder = WordEncoder::new("1");
    library.set_embedder(encoder.clone());
    add(&library, "chinese", CHINESE);
    let before = search(&library, "过滤网多久清洗一次", Leg::Lexical);
    assert_eq!(library.encode(&|| true).unwrap(), 1);
    assert_eq!(
        search(&library, "过滤网多久清洗一次", Leg::Hybrid).hits,
        before.hits
    );
    assert_eq!(encoder.texts(), 0);
}

#[test]
fn a_failing_encoder_costs_its_part_of_the_score_and_not_the_answer() {
    let library = Library::in_memory().unwrap();
    let encoder = WordEncoder::new("1");
    library.set_embedder(encoder.clone());
    add(&library, "picture", PICTURE);
    library.encode(&|| true).unwrap();
    encoder.fails.store(true, Ordering::Relaxed);
    let found = search(&library, "television picture", Leg::Hybrid);
    assert_eq!(
        found.hits,
        search(&library, "television picture", Leg::Lexical).hits
    );
    let alone = SearchRequest {
        query: "television picture".into(),
        leg: Leg::Dense,
        ..SearchRequest::default()
    };
    assert!(library.search(&alone).is_err());
}

proptest! {
    #[test]
    fn pieces_cover_the_text_and_none_is_too_long(text in "[a-z.。\n ]{0,400}", most in 20_usize..90) {
        let pieces = pieces(&text, most);
        prop_assert_eq!(pieces.concat(), text.clone());
        for piece in &pieces {
            prop_assert!(piece.chars().count() <= most);
            prop_assert!(!piece.is_empty() || text.is_empty());
        }
    }
}
