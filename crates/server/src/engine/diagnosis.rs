//! Parts lists, fault trees and repairs in; predictions out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use serde_json::json;
use shifu_diagnosis::{
    Bom, ColdStart, DepotPicks, DiagnoseError, Diagnosis, DiagnosisConfig, FaultTree, Learnt, MefOptions,
    PlannedVisit, Prediction, PredictionRequest, Repair, lexicon_entries, pick_list,
};
use shifu_domain::recognise::{LexiconEntries, MentionKind};
use shifu_domain::{Probability, ProductLine, Yuan};
use shifu_store::{DefinitionKind, DefinitionRecord, RepairRecord, TicketRecord};

use super::Engine;
use crate::access::Caller;
use crate::error::ApiError;
use crate::observe::timed;

/// Repairs read from the store at a time while they are replayed.
const REPLAYED: u32 = 1_000;

/// What is loaded of one product line.
pub(super) struct LineModel {
    bom: Option<Arc<Bom>>,
    tree: Option<Arc<FaultTree>>,
    /// There when both are.
    diagnosis: Option<Learner>,
    /// There when only the parts list is.
    cold_start: Option<RwLock<ColdStart>>,
    versions: BTreeMap<String, String>,
}

/// A diagnosis that learns, and what answers meanwhile: as fitted to all reports but the last few.
struct Learner {
    diagnosis: RwLock<Diagnosis>,
    fitted: RwLock<Arc<Diagnosis>>,
    /// Reports learnt, and how many of them `fitted` knows.
    learnt: AtomicU64,
    known: AtomicU64,
    /// Held while fitting, so that reports which come together share a fit.
    fitting: Mutex<()>,
}

impl Learner {
    fn new(diagnosis: Diagnosis) -> Self {
        Self {
            fitted: RwLock::new(diagnosis.fitted()),
            diagnosis: RwLock::new(diagnosis),
            learnt: AtomicU64::new(0),
            known: AtomicU64::new(0),
            fitting: Mutex::new(()),
        }
    }

    fn learn(&self, repair: &Repair) -> Result<Learnt, DiagnoseError> {
        let mut diagnosis = self.diagnosis.write().unwrap_or_else(PoisonError::into_inner);
        self.learnt.fetch_add(1, Ordering::SeqCst);
        diagnosis.learn(repair)
    }

    /// Fits to all reports learnt before this call, unless that was done meanwhile.
    fn fit(&self) {
        let wanted = self.learnt.load(Ordering::SeqCst);
        let _fitting = self.fitting.lock().unwrap_or_else(PoisonError::into_inner);
        if self.known.load(Ordering::SeqCst) >= wanted {
            return;
        }
        // A copy shares what is remembered, and lets reports in while it is fitted.
        let (copy, known) = {
            let diagnosis = self.diagnosis.read().unwrap_or_else(PoisonError::into_inner);
            (diagnosis.clone(), self.learnt.load(Ordering::SeqCst))
        };
        let fitted = copy.fitted();
        {
            let diagnosis = self.diagnosis.read().unwrap_or_else(PoisonError::into_inner);
            if self.learnt.load(Ordering::SeqCst) == known {
                diagnosis.adopt(&fitted);
            }
        }
        *self.fitted.write().unwrap_or_else(PoisonError::into_inner) = fitted;
        self.known.store(known, Ordering::SeqCst);
    }

    fn predict(&self, request: &PredictionRequest) -> Result<Prediction, DiagnoseError> {
        let fitted = self.fitted.read().unwrap_or_else(PoisonError::into_inner).clone();
        fitted.predict(request)
    }
}

impl LineModel {
    /// Lets the next prediction know every report learnt so far.
    fn settle(&self) {
        if let Some(learner) = &self.diagnosis {
            learner.fit();
        }
    }

    /// Renews what past repairs are read with, beside the one that answers meanwhile; callers hold `learning`, or are alone.
    fn renew(&self) {
        let Some(cold_start) = &self.cold_start else {
            return;
        };
        let mut renewed = cold_start.read().unwrap_or_else(PoisonError::into_inner).clone();
        renewed.refit();
        *cold_start.write().unwrap_or_else(PoisonError::into_inner) = renewed;
    }

