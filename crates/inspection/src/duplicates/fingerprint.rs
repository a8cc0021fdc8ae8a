//! What is kept of a photo to recognise it: hashes of the whole frame, its strongest places, and a small picture.
//!
//! Of the frame: a 64-bit and a 256-bit hash of the low DCT coefficients (pHash) and a 64-bit hash of horizontal steps (dHash).

use std::fmt::Write as _;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use shifu_domain::Photo;

use super::impression::Impression;
use super::keypoint::Keypoint;
use super::thumbnail::{self, Shape, Thumbnail};
use crate::luma::Areas;

/// What is kept of a photo to recognise it: about 2 KB. Serialised as a hexadecimal text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint {
    /// First 8 bytes of the file's SHA-256: equal for the very same file.
    pub(super) file: u64,
    /// Whether the photo shows enough for its hashes to mean anything.
    pub(super) telling: bool,
    pub(super) frame: FrameHash,
    /// Missing in fingerprints of version 1.
    pub(super) kept: Option<Kept>,
}

/// The three hashes of the whole frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct FrameHash {
    pub(super) coarse: u64,
    pub(super) steps: u64,
    pub(super) fine: [u64; 4],
}

/// The strongest places, strongest first, and a small picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) thumbnail: Thumbnail,
    pub(super) places: Vec<KeptPlace>,
}

/// A [`Keypoint`] in 14 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeptPlace {
    x: u16,
    y: u16,
    /// 32 steps an octave from [`LEAST_SIGMA`].
    sigma: u8,
    /// In 256ths of a turn.
    angle: u8,
    bits: u64,
}

/// Most places kept of a photo.
pub(super) const MOST_PLACES: usize = 64;
/// Bytes of a kept place.
const PLACE_BYTES: usize = 14;
/// Bytes of the frame's hashes, and of the shape and cells of the thumbnail.
const HASH_BYTES: usize = 6 * 8;
const PICTURE_BYTES: usize = 4 + thumbnail::SIDE * thumbnail::SIDE;
/// Most bytes of [`Fingerprint::record`]; all but the places are always there.
pub(super) const RECORD_BYTES: usize = HASH_BYTES + PICTURE_BYTES + MOST_PLACES * PLACE_BYTES;
const LEAST_SIGMA: f32 = 0.003;
const GRID: usize = 32;
/// Side of the block of low frequencies that are kept for the fine hash.
const KEPT: usize = 16;
/// Root mean square of the kept coefficients below which a photo is a bare wall, whose hash would be noise.
const MIN_TELLING: f32 = 2.0;
/// Words of a fingerprint of version 1: the file and six for each of eleven areas, the whole frame first.
const WORDS_OF_VERSION_1: usize = 1 + 6 * 11;

