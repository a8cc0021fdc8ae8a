//! Every sentence that may be quoted from the right passages of a SQuAD-style file, with what is measured of it and whether it holds an
//! answer: a line of JSON a question, for `models/quote/fit.py`.
//!
//! `cargo run --release -p shifu-knowledge --example quote_measures -- FILE.json > OUT.jsonl`

use serde_json::{Value, json};
use shifu_knowledge::quote_measures;

#[allow(clippy::print_stdout)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).ok_or("give a SQuAD-style file")?;
    let data: Value = serde_json::from_slice(&std::fs::read(&file)?)?;
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let paragraphs = list(&data["data"])
        .into_iter()
        .flat_map(|article| list(&article["paragraphs"]));
    for paragraph in paragraphs {
        let passage = paragraph["context"].as_str().ok_or("no context")?;
        for qa in list(&paragraph["qas"]) {
            let answers = list(&qa["answers"]);
            let measured = quote_measures(qa["question"].as_str().ok_or("no question")?, passage);
            let holds = |text: &str| {
                answers
                    .iter()
                    .filter_map(|a| a["text"].as_str())
                    .any(|gold| text.contains(gold))
            };
            let rows: Vec<Value> = measured
                .iter()
                .map(|(text, measures)| json!({"holds": holds(text), "measures": measures}))
                .collect();
            println!("{}", Value::Array(rows));
        }
    }
    Ok(())
}
