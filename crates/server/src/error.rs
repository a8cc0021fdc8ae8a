//! Errors as the caller sees them. The only file that knows HTTP statuses.
//!
//! A handler gives an [`ApiError`]; it travels in the response's extensions to `render`, which knows the request's id and
//! language and writes the contract's body. 5xx is logged once, with the request id, and hides the inside.

use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use shifu_domain::models::ModelError;
use shifu_store::StoreError;

use crate::observe::RequestId;

/// What went wrong, by what the caller can do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiError {
    /// The request cannot be understood.
    BadRequest(Detail),
    /// No key, or one that does not work.
    Unauthorized,
    /// The key's role does not allow the call.
    Forbidden(Detail),
    /// No such thing.
    NotFound(Detail),
    /// No such model is installed.
    NoSuchModel(Detail),
    /// The request contradicts what is there.
    Conflict(Detail),
    /// Something is larger than a limit.
    PayloadTooLarge(Limit),
    /// A file of a kind that is not read.
    UnsupportedMediaType(Detail),
    /// Understood, but wrong.
    Unprocessable(Detail),
    /// This key asks too often.
    RateLimited {
        /// When to try again.
        retry_after_s: u64,
    },
    /// Every queue place is taken.
    Overloaded {
        /// When to try again.
        retry_after_s: u64,
    },
    /// Our fault.
    Internal(String),
    /// A model that the call needs is not installed, or the server is stopping.
    Unavailable(Detail),
    /// Took too long.
    Timeout,
}

/// What is wrong and where.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Detail {
    /// One sentence.
    pub reason: String,
    /// The offending fields.
    pub fields: Vec<FieldError>,
}

/// A field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FieldError {
    /// Its path, such as `ticket.ticket_id`.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

/// A limit that was exceeded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Limit {
    /// Its name in the configuration.
    pub name: String,
    /// The most there may be.
    pub max: u64,
    /// How much there is, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actual: Option<u64>,
}

/// The body of every error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ErrorBody {
    /// The error.
    pub error: ErrorFields,
}

/// The fields of an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ErrorFields {
    /// A word for programs, such as `not_found`.
    pub code: String,
    /// A sentence for people, Chinese or English by `Accept-Language`.
    pub message: String,
    /// The request, to be found in the log.
    pub request_id: String,
    /// The offending fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldError>,
    /// The limit that was exceeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
    /// The kind of error in OpenAI's words, on the calls that have its shape.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The first offending field, or null, on the calls that have OpenAI's shape.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub param: Option<Option<String>>,
}

impl ApiError {
    /// The request cannot be understood, for this reason.
    pub fn bad_request(reason: impl ToString) -> Self {
        Self::BadRequest(Detail {
            reason: reason.to_string(),
            fields: Vec::new(),
        })
    }

    /// No such thing.
    pub fn not_found(reason: impl ToString) -> Self {
        Self::NotFound(Detail {
            reason: reason.to_string(),
            fields: Vec::new(),
        })
    }

    /// The request cannot be understood because of this field.
    pub fn bad_field(field: &str, message: impl ToString) -> Self {
        match Self::field(field, message) {
            Self::Unprocessable(detail) => Self::BadRequest(detail),
            other => other,
        }
    }

    /// No model of this name; `known` is one that there is.
    pub fn no_such_model(name: &str, known: &str) -> Self {
        let name: String = name.chars().take(100).collect();
        match Self::field("model", format!("no model {name:?} is here: use {known}")) {
            Self::Unprocessable(detail) => Self::NoSuchModel(detail),
            other => other,
        }
    }

    /// The request contradicts what is there.
    pub fn conflict(reason: impl ToString) -> Self {
        Self::Conflict(Detail {
            reason: reason.to_string(),
            fields: Vec::new(),
        })
    }

    /// The role does not allow it.
    pub fn forbidden(reason: impl ToString) -> Self {
        Self::Forbidden(Detail {
            reason: reason.to_string(),
            fields: Vec::new(),
        })
    }

    /// A file of a kind that is not read.
    pub fn unsupported(reason: impl ToString) -> Self {
        Self::UnsupportedMediaType(Detail {
            reason: reason.to_string(),
            fields: Vec::new(),
        })
    }

