//! Light and colour of patches, in CIE Lab scaled to about 0..=1.

use std::sync::OnceLock;

use super::plane::Plane;

/// L, a and b planes; L in 0..=1, a and b divided by 100.
pub(crate) struct Lab {
    pub(crate) light: Plane,
    pub(crate) a: Plane,
    pub(crate) b: Plane,
}

/// Mean and standard deviation of each patch in three channels.
pub(super) struct PatchColours {
    pub(super) mean: Vec<[f32; 3]>,
    pub(super) spread: Vec<[f32; 3]>,
}

/// sRGB byte → linear light.
fn linear() -> &'static [f32; 256] {
    static TABLE: OnceLock<[f32; 256]> = OnceLock::new();
    TABLE.get_or_init(|| {
        std::array::from_fn(|i| {
            let v = i as f32 / 255.0;
            if v <= 0.04045 {
                v / 12.92
            } else {
                ((v + 0.055) / 1.055).powf(2.4)
            }
        })
    })
}

/// Steps of the cube-root table; linear interpolation between them is right to 1e-3 of L.
const ROOT_STEPS: usize = 2048;

/// The function f of CIE 15: cube root with a straight foot.
fn roots() -> &'static [f32; ROOT_STEPS + 2] {
    static TABLE: OnceLock<[f32; ROOT_STEPS + 2]> = OnceLock::new();
    TABLE.get_or_init(|| {
        std::array::from_fn(|i| {
            let t = i as f32 / ROOT_STEPS as f32;
            if t > 0.008_856 {
                t.cbrt()
            } else {
                7.787 * t + 16.0 / 116.0
            }
        })
    })
}

impl Lab {
    /// Converts from sRGB, white D65.
    pub(super) fn from_rgb(rgb: &[u8], width: usize, height: usize) -> Self {
        let (linear, roots) = (linear(), roots());
        let root = |t: f32| {
            let position = t.clamp(0.0, 1.0) * ROOT_STEPS as f32;
            let step = position as usize;
            roots[step] + (roots[step + 1] - roots[step]) * (position - step as f32)
        };
        let plane = || Plane {
            width,
            height,
            values: Vec::with_capacity(width * height),
        };
        let (mut light, mut a, mut b) = (plane(), plane(), plane());
        for pixel in rgb.chunks_exact(3) {
            let [r, g, blue] = [pixel[0], pixel[1], pixel[2]].map(|v| linear[v as usize]);
            let x = root((0.412_46 * r + 0.357_58 * g + 0.180_44 * blue) / 0.950_47);
            let y = root(0.212_67 * r + 0.715_16 * g + 0.072_17 * blue);
            let z = root((0.019_33 * r + 0.119_19 * g + 0.950_30 * blue) / 1.088_83);
            light.values.push(1.16 * y - 0.16);
            a.values.push(5.0 * (x - y));
            b.values.push(2.0 * (y - z));
        }
        Self { light, a, b }
    }

    /// Natural logarithm of L + `darkest`: a change of exposure becomes a shift.
    pub(super) fn log_luminance(&self, darkest: f32) -> Plane {
        let values = self
            .light
            .values
            .iter()
            .map(|v| (v.max(0.0) + darkest).ln())
            .collect();
        Plane { values, ..self.light }
    }

    #[cfg(test)]
    fn planes(&self) -> [&Plane; 3] {
        [&self.light, &self.a, &self.b]
    }
}

pub(super) fn patch_colours(planes: [&Plane; 3], columns: usize, rows: usize, patch: usize) -> PatchColours {
    let mut mean = vec![[0.0_f32; 3]; columns * rows];
    let mut spread = vec![[0.0_f32; 3]; columns * rows];
    for (channel, plane) in planes.into_iter().enumerate() {
        for (y, row) in plane.values.chunks_exact(plane.width).enumerate() {
            for (x, value) in row.iter().enumerate() {
                let at = y / patch * columns + x / patch;
                mean[at][channel] += value;
                spread[at][channel] += value * value;
            }
        }
    }
    let area = (patch * patch) as f32;
    for (mean, spread) in mean.iter_mut().zip(&mut spread) {
        for (m, s) in mean.iter_mut().zip(spread) {
            *m /= area;
            *s = (*s / area - *m * *m).max(0.0).sqrt();
        }
    }
    PatchColours { mean, spread }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_colours_have_their_lab_values() {
        // Reference values of sRGB under D65 (L, a, b), here divided by 100.
        for (rgb, expected) in [
            ([255, 255, 255], [1.0, 0.0, 0.0]),
            ([0, 0, 0], [0.0, 0.0, 0.0]),
            ([255, 0, 0], [0.5324, 0.8009, 0.6720]),
            ([0, 128, 0], [0.4623, -0.5170, 0.4990]),
            ([0, 0, 255], [0.3230, 0.7919, -1.0786]),
        ] {
            let lab = Lab::from_rgb(&rgb, 1, 1);
            for (plane, expected) in lab.planes().into_iter().zip(expected) {
                assert!(
                    (plane.values[0] - expected).abs() < 0.01,
                    "{rgb:?}: {} {expected}",
                    plane.values[0]
                );
            }
        }
    }

    #[test]
    fn a_patch_of_two_halves_has_their_mean_and_spread() {
        let rgb: Vec<u8> = (0..16)
            .flat_map(|i| if i % 4 < 2 { [0; 3] } else { [255; 3] })
            .collect();
        let colours = patch_colours(Lab::from_rgb(&rgb, 4, 4).planes(), 1, 1, 4);
        assert!((colours.mean[0][0] - 0.5).abs() < 1e-3 && (colours.spread[0][0] - 0.5).abs() < 1e-3);
    }
}
