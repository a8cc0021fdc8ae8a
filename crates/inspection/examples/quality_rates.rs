//! How often the quality gate is right: `cargo run --release -p shifu-inspection --example quality_rates -- DIR…`
//!
//! Photos below each DIR are taken as they are (all should pass) and after stated edits (all should be caught). At most 60
//! photos a DIR, evenly spread, shrunk to 512 pixels, the size at which sharpness is measured.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use shifu_domain::Photo;
use shifu_inspection::{Limits, Quality, QualityLimits, decode};

type Edit = fn(&Photo) -> Photo;

fn main() -> std::io::Result<()> {
    let edits: [(&str, &str, Edit); 12] = [
        ("as it is", "", |photo| photo.clone()),
        ("blur, sigma 0.2 % of the long side", "blurred", |p| {
            blurred(p, 0.002)
        }),
        ("blur, sigma 0.3 %", "blurred", |p| blurred(p, 0.003)),
        ("blur, sigma 0.5 %", "blurred", |p| blurred(p, 0.005)),
        ("blur, sigma 1 %", "blurred", |p| blurred(p, 0.01)),
        ("moved by 1.5 % of the width", "blurred", |p| moved(p, 0.015)),
        ("moved by 3 %", "blurred", |p| moved(p, 0.03)),
        ("light x 0.2", "too_dark", |p| lit(p, 0.2, 0.0)),
        ("light x 0.1", "too_dark", |p| lit(p, 0.1, 0.0)),
        ("light x 0.05", "too_dark", |p| lit(p, 0.05, 0.0)),
        ("light x 3 + 80", "too_bright", |p| lit(p, 3.0, 80.0)),
        ("light x 4 + 120", "too_bright", |p| lit(p, 4.0, 120.0)),
    ];
    let mut out = std::io::stdout().lock();
    for folder in std::env::args().skip(1) {
        let photos = photos_below(Path::new(&folder))?;
        writeln!(out, "{folder}: {} photos", photos.len())?;
        for (edit, wanted, apply) in edits {
            let (mut caught, mut flagged, mut sharpness) = (0u32, 0u32, Vec::new());
            let mut flags = std::collections::BTreeMap::<String, usize>::new();
            let start = Instant::now();
            for photo in &photos {
                let edited = apply(photo);
                let quality = Quality::of_pixels(&edited, edited.width().min(edited.height()));
                sharpness.extend(quality.sharpness);
                let defects = quality.defects(&QualityLimits::default());
                flagged += u32::from(!defects.is_empty());
                caught += u32::from(defects.iter().any(|defect| defect.kind.to_string() == wanted));
                for defect in defects {
                    *flags.entry(defect.kind.to_string()).or_default() += 1;
                }
            }
            sharpness.sort_by(f32::total_cmp);
            let at = |share: f64| {
                sharpness
                    .get((sharpness.len() as f64 * share) as usize)
                    .copied()
                    .unwrap_or(f32::NAN)
            };
            let count = photos.len().max(1) as f64;
            writeln!(
                out,
                "  {edit:36} flagged {:.3}  as {wanted:10} {:.3}  sharpness p01 {:.2} p05 {:.2} p50 {:.2} p95 {:.2} p99 {:.2}  {:.1} ms  {flags:?}",
                f64::from(flagged) / count,
                f64::from(caught) / count,
                at(0.01),
                at(0.05),
                at(0.5),
                at(0.95),
                at(0.99),
                start.elapsed().as_secs_f64() * 1000.0 / count
            )?;
        }
    }
    Ok(())
}

fn photos_below(folder: &Path) -> std::io::Result<Vec<Photo>> {
    let mut paths = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path: PathBuf = entry?.path();
            if path.is_dir() {
                open.push(path)
            } else {
                paths.push(path)
            }
        }
    }
    paths.retain(|path| path.extension().is_some_and(|extension| extension != "txt"));
    paths.sort();
    let read = |path: PathBuf| decode(&std::fs::read(path).ok()?, Limits::default()).ok();
    let step = paths.len().div_ceil(60).max(1);
    let small = |decoded: shifu_inspection::DecodedPhoto| shifu_inspection::shrink(decoded.photo, 512);
    Ok(paths
        .into_iter()
        .step_by(step)
        .filter_map(read)
        .map(small)
        .collect())
}

fn map(photo: &Photo, value: impl Fn(i64, i64, usize) -> f32) -> Photo {
    let (width, height) = (i64::from(photo.width()), i64::from(photo.height()));
    let at = |y: i64| (0..width).flat_map(move |x| (0..3).map(move |c| (x, y, c)));
    let rgb = (0..height)
        .flat_map(at)
        .map(|(x, y, c)| value(x, y, c).clamp(0.0, 255.0) as u8)
        .collect();
    Photo::from_rgb(photo.width(), photo.height(), rgb).unwrap_or_else(|_| photo.clone())
}

fn channel(photo: &Photo, x: i64, y: i64, c: usize) -> f32 {
    let x = x.clamp(0, i64::from(photo.width()) - 1) as u32;
    let y = y.clamp(0, i64::from(photo.height()) - 1) as u32;
    f32::from(photo.pixel(x, y)[c])
}

/// Separable Gaussian; `sigma` in fractions of the long side.
fn blurred(photo: &Photo, sigma: f32) -> Photo {
    let sigma = sigma * photo.width().max(photo.height()) as f32;
    let radius = (3.0 * sigma).ceil() as i64;
    let weights: Vec<f32> = (-radius..=radius)
        .map(|i| (-(i * i) as f32 / (2.0 * sigma * sigma)).exp())
        .collect();
    let total: f32 = weights.iter().sum();
    let along = |photo: &Photo, dx: i64, dy: i64| {
        map(photo, |x, y, c| {
            let at = |(i, w): (usize, &f32)| {
                let offset = i as i64 - radius;
                w * channel(photo, x + dx * offset, y + dy * offset, c)
            };
            weights.iter().enumerate().map(at).sum::<f32>() / total + 0.5
        })
    };
    along(&along(photo, 1, 0), 0, 1)
}

/// Mean along the width.
fn moved(photo: &Photo, share: f32) -> Photo {
    let reach = ((share * photo.width() as f32) as i64).max(1);
    map(photo, |x, y, c| {
        (0..reach).map(|i| channel(photo, x + i, y, c)).sum::<f32>() / reach as f32
    })
}

fn lit(photo: &Photo, factor: f32, added: f32) -> Photo {
    map(photo, |x, y, c| channel(photo, x, y, c) * factor + added)
}
