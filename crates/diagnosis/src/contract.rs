//! Requests and replies of `POST /v1/part-predictions` and `POST /v1/repairs`, field for field as the contract has them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shifu_domain::{
    FaultCode, KitItem, ModelNumber, PartNumber, Probability, ProductLine, Region, SymptomId, TicketId, Yuan,
};

/// A symptom that was seen, or looked for and not seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SymptomReport {
    /// Which.
    pub id: SymptomId,
    /// Whether it shows.
    pub present: bool,
}

/// How many of a part are at hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Stock {
    /// Which.
    pub part_number: PartNumber,
    /// In the depot.
    #[serde(default)]
    pub depot: u32,
    /// In the technician's van.
    #[serde(default)]
    pub van: u32,
}

/// What bounds a kit; at most one of the three.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KitLimit {
    /// Yuan the kit may cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cost: Option<Yuan>,
    /// Pieces the kit may hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_parts: Option<u32>,
    /// Chance of a first-time fix that the cheapest kit must reach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_first_time_fix: Option<Probability>,
}

/// Body of `POST /v1/part-predictions`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PredictionRequest {
    /// The caller's ticket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket_id: Option<TicketId>,
    /// Kind of appliance.
    pub product_line: ProductLine,
    /// Model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelNumber>,
    /// Serial number: the cause of an earlier repair of the same appliance may be back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// What the customer or agent wrote; symptoms and codes are recognised in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Symptoms; they override what the text says.
    #[serde(default)]
    pub symptoms: Vec<SymptomReport>,
    /// Fault codes shown.
    #[serde(default)]
    pub fault_codes: Vec<FaultCode>,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// Installed when, `YYYY-MM-DD`: causes come with age.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installed_on: Option<String>,
    /// Date of the ticket, `YYYY-MM-DD` (a time after it is ignored).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// Parts at hand; absent: not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock: Option<Vec<Stock>>,
    /// What bounds the kit; absent: expected cost is minimised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<KitLimit>,
}

impl PredictionRequest {
    /// A request that says nothing but the kind of appliance.
    #[must_use]
    pub fn new(product_line: ProductLine) -> Self {
        Self {
            ticket_id: None,
            product_line,
            model: None,
            serial: None,
            text: None,
            symptoms: Vec::new(),
            fault_codes: Vec::new(),
            region: None,
            installed_on: None,
            date: None,
            stock: None,
            limit: None,
        }
    }
}

/// A possible cause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Cause {
    /// The tree's event.
    pub event: String,
    /// Its name.
    pub name: String,
    /// Chance that it is present, given the evidence; several causes may be present at once.
    pub probability: Probability,
    /// 90 % interval from what is known of its frequency (Beta quantiles carried through the evidence).
    pub interval: [f64; 2],
    /// Why, in words a technician understands.
    pub because: Vec<String>,
}

/// Whether the kit is proven best.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Certificate {
    /// Proven.
    pub optimal: bool,
    /// Relative distance of the kit's objective to the proven bound; 0 when optimal.
    pub gap: f64,
}

/// Chances that one visit is enough.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FirstTimeFix {
    /// With the kit.
    pub with_kit: Probability,
    /// Without any part.
    pub without_parts: Probability,
    /// With every part that fits the model (and is in stock, where stock was given).
    pub with_every_part: Probability,
}

/// Unit of a question's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ValueUnit {
    /// Expected yuan saved.
    Yuan,
    /// Expected visits saved.
    Visits,
}

/// A question worth asking the customer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NextQuestion {
    /// The symptom it settles.
    pub symptom: SymptomId,
    /// What to say.
    pub text: String,
    /// What the answer is worth on average.
    pub value: f64,
    /// Unit of `value`.
    pub unit: ValueUnit,
}

/// Where a piece of evidence came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceSource {
    /// Stated in the request.
    Request,
    /// Recognised in the text.
    Text,
    /// Not among the phrases of the tree, but likely meant by the text: its words are like a phrase, or earlier repairs with these
    /// words had it.
    Linked,
}

/// A symptom that counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SymptomEvidence {
    /// Which.
    pub id: SymptomId,
    /// Whether it shows.
    pub present: bool,
    /// Whether the text only supposes it ("好像漏水") or it is only linked to it; it then weighs less, and is asked about again where
    /// that is worth it.
    #[serde(default)]
    pub hedged: bool,
    /// From where.
    pub source: EvidenceSource,
    /// Of a linked symptom the calibrated chance that the text means it, 0..=1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certainty: Option<f64>,
}

/// A fault code that counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CodeEvidence {
    /// Which.
    pub code: FaultCode,
    /// From where.
    pub source: EvidenceSource,
}

/// Something in the request that did not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Ignored {
    /// `symptom`, `fault_code`, `model` or `stock`.
    pub kind: String,
    /// As given.
    pub value: String,
    /// Why.
    pub reason: String,
}

/// What the prediction rests on.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Evidence {
    /// Model used, stated or recognised.
    pub model: Option<ModelNumber>,
    /// Symptoms.
    pub symptoms: Vec<SymptomEvidence>,
    /// Fault codes.
    pub fault_codes: Vec<CodeEvidence>,
    /// What did not count, and why.
    pub ignored: Vec<Ignored>,
    /// Chance of this evidence before it was seen.
    pub probability: f64,
    /// Whether the tree holds the evidence impossible; then there are no causes and no kit.
    pub contradictory: bool,
    /// Past repairs that share the model or any symptom or code.
    pub similar_repairs: usize,
}

