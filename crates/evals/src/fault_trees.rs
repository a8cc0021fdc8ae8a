//! `fault-trees FILE…`: probability and minimal cut sets of each model; files joined by `+` are one model.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use shifu_diagnosis::{AnalysisLimits, FaultTree, MefOptions};

use crate::data::read_text;
use crate::report::Report;

/// Reads one model: a TOML file, an Open-PSA file, or several Open-PSA files joined by `+`.
///
/// # Errors
/// A file that cannot be read, or what is wrong in it with file and line.
pub fn read_tree(files: &str) -> Result<FaultTree> {
    let texts = files
        .split('+')
        .map(|file| Ok((file, read_text(Path::new(file))?)))
        .collect::<Result<Vec<(&str, String)>>>()?;
    if let [(file, text)] = texts.as_slice()
        && Path::new(file)
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("toml"))
    {
        return Ok(FaultTree::from_toml(text, file)?);
    }
    let parts: Vec<(&str, &str)> = texts.iter().map(|(file, text)| (*file, text.as_str())).collect();
    Ok(FaultTree::from_mef_xml(&parts, MefOptions::default())?)
}

/// Runs the task. A model whose exact figures are out of reach is reported with `error`, and the others still run.
///
/// # Errors
/// A file that cannot be read as a fault tree.
pub fn run(models: &[String]) -> Result<Report> {
    let mut trees = Vec::new();
    for files in models {
        let tree = read_tree(files).with_context(|| format!("fault tree {files}"))?;
        trees.push(measured(files, &tree));
    }
    Ok(Report::new("fault-trees", json!({ "trees": trees })))
}

fn measured(files: &str, tree: &FaultTree) -> Value {
    match tree.analyze(None, AnalysisLimits::default()) {
        Ok(analysis) => json!({
            "file": files,
            "probability": analysis.probability,
            "bounds": analysis.bounds,
            "minimal_cut_sets": analysis.minimal_cut_sets,
            "prime_implicants": analysis.prime_implicants,
            "bdd_nodes": analysis.bdd_nodes,
            "probability_ms": analysis.probability_ms,
            "posteriors_ms": analysis.posteriors_ms,
            "cut_sets_ms": analysis.cut_sets_ms,
            "ms": analysis.ms,
            "peak_bytes": analysis.peak_bytes,
        }),
        Err(error) => json!({ "file": files, "error": error.to_string() }),
    }
}
