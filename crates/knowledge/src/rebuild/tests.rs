//! Indexes of other versions, made here by another payload or another schema.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use shifu_domain::{DocumentMetadata, ProductLine};
use tantivy::schema::{STORED, STRING, Schema};

use super::*;
use crate::{DocumentState, LibraryOptions, SearchRequest};

fn upload(number: usize) -> DocumentUpload {
    DocumentUpload {
        bytes: format!("# 手册 {number}\n\n代码 E{number} 表示第 {number} 号故障，请检查接线。\n")
            .into_bytes(),
        file_name: "m.md".into(),
        metadata: DocumentMetadata {
            title: format!("手册 {number}"),
            product_line: ProductLine::new("split_air_conditioner").unwrap(),
            brand: None,
            models: Vec::new(),
            revision: String::new(),
            effective_date: None,
            supersedes: None,
        },
        document_id: id(number),
    }
}

fn id(number: usize) -> DocumentId {
    DocumentId(format!("d{number}"))
}

fn open(folder: &Path) -> Library {
    Library::open(folder, LibraryOptions::default()).unwrap()
}

/// An index of two documents, the second retired, that says it is of other versions.
fn older(folder: &Path) {
    let library = open(folder);
    for number in 1..=2 {
        library.add(&upload(number), &mut |_| {}).unwrap();
    }
    library.retire(&id(2)).unwrap();
    drop(library);
    with_payload(folder, r#"{"parser":0,"cutter":1,"analysis":1,"schema":1}"#);
}

fn with_payload(folder: &Path, payload: &str) {
    let index = tantivy::Index::open_in_dir(folder).unwrap();
    let mut writer = index
        .writer_with_num_threads::<tantivy::TantivyDocument>(1, 20_000_000)
        .unwrap();
    let mut commit = writer.prepare_commit().unwrap();
    commit.set_payload(payload);
    commit.commit().unwrap();
    writer.wait_merging_threads().unwrap();
}

fn found(library: &Library, query: &str) -> usize {
    let request = SearchRequest {
        query: query.into(),
        ..SearchRequest::default()
    };
    library.search(&request).unwrap().hits.len()
}

fn rebuild(library: &Library, number: usize) {
    library.rebuild(&upload(number), &mut |_| {}).unwrap();
}

fn beside_it(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn an_index_of_this_program_is_not_outdated() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("index");
    let library = open(&folder);
    assert!(!library.outdated(), "an empty one");
    library.add(&upload(1), &mut |_| {}).unwrap();
    library.remove(&id(1)).unwrap();
    drop(library);
    assert!(!open(&folder).outdated());
}

#[test]
fn an_index_that_does_not_say_its_version_is_outdated() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("index");
    older(&folder);
    with_payload(&folder, "");
    assert!(open(&folder).outdated());
}

#[test]
fn an_older_index_serves_until_the_new_one_has_every_document() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("index");
    older(&folder);
    let library = open(&folder);
    assert!(library.outdated());
    assert_eq!(found(&library, "E1 是什么故障"), 1);
    let before = library.list();

    assert_eq!(library.to_rebuild().unwrap(), [id(1), id(2)]);
    rebuild(&library, 1);
    assert!(!library.publish_rebuilt().unwrap(), "one is missing");
    assert!(library.outdated());
    rebuild(&library, 2);
    assert!(library.publish_rebuilt().unwrap());
    assert!(!library.outdated());
    assert_eq!(found(&library, "E1 是什么故障"), 1);
    assert_eq!(library.list(), before);
    assert_eq!(library.get(&id(2)).unwrap().state, DocumentState::Retired);
    assert_eq!(beside_it(dir.path()), ["index"]);

    library.add(&upload(3), &mut |_| {}).unwrap();
    drop(library);
    let again = open(&folder);
    assert!(!again.outdated());
    assert_eq!(again.list().len(), 3);
}

#[test]
fn a_rebuild_that_was_cut_off_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("index");
    older(&folder);
    let library = open(&folder);
    library.to_rebuild().unwrap();
    rebuild(&library, 1);
    drop(library);

    let again = open(&folder);
    assert_eq!(found(&again, "E1 是什么故障"), 1);
    assert_eq!(again.to_rebuild().unwrap(), [id(2)]);
    rebuild(&again, 2);
    assert!(again.publish_rebuilt().unwrap());
    assert_eq!(again.list().len(), 2);
}

#[test]
fn a_new_index_of_yet_another_version_is_begun_again() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("index");
    older(&folder);
    let library = open(&folder);
    library.to_rebuild().unwrap();
    rebuild(&library, 1);
    drop(library);
    with_payload(
        &beside(&folder, NEXT),
        r#"{"parser":9,"cutter":9,"analysis":9,"schema":9}"#,
    );
    assert_eq!(open(&folder).to_rebuild().unwrap(), [id(1), id(2)]);
}

