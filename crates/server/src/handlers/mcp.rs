//! The Model Context Protocol (streamable HTTP, modelcontextprotocol.io): the tools that a language model's host may call with a key.
//!
//! Every message is answered in the reply to its own POST; there are no sessions and nothing is sent unasked. A tool is shown to the
//! keys that may make the HTTP call behind it.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use shifu_inspection::{PhotoMeta, Ticket};

use super::openai;
use crate::access::{Caller, allowed};
use crate::engine::{PhotoUpload, SubmissionInput};
use crate::error::{ApiError, Language};
use crate::state::AppState;

/// Revisions of the protocol that are spoken, newest first.
const REVISIONS: [&str; 3] = ["2025-11-25", "2025-06-18", "2025-03-26"];

const PARSE_ERROR: i64 = -32700;
const INVALID_REQUEST: i64 = -32600;
const METHOD_NOT_FOUND: i64 = -32601;
const INVALID_PARAMS: i64 = -32602;

struct Tool {
    name: &'static str,
    title: &'static str,
    description: &'static str,
    /// Calls of the API, one of which a key must be allowed to make.
    behind: &'static [(&'static str, &'static str)],
    /// Whether nothing is kept with a ticket.
    read_only: bool,
    input: fn() -> Value,
}

const TOOLS: [Tool; 5] = [
    Tool {
        name: "search_manuals",
        title: "查手册",
        description: "Passages of the service manuals for a query, best first, with document and page. Fault codes, models and part numbers \
                      are found in any spelling.",
        behind: &[("POST", "/v1/search")],
        read_only: true,
        input: || {
            object(
                &["query"],
                json!({
                    "query": text("what to look for, in Chinese or English"),
                    "model": text("the appliance's model, such as KFR-35GW/QH1"),
                    "product_line": text("the appliance's kind, such as split_air_conditioner"),
                    "brand": text("the appliance's brand"),
                    "top_k": {"type": "integer", "minimum": 1, "maximum": 100, "description": "passages wanted"},
                }),
            )
        },
    },
    Tool {
        name: "answer_question",
        title: "问手册",
        description: "An answer from the service manuals with the cited page and quote and safety warnings, or a refusal that says what to ask. \
                      Give the model where it is known: values differ between models.",
        behind: &[("POST", "/v1/answers")],
        read_only: true,
        input: || {
            object(
                &["question"],
                json!({
                    "question": text("the question, as the customer or agent put it"),
                    "model": text("the appliance's model"),
                    "product_line": text("the appliance's kind"),
                    "brand": text("the appliance's brand"),
                    "conversation_id": text("a name of your own: what earlier questions established carries on"),
                }),
            )
        },
    },
    Tool {
        name: "predict_parts",
        title: "预测备件",
        description: "Causes with their probabilities, the spare parts to send along with the chance of a first-time fix, and the question that \
                      would help most.",
        behind: &[("POST", "/v1/part-predictions")],
        read_only: false,
        input: || {
            let symptom = object(
                &["id", "present"],
                json!({"id": text("symptom"), "present": {"type": "boolean"}}),
            );
            object(
                &["product_line"],
                json!({
                    "product_line": text("the appliance's kind"),
                    "model": text("the appliance's model"),
                    "text": text("what the customer or agent wrote"),
                    "symptoms": {"type": "array", "items": symptom},
                    "fault_codes": {"type": "array", "items": {"type": "string"}},
                    "region": text("place of the visit"),
                    "date": text("date of the ticket, YYYY-MM-DD"),
                    "ticket_id": text("the prediction is kept with this ticket"),
                }),
            )
        },
    },
    Tool {
        name: "summarize_ticket",
        title: "写工单小结",
        description: "A faithful summary of a dialogue with its fields (phenomenon, cause, action, parts, result, …), each with the lines that it \
                      rests on.",
        behind: &[("POST", "/v1/summaries")],
        read_only: false,
        input: || {
            let speaker = json!({"type": "string", "enum": ["customer", "agent", "technician"]});
            let line = object(
                &["speaker", "text"],
                json!({"speaker": speaker, "text": text("what was said")}),
            );
            object(
                &["dialogue"],
                json!({
                    "dialogue": {"type": "array", "minItems": 1, "items": line},
                    "ticket": text("the summary is kept with this ticket"),
                }),
            )
        },
    },
    Tool {
        name: "inspect_photos",
        title: "验安装照片",
        description: "The verdict on installation photos, with findings: of an inspection that is kept (`inspection_id`), or of photos that are \
                      submitted now (`ticket` and `photos`), which then are kept as an attempt of that ticket.",
        behind: &[
            ("POST", "/v1/inspections"),
            ("GET", "/v1/inspections/{inspection_id}"),
        ],
        read_only: false,
        input: || {
            let photo = json!({"type": "object", "required": ["file", "data"], "properties": {
                "file": text("file name"), "data": {"type": "string", "contentEncoding": "base64", "description": "the JPEG, PNG or WebP file"},
                "checkpoint": text("the checkpoint it shows"), "captured_at": text("RFC 3339")}});
            let stage = json!({"type": "string", "enum": ["before", "after"]});
            let ticket = json!({"type": "object", "required": ["ticket_id", "category"], "properties": {
                "ticket_id": text("ticket"), "category": text("the standard, such as split_air_conditioner_install"), "stage": stage}});
            object(
                &[],
                json!({
                    "inspection_id": text("an inspection that is kept"),
                    "ticket": ticket,
                    "photos": {"type": "array", "minItems": 1, "items": photo},
                }),
            )
        },
    },
];

