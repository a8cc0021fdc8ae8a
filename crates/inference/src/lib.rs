//! Verified model files behind the model traits of `shifu-domain`, by ONNX Runtime and candle.
//!
//! In come the models of `models/manifest.toml`, installed below one folder ([`mod@install`]); out go
//! `TextEmbedder`, `TextRecognizer`, `TextGenerator` and `ImageEncoder` ([`ModelSet`]). Each loaded model is owned by one
//! thread behind a bounded queue ([`queue`]). No other crate names candle or ort, and nothing here opens a connection:
//! wheels are fetched by the `pip` of the machine, only when `install` is called.

pub mod embed;
pub mod error;
pub mod generate;
pub mod install;
pub mod manifest;
pub mod ocr;
pub mod patch;
pub mod queue;
mod raster;
mod runtime;
pub mod set;
#[cfg(test)]
mod test_models;

pub use embed::SentenceEncoder;
pub use error::InferenceError;
pub use generate::GgufGenerator;
pub use install::{Installer, ModelState, ModelStatus, Phase, Progress, install, list, verify};
pub use manifest::{Manifest, Task};
pub use ocr::{OcrOptions, OcrRecognizer};
pub use patch::PatchDescriptor;
pub use queue::{BatchTiming, Observer, QueueOptions, Refusal, Unobserved};
pub use set::{ModelReport, ModelSet, ModelSetOptions};
