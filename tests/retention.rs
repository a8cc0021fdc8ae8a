//! Nothing is kept longer than the operator says, and what is removed is gone from everywhere.

mod common;

use std::fs;
use std::num::NonZeroU32;
use std::path::Path;

use common::{BOM, MANUAL, Part, STANDARD, Server, TREE, jpeg, metadata};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use shifu_server::backup;
use shifu_server::config::{Config, RetentionDays};
use shifu_store::RetainedKind;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

async fn filled(change: impl FnOnce(&mut Config)) -> Server {
    let server = Server::with(change).await;
    server.put_toml("/v1/boms/split_air_conditioner", BOM).await.ok();
    server
        .put_toml("/v1/fault-trees/split_air_conditioner", TREE)
        .await
        .ok();
    server.put_toml("/v1/standards/test_install", STANDARD).await.ok();
    server.index("manual.md", MANUAL, metadata("维修手册")).await;
    for ticket in ["T-1", "T-2"] {
        inspect(&server, ticket, 7).await;
        let repair = json!({"ticket_id": ticket, "visit": 1, "product_line": "split_air_conditioner", "cause": "board_failed",
            "fixed": true, "symptoms": [{"id": "not_cooling", "present": true}],
            "parts_used": [{"part_number": "AC-PCB-201", "quantity": 1}], "region": "3502", "date": "2025-05-01"});
        server.post("technician", "/v1/repairs", &repair).await.ok();
        let mut asked = asked();
        asked["ticket_id"] = json!(ticket);
        server
            .post("dispatcher", "/v1/part-predictions", &asked)
            .await
            .ok();
    }
    let question = json!({"question": "E6 是什么故障", "model": "KFR-35GW/QH1"});
    let answer = server.post("agent", "/v1/answers", &question).await.ok();
    let path = format!("/v1/answers/{}/feedback", answer["answer_id"].as_str().unwrap());
    server
        .post("agent", &path, &json!({"verdict": "incomplete"}))
        .await
        .ok();
    server
}

fn asked() -> Value {
    json!({"product_line": "split_air_conditioner", "symptoms": [{"id": "not_cooling", "present": true}]})
}

async fn inspect(server: &Server, ticket: &str, seed: u32) -> Value {
    let about = json!({"ticket_id": ticket, "category": "test_install", "stage": "after"});
    let parts = [
        Part::text("ticket", &about.to_string()),
        Part::text(
            "photos_meta",
            &json!([{"file": "a.jpg", "checkpoint": "bracket"}]).to_string(),
        ),
        Part::file("photos", "a.jpg", &jpeg(seed)),
    ];
    server.form("technician", "/v1/inspections", &parts).await.ok()
}

fn days(days: u32) -> Option<NonZeroU32> {
    NonZeroU32::new(days)
}

fn only(kind: RetainedKind) -> RetentionDays {
    let mut kept = RetentionDays::default();
    match kind {
        RetainedKind::Inspections => kept.inspections = days(30),
        RetainedKind::Answers => kept.answers = days(30),
        RetainedKind::TicketRecords => kept.ticket_records = days(30),
        RetainedKind::Repairs => kept.repairs = days(30),
        RetainedKind::Alerts => kept.alerts = days(30),
        RetainedKind::Audit => kept.audit = days(30),
    }
    kept
}

fn files_below(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| if path.is_dir() { files_below(&path) } else { 1 })
        .sum()
}

async fn count(server: &Server, path: &str) -> usize {
    server.get("admin", path).await.ok()["items"]
        .as_array()
        .unwrap()
        .len()
}

async fn chance(server: &Server) -> f64 {
    let prediction = server
        .post("dispatcher", "/v1/part-predictions", &asked())
        .await
        .ok();
    let causes = prediction["causes"].as_array().unwrap().clone();
    let cause = causes
        .into_iter()
        .find(|cause| cause["event"] == "board_failed")
        .unwrap();
    cause["probability"].as_f64().unwrap()
}

fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// Inspections, alerts, gaps, records of a ticket, audit entries.
async fn counts(server: &Server) -> [usize; 5] {
    [
        count(server, "/v1/inspections").await,
        count(server, "/v1/alerts").await,
        count(server, "/v1/gaps").await,
        server
            .state
            .engine
            .store()
            .ticket_records("T-1")
            .await
            .unwrap()
            .len(),
        count(server, "/v1/audit?limit=200").await,
    ]
}

