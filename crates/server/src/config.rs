//! Configuration: safe defaults, overridden by a TOML file, overridden by the environment, overridden by the command line.
//!
//! Only this file (and `cli`) reads the environment: `SHIFU_LISTEN`, `SHIFU_DATA`, `SHIFU_MODELS_DIR`, `SHIFU_DATABASE_URL`,
//! `SHIFU_LANGUAGE_MODEL_KEY`.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use shifu_domain::Yuan;
use shifu_inference::{Manifest, Task};
use shifu_store::RetainedKind;

use crate::handlers::openai::EXTRACTIVE;
use crate::outbound::Target;

/// Everything an operator may set.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// Data directory: records, index, photos.
    pub data: PathBuf,
    /// Database URL; absent: SQLite in the data directory.
    pub database_url: Option<String>,
    /// Where models are kept; absent: `models` in the data directory.
    pub models_dir: Option<PathBuf>,
    /// Zone of dates and of EXIF times that carry no offset (IANA name).
    pub timezone: String,
    /// Bounds on what callers may send and how much is done at once.
    pub limits: Limits,
    /// Parts prediction.
    pub diagnosis: DiagnosisConfig,
    /// Alerts.
    pub alerts: AlertConfig,
    /// Webhooks.
    pub webhooks: WebhookConfig,
    /// Model Context Protocol.
    pub mcp: McpConfig,
    /// The language model that may put answers in other words.
    pub language_model: LanguageModelConfig,
    /// How long what is kept is kept.
    pub retention_days: RetentionDays,
}

/// Settings of the Model Context Protocol.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct McpConfig {
    /// Origins of web pages, besides those of this machine, that may call `/mcp`, such as `https://desk.example.com`.
    pub origins: Vec<String>,
}

/// Bounds; what exceeds one is refused with its name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Largest request body.
    pub body_bytes: usize,
    /// Most photos of one inspection.
    pub photos_per_call: usize,
    /// Most characters of a question, ticket text or dialogue.
    pub text_chars: usize,
    /// Most items of a batch, lines of an import counted apart.
    pub batch_items: usize,
    /// Most lines of an import.
    pub import_rows: usize,
    /// Longest a caller waits before 504.
    pub request_timeout_s: u64,
    /// Requests being worked on at once; more are answered 429.
    pub concurrent_requests: usize,
    /// Requests of one key a minute; 0: unlimited.
    pub requests_per_minute: u32,
    /// Computations at once; 0: as many as there are processor cores.
    pub workers: usize,
    /// Computations waiting for a worker; more are answered 429.
    pub queue: usize,
    /// Open alert streams.
    pub streams: usize,
    /// How long running requests get to finish when the server stops.
    pub shutdown_s: u64,
}

/// Settings of parts prediction.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiagnosisConfig {
    /// What a visit that fails costs, in yuan: the price at which a kit trades parts against a second visit.
    pub failed_visit_cost: Yuan,
}

/// Settings of alerts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlertConfig {
    /// Hours within which a critical alert should be looked at.
    pub critical_due_hours: u32,
    /// The same for major ones.
    pub major_due_hours: u32,
    /// The same for minor ones.
    pub minor_due_hours: u32,
}

/// Settings of webhooks.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookConfig {
    /// Whether events may be sent to private, loopback and other addresses that are not public.
    pub allow_private_addresses: bool,
    /// Longest an attempt may take, from resolving the name to the status of the reply.
    pub timeout_s: u64,
    /// Days for which events and what became of their deliveries are kept; what is still to be delivered is kept in any case.
    pub keep_days: u32,
    /// Milliseconds from the first attempt to the second; every further wait is twice the one before.
    pub first_retry_ms: u64,
    /// Longest wait between two attempts.
    pub longest_retry_ms: u64,
    /// Seconds for which a delivery is tried before it is failed.
    pub retry_for_s: u64,
    /// PEM file of certificate authorities that are trusted besides those of the machine.
    pub ca_file: Option<PathBuf>,
}

