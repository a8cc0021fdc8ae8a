//! Standards and photos in, verdicts and alerts out, through HTTP.

mod common;

use common::{Part, STANDARD, Server, jpeg, jpeg_of_200_megapixels};
use http_body_util::BodyExt;
use image::ImageFormat;
use serde_json::{Value, json};
use shifu_store::NewKey;
use tower::ServiceExt;

async fn enrolled() -> Server {
    let server = Server::start().await;
    server.put_toml("/v1/standards/test_install", STANDARD).await.ok();
    for seed in 1..=3 {
        let reply = enrol(&server, "good", &format!("good-{seed}.jpg"), &jpeg(seed))
            .await
            .ok();
        assert_eq!(reply["accepted"], true, "{reply}");
    }
    server
}

async fn enrol(server: &Server, label: &str, name: &str, bytes: &[u8]) -> common::Reply {
    let parts = [
        Part::text("checkpoint", "bracket"),
        Part::text("label", label),
        Part::file("file", name, bytes),
    ];
    server
        .form("admin", "/v1/standards/test_install/photos", &parts)
        .await
}

fn submission(ticket: &str, photos: &[(&str, &[u8])]) -> Vec<Part> {
    let ticket = json!({"ticket_id": ticket, "category": "test_install", "stage": "after"});
    let meta: Vec<Value> = photos
        .iter()
        .map(|(name, _)| json!({"file": name, "checkpoint": "bracket"}))
        .collect();
    let mut parts = vec![
        Part::text("ticket", &ticket.to_string()),
        Part::text("photos_meta", &json!(meta).to_string()),
    ];
    parts.extend(
        photos
            .iter()
            .map(|(name, bytes)| Part::file("photos", name, bytes)),
    );
    parts
}

