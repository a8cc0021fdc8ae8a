//! Questions of a SQuAD-style file → their own passage: recall at 1, MRR at 10, the quoted sentence, latency.
//!
//! `cargo run --release -p shifu-knowledge --example retrieval -- FILE.json [weights: coverage window phrase exact]`

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::Value;
use shifu_knowledge::{Library, SearchRequest, best_quote};

#[allow(clippy::print_stdout)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("give a SQuAD-style file")?;
    let numbers: Vec<f64> = arguments.filter_map(|a| a.parse().ok()).collect();
    let data: Value = serde_json::from_slice(&std::fs::read(&file)?)?;
    let (mut passages, mut questions) = (Vec::new(), Vec::new());
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    for article in data["data"].as_array().ok_or("no data")? {
        for paragraph in article["paragraphs"].as_array().ok_or("no paragraphs")? {
            let text = paragraph["context"].as_str().ok_or("no context")?.to_owned();
            let id = known.entry(text.clone()).or_insert_with(|| {
                let id = format!("p{}", passages.len());
                passages.push((id.clone(), String::new(), text.clone()));
                id
            });
            for qa in paragraph["qas"].as_array().ok_or("no qas")? {
                let answers: Vec<String> = qa["answers"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(|a| a["text"].as_str())
                    .map(str::to_owned)
                    .collect();
                questions.push((
                    qa["question"].as_str().unwrap_or_default().to_owned(),
                    id.clone(),
                    answers,
                    text.clone(),
                ));
            }
        }
    }
    let mut library = Library::in_memory()?;
    if let [coverage, window, phrase, exact] = numbers[..] {
        library.set_weights([coverage, window, phrase, exact]);
    }
    let started = Instant::now();
    let count = passages.len();
    library.add_passages(passages)?;
    let index_seconds = started.elapsed().as_secs_f64();
    let (mut first, mut reciprocal, mut quoted, mut quoted_gold, mut times) = (0, 0.0, 0, 0, Vec::new());
    for (question, id, answers, text) in &questions {
        let request = SearchRequest {
            query: question.clone(),
            top_k: Some(10),
            ..SearchRequest::default()
        };
        let started = Instant::now();
        let reply = library.search(&request)?;
        times.push(started.elapsed().as_secs_f64() * 1000.0);
        let rank = reply.hits.iter().position(|hit| hit.passage_id.0 == *id);
        first += usize::from(rank == Some(0));
        reciprocal += rank.map_or(0.0, |rank| 1.0 / (rank + 1) as f64);
        let holds = |quote: &str| answers.iter().any(|answer| quote.contains(answer.as_str()));
        quoted += usize::from(library.quote(question)?.is_some_and(|(_, quote)| holds(&quote)));
        quoted_gold += usize::from(holds(&best_quote(question, text)));
        if rank != Some(0) && std::env::args().any(|a| a == "--misses") {
            println!("MISS {rank:?} {question}");
        }
    }
    times.sort_by(f64::total_cmp);
    let n = questions.len() as f64;
    println!(
        "passages {count} questions {} recall@1 {:.4} mrr@10 {:.4} quote_holds_answer {:.4} (right passage given: {:.4}) p50 {:.2} ms p99 {:.2} ms index {index_seconds:.2} s",
        questions.len(),
        first as f64 / n,
        reciprocal / n,
        quoted as f64 / n,
        quoted_gold as f64 / n,
        times[times.len() / 2],
        times[times.len() * 99 / 100],
    );
    Ok(())
}
