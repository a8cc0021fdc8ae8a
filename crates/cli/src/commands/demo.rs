//! `shifu demo`: the bundled appliances, and one of them through all five flows, on real input, by the verbs that the server calls.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, anyhow};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use shifu_diagnosis::PredictionRequest;
use shifu_domain::{CategoryId, Dialogue, DocumentId, FormKind, ProductLine};
use shifu_evals::data::{json_lines, photos_in};
use shifu_evals::questions::document_entries;
use shifu_knowledge::Question;
use shifu_server::engine::{SummaryRequest, TreeFormat};
use shifu_server::{Config, json_rows};
use shifu_store::PageRequest;

use crate::args::Format;
use crate::commands::{diagnosis, inspection, knowledge, models, serve, tickets};
use crate::output::{Failure, Output};
use crate::session::{Session, block_on, failed, read, read_text};
use crate::settings;

/// The appliance that the flows are shown on.
const PRODUCT_LINE: &str = "split_air_conditioner";
const CATEGORY: &str = "split_air_conditioner_install";
const ASKED: &str = "客户说空调报E-6，是什么毛病，怎么处理？";
const ASKED_MODEL: &str = "KFR-35GW/QH1";
const UNKNOWN: &str = "空调显示E9是什么故障？";

pub(crate) fn run(
    port: u16,
    once: bool,
    format: Format,
    mut config: Config,
) -> Result<Option<Output>, Failure> {
    let started = Instant::now();
    let datasets = settings::datasets_dir()
        .context("the bundled data sets were not found: run the demo in the repository's folder")?;
    let left_out = install_models(&config);
    config.listen.set_port(port);
    block_on(async {
        let session = Session::open(config).await?;
        for dir in appliances(&datasets)? {
            Appliance {
                session: &session,
                dir,
            }
            .load()
            .await?;
        }
        let shown_on = Appliance {
            session: &session,
            dir: datasets.join(PRODUCT_LINE),
        };
        shown_on.enrol().await?;
        let mut shown = shown_on.run().await?;
        shown.text.push_str(&left_out_text(&left_out));
        let _ = writeln!(shown.text, "用时 {:.1} 秒", started.elapsed().as_secs_f64());
        shown.json["left_out"] = json!(left_out);
        shown.json["took_s"] = json!(started.elapsed().as_secs_f64());
        if once {
            session.close().await;
            return Ok(Some(shown));
        }
        shown.print(format)?;
        let key = session.engine().first_key().await.map_err(failed)?;
        match key {
            Some(key) => eprintln!("console key (admin, shown only now): {}", key.key),
            None => {
                eprintln!("a console key exists already; make another with `shifu keys create --role admin`")
            }
        }
        serve::listen_and_serve(session.into_state()).await?;
        Ok(None)
    })
}

/// Installs the default models; without a network the demo goes on with what is in the repository, and says so.
fn install_models(config: &Config) -> Vec<String> {
    let dir = config.models_directory();
    let outcome = models::install(&[], &dir, None);
    let mut left_out = Vec::new();
    if let Err(error) = outcome {
        left_out.push(format!("models could not be installed: {error}"));
    }
    let missing: Vec<String> = shifu_inference::list(&dir)
        .into_iter()
        .filter(|model| model.default && !model.state.is_installed())
        .map(|model| model.name)
        .collect();
    if !missing.is_empty() {
        left_out.push(format!(
            "without {}: labels are not read (no nameplate check). Add them with `shifu models install`, or `shifu models install --from DIR` without a network",
            missing.join(", ")
        ));
    }
    left_out
}

fn left_out_text(left_out: &[String]) -> String {
    left_out.iter().map(|what| format!("未做：{what}\n")).collect()
}

/// The folders of the bundled appliances, in the order of their names.
fn appliances(datasets: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = std::fs::read_dir(datasets).with_context(|| datasets.display().to_string())?;
    let mut folders: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join("documents.toml").is_file())
        .collect();
    folders.sort();
    Ok(folders)
}

struct Appliance<'a> {
    session: &'a Session,
    dir: PathBuf,
}