#[tokio::test]
async fn without_a_setting_everything_is_kept() {
    let server = filled(|_| {}).await;
    let before = counts(&server).await;
    assert_eq!(
        server.state.engine.sweep(now() + 9_999 * DAY_MS).await.unwrap(),
        []
    );
    assert_eq!(counts(&server).await, before);
}

#[tokio::test]
async fn each_kind_goes_by_its_own_days_and_leaves_the_others() {
    for (place, kind) in [
        (0, RetainedKind::Inspections),
        (1, RetainedKind::Alerts),
        (2, RetainedKind::Answers),
        (3, RetainedKind::TicketRecords),
        (4, RetainedKind::Audit),
    ] {
        let server = filled(|config| config.retention_days = only(kind)).await;
        let before = counts(&server).await;
        assert!(before.iter().all(|count| *count > 0), "{before:?}");
        let early = server
            .state
            .engine
            .sweep(now() + 30 * DAY_MS - 60_000)
            .await
            .unwrap();
        assert_eq!(early, [], "{kind:?}: not a minute too early");
        let swept = server
            .state
            .engine
            .sweep(now() + 30 * DAY_MS + 60_000)
            .await
            .unwrap();
        assert_eq!(swept.len(), 1, "{kind:?}: {swept:?}");
        assert_eq!((swept[0].kind, swept[0].days), (kind, 30));
        assert!(swept[0].removed > 0);
        let mut expected = before;
        expected[place] = 0;
        if kind == RetainedKind::Inspections {
            assert_eq!((swept[0].removed, swept[0].photos), (2, 2));
            assert_eq!(swept[0].alerts, before[1] as u64);
            expected[1] = 0;
        }
        // The sweep itself is an entry.
        expected[4] += 1;
        assert_eq!(counts(&server).await, expected, "{kind:?}");
        let audit = server.get("admin", "/v1/audit?limit=1").await.ok();
        let entry = &audit["items"][0];
        assert_eq!(
            (&entry["action"], &entry["subject"], &entry["key_id"]),
            (
                &json!("retention.sweep"),
                &json!(kind.as_str()),
                &json!("retention")
            )
        );
        assert_eq!(entry["detail"]["removed"], swept[0].removed);
        assert_eq!(entry["detail"]["older_than"], swept[0].older_than.as_str());
    }
}

#[tokio::test]
async fn photos_that_were_removed_are_gone_from_disk_and_from_the_search_for_duplicates() {
    let server = filled(|config| config.retention_days = only(RetainedKind::Inspections)).await;
    let objects = server.directory.path().join("objects");
    let before = files_below(&objects);
    let again = inspect(&server, "T-3", 7).await;
    let kinds = |reply: &Value| {
        let findings = reply["findings"].as_array().unwrap();
        findings.iter().any(|finding| finding["kind"] == "duplicate")
    };
    assert!(kinds(&again), "{again}");
    let swept = server.state.engine.sweep(now() + 31 * DAY_MS).await.unwrap();
    assert_eq!((swept[0].removed, swept[0].photos), (3, 3));
    // The manual and the enrolment remain.
    assert!(files_below(&objects) < before);
    let fresh = inspect(&server, "T-4", 7).await;
    assert!(!kinds(&fresh), "{fresh}");
    let server = server.restart().await;
    assert_eq!(count(&server, "/v1/inspections").await, 1);
}

#[tokio::test]
async fn predictions_forget_repairs_that_were_removed_and_may_learn_again() {
    let untaught = Server::start().await;
    untaught
        .put_toml("/v1/boms/split_air_conditioner", BOM)
        .await
        .ok();
    untaught
        .put_toml("/v1/fault-trees/split_air_conditioner", TREE)
        .await
        .ok();
    let prior = chance(&untaught).await;
    let server = filled(|config| config.retention_days = only(RetainedKind::Repairs)).await;
    assert!(chance(&server).await > prior);
    let swept = server.state.engine.sweep(now() + 31 * DAY_MS).await.unwrap();
    assert_eq!((swept[0].kind, swept[0].removed), (RetainedKind::Repairs, 2));
    assert!((chance(&server).await - prior).abs() < 1e-12);
}

