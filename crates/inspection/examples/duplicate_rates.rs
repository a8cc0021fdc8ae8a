//! How many edited copies are found, and how many different photos are taken for one another:
//! `cargo run --release -p shifu-inspection --example duplicate_rates -- DIR…`
//!
//! Photos whose names agree up to `.rf.` are versions of one photo and count neither way.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder as _};
use shifu_domain::{Photo, TicketId};
use shifu_inspection::{DuplicateLimits, Fingerprint, Limits, PhotoIndex, PhotoRef, decode};

type Edit = (&'static str, fn(&Photo) -> Photo, u8);

const EDITS: [Edit; 11] = [
    ("jpeg 50", |p| p.clone(), 50),
    ("light x 1.2", |p| mapped(p, |v| v * 1.2), 85),
    ("light x 0.8", |p| mapped(p, |v| v * 0.8), 85),
    (
        "half size",
        |p| shifu_inspection::shrink(p.clone(), p.width().max(p.height()) / 2),
        85,
    ),
    (
        "crop to 95 % of each side, centre",
        |p| cropped(p, 0.025, 0.025, 0.95),
        85,
    ),
    ("crop 5 % a side", |p| cropped(p, 0.05, 0.05, 0.90), 85),
    (
        "crop 10 % of the area, corner",
        |p| cropped(p, 0.0, 0.0, 0.949),
        85,
    ),
    ("crop 10 % a side", |p| cropped(p, 0.1, 0.1, 0.80), 85),
    (
        "crop 3 % left, 7 % top, 85 % kept",
        |p| cropped(p, 0.03, 0.07, 0.85),
        85,
    ),
    ("crop 7 % a side", |p| cropped(p, 0.07, 0.07, 0.86), 85),
    ("watermark, 6 % of the area", watermarked, 85),
];

const EDITED_STEP: usize = 6;

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let mut all = Vec::new();
    for folder in std::env::args().skip(1) {
        all.extend(photos_below(Path::new(&folder))?);
    }
    writeln!(
        out,
        "{} photos, {} pairs",
        all.len(),
        all.len() * all.len().saturating_sub(1) / 2
    )?;
    // Every photo is looked up among all others; the edits are made of every sixth.
    let prints: Vec<Vec<Fingerprint>> = all
        .iter()
        .step_by(EDITED_STEP)
        .map(|(_, photo)| {
            EDITS
                .iter()
                .map(|(_, edit, quality)| resaved(&edit(photo), *quality))
                .collect()
        })
        .collect();
    for (fine_bits, steps_bits) in [(48, 14), (56, 14), (64, 16)] {
        measure(
            &mut out,
            &all,
            &prints,
            DuplicateLimits {
                fine_bits,
                steps_bits,
            },
        )?;
    }
    Ok(())
}

fn measure(
    out: &mut impl std::io::Write,
    all: &[(String, Photo)],
    prints: &[Vec<Fingerprint>],
    limits: DuplicateLimits,
) -> std::io::Result<()> {
    let mut index = PhotoIndex::new(limits);
    let Ok(new) = TicketId::new("new") else {
        return Ok(());
    };
    let mut false_pairs = BTreeSet::new();
    let start = Instant::now();
    for (i, (name, photo)) in all.iter().enumerate() {
        let fingerprint = Fingerprint::of(photo, name.as_bytes());
        for found in index.query(&fingerprint, &new) {
            let other: usize = found.photo.photo_id.parse().unwrap_or(0);
            if origin(&all[other].0) != origin(name) {
                false_pairs.insert((other, i));
            }
        }
        let Ok(old) = TicketId::new("old") else {
            return Ok(());
        };
        index.insert(
            PhotoRef {
                photo_id: i.to_string(),
                ticket_id: old,
            },
            &fingerprint,
        );
    }
    writeln!(
        out,
        "{limits:?}: {} false pairs, {:?} in all",
        false_pairs.len(),
        start.elapsed()
    )?;
    for (a, b) in false_pairs.iter().take(12) {
        writeln!(out, "    {} ~ {}", all[*a].0, all[*b].0)?;
    }
    for (edit, (name, _, _)) in EDITS.iter().enumerate() {
        let found = |i: &usize| {
            let matches = index.query(&prints[*i / EDITED_STEP][edit], &new);
            matches.iter().any(|found| found.photo.photo_id == i.to_string())
        };
        let recall =
            (0..all.len()).step_by(EDITED_STEP).filter(found).count() as f64 / prints.len().max(1) as f64;
        writeln!(out, "    {name:36} {recall:.4}")?;
    }
    Ok(())
}

fn origin(name: &str) -> &str {
    name.split(".rf.").next().unwrap_or(name)
}

fn resaved(photo: &Photo, quality: u8) -> Fingerprint {
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
    let written = encoder.write_image(
        photo.rgb(),
        photo.width(),
        photo.height(),
        ExtendedColorType::Rgb8,
    );
    let decoded = written.ok().and_then(|()| decode(&bytes, Limits::default()).ok());
    Fingerprint::of(decoded.as_ref().map_or(photo, |decoded| &decoded.photo), &bytes)
}

fn photos_below(folder: &Path) -> std::io::Result<Vec<(String, Photo)>> {
    let mut paths: Vec<PathBuf> = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path)
            } else {
                paths.push(path)
            }
        }
    }
    paths.sort();
    let read = |path: PathBuf| {
        let decoded = decode(&std::fs::read(&path).ok()?, Limits::default()).ok()?;
        Some((path.file_name()?.to_string_lossy().into_owned(), decoded.photo))
    };
    paths.retain(|path| path.extension().is_some_and(|extension| extension != "txt"));
    let small = |(name, photo): (String, Photo)| (name, shifu_inspection::shrink(photo, 512));
    Ok(paths.into_iter().filter_map(read).map(small).collect())
}

fn mapped(photo: &Photo, value: impl Fn(f32) -> f32) -> Photo {
    let rgb = photo
        .rgb()
        .iter()
        .map(|v| value(f32::from(*v)).clamp(0.0, 255.0) as u8)
        .collect();
    Photo::from_rgb(photo.width(), photo.height(), rgb).unwrap_or_else(|_| photo.clone())
}

fn cropped(photo: &Photo, left: f32, top: f32, share: f32) -> Photo {
    let part = |side: u32, share: f32| (side as f32 * share) as u32;
    let (width, height) = (part(photo.width(), share), part(photo.height(), share));
    let (x0, y0) = (part(photo.width(), left), part(photo.height(), top));
    let rgb = (0..height)
        .flat_map(|y| (0..width).map(move |x| (x, y)))
        .flat_map(|(x, y)| photo.pixel(x0 + x, y0 + y));
    Photo::from_rgb(width, height, rgb.collect()).unwrap_or_else(|_| photo.clone())
}

/// A translucent white band over the lower right: 30 % of the width, 20 % of the height.
fn watermarked(photo: &Photo) -> Photo {
    let (width, height) = (photo.width(), photo.height());
    let inside = |x: u32, y: u32| {
        x * 10 > width * 6 && x * 10 < width * 9 && y * 10 > height * 7 && y * 10 < height * 9
    };
    let at = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let ink = |(x, y): (u32, u32)| {
        let pixel = photo.pixel(x, y);
        if inside(x, y) {
            pixel.map(|v| (u16::from(v) / 2 + 127) as u8)
        } else {
            pixel
        }
    };
    Photo::from_rgb(width, height, at.flat_map(ink).collect()).unwrap_or_else(|_| photo.clone())
}
