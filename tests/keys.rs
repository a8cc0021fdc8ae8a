//! Who sees what, and who did what: every call of the table of routes with keys limited to one brand and one service provider, and
//! an entry in the audit log for everything that an administrator changes. Both tables are checked against the server's own, so a
//! new call fails here until somebody has said what it shows and what it records.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use axum::http::Request;
use axum::http::header;
use common::{BOM, MANUAL, Part, Reply, STANDARD, Server, TREE, jpeg, metadata, multipart};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use shifu_server::Role;
use shifu_server::access::TABLE;
use shifu_store::NewKey;
use tower::ServiceExt;

/// Stands in everything of the others: titles, texts, tickets, questions, names of keys.
const MARK: &str = "OTHERS";

/// What a limited key gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sees {
    /// This status, whoever asks.
    Alike(u16),
    /// The same as everybody: it belongs to no brand or provider, or only to the caller.
    Shared,
    /// A success without anything of the others; an unlimited key gets that, too.
    ItsOwn,
    /// This status, and an unlimited key does not.
    Refused(u16),
}

use Sees::{Alike, ItsOwn, Refused, Shared};

#[derive(Clone)]
struct Call {
    path: String,
    kind: String,
    body: Vec<u8>,
}

fn get(path: &str) -> Call {
    raw(path, "application/json", "")
}

fn send(path: &str, body: &Value) -> Call {
    raw(path, "application/json", &body.to_string())
}

fn raw(path: &str, kind: &str, body: &str) -> Call {
    Call {
        path: path.to_owned(),
        kind: kind.to_owned(),
        body: body.as_bytes().to_vec(),
    }
}

fn form(path: &str, parts: &[Part]) -> Call {
    let (kind, body) = multipart(parts);
    Call {
        path: path.to_owned(),
        kind,
        body,
    }
}

fn request(method: &str, key: &str, call: &Call) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(&call.path)
        .header(header::AUTHORIZATION, format!("Bearer {key}"))
        .header(header::CONTENT_TYPE, &call.kind)
        .header("last-event-id", "00000000-0000-7000-8000-000000000000")
        .body(Body::from(call.body.clone()))
        .unwrap()
}

/// The reply; of a stream what it holds so far.
async fn reply(server: &Server, method: &str, key: &str, call: &Call) -> (u16, String) {
    let response = server
        .app
        .clone()
        .oneshot(request(method, key, call))
        .await
        .unwrap();
    let status = response.status().as_u16();
    let mut body = response.into_body();
    let mut bytes = Vec::new();
    let wait = std::time::Duration::from_millis(if call.path.ends_with("/stream") {
        300
    } else {
        60_000
    });
    while let Ok(Some(frame)) = tokio::time::timeout(wait, body.frame()).await {
        bytes.extend(frame.unwrap().into_data().unwrap_or_default());
    }
    (status, String::from_utf8_lossy(&bytes).into_owned())
}

fn about(title: &str, brand: Option<&str>) -> Value {
    let mut about = metadata(title);
    if let Some(brand) = brand {
        about["brand"] = json!(brand);
    }
    about
}

fn submission(ticket: &str, provider: &str, photo: &[u8]) -> Vec<Part> {
    let ticket = json!({"ticket_id": ticket, "category": "test_install", "stage": "after", "service_provider_id": provider});
    vec![
        Part::text("ticket", &ticket.to_string()),
        Part::text(
            "photos_meta",
            &json!([{"file": "a.jpg", "checkpoint": "bracket"}]).to_string(),
        ),
        Part::file("photos", "a.jpg", photo),
    ]
}

async fn key(server: &Server, role: &str, name: &str, brand: &str, provider: &str) -> String {
    let key = NewKey {
        role: role.to_owned(),
        name: name.to_owned(),
        brands: vec![brand.to_owned()],
        service_providers: vec![provider.to_owned()],
    };
    server.key(key).await
}

