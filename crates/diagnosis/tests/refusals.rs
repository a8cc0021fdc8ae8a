//! Bad files are refused with the file, the line and what is wrong; none of them overflows stack or memory.

mod cases;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use shifu_diagnosis::{
    AnalysisLimits, Bom, DiagnoseError, Diagnosis, DiagnosisConfig, FaultTree, MefOptions,
};

fn tree(text: &str) -> String {
    FaultTree::from_toml(&format!("product_line = \"washer\"\n{text}"), "t.toml")
        .unwrap_err()
        .to_string()
}

fn bom(text: &str) -> String {
    Bom::from_toml(text, "b.toml").unwrap_err().to_string()
}

fn mef(body: &str) -> Result<FaultTree, DiagnoseError> {
    let text =
        format!("<opsa-mef>\n<define-fault-tree name=\"T\">\n{body}\n</define-fault-tree>\n</opsa-mef>");
    FaultTree::from_mef_xml(&[("t.xml", &text)], MefOptions::default())
}

fn check(found: String, expected: &[&str]) {
    for part in expected {
        assert!(found.contains(part), "{found:?} does not say {part:?}");
    }
}

const EVENT: &str = "[[event]]\nid = \"a\"\nprobability = 0.1\n";

#[test]
fn toml_trees_are_refused_with_their_line() {
    check(tree("[[event]\n"), &["t.toml:2"]);
    check(
        tree("[[event]]\nid = \"a\"\nprobability = 1.5\n"),
        &["t.toml:4", "1.5", "\"a\"", "0 to 1"],
    );
    check(
        tree("[[event]]\nid = \"a\"\nprobability = nan\n"),
        &["t.toml:4", "NaN"],
    );
    check(
        tree("[[event]]\nid = \"\"\nprobability = 0.5\n"),
        &["t.toml:3", "1 to 128"],
    );
    check(
        tree("[[event]]\nid = \"a\"\nprobability = 0.5\ncolour = 3\n"),
        &["t.toml:5", "colour"],
    );
    check(
        tree(&format!("{EVENT}{EVENT}")),
        &["t.toml:6", "event \"a\"", "already defined at t.toml:3"],
    );
    check(
        tree(&format!(
            "{EVENT}[[gate]]\nid = \"g\"\ntype = \"or\"\ninputs = [\"a\", \"b\"]\n"
        )),
        &["t.toml:8", "unknown event or gate \"b\""],
    );
    check(
        tree(&format!(
            "{EVENT}[[gate]]\nid = \"g\"\ntype = \"maybe\"\ninputs = [\"a\"]\n"
        )),
        &["t.toml:7", "maybe", "atleast"],
    );
    check(
        tree(&format!(
            "{EVENT}[[gate]]\nid = \"g\"\ntype = \"atleast\"\ninputs = [\"a\"]\n"
        )),
        &["t.toml:6", "min"],
    );
    check(
        tree(&format!(
            "{EVENT}[[gate]]\nid = \"g\"\ntype = \"atleast\"\nmin = 2\ninputs = [\"a\"]\n"
        )),
        &["t.toml:6", "only 1 inputs"],
    );
    check(
        tree(&format!(
            "{EVENT}[[gate]]\nid = \"g\"\ntype = \"and\"\ninputs = []\n"
        )),
        &["t.toml:6", "1 or more"],
    );
    check(
        tree(&format!("{EVENT}[[symptom]]\nid = \"s\"\nleak = -0.1\n")),
        &["t.toml:7", "-0.1"],
    );
    check(
        tree(&format!("{EVENT}[[symptom]]\nid = \"S!\"\nleak = 0.1\n")),
        &["t.toml:6", "symptom"],
    );
    check(
        tree(&format!(
            "{EVENT}[[symptom]]\nid = \"s\"\nleak = 0.1\ncauses = [{{ input = \"x\", probability = 1 }}]\n"
        )),
        &["t.toml:8", "\"x\""],
    );
    check(
        tree(&format!("{EVENT}[[fault_code]]\ncode = \"故障\"\nleak = 0.1\n")),
        &["t.toml:6", "fault code"],
    );
}