fn kinds(reply: &Value) -> Vec<&str> {
    reply["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["kind"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn photos_are_enrolled_reported_and_refused_with_a_reason() {
    let server = enrolled().await;
    let report = server
        .get("admin", "/v1/standards/test_install/report")
        .await
        .ok();
    assert_eq!(
        (&report["category"], &report["checkpoints"][0]["good"]),
        (&json!("test_install"), &json!(3))
    );
    let png = common::encoded(&common::picture(9), ImageFormat::Png);
    let cut = &jpeg(9)[..2_000];
    let dark = image::RgbImage::from_pixel(800, 600, image::Rgb([2, 2, 2]));
    let cases: [(&str, Vec<u8>); 6] = [
        ("empty.jpg", Vec::new()),
        ("cut.jpg", cut.to_vec()),
        ("text.jpg", b"not a photo at all".to_vec()),
        ("huge.jpg", jpeg_of_200_megapixels()),
        ("dark.jpg", common::encoded(&dark, ImageFormat::Jpeg)),
        ("again.jpg", jpeg(1)),
    ];
    for (name, bytes) in cases {
        let reply = enrol(&server, "good", name, &bytes).await.ok();
        assert!(
            reply["accepted"] == false && !reply["reason"].as_str().unwrap().is_empty(),
            "{name}: {reply}"
        );
    }
    assert_eq!(
        server
            .state
            .engine
            .store()
            .standard_photos("test_install")
            .await
            .unwrap()
            .len(),
        3
    );
    assert_eq!(
        enrol(&server, "missing_bolt", "png.png", &png).await.ok()["accepted"],
        true
    );
    enrol(&server, "Missing Bolt!", "a.jpg", &jpeg(8))
        .await
        .error(422, "unprocessable");
    let parts = [
        Part::text("checkpoint", "roof"),
        Part::text("label", "good"),
        Part::file("file", "a.jpg", &jpeg(7)),
    ];
    server
        .form("admin", "/v1/standards/test_install/photos", &parts)
        .await
        .error(422, "unprocessable");
    server
        .form("admin", "/v1/standards/none/photos", &parts)
        .await
        .error(404, "not_found");
    let server = server.restart().await;
    let again = server
        .get("admin", "/v1/standards/test_install/report")
        .await
        .ok();
    assert_eq!(
        (
            &again["checkpoints"][0]["good"],
            &again["checkpoints"][0]["violations"]["missing_bolt"]
        ),
        (&json!(3), &json!(1))
    );
}

#[tokio::test]
async fn a_standard_that_breaks_a_rule_names_the_line_and_changes_nothing() {
    let server = enrolled().await;
    let error = server
        .put_toml(
            "/v1/standards/test_install",
            &STANDARD.replace("critical", "deadly"),
        )
        .await
        .error(422, "unprocessable");
    assert!(
        error["message"].as_str().unwrap().contains("standard.toml:7"),
        "{error}"
    );
    server
        .put_toml("/v1/standards/other_install", STANDARD)
        .await
        .error(422, "unprocessable");
    let kept = server.get("admin", "/v1/standards/test_install").await.ok();
    assert_eq!(
        (&kept["revision"], kept["checkpoints"].as_array().unwrap().len()),
        (&json!(1), 2)
    );
    let as_json = json!({"category": "test_install", "version": "2", "checkpoints": kept["checkpoints"]});
    let put = server
        .raw(
            "admin",
            "PUT",
            "/v1/standards/test_install",
            "application/json",
            as_json.to_string(),
        )
        .await
        .ok();
    assert_eq!((&put["version"], &put["revision"]), (&json!("2"), &json!(2)));
    let report = server
        .get("admin", "/v1/standards/test_install/report")
        .await
        .ok();
    assert_eq!(report["checkpoints"][0]["good"], 3, "photos stay enrolled");
}

#[tokio::test]
async fn a_submission_gets_a_verdict_that_is_kept_with_its_pictures() {
    let server = enrolled().await;
    let (good, other) = (jpeg(41), jpeg(42));
    let reply = server
        .form(
            "technician",
            "/v1/inspections",
            &submission("T-1", &[("a.jpg", &good), ("b.jpg", &other)]),
        )
        .await
        .ok();
    assert_eq!(
        (&reply["status"], &reply["attempt"], &reply["replaces"]),
        (&json!("done"), &json!(1), &Value::Null)
    );
    assert_eq!(reply["missing_checkpoints"], json!(["drain"]), "{reply}");
    assert_eq!(reply["verdict"], "reject", "a required shot is missing");
    assert!(reply["versions"]["encoder"]["name"].is_string());
    let path = format!("/v1/inspections/{}", reply["inspection_id"].as_str().unwrap());
    assert_eq!(server.get("technician", &path).await.ok(), reply);
    assert_eq!(server.get("reviewer", &path).await.ok(), reply);
    let overlay = server
        .get("reviewer", &format!("{path}/photos/1/overlay.png"))
        .await;
    assert_eq!(overlay.header("content-type"), "image/png");
    assert_eq!(image::load_from_memory(&overlay.bytes).unwrap().width(), 800);
    server
        .get("reviewer", &format!("{path}/photos/2/overlay.png"))
        .await
        .error(404, "not_found");
    let second = server
        .form(
            "technician",
            "/v1/inspections",
            &submission("T-1", &[("a.jpg", &good)]),
        )
        .await
        .ok();
    assert_eq!(
        (&second["attempt"], &second["replaces"]),
        (&json!(2), &reply["inspection_id"])
    );
    assert!(
        !kinds(&second).contains(&"duplicate"),
        "photos repeated within a ticket are no duplicates"
    );
    let listed = server.get("reviewer", "/v1/inspections?ticket_id=T-1").await.ok();
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    let another = NewKey {
        role: "technician".into(),
        ..NewKey::default()
    };
    let another = server.key(another).await;
    server.get(&another, &path).await.error(404, "not_found");
    assert_eq!(
        server.get(&another, "/v1/inspections").await.ok()["items"],
        json!([])
    );
}

#[tokio::test]
async fn a_photo_of_another_ticket_raises_an_alert_that_a_reviewer_decides() {
    let server = enrolled().await;
    let photo = jpeg(51);
    server
        .form(
            "technician",
            "/v1/inspections",
            &submission("T-1", &[("a.jpg", &photo)]),
        )
        .await
        .ok();
    let server = server.restart().await;
    let copied = server
        .form(
            "technician",
            "/v1/inspections",
            &submission("T-2", &[("b.jpg", &photo)]),
        )
        .await
        .ok();
    assert!(kinds(&copied).contains(&"duplicate"), "{copied}");
    let alerts = server
        .get("reviewer", "/v1/alerts?status=open&ticket_id=T-2")
        .await
        .ok();
    let alert = &alerts["items"][0];
    assert_eq!(
        (&alert["kind"], &alert["inspection_id"]),
        (&json!("duplicate"), &copied["inspection_id"]),
        "{alerts}"
    );
    let path = format!("/v1/alerts/{}/verdict", alert["alert_id"].as_str().unwrap());
    server
        .post("reviewer", &path, &json!({"verdict": "perhaps"}))
        .await
        .error(422, "unprocessable");
    let decided = server
        .post(
            "reviewer",
            &path,
            &json!({"verdict": "confirmed", "note": "同一张照片"}),
        )
        .await
        .ok();
    assert_eq!(
        (&decided["state"], &decided["note"]),
        (&json!("confirmed"), &json!("同一张照片"))
    );
    assert_eq!(
        server
            .get("reviewer", "/v1/alerts?status=open&ticket_id=T-2")
            .await
            .ok()["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|one| one["kind"] == "duplicate")
            .count(),
        0
    );
    server
        .post(
            "reviewer",
            "/v1/alerts/none/verdict",
            &json!({"verdict": "confirmed"}),
        )
        .await
        .error(404, "not_found");
}

#[tokio::test]
async fn the_alert_stream_resumes_after_the_last_event_seen() {
    let server = enrolled().await;
    let photo = jpeg(61);
    for ticket in ["T-1", "T-2", "T-3"] {
        server
            .form(
                "technician",
                "/v1/inspections",
                &submission(ticket, &[("a.jpg", &photo)]),
            )
            .await
            .ok();
    }
    let mut ids: Vec<String> = Vec::new();
    for alert in server.get("reviewer", "/v1/alerts").await.ok()["items"]
        .as_array()
        .unwrap()
    {
        ids.push(alert["alert_id"].as_str().unwrap().to_owned());
    }
    ids.sort();
    assert!(ids.len() >= 2, "{ids:?}");
    let request = server
        .request("reviewer", "GET", "/v1/alerts/stream")
        .header("last-event-id", &ids[0]);
    let response = server
        .app
        .clone()
        .oneshot(request.body(axum::body::Body::empty()).unwrap())
        .await
        .unwrap();
    let mut body = response.into_body();
    for expected in &ids[1..] {
        let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
        let text = String::from_utf8(frame.to_vec()).unwrap();
        assert!(
            text.contains(&format!("id: {expected}")) && text.contains("event: alert"),
            "{text}"
        );
    }
    server.state.stopping.cancel();
    assert!(
        body.frame().await.is_none(),
        "the stream ends when the server stops"
    );
    let bad = server
        .request("reviewer", "GET", "/v1/alerts/stream")
        .header("last-event-id", "x");
    server
        .send(bad.body(axum::body::Body::empty()).unwrap())
        .await
        .error(400, "bad_request");
}

#[tokio::test]
async fn respond_async_answers_at_once_and_the_verdict_follows() {
    let server = enrolled().await;
    let parts = submission("T-1", &[("a.jpg", &jpeg(71))]);
    let reply = server
        .form_with(
            "technician",
            "/v1/inspections",
            &parts,
            &[("prefer", "respond-async")],
        )
        .await;
    assert_eq!(reply.status.as_u16(), 202);
    let location = reply.header("location").to_owned();
    assert_eq!(reply.json()["status"], "queued");
    for _ in 0..400 {
        let now = server.get("technician", &location).await.ok();
        if now["status"] == "done" {
            let sync = server
                .form(
                    "technician",
                    "/v1/inspections",
                    &submission("T-2", &[("a.jpg", &jpeg(72))]),
                )
                .await
                .ok();
            assert_eq!(
                (&now["verdict"], &now["missing_checkpoints"]),
                (&sync["verdict"], &sync["missing_checkpoints"])
            );
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("not done within 20 s");
}

#[tokio::test]
async fn a_bad_photo_is_a_finding_with_advice() {
    let server = enrolled().await;
    let whole = jpeg(81);
    let huge = jpeg_of_200_megapixels();
    let cases: [(&str, &[u8]); 4] = [
        ("empty.jpg", b""),
        ("cut.jpg", &whole[..3_000]),
        ("text.jpg", b"%PDF-1.4 not a photo"),
        ("huge.jpg", &huge),
    ];
    for (number, (name, bytes)) in cases.into_iter().enumerate() {
        let parts = submission(&format!("T-{number}"), &[(name, bytes)]);
        let reply = server.form("technician", "/v1/inspections", &parts).await.ok();
        let finding = &reply["findings"][0];
        assert_eq!(
            (&finding["kind"], &reply["verdict"]),
            (&json!("unreadable"), &json!("reject")),
            "{name}: {reply}"
        );
        assert!(!finding["evidence"].as_str().unwrap().is_empty());
        let path = format!(
            "/v1/inspections/{}/photos/0/overlay.png",
            reply["inspection_id"].as_str().unwrap()
        );
        assert!(
            server.get("technician", &path).await.status.is_client_error(),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_submission_that_breaks_a_rule_is_refused_and_not_kept() {
    let server = enrolled().await;
    let photo = jpeg(91);
    let check = async |ticket: &str, meta: &str, photos: usize, status: u16, words: &str| {
        let mut parts = vec![Part::text("ticket", ticket), Part::text("photos_meta", meta)];
        parts.extend((0..photos).map(|_| Part::file("photos", "a.jpg", &photo)));
        let reply = server.form("technician", "/v1/inspections", &parts).await;
        assert_eq!(reply.status.as_u16(), status, "{}", reply.text());
        assert!(reply.text().contains(words), "{}", reply.text());
    };
    let ticket = r#"{"ticket_id": "T-1", "category": "test_install"}"#;
    check(
        r#"{"ticket_id": "T-1", "category": "unknown"}"#,
        "[]",
        1,
        422,
        "ticket.category",
    )
    .await;
    check(
        r#"{"ticket_id": "", "category": "test_install"}"#,
        "[]",
        1,
        422,
        "ticket.ticket_id",
    )
    .await;
    check(r#"{"ticket_id": "T-1""#, "[]", 1, 400, "ticket").await;
    check(
        ticket,
        r#"[{"file": "a.jpg", "checkpoint": "roof"}]"#,
        1,
        422,
        "photos_meta[0].checkpoint",
    )
    .await;
    check(ticket, r#"[{"file": "z.jpg"}]"#, 1, 422, "z.jpg").await;
    check(ticket, "[]", 0, 422, "photos").await;
    check(ticket, "[]", 41, 413, "photos_per_call").await;
    assert_eq!(
        server.get("admin", "/v1/inspections").await.ok()["items"],
        json!([])
    );
}

#[tokio::test]
async fn a_check_on_site_advises_and_keeps_nothing() {
    let server = enrolled().await;
    let parts = [
        Part::file("photo", "a.jpg", &jpeg(101)),
        Part::text("category", "test_install"),
        Part::text("checkpoint", "bracket"),
    ];
    let reply = server.form("technician", "/v1/photo-checks", &parts).await.ok();
    assert_eq!(
        (&reply["usable"], &reply["checkpoint"]),
        (&json!(true), &json!("bracket")),
        "{reply}"
    );
    assert_eq!(reply["missing_checkpoints"], json!(["drain"]));
    let parts = [
        Part::file("photo", "a.jpg", b"nothing"),
        Part::text("category", "test_install"),
    ];
    let reply = server.form("technician", "/v1/photo-checks", &parts).await.ok();
    assert!(
        reply["usable"] == false && !reply["advice"].as_array().unwrap().is_empty(),
        "{reply}"
    );
    let parts = [
        Part::file("photo", "a.jpg", &jpeg(102)),
        Part::text("category", "unknown"),
    ];
    server
        .form("technician", "/v1/photo-checks", &parts)
        .await
        .error(422, "unprocessable");
    assert_eq!(
        server.get("admin", "/v1/inspections").await.ok()["items"],
        json!([])
    );
}