/// Settings of the language model that may put answers in other words: one installed here (`gguf`) or an endpoint that speaks
/// OpenAI's chat API. With neither, answers stay in the documents' words.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LanguageModelConfig {
    /// Whether the installed GGUF model is used: `true`, or its name.
    pub gguf: Gguf,
    /// Base URL of an endpoint, such as `http://10.0.0.5:8000/v1`; it may be inside the network.
    pub endpoint: Option<String>,
    /// The model's name at the endpoint, and the name by which callers of `/v1/chat/completions` choose it.
    pub model: Option<String>,
    /// File that holds the endpoint's key; the environment's `SHIFU_LANGUAGE_MODEL_KEY` goes first.
    pub api_key_file: Option<PathBuf>,
    /// The endpoint's key, from the environment.
    #[serde(skip)]
    pub api_key: Option<Secret>,
    /// PEM file of certificate authorities that are trusted for the endpoint besides those of the machine.
    pub ca_file: Option<PathBuf>,
    /// Longest a rephrasing may take before the documents' own words are served.
    pub timeout_s: u64,
    /// Whether answers are rephrased when a request does not say.
    pub by_default: bool,
    /// Rephrasings at once at the endpoint; an answer beyond them is served in the documents' words. One model here does one at a time.
    pub at_once: usize,
}

/// Whether an installed model is used, and which.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Gguf {
    /// The only one, or none.
    Used(bool),
    /// The one of this name in `models/manifest.toml`.
    Named(String),
}

/// A value that is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a value, without the blanks around it.
    #[must_use]
    pub fn new(value: &str) -> Self {
        Self(value.trim().to_owned())
    }

    /// The value, to be sent where it belongs.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("(not shown)")
    }
}

impl LanguageModelConfig {
    /// What is wrong with the settings: (setting, what it must be).
    fn problem(&self, request_timeout_s: u64) -> Option<(&'static str, String)> {
        let installed = self.gguf != Gguf::Used(false);
        let said = |name, rule: &str| Some((name, rule.to_owned()));
        if installed && self.endpoint.is_some() {
            return said("language_model", "names gguf and endpoint; use one of them");
        }
        if let Gguf::Named(name) = &self.gguf {
            let manifest = Manifest::built_in();
            let known = manifest
                .model(name)
                .is_ok_and(|model| model.task == Task::TextGeneration);
            if !known {
                let rule = format!(
                    "must be true, false or the name of a language model such as local-llm, not {name:?}"
                );
                return Some(("language_model.gguf", rule));
            }
        }
        match (&self.endpoint, &self.model) {
            (Some(endpoint), model) => {
                if let Err(reason) = Target::endpoint(endpoint) {
                    let rule =
                        format!("must be a URL such as http://10.0.0.5:8000/v1, not {endpoint:?}: {reason}");
                    return Some(("language_model.endpoint", rule));
                }
                let named = model
                    .as_ref()
                    .is_some_and(|model| !model.trim().is_empty() && model != EXTRACTIVE);
                if !named {
                    return said("language_model.model", "must name the endpoint's model");
                }
            }
            (None, Some(_)) => {
                return said(
                    "language_model.model",
                    "goes with language_model.endpoint, which is missing",
                );
            }
            (None, None) => {}
        }
        for (name, given) in [
            ("language_model.api_key_file", &self.api_key_file),
            ("language_model.ca_file", &self.ca_file),
        ] {
            if given.is_some() && self.endpoint.is_none() {
                return said(name, "goes with language_model.endpoint, which is missing");
            }
        }
        if self.by_default && !installed && self.endpoint.is_none() {
            return said(
                "language_model.by_default",
                "needs language_model.gguf or language_model.endpoint",
            );
        }
        if !(1..request_timeout_s.max(2)).contains(&self.timeout_s) {
            let rule = format!(
                "must be at least 1 and less than limits.request_timeout_s, which is {request_timeout_s}"
            );
            return Some(("language_model.timeout_s", rule));
        }
        (self.at_once == 0).then(|| ("language_model.at_once", "must be at least 1".to_owned()))
    }
}

