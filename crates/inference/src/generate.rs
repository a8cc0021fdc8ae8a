//! Language models from GGUF files through candle: Llama, Qwen2 and Qwen3 layouts, quantised or not.
//!
//! A chat is written in the format that the GGUF names: ChatML, Llama 3 or plain text. The tokenizer comes from `tokenizer.json`
//! beside the model, or else from the GGUF's own metadata (byte-level BPE).

mod chat;
mod stream;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};

use candle_core::quantized::gguf_file::Content;
use candle_core::quantized::tokenizer::TokenizerFromGguf;
use candle_core::{Device, Tensor};
use candle_transformers::generation::{LogitsProcessor, Sampling};
use candle_transformers::models::{quantized_llama, quantized_qwen2, quantized_qwen3};
use shifu_domain::models::{
    Generation, GenerationRequest, ModelError, ModelVersion, Priority, Prompt, TextGenerator,
};
use tokenizers::Tokenizer;

use crate::error::InferenceError;
use crate::install::{installed_version, verified_file};
use crate::manifest::Manifest;
use crate::queue::{Backend, Length, Observer, QueueOptions, Served};
use chat::ChatFormat;
use stream::TextStream;

/// Largest piece of a prompt run at once; pieces are powers of two (see [`pieces`]).
const LARGEST_PIECE: usize = 64;
/// candle's Llama prepares this many positions.
const LLAMA_POSITIONS: usize = 4096;
/// Context of a model whose metadata names none.
const DEFAULT_CONTEXT: usize = 2048;
/// Tokens that end a text in the chat formats of the supported models, besides the one the metadata names.
const END_TOKENS: [&str; 5] = [
    "</s>",
    "<|endoftext|>",
    "<|im_end|>",
    "<|eot_id|>",
    "<|end_of_text|>",
];

/// A language model behind a queue; requests run one after the other.
pub struct GgufGenerator {
    served: Served<GgufModel>,
    version: ModelVersion,
}

/// Where a language model's files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GgufFiles {
    /// The GGUF file.
    pub gguf: PathBuf,
    /// `tokenizer.json`; the GGUF's own when absent.
    pub tokenizer: Option<PathBuf>,
}

impl GgufGenerator {
    /// Starts the queue of the model `name` of the manifest; it is verified and loaded with the first request.
    ///
    /// # Errors
    /// When the manifest has no such model, or the thread cannot be started.
    pub fn start(
        manifest: &Manifest,
        name: &str,
        dir: &Path,
        queue: QueueOptions,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, InferenceError> {
        let entry = manifest.model(name)?.clone();
        let version = installed_version(&entry, dir);
        let dir = dir.to_owned();
        let files = move || -> Result<GgufFiles, InferenceError> {
            let gguf = verified_file(&entry, &dir, "model.gguf")?;
            let has_tokenizer = dir.join(&entry.name).join("tokenizer.json").exists();
            let tokenizer = has_tokenizer
                .then(|| verified_file(&entry, &dir, "tokenizer.json"))
                .transpose()?;
            Ok(GgufFiles { gguf, tokenizer })
        };
        Self::serve(version, queue, observer, files)
    }

    /// Starts the queue of a model that is not in the manifest.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn from_files(
        version: ModelVersion,
        files: GgufFiles,
        queue: QueueOptions,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, InferenceError> {
        Self::serve(version, queue, observer, move || Ok(files.clone()))
    }

    fn serve(
        version: ModelVersion,
        queue: QueueOptions,
        observer: Arc<dyn Observer>,
        files: impl Fn() -> Result<GgufFiles, InferenceError> + Send + 'static,
    ) -> Result<Self, InferenceError> {
        let name = version.name.clone();
        let load = move || {
            files()
                .and_then(|files| GgufModel::load(&name, &files))
                .map_err(|e| e.into_model_error(&name))
        };
        let queue = QueueOptions {
            batch_items: 1,
            ..queue
        };
        let served = Served::start(&version.name, queue, observer, load)
            .map_err(|e| InferenceError::bad_model(&version.name, e))?;
        Ok(Self { served, version })
    }
}

impl TextGenerator for GgufGenerator {
    fn version(&self) -> ModelVersion {
        self.version.clone()
    }

