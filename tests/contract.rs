//! Rules that hold for every call, checked on every call that the API's description lists: a call that is added is checked too.

mod common;

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::header;
use common::{BOM, MANUAL, Part, Reply, STANDARD, Server, TREE, jpeg, metadata, multipart};
use serde_json::{Value, json};

/// A call of the description.
struct Described {
    method: String,
    path: String,
    parameters: Vec<String>,
    body: bool,
}

fn described() -> Vec<Described> {
    let api = serde_json::to_value(shifu_server::openapi::description()).unwrap();
    let mut calls = Vec::new();
    for (path, methods) in api["paths"].as_object().unwrap() {
        for (method, call) in methods
            .as_object()
            .unwrap()
            .iter()
            .filter(|_| path.starts_with("/v1/"))
        {
            let parameters = call["parameters"].as_array().into_iter().flatten();
            calls.push(Described {
                method: method.to_uppercase(),
                path: path.clone(),
                parameters: parameters
                    .map(|one| one["name"].as_str().unwrap().to_owned())
                    .collect(),
                body: !call["requestBody"].is_null(),
            });
        }
    }
    assert!(calls.len() >= 45, "{} calls", calls.len());
    calls
}

#[test]
fn every_call_has_a_name_of_its_own() {
    let api = serde_json::to_value(shifu_server::openapi::description()).unwrap();
    let calls = api["paths"].as_object().unwrap().values();
    let names = calls
        .flat_map(|methods| methods.as_object().unwrap().values())
        .map(|call| call["operationId"].as_str().unwrap_or_default());
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for name in names {
        *times.entry(name).or_default() += 1;
    }
    times.retain(|name, times| name.is_empty() || *times > 1);
    assert_eq!(times, BTreeMap::new(), "generated clients need one name a call");
}

/// The path with a well-formed value that names nothing in the place of every parameter.
fn naming_nothing(path: &str) -> String {
    let filled = path.split('/').map(|part| match part {
        "{category}" | "{product_line}" => "nothing_of_the_kind",
        "{position}" => "0",
        part if part.starts_with('{') => "01900000-0000-7000-8000-000000000000",
        part => part,
    });
    filled.collect::<Vec<_>>().join("/")
}

/// A body of a content type.
struct Sample {
    kind: String,
    bytes: Vec<u8>,
}

fn json_body(value: &Value) -> Sample {
    Sample {
        kind: "application/json".to_owned(),
        bytes: value.to_string().into_bytes(),
    }
}

fn form(parts: &[Part]) -> Sample {
    let (kind, bytes) = multipart(parts);
    Sample { kind, bytes }
}

fn dialogue(text: &str) -> Value {
    json!({"dialogue": [{"speaker": "customer", "text": text}, {"speaker": "agent", "text": "好的，明天上门检查。"}]})
}

