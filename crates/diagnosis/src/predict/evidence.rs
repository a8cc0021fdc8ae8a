//! What a request says, resolved against the tree: symptoms, codes and model, and what its other words are linked to; what had to
//! be ignored, and why.

use std::collections::{BTreeMap, BTreeSet};

use shifu_domain::recognise::{Mention, MentionKind};
use shifu_domain::{FaultCode, SymptomId};

use super::{Case, Diagnosis, Observation};
use crate::contract::{CodeEvidence, Evidence, EvidenceSource, Ignored, PredictionRequest, SymptomEvidence};
use crate::link::{Clause, clauses};
use crate::observe::{HEDGED, Seen};
use crate::tree::{Input, Link};

impl Case {
    /// The signs observed, by number.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.observations.iter().map(|o| o.seen).collect()
    }

    /// The signs if the answer to a question is that the symptom shows, and the chance of what was told of it then. None where it
    /// is known for certain.
    pub(super) fn if_asked(&self, symptom: usize) -> Option<(Vec<Seen>, f64)> {
        let mut seen = self.seen();
        let mut weight = 1.0;
        if let Some(at) = seen.iter().position(|seen| seen.sign == symptom) {
            let told = seen.remove(at);
            weight = (told.doubt > 0.0).then(|| told.certainty())?;
        } else if self.known.contains(&symptom) {
            return None;
        }
        seen.push(Seen::certain(symptom, true));
        Some((seen, weight))
    }

    /// Leaves out present signs beyond `most`: those that most causes show, which tell causes apart least.
    pub(super) fn keep_most_telling(&mut self, most: usize) {
        let mut present: Vec<usize> = (0..self.observations.len())
            .filter(|&at| self.observations[at].seen.certainty() > 0.0)
            .collect();
        present.sort_by_key(|&at| (self.observations[at].causes.len(), at));
        let mut left_out: Vec<usize> = present.split_off(most.min(present.len()));
        left_out.sort_unstable();
        for at in left_out.into_iter().rev() {
            let observation = self.observations.remove(at);
            let kind = if observation.code { "fault_code" } else { "symptom" };
            self.evidence.ignored.push(Ignored {
                kind: kind.to_owned(),
                value: observation.title,
                reason: format!("more than {most} present at once; this one tells causes apart least"),
            });
        }
    }
}

impl Diagnosis {
    pub(super) fn resolve(&self, request: &PredictionRequest) -> Case {
        let mut evidence = Evidence {
            model: request.model.clone(),
            ..Evidence::default()
        };
        let mut symptoms: BTreeMap<SymptomId, SymptomEvidence> = BTreeMap::new();
        let mut codes: BTreeMap<FaultCode, EvidenceSource> = BTreeMap::new();
        let text = request.text.as_deref().unwrap_or_default();
        let mentions = self.lexicon.recognise(text);
        for mention in &mentions {
            match mention.kind.clone() {
                MentionKind::Symptom {
                    id,
                    present,
                    uncertain,
                } => {
                    // What is said plainly anywhere is not undone by a hedge elsewhere.
                    let plain = symptoms.get(&id).is_some_and(|told| !told.hedged);
                    if !(plain && uncertain) {
                        let told = SymptomEvidence {
                            id: id.clone(),
                            present,
                            hedged: uncertain,
                            source: EvidenceSource::Text,
                            certainty: None,
                        };
                        symptoms.insert(id, told);
                    }
                }
                MentionKind::FaultCode { code, known: true } => {
                    codes.insert(code, EvidenceSource::Text);
                }
                MentionKind::Model { candidates, .. }
                    if evidence.model.is_none() && candidates.len() == 1 =>
                {
                    evidence.model = candidates.into_iter().next();
                }
                _ => {}
            }
        }
        for report in &request.symptoms {
            let told = SymptomEvidence {
                id: report.id.clone(),
                present: report.present,
                hedged: false,
                source: EvidenceSource::Request,
                certainty: None,
            };
            symptoms.insert(report.id.clone(), told);
        }
        codes.extend(
            request
                .fault_codes
                .iter()
                .map(|code| (code.clone(), EvidenceSource::Request)),
        );
        self.check_model(&mut evidence);
        let mut case = Case {
            evidence,
            observations: Vec::new(),
            known: BTreeSet::new(),
            codes: BTreeSet::new(),
            earlier: Vec::new(),
        };
        for told in symptoms.into_values() {
            let doubt = if told.hedged { HEDGED } else { 0.0 };
            self.add_symptom(&mut case, told, doubt);
        }
        // Who names symptoms has read the text: its other words then mean nothing more.
        if request.symptoms.is_empty() {
            self.add_linked(&mut case, &clauses(text, &mentions));
        }
        for (code, source) in codes {
            self.add_code(&mut case, code, source);
        }
        case
    }

