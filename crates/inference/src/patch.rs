//! A photo → patch vectors without any learned weight: oriented gradients, light and colour.
//!
//! The photo is shrunk so that its grid has about 28 × 28 patches of 12 pixels, more along the longer side. A patch vector
//! joins, each part scaled by a constant so that Euclidean distance weighs them sensibly:
//! - oriented gradients: 8 soft bins over the patch and over its 3 × 3 neighbourhood, each divided by the energy around it
//!   (Dalal & Triggs 2005), softened by a noise floor so that flat areas stay near zero;
//! - gradient energy, logarithmic, at both scales;
//! - Lab mean and spread of the patch, and how the mean differs from its surroundings;
//! - darkest and brightest band-pass response inside the patch at three scales (Lowe 2004), which small spots and thin
//!   lines move though they hardly change a histogram.
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
/// Length of a patch vector.
const DIMENSIONS: usize = 2 * BINS + 2 + 9 + 2 * BANDS;

/// Weights of the parts; tuned on one half of a public defect set and reported on the other (`models/patch-descriptor.md`).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weights {
    pub(crate) fine: f32,
    pub(crate) context: f32,
    pub(crate) energy: f32,
    pub(crate) mean: f32,
    pub(crate) spread: f32,
    pub(crate) surround: f32,
    pub(crate) bands: [f32; BANDS],
    /// Gradient energy (grey levels of 0..=1 a pixel) taken for noise.
    pub(crate) floor: f32,
}

const WEIGHTS: Weights = Weights {
    fine: 0.5,
    context: 0.5,
    energy: 0.3,
    mean: 1.0,
    spread: 2.0,
    surround: 2.0,
    bands: [4.0, 4.0, 4.0],
    floor: 0.02,
};

/// The weight-free encoder; cheap to make, holds nothing.
#[derive(Debug, Clone, Copy)]
pub struct PatchDescriptor {
    weights: Weights,
}

impl Default for PatchDescriptor {
    fn default() -> Self {
        Self::new()
    }
}

impl PatchDescriptor {
    /// The encoder.
    #[must_use]
    pub fn new() -> Self {
        Self { weights: WEIGHTS }
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
        let histograms = Histograms::gather(&lab.light, columns * 2, rows * 2);
        let bands = band_extremes(&lab.light, columns, rows);
        let colours = colour::patch_colours(&lab, columns, rows, PATCH);
        let mut patches = Vec::with_capacity(rows * columns * DIMENSIONS);
        for row in 0..rows {
            for column in 0..columns {
                self.write_patch(&mut patches, &histograms, &colours, &bands, column, row, columns);
            }
        }
        let global = global::pooled(&histograms, &lab, self.weights.floor);
        ImageFeatures {
            columns,
            rows,
            dimensions: DIMENSIONS,
            patches,
            global,
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one patch of five grids; a struct would be used once"
    )]
    fn write_patch(
        &self,
        out: &mut Vec<f32>,
        histograms: &Histograms,
        colours: &colour::PatchColours,
        bands: &[[f32; 2 * BANDS]],
        column: usize,
        row: usize,
        columns: usize,
    ) {
        let w = &self.weights;
        let fine = histograms.pooled(column, row, &[1.0, 3.0, 3.0, 1.0]);
        let context = histograms.pooled(column, row, &[1.0, 2.0, 3.0, 4.0, 4.0, 3.0, 2.0, 1.0]);
        let floor = w.floor;
        let around = (energy(&context) + floor * floor).sqrt();
        out.extend(fine.iter().map(|v| w.fine * v / (around + v)));
        out.extend(context.iter().map(|v| w.context * v / around));
        let level = |h: &[f32; BINS]| w.energy * (1.0 + h.iter().sum::<f32>() / floor).ln();
        out.push(level(&fine));
        out.push(level(&context));
        let at = row * columns + column;
        out.extend(colours.mean[at].map(|v| v * w.mean));
        out.extend(colours.spread[at].map(|v| v * w.spread));
        out.extend(colours.surround[at].map(|v| v * w.surround));
        out.extend(bands[at].iter().enumerate().map(|(i, v)| v * w.bands[i / 2]));
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

fn energy(histogram: &[f32; BINS]) -> f32 {
    histogram.iter().map(|v| v * v).sum()
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

/// Smallest and largest difference of Gaussians in each patch, for three octave steps.
fn band_extremes(light: &Plane, columns: usize, rows: usize) -> Vec<[f32; 2 * BANDS]> {
    let mut extremes = vec![[0.0_f32; 2 * BANDS]; columns * rows];
    let mut sharper = light.blurred(1);
    for (band, radius) in [1, 2, 4].into_iter().enumerate() {
        let softer = sharper.blurred(radius);
        for y in 0..light.height {
            let row = &mut extremes[y / PATCH * columns..(y / PATCH + 1) * columns];
            for x in 0..light.width {
                let response = sharper.at(x, y) - softer.at(x, y);
                let patch = &mut row[x / PATCH];
                patch[2 * band] = patch[2 * band].min(response);
                patch[2 * band + 1] = patch[2 * band + 1].max(response);
            }
        }
        sharper = softer;
    }
    extremes
}

#[cfg(test)]
mod tests;
