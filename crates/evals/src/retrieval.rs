//! `retrieval DIR`: ranking over a BEIR folder.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use serde_json::json;
use shifu_domain::models::TextEmbedder;
use shifu_knowledge::{Leg, Library, LibraryOptions, Question, SearchRequest};

use crate::data::Beir;
use crate::report::Report;
use crate::{metrics, timed};

/// Results fetched a query: recall is counted to 100.
const DEPTH: usize = 100;

/// Indexes the corpus in a temporary folder and ranks every judged query by `leg`, then answers it; all but the lexical one need an encoder.
///
/// # Errors
/// Malformed data, a folder that cannot be written, or an encoder that fails.
pub fn run(dir: &Path, leg: Leg, embedder: Option<Arc<dyn TextEmbedder>>) -> Result<Report> {
    let beir = Beir::read(dir)?;
    let folder = tempfile::tempdir()?;
    let library = Library::open(&folder.path().join("index"), LibraryOptions::default())?;
    let (added, index_ms) = timed(|| library.add_passages(beir.corpus.clone()));
    added?;
    let (encoded, encode_ms) = match embedder {
        Some(embedder) => {
            library.set_embedder(embedder);
            timed(|| library.encode(&|| true))
        }
        None => (Ok(0), 0.0),
    };
    encoded?;

    let mut rows = Rows::default();
    for (id, text) in &beir.queries {
        let request = SearchRequest {
            query: text.clone(),
            top_k: Some(DEPTH),
            leg,
            ..SearchRequest::default()
        };
        let (reply, ms) = timed(|| library.search(&request));
        let judged = &beir.qrels[id];
        let ranked: Vec<f64> = reply?
            .hits
            .iter()
            .map(|hit| judged.get(&hit.passage_id.0).copied().unwrap_or(0.0))
            .collect();
        rows.add(&ranked, &judged.values().copied().collect::<Vec<f64>>(), ms);
        let question = Question {
            question: text.clone(),
            ..Question::default()
        };
        let (answered, ms) = timed(|| library.answer(&question));
        answered?;
        rows.answer_ms.push(ms);
    }
    Ok(Report::new(
        "retrieval",
        json!({
            "ndcg_at_10": metrics::mean(&rows.ndcg),
            "mrr_at_10": metrics::mean(&rows.mrr),
            "recall_at_1": metrics::mean(&rows.recall_1),
            "recall_at_5": metrics::mean(&rows.recall_5),
            "recall_at_100": metrics::mean(&rows.recall_100),
            "queries": beir.queries.len(),
            "passages": beir.corpus.len(),
            "p50_ms": metrics::quantile(&rows.ms, 0.50),
            "p99_ms": metrics::quantile(&rows.ms, 0.99),
            "answer_p50_ms": metrics::quantile(&rows.answer_ms, 0.50),
            "answer_p99_ms": metrics::quantile(&rows.answer_ms, 0.99),
            "index_seconds": index_ms / 1000.0,
            "encode_seconds": encode_ms / 1000.0,
            "index_bytes": folder_bytes(folder.path())?,
        }),
    ))
}

#[derive(Default)]
struct Rows {
    ndcg: Vec<f64>,
    mrr: Vec<f64>,
    recall_1: Vec<f64>,
    recall_5: Vec<f64>,
    recall_100: Vec<f64>,
    ms: Vec<f64>,
    answer_ms: Vec<f64>,
}

impl Rows {
    fn add(&mut self, ranked: &[f64], judged: &[f64], ms: f64) {
        self.ndcg.push(metrics::ndcg(ranked, judged, 10));
        self.mrr.push(metrics::reciprocal_rank(ranked, 10));
        self.recall_1.push(metrics::recall(ranked, judged.len(), 1));
        self.recall_5.push(metrics::recall(ranked, judged.len(), 5));
        self.recall_100.push(metrics::recall(ranked, judged.len(), 100));
        self.ms.push(ms);
    }
}

fn folder_bytes(dir: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        bytes += if entry.file_type()?.is_dir() {
            folder_bytes(&entry.path())?
        } else {
            entry.metadata()?.len()
        };
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn each_question_finds_its_own_passage() {
        let dir = tempfile::tempdir().unwrap();
        let corpus = [
            ("a", "压缩机是空调的心脏，负责压缩制冷剂"),
            ("b", "过滤网每两周清洗一次，避免风量变小"),
        ];
        let rows = corpus
            .map(|(id, text)| json!({"_id": id, "title": "", "text": text}).to_string())
            .join("\n");
        fs::write(dir.path().join("corpus.jsonl"), rows).unwrap();
        let queries = json!({"_id": "q", "text": "过滤网多久清洗一次"}).to_string();
        fs::write(dir.path().join("queries.jsonl"), queries).unwrap();
        fs::write(
            dir.path().join("qrels.tsv"),
            "query-id\tcorpus-id\tscore\nq\tb\t1\n",
        )
        .unwrap();
        let report = run(dir.path(), Leg::Lexical, None).unwrap();
        assert_eq!(report.fields["recall_at_1"], 1.0);
        assert!(report.fields["index_bytes"].as_u64().unwrap() > 0);
    }
}
