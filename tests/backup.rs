//! A backup beside a running server, and what comes of it on an empty machine.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{BOM, MANUAL, Part, STANDARD, Server, TREE, database, jpeg, metadata};
use serde_json::{Value, json};
use shifu_server::Config;
use shifu_server::backup::{self, BackupError, Manifest, Stage};
use tempfile::TempDir;

async fn back_up(server: &Server, target: &Path) -> Manifest {
    backup::backup(server.state.config(), target, &mut |_, _, _| {})
        .await
        .unwrap()
}

fn config_of(data: &Path) -> Config {
    Config {
        data: data.to_owned(),
        database_url: database::url_of(data),
        ..Config::default()
    }
}

async fn restore(source: &Path) -> (TempDir, backup::Restored) {
    let data = tempfile::tempdir().unwrap();
    let restored = backup::restore(&config_of(data.path()), source, &mut |_, _, _| {})
        .await
        .unwrap();
    (data, restored)
}

fn submission(ticket: &str, photo: &[u8]) -> Vec<Part> {
    let ticket = json!({"ticket_id": ticket, "category": "test_install", "stage": "after"});
    let meta = json!([{"file": "a.jpg", "checkpoint": "bracket"}]);
    vec![
        Part::text("ticket", &ticket.to_string()),
        Part::text("photos_meta", &meta.to_string()),
        Part::file("photos", "a.jpg", photo),
    ]
}

fn repair(line: &str, ticket: &str) -> Value {
    json!({"ticket_id": ticket, "visit": 1, "product_line": line, "cause": "board_failed", "fixed": true,
        "symptoms": [{"id": "not_cooling", "present": true}], "parts_used": [{"part_number": "AC-PCB-201", "quantity": 1}],
        "region": "3502", "date": "2025-05-01"})
}

/// A server with something of everything.
async fn filled() -> (Server, Vec<String>) {
    let server = Server::start().await;
    for line in ["split_air_conditioner", "drum_washing_machine"] {
        let of_line = |text: &str| text.replace("split_air_conditioner", line);
        server
            .put_toml(&format!("/v1/boms/{line}"), &of_line(BOM))
            .await
            .ok();
        server
            .put_toml(&format!("/v1/fault-trees/{line}"), &of_line(TREE))
            .await
            .ok();
    }
    server.put_toml("/v1/standards/test_install", STANDARD).await.ok();
    for seed in 1..=3 {
        let parts = [
            Part::text("checkpoint", "bracket"),
            Part::text("label", "good"),
            Part::file("file", "good.jpg", &jpeg(seed)),
        ];
        server
            .form("admin", "/v1/standards/test_install/photos", &parts)
            .await
            .ok();
    }
    let document = server.index("manual.md", MANUAL, metadata("维修手册")).await;
    for ticket in ["T-1", "T-2"] {
        server
            .post(
                "technician",
                "/v1/repairs",
                &repair("split_air_conditioner", ticket),
            )
            .await
            .ok();
        // The same photo for both tickets: the second has a duplicate, an alert and a marked picture.
        server
            .form("technician", "/v1/inspections", &submission(ticket, &jpeg(7)))
            .await
            .ok();
    }
    (server, vec![document])
}

