//! Documents in, cited answers out, through HTTP.

mod common;

use axum::body::Body;
use axum::http::header;
use common::{MANUAL, Part, Server, metadata, pdf_with_password};
use serde_json::json;
use shifu_store::NewKey;

#[tokio::test]
async fn a_manual_is_added_found_cited_and_removed() {
    let server = Server::start().await;
    let id = server.index("manual.md", MANUAL, metadata("维修手册")).await;
    let document = server.get("admin", &format!("/v1/documents/{id}")).await.ok();
    assert_eq!(
        (
            document["status"].as_str(),
            document["pages"].as_u64(),
            document["progress"].as_f64()
        ),
        (Some("indexed"), Some(3), Some(1.0))
    );
    let hits = server
        .post(
            "agent",
            "/v1/search",
            &json!({"query": "制冷剂充注量", "top_k": 3}),
        )
        .await
        .ok();
    assert_eq!(
        (&hits["hits"][0]["page"], &hits["hits"][0]["document_id"]),
        (&json!(3), &json!(id))
    );
    let asked = json!({"question": "E6是什么故障？怎么处理？", "model": "KFR-35GW/QH1"});
    let answer = server.post("agent", "/v1/answers", &asked).await.ok();
    assert_eq!(answer["grounded"], true, "{answer}");
    let cited = &answer["citations"][0];
    assert_eq!((&cited["document_id"], &cited["page"]), (&json!(id), &json!(2)));
    assert!(cited["quote"].as_str().unwrap().contains("通信故障"), "{cited}");

    assert_eq!(
        server
            .delete("admin", &format!("/v1/documents/{id}"))
            .await
            .status,
        204
    );
    server
        .get("admin", &format!("/v1/documents/{id}"))
        .await
        .error(404, "not_found");
    let hits = server
        .post("agent", "/v1/search", &json!({"query": "制冷剂充注量"}))
        .await
        .ok();
    assert_eq!(hits["hits"], json!([]));
    let gone = server
        .state
        .engine
        .store()
        .object(document["sha256"].as_str().unwrap())
        .await;
    assert!(gone.is_err(), "the bytes are gone too");
}

/// A service manual as a PDF with a text layer.
const MANUAL_PDF: &[u8] = include_bytes!("../datasets/split_air_conditioner/manual/service-manual-2025.pdf");

