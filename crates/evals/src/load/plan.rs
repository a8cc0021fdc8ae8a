//! Which calls are sent, in which order, with which bodies.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use super::photos::PreparedPhotos;
use super::random::Random;
use super::{LoadOptions, PHOTOS_A_TICKET};
use crate::data::{folders_in, json_lines, name_of};

/// The kinds of call, in the order of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Inspection,
    Prediction,
    Summary,
    Question,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Inspection, Self::Prediction, Self::Summary, Self::Question];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Inspection => "inspections",
            Self::Prediction => "predictions",
            Self::Summary => "summaries",
            Self::Question => "questions",
        }
    }
}

/// One call: the how-manieth of its kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    kind: Kind,
    number: usize,
}

impl Call {
    pub(super) fn kind(self) -> Kind {
        self.kind
    }
}

/// All calls, shuffled.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) calls: Vec<Call>,
    photos: usize,
    category: String,
    seed: u64,
    began: Timestamp,
    tickets: Vec<Value>,
    dialogues: Vec<Value>,
    questions: Vec<Value>,
}

/// The appliances there are data sets of.
pub(super) fn product_lines(datasets: &Path) -> Result<Vec<String>> {
    let appliance = |folder: &std::path::PathBuf| {
        let holds = |name: &str| folder.join(name).is_file();
        holds("tickets.jsonl") || holds("questions-test.jsonl") || holds("dialogues-test.jsonl")
    };
    let folders = folders_in(datasets).context("name the folder of data sets with --datasets")?;
    Ok(folders
        .into_iter()
        .filter(appliance)
        .map(|folder| name_of(&folder))
        .collect())
}

impl Plan {
    /// Draws on the data sets of `lines`.
    pub(super) fn new(options: &LoadOptions, lines: &[String]) -> Result<Self> {
        let rows = |files: &[&str]| -> Result<Vec<Value>> {
            let mut rows = Vec::new();
            for line in lines {
                for file in files {
                    let path = options.datasets.join(line).join(file);
                    if path.is_file() {
                        rows.extend(json_lines::<Value>(&path)?);
                    }
                }
            }
            Ok(rows)
        };
        let plan = Self {
            calls: calls(options),
            photos: options.photos,
            category: options.category.clone(),
            seed: options.seed,
            began: Timestamp::now(),
            tickets: rows(&["tickets.jsonl"])?,
            dialogues: rows(&["dialogues-dev.jsonl", "dialogues-test.jsonl"])?,
            questions: rows(&["questions-dev.jsonl", "questions-test.jsonl"])?,
        };
        for (what, wanted, there) in [
            ("tickets.jsonl", options.predictions, plan.tickets.len()),
            ("dialogues-*.jsonl", options.summaries, plan.dialogues.len()),
            ("questions-*.jsonl", options.questions, plan.questions.len()),
        ] {
            if wanted > 0 && there == 0 {
                bail!("no {what} below {}", options.datasets.display());
            }
        }
        Ok(plan)
    }

    /// Path, content type and body of a call.
    pub(super) fn body(
        &self,
        call: &Call,
        photos: &PreparedPhotos,
    ) -> Result<(&'static str, String, Vec<u8>)> {
        let json =
            |path, body: Value| Ok((path, "application/json".to_owned(), body.to_string().into_bytes()));
        match call.kind {
            Kind::Inspection => self.inspection(call.number, photos),
            Kind::Prediction => json("/v1/part-predictions", self.prediction(call.number)),
            Kind::Summary => json("/v1/summaries", self.summary(call.number)),
            Kind::Question => json("/v1/answers", self.question(call.number)),
        }
    }

    fn ticket_id(&self, kind: Kind, number: usize) -> String {
        format!("load-{:x}-{}-{number:06}", self.seed, kind.name())
    }

    fn prediction(&self, number: usize) -> Value {
        let mut ticket = self.tickets[number % self.tickets.len()].clone();
        ticket["ticket_id"] = json!(self.ticket_id(Kind::Prediction, number));
        ticket
    }