/// A body with which each POST succeeds on [`prepared`]; `variant` tells two bodies of a call apart.
fn sample(path: &str, ids: &BTreeMap<&str, String>, variant: u32) -> Option<(String, Sample)> {
    let path_of = |path: &str| {
        ids.iter()
            .fold(path.to_owned(), |path, (name, id)| path.replace(name, id))
    };
    let upload = || {
        let metadata = metadata(&format!("手册 {variant}")).to_string();
        let parts = [
            Part::text("metadata", &metadata),
            Part::file("file", "manual.md", MANUAL.as_bytes()),
        ];
        form(&parts)
    };
    let prediction = json!({"product_line": "split_air_conditioner", "text": format!("不制冷 {variant}")});
    let photo = jpeg(40 + variant);
    let body = match path {
        "/v1/documents" | "/v1/documents/{document_id}/revise" => upload(),
        "/v1/documents/{document_id}/retire" => return Some((path_of(path), json_body(&json!({})))),
        "/v1/search" => json_body(&json!({"query": format!("通信故障 {variant}")})),
        "/v1/answers" => json_body(&json!({"question": format!("E6 怎么处理 {variant}")})),
        "/v1/chat/completions" => json_body(&json!({"model": "shifu-extractive",
            "messages": [{"role": "user", "content": format!("E6 怎么处理 {variant}")}]})),
        "/v1/answers/{answer_id}/feedback" => {
            json_body(&json!({"verdict": if variant == 0 { "helpful" } else { "wrong" }}))
        }
        "/v1/standards/{category}/photos" => form(&[
            Part::text("checkpoint", "bracket"),
            Part::text("label", "good"),
            Part::file("file", "good.jpg", &photo),
        ]),
        "/v1/photo-checks" => form(&[
            Part::text("category", "test_install"),
            Part::file("photo", "a.jpg", &photo),
        ]),
        "/v1/inspections" => form(&[
            Part::text(
                "ticket",
                &json!({"ticket_id": format!("T-{variant}"), "category": "test_install", "stage": "after"}).to_string(),
            ),
            Part::file("photos", "a.jpg", &photo),
        ]),
        "/v1/alerts/{alert_id}/verdict" => {
            json_body(&json!({"verdict": if variant == 0 { "confirmed" } else { "dismissed" }}))
        }
        "/v1/suggestions/{suggestion_id}/accept" | "/v1/suggestions/{suggestion_id}/reject" => {
            let accepted = path.ends_with("accept");
            let id = &ids[if accepted { "{accepted}" } else { "{rejected}" }];
            let note = json_body(&json!({"note": format!("核实 {variant}")}));
            return Some((path.replace("{suggestion_id}", id), note));
        }
        "/v1/part-predictions" => json_body(&prediction),
        "/v1/part-predictions/batch" => json_body(&json!({"items": [prediction]})),
        "/v1/part-predictions/pick-list" => json_body(&json!({"visits": [{"depot": "xiamen", "van": format!("van-{variant}"),
            "kit": [{"part_number": "AC-CAP-35", "name": "电容", "quantity": 1, "price": "25.00", "probability_needed": 0.5,
                "alternatives": []}]}]})),
        "/v1/repairs" => json_body(&json!({"ticket_id": "R-1", "visit": 1 + variant, "product_line": "split_air_conditioner",
            "model": "KFR-35GW/QH1", "symptoms": [{"id": "not_cooling", "present": true}], "fault_codes": [],
            "parts_used": [{"part_number": "AC-CAP-35", "quantity": 1}], "cause": "capacitor_failed", "fixed": true,
            "region": "330106", "date": "2025-07-01"})),
        "/v1/repairs/import" => Sample {
            kind: "application/x-ndjson".to_owned(),
            bytes: format!("{}\n", json!({"ticket_id": format!("I-{variant}"), "visit": 1, "product_line": "split_air_conditioner",
                "symptoms": [], "fault_codes": [], "parts_used": [], "fixed": true, "date": "2025-07-01"}))
            .into_bytes(),
        },
        "/v1/summaries" => json_body(&dialogue(&format!("空调不制冷 {variant}"))),
        "/v1/summaries/batch" => json_body(&json!({"items": [dialogue(&format!("空调漏水 {variant}"))]})),
        "/v1/intakes" => json_body(&json!({"text": format!("空调报E6 {variant}")})),
        "/v1/keys" => json_body(&json!({"role": "agent", "name": format!("k{variant}")})),
        _ => return None,
    };
    Some((path_of(path), body))
}

async fn send(server: &Server, method: &str, path: &str, body: &Sample, headers: &[(&str, &str)]) -> Reply {
    let mut request = server
        .request("admin", method, path)
        .header(header::CONTENT_TYPE, &body.kind);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    server
        .send(request.body(Body::from(body.bytes.clone())).unwrap())
        .await
}

/// A server that holds one of everything, and the identifiers to put into paths.
async fn prepared() -> (Server, BTreeMap<&'static str, String>) {
    let server = Server::start().await;
    server.put_toml("/v1/boms/split_air_conditioner", BOM).await.ok();
    server
        .put_toml("/v1/fault-trees/split_air_conditioner", TREE)
        .await
        .ok();
    server.put_toml("/v1/standards/test_install", STANDARD).await.ok();
    let document = server.index("manual.md", MANUAL, metadata("手册")).await;
    let answer = server
        .post("agent", "/v1/answers", &json!({"question": "E6 怎么处理"}))
        .await
        .ok();
    // The same photo in two tickets: the second raises an alert.
    let mut alert = String::new();
    for ticket in ["A-1", "A-2"] {
        let ticket = json!({"ticket_id": ticket, "category": "test_install", "stage": "after"});
        let parts = [
            Part::text("ticket", &ticket.to_string()),
            Part::file("photos", "a.jpg", &jpeg(7)),
        ];
        server.form("technician", "/v1/inspections", &parts).await.ok();
        let alerts = server.get("reviewer", "/v1/alerts").await.ok();
        if let Some(found) = alerts["items"][0]["alert_id"].as_str() {
            alert = found.to_owned();
        }
    }
    assert!(!alert.is_empty(), "a duplicate raises an alert");
    let [accepted, rejected] = server.suggest().await;
    let ids = BTreeMap::from([
        ("{accepted}", accepted),
        ("{rejected}", rejected),
        ("{document_id}", document),
        ("{answer_id}", answer["answer_id"].as_str().unwrap().to_owned()),
        ("{alert_id}", alert),
        ("{category}", "test_install".to_owned()),
        ("{product_line}", "split_air_conditioner".to_owned()),
    ]);
    (server, ids)
}

