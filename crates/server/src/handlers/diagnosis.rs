//! Parts lists, fault trees, predictions, repairs.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use shifu_diagnosis::{
    DepotPicks, FaultTree, PlannedVisit, Prediction, PredictionRequest, Repair, TreeCheck, TreeGraph,
};
use shifu_domain::{PartNumber, ProductLine, Yuan};
use shifu_store::{DefinitionKind, DefinitionRecord};

use super::batch::Batch;
use super::standards::essence;
use crate::access::Caller;
use crate::engine::{ImportReport, RepairOutcome, TreeFormat};
use crate::error::{ApiError, ErrorBody};
use crate::extract::{self, rfc3339};
use crate::state::AppState;

/// A kept version of a definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct VersionView {
    /// Counted from 1.
    pub(crate) revision: u32,
    /// RFC 3339.
    pub(crate) created_at: String,
}

/// A parts list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct BomView {
    /// The product line.
    pub(crate) product_line: ProductLine,
    /// The version in force.
    pub(crate) revision: u32,
    /// Its parts.
    pub(crate) parts: Vec<PartView>,
    /// The text as given.
    pub(crate) content: String,
    /// Every kept version, newest first.
    pub(crate) versions: Vec<VersionView>,
}

/// A part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct PartView {
    /// Its number.
    pub(crate) part_number: PartNumber,
    /// Its name.
    pub(crate) name: String,
    /// Price of one.
    pub(crate) price: Yuan,
    /// Older numbers that it replaces.
    pub(crate) supersedes: Vec<PartNumber>,
    /// Models that it fits; empty: all.
    pub(crate) fits: Vec<String>,
}

/// A fault tree.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct TreeView {
    /// The product line.
    pub(crate) product_line: ProductLine,
    /// The version in force.
    pub(crate) revision: u32,
    /// The operator's own version.
    pub(crate) version: String,
    /// toml or xml.
    pub(crate) format: String,
    /// What it holds.
    pub(crate) check: TreeCheck,
    /// The text as given.
    pub(crate) content: String,
    /// Every kept version, newest first.
    pub(crate) versions: Vec<VersionView>,
}

/// Predictions to make; the list alone will do.
#[derive(utoipa::ToSchema)]
#[allow(dead_code)]
pub(crate) struct PredictionBatch {
    items: Vec<PredictionRequest>,
}

fn line(name: &str) -> Result<ProductLine, ApiError> {
    ProductLine::new(name).map_err(|error| ApiError::field("product_line", error))
}

fn versions(state: &AppState, records: &[DefinitionRecord]) -> Vec<VersionView> {
    let zone = state.engine.zone();
    let view = |record: &DefinitionRecord| VersionView {
        revision: record.revision,
        created_at: rfc3339(record.created_at, zone),
    };
    records.iter().map(view).collect()
}

async fn bom_view(state: &AppState, line: ProductLine) -> Result<Json<BomView>, ApiError> {
    let records = state.engine.definition(DefinitionKind::Bom, &line).await?;
    let bom = state.engine.bom(&line)?;
    let part = |part: &shifu_diagnosis::Part| PartView {
        part_number: part.part_number.clone(),
        name: part.name.clone(),
        price: part.price,
        supersedes: part.supersedes.clone(),
        fits: part.fits.iter().map(ToString::to_string).collect(),
    };
    Ok(Json(BomView {
        product_line: line,
        revision: records[0].revision,
        parts: bom.parts.iter().map(part).collect(),
        content: records[0].content.clone(),
        versions: versions(state, &records),
    }))
}

/// Puts a parts list into force.
#[utoipa::path(put, path = "/v1/boms/{product_line}", tag = "diagnosis", params(("product_line" = String, Path)),
    request_body(content = String, content_type = "application/toml", description = "bom.toml"), responses(
    (status = 200, body = BomView), (status = 422, body = ErrorBody)))]
pub(crate) async fn put_bom(
    State(state): State<AppState>,
    caller: Caller,
    Path(name): Path<String>,
    request: Request,
) -> Result<Json<BomView>, ApiError> {
    let line = line(&name)?;
    let body = extract::body(request, &state).await?;
    state
        .engine
        .put_bom(&caller, &line, extract::text(&body)?)
        .await?;
    bom_view(&state, line).await
}

/// The parts list in force.
#[utoipa::path(get, path = "/v1/boms/{product_line}", tag = "diagnosis", params(("product_line" = String, Path)), responses(
    (status = 200, body = BomView), (status = 404, body = ErrorBody)))]
pub(crate) async fn get_bom(
    State(state): State<AppState>,
    Path(name): Path<String>,
) -> Result<Json<BomView>, ApiError> {
    bom_view(&state, line(&name)?).await
}

