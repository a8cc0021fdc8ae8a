//! What survives, and what does not, through the public methods.

use bytes::Bytes;
use serde_json::json;
use shifu_domain::{DocumentMetadata, ProductLine};
use shifu_store::{
    AlertFilter, AlertState, Call, CallIdentity, DefinitionKind, EnrolledStandard, JobKind, NewAlert,
    NewDocument, NewInspection, NewKey, NewPhoto, PageRequest, PhotoOutcome, RepairRecord, Store, StoreError,
    StoredReply,
};

#[path = "../../../tests/common/database.rs"]
mod database;

async fn open() -> (Store, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    (open_in(directory.path()).await, directory)
}

/// The store of a directory, on SQLite or on PostgreSQL: the same tests hold for both.
async fn open_in(directory: &std::path::Path) -> Store {
    match database::url_of(directory) {
        Some(url) => Store::open_url(&url, directory).await.unwrap(),
        None => Store::open(directory).await.unwrap(),
    }
}

fn inspection(ticket: &str, photo: &'static [u8]) -> NewInspection {
    NewInspection {
        ticket_id: ticket.into(),
        category: "c".into(),
        service_provider: Some("S1".into()),
        ticket: json!({}),
        photos_meta: json!([]),
        photos: vec![NewPhoto {
            file_name: "a.jpg".into(),
            bytes: Bytes::from_static(photo),
        }],
        key_id: "k".into(),
    }
}

fn alert(harm: f64) -> NewAlert {
    NewAlert {
        photo: Some(0),
        checkpoint: None,
        kind: "duplicate".into(),
        severity: "major".into(),
        probability: 0.9,
        p_value: None,
        harm,
        due_at: 0,
    }
}

#[tokio::test]
async fn a_data_directory_with_strange_characters_opens_again_with_what_it_held() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("数据 100%?#");
    let store = Store::open(&path).await.unwrap();
    let key = store
        .create_key(&NewKey {
            role: "agent".into(),
            ..NewKey::default()
        })
        .await
        .unwrap();
    drop(store);
    let store = Store::open(&path).await.unwrap();
    assert_eq!(store.verify_key(&key.key).await.unwrap().unwrap().role, "agent");
    assert!(path.join("shifu.db").is_file());
}

#[tokio::test]
async fn only_the_whole_key_works_and_only_until_it_is_revoked() {
    let (store, _directory) = open().await;
    let key = store
        .create_key(&NewKey {
            role: "agent".into(),
            ..NewKey::default()
        })
        .await
        .unwrap();
    let mut wrong = key.key.clone();
    wrong.pop();
    for text in [
        "",
        "shifu_",
        "agent",
        &wrong,
        &format!("{}0", key.key),
        &key.key.to_uppercase(),
    ] {
        assert_eq!(store.verify_key(text).await.unwrap(), None, "{text}");
    }
    assert!(store.verify_key(&key.key).await.unwrap().is_some());
    store.revoke_key(&key.key_id).await.unwrap();
    assert_eq!(store.verify_key(&key.key).await.unwrap(), None);
    assert!(matches!(
        store.revoke_key(&key.key_id).await,
        Err(StoreError::NotFound { .. })
    ));
    assert!(!store.has_key().await.unwrap());
}

#[tokio::test]
async fn bytes_live_as_long_as_somebody_owns_them() {
    let (store, directory) = open().await;
    let sha256 = store.put_object("a", Bytes::from_static(b"photo")).await.unwrap();
    assert_eq!(
        store.put_object("b", Bytes::from_static(b"photo")).await.unwrap(),
        sha256
    );
    store.release_objects("a").await.unwrap();
    assert_eq!(store.object(&sha256).await.unwrap(), Bytes::from_static(b"photo"));
    let file = directory
        .path()
        .join("objects")
        .join(&sha256[..2])
        .join(&sha256[2..4])
        .join(&sha256);
    std::fs::write(&file, b"other").unwrap();
    assert!(
        matches!(store.object(&sha256).await, Err(StoreError::Corrupt { .. })),
        "changed bytes are noticed"
    );
    store.release_objects("b").await.unwrap();
    assert!(matches!(
        store.object(&sha256).await,
        Err(StoreError::NotFound { .. })
    ));
    assert!(!file.exists());
}