#[tokio::test]
async fn a_cited_page_is_shown_with_the_passage_marked() {
    let server = Server::start().await;
    let accepted = server
        .upload("manual.pdf", MANUAL_PDF, &metadata("维修手册"))
        .await
        .json();
    let id = accepted["document_id"].as_str().unwrap();
    let engine = &server.state.engine;
    let document_id = shifu_domain::DocumentId(id.to_owned());
    let record = engine.wait_for_document(&document_id).await.unwrap();
    assert_eq!(record.error, None);
    let asked = json!({"question": "E6是什么故障？怎么处理？", "model": "KFR-35GW/QH1"});
    let answer = server.post("agent", "/v1/answers", &asked).await.ok();
    let cited = &answer["citations"][0];
    let passage = cited["passage_id"].as_str().unwrap();
    let page = format!("/v1/documents/{id}/pages/{}.png", cited["page"]);

    let picture = async |path: String| {
        let reply = server.get("technician", &path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        assert_eq!(reply.header("content-type"), "image/png");
        image::load_from_memory(&reply.bytes).unwrap().to_rgb8()
    };
    let plain = picture(page.clone()).await;
    let marked = picture(format!("{page}?passage={passage}")).await;
    assert_eq!(
        (plain.width().max(plain.height()), plain.dimensions()),
        (1600, marked.dimensions())
    );
    let changed: Vec<(u32, u32)> = plain
        .enumerate_pixels()
        .filter(|(x, y, pixel)| marked.get_pixel(*x, *y) != *pixel)
        .map(|(x, y, _)| (x, y))
        .collect();
    let span = |along: fn(&(u32, u32)) -> u32| {
        let places = || changed.iter().map(along);
        (places().min().unwrap(), places().max().unwrap())
    };
    let ((left, right), (top, bottom)) = (span(|at| at.0), span(|at| at.1));
    let (width, height) = (right - left + 1, bottom - top + 1);
    // One box that holds a line of text at least, and is not the page.
    assert!(width > 100 && height > 15, "{width} x {height}");
    assert!(height < plain.height() / 4, "{width} x {height}");
    let share = changed.len() as f64 / f64::from(width * height);
    // What is black stays black under the marker.
    assert!(share > 0.7, "{share} of the box differs");

    for (path, status, code) in [
        (format!("/v1/documents/{id}/pages/0.png"), 404, "not_found"),
        (format!("/v1/documents/{id}/pages/999.png"), 404, "not_found"),
        (format!("/v1/documents/{id}/pages/one.png"), 404, "not_found"),
        (format!("/v1/documents/{id}/pages/1"), 404, "not_found"),
        (format!("{page}?passage={id}-999999"), 404, "not_found"),
        (
            format!("/v1/documents/{id}/pages/1.png?passage={passage}"),
            404,
            "not_found",
        ),
        ("/v1/documents/none/pages/1.png".to_owned(), 404, "not_found"),
    ] {
        server.get("technician", &path).await.error(status, code);
    }
    let text = server.index("manual.md", MANUAL, metadata("维修手册")).await;
    let refused = server
        .get("admin", &format!("/v1/documents/{text}/pages/1.png"))
        .await
        .error(422, "unprocessable");
    assert!(
        refused["message"]
            .as_str()
            .unwrap()
            .contains("only pages of a PDF"),
        "{refused}"
    );

    let retire = format!("/v1/documents/{id}/retire");
    server.post("admin", &retire, &json!({})).await.ok();
    assert_eq!(picture(format!("{page}?passage={passage}")).await, marked);
}

/// A PDF of one page that is a picture.
fn scanned_pdf(picture: &image::RgbImage) -> Vec<u8> {
    let grey = image::DynamicImage::ImageRgb8(picture.clone()).to_luma8();
    let mut jpeg = std::io::Cursor::new(Vec::new());
    grey.write_to(&mut jpeg, image::ImageFormat::Jpeg).unwrap();
    let (width, height) = picture.dimensions();
    let content = format!("q {width} 0 0 {height} 0 0 cm /I Do Q");
    let stream = |dictionary: &str, data: &[u8]| {
        let head = format!("<<{dictionary}/Length {}>>stream\n", data.len());
        [head.as_bytes(), data, b"\nendstream"].concat()
    };
    let objects = [
        b"<</Type/Catalog/Pages 2 0 R>>".to_vec(),
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>".to_vec(),
        format!("<</Type/Page/Parent 2 0 R/MediaBox[0 0 {width} {height}]/Resources<</XObject<</I 5 0 R>>>>/Contents 4 0 R>>")
            .into_bytes(),
        stream("", content.as_bytes()),
        stream(
            &format!("/Type/XObject/Subtype/Image/Width {width}/Height {height}/ColorSpace/DeviceGray/BitsPerComponent 8/Filter/DCTDecode"),
            jpeg.get_ref(),
        ),
    ];
    let mut pdf = b"%PDF-1.4\n".to_vec();
    for (at, object) in objects.iter().enumerate() {
        pdf.extend(format!("{} 0 obj\n", at + 1).bytes());
        pdf.extend(object);
        pdf.extend(b"\nendobj\n");
    }
    pdf.extend(b"trailer\n<</Size 6/Root 1 0 R>>\n%%EOF");
    pdf
}

/// Where the models for OCR are installed, or `None` after saying that the test was skipped.
fn models() -> Option<std::path::PathBuf> {
    #[allow(
        clippy::disallowed_methods,
        reason = "tests take no configuration; this one place finds their models"
    )]
    let (given, home) = (std::env::var_os("SHIFU_MODELS_DIR"), std::env::var_os("HOME"));
    let cache = home.map(|home| std::path::PathBuf::from(home).join(".cache/shifu/models"));
    let mut candidates = given.map(std::path::PathBuf::from).into_iter().chain(cache);
    let found = candidates.find(|dir| {
        let installed = shifu_inference::list(dir);
        ["onnxruntime", "ppocr-v6-det", "ppocr-v6-rec"]
            .iter()
            .all(|name| {
                let of_name = |status: &&shifu_inference::ModelStatus| status.name == *name;
                installed
                    .iter()
                    .find(of_name)
                    .is_some_and(|status| status.state.is_installed())
            })
    });
    if found.is_none() {
        eprintln!("skipped: the models for OCR are not installed; run `shifu models install`");
    }
    found
}

