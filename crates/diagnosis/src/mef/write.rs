//! A [`FaultTree`] as Open-PSA XML: what [`FaultTree::from_mef_xml`] reads back to the same function.

use std::fmt::Write;

use crate::tree::{Connective, FaultTree, Input};

impl FaultTree {
    /// The tree's events and gates as Open-PSA MEF. Symptoms, fault codes and repairs have no place in that format.
    #[must_use]
    pub fn to_mef_xml(&self) -> String {
        let name = self.product_line.as_ref().map_or("tree", |line| line.as_str());
        let mut xml = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<opsa-mef>\n<define-fault-tree name=\"{name}\">\n"
        );
        for gate in &self.gates {
            let _ = writeln!(
                xml,
                "<define-gate name=\"{}\">{}",
                escape(&gate.id),
                label(&gate.name, &gate.id)
            );
            let (element, attributes) = match gate.connective {
                Connective::Atleast { min } => ("atleast", format!(" min=\"{min}\"")),
                Connective::Cardinality { min, max } => {
                    ("cardinality", format!(" min=\"{min}\" max=\"{max}\""))
                }
                other => (other.name(), String::new()),
            };
            let _ = write!(xml, "<{element}{attributes}>");
            for input in &gate.inputs {
                let _ = match input {
                    Input::Event(at) => write!(
                        xml,
                        "<basic-event name=\"{}\"/>",
                        escape(&self.events[*at as usize].id)
                    ),
                    Input::Gate(at) => {
                        write!(xml, "<gate name=\"{}\"/>", escape(&self.gates[*at as usize].id))
                    }
                    Input::Constant(value) => write!(xml, "<constant value=\"{value}\"/>"),
                };
            }
            let _ = writeln!(xml, "</{element}></define-gate>");
        }
        xml.push_str("</define-fault-tree>\n<model-data>\n");
        for event in &self.events {
            let (id, label) = (escape(&event.id), label(&event.name, &event.id));
            let value = event.probability;
            let _ = writeln!(
                xml,
                "<define-basic-event name=\"{id}\">{label}<float value=\"{value:e}\"/></define-basic-event>"
            );
        }
        xml.push_str("</model-data>\n</opsa-mef>\n");
        xml
    }
}

fn label(name: &str, id: &str) -> String {
    if name == id {
        String::new()
    } else {
        format!("<label>{}</label>", escape(name))
    }
}

/// Text for XML, in attributes as well; control characters become spaces.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if c.is_control() => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}
