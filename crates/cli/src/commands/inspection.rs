//! `shifu standards enrol` and `shifu inspect`.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use serde_json::{Value, json};
use shifu_domain::{CategoryId, CheckpointId, Verdict};
use shifu_inspection::{
    EnrolmentLabel, EnrolmentPhoto, EnrolmentReport, PhotoAdded, PhotoMeta, Standard, Ticket,
};
use shifu_server::Config;
use shifu_server::engine::{InspectionReply, PhotoUpload, SubmissionInput};

use crate::output::{Failure, Output};
use crate::progress;
use crate::session::{Session, failed, read, read_text, with_session};

pub(crate) fn enrol(category: &str, dir: &Path, config: Config) -> Result<Output, Failure> {
    let category = CategoryId::new(category).map_err(anyhow::Error::from)?;
    with_session(config, async |session| {
        let (added, report) = enrol_folder(&session, &category, dir).await?;
        let refused = added
            .iter()
            .filter(|(_, photo)| !photo.accepted)
            .collect::<Vec<_>>();
        let mut text = report_text(&report);
        for (name, photo) in &refused {
            let _ = writeln!(
                text,
                "未采用 {name}：{}",
                photo.reason.as_deref().unwrap_or_default()
            );
        }
        let mut json = json!(report);
        json["category"] = json!(category);
        Ok(Output { text, json })
    })
}

/// Puts `dir/standard.toml` into force and enrols the photos of `dir/<checkpoint>/<label>/`.
pub(crate) async fn enrol_folder(
    session: &Session,
    category: &CategoryId,
    dir: &Path,
) -> Result<(Vec<(String, PhotoAdded)>, EnrolmentReport), Failure> {
    let file = dir.join("standard.toml");
    let standard =
        Standard::from_toml(&read_text(&file)?, &file.to_string_lossy()).map_err(anyhow::Error::from)?;
    if standard.category != *category {
        return Err(anyhow!(
            "{} is the standard of {:?}, not {:?}",
            file.display(),
            standard.category.as_str(),
            category.as_str()
        )
        .into());
    }
    let photos = photos_of(dir, &standard)?;
    session
        .engine()
        .put_standard(&session.caller, standard)
        .await
        .map_err(failed)?;
    let bar = progress::bar(photos.len() as u64, "photos");
    let mut added = Vec::new();
    let mut report = session.engine().standard(category).map_err(failed)?.report();
    // One step a checkpoint: it is learnt again at the end of a step.
    for batch in photos.chunk_by(|a, b| a.0 == b.0) {
        let mut enrolments = Vec::new();
        for (checkpoint, label, path) in batch {
            enrolments.push(EnrolmentPhoto {
                checkpoint: checkpoint.clone(),
                label: EnrolmentLabel::from(label.clone()),
                name: format!("{checkpoint}/{label}/{}", name_of(path)),
                group: None,
                bytes: read(path)?,
            });
        }
        let names: Vec<String> = enrolments.iter().map(|photo| photo.name.clone()).collect();
        let (results, now) = session
            .engine()
            .enrol_photos(&session.caller, category, enrolments)
            .await
            .map_err(failed)?;
        added.extend(names.into_iter().zip(results));
        report = now;
        bar.inc(batch.len() as u64);
    }
    bar.finish_and_clear();
    Ok((added, report))
}

/// (checkpoint, label, file) of every photo, in name order. A folder that names no checkpoint is an error, not passed over.
fn photos_of(dir: &Path, standard: &Standard) -> Result<Vec<(CheckpointId, String, PathBuf)>, Failure> {
    let mut photos = Vec::new();
    for folder in shifu_evals::data::folders_in(dir)? {
        let checkpoint = CheckpointId::new(&name_of(&folder)).map_err(anyhow::Error::from)?;
        if standard.checkpoint(&checkpoint).is_none() {
            return Err(anyhow!(
                "{}: the standard has no checkpoint {:?}",
                folder.display(),
                checkpoint.as_str()
            )
            .into());
        }
        for label in shifu_evals::data::folders_in(&folder)? {
            let files = shifu_evals::data::photos_in(&label)?;
            photos.extend(
                files
                    .into_iter()
                    .map(|file| (checkpoint.clone(), name_of(&label), file)),
            );
        }
    }
    Ok(photos)
}

fn report_text(report: &EnrolmentReport) -> String {
    let mut text = String::new();
    for checkpoint in &report.checkpoints {
        let violations: Vec<String> = checkpoint
            .violations
            .iter()
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        let _ = writeln!(
            text,
            "{}  合格 {}  违规 {}  校准 {}（{}）",
            checkpoint.checkpoint,
            checkpoint.good,
            if violations.is_empty() {
                "无".to_owned()
            } else {
                violations.join("、")
            },
            checkpoint.calibration_photos,
            checkpoint.guarantee
        );
    }
    for duplicate in &report.near_duplicates {
        let _ = writeln!(
            text,
            "重复照片 {} 与 {} 相同，未计入",
            duplicate.name, duplicate.same_as
        );
    }
    text
}