#[tokio::test]
async fn a_scanned_page_is_read_and_cited_and_without_models_the_reply_says_what_to_do() {
    let server = Server::start().await;
    let accepted = server
        .upload("manual.pdf", MANUAL_PDF, &metadata("维修手册"))
        .await;
    let path = format!(
        "/v1/documents/{}/pages/11.png",
        accepted.json()["document_id"].as_str().unwrap()
    );
    let picture = server.get("admin", &path).await;
    let scan = scanned_pdf(&image::load_from_memory(&picture.bytes).unwrap().to_rgb8());
    let refused = server.upload("scan.pdf", &scan, &metadata("扫描件")).await;
    let refused = refused.error(422, "unprocessable");
    assert!(
        refused["message"]
            .as_str()
            .unwrap()
            .contains("shifu models install"),
        "{refused}"
    );

    let Some(models) = models() else { return };
    let server = Server::with(|config| config.models_dir = Some(models)).await;
    let accepted = server.upload("scan.pdf", &scan, &metadata("扫描件")).await.json();
    let id = shifu_domain::DocumentId(accepted["document_id"].as_str().unwrap().to_owned());
    let record = server.state.engine.wait_for_document(&id).await.unwrap();
    assert_eq!(record.error, None);
    let document = server.get("admin", &format!("/v1/documents/{}", id.0)).await.ok();
    assert_eq!(document["ocr_pages"], json!([1]), "{document}");
    let asked = json!({"question": "E6是什么故障？怎么处理？", "model": "KFR-35GW/QH1"});
    let answer = server.post("agent", "/v1/answers", &asked).await.ok();
    assert_eq!(answer["grounded"], true, "{answer}");
    let quote = answer["citations"][0]["quote"].as_str().unwrap();
    assert!(
        quote.contains("E6") && quote.contains("室内外机通讯故障"),
        "{quote}"
    );
}

#[tokio::test]
async fn an_unknown_code_is_refused_and_becomes_a_gap() {
    let server = Server::start().await;
    server.index("manual.md", MANUAL, metadata("维修手册")).await;
    let answer = server
        .post("agent", "/v1/answers", &json!({"question": "E99是什么故障？"}))
        .await
        .ok();
    assert_eq!(answer["refusal"]["reason"], "unknown_code", "{answer}");
    assert_eq!(answer["citations"], json!([]));
    let helped = server
        .post("agent", "/v1/answers", &json!({"question": "E6是什么故障？"}))
        .await
        .ok();
    let path = format!("/v1/answers/{}", helped["answer_id"].as_str().unwrap());
    let process = server.get("agent", &path).await.ok();
    assert_eq!(process["recognised"]["codes"], json!(["E6"]), "{process}");
    assert!(
        process["candidates"]
            .as_array()
            .is_some_and(|all| !all.is_empty())
    );
    let wrong = json!({"verdict": "wrong", "correction": "应先查端子"});
    assert_eq!(
        server
            .post("agent", &format!("{path}/feedback"), &wrong)
            .await
            .status,
        204
    );
    server
        .post("agent", &format!("{path}/feedback"), &json!({"verdict": "meh"}))
        .await
        .error(422, "unprocessable");
    server
        .post("agent", "/v1/answers/none/feedback", &wrong)
        .await
        .error(404, "not_found");
    let gaps = server.get("admin", "/v1/gaps").await.ok();
    let reasons: Vec<_> = gaps["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|gap| gap["reason"].as_str().unwrap())
        .collect();
    assert!(
        reasons.contains(&"unknown_code") && reasons.contains(&"wrong"),
        "{gaps}"
    );
}

#[tokio::test]
async fn an_answer_streams_as_citations_deltas_and_done() {
    let server = Server::start().await;
    server.index("manual.md", MANUAL, metadata("维修手册")).await;
    let request = server
        .request("agent", "POST", "/v1/answers")
        .header(header::ACCEPT, "text/event-stream");
    let body = json!({"question": "怎么清洗滤网？"}).to_string();
    let reply = server
        .send(
            request
                .header(header::CONTENT_TYPE, "application/json")
                .body(Body::from(body))
                .unwrap(),
        )
        .await;
    assert!(reply.header("content-type").starts_with("text/event-stream"));
    let text = reply.text();
    let events: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("event: "))
        .collect();
    assert_eq!(
        (events.first(), events.last()),
        (Some(&"citations"), Some(&"done"))
    );
    assert!(
        events[1..events.len() - 1].iter().all(|event| *event == "delta") && events.len() > 2,
        "{events:?}"
    );
}