#[test]
fn cycles_name_their_path() {
    let gate =
        |id: &str, input: &str| format!("[[gate]]\nid = \"{id}\"\ntype = \"or\"\ninputs = [\"{input}\"]\n");
    check(
        tree(&[gate("x", "y"), gate("y", "z"), gate("z", "y")].concat()),
        &["t.toml:7", "cycle y -> z -> y"],
    );
    check(tree(&gate("x", "x")), &["cycle x -> x"]);
    let xml = mef(
        "<define-gate name=\"x\"><or><gate name=\"y\"/></or></define-gate>\n<define-gate name=\"y\"><not><gate name=\"x\"/></not></define-gate>",
    );
    check(xml.unwrap_err().to_string(), &["t.xml:3", "cycle x -> y -> x"]);
    let xml = mef(
        "<define-parameter name=\"p\"><parameter name=\"q\"/></define-parameter><define-parameter name=\"q\"><parameter name=\"p\"/></define-parameter>\n<define-basic-event name=\"e\"><parameter name=\"p\"/></define-basic-event>",
    );
    check(xml.unwrap_err().to_string(), &["t.xml:3", "cycle"]);
}

#[test]
fn parts_lists_are_refused_with_their_line() {
    check(bom("x"), &["b.toml:1"]);
    let part = |n: &str, rest: &str| {
        format!("[[part]]\npart_number = \"{n}\"\nname = \"x\"\nprice = \"1.00\"\n{rest}\n")
    };
    let line = "product_line = \"washer\"\n";
    check(
        bom(&format!("{line}{}{}", part("A", ""), part("a", ""))),
        &["b.toml:8", "part \"A\"", "b.toml:3"],
    );
    check(
        bom(&format!(
            "{line}[[part]]\npart_number = \"A\"\nname = \"x\"\nprice = \"1.234\"\n"
        )),
        &["b.toml:5", "1.234"],
    );
    check(
        bom(&format!(
            "{line}{}{}",
            part("A", "supersedes = [\"B\"]"),
            part("B", "supersedes = [\"A\"]")
        )),
        &["cycle"],
    );
    check(
        bom(&format!(
            "{line}{}{}",
            part("A", "supersedes = [\"C\"]"),
            part("B", "supersedes = [\"C\"]")
        )),
        &["superseded part \"C\""],
    );
    check(bom("product_line = \"大家电\"\n"), &["b.toml:1", "product line"]);
}

#[test]
fn a_tree_that_names_an_unknown_part_is_refused() {
    let tree = FaultTree::from_toml("product_line = \"washer\"\n[[event]]\nid = \"a\"\nprobability = 0.1\nrepaired_by = [{ part_number = \"P9\" }]\n", "t.toml").unwrap();
    let bom = Bom::from_toml("product_line = \"washer\"\n", "b.toml").unwrap();
    let error = Diagnosis::new(tree, bom, DiagnosisConfig::default())
        .err()
        .unwrap()
        .to_string();
    check(error, &["t.toml:3", "P9", "\"a\""]);
}

