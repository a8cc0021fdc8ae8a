//! What a place of a photo looks like, in 64 bits that survive turning, scaling, light and saving again.
//!
//! Around each blob a square of [`REACH`] times its size is read, turned so that its strongest gradient points right. The bits
//! are the signs of the square's low DCT coefficients: a pHash of the place.

use std::f32::consts::PI;
use std::sync::LazyLock;

use super::scale_space::{Blob, Level, ScaleSpace};
use crate::luma::Luma;

/// Half the side of the square that is read, in sigmas of the blob.
const REACH: f32 = 7.0;
/// Samples along a side of the square.
const SIDE: usize = 14;
/// Directions of the gradient that are told apart.
const DIRECTIONS: usize = 36;
/// Bits of the key under which a place is filed: those of the lowest frequencies.
pub(super) const KEY_BITS: usize = 24;

/// A place of a photo.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Keypoint {
    /// From the left, in long sides of the photo.
    pub(super) x: f32,
    /// From the top, in long sides of the photo.
    pub(super) y: f32,
    /// Size, in long sides of the photo.
    pub(super) sigma: f32,
    /// Direction of the strongest gradient, radians.
    pub(super) angle: f32,
    /// Signs of the low coefficients, lowest frequency first.
    pub(super) bits: u64,
}

impl Keypoint {
    /// The key under which the place is filed.
    pub(super) fn key(&self) -> u32 {
        (self.bits & ((1 << KEY_BITS) - 1)) as u32
    }
}

/// Bits of a key that another view of the place may have the other way round.
const UNSURE_BITS: usize = 4;

/// A place, and all keys under which another view of it may have been filed.
#[derive(Debug, Clone)]
pub(super) struct Sight {
    pub(super) place: Keypoint,
    pub(super) keys: [u32; 1 << UNSURE_BITS],
}

/// The `most` strongest places of a photo, strongest first.
pub(super) fn sights(photo: &Luma, most: usize) -> Vec<Sight> {
    let space = ScaleSpace::of(photo);
    let long = photo.width.max(photo.height) as f32;
    let blobs = space.blobs().into_iter().take(most);
    blobs
        .map(|blob| {
            let level = &space.levels[blob.level];
            let angle = direction(level, &blob);
            let coefficients = coefficients(level, &blob, angle);
            let place = Keypoint {
                x: blob.x / long,
                y: blob.y / long,
                sigma: blob.sigma / long,
                angle,
                bits: signs(&coefficients),
            };
            Sight {
                keys: keys_near(place.key(), &coefficients[..KEY_BITS]),
                place,
            }
        })
        .collect()
}

fn signs(values: &[f32]) -> u64 {
    let bits = values.iter().enumerate();
    bits.fold(0, |bits, (i, value)| bits | u64::from(*value > 0.0) << i)
}

/// The key with every choice of its least certain bits: those of the smallest coefficients.
fn keys_near(key: u32, values: &[f32]) -> [u32; 1 << UNSURE_BITS] {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].abs().total_cmp(&values[*b].abs()));
    std::array::from_fn(|choice| {
        let chosen = (0..UNSURE_BITS).filter(|bit| choice >> bit & 1 == 1);
        chosen.fold(key, |key, bit| key ^ 1 << order[bit])
    })
}

/// The strongest direction of the gradient around a blob.
fn direction(level: &Level, blob: &Blob) -> f32 {
    let luma = &level.luma;
    let (x, y, sigma) = (
        blob.x / level.step - 0.5,
        blob.y / level.step - 0.5,
        1.5 * blob.sigma / level.step,
    );
    let radius = (3.0 * sigma) as isize;
    let mut histogram = [0.0f32; DIRECTIONS];
    for row in (y as isize - radius).max(1)..=(y as isize + radius).min(luma.height as isize - 2) {
        for column in (x as isize - radius).max(1)..=(x as isize + radius).min(luma.width as isize - 2) {
            let (c, r) = (column as usize, row as usize);
            let right = luma.at(c + 1, r) - luma.at(c - 1, r);
            let down = luma.at(c, r + 1) - luma.at(c, r - 1);
            let away = (column as f32 - x).powi(2) + (row as f32 - y).powi(2);
            let weight = (-away / (2.0 * sigma * sigma)).exp() * right.hypot(down);
            let at = (down.atan2(right) + PI) / (2.0 * PI) * DIRECTIONS as f32;
            let (low, part) = (at as usize, at.fract());
            histogram[low % DIRECTIONS] += weight * (1.0 - part);
            histogram[(low + 1) % DIRECTIONS] += weight * part;
        }
    }
    peak(&smoothed(&smoothed(&histogram)))
}

fn smoothed(histogram: &[f32; DIRECTIONS]) -> [f32; DIRECTIONS] {
    std::array::from_fn(|i| {
        let (before, after) = ((i + DIRECTIONS - 1) % DIRECTIONS, (i + 1) % DIRECTIONS);
        (histogram[before] + histogram[i] + histogram[after]) / 3.0
    })
}

fn peak(histogram: &[f32; DIRECTIONS]) -> f32 {
    let best = (0..DIRECTIONS)
        .max_by(|a, b| histogram[*a].total_cmp(&histogram[*b]))
        .unwrap_or(0);
    let before = histogram[(best + DIRECTIONS - 1) % DIRECTIONS];
    let after = histogram[(best + 1) % DIRECTIONS];
    let curvature = before + after - 2.0 * histogram[best];
    let offset = if curvature.abs() < 1e-9 {
        0.0
    } else {
        ((before - after) / (2.0 * curvature)).clamp(-0.5, 0.5)
    };
    (best as f32 + offset) / DIRECTIONS as f32 * 2.0 * PI - PI
}

