//! A server over a temporary data directory, called without a socket, and small files to send to it.
#![allow(dead_code, reason = "each test binary uses a part")]

pub(crate) mod database;

use std::collections::BTreeMap;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use image::{ImageFormat, RgbImage};
use serde_json::{Value, json};
use shifu_server::{AppState, Config, Role, app};
use shifu_store::{NewKey, Store};
use tempfile::TempDir;
use tower::ServiceExt;

pub(crate) struct Server {
    pub(crate) app: Router,
    pub(crate) state: AppState,
    pub(crate) directory: TempDir,
    pub(crate) keys: BTreeMap<&'static str, String>,
}

/// The store of a data directory, on whichever database the tests run.
pub(crate) async fn store_in(directory: &std::path::Path) -> Store {
    match database::url_of(directory) {
        Some(url) => Store::open_url(&url, directory).await.unwrap(),
        None => Store::open(directory).await.unwrap(),
    }
}

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|_| panic!("{} {}", self.status, self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The body of a success.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert!(self.status.is_success(), "{} {}", self.status, self.text());
        if self.bytes.is_empty() {
            Value::Null
        } else {
            self.json()
        }
    }

    /// The error, of that status and code, in the contract's shape.
    #[track_caller]
    pub(crate) fn error(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        let error = self.json()["error"].clone();
        assert_eq!(error["code"], code, "{error}");
        assert!(
            error["message"]
                .as_str()
                .is_some_and(|message| !message.is_empty()),
            "{error}"
        );
        assert_eq!(
            error["request_id"],
            self.headers["x-request-id"].to_str().unwrap(),
            "{error}"
        );
        error
    }

    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .unwrap_or_else(|| panic!("no header {name}"))
            .to_str()
            .unwrap()
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::over(tempfile::tempdir().unwrap(), change).await
    }

    /// Serves what is in `directory`, with a new key of every role.
    pub(crate) async fn over(directory: TempDir, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            data: directory.path().to_owned(),
            database_url: database::url_of(directory.path()),
            ..Config::default()
        };
        config.limits.requests_per_minute = 0;
        change(&mut config);
        let state = AppState::open(config).await.unwrap();
        let mut keys = BTreeMap::new();
        for role in Role::ALL {
            let key = NewKey {
                role: role.as_str().to_owned(),
                ..NewKey::default()
            };
            keys.insert(
                role.as_str(),
                state.engine.create_key("test", &key).await.unwrap().key,
            );
        }
        Self {
            app: app(state.clone()),
            state,
            directory,
            keys,
        }
    }

    /// Stops and starts again on the same data directory. Old keys still work; `keys` are new ones.
    pub(crate) async fn restart(self) -> Self {
        self.state.stopping.cancel();
        self.state.engine.close().await;
        let Self {
            app,
            state,
            directory,
            ..
        } = self;
        drop((app, state));
        // Workers hold the engine until they see that they are to stop.
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        Self::over(directory, |_| {}).await
    }

    pub(crate) async fn key(&self, key: NewKey) -> String {
        self.state.engine.create_key("test", &key).await.unwrap().key
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.into_body().collect().await.unwrap().to_bytes().to_vec();
        Reply {
            status,
            headers,
            bytes,
        }
    }

    /// A request with the key of a role; `""` has none.
    pub(crate) fn request(&self, role: &str, method: &str, path: &str) -> axum::http::request::Builder {
        let builder = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .uri(path);
        match self.keys.get(role) {
            Some(key) => builder.header(header::AUTHORIZATION, format!("Bearer {key}")),
            None if role.is_empty() => builder,
            None => builder.header(header::AUTHORIZATION, format!("Bearer {role}")),
        }
    }

    pub(crate) async fn get(&self, role: &str, path: &str) -> Reply {
        self.send(self.request(role, "GET", path).body(Body::empty()).unwrap())
            .await
    }

    pub(crate) async fn delete(&self, role: &str, path: &str) -> Reply {
        self.send(self.request(role, "DELETE", path).body(Body::empty()).unwrap())
            .await
    }

    pub(crate) async fn post(&self, role: &str, path: &str, body: &Value) -> Reply {
        let request = self
            .request(role, "POST", path)
            .header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap())
            .await
    }

    pub(crate) async fn raw(
        &self,
        role: &str,
        method: &str,
        path: &str,
        kind: &str,
        body: impl Into<Body>,
    ) -> Reply {
        let request = self
            .request(role, method, path)
            .header(header::CONTENT_TYPE, kind);
        self.send(request.body(body.into()).unwrap()).await
    }

    pub(crate) async fn put_toml(&self, path: &str, text: &str) -> Reply {
        self.raw("admin", "PUT", path, "application/toml", text.to_owned())
            .await
    }

    pub(crate) async fn form(&self, role: &str, path: &str, parts: &[Part]) -> Reply {
        self.form_with(role, path, parts, &[]).await
    }

    pub(crate) async fn form_with(
        &self,
        role: &str,
        path: &str,
        parts: &[Part],
        headers: &[(&str, &str)],
    ) -> Reply {
        let (kind, body) = multipart(parts);
        let mut request = self
            .request(role, "POST", path)
            .header(header::CONTENT_TYPE, kind);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    pub(crate) async fn upload(&self, name: &str, bytes: &[u8], metadata: &Value) -> Reply {
        let parts = [
            Part::file("file", name, bytes),
            Part::text("metadata", &metadata.to_string()),
        ];
        self.form("admin", "/v1/documents", &parts).await
    }

    /// Reports repairs that [`TREE`] explains badly. Gives the identifiers of two open suggestions.
    pub(crate) async fn suggest(&self) -> [String; 2] {
        let line = |number: usize| {
            let (cause, part) = match number % 4 {
                0 => ("接线端子烧蚀", "AC-PCB-201"),
                1 => ("风扇轴承卡死", "AC-CAP-35"),
                _ => ("capacitor_failed", "AC-CAP-35"),
            };
            let repair = json!({"ticket_id": format!("S-{number}"), "product_line": "split_air_conditioner", "cause": cause,
                "symptoms": [{"id": "not_cooling", "present": true}], "parts_used": [{"part_number": part}], "fixed": true,
                "date": "2025-05-01"});
            format!("{repair}\n")
        };
        let rows: String = (0..40).map(line).collect();
        let path = "/v1/repairs/import";
        self.raw("admin", "POST", path, "application/x-ndjson", rows)
            .await
            .ok();
        let open = self.get("admin", "/v1/suggestions").await.ok();
        [0, 1].map(|at| open["items"][at]["suggestion_id"].as_str().unwrap().to_owned())
    }

    /// Uploads and waits until the document is indexed.
    pub(crate) async fn index(&self, name: &str, text: &str, metadata: Value) -> String {
        let accepted = self.upload(name, text.as_bytes(), &metadata).await;
        assert_eq!(accepted.status, StatusCode::ACCEPTED, "{}", accepted.text());
        let id = accepted.json()["document_id"].as_str().unwrap().to_owned();
        assert_eq!(accepted.header("location"), format!("/v1/documents/{id}"));
        let engine = &self.state.engine;
        let record = engine
            .wait_for_document(&shifu_domain::DocumentId(id.clone()))
            .await
            .unwrap();
        assert_eq!(record.error, None);
        id
    }
}