    /// Understood, but wrong as a whole.
    pub fn unprocessable(reason: impl ToString) -> Self {
        Self::Unprocessable(Detail {
            reason: reason.to_string(),
            fields: Vec::new(),
        })
    }

    /// Understood, but one field is wrong.
    pub fn field(field: &str, message: impl ToString) -> Self {
        let message = message.to_string();
        let reason = format!("{field}: {message}");
        Self::Unprocessable(Detail {
            reason,
            fields: vec![FieldError {
                field: field.to_owned(),
                message,
            }],
        })
    }

    /// Something is missing that the call needs.
    pub fn unavailable(reason: impl ToString) -> Self {
        Self::Unavailable(Detail {
            reason: reason.to_string(),
            fields: Vec::new(),
        })
    }

    /// More than a limit allows.
    pub fn too_large(name: &str, max: usize, actual: Option<usize>) -> Self {
        Self::PayloadTooLarge(Limit {
            name: name.to_owned(),
            max: max as u64,
            actual: actual.map(|actual| actual as u64),
        })
    }

    /// Our fault; the reason goes to the log only.
    pub fn internal(reason: impl ToString) -> Self {
        Self::Internal(reason.to_string())
    }

    /// The word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadRequest(_) => "bad_request",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden(_) => "forbidden",
            Self::NotFound(_) => "not_found",
            Self::NoSuchModel(_) => "model_not_found",
            Self::Conflict(_) => "conflict",
            Self::PayloadTooLarge(_) => "payload_too_large",
            Self::UnsupportedMediaType(_) => "unsupported_media_type",
            Self::Unprocessable(_) => "unprocessable",
            Self::RateLimited { .. } => "rate_limited",
            Self::Overloaded { .. } => "overloaded",
            Self::Internal(_) => "internal",
            Self::Unavailable(_) => "unavailable",
            Self::Timeout => "timeout",
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound(_) | Self::NoSuchModel(_) => StatusCode::NOT_FOUND,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::PayloadTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Unprocessable(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::RateLimited { .. } | Self::Overloaded { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Timeout => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// A sentence in Chinese.
    #[must_use]
    pub fn chinese(&self) -> String {
        match self {
            Self::BadRequest(detail) => format!("请求有误：{}", detail.reason),
            Self::Unauthorized => "需要有效的密钥：请在 Authorization 头中给出 Bearer KEY".to_owned(),
            Self::Forbidden(detail) => format!("该密钥无权执行此操作：{}", detail.reason),
            Self::NotFound(detail) => format!("找不到：{}", detail.reason),
            Self::NoSuchModel(detail) => format!("没有这个模型：{}", detail.reason),
            Self::Conflict(detail) => format!("与现有内容冲突：{}", detail.reason),
            Self::PayloadTooLarge(limit) => {
                format!(
                    "超过上限 {}：最多 {}{}",
                    limit.name,
                    limit.max,
                    actual(limit, "，实际 ")
                )
            }
            Self::UnsupportedMediaType(detail) => format!("不支持的文件类型：{}", detail.reason),
            Self::Unprocessable(detail) => format!("内容无法处理：{}", detail.reason),
            Self::RateLimited { retry_after_s } => format!("该密钥请求过于频繁，请 {retry_after_s} 秒后再试"),
            Self::Overloaded { retry_after_s } => format!("服务繁忙，请 {retry_after_s} 秒后再试"),
            Self::Internal(_) => "服务内部错误，请把 request_id 告诉管理员".to_owned(),
            Self::Unavailable(detail) => format!("暂不可用：{}", detail.reason),
            Self::Timeout => "处理超时，请稍后再试或减少内容".to_owned(),
        }
    }

    /// The same sentence in English.
    #[must_use]
    pub fn english(&self) -> String {
        match self {
            Self::BadRequest(detail)
            | Self::Forbidden(detail)
            | Self::NotFound(detail)
            | Self::NoSuchModel(detail)
            | Self::Conflict(detail)
            | Self::UnsupportedMediaType(detail)
            | Self::Unprocessable(detail)
            | Self::Unavailable(detail) => detail.reason.clone(),
            Self::Unauthorized => "a valid key is needed: send it as Authorization: Bearer KEY".to_owned(),
            Self::PayloadTooLarge(limit) => {
                format!(
                    "more than {} allows: at most {}{}",
                    limit.name,
                    limit.max,
                    actual(limit, ", given ")
                )
            }
            Self::RateLimited { retry_after_s } => {
                format!("this key asks too often, try again in {retry_after_s} s")
            }
            Self::Overloaded { retry_after_s } => {
                format!("the server is busy, try again in {retry_after_s} s")
            }
            Self::Internal(_) => "internal error; tell the operator the request_id".to_owned(),
            Self::Timeout => "took too long; try again later or send less".to_owned(),
        }
    }

    fn fields(&self) -> Vec<FieldError> {
        match self {
            Self::BadRequest(detail)
            | Self::Forbidden(detail)
            | Self::NotFound(detail)
            | Self::NoSuchModel(detail)
            | Self::Conflict(detail)
            | Self::UnsupportedMediaType(detail)
            | Self::Unprocessable(detail)
            | Self::Unavailable(detail) => detail.fields.clone(),
            Self::Unauthorized
            | Self::PayloadTooLarge(_)
            | Self::RateLimited { .. }
            | Self::Overloaded { .. }
            | Self::Internal(_)
            | Self::Timeout => Vec::new(),
        }
    }

    /// The body for a caller of this language.
    #[must_use]
    pub fn body(&self, request_id: &str, language: Language) -> ErrorBody {
        let message = match language {
            Language::Chinese => self.chinese(),
            Language::English => self.english(),
        };
        let limit = if let Self::PayloadTooLarge(limit) = self {
            Some(limit.clone())
        } else {
            None
        };
        let request_id = request_id.to_owned();
        ErrorBody {
            error: ErrorFields {
                code: self.code().to_owned(),
                message,
                request_id,
                fields: self.fields(),
                limit,
                kind: None,
                param: None,
            },
        }
    }

    /// The kind of error as OpenAI's clients know it.
    fn kind(&self) -> &'static str {
        match self {
            Self::Unauthorized => "authentication_error",
            Self::Forbidden(_) => "permission_error",
            Self::RateLimited { .. } | Self::Overloaded { .. } => "rate_limit_error",
            Self::Internal(_) | Self::Unavailable(_) | Self::Timeout => "server_error",
            _ => "invalid_request_error",
        }
    }

    /// Whether the caller's input is to blame (4xx), not this process or its surroundings.
    #[must_use]
    pub fn is_bad_input(&self) -> bool {
        self.status().is_client_error() && self.retry_after_s().is_none()
    }

    fn retry_after_s(&self) -> Option<u64> {
        if let Self::RateLimited { retry_after_s } | Self::Overloaded { retry_after_s } = self {
            return Some((*retry_after_s).max(1));
        }
        None
    }
}

/// An error with its causes, for the log.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

fn actual(limit: &Limit, lead: &str) -> String {
    limit
        .actual
        .map_or_else(String::new, |actual| format!("{lead}{actual}"))
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Internal(reason) => f.write_str(reason),
            other => f.write_str(&other.english()),
        }
    }
}

