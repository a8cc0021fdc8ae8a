//! Parsing at the door: JSON, text and multipart bodies, list queries; every refusal is an [`ApiError`] that names the place.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::{header, request::Parts};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use shifu_store::PageRequest;

use crate::error::{ApiError, Detail, FieldError};
use crate::json_values;
use crate::multipart::{self, MultipartError};
use crate::state::AppState;

/// A JSON body.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<AppState> for Json<T> {
    type Rejection = ApiError;
    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        require_json(&request)?;
        let body = body(request, state).await?;
        from_json(&body).map(Self)
    }
}

/// A JSON body that may be left out, or null.
pub(crate) struct OptionalJson<T>(pub(crate) T);

impl<T: DeserializeOwned + Default> FromRequest<AppState> for OptionalJson<T> {
    type Rejection = ApiError;
    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        let is_json = require_json(&request);
        let body = body(request, state).await?;
        if body.is_empty() {
            return Ok(Self(T::default()));
        }
        is_json?;
        let given: Option<T> = from_json(&body)?;
        Ok(Self(given.unwrap_or_default()))
    }
}

fn require_json(request: &Request) -> Result<(), ApiError> {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let essence = content_type
        .unwrap_or("application/json")
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    if !essence.eq_ignore_ascii_case("application/json") && !essence.ends_with("+json") {
        return Err(ApiError::unsupported(format!("{essence}: send application/json")));
    }
    Ok(())
}

/// The whole body within the limit.
pub(crate) async fn body(request: Request, state: &AppState) -> Result<Bytes, ApiError> {
    let most = state.config().limits.body_bytes;
    Bytes::from_request(request, state).await.map_err(|error| {
        if error.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE || is_length_limit(&error) {
            return ApiError::too_large("body_bytes", most, None);
        }
        ApiError::bad_request("the body broke off")
    })
}

/// Whether a body error is the length limit's.
pub(crate) fn is_length_limit(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.to_string().contains("length limit exceeded") {
            return true;
        }
        next = error.source();
    }
    false
}

/// Reads JSON: 400 with line and column when it is none, 422 with the field when it is not what is wanted.
///
/// A text of more values than [`json_values::MOST_VALUES`] is 413; nesting is bounded by the reader itself, at 128.
pub(crate) fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let values = json_values::count(bytes);
    if values > json_values::MOST_VALUES {
        return Err(ApiError::too_large(
            "json_values",
            json_values::MOST_VALUES,
            Some(values),
        ));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value: T = serde_path_to_error::deserialize(&mut reader).map_err(json_error)?;
    reader
        .end()
        .map_err(|error| ApiError::bad_request(format!("JSON: {error}")))?;
    Ok(value)
}

fn json_error(error: serde_path_to_error::Error<serde_json::Error>) -> ApiError {
    let field = shortened(&error.path().to_string());
    let inner = error.into_inner();
    let message = shortened(&inner.to_string());
    if !inner.is_data() {
        return ApiError::bad_request(format!("JSON: {message}"));
    }
    let fields = if field == "." {
        Vec::new()
    } else {
        vec![FieldError {
            field,
            message: message.clone(),
        }]
    };
    ApiError::Unprocessable(Detail {
        reason: message,
        fields,
    })
}

/// The beginning and the end of a message: it may quote a value as long as the body.
fn shortened(message: &str) -> String {
    const HALF: usize = 200;
    let chars = message.chars().count();
    if chars <= 2 * HALF {
        return message.to_owned();
    }
    let beginning = message.chars().take(HALF);
    let end = message.chars().skip(chars - HALF);
    beginning.chain(" … ".chars()).chain(end).collect()
}

/// A body as text: 400 with the position of the first byte that is not UTF-8.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, ApiError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
            + 1;
        ApiError::bad_request(format!(
            "not UTF-8 text: line {line}, byte {}",
            error.valid_up_to()
        ))
    })
}

pub(crate) use crate::multipart::Part;

/// All parts of a multipart body.
pub(crate) struct Form(pub(crate) Vec<Part>);

impl FromRequest<AppState> for Form {
    type Rejection = ApiError;
    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        let limits = &state.config().limits;
        let content_type = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let body = body(request, state).await?;
        // A few parts more than photos, ticket and metadata need.
        let most = limits.photos_per_call + 5;
        match multipart::parts(&content_type, &body, most) {
            Ok(parts) => Ok(Self(parts)),
            Err(error @ (MultipartError::NotMultipart { .. } | MultipartError::Boundary)) => Err(
                ApiError::unsupported(format!("{error}: send multipart/form-data")),
            ),
            Err(MultipartError::TooManyParts { .. }) => Err(ApiError::too_large(
                "photos_per_call",
                limits.photos_per_call,
                None,
            )),
            Err(
                error @ (MultipartError::NoBeginning
                | MultipartError::DamagedBoundary { .. }
                | MultipartError::CutOff { .. }
                | MultipartError::Headers { .. }),
            ) => Err(ApiError::bad_request(format!("multipart: {error}"))),
        }
    }
}