#[tokio::test]
async fn a_conversation_carries_the_model_on() {
    let server = Server::start().await;
    server.index("manual.md", MANUAL, metadata("维修手册")).await;
    let first = json!({"question": "KFR-35GW/QH1 的制冷剂充注量是多少？", "conversation_id": "c1"});
    assert!(
        server.post("agent", "/v1/answers", &first).await.ok()["answer"]
            .as_str()
            .unwrap()
            .contains("820")
    );
    let second = json!({"question": "E6怎么处理？", "conversation_id": "c1"});
    let second = server.post("agent", "/v1/answers", &second).await.ok();
    let process = server
        .get(
            "agent",
            &format!("/v1/answers/{}", second["answer_id"].as_str().unwrap()),
        )
        .await
        .ok();
    assert_eq!(process["context"]["model"], "KFR-35GW/QH1", "{process}");
}

#[tokio::test]
async fn a_revision_replaces_the_document_and_retiring_brings_it_back() {
    let server = Server::start().await;
    let old = server.index("manual.md", MANUAL, metadata("维修手册")).await;
    let parts = [Part::file(
        "file",
        "manual.md",
        MANUAL.replace("820 g", "900 g").as_bytes(),
    )];
    let revised = server
        .form("admin", &format!("/v1/documents/{old}/revise"), &parts)
        .await;
    let new = revised.ok()["document_id"].as_str().unwrap().to_owned();
    server
        .state
        .engine
        .wait_for_document(&shifu_domain::DocumentId(new.clone()))
        .await
        .unwrap();
    let asked = json!({"question": "KFR-35GW/QH1 制冷剂充注量是多少？"});
    let answer = server.post("agent", "/v1/answers", &asked).await.ok();
    assert!(answer["answer"].as_str().unwrap().contains("900"), "{answer}");
    let retired = server
        .post("admin", &format!("/v1/documents/{new}/retire"), &json!({}))
        .await
        .ok();
    assert_eq!(retired["status"], "retired");
    let answer = server.post("agent", "/v1/answers", &asked).await.ok();
    assert!(answer["answer"].as_str().unwrap().contains("820"), "{answer}");
}

#[tokio::test]
async fn a_bad_file_is_refused_by_name_and_nothing_of_it_stays() {
    let server = Server::start().await;
    let png = common::encoded(&common::picture(1), image::ImageFormat::Png);
    let cases: [(&str, &[u8], u16, &str); 7] = [
        ("empty.md", b"", 422, "empty.md"),
        ("blank.txt", b" \n\n ", 422, "blank.txt"),
        ("cut.pdf", b"%PDF-1.7\n1 0 obj\n<< /Type /Cat", 422, "cut.pdf"),
        ("photo.pdf", &png, 415, "photo.pdf"),
        ("locked.pdf", &pdf_with_password(), 422, "password"),
        ("cut.docx", b"PK\x03\x04\x14\x00\x00\x00", 422, "cut.docx"),
        ("program.exe", b"MZ\x90\x00\x03\x00\x00\x00", 415, "program.exe"),
    ];
    for (name, bytes, status, words) in cases {
        let reply = server.upload(name, bytes, &metadata("坏文件")).await;
        let code = if status == 415 {
            "unsupported_media_type"
        } else {
            "unprocessable"
        };
        let error = reply.error(status, code);
        assert!(
            error["message"].as_str().unwrap().contains(words),
            "{name}: {error}"
        );
        assert_eq!(
            server.get("admin", "/v1/documents").await.ok()["items"],
            json!([]),
            "{name}"
        );
    }
    assert_eq!(server.get("", "/health").await.status, 200);
    server.index("manual.md", MANUAL, metadata("维修手册")).await;
}

