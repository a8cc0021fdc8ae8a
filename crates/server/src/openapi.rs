//! The API's description, and the page that shows it. Both come from the binary.

use axum::Router;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, ObjectBuilder, RefOr, Required, Response, ResponseBuilder, Type};
use utoipa::{Modify, OpenApi};
use utoipa_swagger_ui::SwaggerUi;

use crate::handlers::{
    admin, alerts, answers, diagnosis, documents, drift, health, inspections, openai, standards, suggestions,
    tickets, webhooks,
};
use crate::state::AppState;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "shifu",
        description = "On-premise service intelligence engine for home-appliance after-sales service. 家电售后服务智能引擎。",
        license(name = "Apache-2.0")
    ),
    modifiers(&Bearer, &Common),
    security(("key" = [])),
    tags(
        (name = "knowledge", description = "document → index; question → cited answer"),
        (name = "inspection", description = "photo → verdict"),
        (name = "diagnosis", description = "symptoms → causes, kit, next question"),
        (name = "tickets", description = "dialogue → summary; text → ticket"),
        (name = "administration", description = "keys, webhooks, audit, removal"),
        (name = "service", description = "health and metrics"),
    ),
    paths(
        documents::add, documents::list, documents::get, documents::delete, documents::revise, documents::retire,
        documents::page_picture,
        answers::search, answers::answer, answers::get, answers::feedback, answers::gaps, admin::models,
        openai::chat, openai::embeddings,
        standards::put, standards::get, standards::add_photo, standards::report,
        inspections::check_photo, inspections::submit, inspections::list, inspections::get, inspections::overlay,
        alerts::list, alerts::stream, alerts::decide,
        diagnosis::put_bom, diagnosis::get_bom, diagnosis::put_tree, diagnosis::get_tree, diagnosis::graph, diagnosis::tree_svg,
        diagnosis::predict, diagnosis::predict_batch, diagnosis::pick_list, diagnosis::report_repair, diagnosis::import_repairs,
        suggestions::list, suggestions::accept, suggestions::reject, drift::get,
        tickets::summarize, tickets::summarize_batch, tickets::intake,
        admin::create_key, admin::keys, admin::revoke_key, admin::audit, admin::remove_ticket,
        webhooks::add, webhooks::list, webhooks::remove, webhooks::deliveries, webhooks::redeliver,
        health::health, health::ready, health::metrics,
    )
)]
struct Description;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let components = api.components.get_or_insert_default();
        components.add_security_scheme("key", SecurityScheme::Http(bearer));
    }
}

/// What every call below `/v1` may answer and understands, so that no handler repeats it.
struct Common;

/// Of every call; (status, when).
const ALWAYS: [(&str, &str); 8] = [
    ("400", "the request cannot be understood"),
    ("401", "no valid key"),
    ("403", "the key's role may not make this call"),
    ("404", "no such thing, or no such path"),
    (
        "429",
        "the key asks too often, or the server is full: try again after Retry-After",
    ),
    ("500", "a fault of the server, logged under the request_id"),
    (
        "503",
        "a model, definition or database that the call needs is not there now",
    ),
    ("504", "took longer than the configured time"),
];
/// Of calls with a body.
const WITH_BODY: [(&str, &str); 2] = [
    ("413", "more than a limit allows; `limit` names it"),
    ("415", "a content type or file type that is not read"),
];
/// Of calls with a body or with a name in their path.
const WITH_FIELDS: [(&str, &str); 1] = [("422", "understood, but a field is wrong; `fields` names it")];

impl Modify for Common {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        for (path, item) in &mut api.paths.paths {
            if !path.starts_with("/v1/") {
                continue;
            }
            if let Some(post) = &mut item.post {
                answers(
                    post,
                    &[(
                        "409",
                        "the Idempotency-Key was used with another body, or contradicts what is there",
                    )],
                );
                post.parameters
                    .get_or_insert_default()
                    .push(RefOr::T(idempotency_key()));
            }
            let calls = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete];
            for call in calls.into_iter().flatten() {
                answers(call, &ALWAYS);
                if call.request_body.is_some() {
                    answers(call, &WITH_BODY);
                }
                if call.request_body.is_some() || path.contains('{') {
                    answers(call, &WITH_FIELDS);
                }
            }
        }
    }
}

fn answers(call: &mut Operation, errors: &[(&str, &str)]) {
    for (status, when) in errors {
        let response = || RefOr::T(refusal(when));
        call.responses
            .responses
            .entry((*status).to_owned())
            .or_insert_with(response);
    }
}

fn refusal(when: &str) -> Response {
    let body = Content::new(Some(utoipa::openapi::Ref::from_schema_name("ErrorBody")));
    ResponseBuilder::new()
        .description(when)
        .content("application/json", body)
        .build()
}

fn idempotency_key() -> Parameter {
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "1 to 255 visible ASCII characters; the work is done once, the reply given again for 24 hours",
        ))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .build()
}

/// The API's description; `docs/openapi.json` is a copy of it.
#[must_use]
pub fn description() -> utoipa::openapi::OpenApi {
    Description::openapi()
}

/// `/openapi.json` and `/docs`.
pub(crate) fn routes() -> Router<AppState> {
    SwaggerUi::new("/docs").url("/openapi.json", description()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checked_in_description_is_the_servers() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
        let actual = description().to_pretty_json().unwrap() + "\n";
        let expected = std::fs::read_to_string(path).unwrap_or_default();
        if expected != actual {
            let fresh = std::env::temp_dir().join("shifu-openapi.json");
            std::fs::write(&fresh, &actual).unwrap();
            panic!(
                "docs/openapi.json is out of date; compare it with {} and replace it",
                fresh.display()
            );
        }
    }

    #[test]
    fn the_description_and_the_table_of_roles_list_the_same_calls() {
        let json = serde_json::to_value(description()).unwrap();
        let mut described = Vec::new();
        for (path, calls) in json["paths"].as_object().unwrap() {
            for method in calls
                .as_object()
                .unwrap()
                .keys()
                .filter(|_| path.starts_with("/v1/"))
            {
                described.push((method.to_uppercase(), path.clone()));
            }
        }
        let listed = crate::access::TABLE
            .iter()
            // What stands outside `/v1` describes itself: `tools/list`.
            .filter(|(_, path, _)| path.starts_with("/v1/"))
            .map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned()));
        let mut listed: Vec<_> = listed.collect();
        described.sort();
        listed.sort();
        assert_eq!(described, listed);
    }
}
