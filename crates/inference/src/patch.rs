//! A photo → patch vectors without any learned weight: oriented gradients, light and colour.
//!
//! The photo is shrunk so that its grid has about 28 × 28 patches of 12 pixels, more along the longer side. A patch vector
//! joins
//! - oriented gradients of logarithmic light in 8 soft bins, at two scales (after Dalal & Triggs 2005);
//! - the darkest and brightest band-pass response inside the patch at three scales (Lowe 2004), which small spots and thin
//!   lines move though they hardly change a histogram;
//! - mean and spread of light and of the two colour axes.
//!
//! Each number is then measured against the same number over the whole photo: less its median, divided by its spread. That
//! takes out exposure and how rough a surface is as a whole, and leaves where a photo departs from itself. Patches along
//! the edge are damped, because what enters there depends on how the camera was held. Both choices were the largest
//! gains on half of a public defect set; figures on the other half stand in `models/patch-descriptor.md`.
//!
//! The global vector pools oriented gradients and colour over a spatial pyramid (Lazebnik et al. 2006).

mod colour;
mod global;
mod plane;

use shifu_domain::Photo;
use shifu_domain::models::{ImageEncoder, ImageFeatures, ModelError, ModelVersion, Priority};

use crate::raster::resize_rgb;
use colour::Lab;
use plane::Plane;

/// Patches of a square photo along a side.
const GRID: f64 = 28.0;
/// Fewest and most patches along a side of any photo.
const GRID_LIMITS: (f64, f64) = (12.0, 64.0);
/// Pixels of a patch along a side, after shrinking.
const PATCH: usize = 12;
/// Pixels of the small cells that histograms are gathered in; four make a patch with soft borders.
const CELL: usize = PATCH / 2;
/// Orientations, over half a turn: dark-to-light and light-to-dark count alike.
const BINS: usize = 8;
/// Scales of the band-pass responses.
const BANDS: usize = 3;
/// Length of a patch vector: gradients at two scales, band extremes, mean and spread of three channels.
const DIMENSIONS: usize = 2 * BINS + 2 * BANDS + 6;
/// Added to light before its logarithm, so that black noise stays small: 5 % of white.
const DARKEST: f32 = 0.05;
/// Smallest spread a number is divided by, in its own unit (log light, or Lab / 100): below it lies sensor noise.
const SPREAD_FLOOR: f32 = 0.004;
const COLOUR_SPREAD_FLOOR: f32 = 0.02;
/// Factors of the outermost patches and of the next ones.
const EDGE_DAMPING: [f32; 2] = [0.4, 0.7];
/// Gradient magnitude (log light a pixel) taken for noise in the global vector.
const EDGE_FLOOR: f32 = 0.02;

/// The weight-free encoder; cheap to make, holds nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct PatchDescriptor;

impl PatchDescriptor {
    /// The encoder.
    #[must_use]
    pub fn new() -> Self {
        Self
    }

    /// Features of a photo; never fails.
    #[must_use]
    pub fn features(&self, photo: &Photo) -> ImageFeatures {
        let (columns, rows) = grid_of(photo.width(), photo.height());
        let (width, height) = (columns * PATCH, rows * PATCH);
        let rgb = resize_rgb(
            photo.rgb(),
            photo.width() as usize,
            photo.height() as usize,
            width,
            height,
        );
        let lab = Lab::from_rgb(&rgb, width, height);
        let light = lab.log_luminance(DARKEST);
        let fine = light.blurred(1);
        let coarse = fine.blurred(2);
        let gradients = [&fine, &coarse].map(|plane| Histograms::gather(plane, columns * 2, rows * 2));
        let bands = band_extremes(&light, fine, coarse, columns, rows);
        let colours = colour::patch_colours([&light, &lab.a, &lab.b], columns, rows, PATCH);
        let mut patches = Vec::with_capacity(rows * columns * DIMENSIONS);
        for row in 0..rows {
            for column in 0..columns {
                let at = row * columns + column;
                for gradients in &gradients {
                    patches.extend(gradients.pooled(column, row, &[1.0, 3.0, 3.0, 1.0]));
                }
                patches.extend(bands[at]);
                patches.extend(colours.mean[at]);
                patches.extend(colours.spread[at]);
            }
        }
        standardise(&mut patches);
        damp_edges(&mut patches, columns, rows);
        let global = global::pooled(&gradients[0], &lab, EDGE_FLOOR);
        ImageFeatures {
            columns,
            rows,
            dimensions: DIMENSIONS,
            patches,
            global,
        }
    }
}

/// Measures every number against itself over the photo: less its median, divided by its spread.
fn standardise(patches: &mut [f32]) {
    let count = (patches.len() / DIMENSIONS).max(1);
    let mut values = Vec::with_capacity(count);
    for dimension in 0..DIMENSIONS {
        values.clear();
        values.extend(patches.iter().skip(dimension).step_by(DIMENSIONS));
        let mean = values.iter().sum::<f32>() / count as f32;
        let spread = (values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / count as f32).sqrt();
        let middle = values.len() / 2;
        let median = *values.select_nth_unstable_by(middle, f32::total_cmp).1;
        let scale = 1.0 / (spread + floor_of(dimension));
        for value in patches.iter_mut().skip(dimension).step_by(DIMENSIONS) {
            *value = (*value - median) * scale;
        }
    }
}