/// A part of a multipart body.
pub(crate) struct Part {
    name: String,
    file_name: Option<String>,
    bytes: Vec<u8>,
}

impl Part {
    pub(crate) fn text(name: &str, text: &str) -> Self {
        Self {
            name: name.to_owned(),
            file_name: None,
            bytes: text.as_bytes().to_vec(),
        }
    }

    pub(crate) fn file(name: &str, file_name: &str, bytes: &[u8]) -> Self {
        Self {
            name: name.to_owned(),
            file_name: Some(file_name.to_owned()),
            bytes: bytes.to_vec(),
        }
    }
}

/// Content type and body, with a boundary of its own as every client draws one.
pub(crate) fn multipart(parts: &[Part]) -> (String, Vec<u8>) {
    let boundary = format!("b{}", uuid::Uuid::now_v7().simple());
    let mut body = Vec::new();
    for part in parts {
        let file = part
            .file_name
            .as_ref()
            .map_or_else(String::new, |name| format!("; filename=\"{name}\""));
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"{file}\r\n\r\n",
            part.name
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(&part.bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={boundary}"), body)
}

pub(crate) fn metadata(title: &str) -> Value {
    json!({"title": title, "product_line": "split_air_conditioner", "models": ["KFR-35GW/QH1"], "revision": "A"})
}

pub(crate) const MANUAL: &str = "<!-- page 1 -->\n# 维修手册\n\n## 安全须知\n\n> 警告：维修前必须断开电源，等待五分钟。\n\n\
<!-- page 2 -->\n## 故障代码\n\n| 代码 | 含义 | 处理方法 |\n| --- | --- | --- |\n\
| E6 | 室内外机通信故障 | 检查连接线和接线端子，测量信号线电压。 |\n| F1 | 室内环境温度传感器故障 | 测量传感器阻值，更换传感器。 |\n\n\
<!-- page 3 -->\n## 制冷剂\n\nKFR-35GW/QH1 的制冷剂充注量为 820 g，使用 R32 制冷剂。\n\n## 清洗滤网\n\n1. 打开面板。\n2. 取出滤网，用清水冲洗。\n3. 晾干后装回。\n";

pub(crate) const BOM: &str = r#"product_line = "split_air_conditioner"
[[part]]
part_number = "AC-PCB-201"
name = "室内机主板"
price = "186.00"
[[part]]
part_number = "AC-CAP-35"
name = "压缩机电容"
price = "25.00"
"#;

/// Two independent causes of one symptom, so that posteriors can be worked out by hand.
pub(crate) const TREE: &str = r#"product_line = "split_air_conditioner"
version = "1"
[[event]]
id = "board_failed"
name = "主板损坏"
probability = 0.02
repaired_by = [{ part_number = "AC-PCB-201", quantity = 1 }]
[[event]]
id = "capacitor_failed"
name = "电容失效"
probability = 0.08
repaired_by = [{ part_number = "AC-CAP-35", quantity = 1 }]
[[gate]]
id = "not_running"
name = "压缩机不转"
type = "or"
inputs = ["board_failed", "capacitor_failed"]
[[symptom]]
id = "not_cooling"
phrases = ["不制冷", "没冷气"]
leak = 0.001
causes = [{ input = "not_running", probability = 0.95 }]
[[fault_code]]
code = "E6"
leak = 0.0001
causes = [{ input = "board_failed", probability = 0.9 }]
"#;

pub(crate) const STANDARD: &str = r#"category = "test_install"
version = "1"
[[checkpoint]]
id = "bracket"
title = "外机支架"
stage = "after"
severity = "critical"
checks = ["usable", "difference"]
[[checkpoint]]
id = "drain"
title = "排水管"
stage = "after"
severity = "major"
checks = ["usable"]
"#;

/// A sharp, well-lit picture of coloured blocks with noise; another seed is another scene.
pub(crate) fn picture(seed: u32) -> RgbImage {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(97);
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    };
    let mut image = RgbImage::from_pixel(800, 600, image::Rgb([150, 150, 145]));
    for _ in 0..60 {
        let (left, top) = (next() % 760, next() % 560);
        let (right, bottom) = (
            (left + 30 + next() % 160).min(800),
            (top + 30 + next() % 120).min(600),
        );
        let colour = [
            (next() % 200 + 30) as u8,
            (next() % 200 + 30) as u8,
            (next() % 200 + 30) as u8,
        ];
        for y in top..bottom {
            for x in left..right {
                image.put_pixel(x, y, image::Rgb(colour));
            }
        }
    }
    for pixel in image.pixels_mut() {
        let noise = (next() % 13) as i16 - 6;
        pixel.0 = pixel
            .0
            .map(|value| (i16::from(value) + noise).clamp(0, 255) as u8);
    }
    image
}

pub(crate) fn encoded(image: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

pub(crate) fn jpeg(seed: u32) -> Vec<u8> {
    encoded(&picture(seed), ImageFormat::Jpeg)
}

/// A JPEG whose header announces 20,000 × 10,000 pixels.
pub(crate) fn jpeg_of_200_megapixels() -> Vec<u8> {
    let mut bytes = jpeg(1);
    let at = bytes
        .windows(2)
        .position(|pair| pair[0] == 0xff && matches!(pair[1], 0xc0..=0xc2))
        .unwrap();
    bytes[at + 5..at + 9].copy_from_slice(&[10_000_u16.to_be_bytes(), 20_000_u16.to_be_bytes()].concat());
    bytes
}

/// A PDF of one page that says it is encrypted.
pub(crate) fn pdf_with_password() -> Vec<u8> {
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] >>".to_owned(),
        format!(
            "<< /Filter /Standard /V 1 /R 2 /Length 40 /P -4 /O <{}> /U <{}> >>",
            "ab".repeat(32),
            "cd".repeat(32)
        ),
    ];
    let mut pdf = b"%PDF-1.4\n".to_vec();
    let mut offsets = Vec::new();
    for (at, object) in objects.iter().enumerate() {
        offsets.push(pdf.len());
        pdf.extend_from_slice(format!("{} 0 obj\n{object}\nendobj\n", at + 1).as_bytes());
    }
    let start = pdf.len();
    pdf.extend_from_slice(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).as_bytes());
    for offset in offsets {
        pdf.extend_from_slice(format!("{offset:010} 00000 n \n").as_bytes());
    }
    let id = "00112233445566778899aabbccddeeff";
    let trailer = format!(
        "trailer\n<< /Size 5 /Root 1 0 R /Encrypt 4 0 R /ID [<{id}> <{id}>] >>\nstartxref\n{start}\n%%EOF\n"
    );
    pdf.extend_from_slice(trailer.as_bytes());
    pdf
}
