//! How well the weight-free descriptor tells defects and objects apart.
//!
//! `patch_quality defects GOOD_DIR BAD_DIR… [--half 0|1]`: a patch memory of every third good photo (a twelfth of its
//! patches), mean of the top 1 % of nearest distances, image AUROC against one half of the other photos.
//! `patch_quality shots DIR [--shots N]`: N photos of each class enrolled, the rest assigned to the nearest global vector.

use std::path::{Path, PathBuf};
use std::time::Instant;

use shifu_domain::Photo;
use shifu_domain::models::ImageFeatures;
use shifu_inference::PatchDescriptor;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str, otherwise: usize, arguments: &mut Vec<String>| -> Result<usize, Failure> {
        let Some(at) = arguments.iter().position(|a| a == name) else {
            return Ok(otherwise);
        };
        let value = arguments.get(at + 1).ok_or("a flag needs its value")?.parse()?;
        arguments.drain(at..at + 2);
        Ok(value)
    };
    let half = number("--half", 1, &mut arguments)?;
    let shots = number("--shots", 5, &mut arguments)?;
    match arguments
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["defects", good, bad @ ..] => defects(good, bad, half),
        ["shots", dir] => classes(dir, shots),
        _ => Err("usage: patch_quality defects GOOD BAD… | shots DIR".into()),
    }
}

#[allow(clippy::print_stdout, reason = "printing is what this program is for")]
fn defects(good: &str, bad: &[&str], half: usize) -> Result<(), Failure> {
    let good = photos(Path::new(good))?;
    let bank = Bank::of(&features(good.iter().step_by(3))?, 12);
    let normal: Vec<f32> = scores(&bank, &features(good.iter().skip(1 + half).step_by(3))?);
    let mut all = Vec::new();
    for dir in bad {
        let defective = photos(Path::new(dir))?;
        let scores = scores(&bank, &features(defective.iter().skip(half).step_by(2))?);
        println!(
            "{dir}: AUROC {:.4} ({} photos)",
            auroc(&normal, &scores),
            scores.len()
        );
        all.extend(scores);
    }
    println!(
        "all: AUROC {:.4}, {} good, {} defective",
        auroc(&normal, &all),
        normal.len(),
        all.len()
    );
    let photo = open(&good[0])?;
    let began = Instant::now();
    for _ in 0..20 {
        std::hint::black_box(PatchDescriptor::new().features(&photo));
    }
    println!(
        "{:.2} ms a photo of {photo:?}",
        began.elapsed().as_secs_f64() * 50.0
    );
    Ok(())
}

#[allow(clippy::print_stdout, reason = "printing is what this program is for")]
fn classes(dir: &str, shots: usize) -> Result<(), Failure> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(dir)?
        .flatten()
        .map(|e| e.path())
        .filter(|p| p.is_dir())
        .collect();
    folders.sort();
    let (mut enrolled, mut rest) = (Vec::new(), Vec::new());
    for (class, folder) in folders.iter().enumerate() {
        for (at, path) in photos(folder)?.iter().enumerate() {
            let global = PatchDescriptor::new().features(&open(path)?).global;
            if at < shots {
                enrolled.push((class, global))
            } else {
                rest.push((class, global))
            }
        }
    }
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
    let nearest = |global: &[f32]| {
        enrolled
            .iter()
            .max_by(|a, b| dot(&a.1, global).total_cmp(&dot(&b.1, global)))
            .map(|e| e.0)
    };
    let right = rest
        .iter()
        .filter(|(class, global)| nearest(global) == Some(*class))
        .count();
    println!(
        "{} classes, {shots} shots: accuracy {:.4} of {}",
        folders.len(),
        right as f64 / rest.len() as f64,
        rest.len()
    );
    Ok(())
}

/// Patches of good photos.
struct Bank {
    dimensions: usize,
    patches: Vec<f32>,
}

impl Bank {
    /// Every `step`th patch.
    fn of(photos: &[ImageFeatures], step: usize) -> Self {
        let dimensions = photos.first().map_or(1, |f| f.dimensions);
        let all = photos.iter().flat_map(|f| f.patches.chunks_exact(dimensions));
        Self {
            dimensions,
            patches: all.step_by(step).flatten().copied().collect(),
        }
    }

    fn distance(&self, patch: &[f32]) -> f32 {
        let squared = |q: &[f32]| patch.iter().zip(q).map(|(a, b)| (a - b) * (a - b)).sum::<f32>();
        self.patches
            .chunks_exact(self.dimensions)
            .map(squared)
            .fold(f32::MAX, f32::min)
            .sqrt()
    }
}

fn scores(bank: &Bank, photos: &[ImageFeatures]) -> Vec<f32> {
    let score = |f: &ImageFeatures| {
        let mut distances: Vec<f32> = f
            .patches
            .chunks_exact(f.dimensions)
            .map(|p| bank.distance(p))
            .collect();
        distances.sort_by(|a, b| b.total_cmp(a));
        let top = (distances.len() / 100).max(1);
        distances[..top].iter().sum::<f32>() / top as f32
    };
    photos.iter().map(score).collect()
}

/// Chance that a defective photo scores above a good one; ties count half.
fn auroc(good: &[f32], bad: &[f32]) -> f64 {
    let wins = |b: &f32| {
        good.iter()
            .map(|g| {
                if b > g {
                    1.0
                } else if b == g {
                    0.5
                } else {
                    0.0
                }
            })
            .sum::<f64>()
    };
    bad.iter().map(wins).sum::<f64>() / (good.len() * bad.len()) as f64
}

fn features<'a>(paths: impl Iterator<Item = &'a PathBuf>) -> Result<Vec<ImageFeatures>, Failure> {
    paths
        .map(|path| Ok(PatchDescriptor::new().features(&open(path)?)))
        .collect()
}

fn photos(dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    let is_photo = |p: &PathBuf| p.extension().is_some_and(|e| e == "jpg");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(dir)?
        .flatten()
        .map(|e| e.path())
        .filter(is_photo)
        .collect();
    paths.sort();
    Ok(paths)
}

fn open(path: &Path) -> Result<Photo, Failure> {
    let decoded = image::open(path)?.to_rgb8();
    Ok(Photo::from_rgb(
        decoded.width(),
        decoded.height(),
        decoded.into_raw(),
    )?)
}
