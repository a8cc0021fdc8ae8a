//! One channel of a photo.

/// Row-major values.
#[derive(Debug, Clone)]
pub(crate) struct Plane {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) values: Vec<f32>,
}

impl Plane {
    #[inline]
    pub(crate) fn at(&self, x: usize, y: usize) -> f32 {
        self.values[y * self.width + x]
    }

    /// Two box blurs of the given radius, edges repeated: near a Gaussian of variance `2 r (r + 1) / 3`.
    pub(crate) fn blurred(&self, radius: usize) -> Self {
        let once = self.box_blurred(radius);
        once.box_blurred(radius)
    }

    fn box_blurred(&self, radius: usize) -> Self {
        let (width, height) = (self.width, self.height);
        let scale = 1.0 / (2 * radius + 1) as f32;
        let mut across = vec![0.0; self.values.len()];
        for (row, out) in self
            .values
            .chunks_exact(width)
            .zip(across.chunks_exact_mut(width))
        {
            let last = width - 1;
            let mut sum = row[0] * (radius + 1) as f32;
            sum += (1..=radius).map(|i| row[i.min(last)]).sum::<f32>();
            for x in 0..width {
                out[x] = sum * scale;
                sum += row[(x + radius + 1).min(last)] - row[x.saturating_sub(radius)];
            }
        }
        let row = |y: usize| &across[y * width..(y + 1) * width];
        let last = height - 1;
        let mut sums: Vec<f32> = row(0).iter().map(|v| v * (radius + 1) as f32).collect();
        for y in 1..=radius {
            sums.iter_mut().zip(row(y.min(last))).for_each(|(s, v)| *s += v);
        }
        let mut values = vec![0.0; self.values.len()];
        for (y, out) in values.chunks_exact_mut(width).enumerate() {
            let (entering, leaving) = (row((y + radius + 1).min(last)), row(y.saturating_sub(radius)));
            for (((s, o), e), l) in sums.iter_mut().zip(out).zip(entering).zip(leaving) {
                *o = *s * scale;
                *s += e - l;
            }
        }
        Self {
            width,
            height,
            values,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blurring_keeps_a_constant_and_the_mass_of_a_spot() {
        let flat = Plane {
            width: 7,
            height: 5,
            values: vec![0.4; 35],
        };
        assert!(flat.blurred(2).values.iter().all(|v| (v - 0.4).abs() < 1e-5));
        let mut spot = Plane {
            width: 31,
            height: 31,
            values: vec![0.0; 961],
        };
        spot.values[15 * 31 + 15] = 1.0;
        let blurred = spot.blurred(2);
        assert!((blurred.values.iter().sum::<f32>() - 1.0).abs() < 1e-4);
        // Two boxes of 5 x 5: the centre is 1/25 in each axis twice convolved, 5/25 * 5/25.
        assert!((blurred.at(15, 15) - 0.04).abs() < 1e-5);
        let tiny = Plane {
            width: 1,
            height: 1,
            values: vec![0.5],
        };
        assert!((tiny.blurred(4).values[0] - 0.5).abs() < 1e-6);
    }
}
