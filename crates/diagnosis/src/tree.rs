//! The fault tree: basic events, gates over them, and what is observed (symptoms, fault codes) with noisy links.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use shifu_domain::{FaultCode, ModelNumber, ModelPattern, PartNumber, ProductLine, SymptomId};

use crate::bom::Bom;
use crate::circuit::{Circuit, Lit};
use crate::error::{DiagnoseError, Place};

/// Bytes a tree or parts list may have: 10 MB.
pub const MAX_FILE_BYTES: usize = 10_000_000;
/// Events, gates and nested formulae together.
pub const MAX_NODES: usize = 100_000;
/// Symptoms and fault codes together.
pub const MAX_OBSERVABLES: usize = 5_000;
/// Inputs of all gates and links of all symptoms together.
pub const MAX_LINKS: usize = 1_000_000;

/// Characters of a cause in the technician's own words that are kept.
pub(crate) const MAX_CAUSE_CHARS: usize = 80;
/// Minutes that a check or the opening of a housing may take: a day.
pub const MAX_CHECK_MINUTES: f64 = 1_440.0;

/// Something to open before what is inside can be checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Housing {
    /// Its identifier.
    pub id: String,
    /// Its name as people know it; the identifier where none was given.
    pub name: String,
    /// Minutes that opening and closing it take, once for all that is checked inside.
    pub open_minutes: f64,
    /// Where it is defined.
    pub place: Place,
}

/// What it takes to check whether an event happened.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CheckCost {
    /// Minutes; absent: not known.
    pub minutes: Option<f64>,
    /// Position of the housing to open first.
    pub inside: Option<usize>,
}

/// A part that a repair of an event takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replacement {
    /// Which.
    pub part_number: PartNumber,
    /// How many.
    pub quantity: u32,
}

/// A basic event: a cause that either happened or did not.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its identifier.
    pub id: String,
    /// Its name as people know it; the identifier where none was given.
    pub name: String,
    /// Chance that it is present when a ticket arrives, before anything is observed.
    pub probability: f64,
    /// Parts of its repair; those whose `fits` leave out the appliance's model do not count. Empty: no part needed.
    pub repaired_by: Vec<Replacement>,
    /// Where it is defined.
    pub place: Place,
}

/// What a gate does with its inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Connective {
    /// All of them.
    And,
    /// Any of them.
    Or,
    /// At least `min` of them.
    Atleast {
        /// How many.
        min: u32,
    },
    /// An odd number of them.
    Xor,
    /// Not the one input.
    Not,
    /// Not all of them.
    Nand,
    /// None of them.
    Nor,
    /// The first implies the second.
    Imply,
    /// Both or neither of two.
    Iff,
    /// Between `min` and `max` of them.
    Cardinality {
        /// The least.
        min: u32,
        /// The most.
        max: u32,
    },
}

impl Connective {
    /// Its name in the files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::And => "and",
            Self::Or => "or",
            Self::Atleast { .. } => "atleast",
            Self::Xor => "xor",
            Self::Not => "not",
            Self::Nand => "nand",
            Self::Nor => "nor",
            Self::Imply => "imply",
            Self::Iff => "iff",
            Self::Cardinality { .. } => "cardinality",
        }
    }

    /// Why `inputs` inputs are too few or too many, if they are.
    pub(crate) fn arity_problem(self, inputs: usize) -> Option<String> {
        let wrong = |needed: &str| Some(format!("{} needs {needed} inputs, {inputs} given", self.name()));
        match self {
            Self::Not if inputs != 1 => wrong("exactly 1"),
            Self::Imply | Self::Iff if inputs != 2 => wrong("exactly 2"),
            _ if inputs == 0 => wrong("1 or more"),
            Self::Atleast { min } if min as usize > inputs => {
                Some(format!("min is {min}, only {inputs} inputs given"))
            }
            Self::Cardinality { min, max } if min > max || max as usize > inputs => Some(format!(
                "needs min <= max <= inputs, got {min}, {max} and {inputs}"
            )),
            _ => None,
        }
    }
}

/// What feeds a gate or a symptom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Input {
    /// Event by position.
    Event(u32),
    /// Gate by position.
    Gate(u32),
    /// A house event or constant.
    Constant(bool),
}

impl Input {
    /// The gate's position, where it is one.
    pub(crate) fn gate(self) -> Option<usize> {
        match self {
            Self::Gate(at) => Some(at as usize),
            Self::Event(_) | Self::Constant(_) => None,
        }
    }
}

/// A gate. Nested formulae are gates of their own with generated identifiers.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// Its identifier.
    pub id: String,
    /// Its name; the identifier where none was given.
    pub name: String,
    /// What it does.
    pub connective: Connective,
    /// What feeds it.
    pub inputs: Vec<Input>,
    /// Whether it was made for a nested formula.
    pub anonymous: bool,
    /// Where it is defined.
    pub place: Place,
}

