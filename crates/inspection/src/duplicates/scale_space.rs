//! Blobs of a photo at all scales: extrema of differences of Gaussians (Lowe 2004).
//!
//! A blob keeps its place and size relative to what is photographed when the photo is cropped, turned, shrunk or saved again.

use crate::luma::Luma;

/// Levels of an octave in which extrema are looked for.
const LEVELS: usize = 3;
/// Blur of the first level, pixels.
const FIRST_SIGMA: f32 = 1.6;
/// Blur that a photo is taken to have, pixels.
const OWN_SIGMA: f32 = 0.5;
/// An octave with a shorter side, pixels, shows nothing.
const LEAST_SIDE: usize = 24;
/// Ratio of the curvatures beyond which an extremum lies along an edge and has no place of its own.
const MAX_CURVATURE_RATIO: f32 = 10.0;
/// Difference of Gaussians, of 255, below which an extremum is noise of the camera or of JPEG.
const LEAST_RESPONSE: f32 = 0.35;

/// A blurred photo; `step` of its pixels is one pixel of the photo.
#[derive(Debug, Clone)]
pub(super) struct Level {
    pub(super) luma: Luma,
    /// Pixels of the photo a pixel of this level covers.
    pub(super) step: f32,
}

/// A blob: an extremum in place and scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Blob {
    /// In pixels of the photo.
    pub(super) x: f32,
    /// In pixels of the photo.
    pub(super) y: f32,
    /// In pixels of the photo.
    pub(super) sigma: f32,
    /// Difference of Gaussians there: positive for dark on light.
    pub(super) response: f32,
    /// The level nearest in scale, by position in [`ScaleSpace::levels`].
    pub(super) level: usize,
}

/// All levels of all octaves.
pub(super) struct ScaleSpace {
    pub(super) levels: Vec<Level>,
    octaves: usize,
}

/// Gaussian levels of one octave.
const OCTAVE: usize = LEVELS + 3;

impl ScaleSpace {
    pub(super) fn of(photo: &Luma) -> Self {
        let mut levels: Vec<Level> = Vec::new();
        let mut base = blurred(photo, (FIRST_SIGMA.powi(2) - OWN_SIGMA.powi(2)).sqrt());
        let (mut octaves, mut step) = (0, 1.0);
        while base.width.min(base.height) >= LEAST_SIDE {
            levels.push(Level { luma: base, step });
            for level in 1..OCTAVE {
                let before = sigma_at(level as f32 - 1.0);
                let more = (sigma_at(level as f32).powi(2) - before.powi(2)).sqrt();
                let luma = blurred(&levels[levels.len() - 1].luma, more);
                levels.push(Level { luma, step });
            }
            base = halved(&levels[octaves * OCTAVE + LEVELS].luma);
            octaves += 1;
            step *= 2.0;
        }
        Self { levels, octaves }
    }

    /// All blobs, strongest first.
    pub(super) fn blobs(&self) -> Vec<Blob> {
        let mut blobs = Vec::new();
        for octave in 0..self.octaves {
            let levels = &self.levels[octave * OCTAVE..(octave + 1) * OCTAVE];
            let differences: Vec<Luma> = levels
                .windows(2)
                .map(|pair| difference(&pair[1].luma, &pair[0].luma))
                .collect();
            for (level, three) in differences.windows(3).enumerate() {
                blobs_between(three, octave * OCTAVE + level + 1, levels[0].step, &mut blobs);
            }
        }
        blobs.sort_by(|a, b| {
            let strength = b.response.abs().total_cmp(&a.response.abs());
            strength.then(a.y.total_cmp(&b.y)).then(a.x.total_cmp(&b.x))
        });
        blobs
    }
}

/// Blur of a level within its octave, pixels of that octave.
fn sigma_at(level: f32) -> f32 {
    FIRST_SIGMA * (level / LEVELS as f32).exp2()
}

fn difference(a: &Luma, b: &Luma) -> Luma {
    Luma {
        width: a.width,
        height: a.height,
        values: a.values.iter().zip(&b.values).map(|(a, b)| a - b).collect(),
    }
}