    /// What of the line is missing for a prediction, where anything is.
    fn lacking(&self) -> Option<&'static str> {
        let cold_start = self.cold_start.as_ref();
        let repairs = cold_start.map(|past| {
            past.read()
                .unwrap_or_else(PoisonError::into_inner)
                .repairs_learnt()
        });
        match (&self.diagnosis, repairs) {
            (Some(_), _) | (None, Some(1..)) => None,
            (None, Some(0)) => Some("fault tree, and no repairs to go by,"),
            (None, None) => Some("parts list"),
        }
    }

    fn predict(&self, request: &PredictionRequest, failed_visit: Yuan) -> Result<Prediction, DiagnoseError> {
        if let Some(learner) = &self.diagnosis {
            return learner.predict(request);
        }
        match &self.cold_start {
            Some(past) => past
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .predict(request, failed_visit),
            None => Err(DiagnoseError::BadRequest {
                field: "product_line",
                reason: "not loaded".to_owned(),
            }),
        }
    }

    /// What fault tree and parts list say with all they have learnt; none where either is missing.
    pub(super) fn ask<T>(&self, question: impl FnOnce(&Diagnosis) -> T) -> Option<T> {
        let learner = self.diagnosis.as_ref()?;
        let copy = learner
            .diagnosis
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        Some(question(&copy))
    }

    /// Adds the words of tree and parts list.
    pub(super) fn contribute(&self, entries: &mut LexiconEntries) {
        let empty = FaultTree::default();
        let Some(bom) = &self.bom else { return };
        let own = lexicon_entries(self.tree.as_deref().unwrap_or(&empty), bom);
        entries.parts.extend(own.parts);
        entries.fault_codes.extend(own.fault_codes);
        entries.symptoms.extend(own.symptoms);
    }
}

/// What became of a reported repair.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RepairOutcome {
    /// The ticket.
    pub ticket_id: String,
    /// The visit.
    pub visit: u32,
    /// What it taught.
    #[serde(flatten)]
    pub learnt: Learnt,
}

/// What became of an import.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ImportReport {
    /// Repairs kept.
    pub imported: usize,
    /// Of those, how many replaced an earlier report.
    pub replaced: usize,
    /// Rows that were not kept.
    pub errors: Vec<RowError>,
}

/// A row that was not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RowError {
    /// Line of the file, from 1.
    pub row: usize,
    /// What is wrong with it.
    pub message: String,
}

impl From<DiagnoseError> for ApiError {
    fn from(error: DiagnoseError) -> Self {
        match &error {
            DiagnoseError::Syntax { .. }
            | DiagnoseError::UnknownName { .. }
            | DiagnoseError::UnknownPart { .. }
            | DiagnoseError::Duplicate { .. }
            | DiagnoseError::Cycle { .. }
            | DiagnoseError::ProbabilityOutOfRange { .. }
            | DiagnoseError::InvalidValue { .. }
            | DiagnoseError::Unsupported { .. }
            | DiagnoseError::NodeLimit { .. } => Self::unprocessable(error),
            DiagnoseError::TooLarge {
                what, actual, limit, ..
            } => Self::too_large(what, *limit as usize, Some(*actual as usize)),
            DiagnoseError::UnknownGate { .. } => Self::not_found(error),
            DiagnoseError::UnknownProductLine { .. } => Self::field("product_line", error),
            DiagnoseError::BadRequest { field, .. } => Self::field(field, error),
        }
    }
}

impl Engine {
    /// Loads every product line and replays its repairs.
    pub(super) async fn load_lines(&self) -> Result<(), ApiError> {
        let mut names: Vec<String> = Vec::new();
        for kind in [DefinitionKind::Bom, DefinitionKind::FaultTree] {
            names.extend(
                self.store
                    .definitions(kind)
                    .await?
                    .into_iter()
                    .map(|one| one.product_line),
            );
        }
        names.sort();
        names.dedup();
        for name in names {
            let line = ProductLine::new(&name).map_err(ApiError::internal)?;
            self.reload_line(&line).await?;
        }
        Ok(())
    }

