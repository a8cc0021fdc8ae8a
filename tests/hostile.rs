//! Hostile input through HTTP: every malformed file, definition, JSON text, multipart body and import has its expected status,
//! code and message, and the server goes on.

mod common;
#[path = "../crates/diagnosis/tests/cases/mod.rs"]
mod definitions;
#[path = "../crates/knowledge/tests/cases/mod.rs"]
mod documents;
#[path = "../crates/inspection/tests/cases/mod.rs"]
mod photos;

use std::collections::BTreeMap;

use common::{BOM, Part, Reply, STANDARD, Server, TREE, metadata};
use documents::Expected;
// Used by the tables of cases, which lie elsewhere.
use encoding_rs as _;
use flate2 as _;
use serde_json::{Value, json};
use zip as _;

/// What is wrong with a reply, if anything: its status and code, what its message says, that it has the contract's shape.
fn problem(what: &str, reply: &Reply, (status, code): (u16, &str), says: &str) -> Option<String> {
    let text: String = reply.text().chars().take(400).collect();
    let error = serde_json::from_slice::<Value>(&reply.bytes).unwrap_or_default()["error"].clone();
    let shaped =
        error["request_id"].is_string() && error["message"].as_str().is_some_and(|m| m.len() < 4_000);
    let right = reply.status.as_u16() == status && error["code"] == code && error.to_string().contains(says);
    (!right || !shaped).then(|| {
        format!(
            "{what}: expected {status} {code} {says:?}, found {} {text}",
            reply.status
        )
    })
}

/// Prints how many cases there are and fails with all problems.
#[track_caller]
fn conclude(kind: &str, cases: usize, problems: &[String]) {
    eprintln!("malformed {kind} through HTTP: {cases}");
    assert!(
        problems.is_empty(),
        "{} problems:\n{}",
        problems.len(),
        problems.join("\n")
    );
}

#[tokio::test]
async fn malformed_documents_are_refused_with_the_right_status() {
    let server = Server::start().await;
    let (mut problems, mut sent) = (Vec::new(), 0);
    for case in documents::all() {
        let (status, code) = match case.expected {
            Expected::Empty | Expected::Damaged(_) | Expected::Password | Expected::NoText(_) => {
                (422, "unprocessable")
            }
            Expected::Unsupported | Expected::Mislabelled(_) => (415, "unsupported_media_type"),
            Expected::Over(_) => (413, "payload_too_large"),
            // Accepted ones would be indexed, which is not at stake here.
            Expected::Text(_) | Expected::Without(..) => continue,
        };
        // Larger ones may take longer than the moment in which an upload waits for its first result.
        if case.limits.is_some() || case.bytes.len() > 400_000 {
            continue;
        }
        sent += 1;
        let says = match case.expected {
            Expected::Over(limit) => limit,
            _ => "",
        };
        let reply = server.upload(case.file, &case.bytes, &metadata("手册")).await;
        problems.extend(problem(
            &format!("{} {}", case.format, case.what),
            &reply,
            (status, code),
            says,
        ));
    }
    conclude("documents", sent, &problems);
    let kept = server.get("admin", "/v1/documents").await.ok();
    assert_eq!(kept["items"], json!([]), "nothing is kept of a refused document");
}

#[tokio::test]
async fn malformed_photos_are_answered_with_advice() {
    let server = Server::start().await;
    server.put_toml("/v1/standards/test_install", STANDARD).await.ok();
    let (mut problems, mut sent) = (Vec::new(), 0);
    for case in photos::all() {
        sent += 1;
        let parts = [
            Part::file("photo", "a.jpg", &case.bytes),
            Part::text("category", "test_install"),
            Part::text("checkpoint", "drain"),
        ];
        let reply = server.form("technician", "/v1/photo-checks", &parts).await;
        let found = serde_json::from_slice::<Value>(&reply.bytes).unwrap_or_default();
        let advised = found["advice"]
            .as_array()
            .is_some_and(|advice| !advice.is_empty());
        let refused = matches!(case.expected, photos::Expected::Error(_));
        if reply.status.as_u16() != 200 || (refused && (found["usable"] != false || !advised)) {
            problems.push(format!(
                "{} {}: {} {}",
                case.format,
                case.what,
                reply.status,
                reply.text()
            ));
        }
    }
    conclude("photos", sent, &problems);
}

