//! `Diagnosis`: evidence → causes, kit, questions; and what repairs teach it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use shifu_domain::recognise::{Lexicon, LexiconEntries, MentionKind};
use shifu_domain::{FaultCode, KitItem, ModelNumber, PartNumber, Probability, SymptomId, Yuan};

use crate::analyze::posterior;
use crate::beta;
use crate::bom::Bom;
use crate::circuit::Lit;
use crate::compile::{Compiled, OverBudget};
use crate::contract::{
    Cause, Certificate, CodeEvidence, Evidence, EvidenceSource, FirstTimeFix, Ignored, KitLimit, Learnt,
    NextQuestion, Prediction, PredictionRequest, Repair, Stock, SymptomEvidence, ValueUnit,
};
use crate::error::DiagnoseError;
use crate::kit::{self, Choice, Objective, Repairs, Solution, World};
use crate::learn::{self, Memory, Remembered, Shrinkage};
use crate::observe::Observable;
use crate::tree::{FaultTree, Input};

/// What an operator may set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DiagnosisConfig {
    /// What a visit that did not solve the problem costs: a second trip with its dispatch and an annoyed customer.
    /// Default 300 yuan (about half a day of a technician).
    pub failed_visit: Yuan,
    /// How many repairs the expert's tree is worth. Default 40.
    pub prior_size: f64,
    /// How cells are shrunk to their parent.
    pub shrinkage: Shrinkage,
    /// Nodes a request's decision diagram may have. Default 1,000,000 (some 34 MB).
    pub max_nodes: usize,
    /// Evaluations of the diagram that the search for a kit may take before it reports a gap. Default 3,000.
    pub kit_evaluations: usize,
    /// Causes listed. Default 10.
    pub max_causes: usize,
    /// Questions listed. Default 5.
    pub max_questions: usize,
}

impl Default for DiagnosisConfig {
    fn default() -> Self {
        Self {
            failed_visit: Yuan::from_fen(30_000),
            prior_size: 40.0,
            shrinkage: Shrinkage::MaximumLikelihood,
            max_nodes: 1_000_000,
            kit_evaluations: 3_000,
            max_causes: 10,
            max_questions: 5,
        }
    }
}

/// Symptoms and codes that one request may name.
const MAX_EVIDENCE: usize = 200;
/// Characters of text that one request may carry.
const MAX_TEXT_CHARS: usize = 20_000;
/// Questions whose value is computed in full, after screening.
const SCREENED: usize = 8;
/// Evaluations a kit inside a question may take.
const QUESTION_EVALUATIONS: usize = 150;

/// A fault tree and parts list at work, with what repairs have taught.
pub struct Diagnosis {
    tree: FaultTree,
    bom: Bom,
    config: DiagnosisConfig,
    lexicon: Arc<Lexicon>,
    base: Observable,
    memory: Memory,
}

/// What a tree and parts list add to the recognisers' lexicon.
#[must_use]
pub fn lexicon_entries(tree: &FaultTree, bom: &Bom) -> LexiconEntries {
    let mut codes: BTreeMap<FaultCode, Vec<_>> = BTreeMap::new();
    for code in &tree.codes {
        codes
            .entry(code.code.clone())
            .or_default()
            .extend(code.models.iter().cloned());
    }
    let parts = bom.parts.iter().flat_map(|part| {
        std::iter::once(&part.part_number)
            .chain(&part.supersedes)
            .map(|number| (number.clone(), part.name.clone()))
    });
    LexiconEntries {
        product_lines: Vec::new(),
        models: Vec::new(),
        parts: parts.collect(),
        fault_codes: codes.into_iter().collect(),
        symptoms: tree
            .symptoms
            .iter()
            .map(|s| (s.id.clone(), s.phrases.clone()))
            .collect(),
    }
}

/// One piece of evidence ready for the circuit.
struct Observation {
    title: String,
    literal: Lit,
    causes: Vec<(Input, f64)>,
    present: bool,
    code: bool,
}

/// Everything a request says, resolved.
struct Case {
    evidence: Evidence,
    observations: Vec<Observation>,
    /// Symptom positions that are known.
    known: BTreeSet<usize>,
}

