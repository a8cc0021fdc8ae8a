//! A tiny seeded model of each architecture, written here as GGUF.

use candle_core::quantized::gguf_file::{Value, write};
use candle_core::quantized::{GgmlDType, QTensor};

use super::*;
use crate::queue::Unobserved;

const WIDTH: usize = 32;
const VOCABULARY: usize = 40;
const LAYERS: usize = 2;
const HIDDEN: usize = 64;

/// Tokens are the letters a..z, some digits, and the end of the text as the last.
fn vocabulary() -> Vec<String> {
    let letters = ('a'..='z').chain('0'..='9').map(String::from);
    letters.chain(["Ġ", "!", "?", "</s>"].map(String::from)).collect()
}

fn tensor(rows: usize, columns: usize, seed: &mut u64, kind: GgmlDType) -> QTensor {
    let values: Vec<f32> = (0..rows * columns)
        .map(|_| {
            *seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            ((*seed >> 40) as f32 / (1_u64 << 24) as f32 - 0.5) * 0.8
        })
        .collect();
    QTensor::quantize(
        &Tensor::from_vec(values, (rows, columns), &Device::Cpu).unwrap(),
        kind,
    )
    .unwrap()
}

fn vector(length: usize, value: f32) -> QTensor {
    let values = Tensor::from_vec(vec![value; length], length, &Device::Cpu).unwrap();
    QTensor::quantize(&values, GgmlDType::F32).unwrap()
}

fn write_tiny(path: &Path, architecture: &str) {
    let number = |n: usize| Value::U32(n as u32);
    let key = |k: &str| format!("{architecture}.{k}");
    let strings = |v: &[String]| Value::Array(v.iter().cloned().map(Value::String).collect());
    let metadata: Vec<(String, Value)> = vec![
        ("general.architecture".into(), Value::String(architecture.into())),
        ("general.dtype".into(), number(0)),
        (key("attention.head_count"), number(4)),
        (key("attention.head_count_kv"), number(2)),
        (key("attention.key_length"), number(WIDTH / 4)),
        (key("block_count"), number(LAYERS)),
        (key("embedding_length"), number(WIDTH)),
        (key("context_length"), number(200)),
        (key("rope.dimension_count"), number(WIDTH / 4)),
        (key("rope.freq_base"), Value::F32(10_000.0)),
        (key("attention.layer_norm_rms_epsilon"), Value::F32(1e-5)),
        ("tokenizer.ggml.model".into(), Value::String("gpt2".into())),
        ("tokenizer.ggml.pre".into(), Value::String("qwen2".into())),
        ("tokenizer.ggml.tokens".into(), strings(&vocabulary())),
        ("tokenizer.ggml.merges".into(), Value::Array(vec![])),
        ("tokenizer.ggml.eos_token_id".into(), number(VOCABULARY - 1)),
    ];
    let mut seed = 11;
    let mut tensors: Vec<(String, QTensor)> = vec![
        (
            "token_embd.weight".into(),
            tensor(VOCABULARY, WIDTH, &mut seed, GgmlDType::F32),
        ),
        ("output_norm.weight".into(), vector(WIDTH, 1.0)),
        (
            "output.weight".into(),
            tensor(VOCABULARY, WIDTH, &mut seed, GgmlDType::Q8_0),
        ),
    ];
    for layer in 0..LAYERS {
        let mut add = |name: &str, t: QTensor| tensors.push((format!("blk.{layer}.{name}"), t));
        for (name, rows, columns) in [
            ("attn_q.weight", WIDTH, WIDTH),
            ("attn_k.weight", WIDTH / 2, WIDTH),
            ("attn_v.weight", WIDTH / 2, WIDTH),
            ("attn_output.weight", WIDTH, WIDTH),
            ("ffn_gate.weight", HIDDEN, WIDTH),
            ("ffn_up.weight", HIDDEN, WIDTH),
            ("ffn_down.weight", WIDTH, HIDDEN),
        ] {
            add(name, tensor(rows, columns, &mut seed, GgmlDType::Q8_0));
        }
        add("attn_norm.weight", vector(WIDTH, 1.0));
        add("ffn_norm.weight", vector(WIDTH, 1.0));
        add("attn_q.bias", vector(WIDTH, 0.01));
        add("attn_k.bias", vector(WIDTH / 2, 0.02));
        add("attn_v.bias", vector(WIDTH / 2, 0.03));
        add("attn_q_norm.weight", vector(WIDTH / 4, 1.0));
        add("attn_k_norm.weight", vector(WIDTH / 4, 1.0));
    }
    let metadata: Vec<(&str, &Value)> = metadata.iter().map(|(k, v)| (k.as_str(), v)).collect();
    let tensors: Vec<(&str, &QTensor)> = tensors.iter().map(|(k, t)| (k.as_str(), t)).collect();
    write(&mut std::fs::File::create(path).unwrap(), &metadata, &tensors).unwrap();
}