#[tokio::test]
async fn malformed_definitions_are_refused_with_the_right_status() {
    let server = Server::start().await;
    let (mut problems, mut sent) = (Vec::new(), 0);
    for case in definitions::all() {
        let (path, kind) = match case.format {
            "MEF" => ("/v1/fault-trees/washer", "application/xml"),
            "tree" => ("/v1/fault-trees/washer", "application/toml"),
            _ => ("/v1/boms/washer", "application/toml"),
        };
        sent += 1;
        let expected = if case.is_too_large() {
            (413, "payload_too_large")
        } else {
            (422, "unprocessable")
        };
        let reply = server.raw("admin", "PUT", path, kind, case.text.clone()).await;
        problems.extend(problem(
            &format!("{} {}", case.format, case.what),
            &reply,
            expected,
            "",
        ));
    }
    for (what, text, says) in standards() {
        sent += 1;
        let reply = server.put_toml("/v1/standards/test_install", &text).await;
        problems.extend(problem(
            &format!("standard {what}"),
            &reply,
            (422, "unprocessable"),
            says,
        ));
    }
    for path in [
        "/v1/fault-trees/washer",
        "/v1/boms/washer",
        "/v1/standards/test_install",
    ] {
        sent += 1;
        let reply = server
            .raw("admin", "PUT", path, "application/toml", vec![b'a', 0xff, b'b'])
            .await;
        problems.extend(problem(
            path,
            &reply,
            (400, "bad_request"),
            "not UTF-8 text: line 1",
        ));
        server.get("admin", path).await.error(404, "not_found");
    }
    conclude("definitions", sent, &problems);
}

fn standards() -> Vec<(&'static str, String, &'static str)> {
    let with = |from: &str, to: &str| {
        assert!(STANDARD.contains(from), "{from}");
        STANDARD.replacen(from, to, 1)
    };
    let many: String = (0..101)
        .map(|at| format!("[[checkpoint]]\nid = \"c{at}\"\ntitle = \"x\"\nstage = \"after\"\nseverity = \"minor\"\nchecks = [\"usable\"]\n"))
        .collect();
    let violations = "violations = [{ label = \"a\", title = \"b\" }]\n".replace(
        "[{",
        &format!("[{}{{", "{ label = \"a\", title = \"b\" }, ".repeat(101)),
    );
    vec![
        ("nothing", String::new(), "category"),
        ("words", "x".into(), "standard.toml:1"),
        (
            "no checkpoint",
            "category = \"test_install\"\nversion = \"1\"\n".into(),
            "0 checkpoints",
        ),
        (
            "101 checkpoints",
            format!("category = \"test_install\"\nversion = \"1\"\n{many}"),
            "101 checkpoints",
        ),
        (
            "another category",
            with("test_install", "other_install"),
            "the file is for",
        ),
        (
            "a category that is none",
            with("test_install", "Test Install"),
            "standard.toml:1",
        ),
        (
            "a checkpoint twice",
            with("\"drain\"", "\"bracket\""),
            "stands twice",
        ),
        (
            "a checkpoint that is none",
            with("\"bracket\"", "\"../bracket\""),
            "standard.toml:4",
        ),
        ("an unknown stage", with("\"after\"", "\"during\""), "during"),
        (
            "an unknown severity",
            with("\"critical\"", "\"deadly\""),
            "deadly",
        ),
        ("an unknown check", with("\"usable\"", "\"smell\""), "smell"),
        ("no check", with("[\"usable\", \"difference\"]", "[]"), "checks"),
        (
            "eleven checks",
            with(
                "[\"usable\", \"difference\"]",
                &format!("[{}]", "\"usable\",".repeat(11)),
            ),
            "checks",
        ),
        ("no photo", with("stage", "min_photos = 0\nstage"), "min_photos"),
        ("21 photos", with("stage", "min_photos = 21\nstage"), "min_photos"),
        (
            "minus one photo",
            with("stage", "min_photos = -1\nstage"),
            "standard.toml:6",
        ),
        ("an empty title", with("\"外机支架\"", "\" \""), "title"),
        (
            "a title of 101 characters",
            with("外机支架", &"长".repeat(101)),
            "title",
        ),
        (
            "102 violations",
            with("severity", &format!("{violations}severity")),
            "violations",
        ),
        ("an unknown field", with("stage", "colour = 1\nstage"), "colour"),
        ("a key twice", with("stage", "title = \"x\"\nstage"), "duplicate"),
        (
            "arrays in one another",
            format!("category = {}", "[".repeat(10_000)),
            "recurs",
        ),
        ("1 MiB and more", "#".repeat((1 << 20) + 1), "at most 1048576"),
    ]
}

