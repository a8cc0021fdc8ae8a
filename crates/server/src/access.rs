//! Who may call what: keys, roles, and the table of routes.

use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::{Method, header, request::Parts};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use shifu_domain::Brand;
use shifu_store::KeyRecord;

use crate::error::ApiError;
use crate::state::AppState;

/// What a key is for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// May do everything.
    Admin,
    /// 客服坐席
    Agent,
    /// 师傅
    Technician,
    /// 审单员
    Reviewer,
    /// 派单员, usually another system.
    Dispatcher,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 5] = [
        Self::Admin,
        Self::Agent,
        Self::Technician,
        Self::Reviewer,
        Self::Dispatcher,
    ];

    /// Its name in JSON and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Agent => "agent",
            Self::Technician => "technician",
            Self::Reviewer => "reviewer",
            Self::Dispatcher => "dispatcher",
        }
    }

    /// The role of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }
}

impl std::str::FromStr for Role {
    type Err = String;
    fn from_str(name: &str) -> Result<Self, String> {
        let known = || Self::ALL.map(Self::as_str).join(", ");
        Self::parse(name).ok_or_else(|| format!("{name:?} is not a role: use one of {}", known()))
    }
}

use Role::{Agent, Dispatcher, Reviewer, Technician};

const KNOWLEDGE: &[Role] = &[Agent, Technician, Dispatcher, Reviewer];
const PREDICTION: &[Role] = &[Dispatcher, Agent, Technician];
const REPAIRS: &[Role] = &[Dispatcher, Technician];
const SUBMISSION: &[Role] = &[Technician];
const READ_INSPECTION: &[Role] = &[Reviewer, Technician];
const ALERTS: &[Role] = &[Reviewer];
const DRIFT: &[Role] = &[Reviewer];
const TICKETS: &[Role] = &[Agent, Dispatcher];
const EVERYBODY: &[Role] = &[Agent, Technician, Reviewer, Dispatcher];
const ADMIN_ONLY: &[Role] = &[];

/// Every call that needs a key and the roles besides `admin` that may make it; a call that is not here is for `admin` only. A technician
/// reads only inspections submitted with the same key: the handlers see to that.
pub const TABLE: &[(&str, &str, &[Role])] = &[
    ("POST", "/v1/documents", ADMIN_ONLY),
    ("GET", "/v1/documents", ADMIN_ONLY),
    ("GET", "/v1/documents/{document_id}", ADMIN_ONLY),
    ("DELETE", "/v1/documents/{document_id}", ADMIN_ONLY),
    ("POST", "/v1/documents/{document_id}/revise", ADMIN_ONLY),
    ("POST", "/v1/documents/{document_id}/retire", ADMIN_ONLY),
    ("GET", "/v1/documents/{document_id}/pages/{picture}", KNOWLEDGE),
    ("POST", "/v1/search", KNOWLEDGE),
    ("POST", "/v1/answers", KNOWLEDGE),
    ("GET", "/v1/answers/{answer_id}", KNOWLEDGE),
    ("POST", "/v1/answers/{answer_id}/feedback", KNOWLEDGE),
    ("GET", "/v1/gaps", ADMIN_ONLY),
    ("GET", "/v1/models", KNOWLEDGE),
    ("POST", "/v1/chat/completions", KNOWLEDGE),
    ("POST", "/v1/embeddings", KNOWLEDGE),
    // Its tools are those of the calls behind them.
    ("POST", "/mcp", EVERYBODY),
    ("GET", "/mcp", EVERYBODY),
    ("DELETE", "/mcp", EVERYBODY),
    ("PUT", "/v1/standards/{category}", ADMIN_ONLY),
    ("GET", "/v1/standards/{category}", ADMIN_ONLY),
    ("POST", "/v1/standards/{category}/photos", ADMIN_ONLY),
    ("GET", "/v1/standards/{category}/report", ADMIN_ONLY),
    ("POST", "/v1/photo-checks", SUBMISSION),
    ("POST", "/v1/inspections", SUBMISSION),
    ("GET", "/v1/inspections", READ_INSPECTION),
    ("GET", "/v1/inspections/{inspection_id}", READ_INSPECTION),
    (
        "GET",
        "/v1/inspections/{inspection_id}/photos/{position}/overlay.png",
        READ_INSPECTION,
    ),
    ("GET", "/v1/alerts", ALERTS),
    ("GET", "/v1/alerts/stream", ALERTS),
    ("POST", "/v1/alerts/{alert_id}/verdict", ALERTS),
    ("PUT", "/v1/boms/{product_line}", ADMIN_ONLY),
    ("GET", "/v1/boms/{product_line}", ADMIN_ONLY),
    ("PUT", "/v1/fault-trees/{product_line}", ADMIN_ONLY),
    ("GET", "/v1/fault-trees/{product_line}", ADMIN_ONLY),
    ("GET", "/v1/fault-trees/{product_line}/graph", ADMIN_ONLY),
    ("GET", "/v1/fault-trees/{product_line}/tree.svg", ADMIN_ONLY),
    ("POST", "/v1/part-predictions", PREDICTION),
    ("POST", "/v1/part-predictions/batch", PREDICTION),
    ("POST", "/v1/part-predictions/pick-list", PREDICTION),
    ("POST", "/v1/repairs", REPAIRS),
    ("POST", "/v1/repairs/import", REPAIRS),
    ("GET", "/v1/suggestions", ADMIN_ONLY),
    ("POST", "/v1/suggestions/{suggestion_id}/accept", ADMIN_ONLY),
    ("POST", "/v1/suggestions/{suggestion_id}/reject", ADMIN_ONLY),
    ("GET", "/v1/drift", DRIFT),
    ("POST", "/v1/summaries", TICKETS),
    ("POST", "/v1/summaries/batch", TICKETS),
    ("POST", "/v1/intakes", TICKETS),
    ("GET", "/v1/keys", ADMIN_ONLY),
    ("POST", "/v1/keys", ADMIN_ONLY),
    ("DELETE", "/v1/keys/{key_id}", ADMIN_ONLY),
    ("GET", "/v1/webhooks", ADMIN_ONLY),
    ("POST", "/v1/webhooks", ADMIN_ONLY),
    ("DELETE", "/v1/webhooks/{webhook_id}", ADMIN_ONLY),
    ("GET", "/v1/webhooks/{webhook_id}/deliveries", ADMIN_ONLY),
    ("POST", "/v1/webhooks/{webhook_id}/redeliver", ADMIN_ONLY),
    ("GET", "/v1/audit", ADMIN_ONLY),
    ("DELETE", "/v1/tickets/{ticket_id}", ADMIN_ONLY),
];

