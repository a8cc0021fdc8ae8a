//! The synchronous, object-safe traits a model fulfils.
//!
//! Feature crates take `Arc<dyn …>` of these; `inference` implements them; `server` and `cli` wire them. A call blocks the
//! calling thread until the model's owner thread has answered.

use crate::finding::BoundingBox;
use crate::photo::Photo;

/// Why a model gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// The queue in front of the model is full; try again after the given time.
    #[error("{model} is busy, try again in {retry_after_ms} ms")]
    Overloaded {
        /// The model's name.
        model: String,
        /// Estimated wait.
        retry_after_ms: u64,
    },
    /// The deadline passed before the model came to it.
    #[error("{model} did not answer within its deadline")]
    DeadlineExceeded {
        /// The model's name.
        model: String,
    },
    /// The input is outside what the model takes.
    #[error("{model} cannot take this input: {reason}")]
    BadInput {
        /// The model's name.
        model: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The model's files are missing or do not verify.
    #[error("{model} is not installed: {reason}")]
    NotInstalled {
        /// The model's name.
        model: String,
        /// What is missing and how to add it.
        reason: String,
    },
    /// The runtime failed.
    #[error("{model} failed: {reason}")]
    Failed {
        /// The model's name.
        model: String,
        /// What the runtime said.
        reason: String,
    },
}

/// Who is waiting; interactive work goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Priority {
    /// A person is waiting.
    #[default]
    Interactive,
    /// Nobody is waiting.
    Bulk,
}

/// Name and version of a model, recorded with everything it decided.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
pub struct ModelVersion {
    /// Name in `models/manifest.toml`, or the built-in's own.
    pub name: String,
    /// Revision, or the first 12 digits of its SHA-256.
    pub version: String,
}

/// A language that encoders are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// English.
    English,
    /// Chinese, simplified or traditional.
    Chinese,
}

/// Text to vectors.
pub trait TextEmbedder: Send + Sync {
    /// Which model this is.
    fn version(&self) -> ModelVersion;
    /// Whether it was made for texts of that language.
    fn reads(&self, language: Language) -> bool;
    /// Length of every vector.
    fn dimensions(&self) -> usize;
    /// One L2-normalised vector a text, in order; a text longer than the model's limit is cut.
    ///
    /// # Errors
    /// See [`ModelError`]; all texts fail together.
    fn embed(&self, texts: &[&str], priority: Priority) -> Result<Vec<Vec<f32>>, ModelError>;
}

/// Query and texts to relevance.
pub trait Reranker: Send + Sync {
    /// Which model this is.
    fn version(&self) -> ModelVersion;
    /// One score a text, in order; larger is more relevant.
    ///
    /// # Errors
    /// See [`ModelError`].
    fn rerank(&self, query: &str, texts: &[&str], priority: Priority) -> Result<Vec<f32>, ModelError>;
}

/// Patch features of a photo on a regular grid, and one global vector.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageFeatures {
    /// Patches across.
    pub columns: usize,
    /// Patches down.
    pub rows: usize,
    /// Length of one patch vector.
    pub dimensions: usize,
    /// `rows * columns * dimensions` numbers, row-major, patch by patch.
    pub patches: Vec<f32>,
    /// One L2-normalised vector for the whole photo.
    pub global: Vec<f32>,
}

impl ImageFeatures {
    /// The vector of the patch at (`column`, `row`).
    ///
    /// # Panics
    /// When the position lies outside the grid.
    #[must_use]
    pub fn patch(&self, column: usize, row: usize) -> &[f32] {
        let at = (row * self.columns + column) * self.dimensions;
        &self.patches[at..at + self.dimensions]
    }
}

/// Photo to features.
pub trait ImageEncoder: Send + Sync {
    /// Which model this is.
    fn version(&self) -> ModelVersion;
    /// Features of one photo, at the encoder's own working size.
    ///
    /// # Errors
    /// See [`ModelError`].
    fn encode(&self, photo: &Photo, priority: Priority) -> Result<ImageFeatures, ModelError>;
}

/// One line of text read in a photo.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct TextLine {
    /// The text.
    pub text: String,
    /// Mean confidence of its characters, 0..=1.
    pub confidence: f32,
    /// Four corners clockwise from the upper left, in fractions of the photo.
    pub corners: [(f32, f32); 4],
    /// Confidence of each character of `text`, 0..=1.
    pub character_confidences: Vec<f32>,
}

impl TextLine {
    /// The upright box around the corners.
    #[must_use]
    pub fn area(&self) -> BoundingBox {
        let xs = self.corners.map(|c| c.0);
        let ys = self.corners.map(|c| c.1);
        let (left, right) = (
            xs.iter().copied().fold(f32::MAX, f32::min),
            xs.iter().copied().fold(f32::MIN, f32::max),
        );
        let (top, bottom) = (
            ys.iter().copied().fold(f32::MAX, f32::min),
            ys.iter().copied().fold(f32::MIN, f32::max),
        );
        BoundingBox {
            x: left,
            y: top,
            width: right - left,
            height: bottom - top,
        }
    }
}

/// Photo to text lines.
pub trait TextRecognizer: Send + Sync {
    /// Which model this is.
    fn version(&self) -> ModelVersion;
    /// Lines in reading order.
    ///
    /// # Errors
    /// See [`ModelError`].
    fn recognize(&self, photo: &Photo, priority: Priority) -> Result<Vec<TextLine>, ModelError>;
}

/// Who says a message of a chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChatRole {
    /// Whoever runs the model: what it is to do.
    System,
    /// Whoever asks: the material.
    User,
}

impl ChatRole {
    /// As chat formats write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
        }
    }
}

/// A message of a chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatMessage {
    /// Who says it.
    pub role: ChatRole,
    /// What is said.
    pub content: String,
}

/// What a model is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prompt {
    /// A text to go on with, as it is.
    Text(String),
    /// Messages that the model answers, in the chat format it was trained with. What they contain is text: marks of the format
    /// within them are taken apart.
    Chat(Vec<ChatMessage>),
}

impl From<&str> for Prompt {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// What to generate.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerationRequest {
    /// What to go on with, or to answer.
    pub prompt: Prompt,
    /// Most tokens to add.
    pub max_tokens: usize,
    /// 0 means greedy.
    pub temperature: f32,
    /// Seed of the sampler, so that the same request gives the same text.
    pub seed: u64,
    /// Generation ends before the first of these.
    pub stop: Vec<String>,
}

/// What was generated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// The text.
    pub text: String,
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Tokens of the text.
    pub completion_tokens: usize,
    /// Whether `max_tokens` ended it.
    pub truncated: bool,
}

/// Prompt to text.
pub trait TextGenerator: Send + Sync {
    /// Which model this is.
    fn version(&self) -> ModelVersion;
    /// Generates, calling `on_text` with each new piece; generation stops when it returns `false` (the client hung up).
    ///
    /// # Errors
    /// See [`ModelError`].
    fn generate(
        &self,
        request: &GenerationRequest,
        on_text: &mut dyn FnMut(&str) -> bool,
    ) -> Result<Generation, ModelError>;
}
