//! `shifu eval …`.

use std::sync::Arc;

use anyhow::anyhow;
use shifu_domain::models::ImageEncoder;
use shifu_evals::{
    Report, answers, duplicates, fault_trees, inspection, ocr, questions, quotes, retrieval, shots, tickets,
};
use shifu_inference::{ModelSet, ModelSetOptions};
use shifu_server::Config;

use crate::args::{Eval, Leg};
use crate::output::{Failure, Output};

pub(crate) fn run(task: &Eval, config: &Config) -> Result<Output, Failure> {
    let models = || ModelSet::load(&config.models_directory(), &ModelSetOptions::default());
    let encoder = || -> Arc<dyn ImageEncoder> { models().encoder };
    let report: Report = match task {
        Eval::Retrieval {
            dir,
            leg: Leg::Lexical,
        } => retrieval::run(dir)?,
        Eval::Retrieval { leg, .. } => {
            return Err(
                anyhow!("--leg {leg:?}: this version ranks lexically only; use --leg lexical").into(),
            );
        }
        Eval::Quotes { file } => quotes::run(file)?,
        Eval::Answers { file } => answers::run(file)?,
        Eval::Questions { dir, split } => questions::run(dir, split)?,
        Eval::Inspection { dir, shots, seed } => inspection::run(dir, *shots, *seed, &encoder())?,
        Eval::Shots { dir, shots, seed } => shots::run(dir, *shots, *seed, &encoder())?,
        Eval::Ocr { file } => {
            let set = models();
            let missing = || anyhow!("no text recogniser is installed: run `shifu models install`");
            ocr::run(file, &*set.recognizer.ok_or_else(missing)?)?
        }
        Eval::Duplicates { dir } => duplicates::run(dir)?,
        Eval::FaultTrees { file } => fault_trees::run(file)?,
        Eval::Summaries { file } => tickets::summaries(file)?,
        Eval::Fields { file } => tickets::fields(file)?,
        Eval::Intake { file } => tickets::intake(file)?,
    };
    Ok(Output {
        text: report.table(),
        json: report.fields.into(),
    })
}
