//! The calls that programs written for OpenAI's API make: chat completions and embeddings. Answers are those of `POST /v1/answers`.

use std::convert::Infallible;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures::{StreamExt, stream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shifu_domain::{ModelNumber, ProductLine};
use shifu_knowledge::{AnswerReply, Question};
use tokio::sync::mpsc::UnboundedReceiver;

use super::answers::sentences;
use crate::access::Caller;
use crate::engine::Piece;
use crate::error::{ApiError, ErrorBody, Language};
use crate::extract;
use crate::state::AppState;

/// The model that answers from the manuals without a language model.
pub(crate) const EXTRACTIVE: &str = "shifu-extractive";
/// Earlier questions of a conversation that are looked at.
const EARLIER: usize = 8;
/// Texts in one call for embeddings.
const MOST_TEXTS: usize = 256;

/// A conversation whose last message by the user is to be answered; fields of the original that are not listed are ignored.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub(crate) struct ChatRequest {
    model: String,
    messages: Vec<Message>,
    /// Pieces of the answer as server-sent events, `[DONE]` last.
    #[serde(default)]
    stream: Option<bool>,
    #[serde(default)]
    stream_options: Option<StreamOptions>,
    /// Only 1.
    #[serde(default)]
    n: Option<u32>,
    /// Must be missing or empty.
    #[serde(default)]
    tools: Option<Vec<Value>>,
    /// Must be missing or empty.
    #[serde(default)]
    functions: Option<Vec<Value>>,
    /// The appliance that is asked about, and the conversation.
    #[serde(default)]
    shifu: Option<Appliance>,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub(crate) struct Message {
    /// system, developer, user or assistant.
    role: String,
    /// A text, or parts of type `text`.
    #[serde(default)]
    content: Option<Content>,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(untagged)]
pub(crate) enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub(crate) struct Part {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    text: String,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub(crate) struct StreamOptions {
    /// Whether a last piece tells the usage.
    #[serde(default)]
    include_usage: Option<bool>,
}

/// What `POST /v1/answers` takes beside the question.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Appliance {
    #[serde(default)]
    model: Option<ModelNumber>,
    #[serde(default)]
    product_line: Option<ProductLine>,
    #[serde(default)]
    conversation_id: Option<String>,
}

/// Texts to vectors.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub(crate) struct EmbeddingRequest {
    model: String,
    /// One text or several.
    input: Input,
    /// `float` or `base64` (little-endian f32).
    #[serde(default)]
    encoding_format: Option<String>,
    /// Only the model's own number.
    #[serde(default)]
    dimensions: Option<usize>,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(untagged)]
pub(crate) enum Input {
    One(String),
    Several(Vec<String>),
}

/// Characters of Chinese and words of others: there is no tokenizer, and callers expect a figure that grows with the text.
#[derive(Debug, Clone, Copy, Serialize)]
struct Usage {
    prompt_tokens: usize,
    completion_tokens: usize,
    total_tokens: usize,
}

impl Usage {
    fn new(prompt_tokens: usize, content: &str) -> Self {
        let completion_tokens = tokens(content);
        Self {
            prompt_tokens,
            completion_tokens,
            total_tokens: prompt_tokens + completion_tokens,
        }
    }
}

/// A chat completion: the last question of the user, answered with citations in `shifu`.
///
/// By `shifu-extractive` in the documents' own words, by the configured language model in other words, every sentence of which was found
/// in a citation. Streamed, a sentence comes when it has been found; when a later one is not, the documents' own words follow below
/// it and `shifu.replaced` is true in the last piece.
#[utoipa::path(post, path = "/v1/chat/completions", operation_id = "create_chat_completion", tag = "knowledge", request_body = ChatRequest, responses(
    (status = 200, content((Object = "application/json"), (String = "text/event-stream"))), (status = 422, body = ErrorBody)))]
