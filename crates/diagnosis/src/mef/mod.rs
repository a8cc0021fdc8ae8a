//! Open-PSA Model Exchange Format → [`FaultTree`]: fault trees, components, nested formulae, house events, parameters,
//! expressions and common-cause groups. Several files make one model.
//!
//! Names: a public element is found by its bare name from everywhere; an element of a component is also found by its full
//! path, and a private one only so or from inside. Document type declarations (and with them entities) are refused.

mod ccf;
mod expression;
pub(crate) mod write;

use std::collections::HashMap;

use roxmltree::{Document, Node as Xml, ParsingOptions};

use crate::error::{DiagnoseError, Place};
use crate::text_place::TextFile;
use crate::tree::{Connective, Draft, Event, FaultTree, Gate, Input, MAX_LINKS, MAX_NODES};

/// Elements may nest this deep.
const MAX_DEPTH: usize = 200;
/// Attributes of one element: the XML parser compares each with all others.
const MAX_ATTRIBUTES: usize = 64;
/// Namespace declarations of one file: the XML parser copies them from element to element.
const MAX_NAMESPACES: usize = 100;
/// Characters of the names around an element, joined by dots.
const MAX_PATH_CHARS: usize = 1_024;
/// Components within one another.
const MAX_COMPONENTS: usize = 32;
/// XML elements and texts of all files.
const MAX_XML_NODES: u32 = 4_000_000;

/// How time-dependent expressions are evaluated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MefOptions {
    /// What `<system-mission-time/>` means, hours.
    pub mission_time_hours: f64,
}

impl Default for MefOptions {
    /// One year of 8,760 hours, as SCRAM assumes.
    fn default() -> Self {
        Self {
            mission_time_hours: 8760.0,
        }
    }
}

/// An element with the file it stands in and the path of names around it.
#[derive(Clone, Copy)]
pub(crate) struct Item<'a> {
    file: usize,
    xml: Xml<'a, 'a>,
    scope: usize,
}

struct Scope {
    /// Full path, names joined by dots; empty at the top.
    path: String,
    parent: Option<usize>,
    /// Components around, itself included.
    depth: usize,
    private: bool,
}

impl FaultTree {
    /// Reads an Open-PSA model from one or more files, given as (name, text), as one model.
    ///
    /// # Errors
    /// `Syntax` (also for a document type declaration), `UnknownName`, `Duplicate`, `Cycle`, `ProbabilityOutOfRange`,
    /// `InvalidValue`, `Unsupported` and `TooLarge`, each with file and line.
    pub fn from_mef_xml(files: &[(&str, &str)], options: MefOptions) -> Result<Self, DiagnoseError> {
        let sources = files
            .iter()
            .map(|(file, text)| TextFile::new(file, text))
            .collect::<Result<Vec<_>, _>>()?;
        let documents = sources.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        let mut reader = Reader::new(&sources, options);
        for (file, document) in documents.iter().enumerate() {
            reader.collect_file(file, document.root_element())?;
        }
        reader.build()
    }
}

fn parse<'a>(source: &TextFile<'a>) -> Result<Document<'a>, DiagnoseError> {
    check_tags(source)?;
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: MAX_XML_NODES,
        ..ParsingOptions::default()
    };
    Document::parse_with_options(source.text, options).map_err(|error| {
        let line = error.pos().row;
        let reason = match error {
            roxmltree::Error::DtdDetected => {
                "a document type declaration is not allowed, entities are never expanded".to_owned()
            }
            other => other.to_string(),
        };
        DiagnoseError::Syntax {
            place: Place {
                file: source.file.to_owned(),
                line,
            },
            reason,
        }
    })
}

