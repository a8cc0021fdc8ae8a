//! What survives `kill -9` under mixed load, and the load generator against a real server. The long form is `benches/durability.sh`.

#[path = "common/database.rs"]
mod database;
#[path = "common/process.rs"]
mod process;

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use process::{Body, Client, Process, bundled, json_of, shifu};
use serde_json::{Value, json};

const KILLS: usize = 5;
const CATEGORY: &str = "split_air_conditioner_install";
/// Parts of an uploaded manual, each at least a passage.
const SECTIONS: usize = 5;
/// Acknowledged work in the queue must be done by then.
const SETTLE: Duration = Duration::from_secs(90);

/// An acknowledged write, with what is needed to look it up.
enum Acknowledged {
    Document {
        id: String,
    },
    Inspection {
        id: String,
        verdict: Option<String>,
    },
    Repair {
        row: Value,
    },
    Verdict {
        alert: String,
        ticket: String,
        verdict: &'static str,
    },
    Key {
        id: String,
        key: String,
        once: String,
    },
}

/// What writers were told, and what they sent at all.
#[derive(Default)]
struct Ledger {
    acknowledged: Mutex<Vec<Acknowledged>>,
    /// Product line of every manual sent, acknowledged or not.
    manuals: Mutex<Vec<String>>,
    number: AtomicUsize,
}

impl Ledger {
    fn next(&self) -> usize {
        self.number.fetch_add(1, Ordering::Relaxed)
    }

    fn note(&self, entry: Acknowledged) {
        self.acknowledged
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(entry);
    }
}

/// A data directory with a product line and a standard, and an admin key.
fn prepared(data: &Path, url: Option<&str>) -> String {
    let key = json_of(shifu(data, url).args(["keys", "create", "--role", "admin"]))["key"]
        .as_str()
        .unwrap()
        .to_owned();
    json_of(shifu(data, url).args(["bom", "load"]).arg(bundled("bom.toml")));
    json_of(
        shifu(data, url)
            .args(["fault-tree", "load"])
            .arg(bundled("fault-tree.toml")),
    );
    let server = Process::start(data, url, &key);
    let standard = fs::read_to_string(bundled(&format!("standards/{CATEGORY}/standard.toml"))).unwrap();
    let put = server
        .client
        .call("PUT", &format!("/v1/standards/{CATEGORY}"), &Body::Toml(standard));
    assert_eq!(put.status, 200, "{}", put.json);
    key
}

fn upload(client: &Client, ledger: &Ledger) {
    let line = format!("crash_{}", ledger.next());
    // Every passage stands below the chapter's heading, so one word finds all of them.
    let section = |at: usize| {
        format!(
            "## 第 {at} 节\n\n压缩机检查第 {at} 步：{}\n",
            "先断电静置，再测绕组电阻并记录。".repeat(12)
        )
    };
    let text = format!("# 压缩机\n\n{}", (1..=SECTIONS).map(section).collect::<String>());
    ledger.manuals.lock().unwrap().push(line.clone());
    let answer = client.call("POST", "/v1/documents", &Body::document(&line, &line, &text));
    if answer.status == 202 {
        let id = text_of(&answer.json["document_id"]);
        ledger.note(Acknowledged::Document { id });
    }
}

fn inspect(client: &Client, ledger: &Ledger) {
    let number = ledger.next();
    let ticket = json!({"ticket_id": format!("crash-{number}"), "category": CATEGORY, "stage": "after"});
    let photo = |name: &str| {
        let bytes = fs::read(bundled("inspection/photos").join(name)).unwrap();
        ("photos", Some(name.to_owned()), bytes)
    };
    let form = Body::Form(vec![
        ("ticket", None, ticket.to_string().into_bytes()),
        photo("01_outdoor_bracket.jpg"),
        photo("05_drain_pipe.jpg"),
    ]);
    let headers = if number.is_multiple_of(2) {
        "Prefer: respond-async\r\n"
    } else {
        ""
    };
    let answer = client.call_with("POST", "/v1/inspections", &form, headers);
    if matches!(answer.status, 200 | 202) {
        let verdict = (answer.status == 200).then(|| text_of(&answer.json["verdict"]));
        let id = text_of(&answer.json["inspection_id"]);
        ledger.note(Acknowledged::Inspection { id, verdict });
    }
}

fn report(client: &Client, ledger: &Ledger) {
    let number = ledger.next();
    let rows = fs::read_to_string(bundled("repairs.jsonl")).unwrap();
    let mut row: Value = serde_json::from_str(rows.lines().nth(number % 400).unwrap()).unwrap();
    row["ticket_id"] = json!(format!("crash-{number}"));
    if client
        .call("POST", "/v1/repairs", &Body::Json(row.clone()))
        .status
        == 200
    {
        ledger.note(Acknowledged::Repair { row });
    }
}