/// A case of JSON: what it is, path, body, status and code, what the error says.
type Json = (
    &'static str,
    &'static str,
    Vec<u8>,
    (u16, &'static str),
    &'static str,
);

const BAD: (u16, &str) = (400, "bad_request");
const WRONG: (u16, &str) = (422, "unprocessable");
const LARGE: (u16, &str) = (413, "payload_too_large");

fn json_cases() -> Vec<Json> {
    let summary =
        |what, text: &str, expected, says| (what, "/v1/summaries", text.as_bytes().to_vec(), expected, says);
    let line = |text: &str| format!("{{\"dialogue\":[{{\"speaker\":\"customer\",\"text\":\"{text}\"}}]}}");
    let lines = |count: usize, text: &str| {
        let line = format!("{{\"speaker\":\"agent\",\"text\":\"{text}\"}},").repeat(count);
        format!("{{\"dialogue\":[{}]}}", line.trim_end_matches(','))
    };
    let predict = |what, text: &str, expected, says| {
        (
            what,
            "/v1/part-predictions",
            text.as_bytes().to_vec(),
            expected,
            says,
        )
    };
    let repair = |what, from: &str, to: &str, expected, says| {
        let text = r#"{"ticket_id":"T-1","visit":1,"product_line":"split_air_conditioner","symptoms":[],"fault_codes":["E6"],"parts_used":[{"part_number":"AC-PCB-201","quantity":1}],"fixed":true,"date":"2025-05-01"}"#;
        assert!(text.contains(from), "{from}");
        (
            what,
            "/v1/repairs",
            text.replacen(from, to, 1).into_bytes(),
            expected,
            says,
        )
    };
    let repeated: Vec<String> = (0..201)
        .map(|_| "{\"id\":\"not_cooling\",\"present\":true}".to_owned())
        .collect();
    let mut cases = vec![
        summary("nothing", "", BAD, "EOF"),
        summary("half an object", "{\"dialogue\":[", BAD, "EOF"),
        summary("an object and more", &format!("{} x", line("a")), BAD, "trailing"),
        summary("two objects", &line("a").repeat(2), BAD, "trailing"),
        summary("an open string", "{\"dialogue", BAD, "EOF"),
        summary("single quotes", "{'dialogue':[]}", BAD, "key must be a string"),
        summary("a comment", "{/* */\"dialogue\":[]}", BAD, "line 1"),
        summary("a comma at the end", "{\"dialogue\":[],}", BAD, "trailing comma"),
        summary("NaN", "{\"dialogue\":NaN}", BAD, "line 1"),
        summary(
            "a number beyond numbers",
            "{\"dialogue\":1e999}",
            BAD,
            "out of range",
        ),
        summary("half a surrogate pair", &line("\\ud800"), BAD, "line 1"),
        summary("an unknown escape", &line("\\x"), BAD, "escape"),
        summary(
            "a raw control character",
            &line("\u{1}"),
            BAD,
            "control character",
        ),
        summary(
            "100,000 arrays in one another",
            &"[".repeat(100_000),
            BAD,
            "expected value",
        ),
        summary(
            "arrays in one another in a field",
            &format!("{{\"dialogue\":{}", "[".repeat(200)),
            BAD,
            "",
        ),
        summary("a string", "\"dialogue\"", WRONG, "SummaryRequest"),
        summary("null", "null", WRONG, "SummaryRequest"),
        summary("no dialogue", "{}", WRONG, "dialogue"),
        summary("no line", "{\"dialogue\":[]}", WRONG, "no text"),
        summary("blank lines", &line(" \\n "), WRONG, "no text"),
        summary(
            "a key twice",
            "{\"dialogue\":[],\"dialogue\":[]}",
            WRONG,
            "duplicate field",
        ),
        summary(
            "an unknown key",
            "{\"dialogue\":[],\"colour\":1}",
            WRONG,
            "colour",
        ),
        summary(
            "a line that is text",
            "{\"dialogue\":[\"a\"]}",
            WRONG,
            "dialogue[0]",
        ),
        summary(
            "a line without text",
            "{\"dialogue\":[{\"speaker\":\"agent\"}]}",
            WRONG,
            "text",
        ),
        summary(
            "a line without a speaker",
            "{\"dialogue\":[{\"text\":\"a\"}]}",
            WRONG,
            "speaker",
        ),
        summary(
            "an unknown speaker",
            "{\"dialogue\":[{\"speaker\":\"robot\",\"text\":\"a\"}]}",
            WRONG,
            "robot",
        ),
        summary(
            "a text that is a number",
            "{\"dialogue\":[{\"speaker\":\"agent\",\"text\":5}]}",
            WRONG,
            "dialogue[0].text",
        ),
        summary(
            "a time that is a number",
            "{\"dialogue\":[{\"speaker\":\"agent\",\"text\":\"a\",\"at\":5}]}",
            WRONG,
            "dialogue[0].at",
        ),
        summary(
            "an unknown form",
            &line("a").replace("{\"dialogue\"", "{\"form\":\"poem\",\"dialogue\""),
            WRONG,
            "poem",
        ),
        summary(
            "an empty ticket",
            &line("a").replace("{\"dialogue\"", "{\"ticket\":\"\",\"dialogue\""),
            WRONG,
            "ticket",
        ),
        summary("2,001 lines", &lines(2_001, "a"), LARGE, "dialogue_lines"),
        summary(
            "a line of 10,001 characters",
            &line(&"长".repeat(10_001)),
            LARGE,
            "line_chars",
        ),
        summary(
            "a dialogue of 200,100 characters",
            &lines(69, &"长".repeat(2_900)),
            LARGE,
            "text_chars",
        ),
        summary(
            "a million values",
            &format!("{{\"dialogue\":[{}0]}}", "0,".repeat(1_000_000)),
            LARGE,
            "json_values",
        ),
        summary(
            "a speaker of 100,000 letters",
            &format!(
                "{{\"dialogue\":[{{\"speaker\":\"{}\",\"text\":\"a\"}}]}}",
                "r".repeat(100_000)
            ),
            WRONG,
            "unknown variant",
        ),
        summary(
            "a key of 100,000 letters",
            &format!("{{\"{}\":1}}", "k".repeat(100_000)),
            WRONG,
            "unknown field",
        ),
        predict(
            "a product line that is none",
            "{\"product_line\":\"空调\"}",
            WRONG,
            "product_line",
        ),
        predict(
            "a product line that is unknown",
            "{\"product_line\":\"toaster\"}",
            WRONG,
            "toaster",
        ),
        predict(
            "an empty model",
            "{\"product_line\":\"split_air_conditioner\",\"model\":\"\"}",
            WRONG,
            "model",
        ),
        predict(
            "an unknown symptom",
            "{\"product_line\":\"split_air_conditioner\",\"symptoms\":[{\"id\":\"S !\",\"present\":true}]}",
            WRONG,
            "symptom",
        ),
        predict(
            "a symptom that may be",
            "{\"product_line\":\"split_air_conditioner\",\"symptoms\":[{\"id\":\"not_cooling\",\"present\":\"maybe\"}]}",
            WRONG,
            "symptoms[0].present",
        ),
        predict(
            "a fault code that is none",
            "{\"product_line\":\"split_air_conditioner\",\"fault_codes\":[\"故障\"]}",
            WRONG,
            "fault_codes[0]",
        ),
        predict(
            "201 symptoms",
            &format!(
                "{{\"product_line\":\"split_air_conditioner\",\"symptoms\":[{}]}}",
                repeated.join(",")
            ),
            WRONG,
            "at most 200",
        ),
        predict(
            "a text of 20,001 characters",
            &format!(
                "{{\"product_line\":\"split_air_conditioner\",\"text\":\"{}\"}}",
                "长".repeat(20_001)
            ),
            WRONG,
            "20001 characters",
        ),
        predict(
            "a cost below 0",
            "{\"product_line\":\"split_air_conditioner\",\"limit\":{\"max_cost\":\"-1\"}}",
            WRONG,
            "limit",
        ),
        predict(
            "minus one parts",
            "{\"product_line\":\"split_air_conditioner\",\"limit\":{\"max_parts\":-1}}",
            WRONG,
            "limit",
        ),
        repair("visit 0", "\"visit\":1", "\"visit\":0", WRONG, "1 to 1000"),
        repair("visit minus one", "\"visit\":1", "\"visit\":-1", WRONG, "visit"),
        repair(
            "visit one and a half",
            "\"visit\":1",
            "\"visit\":1.5",
            WRONG,
            "visit",
        ),
        repair(
            "visit 4 billion and more",
            "\"visit\":1",
            "\"visit\":99999999999",
            WRONG,
            "visit",
        ),
        repair("an empty ticket", "\"T-1\"", "\"\"", WRONG, "ticket_id"),
        repair("no piece", "\"quantity\":1", "\"quantity\":0", WRONG, "1 to 1000"),
        repair(
            "a thousand and one pieces",
            "\"quantity\":1",
            "\"quantity\":1001",
            WRONG,
            "1 to 1000",
        ),
        repair("a date that is none", "2025-05-01", "gestern", WRONG, "date"),
        repair(
            "fixed, perhaps",
            "\"fixed\":true",
            "\"fixed\":\"perhaps\"",
            WRONG,
            "fixed",
        ),
        repair(
            "an unknown product line",
            "split_air_conditioner",
            "toaster",
            WRONG,
            "toaster",
        ),
        (
            "a batch that is none",
            "/v1/summaries/batch",
            b"5".to_vec(),
            WRONG,
            "items",
        ),
        (
            "100,000 lists in one another",
            "/v1/summaries/batch",
            b"[".repeat(100_000),
            BAD,
            "recursion limit",
        ),
        (
            "a batch of 201",
            "/v1/summaries/batch",
            format!("[{}0]", "0,".repeat(200)).into_bytes(),
            LARGE,
            "batch_items",
        ),
        (
            "a batch of a million",
            "/v1/part-predictions/batch",
            format!("[{}0]", "0,".repeat(1_000_000)).into_bytes(),
            LARGE,
            "json_values",
        ),
        (
            "an empty question",
            "/v1/answers",
            br#"{"question":" "}"#.to_vec(),
            WRONG,
            "question",
        ),
        (
            "a question of 50,001 characters",
            "/v1/answers",
            format!("{{\"question\":\"{}\"}}", "长".repeat(50_001)).into_bytes(),
            LARGE,
            "text_chars",
        ),
        (
            "an empty query",
            "/v1/search",
            br#"{"query":""}"#.to_vec(),
            WRONG,
            "query",
        ),
        (
            "no hits",
            "/v1/search",
            br#"{"query":"a","top_k":0}"#.to_vec(),
            WRONG,
            "top_k",
        ),
        (
            "101 hits",
            "/v1/search",
            br#"{"query":"a","top_k":101}"#.to_vec(),
            WRONG,
            "top_k",
        ),
        (
            "an empty note",
            "/v1/intakes",
            br#"{"text":""}"#.to_vec(),
            WRONG,
            "text",
        ),
        (
            "a note of 20,001 characters",
            "/v1/intakes",
            format!("{{\"text\":\"{}\"}}", "长".repeat(20_001)).into_bytes(),
            LARGE,
            "text_chars",
        ),
        (
            "a time that is none",
            "/v1/intakes",
            br#"{"text":"a","received_at":"yesterday"}"#.to_vec(),
            WRONG,
            "received_at",
        ),
        (
            "an unknown role",
            "/v1/keys",
            br#"{"role":"emperor"}"#.to_vec(),
            WRONG,
            "emperor",
        ),
    ];
    let mut broken = line("正常的文字").into_bytes();
    let at = broken.len() - 8;
    broken[at] = 0xff;
    cases.push(("a broken byte", "/v1/summaries", broken, BAD, "line 1"));
    let utf16: Vec<u8> = line("a").encode_utf16().flat_map(u16::to_le_bytes).collect();
    cases.push(("UTF-16", "/v1/summaries", utf16, BAD, "line 1"));
    cases
}

#[tokio::test]
async fn malformed_json_is_refused_with_its_place() {
    let server = Server::start().await;
    server.put_toml("/v1/boms/split_air_conditioner", BOM).await.ok();
    server
        .put_toml("/v1/fault-trees/split_air_conditioner", TREE)
        .await
        .ok();
    let cases = json_cases();
    let mut problems = Vec::new();
    for (what, path, body, expected, says) in &cases {
        let reply = server
            .raw("admin", "POST", path, "application/json", body.clone())
            .await;
        problems.extend(problem(&format!("JSON {path} {what}"), &reply, *expected, says));
    }
    for kind in [
        "text/plain",
        "application/xml",
        "multipart/form-data; boundary=b",
        "nonsense",
    ] {
        let reply = server.raw("admin", "POST", "/v1/summaries", kind, "{}").await;
        problems.extend(problem(
            kind,
            &reply,
            (415, "unsupported_media_type"),
            "application/json",
        ));
    }
    conclude("JSON", cases.len() + 4, &problems);
    let sane = json!({"dialogue": [{"speaker": "customer", "text": "空调不制冷"}]});
    server.post("admin", "/v1/summaries", &sane).await.ok();
}

/// A case of multipart: what it is, path, content type, body, status and code, what the error says.
type Body = (
    &'static str,
    &'static str,
    &'static str,
    Vec<u8>,
    (u16, &'static str),
    &'static str,
);

fn multipart_cases() -> Vec<Body> {
    const KIND: &str = "multipart/form-data; boundary=b";
    const TICKET: &str = r#"{"ticket_id":"T-1","category":"test_install","stage":"after"}"#;
    const UNSUPPORTED: (u16, &str) = (415, "unsupported_media_type");
    let head = |name: &str| format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
    let part = |name: &str, text: &str| format!("{}{text}\r\n", head(name));
    let whole = format!("{}--b--\r\n", part("ticket", TICKET));
    let inspect = |what, body: String, expected, says| {
        (what, "/v1/inspections", KIND, body.into_bytes(), expected, says)
    };
    let typed = |what, kind, expected, says| {
        (
            what,
            "/v1/inspections",
            kind,
            whole.clone().into_bytes(),
            expected,
            says,
        )
    };
    let closed = |parts: &[String]| format!("{}--b--\r\n", parts.concat());
    let ticket = |what, from: &str, to: &str, says| {
        assert!(TICKET.contains(from), "{from}");
        let photo = "--b\r\nContent-Disposition: form-data; name=\"photos\"; filename=\"a.jpg\"\r\n\r\nx\r\n"
            .to_owned();
        inspect(
            what,
            closed(&[part("ticket", &TICKET.replacen(from, to, 1)), photo]),
            WRONG,
            says,
        )
    };
    let headers =
        |what, lines: &str, says| inspect(what, format!("--b\r\n{lines}\r\n\r\nx\r\n--b--\r\n"), BAD, says);
    let many = |count: usize| {
        let photo = "--b\r\nContent-Disposition: form-data; name=\"photos\"; filename=\"a.jpg\"\r\n\r\nx\r\n"
            .to_owned();
        closed(&vec![photo; count])
    };
    let document = |what, parts: &[String], expected, says| {
        (
            what,
            "/v1/documents",
            KIND,
            closed(parts).into_bytes(),
            expected,
            says,
        )
    };
    let file =
        "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.md\"\r\n\r\nx\r\n".to_owned();
    vec![
        typed("no type", "", UNSUPPORTED, "multipart/form-data"),
        typed(
            "another type",
            "application/json",
            UNSUPPORTED,
            "multipart/form-data",
        ),
        typed(
            "a mixed type",
            "multipart/mixed; boundary=b",
            UNSUPPORTED,
            "multipart/form-data",
        ),
        typed("no boundary", "multipart/form-data", UNSUPPORTED, "boundary"),
        typed(
            "an empty boundary",
            "multipart/form-data; boundary=",
            UNSUPPORTED,
            "boundary",
        ),
        typed(
            "an empty quoted boundary",
            "multipart/form-data; boundary=\"\"",
            UNSUPPORTED,
            "boundary",
        ),
        typed(
            "a boundary of 71 characters",
            "multipart/form-data; boundary=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            UNSUPPORTED,
            "boundary",
        ),
        typed(
            "another boundary",
            "multipart/form-data; boundary=c",
            BAD,
            "does not begin with its boundary",
        ),
        inspect("nothing", String::new(), BAD, "does not begin with its boundary"),
        inspect("words", "hello".into(), BAD, "does not begin with its boundary"),
        inspect(
            "9 KiB before the boundary",
            format!("{}\r\n{whole}", "x".repeat(9 << 10)),
            BAD,
            "does not begin",
        ),
        inspect("the boundary only", "--b".into(), BAD, "part 1 is cut off"),
        inspect(
            "the boundary and a line break",
            "--b\r\n".into(),
            BAD,
            "part 1 is cut off",
        ),
        inspect(
            "line feeds only",
            whole.replace("\r\n", "\n"),
            BAD,
            "boundary before it is damaged",
        ),
        inspect(
            "cut inside the headers",
            whole[..20].to_owned(),
            BAD,
            "part 1 is cut off",
        ),
        inspect(
            "cut inside the part",
            whole[..70].to_owned(),
            BAD,
            "part 1 is cut off",
        ),
        inspect(
            "cut before the last boundary",
            whole[..whole.len() - 8].to_owned(),
            BAD,
            "part 1 is cut off",
        ),
        inspect(
            "cut inside the last boundary",
            whole[..whole.len() - 4].to_owned(),
            BAD,
            "part 2 is cut off",
        ),
        inspect(
            "a boundary that goes on",
            whole.replace("--b--", "--bx"),
            BAD,
            "part 2: the boundary before it is damaged",
        ),
        headers("no colon", "Content-Disposition", "no colon"),
        headers(
            "no disposition",
            "Content-Type: text/plain",
            "no Content-Disposition",
        ),
        headers(
            "two dispositions",
            "Content-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b",
            "two Content-Disposition",
        ),
        headers(
            "an attachment",
            "Content-Disposition: attachment; name=a",
            "not form-data",
        ),
        headers("no name", "Content-Disposition: form-data", "no name"),
        headers(
            "a name of 129 characters",
            Box::leak(format!("Content-Disposition: form-data; name={}", "n".repeat(129)).into_boxed_str()),
            "128 printable",
        ),
        headers(
            "17 headers",
            Box::leak(
                format!("{}Content-Disposition: form-data; name=a", "X: y\r\n".repeat(16)).into_boxed_str(),
            ),
            "more than 16 headers",
        ),
        headers(
            "headers of 9 KiB",
            Box::leak(format!("X: {}", "y".repeat(9 << 10)).into_boxed_str()),
            "longer than 8192",
        ),
        (
            "headers of broken bytes",
            "/v1/inspections",
            KIND,
            b"--b\r\nX: \xff\r\n\r\nx\r\n--b--\r\n".to_vec(),
            BAD,
            "not UTF-8",
        ),
        inspect("no part", "--b--".into(), WRONG, "ticket"),
        inspect("no ticket", closed(&[part("photos", "x")]), WRONG, "ticket"),
        inspect(
            "two tickets",
            closed(&[part("ticket", TICKET), part("ticket", TICKET)]),
            WRONG,
            "more than once",
        ),
        inspect(
            "a ticket that is no JSON",
            closed(&[part("ticket", "hello")]),
            BAD,
            "ticket",
        ),
        inspect("an empty ticket", closed(&[part("ticket", "")]), BAD, "ticket"),
        inspect(
            "photo data that is no list",
            closed(&[part("ticket", TICKET), part("photos_meta", "{}")]),
            WRONG,
            "photos_meta",
        ),
        inspect("46 photos", many(46), LARGE, "photos_per_call"),
        inspect("10,000 photos", many(10_000), LARGE, "photos_per_call"),
        inspect("no photo", closed(&[part("ticket", TICKET)]), WRONG, "photos"),
        ticket(
            "a ticket without a number",
            "\"ticket_id\":\"T-1\",",
            "",
            "ticket_id",
        ),
        ticket("a ticket with an empty number", "T-1", "", "ticket_id"),
        ticket("a ticket of an unknown stage", "after", "during", "during"),
        ticket(
            "a ticket of a category that is none",
            "test_install",
            "../etc",
            "category",
        ),
        ticket(
            "a ticket at no place",
            "\"stage\"",
            "\"location\":{\"lat\":95,\"lon\":0,\"datum\":\"wgs84\"},\"stage\"",
            "location",
        ),
        ticket(
            "a ticket with a key twice",
            "\"stage\"",
            "\"stage\":\"after\",\"stage\"",
            "duplicate field",
        ),
        document(
            "a document without metadata",
            std::slice::from_ref(&file),
            WRONG,
            "metadata",
        ),
        document(
            "a document without a file",
            &[part("metadata", "{\"product_line\":\"washer\",\"title\":\"x\"}")],
            WRONG,
            "file",
        ),
        document(
            "a document with two files",
            &[
                part("metadata", "{\"product_line\":\"washer\",\"title\":\"x\"}"),
                file.clone(),
                file.clone(),
            ],
            WRONG,
            "more than once",
        ),
        document(
            "a document with an empty title",
            &[
                part("metadata", "{\"product_line\":\"washer\",\"title\":\" \"}"),
                file.clone(),
            ],
            WRONG,
            "title",
        ),
        document(
            "a document with a title of 501 characters",
            &[
                part(
                    "metadata",
                    &format!(
                        "{{\"product_line\":\"washer\",\"title\":\"{}\"}}",
                        "长".repeat(501)
                    ),
                ),
                file.clone(),
            ],
            WRONG,
            "title",
        ),
        document(
            "a document with metadata that is no JSON",
            &[part("metadata", "x"), file.clone()],
            BAD,
            "metadata",
        ),
        document(
            "a document that supersedes nothing",
            &[
                part(
                    "metadata",
                    "{\"product_line\":\"washer\",\"title\":\"x\",\"supersedes\":\"nothing\"}",
                ),
                file,
            ],
            WRONG,
            "supersedes",
        ),
    ]
}

#[tokio::test]
async fn malformed_multipart_bodies_are_refused_with_the_part() {
    let server = Server::start().await;
    server.put_toml("/v1/standards/test_install", STANDARD).await.ok();
    let cases = multipart_cases();
    let mut problems = Vec::new();
    for (what, path, kind, body, expected, says) in &cases {
        let reply = server.raw("admin", "POST", path, kind, body.clone()).await;
        problems.extend(problem(
            &format!("multipart {path} {what}"),
            &reply,
            *expected,
            says,
        ));
    }
    conclude("multipart bodies", cases.len(), &problems);
    let large = Server::with(|config| config.limits.body_bytes = 1_000).await;
    let photo = Part::file("photos", "a.jpg", &[0; 2_000]);
    let reply = large.form("admin", "/v1/inspections", &[photo]).await;
    assert_eq!(
        reply.error(413, "payload_too_large")["limit"]["name"],
        "body_bytes"
    );
}

#[tokio::test]
async fn malformed_imports_report_every_wrong_row() {
    let server = Server::start().await;
    server.put_toml("/v1/boms/split_air_conditioner", BOM).await.ok();
    server
        .put_toml("/v1/fault-trees/split_air_conditioner", TREE)
        .await
        .ok();
    let good = r#"{"ticket_id":"T-1","visit":1,"product_line":"split_air_conditioner","fixed":true}"#;
    let with = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1)
    };
    let rows: Vec<(String, &str)> = vec![
        ("hello".into(), "JSON"),
        ("{".into(), "EOF"),
        ("[]".into(), "Repair"),
        ("null".into(), "Repair"),
        ("{}".into(), "ticket_id"),
        (format!("{good}{good}"), "trailing"),
        (with("\"visit\":1", "\"visit\":0"), "visit"),
        (with("\"visit\":1", "\"visit\":\"one\""), "visit"),
        (with("\"visit\":1", "\"visit\":1e99"), "visit"),
        (with("\"T-1\"", "\"\""), "ticket"),
        (with("split_air_conditioner", "toaster"), "toaster"),
        (with("split_air_conditioner", "Toast Er"), "product line"),
        (with("true", "perhaps"), "JSON"),
        (with("\"fixed\"", "\"fixed\":true,\"fixed\""), "duplicate"),
        (
            with(
                "\"fixed\"",
                "\"parts_used\":[{\"part_number\":\"A\",\"quantity\":0}],\"fixed\"",
            ),
            "quantities",
        ),
        (with("\"fixed\"", "\"date\":\"2025-02-30\",\"fixed\""), "date"),
        (
            with(
                "\"fixed\"",
                "\"symptoms\":[{\"id\":\"\",\"present\":true}],\"fixed\"",
            ),
            "symptom",
        ),
        ("[".repeat(10_000), "expected a string"),
        (format!("{{\"{}\":1}}", "k".repeat(50_000)), "missing field"),
    ];
    let body: String = rows
        .iter()
        .map(|(row, _)| format!("{row}\n\n"))
        .collect::<String>()
        + good;
    let kind = "application/x-ndjson";
    let report = server
        .raw("admin", "POST", "/v1/repairs/import", kind, body)
        .await
        .ok();
    assert_eq!(report["imported"], 1, "{report}");
    let errors = report["errors"].as_array().unwrap();
    let mut problems = Vec::new();
    for (at, (row, says)) in rows.iter().enumerate() {
        let error = errors.get(at).cloned().unwrap_or_default();
        let message = error["message"].as_str().unwrap_or_default();
        if error["row"] != json!(2 * at + 1) || !message.contains(says) || message.len() > 2_000 {
            let row: String = row.chars().take(80).collect();
            problems.push(format!("row {row}: expected {says:?}, found {error}"));
        }
    }
    let head = "ticket_id,visit,product_line,fixed";
    let wide: String = (0..101).map(|at| format!("c{at},")).collect();
    let csv: Vec<(&str, String, u16, &str)> = vec![
        (
            "a column twice",
            format!("{head},visit\nT-2,1,split_air_conditioner,true,1\n"),
            400,
            "stands twice",
        ),
        ("101 columns", format!("{wide}\n"), 400, "columns"),
        ("a broken head", "\u{0}".to_owned(), 200, ""),
        ("too few fields", format!("{head}\nT-2,1\n"), 200, "fields"),
        (
            "too many fields",
            format!("{head}\nT-2,1,split_air_conditioner,true,x,y\n"),
            200,
            "fields",
        ),
        (
            "a visit that is none",
            format!("{head}\nT-2,one,split_air_conditioner,true\n"),
            200,
            "not a number",
        ),
        (
            "fixed, perhaps",
            format!("{head}\nT-2,1,split_air_conditioner,perhaps\n"),
            200,
            "neither true nor false",
        ),
        (
            "an unknown product line",
            format!("{head}\nT-2,1,toaster,true\n"),
            200,
            "toaster",
        ),
        (
            "a quantity that is none",
            format!("{head},parts_used\nT-2,1,split_air_conditioner,true,A*x\n"),
            200,
            "not a quantity",
        ),
        (
            "a quantity of 0",
            format!("{head},parts_used\nT-2,1,split_air_conditioner,true,A*0\n"),
            200,
            "quantities",
        ),
        (
            "an unknown column",
            format!("{head},colour\nT-2,1,split_air_conditioner,true,red\n"),
            200,
            "",
        ),
        (
            "an open quotation",
            format!("{head}\n\"T-2,1,split_air_conditioner,true\n"),
            200,
            "fields",
        ),
    ];
    for (what, body, status, says) in &csv {
        let reply = server
            .raw("admin", "POST", "/v1/repairs/import", "text/csv", body.clone())
            .await;
        if reply.status.as_u16() != *status || !reply.text().contains(says) {
            problems.push(format!(
                "CSV {what}: expected {status} {says:?}, found {} {}",
                reply.status,
                reply.text()
            ));
        }
    }
    let broken = [head.as_bytes(), b"\nT-\xff,1,split_air_conditioner,true\n"].concat();
    let reply = server
        .raw("admin", "POST", "/v1/repairs/import", "text/csv", broken)
        .await;
    if !reply.text().contains("UTF-8") {
        problems.push(format!("CSV of a broken byte: {}", reply.text()));
    }
    conclude("rows of imports", rows.len() + csv.len() + 1, &problems);
    let few = Server::with(|config| config.limits.import_rows = 10).await;
    let reply = few
        .raw("admin", "POST", "/v1/repairs/import", kind, "{}\n".repeat(11))
        .await;
    assert_eq!(
        reply.error(413, "payload_too_large")["limit"]["name"],
        "import_rows"
    );
}

/// The sum over all suites; each of them prints its own formats.
#[test]
fn there_are_more_than_three_hundred_malformed_inputs() {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for format in documents::all().iter().map(|case| case.format) {
        *counts.entry(format).or_default() += 1;
    }
    for format in photos::all().iter().map(|case| case.format) {
        *counts.entry(format).or_default() += 1;
    }
    for format in definitions::all().iter().map(|case| case.format) {
        *counts.entry(format).or_default() += 1;
    }
    counts.insert("standard", standards().len());
    counts.insert("JSON over HTTP", json_cases().len());
    counts.insert("multipart over HTTP", multipart_cases().len());
    let sum: usize = counts.values().sum();
    eprintln!("malformed inputs by format: {counts:?}, {sum} in all");
    assert!(sum >= 300, "{sum}");
}
