//! What a reported repair teaches.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use shifu_domain::Probability;

use super::{Case, Diagnosis};
use crate::analyze::posterior;
use crate::circuit::Lit;
use crate::compile::{Compiled, OverBudget};
use crate::contract::{Learnt, PredictionRequest, Repair, SymptomEvidence};
use crate::error::DiagnoseError;
use crate::kit::Repairs;
use crate::learn::{self, Cells, Drift, Outcome, Remembered, Stated};
use crate::link::{Claim, Said, before_findings, clauses};
use crate::tree::MAX_CAUSE_CHARS;

/// Characters of a repair's text that are learnt from: what a customer says is shorter.
const MAX_SAID_CHARS: usize = 2_000;
/// Shares of a repair below this are not told.
const SMALLEST_SHARE: f64 = 1e-9;

impl Diagnosis {
    /// Takes a reported repair in; a second report of the same ticket and visit replaces the first.
    ///
    /// A stated cause counts 1. Otherwise the causes share the repair by their posterior given its symptoms and codes, that
    /// nothing outside the repair set of the parts used happened, and that every part used was needed.
    ///
    /// # Errors
    /// `UnknownProductLine`; `NodeLimit` when tree and evidence together are too large. Nothing is learnt then.
    pub fn learn(&mut self, repair: &Repair) -> Result<Learnt, DiagnoseError> {
        let mut notes = Vec::new();
        let mut request = PredictionRequest::new(repair.product_line.clone());
        request.model.clone_from(&repair.model);
        request.symptoms.clone_from(&repair.symptoms);
        request.fault_codes.clone_from(&repair.fault_codes);
        self.check(&request)?;
        let case = self.resolve(&request);
        notes.extend(
            case.evidence
                .ignored
                .iter()
                .map(|i| format!("{} {}: {}", i.kind, i.value, i.reason)),
        );
        let shares = if repair.fixed {
            self.shares(repair, &case, &mut notes)?
        } else {
            notes.push(
                "the visit did not solve the problem, so it does not count; the visit that does will"
                    .to_owned(),
            );
            None
        };
        for (field, date) in [("date", &repair.date), ("installed_on", &repair.installed_on)] {
            if let Some(date) = date.as_deref().filter(|date| learn::day(date).is_none()) {
                let date: String = date.chars().take(40).collect();
                notes.push(format!(
                    "{field} {date:?} is not YYYY-MM-DD; season and age are not counted"
                ));
            }
        }
        let remembered = shares.is_some().then(|| self.remembered(repair, &case));
        let counted = remembered.is_some();
        let shown = shares
            .into_iter()
            .flatten()
            .filter(|share| share.1 >= SMALLEST_SHARE);
        let causes = shown.map(|(event, share)| (self.tree.events[event as usize].id.clone(), share));
        let causes = causes.collect();
        self.learnt = OnceLock::new();
        let memory = Arc::make_mut(&mut self.memory);
        if repair.visit == 1 {
            let outcome = |predicted: Probability| Outcome {
                day: repair.date.as_deref().and_then(learn::day),
                predicted: predicted.value(),
                fixed: repair.fixed,
            };
            memory.outcome(
                repair.ticket_id.as_str(),
                repair.predicted_first_time_fix.map(outcome),
            );
        }
        let replaced = memory.report(repair.ticket_id.as_str(), repair.visit, remembered);
        Ok(Learnt {
            counted,
            replaced,
            causes,
            notes,
        })
    }

    /// Days after which a repair weighs half, as the repairs themselves show; none where the old ones foretell as well as the new.
    #[must_use]
    pub fn half_life_days(&self) -> Option<f64> {
        self.learnt().fit.as_ref().and_then(|fit| fit.half_life_days)
    }

    /// Whether first visits fail more often than foretold, by the repairs that hand back what was.
    #[must_use]
    pub fn drift(&self) -> Drift {
        let calibration = self.learnt().fit.as_ref().and_then(|fit| fit.calibration);
        Drift::of(&self.memory.outcomes(), calibration.as_ref())
    }

    fn remembered(&self, repair: &Repair, case: &Case) -> Remembered {
        let symptoms = |present: bool| {
            let told = case
                .evidence
                .symptoms
                .iter()
                .filter(move |s| s.present == present);
            told.filter_map(|s| self.tree.symptom(&s.id)).collect()
        };
        Remembered {
            cells: Cells::of(
                repair.model.as_ref(),
                repair.region.as_ref(),
                repair.date.as_deref(),
                repair.installed_on.as_deref(),
            ),
            model: repair.model.clone(),
            serial: repair.serial.clone(),
            day: repair.date.as_deref().and_then(learn::day),
            stated: self.stated(repair),
            parts: self.known_parts(repair),
            symptoms: symptoms(true),
            denied: symptoms(false),
            codes: case
                .evidence
                .fault_codes
                .iter()
                .map(|c| c.code.to_string())
                .collect(),
            code_entries: case.codes.iter().copied().collect(),
            said: self.said(repair, case),
        }
    }

