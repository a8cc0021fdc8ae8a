//! A text area → an upright line image.

use super::geometry::{Homography, Point};
use crate::raster::Raster;

/// A line this much taller than wide is written downwards and turned.
const TALL: f64 = 1.5;
/// Most pixels along a side of a line image; longer ones are sampled more coarsely.
const LONGEST: usize = 4096;

/// Cuts the quadrilateral (corners clockwise from the upper left, in pixels) out of the photo, edges repeated outside.
pub(super) fn rectified(photo: &Raster, corners: [Point; 4]) -> Raster {
    let distance = |a: Point, b: Point| (a.0 - b.0).hypot(a.1 - b.1);
    let side = |a: f64, b: f64| (a.max(b) as usize).clamp(1, LONGEST);
    let width = side(distance(corners[0], corners[1]), distance(corners[3], corners[2]));
    let height = side(distance(corners[0], corners[3]), distance(corners[1], corners[2]));
    let map = Homography::from_unit_square(corners);
    let mut rgb = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            let at = map.map(x as f64 / width as f64, y as f64 / height as f64);
            rgb.extend(bicubic(photo, at));
        }
    }
    let line = Raster { width, height, rgb };
    if height as f64 >= TALL * width as f64 {
        line.turned_left()
    } else {
        line
    }
}

/// Cubic interpolation with a = -0.75, as OpenCV's `INTER_CUBIC`.
fn bicubic(photo: &Raster, (x, y): Point) -> [u8; 3] {
    let clamp = |v: f64, most: usize| {
        if v.is_finite() {
            v.clamp(-1.0, most as f64)
        } else {
            0.0
        }
    };
    let (x, y) = (clamp(x, photo.width), clamp(y, photo.height));
    let (x0, y0) = (x.floor(), y.floor());
    let (wx, wy) = (weights((x - x0) as f32), weights((y - y0) as f32));
    let mut sum = [0.0_f32; 3];
    for (j, wy) in wy.iter().enumerate() {
        let row = (y0 as i64 + j as i64 - 1).clamp(0, photo.height as i64 - 1) as usize;
        for (i, wx) in wx.iter().enumerate() {
            let column = (x0 as i64 + i as i64 - 1).clamp(0, photo.width as i64 - 1) as usize;
            let at = (row * photo.width + column) * 3;
            for (s, &v) in sum.iter_mut().zip(&photo.rgb[at..at + 3]) {
                *s += wx * wy * f32::from(v);
            }
        }
    }
    sum.map(|s| s.round().clamp(0.0, 255.0) as u8)
}

fn weights(t: f32) -> [f32; 4] {
    const A: f32 = -0.75;
    let far = |d: f32| A * (d * (d * (d - 5.0) + 8.0) - 4.0);
    let near = |d: f32| d * d * ((A + 2.0) * d - (A + 3.0)) + 1.0;
    [far(1.0 + t), near(t), near(1.0 - t), far(2.0 - t)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gradient(width: usize, height: usize) -> Raster {
        let rgb = (0..width * height)
            .flat_map(|i| [(i % width) as u8, (i / width) as u8, 7])
            .collect();
        Raster { width, height, rgb }
    }

    #[test]
    fn weights_sum_to_one_and_hit_pixels() {
        for t in [0.0, 0.25, 0.5, 0.9] {
            assert!((weights(t).iter().sum::<f32>() - 1.0).abs() < 1e-5);
        }
        assert_eq!(weights(0.0), [0.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn an_upright_area_is_its_own_pixels() {
        let line = rectified(
            &gradient(60, 40),
            [(10.0, 5.0), (40.0, 5.0), (40.0, 15.0), (10.0, 15.0)],
        );
        assert_eq!((line.width, line.height), (30, 10));
        assert_eq!(line.rgb[..3], [10, 5, 7]);
        assert_eq!(line.rgb[line.rgb.len() - 3..], [39, 14, 7]);
    }

    #[test]
    fn a_tall_area_is_turned_and_bad_corners_do_not_panic() {
        let line = rectified(
            &gradient(60, 60),
            [(10.0, 5.0), (20.0, 5.0), (20.0, 45.0), (10.0, 45.0)],
        );
        assert_eq!((line.width, line.height), (40, 10));
        for corners in [
            [(0.0, 0.0); 4],
            [(f64::NAN, 0.0); 4],
            [(-90.0, 90.0), (90.0, -90.0), (5.0, 5.0), (f64::INFINITY, 0.0)],
        ] {
            rectified(&gradient(8, 8), corners);
        }
    }
}
