//! The real binary as a process of its own: started, called over a socket, killed.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Longest a start may take before the test gives up.
const START_LIMIT: Duration = Duration::from_secs(60);

/// The binary, without models and without a network for pip: what it can do on what is in the repository.
pub(crate) fn shifu(data: &Path, database: Option<&str>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shifu"));
    command
        .env("PIP_NO_INDEX", "1")
        .env_remove("SHIFU_MODELS_DIR")
        .env_remove("SHIFU_DATABASE_URL")
        .args(["--data".as_ref(), data.as_os_str()]);
    if let Some(url) = database {
        command.env("SHIFU_DATABASE_URL", url);
    }
    command
}

/// What a command prints as JSON.
pub(crate) fn json_of(command: &mut Command) -> Value {
    let output = command.args(["--format", "json"]).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A file of the bundled air conditioner.
pub(crate) fn bundled(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../datasets/split_air_conditioner")
        .join(file)
}

/// A server of its own; dropping it is `kill -9`.
pub(crate) struct Process {
    child: Child,
    pub(crate) client: Client,
    /// From its start to the first 200 of `/ready`.
    pub(crate) ready_in: Duration,
}

impl Process {
    pub(crate) fn start(data: &Path, database: Option<&str>, key: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let started = Instant::now();
        let child = shifu(data, database)
            .args(["serve", "--listen", &format!("127.0.0.1:{port}")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let client = Client {
            port,
            key: key.to_owned(),
        };
        let mut process = Self {
            child,
            client,
            ready_in: Duration::ZERO,
        };
        while process.client.call("GET", "/ready", &Body::None).status != 200 {
            assert!(started.elapsed() < START_LIMIT, "the server did not become ready");
            std::thread::sleep(Duration::from_millis(10));
        }
        process.ready_in = started.elapsed();
        process
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill(); // SIGKILL
        let _ = self.child.wait();
    }
}

/// What a call sends.
pub(crate) enum Body {
    None,
    Json(Value),
    Toml(String),
    /// (name, file name, content)
    Form(Vec<(&'static str, Option<String>, Vec<u8>)>),
}

/// Status 0 and null where the connection failed.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) json: Value,
    head: String,
}

impl Answer {
    pub(crate) fn has_header(&self, line: &str) -> bool {
        self.head.lines().any(|one| one.eq_ignore_ascii_case(line))
    }
}

/// Calls one server with one key, a connection a call.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) port: u16,
    pub(crate) key: String,
}

impl Client {
    pub(crate) fn call(&self, method: &str, path: &str, body: &Body) -> Answer {
        self.call_with(method, path, body, "")
    }

    /// `headers`: whole lines, each ending in CRLF.
    pub(crate) fn call_with(&self, method: &str, path: &str, body: &Body, headers: &str) -> Answer {
        let (status, head, bytes) = self.exchange(method, path, body, headers).unwrap_or_default();
        Answer {
            status,
            json: serde_json::from_slice(&bytes).unwrap_or_default(),
            head,
        }
    }

    fn exchange(
        &self,
        method: &str,
        path: &str,
        body: &Body,
        headers: &str,
    ) -> Option<(u16, String, Vec<u8>)> {
        let (content_type, body) = body.bytes();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {}\r\n{headers}\
             Content-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
            self.key,
            body.len()
        );
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(&body).ok()?;
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).ok()?;
        let end = reply.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&reply[..end]).into_owned();
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let body = &reply[end + 4..];
        // A reply that broke off is no reply.
        let length = head.lines().find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("content-length:")?
                .trim()
                .parse()
                .ok()
        });
        (length.is_none_or(|length: usize| length == body.len())).then(|| (status, head, body.to_vec()))
    }
}

const BOUNDARY: &str = "shifu-test-9d4e";

impl Body {
    /// A file with its metadata as an upload sends them.
    pub(crate) fn document(title: &str, product_line: &str, text: &str) -> Self {
        let metadata = json!({"title": title, "product_line": product_line});
        Self::Form(vec![
            ("metadata", None, metadata.to_string().into_bytes()),
            ("file", Some("manual.md".to_owned()), text.as_bytes().to_vec()),
        ])
    }

    fn bytes(&self) -> (String, Vec<u8>) {
        match self {
            Self::None => ("text/plain".to_owned(), Vec::new()),
            Self::Json(value) => ("application/json".to_owned(), value.to_string().into_bytes()),
            Self::Toml(text) => ("application/toml".to_owned(), text.clone().into_bytes()),
            Self::Form(parts) => {
                let mut body = Vec::new();
                for (name, file_name, content) in parts {
                    let file_name = file_name
                        .as_ref()
                        .map(|file_name| format!("; filename=\"{file_name}\""))
                        .unwrap_or_default();
                    let head = format!(
                        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{file_name}\r\n\r\n"
                    );
                    body.extend_from_slice(head.as_bytes());
                    body.extend_from_slice(content);
                    body.extend_from_slice(b"\r\n");
                }
                body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
                (format!("multipart/form-data; boundary={BOUNDARY}"), body)
            }
        }
    }
}
