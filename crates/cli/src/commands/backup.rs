//! `shifu backup DIR` and `shifu restore DIR`: on the records and files themselves, beside a running server or without one.

use std::path::Path;

use indicatif::ProgressBar;
use serde_json::json;
use shifu_server::Config;
use shifu_server::backup::{self, BackupError, Manifest, Stage};

use crate::output::{Failure, Output};
use crate::progress;
use crate::session::block_on;

pub(crate) fn write(dir: &Path, config: &Config) -> Result<Output, Failure> {
    let mut bars = Bars::default();
    let written = block_on(async {
        let tell = &mut |stage, done, total| bars.tell(stage, done, total);
        backup::backup(config, dir, tell).await.map_err(failed)
    });
    bars.finish();
    let manifest = written?;
    Ok(Output {
        text: format!("backup written to {}\n{}", dir.display(), counted(&manifest)),
        json: json!({ "backup": dir.display().to_string(), "manifest": manifest }),
    })
}

pub(crate) fn read(dir: &Path, config: &Config) -> Result<Output, Failure> {
    let mut bars = Bars::default();
    let read = block_on(async {
        let tell = &mut |stage, done, total| bars.tell(stage, done, total);
        backup::restore(config, dir, tell).await.map_err(failed)
    });
    bars.finish();
    let restored = read?;
    let index = if restored.index_used {
        "index restored"
    } else {
        "the index is built from the documents at the next start"
    };
    Ok(Output {
        text: format!(
            "restored into {}\n{}\n{index}",
            config.data.display(),
            counted(&restored.manifest)
        ),
        json: json!({ "data": config.data.display().to_string(), "restored": restored }),
    })
}

fn counted(manifest: &Manifest) -> String {
    let rows = |table: &str| manifest.tables.get(table).copied().unwrap_or(0);
    let mut text = format!(
        "{} documents, {} inspections with {} photos, {} repairs, {} answers, {} keys; {} records in {} tables\n\
         {} originals and photos ({} bytes), {} files in all ({} bytes)",
        rows("documents"),
        rows("inspections"),
        rows("photos"),
        rows("repairs"),
        rows("answers"),
        rows("api_keys"),
        manifest.tables.values().sum::<u64>(),
        manifest.tables.len(),
        manifest.objects.count,
        manifest.objects.size_bytes,
        manifest.files.count,
        manifest.files.size_bytes,
    );
    for owner in &manifest.removed_meanwhile {
        text.push_str(&format!("\nremoved while the backup ran, left out: {owner}"));
    }
    text
}

fn failed(error: BackupError) -> Failure {
    if error.is_bad_input() {
        Failure::BadInput(error.into())
    } else {
        Failure::Internal(error.into())
    }
}

/// One bar a stage.
#[derive(Default)]
struct Bars {
    shown: Option<(Stage, ProgressBar)>,
}

impl Bars {
    fn tell(&mut self, stage: Stage, done: u64, total: u64) {
        if self.shown.as_ref().is_none_or(|(shown, _)| *shown != stage) {
            self.finish();
            let what = match stage {
                Stage::Records => "records",
                Stage::Objects => "photos, files",
                Stage::Check => "checking",
            };
            self.shown = Some((stage, progress::bar(total, what)));
        }
        if let Some((_, bar)) = &self.shown {
            bar.set_length(total);
            bar.set_position(done);
        }
    }

    fn finish(&mut self) {
        if let Some((_, bar)) = self.shown.take() {
            bar.finish_and_clear();
        }
    }
}