    fn generate(
        &self,
        request: &GenerationRequest,
        on_text: &mut dyn FnMut(&str) -> bool,
    ) -> Result<Generation, ModelError> {
        let (sender, pieces) = channel();
        let hung_up = Arc::new(AtomicBool::new(false));
        let prompt = Job {
            request: request.clone(),
            pieces: sender,
            hung_up: Arc::clone(&hung_up),
        };
        let pending = self.served.submit(vec![prompt], Priority::Interactive)?;
        // The sender is dropped with the prompt, when the model is done with it.
        for piece in pieces {
            if !hung_up.load(Ordering::Relaxed) && !on_text(&piece) {
                hung_up.store(true, Ordering::Relaxed);
            }
        }
        let no_answer = || ModelError::Failed {
            model: self.version.name.clone(),
            reason: "no answer".to_owned(),
        };
        pending.wait()?.pop().ok_or_else(no_answer)?
    }
}

/// One request and the way its text goes back.
struct Job {
    request: GenerationRequest,
    pieces: Sender<String>,
    hung_up: Arc<AtomicBool>,
}

impl Length for Job {
    fn length(&self) -> usize {
        let bytes: usize = match &self.request.prompt {
            Prompt::Text(text) => text.len(),
            Prompt::Chat(messages) => messages.iter().map(|message| message.content.len()).sum(),
        };
        bytes / 3 + self.request.max_tokens
    }
}

/// The architectures candle reads from GGUF.
enum Network {
    Llama(quantized_llama::ModelWeights),
    Qwen2(quantized_qwen2::ModelWeights),
    Qwen3(quantized_qwen3::ModelWeights),
}

impl Network {
    fn forward(&mut self, tokens: &[u32], position: usize) -> candle_core::Result<Tensor> {
        let input = Tensor::new(tokens, &Device::Cpu)?.unsqueeze(0)?;
        let logits = match self {
            Self::Llama(model) => model.forward(&input, position),
            Self::Qwen2(model) => model.forward(&input, position),
            Self::Qwen3(model) => model.forward(&input, position),
        }?;
        logits.squeeze(0)?.to_dtype(candle_core::DType::F32)
    }

    fn forget(&mut self) {
        match self {
            Self::Llama(model) => model.clear_kv_cache(),
            Self::Qwen2(model) => model.clear_kv_cache(),
            Self::Qwen3(model) => model.clear_kv_cache(),
        }
    }
}

/// The loaded model.
struct GgufModel {
    name: String,
    network: Network,
    tokenizer: Tokenizer,
    chat: ChatFormat,
    ends: Vec<u32>,
    context: usize,
}

impl GgufModel {
    fn load(name: &str, files: &GgufFiles) -> Result<Self, InferenceError> {
        let path = &files.gguf;
        let bad = |e: candle_core::Error| InferenceError::bad_model(path, e);
        let file = std::fs::File::open(path).map_err(InferenceError::io(path))?;
        let mut reader = std::io::BufReader::new(file);
        let content = Content::read(&mut reader).map_err(bad)?;
        let text = |key: &str| {
            content
                .metadata
                .get(key)
                .and_then(|v| v.to_string().ok())
                .cloned()
        };
        let number = |key: &str| content.metadata.get(key).and_then(|v| v.to_u32().ok());
        let architecture = text("general.architecture").unwrap_or_default();
        let stated =
            number(&format!("{architecture}.context_length")).map_or(DEFAULT_CONTEXT, |n| n as usize);
        let context = if architecture == "llama" {
            stated.min(LLAMA_POSITIONS)
        } else {
            stated
        };
        let tokenizer = match &files.tokenizer {
            Some(json) => Tokenizer::from_file(json).map_err(|e| InferenceError::bad_model(json, e))?,
            None => Tokenizer::from_gguf(&content).map_err(|e| {
                InferenceError::bad_model(path, format!("{e}; put the model's tokenizer.json beside it"))
            })?,
        };
        let mut ends: Vec<u32> = END_TOKENS
            .iter()
            .filter_map(|t| tokenizer.token_to_id(t))
            .collect();
        ends.extend(number("tokenizer.ggml.eos_token_id"));
        let chat = ChatFormat::of(text("tokenizer.chat_template").as_deref(), &tokenizer);
        let device = Device::Cpu;
        let network =
            match architecture.as_str() {
                "llama" => quantized_llama::ModelWeights::from_gguf(content, &mut reader, &device)
                    .map(Network::Llama),
                "qwen2" => quantized_qwen2::ModelWeights::from_gguf(content, &mut reader, &device)
                    .map(Network::Qwen2),
                "qwen3" => quantized_qwen3::ModelWeights::from_gguf(content, &mut reader, &device)
                    .map(Network::Qwen3),
                other => {
                    let reason =
                        format!("architecture {other:?} is not supported; llama, qwen2 and qwen3 are");
                    return Err(InferenceError::bad_model(path, reason));
                }
            }
            .map_err(bad)?;
        Ok(Self {
            name: name.to_owned(),
            network,
            tokenizer,
            chat,
            ends,
            context,
        })
    }

