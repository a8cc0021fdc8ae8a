//! Search, answers and how they came about, feedback, gaps.

use std::collections::BTreeMap;
use std::convert::Infallible;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shifu_knowledge::{AnswerReply, Question, SearchReply, SearchRequest};
use shifu_store::{FeedbackVerdict, GapRow};
use tokio::sync::mpsc::UnboundedReceiver;

use super::Listing;
use crate::access::Caller;
use crate::engine::Piece;
use crate::error::{ApiError, ErrorBody, Language};
use crate::extract::{self, List, rfc3339};
use crate::state::AppState;

/// What an agent thought of an answer.
#[derive(Debug, Clone, Copy, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Opinion {
    Helpful,
    Wrong,
    Incomplete,
}

/// Feedback on an answer.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FeedbackRequest {
    verdict: Opinion,
    /// What would have been right.
    #[serde(default)]
    correction: Option<String>,
}

/// A question that the library could not answer well, with how often it was asked.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(crate) struct GapView {
    question: String,
    product_line: Option<String>,
    /// A refusal reason, or `wrong` or `incomplete`.
    reason: String,
    count: usize,
    answer_ids: Vec<String>,
    corrections: Vec<String>,
    last_asked_at: String,
}

/// Passages for a query.
#[utoipa::path(post, path = "/v1/search", tag = "knowledge", request_body = SearchRequest, responses(
    (status = 200, body = SearchReply), (status = 422, body = ErrorBody)))]
pub(crate) async fn search(
    State(state): State<AppState>,
    caller: Caller,
    extract::Json(request): extract::Json<SearchRequest>,
) -> Result<Json<SearchReply>, ApiError> {
    Ok(Json(state.engine.search(&caller, request).await?))
}

/// A cited answer, or a refusal that says what to ask. With `Accept: text/event-stream`: `citations`, `delta`…, `done` or `error`.
///
/// Where a language model is configured it may put the answer in other words (`rephrase`). A `delta` is then a sentence that was found in
/// a citation; when a later one is not, `done` carries the answer in the documents' own words and `"replaced": true`: show that
/// in the place of what was streamed.
#[utoipa::path(post, path = "/v1/answers", tag = "knowledge", request_body = Question, responses(
    (status = 200, content((AnswerReply = "application/json"), (String = "text/event-stream"))), (status = 422, body = ErrorBody)))]
pub(crate) async fn answer(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    extract::Json(question): extract::Json<Question>,
) -> Result<Response, ApiError> {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let streams = accept.contains("text/event-stream");
    if streams && state.engine.rephrases(&question) {
        let (draft, pieces) = state
            .engine
            .answer_in_pieces(&caller, Vec::new(), question)
            .await?;
        return Ok(as_they_pass(&draft, pieces, Language::of(&headers)).into_response());
    }
    let reply = state.engine.answer(&caller, question).await?;
    if streams {
        return Ok(as_events(&reply).into_response());
    }
    Ok(Json(reply).into_response())
}

fn event(name: &str, data: Value) -> Event {
    Event::default().event(name).data(data.to_string())
}

/// Sentences as a language model writes them and they pass their check.
fn as_they_pass(
    draft: &AnswerReply,
    pieces: UnboundedReceiver<Piece>,
    language: Language,
) -> Sse<impl futures::Stream<Item = Result<Event, Infallible>> + use<>> {
    let citations = event(
        "citations",
        json!({"answer_id": draft.answer_id, "citations": draft.citations}),
    );
    let rest = stream::unfold((pieces, false), move |(mut pieces, sent)| async move {
        let (events, sent) = match pieces.recv().await? {
            Piece::Text(text) => (vec![event("delta", json!({"text": text}))], true),
            Piece::Failed(error) => (vec![event("error", json!(error.body("", language)))], sent),
            Piece::Done(reply) => {
                let whole = sentences(&reply.answer).map(|text| event("delta", json!({"text": text})));
                let mut events: Vec<Event> = if sent { Vec::new() } else { whole.collect() };
                let mut done = json!(reply);
                if sent && reply.phrased_by.is_none() {
                    done["replaced"] = json!(true);
                }
                events.push(event("done", done));
                (events, sent)
            }
        };
        Some((stream::iter(events), (pieces, sent)))
    });
    let events = stream::iter([citations]).chain(rest.flatten()).map(Ok);
    Sse::new(events).keep_alive(KeepAlive::default())
}

fn as_events(reply: &AnswerReply) -> Sse<impl futures::Stream<Item = Result<Event, Infallible>> + use<>> {
    let mut events = vec![event(
        "citations",
        json!({"answer_id": reply.answer_id, "citations": reply.citations}),
    )];
    events.extend(sentences(&reply.answer).map(|text| event("delta", json!({"text": text}))));
    events.push(event("done", json!(reply)));
    Sse::new(stream::iter(events.into_iter().map(Ok)))
}

/// The answer in pieces that end where a reader pauses; put together they are the answer.
pub(super) fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(['。', '！', '？', '；', '\n'])
}