    /// What a report teaches about words: only its text before what the technician found is a customer's, and only a report that
    /// records symptoms tells which of them the words mean.
    fn said(&self, repair: &Repair, case: &Case) -> Option<Said> {
        let recorded = |told: &SymptomEvidence| {
            let symptom = self.tree.symptom(&told.id)?;
            let present = told.present;
            Some(Claim { symptom, present })
        };
        let recorded: BTreeSet<Claim> = case.evidence.symptoms.iter().filter_map(recorded).collect();
        let text = repair.text.as_ref().filter(|_| !recorded.is_empty())?;
        let text = text
            .char_indices()
            .nth(MAX_SAID_CHARS)
            .map_or(text.as_str(), |(end, _)| &text[..end]);
        let names = self.tree.events.iter().map(|event| event.name.as_str());
        let text = before_findings(text, &self.lexicon.recognise(text), names);
        let mentions = self.lexicon.recognise(text);
        let told = self.told(&mentions);
        Some(self.linker.said(&clauses(text, &mentions), told, recorded))
    }

    fn stated(&self, repair: &Repair) -> Stated {
        let cause = repair
            .cause
            .as_deref()
            .map(str::trim)
            .filter(|cause| !cause.is_empty());
        match cause {
            None => Stated::Nothing,
            Some(cause) => match self.tree.event_called(cause) {
                Some(at) => Stated::Event(at as u32),
                None => Stated::Words(cause.chars().take(MAX_CAUSE_CHARS).collect()),
            },
        }
    }

    /// Positions of the parts used that the parts list has.
    fn known_parts(&self, repair: &Repair) -> BTreeSet<usize> {
        let current = repair
            .parts_used
            .iter()
            .filter_map(|part| self.bom.current(&part.part_number));
        current
            .filter_map(|part| {
                self.bom
                    .parts
                    .iter()
                    .position(|p| p.part_number == part.part_number)
            })
            .collect()
    }

    fn shares(
        &self,
        repair: &Repair,
        case: &Case,
        notes: &mut Vec<String>,
    ) -> Result<Option<Vec<(u32, f64)>>, DiagnoseError> {
        if let Some(cause) = repair
            .cause
            .as_deref()
            .map(str::trim)
            .filter(|cause| !cause.is_empty())
        {
            if let Some(at) = self.tree.event_called(cause) {
                return Ok(Some(vec![(at as u32, 1.0)]));
            }
            let cause: String = cause.chars().take(80).collect();
            notes.push(format!(
                "cause {cause:?} is no event of the tree; the parts used decide instead"
            ));
        }
        let repairs = self.repairs(repair.model.as_ref());
        let used = self.used_parts(repair, &repairs, notes);
        let p = self.base.probabilities(&self.tree.priors(), &[]);
        for with_evidence in [true, false] {
            let mut literals: Vec<Lit> = Vec::new();
            if with_evidence {
                literals.extend(case.seen().into_iter().map(|seen| self.base.literal(seen)));
            }
            let f = self.compile_repair(&literals, &repairs, &used)?;
            let (total, mif) = f.importance(&p);
            if total > 0.0 && (with_evidence || !used.is_empty()) {
                let share = |e: usize| (e as u32, posterior(p[e], total, mif[e]));
                return Ok(Some((0..self.tree.events.len()).map(share).collect()));
            }
        }
        if !self.known_parts(repair).is_empty() {
            notes.push(
                "no event of the tree takes these parts; the repair counts for a cause that it lacks"
                    .to_owned(),
            );
            return Ok(Some(Vec::new()));
        }
        notes.push(
            "neither cause, parts nor symptoms point at an event of the tree; the repair does not count"
                .to_owned(),
        );
        Ok(None)
    }

    /// Positions of parts that were used and that some event's repair takes.
    fn used_parts(&self, repair: &Repair, repairs: &Repairs, notes: &mut Vec<String>) -> BTreeSet<usize> {
        let mut used = BTreeSet::new();
        for part in &repair.parts_used {
            let current = self.bom.current(&part.part_number).map(|p| &p.part_number);
            let at = current.and_then(|n| self.bom.parts.iter().position(|p| p.part_number == *n));
            match at.filter(|at| repairs.choices.iter().any(|c| c.part == *at)) {
                Some(at) => {
                    used.insert(at);
                }
                None => notes.push(format!(
                    "part {} is in no event's repair for this model",
                    part.part_number
                )),
            }
        }
        used
    }

    /// The evidence, and no event outside the repair set of `used` happened, and each part of it was needed.
    fn compile_repair(
        &self,
        evidence: &[Lit],
        repairs: &Repairs,
        used: &BTreeSet<usize>,
    ) -> Result<Compiled, DiagnoseError> {
        let mut observable = self.base.clone();
        let mut literals = evidence.to_vec();
        let part = |c: &usize| repairs.choices[*c].part;
        for (event, needs) in repairs.needs.iter().enumerate() {
            if needs.iter().any(|c| !used.contains(&part(c))) {
                literals.push(!observable.circuit.event(event as u32));
            }
        }
        for &wanted in used {
            let users =
                (0..repairs.needs.len()).filter(|&e| repairs.needs[e].iter().any(|c| part(c) == wanted));
            let events: Vec<Lit> = users
                .map(|e| e as u32)
                .collect::<Vec<_>>()
                .into_iter()
                .map(|e| observable.circuit.event(e))
                .collect();
            literals.push(observable.circuit.or(&events));
        }
        observable
            .compile(&literals, self.config.max_nodes)
            .map_err(|OverBudget { limit, orders }| DiagnoseError::NodeLimit {
                name: "repair".to_owned(),
                limit,
                orders,
            })
    }
}