async fn tree_view(state: &AppState, line: ProductLine) -> Result<Json<TreeView>, ApiError> {
    let records = state.engine.definition(DefinitionKind::FaultTree, &line).await?;
    let tree = state.engine.fault_tree(&line)?;
    Ok(Json(TreeView {
        product_line: line,
        revision: records[0].revision,
        version: tree.version.clone(),
        format: records[0].format.clone(),
        check: tree.check(),
        content: records[0].content.clone(),
        versions: versions(state, &records),
    }))
}

/// Puts a fault tree into force: `fault-tree.toml`, or Open-PSA XML by content type.
#[utoipa::path(put, path = "/v1/fault-trees/{product_line}", tag = "diagnosis", params(("product_line" = String, Path)),
    request_body(content((String = "application/toml"), (String = "application/xml"))), responses(
    (status = 200, body = TreeView), (status = 422, body = ErrorBody)))]
pub(crate) async fn put_tree(
    State(state): State<AppState>,
    caller: Caller,
    Path(name): Path<String>,
    request: Request,
) -> Result<Json<TreeView>, ApiError> {
    let line = line(&name)?;
    let essence = essence(&request).unwrap_or_default();
    let body = extract::body(request, &state).await?;
    let text = extract::text(&body)?;
    let by_type = essence.ends_with("/xml") || essence.ends_with("+xml");
    let by_content = !essence.ends_with("toml") && text.trim_start().starts_with('<');
    let format = if by_type || by_content {
        TreeFormat::Xml
    } else {
        TreeFormat::Toml
    };
    state.engine.put_fault_tree(&caller, &line, text, format).await?;
    tree_view(&state, line).await
}

/// The fault tree in force.
#[utoipa::path(get, path = "/v1/fault-trees/{product_line}", tag = "diagnosis", params(("product_line" = String, Path)), responses(
    (status = 200, body = TreeView), (status = 404, body = ErrorBody)))]
pub(crate) async fn get_tree(
    State(state): State<AppState>,
    Path(name): Path<String>,
) -> Result<Json<TreeView>, ApiError> {
    tree_view(&state, line(&name)?).await
}

/// Whose posteriors a tree is drawn with.
#[derive(Debug, Deserialize)]
pub(crate) struct DrawnFor {
    /// A ticket with a prediction.
    ticket_id: Option<String>,
}

/// The fault tree as nodes and edges; with a ticket's last prediction, also the posteriors of the causes that it lists.
#[utoipa::path(get, path = "/v1/fault-trees/{product_line}/graph", tag = "diagnosis", params(("product_line" = String, Path),
    ("ticket_id" = Option<String>, Query, description = "the ticket whose last prediction gives the posteriors")), responses(
    (status = 200, body = TreeGraph), (status = 404, body = ErrorBody)))]
pub(crate) async fn graph(
    State(state): State<AppState>,
    caller: Caller,
    Path(name): Path<String>,
    Query(drawn_for): Query<DrawnFor>,
) -> Result<Json<TreeGraph>, ApiError> {
    let (tree, prediction) = drawn(&state, &caller, &name, drawn_for).await?;
    Ok(Json(tree.graph(prediction.as_ref())))
}

async fn drawn(
    state: &AppState,
    caller: &Caller,
    name: &str,
    drawn_for: DrawnFor,
) -> Result<(Arc<FaultTree>, Option<Prediction>), ApiError> {
    let line = line(name)?;
    let tree = state.engine.fault_tree(&line)?;
    let prediction = match drawn_for.ticket_id {
        Some(ticket_id) => Some(state.engine.last_prediction(caller, &line, &ticket_id).await?),
        None => None,
    };
    Ok((tree, prediction))
}

/// The fault tree as a picture, coloured by a ticket's last prediction where one is named.
#[utoipa::path(get, path = "/v1/fault-trees/{product_line}/tree.svg", tag = "diagnosis", params(("product_line" = String, Path),
    ("ticket_id" = Option<String>, Query, description = "the ticket whose last prediction gives the posteriors")), responses(
    (status = 200, description = "the picture", content_type = "image/svg+xml"), (status = 404, body = ErrorBody)))]
pub(crate) async fn tree_svg(
    State(state): State<AppState>,
    caller: Caller,
    Path(name): Path<String>,
    Query(drawn_for): Query<DrawnFor>,
) -> Result<Response, ApiError> {
    let (tree, prediction) = drawn(&state, &caller, &name, drawn_for).await?;
    let svg = tree.to_svg(prediction.as_ref());
    let policy = "default-src 'none'; style-src 'unsafe-inline'";
    Ok((
        [
            (header::CONTENT_TYPE, "image/svg+xml"),
            (header::CONTENT_SECURITY_POLICY, policy),
        ],
        svg,
    )
        .into_response())
}