/// A server that serves two brands and two service providers, with something of everything for both.
struct Scene {
    server: Server,
    /// Keys limited to our brand and provider, by role.
    ours: BTreeMap<&'static str, String>,
    /// Identifiers of the others' document, inspection, alert, answer and key.
    theirs: BTreeMap<&'static str, String>,
}

async fn loaded() -> Server {
    let server = Server::start().await;
    server.put_toml("/v1/boms/split_air_conditioner", BOM).await.ok();
    server
        .put_toml("/v1/fault-trees/split_air_conditioner", TREE)
        .await
        .ok();
    server.put_toml("/v1/standards/test_install", STANDARD).await.ok();
    server
}

async fn scene() -> Scene {
    let server = loaded().await;
    let mut theirs = BTreeMap::new();
    let text = format!(
        "# 维修手册\n\n## 故障代码\n\n代码 Q7 表示 {MARK} 专用阀门故障，检查 {MARK} 专用阀门的线圈。\n"
    );
    let title = format!("{MARK} 手册");
    let document = server
        .index("theirs.md", &text, about(&title, Some("别家")))
        .await;
    theirs.insert("document", document);
    server
        .index("ours.md", MANUAL, about("清禾手册", Some("清禾")))
        .await;
    let mut ours = BTreeMap::new();
    for role in Role::ALL {
        ours.insert(
            role.as_str(),
            key(&server, role.as_str(), "ours", "清禾", "S1").await,
        );
    }
    let their_name = format!("{MARK} admin");
    let their_admin = key(&server, "admin", &their_name, "别家", "S2").await;
    let their_key = server.get("admin", "/v1/keys").await.ok();
    let their_key = their_key["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["name"] == their_name);
    theirs.insert("key", their_key.unwrap()["key_id"].as_str().unwrap().to_owned());

    // The same photo three times: each later ticket has a duplicate finding and an alert. Another is theirs alone.
    for (number, seed) in [(1, 31), (2, 31), (3, 33)] {
        let parts = submission(&format!("{MARK}-{number}"), "S2", &jpeg(seed));
        let done = server.form(&their_admin, "/v1/inspections", &parts).await.ok();
        theirs.insert("inspection", done["inspection_id"].as_str().unwrap().to_owned());
    }
    let parts = submission("OUR-1", "S1", &jpeg(31));
    server
        .form(&ours["technician"], "/v1/inspections", &parts)
        .await
        .ok();
    let alerts = server.get(&their_admin, "/v1/alerts").await.ok();
    theirs.insert(
        "alert",
        alerts["items"][0]["alert_id"].as_str().unwrap().to_owned(),
    );

    let question = json!({"question": format!("{MARK} 的 Z99 是什么故障？")});
    let answer = server.post(&their_admin, "/v1/answers", &question).await.ok();
    theirs.insert("answer", answer["answer_id"].as_str().unwrap().to_owned());
    let mine = json!({"question": "Z98 是什么故障？"});
    server.post(&ours["agent"], "/v1/answers", &mine).await.ok();
    // In their name, for the audit log.
    let revoked = key(&server, "agent", MARK, "别家", "S2").await;
    let revoked = revoked.split('_').nth(1).unwrap();
    server
        .delete(&their_admin, &format!("/v1/keys/{revoked}"))
        .await
        .ok();
    theirs.insert("revoked", revoked.to_owned());
    Scene { server, ours, theirs }
}

/// What is sent to every call, and what a limited key gets for it.
fn calls(theirs: &BTreeMap<&'static str, String>) -> Vec<(&'static str, &'static str, Call, Sees)> {
    let line = "split_air_conditioner";
    let id = |of: &str| theirs[of].as_str();
    let file = |metadata: &Value| {
        [
            Part::text("metadata", &metadata.to_string()),
            Part::file("file", "m.md", MANUAL.as_bytes()),
        ]
    };
    let document = format!("/v1/documents/{}", id("document"));
    let answer = format!("/v1/answers/{}", id("answer"));
    let inspection = format!("/v1/inspections/{}", id("inspection"));
    let photo = [
        Part::text("checkpoint", "bracket"),
        Part::text("label", "good"),
        Part::file("file", "g.jpg", &jpeg(41)),
    ];
    let check = [
        Part::text("category", "test_install"),
        Part::text("checkpoint", "bracket"),
        Part::file("photo", "a.jpg", &jpeg(31)),
    ];
    let repair = json!({"ticket_id": "R-1", "visit": 1, "product_line": line, "fixed": true, "symptoms": [], "fault_codes": [],
        "parts_used": [], "region": "3502", "date": "2025-05-01"});
    let asked = json!({"product_line": line, "symptoms": [{"id": "not_cooling", "present": true}]});
    let dialogue = json!({"dialogue": [{"speaker": "customer", "text": "空调不制冷"}, {"speaker": "agent", "text": "安排上门"}]});
    let key = |brands: &[&str], providers: &[&str]| json!({"role": "agent", "name": "new", "brands": brands, "service_providers": providers});
    let hook = json!({"url": "https://hooks.example.com/shifu", "events": ["alert.raised"]});
    let chat =
        json!({"model": "shifu-extractive", "messages": [{"role": "user", "content": "Q7 是什么故障？"}]});
    let tool = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "search_manuals", "arguments": {"query": "专用阀门 故障"}}});
    let hook_path = "/v1/webhooks/00000000-0000-7000-8000-000000000000";
    let standard = "/v1/standards/{category}";
    let at = |path: &str| {
        path.replace("{category}", "test_install")
            .replace("{product_line}", line)
    };
    let toml = |path: &str, text: &str| raw(&at(path), "application/toml", text);
    let (bom, tree) = ("/v1/boms/{product_line}", "/v1/fault-trees/{product_line}");
    vec![
        (
            "POST",
            "/v1/documents",
            form("/v1/documents", &file(&about("新", Some("别家")))),
            Refused(403),
        ),
        (
            "POST",
            "/v1/documents",
            {
                let mut over = about("新", Some("清禾"));
                over["supersedes"] = json!(id("document"));
                form("/v1/documents", &file(&over))
            },
            Refused(422),
        ),
        ("GET", "/v1/documents", get("/v1/documents"), ItsOwn),
        ("GET", "/v1/documents/{document_id}", get(&document), Refused(404)),
        (
            "GET",
            "/v1/documents/{document_id}/pages/{picture}",
            get(&format!("{document}/pages/1.png")),
            Refused(404),
        ),
        (
            "POST",
            "/v1/documents/{document_id}/revise",
            form(&format!("{document}/revise"), &file(&about("新", None))),
            Refused(404),
        ),
        (
            "POST",
            "/v1/documents/{document_id}/retire",
            send(&format!("{document}/retire"), &json!({})),
            Refused(404),
        ),
        (
            "POST",
            "/v1/search",
            send("/v1/search", &json!({"query": "专用阀门 故障"})),
            ItsOwn,
        ),
        (
            "POST",
            "/v1/answers",
            send("/v1/answers", &json!({"question": "Q7 是什么故障？"})),
            ItsOwn,
        ),
        (
            "POST",
            "/v1/chat/completions",
            send("/v1/chat/completions", &chat),
            ItsOwn,
        ),
        (
            "POST",
            "/v1/embeddings",
            send("/v1/embeddings", &json!({"model": "none", "input": "x"})),
            Alike(404),
        ),
        ("POST", "/mcp", send("/mcp", &tool), ItsOwn),
        ("GET", "/mcp", get("/mcp"), Alike(405)),
        ("DELETE", "/mcp", get("/mcp"), Alike(405)),
        ("GET", "/v1/answers/{answer_id}", get(&answer), Refused(404)),
        (
            "POST",
            "/v1/answers/{answer_id}/feedback",
            send(&format!("{answer}/feedback"), &json!({"verdict": "wrong"})),
            Refused(404),
        ),
        ("GET", "/v1/gaps", get("/v1/gaps"), ItsOwn),
        ("GET", "/v1/models", get("/v1/models"), Shared),
        ("PUT", standard, toml(standard, STANDARD), Shared),
        ("GET", standard, get(&at(standard)), Shared),
        (
            "POST",
            "/v1/standards/{category}/photos",
            form("/v1/standards/test_install/photos", &photo),
            Shared,
        ),
        (
            "GET",
            "/v1/standards/{category}/report",
            get("/v1/standards/test_install/report"),
            Shared,
        ),
        (
            "POST",
            "/v1/photo-checks",
            form("/v1/photo-checks", &check),
            Shared,
        ),
        (
            "POST",
            "/v1/inspections",
            form("/v1/inspections", &submission("T-9", "S2", &jpeg(32))),
            Refused(403),
        ),
        (
            "POST",
            "/v1/inspections",
            form("/v1/inspections", &submission("OUR-2", "S1", &jpeg(33))),
            ItsOwn,
        ),
        ("GET", "/v1/inspections", get("/v1/inspections"), ItsOwn),
        (
            "GET",
            "/v1/inspections/{inspection_id}",
            get(&inspection),
            Refused(404),
        ),
        (
            "GET",
            "/v1/inspections/{inspection_id}/photos/{position}/overlay.png",
            get(&format!("{inspection}/photos/0/overlay.png")),
            Refused(404),
        ),
        ("GET", "/v1/alerts", get("/v1/alerts"), ItsOwn),
        ("GET", "/v1/alerts/stream", get("/v1/alerts/stream"), ItsOwn),
        (
            "POST",
            "/v1/alerts/{alert_id}/verdict",
            send(
                &format!("/v1/alerts/{}/verdict", id("alert")),
                &json!({"verdict": "dismissed"}),
            ),
            Refused(404),
        ),
        ("PUT", bom, toml(bom, BOM), Shared),
        ("GET", bom, get(&at(bom)), Shared),
        ("PUT", tree, toml(tree, TREE), Shared),
        ("GET", tree, get(&at(tree)), Shared),
        (
            "GET",
            "/v1/fault-trees/{product_line}/graph",
            get(&format!("{}/graph", at(tree))),
            Shared,
        ),
        (
            "GET",
            "/v1/fault-trees/{product_line}/tree.svg",
            get(&format!("{}/tree.svg", at(tree))),
            Shared,
        ),
        (
            "POST",
            "/v1/part-predictions",
            send("/v1/part-predictions", &asked),
            Shared,
        ),
        (
            "POST",
            "/v1/part-predictions/batch",
            send("/v1/part-predictions/batch", &json!([asked])),
            Shared,
        ),
        (
            "POST",
            "/v1/part-predictions/pick-list",
            send("/v1/part-predictions/pick-list", &json!({"visits": []})),
            Shared,
        ),
        ("POST", "/v1/repairs", send("/v1/repairs", &repair), Shared),
        (
            "POST",
            "/v1/repairs/import",
            raw("/v1/repairs/import", "application/x-ndjson", &repair.to_string()),
            Shared,
        ),
        ("GET", "/v1/suggestions", get("/v1/suggestions"), Shared),
        (
            "POST",
            "/v1/suggestions/{suggestion_id}/accept",
            send("/v1/suggestions/0123456789abcdef/accept", &json!({})),
            Alike(404),
        ),
        (
            "POST",
            "/v1/suggestions/{suggestion_id}/reject",
            send("/v1/suggestions/0123456789abcdef/reject", &json!({})),
            Alike(404),
        ),
        ("GET", "/v1/drift", get("/v1/drift"), Shared),
        ("POST", "/v1/summaries", send("/v1/summaries", &dialogue), Shared),
        (
            "POST",
            "/v1/summaries/batch",
            send("/v1/summaries/batch", &json!([dialogue])),
            Shared,
        ),
        (
            "POST",
            "/v1/intakes",
            send("/v1/intakes", &json!({"text": "空调不制冷"})),
            Shared,
        ),
        ("GET", "/v1/keys", get("/v1/keys"), ItsOwn),
        (
            "POST",
            "/v1/keys",
            send("/v1/keys", &key(&["清禾", "别家"], &["S1"])),
            Refused(403),
        ),
        (
            "POST",
            "/v1/keys",
            send("/v1/keys", &key(&["清禾"], &[])),
            Refused(403),
        ),
        ("POST", "/v1/webhooks", send("/v1/webhooks", &hook), Refused(403)),
        ("GET", "/v1/webhooks", get("/v1/webhooks"), Refused(403)),
        (
            "GET",
            "/v1/webhooks/{webhook_id}/deliveries",
            get(&format!("{hook_path}/deliveries")),
            Refused(403),
        ),
        (
            "POST",
            "/v1/webhooks/{webhook_id}/redeliver",
            send(&format!("{hook_path}/redeliver"), &json!({})),
            Refused(403),
        ),
        (
            "DELETE",
            "/v1/webhooks/{webhook_id}",
            get(hook_path),
            Refused(403),
        ),
        ("GET", "/v1/audit", get("/v1/audit?limit=200"), ItsOwn),
        (
            "DELETE",
            "/v1/keys/{key_id}",
            get(&format!("/v1/keys/{}", id("key"))),
            Refused(404),
        ),
        (
            "DELETE",
            "/v1/documents/{document_id}",
            get(&document),
            Refused(404),
        ),
        (
            "DELETE",
            "/v1/tickets/{ticket_id}",
            get(&format!("/v1/tickets/{MARK}-2")),
            Refused(404),
        ),
    ]
}

