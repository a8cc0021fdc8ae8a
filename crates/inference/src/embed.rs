//! Sentence encoders of the BERT family, from safetensors through candle.
//!
//! A model folder has the layout of sentence-transformers: `config.json`, `tokenizer.json`, `model.safetensors`, and
//! optionally `1_Pooling/config.json` (mean over tokens, or the first token) and `sentence_bert_config.json` (the limit).

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use serde::Deserialize;
use shifu_domain::models::{Language, ModelError, ModelVersion, Priority, TextEmbedder};
use tokenizers::{Tokenizer, TruncationParams};

use crate::error::InferenceError;
use crate::install::{installed_version, verified_file};
use crate::manifest::{Manifest, ModelEntry};
use crate::queue::{Backend, Length, Observer, QueueOptions, Served};

/// Longest text looked at, in bytes: 512 tokens never need more, and the tokenizer's time grows with the text.
const MOST_TEXT_BYTES: usize = 16 << 10;

/// Text → L2-normalised vector.
pub struct SentenceEncoder {
    served: Served<BertEncoder>,
    version: ModelVersion,
    layout: Arc<Layout>,
    tokenizer: OnceLock<Arc<Tokenizer>>,
}

/// Where the files are and what the small ones say.
struct Layout {
    entry: ModelEntry,
    dir: PathBuf,
    config: Config,
    pooling: Pooling,
    most_tokens: usize,
}

/// How token vectors become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pooling {
    Mean,
    FirstToken,
}

#[derive(Deserialize)]
struct PoolingConfig {
    #[serde(default)]
    pooling_mode_cls_token: bool,
    #[serde(default)]
    pooling_mode_mean_tokens: bool,
}

#[derive(Deserialize)]
struct SentenceConfig {
    max_seq_length: Option<usize>,
}

impl SentenceEncoder {
    /// Starts the queue of the model `name` of the manifest; its weights are verified and loaded with the first text.
    ///
    /// # Errors
    /// When `config.json` or the pooling file is missing, damaged or of another architecture.
    pub fn start(
        manifest: &Manifest,
        name: &str,
        dir: &Path,
        queue: QueueOptions,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, InferenceError> {
        let layout = Arc::new(Layout::read(manifest.model(name)?, dir)?);
        let version = installed_version(&layout.entry, dir);
        let for_thread = Arc::clone(&layout);
        let load =
            move || BertEncoder::load(&for_thread).map_err(|e| e.into_model_error(&for_thread.entry.name));
        let served =
            Served::start(name, queue, observer, load).map_err(|e| InferenceError::bad_model(name, e))?;
        Ok(Self {
            served,
            version,
            layout,
            tokenizer: OnceLock::new(),
        })
    }

    /// Tokens of a text, cut to the model's limit, with the special ones.
    fn tokens(&self, text: &str) -> Result<Tokens, ModelError> {
        let model = || self.version.name.clone();
        let tokenizer = match self.tokenizer.get() {
            Some(tokenizer) => tokenizer,
            None => {
                let loaded = self
                    .layout
                    .tokenizer()
                    .map_err(|e| e.into_model_error(&self.version.name))?;
                self.tokenizer.get_or_init(|| Arc::new(loaded))
            }
        };
        let text = &text[..text.floor_char_boundary(MOST_TEXT_BYTES)];
        let encoding = tokenizer.encode(text, true).map_err(|e| ModelError::BadInput {
            model: model(),
            reason: e.to_string(),
        })?;
        let words = self.layout.config.vocab_size as u32;
        match encoding.get_ids().iter().find(|&&id| id >= words) {
            Some(id) => Err(ModelError::Failed {
                model: model(),
                reason: format!("tokenizer.json gives token {id}, the vocabulary has {words}"),
            }),
            None if encoding.get_ids().is_empty() => Err(ModelError::BadInput {
                model: model(),
                reason: "the text has no token".to_owned(),
            }),
            None => Ok(Tokens(encoding.get_ids().to_vec())),
        }
    }
}

impl TextEmbedder for SentenceEncoder {
    fn version(&self) -> ModelVersion {
        self.version.clone()
    }

    fn reads(&self, language: Language) -> bool {
        self.layout.entry.languages.contains(&language)
    }

    fn dimensions(&self) -> usize {
        self.layout.config.hidden_size
    }

    fn embed(&self, texts: &[&str], priority: Priority) -> Result<Vec<Vec<f32>>, ModelError> {
        let items = texts
            .iter()
            .map(|text| self.tokens(text))
            .collect::<Result<Vec<_>, _>>()?;
        self.served.call(items, priority)
    }
}

impl Layout {
    fn read(entry: &ModelEntry, dir: &Path) -> Result<Self, InferenceError> {
        let config: Config = read_json(&verified_file(entry, dir, "config.json")?)?;
        let optional = |name: &str| -> Result<Option<PathBuf>, InferenceError> {
            if dir.join(&entry.name).join(name).exists() {
                verified_file(entry, dir, name).map(Some)
            } else {
                Ok(None)
            }
        };
        let pooling = match optional("1_Pooling/config.json")? {
            None => Pooling::Mean,
            Some(path) => match read_json::<PoolingConfig>(&path)? {
                PoolingConfig {
                    pooling_mode_cls_token: true,
                    ..
                } => Pooling::FirstToken,
                PoolingConfig {
                    pooling_mode_mean_tokens: true,
                    ..
                } => Pooling::Mean,
                _ => {
                    return Err(InferenceError::bad_model(
                        path,
                        "only mean and first-token pooling are known",
                    ));
                }
            },
        };
        let stated = match optional("sentence_bert_config.json")? {
            None => None,
            Some(path) => read_json::<SentenceConfig>(&path)?.max_seq_length,
        };
        // Two tokens are the special ones; fewer than one other makes no sense.
        let most_tokens = stated
            .unwrap_or(usize::MAX)
            .min(config.max_position_embeddings)
            .max(3);
        Ok(Self {
            entry: entry.clone(),
            dir: dir.to_owned(),
            config,
            pooling,
            most_tokens,
        })
    }