/// How an answer came about. A limited key sees its own answers, and those asked with keys limited to some of the same.
#[utoipa::path(get, path = "/v1/answers/{answer_id}", operation_id = "get_answer", tag = "knowledge", params(("answer_id" = String, Path)), responses(
    (status = 200, description = "the answer, recognised codes and models, filters, explained candidates, versions", body = Object),
    (status = 404, body = ErrorBody)))]
pub(crate) async fn get(
    State(state): State<AppState>,
    caller: Caller,
    Path(answer_id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let record = state.engine.answer_record(&caller, &answer_id).await?;
    let mut process = record.process;
    let merge = json!({
        "answer_id": record.answer_id,
        "asked": {"question": record.question, "model": record.model, "product_line": record.product_line,
                  "conversation_id": record.conversation_id},
        "answer": record.body,
        "created_at": rfc3339(record.created_at, state.engine.zone()),
    });
    if let (Some(into), Value::Object(from)) = (process.as_object_mut(), merge) {
        into.extend(from);
    }
    Ok(Json(process))
}

/// Records what an agent thought of an answer.
#[utoipa::path(post, path = "/v1/answers/{answer_id}/feedback", tag = "knowledge", params(("answer_id" = String, Path)),
    request_body = FeedbackRequest, responses((status = 204), (status = 404, body = ErrorBody)))]
pub(crate) async fn feedback(
    State(state): State<AppState>,
    caller: Caller,
    Path(answer_id): Path<String>,
    extract::Json(request): extract::Json<FeedbackRequest>,
) -> Result<StatusCode, ApiError> {
    extract::check_text(
        &state,
        request
            .correction
            .as_deref()
            .map_or(0, |text| text.chars().count()),
    )?;
    let verdict = match request.verdict {
        Opinion::Helpful => FeedbackVerdict::Helpful,
        Opinion::Wrong => FeedbackVerdict::Wrong,
        Opinion::Incomplete => FeedbackVerdict::Incomplete,
    };
    state.engine.answer_record(&caller, &answer_id).await?;
    let store = state.engine.store();
    store
        .add_feedback(&answer_id, verdict, request.correction.as_deref(), &caller.key_id)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Refused and down-voted questions; the same question within a page is one entry.
#[utoipa::path(get, path = "/v1/gaps", tag = "knowledge", params(
    ("limit" = Option<u32>, Query), ("cursor" = Option<String>, Query), ("from" = Option<String>, Query), ("to" = Option<String>, Query)),
    responses((status = 200, body = Listing<GapView>)))]
pub(crate) async fn gaps(
    State(state): State<AppState>,
    caller: Caller,
    List(request): List,
) -> Result<Json<Listing<GapView>>, ApiError> {
    let keys = state.engine.visible_keys(&caller).await?;
    let page = state.engine.store().gaps(&request, &keys).await?;
    let items = group(page.items, state.engine.zone());
    Ok(Json(Listing {
        items,
        next_cursor: page.next_cursor,
    }))
}

/// Groups by question (case, width and punctuation aside), product line and reason; most asked first.
fn group(rows: Vec<GapRow>, zone: &jiff::tz::TimeZone) -> Vec<GapView> {
    let mut groups: BTreeMap<(String, Option<String>, String), GapView> = BTreeMap::new();
    for row in rows {
        let folded = shifu_domain::text::fold_width(&row.question).to_lowercase();
        let folded = folded.chars().filter(|c| c.is_alphanumeric()).collect();
        let entry = groups
            .entry((folded, row.product_line.clone(), row.reason.clone()))
            .or_insert_with(|| GapView {
                question: row.question,
                product_line: row.product_line,
                reason: row.reason,
                count: 0,
                answer_ids: Vec::new(),
                corrections: Vec::new(),
                last_asked_at: rfc3339(row.created_at, zone),
            });
        entry.count += 1;
        entry.answer_ids.push(row.answer_id);
        entry.corrections.extend(row.correction);
    }
    let mut groups: Vec<GapView> = groups.into_values().collect();
    groups.sort_by(|a, b| {
        b.count
            .cmp(&a.count)
            .then_with(|| b.last_asked_at.cmp(&a.last_asked_at))
    });
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deltas_put_together_are_the_answer() {
        let answer = "先断电。检查连接线；\n再测电压！ok";
        assert_eq!(sentences(answer).collect::<String>(), answer);
        assert_eq!(sentences(answer).next(), Some("先断电。"));
    }

    #[test]
    fn the_same_question_in_other_spelling_is_one_gap() {
        let row = |question: &str, id: &str| GapRow {
            question: question.into(),
            product_line: None,
            reason: "unknown_code".into(),
            answer_id: id.into(),
            correction: None,
            created_at: 0,
        };
        let groups = group(
            vec![
                row("Ｅ９９是什么？", "2"),
                row("e99是什么", "1"),
                row("别的", "0"),
            ],
            &jiff::tz::TimeZone::UTC,
        );
        assert_eq!(groups.iter().map(|gap| gap.count).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(groups[0].answer_ids, ["2", "1"]);
    }
}