#[tokio::test]
async fn bad_metadata_names_the_field() {
    let server = Server::start().await;
    let check = async |metadata: &str, status: u16, words: &str| {
        let parts = [
            Part::file("file", "a.md", MANUAL.as_bytes()),
            Part::text("metadata", metadata),
        ];
        let reply = server.form("admin", "/v1/documents", &parts).await;
        assert_eq!(reply.status.as_u16(), status, "{}", reply.text());
        assert!(reply.text().contains(words), "{}", reply.text());
    };
    check("{\"title\": ", 400, "metadata").await;
    check(
        r#"{"title": "t", "product_line": "空调"}"#,
        422,
        "metadata.product_line",
    )
    .await;
    check(
        r#"{"title": "t", "product_line": "split_air_conditioner", "colour": 1}"#,
        422,
        "colour",
    )
    .await;
    check(
        r#"{"title": " ", "product_line": "split_air_conditioner"}"#,
        422,
        "metadata.title",
    )
    .await;
    check(
        r#"{"title": "t", "product_line": "split_air_conditioner", "supersedes": "x"}"#,
        422,
        "supersedes",
    )
    .await;
    let parts = [Part::text("metadata", &metadata("t").to_string())];
    server
        .form("admin", "/v1/documents", &parts)
        .await
        .error(422, "unprocessable");
    let parts = [
        Part::file("file", "a.md", b"a"),
        Part::file("metadata", "m", b"{\"title\": \"\xff\xfe\"}"),
    ];
    server
        .form("admin", "/v1/documents", &parts)
        .await
        .error(400, "bad_request");
    server
        .post("admin", "/v1/documents", &json!({}))
        .await
        .error(415, "unsupported_media_type");
}

#[tokio::test]
async fn questions_that_are_empty_long_or_not_utf8_are_refused() {
    let server = Server::with(|config| config.limits.text_chars = 20).await;
    server
        .post("agent", "/v1/answers", &json!({"question": " "}))
        .await
        .error(422, "unprocessable");
    let error = server
        .post("agent", "/v1/search", &json!({"query": "长".repeat(21)}))
        .await
        .error(413, "payload_too_large");
    assert_eq!(
        error["limit"],
        json!({"name": "text_chars", "max": 20, "actual": 21})
    );
    server
        .raw(
            "agent",
            "POST",
            "/v1/answers",
            "application/json",
            b"{\"question\": \"\xff\"}".to_vec(),
        )
        .await
        .error(400, "bad_request");
    let error = server
        .post("agent", "/v1/answers", &json!({"question": 5}))
        .await
        .error(422, "unprocessable");
    assert_eq!(error["fields"][0]["field"], "question");
    server
        .post("agent", "/v1/search", &json!({"query": "a", "top_k": 0}))
        .await
        .error(422, "unprocessable");
}

#[tokio::test]
async fn a_key_limited_to_a_brand_sees_nothing_of_another() {
    let server = Server::start().await;
    let mut of_a = metadata("甲手册");
    of_a["brand"] = json!("甲");
    let id = server.index("a.md", MANUAL, of_a).await;
    let key = NewKey {
        role: "agent".into(),
        brands: vec!["乙".into()],
        ..NewKey::default()
    };
    let key = server.key(key).await;
    let hits = server
        .post(&key, "/v1/search", &json!({"query": "制冷剂充注量"}))
        .await
        .ok();
    assert_eq!(hits["hits"], json!([]));
    let key = NewKey {
        role: "admin".into(),
        brands: vec!["乙".into()],
        ..NewKey::default()
    };
    let key = server.key(key).await;
    assert_eq!(server.get(&key, "/v1/documents").await.ok()["items"], json!([]));
    server
        .get(&key, &format!("/v1/documents/{id}"))
        .await
        .error(404, "not_found");
}

#[tokio::test]
async fn documents_outlive_a_restart_and_lists_stay_stable() {
    let server = Server::start().await;
    let mut ids = Vec::new();
    for number in 0..3 {
        ids.push(
            server
                .index("m.md", MANUAL, metadata(&format!("手册 {number}")))
                .await,
        );
    }
    let first = server.get("admin", "/v1/documents?limit=2").await.ok();
    let cursor = first["next_cursor"].as_str().unwrap().to_owned();
    server.index("m.md", MANUAL, metadata("后来的")).await;
    let second = server
        .get("admin", &format!("/v1/documents?limit=2&cursor={cursor}"))
        .await
        .ok();
    let listed = |page: &serde_json::Value| -> Vec<String> {
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["document_id"].as_str().unwrap().to_owned())
            .collect()
    };
    ids.reverse();
    assert_eq!([listed(&first), listed(&second)].concat(), ids);
    assert_eq!(second["next_cursor"], json!(null));
    server
        .get("admin", "/v1/documents?limit=500")
        .await
        .error(400, "bad_request");
    server
        .get("admin", "/v1/documents?cursor=abc")
        .await
        .error(400, "bad_request");
    let server = server.restart().await;
    let hits = server
        .post("agent", "/v1/search", &json!({"query": "制冷剂充注量"}))
        .await
        .ok();
    assert_eq!(hits["hits"].as_array().unwrap().len().min(4), 4, "{hits}");
}
