//! `shifu models list|install|verify`.

use std::path::Path;

use indicatif::ProgressBar;
use serde_json::json;
use shifu_inference::{InferenceError, ModelState, ModelStatus, Phase, Progress};

use crate::args::Models;
use crate::output::{Failure, Output};
use crate::progress;

pub(crate) fn run(command: &Models, dir: &Path) -> Result<Output, Failure> {
    match command {
        Models::List => Ok(shown(&shifu_inference::list(dir), dir)),
        Models::Verify => verify(dir),
        Models::Install { name, from } => {
            let names: Vec<&str> = name.iter().map(String::as_str).collect();
            let installed = install(&names, dir, from.as_deref()).map_err(anyhow::Error::from)?;
            Ok(shown(&installed, dir))
        }
    }
}

/// Installs with a progress bar on stderr.
pub(crate) fn install(
    names: &[&str],
    dir: &Path,
    from: Option<&Path>,
) -> Result<Vec<ModelStatus>, InferenceError> {
    let bar = progress::bar(0, "models");
    let installed = shifu_inference::install(names, dir, from, &mut |progress| show(&bar, progress));
    bar.finish_and_clear();
    installed
}

fn show(bar: &ProgressBar, progress: Progress<'_>) {
    // The bar counts models in hundredths, so that the bytes of the current file move it too.
    let within = (progress.done_bytes * 100)
        .checked_div(progress.total_bytes)
        .unwrap_or(0);
    bar.set_length(progress.steps as u64 * 100);
    bar.set_position(progress.step as u64 * 100 + within);
    let doing = match progress.phase {
        Phase::Downloading => "downloading",
        Phase::Extracting => "extracting and checking",
        Phase::Done => "installed",
        Phase::AlreadyInstalled => "already installed",
    };
    bar.set_message(format!("{} {doing}", progress.model));
}

fn verify(dir: &Path) -> Result<Output, Failure> {
    let statuses = shifu_inference::verify(dir);
    let damaged = statuses.iter().find_map(|status| match &status.state {
        ModelState::Damaged { reason } => Some(format!("{}: {reason}", status.name)),
        _ => None,
    });
    match damaged {
        Some(what) => Err(anyhow::anyhow!("{what}; install it again with `shifu models install`").into()),
        None => Ok(shown(&statuses, dir)),
    }
}

fn shown(statuses: &[ModelStatus], dir: &Path) -> Output {
    let mut text = format!("{}\n", dir.display());
    for status in statuses {
        let state = match &status.state {
            ModelState::Installed => "installed".to_owned(),
            ModelState::Missing => "not installed".to_owned(),
            ModelState::Damaged { reason } => format!("damaged: {reason}"),
            ModelState::Unavailable { reason } => format!("not for this machine: {reason}"),
        };
        let size = status.size_bytes as f64 / 1e6;
        text.push_str(&format!(
            "  {:<24} {:>7.1} MB  {:<12} {state}\n",
            status.name, size, status.licence
        ));
    }
    Output {
        text,
        json: json!({ "directory": dir, "models": statuses }),
    }
}