    fn tokenizer(&self) -> Result<Tokenizer, InferenceError> {
        let path = verified_file(&self.entry, &self.dir, "tokenizer.json")?;
        let mut tokenizer = Tokenizer::from_file(&path).map_err(|e| InferenceError::bad_model(&path, e))?;
        // The file's own padding and truncation are of its training set-up.
        let truncation = TruncationParams {
            max_length: self.most_tokens,
            ..TruncationParams::default()
        };
        tokenizer.with_padding(None);
        tokenizer
            .with_truncation(Some(truncation))
            .map_err(|e| InferenceError::bad_model(&path, e))?;
        Ok(tokenizer)
    }
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, InferenceError> {
    let text = std::fs::read_to_string(path).map_err(InferenceError::io(path))?;
    serde_json::from_str(&text).map_err(|e| InferenceError::bad_model(path, e))
}

/// Token ids of one text.
struct Tokens(Vec<u32>);

impl Length for Tokens {
    fn length(&self) -> usize {
        self.0.len()
    }
}

/// The loaded network.
struct BertEncoder {
    name: String,
    model: BertModel,
    pooling: Pooling,
}

impl BertEncoder {
    /// Reads the weights into memory; a memory map would need `unsafe`, and would change under us with the file.
    fn load(layout: &Layout) -> Result<Self, InferenceError> {
        let path = verified_file(&layout.entry, &layout.dir, "model.safetensors")?;
        let bytes = std::fs::read(&path).map_err(InferenceError::io(&path))?;
        let bad = |e: candle_core::Error| InferenceError::bad_model(&path, e);
        let weights = VarBuilder::from_buffered_safetensors(bytes, DType::F32, &Device::Cpu).map_err(bad)?;
        let model = BertModel::load(weights, &layout.config).map_err(bad)?;
        Ok(Self {
            name: layout.entry.name.clone(),
            model,
            pooling: layout.pooling,
        })
    }

    fn forward(&self, batch: &[Tokens]) -> candle_core::Result<Vec<Vec<f32>>> {
        let longest = batch.iter().map(|t| t.0.len()).max().unwrap_or(0);
        let shape = (batch.len(), longest);
        let padded = |value: fn(u32) -> f32| {
            batch.iter().flat_map(move |t| {
                t.0.iter()
                    .map(move |&id| value(id))
                    .chain(std::iter::repeat_n(0.0, longest - t.0.len()))
            })
        };
        let ids: Vec<u32> = batch
            .iter()
            .flat_map(|t| {
                t.0.iter()
                    .copied()
                    .chain(std::iter::repeat_n(0, longest - t.0.len()))
            })
            .collect();
        let mask: Vec<f32> = padded(|_| 1.0).collect();
        let ids = Tensor::from_vec(ids, shape, &Device::Cpu)?;
        let mask = Tensor::from_vec(mask, shape, &Device::Cpu)?;
        let uniform = batch.iter().all(|t| t.0.len() == longest);
        let states = self
            .model
            .forward(&ids, &ids.zeros_like()?, (!uniform).then_some(&mask))?;
        let pooled = match self.pooling {
            Pooling::FirstToken => states.narrow(1, 0, 1)?.squeeze(1)?,
            Pooling::Mean => {
                let weights = mask.unsqueeze(2)?;
                states
                    .broadcast_mul(&weights)?
                    .sum(1)?
                    .broadcast_div(&weights.sum(1)?)?
            }
        };
        Ok(pooled.to_vec2::<f32>()?.into_iter().map(normalised).collect())
    }
}

fn normalised(mut vector: Vec<f32>) -> Vec<f32> {
    let norm = vector
        .iter()
        .map(|v| v * v)
        .sum::<f32>()
        .sqrt()
        .max(f32::MIN_POSITIVE);
    vector.iter_mut().for_each(|v| *v /= norm);
    vector
}

impl Backend for BertEncoder {
    type Item = Tokens;
    type Output = Vec<f32>;

    fn run(&mut self, batch: Vec<Tokens>) -> Result<Vec<Result<Vec<f32>, ModelError>>, ModelError> {
        let vectors = self.forward(&batch).map_err(|e| ModelError::Failed {
            model: self.name.clone(),
            reason: e.to_string(),
        })?;
        Ok(vectors.into_iter().map(Ok).collect())
    }
}

#[cfg(test)]
mod tests;
