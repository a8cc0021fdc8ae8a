//! The API's description, and the page that shows it. Both come from the binary.

use axum::Router;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_swagger_ui::SwaggerUi;

use crate::handlers::{
    admin, alerts, answers, diagnosis, documents, health, inspections, standards, tickets, webhooks,
};
use crate::state::AppState;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "shifu",
        description = "On-premise service intelligence engine for home-appliance after-sales service. 家电售后服务智能引擎。",
        license(name = "Apache-2.0")
    ),
    modifiers(&Bearer),
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
        answers::search, answers::answer, answers::get, answers::feedback, answers::gaps, admin::models,
        standards::put, standards::get, standards::add_photo, standards::report,
        inspections::check_photo, inspections::submit, inspections::list, inspections::get, inspections::overlay,
        alerts::list, alerts::stream, alerts::decide,
        diagnosis::put_bom, diagnosis::get_bom, diagnosis::put_tree, diagnosis::get_tree, diagnosis::graph, diagnosis::tree_svg,
        diagnosis::predict, diagnosis::predict_batch, diagnosis::report_repair, diagnosis::import_repairs,
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
            .map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned()));
        let mut listed: Vec<_> = listed.collect();
        described.sort();
        listed.sort();
        assert_eq!(described, listed);
    }
}
