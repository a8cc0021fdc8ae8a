//! `shifu knowledge …` and `shifu ask`.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use serde_json::{Value, json};
use shifu_domain::{Brand, DocumentId, DocumentMetadata, ModelNumber, ProductLine};
use shifu_knowledge::{AnswerReply, Question, SearchRequest};
use shifu_server::Config;
use shifu_store::{DocumentRecord, DocumentStatus, PageRequest};

use crate::args::Knowledge;
use crate::output::{Failure, Output};
use crate::progress;
use crate::session::{Session, failed, read, with_session};

/// Endings of files that a folder contributes.
const MANUALS: [&str; 8] = ["pdf", "docx", "html", "htm", "md", "markdown", "txt", "xlsx"];

pub(crate) fn run(command: Knowledge, config: Config) -> Result<Output, Failure> {
    with_session(config, async |session| match command {
        Knowledge::Add {
            path,
            product_line,
            models,
            brand,
            title,
            revision,
            effective,
            supersedes,
        } => {
            let files = manuals(&path)?;
            let about = About {
                product_line,
                models,
                brand,
                title,
                revision,
                effective,
                supersedes,
            };
            add(&session, &files, &about).await
        }
        Knowledge::List => list(&session).await,
        Knowledge::Retire { id } => {
            let retired = session
                .engine()
                .retire_document(&session.caller, &DocumentId(id))
                .await
                .map_err(failed)?;
            Ok(Output {
                text: line(&session, &retired),
                json: shown(&session, &retired),
            })
        }
        Knowledge::Remove { id } => {
            let id = DocumentId(id);
            session
                .engine()
                .remove_document(&session.caller, &id)
                .await
                .map_err(failed)?;
            Ok(Output {
                text: format!("removed {}", id.0),
                json: json!({ "document_id": id, "status": "removed" }),
            })
        }
        Knowledge::Search {
            query,
            model,
            product_line,
            top_k,
        } => {
            let request = SearchRequest {
                query,
                model: parsed(model.as_deref(), ModelNumber::new)?,
                product_line: parsed(product_line.as_deref(), ProductLine::new)?,
                top_k: Some(top_k),
                ..SearchRequest::default()
            };
            let reply = session
                .engine()
                .search(&session.caller, request)
                .await
                .map_err(failed)?;
            let mut text = String::new();
            for (rank, hit) in reply.hits.iter().enumerate() {
                let _ = writeln!(
                    text,
                    "{}. {} 第 {} 页  {}  ({:.2})",
                    rank + 1,
                    hit.title,
                    hit.page,
                    hit.section,
                    hit.score
                );
                let _ = writeln!(text, "   {}", hit.text.replace('\n', "\n   "));
            }
            if reply.hits.is_empty() {
                text.push_str("没有找到");
            }
            Ok(Output {
                text,
                json: json!(reply),
            })
        }
    })
}

pub(crate) fn ask(question: Question, config: Config) -> Result<Output, Failure> {
    with_session(config, async |session| {
        let reply = session
            .engine()
            .answer(&session.caller, question)
            .await
            .map_err(failed)?;
        Ok(Output {
            text: answer_text(&reply),
            json: json!(reply),
        })
    })
}

/// An answer as a person reads it.
pub(crate) fn answer_text(reply: &AnswerReply) -> String {
    let mut text = format!("{}\n", reply.answer);
    for warning in &reply.warnings {
        let _ = writeln!(text, "⚠ {warning}");
    }
    for (number, citation) in reply.citations.iter().enumerate() {
        let label = citation
            .page_label
            .as_deref()
            .map(|label| format!("（印刷页码 {label}）"))
            .unwrap_or_default();
        let _ = writeln!(
            text,
            "[{}] {} 第 {} 页{label}  {}",
            number + 1,
            citation.title,
            citation.page,
            citation.section
        );
        let _ = writeln!(text, "    “{}”", citation.quote.replace('\n', " "));
    }
    if let Some(refusal) = &reply.refusal {
        for ask in &refusal.ask_for {
            let _ = writeln!(text, "可以再问：{ask}");
        }
    }
    text
}

/// What the command line says about the files.
pub(crate) struct About {
    pub(crate) product_line: Option<String>,
    pub(crate) models: Vec<String>,
    pub(crate) brand: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) revision: Option<String>,
    pub(crate) effective: Option<String>,
    pub(crate) supersedes: Option<String>,
}

impl About {
    fn metadata(&self, file: &Path) -> Result<DocumentMetadata, Failure> {
        let line = self
            .product_line
            .as_deref()
            .ok_or_else(|| anyhow!("say which appliance it is for: --product-line L"))?;
        let date = |text: &str| {
            text.parse()
                .with_context(|| format!("--effective {text:?} is not a date such as 2025-03-01"))
        };
        let stem = file
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
            .unwrap_or_default();
        let models: Result<Vec<ModelNumber>, _> =
            self.models.iter().map(|model| ModelNumber::new(model)).collect();
        Ok(DocumentMetadata {
            title: self.title.clone().unwrap_or(stem),
            product_line: ProductLine::new(line).map_err(anyhow::Error::from)?,
            brand: parsed(self.brand.as_deref(), Brand::new)?,
            models: models.map_err(anyhow::Error::from)?,
            revision: self.revision.clone().unwrap_or_default(),
            effective_date: self.effective.as_deref().map(date).transpose()?,
            supersedes: self.supersedes.clone().map(DocumentId),
        })
    }
}