fn decide(client: &Client, ledger: &Ledger) {
    let open = client.call("GET", "/v1/alerts?status=open&limit=1", &Body::None);
    let alert = &open.json["items"][0];
    if !alert.is_object() {
        return;
    }
    let (id, ticket) = (text_of(&alert["alert_id"]), text_of(&alert["ticket_id"]));
    let verdict = if ledger.next().is_multiple_of(2) {
        "confirmed"
    } else {
        "dismissed"
    };
    let path = format!("/v1/alerts/{id}/verdict");
    if client
        .call("POST", &path, &Body::Json(json!({"verdict": verdict})))
        .status
        == 200
    {
        ledger.note(Acknowledged::Verdict {
            alert: id,
            ticket,
            verdict,
        });
    }
}

fn make_key(client: &Client, ledger: &Ledger) {
    let once = format!("crash-{}", ledger.next());
    let headers = format!("Idempotency-Key: {once}\r\n");
    let answer = client.call_with("POST", "/v1/keys", &key_request(&once), &headers);
    if answer.status == 201 {
        let (id, key) = (text_of(&answer.json["key_id"]), text_of(&answer.json["key"]));
        ledger.note(Acknowledged::Key { id, key, once });
    }
}

fn key_request(once: &str) -> Body {
    Body::Json(json!({"role": "agent", "name": once}))
}

fn text_of(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("no text: {value}"))
        .to_owned()
}

/// Writers of every kind at once, until the server is killed after `alive`.
fn load_until_killed(server: Process, ledger: &Ledger, alive: Duration) {
    let over = AtomicBool::new(false);
    let writers: [fn(&Client, &Ledger); 5] = [upload, inspect, report, decide, make_key];
    std::thread::scope(|scope| {
        for write in writers {
            let (client, over) = (server.client.clone(), &over);
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    write(&client, ledger);
                    std::thread::sleep(Duration::from_millis(20));
                }
            });
        }
        std::thread::sleep(alive);
        drop(server);
        over.store(true, Ordering::Relaxed);
    });
}

