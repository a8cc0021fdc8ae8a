//! Photos of tickets that never were: each a seeded variation of a given one, prepared before anything is timed.
//!
//! The server takes a photo of an earlier ticket for a duplicate although it was saved again, brightened or cropped along an edge, so a
//! variation has to change more than that: another part of the frame, and light and shade as leaves would throw them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use image::RgbImage;
use tempfile::TempDir;

use super::LoadOptions;
use super::random::Random;
use crate::data::{folders_in, name_of, photos_in};

/// Folders within folders that are looked into.
const MOST_DEPTH: usize = 6;
/// Shorter sides than this make no usable photo, pixels.
const SHORTEST_SIDE: u32 = 240;
/// Cells of the light pattern along each side.
const CELLS: usize = 24;
/// Light and shade of the pattern, grey levels of 255; with the crop it keeps variations apart (see the tests).
const SHADE: f32 = 34.0;

/// A photo ready to be sent.
#[derive(Debug, Clone)]
pub(super) struct PreparedPhoto {
    pub(super) path: PathBuf,
    /// The checkpoint that its folder names, where the server's standard has it.
    pub(super) checkpoint: Option<String>,
}

/// Photos in a folder that is removed with this value.
#[derive(Debug)]
pub(super) struct PreparedPhotos {
    photos: Vec<PreparedPhoto>,
    bytes: u64,
    unreadable: usize,
    _folder: TempDir,
}

struct Source {
    path: PathBuf,
    checkpoint: Option<String>,
    /// Its checkpoint, or its folder where that names none.
    group: String,
}

impl PreparedPhotos {
    /// Makes as many variations as photos are to be sent, from every photo of the folder in turn.
    pub(super) fn prepare(options: &LoadOptions, checkpoints: &[String]) -> Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a folder for prepared photos")?;
        let wanted = options
            .photos
            .min(options.distinct_photos.unwrap_or(usize::MAX).max(1));
        let mut prepared = Self {
            photos: Vec::new(),
            bytes: 0,
            unreadable: 0,
            _folder: folder,
        };
        if wanted == 0 {
            return Ok(prepared);
        }
        let mut sources = sources(&options.photo_dir, checkpoints)?;
        let readable = |source: &Source| {
            image::image_dimensions(&source.path).is_ok_and(|(w, h)| w.min(h) >= SHORTEST_SIDE)
        };
        let found = sources.len();
        sources.retain(readable);
        if sources.is_empty() {
            bail!(
                "{} holds no photo of at least {SHORTEST_SIDE} pixels a side",
                options.photo_dir.display()
            );
        }
        prepared.unreadable = found - sources.len();
        let (made, damaged) = vary_all(&sources, wanted, options.seed, prepared._folder.path())?;
        prepared.unreadable += damaged;
        prepared.bytes = made.values().map(|(bytes, _)| bytes).sum();
        prepared.photos = made.into_values().map(|(_, photo)| photo).collect();
        if prepared.photos.is_empty() {
            bail!("no photo of {} can be decoded", options.photo_dir.display());
        }
        Ok(prepared)
    }

    /// The six photos of ticket `ticket`.
    pub(super) fn of_ticket(&self, ticket: usize, count: usize) -> impl Iterator<Item = &PreparedPhoto> {
        let first = ticket * super::PHOTOS_A_TICKET;
        (first..first + count).map(|at| &self.photos[at % self.photos.len()])
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn unreadable(&self) -> usize {
        self.unreadable
    }
}

/// Position of a prepared photo to its size and itself.
type Made = BTreeMap<usize, (u64, PreparedPhoto)>;