/// A noisy link: the input, when true, shows with this chance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Link {
    /// The cause.
    pub input: Input,
    /// Chance that it shows.
    pub probability: f64,
}

/// Something a person can observe.
#[derive(Debug, Clone, PartialEq)]
pub struct Symptom {
    /// Its identifier.
    pub id: SymptomId,
    /// What people say; the first one is used to ask.
    pub phrases: Vec<String>,
    /// Chance that it shows without any cause of the tree.
    pub leak: f64,
    /// Its causes.
    pub causes: Vec<Link>,
    /// Where it is defined.
    pub place: Place,
}

impl Symptom {
    /// What it is called when shown to a person.
    #[must_use]
    pub fn title(&self) -> &str {
        self.phrases.first().map_or(self.id.as_str(), String::as_str)
    }
}

/// A code the appliance shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Code {
    /// The code.
    pub code: FaultCode,
    /// Models it applies to; empty: all.
    pub models: Vec<ModelPattern>,
    /// Chance that it shows without any cause of the tree.
    pub leak: f64,
    /// Its causes.
    pub causes: Vec<Link>,
    /// Where it is defined.
    pub place: Place,
}

impl Code {
    /// Whether the code may show on `model`; an unknown model may be any.
    #[must_use]
    pub fn applies_to(&self, model: Option<&ModelNumber>) -> bool {
        self.models.is_empty() || model.is_none_or(|m| self.models.iter().any(|pattern| pattern.matches(m)))
    }
}

/// A checked fault tree: every name resolved, no cycle, every number in range.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FaultTree {
    /// The appliance it is for; absent in Open-PSA files.
    pub product_line: Option<ProductLine>,
    /// Its version; for Open-PSA files the model's name.
    pub version: String,
    /// Basic events.
    pub events: Vec<Event>,
    /// Gates, inputs before the gates that they feed.
    pub gates: Vec<Gate>,
    /// Symptoms.
    pub symptoms: Vec<Symptom>,
    /// Fault codes; one code may stand several times for different models.
    pub codes: Vec<Code>,
    /// Housings that checks have to open.
    pub housings: Vec<Housing>,
    /// What checking an event takes, by the event's position, where it is known.
    pub checks: BTreeMap<usize, CheckCost>,
    /// Other words by which reports name a cause, and the event's position.
    pub called: BTreeMap<String, usize>,
}

impl FaultTree {
    /// The event of this identifier.
    #[must_use]
    pub fn event(&self, id: &str) -> Option<usize> {
        self.events.iter().position(|event| event.id == id)
    }

    /// The event that a report means by these words: its identifier, its name, or other words for it.
    #[must_use]
    pub fn event_called(&self, words: &str) -> Option<usize> {
        let kept: String = words.chars().take(MAX_CAUSE_CHARS).collect();
        let named = |event: &Event| event.id == words || event.name == words || event.name == kept;
        let found = self.events.iter().position(named);
        found.or_else(|| self.called.get(&kept).copied())
    }

    /// The gate of this identifier.
    #[must_use]
    pub fn gate(&self, id: &str) -> Option<usize> {
        self.gates.iter().position(|gate| gate.id == id)
    }

    /// The symptom of this identifier.
    #[must_use]
    pub fn symptom(&self, id: &SymptomId) -> Option<usize> {
        self.symptoms.iter().position(|symptom| symptom.id == *id)
    }

    /// Gates that feed no other gate, in the order of the file.
    #[must_use]
    pub fn root_gates(&self) -> Vec<usize> {
        let mut used = vec![false; self.gates.len()];
        for input in self.gates.iter().flat_map(|gate| &gate.inputs) {
            if let Input::Gate(at) = input {
                used[*at as usize] = true;
            }
        }
        (0..self.gates.len())
            .filter(|&at| !used[at] && !self.gates[at].anonymous)
            .collect()
    }

    /// The name of an input as a person knows it.
    #[must_use]
    pub fn name_of(&self, input: Input) -> &str {
        match input {
            Input::Event(at) => &self.events[at as usize].name,
            Input::Gate(at) => &self.gates[at as usize].name,
            Input::Constant(true) => "true",
            Input::Constant(false) => "false",
        }
    }

    /// Prior probabilities by event position.
    #[must_use]
    pub fn priors(&self) -> Vec<f64> {
        self.events.iter().map(|event| event.probability).collect()
    }