/// A text that is no fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a fingerprint of version 1 or 2: {0}")]
pub struct InvalidFingerprint(&'static str);

impl Fingerprint {
    /// Of a decoded photo and the file it came from.
    #[must_use]
    pub fn of(photo: &Photo, bytes: &[u8]) -> Self {
        Impression::of(photo, bytes).fingerprint
    }

    pub(super) fn made_of(bytes: &[u8], areas: &Areas, shape: Shape, places: &[Keypoint]) -> Self {
        let (frame, energy) = FrameHash::of(areas);
        let digest = Sha256::digest(bytes);
        let places = places.iter().take(MOST_PLACES).map(KeptPlace::of);
        Self {
            file: digest[..8]
                .iter()
                .fold(0u64, |all, byte| all << 8 | u64::from(*byte)),
            telling: energy >= MIN_TELLING,
            frame,
            kept: Some(Kept {
                thumbnail: Thumbnail::of(areas, shape),
                places: places.collect(),
            }),
        }
    }

    /// One that belongs to no photo, by `seed`: its places lie elsewhere and a quarter of their bits is changed, the frame's hash is
    /// another, the picture is shifted. An index filled with these is as large and nearly as uneven as one of real photos.
    #[must_use]
    pub fn altered(&self, seed: u64) -> Self {
        let mut state = seed;
        let mut next = || random(&mut state);
        let mut altered = self.clone();
        (altered.file, altered.frame.coarse) = (next(), next());
        if let Some(kept) = &mut altered.kept {
            let shift = next() as usize % kept.thumbnail.cells.len();
            kept.thumbnail.cells.rotate_left(shift);
            for place in &mut kept.places {
                (place.x, place.y) = (next() as u16, next() as u16);
                place.bits ^= next() & next();
            }
        }
        altered
    }

    /// First 8 bytes of the file's SHA-256.
    pub(crate) fn file(&self) -> u64 {
        self.file
    }

    /// Bits of 256 by which two whole photos differ.
    pub(crate) fn bits_apart(&self, other: &Self) -> u32 {
        self.frame.fine_distance(&other.frame)
    }

    /// All but the file and whether it is telling, as bytes.
    pub(super) fn record(&self) -> Vec<u8> {
        let mut record = Vec::with_capacity(RECORD_BYTES);
        for word in [self.frame.coarse, self.frame.steps]
            .iter()
            .chain(&self.frame.fine)
        {
            record.extend(word.to_be_bytes());
        }
        if let Some(kept) = &self.kept {
            record.extend(kept.thumbnail.shape.width.to_be_bytes());
            record.extend(kept.thumbnail.shape.height.to_be_bytes());
            record.extend(kept.thumbnail.cells.iter());
            for place in &kept.places {
                record.extend(place.x.to_be_bytes());
                record.extend(place.y.to_be_bytes());
                record.extend([place.sigma, place.angle]);
                record.extend(place.bits.to_be_bytes());
            }
        }
        record
    }
}

/// What [`Fingerprint::record`] holds.
///
/// # Errors
/// Bytes that are none.
pub(super) fn read_record(record: &[u8]) -> Result<(FrameHash, Option<Kept>), InvalidFingerprint> {
    let (hashes, picture) = record
        .split_at_checked(HASH_BYTES)
        .ok_or(InvalidFingerprint("too short"))?;
    let word = |i: usize| number(&hashes[8 * i..8 * i + 8]);
    let frame = FrameHash {
        coarse: word(0),
        steps: word(1),
        fine: std::array::from_fn(|i| word(2 + i)),
    };
    if picture.is_empty() {
        return Ok((frame, None));
    }
    let (picture, places) = picture
        .split_at_checked(PICTURE_BYTES)
        .ok_or(InvalidFingerprint("too short"))?;
    if !places.len().is_multiple_of(PLACE_BYTES) || places.len() > MOST_PLACES * PLACE_BYTES {
        return Err(InvalidFingerprint("places of another length"));
    }
    let shape = Shape {
        width: number(&picture[..2]) as u16,
        height: number(&picture[2..4]) as u16,
    };
    let thumbnail = Thumbnail {
        cells: Box::new(std::array::from_fn(|i| picture[4 + i])),
        shape,
    };
    let places = places.chunks_exact(PLACE_BYTES).map(KeptPlace::read).collect();
    Ok((frame, Some(Kept { thumbnail, places })))
}

/// The next number of SplitMix64.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |all, byte| all << 8 | u64::from(*byte))
}

impl KeptPlace {
    fn of(place: &Keypoint) -> Self {
        let part = |value: f32| (value.clamp(0.0, 1.0) * f32::from(u16::MAX)).round() as u16;
        let turn = place.angle / (2.0 * std::f32::consts::PI);
        Self {
            x: part(place.x),
            y: part(place.y),
            sigma: ((place.sigma / LEAST_SIGMA).log2() * 32.0)
                .round()
                .clamp(0.0, 255.0) as u8,
            angle: ((turn * 256.0).round() as i32).rem_euclid(256) as u8,
            bits: place.bits,
        }
    }

    fn read(bytes: &[u8]) -> Self {
        Self {
            x: number(&bytes[..2]) as u16,
            y: number(&bytes[2..4]) as u16,
            sigma: bytes[4],
            angle: bytes[5],
            bits: number(&bytes[6..]),
        }
    }