pub(crate) async fn chat(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    extract::Json(request): extract::Json<ChatRequest>,
) -> Result<Response, ApiError> {
    if request.n.is_some_and(|n| n != 1) {
        return Err(ApiError::bad_field("n", "only 1 answer is given"));
    }
    for (name, given) in [("tools", &request.tools), ("functions", &request.functions)] {
        if given.as_ref().is_some_and(|tools| !tools.is_empty()) {
            return Err(ApiError::bad_field(name, "tools are not called here"));
        }
    }
    let rephrase = request.model != EXTRACTIVE;
    let configured = state.engine.language_model();
    if rephrase && configured != Some(request.model.as_str()) {
        let known: Vec<&str> = [EXTRACTIVE].into_iter().chain(configured).collect();
        return Err(ApiError::no_such_model(&request.model, &known.join(", ")));
    }
    let mut asked = asked(&request.messages)?;
    let Some(question) = asked.pop() else {
        return Err(ApiError::field("messages", "no message of role user with a text"));
    };
    let prompt_tokens = asked.iter().map(|text| tokens(text)).sum::<usize>() + tokens(&question);
    let earlier = asked.split_off(asked.len().saturating_sub(EARLIER));
    let appliance = request.shifu.unwrap_or_default();
    let question = Question {
        question,
        model: appliance.model,
        product_line: appliance.product_line,
        conversation_id: appliance.conversation_id,
        rephrase: Some(rephrase),
        ..Question::default()
    };
    let with_usage = request
        .stream_options
        .and_then(|options| options.include_usage)
        .unwrap_or(false);
    let streams = request.stream.unwrap_or(false);
    if streams && rephrase {
        let (draft, pieces) = state.engine.answer_in_pieces(&caller, earlier, question).await?;
        let chunks = Chunks::new(&draft, request.model);
        let usage = with_usage.then_some(prompt_tokens);
        return Ok(as_they_pass(chunks, pieces, usage, Language::of(&headers)).into_response());
    }
    let reply = state.engine.answer_after(&caller, earlier, question).await?;
    let content = content(&reply);
    let usage = Usage::new(prompt_tokens, &content);
    Ok(if streams {
        let chunks = Chunks::new(&reply, request.model);
        pieces(&chunks, &reply, &content, with_usage.then_some(usage)).into_response()
    } else {
        Json(completion(&reply, &request.model, &content, usage)).into_response()
    })
}

/// What the user wrote, in order.
fn asked(messages: &[Message]) -> Result<Vec<String>, ApiError> {
    let mut asked = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        if !["system", "developer", "user", "assistant"].contains(&message.role.as_str()) {
            return Err(ApiError::field(
                &format!("messages[{at}].role"),
                "use system, developer, user or assistant",
            ));
        }
        if message.role != "user" {
            continue;
        }
        let text = match &message.content {
            None => continue,
            Some(Content::Text(text)) => text.clone(),
            Some(Content::Parts(parts)) => {
                if parts.iter().any(|part| part.kind != "text") {
                    return Err(ApiError::field(
                        &format!("messages[{at}].content"),
                        "only parts of type text are read",
                    ));
                }
                let texts: Vec<&str> = parts.iter().map(|part| part.text.as_str()).collect();
                texts.join("\n")
            }
        };
        if !text.trim().is_empty() {
            asked.push(text);
        }
    }
    Ok(asked)
}

/// The answer as a client shows it that knows nothing of citations: warnings and sources stand below it.
pub(super) fn content(reply: &AnswerReply) -> String {
    format!("{}{}", reply.answer, below(reply))
}

/// Warnings and sources, each on a line of its own below the answer.
fn below(reply: &AnswerReply) -> String {
    let chinese = reply.answer.chars().any(is_chinese);
    let mut lines = vec![String::new()];
    for warning in &reply.warnings {
        lines.push(format!("⚠ {warning}"));
    }
    let mut sources: Vec<String> = Vec::new();
    for citation in &reply.citations {
        let source = if chinese {
            format!("来源：《{}》第 {} 页", citation.title, citation.page)
        } else {
            format!("Source: {}, page {}", citation.title, citation.page)
        };
        if !sources.contains(&source) {
            sources.push(source);
        }
    }
    lines.extend(sources);
    lines.join("\n")
}

