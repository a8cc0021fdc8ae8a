//! The binary from outside: exit statuses, messages, one JSON document, and what survives `kill -9`.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// The binary, without a network for pip: what it can do on what is in the repository.
fn shifu(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shifu"));
    command
        .env("PIP_NO_INDEX", "1")
        .env_remove("SHIFU_MODELS_DIR")
        .args(["--data".as_ref(), data.as_os_str()]);
    command
}

fn run(data: &Path, arguments: &[&str]) -> Output {
    shifu(data).args(arguments).output().unwrap()
}

fn json_of(output: &Output) -> Value {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

fn bundled(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../datasets/split_air_conditioner")
        .join(file)
}

#[test]
fn the_demo_runs_all_five_flows_without_models_and_says_what_it_left_out() {
    let data = tempfile::tempdir().unwrap();
    let demo = json_of(&run(data.path(), &["demo", "--once", "--format", "json"]));
    let citation = &demo["answer"]["citations"][0];
    assert!(
        citation["title"].as_str().unwrap().contains("2025") && citation["page"].as_u64().unwrap() > 0,
        "{citation}"
    );
    assert!(!citation["quote"].as_str().unwrap().is_empty());
    assert_eq!(demo["refusal"]["refusal"]["reason"], "unknown_code");
    let kinds: Vec<&str> = demo["inspection"]["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["kind"].as_str().unwrap())
        .collect();
    for expected in ["blurred", "duplicate", "wrong_time", "missing_shot"] {
        assert!(kinds.contains(&expected), "{expected} not among {kinds:?}");
    }
    assert!(Path::new(demo["inspection"]["overlay"].as_str().unwrap()).is_file());
    let fix = &demo["prediction"]["first_time_fix"];
    let chance = |name: &str| fix[name].as_f64().unwrap();
    assert!(
        chance("without_parts") <= chance("with_kit") && chance("with_kit") <= chance("with_every_part"),
        "{fix}"
    );
    assert!(!demo["prediction"]["kit"].as_array().unwrap().is_empty());
    assert!(
        demo["summary"]["fields"]
            .as_object()
            .unwrap()
            .values()
            .any(|field| field["lines"][0].is_u64())
    );
    assert!(
        demo["left_out"]
            .as_array()
            .unwrap()
            .iter()
            .any(|what| what.as_str().unwrap().contains("models install"))
    );
}

#[test]
fn bad_input_ends_with_1_and_a_message_that_names_thing_and_place() {
    let data = tempfile::tempdir().unwrap();
    let inputs = tempfile::tempdir().unwrap();
    let input = |name: &str, bytes: &[u8]| {
        let path = inputs.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.to_string_lossy().into_owned()
    };
    let cyclic = "product_line = \"x\"\nversion = \"1\"\n[[gate]]\nid = \"a\"\ntype = \"or\"\ninputs = [\"b\"]\n\
                  [[gate]]\nid = \"b\"\ntype = \"or\"\ninputs = [\"a\"]\n";
    let out_of_range = "product_line = \"x\"\nversion = \"1\"\n[[event]]\nid = \"e\"\nname = \"e\"\nprobability = 1.5\nrepaired_by = []\n";
    let line = ["--product-line", "split_air_conditioner"];
    let check = |arguments: &[&str], expected: &[&str]| {
        let output = run(data.path(), arguments);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {message}");
        assert!(output.stdout.is_empty(), "{arguments:?} printed to stdout");
        for part in expected {
            assert!(
                message.contains(part),
                "{arguments:?}: {part:?} not in {message:?}"
            );
        }
    };
    check(
        &["fault-tree", "check", &input("cyclic.toml", cyclic.as_bytes())],
        &["cyclic.toml", "a", "b"],
    );
    check(
        &[
            "fault-tree",
            "check",
            &input("range.toml", out_of_range.as_bytes()),
        ],
        &["range.toml", "1.5"],
    );
    check(
        &[
            "fault-tree",
            "check",
            &input("broken.xml", b"<opsa-mef><define-gate"),
        ],
        &["broken.xml"],
    );
    check(
        &["fault-tree", "check", "no-such-file.toml"],
        &["no-such-file.toml"],
    );
    check(
        &[&["knowledge", "add", &input("empty.pdf", b"")], &line[..]].concat(),
        &["empty"],
    );
    check(
        &[
            &["knowledge", "add", &input("cut.pdf", b"%PDF-1.7\n1 0 obj\n<<")],
            &line[..],
        ]
        .concat(),
        &["cut.pdf"],
    );
    check(
        &["knowledge", "add", &input("manual.md", "# 手册\n正文".as_bytes())],
        &["--product-line"],
    );
    check(
        &["summarize", &input("dialogue.json", b"{\"speaker\":1}")],
        &["dialogue.json"],
    );
    check(
        &["summarize", &input("latin.json", &[b'[', 0xff, b']'])],
        &["latin.json", "UTF-8"],
    );
    check(
        &["predict-parts", "--product-line", "no_such_line"],
        &["no_such_line"],
    );
    check(
        &[
            "inspect",
            "--category",
            "nothing_enrolled",
            &input("a.jpg", b"not a photo"),
        ],
        &["nothing_enrolled"],
    );
    check(&["keys", "create", "--role", "king"], &["king"]);
    let none = json_of(&run(data.path(), &["knowledge", "list", "--format", "json"]));
    assert_eq!(none["items"], json!([]), "nothing partial may be kept");
}

#[test]
fn usage_errors_end_with_2() {
    let data = tempfile::tempdir().unwrap();
    for arguments in [&["no-such-command"][..], &["ask"], &["demo", "--port", "many"]] {
        assert_eq!(
            run(data.path(), arguments).status.code(),
            Some(2),
            "{arguments:?}"
        );
    }
}

#[test]
fn a_missing_model_is_named_with_how_to_add_it() {
    let data = tempfile::tempdir().unwrap();
    let rows = data.path().join("rows.jsonl");
    fs::write(&rows, "{\"image\":\"a.jpg\",\"expect\":[\"X\"]}\n").unwrap();
    let output = run(data.path(), &["eval", "ocr", &rows.to_string_lossy()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("shifu models install"));
}

#[test]
fn definitions_repairs_and_questions_work_from_the_command_line() {
    let data = tempfile::tempdir().unwrap();
    let call = |arguments: &[&str]| json_of(&run(data.path(), &[arguments, &["--format", "json"]].concat()));
    let path = |file: &str| bundled(file).to_string_lossy().into_owned();
    assert!(
        call(&["bom", "load", &path("bom.toml")])["parts"]
            .as_u64()
            .unwrap()
            >= 25
    );
    call(&["fault-tree", "load", &path("fault-tree.toml")]);
    let predict = [
        "predict-parts",
        "--product-line",
        "split_air_conditioner",
        "--model",
        "KFR-35GW/QH1",
        "--fault-code",
        "E6",
    ];
    let before = call(&predict);
    let imported = call(&["repairs", "import", &path("repairs.jsonl")]);
    assert_eq!(imported["imported"], 500);
    let after = call(&predict);
    let first = |prediction: &Value| prediction["causes"][0]["probability"].as_f64().unwrap();
    assert!(
        (first(&before) - first(&after)).abs() > 1e-6,
        "repairs must move the prediction"
    );
    let manual = path("manual/service-manual-2025.pdf");
    let added = call(&[
        "knowledge",
        "add",
        &manual,
        "--product-line",
        "split_air_conditioner",
    ]);
    assert_eq!(added["documents"][0]["pages"], 25);
    let answer = call(&[
        "ask",
        "E6是什么故障",
        "--product-line",
        "split_air_conditioner",
        "--model",
        "KFR-35GW/QH1",
    ]);
    assert!(answer["grounded"].as_bool().unwrap(), "{answer}");
}

/// A server of its own, killed at the end.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(data: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let listen = format!("127.0.0.1:{port}");
        let child = shifu(data)
            .args(["serve", "--listen", &listen])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { child, port };
        let started = Instant::now();
        while server
            .call("GET", "/ready", None, "", &[])
            .is_none_or(|(status, _)| status != 200)
        {
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "the server did not become ready"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    /// Status and body; none when the connection fails.
    fn call(
        &self,
        method: &str,
        path: &str,
        key: Option<&str>,
        kind: &str,
        body: &[u8],
    ) -> Option<(u16, Vec<u8>)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
        let authorization = key
            .map(|key| format!("Authorization: Bearer {key}\r\n"))
            .unwrap_or_default();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{authorization}Content-Type: {kind}\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(body).ok()?;
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).ok()?;
        let end = reply.windows(4).position(|four| four == b"\r\n\r\n")?;
        let status = std::str::from_utf8(&reply[..end])
            .ok()?
            .split(' ')
            .nth(1)?
            .parse()
            .ok()?;
        Some((status, reply[end + 4..].to_vec()))
    }

    fn get(&self, path: &str, key: &str) -> Value {
        let (status, body) = self.call("GET", path, Some(key), "", &[]).unwrap();
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill(); // SIGKILL
        let _ = self.child.wait();
    }
}

#[test]
fn acknowledged_documents_survive_kill_9() {
    let data = tempfile::tempdir().unwrap();
    let key = json_of(&run(
        data.path(),
        &["keys", "create", "--role", "admin", "--format", "json"],
    ))["key"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        let server = Server::start(data.path());
        for number in 0..4 {
            let metadata =
                json!({"title": format!("手册 {round}-{number}"), "product_line": "split_air_conditioner"});
            let body = format!(
                "--x\r\nContent-Disposition: form-data; name=\"metadata\"\r\n\r\n{metadata}\r\n--x\r\nContent-Disposition: form-data; \
                 name=\"file\"; filename=\"m.md\"\r\n\r\n# 第 {round}-{number} 章\n\n压缩机卡死时更换压缩机，先断电。\r\n--x--\r\n"
            );
            let (status, reply) = server
                .call(
                    "POST",
                    "/v1/documents",
                    Some(&key),
                    "multipart/form-data; boundary=x",
                    body.as_bytes(),
                )
                .unwrap();
            assert_eq!(status, 202, "{}", String::from_utf8_lossy(&reply));
            let reply: Value = serde_json::from_slice(&reply).unwrap();
            acknowledged.push(reply["document_id"].as_str().unwrap().to_owned());
        }
        drop(server);
    }
    let server = Server::start(data.path());
    let started = Instant::now();
    for id in &acknowledged {
        while server.get(&format!("/v1/documents/{id}"), &key)["status"] != "indexed" {
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "{id} was acknowledged and is not indexed"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    assert_eq!(acknowledged.len(), 12);
}

#[test]
fn a_running_server_is_backed_up_and_restored_on_an_empty_machine() {
    let data = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let path = |name: &str| elsewhere.path().join(name);
    let text = |path: PathBuf| path.to_string_lossy().into_owned();
    let manual = text(bundled("manual/service-manual-2025.md"));
    let line = ["--product-line", "split_air_conditioner", "--format", "json"];
    json_of(&run(
        data.path(),
        &[&["knowledge", "add", &manual], &line[..]].concat(),
    ));
    let key = json_of(&run(
        data.path(),
        &["keys", "create", "--role", "admin", "--format", "json"],
    ));
    let key = key["key"].as_str().unwrap().to_owned();
    let ask = [&["ask", "E6是什么故障", "--model", "KFR-35GW/QH1"], &line[..]].concat();
    let server = Server::start(data.path());
    let documents = server.get("/v1/documents", &key);

    let backup = text(path("backup"));
    let written = json_of(&run(data.path(), &["backup", &backup, "--format", "json"]));
    assert_eq!(written["manifest"]["tables"]["documents"], 1, "{written}");
    drop(server);

    let restored = json_of(&run(&path("new"), &["restore", &backup, "--format", "json"]));
    assert_eq!(restored["restored"]["tables"]["documents"], 1, "{restored}");
    assert_eq!(restored["restored"]["index_used"], true, "{restored}");
    let new = Server::start(&path("new"));
    assert_eq!(
        new.get("/v1/documents", &key),
        documents,
        "the old key works, the documents are there"
    );
    drop(new);
    let [old, new] = [data.path(), &path("new")].map(|data| json_of(&run(data, &ask)));
    assert!(old["grounded"].as_bool().unwrap(), "{old}");
    assert_eq!(
        (&old["answer"], &old["citations"]),
        (&new["answer"], &new["citations"])
    );

    let refused = |target: &Path, expected: &str| {
        let output = run(target, &["restore", &backup]);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{message}");
        assert!(message.contains(expected), "{message}");
    };
    refused(&path("new"), "not empty");
    let documents = path("backup/records/documents.jsonl");
    fs::write(&documents, &fs::read(&documents).unwrap()[1..]).unwrap();
    refused(&path("other"), "records/documents.jsonl");
    assert!(!path("other").exists());
    let nothing = run(&path("nothing"), &["backup", &text(path("none"))]);
    assert_eq!(nothing.status.code(), Some(1));
    assert!(!path("none").exists() && !path("nothing").exists());
}