/// Days for which each kind is kept, counted from its creation; absent: until somebody removes it. Enforced at the start and every
/// hour. Events of webhooks have `webhooks.keep_days`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetentionDays {
    /// Inspections that are done or failed, with photos and alerts.
    pub inspections: Option<NonZeroU32>,
    /// Questions, answers, feedback.
    pub answers: Option<NonZeroU32>,
    /// Summaries, intakes and predictions kept for a ticket.
    pub ticket_records: Option<NonZeroU32>,
    /// Reported repairs; predictions forget them.
    pub repairs: Option<NonZeroU32>,
    /// Alerts, where they are to go before their inspections.
    pub alerts: Option<NonZeroU32>,
    /// The audit log.
    pub audit: Option<NonZeroU32>,
}

impl RetentionDays {
    /// Days for which a kind is kept.
    #[must_use]
    pub fn of(&self, kind: RetainedKind) -> Option<u32> {
        let days = match kind {
            RetainedKind::Inspections => self.inspections,
            RetainedKind::Answers => self.answers,
            RetainedKind::TicketRecords => self.ticket_records,
            RetainedKind::Repairs => self.repairs,
            RetainedKind::Alerts => self.alerts,
            RetainedKind::Audit => self.audit,
        };
        days.map(NonZeroU32::get)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            data: PathBuf::from("./data"),
            database_url: None,
            models_dir: None,
            timezone: "Asia/Shanghai".to_owned(),
            limits: Limits::default(),
            diagnosis: DiagnosisConfig::default(),
            alerts: AlertConfig::default(),
            webhooks: WebhookConfig::default(),
            mcp: McpConfig::default(),
            language_model: LanguageModelConfig::default(),
            retention_days: RetentionDays::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // 20 photos of 4 MiB each and their metadata; a scanned manual fits as well.
            body_bytes: 96 << 20,
            photos_per_call: 40,
            text_chars: 50_000,
            batch_items: 200,
            import_rows: 100_000,
            request_timeout_s: 60,
            concurrent_requests: 256,
            requests_per_minute: 1_200,
            workers: 0,
            queue: 256,
            streams: 64,
            shutdown_s: 30,
        }
    }
}

impl Default for DiagnosisConfig {
    fn default() -> Self {
        // 300 yuan: about half a day of a technician; every operator has a figure of their own.
        Self {
            failed_visit_cost: Yuan::from_fen(30_000),
        }
    }
}

impl Default for AlertConfig {
    fn default() -> Self {
        Self {
            critical_due_hours: 4,
            major_due_hours: 24,
            minor_due_hours: 72,
        }
    }
}

impl Default for WebhookConfig {
    fn default() -> Self {
        Self {
            allow_private_addresses: false,
            timeout_s: 10,
            keep_days: 30,
            // 5 s, 10 s, … 43 min, then every hour: 10 attempts in the first 43 minutes, 33 within the day.
            first_retry_ms: 5_000,
            longest_retry_ms: 3_600_000,
            retry_for_s: 86_400,
            ca_file: None,
        }
    }
}