fn is_chinese(c: char) -> bool {
    ('\u{3400}'..='\u{9fff}').contains(&c)
}

fn tokens(text: &str) -> usize {
    let (mut count, mut in_word) = (0, false);
    for c in text.chars() {
        let of_word = c.is_alphanumeric() && !is_chinese(c);
        count += usize::from(is_chinese(c) || (of_word && !in_word));
        in_word = of_word;
    }
    count
}

/// What OpenAI's shape has no place for.
fn beside(reply: &AnswerReply) -> Value {
    json!({
        "answer_id": reply.answer_id, "grounded": reply.grounded, "citations": reply.citations, "warnings": reply.warnings,
        "figures": reply.figures, "related": reply.related, "refusal": reply.refusal, "phrased_by": reply.phrased_by,
    })
}

fn identifier(reply: &AnswerReply) -> String {
    format!("chatcmpl-{}", reply.answer_id)
}

fn completion(reply: &AnswerReply, model: &str, content: &str, usage: Usage) -> Value {
    json!({
        "id": identifier(reply), "object": "chat.completion", "created": Timestamp::now().as_second(), "model": model,
        "choices": [{"index": 0, "finish_reason": "stop", "logprobs": null,
                     "message": {"role": "assistant", "content": content, "refusal": null}}],
        "usage": usage, "shifu": beside(reply),
    })
}

/// The pieces of one streamed completion.
struct Chunks {
    id: String,
    created: i64,
    model: String,
}

impl Chunks {
    fn new(reply: &AnswerReply, model: String) -> Self {
        Self {
            id: identifier(reply),
            created: Timestamp::now().as_second(),
            model,
        }
    }

    fn of(&self, choices: &Value) -> Value {
        json!({"id": self.id, "object": "chat.completion.chunk", "created": self.created, "model": self.model, "choices": choices})
    }

    fn choice(&self, delta: &Value, finish: Option<&str>) -> Value {
        self.of(&json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]))
    }

    fn first(&self) -> Value {
        self.choice(&json!({"role": "assistant", "content": ""}), None)
    }

    fn text(&self, text: &str) -> Value {
        self.choice(&json!({"content": text}), None)
    }

    fn last(&self, beside: Value) -> Value {
        let mut last = self.choice(&json!({}), Some("stop"));
        last["shifu"] = beside;
        last
    }

    fn usage(&self, usage: Usage) -> Value {
        let mut told = self.of(&json!([]));
        told["usage"] = json!(usage);
        told
    }
}

fn data(chunk: &Value) -> Event {
    Event::default().data(chunk.to_string())
}

fn done() -> Event {
    Event::default().data("[DONE]")
}

fn pieces(
    chunks: &Chunks,
    reply: &AnswerReply,
    content: &str,
    usage: Option<Usage>,
) -> Sse<impl futures::Stream<Item = Result<Event, Infallible>> + use<>> {
    let events: Vec<Event> = std::iter::once(chunks.first())
        .chain(sentences(content).map(|text| chunks.text(text)))
        .chain([chunks.last(beside(reply))])
        .chain(usage.map(|usage| chunks.usage(usage)))
        .map(|chunk| data(&chunk))
        .chain([done()])
        .collect();
    Sse::new(stream::iter(events.into_iter().map(Ok)))
}

/// What is left to be sent when a rephrased answer is complete, or was given up after `shown`.
fn rest_of(reply: &AnswerReply, shown: &str) -> String {
    if shown.is_empty() {
        return content(reply);
    }
    let mut rest = String::new();
    if reply.phrased_by.is_none() {
        let title = if reply.answer.chars().any(is_chinese) {
            "资料原文："
        } else {
            "In the documents' own words:"
        };
        rest = format!("\n\n{title}\n{}", reply.answer);
    }
    rest + &below(reply)
}