    /// Builds a product line anew from what is kept; callers hold `learning`, or are alone.
    pub(super) async fn reload_line(&self, line: &ProductLine) -> Result<(), ApiError> {
        let bom = self.store.definition(DefinitionKind::Bom, line.as_str()).await?;
        let tree = self
            .store
            .definition(DefinitionKind::FaultTree, line.as_str())
            .await?;
        let config = self.diagnosis_config();
        let mut model = self
            .gate
            .bulk(move || build_line(bom.as_ref(), tree.as_ref(), config))
            .await??;
        let mut after = String::new();
        while model.diagnosis.is_some() || model.cold_start.is_some() {
            let (repairs, cursor) = self.store.repairs(line.as_str(), &after, REPLAYED).await?;
            let Some(cursor) = cursor else { break };
            after = cursor;
            model = self.gate.bulk(move || replay(model, &repairs)).await?;
        }
        let model = self
            .gate
            .bulk(move || {
                model.renew();
                model.settle();
                model
            })
            .await?;
        let mut lines = self.lines.write().unwrap_or_else(PoisonError::into_inner);
        lines.insert(line.clone(), Arc::new(model));
        Ok(())
    }

    fn diagnosis_config(&self) -> DiagnosisConfig {
        DiagnosisConfig {
            failed_visit: self.config.diagnosis.failed_visit_cost,
            ..DiagnosisConfig::default()
        }
    }

    pub(super) fn line(&self, line: &ProductLine) -> Result<Arc<LineModel>, ApiError> {
        let lines = self.lines.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = lines.get(line) {
            return Ok(model.clone());
        }
        let known: Vec<&str> = lines.keys().map(ProductLine::as_str).collect();
        let known = if known.is_empty() {
            "none is loaded yet".to_owned()
        } else {
            format!("known: {}", known.join(", "))
        };
        Err(ApiError::field(
            "product_line",
            format!("{:?} is not known; {known}", line.as_str()),
        ))
    }

    /// Product lines that have a parts list or a fault tree.
    #[must_use]
    pub fn product_lines(&self) -> Vec<ProductLine> {
        self.lines
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .keys()
            .cloned()
            .collect()
    }

    /// Puts a parts list into force; earlier versions are kept. Gives its number.
    ///
    /// # Errors
    /// `Unprocessable` with file and line; then nothing changes.
    pub async fn put_bom(&self, caller: &Caller, line: &ProductLine, text: &str) -> Result<u32, ApiError> {
        let bom = Bom::from_toml(text, "bom.toml")?;
        require_line(line, &bom.product_line)?;
        let _learning = self.learning.lock().await;
        if let Ok(model) = self.line(line)
            && let Some(tree) = &model.tree
        {
            tree.check_parts(&bom)?;
        }
        self.put_definition(caller, DefinitionKind::Bom, line, "toml", text)
            .await
    }

    /// Puts a fault tree into force, TOML or Open-PSA XML. Its parts must be in the parts list, when there is one.
    ///
    /// # Errors
    /// `Unprocessable` with file and line; then nothing changes.
    pub async fn put_fault_tree(
        &self,
        caller: &Caller,
        line: &ProductLine,
        text: &str,
        format: TreeFormat,
    ) -> Result<u32, ApiError> {
        let tree = parse_tree(text, format)?;
        if let Some(of) = &tree.product_line {
            require_line(line, of)?;
        }
        let _learning = self.learning.lock().await;
        if let Ok(model) = self.line(line)
            && let Some(bom) = &model.bom
        {
            tree.check_parts(bom)?;
        }
        self.put_definition(caller, DefinitionKind::FaultTree, line, format.as_str(), text)
            .await
    }

    async fn put_definition(
        &self,
        caller: &Caller,
        kind: DefinitionKind,
        line: &ProductLine,
        format: &str,
        text: &str,
    ) -> Result<u32, ApiError> {
        let revision = self
            .store
            .add_definition(kind, line.as_str(), format, text)
            .await?;
        self.reload_line(line).await?;
        self.refresh_lexicon();
        let action = if kind == DefinitionKind::Bom {
            "bom.put"
        } else {
            "fault_tree.put"
        };
        self.store
            .add_audit(
                &caller.key_id,
                action,
                line.as_str(),
                &json!({"revision": revision}),
            )
            .await?;
        Ok(revision)
    }