impl std::error::Error for ApiError {}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        if error.is_unavailable() {
            tracing::warn!(error = chain(&error), "the database does not answer");
            return Self::unavailable("the database does not answer; nothing was done, try again");
        }
        match error {
            StoreError::NotFound { .. } => Self::not_found(error),
            StoreError::Conflict { .. } | StoreError::TooMany { .. } => Self::conflict(error),
            StoreError::BadCursor(_) => Self::bad_request(error),
            StoreError::Directory { .. }
            | StoreError::Database(_)
            | StoreError::Migration(_)
            | StoreError::Objects(_)
            | StoreError::Corrupt { .. } => Self::internal(error),
        }
    }
}

impl From<ModelError> for ApiError {
    fn from(error: ModelError) -> Self {
        match &error {
            ModelError::Overloaded { retry_after_ms, .. } => Self::Overloaded {
                retry_after_s: retry_after_ms.div_ceil(1000),
            },
            ModelError::DeadlineExceeded { .. } => Self::Timeout,
            ModelError::BadInput { .. } => Self::unprocessable(error),
            ModelError::NotInstalled { .. } => Self::unavailable(error),
            ModelError::Failed { .. } => Self::internal(error),
        }
    }
}

/// The language of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// The default.
    #[default]
    Chinese,
    /// When `Accept-Language` prefers it.
    English,
}

