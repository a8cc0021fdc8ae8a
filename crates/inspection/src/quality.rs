//! The quality gate: can anything be judged from this photo, and if not, what should the technician do?
//!
//! Sharpness is measured at one size and relative to the photo's own contrast, so that resolution, subject and light do
//! not shift it: how much of the gradient a second blur removes (Crété et al. 2007, "The blur effect"), over the sharpest
//! quarter of the tiles that have any contrast. The thresholds of [`QualityLimits::default`] were chosen with
//! `cargo run --release -p shifu-inspection --example quality_rates -- DIR`; see the crate's documentation.

use shifu_domain::{FindingKind, Photo};

use crate::decode::{DecodedPhoto, shrink};
use crate::luma::Luma;

/// Where usable ends.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct QualityLimits {
    /// Least sharpness, 0..=1; see [`Quality::sharpness`].
    pub min_sharpness: f32,
    /// Least brightness of the lighter parts (95th percentile), 0..=255.
    pub min_light: f32,
    /// Least mean brightness, 0..=255.
    pub min_mean: f32,
    /// Largest share of blown-out pixels, 0..=1.
    pub max_blown_out: f32,
    /// Largest mean brightness, 0..=255.
    pub max_mean: f32,
    /// Least short side in the file, pixels.
    pub min_short_side_px: u32,
}

impl Default for QualityLimits {
    fn default() -> Self {
        Self {
            min_sharpness: 0.40,
            min_light: 60.0,
            min_mean: 22.0,
            max_blown_out: 0.60,
            max_mean: 238.0,
            min_short_side_px: 240,
        }
    }
}

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Quality {
    /// 0 (nothing but blur) to 1 (every edge one pixel wide); `None` where the photo has no contrast to judge by.
    pub sharpness: Option<f32>,
    /// Mean brightness, 0..=255.
    pub mean: f32,
    /// 95th percentile of brightness, 0..=255.
    pub light: f32,
    /// Share of pixels at 250 or above.
    pub blown_out: f32,
    /// Short side in the file, pixels.
    pub short_side_px: u32,
}

/// One reason why a photo is not usable.
#[derive(Debug, Clone, PartialEq)]
pub struct Defect {
    /// `Blurred`, `TooDark`, `TooBright` or `TooSmall`.
    pub kind: FindingKind,
    /// How far beyond the limit, 0 at the limit, 1 at the worst possible.
    pub score: f64,
    /// What to do, in Chinese, with the numbers.
    pub advice: String,
}

/// Side at which sharpness is measured. A smaller photo is measured as it is.
const MEASURED_SIDE_PX: u32 = 512;
/// Tiles across and down.
const TILES: usize = 8;
/// Standard deviation of brightness below which a tile shows nothing but noise.
const MIN_TILE_CONTRAST: f32 = 6.0;
/// Half width of the second blur, pixels: 9 in all, as in the paper.
const BLUR_RADIUS: usize = 4;

impl Quality {
    /// Measures a decoded photo.
    #[must_use]
    pub fn of(decoded: &DecodedPhoto) -> Self {
        let short_side_px = decoded.full_width.min(decoded.full_height);
        Self::of_pixels(&decoded.photo, short_side_px)
    }

    /// Measures pixels whose file has `short_side_px` pixels on its short side.
    #[must_use]
    pub fn of_pixels(photo: &Photo, short_side_px: u32) -> Self {
        let luma = Luma::of(&shrink(photo.clone(), MEASURED_SIDE_PX));
        let mut histogram = [0usize; 256];
        for value in &luma.values {
            histogram[(*value as usize).min(255)] += 1;
        }
        let count = luma.values.len() as f32;
        let mean = luma.values.iter().sum::<f32>() / count;
        let blown_out = histogram[250..].iter().sum::<usize>() as f32 / count;
        Self {
            sharpness: sharpness(&luma),
            mean,
            light: percentile(&histogram, 0.95),
            blown_out,
            short_side_px,
        }
    }