pub(crate) fn inspect(
    category: &str,
    ticket: Option<&Path>,
    photos_meta: Option<&Path>,
    photos: &[PathBuf],
    config: Config,
) -> Result<Output, Failure> {
    let input = submission(category, ticket, photos_meta, photos)?;
    with_session(config, async |session| {
        let reply = session
            .engine()
            .inspect(&session.caller, input)
            .await
            .map_err(failed)?;
        let overlays = write_overlays(&session, &reply).await?;
        let mut json = json!(reply);
        json["overlays"] = json!(overlays.iter().map(|(_, path)| path).collect::<Vec<_>>());
        Ok(Output {
            text: inspection_text(&reply, &overlays),
            json,
        })
    })
}

/// A submission from files.
pub(crate) fn submission(
    category: &str,
    ticket: Option<&Path>,
    photos_meta: Option<&Path>,
    photos: &[PathBuf],
) -> Result<SubmissionInput, Failure> {
    let ticket = match ticket {
        Some(path) => read_ticket(path, category)?,
        None => Ticket::new(
            &format!("local-{}", jiff::Timestamp::now().as_millisecond()),
            category,
        )
        .map_err(anyhow::Error::from)?,
    };
    let photos_meta: Vec<PhotoMeta> = match photos_meta {
        Some(path) => serde_json::from_str(&read_text(path)?).with_context(|| path.display().to_string())?,
        None => Vec::new(),
    };
    let uploads = photos.iter().map(|path| {
        Ok(PhotoUpload {
            file_name: name_of(path),
            bytes: read(path)?.into(),
        })
    });
    Ok(SubmissionInput {
        ticket,
        photos_meta,
        photos: uploads.collect::<Result<_, Failure>>()?,
    })
}

/// A ticket file; its category may be missing, but must not be another one.
fn read_ticket(path: &Path, category: &str) -> Result<Ticket, Failure> {
    let mut value: Value =
        serde_json::from_str(&read_text(path)?).with_context(|| path.display().to_string())?;
    let fields = value
        .as_object_mut()
        .with_context(|| format!("{} is no JSON object", path.display()))?;
    let own = fields.entry("category").or_insert_with(|| json!(category));
    if own != category {
        return Err(anyhow!(
            "{}: the ticket is of category {own}, not {category:?}",
            path.display()
        )
        .into());
    }
    Ok(serde_json::from_value(value).with_context(|| path.display().to_string())?)
}

/// Writes the marked photo of every photo with a finding into the data directory: (position, file).
pub(crate) async fn write_overlays(
    session: &Session,
    reply: &InspectionReply,
) -> Result<Vec<(usize, PathBuf)>, Failure> {
    let mut positions: Vec<usize> = reply
        .findings
        .iter()
        .filter_map(|finding| finding.photo)
        .collect();
    positions.dedup();
    let folder = session
        .engine()
        .config()
        .data
        .join("overlays")
        .join(&reply.inspection_id);
    std::fs::create_dir_all(&folder).map_err(anyhow::Error::from)?;
    let mut written = Vec::new();
    for position in positions {
        let number = u32::try_from(position).unwrap_or(u32::MAX);
        // An unreadable file has findings and no picture.
        if let Ok(png) = session
            .engine()
            .overlay(&session.caller, &reply.inspection_id, number)
            .await
        {
            let path = folder.join(format!("{position}.png"));
            std::fs::write(&path, &png).with_context(|| format!("cannot write {}", path.display()))?;
            written.push((position, path));
        }
    }
    Ok(written)
}

/// A verdict as a reviewer reads it.
pub(crate) fn inspection_text(reply: &InspectionReply, overlays: &[(usize, PathBuf)]) -> String {
    let verdict = match reply.verdict {
        Some(Verdict::Pass) => "通过",
        Some(Verdict::Review) => "需人工复核",
        Some(Verdict::Reject) => "不通过，需重拍或返工",
        Some(Verdict::DoNotInstall) => "不具备安装条件",
        None => "未完成",
    };
    let mut text = format!(
        "工单 {}（第 {} 次提交）：{verdict}\n",
        reply.ticket_id, reply.attempt
    );
    for finding in &reply.findings {
        let place = finding
            .photo
            .map(|photo| format!("照片 {}", photo + 1))
            .unwrap_or_else(|| "缺".to_owned());
        let checkpoint = finding
            .checkpoint
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        let p_value = finding.p_value.map(|p| format!(" p={p:.3}")).unwrap_or_default();
        let _ = writeln!(
            text,
            "  {place} {checkpoint} {}{p_value}：{}",
            finding.kind, finding.evidence
        );
    }
    for (position, path) in overlays {
        let _ = writeln!(text, "  标注图 照片 {}：{}", position + 1, path.display());
    }
    text
}

fn name_of(path: &Path) -> String {
    shifu_evals::data::name_of(path)
}