/// Causes, the parts to send, and what to ask next.
#[utoipa::path(post, path = "/v1/part-predictions", tag = "diagnosis", request_body = PredictionRequest, responses(
    (status = 200, body = Prediction), (status = 422, body = ErrorBody), (status = 503, description = "no fault tree or parts list yet", body = ErrorBody)))]
pub(crate) async fn predict(
    State(state): State<AppState>,
    caller: Caller,
    extract::Json(request): extract::Json<PredictionRequest>,
) -> Result<Json<Prediction>, ApiError> {
    Ok(Json(state.engine.predict(&caller, request).await?))
}

/// Predictions for many tickets; each item is a prediction, or `error`.
#[utoipa::path(post, path = "/v1/part-predictions/batch", tag = "diagnosis", request_body = PredictionBatch, responses(
    (status = 200, description = "{items: [prediction or {error}]}", body = Object), (status = 413, body = ErrorBody)))]
pub(crate) async fn predict_batch(
    State(state): State<AppState>,
    headers: axum::http::HeaderMap,
    extract::Json(batch): extract::Json<Batch>,
) -> Result<Json<Value>, ApiError> {
    let predict = |request| state.engine.predict_in_bulk(request);
    batch.each(&state, &headers, predict).await
}

/// The visits of a day.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DayPlan {
    /// Visits with the kits of their predictions; at most 10,000.
    visits: Vec<PlannedVisit>,
}

/// What to load for the visits of a day.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct PickList {
    /// Depots by name.
    depots: Vec<DepotPicks>,
}

/// A day's pick list: per depot and van, how many of each part are needed on average and with a chance of 90 %.
#[utoipa::path(post, path = "/v1/part-predictions/pick-list", tag = "diagnosis", request_body = DayPlan, responses(
    (status = 200, body = PickList), (status = 422, body = ErrorBody)))]
pub(crate) async fn pick_list(
    State(state): State<AppState>,
    extract::Json(plan): extract::Json<DayPlan>,
) -> Result<Json<PickList>, ApiError> {
    let depots = state.engine.pick_list(plan.visits).await?;
    Ok(Json(PickList { depots }))
}

/// Reports a repair; the next prediction has learnt from it.
#[utoipa::path(post, path = "/v1/repairs", tag = "diagnosis", request_body = Repair, responses(
    (status = 200, body = RepairOutcome), (status = 422, body = ErrorBody)))]
pub(crate) async fn report_repair(
    State(state): State<AppState>,
    caller: Caller,
    extract::Json(repair): extract::Json<Repair>,
) -> Result<Json<RepairOutcome>, ApiError> {
    Ok(Json(state.engine.report_repair(&caller, repair).await?))
}

#[derive(Deserialize)]
pub(crate) struct ImportQuery {
    /// `jsonl` or `csv`, where the content type does not say.
    format: Option<String>,
}

/// Reports many repairs as JSON lines or CSV; rows that are wrong are listed and left out.
///
/// CSV has a header with the names of the fields; `symptoms` are ids parted by spaces with `-` before an absent one,
/// `fault_codes` are parted by spaces, `parts_used` are `NUMBER*QUANTITY` parted by spaces.
#[utoipa::path(post, path = "/v1/repairs/import", tag = "diagnosis", params(("format" = Option<String>, Query, description = "jsonl or csv")),
    request_body(content((String = "application/x-ndjson"), (String = "text/csv"))), responses(
    (status = 200, body = ImportReport), (status = 400, body = ErrorBody)))]
pub(crate) async fn import_repairs(
    State(state): State<AppState>,
    caller: Caller,
    Query(query): Query<ImportQuery>,
    request: Request,
) -> Result<Json<ImportReport>, ApiError> {
    let essence = essence(&request).unwrap_or_default();
    let body = extract::body(request, &state).await?;
    let csv = query.format.as_deref() == Some("csv") || (query.format.is_none() && essence == "text/csv");
    let rows = if csv { csv_rows(&body)? } else { json_rows(&body) };
    Ok(Json(state.engine.import_repairs(&caller, rows).await?))
}

/// A row of an import: its line, and the repair or what is wrong with it.
pub type RepairRow = (usize, Result<Repair, String>);

/// Rows of an import that are read, and one more so that the caller sees that there are; configuration may allow fewer.
const MOST_ROWS: usize = 1_000_000 + 1;
/// Columns of a CSV file.
const MOST_COLUMNS: usize = 100;