/// POSTs whose replies tell of things that their own tests prepare, or that need a model.
const TESTED_ELSEWHERE: [&str; 3] = [
    "/v1/webhooks",
    "/v1/webhooks/{webhook_id}/redeliver",
    "/v1/embeddings",
];

#[tokio::test]
async fn every_post_runs_once_under_an_idempotency_key() {
    let (server, ids) = prepared().await;
    let mut checked = 0;
    for call in described().iter().filter(|call| call.method == "POST") {
        assert!(
            call.parameters.iter().any(|name| name == "Idempotency-Key"),
            "{}: the header is described",
            call.path
        );
        if TESTED_ELSEWHERE.contains(&call.path.as_str()) {
            continue;
        }
        let place = &call.path;
        let (path, body) = sample(place, &ids, 0).unwrap_or_else(|| panic!("no sample for {place}"));
        let key = [("idempotency-key", format!("key of {place}"))];
        let headers: Vec<(&str, &str)> = key.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let first = send(&server, "POST", &path, &body, &headers).await;
        assert!(
            first.status.is_success(),
            "{place}: {} {}",
            first.status,
            first.text()
        );
        assert!(!first.headers.contains_key("idempotent-replayed"), "{place}");
        let again = send(&server, "POST", &path, &body, &headers).await;
        assert_eq!(
            (again.status, again.header("idempotent-replayed")),
            (first.status, "true"),
            "{place}"
        );
        assert_eq!(again.text(), first.text(), "{place}: the stored reply");
        let other = Sample {
            kind: body.kind.clone(),
            bytes: [body.bytes.as_slice(), b" "].concat(),
        };
        send(&server, "POST", &path, &other, &headers)
            .await
            .error(409, "conflict");
        let too_long = "x".repeat(256);
        send(&server, "POST", &path, &body, &[("idempotency-key", &too_long)])
            .await
            .error(400, "bad_request");
        checked += 1;
    }
    assert!(checked >= 18, "{checked} calls");
}

#[tokio::test]
async fn every_list_pages_within_its_limits_and_refuses_what_is_none_of_its_cursors() {
    let (server, ids) = prepared().await;
    let mut lists = 0;
    for call in described().iter().filter(|call| {
        call.method == "GET"
            && call.parameters.iter().any(|name| name == "limit")
            && !call.path.contains("webhook")
    }) {
        lists += 1;
        let path = ids
            .iter()
            .fold(call.path.clone(), |path, (name, id)| path.replace(name, id));
        let page = server.get("admin", &path).await.ok();
        assert!(
            page["items"].is_array() && page.as_object().unwrap().contains_key("next_cursor"),
            "{path}: {page}"
        );
        for bad in [
            "limit=0",
            "limit=201",
            "limit=x",
            "limit=-1",
            "cursor=nonsense",
            "from=yesterday",
            "to=31.12.2025",
        ] {
            let reply = server.get("admin", &format!("{path}?{bad}")).await;
            reply.error(400, "bad_request");
        }
        let none = server.get("admin", &format!("{path}?to=2001-01-01")).await.ok();
        assert_eq!(none["items"], json!([]), "{path}: nothing is that old");
        let whole = page["items"].as_array().unwrap().len();
        let mut seen = Vec::new();
        let mut cursor = String::new();
        for _ in 0..=whole {
            let page = server
                .get("admin", &format!("{path}?limit=1&cursor={cursor}"))
                .await
                .ok();
            seen.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => break,
            }
        }
        assert_eq!(
            json!(seen),
            page["items"],
            "{path}: page by page is the whole list"
        );
    }
    assert!(lists >= 4, "{lists} lists");
}

