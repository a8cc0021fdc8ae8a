//! Probability map of the detector → text areas, after "Real-time Scene Text Detection with Differentiable Binarization"
//! (Liao et al. 2020) and PaddleOCR's `DBPostProcess`: threshold, components, smallest rectangle, score, grow.

use super::geometry::{Point, RotatedRectangle, convex_hull, smallest_rectangle};

/// Thresholds of the detector.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct DetectorThresholds {
    /// A pixel above this is text.
    pub(super) pixel: f32,
    /// An area whose mean probability is below this is dropped.
    pub(super) area: f32,
    /// How far an area is grown: `area * unclip / perimeter`, because the network was trained on shrunk areas.
    pub(super) unclip: f64,
}

/// Areas taken at most; a page of text has some hundreds.
const MOST_AREAS: usize = 1000;
/// Areas thinner than this many pixels of the map are noise; grown ones need two more.
const THINNEST: f64 = 3.0;

/// Text areas in pixels of the map, in scan order.
pub(super) fn text_areas(
    map: &[f32],
    width: usize,
    height: usize,
    thresholds: &DetectorThresholds,
) -> Vec<RotatedRectangle> {
    let mask = dilated_mask(map, width, height, thresholds.pixel);
    let mut areas = Vec::new();
    for mut border in component_borders(mask, width, height) {
        let Some(rectangle) = smallest_rectangle(&convex_hull(&mut border)) else {
            continue;
        };
        if rectangle.short_side() < THINNEST || mean_inside(map, width, height, rectangle) < thresholds.area {
            continue;
        }
        let perimeter = 2.0 * (rectangle.width + rectangle.height);
        let grown = rectangle.grown(rectangle.width * rectangle.height * thresholds.unclip / perimeter);
        if grown.short_side() >= THINNEST + 2.0 {
            areas.push(grown);
        }
        if areas.len() == MOST_AREAS {
            break;
        }
    }
    areas
}

/// Pixels above the threshold, each spread to the right and down by one (a 2 x 2 dilation).
fn dilated_mask(map: &[f32], width: usize, height: usize, threshold: f32) -> Vec<bool> {
    let mut mask = vec![false; width * height];
    for y in 0..height {
        for x in 0..width {
            if map[y * width + x] > threshold {
                for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                    if x + dx < width && y + dy < height {
                        mask[(y + dy) * width + x + dx] = true;
                    }
                }
            }
        }
    }
    mask
}

/// Ends of the runs of each 8-connected component; they span the same hull as all its pixels.
fn component_borders(mut mask: Vec<bool>, width: usize, height: usize) -> Vec<Vec<Point>> {
    let mut components = Vec::new();
    let mut stack = Vec::new();
    for start in 0..mask.len() {
        if !mask[start] {
            continue;
        }
        let mut border = Vec::new();
        stack.push((start % width, start / width));
        while let Some((x, y)) = stack.pop() {
            if !mask[y * width + x] {
                continue;
            }
            let row = &mut mask[y * width..(y + 1) * width];
            let left = (0..x).rev().take_while(|&i| row[i]).last().unwrap_or(x);
            let right = (x + 1..width).take_while(|&i| row[i]).last().unwrap_or(x);
            row[left..=right].fill(false);
            border.push((left as f64, y as f64));
            border.push((right as f64, y as f64));
            let (from, to) = (left.saturating_sub(1), (right + 1).min(width - 1));
            for next in [y.checked_sub(1), (y + 1 < height).then_some(y + 1)]
                .into_iter()
                .flatten()
            {
                let set = |i: &usize| mask[next * width + i];
                // One seed a run is enough: the run is widened when it is popped.
                let seeds = (from..=to)
                    .filter(set)
                    .filter(|&i| i == from || !mask[next * width + i - 1]);
                stack.extend(seeds.map(|i| (i, next)));
            }
        }
        components.push(border);
    }
    components
}