#[test]
fn what_changes_during_a_rebuild_is_in_the_new_index() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("index");
    older(&folder);
    let library = open(&folder);
    library.to_rebuild().unwrap();
    rebuild(&library, 1);
    rebuild(&library, 2);
    library.retire(&id(1)).unwrap();
    library.remove(&id(2)).unwrap();
    library.add(&upload(3), &mut |_| {}).unwrap();
    assert!(!library.publish_rebuilt().unwrap());
    assert_eq!(library.to_rebuild().unwrap(), [id(3)]);
    rebuild(&library, 3);
    rebuild(&library, 2);
    let before = library.list();
    assert!(library.publish_rebuilt().unwrap());
    assert_eq!(library.list(), before);
    assert_eq!(found(&library, "E3 是什么故障"), 1);
    let request = SearchRequest {
        query: "E1 是什么故障".into(),
        ..SearchRequest::default()
    };
    let hits = library.search(&request).unwrap().hits;
    assert!(hits.iter().all(|hit| hit.document_id == id(3)), "{hits:?}");
}

#[test]
fn a_document_whose_original_is_gone_keeps_its_passages() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("index");
    older(&folder);
    let library = open(&folder);
    let before = library.passages(&id(1)).unwrap();
    library.carry_over(&id(1)).unwrap();
    library.carry_over(&id(2)).unwrap();
    assert!(library.publish_rebuilt().unwrap());
    assert_eq!(library.passages(&id(1)).unwrap(), before);
    assert_eq!(found(&library, "E1 是什么故障"), 1);
}

#[test]
fn an_exchange_that_was_cut_off_is_ended_at_the_next_start() {
    for steps in 1..=2 {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("index");
        older(&folder);
        let library = open(&folder);
        library.to_rebuild().unwrap();
        rebuild(&library, 1);
        rebuild(&library, 2);
        drop(library);
        rename(&folder, &beside(&folder, OLD)).unwrap();
        if steps == 2 {
            rename(&beside(&folder, NEXT), &folder).unwrap();
        }
        let again = open(&folder);
        assert!(!again.outdated());
        assert_eq!(again.list().len(), 2, "cut off after step {steps}");
        assert_eq!(beside_it(dir.path()), ["index"]);
    }
}

#[test]
fn questions_are_answered_while_the_indexes_change_places() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("index");
    older(&folder);
    let library = open(&folder);
    library.to_rebuild().unwrap();
    rebuild(&library, 1);
    rebuild(&library, 2);
    let (stop, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                assert_eq!(found(&library, "E1 是什么故障"), 1);
                asked.fetch_add(1, Ordering::Relaxed);
            }
        });
        while asked.load(Ordering::Relaxed) < 3 && !reader.is_finished() {
            std::thread::yield_now();
        }
        let published = library.publish_rebuilt();
        stop.store(true, Ordering::Relaxed);
        assert!(published.unwrap());
    });
    assert_eq!(found(&library, "E1 是什么故障"), 1);
}

#[test]
fn an_index_that_cannot_be_read_is_set_aside() {
    let other_schema = |folder: &Path| {
        let mut schema = Schema::builder();
        schema.add_text_field("other", STRING | STORED);
        fs::create_dir_all(folder).unwrap();
        tantivy::Index::create_in_dir(folder, schema.build()).unwrap();
    };
    let damaged = |folder: &Path| {
        older(folder);
        fs::write(folder.join("meta.json"), "{\"segments\": [").unwrap();
    };
    let spoil: [&dyn Fn(&Path); 2] = [&other_schema, &damaged];
    for spoil in spoil {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("index");
        for _ in 0..2 {
            spoil(&folder);
            let refused = Library::open(&folder, LibraryOptions::default());
            assert!(
                matches!(refused, Err(KnowledgeError::IncompatibleIndex { .. })),
                "{:?}",
                refused.err()
            );
            let aside = set_aside(&folder).unwrap();
            assert!(aside.join("meta.json").is_file());
            let library = open(&folder);
            assert!(library.list().is_empty() && !library.outdated());
            library.add(&upload(1), &mut |_| {}).unwrap();
            drop(library);
            remove(&folder).unwrap();
        }
        assert_eq!(beside_it(dir.path()), ["index.unreadable"]);
    }
}

#[test]
fn an_index_that_another_process_writes_to_is_not_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("index");
    let library = open(&folder);
    library.add(&upload(1), &mut |_| {}).unwrap();
    assert!(matches!(set_aside(&folder), Err(KnowledgeError::Locked { .. })));
    assert_eq!(found(&library, "E1 是什么故障"), 1);
}

#[test]
fn a_record_keeps_what_the_operator_said_and_takes_what_reading_gave() {
    let library = Library::in_memory().unwrap();
    library.add(&upload(1), &mut |_| {}).unwrap();
    let record = library.get(&id(1)).unwrap();
    let read = DocumentRecord {
        metadata: upload(2).metadata,
        pages: 7,
        ocr_pages: vec![2, 3],
        ..record.clone()
    };
    let now = as_read(&record, &read);
    assert_eq!((now.pages, &now.ocr_pages[..]), (7, &[2, 3][..]));
    assert_eq!(now.metadata, record.metadata);
}