#[tokio::test]
async fn every_call_refuses_a_body_that_is_none_of_its_kind_and_nothing_happens() {
    let (server, ids) = prepared().await;
    for call in described().iter().filter(|call| call.body) {
        let path = ids
            .iter()
            .fold(call.path.clone(), |path, (name, id)| path.replace(name, id));
        let path = naming_nothing(&path);
        for (kind, bytes, expected) in [
            (
                "application/json",
                b"{\"a\": ".as_slice(),
                &[400, 404, 415, 422][..],
            ),
            ("application/json", b"\xff\xfe\xfd", &[400, 404, 415, 422]),
            ("image/tiff", b"II*\0", &[400, 404, 415, 422]),
            ("multipart/form-data", b"no boundary", &[400, 404, 415, 422]),
        ] {
            let body = Sample {
                kind: kind.to_owned(),
                bytes: bytes.to_vec(),
            };
            let reply = send(&server, &call.method, &path, &body, &[]).await;
            let status = reply.status.as_u16();
            if call.path == "/v1/repairs/import" && status == 200 {
                // Rows are judged one by one: the report names the bad one.
                let report = reply.json();
                assert!(
                    report["imported"] == 0 && report["errors"][0]["row"] == 1,
                    "{report}"
                );
                continue;
            }
            assert!(
                expected.contains(&status),
                "{} {path} {kind}: {status} {}",
                call.method,
                reply.text()
            );
            let error = &reply.json()["error"];
            assert!(
                error["code"].is_string() && error["request_id"].is_string(),
                "{path}: {error}"
            );
        }
    }
}

#[tokio::test]
async fn every_call_names_the_body_limit_that_was_exceeded() {
    let server = Server::with(|config| config.limits.body_bytes = 20_000).await;
    for call in described().iter().filter(|call| call.body) {
        let path = naming_nothing(&call.path);
        let filler = "长".repeat(10_000);
        let samples = [
            json_body(&json!({"text": filler, "question": filler, "query": filler})),
            form(&[Part::file("file", "a.bin", filler.as_bytes())]),
            Sample {
                kind: "application/toml".to_owned(),
                bytes: filler.clone().into_bytes(),
            },
            Sample {
                kind: "application/x-ndjson".to_owned(),
                bytes: filler.into_bytes(),
            },
        ];
        let mut limited = 0;
        for body in &samples {
            let reply = send(&server, &call.method, &path, body, &[]).await;
            match reply.status.as_u16() {
                413 => {
                    let error = reply.error(413, "payload_too_large");
                    assert_eq!(error["limit"]["name"], "body_bytes", "{path}: {error}");
                    assert_eq!(error["limit"]["max"], 20_000, "{path}: {error}");
                    limited += 1;
                }
                // Another kind of body, or a thing that is looked up before the body is read.
                404 | 415 | 422 => {}
                other => panic!("{} {path}: {other} {}", call.method, reply.text()),
            }
        }
        assert!(
            limited > 0 || call.path.contains('{'),
            "{} {path}: no kind of body was measured",
            call.method
        );
    }
}

#[tokio::test]
async fn every_call_says_what_it_does_not_find() {
    let (server, ids) = prepared().await;
    let mut checked = 0;
    for call in described()
        .iter()
        .filter(|call| call.path.contains('{') && call.method != "PUT")
    {
        let path = naming_nothing(&call.path);
        let reply = match sample(&call.path, &ids, 1) {
            Some((_, body)) if call.method == "POST" => send(&server, "POST", &path, &body, &[]).await,
            _ => {
                let request = server.request("admin", &call.method, &path);
                server.send(request.body(Body::empty()).unwrap()).await
            }
        };
        if call.path.contains("webhook") && reply.status.as_u16() == 422 {
            continue;
        }
        let error = reply.error(404, "not_found");
        assert!(
            error["message"].as_str().unwrap().starts_with("找不到"),
            "{path}: {error}"
        );
        checked += 1;
    }
    assert!(checked >= 18, "{checked} calls");
}

#[tokio::test]
async fn every_answer_is_described() {
    let api = serde_json::to_value(shifu_server::openapi::description()).unwrap();
    for call in described() {
        let responses = &api["paths"][&call.path][call.method.to_lowercase()]["responses"];
        for status in ["400", "401", "403", "404", "429", "500", "503", "504"] {
            let schema = &responses[status]["content"]["application/json"]["schema"]["$ref"];
            assert_eq!(
                schema, "#/components/schemas/ErrorBody",
                "{} {} {status}",
                call.method, call.path
            );
        }
    }
}
