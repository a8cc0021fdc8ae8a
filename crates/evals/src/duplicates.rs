//! `duplicates DIR`: are near copies found, and are different photos kept apart?
//!
//! Every edit of every photo is looked up among all originals; whatever is found but its own original is a false match. Then the
//! index is filled up to a million photos, and the same is looked up again.

mod edits;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use image::RgbImage;
use serde_json::{Map, Value, json};
use shifu_domain::TicketId;
use shifu_inspection::{Fingerprint, Impression, Limits, PhotoIndex, PhotoRef, decode};

use crate::data::{folders_in, photos_in};
use crate::report::Report;
use crate::{metrics, timed};
use edits::{EDITS, Edit};

/// Photos in the index when a look-up is timed.
const MANY: usize = 1_000_000;
/// One photo in so many is edited and looked up again among [`MANY`].
const TIMED_EVERY: usize = 8;

/// What looking up the copies of one edit found.
#[derive(Default)]
struct Found {
    own: usize,
    others: usize,
}

/// Indexes every photo of the folder (and its subfolders), makes one near copy of each by every edit, and looks it up.
///
/// # Errors
/// A folder that cannot be read.
pub fn run(dir: &Path) -> Result<Report> {
    let mut photos = photos_in(dir)?;
    for folder in folders_in(dir)? {
        photos.extend(photos_in(&folder)?);
    }
    let scratch = tempfile::tempdir()?;
    let mut index = PhotoIndex::in_directory(scratch.path())?;
    let mut originals = Vec::new();
    for (at, path) in photos.iter().enumerate() {
        let impression = impression(&std::fs::read(path)?, path)?;
        index.insert(reference(at)?, &impression.fingerprint);
        originals.push(impression.fingerprint);
    }
    let (mut by_edit, mut false_matches, mut times) = (Map::new(), 0, Vec::new());
    for edit in &EDITS {
        let mut found = Found::default();
        for (at, path) in photos.iter().enumerate() {
            let (copy, ms) = copy_of(path, edit, at)?;
            times.push(ms);
            look_up(&index, &copy, at, &mut found)?;
        }
        by_edit.insert(
            edit.name.to_owned(),
            json!(metrics::share(found.own, photos.len())),
        );
        false_matches += found.others;
    }
    let pairs = EDITS.len() * photos.len() * photos.len().saturating_sub(1);
    let mut fields = json!({
        "by_edit": by_edit,
        "photos": photos.len(),
        "pairs": pairs,
        "false_matches": false_matches,
        "rule_of_three_bound": 3.0 / pairs.max(1) as f64,
        "impression_ms": metrics::quantile(&times, 0.5),
    });
    fill(&mut index, &originals)?;
    for (name, value) in among_many(&index, &photos)? {
        fields[name] = value;
    }
    Ok(Report::new("duplicates", fields))
}

/// Adds fingerprints of no photo until there are [`MANY`].
fn fill(index: &mut PhotoIndex, originals: &[Fingerprint]) -> Result<()> {
    for seed in index.len()..MANY {
        let Some(original) = originals.get(seed % originals.len().max(1)) else {
            break;
        };
        index.insert(reference(seed)?, &original.altered(seed as u64));
    }
    Ok(())
}

fn among_many(index: &PhotoIndex, photos: &[PathBuf]) -> Result<Vec<(&'static str, Value)>> {
    let (mut found, mut times) = (Found::default(), Vec::new());
    for edit in &EDITS {
        for (at, path) in photos.iter().enumerate().step_by(TIMED_EVERY) {
            let (copy, _) = copy_of(path, edit, at)?;
            let (looked_up, ms) = timed(|| look_up(index, &copy, at, &mut found));
            looked_up?;
            times.push(ms);
        }
    }
    Ok(vec![
        ("lookup_photos", json!(index.len())),
        ("lookup_ms", json!(metrics::quantile(&times, 0.5))),
        ("lookup_ms_p99", json!(metrics::quantile(&times, 0.99))),
        ("lookup_recall", json!(metrics::share(found.own, times.len()))),
        ("lookup_false_matches", json!(found.others)),
        ("resident_mb", json!(resident_mb())),
    ])
}

fn look_up(index: &PhotoIndex, copy: &Impression, at: usize, found: &mut Found) -> Result<()> {
    let matches = index.query(copy, &TicketId::new("copy")?);
    let own = matches.iter().any(|found| found.photo.photo_id == at.to_string());
    found.own += usize::from(own);
    found.others += matches.len() - usize::from(own);
    Ok(())
}

fn reference(at: usize) -> Result<PhotoRef> {
    Ok(PhotoRef {
        photo_id: at.to_string(),
        ticket_id: TicketId::new(&format!("ticket {at}"))?,
    })
}

/// The edited photo as the server would see it, and the milliseconds from pixels to impression.
fn copy_of(path: &PathBuf, edit: &Edit, at: usize) -> Result<(Impression, f64)> {
    let original: RgbImage = image::open(path)
        .with_context(|| path.display().to_string())?
        .to_rgb8();
    let bytes = (edit.apply)(&original, at)?;
    let decoded = decode(&bytes, Limits::default()).with_context(|| path.display().to_string())?;
    Ok(timed(|| Impression::of(&decoded.photo, &bytes)))
}

fn impression(bytes: &[u8], path: &Path) -> Result<Impression> {
    let decoded = decode(bytes, Limits::default()).with_context(|| path.display().to_string())?;
    Ok(Impression::of(&decoded.photo, bytes))
}

/// Resident memory of this process, MiB; null where the system does not tell.
fn resident_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes / 1024.0)
}
