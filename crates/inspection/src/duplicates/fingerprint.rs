//! Perceptual hashes of the whole photo and of areas inside it, so that a crop still meets its original.
//!
//! Per area: a 64-bit and a 256-bit hash of the low DCT coefficients (pHash) and a 64-bit hash of horizontal steps
//! (dHash). The areas are the whole frame, two nested centres and the four corners at two sizes: someone who crops an
//! earlier photo keeps about one of them.

use std::fmt::Write as _;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use shifu_domain::Photo;

use crate::decode::shrink;
use crate::luma::{Areas, Luma};

/// What is kept of a photo to recognise it: 537 bytes. Serialised as a hexadecimal text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint {
    /// First 8 bytes of the file's SHA-256: equal for the very same file.
    pub(super) file: u64,
    /// Whether the photo shows enough for its hashes to mean anything.
    pub(super) telling: bool,
    pub(super) areas: [AreaHash; AREAS.len()],
}

/// The three hashes of one area.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct AreaHash {
    pub(super) coarse: u64,
    pub(super) steps: u64,
    pub(super) fine: [u64; 4],
}

/// Left, top, right, bottom in fractions; the whole frame first.
pub(super) const AREAS: [[f64; 4]; 11] = [
    [0.0, 0.0, 1.0, 1.0],
    [0.05, 0.05, 0.95, 0.95],
    [0.1, 0.1, 0.9, 0.9],
    [0.0, 0.0, 0.9, 0.9],
    [0.1, 0.0, 1.0, 0.9],
    [0.0, 0.1, 0.9, 1.0],
    [0.1, 0.1, 1.0, 1.0],
    [0.0, 0.0, 0.95, 0.95],
    [0.05, 0.0, 1.0, 0.95],
    [0.0, 0.05, 0.95, 1.0],
    [0.05, 0.05, 1.0, 1.0],
];

const GRID: usize = 32;
/// Side of the block of low frequencies that are kept for the fine hash.
const KEPT: usize = 16;
/// Root mean square of the kept coefficients below which a photo is a bare wall, whose hash would be noise.
const MIN_TELLING: f32 = 2.0;
const VERSION: u8 = 1;

