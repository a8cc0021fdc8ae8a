//! `shifu bom load`, `shifu fault-tree load`, `shifu predict-parts`, `shifu repairs import`.

use std::fmt::Write;
use std::path::Path;

use anyhow::Context;
use serde_json::json;
use shifu_diagnosis::{Bom, FaultTree, KitLimit, Prediction, PredictionRequest, SymptomReport};
use shifu_domain::{FaultCode, ModelNumber, ProductLine, Region, SymptomId, Yuan};
use shifu_server::Config;
use shifu_server::engine::{ImportReport, TreeFormat};
use shifu_server::{csv_rows, json_rows};

use crate::args::PredictParts;
use crate::commands::knowledge::parsed;
use crate::output::{Failure, Output};
use crate::session::{failed, read, read_text, with_session};

pub(crate) fn load_bom(file: &Path, config: Config) -> Result<Output, Failure> {
    let text = read_text(file)?;
    let bom = Bom::from_toml(&text, &file.to_string_lossy()).map_err(anyhow::Error::from)?;
    with_session(config, async |session| {
        let line = bom.product_line.clone();
        let version = session
            .engine()
            .put_bom(&session.caller, &line, &text)
            .await
            .map_err(failed)?;
        let said = format!("{line}: {} parts, version {version}", bom.parts.len());
        Ok(Output {
            text: said,
            json: json!({ "product_line": line, "version": version, "parts": bom.parts.len() }),
        })
    })
}

pub(crate) fn load_tree(file: &Path, product_line: Option<&str>, config: Config) -> Result<Output, Failure> {
    let text = read_text(file)?;
    let shown = file.to_string_lossy();
    let format = if shown.to_lowercase().ends_with(".toml") {
        TreeFormat::Toml
    } else {
        TreeFormat::Xml
    };
    let own = match format {
        TreeFormat::Toml => {
            FaultTree::from_toml(&text, &shown)
                .map_err(anyhow::Error::from)?
                .product_line
        }
        TreeFormat::Xml => None,
    };
    let line = parsed(product_line, ProductLine::new)?
        .or(own)
        .context("say which appliance it is for: --product-line L")?;
    with_session(config, async |session| {
        let version = session
            .engine()
            .put_fault_tree(&session.caller, &line, &text, format)
            .await
            .map_err(failed)?;
        Ok(Output {
            text: format!("{line}: version {version}"),
            json: json!({ "product_line": line, "version": version }),
        })
    })
}

pub(crate) fn predict(arguments: &PredictParts, config: Config) -> Result<Output, Failure> {
    let request = request(arguments)?;
    with_session(config, async |session| {
        let prediction = session
            .engine()
            .predict(&session.caller, request)
            .await
            .map_err(failed)?;
        Ok(Output {
            text: prediction_text(&prediction),
            json: json!(prediction),
        })
    })
}

fn request(arguments: &PredictParts) -> Result<PredictionRequest, Failure> {
    let line = ProductLine::new(&arguments.product_line).map_err(anyhow::Error::from)?;
    let present = arguments.symptom.iter().map(|id| (id, true));
    let symptoms = present.chain(arguments.absent.iter().map(|id| (id, false)));
    let symptoms: Result<Vec<SymptomReport>, _> = symptoms
        .map(|(id, present)| SymptomId::new(id).map(|id| SymptomReport { id, present }))
        .collect();
    let codes: Result<Vec<FaultCode>, _> = arguments
        .fault_code
        .iter()
        .map(|code| FaultCode::new(code))
        .collect();
    let max_cost: Option<Yuan> = parsed(arguments.max_cost.as_deref(), str::parse)?;
    Ok(PredictionRequest {
        model: parsed(arguments.model.as_deref(), ModelNumber::new)?,
        text: arguments.text.clone(),
        symptoms: symptoms.map_err(anyhow::Error::from)?,
        fault_codes: codes.map_err(anyhow::Error::from)?,
        region: parsed(arguments.region.as_deref(), Region::new)?,
        date: arguments.date.clone(),
        limit: max_cost.map(|cost| KitLimit {
            max_cost: Some(cost),
            ..KitLimit::default()
        }),
        ..PredictionRequest::new(line)
    })
}

/// A prediction as a dispatcher reads it.
pub(crate) fn prediction_text(prediction: &Prediction) -> String {
    let mut text = "可能原因\n".to_owned();
    for cause in prediction.causes.iter().take(5) {
        let [low, high] = cause.interval;
        let _ = writeln!(
            text,
            "  {:>5.1}%  {}（{:.1}–{:.1}%）",
            cause.probability.value() * 100.0,
            cause.name,
            low * 100.0,
            high * 100.0
        );
        for because in cause.because.iter().take(3) {
            let _ = writeln!(text, "          · {because}");
        }
    }
    text.push_str("建议带件\n");
    for item in &prediction.kit {
        let _ = writeln!(
            text,
            "  {} × {}  {}  ￥{}  用到的可能 {:.0}%",
            item.part_number,
            item.quantity,
            item.name,
            item.price,
            item.probability_needed.value() * 100.0
        );
    }
    if prediction.kit.is_empty() {
        text.push_str("  不用带件\n");
    }
    let fix = &prediction.first_time_fix;
    let proof = if prediction.certificate.optimal {
        "已证明最优"
    } else {
        "近似最优"
    };
    let _ = writeln!(
        text,
        "合计 ￥{}（{proof}）；一次修好的可能：带这些件 {:.1}%，不带件 {:.1}%，带齐所有件 {:.1}%",
        prediction.kit_cost,
        fix.with_kit.value() * 100.0,
        fix.without_parts.value() * 100.0,
        fix.with_every_part.value() * 100.0
    );
    for question in prediction.next_questions.iter().take(3) {
        let _ = writeln!(text, "值得先问：{}", question.text);
    }
    for ignored in &prediction.evidence.ignored {
        let _ = writeln!(
            text,
            "未采用 {} {}：{}",
            ignored.kind, ignored.value, ignored.reason
        );
    }
    text
}

pub(crate) fn import_repairs(file: &Path, config: Config) -> Result<Output, Failure> {
    let bytes = read(file)?;
    let csv = file
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    let rows = if csv {
        csv_rows(&bytes).map_err(failed)?
    } else {
        json_rows(&bytes)
    };
    with_session(config, async |session| {
        let report = session
            .engine()
            .import_repairs(&session.caller, rows)
            .await
            .map_err(failed)?;
        imported(file, &report)
    })
}

fn imported(file: &Path, report: &ImportReport) -> Result<Output, Failure> {
    let mut text = format!(
        "{} repairs imported, {} of them replaced an earlier report\n",
        report.imported, report.replaced
    );
    for error in report.errors.iter().take(20) {
        let _ = writeln!(text, "{}, line {}: {}", file.display(), error.row, error.message);
    }
    if report.imported == 0 && !report.errors.is_empty() {
        return Err(anyhow::anyhow!(text.lines().skip(1).collect::<Vec<_>>().join("\n")).into());
    }
    Ok(Output {
        text,
        json: json!(report),
    })
}