    /// The expert's links of a sign, which lead along the tree's gates, then those that were learnt.
    fn causes_of(&self, sign: usize, links: &[Link]) -> Vec<(Input, f64)> {
        let learnt = if self.fit.is_some() { links } else { &[] };
        let all = self.paths[sign].iter().chain(learnt);
        all.map(|link| (link.input, link.probability)).collect()
    }

    fn check_model(&self, evidence: &mut Evidence) {
        let Some(model) = &evidence.model else { return };
        let patterns = || {
            self.bom
                .parts
                .iter()
                .flat_map(|p| &p.fits)
                .chain(self.tree.codes.iter().flat_map(|c| &c.models))
        };
        if patterns().next().is_some() && !patterns().any(|pattern| pattern.matches(model)) {
            let reason = "no part or fault code of this product line names the model; parts that fit every model count".to_owned();
            evidence.ignored.push(Ignored {
                kind: "model".to_owned(),
                value: model.to_string(),
                reason,
            });
        }
    }

    /// Symptoms that recognised phrases stand for.
    pub(super) fn told(&self, mentions: &[Mention]) -> BTreeSet<usize> {
        let symptom = |mention: &Mention| match &mention.kind {
            MentionKind::Symptom { id, .. } => self.tree.symptom(id),
            _ => None,
        };
        mentions.iter().filter_map(symptom).collect()
    }

    fn add_linked(&self, case: &mut Case, clauses: &[Clause]) {
        for linked in self.linker.link(clauses, &case.known) {
            let told = SymptomEvidence {
                id: self.tree.symptoms[linked.claim.symptom].id.clone(),
                present: linked.claim.present,
                hedged: true,
                source: EvidenceSource::Linked,
                certainty: Some(linked.chance),
            };
            self.add_symptom(case, told, linked.doubt);
        }
    }

    fn add_symptom(&self, case: &mut Case, told: SymptomEvidence, doubt: f64) {
        let Some(at) = self.tree.symptom(&told.id) else {
            let reason = "the fault tree has no symptom of this id".to_owned();
            case.evidence.ignored.push(Ignored {
                kind: "symptom".to_owned(),
                value: told.id.to_string(),
                reason,
            });
            return;
        };
        let symptom = &self.tree.symptoms[at];
        case.known.insert(at);
        case.observations.push(Observation {
            title: symptom.title().to_owned(),
            seen: Seen {
                sign: at,
                present: told.present,
                doubt,
            },
            causes: self.causes_of(at, &symptom.causes),
            code: false,
        });
        case.evidence.symptoms.push(told);
    }

    fn add_code(&self, case: &mut Case, code: FaultCode, source: EvidenceSource) {
        let model = case.evidence.model.as_ref();
        let mut entries = (0..self.tree.codes.len())
            .filter(|&at| self.tree.codes[at].code == code)
            .peekable();
        let known = entries.peek().is_some();
        // Several entries of one code tell models apart; the first that applies counts.
        let Some(at) = entries.find(|&at| self.tree.codes[at].applies_to(model)) else {
            let reason = if known {
                "the code does not apply to this model"
            } else {
                "the fault tree has no such code"
            };
            let (kind, value) = ("fault_code".to_owned(), code.to_string());
            case.evidence.ignored.push(Ignored {
                kind,
                value,
                reason: reason.to_owned(),
            });
            return;
        };
        case.codes.insert(at);
        case.observations.push(Observation {
            title: code.to_string(),
            seen: Seen::certain(self.tree.symptoms.len() + at, true),
            causes: self.causes_of(self.tree.symptoms.len() + at, &self.tree.codes[at].causes),
            code: true,
        });
        case.evidence.fault_codes.push(CodeEvidence { code, source });
    }
}