impl Language {
    /// [`Language::preferred`] of a request.
    pub(crate) fn of(headers: &axum::http::HeaderMap) -> Self {
        Self::preferred(
            headers
                .get(header::ACCEPT_LANGUAGE)
                .and_then(|value| value.to_str().ok()),
        )
    }

    /// The better of the two by `Accept-Language` (RFC 9110, 12.5.4); the first of equal weight; Chinese when neither stands there.
    #[must_use]
    pub fn preferred(header: Option<&str>) -> Self {
        let mut best: Option<(f32, Self)> = None;
        for range in header.unwrap_or_default().split(',').take(32) {
            let mut parts = range.split(';').map(str::trim);
            let tag = parts.next().unwrap_or_default().to_ascii_lowercase();
            let weight = parts
                .find_map(|part| part.strip_prefix("q="))
                .map_or(Ok(1.0), str::parse::<f32>);
            let language = match tag.split('-').next() {
                Some("zh") => Self::Chinese,
                Some("en") => Self::English,
                _ => continue,
            };
            let weight = weight.unwrap_or(0.0);
            if weight > 0.0 && best.is_none_or(|(most, _)| weight > most) {
                best = Some((weight, language));
            }
        }
        best.map_or_else(Self::default, |(_, language)| language)
    }
}

/// Calls whose errors carry `type` and `param` as OpenAI's do.
const OPENAI: [&str; 3] = ["/v1/chat/completions", "/v1/embeddings", "/v1/models"];

/// Writes the body of an error that a handler or layer gave.
pub(crate) async fn render(request: Request, next: Next) -> Response {
    let header = request
        .headers()
        .get(header::ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok());
    let language = Language::preferred(header);
    let request_id = request
        .extensions()
        .get::<RequestId>()
        .cloned()
        .unwrap_or_default();
    let as_openai = OPENAI.contains(&request.uri().path());
    let mut response = next.run(request).await;
    let Some(error) = response.extensions_mut().remove::<ApiError>() else {
        return response;
    };
    if let ApiError::Internal(reason) = &error {
        tracing::error!(request_id = %request_id.0, reason, "internal error");
    }
    let mut body = error.body(&request_id.0, language);
    if as_openai {
        body.error.kind = Some(error.kind().to_owned());
        body.error.param = Some(error.fields().into_iter().next().map(|one| one.field));
    }
    let mut rendered = (error.status(), axum::Json(body)).into_response();
    if let Some(seconds) = error.retry_after_s() {
        rendered
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if error == ApiError::Unauthorized {
        rendered
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    rendered
        .headers_mut()
        .insert(header::VARY, HeaderValue::from_static("accept-language"));
    rendered.extensions_mut().insert(error.code());
    rendered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_follow_accept_language_and_default_to_chinese() {
        let check = |header: Option<&str>, expected: Language| {
            assert_eq!(Language::preferred(header), expected, "{header:?}");
        };
        check(None, Language::Chinese);
        check(Some("*"), Language::Chinese);
        check(Some("en"), Language::English);
        check(Some("en-US,en;q=0.9"), Language::English);
        check(Some("zh-CN,zh;q=0.9,en;q=0.8"), Language::Chinese);
        check(Some("en;q=0.5, zh;q=0.6"), Language::Chinese);
        check(Some("fr, en;q=0.2"), Language::English);
        check(Some("en;q=0, fr"), Language::Chinese);
        check(Some("en;q=many"), Language::Chinese);
    }

    #[test]
    fn the_inside_of_our_faults_is_hidden() {
        let error = ApiError::internal("database: disk I/O error in /data/shifu.db");
        for language in [Language::Chinese, Language::English] {
            let body = serde_json::to_string(&error.body("r-1", language)).unwrap();
            assert!(!body.contains("disk") && body.contains("r-1"), "{body}");
        }
    }

    #[test]
    fn an_exceeded_limit_says_which_and_by_how_much() {
        let body = ApiError::too_large("photos_per_call", 40, Some(41)).body("r-1", Language::English);
        let json = serde_json::to_value(body).unwrap();
        assert_eq!(
            json["error"]["limit"],
            serde_json::json!({"name": "photos_per_call", "max": 40, "actual": 41})
        );
        assert!(json["error"].get("fields").is_none());
    }
}
