//! Photos and models made up for this crate's tests.

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder as _};
use shifu_domain::Photo;
use shifu_domain::models::{ImageEncoder, ImageFeatures, ModelError, ModelVersion, Priority};

use crate::luma::{Areas, Luma};

pub(crate) fn flat(width: u32, height: u32, colour: [u8; 3]) -> Photo {
    checkerboard(width, height, 1, colour, colour)
}

pub(crate) fn checkerboard(width: u32, height: u32, square: u32, dark: [u8; 3], light: [u8; 3]) -> Photo {
    let colour = |x: u32, y: u32| {
        if (x / square + y / square).is_multiple_of(2) {
            dark
        } else {
            light
        }
    };
    from_fn(width, height, colour)
}

pub(crate) fn from_fn(width: u32, height: u32, colour: impl Fn(u32, u32) -> [u8; 3]) -> Photo {
    let rgb = (0..height)
        .flat_map(|y| (0..width).map(move |x| (x, y)))
        .flat_map(|(x, y)| colour(x, y))
        .collect();
    Photo::from_rgb(width, height, rgb).unwrap()
}

/// A number in 0..1 that depends on all of its input bits (SplitMix64).
pub(crate) fn noise(seed: u64) -> f64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// A cluttered scene of rectangles; each seed another.
pub(crate) fn scene(width: u32, height: u32, seed: u64) -> Photo {
    let boxes: Vec<[f64; 7]> = (0..24)
        .map(|i| std::array::from_fn(|j| noise(seed * 1000 + i * 10 + j as u64)))
        .collect();
    from_fn(width, height, |x, y| {
        let (u, v) = (f64::from(x) / f64::from(width), f64::from(y) / f64::from(height));
        let mut colour = [90.0, 100.0, 110.0];
        for b in &boxes {
            if (u - b[0]).abs() < 0.03 + b[2] * 0.15 && (v - b[1]).abs() < 0.03 + b[3] * 0.15 {
                colour = [30.0 + b[4] * 200.0, 30.0 + b[5] * 200.0, 30.0 + b[6] * 200.0];
            }
        }
        let grain = noise(u64::from(y) * 10_007 + u64::from(x) + seed * 77) * 6.0;
        colour.map(|c| (c + grain) as u8)
    })
}

/// A bracket with six bolts (fewer when `missing`), in a light and place that vary with `seed`.
pub(crate) fn bracket(seed: u64, missing: &[usize]) -> Photo {
    let vary = |k: u64| noise(seed * 31 + k) - 0.5;
    let (dx, dy, light) = (vary(1) * 2.0, vary(2) * 2.0, 1.0 + vary(3) * 0.2);
    let bolts: Vec<(f64, f64)> = (0..6)
        .filter(|i| !missing.contains(i))
        .map(|i| {
            (
                60.0 + f64::from(i as u32 % 3) * 100.0 + dx,
                80.0 + f64::from(i as u32 / 3) * 110.0 + dy,
            )
        })
        .collect();
    from_fn(320, 256, |x, y| {
        let (x, y) = (f64::from(x), f64::from(y));
        let on_bar = (y - 80.0 - dy).abs() < 24.0 || (y - 190.0 - dy).abs() < 24.0;
        let on_bolt = bolts.iter().any(|(bx, by)| (x - bx).hypot(y - by) < 11.0);
        let base = if on_bolt {
            40.0
        } else if on_bar {
            190.0
        } else {
            120.0
        };
        let stripe = if on_bar && !on_bolt && (x as u32).is_multiple_of(16) {
            -30.0
        } else {
            0.0
        };
        let grain = (noise(seed * 1_000_003 + y as u64 * 331 + x as u64) - 0.5) * 8.0;
        [((base + stripe) * light + grain).clamp(0.0, 255.0) as u8; 3]
    })
}

pub(crate) fn jpeg(photo: &Photo, quality: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
    encoder
        .write_image(
            photo.rgb(),
            photo.width(),
            photo.height(),
            ExtendedColorType::Rgb8,
        )
        .unwrap();
    bytes
}

pub(crate) fn png(photo: &Photo) -> Vec<u8> {
    let mut bytes = Vec::new();
    let encoder = image::codecs::png::PngEncoder::new(&mut bytes);
    encoder
        .write_image(
            photo.rgb(),
            photo.width(),
            photo.height(),
            ExtendedColorType::Rgb8,
        )
        .unwrap();
    bytes
}

/// A deterministic encoder: a patch is the 2 x 2 means of its area less their own mean, that mean, and their spread.
pub(crate) struct TinyEncoder;

impl ImageEncoder for TinyEncoder {
    fn version(&self) -> ModelVersion {
        ModelVersion {
            name: "tiny".into(),
            version: "1".into(),
        }
    }

    fn encode(&self, photo: &Photo, _: Priority) -> Result<ImageFeatures, ModelError> {
        const SIDE: usize = 14;
        let areas = Areas::of(&Luma::of(photo));
        let mut patches = Vec::new();
        let mut global = vec![0.0f32; 6];
        for row in 0..SIDE {
            for column in 0..SIDE {
                let edge = |at: usize| at as f64 / SIDE as f64;
                let grid = areas.grid(edge(column), edge(row), edge(column + 1), edge(row + 1), 2);
                let mean = grid.iter().sum::<f32>() / 4.0;
                let spread = (grid.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / 4.0).sqrt();
                let patch: Vec<f32> = grid
                    .iter()
                    .map(|v| (v - mean) / 64.0)
                    .chain([mean / 128.0, spread / 32.0])
                    .collect();
                for (sum, value) in global.iter_mut().zip(&patch) {
                    *sum += value.abs();
                }
                patches.extend(patch);
            }
        }
        let norm = global.iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-6);
        global.iter_mut().for_each(|v| *v /= norm);
        Ok(ImageFeatures {
            columns: SIDE,
            rows: SIDE,
            dimensions: 6,
            patches,
            global,
        })
    }
}
