//! Adds documents and answers questions about them, or scores a file of questions.
//!
//! `cargo run --release -p shifu-knowledge --example ask -- FILE… [--dump] -- "question"…`
//! `… -- --questions questions.jsonl` scores the bundled layout: {question, model?, answerable, document?, page?, also_pages?, answers?}.

use std::time::Instant;

use serde_json::Value;
use shifu_domain::{DocumentId, DocumentMetadata, ModelNumber, ProductLine};
use shifu_knowledge::{DocumentUpload, Library, Question};

#[allow(clippy::print_stdout)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let split = arguments
        .iter()
        .position(|a| a == "--")
        .unwrap_or(arguments.len());
    let library = Library::in_memory()?;
    let mut previous: Option<DocumentId> = None;
    for (number, argument) in arguments[..split].iter().filter(|a| *a != "--dump").enumerate() {
        // `old.pdf>new.pdf`: the second replaces the first. `FILE@A,B`: the models it lists.
        let (path, replaces) = argument
            .strip_prefix('>')
            .map_or((argument.as_str(), false), |path| (path, true));
        let (path, models) = path.split_once('@').unwrap_or((path, ""));
        let document_id = DocumentId(format!("d{number}"));
        let name = path.rsplit('/').next().unwrap_or(path);
        let metadata = DocumentMetadata {
            title: name.to_owned(),
            product_line: ProductLine::new("split_air_conditioner")?,
            brand: None,
            models: models
                .split(',')
                .filter(|m| !m.is_empty())
                .map(ModelNumber::new)
                .collect::<Result<_, _>>()?,
            revision: String::new(),
            effective_date: None,
            supersedes: previous.clone().filter(|_| replaces),
        };
        let upload = DocumentUpload {
            bytes: std::fs::read(path)?,
            file_name: name.to_owned(),
            metadata,
            document_id: document_id.clone(),
        };
        let started = Instant::now();
        let ingested = library.add(&upload, &mut |_| {})?;
        let seconds = started.elapsed().as_secs_f64();
        println!(
            "{name}: {} pages, {} passages, {:.2} s, {:.0} pages/s, skipped {:?}",
            ingested.pages,
            ingested.passages,
            seconds,
            f64::from(ingested.pages) / seconds,
            ingested
                .skipped
                .iter()
                .map(|s| (s.page, s.reason.as_str()))
                .collect::<Vec<_>>()
        );
        if arguments.iter().any(|a| a == "--dump") {
            for passage in library.passages(&document_id)? {
                println!(
                    "--- {} p{} {:?} [{}]\n{}",
                    passage.passage_id.0,
                    passage.page,
                    passage.page_label,
                    passage.section.join(" › "),
                    passage.text
                );
            }
        }
        previous = Some(document_id);
    }
    let rest = arguments.get(split + 1..).unwrap_or_default();
    if rest.first().is_some_and(|a| a == "--questions") {
        return score(&library, &rest[1]);
    }
    for question in rest {
        let answered = library.answer(&Question {
            question: question.clone(),
            ..Question::default()
        })?;
        println!(
            "\nQ {question}\n{}",
            serde_json::to_string_pretty(&answered.reply)?
        );
        println!(
            "evidence {:.3} words {:?}",
            answered.process.evidence, answered.process.recognised.words
        );
    }
    Ok(())
}

#[allow(clippy::print_stdout)]
fn score(library: &Library, path: &str) -> Result<(), Box<dyn std::error::Error>> {
    let (mut answerable, mut right_page, mut holds, mut unanswerable, mut refused, mut false_refusals) =
        (0, 0, 0, 0, 0, 0);
    for line in std::fs::read_to_string(path)?
        .lines()
        .filter(|line| !line.trim().is_empty())
    {
        let row: Value = serde_json::from_str(line)?;
        let question = Question {
            question: row["question"].as_str().unwrap_or_default().to_owned(),
            model: row["model"].as_str().map(ModelNumber::new).transpose()?,
            ..Question::default()
        };
        let answered = library.answer(&question)?;
        let reply = &answered.reply;
        let pages: Vec<u64> = row["page"]
            .as_u64()
            .into_iter()
            .chain(
                row["also_pages"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_u64),
            )
            .collect();
        let cited = reply
            .citations
            .first()
            .map(|c| (c.title.clone(), u64::from(c.page)));
        let mut verdict = "ok";
        if row["answerable"] == true {
            answerable += 1;
            let page =
                reply.refusal.is_none() && cited.as_ref().is_some_and(|(_, page)| pages.contains(page));
            let text = reply.answer.replace(' ', "");
            let held = row["answers"].as_array().is_some_and(|a| {
                a.iter()
                    .filter_map(Value::as_str)
                    .any(|a| text.contains(&a.replace(' ', "")))
            });
            right_page += usize::from(page);
            holds += usize::from(held);
            false_refusals += usize::from(reply.refusal.is_some());
            if !page || !held {
                verdict = if page { "ANSWER" } else { "PAGE" };
            }
        } else {
            unanswerable += 1;
            refused += usize::from(reply.refusal.is_some());
            if reply.refusal.is_none() {
                verdict = "ANSWERED";
            }
        }
        println!(
            "{verdict} | {} | evidence {:.2} | {:?} | {:?} want {:?} | {}",
            question.question,
            answered.process.evidence,
            reply.refusal.as_ref().map(|r| r.reason),
            cited,
            pages,
            reply.answer.replace('\n', " / ")
        );
    }
    println!(
        "right page first {right_page}/{answerable}, answer holds {holds}/{answerable}, refused {refused}/{unanswerable}, false refusals {false_refusals}"
    );
    Ok(())
}