/// Repairs of a JSON-lines file, each with its line from 1; blank lines are skipped.
pub fn json_rows(body: &[u8]) -> Vec<RepairRow> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let lines = body.split(|byte| *byte == b'\n').enumerate();
    let filled = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
    filled
        .take(MOST_ROWS)
        .map(|(at, line)| {
            (
                at + 1,
                extract::from_json(line.trim_ascii()).map_err(|error| row_error(&error)),
            )
        })
        .collect()
}

/// What is wrong with a row, with the field in which it is.
fn row_error(error: &ApiError) -> String {
    match error {
        ApiError::Unprocessable(detail) if !detail.fields.is_empty() => {
            format!("{}: {}", detail.fields[0].field, detail.reason)
        }
        other => other.english(),
    }
}

/// Repairs of a CSV file, each with its line from 1.
///
/// # Errors
/// `BadRequest` when the header cannot be read, names a column twice or has too many.
pub fn csv_rows(body: &[u8]) -> Result<Vec<RepairRow>, ApiError> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(body);
    let header = reader
        .headers()
        .map_err(|error| ApiError::bad_request(format!("CSV: {error}")))?
        .clone();
    if header.len() > MOST_COLUMNS {
        return Err(ApiError::bad_request(format!(
            "CSV: {} columns, at most {MOST_COLUMNS} are read",
            header.len()
        )));
    }
    let mut names: Vec<&str> = header.iter().collect();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(ApiError::bad_request(format!(
            "CSV: column {:?} stands twice",
            pair[0].chars().take(100).collect::<String>()
        )));
    }
    let mut rows = Vec::new();
    for record in reader.records().take(MOST_ROWS) {
        let row = match record {
            Ok(record) => {
                let line = record.position().map_or(0, |at| at.line() as usize);
                (line, csv_repair(&header, &record))
            }
            Err(error) => {
                let line = error.position().map_or(0, |at| at.line() as usize);
                (line, Err(error.to_string()))
            }
        };
        rows.push(row);
    }
    Ok(rows)
}

fn csv_repair(header: &csv::StringRecord, record: &csv::StringRecord) -> Result<Repair, String> {
    let mut fields = Map::new();
    for (name, text) in header.iter().zip(record).filter(|(_, text)| !text.is_empty()) {
        fields.insert(name.to_owned(), csv_field(name, text)?);
    }
    extract::from_json(Value::Object(fields).to_string().as_bytes()).map_err(|error| row_error(&error))
}

fn csv_field(name: &str, text: &str) -> Result<Value, String> {
    let words = || text.split_whitespace();
    Ok(match name {
        "visit" => json!(
            text.parse::<u32>()
                .map_err(|_| format!("visit: {text:?} is not a number"))?
        ),
        "fixed" => match text.to_lowercase().as_str() {
            "true" | "1" | "yes" | "是" => json!(true),
            "false" | "0" | "no" | "否" => json!(false),
            _ => return Err(format!("fixed: {text:?} is neither true nor false")),
        },
        "fault_codes" => json!(words().collect::<Vec<_>>()),
        "symptoms" => words()
            .map(|word| json!({"id": word.trim_start_matches('-'), "present": !word.starts_with('-')}))
            .collect(),
        "parts_used" => words().map(csv_part).collect::<Result<_, _>>()?,
        _ => json!(text),
    })
}

fn csv_part(word: &str) -> Result<Value, String> {
    let (number, quantity) = word.split_once('*').unwrap_or((word, "1"));
    let quantity: u32 = quantity
        .parse()
        .map_err(|_| format!("parts_used: {quantity:?} is not a quantity"))?;
    Ok(json!({"part_number": number, "quantity": quantity}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_both_formats_are_the_same_repairs_and_bad_ones_name_their_line() {
        let csv = "ticket_id,visit,product_line,symptoms,fault_codes,parts_used,fixed\n\
                   T-1,1,split_air_conditioner,not_cooling -leaking,E6,AC-PCB-201*2 AC-CAP-35,true\n\
                   T-2,one,split_air_conditioner,,,,true\n";
        let rows = csv_rows(csv.as_bytes()).unwrap();
        let repair = rows[0].1.as_ref().unwrap();
        assert_eq!((repair.symptoms.len(), repair.symptoms[1].present), (2, false));
        assert_eq!(
            (repair.parts_used[0].quantity, repair.parts_used[1].quantity),
            (2, 1)
        );
        assert_eq!(
            (rows[1].0, rows[1].1.as_ref().unwrap_err().as_str()),
            (3, "visit: \"one\" is not a number")
        );
        let line = serde_json::to_string(repair).unwrap();
        let rows = json_rows(format!("{line}\n\n{{broken\n").as_bytes());
        assert_eq!(rows[0].1.as_ref().unwrap(), repair);
        assert!(rows[1].0 == 3 && rows[1].1.is_err());
    }
}
