//! `shifu eval …`.

use std::sync::Arc;

use anyhow::{Context, anyhow, ensure};
use shifu_domain::models::ImageEncoder;
use shifu_evals::{
    Report, answers, duplicates, fault_trees, inspection, kits, load, ocr, parts, questions, quotes,
    retrieval, shots, simulate, tickets,
};
use shifu_inference::{ModelSet, ModelSetOptions};
use shifu_server::Config;

use crate::args::{Eval, Leg, Load};
use crate::output::{Failure, Output};
use crate::settings;

pub(crate) fn run(task: &Eval, config: &Config) -> Result<Output, Failure> {
    let models = || ModelSet::load(&config.models_directory(), &ModelSetOptions::default());
    let encoder = || -> Arc<dyn ImageEncoder> { models().encoder };
    let report: Report = match task {
        Eval::Retrieval {
            dir,
            leg: Leg::Lexical,
        } => retrieval::run(dir, shifu_knowledge::Leg::Lexical, None)?,
        Eval::Retrieval { dir, leg } => {
            let missing = || anyhow!("no sentence encoder is installed: run `shifu models install`");
            let embedder = models().embedder.ok_or_else(missing)?;
            let leg = match leg {
                Leg::Dense => shifu_knowledge::Leg::Dense,
                Leg::Lexical | Leg::Hybrid => shifu_knowledge::Leg::Hybrid,
            };
            retrieval::run(dir, leg, Some(embedder))?
        }
        Eval::Quotes { file } => quotes::run(file)?,
        Eval::Answers { file } => answers::run(file)?,
        Eval::Questions {
            dir,
            split,
            beside,
            rows,
        } => {
            let (report, judged) = questions::run(dir, split, beside)?;
            if let Some(file) = rows {
                let lines: String = judged.iter().map(|row| format!("{row}\n")).collect();
                std::fs::write(file, lines).with_context(|| file.display().to_string())?;
            }
            report
        }
        Eval::Inspection { dir, shots, seed } => inspection::run(dir, *shots, *seed, &encoder())?,
        Eval::Shots { dir, shots, seed } => shots::run(dir, *shots, *seed, &encoder())?,
        Eval::Ocr { file } => {
            let set = models();
            let missing = || anyhow!("no text recogniser is installed: run `shifu models install`");
            ocr::run(file, &*set.recognizer.ok_or_else(missing)?)?
        }
        Eval::Duplicates { dir } => duplicates::run(dir)?,
        Eval::FaultTrees { file } => fault_trees::run(file)?,
        Eval::Parts {
            train,
            test,
            rows: false,
        } => parts::run(train, test)?,
        Eval::Parts {
            train,
            test,
            rows: true,
        } => parts::run_with_rows(train, test)?,
        Eval::Kits { seed, count, rows } => kits::run(*seed, *count, *rows)?,
        Eval::Simulate {
            seed,
            years,
            datasets,
            pictures,
        } => {
            let bundled = || settings::datasets_dir().context("no bundled data sets: give --datasets DIR");
            let datasets = datasets.clone().map_or_else(bundled, Ok)?;
            simulate::run(&datasets, *seed, *years, pictures.as_deref())?
        }
        Eval::Summaries { file } => tickets::summaries(file)?,
        Eval::Fields { file } => tickets::fields(file)?,
        Eval::Intake { file } => tickets::intake(file)?,
        Eval::Load(arguments) => load::run(&load_options(arguments)?)?,
    };
    Ok(Output {
        text: report.table(),
        json: report.fields.into(),
    })
}

fn load_options(arguments: &Load) -> anyhow::Result<load::LoadOptions> {
    let key = arguments.key.clone().or_else(key_of_environment);
    for (name, value) in [("--rate", arguments.rate), ("--seconds", arguments.seconds)] {
        ensure!(
            value.is_none_or(|value| value > 0.0 && value <= 1e6),
            "{name} must be above 0 and at most 1000000"
        );
    }
    ensure!(
        (1..=1024).contains(&arguments.concurrency),
        "--concurrency must be 1 to 1024"
    );
    let datasets = arguments.datasets.clone().or_else(settings::datasets_dir);
    Ok(load::LoadOptions {
        url: arguments.url.clone(),
        key: key.context("give an admin key of the server by --key or in SHIFU_KEY")?,
        photo_dir: arguments.photo_dir.clone(),
        datasets: datasets.context("no data sets beside this binary: name their folder with --datasets")?,
        category: arguments.category.clone(),
        photos: arguments.photos,
        distinct_photos: arguments.distinct_photos,
        predictions: arguments.predictions,
        summaries: arguments.summaries,
        questions: arguments.questions,
        concurrency: arguments.concurrency,
        rate: arguments.rate,
        seconds: arguments.seconds,
        pid: arguments.pid,
        seed: arguments
            .seed
            .unwrap_or_else(|| jiff::Timestamp::now().as_millisecond().unsigned_abs()),
        anywhere: arguments.anywhere,
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "a key does not belong on a command line that others can read"
)]
fn key_of_environment() -> Option<String> {
    std::env::var("SHIFU_KEY").ok().filter(|key| !key.is_empty())
}