    /// Everything that makes the photo unusable under `limits`; empty when it is usable.
    #[must_use]
    pub fn defects(&self, limits: &QualityLimits) -> Vec<Defect> {
        [
            self.small(limits),
            self.dark(limits),
            self.bright(limits),
            self.blurred(limits),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn small(&self, limits: &QualityLimits) -> Option<Defect> {
        let (actual, least) = (self.short_side_px, limits.min_short_side_px);
        (actual < least).then(|| Defect {
            kind: FindingKind::TooSmall,
            score: 1.0 - f64::from(actual) / f64::from(least),
            advice: format!("照片太小（短边 {actual} 像素，至少 {least}）：请发原图，不要发缩略图或截图"),
        })
    }

    fn dark(&self, limits: &QualityLimits) -> Option<Defect> {
        let shortfall = (1.0 - self.light / limits.min_light).max(1.0 - self.mean / limits.min_mean);
        (shortfall > 0.0).then(|| Defect {
            kind: FindingKind::TooDark,
            score: f64::from(shortfall),
            advice: format!(
                "画面太暗（平均亮度 {:.0}，亮部 {:.0}，满分 255）：请打开闪光灯或手电补光后重拍",
                self.mean, self.light
            ),
        })
    }

    fn bright(&self, limits: &QualityLimits) -> Option<Defect> {
        let clipped = (self.blown_out - limits.max_blown_out) / (1.0 - limits.max_blown_out);
        let washed = (self.mean - limits.max_mean) / (255.0 - limits.max_mean);
        let excess = clipped.max(washed);
        (excess > 0.0).then(|| Defect {
            kind: FindingKind::TooBright,
            score: f64::from(excess.min(1.0)),
            advice: format!(
                "画面过曝（{:.0}% 的画面全白，平均亮度 {:.0}）：请避开逆光和反光，点按主体测光后重拍",
                self.blown_out * 100.0,
                self.mean
            ),
        })
    }

    fn blurred(&self, limits: &QualityLimits) -> Option<Defect> {
        let sharpness = self.sharpness?;
        (sharpness < limits.min_sharpness).then(|| Defect {
            kind: FindingKind::Blurred,
            score: f64::from(1.0 - sharpness / limits.min_sharpness),
            advice: format!(
                "画面模糊（清晰度 {sharpness:.2}，至少 {:.2}）：请擦镜头、双手持稳、点屏幕对焦后重拍",
                limits.min_sharpness
            ),
        })
    }
}

fn percentile(histogram: &[usize; 256], share: f32) -> f32 {
    let total: usize = histogram.iter().sum();
    let wanted = (total as f32 * share) as usize;
    let mut seen = 0;
    for (value, count) in histogram.iter().enumerate() {
        seen += count;
        if seen > wanted {
            return value as f32;
        }
    }
    255.0
}

/// Mean over the sharpest quarter of the tiles with contrast, the worse of the two directions: a moved camera blurs one.
/// A 3 x 3 mean first takes away sensor noise, which no lens blurs and which would pass for sharpness.
fn sharpness(luma: &Luma) -> Option<f32> {
    let luma = &without_noise(luma);
    let across = tile_sharpness(luma, Direction::Across);
    let down = tile_sharpness(luma, Direction::Down);
    let mut tiles: Vec<f32> = across
        .iter()
        .zip(&down)
        .filter_map(|(a, d)| Some(a.as_ref()?.min(*d.as_ref()?)))
        .collect();
    if tiles.is_empty() {
        return None;
    }
    tiles.sort_by(|a, b| b.total_cmp(a));
    let best = tiles.len().div_ceil(4);
    Some(tiles[..best].iter().sum::<f32>() / best as f32)
}

#[derive(Clone, Copy)]
enum Direction {
    Across,
    Down,
}

/// Per tile the share of the gradient that a second blur in this direction takes away.
fn tile_sharpness(luma: &Luma, direction: Direction) -> Vec<Option<f32>> {
    let blurred = box_blur(luma, direction, BLUR_RADIUS);
    let (step_x, step_y) = match direction {
        Direction::Across => (1, 0),
        Direction::Down => (0, 1),
    };
    let mut tiles = Vec::with_capacity(TILES * TILES);
    for row in 0..TILES {
        for column in 0..TILES {
            let xs = column * luma.width / TILES..(column + 1) * luma.width / TILES;
            let ys = row * luma.height / TILES..(row + 1) * luma.height / TILES;
            let (mut gradient, mut lost, mut sum, mut squares, mut count) =
                (0.0f32, 0.0f32, 0.0f64, 0.0f64, 0.0f64);
            for y in ys {
                for x in xs.clone() {
                    let here = luma.at(x, y);
                    sum += f64::from(here);
                    squares += f64::from(here) * f64::from(here);
                    count += 1.0;
                    if x < step_x || y < step_y {
                        continue;
                    }
                    let before = (here - luma.at(x - step_x, y - step_y)).abs();
                    let after =
                        (blurred[y * luma.width + x] - blurred[(y - step_y) * luma.width + x - step_x]).abs();
                    gradient += before;
                    lost += (before - after).max(0.0);
                }
            }
            let deviation = (squares / count - (sum / count).powi(2)).max(0.0).sqrt() as f32;
            tiles.push((deviation >= MIN_TILE_CONTRAST && gradient > 0.0).then(|| lost / gradient));
        }
    }
    tiles
}

fn without_noise(luma: &Luma) -> Luma {
    let across = Luma {
        values: box_blur(luma, Direction::Across, 1),
        ..*luma
    };
    Luma {
        values: box_blur(&across, Direction::Down, 1),
        ..*luma
    }
}

/// Running mean of `2 * radius + 1` pixels in one direction, edges repeated.
fn box_blur(luma: &Luma, direction: Direction, radius: usize) -> Vec<f32> {
    let (lines, length, line_step, step) = match direction {
        Direction::Across => (luma.height, luma.width, luma.width, 1),
        Direction::Down => (luma.width, luma.height, 1, luma.width),
    };
    let window = (2 * radius + 1) as f32;
    let mut blurred = vec![0.0; luma.values.len()];
    for line in 0..lines {
        let at = |i: usize| luma.values[line * line_step + i.min(length - 1) * step];
        let mut sum = at(0) * radius as f32 + (0..=radius).map(at).sum::<f32>();
        for i in 0..length {
            blurred[line * line_step + i * step] = sum / window;
            sum += at(i + radius + 1) - at(i.saturating_sub(radius));
        }
    }
    blurred
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{checkerboard, flat, scene};

    fn kinds(photo: &Photo) -> Vec<String> {
        let quality = Quality::of_pixels(photo, photo.width().min(photo.height()));
        quality
            .defects(&QualityLimits::default())
            .iter()
            .map(|d| d.kind.to_string())
            .collect()
    }

    #[test]
    fn a_sharp_well_lit_photo_is_usable() {
        assert_eq!(
            kinds(&checkerboard(640, 480, 40, [60, 60, 60], [200, 200, 200])),
            Vec::<String>::new()
        );
        assert_eq!(kinds(&scene(640, 480, 1)), Vec::<String>::new());
    }

    #[test]
    fn defects_are_named_with_advice() {
        let dark = checkerboard(640, 480, 40, [2, 2, 2], [20, 20, 20]);
        assert_eq!(kinds(&dark), ["too_dark"]);
        let bright = checkerboard(640, 480, 40, [240, 240, 240], [255, 255, 255]);
        assert_eq!(kinds(&bright), ["too_bright"]);
        let small = checkerboard(200, 100, 10, [60, 60, 60], [200, 200, 200]);
        assert_eq!(kinds(&small), ["too_small"]);
        let defects = Quality::of_pixels(&small, 100).defects(&QualityLimits::default());
        assert!(defects[0].advice.contains("原图"), "{}", defects[0].advice);
    }

    #[test]
    fn sharpness_falls_as_blur_grows_and_in_one_direction_too() {
        let sharp = Quality::of_pixels(&scene(512, 512, 3), 512).sharpness.unwrap();
        let mut luma = Luma::of(&scene(512, 512, 3));
        luma.values = box_blur(&luma, Direction::Across, BLUR_RADIUS);
        let moved = sharpness(&luma).unwrap();
        luma.values = box_blur(&luma, Direction::Across, BLUR_RADIUS);
        let moved_more = sharpness(&luma).unwrap();
        assert!(
            sharp > moved + 0.2 && moved > moved_more,
            "{sharp} {moved} {moved_more}"
        );
        assert!(
            moved_more < QualityLimits::default().min_sharpness,
            "{moved} {moved_more}"
        );
    }

    #[test]
    fn a_bare_wall_is_not_called_blurred() {
        assert_eq!(
            Quality::of_pixels(&flat(640, 480, [180, 180, 170]), 480).sharpness,
            None
        );
        assert_eq!(kinds(&flat(640, 480, [180, 180, 170])), Vec::<String>::new());
    }

    #[test]
    fn one_pixel_is_measured_without_panic() {
        let quality = Quality::of_pixels(&flat(1, 1, [0, 0, 0]), 1);
        assert!(quality.defects(&QualityLimits::default()).len() >= 2);
    }
}
