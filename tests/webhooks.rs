//! Events out: signed, tried again, never lost, and only to where they may go.

mod common;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use common::{BOM, MANUAL, Part, STANDARD, Server, TREE, jpeg, metadata};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use shifu_server::Config;
use shifu_store::{RepairRecord, Store};

/// What a receiver got.
#[derive(Debug, Clone)]
struct Received {
    at: Instant,
    path: String,
    headers: HeaderMap,
    body: String,
}

impl Received {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    /// Checks the signature as the description of the API says.
    fn is_signed_with(&self, secret: &str) -> bool {
        let timestamp = self.header("shifu-timestamp");
        let age_s = jiff::Timestamp::now().as_second() - timestamp.parse::<i64>().unwrap();
        assert!((0..60).contains(&age_s), "{timestamp}");
        let given = self.header("shifu-signature").strip_prefix("v1=").unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("{timestamp}.{}", self.body).as_bytes());
        mac.verify_slice(&hex::decode(given).unwrap()).is_ok()
    }
}

/// Another system on this machine: answers with the given statuses in turn, with the last one from then on.
#[derive(Clone)]
struct Receiver {
    address: SocketAddr,
    statuses: Arc<Mutex<Vec<u16>>>,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    async fn start(statuses: &[u16]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            address: listener.local_addr().unwrap(),
            statuses: Arc::new(Mutex::new(statuses.to_vec())),
            received: Arc::default(),
        };
        let app = Router::new().fallback(take).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        receiver
    }

    fn url(&self) -> String {
        format!("http://{}/hook?from=shifu", self.address)
    }

    /// Answers like this from now on.
    fn answer(&self, status: u16) {
        *self.statuses.lock().unwrap() = vec![status];
    }

    fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// Waits until it got `count` requests.
    async fn got(&self, count: usize) -> Vec<Received> {
        let start = Instant::now();
        while self.received().len() < count {
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "got only {:#?}",
                self.received()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.received()
    }
}

async fn take(State(receiver): State<Receiver>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let count = {
        let mut received = receiver.received.lock().unwrap();
        received.push(Received {
            at: Instant::now(),
            path: parts.uri.to_string(),
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        });
        received.len()
    };
    let status = {
        let statuses = receiver.statuses.lock().unwrap();
        statuses[(count - 1).min(statuses.len() - 1)]
    };
    if status == 0 {
        // Hangs longer than anybody waits.
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    let elsewhere = format!("http://{}/elsewhere", receiver.address);
    (
        StatusCode::from_u16(status).unwrap(),
        [(header::LOCATION, elsewhere)],
        "ok",
    )
        .into_response()
}

fn inside(config: &mut Config) {
    config.webhooks.allow_private_addresses = true;
    config.webhooks.first_retry_ms = 600;
}

/// A server that knows the parts and the tree that repairs speak of.
async fn loaded(change: impl FnOnce(&mut Config)) -> Server {
    let server = Server::with(change).await;
    let line = "split_air_conditioner";
    server.put_toml(&format!("/v1/boms/{line}"), BOM).await.ok();
    server
        .put_toml(&format!("/v1/fault-trees/{line}"), TREE)
        .await
        .ok();
    server
}

async fn restarted(server: Server, change: impl FnOnce(&mut Config)) -> Server {
    server.state.stopping.cancel();
    server.state.engine.close().await;
    let Server {
        app,
        state,
        directory,
        ..
    } = server;
    drop((app, state));
    tokio::time::sleep(Duration::from_millis(100)).await;
    Server::over(directory, change).await
}

async fn register(server: &Server, body: Value) -> (String, String) {
    let reply = server.post("admin", "/v1/webhooks", &body).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text());
    let created = reply.json();
    let text = |name: &str| created[name].as_str().unwrap().to_owned();
    (text("webhook_id"), text("secret"))
}