#[test]
fn open_psa_files_are_refused_with_their_line() {
    let error = |body: &str| mef(body).unwrap_err().to_string();
    check(
        error("<define-gate name=\"g\"><or><gate name=\"h\"/><basic-event name=\"e\"/></or></define-gate>"),
        &["t.xml:3", "gate \"h\""],
    );
    check(
        error("<define-basic-event name=\"e\"><float value=\"1.5\"/></define-basic-event>"),
        &["t.xml:3", "1.5", "\"e\""],
    );
    check(
        error("<define-basic-event name=\"e\"><float value=\"x\"/></define-basic-event>"),
        &["t.xml:3", "number"],
    );
    check(
        error("<define-basic-event name=\"e\"/>"),
        &["t.xml:3", "no expression"],
    );
    check(
        error(
            "<define-basic-event name=\"e\"><div><float value=\"1\"/><float value=\"0\"/></div></define-basic-event>",
        ),
        &["finite"],
    );
    check(
        error("<define-basic-event name=\"e\"><parameter name=\"p\"/></define-basic-event>"),
        &["parameter \"p\""],
    );
    check(
        error("<define-gate name=\"g\"><maybe/></define-gate>"),
        &["t.xml:3", "maybe"],
    );
    check(
        error("<define-gate name=\"g\"><and/></define-gate>"),
        &["t.xml:3", "1 or more"],
    );
    check(
        error("<define-substitution name=\"s\"/>"),
        &["define-substitution", "not supported"],
    );
    let twice = "<define-basic-event name=\"e\"><float value=\"0\"/></define-basic-event>\n".repeat(2);
    check(error(&twice), &["t.xml:4", "already defined at t.xml:3"]);
    let typed = "<define-basic-event name=\"e\"><float value=\"0\"/></define-basic-event>\n<define-gate name=\"g\"><not><event name=\"e\" type=\"gate\"/></not></define-gate>";
    check(error(typed), &["t.xml:4", "gate \"e\""]);
    let read = |text: &str| {
        FaultTree::from_mef_xml(&[("x.xml", text)], MefOptions::default())
            .unwrap_err()
            .to_string()
    };
    check(read(""), &["x.xml"]);
    check(read("<opsa-mef>\n<a></opsa-mef>"), &["x.xml:2"]);
    check(read("<html/>"), &["x.xml:1", "html"]);
}

#[test]
fn hostile_xml_is_refused_before_it_costs_anything() {
    let read = |text: &str| FaultTree::from_mef_xml(&[("x.xml", text)], MefOptions::default()).unwrap_err();
    let laughs = "<!DOCTYPE a [<!ENTITY x \"ha\"><!ENTITY y \"&x;&x;\">]><opsa-mef>&y;</opsa-mef>";
    check(read(laughs).to_string(), &["entities are never expanded"]);
    let deep = format!("<opsa-mef>{}", "<not>".repeat(200_000));
    check(read(&deep).to_string(), &["nesting depth", "200"]);
    let large = " ".repeat(10_000_001);
    assert!(matches!(
        read(&large),
        DiagnoseError::TooLarge {
            limit: 10_000_000,
            ..
        }
    ));
    // Not expression nesting but a chain of parameters.
    let chain: String = (0..20_000)
        .map(|i| {
            format!(
                "<define-parameter name=\"p{i}\"><parameter name=\"p{}\"/></define-parameter>",
                i + 1
            )
        })
        .collect();
    let error = mef(&format!(
        "{chain}<define-basic-event name=\"e\"><parameter name=\"p0\"/></define-basic-event>"
    ))
    .unwrap_err();
    check(error.to_string(), &["nested deeper"]);
}

#[test]
fn long_chains_and_wide_gates_within_the_limits_work() {
    let mut text = String::from(
        "<define-basic-event name=\"e\"><float value=\"0.25\"/></define-basic-event><define-gate name=\"g0\"><not><basic-event name=\"e\"/></not></define-gate>",
    );
    for i in 1..30_000 {
        text += &format!(
            "<define-gate name=\"g{i}\"><not><gate name=\"g{}\"/></not></define-gate>",
            i - 1
        );
    }
    let tree = mef(&text).unwrap();
    // 30,000 negations cancel.
    assert_eq!(
        tree.analyze(None, AnalysisLimits::default()).unwrap().probability,
        0.25
    );
    let events: String = (0..20_000)
        .map(|i| format!("<define-basic-event name=\"e{i}\"><float value=\"1e-5\"/></define-basic-event>"))
        .collect();
    let inputs: String = (0..20_000)
        .map(|i| format!("<basic-event name=\"e{i}\"/>"))
        .collect();
    let tree = mef(&format!(
        "{events}<define-gate name=\"g\"><or>{inputs}</or></define-gate>"
    ))
    .unwrap();
    let analysis = tree.analyze(None, AnalysisLimits::default()).unwrap();
    assert!((analysis.probability - (1.0 - (1.0_f64 - 1e-5).powi(20_000))).abs() < 1e-9);
    assert_eq!(analysis.minimal_cut_sets, Some(20_000));
}

