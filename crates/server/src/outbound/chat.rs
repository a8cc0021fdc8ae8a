//! A language model behind an endpoint that speaks OpenAI's chat API, as `vLLM`, `llama.cpp` and others do.
//!
//! One POST a text, its reply read as server-sent events or as one document. Addresses inside the network are allowed, as the
//! operator named the endpoint; redirects are refused like any other status, size and time are bounded, certificates are verified.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::json;
use shifu_domain::models::{Generation, GenerationRequest, ModelError, ModelVersion, Prompt, TextGenerator};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::{HEAD_BYTES, Outbound, SendError, Target, certificates, request as post_request};
use crate::config::{ConfigError, LanguageModelConfig, Secret};

/// Largest reply that is read; a thousand tokens as events are some 300 KiB.
const REPLY_BYTES: usize = 2 << 20;

/// A language model at an endpoint.
pub(crate) struct ChatEndpoint {
    outbound: Outbound,
    target: Target,
    model: String,
    authorization: Option<HeaderValue>,
    timeout_s: u64,
    runtime: Handle,
}

impl ChatEndpoint {
    /// Reads key and certificates of the configuration. Call it within a tokio runtime, which then carries the connections.
    ///
    /// # Errors
    /// `Unreadable`, `Invalid` or `OutOfRange` with the file or the setting.
    pub(crate) fn new(
        config: &LanguageModelConfig,
        endpoint: &str,
        model: &str,
    ) -> Result<Self, ConfigError> {
        let target = Target::endpoint(endpoint).map_err(|rule| ConfigError::OutOfRange {
            name: "language_model.endpoint",
            rule,
        })?;
        let own_roots = match &config.ca_file {
            Some(path) => certificates(path)?,
            None => Vec::new(),
        };
        let key = match (&config.api_key, &config.api_key_file) {
            (Some(key), _) => Some(key.clone()),
            (None, Some(path)) => Some(key_in(path)?),
            (None, None) => None,
        };
        Ok(Self {
            outbound: Outbound::reaching(true, config.timeout_s, own_roots),
            target,
            model: model.to_owned(),
            authorization: key.as_ref().map(bearer).transpose()?,
            timeout_s: config.timeout_s,
            runtime: Handle::current(),
        })
    }

    fn failed(&self, reason: impl ToString) -> ModelError {
        ModelError::Failed {
            model: self.model.clone(),
            reason: reason.to_string(),
        }
    }

    async fn converse(
        &self,
        request: &GenerationRequest,
        on_text: &mut dyn FnMut(&str) -> bool,
    ) -> Result<Generation, ModelError> {
        let mut headers = HeaderMap::new();
        headers.extend(self.authorization.clone().map(|value| (AUTHORIZATION, value)));
        let body = Bytes::from(self.body(request).to_string());
        let request = post_request(&self.target, headers, body).map_err(|error| self.failed(error))?;
        let stream = self.outbound.stream(&self.target).await;
        let stream = stream.map_err(|error| self.failed(error))?;
        let broken = |error: hyper::Error| self.failed(SendError::Http(error));
        let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
            .max_buf_size(HEAD_BYTES)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(broken)?;
        let _driver = Driver(tokio::spawn(async move {
            // What breaks the connection also breaks the reply, which says so.
            let _ = connection.await;
        }));
        let response = sender.send_request(request).await.map_err(broken)?;
        self.check_status(&response)?;
        self.read(response, on_text).await
    }

    fn body(&self, request: &GenerationRequest) -> serde_json::Value {
        let messages = match &request.prompt {
            Prompt::Text(text) => vec![json!({"role": "user", "content": text})],
            Prompt::Chat(messages) => messages
                .iter()
                .map(|message| json!({"role": message.role.as_str(), "content": message.content}))
                .collect(),
        };
        json!({
            "model": self.model, "messages": messages, "max_tokens": request.max_tokens, "temperature": request.temperature,
            "seed": request.seed, "stop": request.stop, "stream": true,
        })
    }