async fn report(server: &Server, ticket: &str) {
    let repair = json!({"ticket_id": ticket, "visit": 1, "product_line": "split_air_conditioner", "cause": "board_failed", "fixed": true,
        "symptoms": [{"id": "not_cooling", "present": true}], "parts_used": [{"part_number": "AC-PCB-201", "quantity": 1}],
        "text": "客户电话 13800000000", "region": "3502", "date": "2025-05-01"});
    server.post("technician", "/v1/repairs", &repair).await.ok();
}

async fn deliveries(server: &Server, webhook_id: &str, query: &str) -> Vec<Value> {
    let path = format!("/v1/webhooks/{webhook_id}/deliveries{query}");
    server.get("admin", &path).await.ok()["items"]
        .as_array()
        .unwrap()
        .clone()
}

/// Waits until the newest delivery has this status.
async fn delivery(server: &Server, webhook_id: &str, status: &str) -> Value {
    let start = Instant::now();
    loop {
        let newest = deliveries(server, webhook_id, "").await.remove(0);
        if newest["status"] == status {
            return newest;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "{newest}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn an_event_arrives_signed_and_says_what_happened() {
    let receiver = Receiver::start(&[204]).await;
    let server = loaded(inside).await;
    let (webhook_id, secret) = register(&server, json!({"url": receiver.url()})).await;
    report(&server, "T-1").await;
    let got = receiver.got(1).await.remove(0);
    assert_eq!(got.path, "/hook?from=shifu");
    assert_eq!(got.header("content-type"), "application/json");
    assert_eq!(got.header("host"), receiver.address.to_string());
    assert!(got.is_signed_with(&secret));
    assert!(!got.is_signed_with("another"));
    let event = got.json();
    assert_eq!(event["type"], "repair.reported");
    assert_eq!(event["event_id"], got.header("shifu-event-id"));
    event["created_at"]
        .as_str()
        .unwrap()
        .parse::<jiff::Timestamp>()
        .unwrap();
    assert_eq!(
        event["data"],
        json!({"ticket_id": "T-1", "visit": 1, "product_line": "split_air_conditioner", "replaced": false})
    );
    let done = delivery(&server, &webhook_id, "delivered").await;
    assert_eq!(
        (
            &done["event_id"],
            &done["type"],
            &done["attempts"],
            &done["response_status"],
            &done["error"]
        ),
        (
            &event["event_id"],
            &event["type"],
            &json!(1),
            &json!(204),
            &Value::Null
        )
    );
    assert!(
        done["delivered_at"].is_string() && done["next_attempt_at"].is_null(),
        "{done}"
    );
    let listed = server.get("admin", "/v1/webhooks").await;
    assert!(!listed.text().contains(&secret), "the secret is shown once");
    assert_eq!(listed.ok()["items"][0]["url"], receiver.url());
}

#[tokio::test]
async fn documents_inspections_and_alerts_tell_of_themselves() {
    let receiver = Receiver::start(&[200]).await;
    let server = Server::with(inside).await;
    register(&server, json!({"url": receiver.url()})).await;
    let document_id = server.index("manual.md", MANUAL, metadata("维修手册")).await;
    let indexed = receiver.got(1).await.remove(0).json();
    assert_eq!(
        (
            &indexed["type"],
            &indexed["data"]["document_id"],
            &indexed["data"]["status"]
        ),
        (&json!("document.indexed"), &json!(document_id), &json!("indexed"))
    );
    server.put_toml("/v1/standards/test_install", STANDARD).await.ok();
    let submit = async |ticket: &str| {
        let ticket = json!({"ticket_id": ticket, "category": "test_install", "stage": "after"});
        let parts = [
            Part::text("ticket", &ticket.to_string()),
            Part::text(
                "photos_meta",
                &json!([{"file": "a.jpg", "checkpoint": "bracket"}]).to_string(),
            ),
            Part::file("photos", "a.jpg", &jpeg(51)),
        ];
        server.form("technician", "/v1/inspections", &parts).await.ok()
    };
    submit("T-1").await;
    let copied = submit("T-2").await;
    let alerts = server.get("reviewer", "/v1/alerts?ticket_id=T-2").await.ok();
    let alert = alerts["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|alert| alert["kind"] == "duplicate")
        .unwrap()
        .clone();
    let path = format!("/v1/alerts/{}/verdict", alert["alert_id"].as_str().unwrap());
    server
        .post("reviewer", &path, &json!({"verdict": "confirmed"}))
        .await
        .ok();
    let all = server.get("reviewer", "/v1/alerts").await.ok();
    let raised = all["items"].as_array().unwrap().len();
    // The document, two inspections, each alert, one decision.
    let got = receiver.got(1 + 2 + raised + 1).await;
    let events: Vec<Value> = got.iter().map(Received::json).collect();
    let of = |kind: &str, field: &str, id: &Value| {
        let found = events
            .iter()
            .find(|event| event["type"] == kind && event["data"][field] == *id);
        found.unwrap_or_else(|| panic!("no {kind} of {id}"))["data"].clone()
    };
    let done = of("inspection.done", "inspection_id", &copied["inspection_id"]);
    assert_eq!(
        (
            &done["verdict"],
            &done["findings"],
            &done["ticket_id"],
            &done["attempt"]
        ),
        (&copied["verdict"], &copied["findings"], &json!("T-2"), &json!(1))
    );
    let told = of("alert.raised", "alert_id", &alert["alert_id"]);
    for field in [
        "inspection_id",
        "ticket_id",
        "photo",
        "checkpoint",
        "kind",
        "severity",
        "probability",
    ] {
        assert_eq!(told[field], alert[field], "{field}");
    }
    let decided = of("alert.decided", "alert_id", &alert["alert_id"]);
    assert_eq!(
        (&told["state"], &decided["state"]),
        (&json!("open"), &json!("confirmed"))
    );
}

#[tokio::test]
async fn a_document_that_cannot_be_read_and_events_nobody_asked_for() {
    let (failures, repairs) = (Receiver::start(&[200]).await, Receiver::start(&[200]).await);
    let server = loaded(inside).await;
    register(
        &server,
        json!({"url": failures.url(), "events": ["document.failed", "inspection.failed"]}),
    )
    .await;
    register(
        &server,
        json!({"url": repairs.url(), "events": ["repair.reported"]}),
    )
    .await;
    // As `shifu knowledge add` does it: nobody waits for the first result.
    let store = server.state.engine.store();
    let document_id = Store::new_document_id();
    let bytes = b"%PDF-1.4 broken".as_slice().into();
    let sha256 = store
        .put_object(&Store::document_owner(&document_id), bytes)
        .await
        .unwrap();
    let document = shifu_store::NewDocument {
        document_id: document_id.clone(),
        metadata: serde_json::from_value(metadata("坏文件")).unwrap(),
        file_name: "a.pdf".into(),
        original_sha256: sha256,
    };
    store.add_document(&document).await.unwrap();
    report(&server, "T-1").await;
    let failed = failures.got(1).await.remove(0).json();
    assert_eq!(
        (
            &failed["type"],
            &failed["data"]["document_id"],
            &failed["data"]["status"]
        ),
        (&json!("document.failed"), &json!(document_id.0), &json!("failed"))
    );
    assert!(failed["data"]["error"].is_string(), "{failed}");
    assert_eq!(repairs.got(1).await[0].json()["type"], "repair.reported");
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!((failures.received().len(), repairs.received().len()), (1, 1));
}

#[tokio::test]
async fn what_is_no_success_is_tried_again_with_growing_waits() {
    // A failure, a redirect that is not followed, a success.
    let receiver = Receiver::start(&[500, 302, 200]).await;
    let server = loaded(inside).await;
    let (webhook_id, secret) = register(&server, json!({"url": receiver.url()})).await;
    report(&server, "T-1").await;
    receiver.got(1).await;
    let waiting = loop {
        let newest = deliveries(&server, &webhook_id, "?status=pending")
            .await
            .remove(0);
        if newest["response_status"] == 500 {
            break newest;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert!(
        waiting["next_attempt_at"].is_string() && waiting["error"].as_str().unwrap().contains("500"),
        "{waiting}"
    );
    let got = receiver.got(3).await;
    let done = delivery(&server, &webhook_id, "delivered").await;
    assert_eq!((&done["attempts"], &done["error"]), (&json!(3), &Value::Null));
    assert!(
        got.iter().all(|one| one.path == "/hook?from=shifu"),
        "a redirect was followed"
    );
    assert!(
        got.iter()
            .all(|one| one.body == got[0].body && one.is_signed_with(&secret))
    );
    let (first, second) = (got[1].at - got[0].at, got[2].at - got[1].at);
    assert!(first >= Duration::from_millis(600), "{first:?}");
    assert!(second >= Duration::from_millis(1200), "{second:?}");
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(receiver.received().len(), 3, "delivered once");
}

#[tokio::test]
async fn nothing_is_lost_between_the_event_and_its_delivery() {
    let receiver = Receiver::start(&[200]).await;
    let server = loaded(inside).await;
    let (webhook_id, secret) = register(&server, json!({"url": receiver.url()})).await;
    // The server is gone; the change is kept by a process that dies right after.
    server.state.stopping.cancel();
    server.state.engine.close().await;
    let Server {
        app,
        state,
        directory,
        ..
    } = server;
    drop((app, state));
    tokio::time::sleep(Duration::from_millis(100)).await;
    let repair = |visit| RepairRecord {
        ticket_id: "T-1".into(),
        visit,
        product_line: "split_air_conditioner".into(),
        body: json!({"ticket_id": "T-1", "visit": visit, "product_line": "split_air_conditioner", "fixed": true, "date": "2025-05-01"}),
    };
    let store = common::store_in(directory.path()).await;
    store.put_repairs(&[repair(1), repair(2)]).await.unwrap();
    // One of the two was being sent when the process died: it may or may not have arrived.
    let claimed = store.claim_delivery(3_600_000, &[]).await.unwrap().unwrap();
    store.close().await;
    drop(store);
    assert!(receiver.received().is_empty());
    let server = Server::over(directory, inside).await;
    let got = receiver.got(2).await;
    assert!(got.iter().all(|one| one.is_signed_with(&secret)));
    let mut visits: Vec<_> = got
        .iter()
        .map(|one| one.json()["data"]["visit"].as_i64().unwrap())
        .collect();
    visits.sort_unstable();
    assert_eq!(visits, [1, 2]);
    delivery(&server, &webhook_id, "delivered").await;
    let twice = deliveries(&server, &webhook_id, "")
        .await
        .into_iter()
        .find(|one| one["delivery_id"] == json!(claimed.delivery_id))
        .unwrap();
    assert_eq!(twice["attempts"], 2, "{twice}");
}

#[tokio::test]
async fn addresses_that_are_not_public_are_refused_at_registration() {
    let server = Server::start().await;
    let refused = [
        "http://127.0.0.1:9/hook",
        "http://localhost/hook",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0.0.0.0/",
        "http://10.1.2.3/",
        "http://172.31.0.1/",
        "http://192.168.1.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://100.64.0.1/",
        "http://224.0.0.1/",
        "http://255.255.255.255/",
        "http://[::1]/",
        "http://[::]/",
        "http://[fd00::1]/",
        "http://[fe80::1]/",
        "http://[ff02::1]/",
        "http://[::ffff:93.184.216.34]/",
        "http://[64:ff9b::10.0.0.1]/",
        "http://[2002:7f00:1::]/",
        "ftp://93.184.216.34/",
        "http://user:secret@93.184.216.34/",
        "http://93.184.216.34/#part",
        "http://93.184.216.34:0/",
        "/hook",
        "",
    ];
    for url in refused {
        let error = server
            .post("admin", "/v1/webhooks", &json!({"url": url}))
            .await
            .error(422, "unprocessable");
        assert_eq!(error["fields"][0]["field"], "url", "{url}: {error}");
    }
    server
        .post(
            "admin",
            "/v1/webhooks",
            &json!({"url": "http://93.184.216.34/", "events": ["everything"]}),
        )
        .await
        .error(422, "unprocessable");
    assert_eq!(server.get("admin", "/v1/webhooks").await.ok()["items"], json!([]));
    // Public addresses are taken; so is a name that has no address now, which is judged when something is sent.
    for url in [
        "https://93.184.216.34/hook",
        "http://[2606:2800:220::1]/",
        "https://nowhere.invalid/hook",
    ] {
        register(&server, json!({"url": url})).await;
    }
}

#[tokio::test]
async fn an_address_that_is_not_public_is_refused_when_something_is_sent() {
    let receiver = Receiver::start(&[200]).await;
    let server = loaded(inside).await;
    let (webhook_id, _) = register(&server, json!({"url": receiver.url()})).await;
    let server = restarted(server, |config| config.webhooks.first_retry_ms = 600).await;
    report(&server, "T-1").await;
    let refused = loop {
        let newest = deliveries(&server, &webhook_id, "").await.remove(0);
        if newest["error"].is_string() {
            break newest;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let error = refused["error"].as_str().unwrap();
    assert!(
        error.contains("loopback") && error.contains("allow_private_addresses"),
        "{error}"
    );
    assert_eq!(
        (&refused["status"], &refused["response_status"]),
        (&json!("pending"), &Value::Null)
    );
    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn a_receiver_that_hangs_is_given_up_and_served_again_on_request() {
    let receiver = Receiver::start(&[0, 503]).await;
    let server = loaded(|config| {
        inside(config);
        config.webhooks.timeout_s = 1;
        config.webhooks.retry_for_s = 5;
    })
    .await;
    let (webhook_id, secret) = register(&server, json!({"url": receiver.url()})).await;
    report(&server, "T-1").await;
    receiver.got(1).await;
    let failed = delivery(&server, &webhook_id, "failed").await;
    let attempts = receiver.received().len();
    assert!(attempts >= 2, "{failed}");
    assert_eq!(
        (
            &failed["attempts"],
            &failed["response_status"],
            &failed["next_attempt_at"]
        ),
        (&json!(attempts), &json!(503), &Value::Null),
        "{failed}"
    );
    receiver.answer(200);
    assert_eq!(
        deliveries(&server, &webhook_id, "?status=delivered").await.len(),
        0
    );
    assert_eq!(
        deliveries(&server, &webhook_id, "?status=failed&ticket_id=T-1")
            .await
            .len(),
        1
    );
    assert_eq!(deliveries(&server, &webhook_id, "?ticket_id=T-2").await.len(), 0);
    // All that failed; the body may be left out.
    let path = format!("/v1/webhooks/{webhook_id}/redeliver");
    let again = server.raw("admin", "POST", &path, "application/json", "").await;
    assert_eq!(again.status, StatusCode::ACCEPTED, "{}", again.text());
    assert_eq!(
        again.header("location"),
        format!("/v1/webhooks/{webhook_id}/deliveries?status=pending")
    );
    assert_eq!(again.ok()["deliveries"], 1);
    let done = delivery(&server, &webhook_id, "delivered").await;
    assert_eq!(
        (&done["delivery_id"], &done["attempts"]),
        (&failed["delivery_id"], &json!(1))
    );
    // One by its identifier, although it was delivered.
    let one = json!({"delivery_id": done["delivery_id"]});
    assert_eq!(server.post("admin", &path, &one).await.ok()["deliveries"], 1);
    let got = receiver.got(attempts + 2).await;
    assert!(
        got.iter()
            .all(|one| one.body == got[0].body && one.is_signed_with(&secret))
    );
    for nothing_failed in [json!({}), Value::Null] {
        let none = server.post("admin", &path, &nothing_failed).await.ok();
        assert_eq!(none["deliveries"], 0);
    }
    let unknown = json!({"delivery_id": "none"});
    server
        .post("admin", &path, &unknown)
        .await
        .error(404, "not_found");
    server
        .post("admin", "/v1/webhooks/none/redeliver", &json!({}))
        .await
        .error(404, "not_found");
    server
        .get(
            "admin",
            &format!("/v1/webhooks/{webhook_id}/deliveries?status=lost"),
        )
        .await
        .error(400, "bad_request");
    server
        .get("admin", "/v1/webhooks/none/deliveries")
        .await
        .error(404, "not_found");
}

#[tokio::test]
async fn only_an_admin_sees_or_changes_webhooks() {
    let server = Server::start().await;
    let (webhook_id, _) = register(&server, json!({"url": "https://93.184.216.34/"})).await;
    let one = format!("/v1/webhooks/{webhook_id}");
    for role in ["agent", "technician", "reviewer", "dispatcher"] {
        let body = json!({"url": "https://93.184.216.34/"});
        server
            .post(role, "/v1/webhooks", &body)
            .await
            .error(403, "forbidden");
        server.get(role, "/v1/webhooks").await.error(403, "forbidden");
        server.delete(role, &one).await.error(403, "forbidden");
        server
            .get(role, &format!("{one}/deliveries"))
            .await
            .error(403, "forbidden");
        server
            .post(role, &format!("{one}/redeliver"), &json!({}))
            .await
            .error(403, "forbidden");
    }
    server.get("", "/v1/webhooks").await.error(401, "unauthorized");
    assert_eq!(server.delete("admin", &one).await.status, StatusCode::NO_CONTENT);
    server.delete("admin", &one).await.error(404, "not_found");
    let audit = server.get("admin", "/v1/audit").await.text();
    assert!(
        audit.contains("webhook.add") && audit.contains("webhook.remove"),
        "{audit}"
    );
}

#[tokio::test]
async fn lists_come_in_pages_that_new_rows_do_not_move() {
    let receiver = Receiver::start(&[200]).await;
    let server = loaded(inside).await;
    let (webhook_id, _) = register(&server, json!({"url": receiver.url()})).await;
    for number in 0..5 {
        report(&server, &format!("T-{number}")).await;
    }
    let path = format!("/v1/webhooks/{webhook_id}/deliveries");
    let mut seen = Vec::new();
    let mut query = "?limit=2".to_owned();
    loop {
        let page = server.get("admin", &format!("{path}{query}")).await.ok();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        seen.extend(
            items
                .iter()
                .map(|item| item["delivery_id"].as_str().unwrap().to_owned()),
        );
        report(&server, &format!("late-{}", seen.len())).await;
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        query = format!("?limit=2&cursor={cursor}");
    }
    assert_eq!(seen.len(), 5);
    assert!(seen.is_sorted_by(|a, b| a > b), "newest first");
    let second = register(&server, json!({"url": receiver.url()})).await.0;
    let page = server.get("admin", "/v1/webhooks?limit=1").await.ok();
    assert_eq!(page["items"][0]["webhook_id"], json!(second));
    let cursor = page["next_cursor"].as_str().unwrap();
    let page = server
        .get("admin", &format!("/v1/webhooks?limit=1&cursor={cursor}"))
        .await
        .ok();
    assert_eq!(
        (&page["items"][0]["webhook_id"], &page["next_cursor"]),
        (&json!(webhook_id), &Value::Null)
    );
}

#[tokio::test]
async fn what_is_removed_is_not_told_of_any_more() {
    let receiver = Receiver::start(&[500]).await;
    let server = loaded(inside).await;
    let (webhook_id, _) = register(&server, json!({"url": receiver.url()})).await;
    report(&server, "T-1").await;
    report(&server, "T-2").await;
    receiver.got(2).await;
    server.delete("admin", "/v1/tickets/T-1").await.ok();
    let left = deliveries(&server, &webhook_id, "").await;
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(deliveries(&server, &webhook_id, "?ticket_id=T-2").await.len(), 1);
    let path = format!("/v1/webhooks/{webhook_id}");
    assert_eq!(server.delete("admin", &path).await.status, StatusCode::NO_CONTENT);
    // An attempt that had begun may still arrive; afterwards there is silence.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let before = receiver.received().len();
    tokio::time::sleep(Duration::from_millis(2000)).await;
    assert_eq!(receiver.received().len(), before);
    server
        .get("admin", &format!("{path}/deliveries"))
        .await
        .error(404, "not_found");
}
