//! The HTTP side: one connection a client, bodies in, codes and milliseconds out.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use ureq::http::{Uri, header};

use super::LoadOptions;

/// Longest wait for an answer: past the server's own limit.
const TIMEOUT: Duration = Duration::from_secs(120);
/// Largest answer that is read.
const MOST_REPLY_BYTES: u64 = 32 << 20;

/// What a call was answered.
#[derive(Debug)]
pub(super) struct Answer {
    /// From the first byte sent to the last one read.
    pub(super) ms: f64,
    /// None for 2xx; otherwise the code of the error's body, or `connection` where there was no answer.
    pub(super) error: Option<String>,
    /// How long the server asks to wait.
    pub(super) retry_after: Option<Duration>,
}

impl Answer {
    pub(super) fn failed(code: String) -> Self {
        Self {
            ms: 0.0,
            error: Some(code),
            retry_after: None,
        }
    }
}

/// A client of one server; shared by threads.
pub(super) struct Client {
    agent: ureq::Agent,
    base: String,
    key: String,
}

impl Client {
    /// Refuses an address of another machine, unless that is wanted: this sends as much as it can.
    pub(super) fn new(options: &LoadOptions) -> Result<Self> {
        let base = options.url.trim_end_matches('/').to_owned();
        let uri: Uri = base
            .parse()
            .with_context(|| format!("{base:?} is not a URL such as http://127.0.0.1:8080"))?;
        let Some(host) = uri.host().filter(|_| uri.scheme_str() == Some("http")) else {
            bail!("{base:?}: give a URL such as http://127.0.0.1:8080");
        };
        if !options.anywhere && !is_this_machine(host) {
            bail!("{host} is not this machine: load is sent elsewhere only with --anywhere");
        }
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .max_idle_connections(options.concurrency.max(1))
            .max_idle_connections_per_host(options.concurrency.max(1))
            .build()
            .into();
        Ok(Self {
            agent,
            base,
            key: options.key.clone(),
        })
    }

    pub(super) fn check_ready(&self) -> Result<()> {
        let reply = self.agent.get(format!("{}/ready", self.base)).call();
        let status = reply
            .with_context(|| format!("no server answers at {}", self.base))?
            .status();
        if !status.is_success() {
            bail!("the server at {} is not ready ({status})", self.base);
        }
        Ok(())
    }

    /// Which of `lines` the server can predict for, and which it cannot; all where it tells nothing.
    pub(super) fn known_lines(&self, lines: &[String]) -> Result<(Vec<String>, Vec<String>)> {
        let mut known = Vec::new();
        let mut unknown = Vec::new();
        for line in lines {
            let body = json!({"product_line": line, "text": "不工作"}).to_string();
            let answer = self.post("/v1/part-predictions", "application/json", body.as_bytes());
            match answer.error.as_deref() {
                Some("unauthorized") => bail!("the key is not accepted: give --key or SHIFU_KEY"),
                Some("unprocessable" | "unavailable") => unknown.push(line.clone()),
                _ => known.push(line.clone()),
            }
        }
        if known.is_empty() {
            known.append(&mut unknown);
        }
        Ok((known, unknown))
    }

    /// Checkpoints photographed after the work, where the key may read the standard; none where it may not.
    pub(super) fn checkpoints(&self, category: &str) -> Result<Vec<String>> {
        let url = format!("{}/v1/standards/{category}", self.base);
        let mut reply = self
            .agent
            .get(url)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key))
            .call()
            .context("the server went away")?;
        match reply.status().as_u16() {
            200 => {}
            404 => bail!("the server has no standard {category:?}: name one of its own with --category"),
            _ => return Ok(Vec::new()),
        }
        let text = reply
            .body_mut()
            .read_to_string()
            .context("the server broke off")?;
        let standard: Value = serde_json::from_str(&text).context("the server's standard is not JSON")?;
        let after = |checkpoint: &Value| {
            (checkpoint["stage"] == "after").then(|| checkpoint["id"].as_str().map(str::to_owned))?
        };
        let checkpoints = standard["checkpoints"].as_array();
        Ok(checkpoints
            .map(|all| all.iter().filter_map(after).collect())
            .unwrap_or_default())
    }

    /// Sends a body and reads the answer to its end.
    pub(super) fn post(&self, path: &str, content_type: &str, body: &[u8]) -> Answer {
        let started = Instant::now();
        let sent = self
            .agent
            .post(format!("{}{path}", self.base))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key))
            .header(header::CONTENT_TYPE, content_type)
            .send(body);
        let read = sent.and_then(|mut reply| {
            let text = reply
                .body_mut()
                .with_config()
                .limit(MOST_REPLY_BYTES)
                .read_to_vec()?;
            Ok((reply, text))
        });
        let ms = started.elapsed().as_secs_f64() * 1000.0;
        let Ok((reply, text)) = read else {
            return Answer {
                ms,
                ..Answer::failed("connection".to_owned())
            };
        };
        let status = reply.status();
        let seconds = reply
            .headers()
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        let refused = status.as_u16() == 429 || status.as_u16() == 503;
        Answer {
            ms,
            error: (!status.is_success()).then(|| code_of(status.as_u16(), &text, seconds)),
            retry_after: seconds.filter(|_| refused).map(Duration::from_secs),
        }
    }
}

/// The body's own code; a 429 that does not say when to come back is another thing.
fn code_of(status: u16, body: &[u8], retry_after: Option<u64>) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let code = body["error"]["code"].as_str();
    let code = code.map_or_else(|| format!("status {status}"), str::to_owned);
    if status == 429 && retry_after.is_none() {
        return format!("{code} without Retry-After");
    }
    code
}

fn is_this_machine(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_a_target() {
        for host in ["localhost", "127.0.0.1", "127.8.0.1", "[::1]"] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in ["192.168.1.2", "example.com", "[fe80::1]", "127.0.0.1.example.com"] {
            assert!(!is_this_machine(host), "{host}");
        }
    }

    #[test]
    fn an_error_is_counted_by_the_code_of_its_body() {
        let body = br#"{"error":{"code":"overloaded"}}"#;
        assert_eq!(code_of(429, body, Some(2)), "overloaded");
        assert_eq!(code_of(429, body, None), "overloaded without Retry-After");
        assert_eq!(code_of(502, b"<html>", None), "status 502");
    }
}
