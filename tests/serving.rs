//! What holds for every call: keys, roles, errors, limits, idempotency, restarts, and what needs no key.

mod common;

use axum::body::Body;
use axum::http::header;
use common::{BOM, MANUAL, Part, Server, metadata};
use serde_json::json;
use shifu_server::Role;
use shifu_server::access::{TABLE, allowed};
use shifu_store::{NewDocument, NewKey, Store};

/// A path of the table with something in the place of every parameter.
fn filled(path: &str) -> String {
    let part = |part: &str| {
        if part.starts_with('{') {
            "x1".to_owned()
        } else {
            part.to_owned()
        }
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn every_call_needs_a_key_and_a_role_that_the_table_lists() {
    let server = Server::start().await;
    for (method, path, _) in TABLE {
        let call = async |role: &str| {
            let request = server
                .request(role, method, &filled(path))
                .body(Body::empty())
                .unwrap();
            if *path == "/v1/alerts/stream" && allowed(Role::parse(role).unwrap_or(Role::Agent), method, path)
            {
                // The stream does not end by itself; its first headers are enough.
                let response = tower::ServiceExt::oneshot(server.app.clone(), request)
                    .await
                    .unwrap();
                return (response.status().as_u16(), String::new());
            }
            let reply = server.send(request).await;
            (reply.status.as_u16(), reply.text())
        };
        assert_eq!(call("").await.0, 401, "{method} {path} without a key");
        assert_eq!(
            call("shifu_made-up_0000").await.0,
            401,
            "{method} {path} with a key nobody made"
        );
        for role in Role::ALL {
            let (status, text) = call(role.as_str()).await;
            let admitted = status != 403 && status != 401;
            assert_eq!(
                admitted,
                allowed(role, method, path),
                "{} {method} {path}: {status} {text}",
                role.as_str()
            );
            assert_ne!(status, 500, "{method} {path}: {text}");
        }
    }
}

#[tokio::test]
async fn a_revoked_key_stops_working_at_once() {
    let server = Server::start().await;
    let created = server
        .post("admin", "/v1/keys", &json!({"role": "agent", "name": "前台"}))
        .await;
    assert_eq!(created.status.as_u16(), 201);
    let created = created.json();
    let key = created["key"].as_str().unwrap();
    assert_eq!(
        server.get(key, "/v1/models").await.ok()["data"][0]["id"],
        "shifu-extractive"
    );
    let listed = server.get("admin", "/v1/keys").await;
    assert!(
        !listed.text().contains(key.rsplit('_').next().unwrap()),
        "the secret is shown once"
    );
    assert_eq!(listed.ok()["items"][0]["name"], "前台");
    let path = format!("/v1/keys/{}", created["key_id"].as_str().unwrap());
    assert_eq!(server.delete("admin", &path).await.status.as_u16(), 204);
    server.get(key, "/v1/models").await.error(401, "unauthorized");
    server.delete("admin", &path).await.error(404, "not_found");
    server
        .post("admin", "/v1/keys", &json!({"role": "king"}))
        .await
        .error(422, "unprocessable");
}

#[tokio::test]
async fn errors_speak_chinese_or_english_and_name_the_request() {
    let server = Server::start().await;
    let ask = async |language: &str| {
        let request = server
            .request("admin", "GET", "/v1/boms/fridge")
            .header(header::ACCEPT_LANGUAGE, language);
        let request = request
            .header("x-request-id", "abc-1")
            .body(Body::empty())
            .unwrap();
        server.send(request).await.error(404, "not_found")
    };
    let chinese = ask("").await;
    assert!(
        chinese["message"].as_str().unwrap().starts_with("找不到"),
        "{chinese}"
    );
    assert_eq!(chinese["request_id"], "abc-1");
    let english = ask("en-GB, en;q=0.8").await;
    assert!(
        english["message"].as_str().unwrap().starts_with("no parts list"),
        "{english}"
    );
    server.get("admin", "/v1/nothing").await.error(404, "not_found");
    server.delete("admin", "/v1/search").await.error(404, "not_found");
    let request = server
        .request("admin", "GET", "/v1/nothing")
        .header("x-request-id", "a b\u{e9}");
    let replaced = server.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(
        replaced.header("x-request-id").len(),
        36,
        "a strange id is not echoed"
    );
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_with_the_limit() {
    let server = Server::with(|config| config.limits.body_bytes = 10_000).await;
    let long = vec![b'a'; 20_000];
    let error = server
        .raw("agent", "POST", "/v1/search", "application/json", long.clone())
        .await
        .error(413, "payload_too_large");
    assert_eq!(error["limit"], json!({"name": "body_bytes", "max": 10_000}));
    let upload = server.upload("a.md", &long, &metadata("长")).await;
    assert_eq!(
        upload.error(413, "payload_too_large")["limit"]["name"],
        "body_bytes"
    );
    let request = server
        .request("agent", "POST", "/v1/search")
        .header("idempotency-key", "k");
    let request = request
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(long))
        .unwrap();
    server.send(request).await.error(413, "payload_too_large");
    assert_eq!(
        server.get("admin", "/v1/documents").await.ok()["items"],
        json!([])
    );
}

#[tokio::test]
async fn a_key_that_asks_too_often_is_told_to_wait() {
    let server = Server::with(|config| config.limits.requests_per_minute = 3).await;
    for _ in 0..3 {
        server.get("agent", "/v1/models").await.ok();
    }
    let limited = server.get("agent", "/v1/models").await;
    limited.error(429, "rate_limited");
    assert!(limited.header("retry-after").parse::<u64>().unwrap() >= 1);
    server.get("reviewer", "/v1/models").await.ok();
}

#[tokio::test]
async fn a_full_server_and_a_slow_call_are_said_at_once() {
    let server = Server::with(|config| config.limits.concurrent_requests = 1).await;
    let place = server.state.requests.clone().acquire_owned().await.unwrap();
    let busy = server.get("agent", "/v1/models").await;
    busy.error(429, "overloaded");
    assert_eq!(busy.header("retry-after"), "1");
    assert_eq!(
        server.get("", "/health").await.status.as_u16(),
        200,
        "health does not queue"
    );
    drop(place);
    server.get("agent", "/v1/models").await.ok();
}

#[tokio::test]
async fn an_idempotency_key_runs_a_call_once_even_across_a_restart() {
    let server = Server::start().await;
    server.put_toml("/v1/boms/split_air_conditioner", BOM).await.ok();
    let key = server
        .key(NewKey {
            role: "admin".into(),
            ..NewKey::default()
        })
        .await;
    let call = async |server: &Server, key: &str, role: &str| {
        let request = server
            .request(key, "POST", "/v1/keys")
            .header("idempotency-key", "once");
        let request = request.header(header::CONTENT_TYPE, "application/json");
        server
            .send(
                request
                    .body(Body::from(json!({"role": role}).to_string()))
                    .unwrap(),
            )
            .await
    };
    let first = call(&server, &key, "agent").await;
    assert!(first.status.is_success() && !first.headers.contains_key("idempotent-replayed"));
    let again = call(&server, &key, "agent").await;
    assert_eq!(
        (again.status, &again.bytes, again.header("idempotent-replayed")),
        (first.status, &first.bytes, "true")
    );
    call(&server, &key, "reviewer").await.error(409, "conflict");
    let other = server.keys["admin"].clone();
    assert_ne!(
        call(&server, &other, "agent").await.bytes,
        first.bytes,
        "another caller's key is another call"
    );
    let server = server.restart().await;
    let replayed = call(&server, &key, "agent").await;
    assert_eq!(
        (replayed.header("idempotent-replayed"), &replayed.bytes),
        ("true", &first.bytes)
    );
}

#[tokio::test]
async fn a_retried_upload_is_one_document_and_a_refused_one_may_be_tried_again() {
    let server = Server::start().await;
    let parts = |text: &str| {
        [
            Part::file("file", "m.md", text.as_bytes()),
            Part::text("metadata", &metadata("手册").to_string()),
        ]
    };
    let headers = [("idempotency-key", "upload-1")];
    server
        .form_with("admin", "/v1/documents", &parts(""), &headers)
        .await
        .error(422, "unprocessable");
    let first = server
        .form_with("admin", "/v1/documents", &parts(MANUAL), &headers)
        .await;
    let again = server
        .form_with("admin", "/v1/documents", &parts(MANUAL), &headers)
        .await;
    assert_eq!(
        (first.status.as_u16(), again.header("idempotent-replayed")),
        (202, "true")
    );
    assert_eq!(
        (first.header("location"), &first.bytes),
        (again.header("location"), &again.bytes)
    );
    assert_eq!(
        server.get("admin", "/v1/documents").await.ok()["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn work_acknowledged_before_a_crash_is_done_after_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let store = common::store_in(directory.path()).await;
    let document_id = Store::new_document_id();
    let owner = Store::document_owner(&document_id);
    let original_sha256 = store.put_object(&owner, MANUAL.into()).await.unwrap();
    let metadata = serde_json::from_value(metadata("手册")).unwrap();
    let file_name = "manual.md".to_owned();
    let document = NewDocument {
        document_id: document_id.clone(),
        metadata,
        file_name,
        original_sha256,
    };
    store.add_document(&document).await.unwrap();
    // The process that claimed it is never heard of again.
    store
        .claim_job(shifu_store::JobKind::ParseDocument, 0, 3_600_000)
        .await
        .unwrap()
        .unwrap();
    drop(store);
    let server = Server::over(directory, |_| {}).await;
    let record = server.state.engine.wait_for_document(&document_id).await.unwrap();
    assert_eq!(
        (record.status, record.pages),
        (shifu_store::DocumentStatus::Indexed, 3)
    );
    let store = server.state.engine.store();
    for _ in 0..100 {
        if store
            .pending_jobs(shifu_store::JobKind::ParseDocument)
            .await
            .unwrap()
            == 0
        {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the job is still there");
}

#[tokio::test]
async fn broken_model_files_do_not_keep_the_server_from_starting() {
    let directory = tempfile::tempdir().unwrap();
    for model in ["onnxruntime", "ppocr-v6-det", "ppocr-v6-rec", "minilm-l6-v2"] {
        let folder = directory.path().join("models").join(model);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("model.onnx"), b"cut off").unwrap();
    }
    let server = Server::over(directory, |_| {}).await;
    server.index("manual.md", MANUAL, metadata("手册")).await;
    let answer = server
        .post("agent", "/v1/answers", &json!({"question": "E6是什么故障？"}))
        .await
        .ok();
    assert_eq!(answer["grounded"], true);
}

#[tokio::test]
async fn health_readiness_metrics_and_documentation_need_no_key() {
    let server = Server::start().await;
    assert_eq!(server.get("", "/health").await.ok()["status"], "ok");
    assert_eq!(server.get("", "/ready").await.ok()["status"], "ready");
    server
        .post("agent", "/v1/search", &json!({"query": "滤网"}))
        .await
        .ok();
    let metrics = server.get("", "/metrics").await.text();
    assert!(
        metrics.contains("shifu_http_requests_total{") && metrics.contains("route=\"/v1/search\""),
        "{metrics}"
    );
    assert!(
        metrics.contains("shifu_phase_seconds_bucket{flow=\"knowledge\""),
        "{metrics}"
    );
    let description = server.get("", "/openapi.json").await.ok();
    assert!(description["paths"]["/v1/answers"]["post"].is_object());
    let docs = server.get("", "/docs/").await;
    assert!(
        docs.status.is_success() && !docs.text().contains("https://"),
        "nothing comes from elsewhere"
    );
    server.state.stopping.cancel();
    server.get("", "/ready").await.error(503, "unavailable");
}

#[tokio::test]
async fn the_console_comes_from_the_binary_under_a_strict_policy() {
    let server = Server::start().await;
    let page = server.get("", "/").await;
    assert!(
        page.header("content-security-policy")
            .starts_with("default-src 'none'")
    );
    assert!(page.text().contains("lang=\"zh-CN\""));
    for path in ["/", "/console.js", "/console.css"] {
        let text = server.get("", path).await.text();
        assert!(
            !text.contains("http://") && !text.contains("https://") && !text.contains("style=\""),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_server_that_stops_lets_a_running_request_finish() {
    let server = Server::start().await;
    server.index("manual.md", MANUAL, metadata("手册")).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let state = server.state.clone();
    let serving = tokio::spawn(shifu_server::serve(state, listener, async {
        let _ = stopped.await;
    }));
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let body = json!({"query": "滤网"}).to_string();
    let head = format!(
        "POST /v1/search HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        server.keys["agent"],
        body.len()
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.flush().await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    stop.send(()).unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    socket.write_all(body.as_bytes()).await.unwrap();
    let mut reply = String::new();
    socket.read_to_string(&mut reply).await.unwrap();
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    serving.await.unwrap().unwrap();
    assert!(
        tokio::net::TcpStream::connect(address).await.is_err(),
        "no new connection"
    );
}

#[tokio::test]
async fn a_refused_upload_still_gets_its_answer() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let server = Server::with(|config| config.limits.body_bytes = 1 << 20).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(shifu_server::serve(server.state.clone(), listener, async {
        let _ = stopped.await;
    }));
    let body = vec![b'x'; 3 << 20];
    for (key, status) in [
        ("nobody".to_owned(), "401"),
        (server.keys["admin"].clone(), "413"),
    ] {
        let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
        let head = format!(
            "PUT /v1/boms/split_air_conditioner HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\nconnection: close\r\n\
             content-type: application/toml\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        // The server has its answer ready before the body comes.
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        socket.write_all(&body).await.unwrap();
        let mut reply = String::new();
        socket.read_to_string(&mut reply).await.unwrap();
        assert!(reply.starts_with(&format!("HTTP/1.1 {status}")), "{reply}");
    }
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
}
