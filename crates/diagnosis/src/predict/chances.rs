//! How likely every cause is on this appliance before symptoms are weighed, and the tree as learnt.
//!
//! The learnt tree is the expert's with links and leaks as repairs show them, and with the causes that it lacks. Links that
//! pass only through "or" gates become links of the events themselves, each with its own strength; what other gates say stays.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use shifu_domain::{ModelNumber, Probability};

use super::{Case, Diagnosis};
use crate::contract::{Prediction, PredictionRequest};
use crate::error::Place;
use crate::learn::{Believed, Cells, Fit, Known, Mark, Unlisted, WEAKEST};
use crate::observe::Observable;
use crate::tree::{Connective, Event, FaultTree, Input, Link, Replacement};

/// What is known of every cause of one appliance before its symptoms are weighed.
pub(super) struct Chances {
    /// Beta parameters of its frequency.
    pub(super) shapes: Vec<(f64, f64)>,
    /// What turns its frequency's odds into the odds of its being present.
    odds: Vec<f64>,
    /// Chance of its being present.
    pub(super) used: Vec<f64>,
}

impl Chances {
    fn new(shapes: Vec<(f64, f64)>, odds: Vec<f64>) -> Self {
        let mut chances = Self {
            shapes,
            odds,
            used: Vec::new(),
        };
        chances.used = (0..chances.odds.len())
            .map(|event| chances.at(event, chances.mean(event)))
            .collect();
        chances
    }

    /// Mean frequency of an event.
    pub(super) fn mean(&self, event: usize) -> f64 {
        let (a, b) = self.shapes[event];
        if a + b > 0.0 { a / (a + b) } else { 0.0 }
    }

    /// The event's chance if its frequency were this; increasing in it.
    pub(super) fn at(&self, event: usize, frequency: f64) -> f64 {
        let odds = self.odds[event];
        if odds == 1.0 {
            frequency
        } else {
            frequency * odds / (1.0 - frequency + frequency * odds)
        }
    }
}

impl Diagnosis {
    /// How often each cause occurs where the request's appliance stands, before any symptom is weighed: the event and its share of all
    /// repairs, in the order of the tree, then the causes that the tree lacks.
    #[must_use]
    pub fn cause_frequencies(&self, request: &PredictionRequest) -> Vec<(String, f64)> {
        let learnt = self.learnt();
        let chances = learnt.chances(&learnt.resolve(request), request);
        let events = learnt.tree.events.iter().enumerate();
        events
            .map(|(at, event)| (event.id.clone(), chances.mean(at)))
            .collect()
    }

    /// This engine with what the repairs so far have taught: it answers as this one does now, and does not see later reports.
    /// Fitting takes about 7 µs a repair, up to 20 µs where its words have to be learnt, once after a report.
    #[must_use]
    pub fn fitted(&self) -> Arc<Self> {
        self.learnt.get_or_init(|| Arc::new(self.learn_all())).clone()
    }

    /// Takes over what a clone fitted of the same reports, so that it is not done twice.
    pub fn adopt(&self, fitted: &Arc<Self>) {
        // Where it was fitted already, both are the same.
        let _ = self.learnt.set(fitted.clone());
    }

    /// The same for one call; itself while there are no repairs.
    pub(super) fn learnt(&self) -> &Self {
        if self.fit.is_some() || self.memory.repairs() == 0 {
            return self;
        }
        self.learnt.get_or_init(|| Arc::new(self.learn_all()))
    }

    fn learn_all(&self) -> Self {
        let fit = (self.memory.repairs() > 0).then(|| self.fit());
        let tree = self.learnt_tree(fit.as_ref());
        let mut base = Observable::new(&tree);
        if let Some(fit) = fit.as_ref().filter(|fit| fit.links.is_some()) {
            base = base.with_complaint(fit.rarity * fit.no_cause);
        }
        Self {
            tree,
            bom: self.bom.clone(),
            config: self.config,
            lexicon: self.lexicon.clone(),
            base,
            believed: self.believed.clone(),
            paths: self.paths.clone(),
            // What was remembered stays with the engine that learns, which may change it without a copy.
            memory: Arc::default(),
            linker: Arc::new(self.linker.learnt(self.memory.said())),
            fit,
            learnt: OnceLock::new(),
        }
    }

