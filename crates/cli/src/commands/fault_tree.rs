//! `shifu fault-tree check|analyze`: needs no data directory.

use std::fmt::Write;

use anyhow::Context;
use serde_json::json;
use shifu_diagnosis::{Analysis, AnalysisLimits};
use shifu_evals::fault_trees::read_tree;

use crate::output::{Failure, Output};

pub(crate) fn check(files: &[String]) -> Result<Output, Failure> {
    let mut text = String::new();
    let mut trees = Vec::new();
    for file in files {
        let checked = read_tree(file)?.check();
        let _ = writeln!(
            text,
            "{file}: {} events, {} gates, {} symptoms, {} fault codes; top: {}",
            checked.events,
            checked.gates,
            checked.symptoms,
            checked.fault_codes,
            checked.root_gates.join(", ")
        );
        for warning in &checked.warnings {
            let _ = writeln!(text, "  warning: {warning}");
        }
        trees.push(json!({ "file": file, "check": checked }));
    }
    Ok(Output {
        text,
        json: json!({ "trees": trees }),
    })
}

pub(crate) fn analyze(files: &[String], top: Option<&str>) -> Result<Output, Failure> {
    let mut text = String::new();
    let mut trees = Vec::new();
    for file in files {
        let analysis = read_tree(file)?
            .analyze(top, AnalysisLimits::default())
            .with_context(|| format!("fault tree {file}"))?;
        text.push_str(&described(file, &analysis));
        trees.push(json!({ "file": file, "analysis": analysis }));
    }
    Ok(Output {
        text,
        json: json!({ "trees": trees }),
    })
}

fn described(file: &str, analysis: &Analysis) -> String {
    let mut text = format!("{file}: {}\n", analysis.top.join(", "));
    // A middle of two bounds must not be read as the probability itself.
    let _ = match analysis.bounds {
        None => writeln!(text, "  probability          {:e}", analysis.probability),
        Some(bounds) => writeln!(
            text,
            "  probability          between {:e} and {:e} (proven; the exact diagram is too large)",
            bounds.lower, bounds.upper
        ),
    };
    let sets = match (analysis.minimal_cut_sets, &analysis.cut_sets_refused) {
        (Some(count), _) => count.to_string(),
        (None, Some(reason)) => reason.clone(),
        (None, None) => "not computed".to_owned(),
    };
    let _ = writeln!(text, "  minimal cut sets     {sets}");
    if let Some(count) = analysis.prime_implicants {
        let _ = writeln!(text, "  prime implicants     {count}");
    }
    if let Some(state) = &analysis.likeliest_state {
        let events = state.events.join(" + ");
        let _ = writeln!(text, "  likeliest state      {:.3e}  {events}", state.posterior);
    }
    let _ = writeln!(
        text,
        "  decision diagram     {} nodes, {:.1} ms",
        analysis.bdd_nodes, analysis.ms
    );
    if !analysis.cut_sets.is_empty() {
        text.push_str("  likeliest cut sets\n");
    }
    for set in analysis.cut_sets.iter().take(10) {
        let _ = writeln!(text, "    {:.3e}  {}", set.probability, set.events.join(" + "));
    }
    if !analysis.importance.is_empty() {
        text.push_str(
            "  importance           prior      P(event|top)  Birnbaum   critical   Fussell-V. RAW        RRW\n",
        );
    }
    for event in analysis.importance.iter().take(10) {
        let _ = writeln!(
            text,
            "    {:<18} {:.3e}  {:.3e}     {:.3e}  {:.3e}  {:<9}  {:<9}  {}",
            event.event,
            event.probability,
            event.posterior,
            event.mif,
            event.cif,
            shown(event.fussell_vesely),
            shown(event.raw),
            shown(event.rrw)
        );
    }
    text
}

fn shown(measure: Option<f64>) -> String {
    measure.map_or_else(|| "-".to_owned(), |value| format!("{value:.3e}"))
}

#[cfg(test)]
mod tests {
    use shifu_diagnosis::{FaultTree, MefOptions};

    use super::*;

    /// Two of three, with a common event: no diagram of three nodes holds it.
    const TREE: &str = r#"<opsa-mef><define-fault-tree name="t">
        <define-gate name="top"><atleast min="2"><basic-event name="a"/><basic-event name="b"/><basic-event name="c"/></atleast></define-gate>
        <define-basic-event name="a"><float value="0.1"/></define-basic-event>
        <define-basic-event name="b"><float value="0.2"/></define-basic-event>
        <define-basic-event name="c"><float value="0.3"/></define-basic-event>
        </define-fault-tree></opsa-mef>"#;

    #[test]
    fn a_probability_is_told_from_bounds() {
        let tree = FaultTree::from_mef_xml(&[("t.xml", TREE)], MefOptions::default()).unwrap();
        let exact = tree.analyze(None, AnalysisLimits::default()).unwrap();
        // .1·.2 + .1·.3 + .2·.3 − 2·.1·.2·.3 = .098
        assert!((exact.probability - 0.098).abs() < 1e-12);
        assert!(
            described("t.xml", &exact).contains("probability          9.8"),
            "{}",
            described("t.xml", &exact)
        );
        let few = AnalysisLimits {
            max_nodes: 2,
            max_bound_nodes: 10,
            ..AnalysisLimits::default()
        };
        let held = tree.analyze(None, few).unwrap();
        let bounds = held.bounds.unwrap();
        assert!(bounds.lower <= 0.098 && 0.098 <= bounds.upper, "{bounds:?}");
        assert!(
            described("t.xml", &held).contains("between"),
            "{}",
            described("t.xml", &held)
        );
    }
}
