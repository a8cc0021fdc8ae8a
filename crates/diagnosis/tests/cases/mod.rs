//! Malformed fault trees and parts lists, each with what its refusal says. Also sent through HTTP by `tests/hostile.rs` of the
//! workspace.
#![allow(dead_code, reason = "each test binary uses a part")]

use shifu_diagnosis::{Bom, DiagnoseError, FaultTree, MefOptions};

pub(crate) struct Case {
    pub(crate) format: &'static str,
    pub(crate) what: String,
    pub(crate) text: String,
    /// What the refusal says.
    pub(crate) says: Vec<&'static str>,
}

impl Case {
    /// Whether the refusal is one of size (413), not of content (422).
    pub(crate) fn is_too_large(&self) -> bool {
        matches!(self.read(), Err(DiagnoseError::TooLarge { .. }))
    }

    pub(crate) fn read(&self) -> Result<(), DiagnoseError> {
        match self.format {
            "MEF" => FaultTree::from_mef_xml(&[("f", &self.text)], MefOptions::default()).map(drop),
            "tree" => FaultTree::from_toml(&self.text, "f").map(drop),
            _ => Bom::from_toml(&self.text, "f").map(drop),
        }
    }

    pub(crate) fn problem(&self) -> Option<String> {
        let start = std::time::Instant::now();
        let found = self.read();
        let took = start.elapsed();
        let message = match found {
            Ok(()) => "no refusal".to_owned(),
            Err(error) => error.to_string(),
        };
        let said = self.says.iter().all(|part| message.contains(part));
        let soon = took < std::time::Duration::from_secs(5) && message.len() < 4_000;
        let shown: String = message.chars().take(300).collect();
        (!said || !soon).then(|| {
            format!(
                "{} {}: expected {:?}, found {shown:?} in {took:?}",
                self.format, self.what, self.says
            )
        })
    }
}

fn case(format: &'static str, what: &str, text: impl Into<String>, says: &[&'static str]) -> Case {
    Case {
        format,
        what: what.to_owned(),
        text: text.into(),
        says: says.to_vec(),
    }
}

pub(crate) fn all() -> Vec<Case> {
    let mut cases = mef_syntax();
    cases.extend(mef_content());
    cases.extend(trees());
    cases.extend(parts());
    cases
}

/// A model of this inside.
pub(crate) fn model(inside: &str) -> String {
    format!("<opsa-mef>\n<define-fault-tree name=\"T\">\n{inside}\n</define-fault-tree>\n</opsa-mef>")
}