#[tokio::test]
async fn attempts_of_a_ticket_are_counted_and_its_open_alerts_expire() {
    let (store, _directory) = open().await;
    let (first, job) = store
        .add_inspection(&inspection("T", b"1"), Some(60_000))
        .await
        .unwrap();
    let outcome = PhotoOutcome {
        position: 0,
        overlay: Some(Bytes::from_static(b"png")),
        fingerprint: Some("f".into()),
    };
    let raised = store
        .finish_inspection(
            &first.inspection_id,
            "review",
            &json!({}),
            &[outcome],
            &[alert(3.0), alert(9.0)],
        )
        .await
        .unwrap();
    store.finish_job(&job.job_id).await.unwrap();
    let request = PageRequest {
        limit: Some(1),
        ..PageRequest::default()
    };
    let page = store.alerts(&request, &AlertFilter::default()).await.unwrap();
    assert_eq!(
        (page.items[0].alert.harm, page.items[0].alert_id.as_str()),
        (9.0, raised[1].as_str()),
        "worst first"
    );
    let next = PageRequest {
        cursor: page.next_cursor,
        ..request
    };
    let next = store.alerts(&next, &AlertFilter::default()).await.unwrap();
    assert_eq!((next.items[0].alert.harm, next.next_cursor), (3.0, None));
    let others = AlertFilter {
        service_providers: vec!["S2".into()],
    };
    assert!(
        store
            .alerts(&PageRequest::default(), &others)
            .await
            .unwrap()
            .items
            .is_empty()
    );
    store
        .decide_alert(&raised[0], AlertState::Confirmed, None, "k")
        .await
        .unwrap();
    let (second, _) = store.add_inspection(&inspection("T", b"2"), None).await.unwrap();
    assert_eq!(
        (second.attempt, second.replaces.as_deref()),
        (2, Some(first.inspection_id.as_str()))
    );
    store
        .finish_inspection(&second.inspection_id, "pass", &json!({}), &[], &[])
        .await
        .unwrap();
    assert_eq!(
        store.alert(&raised[0]).await.unwrap().state,
        AlertState::Confirmed,
        "a decision stays"
    );
    assert_eq!(store.alert(&raised[1]).await.unwrap().state, AlertState::Expired);
    let late = store
        .decide_alert(&raised[1], AlertState::Dismissed, None, "k")
        .await;
    assert!(matches!(late, Err(StoreError::Conflict { .. })));
    assert_eq!(store.fingerprints(("", -1), 10).await.unwrap().len(), 1);
    let removed = store.remove_ticket("T").await.unwrap();
    assert_eq!((removed.inspections, removed.photos, removed.alerts), (2, 2, 2));
    assert!(store.fingerprints(("", -1), 10).await.unwrap().is_empty());
    assert!(store.remove_ticket("T").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_job_is_claimed_once_and_again_when_its_worker_is_gone() {
    let (store, directory) = open().await;
    let (record, _) = store.add_inspection(&inspection("T", b"1"), None).await.unwrap();
    let job = store
        .claim_job(JobKind::Inspect, 0, 60_000)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (job.subject.as_str(), job.attempts),
        (record.inspection_id.as_str(), 1)
    );
    assert_eq!(
        store.claim_job(JobKind::Inspect, 1, 60_000).await.unwrap(),
        None,
        "claimed by another worker"
    );
    let again = store
        .claim_job(JobKind::Inspect, 0, 60_000)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (again.job_id.as_str(), again.attempts),
        (job.job_id.as_str(), 2),
        "whoever asks holds none: the answer to its claim was lost"
    );
    assert_eq!(
        store.claim_job(JobKind::ParseDocument, 0, 60_000).await.unwrap(),
        None,
        "of another kind"
    );
    assert_eq!(store.requeue_jobs_of_others().await.unwrap(), 0, "it is ours");
    let next_process = open_in(directory.path()).await;
    assert_eq!(next_process.requeue_jobs_of_others().await.unwrap(), 1);
    assert_eq!(
        next_process
            .claim_job(JobKind::Inspect, 1, -1)
            .await
            .unwrap()
            .unwrap()
            .attempts,
        3
    );
    assert_eq!(
        next_process
            .claim_job(JobKind::Inspect, 0, 60_000)
            .await
            .unwrap()
            .unwrap()
            .attempts,
        4,
        "its lease ended"
    );
    next_process
        .retry_job(&job.job_id, 3_600_000, "busy")
        .await
        .unwrap();
    assert_eq!(
        next_process.claim_job(JobKind::Inspect, 0, 60_000).await.unwrap(),
        None,
        "not yet"
    );
    next_process.finish_job(&job.job_id).await.unwrap();
    assert_eq!(next_process.pending_jobs(JobKind::Inspect).await.unwrap(), 0);
}