    /// Checks that every replacement's part is in `bom` (as a part or as one superseded by it).
    ///
    /// # Errors
    /// `UnknownPart` with the event's place for the first that is not.
    pub fn check_parts(&self, bom: &Bom) -> Result<(), DiagnoseError> {
        for event in &self.events {
            if let Some(missing) = event
                .repaired_by
                .iter()
                .find(|r| bom.current(&r.part_number).is_none())
            {
                return Err(DiagnoseError::UnknownPart {
                    place: event.place.clone(),
                    event: event.id.clone(),
                    part_number: missing.part_number.to_string(),
                });
            }
        }
        Ok(())
    }

    /// The tree's gates as a circuit and the literal of every gate.
    pub(crate) fn circuit(&self) -> (Circuit, Vec<Lit>) {
        let mut circuit = Circuit::new();
        let mut gates: Vec<Lit> = Vec::with_capacity(self.gates.len());
        for gate in &self.gates {
            let inputs: Vec<Lit> = gate
                .inputs
                .iter()
                .map(|&input| literal(&mut circuit, &gates, input))
                .collect();
            gates.push(combine(&mut circuit, gate.connective, &inputs));
        }
        (circuit, gates)
    }
}

/// The literal of an input whose gates are already made.
pub(crate) fn literal(circuit: &mut Circuit, gates: &[Lit], input: Input) -> Lit {
    match input {
        Input::Event(at) => circuit.event(at),
        Input::Gate(at) => gates[at as usize],
        Input::Constant(true) => Lit::TRUE,
        Input::Constant(false) => Lit::FALSE,
    }
}

fn combine(circuit: &mut Circuit, connective: Connective, inputs: &[Lit]) -> Lit {
    match connective {
        Connective::And => circuit.and(inputs.to_vec()),
        Connective::Or => circuit.or(inputs),
        Connective::Atleast { min } => circuit.at_least(min as usize, inputs),
        Connective::Xor => circuit.xor(inputs),
        Connective::Not => !inputs[0],
        Connective::Nand => !circuit.and(inputs.to_vec()),
        Connective::Nor => !circuit.or(inputs),
        Connective::Imply => circuit.or(&[!inputs[0], inputs[1]]),
        Connective::Iff => !circuit.xor(inputs),
        Connective::Cardinality { min, max } => {
            let enough = circuit.at_least(min as usize, inputs);
            let too_many = circuit.at_least(max as usize + 1, inputs);
            circuit.and(vec![enough, !too_many])
        }
    }
}

/// A tree whose names are not resolved yet: what both readers hand over.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) tree: FaultTree,
    /// Positions in `tree.gates` are those of this list until the gates are sorted.
    names: HashMap<String, (Input, Place)>,
}

impl Draft {
    /// Registers `name`, which must be new.
    pub(crate) fn define(
        &mut self,
        kind: &'static str,
        name: &str,
        input: Input,
        place: &Place,
    ) -> Result<(), DiagnoseError> {
        if let Some((_, first)) = self.names.get(name) {
            return Err(DiagnoseError::Duplicate {
                place: place.clone(),
                kind,
                name: name.to_owned(),
                first: first.clone(),
            });
        }
        self.names.insert(name.to_owned(), (input, place.clone()));
        Ok(())
    }

    pub(crate) fn lookup(&self, name: &str) -> Option<Input> {
        self.names.get(name).map(|(input, _)| *input)
    }

    /// Sorts gates so that inputs come first, refusing cycles, and checks sizes and arities.
    pub(crate) fn finish(mut self) -> Result<FaultTree, DiagnoseError> {
        for gate in &self.tree.gates {
            if let Some(reason) = gate.connective.arity_problem(gate.inputs.len()) {
                return Err(DiagnoseError::InvalidValue {
                    place: gate.place.clone(),
                    name: gate.id.clone(),
                    field: "inputs",
                    reason,
                });
            }
        }
        let order = sorted(&self.tree.gates)?;
        let mut new_of = vec![0_u32; order.len()];
        for (new, &old) in order.iter().enumerate() {
            new_of[old] = new as u32;
        }
        let moved = |input: &mut Input| {
            if let Input::Gate(at) = input {
                *at = new_of[*at as usize];
            }
        };
        let mut gates: Vec<Option<Gate>> = self.tree.gates.drain(..).map(Some).collect();
        self.tree.gates = order.iter().filter_map(|&old| gates[old].take()).collect();
        self.tree
            .gates
            .iter_mut()
            .flat_map(|gate| &mut gate.inputs)
            .for_each(moved);
        self.tree
            .symptoms
            .iter_mut()
            .flat_map(|s| &mut s.causes)
            .for_each(|link| moved(&mut link.input));
        self.tree
            .codes
            .iter_mut()
            .flat_map(|c| &mut c.causes)
            .for_each(|link| moved(&mut link.input));
        Ok(self.tree)
    }
}