/// Whether `role` may call `method` on the route `path` (as it stands in [`TABLE`]).
#[must_use]
pub fn allowed(role: Role, method: &str, path: &str) -> bool {
    role == Role::Admin
        || TABLE
            .iter()
            .any(|(m, p, roles)| *m == method && *p == path && roles.contains(&role))
}

/// The key behind a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The key's identifier.
    pub key_id: String,
    /// Its role.
    pub role: Role,
    /// Brands it sees; empty: all. What has no brand is seen by everybody.
    pub brands: Vec<Brand>,
    /// Service providers it sees; empty: all.
    pub service_providers: Vec<String>,
}

impl Caller {
    fn new(key: KeyRecord) -> Result<Self, ApiError> {
        let unusable = |what: &str| ApiError::internal(format!("key {} has an unusable {what}", key.key_id));
        let role = Role::parse(&key.role).ok_or_else(|| unusable("role"))?;
        let brands = key
            .brands
            .iter()
            .map(|brand| Brand::new(brand))
            .collect::<Result<_, _>>();
        let brands = brands.map_err(|_| unusable("brand"))?;
        Ok(Self {
            key_id: key.key_id,
            role,
            brands,
            service_providers: key.service_providers,
        })
    }

    /// The operator on the machine itself.
    #[must_use]
    pub fn local() -> Self {
        Self {
            key_id: "local".to_owned(),
            role: Role::Admin,
            brands: Vec::new(),
            service_providers: Vec::new(),
        }
    }

    /// Whether the key may see things of that brand.
    #[must_use]
    pub fn sees_brand(&self, brand: Option<&Brand>) -> bool {
        self.brands.is_empty() || brand.is_none_or(|brand| self.brands.contains(brand))
    }

    /// Whether the key may see things of that service provider.
    #[must_use]
    pub fn sees_provider(&self, provider: Option<&str>) -> bool {
        self.service_providers.is_empty()
            || provider.is_some_and(|provider| self.service_providers.iter().any(|one| one == provider))
    }