struct Tiny {
    _dir: tempfile::TempDir,
    files: GgufFiles,
    generator: GgufGenerator,
}

fn tiny(architecture: &str) -> Tiny {
    let dir = tempfile::tempdir().unwrap();
    let gguf = dir.path().join("tiny.gguf");
    write_tiny(&gguf, architecture);
    let files = GgufFiles {
        gguf,
        tokenizer: None,
    };
    let version = ModelVersion {
        name: architecture.to_owned(),
        version: "seed".to_owned(),
    };
    let generator = GgufGenerator::from_files(
        version,
        files.clone(),
        QueueOptions::default(),
        Arc::new(Unobserved),
    )
    .unwrap();
    Tiny {
        _dir: dir,
        files,
        generator,
    }
}

fn request(prompt: &str) -> GenerationRequest {
    GenerationRequest {
        prompt: prompt.into(),
        max_tokens: 24,
        temperature: 0.0,
        seed: 1,
        stop: vec![],
    }
}

/// Generates and checks that the pieces streamed are the text.
fn run(tiny: &Tiny, request: &GenerationRequest) -> Generation {
    let mut streamed = String::new();
    let generation = tiny
        .generator
        .generate(request, &mut |piece| {
            streamed.push_str(piece);
            true
        })
        .unwrap();
    assert_eq!(streamed, generation.text);
    generation
}

#[test]
fn every_architecture_generates_and_repeats_itself() {
    for architecture in ["llama", "qwen2", "qwen3"] {
        let tiny = tiny(architecture);
        let first = run(&tiny, &request("hello9"));
        assert_eq!(first.prompt_tokens, 6, "{architecture}");
        assert!(
            first.completion_tokens > 0 && first.completion_tokens <= 24,
            "{architecture} {first:?}"
        );
        // Another request in between leaves no trace: keys and values are forgotten.
        run(&tiny, &request("somethingelseentirely"));
        assert_eq!(run(&tiny, &request("hello9")), first, "{architecture}");
    }
}

#[test]
fn a_prompt_in_pieces_gives_the_logits_of_the_prompt_at_once() {
    for architecture in ["llama", "qwen2", "qwen3"] {
        let mut model = GgufModel::load("tiny", &tiny(architecture).files).unwrap_or_else(|e| panic!("{e}"));
        let tokens: Vec<u32> = (0..109).map(|i| (i * 7) % (VOCABULARY as u32 - 1)).collect();
        let at_once = model
            .network
            .forward(&tokens, 0)
            .unwrap()
            .to_vec1::<f32>()
            .unwrap();
        model.network.forget();
        let (mut position, mut last) = (0, Vec::new());
        for piece in pieces(&tokens) {
            last = model
                .network
                .forward(piece, position)
                .unwrap()
                .to_vec1::<f32>()
                .unwrap();
            position += piece.len();
        }
        let worst = at_once
            .iter()
            .zip(&last)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        assert!(worst < 2e-3, "{architecture}: {worst}");
    }
}