/// Gate positions, inputs before users, otherwise in the order of the file.
fn sorted(gates: &[Gate]) -> Result<Vec<usize>, DiagnoseError> {
    let mut state = vec![0_u8; gates.len()];
    let mut order = Vec::with_capacity(gates.len());
    for start in 0..gates.len() {
        let mut stack = vec![(start, 0)];
        while let Some((at, child)) = stack.pop() {
            if child == 0 {
                if state[at] == 2 {
                    continue;
                }
                state[at] = 1;
            }
            match gates[at].inputs.get(child) {
                None => {
                    state[at] = 2;
                    order.push(at);
                }
                Some(Input::Gate(next)) => {
                    let next = *next as usize;
                    stack.push((at, child + 1));
                    if state[next] == 1 {
                        return Err(cycle(gates, &stack, next));
                    }
                    if state[next] == 0 {
                        stack.push((next, 0));
                    }
                }
                Some(_) => stack.push((at, child + 1)),
            }
        }
    }
    Ok(order)
}

fn cycle(gates: &[Gate], stack: &[(usize, usize)], closing: usize) -> DiagnoseError {
    let from = stack.iter().position(|&(at, _)| at == closing).unwrap_or(0);
    let mut path: Vec<String> = stack[from..]
        .iter()
        .filter(|&&(at, _)| !gates[at].anonymous)
        .map(|&(at, _)| gates[at].id.clone())
        .collect();
    if path.len() > 50 {
        path.drain(25..path.len() - 25);
        path.insert(25, "…".to_owned());
    }
    path.extend(path.first().cloned());
    let named = stack[from..]
        .iter()
        .map(|&(at, _)| at)
        .find(|&at| !gates[at].anonymous)
        .unwrap_or(closing);
    DiagnoseError::Cycle {
        place: gates[named].place.clone(),
        path,
    }
}

/// Counts a checked tree and says what looks wrong without being an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TreeCheck {
    /// Basic events.
    pub events: usize,
    /// Gates, nested formulae included.
    pub gates: usize,
    /// Symptoms.
    pub symptoms: usize,
    /// Distinct fault codes.
    pub fault_codes: usize,
    /// Gates that feed no other gate, at most 50 of them.
    pub root_gates: Vec<String>,
    /// Each with file and line.
    pub warnings: Vec<String>,
}

impl FaultTree {
    /// Counts and warnings: events that nothing uses, gates that explain nothing, symptoms without phrases, phrases of two symptoms.
    #[must_use]
    pub fn check(&self) -> TreeCheck {
        let mut used_events = vec![false; self.events.len()];
        let mut used_gates = vec![false; self.gates.len()];
        let links = self
            .symptoms
            .iter()
            .map(|s| &s.causes)
            .chain(self.codes.iter().map(|c| &c.causes))
            .flatten();
        let fed = self.gates.iter().flat_map(|gate| gate.inputs.iter().copied());
        for input in fed.chain(links.map(|link| link.input)) {
            match input {
                Input::Event(at) => used_events[at as usize] = true,
                Input::Gate(at) => used_gates[at as usize] = true,
                Input::Constant(_) => {}
            }
        }
        let mut warnings = Vec::new();
        for (event, _) in self.events.iter().zip(&used_events).filter(|(_, used)| !**used) {
            warnings.push(format!(
                "{}: event {:?} feeds no gate, symptom or code",
                event.place, event.id
            ));
        }
        if !self.symptoms.is_empty() {
            for (gate, _) in self.gates.iter().zip(&used_gates).filter(|(_, used)| !**used) {
                warnings.push(format!(
                    "{}: gate {:?} explains no symptom or code",
                    gate.place, gate.id
                ));
            }
        }
        let mut phrases: BTreeMap<&str, &SymptomId> = BTreeMap::new();
        for symptom in &self.symptoms {
            if symptom.phrases.is_empty() {
                warnings.push(format!(
                    "{}: symptom {:?} has no phrases",
                    symptom.place,
                    symptom.id.as_str()
                ));
            }
            for phrase in &symptom.phrases {
                if let Some(other) = phrases
                    .insert(phrase, &symptom.id)
                    .filter(|other| **other != symptom.id)
                {
                    warnings.push(format!(
                        "{}: phrase {phrase:?} belongs to {:?} and {:?}",
                        symptom.place,
                        other.as_str(),
                        symptom.id.as_str()
                    ));
                }
            }
        }
        let mut codes: Vec<&FaultCode> = self.codes.iter().map(|code| &code.code).collect();
        codes.sort();
        codes.dedup();
        let roots = self.root_gates();
        TreeCheck {
            events: self.events.len(),
            gates: self.gates.len(),
            symptoms: self.symptoms.len(),
            fault_codes: codes.len(),
            root_gates: roots
                .iter()
                .take(50)
                .map(|&at| self.gates[at].id.clone())
                .collect(),
            warnings,
        }
    }
}