/// The coefficients whose signs are kept, lowest frequencies first. Left out are the mean, and the three that every blob
/// turned to its gradient has alike.
static KEPT: LazyLock<Vec<(usize, usize)>> = LazyLock::new(|| {
    let mut all: Vec<(usize, usize)> = (0..SIDE)
        .flat_map(|v| (0..SIDE).map(move |u| (u, v)))
        .filter(|at| !matches!(at, (0, 0) | (1, 0) | (2, 0) | (0, 2)))
        .collect();
    all.sort_by_key(|&(u, v)| (u * u + v * v, v));
    all.truncate(64);
    all
});

/// Rows of the DCT-II matrix of [`SIDE`] points.
static COSINES: LazyLock<Vec<f32>> = LazyLock::new(|| {
    let angle = |k: usize, n: usize| std::f64::consts::PI * k as f64 * (2 * n + 1) as f64 / (2 * SIDE) as f64;
    (0..SIDE)
        .flat_map(|k| (0..SIDE).map(move |n| angle(k, n).cos() as f32))
        .collect()
});

fn coefficients(level: &Level, blob: &Blob, angle: f32) -> Vec<f32> {
    let square = square(level, blob, angle);
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
    let row_of = |k: usize| &COSINES[k * SIDE..(k + 1) * SIDE];
    let highest = KEPT.iter().map(|&(u, _)| u).max().unwrap_or(0);
    let across: Vec<f32> = (0..=highest)
        .flat_map(|u| square.chunks_exact(SIDE).map(move |line| dot(row_of(u), line)))
        .collect();
    let value = |&(u, v): &(usize, usize)| dot(row_of(v), &across[u * SIDE..(u + 1) * SIDE]);
    KEPT.iter().map(value).collect()
}

/// Brightness around a blob, turned by `angle`.
fn square(level: &Level, blob: &Blob, angle: f32) -> Vec<f32> {
    let spacing = 2.0 * REACH * blob.sigma / level.step / SIDE as f32;
    let (right, down) = (angle.cos() * spacing, angle.sin() * spacing);
    let middle = (SIDE as f32 - 1.0) / 2.0;
    let (x0, y0) = (blob.x / level.step - 0.5, blob.y / level.step - 0.5);
    (0..SIDE)
        .flat_map(|row| (0..SIDE).map(move |column| (column as f32 - middle, row as f32 - middle)))
        .map(|(u, v)| between(&level.luma, x0 + u * right - v * down, y0 + u * down + v * right))
        .collect()
}

/// Brightness between pixels; the border is repeated outwards.
fn between(luma: &Luma, x: f32, y: f32) -> f32 {
    let (x, y) = (
        x.clamp(0.0, (luma.width - 1) as f32),
        y.clamp(0.0, (luma.height - 1) as f32),
    );
    let (column, row) = (x as usize, y as usize);
    let (right, below) = ((column + 1).min(luma.width - 1), (row + 1).min(luma.height - 1));
    let (u, v) = (x - column as f32, y - row as f32);
    let upper = luma.at(column, row) * (1.0 - u) + luma.at(right, row) * u;
    let lower = luma.at(column, below) * (1.0 - u) + luma.at(right, below) * u;
    upper * (1.0 - v) + lower * v
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{from_fn, scene};

    #[test]
    fn a_key_is_filed_with_every_choice_of_its_unsure_bits() {
        let mut values = [5.0; KEY_BITS];
        (values[3], values[7], values[8], values[19]) = (-0.1, 0.2, -0.3, 0.4);
        let keys = keys_near(0b1, &values);
        assert_eq!((keys[0], keys[1], keys[2]), (0b1, 0b1001, 0b1000_0001));
        let mut all = keys.to_vec();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 16);
    }

    #[test]
    fn the_gradient_points_from_dark_to_light() {
        let ramp = |x: u32, y: u32| [(x + 2 * y) as u8; 3];
        let luma = Luma::of(&from_fn(60, 60, ramp));
        let level = Level { luma, step: 1.0 };
        let blob = Blob {
            x: 30.0,
            y: 30.0,
            sigma: 3.0,
            response: 5.0,
            level: 0,
        };
        // tan(angle) = 2 / 1: 1.107 radians.
        assert!((direction(&level, &blob) - 1.107).abs() < 0.05);
    }

    #[test]
    fn a_photo_turned_by_a_right_angle_has_the_same_places() {
        let photo = scene(240, 240, 4);
        let turned = from_fn(240, 240, |x, y| photo.pixel(y, 239 - x));
        let (before, after) = (sights(&Luma::of(&photo), 40), sights(&Luma::of(&turned), 40));
        let same = before.iter().filter(|sight| {
            let (x, y) = (1.0 - sight.place.y, sight.place.x);
            after.iter().any(|other| {
                (other.place.x - x).abs() < 0.01
                    && (other.place.y - y).abs() < 0.01
                    && (other.place.bits ^ sight.place.bits).count_ones() <= 8
            })
        });
        assert!(same.count() >= 30);
    }
}