impl Appliance<'_> {
    /// The product line is the folder's name.
    fn line(&self) -> Result<ProductLine, Failure> {
        let name = self.dir.file_name().unwrap_or_default().to_string_lossy();
        Ok(ProductLine::new(&name).map_err(anyhow::Error::from)?)
    }

    /// Brings documents, parts, fault tree and repairs in; what is there from an earlier run is left as it is.
    async fn load(&self) -> Result<(), Failure> {
        self.load_documents().await?;
        self.load_definitions().await
    }

    /// Enrols the standard's photos, unless an earlier run did.
    async fn enrol(&self) -> Result<(), Failure> {
        let category = CategoryId::new(CATEGORY).map_err(anyhow::Error::from)?;
        if self.session.engine().standard(&category).is_err() {
            let folder = self.dir.join("standards").join(CATEGORY);
            inspection::enrol_folder(self.session, &category, &folder).await?;
        }
        Ok(())
    }

    async fn load_documents(&self) -> Result<(), Failure> {
        let store = self.session.engine().store();
        let request = PageRequest {
            limit: Some(200),
            ..PageRequest::default()
        };
        let present = store
            .documents(&request, &[])
            .await
            .map_err(|error| failed(error.into()))?
            .items;
        let mut ids: Map<String, Value> = present
            .into_iter()
            .map(|record| (record.metadata.title, json!(record.document_id.0)))
            .collect();
        for entry in document_entries(&self.dir)? {
            if ids.contains_key(&entry.title) {
                continue;
            }
            let older = entry
                .supersedes
                .as_ref()
                .and_then(|title| ids.get(title))
                .and_then(Value::as_str);
            let metadata = entry.metadata(older.map(|id| DocumentId(id.to_owned())))?;
            let record = knowledge::add_one(self.session, &self.dir.join(&entry.file), metadata).await?;
            ids.insert(entry.title, json!(record.document_id.0));
        }
        Ok(())
    }

    async fn load_definitions(&self) -> Result<(), Failure> {
        let (engine, caller) = (self.session.engine(), &self.session.caller);
        let line = self.line()?;
        if engine.bom(&line).is_ok() && engine.fault_tree(&line).is_ok() {
            return Ok(());
        }
        engine
            .put_bom(caller, &line, &read_text(&self.dir.join("bom.toml"))?)
            .await
            .map_err(failed)?;
        let tree = read_text(&self.dir.join("fault-tree.toml"))?;
        engine
            .put_fault_tree(caller, &line, &tree, TreeFormat::Toml)
            .await
            .map_err(failed)?;
        let repairs = json_rows(&read(&self.dir.join("repairs.jsonl"))?);
        let report = engine.import_repairs(caller, repairs).await.map_err(failed)?;
        match report.errors.first() {
            Some(error) => Err(Failure::Internal(anyhow!(
                "repairs.jsonl, line {}: {}",
                error.row,
                error.message
            ))),
            None => Ok(()),
        }
    }

    /// The five flows.
    async fn run(&self) -> Result<Output, Failure> {
        let (engine, caller) = (self.session.engine(), &self.session.caller);
        let mut text = String::new();

        let answer = engine
            .answer(caller, question(ASKED, Some(ASKED_MODEL))?)
            .await
            .map_err(failed)?;
        let _ = writeln!(
            text,
            "━━ 知识问答\n问：{ASKED}（{ASKED_MODEL}）\n{}",
            knowledge::answer_text(&answer)
        );
        let refusal = engine
            .answer(caller, question(UNKNOWN, None)?)
            .await
            .map_err(failed)?;
        let _ = writeln!(
            text,
            "━━ 查不到就说查不到\n问：{UNKNOWN}\n{}",
            knowledge::answer_text(&refusal)
        );

        let visit = self.dir.join("inspection");
        self.inspect(&visit.join("earlier"), "earlier-ticket.json")
            .await?;
        let (inspected, overlays) = self.inspect(&visit, "ticket.json").await?;
        let _ = writeln!(
            text,
            "━━ 安装照片验收\n{}",
            inspection::inspection_text(&inspected, &overlays)
        );

        let request = first::<PredictionRequest>(&self.dir.join("tickets.jsonl"))?;
        let prediction = engine.predict(caller, request.clone()).await.map_err(failed)?;
        let asked = request.text.as_deref().unwrap_or_default();
        let _ = writeln!(
            text,
            "━━ 备件预测\n工单：{asked}\n{}",
            diagnosis::prediction_text(&prediction)
        );

        let dialogue = first::<DialogueRow>(&self.dir.join("dialogues-dev.jsonl"))?.dialogue;
        let lines = dialogue.lines.len();
        let wanted = SummaryRequest {
            dialogue,
            ticket: None,
            form: FormKind::Ticket,
        };
        let summary = engine.summarize(caller, wanted).await.map_err(failed)?;
        let _ = writeln!(
            text,
            "━━ 对话小结（{lines} 句对话，方括号里是出处）\n{}",
            tickets::summary_text(&summary)
        );

        let mut inspection_json = json!(inspected);
        let marked = overlays.iter().find(|(photo, _)| {
            inspected
                .findings
                .iter()
                .any(|f| f.photo == Some(*photo) && f.area.is_some())
        });
        inspection_json["overlay"] = json!(marked.or(overlays.first()).map(|(_, path)| path));
        let versions = json!({
            "shifu": env!("CARGO_PKG_VERSION"),
            "models": engine.models().versions(),
            "inspection": inspected.versions,
            "prediction": prediction.versions,
        });
        let json = json!({
            "answer": answer,
            "refusal": refusal,
            "inspection": inspection_json,
            "prediction": prediction,
            "summary": summary,
            "versions": versions,
        });
        Ok(Output { text, json })
    }

    async fn inspect(
        &self,
        visit: &Path,
        ticket: &str,
    ) -> Result<(shifu_server::engine::InspectionReply, Vec<(usize, PathBuf)>), Failure> {
        let photos = photos_in(&visit.join("photos"))?;
        let input = inspection::submission(
            CATEGORY,
            Some(&visit.join(ticket)),
            Some(&visit.join("photos_meta.json")),
            &photos,
        )?;
        let reply = self
            .session
            .engine()
            .inspect(&self.session.caller, input)
            .await
            .map_err(failed)?;
        let overlays = inspection::write_overlays(self.session, &reply).await?;
        Ok((reply, overlays))
    }
}

#[derive(Deserialize)]
struct DialogueRow {
    dialogue: Dialogue,
}

fn question(text: &str, model: Option<&str>) -> Result<Question, Failure> {
    Ok(Question {
        question: text.to_owned(),
        model: knowledge::parsed(model, shifu_domain::ModelNumber::new)?,
        product_line: Some(ProductLine::new(PRODUCT_LINE).map_err(anyhow::Error::from)?),
        ..Question::default()
    })
}

fn first<T: serde::de::DeserializeOwned>(file: &Path) -> Result<T, Failure> {
    let rows: Vec<T> = json_lines(file)?;
    Ok(rows
        .into_iter()
        .next()
        .with_context(|| format!("{} is empty", file.display()))?)
}