#[tokio::test]
async fn many_rows_go_in_batches_and_work_that_is_not_done_stays() {
    let server = Server::with(|config| {
        config.retention_days.ticket_records = days(1);
        config.retention_days.inspections = days(1);
    })
    .await;
    let store = server.state.engine.store();
    for number in 0..450 {
        let record = shifu_store::TicketRecord {
            kind: "summary".into(),
            ticket_id: format!("T-{number}"),
            request: json!({}),
            result: json!({}),
            key_id: "k".into(),
        };
        store.add_ticket_record(&record).await.unwrap();
    }
    let waiting = shifu_store::NewInspection {
        ticket_id: "T-1".into(),
        category: "test_install".into(),
        service_provider: None,
        ticket: json!({}),
        photos_meta: json!([]),
        photos: Vec::new(),
        key_id: "k".into(),
    };
    // Claimed by nobody else for an hour: it is being worked on.
    store.add_inspection(&waiting, Some(3_600_000)).await.unwrap();
    let swept = server.state.engine.sweep(now() + 2 * DAY_MS).await.unwrap();
    let removed: Vec<_> = swept.iter().map(|one| (one.kind, one.removed)).collect();
    assert_eq!(removed, [(RetainedKind::TicketRecords, 450)]);
    assert_eq!(count(&server, "/v1/inspections").await, 1);
}

#[tokio::test]
async fn the_worker_sweeps_at_the_start() {
    let server = filled(|_| {}).await;
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("backup");
    let config = server.state.config();
    backup::backup(config, &source, &mut |_, _, _| {}).await.unwrap();
    age_ticket_records(&source);
    let data = tempfile::tempdir().unwrap();
    let config = Config {
        data: data.path().to_owned(),
        database_url: common::database::url_of(data.path()),
        ..Config::default()
    };
    backup::restore(&config, &source, &mut |_, _, _| {})
        .await
        .unwrap();
    let server = Server::over(data, |config| config.retention_days.ticket_records = days(1)).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(shifu_server::serve(server.state.clone(), listener, async {
        let _ = stopped.await;
    }));
    let store = server.state.engine.store();
    let mut left = 1;
    for _ in 0..200 {
        left = store.ticket_records("T-1").await.unwrap().len();
        if left == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(left, 0, "the worker removed nothing");
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn bytes_that_a_crash_left_without_an_owner_are_removed() {
    let server = filled(|_| {}).await;
    let store = server.state.engine.store();
    let objects = server.directory.path().join("objects");
    let before = files_below(&objects);
    // Records were removed, the file was not; and the file was there, the record was not written.
    let stray = "ab".repeat(32);
    fs::create_dir_all(objects.join("ab/ab")).unwrap();
    fs::write(objects.join("ab/ab").join(&stray), "left").unwrap();
    for owner in ["inspection", "document"] {
        let owner = format!("{owner}:{}", uuid::Uuid::now_v7());
        store
            .put_object(&owner, format!("never acknowledged {owner}").into())
            .await
            .unwrap();
    }
    assert_eq!(files_below(&objects), before + 3);
    assert_eq!(
        store.tidy_objects(now() - DAY_MS).await.unwrap(),
        0,
        "it may still be under way"
    );
    assert_eq!(store.tidy_objects(now() + DAY_MS).await.unwrap(), 3);
    assert_eq!(files_below(&objects), before);
    assert_eq!(store.tidy_objects(now() + DAY_MS).await.unwrap(), 0);
    let inspections = server.get("admin", "/v1/inspections").await.ok();
    let id = inspections["items"][0]["inspection_id"].as_str().unwrap();
    let path = format!("/v1/inspections/{id}/photos/0/overlay.png");
    assert!(server.get("admin", &path).await.status.is_success());
}

/// Makes the ticket records of a backup those of March 2024.
fn age_ticket_records(source: &Path) {
    let path = source.join("records/ticket_records.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let aged: String = text
        .lines()
        .map(|line| {
            let mut row: Value = serde_json::from_str(line).unwrap();
            let id = row["record_id"].as_str().unwrap().to_owned();
            row["record_id"] = json!(format!("018e0000{}", &id[8..]));
            row["created_at"] = json!(0x018e_0000_0000_i64);
            format!("{row}\n")
        })
        .collect();
    assert!(!aged.is_empty());
    fs::write(&path, &aged).unwrap();
    let digest = |text: &str| hex::encode(Sha256::digest(text));
    let list = fs::read_to_string(source.join("files.jsonl")).unwrap();
    let list = list.replace(&digest(&text), &digest(&aged));
    fs::write(source.join("files.jsonl"), &list).unwrap();
    let mut manifest: Value =
        serde_json::from_slice(&fs::read(source.join("manifest.json")).unwrap()).unwrap();
    manifest["files_sha256"] = json!(digest(&list));
    fs::write(source.join("manifest.json"), manifest.to_string()).unwrap();
}