/// Extrema of the middle of three differences.
fn blobs_between(three: &[Luma], level: usize, step: f32, blobs: &mut Vec<Blob>) {
    let middle = &three[1];
    for y in 1..middle.height - 1 {
        for x in 1..middle.width - 1 {
            let value = middle.at(x, y);
            if value.abs() >= LEAST_RESPONSE && is_extremum(three, x, y, value) && !on_edge(middle, x, y) {
                blobs.push(refined(three, x, y, level, step));
            }
        }
    }
}

fn is_extremum(three: &[Luma], x: usize, y: usize, value: f32) -> bool {
    let beats = |other: f32| {
        if value > 0.0 {
            value >= other
        } else {
            value <= other
        }
    };
    // The own level first: it refuses most.
    [1, 0, 2].into_iter().all(|level| {
        (y - 1..=y + 1).all(|row| {
            let start = row * three[level].width + x - 1;
            three[level].values[start..start + 3].iter().all(|v| beats(*v))
        })
    })
}

fn on_edge(middle: &Luma, x: usize, y: usize) -> bool {
    let twice = 2.0 * middle.at(x, y);
    let across = middle.at(x + 1, y) + middle.at(x - 1, y) - twice;
    let down = middle.at(x, y + 1) + middle.at(x, y - 1) - twice;
    let mixed = (middle.at(x + 1, y + 1) + middle.at(x - 1, y - 1)
        - middle.at(x + 1, y - 1)
        - middle.at(x - 1, y + 1))
        / 4.0;
    let (trace, determinant) = (across + down, across * down - mixed * mixed);
    let limit = (MAX_CURVATURE_RATIO + 1.0).powi(2) / MAX_CURVATURE_RATIO;
    determinant <= 0.0 || trace * trace >= limit * determinant
}

/// The top of the parabola through three values, -0.5..=0.5 from the middle one.
fn vertex(before: f32, middle: f32, after: f32) -> f32 {
    let curvature = before + after - 2.0 * middle;
    if curvature.abs() < 1e-6 {
        return 0.0;
    }
    ((before - after) / (2.0 * curvature)).clamp(-0.5, 0.5)
}

fn refined(three: &[Luma], x: usize, y: usize, level: usize, step: f32) -> Blob {
    let middle = &three[1];
    let value = middle.at(x, y);
    let right = vertex(middle.at(x - 1, y), value, middle.at(x + 1, y));
    let down = vertex(middle.at(x, y - 1), value, middle.at(x, y + 1));
    let coarser = vertex(three[0].at(x, y), value, three[2].at(x, y));
    let within = (level % OCTAVE) as f32;
    Blob {
        x: (x as f32 + right + 0.5) * step,
        y: (y as f32 + down + 0.5) * step,
        sigma: sigma_at(within + coarser) * step,
        response: value,
        level,
    }
}

/// Every second pixel of every second row, as the mean of four.
fn halved(luma: &Luma) -> Luma {
    let (width, height) = (luma.width / 2, luma.height / 2);
    let mean = |x: usize, y: usize| {
        (luma.at(x, y) + luma.at(x + 1, y) + luma.at(x, y + 1) + luma.at(x + 1, y + 1)) / 4.0
    };
    let values = (0..height)
        .flat_map(|y| (0..width).map(move |x| (2 * x, 2 * y)))
        .map(|(x, y)| mean(x, y))
        .collect();
    Luma {
        width,
        height,
        values,
    }
}

/// Gaussian blur; the border is repeated outwards.
fn blurred(luma: &Luma, sigma: f32) -> Luma {
    let weights = gaussian(sigma);
    let (width, height) = (luma.width, luma.height);
    let radius = weights.len() - 1;
    let mut padded = vec![0.0; width + 2 * radius];
    let mut rows = vec![0.0; width * height];
    for (line, out) in luma.values.chunks_exact(width).zip(rows.chunks_exact_mut(width)) {
        padded[..radius].fill(line[0]);
        padded[radius..radius + width].copy_from_slice(line);
        padded[radius + width..].fill(line[width - 1]);
        weigh(out, &weights, |offset| {
            let at = (radius as isize + offset) as usize;
            &padded[at..at + width]
        });
    }
    let mut values = vec![0.0; width * height];
    for (y, out) in values.chunks_exact_mut(width).enumerate() {
        weigh(out, &weights, |offset| {
            let row = (y as isize + offset).clamp(0, height as isize - 1) as usize;
            &rows[row * width..(row + 1) * width]
        });
    }
    Luma {
        width,
        height,
        values,
    }
}