impl Form {
    /// The one part of that name.
    pub(crate) fn one(&self, name: &str) -> Result<&Part, ApiError> {
        self.optional(name)?
            .ok_or_else(|| ApiError::field(name, "this part is missing"))
    }

    /// The part of that name, where there is one.
    pub(crate) fn optional(&self, name: &str) -> Result<Option<&Part>, ApiError> {
        let mut found = self.0.iter().filter(|part| part.name == name);
        let first = found.next();
        if found.next().is_some() {
            return Err(ApiError::field(name, "this part stands more than once"));
        }
        Ok(first)
    }

    /// Every part of that name, in order.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Part> {
        self.0.iter().filter(move |part| part.name == name)
    }

    /// The JSON in the part of that name.
    pub(crate) fn json<T: DeserializeOwned>(&self, name: &str) -> Result<T, ApiError> {
        from_json(&self.one(name)?.bytes).map_err(|error| within(name, error))
    }

    /// The text in the part of that name.
    pub(crate) fn text(&self, name: &str) -> Result<String, ApiError> {
        Ok(text(&self.one(name)?.bytes)?.trim().to_owned())
    }
}

/// Puts the part's name before the places of an error.
pub(crate) fn within(part: &str, error: ApiError) -> ApiError {
    let prefix = |mut detail: Detail| {
        detail.reason = format!("{part}: {}", detail.reason);
        if detail.fields.is_empty() {
            detail.fields.push(FieldError {
                field: part.to_owned(),
                message: detail.reason.clone(),
            });
        } else {
            for field in &mut detail.fields {
                field.field = format!("{part}.{}", field.field);
            }
        }
        detail
    };
    match error {
        ApiError::BadRequest(detail) => ApiError::BadRequest(prefix(detail)),
        ApiError::Unprocessable(detail) => ApiError::Unprocessable(prefix(detail)),
        other => other,
    }
}

/// The query of a list.
pub(crate) struct List(pub(crate) PageRequest);

#[derive(Deserialize)]
struct ListQuery {
    limit: Option<u32>,
    cursor: Option<String>,
    from: Option<String>,
    to: Option<String>,
    ticket_id: Option<String>,
    status: Option<String>,
}

impl FromRequestParts<AppState> for List {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let Query(query) = Query::<ListQuery>::try_from_uri(&parts.uri)
            .map_err(|error| ApiError::bad_request(error.body_text()))?;
        if query.limit.is_some_and(|limit| !(1..=200).contains(&limit)) {
            return Err(ApiError::bad_request("limit must be 1 to 200"));
        }
        let zone = state.engine.zone();
        Ok(Self(PageRequest {
            limit: query.limit,
            cursor: query.cursor,
            from_ms: query.from.map(|at| moment("from", &at, zone)).transpose()?,
            to_ms: query.to.map(|at| moment("to", &at, zone)).transpose()?,
            ticket_id: query.ticket_id,
            status: query.status,
        }))
    }
}

/// An RFC 3339 time, or a date in the configured zone; milliseconds since 1970. A `+` that a form decoder made a space is mended.
fn moment(name: &str, text: &str, zone: &jiff::tz::TimeZone) -> Result<i64, ApiError> {
    let text = text.replace(' ', "+");
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(at.as_millisecond());
    }
    let date = text
        .parse::<jiff::civil::Date>()
        .ok()
        .and_then(|date| date.to_zoned(zone.clone()).ok());
    date.map(|at| at.timestamp().as_millisecond()).ok_or_else(|| {
        ApiError::bad_request(format!("{name} must be an RFC 3339 time or a date, not {text:?}"))
    })
}

/// Milliseconds since 1970 as RFC 3339 in the configured zone.
pub(crate) fn rfc3339(ms: i64, zone: &jiff::tz::TimeZone) -> String {
    let at = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    let shown = zone.to_offset(at);
    at.display_with_offset(shown).to_string()
}

/// Refuses text beyond the configured length.
pub(crate) fn check_text(state: &AppState, actual_chars: usize) -> Result<(), ApiError> {
    let most = state.config().limits.text_chars;
    if actual_chars > most {
        return Err(ApiError::too_large("text_chars", most, Some(actual_chars)));
    }
    Ok(())
}