    fn check_status(&self, response: &Response<Incoming>) -> Result<(), ModelError> {
        match response.status() {
            StatusCode::OK => Ok(()),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                let after = response.headers().get(RETRY_AFTER);
                let seconds = after.and_then(|value| value.to_str().ok()?.parse().ok());
                Err(ModelError::Overloaded {
                    model: self.model.clone(),
                    retry_after_ms: 1000_u64.saturating_mul(seconds.unwrap_or(1)),
                })
            }
            other => Err(self.failed(format!("{} answered {other}", self.target.host()))),
        }
    }

    async fn read(
        &self,
        response: Response<Incoming>,
        on_text: &mut dyn FnMut(&str) -> bool,
    ) -> Result<Generation, ModelError> {
        let kind = response.headers().get(CONTENT_TYPE);
        let events = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        let mut body = response.into_body();
        let mut reading = Reading::default();
        let mut left = REPLY_BYTES;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| self.failed(SendError::Http(error)))?;
            let Ok(data) = frame.into_data() else { continue };
            left = left
                .checked_sub(data.len())
                .ok_or_else(|| self.failed(format!("the reply is larger than {REPLY_BYTES} bytes")))?;
            reading.bytes.extend_from_slice(&data);
            let goes_on = !events || reading.events(on_text).map_err(|reason| self.failed(reason))?;
            if !goes_on {
                return Ok(reading.generation);
            }
        }
        if !events {
            reading.document(on_text).map_err(|reason| self.failed(reason))?;
        }
        if reading.ended {
            Ok(reading.generation)
        } else {
            Err(self.failed("the reply broke off"))
        }
    }
}

impl TextGenerator for ChatEndpoint {
    fn version(&self) -> ModelVersion {
        ModelVersion {
            name: self.model.clone(),
            version: self.target.authority(),
        }
    }

    /// Blocks; call it outside the runtime's own threads.
    fn generate(
        &self,
        request: &GenerationRequest,
        on_text: &mut dyn FnMut(&str) -> bool,
    ) -> Result<Generation, ModelError> {
        let longest = Duration::from_secs(self.timeout_s);
        let talk = async { tokio::time::timeout(longest, self.converse(request, on_text)).await };
        self.runtime.block_on(talk).unwrap_or_else(|_| {
            Err(ModelError::DeadlineExceeded {
                model: self.model.clone(),
            })
        })
    }
}

/// Ends the connection with the conversation.
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What has arrived of a reply.
struct Reading {
    bytes: Vec<u8>,
    generation: Generation,
    /// Whether the model said that it had finished.
    ended: bool,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            generation: Generation {
                text: String::new(),
                prompt_tokens: 0,
                completion_tokens: 0,
                truncated: false,
            },
            ended: false,
        }
    }
}

/// A piece of the stream, or the whole reply.
#[derive(Deserialize)]
struct Completion {
    #[serde(default)]
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<Usage>,
    #[serde(default)]
    error: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default, alias = "message")]
    delta: Option<Delta>,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Delta {
    #[serde(default)]
    content: Option<String>,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: usize,
    #[serde(default)]
    completion_tokens: usize,
}