fn holds_others(text: &str, theirs: &BTreeMap<&'static str, String>) -> bool {
    text.contains(MARK) || theirs.values().any(|id| text.contains(id.as_str()))
}

#[tokio::test]
async fn every_call_shows_a_limited_key_only_its_brands_and_providers() {
    let scene = scene().await;
    let calls = calls(&scene.theirs);
    let listed: BTreeSet<_> = TABLE.iter().map(|(method, path, _)| (*method, *path)).collect();
    let covered: BTreeSet<_> = calls.iter().map(|(method, path, ..)| (*method, *path)).collect();
    assert_eq!(
        covered, listed,
        "say above what a limited key gets from each call"
    );

    for (method, path, call, sees) in &calls {
        let (_, _, roles) = TABLE.iter().find(|(m, p, _)| m == method && p == path).unwrap();
        for role in roles.iter().chain([&Role::Admin]) {
            let (status, text) = reply(&scene.server, method, &scene.ours[role.as_str()], call).await;
            let told = format!("{role:?} {method} {path}: {status} {text}");
            match sees {
                Refused(expected) | Alike(expected) => assert_eq!(status, *expected, "{told}"),
                Shared | ItsOwn => {
                    assert!((200..300).contains(&status), "{told}");
                    assert!(!holds_others(&text, &scene.theirs), "{told}");
                }
            }
        }
    }
    // The same calls with a key that is not limited: what was hidden is there. First those that read, last those that remove.
    let admin = &scene.server.keys["admin"];
    let (changing, reading): (Vec<_>, Vec<_>) = calls
        .iter()
        .partition(|(_, _, _, sees)| matches!(sees, Refused(_)));
    for (method, path, call, sees) in reading.into_iter().chain(changing) {
        let (status, text) = reply(&scene.server, method, admin, call).await;
        let told = format!("{method} {path}: {status} {text}");
        match sees {
            Refused(expected) => assert_ne!(status, *expected, "{told}"),
            Alike(expected) => assert_eq!(status, *expected, "{told}"),
            ItsOwn => assert!(holds_others(&text, &scene.theirs), "{told}"),
            Shared => assert!((200..300).contains(&status), "{told}"),
        }
    }
}