fn mef_syntax() -> Vec<Case> {
    let raw = |what: &str, text: &str, says: &[&'static str]| case("MEF", what, text, says);
    let attributes: String = (0..100_000).map(|at| format!(" a{at}=\"\"")).collect();
    let namespaces: String = (0..200).map(|at| format!(" xmlns:n{at}=\"u{at}\"")).collect();
    let whole = model("<define-gate name=\"g\"><or><basic-event name=\"e\"/></or></define-gate>");
    let cut = |what: &str, mark: &str| {
        let at = whole.find(mark).unwrap();
        case("MEF", &format!("cut {what}"), &whole[..at], &["f:"])
    };
    let components = "<define-component name=\"c\">".repeat(40) + &"</define-component>".repeat(40);
    let long = "n".repeat(250);
    let paths = format!("<define-component name=\"{long}\">").repeat(5) + &"</define-component>".repeat(5);
    vec![
        raw("nothing", "", &["f"]),
        raw("blanks", " \n ", &["f"]),
        raw("words", "not xml", &["f:1"]),
        raw("JSON", "{\"a\": 1}", &["f:1"]),
        raw("another root", "<html/>", &["f:1", "html", "opsa-mef"]),
        raw("two roots", "<opsa-mef/><opsa-mef/>", &["f:1"]),
        raw("an open tag", "<opsa-mef", &["f:1"]),
        raw("crossed tags", "<opsa-mef>\n<a><b></a></b></opsa-mef>", &["f:2"]),
        raw("an attribute without quotes", "<opsa-mef name=a/>", &["f:1"]),
        raw(
            "an attribute twice",
            "<opsa-mef name=\"a\" name=\"b\"/>",
            &["f:1", "name"],
        ),
        raw(
            "an unknown entity",
            "<opsa-mef name=\"&nonsense;\"/>",
            &["f:1", "nonsense"],
        ),
        raw(
            "a type declaration",
            "<!DOCTYPE a SYSTEM \"http://example.com/a.dtd\"><opsa-mef/>",
            &["entities are never expanded"],
        ),
        raw(
            "entities in entities",
            "<!DOCTYPE a [<!ENTITY x \"ha\"><!ENTITY y \"&x;&x;\">]><opsa-mef>&y;</opsa-mef>",
            &["entities are never expanded"],
        ),
        raw(
            "an external entity",
            "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><opsa-mef>&x;</opsa-mef>",
            &["entities are never expanded"],
        ),
        raw("a control character", "<opsa-mef name=\"\u{1}\"/>", &["f:1"]),
        raw("an unknown prefix", "<x:opsa-mef/>", &["f:1", "prefix"]),
        raw(
            "200,000 open elements",
            &format!("<opsa-mef>{}", "<not>".repeat(200_000)),
            &["nesting depth", "200"],
        ),
        raw(
            "201 elements in one another",
            &format!("<opsa-mef>{}{}</opsa-mef>", "<a>".repeat(200), "</a>".repeat(200)),
            &["nesting depth", "201"],
        ),
        raw(
            "100,000 attributes",
            &format!("<opsa-mef{attributes}/>"),
            &["number of attributes", "64"],
        ),
        raw(
            "100,000 attributes of an open tag",
            &format!("<opsa-mef{attributes}"),
            &["number of attributes"],
        ),
        raw(
            "200 namespaces",
            &format!("<opsa-mef{namespaces}/>"),
            &["namespaces", "100"],
        ),
        raw(
            "10 MB and a byte",
            &" ".repeat(10_000_001),
            &["size in bytes", "10000000"],
        ),
        raw(
            "40 components in one another",
            &model(&components),
            &["nesting depth of components", "32"],
        ),
        raw(
            "components of long names",
            &model(&paths),
            &["length of the names", "1024"],
        ),
        raw("a comment that never ends", "<opsa-mef><!-- ", &["f:1"]),
        raw("character data that never ends", "<opsa-mef><![CDATA[ ", &["f:1"]),
        cut("after its root", "\n<define-fault-tree"),
        cut("inside a tag", " name=\"g\""),
        cut("inside a gate", "<or>"),
        cut("before its end", "\n</opsa-mef>"),
    ]
}

fn mef_content() -> Vec<Case> {
    let body = |what: &str, inside: &str, says: &[&'static str]| case("MEF", what, model(inside), says);
    let event = "<define-basic-event name=\"e\"><float value=\"0.1\"/></define-basic-event>";
    let gate = |inside: &str| format!("{event}\n<define-gate name=\"g\">{inside}</define-gate>");
    let with =
        |what: &str, inside: &str, says: &[&'static str]| case("MEF", what, model(&gate(inside)), says);
    let value = |what: &str, expression: &str, says: &[&'static str]| {
        body(
            what,
            &format!("<define-basic-event name=\"e\">{expression}</define-basic-event>"),
            says,
        )
    };
    let group = |what: &str, inside: &str, says: &[&'static str]| {
        let events: String = (0..20)
            .map(|at| format!("<define-basic-event name=\"m{at}\"/>"))
            .collect();
        body(
            what,
            &format!("{events}<define-CCF-group name=\"C\" {inside}</define-CCF-group>"),
            says,
        )
    };
    let members = |count: usize| {
        let list: String = (0..count)
            .map(|at| format!("<basic-event name=\"m{at}\"/>"))
            .collect();
        format!("<members>{list}</members>")
    };
    let total = "<distribution><float value=\"0.1\"/></distribution>";
    let parameters: String = (0..20_000)
        .map(|at| {
            format!(
                "<define-parameter name=\"p{at}\"><parameter name=\"p{}\"/></define-parameter>",
                at + 1
            )
        })
        .collect();
    let long = "n".repeat(257);
    vec![
        with("no formula", "", &["f:4", "exactly one formula, 0 given"]),
        with(
            "two formulae",
            "<basic-event name=\"e\"/><basic-event name=\"e\"/>",
            &["f:4", "2 given"],
        ),
        with(
            "an unknown connective",
            "<maybe><basic-event name=\"e\"/></maybe>",
            &["f:4", "maybe", "not supported"],
        ),
        with("no input", "<and/>", &["f:4", "1 or more"]),
        with(
            "a negation of two",
            "<not><basic-event name=\"e\"/><basic-event name=\"e\"/></not>",
            &["exactly 1"],
        ),
        with(
            "an implication of one",
            "<imply><basic-event name=\"e\"/></imply>",
            &["exactly 2"],
        ),
        with(
            "at least nothing said",
            "<atleast><basic-event name=\"e\"/></atleast>",
            &["min", "whole number"],
        ),
        with(
            "at least minus one",
            "<atleast min=\"-1\"><basic-event name=\"e\"/></atleast>",
            &["min", "whole number"],
        ),
        with(
            "at least 4 billion and more",
            "<atleast min=\"99999999999\"><basic-event name=\"e\"/></atleast>",
            &["min", "whole number"],
        ),
        with(
            "at least more than there are",
            "<atleast min=\"2\"><basic-event name=\"e\"/></atleast>",
            &["only 1 inputs"],
        ),
        with(
            "a range the wrong way round",
            "<cardinality min=\"1\" max=\"0\"><basic-event name=\"e\"/></cardinality>",
            &["min <= max"],
        ),
        with(
            "an unknown event",
            "<or><event name=\"x\"/></or>",
            &["f:4", "event or gate \"x\""],
        ),
        with(
            "an event of the wrong type",
            "<or><gate name=\"e\"/></or>",
            &["f:4", "gate \"e\""],
        ),
        with("an event without a name", "<or><event/></or>", &["f:4", "name"]),
        with(
            "a constant that is none",
            "<constant value=\"maybe\"/>",
            &["true or false"],
        ),
        with("itself", "<or><gate name=\"g\"/></or>", &["cycle g -> g"]),
        body(
            "a gate without a name",
            "<define-gate><and/></define-gate>",
            &["f:3", "name"],
        ),
        body(
            "a name of 257 characters",
            &format!("<define-gate name=\"{long}\"><and/></define-gate>"),
            &["1 to 256"],
        ),
        body(
            "a name with a line break",
            "<define-gate name=\"a&#10;b\"><and/></define-gate>",
            &["printable"],
        ),
        body(
            "two gates in a circle",
            "<define-gate name=\"x\"><or><gate name=\"y\"/></or></define-gate><define-gate name=\"y\"><or><gate name=\"x\"/></or></define-gate>",
            &["cycle"],
        ),
        body(
            "an event twice",
            &format!("{event}\n{event}"),
            &["f:4", "already defined at f:3"],
        ),
        body(
            "an unknown definition",
            "<define-substitution name=\"s\"/>",
            &["define-substitution", "not supported"],
        ),
        body(
            "a house event that is maybe",
            "<define-house-event name=\"h\"><constant value=\"2\"/></define-house-event>",
            &["true or false"],
        ),
        value("no expression", "", &["no expression"]),
        value(
            "two expressions",
            "<float value=\"0\"/><float value=\"0\"/>",
            &["only one expression"],
        ),
        value(
            "a chance over 1",
            "<float value=\"1.5\"/>",
            &["f:3", "1.5", "0 to 1"],
        ),
        value("a chance below 0", "<float value=\"-0.5\"/>", &["-0.5"]),
        value("no number", "<float/>", &["a number is needed"]),
        value(
            "a number that is none",
            "<float value=\"0,5\"/>",
            &["a number is needed"],
        ),
        value("NaN", "<float value=\"NaN\"/>", &["finite"]),
        value("infinity", "<float value=\"inf\"/>", &["finite"]),
        value("too large a number", "<float value=\"1e999\"/>", &["finite"]),
        value(
            "a division by 0",
            "<div><float value=\"1\"/><float value=\"0\"/></div>",
            &["finite"],
        ),
        value("a logarithm of 0", "<log><float value=\"0\"/></log>", &["finite"]),
        value(
            "a function of too few",
            "<exponential><float value=\"1\"/></exponential>",
            &["2 arguments", "1 given"],
        ),
        value(
            "an unknown function",
            "<frobnicate/>",
            &["frobnicate", "not supported"],
        ),
        value(
            "an unknown parameter",
            "<parameter name=\"p\"/>",
            &["parameter \"p\""],
        ),
        value("a switch without a default", "<switch/>", &["default"]),
        value(
            "a case of one",
            "<switch><case><bool value=\"true\"/></case></switch>",
            &["condition and a value"],
        ),
        value("a histogram of nothing", "<histogram/>", &["lower bound"]),
        value(
            "a histogram without weight",
            "<histogram><float value=\"0\"/></histogram>",
            &["finite"],
        ),
        body(
            "a parameter of itself",
            "<define-parameter name=\"p\"><parameter name=\"p\"/></define-parameter><define-basic-event name=\"e\"><parameter name=\"p\"/></define-basic-event>",
            &["cycle"],
        ),
        body(
            "a parameter twice",
            &"<define-parameter name=\"p\"><float value=\"0\"/></define-parameter>".repeat(2),
            &["already defined"],
        ),
        body(
            "20,000 parameters in a row",
            &format!(
                "{parameters}<define-basic-event name=\"e\"><parameter name=\"p0\"/></define-basic-event>"
            ),
            &["nested deeper"],
        ),
        group(
            "a group without members",
            &format!("model=\"beta-factor\">{total}"),
            &["needs members"],
        ),
        group(
            "a group of one",
            &format!("model=\"beta-factor\">{}{total}", members(1)),
            &["2 to 12 members"],
        ),
        group(
            "a group of 13",
            &format!("model=\"beta-factor\">{}{total}", members(13)),
            &["2 to 12 members", "13 given"],
        ),
        group(
            "a group of one twice",
            &format!(
                "model=\"beta-factor\"><members>{0}{0}</members>{total}",
                "<basic-event name=\"m0\"/>"
            ),
            &["distinct"],
        ),
        group(
            "an event in two groups",
            &format!(
                "model=\"beta-factor\">{0}{total}<factor><float value=\"0.1\"/></factor></define-CCF-group><define-CCF-group name=\"D\" model=\"beta-factor\">{0}{total}",
                members(2)
            ),
            &["one group only"],
        ),
        group(
            "a group of an unknown model",
            &format!("model=\"omega\">{}{total}", members(2)),
            &["omega", "beta-factor"],
        ),
        group(
            "a group without a distribution",
            &format!("model=\"MGL\">{}", members(2)),
            &["distribution"],
        ),
        group(
            "a factor beyond the members",
            &format!(
                "model=\"MGL\">{}{total}<factor level=\"9\"><float value=\"0.1\"/></factor>",
                members(2)
            ),
            &["level 9"],
        ),
        group(
            "a factor over 1",
            &format!(
                "model=\"beta-factor\">{}{total}<factor><float value=\"1.5\"/></factor>",
                members(2)
            ),
            &["0 to 1"],
        ),
    ]
}

fn trees() -> Vec<Case> {
    let raw = |what: &str, text: &str, says: &[&'static str]| case("tree", what, text, says);
    let line = "product_line = \"washer\"\n";
    let with =
        |what: &str, text: &str, says: &[&'static str]| case("tree", what, format!("{line}{text}"), says);
    let event = "[[event]]\nid = \"a\"\nprobability = 0.1\n";
    let after = |what: &str, text: &str, says: &[&'static str]| {
        case("tree", what, format!("{line}{event}{text}"), says)
    };
    let gate = |kind: &str, rest: &str| format!("[[gate]]\nid = \"g\"\ntype = \"{kind}\"\n{rest}\n");
    let symptoms: String = (0..5_001)
        .map(|at| format!("[[symptom]]\nid = \"s{at}\"\nleak = 0.1\n"))
        .collect();
    let id = "i".repeat(129);
    vec![
        raw("nothing", "", &["f", "product_line"]),
        raw("words", "not toml", &["f:1"]),
        raw("XML", "<opsa-mef/>", &["f:1"]),
        raw("no product line", event, &["product_line"]),
        raw(
            "a product line that is none",
            "product_line = \"大家电\"",
            &["f:1", "product line"],
        ),
        raw("a product line that is a number", "product_line = 5", &["f:1"]),
        raw(
            "a key twice",
            "product_line = \"a\"\nproduct_line = \"b\"",
            &["f:2", "duplicate"],
        ),
        raw("an open string", "product_line = \"washer", &["f:1"]),
        raw(
            "an unknown field",
            "product_line = \"washer\"\ncolour = 1",
            &["f:2", "colour"],
        ),
        after(
            "other words for a cause that are none",
            "also_called = [\" \"]",
            &["f:5", "also_called", "1 to 80"],
        ),
        after(
            "other words for two causes",
            "also_called = [\"x\"]\n[[event]]\nid = \"b\"\nprobability = 0.1\nalso_called = [\"x\"]",
            &["f:9", "also_called", "already defined at f:3"],
        ),
        raw(
            "arrays in one another",
            &format!("product_line = {}", "[".repeat(100_000)),
            &["f:1", "recurs"],
        ),
        raw(
            "tables in one another",
            &format!("product_line = {}", "{a=".repeat(100_000)),
            &["f:1", "recurs"],
        ),
        raw(
            "a key of 100,000 parts",
            &format!("{}a = 1", "a.".repeat(100_000)),
            &["f:1", "recurs"],
        ),
        raw("a control character", "product_line = \"\u{1}\"", &["f:1"]),
        raw("10 MB and a byte", &"#".repeat(10_000_001), &["size in bytes"]),
        with("an open table", "[[event]\n", &["f:2"]),
        with(
            "an event without an id",
            "[[event]]\nprobability = 0.1\n",
            &["id"],
        ),
        with(
            "an event without a chance",
            "[[event]]\nid = \"a\"\n",
            &["probability"],
        ),
        with(
            "a chance over 1",
            "[[event]]\nid = \"a\"\nprobability = 1.5\n",
            &["f:4", "1.5", "0 to 1"],
        ),
        with(
            "a chance below 0",
            "[[event]]\nid = \"a\"\nprobability = -1e-9\n",
            &["f:4"],
        ),
        with(
            "a chance that is no number",
            "[[event]]\nid = \"a\"\nprobability = nan\n",
            &["f:4", "NaN"],
        ),
        with(
            "an infinite chance",
            "[[event]]\nid = \"a\"\nprobability = inf\n",
            &["f:4", "inf"],
        ),
        with(
            "a chance that is text",
            "[[event]]\nid = \"a\"\nprobability = \"0.1\"\n",
            &["f:4"],
        ),
        with(
            "a chance beyond numbers",
            "[[event]]\nid = \"a\"\nprobability = 1e999\n",
            &["f:4"],
        ),
        with(
            "an empty id",
            "[[event]]\nid = \"\"\nprobability = 0.5\n",
            &["f:3", "1 to 128"],
        ),
        with(
            "an id of 129 characters",
            &format!("[[event]]\nid = \"{id}\"\nprobability = 0.5\n"),
            &["f:3", "1 to 128"],
        ),
        with(
            "an id with a line break",
            "[[event]]\nid = \"a\\nb\"\nprobability = 0.5\n",
            &["f:3", "printable"],
        ),
        with(
            "a part of no pieces",
            "[[event]]\nid = \"a\"\nprobability = 0.5\nrepaired_by = [{ part_number = \"P\", quantity = 0 }]\n",
            &["f:5", "1 to 1000"],
        ),
        with(
            "a part of minus one pieces",
            "[[event]]\nid = \"a\"\nprobability = 0.5\nrepaired_by = [{ part_number = \"P\", quantity = -1 }]\n",
            &["f:5"],
        ),
        with(
            "a part without a number",
            "[[event]]\nid = \"a\"\nprobability = 0.5\nrepaired_by = [{ quantity = 1 }]\n",
            &["part_number"],
        ),
        with(
            "5,001 symptoms",
            &symptoms,
            &["symptoms and codes", "5001", "5000"],
        ),
        after("an event twice", event, &["f:6", "already defined at f:3"]),
        after(
            "a gate of an unknown kind",
            &gate("maybe", "inputs = [\"a\"]"),
            &["f:7", "maybe", "atleast"],
        ),
        after("a gate without inputs", &gate("or", ""), &["inputs"]),
        after("a gate of no input", &gate("or", "inputs = []"), &["1 or more"]),
        after(
            "a gate of an unknown input",
            &gate("or", "inputs = [\"b\"]"),
            &["f:8", "\"b\""],
        ),
        after(
            "a gate of itself",
            &gate("or", "inputs = [\"g\"]"),
            &["cycle g -> g"],
        ),
        after(
            "at least without a number",
            &gate("atleast", "inputs = [\"a\"]"),
            &["min"],
        ),
        after(
            "at least more than there are",
            &gate("atleast", "min = 2\ninputs = [\"a\"]"),
            &["only 1 inputs"],
        ),
        after(
            "a gate of an event's name",
            "[[gate]]\nid = \"a\"\ntype = \"or\"\ninputs = [\"a\"]\n",
            &["already defined"],
        ),
        after(
            "a symptom of an odd name",
            "[[symptom]]\nid = \"S!\"\nleak = 0.1\n",
            &["f:6", "symptom"],
        ),
        after(
            "a symptom twice",
            &"[[symptom]]\nid = \"s\"\nleak = 0.1\n".repeat(2),
            &["already defined"],
        ),
        after(
            "a leak over 1",
            "[[symptom]]\nid = \"s\"\nleak = 2\n",
            &["0 to 1"],
        ),
        after(
            "a symptom of an unknown cause",
            "[[symptom]]\nid = \"s\"\nleak = 0.1\ncauses = [{ input = \"x\", probability = 1 }]\n",
            &["f:8", "\"x\""],
        ),
        after(
            "a fault code of other letters",
            "[[fault_code]]\ncode = \"故障\"\nleak = 0.1\n",
            &["f:6", "fault code"],
        ),
        after(
            "a fault code twice",
            &"[[fault_code]]\ncode = \"E1\"\nleak = 0.1\n".repeat(2),
            &["already defined"],
        ),
    ]
}

fn parts() -> Vec<Case> {
    let raw = |what: &str, text: &str, says: &[&'static str]| case("parts list", what, text, says);
    let line = "product_line = \"washer\"\n";
    let part = |number: &str, rest: &str| {
        format!("[[part]]\npart_number = \"{number}\"\nname = \"x\"\nprice = \"1.00\"\n{rest}\n")
    };
    let with = |what: &str, text: &str, says: &[&'static str]| {
        case("parts list", what, format!("{line}{text}"), says)
    };
    let price = |what: &str, price: &str| {
        case(
            "parts list",
            what,
            format!("{line}[[part]]\npart_number = \"A\"\nname = \"x\"\nprice = {price}\n"),
            &["f:5"],
        )
    };
    let circle: String = (0..2_000)
        .map(|at| {
            part(
                &format!("P{at}"),
                &format!("supersedes = [\"P{}\"]", (at + 1) % 2_000),
            )
        })
        .collect();
    vec![
        raw("nothing", "", &["product_line"]),
        raw("words", "x", &["f:1"]),
        raw(
            "another language",
            "product_line = \"大家电\"\n",
            &["f:1", "product line"],
        ),
        raw(
            "an unknown field",
            "product_line = \"washer\"\nparts = []",
            &["f:2", "parts"],
        ),
        with(
            "a part without a number",
            "[[part]]\nname = \"x\"\nprice = \"1.00\"\n",
            &["part_number"],
        ),
        with(
            "a part without a name",
            "[[part]]\npart_number = \"A\"\nprice = \"1.00\"\n",
            &["name"],
        ),
        with(
            "a part without a price",
            "[[part]]\npart_number = \"A\"\nname = \"x\"\n",
            &["price"],
        ),
        price("a price of three places", "\"1.234\""),
        price("a price below 0", "\"-1.00\""),
        price("a price that is a number", "1.0"),
        price("a price that is none", "\"NaN\""),
        price("a price without end", "\"999999999999999999999999999999\""),
        price("a price of nothing", "\"\""),
        with("an empty number", &part("", ""), &["f:3", "part number"]),
        with(
            "a number of 65 characters",
            &part(&"A".repeat(65), ""),
            &["f:3", "1 to 64"],
        ),
        with(
            "a part twice, in small letters",
            &format!("{}{}", part("A", ""), part("a", "")),
            &["f:8", "f:3"],
        ),
        with(
            "a part that replaces itself",
            &part("A", "supersedes = [\"A\"]"),
            &["cycle"],
        ),
        with(
            "two parts that replace each other",
            &format!(
                "{}{}",
                part("A", "supersedes = [\"B\"]"),
                part("B", "supersedes = [\"A\"]")
            ),
            &["cycle"],
        ),
        with("2,000 parts in a circle", &circle, &["cycle", "…"]),
        with(
            "a part replaced twice",
            &format!(
                "{}{}",
                part("A", "supersedes = [\"C\"]"),
                part("B", "supersedes = [\"C\"]")
            ),
            &["superseded part \"C\""],
        ),
        with("a model that is none", &part("A", "fits = [\"\"]"), &["f:6"]),
    ]
}