#[tokio::test]
async fn of_many_workers_each_job_goes_to_one() {
    let (store, _directory) = open().await;
    for number in 0..12 {
        store
            .add_inspection(&inspection(&format!("T{number}"), b"1"), None)
            .await
            .unwrap();
    }
    let workers: Vec<_> = (0..12)
        .map(|worker| {
            let store = store.clone();
            tokio::spawn(async move {
                store
                    .claim_job(JobKind::Inspect, worker, 60_000)
                    .await
                    .unwrap()
                    .unwrap()
                    .job_id
            })
        })
        .collect();
    let mut claimed = Vec::new();
    for worker in workers {
        claimed.push(worker.await.unwrap());
    }
    claimed.sort();
    claimed.dedup();
    assert_eq!(claimed.len(), 12);
}

#[tokio::test]
async fn a_call_under_a_key_runs_once() {
    let (store, directory) = open().await;
    let identity = CallIdentity {
        key_id: "k".into(),
        route: "POST /v1/x".into(),
        idempotency_key: "i".into(),
    };
    assert_eq!(store.begin_call(&identity, "body").await.unwrap(), Call::New);
    assert_eq!(store.begin_call(&identity, "body").await.unwrap(), Call::Running);
    assert_eq!(
        store.begin_call(&identity, "other").await.unwrap(),
        Call::OtherBody
    );
    let next_process = open_in(directory.path()).await;
    assert_eq!(next_process.forget_interrupted_calls().await.unwrap(), 1);
    assert_eq!(
        next_process.begin_call(&identity, "body").await.unwrap(),
        Call::New
    );
    let reply = StoredReply {
        status: 202,
        headers: vec![("location".into(), "/x".into())],
        body: "{}".into(),
    };
    next_process.finish_call(&identity, &reply).await.unwrap();
    assert_eq!(
        store.begin_call(&identity, "body").await.unwrap(),
        Call::Done(reply)
    );
    store.abandon_call(&identity).await.unwrap();
    assert!(
        matches!(store.begin_call(&identity, "body").await.unwrap(), Call::Done(_)),
        "a finished call is not abandoned"
    );
}

