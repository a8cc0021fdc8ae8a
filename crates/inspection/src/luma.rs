//! Brightness of a photo as floats, and exact averages over its rectangles.

use shifu_domain::Photo;

/// Brightness 0..=255, row-major (ITU-R BT.601 weights).
#[derive(Debug, Clone)]
pub(crate) struct Luma {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) values: Vec<f32>,
}

impl Luma {
    pub(crate) fn of(photo: &Photo) -> Self {
        let values = photo
            .rgb()
            .chunks_exact(3)
            .map(|p| 0.299 * f32::from(p[0]) + 0.587 * f32::from(p[1]) + 0.114 * f32::from(p[2]))
            .collect();
        Self {
            width: photo.width() as usize,
            height: photo.height() as usize,
            values,
        }
    }

    pub(crate) fn at(&self, x: usize, y: usize) -> f32 {
        self.values[y * self.width + x]
    }
}

/// Summed-area table: the mean of any rectangle, fractions of pixels included, in constant time (Crow 1984).
pub(crate) struct Areas {
    width: usize,
    height: usize,
    sums: Vec<f64>,
}

impl Areas {
    pub(crate) fn of(luma: &Luma) -> Self {
        let stride = luma.width + 1;
        let mut sums = vec![0.0; stride * (luma.height + 1)];
        for y in 0..luma.height {
            let mut row = 0.0;
            for x in 0..luma.width {
                row += f64::from(luma.at(x, y));
                sums[(y + 1) * stride + x + 1] = sums[y * stride + x + 1] + row;
            }
        }
        Self {
            width: luma.width,
            height: luma.height,
            sums,
        }
    }

    /// Sum over the pixels left of `x` and above `y`, both in pixels and clamped to the photo.
    fn corner(&self, x: f64, y: f64) -> f64 {
        let (x, y) = (x.clamp(0.0, self.width as f64), y.clamp(0.0, self.height as f64));
        let (column, row) = (
            (x as usize).min(self.width - 1),
            (y as usize).min(self.height - 1),
        );
        let (right, down) = (x - column as f64, y - row as f64);
        let stride = self.width + 1;
        let sum = |c: usize, r: usize| self.sums[r * stride + c];
        let upper = sum(column, row) * (1.0 - right) + sum(column + 1, row) * right;
        let lower = sum(column, row + 1) * (1.0 - right) + sum(column + 1, row + 1) * right;
        upper * (1.0 - down) + lower * down
    }

    /// Mean of one rectangle given in fractions of the photo.
    pub(crate) fn mean(&self, left: f64, top: f64, right: f64, bottom: f64) -> f32 {
        let (x0, x1) = (left * self.width as f64, right * self.width as f64);
        let (y0, y1) = (top * self.height as f64, bottom * self.height as f64);
        let sum = self.corner(x1, y1) - self.corner(x0, y1) - self.corner(x1, y0) + self.corner(x0, y0);
        (sum / ((x1 - x0) * (y1 - y0)).max(1e-9)) as f32
    }

    /// `side * side` means of a regular grid over a rectangle given in fractions of the photo.
    pub(crate) fn grid(&self, left: f64, top: f64, right: f64, bottom: f64, side: usize) -> Vec<f32> {
        let (width, height) = (self.width as f64, self.height as f64);
        let edge = |from: f64, to: f64, at: usize| from + (to - from) * at as f64 / side as f64;
        let mut means = Vec::with_capacity(side * side);
        for row in 0..side {
            let (y0, y1) = (
                edge(top, bottom, row) * height,
                edge(top, bottom, row + 1) * height,
            );
            for column in 0..side {
                let (x0, x1) = (
                    edge(left, right, column) * width,
                    edge(left, right, column + 1) * width,
                );
                let sum =
                    self.corner(x1, y1) - self.corner(x0, y1) - self.corner(x1, y0) + self.corner(x0, y0);
                means.push((sum / ((x1 - x0) * (y1 - y0)).max(1e-9)) as f32);
            }
        }
        means
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grid_means_are_exact_for_fractions_of_pixels() {
        let luma = Luma {
            width: 3,
            height: 1,
            values: vec![0.0, 30.0, 60.0],
        };
        // Two halves of 1.5 pixels: (0 + 30/2) / 1.5 = 10 and (30/2 + 60) / 1.5 = 50, both rows alike.
        let grid = Areas::of(&luma).grid(0.0, 0.0, 1.0, 1.0, 2);
        for (found, expected) in grid.iter().zip([10.0, 50.0, 10.0, 50.0]) {
            assert!((found - expected).abs() < 1e-4, "{grid:?}");
        }
    }
}