/// The colour axes are the 2nd and 3rd of the last two triples.
fn floor_of(dimension: usize) -> f32 {
    let from_end = DIMENSIONS - dimension;
    if matches!(from_end, 1 | 2 | 4 | 5) {
        COLOUR_SPREAD_FLOOR
    } else {
        SPREAD_FLOOR
    }
}

fn damp_edges(patches: &mut [f32], columns: usize, rows: usize) {
    for (at, patch) in patches.chunks_exact_mut(DIMENSIONS).enumerate() {
        let (column, row) = (at % columns, at / columns);
        let from_edge = column.min(columns - 1 - column).min(row).min(rows - 1 - row);
        if let Some(factor) = EDGE_DAMPING.get(from_edge) {
            patch.iter_mut().for_each(|v| *v *= factor);
        }
    }
}

impl ImageEncoder for PatchDescriptor {
    fn version(&self) -> ModelVersion {
        ModelVersion {
            name: "patch-descriptor".to_owned(),
            version: "1".to_owned(),
        }
    }

    fn encode(&self, photo: &Photo, _: Priority) -> Result<ImageFeatures, ModelError> {
        Ok(self.features(photo))
    }
}

/// Patches across and down: their product is about 28², their ratio the photo's.
fn grid_of(width: u32, height: u32) -> (usize, usize) {
    let stretch = (f64::from(width) / f64::from(height)).sqrt();
    let side = |length: f64| length.round().clamp(GRID_LIMITS.0, GRID_LIMITS.1) as usize;
    (side(GRID * stretch), side(GRID / stretch))
}

/// Gradient magnitude by orientation, gathered in cells of 6 × 6 pixels; a mean, not a sum.
pub(crate) struct Histograms {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
    cells: Vec<[f32; BINS]>,
}

impl Histograms {
    fn gather(light: &Plane, columns: usize, rows: usize) -> Self {
        let mut cells = vec![[0.0; BINS]; columns * rows];
        let per_turn = BINS as f32 / std::f32::consts::PI;
        for y in 0..light.height {
            let (above, below) = (y.saturating_sub(1), (y + 1).min(light.height - 1));
            let cell_row = &mut cells[y / CELL * columns..(y / CELL + 1) * columns];
            for x in 0..light.width {
                let (left, right) = (x.saturating_sub(1), (x + 1).min(light.width - 1));
                let gx = (light.at(right, y) - light.at(left, y)) / 2.0;
                let gy = (light.at(x, below) - light.at(x, above)) / 2.0;
                let magnitude = (gx * gx + gy * gy).sqrt();
                if magnitude <= 0.0 {
                    continue;
                }
                let angle = gy.atan2(gx);
                let turn = (if angle < 0.0 {
                    angle + std::f32::consts::PI
                } else {
                    angle
                }) * per_turn;
                let (bin, share) = (turn as usize, turn.fract());
                let cell = &mut cell_row[x / CELL];
                cell[bin % BINS] += magnitude * (1.0 - share);
                cell[(bin + 1) % BINS] += magnitude * share;
            }
        }
        let area = (CELL * CELL) as f32;
        cells.iter_mut().flatten().for_each(|v| *v /= area);
        Self { columns, rows, cells }
    }

    /// Weighted mean over the cells around a patch; `taps` is symmetric and of even length.
    pub(crate) fn pooled(&self, column: usize, row: usize, taps: &[f32]) -> [f32; BINS] {
        let half = taps.len() as i64 / 2;
        let clamp = |v: i64, most: usize| v.clamp(0, most as i64 - 1) as usize;
        let mut sum = [0.0; BINS];
        for (j, wy) in taps.iter().enumerate() {
            let y = clamp(row as i64 * 2 + 1 - half + j as i64, self.rows);
            for (i, wx) in taps.iter().enumerate() {
                let x = clamp(column as i64 * 2 + 1 - half + i as i64, self.columns);
                for (s, v) in sum.iter_mut().zip(self.cells[y * self.columns + x]) {
                    *s += wx * wy * v;
                }
            }
        }
        let total = taps.iter().sum::<f32>().powi(2);
        sum.map(|v| v / total)
    }

    pub(crate) fn cell(&self, column: usize, row: usize) -> &[f32; BINS] {
        &self.cells[row * self.columns + column]
    }
}

/// Smallest and largest difference between a photo and its blur in each patch, for three octave steps.
fn band_extremes(
    light: &Plane,
    fine: Plane,
    coarse: Plane,
    columns: usize,
    rows: usize,
) -> Vec<[f32; 2 * BANDS]> {
    let mut extremes = vec![[0.0_f32; 2 * BANDS]; columns * rows];
    let softest = coarse.blurred(4);
    let steps = [light, &fine, &coarse, &softest];
    for (band, pair) in steps.windows(2).enumerate() {
        for y in 0..light.height {
            let row = &mut extremes[y / PATCH * columns..(y / PATCH + 1) * columns];
            for x in 0..light.width {
                let response = pair[0].at(x, y) - pair[1].at(x, y);
                let patch = &mut row[x / PATCH];
                patch[2 * band] = patch[2 * band].min(response);
                patch[2 * band + 1] = patch[2 * band + 1].max(response);
            }
        }
    }
    extremes
}

#[cfg(test)]
mod tests;