#[tokio::test]
async fn a_limited_key_works_within_its_limits() {
    let scene = scene().await;
    let (server, ours) = (&scene.server, &scene.ours);
    // A document without a brand becomes its brand's; one that belongs to everybody is read, not changed.
    let parts = [
        Part::text("metadata", &metadata("未写品牌").to_string()),
        Part::file("file", "m.md", MANUAL.as_bytes()),
    ];
    let added = server.form(&ours["admin"], "/v1/documents", &parts).await.ok();
    let path = format!("/v1/documents/{}", added["document_id"].as_str().unwrap());
    assert_eq!(server.get("admin", &path).await.ok()["metadata"]["brand"], "清禾");
    let shared = server.index("shared.md", MANUAL, metadata("公用手册")).await;
    let shared = format!("/v1/documents/{shared}");
    server.get(&ours["admin"], &shared).await.ok();
    server
        .delete(&ours["admin"], &shared)
        .await
        .error(403, "forbidden");
    server
        .post(&ours["admin"], &format!("{shared}/retire"), &json!({}))
        .await
        .error(403, "forbidden");
    let mut over = about("盖住公用手册", Some("清禾"));
    over["supersedes"] = json!(shared.rsplit('/').next().unwrap());
    let parts = [
        Part::text("metadata", &over.to_string()),
        Part::file("file", "m.md", MANUAL.as_bytes()),
    ];
    server
        .form(&ours["admin"], "/v1/documents", &parts)
        .await
        .error(403, "forbidden");
    // A key within its limits, which it then sees and revokes.
    let within = json!({"role": "agent", "name": "child", "brands": ["清禾"], "service_providers": ["S1"]});
    let made = server.post(&ours["admin"], "/v1/keys", &within).await.ok();
    let question = json!({"question": "E6 是什么故障？"});
    let child = made["key"].as_str().unwrap();
    let answer = server.post(child, "/v1/answers", &question).await.ok();
    let path = format!("/v1/answers/{}", answer["answer_id"].as_str().unwrap());
    server.get(&ours["agent"], &path).await.ok();
    let made = format!("/v1/keys/{}", made["key_id"].as_str().unwrap());
    server.delete(&ours["admin"], &made).await.ok();
    // A ticket of its provider.
    server.delete(&ours["admin"], "/v1/tickets/OUR-1").await.ok();
}

