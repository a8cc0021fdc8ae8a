//! One vector for a whole photo: where which edges and colours are, for telling shots apart.

use super::colour::Lab;
use super::{BINS, Histograms};

/// Steps of L, a and b in the colour histogram.
const COLOUR_STEPS: [usize; 3] = [4, 4, 4];
const COLOURS: usize = COLOUR_STEPS[0] * COLOUR_STEPS[1] * COLOUR_STEPS[2];
/// The pyramid's levels: 1 × 1, 2 × 2 and 4 × 4 areas.
const LEVELS: [usize; 3] = [1, 2, 4];

/// Length of the global vector: 21 areas of edges, 5 of colour.
#[cfg(test)]
pub(super) const GLOBAL_DIMENSIONS: usize = 21 * BINS + 5 * COLOURS + 16 * 3;

/// Square roots of histograms (Hellinger kernel), each level of equal weight, L2-normalised as a whole.
pub(super) fn pooled(histograms: &Histograms, lab: &Lab, floor: f32) -> Vec<f32> {
    let mut vector = Vec::new();
    for level in LEVELS {
        for area in areas(level) {
            append_rooted(&mut vector, &edges(histograms, area, floor), level);
        }
    }
    for level in [1, 2] {
        for area in areas(level) {
            append_rooted(&mut vector, &colours(lab, area), level);
        }
    }
    append_layout(&mut vector, lab);
    let norm = vector
        .iter()
        .map(|v| v * v)
        .sum::<f32>()
        .sqrt()
        .max(f32::MIN_POSITIVE);
    vector.iter_mut().for_each(|v| *v /= norm);
    vector
}

/// An area of the photo: left, top, in steps of 1/level.
#[derive(Clone, Copy)]
struct Area {
    x: usize,
    y: usize,
    level: usize,
}

impl Area {
    fn range(at: usize, level: usize, length: usize) -> std::ops::Range<usize> {
        at * length / level..(at + 1) * length / level
    }
}

fn areas(level: usize) -> impl Iterator<Item = Area> {
    (0..level * level).map(move |i| Area {
        x: i % level,
        y: i / level,
        level,
    })
}

fn append_rooted(vector: &mut Vec<f32>, histogram: &[f32], level: usize) {
    let total = histogram.iter().sum::<f32>().max(f32::MIN_POSITIVE);
    // Level weights: the areas of a level together weigh as much as those of another.
    let weight = 1.0 / level as f32;
    vector.extend(histogram.iter().map(|v| weight * (v / total).sqrt()));
}

/// Edge histogram; the floor keeps the noise of flat areas from looking like a pattern.
fn edges(histograms: &Histograms, area: Area, floor: f32) -> [f32; BINS] {
    let mut sum = [floor / BINS as f32; BINS];
    let (rows, columns) = (
        Area::range(area.y, area.level, histograms.rows),
        Area::range(area.x, area.level, histograms.columns),
    );
    let count = (rows.len() * columns.len()).max(1) as f32;
    for row in rows {
        for column in columns.clone() {
            sum.iter_mut()
                .zip(histograms.cell(column, row))
                .for_each(|(s, v)| *s += v / count);
        }
    }
    sum
}

fn colours(lab: &Lab, area: Area) -> [f32; COLOURS] {
    let mut counts = [0.0; COLOURS];
    let step = |v: f32, low: f32, high: f32, steps: usize| {
        (((v - low) / (high - low) * steps as f32) as usize).min(steps - 1)
    };
    for y in Area::range(area.y, area.level, lab.light.height).step_by(2) {
        for x in Area::range(area.x, area.level, lab.light.width).step_by(2) {
            let l = step(lab.light.at(x, y), 0.0, 1.0, COLOUR_STEPS[0]);
            // Nearly all colours of photos lie within ±40 of grey.
            let a = step(lab.a.at(x, y).clamp(-0.4, 0.4), -0.4, 0.4, COLOUR_STEPS[1]);
            let b = step(lab.b.at(x, y).clamp(-0.4, 0.4), -0.4, 0.4, COLOUR_STEPS[2]);
            counts[(l * COLOUR_STEPS[1] + a) * COLOUR_STEPS[2] + b] += 1.0;
        }
    }
    counts
}

/// Mean L, a, b of 4 × 4 areas: the rough layout.
fn append_layout(vector: &mut Vec<f32>, lab: &Lab) {
    for area in areas(4) {
        for plane in [&lab.light, &lab.a, &lab.b] {
            let (mut sum, mut count) = (0.0, 0.0_f32);
            for y in Area::range(area.y, 4, plane.height) {
                for x in Area::range(area.x, 4, plane.width) {
                    sum += plane.at(x, y);
                    count += 1.0;
                }
            }
            vector.push(sum / count.max(1.0) / 4.0);
        }
    }
}
