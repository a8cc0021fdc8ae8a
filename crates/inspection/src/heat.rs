//! Where a photo differs: distances on the patch grid, the box around the worst, and a picture of both.

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder as _};
use serde::{Deserialize, Serialize};
use shifu_domain::{BoundingBox, Photo};

/// Distances of a photo's patches to the good photos, row-major.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeatMap {
    columns: usize,
    rows: usize,
    distances: Vec<f32>,
    /// What the most unusual patches of a good photo reach.
    usual: f32,
}

impl HeatMap {
    pub(crate) fn new(columns: usize, rows: usize, distances: Vec<f32>, usual: f32) -> Self {
        Self {
            columns,
            rows,
            distances,
            usual,
        }
    }

    fn at(&self, column: usize, row: usize) -> f32 {
        self.distances[row * self.columns + column]
    }

    fn largest(&self) -> f32 {
        self.distances
            .iter()
            .copied()
            .filter(|d| d.is_finite())
            .fold(0.0, f32::max)
    }

    /// The box around the connected patches that contain the worst one and are at least 70 % as bad.
    #[must_use]
    pub fn area(&self) -> Option<BoundingBox> {
        let largest = self.largest();
        let worst = self
            .distances
            .iter()
            .position(|d| *d == largest && largest > 0.0)?;
        let mut reached = vec![false; self.distances.len()];
        let mut open = vec![worst];
        reached[worst] = true;
        let (mut left, mut top, mut right, mut bottom) = (self.columns, self.rows, 0, 0);
        while let Some(at) = open.pop() {
            let (column, row) = (at % self.columns, at / self.columns);
            (left, right) = (left.min(column), right.max(column + 1));
            (top, bottom) = (top.min(row), bottom.max(row + 1));
            for y in row.saturating_sub(1)..(row + 2).min(self.rows) {
                for x in column.saturating_sub(1)..(column + 2).min(self.columns) {
                    let next = y * self.columns + x;
                    if !reached[next] && self.distances[next] >= 0.7 * largest {
                        reached[next] = true;
                        open.push(next);
                    }
                }
            }
        }
        let (columns, rows) = (self.columns as f32, self.rows as f32);
        Some(BoundingBox {
            x: left as f32 / columns,
            y: top as f32 / rows,
            width: (right - left) as f32 / columns,
            height: (bottom - top) as f32 / rows,
        })
    }

    /// Heat 0..=1 at a point given in fractions of the photo, bilinear between patch centres: 0 up to half of what good
    /// photos reach, 1 at twice that (or at the photo's own worst, if larger).
    fn heat(&self, x: f32, y: f32) -> f32 {
        let usual = self.usual.max(1e-6);
        let (cold, hot) = (0.5 * usual, (2.0 * usual).max(self.largest()));
        let (x, y) = (x * self.columns as f32 - 0.5, y * self.rows as f32 - 0.5);
        let (column, row) = (x.floor().max(0.0) as usize, y.floor().max(0.0) as usize);
        let (next_column, next_row) = ((column + 1).min(self.columns - 1), (row + 1).min(self.rows - 1));
        let (u, v) = (
            (x - column as f32).clamp(0.0, 1.0),
            (y - row as f32).clamp(0.0, 1.0),
        );
        let upper = self.at(column, row) * (1.0 - u) + self.at(next_column, row) * u;
        let lower = self.at(column, next_row) * (1.0 - u) + self.at(next_column, next_row) * u;
        let distance = upper * (1.0 - v) + lower * v;
        ((distance - cold) / (hot - cold).max(1e-6)).clamp(0.0, 1.0)
    }
}

/// Stops of the colour scale, dark violet to yellow: brightness rises evenly, and colour-blind readers can tell them
/// apart (after matplotlib's "plasma").
const SCALE: [[f32; 3]; 5] = [
    [13.0, 8.0, 135.0],
    [126.0, 3.0, 168.0],
    [204.0, 71.0, 120.0],
    [248.0, 149.0, 64.0],
    [240.0, 249.0, 33.0],
];

fn colour(heat: f32) -> [f32; 3] {
    let at = heat.clamp(0.0, 1.0) * (SCALE.len() - 1) as f32;
    let (lower, share) = ((at as usize).min(SCALE.len() - 2), at.fract());
    let share = if at >= (SCALE.len() - 1) as f32 {
        1.0
    } else {
        share
    };
    std::array::from_fn(|c| SCALE[lower][c] * (1.0 - share) + SCALE[lower + 1][c] * share)
}

/// The photo as PNG, grey where nothing differs, the heat over it, and a box drawn around each of `areas`.
#[must_use]
pub fn overlay_png(photo: &Photo, heat: Option<&HeatMap>, areas: &[BoundingBox]) -> Vec<u8> {
    let (width, height) = (photo.width(), photo.height());
    let mut rgb = photo.rgb().to_vec();
    if let Some(map) =
        heat.filter(|map| map.columns * map.rows == map.distances.len() && !map.distances.is_empty())
    {
        lay_heat(&mut rgb, width, height, map);
    }
    for area in areas {
        draw_box(&mut rgb, width, height, area);
    }
    let mut png = Vec::new();
    let encoder = PngEncoder::new_with_quality(&mut png, CompressionType::Fast, FilterType::Adaptive);
    // Writing to a Vec fails only for a buffer of the wrong size, which this is not.
    let _ = encoder.write_image(&rgb, width, height, ExtendedColorType::Rgb8);
    png
}