/// Makes the variations of each source at its positions: it is decoded once. Gives also how many sources turned out to be damaged.
fn vary_all(sources: &[Source], wanted: usize, seed: u64, folder: &Path) -> Result<(Made, usize)> {
    let (next, damaged) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let made = Mutex::new(BTreeMap::new());
    let positions = positions_of(sources, wanted);
    let work = || -> Result<()> {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(source) = sources.get(number) else {
                return Ok(());
            };
            if positions[number].is_empty() {
                continue;
            }
            let Ok(original) = image::open(&source.path) else {
                damaged.fetch_add(1, Ordering::Relaxed);
                continue;
            };
            let original = original.to_rgb8();
            for &at in &positions[number] {
                let mut random = Random::new(seed ^ (at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
                let bytes = jpeg(&variation(&original, &mut random), &mut random)?;
                let path = folder.join(format!("{at:06}.jpg"));
                fs::write(&path, &bytes).with_context(|| format!("cannot write {}", path.display()))?;
                let photo = PreparedPhoto {
                    path,
                    checkpoint: source.checkpoint.clone(),
                };
                made.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(at, (bytes.len() as u64, photo));
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| {
            worker
                .join()
                .unwrap_or_else(|_| bail!("preparing photos panicked"))
        })
    })?;
    let made = made.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok((made, damaged.into_inner()))
}

/// Which of the `wanted` photos each source gives: one photo of every checkpoint (or folder) in turn, so that a ticket shows six
/// different ones where there are six, and each checkpoint's photos in turn.
fn positions_of(sources: &[Source], wanted: usize) -> Vec<Vec<usize>> {
    let mut groups: Vec<(&str, Vec<usize>)> = Vec::new();
    for (number, source) in sources.iter().enumerate() {
        match groups.iter_mut().find(|(group, _)| *group == source.group) {
            Some((_, numbers)) => numbers.push(number),
            None => groups.push((&source.group, vec![number])),
        }
    }
    let mut positions = vec![Vec::new(); sources.len()];
    for at in 0..wanted {
        let (_, numbers) = &groups[at % groups.len()];
        positions[numbers[at / groups.len() % numbers.len()]].push(at);
    }
    positions
}

/// Every photo below `dir`, in name order.
fn sources(dir: &Path, checkpoints: &[String]) -> Result<Vec<Source>> {
    let mut found = Vec::new();
    collect(dir, None, checkpoints, MOST_DEPTH, &mut found)?;
    Ok(found)
}

fn collect(
    dir: &Path,
    checkpoint: Option<&String>,
    checkpoints: &[String],
    depth: usize,
    found: &mut Vec<Source>,
) -> Result<()> {
    let name = name_of(dir);
    let checkpoint = checkpoints.iter().find(|known| **known == name).or(checkpoint);
    let source = |path: PathBuf| Source {
        path,
        checkpoint: checkpoint.cloned(),
        group: checkpoint
            .cloned()
            .unwrap_or_else(|| dir.to_string_lossy().into_owned()),
    };
    found.extend(photos_in(dir)?.into_iter().map(source));
    if depth > 0 {
        for folder in folders_in(dir)? {
            collect(&folder, checkpoint, checkpoints, depth - 1, found)?;
        }
    }
    Ok(())
}

/// Another part of the frame (78 to 92 % of each side) under another pattern of light.
pub(super) fn variation(photo: &RgbImage, random: &mut Random) -> RgbImage {
    let share = random.between(0.78, 0.92);
    let (width, height) = photo.dimensions();
    let side = |length: u32| ((length as f32 * share) as u32).max(1);
    let (w, h) = (side(width), side(height));
    let (left, top) = (
        random.below((width - w + 1) as usize) as u32,
        random.below((height - h + 1) as usize) as u32,
    );
    let mut varied = image::imageops::crop_imm(photo, left, top, w, h).to_image();
    shade(&mut varied, random);
    varied
}

/// Adds a grid of random light and shade, interpolated between its cells.
fn shade(photo: &mut RgbImage, random: &mut Random) {
    let grid: Vec<f32> = (0..(CELLS + 1) * (CELLS + 1))
        .map(|_| random.between(-SHADE, SHADE))
        .collect();
    let (width, height) = photo.dimensions();
    let across = positions(width);
    let down = positions(height);
    for (y, row) in photo.rows_mut().enumerate() {
        let (cell_y, part_y) = down[y];
        for (x, pixel) in row.enumerate() {
            let (cell_x, part_x) = across[x];
            let at = cell_y * (CELLS + 1) + cell_x;
            let upper = grid[at] + (grid[at + 1] - grid[at]) * part_x;
            let lower_at = at + CELLS + 1;
            let lower = grid[lower_at] + (grid[lower_at + 1] - grid[lower_at]) * part_x;
            let light = upper + (lower - upper) * part_y;
            for value in &mut pixel.0 {
                *value = (f32::from(*value) + light).clamp(0.0, 255.0) as u8;
            }
        }
    }
}

/// Of every pixel along a side: its cell, and how far into it (0..1).
fn positions(length: u32) -> Vec<(usize, f32)> {
    let scale = CELLS as f32 / length.max(1) as f32;
    (0..length)
        .map(|at| {
            let place = at as f32 * scale;
            let cell = (place as usize).min(CELLS - 1);
            (cell, place - cell as f32)
        })
        .collect()
}

fn jpeg(photo: &RgbImage, random: &mut Random) -> Result<Vec<u8>> {
    let quality = 78 + random.below(15) as u8;
    let mut bytes = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(photo)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use shifu_domain::TicketId;
    use shifu_inspection::{Impression, Limits, PhotoIndex, PhotoRef, decode};

    use super::*;

    fn bundled(photo: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../datasets/split_air_conditioner/inspection/photos")
            .join(photo)
    }

    /// Share of variations of one photo that the server's own index takes for copies of an earlier one.
    fn taken_for_duplicates(photo: &str, variations: u64) -> f64 {
        let original = image::open(bundled(photo)).unwrap().to_rgb8();
        let mut index = PhotoIndex::default();
        let mut duplicates = 0;
        for seed in 0..variations {
            let mut random = Random::new(seed);
            let bytes = jpeg(&variation(&original, &mut random), &mut random).unwrap();
            let decoded = decode(&bytes, Limits::default()).unwrap();
            let impression = Impression::of(&decoded.photo, &bytes);
            let ticket_id = TicketId::new(&format!("T-{seed}")).unwrap();
            duplicates += usize::from(!index.query(&impression, &ticket_id).is_empty());
            let photo_id = seed.to_string();
            index.insert(PhotoRef { photo_id, ticket_id }, &impression.fingerprint);
        }
        duplicates as f64 / variations as f64
    }

    #[test]
    fn variations_of_one_photo_are_not_taken_for_copies_of_each_other() {
        for photo in ["01_outdoor_bracket.jpg", "04_nameplate.jpg"] {
            let share = taken_for_duplicates(photo, 20);
            assert!(share <= 0.05, "{photo}: {share}");
        }
    }

    #[test]
    fn a_seed_decides_a_variation() {
        let original = image::open(bundled("02_pipe_connection.jpg")).unwrap().to_rgb8();
        let of = |seed: u64| variation(&original, &mut Random::new(seed));
        assert_eq!(of(7), of(7));
        assert_ne!(of(7), of(8));
    }

    #[test]
    fn a_ticket_shows_every_checkpoint_in_turn() {
        let dir = tempfile::tempdir().unwrap();
        let photo = |folder: &str, name: &str| {
            let folder = dir.path().join(folder);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(name), b"").unwrap();
        };
        photo("bracket/good", "1.jpg");
        photo("bracket/rusted", "2.jpg");
        photo("nameplate/good", "3.jpg");
        photo("other", "4.jpg");
        let known = ["bracket".to_owned(), "nameplate".to_owned()];
        let sources = sources(dir.path(), &known).unwrap();
        let checkpoints: Vec<Option<&str>> = sources
            .iter()
            .map(|source| source.checkpoint.as_deref())
            .collect();
        assert_eq!(
            checkpoints,
            [Some("bracket"), Some("bracket"), Some("nameplate"), None]
        );
        // Three groups: the bracket's two photos take every third place in turn, the others every third.
        assert_eq!(
            positions_of(&sources, 8),
            [vec![0, 6], vec![3], vec![1, 4, 7], vec![2, 5]]
        );
    }
}