/// What to take for a part of the kit that is not in stock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Substitute {
    /// The kit's part.
    pub instead_of: PartNumber,
    /// The cheapest of its alternatives that is in stock in the quantity needed.
    pub part_number: PartNumber,
    /// How many.
    pub quantity: u32,
    /// Price of one.
    pub price: Yuan,
}

/// A check for the technician, in the order in which to make them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SiteCheck {
    /// The tree's event.
    pub event: String,
    /// Its name.
    pub name: String,
    /// Chance that it is present, given the evidence.
    pub probability: Probability,
    /// Minutes, the opening of a housing that is still closed included.
    pub minutes: f64,
    /// Housing to open for it; absent where none is, or where an earlier check opened it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opens: Option<String>,
    /// Why it stands here, in words a technician understands.
    pub because: String,
}

/// Reply of `POST /v1/part-predictions`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Prediction {
    /// Causes by falling probability.
    pub causes: Vec<Cause>,
    /// Parts to send by falling chance that they are needed.
    pub kit: Vec<KitItem>,
    /// What they cost together.
    pub kit_cost: Yuan,
    /// For parts of the kit that are not in stock, what may be taken instead.
    #[serde(default)]
    pub substitutes: Vec<Substitute>,
    /// Whether the kit is proven best.
    pub certificate: Certificate,
    /// Chances that one visit is enough.
    pub first_time_fix: FirstTimeFix,
    /// `first_time_fix.with_kit` before it was calibrated by the outcomes of earlier visits; to be handed back with the repair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncalibrated_first_time_fix: Option<Probability>,
    /// Questions by falling value.
    pub next_questions: Vec<NextQuestion>,
    /// Checks on site in the order that finds the cause soonest on average.
    #[serde(default)]
    pub checks: Vec<SiteCheck>,
    /// What the prediction rests on.
    pub evidence: Evidence,
    /// Versions of tree, parts list and engine, and the number of repairs learnt from.
    pub versions: BTreeMap<String, String>,
    /// Milliseconds.
    pub took_ms: f64,
}

/// A predicted visit of a day: who drives it, and its kit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedVisit {
    /// The caller's ticket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket_id: Option<TicketId>,
    /// Depot that the van is loaded in.
    pub depot: String,
    /// The van.
    pub van: String,
    /// The kit of its prediction.
    pub kit: Vec<KitItem>,
}

/// A part to load, with how many of it the visits may need.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PickLine {
    /// Which.
    pub part_number: PartNumber,
    /// Its name.
    pub name: String,
    /// Kits that hold it.
    pub visits: u32,
    /// Pieces in those kits together: what serves every visit whatever it finds.
    pub in_kits: u64,
    /// Pieces needed on average.
    pub expected: f64,
    /// Pieces that are enough with a chance of at least 90 %.
    pub quantity_90: u64,
}

/// What to load into one van.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct VanPicks {
    /// The van.
    pub van: String,
    /// Parts by number.
    pub lines: Vec<PickLine>,
}

/// What to have in one depot, and what to load into its vans.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DepotPicks {
    /// The depot.
    pub depot: String,
    /// Parts of all its vans by number; 90 % for the depot as a whole, so at most what its vans take together.
    pub lines: Vec<PickLine>,
    /// Its vans by name.
    pub vans: Vec<VanPicks>,
}

/// A part that a repair used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PartUsed {
    /// Which.
    pub part_number: PartNumber,
    /// How many.
    #[serde(default = "one")]
    pub quantity: u32,
}

fn one() -> u32 {
    1
}

/// Body of `POST /v1/repairs`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Repair {
    /// The operator's ticket.
    pub ticket_id: TicketId,
    /// Which visit of it, from 1; a second report of a visit replaces the first.
    #[serde(default = "one")]
    pub visit: u32,
    /// Kind of appliance.
    pub product_line: ProductLine,
    /// Model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelNumber>,
    /// Serial number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Symptoms.
    #[serde(default)]
    pub symptoms: Vec<SymptomReport>,
    /// Fault codes.
    #[serde(default)]
    pub fault_codes: Vec<FaultCode>,
    /// Parts used.
    #[serde(default)]
    pub parts_used: Vec<PartUsed>,
    /// The tree's event (identifier or name) that the technician found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Free text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Whether the visit solved it; one that did not teaches nothing about the cause.
    pub fixed: bool,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// When, `YYYY-MM-DD` (a time after it is ignored).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// Installed when, `YYYY-MM-DD`: how causes come with age is learnt from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installed_on: Option<String>,
    /// `uncalibrated_first_time_fix` of the prediction whose kit went along on the first visit: chances are calibrated by
    /// what came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicted_first_time_fix: Option<Probability>,
}

/// What a reported repair taught.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Learnt {
    /// Whether it counts.
    pub counted: bool,
    /// Whether it replaced an earlier report of the same ticket and visit.
    pub replaced: bool,
    /// Causes it counts for, with their share.
    pub causes: BTreeMap<String, f64>,
    /// What was not understood, and what that means.
    pub notes: Vec<String>,
}