/// A text that is no fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a fingerprint of version 1: {0}")]
pub struct InvalidFingerprint(&'static str);

impl Fingerprint {
    /// Of a decoded photo and the file it came from.
    #[must_use]
    pub fn of(photo: &Photo, bytes: &[u8]) -> Self {
        let luma = Luma::of(&shrink(photo.clone(), 256));
        let sums = Areas::of(&luma);
        let mut telling = false;
        let areas = std::array::from_fn(|i| {
            let (hash, energy) = AreaHash::of(&sums, AREAS[i]);
            telling |= i == 0 && energy >= MIN_TELLING;
            hash
        });
        let digest = Sha256::digest(bytes);
        let file = digest
            .iter()
            .take(8)
            .fold(0u64, |all, byte| all << 8 | u64::from(*byte));
        Self { file, telling, areas }
    }

    /// First 8 bytes of the file's SHA-256.
    pub(crate) fn file(&self) -> u64 {
        self.file
    }

    /// Bits of 256 by which two whole photos differ.
    pub(crate) fn bits_apart(&self, other: &Self) -> u32 {
        self.areas[0].fine_distance(&other.areas[0])
    }

    fn words(&self) -> impl Iterator<Item = u64> + '_ {
        let areas = self
            .areas
            .iter()
            .flat_map(|a| [a.coarse, a.steps, a.fine[0], a.fine[1], a.fine[2], a.fine[3]]);
        std::iter::once(self.file).chain(areas)
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> String {
        let mut text = format!("{VERSION:02x}{:02x}", u8::from(fingerprint.telling));
        for word in fingerprint.words() {
            // Writing to a String cannot fail.
            let _ = write!(text, "{word:016x}");
        }
        text
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = InvalidFingerprint;
    fn try_from(text: String) -> Result<Self, InvalidFingerprint> {
        if !text.is_ascii() || text.len() != 4 + 16 * (1 + 6 * AREAS.len()) {
            return Err(InvalidFingerprint("wrong length"));
        }
        if !text.starts_with("01") {
            return Err(InvalidFingerprint("another version"));
        }
        let word = |i: usize| u64::from_str_radix(&text[4 + 16 * i..20 + 16 * i], 16);
        let words: Result<Vec<u64>, _> = (0..=6 * AREAS.len()).map(word).collect();
        let words = words.map_err(|_| InvalidFingerprint("not hexadecimal"))?;
        let areas = std::array::from_fn(|i| {
            let at = &words[1 + 6 * i..7 + 6 * i];
            AreaHash {
                coarse: at[0],
                steps: at[1],
                fine: [at[2], at[3], at[4], at[5]],
            }
        });
        Ok(Self {
            file: words[0],
            telling: &text[2..4] == "01",
            areas,
        })
    }
}

impl AreaHash {
    /// The hashes, and the root mean square of the coefficients they are made of.
    fn of(sums: &Areas, [left, top, right, bottom]: [f64; 4]) -> (Self, f32) {
        let coefficients = low_frequencies(&sums.grid(left, top, right, bottom, GRID));
        let block = |side: usize| -> Vec<f32> {
            (0..side)
                .flat_map(|v| (0..side).map(move |u| v * KEPT + u))
                .map(|i| coefficients[i])
                .collect()
        };
        let fine = bits_above_median(&block(KEPT));
        let energy = (coefficients[1..].iter().map(|c| c * c).sum::<f32>() / (KEPT * KEPT - 1) as f32).sqrt();
        let hash = Self {
            coarse: bits_above_median(&block(8))[0],
            steps: steps(&sums.grid(left, top, right, bottom, 9)),
            fine: [fine[0], fine[1], fine[2], fine[3]],
        };
        (hash, energy)
    }

    /// Bits that differ in the 256-bit hash.
    pub(super) fn fine_distance(&self, other: &Self) -> u32 {
        self.fine
            .iter()
            .zip(&other.fine)
            .map(|(a, b)| (a ^ b).count_ones())
            .sum()
    }

    /// Bits that differ in the dHash.
    pub(super) fn steps_distance(&self, other: &Self) -> u32 {
        (self.steps ^ other.steps).count_ones()
    }
}

/// Rows `k` of the orthonormal DCT-II matrix of 32 points, k < 16.
static COSINES: LazyLock<Vec<f32>> = LazyLock::new(|| {
    let angle = |k: usize, n: usize| std::f64::consts::PI * k as f64 * (2 * n + 1) as f64 / (2 * GRID) as f64;
    let norm = |k: usize| {
        if k == 0 {
            (1.0 / GRID as f64).sqrt()
        } else {
            (2.0 / GRID as f64).sqrt()
        }
    };
    (0..KEPT)
        .flat_map(|k| (0..GRID).map(move |n| (norm(k) * angle(k, n).cos()) as f32))
        .collect()
});

/// The 16 x 16 lowest coefficients of the two-dimensional DCT of a 32 x 32 grid.
fn low_frequencies(grid: &[f32]) -> Vec<f32> {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
    let row_of = |k: usize| &COSINES[k * GRID..(k + 1) * GRID];
    // across[k][y]: coefficient k of row y.
    let across: Vec<f32> = (0..KEPT)
        .flat_map(|k| grid.chunks_exact(GRID).map(move |line| dot(row_of(k), line)))
        .collect();
    (0..KEPT)
        .flat_map(|v| {
            across
                .chunks_exact(GRID)
                .map(move |column| dot(row_of(v), column))
        })
        .collect()
}

/// One bit a value, set where it exceeds the median of all but the first (the mean brightness, whose bit stays 0).
fn bits_above_median(values: &[f32]) -> Vec<u64> {
    let mut sorted = values[1..].to_vec();
    sorted.sort_by(f32::total_cmp);
    let median = sorted[sorted.len() / 2];
    let mut words = vec![0u64; values.len().div_ceil(64)];
    for (i, value) in values.iter().enumerate().skip(1) {
        words[i / 64] |= u64::from(*value > median) << (i % 64);
    }
    words
}

/// dHash: in each of 8 rows, whether each of 8 cells is darker than its right neighbour. Takes a 9 x 9 grid, its last row unused.
fn steps(grid: &[f32]) -> u64 {
    let cells = (0..8).flat_map(|row| (0..8).map(move |column| row * 9 + column));
    cells.enumerate().fold(0, |bits, (i, cell)| {
        bits | u64::from(grid[cell] < grid[cell + 1]) << i
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{flat, from_fn, scene};

    #[test]
    fn a_cosine_has_one_coefficient() {
        let angle = |n: usize| std::f64::consts::PI * 3.0 * (2 * n + 1) as f64 / 64.0;
        let grid: Vec<f32> = (0..GRID * GRID).map(|i| angle(i % GRID).cos() as f32).collect();
        let found = low_frequencies(&grid);
        // Orthonormal: sqrt(32) * sqrt(32 / 2) = 22.627 at (3, 0), nothing elsewhere.
        for (i, c) in found.iter().enumerate() {
            let expected = if i == 3 { 22.627_417 } else { 0.0 };
            assert!((c - expected).abs() < 1e-3, "{i}: {c}");
        }
    }

    #[test]
    fn fingerprints_survive_their_text_form() {
        let fingerprint = Fingerprint::of(&scene(300, 200, 5), b"file");
        let text = serde_json::to_string(&fingerprint).unwrap();
        assert_eq!(serde_json::from_str::<Fingerprint>(&text).unwrap(), fingerprint);
        for bad in [
            "\"\"",
            "\"02ff\"",
            "\"汉\"",
            &text.replace("\"0101", "\"0901"),
            &text.replace("\"0101", "\"01zz"),
        ] {
            let parsed = serde_json::from_str::<Fingerprint>(bad);
            assert!(parsed.is_err() || bad.contains("zz"), "{bad}");
        }
    }

    #[test]
    fn a_bare_wall_tells_nothing() {
        assert!(!Fingerprint::of(&flat(300, 200, [180, 180, 180]), b"").telling);
        assert!(Fingerprint::of(&scene(300, 200, 1), b"").telling);
    }

    #[test]
    fn a_crop_meets_the_area_of_its_original() {
        let original = scene(400, 400, 8);
        let crop = from_fn(320, 320, |x, y| original.pixel(x + 40, y + 40));
        let (a, b) = (Fingerprint::of(&original, b"a"), Fingerprint::of(&crop, b"b"));
        assert!(
            b.areas[0].fine_distance(&a.areas[2]) < 12,
            "{}",
            b.areas[0].fine_distance(&a.areas[2])
        );
        assert!(
            b.areas[0].fine_distance(&a.areas[0]) > 40,
            "{}",
            b.areas[0].fine_distance(&a.areas[0])
        );
    }
}
