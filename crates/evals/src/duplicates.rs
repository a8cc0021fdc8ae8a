//! `duplicates DIR`: are near copies found, and are different photos kept apart?

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use image::{DynamicImage, ImageFormat, RgbImage};
use serde_json::{Map, json};
use shifu_domain::TicketId;
use shifu_inspection::{Fingerprint, Limits, PhotoIndex, PhotoRef, decode};

use crate::data::{folders_in, photos_in};
use crate::report::Report;
use crate::{metrics, timed};

/// An edit by name.
type Edit = (&'static str, fn(&RgbImage) -> Result<Vec<u8>>);

const EDITS: [Edit; 6] = [
    ("jpeg_50", |photo| jpeg(photo, 50)),
    ("lighter_20", |photo| jpeg(&scaled(photo, 1.2), 85)),
    ("darker_20", |photo| jpeg(&scaled(photo, 0.8), 85)),
    ("crop_10_percent_of_area", |photo| {
        jpeg(&cropped(photo, 0.026), 85)
    }),
    ("crop_10_percent_a_side", |photo| jpeg(&cropped(photo, 0.10), 85)),
    ("half_size", |photo| {
        let half = image::imageops::resize(
            photo,
            photo.width() / 2,
            photo.height() / 2,
            image::imageops::FilterType::Triangle,
        );
        jpeg(&half, 85)
    }),
];

/// Indexes every photo of the folder (and its subfolders), makes one near copy of each by every edit, and looks it up.
///
/// # Errors
/// A folder that cannot be read.
pub fn run(dir: &Path) -> Result<Report> {
    let mut photos = photos_in(dir)?;
    for folder in folders_in(dir)? {
        photos.extend(photos_in(&folder)?);
    }
    let mut index = PhotoIndex::default();
    let (mut same_pairs, mut lookups) = (0, Vec::new());
    for (at, path) in photos.iter().enumerate() {
        let fingerprint = fingerprint(&std::fs::read(path)?, path)?;
        let of = ticket(at)?;
        let (matches, ms) = timed(|| index.query(&fingerprint, &of));
        same_pairs += matches.len();
        lookups.push(ms);
        index.insert(
            PhotoRef {
                photo_id: at.to_string(),
                ticket_id: of,
            },
            &fingerprint,
        );
    }
    let mut by_edit = Map::new();
    for (name, edit) in EDITS {
        by_edit.insert(name.to_owned(), json!(recall(&photos, &index, edit)?));
    }
    let pairs = photos.len() * photos.len().saturating_sub(1) / 2;
    Ok(Report::new(
        "duplicates",
        json!({
            "by_edit": by_edit,
            "photos": photos.len(),
            "pairs": pairs,
            "false_matches": same_pairs,
            "rule_of_three_bound": 3.0 / pairs.max(1) as f64,
            "lookup_ms": metrics::quantile(&lookups, 0.5),
        }),
    ))
}

fn recall(photos: &[PathBuf], index: &PhotoIndex, edit: fn(&RgbImage) -> Result<Vec<u8>>) -> Result<f64> {
    let mut found = 0;
    for (at, path) in photos.iter().enumerate() {
        let original = image::open(path)
            .with_context(|| path.display().to_string())?
            .to_rgb8();
        let copy = fingerprint(&edit(&original)?, path)?;
        let matches = index.query(&copy, &TicketId::new("copy")?);
        found += usize::from(matches.iter().any(|found| found.photo.photo_id == at.to_string()));
    }
    Ok(metrics::share(found, photos.len()))
}

fn ticket(at: usize) -> Result<TicketId> {
    Ok(TicketId::new(&format!("ticket {at}"))?)
}

fn fingerprint(bytes: &[u8], path: &Path) -> Result<Fingerprint> {
    let decoded = decode(bytes, Limits::default()).with_context(|| path.display().to_string())?;
    Ok(Fingerprint::of(&decoded.photo, bytes))
}

fn jpeg(photo: &RgbImage, quality: u8) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(photo)?;
    debug_assert!(image::guess_format(&bytes).is_ok_and(|format| format == ImageFormat::Jpeg));
    Ok(bytes)
}

fn scaled(photo: &RgbImage, factor: f32) -> RgbImage {
    let mut scaled = photo.clone();
    scaled
        .iter_mut()
        .for_each(|value| *value = (f32::from(*value) * factor).min(255.0) as u8);
    scaled
}

/// Cuts `share` of width and height off each side.
fn cropped(photo: &RgbImage, share: f32) -> RgbImage {
    let (width, height) = photo.dimensions();
    let (left, top) = ((width as f32 * share) as u32, (height as f32 * share) as u32);
    DynamicImage::ImageRgb8(photo.clone())
        .crop_imm(left, top, width - 2 * left, height - 2 * top)
        .to_rgb8()
}