    fn fit(&self) -> Fit {
        let needs = |model: Option<&ModelNumber>| {
            let repairs = self.repairs(model);
            let parts =
                |needs: &Vec<usize>| needs.iter().map(|&choice| repairs.choices[choice].part).collect();
            repairs.needs.iter().map(parts).collect::<Vec<BTreeSet<usize>>>()
        };
        let symptoms = self.tree.symptoms.len();
        Fit::new(
            &self.memory,
            &Known {
                expert: &self.tree.priors(),
                prior_size: self.config.prior_size,
                shrinkage: self.config.shrinkage,
                believed: &self.believed,
                symptoms,
                applies: &|sign, model| sign < symptoms || self.tree.codes[sign - symptoms].applies_to(model),
                needs: &needs,
                fits: &|part, model| self.bom.parts[part].fits(model),
            },
        )
    }

    fn learnt_tree(&self, fit: Option<&Fit>) -> FaultTree {
        let mut tree = self.tree.clone();
        let Some((fit, links)) = fit.and_then(|fit| Some((fit, fit.links.as_ref()?))) else {
            return tree;
        };
        tree.events
            .extend(fit.unlisted.iter().map(|cause| self.event_of(cause)));
        let plain = plain_gates(&tree);
        let symptoms = tree.symptoms.len();
        let relink = |sign: usize, causes: &mut Vec<Link>, leak: &mut f64| {
            causes.retain(|link| !is_plain(link.input, &plain));
            let strong = |event: &usize| links.shows[*event][sign] >= WEAKEST;
            let link = |event: usize| Link {
                input: Input::Event(event as u32),
                probability: links.shows[event][sign],
            };
            causes.extend((0..links.shows.len()).filter(strong).map(link));
            *leak = links.leaks[sign].min(0.5);
        };
        for (at, symptom) in tree.symptoms.iter_mut().enumerate() {
            relink(at, &mut symptom.causes, &mut symptom.leak);
        }
        for (at, code) in tree.codes.iter_mut().enumerate() {
            relink(symptoms + at, &mut code.causes, &mut code.leak);
        }
        tree
    }

    fn event_of(&self, cause: &Unlisted) -> Event {
        let number = |&part: &usize| self.bom.parts[part].part_number.as_str();
        let (id, name) = match &cause.mark {
            Mark::Words(words) => (words.clone(), words.clone()),
            Mark::Parts(parts) => {
                let mut names: Vec<&str> = parts
                    .iter()
                    .map(|&part| self.bom.parts[part].name.as_str())
                    .collect();
                names.dedup();
                let numbers: Vec<&str> = parts.iter().map(number).collect();
                (
                    numbers.join("+"),
                    format!("未列入的原因（更换{}）", names.join("、")),
                )
            }
        };
        let replacement = |&part: &usize| Replacement {
            part_number: self.bom.parts[part].part_number.clone(),
            quantity: 1,
        };
        Event {
            id: format!("unlisted/{id}"),
            name,
            probability: 0.0,
            repaired_by: cause.parts.iter().map(replacement).collect(),
            place: Place::default(),
        }
    }

    pub(super) fn chances(&self, case: &Case, request: &PredictionRequest) -> Chances {
        let events = self.tree.events.len();
        let Some(fit) = &self.fit else {
            let size = self.config.prior_size;
            let shape = |p: f64| (size * p, size * (1.0 - p));
            return Chances::new(
                self.tree.priors().into_iter().map(shape).collect(),
                vec![1.0; events],
            );
        };
        let cells = Cells::of(
            case.evidence.model.as_ref(),
            request.region.as_ref(),
            request.date.as_deref(),
            request.installed_on.as_deref(),
        );
        let mut shapes = fit.frequencies(&cells, request.serial.as_deref());
        shapes.truncate(events);
        let rarity = if fit.links.is_some() { fit.rarity } else { 1.0 };
        let odds = (0..events)
            .map(|event| rarity * self.silence(fit, case, event))
            .collect();
        Chances::new(shapes, odds)
    }

