//! A tiny language model as a GGUF file: Llama's layout, two layers, one token for each byte. It writes gibberish, always the same.

use std::path::Path;

const WIDTH: usize = 32;
const HIDDEN: usize = 64;
const LAYERS: usize = 2;

enum Value<'a> {
    Number(u32),
    Float(f32),
    Text(&'a str),
    Texts(&'a [String]),
}

/// Bytes as byte-level tokenizers write them: printable ones as themselves, the others from U+0100 on.
fn vocabulary() -> Vec<String> {
    let (mut tokens, mut others) = (Vec::new(), 0);
    for byte in 0..=255_u8 {
        let printable = matches!(byte, 33..=126 | 161..=172 | 174..=255);
        let code = if printable {
            u32::from(byte)
        } else {
            others += 1;
            255 + others
        };
        tokens.push(char::from_u32(code).unwrap().to_string());
    }
    tokens.extend(["<|im_start|>", "<|im_end|>"].map(String::from));
    tokens
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

fn entry(out: &mut Vec<u8>, key: &str, value: &Value<'_>) {
    text(out, key);
    match value {
        Value::Number(number) => {
            out.extend(4_u32.to_le_bytes());
            out.extend(number.to_le_bytes());
        }
        Value::Float(number) => {
            out.extend(6_u32.to_le_bytes());
            out.extend(number.to_le_bytes());
        }
        Value::Text(value) => {
            out.extend(8_u32.to_le_bytes());
            text(out, value);
        }
        Value::Texts(values) => {
            out.extend(9_u32.to_le_bytes());
            out.extend(8_u32.to_le_bytes());
            out.extend((values.len() as u64).to_le_bytes());
            values.iter().for_each(|value| text(out, value));
        }
    }
}

/// Writes `model.gguf` into a folder.
pub(crate) fn write_tiny(folder: &Path) {
    let tokens = vocabulary();
    let number = |n: usize| Value::Number(n as u32);
    let metadata = [
        ("general.architecture", Value::Text("llama")),
        ("llama.attention.head_count", number(4)),
        ("llama.attention.head_count_kv", number(2)),
        ("llama.block_count", number(LAYERS)),
        ("llama.embedding_length", number(WIDTH)),
        ("llama.context_length", number(4096)),
        ("llama.rope.dimension_count", number(WIDTH / 4)),
        ("llama.rope.freq_base", Value::Float(10_000.0)),
        ("llama.attention.layer_norm_rms_epsilon", Value::Float(1e-5)),
        ("tokenizer.ggml.model", Value::Text("gpt2")),
        ("tokenizer.ggml.pre", Value::Text("qwen2")),
        ("tokenizer.ggml.tokens", Value::Texts(&tokens)),
        ("tokenizer.ggml.merges", Value::Texts(&[])),
        ("tokenizer.ggml.eos_token_id", number(tokens.len() - 1)),
    ];
    let mut tensors: Vec<(String, Vec<usize>)> = vec![
        ("token_embd.weight".into(), vec![tokens.len(), WIDTH]),
        ("output_norm.weight".into(), vec![WIDTH]),
        ("output.weight".into(), vec![tokens.len(), WIDTH]),
    ];
    for layer in 0..LAYERS {
        for (name, shape) in [
            ("attn_q.weight", vec![WIDTH, WIDTH]),
            ("attn_k.weight", vec![WIDTH / 2, WIDTH]),
            ("attn_v.weight", vec![WIDTH / 2, WIDTH]),
            ("attn_output.weight", vec![WIDTH, WIDTH]),
            ("ffn_gate.weight", vec![HIDDEN, WIDTH]),
            ("ffn_up.weight", vec![HIDDEN, WIDTH]),
            ("ffn_down.weight", vec![WIDTH, HIDDEN]),
            ("attn_norm.weight", vec![WIDTH]),
            ("ffn_norm.weight", vec![WIDTH]),
        ] {
            tensors.push((format!("blk.{layer}.{name}"), shape));
        }
    }
    let mut out = b"GGUF".to_vec();
    out.extend(3_u32.to_le_bytes());
    out.extend((tensors.len() as u64).to_le_bytes());
    out.extend((metadata.len() as u64).to_le_bytes());
    for (key, value) in &metadata {
        entry(&mut out, key, value);
    }
    let mut offset = 0_u64;
    for (name, shape) in &tensors {
        text(&mut out, name);
        out.extend((shape.len() as u32).to_le_bytes());
        // GGUF names the fastest dimension first.
        for length in shape.iter().rev() {
            out.extend((*length as u64).to_le_bytes());
        }
        out.extend(0_u32.to_le_bytes());
        out.extend(offset.to_le_bytes());
        // All sizes are multiples of the alignment of 32 bytes.
        offset += (shape.iter().product::<usize>() * 4) as u64;
    }
    out.resize(out.len().next_multiple_of(32), 0);
    let mut seed = 11_u64;
    for (_, shape) in &tensors {
        for _ in 0..shape.iter().product() {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let random = ((seed >> 40) as f32 / (1_u64 << 24) as f32 - 0.5) * 0.8;
            let value = if shape.len() == 1 { 1.0 } else { random };
            out.extend(value.to_le_bytes());
        }
    }
    std::fs::write(folder.join("model.gguf"), out).unwrap();
}