#[tokio::test]
async fn versions_of_a_definition_are_kept_and_the_same_text_is_no_new_one() {
    let (store, _directory) = open().await;
    let kind = DefinitionKind::FaultTree;
    for (text, revision) in [("a", 1), ("a", 1), ("b", 2), ("a", 3)] {
        assert_eq!(
            store.add_definition(kind, "line", "toml", text).await.unwrap(),
            revision
        );
    }
    assert_eq!(store.definition_versions(kind, "line").await.unwrap().len(), 3);
    assert_eq!(
        store.definition(kind, "line").await.unwrap().unwrap().content,
        "a"
    );
    assert_eq!(store.definitions(kind).await.unwrap()[0].revision, 3);
    assert!(store.definitions(DefinitionKind::Bom).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_second_report_of_a_visit_replaces_the_first() {
    let (store, _directory) = open().await;
    let report = |visit, text: &str| RepairRecord {
        ticket_id: "T".into(),
        visit,
        product_line: "line".into(),
        body: json!(text),
    };
    assert_eq!(
        store
            .put_repairs(&[report(1, "a"), report(2, "b"), report(1, "c")])
            .await
            .unwrap(),
        [false, false, true]
    );
    let (repairs, cursor) = store.repairs("line", "", 10).await.unwrap();
    assert_eq!(
        repairs.iter().map(|one| one.body.clone()).collect::<Vec<_>>(),
        [json!("b"), json!("c")]
    );
    assert!(
        store
            .repairs("line", &cursor.unwrap(), 10)
            .await
            .unwrap()
            .0
            .is_empty()
    );
}

#[tokio::test]
async fn replacing_an_enrolment_removes_the_bytes_of_the_old_one() {
    let (store, _directory) = open().await;
    let enrolled = |version: &str| EnrolledStandard {
        category: "c".into(),
        version: version.into(),
        bytes: Bytes::from(version.to_owned()),
    };
    store.put_enrolled(&enrolled("1")).await.unwrap();
    let first = store.put_object("probe", Bytes::from_static(b"1")).await.unwrap();
    store.release_objects("probe").await.unwrap();
    store.put_enrolled(&enrolled("2")).await.unwrap();
    assert_eq!(store.enrolled("c").await.unwrap(), Some(enrolled("2")));
    assert!(matches!(
        store.object(&first).await,
        Err(StoreError::NotFound { .. })
    ));
    assert!(
        store
            .add_standard_photo("c", "p", "good", Bytes::from_static(b"x"))
            .await
            .unwrap()
    );
    assert!(
        !store
            .add_standard_photo("c", "p", "good", Bytes::from_static(b"x"))
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn a_list_does_not_move_while_rows_arrive_and_filters_by_brand() {
    let (store, _directory) = open().await;
    let add = async |title: &str, brand: Option<&str>| {
        let metadata = DocumentMetadata {
            title: title.into(),
            product_line: ProductLine::new("line").unwrap(),
            brand: brand.map(|brand| shifu_domain::Brand::new(brand).unwrap()),
            models: Vec::new(),
            revision: String::new(),
            effective_date: None,
            supersedes: None,
        };
        let document_id = Store::new_document_id();
        let document = NewDocument {
            document_id,
            metadata,
            file_name: "f".into(),
            original_sha256: "0".into(),
        };
        store.add_document(&document).await.unwrap();
    };
    for title in ["1", "2", "3"] {
        add(title, Some("甲")).await;
    }
    add("4", Some("乙")).await;
    add("5", None).await;
    let titles = async |request: &PageRequest, brands: &[String]| {
        let page = store.documents(request, brands).await.unwrap();
        let titles: Vec<String> = page.items.into_iter().map(|one| one.metadata.title).collect();
        (titles.join(""), page.next_cursor)
    };
    let mut request = PageRequest {
        limit: Some(2),
        ..PageRequest::default()
    };
    let (first, cursor) = titles(&request, &[]).await;
    add("6", None).await;
    request.cursor = cursor;
    let (second, cursor) = titles(&request, &[]).await;
    request.cursor = cursor;
    assert_eq!(first + &second + &titles(&request, &[]).await.0, "54321");
    assert_eq!(titles(&PageRequest::default(), &["乙".into()]).await.0, "654");
    request.cursor = Some("'; DROP TABLE documents".into());
    assert!(matches!(
        store.documents(&request, &[]).await,
        Err(StoreError::BadCursor(_))
    ));
}