impl Default for LanguageModelConfig {
    fn default() -> Self {
        Self {
            gguf: Gguf::Used(false),
            endpoint: None,
            model: None,
            api_key_file: None,
            api_key: None,
            ca_file: None,
            // An agent on the phone waits no longer.
            timeout_s: 20,
            by_default: false,
            at_once: 4,
        }
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read configuration {path}: {source}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file is not valid; the reason names the line.
    #[error("configuration {path}: {reason}")]
    Invalid {
        /// The file.
        path: String,
        /// What is wrong, with its line.
        reason: String,
    },
    /// A value is out of range.
    #[error("configuration: {name} {rule}")]
    OutOfRange {
        /// The setting.
        name: &'static str,
        /// What it must be.
        rule: String,
    },
}

impl Config {
    /// Defaults, then `file` where given, then the environment.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let mut config = match file {
            Some(path) => Self::read(path)?,
            None => Self::default(),
        };
        config.apply_environment(environment)?;
        config.check()?;
        Ok(config)
    }

    fn read(path: &Path) -> Result<Self, ConfigError> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
            path: shown.clone(),
            source,
        })?;
        Self::parse(&text, &shown)
    }

    /// Reads the text of a configuration file; `path` is named in errors.
    ///
    /// # Errors
    /// `Invalid` with the line of a syntax error, an unknown field or a bad value.
    pub fn parse(text: &str, path: &str) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|error| ConfigError::Invalid {
            path: path.to_owned(),
            reason: error.to_string(),
        })
    }

    fn apply_environment(&mut self, read: impl Fn(&str) -> Option<String>) -> Result<(), ConfigError> {
        if let Some(listen) = read("SHIFU_LISTEN") {
            let rule = format!("must be an address with a port such as 127.0.0.1:8080, not {listen:?}");
            self.listen = listen.parse().map_err(|_| ConfigError::OutOfRange {
                name: "SHIFU_LISTEN",
                rule,
            })?;
        }
        if let Some(data) = read("SHIFU_DATA") {
            self.data = data.into();
        }
        if let Some(models_dir) = read("SHIFU_MODELS_DIR") {
            self.models_dir = Some(models_dir.into());
        }
        if let Some(url) = read("SHIFU_DATABASE_URL") {
            self.database_url = Some(url);
        }
        if let Some(key) = read("SHIFU_LANGUAGE_MODEL_KEY") {
            self.language_model.api_key = Some(Secret::new(&key));
        }
        Ok(())
    }

    /// Checks ranges.
    ///
    /// # Errors
    /// `OutOfRange` naming the setting.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.time_zone()?;
        let positive = [
            ("limits.body_bytes", self.limits.body_bytes),
            ("limits.photos_per_call", self.limits.photos_per_call),
            ("limits.text_chars", self.limits.text_chars),
            ("limits.batch_items", self.limits.batch_items),
            ("limits.import_rows", self.limits.import_rows),
            ("limits.request_timeout_s", self.limits.request_timeout_s as usize),
            ("limits.concurrent_requests", self.limits.concurrent_requests),
            ("webhooks.timeout_s", self.webhooks.timeout_s as usize),
            ("webhooks.keep_days", self.webhooks.keep_days as usize),
            ("webhooks.first_retry_ms", self.webhooks.first_retry_ms as usize),
            (
                "webhooks.longest_retry_ms",
                self.webhooks.longest_retry_ms as usize,
            ),
        ];
        let zero = positive.into_iter().find(|(_, value)| *value == 0);
        let problem = zero
            .map(|(name, _)| (name, "must be at least 1".to_owned()))
            .or_else(|| self.language_model.problem(self.limits.request_timeout_s));
        match problem {
            Some((name, rule)) => Err(ConfigError::OutOfRange { name, rule }),
            None => Ok(()),
        }
    }

    /// The configured zone.
    ///
    /// # Errors
    /// `OutOfRange` when the zone is unknown.
    pub fn time_zone(&self) -> Result<jiff::tz::TimeZone, ConfigError> {
        if self.timezone == "Asia/Shanghai" {
            // Needs no zone database: China has had no daylight saving since 1991.
            return Ok(jiff::tz::TimeZone::get(&self.timezone)
                .unwrap_or_else(|_| jiff::tz::TimeZone::fixed(jiff::tz::offset(8))));
        }
        jiff::tz::TimeZone::get(&self.timezone).map_err(|_| ConfigError::OutOfRange {
            name: "timezone",
            rule: format!(
                "must be an IANA zone such as Asia/Shanghai, not {:?}",
                self.timezone
            ),
        })
    }

    /// Computations at once.
    #[must_use]
    pub fn workers(&self) -> usize {
        match self.limits.workers {
            0 => std::thread::available_parallelism().map_or(2, usize::from),
            given => given,
        }
    }

    /// Where models are kept.
    #[must_use]
    pub fn models_directory(&self) -> PathBuf {
        self.models_dir
            .clone()
            .unwrap_or_else(|| self.data.join("models"))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the server reads the environment"
)]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_is_the_defaults() {
        assert_eq!(Config::parse("", "shifu.toml").unwrap(), Config::default());
        Config::default().check().unwrap();
    }

    #[test]
    fn an_unknown_setting_names_its_line() {
        let check = |text: &str, expected: &str| {
            let error = Config::parse(text, "shifu.toml").unwrap_err().to_string();
            assert!(
                error.contains(expected) && error.contains("shifu.toml"),
                "{error}"
            );
        };
        check("listen = \"127.0.0.1:1\"\n\n[limits]\nbody_byte = 3\n", "line 4");
        check("[limits]\nbody_bytes = \"many\"\n", "line 2");
        check("[retention_days]\nanswers = 0\n", "line 2");
        check("[retention_days]\nphotos = 30\n", "line 2");
        check("[diagnosis]\nfailed_visit_cost = \"-1\"\n", "line 2");
    }

    #[test]
    fn the_environment_overrides_the_file() {
        let mut config = Config::parse("data = \"/a\"", "shifu.toml").unwrap();
        config
            .apply_environment(|name| (name == "SHIFU_DATA").then(|| "/b".to_owned()))
            .unwrap();
        assert_eq!(config.data, PathBuf::from("/b"));
        let error = config.apply_environment(|name| (name == "SHIFU_LISTEN").then(|| "8080".to_owned()));
        assert!(
            error
                .unwrap_err()
                .to_string()
                .contains("SHIFU_LISTEN must be an address")
        );
    }

    #[test]
    fn ranges_are_checked() {
        let zero = Config::parse("[limits]\nphotos_per_call = 0", "shifu.toml").unwrap();
        assert_eq!(
            zero.check().unwrap_err().to_string(),
            "configuration: limits.photos_per_call must be at least 1"
        );
        let zone = Config::parse("timezone = \"Mars/Olympus\"", "shifu.toml").unwrap();
        assert!(zone.check().unwrap_err().to_string().contains("Mars/Olympus"));
    }

    #[test]
    fn a_language_model_is_configured_whole_or_not_at_all() {
        let check = |text: &str, expected: &str| {
            let config = Config::parse(&format!("[language_model]\n{text}"), "shifu.toml").unwrap();
            let said = config
                .check()
                .err()
                .map(|error| error.to_string())
                .unwrap_or_default();
            assert!(
                if expected.is_empty() {
                    said.is_empty()
                } else {
                    said.contains(expected)
                },
                "{text}: {said}"
            );
        };
        check("", "");
        check("gguf = true", "");
        check("gguf = \"local-llm\"\nby_default = true", "");
        check("endpoint = \"http://10.0.0.5:8000/v1\"\nmodel = \"qwen3-8b\"", "");
        check("gguf = \"gpt\"", "language_model.gguf must be");
        check("gguf = \"ppocr-v6-rec\"", "language_model.gguf must be");
        check(
            "gguf = true\nendpoint = \"http://a/v1\"\nmodel = \"m\"",
            "use one of them",
        );
        check("endpoint = \"http://a/v1\"", "language_model.model must name");
        check(
            "endpoint = \"http://a/v1\"\nmodel = \"shifu-extractive\"",
            "language_model.model",
        );
        check(
            "endpoint = \"ftp://a\"\nmodel = \"m\"",
            "language_model.endpoint must be a URL",
        );
        check(
            "endpoint = \"http://me:secret@a/v1\"\nmodel = \"m\"",
            "language_model.endpoint",
        );
        check("model = \"m\"", "language_model.model goes with");
        check("api_key_file = \"/k\"", "language_model.api_key_file goes with");
        check("by_default = true", "language_model.by_default needs");
        check(
            "timeout_s = 60",
            "less than limits.request_timeout_s, which is 60",
        );
        check("at_once = 0", "language_model.at_once must be at least 1");
        let unknown = Config::parse("[language_model]\nurl = \"x\"\n", "shifu.toml").unwrap_err();
        assert!(unknown.to_string().contains("line 2"), "{unknown}");
    }

    #[test]
    fn a_secret_is_not_printed() {
        let mut config = Config::default();
        config
            .apply_environment(|name| (name == "SHIFU_LANGUAGE_MODEL_KEY").then(|| " sk-1\n".to_owned()))
            .unwrap();
        let key = config.language_model.api_key.clone().unwrap();
        assert_eq!(key.reveal(), "sk-1");
        assert!(!format!("{config:?}").contains("sk-1"));
    }
}