fn text(description: &str) -> Value {
    json!({"type": "string", "description": description})
}

fn object(required: &[&str], properties: Value) -> Value {
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

impl Tool {
    fn is_for(&self, caller: &Caller) -> bool {
        self.behind
            .iter()
            .any(|(method, path)| allowed(caller.role, method, path))
    }

    fn described(&self) -> Value {
        json!({
            "name": self.name, "title": self.title, "description": self.description, "inputSchema": (self.input)(),
            "annotations": {"readOnlyHint": self.read_only, "destructiveHint": false, "openWorldHint": false},
        })
    }
}

/// Messages without an answer of their own are notifications (no `id`), or answers to requests that we never send (no `method`).
#[derive(Deserialize)]
struct MessageIn {
    jsonrpc: String,
    #[serde(default)]
    id: Option<Value>,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    params: Value,
}

struct Fault {
    code: i64,
    message: String,
}

impl Fault {
    fn new(code: i64, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

fn answer(id: Value, result: Result<Value, Fault>) -> Value {
    match result {
        Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
        Err(fault) => {
            json!({"jsonrpc": "2.0", "id": id, "error": {"code": fault.code, "message": fault.message}})
        }
    }
}

/// One message of a client.
pub(crate) async fn post(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, ApiError> {
    let body = crate::extract::body(request, &state).await?;
    check_origin(&headers, &state.config().mcp.origins)?;
    let revision = headers.get("mcp-protocol-version");
    if revision.is_some_and(|one| !REVISIONS.iter().any(|known| one.as_bytes() == known.as_bytes())) {
        let known = REVISIONS.join(", ");
        return Err(ApiError::bad_request(format!(
            "MCP-Protocol-Version: use one of {known}"
        )));
    }
    let refused = |code: i64, message: String| {
        let body = Json(answer(Value::Null, Err(Fault::new(code, message))));
        Ok((StatusCode::BAD_REQUEST, body).into_response())
    };
    let message: Value = match crate::extract::from_json(&body) {
        Ok(message) => message,
        Err(error) => return refused(PARSE_ERROR, error.english()),
    };
    if !message.is_object() {
        return refused(INVALID_REQUEST, "one JSON-RPC message is expected".to_owned());
    }
    let message: MessageIn = match serde_json::from_value(message) {
        Ok(message) => message,
        Err(error) => {
            return refused(
                INVALID_REQUEST,
                format!("one JSON-RPC message is expected: {error}"),
            );
        }
    };
    if message.jsonrpc != "2.0" {
        return refused(INVALID_REQUEST, "jsonrpc must be \"2.0\"".to_owned());
    }
    let (Some(method), Some(id)) = (message.method, message.id) else {
        return Ok(StatusCode::ACCEPTED.into_response());
    };
    let language = Language::preferred(
        headers
            .get(header::ACCEPT_LANGUAGE)
            .and_then(|value| value.to_str().ok()),
    );
    let result = match method.as_str() {
        "initialize" => Ok(initialized(&message.params)),
        "ping" => Ok(json!({})),
        "tools/list" => {
            let tools = TOOLS.iter().filter(|tool| tool.is_for(&caller));
            Ok(json!({"tools": tools.map(Tool::described).collect::<Vec<_>>()}))
        }
        "tools/call" => called(&state, &caller, language, message.params).await,
        other => {
            let other: String = other.chars().take(100).collect();
            Err(Fault::new(METHOD_NOT_FOUND, format!("no method {other:?}")))
        }
    };
    Ok(Json(answer(id, result)).into_response())
}

/// There is no stream of our own, and no session to end.
pub(crate) async fn not_offered() -> Response {
    (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "POST")]).into_response()
}

/// A page of another site that a browser opened must not reach a server in the local network (DNS rebinding); programs send no
/// `Origin`.
fn check_origin(headers: &HeaderMap, allowed: &[String]) -> Result<(), ApiError> {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return Ok(());
    };
    let origin = origin.to_str().unwrap_or_default();
    let local = url::Url::parse(origin).is_ok_and(|url| match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    });
    if local || allowed.iter().any(|one| one.eq_ignore_ascii_case(origin)) {
        return Ok(());
    }
    Err(ApiError::forbidden("this Origin is not among mcp.origins"))
}