/// Everything that only an administrator may change, and the entries it leaves: action and subject.
fn changes(ids: &BTreeMap<&'static str, String>) -> Vec<(&'static str, &'static str, Call, &'static str)> {
    let line = "split_air_conditioner";
    let id = |of: &str| ids[of].as_str();
    let document = |title: &str| {
        [
            Part::text("metadata", &metadata(title).to_string()),
            Part::file("file", "m.md", MANUAL.as_bytes()),
        ]
    };
    let photo = [
        Part::text("checkpoint", "bracket"),
        Part::text("label", "good"),
        Part::file("file", "g.jpg", &jpeg(41)),
    ];
    let key = json!({"role": "agent", "name": "new"});
    let hook = json!({"url": "https://hooks.example.com/shifu", "events": ["alert.raised"]});
    let path = |start: &str, of: &str, end: &str| format!("/v1/{start}/{}{end}", id(of));
    let toml = |path: &str, text: &str| raw(path, "application/toml", text);
    vec![
        (
            "POST",
            "/v1/documents",
            form("/v1/documents", &document("一")),
            "document.add",
        ),
        (
            "POST",
            "/v1/documents/{document_id}/revise",
            form(&path("documents", "document", "/revise"), &document("二")),
            "document.add",
        ),
        (
            "POST",
            "/v1/documents/{document_id}/retire",
            send(&path("documents", "document", "/retire"), &json!({})),
            "document.retire",
        ),
        (
            "DELETE",
            "/v1/documents/{document_id}",
            get(&path("documents", "document", "")),
            "document.remove",
        ),
        (
            "PUT",
            "/v1/standards/{category}",
            toml("/v1/standards/test_install", STANDARD),
            "standard.put",
        ),
        (
            "POST",
            "/v1/standards/{category}/photos",
            form("/v1/standards/test_install/photos", &photo),
            "standard.photos",
        ),
        (
            "PUT",
            "/v1/boms/{product_line}",
            toml(&format!("/v1/boms/{line}"), BOM),
            "bom.put",
        ),
        (
            "PUT",
            "/v1/fault-trees/{product_line}",
            toml(&format!("/v1/fault-trees/{line}"), TREE),
            "fault_tree.put",
        ),
        (
            "POST",
            "/v1/suggestions/{suggestion_id}/accept",
            send(&path("suggestions", "accepted", "/accept"), &json!({})),
            "suggestion.accept",
        ),
        (
            "POST",
            "/v1/suggestions/{suggestion_id}/reject",
            send(&path("suggestions", "rejected", "/reject"), &json!({})),
            "suggestion.reject",
        ),
        ("POST", "/v1/keys", send("/v1/keys", &key), "key.create"),
        (
            "DELETE",
            "/v1/keys/{key_id}",
            get(&path("keys", "key", "")),
            "key.revoke",
        ),
        ("POST", "/v1/webhooks", send("/v1/webhooks", &hook), "webhook.add"),
        (
            "POST",
            "/v1/webhooks/{webhook_id}/redeliver",
            send(&path("webhooks", "webhook", "/redeliver"), &json!({})),
            "webhook.redeliver",
        ),
        (
            "DELETE",
            "/v1/webhooks/{webhook_id}",
            get(&path("webhooks", "webhook", "")),
            "webhook.remove",
        ),
        (
            "DELETE",
            "/v1/tickets/{ticket_id}",
            get("/v1/tickets/T-1"),
            "ticket.remove",
        ),
    ]
}