/// Files as given, and for a folder every manual below it, in name order.
fn manuals(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let entries =
                std::fs::read_dir(path).with_context(|| format!("cannot read folder {}", path.display()))?;
            let mut inside = entries
                .map(|entry| Ok(entry?.path()))
                .collect::<Result<Vec<_>, std::io::Error>>()
                .map_err(anyhow::Error::from)?;
            inside.sort();
            inside.retain(|file| file.is_dir() || is_manual(file));
            files.extend(manuals(&inside)?);
        } else {
            files.push(path.clone());
        }
    }
    if files.is_empty() {
        return Err(anyhow!("no manuals (PDF, DOCX, XLSX, HTML, Markdown, TXT) found").into());
    }
    Ok(files)
}

fn is_manual(file: &Path) -> bool {
    let extension = file
        .extension()
        .map(|e| e.to_string_lossy().to_ascii_lowercase())
        .unwrap_or_default();
    MANUALS.contains(&extension.as_str())
}

/// Adds every file; a bad one is reported beside the others, and makes the command fail at its end.
async fn add(session: &Session, files: &[PathBuf], about: &About) -> Result<Output, Failure> {
    let bar = progress::bar(files.len() as u64, "manuals");
    let (mut text, mut documents, mut errors) = (String::new(), Vec::new(), Vec::new());
    for file in files {
        bar.set_message(file.display().to_string());
        match add_one(session, file, about.metadata(file)?).await {
            Ok(record) => {
                text.push_str(&line(session, &record));
                documents.push(shown(session, &record));
            }
            Err(failure) if files.len() == 1 => return Err(failure),
            Err(failure) => {
                let _ = writeln!(text, "{}: {}", file.display(), failure.message());
                errors.push(format!("{}: {}", file.display(), failure.message()));
            }
        }
        bar.inc(1);
    }
    bar.set_message("encoding");
    let encoded = session.engine().encode_library(|| true).await;
    bar.finish_and_clear();
    if let Err(error) = encoded {
        let _ = writeln!(text, "not encoded yet, found by words only: {}", error.english());
    }
    if documents.is_empty() {
        return Err(anyhow!(errors.join("\n")).into());
    }
    Ok(Output {
        text,
        json: json!({ "documents": documents, "errors": errors }),
    })
}

/// Adds one file and waits until it can be found.
pub(crate) async fn add_one(
    session: &Session,
    file: &Path,
    metadata: DocumentMetadata,
) -> Result<DocumentRecord, Failure> {
    let name = file
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let engine = session.engine();
    let added = engine
        .add_document(&session.caller, &name, read(file)?.into(), metadata)
        .await
        .map_err(failed)?;
    let record = engine
        .wait_for_document(&added.document_id)
        .await
        .map_err(failed)?;
    if record.status == DocumentStatus::Failed {
        let reason = record
            .error
            .clone()
            .unwrap_or_else(|| "it could not be read".to_owned());
        engine
            .remove_document(&session.caller, &record.document_id)
            .await
            .map_err(failed)?;
        return Err(anyhow!("{}: {reason}", file.display()).into());
    }
    Ok(record)
}

async fn list(session: &Session) -> Result<Output, Failure> {
    let (mut text, mut documents) = (String::new(), Vec::new());
    let mut request = PageRequest {
        limit: Some(200),
        ..PageRequest::default()
    };
    loop {
        let page = session
            .engine()
            .store()
            .documents(&request, &[])
            .await
            .map_err(|error| failed(error.into()))?;
        for record in &page.items {
            text.push_str(&line(session, record));
            documents.push(shown(session, record));
        }
        match page.next_cursor {
            Some(cursor) => request.cursor = Some(cursor),
            None => {
                return Ok(Output {
                    text,
                    json: json!({ "items": documents, "next_cursor": null }),
                });
            }
        }
    }
}

fn line(session: &Session, record: &DocumentRecord) -> String {
    let mut text = format!(
        "{}  {}  {} 页 {} 段  {}\n",
        record.document_id.0,
        status(record),
        record.pages,
        record.passages,
        record.metadata.title
    );
    let read = session.engine().ocr_pages(&record.document_id).len();
    if read > 0 {
        let _ = writeln!(text, "    其中 {read} 页没有文字层，由 OCR 读取");
    }
    for skipped in &record.skipped {
        let _ = writeln!(text, "    第 {} 页未收录：{}", skipped.page, skipped.reason);
    }
    text
}

fn status(record: &DocumentRecord) -> &'static str {
    match record.status {
        DocumentStatus::Queued | DocumentStatus::Parsing => "处理中",
        DocumentStatus::Indexed => "可用",
        DocumentStatus::Failed => "失败",
        DocumentStatus::Retired => "停用",
    }
}

fn shown(session: &Session, record: &DocumentRecord) -> Value {
    json!({
        "document_id": record.document_id,
        "title": record.metadata.title,
        "metadata": record.metadata,
        "status": record.status,
        "progress": record.progress,
        "pages": record.pages,
        "passages": record.passages,
        "skipped": record.skipped,
        "ocr_pages": session.engine().ocr_pages(&record.document_id),
        "error": record.error,
    })
}

/// Parses an optional argument.
pub(crate) fn parsed<T, E: std::error::Error + Send + Sync + 'static>(
    text: Option<&str>,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<T>, Failure> {
    Ok(text.map(parse).transpose().map_err(anyhow::Error::from)?)
}