    fn generate(&mut self, prompt: &Job) -> Result<Generation, ModelError> {
        let request = &prompt.request;
        let bad_input = |reason: String| ModelError::BadInput {
            model: self.name.clone(),
            reason,
        };
        let encoding = match &request.prompt {
            Prompt::Text(text) => self.tokenizer.encode(text.as_str(), true),
            // The format brings its own marks.
            Prompt::Chat(messages) => self
                .tokenizer
                .encode(self.chat.written(messages, &self.tokenizer), self.chat.is_plain()),
        }
        .map_err(|e| bad_input(e.to_string()))?;
        let tokens = encoding.get_ids().to_vec();
        if tokens.is_empty() {
            return Err(bad_input("the prompt is empty".to_owned()));
        }
        if tokens.len() >= self.context {
            return Err(bad_input(format!(
                "{} tokens do not fit the context of {}",
                tokens.len(),
                self.context
            )));
        }
        self.network.forget();
        let generated = self.extend(&tokens, prompt);
        // Also after a failure: the next request must not see this one's keys and values.
        self.network.forget();
        generated.map_err(|e| ModelError::Failed {
            model: self.name.clone(),
            reason: e.to_string(),
        })
    }

    fn extend(&mut self, prompt_tokens: &[u32], prompt: &Job) -> candle_core::Result<Generation> {
        let request = &prompt.request;
        let sampling = if request.temperature > 0.0 {
            Sampling::All {
                temperature: f64::from(request.temperature),
            }
        } else {
            Sampling::ArgMax
        };
        let mut sampler = LogitsProcessor::from_sampling(request.seed, sampling);
        let mut text = TextStream::new(&self.tokenizer, &request.stop);
        let room = self.context - prompt_tokens.len();
        let most = request.max_tokens.min(room);
        let (mut position, mut completion_tokens, mut truncated) = (0, 0, true);
        let mut logits = None;
        if most > 0 {
            for piece in pieces(prompt_tokens) {
                logits = Some(self.network.forward(piece, position)?);
                position += piece.len();
            }
        }
        while let Some(next_logits) = logits.take().filter(|_| completion_tokens < most) {
            let next = sampler.sample(&next_logits)?;
            if self.ends.contains(&next) {
                truncated = false;
                break;
            }
            completion_tokens += 1;
            let (piece, stopped) = text.push(next);
            let gone = prompt.hung_up.load(Ordering::Relaxed)
                || (!piece.is_empty() && prompt.pieces.send(piece).is_err());
            if stopped || gone {
                truncated = false;
                break;
            }
            if completion_tokens < most {
                logits = Some(self.network.forward(&[next], position)?);
                position += 1;
            }
        }
        let rest = text.finish();
        if !rest.is_empty() {
            // Nobody listening is no failure.
            let _ = prompt.pieces.send(rest);
        }
        Ok(Generation {
            text: text.into_text(),
            prompt_tokens: prompt_tokens.len(),
            completion_tokens,
            truncated,
        })
    }
}

/// The prompt in pieces of 64, then 32, 16 … 1 tokens.
///
/// candle keeps a mask for every (piece length, position) it has seen; with arbitrary lengths that grows without bound,
/// with these at most 6 · context² / 2 bytes ever exist.
fn pieces(tokens: &[u32]) -> impl Iterator<Item = &[u32]> {
    let mut rest = tokens;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let power = if rest.len() >= LARGEST_PIECE {
            LARGEST_PIECE
        } else {
            1 << rest.len().ilog2()
        };
        let (piece, left) = rest.split_at(power);
        rest = left;
        Some(piece)
    })
}

impl Backend for GgufModel {
    type Item = Job;
    type Output = Generation;

    fn run(&mut self, batch: Vec<Job>) -> Result<Vec<Result<Generation, ModelError>>, ModelError> {
        Ok(batch.into_iter().map(|prompt| self.generate(&prompt)).collect())
    }
}

#[cfg(test)]
mod tests;