#[tokio::test]
async fn everything_an_administrator_changes_leaves_an_entry() {
    let server = loaded().await;
    let mut ids = BTreeMap::new();
    ids.insert("document", server.index("m.md", MANUAL, metadata("零")).await);
    let made: Reply = server
        .post("admin", "/v1/keys", &json!({"role": "agent", "name": "old"}))
        .await;
    ids.insert("key", made.ok()["key_id"].as_str().unwrap().to_owned());
    let hook = json!({"url": "https://hooks.example.com/other", "events": ["alert.raised"]});
    let made = server.post("admin", "/v1/webhooks", &hook).await.ok();
    ids.insert("webhook", made["webhook_id"].as_str().unwrap().to_owned());
    let repair = json!({"ticket_id": "T-1", "visit": 1, "product_line": "split_air_conditioner", "fixed": true,
        "symptoms": [], "fault_codes": [], "parts_used": [], "region": "3502", "date": "2025-05-01"});
    server.post("technician", "/v1/repairs", &repair).await.ok();

    let [accepted, rejected] = server.suggest().await;
    ids.insert("accepted", accepted);
    ids.insert("rejected", rejected);

    let changes = changes(&ids);
    let listed: BTreeSet<_> = TABLE
        .iter()
        .filter(|(method, _, roles)| *method != "GET" && roles.is_empty())
        .map(|(method, path, _)| (*method, *path))
        .collect();
    let covered: BTreeSet<_> = changes
        .iter()
        .map(|(method, path, ..)| (*method, *path))
        .collect();
    assert_eq!(covered, listed, "say above which entry each call leaves");

    let admin = &server.keys["admin"];
    let admin_id = admin.split('_').nth(1).unwrap();
    for (method, path, call, action) in &changes {
        let newest = async || {
            let page = server.get("admin", "/v1/audit?limit=1").await.ok();
            page["items"][0].clone()
        };
        let before = newest().await;
        let (status, text) = reply(&server, method, admin, call).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {text}");
        let after = newest().await;
        assert_ne!(
            after["audit_id"], before["audit_id"],
            "{method} {path} left no entry"
        );
        assert_eq!(
            (&after["action"], &after["key_id"]),
            (&json!(action), &json!(admin_id)),
            "{method} {path}"
        );
        let subject = after["subject"].as_str().unwrap();
        assert!(!subject.is_empty(), "{method} {path} names no subject");
        // What a call changed is named in its path; what it made, in its reply.
        assert!(
            call.path.contains(subject) || text.contains(subject),
            "{method} {path}: {subject}"
        );
        // A secret is nowhere.
        assert!(!after.to_string().contains("shifu_"), "{after}");
    }
}