/// Refuses deep nesting and tags with very many attributes before the parser sees them: a scan of the tags, skipping comments
/// and character data.
fn check_tags(source: &TextFile<'_>) -> Result<(), DiagnoseError> {
    let bytes = source.text.as_bytes();
    let namespaces = source.text.matches("xmlns").take(MAX_NAMESPACES + 1).count();
    if namespaces > MAX_NAMESPACES {
        return Err(source.too_large("the number of namespaces", namespaces, MAX_NAMESPACES));
    }
    let (mut at, mut depth) = (0, 0_usize);
    let skip_to = |from: usize, end: &str| {
        source.text[from..]
            .find(end)
            .map_or(bytes.len(), |i| from + i + end.len())
    };
    while let Some(open) = bytes[at..].iter().position(|&b| b == b'<') {
        let start = at + open;
        let rest = &bytes[start..];
        at = if rest.starts_with(b"<!--") {
            skip_to(start + 4, "-->")
        } else if rest.starts_with(b"<![CDATA[") {
            skip_to(start + 9, "]]>")
        } else if rest.starts_with(b"<?") {
            skip_to(start + 2, "?>")
        } else if rest.starts_with(b"</") {
            depth = depth.saturating_sub(1);
            start + 2
        } else {
            let (end, attributes) = tag_end(bytes, start);
            if attributes > MAX_ATTRIBUTES {
                return Err(DiagnoseError::TooLarge {
                    place: source.place(start),
                    what: "the number of attributes",
                    actual: attributes as u64,
                    limit: MAX_ATTRIBUTES as u64,
                });
            }
            if end == 0 || bytes[end - 1] != b'/' {
                depth += 1;
            }
            end.max(start + 1)
        };
        if depth > MAX_DEPTH {
            return Err(DiagnoseError::TooLarge {
                place: source.place(start),
                what: "the nesting depth of elements",
                actual: depth as u64,
                limit: MAX_DEPTH as u64,
            });
        }
    }
    Ok(())
}

/// The position of the `>` that ends the tag at `start`, quoted ones skipped, and how many values are given before it.
fn tag_end(bytes: &[u8], start: usize) -> (usize, usize) {
    let (mut quote, mut attributes) = (None, 0);
    for (offset, &b) in bytes[start..].iter().enumerate() {
        match (quote, b) {
            (None, b'>') => return (start + offset, attributes),
            (None, b'"' | b'\'') => {
                quote = Some(b);
                attributes += 1;
            }
            (Some(q), _) if q == b => quote = None,
            _ => {}
        }
    }
    (bytes.len(), attributes)
}

pub(crate) struct Reader<'a> {
    sources: &'a [TextFile<'a>],
    options: MefOptions,
    scopes: Vec<Scope>,
    gates: Vec<Item<'a>>,
    basic_events: Vec<Item<'a>>,
    house_events: Vec<Item<'a>>,
    groups: Vec<Item<'a>>,
    draft: Draft,
    parameters: HashMap<String, Item<'a>>,
    parameter_values: HashMap<String, Option<f64>>,
    model_name: String,
    anonymous: Vec<Gate>,
    links: usize,
}