fn initialized(params: &Value) -> Value {
    let wanted = params["protocolVersion"].as_str().unwrap_or_default();
    let revision = REVISIONS
        .iter()
        .find(|known| **known == wanted)
        .unwrap_or(&REVISIONS[0]);
    json!({
        "protocolVersion": revision,
        "capabilities": {"tools": {"listChanged": false}},
        "serverInfo": {"name": "shifu", "title": "师傅", "version": env!("CARGO_PKG_VERSION")},
        "instructions": "Service knowledge of home appliances. Answers are quoted from manuals with their page: pass quotes, numbers, codes \
                         and part numbers on as they are, show the warnings, and when an answer is refused ask what it says to ask.",
    })
}

#[derive(Deserialize)]
struct ToolCall {
    name: String,
    #[serde(default)]
    arguments: Option<Value>,
}

async fn called(
    state: &AppState,
    caller: &Caller,
    language: Language,
    params: Value,
) -> Result<Value, Fault> {
    let call: ToolCall =
        serde_json::from_value(params).map_err(|error| Fault::new(INVALID_PARAMS, error.to_string()))?;
    let Some(tool) = TOOLS
        .iter()
        .find(|tool| tool.name == call.name && tool.is_for(caller))
    else {
        let name: String = call.name.chars().take(100).collect();
        return Err(Fault::new(INVALID_PARAMS, format!("Unknown tool: {name}")));
    };
    let arguments = call.arguments.unwrap_or_else(|| json!({}));
    Ok(match run(state, caller, tool.name, arguments).await {
        Ok((text, content)) => json!({
            "content": [{"type": "text", "text": text}], "structuredContent": content, "isError": false,
        }),
        Err(error) => {
            if let ApiError::Internal(reason) = &error {
                tracing::error!(reason, tool = tool.name, "internal error");
            }
            let body = error.body("", language).error;
            let fields = body
                .fields
                .iter()
                .map(|one| format!("{}: {}", one.field, one.message));
            let lines: Vec<String> = std::iter::once(format!("{}: {}", body.code, body.message))
                .chain(fields)
                .collect();
            json!({"content": [{"type": "text", "text": lines.join("\n")}], "isError": true})
        }
    })
}