    fn summary(&self, number: usize) -> Value {
        let row = &self.dialogues[number % self.dialogues.len()];
        json!({"dialogue": row["dialogue"], "ticket": self.ticket_id(Kind::Summary, number)})
    }

    /// A follow-up is asked in the conversation of the question that it follows.
    fn question(&self, number: usize) -> Value {
        let row = &self.questions[number % self.questions.len()];
        let mut body = json!({"question": row["question"]});
        for field in ["model", "product_line"] {
            if row[field].is_string() {
                body[field] = row[field].clone();
            }
        }
        let talks = |other: &Value| other["follows"].is_string() && other["follows"] == row["id"];
        let opens = self.questions.iter().any(talks).then(|| row["id"].as_str());
        if let Some(first) = row["follows"].as_str().or(opens.flatten()) {
            let round = number / self.questions.len();
            body["conversation_id"] = json!(format!("load-{:x}-{round}-{first}", self.seed));
        }
        body
    }

    fn inspection(&self, number: usize, photos: &PreparedPhotos) -> Result<(&'static str, String, Vec<u8>)> {
        let count = (self.photos - number * PHOTOS_A_TICKET).min(PHOTOS_A_TICKET);
        let until = self.began.checked_add(8.hours())?;
        let ticket = json!({
            "ticket_id": self.ticket_id(Kind::Inspection, number), "category": self.category, "stage": "after",
            "visited_from": self.began.to_string(), "visited_to": until.to_string(),
        });
        let mut form = Form::default();
        form.part("ticket", None, ticket.to_string().as_bytes());
        let mut metas = Vec::new();
        for (at, photo) in photos.of_ticket(number, count).enumerate() {
            let file = format!("{}.jpg", at + 1);
            let mut meta =
                json!({"file": file, "source": "camera", "captured_at": Timestamp::now().to_string()});
            if let Some(checkpoint) = &photo.checkpoint {
                meta["checkpoint"] = json!(checkpoint);
            }
            metas.push(meta);
            let bytes =
                fs::read(&photo.path).with_context(|| format!("cannot read {}", photo.path.display()))?;
            form.part("photos", Some(&file), &bytes);
        }
        form.part("photos_meta", None, Value::Array(metas).to_string().as_bytes());
        Ok(("/v1/inspections", Form::content_type(), form.end()))
    }
}

/// Every call once, in an order that the seed decides.
fn calls(options: &LoadOptions) -> Vec<Call> {
    let counts = [
        (Kind::Inspection, options.photos.div_ceil(PHOTOS_A_TICKET)),
        (Kind::Prediction, options.predictions),
        (Kind::Summary, options.summaries),
        (Kind::Question, options.questions),
    ];
    let numbered = |(kind, count): (Kind, usize)| (0..count).map(move |number| Call { kind, number });
    let mut calls: Vec<Call> = counts.into_iter().flat_map(numbered).collect();
    Random::new(options.seed).shuffle(&mut calls);
    calls
}

/// A multipart body. The boundary is a word that no JPEG and no JSON of ours holds by chance (128 bits).
#[derive(Default)]
struct Form(Vec<u8>);

const BOUNDARY: &str = "shifu-load-6b0f3c51d2e94a7f8c1e5a90b7d4f263";

impl Form {
    fn content_type() -> String {
        format!("multipart/form-data; boundary={BOUNDARY}")
    }

    fn part(&mut self, name: &str, file_name: Option<&str>, bytes: &[u8]) {
        let file_name = file_name
            .map(|file_name| format!("; filename=\"{file_name}\""))
            .unwrap_or_default();
        let head =
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{file_name}\r\n\r\n");
        self.0.extend_from_slice(head.as_bytes());
        self.0.extend_from_slice(bytes);
        self.0.extend_from_slice(b"\r\n");
    }

    fn end(mut self) -> Vec<u8> {
        self.0.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        self.0
    }
}