fn lay_heat(rgb: &mut [u8], width: u32, height: u32, map: &HeatMap) {
    for (i, pixel) in rgb.chunks_exact_mut(3).enumerate() {
        let (x, y) = (i as u32 % width, i as u32 / width);
        let heat = map.heat((x as f32 + 0.5) / width as f32, (y as f32 + 0.5) / height as f32);
        let grey = 0.299 * f32::from(pixel[0]) + 0.587 * f32::from(pixel[1]) + 0.114 * f32::from(pixel[2]);
        let opacity = 0.65 * heat.sqrt();
        let over = colour(heat);
        for (channel, tint) in pixel.iter_mut().zip(over) {
            // Half of the colour stays where nothing differs, so that the photo remains a photo.
            let beneath = 0.5 * f32::from(*channel) + 0.5 * grey;
            *channel = (beneath * (1.0 - opacity) + tint * opacity) as u8;
        }
    }
}

/// A red frame with a white line inside, readable on any ground.
fn draw_box(rgb: &mut [u8], width: u32, height: u32, area: &BoundingBox) {
    let thick = (width.max(height) / 250).max(2);
    let pixel = |fraction: f32, side: u32| (fraction.clamp(0.0, 1.0) * side as f32) as u32;
    let (left, right) = (pixel(area.x, width), pixel(area.x + area.width, width));
    let (top, bottom) = (pixel(area.y, height), pixel(area.y + area.height, height));
    for y in top..bottom {
        for x in left..right {
            let inside = (x - left).min(right - 1 - x).min(y - top).min(bottom - 1 - y);
            let ink = match inside {
                depth if depth < thick => [220, 20, 30],
                depth if depth < thick + thick.div_ceil(2) => [255, 255, 255],
                _ => continue,
            };
            let at = (y as usize * width as usize + x as usize) * 3;
            rgb[at..at + 3].copy_from_slice(&ink);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::flat;

    fn map() -> HeatMap {
        let mut distances = vec![1.0; 100];
        for (column, row) in [(6, 2), (7, 2), (7, 3)] {
            distances[row * 10 + column] = 4.0;
        }
        HeatMap::new(10, 10, distances, 1.0)
    }

    #[test]
    fn the_box_surrounds_the_worst_patches() {
        let area = map().area().unwrap();
        let expected = BoundingBox {
            x: 0.6,
            y: 0.2,
            width: 0.2,
            height: 0.2,
        };
        assert!(
            (area.x - expected.x).abs() < 1e-6 && (area.y - expected.y).abs() < 1e-6,
            "{area:?}"
        );
        assert!(
            (area.width - 0.2).abs() < 1e-6 && (area.height - 0.2).abs() < 1e-6,
            "{area:?}"
        );
        assert_eq!(HeatMap::new(2, 2, vec![0.0; 4], 0.0).area(), None);
    }

    #[test]
    fn the_overlay_glows_where_the_photo_differs() {
        let photo = flat(200, 100, [100, 100, 100]);
        let png = overlay_png(&photo, Some(&map()), &[map().area().unwrap()]);
        let picture = image::load_from_memory(&png).unwrap().to_rgb8();
        assert_eq!(picture.dimensions(), (200, 100));
        let difference = |x, y| {
            picture
                .get_pixel(x, y)
                .0
                .iter()
                .map(|c| c.abs_diff(100) as u32)
                .sum::<u32>()
        };
        assert!(
            difference(150, 25) > 4 * difference(20, 80),
            "{} {}",
            difference(150, 25),
            difference(20, 80)
        );
        assert_eq!(picture.get_pixel(121, 30).0, [220, 20, 30]);
    }

    #[test]
    fn an_overlay_of_odd_input_is_still_a_picture() {
        let wild = BoundingBox {
            x: -1.0,
            y: f32::NAN,
            width: 9.0,
            height: 9.0,
        };
        let bad = HeatMap {
            columns: 3,
            rows: 3,
            distances: vec![1.0],
            usual: f32::NAN,
        };
        let png = overlay_png(&flat(3, 1, [0, 0, 0]), Some(&bad), &[wild]);
        assert!(image::load_from_memory(&png).is_ok());
    }

    #[test]
    fn brightness_of_the_colour_scale_rises_with_heat() {
        let light = |c: [f32; 3]| 0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2];
        let steps: Vec<f32> = (0..=20).map(|i| light(colour(i as f32 / 20.0))).collect();
        assert!(steps.windows(2).all(|pair| pair[0] < pair[1] + 1e-3), "{steps:?}");
    }
}