/// Sum of lines at offsets -radius..=radius, weighted by distance.
fn weigh<'a>(out: &mut [f32], weights: &[f32], line: impl Fn(isize) -> &'a [f32]) {
    for (sum, value) in out.iter_mut().zip(line(0)) {
        *sum = value * weights[0];
    }
    for (distance, weight) in weights.iter().enumerate().skip(1) {
        let distance = distance as isize;
        let pair = line(-distance).iter().zip(line(distance));
        for (sum, (before, after)) in out.iter_mut().zip(pair) {
            *sum += (before + after) * weight;
        }
    }
}

/// Weights at distances 0..=radius; both sides together sum to 1.
fn gaussian(sigma: f32) -> Vec<f32> {
    let radius = (3.0 * sigma).ceil().max(1.0) as usize;
    let raw: Vec<f32> = (0..=radius)
        .map(|distance| (-0.5 * (distance as f32 / sigma).powi(2)).exp())
        .collect();
    let total = raw[0] + 2.0 * raw[1..].iter().sum::<f32>();
    raw.iter().map(|weight| weight / total).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luma(width: usize, height: usize, value: impl Fn(f32, f32) -> f32) -> Luma {
        let at = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        Luma {
            width,
            height,
            values: at.map(|(x, y)| value(x as f32 + 0.5, y as f32 + 0.5)).collect(),
        }
    }

    #[test]
    fn a_gaussian_spot_is_one_blob_of_its_place_and_size() {
        // The response of a spot of sigma s is strongest at scale s.
        for (x, y, sigma) in [(40.3, 50.7, 4.0), (60.0, 60.0, 7.0f32)] {
            let away = |u: f32, v: f32| ((u - x).powi(2) + (v - y).powi(2)) / (2.0 * sigma * sigma);
            let blobs = ScaleSpace::of(&luma(120, 110, |u, v| 200.0 - 150.0 * (-away(u, v)).exp())).blobs();
            let strongest = blobs[0];
            assert!(
                (strongest.x - x).abs() < 0.3 && (strongest.y - y).abs() < 0.3,
                "{strongest:?}"
            );
            assert!((strongest.sigma / sigma - 1.0).abs() < 0.2, "{strongest:?}");
            assert!(strongest.response > 0.0, "dark on light");
        }
    }

    #[test]
    fn neither_a_flat_photo_nor_an_edge_has_blobs() {
        assert_eq!(ScaleSpace::of(&luma(80, 60, |_, _| 130.0)).blobs(), []);
        assert_eq!(
            ScaleSpace::of(&luma(80, 60, |x, _| if x < 40.0 { 20.0 } else { 220.0 })).blobs(),
            []
        );
        assert_eq!(
            ScaleSpace::of(&luma(10, 10, |x, y| x * y)).blobs(),
            [],
            "too small"
        );
    }

    #[test]
    fn the_top_of_a_parabola_lies_between_its_points() {
        // y = -(x - 0.25)^2 at -1, 0, 1.
        assert!((vertex(-1.5625, -0.0625, -0.5625) - 0.25).abs() < 1e-6);
        assert_eq!(vertex(1.0, 1.0, 1.0), 0.0);
    }

    #[test]
    fn blurring_keeps_the_sum_of_weights() {
        let weights = gaussian(1.6);
        assert!((weights[0] + 2.0 * weights[1..].iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert!(
            blurred(&luma(30, 20, |_, _| 90.0), 3.0)
                .values
                .iter()
                .all(|v| (v - 90.0).abs() < 1e-3)
        );
    }
}