    /// Chance that what was not told of would not have been told of with this cause, where anything was told.
    fn silence(&self, fit: &Fit, case: &Case, event: usize) -> f64 {
        let Some(links) = &fit.links else { return 1.0 };
        if !case
            .observations
            .iter()
            .any(|observation| observation.seen.present)
        {
            return 1.0;
        }
        let model = case.evidence.model.as_ref();
        let symptoms = self.tree.symptoms.len();
        let untold_symptoms = (0..symptoms).filter(|at| !case.known.contains(at));
        let codes = (0..self.tree.codes.len()).filter(|at| !case.codes.contains(at));
        let untold_codes = codes
            .filter(|&at| self.tree.codes[at].applies_to(model))
            .map(|at| symptoms + at);
        let untold = untold_symptoms
            .chain(untold_codes)
            .filter(|&sign| links.shows[event][sign] > 0.0);
        untold
            .map(|sign| links.ln_silent(event, sign, fit.silence))
            .sum::<f64>()
            .exp()
    }

    /// Brings the chances of a first-time fix to what was seen of earlier ones.
    pub(super) fn calibrate(&self, prediction: &mut Prediction) {
        let fix = &mut prediction.first_time_fix;
        prediction.uncalibrated_first_time_fix = Some(fix.with_kit);
        if let Some(calibration) = self.fit.as_ref().and_then(|fit| fit.calibration) {
            for chance in [
                &mut fix.with_kit,
                &mut fix.without_parts,
                &mut fix.with_every_part,
            ] {
                *chance = Probability::clamped(calibration.apply(chance.value()));
            }
        }
    }

    /// Chance that there is anything to complain of.
    pub(super) fn complaint(&self, chances: &Chances) -> f64 {
        match &self.fit {
            Some(fit) if fit.links.is_some() => {
                let nothing: f64 = chances.used.iter().map(|chance| 1.0 - chance).product();
                1.0 - nothing * (1.0 - fit.rarity * fit.no_cause)
            }
            _ => 1.0,
        }
    }
}

/// Which gates are "or" gates over "or" gates and events.
fn plain_gates(tree: &FaultTree) -> Vec<bool> {
    let mut plain: Vec<bool> = Vec::with_capacity(tree.gates.len());
    for gate in &tree.gates {
        let inputs = gate.inputs.iter().all(|&input| is_plain(input, &plain));
        plain.push(gate.connective == Connective::Or && inputs);
    }
    plain
}

fn is_plain(input: Input, plain: &[bool]) -> bool {
    match input {
        Input::Event(_) => true,
        Input::Gate(at) => plain[at as usize],
        Input::Constant(_) => false,
    }
}

/// The links of every symptom, then of every code.
pub(super) fn links(tree: &FaultTree) -> impl Iterator<Item = &Vec<Link>> {
    let symptoms = tree.symptoms.iter().map(|symptom| &symptom.causes);
    symptoms.chain(tree.codes.iter().map(|code| &code.causes))
}

/// The strengths of a tree's links through "or" gates, event by event; symptoms first, then codes.
pub(super) fn believed(tree: &FaultTree) -> Believed {
    let plain = plain_gates(tree);
    let links: Vec<&Vec<Link>> = links(tree).collect();
    let mut shows = vec![vec![0.0; links.len()]; tree.events.len()];
    for (sign, links) in links.into_iter().enumerate() {
        for link in links.iter().filter(|link| is_plain(link.input, &plain)) {
            for event in under(tree, link.input) {
                let dark = (1.0 - shows[event][sign]) * (1.0 - link.probability);
                shows[event][sign] = 1.0 - dark;
            }
        }
    }
    let leaks = tree
        .symptoms
        .iter()
        .map(|s| s.leak)
        .chain(tree.codes.iter().map(|c| c.leak));
    Believed {
        shows,
        leaks: leaks.collect(),
    }
}

/// Events under an input.
pub(super) fn under(tree: &FaultTree, input: Input) -> BTreeSet<usize> {
    let (mut found, mut seen, mut open) = (BTreeSet::new(), BTreeSet::new(), vec![input]);
    while let Some(input) = open.pop() {
        match input {
            Input::Event(at) => _ = found.insert(at as usize),
            Input::Gate(at) if seen.insert(at) => open.extend(&tree.gates[at as usize].inputs),
            _ => {}
        }
    }
    found
}