/// Sentences as the language model writes them and they pass their check. `prompt_tokens` where usage is to be told.
fn as_they_pass(
    chunks: Chunks,
    pieces: UnboundedReceiver<Piece>,
    prompt_tokens: Option<usize>,
    language: Language,
) -> Sse<impl futures::Stream<Item = Result<Event, Infallible>> + use<>> {
    let first = data(&chunks.first());
    let under_way = (chunks, pieces, String::new());
    let rest = stream::unfold(under_way, move |(chunks, mut pieces, mut shown)| async move {
        let events = match pieces.recv().await? {
            Piece::Text(text) => {
                shown.push_str(&text);
                vec![data(&chunks.text(&text))]
            }
            Piece::Failed(error) => vec![data(&json!(error.body("", language)))],
            Piece::Done(reply) => {
                let rest = rest_of(&reply, &shown);
                let mut beside = beside(&reply);
                if reply.phrased_by.is_none() && !shown.is_empty() {
                    beside["replaced"] = json!(true);
                }
                shown.push_str(&rest);
                let usage = prompt_tokens.map(|tokens| chunks.usage(Usage::new(tokens, &shown)));
                sentences(&rest)
                    .map(|text| chunks.text(text))
                    .chain([chunks.last(beside)])
                    .chain(usage)
                    .map(|chunk| data(&chunk))
                    .chain([done()])
                    .collect()
            }
        };
        Some((stream::iter(events), (chunks, pieces, shown)))
    });
    let events = stream::iter([first]).chain(rest.flatten()).map(Ok);
    Sse::new(events).keep_alive(KeepAlive::default())
}

/// Vectors of texts, by the sentence encoder that is installed.
#[utoipa::path(post, path = "/v1/embeddings", operation_id = "create_embeddings", tag = "knowledge", request_body = EmbeddingRequest, responses(
    (status = 200, body = Object), (status = 404, description = "no such encoder is installed", body = ErrorBody),
    (status = 422, body = ErrorBody)))]
pub(crate) async fn embeddings(
    State(state): State<AppState>,
    extract::Json(request): extract::Json<EmbeddingRequest>,
) -> Result<Json<Value>, ApiError> {
    let base64 = match request.encoding_format.as_deref() {
        None | Some("float") => false,
        Some("base64") => true,
        Some(_) => return Err(ApiError::field("encoding_format", "use float or base64")),
    };
    let texts = match request.input {
        Input::One(text) => vec![text],
        Input::Several(texts) => texts,
    };
    if texts.is_empty() || texts.iter().any(|text| text.trim().is_empty()) {
        return Err(ApiError::field("input", "must not be empty"));
    }
    if texts.len() > MOST_TEXTS {
        return Err(ApiError::too_large(
            "embedding_texts",
            MOST_TEXTS,
            Some(texts.len()),
        ));
    }
    for text in &texts {
        extract::check_text(&state, text.chars().count())?;
    }
    let used: usize = texts.iter().map(|text| tokens(text)).sum();
    let vectors = state
        .engine
        .embed(&request.model, request.dimensions, texts)
        .await?;
    let vector = |vector: &Vec<f32>| {
        if base64 {
            let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
            json!(BASE64_STANDARD.encode(bytes))
        } else {
            json!(vector)
        }
    };
    let data: Vec<Value> = vectors
        .iter()
        .enumerate()
        .map(|(index, one)| json!({"object": "embedding", "index": index, "embedding": vector(one)}))
        .collect();
    Ok(Json(json!({
        "object": "list", "data": data, "model": request.model, "usage": {"prompt_tokens": used, "total_tokens": used},
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_characters_of_chinese_and_words_of_others() {
        for (text, count) in [
            ("", 0),
            ("E6 是什么故障？", 6),
            ("What does E6 mean?", 4),
            ("KFR-35GW", 2),
        ] {
            assert_eq!(tokens(text), count, "{text}");
        }
    }
}