/// What a tool says to a reader, and the reply of the call behind it.
async fn run(
    state: &AppState,
    caller: &Caller,
    tool: &str,
    arguments: Value,
) -> Result<(String, Value), ApiError> {
    let engine = &state.engine;
    let told = |value: Value| (value.to_string(), value);
    let reply = match tool {
        "search_manuals" => {
            let reply = engine.search(caller, read(arguments)?).await?;
            let hits = reply
                .hits
                .iter()
                .map(|hit| format!("《{}》第 {} 页：{}", hit.title, hit.page, hit.text));
            (hits.collect::<Vec<_>>().join("\n\n"), json!(reply))
        }
        "answer_question" => {
            let reply = engine.answer(caller, read(arguments)?).await?;
            (openai::content(&reply), json!(reply))
        }
        "predict_parts" => told(json!(engine.predict(caller, read(arguments)?).await?)),
        "summarize_ticket" => told(json!(engine.summarize(caller, read(arguments)?).await?)),
        _ => told(json!(inspect(state, caller, read(arguments)?).await?)),
    };
    Ok(reply)
}

/// Arguments as the API reads them; an error names the field.
fn read<T: DeserializeOwned>(arguments: Value) -> Result<T, ApiError> {
    crate::extract::from_json(arguments.to_string().as_bytes())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InspectArguments {
    #[serde(default)]
    inspection_id: Option<String>,
    #[serde(default)]
    ticket: Option<Ticket>,
    #[serde(default)]
    photos: Vec<PhotoArgument>,
}

#[derive(Deserialize)]
struct PhotoArgument {
    /// The file in base64.
    data: String,
    #[serde(flatten)]
    meta: PhotoMeta,
}

async fn inspect(
    state: &AppState,
    caller: &Caller,
    arguments: InspectArguments,
) -> Result<crate::engine::InspectionReply, ApiError> {
    let may = |method: &str, path: &str| {
        if allowed(caller.role, method, path) {
            return Ok(());
        }
        let role = caller.role.as_str();
        Err(ApiError::forbidden(format!("{role} may not {method} {path}")))
    };
    if let Some(inspection_id) = arguments.inspection_id {
        if arguments.ticket.is_some() || !arguments.photos.is_empty() {
            return Err(ApiError::field(
                "inspection_id",
                "names an inspection that is kept: give it alone, or a ticket and photos",
            ));
        }
        may("GET", "/v1/inspections/{inspection_id}")?;
        let record = state.engine.inspection(caller, &inspection_id).await?;
        return state.engine.reply_to(caller, &record).await;
    }
    may("POST", "/v1/inspections")?;
    let Some(ticket) = arguments.ticket else {
        return Err(ApiError::field(
            "ticket",
            "give a ticket and photos, or an inspection_id",
        ));
    };
    let (mut photos, mut photos_meta) = (Vec::new(), Vec::new());
    for (at, photo) in arguments.photos.into_iter().enumerate() {
        let decoded = BASE64_STANDARD.decode(photo.data.trim());
        let bytes = decoded.map_err(|error| ApiError::field(&format!("photos[{at}].data"), error))?;
        photos.push(PhotoUpload {
            file_name: photo.meta.file.clone(),
            bytes: bytes.into(),
        });
        photos_meta.push(photo.meta);
    }
    let input = SubmissionInput {
        ticket,
        photos_meta,
        photos,
    };
    state.engine.inspect(caller, input).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_another_site_is_kept_out() {
        let check = |origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            check_origin(&headers, &["https://desk.example.com".to_owned()]).is_ok()
        };
        for good in [
            None,
            Some("http://localhost:3000"),
            Some("http://127.0.0.1:8080"),
            Some("http://[::1]:8080"),
            Some("https://desk.example.com"),
        ] {
            assert!(check(good), "{good:?}");
        }
        for bad in [
            "https://evil.example",
            "http://localhost.evil.example",
            "https://desk.example.com.evil.example",
            "http://192.168.1.10",
            "null",
            "",
        ] {
            assert!(!check(Some(bad)), "{bad}");
        }
    }
}