    /// Every kept version of a definition, newest first.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub async fn definition(
        &self,
        kind: DefinitionKind,
        line: &ProductLine,
    ) -> Result<Vec<DefinitionRecord>, ApiError> {
        let versions = self.store.definition_versions(kind, line.as_str()).await?;
        if versions.is_empty() {
            let what = if kind == DefinitionKind::Bom {
                "parts list"
            } else {
                "fault tree"
            };
            return Err(ApiError::not_found(format!(
                "no {what} for product line {:?}",
                line.as_str()
            )));
        }
        Ok(versions)
    }

    /// The fault tree in force.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub fn fault_tree(&self, line: &ProductLine) -> Result<Arc<FaultTree>, ApiError> {
        let lines = self.lines.read().unwrap_or_else(PoisonError::into_inner);
        let tree = lines.get(line).and_then(|model| model.tree.clone());
        tree.ok_or_else(|| ApiError::not_found(format!("no fault tree for product line {:?}", line.as_str())))
    }

    /// The parts list in force.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub fn bom(&self, line: &ProductLine) -> Result<Arc<Bom>, ApiError> {
        let lines = self.lines.read().unwrap_or_else(PoisonError::into_inner);
        let bom = lines.get(line).and_then(|model| model.bom.clone());
        bom.ok_or_else(|| ApiError::not_found(format!("no parts list for product line {:?}", line.as_str())))
    }

    /// Causes, kit and questions.
    ///
    /// # Errors
    /// `Unprocessable` for an unknown product line or a request outside its limits; `Unavailable` when tree or list is missing.
    pub async fn predict(&self, caller: &Caller, request: PredictionRequest) -> Result<Prediction, ApiError> {
        let (prediction, request) = self.compute(request, false).await?;
        self.keep_prediction(caller, &request, &prediction).await?;
        Ok(prediction)
    }

    /// The same for one of many: behind interactive work, and nothing is kept.
    ///
    /// # Errors
    /// As [`Engine::predict`].
    pub async fn predict_in_bulk(&self, request: PredictionRequest) -> Result<Prediction, ApiError> {
        Ok(self.compute(request, true).await?.0)
    }

    /// A ticket's prediction is kept: what was promised is compared with what came of the visit.
    async fn keep_prediction(
        &self,
        caller: &Caller,
        request: &PredictionRequest,
        prediction: &Prediction,
    ) -> Result<(), ApiError> {
        let Some(ticket_id) = &request.ticket_id else {
            return Ok(());
        };
        let record = TicketRecord {
            kind: "prediction".to_owned(),
            ticket_id: ticket_id.to_string(),
            request: json!(request),
            result: json!(prediction),
            key_id: caller.key_id.clone(),
        };
        Ok(self.store.add_ticket_record(&record).await?)
    }

    /// What was last predicted for a ticket of a product line.
    ///
    /// # Errors
    /// `NotFound` where nothing was, or for a limited key nothing by itself.
    pub async fn last_prediction(
        &self,
        caller: &Caller,
        line: &ProductLine,
        ticket_id: &str,
    ) -> Result<Prediction, ApiError> {
        let records = self.store.ticket_records(ticket_id).await?;
        let last = records.into_iter().find(|record| {
            record.kind == "prediction"
                && record.request["product_line"] == line.as_str()
                && (!caller.is_limited() || record.key_id == caller.key_id)
        });
        let last = last.ok_or_else(|| {
            ApiError::not_found(format!(
                "nothing was predicted for ticket {ticket_id:?} of product line {:?}",
                line.as_str()
            ))
        })?;
        serde_json::from_value(last.result).map_err(ApiError::internal)
    }

    async fn compute(
        &self,
        mut request: PredictionRequest,
        bulk: bool,
    ) -> Result<(Prediction, PredictionRequest), ApiError> {
        let model = self.line(&request.product_line)?;
        if let Some(lacking) = model.lacking() {
            let line = request.product_line.as_str();
            return Err(ApiError::unavailable(format!(
                "product line {line:?} has no {lacking} yet"
            )));
        }
        self.recognise_model(&mut request);
        let failed_visit = self.config.diagnosis.failed_visit_cost;
        let work = move || {
            let prediction = timed("diagnosis", "predict", || model.predict(&request, failed_visit));
            prediction.map(|mut prediction| {
                prediction.versions.extend(model.versions.clone());
                (prediction, request)
            })
        };
        let result = if bulk {
            self.gate.bulk(work).await?
        } else {
            self.gate.interactive(work).await?
        };
        Ok(result?)
    }

    /// The parts to load for a day's visits, per depot and van.
    ///
    /// # Errors
    /// `Unprocessable` for more visits or pieces than allowed.
    pub async fn pick_list(&self, visits: Vec<PlannedVisit>) -> Result<Vec<DepotPicks>, ApiError> {
        Ok(self.gate.bulk(move || pick_list(&visits)).await??)
    }

    /// The model that the text names, where it names exactly one that is known and the request gives none.
    fn recognise_model(&self, request: &mut PredictionRequest) {
        let (None, Some(text)) = (&request.model, &request.text) else {
            return;
        };
        let mut named = self
            .lexicon()
            .recognise(text)
            .into_iter()
            .filter_map(|mention| match mention.kind {
                MentionKind::Model { candidates, .. } if candidates.len() == 1 => {
                    candidates.into_iter().next()
                }
                _ => None,
            });
        let first = named.next();
        let others = named.any(|model| Some(&model) != first.as_ref());
        if !others {
            request.model = first;
        }
    }

    /// Keeps a repair; the next prediction has learnt from it. A second report of a visit replaces the first and its counts.
    ///
    /// # Errors
    /// `Unprocessable` for an unknown product line or a repair outside its limits.
    pub async fn report_repair(
        &self,
        caller: &Caller,
        mut repair: Repair,
    ) -> Result<RepairOutcome, ApiError> {
        check_repair(&repair).map_err(|(field, rule)| ApiError::field(field, rule))?;
        self.add_predicted_fix(&mut repair).await?;
        let model = self.line(&repair.product_line)?;
        let learning = self.learning.lock().await;
        let earlier = self.store.repair(repair.ticket_id.as_str(), repair.visit).await?;
        let replaced = self.store.put_repairs(&[record(&repair)]).await?;
        let (ticket_id, visit, line) = (
            repair.ticket_id.to_string(),
            repair.visit,
            repair.product_line.clone(),
        );
        let learner = model.clone();
        let learnt = self.gate.promised(move || learn(&learner, &repair)).await?;
        // The report is kept whatever the tree makes of it.
        let mut learnt = learnt.unwrap_or_else(|error| uncounted(&error.to_string()));
        learnt.replaced |= replaced.contains(&true);
        self.forget_other_line(earlier).await?;
        self.renew(&line, &model, learnt.replaced).await?;
        // The report is kept and learnt; others may come in while the next prediction is made to know it.
        drop(learning);
        self.gate.promised(move || model.settle()).await?;
        tracing::debug!(key_id = caller.key_id, visit, "repair reported");
        Ok(RepairOutcome {
            ticket_id,
            visit,
            learnt,
        })
    }

    /// Past repairs are read anew where there is no tree: all of them when a report replaced one, and what many new ones changed.
    async fn renew(
        &self,
        line: &ProductLine,
        model: &Arc<LineModel>,
        replaced: bool,
    ) -> Result<(), ApiError> {
        let Some(cold_start) = &model.cold_start else {
            return Ok(());
        };
        if replaced {
            return self.reload_line(line).await;
        }
        let stale = cold_start
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .is_stale();
        if stale {
            let model = model.clone();
            self.gate.bulk(move || model.renew()).await?;
        }
        Ok(())
    }

    /// The chance that the ticket's last prediction gave its kit, for a first visit that does not say it.
    async fn add_predicted_fix(&self, repair: &mut Repair) -> Result<(), ApiError> {
        if repair.visit != 1 || repair.predicted_first_time_fix.is_some() {
            return Ok(());
        }
        let records = self.store.ticket_records(repair.ticket_id.as_str()).await?;
        let last = records.into_iter().find(|record| record.kind == "prediction");
        let chance = last.and_then(|record| record.result["uncalibrated_first_time_fix"].as_f64());
        repair.predicted_first_time_fix = chance.map(Probability::clamped);
        Ok(())
    }

    /// A report that moved to another product line leaves the counts of the old one.
    async fn forget_other_line(&self, earlier: Option<RepairRecord>) -> Result<(), ApiError> {
        let Some(earlier) = earlier else { return Ok(()) };
        let now = self.store.repair(&earlier.ticket_id, earlier.visit).await?;
        if now.is_some_and(|now| now.product_line != earlier.product_line) {
            let line = ProductLine::new(&earlier.product_line).map_err(ApiError::internal)?;
            self.reload_line(&line).await?;
        }
        Ok(())
    }

    /// Keeps many repairs in one transaction; rows that are wrong are reported and left out.
    ///
    /// # Errors
    /// `PayloadTooLarge` for more rows than allowed.
    pub async fn import_repairs(
        &self,
        caller: &Caller,
        rows: Vec<(usize, Result<Repair, String>)>,
    ) -> Result<ImportReport, ApiError> {
        let most = self.config.limits.import_rows;
        if rows.len() > most {
            return Err(ApiError::too_large("import_rows", most, Some(rows.len())));
        }
        let mut report = ImportReport::default();
        let mut good = Vec::new();
        for (row, parsed) in rows {
            match parsed.and_then(|repair| self.check_row(repair)) {
                Ok(mut repair) => {
                    self.add_predicted_fix(&mut repair).await?;
                    good.push(repair);
                }
                Err(message) => report.errors.push(RowError { row, message }),
            }
        }
        let _learning = self.learning.lock().await;
        let records: Vec<RepairRecord> = good.iter().map(record).collect();
        let replaced = self.store.put_repairs(&records).await?;
        report.imported = replaced.len();
        report.replaced = replaced.iter().filter(|replaced| **replaced).count();
        self.learn_all(good, report.replaced > 0).await?;
        let detail =
            json!({"imported": report.imported, "replaced": report.replaced, "errors": report.errors.len()});
        self.store
            .add_audit(&caller.key_id, "repairs.import", "", &detail)
            .await?;
        Ok(report)
    }

    fn check_row(&self, repair: Repair) -> Result<Repair, String> {
        check_repair(&repair).map_err(|(field, rule)| format!("{field}: {rule}"))?;
        self.line(&repair.product_line).map_err(|error| error.english())?;
        Ok(repair)
    }

    /// Replaced reports may have been of another product line, so then every line is built anew.
    async fn learn_all(&self, repairs: Vec<Repair>, any_replaced: bool) -> Result<(), ApiError> {
        if any_replaced {
            return self.load_lines().await;
        }
        let mut lines = BTreeSet::new();
        for repair in repairs {
            let line = repair.product_line.clone();
            let model = self.line(&line)?;
            if let Err(error) = self.gate.bulk(move || learn(&model, &repair)).await? {
                tracing::warn!(%error, "an imported repair teaches nothing");
            }
            lines.insert(line);
        }
        for line in lines {
            let model = self.line(&line)?;
            self.renew(&line, &model, false).await?;
            self.gate.bulk(move || model.settle()).await?;
        }
        Ok(())
    }
}

