//! `fault-tree.toml` → [`FaultTree`], every refusal with its line.

use serde::Deserialize;
use shifu_domain::{FaultCode, ModelPattern, PartNumber, ProductLine, SymptomId};
use toml::Spanned;

use crate::error::{DiagnoseError, Place};
use crate::text_place::TextFile;
use crate::tree::{
    CheckCost, Code, Connective, Draft, Event, FaultTree, Gate, Housing, Input, Link, MAX_CAUSE_CHARS,
    MAX_CHECK_MINUTES, MAX_LINKS, MAX_NODES, MAX_OBSERVABLES, Replacement, Symptom,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TreeFile {
    product_line: Spanned<String>,
    #[serde(default, rename = "brand")]
    _brand: Option<String>,
    #[serde(default)]
    version: String,
    #[serde(default)]
    housing: Vec<HousingFile>,
    #[serde(default)]
    event: Vec<EventFile>,
    #[serde(default)]
    gate: Vec<GateFile>,
    #[serde(default)]
    symptom: Vec<SymptomFile>,
    #[serde(default)]
    fault_code: Vec<CodeFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HousingFile {
    id: Spanned<String>,
    #[serde(default)]
    name: Option<String>,
    open_minutes: Spanned<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EventFile {
    id: Spanned<String>,
    #[serde(default)]
    name: Option<String>,
    probability: Spanned<f64>,
    #[serde(default)]
    repaired_by: Vec<RepairFile>,
    #[serde(default)]
    check_minutes: Option<Spanned<f64>>,
    #[serde(default)]
    inside: Option<Spanned<String>>,
    #[serde(default)]
    also_called: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RepairFile {
    part_number: Spanned<String>,
    #[serde(default = "one")]
    quantity: Spanned<u32>,
}

fn one() -> Spanned<u32> {
    Spanned::new(0..0, 1)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GateFile {
    id: Spanned<String>,
    #[serde(default)]
    name: Option<String>,
    r#type: Spanned<String>,
    #[serde(default)]
    min: Option<u32>,
    #[serde(default)]
    max: Option<u32>,
    inputs: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LinkFile {
    input: Spanned<String>,
    probability: Spanned<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SymptomFile {
    id: Spanned<String>,
    #[serde(default)]
    phrases: Vec<String>,
    leak: Spanned<f64>,
    #[serde(default)]
    causes: Vec<LinkFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CodeFile {
    code: Spanned<String>,
    #[serde(default)]
    models: Vec<Spanned<String>>,
    leak: Spanned<f64>,
    #[serde(default)]
    causes: Vec<LinkFile>,
}

impl FaultTree {
    /// Reads `fault-tree.toml`; `file` is how errors name it.
    ///
    /// # Errors
    /// `Syntax`, `UnknownName`, `Duplicate`, `Cycle`, `ProbabilityOutOfRange`, `InvalidValue` and `TooLarge`, each with
    /// file and line. Part numbers are checked against a parts list by [`FaultTree::check_parts`].
    pub fn from_toml(text: &str, file: &str) -> Result<Self, DiagnoseError> {
        let source = TextFile::new(file, text)?;
        let read: TreeFile = source.toml()?;
        let nodes = read.housing.len()
            + read.event.len()
            + read.gate.len()
            + read.symptom.len()
            + read.fault_code.len();
        if nodes > MAX_NODES {
            return Err(source.too_large(
                "the number of housings, events, gates, symptoms and codes",
                nodes,
                MAX_NODES,
            ));
        }
        let observables = read.symptom.len() + read.fault_code.len();
        if observables > MAX_OBSERVABLES {
            return Err(source.too_large("the number of symptoms and codes", observables, MAX_OBSERVABLES));
        }
        let links = read.gate.iter().map(|g| g.inputs.len()).sum::<usize>()
            + read.symptom.iter().map(|s| s.causes.len()).sum::<usize>()
            + read.fault_code.iter().map(|c| c.causes.len()).sum::<usize>();
        if links > MAX_LINKS {
            return Err(source.too_large("the number of gate inputs and links", links, MAX_LINKS));
        }
        Reader {
            source,
            draft: Draft::default(),
        }
        .read(read)
    }
}

struct Reader<'a> {
    source: TextFile<'a>,
    draft: Draft,
}

impl Reader<'_> {
    fn read(mut self, read: TreeFile) -> Result<FaultTree, DiagnoseError> {
        self.draft.tree.product_line = Some(self.source.name(
            "product_line",
            &read.product_line,
            ProductLine::new,
        )?);
        self.draft.tree.version = read.version;
        for housing in read.housing {
            self.housing(housing)?;
        }
        for event in read.event {
            self.event(event)?;
        }
        for (at, gate) in read.gate.iter().enumerate() {
            let place = self.identifier("gate", &gate.id)?;
            self.draft
                .define("gate", gate.id.get_ref(), Input::Gate(at as u32), &place)?;
        }
        for gate in read.gate {
            self.gate(gate)?;
        }
        for symptom in read.symptom {
            self.symptom(symptom)?;
        }
        for code in read.fault_code {
            self.code(code)?;
        }
        self.draft.finish()
    }

    fn identifier(&self, kind: &'static str, id: &Spanned<String>) -> Result<Place, DiagnoseError> {
        let place = self.source.place(id.span().start);
        let text = id.get_ref();
        if text.is_empty() || text.chars().count() > 128 || text.chars().any(char::is_control) {
            return Err(DiagnoseError::InvalidValue {
                place,
                name: text.chars().take(80).collect(),
                field: kind,
                reason: "an id has 1 to 128 printable characters".to_owned(),
            });
        }
        Ok(place)
    }

    fn probability(&self, of: &str, value: &Spanned<f64>) -> Result<f64, DiagnoseError> {
        if (0.0..=1.0).contains(value.get_ref()) {
            return Ok(*value.get_ref());
        }
        Err(DiagnoseError::ProbabilityOutOfRange {
            place: self.source.place(value.span().start),
            name: of.to_owned(),
            value: *value.get_ref(),
        })
    }

    fn input(&self, name: &Spanned<String>) -> Result<Input, DiagnoseError> {
        self.draft
            .lookup(name.get_ref())
            .ok_or_else(|| DiagnoseError::UnknownName {
                place: self.source.place(name.span().start),
                kind: "event or gate",
                name: name.get_ref().chars().take(128).collect(),
            })
    }

    fn minutes(&self, of: &str, field: &'static str, value: &Spanned<f64>) -> Result<f64, DiagnoseError> {
        if (0.0..=MAX_CHECK_MINUTES).contains(value.get_ref()) {
            return Ok(*value.get_ref());
        }
        Err(DiagnoseError::InvalidValue {
            place: self.source.place(value.span().start),
            name: of.to_owned(),
            field,
            reason: format!("use 0 to {MAX_CHECK_MINUTES} minutes"),
        })
    }

    fn housing(&mut self, housing: HousingFile) -> Result<(), DiagnoseError> {
        let place = self.identifier("housing", &housing.id)?;
        let id = housing.id.into_inner();
        if let Some(first) = self.draft.tree.housings.iter().find(|h| h.id == id) {
            return Err(DiagnoseError::Duplicate {
                place,
                kind: "housing",
                name: id,
                first: first.place.clone(),
            });
        }
        let open_minutes = self.minutes(&id, "open_minutes", &housing.open_minutes)?;
        self.draft.tree.housings.push(Housing {
            name: housing.name.unwrap_or_else(|| id.clone()),
            id,
            open_minutes,
            place,
        });
        Ok(())
    }

    /// What checking the event takes, where the file says it.
    fn check(&mut self, id: &str, event: &EventFile) -> Result<(), DiagnoseError> {
        let minutes = match &event.check_minutes {
            Some(value) => Some(self.minutes(id, "check_minutes", value)?),
            None => None,
        };
        let inside = match &event.inside {
            None => None,
            Some(name) => {
                let housings = &self.draft.tree.housings;
                let found = housings.iter().position(|h| h.id == *name.get_ref());
                Some(found.ok_or_else(|| DiagnoseError::UnknownName {
                    place: self.source.place(name.span().start),
                    kind: "housing",
                    name: name.get_ref().chars().take(128).collect(),
                })?)
            }
        };
        if minutes.is_some() || inside.is_some() {
            let at = self.draft.tree.events.len();
            self.draft.tree.checks.insert(at, CheckCost { minutes, inside });
        }
        Ok(())
    }

    /// Other words for the event, which only it may have.
    fn also_called(&mut self, id: &str, event: &EventFile) -> Result<(), DiagnoseError> {
        let at = self.draft.tree.events.len();
        for words in &event.also_called {
            let text = words.get_ref().trim();
            let place = self.source.place(words.span().start);
            if text.is_empty() || text.chars().count() > MAX_CAUSE_CHARS {
                return Err(DiagnoseError::InvalidValue {
                    place,
                    name: id.to_owned(),
                    field: "also_called",
                    reason: format!("use 1 to {MAX_CAUSE_CHARS} characters"),
                });
            }
            if let Some(first) = self.draft.tree.called.insert(text.to_owned(), at) {
                let first = self.draft.tree.events.get(first);
                return Err(DiagnoseError::Duplicate {
                    first: first.map_or_else(|| place.clone(), |event| event.place.clone()),
                    place,
                    kind: "also_called",
                    name: text.to_owned(),
                });
            }
        }
        Ok(())
    }

    fn event(&mut self, event: EventFile) -> Result<(), DiagnoseError> {
        let place = self.identifier("event", &event.id)?;
        let id = event.id.get_ref().clone();
        let probability = self.probability(&id, &event.probability)?;
        self.check(&id, &event)?;
        self.also_called(&id, &event)?;
        let mut repaired_by = Vec::with_capacity(event.repaired_by.len());
        for repair in &event.repaired_by {
            let quantity = *repair.quantity.get_ref();
            if !(1..=1000).contains(&quantity) {
                return Err(DiagnoseError::InvalidValue {
                    place: self.source.place(repair.quantity.span().start),
                    name: id,
                    field: "quantity",
                    reason: "use 1 to 1000".to_owned(),
                });
            }
            let part_number = self
                .source
                .name("part_number", &repair.part_number, PartNumber::new)?;
            repaired_by.push(Replacement {
                part_number,
                quantity,
            });
        }
        self.draft.define(
            "event",
            &id,
            Input::Event(self.draft.tree.events.len() as u32),
            &place,
        )?;
        let name = event.name.unwrap_or_else(|| id.clone());
        self.draft.tree.events.push(Event {
            id,
            name,
            probability,
            repaired_by,
            place,
        });
        Ok(())
    }

    fn gate(&mut self, gate: GateFile) -> Result<(), DiagnoseError> {
        let place = self.source.place(gate.id.span().start);
        let need = |value: Option<u32>, field: &'static str| {
            value.ok_or_else(|| DiagnoseError::InvalidValue {
                place: place.clone(),
                name: gate.id.get_ref().clone(),
                field,
                reason: format!("a gate of type {} needs it", gate.r#type.get_ref()),
            })
        };
        let connective = match gate.r#type.get_ref().as_str() {
            "and" => Connective::And,
            "or" => Connective::Or,
            "atleast" => Connective::Atleast {
                min: need(gate.min, "min")?,
            },
            "xor" => Connective::Xor,
            "not" => Connective::Not,
            "nand" => Connective::Nand,
            "nor" => Connective::Nor,
            "imply" => Connective::Imply,
            "iff" => Connective::Iff,
            "cardinality" => Connective::Cardinality {
                min: need(gate.min, "min")?,
                max: need(gate.max, "max")?,
            },
            other => {
                return Err(DiagnoseError::InvalidValue {
                    place: self.source.place(gate.r#type.span().start),
                    name: other.chars().take(80).collect(),
                    field: "type",
                    reason: "use and, or, atleast, xor, not, nand, nor, imply, iff or cardinality".to_owned(),
                });
            }
        };
        let inputs = gate
            .inputs
            .iter()
            .map(|name| self.input(name))
            .collect::<Result<_, _>>()?;
        let id = gate.id.into_inner();
        let name = gate.name.unwrap_or_else(|| id.clone());
        self.draft.tree.gates.push(Gate {
            id,
            name,
            connective,
            inputs,
            anonymous: false,
            place,
        });
        Ok(())
    }

    fn links(&self, of: &str, causes: &[LinkFile]) -> Result<Vec<Link>, DiagnoseError> {
        let link = |cause: &LinkFile| {
            Ok(Link {
                input: self.input(&cause.input)?,
                probability: self.probability(of, &cause.probability)?,
            })
        };
        causes.iter().map(link).collect()
    }

    fn symptom(&mut self, symptom: SymptomFile) -> Result<(), DiagnoseError> {
        let id = self.source.name("symptom", &symptom.id, SymptomId::new)?;
        let place = self.source.place(symptom.id.span().start);
        if let Some(first) = self.draft.tree.symptoms.iter().find(|s| s.id == id) {
            return Err(DiagnoseError::Duplicate {
                place,
                kind: "symptom",
                name: id.to_string(),
                first: first.place.clone(),
            });
        }
        let leak = self.probability(id.as_str(), &symptom.leak)?;
        let causes = self.links(id.as_str(), &symptom.causes)?;
        self.draft.tree.symptoms.push(Symptom {
            id,
            phrases: symptom.phrases,
            leak,
            causes,
            place,
        });
        Ok(())
    }

    fn code(&mut self, code: CodeFile) -> Result<(), DiagnoseError> {
        let name = self.source.name("fault_code", &code.code, FaultCode::new)?;
        let place = self.source.place(code.code.span().start);
        let models: Vec<ModelPattern> = code
            .models
            .iter()
            .map(|m| self.source.name("models", m, ModelPattern::new))
            .collect::<Result<_, _>>()?;
        if let Some(first) = self
            .draft
            .tree
            .codes
            .iter()
            .find(|c| c.code == name && c.models == models)
        {
            return Err(DiagnoseError::Duplicate {
                place,
                kind: "fault code",
                name: name.to_string(),
                first: first.place.clone(),
            });
        }
        let leak = self.probability(name.as_str(), &code.leak)?;
        let causes = self.links(name.as_str(), &code.causes)?;
        self.draft.tree.codes.push(Code {
            code: name,
            models,
            leak,
            causes,
            place,
        });
        Ok(())
    }
}