impl<'a> Reader<'a> {
    fn new(sources: &'a [TextFile<'a>], options: MefOptions) -> Self {
        Self {
            sources,
            options,
            scopes: vec![Scope {
                path: String::new(),
                parent: None,
                depth: 0,
                private: false,
            }],
            gates: Vec::new(),
            basic_events: Vec::new(),
            house_events: Vec::new(),
            groups: Vec::new(),
            draft: Draft::default(),
            parameters: HashMap::new(),
            parameter_values: HashMap::new(),
            model_name: String::new(),
            anonymous: Vec::new(),
            links: 0,
        }
    }

    pub(crate) fn place(&self, item: Item<'_>) -> Place {
        self.sources[item.file].place(item.xml.range().start)
    }

    fn invalid(&self, item: Item<'_>, field: &'static str, reason: impl Into<String>) -> DiagnoseError {
        let name = item
            .xml
            .attribute("name")
            .unwrap_or(item.xml.tag_name().name())
            .chars()
            .take(80)
            .collect();
        DiagnoseError::InvalidValue {
            place: self.place(item),
            name,
            field,
            reason: reason.into(),
        }
    }

    fn unsupported(&self, item: Item<'_>) -> DiagnoseError {
        let feature = format!(
            "element <{}>",
            item.xml.tag_name().name().chars().take(60).collect::<String>()
        );
        DiagnoseError::Unsupported {
            place: self.place(item),
            feature,
        }
    }

    pub(crate) fn name_of(&self, item: Item<'a>) -> Result<&'a str, DiagnoseError> {
        let name = item.xml.attribute("name").map(str::trim).unwrap_or_default();
        if name.is_empty() || name.chars().count() > 256 || name.chars().any(char::is_control) {
            return Err(self.invalid(item, "name", "a name of 1 to 256 printable characters is needed"));
        }
        Ok(name)
    }

    fn collect_file(&mut self, file: usize, root: Xml<'a, 'a>) -> Result<(), DiagnoseError> {
        let item = Item {
            file,
            xml: root,
            scope: 0,
        };
        if !matches!(root.tag_name().name(), "opsa-mef" | "open-psa") {
            return Err(DiagnoseError::Syntax {
                place: self.place(item),
                reason: format!(
                    "the root element is <{}>, expected <opsa-mef>",
                    root.tag_name().name()
                ),
            });
        }
        if let (true, Some(name)) = (self.model_name.is_empty(), root.attribute("name")) {
            self.model_name = name.to_owned();
        }
        self.collect(item)
    }

    /// Registers the definitions of a container. Containers nest at most [`MAX_DEPTH`] deep, so this may recurse.
    fn collect(&mut self, container: Item<'a>) -> Result<(), DiagnoseError> {
        for xml in container.xml.children().filter(Xml::is_element) {
            let item = Item { xml, ..container };
            match xml.tag_name().name() {
                "define-fault-tree" | "define-component" => {
                    let name = self.name_of(item)?;
                    if self.model_name.is_empty() {
                        self.model_name = name.to_owned();
                    }
                    let scope = self.enter(item, name)?;
                    self.collect(Item { scope, ..item })?;
                }
                "model-data" => self.collect(item)?,
                "define-gate" => {
                    let position = Input::Gate(self.gates.len() as u32);
                    self.define("event or gate", item, position)?;
                    self.gates.push(item);
                }
                "define-basic-event" => {
                    let position = Input::Event(self.basic_events.len() as u32);
                    self.define("event or gate", item, position)?;
                    self.basic_events.push(item);
                }
                "define-house-event" => {
                    let value = self.house_value(item)?;
                    self.define("event or gate", item, Input::Constant(value))?;
                    self.house_events.push(item);
                }
                "define-parameter" => self.define_parameter(item)?,
                "define-CCF-group" => self.groups.push(item),
                "label" | "attributes" => {}
                _ => return Err(self.unsupported(item)),
            }
        }
        let defined = self.gates.len() + self.basic_events.len() + self.parameters.len();
        if defined > MAX_NODES {
            return Err(self.sources[container.file].too_large(
                "the number of definitions",
                defined,
                MAX_NODES,
            ));
        }
        Ok(())
    }

    fn enter(&mut self, item: Item<'a>, name: &str) -> Result<usize, DiagnoseError> {
        let outer = &self.scopes[item.scope];
        let path = if outer.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", outer.path)
        };
        let (chars, depth) = (path.chars().count(), outer.depth + 1);
        for (what, actual, limit) in [
            (
                "the length of the names around a component",
                chars,
                MAX_PATH_CHARS,
            ),
            ("the nesting depth of components", depth, MAX_COMPONENTS),
        ] {
            if actual > limit {
                return Err(DiagnoseError::TooLarge {
                    place: self.place(item),
                    what,
                    actual: actual as u64,
                    limit: limit as u64,
                });
            }
        }
        let private = outer.private || item.xml.attribute("role") == Some("private");
        self.scopes.push(Scope {
            path,
            parent: Some(item.scope),
            depth,
            private,
        });
        Ok(self.scopes.len() - 1)
    }

    fn is_private(&self, item: Item<'a>) -> bool {
        match item.xml.attribute("role") {
            Some("private") => true,
            Some("public") => false,
            _ => self.scopes[item.scope].private,
        }
    }

    fn full_path(&self, item: Item<'a>, name: &str) -> String {
        let path = &self.scopes[item.scope].path;
        if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    }

    /// The identifier an element gets in the tree: its bare name when public, else its path.
    fn id_of(&self, item: Item<'a>) -> Result<String, DiagnoseError> {
        let name = self.name_of(item)?;
        Ok(if self.is_private(item) {
            self.full_path(item, name)
        } else {
            name.to_owned()
        })
    }

    fn define(&mut self, kind: &'static str, item: Item<'a>, input: Input) -> Result<(), DiagnoseError> {
        let name = self.name_of(item)?;
        let (path, place) = (self.full_path(item, name), self.place(item));
        self.draft.define(kind, &path, input, &place)?;
        if !self.is_private(item) && path != name {
            self.draft.define(kind, name, input, &place)?;
        }
        Ok(())
    }

    fn define_parameter(&mut self, item: Item<'a>) -> Result<(), DiagnoseError> {
        let name = self.name_of(item)?;
        let path = self.full_path(item, name);
        let mut keys = vec![path.clone()];
        if !self.is_private(item) && path != name {
            keys.push(name.to_owned());
        }
        for key in keys {
            if let Some(first) = self.parameters.insert(key, item) {
                return Err(DiagnoseError::Duplicate {
                    place: self.place(item),
                    kind: "parameter",
                    name: name.to_owned(),
                    first: self.place(first),
                });
            }
        }
        Ok(())
    }

    /// Names under which `name` used in `scope` may be registered, the innermost first; made one by one as they are asked for.
    fn candidates<'s>(&'s self, scope: usize, name: &'s str) -> impl Iterator<Item = String> + 's {
        let scopes = std::iter::successors(Some(scope), |&at| self.scopes[at].parent);
        scopes.map(move |at| match self.scopes[at].path.as_str() {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        })
    }

    fn house_value(&self, item: Item<'a>) -> Result<bool, DiagnoseError> {
        let constant = item.xml.children().find(|c| c.has_tag_name("constant"));
        constant.map_or(Ok(false), |c| self.constant(Item { xml: c, ..item }))
    }

    fn constant(&self, item: Item<'a>) -> Result<bool, DiagnoseError> {
        match item.xml.attribute("value") {
            Some("true" | "1") => Ok(true),
            Some("false" | "0") => Ok(false),
            _ => Err(self.invalid(item, "value", "use true or false")),
        }
    }

    fn build(mut self) -> Result<FaultTree, DiagnoseError> {
        self.draft.tree.version.clone_from(&self.model_name);
        for item in self.basic_events.clone() {
            let event = self.basic_event(item)?;
            self.draft.tree.events.push(event);
        }
        let gates = self.gates.clone();
        let mut made = Vec::with_capacity(gates.len());
        for item in &gates {
            let gate = self.gate(*item)?;
            made.push(gate);
        }
        self.draft.tree.gates = made;
        self.draft.tree.gates.append(&mut self.anonymous);
        ccf::expand(&mut self)?;
        self.require_probabilities()?;
        self.draft.finish()
    }

    fn label(item: Item<'a>) -> Option<String> {
        let label = item
            .xml
            .children()
            .find(|c| c.has_tag_name("label"))?
            .text()?
            .trim();
        (!label.is_empty()).then(|| label.chars().take(200).collect())
    }

    fn body(&self, item: Item<'a>) -> Vec<Item<'a>> {
        let skip = |c: &Xml<'a, 'a>| !matches!(c.tag_name().name(), "label" | "attributes");
        item.xml
            .children()
            .filter(Xml::is_element)
            .filter(skip)
            .map(|xml| Item { xml, ..item })
            .collect()
    }

    fn basic_event(&mut self, item: Item<'a>) -> Result<Event, DiagnoseError> {
        let id = self.id_of(item)?;
        let probability = match self.body(item).as_slice() {
            // NaN marks "given by a common-cause group"; what is still NaN at the end is refused.
            [] => f64::NAN,
            [expression] => {
                let value = self.evaluate(*expression, 0)?;
                if !(0.0..=1.0).contains(&value) {
                    return Err(DiagnoseError::ProbabilityOutOfRange {
                        place: self.place(*expression),
                        name: id,
                        value,
                    });
                }
                value
            }
            [_, second, ..] => {
                return Err(self.invalid(*second, "expression", "only one expression may stand here"));
            }
        };
        let name = Self::label(item).unwrap_or_else(|| id.clone());
        Ok(Event {
            id,
            name,
            probability,
            repaired_by: Vec::new(),
            place: self.place(item),
        })
    }

    fn require_probabilities(&self) -> Result<(), DiagnoseError> {
        self.draft
            .tree
            .events
            .iter()
            .find(|event| event.probability.is_nan())
            .map_or(Ok(()), |event| {
                Err(DiagnoseError::InvalidValue {
                    place: event.place.clone(),
                    name: event.id.clone(),
                    field: "probability",
                    reason: "the basic event has no expression; give it one, such as <float value=\"0.01\"/>"
                        .to_owned(),
                })
            })
    }

    fn gate(&mut self, item: Item<'a>) -> Result<Gate, DiagnoseError> {
        let id = self.id_of(item)?;
        let name = Self::label(item).unwrap_or_else(|| id.clone());
        let body = self.body(item);
        let [formula] = body.as_slice() else {
            return Err(self.invalid(
                item,
                "formula",
                format!("a gate needs exactly one formula, {} given", body.len()),
            ));
        };
        let place = self.place(item);
        if self.connective(*formula)?.is_none() {
            let inputs = vec![self.input(*formula, &id)?];
            return Ok(Gate {
                id,
                name,
                connective: Connective::And,
                inputs,
                anonymous: false,
                place,
            });
        }
        let (connective, inputs) = self.formula(*formula, &id)?;
        Ok(Gate {
            id,
            name,
            connective,
            inputs,
            anonymous: false,
            place,
        })
    }

    fn connective(&self, item: Item<'a>) -> Result<Option<Connective>, DiagnoseError> {
        let number = |field: &'static str| {
            let text = item.xml.attribute(field).unwrap_or_default();
            text.trim()
                .parse::<u32>()
                .map_err(|_| self.invalid(item, field, "a whole number of 0 or more is needed"))
        };
        Ok(Some(match item.xml.tag_name().name() {
            "and" => Connective::And,
            "or" => Connective::Or,
            "atleast" => Connective::Atleast { min: number("min")? },
            "xor" => Connective::Xor,
            "not" => Connective::Not,
            "nand" => Connective::Nand,
            "nor" => Connective::Nor,
            "imply" => Connective::Imply,
            "iff" => Connective::Iff,
            "cardinality" => Connective::Cardinality {
                min: number("min")?,
                max: number("max")?,
            },
            _ => return Ok(None),
        }))
    }

    fn formula(&mut self, item: Item<'a>, gate: &str) -> Result<(Connective, Vec<Input>), DiagnoseError> {
        let Some(connective) = self.connective(item)? else {
            return Err(self.unsupported(item));
        };
        let body = self.body(item);
        if let Some(reason) = connective.arity_problem(body.len()) {
            return Err(self.invalid(item, "inputs", reason));
        }
        self.links += body.len();
        if self.links > MAX_LINKS {
            return Err(self.sources[item.file].too_large(
                "the number of gate inputs",
                self.links,
                MAX_LINKS,
            ));
        }
        let inputs = body
            .into_iter()
            .map(|child| self.input(child, gate))
            .collect::<Result<_, _>>()?;
        Ok((connective, inputs))
    }

    /// An input of a formula; a nested formula becomes a gate of its own. Nesting is bounded by [`MAX_DEPTH`].
    fn input(&mut self, item: Item<'a>, gate: &str) -> Result<Input, DiagnoseError> {
        match item.xml.tag_name().name() {
            kind @ ("event" | "gate" | "basic-event" | "house-event") => self.reference(item, kind),
            "constant" => self.constant(item).map(Input::Constant),
            _ => {
                let (connective, inputs) = self.formula(item, gate)?;
                let at = self.gates.len() + self.anonymous.len();
                if at > MAX_NODES {
                    return Err(self.sources[item.file].too_large("the number of formulae", at, MAX_NODES));
                }
                let id = format!("{gate}#{}", self.anonymous.len() + 1);
                let name = connective.name().to_owned();
                let place = self.place(item);
                self.anonymous.push(Gate {
                    id,
                    name,
                    connective,
                    inputs,
                    anonymous: true,
                    place,
                });
                Ok(Input::Gate(at as u32))
            }
        }
    }

    fn reference(&self, item: Item<'a>, element: &str) -> Result<Input, DiagnoseError> {
        let name = self.name_of(item)?;
        let wanted = if element == "event" {
            item.xml.attribute("type").unwrap_or("event")
        } else {
            element
        };
        let fits = |input: &Input| match input {
            Input::Event(_) => matches!(wanted, "event" | "basic-event"),
            Input::Gate(_) => matches!(wanted, "event" | "gate"),
            Input::Constant(_) => matches!(wanted, "event" | "house-event"),
        };
        let found = self
            .candidates(item.scope, name)
            .find_map(|key| self.draft.lookup(&key))
            .filter(fits);
        found.ok_or_else(|| DiagnoseError::UnknownName {
            place: self.place(item),
            kind: match wanted {
                "gate" => "gate",
                "basic-event" => "basic event",
                "house-event" => "house event",
                _ => "event or gate",
            },
            name: name.to_owned(),
        })
    }
}