/// Mean of the map over the pixels whose centres lie in the rectangle.
fn mean_inside(map: &[f32], width: usize, height: usize, rectangle: RotatedRectangle) -> f32 {
    let corners = rectangle.corners();
    let clamp = |v: f64, most: usize| v.clamp(0.0, (most - 1) as f64) as usize;
    let bound = |pick: fn(&Point) -> f64, fold: fn(f64, f64) -> f64, start: f64| {
        corners.iter().map(pick).fold(start, fold)
    };
    let top = clamp(bound(|p| p.1, f64::min, f64::MAX).floor(), height);
    let bottom = clamp(bound(|p| p.1, f64::max, f64::MIN).ceil(), height);
    let left = clamp(bound(|p| p.0, f64::min, f64::MAX).floor(), width);
    let right = clamp(bound(|p| p.0, f64::max, f64::MIN).ceil(), width);
    let (u, v) = (rectangle.axis, (-rectangle.axis.1, rectangle.axis.0));
    let (mut sum, mut count) = (0.0_f64, 0_u32);
    for y in top..=bottom {
        for x in left..=right {
            let (dx, dy) = (x as f64 - rectangle.centre.0, y as f64 - rectangle.centre.1);
            let along = (dx * u.0 + dy * u.1).abs() <= rectangle.width / 2.0 + 1e-6;
            let across = (dx * v.0 + dy * v.1).abs() <= rectangle.height / 2.0 + 1e-6;
            if along && across {
                sum += f64::from(map[y * width + x]);
                count += 1;
            }
        }
    }
    if count == 0 {
        0.0
    } else {
        (sum / f64::from(count)) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THRESHOLDS: DetectorThresholds = DetectorThresholds {
        pixel: 0.3,
        area: 0.5,
        unclip: 1.6,
    };

    fn map(width: usize, height: usize, inside: impl Fn(f64, f64) -> bool) -> Vec<f32> {
        (0..width * height)
            .map(|i| {
                if inside((i % width) as f64, (i / width) as f64) {
                    0.9
                } else {
                    0.01
                }
            })
            .collect()
    }

    #[test]
    fn an_upright_bar_is_found_and_grown() {
        let map = map(100, 60, |x, y| {
            (20.0..=59.0).contains(&x) && (30.0..=37.0).contains(&y)
        });
        let areas = text_areas(&map, 100, 60, &THRESHOLDS);
        assert_eq!(areas.len(), 1);
        // Dilated to 20..=60 by 30..=38: 40 x 8 between pixel centres, grown by 320 * 1.6 / 96 = 5.333.
        let corners = areas[0].corners();
        assert!((corners[0].0 - (20.0 - 5.333)).abs() < 0.01 && (corners[0].1 - (30.0 - 5.333)).abs() < 0.01);
        assert!((corners[2].0 - (60.0 + 5.333)).abs() < 0.01 && (corners[2].1 - (38.0 + 5.333)).abs() < 0.01);
    }

    #[test]
    fn a_tilted_bar_keeps_its_angle() {
        let (sin, cos) = 0.3_f64.sin_cos();
        let map = map(120, 120, |x, y| {
            let (x, y) = (x - 60.0, y - 60.0);
            (x * cos + y * sin).abs() <= 40.0 && (y * cos - x * sin).abs() <= 6.0
        });
        let areas = text_areas(&map, 120, 120, &THRESHOLDS);
        assert_eq!(areas.len(), 1);
        let [a, b, ..] = areas[0].corners();
        assert!(((b.1 - a.1).atan2(b.0 - a.0) - 0.3).abs() < 0.03);
    }

    #[test]
    fn specks_and_faint_areas_are_dropped_and_neighbours_stay_apart() {
        let map: Vec<f32> = (0..100 * 50)
            .map(|i| match (i % 100, i / 100) {
                (10, 10) => 0.9,          // speck
                (30..50, 10..20) => 0.35, // faint: above the pixel threshold, below the area's
                (60..70, 10..30) | (80..90, 10..30) => 0.9,
                _ => 0.0,
            })
            .collect();
        assert_eq!(text_areas(&map, 100, 50, &THRESHOLDS).len(), 2);
        assert!(text_areas(&[0.0; 64], 8, 8, &THRESHOLDS).is_empty());
        assert_eq!(text_areas(&[1.0; 64 * 64], 64, 64, &THRESHOLDS).len(), 1);
    }

    #[test]
    fn a_ring_is_one_component() {
        let map = map(60, 60, |x, y| {
            let r = (x - 30.0).hypot(y - 30.0);
            (20.0..24.0).contains(&r)
        });
        assert_eq!(
            component_borders(dilated_mask(&map, 60, 60, 0.3), 60, 60).len(),
            1
        );
    }
}
