//! Questions of a SQuAD-style file → their own passage: recall at 1, MRR at 10, the quoted sentence, latency.
//!
//! `cargo run --release -p shifu-knowledge --example retrieval -- FILE.json [weights: bm25 coverage window phrase exact meaning dense]`

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
    if let [bm25, coverage, window, phrase, exact, meaning, dense] = numbers[..] {
        library.set_weights([bm25, coverage, window, phrase, exact, meaning, dense]);
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
    if let Some(at) = std::env::args().position(|a| a == "--foreign") {
        let foreign = std::env::args()
            .nth(at + 1)
            .ok_or("give a file after --foreign")?;
        let own: Vec<String> = questions.iter().map(|q| q.0.clone()).collect();
        evidence(&library, &own, "own")?;
        evidence(&library, &questions_of(&foreign)?, "foreign")?;
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

fn questions_of(file: &str) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string(file)?;
    let data: Value = serde_json::from_str(&text)?;
    let paragraphs = data["data"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|a| a["paragraphs"].as_array().into_iter().flatten());
    let questions = paragraphs.flat_map(|p| p["qas"].as_array().into_iter().flatten());
    Ok(questions
        .filter_map(|q| q["question"].as_str())
        .map(str::to_owned)
        .take(1000)
        .collect())
}

/// Quantiles of the evidence and the share refused at several floors.
#[allow(clippy::print_stdout)]
fn evidence(library: &Library, questions: &[String], name: &str) -> Result<(), Box<dyn std::error::Error>> {
    let mut values = Vec::new();
    let mut refused = 0;
    for question in questions {
        let answered = library.answer(&shifu_knowledge::Question {
            question: question.clone(),
            ..Default::default()
        })?;
        refused += usize::from(answered.reply.refusal.is_some());
        values.push(answered.process.evidence);
    }
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values[((values.len() - 1) as f64 * share) as usize];
    let below = |floor: f64| values.iter().filter(|&&v| v < floor).count() as f64 / values.len() as f64;
    println!(
        "{name}: refused {:.3}; evidence 5 % {:.2} 25 % {:.2} 50 % {:.2} 75 % {:.2} 95 % {:.2}; below .35 {:.3} .40 {:.3} .45 {:.3} .50 {:.3}",
        refused as f64 / values.len() as f64,
        at(0.05),
        at(0.25),
        at(0.5),
        at(0.75),
        at(0.95),
        below(0.35),
        below(0.4),
        below(0.45),
        below(0.5)
    );
    Ok(())
}