    pub(super) fn place(&self) -> Keypoint {
        let part = |value: u16| f32::from(value) / f32::from(u16::MAX);
        Keypoint {
            x: part(self.x),
            y: part(self.y),
            sigma: LEAST_SIGMA * (f32::from(self.sigma) / 32.0).exp2(),
            angle: f32::from(self.angle) / 256.0 * 2.0 * std::f32::consts::PI,
            bits: self.bits,
        }
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> String {
        let mut text = format!("02{:02x}{:016x}", u8::from(fingerprint.telling), fingerprint.file);
        for byte in fingerprint.record() {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = InvalidFingerprint;
    fn try_from(text: String) -> Result<Self, InvalidFingerprint> {
        let bytes = bytes_of(&text)?;
        let [version, telling, rest @ ..] = &bytes[..] else {
            return Err(InvalidFingerprint("too short"));
        };
        let (file, record) = rest.split_at_checked(8).ok_or(InvalidFingerprint("too short"))?;
        let record = match version {
            1 if rest.len() == 8 * WORDS_OF_VERSION_1 => &record[..HASH_BYTES],
            2 => record,
            _ => return Err(InvalidFingerprint("another version")),
        };
        let (frame, kept) = read_record(record)?;
        Ok(Self {
            file: number(file),
            telling: *telling == 1,
            frame,
            kept,
        })
    }
}

fn bytes_of(text: &str) -> Result<Vec<u8>, InvalidFingerprint> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return Err(InvalidFingerprint("wrong length"));
    }
    let bytes = pairs
        .iter()
        .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    bytes
        .collect::<Option<_>>()
        .ok_or(InvalidFingerprint("not hexadecimal"))
}

impl FrameHash {
    /// The hashes, and the root mean square of the coefficients they are made of.
    fn of(areas: &Areas) -> (Self, f32) {
        let coefficients = low_frequencies(&areas.grid(0.0, 0.0, 1.0, 1.0, GRID));
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
            steps: steps(&areas.grid(0.0, 0.0, 1.0, 1.0, 9)),
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
    use crate::testing::{flat, scene};

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
        assert!(
            fingerprint
                .kept
                .as_ref()
                .is_some_and(|kept| kept.places.len() > 40)
        );
        let text = serde_json::to_string(&fingerprint).unwrap();
        assert_eq!(serde_json::from_str::<Fingerprint>(&text).unwrap(), fingerprint);
        let short = &text[..text.len() - 3];
        for bad in [
            "\"\"",
            "\"02ff\"",
            "\"汉\"",
            &text.replace("\"0201", "\"0901"),
            &text.replace("\"0201", "\"02zz"),
            &format!("{short}\""),
        ] {
            assert!(serde_json::from_str::<Fingerprint>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_frame_of_a_version_1_fingerprint_is_read() {
        let words = (0..WORDS_OF_VERSION_1).map(|word| format!("{:016x}", word + 1));
        let text = format!("\"0101{}\"", words.collect::<String>());
        let read: Fingerprint = serde_json::from_str(&text).unwrap();
        assert_eq!((read.file, read.telling, read.kept), (1, true, None));
        assert_eq!(
            (read.frame.coarse, read.frame.steps, read.frame.fine),
            (2, 3, [4, 5, 6, 7])
        );
        assert!(serde_json::from_str::<Fingerprint>(&text.replace("0101", "0201")).is_err());
    }

    #[test]
    fn a_kept_place_is_as_near_as_its_bytes_allow() {
        let place = Keypoint {
            x: 0.25,
            y: 0.999,
            sigma: 0.01,
            angle: -1.0,
            bits: 7,
        };
        let kept = KeptPlace::of(&place).place();
        assert!((kept.x - 0.25).abs() < 1e-4 && (kept.y - 0.999).abs() < 1e-4 && kept.bits == 7);
        assert!((kept.sigma / 0.01 - 1.0).abs() < 0.011); // half of a 32nd octave: 2^(1/64) = 1.011
        assert!((kept.angle - (2.0 * std::f32::consts::PI - 1.0)).abs() < 0.0124); // pi / 256
    }

    #[test]
    fn an_altered_fingerprint_is_as_large_and_decided_by_its_seed() {
        let fingerprint = Fingerprint::of(&scene(300, 200, 5), b"file");
        let altered = fingerprint.altered(3);
        assert_eq!(altered, fingerprint.altered(3));
        assert_ne!(altered, fingerprint.altered(4));
        assert_eq!(altered.record().len(), fingerprint.record().len());
    }

    #[test]
    fn a_bare_wall_tells_nothing() {
        assert!(!Fingerprint::of(&flat(300, 200, [180, 180, 180]), b"").telling);
        assert!(Fingerprint::of(&scene(300, 200, 1), b"").telling);
    }
}