impl Diagnosis {
    /// Joins a tree and a parts list.
    ///
    /// # Errors
    /// `UnknownPart` when the tree names a part that the list lacks, `UnknownProductLine` when the two are for different
    /// appliances, `BadRequest` when a configured number is out of range.
    pub fn new(tree: FaultTree, bom: Bom, config: DiagnosisConfig) -> Result<Self, DiagnoseError> {
        if let Some(line) = tree
            .product_line
            .as_ref()
            .filter(|line| **line != bom.product_line)
        {
            return Err(DiagnoseError::UnknownProductLine {
                requested: bom.product_line.to_string(),
                available: line.to_string(),
            });
        }
        if !(config.prior_size > 0.0 && config.prior_size.is_finite()) {
            let reason = format!("{} is not a number above 0", config.prior_size);
            return Err(DiagnoseError::BadRequest {
                field: "prior_size",
                reason,
            });
        }
        tree.check_parts(&bom)?;
        let lexicon = Arc::new(Lexicon::new(lexicon_entries(&tree, &bom)));
        let base = Observable::new(&tree);
        Ok(Self {
            tree,
            bom,
            config,
            lexicon,
            base,
            memory: Memory::default(),
        })
    }

    /// Recognises text with the operator's whole lexicon instead of the one of this tree and list alone.
    #[must_use]
    pub fn with_lexicon(mut self, lexicon: Arc<Lexicon>) -> Self {
        self.lexicon = lexicon;
        self
    }

    /// The tree.
    #[must_use]
    pub fn tree(&self) -> &FaultTree {
        &self.tree
    }

    /// The parts list.
    #[must_use]
    pub fn bom(&self) -> &Bom {
        &self.bom
    }

    /// Repairs that count.
    #[must_use]
    pub fn repairs_learnt(&self) -> u64 {
        self.memory.repairs()
    }

    /// Causes, kit and questions for one appliance.
    ///
    /// # Errors
    /// `UnknownProductLine`, `BadRequest` for a request outside its limits, `NodeLimit` when tree and evidence together are
    /// too large. Unknown symptoms, codes and models and contradictory evidence are reported inside the prediction.
    pub fn predict(&self, request: &PredictionRequest) -> Result<Prediction, DiagnoseError> {
        let start = Instant::now();
        self.check(request)?;
        let case = self.resolve(request);
        let model = case.evidence.model.clone();
        let path = learn::path(model.as_ref(), request.region.as_ref(), request.date.as_deref());
        let shapes = self.frequencies(&path);
        let priors: Vec<f64> = shapes
            .iter()
            .map(|&(a, b)| if a + b > 0.0 { a / (a + b) } else { 0.0 })
            .collect();
        let p = self.base.probabilities(&priors);
        let literals: Vec<Lit> = case.observations.iter().map(|o| o.literal).collect();
        let f = self.compile(&literals)?;
        let (total, mif) = f.importance(&p);
        let mut prediction = self.empty(&case, total);
        if total > 0.0 {
            let repairs = self.repairs(model.as_ref());
            let world = World {
                terms: vec![(1.0, &f)],
                p: &p,
                total,
            };
            let objective = Objective::new(request.limit.as_ref(), self.config.failed_visit.as_f64());
            let solution = kit::best(&world, &repairs, objective, None, self.config.kit_evaluations);
            self.put_kit(
                &mut prediction,
                &world,
                &repairs,
                &solution,
                request.stock.as_deref(),
                model.as_ref(),
            );
            prediction.causes = self.causes(&case, &shapes, &p, total, &mif)?;
            prediction.next_questions = self.questions(&case, &f, &world, &repairs, objective, &solution)?;
        }
        prediction.took_ms = start.elapsed().as_secs_f64() * 1e3;
        Ok(prediction)
    }