/// How a fault tree is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TreeFormat {
    /// `fault-tree.toml`.
    Toml,
    /// Open-PSA Model Exchange Format.
    Xml,
}

impl TreeFormat {
    /// Its name in records and replies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Toml => "toml",
            Self::Xml => "xml",
        }
    }
}

fn parse_tree(text: &str, format: TreeFormat) -> Result<FaultTree, DiagnoseError> {
    match format {
        TreeFormat::Toml => FaultTree::from_toml(text, "fault-tree.toml"),
        TreeFormat::Xml => FaultTree::from_mef_xml(&[("fault-tree.xml", text)], MefOptions::default()),
    }
}

fn require_line(path: &ProductLine, file: &ProductLine) -> Result<(), ApiError> {
    if path == file {
        return Ok(());
    }
    let message = format!(
        "the file is for {:?}, the call for {:?}",
        file.as_str(),
        path.as_str()
    );
    Err(ApiError::field("product_line", message))
}

fn build_line(
    bom: Option<&DefinitionRecord>,
    tree: Option<&DefinitionRecord>,
    config: DiagnosisConfig,
) -> Result<LineModel, ApiError> {
    let mut versions = BTreeMap::new();
    let unreadable =
        |error: DiagnoseError| ApiError::internal(format!("a kept definition cannot be read: {error}"));
    let mut built = LineModel {
        bom: None,
        tree: None,
        diagnosis: None,
        cold_start: None,
        versions: BTreeMap::new(),
    };
    if let Some(record) = bom {
        versions.insert("bom_revision".to_owned(), record.revision.to_string());
        built.bom = Some(Arc::new(
            Bom::from_toml(&record.content, "bom.toml").map_err(unreadable)?,
        ));
    }
    if let Some(record) = tree {
        versions.insert("fault_tree_revision".to_owned(), record.revision.to_string());
        let format = if record.format == "xml" {
            TreeFormat::Xml
        } else {
            TreeFormat::Toml
        };
        built.tree = Some(Arc::new(parse_tree(&record.content, format).map_err(unreadable)?));
    }
    if let (Some(bom), Some(tree)) = (&built.bom, &built.tree) {
        let diagnosis =
            Diagnosis::new(tree.as_ref().clone(), bom.as_ref().clone(), config).map_err(unreadable)?;
        built.diagnosis = Some(Learner::new(diagnosis));
    } else if let Some(bom) = &built.bom {
        built.cold_start = Some(RwLock::new(ColdStart::new(bom.clone())));
    }
    built.versions = versions;
    Ok(built)
}