    /// Whether the key sees only a part.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        !(self.brands.is_empty() && self.service_providers.is_empty())
    }

    /// Whether a key of these limits sees nothing that this one does not see.
    #[must_use]
    pub fn encloses(&self, brands: &[String], service_providers: &[String]) -> bool {
        let within = |inner: &[String], outer: &[String]| {
            outer.is_empty() || (!inner.is_empty() && inner.iter().all(|one| outer.contains(one)))
        };
        within(brands, &self.brand_names()) && within(service_providers, &self.service_providers)
    }

    /// Brands as text.
    #[must_use]
    pub fn brand_names(&self) -> Vec<String> {
        self.brands.iter().map(ToString::to_string).collect()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts
            .extensions
            .get::<Arc<Self>>()
            .map(|caller| caller.as_ref().clone())
            .ok_or(ApiError::Unauthorized)
    }
}

/// Lets through who has a key that may make the call, at the pace the configuration allows.
pub(crate) async fn guard(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let call = Call::of(&request);
    match admit(&state, call).await {
        Ok(caller) => {
            request.extensions_mut().insert(Arc::new(caller));
            next.run(request).await
        }
        Err(error) => error.into_response(),
    }
}

/// What admission looks at; owned, since a request's body may not be shared between threads.
struct Call {
    key: Option<String>,
    method: String,
    /// As in [`TABLE`]; none for a path that matches no route, which the fallback answers.
    path: Option<String>,
}

impl Call {
    fn of(request: &Request) -> Self {
        let path = request
            .extensions()
            .get::<MatchedPath>()
            .map(|path| path.as_str().to_owned());
        let method = method_name(request.method()).to_owned();
        Self {
            key: bearer(request).map(str::to_owned),
            method,
            path,
        }
    }
}

async fn admit(state: &AppState, call: Call) -> Result<Caller, ApiError> {
    let key = call.key.ok_or(ApiError::Unauthorized)?;
    let key = state
        .engine
        .store()
        .verify_key(&key)
        .await?
        .ok_or(ApiError::Unauthorized)?;
    let caller = Caller::new(key)?;
    if let Some(path) = &call.path
        && !allowed(caller.role, &call.method, path)
    {
        return Err(ApiError::forbidden(format!(
            "{} may not {} {path}",
            caller.role.as_str(),
            call.method
        )));
    }
    if caller.is_limited() && call.path.is_some_and(|path| path.starts_with("/v1/webhooks")) {
        return Err(ApiError::forbidden(
            "a webhook is told of everything; a key limited to brands or service providers has none",
        ));
    }
    state.rates.take(&caller.key_id)?;
    Ok(caller)
}

/// `HEAD` is `GET` without a body.
fn method_name(method: &Method) -> &str {
    if *method == Method::HEAD {
        "GET"
    } else {
        method.as_str()
    }
}

fn bearer(request: &Request) -> Option<&str> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admin_may_do_everything_and_others_what_the_table_lists() {
        for (method, path, roles) in TABLE {
            for role in Role::ALL {
                let expected = role == Role::Admin || roles.contains(&role);
                assert_eq!(allowed(role, method, path), expected, "{role:?} {method} {path}");
            }
        }
        assert!(!allowed(Role::Reviewer, "POST", "/v1/inspections"));
        assert!(!allowed(Role::Agent, "GET", "/v1/unlisted"));
    }

    #[test]
    fn a_key_limited_to_brands_sees_those_and_what_has_none() {
        let brand = |name: &str| Brand::new(name).unwrap();
        let caller = Caller {
            brands: vec![brand("清禾")],
            ..Caller::local()
        };
        assert!(caller.sees_brand(Some(&brand("清禾"))) && caller.sees_brand(None));
        assert!(!caller.sees_brand(Some(&brand("other"))));
        let caller = Caller {
            service_providers: vec!["S1".into()],
            ..Caller::local()
        };
        assert!(
            caller.sees_provider(Some("S1"))
                && !caller.sees_provider(Some("S2"))
                && !caller.sees_provider(None)
        );
    }

    #[test]
    fn a_key_encloses_keys_limited_to_some_of_its_own() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let caller = Caller {
            brands: vec![Brand::new("A").unwrap(), Brand::new("B").unwrap()],
            ..Caller::local()
        };
        let check = |brands: &[&str], providers: &[&str], expected: bool| {
            assert_eq!(
                caller.encloses(&names(brands), &names(providers)),
                expected,
                "{brands:?} {providers:?}"
            );
        };
        check(&["A"], &[], true);
        check(&["A", "B"], &["S1"], true);
        check(&["A", "C"], &[], false);
        check(&[], &["S1"], false);
        assert!(caller.is_limited() && !Caller::local().is_limited());
        assert!(Caller::local().encloses(&[], &[]));
    }
}