/// Everything a caller can read, apart from how long it took and when it was asked.
async fn seen(server: &Server, keys: &Server) -> Value {
    let key = |role: &str| keys.keys[role].clone();
    let mut seen = serde_json::Map::new();
    for (role, path) in [
        ("admin", "/v1/documents?limit=200"),
        ("admin", "/v1/inspections?limit=200"),
        ("admin", "/v1/alerts?limit=200"),
        ("admin", "/v1/boms/split_air_conditioner"),
        ("admin", "/v1/fault-trees/drum_washing_machine"),
        ("admin", "/v1/standards/test_install"),
        ("admin", "/v1/standards/test_install/report"),
        ("technician", "/v1/inspections?ticket_id=T-2"),
    ] {
        seen.insert(format!("{role} {path}"), server.get(&key(role), path).await.ok());
    }
    let inspections = server.get(&key("admin"), "/v1/inspections").await.ok();
    for inspection in inspections["items"].as_array().unwrap() {
        let path = format!(
            "/v1/inspections/{}/photos/0/overlay.png",
            inspection["inspection_id"].as_str().unwrap()
        );
        let picture = server.get(&key("admin"), &path).await;
        assert!(picture.status.is_success() && picture.bytes.starts_with(b"\x89PNG"));
        seen.insert(
            path,
            json!(picture.bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>()),
        );
    }
    let question = json!({"question": "E6 是什么故障", "model": "KFR-35GW/QH1"});
    let answer = server.post(&key("agent"), "/v1/answers", &question).await.ok();
    assert_eq!(answer["grounded"], true, "{answer}");
    seen.insert(
        "answer".into(),
        json!([answer["answer"], answer["citations"], answer["warnings"]]),
    );
    let asked = json!({"product_line": "split_air_conditioner", "symptoms": [{"id": "not_cooling", "present": true}]});
    let mut prediction = server
        .post(&key("dispatcher"), "/v1/part-predictions", &asked)
        .await
        .ok();
    prediction.as_object_mut().unwrap().remove("took_ms");
    seen.insert("prediction".into(), prediction);
    Value::Object(seen)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_backup_of_a_running_server_holds_all_that_was_acknowledged_and_answers_are_equal() {
    let (server, documents) = filled().await;
    let before = seen(&server, &server).await;
    let server = Arc::new(server);
    let stop = Arc::new(AtomicBool::new(false));
    let rounds = Arc::new(AtomicUsize::new(0));
    let writer = tokio::spawn(write_until(server.clone(), stop.clone(), rounds.clone()));
    let wait_for = |wanted: usize| {
        let started = Instant::now();
        while rounds.load(Ordering::Relaxed) < wanted {
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "the writer does not write"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    tokio::task::block_in_place(|| wait_for(2));
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("monday");
    let mut steps = Vec::new();
    let manifest = backup::backup(server.state.config(), &target, &mut |stage, done, total| {
        // After the records were read and before the files are copied, more is written and acknowledged.
        if stage == Stage::Objects && done == 1 {
            tokio::task::block_in_place(|| wait_for(rounds.load(Ordering::Relaxed) + 2));
        }
        steps.push((stage, done, total));
    })
    .await
    .unwrap();
    stop.store(true, Ordering::Relaxed);
    let written = writer.await.unwrap();
    assert!(written.len() >= 4, "nothing was written meanwhile");
    assert!(steps.contains(&(Stage::Objects, manifest.objects.count, manifest.objects.count)));
    assert!(!folder.path().join("monday.partial").exists());
    assert!(
        manifest.tables["inspections"] >= 2 && manifest.tables["photos"] >= 2,
        "{manifest:?}"
    );

    let (data, restored) = restore(&target).await;
    assert!(restored.index_used && restored.manifest == manifest);
    let copy = Server::over(data, |_| {}).await;
    assert!(copy.state.ready.load(Ordering::Relaxed));
    for document in &documents {
        let path = format!("/v1/documents/{document}");
        let there = copy.get(&server.keys["admin"], &path).await.ok();
        assert_eq!(there, server.get("admin", &path).await.ok());
        assert_eq!(there["status"], "indexed");
    }
    // What was written while the backup ran is there wholly or not at all.
    for document in &written {
        let reply = copy.get("admin", &format!("/v1/documents/{document}")).await;
        if reply.status == 404 {
            continue;
        }
        let id = shifu_domain::DocumentId(document.clone());
        let record = copy.state.engine.wait_for_document(&id).await.unwrap();
        assert_eq!((record.error, record.passages > 0), (None, true));
    }
    // The lists also hold what came meanwhile; the rest is as it was before.
    let mut after = seen(&copy, &server).await;
    let mut before = before;
    for list in [
        "admin /v1/documents?limit=200",
        "admin /v1/inspections?limit=200",
        "admin /v1/alerts?limit=200",
    ] {
        after[list] = keep_known(&after[list], &before[list]);
        before[list] = before[list]["items"].clone();
    }
    after
        .as_object_mut()
        .unwrap()
        .retain(|name, _| before.get(name).is_some());
    assert_eq!(after, before);
    let actions = actions(&copy).await;
    assert!(actions.contains(&"backup.restore".to_owned()), "{actions:?}");
    assert!(self::actions(&server).await.contains(&"backup.create".to_owned()));
}

/// Adds documents, inspections and repairs of another product line until told to stop; gives the documents acknowledged.
async fn write_until(server: Arc<Server>, stop: Arc<AtomicBool>, rounds: Arc<AtomicUsize>) -> Vec<String> {
    let mut documents = Vec::new();
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        let text = format!("# 洗衣机手册 {number}\n\n代码 H{number} 表示第 {number} 号故障。\n");
        let mut about = metadata(&format!("洗衣机手册 {number}"));
        about["product_line"] = json!("drum_washing_machine");
        about["models"] = json!(["XQG100-QH1"]);
        let accepted = server.upload("w.md", text.as_bytes(), &about).await.ok();
        documents.push(accepted["document_id"].as_str().unwrap().to_owned());
        let ticket = format!("W-{number}");
        server
            .post(
                "technician",
                "/v1/repairs",
                &repair("drum_washing_machine", &ticket),
            )
            .await
            .ok();
        server
            .form(
                "technician",
                "/v1/inspections",
                &submission(&ticket, &jpeg(100 + number)),
            )
            .await
            .ok();
        rounds.fetch_add(1, Ordering::Relaxed);
    }
    documents
}

/// The items of a list that stand in an earlier list too.
fn keep_known(list: &Value, earlier: &Value) -> Value {
    let known = earlier["items"].as_array().unwrap();
    let items = list["items"].as_array().unwrap().iter();
    items.filter(|item| known.contains(item)).cloned().collect()
}

async fn actions(server: &Server) -> Vec<String> {
    let audit = server.get("admin", "/v1/audit?limit=200").await.ok();
    let items = audit["items"].as_array().unwrap().iter();
    items
        .map(|entry| entry["action"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_backup_of_a_restored_instance_is_the_same_on_either_database() {
    let (server, _) = filled().await;
    let folder = tempfile::tempdir().unwrap();
    let first = folder.path().join("first");
    back_up(&server, &first).await;
    let data = tempfile::tempdir().unwrap();
    let mut targets = vec![config_of(data.path())];
    let embedded = tempfile::tempdir().unwrap();
    if targets[0].database_url.is_some() {
        // From PostgreSQL to SQLite, besides to PostgreSQL.
        targets.push(Config {
            database_url: None,
            ..config_of(embedded.path())
        });
    }
    for (number, config) in targets.iter().enumerate() {
        backup::restore(config, &first, &mut |_, _, _| {}).await.unwrap();
        let second = folder.path().join(format!("second-{number}"));
        backup::backup(config, &second, &mut |_, _, _| {}).await.unwrap();
        for file in files_below(&first.join("records")) {
            let name = file.file_name().unwrap();
            // The restore itself stands in the audit log.
            if name != "audit.jsonl" {
                let copied = second.join("records").join(name);
                assert_eq!(fs::read(&file).unwrap(), fs::read(copied).unwrap(), "{name:?}");
            }
        }
        let names = |root: &Path| -> Vec<PathBuf> {
            let files = files_below(&root.join("objects")).into_iter();
            files
                .map(|file| file.strip_prefix(root).unwrap().to_owned())
                .collect()
        };
        assert_eq!(names(&first), names(&second));
        assert!(!names(&first).is_empty());
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn copy_folder(from: &Path, to: &Path) {
    for file in files_below(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(file, target).unwrap();
    }
}

#[tokio::test]
async fn a_broken_backup_is_refused_with_the_name_of_what_is_wrong() {
    let (server, _) = filled().await;
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    back_up(&server, &whole).await;
    let object = files_below(&whole.join("objects")).remove(0);
    let object = object.strip_prefix(&whole).unwrap().to_str().unwrap().to_owned();
    let segment = files_below(&whole.join("index"))
        .into_iter()
        .find(|file| file.extension().is_some_and(|extension| extension == "store"));
    let segment = segment
        .unwrap()
        .strip_prefix(&whole)
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    let flip = |path: &Path| {
        let mut bytes = fs::read(path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(path, bytes).unwrap();
    };
    let cut = |path: &Path| {
        let bytes = fs::read(path).unwrap();
        fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    };
    let gone = |path: &Path| fs::remove_file(path).unwrap();
    let edited = |path: &Path, from: &str, to: &str| {
        let text = fs::read_to_string(path).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
    };
    let format = |path: &Path| edited(path, "\"format\": 1", "\"format\": 99");
    let schema = |path: &Path| edited(path, "\"schema_version\": ", "\"schema_version\": 9");
    let climbs = |path: &Path| edited(path, "records/", "../records/");
    type Damage<'a> = &'a dyn Fn(&Path);
    let cases: [(&str, Damage, &str); 14] = [
        ("records/repairs.jsonl", &cut, "bytes, not"),
        ("records/inspections.jsonl", &flip, "SHA-256"),
        ("records/documents.jsonl", &gone, "missing"),
        (&object, &cut, "bytes, not"),
        (&object, &flip, "SHA-256"),
        (&object, &gone, "missing"),
        (&segment, &flip, "SHA-256"),
        ("files.jsonl", &cut, "SHA-256"),
        ("files.jsonl", &gone, "missing"),
        ("files.jsonl", &climbs, "SHA-256"),
        ("manifest.json", &gone, "missing"),
        ("manifest.json", &cut, "EOF"),
        ("manifest.json", &format, "format 99"),
        ("manifest.json", &schema, "schema 9"),
    ];
    for (number, (file, damage, expected)) in cases.into_iter().enumerate() {
        let broken = folder.path().join(format!("broken-{number}"));
        copy_folder(&whole, &broken);
        damage(&broken.join(file));
        let data = tempfile::tempdir().unwrap();
        let error = backup::restore(&config_of(data.path()), &broken, &mut |_, _, _| {})
            .await
            .unwrap_err();
        let message = error.to_string();
        assert!(message.contains(expected), "{file}: {message}");
        assert!(
            message.contains(file) || matches!(error, BackupError::Newer { .. }),
            "{file}: {message}"
        );
        assert!(error.is_bad_input());
        assert_eq!(
            files_below(data.path()),
            Vec::<PathBuf>::new(),
            "{file} left something"
        );
    }
}

#[tokio::test]
async fn nothing_is_overwritten() {
    let (server, _) = filled().await;
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("backup");
    back_up(&server, &target).await;
    let check = async |error: BackupError, expected: &[&str]| {
        let message = error.to_string();
        assert!(error.is_bad_input(), "{message}");
        for part in expected {
            assert!(message.contains(part), "{part:?} not in {message:?}");
        }
    };
    let again = backup::backup(server.state.config(), &target, &mut |_, _, _| {}).await;
    check(again.unwrap_err(), &["backup", "already"]).await;
    fs::create_dir(folder.path().join("other.partial")).unwrap();
    let other = folder.path().join("other");
    let half = backup::backup(server.state.config(), &other, &mut |_, _, _| {}).await;
    check(half.unwrap_err(), &["other.partial"]).await;

    let used = backup::restore(server.state.config(), &target, &mut |_, _, _| {}).await;
    check(
        used.unwrap_err(),
        &["not empty", server.directory.path().to_str().unwrap()],
    )
    .await;
    let stray = tempfile::tempdir().unwrap();
    fs::create_dir(stray.path().join("models")).unwrap();
    fs::write(stray.path().join("notes.txt"), "mine").unwrap();
    let strange = backup::restore(&config_of(stray.path()), &target, &mut |_, _, _| {}).await;
    check(strange.unwrap_err(), &["notes.txt"]).await;
    assert_eq!(
        fs::read_to_string(stray.path().join("notes.txt")).unwrap(),
        "mine"
    );
    if let Some(url) = &server.state.config().database_url {
        let data = tempfile::tempdir().unwrap();
        let config = Config {
            database_url: Some(url.clone()),
            ..config_of(data.path())
        };
        let full = backup::restore(&config, &target, &mut |_, _, _| {}).await;
        check(full.unwrap_err(), &["table", "empty"]).await;
        assert_eq!(files_below(data.path()), Vec::<PathBuf>::new());
    }
    let nothing = tempfile::tempdir().unwrap();
    let none = backup::backup(
        &config_of(nothing.path()),
        &folder.path().join("none"),
        &mut |_, _, _| {},
    )
    .await;
    check(none.unwrap_err(), &[nothing.path().to_str().unwrap()]).await;
    assert!(!folder.path().join("none").exists() && !folder.path().join("none.partial").exists());
    assert_eq!(files_below(nothing.path()), Vec::<PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_removed_while_the_backup_runs_is_not_brought_back() {
    let (server, documents) = filled().await;
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("backup");
    let engine = server.state.engine.clone();
    let document = documents[0].clone();
    let mut removed = false;
    let manifest = backup::backup(server.state.config(), &target, &mut |stage, _, _| {
        // The records' moment has begun, no file has been copied yet: now a document goes.
        if removed || stage != Stage::Records {
            return;
        }
        removed = true;
        let (engine, document) = (engine.clone(), shifu_domain::DocumentId(document.clone()));
        let remove = async move {
            let caller = shifu_server::Caller::local();
            engine.remove_document(&caller, &document).await.unwrap();
        };
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(remove));
    })
    .await
    .unwrap();
    let owner = format!("document:{document}");
    assert!(manifest.removed_meanwhile.contains(&owner), "{manifest:?}");
    let (data, restored) = restore(&target).await;
    assert!(restored.manifest.removed_meanwhile.contains(&owner));
    let copy = Server::over(data, |_| {}).await;
    copy.get("admin", &format!("/v1/documents/{document}"))
        .await
        .error(404, "not_found");
    let hits = copy
        .post("agent", "/v1/search", &json!({"query": "制冷剂充注量"}))
        .await
        .ok();
    assert_eq!(hits["hits"], json!([]));
    assert_eq!(
        copy.get("admin", "/v1/inspections").await.ok()["items"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn an_object_that_is_lost_though_owned_stops_the_backup() {
    let (server, _) = filled().await;
    let object = files_below(&server.directory.path().join("objects")).remove(0);
    let name = object.file_name().unwrap().to_str().unwrap().to_owned();
    fs::remove_file(object).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("backup");
    let error = backup::backup(server.state.config(), &target, &mut |_, _, _| {})
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains(&name) && !error.is_bad_input(),
        "{error}"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_restore_that_broke_off_is_not_served() {
    let (server, _) = filled().await;
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("backup");
    back_up(&server, &target).await;
    let (data, _) = restore(&target).await;
    let marker = data.path().join(shifu_store::UNFINISHED_RESTORE);
    assert!(!marker.exists());
    fs::write(&marker, "").unwrap();
    let error = shifu_server::Engine::open(config_of(data.path())).await;
    let Err(error) = error else { panic!("served") };
    assert!(error.to_string().contains("restore"), "{error}");
}

#[tokio::test]
async fn the_start_mends_an_index_that_is_older_or_newer_than_the_records() {
    let (server, documents) = filled().await;
    let path = format!("/v1/documents/{}", documents[0]);
    let folder = tempfile::tempdir().unwrap();
    let early = folder.path().join("early");
    back_up(&server, &early).await;
    server
        .post("admin", &format!("{path}/retire"), &json!({}))
        .await
        .ok();
    let late = folder.path().join("late");
    back_up(&server, &late).await;
    let question = json!({"query": "制冷剂充注量"});
    // Records of one with the index of the other: (records, index, hits expected).
    for (records, index, found) in [(&early, &late, true), (&late, &early, false)] {
        let (data, _) = restore(records).await;
        fs::remove_dir_all(data.path().join("index")).unwrap();
        copy_folder(&index.join("index"), &data.path().join("index"));
        let copy = Server::over(data, |_| {}).await;
        let id = shifu_domain::DocumentId(documents[0].clone());
        copy.state.engine.wait_for_document(&id).await.unwrap();
        let hits = copy.post("agent", "/v1/search", &question).await.ok();
        assert_eq!(!hits["hits"].as_array().unwrap().is_empty(), found, "{hits}");
    }
    // Without any index it is built again.
    let (data, _) = restore(&early).await;
    fs::remove_dir_all(data.path().join("index")).unwrap();
    let copy = Server::over(data, |_| {}).await;
    let id = shifu_domain::DocumentId(documents[0].clone());
    copy.state.engine.wait_for_document(&id).await.unwrap();
    let hits = copy.post("agent", "/v1/search", &question).await.ok();
    assert!(!hits["hits"].as_array().unwrap().is_empty());
}