#[test]
fn prompts_are_cut_into_powers_of_two() {
    for (length, expected) in [
        (0, vec![]),
        (1, vec![1]),
        (7, vec![4, 2, 1]),
        (200, vec![64, 64, 64, 8]),
    ] {
        assert_eq!(
            pieces(&vec![0; length]).map(<[u32]>::len).collect::<Vec<_>>(),
            expected
        );
    }
}

#[test]
fn a_seed_decides_what_is_sampled() {
    let tiny = tiny("llama");
    let sampled = |seed| {
        run(
            &tiny,
            &GenerationRequest {
                temperature: 1.5,
                seed,
                ..request("abc")
            },
        )
        .text
    };
    assert_eq!(sampled(3), sampled(3));
    assert!((4..12).any(|seed| sampled(seed) != sampled(3)));
}

#[test]
fn generation_ends_before_a_stop_string_and_never_shows_part_of_it() {
    let tiny = tiny("llama");
    let whole = run(&tiny, &request("hello")).text;
    assert!(whole.len() >= 6, "the seeded model says enough to cut: {whole:?}");
    let stop = whole[3..5].to_owned();
    let cut = run(
        &tiny,
        &GenerationRequest {
            stop: vec!["not in it".into(), stop.clone()],
            ..request("hello")
        },
    );
    assert_eq!(cut.text, whole[..whole.find(&stop).unwrap()]);
    assert!(!cut.truncated);
}

#[test]
fn a_listener_that_hangs_up_ends_it() {
    let tiny = tiny("llama");
    let mut pieces = 0;
    let long = GenerationRequest {
        max_tokens: 190,
        temperature: 1.0,
        ..request("hello")
    };
    let generation = tiny
        .generator
        .generate(&long, &mut |_| {
            pieces += 1;
            false
        })
        .unwrap();
    assert_eq!(pieces, 1);
    assert!(generation.completion_tokens <= 190);
}

#[test]
fn limits_are_kept_and_said() {
    let tiny = tiny("llama");
    let nothing = run(
        &tiny,
        &GenerationRequest {
            max_tokens: 0,
            ..request("abc")
        },
    );
    assert_eq!((nothing.text.as_str(), nothing.completion_tokens), ("", 0));
    let mut ignore = |_: &str| true;
    let long = tiny.generator.generate(&request(&"a".repeat(500)), &mut ignore);
    assert!(
        matches!(&long, Err(ModelError::BadInput { reason, .. }) if reason.contains("200")),
        "{long:?}"
    );
    assert!(matches!(
        tiny.generator.generate(&request(""), &mut ignore),
        Err(ModelError::BadInput { .. })
    ));
}

#[test]
fn files_that_are_no_model_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let good = dir.path().join("good.gguf");
    write_tiny(&good, "llama");
    let bytes = std::fs::read(&good).unwrap();
    for (name, bytes) in [
        ("empty", vec![]),
        ("not GGUF", b"not a model at all, only words".to_vec()),
        ("truncated header", bytes[..200].to_vec()),
        ("truncated tensors", bytes[..bytes.len() * 3 / 4].to_vec()),
    ] {
        let path = dir.path().join("bad.gguf");
        std::fs::write(&path, bytes).unwrap();
        assert!(
            GgufModel::load(
                "bad",
                &GgufFiles {
                    gguf: path,
                    tokenizer: None
                }
            )
            .is_err(),
            "{name}"
        );
    }
    let other = dir.path().join("other.gguf");
    write_tiny(&other, "mamba");
    let error = GgufModel::load(
        "other",
        &GgufFiles {
            gguf: other,
            tokenizer: None,
        },
    )
    .err()
    .unwrap()
    .to_string();
    assert!(error.contains("mamba") && error.contains("qwen3"), "{error}");
}
