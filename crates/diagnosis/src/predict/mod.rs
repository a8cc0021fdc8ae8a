//! `Diagnosis`: evidence → causes, kit, questions; and what repairs teach it.

mod accept;
mod chances;
mod checks;
mod evidence;
mod explain;
mod first_visits;
mod grounds;
mod learning;
mod parts;
mod questions;
mod suggestions;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use shifu_domain::recognise::{Lexicon, LexiconEntries};
use shifu_domain::{FaultCode, Probability, Yuan};

use crate::bom::Bom;
use crate::compile::OverBudget;
use crate::contract::{Certificate, Evidence, FirstTimeFix, KitLimit, Prediction, PredictionRequest};
use crate::error::DiagnoseError;
use crate::kit::{self, Objective, World};
use crate::learn::{Believed, Fit, Memory, Shrinkage};
use crate::likelihood::Likelihood;
use crate::link::Linker;
use crate::observe::{Observable, Seen};
use crate::tree::{FaultTree, Input, Link};

pub use accept::Edit;
pub use first_visits::{FirstVisits, FixRate};
pub use grounds::Grounds;
pub use suggestions::{Change, Sign, SuggestedLink, Suggestion};

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
    /// Causes listed, 0 for none. Default 10.
    pub max_causes: usize,
    /// Questions listed, 0 to look for none. Default 5.
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
/// Present symptoms and codes that are weighed together with the learnt tree, whose causes share no gates: the diagram doubles with
/// each.
const MAX_PRESENT: usize = 8;
/// Characters of text that one request may carry.
const MAX_TEXT_CHARS: usize = 20_000;

/// A fault tree and parts list at work, with what repairs have taught. Clones share what is remembered until one learns more.
#[derive(Clone)]
pub struct Diagnosis {
    tree: FaultTree,
    bom: Arc<Bom>,
    config: DiagnosisConfig,
    lexicon: Arc<Lexicon>,
    base: Observable,
    believed: Arc<Believed>,
    /// The expert's links of every symptom, then of every code: the paths by which causes are explained.
    paths: Arc<Vec<Vec<Link>>>,
    memory: Arc<Memory>,
    linker: Arc<Linker>,
    /// What the repairs have taught, where `tree` and `base` are as learnt; none where they are the expert's.
    fit: Option<Fit>,
    /// The same with the learnt tree, made when it is first asked after a report.
    learnt: OnceLock<Arc<Diagnosis>>,
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
    seen: Seen,
    causes: Vec<(Input, f64)>,
    code: bool,
}

/// Everything a request says, resolved.
struct Case {
    evidence: Evidence,
    observations: Vec<Observation>,
    /// Symptom positions of which something was told.
    known: BTreeSet<usize>,
    /// Positions of the code entries that are shown.
    codes: BTreeSet<usize>,
    /// Causes of the appliance's last repair, with their shares.
    earlier: Vec<(u32, f64)>,
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
        let linker = Linker::new(tree.symptoms.iter().map(|symptom| symptom.phrases.as_slice()));
        Ok(Self {
            believed: Arc::new(chances::believed(&tree)),
            paths: Arc::new(chances::links(&tree).cloned().collect()),
            tree,
            bom: Arc::new(bom),
            config,
            lexicon,
            base,
            memory: Arc::default(),
            linker: Arc::new(linker),
            fit: None,
            learnt: OnceLock::new(),
        })
    }

    /// Recognises text with the operator's whole lexicon instead of the one of this tree and list alone.
    #[must_use]
    pub fn with_lexicon(mut self, lexicon: Arc<Lexicon>) -> Self {
        self.lexicon = lexicon;
        self.learnt = OnceLock::new();
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
        self.fit
            .as_ref()
            .map_or_else(|| self.memory.repairs(), |fit| fit.repairs)
    }

    /// Causes, kit and questions for one appliance.
    ///
    /// # Errors
    /// `UnknownProductLine`, `BadRequest` for a request outside its limits, `NodeLimit` when tree and evidence together are
    /// too large. Unknown symptoms, codes and models and contradictory evidence are reported inside the prediction.
    pub fn predict(&self, request: &PredictionRequest) -> Result<Prediction, DiagnoseError> {
        let start = Instant::now();
        self.check(request)?;
        let mut prediction = self.learnt().answer(request)?;
        prediction.took_ms = start.elapsed().as_secs_f64() * 1e3;
        Ok(prediction)
    }

    fn answer(&self, request: &PredictionRequest) -> Result<Prediction, DiagnoseError> {
        let mut case = self.resolve(request);
        if let Some(fit) = &self.fit {
            case.earlier = request
                .serial
                .as_ref()
                .map_or(Vec::new(), |serial| fit.earlier(serial).to_vec());
            if fit.links.is_some() {
                case.keep_most_telling(MAX_PRESENT);
            }
        }
        let model = case.evidence.model.clone();
        let chances = self.chances(&case, request);
        let seen = case.seen();
        let p = self.base.probabilities(&chances.used, &seen);
        let f = self.likelihood(&seen)?;
        let (total, mif) = f.importance(&p);
        let mut prediction = self.empty(&case, total / self.complaint(&chances));
        let similar = self.similar(&case);
        prediction.evidence.similar_repairs = similar.repairs;
        if total > 0.0 {
            let repairs = self.repairs(model.as_ref());
            let world = World::new(vec![(1.0, &f)], &p, total, mif);
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
            self.calibrate(&mut prediction);
            prediction.causes = self.causes(&case, &chances, &world, &similar)?;
            if self.config.max_questions > 0 {
                prediction.next_questions = self.questions(&case, &world, &repairs, objective, &solution)?;
            }
            prediction.checks = self.checks(&prediction.causes);
        }
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
        let versions = BTreeMap::from([
            ("engine".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
            ("tree".to_owned(), self.tree.version.clone()),
            ("bom".to_owned(), self.bom.version.clone()),
            ("repairs".to_owned(), self.repairs_learnt().to_string()),
        ]);
        let zero = Probability::ZERO;
        Prediction {
            causes: Vec::new(),
            kit: Vec::new(),
            kit_cost: Yuan::ZERO,
            substitutes: Vec::new(),
            certificate: Certificate {
                optimal: false,
                gap: 0.0,
            },
            first_time_fix: FirstTimeFix {
                with_kit: zero,
                without_parts: zero,
                with_every_part: zero,
            },
            uncalibrated_first_time_fix: None,
            next_questions: Vec::new(),
            checks: Vec::new(),
            evidence,
            versions,
            took_ms: 0.0,
        }
    }

    fn likelihood(&self, seen: &[Seen]) -> Result<Likelihood, DiagnoseError> {
        self.base
            .likelihood(seen, self.config.max_nodes)
            .map_err(|OverBudget { limit, orders }| DiagnoseError::NodeLimit {
                name: "evidence".to_owned(),
                limit,
                orders,
            })
    }
}