#[test]
fn a_diagram_beyond_its_budget_is_an_error() {
    let text = (0..16)
        .map(|i| format!("[[event]]\nid = \"e{i}\"\nprobability = 0.1\n"))
        .collect::<String>();
    let inputs = |step: usize| {
        (0..16)
            .map(|i| format!("\"e{}\"", i * step % 16))
            .collect::<Vec<_>>()
            .join(",")
    };
    let text = format!(
        "product_line = \"washer\"\n{text}[[gate]]\nid = \"g\"\ntype = \"atleast\"\nmin = 8\ninputs = [{}]\n",
        inputs(3)
    );
    let tree = FaultTree::from_toml(&text, "t.toml").unwrap();
    let limits = AnalysisLimits {
        max_nodes: 40,
        max_bound_nodes: 0,
        ..AnalysisLimits::default()
    };
    assert!(matches!(
        tree.analyze(None, limits),
        Err(DiagnoseError::NodeLimit { limit: 40, .. })
    ));
    check(
        tree.analyze(Some("h"), limits).unwrap_err().to_string(),
        &["no gate \"h\"", "g"],
    );
}

#[test]
fn a_common_cause_group_replaces_its_members() {
    let body = "<define-gate name=\"g\"><and><basic-event name=\"a\"/><basic-event name=\"b\"/></and></define-gate>\
        <define-basic-event name=\"a\"/><define-basic-event name=\"b\"/>\
        <define-CCF-group name=\"C\" model=\"beta-factor\"><members><basic-event name=\"a\"/><basic-event name=\"b\"/></members>\
        <distribution><float value=\"0.1\"/></distribution><factor level=\"2\"><float value=\"0.2\"/></factor></define-CCF-group>";
    let analysis = mef(body)
        .unwrap()
        .analyze(Some("g"), AnalysisLimits::default())
        .unwrap();
    // 0.02 + (1 - 0.02) * 0.08²
    assert!(
        (analysis.probability - (0.02 + 0.98 * 0.0064)).abs() < 1e-15,
        "{}",
        analysis.probability
    );
    assert_eq!(analysis.minimal_cut_sets, Some(2));
}

#[test]
fn every_malformed_definition_is_refused_as_expected() {
    let all = cases::all();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for case in &all {
        *counts.entry(case.format).or_default() += 1;
    }
    eprintln!("malformed definitions: {counts:?}, {} in all", all.len());
    let problems: Vec<String> = all.iter().filter_map(cases::Case::problem).collect();
    assert!(
        problems.is_empty(),
        "{} problems:\n{}",
        problems.len(),
        problems.join("\n")
    );
    assert!(all.len() >= 140, "{} cases", all.len());
}

#[test]
fn a_hundred_thousand_parts_in_a_row_are_read_soon() {
    let mut text = "product_line = \"washer\"\n".to_owned();
    for at in 0..60_000 {
        text += &format!(
            "[[part]]\npart_number = \"P{at}\"\nname = \"x\"\nprice = \"1.00\"\nsupersedes = [\"P{}\"]\n",
            at + 1
        );
    }
    let start = Instant::now();
    let bom = Bom::from_toml(&text, "b.toml").unwrap();
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    let last = "P60000".parse().unwrap();
    assert_eq!(bom.current(&last).unwrap().part_number.as_str(), "P0");
}

#[test]
fn twenty_thousand_groups_of_two_are_read_soon() {
    let mut body = String::new();
    for at in 0..10_000 {
        body += &format!(
            "<define-basic-event name=\"a{at}\"/><define-basic-event name=\"b{at}\"/><define-CCF-group name=\"C{at}\" model=\"beta-factor\">\
             <members><basic-event name=\"a{at}\"/><basic-event name=\"b{at}\"/></members><distribution><float value=\"0.1\"/></distribution>\
             <factor><float value=\"0.1\"/></factor></define-CCF-group>"
        );
    }
    let inputs: String = (0..10_000)
        .map(|at| format!("<basic-event name=\"a{at}\"/>"))
        .collect();
    body += &format!("<define-gate name=\"g\"><or>{inputs}</or></define-gate>");
    let start = Instant::now();
    let tree = mef(&body).unwrap();
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert_eq!(tree.events.len(), 50_000);
}