/// The record at `path` once its work is over.
fn settled(client: &Client, path: &str) -> Value {
    let started = Instant::now();
    loop {
        let answer = client.call("GET", path, &Body::None);
        assert_eq!(answer.status, 200, "{path}: {}", answer.json);
        let status = answer.json["status"].as_str().unwrap_or_default();
        if !["queued", "parsing", "running"].contains(&status) {
            return answer.json;
        }
        assert!(started.elapsed() < SETTLE, "{path} is still {status}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn check(client: &Client, entry: &Acknowledged) {
    match entry {
        Acknowledged::Document { id } => {
            assert_eq!(
                settled(client, &format!("/v1/documents/{id}"))["status"],
                "indexed"
            );
        }
        Acknowledged::Inspection { id, verdict } => {
            let record = settled(client, &format!("/v1/inspections/{id}"));
            assert_eq!(record["status"], "done", "{record}");
            if let Some(verdict) = verdict {
                assert_eq!(record["verdict"], *verdict);
            }
            let photo = format!("/v1/inspections/{id}/photos/1/overlay.png");
            assert_eq!(client.call("GET", &photo, &Body::None).status, 200, "{photo}");
        }
        Acknowledged::Repair { row } => {
            // A second report of a visit says whether there was a first.
            let again = client.call("POST", "/v1/repairs", &Body::Json(row.clone()));
            assert_eq!(
                again.json["replaced"], true,
                "{} {}",
                again.status, row["ticket_id"]
            );
        }
        Acknowledged::Verdict {
            alert,
            ticket,
            verdict,
        } => {
            let path = format!("/v1/alerts?ticket_id={ticket}&limit=200");
            let alerts = client.call("GET", &path, &Body::None).json;
            let kept = alerts["items"].as_array().unwrap().iter();
            let state = kept
                .clone()
                .find(|kept| kept["alert_id"] == **alert)
                .map(|kept| &kept["state"]);
            assert_eq!(state, Some(&json!(verdict)), "{alert} of {ticket}");
        }
        Acknowledged::Key { id, key, once } => {
            let own = Client {
                port: client.port,
                key: key.clone(),
            };
            assert_eq!(own.call("GET", "/v1/models", &Body::None).status, 200, "key {id}");
            let headers = format!("Idempotency-Key: {once}\r\n");
            let again = client.call_with("POST", "/v1/keys", &key_request(once), &headers);
            assert_eq!(again.json["key_id"], **id, "a repeated call makes no second key");
            assert!(again.has_header("Idempotent-Replayed: true"));
        }
    }
}

/// A manual's passages are found all or not at all, and as many as its record says.
fn check_whole(client: &Client, line: &str) {
    let search = json!({"query": "压缩机", "product_line": line, "top_k": 100});
    let hits = client.call("POST", "/v1/search", &Body::Json(search)).json["hits"].clone();
    let hits = hits.as_array().unwrap();
    let Some(first) = hits.first() else { return };
    let record = settled(
        client,
        &format!("/v1/documents/{}", text_of(&first["document_id"])),
    );
    assert_eq!(record["passages"], hits.len(), "{line}: {record}");
    assert!(hits.len() >= SECTIONS, "{line}: {} passages", hits.len());
}

fn nothing_is_lost(url: Option<&str>, data: &Path) {
    let key = prepared(data, url);
    let ledger = Ledger::default();
    for round in 0..KILLS {
        let server = Process::start(data, url, &key);
        assert!(
            server.ready_in <= Duration::from_secs(5),
            "ready after {:?}",
            server.ready_in
        );
        // 0.9 to 2.1 s: the first round must have something to decide upon, and no two are cut at the same moment.
        load_until_killed(server, &ledger, Duration::from_millis(900 + 300 * round as u64));
    }
    let server = Process::start(data, url, &key);
    let acknowledged = ledger.acknowledged.into_inner().unwrap();
    for kind in 0..5 {
        let of_kind = |entry: &&Acknowledged| kind_of(entry) == kind;
        let count = acknowledged.iter().filter(of_kind).count();
        assert!(
            count > 0,
            "no write of kind {kind} was acknowledged: nothing was tested"
        );
    }
    for entry in &acknowledged {
        check(&server.client, entry);
    }
    for line in ledger.manuals.into_inner().unwrap() {
        check_whole(&server.client, &line);
    }
}

fn kind_of(entry: &Acknowledged) -> usize {
    match entry {
        Acknowledged::Document { .. } => 0,
        Acknowledged::Inspection { .. } => 1,
        Acknowledged::Repair { .. } => 2,
        Acknowledged::Verdict { .. } => 3,
        Acknowledged::Key { .. } => 4,
    }
}

#[test]
fn nothing_acknowledged_is_lost_by_kill_9_under_mixed_load_on_sqlite() {
    let data = tempfile::tempdir().unwrap();
    nothing_is_lost(None, data.path());
}

#[test]
fn nothing_acknowledged_is_lost_by_kill_9_under_mixed_load_on_postgres() {
    let data = tempfile::tempdir().unwrap();
    let Some(url) = database::url_of(data.path()) else {
        eprintln!("skipped: SHIFU_TEST_POSTGRES_URL names no PostgreSQL server");
        return;
    };
    nothing_is_lost(Some(&url), data.path());
}

#[test]
fn the_load_generator_sends_what_it_was_told_and_measures_a_real_server() {
    let data = tempfile::tempdir().unwrap();
    let key = prepared(data.path(), None);
    let server = Process::start(data.path(), None, &key);
    let (url, pid) = (
        format!("http://127.0.0.1:{}", server.client.port),
        server.id().to_string(),
    );
    let photos = bundled("inspection/photos");
    let mut load = shifu(data.path(), None);
    load.env("SHIFU_KEY", &key)
        .args(["eval", "load", &url, "--photo-dir"])
        .arg(photos);
    load.args([
        "--photos",
        "12",
        "--predictions",
        "3",
        "--summaries",
        "4",
        "--questions",
        "9",
        "--pid",
        &pid,
    ]);
    let figures = json_of(&mut load);
    for (call, count) in [
        ("inspections", 2),
        ("predictions", 3),
        ("summaries", 4),
        ("questions", 9),
    ] {
        let call = &figures["calls"][call];
        assert_eq!(
            (&call["count"], &call["succeeded"]),
            (&json!(count), &json!(count)),
            "{figures}"
        );
        assert!(
            call["p50_ms"].as_f64().unwrap() <= call["p99_ms"].as_f64().unwrap(),
            "{figures}"
        );
    }
    assert!(
        figures["resident"]["peak_mb"].as_f64().unwrap() > 10.0,
        "{figures}"
    );
    let stored = server
        .client
        .call("GET", "/v1/inspections?limit=10", &Body::None)
        .json;
    assert_eq!(
        stored["items"].as_array().unwrap().len(),
        2,
        "six photos a ticket"
    );

    let mut elsewhere = shifu(data.path(), None);
    elsewhere.args([
        "eval",
        "load",
        "http://192.0.2.1:1",
        "--key",
        "k",
        "--photo-dir",
        ".",
        "--questions",
        "1",
    ]);
    let refused = elsewhere.output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--anywhere"));
}
