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
    let _ = writeln!(text, "  probability          {:e}", analysis.probability);
    let sets = match (analysis.minimal_cut_sets, &analysis.cut_sets_refused) {
        (Some(count), _) => count.to_string(),
        (None, Some(reason)) => reason.clone(),
        (None, None) => "not computed".to_owned(),
    };
    let _ = writeln!(text, "  minimal cut sets     {sets}");
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
        text.push_str("  importance           prior      P(event|top)  Birnbaum   critical\n");
    }
    for event in analysis.importance.iter().take(10) {
        let _ = writeln!(
            text,
            "    {:<18} {:.3e}  {:.3e}     {:.3e}  {:.3e}",
            event.event, event.probability, event.posterior, event.mif, event.cif
        );
    }
    text
}