/// Reads a definition of a kind (0: MEF, 1: fault tree, 2: parts list) in less than five seconds.
fn outcome(kind: usize, text: &str) -> Result<Option<DiagnoseError>, TestCaseError> {
    let start = Instant::now();
    let found = match kind {
        0 => FaultTree::from_mef_xml(&[("f", text)], MefOptions::default()).err(),
        1 => FaultTree::from_toml(text, "f").err(),
        _ => Bom::from_toml(text, "f").err(),
    };
    prop_assert!(start.elapsed() < Duration::from_secs(5));
    if let Some(error) = &found {
        prop_assert!(
            error.to_string().starts_with('f'),
            "{error} does not name the file"
        );
    }
    Ok(found)
}

const VALID: [&str; 3] = [
    "<opsa-mef><define-fault-tree name=\"T\"><define-gate name=\"g\"><atleast min=\"1\"><basic-event name=\"e\"/><gate name=\"h\"/></atleast>\
     </define-gate><define-gate name=\"h\"><not><basic-event name=\"e\"/></not></define-gate></define-fault-tree><model-data>\
     <define-basic-event name=\"e\"><parameter name=\"p\"/></define-basic-event><define-parameter name=\"p\"><float value=\"0.25\"/>\
     </define-parameter></model-data></opsa-mef>",
    "product_line = \"washer\"\nversion = \"1\"\n[[event]]\nid = \"a\"\nprobability = 0.1\nrepaired_by = [{ part_number = \"P\", quantity = 2 }]\n\
     [[gate]]\nid = \"g\"\ntype = \"atleast\"\nmin = 1\ninputs = [\"a\", \"a\"]\n[[symptom]]\nid = \"s\"\nphrases = [\"不转\"]\nleak = 0.01\n\
     causes = [{ input = \"g\", probability = 0.9 }]\n[[fault_code]]\ncode = \"E6\"\nmodels = [\"KFR-35*\"]\nleak = 0.001\n",
    "product_line = \"washer\"\n[[part]]\npart_number = \"A\"\nname = \"主板\"\nprice = \"186.00\"\nsupersedes = [\"B\"]\nfits = [\"KFR-35*\"]\n",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text_is_read_or_refused(kind in 0..3usize, text in "\\PC{0,300}") {
        outcome(kind, &text)?;
    }

    #[test]
    fn mutated_definitions_are_read_or_refused(
        kind in 0..3usize,
        changes in prop::collection::vec((0.0..1.0f64, 0..12usize, "[<>/\"=a-z0-9.\\[\\]{}&; -]{0,6}"), 1..6),
    ) {
        let mut text: Vec<char> = VALID[kind].chars().collect();
        for (place, removed, inserted) in changes {
            let at = (text.len() as f64 * place) as usize;
            let end = (at + removed).min(text.len());
            text.splice(at..end, inserted.chars());
        }
        outcome(kind, &text.into_iter().collect::<String>())?;
    }

    #[test]
    fn what_was_written_is_read_again(probabilities in prop::collection::vec(0.0..=1.0f64, 1..8), names in "[a-z\u{4e00}-\u{9f00}]{1,20}") {
        let id = |at: usize| format!("{names}{at}");
        let toml: String = probabilities.iter().enumerate().map(|(at, p)| format!("[[event]]\nid = {:?}\nprobability = {p:?}\n", id(at))).collect();
        let tree = FaultTree::from_toml(&format!("product_line = \"washer\"\n{toml}"), "f").unwrap();
        let xml: String = probabilities.iter().enumerate().map(|(at, p)| format!("<define-basic-event name=\"{}\"><float value=\"{p:?}\"/></define-basic-event>", id(at))).collect();
        let model = mef(&xml).unwrap();
        for read in [&tree, &model] {
            prop_assert_eq!(read.priors(), probabilities.clone());
            prop_assert!(read.events.iter().enumerate().all(|(at, event)| event.id == id(at)));
        }
    }
}