    fn check(&self, request: &PredictionRequest) -> Result<(), DiagnoseError> {
        if request.product_line != self.bom.product_line {
            return Err(DiagnoseError::UnknownProductLine {
                requested: request.product_line.to_string(),
                available: self.bom.product_line.to_string(),
            });
        }
        let bad = |field, reason: String| Err(DiagnoseError::BadRequest { field, reason });
        if request.symptoms.len() + request.fault_codes.len() > MAX_EVIDENCE {
            return bad(
                "symptoms",
                format!("at most {MAX_EVIDENCE} symptoms and fault codes may be given"),
            );
        }
        let limits = request.limit.as_ref().map_or(0, |l: &KitLimit| {
            usize::from(l.max_cost.is_some())
                + usize::from(l.max_parts.is_some())
                + usize::from(l.target_first_time_fix.is_some())
        });
        if limits > 1 {
            return bad(
                "limit",
                "give one of max_cost, max_parts and target_first_time_fix".to_owned(),
            );
        }
        match request.text.as_ref().map(|text| text.chars().count()) {
            Some(chars) if chars > MAX_TEXT_CHARS => {
                bad("text", format!("{chars} characters, at most {MAX_TEXT_CHARS}"))
            }
            _ => Ok(()),
        }
    }

    fn empty(&self, case: &Case, total: f64) -> Prediction {
        let mut evidence = case.evidence.clone();
        evidence.probability = total;
        evidence.contradictory = total <= 0.0;
        evidence.similar_repairs = self.similar(case).count();
        let versions = BTreeMap::from([
            ("engine".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
            ("tree".to_owned(), self.tree.version.clone()),
            ("bom".to_owned(), self.bom.version.clone()),
            ("repairs".to_owned(), self.memory.repairs().to_string()),
        ]);
        let zero = Probability::ZERO;
        Prediction {
            causes: Vec::new(),
            kit: Vec::new(),
            kit_cost: Yuan::ZERO,
            certificate: Certificate {
                optimal: false,
                gap: 0.0,
            },
            first_time_fix: FirstTimeFix {
                with_kit: zero,
                without_parts: zero,
                with_every_part: zero,
            },
            next_questions: Vec::new(),
            evidence,
            versions,
            took_ms: 0.0,
        }
    }

    fn frequencies(&self, path: &[String]) -> Vec<(f64, f64)> {
        self.memory.frequencies(
            path,
            &self.tree.priors(),
            self.config.prior_size,
            self.config.shrinkage,
        )
    }

    fn compile(&self, evidence: &[Lit]) -> Result<Compiled, DiagnoseError> {
        self.base
            .compile(evidence, self.config.max_nodes)
            .map_err(|OverBudget { limit, orders }| DiagnoseError::NodeLimit {
                name: "evidence".to_owned(),
                limit,
                orders,
            })
    }

    // ---- evidence ----

    fn resolve(&self, request: &PredictionRequest) -> Case {
        let mut evidence = Evidence {
            model: request.model.clone(),
            ..Evidence::default()
        };
        let mut symptoms: BTreeMap<SymptomId, (bool, EvidenceSource)> = BTreeMap::new();
        let mut codes: BTreeMap<FaultCode, EvidenceSource> = BTreeMap::new();
        for mention in request.text.iter().flat_map(|text| self.lexicon.recognise(text)) {
            match mention.kind {
                MentionKind::Symptom { id, present, .. } => {
                    symptoms.insert(id, (present, EvidenceSource::Text));
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
            symptoms.insert(report.id.clone(), (report.present, EvidenceSource::Request));
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
        };
        for (id, (present, source)) in symptoms {
            self.add_symptom(&mut case, id, present, source);
        }
        for (code, source) in codes {
            self.add_code(&mut case, code, source);
        }
        case
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

    fn add_symptom(&self, case: &mut Case, id: SymptomId, present: bool, source: EvidenceSource) {
        let Some(at) = self.tree.symptom(&id) else {
            let reason = "the fault tree has no symptom of this id".to_owned();
            case.evidence.ignored.push(Ignored {
                kind: "symptom".to_owned(),
                value: id.to_string(),
                reason,
            });
            return;
        };
        let symptom = &self.tree.symptoms[at];
        let literal = self.base.symptoms[at];
        case.known.insert(at);
        case.observations.push(Observation {
            title: symptom.title().to_owned(),
            literal: if present { literal } else { !literal },
            causes: symptom
                .causes
                .iter()
                .map(|link| (link.input, link.probability))
                .collect(),
            present,
            code: false,
        });
        case.evidence
            .symptoms
            .push(SymptomEvidence { id, present, source });
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
        case.observations.push(Observation {
            title: code.to_string(),
            literal: self.base.codes[at],
            causes: self.tree.codes[at]
                .causes
                .iter()
                .map(|link| (link.input, link.probability))
                .collect(),
            present: true,
            code: true,
        });
        case.evidence.fault_codes.push(CodeEvidence { code, source });
    }

    // ---- kit ----

    /// Which parts each event's repair takes on `model`, superseded numbers replaced.
    fn repairs(&self, model: Option<&ModelNumber>) -> Repairs {
        let mut repairs = Repairs::default();
        for event in &self.tree.events {
            let mut needs = Vec::new();
            for replacement in &event.repaired_by {
                let Some(part) = self
                    .bom
                    .current(&replacement.part_number)
                    .filter(|part| part.fits(model))
                else {
                    continue;
                };
                let Some(at) = self
                    .bom
                    .parts
                    .iter()
                    .position(|p| p.part_number == part.part_number)
                else {
                    continue;
                };
                let choice = Choice {
                    part: at,
                    quantity: replacement.quantity,
                    price: part.price,
                };
                let position = repairs
                    .choices
                    .iter()
                    .position(|c| *c == choice)
                    .unwrap_or_else(|| {
                        repairs.choices.push(choice);
                        repairs.choices.len() - 1
                    });
                needs.push(position);
            }
            repairs.needs.push(needs);
        }
        repairs
    }

    fn put_kit(
        &self,
        prediction: &mut Prediction,
        world: &World<'_>,
        repairs: &Repairs,
        solution: &Solution,
        stock: Option<&[Stock]>,
        model: Option<&ModelNumber>,
    ) {
        let held = |number: &PartNumber| -> u64 {
            let lines = stock
                .unwrap_or_default()
                .iter()
                .filter(|s| s.part_number == *number);
            lines.map(|s| u64::from(s.depot) + u64::from(s.van)).sum()
        };
        let mut items: BTreeMap<usize, (u32, usize)> = BTreeMap::new();
        for (c, choice) in repairs
            .choices
            .iter()
            .enumerate()
            .filter(|(c, _)| solution.chosen[*c])
        {
            let item = items.entry(choice.part).or_insert((0, c));
            item.0 = item.0.max(choice.quantity);
        }
        for (part, (quantity, c)) in items {
            let part = &self.bom.parts[part];
            let mut alternatives = self.bom.alternatives(part, model);
            if stock.is_some() {
                alternatives.sort_by_key(|number| held(number) < u64::from(quantity));
            }
            prediction.kit_cost = prediction.kit_cost + part.price * quantity;
            prediction.kit.push(KitItem {
                part_number: part.part_number.clone(),
                name: part.name.clone(),
                quantity,
                price: part.price,
                probability_needed: Probability::clamped(world.needed(repairs, c)),
                in_stock: stock.map(|_| held(&part.part_number) >= u64::from(quantity)),
                alternatives,
            });
        }
        prediction.kit.sort_by(|a, b| {
            b.probability_needed
                .value()
                .total_cmp(&a.probability_needed.value())
                .then(a.part_number.cmp(&b.part_number))
        });
        let at_hand = |c: &Choice| {
            stock.is_none() || held(&self.bom.parts[c.part].part_number) >= u64::from(c.quantity)
        };
        let every: Vec<bool> = repairs.choices.iter().map(at_hand).collect();
        let none = vec![false; repairs.choices.len()];
        prediction.certificate = solution.certificate;
        prediction.first_time_fix = FirstTimeFix {
            with_kit: Probability::clamped(solution.fix),
            without_parts: Probability::clamped(world.fix(repairs, &none)),
            with_every_part: Probability::clamped(world.fix(repairs, &every)),
        };
    }

    // ---- causes ----

    fn causes(
        &self,
        case: &Case,
        shapes: &[(f64, f64)],
        p: &[f64],
        total: f64,
        mif: &[f64],
    ) -> Result<Vec<Cause>, DiagnoseError> {
        let mut ranked: Vec<(usize, f64)> = (0..self.tree.events.len())
            .map(|e| (e, posterior(p[e], total, mif[e])))
            .filter(|c| c.1 > 1e-9)
            .collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        ranked.truncate(self.config.max_causes);
        let without = self.without_each(case, p)?;
        let cause = |(event, chance): (usize, f64)| {
            // As a function of this event's frequency x alone the posterior is xA / (xA + (1 − x)B), with A = P(f | e) and
            // B = P(f | not e): monotone, so quantiles go through it.
            let (a, b) = (
                total + (1.0 - p[event]) * mif[event],
                total - p[event] * mif[event],
            );
            let carry = |x: f64| {
                if x * a + (1.0 - x) * b > 0.0 {
                    x * a / (x * a + (1.0 - x) * b)
                } else {
                    0.0
                }
            };
            let (alpha, beta) = shapes[event];
            let bounds = [
                carry(beta::quantile(alpha, beta, 0.05)),
                carry(beta::quantile(alpha, beta, 0.95)),
            ];
            Cause {
                event: self.tree.events[event].id.clone(),
                name: self.tree.events[event].name.clone(),
                probability: Probability::clamped(chance),
                interval: [bounds[0].clamp(0.0, chance), bounds[1].clamp(chance, 1.0)],
                because: self.because(case, event, chance, p[event], &without),
            }
        };
        Ok(ranked.into_iter().map(cause).collect())
    }

    /// Every event's posterior when one piece of evidence is left out, in the order of the evidence.
    fn without_each(&self, case: &Case, p: &[f64]) -> Result<Vec<Vec<f64>>, DiagnoseError> {
        // With a dozen pieces no single one explains much; the first dozen are enough for the words.
        let mut found = Vec::new();
        for left_out in 0..case.observations.len().min(12) {
            let rest: Vec<Lit> = case
                .observations
                .iter()
                .enumerate()
                .filter(|(i, _)| *i != left_out)
                .map(|(_, o)| o.literal)
                .collect();
            let (total, mif) = self.compile(&rest)?.importance(p);
            found.push(
                (0..self.tree.events.len())
                    .map(|e| posterior(p[e], total, mif[e]))
                    .collect(),
            );
        }
        Ok(found)
    }

    fn because(
        &self,
        case: &Case,
        event: usize,
        chance: f64,
        prior: f64,
        without: &[Vec<f64>],
    ) -> Vec<String> {
        let mut words = vec![format!("未看现象时，此原因约占 {}", percent(prior))];
        for (observation, rest) in case.observations.iter().zip(without) {
            let (before, kind) = (
                rest[event],
                if observation.code {
                    "故障代码"
                } else {
                    "现象"
                },
            );
            if (chance - before).abs() < 0.005 * chance.max(before) {
                continue;
            }
            let state = if observation.present {
                "出现"
            } else {
                "未出现"
            };
            let change = if chance > before { "提高" } else { "降低" };
            let route = self
                .route(event, observation)
                .filter(|_| observation.present)
                .map_or(String::new(), |(route, link)| {
                    format!("（{route}，此时出现率 {}）", percent(link))
                });
            let title = &observation.title;
            words.push(format!(
                "{kind}「{title}」{state}，可能性由 {} {change}到 {}{route}",
                percent(before),
                percent(chance)
            ));
        }
        let (mut similar, mut same) = (0, 0.0);
        for repair in self.similar(case) {
            similar += 1;
            same += repair
                .shares
                .get(&(event as u32))
                .map_or(0.0, |&units| learn::share(units));
        }
        if similar > 0 {
            words.push(format!("相似维修 {similar} 单，其中约 {same:.0} 单为此原因"));
        }
        words
    }

    /// The way from an event up to an observation, as names, with the link's chance.
    fn route(&self, event: usize, observation: &Observation) -> Option<(String, f64)> {
        let goal = Input::Event(event as u32);
        observation.causes.iter().find_map(|&(input, link)| {
            let mut came_from: BTreeMap<usize, Option<usize>> = BTreeMap::new();
            let mut queue = std::collections::VecDeque::new();
            if input == goal {
                return Some((self.tree.name_of(goal).to_owned(), link));
            }
            if let Input::Gate(gate) = input {
                came_from.insert(gate as usize, None);
                queue.push_back(gate as usize);
            }
            while let Some(gate) = queue.pop_front() {
                for &next in &self.tree.gates[gate].inputs {
                    if next == goal {
                        return Some((self.way_up(event, gate, &came_from), link));
                    }
                    if let Input::Gate(inner) = next {
                        came_from.entry(inner as usize).or_insert_with(|| {
                            queue.push_back(inner as usize);
                            Some(gate)
                        });
                    }
                }
            }
            None
        })
    }

    fn way_up(&self, event: usize, gate: usize, came_from: &BTreeMap<usize, Option<usize>>) -> String {
        let mut names = vec![self.tree.events[event].name.clone()];
        let mut at = Some(gate);
        while let Some(gate) = at {
            names.push(self.tree.gates[gate].name.clone());
            at = came_from.get(&gate).copied().flatten();
        }
        names.join(" → ")
    }

    /// Remembered repairs that show one of the case's present symptoms or codes; without any, those of the model.
    fn similar<'a>(&'a self, case: &'a Case) -> impl Iterator<Item = &'a Remembered> + 'a {
        let present: Vec<usize> = case
            .evidence
            .symptoms
            .iter()
            .filter(|s| s.present)
            .filter_map(|s| self.tree.symptom(&s.id))
            .collect();
        let model = case.evidence.model.as_ref().map(ModelNumber::as_str);
        self.memory.reports.values().flatten().filter(move |repair| {
            let symptom = repair.symptoms.iter().any(|at| present.contains(at));
            let code = case
                .evidence
                .fault_codes
                .iter()
                .any(|c| repair.codes.iter().any(|r| r == c.code.as_str()));
            let nothing = present.is_empty() && case.evidence.fault_codes.is_empty();
            symptom || code || (nothing && model.is_some() && repair.path.get(1).map(String::as_str) == model)
        })
    }

    // ---- questions ----

    fn questions(
        &self,
        case: &Case,
        f: &Compiled,
        world: &World<'_>,
        repairs: &Repairs,
        objective: Objective,
        now: &Solution,
    ) -> Result<Vec<NextQuestion>, DiagnoseError> {
        let mut screened = Vec::new();
        for at in (0..self.tree.symptoms.len()).filter(|at| !case.known.contains(at)) {
            let literals: Vec<Lit> = case
                .observations
                .iter()
                .map(|o| o.literal)
                .chain([self.base.symptoms[at]])
                .collect();
            let with = self.compile(&literals)?;
            let (joint, mif) = with.importance(world.p);
            if joint <= 0.0 || joint >= world.total {
                continue;
            }
            screened.push((self.moved(world, f, joint, &mif), at, with, joint));
        }
        screened.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        screened.truncate(SCREENED);
        let mut found: Vec<NextQuestion> = screened
            .iter()
            .filter_map(|(_, at, with, joint)| {
                let yes = World {
                    terms: vec![(1.0, with)],
                    p: world.p,
                    total: *joint,
                };
                let no = World {
                    terms: vec![(1.0, f), (-1.0, with)],
                    p: world.p,
                    total: world.total - joint,
                };
                let share = joint / world.total;
                let (value, unit) =
                    self.value_of([(share, &yes), (1.0 - share, &no)], repairs, objective, now);
                let symptom = &self.tree.symptoms[*at];
                let text = format!("请问有没有「{}」的情况？", symptom.title());
                (value > 1e-6).then(|| NextQuestion {
                    symptom: symptom.id.clone(),
                    text,
                    value,
                    unit,
                })
            })
            .collect();
        found.sort_by(|a, b| b.value.total_cmp(&a.value).then(a.symptom.cmp(&b.symptom)));
        found.truncate(self.config.max_questions);
        Ok(found)
    }

    /// How much a "yes" moves the posteriors, weighted by its chance: what questions are screened by.
    fn moved(&self, world: &World<'_>, f: &Compiled, joint: f64, mif: &[f64]) -> f64 {
        let (total, before) = f.importance(world.p);
        let shift = |e: usize| {
            (posterior(world.p[e], joint, mif[e]) - posterior(world.p[e], total, before[e])).abs() * joint
                / total
        };
        (0..self.tree.events.len()).map(shift).sum()
    }

    /// Expected gain of knowing which world is the case before the kit is chosen, against the kit of now in both.
    fn value_of(
        &self,
        answers: [(f64, &World<'_>); 2],
        repairs: &Repairs,
        objective: Objective,
        now: &Solution,
    ) -> (f64, ValueUnit) {
        let failed_visit = self.config.failed_visit.as_f64();
        let gain = |world: &World<'_>| {
            let blind = world.fix(repairs, &now.chosen);
            let told = kit::best(world, repairs, objective, Some(&now.chosen), QUESTION_EVALUATIONS);
            match objective {
                Objective::ExpectedCost { .. } => {
                    let spent = |chosen: &[bool]| self.cost(repairs, chosen);
                    (spent(&now.chosen) + failed_visit * (1.0 - blind))
                        - (spent(&told.chosen) + failed_visit * (1.0 - told.fix))
                }
                // A target says how sure to be; what a question then saves is kit cost.
                Objective::Target(_) => told.fix - blind,
                Objective::MaxCost(_) | Objective::MaxParts(_) => told.fix - blind,
            }
        };
        let value = answers
            .into_iter()
            .map(|(share, world)| share * gain(world))
            .sum::<f64>()
            .max(0.0);
        let unit = if matches!(objective, Objective::ExpectedCost { .. }) {
            ValueUnit::Yuan
        } else {
            ValueUnit::Visits
        };
        (value, unit)
    }

    fn cost(&self, repairs: &Repairs, chosen: &[bool]) -> f64 {
        let mut quantity: BTreeMap<usize, u32> = BTreeMap::new();
        for choice in repairs
            .choices
            .iter()
            .zip(chosen)
            .filter(|(_, taken)| **taken)
            .map(|(choice, _)| choice)
        {
            let most = quantity.entry(choice.part).or_insert(0);
            *most = (*most).max(choice.quantity);
        }
        quantity
            .into_iter()
            .map(|(part, quantity)| (self.bom.parts[part].price * quantity).as_f64())
            .sum()
    }

    // ---- learning ----

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
        if let Some(date) = repair
            .date
            .as_deref()
            .filter(|date| learn::season(date).is_none())
        {
            notes.push(format!(
                "date {:?} is not YYYY-MM-DD; the season is not counted",
                date.chars().take(40).collect::<String>()
            ));
        }
        let path = learn::path(
            repair.model.as_ref(),
            repair.region.as_ref(),
            repair.date.as_deref(),
        );
        let remembered = shares.map(|shares| Remembered {
            path,
            shares: shares
                .into_iter()
                .map(|(event, share)| (event, learn::units(share)))
                .filter(|s| s.1 > 0)
                .collect(),
            symptoms: case
                .evidence
                .symptoms
                .iter()
                .filter(|s| s.present)
                .filter_map(|s| self.tree.symptom(&s.id))
                .collect(),
            codes: case
                .evidence
                .fault_codes
                .iter()
                .map(|c| c.code.to_string())
                .collect(),
        });
        let counted = remembered.is_some();
        let causes = remembered
            .iter()
            .flat_map(|r| &r.shares)
            .map(|(&event, &units)| (self.tree.events[event as usize].id.clone(), learn::share(units)));
        let causes = causes.collect();
        let replaced = self
            .memory
            .report(repair.ticket_id.as_str(), repair.visit, remembered);
        Ok(Learnt {
            counted,
            replaced,
            causes,
            notes,
        })
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
            if let Some(at) = self
                .tree
                .events
                .iter()
                .position(|e| e.id == cause || e.name == cause)
            {
                return Ok(Some(vec![(at as u32, 1.0)]));
            }
            let cause: String = cause.chars().take(80).collect();
            notes.push(format!(
                "cause {cause:?} is no event of the tree; the parts used decide instead"
            ));
        }
        let repairs = self.repairs(repair.model.as_ref());
        let used = self.used_parts(repair, &repairs, notes);
        let p = self.base.probabilities(&self.tree.priors());
        for with_evidence in [true, false] {
            let mut literals: Vec<Lit> = Vec::new();
            if with_evidence {
                literals.extend(case.observations.iter().map(|o| o.literal));
            }
            let f = self.compile_repair(&literals, &repairs, &used)?;
            let (total, mif) = f.importance(&p);
            if total > 0.0 && (with_evidence || !used.is_empty()) {
                let share = |e: usize| (e as u32, posterior(p[e], total, mif[e]));
                return Ok(Some((0..self.tree.events.len()).map(share).collect()));
            }
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

/// A chance as a technician reads it.
fn percent(chance: f64) -> String {
    if chance >= 0.0995 {
        format!("{:.0}%", chance * 100.0)
    } else {
        format!("{:.1}%", chance * 100.0)
    }
}