impl Reading {
    /// Reads the whole lines that are there; whether to go on.
    fn events(&mut self, on_text: &mut dyn FnMut(&str) -> bool) -> Result<bool, String> {
        while let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.bytes.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let Some(data) = line.trim().strip_prefix("data:") else {
                continue;
            };
            if data.trim() == "[DONE]" {
                self.ended = true;
                return Ok(false);
            }
            if !self.take(data.trim().as_bytes(), on_text)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn document(&mut self, on_text: &mut dyn FnMut(&str) -> bool) -> Result<(), String> {
        let bytes = std::mem::take(&mut self.bytes);
        self.take(&bytes, on_text)?;
        self.ended = true;
        Ok(())
    }

    fn take(&mut self, json: &[u8], on_text: &mut dyn FnMut(&str) -> bool) -> Result<bool, String> {
        let completion: Completion = serde_json::from_slice(json)
            .map_err(|error| format!("the reply is no chat completion: {error}"))?;
        if completion.error.is_some() {
            return Err("the endpoint reported an error".to_owned());
        }
        if let Some(usage) = completion.usage {
            self.generation.prompt_tokens = usage.prompt_tokens;
            self.generation.completion_tokens = usage.completion_tokens;
        }
        let Some(choice) = completion.choices.into_iter().next() else {
            return Ok(true);
        };
        if let Some(reason) = choice.finish_reason {
            self.ended = true;
            self.generation.truncated = reason == "length";
        }
        match choice.delta.and_then(|delta| delta.content) {
            Some(text) if !text.is_empty() => {
                self.generation.text.push_str(&text);
                Ok(on_text(&text))
            }
            _ => Ok(true),
        }
    }
}

fn key_in(path: &std::path::Path) -> Result<Secret, ConfigError> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
        path: shown.clone(),
        source,
    })?;
    if text.trim().is_empty() {
        return Err(ConfigError::Invalid {
            path: shown,
            reason: "holds no key".to_owned(),
        });
    }
    Ok(Secret::new(&text))
}

fn bearer(key: &Secret) -> Result<HeaderValue, ConfigError> {
    let value = HeaderValue::from_str(&format!("Bearer {}", key.reveal()));
    let mut value = value.map_err(|_| ConfigError::OutOfRange {
        name: "language_model.api_key_file",
        rule: "must hold one line of visible characters".to_owned(),
    })?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(chunks: &[&str]) -> (Result<bool, String>, Reading) {
        let mut reading = Reading::default();
        let mut last = Ok(true);
        for chunk in chunks {
            reading.bytes.extend_from_slice(chunk.as_bytes());
            last = reading.events(&mut |_| true);
            if !matches!(last, Ok(true)) {
                break;
            }
        }
        (last, reading)
    }

    #[test]
    fn events_are_read_wherever_they_are_cut() {
        let whole = ": hello\r\n\r\ndata: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":null}}]}\r\n\r\n\
                     data:{\"choices\":[{\"delta\":{\"content\":\"断电\"}}]}\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"。\"},\"finish_reason\":\"stop\"}]}\n\n\
                     data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n";
        for at in (1..whole.len()).filter(|at| whole.is_char_boundary(*at)) {
            let (last, reading) = read(&[&whole[..at], &whole[at..]]);
            assert_eq!((last, reading.ended), (Ok(false), true), "cut at {at}");
            let expected = Generation {
                text: "断电。".to_owned(),
                prompt_tokens: 7,
                completion_tokens: 2,
                truncated: false,
            };
            assert_eq!(reading.generation, expected);
        }
    }

    #[test]
    fn what_is_no_completion_is_said() {
        let (last, _) = read(&["data: {\"choices\": [\n"]);
        assert!(last.unwrap_err().contains("no chat completion"));
        let (last, _) = read(&["data: {\"error\": {\"message\": \"secret prompt\"}}\n"]);
        assert_eq!(last, Err("the endpoint reported an error".to_owned()));
        let (last, reading) = read(&["data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n"]);
        assert_eq!((last, reading.ended), (Ok(true), false));
    }

    #[test]
    fn chat_completions_are_below_the_base() {
        let check = |base: &str, path: &str| {
            let target = Target::endpoint(base).unwrap();
            assert_eq!(target.path_and_query(), path);
        };
        check("http://10.0.0.5:8000/v1", "/v1/chat/completions");
        check("http://10.0.0.5:8000/v1/", "/v1/chat/completions");
        check("http://10.0.0.5:8000", "/chat/completions");
        assert!(Target::endpoint("http://10.0.0.5/v1?x=1").is_err());
    }
}