fn replay(model: LineModel, repairs: &[RepairRecord]) -> LineModel {
    for record in repairs {
        let repair = serde_json::from_value::<Repair>(record.body.clone()).map_err(|error| error.to_string());
        let learnt = repair.and_then(|repair| learn(&model, &repair).map_err(|error| error.to_string()));
        if let Err(reason) = learnt {
            tracing::warn!(visit = record.visit, reason, "a kept repair teaches nothing");
        }
    }
    model
}

/// Learns a repair; a product line without a parts list keeps it for later.
fn learn(model: &LineModel, repair: &Repair) -> Result<Learnt, DiagnoseError> {
    if let Some(learner) = &model.diagnosis {
        return learner.learn(repair);
    }
    let Some(cold_start) = &model.cold_start else {
        return Ok(uncounted(
            "kept; it counts once the product line has a parts list",
        ));
    };
    let learnt = cold_start
        .write()
        .unwrap_or_else(PoisonError::into_inner)
        .learn(repair);
    Ok(learnt)
}

fn uncounted(note: &str) -> Learnt {
    Learnt {
        counted: false,
        replaced: false,
        causes: BTreeMap::new(),
        notes: vec![note.to_owned()],
    }
}

fn record(repair: &Repair) -> RepairRecord {
    RepairRecord {
        ticket_id: repair.ticket_id.to_string(),
        visit: repair.visit,
        product_line: repair.product_line.to_string(),
        body: json!(repair),
    }
}

fn check_repair(repair: &Repair) -> Result<(), (&'static str, String)> {
    if !(1..=1_000).contains(&repair.visit) {
        return Err(("visit", "must be 1 to 1000".to_owned()));
    }
    if repair.parts_used.len() > 200 || repair.symptoms.len() > 200 || repair.fault_codes.len() > 200 {
        return Err((
            "parts_used",
            "a repair has at most 200 parts, symptoms and codes".to_owned(),
        ));
    }
    if repair
        .parts_used
        .iter()
        .any(|part| !(1..=1_000).contains(&part.quantity))
    {
        return Err(("parts_used", "quantities must be 1 to 1000".to_owned()));
    }
    if repair
        .text
        .as_ref()
        .is_some_and(|text| text.chars().count() > 20_000)
    {
        return Err(("text", "use at most 20000 characters".to_owned()));
    }
    if let Some(date) = &repair.date {
        let day = date.get(..10).unwrap_or(date);
        let read = day.parse::<jiff::civil::Date>();
        read.map_err(|_| ("date", format!("{day:?} is not a date such as 2025-05-01")))?;
    }
    Ok(())
}
